"""What a stop adds to the cost of its route."""

from collections.abc import Iterator
from typing import NamedTuple

from optimizer.routing.day import Day
from solvers.routing.problem import ALONE, RELOAD, RoutingPlan
from solvers.routing.schedule import excess_of, planned_route


class Sequence(NamedTuple):
    """The stops of a route in driving order: vehicle type, number of the vehicle among them, stops."""

    kind: int
    vehicle: int
    stops: list[int]


def sequences_of(plan: RoutingPlan) -> list[Sequence]:
    """Return the routes of a plan without their times."""
    return [Sequence(route.vehicle_type, route.vehicle, route.stops.tolist()) for route in plan.routes]


def added_costs(day: Day, sequences: list[Sequence]) -> dict[str, float]:
    """Return what each stop adds to the cost of its route, minor units: the route with it, less the route without.

    A shipment's two ends count together, at either.
    """
    names = list(day.found.stops["stop_id"])
    return {names[stop]: cost for one in sequences for stop, cost in _added(day, one.kind, one.stops)}


def _added(day: Day, kind: int, stops: list[int]) -> Iterator[tuple[int, float]]:
    whole = route_cost(day, kind, stops)
    for stop in stops:
        if stop != RELOAD and whole is not None:
            without = route_cost(day, kind, _removed(day, stops, stop))
            yield stop, whole - (0.0 if without is None else without)


def _removed(day: Day, stops: list[int], stop: int) -> list[int]:
    """Return a route without a stop and its partner, and without trips that bring nothing then."""
    gone = {stop, int(day.problem.stops.partner[stop])} - {ALONE}
    kept: list[int] = []
    for one in stops:
        if one not in gone and not (one == RELOAD and (not kept or kept[-1] == RELOAD)):
            kept.append(one)
    return kept[:-1] if kept and kept[-1] == RELOAD else kept


def route_cost(day: Day, kind: int, stops: list[int]) -> float | None:
    """Return the cost of a route whatever is locked, minor units, 0 without stops, None where it cannot be driven."""
    if not stops:
        return 0.0
    if excess_of(day.problem, kind, stops).kinds() - {"locks"}:
        return None
    return float(planned_route(day.problem, kind, 0, stops).cost)
