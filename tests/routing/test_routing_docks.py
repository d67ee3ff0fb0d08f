"""Doors of a depot: loadings one after the other, slots, and what the check says."""

from dataclasses import replace

import numpy as np
import pytest

from solvers.routing.check import check_plan
from solvers.routing.problem import RELOAD, Dock, RoutingProblemError, Work
from solvers.routing.ruin_engine import ruin_engine
from solvers.routing.schedule import plan_of
from tests.routing.rich_cases import rich_problem
from tests.routing.routing_cases import PER_SECOND, line, truck

SEARCH = Work(50, None, 1)


def doors(problem, *slots):
    return replace(problem, docks=tuple(Dock(0, *slot) for slot in slots))


def three_trucks(**fields):
    """Three full loads to 4, 10 and 12 metres, each on a truck of its own that loads for 5 seconds; time costs."""
    vehicle = truck(3, 1, cost_per_km=0.0, cost_per_hour=PER_SECOND, reload_seconds=5, **fields)
    return line([4, 10, 12], [1, 1, 1], [vehicle], window=[[0, 14], [0, 20], [0, 30]])


def words(problem, plan):
    return " | ".join(str(violation) for violation in check_plan(problem, plan))


def test_loadings_follow_each_other_at_one_door():
    problem = doors(three_trucks(shift_start=5), (0, 15, 1))
    plan = ruin_engine(problem, SEARCH).plan
    assert check_plan(problem, plan) == []
    # 5 to 10 must leave by 10, 10 to 20 by 10 and 12 by 18: loaded in this order or the first two exchanged.
    assert sorted(route.start for route in plan.routes) == [5, 10, 15]
    assert plan.cost == pytest.approx(2 * (4 + 10 + 12))


def test_more_loadings_at_once_than_doors_are_found():
    problem = three_trucks(shift_start=5)
    free = plan_of(problem, [(0, [0]), (0, [1]), (0, [2])])
    assert "3 load at depot 0 at 0, it has 1 doors then" in words(doors(problem, (0, 15, 1)), free)
    assert words(doors(problem, (0, 15, 3)), free) == ""
    assert words(doors(problem, (0, 15, 1), (0, 9, 2)), free) == ""
    assert "it has 0 doors then" in words(doors(problem, (2, 15, 3)), free)


def test_a_slot_that_closes_during_a_loading_is_too_short():
    problem = three_trucks(shift_start=5)
    free = plan_of(problem, [(0, [0])])
    assert "1 load at depot 0 at 3, it has 0 doors then" in words(doors(problem, (0, 3, 1)), free)
    assert "doors" not in words(doors(problem, (0, 3, 1), (3, 6, 1)), free)


def test_two_slots_decide_when_the_second_trip_is_loaded():
    # One truck, two full loads: back at 8 from the first, the door opens again at 30: 30 + 5 + 20.
    vehicle = truck(1, 1, max_reloads=1, reload_seconds=5, cost_per_hour=PER_SECOND)
    problem = doors(line([4, 10], [1, 1], [vehicle], window=[[0, 20], [0, 99]]), (0, 7, 1), (30, 40, 1))
    plan = ruin_engine(problem, SEARCH).plan
    assert check_plan(problem, plan) == []
    assert plan.routes[0].stops.tolist() == [0, RELOAD, 1]
    assert (plan.routes[0].start, plan.routes[0].begin.tolist()[1], plan.routes[0].end) == (7, 30, 55)


def test_without_a_door_there_is_no_plan():
    assert ruin_engine(doors(three_trucks(), (0, 99, 0)), SEARCH).plan is None


@pytest.mark.parametrize("seed", range(10))
def test_random_problems_with_one_door_pass_the_check_and_cost_no_less_than_without(seed):
    rng = np.random.default_rng(seed)
    free = rich_problem(rng, 6, ("reloads", "release"), kinds=2)
    free = free.with_stops(price=np.full(6, 60.0))
    problem = doors(free, (0, 8, 1), (12, 60, 1))
    plan, other = ruin_engine(problem, SEARCH).plan, ruin_engine(free, Work(500, None, 1)).plan
    assert check_plan(problem, plan) == []
    assert plan.cost >= other.cost - 1e-6
    assert ruin_engine(problem, SEARCH).plan.cost == plan.cost


def test_docks_that_make_no_sense_are_told():
    with pytest.raises(RoutingProblemError, match="dock 0: depot 3 is not among the 1"):
        replace(three_trucks(), docks=(Dock(3, 0, 9, 1), Dock(0, 9, 9, 1)))
