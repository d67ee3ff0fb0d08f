"""What is wrong with the arrays of a routing problem, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from solvers.routing.straight_ways import StraightWays
from solvers.routing.terms import ALONE, FORBIDDEN, RELOAD, TOGETHER, trips_of
from solvers.routing.vehicle import VehicleType

if TYPE_CHECKING:
    from solvers.routing.problem import RoutingProblem

# Each break taken or not doubles what is tried along a route.
MOST_BREAKS = 6


def faults_of(problem: RoutingProblem) -> Iterator[str]:
    """Yield every fault of the problem as one sentence."""
    yield from _shape_faults(problem)
    yield from _stop_faults(problem)
    for number, vehicle in enumerate(problem.vehicle_types):
        yield from (f"vehicle type {number}: {text}" for text in _vehicle_faults(problem, vehicle))
    if not problem.vehicle_types:
        yield "no vehicle type"
    yield from _lock_faults(problem)
    yield from _dock_faults(problem)


def _shape_faults(problem: RoutingProblem) -> Iterator[str]:
    stops, n = problem.stops, problem.stops.count
    if stops.delivery.ndim != 2 or stops.delivery.shape != stops.pickup.shape or len(stops.delivery) != n:
        yield f"delivery {stops.delivery.shape} and pickup {stops.pickup.shape} should both be ({n}, dimensions)"
    for name in ("setup_seconds", "service_seconds", "release", "price", "priority", "partner", "apart"):
        if getattr(stops, name).shape != (n,):
            yield f"{name} has shape {getattr(stops, name).shape}, expected ({n},)"
    if stops.first_window.shape != (n + 1,) or int(stops.first_window[-1]) != len(stops.window_start):
        yield f"first_window should have {n + 1} entries and end at the number of windows"
    yield from _travel_faults(problem)


def _travel_faults(problem: RoutingProblem) -> Iterator[str]:
    stops = problem.stops
    if len(problem.metres) != len(problem.seconds) or not problem.metres:
        yield f"{len(problem.metres)} matrices of metres, {len(problem.seconds)} of seconds"
    yield from _band_faults(problem)
    sizes = {matrix.shape[-2:] for matrix in (*problem.metres, *problem.seconds)}
    if len(sizes) > 1 or any(len(size) != 2 or size[0] != size[1] for size in sizes):
        yield f"travel matrices should be square and alike, not {sorted(sizes)}"
        return
    places = np.concatenate([stops.place, problem.depot_place])
    if len(places) and not (places.min() >= 0 and places.max() < problem.metres[0].shape[0]):
        yield f"places run from {places.min()} to {places.max()}, the matrices have {problem.metres[0].shape[0]}"
    held = [(m, least) for all_, least in ((problem.metres, FORBIDDEN), (problem.seconds, 0)) for m in all_]
    if any((matrix < least).any() for matrix, least in held if not isinstance(matrix, StraightWays)):
        yield "metres and seconds must not be negative (FORBIDDEN closes an arc)"


def _band_faults(problem: RoutingProblem) -> Iterator[str]:
    bands = len(problem.band_starts)
    if bands == 0 or any(a >= b for a, b in pairwise(problem.band_starts)):
        yield f"bands begin at {list(problem.band_starts)}, which should ascend"
    shapes = [matrix.shape for matrix in problem.seconds if len(matrix.shape) == 3 and matrix.shape[0] != bands]
    if shapes:
        yield f"seconds of shape {shapes} for {bands} bands"


def _stop_faults(problem: RoutingProblem) -> Iterator[str]:
    stops = problem.stops
    for name in ("delivery", "pickup", "setup_seconds", "service_seconds", "price"):
        values = np.asarray(getattr(stops, name), float)
        wrong = ~(values >= 0)
        for stop in np.flatnonzero(wrong.any(axis=1) if wrong.ndim > 1 else wrong):
            yield f"stop {stop}: {name} must not be negative or missing"
    for number in range(stops.count):
        for start, end in stops.windows(number):
            if start > end:
                yield f"stop {number}: window ends at {end}, before it starts at {start}"
        other = int(stops.partner[number])
        if other != ALONE and not (0 <= other < stops.count and int(stops.partner[other]) == number != other):
            yield f"stop {number}: partner {other} does not name it back"


def _vehicle_faults(problem: RoutingProblem, vehicle: VehicleType) -> Iterator[str]:
    if len(vehicle.capacity) != problem.dimensions:
        yield f"{len(vehicle.capacity)} capacities for {problem.dimensions} load dimensions"
    depots = [vehicle.depot] if vehicle.end_depot is None else [vehicle.depot, vehicle.end_depot]
    if any(not 0 <= depot < len(problem.depot_place) for depot in depots):
        yield f"depots {depots} are not among the {len(problem.depot_place)}"
    if vehicle.available < 0 or min(vehicle.capacity, default=0) < 0:
        yield "number and capacity must not be negative"
    if min(vehicle.max_reloads, vehicle.reload_seconds) < 0:
        yield "reloads and their seconds must not be negative"
    if not min(vehicle.fixed_cost, vehicle.cost_per_km, vehicle.cost_per_hour, vehicle.overtime_per_hour) >= 0:
        yield "costs must not be negative or missing"
    if not 0 <= vehicle.profile < len(problem.metres):
        yield f"profile {vehicle.profile} has no travel matrices"
    if vehicle.allowed is not None and vehicle.allowed.shape != (problem.stops.count,):
        yield f"allowed has shape {vehicle.allowed.shape}, expected ({problem.stops.count},)"
    yield from _time_faults(vehicle)


def _time_faults(vehicle: VehicleType) -> Iterator[str]:
    if vehicle.shift_start > vehicle.shift_end:
        yield f"shift ends at {vehicle.shift_end}, before it starts at {vehicle.shift_start}"
    for start, end in vehicle.loading:
        if start > end:
            yield f"its time to load ends at {end}, before it starts at {start}"
    for number, pause in enumerate(vehicle.breaks):
        if pause.earliest > pause.latest:
            yield f"break {number} begins at {pause.latest} at the latest, before {pause.earliest}, its earliest"
        if pause.seconds <= 0 or pause.after_drive_seconds <= 0:
            yield f"break {number} takes {pause.seconds} s after {pause.after_drive_seconds} s, both should be positive"
    if sum(pause.is_rule for pause in vehicle.breaks) > 1:
        yield "more than one break by driving time"
    if len(vehicle.breaks) > MOST_BREAKS:
        yield f"{len(vehicle.breaks)} breaks, at most {MOST_BREAKS} are planned"


def _lock_faults(problem: RoutingProblem) -> Iterator[str]:
    """Yield what contradicts itself in the prefixes, alone and together."""
    holders: dict[int, list[int]] = {}
    for number, vehicle in enumerate(problem.vehicle_types):
        yield from (f"vehicle type {number}: {text}" for text in _prefix_faults(problem, vehicle))
        for stop in set(vehicle.prefix) - {RELOAD}:
            holders.setdefault(stop, []).append(number)
    for stop, numbers in sorted(holders.items()):
        if len(numbers) > 1:
            yield f"stop {stop} is locked to vehicle types {numbers}: only one can serve it"


def _prefix_faults(problem: RoutingProblem, vehicle: VehicleType) -> Iterator[str]:
    if any(a > b for a, b in pairwise(vehicle.driven)) or len(vehicle.driven) > len(vehicle.prefix) + 1:
        yield f"driven {list(vehicle.driven)} should ascend, one time for the depot and one for each locked stop"
    if (vehicle.prefix or vehicle.driven) and vehicle.available != 1:
        yield f"has locked stops for {vehicle.available} vehicles; one vehicle has one route"
    stops = [stop for stop in vehicle.prefix if stop != RELOAD]
    unknown = [stop for stop in stops if not 0 <= stop < problem.stops.count]
    if unknown:
        yield f"locked stops {unknown} are not among the {problem.stops.count}"
        return
    for stop, times in Counter(stops).items():
        if times > 1:
            yield f"stop {stop} is locked {times} times"
        if not vehicle.may_serve(stop):
            yield f"stop {stop} is locked to it, and it may not serve it"
    reloads = len(vehicle.prefix) - len(stops)
    if reloads > vehicle.max_reloads or len(stops) > vehicle.max_stops:
        most = f"{vehicle.max_stops} and {vehicle.max_reloads}"
        yield f"{len(stops)} stops and {reloads} reloads are locked, it may {most}"
    yield from _trip_faults(problem, vehicle)


def _trip_faults(problem: RoutingProblem, vehicle: VehicleType) -> Iterator[str]:
    """Yield locks of one trip that clash: goods apart, a shipment brought before it is fetched, an empty trip."""
    given, trips = problem.stops, trips_of(vehicle.prefix)
    for number, trip in enumerate(trips):
        if not trip and vehicle.prefix:
            yield f"trip {number} of the locked ones has no stop"
        groups = sorted({int(given.apart[stop]) for stop in trip} - {TOGETHER})
        if len(groups) > 1:
            yield f"goods of groups {groups} must not travel together, and are locked to one trip"
        for place, stop in enumerate(trip):
            other = int(given.partner[stop])
            fetched = other in trip[:place]
            if other != ALONE and not (given.pickup[stop] > 0).any() and not fetched:
                yield f"stop {stop} is locked before {other}, where its goods are fetched"


def _dock_faults(problem: RoutingProblem) -> Iterator[str]:
    for number, dock in enumerate(problem.docks):
        if not 0 <= dock.depot < len(problem.depot_place):
            yield f"dock {number}: depot {dock.depot} is not among the {len(problem.depot_place)}"
        if dock.start >= dock.end or dock.doors < 0:
            yield f"dock {number}: {dock.doors} doors from {dock.start} to {dock.end}"
