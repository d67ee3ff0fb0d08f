"""Against answers known exactly: perishables decided anew every period, and joint plans over every quantity."""

from dataclasses import replace

import numpy as np
import pytest
from reorder_cases import COST_TOLERANCE, joint_optimum, joint_rules, reorder_problem, supplied_problem
from scipy.stats import poisson

from optimizer.reorder.columns import Settings
from optimizer.reorder.decide import decide
from optimizer.reorder.repair import meets
from optimizer.reorder.supply import Supply

LARGEST, PATHS, PERIODS = 10, 600, 10
# Best average profit of goods that can be sold for two periods, by value iteration: Poisson demand 5, lead 1, cost .5,
# price 1; with the cost of an order, of a step kept, and the periods in which a leftover can be sold.
BEST_PROFIT = [(0.0, 0.0, 1, 2.2151), (0.5, 0.02, 2, 1.6667)]
PERISHABLE_TOLERANCE = 0.01


def perishable_orders(states: np.ndarray, **costs: float) -> np.ndarray:
    """What is ordered in each state (steps in their last period, fresh steps), one line per state on the same paths."""
    rng = np.random.default_rng(0)
    ranks = np.argsort(rng.random((PERIODS, PATHS)), axis=1)
    demand = poisson.ppf((ranks + rng.random((PERIODS, PATHS))) / PATHS, 5).astype(np.int32).T
    count = len(states)
    expiring = np.zeros((count, PERIODS))
    expiring[:, :2] = states
    supply = Supply.plain((count, PATHS, PERIODS), shelf_periods=np.full(count, 2), expiring=expiring)
    money = {"holding_cost": 0.0, "shortage_cost": 0.5, "unit_cost": 0.5, "life_periods": 1} | costs
    problem = reorder_problem(np.broadcast_to(demand, (count, PATHS, PERIODS)), on_hand=states.sum(axis=1), **money)
    return decide(replace(problem, maximum=np.full(count, LARGEST), supply=supply)).required().quantity


@pytest.mark.parametrize(("order_cost", "holding_cost", "life", "best"), BEST_PROFIT)
def test_perishables_decided_anew_every_period_earn_nearly_the_best_profit(order_cost, holding_cost, life, best):
    # Old steps go first; what is left of them is wasted. Profit = price x sold - cost x ordered, over the chain's
    # stationary states.
    states = np.array([(old, new) for old in range(LARGEST + 1) for new in range(LARGEST + 1)])
    quantity = perishable_orders(states, order_cost=order_cost, holding_cost=holding_cost, life_periods=life)
    demand = np.arange(40)
    chance = poisson.pmf(demand, 5)
    moves, profit = np.zeros((len(states), len(states))), np.zeros(len(states))
    for n, (old, new) in enumerate(states):
        profit[n] = chance @ np.minimum(demand, old + new) - 0.5 * quantity[n] - order_cost * (quantity[n] > 0)
        profit[n] -= holding_cost * (chance @ np.maximum(old + new - demand, 0))
        left = np.clip(new - np.maximum(demand - old, 0), 0, None)
        np.add.at(moves[n], left * (LARGEST + 1) + quantity[n], chance)
    # Half the chain stands still, so that what is ordered every other period settles too.
    moves = 0.5 * moves / moves.sum(axis=1, keepdims=True) + 0.5 * np.eye(len(states))
    share = np.linalg.matrix_power(moves, 1024)[0]
    assert best * (1 - PERISHABLE_TOLERANCE) <= share @ profit <= best + 1e-4


@pytest.mark.parametrize("seed", range(20))
def test_supply_and_joint_rules_together_cost_what_a_model_over_every_quantity_says(seed):
    problem = supplied_problem(seed, ("lost_sales", "backorders")[seed % 2])
    rng = np.random.default_rng(2000 + seed)
    free = decide(problem).required().free_quantity
    spend, weight = rng.uniform(1, 9, 4).round(2), rng.uniform(1, 4, 4).round(1)
    supplier = rng.integers(0, 2, 4)
    minimum = (np.bincount(supplier, weight * free, minlength=2) * rng.uniform(0.8, 1.6, 2)).round(1)
    budget = int(rng.uniform(0.4, 0.95) * (spend @ free))
    tied = joint_rules(
        4, spend=spend, minimum_weight=weight, supplier=supplier, supplier_minimum=minimum, budget=budget
    )
    problem = replace(problem, joint=tied)
    outcome = decide(problem, Settings(gap=1e-9))
    plan = outcome.required()
    policies = list(zip(plan.z.tolist(), plan.cap.tolist(), strict=True))
    optimum = joint_optimum(problem, policies, int(max(plan.quantity.max(), 40)))
    assert outcome.objective == pytest.approx(optimum, rel=COST_TOLERANCE, abs=COST_TOLERANCE)
    assert outcome.bound <= optimum + COST_TOLERANCE * max(1, abs(optimum))
    assert meets(problem.joint, plan.quantity)
