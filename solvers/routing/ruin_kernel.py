"""Routes as linked lists in compiled code, with what makes the cost of an insertion constant time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from solvers.routing.compiled import Flags, Floats, Integers, compiled

NOBODY = -1


class Ground(NamedTuple):
    """What is given, n stops then depots as nodes, K vehicle types, d load dimensions; seconds include set-up.

    metres, seconds : by profile, shape (profiles, nodes, nodes); with no nodes they are computed from xy.
    xy, scale, cut : plane coordinates, shape (nodes, 2); whole units of one, 1 where fractions are cut off.
    setup, place : shape (nodes,), only for computed ways.
    delivery, pickup : shape (n, d); early, late, service, release : shape (n,); price : inf for must, shape (n,).
    near : stops near each, nearest first, shape (n, k).
    whole : one row a type: depot, end (-1 open), shift start and end, most seconds, metres, stops, profile,
        number there are, overtime from, shape (K, 10).
    rate : one row a type: fixed, by metre, by second, by second of overtime, shape (K, 4).
    capacity : shape (K, d); allowed : shape (K, n); timed : whether times matter at all.
    """

    metres: Integers
    seconds: Integers
    xy: Floats
    scale: float
    cut: int
    setup: Integers
    place: Integers
    delivery: Integers
    pickup: Integers
    early: Integers
    late: Integers
    service: Integers
    release: Integers
    price: Floats
    near: Integers
    whole: Integers
    rate: Floats
    capacity: Integers
    allowed: Flags
    timed: bool


class Tours(NamedTuple):
    """Routes as linked lists of stops, with what makes an insertion cost constant time.

    after, before, route : shape (n,), -1 for none; load, most_before, most_after : on leaving the stop, up to and from
    then on, shape (n, d); until, onward : (duration, earliest, latest start) of the route up to and from the stop,
    shape (n, 3); first, last, kind, size, metres, seconds, release : shape (routes,); start_load, peak : shape
    (routes, d); cost : shape (routes,); used : vehicles by type; absent : stops on no route, the first
    tally[0]; tally[1] routes are driven; seen, opened : marks of places tried; mark[0] the last mark;
    kept_* : the touched routes before the change; state : of the random numbers.
    """

    after: Integers
    before: Integers
    route: Integers
    load: Integers
    most_before: Integers
    most_after: Integers
    until: Integers
    onward: Integers
    first: Integers
    last: Integers
    kind: Integers
    size: Integers
    metres: Integers
    seconds: Integers
    release: Integers
    start_load: Integers
    peak: Integers
    cost: Floats
    used: Integers
    absent: Integers
    tally: Integers
    seen: Integers
    opened: Integers
    mark: Integers
    touched: Integers
    kept_route: Integers
    kept_kind: Integers
    kept_from: Integers
    kept_stop: Integers
    kept_absent: Integers
    todo: Integers
    key: Floats
    state: npt.NDArray[np.uint64]


@compiled
def next_random(s: Tours) -> float:
    """Return the next number in [0, 1): xorshift64*, Vigna (2016)."""
    x = s.state[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    s.state[0] = x
    return float((x * np.uint64(2685821657736338717)) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@compiled
def arc_metres(g: Ground, profile: int, a: int, b: int) -> int:
    """Return the metres of an arc, negative for one that is closed."""
    if g.metres.shape[1] > 0:
        return int(g.metres[profile, a, b])
    x, y = g.xy[a, 0] - g.xy[b, 0], g.xy[a, 1] - g.xy[b, 1]
    length = g.scale * np.sqrt(x * x + y * y)
    return int(length) if g.cut == 1 else int(np.rint(length))


@compiled
def arc_seconds(g: Ground, profile: int, a: int, b: int) -> int:
    """Return the seconds of an arc with the set-up at its end."""
    if g.metres.shape[1] > 0:
        return int(g.seconds[profile, a, b])
    return int(arc_metres(g, profile, a, b)) + (g.setup[b] if g.place[a] != g.place[b] else 0)


@compiled
def joined(first: tuple[int, int, int], seconds: int, then: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return (duration, earliest, latest start) of two parts of a route, duration -1 where the second begins too late.

    Vidal, Crainic, Gendreau, Prins (2013), doi 10.1016/j.cor.2012.07.018, without time warp.
    """
    shift = first[0] + seconds
    if first[1] + shift > then[2]:
        return -1, 0, 0
    wait = max(then[1] - shift - first[2], 0)
    return shift + then[0] + wait, max(then[1] - shift, first[1]) - wait, min(then[2] - shift, first[2])


@compiled
def time_cost(g: Ground, kind: int, seconds: int) -> float:
    """Return the cost of a route's duration, overtime included."""
    return float(g.rate[kind, 2] * seconds + g.rate[kind, 3] * max(seconds - g.whole[kind, 9], 0))


@compiled
def refresh(g: Ground, s: Tours, r: int) -> bool:
    """Recompute everything known of a route from its order; return whether it can be driven."""
    kind, dimensions = s.kind[r], g.delivery.shape[1]
    profile, end = g.whole[kind, 7], g.whole[kind, 1]
    s.metres[r] = s.seconds[r] = s.release[r] = s.size[r] = 0
    for d in range(dimensions):
        s.start_load[r, d] = 0
        x = s.first[r]
        while x != NOBODY:
            s.start_load[r, d] += g.delivery[x, d]
            x = s.after[x]
    shift = (0, g.whole[kind, 2], g.whole[kind, 3])
    here, span, fits = g.whole[kind, 0], shift, True
    x, last = s.first[r], NOBODY
    while x != NOBODY:
        way = arc_metres(g, profile, here, x)
        fits &= way >= 0 and g.allowed[kind, x]
        s.metres[r] += way
        s.release[r] = max(s.release[r], g.release[x])
        if g.timed and fits:
            span = joined(span, arc_seconds(g, profile, here, x), (g.service[x], g.early[x], g.late[x]))
            fits &= span[0] >= 0
            s.until[x, 0], s.until[x, 1], s.until[x, 2] = span[0], span[1], span[2]
        for d in range(dimensions):
            carried = s.start_load[r, d] if last == NOBODY else s.load[last, d]
            most = carried if last == NOBODY else s.most_before[last, d]
            s.load[x, d] = carried - g.delivery[x, d] + g.pickup[x, d]
            s.most_before[x, d] = max(most, s.load[x, d])
            fits &= s.most_before[x, d] <= g.capacity[kind, d]
        s.size[r] += 1
        here, last, x = x, x, s.after[x]
    s.last[r] = last
    if end >= 0 and last != NOBODY:
        way = arc_metres(g, profile, last, end)
        fits &= way >= 0
        s.metres[r] += way
    if g.timed and fits and last != NOBODY:
        span = joined(span, arc_seconds(g, profile, last, end) if end >= 0 else 0, shift)
        fits &= 0 <= span[0] <= g.whole[kind, 4] and s.release[r] <= span[2]
        s.seconds[r] = span[0]
    fits &= s.metres[r] <= g.whole[kind, 5] and s.size[r] <= g.whole[kind, 6]
    if fits:
        _refresh_back(g, s, r)
    s.cost[r] = g.rate[kind, 0] + g.rate[kind, 1] * s.metres[r] + time_cost(g, kind, s.seconds[r])
    return bool(fits)


@compiled
def _refresh_back(g: Ground, s: Tours, r: int) -> None:
    """Recompute what is known from each stop to the end of the route."""
    kind, dimensions = s.kind[r], g.delivery.shape[1]
    profile, end = g.whole[kind, 7], g.whole[kind, 1]
    span, there = (0, g.whole[kind, 2], g.whole[kind, 3]), end
    for d in range(dimensions):
        s.peak[r, d] = s.start_load[r, d]
    x, following = s.last[r], NOBODY
    while x != NOBODY:
        if g.timed:
            seconds = arc_seconds(g, profile, x, there) if there >= 0 else 0
            span = joined((g.service[x], g.early[x], g.late[x]), seconds, span)
            s.onward[x, 0], s.onward[x, 1], s.onward[x, 2] = span[0], span[1], span[2]
        for d in range(dimensions):
            most = s.load[x, d] if following == NOBODY else max(s.load[x, d], s.most_after[following, d])
            s.most_after[x, d] = most
            s.peak[r, d] = max(s.peak[r, d], most)
        there, following, x = x, x, s.before[x]


@compiled
def _fits_time(g: Ground, s: Tours, r: int, x: int, c: int) -> int:
    """Return the seconds of the route with c after x, -1 where it cannot be driven in time."""
    kind = s.kind[r]
    profile, end = g.whole[kind, 7], g.whole[kind, 1]
    shift = (0, g.whole[kind, 2], g.whole[kind, 3])
    if x == NOBODY:
        before, here, y = shift, g.whole[kind, 0], s.first[r]
    else:
        before, here, y = (s.until[x, 0], s.until[x, 1], s.until[x, 2]), x, s.after[x]
    span = joined(before, arc_seconds(g, profile, here, c), (g.service[c], g.early[c], g.late[c]))
    if span[0] < 0:
        return -1
    if y != NOBODY:
        span = joined(span, arc_seconds(g, profile, c, y), (s.onward[y, 0], s.onward[y, 1], s.onward[y, 2]))
    else:
        span = joined(span, arc_seconds(g, profile, c, end) if end >= 0 else 0, shift)
    late = span[0] > g.whole[kind, 4] or max(s.release[r], g.release[c]) > span[2]
    return -1 if span[0] < 0 or late else span[0]


@compiled
def insertion(g: Ground, s: Tours, r: int, x: int, c: int, best: float) -> float:
    """Return what c after x (-1: first) adds to the cost of the route; inf where it cannot be or is not below best."""
    kind = s.kind[r]
    profile, end = g.whole[kind, 7], g.whole[kind, 1]
    here, y = (g.whole[kind, 0], s.first[r]) if x == NOBODY else (x, s.after[x])
    there = y if y != NOBODY else end
    there_way, gone = 0, 0
    to = arc_metres(g, profile, here, c)
    if there >= 0:
        there_way = arc_metres(g, profile, c, there)
        gone = arc_metres(g, profile, here, there) if s.size[r] > 0 else 0
    metres = to + there_way - gone
    cost = g.rate[kind, 1] * metres + (g.rate[kind, 0] if s.size[r] == 0 else 0.0)
    if (
        to < 0
        or there_way < 0
        or s.metres[r] + metres > g.whole[kind, 5]
        or (cost >= best and g.rate[kind, 2] + g.rate[kind, 3] == 0.0)
    ):
        return np.inf
    for d in range(g.delivery.shape[1]):
        ahead = s.start_load[r, d] if x == NOBODY else s.most_before[x, d]
        onward = s.peak[r, d] if x == NOBODY else s.most_after[x, d]
        if ahead + g.delivery[c, d] > g.capacity[kind, d] or onward + g.pickup[c, d] > g.capacity[kind, d]:
            return np.inf
    if not g.timed:
        return float(cost)
    seconds = _fits_time(g, s, r, x, c)
    if seconds < 0:
        return np.inf
    return float(cost + time_cost(g, kind, seconds) - time_cost(g, kind, s.seconds[r]))


@compiled
def keep(s: Tours, r: int) -> None:
    """Remember the route as it is before its first change in this round."""
    if s.touched[r] == s.mark[1]:
        return
    s.touched[r] = s.mark[1]
    number = s.tally[2]
    s.kept_route[number], s.kept_kind[number] = r, s.kind[r]
    to, x = s.kept_from[number], s.first[r]
    while x != NOBODY:
        s.kept_stop[to] = x
        to, x = to + 1, s.after[x]
    s.kept_from[number + 1] = to
    s.tally[2] = number + 1


@compiled
def unlink(s: Tours, c: int) -> None:
    """Take c off its route."""
    r, a, b = s.route[c], s.before[c], s.after[c]
    if a == NOBODY:
        s.first[r] = b
    else:
        s.after[a] = b
    if b == NOBODY:
        s.last[r] = a
    else:
        s.before[b] = a
    s.route[c] = s.before[c] = s.after[c] = NOBODY
    s.size[r] -= 1


@compiled
def link(s: Tours, r: int, x: int, c: int) -> None:
    """Put c on the route after x, first where x is -1."""
    y = s.first[r] if x == NOBODY else s.after[x]
    s.route[c], s.before[c], s.after[c] = r, x, y
    if x == NOBODY:
        s.first[r] = c
    else:
        s.after[x] = c
    if y != NOBODY:
        s.before[y] = c


@compiled
def settle(g: Ground, s: Tours, r: int, todo: int) -> int:
    """Refresh a route stops were taken from; one that cannot be driven so is emptied. Return the stops to insert."""
    if s.first[r] != NOBODY and not refresh(g, s, r):
        while s.first[r] != NOBODY:
            s.todo[todo] = s.first[r]
            todo += 1
            unlink(s, s.first[r])
    if s.first[r] == NOBODY:
        close_route(s, r)
    return todo


@compiled
def close_route(s: Tours, r: int) -> None:
    """Give the vehicle of an empty route back; routes in use stay apart from free ones by kind -1."""
    s.used[s.kind[r]] -= 1
    s.kind[r] = NOBODY
    s.size[r] = s.metres[r] = s.seconds[r] = 0
    s.cost[r] = 0.0
    s.tally[1] -= 1


@compiled
def open_route(s: Tours, kind: int) -> int:
    """Return a free route given to a vehicle of the type."""
    r = s.mark[2]
    while s.kind[r] != NOBODY:
        r = (r + 1) % len(s.kind)
    s.mark[2] = r
    s.first[r] = s.last[r] = NOBODY
    keep(s, r)
    s.kind[r] = kind
    s.used[kind] += 1
    s.tally[1] += 1
    return int(r)
