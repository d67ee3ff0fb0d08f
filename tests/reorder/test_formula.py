from dataclasses import replace

import numpy as np
import pytest
from reorder_cases import joint_rules, random_problem, reorder_problem
from scipy.stats import norm, poisson

from optimizer.reorder import formula
from optimizer.reorder.decide import decide
from optimizer.reorder.explain import line_numbers

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


@pytest.mark.parametrize(("lead", "shortage", "optimal"), [(1, 4, 4.041), (1, 19, 6.676), (2, 9, 6.094)])
def test_rolling_decisions_are_near_the_lost_sales_optimum(lead, shortage, optimal):
    """Poisson 5, holding 1; optimal costs by value iteration (Zipkin 2008, doi 10.1287/opre.1070.0482)."""
    assert rolling_cost(lead, float(shortage)) == pytest.approx(optimal, rel=BED_TOLERANCE)


def rolling_cost(lead: int, shortage: float) -> float:
    """Exact long-run cost of deciding every period anew: decide in every state that occurs, then solve the chain."""
    chances = poisson.pmf(np.arange(40), 5)
    actions: dict[tuple[int, ...], int] = {}
    frontier = [(5,) * lead]
    while frontier:
        actions |= dict(zip(frontier, decided(frontier, shortage), strict=True))
        reached = {after(state, actions[state], d) for state in frontier for d in range(state[0] + 1)}
        frontier = sorted(reached - actions.keys())
    place = {state: number for number, state in enumerate(actions)}
    moves, cost = np.zeros((len(place), len(place))), np.zeros(len(place))
    for state, number in place.items():
        for d, chance in enumerate(chances):
            cost[number] += chance * (max(state[0] - d, 0) + shortage * max(d - state[0], 0))
            moves[number, place[after(state, actions[state], d)]] += chance
    balance = np.vstack([moves.T - np.eye(len(place)), np.ones(len(place))])
    stationary = np.linalg.lstsq(balance, np.append(np.zeros(len(place)), 1.0), rcond=None)[0]
    return float(stationary @ cost)


def after(state: tuple[int, ...], quantity: int, demand: int) -> tuple[int, ...]:
    pipeline = (*state[1:], quantity)
    return (max(state[0] - demand, 0) + pipeline[0], *pipeline[1:])


def decided(states: list[tuple[int, ...]], shortage: float, periods: int = 8, paths: int = 1500) -> list[int]:
    """Decide one line per state, all on the same paths, each period's draws spread evenly over the distribution."""
    rng = np.random.default_rng(0)
    ranks = np.argsort(rng.random((periods, paths)), axis=1)
    demand = poisson.ppf((ranks + rng.random((periods, paths))) / paths, 5).astype(np.int64).T
    held = np.array(states)
    arrivals = np.zeros((len(states), periods))
    arrivals[:, 1 : held.shape[1]] = held[:, 1:]
    problem = reorder_problem(
        np.broadcast_to(demand, (len(states), paths, periods)),
        on_hand=held[:, 0],
        arrivals=arrivals,
        lead_periods=held.shape[1],
        shortage_cost=shortage,
    )
    return decide(problem).required().quantity.tolist()


def test_the_numbers_of_a_line_lead_from_need_to_order():
    problem = random_problem(12, lines=3)
    rules = joint_rules(3, budget=5, spend=np.array([1.0, 1.0, 1.0]))
    problem = replace(problem, joint=rules)
    plan = decide(problem).required()
    for n in range(3):
        numbers = line_numbers(problem, plan, n)
        assert numbers.need == pytest.approx(max(0.0, numbers.order_up_to - numbers.position))
        assert numbers.after_minimum == (max(numbers.need, problem.minimum[n]) if numbers.need else 0)
        assert numbers.after_pack % problem.pack[n] == 0
        assert numbers.after_pack >= numbers.after_minimum - 1e-6
        assert (numbers.quantity, numbers.free_quantity) == (plan.quantity[n], plan.free_quantity[n])
        assert numbers.binding_price == (plan.budget_price if numbers.binding else 0.0)


def test_the_position_counts_what_is_due_before_the_next_order():
    # Steady demand 2, lead 2, an order every period: today's order covers periods 0, 1 and 2, demand 6. In stock 1,
    # 3 due in period 1 count, 5 due in period 4 do not.
    arrivals = np.array([[0.0, 3.0, 0.0, 0.0, 5.0, 0.0]])
    problem = reorder_problem(np.full((3, 6), 2), lead_periods=2, on_hand=1.0, arrivals=arrivals)
    numbers = line_numbers(problem, decide(problem).required(), 0)
    assert (numbers.demand_mean, numbers.demand_deviation, numbers.position) == pytest.approx((6.0, 0.0, 4.0))
    assert numbers.order_up_to == pytest.approx(6.0)
    assert numbers.need == pytest.approx(2.0)
