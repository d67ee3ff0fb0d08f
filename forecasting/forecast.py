r"""
From a panel to joint demand paths: profile, level, paths.

    m_ih = level_i f_ih            mean of series i in future period h
    D_ish                          path s of it, see ``bootstrap``

Pooled parameters are estimated once, from a sample of series chosen by their ids; the series themselves are then
treated chunk by chunk, each chunk from the pooled parameters and its own history alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from forecasting.boosting import RunAll, future_corrections, lightgbm
from forecasting.bootstrap import (
    INT16_MOST,
    Draw,
    alike,
    draw_paths,
    largest_steps,
    spreads,
    weekly_paths,
)
from forecasting.dependence import ordered_as_sold
from forecasting.features import feature_state
from forecasting.history import (
    ForecastSettings,
    ForecastTask,
    Part,
    Terms,
    clock_of,
    filter_input,
    own_errors,
    part_of,
    stride_of,
)
from forecasting.kept import Course, Ended, Kept, hasty_of, keep, refusal, resumed, window
from forecasting.keys import Keys, series_keys
from forecasting.panel import Floats, Integers, Panel
from forecasting.paths import DemandPaths, Steps
from forecasting.pool import Pool, fit_pool
from forecasting.profiles import in_stock
from forecasting.selection import BOOSTED, WEEKS
from forecasting.signals import Signals
from forecasting.smoothing import CLASSES, HASTY, Begin, FilterInput, FilterOutput, LevelRule, smooth, volume_class
from forecasting.trials import folds

FOLLOWS = "; its level follows sales fast, as forecasts kept missing to one side"


def one_by_one(function: Callable[[Any], Any], specs: Sequence[Any]) -> list[Any]:
    """Run a function over specs in this process."""
    return [function(spec) for spec in specs]


@dataclass(frozen=True)
class Forecast:
    """
    Joint paths and, per series, what they rest on.

    ``summary`` has the columns item_id, location_id, level (units per period), censored_periods, recovered_units
    (completed minus recorded), usable_periods, decay (weighted) and method (what serves the series and why, in words).
    ``whole`` is the history read and ``course`` how it was come by, for ``explain.drivers``; ``kept`` is for the next
    day's forecast.
    """

    paths: DemandPaths
    summary: pa.Table
    whole: Part
    course: Course
    kept: Kept


@dataclass(frozen=True)
class ChunkSpec:
    """Everything one chunk of series needs."""

    part: Part
    keys: Keys
    pool: Pool
    terms: Terms
    task: ForecastTask
    begin: Begin | None = None


@dataclass(frozen=True)
class ChunkResult:
    """Paths of one chunk, its columns of the summary, and where the filter ended."""

    steps: Steps
    columns: dict[str, Any]
    ended: Ended


def forecast(
    panel: Panel,
    horizon: int,
    paths: int,
    seed: int,
    run_all: RunAll = one_by_one,
    groups: Integers | None = None,
) -> Forecast:
    """
    Return joint demand paths of every series for the periods from the plan date on.

    Parameters
    ----------
    panel : Panel
        History; the plan date is the period after its last one.
    horizon, paths : int
        Periods and sample paths, at least 1 each.
    seed : int
        The same seed gives the same paths, for any number of workers and any chunk.
    run_all : callable
        Runs a function over specs and returns the results in their order.
    groups : integer array, shape (series,), optional
        Series that share a profile, for instance the category's code.

    Raises
    ------
    ValueError
        If horizon or paths is below 1 or the panel has no period.
    """
    return forecast_task(panel, ForecastTask(horizon, paths, seed, groups=groups), run_all)


def forecast_task(panel: Panel, task: ForecastTask, run_all: RunAll = one_by_one, kept: Kept | None = None) -> Forecast:
    """Return the forecast of a task, going on from what an earlier one kept; see ``forecast`` and ``kept``."""
    if panel.units.shape[1] < 1:
        raise ValueError("the panel has no period before the plan date")
    _check_signals(panel, task)
    digest = _digest(panel, task)
    whole, course = _course(panel, task, run_all, kept, digest)
    task = replace(task, groups=None, signals=Signals(), likely=None, hasty=None)
    panel, pool, terms = whole.panel, course.learned.pool, course.terms
    keys = series_keys(panel.item_id, panel.location_id, task.seed)
    size = task.settings.chunk
    chunks = [slice(start, start + size) for start in range(0, panel.series, size)]
    specs = [
        ChunkSpec(whole.rows(c), keys[c], pool, terms.rows(c), task, course.begin and course.begin.rows(c))
        for c in chunks
    ]
    results = run_all(forecast_chunk, specs)
    ended = _ended(results, course, panel)
    kept = keep(whole, course, digest, ended)
    return Forecast(_paths(panel, task, results), _summary(panel, results), whole, course, kept)


def _course(panel: Panel, task: ForecastTask, run_all: RunAll, kept: Kept | None, digest: str) -> tuple[Part, Course]:
    """Return the history to be read and how the forecast is come by: from what is kept, or learnt anew."""
    clock = clock_of(panel, task.settings)
    why = refusal(kept, panel, task, clock, digest)
    if kept is not None and not why:
        whole = part_of(panel, task, window(kept, panel))
        course = resumed(kept, whole, task, clock)
        if course is not None:
            return whole, course
        why = "other categories than before"
    whole = part_of(panel, task, clock.most)
    learned = fit_pool(whole, task, run_all)
    periods, nothing = whole.panel.units.shape[1], np.zeros(0, dtype=np.int64)
    return whole, Course(learned, hasty_of(panel, task), None, learned.pool, periods, why, nothing, panel.series)


def _digest(panel: Panel, task: ForecastTask) -> str:
    """Return a hash of all that parameters depend on beside the history; a horizon may shrink under them."""
    shared = task.settings, task.paths, task.seed, panel.period, task.signals.names, lightgbm() is not None
    return hashlib.sha256(repr(shared).encode()).hexdigest()


def _check_signals(panel: Panel, task: ForecastTask) -> None:
    """Raise where a signal does not reach over history and horizon of every series."""
    periods = panel.units.shape[1] + task.horizon
    for name, plane in zip(task.signals.names, task.signals.planes, strict=True):
        if plane.shape[1] != periods or len(plane) not in (1, panel.series):
            raise ValueError(f"signal {name!r} has shape {plane.shape}, expected ({panel.series} or 1, {periods})")


def forecast_chunk(spec: ChunkSpec) -> ChunkResult:
    """Return the paths and the summary of one chunk of series."""
    panel, pool, task = spec.part.panel, spec.pool, spec.task
    history = filter_input(spec.part, spec.terms, pool.drifts, task.horizon)
    result = smooth(history, pool.rule, 1, panel.units.shape[1], spec.begin)
    # Returns booked as sales may outweigh them; demand is not negative.
    asleep = _never_sold(panel, task.settings)
    level = np.where(asleep, 0.0, np.maximum(result.level[:, -1], 0.0))
    mean, volume = _means(spec, history, result, level)
    draw = _draw_of(spec, (history, result), (level, mean, volume))
    drawn = draw_paths(draw, pool.library, pool.blocks)
    if task.settings.dependence == "schaake":
        drawn = ordered_as_sold(drawn, result.completed, (pool.blocks, pool.starts, pool.block), spec.keys)
    steps: Steps = drawn
    method = pool.choice.method[volume_class(level)]
    fallen = np.flatnonzero((method == WEEKS) & ~asleep)
    if len(fallen):
        steps[fallen] = weekly_paths(history.units[fallen], pool.weeks, stride_of(panel), task.horizon)
    if max(largest_steps(draw.mean), int(steps.max(initial=0))) <= INT16_MOST:
        steps = steps.astype(np.int16)
    columns = _summary_columns(panel, history, result, pool.rule)
    columns["level"] = level * panel.unit_step
    columns["method"] = _methods(pool, level, asleep, columns["usable_periods"])
    hasty = (spec.terms.volume == HASTY) & ~asleep
    columns["method"] = np.where(hasty, columns["method"] + FOLLOWS, columns["method"])
    short = panel.in_stock_share < 1.0
    seen = np.packbits(short, axis=1), result.completed[short]
    ended = Ended(result.above, result.below, result.level[:, pool.starts], *seen)
    return ChunkResult(steps, columns, ended)


def _means(spec: ChunkSpec, history: FilterInput, result: FilterOutput, level: Floats) -> tuple[Floats, Integers]:
    """Return the mean of every future period in steps, and the row of each series in the library of errors."""
    panel, pool, horizon = spec.part.panel, spec.pool, spec.task.horizon
    mean = level[:, None] * history.factor[:, panel.units.shape[1] :] * pool.align[spec.part.codes[1]]
    volume = volume_class(level)
    boosted = (pool.choice.method[volume] == BOOSTED) & (level > 0.0)
    if pool.boost is None or not boosted.any():
        return mean, volume
    state = feature_state(history, result, spec.part.codes[1], spec.part.signals, pool.calendar)
    fold = folds(panel.item_id, panel.location_id)
    correction = np.where(boosted[:, None], future_corrections(pool.boost, state, fold, horizon), 1.0)
    above = CLASSES + volume_class(level * correction[:, : pool.block].mean(axis=1))
    return mean * correction, np.where(boosted, above, volume)


def _draw_of(spec: ChunkSpec, past: tuple[FilterInput, FilterOutput], future: tuple[Floats, Floats, Integers]) -> Draw:
    """Return what the paths are drawn from."""
    pool, settings, (level, mean, volume) = spec.pool, spec.task.settings, future
    own, classes = own_errors(*past, (pool.starts, pool.block))
    own = alike(own, classes, volume_class(level))
    usable = np.isfinite(own[:, :, 0]).sum(axis=1)
    spread = spreads(own, classes, pool.square, settings.spread_blocks)
    share, shock = usable / (usable + settings.own_blocks), pool.shock[spec.part.codes[1]]
    return Draw(own, mean, volume, share, spread, spec.keys, shock, settings.dependence == "shock")


def _methods(pool: Pool, level: Floats, asleep: npt.NDArray[np.bool_], usable: Integers) -> npt.NDArray[np.object_]:
    """Return in words what serves each series and why."""
    words = np.array([pool.choice.text(c) for c in range(CLASSES)], dtype=object)[volume_class(level)]
    words = np.where(usable > 0, words, "pooled prior × profile")
    return np.where(asleep, "never sold in stock: zero", words)


def _mean_decay(rule: LevelRule) -> Floats:
    """Return the weighted decay of the smoothed levels of every class."""
    weights = rule.weights[:, : len(rule.decays)]
    return np.asarray((weights @ rule.decays) / np.maximum(weights.sum(axis=1), 1e-9))


def _never_sold(panel: Panel, settings: ForecastSettings) -> npt.NDArray[np.bool_]:
    """Return which series never sold although they were in stock for as long as a warm-up."""
    enough = in_stock(panel).sum(axis=1) >= clock_of(panel, settings).warm_up
    return np.asarray(enough & ~(panel.units > 0.0).any(axis=1))


def _summary_columns(panel: Panel, history: FilterInput, result: FilterOutput, rule: LevelRule) -> dict[str, Any]:
    """Return what the forecast of every series rests on."""
    seen = np.isfinite(panel.units)
    censored = seen & (panel.in_stock_share < 1.0)
    recovered = np.where(censored, result.completed - history.units, 0.0).sum(axis=1)
    usable = (seen & ((panel.in_stock_share > 0.0) | (panel.units > 0.0))).sum(axis=1)
    return {
        "level": result.level[:, -1],
        "censored_periods": censored.sum(axis=1),
        "recovered_units": recovered * panel.unit_step,
        "usable_periods": usable,
        "decay": _mean_decay(rule)[history.volume],
    }


def _ended(results: Sequence[ChunkResult], course: Course, panel: Panel) -> Ended:
    """Return where the filter ended in all series."""
    if results:
        return Ended(*(np.concatenate(columns) for columns in zip(*(r.ended for r in results), strict=True)))
    decays, origins = len(course.pool.rule.decays), len(course.pool.starts)
    above, below, level = (np.zeros((0, width)) for width in (decays, decays, origins))
    return Ended(above, below, level, np.packbits(panel.in_stock_share < 1.0, axis=1), np.zeros(0))


def _paths(panel: Panel, task: ForecastTask, results: Sequence[ChunkResult]) -> DemandPaths:
    """Return the paths of all chunks."""
    narrow = all(result.steps.dtype == np.int16 for result in results)
    shape = (panel.series, task.paths, task.horizon)
    steps: Steps = np.empty(shape, dtype=np.int16) if narrow else np.empty(shape, dtype=np.int32)
    at = 0
    for result in results:
        steps[at : at + len(result.steps)] = result.steps
        at += len(result.steps)
    weights = np.full(task.paths, 1.0 / task.paths)
    dates = panel.future_dates(task.horizon)
    return DemandPaths(steps, panel.item_id, panel.location_id, panel.unit_step, dates, weights, task.seed)


def _summary(panel: Panel, results: Sequence[ChunkResult]) -> pa.Table:
    """Return the summary table in the panel's order."""
    names = list(results[0].columns) if results else []
    columns: dict[str, Any] = {
        "item_id": pa.array(panel.item_id.tolist(), pa.string()),
        "location_id": pa.array(panel.location_id.tolist(), pa.string()),
    }
    for name in names:
        columns[name] = pa.array(np.concatenate([result.columns[name] for result in results]))
    return pa.table(columns)
