"""Our own search: ruin and recreate under annealing, from the whole problem to a plan, without a matrix if need be."""

from __future__ import annotations

import time
from functools import partial
from typing import Final, TypeAlias

import numpy as np

from solvers.routing.cooling import cooled, temperatures
from solvers.routing.features import features
from solvers.routing.ground import ground_of, tours_of
from solvers.routing.problem import RoutingPlan, RoutingProblem, Work
from solvers.routing.rich_engine import rich_engine
from solvers.routing.ruin_kernel import NOBODY, Ground, Tours, link, open_route, refresh
from solvers.routing.ruin_search import Best, anneal, record, start, total
from solvers.routing.schedule import plan_of
from solvers.routing.solve import Answer, UnsupportedError

# One iteration of work is so many rounds, which is about as long as one of PyVRP's takes at 500 stops.
ROUNDS: Final = 30
Sequences: TypeAlias = tuple[tuple[int, tuple[int, ...]], ...]


def ruin_engine(problem: RoutingProblem, work: Work) -> Answer:
    """Return the best plan of slack induction by string removals; the same for the same iterations and seed.

    It takes the whole problem. An insertion is judged in constant time, and by driving the route whole where the
    problem asks for more than loads, one window a stop, releases and limits (`rich_engine`).

    Christiaens, Vanden Berghe (2020), Transportation Science 54(2), doi 10.1287/trsc.2019.0914; insertion tried beside
    near stops only. Raises UnsupportedError, in words, for what it cannot take.
    """
    begun = time.perf_counter()
    faults = unsupported(problem)
    if faults:
        raise UnsupportedError("ruin and recreate cannot take " + "; ".join(faults))
    if problem.stops.count == 0:
        return Answer(plan_of(problem, []), "none")
    if any(features(problem).values()):
        return rich_engine(problem, work)
    ground = ground_of(problem)
    tours = tours_of(ground, work.seed)
    best = _best(tours)
    _first_plan(ground, tours, work)
    cost, missing = total(ground, tours)
    record(tours, best, cost, missing)
    heat = temperatures(float(best.cost[0]), len(ground.price))
    deadline = begun + (work.seconds or 0.0)
    limit = cooled(partial(anneal, ground, tours, best), heat, work, ROUNDS, deadline)
    return Answer(_plan(problem, best), limit)


def unsupported(problem: RoutingProblem) -> list[str]:
    """Return in words what of the problem this engine cannot take, nothing when it can take all."""
    return [] if sum(v.available for v in problem.vehicle_types) else ["no vehicle"]


def _best(s: Tours) -> Best:
    return Best(s.route.copy(), s.after.copy(), s.first.copy(), s.kind.copy(), np.full(3, np.inf))


def _first_plan(g: Ground, s: Tours, work: Work) -> None:
    """Take over the plan that `work.start` holds and insert the rest, the farthest first."""
    for kind, stops in work.start:
        s.mark[1] += 1
        s.tally[2] = 0
        if s.used[kind] < g.whole[kind, 8]:
            r, x = open_route(s, kind), NOBODY
            for stop in stops:
                link(s, r, x, stop)
                x = stop
            refresh(g, s, r)
    left = np.flatnonzero(s.route == NOBODY)
    depot = g.whole[0, 0]
    far = g.metres[0, depot, left] if g.metres.shape[1] else np.hypot(*(g.xy[left] - g.xy[depot]).T)
    start(g, s, left[np.argsort(-far, kind="stable")])


def _plan(problem: RoutingProblem, b: Best) -> RoutingPlan | None:
    """Return the best plan, None when a stop that must be served is missing."""
    return None if b.cost[2] > 0 else plan_of(problem, _sequences(b))


def _sequences(found: Best | Tours) -> Sequences:
    """Return (vehicle type, stops) of each route."""
    sequences = []
    for r in np.flatnonzero(found.kind != NOBODY):
        order, x = [], int(found.first[r])
        while x != NOBODY:
            order.append(x)
            x = int(found.after[x])
        sequences.append((int(found.kind[r]), tuple(order)))
    return tuple(sequences)


def annealed(problem: RoutingProblem, work: Work, warm: float, cold: float) -> Sequences:
    """Return where so many iterations lead from `work.start` while the temperature falls from warm to cold."""
    ground = ground_of(problem)
    tours = tours_of(ground, work.seed)
    best = _best(tours)
    _first_plan(ground, tours, work)
    anneal(ground, tours, best, work.iterations or 0, warm, cold)
    return _sequences(tours)
