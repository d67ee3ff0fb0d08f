"""What quantities that are no columns cost at least, so that a bound covers them too."""

from __future__ import annotations

import numpy as np

from optimizer.reorder import kernels
from optimizer.reorder.columns import (
    Array,
    Columns,
    as_lines,
    first_multiple,
    multiples_allowed,
    select,
    unfitted_policy,
)
from optimizer.reorder.problem import NONE, ReorderProblem


def last_multiple(problem: ReorderProblem, columns: Columns) -> Array:
    """Last multiple of each line that a plan can need, shape (N,): the useful ones, or enough to reach a minimum alone.

    Beyond both, a pack less costs no more at the floor, takes no more from any rule, and still reaches the minimum.
    """
    rules, first = problem.joint, first_multiple(problem)
    needed = np.append(rules.supplier_minimum, 0.0)[rules.supplier]
    steps = np.divide(needed, rules.minimum_weight, out=np.zeros(needed.size), where=rules.minimum_weight > 0)
    alone = np.ceil((steps - first) / problem.pack) + 1
    wanted = np.maximum(columns.useful + 1, np.where(rules.supplier != NONE, alone, 0))
    return np.asarray(np.minimum(wanted, multiples_allowed(problem)).astype(np.int64))


def unlisted_value(problem: ReorderProblem, columns: Columns, prices: Array, last: Array) -> Array:
    """Least floor + tax q - min(reward q, ceiling) over the multiples that are no columns, inf without any, shape (N,).

    `prices` as for `prices.cheapest`, `last` from `last_multiple`; one multiple more stands for all beyond. The
    function is convex in the quantity, so its slope is bisected. A dense line without reward needs no look: beyond its
    cap the floor alone is above the cost of a smaller column.
    """
    value = np.full(columns.lines, np.inf)
    low = np.where(columns.enumerated, columns.listed + 1, 1)
    high = np.minimum(last + 1, multiples_allowed(problem))
    chosen = np.flatnonzero((low <= high) & (~columns.enumerated | (prices[1] > 0)))
    if chosen.size:
        value[chosen] = _least(problem, columns, chosen, (prices[:, chosen], low[chosen], high[chosen]))
    return value


def _least(problem: ReorderProblem, columns: Columns, chosen: Array, search: tuple[Array, Array, Array]) -> Array:
    part = select(problem, chosen)
    lines, first = as_lines(part), first_multiple(part)
    policy = unfitted_policy(lines)._replace(z=columns.z[chosen], cap=columns.cap[chosen])
    (tax, reward, ceiling), low, high = search

    def at(multiple: Array) -> Array:
        quantity = first + (multiple - 1) * part.pack
        floor = kernels.floors(lines, policy, np.arange(chosen.size), quantity.astype(np.float64))
        return np.asarray(floor + tax * quantity - np.minimum(reward * quantity, ceiling))

    while (low < high).any():
        middle = (low + high) // 2
        rising = at(middle + 1) >= at(middle)
        low, high = np.where(rising, low, np.minimum(middle + 1, high)), np.where(rising, middle, high)
    return at(low)
