"""Demand of the listed pairs: forecast where goods are sold, nothing where they are only kept."""

from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from forecasting.dependence import Dependence
from forecasting.explain import drivers
from forecasting.forecast import forecast_task
from forecasting.history import ForecastSettings, ForecastTask
from forecasting.inputs import drifted_inputs
from forecasting.newitems import likely_means
from forecasting.overrides import Overridden, override_paths
from forecasting.panel import Panel, panel_from_world
from forecasting.paths import DemandPaths
from forecasting.signals import signals_from_world
from optimizer.executor import RunAll
from optimizer.plan.exceptions import ExceptionRow
from scenarios.money import minor_digits
from scenarios.world import World

_KEYS = ["item_id", "location_id"]
_USUAL_PERIODS = {"day": 28, "week": 4}
_EXPLAINED = 60
_MOST_DRIFTED = 20


@dataclass(frozen=True)
class Demand:
    """Demand of N pairs, in their order.

    paths: joint sample paths
    usual: mean recorded sales per period of the last four weeks, units, shape (N,)
    summary: what the forecast knows of each selling pair, one row each, and for the dearest what drives it, in words
    overridden: planners' figures laid over the forecast
    panel: history of the selling pairs
    drifted: by category, what the forecast is fed with that no longer looks as it did
    """

    paths: DemandPaths
    usual: npt.NDArray[np.float64]
    summary: pa.Table
    overridden: list[Overridden]
    panel: Panel
    drifted: list[ExceptionRow]


def demand_of(world: World, pairs: pd.DataFrame, horizon: int, run_all: RunAll) -> Demand:
    """Return the demand of `pairs` (columns item_id, location_id) for `horizon` periods from the plan date on.

    A dc that never sold anything has no customers of its own: its demand is zero on every path.
    """
    sells = _sells(world, pairs)
    chosen = pairs[sells]
    panel = panel_from_world(world, pa.table({name: chosen[name] for name in _KEYS}))
    policy = world.policy
    groups, signals = category_codes(world, panel.item_id), signals_from_world(world, panel, horizon)
    settings = ForecastSettings(dependence=cast(Dependence, policy.dependence))
    likely = likely_means(world, panel)
    task = ForecastTask(horizon, policy.paths, policy.seed, settings, groups, signals, likely)
    expected = forecast_task(panel, task, run_all)
    usual = np.zeros(len(pairs))
    recent = panel.units[:, -_USUAL_PERIODS[world.period] :]
    usual[sells] = np.nan_to_num(recent).mean(axis=1) if recent.shape[1] else 0.0
    dearest = _dearest(world, expected.paths)
    told = np.full(panel.series, "", dtype=object)
    told[dearest] = drivers(expected, dearest)
    summary = expected.summary.append_column("drivers", pa.array(told.tolist(), pa.string()))
    paths, overridden = override_paths(world, expected.paths)
    drifted = _drifted(world, panel, task, groups)
    return Demand(_spread(world, pairs, sells, paths), usual, summary, overridden, panel, drifted)


def _drifted(world: World, panel: Panel, task: ForecastTask, groups: npt.NDArray[np.int64]) -> list[ExceptionRow]:
    """Return the inputs of each category that left their range, those with most sales at cost first."""
    items = world.frame("items").set_index("item_id")
    cost = np.asarray(items["unit_cost"].astype(float).fillna(0.0).reindex(panel.item_id), np.float64)
    names = dict(zip(groups.tolist(), items["category"].fillna("").reindex(panel.item_id), strict=True))
    minor = 10 ** minor_digits(world.policy.currency)
    return [
        ExceptionRow(
            f"input {names[row.group]} {row.name}",
            "input drift",
            f"{row.name} of {names[row.group] or 'all items'}: {row.now:.2f} over the last four weeks, usually"
            f" {row.usual:.2f}; the forecast was learnt on the latter",
            {"now": round(row.now, 6), "usual": round(row.usual, 6)},
            round(row.units * minor),
        )
        for row in drifted_inputs(panel, task.signals, groups, cost)[:_MOST_DRIFTED]
    ]


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
