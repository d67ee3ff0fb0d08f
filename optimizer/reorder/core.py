"""Which columns a better plan may hold: all that the prices do not rule out."""

from __future__ import annotations

from typing import Final

import numpy as np

from optimizer.reorder.columns import Array, Columns
from optimizer.reorder.prices import Priced, price_rows
from optimizer.reorder.problem import NONE, JointRules

_ROUNDING: Final = 1e-9


def may_improve(columns: Columns, rules: JointRules, priced: Priced, slack: float) -> Array:
    """Columns whose priced cost is within `slack` of their line's best, with the cost of opening or closing a group."""
    line, value = columns.line, _at_prices(columns, rules, priced)
    opening = np.append(priced.opening, 0.0)[rules.supplier]
    extra = value - priced.reduced[line] + np.maximum(opening, 0.0)[line] - _spared(rules, priced)[line]
    none_ordered = (rules.supplier != NONE)[line] & (columns.quantity == 0)
    extra = np.where(none_ordered, np.minimum(extra, np.maximum(-opening, 0.0)[line]), extra)
    return np.asarray((extra <= slack * (1 + _ROUNDING) + _ROUNDING) & _fits(columns, rules))


def _at_prices(columns: Columns, rules: JointRules, priced: Priced) -> Array:
    """Give what each column costs at the prices if its group orders, shape (K,)."""
    line, (tax, reward, ceiling) = columns.line, price_rows(rules, priced.prices)
    paid = tax[line] * columns.quantity - np.minimum(reward[line] * columns.quantity, ceiling[line])
    return np.asarray(columns.cost + paid)


def _spared(rules: JointRules, priced: Priced) -> Array:
    """Give what a group may save on trucks where a line orders otherwise: all beyond the first it pays, shape (N,)."""
    if rules.trucks is None:
        return np.zeros(rules.supplier.size)
    first = np.where(rules.trucks.own_first(rules.supplier), rules.trucks.cost, 0.0)
    return np.append(np.maximum(priced.by_trucks - first, 0.0), 0.0)[rules.supplier]


def _fits(columns: Columns, rules: JointRules) -> Array:
    """Columns that do not break the budget or a capacity row alone."""
    room, line = np.append(rules.capacity, np.inf), columns.line
    taken = columns.quantity[:, None] * rules.use[line]
    fits = np.asarray((taken <= room[rules.row[line]] * (1 + _ROUNDING)).all(axis=1))
    if rules.budget is not None:
        fits &= columns.quantity * rules.spend[line] <= rules.budget
    return fits
