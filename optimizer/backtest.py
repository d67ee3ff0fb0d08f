"""The proof in money: our orders rolled over the past beside simple rules and perfect foresight."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from scipy.stats import norm

from forecasting.forecast import forecast
from forecasting.panel import Panel, panel_from_world
from optimizer.demand import category_codes
from optimizer.executor import RunAll
from optimizer.reorder.decide import decide
from optimizer.reorder.problem import NO_EXPIRY, NO_MAXIMUM, JointRules, ReorderProblem
from optimizer.reorder.terms import Terms, terms
from scenarios.assortment import listed_pairs
from scenarios.backtest import Observed, Planner, Replay, Rolled, roll
from scenarios.faults import UnusableInputError
from scenarios.money import minor_digits
from scenarios.tariff import Tariff, tariff
from scenarios.world import World

FloatArray = npt.NDArray[np.float64]
_KEYS = ["item_id", "location_id"]
_RECENT = {"day": 28, "week": 4}
# Periods of history before the first day that the rules and the forecast need at least.
_LEAST_HISTORY = {"day": 28, "week": 13}


@dataclass(frozen=True)
class Course:
    """The stage set for a roll: the pairs that sell, their history, terms and rates; N pairs."""

    world: World
    panel: Panel
    terms: Terms
    rates: Tariff
    replay: Replay


def backtest(world: World, last: date, run_all: RunAll, told: Callable[[str], None]) -> pd.DataFrame:
    """Return the cost of each planner from the world's plan date to `last`: a row a planner, figures per component.

    The past is given with its sales to the end; each planner sees only what lies before the day it orders on. Each pair
    orders on its own lead time, packs and order days; joint rules and the stock of a dc are left out. Demand is what
    was recorded. The stock of the first day is a lead and review time's mean sales.
    """
    course = _course(world, last)
    planners: Mapping[str, Callable[[], Planner]] = {
        "dayplan": lambda: _ours(course, run_all),
        "order as before": lambda: _as_before(course),
        "order up to, normal": lambda: _normal(course),
        "perfect foresight": lambda: _foresight(course),
    }
    rows = []
    for name, make in planners.items():
        told(name)
        rows.append({"planner": name, **_figures(course, roll(course.replay, make()))})
    table = pd.DataFrame(rows)
    reference = float(table.loc[table["planner"] == "order as before", "cost"].iloc[0])
    return table.assign(ratio=(table["cost"] / reference).round(4) if reference else np.nan)


def _course(world: World, last: date) -> Course:
    periods = world.periods.between(world.plan_date, last) + 1
    if periods < 1:
        raise UnusableInputError(f"the last day {last} lies before the first {world.plan_date}")
    pairs = listed_pairs(world)
    ahead = replace(world, plan_date=world.periods.add(last, 1), _frames={})
    whole = panel_from_world(ahead, pa.table({name: pairs[name] for name in _KEYS}))
    begin = whole.units.shape[1] - periods
    if begin < _LEAST_HISTORY[world.period]:
        least = _LEAST_HISTORY[world.period]
        raise UnusableInputError(f"{begin} periods lie before {world.plan_date}; {least} are needed")
    found = terms(world, pairs, periods + 60)
    rows = pd.MultiIndex.from_frame(pairs[_KEYS]).get_indexer(pd.MultiIndex.from_frame(found.lines[_KEYS]))
    panel = whole.rows(rows)
    recent = np.nan_to_num(panel.units[:, begin - _RECENT[world.period] : begin]).mean(axis=1)
    sells = np.nan_to_num(panel.units[:, :begin]).sum(axis=1) > 0
    panel, recent = panel.rows(np.flatnonzero(sells)), recent[sells]
    found = replace(found, lines=found.lines[sells].reset_index(drop=True), can_order=found.can_order[sells])
    rates = tariff(world, found.lines[_KEYS], recent)
    lead = found.lines["lead_periods"].to_numpy(np.int64)
    cover = lead + found.lines["review_periods"].to_numpy(np.int64)
    step = found.lines["unit_step"].to_numpy(float)
    stock = np.ceil(recent * cover / step - 1e-9) * step
    demand = np.nan_to_num(panel.units)
    replay = Replay(
        demand,
        begin,
        lead,
        stock,
        np.zeros((len(lead), 1)),
        found.can_order[:, :periods],
        rates.holding,
        rates.shortage,
    )
    return Course(world, panel, found, rates, replay)


def _figures(course: Course, rolled: Rolled) -> dict[str, float]:
    wanted = rolled.sold.sum() + rolled.lost.sum()
    holding = float((rolled.closing * course.rates.holding[:, None]).sum())
    shortage = float((rolled.lost * course.rates.shortage[:, None]).sum())
    return {
        "cost": round(float(rolled.cost.sum()), 2),
        "holding": round(holding, 2),
        "shortage": round(shortage, 2),
        "fill_rate": round(float(rolled.sold.sum() / wanted) if wanted else 1.0, 4),
        "mean_stock": round(float(rolled.closing.sum(axis=0).mean()), 1),
        "ordered": round(float(rolled.ordered.sum()), 1),
    }


def _ours(course: Course, run_all: RunAll) -> Planner:
    """Return the planner of this project: forecast and decision of the `reorder` command, joint rules left out."""
    lines, policy = course.terms.lines, course.world.policy
    review = int(lines["review_periods"].max())
    horizon = int(course.replay.lead.max()) + 2 * review + 1
    groups = category_codes(course.world, course.panel.item_id)

    def order(seen: Observed) -> FloatArray:
        known = course.panel.until(seen.period)
        paths = forecast(known, horizon, policy.paths, policy.seed, run_all=run_all, groups=groups).paths
        problem = _problem(course, paths.steps, seen, horizon)
        return np.asarray(decide(problem, run_all=run_all).required().quantity * lines["unit_step"].to_numpy(float))

    return order


def _problem(course: Course, demand: npt.NDArray[np.generic], seen: Observed, horizon: int) -> ReorderProblem:
    lines, count = course.terms.lines, len(course.terms.lines)
    step = lines["unit_step"].to_numpy(float)
    per_step = step * 10 ** minor_digits(course.world.policy.currency)
    arrivals = np.zeros((count, horizon))
    coming = seen.arrivals[:, : horizon - 1]
    arrivals[:, 1 : 1 + coming.shape[1]] = coming / step[:, None]
    first = seen.period - course.replay.begin
    can_order = course.terms.can_order[:, first : first + horizon]
    cost = lines["unit_cost"].to_numpy(float) * per_step
    return ReorderProblem(
        demand=np.asarray(demand),
        weight=np.full(demand.shape[1], 1 / demand.shape[1]),
        on_hand=seen.on_hand / step,
        arrivals=arrivals,
        lead_periods=course.replay.lead,
        can_order=can_order,
        pack=lines["pack"].to_numpy(np.int64),
        minimum=lines["minimum"].to_numpy(np.int64),
        maximum=np.where(lines["maximum"] < 0, NO_MAXIMUM, lines["maximum"]).astype(np.int64),
        holding_cost=course.rates.holding * per_step,
        shortage_cost=course.rates.shortage * per_step,
        order_cost=np.zeros(count),
        unit_cost=cost,
        salvage_value=cost,
        life_periods=np.full(count, NO_EXPIRY),
        unmet="lost_sales",
        joint=JointRules.none(count),
    )


def _whole(course: Course, need: FloatArray) -> FloatArray:
    """Return needs in units as orders: whole packs from the minimum to the maximum."""
    lines = course.terms.lines
    step, pack = lines["unit_step"].to_numpy(float), lines["pack"].to_numpy(float)
    steps = np.ceil(np.maximum(need, 0) / step / pack - 1e-9) * pack
    steps = np.where(steps > 0, np.maximum(steps, np.ceil(lines["minimum"].to_numpy(float) / pack) * pack), 0)
    most = np.where(lines["maximum"] < 0, np.inf, lines["maximum"] // pack * pack)
    return np.asarray(np.minimum(steps, most) * step)


def _position(seen: Observed) -> FloatArray:
    return np.asarray(seen.on_hand + seen.arrivals.sum(axis=1))


def _cover(course: Course) -> FloatArray:
    return (course.terms.lines["lead_periods"] + course.terms.lines["review_periods"]).to_numpy(float)


def _recent(course: Course, period: int) -> FloatArray:
    return np.nan_to_num(course.panel.units[:, period - _RECENT[course.world.period] : period])


def _as_before(course: Course) -> Planner:
    return lambda seen: _whole(course, _recent(course, seen.period).mean(axis=1) * _cover(course) - _position(seen))


def _normal(course: Course) -> Planner:
    """Return the textbook rule: mean of lead and review time plus z standard deviations at the critical ratio."""
    review = course.terms.lines["review_periods"].to_numpy(float)
    ratio = course.rates.shortage / (course.rates.shortage + course.rates.holding * review)
    z = norm.ppf(np.clip(ratio, 0.01, 0.999))

    def order(seen: Observed) -> FloatArray:
        recent, cover = _recent(course, seen.period), _cover(course)
        level = recent.mean(axis=1) * cover + z * recent.std(axis=1) * np.sqrt(cover)
        return _whole(course, level - _position(seen))

    return order


def _foresight(course: Course) -> Planner:
    """Return the rule that knows the demand until the next order arrives: no planner can know more that matters."""
    review = course.terms.lines["review_periods"].to_numpy(np.int64)
    total = np.cumsum(np.pad(course.replay.demand, ((0, 0), (1, 120))), axis=1)
    rows = np.arange(len(total))

    def order(seen: Observed) -> FloatArray:
        until = np.minimum(seen.period + course.replay.lead + review, total.shape[1] - 1)
        wanted = total[rows, until] - total[rows, seen.period]
        return _whole(course, wanted - _position(seen))

    return order
