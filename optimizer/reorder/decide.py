"""What to order today: one call from a problem to a plan, its bound and the numbers behind each line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from optimizer.executor import RunAll, plain_loop
from optimizer.reorder import kernels
from optimizer.reorder.columns import (
    Array,
    Columns,
    Settings,
    enumerate_columns,
    read,
    select,
)
from optimizer.reorder.joint import Joint, solve_joint
from optimizer.reorder.prices import hull_of
from optimizer.reorder.problem import NONE, ReorderProblem
from solvers.outcome import Limit, Outcome, Status, relative_gap

FREE: Final = ""
BUDGET: Final = "budget"
MINIMUM: Final = "supplier minimum"
CAPACITY: Final = "capacity"


@dataclass(frozen=True)
class Steps:
    """Steps between the corners of each line's cost: the cheapest way up to what is ordered, or would be best alone.

    Attributes
    ----------
    line : whose step it is, shape (K,); the savings per unit of a line never rise.
    begin, end : quantity before and after the step, shape (K,).
    saving : money saved by the step, shape (K,).
    """

    line: Array
    begin: Array
    end: Array
    saving: Array


@dataclass(frozen=True)
class ReorderPlan:
    """Today's orders of N lines.

    Attributes
    ----------
    quantity : steps to order today, shape (N,).
    cost : mean cost over the horizon with this order, money, shape (N,).
    free_quantity, free_cost : the same without joint rules, shape (N,).
    cost_less, cost_more : cost of the next smaller and the next larger order, nan where there is none, shape (N,).
    level : order-up-to level of the fitted policy today, steps, shape (N,).
    binding : rule that keeps the line from its free quantity (`FREE`, `BUDGET`, `MINIMUM`, `CAPACITY`), (N,).
    binding_row : the dearest capacity row of a line that `CAPACITY` keeps, else `NONE`, shape (N,).
    budget_price : money saved per money unit of budget more.
    minimum_price : money saved per unit of joint minimum less, shape (J,).
    row_price : money saved per unit of a capacity row more, shape (P,).
    ordering : whether a group orders today, shape (J,).
    z, cap : fitted policy of the later orders, shape (N,).
    enumerated : whether the bound of a line rests on every quantity, or on a relaxation, shape (N,).
    steps : what each next pack of a line is worth.
    """

    quantity: Array
    cost: Array
    free_quantity: Array
    free_cost: Array
    cost_less: Array
    cost_more: Array
    level: Array
    binding: Array
    binding_row: Array
    budget_price: float
    minimum_price: Array
    row_price: Array
    ordering: Array
    z: Array
    cap: Array
    enumerated: Array
    steps: Steps


@dataclass(frozen=True)
class Projection:
    """Means over the paths if the plan is carried out and later orders react, each of shape (N, T).

    Attributes
    ----------
    opening, receipts, closing : stock before the first event, steps received, stock at the end (owed is negative).
    lost : demand lost, or owed at the end with backorders.
    out_of_stock : share of paths with nothing left at the end.
    ordered : steps ordered.
    """

    opening: Array
    receipts: Array
    closing: Array
    lost: Array
    out_of_stock: Array
    ordered: Array


def decide(
    problem: ReorderProblem, settings: Settings | None = None, run_all: RunAll = plain_loop
) -> Outcome[ReorderPlan]:
    """Choose today's order of every line.

    The objective is the mean cost over the horizon under later orders that react to each path, plus the worth of what
    is left; the bound covers every quantity today and every joint rule, for that planning model. There is always a
    plan, for ordering nothing meets every rule.
    """
    settings = settings or Settings()
    columns = enumerate_columns(problem, settings, run_all)
    joint = solve_joint(problem, columns, settings, run_all)
    gap = relative_gap(joint.objective, joint.bound)
    status: Status = "optimal" if gap <= settings.gap else "feasible"
    limit: Limit = "none" if status == "optimal" else joint.limit
    return Outcome(_read_back(problem, joint), status, joint.objective, joint.bound, gap, limit)


def path_costs(problem: ReorderProblem, plan: ReorderPlan) -> Array:
    """Give the cost of the plan on each path with later orders that react, money, shape (S,)."""
    lines, policy = read(problem, plan.z, plan.cap)
    everyone, quantity = np.arange(problem.lines), plan.quantity.astype(np.float64)
    cost = np.zeros(problem.paths)
    for s in range(problem.paths):
        alone = lines._replace(
            demand=np.ascontiguousarray(lines.demand[:, s : s + 1]),
            weight=np.ones(1),
            delay=np.ascontiguousarray(lines.delay[:, s : s + 1]),
        )
        cost[s] = kernels.price(alone, policy, everyone, quantity).sum()
    return np.asarray(cost + problem.change_prices(quantity).sum())


def project(
    problem: ReorderProblem, plan: ReorderPlan, settings: Settings | None = None, run_all: RunAll = plain_loop
) -> Projection:
    """Project the stock of every line when the plan is carried out and later orders follow the fitted policy."""
    step = (settings or Settings()).lines_per_chunk
    chunks = [slice(at, at + step) for at in range(0, problem.lines, step)]
    specs = [(select(problem, chunk), plan.quantity[chunk], plan.z[chunk], plan.cap[chunk]) for chunk in chunks]
    parts = [np.zeros((6, 0, problem.periods)), *run_all(_projected, specs)]
    return Projection(*np.concatenate(parts, axis=1))


def _projected(spec: tuple[ReorderProblem, Array, Array, Array]) -> Array:
    problem, quantity, z, cap = spec
    lines, policy = read(problem, z, cap)
    return np.asarray(kernels.project(lines, policy, quantity.astype(np.float64)).transpose(1, 0, 2))


def _read_back(problem: ReorderProblem, joint: Joint) -> ReorderPlan:
    columns, column = joint.columns, joint.column
    first, last = columns.start[:-1], columns.start[1:] - 1
    quantity, free = columns.quantity[column], columns.quantity[joint.free]
    less, more = np.maximum(column - 1, first), np.minimum(column + 1, last)
    member = problem.joint.supplier != NONE
    groups = problem.joint.supplier[member]
    binding = _binding(problem, joint, quantity, free)
    return ReorderPlan(
        quantity=quantity,
        cost=columns.cost[column],
        free_quantity=free,
        free_cost=columns.cost[joint.free],
        cost_less=np.where(less < column, columns.cost[less], np.nan),
        cost_more=np.where(more > column, columns.cost[more], np.nan),
        level=columns.level,
        binding=binding,
        binding_row=np.where(binding == CAPACITY, _dearest_row(problem, joint), NONE),
        budget_price=joint.prices.budget,
        minimum_price=joint.prices.minimum,
        row_price=joint.prices.row,
        ordering=np.bincount(groups, quantity[member] > 0, minlength=joint.prices.minimum.size) > 0,
        z=columns.z,
        cap=columns.cap,
        enumerated=columns.enumerated,
        steps=_steps(columns, np.maximum(quantity, free)),
    )


def _steps(columns: Columns, upto: Array) -> Steps:
    """Give the steps of each line that begin below `upto`, shape (N,)."""
    hull = hull_of(columns)
    corner = hull.columns
    inside = np.flatnonzero(corner.line[1:] == corner.line[:-1])
    begin, end = corner.quantity[inside], corner.quantity[inside + 1]
    kept = begin < upto[hull.line]
    saving = -(hull.slope * hull.size)[kept]
    return Steps(hull.line[kept], begin[kept], end[kept], saving)


def _binding(problem: ReorderProblem, joint: Joint, quantity: Array, free: Array) -> Array:
    """Name the rule that keeps a line from its free quantity: a raised or dropped group, a scarce row, the budget."""
    rules = problem.joint
    grouped = rules.supplier != NONE
    taxed = _row_taxes(problem, joint).sum(axis=1)
    scarce = (taxed > 0) & (taxed >= joint.prices.budget * rules.spend)
    weight = np.bincount(rules.supplier[grouped], quantity[grouped], minlength=rules.supplier_minimum.size)
    dropped = grouped & (np.append(weight, 1)[rules.supplier] == 0)
    names = np.select([quantity > free, dropped, scarce], [MINIMUM, MINIMUM, CAPACITY], BUDGET)
    return np.where(quantity == free, FREE, names)


def _row_taxes(problem: ReorderProblem, joint: Joint) -> Array:
    """Price of what a step takes from each slot's row, money, shape (N, R)."""
    return np.asarray(np.append(joint.prices.row, 0.0)[problem.joint.row] * problem.joint.use)


def _dearest_row(problem: ReorderProblem, joint: Joint) -> Array:
    rows = problem.joint.row
    if not rows.shape[1]:
        return np.full(problem.lines, NONE)
    return np.take_along_axis(rows, _row_taxes(problem, joint).argmax(axis=1)[:, None], axis=1)[:, 0]
