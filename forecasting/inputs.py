r"""
Whether what a forecast is fed with still looks as it did: a forecast learnt on other inputs is not to be trusted.

For every group and input (share of periods not fully in stock, share of periods with a sale, promotion, price), b_1 ..
b_n are its means over earlier blocks of four weeks and now that of the latest. With m and s their mean and standard
deviation,

    an input has drifted if |now - m| > max(3 s sqrt(1 + 1/n), least change)

Shewhart's three standard deviations, for a new block; the least change keeps quiet what moves by little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from forecasting.panel import Floats, Integers, Panel
from forecasting.signals import Signals

BLOCK_DAYS, BLOCK_WEEKS = 28, 4
MOST_BLOCKS, FEWEST_BLOCKS = 12, 4
DEVIATIONS = 3.0
LEAST_CHANGE = 0.1
WATCHED_SIGNALS: Mapping[str, str] = {"promotion": "time on promotion", "price against the usual": "log of the price"}


@dataclass(frozen=True)
class Drifted:
    """An input of a group that left its range: what it usually was, what it is, and the group's sales a period."""

    group: int
    name: str
    usual: float
    now: float
    units: float


def drifted_inputs(panel: Panel, signals: Signals, groups: Integers, worth: Floats) -> list[Drifted]:
    """
    Return the inputs that drifted, those of the groups that sell most first.

    Parameters
    ----------
    panel : Panel
    signals : Signals
        Over history and horizon; the horizon is not read.
    groups : integer array, shape (series,)
        Numbered from 0.
    worth : array, shape (series,)
        Value of a unit, for the order.
    """
    block = BLOCK_WEEKS if panel.period == "week" else BLOCK_DAYS
    blocks = min(panel.units.shape[1] // block, MOST_BLOCKS + 1)
    if blocks < FEWEST_BLOCKS + 1 or not panel.series:
        return []
    shape, periods = (panel.series, blocks, block), panel.units.shape[1]
    seen = np.isfinite(panel.units)
    planes: dict[str, Floats] = {
        "days short of stock": np.where(seen, panel.in_stock_share < 1.0, np.nan),
        "days with a sale": np.where(seen, np.nan_to_num(panel.units) > 0.0, np.nan),
    }
    for name, plane in zip(signals.names, signals.planes, strict=True):
        if name in WATCHED_SIGNALS:
            planes[WATCHED_SIGNALS[name]] = np.where(seen, plane[:, :periods].astype(np.float64), np.nan)
    recent = (np.nan_to_num(panel.units[:, -block:]) * worth[:, None]).mean(axis=1)
    sold = np.bincount(groups, weights=recent)
    found = []
    for name, values in planes.items():
        means = _means(values[:, -blocks * block :].reshape(shape), groups)
        found += [Drifted(g, name, usual, now, float(sold[g])) for g, usual, now in _beyond(means)]
    return sorted(found, key=lambda row: (-row.units, row.group, row.name))


def _means(values: Floats, groups: Integers) -> Floats:
    """Return the mean of every group in every block, NaN where nothing was seen, shape (group, block)."""
    count = np.isfinite(values).sum(axis=2)
    size = (int(groups.max()) + 1, values.shape[1])
    above, below = np.zeros(size), np.zeros(size)
    np.add.at(above, groups, np.nan_to_num(values).sum(axis=2))
    np.add.at(below, groups, count)
    return np.where(below > 0.0, above / np.maximum(below, 1.0), np.nan)


def _beyond(means: Floats) -> list[tuple[int, float, float]]:
    """Return group, usual and present mean where the last block lies beyond the range of those before it."""
    found = []
    for g, row in enumerate(means):
        before = row[:-1][np.isfinite(row[:-1])]
        if len(before) < FEWEST_BLOCKS or not np.isfinite(row[-1]):
            continue
        spread = DEVIATIONS * float(before.std(ddof=1)) * np.sqrt(1.0 + 1.0 / len(before))
        if abs(row[-1] - before.mean()) > max(spread, LEAST_CHANGE):
            found.append((g, float(before.mean()), float(row[-1])))
    return found
