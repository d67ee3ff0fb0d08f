"""Clearance prices: by hand, against enumeration and closed forms, rules that bind, properties, engines."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson

from optimizer.aversion import least_risk
from optimizer.markdown.columns import all_columns
from optimizer.markdown.decide import Settings, decide
from optimizer.markdown.evaluation import sales_at
from optimizer.markdown.joint import JointSettings
from optimizer.markdown.model import joint_rows, markdown_model
from optimizer.markdown.problem import MarkdownProblem
from solvers.engines import ENGINES, solve
from solvers.lp_text import lp_text
from solvers.outcome import Limits
from tests.markdown.clearance_cases import (
    EXACT,
    THOROUGH,
    best_by_enumeration,
    doubled,
    free_rules,
    group_paths,
    one_line,
    plain_prices,
    random_problem,
    simulate,
    tied_problem,
)

# Revenue on 20,000 evenly spaced quantiles against the whole law.
QUANTILES, LAW = 20_000, 1e-3
GOLDEN = Path(__file__).with_name("clearance_model.lp")


def best_path(problem):
    return decide(problem, THOROUGH).required().rung[0].tolist()


def test_a_price_path_earns_what_is_counted_by_hand():
    # Stock 5. Hold 10: 2 + 2 sold, 40 and 1 left at 1 = 41. Fall to 8 at once: 3 + 2 at 8 = 40.
    # Hold, then fall: 2 at 10, then 3 of the 4 wanted at 8 = 44, markdown 3 x 2 = 6 in the second week.
    problem = one_line([[2, 2], [3, 4]])
    outcome = decide(problem)
    plan = outcome.required()
    assert plan.rung.tolist() == [[0, 1]]
    assert outcome.objective == pytest.approx(-44.0)
    assert outcome.bound == pytest.approx(-44.0)
    assert plan.value_today.tolist() == [41.0]
    assert plan.spend.tolist() == [[0.0, 6.0]]
    assert (plan.sold.tolist(), plan.sold_today.tolist()) == ([5.0], [4.0])


def test_all_price_paths_are_listed_once_and_evaluated_as_a_simulation_does():
    for seed in range(20):
        problem = random_problem(seed)
        columns = all_columns(problem, 10_000)
        for n in range(problem.lines):
            own = slice(columns.start[n], columns.start[n + 1])
            assert [tuple(path) for path in columns.rung[own].tolist()] == group_paths(problem, n)
            for at, path in enumerate(group_paths(problem, n), int(columns.start[n])):
                value, spend, _ = simulate(problem, n, path)
                assert columns.value[at] == pytest.approx(value, abs=EXACT)
                assert columns.spend[at, 0] == pytest.approx(spend, abs=EXACT)


@pytest.mark.parametrize("seed", range(60))
def test_the_plan_is_the_best_of_all_combinations(seed):
    problem = random_problem(seed)
    outcome = decide(problem, THOROUGH)
    best = best_by_enumeration(problem)
    assert -outcome.objective == pytest.approx(best, abs=EXACT)
    assert -outcome.bound >= best - EXACT


@pytest.mark.parametrize("seed", range(20))
def test_paths_that_count_for_more_in_the_value_leave_markdown_and_targets_as_they_are(seed):
    problem = tied_problem(seed) if seed % 2 else random_problem(seed)
    tilt = np.random.default_rng(seed).dirichlet(np.ones(len(problem.weight)))
    tilted = replace(problem, tilt=tilt)
    outcome = decide(tilted, THOROUGH)
    assert -outcome.objective == pytest.approx(best_by_enumeration(tilted), abs=EXACT)
    columns = all_columns(tilted, THOROUGH.most_columns)
    assert columns.spend == pytest.approx(all_columns(problem, THOROUGH.most_columns).spend, abs=EXACT)


@pytest.mark.parametrize("seed", range(20))
def test_aversion_earns_more_on_the_worst_paths_within_its_bound(seed):
    problem = random_problem(seed, paths=5)

    def decided(tilt):
        return decide(replace(problem, tilt=tilt), THOROUGH)

    def cost(plan):
        return -sales_at(problem, plan.rung).value.sum(axis=0)

    found = least_risk(problem.weight, 0.8, decided, cost)
    worst = cost(found.outcome.required()).max()
    assert found.tail == pytest.approx(worst, abs=EXACT)
    assert worst <= cost(decided(None).required()).max() + EXACT
    assert found.outcome.bound <= 0.2 * found.mean + 0.8 * found.tail + EXACT


@pytest.mark.parametrize("seed", range(40))
def test_locked_prices_stand_and_the_rest_is_still_best(seed):
    problem = random_problem(seed)
    fixed = np.array([-1, 0, 0])
    fixed[2] = min(1, problem.rungs[2] - 1)
    problem = problem.with_rules(fixed=fixed)
    outcome = decide(problem, THOROUGH)
    assert (outcome.required().rung[1:, 0] == fixed[1:]).all()
    assert -outcome.objective == pytest.approx(best_by_enumeration(problem), abs=EXACT)


@pytest.mark.parametrize("seed", range(60))
def test_groups_of_one_price_targets_and_families_are_the_best_of_all_combinations_too(seed):
    problem = tied_problem(seed)
    outcome = decide(problem, THOROUGH)
    plan = outcome.required()
    assert -outcome.objective == pytest.approx(best_by_enumeration(problem), abs=EXACT)
    assert (plan.rung[0] == plan.rung[1]).all()
    assert plan.value.sum() == pytest.approx(-outcome.objective, abs=EXACT)


def gallego_van_ryzin(stock, price):
    """One period, demand 20 exp(-p), the stock at hand; prices fall on a grid from 3."""
    level = (np.arange(QUANTILES) + 0.5) / QUANTILES
    laws = [poisson.cdf(np.arange(100), 20.0 * np.exp(-p)) for p in price]
    demand = np.array([np.searchsorted(law, level) for law in laws], dtype=np.int32)
    rungs = len(price)
    return MarkdownProblem(
        demand=demand[None, :, None, :],
        weight=np.full(QUANTILES, 1.0 / QUANTILES),
        **plain_prices(price[None], [3.0], 1),
        rungs=np.array([rungs]),
        salvage=np.zeros(1),
        stock=np.array([float(stock)]),
        arrivals=np.zeros((1, 1)),
        rules=free_rules(1, rungs, 1),
        starts=np.zeros(1, np.int64),
        place=np.zeros(1, np.int64),
        labels=np.full((1, 1), np.inf),
        budget=np.full((1, 1), np.inf),
        paid=np.ones((1, 1), bool),
    )


@pytest.mark.parametrize(("stock", "optimum"), [(1, 2.1232), (2, 3.5674), (5, 6.0004), (10, 7.2231), (20, 7.3576)])
def test_one_price_earns_its_closed_form_and_no_more_than_the_best_policy(stock, optimum):
    # Gallego and van Ryzin (1994): J*(n) = log sum_{i<=n} (20/e)^i / i!, over all policies that follow the stock.
    ideal = math.log(sum((20 / math.e) ** i / math.factorial(i) for i in range(stock + 1)))
    assert ideal == pytest.approx(optimum, abs=1e-4)
    price = np.arange(3.0, 0.45, -0.05)
    earned = -decide(gallego_van_ryzin(stock, price)).objective
    sold = np.arange(200)
    fixed = [p * (np.minimum(sold, stock) * poisson.pmf(sold, 20 * np.exp(-p))).sum() for p in price]
    assert earned == pytest.approx(max(fixed), abs=LAW)
    deterministic = min(stock, 20 / math.e) * max(math.log(20 / min(stock, 20 / math.e)), 0.0)
    assert earned <= ideal + LAW <= deterministic + 2 * LAW
    if stock == 20:
        # Where stock is ample nothing is lost by one price.
        assert earned == pytest.approx(optimum, abs=LAW)


def test_each_rule_binds_once():
    # A third price of 4 at which everything sells: demand 1 a week, 3 at 8, 9 at 4; stock 20 over three weeks.
    # At 4 from the first week 9 + 9 + 2 sold: 80. At 8: 9 x 8 + 11 = 83. 8, then 4: 3 x 8 + 17 x 4 = 92.
    # 8, 8, 4: 6 x 8 + 9 x 4 + 5 = 89. 10, 4, 4: 10 + 72 + 1 = 83. 10, 8, 4: 10 + 24 + 36 + 7 = 77.
    problem = one_line([[1, 1, 1], [3, 3, 3], [9, 9, 9]], (10.0, 8.0, 4.0), stock=20.0)
    assert best_path(problem) == [1, 2, 2]
    # At most one change: 8 throughout earns 83, 10 and then 4 does, too; 4 throughout 80. The first listed stays.
    assert best_path(problem.with_rules(most_changes=np.array([1]))) in ([1, 1, 1], [0, 2, 2])
    # No change at all.
    assert best_path(problem.with_rules(most_changes=np.array([0]))) == [0, 0, 0]
    # Two weeks between changes.
    assert best_path(problem.with_rules(days_between=np.array([14]))) == [1, 1, 2]
    # The last change was three days ago and seven must pass: 10, then 4 (83).
    late = problem.with_rules(days_between=np.array([7]), days_since=np.array([3]))
    assert best_path(late) == [0, 2, 2]
    # No touch before the second week.
    assert best_path(problem.with_rules(can_change=np.array([[False, True, True]]))) == [0, 2, 2]
    # Steps of at most a fifth: 4 is out of reach.
    small = problem.rules.allowed.copy()
    small[0, :, 2] = False
    assert best_path(problem.with_rules(allowed=small)) == [1, 1, 1]
    # Steps of at least a half: 8 is no step.
    large = problem.rules.allowed.copy()
    large[0, 0, 1] = False
    assert best_path(problem.with_rules(allowed=large)) == [0, 2, 2]
    # Exit after the first week: what sells at 4 (9 x 4 + 11 = 47) is more than at 8 (3 x 8 + 17 = 41).
    demand = problem.demand.copy()
    demand[:, :, 1:] = 0
    early = replace(problem, demand=demand).with_rules(epochs=np.array([1]))
    assert best_path(early) == [2, 2, 2]
    # One label in the whole clearance, and only in the last week: 10, 10, 4 earns 20 + 36 + 9 = 65.
    assert best_path(replace(problem, labels=np.array([[0.0, 0.0, 1.0]]))) == [0, 0, 2]
    # Markdown of 8, then 4, is 6, 54, 48; with 20 in the second week 4 must wait.
    assert best_path(replace(problem, budget=np.array([[np.inf, 20.0, np.inf]]))) == [1, 1, 2]


def test_a_target_a_group_and_a_family_bind():
    # Demand 1 a week at 10, 3 at 8, 9 at 4; stock 20 over three weeks: 8, then 4 sells all and earns 92.
    problem = one_line([[1, 1, 1], [3, 3, 3], [9, 9, 9]], (10.0, 8.0, 4.0), stock=20.0, salvage=6.0)
    # With 6 a leftover it pays to keep them: 8 throughout sells 9, 72 + 11 x 6 = 138; 10 throughout 30 + 102 = 132.
    assert best_path(problem) == [1, 1, 1]
    # A charge of 3 for each unit short of 15: 8, 8, 4 sells 15 and earns 48 + 36 + 30 = 114, against 138 - 18 = 120.
    target = replace(problem, target=np.array([15.0]), short_cost=np.array([3.0]))
    assert best_path(target) == [1, 1, 1]
    # At 5 it is 108.
    assert best_path(replace(target, short_cost=np.array([5.0]))) == [1, 1, 2]
    # Two lines: the second gets its only unit in the last week and asks 10 for it.
    pair = replace(doubled(replace(problem, salvage=np.ones(1))), stock=np.array([20.0, 0.0]))
    pair = replace(pair, arrivals=np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))
    assert decide(pair, THOROUGH).required().rung.tolist() == [[1, 2, 2], [0, 0, 0]]
    # Of one price: 8, 4, 4 earns 92 + 4, 8, 8, 4 earns 89 + 4, 8 throughout 83 + 8 and 10, 8, 8 with 10 + 48 + 13 less.
    one = replace(pair, group=np.zeros(2, np.int64), rungs=pair.rungs[:1], rules=pair.rules.rows(np.zeros(1, np.int64)))
    outcome = decide(one, THOROUGH)
    assert outcome.required().rung.tolist() == [[1, 2, 2]] * 2
    assert outcome.objective == pytest.approx(-96.0)
    # Line 1 is the double pack of line 0: at 10 it costs 5 a piece, so that line 0 may ask 4 only if it falls to 8.
    family = replace(pair, families=np.array([[0, 1]]), content=np.array([1.0, 2.0]))
    outcome = decide(family, THOROUGH)
    assert outcome.objective == pytest.approx(-(92.0 + 8.0))
    assert outcome.required().rung[:, 1:].tolist() == [[2, 2], [1, 1]]


def test_a_budget_that_todays_prices_overspend_leaves_them_as_they_are():
    # Regular 12, today 10: holding spends 2 a unit already; falling further spends more in the week.
    problem = replace(one_line([[2, 2], [3, 4]]), counted_from=np.full((1, 2), 12.0), budget=np.array([[1.0, 1.0]]))
    plan = decide(problem, THOROUGH).required()
    assert plan.rung.tolist() == [[0, 0]]


@settings(derandomize=True, max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_more_changes_more_labels_and_more_budget_never_lower_value_or_bound(seed):
    problem = random_problem(seed)
    outcome = decide(problem, THOROUGH)
    for easier in (
        problem.with_rules(most_changes=problem.rules.most_changes + 1),
        replace(problem, labels=problem.labels + 1),
        replace(problem, budget=problem.budget * 2),
    ):
        other = decide(easier, THOROUGH)
        assert -other.objective >= -outcome.objective - EXACT
        assert -other.bound >= -outcome.bound - EXACT


@settings(derandomize=True, max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), factor=st.sampled_from([0.5, 7.0, 100.0]))
def test_all_money_times_a_factor_gives_the_value_times_it(seed, factor):
    problem = random_problem(seed)
    dearer = replace(
        problem,
        price=problem.price * factor,
        asked=problem.asked * factor,
        counted_from=problem.counted_from * factor,
        salvage=problem.salvage * factor,
        budget=problem.budget * factor,
    )
    plain, scaled = decide(problem, THOROUGH), decide(dearer, THOROUGH)
    assert scaled.objective == pytest.approx(plain.objective * factor, rel=EXACT, abs=EXACT)


@settings(derandomize=True, max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_without_stock_nothing_is_earned_and_no_price_is_touched(seed):
    problem = random_problem(seed)
    empty = replace(problem, stock=np.zeros(3), arrivals=np.zeros((3, 4)))
    outcome = decide(empty)
    assert outcome.objective == 0.0
    assert not outcome.required().rung.any()


def test_no_line_is_a_plan_too():
    empty, _ = random_problem(1).of_places(np.zeros(0, np.int64))
    outcome = decide(empty)
    assert (outcome.objective, outcome.bound, outcome.required().rung.shape) == (0.0, 0.0, (0, 4))


def crowded_problem(lines=40):
    """Lines that two places and a budget tie together, enough that not all columns are listed in the model."""
    problem = random_problem(5, lines=lines, rungs=4, epochs=5, paths=4)
    budget = np.stack([np.full(5, 150.0), np.full(5, 100.0), np.full(5, np.inf)])
    return replace(problem, labels=np.full((2, 5), 1.0), budget=budget)


def test_a_larger_plan_keeps_labels_and_budget_and_its_bound_is_close():
    problem = crowded_problem()
    outcome = decide(problem, Settings(joint=JointSettings(nodes=20)))
    plan = outcome.required()
    used = np.zeros((2, 5))
    np.add.at(used, problem.place, np.diff(plan.rung, axis=1, prepend=0) != 0)
    assert (used <= 1).all()
    today = decide(problem.with_rules(most_changes=np.zeros(40, np.int64))).required()
    assert (plan.spend.sum(axis=0) <= np.maximum(150.0, today.spend.sum(axis=0)) + EXACT).all()
    assert (used == 1).any()
    assert -outcome.bound >= -outcome.objective >= today.value.sum()
    assert outcome.gap <= 0.01
    whole = decide(problem, THOROUGH)
    assert -outcome.bound >= -whole.objective - EXACT


def test_few_columns_in_the_last_model_leave_the_bound_true():
    problem = crowded_problem()
    best = -decide(problem, THOROUGH).objective
    for most in (1, 60):
        outcome = decide(problem, Settings(joint=JointSettings(gap=1e-9, most_taken=most, rounds=3)))
        assert -outcome.bound >= best - EXACT
        assert -outcome.objective <= best + EXACT


def test_a_line_with_too_many_price_paths_is_listed_with_fewer_changes_and_said_so():
    problem = one_line(np.arange(5)[:, None] + np.ones((5, 6), int), (9.0, 8.0, 7.0, 6.0, 5.0), stock=30.0)
    # One change: 1 + 6 x 4 = 25 paths; two: + C(6,2) x C(4,2) = 90 more.
    plan = decide(problem, Settings(most_columns=115)).required()
    assert (plan.columns, plan.cut_groups) == (115, 1)
    plan = decide(problem, Settings(most_columns=114)).required()
    assert (plan.columns, plan.cut_groups) == (25, 1)


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_engines_agree_on_the_choice_of_columns(engine):
    problem = random_problem(11)
    columns = all_columns(problem, 10_000)
    model = markdown_model(problem, columns, joint_rows(problem, columns), np.arange(len(columns.value)), integer=True)
    outcome = solve(model, Limits(), engine)
    assert -outcome.objective == pytest.approx(best_by_enumeration(problem), abs=1e-5)


def test_the_text_of_the_model_stays_as_it_is():
    problem = replace(one_line([[2, 2], [3, 4]]), labels=np.array([[1.0, 1.0]]), budget=np.array([[np.inf, 20.0]]))
    columns = all_columns(problem, 100)
    model = markdown_model(problem, columns, joint_rows(problem, columns), np.arange(len(columns.value)), integer=True)
    assert lp_text(model) == GOLDEN.read_text(encoding="utf-8")
    # Each family of rows has an entry.
    assert all(family.count for family in model.constraints)


def test_shapes_and_prices_that_do_not_fit_are_refused():
    problem = one_line([[2, 2], [3, 4]])
    with pytest.raises(ValueError, match="stock"):
        replace(problem, stock=np.zeros(2))
    with pytest.raises(ValueError, match="must fall"):
        replace(problem, price=np.array([[8.0, 10.0]]))
