"""Where a stop, or both ends of a shipment, fit best on rows of stops; every change is driven whole."""

from __future__ import annotations

import numpy as np

from solvers.routing.compiled import compiled
from solvers.routing.drive import NEVER
from solvers.routing.problem import RELOAD
from solvers.routing.rich_kernel import RELOADS, SETTLED, Rich, detour, in_time, judged, reaches, refresh_row
from solvers.routing.ruin_kernel import NOBODY, Ground, Tours, next_random

# A place is missed now and then; Christiaens and Vanden Berghe (2020), section 5.3.
_BLINK = 0.01
# Taken off a row, and not yet closed up.
GONE = -2


@compiled
def keep_row(s: Tours, x: Rich, r: int) -> None:
    """Remember the route as it is before its first change in this round."""
    if s.touched[r] == s.mark[1]:
        return
    s.touched[r] = s.mark[1]
    number = s.tally[2]
    s.kept_route[number], s.kept_kind[number], x.kept_size[number] = r, s.kind[r], s.size[r]
    for n in range(s.size[r]):
        x.kept[number, n] = x.order[r, n]
    s.tally[2] = number + 1


@compiled
def open_row(s: Tours, x: Rich, kind: int) -> int:
    """Return a free route given to a vehicle of the type."""
    r = s.mark[2]
    while s.kind[r] != NOBODY:
        r = (r + 1) % len(s.kind)
    s.mark[2] = r
    s.size[r] = 0
    keep_row(s, x, r)
    s.kind[r] = kind
    s.used[kind] += 1
    s.tally[1] += 1
    return int(r)


@compiled
def close_row(s: Tours, r: int) -> None:
    """Give the vehicle of an empty route back."""
    s.used[s.kind[r]] -= 1
    s.kind[r] = NOBODY
    s.size[r] = s.metres[r] = 0
    s.cost[r] = 0.0
    s.tally[1] -= 1


@compiled
def take_off(s: Tours, x: Rich, c: int) -> None:
    """Take c off its route, the other end of a shipment too; `close_up` does the rest."""
    r = s.route[c]
    x.order[r, x.at[c]] = GONE
    s.route[c] = NOBODY
    if x.partner[c] >= 0:
        x.order[r, x.at[x.partner[c]]] = GONE
        s.route[x.partner[c]] = NOBODY


@compiled
def close_up(s: Tours, x: Rich, r: int) -> None:
    """Close the gaps of a route, without trips that serve nobody."""
    size = 0
    for n in range(s.size[r]):
        c = x.order[r, n]
        if c == GONE or (c == RELOAD and (size == 0 or x.order[r, size - 1] == RELOAD)):
            continue
        x.order[r, size] = c
        size += 1
    while size > x.own[s.kind[r], SETTLED] and x.order[r, size - 1] == RELOAD:
        size -= 1
    s.size[r] = size


@compiled
def _write(s: Tours, x: Rich, r: int, p: int, c: int, through: int) -> int:
    """Write the route with c at place p, the depot before it (1) or after it (2), as the trial; return its size."""
    size = 0
    for n in range(p):
        x.trial[n] = x.order[r, n]
    size = p
    if through == 1:
        x.trial[size] = RELOAD
        size += 1
    x.trial[size] = c
    size += 1
    if through == 2:
        x.trial[size] = RELOAD
        size += 1
    for n in range(p, s.size[r]):
        x.trial[size] = x.order[r, n]
        size += 1
    return size


@compiled
def _write_pair(s: Tours, x: Rich, r: int, c: int, at: tuple[int, int, int]) -> int:
    """Write the route with c at place p and its partner before place q, the depot before both or not (1)."""
    p, q, through = at
    size = _write(s, x, r, p, c, through)
    place = q + 1 + through
    for n in range(size, place, -1):
        x.trial[n] = x.trial[n - 1]
    x.trial[place] = x.partner[c]
    return size + 1


@compiled
def _may_go_through(s: Tours, x: Rich, r: int, p: int, through: int) -> bool:
    """Return whether the depot may be visited before (1) or after (2) a stop at place p."""
    if through == 0:
        return True
    if x.own[s.kind[r], RELOADS] == 0 or s.size[r] == 0:
        return False
    if through == 1:
        return bool(p > 0 and x.order[r, p - 1] != RELOAD)
    return bool(p < s.size[r] and x.order[r, p] != RELOAD)


@compiled
def _offer(g: Ground, s: Tours, x: Rich, r: int, at: tuple[int, int], count: int) -> int:
    """Note the ways to have c at place p that may be possible, at the cost of their metres; return how many there are.

    at : (p, c); count : how many are noted already
    """
    p, c = at
    kind, size = s.kind[r], s.size[r]
    if p < x.own[kind, SETTLED] or size + 2 > len(x.trial) or count + 3 > len(x.worth):
        return count
    leave = in_time(g, x, r, kind, p, c)
    where = (kind, p, size, c)
    if leave == NEVER or not reaches(g, x, r, where, leave):
        return count
    for through in range(3):
        if _may_go_through(s, x, r, p, through):
            x.worth[count] = g.rate[kind, 1] * detour(g, x, r, where, through)
            x.offers[count, 0], x.offers[count, 1], x.offers[count, 2] = r, p, through
            count += 1
    return count


@compiled
def _best_offer(g: Ground, s: Tours, x: Rich, c: int, count: int) -> tuple[float, int, int, int]:
    """Return (added cost, route, place, way through the depot) of the cheapest that can be driven, judging few.

    The metres alone are a lower bound where another stop never makes a route shorter in time.
    """
    best, chosen = np.inf, 0
    while True:
        next_one = -1
        for n in range(count):
            if x.worth[n] < best and (next_one < 0 or x.worth[n] < x.worth[next_one]):
                next_one = n
        if next_one < 0:
            break
        r, p, through = x.offers[next_one, 0], x.offers[next_one, 1], x.offers[next_one, 2]
        x.worth[next_one] = np.inf
        cost = judged(g, x, s.kind[r], _write(s, x, r, p, c, through))[0] - s.cost[r]
        if cost < best:
            best, chosen = cost, next_one
    if np.isinf(best):
        return best, NOBODY, 0, 0
    return best, x.offers[chosen, 0], x.offers[chosen, 1], x.offers[chosen, 2]


@compiled
def _has_space(g: Ground, s: Tours, x: Rich, r: int, c: int) -> bool:
    """Return whether what c brings fits the route's one trip beside the rest, as far as the sums say."""
    kind = s.kind[r]
    if not g.allowed[kind, c]:
        return False
    if x.own[kind, RELOADS] > 0 or x.partner[c] >= 0:
        return True
    fits = True
    for d in range(g.delivery.shape[1]):
        fits &= s.start_load[r, d] + g.delivery[c, d] <= g.capacity[kind, d]
    return bool(fits)


@compiled
def best_near(g: Ground, s: Tours, x: Rich, c: int) -> tuple[float, int, int, int]:
    """Return (added cost, route, place, way through the depot) of c beside a near stop, or at an end of its route."""
    count = 0
    s.mark[0] += 1
    for n in range(g.near.shape[1]):
        j = g.near[c, n]
        r = s.route[j]
        if r == NOBODY or not _has_space(g, s, x, r, c):
            continue
        ends = s.opened[r] != s.mark[0] and x.own[s.kind[r], RELOADS] > 0
        s.opened[r] = s.mark[0]
        for number in range(4 if ends else 2):
            p = x.at[j] + number
            if number >= 2:
                p = s.size[r] if number == 2 else x.own[s.kind[r], SETTLED]
            if x.stamp[r, p] == s.mark[0]:
                continue
            x.stamp[r, p] = s.mark[0]
            if next_random(s) >= _BLINK:
                count = _offer(g, s, x, r, (p, c), count)
    return _best_offer(g, s, x, c, count)


@compiled
def best_anywhere(g: Ground, s: Tours, x: Rich, c: int) -> tuple[float, int, int, int]:
    """Return the same of the first route that has any place at all for c."""
    for r in range(len(s.kind)):
        if s.kind[r] == NOBODY or not _has_space(g, s, x, r, c):
            continue
        count = 0
        for p in range(x.own[s.kind[r], SETTLED], s.size[r] + 1):
            count = _offer(g, s, x, r, (p, c), count)
        found = _best_offer(g, s, x, c, count)
        if found[1] != NOBODY:
            return found
    return np.inf, NOBODY, 0, 0


@compiled
def _on_to(g: Ground, s: Tours, x: Rich, r: int, at: tuple[int, int, int, int]) -> int:
    """Return when the visit at place q is left at the earliest, coming from c before place p; NEVER where too late."""
    p, q, c, leave = at
    profile, stop = g.whole[s.kind[r], 7], x.order[r, q]
    if stop == RELOAD:
        return NEVER
    if not g.timed:
        return 0
    here = c if q == p else x.order[r, q - 1]
    begin = max(leave + g.seconds[profile, here, stop], g.early[stop])
    return int(begin + g.service[stop]) if begin <= x.must[r, q] else NEVER


@compiled
def _pair_way(g: Ground, s: Tours, x: Rich, r: int, at: tuple[int, int, int]) -> int:
    """Return the metres added by c at place p and its partner before place q."""
    p, q, c = at
    kind, size, other = s.kind[r], s.size[r], x.partner[c]
    if q > p:
        return detour(g, x, r, (kind, p, size, c), 0) + detour(g, x, r, (kind, q, size, other), 0)
    profile, end = g.whole[kind, 7], g.whole[kind, 1]
    there = end if p == size else x.order[r, p] if x.order[r, p] != RELOAD else g.whole[kind, 0]
    back = 0 if there < 0 else g.metres[profile, other, there] - g.metres[profile, c, there]
    return int(detour(g, x, r, (kind, p, size, c), 0) + g.metres[profile, c, other] + back)


@compiled
def _pair_places(g: Ground, s: Tours, x: Rich, r: int, at: tuple[int, int], best: float) -> tuple[float, int]:
    """Return (added cost, place before which the partner goes) with c at place p, where that is below best."""
    p, c = at
    kind, size, chosen, other = s.kind[r], s.size[r], -1, x.partner[c]
    leave = in_time(g, x, r, kind, p, c)
    for q in range(p, size + 1):
        if q > p and leave != NEVER:
            leave = _on_to(g, s, x, r, (p, q - 1, c, leave))
        if leave == NEVER:
            break
        here = c if q == p else x.order[r, q - 1]
        begin = max(leave + g.seconds[g.whole[kind, 7], here, other], g.early[other]) if g.timed else 0
        if g.timed and begin > g.late[other]:
            break
        late = not reaches(g, x, r, (kind, q, size, other), begin + g.service[other])
        if late or g.rate[kind, 1] * _pair_way(g, s, x, r, (p, q, c)) >= best:
            continue
        cost = judged(g, x, kind, _write_pair(s, x, r, c, (p, q, 0)))[0] - s.cost[r]
        if cost < best:
            best, chosen = cost, q
    return best, chosen


@compiled
def _pair_on(g: Ground, s: Tours, x: Rich, r: int, c: int, best: float) -> tuple[float, int, int, int]:
    """Return (added cost, p, q, way through the depot) of both ends on the route, where that is below best."""
    kind, size, place, other, through = s.kind[r], s.size[r], -1, 0, 0
    if size + 3 > len(x.trial) or not (g.allowed[kind, c] and g.allowed[kind, x.partner[c]]):
        return best, place, other, through
    for p in range(x.own[kind, SETTLED], size + 1):
        if next_random(s) >= _BLINK:
            cost, q = _pair_places(g, s, x, r, (p, c), best)
            if q >= 0:
                best, place, other = cost, p, q
    if _may_go_through(s, x, r, size, 1):
        cost = judged(g, x, kind, _write_pair(s, x, r, c, (size, size, 1)))[0] - s.cost[r]
        if cost < best:
            best, place, other, through = cost, size, size, 1
    return best, place, other, through


@compiled
def best_pair(g: Ground, s: Tours, x: Rich, c: int, everywhere: bool) -> tuple[float, int, int, int, int]:
    """Return (added cost, route, p, q, way through the depot) of a shipment on the routes near its ends, or on all."""
    best, where, place, other, through = np.inf, NOBODY, 0, 0, 0
    s.mark[0] += 1
    near = g.near.shape[1]
    for n in range(len(s.kind) if everywhere else 2 * near):
        r = n if everywhere else s.route[g.near[c if n < near else x.partner[c], n % near]]
        if r == NOBODY or s.kind[r] == NOBODY or s.opened[r] == s.mark[0]:
            continue
        s.opened[r] = s.mark[0]
        cost, p, q, way = _pair_on(g, s, x, r, c, best)
        if p >= 0:
            best, where, place, other, through = cost, r, p, q, way
    return best, where, place, other, through


@compiled
def alone(g: Ground, x: Rich, kind: int, c: int) -> float:
    """Return the cost of a route of the type for c only, or for a shipment only; inf where it cannot be."""
    x.trial[0] = c
    if x.partner[c] < 0:
        return judged(g, x, kind, 1)[0]
    x.trial[1] = x.partner[c]
    return judged(g, x, kind, 2)[0]


@compiled
def put(g: Ground, s: Tours, x: Rich, r: int, c: int, at: tuple[int, int, int]) -> None:
    """Put c at place p of the route, its partner before place q, by way of the depot or not."""
    keep_row(s, x, r)
    p, q, through = at
    size = _write(s, x, r, p, c, through) if x.partner[c] < 0 else _write_pair(s, x, r, c, (p, q, through))
    for n in range(size):
        x.order[r, n] = x.trial[n]
    s.size[r] = size
    refresh_row(g, s, x, r)
