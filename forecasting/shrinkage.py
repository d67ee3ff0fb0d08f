"""
Three normal levels: a series around its item, an item around its category, a category around a stated prior.

Empirical Bayes (Efron and Morris 1975, doi 10.1080/01621459.1975.10479864); the variances between members come from
moments over all groups at once (DerSimonian and Laird 1986, doi 10.1016/0197-2456(86)90046-2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from forecasting.panel import Floats, Integers

_TINY = 1e-9


@dataclass(frozen=True)
class Priors:
    """
    What is believed before data.

    Parameters
    ----------
    prior, prior_deviation : float
        Elasticity of a category and its deviation.
    item_deviation, series_deviation : float
        Guesses of the deviations between items and between the series of an item, worth two items or series of data.
    """

    prior: float = -2.0
    prior_deviation: float = 0.8
    item_deviation: float = 0.5
    series_deviation: float = 0.2


class Codes(NamedTuple):
    """Number of the item of each series, and of the category of each item."""

    item: Integers
    category: Integers


class Posterior(NamedTuple):
    """Mean and variance of each series, and the weights of own sales, item, category and prior, shape (series, 4)."""

    mean: Floats
    variance: Floats
    weights: Floats


def shrunk(own: Floats, variance: Floats, codes: Codes, priors: Priors) -> Posterior:
    """Return the posterior of every series under the three normal levels of the module."""
    items, groups = len(codes.category), int(codes.category.max(initial=0)) + 1
    value = np.nan_to_num(own)
    between_series = _between(value, variance, codes.item, priors.series_deviation)
    item, item_variance = _pooled(value, variance + between_series, codes.item, items)
    between_items = _between(item, item_variance, codes.category, priors.item_deviation)
    own_group, own_variance = _pooled(item, item_variance + between_items, codes.category, groups)
    prior_variance = priors.prior_deviation**2
    prior_share = 1.0 / (1.0 + prior_variance * _precision(own_variance))
    group = prior_share * priors.prior + (1.0 - prior_share) * own_group
    group_variance = prior_variance * prior_share
    up = _drawn(item, item_variance, between_items, (group[codes.category], group_variance[codes.category]))
    down = _drawn(value, variance, between_series, (up[0][codes.item], up[1][codes.item]))
    own_share, item_share = down[2], (1.0 - down[2]) * up[2][codes.item]
    rest = 1.0 - own_share - item_share
    of_prior = prior_share[codes.category][codes.item]
    weights = np.stack([own_share, item_share, rest * (1.0 - of_prior), rest * of_prior], axis=1)
    return Posterior(down[0], down[1], weights)


def _between(value: Floats, variance: Floats, group: Integers, guess: float) -> float:
    """Return the variance between members of a group by moments, a guess worth two members."""
    count = int(group.max(initial=0)) + 1
    weight = _precision(variance)
    total = np.bincount(group, weight, count)
    mean = np.bincount(group, weight * value, count) / np.maximum(total, _TINY)
    heterogeneity = float((weight * (value - mean[group]) ** 2).sum())
    members = np.bincount(group, weight > 0.0, count)
    excess = heterogeneity - float(np.maximum(members - 1, 0).sum())
    scale = float((total - np.bincount(group, weight**2, count) / np.maximum(total, _TINY)).sum())
    return (max(excess, 0.0) + 2.0) / (scale + 2.0 / guess**2)


def _pooled(value: Floats, variance: Floats, group: Integers, count: int) -> tuple[Floats, Floats]:
    """Return the weighted mean of each group and its variance, infinite without members."""
    weight = _precision(variance)
    total = np.bincount(group, weight, count)
    mean = np.bincount(group, weight * value, count) / np.maximum(total, _TINY)
    return mean, np.where(total > 0.0, 1.0 / np.maximum(total, _TINY), np.inf)


def _drawn(
    value: Floats, variance: Floats, between: float, above: tuple[Floats, Floats]
) -> tuple[Floats, Floats, Floats]:
    """Return posterior mean and variance of members around the level above, and the weight of their own value."""
    precision = _precision(variance)
    share = between * precision / (1.0 + between * precision)
    mean = share * value + (1.0 - share) * above[0]
    return mean, between * (1.0 - share) + (1.0 - share) ** 2 * above[1], share


def _precision(variance: Floats) -> Floats:
    """Return 1 / variance, 0 where it is infinite."""
    return np.where(np.isfinite(variance), 1.0 / np.maximum(variance, _TINY), 0.0)
