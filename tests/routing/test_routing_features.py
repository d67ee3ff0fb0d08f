"""Our search where it drives whole routes: the optimum of small problems with each feature, and that each one binds."""

from dataclasses import replace

import numpy as np
import pytest

from solvers.routing.bound import lower_bound
from solvers.routing.check import check_plan
from solvers.routing.problem import TOGETHER, Work
from solvers.routing.rich_engine import rich_engine
from tests.routing.rich_cases import cheapest_plan, rich_problem, settled

SEARCH = Work(60, None, 1)
NOT_ASKED = {
    "breaks": lambda p: fleet_with(p, breaks=()),
    "drive": lambda p: fleet_with(p, breaks=()),
    "hours": lambda p: replace(p, seconds=p.least_seconds, band_starts=(0,)),
    "windows": lambda p: p.with_stops(
        first_window=np.arange(p.stops.count + 1), window_start=p.stops.earliest(), window_end=p.stops.latest()
    ),
    "apart": lambda p: p.with_stops(apart=np.full(p.stops.count, TOGETHER)),
    "reloads": lambda p: fleet_with(p, max_reloads=0),
    "loading": lambda p: fleet_with(p, loading=()),
}
FEATURES = [
    ("breaks",),
    ("drive",),
    ("windows",),
    ("hours",),
    ("apart",),
    ("shipments",),
    ("reloads",),
    ("loading", "reloads", "release"),
    ("settled", "release"),
    ("settled", "reloads", "release"),
    ("breaks", "hours", "settled"),
    ("shipments", "reloads", "apart"),
    ("breaks", "drive", "windows", "apart"),
]


def fleet_with(problem, **fields):
    return replace(problem, vehicle_types=tuple(replace(v, **fields) for v in problem.vehicle_types))


@pytest.mark.parametrize("features", FEATURES, ids="+".join)
def test_small_problems_are_solved_to_their_optimum_and_the_feature_decides_some(features):
    rng = np.random.default_rng(list(map(ord, "".join(features))))
    solvable = binding = 0
    for _ in range(10):
        problem = rich_problem(rng, 5, features)
        problem = settled(rng, problem) if "settled" in features else problem
        least = cheapest_plan(problem)
        plan = rich_engine(problem, SEARCH).plan
        assert (plan is None) == (least is None)
        if plan is None:
            continue
        assert check_plan(problem, plan) == []
        assert plan.cost == pytest.approx(least)
        assert lower_bound(problem).value <= least + 1e-6
        solvable += 1
        other = NOT_ASKED.get(features[0])
        binding += other is not None and cheapest_plan(other(problem)) != pytest.approx(least)
    assert solvable >= 4
    assert features[0] not in NOT_ASKED or binding >= 2
