"""The route check finds each damage to a true plan, and nothing in a true one."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.routing.check import check_plan
from solvers.routing.problem import RoutingPlan
from solvers.routing.schedule import excess_of, plan_of
from tests.routing.routing_cases import line, random_problem, truck


@pytest.fixture
def problem():
    """Three stops for two trucks, one of which may not serve stop 2; stop 2 may be left out."""
    allowed = np.array([True, True, False])
    return line(
        [4, 10, -6],
        [2, 3, 1],
        [truck(1, 5, cost_per_hour=3600.0, shift_end=60, allowed=allowed), truck(2, 5, max_metres=30, max_seconds=40)],
        window=[[0, 20], [12, 40], [0, 50]],
        service_seconds=[1, 1, 1],
        price=[np.inf, np.inf, 30.0],
    )


@pytest.fixture
def plan(problem):
    return plan_of(problem, [(0, [0, 1]), (1, [2])])


def changed(plan, number=0, **fields):
    routes = list(plan.routes)
    routes[number] = replace(routes[number], **fields)
    return replace(plan, routes=tuple(routes))


def words(problem, plan):
    return " | ".join(str(violation) for violation in check_plan(problem, plan))


def test_a_true_plan_has_no_violation(problem, plan):
    assert check_plan(problem, plan) == []
    # Leaves at 1, 10 is open from 12: served at 6 and at 12 after a second of waiting at most, back at 23.
    assert (plan.routes[0].start, plan.routes[0].begin.tolist(), plan.routes[0].end) == (1, [5, 12], 23)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"start": 2}, "arrives at 5, the way takes until 6"),
        ({"end": 22}, "ends at 22, the way takes until 23"),
        ({"wait": np.array([1, 0])}, "states 1 s of waiting"),
        ({"departure": np.array([6, 12])}, "service takes until 13"),
        ({"leg_metres": np.array([4, 5, 10])}, "is 6 m from the place before, the plan states 5"),
        ({"loads": np.array([[5], [3], [1]])}, "states load [1], it is [0]"),
        ({"cost": 1.0}, "states cost 1.0"),
        ({"vehicle": 1}, "vehicle 1 of type 0 does not exist"),
        ({"stops": np.array([0, 2])}, "may not be served by vehicle type 0"),
        ({"begin": np.array([5, 11]), "departure": np.array([6, 12])}, "outside its windows"),
    ],
)
def test_each_damage_to_a_route_is_found(problem, plan, fields, expected):
    assert expected in words(problem, changed(plan, **fields))


def test_a_stop_twice_or_never_is_found(problem, plan):
    assert "stop 2: stands 2 times" in words(
        problem, replace(plan, routes=(*plan.routes, replace(plan.routes[1], vehicle=1)))
    )
    assert "stop 2: stands 0 times" in words(problem, replace(plan, routes=plan.routes[:1]))
    assert "vehicle 0 of type 1 drives 2 routes" in words(problem, replace(plan, routes=(*plan.routes, plan.routes[1])))


def test_a_stop_that_must_be_served_is_not_left_out(problem, plan):
    short = RoutingPlan(plan.routes[1:], np.array([0, 1]), np.inf)
    assert "stop 0: must be served and is left out" in words(problem, short)


def test_a_wrong_total_is_found(problem, plan):
    assert "states cost" in words(problem, replace(plan, cost=plan.cost + 1))


def test_loads_ways_times_and_stops_above_the_limit_are_found(problem):
    heavy = problem.with_stops(delivery=np.array([[3], [3], [1]]))
    assert "load [6] is above the capacity [5]" in words(heavy, plan_of(heavy, [(0, [0, 1]), (1, [2])]))
    far = plan_of(problem, [(1, [2, 0, 1])])
    assert "takes 32 metres, its vehicle may 30" in words(problem, far)
    slow = problem.with_stops(service_seconds=np.array([1, 1, 30]))
    assert "seconds, its vehicle may 40" in words(slow, plan_of(slow, [(0, [0, 1]), (1, [2])]))


def test_a_route_outside_its_shift_is_found(problem, plan):
    vehicles = (replace(problem.vehicle_types[0], shift_end=22), problem.vehicle_types[1])
    assert "runs 1 to 23, the shift 0 to 22" in words(replace(problem, vehicle_types=vehicles), plan)
    vehicles = (replace(problem.vehicle_types[0], shift_start=2), problem.vehicle_types[1])
    assert "the shift 2 to 60" in words(replace(problem, vehicle_types=vehicles), plan)


def test_a_shipment_in_the_wrong_order_or_on_two_routes_is_found():
    problem = line([10, 4], [[0], [2]], [truck(2, 2)], pickup=[2, 0], partner=[1, 0])
    assert "does not come after it" in words(problem, plan_of(problem, [(0, [1, 0])]))
    assert "is on another trip" in words(problem, plan_of(problem, [(0, [0]), (0, [1])]))


def test_goods_that_leave_before_their_release_are_found():
    problem = line([4], [1], [truck()], release=[50])
    plan = plan_of(problem, [(0, [0])])
    early = problem.with_stops(release=np.array([60]))
    assert check_plan(problem, plan) == []
    assert "is released at 60, its trip is loaded at 50" in words(early, plan)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.integers(0, 10**6))
def test_the_check_and_the_planner_agree_on_what_can_be_driven(seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, 4)
    order, kind = rng.permutation(4).tolist(), int(rng.integers(len(problem.vehicle_types)))
    problem = problem.with_stops(price=np.full(4, 5.0))
    if excess_of(problem, kind, order).late:
        return
    violations = check_plan(problem, plan_of(problem, [(kind, order)]))
    assert bool(violations) == bool(excess_of(problem, kind, order).kinds())
