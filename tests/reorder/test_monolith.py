"""Each rule in twenty random companies: one model over every quantity and the decomposition cost the same."""

from dataclasses import replace

import numpy as np
import pytest
from reorder_cases import COST_TOLERANCE, joint_optimum, joint_rules, random_problem

from optimizer.reorder.changes import Changes
from optimizer.reorder.columns import Settings
from optimizer.reorder.decide import decide
from optimizer.reorder.problem import ReorderProblem
from optimizer.reorder.repair import meets
from optimizer.reorder.supply import Supply

LINES, PATHS, PERIODS = 4, 6, 6
SHAPE = (LINES, PATHS, PERIODS)
PROVED = Settings(gap=1e-9)


def layers(problem: ReorderProblem, rng: np.random.Generator) -> ReorderProblem:
    layer = problem.pack * rng.integers(2, 4, LINES)
    supply = Supply.plain(SHAPE, layer=layer, pallet=layer * rng.integers(2, 4, LINES))
    return replace(problem, supply=supply)


def shelves(problem: ReorderProblem, rng: np.random.Generator) -> ReorderProblem:
    return replace(problem, supply=Supply.plain(SHAPE, most_today=rng.uniform(0.0, 12.0, LINES).round(1)))


def changes(problem: ReorderProblem, rng: np.random.Generator) -> ReorderProblem:
    before = np.where(rng.random(LINES) < 0.3, np.nan, rng.integers(0, 9, LINES).astype(float))
    prices = rng.uniform(0.0, 5.0, LINES).round(2), rng.uniform(0.0, 1.0, LINES).round(2)
    return replace(problem, changes=Changes(before, *prices))


def order_costs(problem: ReorderProblem, rng: np.random.Generator) -> ReorderProblem:
    return replace(problem, order_cost=rng.uniform(1.0, 12.0, LINES).round(2))


def price_breaks(problem: ReorderProblem, rng: np.random.Generator) -> ReorderProblem:
    begin = np.stack([np.zeros(LINES), rng.choice([4.0, 6.0, 9.0], LINES)], axis=1)
    extra = np.stack([rng.uniform(0.5, 3.0, LINES).round(2), np.zeros(LINES)], axis=1)
    supply = Supply.plain(SHAPE, break_from=begin, break_extra=extra, all_units=rng.random(LINES) < 0.5)
    return replace(problem, supply=supply)


def shelf_lives(problem: ReorderProblem, rng: np.random.Generator) -> ReorderProblem:
    expiring = np.zeros((LINES, PERIODS))
    expiring[:, 1] = np.floor(problem.on_hand / 2)
    return replace(problem, supply=Supply.plain(SHAPE, shelf_periods=rng.integers(1, 4, LINES), expiring=expiring))


def ends_of_life(problem: ReorderProblem, rng: np.random.Generator) -> ReorderProblem:
    wanted = np.arange(PERIODS) < rng.integers(1, PERIODS, LINES)[:, None]
    salvage = (problem.unit_cost * rng.uniform(0.0, 0.9, LINES)).round(2)
    nothing = np.zeros(LINES, dtype=np.int64)
    demand = problem.demand * wanted[:, None]
    return replace(problem, demand=demand, life_periods=nothing, salvage_value=salvage)


def maxima(problem: ReorderProblem, rng: np.random.Generator) -> ReorderProblem:
    # Some least orders are above the largest: such a line orders nothing.
    return replace(problem, minimum=rng.integers(0, 7, LINES), maximum=rng.integers(0, 10, LINES))


RULES = [layers, shelves, changes, order_costs, price_breaks, shelf_lives, ends_of_life, maxima]


def tied(problem: ReorderProblem, rng: np.random.Generator) -> ReorderProblem:
    """Add minima of two suppliers, a budget, a budget of one category, and storage of two places."""
    free = decide(problem).required().free_quantity
    spend, litres = rng.uniform(1, 9, LINES).round(2), rng.uniform(0.3, 2.0, LINES).round(2)
    supplier, place = rng.integers(0, 2, LINES), rng.integers(0, 2, LINES)
    minimum = (np.bincount(supplier, spend * free, minlength=2) * rng.uniform(0.6, 1.4, 2)).round(1)
    row, use = np.stack([place, np.where(rng.random(LINES) < 0.5, 2, -1)], axis=1), np.stack([litres, spend], axis=1)
    rules = joint_rules(
        LINES,
        spend=spend,
        budget=int(rng.uniform(0.6, 1.0) * (spend @ free)),
        supplier=supplier,
        supplier_minimum=minimum,
        minimum_weight=spend,
        row=row,
        use=use,
        capacity=np.zeros(3),
    )
    room = (rules.drawn(free) * rng.uniform(0.6, 1.2, 3)).round(1)
    return replace(problem, joint=replace(rules, capacity=room))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("seed", [pytest.param(n, marks=pytest.mark.slow) if n >= 8 else n for n in range(20)])
def test_the_decomposition_costs_what_one_model_says_with(rule, seed):
    rng = np.random.default_rng(4_000 + seed)
    problem = tied(rule(random_problem(300 + seed), rng), rng)
    outcome = decide(problem, PROVED)
    plan = outcome.required()
    policies = list(zip(plan.z.tolist(), plan.cap.tolist(), strict=True))
    optimum = joint_optimum(problem, policies, int(max(plan.quantity.max(), 40)))
    assert outcome.objective == pytest.approx(optimum, rel=COST_TOLERANCE, abs=COST_TOLERANCE)
    assert outcome.bound <= optimum + COST_TOLERANCE * max(1, abs(optimum))
    assert meets(problem.joint, plan.quantity)
