"""The methods tried side by side on a sample of series at past origins, and the boosted mean fitted where it serves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from forecasting.boosting import (
    FOLDS,
    MISSING_LIBRARY,
    Boost,
    BoostSettings,
    RunAll,
    fit_boost,
    grid_corrections,
    lightgbm,
    training_rows,
)
from forecasting.bootstrap import (
    Draw,
    Library,
    Ratios,
    build_library,
    draw_paths,
    path_blocks,
    recent_weeks,
    thinned,
    weekly_paths,
)
from forecasting.features import Calendar, FeatureState, feature_state
from forecasting.history import ForecastTask, Part, own_errors, stride_of
from forecasting.keys import Keys, series_keys
from forecasting.panel import Floats, Integers, Names
from forecasting.selection import BOOSTED, METHODS, SMOOTHED, WEEKS, Choice, choose, filter_alone, path_losses
from forecasting.smoothing import FilterInput, FilterOutput, volume_class

# Origins on which methods are compared, series and paths of the comparison, blocks of errors it needs at least.
TRIAL_DAYS_ORIGINS, TRIAL_WEEKS_ORIGINS = 2, 4
TRIAL_SERIES = 2_000
TRIAL_PATHS = 100
TRIAL_BLOCKS = 4
TRIAL_ERRORS = 600
TRIAL_DONORS = 64
FEWEST_TRIED = 30


class Sample(NamedTuple):
    """Series that fit the pooled parameters, in the order of their hash: state before every period, folds, keys."""

    history: FilterInput
    result: FilterOutput
    state: FeatureState
    fold: Integers
    keys: Keys
    warm_up: int
    stride: int

    def rows(self, most: int) -> Sample:
        """Return the first series."""
        level, state = self.result.level[:most], self.state
        cut = {name: getattr(state, name)[:most] for name in _PER_SERIES}
        sums = tuple(total if len(total) == 1 else total[:most] for total in state.sums)
        return Sample(
            self.history._replace(**{name: column[:most] for name, column in self.history._asdict().items()}),
            self.result._replace(level=level, completed=self.result.completed[:most]),
            state._replace(**cut, signals=state.signals.rows(slice(0, most)), sums=sums),
            self.fold[:most],
            self.keys[:most],
            self.warm_up,
            self.stride,
        )


_PER_SERIES = ("level", "factor", "sold", "usual", "active", "stocked", "latest", "first", "group")


def folds(item_id: Names, location_id: Names) -> Integers:
    """Return the model each series has no part in, by a hash of its ids, shape (series,)."""
    return (series_keys(item_id, location_id, 0) % np.uint64(FOLDS)).astype(np.int64)


def sample_of(part: Part, history: FilterInput, result: FilterOutput, calendar: Calendar, warm_up: int) -> Sample:
    """Return the sample of a part after one pass of the filter."""
    panel = part.panel
    state = feature_state(history, result, part.codes[1], part.signals, calendar)
    keys = series_keys(panel.item_id, panel.location_id, 0)
    return Sample(history, result, state, folds(panel.item_id, panel.location_id), keys, warm_up, stride_of(panel))


class Models(NamedTuple):
    """Who is served by what; the boosted mean of all past origins, and the one that saw none of the trial origins."""

    choice: Choice
    boost: Boost | None = None
    earlier: Boost | None = None


def fit_models(sample: Sample, blocks: tuple[Integers, int], task: ForecastTask, run_all: RunAll) -> Models:
    """Return the choice of methods, and the boosted means if one serves anybody."""
    settings, (starts, block) = task.settings.boost, blocks
    cut = int(trial_origins(sample, block)[0])
    before = starts[starts + block <= cut]
    if len(before) < TRIAL_BLOCKS or len(sample.keys) < FEWEST_TRIED:
        return Models(filter_alone("too short a history to compare methods"))
    # Weeks without any signal leave the trees only noise around level and season.
    blind = sample.stride == 1 and not sample.state.signals.names
    if settings is None or blind:
        return Models(choose(*_losses(sample, (before, block), None, task)))
    chance = settings, np.random.default_rng([task.seed, 2])
    boost = _fitted(sample, cut, block, chance, run_all)
    choice = choose(*_losses(sample, (before, block), boost, task))
    if lightgbm() is None:
        return Models(Choice(choice.method, choice.score, choice.series, MISSING_LIBRARY))
    if not (choice.method == BOOSTED).any():
        return Models(choice)
    return Models(choice, _fitted(sample, sample.history.units.shape[1], block, chance, run_all), boost)


def _fitted(
    sample: Sample, last: int, block: int, chance: tuple[BoostSettings, np.random.Generator], run_all: RunAll
) -> Boost | None:
    """Return the models fitted to periods before ``last``."""
    history = sample.history
    usable = np.isfinite(history.units) & (history.share >= 1.0)
    rows = training_rows(sample.state, usable, last, block, sample.warm_up)
    weight = np.sqrt(history.scale)
    return fit_boost(sample.state, history.units, rows, (sample.fold, weight), chance, run_all)


def boosted_errors(sample: Sample, boost: Boost, blocks: tuple[Integers, int]) -> tuple[Ratios, Integers]:
    """Return the sample's past errors under the boosted mean, as ``own_errors``."""
    correction = grid_corrections(boost, sample.state, sample.fold, blocks)
    return own_errors(sample.history, sample.result, blocks, correction)


class _Trial(NamedTuple):
    """One method's means at the trial origins (series, origin, period), its library and class (series, origin)."""

    mean: Floats
    library: Library
    volume: Integers


def _losses(
    sample: Sample, blocks: tuple[Integers, int], boost: Boost | None, task: ForecastTask
) -> tuple[Floats, Integers]:
    """Return the loss (method, origin, series) at every trial origin, and the class of the level (origin, series)."""
    before, block = blocks
    rng = np.random.default_rng([task.seed, 3])
    sample = sample.rows(TRIAL_SERIES)
    origins = trial_origins(sample, block)
    at = origins[:, None] + np.arange(block)
    seen = np.isfinite(sample.history.units) & (sample.history.share >= 1.0)
    actual = np.where(seen, sample.history.units, np.nan)[:, at]
    scale = 1.0 / np.sqrt(sample.history.scale)
    before = thinned(before, task.settings.boost.origins if task.settings.boost else len(before))
    picks = path_blocks(len(before), TRIAL_PATHS, 1, rng)
    trials = {SMOOTHED: _trial(sample, None, (before, origins, block), rng)}
    if boost is not None:
        trials[BOOSTED] = _trial(sample, boost, (before, origins, block), rng)
    losses = np.full((len(METHODS), len(origins), len(actual)), np.nan)
    for j, origin in enumerate(origins):
        for method, trial in trials.items():
            losses[method, j] = path_losses(_drawn(sample, trial, j, picks), actual[:, j], scale)
        weeks = recent_weeks(int(origin), sample.stride, TRIAL_PATHS, -(-block // sample.stride), rng)
        past = weekly_paths(sample.history.units[:, :origin], weeks, sample.stride, block)
        losses[WEEKS, j] = path_losses(past, actual[:, j], scale)
    return losses, volume_class(sample.result.level[:, origins]).T


def trial_origins(sample: Sample, block: int) -> Integers:
    """Return the origins on which methods are compared, a block apart; a block of weeks is short against a season."""
    count = TRIAL_WEEKS_ORIGINS if sample.stride == 1 else TRIAL_DAYS_ORIGINS
    return np.asarray(sample.history.units.shape[1] - block * np.arange(count, 0, -1), dtype=np.int64)


def series_means(sample: Sample, models: Models, block: int) -> Floats:
    """
    Return each series' mean in steps at the trial origins, and last at the plan date, shape (series, origin, lead).

    Every origin knows what lay before it alone: trial origins take the boosted mean that saw none of them.
    """
    now = sample.history.units.shape[1]
    origins = np.append(trial_origins(sample, block), now)
    level = np.maximum(sample.result.level[:, origins], 0.0)
    mean = level[:, :, None] * sample.history.factor[:, origins[:, None] + np.arange(block)]
    boosted = models.choice.method[volume_class(level)] == BOOSTED
    for boost, which in ((models.earlier, slice(0, -1)), (models.boost, slice(-1, None))):
        if boost is not None:
            correction = grid_corrections(boost, sample.state, sample.fold, (origins[which], block))
            mean[:, which] *= np.where(boosted[:, which, None], correction, 1.0)
    return np.asarray(mean)


def _trial(
    sample: Sample, boost: Boost | None, times: tuple[Integers, Integers, int], rng: np.random.Generator
) -> _Trial:
    """Return one method at the trial origins, with errors from blocks that end before the first of them."""
    before, origins, block = times
    level = np.maximum(sample.result.level[:, origins], 0.0)
    mean = level[:, :, None] * sample.history.factor[:, origins[:, None] + np.arange(block)]
    donors = sample.rows(TRIAL_ERRORS)
    if boost is None:
        errors = own_errors(donors.history, donors.result, (before, block))
        return _Trial(mean, build_library(*errors, TRIAL_DONORS, rng), volume_class(level))
    correction = grid_corrections(boost, sample.state, sample.fold, (origins, block))
    errors = boosted_errors(donors, boost, (before, block))
    volume = volume_class(level * correction.mean(axis=2))
    return _Trial(mean * correction, build_library(*errors, TRIAL_DONORS, rng), volume)


def _drawn(sample: Sample, trial: _Trial, j: int, picks: Integers) -> npt.NDArray[np.int32]:
    """Return the paths of one trial origin, all errors from donors."""
    series, _, block = trial.mean.shape
    nothing = np.full((series, trial.library.ratios.shape[1], block), np.nan, dtype=np.float32)
    mean, volume = np.ascontiguousarray(trial.mean[:, j]), np.ascontiguousarray(trial.volume[:, j])
    draw = Draw(nothing, mean, volume, np.zeros(series), np.ones(series), sample.keys, np.ones(nothing.shape[:2]))
    return draw_paths(draw, trial.library, picks)
