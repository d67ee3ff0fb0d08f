"""Stock through a period, worked by hand, and the closed loop of the VN2 challenge."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.backtest import Replay, roll
from scenarios.flow import age, run_period, sell_first_expired_first
from scenarios.simulate import Stock, simulate


def test_what_expires_first_is_sold_first():
    # 2 units with the shortest life, 3 with the next, 5 that keep: a demand of 4 takes 2 + 2.
    left = sell_first_expired_first(np.array([[2.0, 3.0, 5.0]]), np.array([4.0]))
    assert left.tolist() == [[0.0, 1.0, 5.0]]


def test_a_day_older_the_shortest_life_expires():
    older, expired = age(np.array([[2.0, 3.0, 5.0]]))
    assert expired.tolist() == [2.0]
    assert older.tolist() == [[3.0, 0.0, 5.0]]


def test_lost_sales_and_backorders_differ_in_what_they_leave():
    stock, none, demand = np.array([[3.0]]), np.array([[0.0]]), np.array([5.0])
    lost = run_period(stock, none, demand)
    assert (lost.sold[0], lost.short[0], lost.closing[0]) == (3.0, 2.0, 0.0)
    owed = run_period(stock, none, demand, np.array([1.0]))
    # 1 owed before + 5 today = 6 wanted, 3 there: 3 owed, closing -3.
    assert (owed.sold[0], owed.short[0], owed.closing[0]) == (3.0, 3.0, -3.0)


def test_three_periods_by_hand():
    # Opening 5; receipts 0, 4, 0; demand 3, 5, 4.
    # Day 1: 5 - 3 = 2. Day 2: 2 + 4 - 5 = 1. Day 3: 1 - 4 -> sells 1, loses 3.
    receipts = np.array([[[0.0], [4.0], [0.0]]])
    course = simulate(Stock(np.array([[5.0]]), receipts), np.array([[3.0, 5.0, 4.0]]))
    assert course.closing.tolist() == [[2.0, 1.0, 0.0]]
    assert course.short.tolist() == [[0.0, 0.0, 3.0]]
    assert course.opening.tolist() == [[5.0, 2.0, 1.0]]


def test_expired_units_leave_between_periods():
    # 4 units can be sold only today; 1 is, so 3 expire before tomorrow's demand of 2, which is lost.
    on_hand = np.array([[4.0, 0.0]])
    course = simulate(Stock(on_hand, np.zeros((1, 2, 2))), np.array([[1.0, 2.0]]))
    assert course.expired.tolist() == [[0.0, 3.0]]
    assert course.short.tolist() == [[0.0, 2.0]]


amounts = st.lists(st.integers(0, 20), min_size=4, max_size=4)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(amounts, amounts, amounts, st.booleans())
def test_no_unit_appears_or_vanishes(on_hand, receipts, demand, backorders):
    stock = Stock(
        np.array([on_hand], float),
        np.array([[[r, 0, 0, 0] for r in receipts]], float),
        np.zeros(1) if backorders else None,
    )
    course = simulate(stock, np.array([demand], float))
    came = sum(on_hand) + sum(receipts)
    left = max(course.closing[0, -1], 0.0) if not backorders else course.closing[0, -1] + course.short[0, -1]
    assert came == pytest.approx(course.sold.sum() + course.expired.sum() + left)


def vn2_case(planner):
    # One series, lead 2, three weeks played, an order in the first only. Stock 4, due 1 and 2. Demand 3, 6, 5.
    replay = Replay(
        demand=np.array([[9.0, 3.0, 6.0, 5.0]]),
        begin=1,
        lead=np.array([2]),
        on_hand=np.array([4.0]),
        arrivals=np.array([[1.0, 2.0]]),
        can_order=np.array([[True, False, False]]),
        holding=np.array([0.2]),
        shortage=np.array([1.0]),
    )
    return roll(replay, planner)


def test_a_challenge_case_worked_by_hand():
    rolled = vn2_case(lambda seen: np.array([3.0]))
    # Week 1: 4 + 1 = 5, sells 3, leaves 2: .4.  Week 2: 2 + 2 = 4, sells 4, loses 2: 2.
    # Week 3: 0 + 3 (ordered in week 1) = 3, sells 3, loses 2: 2.
    assert rolled.closing.tolist() == [[2.0, 0.0, 0.0]]
    assert rolled.lost.tolist() == [[0.0, 2.0, 2.0]]
    assert rolled.cost[0].tolist() == pytest.approx([0.4, 2.0, 2.0])


def test_a_planner_sees_receipts_of_today_and_nothing_of_its_demand():
    seen = []
    vn2_case(lambda observed: (seen.append(observed), np.array([0.0]))[1])
    assert [s.period for s in seen] == [1, 2, 3]
    assert (seen[0].on_hand.tolist(), seen[0].arrivals.tolist()) == ([5.0], [[2.0, 0.0]])


def test_an_order_on_a_closed_day_is_ignored():
    rolled = vn2_case(lambda seen: np.array([3.0]))
    assert rolled.ordered.tolist() == [[3.0, 0.0, 0.0]]


def test_an_impossible_order_and_a_roll_past_the_data_are_refused():
    with pytest.raises(ValueError, match="negative or not finite"):
        vn2_case(lambda seen: np.array([-1.0]))
    one = np.ones(1)
    late = Replay(np.zeros((1, 3)), 2, np.array([1]), one, np.zeros((1, 1)), np.ones((1, 2), bool), one, one)
    with pytest.raises(ValueError, match="past the end"):
        roll(late, lambda seen: seen.on_hand)
