"""Is a plan of routes true? Driven again stop by stop by code that knows no engine and shares none with the planner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from solvers.routing.problem import ALONE, RELOAD, PlannedRoute, RoutingPlan, RoutingProblem

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
    return found + list(_total(problem, plan))


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


_Found = Iterator[tuple[int | None, str]]


def _route(problem: RoutingProblem, route: PlannedRoute) -> _Found:
    trips = np.split(route.stops, np.flatnonzero(route.stops == RELOAD))
    if not all((trip != RELOAD).any() for trip in trips):
        yield None, "has a trip that serves nobody"
        return
    yield from _times(problem, route)
    yield from _loads(problem, route)
    yield from _limits(problem, route)


def _times(problem: RoutingProblem, route: PlannedRoute) -> _Found:
    """Drive the route from its stated start: arcs exist, arrivals, waits, begins inside windows, departures, end."""
    vehicle, given = problem.vehicle_types[route.vehicle_type], problem.stops
    metres, seconds = problem.metres[vehicle.profile], problem.seconds[vehicle.profile]
    depot = int(problem.depot_place[vehicle.depot])
    place, now, loaded = depot, route.start, route.start
    for n, stop in enumerate(route.stops.tolist()):
        here = depot if stop == RELOAD else int(given.place[stop])
        yield from _arc(stop, int(metres[place, here]), int(route.leg_metres[n]))
        setup = int(given.setup_seconds[stop]) if here != place and stop != RELOAD else 0
        service = vehicle.reload_seconds if stop == RELOAD else int(given.service_seconds[stop])
        arrival, begin, departure = int(route.arrival[n]), int(route.begin[n]), int(route.departure[n])
        if arrival != now + int(seconds[place, here]):
            yield stop, f"arrives at {arrival}, the way takes until {now + int(seconds[place, here])}"
        if int(route.wait[n]) != begin - arrival - setup or route.wait[n] < 0:
            yield stop, f"states {int(route.wait[n])} s of waiting, its times give {begin - arrival - setup}"
        if departure != begin + service:
            yield stop, f"leaves at {departure}, service takes until {begin + service}"
        if stop == RELOAD:
            loaded = begin
        elif not _inside(problem, stop, begin):
            yield stop, f"service begins at {begin}, outside its windows"
        if stop != RELOAD and loaded < int(given.release[stop]):
            yield stop, f"is released at {int(given.release[stop])}, its trip is loaded at {loaded}"
        place, now = here, departure
    yield from _ending(problem, route, place, now)


def _arc(stop: int | None, metres: int, stated: int) -> _Found:
    if metres < 0:
        yield stop, "is reached by an arc that is closed"
    elif metres != stated:
        yield stop, f"is {metres} m from the place before, the plan states {stated}"


def _inside(problem: RoutingProblem, stop: int, begin: int) -> bool:
    given = problem.stops
    windows = range(int(given.first_window[stop]), int(given.first_window[stop + 1]))
    return not windows or any(given.window_start[w] <= begin <= given.window_end[w] for w in windows)


def _ending(problem: RoutingProblem, route: PlannedRoute, place: int, now: int) -> _Found:
    vehicle = problem.vehicle_types[route.vehicle_type]
    metres = seconds = 0
    if vehicle.end_depot is not None:
        arc = place, int(problem.depot_place[vehicle.end_depot])
        metres, seconds = int(problem.metres[vehicle.profile][arc]), int(problem.seconds[vehicle.profile][arc])
    yield from _arc(None, metres, int(route.leg_metres[-1]))
    if route.end != now + seconds:
        yield None, f"ends at {route.end}, the way takes until {now + seconds}"


def _loads(problem: RoutingProblem, route: PlannedRoute) -> _Found:
    """Depot goods are aboard from the trip's start, pick-ups until its end, shipments from one end to the other."""
    first = 0
    for trip in np.split(route.stops, np.flatnonzero(route.stops == RELOAD)):
        stops = trip[trip != RELOAD].tolist()
        yield from _trip_loads(problem, route, stops, first)
        yield from _shipments(problem, stops)
        first += len(stops) + 1


def _trip_loads(problem: RoutingProblem, route: PlannedRoute, stops: list[int], first: int) -> _Found:
    given, capacity = problem.stops, np.array(problem.vehicle_types[route.vehicle_type].capacity)
    load = sum((given.delivery[s] for s in stops if given.partner[s] == ALONE), np.zeros(problem.dimensions, np.int64))
    for n, stop in enumerate([None, *stops], start=first):
        if stop is not None:
            load = load - given.delivery[stop] + given.pickup[stop]
        if (load > capacity).any():
            yield stop, f"load {load.tolist()} is above the capacity {capacity.tolist()}"
        if (load < 0).any() or (load != route.loads[n]).any():
            yield stop, f"states load {route.loads[n].tolist()}, it is {load.tolist()}"


def _shipments(problem: RoutingProblem, stops: list[int]) -> _Found:
    given, order = problem.stops, {stop: n for n, stop in enumerate(stops)}
    for stop in stops:
        other = int(given.partner[stop])
        if other != ALONE and (given.pickup[stop] > 0).any() and order.get(other, -1) < order[stop]:
            yield stop, f"is picked up, and {other} does not come after it on this trip"
        if other != ALONE and other not in order:
            yield stop, f"is on another trip than its partner {other}"


def _limits(problem: RoutingProblem, route: PlannedRoute) -> _Found:
    vehicle = problem.vehicle_types[route.vehicle_type]
    if route.start < vehicle.shift_start or route.end > vehicle.shift_end:
        yield None, f"runs {route.start} to {route.end}, the shift {vehicle.shift_start} to {vehicle.shift_end}"
    for name, used, most in (
        ("seconds", route.end - route.start, vehicle.max_seconds),
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
    way, time = int(route.leg_metres.sum()) * vehicle.cost_per_km / 1000, route.end - route.start
    late = max(time - vehicle.overtime_after, 0)
    cost = vehicle.fixed_cost + way + (time * vehicle.cost_per_hour + late * vehicle.overtime_per_hour) / 3600
    if abs(cost - route.cost) > COST_TOLERANCE * max(1.0, cost):
        yield None, f"states cost {route.cost:.6f}, its way and time cost {cost:.6f}"
