r"""
Which method serves which class, decided on past origins.

Three methods forecast a sample of series from the last origins whose outcome is known, each from what lay before:

    past weeks        whole weeks as they were (weekly-block bootstrap), half-life eight weeks
    level × profile   the filter, its errors from donors of the same volume
    boosted           the same with the boosted mean

Score of a series: pinball loss over nine levels of the single periods, plus that of their sum, over the series' scale.
The filter serves a class unless another method's mean loss is lower at every origin, and over all by more than one
standard error of the paired differences: a gain that could be chance is not worth a second model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting.panel import Floats, Integers
from forecasting.scores import M5_LEVELS, pinball
from forecasting.smoothing import CLASSES

METHODS = ("whole past weeks", "smoothed level × profile", "boosted mean on the smoothed level")
WEEKS, SMOOTHED, BOOSTED = range(len(METHODS))
# A class with fewer series than this follows the decision for all.
FEWEST_SERIES = 40


@dataclass(frozen=True)
class Choice:
    """
    Methods by class of volume.

    Parameters
    ----------
    method : array, shape (class,)
        Place in ``METHODS``.
    score : array, shape (class, method)
        Mean scaled loss at the past origins, NaN where not tried.
    series : array, shape (class,)
        Series the scores rest on.
    note : str
        Why, where nothing was tried.
    """

    method: Integers
    score: Floats
    series: Integers
    note: str = ""

    @property
    def tried(self) -> bool:
        """Whether the methods were compared on past origins."""
        return bool(self.series.any())

    def text(self, volume: int) -> str:
        """Return what serves a class and why, in words."""
        name = METHODS[int(self.method[volume])]
        if self.note:
            return f"{name} ({self.note})"
        scores = ", ".join(
            f"{METHODS[m]} {value:.3f}" for m, value in enumerate(self.score[volume]) if np.isfinite(value)
        )
        return f"{name} (loss at past origins: {scores}; {int(self.series[volume])} series)"


def filter_alone(note: str) -> Choice:
    """Return the choice of the filter for every class, untried."""
    empty = np.full((CLASSES, len(METHODS)), np.nan)
    return Choice(np.full(CLASSES, SMOOTHED), empty, np.zeros(CLASSES, dtype=np.int64), note)


def path_losses(steps: npt.NDArray[np.int32], actual: Floats, scale: Floats) -> Floats:
    """
    Return each series' loss, mean over periods plus that of their sum a period; NaN where no period is known.

    Parameters
    ----------
    steps : array, shape (series, path, period)
    actual : array, shape (series, period)
        NaN where demand is not known.
    scale : array, shape (series,)
    """
    known = np.isfinite(actual)
    held = np.where(known[:, None, :], steps, 0)
    total = np.where(known, actual, 0.0).sum(axis=1)
    ranks = np.minimum(np.ceil(np.array(M5_LEVELS) * steps.shape[1]).astype(int), steps.shape[1]) - 1
    daily = np.sort(held, axis=1)[:, ranks]
    sums = np.sort(held.sum(axis=2), axis=1)[:, ranks]
    count = np.maximum(known.sum(axis=1), 1)
    loss = np.zeros(len(actual))
    for j, level in enumerate(M5_LEVELS):
        single = np.where(known, pinball(np.nan_to_num(actual), daily[:, j], level), 0.0).sum(axis=1)
        loss += (single + pinball(total, sums[:, j], level)) / count
    return np.where(known.any(axis=1) & (scale > 0.0), loss / len(M5_LEVELS) / np.maximum(scale, 1e-9), np.nan)


def choose(losses: Floats, volume: Integers) -> Choice:
    """
    Return the method of every class.

    Parameters
    ----------
    losses : array, shape (method, origin, series)
        NaN where nothing is known, or a method was not tried.
    volume : array, shape (origin, series)
        Class of each case.
    """
    known = np.isfinite(losses[SMOOTHED])
    everyone = _best(losses, known)
    method = np.full(CLASSES, everyone)
    score, series = np.full((CLASSES, len(METHODS)), np.nan), np.zeros(CLASSES, dtype=np.int64)
    for c in range(CLASSES):
        inside = (volume == c) & known
        series[c] = np.count_nonzero(inside)
        few = series[c] < FEWEST_SERIES
        counted = known if few else inside
        if counted.any():
            score[c] = losses[:, counted].mean(axis=1)
        if not few:
            method[c] = _best(losses, inside)
    return Choice(method, score, series)


def _best(losses: Floats, counted: npt.NDArray[np.bool_]) -> int:
    """Return the method to use for some cases: the filter unless another is better beyond chance."""
    chosen = SMOOTHED
    for rival in (BOOSTED, WEEKS):
        gain = np.where(counted, losses[chosen] - losses[rival], 0.0)
        cases = np.count_nonzero(counted)
        # Series share what an origin brought: a gain must show at each.
        everywhere = bool((gain.sum(axis=1)[counted.any(axis=1)] > 0.0).all())
        if cases > 1 and everywhere and gain[counted].mean() > gain[counted].std() / np.sqrt(cases):
            chosen = rival
    return chosen
