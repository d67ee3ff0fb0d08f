"""When a route is where: the times, loads and cost of stops driven in a given order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from solvers.routing.drive import (
    AFTER,
    AFTER_AT,
    BEFORE,
    BEFORE_AT,
    BEGIN,
    BREAKS,
    DRIVEN,
    END,
    NEVER,
    PARENT,
    RULE,
    SETTLED,
    START,
    TIME,
    Drive,
    arrive,
    forward,
    start_from,
)
from solvers.routing.legs import drive_of, leg_metres
from solvers.routing.problem import (
    FORBIDDEN,
    MUST,
    NO_LIMIT,
    RELOAD,
    TOGETHER,
    IntArray,
    PlannedRoute,
    RoutingPlan,
    RoutingProblem,
    TakenBreak,
    VehicleType,
)
from solvers.routing.starts import FINE, best_start
from solvers.routing.terms import trips_of


@dataclass(frozen=True)
class Excess:
    """By how much a sequence of stops breaks the rules of its vehicle; all empty or 0 for one that can be driven.

    load : largest excess in each dimension; late : seconds after the last window, by stop; closed : forbidden arcs
    and stops not allowed; shift, seconds, metres, stops, reloads : above the limits; apart : trips with goods that must
    not travel together; breaks, loading : 1 where only the breaks, or the times to load, cannot be kept; locks : 1
    where it does not begin with the prefix; release : seconds the settled start is before the last release
    """

    load: tuple[int, ...]
    late: dict[int, int] = field(default_factory=dict)
    closed: int = 0
    shift: int = 0
    seconds: int = 0
    metres: int = 0
    stops: int = 0
    reloads: int = 0
    apart: int = 0
    breaks: int = 0
    loading: int = 0
    locks: int = 0
    release: int = 0

    def kinds(self) -> set[str]:
        """Return the names of the rules broken."""
        amounts = {"load": max(self.load, default=0), "window": len(self.late), "closed": self.closed}
        names = "shift", "seconds", "metres", "stops", "reloads", "apart", "breaks", "loading", "locks", "release"
        amounts |= {name: int(getattr(self, name)) for name in names}
        return {name for name, amount in amounts.items() if amount > 0}


def loads_along(problem: RoutingProblem, stops: Sequence[int]) -> IntArray:
    """Return the load on leaving the depot and each stop, reloads too, shape (k + 1, d)."""
    trips = [_trip_loads(problem, trip) for trip in trips_of(stops)]
    return np.concatenate(trips)


def _trip_loads(problem: RoutingProblem, stops: Sequence[int]) -> IntArray:
    given, order = problem.stops, np.asarray(stops, np.int64)
    change = given.pickup[order] - given.delivery[order]
    at_start = given.delivery[order][given.partner[order] < 0].sum(axis=0, keepdims=True)
    return np.asarray(np.cumsum(np.concatenate([at_start, change]), axis=0), np.int64)


def excess_of(problem: RoutingProblem, kind: int, stops: Sequence[int]) -> Excess:
    """Return by how much the sequence breaks the rules of vehicle type `kind`, leaving as early as it can."""
    vehicle, metres = problem.vehicle_types[kind], leg_metres(problem, problem.vehicle_types[kind], stops)
    over = loads_along(problem, stops).max(axis=0) - np.array(vehicle.capacity, np.int64)
    reloads = sum(s == RELOAD for s in stops)
    return Excess(
        load=tuple(int(v) for v in np.maximum(over, 0)),
        closed=int((metres == FORBIDDEN).sum()) + sum(not vehicle.may_serve(s) for s in stops if s != RELOAD),
        metres=max(int(metres.sum()) - vehicle.max_metres, 0),
        stops=max(len(stops) - reloads - vehicle.max_stops, 0),
        reloads=max(reloads - vehicle.max_reloads, 0),
        apart=sum(len(set(problem.stops.apart[trip].tolist()) - {TOGETHER}) > 1 for trip in trips_of(stops) if trip),
        locks=int(tuple(stops[: len(vehicle.prefix)]) != vehicle.prefix),
        **_excess_in_time(problem, vehicle, stops),
    )


def _excess_in_time(problem: RoutingProblem, vehicle: VehicleType, stops: Sequence[int]) -> dict[str, Any]:
    """Return what of the windows, the shift, the most seconds, the breaks and the times to load is not kept."""
    drive = drive_of(problem, vehicle, stops)
    found: dict[str, Any] = {"release": _released_late(drive)}
    drive.frame[END] = NO_LIMIT
    start, end, unpaid = best_start(drive, _tries(problem, vehicle, stops))
    if start == NEVER and vehicle.breaks:
        drive.frame[BREAKS], drive.frame[RULE] = 0, -1
        start, end, unpaid = best_start(drive, 1)
        found["breaks"] = int(start != NEVER)
    if start == NEVER:
        return found | _lateness(drive, vehicle, stops)
    found["shift"] = max(end - vehicle.shift_end, 0)
    return found | {"seconds": max(end - start - unpaid - vehicle.max_seconds, 0)}


def _released_late(drive: Drive) -> int:
    """Return how long after a loading already past the goods are released that it would have to take; forget it."""
    late, known = 0, int(drive.frame[DRIVEN])
    if known:
        late = max(int(drive.frame[START]) - int(drive.driven[0]), 0)
        drive.frame[START] = drive.driven[0]
    for n in range(known - 1):
        late = max(late, int(drive.least[n]) - int(drive.driven[n + 1] - drive.service[n]))
        drive.least[n] = NEVER
    return late


def _lateness(drive: Drive, vehicle: VehicleType, stops: Sequence[int]) -> dict[str, Any]:
    """Return who is served how late, and what that does to the shift, when nobody's window is asked."""
    drive.frame[SETTLED] = len(stops)
    earliest = int(drive.driven[0] if vehicle.driven else max(drive.frame[START], drive.floor[0]))
    start = start_from(drive, earliest)
    loading = int(start == NEVER and not vehicle.driven)
    row, end = forward(drive, earliest if start == NEVER or vehicle.driven else start)
    late: dict[int, int] = {}
    for n, begin in enumerate(_chain(drive, row, len(stops))[:, BEGIN].tolist()):
        last = int(drive.closes[drive.high[n] - 1]) if drive.high[n] > drive.low[n] else NO_LIMIT
        if begin > last and n >= len(vehicle.prefix) and stops[n] == RELOAD:
            loading = 1
        elif begin > last and n >= len(vehicle.prefix):
            late[int(stops[n])] = begin - last
    return {"late": late, "loading": loading, "shift": max(end - vehicle.shift_end, 0)}


def _tries(problem: RoutingProblem, vehicle: VehicleType, stops: Sequence[int]) -> int:
    """Return how many starts are tried: one where that is exact."""
    several = any(problem.stops.first_window[s + 1] - problem.stops.first_window[s] > 1 for s in stops if s != RELOAD)
    choice = several or vehicle.breaks or len(vehicle.loading) > 1 or len(problem.band_starts) > 1
    return FINE if choice else 1


def _chain(drive: Drive, row: int, visits: int) -> IntArray:
    """Return the states along the route that end in `row`, shape (visits, columns)."""
    chain = np.empty((visits, drive.states.shape[2]), np.int64)
    for n in range(visits, 0, -1):
        chain[n - 1] = drive.states[n, row]
        row = int(chain[n - 1, PARENT])
    return chain


def planned_route(problem: RoutingProblem, kind: int, vehicle: int, stops: Sequence[int]) -> PlannedRoute:
    """Return the route with its times and breaks, those with the least paid time (`starts.best_start`).

    The sequence must be drivable (see `excess_of`).
    """
    vehicle_type = problem.vehicle_types[kind]
    drive, metres = drive_of(problem, vehicle_type, stops), leg_metres(problem, vehicle_type, stops)
    start, _, _ = best_start(drive, _tries(problem, vehicle_type, stops))
    row, end = forward(drive, start)
    chain = _chain(drive, row, len(stops))
    departure = chain[:, TIME].copy()
    left = np.concatenate([[start], departure])
    arrival = np.array([arrive(drive, n, int(left[n])) for n in range(len(stops))], np.int64)
    begin, breaks = chain[:, BEGIN].copy(), _taken(vehicle_type, chain)
    # A stop already left may have been reached sooner than the ways say.
    known = max(len(vehicle_type.driven) - 1, 0)
    arrival[:known] = np.minimum(arrival[:known], begin[:known] - drive.setup[:known])
    rested = np.zeros(len(stops), np.int64)
    for taken in breaks:
        rested[taken.position] += taken.seconds
    unpaid = sum(taken.seconds for taken in breaks if not taken.paid)
    return PlannedRoute(
        vehicle_type=kind,
        vehicle=vehicle,
        stops=np.asarray(stops, np.int64),
        start=int(start),
        end=int(end),
        arrival=arrival,
        begin=begin,
        departure=departure,
        wait=departure - arrival - drive.setup - drive.service - rested,
        loads=loads_along(problem, stops),
        leg_metres=metres,
        cost=vehicle_type.cost(int(metres.sum()), int(end - start - unpaid)),
        breaks=breaks,
    )


def _taken(vehicle: VehicleType, chain: IntArray) -> tuple[TakenBreak, ...]:
    found = []
    for n, state in enumerate(chain.tolist()):
        for which, at in ((BEFORE, BEFORE_AT), (AFTER, AFTER_AT)):
            if state[which] >= 0:
                pause = vehicle.breaks[state[which]]
                found.append(TakenBreak(state[which], n, state[at], pause.seconds, pause.paid))
    return tuple(found)


def plan_of(problem: RoutingProblem, sequences: Sequence[tuple[int, Sequence[int]]]) -> RoutingPlan:
    """Return the plan of (vehicle type, stops) sequences; routes in order of type and first stop, vehicles numbered.

    RELOAD stands between the trips of a sequence; trips without a stop fall away. A stop in no sequence is left out at
    its price, MUST stops too: the plan then costs inf.
    """
    ordered = sorted((kind, trips) for kind, stops in sequences if (trips := without_empty_trips(stops)))
    used: dict[int, int] = {}
    routes = []
    for kind, stops in ordered:
        routes.append(planned_route(problem, kind, used.get(kind, 0), stops))
        used[kind] = used.get(kind, 0) + 1
    served = np.zeros(problem.stops.count, bool)
    for route in routes:
        served[route.served] = True
    unserved = np.flatnonzero(~served)
    left_out = float(problem.stops.price[unserved].sum()) if len(unserved) else 0.0
    return RoutingPlan(tuple(routes), unserved, sum(route.cost for route in routes) + left_out)


def without_empty_trips(stops: Sequence[int]) -> list[int]:
    """Return the driving order with one reload between two trips that serve somebody."""
    order: list[int] = []
    for trip in filter(None, trips_of(stops)):
        order += [*([RELOAD] if order else []), *trip]
    return order


def must_serve(problem: RoutingProblem) -> IntArray:
    """Return the stops that may not be left out."""
    return np.flatnonzero(problem.stops.price == MUST)
