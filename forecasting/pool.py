"""Pooled parameters of a forecast: profile, drifts, level rule, boosted mean, who is served by what, past errors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from forecasting.boosting import Boost, RunAll
from forecasting.bootstrap import (
    Library,
    block_starts,
    build_library,
    group_shocks,
    joined,
    lasting_errors,
    path_blocks,
    recent_weeks,
    thinned,
)
from forecasting.drift import DriftState
from forecasting.features import Calendar, yearly_sales
from forecasting.history import (
    Clock,
    ForecastTask,
    Part,
    Terms,
    clock_of,
    filter_input,
    fit_drifts,
    own_errors,
    terms_of,
)
from forecasting.keys import series_keys
from forecasting.panel import Floats, Integers
from forecasting.profiles import Profile, fit_profile, positions
from forecasting.selection import Choice
from forecasting.smoothing import CLASSES, LevelRule, fit_rule, hastened, smooth
from forecasting.trials import Models, Sample, boosted_errors, fit_models, sample_of, series_means, trial_origins
from forecasting.upper import Company, alignment, extended


@dataclass(frozen=True)
class Pool:
    """
    Pooled parameters.

    Profile, drifts of products and groups, level rule; boosted mean and the calendar it reads, the choice of methods;
    the library of past errors (classes of the plain mean, then of the boosted), the classes' mean square of plain
    errors, what every group missed at every origin, origins and block; blocks of the paths, and whole past weeks for
    the fallback; the factor of every group in every future period, shape (group, horizon).
    """

    profile: Profile
    drifts: tuple[Floats, ...]
    rule: LevelRule
    boost: Boost | None
    calendar: Calendar
    choice: Choice
    library: Library
    square: Floats
    shock: Floats
    starts: Integers
    block: int
    blocks: Integers
    weeks: Integers
    align: Floats


class Learned(NamedTuple):
    """Pooled parameters, the terms of every series, and the states of the drifts after the last period."""

    pool: Pool
    terms: Terms
    states: tuple[DriftState, ...]


def fit_pool(whole: Part, task: ForecastTask, run_all: RunAll) -> Learned:
    """Return what is learnt of all series."""
    settings, panel = task.settings, whole.panel
    clock = clock_of(panel, settings)
    order = np.argsort(series_keys(panel.item_id, panel.location_id, 0), kind="stable").astype(np.int64)
    chosen = order[: settings.sample]
    profile = fit_profile(panel, whole.codes[1], chosen)
    terms = terms_of(whole, profile)
    drift, states = fit_drifts(whole, terms, clock.drift)
    part = whole.rows(chosen)
    history = filter_input(part, terms.rows(chosen), drift, task.horizon)
    lead = 1 + min(task.horizon, clock.longest) // 2
    rule = fit_rule(history, np.array(clock.decays), lead, clock.warm_up)
    calendar = calendar_of(whole, task.horizon)
    sample = sample_of(part, history, smooth(history, rule, lead, clock.warm_up), calendar, clock.warm_up)
    starts, block = _origins(panel.units.shape[1], task, clock)
    models = fit_models(sample, (starts, block), task, run_all)
    rule = hastened(rule, clock.hasty)
    choice, boost = models.choice, models.boost
    rng = np.random.default_rng([task.seed, 1])
    if boost is not None and settings.boost is not None:
        starts = thinned(starts, settings.boost.origins)
    size = int(whole.codes[1].max(initial=0)) + 1
    library, square, shock = _errors(sample, boost, (starts, block), (task, size), rng)
    length = -(-task.horizon // block)
    blocks = path_blocks(len(starts), task.paths, length, rng)
    weeks = _weeks(panel.units.shape[1], task, clock)
    align = _aligned(whole, (sample, models, part.panel.unit_step), block, task, run_all)
    pool = Pool(
        profile, drift, rule, boost, calendar, choice, library, square, shock, starts, block, blocks, weeks, align
    )
    return Learned(pool, terms, states)


def _errors(
    sample: Sample,
    boost: Boost | None,
    times: tuple[Integers, int],
    wanted: tuple[ForecastTask, int],
    rng: np.random.Generator,
) -> tuple[Library, Floats, Floats]:
    """Return the library of past errors, the classes' mean square of plain ones, and the shocks of every group."""
    (starts, block), (task, size), donors = times, wanted, wanted[0].settings.donors
    own, volume = own_errors(sample.history, sample.result, times)
    usable = np.isfinite(own[:, :, 0])
    expected = np.where(usable, np.maximum(sample.result.level[:, starts], 0.0) * block, 0.0)
    group = sample.state.group
    shock = group_shocks((np.where(usable, own.mean(axis=2), 0.0) * expected, expected), group, size)
    apart = shock[group][:, :, None]
    lasting = _lasting(sample, starts, block, task)
    plain = build_library((own / apart).astype(np.float32), volume, donors, rng)._replace(lasting=lasting)
    if boost is None or task.settings.boost is None:
        return plain, plain.square, shock
    few = sample.rows(task.settings.boost.errors)
    own, volume = boosted_errors(few, boost, times)
    boosted = build_library((own / apart[: len(own)]).astype(np.float32), volume, donors, rng)
    return joined(plain, boosted._replace(lasting=lasting)), plain.square, shock


def _lasting(sample: Sample, starts: Integers, block: int, task: ForecastTask) -> Floats:
    """Return how likely a path stays with its origin for another block; 0 where one block fills the horizon."""
    history = sample.history
    known = starts[starts + 2 * block <= history.units.shape[1]]
    if task.horizon <= block or not len(known):
        return np.zeros(CLASSES)
    return lasting_errors(*own_errors(history, sample.result, (known, 2 * block)))


def moved_on(pool: Pool, drift: tuple[Floats, ...], whole: Part, days: int, task: ForecastTask) -> Pool:
    """Return the pool ``days`` periods after it was fitted: what is learnt stays, what depends on the date follows."""
    clock = clock_of(whole.panel, task.settings)
    return replace(
        pool,
        drifts=drift,
        calendar=calendar_of(whole, task.horizon),
        weeks=_weeks(whole.panel.units.shape[1], task, clock),
        align=extended(pool.align[:, min(days, pool.align.shape[1] - 1) :], task.horizon),
    )


def _weeks(periods: int, task: ForecastTask, clock: Clock) -> Integers:
    """Return the past weeks of every path, for the classes that past weeks serve."""
    rng = np.random.default_rng([task.seed, 4])
    return recent_weeks(periods, clock.stride, task.paths, -(-task.horizon // clock.stride), rng)


def _aligned(
    whole: Part,
    fitted: tuple[Sample, Models, Floats],
    block: int,
    task: ForecastTask,
    run_all: RunAll,
) -> Floats:
    """Return the factor that scales the means of every group to the upper levels, shape (group, horizon)."""
    (sample, models, step), settings = fitted, task.settings.upper
    groups, leads = int(whole.codes[1].max(initial=0)) + 1, min(block, task.horizon)
    if settings is None or not models.choice.tried or whole.panel.period == "week":
        return np.ones((groups, task.horizon))
    now = sample.history.units.shape[1]
    company = Company(
        np.nan_to_num(sample.result.completed) * step[:, None],
        sample.history.factor,
        sample.state.signals.planes,
        sample.state.group,
        series_means(sample, models, leads) * step[:, None, None],
        np.append(trial_origins(sample, block), now),
    )
    return extended(alignment(company, groups, settings, run_all), task.horizon)


def calendar_of(whole: Part, horizon: int) -> Calendar:
    """Return positions in the week or year, and the groups' sales a year before."""
    panel = whole.panel
    dates = np.concatenate([panel.dates, panel.future_dates(horizon)])
    weekly = panel.period == "week"
    steps = panel.units / panel.unit_step[:, None]
    return Calendar(positions(dates, panel.period), weekly, yearly_sales(steps, whole.codes[1], horizon, weekly))


def _origins(periods: int, task: ForecastTask, clock: Clock) -> tuple[Integers, int]:
    """Return the past origins and the length of a block."""
    stride = clock.stride
    block = min(-(-task.horizon // stride) * stride, clock.longest, max(1, periods // 3 // stride * stride))
    starts = block_starts(periods, block, stride, min(clock.warm_up, periods // 3))[-task.settings.most_blocks :]
    return (starts if len(starts) else np.zeros(1, dtype=np.int64)), block
