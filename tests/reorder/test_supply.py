"""Shelf life, late deliveries and price breaks of a line: by hand, and against a simulation written another way."""

from dataclasses import replace

import numpy as np
import pytest
from reorder_cases import COST_TOLERANCE, allowed_quantities, reorder_problem, simulated_cost, supplied_problem

from optimizer.reorder.columns import enumerate_columns
from optimizer.reorder.decide import decide, project
from optimizer.reorder.formula import economic_lot
from optimizer.reorder.problem import ProblemError
from optimizer.reorder.supply import Supply


def costs(problem):
    columns = enumerate_columns(problem)
    return dict(zip(columns.quantity.tolist(), columns.cost.tolist(), strict=True))


def with_supply(problem, **given):
    shape = (problem.lines, problem.paths, problem.periods)
    arrays = {name: np.asarray(value) for name, value in given.items()}
    return replace(problem, supply=Supply.plain(shape, **arrays))


def one_order(**given):
    """Demand 3 then 4, one order day, h = 1; what is not given as in `reorder_problem`."""
    return reorder_problem([[3, 4]], can_order=[[True, False]], **given)


def test_what_does_not_sell_within_its_shelf_life_is_wasted():
    # Sold on the day it comes or not at all, unit cost 5: 3 loses 4 the next day -> 16; 4 keeps 1 (1) that expires (5)
    # -> 22; 7 keeps and loses 4 -> 4 + 20 + 16 = 40. With goods that keep, 7 would be best.
    problem = with_supply(one_order(lead_periods=0, unit_cost=5.0), shelf_periods=[1])
    known = costs(problem)
    assert [known[q] for q in (3, 4)] == pytest.approx([16, 22])
    assert decide(problem).required().quantity.tolist() == [3]
    assert decide(one_order(lead_periods=0, unit_cost=5.0)).required().quantity.tolist() == [7]


def test_the_soonest_to_expire_is_sold_first():
    # 5 on hand, 3 of them for today only, lead 1: today's 3 take exactly those; 2 stay (1 each), and 2 of the 4 wanted
    # tomorrow are there. Ordering 2 meets the rest: cost 2. Sold the other way round, one more would expire.
    problem = with_supply(one_order(on_hand=5.0, unit_cost=9.0), expiring=[[3.0, 0.0]])
    assert costs(problem)[2] == pytest.approx(2.0)


def test_a_late_delivery_loses_what_it_was_to_serve():
    # Lead 1, late by a period on every other path: day 0 loses 3 (12); 4 arrive in time for day 1 or not (16).
    problem = with_supply(reorder_problem([[3, 4], [3, 4]], can_order=[[True, False]]), delay=[[0, 1]])
    assert costs(problem)[4] == pytest.approx(12 + 16 / 2)


@pytest.mark.parametrize(("all_units", "best", "least"), [(True, 10, 10.0), (False, 7, 18.0)])
def test_a_price_break_is_decided(all_units, best, least):
    # 2 dearer below 10, p = 100. Order 7: holds 4, pays 14 more -> 18. Order 10: holds 7 + 3; all units are
    # cheap -> 10, or those above 10 are -> 10 + 10 x 2 = 30.
    problem = with_supply(
        one_order(lead_periods=0, shortage_cost=100.0),
        break_from=[[0.0, 10.0]],
        break_extra=[[2.0, 0.0]],
        all_units=[all_units],
    )
    outcome = decide(problem)
    assert outcome.required().quantity.tolist() == [best]
    assert outcome.objective == pytest.approx(least)


@pytest.mark.parametrize("periods", [5, 10, 20])
@pytest.mark.parametrize("order_cost", [5000.0, 800.0])
def test_an_economic_lot_past_the_horizon_is_no_larger(order_cost, periods):
    # Demand 2 a period, h = 1: the lot sqrt(2 x 5000 x 2) = 141.4 lasts 70 periods, sqrt(2 x 800 x 2) = 56.6 lasts 28.
    stated = {"order_cost": order_cost, "shortage_cost": 400.0, "unit_cost": 250.0, "lead_periods": 0}
    quantity = decide(reorder_problem(np.full((1, 1, periods), 2), **stated)).required().quantity[0]
    best = economic_lot(2.0, order_cost, 1.0)
    cost = [order_cost * 2 / lot + lot / 2 for lot in (quantity, best)]
    assert cost[0] <= cost[1] * 1.005


@pytest.mark.parametrize("periods", [10, 20])
def test_a_break_step_by_step_is_like_a_cost_of_each_order(periods):
    # The first 4 steps are 50 dearer: an order from 4 on pays 200 more, whatever its size, like an order cost of 200.
    stated = {"shortage_cost": 400.0, "unit_cost": 250.0, "lead_periods": 0}
    demand = np.full((1, 1, periods), 2)
    paid, plain = reorder_problem(demand, order_cost=200.0, **stated), reorder_problem(demand, **stated)
    stepwise = with_supply(plain, break_from=[[0.0, 4.0]], break_extra=[[50.0, 0.0]], all_units=[False])
    quantity = decide(stepwise).required().quantity[0]
    assert quantity == decide(paid).required().quantity[0]
    # Whole cycles fit a short horizon best, so that the lot, sqrt(2 x 200 x 2) = 28.3, is met in cost only.
    assert 200 * 2 / quantity + quantity / 2 <= economic_lot(2.0, 200.0, 1.0) * 1.07


@pytest.mark.parametrize("unmet", ["lost_sales", "backorders"])
@pytest.mark.parametrize("seed", range(12))
def test_every_column_costs_what_a_plain_simulation_says(seed, unmet):
    problem = supplied_problem(seed, unmet)
    columns = enumerate_columns(problem)
    for k, n in enumerate(columns.line):
        policy = (float(columns.z[n]), float(columns.cap[n]))
        expected = simulated_cost(problem, n, int(columns.quantity[k]), policy)
        assert columns.cost[k] == pytest.approx(expected, rel=COST_TOLERANCE, abs=COST_TOLERANCE)


@pytest.mark.parametrize("seed", range(12))
def test_no_quantity_beyond_the_cap_is_cheaper(seed):
    problem = supplied_problem(seed, ("lost_sales", "backorders")[seed % 2])
    columns = enumerate_columns(problem)
    for n in range(problem.lines):
        policy = (float(columns.z[n]), float(columns.cap[n]))
        least = columns.cost[columns.start[n] : columns.start[n + 1]].min()
        for quantity in allowed_quantities(problem, n, 60):
            assert simulated_cost(problem, n, quantity, policy) >= least - COST_TOLERANCE


def test_the_projection_adds_up_less_what_expires():
    problem = supplied_problem(3)
    course = project(problem, decide(problem).required())
    left = course.opening + course.receipts - np.einsum("nst,s->nt", problem.demand, problem.weight) + course.lost
    assert (course.closing <= left + COST_TOLERANCE).all()


def test_supply_that_does_not_fit_is_refused():
    with pytest.raises(ProblemError, match="delay: shape"):
        with_supply(one_order(), delay=[[0, 1]])
