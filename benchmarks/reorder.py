"""
Plan today's orders of a made-up retailer: seconds, cost, bound, gap and memory, from 10 lines to 30,000.

    python -m benchmarks.reorder [CASE ...]

Cases: 10, 25, 50, 100, 1000, 10000, 30000 lines, `bed` (lost sales against the known optimum; `longbed` with lead times
3 and 4 as well, an hour), `handover` (a model of five million entries to HiGHS). Without a case, all but 30000 and
`longbed`. Each appends to benchmarks/records.csv; nothing gates.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.stats import geom, poisson

from benchmarks.records import append_record
from optimizer.executor import run_all_on, usable_cores
from optimizer.reorder import kernels
from optimizer.reorder.columns import Settings, as_lines, enumerate_columns, select, unfitted_policy
from optimizer.reorder.decide import ReorderPlan, decide
from optimizer.reorder.joint import solve_joint
from optimizer.reorder.model import joint_model
from optimizer.reorder.problem import NO_EXPIRY, NO_MAXIMUM, JointRules, ReorderProblem
from solvers import highs
from solvers.model import Bounds, Model, Triplets
from solvers.outcome import Limits

SIZES = (10, 25, 50, 100, 1_000, 10_000)
PATHS, PERIODS = 50, 14
LINES_PER_SUPPLIER = 100
PLACES = 10
MONOLITHS = (10, 25, 50)
SEED = 20_240_101
# Lost sales with holding 1 and mean demand 5 a period: what is drawn, and the optimal cost by value iteration for lead
# time and shortage.
DEMANDS = {"Poisson": poisson(5), "geometric": geom(1 / 6, loc=-1)}
SHORTAGES = (4, 9, 19, 39)
OPTIMAL = {
    ("Poisson", 1): (4.041, 5.438, 6.676, 7.836),
    ("Poisson", 2): (4.395, 6.094, 7.664, 9.106),
    ("Poisson", 3): (4.599, 6.531, 8.363, 10.038),
    ("Poisson", 4): (4.729, 6.836, 8.887, 10.794),
    ("geometric", 1): (9.818, 14.508, 19.218, 23.866),
    ("geometric", 2): (10.240, 15.503, 20.891, 26.214),
    ("geometric", 3): (10.467, 16.137, 22.065, 27.964),
}
CHAIN_STEPS, CHAIN_CLOSE = 5_000, 1e-12


def free_problem(lines: int, paths_seed: int = SEED) -> tuple[ReorderProblem, np.ndarray, np.random.Generator]:
    """Lines without joint rules, and their prices: a fifth sells more than 50 packs a day, a quarter has arrivals."""
    rng, chance = np.random.default_rng(SEED), np.random.default_rng(paths_seed)
    rate = np.exp(rng.normal(0.3, 1.3, lines))
    pack = np.where(rate < 0.5, 1, rng.choice([1, 6, 12], lines))
    fast = rng.random(lines) < 0.2
    rate, pack = np.where(fast, rng.uniform(50, 80, lines), rate), np.where(fast, 1, pack)
    shape = (lines, PATHS, PERIODS)
    demand = chance.poisson(rate[:, None, None] * chance.gamma(4.0, 0.25, (lines, PATHS, 1)), shape).astype(np.int32)
    price = np.round(np.exp(rng.normal(6.0, 0.6, lines)))
    due = (rng.random((lines, PERIODS)) < 0.1) & (rng.random((lines, 1)) < 0.25)
    days = np.zeros((lines, PERIODS), dtype=bool)
    days[:, ::2] = True
    whole = np.ones(lines, dtype=np.int64)
    problem = ReorderProblem(
        demand=demand,
        weight=np.full(PATHS, 1.0 / PATHS),
        on_hand=np.floor(rate * rng.uniform(0, 7, lines)),
        arrivals=np.where(due, np.ceil(rate)[:, None], 0.0),
        lead_periods=rng.integers(1, 4, lines),
        can_order=days,
        pack=pack,
        minimum=0 * whole,
        maximum=NO_MAXIMUM * whole,
        holding_cost=price * 0.002,
        shortage_cost=price * 0.4,
        order_cost=0.0 * price,
        unit_cost=price,
        salvage_value=0.0 * price,
        life_periods=np.where(rng.random(lines) < 0.25, 14, NO_EXPIRY),
        unmet="lost_sales",
        joint=JointRules.none(lines),
    )
    return problem, price, rng


def tied_problem(lines: int) -> tuple[ReorderProblem, float]:
    """Add joint minima, more than half of which bind, and a budget at 90 % of the free need; also the share binding.

    Lines lie at ten places, each with room for 90 % of what the free need brings.
    """
    problem, price, rng = free_problem(lines)
    suppliers = max(1, lines // LINES_PER_SUPPLIER) if lines > 100 else max(1, lines // 10)
    free = decide(problem).required().quantity
    supplier = rng.integers(0, suppliers, lines)
    value = np.bincount(supplier, free * price, minlength=suppliers)
    minimum = np.round(value * rng.uniform(0.8, 1.3, suppliers))
    budget = int(0.9 * (free @ price))
    place, litres = rng.integers(0, PLACES, lines), rng.uniform(0.2, 3.0, lines).round(2)
    room = 0.9 * np.bincount(place, free * litres, minlength=PLACES)
    rules = JointRules(supplier, minimum, price, budget, price, place[:, None], litres[:, None], room)
    return replace(problem, joint=rules), float((minimum > value).mean())


def first_lines(problem: ReorderProblem, count: int) -> ReorderProblem:
    """Give the first lines without what ties them to the others."""
    return select(problem, slice(0, count))


def sized_case(lines: int) -> None:
    """One size, planned from arrays to orders."""
    problem, binding = tied_problem(lines)
    with run_all_on(usable_cores()) as run_all:
        decide(first_lines(problem, 2 * Settings().lines_per_chunk), run_all=run_all)  # starts and warms the processes
        began = time.perf_counter()
        outcome = decide(problem, run_all=run_all)
        seconds = time.perf_counter() - began
    case = f"reorder: {lines} lines x {PATHS} paths, budget, minima, storage"
    print_row(case, seconds, (outcome.objective, outcome.bound, outcome.gap))
    plan, joint = outcome.required(), problem.joint
    print(
        f"  {binding:.0%} of the minima bind in the free optimum, {(plan.quantity > 0).mean():.0%} of the lines order"
    )
    tight = int((plan.row_price > 0).sum())
    print(f"  {tight} of {joint.capacity.size} storage rows and {int(plan.budget_price > 0)} budget bind in the plan")
    print(f"  rules broken by the plan, added up anew: {violations(problem, plan.quantity)}")
    fresh = fresh_cost(problem, plan)
    print(f"  on fresh paths the same orders and policies cost {fresh:,.0f}, {fresh / outcome.objective - 1:+.2%}")
    append_record(case, seconds, objective=outcome.objective, bound=outcome.bound, gap=outcome.gap)
    if lines in MONOLITHS:
        monolith_case(problem)


def violations(problem: ReorderProblem, quantity: np.ndarray) -> int:
    """Count the rules that the quantities break, from the arrays alone."""
    rules, broken = problem.joint, 0
    for supplier, least in enumerate(rules.supplier_minimum):
        mine = rules.supplier == supplier
        broken += bool(
            (quantity[mine] > 0).any() and (quantity * rules.minimum_weight)[mine].sum() < least * (1 - 1e-9)
        )
    for row, room in enumerate(rules.capacity):
        broken += (np.where(rules.row == row, rules.use, 0).sum(axis=1) @ quantity) > room * (1 + 1e-9)
    broken += bool(rules.budget is not None and rules.spend @ quantity > rules.budget * (1 + 1e-9))
    return int(broken) + int((quantity % problem.pack > 0).sum() + (quantity < 0).sum())


def fresh_cost(problem: ReorderProblem, plan: ReorderPlan) -> float:
    """Give what the plan costs on paths that it has not seen."""
    fresh, _, _ = free_problem(problem.lines, paths_seed=SEED + 1)
    lines = as_lines(fresh)
    policy = unfitted_policy(as_lines(problem))._replace(z=plan.z, cap=plan.cap)
    return float(kernels.price(lines, policy, np.arange(problem.lines), plan.quantity.astype(float)).sum())


def monolith_case(problem: ReorderProblem) -> None:
    """Solve the same problem as one model with every quantity a column."""
    columns = solve_joint(problem, enumerate_columns(problem), Settings(gap=1e-9)).columns
    began = time.perf_counter()
    outcome = highs.solve(joint_model(columns, problem.joint), Limits(nodes=20_000))
    seconds = time.perf_counter() - began
    case = f"reorder: {problem.lines} lines, one model in HiGHS"
    print_row(case, seconds, (outcome.objective, outcome.bound, outcome.gap))
    append_record(case, seconds, objective=outcome.objective, bound=outcome.bound, gap=outcome.gap)


def handover_case() -> None:
    """Seal a labelled model of a million columns and five million entries and hand it to HiGHS."""
    columns, rows, each = 1_000_000, 200_000, 5
    rng = np.random.default_rng(SEED)
    row = rng.integers(0, rows, columns * each)
    column = np.repeat(np.arange(columns), each)
    value, cost = np.ones(columns * each), rng.random(columns)
    began = time.perf_counter()
    model = Model()
    model.add_variables(
        "take", {"line": column[::each] // 20, "quantity": column[::each] % 20}, cost, Bounds(0, 1, True)
    )
    model.add_rows("capacity", {"row": np.arange(rows)}, Triplets(row, column, value), -np.inf, 10.0)
    highs.hand_over(model.seal(), Limits())
    seconds = time.perf_counter() - began
    print_row("reorder: hand over a model of 5 M entries", seconds, (np.nan,) * 3)
    append_record("reorder: hand over a model of 5 M entries", seconds)


def bed_case(longest: int) -> None:
    """Long-run cost of deciding anew every period, exactly, against the optimum of lost sales."""
    cells = [(*key, *pair) for key, costs in OPTIMAL.items() for pair in zip(SHORTAGES, costs, strict=True)]
    for name, lead, shortage, optimal in cells:
        if lead > longest:
            continue
        began = time.perf_counter()
        cost = rolling_cost(name, lead, float(shortage))
        case = f"reorder: lost sales, {name}, lead {lead}, shortage {shortage}, above optimal"
        print_row(case, time.perf_counter() - began, (cost, optimal, cost / optimal - 1))
        append_record(case, time.perf_counter() - began, objective=cost, bound=optimal, gap=cost / optimal - 1)


def rolling_cost(name: str, lead: int, shortage: float) -> float:
    """Decide in every state that occurs, then solve the chain of states; demand is rarely beyond what is counted."""
    demand = DEMANDS[name]
    chances = demand.pmf(np.arange(int(demand.isf(1e-12)) + 2))
    actions: dict[tuple[int, ...], int] = {}
    frontier = [(5,) * lead]
    while frontier:
        actions |= dict(zip(frontier, decided(np.array(frontier), shortage, demand), strict=True))
        reached = {after(state, actions[state], d) for state in frontier for d in range(state[0] + 1)}
        frontier = sorted(reached - actions.keys())
    place = {state: number for number, state in enumerate(actions)}
    cost, moves = np.zeros(len(place)), list[tuple[int, int, float]]()
    for state, number in place.items():
        d = np.arange(chances.size)
        cost[number] = chances @ (np.maximum(state[0] - d, 0) + shortage * np.maximum(d - state[0], 0))
        below = [(place[after(state, actions[state], d)], chances[d]) for d in range(state[0])]
        last = place[after(state, actions[state], state[0])], chances[state[0] :].sum()
        moves += [(number, to, chance) for to, chance in [*below, last]]
    return float(stationary(np.array(moves), len(place)) @ cost)


def stationary(moves: np.ndarray, states: int) -> np.ndarray:
    """Long-run shares of the states; `moves` has rows from, to, chance."""
    begin, end = moves[:, 0].astype(int), moves[:, 1].astype(int)
    chain = csr_array((moves[:, 2], (end, begin)), shape=(states, states))
    share = np.full(states, 1.0 / states)
    for _ in range(CHAIN_STEPS):
        share, before = chain @ share, share
        if np.abs(share - before).sum() < CHAIN_CLOSE:
            break
    return share / share.sum()


def after(state: tuple[int, ...], quantity: int, demand: int) -> tuple[int, ...]:
    pipeline = (*state[1:], quantity)
    return (max(state[0] - demand, 0) + pipeline[0], *pipeline[1:])


def decided(states: np.ndarray, shortage: float, chance: Any, paths: int = 1_500, periods: int = 12) -> list[int]:
    """One line per state, all on the same paths, each period's draws spread evenly over the distribution."""
    rng = np.random.default_rng(0)
    lines, lead = states.shape
    ranks = np.argsort(rng.random((periods, paths)), axis=1)
    demand = chance.ppf((ranks + rng.random((periods, paths))) / paths).astype(np.int32).T
    arrivals, one, nothing = np.zeros((lines, periods)), np.ones(lines, dtype=np.int64), np.zeros(lines)
    arrivals[:, 1:lead] = states[:, 1:]
    problem = ReorderProblem(
        demand=np.broadcast_to(demand, (lines, paths, periods)),
        weight=np.full(paths, 1.0 / paths),
        on_hand=states[:, 0].astype(float),
        arrivals=arrivals,
        lead_periods=lead * one,
        can_order=np.ones((lines, periods), dtype=bool),
        pack=one,
        minimum=0 * one,
        maximum=NO_MAXIMUM * one,
        holding_cost=nothing + 1.0,
        shortage_cost=nothing + shortage,
        order_cost=nothing,
        unit_cost=nothing,
        salvage_value=nothing,
        life_periods=NO_EXPIRY * one,
        unmet="lost_sales",
        joint=JointRules.none(lines),
    )
    return decide(problem).required().quantity.tolist()


def print_row(case: str, seconds: float, figures: tuple[float, float, float]) -> None:
    objective, bound, gap = figures
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{case:<60}{seconds:>8.2f} s {objective:>14.3f} {bound:>14.3f} {gap:>9.4%} {memory:>6.0f} MB", flush=True)


def run_case(name: str) -> None:
    if name in ("bed", "longbed"):
        bed_case(2 if name == "bed" else 4)
    elif name == "handover":
        handover_case()
    else:
        sized_case(int(name))


def main(names: list[str]) -> None:
    """Run each case in a process of its own, so that memory is the case's."""
    if len(names) == 1:
        run_case(names[0])
        return
    print(f"{'case':<60}{'time':>10} {'objective':>14} {'bound':>14} {'gap':>9} {'memory':>9}", flush=True)
    for name in names or [*map(str, SIZES), "bed", "handover"]:
        subprocess.run([sys.executable, "-m", "benchmarks.reorder", name], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
