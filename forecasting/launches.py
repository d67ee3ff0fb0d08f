r"""
The launch: how the first weeks of an item at a place compare with where it settles.

For launch i with x_iw the mean of its periods in stock in week w since it was first seen, m_i that of weeks W to 2W,

    c_w  = (sum_i x_iw / sqrt(m_i) + k b) / (sum_i m_i / sqrt(m_i) + k b)          all launches
    c_gw = (sum_{i in g} x_iw / sqrt(m_i) + k b c_w) / (sum_{i in g} sqrt(m_i) + k b)       group, shrunk to all

with b the mean of sqrt(m_i) and k launches of weight. c multiplies the factors of ``profiles`` over a launch's first W
weeks, so its level is what it settles at: a peak of curiosity does not last, a slow start does not frighten. Sales
begin with a sale, which for slow sellers is a peak of its own; c knows that, as its weeks are counted in the same way.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from forecasting.panel import Floats, Integers, Panel

WEEKS = 12
# History that must lie before a first sale for it to be a launch, in weeks; launches needed, and those worth the prior.
BEFORE_WEEKS = 4
FEWEST_LAUNCHES = 8
PRIOR_LAUNCHES = 8.0
WIDEST = 4.0


def first_seen(panel: Panel) -> Integers:
    """Return the first period of every series, the plan date's for those never seen."""
    seen = np.isfinite(panel.units)
    return np.asarray(np.where(seen.any(axis=1), seen.argmax(axis=1), seen.shape[1]), dtype=np.int64)


def fit_launches(panel: Panel, groups: Integers) -> Floats:
    """Return the curve of every group, shape (group, week); ones where launches are too few. Groups count from 0."""
    size, stride = int(groups.max(initial=0)) + 1, _stride(panel)
    first = first_seen(panel)
    chosen = np.flatnonzero((first >= BEFORE_WEEKS * stride) & (first + 2 * WEEKS * stride <= panel.units.shape[1]))
    curves = np.ones((size, WEEKS))
    if len(chosen) < FEWEST_LAUNCHES:
        return curves
    weekly = _weekly(panel.rows(chosen), first[chosen], stride)
    late = np.isfinite(weekly[:, WEEKS:])
    settled = np.where(late, weekly[:, WEEKS:], 0.0).sum(axis=1) / np.maximum(late.sum(axis=1), 1)
    kept = settled > 0.0
    if np.count_nonzero(kept) < FEWEST_LAUNCHES:
        return curves
    weekly, settled, groups = weekly[kept, :WEEKS], settled[kept], groups[chosen][kept]
    root = np.sqrt(settled)
    known: npt.NDArray[np.bool_] = np.isfinite(weekly)
    above, below = np.where(known, weekly, 0.0) / root[:, None], np.where(known, root[:, None], 0.0)
    prior = PRIOR_LAUNCHES * float(root.mean())
    everyone = (above.sum(axis=0) + prior) / (below.sum(axis=0) + prior)
    sums = np.zeros((2, size, WEEKS))
    np.add.at(sums[0], groups, above)
    np.add.at(sums[1], groups, below)
    return np.asarray(np.clip((sums[0] + prior * everyone) / (sums[1] + prior), 1.0 / WIDEST, WIDEST))


def launch_factors(panel: Panel, curve: Floats, horizon: int) -> Floats:
    """Return what the curve (series, week) makes of all periods and those to come, (series, period + horizon)."""
    stride, first = _stride(panel), first_seen(panel)
    periods = np.arange(panel.units.shape[1] + horizon)
    week = (periods[None, :] - first[:, None]) // stride
    inside = (week >= 0) & (week < WEEKS) & (first >= BEFORE_WEEKS * stride)[:, None]
    return np.where(inside, np.take_along_axis(curve, np.clip(week, 0, WEEKS - 1), axis=1), 1.0)


def _weekly(panel: Panel, first: Integers, stride: int) -> Floats:
    """Return the mean a period in stock of every week since the first, shape (series, 2 W); NaN where none was."""
    at = first[:, None] + np.arange(2 * WEEKS * stride)
    units = np.take_along_axis(panel.units, at, axis=1)
    seen = np.isfinite(units) & (np.take_along_axis(panel.in_stock_share, at, axis=1) >= 1.0)
    shape = (len(units), 2 * WEEKS, stride)
    total = np.where(seen, units, 0.0).reshape(shape).sum(axis=2)
    count = seen.reshape(shape).sum(axis=2)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _stride(panel: Panel) -> int:
    return 1 if panel.period == "week" else 7
