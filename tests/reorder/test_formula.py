import numpy as np
import pytest
from reorder_cases import reorder_problem
from scipy.stats import norm

from benchmarks.reorder import OPTIMAL, SHORTAGES, rolling_cost
from optimizer.reorder import formula
from optimizer.reorder.decide import decide
from optimizer.reorder.outlook import arrival

BOOK_TOLERANCE = 1e-4
BED_TOLERANCE = 0.005


def test_the_newsvendor_formula_meets_the_book():
    # Holding .18, shortage .70, demand normal 50, 8: level 56.6040, cost 1.99761.
    level, cost = formula.newsvendor_normal(50.0, 8.0, 0.70, 0.18)
    assert (level, cost) == pytest.approx((56.6040, 1.99761), abs=BOOK_TOLERANCE)


def test_the_loss_of_normal_demand_is_its_integral():
    grid = np.linspace(40, 140, 200_001)
    excess = np.trapezoid((grid - 40) * norm.pdf(grid, 50, 8), grid)
    assert formula.normal_loss(40.0, 50.0, 8.0) == pytest.approx(excess, rel=BOOK_TOLERANCE)


def test_the_other_closed_forms_by_hand():
    # Lot sqrt(2 * 8 * 9 / 4) = 6. Level 2 * 10 + 1.645 * 3 * sqrt(2) = 26.98. Need 7 in packs of 4: 8; at least 10: 12.
    assert formula.economic_lot(9.0, 8.0, 4.0) == pytest.approx(6.0)
    assert formula.textbook_order_up_to(10.0, 3.0, 2.0, 0.95) == pytest.approx(26.979, abs=1e-3)
    assert formula.order_up_to(13.0, 20.0, 4.0, 0.0) == 8
    assert formula.order_up_to(13.0, 20.0, 4.0, 10.0) == 12
    assert formula.order_up_to(20.0, 20.0, 4.0, 10.0) == 0
    assert formula.min_max(np.array([5.0, 6.0]), 5.0, 12.0, 1.0).tolist() == [7, 0]


def test_one_period_is_a_newsvendor_on_the_paths():
    # Lead 0, one period: order to the fractile .8 of demand 1..10, each a path, so 8.
    problem = reorder_problem(np.arange(1, 11)[:, None], lead_periods=0, unit_cost=0.0, can_order=[[True]])
    quantity = decide(problem).required().quantity[0]
    fractile = formula.newsvendor_fractile(4.0, 1.0)
    assert quantity == np.searchsorted(np.arange(1, 11) / 10, fractile - 1e-12) + 1 == 8


def cell(name: str, lead: int, shortage: int, slow: bool = False):
    return pytest.param(name, lead, shortage, marks=[pytest.mark.slow] if slow else [])


@pytest.mark.parametrize(
    ("name", "lead", "shortage"),
    [
        cell("Poisson", 1, 4),
        cell("Poisson", 1, 19),
        cell("Poisson", 2, 9),
        cell("Poisson", 3, 4),
        cell("Poisson", 3, 19, slow=True),
        cell("Poisson", 4, 4, slow=True),
        cell("geometric", 1, 4),
        cell("geometric", 1, 19, slow=True),
    ],
)
def test_rolling_decisions_are_near_the_lost_sales_optimum(name, lead, shortage):
    """Mean 5, holding 1; optimal costs by value iteration (Zipkin 2008, doi 10.1287/opre.1070.0482)."""
    optimal = OPTIMAL[name, lead][SHORTAGES.index(shortage)]
    cost = rolling_cost(name, lead, float(shortage))
    assert optimal * (1 - BOOK_TOLERANCE) - 5e-4 <= cost <= optimal * (1 + BED_TOLERANCE)


def test_what_awaits_an_order_by_hand():
    # Two paths, lead 2, next order in 2: days 0 and 1 pass before arrival, days 2 and 3 are covered.
    # Stock 5, 1 more on day 1. Path 1: demand 2 2 3 1 -> 5-2=3, 3+1-2=2 left. Path 2: 4 4 0 2 -> 1, 1+1-4 -> 2 lost, 0.
    demand = np.array([[[2, 2, 3, 1, 9], [4, 4, 0, 2, 9]]])
    can_order = np.array([[True, False, True, False, True]])
    arrivals = np.array([[0.0, 1.0, 0.0, 2.0, 0.0]])
    problem = reorder_problem(
        demand, on_hand=np.array([5.0]), arrivals=arrivals, lead_periods=np.array([2]), can_order=can_order
    )
    awaits = arrival(problem)
    assert awaits.left.tolist() == [1.0]
    assert awaits.lost.tolist() == [1.0]
    assert awaits.wanted.tolist() == [3.0]
    assert awaits.due.tolist() == [2.0]
    assert awaits.cover.tolist() == [2]
