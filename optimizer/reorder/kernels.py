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
    sum_t (h I_t^+ + p lost_t + w expired_t + K [q_t > 0] + e(q_t)) + v(position_T)
    e(q) is what q costs above the cheapest price of its price breaks; stock is sold soonest to expire first
Value of what is left (v), excess E = position_T - level_T, m mean demand per period, lots of Q with average cost g
    v = h E^2 / 2m - g E / m for E > 0, else 0;  plus (unit cost - salvage) for steps beyond m times their life
"""

from __future__ import annotations

import numpy as np

from optimizer.reorder.lines import Array, Lines, Policy, compiled

_ROUNDING = 1e-9


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
def _premium(lines: Lines, n: int, quantity: float) -> float:
    """Money an order costs above the cheapest price: its own price for every step, or each step at its own."""
    cost, breaks = 0.0, lines.break_from.shape[1]
    for b in range(breaks):
        begin = lines.break_from[n, b]
        if quantity <= 0.0 or quantity < begin:
            break
        if lines.all_units[n]:
            cost = lines.break_extra[n, b] * quantity
        else:
            end = min(quantity, lines.break_from[n, b + 1]) if b + 1 < breaks else quantity
            cost += lines.break_extra[n, b] * (end - begin)
    return cost


@compiled
def premiums(lines: Lines, quantity: Array) -> Array:
    """Money that an order of `quantity` (N,), rounded up, costs above the cheapest price of its line, shape (N,)."""
    cost = np.zeros(quantity.size)
    for n in range(quantity.size):
        cost[n] = _premium(lines, n, np.ceil(quantity[n]))
    return cost


@compiled
def _ages(lines: Lines, n: int) -> bool:
    """Whether stock of the line can expire within the horizon."""
    return bool(lines.shelf[n] <= lines.demand.shape[2] or lines.expiring[n].sum() > 0.0)


@compiled
def _by_age(lines: Lines, n: int, batch: Array) -> None:
    """Lay out today's stock by its last period of sale; what lasts past the horizon stands at the end."""
    periods = lines.expiring.shape[1]
    batch[periods] = lines.on_hand[n]
    for t in range(periods):
        batch[t] = lines.expiring[n, t]
        batch[periods] -= batch[t]
    batch[periods] = max(batch[periods], 0.0)


@compiled
def _sell(batch: Array, t: int, keep: float) -> None:
    """Take the soonest to expire until `keep` is left."""
    take = -keep
    for e in range(t, batch.size):
        take += batch[e]
    for e in range(t, batch.size):
        if take <= 0.0:
            break
        gone = min(batch[e], take)
        batch[e] -= gone
        take -= gone


@compiled
def _line_cost(  # noqa: C901 - one compiled loop
    lines: Lines, policy: Policy, n: int, quantity: float, work: Array, record: Array
) -> float:
    """Mean cost over the paths; `work` has three rows: levels of the policy, orders placed, stock by last period.

    `record` (6, T) collects the means of `project`; with no column it is left alone.
    """
    periods = lines.demand.shape[2]
    holding, shortage, order_cost = lines.holding[n], lines.shortage[n], lines.order_cost[n]
    demand, arrivals, can_order = lines.demand[n], lines.arrivals[n], lines.can_order[n]
    level, placed, batch, lot, backorders = work[0], work[1], work[2], policy.lot[n], lines.backorders
    limits, ages, shelf, wasted = _limits(lines, n, policy.cap[n]), _ages(lines, n), lines.shelf[n], 0.0
    priced, recorded = lines.break_from.shape[1] > 0, record.shape[1] > 0
    worth, start, mean = _worth(lines, policy, n), lines.on_hand[n], 0.0
    for s in range(lines.weight.size):
        stock, outstanding, cost, lead = start, 0.0, 0.0, lines.lead[n] + lines.delay[n, s]
        if ages:
            _by_age(lines, n, batch)
        for t in range(periods):
            opening = stock
            if ages and t > 0:
                wasted = batch[t - 1]
                stock -= wasted
                cost += worth[2] * wasted
            received = arrivals[t]
            if t >= lead and lead > 0:
                received += placed[t - lead]
                outstanding -= placed[t - lead]
            stock += received
            order = 0.0
            if t == 0:
                order = quantity
            elif can_order[t]:
                order = _order_for(level[t] - stock - outstanding, lot, limits)
            placed[t] = order
            if order > 0.0:
                cost += order_cost
                if priced:
                    cost += _premium(lines, n, order)
            if lead == 0:
                stock += order
                received += order
            else:
                outstanding += order
            stock -= demand[s, t]
            lost = max(0.0, -stock)
            if ages:
                batch[min(t + shelf - 1, periods)] += received
                _sell(batch, t, max(stock, 0.0))
            if stock < 0.0:
                cost -= shortage * stock
                if not backorders:
                    stock = 0.0
            else:
                cost += holding * stock
            if recorded:
                _note(record, t, lines.weight[s], (opening, received, stock, lost, order))
        if ages:
            stock -= batch[periods - 1]
            cost += worth[2] * batch[periods - 1]
        position = stock + outstanding
        mean += lines.weight[s] * (cost + _left_over(worth, position, position - level[periods]))
    return mean


@compiled
def _note(record: Array, t: int, weight: float, figures: tuple[float, float, float, float, float]) -> None:
    opening, received, stock, lost, order = figures
    record[0, t] += weight * opening
    record[1, t] += weight * received
    record[2, t] += weight * stock
    record[3, t] += weight * lost
    record[4, t] += weight * (stock <= 0.0)
    record[5, t] += weight * order


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
    cost = _line_cost(lines, policy, n, _today(lines, policy, n, work[0, 0]), work, np.zeros((6, 0)))
    if cost < best:
        return cost
    policy.z[n], policy.cap[n] = z, cap
    return best


@compiled
def fit(lines: Lines, policy: Policy, steps: Array, caps: Array) -> None:
    """Fit `z` and `cap` of each line, in place: steps around z, halved twice, then caps as multiples of a review."""
    work = np.zeros((3, lines.demand.shape[2] + 1))
    for n in range(policy.z.size):
        start, free = policy.z[n], policy.cap[n]
        best = _try_policy(lines, policy, n, (start, free), np.inf, work)
        for step in steps:
            best = _try_policy(lines, policy, n, (start + step, free), best, work)
        for half in (0.25, 0.125):
            centre = policy.z[n]
            for side in (-half, half):
                best = _try_policy(lines, policy, n, (centre + side, free), best, work)
        late = not lines.backorders and lines.lead[n] > 0 and lines.order_cost[n] == 0.0
        if late or lines.shelf[n] <= lines.demand.shape[2]:
            centre = policy.z[n]
            for multiple in caps:
                for side in (0.0, 0.5):
                    trial = (centre + side, multiple * policy.review[n])
                    best = _try_policy(lines, policy, n, trial, best, work)


@compiled
def followed(lines: Lines, policy: Policy) -> Array:
    """Give what the policy itself would order of each line today, shape (N,)."""
    quantity = np.zeros(policy.z.size)
    for n in range(policy.z.size):
        level = policy.mean[n, 0] + policy.z[n] * policy.deviation[n, 0]
        quantity[n] = _today(lines, policy, n, level)
    return quantity


@compiled
def price(lines: Lines, policy: Policy, line: Array, quantity: Array) -> Array:
    """Exact mean cost of ordering `quantity[k]` today on line `line[k]`; equal lines stand together; shape (K,)."""
    cost = np.zeros(quantity.size)
    work = np.zeros((3, lines.demand.shape[2] + 1))
    for k in range(quantity.size):
        if k == 0 or line[k] != line[k - 1]:
            _set_levels(policy, line[k], work)
        cost[k] = _line_cost(lines, policy, line[k], quantity[k], work, np.zeros((6, 0)))
    return cost


@compiled
def _floor_cost(  # noqa: C901 - one compiled loop
    lines: Lines, policy: Policy, n: int, quantity: float, work: Array
) -> float:
    """No policy makes today's quantity cheaper than this: holding without later orders, shortage before they arrive."""
    periods, ages, batch, shelf = lines.demand.shape[2], _ages(lines, n), work[2], lines.shelf[n]
    following = 1
    while following < periods and not lines.can_order[n, following]:
        following += 1
    lowest = policy.credit[n] / lines.holding[n] if lines.holding[n] > 0.0 else 0.0
    total: float = lines.order_cost[n] if quantity > 0.0 else 0.0
    worth, demand, arrivals = _worth(lines, policy, n), lines.demand[n], lines.arrivals[n]
    holding, shortage = lines.holding[n], lines.shortage[n]
    for s in range(lines.weight.size):
        stock, cost, lead = lines.on_hand[n], 0.0, lines.lead[n] + lines.delay[n, s]
        if ages:
            _by_age(lines, n, batch)
        for t in range(periods):
            received = arrivals[t] + (quantity if t == lead else 0.0)
            if ages and t > 0:
                stock -= batch[t - 1]
                cost += worth[2] * batch[t - 1]
            stock += received - demand[s, t]
            if ages:
                batch[min(t + shelf - 1, periods)] += received
                _sell(batch, t, max(stock, 0.0))
            if stock >= 0.0:
                cost += holding * stock
            elif t < following + lead:
                cost -= shortage * stock
            if stock < 0.0 and not lines.backorders:
                stock = 0.0
        if ages:
            stock -= batch[periods - 1]
            cost += worth[2] * batch[periods - 1]
        position = stock + quantity if lead >= periods else stock
        excess = max(position - work[0, periods], lowest)
        total += lines.weight[s] * (cost + _left_over(worth, position, excess))
    return total


@compiled
def floors(lines: Lines, policy: Policy, line: Array, quantity: Array) -> Array:
    """Lower bound on the cost of each column, over every way to order later; convex in the quantity above 0; (K,)."""
    cost = np.zeros(quantity.size)
    work = np.zeros((3, lines.demand.shape[2] + 1))
    for k in range(quantity.size):
        _set_levels(policy, line[k], work)
        cost[k] = _floor_cost(lines, policy, line[k], quantity[k], work)
    return cost


@compiled
def last_useful(lines: Lines, policy: Policy, start: Array, known: Array) -> Array:
    """Count the multiples of each line that can be worth ordering, not counting 0: the proved cap, shape (N,).

    Multiple k is `start + (k - 1) pack`. `known` is the cost of some plan of the line. The floor is convex in k, so
    once it is above `known` and not falling, every larger multiple costs more than `known`. Nor can a multiple help
    that covers the whole demand of every path, every level and every price break: more is left over, nothing saved.
    """
    count = np.zeros(start.size, dtype=np.int64)
    work = np.zeros((3, lines.demand.shape[2] + 1))
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
    for b in range(lines.break_from.shape[1]):
        if lines.break_from[n, b] < np.inf:
            reach = max(reach, lines.break_from[n, b])
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
    """Means over the paths when `quantity` (N,) is ordered today and later orders react, shape (N, 6, T).

    Rows: stock before the first event, receipts, stock at the end, demand lost (or owed at the end, with backorders),
    share of paths without stock at the end, steps ordered.
    """
    answer = np.zeros((quantity.size, 6, lines.demand.shape[2]))
    work = np.zeros((3, lines.demand.shape[2] + 1))
    for n in range(quantity.size):
        _set_levels(policy, n, work)
        _line_cost(lines, policy, n, quantity[n], work, answer[n])
    return answer
