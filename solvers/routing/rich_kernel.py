"""Routes as rows of stops, a changed one judged by driving it whole: for what constant time cannot judge."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from solvers.routing import drive
from solvers.routing.compiled import Floats, Integers, compiled
from solvers.routing.drive import NEVER, TIME, Drive, forward
from solvers.routing.problem import RELOAD, TOGETHER
from solvers.routing.ruin_kernel import NOBODY, Ground, Tours, time_cost
from solvers.routing.starts import best_start, can_be_driven, first_start

# Columns of `own`: reloads and their seconds, windows of its loadings, settled stops, departures known, first break and
# how many, the one by driving time, breaks before this time are not asked, earliest way on, starts tried,
# 1 where time costs nothing and has no limit.
(RELOADS, LOADING, LOAD_LOW, LOAD_HIGH, SETTLED, DRIVEN, BREAK, BREAKS, RULE, OVER, RESUME, TRIES, TIMELESS) = range(13)


class Rich(NamedTuple):
    """What `Ground` and `Tours` lack; n stops, K types, R routes of at most W visits, RELOAD among them.

    hours : seconds by profile and band without set-up, shape (profiles, bands, nodes, nodes).
    opens, closes, low, high : windows of each stop and, after them, of each type's loadings.
    partner, picks, apart : other end, whether the stop is where a shipment begins, group of goods, shape (n,).
    own : see the columns above, shape (K, 13); breaks : of all types; driven : departures known, shape (K, most + 1).
    order, at : stops of each route, shape (R, W), place of each stop on its own, shape (n,).
    leave, must : earliest departure from and latest begin at each visit, shape (R, W + 1); they only rule out.
    stamp : places tried for the stop at hand; trial : the order being judged; boarded, tick : shipments aboard.
    kept, best, best_size, best_kind : routes before the round, and of the best plan; total : its cost and what misses.
    worth, offers : places noted for the stop at hand: cost of their metres; route, place, way through the depot.
    drive : where routes are driven.
    """

    hours: Integers
    opens: Integers
    closes: Integers
    low: Integers
    high: Integers
    partner: Integers
    picks: Integers
    apart: Integers
    own: Integers
    breaks: Integers
    driven: Integers
    order: Integers
    at: Integers
    leave: Integers
    must: Integers
    stamp: Integers
    trial: Integers
    boarded: Integers
    tick: Integers
    kept: Integers
    kept_size: Integers
    best: Integers
    best_size: Integers
    best_kind: Integers
    total: Floats
    worth: Floats
    offers: Integers
    drive: Drive


@compiled
def _loaded(g: Ground, x: Rich, kind: int, first: int, size: int) -> int:
    """Return where the trip that begins at place `first` ends, NOBODY where it carries too much at some moment."""
    end = first
    while end < size and x.trial[end] != RELOAD:
        end += 1
    for d in range(g.delivery.shape[1]):
        load, most = 0, g.capacity[kind, d]
        for n in range(first, end):
            c = x.trial[n]
            if x.partner[c] < 0:
                load += g.delivery[c, d]
        if load > most:
            return NOBODY
        for n in range(first, end):
            c = x.trial[n]
            load += g.pickup[c, d] - g.delivery[c, d]
            if load > most:
                return NOBODY
    return end


@compiled
def _agrees(x: Rich, first: int, end: int) -> bool:
    """Return whether a trip has one group of goods, and both ends of its shipments in order."""
    group, aboard = TOGETHER, 0
    x.tick[0] += 1
    for n in range(first, end):
        c = x.trial[n]
        if x.apart[c] != TOGETHER:
            if group not in (TOGETHER, x.apart[c]):
                return False
            group = x.apart[c]
        if x.partner[c] >= 0 and x.picks[c] == 1:
            x.boarded[c] = x.tick[0]
            aboard += 1
        elif x.partner[c] >= 0:
            if x.boarded[x.partner[c]] != x.tick[0]:
                return False
            aboard -= 1
    return aboard == 0


@compiled
def _node(g: Ground, kind: int, c: int) -> int:
    return int(g.whole[kind, 0]) if c == RELOAD else c


@compiled
def _metres(g: Ground, x: Rich, kind: int, size: int) -> int:
    """Return the metres of the trial, NOBODY where an arc is closed, a stop not allowed or a limit broken."""
    profile, here, metres, reloads = g.whole[kind, 7], g.whole[kind, 0], 0, 0
    for n in range(size):
        c = x.trial[n]
        reloads += c == RELOAD
        there = _node(g, kind, c)
        way = g.metres[profile, here, there]
        if way < 0 or (c != RELOAD and not g.allowed[kind, c]):
            return NOBODY
        metres += way
        here = there
    if g.whole[kind, 1] >= 0:
        way = g.metres[profile, here, g.whole[kind, 1]]
        if way < 0:
            return NOBODY
        metres += way
    if metres > g.whole[kind, 5] or size - reloads > g.whole[kind, 6] or reloads > x.own[kind, RELOADS]:
        return NOBODY
    return metres


@compiled
def carries(g: Ground, x: Rich, kind: int, size: int) -> int:
    """Return the metres of the trial, NOBODY where its way, loads or goods break a rule."""
    metres, first = _metres(g, x, kind, size), 0
    if metres < 0:
        return NOBODY
    while first <= size:
        end = _loaded(g, x, kind, first, size)
        if end < 0 or not _agrees(x, first, end):
            return NOBODY
        first = end + 1
    return metres


@compiled
def _frame(g: Ground, x: Rich, kind: int, size: int) -> None:
    """Write what the vehicle is, and its breaks, for a drive of so many visits."""
    v, own = x.drive, x.own[kind]
    frame = v.frame
    frame[drive.VISITS], frame[drive.END] = size, g.whole[kind, 3]
    frame[drive.START_LOW], frame[drive.START_HIGH] = own[LOAD_LOW], own[LOAD_HIGH]
    frame[drive.LOADING], frame[drive.SETTLED] = own[LOADING], own[SETTLED]
    frame[drive.DRIVEN], frame[drive.BREAKS] = own[DRIVEN], own[BREAKS]
    frame[drive.RULE], frame[drive.OVER] = own[RULE], own[OVER]
    for k in range(own[BREAKS]):
        for column in range(5):
            v.breaks[k, column] = x.breaks[own[BREAK] + k, column]
    for n in range(own[DRIVEN]):
        v.driven[n] = x.driven[kind, n]
    for n in range(size + 1):
        v.floor[n] = NEVER
    v.floor[own[SETTLED]] = own[RESUME]


@compiled
def _legs(g: Ground, x: Rich, kind: int, size: int) -> None:
    """Write the legs and visits of the trial for a drive; releases go to the loading they wait for."""
    _frame(g, x, kind, size)
    v, profile, here, loading = x.drive, g.whole[kind, 7], g.whole[kind, 0], -1
    released = NEVER if x.own[kind, DRIVEN] > 0 else g.whole[kind, 2]
    for n in range(size):
        c = x.trial[n]
        there = _node(g, kind, c)
        for band in range(x.hours.shape[1]):
            v.seconds[band, n] = x.hours[profile, band, here, there]
        v.least[n] = NEVER
        if c == RELOAD:
            v.setup[n], v.service[n] = 0, x.own[kind, LOADING]
            v.low[n], v.high[n] = x.own[kind, LOAD_LOW], x.own[kind, LOAD_HIGH]
            loading = n
        else:
            v.setup[n] = g.setup[c] if g.place[here] != g.place[there] else 0
            v.service[n], v.low[n], v.high[n] = g.service[c], x.low[c], x.high[c]
            if n >= x.own[kind, SETTLED] and loading < 0:
                released = max(released, g.release[c])
            elif n >= x.own[kind, SETTLED]:
                v.least[loading] = max(v.least[loading], g.release[c])
        here = there
    v.frame[drive.START] = released
    for band in range(x.hours.shape[1]):
        v.seconds[band, size] = x.hours[profile, band, here, g.whole[kind, 1]] if g.whole[kind, 1] >= 0 else 0


@compiled
def judged(g: Ground, x: Rich, kind: int, size: int) -> tuple[float, int]:
    """Return (cost, metres) of the first `size` entries of the trial on a vehicle of the type; cost inf for none."""
    metres = carries(g, x, kind, size)
    if metres < 0:
        return np.inf, 0
    if g.timed == 0:
        return float(g.rate[kind, 0] + g.rate[kind, 1] * metres), metres
    _legs(g, x, kind, size)
    if x.own[kind, TIMELESS] == 1:
        fits = can_be_driven(x.drive, x.own[kind, TRIES])
        return g.rate[kind, 0] + g.rate[kind, 1] * metres if fits else np.inf, metres
    start, end, unpaid = best_start(x.drive, x.own[kind, TRIES])
    if start == NEVER or end - start - unpaid > g.whole[kind, 4]:
        return np.inf, 0
    return float(g.rate[kind, 0] + g.rate[kind, 1] * metres + time_cost(g, kind, end - start - unpaid)), metres


@compiled
def refresh_row(g: Ground, s: Tours, x: Rich, r: int) -> bool:
    """Recompute what is known of a route from its order; return whether it can be driven."""
    kind, size = s.kind[r], s.size[r]
    for n in range(size):
        c = x.trial[n] = x.order[r, n]
        if c != RELOAD:
            s.route[c], x.at[c] = r, n
    s.cost[r], s.metres[r] = judged(g, x, kind, size)
    for d in range(g.delivery.shape[1]):
        s.start_load[r, d] = 0
        for n in range(size):
            if x.trial[n] != RELOAD and x.partner[x.trial[n]] < 0:
                s.start_load[r, d] += g.delivery[x.trial[n], d]
    if np.isinf(s.cost[r]):
        return False
    if g.timed:
        _slack(g, x, r, kind, size)
    return True


@compiled
def _slack(g: Ground, x: Rich, r: int, kind: int, size: int) -> None:
    """Write the earliest departure from each visit and the latest begin at it."""
    v, profile = x.drive, g.whole[kind, 7]
    known = forward(v, first_start(v))[0] >= 0
    for n in range(size + 1):
        x.leave[r, n] = NEVER
        for row in range(v.rows[n] if known else 0):
            time = v.states[n, row, TIME]
            x.leave[r, n] = time if row == 0 else min(time, x.leave[r, n])
    limit, there = g.whole[kind, 3], g.whole[kind, 1]
    x.must[r, size] = limit
    for n in range(size - 1, -1, -1):
        here = _node(g, kind, x.trial[n])
        limit -= (g.seconds[profile, here, there] if there >= 0 else 0) + v.service[n]
        if v.high[n] > v.low[n] and n >= v.frame[drive.SETTLED]:
            limit = min(limit, v.closes[v.high[n] - 1])
        x.must[r, n] = limit
        there = here


@compiled
def in_time(g: Ground, x: Rich, r: int, kind: int, p: int, c: int) -> int:
    """Return a time c is not left before at place p of the route; NEVER where it or what follows comes too late."""
    if not g.timed:
        return 0
    profile = g.whole[kind, 7]
    here = g.whole[kind, 0] if p == 0 else _node(g, kind, x.order[r, p - 1])
    begin = max(x.leave[r, p] + g.seconds[profile, here, c], g.early[c])
    return int(begin + g.service[c]) if begin <= g.late[c] else NEVER


@compiled
def reaches(g: Ground, x: Rich, r: int, at: tuple[int, int, int, int], leave: int) -> bool:
    """Return whether the visit at place p of a route of so many is reached from c in time; at is (kind, p, size, c)."""
    kind, p, size, c = at
    there = _node(g, kind, x.order[r, p]) if p < size else g.whole[kind, 1]
    way = g.seconds[g.whole[kind, 7], c, there] if there >= 0 else 0
    return bool(not g.timed or leave + way <= x.must[r, p])


@compiled
def detour(g: Ground, x: Rich, r: int, at: tuple[int, int, int, int], through: int) -> int:
    """Return the metres added by c at place p, with the depot before it (1), after it (2) or not (0); -1 closed."""
    kind, p, size, c = at
    profile, depot, end = g.whole[kind, 7], g.whole[kind, 0], g.whole[kind, 1]
    here = depot if p == 0 else _node(g, kind, x.order[r, p - 1])
    there = _node(g, kind, x.order[r, p]) if p < size else end
    to = g.metres[profile, here, c] if through != 1 else g.metres[profile, depot, c] + g.metres[profile, here, depot]
    if through == 2:
        on = g.metres[profile, c, depot] + (g.metres[profile, depot, there] if there >= 0 else 0)
    else:
        on = g.metres[profile, c, there] if there >= 0 else 0
    gone = g.metres[profile, here, there] if there >= 0 and size > 0 else 0
    return int(to + on - gone)
