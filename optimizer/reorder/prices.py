r"""Prices on joint rules: the Lagrangian bound of the column model, and the quantities that go with it.

Sets
    n lines, k columns of a line with quantity q_nk and exact cost c_nk, j groups with a joint minimum, g pools
Prices
    budget    lambda >= 0   money per money unit of budget B
    pool      pi_g >= 0     money per step of shared stock A_g
    minimum   mu_j >= 0     money per unit of joint minimum M_j
Bound
    L = sum_j min(closed_j, open_j) + sum_{n in no j} r_n - lambda B - sum_g pi_g A_g
    r_n = min_k [c_nk + (lambda b_n + pi_g(n)) q_nk - mu_j min(w_n q_nk, M_j)]
    open_j = mu_j M_j + sum_{n in j} r_n,    closed_j = sum_{n in j} c_n0

A column counts at most M_j towards its minimum, for one line alone may reach it. L is a bound for any prices
(Geoffrion 1974, doi 10.1007/BFb0120690); they are found by bisection on one kind of row at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from optimizer.reorder.columns import Array, Columns
from optimizer.reorder.kernels import compiled
from optimizer.reorder.problem import NONE, JointRules

_HALVINGS: Final = 40
_SWEEPS: Final = 2
_DOUBLINGS: Final = 80
_TINY_PRICE: Final = 1e-9


@dataclass(frozen=True)
class Prices:
    """Prices of the joint rules: `budget` a number, `pool` shape (P,), `minimum` shape (J,)."""

    budget: float
    pool: Array
    minimum: Array

    @classmethod
    def zero(cls, rules: JointRules) -> Prices:
        """Free rules."""
        return cls(0.0, np.zeros(rules.pool_available.size), np.zeros(rules.supplier_minimum.size))


@dataclass(frozen=True)
class Priced:
    """What the prices choose.

    Attributes
    ----------
    prices : that chose.
    column : chosen column of each line, its first if its group stays closed, shape (N,).
    reduced : its priced cost r_n, shape (N,).
    opens : whether a group orders, shape (J,).
    opening : open_j - closed_j, shape (J,).
    bound : L, money.
    """

    prices: Prices
    column: Array
    reduced: Array
    opens: Array
    opening: Array
    bound: float


@compiled
def cheapest(start: Array, quantity: Array, cost: Array, prices: Array) -> tuple[Array, Array]:
    """Column of each line with the least cost + tax q - min(reward q, ceiling), the first of equals; and that value.

    `prices` has the rows tax, reward and ceiling, shape (3, N).
    """
    count = start.size - 1
    best, least = np.zeros(count, dtype=np.int64), np.zeros(count)
    for n in range(count):
        least[n] = np.inf
        tax, reward, ceiling = prices[0, n], prices[1, n], prices[2, n]
        for k in range(start[n], start[n + 1]):
            value = cost[k] + tax * quantity[k] - min(reward * quantity[k], ceiling)
            if value < least[n]:
                best[n], least[n] = k, value
    return best, least


def price_rows(rules: JointRules, prices: Prices) -> Array:
    """Tax, reward and ceiling of each line for `cheapest`, shape (3, N)."""
    tax = prices.budget * rules.spend + _gathered(prices.pool, rules.pool)
    reward = _gathered(prices.minimum, rules.supplier) * rules.minimum_weight
    ceiling = _gathered(prices.minimum * rules.supplier_minimum, rules.supplier)
    return np.stack([tax, reward, ceiling])


def evaluate(columns: Columns, rules: JointRules, prices: Prices, unlisted: Array | float = np.inf) -> Priced:
    """Choose the cheapest columns at the prices, and give the bound.

    `unlisted` is what quantities that are no columns cost at least at these prices, shape (N,).
    """
    column, reduced = cheapest(columns.start, columns.quantity, columns.cost, price_rows(rules, prices))
    reduced = np.minimum(reduced, unlisted)
    member = rules.supplier != NONE
    groups = rules.supplier[member]
    zero = columns.cost[columns.start[:-1]]
    opening = prices.minimum * rules.supplier_minimum
    opening += np.bincount(groups, reduced[member] - zero[member], minlength=opening.size)
    opens = opening < 0
    closed = member & ~_gathered(opens, rules.supplier).astype(bool)
    column = np.where(closed, columns.start[:-1], column)
    fixed = prices.budget * (rules.budget or 0) + float(prices.pool @ rules.pool_available)
    bound = float(reduced[~member].sum() + zero[member].sum() + np.minimum(opening, 0.0).sum() - fixed)
    return Priced(prices, column, reduced, opens, opening, bound)


def dual(columns: Columns, rules: JointRules) -> list[Prices]:
    """Prices tried on the way to the best bound, the last of which meets every rule as far as prices can."""
    if rules.budget is None:
        return [_inner(columns, rules, Prices.zero(rules))]
    tried = [_inner(columns, rules, Prices.zero(rules))]
    if _spent(columns, rules, tried[0]) <= rules.budget:
        return tried
    low, high = 0.0, _dear(columns, rules)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        tried.append(_inner(columns, rules, replace(tried[-1], budget=middle)))
        if _spent(columns, rules, tried[-1]) > rules.budget:
            low = middle
        else:
            high = middle
        if high - low <= _TINY_PRICE * high:
            break
    return [*tried, _inner(columns, rules, replace(tried[-1], budget=high))]


def _spent(columns: Columns, rules: JointRules, prices: Prices) -> float:
    column = evaluate(columns, rules, prices).column
    return float(rules.spend @ columns.quantity[column])


def _dear(columns: Columns, rules: JointRules) -> float:
    """Give a budget price at which nothing that spends is bought without a minimum: the steepest saving there is."""
    line = columns.line
    first = columns.start[:-1]
    spend = columns.quantity * rules.spend[line]
    saved = columns.cost[first][line] - columns.cost
    steep = saved[spend > 0] / spend[spend > 0]
    return max(float(steep.max(initial=0.0)), _TINY_PRICE) * 1.001


def _inner(columns: Columns, rules: JointRules, prices: Prices) -> Prices:
    """Best prices of minima and pools at a budget price, one kind at a time; exact where no line has both."""
    for _ in range(_SWEEPS):
        if rules.supplier_minimum.size:
            prices = replace(prices, minimum=_bisect_minimum(columns, rules, prices))
        if rules.pool_available.size:
            prices = replace(prices, pool=_bisect_pool(columns, rules, prices))
        if not (rules.supplier_minimum.size and rules.pool_available.size):
            break
    return prices


def _bisect_minimum(columns: Columns, rules: JointRules, prices: Prices) -> Array:
    """Least reward per group at which its lines, chosen freely, reach the minimum (or all they can)."""

    def short(minimum: Array) -> Array:
        trial = price_rows(rules, replace(prices, minimum=minimum))
        column, _ = cheapest(columns.start, columns.quantity, columns.cost, trial)
        return _reached(columns, rules, column) < _needed(rules)

    return _bisect(short, rules.supplier_minimum.size)


def _bisect_pool(columns: Columns, rules: JointRules, prices: Prices) -> Array:
    """Least price per pool at which its lines ask for no more than there is."""

    def short(pool: Array) -> Array:
        column = evaluate(columns, rules, replace(prices, pool=pool)).column
        return _drawn(columns, rules, column) > rules.pool_available

    return _bisect(short, rules.pool_available.size)


def _bisect(short: object, size: int) -> Array:
    assert callable(short)
    low, high = np.zeros(size), np.zeros(size)
    missing, step = short(high), 1.0
    for _ in range(_DOUBLINGS):
        if not missing.any():
            break
        low, high = np.where(missing, high, low), np.where(missing, step, high)
        missing, step = short(high) & missing, step * 2.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        missing = short(middle)
        low, high = np.where(missing, middle, low), np.where(missing, high, middle)
    return high


def _reached(columns: Columns, rules: JointRules, column: Array) -> Array:
    """Weight of each group, a line counting at most the minimum, shape (J,)."""
    member = rules.supplier != NONE
    groups = rules.supplier[member]
    weight = (rules.minimum_weight * columns.quantity[column])[member]
    weight = np.minimum(weight, rules.supplier_minimum[groups])
    return np.bincount(groups, weight, minlength=rules.supplier_minimum.size)


def _needed(rules: JointRules) -> Array:
    return rules.supplier_minimum * (1.0 - 1e-12)


def _drawn(columns: Columns, rules: JointRules, column: Array) -> Array:
    member = rules.pool != NONE
    drawn = columns.quantity[column][member]
    return np.bincount(rules.pool[member], drawn, minlength=rules.pool_available.size)


def _gathered(values: Array, index: Array) -> Array:
    """Value of each line's group, 0 for a line in none."""
    return np.append(values, 0)[index]
