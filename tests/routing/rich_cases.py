"""Small problems with breaks, hours, windows, locks; and what one route costs at best, found by trying everything."""

from dataclasses import replace
from itertools import pairwise, permutations

import numpy as np

from solvers.routing.problem import FORBIDDEN, MUST, NO_LIMIT, RELOAD, Break, RoutingProblem, VehicleType, stops_of
from solvers.routing.schedule import excess_of, planned_route
from solvers.routing.terms import trips_of
from tests.routing.routing_cases import PER_METRE, PER_SECOND

HORIZON = 110


def rich_problem(rng, count, features, depots=1, kinds=1):
    """A problem of few stops on a small grid with the features named, tight enough for them to bind."""
    xy = rng.integers(0, 9, (depots + count, 2))
    way = np.abs(xy[:, None] - xy).sum(axis=2)
    fields = {
        "service_seconds": rng.integers(0, 4, count),
        "setup_seconds": rng.integers(0, 2, count),
        "price": prices(rng, count, 0.7 if "windows" in features else 0.3),
    }
    if "windows" in features:
        fields |= several_windows(rng, count)
    else:
        # A break is spared by who starts after its time: early windows leave that to few.
        early = "breaks" in features
        opens = rng.integers(0, 9 if early else 25, count)
        fields["window"] = np.stack(
            [opens, opens + rng.integers(9 if early else 15, 28 if early else 50, count)], axis=1
        )
    if "release" in features:
        fields["release"] = np.where(rng.random(count) < 0.4, rng.integers(0, 25, count), 0)
    if "apart" in features:
        fields["apart"] = rng.integers(-1, 2, count)
    delivery = rng.integers(1, 5, (count, 1))
    if "shipments" in features:
        fields["pickup"] = np.zeros_like(delivery)
        partner = np.full(count, -1)
        for pick in range(0, count - 1, 2):
            if rng.random() < 0.7:
                partner[pick], partner[pick + 1] = pick + 1, pick
                fields["pickup"][pick], delivery[pick] = delivery[pick + 1], 0
                fields["price"][pick] = fields["price"][pick + 1]
        fields["partner"] = partner
    stops = stops_of(np.arange(depots, depots + count), delivery, **fields)
    seconds, starts = (way, (0,)) if "hours" not in features else by_hour(rng, way)
    vehicles = tuple(vehicle(rng, count, features, depots) for _ in range(kinds))
    return RoutingProblem(stops, np.arange(depots), vehicles, (way,), (seconds,), starts)


def prices(rng, count, share):
    """Prices for a share of the stops, the rest must be served."""
    return np.where(rng.random(count) < share, rng.integers(15, 60, count).astype(float), MUST)


def several_windows(rng, count):
    """Two windows for most stops, so that the gap between them matters."""
    first, start, end = [0], [], []
    for _ in range(count):
        opens = int(rng.integers(0, 15))
        closes = opens + int(rng.integers(0, 6))
        start, end = [*start, opens], [*end, closes]
        if rng.random() < 0.7:
            again = closes + int(rng.integers(12, 25))
            start, end = [*start, again], [*end, again + int(rng.integers(0, 30))]
        first.append(len(start))
    return {"first_window": np.array(first), "window_start": np.array(start), "window_end": np.array(end)}


def by_hour(rng, way):
    """Three speeds over the day, each arc its own."""
    factor = rng.choice([1, 2, 3], (3, *way.shape))
    return way[None] * factor, (0, int(rng.integers(8, 20)), int(rng.integers(25, 45)))


def vehicle(rng, count, features, depots):
    fields = {}
    if "breaks" in features:
        earliest = int(rng.integers(8, 20))
        latest = earliest + int(rng.integers(4, 15))
        fields["breaks"] = (Break(earliest, latest, int(rng.integers(5, 12)), paid=bool(rng.random() < 0.5)),)
    if "drive" in features:
        limit = int(rng.integers(9, 20))
        rule = Break(0, NO_LIMIT, int(rng.integers(2, 6)), limit, paid=bool(rng.random() < 0.5))
        fields["breaks"] = (*fields.get("breaks", ()), rule)
    if "reloads" in features:
        fields |= {"max_reloads": 1, "reload_seconds": int(rng.integers(0, 4))}
    if "loading" in features:
        start = int(rng.integers(0, 6))
        fields["loading"] = ((start, start + 4), (start + 22, start + 28))
    return VehicleType(
        int(rng.integers(1, 3)),
        (int(rng.integers(6, 11)),),
        depot=int(rng.integers(depots)),
        end_depot=None if rng.random() < 0.2 else 0,
        shift_end=int(rng.integers(60, 95)),
        max_seconds=int(rng.integers(40, 80)) if rng.random() < 0.3 else NO_LIMIT,
        fixed_cost=float(rng.integers(0, 20)),
        cost_per_km=float(rng.integers(1, 4)) * PER_METRE,
        cost_per_hour=float(rng.integers(0, 3)) * PER_SECOND,
        **fields,
    )


def least_paid(problem, vehicle, order):
    """Least paid seconds of the order over every start and every place for every break; None where there is none."""
    found = [p for s in range(HORIZON) if (p := _from(problem, vehicle, order, s)) is not None]
    return min((p for p in found if p <= vehicle.max_seconds), default=None)


def _from(problem, vehicle, order, start):
    """Least paid seconds from one start, None for none: each state (time, driven, breaks taken, unpaid) followed."""
    arcs = arcs_of(problem, vehicle, order)
    if start < vehicle.shift_start or not _loads(vehicle, start - vehicle.reload_seconds):
        return None
    if any(start < problem.stops.release[s] for s in _trip(order, 0)):
        return None
    states = {(start, 0, frozenset(), 0)}
    for n, stop in enumerate(order):
        after = set()
        for time, drove, taken, unpaid in states:
            arrival = arrive(problem, vehicle, arcs[n], time)
            driven = drove + arrival - time
            if driven <= _rule(vehicle):
                setup = int(problem.stops.setup_seconds[stop]) * (stop != RELOAD) * (arcs[n][0] != arcs[n][1])
                for rested in _rests(vehicle, (arrival + setup, driven, taken, unpaid)):
                    for begun in _served(problem, vehicle, order, n, rested):
                        after |= set(_rests(vehicle, begun))
        states = after
    paid = []
    for time, drove, taken, unpaid in states:
        end = time if vehicle.end_depot is None else arrive(problem, vehicle, arcs[-1], time)
        due = {k for k, b in enumerate(vehicle.breaks) if not b.is_rule and start <= b.latest < end}
        if drove + end - time <= _rule(vehicle) and due <= taken and end <= vehicle.shift_end:
            paid.append(end - start - unpaid)
    return min(paid, default=None)


def _trip(order, first):
    for stop in order[first:]:
        if stop == RELOAD:
            return
        yield stop


def _rule(vehicle):
    return min((b.after_drive_seconds for b in vehicle.breaks), default=NO_LIMIT)


def _loads(vehicle, begin):
    return not vehicle.loading or any(a <= begin <= b - vehicle.reload_seconds for a, b in vehicle.loading)


def _rests(vehicle, state):
    """Yield the state itself, and after each break that may be taken now."""
    yield state
    time, drove, taken, unpaid = state
    shortest = min((b.seconds for b in vehicle.breaks if b.is_rule), default=0)
    for k, b in enumerate(vehicle.breaks):
        begin = max(time, b.earliest)
        if begin <= b.latest and (k not in taken if not b.is_rule else drove > 0):
            done = taken if b.is_rule else taken | {k}
            yield begin + b.seconds, 0 if b.seconds >= shortest else drove, done, unpaid + b.seconds * (not b.paid)


def _served(problem, vehicle, order, n, state):
    time, *rest = state
    if order[n] == RELOAD:
        ready = max([time, *(int(problem.stops.release[s]) for s in _trip(order, n + 1))])
        begins = [b for b in range(ready, HORIZON) if _loads(vehicle, b)][:1]
        service = vehicle.reload_seconds
    else:
        begins = [max(time, a) for a, b in problem.stops.windows(order[n]) if time <= b][:1]
        service = int(problem.stops.service_seconds[order[n]])
    for begin in begins:
        yield (begin + service, *rest)


def arrive(problem, vehicle, arc, leave):
    """Whole seconds left of an arc, counted down second by second; a new band rescales what is left, rounded up."""
    seconds = problem.seconds[vehicle.profile]
    if seconds.ndim == 2:
        return leave + int(seconds[arc])
    band = max(sum(start <= leave for start in problem.band_starts) - 1, 0)
    left, now = int(seconds[(band, *arc)]), leave
    while left > 0:
        left, now = left - 1, now + 1
        if left > 0 and now in problem.band_starts[band + 1 :]:
            before, band = int(seconds[(band, *arc)]), band + 1
            left = -(-left * int(seconds[(band, *arc)]) // before)
    return now


def way_of(problem, vehicle, order):
    """Metres of the order, None where an arc is closed."""
    legs = [int(problem.metres[vehicle.profile][arc]) for arc in arcs_of(problem, vehicle, order)]
    return None if FORBIDDEN in legs else sum(legs)


def arcs_of(problem, vehicle, order):
    """The arcs of the order from its depot on."""
    depot = int(problem.depot_place[vehicle.depot])
    places = [depot, *(depot if s == RELOAD else int(problem.stops.place[s]) for s in order)]
    if vehicle.end_depot is not None:
        places.append(int(problem.depot_place[vehicle.end_depot]))
    return list(pairwise(places))


def settled(rng, problem):
    """The problem with one or two stops settled on a vehicle of its own type, half of the time already under way."""
    stops = rng.permutation(problem.stops.count)[: int(rng.integers(1, 3))].tolist()
    first = problem.vehicle_types[0]
    start = int(rng.integers(0, 12))
    driven = (start,) if rng.random() < 0.5 else ()
    if driven and rng.random() < 0.5:
        driven = (start, start + int(rng.integers(8, 20)))
    own = replace(
        first, available=1, prefix=tuple(stops), driven=driven, resume=start + 10, shift_end=105, allowed=None
    )
    return replace(problem, vehicle_types=(own, *problem.vehicle_types))


def cheapest_plan(problem):
    """Least cost over all plans, None where none exists: every order with every reload, routes joined one by one.

    A route's own times are those of the schedule, which `least_paid` proves.
    """
    count, kinds = problem.stops.count, problem.vehicle_types
    best = {0: 0.0}
    for kind, vehicle in enumerate(kinds):
        routes = _routes(problem, kind)
        for _ in range(min(vehicle.available, count)):
            longer = {} if vehicle.prefix else dict(best)
            for done, cost in best.items():
                for subset, extra in routes.items():
                    if not done & subset:
                        longer[done | subset] = min(longer.get(done | subset, np.inf), cost + extra)
            best = longer
    price = problem.stops.price
    totals = [cost + sum(price[s] for s in range(count) if not done >> s & 1) for done, cost in best.items()]
    return min(totals) if totals and np.isfinite(min(totals)) else None


def _routes(problem, kind):
    """Least cost of each set of stops on one vehicle of the type, sets as bits."""
    vehicle, found = problem.vehicle_types[kind], {}
    free = [s for s in range(problem.stops.count) if s not in vehicle.prefix]
    for length in range(len(free) + 1):
        for rest in permutations(free, length):
            members = (*vehicle.prefix, *rest)
            subset = sum(1 << s for s in members if s != RELOAD)
            for order in _with_reloads(vehicle, members) if members else ():
                if pairs_in_order(problem, order) and not excess_of(problem, kind, order).kinds():
                    cost = planned_route(problem, kind, 0, order).cost
                    found[subset] = min(found.get(subset, np.inf), cost)
    return found


def _with_reloads(vehicle, members):
    yield list(members)
    if vehicle.max_reloads > members.count(RELOAD):
        for place in range(max(1, len(vehicle.prefix)), len(members)):
            yield [*members[:place], RELOAD, *members[place:]]


def pairs_in_order(problem, order):
    """Whether both ends of each shipment are on one trip, the pick-up first."""
    for trip in trips_of(order):
        for place, stop in enumerate(trip):
            other = int(problem.stops.partner[stop])
            if other >= 0 and other not in (trip[place + 1 :] if problem.stops.pickup[stop, 0] else trip[:place]):
                return False
    return True
