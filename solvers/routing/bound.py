"""A lower bound on the cost of any plan, cheap and valid, with its strength stated."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from solvers.model import Vector
from solvers.routing.problem import ALONE, FORBIDDEN, MUST, NO_LIMIT, RELOAD, IntArray, RoutingProblem, VehicleType

Dense: TypeAlias = npt.NDArray[np.float64]
_Row: TypeAlias = Callable[[int], Vector]

# Beyond these numbers of stops a relaxation is left out; the others still hold.
LARGEST_ASSIGNMENT: Final = 1200
LARGEST_TREE: Final = 3500
_TREE_WORK: Final = 1.5e8
_MOST_TREES: Final = 250
_FIRST_STEP: Final = 0.04
_LAST_STEP: Final = 0.0005
_ROWS_AT_ONCE: Final = 256

_NEAREST: Final = "nearest neighbour of each stop: weak"
_RADIAL: Final = "radial: ways between the stops of a route are free"
_ASSIGNMENT: Final = "assignment relaxation: subtours and loads along the way are free"
_TREE: Final = "spanning tree with Lagrangian degrees: loads along the way are free"


@dataclass(frozen=True)
class LowerBound:
    """No plan costs less than `value` (minor units); inf proves that none exists. `strength` says what it rests on."""

    value: float
    strength: str


@dataclass(frozen=True, eq=False)
class _Arcs:
    """Cheapest cost of every step over all vehicles that may take it; inf where none can.

    between : from stop to stop, shape (n, n); start, end : from and to depots, shape (n,); node : service, shape (n,)
    first_fixed : start with the cheapest fixed cost of a vehicle that may take that first stop, shape (n,)
    """

    between: Dense
    start: Vector
    end: Vector
    node: Vector
    first_fixed: Vector


def lower_bound(problem: RoutingProblem, effort: float = 1.0) -> LowerBound:
    r"""
    Return the best of four relaxations, each with the cost of enough vehicles.

    Sets
        i, j in stops; K trips at least, from the loads that must be carried
    Relaxations
        nearest     each stop pays its cheapest arc in, the K cheapest ends
        assignment  each stop has one predecessor and one successor, >= K routes leave and return; subtours allowed
        radial      a route with load L <= Q costs at least sum_i q_i / Q (F + way to i and back)
        tree        start arcs and arcs between stops span all stops, K or more ends return; each stop has degree 2
                    in the Lagrangian sense: max over u of  min sum (c_ij + u_i + u_j) - 2 sum u
    effort : share of the tree's steps to take, 0..1; fewer make the bound weaker, never wrong.

    A stop that may be left out counts at its price where that is less; the tree is used only where none may.

    Windows enter only pair by pair: an arc is closed when even the earliest departure comes too late. Arcs take what
    they take at their best hour; breaks, doors and goods apart are free. Fixed costs are
    those of the cheapest fleet, in fractions, that carries the total load, or inside the assignment's start arcs.

    Haimovich, Rinnooy Kan (1985), Mathematics of Operations Research 10(4), radial; Fisher (1994), Operations
    Research 42(4), trees; Toth, Vigo (2014), chapter 2, assignment.
    """
    if problem.stops.count == 0:
        return LowerBound(0.0, "no stops")
    problem = _without_facts(problem)
    vehicles = [v for v in problem.vehicle_types if v.available > 0]
    if not vehicles:
        must = bool((problem.stops.price == MUST).any())
        return LowerBound(math.inf if must else float(problem.stops.price.sum()), "no vehicle: all is left out")
    found = _relaxations(problem, vehicles, effort)
    strength, value = max(found.items(), key=lambda item: item[1])
    return LowerBound(value, strength)


def _without_facts(problem: RoutingProblem) -> RoutingProblem:
    """Return the problem without what nobody asks of settled stops, and without costs that were driven otherwise."""
    settled = {stop for v in problem.vehicle_types for stop in v.prefix} - {RELOAD}
    if not settled:
        return problem
    stops, chosen = problem.stops, np.zeros(problem.stops.count, bool)
    chosen[sorted(settled)] = True
    window = np.stack([np.where(chosen, 0, stops.earliest()), np.where(chosen, NO_LIMIT, stops.latest())], axis=1)
    types = tuple(
        replace(v, cost_per_hour=0.0, shift_start=min(v.shift_start, v.driven[0])) if v.driven else v
        for v in problem.vehicle_types
    )
    windows = {"first_window": np.arange(stops.count + 1), "window_start": window[:, 0], "window_end": window[:, 1]}
    problem = problem.with_stops(**windows, release=np.where(chosen, 0, stops.release))
    return replace(problem, vehicle_types=types)


def _relaxations(problem: RoutingProblem, vehicles: list[VehicleType], effort: float) -> dict[str, float]:
    """Return the value of each relaxation that the size allows, by its strength in words."""
    routes, fleet = _fewest_routes(problem, vehicles), _cheapest_fleet(problem, vehicles)
    if problem.stops.count > LARGEST_TREE:
        found = {_NEAREST: fleet + _nearest_in_blocks(problem, vehicles)}
        if effort == 1.0:
            found[_RADIAL] = _radial(problem, vehicles)
        return found
    arcs = _arcs(problem, vehicles)
    found = {_NEAREST: fleet + _nearest(problem, arcs, routes), _RADIAL: _radial(problem, vehicles)}
    if problem.stops.count <= LARGEST_ASSIGNMENT:
        price = problem.stops.price
        without = fleet + _assignment(arcs, arcs.start, price, routes)
        found[_ASSIGNMENT] = max(without, _assignment(arcs, arcs.first_fixed, price, routes))
    if (problem.stops.price == MUST).all():
        found[_TREE] = fleet + _tree(arcs, routes, effort)
    return found


def _must_loads(problem: RoutingProblem) -> IntArray:
    """Return the totals to be brought and to be fetched, by dimension, of depot goods that must move, shape (2, d)."""
    stops = problem.stops
    must = (stops.price == MUST) & (stops.partner == ALONE)
    return np.stack([stops.delivery[must].sum(axis=0), stops.pickup[must].sum(axis=0)])


def _fewest_routes(problem: RoutingProblem, vehicles: list[VehicleType]) -> int:
    """Return how many trips of the largest vehicles the loads need, and the stops by the limit on stops."""
    fewest = 1 if (problem.stops.price == MUST).any() else 0
    for totals in _must_loads(problem):
        for d, total in enumerate(totals):
            sizes = [(v.capacity[d], v.available * (1 + v.max_reloads)) for v in vehicles]
            fewest = max(fewest, _vehicles_for(int(total), sizes))
    stops = int((problem.stops.price == MUST).sum())
    return max(fewest, _vehicles_for(stops, [(min(v.max_stops, NO_LIMIT), v.available) for v in vehicles]))


def _vehicles_for(total: int, sizes: list[tuple[int, int]]) -> int:
    count = 0
    for size, available in sorted(sizes, reverse=True):
        if total <= 0 or size == 0:
            break
        taken = min(available, -(-total // size))
        total, count = total - taken * size, count + taken
    return count


def _cheapest_fleet(problem: RoutingProblem, vehicles: list[VehicleType]) -> float:
    """Return the least fixed cost that carries the loads, vehicles in fractions: dearest dimension wins."""
    routes = _fewest_routes(problem, vehicles)
    best = routes * min(v.fixed_cost_of_a_trip for v in vehicles)
    for totals in _must_loads(problem):
        for d, total in enumerate(totals):
            left, cost = float(total), 0.0
            useful = [v for v in vehicles if v.capacity[d] > 0]
            for v in sorted(useful, key=lambda v: v.fixed_cost_of_a_trip / v.capacity[d]):
                taken = min(left, float(v.capacity[d]) * v.available * (1 + v.max_reloads))
                left, cost = left - taken, cost + taken * v.fixed_cost_of_a_trip / v.capacity[d]
            best = max(best, cost)
    return best


def _arcs(problem: RoutingProblem, vehicles: list[VehicleType]) -> _Arcs:
    n, stops = problem.stops.count, problem.stops
    start, end, fixed = (np.full(n, np.inf) for _ in range(3))
    arcs = _Arcs(np.full((n, n), np.inf), start, end, _service(problem, vehicles), fixed)
    for vehicle in vehicles:
        start, end = _depot_arcs(problem, vehicle)
        np.minimum(arcs.start, start, out=arcs.start)
        np.minimum(arcs.first_fixed, start + vehicle.fixed_cost_of_a_trip, out=arcs.first_fixed)
        np.minimum(arcs.end, end, out=arcs.end)
    for vehicle in _different(vehicles):
        np.minimum(arcs.between, _between(problem, vehicle, np.arange(n)), out=arcs.between)
    shipped = stops.partner != ALONE
    picks, drops = shipped & (stops.pickup > 0).any(axis=1), shipped & (stops.delivery > 0).any(axis=1)
    arcs.start[drops] = arcs.first_fixed[drops] = arcs.end[picks] = np.inf
    arcs.between[np.flatnonzero(drops), stops.partner[drops]] = np.inf
    return arcs


def _service(problem: RoutingProblem, vehicles: list[VehicleType]) -> Vector:
    """Return the least cost of the service time at each stop, shape (n,); inf where no vehicle may serve it."""
    costs = [
        np.where(_allowed(problem, v), problem.stops.service_seconds * v.cost_per_hour / 3600, np.inf) for v in vehicles
    ]
    return np.asarray(np.min(costs, axis=0), np.float64)


def _different(vehicles: list[VehicleType]) -> list[VehicleType]:
    """Return one vehicle of each kind of arc cost, so that a long list of like types costs one pass."""
    seen: dict[tuple[object, ...], VehicleType] = {}
    for v in vehicles:
        mask = None if v.allowed is None else v.allowed.tobytes()
        seen.setdefault((v.profile, v.cost_per_km, v.cost_per_hour, mask), v)
    return list(seen.values())


def _allowed(problem: RoutingProblem, vehicle: VehicleType) -> npt.NDArray[np.bool_]:
    return np.ones(problem.stops.count, bool) if vehicle.allowed is None else vehicle.allowed


def _between(problem: RoutingProblem, vehicle: VehicleType, rows: IntArray, columns: IntArray | None = None) -> Dense:
    """Return the cost from the stops `rows` to `columns` (all stops); inf where the pair cannot be driven in time."""
    stops = problem.stops
    to = np.arange(stops.count) if columns is None else columns
    block = np.ix_(stops.place[rows], stops.place[to])
    metres, seconds = (
        problem.metres[vehicle.profile][block],
        problem.least_seconds[vehicle.profile][block].astype(np.int64),
    )
    seconds += stops.setup_seconds[to] * (stops.place[rows][:, None] != stops.place[to])
    cost = metres * (vehicle.cost_per_km / 1000) + seconds * (vehicle.cost_per_hour / 3600)
    leave = stops.earliest()[rows] + stops.service_seconds[rows]
    allowed = _allowed(problem, vehicle)
    late = leave[:, None] + seconds > stops.latest()[to]
    cost[(metres == FORBIDDEN) | late | ~allowed[to] | ~allowed[rows][:, None] | (rows[:, None] == to)] = np.inf
    return np.asarray(cost, np.float64)


def _depot_arcs(problem: RoutingProblem, vehicle: VehicleType) -> tuple[Vector, Vector]:
    """Return the cost from its depot to each stop and from each stop to its end, shape (n,)."""
    stops, metres, seconds = problem.stops, problem.metres[vehicle.profile], problem.least_seconds[vehicle.profile]
    per_metre, per_second = vehicle.cost_per_km / 1000, vehicle.cost_per_hour / 3600
    depot = int(problem.depot_place[vehicle.depot])
    way, time = metres[depot, stops.place], seconds[depot, stops.place].astype(np.int64)
    time = time + stops.setup_seconds * (stops.place != depot)
    start = np.asarray(way * per_metre + time * per_second, np.float64)
    first = np.maximum(vehicle.shift_start, stops.release)
    shut = (way == FORBIDDEN) | ~_allowed(problem, vehicle) | (first + time > stops.latest())
    start[shut] = np.inf
    if vehicle.end_depot is None:
        return start, np.zeros(stops.count)
    # A trip ends where the route ends, or where the vehicle loads again.
    ends = {vehicle.end_depot} | ({vehicle.depot} if vehicle.max_reloads else set())
    end = np.full(stops.count, np.inf)
    for depot in problem.depot_place[sorted(ends)].tolist():
        way = metres[stops.place, depot]
        cost = np.asarray(way * per_metre + seconds[stops.place, depot] * per_second, np.float64)
        np.minimum(end, np.where(way == FORBIDDEN, np.inf, cost), out=end)
    return start, end


def _nearest(problem: RoutingProblem, arcs: _Arcs, routes: int) -> float:
    into = np.minimum(arcs.between.min(axis=0), arcs.start) + arcs.node
    must = problem.stops.price == MUST
    ends = np.sort(arcs.end)[:routes].sum() if must.any() else 0.0
    return float(np.minimum(into, problem.stops.price).sum() + ends)


def _radial(problem: RoutingProblem, vehicles: list[VehicleType]) -> float:
    """Return the sum of each stop's share, by load, of a trip to it and back; the best dimension and direction."""
    stops = problem.stops
    trips, node = _trips(problem, vehicles), _service(problem, vehicles)
    best = 0.0
    for loads in (stops.delivery, stops.pickup):
        for d in range(problem.dimensions):
            load = np.where(stops.partner == ALONE, loads[:, d], 0)
            share = np.full(stops.count, np.inf)
            for vehicle, trip in zip(vehicles, trips, strict=True):
                if vehicle.capacity[d] > 0:
                    np.minimum(share, (vehicle.fixed_cost_of_a_trip + trip) / vehicle.capacity[d], out=share)
            cost = np.where(load > 0, load * np.where(load > 0, share, 0.0), 0.0) + node
            best = max(best, float(np.minimum(cost, stops.price).sum()))
    return best


def _trips(problem: RoutingProblem, vehicles: list[VehicleType]) -> list[Vector]:
    """Return for each vehicle the cheapest way to each stop and back over any stops, each shape (n,)."""
    known: dict[tuple[object, ...], Vector] = {}
    result = []
    for v in vehicles:
        mask = None if v.allowed is None else v.allowed.tobytes()
        key = (v.profile, v.cost_per_km, v.cost_per_hour, mask, v.depot, v.end_depot, v.shift_start)
        if key not in known:
            start, end = _depot_arcs(problem, v)
            out, back = _steps(problem, v)
            known[key] = _cheapest_ways(start, out) + _cheapest_ways(end, back)
        result.append(known[key])
    return result


def _steps(problem: RoutingProblem, vehicle: VehicleType) -> tuple[_Row, _Row]:
    """Return the cost from one stop to all, and from all to one; made row by row where a matrix would be large."""
    every = np.arange(problem.stops.count)
    if len(every) <= LARGEST_TREE:
        dense = _between(problem, vehicle, every)
        return dense.__getitem__, dense.T.__getitem__

    def out(stop: int) -> Vector:
        return np.asarray(_between(problem, vehicle, np.array([stop]))[0], np.float64)

    def back(stop: int) -> Vector:
        return np.asarray(_between(problem, vehicle, every, np.array([stop]))[:, 0], np.float64)

    return out, back


def _cheapest_ways(first: Vector, step: _Row) -> Vector:
    """Return the cheapest way to each stop when reaching stop i directly costs first[i]. Dijkstra (1959)."""
    cost, done = first.copy(), np.zeros(len(first))
    for _ in range(len(first)):
        stop = int(np.argmin(cost + done))
        done[stop] = np.inf
        np.minimum(cost, cost[stop] + step(stop), out=cost)
    return cost


def _nearest_in_blocks(problem: RoutingProblem, vehicles: list[VehicleType]) -> float:
    """Return the cheapest arc into each stop, summed, without ever holding all arcs."""
    n = problem.stops.count
    into = np.full(n, np.inf)
    for vehicle in vehicles:
        np.minimum(into, _depot_arcs(problem, vehicle)[0], out=into)
    for vehicle in _different(vehicles):
        for first in range(0, n, _ROWS_AT_ONCE):
            rows = np.arange(first, min(first + _ROWS_AT_ONCE, n))
            np.minimum(into, _between(problem, vehicle, rows).min(axis=0), out=into)
    return float(np.minimum(into, problem.stops.price).sum())


def _assignment(arcs: _Arcs, start: Vector, price: Vector, routes: int) -> float:
    """Return the cheapest assignment of predecessors; `routes` of them are the depot for certain, more may be."""
    n = len(start)
    through_depot = arcs.end[:, None] + start[None, :]
    steps = np.minimum(arcs.between, through_depot) + arcs.node
    np.fill_diagonal(steps, np.minimum(np.diagonal(steps), price))
    full = np.full((n + routes, n + routes), np.inf)
    full[:n, :n] = steps
    full[:n, n:] = arcs.end[:, None]
    full[n:, :n] = start + arcs.node
    finite = full[np.isfinite(full)]
    # Dearer than any assignment without it, so that it is taken only where nothing else is left.
    closed = 1.0 + float(finite.max(initial=0.0)) * (len(full) + 1)
    full[~np.isfinite(full)] = closed
    rows, columns = linear_sum_assignment(full)
    value = float(full[rows, columns].sum())
    return math.inf if value >= closed else value


def _tree(arcs: _Arcs, routes: int, effort: float) -> float:
    """Return the best Lagrangian value over a fixed number of subgradient steps."""
    n = len(arcs.start)
    weight = np.minimum(arcs.between, arcs.between.T)
    if not np.isfinite(arcs.start).any() or not np.isfinite(arcs.end).sum() >= routes:
        return math.inf
    trees = int(np.clip(_TREE_WORK * effort / n**2, 10, _MOST_TREES))
    multiplier, balance, best = np.zeros(n), 0.0, -math.inf
    direction, turn, scale = np.zeros(n), 0.0, 0.0
    for k in range(trees):
        value, degree, starts = _spanning_tree(weight, arcs.start + balance, multiplier)
        chosen = _ends(arcs.end + multiplier - balance, routes)
        value += float((arcs.end + multiplier - balance)[chosen].sum()) - 2.0 * float(multiplier.sum())
        best = max(best, value)
        degree = degree + chosen - 2
        scale = scale or abs(value) / n
        # Camerini, Fratta, Maffioli (1975): a part of the last direction damps the zigzag.
        direction, turn = degree + 0.5 * direction, (starts - int(chosen.sum())) + 0.5 * turn
        step = scale * _FIRST_STEP * (_LAST_STEP / _FIRST_STEP) ** (k / trees) * 5
        multiplier, balance = multiplier + step * direction, balance + step * turn / max(routes, 1)
    return best + float(arcs.node.sum()) if math.isfinite(best) else best


def _ends(cost: Vector, routes: int) -> npt.NDArray[np.bool_]:
    """Return which stops end a route: the `routes` cheapest, and any that pays for itself."""
    chosen = cost < 0
    chosen[np.argsort(cost, kind="stable")[:routes]] = True
    return chosen


def _spanning_tree(weight: Dense, start: Vector, multiplier: Vector) -> tuple[float, Vector, int]:
    """Return value, degrees of the stops and number of start arcs of the cheapest tree rooted at the depots.

    Prim (1957). Degrees are shape (n,).
    """
    n = len(start)
    nearest, parent = start + multiplier, np.full(n, -1)
    degree, value, starts = np.zeros(n), 0.0, 0
    outside = np.zeros(n)
    for _ in range(n):
        stop = int(np.argmin(nearest + outside))
        value += float(nearest[stop])
        degree[stop] += 1
        if parent[stop] < 0:
            starts += 1
        else:
            degree[parent[stop]] += 1
        outside[stop] = np.inf
        way = weight[stop] + (multiplier + multiplier[stop])
        closer = way < nearest
        nearest[closer], parent[closer] = way[closer], stop
    return value, degree, starts
