r"""
What is expected of a series before it is seen, and for how many of its own periods that counts.

With m_i the mean of series i in stock over n_i periods and s_i^2 the variance of a period, the prior mu_i is the mean
of its item at other places, else of its group without it. Its own rate is believed to be gamma around it,

    rate_i ~ gamma, mean mu_i, variance (tau mu_i)^2;   a period of i has variance phi rate_i

so after n periods with sum y the rate expected is (k_i mu_i + y) / (k_i + n), k_i = phi / (tau^2 mu_i): the prior
counts as k_i periods (gamma-Poisson; phi makes it negative binomial). There, a mu_i that rests on n periods is one step
in n at least: two days without a sale elsewhere are no proof that there never will be one. tau is fitted by moments
over all series with a history, apart for priors from the item and from the group; phi is the mean s_i^2 over the mean
m_i:

    tau^2 = mean of (m_i / mu_i - 1)^2 - s_i^2 / (n_i mu_i^2)

Efron and Morris (1975), doi 10.1080/01621459.1975.10479864.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from forecasting.panel import Floats, Integers, Panel
from forecasting.profiles import in_stock

# Periods of a series that count in tau, ratios beyond which it is no evidence, and the range of tau^2 and of weights.
FEWEST_PERIODS = 14
WIDEST_RATIO = 6.0
SPREAD_RANGE = (0.02, 10.0)
WEIGHT_RANGE = (0.1, 56.0)
PRIOR_SERIES = 5.0
PRIOR_SPREAD = 1.0


class Priors(NamedTuple):
    """Mean in units [mu] and the periods it counts for [k], shape (series,)."""

    mean: Floats
    weight: Floats


def fit_priors(panel: Panel, codes: Integers, likely: Floats | None = None) -> Priors:
    """
    Return the prior of every series.

    Parameters
    ----------
    panel : Panel
    codes : integer array, shape (2, series)
        Product and group.
    likely : array, shape (series,), optional
        Means of items that never sold by what is like them; NaN where nothing says.
    """
    seen = in_stock(panel)
    count = seen.sum(axis=1)
    units = np.where(seen, panel.units, 0.0)
    mean = units.sum(axis=1) / np.maximum(count, 1)
    square = np.where(seen, (units - mean[:, None]) ** 2, 0.0).sum(axis=1) / np.maximum(count - 1, 1)
    prior, periods, of_item = _elsewhere(mean, count, codes)
    recorded = np.isfinite(panel.units)
    bound = np.nan_to_num(panel.units).sum(axis=1) / np.maximum(recorded.sum(axis=1), 1)
    # A series alone in the world has only itself to go by, be it a lower bound.
    alone = ~np.isfinite(prior)
    prior = np.where(alone, np.maximum(np.where(count > 0, mean, bound), 0.0), prior)
    if likely is not None:
        prior = np.where(np.isfinite(likely), likely, prior)
    old = (count >= FEWEST_PERIODS) & (prior > 0.0) & (mean > 0.0)
    noise = float(square[old].sum() / mean[old].sum()) if old.any() else 1.0
    weight = np.ones(panel.series)
    for kind in (of_item, ~of_item):
        spread = _spread((mean, square, count), prior, old & kind)
        least = panel.unit_step[kind] / np.maximum(periods[kind], 1)
        weight[kind] = np.maximum(noise, 1e-6) / (spread * np.maximum(prior[kind], least))
    return Priors(prior, np.clip(weight, *WEIGHT_RANGE))


def _spread(known: tuple[Floats, Floats, Integers], prior: Floats, old: npt.NDArray[np.bool_]) -> float:
    """Return tau^2 of the chosen series, a guess worth a few series among them."""
    mean, square, count = (column[old] for column in known)
    ratio = np.minimum(mean / prior[old], WIDEST_RATIO)
    excess = (ratio - 1.0) ** 2 - square / count / prior[old] ** 2
    found = (float(excess.sum()) + PRIOR_SERIES * PRIOR_SPREAD) / (len(excess) + PRIOR_SERIES)
    return float(np.clip(found, *SPREAD_RANGE))


def _elsewhere(mean: Floats, count: Integers, codes: Integers) -> tuple[Floats, Integers, npt.NDArray[np.bool_]]:
    """
    Return the mean of the same item at other places, else of the other series of the group, else of all others.

    Beside it the periods that mean rests on, and whether it is the item's; NaN and 0 where there is no other series.
    """
    everyone = np.zeros(len(mean), dtype=np.int64)
    result, periods = _others(mean, count, codes[0])
    of_item = np.isfinite(result)
    for layer in (codes[1], everyone):
        found, seen = _others(mean, count, layer)
        periods = np.where(np.isfinite(result), periods, seen)
        result = np.where(np.isfinite(result), result, found)
    return result, periods, of_item


def _others(mean: Floats, count: Integers, codes: Integers) -> tuple[Floats, Integers]:
    """Return the mean of the other known series with the same code, NaN where there is none, and their periods."""
    size, known = int(codes.max(initial=0)) + 1, count > 0
    others = np.bincount(codes[known], minlength=size)[codes] - known
    total = np.bincount(codes[known], weights=mean[known], minlength=size)[codes] - np.where(known, mean, 0.0)
    periods = np.bincount(codes, weights=count, minlength=size)[codes].astype(np.int64) - count
    # Differences of sums leave dust behind.
    return np.where(others > 0, np.maximum(total, 0.0) / np.maximum(others, 1), np.nan), periods
