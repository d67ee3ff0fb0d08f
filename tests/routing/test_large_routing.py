"""Thousands of stops: ways that are computed, groups of routes in other processes, alike for any number of them."""

from dataclasses import replace

import numpy as np
import pytest

from optimizer.executor import run_all_on
from solvers.routing.check import check_plan
from solvers.routing.choice import chosen_engine
from solvers.routing.decomposition import grouped_engine
from solvers.routing.problem import MUST, RoutingProblem, VehicleType, Work, stops_of
from solvers.routing.ruin_engine import ROUNDS, ruin_engine
from solvers.routing.straight_ways import StraightWays


def plane_problem(count, seed=0, **fields):
    """Stops in a square around a depot, vehicles that carry ten of them; no matrix."""
    rng = np.random.default_rng(seed)
    ways = StraightWays(rng.integers(0, 1000, (count + 1, 2)).astype(float))
    stops = stops_of(np.arange(1, count + 1), rng.integers(1, 4, (count, 1)), **fields)
    vehicle = VehicleType(count, (20,), cost_per_km=1000.0)
    return RoutingProblem(stops, np.array([0]), (vehicle,), (ways,), (ways,))


def in_matrix(problem):
    """The same problem with its ways in a matrix."""
    every = np.arange(problem.metres[0].shape[0])
    matrix = problem.metres[0][np.ix_(every, every)]
    return replace(problem, metres=(matrix,), seconds=(matrix,))


def sequences(plan):
    return [(route.vehicle_type, route.stops.tolist()) for route in plan.routes]


@pytest.mark.parametrize(("scale", "cut"), [(1.0, False), (10.0, True), (1000.0, False)])
def test_computed_ways_are_those_of_the_matrix(scale, cut):
    # 3 and 4 apart is 5; 1 and 1 is 1.414..: 1, 14 and 1414 in the three conventions.
    ways = StraightWays(np.array([[0.0, 0.0], [3.0, 4.0], [1.0, 1.0]]), scale, cut)
    assert int(ways[0, 1]) == 5 * scale
    assert int(ways[0, 2]) == {1.0: 1, 10.0: 14, 1000.0: 1414}[scale]
    assert ways[np.ix_([0, 1], [1, 2])].shape == (2, 2)
    assert ways.max() >= 5 * scale


def test_a_search_without_a_matrix_finds_the_plan_of_the_search_with_one():
    window = np.tile([[0, 4000]], (60, 1))
    for fields in ({}, {"window": window, "service_seconds": np.full(60, 10)}):
        plain = plane_problem(60, **fields)
        with_matrix = in_matrix(plain)
        plans = [ruin_engine(problem, Work(100, None, 3)).plan for problem in (plain, with_matrix)]
        assert check_plan(plain, plans[0]) == check_plan(with_matrix, plans[0]) == []
        # Near stops are listed in another order where two are as far, so plans may differ a little.
        assert plans[0].cost == pytest.approx(plans[1].cost, rel=0.03)


def test_a_large_problem_is_planned_alike_by_one_and_two_processes():
    problem, work = plane_problem(2400), Work(600, None, 1)
    assert chosen_engine(problem).name == "ruin and recreate in groups of routes"
    alone = chosen_engine(problem).engine(problem, work).plan
    with run_all_on(2) as run_all:
        together = grouped_engine(problem, work, run_all).plan
    assert sequences(alone) == sequences(together)
    assert check_plan(problem, together) == []
    first = ruin_engine(problem, Work(0, None, 1)).plan
    # 18,000 rounds take more than 3 % off the first plan.
    assert alone.cost < 0.97 * first.cost
    assert ROUNDS * work.iterations == 18_000


def test_groups_keep_windows_prices_fleets_and_stops_nobody_may_serve():
    rng = np.random.default_rng(4)
    opens = rng.integers(0, 3000, 2000)
    price = np.where(rng.random(2000) < 0.1, 5.0, MUST)
    problem = plane_problem(2000, window=np.stack([opens, opens + 3000], axis=1), price=price)
    allowed = rng.random(2000) < 0.8
    types = (
        replace(problem.vehicle_types[0], available=150, allowed=allowed, fixed_cost=50.0),
        replace(problem.vehicle_types[0], capacity=(15,), fixed_cost=80.0),
    )
    problem = replace(problem, vehicle_types=types)
    plan = grouped_engine(problem, Work(300, None, 1)).plan
    assert check_plan(problem, plan) == []
    assert {route.vehicle_type for route in plan.routes} == {0, 1}
    assert len(plan.unserved) > 0


def test_a_large_problem_keeps_its_clock():
    answer = grouped_engine(plane_problem(2000), Work(None, 2.0, 1))
    assert answer.limit == "seconds"
    assert answer.plan is not None
