"""Is a plan of routes true? Driven again stop by stop by code that knows no engine and shares none with the planner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from solvers.routing.check_times import Found, times_broken
from solvers.routing.problem import ALONE, RELOAD, TOGETHER, IntArray, PlannedRoute, RoutingPlan, RoutingProblem

COST_TOLERANCE: Final = 1e-6


@dataclass(frozen=True)
class RouteViolation:
    """What cannot be so: number of the route in the plan and of the stop, None where it concerns no single one."""

    route: int | None
    stop: int | None
    cause: str

    def __str__(self) -> str:
        """Return the violation as one sentence."""
        where = [f"route {self.route}"] if self.route is not None else []
        where += [f"stop {self.stop}"] if self.stop is not None else []
        return f"{' '.join(where) or 'plan'}: {self.cause}"


def check_plan(problem: RoutingProblem, plan: RoutingPlan) -> list[RouteViolation]:
    """Return everything in the plan that breaks the problem's rules or its own arithmetic; nothing for a true plan."""
    found = list(_served(problem, plan))
    for number, route in enumerate(plan.routes):
        found += [RouteViolation(number, stop, cause) for stop, cause in _route(problem, route)]
    return [*found, *_locks(problem, plan), *docks_broken(problem, plan), *_total(problem, plan)]


def _served(problem: RoutingProblem, plan: RoutingPlan) -> Iterator[RouteViolation]:
    """Every stop on one route or left out, none twice, none that must be served left out; vehicles once."""
    visits = Counter(int(stop) for route in plan.routes for stop in route.served)
    left_out = Counter(int(stop) for stop in plan.unserved)
    for stop in range(problem.stops.count):
        times = visits[stop] + left_out[stop]
        if times != 1:
            yield RouteViolation(None, stop, f"stands {visits[stop]} times on routes, {left_out[stop]} times left out")
        if left_out[stop] and np.isinf(problem.stops.price[stop]):
            yield RouteViolation(None, stop, "must be served and is left out")
    for stop in (visits | left_out).keys() - set(range(problem.stops.count)):
        yield RouteViolation(None, stop, "is no stop of the problem")
    for (kind, vehicle), routes in Counter((r.vehicle_type, r.vehicle) for r in plan.routes).items():
        if routes > 1:
            yield RouteViolation(None, None, f"vehicle {vehicle} of type {kind} drives {routes} routes")
        if not 0 <= vehicle < problem.vehicle_types[kind].available:
            yield RouteViolation(None, None, f"vehicle {vehicle} of type {kind} does not exist")


def _total(problem: RoutingProblem, plan: RoutingPlan) -> Iterator[RouteViolation]:
    expected = sum(route.cost for route in plan.routes) + sum(float(problem.stops.price[s]) for s in plan.unserved)
    if abs(expected - plan.cost) > COST_TOLERANCE * max(1.0, abs(expected)):
        yield RouteViolation(None, None, f"states cost {plan.cost:.6f}, routes and stops left out cost {expected:.6f}")


def _route(problem: RoutingProblem, route: PlannedRoute) -> Found:
    trips = np.split(route.stops, np.flatnonzero(route.stops == RELOAD))
    if not all((trip != RELOAD).any() for trip in trips):
        yield None, "has a trip that serves nobody"
        return
    yield from times_broken(problem, route)
    yield from _loads(problem, route)
    yield from _limits(problem, route)
    yield from _apart(problem, trips)


def _apart(problem: RoutingProblem, trips: list[IntArray]) -> Found:
    """Goods of different groups are on different trips."""
    for trip in trips:
        group = {int(problem.stops.apart[stop]): int(stop) for stop in trip.tolist() if stop != RELOAD}
        group.pop(TOGETHER, None)
        if len(group) > 1:
            yield min(group.values()), f"travels with goods of other groups: {sorted(group)} are on one trip"


def _locks(problem: RoutingProblem, plan: RoutingPlan) -> Iterator[RouteViolation]:
    """Yield the vehicles whose routes do not begin with what is settled of them."""
    routes = {route.vehicle_type: (number, route.stops.tolist()) for number, route in enumerate(plan.routes)}
    for kind, vehicle in enumerate(problem.vehicle_types):
        settled = list(vehicle.prefix)
        number, stops = routes.get(kind, (None, []))
        if settled and stops[: len(settled)] != settled:
            yield RouteViolation(number, None, f"vehicle type {kind} should begin with {settled}")


def docks_broken(problem: RoutingProblem, plan: RoutingPlan) -> Iterator[RouteViolation]:
    """Yield where more load at once than doors are open, at any moment one begins or a slot ends."""
    for depot in sorted({dock.depot for dock in problem.docks}):
        slots = [dock for dock in problem.docks if dock.depot == depot]
        loadings = [
            (start, start + problem.vehicle_types[route.vehicle_type].reload_seconds, number)
            for number, route in enumerate(plan.routes)
            for start in _loading_starts(problem, route)
            if problem.vehicle_types[route.vehicle_type].depot == depot
        ]
        moments = {start for start, _, _ in loadings} | {dock.end for dock in slots}
        for moment in sorted(moments):
            doors = sum(dock.doors for dock in slots if dock.start <= moment < dock.end)
            at_once = sorted(number for start, end, number in loadings if start <= moment < end)
            if len(at_once) > doors:
                cause = f"{len(at_once)} load at depot {depot} at {moment}, it has {doors} doors then"
                yield RouteViolation(at_once[-1], None, cause)


def _loading_starts(problem: RoutingProblem, route: PlannedRoute) -> Iterator[int]:
    """Yield when the loadings of a route begin that are not past already."""
    vehicle = problem.vehicle_types[route.vehicle_type]
    if not vehicle.driven:
        yield route.start - vehicle.reload_seconds
    for n in np.flatnonzero(route.stops == RELOAD).tolist():
        if n + 1 >= len(vehicle.driven):
            yield int(route.begin[n])


def _loads(problem: RoutingProblem, route: PlannedRoute) -> Found:
    """Depot goods are aboard from the trip's start, pick-ups until its end, shipments from one end to the other."""
    first = 0
    for trip in np.split(route.stops, np.flatnonzero(route.stops == RELOAD)):
        stops = trip[trip != RELOAD].tolist()
        yield from _trip_loads(problem, route, stops, first)
        yield from _shipments(problem, stops)
        first += len(stops) + 1


def _trip_loads(problem: RoutingProblem, route: PlannedRoute, stops: list[int], first: int) -> Found:
    given, capacity = problem.stops, np.array(problem.vehicle_types[route.vehicle_type].capacity)
    load = sum((given.delivery[s] for s in stops if given.partner[s] == ALONE), np.zeros(problem.dimensions, np.int64))
    for n, stop in enumerate([None, *stops], start=first):
        if stop is not None:
            load = load - given.delivery[stop] + given.pickup[stop]
        if (load > capacity).any():
            yield stop, f"load {load.tolist()} is above the capacity {capacity.tolist()}"
        if (load < 0).any() or (load != route.loads[n]).any():
            yield stop, f"states load {route.loads[n].tolist()}, it is {load.tolist()}"


def _shipments(problem: RoutingProblem, stops: list[int]) -> Found:
    given, order = problem.stops, {stop: n for n, stop in enumerate(stops)}
    for stop in stops:
        other = int(given.partner[stop])
        if other != ALONE and (given.pickup[stop] > 0).any() and order.get(other, -1) < order[stop]:
            yield stop, f"is picked up, and {other} does not come after it on this trip"
        if other != ALONE and other not in order:
            yield stop, f"is on another trip than its partner {other}"


def _limits(problem: RoutingProblem, route: PlannedRoute) -> Found:
    vehicle = problem.vehicle_types[route.vehicle_type]
    paid = route.end - route.start - sum(taken.seconds for taken in route.breaks if not taken.paid)
    began = vehicle.shift_start if vehicle.driven else route.start
    if began < vehicle.shift_start or route.end > vehicle.shift_end:
        yield None, f"runs {route.start} to {route.end}, the shift {vehicle.shift_start} to {vehicle.shift_end}"
    for name, used, most in (
        ("paid seconds", paid, vehicle.max_seconds),
        ("metres", int(route.leg_metres.sum()), vehicle.max_metres),
        ("stops", len(route.served), vehicle.max_stops),
        ("reloads", len(route.stops) - len(route.served), vehicle.max_reloads),
    ):
        if used > most:
            yield None, f"takes {used} {name}, its vehicle may {most}"
    if vehicle.allowed is not None:
        for stop in route.served.tolist():
            if not vehicle.allowed[stop]:
                yield stop, f"may not be served by vehicle type {route.vehicle_type}"
    way, late = int(route.leg_metres.sum()) * vehicle.cost_per_km / 1000, max(paid - vehicle.overtime_after, 0)
    cost = vehicle.fixed_cost + way + (paid * vehicle.cost_per_hour + late * vehicle.overtime_per_hour) / 3600
    if abs(cost - route.cost) > COST_TOLERANCE * max(1.0, cost):
        yield None, f"states cost {route.cost:.6f}, its way and time cost {cost:.6f}"
