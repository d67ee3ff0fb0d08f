"""From tables and demand paths to the arrays of a clearance problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.paths import DemandPaths
from forecasting.price_tables import regular_prices
from forecasting.prices import log_ratio, mapping_keys, response_draws, steps_at
from optimizer.markdown.budgets import Budget, markdown_budgets, paid_from
from optimizer.markdown.groups import families, family_floors, in_band, price_groups
from optimizer.markdown.problem import FREE, LONG_AGO, UNLIMITED, GroupRules, MarkdownProblem
from optimizer.markdown.rules import KEYS, clearance_pairs, earlier_changes, ladder_prices, locked_prices, step_allowed
from optimizer.plan.exceptions import ExceptionRow
from optimizer.reorder.position import position
from scenarios.money import minor_digits, shown_price
from scenarios.world import World, rows_of

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Dates = npt.NDArray[np.datetime64]
# Changes of a line whose rule names no number.
USUAL_CHANGES = 3
# Regular prices charged for a unit short of a target that must be met: more than any price brings.
MUST = 10.0


@dataclass(frozen=True)
class Clock:
    """Periods from the plan date to the last exit, and the epochs they lie in.

    dates: of the periods, shape (P,); starts: days from the plan date to each epoch, shape (T,)
    epoch: of each period, shape (P,); source: the period of the paths that each stands for, shape (P,)
    weeks: Monday of each epoch, shape (T,)
    """

    dates: Dates
    starts: Integers
    epoch: Integers
    source: Integers
    weeks: Dates


@dataclass(frozen=True)
class Clearance:
    """A clearance problem and where it comes from.

    lines: the pairs cleared, with rule, ``until``, ``today`` and ``regular`` price, money per unit
    paths: the demand paths of the lines; clock: the periods planned
    budgets: scope and name of each markdown budget of the problem
    """

    world: World
    lines: pd.DataFrame
    paths: DemandPaths
    clock: Clock
    problem: MarkdownProblem
    budgets: tuple[Budget, ...]

    @property
    def minor(self) -> int:
        """Minor units in a unit of the currency."""
        return int(10 ** minor_digits(self.world.policy.currency))

    def priced(self, price: float) -> str:
        """Return a price as people read it, with the decimal places of the currency."""
        return shown_price(price, self.world.policy.currency)


def clearance(world: World, pairs: pd.DataFrame, paths: DemandPaths) -> tuple[Clearance | None, list[ExceptionRow]]:
    """Return the clearance of the day, None where nothing is left to clear; and what was assumed or left out.

    paths: of `pairs`, in their order, with reference price and response
    """
    lines, said = clearance_pairs(world, pairs)
    if lines.empty:
        return None, said
    clock = _clock(world, list(lines["until"]), paths)
    stands = position(world, lines, len(clock.dates))
    stocked = (stands.usable > 0.0) & _priced(paths, lines)
    least = lines["min_stock"].astype(float).fillna(0.0).to_numpy()
    few = stocked & (stands.usable < least)
    if few.any():
        text = f"{int(few.sum())} clearances have less stock than their rule's min_stock: their prices stay"
        said = [*said, ExceptionRow("clearance stock", "rule", text, {"lines": int(few.sum())})]
    stocked &= ~few
    if not stocked.any():
        return None, said
    if len(clock.dates) > len(paths.dates):
        days = int((clock.dates[-1] - clock.dates[0]).astype(int)) + 1
        text = f"clearance looks {days} days ahead; beyond the forecast its last whole week is repeated"
        said = [*said, ExceptionRow("clearance horizon", "assumed", text, {"days": days})]
    stock, arrivals = stands.usable[stocked], stands.arrivals[stocked]
    standing = _standing(pairs, lines[stocked], paths)
    lines = lines[stocked].reset_index(drop=True)
    own = paths.rows(lines["pair"].to_numpy(int))
    lines = _with_prices(world, lines, own)
    prices, more = _ladders(world, lines, standing)
    budgets, words = markdown_budgets(world, clock.weeks)
    problem = _problem(world, prices, own, clock, (stock, arrivals, budgets))
    return Clearance(world, prices.lines, own, clock, problem, tuple(budgets)), [*said, *more, *words]


def _standing(pairs: pd.DataFrame, lines: pd.DataFrame, paths: DemandPaths) -> pd.DataFrame:
    """Return the pairs that are not cleared, with today's price."""
    assert paths.reference_price is not None
    other = pairs[["item_id", "location_id"]].assign(price=paths.reference_price[:, 0])
    return other.drop(other.index[lines["pair"].to_numpy(int)]).query("price > 0")


def _priced(paths: DemandPaths, lines: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return which lines have a price today."""
    assert paths.reference_price is not None
    return np.asarray(paths.reference_price[lines["pair"].to_numpy(int), 0] > 0.0)


def _clock(world: World, ends: list[object], paths: DemandPaths) -> Clock:
    """Return the periods until the last exit; epochs begin on the plan date and on each Monday after it."""
    count = 1 + max(world.periods.between(world.plan_date, end) for end in ends)  # type: ignore[arg-type]
    dates = world.periods.dates(world.plan_date, count)
    mondays = dates - ((dates.astype(np.int64) + 3) % 7).astype("timedelta64[D]")
    weeks, epoch = np.unique(mondays, return_inverse=True)
    starts = np.maximum((weeks - dates[0]).astype(np.int64), 0)
    known, cycle = len(paths.dates), 7 // world.periods.days
    late = np.arange(count) - known
    back = cycle * (late // cycle + 1) if known >= cycle else late + 1
    source = np.where(late < 0, np.arange(count), np.arange(count) - back)
    return Clock(dates, starts.astype(np.int64), epoch.astype(np.int64), source.astype(np.int64), weeks)


def _with_prices(world: World, lines: pd.DataFrame, paths: DemandPaths) -> pd.DataFrame:
    """Return the lines with today's and the regular price."""
    assert paths.reference_price is not None
    today = paths.reference_price[:, 0]
    regular = regular_prices(world, paths.item_id, paths.location_id, paths.dates)[:, 0]
    return lines.assign(today=today, regular=np.where(regular > 0.0, np.maximum(regular, today), today))


@dataclass(frozen=True)
class _Prices:
    """Lines with their prices, the group of each, and what each group may ask.

    ladders: prices of each line, falling from today's; those of a group's lines are equal but for today's
    group: of each line, shape (N,); fixed: rung that a lock asks of each group, shape (G,)
    fits: whether a group's price keeps competitor bands and families outside the clearance, by rung
    """

    lines: pd.DataFrame
    ladders: list[list[float]]
    group: Integers
    fixed: Integers
    fits: list[npt.NDArray[np.bool_]]


def _ladders(world: World, lines: pd.DataFrame, standing: pd.DataFrame) -> tuple[_Prices, list[ExceptionRow]]:
    """Return the prices that lines and groups may ask, and what was said of them."""
    locked = locked_prices(world)
    group, said = price_groups(lines, locked)
    own = ladder_prices(world, lines, lines["today"], lines["regular"])
    count = int(group.max(initial=-1)) + 1
    members: list[list[int]] = [[] for _ in range(count)]
    for n, g in enumerate(group):
        members[g].append(n)
    ladders: list[list[float]] = [[] for _ in range(len(lines))]
    fixed = np.full(count, FREE)
    keys = list(zip(lines["item_id"], lines["location_id"], strict=True))
    for g, rows in enumerate(members):
        asked = next((locked[keys[n]] for n in rows if keys[n] in locked), None)
        lowest = min(own[n][0] for n in rows)
        # A clearance has no rises: a lock above today's price keeps today's.
        lock = {asked} if asked is not None and asked < lowest else set()
        common = sorted(_of_all([own[n][1:] for n in rows], lowest) | lock, reverse=True)
        for n in rows:
            ladders[n] = [own[n][0], *common]
        if asked is not None:
            fixed[g] = 1 + common.index(asked) if lock else 0
    fits, words = _fitting(world, lines, ladders, (members, standing, fixed))
    return _Prices(lines, ladders, group, fixed, fits), [*said, *words]


def _of_all(ladders: list[list[float]], lowest: float) -> set[float]:
    """Return the prices below ``lowest`` that stand on every ladder."""
    return {price for price in set.intersection(*map(set, ladders)) if price < lowest}


def _fitting(
    world: World,
    lines: pd.DataFrame,
    ladders: list[list[float]],
    groups: tuple[list[list[int]], pd.DataFrame, Integers],
) -> tuple[list[npt.NDArray[np.bool_]], list[ExceptionRow]]:
    """Return which rungs of each group keep the bands and families of all its lines, and what was said of bands."""
    members, standing, fixed = groups
    near, said = in_band(world, lines, ladders)
    floor = family_floors(world, lines, standing)
    fits = []
    for g, rows in enumerate(members):
        good = np.logical_and.reduce([near[n] & (np.asarray(ladders[n]) >= floor[n] - 1e-9) for n in rows])
        good[0] = True
        if fixed[g] != FREE:
            good[fixed[g]] = True
        fits.append(good)
    return fits, said


# Stock and arrivals of the lines, and the budgets of the weeks.
_Given = tuple[Floats, Floats, Mapping[Budget, Floats]]


def _problem(world: World, prices: _Prices, paths: DemandPaths, clock: Clock, given: _Given) -> MarkdownProblem:
    *stock, budgets = given
    lines, minor, step = prices.lines, 10 ** minor_digits(world.policy.currency), paths.unit_step
    price = np.full((len(lines), max(map(len, prices.ladders))), np.nan)
    for n, own in enumerate(prices.ladders):
        price[n, : len(own)] = own
    salvage = lines["salvage_value"].fillna(lines["item_salvage"]).astype(float).fillna(0.0).to_numpy()
    places, place = np.unique(lines["location_id"].to_numpy(str), return_inverse=True)
    arrivals = np.zeros((len(lines), len(clock.starts)))
    np.add.at(arrivals.T, clock.epoch, stock[1].T)
    arrivals = np.floor(arrivals / step[:, None] + 1e-9)
    rules = _rules(world, prices, clock)
    regular, on_hand = lines["regular"].to_numpy(float), np.floor(stock[0] / step + 1e-9)
    open_epochs = np.arange(len(clock.starts)) < rules.epochs[prices.group][:, None]
    share = lines["sell_through"].astype(float).fillna(0.0).to_numpy()
    charge = np.where(lines["hardness"] == "hard", MUST, world.policy.sell_through_cost)
    demand, asked, counted_from = _demand(world, lines, paths, price, clock)
    pairs, content = families(world, lines, prices.group)
    return MarkdownProblem(
        demand=demand,
        weight=paths.weights,
        price=price * minor * step[:, None],
        asked=asked * minor * step[:, None, None],
        counted_from=counted_from * minor * step[:, None],
        salvage=salvage * minor * step,
        stock=on_hand,
        arrivals=arrivals,
        target=share * (on_hand + (arrivals * open_epochs).sum(axis=1)),
        short_cost=charge * regular * minor * step,
        group=prices.group,
        rungs=np.array([len(fits) for fits in prices.fits], np.int64),
        rules=rules,
        families=pairs,
        content=content * step,
        starts=clock.starts,
        place=place.astype(np.int64),
        labels=_labels(world, places, clock, lines),
        budget=np.array(list(budgets.values())).reshape(-1, len(clock.starts)) * minor,
        paid=paid_from(lines, list(budgets)),
    )


def _last_period(world: World, lines: pd.DataFrame) -> Integers:
    """Return the last period of sale of each line."""
    return np.array([world.periods.between(world.plan_date, day) for day in lines["until"]], np.int64)


def _demand(
    world: World, lines: pd.DataFrame, paths: DemandPaths, price: Floats, clock: Clock
) -> tuple[npt.NDArray[np.int32], Floats, Floats]:
    """Return demand at every rung, what is asked, and from which price markdown is counted.

    Shapes (N, K, T, S) in steps, (N, K, T) and (N, T) in money per unit. At rung 0 demand is the paths' own; a planned
    promotion below a rung's price keeps its price. Days of an epoch weigh by what they are expected to sell.
    """
    assert paths.reference_price is not None and paths.response is not None
    steps = np.ascontiguousarray(paths.steps[:, :, clock.source], np.int32)
    last = _last_period(world, lines)
    steps[np.broadcast_to(np.arange(len(clock.dates)) > last[:, None, None], steps.shape)] = 0
    reference = paths.reference_price[:, clock.source]
    draws = response_draws(paths.response, steps.shape[1], paths.seed)
    keys = mapping_keys(paths.item_id, paths.location_id, paths.seed)
    first = np.searchsorted(clock.epoch, np.arange(len(clock.starts)))
    shape = (len(steps), price.shape[1], len(first))
    result, asked = np.zeros((*shape, steps.shape[1]), np.int32), np.zeros(shape)
    for k in range(price.shape[1]):
        at = reference if k == 0 else np.minimum(price[:, k : k + 1], reference)
        moved = steps_at(steps, log_ratio(at, reference), draws, keys)
        result[:, k] = np.add.reduceat(moved, first, axis=2).transpose(0, 2, 1)
        asked[:, k] = _by_epoch(at, moved.mean(axis=1), first)
    regular = np.broadcast_to(lines["regular"].to_numpy(float)[:, None], reference.shape)
    if not world.policy.markdown_budget_covers_promotions:
        regular = np.where(_promoted(world, lines, clock.dates), reference, regular)
    return result, asked, _by_epoch(regular, steps.mean(axis=1), first)


def _promoted(world: World, lines: pd.DataFrame, dates: Dates) -> npt.NDArray[np.bool_]:
    """Return on which days a planned promotion takes something off the price of each line, shape (N, P)."""
    table = world.frame("promotions")
    table = table[table["discount"] > 0].dropna(subset=["from_date", "to_date"])
    runs = table.merge(lines[KEYS].assign(line=np.arange(len(lines))), on=KEYS)
    promoted = np.zeros((len(lines), len(dates)), bool)
    days = dates.astype("datetime64[D]")
    for row in rows_of(runs):
        promoted[row.line] |= (days >= np.datetime64(row.from_date)) & (days <= np.datetime64(row.to_date))
    return promoted


def _by_epoch(values: Floats, weights: Floats, first: Integers) -> Floats:
    """Return the mean of each epoch's periods by their weights, shape (N, T)."""
    weights = weights + 1e-9
    return np.asarray(np.add.reduceat(values * weights, first, axis=1) / np.add.reduceat(weights, first, axis=1))


def _rules(world: World, prices: _Prices, clock: Clock) -> GroupRules:
    """Return the rules of the groups: of each rule the strictest of a group's lines."""
    lines, digits = prices.lines, minor_digits(world.policy.currency)
    rungs, count = max(map(len, prices.ladders)), len(prices.fits)
    allowed = np.zeros((count, rungs, rungs), bool)
    for g, fits in enumerate(prices.fits):
        allowed[g, : len(fits), : len(fits)] = fits[None, :]
    for n, row in enumerate(rows_of(lines)):
        size, g = len(prices.ladders[n]), prices.group[n]
        allowed[g, :size, :size] &= step_allowed(prices.ladders[n], row.min_step, row.max_step, digits)
    earlier = earlier_changes(world, lines)
    most = lines["max_changes"].astype(float).fillna(USUAL_CHANGES).to_numpy() - earlier["changes"].to_numpy()
    since = [LONG_AGO if day is None or pd.isna(day) else (world.plan_date - day).days for day in earlier["last"]]
    begins = [world.plan_date + timedelta(days=int(day)) for day in clock.starts]
    can = [[pd.isna(day) or begin >= day for begin in begins] for day in lines["no_touch_until"]]
    by_line = pd.DataFrame(
        {
            "most": np.maximum(most, 0),
            "between": lines["min_days_between"].astype(float).fillna(0).to_numpy(),
            "since": since,
            "epochs": clock.epoch[_last_period(world, lines)] + 1,
        }
    )
    found = by_line.groupby(prices.group)
    return GroupRules(
        allowed,
        np.array([np.all([can[n] for n in rows], axis=0) for rows in found.indices.values()], bool),
        found["most"].min().to_numpy(np.int64),
        found["between"].max().to_numpy(np.int64),
        found["since"].min().to_numpy(np.int64),
        found["epochs"].max().to_numpy(np.int64),
        prices.fixed,
    )


def _labels(world: World, places: npt.NDArray[np.str_], clock: Clock, lines: pd.DataFrame) -> Floats:
    """Return the labels each place can still change by week; what it changed earlier in this week is used up."""
    table = world.frame("label_capacity")
    labels = np.full((len(places), len(clock.weeks)), UNLIMITED)
    weeks = {day: n for n, day in enumerate(clock.weeks.astype(object))}
    names = {name: n for n, name in enumerate(places)}
    for row in rows_of(table.dropna(subset=["labels"])):
        if row.location_id in names and row.week in weeks:
            labels[names[row.location_id], weeks[row.week]] = row.labels
    prices = world.frame("prices").dropna(subset=["price"]).merge(lines[KEYS], on=KEYS)
    monday = world.plan_date - timedelta(days=world.plan_date.weekday())
    done = prices[(prices["valid_from"] >= monday) & (prices["valid_from"] < world.plan_date)]
    for place, used in done.groupby("location_id").size().items():
        labels[names[str(place)], 0] = max(labels[names[str(place)], 0] - int(used), 0.0)
    return labels
