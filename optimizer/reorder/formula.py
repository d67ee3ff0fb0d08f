"""Closed forms: the textbook's answers, as rivals of the method and as its tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

Numbers = float | npt.NDArray[np.floating[Any]]


def newsvendor_fractile(shortage_cost: Numbers, holding_cost: Numbers) -> Numbers:
    """Share of demand to cover in one period: p / (p + h) (Arrow, Harris and Marschak 1951, doi 10.2307/1906813)."""
    return shortage_cost / (shortage_cost + holding_cost)


def newsvendor_normal(
    mean: Numbers, deviation: Numbers, shortage_cost: Numbers, holding_cost: Numbers
) -> tuple[Numbers, Numbers]:
    """Order-up-to level y and its expected cost (h + p) sigma phi(z) for normal demand of one period."""
    z = ndtri(newsvendor_fractile(shortage_cost, holding_cost))
    density = np.exp(-(z**2) / 2.0) / np.sqrt(2.0 * np.pi)
    return mean + z * deviation, (holding_cost + shortage_cost) * deviation * density


def normal_loss(level: Numbers, mean: Numbers, deviation: Numbers) -> Numbers:
    """Give the expected demand above a level, for normal demand: sigma (phi(z) - z (1 - Phi(z)))."""
    z = (level - mean) / deviation
    density = np.exp(-(z**2) / 2.0) / np.sqrt(2.0 * np.pi)
    return np.asarray(deviation * (density - z * ndtr(-z)))


def textbook_order_up_to(mean: Numbers, deviation: Numbers, periods: Numbers, service_level: Numbers) -> Numbers:
    """Order-up-to level for independent normal demand: mean m, deviation sigma a period, over lead and review time R.

    y = R m + z sigma sqrt(R); service_level is the probability not to run out, shape as the others.
    """
    return mean * periods + ndtri(service_level) * deviation * np.sqrt(periods)


def economic_lot(rate: Numbers, order_cost: Numbers, holding_cost: Numbers) -> Numbers:
    """Lot that balances order and holding cost: sqrt(2 K m / h) (Harris 1913)."""
    return np.sqrt(2.0 * order_cost * rate / holding_cost)


def order_up_to(position: Numbers, level: Numbers, pack: Numbers, minimum: Numbers) -> Numbers:
    """Order of whole packs that lifts the position to the level, at least `minimum`, if it is below; else 0."""
    need = np.maximum(np.asarray(level) - position, 0.0)
    packs = np.ceil(np.maximum(need, minimum) / pack) * pack
    return np.where(need > 0, packs, 0.0)


def min_max(position: Numbers, low: Numbers, high: Numbers, pack: Numbers) -> Numbers:
    """Order of whole packs up to `high` if the position is at or below `low`; else 0."""
    packs = np.ceil((np.asarray(high) - position) / pack) * pack
    return np.where(np.asarray(position) <= low, np.maximum(packs, 0.0), 0.0)
