"""The times of one route: breaks, windows, speeds by hour, times to load; against every start and place."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from solvers.routing.check import check_plan
from solvers.routing.problem import MUST, RELOAD, Break
from solvers.routing.schedule import excess_of, plan_of
from tests.routing.rich_cases import arrive, least_paid, rich_problem
from tests.routing.routing_cases import PER_SECOND, line, truck

FEATURES = [
    ("breaks",),
    ("drive",),
    ("windows",),
    ("hours",),
    ("loading", "reloads", "release"),
    ("breaks", "drive", "windows"),
    ("hours", "windows"),
    ("breaks", "hours", "reloads", "loading"),
]


def orders(problem, rng, number):
    for _ in range(number):
        order = rng.permutation(problem.stops.count)[: int(rng.integers(1, 5))].tolist()
        if problem.vehicle_types[0].max_reloads and len(order) > 1 and rng.random() < 0.7:
            order.insert(int(rng.integers(1, len(order))), RELOAD)
        yield order


@pytest.mark.parametrize("features", FEATURES, ids="+".join)
def test_the_times_of_a_route_are_the_cheapest_of_all_starts_and_breaks(features):
    rng = np.random.default_rng(list(map(ord, "".join(features))))
    drivable = binding = exact = 0
    for _ in range(15):
        problem = rich_problem(rng, 5, features)
        problem = problem.with_stops(price=np.where(problem.stops.price == MUST, 50.0, problem.stops.price))
        vehicle = problem.vehicle_types[0]
        for order in orders(problem, rng, 4):
            least, kinds = least_paid(problem, vehicle, order), excess_of(problem, 0, order).kinds() - {"load"}
            assert (least is None) == bool(kinds), (order, least, kinds)
            if least is not None:
                plan = plan_of(problem, [(0, order)])
                # With speeds by hour a start between two events may round luckily.
                assert least <= plan.routes[0].paid_seconds <= least + ("hours" in features), order
                exact += plan.routes[0].paid_seconds == least
                assert [v for v in check_plan(problem, plan) if "load [" not in str(v)] == []
                drivable += 1
                free = replace(vehicle, breaks=(), loading=())
                binding += least != least_paid(problem, free, order)
    assert drivable >= 8
    assert exact >= 0.9 * drivable
    if {"breaks", "drive", "loading"} & set(features):
        assert binding >= 2


def test_a_break_is_taken_in_its_time_where_the_route_is_long_enough_for_it():
    # Out to 10 and on to 30: back at 60. A break of 5 from 8 to 20 is taken at 10, so back at 65.
    pause = Break(8, 20, 5)
    problem = line([10, 30], [1, 1], [truck(breaks=(pause,), shift_end=70)])
    route = plan_of(problem, [(0, [0, 1])]).routes[0]
    assert (route.end, route.breaks[0].begin, route.breaks[0].position) == (65, 10, 0)
    # A vehicle that is back at 20 needs none.
    assert plan_of(problem, [(0, [0]), (0, [1])]).routes[0].breaks == ()


def test_an_unpaid_break_costs_nothing_and_no_time_of_the_driver():
    # 10 is open until 15 only, so that nobody leaves after the break's time to be spared it.
    pause, fields = Break(8, 20, 5, paid=False), {"cost_per_hour": PER_SECOND}
    windows = {"window": [[0, 15], [0, 100]]}
    paid = line([10, 30], [1, 1], [truck(breaks=(pause._replace(paid=True),), **fields)], **windows)
    unpaid = line([10, 30], [1, 1], [truck(breaks=(pause,), max_seconds=60, **fields)], **windows)
    assert plan_of(paid, [(0, [0, 1])]).cost == 60 + 65
    route = plan_of(unpaid, [(0, [0, 1])]).routes[0]
    assert (route.cost, route.seconds, route.paid_seconds) == (60 + 60, 65, 60)
    assert excess_of(unpaid, 0, [0, 1]).kinds() == set()


def test_driving_is_interrupted_before_the_rule_is_broken():
    # Legs of 10, 10, 10 and 30 home; at most 30 without a break: one before the way home.
    problem = line([10, 20, 30], [1, 1, 1], [truck(breaks=(Break(0, 1000, 4, 30),))])
    route = plan_of(problem, [(0, [0, 1, 2])]).routes[0]
    assert (route.end, [taken.position for taken in route.breaks]) == (64, [2])
    # With 29 the way home alone is too long.
    shorter = line([10, 20, 30], [1, 1, 1], [truck(breaks=(Break(0, 1000, 4, 29),))])
    assert excess_of(shorter, 0, [0, 1, 2]).kinds() == {"breaks"}


def test_who_leaves_later_never_arrives_earlier():
    rng = np.random.default_rng(8)
    for _ in range(20):
        problem = rich_problem(rng, 4, ("hours",))
        vehicle = problem.vehicle_types[0]
        for arc in ((0, 1), (2, 3), (4, 1)):
            arrivals = [arrive(problem, vehicle, arc, leave) for leave in range(70)]
            assert all(a <= b for a, b in pairwise(arrivals))


def test_hours_that_are_all_alike_change_nothing():
    rng = np.random.default_rng(3)
    problem = rich_problem(rng, 5, ("windows",))
    alike = type(problem)(
        **{**vars(problem), "seconds": (np.stack([problem.seconds[0]] * 3),), "band_starts": (0, 9, 30)}
    )
    for order in orders(problem, rng, 20):
        assert excess_of(problem, 0, order) == excess_of(alike, 0, order)
        if not excess_of(problem, 0, order).kinds():
            one, other = plan_of(problem, [(0, order)]).routes[0], plan_of(alike, [(0, order)]).routes[0]
            assert (one.start, one.end, one.cost) == (other.start, other.end, other.cost)
