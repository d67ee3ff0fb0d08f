"""Small routing problems, and their optimum found by trying everything."""

from itertools import pairwise, permutations

import numpy as np

from solvers.routing.problem import ALONE, FORBIDDEN, MUST, NO_LIMIT, RoutingProblem, VehicleType, stops_of

PER_METRE = 1000.0
PER_SECOND = 3600.0


def line(positions, loads, vehicles, depots=(0,), **fields):
    """Places on a line; a metre takes a second. Depots first, then stops, as in the matrices."""
    at = np.array([*depots, *positions])
    way = np.abs(at[:, None] - at)
    return on_matrix(way, len(depots), loads, vehicles, **fields)


def on_matrix(way, depots, loads, vehicles, **fields):
    """A problem on a matrix of metres, the same in seconds; one load dimension."""
    count = len(way) - depots
    delivery = np.array(loads, np.int64).reshape(count, 1)
    given = {name: np.asarray(values) for name, values in fields.items()}
    if "pickup" in given:
        given["pickup"] = given["pickup"].reshape(count, 1)
    stops = stops_of(np.arange(depots, len(way)), delivery, **given)
    seconds = np.where(way == FORBIDDEN, 0, way)
    return RoutingProblem(
        stops, np.arange(depots), tuple(vehicles), (way.astype(np.int64),), (seconds.astype(np.int64),)
    )


def truck(available=1, capacity=100, **fields):
    """A vehicle whose way costs one a metre."""
    return VehicleType(available, (capacity,), **{"cost_per_km": PER_METRE, **fields})


def random_problem(rng, count):
    """A problem of few stops with something of everything: mixed fleet, depots, windows, skills, prices, releases."""
    depots = int(rng.integers(1, 3))
    xy = rng.integers(0, 12, (depots + count, 2))
    way = np.abs(xy[:, None] - xy).sum(axis=2) + rng.integers(0, 2, (depots + count, depots + count))
    np.fill_diagonal(way, 0)
    opens = rng.integers(0, 20, count)
    window = np.stack([opens, opens + rng.integers(10, 45, count)], axis=1)
    vehicles = [
        VehicleType(
            int(rng.integers(1, count + 1)),
            (int(rng.integers(5, 14)),),
            depot=int(rng.integers(depots)),
            end_depot=None if rng.random() < 0.2 else int(rng.integers(depots)),
            shift_end=int(rng.integers(60, 90)),
            max_metres=int(rng.integers(30, 70)) if rng.random() < 0.3 else NO_LIMIT,
            max_seconds=int(rng.integers(30, 70)) if rng.random() < 0.3 else NO_LIMIT,
            max_stops=int(rng.integers(1, 4)) if rng.random() < 0.3 else NO_LIMIT,
            fixed_cost=float(rng.integers(0, 20)),
            cost_per_km=float(rng.integers(1, 4)) * PER_METRE,
            cost_per_hour=float(rng.integers(0, 3)) * PER_SECOND,
            allowed=rng.random(count) < 0.9 if rng.random() < 0.3 else None,
        )
        for _ in range(int(rng.integers(1, 3)))
    ]
    return on_matrix(
        way,
        depots,
        rng.integers(1, 6, count),
        vehicles,
        window=window,
        service_seconds=rng.integers(0, 4, count),
        setup_seconds=rng.integers(0, 2, count),
        release=np.where(rng.random(count) < 0.2, rng.integers(0, 15, count), 0),
        price=np.where(rng.random(count) < 0.4, rng.integers(5, 60, count).astype(float), MUST),
    )


def route_cost(problem, vehicle, order, starts=range(100)):
    """Least cost of driving `order`, every start in whole seconds tried; None where it cannot be driven."""
    stops, metres, seconds = problem.stops, problem.metres[0], problem.seconds[0]
    places = [int(problem.depot_place[vehicle.depot]), *(int(stops.place[s]) for s in order)]
    if vehicle.end_depot is not None:
        places.append(int(problem.depot_place[vehicle.end_depot]))
    arcs = list(pairwise(places))
    way = sum(int(metres[arc]) for arc in arcs)
    if any(metres[arc] == FORBIDDEN for arc in arcs) or way > vehicle.max_metres or len(order) > vehicle.max_stops:
        return None
    if vehicle.allowed is not None and not all(vehicle.allowed[s] for s in order):
        return None
    if not carried(problem, vehicle, order):
        return None
    best = None
    for start in starts:
        if start < vehicle.shift_start or any(start < stops.release[s] for s in order):
            continue
        now, fits = start, True
        for stop, arc in zip(order, arcs, strict=False):
            now += int(seconds[arc]) + (int(stops.setup_seconds[stop]) if arc[0] != arc[1] else 0)
            windows = stops.windows(stop)
            later = [max(now, a) for a, b in windows if now <= b]
            if not later:
                fits = False
                break
            now = min(later) + int(stops.service_seconds[stop])
        now += int(seconds[arcs[-1]]) if vehicle.end_depot is not None else 0
        if fits and now <= vehicle.shift_end and now - start <= vehicle.max_seconds:
            cost = (
                vehicle.fixed_cost
                + way * vehicle.cost_per_km / PER_METRE
                + (now - start) * vehicle.cost_per_hour / PER_SECOND
            )
            best = cost if best is None else min(best, cost)
    return best


def carried(problem, vehicle, order):
    """Whether the load fits at every moment, shipments picked up before they are delivered."""
    stops, aboard = problem.stops, 0
    load = sum(int(stops.delivery[s, 0]) for s in order if stops.partner[s] == ALONE)
    seen = set()
    for stop in [None, *order]:
        if stop is not None:
            other = int(stops.partner[stop])
            if other != ALONE and (other not in order or (stops.delivery[stop, 0] > 0 and other not in seen)):
                return False
            load += int(stops.pickup[stop, 0]) - int(stops.delivery[stop, 0])
            seen.add(stop)
        aboard = max(aboard, load)
    return aboard <= vehicle.capacity[0]


def optimum(problem):
    """Least cost over all plans, None where none exists: every order of every subset, subsets joined one by one."""
    count, kinds = problem.stops.count, problem.vehicle_types
    full = 1 << count
    single = [{} for _ in kinds]
    for subset in range(1, full):
        members = [s for s in range(count) if subset >> s & 1]
        for k, vehicle in enumerate(kinds):
            costs = [route_cost(problem, vehicle, order) for order in permutations(members)]
            costs = [cost for cost in costs if cost is not None]
            if costs:
                single[k][subset] = min(costs)
    best = {0: 0.0}
    for k, vehicle in enumerate(kinds):
        for _ in range(min(vehicle.available, count)):
            longer = dict(best)
            for done, cost in best.items():
                for subset, extra in single[k].items():
                    if not done & subset:
                        longer[done | subset] = min(longer.get(done | subset, np.inf), cost + extra)
            best = longer
    price = problem.stops.price
    totals = [cost + sum(price[s] for s in range(count) if not done >> s & 1) for done, cost in best.items()]
    return min(totals) if np.isfinite(min(totals)) else None
