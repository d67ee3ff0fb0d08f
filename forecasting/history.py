"""What is asked of a forecast, and the history of some series as the filter reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from forecasting.boosting import BoostSettings
from forecasting.bootstrap import Ratios, own_ratios
from forecasting.dependence import Dependence
from forecasting.drift import DriftState, drifts, no_drift
from forecasting.launches import launch_factors
from forecasting.panel import Floats, Integers, Panel
from forecasting.priors import Priors, fit_priors
from forecasting.profiles import Profile, in_stock, positions, series_factors
from forecasting.signals import Signals
from forecasting.smoothing import HASTY, FilterInput, FilterOutput, volume_class
from forecasting.upper import UpperSettings

SMALLEST_CHANGE = 0.25
SMALLEST_STEPS = 0.05


@dataclass(frozen=True)
class ForecastSettings:
    """
    Settings of the level × profile forecast; periods are days or weeks as the panel's.

    Parameters
    ----------
    day_decays, week_decays : tuple of float
        Decays combined into the level, the last one is the own mean.
    day_drift, week_drift : float
        Decay of the drift of products and groups.
    warm_up_days, warm_up_weeks : int
        Periods a series needs before its origins count.
    longest_block_days, longest_block_weeks : int
        Longest block of errors; a longer horizon chains blocks.
    most_blocks : int
        Latest past origins used.
    most_days, most_weeks : int
        Latest periods read; what is older says little about tomorrow.
    day_hasty, week_hasty : float
        Decay of the level of a series whose forecast errs to one side.
    refit_days, refit_weeks : int
        Periods after which what is learnt from all series is learnt anew; until then levels alone go on.
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
    boost : BoostSettings, optional
        Limits of the boosted mean; None leaves it out.
    upper : UpperSettings, optional
        Limits of the models of groups and total; None leaves the sums as they are.
    dependence : {"shock", "schaake", "independent"}
        What the paths of different series have in common; see ``dependence``.
    """

    day_decays: tuple[float, ...] = (0.8, 0.9, 0.97, 0.99, 1.0)
    week_decays: tuple[float, ...] = (0.7, 0.85, 0.95, 1.0)
    day_drift: float = 0.5
    week_drift: float = 0.5
    day_hasty: float = 0.9
    week_hasty: float = 0.85
    warm_up_days: int = 14
    warm_up_weeks: int = 8
    longest_block_days: int = 28
    longest_block_weeks: int = 8
    most_blocks: int = 104
    most_days: int = 1_096
    most_weeks: int = 209
    refit_days: int = 7
    refit_weeks: int = 4
    own_blocks: float = 100.0
    spread_blocks: float = 8.0
    donors: int = 128
    sample: int = 8_000
    chunk: int = 2_500
    boost: BoostSettings | None = field(default_factory=BoostSettings)
    upper: UpperSettings | None = field(default_factory=UpperSettings)
    dependence: Dependence = "shock"


@dataclass(frozen=True)
class ForecastTask:
    """
    What is asked: periods from the plan date, paths, seed and settings.

    ``groups`` (series,) are codes of series that share a profile, or None; ``signals`` reach over history and horizon;
    ``likely`` (series,) is what an item that never sold is expected to sell a period in units, NaN where nothing says;
    ``hasty`` (series,) whose level should follow sales fast.
    """

    horizon: int
    paths: int
    seed: int
    settings: ForecastSettings = field(default_factory=ForecastSettings)
    groups: Integers | None = None
    signals: Signals = field(default_factory=Signals)
    likely: Floats | None = None
    hasty: npt.NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if self.horizon < 1 or self.paths < 1:
            raise ValueError(f"horizon and paths must be at least 1, found {self.horizon} and {self.paths}")


class Clock(NamedTuple):
    """Settings in the panel's own periods."""

    warm_up: int
    stride: int
    longest: int
    decays: tuple[float, ...]
    drift: float
    hasty: float
    most: int
    refit: int


@dataclass(frozen=True)
class Part:
    """Some series: panel, codes of product and group (layer, series), priors, signals."""

    panel: Panel
    codes: Integers
    prior: Priors
    signals: Signals = field(default_factory=Signals)

    def rows(self, chosen: slice | Integers) -> Part:
        """Return some of the series."""
        prior = Priors(self.prior.mean[chosen], self.prior.weight[chosen])
        return Part(self.panel.rows(chosen), self.codes[:, chosen], prior, self.signals.rows(chosen))


def codes_of(panel: Panel, groups: Integers | None) -> Integers:
    """Return the codes of product and pooling group, each numbered from 0, shape (2, series)."""
    groups = np.zeros(panel.series, dtype=np.int64) if groups is None else groups
    if groups.shape != (panel.series,):
        raise ValueError(f"groups must have one code per series ({panel.series}), found shape {groups.shape}")
    products = np.unique(panel.item_id, return_inverse=True)[1]
    return np.stack([products, np.unique(groups, return_inverse=True)[1]]).astype(np.int64)


class Terms(NamedTuple):
    """
    What is estimated of a series and then held.

    ``factor`` (series, position) and ``launch`` (series, week); ``prior`` in steps and the periods it counts for,
    ``weight``; ``volume`` class and ``scale`` as one over its square (series,).
    """

    factor: Floats
    launch: Floats
    prior: Floats
    weight: Floats
    volume: Integers
    scale: Floats

    def rows(self, chosen: slice | Integers) -> Terms:
        """Return the terms of some series."""
        shapes, prior = (self.factor[chosen], self.launch[chosen]), (self.prior[chosen], self.weight[chosen])
        return Terms(*shapes, *prior, self.volume[chosen], self.scale[chosen])

    def hastened(self, hasty: npt.NDArray[np.bool_]) -> Terms:
        """Return the terms under which the level of some series follows sales fast."""
        return self._replace(volume=np.where(hasty, HASTY, self.volume))


def terms_of(part: Part, profile: Profile) -> Terms:
    """Return the terms of some series from their history."""
    panel = part.panel
    steps, seen = panel.units / panel.unit_step[:, None], in_stock(panel)
    mean = np.where(seen, steps, 0.0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    pairs = seen[:, 1:] & seen[:, :-1]
    change = np.where(pairs, np.abs(np.diff(steps, axis=1)), 0.0).sum(axis=1) / np.maximum(pairs.sum(axis=1), 1)
    scale = np.maximum(np.maximum(change, SMALLEST_CHANGE * mean), SMALLEST_STEPS)
    factor = series_factors(panel, profile, part.codes[1])
    launch = profile.launch[np.minimum(part.codes[1], len(profile.launch) - 1)]
    prior = part.prior.mean / panel.unit_step
    return Terms(factor, launch, prior, part.prior.weight, volume_class(mean), 1.0 / scale**2)


def fit_drifts(
    whole: Part, terms: Terms, decay: float, begin: tuple[int, Sequence[DriftState]] | None = None
) -> tuple[tuple[Floats, ...], tuple[DriftState, ...]]:
    """
    Return the drift of products and of groups, shape (code, period + 1) each, and their states after the last period.

    ``begin`` is a period and the states before it; what lies before that period is then 1 and not to be read.
    """
    first, states = begin or (0, [no_drift(terms.prior, terms.weight, codes) for codes in whole.codes])
    history = filter_input(whole, terms, ())
    periods = whole.panel.units.shape[1]
    steps = history.units[:, first:], history.share[:, first:], history.factor[:, first:periods]
    found = [drifts(steps, s, terms.scale, codes, decay) for s, codes in zip(states, whole.codes, strict=True)]
    padded = tuple(np.pad(course, ((0, 0), (first, 0)), constant_values=1.0) for course, _ in found)
    return padded, tuple(state for _, state in found)


def clock_of(panel: Panel, settings: ForecastSettings) -> Clock:
    """Return the settings that depend on the panel's period."""
    if panel.period == "week":
        weeks = settings.longest_block_weeks, settings.week_decays, settings.week_drift, settings.week_hasty
        return Clock(settings.warm_up_weeks, 1, *weeks, settings.most_weeks, settings.refit_weeks)
    days = settings.longest_block_days, settings.day_decays, settings.day_drift, settings.day_hasty
    return Clock(settings.warm_up_days, 7, *days, settings.most_days, settings.refit_days)


def part_of(panel: Panel, task: ForecastTask, periods: int) -> Part:
    """Return all series of a panel with what the task knows of them, of their last periods."""
    panel = panel.latest(periods)
    codes = codes_of(panel, task.groups)
    signals = task.signals.latest(panel.units.shape[1] + task.horizon)
    return Part(panel, codes, fit_priors(panel, codes, task.likely), signals)


def filter_input(part: Part, terms: Terms, drift: Sequence[Floats], horizon: int = 1) -> FilterInput:
    """Return the history of some series in steps, as the filter reads it, and the factors of the horizon."""
    panel = part.panel
    steps = panel.units / panel.unit_step[:, None]
    factor = terms.factor[:, positions(np.concatenate([panel.dates, panel.future_dates(horizon)]), panel.period)]
    if (terms.launch != 1.0).any():
        factor = factor * launch_factors(panel, terms.launch, horizon)
    layers = [layer[codes] for layer, codes in zip(drift, part.codes, strict=False)]
    moved = np.stack(layers, axis=1) if layers else np.ones((len(steps), 0, steps.shape[1] + 1))
    # One memory layout, so that the kernel is compiled once.
    units, share, factor = (np.ascontiguousarray(a) for a in (steps, panel.in_stock_share, factor))
    prior = terms.prior, terms.weight
    return FilterInput(units, share, factor, *prior, terms.volume, terms.scale, np.ascontiguousarray(moved))


def own_errors(
    history: FilterInput, result: FilterOutput, blocks: tuple[Integers, int], correction: Floats | None = None
) -> tuple[Ratios, Integers]:
    """
    Return the ratios (series, block, period) of every past origin and the class of its level (series, block).

    ``correction`` (series, block, period) is what the boosted mean made of level × profile there.
    """
    starts, length = blocks
    at = np.minimum(starts[:, None] + np.arange(length), history.units.shape[1] - 1)
    level = result.level[:, starts]
    missing = ~(np.isfinite(history.units) & (history.share >= 1.0))
    expected = level[:, :, None] * history.factor[:, at]
    if correction is not None:
        expected *= correction
        level = level * correction.mean(axis=2)
    return own_ratios(expected, result.completed[:, at], missing[:, at]), volume_class(level)


def stride_of(panel: Panel) -> int:
    """Return the periods in a week."""
    return 1 if panel.period == "week" else 7
