"""The routing problem in arrays: stops, depots, vehicle types, travel; and the answer, a plan of routes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from solvers.model import Vector
from solvers.routing.faults import faults_of
from solvers.routing.straight_ways import StraightWays
from solvers.routing.terms import ALONE, FORBIDDEN, MUST, NO_LIMIT, RELOAD, TOGETHER, IntArray, Matrix
from solvers.routing.vehicle import Break, VehicleType

__all__ = [
    "ALONE",
    "FORBIDDEN",
    "MUST",
    "NO_LIMIT",
    "RELOAD",
    "TOGETHER",
    "Break",
    "Dock",
    "IntArray",
    "Matrix",
    "PlannedRoute",
    "RoutingPlan",
    "RoutingProblem",
    "RoutingProblemError",
    "Stops",
    "TakenBreak",
    "VehicleType",
    "Ways",
    "Work",
    "stops_of",
]

Ways: TypeAlias = Matrix | StraightWays


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
    apart : group of the goods, shape (n,): different groups are never on one trip; TOGETHER goes with all.
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
    apart: IntArray

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
        "apart": np.full(count, TOGETHER, np.int64),
    }
    if "window" in given:
        window = np.asarray(given.pop("window"), np.int64)
        fields["first_window"] = np.arange(count + 1, dtype=np.int64)
        fields["window_start"], fields["window_end"] = window[:, 0].copy(), window[:, 1].copy()
    return Stops(place=place, delivery=delivery, **(fields | given))


class Dock(NamedTuple):
    """`doors` of a depot, open from `start` to `end`; slots of one depot that overlap add up."""

    depot: int
    start: int
    end: int
    doors: int


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
             one group of goods, and goods of none, on a trip                          (apart)
             the breaks of k taken standing, driving since the last within its rule    (break)
             a route of k begins with the prefix of k                                  (lock)
             loadings at a depot with doors inside its slots, never more than doors    (dock)

    Attributes
    ----------
    stops : the stops.
    depot_place : row of the travel matrices of each depot, shape (depots,).
    vehicle_types : the fleet.
    metres, seconds : by profile, shape (places, places), whole numbers rounded by whoever built them; FORBIDDEN in
        metres closes an arc, whatever its seconds. StraightWays computes them instead of holding them.
        Seconds of shape (bands, places, places) change with the hour: they are what the whole arc takes at the speed of
        each band, and the speed on the way changes where a band begins. So who leaves later never arrives earlier.
    band_starts : when the bands of such seconds begin, ascending; before the first one it is in force too.
    docks : the doors of depots; a depot that has none loads any number at any time. A loading takes `reload_seconds`
        of the vehicle, the first one before the route's start.

    Raises RoutingProblemError with all faults. Toth, Vigo (2014), Vehicle Routing, chapters 1 and 5; Ichoua, Gendreau,
    Potvin (2003), European Journal of Operational Research 144(2), doi 10.1016/S0377-2217(02)00147-9, speeds by hour.
    """

    stops: Stops
    depot_place: IntArray
    vehicle_types: tuple[VehicleType, ...]
    metres: tuple[Ways, ...]
    seconds: tuple[Ways, ...]
    band_starts: tuple[int, ...] = (0,)
    docks: tuple[Dock, ...] = ()

    def __post_init__(self) -> None:
        faults = list(faults_of(self))
        if faults:
            raise RoutingProblemError(faults)

    @property
    def dimensions(self) -> int:
        """Number of load dimensions."""
        return int(self.stops.delivery.shape[1])

    @cached_property
    def least_seconds(self) -> tuple[Ways, ...]:
        """The seconds of every arc at its best hour, by profile, shape (places, places)."""
        by_hour = [isinstance(ways, np.ndarray) and ways.ndim == 3 for ways in self.seconds]
        return tuple(
            np.asarray(ways).min(axis=0) if hours else ways for ways, hours in zip(self.seconds, by_hour, strict=True)
        )

    def with_stops(self, **changes: npt.NDArray[Any]) -> RoutingProblem:
        """Return the problem with arrays of its stops exchanged."""
        return replace(self, stops=replace(self.stops, **changes))


class TakenBreak(NamedTuple):
    """Break `number` of the vehicle, taken at the stop at `position` of the driving order.

    It is before the service where it begins before it, else after it.
    """

    number: int
    position: int
    begin: int
    seconds: int
    paid: bool


@dataclass(frozen=True, eq=False)
class PlannedRoute:
    """One route of k stops, reloads among them, with its times, seconds of the problem's clock.

    Attributes
    ----------
    vehicle_type, vehicle : type, and number among those of the type.
    stops : in driving order, RELOAD between two trips, shape (k,).
    start, end : leaves its depot, is done (back at the end depot, or with the last stop).
    arrival, begin, departure : at each stop, shape (k,); begin is of service or loading, after set-up and waiting.
    wait : seconds at each stop that are neither set-up, service nor break, shape (k,).
    loads : on leaving the depot and each stop, shape (k + 1, d).
    leg_metres : to each stop and to the end, shape (k + 1,); 0 to an open end.
    cost : minor units, not rounded.
    breaks : as taken, in order of time.
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
    breaks: tuple[TakenBreak, ...] = ()

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
    def paid_seconds(self) -> int:
        """Duration without the unpaid breaks."""
        return self.seconds - sum(taken.seconds for taken in self.breaks if not taken.paid)

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
