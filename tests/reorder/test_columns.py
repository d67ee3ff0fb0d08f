from dataclasses import replace

import numpy as np
import pytest
from reorder_cases import COST_TOLERANCE, allowed_quantities, random_problem, reorder_problem, simulated_cost

from optimizer.reorder.columns import Settings, enumerate_columns
from optimizer.reorder.problem import NO_MAXIMUM


def rows(columns, n):
    part = slice(columns.start[n], columns.start[n + 1])
    return columns.quantity[part], columns.cost[part]


def test_one_path_is_priced_by_hand():
    # Demand 3 then 4, nothing in stock, an order can be sold at once (lead 0), h = 1, p = 4, no other order day.
    # Ordering q: 0 loses 7 -> 28; 3 loses 4 -> 16; 7 holds 4 for one day -> 4; 8 holds 5 + 1 -> 6.
    # Left over counts from the level after the horizon: demand of the 2 days until the next order day, 3.5 each = 7,
    # so nothing is in excess.
    problem = reorder_problem([[3, 4]], lead_periods=0, can_order=[[True, False]])
    quantity, cost = rows(enumerate_columns(problem), 0)
    known = dict(zip(quantity.tolist(), cost.tolist(), strict=True))
    assert [known[q] for q in (0, 3, 7, 8)] == pytest.approx([28, 16, 4, 6])


def test_a_lead_time_delays_what_is_ordered():
    # The same with lead 1: day 0 loses 3 whatever is ordered (12); then q = 4 meets day 1 exactly.
    problem = reorder_problem([[3, 4]], lead_periods=1, can_order=[[True, False]])
    quantity, cost = rows(enumerate_columns(problem), 0)
    known = dict(zip(quantity.tolist(), cost.tolist(), strict=True))
    assert [known[q] for q in (0, 2, 4, 5)] == pytest.approx([28, 20, 12, 13])


def test_an_order_cost_is_charged_once_per_order():
    # Demand 3 then 4, K = 40, h = 1, dear shortage, what is left over worth nothing: one order of 7 holds 4 -> 44;
    # two orders of 3 and 4 cost 80.
    money = {"order_cost": 40.0, "shortage_cost": 100.0, "unit_cost": 100.0, "life_periods": 0}
    problem = reorder_problem([[3, 4]], lead_periods=0, **money)
    quantity, cost = rows(enumerate_columns(problem), 0)
    assert quantity[np.argmin(cost)] == 7
    assert cost.min() == pytest.approx(44.0)


@pytest.mark.parametrize("unmet", ["lost_sales", "backorders"])
@pytest.mark.parametrize("seed", range(12))
def test_every_column_costs_what_a_plain_simulation_says(seed, unmet):
    problem = random_problem(seed, unmet=unmet)
    columns = enumerate_columns(problem)
    for n in range(problem.lines):
        policy = (float(columns.z[n]), float(columns.cap[n]))
        for quantity, cost in zip(*rows(columns, n), strict=True):
            expected = simulated_cost(problem, n, int(quantity), policy)
            assert cost == pytest.approx(expected, rel=COST_TOLERANCE, abs=COST_TOLERANCE)


@pytest.mark.parametrize("seed", range(20))
def test_no_quantity_beyond_the_cap_is_cheaper(seed):
    problem = random_problem(seed, unmet=("lost_sales", "backorders")[seed % 2])
    columns = enumerate_columns(problem)
    for n in range(problem.lines):
        quantity, cost = rows(columns, n)
        policy = (float(columns.z[n]), float(columns.cap[n]))
        beyond = [q for q in allowed_quantities(problem, n, 3 * int(quantity[-1]) + 40) if q > quantity[-1]]
        assert all(simulated_cost(problem, n, q, policy) >= cost.min() - COST_TOLERANCE for q in beyond)


@pytest.mark.parametrize("seed", range(6))
def test_columns_are_the_allowed_multiples_from_zero(seed):
    problem = random_problem(seed)
    columns = enumerate_columns(problem)
    for n in range(problem.lines):
        quantity, _ = rows(columns, n)
        assert quantity.tolist() == allowed_quantities(problem, n, int(quantity[-1]))


def test_a_day_without_orders_leaves_only_zero():
    problem = reorder_problem([[3, 4, 5]], can_order=[[False, True, True]])
    assert enumerate_columns(problem).quantity.tolist() == [0]


def test_a_maximum_below_the_minimum_leaves_only_zero():
    problem = reorder_problem([[3, 4, 5]], minimum=6, maximum=5)
    assert enumerate_columns(problem).quantity.tolist() == [0]


def test_one_chunk_or_many_give_the_same_columns():
    problem = random_problem(3, lines=7)
    whole, cut = (enumerate_columns(problem, Settings(lines_per_chunk=size)) for size in (100, 2))
    for name in ("start", "quantity", "cost", "level", "z", "cap"):
        assert np.array_equal(getattr(whole, name), getattr(cut, name))


def test_chunks_go_through_the_given_runner():
    seen = []

    def runner(function, specs):
        seen.extend(specs)
        return [function(spec) for spec in specs]

    enumerate_columns(random_problem(3, lines=7), Settings(lines_per_chunk=2), runner)
    assert len(seen) == 4


def test_no_line_at_all_is_a_problem_too():
    columns = enumerate_columns(reorder_problem(np.zeros((0, 3, 4), dtype=int)))
    assert (columns.lines, columns.quantity.size) == (0, 0)


def test_money_in_other_units_scales_the_costs():
    problem = random_problem(8)
    names = ("holding_cost", "shortage_cost", "order_cost", "unit_cost", "salvage_value")
    scaled = replace(problem, **{name: 8.0 * getattr(problem, name) for name in names})
    first, second = enumerate_columns(problem), enumerate_columns(scaled)
    assert np.array_equal(first.quantity, second.quantity)
    assert second.cost == pytest.approx(8.0 * first.cost)


def test_a_dearer_shortage_never_lowers_the_cost_of_a_quantity():
    problem = random_problem(5)
    columns = enumerate_columns(problem)
    dearer = replace(problem, shortage_cost=problem.shortage_cost * 2)
    for n in range(problem.lines):
        policy = (float(columns.z[n]), float(columns.cap[n]))
        for quantity, cost in zip(*rows(columns, n), strict=True):
            assert simulated_cost(dearer, n, int(quantity), policy) >= cost - COST_TOLERANCE


def test_a_fast_mover_is_spread_and_its_best_quantity_found():
    rng = np.random.default_rng(4)
    problem = reorder_problem(rng.poisson(60, (1, 30, 8)))
    dense = enumerate_columns(problem)
    spread = enumerate_columns(problem, Settings(most_columns=60))
    assert dense.enumerated.all()
    assert not spread.enumerated.any()
    assert spread.quantity.size < dense.quantity.size
    assert spread.cost.min() == pytest.approx(dense.cost.min(), rel=1e-3)


def test_inputs_are_left_as_they_were():
    problem = random_problem(2)
    before = problem.demand.tobytes(), problem.on_hand.tobytes(), problem.arrivals.tobytes()
    enumerate_columns(problem)
    assert before == (problem.demand.tobytes(), problem.on_hand.tobytes(), problem.arrivals.tobytes())


def test_no_maximum_is_larger_than_any_order():
    assert NO_MAXIMUM > 2**31
