"""What quantities that are no columns cost at least, so that a bound covers them too."""

from __future__ import annotations

import numpy as np

from optimizer.reorder import kernels
from optimizer.reorder.columns import (
    Array,
    Columns,
    cost_of,
    first_multiple,
    multiples_allowed,
    read,
    select,
)
from optimizer.reorder.problem import NONE, ReorderProblem


def last_multiple(problem: ReorderProblem, columns: Columns) -> Array:
    """Last multiple of each line that a plan can need, shape (N,).

    Without a joint minimum these are the useful ones. With one, let q' be the first multiple that reaches the minimum
    alone: a larger quantity whose floor is above the cost of q' is beaten by q', which takes less from every other
    rule. Where nothing reaches it alone, q' is the largest multiple allowed.
    """
    last = columns.useful.copy()
    rules = problem.joint
    member = np.flatnonzero((rules.supplier != NONE) & (rules.minimum_weight > 0) & (multiples_allowed(problem) > 0))
    if not member.size:
        return last
    part, first = select(problem, member), first_multiple(problem)[member]
    steps = rules.supplier_minimum[rules.supplier[member]] / rules.minimum_weight[member]
    alone = np.clip(np.ceil((_whole(part, steps) - first) / part.pack) + 1, 1, multiples_allowed(part))
    lines, policy = read(part, columns.z[member], columns.cap[member])
    known = cost_of(part, (lines, policy), np.arange(member.size), first + (alone - 1) * part.pack)
    needed = np.minimum(kernels.last_useful(lines, policy, first, known), multiples_allowed(part))
    last[member] = np.maximum(last[member], needed)
    return last


def _whole(problem: ReorderProblem, steps: Array) -> Array:
    """Round up to whole pallets, or layers, where these matter; such an order is allowed, shape (N,)."""
    unit = np.maximum(problem.supplied.layer, problem.supplied.pallet)
    return np.where(unit > 1, np.ceil(steps / unit) * unit, steps)


def unlisted_value(problem: ReorderProblem, columns: Columns, prices: Array, last: Array) -> Array:
    """Least floor + tax q - min(reward q, ceiling) over the multiples that are no columns, inf without any, shape (N,).

    `prices` as for `prices.cheapest`, `last` from `last_multiple`. The function is convex in the quantity, so its slope
    is bisected. A dense line without reward needs no look: beyond its cap the floor alone is above the cost of a
    smaller column.
    """
    value = np.full(columns.lines, np.inf)
    low = np.where(columns.enumerated, columns.listed + 1, 1)
    high = last
    chosen = np.flatnonzero((low <= high) & (~columns.enumerated | (prices[1] > 0)))
    if chosen.size:
        value[chosen] = _least(problem, columns, chosen, (prices[:, chosen], low[chosen], high[chosen]))
    return value


def _least(problem: ReorderProblem, columns: Columns, chosen: Array, search: tuple[Array, Array, Array]) -> Array:
    part = select(problem, chosen)
    first = first_multiple(part)
    lines, policy = read(part, columns.z[chosen], columns.cap[chosen])
    (tax, reward, ceiling), low, high = search[0], search[1].copy(), search[2].copy()

    def at(line: Array, multiple: Array) -> Array:
        quantity = first[line] + (multiple - 1) * part.pack[line]
        floor = kernels.floors(lines, policy, line, quantity.astype(np.float64))
        return np.asarray(floor + tax[line] * quantity - np.minimum(reward[line] * quantity, ceiling[line]))

    # Most lines have their least at the first of these multiples.
    middle, left = low.copy(), np.flatnonzero(low < high)
    while left.size:
        rising = at(left, middle[left] + 1) >= at(left, middle[left])
        low[left], high[left] = np.where(rising, [low[left], middle[left]], [middle[left] + 1, high[left]])
        middle = (low + high) // 2
        left = np.flatnonzero(low < high)
    return at(np.arange(chosen.size), low)
