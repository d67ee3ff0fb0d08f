"""The review of regular prices for a day: which prices may move, their rungs, and the changes in tables and words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.paths import DemandPaths
from forecasting.price_tables import regular_prices
from optimizer.markdown.groups import in_band
from optimizer.markdown.review import AVERAGE_TOLERANCE, ReviewPlan, ReviewProblem, review
from optimizer.markdown.rules import KEYS, locked_prices, ruled_pairs
from optimizer.plan.exceptions import ExceptionRow
from optimizer.plan.ids import stable_id
from scenarios.money import minor_digits, shown, shown_price
from scenarios.schema import declared
from scenarios.tariff import tariff
from scenarios.world import World, rows_of
from solvers.outcome import Outcome

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
# Points of the elasticity's law.
_POINTS = 32
# Prices keep their last digit: 2.99 may become 3.09.
_LAST_DIGIT = 10
_CLOSE = 1e-6
# Advice on tests: so many at most, of prices asked at so many places at least.
_TESTS, _PLACES_TO_COMPARE = 5, 2


@dataclass(frozen=True)
class Review:
    """Rows for tables, prices of the pairs over today's (1 where nothing changes), the proof, what was said."""

    tables: dict[str, pd.DataFrame]
    ratio: Floats
    proof: dict[str, Any]
    exceptions: list[ExceptionRow]


@dataclass(frozen=True)
class _Given:
    """Lines that may move, with ``group``, ``today``, ``cost`` and ``demand``; the ladder of each group in money."""

    world: World
    lines: pd.DataFrame
    paths: DemandPaths
    ladders: list[list[float]]

    @property
    def minor(self) -> int:
        return int(10 ** minor_digits(self.world.policy.currency))


def review_prices(world: World, pairs: pd.DataFrame, paths: DemandPaths, decided: tuple[Flags, pd.DataFrame]) -> Review:
    """
    Return the changes of regular prices; none unless the policy names how many there may be (`price_review_changes`).

    Parameters
    ----------
    paths : DemandPaths
        Of `pairs`, in their order, with reference price and response.
    decided : array of bool, shape (pairs,), and DataFrame
        Pairs whose price is decided elsewhere, and what is changed of it today.
    """
    nothing = Review({}, np.ones(len(pairs)), {}, [])
    if not world.policy.price_review_changes:
        return nothing
    taken, changed = decided
    lines, said = _movable(world, pairs, paths, taken)
    given = _given(world, lines, paths)
    if given.lines.empty:
        text = "no regular price may move: none is known, lasts long enough, costs and answers to price"
        return Review({}, nothing.ratio, {}, [*said, ExceptionRow("price review", "skipped", text, {})])
    problem, effects = _problem(given, changed)
    outcome = review(problem, world.policy.node_limit)
    plan = outcome.required()
    ratio = nothing.ratio.copy()
    ratio[given.lines["pair"]] = [given.ladders[g][plan.rung[g]] / given.ladders[g][0] for g in given.lines["group"]]
    if not plan.rung.any():
        why = (
            "its places have no labels left this week"
            if not problem.labels.any()
            else ("no change earns more with caution while average price and revenue are held")
        )
        text = f"none of {len(given.ladders)} regular prices changes: {why}"
        said = [*said, ExceptionRow("price review", "note", text, {"prices": len(given.ladders)})]
    said = [*said, *_tests(given, effects["knowing"])]
    changes, words = _told(given, plan, effects)
    return Review({"price_changes": changes, "explanations": words}, ratio, _proof(given, outcome, problem), said)


def _movable(
    world: World, pairs: pd.DataFrame, paths: DemandPaths, taken: Flags
) -> tuple[pd.DataFrame, list[ExceptionRow]]:
    """Return the pairs whose regular price stands today, alone and long enough, with today's price."""
    assert paths.reference_price is not None
    today = paths.reference_price[:, 0]
    regular = regular_prices(world, paths.item_id, paths.location_id, paths.dates)[:, 0]
    lines = pairs[KEYS].assign(pair=np.arange(len(pairs)), today=today)
    items = world.frame("items").set_index("item_id").reindex(lines["item_id"])
    free = ~taken & (today > 0.0) & ~(regular > today + _CLOSE)
    free &= ~lines["location_id"].isin(world.frame("locations").query("kind == 'dc'")["location_id"]).to_numpy(bool)
    free &= ~_on_promotion(world, lines)
    free &= ~pd.MultiIndex.from_frame(lines[KEYS]).isin(list(locked_prices(world)))
    free &= ~_changed_lately(world, lines)
    in_family = items["family"].fillna("").ne("").to_numpy(bool)
    said = []
    if (free & in_family).any():
        text = f"{int((free & in_family).sum())} regular prices of pack families are left alone by the price review"
        said.append(ExceptionRow("price review families", "skipped", text, {"prices": int((free & in_family).sum())}))
    named = items["price_group"].fillna("").to_numpy(object)
    own = np.where(named == "", "item\x1f" + lines["item_id"].to_numpy(object), "group\x1f" + named)
    lines["own"] = own
    # One price moves at all its places or nowhere.
    key = pd.MultiIndex.from_arrays([own, np.round(today, 6)])
    bound = pd.Series(free & ~in_family).groupby(pd.factorize(key)[0]).transform("all").to_numpy(bool)
    return lines[bound].reset_index(drop=True), said


def _on_promotion(world: World, lines: pd.DataFrame) -> Flags:
    runs = world.frame("promotions").dropna(subset=["from_date", "to_date"])
    runs = runs[(runs["from_date"] <= world.plan_date) & (runs["to_date"] >= world.plan_date)]
    return np.asarray(pd.MultiIndex.from_frame(lines[KEYS]).isin(pd.MultiIndex.from_frame(runs[KEYS])))


def _changed_lately(world: World, lines: pd.DataFrame) -> Flags:
    """Return which pairs got a new price less than the policy's days ago."""
    prices = world.frame("prices").dropna(subset=["price"]).sort_values("valid_from", kind="stable")
    prices = prices[prices["valid_from"] <= world.plan_date]
    moved = prices[prices["price"] != prices.groupby(KEYS)["price"].shift()]
    moved = moved[moved.duplicated(KEYS)]
    since = world.plan_date - timedelta(days=world.policy.price_review_days)
    late = moved[moved["valid_from"] > since]
    return np.asarray(pd.MultiIndex.from_frame(lines[KEYS]).isin(pd.MultiIndex.from_frame(late[KEYS])))


def _given(world: World, lines: pd.DataFrame, paths: DemandPaths) -> _Given:
    """Return the lines with costs and demand, and the ladders of their prices; a price without a rung falls out."""
    if lines.empty:
        return _Given(world, lines, paths, [])
    chosen = lines["pair"].to_numpy(int)
    mean = paths.mean()[chosen]
    rates = tariff(world, lines[KEYS], mean.mean(axis=1))
    cost = np.where(rates.assumed_cost, np.nan, rates.unit_cost)
    lines = lines.assign(demand=mean.sum(axis=1), cost=cost)
    group = pd.factorize(pd.MultiIndex.from_arrays([lines["own"], lines["today"].round(6)]))[0]
    lines = lines.assign(group=group)
    bands = ruled_pairs(world, lines).set_index("pair")["competitor_band"]
    lines["competitor_band"] = bands.reindex(range(len(lines))).to_numpy(float)
    ladders: list[list[float]] = []
    kept = []
    for _, rows in lines.groupby("group", sort=True):
        ladder = _ladder(world, rows)
        if len(ladder) > 1 and rows["cost"].notna().all() and rows["demand"].sum() > 0.0:
            kept.append(rows.assign(group=len(ladders)))
            ladders.append(ladder)
    found = pd.concat(kept, ignore_index=True) if kept else lines.head(0)
    return _Given(world, found, paths, ladders)


def _ladder(world: World, rows: pd.DataFrame) -> list[float]:
    """Return today's price, then all within the policy's band that keep the last digit, the cost and competitors."""
    digits, band = minor_digits(world.policy.currency), world.policy.price_review_band
    today, step = float(rows["today"].iloc[0]), _LAST_DIGIT * 10.0**-digits
    count = int(band * today / step + _CLOSE)
    others = [round(today + k * step, 6) for k in range(-count, count + 1) if k]
    ladder = [today, *(price for price in others if price > float(rows["cost"].max()))]
    near, _ = in_band(world, rows, [ladder] * len(rows))
    fits = np.logical_and.reduce(near)
    return [price for price, good in zip(ladder, fits, strict=True) if good]


def _problem(given: _Given, changed: pd.DataFrame) -> tuple[ReviewProblem, dict[str, Floats]]:
    """Return the problem, and of every rung units now and then, mean gain and what caution takes off it."""
    world, lines, minor = given.world, given.lines, given.minor
    response = given.paths.response
    assert response is not None
    points = np.tile((np.arange(_POINTS) + 0.5) / _POINTS, (len(lines), 1))
    elasticity = response.rows(lines["pair"].to_numpy(int)).quantile(points)
    demand, cost, today = (lines[name].to_numpy(float) for name in ("demand", "cost", "today"))
    start = np.cumsum([0, *map(len, given.ladders)])
    figures = {name: np.zeros(start[-1]) for name in ("value", "revenue", "ratio", "gain", "units", "price")}
    figures["knowing"] = np.zeros(len(given.ladders))
    members = lines.groupby("group").indices
    for g, ladder in enumerate(given.ladders):
        own, rows = slice(start[g], start[g + 1]), np.asarray(members[g])
        price, usual = np.array(ladder), today[rows][0]
        gain, units = _answers(price, usual, (demand[rows], cost[rows], elasticity[rows]))
        figures["gain"][own] = gain.mean(axis=1) * minor
        figures["value"][own] = (gain.mean(axis=1) - world.policy.price_review_caution * gain.std(axis=1)) * minor
        figures["revenue"][own] = (price * units.mean(axis=1) - usual * demand[rows].sum()) * minor
        figures["ratio"][own], figures["units"][own], figures["price"][own] = price / usual, units.mean(axis=1), price
        figures["knowing"][g] = (gain.max(axis=0).mean() - gain.mean(axis=1).max()) * minor
    worth = np.bincount(lines["group"], demand * today, minlength=len(given.ladders))
    places, place = np.unique(lines["location_id"].to_numpy(str), return_inverse=True)
    needed = np.zeros((len(given.ladders), len(places)))
    np.add.at(needed, (lines["group"].to_numpy(int), place), 1.0)
    problem = ReviewProblem(
        start.astype(np.int64), figures["value"], figures["revenue"], figures["ratio"], worth / worth.sum(), needed,
        _labels(world, places, changed), world.policy.price_review_changes,
    )  # fmt: skip
    return problem, figures


def _answers(price: Floats, usual: float, of: tuple[Floats, Floats, Floats]) -> tuple[Floats, Floats]:
    """Return gain over today's price and units at each rung and each point of the elasticity, both of shape (K, S).

    of: demand and cost of the lines (n,), their elasticity (n, S)
    """
    demand, cost, elasticity = of
    lift = (price / usual)[:, None, None] ** elasticity
    units = (demand[:, None] * lift).sum(axis=1)
    margin = (demand[:, None] * (price[:, None, None] - cost[:, None]) * lift).sum(axis=1)
    return margin - (demand * (usual - cost)).sum(), units


def _tests(given: _Given, knowing: Floats) -> list[ExceptionRow]:
    """Return the prices whose elasticity is most worth knowing, with what knowing it would bring at most.

    Expected value of perfect information: mean_s max_k gain_gks - max_k mean_s gain_gks (Raiffa and Schlaifer 1961).
    """
    rows = []
    for g in np.argsort(-knowing, kind="stable")[:_TESTS]:
        worth = round(float(knowing[g]))
        own = given.lines[given.lines["group"] == g]
        if worth <= 0 or len(own) < _PLACES_TO_COMPARE:
            continue
        item, currency = own["item_id"].iloc[0], given.world.policy.currency
        text = (
            f"a small price test of {item} at one of its {len(own)} places would tell how demand answers: to know it is"
            f" worth up to {shown(worth, currency)} in {len(given.paths.dates)} periods"
        )
        rows.append(ExceptionRow(f"price test {item}", "advice", text, {"places": len(own)}, worth))
    return rows


def _labels(world: World, places: npt.NDArray[np.str_], changed: pd.DataFrame) -> Floats:
    """Return the labels each place has left this week, infinite where they are not counted."""
    monday = world.plan_date - timedelta(days=world.plan_date.weekday())
    table = world.frame("label_capacity").dropna(subset=["labels"])
    capacity = table[table["week"] == monday].set_index("location_id")["labels"].reindex(places).astype(float)
    prices = world.frame("prices").dropna(subset=["price"])
    done = prices[(prices["valid_from"] >= monday) & (prices["valid_from"] < world.plan_date)]
    used = [frame["location_id"].value_counts().reindex(places).fillna(0.0) for frame in (done, changed)]
    return np.asarray(
        np.maximum(capacity.fillna(np.inf).to_numpy(float) - used[0].to_numpy() - used[1].to_numpy(), 0.0)
    )


def _told(given: _Given, plan: ReviewPlan, effects: dict[str, Floats]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of ``price_changes`` and of ``explanations``."""
    start = np.cumsum([0, *map(len, given.ladders)])
    changes, words = [], []
    for row in rows_of(given.lines[plan.rung[given.lines["group"]] > 0]):
        first, chosen = int(start[row.group]), int(start[row.group] + plan.rung[row.group])
        identity = stable_id("price", row.item_id, row.location_id, given.world.plan_date)
        new = round(float(effects["price"][chosen]), 6)
        changes.append(
            {
                "line_id": identity, "item_id": row.item_id, "location_id": row.location_id, "kind": "regular",
                "valid_from": given.world.plan_date, "old_price": round(float(row.today), 6), "new_price": new,
                "expires_by": None, "reason": _reason(given, effects, (first, chosen)),
            }
        )  # fmt: skip
        text, numbers = _words(given, plan, effects, (row, first, chosen))
        words.append({"line_id": identity, "text": text, "numbers": json.dumps(numbers, ensure_ascii=False),
                      "money": round(float(effects["gain"][chosen] * row.demand / numbers["units_now"]))})  # fmt: skip
    names = list(declared()["price_changes"].names)
    return pd.DataFrame(changes, columns=names), pd.DataFrame(words, columns=["line_id", "text", "numbers", "money"])


def _reason(given: _Given, effects: dict[str, Floats], at: tuple[int, int]) -> str:
    first, chosen = at
    gain = shown(round(float(effects["gain"][chosen])), given.world.policy.currency)
    change = effects["units"][chosen] / effects["units"][first] - 1.0
    return f"regular price: {change:+.1%} units, {gain} more in {len(given.paths.dates)} periods"


def _words(
    given: _Given, plan: ReviewPlan, effects: dict[str, Floats], at: tuple[Any, int, int]
) -> tuple[str, dict[str, Any]]:
    """Return why a price moves, with the rungs beside it, and the numbers."""
    row, first, chosen = at
    currency, response = given.world.policy.currency, given.paths.response
    assert response is not None
    ladder = given.ladders[row.group]
    order = sorted(range(len(ladder)), key=lambda k: ladder[k])
    place = order.index(chosen - first)
    beside = [order[p] for p in (place - 1, place + 1) if 0 <= p < len(order)]
    told = ", ".join(
        f"{shown_price(ladder[k], currency)} {effects['gain'][first + k] / given.minor:+,.2f}" for k in beside
    )
    gain, value = (round(float(effects[name][chosen] / given.minor), 6) for name in ("gain", "value"))
    numbers = {
        "units_now": round(float(effects["units"][first]), 6),
        "units_then": round(float(effects["units"][chosen]), 6),
        "places": int((given.lines["group"] == row.group).sum()),
        "gain": gain,
        "gain_with_caution": value,
        "elasticity": round(float(response.elasticity[row.pair]), 6),
        "elasticity_deviation": round(float(response.deviation[row.pair]), 6),
        "elasticity_from": str(response.source[row.pair]),
        "one_more_change_would_bring": round(plan.change_price / given.minor, 6),
    }
    verb = "rises" if ladder[chosen - first] > ladder[0] else "falls"
    text = (
        f"The regular price of {row.item_id} {verb} from {shown_price(ladder[0], currency)} to"
        f" {shown_price(ladder[chosen - first], currency)} {currency} at {numbers['places']} places: units go from"
        f" {numbers['units_now']:,.1f} to {numbers['units_then']:,.1f} in {len(given.paths.dates)} periods at an"
        f" elasticity of {numbers['elasticity']:.1f} ± {numbers['elasticity_deviation']:.1f}"
        f" ({numbers['elasticity_from']}), which brings {gain:+,.2f} {currency}, {value:+,.2f} with caution."
        f" Beside it: {told}. Average price and revenue of all reviewed prices are held."
    )
    return text, numbers


def _proof(given: _Given, outcome: Outcome[ReviewPlan], problem: ReviewProblem) -> dict[str, Any]:
    """Return the certificate."""
    plan, chosen = outcome.required(), problem.start[:-1] + outcome.required().rung
    objective, bound = (round(value / given.minor, 6) + 0.0 for value in (outcome.objective, outcome.bound))
    bound = min(bound, objective)
    return {
        "objective": objective,
        "bound": bound,
        "gap": max(objective - bound, 0.0) / max(abs(objective), 1e-9) + 0.0,
        "status": outcome.status,
        "limit": outcome.limit,
        "unit": given.world.policy.currency,
        "covers": "minus the gain with caution of all regular prices that may move, average price and revenue held",
        "prices": len(given.ladders),
        "changes": int((plan.rung > 0).sum()),
        "average_price": round(float(problem.share @ problem.ratio[chosen]), 9),
        "average_tolerance": AVERAGE_TOLERANCE,
        "revenue_change": round(float(problem.revenue[chosen].sum()) / given.minor, 6) + 0.0,
        "one_more_change_would_bring": round(plan.change_price / given.minor, 6),
    }
