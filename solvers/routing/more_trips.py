"""Stops left out, put into the plan: into a trip or on one of their own, wherever that costs less than their price."""

from __future__ import annotations

from collections.abc import Iterator

from solvers.routing.problem import ALONE, RELOAD, RoutingPlan, RoutingProblem
from solvers.routing.schedule import excess_of, plan_of, planned_route

Sequences = list[tuple[int, list[int]]]


def with_more_trips(problem: RoutingProblem, plan: RoutingPlan) -> RoutingPlan:
    """Return the plan with the stops it leaves out that pay, the dearest first, each where it adds least.

    Local search opens a trip only by moving a stop that is on a route already; a stop that is on none needs this.
    """
    sequences = [(route.vehicle_type, route.stops.tolist()) for route in plan.routes]
    left = [int(stop) for stop in plan.unserved if problem.stops.partner[stop] == ALONE]
    for stop in sorted(left, key=lambda stop: (-problem.stops.price[stop], stop)):
        ways = [(cost, n, stops) for cost, n, stops in _ways(problem, sequences, stop)]
        cost, number, stops = min(ways, default=(problem.stops.price[stop], 0, []))
        if cost < problem.stops.price[stop]:
            sequences[number] = (sequences[number][0], stops)
    return plan_of(problem, sequences)


def _ways(problem: RoutingProblem, sequences: Sequences, stop: int) -> Iterator[tuple[float, int, list[int]]]:
    """Yield (added cost, route, new driving order) of every place for the stop that breaks no rule."""
    for number, (kind, stops) in enumerate(sequences):
        before = planned_route(problem, kind, 0, stops).cost
        for changed in _insertions(stops, stop):
            if not excess_of(problem, kind, changed).kinds():
                yield planned_route(problem, kind, 0, changed).cost - before, number, changed


def _insertions(stops: list[int], stop: int) -> Iterator[list[int]]:
    """Yield the orders with the stop at each place, and on a trip of its own before, between and after the trips."""
    for n in range(len(stops) + 1):
        yield [*stops[:n], stop, *stops[n:]]
    for n in (0, *(n + 1 for n, other in enumerate(stops) if other == RELOAD)):
        yield [*stops[:n], stop, RELOAD, *stops[n:]]
    yield [*stops, RELOAD, stop]
