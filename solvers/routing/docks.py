"""Doors of depots: every vehicle gets times to load of its own, so that no two ever meet at one door."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np

from solvers.outcome import Limit
from solvers.routing.problem import NO_LIMIT, RELOAD, PlannedRoute, RoutingPlan, RoutingProblem, VehicleType, Work
from solvers.routing.schedule import excess_of, plan_of, planned_route
from solvers.routing.solve import Answer

# How often the times are dealt out anew from the last plan.
_DEALS: Final = 4
# When nobody can load.
_BEFORE_ALL_TIME: Final = (-NO_LIMIT, -NO_LIMIT)
Sequences: TypeAlias = tuple[tuple[int, tuple[int, ...]], ...]
Interval: TypeAlias = tuple[int, int]
# (vehicle type, number among its type)
Vehicle: TypeAlias = tuple[int, int]
Search: TypeAlias = Callable[[RoutingProblem, Work], tuple[Sequences, bool, Limit]]


@dataclass(frozen=True)
class _Loading:
    """A loading as a plan has it: whose, from when to when, and whether it may be earlier too."""

    vehicle: Vehicle
    begin: int
    seconds: int
    first: bool


def docked_engine(problem: RoutingProblem, work: Work, search: Search) -> Answer:
    """Return the best plan of rounds in which each vehicle loads at times of its own only.

    The first round knows when any door is open; each later one deals the doors' time out among the loadings of the last
    plan, so that whatever is found then needs no more doors than there are.
    """
    share = replace(
        work,
        iterations=None if work.iterations is None else max(work.iterations // (_DEALS + 1), 1),
        seconds=None if work.seconds is None else work.seconds / (_DEALS + 1),
    )
    open_hours = replace(
        problem,
        docks=(),
        vehicle_types=tuple(
            replace(v, loading=_both(v, _union(_doors(problem, v.depot)))) for v in problem.vehicle_types
        ),
    )
    sequences, _, limit = search(open_hours, share)
    found = [(kind, 0, list(stops)) for kind, stops in sequences]
    routes, best = _numbered(open_hours, found), None
    for _ in range(_DEALS):
        dealt, vehicles = _dealt(problem, open_hours, routes)
        if dealt is None:
            break
        start = _drivable(dealt, vehicles, routes)
        sequences, complete, limit = search(dealt, replace(share, start=start))
        routes = [(*vehicles[kind], list(stops)) for kind, stops in sequences]
        plan = _relabelled(problem, plan_of(dealt, sequences), vehicles)
        if complete and (best is None or plan.cost < best.cost):
            best = plan
    return Answer(best, limit)


def _numbered(problem: RoutingProblem, routes: list[tuple[int, int, list[int]]]) -> list[tuple[int, int, list[int]]]:
    """Return the routes with the vehicles of each type numbered."""
    used: dict[int, int] = {}
    numbered = []
    for kind, _, stops in routes:
        numbered.append((kind, used.get(kind, 0), stops))
        used[kind] = used.get(kind, 0) + 1
    return numbered


def _doors(problem: RoutingProblem, depot: int) -> list[Interval]:
    """Return when each door is open; slots that follow each other are one door's as far as there are doors."""
    doors: list[Interval] = []
    for dock in sorted(problem.docks, key=lambda dock: (dock.start, dock.end)):
        if dock.depot != depot:
            continue
        for _ in range(dock.doors):
            before = next((n for n, (_, end) in enumerate(doors) if end == dock.start), None)
            if before is None:
                doors.append((dock.start, dock.end))
            else:
                doors[before] = (doors[before][0], dock.end)
    return doors


def _union(intervals: list[Interval]) -> list[Interval]:
    """Return the intervals with those that overlap as one."""
    joined: list[Interval] = []
    for start, end in sorted(intervals):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _has_doors(problem: RoutingProblem, vehicle: VehicleType) -> bool:
    return any(dock.depot == vehicle.depot for dock in problem.docks)


def _at_open_doors(problem: RoutingProblem, vehicle: VehicleType) -> VehicleType:
    """Return the vehicle with its times to load cut to when some door of its depot is open."""
    if not _has_doors(problem, vehicle):
        return vehicle
    return replace(vehicle, loading=_both(vehicle, _union(_doors(problem, vehicle.depot))))


def _both(vehicle: VehicleType, intervals: list[Interval]) -> tuple[Interval, ...]:
    """Return the intervals inside the vehicle's own times to load, those long enough for one."""
    cut = [(max(start, a), min(end, b)) for start, end in intervals for a, b in vehicle.loading or ((start, end),)]
    return tuple(i for i in cut if i[1] - i[0] >= vehicle.reload_seconds) or (_BEFORE_ALL_TIME,)


def _dealt(
    problem: RoutingProblem, hours: RoutingProblem, routes: Sequence[tuple[int, int, list[int]]]
) -> tuple[RoutingProblem | None, list[Vehicle]]:
    """Return the problem in which each vehicle is a type of its own with its own times to load, and the vehicles.

    None where no vehicle can load.
    """
    times: dict[Vehicle, list[Interval]] = {}
    used = {(kind, number) for kind, number, _ in routes}
    for depot in range(len(problem.depot_place)):
        doors = _doors(problem, depot)
        loadings = [
            loading
            for kind, number, stops in routes
            if problem.vehicle_types[kind].depot == depot
            for loading in _loadings(hours, (kind, number), stops)
        ]
        spare = [
            (kind, number)
            for kind, vehicle in enumerate(problem.vehicle_types)
            if vehicle.depot == depot
            for number in range(min(vehicle.available, problem.stops.count))
            if (kind, number) not in used
        ]
        for vehicle, interval in _shared(doors, loadings, spare, problem):
            times.setdefault(vehicle, []).append(interval)
    free = {k for k, v in enumerate(problem.vehicle_types) if not _has_doors(problem, v)}
    vehicles = sorted(used | set(times) | {(k, n) for k in free for n in range(_count(problem, k))})
    types = tuple(
        replace(
            problem.vehicle_types[kind],
            available=1,
            loading=problem.vehicle_types[kind].loading
            if kind in free
            else _both(problem.vehicle_types[kind], sorted(times.get((kind, number), []))),
        )
        for kind, number in vehicles
    )
    return replace(problem, docks=(), vehicle_types=types) if types else None, vehicles


def _count(problem: RoutingProblem, kind: int) -> int:
    return min(problem.vehicle_types[kind].available, problem.stops.count)


def _loadings(problem: RoutingProblem, vehicle: Vehicle, stops: list[int]) -> list[_Loading]:
    """Return the loadings of a route that are not past."""
    kind = problem.vehicle_types[vehicle[0]]
    route: PlannedRoute = planned_route(problem, vehicle[0], vehicle[1], stops)
    found = []
    if not kind.driven:
        found.append(_Loading(vehicle, route.start - kind.reload_seconds, kind.reload_seconds, True))
    for n in np.flatnonzero(route.stops == RELOAD).tolist():
        if n + 1 >= len(kind.driven):
            found.append(_Loading(vehicle, int(route.begin[n]), kind.reload_seconds, False))
    return found


def _shared(
    doors: list[Interval], loadings: list[_Loading], spare: list[Vehicle], problem: RoutingProblem
) -> list[tuple[Vehicle, Interval]]:
    """Return each door's time cut into one piece a loading; a long rest is for a vehicle that stays at home so far.

    Loadings between trips are placed first, as early as they can be; those before the start as late as they are
    planned or earlier, the latest first: a start may be earlier at the price of waiting.
    """
    placed: list[list[tuple[int, int, Vehicle]]] = [[] for _ in doors]
    order = sorted((x for x in loadings if not x.first), key=lambda x: (x.begin, x.vehicle))
    order += sorted((x for x in loadings if x.first), key=lambda x: (-x.begin, x.vehicle))
    for loading in order:
        options = [
            (abs(begin - loading.begin), n, begin)
            for n, door in enumerate(doors)
            for begin in _free_begins(door, placed[n], loading)
        ]
        if options:
            _, n, begin = min(options)
            placed[n] = sorted([*placed[n], (begin, begin + loading.seconds, loading.vehicle)])
    pieces, waiting = [], list(spare)
    for door, taken in zip(doors, placed, strict=True):
        cuts = [door[0], *((a[1] + b[0]) // 2 for a, b in pairwise(taken)), door[1]]
        if taken and waiting:
            seconds = problem.vehicle_types[waiting[0][0]].reload_seconds
            rest = (taken[-1][1] + door[1]) // 2
            if door[1] - rest > seconds:
                cuts[-1] = rest
                pieces.append((waiting.pop(0), (rest, door[1])))
        elif waiting:
            pieces.append((waiting.pop(0), door))
        pieces += [(entry[2], (cuts[n], cuts[n + 1])) for n, entry in enumerate(taken)]
    return pieces


def _free_begins(door: Interval, taken: list[tuple[int, int, Vehicle]], loading: _Loading) -> list[int]:
    """Return the begins nearest to the planned one in each gap of the door that is long enough."""
    edges = [door[0], *(edge for begin, end, _ in taken for edge in (begin, end)), door[1]]
    found = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        last = end - loading.seconds
        if last >= start:
            begin = min(max(loading.begin, start), last)
            if loading.first or begin >= loading.begin:
                found.append(begin)
    return found


def _drivable(
    problem: RoutingProblem, vehicles: list[Vehicle], routes: Sequence[tuple[int, int, list[int]]]
) -> Sequences:
    """Return the routes in the new types' numbers, those only that can be driven so; what is settled always."""
    number = {vehicle: n for n, vehicle in enumerate(vehicles)}
    chosen = [(number[kind, vehicle], tuple(stops)) for kind, vehicle, stops in routes]
    return tuple((kind, stops) for kind, stops in chosen if stops and not excess_of(problem, kind, stops).kinds())


def _relabelled(problem: RoutingProblem, plan: RoutingPlan, vehicles: list[Vehicle]) -> RoutingPlan:
    """Return the plan in the types of the problem, vehicles numbered in the order of their stops."""
    routes = sorted(
        ((vehicles[route.vehicle_type][0], route.stops.tolist(), route) for route in plan.routes), key=lambda r: r[:2]
    )
    used: dict[int, int] = {}
    relabelled = []
    for kind, _, route in routes:
        relabelled.append(replace(route, vehicle_type=kind, vehicle=used.get(kind, 0)))
        used[kind] = used.get(kind, 0) + 1
    return replace(plan, routes=tuple(relabelled))
