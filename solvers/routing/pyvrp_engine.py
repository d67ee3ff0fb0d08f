"""The only file that knows PyVRP: our problem into its words, its routes back into our plan."""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyvrp
from pyvrp.exceptions import PenaltyBoundWarning
from pyvrp.search import OPERATORS, LocalSearch, PerturbationManager, compute_neighbours
from pyvrp.stop import MaxIterations, StoppingCriterion

from solvers.model import Vector
from solvers.outcome import Limit
from solvers.routing.features import features
from solvers.routing.more_trips import with_more_trips
from solvers.routing.problem import (
    ALONE,
    FORBIDDEN,
    MUST,
    NO_LIMIT,
    RELOAD,
    IntArray,
    RoutingPlan,
    RoutingProblem,
    VehicleType,
    Work,
)
from solvers.routing.schedule import excess_of, plan_of, without_empty_trips
from solvers.routing.solve import Answer, UnsupportedError

_FREE: Final = int(np.iinfo(np.int64).max)
# Sums of scaled costs stay below this, a quarter of what 64 bits hold.
_LARGEST_SUM: Final = 2.0**61
_LARGEST_RATE: Final = 1e4
# First penalties in terms of the dearest arc: of an average load too much, of a longest arc too late or too long.
_LOAD_PENALTY: Final = 2_500.0
_UNIT_PENALTY: Final = 50_000.0

_Profile = tuple[int, bytes | None]


@dataclass(frozen=True)
class _Scaled:
    """Factor from minor units to PyVRP's whole money, and the metres and seconds that stand for a closed arc."""

    factor: float
    closed: int

    def money(self, value: float) -> int:
        return round(value * self.factor)


class _Deadline:
    """Stop at an instant of the performance counter, however long the preparation took."""

    def __init__(self, instant: float) -> None:
        self.instant, self.reached = instant, False

    def __call__(self, best_cost: float) -> bool:
        self.reached = time.perf_counter() >= self.instant
        return self.reached


class _FirstOf:
    """Stop when the first of several criteria says so."""

    def __init__(self, criteria: list[StoppingCriterion]) -> None:
        self.criteria = criteria

    def __call__(self, best_cost: float) -> bool:
        return any(criterion(best_cost) for criterion in self.criteria)  # type: ignore[arg-type]


def pyvrp_engine(problem: RoutingProblem, work: Work) -> Answer:
    """Return the best plan PyVRP's iterated local search finds; the same for the same iterations and seed.

    Loads, one window a stop, shifts, limits on time, way and stops, mixed fleets, several depots, open ends, optional
    stops, releases, reloads, stops closed to a type, shipments. Raises UnsupportedError, in words, for what it cannot
    take.

    Wouda, Lan, Kool (2024), PyVRP: a high-performance VRP solver package, doi 10.1287/ijoc.2023.0055.
    """
    begun = time.perf_counter()
    faults = unsupported(problem)
    if faults:
        raise UnsupportedError("PyVRP cannot take " + "; ".join(faults))
    if problem.stops.count == 0:
        return Answer(plan_of(problem, []), "none")
    translation = _Translation(problem)
    data = translation.data()
    deadline = _Deadline(begun + work.seconds) if work.seconds is not None else None
    criteria: list[StoppingCriterion] = [deadline] if deadline is not None else []
    if work.iterations is not None:
        criteria.append(MaxIterations(work.iterations))
    start = translation.solution(data, work) if work.start else None
    penalties = _penalties(problem, translation.scaled, data.num_load_dimensions)
    with warnings.catch_warnings():
        # Said when penalties reach their maximum; the answer then holds what can be driven of the best plan.
        warnings.simplefilter("ignore", PenaltyBoundWarning)
        best = _search(data, penalties, _FirstOf(criteria), work.seed, start)
    limit: Limit = "seconds" if deadline is not None and deadline.reached else "iterations"
    plan = _feasible_part(problem, translation.sequences(best))
    if plan is not None and any(v.max_reloads > 0 for v in problem.vehicle_types):
        plan = with_more_trips(problem, plan)
    return Answer(plan, limit)


def _search(
    data: pyvrp.ProblemData,
    penalties: tuple[list[float], float, float],
    stop: StoppingCriterion,
    seed: int,
    start: pyvrp.Solution | None,
) -> pyvrp.Solution:
    """Return the best solution of the iterated local search, put together as `pyvrp.solve` does but for penalties."""
    rng = pyvrp.RandomNumberGenerator(seed=seed)
    local = LocalSearch(data, rng, compute_neighbours(data), PerturbationManager())
    for operator in OPERATORS:
        if operator.supports(data):
            local.add_operator(operator(data))
    loads, seconds, metres = penalties
    manager = pyvrp.PenaltyManager(penalties, pyvrp.PenaltyParams(max_penalty=2 * max(*loads, seconds, metres)))
    if start is None:
        start = local(pyvrp.Solution.make_random(data, rng), manager.cost_evaluator(), exhaustive=True)
    return pyvrp.IteratedLocalSearch(data, manager, local, start).run(stop, collect_stats=False).best


def _feasible_part(problem: RoutingProblem, sequences: list[tuple[int, list[int]]]) -> RoutingPlan | None:
    """Return the plan of the routes that can be driven, None when a stop that must be served is on none of them."""
    tidy = [(kind, without_empty_trips(stops)) for kind, stops in sequences]
    driven = [(kind, stops) for kind, stops in tidy if not excess_of(problem, kind, stops).kinds()]
    plan = plan_of(problem, driven)
    return plan if math.isfinite(plan.cost) else None


def unsupported(problem: RoutingProblem) -> list[str]:
    """Return in words what of the problem PyVRP cannot take, nothing when it can take all."""
    stops = problem.stops
    taken = "shipments", "reloads"
    shipped = stops.partner != ALONE
    reloads = any(v.max_reloads > 0 for v in problem.vehicle_types)
    counted = any(v.max_stops < NO_LIMIT for v in problem.vehicle_types)
    asked = {
        **{words: there for words, there in features(problem).items() if words not in taken},
        "a limit on stops together with shipments": counted and bool(shipped.any()),
        "a limit on stops together with reloads": any(
            v.max_reloads > 0 and v.max_stops < NO_LIMIT for v in problem.vehicle_types
        ),
        "shipments together with reloads": reloads and bool(shipped.any()),
        "stops that are both end of a shipment and depot goods": bool(
            (shipped & (stops.pickup > 0).any(axis=1) & (stops.delivery > 0).any(axis=1)).any()
        ),
        "release times of shipments": bool((shipped & (stops.release > 0)).any()),
        "ends of one shipment with different prices": bool(
            (shipped & (stops.price != stops.price[np.where(shipped, stops.partner, 0)])).any()
        ),
        "no vehicle": sum(v.available for v in problem.vehicle_types) == 0,
    }
    return [words for words, there in asked.items() if there]


class _Translation:
    """One problem in PyVRP's terms: depots first, then stops, then a place that is nowhere for open ends."""

    def __init__(self, problem: RoutingProblem) -> None:
        self.problem = problem
        self.depots = len(problem.depot_place)
        self.open = any(v.end_depot is None for v in problem.vehicle_types)
        self.places = np.concatenate([problem.depot_place, problem.stops.place])
        self.kinds = [k for k, v in enumerate(problem.vehicle_types) if v.available > 0]
        keys = [self._profile(problem.vehicle_types[k]) for k in self.kinds]
        self.profiles: list[_Profile] = sorted(set(keys), key=lambda key: (key[0], key[1] or b""))
        self.profile_of = [self.profiles.index(key) for key in keys]
        self.counts_stops = any(v.max_stops < NO_LIMIT for v in problem.vehicle_types)
        self.clients = np.flatnonzero(problem.stops.partner == ALONE)
        picks = (problem.stops.partner != ALONE) & (problem.stops.pickup > 0).any(axis=1)
        self.shipments = np.flatnonzero(picks)
        self.scaled = _scaled(problem)
        loading = {(v.depot, v.reload_seconds) for v in problem.vehicle_types if v.max_reloads > 0}
        self.reloads = sorted(loading)

    @staticmethod
    def _profile(vehicle: VehicleType) -> _Profile:
        mask = vehicle.allowed
        return vehicle.profile, None if mask is None or mask.all() else mask.tobytes()

    def data(self) -> pyvrp.ProblemData:
        """Return the problem for PyVRP."""
        count = len(self.places) + self.open
        metres, seconds = zip(*(self._matrices(profile) for profile in self.profiles), strict=True)
        depots = [pyvrp.Depot(location=d) for d in range(self.depots)]
        if self.open:
            depots.append(pyvrp.Depot(location=count - 1))
        # A depot to load again at is one of its own, as loading takes time there and not where routes begin and end.
        depots += [pyvrp.Depot(location=d, service_duration=seconds) for d, seconds in self.reloads]
        return pyvrp.ProblemData(
            locations=[pyvrp.Location(0, 0) for _ in range(count)],
            clients=[self._client(int(stop)) for stop in self.clients],
            depots=depots,
            vehicle_types=[self._vehicle(n, kind) for n, kind in enumerate(self.kinds)],
            distance_matrices=list(metres),
            duration_matrices=list(seconds),
            shipments=[self._shipment(int(stop)) for stop in self.shipments],
        )

    def _matrices(self, profile: _Profile) -> tuple[IntArray, IntArray]:
        """Return metres and seconds between all locations; set-up lies on the arcs from another place."""
        number, mask = profile
        rows = np.ix_(self.places, self.places)
        metres = self.problem.metres[number][rows].astype(np.int64)
        seconds = self.problem.seconds[number][rows].astype(np.int64)
        shut = metres == FORBIDDEN
        if mask is not None:
            closed = np.concatenate([np.zeros(self.depots, bool), ~np.frombuffer(mask, bool)])
            shut |= closed[:, None] | closed[None, :]
        setup = np.concatenate([np.zeros(self.depots, np.int64), self.problem.stops.setup_seconds])
        if setup.any():
            seconds += setup * (self.places[:, None] != self.places[None, :])
        metres[shut] = seconds[shut] = self.scaled.closed
        if self.open:
            metres, seconds = (np.pad(matrix, (0, 1)) for matrix in (metres, seconds))
            metres[-1], seconds[-1] = self.scaled.closed, self.scaled.closed
        np.fill_diagonal(metres, 0)
        np.fill_diagonal(seconds, 0)
        return metres, seconds

    def _window(self, stop: int) -> tuple[int, int]:
        start, end = self.problem.stops.windows(stop)[0]
        return start, _limit(end)

    def _client(self, stop: int) -> pyvrp.Client:
        given, extra = self.problem.stops, [1] if self.counts_stops else []
        start, end = self._window(stop)
        price = float(given.price[stop])
        return pyvrp.Client(
            location=self.depots + stop,
            delivery=[*given.delivery[stop].tolist(), *extra],
            pickup=[*given.pickup[stop].tolist(), *(0 for _ in extra)],
            service_duration=int(given.service_seconds[stop]),
            tw_early=start,
            tw_late=end,
            release_time=int(given.release[stop]),
            prize=0 if price == MUST else self.scaled.money(price),
            required=price == MUST,
        )

    def _shipment(self, pick: int) -> pyvrp.Shipment:
        given, drop = self.problem.stops, int(self.problem.stops.partner[pick])
        (from_start, from_end), (to_start, to_end) = self._window(pick), self._window(drop)
        price = float(given.price[pick] + given.price[drop])
        return pyvrp.Shipment(
            pickup_location=self.depots + pick,
            delivery_location=self.depots + drop,
            pickup_tw_early=from_start,
            pickup_tw_late=from_end,
            pickup_service_duration=int(given.service_seconds[pick]),
            delivery_tw_early=to_start,
            delivery_tw_late=to_end,
            delivery_service_duration=int(given.service_seconds[drop]),
            amount=given.pickup[pick].tolist(),
            prize=0 if price == MUST else self.scaled.money(price),
            required=price == MUST,
        )

    def _vehicle(self, number: int, kind: int) -> pyvrp.VehicleType:
        vehicle = self.problem.vehicle_types[kind]
        most = [min(vehicle.max_stops, self.problem.stops.count)] if self.counts_stops else []
        metres, usual = _limit(vehicle.max_metres), vehicle.max_seconds
        if vehicle.overtime_per_hour > 0:
            usual = min(vehicle.overtime_after, usual)
        if vehicle.cost_per_km == 0:
            # Where way costs nothing, a closed arc must be shut by the limit instead of its price.
            metres = min(metres, self.scaled.closed - 1)
        return pyvrp.VehicleType(
            num_available=min(vehicle.available, max(self.problem.stops.count, 1)),
            capacity=[*(min(c, NO_LIMIT) for c in vehicle.capacity), *most],
            start_depot=vehicle.depot,
            end_depot=self.depots if vehicle.end_depot is None else vehicle.end_depot,
            fixed_cost=self.scaled.money(vehicle.fixed_cost),
            tw_early=vehicle.shift_start,
            tw_late=_limit(vehicle.shift_end),
            shift_duration=_limit(usual),
            max_overtime=0 if usual == vehicle.max_seconds else _limit(vehicle.max_seconds - usual),
            unit_overtime_cost=self.scaled.money(vehicle.rates[2]),
            max_distance=metres,
            unit_distance_cost=self.scaled.money(vehicle.rates[0]),
            unit_duration_cost=self.scaled.money(vehicle.rates[1]),
            profile=self.profile_of[number],
            reload_depots=self._reload_depots(vehicle),
            max_reloads=min(vehicle.max_reloads, self.problem.stops.count),
        )

    def _reload_depots(self, vehicle: VehicleType) -> list[int]:
        if vehicle.max_reloads == 0:
            return []
        return [self.depots + self.open + self.reloads.index((vehicle.depot, vehicle.reload_seconds))]

    def sequences(self, solution: pyvrp.Solution) -> list[tuple[int, list[int]]]:
        """Return (vehicle type, stops) of each route, RELOAD wherever it comes by a depot."""
        return [
            (self.kinds[route.vehicle_type()], [RELOAD if a.is_depot() else self._stop(a) for a in route])
            for route in solution.routes()
        ]

    def _stop(self, activity: pyvrp.Activity) -> int:
        if activity.is_client():
            return int(self.clients[activity.idx])
        pick = int(self.shipments[activity.idx])
        return pick if activity.is_pickup() else int(self.problem.stops.partner[pick])

    def solution(self, data: pyvrp.ProblemData, work: Work) -> pyvrp.Solution:
        """Return the plan that `work.start` holds as PyVRP's first solution."""
        routes = [
            pyvrp.Route(data, [self._activity(kind, stop) for stop in stops], self.kinds.index(kind))
            for kind, stops in work.start
        ]
        return pyvrp.Solution(data, routes)

    def _activity(self, kind_of_vehicle: int, stop: int) -> pyvrp.Activity:
        if stop == RELOAD:
            depots = self._reload_depots(self.problem.vehicle_types[kind_of_vehicle])
            return pyvrp.Activity(pyvrp.ActivityType.DEPOT, *depots)
        partner = int(self.problem.stops.partner[stop])
        if partner == ALONE:
            return pyvrp.Activity(pyvrp.ActivityType.CLIENT, int(np.searchsorted(self.clients, stop)))
        kind, pick = pyvrp.ActivityType.PICKUP, stop
        if not (self.problem.stops.pickup[stop] > 0).any():
            kind, pick = pyvrp.ActivityType.DELIVERY, partner
        return pyvrp.Activity(kind, int(np.searchsorted(self.shipments, pick)))


def _limit(value: int) -> int:
    return _FREE if value >= NO_LIMIT else value


def _longest_arc(problem: RoutingProblem) -> int:
    """Return the longest arc in metres or seconds, set-up included, at least 1."""
    setup = int(problem.stops.setup_seconds.max(initial=0))
    metres = max(int(matrix.max(initial=0)) for matrix in problem.metres)
    return max(1, metres, *(int(matrix.max(initial=0)) + setup for matrix in problem.seconds))


def _scaled(problem: RoutingProblem) -> _Scaled:
    """Return the factor to whole money and a closed arc longer than any way around it.

    Rates, prices and fixed costs that are whole per metre and second need no factor: PyVRP's costs then are exact.
    Else the largest rate becomes 10,000: the others are off by a half of that at most, and only inside the search.
    """
    rates = [r for v in problem.vehicle_types for r in v.rates if r > 0]
    prices: Vector = problem.stops.price[problem.stops.price < MUST]
    fixed = max(v.fixed_cost for v in problem.vehicle_types)
    dearest = float(prices.max(initial=0)) + fixed
    whole = all(float(value).is_integer() for value in (*rates, fixed, *prices.tolist()))
    closed = 8 * _longest_arc(problem) + int(2 * dearest / max(rates, default=1.0))
    # Counted once per stop: a closed arc in a random first solution, a vehicle of its own, the price.
    worst = (problem.stops.count + 1) * (closed * max(rates, default=1.0) + fixed) + float(prices.sum())
    factor = 1.0 if whole else _LARGEST_RATE / max(rates, default=1.0)
    return _Scaled(min(factor, _LARGEST_SUM / worst), closed)


def _penalties(problem: RoutingProblem, scaled: _Scaled, dimensions: int) -> tuple[list[float], float, float]:
    """Return the first penalties of a unit of load by dimension, a second and a metre too much.

    PyVRP's own, 50,000 each, suit files with loads near 50 and arcs near 1,000; these are the same for any units.
    """
    longest, room = _longest_arc(problem), _LARGEST_SUM / (4.0 * (problem.stops.count + 1))
    rates = [r for v in problem.vehicle_types for r in v.rates]
    dearest = max(1.0, longest * max(rates) * scaled.factor)
    loads = np.maximum(problem.stops.delivery, problem.stops.pickup).sum(axis=0)
    units = [*(loads / problem.stops.count), *[1.0] * dimensions][:dimensions]
    by_load = [min(_LOAD_PENALTY * dearest / max(unit, 1.0), room / max(unit, 1.0)) for unit in units]
    by_unit = min(_UNIT_PENALTY * dearest / longest, room / scaled.closed)
    return by_load, by_unit, by_unit
