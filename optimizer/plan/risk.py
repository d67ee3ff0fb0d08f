r"""
How bad it can get: quantiles of the cost over the shared demand paths, and which items make the bad paths bad.

With C_ns what holding, shortage and waste of pair n cost on path s and w_s its weight, C_s = sum_n C_ns. The value at
risk at level a is the least c with P(C <= c) >= a; the conditional value at risk is the mean of the worst 1 - a,

    CVaR = 1 / (1 - a) sum_s v_s C_s,   v_s = w_s on the worst paths, in part on the one at the edge,  sum v_s = 1 - a

and pair n makes 1 / (1 - a) sum_s v_s C_ns of it, so that the shares add up (Rockafellar and Uryasev 2000, Journal of
Risk 2(3); Euler's allocation, Tasche 1999).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from scenarios.money import minor_digits
from scenarios.schema import declared
from scenarios.world import World

FloatArray = npt.NDArray[np.float64]
LEVEL = 0.95
_KEYS = ["item_id", "location_id"]


class Risk(NamedTuple):
    """The tables ``risk`` and ``path_costs``, and key figures in major units."""

    table: pd.DataFrame
    paths: pd.DataFrame
    figures: dict[str, float]


def tail_weights(cost: FloatArray, weights: FloatArray, level: float = LEVEL) -> FloatArray:
    """Return the weight of each path among the worst 1 - level, shape (S,); they add up to 1."""
    order = np.argsort(-cost, kind="stable")
    before = np.cumsum(weights[order]) - weights[order]
    kept = np.zeros(len(cost))
    kept[order] = np.clip((1.0 - level) - before, 0.0, weights[order])
    return np.asarray(kept / kept.sum())


def risk_of(world: World, pairs: pd.DataFrame, path_cost: FloatArray, weights: FloatArray) -> Risk:
    """Return what the pairs cost on average, on the worst paths, and all together on each path.

    path_cost: money of each pair on each path, major units, shape (N, S)
    """
    total = path_cost.sum(axis=0)
    minor = 10 ** minor_digits(world.policy.currency)
    tail = np.rint(path_cost @ tail_weights(total, weights) * minor).astype(np.int64)
    table = pairs[_KEYS].assign(
        expected_cost=np.rint(path_cost @ weights * minor).astype(np.int64),
        tail_cost=tail,
        currency=world.policy.currency,
    )
    table = table[(table["expected_cost"] != 0) | (table["tail_cost"] != 0)]
    order = np.argsort(total, kind="stable")
    below = np.cumsum(weights[order])
    figures = {
        f"cost_p{level * 100:g}": float(total[order][np.searchsorted(below, level - 1e-12)]) for level in (0.5, LEVEL)
    }
    # The sum of the rows, so that they add up to it.
    figures[f"cost_cvar{LEVEL * 100:g}"] = float(tail.sum()) / minor
    paths = pd.DataFrame({"path": np.arange(1, len(total) + 1), "weight": np.round(weights, 12)})
    paths = paths.assign(cost=np.rint(total * minor).astype(np.int64), currency=world.policy.currency)
    return Risk(table[list(declared()["risk"].names)].reset_index(drop=True), paths, figures)
