"""The routing problem in arrays: stops, depots, vehicle types, travel; and the answer, a plan of routes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from solvers.model import Vector
from solvers.routing.straight_ways import StraightWays

IntArray: TypeAlias = npt.NDArray[np.int64]
Matrix: TypeAlias = npt.NDArray[np.signedinteger[Any]]
Ways: TypeAlias = Matrix | StraightWays

# Metres of an arc nobody may drive, or that does not exist.
FORBIDDEN: Final = -1
# Price of leaving out a stop that must be served.
MUST: Final = math.inf
# Any limit from here on means none.
NO_LIMIT: Final = 2**60
# In a driving order: back at the depot to unload what was fetched and load the next trip.
RELOAD: Final = -1
# Partner of a stop whose goods come from, or go to, the depot.
ALONE: Final = -1

_METRES_PER_KM: Final = 1000.0
_SECONDS_PER_HOUR: Final = 3600.0


class RoutingProblemError(ValueError):
    """The arrays do not make a problem; `faults` says what is wrong, all at once."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("; ".join(faults))


@dataclass(frozen=True, eq=False)
class Stops:
    """What is to be visited, n stops with loads in d dimensions; times in seconds of one clock.

    Attributes
    ----------
    place : row of the travel matrices, shape (n,).
    delivery : load brought from the depot, or from the partner, shape (n, d), >= 0.
    pickup : load taken to the depot, or to the partner, shape (n, d), >= 0.
    first_window : windows of stop i are first_window[i]:first_window[i + 1], shape (n + 1,); none means any time.
    window_start, window_end : service begins inside one of them, both ends included, shape (windows,).
    setup_seconds : before service, on arrival from another place; may be over before the window opens.
    service_seconds : at the stop.
    release : the trip that serves it is loaded at its depot no earlier.
    price : cost of leaving it out, minor units; MUST where it may not be.
    priority : larger first; only words and rankings use it, engines look at the price.
    partner : the other end of a shipment, where one end has `pickup` and the other `delivery`; ALONE for depot goods.
    """

    place: IntArray
    delivery: IntArray
    pickup: IntArray
    first_window: IntArray
    window_start: IntArray
    window_end: IntArray
    setup_seconds: IntArray
    service_seconds: IntArray
    release: IntArray
    price: Vector
    priority: IntArray
    partner: IntArray

    @property
    def count(self) -> int:
        """Number of stops."""
        return len(self.place)

    def windows(self, stop: int) -> list[tuple[int, int]]:
        """Return the windows of a stop, earliest first; one without limits where it has none."""
        inside = slice(int(self.first_window[stop]), int(self.first_window[stop + 1]))
        pairs = zip(self.window_start[inside].tolist(), self.window_end[inside].tolist(), strict=True)
        return sorted(pairs) or [(0, NO_LIMIT)]

    def earliest(self) -> IntArray:
        """Return when the first window of each stop opens, shape (n,)."""
        return _by_stop(np.minimum, self.window_start, self.first_window, 0)

    def latest(self) -> IntArray:
        """Return when the last window of each stop closes, shape (n,)."""
        return _by_stop(np.maximum, self.window_end, self.first_window, NO_LIMIT)


def _by_stop(choose: np.ufunc, values: IntArray, first: IntArray, missing: int) -> IntArray:
    """Return the smallest or largest of each stop's `values`, `missing` where it has none."""
    result = np.full(len(first) - 1, missing, np.int64)
    some = np.diff(first) > 0
    if some.any():
        result[some] = choose.reduceat(values, first[:-1][some])
    return result


def stops_of(place: IntArray, delivery: IntArray, **given: npt.NDArray[Any]) -> Stops:
    """Return stops with the fields given, and for the rest: no pick-up, no window, no time, no release, must.

    `window=(n, 2)` sets one window for each stop.
    """
    count = len(place)
    zero = np.zeros(count, np.int64)
    fields: dict[str, npt.NDArray[Any]] = {
        "pickup": np.zeros_like(delivery),
        "first_window": np.zeros(count + 1, np.int64),
        "window_start": zero[:0],
        "window_end": zero[:0],
        "setup_seconds": zero,
        "service_seconds": zero,
        "release": zero,
        "price": np.full(count, MUST),
        "priority": zero,
        "partner": np.full(count, ALONE, np.int64),
    }
    if "window" in given:
        window = np.asarray(given.pop("window"), np.int64)
        fields["first_window"] = np.arange(count + 1, dtype=np.int64)
        fields["window_start"], fields["window_end"] = window[:, 0].copy(), window[:, 1].copy()
    return Stops(place=place, delivery=delivery, **(fields | given))


@dataclass(frozen=True, eq=False)
class VehicleType:
    """Vehicles that are alike; costs in minor units, a rate of 1000 per km is one per metre.

    Attributes
    ----------
    available : how many there are.
    capacity : in each load dimension, length d.
    depot, end_depot : numbers of depots; end_depot None ends at the last stop.
    shift_start, shift_end : the route lies inside, seconds.
    max_seconds, max_metres, max_stops : of one route, all its trips; NO_LIMIT for none.
    fixed_cost : of one route; cost_per_km of its way, cost_per_hour of its duration, waiting included.
    overtime_after : seconds of duration from which an hour costs overtime_per_hour more; NO_LIMIT for never.
    max_reloads : how often it may come back to `depot` and load again; reload_seconds at the depot each time.
    profile : which travel matrices it drives by.
    allowed : which stops it may serve, shape (n,); None for all.
    """

    available: int
    capacity: tuple[int, ...]
    depot: int = 0
    end_depot: int | None = 0
    shift_start: int = 0
    shift_end: int = NO_LIMIT
    max_seconds: int = NO_LIMIT
    max_metres: int = NO_LIMIT
    max_stops: int = NO_LIMIT
    fixed_cost: float = 0.0
    cost_per_km: float = 0.0
    cost_per_hour: float = 0.0
    overtime_after: int = NO_LIMIT
    overtime_per_hour: float = 0.0
    max_reloads: int = 0
    reload_seconds: int = 0
    profile: int = 0
    allowed: npt.NDArray[np.bool_] | None = None

    @property
    def rates(self) -> tuple[float, float, float]:
        """Cost of a metre, of a second, and what a second of overtime adds."""
        hours = self.cost_per_hour / _SECONDS_PER_HOUR, self.overtime_per_hour / _SECONDS_PER_HOUR
        return self.cost_per_km / _METRES_PER_KM, *hours

    @property
    def fixed_cost_of_a_trip(self) -> float:
        """The least share of its fixed cost that a trip bears."""
        return self.fixed_cost / (1 + self.max_reloads)

    def may_serve(self, stop: int) -> bool:
        """Return whether it has what the stop asks for."""
        return self.allowed is None or bool(self.allowed[stop])

    def cost(self, metres: int, seconds: int) -> float:
        """Return the cost of a route of so many metres and seconds, minor units."""
        way, time = metres / _METRES_PER_KM * self.cost_per_km, seconds / _SECONDS_PER_HOUR * self.cost_per_hour
        overtime = max(seconds - self.overtime_after, 0) / _SECONDS_PER_HOUR * self.overtime_per_hour
        return self.fixed_cost + way + time + overtime


@dataclass(frozen=True, eq=False)
class RoutingProblem:
    r"""
    Routes that serve stops at least cost.

    Sets
        i, j in stops and depots, r in routes, k(r) type of the vehicle of r
    Model
        min  sum_r (F_k + c_k metres_r + w_k seconds_r + o_k overtime_r) + sum_i left out p_i  (cost)
        s.t. each stop on one route or left out, p_i < inf                             (serve)
             load on r within capacity_k in every dimension after every stop;
             at a reload what was fetched is left and the next trip's goods are loaded  (load)
             begin_j >= begin_i + service_i + seconds_ij + setup_j                     (time)
             begin_j in one window of j; r inside the shift, no trip loaded before its releases (window)
             seconds_r, metres_r, stops_r within the limits of k; stops allowed for k  (limits)
             both ends of a shipment on one trip, pick-up first                        (shipment)

    Attributes
    ----------
    stops : the stops.
    depot_place : row of the travel matrices of each depot, shape (depots,).
    vehicle_types : the fleet.
    metres, seconds : by profile, shape (places, places), whole numbers rounded by whoever built them; FORBIDDEN in
        metres closes an arc, whatever its seconds. StraightWays computes them instead of holding them.

    Raises RoutingProblemError with all faults. Toth, Vigo (2014), Vehicle Routing, chapters 1 and 5.
    """

    stops: Stops
    depot_place: IntArray
    vehicle_types: tuple[VehicleType, ...]
    metres: tuple[Ways, ...]
    seconds: tuple[Ways, ...]

    def __post_init__(self) -> None:
        faults = list(_faults(self))
        if faults:
            raise RoutingProblemError(faults)

    @property
    def dimensions(self) -> int:
        """Number of load dimensions."""
        return int(self.stops.delivery.shape[1])

    def with_stops(self, **changes: npt.NDArray[Any]) -> RoutingProblem:
        """Return the problem with arrays of its stops exchanged."""
        return replace(self, stops=replace(self.stops, **changes))


def _faults(problem: RoutingProblem) -> Iterator[str]:
    yield from _shape_faults(problem)
    yield from _stop_faults(problem)
    for number, vehicle in enumerate(problem.vehicle_types):
        yield from (f"vehicle type {number}: {text}" for text in _vehicle_faults(problem, vehicle))
    if not problem.vehicle_types:
        yield "no vehicle type"


def _shape_faults(problem: RoutingProblem) -> Iterator[str]:
    stops, n = problem.stops, problem.stops.count
    if stops.delivery.ndim != 2 or stops.delivery.shape != stops.pickup.shape or len(stops.delivery) != n:
        yield f"delivery {stops.delivery.shape} and pickup {stops.pickup.shape} should both be ({n}, dimensions)"
    for name in ("setup_seconds", "service_seconds", "release", "price", "priority", "partner"):
        if getattr(stops, name).shape != (n,):
            yield f"{name} has shape {getattr(stops, name).shape}, expected ({n},)"
    if stops.first_window.shape != (n + 1,) or int(stops.first_window[-1]) != len(stops.window_start):
        yield f"first_window should have {n + 1} entries and end at the number of windows"
    if len(problem.metres) != len(problem.seconds) or not problem.metres:
        yield f"{len(problem.metres)} matrices of metres, {len(problem.seconds)} of seconds"
    sizes = {matrix.shape for matrix in (*problem.metres, *problem.seconds)}
    if len(sizes) > 1 or any(len(size) != 2 or size[0] != size[1] for size in sizes):
        yield f"travel matrices should be square and alike, not {sorted(sizes)}"
        return
    places = np.concatenate([stops.place, problem.depot_place])
    if len(places) and not (places.min() >= 0 and places.max() < problem.metres[0].shape[0]):
        yield f"places run from {places.min()} to {places.max()}, the matrices have {problem.metres[0].shape[0]}"
    held = [(m, least) for all_, least in ((problem.metres, FORBIDDEN), (problem.seconds, 0)) for m in all_]
    if any((matrix < least).any() for matrix, least in held if not isinstance(matrix, StraightWays)):
        yield "metres and seconds must not be negative (FORBIDDEN closes an arc)"


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
    if vehicle.shift_start > vehicle.shift_end:
        yield f"shift ends at {vehicle.shift_end}, before it starts at {vehicle.shift_start}"
    if not min(vehicle.fixed_cost, vehicle.cost_per_km, vehicle.cost_per_hour, vehicle.overtime_per_hour) >= 0:
        yield "costs must not be negative or missing"
    if not 0 <= vehicle.profile < len(problem.metres):
        yield f"profile {vehicle.profile} has no travel matrices"
    if vehicle.allowed is not None and vehicle.allowed.shape != (problem.stops.count,):
        yield f"allowed has shape {vehicle.allowed.shape}, expected ({problem.stops.count},)"


@dataclass(frozen=True, eq=False)
class PlannedRoute:
    """One route of k stops, reloads among them, with its times, seconds of the problem's clock.

    Attributes
    ----------
    vehicle_type, vehicle : type, and number among those of the type.
    stops : in driving order, RELOAD between two trips, shape (k,).
    start, end : leaves its depot, is done (back at the end depot, or with the last stop).
    arrival, begin, departure : at each stop, shape (k,); begin is of service or loading, after set-up and waiting.
    wait : seconds waited at each stop, shape (k,).
    loads : on leaving the depot and each stop, shape (k + 1, d).
    leg_metres : to each stop and to the end, shape (k + 1,); 0 to an open end.
    cost : minor units, not rounded.
    """

    vehicle_type: int
    vehicle: int
    stops: IntArray
    start: int
    end: int
    arrival: IntArray
    begin: IntArray
    departure: IntArray
    wait: IntArray
    loads: IntArray
    leg_metres: IntArray
    cost: float

    @property
    def served(self) -> IntArray:
        """The stops without the reloads, in driving order."""
        return np.asarray(self.stops[self.stops != RELOAD], np.int64)

    @property
    def trips(self) -> IntArray:
        """Number of the trip of each stop from 0, shape (k,); a reload belongs to the trip it begins."""
        return np.asarray(np.cumsum(self.stops == RELOAD), np.int64)

    @property
    def seconds(self) -> int:
        """Duration from start to end."""
        return self.end - self.start

    @property
    def metres(self) -> int:
        """Length of the route."""
        return int(self.leg_metres.sum())


@dataclass(frozen=True, eq=False)
class RoutingPlan:
    """Routes, the stops left out, and the cost of both in minor units, not rounded."""

    routes: tuple[PlannedRoute, ...]
    unserved: IntArray
    cost: float


@dataclass(frozen=True)
class Work:
    """How long an engine searches: `iterations` give the same plan every time, `seconds` do not and are marked.

    seconds : of wall time from the call, None for no limit; iterations None for no limit, never both None
    """

    iterations: int | None = 2000
    seconds: float | None = None
    seed: int = 1
    start: tuple[tuple[int, tuple[int, ...]], ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if self.iterations is None and self.seconds is None:
            raise ValueError("work without a limit: give iterations or seconds")
