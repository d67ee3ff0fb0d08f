r"""
From a panel to joint demand paths: profile, level, paths.

    m_ih = level_i f_ih            mean of series i in future period h
    D_ish                          path s of it, see ``bootstrap``

Pooled parameters are estimated once, from a sample of series chosen by their ids; the series themselves are then
treated chunk by chunk, each chunk from the pooled parameters and its own history alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from forecasting.bootstrap import (
    INT16_MOST,
    Draw,
    Library,
    Ratios,
    block_starts,
    build_library,
    draw_paths,
    largest_steps,
    own_ratios,
    path_blocks,
    spreads,
)
from forecasting.keys import Keys, series_keys
from forecasting.panel import Floats, Integers, Panel
from forecasting.paths import DemandPaths, Steps
from forecasting.profiles import Profile, fit_profile, in_stock, series_factors
from forecasting.smoothing import FilterInput, FilterOutput, LevelRule, fit_rule, smooth, volume_class

RunAll = Callable[[Callable[[Any], Any], Sequence[Any]], list[Any]]


def one_by_one(function: Callable[[Any], Any], specs: Sequence[Any]) -> list[Any]:
    """Run a function over specs in this process."""
    return [function(spec) for spec in specs]


@dataclass(frozen=True)
class ForecastSettings:
    """
    Settings of the level × profile forecast; periods are days or weeks as the panel's.

    Parameters
    ----------
    day_decays, week_decays : tuple of float
        Decays combined into the level, the last one is the own mean.
    warm_up_days, warm_up_weeks : int
        Periods a series needs before its origins count.
    longest_block_days, longest_block_weeks : int
        Longest block of errors; a longer horizon chains blocks.
    most_blocks : int
        Latest past origins used.
    own_blocks : float
        Usable blocks at which half of a series' paths come from its own history [n_0].
    spread_blocks : float
        Blocks of the class's spread added to a series' own.
    donors : int
        Most donors per class and origin.
    sample : int
        Series that fit the pooled parameters.
    chunk : int
        Series per chunk; never changes a result.
    """

    day_decays: tuple[float, ...] = (0.75, 0.87, 0.95, 1.0)
    week_decays: tuple[float, ...] = (0.7, 0.85, 0.95, 1.0)
    warm_up_days: int = 14
    warm_up_weeks: int = 8
    longest_block_days: int = 28
    longest_block_weeks: int = 8
    most_blocks: int = 104
    own_blocks: float = 10.0
    spread_blocks: float = 4.0
    donors: int = 64
    sample: int = 8_000
    chunk: int = 2_500


@dataclass(frozen=True)
class ForecastTask:
    """What is asked: periods from the plan date, paths, seed, settings, and pooling groups (series,) or None."""

    horizon: int
    paths: int
    seed: int
    settings: ForecastSettings = field(default_factory=ForecastSettings)
    groups: Integers | None = None

    def __post_init__(self) -> None:
        if self.horizon < 1 or self.paths < 1:
            raise ValueError(f"horizon and paths must be at least 1, found {self.horizon} and {self.paths}")


@dataclass(frozen=True)
class Forecast:
    """
    Joint paths and, per series, what they rest on.

    ``summary`` has the columns item_id, location_id, level (units per period), censored_periods, recovered_units
    (completed minus recorded), usable_periods, decay (weighted) and method (in words).
    """

    paths: DemandPaths
    summary: pa.Table


@dataclass(frozen=True)
class Pool:
    """Pooled parameters: profile, level rule, library of errors, their origins and block length, blocks of a path."""

    profile: Profile
    rule: LevelRule
    library: Library
    starts: Integers
    block: int
    blocks: Integers


@dataclass(frozen=True)
class ChunkSpec:
    """Everything one chunk of series needs."""

    panel: Panel
    groups: Integers
    prior: Floats
    keys: Keys
    pool: Pool
    task: ForecastTask


@dataclass(frozen=True)
class ChunkResult:
    """Paths of one chunk and its columns of the summary."""

    steps: Steps
    columns: dict[str, Any]


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


def forecast_task(panel: Panel, task: ForecastTask, run_all: RunAll = one_by_one) -> Forecast:
    """Return the forecast of a task; see ``forecast``."""
    if panel.units.shape[1] < 1:
        raise ValueError("the panel has no period before the plan date")
    groups = _group_codes(panel, task.groups)
    pool = fit_pool(panel, groups, task)
    keys = series_keys(panel.item_id, panel.location_id, task.seed)
    prior = prior_means(panel, groups)
    size = task.settings.chunk
    parts = [slice(start, start + size) for start in range(0, panel.series, size)]
    specs = [ChunkSpec(panel.rows(part), groups[part], prior[part], keys[part], pool, task) for part in parts]
    return _gather(panel, task, run_all(forecast_chunk, specs))


def _group_codes(panel: Panel, groups: Integers | None) -> Integers:
    """Return pooling groups numbered from 0."""
    if groups is None:
        return np.zeros(panel.series, dtype=np.int64)
    if groups.shape != (panel.series,):
        raise ValueError(f"groups must have one code per series ({panel.series}), found shape {groups.shape}")
    return np.unique(groups, return_inverse=True)[1].astype(np.int64)


def fit_pool(panel: Panel, groups: Integers, task: ForecastTask) -> Pool:
    """Return the pooled parameters of a panel."""
    settings = task.settings
    profile = fit_profile(panel, groups)
    order = np.argsort(series_keys(panel.item_id, panel.location_id, 0), kind="stable")
    chosen = order[: settings.sample].astype(np.int64)
    sample, prior = panel.rows(chosen), prior_means(panel, groups)[chosen]
    factors = series_factors(sample, profile, groups[chosen], task.horizon)[0]
    history = filter_input(sample, factors, prior)
    warm_up, stride, longest, decays = _clock(panel, settings)
    rule = fit_rule(
        history, np.array(decays), 1 + task.horizon // 2 if task.horizon < longest else longest // 2, warm_up
    )
    periods = panel.units.shape[1]
    block = min(-(-task.horizon // stride) * stride, longest, max(1, periods // 3 // stride * stride))
    starts = block_starts(periods, block, stride, min(warm_up, periods // 3))[-settings.most_blocks :]
    starts = starts if len(starts) else np.zeros(1, dtype=np.int64)
    own, volume = _own(sample, history, smooth(history, rule, 1, warm_up), (starts, block))
    rng = np.random.default_rng([task.seed, 1])
    library = build_library(own, volume, settings.donors, rng)
    blocks = path_blocks(len(starts), task.paths, -(-task.horizon // block), rng)
    return Pool(profile, rule, library, starts, block, blocks)


def _clock(panel: Panel, settings: ForecastSettings) -> tuple[int, int, int, tuple[float, ...]]:
    """Return warm-up, stride of origins, longest block and decays in the panel's periods."""
    if panel.period == "week":
        return settings.warm_up_weeks, 1, settings.longest_block_weeks, settings.week_decays
    return settings.warm_up_days, 7, settings.longest_block_days, settings.day_decays


def prior_means(panel: Panel, groups: Integers) -> Floats:
    """Return what is expected of a series before it is seen, in units: its item elsewhere, else its group."""
    seen = in_stock(panel)
    periods = seen.sum(axis=1)
    means = np.where(seen, panel.units, 0.0).sum(axis=1) / np.maximum(periods, 1)
    items = np.unique(panel.item_id, return_inverse=True)[1] if panel.series else np.zeros(0, dtype=np.int64)
    known = periods > 0
    overall = float(means[known].mean()) if known.any() else 0.0
    group = _code_means(means, known, groups, np.full(panel.series, overall))
    return _code_means(means, known, items, group)


def _code_means(means: Floats, known: npt.NDArray[np.bool_], codes: Integers, fallback: Floats) -> Floats:
    """Return the mean of the known series with the same code, the fallback where there is none."""
    size = int(codes.max(initial=0)) + 1
    count = np.bincount(codes[known], minlength=size)
    total = np.bincount(codes[known], weights=means[known], minlength=size)
    return np.asarray(np.where(count[codes] > 0, total[codes] / np.maximum(count[codes], 1), fallback))


def filter_input(panel: Panel, factors: Floats, prior: Floats) -> FilterInput:
    """Return the history of a panel in steps, as the filter reads it."""
    steps = panel.units / panel.unit_step[:, None]
    seen = in_stock(panel)
    mean = np.where(seen, steps, 0.0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    pairs = seen[:, 1:] & seen[:, :-1]
    change = np.where(pairs, np.abs(np.diff(steps, axis=1)), 0.0).sum(axis=1) / np.maximum(pairs.sum(axis=1), 1)
    scale = np.maximum(np.maximum(change, SMALLEST_CHANGE * mean), SMALLEST_STEPS)
    return FilterInput(
        steps, panel.in_stock_share, factors, prior / panel.unit_step, volume_class(mean), 1.0 / scale**2
    )


SMALLEST_CHANGE = 0.25
SMALLEST_STEPS = 0.05


def _own(
    panel: Panel, history: FilterInput, result: FilterOutput, blocks: tuple[Integers, int]
) -> tuple[Ratios, Integers]:
    """Return the ratios (series, block, period) of every past origin and the class of its level (series, block)."""
    starts, length = blocks
    at = np.minimum(starts[:, None] + np.arange(length), history.units.shape[1] - 1)
    level = result.level[:, starts]
    missing = ~(np.isfinite(history.units) & ((history.share > 0.0) | (history.units > 0.0)))
    ratios = own_ratios(level[:, :, None] * history.factor[:, at], result.completed[:, at], missing[:, at])
    return ratios, volume_class(level)


def forecast_chunk(spec: ChunkSpec) -> ChunkResult:
    """Return the paths and the summary of one chunk of series."""
    panel, pool, task = spec.panel, spec.pool, spec.task
    past, future = series_factors(panel, pool.profile, spec.groups, task.horizon)
    history = filter_input(panel, past, spec.prior)
    result = smooth(history, pool.rule, 1, panel.units.shape[1])
    level = np.where(_never_sold(panel), 0.0, result.level[:, -1])
    own, volume = _own(panel, history, result, (pool.starts, pool.block))
    usable = np.isfinite(own[:, :, 0]).sum(axis=1)
    draw = Draw(
        own,
        level[:, None] * future,
        volume_class(level),
        usable / (usable + task.settings.own_blocks),
        spreads(own, volume, pool.library, task.settings.spread_blocks),
        spec.keys,
    )
    steps: Steps = draw_paths(draw, pool.library, pool.blocks)
    if largest_steps(draw.mean) <= INT16_MOST:
        steps = steps.astype(np.int16)
    return ChunkResult(steps, _summary_columns(panel, history, result, level, pool.rule))


def _never_sold(panel: Panel) -> npt.NDArray[np.bool_]:
    """Return which series were in stock at some time and never sold."""
    return np.asarray(in_stock(panel).any(axis=1) & ~(panel.units > 0.0).any(axis=1))


def _summary_columns(
    panel: Panel, history: FilterInput, result: FilterOutput, level: Floats, rule: LevelRule
) -> dict[str, Any]:
    """Return what the forecast of every series rests on."""
    seen = np.isfinite(panel.units)
    censored = seen & (panel.in_stock_share < 1.0)
    recovered = np.where(censored, result.completed - history.units, 0.0).sum(axis=1)
    usable = (seen & ((panel.in_stock_share > 0.0) | (panel.units > 0.0))).sum(axis=1)
    method = np.where(usable > 0, "smoothed level × profile", "pooled prior × profile")
    return {
        "level": level * panel.unit_step,
        "censored_periods": censored.sum(axis=1),
        "recovered_units": recovered * panel.unit_step,
        "usable_periods": usable,
        "decay": (rule.weights @ rule.decays)[history.volume],
        "method": np.where(_never_sold(panel), "never sold in stock: zero", method),
    }


def _gather(panel: Panel, task: ForecastTask, results: Sequence[ChunkResult]) -> Forecast:
    """Join the chunks."""
    narrow = all(result.steps.dtype == np.int16 for result in results)
    shape = (panel.series, task.paths, task.horizon)
    steps: Steps = np.empty(shape, dtype=np.int16) if narrow else np.empty(shape, dtype=np.int32)
    at = 0
    for result in results:
        steps[at : at + len(result.steps)] = result.steps
        at += len(result.steps)
    weights = np.full(task.paths, 1.0 / task.paths)
    paths = DemandPaths(
        steps, panel.item_id, panel.location_id, panel.unit_step, panel.future_dates(task.horizon), weights, task.seed
    )
    return Forecast(paths, _summary(panel, results))


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
