"""Why a stop was left out, and the cheapest single thing that would let it in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Literal, TypeAlias

from solvers.routing.check import docks_broken
from solvers.routing.problem import ALONE, NO_LIMIT, RELOAD, RoutingPlan, RoutingProblem, VehicleType
from solvers.routing.schedule import Excess, excess_of, planned_route

Cause: TypeAlias = Literal[
    "load", "skills", "window", "limits", "vehicles", "price", "search", "partner", "break", "apart", "dock", "lock"
]
# What a broken rule is called where it alone keeps a stop out.
_CAUSES: Final[dict[str, Cause]] = {
    "apart": "apart",
    "breaks": "break",
    "loading": "dock",
    "locks": "lock",
    "release": "lock",
}

# Places on routes tried for one stop, those with the smallest detour first.
_PLACES_TRIED: Final = 40


@dataclass(frozen=True)
class Relaxation:
    """One rule loosened: what, on which vehicle type (None: the stop's own rule), by how much, at which route cost.

    kind : "vehicle" (one more), "load" (amount in dimension), "window" (seconds later), "shift", "seconds", "metres",
        "stops", "skills" (the type may serve it), "price" (worth it from this price on), "apart" (together after all),
        "breaks" (without), "loading" (at other times, or one door more), "locks" (the settled stops let go), "release"
        (seconds earlier), "none" (nothing single helps)
    route : number of the route it would join, None for one of its own
    cost : added cost of routes in minor units, fixed cost of another vehicle included
    """

    kind: str
    amount: int
    vehicle_type: int | None
    route: int | None
    cost: float
    dimension: int = 0


@dataclass(frozen=True)
class Reason:
    """Why `stop` is left out and what would let it in."""

    stop: int
    cause: Cause
    relaxation: Relaxation


def reasons_left_out(problem: RoutingProblem, plan: RoutingPlan) -> list[Reason]:
    """
    Return cause and cheapest single relaxation of every stop the plan leaves out.

    Causes, the first that holds: "partner" (one end of a shipment, not analysed), "skills" no type may serve it, "load"
    above every such type, "window" and "limits" a trip of its own breaks them from any depot, "vehicles" every vehicle
    is out and no route has room, "price" serving costs more than leaving out, "search" it would pay and was not found.
    "break", "apart", "dock" and "lock" where a break, goods on the trip that must not travel with it, times to load or
    doors, or what is settled of a route keeps it out.
    """
    return [_reason(problem, plan, int(stop)) for stop in plan.unserved]


def _reason(problem: RoutingProblem, plan: RoutingPlan, stop: int) -> Reason:
    if int(problem.stops.partner[stop]) != ALONE:
        return Reason(stop, "partner", Relaxation("none", 0, None, None, 0.0))
    served_by = [k for k, v in enumerate(problem.vehicle_types) if v.may_serve(stop) and v.available > 0]
    if not served_by:
        return Reason(stop, "skills", _cheapest(_alone(problem, stop, {"closed"})))
    alone = {k: excess_of(problem, k, [stop]) for k in served_by}
    if not any(excess.kinds() == set() for excess in alone.values()):
        return Reason(stop, _cause_alone(alone), _cheapest(_alone(problem, stop, None)))
    ways = list(_ways_in(problem, plan, stop, served_by))
    free = [way for way in ways if way.kind == "price"]
    if not free:
        cheapest = _cheapest(ways)
        return Reason(stop, _CAUSES.get(cheapest.kind, "vehicles"), cheapest)
    cheapest = _cheapest(free)
    if problem.docks and all(_needs_a_door(problem, plan, stop, way) for way in free):
        return Reason(stop, "dock", replace(cheapest, kind="loading", amount=1))
    return Reason(stop, "price" if cheapest.cost >= problem.stops.price[stop] else "search", cheapest)


def _cause_alone(alone: dict[int, Excess]) -> Cause:
    """Return the rule that every type breaks even on a trip for this stop only; the type with fewest faults decides."""
    kinds = min((excess.kinds() for excess in alone.values()), key=lambda kinds: (len(kinds), sorted(kinds)))
    if "load" in kinds:
        return "load"
    if "closed" in kinds or "window" in kinds:
        return "window"
    return next((_CAUSES[kind] for kind in sorted(kinds) if kind in _CAUSES), "limits")


def _cheapest(ways: list[Relaxation]) -> Relaxation:
    nothing = Relaxation("none", 0, None, None, 0.0)
    return min(ways, key=lambda way: (way.cost, way.amount), default=nothing)


def _alone(problem: RoutingProblem, stop: int, ignored: set[str] | None) -> list[Relaxation]:
    """Return what would make a trip for this stop only possible, one rule at a time."""
    found = []
    for kind, vehicle in enumerate(problem.vehicle_types):
        excess = excess_of(problem, kind, [stop])
        if ignored is not None and excess.kinds() <= ignored:
            cost = planned_route(problem, kind, 0, [stop]).cost
            found.append(Relaxation("skills", 1, kind, None, cost))
        elif vehicle.may_serve(stop):
            found += _single(problem, excess, kind, None, (stop, _way_cost(problem, kind, [stop])))
    return found


def _ways_in(problem: RoutingProblem, plan: RoutingPlan, stop: int, served_by: list[int]) -> Iterator[Relaxation]:
    """Yield each way into the plan that needs one rule loosened at most; kind "price" needs none."""
    used = [sum(route.vehicle_type == k for route in plan.routes) for k in range(len(problem.vehicle_types))]
    for kind in served_by:
        if not excess_of(problem, kind, [stop]).kinds():
            free = used[kind] < problem.vehicle_types[kind].available
            cost = planned_route(problem, kind, 0, [stop]).cost
            yield Relaxation("price" if free else "vehicle", int(not free), kind, None, cost)
    for _, number, position in sorted(_detours(problem, plan, stop))[:_PLACES_TRIED]:
        route = plan.routes[number]
        kind, before = route.vehicle_type, route.stops.tolist()
        stops = [*before[:position], stop, *before[position:]]
        excess = excess_of(problem, kind, stops)
        if not excess.kinds():
            yield Relaxation("price", 0, kind, number, planned_route(problem, kind, 0, stops).cost - route.cost)
        else:
            added = _way_cost(problem, kind, stops) - _way_cost(problem, kind, before)
            yield from _single(problem, excess, kind, number, (stop, added))


def _needs_a_door(problem: RoutingProblem, plan: RoutingPlan, stop: int, way: Relaxation) -> bool:
    """Return whether this way in needs more doors than there are, at the times the routes have."""
    routes = list(plan.routes)
    if way.route is None:
        routes.append(planned_route(problem, way.vehicle_type or 0, 0, [stop]))
    else:
        route = routes[way.route]
        order = route.stops.tolist()
        orders = [[*order[:n], stop, *order[n:]] for n in range(len(order) + 1)]
        fits = [o for o in orders if not excess_of(problem, route.vehicle_type, o).kinds()]
        changed = [planned_route(problem, route.vehicle_type, route.vehicle, o) for o in fits]
        routes[way.route] = min(changed, key=lambda route: route.cost, default=route)
    return any(docks_broken(problem, replace(plan, routes=tuple(routes))))


def _detours(problem: RoutingProblem, plan: RoutingPlan, stop: int) -> Iterator[tuple[int, int, int]]:
    """Yield (added metres, route, position) of every place on a route whose vehicle may serve the stop."""
    for number, route in enumerate(plan.routes):
        vehicle = problem.vehicle_types[route.vehicle_type]
        if not vehicle.may_serve(stop):
            continue
        metres = problem.metres[vehicle.profile]
        places = _places(problem, vehicle, route.stops.tolist())
        here = problem.stops.place[stop]
        for n, (a, b) in enumerate(pairwise(places)):
            yield int(metres[a, here]) + int(metres[here, b]) - int(metres[a, b]), number, n
        if vehicle.end_depot is None:
            yield int(metres[places[-1], here]), number, len(route.stops)


def _way_cost(problem: RoutingProblem, kind: int, stops: list[int]) -> float:
    """Return the cost of a route with its windows and limits ignored: fixed cost, way and time without waiting."""
    vehicle, given = problem.vehicle_types[kind], problem.stops
    places = _places(problem, vehicle, stops)
    arcs = places[:-1], places[1:]
    service = sum(vehicle.reload_seconds if stop == RELOAD else int(given.service_seconds[stop]) for stop in stops)
    seconds = int(problem.least_seconds[vehicle.profile][arcs].sum()) + service
    return vehicle.cost(int(problem.metres[vehicle.profile][arcs].sum()), seconds)


def _places(problem: RoutingProblem, vehicle: VehicleType, stops: list[int]) -> list[int]:
    """Return the places of a route from its depot on, its end too where it has one."""
    depot = int(problem.depot_place[vehicle.depot])
    places = [depot, *(depot if stop == RELOAD else int(problem.stops.place[stop]) for stop in stops)]
    return places if vehicle.end_depot is None else [*places, int(problem.depot_place[vehicle.end_depot])]


def _single(
    problem: RoutingProblem, excess: Excess, kind: int, route: int | None, way: tuple[int, float]
) -> Iterator[Relaxation]:
    """Yield the relaxation that would do when exactly one rule is broken, and the window only of the stop itself."""
    (stop, cost), kinds = way, excess.kinds()
    if len(kinds) != 1 or "closed" in kinds:
        return
    if kinds == {"load"}:
        over = [d for d, amount in enumerate(excess.load) if amount > 0]
        if len(over) == 1:
            yield Relaxation("load", excess.load[over[0]], kind, route, cost, over[0])
    elif kinds == {"window"}:
        if set(excess.late) == {stop}:
            yield Relaxation("window", excess.late[stop], None, route, cost)
    else:
        name = kinds.pop()
        amount = min(int(getattr(excess, name)), NO_LIMIT)
        yield Relaxation(name, amount, kind, route, cost)
