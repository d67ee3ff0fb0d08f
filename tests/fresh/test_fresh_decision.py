"""Orders and stickers together: worked by hand, against a second implementation, and against every choice there is."""

from itertools import product

import numpy as np
import pytest

from optimizer.fresh.decide import decide_fresh, mean_value
from optimizer.fresh.kernel import EXPIRED, NEAR_SOLD, VALUE, WANTED, Policy, line_of, outcomes
from optimizer.fresh.problem import FREE, FreshProblem
from tests.fresh.fresh_cases import money_of, problem_of, random_problem


def test_eight_on_their_last_day_by_hand():
    problem = problem_of()
    line = line_of(problem, 0)
    none = outcomes(line, Policy(0, 0, 0, 0, 1, 0.0))[0]
    # Four sell at 10, four expire, and nothing more comes.
    assert (none[VALUE], none[NEAR_SOLD], none[EXPIRED], none[WANTED]) == (40.0, 4.0, 4.0, 4.0)
    sticker = outcomes(line, Policy(0, 1, 0, 0, 1, 0.0))[0]
    # All eight sell at 7.
    assert (sticker[VALUE], sticker[NEAR_SOLD], sticker[EXPIRED], sticker[WANTED]) == (56.0, 8.0, 0.0, 8.0)
    plan = decide_fresh(problem)
    assert plan.rung.tolist() == [1]
    # Tomorrow's four are ordered; whether later ones come with them is all the same.
    assert plan.order[0] >= 4
    # Without stickers four expire; with one all eight bring 56 instead of 40: 4 for each of the four.
    assert plan.recovery.tolist() == [4.0]


def test_who_finds_no_reduced_unit_buys_another_where_the_usual_price_does_not_keep_him_away():
    # Two near, five others; eight come for 7, of whom four would pay 10: six find none, three of them pay.
    problem = problem_of(on_hand=np.array([[2.0, 5.0, 0.0, 0.0]]))
    found = outcomes(line_of(problem, 0), Policy(0, 1, 0, 0, 1, 0.0))[0]
    assert (found[NEAR_SOLD], found[WANTED]) == (2.0, 5.0)
    # 2 x 7 + 3 x 10 today, then two are left and sell at 10.
    assert found[VALUE] == 2 * 7 + 3 * 10 + 2 * 10


@pytest.mark.parametrize("seed", range(40))
def test_the_course_of_every_path_is_that_of_units_in_a_list(seed):
    problem = random_problem(seed)
    rng = np.random.default_rng(seed + 1000)
    policy = Policy(
        int(rng.choice([FREE, 0, 2 * problem.pack[0]])), int(rng.choice([FREE, 0, 1, 2])), int(rng.integers(0, 30)),
        int(rng.integers(0, 3)), int(rng.integers(1, problem.near[0] + 1)), float(rng.integers(0, 5)),
    )  # fmt: skip
    found = outcomes(line_of(problem, 0), policy)[:, VALUE]
    assert found == pytest.approx([money_of(problem, 0, s, policy) for s in range(len(found))])


@pytest.mark.parametrize("seed", range(12))
def test_the_decision_is_close_to_the_best_of_all_policies(seed):
    problem = random_problem(seed)
    line = line_of(problem, 0)
    packs = range(0, 30, int(problem.pack[0]))
    orders = [q for q in packs if q == 0 or q >= problem.minimum[0]] if problem.can_order[0, 0] else [0]
    rate = line.demand[0].mean()
    policies = [
        Policy(q, k, level, later, near, share * rate)
        for q, k, level, later, near, share in product(
            orders, range(3), range(0, 40, 2), range(3), range(1, int(problem.near[0]) + 1), (0.0, 1.0)
        )
    ]
    best = max(mean_value(line, policy, problem.weight) for policy in policies)
    found = float(decide_fresh(problem).value[0])
    # A search along coordinates over a grid: within two of a hundred, and mostly much closer.
    assert found >= best - 0.02 * abs(best) - 30.0


def test_together_is_never_below_apart_nor_that_below_never_a_sticker():
    plan = decide_fresh(random_problem(5, lines=30))
    assert (plan.value >= plan.value_apart - 1e-6).all()
    assert (plan.value > plan.value_apart + 1.0).any()
    assert (plan.value_apart >= plan.value_plain - 1e-6).all()
    cost = 600.0
    assert (plan.recovery >= 0.0).all() and (plan.recovery <= cost).all() and (plan.recovery > 0.0).any()


def test_blocks_change_nothing(monkeypatch):
    problem = random_problem(7, lines=9)
    whole = decide_fresh(problem)
    monkeypatch.setattr("optimizer.fresh.decide._BLOCK", 2)
    parts = decide_fresh(problem)
    for name, values in vars(whole).items():
        np.testing.assert_array_equal(values, getattr(parts, name))


def test_a_lock_is_kept_and_money_scales():
    problem = random_problem(3, lines=6)
    fixed = np.array([0, 1, 2, 0, 1, 2])
    given = {name: getattr(problem, name) for name in vars(problem)}
    assert decide_fresh(FreshProblem(**{**given, "fixed": fixed})).rung.tolist() == fixed.tolist()
    names = ("price", "cost", "salvage", "holding", "goodwill", "order_cost")
    scaled = FreshProblem(**{**given, **{name: 3.0 * given[name] for name in names}})
    np.testing.assert_allclose(decide_fresh(scaled).value, 3.0 * decide_fresh(problem).value)


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="price"):
        problem_of(price=np.ones((1, 5)))
