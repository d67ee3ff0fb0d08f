"""Thousands of stops in rounds: groups of routes that share no stop are improved apart, wherever, and put together."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeVar

import numpy as np

from solvers.outcome import Limit
from solvers.routing.cooling import temperatures
from solvers.routing.problem import IntArray, RoutingProblem, Work, stops_of
from solvers.routing.ruin_engine import ROUNDS, Sequences, annealed
from solvers.routing.schedule import plan_of
from solvers.routing.solve import Answer
from solvers.routing.straight_ways import StraightWays

S = TypeVar("S")
T = TypeVar("T")
# Stops from which groups pay.
_LARGE: Final = 2000
# Stops of one group, roughly; how many times the groups are drawn anew.
_GROUP: Final = 1500
_PHASES: Final = 24
# How often the slices lie around the depot instead of along a direction.
_AROUND: Final = 0.5
# Rounds of ruin and recreate a second that are assumed before any are measured, and the share of the time tried first.
_FIRST_SPEED: Final = 10_000.0
_FIRST_SHARE: Final = 0.02


class RunAll(Protocol):
    """Runs a function on every spec and returns the results in the order of the specs."""

    def __call__(self, function: Callable[[S], T], specs: Sequence[S]) -> list[T]:
        """Return `[function(spec) for spec in specs]`."""


def in_this_process(function: Callable[[S], T], specs: Sequence[S]) -> list[T]:
    """Run one after the other."""
    return [function(spec) for spec in specs]


@dataclass(frozen=True, eq=False)
class _Part:
    """A group of routes as a problem of its own, and how to improve it; `stops` are its stops in the whole."""

    problem: RoutingProblem
    stops: IntArray
    work: Work
    warm: float
    cold: float


def is_large(problem: RoutingProblem) -> bool:
    """Return whether there are enough stops for two groups, and ways that need no matrix."""
    return problem.stops.count >= _LARGE and isinstance(problem.metres[0], StraightWays)


def grouped_engine(problem: RoutingProblem, work: Work, run_all: RunAll = in_this_process) -> Answer:
    """Return the plan of ruin and recreate in groups of routes, drawn anew in each phase from the plan so far.

    The groups, their seeds and their rounds follow from the plan alone: the same iterations and seed give the same
    plan for any number of processes. With seconds, the rounds of a phase follow the speed of the last one.

    Santini, Schneider, Vidal, Vigo (2023), INFORMS Journal on Computing 35(3), decomposition strategies for vehicle
    routing heuristics; barycentre clustering, here in slices by angle and by direction.
    """
    begun = time.perf_counter()
    plan = annealed(problem, replace(work, iterations=0), 1.0, 1.0)
    warm, cold = temperatures(plan_of(problem, plan).cost, problem.stops.count)
    rng = np.random.default_rng(work.seed)
    total = math.inf if work.iterations is None else work.iterations * ROUNDS
    done, progress, speed, step = 0.0, 0.0, _FIRST_SPEED, 1 / _PHASES if work.seconds is None else _FIRST_SHARE
    while progress < 1.0:
        until = min(1.0, progress + step)
        until, rounds = (1.0, total - done) if until > 1.0 - step / 4 else (until, (until - progress) * total)
        if work.seconds is not None:
            rounds = min(total - done, speed * (until - progress) * work.seconds)
        heat = warm * (cold / warm) ** progress, warm * (cold / warm) ** until
        started = time.perf_counter()
        plan = _phase(problem, plan, (max(int(rounds), 1), *heat), rng, run_all)
        now = time.perf_counter()
        done, progress, step, speed = done + rounds, until, 1 / _PHASES, rounds / max(now - started, 1e-9)
        if work.seconds is not None:
            progress = max((now - begun) / work.seconds, done / total)
    limit: Limit = "iterations" if work.seconds is None or done >= total else "seconds"
    whole = plan_of(problem, plan)
    return Answer(whole if math.isfinite(whole.cost) else None, limit)


def _phase(
    problem: RoutingProblem,
    plan: Sequences,
    effort: tuple[int, float, float],
    rng: np.random.Generator,
    run_all: RunAll,
) -> Sequences:
    """Return the plan after every group has done its share of the rounds."""
    parts = _parts(problem, plan, effort, rng)
    found: list[tuple[int, tuple[int, ...]]] = []
    for part, sequences in zip(parts, run_all(_improved, parts), strict=True):
        found += [(kind, tuple(int(part.stops[stop]) for stop in stops)) for kind, stops in sequences]
    return tuple(sorted(found))


def _improved(part: _Part) -> Sequences:
    return annealed(part.problem, part.work, part.warm, part.cold)


def _parts(
    problem: RoutingProblem, plan: Sequences, effort: tuple[int, float, float], rng: np.random.Generator
) -> list[_Part]:
    """Return the groups as problems of their own, rounds by their stops; free vehicles are shared out."""
    rounds, warm, cold = effort
    groups = max(2, round(problem.stops.count / _GROUP))
    group_of_stop, group_of_route = _groups(problem, plan, groups, rng)
    seeds, free = rng.integers(2**31, size=groups), _free_vehicles(problem, plan, groups)
    parts = []
    for group in range(groups):
        chosen = np.flatnonzero(group_of_stop == group)
        routes = [plan[n] for n in np.flatnonzero(group_of_route == group)]
        share = max(rounds * len(chosen) // problem.stops.count, 1)
        part, start = _part(problem, chosen, routes, free[group])
        parts.append(_Part(part, chosen, Work(share, None, int(seeds[group]), start), warm, cold))
    return [part for part in parts if len(part.stops)]


def _groups(
    problem: RoutingProblem, plan: Sequences, groups: int, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Return the group of every stop and of every route: around the first depot or along a direction, in equal slices.

    Stops on no route go where they lie.
    """
    place, ways = problem.stops.place, problem.metres[0]
    xy = ways.xy if isinstance(ways, StraightWays) else np.zeros((0, 2))
    unit = np.full(len(place), -1, np.int64)
    for number, (_, stops) in enumerate(plan):
        unit[list(stops)] = number
    loose = np.flatnonzero(unit < 0)
    unit[loose] = len(plan) + np.arange(len(loose))
    sizes = np.bincount(unit)
    centre = np.stack([np.bincount(unit, xy[place, d]) / np.maximum(sizes, 1) for d in (0, 1)], axis=1)
    turn = rng.uniform(0.0, 2 * np.pi)
    key = centre @ np.array([np.cos(turn), np.sin(turn)])
    if rng.random() < _AROUND:
        away = centre - xy[problem.depot_place[0]]
        key = (np.arctan2(away[:, 1], away[:, 0]) + turn) % (2 * np.pi)
    order = np.argsort(key, kind="stable")
    group = np.empty(len(sizes), np.int64)
    group[order] = np.minimum((np.cumsum(sizes[order]) - 1) * groups // len(place), groups - 1)
    return group[unit], group[: len(plan)]


def _free_vehicles(problem: RoutingProblem, plan: Sequences, groups: int) -> IntArray:
    """Return how many unused vehicles of each type every group may use, shape (groups, types)."""
    used = np.bincount([kind for kind, _ in plan], minlength=len(problem.vehicle_types))
    left = np.array([min(v.available, problem.stops.count) for v in problem.vehicle_types]) - used
    return np.asarray(left // groups + (np.arange(groups)[:, None] < left % groups), np.int64)


def _part(
    problem: RoutingProblem, chosen: IntArray, routes: list[tuple[int, tuple[int, ...]]], free: IntArray
) -> tuple[RoutingProblem, Sequences]:
    """Return the problem of the chosen stops and its routes in its own numbers."""
    given = problem.stops
    names = "pickup", "setup_seconds", "service_seconds", "release", "price", "priority"
    fields = {name: getattr(given, name)[chosen] for name in names}
    if len(given.window_start):
        fields["window"] = np.stack([given.earliest()[chosen], given.latest()[chosen]], axis=1)
    types = tuple(
        replace(
            vehicle,
            available=int(free[kind]) + sum(k == kind for k, _ in routes),
            allowed=None if vehicle.allowed is None else vehicle.allowed[chosen],
        )
        for kind, vehicle in enumerate(problem.vehicle_types)
    )
    part = replace(problem, stops=stops_of(given.place[chosen], given.delivery[chosen], **fields), vehicle_types=types)
    place = {int(stop): n for n, stop in enumerate(chosen)}
    return part, tuple((kind, tuple(place[stop] for stop in order)) for kind, order in routes)
