"""Many places at once: blocks that share the budget keep all rows, are close to the whole, and their bound is true."""

from dataclasses import replace

import numpy as np
import pytest

from optimizer.executor import run_all_on
from optimizer.markdown.blocks import split
from optimizer.markdown.decide import Settings, decide
from optimizer.markdown.joint import JointSettings
from tests.markdown.clearance_cases import EXACT, THOROUGH, random_problem

# Places decided by shares of the budget against all of them at once.
NEAR = 0.03
BLOCKS = Settings(block_lines=10, joint=JointSettings(gap=1e-4, nodes=200))


def many_places(seed, lines=40, places=8, budget=150.0):
    problem = random_problem(seed, lines=lines, rungs=4, epochs=5, paths=4)
    return replace(
        problem,
        place=np.arange(lines) % places,
        labels=np.full((places, 5), 2.0),
        budget=np.full((1, 5), budget),
        paid=np.ones((1, lines), bool),
    )


def used_labels(problem, rung):
    used = np.zeros_like(problem.labels)
    np.add.at(used, problem.place, np.diff(rung, axis=1, prepend=0) != 0)
    return used


@pytest.mark.parametrize("seed", range(6))
def test_blocks_keep_labels_and_budget_and_stay_between_their_plan_and_their_bound(seed):
    problem = many_places(seed)
    parts, whole = decide(problem, BLOCKS), decide(problem, THOROUGH)
    plan = parts.required()
    today = decide(problem.with_rules(most_changes=np.zeros(40, np.int64))).required()
    assert (plan.blocks, whole.required().blocks) == (4, 1)
    assert (used_labels(problem, plan.rung) <= problem.labels).all()
    assert (plan.spend.sum(axis=0) <= np.maximum(problem.budget, today.spend.sum(axis=0)) + EXACT).all()
    assert parts.bound <= whole.objective + EXACT
    assert whole.objective - EXACT <= parts.objective <= whole.objective * (1.0 - NEAR)
    assert plan.value.sum() == pytest.approx(-parts.objective)


@pytest.mark.parametrize("seed", range(4))
def test_blocks_keep_budgets_of_places_and_categories_too(seed):
    # Of all, of a category in all blocks, of two places that are one block, and one without a limit.
    problem = many_places(seed, budget=np.inf)
    lines = np.arange(40)
    paid = np.stack([lines >= 0, lines % 3 == 0, lines % 8 // 2 == 1, lines % 8 == 5])
    free, today = (
        paid @ decide(part).required().spend for part in (problem, problem.with_rules(most_changes=np.zeros(40, int)))
    )
    limits = today + np.array([[0.7], [0.2], [0.2], [np.inf]]) * np.maximum(free - today, 0.1)
    problem = replace(problem, paid=paid, budget=limits)
    parts, whole = decide(problem, BLOCKS), decide(problem, THOROUGH)
    plan = parts.required()
    assert plan.blocks == 4
    assert (paid @ plan.spend <= limits + EXACT).all()
    assert parts.bound <= whole.objective + EXACT
    assert whole.objective - EXACT <= parts.objective <= whole.objective * (1.0 - NEAR)
    # That of the category binds, that of the two places in half the cases; nothing is paid for one without a limit.
    assert plan.budget_price.any(axis=1).tolist()[1:] == [True, seed in (0, 3), False]


def test_without_a_budget_blocks_are_as_good_as_the_whole():
    problem = replace(many_places(3), budget=np.full((1, 5), np.inf))
    exact = Settings(block_lines=10, joint=THOROUGH.joint)
    assert decide(problem, exact).objective == pytest.approx(decide(problem, THOROUGH).objective, abs=EXACT)


def test_processes_change_nothing():
    problem = many_places(1)
    alone = decide(problem, BLOCKS)
    with run_all_on(2) as run_all:
        together = decide(problem, BLOCKS, run_all)
    assert (together.required().rung == alone.required().rung).all()
    assert (together.objective, together.bound) == (alone.objective, alone.bound)


def test_places_that_share_a_group_or_a_family_stay_in_one_block():
    problem = many_places(2)
    # Line 0 at place 0 and line 1 at place 1 have one price; line 2 at place 2 is a pack of line 11 at place 3.
    group = np.concatenate([[0, 0], np.arange(1, 39)])
    rows = np.concatenate([[0], np.arange(2, 40)])
    tied = replace(
        problem,
        group=group,
        rungs=problem.rungs[rows],
        rules=problem.rules.rows(rows),
        families=np.array([[2, 11]]),
    )
    blocks = {place: number for number, places in enumerate(split(tied, 5)) for place in places}
    assert sorted(blocks) == list(range(8))
    assert blocks[0] == blocks[1]
    assert blocks[2] == blocks[3]
    assert len(set(blocks.values())) > 2
