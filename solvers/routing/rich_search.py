"""Ruin, recreate, accept or take back on rows of stops: the search of `ruin_search` for problems with more in them."""

from __future__ import annotations

import numpy as np

from solvers.routing.compiled import Integers, compiled
from solvers.routing.problem import RELOAD
from solvers.routing.rich_kernel import SETTLED, Rich, judged, refresh_row
from solvers.routing.rich_moves import (
    alone,
    best_anywhere,
    best_near,
    best_pair,
    close_row,
    close_up,
    keep_row,
    open_row,
    put,
    take_off,
)
from solvers.routing.ruin_kernel import NOBODY, Ground, Tours, next_random
from solvers.routing.ruin_search import DEEPER, LONGEST_STRING, REMOVED, SPLIT, TRIED_ABSENT, order_stops, total, whole

# Stops whose routes may be taken whole; how often a stop is served for more than its price, as two together may pay.
_SHORT_ROUTE = 3
_DEAR = 0.05
# How often a stop begins a route of its own where another would do, as others may join it.
_APART = 0.02


@compiled
def _unit(x: Rich, c: int) -> int:
    """Return the stop itself, or where its shipment begins."""
    return int(c if x.partner[c] < 0 or x.picks[c] == 1 else x.partner[c])


@compiled
def _take_string(s: Tours, x: Rich, c: int, longest: int, todo: int) -> int:
    """Take a string of visits around c off its route, sometimes leaving some in its middle; return the stops taken."""
    r = s.route[c]
    settled = x.own[s.kind[r], SETTLED]
    if x.at[c] < settled:
        return todo
    keep_row(s, x, r)
    free = s.size[r] - settled
    length, left = whole(s, 1, min(free, longest)), 0
    if length > 1 and next_random(s) < SPLIT:
        left = 1
        while length + left < free and next_random(s) < DEEPER:
            left += 1
        left = min(left, free - length)
    position = x.at[c] - settled
    begin = settled + whole(s, max(0, position - length - left + 1), min(position, free - length - left))
    skipped = begin + whole(s, 1, length)
    for n in range(begin, begin + length + left):
        j = x.order[r, n]
        # Less than a stop: the depot, or an end of a shipment that is gone already.
        if j >= 0 and not (left > 0 and skipped <= n < skipped + left):
            take_off(s, x, j)
            s.todo[todo] = _unit(x, j)
            todo += 1
    return todo


@compiled
def _settle(g: Ground, s: Tours, x: Rich, r: int, todo: int) -> int:
    """Refresh a route stops were taken from; what is free of one that cannot be driven so is taken off too."""
    close_up(s, x, r)
    if s.size[r] > 0 and not refresh_row(g, s, x, r):
        for n in range(x.own[s.kind[r], SETTLED], s.size[r]):
            j = x.order[r, n]
            if j >= 0:
                take_off(s, x, j)
                s.todo[todo] = _unit(x, j)
                todo += 1
        close_up(s, x, r)
        if s.size[r] > 0:
            refresh_row(g, s, x, r)
    if s.size[r] == 0:
        close_row(s, r)
    return todo


@compiled
def _ruin(g: Ground, s: Tours, x: Rich) -> int:
    """Take adjacent strings off the routes near a random stop; return how many stops are to be inserted."""
    stops = len(s.route)
    mean = (stops - s.tally[0]) / max(s.tally[1], 1)
    longest = max(_SHORT_ROUTE, int(min(LONGEST_STRING, mean)))
    most = 4.0 * REMOVED / (1.0 + longest) - 1.0
    strings, cut, todo = int(next_random(s) * most + 1.0), 0, 0
    seed = whole(s, 0, stops - 1)
    for n in range(-1, g.near.shape[1]):
        c = seed if n < 0 else g.near[seed, n]
        r = s.route[c]
        if r != NOBODY and s.touched[r] != s.mark[1]:
            before = todo
            todo = _take_string(s, x, c, longest, todo)
            if todo > before:
                todo = _settle(g, s, x, r, todo)
                cut += 1
            if cut >= strings:
                break
    return _with_absent(g, s, x, seed, todo)


@compiled
def _with_absent(g: Ground, s: Tours, x: Rich, seed: int, todo: int) -> int:
    """Add stops on no route to those taken: all that must be served, and some of the rest; rewrite the absent."""
    left, tried, count = 0, 0, s.tally[0]
    first = whole(s, 0, max(count - 1, 0))
    for number in range(count):
        # As they were when the round began.
        c = s.kept_absent[(first + number) % count]
        must = np.isinf(g.price[c])
        if must or tried < TRIED_ABSENT or c == seed:
            tried += not must
            s.todo[todo] = c
            todo += 1
        else:
            s.absent[left] = c
            left += 1
    s.tally[0] = left
    return todo


@compiled
def _place(g: Ground, s: Tours, x: Rich, c: int, everywhere: bool) -> tuple[float, int, int, int, int]:
    """Return (added cost, route, p, q, way through the depot) of the cheapest place of a stop or shipment."""
    if x.partner[c] >= 0:
        return best_pair(g, s, x, c, everywhere)
    if everywhere:
        best, r, p, through = best_anywhere(g, s, x, c)
    else:
        best, r, p, through = best_near(g, s, x, c)
    return best, r, p, 0, through


@compiled
def _insert(g: Ground, s: Tours, x: Rich, c: int) -> None:
    """Put c where it costs least, beside a near stop or on its own, else anywhere; or leave it out at its price."""
    best, r, p, q, through = np.inf, NOBODY, 0, 0, 0
    if next_random(s) >= _APART:
        best, r, p, q, through = _place(g, s, x, c, False)
    chosen = NOBODY
    for kind in range(len(s.used)):
        if s.used[kind] < g.whole[kind, 8] and g.rate[kind, 0] < best:
            cost = alone(g, x, kind, c)
            if cost < best:
                best, chosen = cost, kind
    if np.isinf(best):
        best, r, p, q, through = _place(g, s, x, c, True)
    if np.isinf(best) or (best >= g.price[c] and next_random(s) >= _DEAR):
        s.absent[s.tally[0]] = c
        s.tally[0] += 1
        return
    if chosen != NOBODY:
        r, p, q, through = open_row(s, x, chosen), 0, 0, 0
    put(g, s, x, r, c, (p, q, through))


@compiled
def _exchange_vehicle(g: Ground, s: Tours, x: Rich, r: int) -> None:
    """Give the route the type of vehicle that drives it at least cost, of those that are free."""
    own = best = s.kind[r]
    cost = s.cost[r]
    if x.own[own, SETTLED] > 0:
        return
    for n in range(s.size[r]):
        x.trial[n] = x.order[r, n]
    for kind in range(len(s.used)):
        if kind == own or s.used[kind] >= g.whole[kind, 8]:
            continue
        other = judged(g, x, kind, s.size[r])[0]
        if other < cost:
            best, cost = kind, other
    if best != own:
        s.kind[r] = best
        s.used[own] -= 1
        s.used[best] += 1
        refresh_row(g, s, x, r)


@compiled
def _take_back(g: Ground, s: Tours, x: Rich, absent: int) -> None:
    """Put the touched routes and the absent stops back as they were before the round."""
    for number in range(s.tally[2]):
        r = s.kept_route[number]
        for n in range(s.size[r]):
            if x.order[r, n] != RELOAD:
                s.route[x.order[r, n]] = NOBODY
        if s.kind[r] != NOBODY:
            close_row(s, r)
    for number in range(s.tally[2]):
        r = s.kept_route[number]
        if s.kept_kind[number] == NOBODY:
            continue
        s.kind[r], s.size[r] = s.kept_kind[number], x.kept_size[number]
        s.used[s.kind[r]] += 1
        s.tally[1] += 1
        for n in range(s.size[r]):
            x.order[r, n] = x.kept[number, n]
        refresh_row(g, s, x, r)
    for n in range(absent):
        s.absent[n] = s.kept_absent[n]
    s.tally[0] = absent


@compiled
def record_rows(s: Tours, x: Rich, cost: float, missing: int) -> None:
    """Keep the plan as the best."""
    for r in range(len(s.kind)):
        x.best_size[r], x.best_kind[r] = s.size[r], s.kind[r]
        for n in range(s.size[r]):
            x.best[r, n] = x.order[r, n]
    x.total[0], x.total[2] = cost, missing


@compiled
def start_rows(g: Ground, s: Tours, x: Rich, order: Integers) -> None:
    """Insert the stops in the order given, each where it costs least."""
    for c in order:
        s.mark[1] += 1
        s.tally[2] = 0
        _insert(g, s, x, c)


@compiled
def anneal_rows(g: Ground, s: Tours, x: Rich, rounds: int, warm: float, cold: float) -> None:
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
        todo = _ruin(g, s, x)
        order_stops(g, s, todo)
        for n in range(todo):
            _insert(g, s, x, s.todo[n])
        if mixed:
            for number in range(s.tally[2]):
                if s.kind[s.kept_route[number]] != NOBODY:
                    _exchange_vehicle(g, s, x, s.kept_route[number])
        cost, lacking = total(g, s)
        limit = now - temperature * np.log(max(next_random(s), 1e-12))
        if lacking < missing or (lacking == missing and cost < limit):
            now, missing = cost, lacking
            if lacking < x.total[2] or (lacking == x.total[2] and cost < x.total[0] - 1e-7):
                record_rows(s, x, cost, lacking)
        else:
            _take_back(g, s, x, absent)
        temperature *= step
