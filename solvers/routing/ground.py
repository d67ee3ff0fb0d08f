"""The problem in the arrays of the compiled search: what is given, stops near each, routes yet to come."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.spatial import cKDTree

from solvers.model import Vector
from solvers.routing.problem import MUST, NO_LIMIT, IntArray, RoutingProblem, VehicleType
from solvers.routing.ruin_kernel import NOBODY, Ground, Tours
from solvers.routing.straight_ways import StraightWays

# Stops near each that are tried as neighbours.
_NEAR: Final = 64
_WAIT_WEIGHT, _LATE_WEIGHT = 0.2, 1.0
_ROWS_AT_ONCE: Final = 256


def ground_of(problem: RoutingProblem) -> Ground:
    """Return the problem in the kernel's arrays: stops first, then depots."""
    stops, count = problem.stops, problem.stops.count
    place = np.concatenate([stops.place, problem.depot_place])
    setup = np.concatenate([stops.setup_seconds, np.zeros(len(problem.depot_place), np.int64)])
    plane = _plane(problem)
    types = problem.vehicle_types
    if plane is None:
        rows = np.ix_(place, place)
        metres = np.stack([np.asarray(matrix[rows], np.int64) for matrix in problem.metres])
        seconds = np.stack([np.asarray(matrix[rows], np.int64) for matrix in problem.least_seconds])
        seconds += setup * (place[:, None] != place[None, :])
        near = _near(problem, metres[0], seconds[0])
    else:
        metres = seconds = np.zeros((1, 0, 0), np.int64)
        near = _near_in_plane(problem, plane)
    return Ground(
        metres=metres,
        seconds=seconds,
        xy=np.zeros((len(place), 2)) if plane is None else np.ascontiguousarray(plane.xy[place], np.float64),
        scale=1.0 if plane is None else float(plane.scale),
        cut=int(plane is not None and plane.cut),
        setup=setup,
        place=place,
        delivery=np.ascontiguousarray(stops.delivery, np.int64),
        pickup=np.ascontiguousarray(stops.pickup, np.int64),
        early=stops.earliest(),
        late=stops.latest(),
        service=stops.service_seconds,
        release=stops.release,
        price=np.where(stops.price == MUST, np.inf, stops.price),
        near=near,
        whole=np.array([_whole(vehicle, count) for vehicle in types], np.int64),
        rate=np.array([_rates(vehicle) for vehicle in types], np.float64),
        capacity=np.array([vehicle.capacity for vehicle in types], np.int64).reshape(len(types), -1),
        allowed=np.array([np.ones(count, bool) if v.allowed is None else v.allowed for v in types], bool),
        timed=_timed(problem),
    )


def _plane(problem: RoutingProblem) -> StraightWays | None:
    """Return the ways where all are computed, seconds as metres; None where a matrix is needed."""
    ways = problem.metres[0]
    alike = len(problem.metres) == 1 and problem.seconds[0] is ways
    return ways if alike and isinstance(ways, StraightWays) else None


def _near_in_plane(problem: RoutingProblem, plane: StraightWays) -> IntArray:
    """Return the stops near each, shape (n, k): of four times as many in the plane those nearest in time too."""
    count, stops = problem.stops.count, problem.stops
    wanted = min(_NEAR, count - 1)
    asked = min(4 * wanted if len(stops.window_start) else wanted, count - 1) + 1
    xy = plane.xy[stops.place]
    found = np.asarray(cKDTree(xy).query(xy, asked)[1], np.int64).reshape(count, asked)
    rows = np.arange(count)[:, None]
    distance = plane[stops.place[rows], stops.place[found]].astype(np.float64)
    if len(stops.window_start):
        early, late, service = stops.earliest(), stops.latest(), stops.service_seconds
        there = distance + service[rows] + early[rows] - late[found]
        back = distance + service[found] + early[found] - late[rows]
        wait = distance + service[rows] + late[rows], distance + service[found] + late[found]
        clash = _LATE_WEIGHT * np.maximum(there, 0) + _WAIT_WEIGHT * np.maximum(early[found] - wait[0], 0)
        other = _LATE_WEIGHT * np.maximum(back, 0) + _WAIT_WEIGHT * np.maximum(early[rows] - wait[1], 0)
        distance += np.minimum(clash, other)
    distance[found == rows] = np.inf
    order = np.argsort(distance, axis=1, kind="stable")[:, :wanted]
    return np.ascontiguousarray(np.take_along_axis(found, order, axis=1))


def _whole(vehicle: VehicleType, stops: int) -> tuple[int, ...]:
    end = NOBODY if vehicle.end_depot is None else stops + vehicle.end_depot
    limits = vehicle.max_seconds, vehicle.max_metres, vehicle.max_stops
    rest = vehicle.profile, min(vehicle.available, stops), vehicle.overtime_after
    return (stops + vehicle.depot, end, vehicle.shift_start, vehicle.shift_end, *limits, *rest)


def _rates(vehicle: VehicleType) -> tuple[float, ...]:
    return vehicle.fixed_cost, *vehicle.rates


def _timed(problem: RoutingProblem) -> bool:
    """Return whether times can bind or cost anything."""
    stops = problem.stops
    bound = any(
        v.shift_end < NO_LIMIT or v.max_seconds < NO_LIMIT or max(v.rates[1:]) > 0 for v in problem.vehicle_types
    )
    return bound or len(stops.window_start) > 0 or bool(stops.release.any())


def _near(problem: RoutingProblem, metres: IntArray, seconds: IntArray) -> IntArray:
    """Return the stops near each by way, waiting and lateness between the two, shape (n, k).

    Vidal, Crainic, Gendreau, Prins (2013), section 4.4.
    """
    count = problem.stops.count
    wanted = min(_NEAR, count - 1)
    if wanted == 0:
        return np.zeros((count, 0), np.int64)
    early, late, service = problem.stops.earliest(), problem.stops.latest(), problem.stops.service_seconds
    result = np.empty((count, wanted), np.int64)
    windows = len(problem.stops.window_start) > 0
    for first in range(0, count, _ROWS_AT_ONCE):
        rows = np.arange(first, min(first + _ROWS_AT_ONCE, count))
        to, fro = metres[rows, :count].astype(np.float64), metres[:count, rows].T.astype(np.float64)
        far = np.where(to < 0, np.inf, to)
        back = np.where(fro < 0, np.inf, fro)
        if windows:
            far = far + _clash(early, late, service, rows, seconds[rows, :count])
            back = back + _clash_back(early, late, service, rows, seconds[:count, rows].T)
        distance = np.minimum(far, back)
        distance[np.arange(len(rows)), rows] = np.inf
        order = np.argsort(distance, axis=1, kind="stable")
        result[rows] = order[:, :wanted]
    return result


def _clash(early: IntArray, late: IntArray, service: IntArray, rows: IntArray, seconds: IntArray) -> Vector:
    """Return weighted seconds of waiting and lateness at every stop after the rows' stops."""
    leave = service[rows, None] + seconds
    wait = np.maximum(early[None, :] - leave - late[rows, None], 0)
    late_by = np.maximum(early[rows, None] + leave - late[None, :], 0)
    return np.asarray(_WAIT_WEIGHT * wait + _LATE_WEIGHT * late_by, np.float64)


def _clash_back(early: IntArray, late: IntArray, service: IntArray, rows: IntArray, seconds: IntArray) -> Vector:
    """Return the same at the rows' stops after every stop."""
    leave = service[None, :] + seconds
    wait = np.maximum(early[rows, None] - leave - late[None, :], 0)
    late_by = np.maximum(early[None, :] + leave - late[rows, None], 0)
    return np.asarray(_WAIT_WEIGHT * wait + _LATE_WEIGHT * late_by, np.float64)


def tours_of(g: Ground, seed: int) -> Tours:
    """Return no routes yet, every array the kernel writes to."""
    n, dimensions = g.delivery.shape
    routes = int(min(n, g.whole[:, 8].sum()))

    def none(*shape: int) -> IntArray:
        return np.full(shape, NOBODY, np.int64)

    def zero(*shape: int) -> IntArray:
        return np.zeros(shape, np.int64)

    state = np.random.SeedSequence(seed).generate_state(1, np.uint64) | np.uint64(1)
    return Tours(
        after=none(n), before=none(n), route=none(n), load=zero(n, dimensions), most_before=zero(n, dimensions),
        most_after=zero(n, dimensions), until=zero(n, 3), onward=zero(n, 3), first=none(routes), last=none(routes),
        kind=none(routes), size=zero(routes), metres=zero(routes), seconds=zero(routes), release=zero(routes),
        start_load=zero(routes, dimensions), peak=zero(routes, dimensions), cost=np.zeros(routes),
        used=zero(len(g.whole)), absent=zero(n), tally=zero(3), seen=zero(n), opened=zero(routes), mark=zero(3),
        touched=zero(routes), kept_route=zero(routes + 1), kept_kind=zero(routes + 1), kept_from=zero(routes + 2),
        kept_stop=zero(n), kept_absent=zero(n), todo=zero(n + 1), key=np.zeros(n + 1), state=state,
    )  # fmt: skip
