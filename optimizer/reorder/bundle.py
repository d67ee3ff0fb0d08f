"""Prices of rules that tie the same lines twice: a bundle of cuts climbs the Lagrangian bound.

Sets
    r outer rules: the budget and the capacity rows that share lines with a group or with another row; i cuts
Parameters
    L_i, g_i       bound at the prices p_i and its slope: use of each outer rule at p_i less what there is
    centre[r] c    the best prices so far; reach[r] d, how far from them a step may lead
Variables
    price[r]   max(c_r - d_r, 0) <= p_r <= c_r + d_r      money per unit of the rule
    bound      theta                                       what the cuts still allow
Model
    max theta  s.t.  theta <= L_i + sum_r g_ir (p_r - p_ir)   for i   (cut)

Kelley (1960), Journal of SIAM 8(4), doi 10.1137/0108053, kept near the best prices by a box (Marsten, Hogan and
Blankenship 1975, doi 10.1287/opre.23.3.389). Minima, and rows that share no line, are priced exactly in each step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from optimizer.reorder.columns import Array
from solvers.engines import solve
from solvers.model import Bounds, Model, SealedModel, Triplets

_STEPS: Final = 60
_WORTHWHILE: Final = 0.1
_FIRST_REACH: Final = 0.02
_CLOSE: Final = 2e-5
# A bound this many times the first one has no top: there is no plan.
_UNBOUNDED: Final = 100.0


@dataclass(frozen=True)
class Cut:
    """Bound `value` at prices `at` (R,) with its `slope` (R,)."""

    at: Array
    value: float
    slope: Array


def climbed(oracle: Callable[[Array], Cut], start: Array, unit: Array, enough: float = np.inf) -> list[Array]:
    """Give prices tried on the way up from `start` (R,), each better than the one before.

    `unit` is how much there is of each rule, so that prices times it are money; at the bound `enough` it ends.
    """
    centre = oracle(start)
    cuts, kept = [centre], [centre.at]
    highest = _UNBOUNDED * max(abs(centre.value), 1.0)
    reach = np.maximum(centre.at, _FIRST_REACH * max(abs(centre.value), 1.0) / (unit * start.size))
    for _ in range(_STEPS):
        if abs(centre.value) > highest or centre.value >= enough:
            break
        proposed, promised = _proposed(cuts, centre, reach)
        if promised - centre.value <= _CLOSE * max(abs(centre.value), 1.0):
            if (reach * unit).max() > abs(centre.value):
                break
            inside = np.abs(proposed - centre.at) < reach * (1 - 1e-6)
            if inside.all():
                break
            reach = np.where(inside, reach, 4 * reach)
            continue
        found = oracle(proposed)
        cuts.append(found)
        if found.value - centre.value > _WORTHWHILE * (promised - centre.value):
            reach = np.where(np.abs(proposed - centre.at) >= reach * (1 - 1e-6), 2 * reach, reach)
            centre = found
            kept.append(found.at)
        else:
            reach = reach / 2
            if found.value > centre.value:
                centre = found
                kept.append(found.at)
    return kept


def _proposed(cuts: list[Cut], centre: Cut, reach: Array) -> tuple[Array, float]:
    outcome = solve(bundle_model(cuts, np.maximum(centre.at - reach, 0.0), centre.at + reach))
    if outcome.plan is None:
        return centre.at, centre.value
    return np.maximum(outcome.plan.values[:-1], 0.0), -outcome.objective


def bundle_model(cuts: list[Cut], lower: Array, upper: Array) -> SealedModel:
    """Give the model of the next prices; the bound is its last variable."""
    model, rules = Model(), np.arange(lower.size)
    price = model.add_variables("price", {"rule": rules}, 0.0, Bounds(lower, upper))
    bound = model.add_variables("bound", {"all": np.zeros(1, dtype=np.int64)}, -1.0, Bounds(-np.inf, np.inf))
    row = np.arange(len(cuts))
    column = np.concatenate([np.tile(price.members, row.size), np.repeat(bound.members, row.size)])
    value = np.concatenate([-np.concatenate([one.slope for one in cuts]), np.ones(row.size)])
    right = np.array([one.value - float(one.slope @ one.at) for one in cuts])
    entries = Triplets(np.concatenate([np.repeat(row, rules.size), row]), column, value)
    model.add_rows("cut", {"cut": row}, entries, -np.inf, right)
    return model.seal()
