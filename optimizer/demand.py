"""Demand of the listed pairs: forecast where goods are sold, nothing where they are only kept."""

import hashlib
import logging
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from forecasting.dependence import Dependence
from forecasting.explain import drivers
from forecasting.factors import factor_paths
from forecasting.forecast import Forecast, forecast_task
from forecasting.history import ForecastSettings, ForecastTask
from forecasting.judged import Judged
from forecasting.kept_files import kept_table
from forecasting.mechanisms import mechanism_table, mechanisms
from forecasting.newitems import likely_means
from forecasting.overrides import Overridden, override_paths
from forecasting.panel import Panel, panel_from_world
from forecasting.paths import DemandPaths
from forecasting.signals import signals_from_world
from forecasting.succession import Handover, expected_once, handovers
from optimizer.executor import RunAll
from optimizer.memory import Memory
from optimizer.plan.exceptions import ExceptionRow
from optimizer.watch import Watch, watch
from scenarios.world import World

log = logging.getLogger("dayplan")
_KEYS = ["item_id", "location_id"]
_USUAL_PERIODS = {"day": 28, "week": 4}
_EXPLAINED = 60
_MOST_CHANGED, _MOST_JUDGED = 3, 20


# Tables and keys of the policy that no forecast reads; worlds that differ in nothing else share one.
_UNREAD = frozenset({
    "actuals", "budgets", "competitor_prices", "demand_factors", "exchange_rates", "label_capacity", "locks",
    "markdown_rules", "overrides", "price_breaks", "price_ladders", "sources", "supplier_calendar", "suppliers",
    "vehicles", "holding_cost", "holding_rate", "lead_time_days", "markdown_budget_covers_promotions", "node_limit",
    "passes", "price_review_band", "price_review_caution", "price_review_changes", "price_review_days", "release_gap",
    "release_stale_days", "review_days", "route_iterations", "sell_through_cost", "service_level", "shortage_cost",
    "unmet",
})  # fmt: skip


@dataclass(frozen=True)
class Expected:
    """
    What is forecast of the N pairs, before planners and scenarios lay their figures over it.

    key: hash of all that the forecast rests on
    paths: joint sample paths of the pairs that sell, those of ``sells`` (N,)
    usual: mean recorded sales per period of the last four weeks, units, shape (N,)
    summary: what the forecast knows of each selling pair, one row each, and for the dearest what drives it, in words
    watch: how earlier forecasts did, and what was decided on it
    learned: what the next day's forecast goes on from
    course: what is to be said of how this forecast is come by
    promotions: what each mechanism of a promotion brings in each category
    """

    key: str
    paths: DemandPaths
    sells: npt.NDArray[np.bool_]
    usual: npt.NDArray[np.float64]
    summary: pa.Table
    watch: Watch
    learned: pa.Table
    course: list[ExceptionRow]
    promotions: pa.Table


@dataclass(frozen=True)
class Demand:
    """Demand of N pairs, in their order: joint sample paths, what they rest on, and planners' figures laid over it."""

    paths: DemandPaths
    expected: Expected
    overridden: list[Overridden]


def forecast_key(world: World, pairs: pd.DataFrame, horizon: int, memory: Memory) -> str:
    """Return a hash of all that the forecast of `pairs` rests on."""
    listed = "|".join(map("\x1f".join, pairs[_KEYS].itertuples(index=False, name=None)))
    rest = f"{world.hash_without(_UNREAD)}|{horizon}|{memory.digest}|{listed}"
    return hashlib.sha256(rest.encode()).hexdigest()


def demand_of(world: World, pairs: pd.DataFrame, expected: Expected) -> Demand:
    """Return the demand of `pairs` with factors and planners' figures laid over what is expected."""
    paths, overridden = override_paths(world, factor_paths(world, expected.paths))
    return Demand(_spread(world, pairs, expected.sells, paths), expected, overridden)


def expected_demand(world: World, pairs: pd.DataFrame, horizon: int, memory: Memory, run_all: RunAll) -> Expected:
    """Return what is forecast of `pairs` (columns item_id, location_id) for `horizon` periods from the plan date on.

    A dc that never sold anything has no customers of its own: its demand is zero on every path.
    """
    sells = _sells(world, pairs)
    chosen = pairs[sells]
    panel = panel_from_world(world, pa.table({name: chosen[name] for name in _KEYS}))
    policy = world.policy
    groups, signals = category_codes(world, panel.item_id), signals_from_world(world, panel, horizon)
    settings = ForecastSettings(dependence=cast(Dependence, policy.dependence))
    seen = watch(world, memory, panel, signals, groups)
    likely = likely_means(world, panel)
    task = ForecastTask(horizon, policy.paths, policy.seed, settings, groups, signals, likely, seen.hasty)
    expected = forecast_task(panel, task, run_all, None if seen.anew else memory.kept())
    usual = np.zeros(len(pairs))
    recent = panel.units[:, -_USUAL_PERIODS[world.period] :]
    usual[sells] = np.nan_to_num(recent).mean(axis=1) if recent.shape[1] else 0.0
    ids = panel.item_id, panel.location_id
    dearest = _dearest(world, expected.paths)
    told = np.full(panel.series, "", dtype=object)
    told[dearest] = drivers(expected, dearest)
    summary = expected.summary.append_column("drivers", pa.array(told.tolist(), pa.string()))
    given = handovers(world.table("sales"), world.table("items"), ids, np.datetime64(world.plan_date, "D"))
    once = replace(expected.paths, steps=expected_once(expected.paths.steps, expected.paths.dates, given))
    said = [*_course_rows(expected), *_handover_rows(panel, given)]
    brought = mechanism_table(panel, mechanisms(world, panel, horizon))
    key = forecast_key(world, pairs, horizon, memory)
    return Expected(key, once, sells, usual, summary, seen, kept_table(expected.kept), said, brought)


def _course_rows(expected: Forecast) -> list[ExceptionRow]:
    """Return what has changed in a past that an earlier forecast had read; nothing where all was learnt anew."""
    course, panel = expected.course, expected.whole.panel
    log.info("forecast: %s", f"learnt anew: {course.why}" if course.why else f"gone on, {course.rebuilt} passed anew")
    if course.why or not len(course.changed):
        return []
    first = [f"{panel.item_id[n]} at {panel.location_id[n]}" for n in course.changed[:_MOST_CHANGED]]
    more = f" and {len(course.changed) - len(first)} more" if len(course.changed) > len(first) else ""
    text = (
        f"{len(course.changed):,} series are new or have another past than the plan before had read: {', '.join(first)}"
        f"{more}; they and those of their categories, {course.rebuilt:,} in all, were gone through from the beginning"
    )
    numbers = {"changed": len(course.changed), "rebuilt": course.rebuilt}
    return [ExceptionRow("changed past", "changed past", text, numbers)]


def _handover_rows(panel: Panel, given: list[Handover]) -> list[ExceptionRow]:
    """Return which items give way to their successors, and from when nothing more is expected of them."""
    rows = []
    for line in given:
        old, new, place = panel.item_id[line.old], panel.item_id[line.new], panel.location_id[line.new]
        text = f"what {old} sold at {place} is expected of {new} from {line.begins}, and not of {old} for four weeks"
        rows.append(ExceptionRow(f"succession {old} {place}", "succession", text, {"successor": new}))
    return rows


def _dearest(world: World, paths: DemandPaths) -> npt.NDArray[np.int64]:
    """Return the series with most demand at cost, those that are explained and shown."""
    cost = world.frame("items").set_index("item_id")["unit_cost"].astype(float).fillna(0.0)
    worth = paths.mean().sum(axis=1) * cost.reindex(paths.item_id).fillna(0.0).to_numpy(float)
    return np.sort(np.argsort(-worth, kind="stable")[:_EXPLAINED])


def override_rows(demand: Demand) -> list[ExceptionRow]:
    """Return what planners set instead of the forecast, both figures side by side."""
    rows = []
    for number, line in enumerate(demand.overridden):
        what = f"{line.item_id or 'all items'} at {line.location_id or 'all places'}"
        done = "set to" if line.applied else "not set, as nothing is expected there to be spread: "
        text = (
            f"forecast of {what}, {line.forecast:,.1f} in all, {done} {line.wanted:,.1f} by {line.author or 'unknown'}"
        )
        numbers = {"forecast": round(line.forecast, 6), "set": round(line.wanted, 6), "series": line.series}
        reason = f": {line.reason}" if line.reason else ""
        rows.append(ExceptionRow(f"override {number + 1}", "overridden", text + reason, numbers))
    return rows


def judged_rows(found: list[Judged]) -> list[ExceptionRow]:
    """Return how planners' figures did beside the forecasts they replaced, as far as sales are known."""
    rows = []
    for number, line in enumerate(found[:_MOST_JUDGED]):
        nearer = "the planner" if line.wanted_error < line.forecast_error else "the forecast"
        text = (
            f"{line.item_id or 'all items'} at {line.location_id or 'all places'}, {line.periods} periods known: set to"
            f" {line.wanted:,.1f} by {line.author or 'unknown'}, forecast {line.forecast:,.1f}, sold {line.sold:,.1f};"
            f" {nearer} was nearer, errors of the periods {line.wanted_error:,.1f} and {line.forecast_error:,.1f}"
        )
        numbers = {name: round(value, 6) for name, value in line._asdict().items() if isinstance(value, float)}
        rows.append(ExceptionRow(f"override scored {number + 1}", "override scored", text, numbers))
    return rows


def _sells(world: World, pairs: pd.DataFrame) -> npt.NDArray[np.bool_]:
    locations = world.frame("locations")
    dcs = set(locations.loc[locations["kind"] == "dc", "location_id"])
    kept_only = pairs["location_id"].isin(dcs)
    if kept_only.any():
        sold = world.table("sales").group_by(_KEYS).aggregate([]).to_pandas().astype(str)
        kept_only &= ~pd.MultiIndex.from_frame(pairs[_KEYS]).isin(pd.MultiIndex.from_frame(sold[_KEYS]))
    return np.asarray(~kept_only, bool)


def category_codes(world: World, item_id: npt.NDArray[np.object_]) -> npt.NDArray[np.int64]:
    """Return the category of each series as a number, for pooling."""
    category = world.frame("items").set_index("item_id")["category"].fillna("")
    codes, _ = pd.factorize(category.reindex(item_id).to_numpy(object), sort=True)
    return np.asarray(codes, np.int64)


def _spread(world: World, pairs: pd.DataFrame, sells: npt.NDArray[np.bool_], paths: DemandPaths) -> DemandPaths:
    """Return the paths of the selling pairs among zeros for the others."""
    if sells.all():
        return paths
    steps = np.zeros((len(pairs), *paths.steps.shape[1:]), paths.steps.dtype)
    steps[sells] = paths.steps
    unit_step = world.frame("items").set_index("item_id")["unit_step"].reindex(pairs["item_id"]).to_numpy(float)
    item, place = (pairs[name].to_numpy(paths.item_id.dtype) for name in _KEYS)
    return DemandPaths(steps, item, place, unit_step, paths.dates, paths.weights, paths.seed)
