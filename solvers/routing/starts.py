"""The start of a route that costs least: as late as its end allows, or where windows, hours and breaks change it."""

from __future__ import annotations

from solvers.routing.compiled import compiled
from solvers.routing.drive import (
    AFTER,
    BEFORE,
    BEGIN,
    BREAKS,
    DRIVEN,
    LATEST,
    LOADING,
    NEVER,
    PARENT,
    RULE,
    SECONDS,
    START,
    START_HIGH,
    START_LOW,
    TIME,
    UNPAID,
    VISITS,
    Drive,
    begin_by,
    forward,
    leave_by,
    start_by,
    start_from,
)

# Starts from which on every change along the route is tried.
FINE = 200


@compiled
def _latest_start(v: Drive, last: int, row: int, limit: int) -> int:
    """Return the latest start to leave visit `last` by `limit`, the breaks where they are; -1: to be at the end."""
    if v.frame[DRIVEN] > 0:
        return int(v.driven[0])
    if last < 0:
        last = v.frame[VISITS]
        limit = leave_by(v, last, limit)
    for n in range(last, 0, -1):
        state = v.states[n, row]
        k = state[AFTER]
        if k >= 0:
            limit = min(limit - v.breaks[k, SECONDS], v.breaks[k, LATEST])
        limit = _before(v, n, row, begin_by(v, n - 1, limit - v.service[n - 1]))
        row = state[PARENT]
    return start_by(v, limit)


@compiled
def _before(v: Drive, n: int, row: int, begin: int) -> int:
    """Return the latest departure from the visit before the n-th for its service to begin by `begin`."""
    k = v.states[n, row, BEFORE]
    if k >= 0:
        begin = min(begin - v.breaks[k, SECONDS], v.breaks[k, LATEST])
    return leave_by(v, n - 1, begin - v.setup[n - 1])


@compiled
def _step(v: Drive, start: int, row: int) -> int:
    """Return the next start at which something changes: a window closes or a band begins, or the second after it."""
    step = 2**61
    for n in range(v.frame[VISITS], -1, -1):
        state = v.states[n, row]
        for band in range(1, len(v.bands)):
            if v.bands[band] >= state[TIME]:
                step = min(step, _later(start, _latest_start(v, n, row, v.bands[band])))
        if n == 0:
            break
        parent = state[PARENT]
        step = min(step, _break_step(v, start, n, row))
        for w in range(v.low[n - 1], v.high[n - 1]):
            if state[BEGIN] <= v.closes[w]:
                limit = _before(v, n, row, v.closes[w])
                step = min(step, _later(start, _latest_start(v, n - 1, parent, limit) if n > 1 else limit))
        row = parent
    return int(step)


@compiled
def _break_step(v: Drive, start: int, n: int, row: int) -> int:
    """Return the next start at which a break at the n-th visit begins as late as it may, or the second after it."""
    state, step = v.states[n, row], 2**61
    if state[AFTER] >= 0:
        limit = v.breaks[state[AFTER], LATEST] + v.breaks[state[AFTER], SECONDS]
        step = min(step, _later(start, _latest_start(v, n, row, limit)))
    if state[BEFORE] >= 0:
        limit = _before(v, n, row, 2**61)
        step = min(step, _later(start, _latest_start(v, n - 1, state[PARENT], limit) if n > 1 else limit))
    return int(step)


@compiled
def _later(start: int, then: int) -> int:
    """Return the event itself where it lies ahead, else the second after it."""
    if then > start:
        return then
    return then + 1 if then == start else 2**61


@compiled
def _leaving(v: Drive, start: int, tries: int) -> tuple[int, int, int]:
    """Return (latest start, state, end) of the route that ends as early as from `start`; state -1 for none."""
    row, end = forward(v, start)
    if row < 0:
        return start, row, end
    late = max(_latest_start(v, -1, row, end), start)
    if late > start and (v.frame[BREAKS] > 0 or len(v.bands) > 1 or tries > 1):
        again, then = forward(v, late)
        if again >= 0:
            return late, again, then
        # With speeds by hour a later start may be driven longer than the rule allows.
        row, end = forward(v, start)
        late = start
    return late, row, end


@compiled
def _next_start(v: Drive, start: int, row: int, tries: int) -> int:
    """Return the next start worth a try, NEVER for none; with few tries those after a break's time first."""
    if v.frame[DRIVEN] > 0:
        return NEVER
    by_clock = v.frame[BREAKS] - (v.frame[RULE] >= 0)
    fine = row >= 0 and (tries >= FINE or by_clock == 0)
    later = _step(v, start, row) if fine else 2**61
    for k in range(v.frame[BREAKS]):
        if v.breaks[k, LATEST] >= start:
            later = min(later, v.breaks[k, LATEST] + 1)
    for w in range(v.frame[START_LOW], v.frame[START_HIGH]):
        if v.closes[w] + v.frame[LOADING] >= start:
            later = min(later, v.closes[w] + v.frame[LOADING] + 1)
    return start_from(v, later) if later < 2**61 else NEVER


@compiled
def first_start(v: Drive) -> int:
    """Return the earliest start, NEVER where there is none; goods released after it left are not aboard."""
    if v.frame[DRIVEN] > 0:
        return int(v.driven[0]) if v.frame[START] <= v.driven[0] else NEVER
    return int(start_from(v, max(v.frame[START], v.floor[0])))


@compiled
def can_be_driven(v: Drive, tries: int) -> bool:
    """Return whether the route can be driven from some start, whatever time it takes."""
    start = first_start(v)
    for _ in range(tries):
        if start == NEVER:
            break
        row, _ = forward(v, start)
        if row >= 0:
            return True
        start = _next_start(v, start, row, tries)
    return False


@compiled
def best_start(v: Drive, tries: int) -> tuple[int, int, int]:
    """Return (start, end, unpaid seconds) of the route with the least paid time; start NEVER where there is none.

    Each try ends as early as it can and leaves as late as that end allows; with one window a stop, the same speed all
    day and no break one try is exact. Else the next start is where the plan of the last one changes.

    Savelsbergh (1992), The vehicle routing problem with time windows: minimizing route duration.
    """
    best, best_end, best_unpaid = NEVER, 0, 0
    start = first_start(v)
    for _ in range(tries):
        if start == NEVER:
            break
        late, row, end = _leaving(v, start, tries)
        if row >= 0:
            unpaid = v.states[v.frame[VISITS], row, UNPAID]
            if best == NEVER or end - late - unpaid < best_end - best - best_unpaid:
                best, best_end, best_unpaid = late, end, unpaid
        start = _next_start(v, late, row, tries)
    return best, best_end, best_unpaid
