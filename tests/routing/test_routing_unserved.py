"""Each cause of a stop left out, with the cheapest single thing that lets it in, on problems small enough to see."""

import numpy as np
import pytest

from solvers.routing.problem import RoutingPlan
from solvers.routing.schedule import plan_of
from solvers.routing.unserved import reasons_left_out
from tests.routing.routing_cases import line, truck

PRICE = [1000.0, 1000.0]


def reason(problem, sequences):
    """The reason of the one stop that `sequences` leave out."""
    (found,) = reasons_left_out(problem, plan_of(problem, sequences))
    return found


def test_a_load_above_every_vehicle_wants_a_bigger_one():
    found = reason(line([4, 10], [1, 7], [truck(1, 5)], price=PRICE), [(0, [0])])
    assert (found.stop, found.cause) == (1, "load")
    # 2 more than 5 on a trip of its own, 2 x 10.
    assert (found.relaxation.kind, found.relaxation.amount, found.relaxation.cost) == ("load", 2, 20.0)


def test_a_stop_no_type_may_serve_wants_the_cheapest_allowed():
    vehicles = [truck(1, allowed=np.array([True, False]), cost_per_km=2000.0)]
    found = reason(line([4, 10], [1, 1], vehicles, price=PRICE), [(0, [0])])
    assert (found.cause, found.relaxation.kind, found.relaxation.cost) == ("skills", "skills", 40.0)


def test_a_window_that_closes_too_soon_wants_more_time():
    problem = line([4, 10], [1, 1], [truck(2)], price=PRICE, window=[[0, 50], [0, 7]])
    found = reason(problem, [(0, [0])])
    assert (found.cause, found.relaxation.kind, found.relaxation.amount) == ("window", "window", 3)


def test_a_shift_too_short_for_its_trip_wants_a_longer_one():
    found = reason(line([4, 10], [1, 1], [truck(2, shift_end=15)], price=PRICE), [(0, [0])])
    assert (found.cause, found.relaxation.kind, found.relaxation.amount) == ("limits", "shift", 5)


def test_when_all_vehicles_are_out_the_cheapest_of_another_vehicle_and_more_room_wins():
    # One more vehicle costs 2 x 10 and 3 fixed; one more unit of load on the route to 12 costs no way at all.
    problem = line([12, 10], [5, 1], [truck(1, 5, fixed_cost=3.0)], price=PRICE)
    found = reason(problem, [(0, [0])])
    assert (found.cause, found.relaxation.kind, found.relaxation.amount) == ("vehicles", "load", 1)
    assert (found.relaxation.route, found.relaxation.cost) == (0, 0.0)
    # On the other side of the depot another vehicle costs 23, more room 2 x 10 of way.
    other = reason(line([12, -10], [5, 1], [truck(1, 5, fixed_cost=3.0)], price=PRICE), [(0, [0])])
    assert (other.relaxation.kind, other.relaxation.cost) == ("load", 20.0)


def test_a_second_rule_broken_rules_a_place_out():
    # The route to 12 lacks room and stops, so only another vehicle helps.
    problem = line([12, 10], [5, 1], [truck(1, 5, fixed_cost=3.0, max_stops=1)], price=PRICE)
    found = reason(problem, [(0, [0])])
    assert (found.relaxation.kind, found.relaxation.cost) == ("vehicle", 23.0)


def test_a_price_below_the_detour_is_named_with_the_detour():
    found = reason(line([4, 10], [1, 1], [truck(1)], price=[1000.0, 5.0]), [(0, [0])])
    # Going on from 4 to 10 adds 12, its price is 5.
    assert (found.cause, found.relaxation.kind, found.relaxation.cost) == ("price", "price", 12.0)


def test_what_would_pay_and_was_not_found_is_the_search_s_fault():
    found = reason(line([4, 10], [1, 1], [truck(1)], price=[1000.0, 50.0]), [(0, [0])])
    assert (found.cause, found.relaxation.cost) == ("search", 12.0)


def test_an_empty_plan_has_a_reason_for_every_stop():
    problem = line([4, 10], [1, 1], [truck(1)], price=[1.0, 2.0])
    found = reasons_left_out(problem, RoutingPlan((), np.array([0, 1]), 3.0))
    assert [(r.stop, r.cause, r.relaxation.cost) for r in found] == [(0, "price", 8.0), (1, "price", 20.0)]


def test_half_a_shipment_is_not_analysed():
    problem = line([10, 4], [[0], [2]], [truck(2, 2)], pickup=[2, 0], partner=[1, 0], price=PRICE)
    found = reasons_left_out(problem, RoutingPlan((), np.array([0, 1]), 2000.0))
    assert {(r.cause, r.relaxation.kind) for r in found} == {("partner", "none")}


def test_an_open_end_is_joined_at_its_end():
    found = reason(line([4, 10], [1, 1], [truck(1, end_depot=None)], price=[1000.0, 5.0]), [(0, [0])])
    assert (found.cause, found.relaxation.cost) == ("price", pytest.approx(6.0))
