"""Do holds avoid the most expected loss in the minutes there are, with a bound and a price of time?"""

from dataclasses import replace
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.filters.knapsack import SHIPPED, Fairness, HoldProblem, choose_holds, hold_model
from optimizer.filters.stage import screen_world
from optimizer.plan.check_filters import check_holds
from solvers.lp_text import lp_text
from tests.filters.test_holds import DELIVERIES, fraud_shop

TOLERANCE = 1e-6
RATE = 0.025


def problem(chance, money, customer=None, queues=((60.0, 30.0, 0.1),), rate=RATE):
    minutes, each, wage = (np.array(column, float) for column in zip(*queues, strict=True))
    names = np.array(customer or [""] * len(chance), object)
    return HoldProblem(np.array(chance, float), np.array(money, float), names, rate, minutes, each, wage)


def loss(given_problem, queue):
    """Expected loss and cost of a choice, order by order, one review a customer."""
    total, reviewed = 0.0, set()
    for n, k in enumerate(queue):
        p, m = given_problem.chance[n], given_problem.money[n]
        total += p * m if k == SHIPPED else (1 - p) * given_problem.wrong_hold_rate * m
        if k != SHIPPED:
            reviewed.add((given_problem.customer[n] or n, k))
    return total + sum(given_problem.review_cost[k] for _, k in reviewed), reviewed


def best_by_enumeration(given_problem):
    queues = range(SHIPPED, len(given_problem.reviews))
    found = np.inf
    for queue in product(queues, repeat=len(given_problem.chance)):
        cost, reviewed = loss(given_problem, queue)
        counts = [sum(k == one for _, k in reviewed) for one in range(len(given_problem.reviews))]
        if (np.array(counts) <= given_problem.reviews).all():
            found = min(found, cost)
    return found


def test_a_dear_order_comes_before_a_likelier_cheap_one():
    # Values .3 × 1000 − .7 × 25 = 282.5 and .9 × 50 − .1 × 1.25 = 44.875; there is time for one review at 3.
    found = choose_holds(problem([0.3, 0.9], [1000, 50], queues=((30.0, 30.0, 0.1),)))
    assert found.queue.tolist() == [0, SHIPPED]
    assert found.ship_all == pytest.approx(345)
    assert found.objective == pytest.approx(345 - 282.5 + 3)
    # Two more reviews fit in an hour; the next one would avoid 44.875 − 3.
    assert found.hour_price[0] == pytest.approx(2 * (44.875 - 3))


def test_one_review_looks_at_all_orders_of_a_customer():
    found = choose_holds(problem([0.5, 0.5, 0.5], [100, 100, 150], ["ann", "ann", "bob"], ((30.0, 30.0, 0.1),)))
    assert found.queue.tolist() == [0, 0, SHIPPED]


def test_an_honest_order_of_a_suspected_customer_is_shipped():
    found = choose_holds(problem([0.9, 0.001], [100, 100], ["ann", "ann"]))
    assert found.queue.tolist() == [0, SHIPPED]


@pytest.mark.parametrize("queues", [((0.0, 30.0, 0.1),), ((29.0, 30.0, 0.1),)])
def test_without_capacity_all_is_shipped_at_its_loss(queues):
    found = choose_holds(problem([0.3, 0.9], [1000, 50], queues=queues))
    assert (found.queue == SHIPPED).all()
    assert found.objective == found.ship_all == pytest.approx(345)
    assert found.hour_price[0] > 0


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_no_choice_of_holds_is_better(data):
    count = data.draw(st.integers(1, 5))
    chance = data.draw(st.lists(st.floats(0, 1), min_size=count, max_size=count))
    money = data.draw(st.lists(st.integers(0, 400), min_size=count, max_size=count))
    customer = data.draw(st.lists(st.sampled_from(["", "ann", "bob"]), min_size=count, max_size=count))
    queue = st.tuples(st.sampled_from([0.0, 10, 25]), st.sampled_from([5.0, 10]), st.sampled_from([0.0, 0.5, 3]))
    asked = problem(chance, money, customer, tuple(data.draw(st.lists(queue, min_size=1, max_size=2))))
    found = choose_holds(asked)
    assert found.objective == pytest.approx(best_by_enumeration(asked), abs=TOLERANCE)
    assert found.objective == pytest.approx(loss(asked, found.queue)[0], abs=TOLERANCE)
    assert found.bound <= found.objective + TOLERANCE <= found.ship_all + 2 * TOLERANCE


def test_more_time_never_costs():
    rng = np.random.default_rng(4)
    chance, money = rng.random(50), rng.exponential(100, 50)
    losses = [choose_holds(problem(chance, money, queues=((m, 5.0, 1.0),))).objective for m in range(0, 300, 25)]
    assert (np.diff(losses) <= TOLERANCE).all()


def test_the_model_reads_as_it_is_written():
    text = lp_text(hold_model(np.array([282.5, 44.875]), np.array([3.0]), np.array([1.0])))
    assert text == Path(__file__).with_name("hold.lp").read_text(encoding="utf-8")


def unfairness(given_problem, queue):
    """By how much the rate of honest orders that wait lies above `ratio` times that of all, for the worst group."""
    fair, honest = given_problem.fair, (1 - given_problem.chance) * (np.array(queue) != SHIPPED)
    rates = [honest[fair.group == q].sum() / fair.ahead[q] for q in range(len(fair.ahead))]
    return max(rates) - fair.ratio * honest.sum() / fair.total


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_limit_of_the_ratio_is_kept_at_the_least_cost_and_its_price_is_what_it_costs(data):
    count = data.draw(st.integers(1, 5))
    chance = data.draw(st.lists(st.sampled_from([0.2, 0.5, 0.7]), min_size=count, max_size=count))
    money = data.draw(st.lists(st.integers(50, 400), min_size=count, max_size=count))
    group = np.array(data.draw(st.lists(st.integers(-1, 1), min_size=count, max_size=count)))
    ratio = data.draw(st.sampled_from([1.0, 1.5, 3.0]))
    free = problem(chance, money, queues=((30.0, 10.0, 0.5),))
    asked = replace(free, fair=Fairness(group, np.array([6.0, 12.0]), 20.0, ratio))
    found, unlimited = choose_holds(asked), choose_holds(free)
    assert unfairness(asked, found.queue) <= TOLERANCE
    ways = [w for w in product((SHIPPED, 0), repeat=count) if unfairness(asked, w) <= TOLERANCE and sum(w) + count <= 3]
    assert found.objective == pytest.approx(min(loss(asked, way)[0] for way in ways), abs=TOLERANCE)
    assert found.ratio_price == pytest.approx(found.objective - unlimited.objective, abs=TOLERANCE)


def test_a_looser_ratio_never_costs():
    rng = np.random.default_rng(5)
    free = problem(rng.random(20), rng.exponential(100, 20), queues=((60.0, 5.0, 1.0),))
    group = (np.arange(20) % 5 == 0).astype(int)
    prices = [
        choose_holds(replace(free, fair=Fairness(group, np.array([40.0, 4.0]), 44.0, ratio))).ratio_price
        for ratio in (1.0, 1.5, 2.0, 4.0, 11.0)
    ]
    assert (np.diff(prices) <= TOLERANCE).all() and prices[0] > 0 and prices[-1] == pytest.approx(0.0, abs=TOLERANCE)


def test_the_policy_limits_the_ratio_says_its_price_and_the_check_counts_it(tmp_path):
    # Both doubtful orders are of one group, which has two of eight ahead: four times the rate of all.
    customers = "customer_id,group\nnew0,north\nnew1,north\n" + "".join(f"c{n},south\n" for n in range(6))
    due = DELIVERIES + "".join(f"E{n},w{n + 54},2024-04-08,60,25,new\n" for n in range(6))
    free = fraud_shop(tmp_path / "a", minutes=30, customers=customers, deliveries=due)
    held = screen_world(free)
    assert held.held_orders == {"f0", "f1"}
    limited = free.replace(policy=replace(free.policy, hold_ratio=1.5))
    screened = screen_world(limited)
    assert not screened.held_orders
    said = next(row for row in screened.exceptions if row.subject == "hold ratio")
    assert said.money > 0 and said.text.startswith("that no group of customers waits 1.5 times as often as all costs")
    evidence = SimpleNamespace(world=limited, frame=held.tables.get)
    assert any("more than 1.5 times" in str(fault) for fault in check_holds(evidence))
    assert list(check_holds(SimpleNamespace(world=limited, frame=screened.tables.get))) == []
