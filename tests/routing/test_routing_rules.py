"""Each rule beyond loads and windows: what the check says of it broken, what is told of contradictions and causes."""

from dataclasses import replace

import numpy as np
import pytest

from solvers.routing.bound import lower_bound
from solvers.routing.check import check_plan
from solvers.routing.problem import NO_LIMIT, RELOAD, Break, Dock, RoutingProblemError, Work
from solvers.routing.ruin_engine import ruin_engine
from solvers.routing.schedule import excess_of, plan_of
from solvers.routing.unserved import reasons_left_out
from tests.routing.routing_cases import PER_SECOND, line, truck

SEARCH = Work(50, None, 1)


def words(problem, plan):
    return " | ".join(str(violation) for violation in check_plan(problem, plan))


def with_type(problem, **fields):
    return replace(problem, vehicle_types=(replace(problem.vehicle_types[0], **fields), *problem.vehicle_types[1:]))


def changed(plan, **fields):
    return replace(plan, routes=(replace(plan.routes[0], **fields), *plan.routes[1:]))


def long_day(**fields):
    """Out to 10 and 30 and back, 60 seconds, with a break of 5 from 8 to 20."""
    return line([10, 30], [1, 1], [truck(breaks=(Break(8, 20, 5),), **fields)], window=[[0, 15], [0, 99]])


def test_each_damage_to_a_break_is_found():
    problem = long_day()
    plan = plan_of(problem, [(0, [0, 1])])
    assert words(problem, plan) == ""
    (pause,) = plan.routes[0].breaks
    free = plan_of(with_type(problem, breaks=()), [(0, [0, 1])])
    assert "break 0, due by 20, is not taken" in words(problem, free)
    assert "leaves at 15, service takes until 10" in words(problem, changed(plan, breaks=()))
    for damage, expected in (
        ({"begin": 9}, "before set-up and breaks are done"),
        ({"begin": 21}, "begins at 21, not from 8 to 20"),
        ({"seconds": 4}, "takes 4 s, it should be 5"),
        ({"number": 3}, "takes break 3"),
        ({"paid": False}, "states cost"),
    ):
        hurt = with_type(problem, cost_per_hour=PER_SECOND)
        damaged = changed(plan_of(hurt, [(0, [0, 1])]), breaks=(pause._replace(**damage),))
        found = words(hurt, damaged)
        assert expected in found or "leaves at" in found, damage
        assert found, damage
    twice = changed(plan, breaks=(pause, pause._replace(begin=16, position=0)))
    assert "break 0 is taken 2 times" in words(problem, twice)


def test_driving_without_a_rest_is_found():
    problem = line([10, 20, 30], [1, 1, 1], [truck(breaks=(Break(0, NO_LIMIT, 4, 60),))])
    plan = plan_of(problem, [(0, [0, 1, 2])])
    assert (words(problem, plan), plan.routes[0].breaks) == ("", ())
    assert "is reached after 60 s of driving, a break is due after 40" in words(
        with_type(problem, breaks=(Break(0, NO_LIMIT, 4, 40),)), plan
    )


def test_a_break_shorter_than_the_rule_is_no_rest_from_driving():
    # The short one at 10 leaves 60 of driving since the start: the rule of 50 needs its own.
    short, rule = Break(10, 10, 2), Break(0, NO_LIMIT, 4, 50)
    problem = line([10, 30], [1, 1], [truck(breaks=(short, rule))], window=[[0, 12], [0, 99]])
    plan = plan_of(problem, [(0, [0, 1])])
    assert (words(problem, plan), plan.routes[0].end) == ("", 60 + 2 + 4)
    assert [pause.number for pause in plan.routes[0].breaks] == [0, 1]
    alone = changed(plan, breaks=plan.routes[0].breaks[:1])
    assert "a break is due after 50" in words(problem, alone)


def test_a_second_trip_that_would_wait_for_its_goods_is_driven_by_another():
    # Loads of 1 at 4 and 6; the second is released at 90: one truck would wait, at 1 a second; another costs 20.
    vehicle = truck(2, 1, max_reloads=1, fixed_cost=20.0, cost_per_hour=PER_SECOND)
    problem = line([4, 6], [1, 1], [vehicle], window=[[0, 10], [0, 999]], release=[0, 90])
    plan = ruin_engine(problem, SEARCH).plan
    assert (plan.cost, len(plan.routes)) == (2 * 20 + 2 * (8 + 12), 2)
    assert words(problem, plan) == ""


def test_the_speed_of_the_hour_is_checked_and_drives_the_plan_around_it():
    # Twice as slow from 10 on: out to 10 by then, back in 20; leaving at 5 half the way out is slow too.
    problem = line([10], [1], [truck(cost_per_hour=PER_SECOND)])
    seconds = np.stack([problem.seconds[0], 2 * problem.seconds[0]])
    slow = replace(problem, seconds=(seconds,), band_starts=(0, 10))
    route = plan_of(slow, [(0, [0])]).routes[0]
    assert (route.start, route.end) == (0, 30)
    assert words(slow, plan_of(slow, [(0, [0])])) == ""
    assert "ends at 20, the way takes until 30" in words(slow, plan_of(problem, [(0, [0])]))
    late = plan_of(slow.with_stops(release=np.array([5])), [(0, [0])]).routes[0]
    # 5 of 10 seconds are left at 10, which take 10 more.
    assert late.arrival.tolist() == [20]
    assert lower_bound(slow).value <= 20 + 20


def test_goods_apart_take_two_trips_and_one_trip_with_both_is_found():
    problem = line([4, 10], [1, 1], [truck(2, 9)])
    apart = problem.with_stops(apart=np.array([1, 2]))
    plan = ruin_engine(apart, SEARCH).plan
    assert (plan.cost, len(plan.routes)) == (28, 2)
    assert "travels with goods of other groups: [1, 2] are on one trip" in words(apart, plan_of(apart, [(0, [0, 1])]))
    assert excess_of(apart, 0, [0, 1]).kinds() == {"apart"}
    mixed = problem.with_stops(apart=np.array([1, -1]))
    assert ruin_engine(mixed, SEARCH).plan.cost == 20
    again = with_type(apart, available=1, max_reloads=1)
    assert ruin_engine(again, SEARCH).plan.routes[0].trips.tolist() in ([0, 1, 1], [0, 1, 1])


def under_way(**fields):
    """A vehicle that left at 2 for the stop at 20, where it is at 22; two more vehicles; stops at 20, 10 and 30."""
    own = truck(1, 9, prefix=(0,), driven=(2,), resume=5, **fields)
    return line([20, 10, 30], [1, 1, 1], [own, truck(2, 9, fixed_cost=5.0)], release=[0, 0, 40])


def test_what_is_settled_stays_and_goods_not_aboard_go_with_another():
    problem = under_way()
    plan = ruin_engine(problem, SEARCH).plan
    assert words(problem, plan) == ""
    first = plan.routes[0]
    # 10 is on its way back; 30 is released at 40, when the vehicle has left.
    assert (first.vehicle_type, first.stops.tolist(), first.start) == (0, [0, 1], 2)
    assert plan.routes[1].start == 40
    assert excess_of(problem, 0, [0, 2]).release == 38


def test_a_broken_lock_is_found():
    problem = under_way()
    other = plan_of(replace(problem, vehicle_types=(truck(1, 9), problem.vehicle_types[1])), [(0, [1, 0]), (1, [2])])
    found = words(problem, other)
    assert "vehicle type 0 should begin with [0]" in found
    assert "starts at 0, it left at 2" in found
    waiting = with_type(problem, resume=30)
    assert "leaves at 22, service takes until 30" in words(waiting, ruin_engine(problem, SEARCH).plan)


def test_the_window_of_a_settled_stop_is_asked_no_more():
    problem = under_way().with_stops(
        first_window=np.array([0, 1, 1, 1]), window_start=np.array([0]), window_end=np.array([9])
    )
    plan = ruin_engine(problem, SEARCH).plan
    assert plan.routes[0].begin.tolist()[0] == 22
    assert words(problem, plan) == ""
    assert lower_bound(problem).value <= plan.cost


@pytest.mark.parametrize(
    ("fields", "others", "expected"),
    [
        ({"prefix": (0,)}, {"prefix": (0,), "available": 1}, r"stop 0 is locked to vehicle types \[0, 1\]"),
        ({"prefix": (0, 0)}, {}, "stop 0 is locked 2 times"),
        ({"prefix": (7,)}, {}, r"locked stops \[7\] are not among the 3"),
        ({"prefix": (0,), "available": 2}, {}, "has locked stops for 2 vehicles"),
        ({"prefix": (0,), "allowed": np.array([False, True, True])}, {}, "stop 0 is locked to it, and it may not"),
        ({"prefix": (0, RELOAD, 1)}, {}, "1 reloads are locked"),
        ({"prefix": (0, RELOAD), "max_reloads": 1}, {}, "trip 1 of the locked ones has no stop"),
        ({"prefix": (0, 1)}, {}, r"goods of groups \[1, 2\] must not travel together, and are locked to one trip"),
        ({"prefix": (0,), "driven": (9, 4)}, {}, r"driven \[9, 4\] should ascend"),
        ({"breaks": (Break(9, 4, 5),)}, {}, "break 0 begins at 4 at the latest, before 9"),
        ({"breaks": (Break(0, 9, 5, 4), Break(0, 9, 5, 4))}, {}, "more than one break by driving time"),
        ({"loading": ((9, 4),)}, {}, "its time to load ends at 4, before it starts at 9"),
    ],
)
def test_contradictions_are_told_in_words(fields, others, expected):
    problem = line([4, 10, 7], [1, 1, 1], [truck(1), truck(1)], apart=[1, 2, -1])
    types = replace(problem.vehicle_types[0], **fields), replace(problem.vehicle_types[1], **others)
    with pytest.raises(RoutingProblemError, match=expected):
        replace(problem, vehicle_types=types)


def left_out(problem, sequences):
    (reason,) = reasons_left_out(problem, plan_of(problem, sequences))
    return reason.cause, reason.relaxation.kind


def test_why_a_stop_is_left_out_names_the_new_rules():
    prices = {"price": [900.0, 900.0]}
    pause = Break(8, 9, 5)
    tired = line([10, 20], [1, 1], [truck(breaks=(pause,))], window=[[0, 30], [0, 14]], **prices)
    # 20 cannot be reached by 14 in any case; at 10, in 10 seconds, the break's time of 8 to 9 is past on the way.
    assert left_out(tired.with_stops(window_end=np.array([10, 99])), [(0, [1])]) == ("break", "breaks")
    apart = line([4, 10], [1, 1], [truck(1)], apart=[1, 2], **prices)
    assert left_out(apart, [(0, [0])]) == ("apart", "apart")
    locked = line([4, 10], [1, 1], [truck(1, prefix=(0,), driven=(3,))], release=[0, 9], **prices)
    assert left_out(locked, [(0, [0])])[0] == "lock"
    early = line([4, 10], [1, 1], [truck(2, 1, loading=((0, 3),), reload_seconds=5)], **prices)
    assert left_out(early, [(0, [0])]) == ("dock", "loading")
    doors = replace(
        line([4, 10], [1, 1], [truck(2, 1, reload_seconds=5)], window=[[0, 99], [0, 15]], **prices),
        docks=(Dock(0, -5, 0, 1),),
    )
    assert left_out(doors, [(0, [0])]) == ("dock", "loading")
