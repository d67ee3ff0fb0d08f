"""A route driven whole, in compiled code: windows, breaks, speeds by hour, what is settled."""

from __future__ import annotations

from typing import NamedTuple

from solvers.routing.compiled import Integers, compiled

# A time that cannot be.
NEVER = -(2**62)
# States kept at a stop: of several ways to have taken breaks by then, those that none excels.
STATES = 12
# Columns of a state: time, driven since the last break, breaks taken as bits, unpaid seconds, state before; begin of
# the service, break before it and when, break after it and when; -1 for no break.
TIME, DROVE, TAKEN, UNPAID, PARENT, BEGIN, BEFORE, BEFORE_AT, AFTER, AFTER_AT = range(10)
# Columns of a break: earliest, latest begin, seconds, driving it is due after (0: none), 1 for unpaid.
EARLIEST, LATEST, SECONDS, AFTER_DRIVE, NOT_PAID = range(5)
# Entries of the frame.
(VISITS, START, END, START_LOW, START_HIGH, LOADING, SETTLED, DRIVEN, BREAKS, RULE, OVER) = range(11)


class Drive(NamedTuple):
    """What a route of m visits is driven by, arrays as long as the longest route; times in seconds.

    frame : number of visits, earliest start, latest end, first and last + 1 window of the first loading and its
        seconds, visits whose windows are not asked, departures known, number of breaks, which of them is by driving
        time (-1), breaks before this time are not asked.
    bands : when the bands begin; seconds : of each leg by band, the one to the end too.
    setup, service, least, low, high : at each visit: no begin before `least`, windows low:high of opens and closes,
        ascending; none for any time.
    floor, driven : of the depot and each visit, departure not before, departure as it was.
    breaks : see the columns above; states, rows : what is known at each visit, and how many states, the depot first.
    """

    frame: Integers
    bands: Integers
    seconds: Integers
    setup: Integers
    service: Integers
    least: Integers
    low: Integers
    high: Integers
    floor: Integers
    driven: Integers
    opens: Integers
    closes: Integers
    breaks: Integers
    states: Integers
    rows: Integers


@compiled
def arrive(v: Drive, n: int, leave: int) -> int:
    """Return when leg n ends that begins at `leave`; the rest of it rounded up where a band begins.

    Ichoua, Gendreau, Potvin (2003): the speed changes on the way, so nobody overtakes by leaving later.
    """
    bands, band, now = len(v.bands), 0, leave
    while band + 1 < bands and v.bands[band + 1] <= now:
        band += 1
    rest = v.seconds[band, n]
    while band + 1 < bands and now + rest > v.bands[band + 1]:
        whole = v.seconds[band, n]
        rest -= v.bands[band + 1] - now
        now = v.bands[band + 1]
        band += 1
        rest = -((-rest * v.seconds[band, n]) // whole)
    return int(now + rest)


@compiled
def leave_by(v: Drive, n: int, limit: int) -> int:
    """Return the latest departure with which leg n ends by `limit`."""
    if len(v.bands) == 1:
        return int(limit - v.seconds[0, n])
    longest = 0
    for band in range(len(v.bands)):
        longest = max(longest, v.seconds[band, n])
    low, high = limit - longest - len(v.bands), limit
    while low < high:
        middle = (low + high + 1) // 2
        if arrive(v, n, middle) <= limit:
            low = middle
        else:
            high = middle - 1
    return int(low)


@compiled
def begin_from(v: Drive, n: int, ready: int) -> int:
    """Return the earliest begin of visit n from `ready` on; NEVER after its last window."""
    ready = max(ready, v.least[n])
    for w in range(v.low[n], v.high[n]):
        if ready <= v.closes[w]:
            return int(max(v.opens[w], ready))
    return int(ready) if v.low[n] == v.high[n] or n < v.frame[SETTLED] else NEVER


@compiled
def begin_by(v: Drive, n: int, limit: int) -> int:
    """Return the latest begin of visit n up to `limit`, by when it can begin."""
    if v.low[n] == v.high[n] or (n < v.frame[SETTLED] and limit > v.closes[v.high[n] - 1]):
        return limit
    latest = NEVER
    for w in range(v.low[n], v.high[n]):
        if v.opens[w] <= limit:
            latest = max(latest, min(v.closes[w], limit))
    return int(latest)


@compiled
def start_from(v: Drive, time: int) -> int:
    """Return the earliest start from `time` on at which its first loading lies in a window; NEVER after the last."""
    low, high, loading = v.frame[START_LOW], v.frame[START_HIGH], v.frame[LOADING]
    for w in range(low, high):
        if time <= v.closes[w] + loading:
            return int(max(v.opens[w] + loading, time))
    return time if low == high else NEVER


@compiled
def start_by(v: Drive, time: int) -> int:
    """Return the latest start up to `time`."""
    low, high, loading = v.frame[START_LOW], v.frame[START_HIGH], v.frame[LOADING]
    if low == high:
        return time
    latest = NEVER
    for w in range(low, high):
        if v.opens[w] + loading <= time:
            latest = max(latest, min(v.closes[w] + loading, time))
    return int(latest)


@compiled
def _with_break(v: Drive, k: int, state: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Return (time, driven, taken, unpaid) after break k, time NEVER where it cannot be; the state itself for k -1."""
    time, drove, taken, unpaid = state
    if k < 0:
        return state
    done = (taken >> k) & 1 == 1 if v.breaks[k, AFTER_DRIVE] == 0 else drove == 0
    begin = max(time, v.breaks[k, EARLIEST])
    if done or begin > v.breaks[k, LATEST]:
        return NEVER, 0, 0, 0
    seconds, rule = v.breaks[k, SECONDS], v.frame[RULE]
    rested = rule >= 0 and seconds >= v.breaks[rule, SECONDS]
    taken = taken | (1 << k) if v.breaks[k, AFTER_DRIVE] == 0 else taken
    return int(begin + seconds), 0 if rested else drove, taken, int(unpaid + seconds * v.breaks[k, NOT_PAID])


@compiled
def _missed(v: Drive, start: int, time: int, taken: int) -> bool:
    """Return whether a break is due by `time` that was not taken and no longer can be."""
    for k in range(v.frame[BREAKS]):
        latest = v.breaks[k, LATEST]
        untaken = v.breaks[k, AFTER_DRIVE] == 0 and (taken >> k) & 1 == 0
        if untaken and start <= latest < time and latest >= v.frame[OVER]:
            return True
    return False


@compiled
def _too_far(v: Drive, drove: int) -> bool:
    rule = v.frame[RULE]
    return bool(rule >= 0 and drove > v.breaks[rule, AFTER_DRIVE])


@compiled
def _copy(v: Drive, n: int, source: int, target: int) -> None:
    for column in range(v.states.shape[2]):
        v.states[n, target, column] = v.states[n, source, column]


@compiled
def _excelled(v: Drive, n: int, state: tuple[int, int, int, int]) -> bool:
    """Return whether a state at visit n with the same breaks is no worse than this one; drop those no better."""
    time, drove, taken, unpaid = state
    row = 0
    while row < v.rows[n]:
        other = v.states[n, row]
        paid = other[TIME] - other[UNPAID] - (time - unpaid)
        if other[TAKEN] == taken and other[TIME] <= time and other[DROVE] <= drove and paid <= 0:
            return True
        if other[TAKEN] == taken and other[TIME] >= time and other[DROVE] >= drove and paid >= 0:
            v.rows[n] -= 1
            _copy(v, n, v.rows[n], row)
        else:
            row += 1
    return False


@compiled
def _add(v: Drive, n: int, parent: int, state: tuple[int, int, int, int], at: tuple[int, int, int, int, int]) -> None:
    """Keep the state after visit n unless another excels it; with too many, instead of the one that is latest."""
    if _excelled(v, n, state):
        return
    row = v.rows[n]
    if row == STATES:
        row = 0
        for other in range(1, STATES):
            if v.states[n, other, TIME] > v.states[n, row, TIME]:
                row = other
        if v.states[n, row, TIME] <= state[0]:
            return
    else:
        v.rows[n] += 1
    kept = v.states[n, row]
    for column in range(4):
        kept[column] = state[column]
    kept[PARENT] = parent
    for column in range(5):
        kept[BEGIN + column] = at[column]


@compiled
def _visit(v: Drive, n: int, row: int, start: int) -> None:
    """Add every state after visit n that follows from one before it: no break or one before and after the service."""
    leave, drove, taken, unpaid = (
        v.states[n, row, TIME], v.states[n, row, DROVE], v.states[n, row, TAKEN], v.states[n, row, UNPAID],
    )  # fmt: skip
    arrival = arrive(v, n, leave)
    if v.frame[RULE] >= 0:
        drove += arrival - leave
    if n + 1 < v.frame[DRIVEN]:
        left = v.driven[n + 1]
        if left - v.service[n] < v.least[n]:
            return
        _add(v, n + 1, row, (left, drove, taken, unpaid), (left - v.service[n], -1, 0, -1, 0))
        return
    if _too_far(v, drove):
        return
    for before in range(-1, v.frame[BREAKS]):
        rested = _with_break(v, before, (arrival + v.setup[n], drove, taken, unpaid))
        begin = begin_from(v, n, rested[0]) if rested[0] != NEVER else NEVER
        if begin == NEVER:
            continue
        for after in range(-1, v.frame[BREAKS]):
            gone = _with_break(v, after, (begin + v.service[n], rested[1], rested[2], rested[3]))
            time = max(gone[0], v.floor[n + 1])
            if gone[0] == NEVER or _missed(v, start, time, gone[2]):
                continue
            at_before = rested[0] - v.breaks[before, SECONDS] if before >= 0 else 0
            at_after = gone[0] - v.breaks[after, SECONDS] if after >= 0 else 0
            _add(v, n + 1, row, (time, gone[1], gone[2], gone[3]), (begin, before, at_before, after, at_after))


@compiled
def forward(v: Drive, start: int) -> tuple[int, int]:
    """Return (state after the last visit, end) of the route from `start` with the least paid time; -1 for none."""
    visits = v.frame[VISITS]
    v.rows[0] = 1
    v.states[0, 0, TIME] = start
    v.states[0, 0, DROVE] = v.states[0, 0, TAKEN] = v.states[0, 0, UNPAID] = 0
    for n in range(visits):
        v.rows[n + 1] = 0
        for row in range(v.rows[n]):
            _visit(v, n, row, start)
    chosen, end = -1, 0
    for row in range(v.rows[visits]):
        state = v.states[visits, row]
        arrival = arrive(v, visits, state[TIME])
        drove = state[DROVE] + (arrival - state[TIME] if v.frame[RULE] >= 0 else 0)
        if _too_far(v, drove) or _missed(v, start, arrival, state[TAKEN]) or arrival > v.frame[END]:
            continue
        paid = arrival - state[UNPAID]
        if chosen < 0 or (paid, arrival) < (end - v.states[visits, chosen, UNPAID], end):
            chosen, end = row, arrival
    return chosen, end
