"""One suite that every engine passes."""

import math
import subprocess
import sys

import numpy as np
import pytest

from solvers import infeasible, pulp_bridge
from solvers.engines import ENGINES, solve
from solvers.model import Bounds, Model, SealedModel, Triplets
from solvers.outcome import Limits, NoPlanError, relative_gap

ENGINE_TOLERANCE = 1e-6
NODE_LIMITED = ("highs", "scip", "cbc")


def one_row(cost, coefficients, lower, upper, bounds) -> SealedModel:
    model = Model()
    x = model.add_variables("x", {"i": np.arange(len(cost))}, cost, bounds)
    row = Triplets(np.zeros(len(cost), int), x.members, np.array(coefficients, float))
    model.add_rows("total", {}, row, lower, upper)
    return model.seal()


def cover(items: int, seed: int) -> SealedModel:
    """Random cover with three rows and whole numbers."""
    rng = np.random.default_rng(seed)
    model = Model()
    x = model.add_variables("x", {"i": np.arange(items)}, rng.integers(50, 99, items), Bounds(0, 3, True))
    row = np.repeat(np.arange(3), items)
    value = rng.integers(40, 99, 3 * items).astype(float)
    model.add_rows("cover", {"row": np.arange(3)}, Triplets(row, np.tile(x.members, 3), value), 25.0 * items, np.inf)
    return model.seal()


def market_split(customers: int, seed: int) -> SealedModel:
    """Split customers so that three products are shared in half (Cornuejols and Dawande, 1999): hard to prove."""
    rng = np.random.default_rng(seed)
    model, products = Model(), 3
    x = model.add_variables("x", {"i": np.arange(customers)}, 0.0, Bounds(0, 1, True))
    over, under = (model.add_variables(name, {"i": np.arange(products)}, 1.0) for name in ("over", "under"))
    sales = rng.integers(0, 99, (products, customers)).astype(float)
    row = np.concatenate([np.repeat(np.arange(products), customers), np.arange(products), np.arange(products)])
    column = np.concatenate([np.tile(x.members, products), over.members, under.members])
    value = np.concatenate([sales.ravel(), -np.ones(products), np.ones(products)])
    half = np.floor(sales.sum(axis=1) / 2)
    model.add_rows("share", {"i": np.arange(products)}, Triplets(row, column, value), half, half)
    return model.seal()


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_solves_the_linear_model_to_the_same_cost(engine):
    # min x + 2 y + 3 z, x + y + z >= 4.5, x <= 1, y <= 3: x = 1, y = 3, z = .5 cost 1 + 6 + 1.5
    model = one_row([1, 2, 3], [1, 1, 1], 4.5, 8.0, Bounds(0, [1, 3, np.inf]))
    outcome = solve(model, engine=engine)
    assert outcome.status == "optimal"
    assert outcome.objective == pytest.approx(8.5, abs=ENGINE_TOLERANCE)
    assert outcome.required().values == pytest.approx([1, 3, 0.5], abs=ENGINE_TOLERANCE)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_solves_the_whole_number_model_to_the_same_cost(engine):
    # The same with whole numbers: z must be 1 as well, cost 1 + 6 + 3.
    model = one_row([1, 2, 3], [1, 1, 1], 4.5, 8.0, Bounds(0, [1, 3, np.inf], True))
    outcome = solve(model, engine=engine)
    assert (outcome.status, outcome.limit) == ("optimal", "none")
    assert outcome.objective == pytest.approx(10.0, abs=ENGINE_TOLERANCE)
    assert outcome.bound == pytest.approx(10.0, abs=ENGINE_TOLERANCE)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_agrees_on_random_covers(engine):
    for seed in range(3):
        model = cover(8, seed)
        reference = solve(model)
        assert solve(model, engine=engine).objective == pytest.approx(reference.objective, rel=ENGINE_TOLERANCE)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_says_infeasible(engine, whole):
    # Two variables of at most 1 cannot add up to 3.
    outcome = solve(one_row([1, 1], [1, 1], 3.0, np.inf, Bounds(0, 1, whole)), engine=engine)
    assert (outcome.plan, outcome.status, outcome.bound) == (None, "infeasible", math.inf)
    with pytest.raises(NoPlanError, match="infeasible"):
        outcome.required()


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_says_unbounded(engine, whole):
    # min -x - y with only x - y <= 1.
    outcome = solve(one_row([-1, -1], [1, -1], -np.inf, 1.0, Bounds(0, np.inf, whole)), engine=engine)
    assert (outcome.plan, outcome.status, outcome.bound) == (None, "unbounded", -math.inf)


@pytest.mark.parametrize("engine", NODE_LIMITED)
def test_a_node_limit_leaves_a_plan_without_proof(engine):
    model = market_split(30, 1)
    stopped = solve(model, Limits(nodes=1), engine)
    assert (stopped.status, stopped.limit) == ("feasible", "nodes")
    values = stopped.required().values
    assert model.matrix() @ values == pytest.approx(model.row_lower, abs=ENGINE_TOLERANCE)
    assert model.cost @ values == pytest.approx(stopped.objective, rel=ENGINE_TOLERANCE)
    assert stopped.bound < stopped.objective
    assert stopped.gap == relative_gap(stopped.objective, stopped.bound)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_gives_the_same_plan_twice(engine):
    model = cover(10, 7)
    first, second = (solve(model, engine=engine).required().values for _ in range(2))
    assert (first == second).all()


def test_prices_of_a_linear_model_are_the_change_per_unit():
    # One more unit needed costs one more z at 3; x at its bound saves 3 - 1 = 2 per unit.
    outcome = solve(one_row([1, 2, 3], [1, 1, 1], 4.5, 8.0, Bounds(0, [1, 3, np.inf])))
    assert outcome.required().row_prices == pytest.approx([3.0])
    assert outcome.required().reduced_costs == pytest.approx([-2.0, -1.0, 0.0])


def test_an_unknown_engine_is_named():
    with pytest.raises(ValueError, match="'abacus': expected one of highs"):
        solve(cover(3, 0), engine="abacus")


def test_limits_an_engine_cannot_keep_are_refused():
    with pytest.raises(ValueError, match="no limit on nodes"):
        solve(cover(3, 0), Limits(nodes=1), "pulp_highs")
    with pytest.raises(ValueError, match="no limit on simplex iterations"):
        solve(cover(3, 0), Limits(iterations=1), "cbc")


def test_pulp_reaches_the_solvers_the_project_counts_on():
    assert pulp_bridge.require_solvers() == ("COIN_CMD", "HiGHS")


@pytest.mark.parametrize("order", [("highspy", "ortools"), ("ortools", "highspy")])
def test_both_engines_work_in_one_process_in_either_import_order(order):
    scripts = {"highspy": "import highspy", "ortools": "from ortools.linear_solver.python import model_builder_helper"}
    check = (
        "import numpy as np; from solvers.engines import solve; from solvers.model import *;"
        "model = Model(); model.add_variables('x', {}, 2.0, Bounds(1, 3, True)); sealed = model.seal();"
        "print([solve(sealed, engine=name).objective for name in ('highs', 'scip', 'pulp_highs')])"
    )
    program = "; ".join([scripts[name] for name in order] + [check])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[2.0, 2.0, 2.0]"


def test_an_infeasible_model_names_the_family_to_relax():
    # x <= 2 (shelf), y <= 2 (truck), x >= 3 (promise): relaxing shelf or promise helps, relaxing truck does not.
    model = Model()
    x, y = (model.add_variables(name, {}) for name in "xy")
    for name, family, lower, upper in (("shelf", x, 0, 2), ("truck", y, 0, 2), ("promise", x, 3, np.inf)):
        model.add_rows(name, {}, Triplets(np.zeros(1, int), family.members, np.ones(1)), lower, upper)
    sealed = model.seal()
    with pytest.raises(NoPlanError, match="infeasible; relax shelf or promise"):
        infeasible.require_plan(sealed, solve(sealed))


def test_families_that_must_be_relaxed_together_are_named_together():
    # x >= 3 against two families that each say x <= 2: the promise alone, or both others.
    model = Model()
    x = model.add_variables("x", {}, 1.0, Bounds(3.0, 9.0))
    for name in ("shelf", "truck"):
        model.add_rows(name, {}, Triplets(np.zeros(1, int), x.members, np.ones(1)), 0, 2)
    assert infeasible.families_to_relax(model.seal()) == ("shelf", "truck")
