from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reorder_cases import COST_TOLERANCE, joint_optimum, joint_rules, random_problem, reorder_problem

from optimizer.reorder.bundle import Cut, bundle_model, climbed
from optimizer.reorder.columns import Settings, enumerate_columns
from optimizer.reorder.decide import BUDGET, CAPACITY, MINIMUM, project
from optimizer.reorder.decide import decide as decide_within
from optimizer.reorder.group_sets import group_model
from optimizer.reorder.levels import level_model
from optimizer.reorder.model import joint_model
from optimizer.reorder.prices import Prices, evaluate
from optimizer.reorder.repair import meets
from optimizer.reorder.trucks import Trucks
from solvers.lp_text import lp_text

HERE = Path(__file__).parent
PROVED = Settings(gap=1e-9)


def decide(problem):
    """Decide with the gap closed, so that costs can be compared."""
    return decide_within(problem, PROVED)


def with_rules(seed: int, kinds: tuple[str, ...], lines: int = 4):
    """A random problem with each named rule tight against its free optimum."""
    problem = random_problem(seed, lines=lines)
    rng = np.random.default_rng(1000 + seed)
    free = decide(problem).required().free_quantity
    spend, weight = rng.uniform(1, 9, lines).round(2), rng.uniform(1, 4, lines).round(1)
    rules = joint_rules(lines, spend=spend, minimum_weight=weight)
    if "budget" in kinds:
        rules = replace(rules, budget=int(rng.uniform(0.3, 0.95) * (spend @ free)))
    if "minimum" in kinds:
        supplier = rng.integers(0, 2, lines)
        total = np.bincount(supplier, weight * free, minlength=2)
        rules = replace(rules, supplier=supplier, supplier_minimum=(total * rng.uniform(0.8, 1.8, 2)).round(1))
    if "trucks" in kinds:
        if "minimum" not in kinds:
            rules = replace(rules, supplier=rng.integers(0, 2, lines), supplier_minimum=np.zeros(2))
        load = rng.uniform(0.02, 0.2, (lines, 2)).round(2)
        trucks = Trucks(rng.uniform(1, 9, 2).round(1), np.array([0.0, rng.uniform(0.5, 0.9)]), load)
        if "locked trucks" in kinds:
            trucks = replace(trucks, taken=np.round(rng.uniform(0.0, 1.6, (2, 2)), 1))
        rules = replace(rules, trucks=trucks)
    if "pool" in kinds:
        pool = rng.integers(-1, 2, lines)
        drawn = np.bincount(pool[pool >= 0], free[pool >= 0], minlength=2)
        available = np.floor(drawn * rng.uniform(0.2, 1.0, 2))
        rules = replace(rules, row=pool[:, None], use=np.ones((lines, 1)), capacity=available)
    if "rows" in kinds:
        # Storage of two places by litres, and a budget of its own over both, in one slot each.
        place, use = rng.integers(0, 2, lines), rng.uniform(0.3, 2.0, (lines, 2)).round(2)
        row = np.stack([place, np.where(rng.random(lines) < 0.7, 2, -1)], axis=1)
        drawn = replace(rules, row=row, use=use, capacity=np.zeros(3)).drawn(free)
        rules = replace(rules, row=row, use=use, capacity=(drawn * rng.uniform(0.3, 1.0, 3)).round(1))
    return replace(problem, joint=rules)


@pytest.mark.parametrize(
    "kinds",
    [
        ("budget",),
        ("minimum",),
        ("pool",),
        ("rows",),
        ("budget", "minimum"),
        ("minimum", "pool"),
        ("minimum", "rows"),
        ("trucks",),
        ("minimum", "trucks"),
        ("budget", "trucks"),
        ("trucks", "locked trucks"),
        ("minimum", "trucks", "locked trucks"),
        ("budget", "trucks", "locked trucks"),
        ("budget", "minimum", "pool"),
        ("budget", "minimum", "rows"),
    ],
    ids=" and ".join,
)
@pytest.mark.parametrize("seed", range(8))
def test_the_plan_costs_what_a_model_over_every_quantity_says(kinds, seed):
    problem = with_rules(seed, kinds)
    outcome = decide(problem)
    plan = outcome.required()
    largest = int(max(plan.quantity.max(), 40))
    optimum = joint_optimum(problem, list(zip(plan.z.tolist(), plan.cap.tolist(), strict=True)), largest)
    assert outcome.objective == pytest.approx(optimum, rel=COST_TOLERANCE, abs=COST_TOLERANCE)
    assert outcome.bound <= optimum + COST_TOLERANCE * max(1, abs(optimum))
    assert meets(problem.joint, plan.quantity)


def test_free_lines_are_proved_without_a_model():
    outcome = decide(random_problem(1))
    assert (outcome.status, outcome.gap, outcome.limit) == ("optimal", 0.0, "none")
    assert np.array_equal(outcome.required().quantity, outcome.required().free_quantity)


def test_no_budget_orders_nothing_that_costs():
    problem = random_problem(4)
    outcome = decide(replace(problem, joint=joint_rules(4, budget=0, spend=np.array([1.0, 1.0, 0.0, 1.0]))))
    plan = outcome.required()
    assert plan.quantity[[0, 1, 3]].tolist() == [0, 0, 0]
    assert plan.quantity[2] == plan.free_quantity[2]
    assert outcome.gap == 0.0


def test_an_empty_pool_gives_nothing():
    problem = random_problem(4)
    outcome = decide(replace(problem, joint=joint_rules(4, pool=np.array([0, 0, -1, 0]), capacity=np.zeros(1))))
    plan = outcome.required()
    assert plan.quantity[[0, 1, 3]].tolist() == [0, 0, 0]
    assert plan.quantity[2] == plan.free_quantity[2]
    assert outcome.gap == 0.0


def test_a_minimum_out_of_reach_orders_nothing_from_that_supplier():
    problem = replace(random_problem(4), maximum=np.full(4, 12))
    rules = joint_rules(4, supplier=np.array([0, 0, 0, -1]), supplier_minimum=[1e6], minimum_weight=np.ones(4))
    outcome = decide(replace(problem, joint=rules))
    plan = outcome.required()
    assert plan.quantity[:3].tolist() == [0, 0, 0]
    assert not plan.ordering[0]
    assert outcome.gap == pytest.approx(0.0, abs=COST_TOLERANCE)


def test_a_minimum_without_weight_is_never_reached():
    rules = joint_rules(4, supplier=np.zeros(4, int), supplier_minimum=[10.0], minimum_weight=np.zeros(4))
    assert decide(replace(random_problem(4), joint=rules)).required().quantity.sum() == 0


def test_scarce_shared_stock_goes_where_it_is_worth_most():
    # Two alike lines of demand 4 in one period at lead 0, shortage 4 and 9 per step, 6 steps to share: the dear line
    # gets its 4, the cheap one 2, loses 2 and costs 8; a step more in the pool is worth 4.
    problem = reorder_problem([[[4]], [[4]]], lead_periods=0, shortage_cost=[4.0, 9.0])
    outcome = decide(replace(problem, joint=joint_rules(2, pool=np.zeros(2, int), capacity=[6.0])))
    plan = outcome.required()
    assert plan.quantity.tolist() == [2, 4]
    assert outcome.objective == pytest.approx(8.0)
    assert plan.row_price == pytest.approx([4.0], rel=1e-3)
    assert plan.binding.tolist() == [CAPACITY, ""]


def test_a_joint_minimum_is_filled_where_it_is_cheapest():
    # Demand 2 in each of two periods, one order day, lead 0: both lines want 4 (cost: hold 2 for a day at h).
    # h = 1 and 3; 10 units must come: the two extra go to the line that holds them for 1 a day, two days each.
    problem = reorder_problem(
        [[[2, 2]], [[2, 2]]], lead_periods=0, holding_cost=[1.0, 3.0], shortage_cost=50.0, can_order=[[True, False]]
    )
    rules = joint_rules(2, supplier=np.zeros(2, int), supplier_minimum=[10.0], minimum_weight=np.ones(2))
    plan = decide(replace(problem, joint=rules)).required()
    assert plan.free_quantity.tolist() == [4, 4]
    assert plan.quantity.tolist() == [6, 4]
    assert plan.cost.tolist() == pytest.approx([2 + 2 * 2, 6])
    assert plan.binding.tolist() == [MINIMUM, ""]


def test_a_truck_that_costs_more_than_it_saves_stays_away():
    # Two lines that lose 4 a step, demand 4 each now: 4 steps fill a truck, and each full truck saves 16. At 15 a truck
    # both come, at 17 none.
    problem = reorder_problem([[[4]], [[4]]], lead_periods=0)
    for cost, quantity, total in ((15.0, [4, 4], 30.0), (17.0, [0, 0], 32.0)):
        trucks = Trucks(np.array([cost]), np.zeros(1), np.full((2, 2), 0.25))
        rules = replace(joint_rules(2, supplier=[0, 0], supplier_minimum=[0.0]), trucks=trucks)
        outcome = decide(replace(problem, joint=rules))
        assert outcome.required().quantity.tolist() == quantity
        assert outcome.objective == pytest.approx(total)
        assert outcome.gap == pytest.approx(0.0, abs=COST_TOLERANCE)


def test_trucks_are_filled_as_far_as_they_must_be():
    # 5 steps are wanted, a truck takes 4 and must be full to 80 %: the fifth step would need 6.4 in two trucks.
    # 4 steps lose 1, which costs 4; 7 hold 2 for a period, which costs 2.
    problem = reorder_problem([[5]], lead_periods=0)
    trucks = Trucks(np.zeros(1), np.array([0.8]), np.array([[0.25, 0.0]]))
    rules = replace(joint_rules(1, supplier=[0], supplier_minimum=[0.0]), trucks=trucks)
    plan = decide(replace(problem, joint=rules)).required()
    assert plan.free_quantity.tolist() == [5]
    assert plan.quantity.tolist() == [7]
    cheaper = decide(replace(problem, shortage_cost=np.array([1.5]), joint=rules)).required()
    assert cheaper.quantity.tolist() == [4]


def test_a_cut_budget_names_itself_and_its_price():
    # One line, demand 4 now at shortage 4, a step costs 3 from a budget of 6: two steps, and a coin more saves 4 / 3.
    problem = reorder_problem([[4]], lead_periods=0)
    plan = decide(replace(problem, joint=joint_rules(1, budget=6, spend=[3.0]))).required()
    assert plan.quantity.tolist() == [2]
    assert plan.binding.tolist() == [BUDGET]
    assert plan.budget_price == pytest.approx(4 / 3, rel=1e-2)
    assert (plan.cost[0], plan.cost_less[0]) == pytest.approx((8.0, 12.0))
    assert plan.cost_more[0] == pytest.approx(4.0)


@settings(derandomize=True, max_examples=8, deadline=None)
@given(st.integers(0, 50), st.floats(0.1, 0.9))
def test_more_budget_never_raises_the_cost(seed, share):
    problem = with_rules(seed, ("budget", "minimum"))
    less = replace(problem, joint=replace(problem.joint, budget=int(share * (problem.joint.budget or 0))))
    assert decide(problem).objective <= decide(less).objective + COST_TOLERANCE


@settings(derandomize=True, max_examples=8, deadline=None)
@given(st.integers(0, 50), st.permutations(range(4)))
def test_other_orders_of_the_lines_give_the_same_answer(seed, order):
    problem = with_rules(seed, ("budget", "rows"))
    order = np.array(order)
    shared = ("weight", "unmet", "joint", "supply", "changes", "tilt")
    moved = {name: value[order] for name, value in vars(problem).items() if name not in shared}
    first = decide(problem)
    second = decide(replace(problem, **moved, joint=problem.joint.of(order)))
    assert second.objective == pytest.approx(first.objective)
    assert np.array_equal(first.required().free_quantity[order], second.required().free_quantity)


@settings(derandomize=True, max_examples=8, deadline=None)
@given(st.integers(0, 50))
def test_a_dearer_shortage_never_lowers_the_cost(seed):
    problem = with_rules(seed, ("budget",))
    dearer = replace(problem, shortage_cost=problem.shortage_cost * 3)
    assert decide(dearer).objective >= decide(problem).objective - COST_TOLERANCE


def test_money_in_other_units_scales_the_joint_cost():
    problem = with_rules(3, ("budget", "minimum", "pool"))
    names = ("holding_cost", "shortage_cost", "order_cost", "unit_cost", "salvage_value")
    scaled = replace(problem, **{name: 16.0 * getattr(problem, name) for name in names})
    assert decide(scaled).objective == pytest.approx(16.0 * decide(problem).objective)


def test_a_larger_instance_is_feasible_with_an_honest_gap():
    problem = with_rules(11, ("budget", "minimum", "pool"), lines=60)
    outcome = decide(problem)
    plan = outcome.required()
    assert meets(problem.joint, plan.quantity)
    assert outcome.bound <= outcome.objective == pytest.approx(plan.cost.sum())
    assert 0 <= outcome.gap < 0.05


def tiny_tied():
    problem = reorder_problem(
        [[[2, 1]], [[3, 0]], [[1, 1]]], lead_periods=0, pack=[1, 2, 3], maximum=[2, 4, 6], can_order=[[True, False]]
    )
    rules = joint_rules(
        3,
        budget=20,
        spend=[2.0, 3.0, 5.0],
        supplier=[0, 0, -1],
        supplier_minimum=[4.0],
        minimum_weight=[1.0, 1.5, 0.0],
        pool=[-1, 0, 0],
        capacity=[5.0],
        trucks=Trucks(np.array([7.0]), np.array([0.5]), np.array([[0.25, 0.0], [0.5, 0.125], [0.0, 0.0]])),
    )
    return enumerate_columns(problem), rules


def joint_text() -> str:
    return lp_text(joint_model(*tiny_tied()))


def group_text() -> str:
    columns, rules = tiny_tied()
    prices = [Prices(price, np.array([1.0]), np.array([2.0])) for price in (0.5, 1.0)]
    return lp_text(group_model([evaluate(columns, rules, one) for one in prices], 40.0))


def bundle_text() -> str:
    cuts = [
        Cut(np.array([0.0, 1.0]), 10.0, np.array([3.0, -2.0])),
        Cut(np.array([2.0, 0.0]), 8.0, np.array([-1.0, 4.0])),
    ]
    return lp_text(bundle_model(cuts, np.zeros(2), np.array([5.0, 6.0])))


def levels_text() -> str:
    return lp_text(level_model(np.array([[3.0, 1.0], [4.0, 0.0]]), np.array([[2.0, 5.0], [1.0, 6.0]]), 7.0, whole=True))


GOLDENS = {"bundle": bundle_text, "model": joint_text, "group_sets": group_text, "levels": levels_text}


@pytest.mark.parametrize("name", GOLDENS)
def test_each_model_reads_as_it_did(name):
    assert GOLDENS[name]() == (HERE / f"{name}.lp").read_text()


@pytest.mark.parametrize(
    "path", sorted((HERE.parents[1] / "optimizer/reorder").glob("*.py")), ids=lambda path: path.stem
)
def test_every_constraint_family_stands_in_a_golden_text(path):
    families = [part.split('"')[0] for part in path.read_text().split('add_rows("')[1:]]
    assert not families or path.stem in GOLDENS
    assert all(f"\n {family}" in GOLDENS[path.stem]() for family in families)


def test_the_bundle_climbs_to_the_top_of_a_roof():
    # min(3 + 2 x, 9 - x, 4 + y, 8 - y) with x, y >= 0 is highest, 6, where y = 2 and x lies from 1.5 to 3.
    def oracle(at):
        x, y = at
        value, slope = min((3 + 2 * x, (2, 0)), (9 - x, (-1, 0)), (4 + y, (0, 1)), (8 - y, (0, -1)))
        return Cut(at, value, np.array(slope, float))

    top = climbed(oracle, np.zeros(2), np.ones(2))[-1]
    assert oracle(top).value == pytest.approx(6.0, abs=1e-3)


@pytest.mark.parametrize("seed", range(6))
def test_the_bound_over_sets_of_groups_is_a_bound(seed):
    problem = with_rules(seed, ("budget", "minimum"))
    outcome = decide_within(problem, Settings(gap=0.0, model_columns=0))
    plan = outcome.required()
    optimum = joint_optimum(problem, list(zip(plan.z.tolist(), plan.cap.tolist(), strict=True)), 40)
    assert outcome.bound <= optimum + COST_TOLERANCE * max(1, abs(optimum))
    assert outcome.objective >= optimum - COST_TOLERANCE * max(1, abs(optimum))
    assert meets(problem.joint, plan.quantity)


def test_the_projection_balances_and_starts_with_the_plan():
    problem = random_problem(6, lines=5)
    plan = decide(problem).required()
    flow = project(problem, plan)
    demand = np.tensordot(problem.demand, problem.weight, axes=(1, 0))
    assert flow.opening + flow.receipts - demand + flow.lost == pytest.approx(flow.closing)
    assert flow.opening[:, 1:] == pytest.approx(flow.closing[:, :-1])
    assert flow.ordered[:, 0] == pytest.approx(plan.quantity)
    assert ((flow.out_of_stock >= 0) & (flow.out_of_stock <= 1 + 1e-9)).all()


def test_the_projection_costs_what_the_plan_says():
    # Holding on what is left and shortage on what is lost are all there is to pay, but for what is left over, which
    # costs something where it exceeds the level, as on the second line, and next to nothing on the first.
    demand = np.random.default_rng(2).poisson(3.0, (2, 20, 6))
    problem = reorder_problem(demand, on_hand=[2, 60])
    plan = decide(problem).required()
    flow = project(problem, plan)
    paid = flow.closing.sum(axis=1) + 4.0 * flow.lost.sum(axis=1)
    assert paid[0] == pytest.approx(plan.cost[0], rel=1e-2)
    assert paid[1] < plan.cost[1]


def test_no_line_at_all_has_an_empty_plan():
    outcome = decide(reorder_problem(np.zeros((0, 3, 4), dtype=int)))
    assert (outcome.status, outcome.objective, outcome.gap) == ("optimal", 0.0, 0.0)
    assert outcome.required().quantity.size == 0
    assert project(reorder_problem(np.zeros((0, 3, 4), dtype=int)), outcome.required()).closing.shape == (0, 4)


@pytest.mark.parametrize("seed", [0, 9, 13])
def test_a_stopped_model_claims_no_more_than_is_proved(seed):
    problem = with_rules(seed, ("budget", "minimum", "pool"), lines=12)
    stopped = decide_within(problem, Settings(gap=1e-9, nodes=0))
    proved = decide_within(problem, Settings(gap=1e-9, nodes=5000))
    assert (stopped.status, stopped.limit, proved.status) == ("feasible", "nodes", "optimal")
    assert stopped.bound + COST_TOLERANCE < proved.objective <= stopped.objective + COST_TOLERANCE
    assert meets(problem.joint, stopped.required().quantity)
