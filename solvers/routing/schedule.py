"""When a route is where: the times, loads and cost of stops driven in a given order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise, takewhile

import numpy as np

from solvers.routing.problem import (
    FORBIDDEN,
    MUST,
    NO_LIMIT,
    RELOAD,
    IntArray,
    PlannedRoute,
    RoutingPlan,
    RoutingProblem,
    VehicleType,
)


@dataclass(frozen=True)
class Excess:
    """By how much a sequence of stops breaks the rules of its vehicle; all empty or 0 for one that can be driven.

    load : largest excess in each dimension; late : seconds after the last window, by stop; closed : forbidden arcs
    and stops not allowed; shift, seconds, metres, stops, reloads : above the limits
    """

    load: tuple[int, ...]
    late: dict[int, int] = field(default_factory=dict)
    closed: int = 0
    shift: int = 0
    seconds: int = 0
    metres: int = 0
    stops: int = 0
    reloads: int = 0

    def kinds(self) -> set[str]:
        """Return the names of the rules broken."""
        amounts = {"load": max(self.load, default=0), "window": len(self.late), "closed": self.closed}
        amounts |= {"shift": self.shift, "seconds": self.seconds, "metres": self.metres, "stops": self.stops}
        amounts["reloads"] = self.reloads
        return {name for name, amount in amounts.items() if amount > 0}


@dataclass(frozen=True)
class _Legs:
    """Along a route: metres and seconds to each stop and to the end; at each stop set-up, service and windows."""

    metres: list[int]
    seconds: list[int]
    setup: list[int]
    service: list[int]
    windows: list[list[tuple[int, int]]]


def _legs(problem: RoutingProblem, vehicle: VehicleType, stops: Sequence[int]) -> _Legs:
    depot, given = int(problem.depot_place[vehicle.depot]), problem.stops
    places = [depot, *(depot if s == RELOAD else int(given.place[s]) for s in stops)]
    if vehicle.end_depot is not None:
        places.append(int(problem.depot_place[vehicle.end_depot]))
    metres, seconds = problem.metres[vehicle.profile], problem.seconds[vehicle.profile]
    arcs = list(pairwise(places))
    open_end = [0] if vehicle.end_depot is None else []
    setup = [
        0 if s == RELOAD else int(given.setup_seconds[s]) * (a != b) for s, (a, b) in zip(stops, arcs, strict=False)
    ]
    service = [vehicle.reload_seconds if s == RELOAD else int(given.service_seconds[s]) for s in stops]
    windows = [
        [(_release(problem, stops[n + 1 :]), NO_LIMIT)] if s == RELOAD else given.windows(s)
        for n, s in enumerate(stops)
    ]
    ways = [int(metres[arc]) for arc in arcs] + open_end, [int(seconds[arc]) for arc in arcs] + open_end
    return _Legs(*ways, setup, service, windows)


def _release(problem: RoutingProblem, stops: Sequence[int]) -> int:
    """Return when the goods of the trip that `stops` begins with can be loaded."""
    trip = takewhile(lambda stop: stop != RELOAD, stops)
    return max((int(problem.stops.release[stop]) for stop in trip), default=0)


def _begin(windows: list[tuple[int, int]], ready: int) -> int:
    """Return the earliest begin of service from `ready` on; `ready` itself after the last window."""
    return next((max(start, ready) for start, end in windows if ready <= end), ready)


def _latest(windows: list[tuple[int, int]], limit: int) -> int:
    """Return the latest begin of service up to `limit`, which lies at or after the first window's start."""
    return max(min(end, limit) for start, end in windows if start <= limit)


def _earliest_start(problem: RoutingProblem, vehicle: VehicleType, stops: Sequence[int]) -> int:
    return max(vehicle.shift_start, _release(problem, stops))


@dataclass(frozen=True)
class _Times:
    arrival: list[int]
    begin: list[int]
    departure: list[int]
    end: int


def _drive(legs: _Legs, start: int) -> _Times:
    """Drive from `start`, everything as early as it can be; late stops are served late."""
    arrival, begin, departure, now = [], [], [], start
    for n, windows in enumerate(legs.windows):
        arrival.append(now + legs.seconds[n])
        begin.append(_begin(windows, arrival[-1] + legs.setup[n]))
        now = begin[-1] + legs.service[n]
        departure.append(now)
    return _Times(arrival, begin, departure, now + legs.seconds[-1] if legs.windows else start)


def _latest_start(legs: _Legs, end: int) -> int:
    """Return the latest start that still ends at `end`, every stop in a window."""
    limit = end
    for n in range(len(legs.windows) - 1, -1, -1):
        leave = limit - legs.seconds[n + 1] - legs.service[n]
        limit = _latest(legs.windows[n], leave) - legs.setup[n]
    return limit - legs.seconds[0]


def loads_along(problem: RoutingProblem, stops: Sequence[int]) -> IntArray:
    """Return the load on leaving the depot and each stop, reloads too, shape (k + 1, d)."""
    trips = [_trip_loads(problem, trip) for trip in trips_of(stops)]
    return np.concatenate(trips)


def trips_of(stops: Sequence[int]) -> list[list[int]]:
    """Return the stops of each trip."""
    trips: list[list[int]] = [[]]
    for stop in stops:
        if stop == RELOAD:
            trips.append([])
        else:
            trips[-1].append(int(stop))
    return trips


def _trip_loads(problem: RoutingProblem, stops: Sequence[int]) -> IntArray:
    given, order = problem.stops, np.asarray(stops, np.int64)
    change = given.pickup[order] - given.delivery[order]
    at_start = given.delivery[order][given.partner[order] < 0].sum(axis=0, keepdims=True)
    return np.asarray(np.cumsum(np.concatenate([at_start, change]), axis=0), np.int64)


def excess_of(problem: RoutingProblem, kind: int, stops: Sequence[int]) -> Excess:
    """Return by how much the sequence breaks the rules of vehicle type `kind`, leaving as early as it can."""
    vehicle, legs = problem.vehicle_types[kind], _legs(problem, problem.vehicle_types[kind], stops)
    times = _drive(legs, _earliest_start(problem, vehicle, stops))
    last = [windows[-1][1] for windows in legs.windows]
    late = {int(s): b - end for s, b, end in zip(stops, times.begin, last, strict=True) if b > end}
    start = times.end if late else _start(problem, vehicle, stops, legs)
    over = loads_along(problem, stops).max(axis=0) - np.array(vehicle.capacity, np.int64)
    return Excess(
        load=tuple(int(v) for v in np.maximum(over, 0)),
        late=late,
        closed=sum(m == FORBIDDEN for m in legs.metres) + sum(not vehicle.may_serve(s) for s in stops if s != RELOAD),
        shift=max(times.end - vehicle.shift_end, 0),
        seconds=max(times.end - start - vehicle.max_seconds, 0),
        metres=max(sum(legs.metres) - vehicle.max_metres, 0),
        stops=max(sum(s != RELOAD for s in stops) - vehicle.max_stops, 0),
        reloads=max(sum(s == RELOAD for s in stops) - vehicle.max_reloads, 0),
    )


def _start(problem: RoutingProblem, vehicle: VehicleType, stops: Sequence[int], legs: _Legs) -> int:
    """Return when to leave: as late as the earliest end allows, so that waiting is done at the depot."""
    earliest = _earliest_start(problem, vehicle, stops)
    return max(_latest_start(legs, _drive(legs, earliest).end), earliest)


def planned_route(problem: RoutingProblem, kind: int, vehicle: int, stops: Sequence[int]) -> PlannedRoute:
    """Return the route with its times: it ends as early as it can and leaves as late as that end allows.

    With one window for each stop no other start takes less time. The sequence must be drivable (see `excess_of`).
    Savelsbergh (1992), The vehicle routing problem with time windows: minimizing route duration.
    """
    vehicle_type = problem.vehicle_types[kind]
    legs = _legs(problem, vehicle_type, stops)
    start = _start(problem, vehicle_type, stops, legs)
    times = _drive(legs, start)
    arrival, begin = np.array(times.arrival, np.int64), np.array(times.begin, np.int64)
    return PlannedRoute(
        vehicle_type=kind,
        vehicle=vehicle,
        stops=np.asarray(stops, np.int64),
        start=start,
        end=times.end,
        arrival=arrival,
        begin=begin,
        departure=np.array(times.departure, np.int64),
        wait=begin - arrival - np.array(legs.setup, np.int64),
        loads=loads_along(problem, stops),
        leg_metres=np.array(legs.metres, np.int64),
        cost=vehicle_type.cost(sum(legs.metres), times.end - start),
    )


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
