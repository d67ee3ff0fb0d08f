"""Compiled loops of reorder: what a line costs on its paths when later orders react to them.

The planning model of one line, with the letters of the code:

Sets
    t in 0..T-1 periods, s in paths
State
    stock I, placed q_t (q_0 is today's, a candidate), position = I + what was placed and has not arrived
Policy for t >= 1 on order days (capped base stock, Xin 2021, doi 10.1287/opre.2020.2011)
    q_t = 0 if level_t <= position, else pack ceil(max(level_t - position, MOQ, lot) / pack), cut to cap and maximum
    level_t = mean_t + z deviation_t of the demand until the order after t arrives, less what was on order already
Cost of a path
    sum_t (h I_t^+ + p lost_t + K [q_t > 0]) + v(position_T)
Value of what is left (v), excess E = position_T - level_T, m mean demand per period, lots of Q with average cost g
    v = h E^2 / 2m - g E / m for E > 0, else 0;  plus (unit cost - salvage) for steps beyond m times their life
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
import numpy.typing as npt
from numba import njit

Array = npt.NDArray[Any]
Function = TypeVar("Function", bound=Callable[..., Any])

_ROUNDING = 1e-9


def compiled(function: Function) -> Function:
    """Compile with numba and keep the result on disk; a kernel and what it calls stay in one file, or it goes stale."""
    return cast(Function, njit(cache=True)(function))


class Lines(NamedTuple):
    """Lines as the kernels read them, N lines; floats are float64, whole numbers int64, `demand` int32 (N, S, T)."""

    demand: Array
    weight: Array
    on_hand: Array
    arrivals: Array
    lead: Array
    can_order: Array
    pack: Array
    minimum: Array
    maximum: Array
    holding: Array
    shortage: Array
    order_cost: Array
    write_off: Array
    life: Array
    backorders: bool


class Policy(NamedTuple):
    """How later orders react: statistics per line and the fitted `z` and `cap`.

    `mean` and `deviation` of the demand each order must cover, shape (N, T + 1), the last column for an order after the
    horizon; `rate` mean demand per period, `review` demand between two orders, `lot` least lot, `credit` average cost
    of a lot per period, all (N,).
    """

    mean: Array
    deviation: Array
    rate: Array
    review: Array
    lot: Array
    credit: Array
    z: Array
    cap: Array


@compiled
def _limits(lines: Lines, n: int, cap: float) -> tuple[float, float, float]:
    """Pack, least order that is not 0, and largest order that policy and maximum allow (0 if nothing fits)."""
    pack = lines.pack[n]
    least = np.ceil(max(lines.minimum[n], 1.0) / pack) * pack
    most = min(max(np.ceil(cap / pack) * pack, least), np.floor(lines.maximum[n] / pack) * pack)
    return pack, least, most if most >= least else 0.0


@compiled
def _order_for(need: float, lot: float, limits: tuple[float, float, float]) -> float:
    """Whole packs for a need, nothing if there is none."""
    pack, least, most = limits
    if need <= _ROUNDING:
        return 0.0
    return float(min(max(np.ceil(max(need, lot) / pack - _ROUNDING) * pack, least), most))


@compiled
def _worth(lines: Lines, policy: Policy, n: int) -> tuple[float, float, float, float]:
    """Give the constants of `_left_over`: h / 2m, g / m, money per step written off, steps that sell in their life."""
    rate = policy.rate[n]
    curve = lines.holding[n] / 2.0 / rate if rate > 0.0 else 0.0
    slope = policy.credit[n] / rate if rate > 0.0 else 0.0
    return curve, slope, lines.write_off[n], rate * lines.life[n]


@compiled
def _left_over(worth: tuple[float, float, float, float], position: float, excess: float) -> float:
    curve, slope, write_off, sells = worth
    cost = write_off * max(0.0, position - sells)
    if excess > 0.0:
        cost += (curve * excess - slope) * excess
    return cost


@compiled
def _line_cost(lines: Lines, policy: Policy, n: int, quantity: float, work: Array) -> float:
    """Mean cost over the paths; `work` has two rows: the levels of the policy, and room for the orders placed."""
    periods, lead = lines.demand.shape[2], lines.lead[n]
    holding, shortage, order_cost = lines.holding[n], lines.shortage[n], lines.order_cost[n]
    demand, arrivals, can_order = lines.demand[n], lines.arrivals[n], lines.can_order[n]
    level, placed, lot, backorders = work[0], work[1], policy.lot[n], lines.backorders
    limits = _limits(lines, n, policy.cap[n])
    worth, start, mean = _worth(lines, policy, n), lines.on_hand[n], 0.0
    for s in range(lines.weight.size):
        stock, outstanding, cost = start, 0.0, 0.0
        for t in range(periods):
            stock += arrivals[t]
            if t >= lead and lead > 0:
                stock += placed[t - lead]
                outstanding -= placed[t - lead]
            order = 0.0
            if t == 0:
                order = quantity
            elif can_order[t]:
                order = _order_for(level[t] - stock - outstanding, lot, limits)
            placed[t] = order
            if order > 0.0:
                cost += order_cost
            if lead == 0:
                stock += order
            else:
                outstanding += order
            stock -= demand[s, t]
            if stock < 0.0:
                cost -= shortage * stock
                if not backorders:
                    stock = 0.0
            else:
                cost += holding * stock
        position = stock + outstanding
        mean += lines.weight[s] * (cost + _left_over(worth, position, position - level[periods]))
    return mean


@compiled
def _today(lines: Lines, policy: Policy, n: int, level: float) -> float:
    """Give what the policy itself would order today."""
    if not lines.can_order[n, 0]:
        return 0.0
    need = level - lines.on_hand[n] - lines.arrivals[n, 0]
    return _order_for(need, policy.lot[n], _limits(lines, n, policy.cap[n]))


@compiled
def _set_levels(policy: Policy, n: int, work: Array) -> None:
    for t in range(policy.mean.shape[1]):
        work[0, t] = policy.mean[n, t] + policy.z[n] * policy.deviation[n, t]


@compiled
def _try_policy(lines: Lines, policy: Policy, n: int, trial: tuple[float, float], best: float, work: Array) -> float:
    """Cost of a policy on the paths of a line; keeps it in `policy` if it is cheaper than `best`."""
    z, cap = policy.z[n], policy.cap[n]
    policy.z[n], policy.cap[n] = trial
    _set_levels(policy, n, work)
    cost = _line_cost(lines, policy, n, _today(lines, policy, n, work[0, 0]), work)
    if cost < best:
        return cost
    policy.z[n], policy.cap[n] = z, cap
    return best


@compiled
def fit(lines: Lines, policy: Policy, steps: Array, caps: Array) -> None:
    """Fit `z` and `cap` of each line, in place: steps around z, halved twice, then caps as multiples of a review."""
    work = np.zeros((2, lines.demand.shape[2] + 1))
    for n in range(policy.z.size):
        start, free = policy.z[n], policy.cap[n]
        best = _try_policy(lines, policy, n, (start, free), np.inf, work)
        for step in steps:
            best = _try_policy(lines, policy, n, (start + step, free), best, work)
        for half in (0.25, 0.125):
            centre = policy.z[n]
            for side in (-half, half):
                best = _try_policy(lines, policy, n, (centre + side, free), best, work)
        if not lines.backorders and lines.lead[n] > 0 and lines.order_cost[n] == 0.0:
            centre = policy.z[n]
            for multiple in caps:
                for side in (0.0, 0.5):
                    trial = (centre + side, multiple * policy.review[n])
                    best = _try_policy(lines, policy, n, trial, best, work)


@compiled
def follow(lines: Lines, policy: Policy) -> Array:
    """Cost of each line when today's order follows the policy too, shape (N,)."""
    cost = np.zeros(policy.z.size)
    work = np.zeros((2, lines.demand.shape[2] + 1))
    for n in range(policy.z.size):
        _set_levels(policy, n, work)
        cost[n] = _line_cost(lines, policy, n, _today(lines, policy, n, work[0, 0]), work)
    return cost


@compiled
def price(lines: Lines, policy: Policy, line: Array, quantity: Array) -> Array:
    """Exact mean cost of ordering `quantity[k]` today on line `line[k]`; equal lines stand together; shape (K,)."""
    cost = np.zeros(quantity.size)
    work = np.zeros((2, lines.demand.shape[2] + 1))
    for k in range(quantity.size):
        if k == 0 or line[k] != line[k - 1]:
            _set_levels(policy, line[k], work)
        cost[k] = _line_cost(lines, policy, line[k], quantity[k], work)
    return cost


@compiled
def _floor_cost(lines: Lines, policy: Policy, n: int, quantity: float, work: Array) -> float:
    """No policy makes today's quantity cheaper than this: holding without later orders, shortage before they arrive."""
    periods, lead = lines.demand.shape[2], lines.lead[n]
    helped = 1
    while helped < periods and not lines.can_order[n, helped]:
        helped += 1
    helped += lead
    lowest = policy.credit[n] / lines.holding[n] if lines.holding[n] > 0.0 else 0.0
    total: float = lines.order_cost[n] if quantity > 0.0 else 0.0
    worth, demand, arrivals = _worth(lines, policy, n), lines.demand[n], lines.arrivals[n]
    holding, shortage = lines.holding[n], lines.shortage[n]
    for s in range(lines.weight.size):
        stock, cost = lines.on_hand[n], 0.0
        for t in range(periods):
            stock += arrivals[t] - demand[s, t]
            if t == lead:
                stock += quantity
            if stock >= 0.0:
                cost += holding * stock
            elif t < helped:
                cost -= shortage * stock
            if stock < 0.0 and not lines.backorders:
                stock = 0.0
        position = stock + quantity if lead >= periods else stock
        excess = max(position - work[0, periods], lowest)
        total += lines.weight[s] * (cost + _left_over(worth, position, excess))
    return total


@compiled
def floors(lines: Lines, policy: Policy, line: Array, quantity: Array) -> Array:
    """Lower bound on the cost of each column, over every way to order later; convex in the quantity above 0; (K,)."""
    cost = np.zeros(quantity.size)
    work = np.zeros((2, lines.demand.shape[2] + 1))
    for k in range(quantity.size):
        _set_levels(policy, line[k], work)
        cost[k] = _floor_cost(lines, policy, line[k], quantity[k], work)
    return cost


@compiled
def last_useful(lines: Lines, policy: Policy, start: Array, known: Array) -> Array:
    """Count the multiples of each line that can be worth ordering, not counting 0: the proved cap, shape (N,).

    Multiple k is `start + (k - 1) pack`. `known` is the cost of some plan of the line. The floor is convex in k, so
    once it is above `known` and not falling, every larger multiple costs more than `known`. Nor can a multiple help
    that covers the whole demand of every path and every level: nothing is ordered or lost later, more is left over.
    """
    count = np.zeros(start.size, dtype=np.int64)
    work = np.zeros((2, lines.demand.shape[2] + 1))
    for n in range(start.size):
        pack = lines.pack[n]
        most = int(np.floor((lines.maximum[n] - start[n]) / pack)) + 1
        if most < 1 or not lines.can_order[n, 0]:
            continue
        _set_levels(policy, n, work)
        most = min(most, _covered(lines, policy, n, start[n], work))
        low, high = 0, 1
        while high < most and not _useless(lines, policy, n, start[n] + (high - 1) * pack, known[n], work):
            low, high = high, 2 * high
        high = min(high, most + 1)
        while high - low > 1:
            middle = (low + high) // 2
            if _useless(lines, policy, n, start[n] + (middle - 1) * pack, known[n], work):
                high = middle
            else:
                low = middle
        count[n] = low
    return count


@compiled
def _covered(lines: Lines, policy: Policy, n: int, start: float, work: Array) -> int:
    largest, highest = 0.0, 0.0
    for t in range(work.shape[1]):
        highest = max(highest, work[0, t])
    for s in range(lines.weight.size):
        total = 0.0
        for t in range(lines.demand.shape[2]):
            total += lines.demand[n, s, t]
        largest = max(largest, total)
    lowest = policy.credit[n] / lines.holding[n] if lines.holding[n] > 0.0 else 0.0
    reach = largest + highest + lowest - lines.on_hand[n]
    return max(1, int(np.ceil((reach - start) / lines.pack[n])) + 1)


@compiled
def _useless(lines: Lines, policy: Policy, n: int, quantity: float, known: float, work: Array) -> bool:
    here = _floor_cost(lines, policy, n, quantity, work)
    return bool(
        here > known + _ROUNDING * max(1.0, known)
        and _floor_cost(lines, policy, n, quantity + lines.pack[n], work) >= here
    )


@compiled
def project(lines: Lines, policy: Policy, quantity: Array) -> Array:
    """Means over the paths when `quantity` (N,) is ordered today and later orders react.

    Rows of the answer, shape (6, N, T): stock before the first event, receipts, stock at the end, demand lost (or owed
    at the end, with backorders), share of paths without stock at the end, steps ordered.
    """
    count, paths, periods = lines.demand.shape
    answer = np.zeros((6, count, periods))
    work = np.zeros((2, periods + 1))
    for n in range(count):
        _set_levels(policy, n, work)
        lead, limits = lines.lead[n], _limits(lines, n, policy.cap[n])
        for s in range(paths):
            stock, outstanding = lines.on_hand[n], 0.0
            weight = lines.weight[s]
            for t in range(periods):
                answer[0, n, t] += weight * stock
                received = lines.arrivals[n, t]
                if t >= lead and lead > 0:
                    received += work[1, t - lead]
                    outstanding -= work[1, t - lead]
                stock += received
                order = quantity[n] if t == 0 else 0.0
                if t > 0 and lines.can_order[n, t]:
                    order = _order_for(work[0, t] - stock - outstanding, policy.lot[n], limits)
                work[1, t] = order
                if lead == 0:
                    stock += order
                    received += order
                else:
                    outstanding += order
                stock -= lines.demand[n, s, t]
                lost = max(0.0, -stock)
                if not lines.backorders:
                    stock = max(stock, 0.0)
                answer[1, n, t] += weight * received
                answer[2, n, t] += weight * stock
                answer[3, n, t] += weight * lost
                answer[4, n, t] += weight * (stock <= 0.0)
                answer[5, n, t] += weight * order
    return answer
