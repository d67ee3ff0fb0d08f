"""
Breaks, travel by hour and settled stops, mild enough to change little: our plan beside PyVRP's without them.

    python -m benchmarks.dispatch [--seconds 10]

From a file with windows (R1_10_1) and one without (X-n351), 300 stops each. Breaks: one of a twentieth of the day in
its middle half, for every driver. Hours: a tenth slower in the middle third of the day. Settled: the first two stops
of every route of PyVRP's plan, which is where the search starts. The price is the way, as in the file. Then how long a
first plan of 1,000 stops with breaks takes, and a new one of 300 with settled stops. Every run appends to
benchmarks/records.csv; nothing gates.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.records import append_record, data_folder
from optimizer.routing.files import read_routing_file
from solvers.routing.check import check_plan
from solvers.routing.problem import NO_LIMIT, Break, RoutingPlan, RoutingProblem, Work, stops_of
from solvers.routing.pyvrp_engine import pyvrp_engine
from solvers.routing.ruin_engine import ruin_engine
from solvers.routing.solve import Engine

FILES = "VRPTW/R1_10_1.vrp", "CVRP/X-n351-k40.vrp"
_STOPS = 300


def first_stops(problem: RoutingProblem, count: int) -> RoutingProblem:
    """Return the problem of its first stops, with a day of its longest ways where it has no windows."""
    every = np.arange(problem.metres[0].shape[-1])
    way, seconds = problem.metres[0][np.ix_(every, every)], problem.seconds[0][np.ix_(every, every)]
    problem = replace(problem, metres=(way,), seconds=(seconds,))
    given = problem.stops
    fields = {"service_seconds": given.service_seconds[:count]}
    end = 40 * int(seconds.max())
    if len(given.window_start):
        fields["window"] = np.stack([given.earliest()[:count], given.latest()[:count]], axis=1)
        end = max(v.shift_end for v in problem.vehicle_types)
    stops = stops_of(given.place[:count], given.delivery[:count], **fields)
    types = tuple(replace(v, available=count, shift_end=min(v.shift_end, end)) for v in problem.vehicle_types)
    return replace(problem, stops=stops, vehicle_types=types)


def with_breaks(problem: RoutingProblem) -> RoutingProblem:
    """Return the problem with a break in the middle half of the day for every driver."""
    types = []
    for vehicle in problem.vehicle_types:
        day = vehicle.shift_end if vehicle.shift_end < NO_LIMIT else 1
        types.append(replace(vehicle, breaks=(Break(day // 4, 3 * day // 4, max(day // 20, 1)),)))
    return replace(problem, vehicle_types=tuple(types))


def with_hours(problem: RoutingProblem) -> RoutingProblem:
    """Return the problem a tenth slower in the middle third of the day."""
    seconds = np.asarray(problem.seconds[0])
    day = problem.vehicle_types[0].shift_end
    slow = np.ceil(seconds * 1.1).astype(np.int64)
    return replace(problem, seconds=(np.stack([seconds, slow, seconds]),), band_starts=(0, day // 3, 2 * day // 3))


def settled(problem: RoutingProblem, plan: RoutingPlan) -> RoutingProblem:
    """Return the problem with the first two stops of every route settled on its vehicle."""
    kinds = [
        replace(problem.vehicle_types[r.vehicle_type], available=1, prefix=tuple(r.stops[:2].tolist()))
        for r in plan.routes
    ]
    free = tuple(replace(v, available=v.available - len(plan.routes)) for v in problem.vehicle_types)
    return replace(problem, vehicle_types=(*kinds, *free))


def _routes(plan: RoutingPlan) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """Return each route of the plan on the vehicle that `settled` makes of it."""
    return tuple((number, tuple(route.stops.tolist())) for number, route in enumerate(plan.routes))


def _planned(name: str, problem: RoutingProblem, engine: Engine, work: Work) -> tuple[RoutingPlan | None, float]:
    begun = time.perf_counter()
    plan = engine(problem, work).plan
    seconds = time.perf_counter() - begun
    cost = float("nan") if plan is None else plan.cost
    assert plan is None or check_plan(problem, plan) == []
    append_record(name, seconds, objective=cost, bound=float("nan"), gap=float("nan"))
    return plan, seconds


def _rows(folder: Path, work: Work) -> Iterator[str]:
    for name in FILES:
        problem = first_stops(read_routing_file(folder / name).problem, _STOPS)
        plain, _ = _planned(f"dispatch {name} PyVRP", problem, pyvrp_engine, work)
        assert plain is not None
        cases = {
            "as it is": problem,
            "breaks": with_breaks(problem),
            "hours": with_hours(problem),
            "settled": settled(problem, plain),
        }
        for words, case in cases.items():
            known = replace(work, start=_routes(plain)) if words == "settled" else work
            plan, _ = _planned(f"dispatch {name} {words}", case, ruin_engine, known)
            gap = (
                "no plan"
                if plan is None
                else f"{plan.cost / plain.cost - 1:+.2%}, {len(plan.routes) - len(plain.routes):+d} vehicles"
            )
            yield f"{name:24} {words:10} {gap} against PyVRP without"
        again, seconds = _planned(f"dispatch {name} new plan", cases["settled"], ruin_engine, Work(100, None, 1))
        yield f"{name:24} new plan with settled stops, 100 iterations: {seconds:.2f} s" + (
            " none" if again is None else ""
        )
    many = with_breaks(first_stops(read_routing_file(folder / FILES[0]).problem, 1000))
    plan, seconds = _planned("dispatch first plan of 1,000", many, ruin_engine, Work(0, None, 1))
    yield f"first plan of 1,000 stops with breaks: {seconds:.2f} s, {'none' if plan is None else 'all served'}"


def _gap(plan: RoutingPlan | None, other: RoutingPlan) -> str:
    if plan is None:
        return "no plan"
    return f"{plan.cost / other.cost - 1:+.2%}, {len(plan.routes) - len(other.routes):+d} vehicles"


def main() -> None:
    """Print one line for each case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="wall time of each plan")
    seconds = parser.parse_args().seconds
    folder = data_folder("vrp")
    # Compiles before any clock runs.
    ruin_engine(with_breaks(first_stops(read_routing_file(folder / FILES[0]).problem, 5)), Work(1))
    for row in _rows(folder, Work(None, seconds, 1)):
        print(row, flush=True)


if __name__ == "__main__":
    main()
