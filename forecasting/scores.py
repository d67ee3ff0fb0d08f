"""Scores of quantiles and sample paths: smaller is better, coverage near its level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from forecasting.panel import Floats

# The nine levels of the M5 uncertainty competition (Makridakis et al. 2022).
M5_LEVELS = (0.005, 0.025, 0.165, 0.25, 0.5, 0.75, 0.835, 0.975, 0.995)


def pinball(actual: Floats, quantile: Floats, level: float) -> Floats:
    """
    Return the pinball loss of a quantile forecast, in units, in the common shape of its arguments.

    level (y - q) if y >= q, else (1 - level) (q - y). Koenker and Bassett (1978).
    """
    error = actual - quantile
    return np.maximum(level * error, (level - 1.0) * error)


def mean_change(history: Floats, from_first_sale: bool = False) -> Floats:
    """
    Return each series' mean absolute first difference, the scale of the scaled pinball loss, shape (series,).

    Parameters
    ----------
    history : array, shape (series, period)
        Recorded sales before the origin; NaN periods are left out.
    from_first_sale : bool
        Start at the first non-zero sale, as the M5 competition does.
    """
    seen = np.isfinite(history)
    if from_first_sale:
        seen &= np.cumsum(np.nan_to_num(history) > 0.0, axis=1) > 0
    pairs = seen[:, 1:] & seen[:, :-1]
    change = np.where(pairs, np.abs(np.diff(np.nan_to_num(history), axis=1)), 0.0)
    return np.asarray(change.sum(axis=1) / np.maximum(pairs.sum(axis=1), 1))


def scaled_pinball(
    actual: Floats, quantiles: Floats, levels: Sequence[float], scale: Floats, kept: npt.NDArray[np.bool_]
) -> float:
    """
    Return the mean over the kept cells of the pinball loss, averaged over the levels, over the series' scale.

    Parameters
    ----------
    actual : array, shape (series, period)
    quantiles : array, shape (series, period, level)
    levels : sequence of float
    scale : array, shape (series,)
        See ``mean_change``; series of scale 0 are left out.
    kept : array of bool, shape (series, period)
        Cells that count, for instance those fully in stock.

    Raises
    ------
    ValueError
        If no cell is kept.
    """
    counted = kept & (scale > 0.0)[:, None]
    if not counted.any():
        raise ValueError("no cell is left to score")
    loss = np.mean([pinball(actual, quantiles[:, :, j], level) for j, level in enumerate(levels)], axis=0)
    return float((loss / np.where(scale > 0.0, scale, 1.0)[:, None])[counted].mean())


def crps(actual: Floats, samples: Floats) -> Floats:
    """
    Return the continuous ranked probability score of equally likely samples, in units, shape (series,).

    E|X - y| - E|X - X'| / 2 with X, X' independent draws from the samples. Gneiting and Raftery (2007).

    Parameters
    ----------
    actual : array, shape (series,)
        For instance the sum over the lead time.
    samples : array, shape (series, path)
    """
    ordered = np.sort(samples, axis=1)
    count = ordered.shape[1]
    near = np.abs(ordered - actual[:, None]).mean(axis=1)
    weights = 2.0 * np.arange(1, count + 1) - count - 1.0
    return np.asarray(near - (ordered * weights).sum(axis=1) / count**2)


def coverage(actual: Floats, samples: Floats, level: float) -> float:
    """Return the share of series whose actual (series,) is at most the samples' quantile (series, path)."""
    quantile = np.quantile(samples, level, axis=1, method="inverted_cdf")
    return float(np.mean(actual <= quantile))


def transforms(actual: Floats, samples: Floats, rng: np.random.Generator) -> Floats:
    """
    Return the randomised probability transform of every actual, uniform where a forecast is right, shape (series,).

    Counts make P(Y <= q) exceed its level even for a perfect forecast; u, uniform between the samples' shares below and
    up to the actual, does not (Czado, Gneiting and Held 2009).

    Parameters
    ----------
    actual : array, shape (series,)
    samples : array, shape (series, path)
    """
    below = (samples < actual[:, None]).mean(axis=1)
    up_to = (samples <= actual[:, None]).mean(axis=1)
    return np.asarray(below + (up_to - below) * rng.random(len(actual)))


def coverage_at_random(
    actual: Floats, samples: Floats, levels: Sequence[float], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Return the share of series whose randomised transform lies below each level, shape (level,)."""
    u = transforms(actual, samples, rng)
    return np.array([float(np.mean(u <= level)) for level in levels])


def deciles(transform: Floats) -> npt.NDArray[np.float64]:
    """Return the share of transforms in each tenth of (0, 1), shape (10,): .1 each where a forecast is right."""
    place = np.minimum((transform * 10.0).astype(np.int64), 9)
    return np.bincount(place, minlength=10) / max(len(transform), 1)


def weighted_scaled_pinball(
    actual: Floats, quantiles: Floats, levels: Sequence[float], scale: Floats, weight: Floats
) -> float:
    """
    Return WSPL, the loss of the M5 uncertainty competition: scaled pinball of every series, weighted.

    Parameters
    ----------
    actual : array, shape (series, period)
    quantiles : array, shape (series, period, level)
    levels : sequence of float
    scale : array, shape (series,)
        See ``mean_change``, from the first sale on; series of scale 0 are left out.
    weight : array, shape (series,)
        For instance sales in money of the last 28 days; scaled to sum to 1 over the series that count.

    Raises
    ------
    ValueError
        If no series counts.
    """
    counted = (scale > 0.0) & (weight > 0.0)
    if not counted.any():
        raise ValueError("no series is left to score")
    loss = np.mean([pinball(actual, quantiles[:, :, j], level) for j, level in enumerate(levels)], axis=0).mean(axis=1)
    return float(np.average(loss[counted] / scale[counted], weights=weight[counted]))


def mean_square_change(history: Floats) -> Floats:
    """Return each series' mean squared first difference from its first sale on, the scale of RMSSE, shape (series,)."""
    begun = np.cumsum(np.nan_to_num(history) > 0.0, axis=1) > 0
    pairs = begun[:, :-1] & np.isfinite(history[:, 1:])
    change = np.where(pairs, np.diff(np.nan_to_num(history), axis=1) ** 2, 0.0)
    return np.asarray(change.sum(axis=1) / np.maximum(pairs.sum(axis=1), 1))


def weighted_rmsse(actual: Floats, mean: Floats, scale: Floats, weight: Floats) -> float:
    """
    Return WRMSSE, the loss of the M5 accuracy competition (Makridakis et al. 2022).

    sum_i w_i sqrt(mean_t (y_it - m_it)^2 / scale_i), the weights summing to 1.

    Parameters
    ----------
    actual, mean : array, shape (series, period)
    scale : array, shape (series,)
        See ``mean_square_change``; series of scale 0 are left out.
    weight : array, shape (series,)

    Raises
    ------
    ValueError
        If no series counts.
    """
    counted = (scale > 0.0) & (weight > 0.0)
    if not counted.any():
        raise ValueError("no series is left to score")
    square = ((actual - mean)[counted] ** 2).mean(axis=1)
    return float(np.average(np.sqrt(square / scale[counted]), weights=weight[counted]))
