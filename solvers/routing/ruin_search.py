"""Ruin, recreate, accept or take back: the compiled loop of the search."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from solvers.routing.compiled import Floats, Integers, compiled
from solvers.routing.ruin_kernel import (
    NOBODY,
    Ground,
    Tours,
    arc_metres,
    arc_seconds,
    close_route,
    insertion,
    joined,
    keep,
    link,
    next_random,
    open_route,
    refresh,
    settle,
    time_cost,
    unlink,
)

# Christiaens and Vanden Berghe (2020), section 5.1: stops removed on average, longest string, blinks, split strings.
REMOVED = 10.0
LONGEST_STRING = 10.0
_BLINK = 0.01
SPLIT = 0.5
DEEPER = 0.01
# Optional stops on no route that are tried in each round.
TRIED_ABSENT = 10
# How often each order of insertion is drawn, of 16: random, load, far, close, short window, early, late.
_ORDERS = (4, 8, 10, 11, 13, 15)


class Best(NamedTuple):
    """The best plan so far: route and follower of each stop, first and kind of each route; [cost, now, missing]."""

    route: Integers
    after: Integers
    first: Integers
    kind: Integers
    cost: Floats


@compiled
def whole(s: Tours, low: int, high: int) -> int:
    """Return a whole number from low to high, both included."""
    return low + min(int(next_random(s) * (high - low + 1)), high - low)


@compiled
def _take_string(s: Tours, c: int, longest: int, todo: int) -> int:
    """Take a string of stops around c off its route, sometimes leaving some in its middle; return the stops taken."""
    r = s.route[c]
    keep(s, r)
    length = whole(s, 1, min(s.size[r], longest))
    left = 0
    if length > 1 and next_random(s) < SPLIT:
        left = 1
        while length + left < s.size[r] and next_random(s) < DEEPER:
            left += 1
        left = min(left, s.size[r] - length)
    position, start = 0, c
    while s.before[start] != NOBODY:
        start, position = s.before[start], position + 1
    begin = whole(s, max(0, position - length - left + 1), min(position, s.size[r] - length - left))
    for _ in range(begin):
        start = s.after[start]
    skipped = whole(s, 1, length)
    taken, x = 0, start
    while x != NOBODY and taken < length:
        following = s.after[x]
        if taken == skipped and left > 0:
            left -= 1
        else:
            s.todo[todo + taken] = x
            unlink(s, x)
            taken += 1
        x = following
    return todo + taken


@compiled
def _ruin(g: Ground, s: Tours) -> int:
    """Take adjacent strings off the routes near a random stop; return how many stops are to be inserted."""
    stops, on = len(s.route), len(s.route) - s.tally[0]
    mean = on / max(s.tally[1], 1)
    longest = max(1, int(min(LONGEST_STRING, mean)))
    most = 4.0 * REMOVED / (1.0 + longest) - 1.0
    strings, cut, todo = int(next_random(s) * most + 1.0), 0, 0
    seed = whole(s, 0, stops - 1)
    for n in range(-1, g.near.shape[1]):
        c = seed if n < 0 else g.near[seed, n]
        r = s.route[c]
        if r != NOBODY and s.touched[r] != s.mark[1]:
            todo = settle(g, s, r, _take_string(s, c, longest, todo))
            cut += 1
            if cut >= strings:
                break
    return int(_with_absent(g, s, seed, todo))


@compiled
def _with_absent(g: Ground, s: Tours, seed: int, todo: int) -> int:
    """Add stops on no route to those taken: all that must be served, and some near the seed; rewrite the absent."""
    taken = todo
    for n in range(taken):
        s.seen[s.todo[n]] = s.mark[0] + 1
    s.mark[0] += 1
    for n in range(s.tally[0]):
        c = s.absent[n]
        if np.isinf(g.price[c]) or s.tally[0] <= TRIED_ABSENT or c == seed:
            s.todo[todo] = c
            s.seen[c] = s.mark[0]
            todo += 1
    tried = 0
    for n in range(g.near.shape[1]):
        c = g.near[seed, n]
        if s.route[c] == NOBODY and s.seen[c] != s.mark[0] and tried < TRIED_ABSENT:
            s.todo[todo] = c
            s.seen[c] = s.mark[0]
            todo, tried = todo + 1, tried + 1
    left = 0
    for n in range(s.tally[0]):
        if s.seen[s.absent[n]] != s.mark[0]:
            s.absent[left] = s.absent[n]
            left += 1
    s.tally[0] = left
    return todo


@compiled
def order_stops(g: Ground, s: Tours, todo: int) -> None:
    """Put the stops to insert in one of the orders of the paper, drawn by weight; section 5.3."""
    draw = whole(s, 0, 14 if g.timed else 10)
    for n in range(todo):
        c = s.todo[n]
        key = next_random(s)
        if _ORDERS[0] <= draw < _ORDERS[1]:
            for d in range(g.delivery.shape[1]):
                key -= float(g.delivery[c, d] + g.pickup[c, d])
        elif _ORDERS[1] <= draw < _ORDERS[2]:
            key -= float(arc_metres(g, 0, g.whole[0, 0], c))
        elif draw == _ORDERS[2]:
            key += float(arc_metres(g, 0, g.whole[0, 0], c))
        elif _ORDERS[3] <= draw < _ORDERS[4]:
            key += float(g.late[c] - g.early[c])
        elif _ORDERS[4] <= draw < _ORDERS[5]:
            key += float(g.early[c])
        elif draw >= _ORDERS[5]:
            key -= float(g.late[c])
        m = n
        while m > 0 and s.key[m - 1] > key:
            s.key[m], s.todo[m] = s.key[m - 1], s.todo[m - 1]
            m -= 1
        s.key[m], s.todo[m] = key, c


@compiled
def _has_room(g: Ground, s: Tours, r: int, c: int) -> bool:
    kind = s.kind[r]
    if not g.allowed[kind, c] or s.size[r] >= g.whole[kind, 6]:
        return False
    for d in range(g.delivery.shape[1]):
        if s.start_load[r, d] + g.delivery[c, d] > g.capacity[kind, d]:
            return False
    return bool(s.size[r] > 0)


@compiled
def _place_near(g: Ground, s: Tours, c: int) -> tuple[float, int, int]:
    """Return (added cost, route, stop before) of the cheapest place beside a near stop; each is missed now and then."""
    best, where, behind = np.inf, NOBODY, NOBODY
    s.mark[0] += 1
    for n in range(g.near.shape[1]):
        j = g.near[c, n]
        r = s.route[j]
        if r == NOBODY or not _has_room(g, s, r, c):
            continue
        for x in (j, s.before[j]):
            if x == NOBODY:
                if s.opened[r] == s.mark[0]:
                    continue
                s.opened[r] = s.mark[0]
            else:
                if s.seen[x] == s.mark[0]:
                    continue
                s.seen[x] = s.mark[0]
            if next_random(s) < _BLINK:
                continue
            cost = insertion(g, s, r, x, c, best)
            if cost < best:
                best, where, behind = cost, r, x
    return best, where, behind


@compiled
def _place_anywhere(g: Ground, s: Tours, c: int) -> tuple[float, int, int]:
    """Return (added cost, route, stop before) of the cheapest place on any route."""
    best, where, behind = np.inf, NOBODY, NOBODY
    for r in range(len(s.kind)):
        if s.kind[r] == NOBODY or not _has_room(g, s, r, c):
            continue
        x = NOBODY
        while True:
            cost = insertion(g, s, r, x, c, best)
            if cost < best:
                best, where, behind = cost, r, x
            x = s.first[r] if x == NOBODY else s.after[x]
            if x == NOBODY:
                break
    return best, where, behind


@compiled
def _alone(g: Ground, s: Tours, kind: int, c: int) -> float:
    """Return the cost of a route of the type to c alone, inf where it cannot be."""
    depot, end, profile = g.whole[kind, 0], g.whole[kind, 1], g.whole[kind, 7]
    if not g.allowed[kind, c] or g.whole[kind, 6] < 1:
        return np.inf
    for d in range(g.delivery.shape[1]):
        if max(g.delivery[c, d], g.pickup[c, d]) > g.capacity[kind, d]:
            return np.inf
    to, back = arc_metres(g, profile, depot, c), arc_metres(g, profile, c, end) if end >= 0 else 0
    if to < 0 or back < 0 or to + back > g.whole[kind, 5]:
        return np.inf
    cost = g.rate[kind, 0] + g.rate[kind, 1] * (to + back)
    if not g.timed:
        return float(cost)
    shift = (0, g.whole[kind, 2], g.whole[kind, 3])
    span = joined(shift, arc_seconds(g, profile, depot, c), (g.service[c], g.early[c], g.late[c]))
    if span[0] >= 0:
        span = joined(span, arc_seconds(g, profile, c, end) if end >= 0 else 0, shift)
    if span[0] < 0 or span[0] > g.whole[kind, 4] or g.release[c] > span[2]:
        return np.inf
    return float(cost + time_cost(g, kind, span[0]))


@compiled
def _insert(g: Ground, s: Tours, c: int) -> bool:
    """Put c where it costs least, beside a near stop or on its own, else anywhere; or leave it out at its price."""
    best, r, x = _place_near(g, s, c)
    chosen = NOBODY
    for kind in range(len(s.used)):
        if s.used[kind] < g.whole[kind, 8]:
            cost = _alone(g, s, kind, c)
            if cost < best:
                best, chosen = cost, kind
    if np.isinf(best) and np.isinf(g.price[c]):
        best, r, x = _place_anywhere(g, s, c)
    if np.isinf(best) or best >= g.price[c]:
        s.absent[s.tally[0]] = c
        s.tally[0] += 1
        return False
    if chosen != NOBODY:
        r, x = open_route(s, chosen), NOBODY
    keep(s, r)
    link(s, r, x, c)
    refresh(g, s, r)
    return True


@compiled
def _exchange_vehicle(g: Ground, s: Tours, r: int) -> None:
    """Give the route the type of vehicle that drives it at least cost, of those that are free."""
    own = best = s.kind[r]
    cost = s.cost[r]
    for kind in range(len(s.used)):
        if kind == own or s.used[kind] >= g.whole[kind, 8]:
            continue
        s.kind[r] = kind
        if refresh(g, s, r) and s.cost[r] < cost:
            best, cost = kind, s.cost[r]
    s.kind[r] = best
    refresh(g, s, r)
    s.used[own] -= 1
    s.used[best] += 1


@compiled
def _take_back(g: Ground, s: Tours, absent: int) -> None:
    """Put the touched routes and the absent stops back as they were before the round."""
    for number in range(s.tally[2]):
        r = s.kept_route[number]
        while s.first[r] != NOBODY:
            unlink(s, s.first[r])
        if s.kind[r] != NOBODY:
            close_route(s, r)
    for number in range(s.tally[2]):
        r = s.kept_route[number]
        if s.kept_kind[number] == NOBODY:
            continue
        s.kind[r] = s.kept_kind[number]
        s.used[s.kind[r]] += 1
        s.tally[1] += 1
        x = NOBODY
        for n in range(s.kept_from[number], s.kept_from[number + 1]):
            link(s, r, x, s.kept_stop[n])
            x = s.kept_stop[n]
        refresh(g, s, r)
    for n in range(absent):
        s.absent[n] = s.kept_absent[n]
    s.tally[0] = absent


@compiled
def total(g: Ground, s: Tours) -> tuple[float, int]:
    """Return the cost of routes and prices, and how many stops are missing that must be served."""
    cost, missing = 0.0, 0
    for r in range(len(s.cost)):
        cost += s.cost[r]
    for n in range(s.tally[0]):
        if np.isinf(g.price[s.absent[n]]):
            missing += 1
        else:
            cost += g.price[s.absent[n]]
    return cost, missing


@compiled
def record(s: Tours, b: Best, cost: float, missing: int) -> None:
    """Keep the plan as the best."""
    for x in range(len(s.route)):
        b.route[x], b.after[x] = s.route[x], s.after[x]
    for r in range(len(s.kind)):
        b.first[r], b.kind[r] = s.first[r], s.kind[r]
    b.cost[0], b.cost[2] = cost, missing


@compiled
def start(g: Ground, s: Tours, order: Integers) -> None:
    """Insert the stops in the order given, each where it costs least."""
    for c in order:
        s.mark[1] += 1
        s.tally[2] = 0
        _insert(g, s, c)


@compiled
def anneal(g: Ground, s: Tours, b: Best, rounds: int, warm: float, cold: float) -> None:
    """Do so many rounds of ruin and recreate while the temperature falls from warm to cold, geometrically."""
    now, missing = total(g, s)
    step = (cold / warm) ** (1.0 / max(rounds, 1))
    temperature = warm
    mixed = len(s.used) > 1
    for _ in range(rounds):
        s.mark[1] += 1
        s.tally[2] = 0
        absent = s.tally[0]
        for n in range(absent):
            s.kept_absent[n] = s.absent[n]
        todo = _ruin(g, s)
        order_stops(g, s, todo)
        for n in range(todo):
            _insert(g, s, s.todo[n])
        if mixed:
            for number in range(s.tally[2]):
                if s.kind[s.kept_route[number]] != NOBODY:
                    _exchange_vehicle(g, s, s.kept_route[number])
        cost, lacking = total(g, s)
        limit = now - temperature * np.log(max(next_random(s), 1e-12))
        if lacking < missing or (lacking == missing and cost < limit):
            now, missing = cost, lacking
            if lacking < b.cost[2] or (lacking == b.cost[2] and cost < b.cost[0] - 1e-7):
                record(s, b, cost, lacking)
        else:
            _take_back(g, s, absent)
        temperature *= step
