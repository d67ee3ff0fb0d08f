"""From tables and demand paths to the arrays of a clearance problem."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.paths import DemandPaths
from forecasting.price_tables import regular_prices
from forecasting.prices import log_ratio, mapping_keys, response_draws, steps_at
from optimizer.markdown.problem import FREE, LONG_AGO, UNLIMITED, LineRules, MarkdownProblem
from optimizer.markdown.rules import KEYS, clearance_pairs, earlier_changes, ladder_prices, locked_prices, step_allowed
from optimizer.plan.exceptions import ExceptionRow
from optimizer.reorder.position import position
from scenarios.money import minor_digits
from scenarios.world import World, rows_of

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Dates = npt.NDArray[np.datetime64]
# Changes of a line whose rule names no number.
USUAL_CHANGES = 3


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
    said: what was assumed or left out
    """

    world: World
    lines: pd.DataFrame
    paths: DemandPaths
    clock: Clock
    problem: MarkdownProblem
    said: list[ExceptionRow]

    @property
    def minor(self) -> int:
        """Minor units in a unit of the currency."""
        return int(10 ** minor_digits(self.world.policy.currency))


def clearance(world: World, pairs: pd.DataFrame, paths: DemandPaths) -> Clearance | None:
    """Return the clearance of the day; None where nothing is left to clear.

    paths: of `pairs`, in their order, with reference price and response
    """
    lines, said = clearance_pairs(world, pairs)
    if lines.empty:
        return None
    clock = _clock(world, list(lines["until"]), paths)
    stands = position(world, lines, len(clock.dates))
    stocked = (stands.usable > 0.0) & _priced(paths, lines)
    if not stocked.any():
        return None
    if len(clock.dates) > len(paths.dates):
        days = int((clock.dates[-1] - clock.dates[0]).astype(int)) + 1
        text = f"clearance looks {days} days ahead; beyond the forecast its last whole week is repeated"
        said = [*said, ExceptionRow("clearance horizon", "assumed", text, {"days": days})]
    stock, arrivals = stands.usable[stocked], stands.arrivals[stocked]
    lines = lines[stocked].reset_index(drop=True)
    own = _rows(paths, lines["pair"].to_numpy(int))
    lines = _with_prices(world, lines, own)
    problem = _problem(world, lines, own, clock, (stock, arrivals))
    return Clearance(world, lines, own, clock, problem, said)


def _priced(paths: DemandPaths, lines: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return which lines have a price today."""
    assert paths.reference_price is not None
    return np.asarray(paths.reference_price[lines["pair"].to_numpy(int), 0] > 0.0)


def _rows(paths: DemandPaths, chosen: Integers) -> DemandPaths:
    """Return the paths of some pairs."""
    assert paths.reference_price is not None and paths.response is not None
    return replace(
        paths,
        steps=paths.steps[chosen],
        item_id=paths.item_id[chosen],
        location_id=paths.location_id[chosen],
        unit_step=paths.unit_step[chosen],
        reference_price=paths.reference_price[chosen],
        response=paths.response.rows(chosen),
    )


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
    regular = regular_prices(world, paths.item_id, paths.location_id, paths.dates[:1])[:, 0]
    return lines.assign(today=today, regular=np.where(regular > 0.0, np.maximum(regular, today), today))


def _problem(
    world: World, lines: pd.DataFrame, paths: DemandPaths, clock: Clock, stock: tuple[Floats, Floats]
) -> MarkdownProblem:
    digits = minor_digits(world.policy.currency)
    minor = 10**digits
    ladders, fixed = _locked(world, lines, ladder_prices(world, lines, lines["today"], lines["regular"]))
    price = np.full((len(lines), max(map(len, ladders))), np.nan)
    for n, prices in enumerate(ladders):
        price[n, : len(prices)] = prices
    step = paths.unit_step
    salvage = lines["salvage_value"].fillna(lines["item_salvage"]).astype(float).fillna(0.0).to_numpy()
    places, place = np.unique(lines["location_id"].to_numpy(str), return_inverse=True)
    arrivals = np.zeros((len(lines), len(clock.starts)))
    np.add.at(arrivals.T, clock.epoch, stock[1].T)
    return MarkdownProblem(
        demand=_demand(paths, price, clock, _last_period(world, lines)),
        weight=paths.weights,
        price=price * minor * step[:, None],
        rungs=np.array([len(prices) for prices in ladders], np.int64),
        regular=lines["regular"].to_numpy(float) * minor * step,
        salvage=salvage * minor * step,
        stock=np.floor(stock[0] / step + 1e-9),
        arrivals=np.floor(arrivals / step[:, None] + 1e-9),
        rules=_rules(world, lines, ladders, fixed, clock),
        starts=clock.starts,
        place=place.astype(np.int64),
        labels=_labels(world, places, clock, lines),
        budget=_budget(world, clock) * minor,
    )


def _last_period(world: World, lines: pd.DataFrame) -> Integers:
    """Return the last period of sale of each line."""
    return np.array([world.periods.between(world.plan_date, day) for day in lines["until"]], np.int64)


def _locked(world: World, lines: pd.DataFrame, ladders: list[list[float]]) -> tuple[list[list[float]], Integers]:
    """Return the prices with locked ones among them, and the rung each lock asks for."""
    locked = locked_prices(world)
    fixed = np.full(len(lines), FREE)
    result = []
    for n, (row, prices) in enumerate(zip(rows_of(lines), ladders, strict=True)):
        price = locked.get((row.item_id, row.location_id))
        if price is not None:
            # A clearance has no rises: a lock above today's price keeps today's.
            prices = sorted({*prices, min(price, prices[0])}, reverse=True)
            fixed[n] = prices.index(min(price, prices[0]))
        result.append(prices)
    return result, fixed


def _demand(paths: DemandPaths, price: Floats, clock: Clock, last: Integers) -> npt.NDArray[np.int32]:
    """Return demand in steps at every rung and epoch on every path, shape (N, K, T, S).

    At rung 0 it is the paths' own; a planned promotion below a rung's price keeps its price.
    """
    assert paths.reference_price is not None and paths.response is not None
    steps = np.ascontiguousarray(paths.steps[:, :, clock.source], np.int32)
    steps[np.broadcast_to(np.arange(len(clock.dates)) > last[:, None, None], steps.shape)] = 0
    reference = paths.reference_price[:, clock.source]
    draws = response_draws(paths.response, steps.shape[1], paths.seed)
    keys = mapping_keys(paths.item_id, paths.location_id, paths.seed)
    first = np.searchsorted(clock.epoch, np.arange(len(clock.starts)))
    result = np.zeros((len(steps), price.shape[1], len(first), steps.shape[1]), np.int32)
    for k in range(price.shape[1]):
        asked = reference if k == 0 else np.minimum(price[:, k : k + 1], reference)
        moved = steps_at(steps, log_ratio(asked, reference), draws, keys)
        result[:, k] = np.add.reduceat(moved, first, axis=2).transpose(0, 2, 1)
    return result


def _rules(world: World, lines: pd.DataFrame, ladders: list[list[float]], fixed: Integers, clock: Clock) -> LineRules:
    rungs, digits = max(map(len, ladders)), minor_digits(world.policy.currency)
    allowed = np.zeros((len(lines), rungs, rungs), bool)
    for n, row in enumerate(rows_of(lines)):
        size = len(ladders[n])
        allowed[n, :size, :size] = step_allowed(ladders[n], row.min_step, row.max_step, digits)
    earlier = earlier_changes(world, lines)
    most = lines["max_changes"].astype(float).fillna(USUAL_CHANGES).to_numpy() - earlier["changes"].to_numpy()
    since = [LONG_AGO if day is None or pd.isna(day) else (world.plan_date - day).days for day in earlier["last"]]
    begins = [world.plan_date + timedelta(days=int(day)) for day in clock.starts]
    can = [[pd.isna(day) or begin >= day for begin in begins] for day in lines["no_touch_until"]]
    epochs = clock.epoch[_last_period(world, lines)] + 1
    return LineRules(
        allowed,
        np.array(can, bool).reshape(len(lines), len(begins)),
        np.maximum(most, 0).astype(np.int64),
        lines["min_days_between"].astype(float).fillna(0).to_numpy().astype(np.int64),
        np.array(since, np.int64),
        epochs.astype(np.int64),
        fixed,
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
    prices = world.frame("prices").merge(lines[KEYS], on=KEYS)
    monday = world.plan_date - timedelta(days=world.plan_date.weekday())
    done = prices[(prices["valid_from"] >= monday) & (prices["valid_from"] < world.plan_date)]
    for place, used in done.groupby("location_id").size().items():
        labels[names[str(place)], 0] = max(labels[names[str(place)], 0] - int(used), 0.0)
    return labels


def _budget(world: World, clock: Clock) -> Floats:
    """Return the markdown budget of each week, in money."""
    table = world.frame("budgets")
    mine = table[(table["component"] == "markdown") & (table["scope"] == "all")].dropna(subset=["amount"])
    budget = np.full(len(clock.weeks), UNLIMITED)
    for n, week in enumerate(clock.weeks.astype(object)):
        own = mine.loc[mine["period_start"] == week, "amount"]
        if len(own):
            budget[n] = float(own.sum())
    return budget
