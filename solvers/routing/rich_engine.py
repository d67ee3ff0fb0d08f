"""Our search for what constant time cannot judge: breaks, hours, windows, shipments, reloads, goods apart, settled."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import Final, TypeAlias

import numpy as np

from solvers.outcome import Limit
from solvers.routing.cooling import cooled, temperatures
from solvers.routing.docks import docked_engine
from solvers.routing.drive import NEVER, STATES, Drive
from solvers.routing.features import features
from solvers.routing.ground import ground_of, tours_of
from solvers.routing.legs import asked_from, breaks_of, loading_begins, rule_of
from solvers.routing.problem import ALONE, NO_LIMIT, IntArray, RoutingProblem, VehicleType, Work
from solvers.routing.rich_kernel import Rich, refresh_row
from solvers.routing.rich_moves import open_row
from solvers.routing.rich_search import anneal_rows, record_rows, start_rows
from solvers.routing.ruin_kernel import NOBODY, Ground, Tours
from solvers.routing.ruin_search import total
from solvers.routing.schedule import plan_of
from solvers.routing.solve import Answer
from solvers.routing.straight_ways import StraightWays

# One iteration of work is so many rounds here; each drives whole routes where the other search adds up.
RICH_ROUNDS: Final = 6
# The longest route that is tried, depots between trips included.
_LONGEST: Final = 600
# Places of a stop that are compared, at most: six beside each near one and at the ends of its route, or on one route.
_OFFERS: Final = 3 * _LONGEST + 3
# Starts tried for one route beside the earliest and those after a break, where duration costs or is limited.
_STARTS: Final = 3
Sequences: TypeAlias = tuple[tuple[int, tuple[int, ...]], ...]


def rich_engine(problem: RoutingProblem, work: Work) -> Answer:
    """Return the best plan found by ruin and recreate where each changed route is driven whole.

    Christiaens, Vanden Berghe (2020), Transportation Science 54(2), doi 10.1287/trsc.2019.0914. Doors are dealt out
    among the vehicles (`docks`), for they are all that routes have in common beside their stops.
    """
    if problem.docks:
        return docked_engine(problem, work, _search)
    sequences, complete, limit = _search(problem, work)
    return Answer(plan_of(problem, sequences) if complete else None, limit)


def _search(problem: RoutingProblem, work: Work) -> tuple[Sequences, bool, Limit]:
    """Return (vehicle type, stops) of each route found, whether all is served that must be, and what stopped it."""
    begun = time.perf_counter()
    ground, tours, rich = _arrays(problem, work)
    _first_plan(problem, ground, tours, rich, work)
    cost, missing = total(ground, tours)
    record_rows(tours, rich, cost, missing)
    heat = temperatures(float(rich.total[0]) if np.isfinite(rich.total[0]) else 0.0, problem.stops.count)
    anneal = partial(anneal_rows, ground, tours, rich)
    limit = cooled(anneal, heat, work, RICH_ROUNDS, begun + (work.seconds or 0.0))
    complete = rich.total[2] == 0 and bool(np.isfinite(rich.total[0]))
    return _sequences(rich), complete, limit


def _sequences(x: Rich) -> Sequences:
    """Return (vehicle type, stops) of each route of the best plan."""
    used = np.flatnonzero(x.best_kind != NOBODY)
    return tuple((int(x.best_kind[r]), tuple(x.best[r, : x.best_size[r]].tolist())) for r in used)


def _first_plan(problem: RoutingProblem, g: Ground, s: Tours, x: Rich, work: Work) -> None:
    """Take over the plan that `work.start` holds and what is settled, and insert the rest, the farthest first."""
    given = [(kind, tuple(stops)) for kind, stops in work.start]
    begun = {kind for kind, _ in given}
    settled = [(k, v.prefix) for k, v in enumerate(problem.vehicle_types) if v.prefix and k not in begun]
    for kind, stops in (*given, *settled):
        s.mark[1] += 1
        s.tally[2] = 0
        if s.used[kind] < g.whole[kind, 8] and len(stops) <= x.order.shape[1]:
            r = open_row(s, x, kind)
            x.order[r, : len(stops)] = stops
            s.size[r] = len(stops)
            refresh_row(g, s, x, r)
    units = np.flatnonzero((s.route == NOBODY) & ((x.partner < 0) | (x.picks == 1)))
    far = g.metres[0, g.whole[0, 0], units]
    start_rows(g, s, x, units[np.argsort(-far, kind="stable")])


def _arrays(problem: RoutingProblem, work: Work) -> tuple[Ground, Tours, Rich]:
    """Return everything the kernels read and write."""
    problem = _with_matrices(problem)
    ground = ground_of(problem)
    timed = ground.timed or any(there for words, there in features(problem).items() if words not in _UNTIMED)
    price, partner = ground.price.copy(), problem.stops.partner
    picks = (partner != ALONE) & (problem.stops.pickup > 0).any(axis=1)
    # The price of a shipment stands where it begins.
    price[picks] += price[partner[picks]]
    price[(partner != ALONE) & ~picks] = 0.0
    ground = ground._replace(price=price, timed=bool(timed))
    tours = tours_of(ground, work.seed)
    return ground, tours, _rich(problem, len(tours.kind), picks, work)


def _with_matrices(problem: RoutingProblem) -> RoutingProblem:
    """Return the problem with every way written down: a route driven whole asks for the same ones often."""
    every = np.arange(problem.metres[0].shape[-1])
    block = np.ix_(every, every)
    metres = tuple(ways[block] if isinstance(ways, StraightWays) else ways for ways in problem.metres)
    seconds = tuple(ways[block] if isinstance(ways, StraightWays) else ways for ways in problem.seconds)
    return replace(problem, metres=metres, seconds=seconds)


_UNTIMED: Final = ("shipments", "reloads", "goods that must not travel together")


def _rich(problem: RoutingProblem, routes: int, picks: IntArray, work: Work) -> Rich:
    types, stops, count = problem.vehicle_types, problem.stops, problem.stops.count
    windows = [stops.windows(n) if stops.first_window[n + 1] > stops.first_window[n] else [] for n in range(count)]
    all_windows = [*windows, *(loading_begins(v) for v in types)]
    first = np.cumsum([0, *(len(w) for w in all_windows)])
    pairs = np.array([pair for w in all_windows for pair in w], np.int64).reshape(-1, 2)
    opens, closes = pairs[:, 0].copy(), pairs[:, 1].copy()
    longest = _longest(problem, work)
    own, breaks = _own(problem, first[count:]), np.concatenate([breaks_of(v) for v in types])
    driven = np.zeros((len(types), max(1, *(len(v.driven) for v in types), 1)), np.int64)
    for kind, v in enumerate(types):
        driven[kind, : len(v.driven)] = v.driven

    def rows(*shape: int) -> IntArray:
        return np.zeros(shape, np.int64)

    return Rich(
        hours=_hours(problem), opens=opens, closes=closes, low=first[:count], high=first[1 : count + 1],
        partner=stops.partner, picks=picks.astype(np.int64), apart=stops.apart, own=own, breaks=breaks, driven=driven,
        order=rows(routes, longest), at=rows(count), leave=rows(routes, longest + 1), must=rows(routes, longest + 1),
        stamp=rows(routes, longest + 1), trial=rows(longest), boarded=rows(count), tick=rows(1),
        kept=rows(routes, longest), kept_size=rows(routes), best=rows(routes, longest), best_size=rows(routes),
        best_kind=np.full(routes, NOBODY, np.int64), total=np.full(3, np.inf),
        worth=np.zeros(_OFFERS), offers=rows(_OFFERS, 3), drive=_drive(problem, longest, opens, closes),
    )  # fmt: skip


def _longest(problem: RoutingProblem, work: Work) -> int:
    """Return how many visits the longest route may have."""
    reloads = max(min(v.max_reloads, problem.stops.count) for v in problem.vehicle_types)
    most = min(max(v.max_stops for v in problem.vehicle_types), problem.stops.count) + reloads + 3
    held = max(len(stops) for stops in (*(v.prefix for v in problem.vehicle_types), *(w[1] for w in work.start)))
    return max(min(most, _LONGEST), held + 3)


def _hours(problem: RoutingProblem) -> IntArray:
    """Return the seconds between the nodes by profile and band, shape (profiles, bands, nodes, nodes)."""
    place = np.concatenate([problem.stops.place, problem.depot_place])
    block, bands = np.ix_(place, place), len(problem.band_starts)
    hours = np.empty((len(problem.seconds), bands, len(place), len(place)), np.int64)
    for profile, seconds in enumerate(problem.seconds):
        for band in range(bands):
            hours[profile, band] = np.asarray(seconds)[band][block] if len(seconds.shape) == 3 else seconds[block]
    return hours


def _own(problem: RoutingProblem, loading: IntArray) -> IntArray:
    """Return the columns of `Rich.own`, shape (types, 13); `loading` are the first windows of each type's loadings."""
    types = problem.vehicle_types
    first = np.cumsum([0, *(len(v.breaks) for v in types)])
    several = bool((np.diff(problem.stops.first_window) > 1).any()) or len(problem.band_starts) > 1
    rows = [
        (
            min(v.max_reloads, problem.stops.count), v.reload_seconds, loading[k], loading[k + 1], len(v.prefix),
            len(v.driven), first[k], len(v.breaks), rule_of(v), asked_from(v), v.resume, _tries(v, several),
            not _counts_time(v),
        )
        for k, v in enumerate(types)
    ]  # fmt: skip
    return np.array(rows, np.int64)


def _tries(vehicle: VehicleType, several: bool) -> int:
    """Return how many starts of a route are tried."""
    choice = several or len(vehicle.loading) > 1 or len(vehicle.breaks) > 0
    return 1 + sum(not pause.is_rule for pause in vehicle.breaks) + _STARTS * (choice and _counts_time(vehicle))


def _counts_time(vehicle: VehicleType) -> bool:
    return max(vehicle.rates[1:]) > 0 or vehicle.max_seconds < NO_LIMIT


def _drive(problem: RoutingProblem, longest: int, opens: IntArray, closes: IntArray) -> Drive:
    bands, breaks = len(problem.band_starts), max(len(v.breaks) for v in problem.vehicle_types)

    def visits(more: int = 0) -> IntArray:
        return np.full(longest + more, NEVER, np.int64)

    return Drive(
        frame=np.zeros(11, np.int64), bands=np.array(problem.band_starts, np.int64),
        seconds=np.zeros((bands, longest + 1), np.int64), setup=visits(), service=visits(), least=visits(),
        low=visits(), high=visits(), floor=visits(1), driven=visits(1), opens=opens, closes=closes,
        breaks=np.zeros((breaks, 5), np.int64), states=np.zeros((longest + 1, STATES, 10), np.int64),
        rows=np.zeros(longest + 1, np.int64),
    )  # fmt: skip
