"""One plan of several per group: a small model picks which groups order, and how much, under budget and pools.

Prices alone open every group or none of those that are equally good at the price; the budget lies in between.

Sets
    j groups (all lines without a group are one), r plans of a group, found at different prices of the budget
Variables
    use[j,r] in {0,1}   group j follows plan r
Model
    min  sum_jr c_jr use_jr
    s.t. sum_r use_jr = 1 for j (group),  sum_jr b_jr use_jr <= B (budget),  sum_jr d_jrg use_jr <= A_g for g (pool)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from optimizer.reorder.columns import Array, Columns
from optimizer.reorder.prices import Hull, Prices, best_inner, cheapest, price_rows
from optimizer.reorder.problem import NONE, JointRules
from optimizer.reorder.repair import broken, improved, repaired
from solvers.engines import solve
from solvers.model import Bounds, Model, SealedModel, Triplets
from solvers.outcome import Limits

_SHARES: Final = (0.0, 0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0)


def mixed(columns: Columns, hull: Hull, rules: JointRules, prices: Prices, nodes: int) -> Array | None:
    """Best mix of the groups' plans at prices around the given ones; None where the model finds none."""
    plans = group_plans(columns, hull, rules, prices)
    groups, choices = rules.supplier_minimum.size + 1, len(plans)
    group = _group(rules)
    usable = np.stack([np.append(~broken(rules, columns.quantity[plan])[1], True) for plan in plans])
    totals = [plan_totals(columns, rules, plan) for plan in plans]
    cells = np.flatnonzero(usable.T.ravel())
    model = mix_model(rules, cells, (groups, choices), totals)
    outcome = solve(model, Limits(nodes=nodes, gap=1e-6))
    if outcome.plan is None:
        return None
    chosen = cells[outcome.plan.values > 0.5] % choices
    return np.stack(plans)[chosen[group], np.arange(columns.lines)]


def group_plans(columns: Columns, hull: Hull, rules: JointRules, prices: Prices) -> list[Array]:
    """Order nothing, and for each price of the budget the columns with which every group opens that can."""
    closed = columns.start[:-1].copy()
    plans = [closed]
    unlimited = replace(rules, budget=None)
    for share in _SHARES:
        at = best_inner(hull, rules, replace(prices, budget=share * prices.budget))
        rows = price_rows(rules, at)
        column, _ = cheapest(columns.start, columns.quantity, columns.cost, rows)
        taxed = replace(columns, cost=columns.cost + at.budget * rules.spend[columns.line] * columns.quantity)
        plans.append(improved(taxed, unlimited, repaired(taxed, unlimited, column)))
    return plans


def mix_model(rules: JointRules, cells: Array, shape: tuple[int, int], totals: list[Array]) -> SealedModel:
    """Give the model of the mix; `totals` per plan hold cost, spend and what each pool gives, shape (2 + P, J + 1)."""
    _, choices = shape
    cost, spend, *drawn = (
        np.stack([one[row] for one in totals], axis=1).ravel()[cells] for row in range(len(totals[0]))
    )
    model, group = Model(), cells // choices
    use = model.add_variables("use", {"group": group, "plan": cells % choices}, cost, Bounds(0, 1, True))
    ones = np.ones(cells.size)
    model.add_rows("group", {"group": np.arange(shape[0])}, Triplets(group, use.members, ones), 1.0, 1.0)
    if rules.budget is not None:
        row = np.zeros(cells.size, dtype=np.int64)
        model.add_rows("budget", {}, Triplets(row, use.members, spend), -np.inf, float(rules.budget))
    if drawn:
        row = np.repeat(np.arange(len(drawn)), cells.size)
        taken = Triplets(row, np.tile(use.members, len(drawn)), np.concatenate(drawn))
        model.add_rows("pool", {"pool": np.arange(len(drawn))}, taken, -np.inf, rules.pool_available)
    return model.seal()


def plan_totals(columns: Columns, rules: JointRules, plan: Array) -> Array:
    """Cost, spend and steps drawn from each pool of a plan (N,), by group, shape (2 + P, J + 1)."""
    quantity, size = columns.quantity[plan], rules.supplier_minimum.size + 1
    rows = [columns.cost[plan], quantity * rules.spend]
    rows += [np.where(rules.pool == pool, quantity, 0) for pool in range(rules.pool_available.size)]
    return np.stack([np.bincount(_group(rules), row, minlength=size) for row in rows])


def _group(rules: JointRules) -> Array:
    """Group of each line; the lines without one are the last."""
    return np.where(rules.supplier == NONE, rules.supplier_minimum.size, rules.supplier)
