"""Orders under an aversion to the worst paths: against every plan there is, and from tables to the certificate."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from optimizer.aversion import least_risk
from optimizer.plan.check_limits import check_limits
from optimizer.plan.risk import LEVEL
from optimizer.reorder.decide import decide, path_costs
from tests.reorder.reorder_cases import joint_rules, random_problem
from tests.reorder.small_company import POLICY, company, evidence, planned, today

AVERSION = 0.6
TABLES = ("purchase_orders", "transfers")


def averse(problem, aversion):
    def decided(tilt):
        return decide(replace(problem, tilt=tilt))

    return least_risk(problem.weight, aversion, decided, lambda plan: path_costs(problem, plan))


def risk_by_sorting(cost, weight, aversion):
    """Mean and mean of the worst twentieth, added up path by path from the dearest one."""
    left, tail = 1 - LEVEL, 0.0
    for c, w in sorted(zip(cost, weight, strict=True), reverse=True):
        part = min(w, left)
        tail, left = tail + part * c, left - part
    return (1 - aversion) * float(cost @ weight) + aversion * tail / (1 - LEVEL)


def every_plan(problem, plan):
    """All orders of up to twelve packs a line that keep the budget."""
    choices = []
    for n in range(problem.lines):
        first = int(np.ceil(max(problem.minimum[n], 1) / problem.pack[n]) * problem.pack[n])
        most = min(int(problem.maximum[n]), first + 12 * int(problem.pack[n]))
        choices.append([0, *range(first, most + 1, int(problem.pack[n]))])
    spend, budget = problem.joint.spend, problem.joint.budget
    for quantity in product(*choices):
        if budget is None or spend @ np.array(quantity) <= budget:
            yield replace(plan, quantity=np.array(quantity))


@pytest.mark.parametrize("seed", range(12))
def test_objective_and_bound_close_in_on_the_least_risk_of_all_plans(seed):
    problem = random_problem(seed, lines=2, paths=8)
    if seed % 2:
        problem = replace(problem, joint=joint_rules(2, budget=8, spend=[1.0, 1.0]))
    found = averse(problem, AVERSION)
    plan = found.outcome.required()
    cost = {tuple(p.quantity): path_costs(problem, p) for p in every_plan(problem, plan)}
    least = min(risk_by_sorting(c, problem.weight, AVERSION) for c in cost.values())
    own = risk_by_sorting(path_costs(problem, plan), problem.weight, AVERSION)
    assert found.outcome.objective == pytest.approx(own, rel=1e-9)
    assert found.outcome.bound - 1e-6 <= least <= found.outcome.objective + 1e-6
    neutral = decide(problem).required()
    assert own <= risk_by_sorting(path_costs(problem, neutral), problem.weight, AVERSION) + 1e-9
    assert found.tail <= found.tail_neutral + 1e-9


def test_bad_paths_count_for_more_the_greater_the_aversion():
    gains = []
    for aversion in (0.2, 0.9):
        found = [averse(random_problem(seed, lines=6, paths=30), aversion) for seed in range(6)]
        gains.append(sum(one.tail_neutral - one.tail for one in found))
        assert sum(one.mean - one.mean_neutral for one in found) >= 0
    assert 0 < gains[0] < gains[1]


@pytest.mark.parametrize("seed", range(4))
def test_the_cost_on_each_path_adds_up_to_the_plans_cost(seed):
    problem = random_problem(seed, unmet="backorders" if seed % 2 else "lost_sales")
    plan = decide(problem).required()
    assert path_costs(problem, plan) @ problem.weight == pytest.approx(plan.cost.sum(), rel=1e-9)


def test_without_aversion_the_plan_is_as_before():
    problem = random_problem(3)
    found, usual = averse(problem, 0.0).outcome, decide(problem)
    assert (found.objective, found.bound) == (usual.objective, usual.bound)
    assert (found.required().quantity == usual.required().quantity).all()


def test_the_policys_aversion_reaches_orders_and_certificate(tmp_path):
    free = planned(company(tmp_path / "free"), rate=9)
    world = company(tmp_path, POLICY + "risk_aversion = 0.9\n")
    result = planned(world, rate=9)
    told = result.proof["risk"]
    assert "risk" not in free.proof
    assert told["tail"] < told["tail_neutral"]
    assert result.proof["objective"] == pytest.approx(0.1 * told["mean"] + 0.9 * told["tail"], abs=1e-5)
    assert result.proof["bound"] <= result.proof["objective"]
    assert list(check_limits(evidence(world, result))) == []
    assert [today(free, name) for name in TABLES] != [today(result, name) for name in TABLES]
