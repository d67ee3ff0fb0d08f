"""
Route public instances of each class with both engines at equal wall time, beside nearest neighbour with 2-opt.

    python -m benchmarks.routing [--seconds 10]

Gaps are to the best known value, costs where none is known (Rio parcels over our own ways, EURO-NeurIPS real roads);
"-" where an engine does not take the file.

The files are read from the folder named by DAYPLAN_DATA. Every run appends to benchmarks/records.csv; nothing gates.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.records import append_record, data_folder
from optimizer.routing.command import BestKnown, best_known
from optimizer.routing.file_problem import FileProblem
from optimizer.routing.files import read_routing_file
from solvers.routing.check import check_plan
from solvers.routing.problem import FORBIDDEN, RoutingPlan, RoutingProblem, Work
from solvers.routing.pyvrp_engine import pyvrp_engine
from solvers.routing.ruin_engine import ruin_engine
from solvers.routing.schedule import excess_of, plan_of, planned_route
from solvers.routing.solve import Engine, UnsupportedError

FILES = (
    "CVRP/X-n101-k25.vrp", "CVRP/X-n204-k19.vrp", "CVRP/X-n502-k39.vrp", "VRPTW/R1_10_1.vrp", "VRPTW/C2_10_1.vrp",
    "solomon/R101.txt", "solomon/RC208.txt", "gehring_homberger/c1_2_1.txt", "li_lim/lrc201.txt", "li_lim/lc1_2_1.txt",
    "HFVRP/X101-FSMFD.vrp", "HFVRP/X125-HVRP.vrp", "MDVRPTW/PR11A.vrp", "SDVRPTW/PR01.vrp", "PCVRPTW/C1_10_1.vrp",
    "VRPB/X-n524-50-k125.vrp", "loggibud/cvrp-0-rj-0.json", "loggibud/cvrp-0-rj-3.json",
    "euro_neurips/ORTEC-VRPTW-ASYM-7a80cc21-d1-n214-k15.txt.gz",
    "euro_neurips/ORTEC-VRPTW-ASYM-afb4cbe2-d1-n457-k45.txt.gz",
)  # fmt: skip
ENGINES: dict[str, Engine] = {"ruin and recreate": ruin_engine, "PyVRP": pyvrp_engine}
# Candidates tried for the next stop, nearest first, before a route goes home.
_TRIED = 30


def nearest_neighbour(problem: RoutingProblem) -> RoutingPlan:
    """Return the plan of a simple rule: always on to the nearest stop that still fits, then 2-opt in each route.

    Stops that fit no further route are left out at their price; shipments are not handled.
    """
    left, routes = set(range(problem.stops.count)), []
    for kind, vehicle in enumerate(problem.vehicle_types):
        for _ in range(vehicle.available):
            route = _grown(problem, kind, left)
            if not route:
                break
            left -= set(route)
            routes.append((kind, two_opt(problem, kind, route)))
    return plan_of(problem, routes)


def _grown(problem: RoutingProblem, kind: int, left: set[int]) -> list[int]:
    route: list[int] = []
    vehicle = problem.vehicle_types[kind]
    place = int(problem.depot_place[vehicle.depot])
    while left - set(route):
        free = np.array(sorted(left - set(route)))
        metres = problem.metres[vehicle.profile][place, problem.stops.place[free]]
        near = free[np.argsort(np.where(metres == FORBIDDEN, np.iinfo(metres.dtype).max, metres), kind="stable")][
            :_TRIED
        ]
        stop = next((int(s) for s in near if not excess_of(problem, kind, [*route, int(s)]).kinds()), None)
        if stop is None:
            break
        route.append(stop)
        place = int(problem.stops.place[stop])
    return route


def two_opt(problem: RoutingProblem, kind: int, route: list[int]) -> list[int]:
    """Return the route after reversals that make it cheaper, first improvement, until none is left."""
    cost, improved = planned_route(problem, kind, 0, route).cost, True
    while improved:
        improved = False
        for i in range(len(route) - 1):
            for j in range(i + 2, len(route) + 1):
                other = [*route[:i], *route[i:j][::-1], *route[j:]]
                if excess_of(problem, kind, other).kinds():
                    continue
                changed = planned_route(problem, kind, 0, other).cost
                if changed < cost - 1e-9:
                    route, cost, improved = other, changed, True
    return route


def _gap(file: FileProblem, plan: RoutingPlan | None, best: BestKnown | None) -> str:
    """Return the gap to the best known value in words, else the cost; vehicles too where they come first."""
    if plan is None or not np.isfinite(plan.cost):
        return "-"
    if best is None:
        return f"{file.stated_cost(plan):,.0f}"
    gap = f"{file.stated_cost(plan) / best.cost - 1:+.2%}"
    return f"{gap} ({len(plan.routes) - best.vehicles:+d})" if file.vehicle_price else gap


def _rows(folder: Path, work: Work) -> Iterator[list[str]]:
    for name in FILES:
        path = folder / name
        file, best = read_routing_file(path), best_known(path)
        gaps = [_engine_gap(name, file, best, work, engine) for engine in ENGINES]
        shipped = (file.problem.stops.partner >= 0).any()
        rule = None if shipped or file.problem.stops.count > 600 else nearest_neighbour(file.problem)
        yield [name, *gaps, _gap(file, rule, best)]


def _engine_gap(name: str, file: FileProblem, best: BestKnown | None, work: Work, engine: str) -> str:
    """Return the gap of an engine in words, and record it; the bound is no part of its time."""
    begun = time.perf_counter()
    try:
        plan = ENGINES[engine](file.problem, work).plan
    except UnsupportedError:
        return "-"
    seconds = time.perf_counter() - begun
    if plan is None:
        return "no plan"
    assert check_plan(file.problem, plan) == []
    cost = file.stated_cost(plan)
    gap = cost / best.cost - 1 if best else float("nan")
    append_record(f"routing {name} {engine} {work.seconds:g} s", seconds, objective=cost, bound=float("nan"), gap=gap)
    return _gap(file, plan, best)


def main() -> None:
    """Print one line for each file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="wall time of each engine on each file")
    seconds = parser.parse_args().seconds
    for engine in ENGINES.values():
        # Compiles before any clock runs.
        engine(read_routing_file(data_folder("vrp") / FILES[0]).problem, Work(1, 1.0, 1))
    form = "{:30} {:>16} {:>16} {:>20}"
    print(form.format("file", *ENGINES, "nearest neighbour"))
    for row in _rows(data_folder("vrp"), Work(None, seconds, 1)):
        print(form.format(*row), flush=True)


if __name__ == "__main__":
    main()
