"""One plan of several per group: a small model picks which groups order, and how much, under budget and capacity.

Prices alone open every group or none of those that are equally good at the price; the budget lies in between.

Sets
    j groups (all lines without a group are one), r plans of a group, found at different prices of the budget
Variables
    use[j,r] in {0,1}   group j follows plan r
Model
    min  sum_jr c_jr use_jr
    s.t. sum_r use_jr = 1 for j (group),  sum_jr b_jr use_jr <= B (budget),  sum_jr d_jrg use_jr <= A_g for g (capacity)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from optimizer.reorder.columns import Array, Columns
from optimizer.reorder.prices import Hull, Prices, best_inner, cheapest, outer_rows, price_rows
from optimizer.reorder.problem import NONE, JointRules
from optimizer.reorder.repair import broken, improved, repaired
from solvers.engines import solve
from solvers.model import Bounds, Family, Model, SealedModel, Triplets
from solvers.outcome import Limits

_SHARES: Final = (0.0, 0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0)


@dataclass(frozen=True)
class Totals:
    """Cost and spend of a plan by group, shape (J + 1,), and what each group takes from each row, one entry a pair."""

    cost: Array
    spend: Array
    group: Array
    row: Array
    drawn: Array


def mixed(columns: Columns, hull: Hull, rules: JointRules, prices: Prices, nodes: int) -> Array | None:
    """Best mix of the groups' plans at prices around the given ones; None where the model finds none."""
    plans = group_plans(columns, hull, rules, prices)
    usable = np.stack([np.append(~broken(rules, columns.quantity[plan])[1], True) for plan in plans])
    totals = [plan_totals(columns, rules, plan) for plan in plans]
    outcome = solve(mix_model(rules, usable.T, totals), Limits(nodes=nodes, gap=1e-6))
    if outcome.plan is None:
        return None
    cells = np.flatnonzero(usable.T.ravel())
    chosen = cells[outcome.plan.values > 0.5] % len(plans)
    return np.stack(plans)[chosen[_group(rules)], np.arange(columns.lines)]


def group_plans(columns: Columns, hull: Hull, rules: JointRules, prices: Prices) -> list[Array]:
    """Order nothing, and for each price of the budget the columns with which every group opens that can."""
    closed = columns.start[:-1].copy()
    plans = [closed]
    unlimited = replace(rules, budget=None, row=rules.row[:, :0], use=rules.use[:, :0])
    for share in _SHARES:
        outer = np.where(outer_rows(rules), share, 1.0) * prices.row
        at = best_inner(hull, rules, replace(prices, budget=share * prices.budget, row=outer))
        rows = price_rows(rules, at)
        column, _ = cheapest(columns.start, columns.quantity, columns.cost, rows)
        taxed = replace(columns, cost=columns.cost + rows[0][columns.line] * columns.quantity)
        plans.append(improved(taxed, unlimited, repaired(taxed, unlimited, column)))
    return plans


def mix_model(rules: JointRules, usable: Array, totals: list[Totals]) -> SealedModel:
    """Give the model of the mix; `usable` says which group may follow which plan, shape (J + 1, R)."""
    group, plan = np.nonzero(usable)
    place = np.full(usable.shape, NONE)
    place[group, plan] = np.arange(group.size)
    cost, spend = (np.stack([getattr(one, name) for one in totals])[plan, group] for name in ("cost", "spend"))
    model = Model()
    use = model.add_variables("use", {"group": group, "plan": plan}, cost, Bounds(0, 1, True))
    ones = np.ones(group.size)
    model.add_rows("group", {"group": np.arange(len(usable))}, Triplets(group, use.members, ones), 1.0, 1.0)
    if rules.budget is not None:
        model.add_rows("budget", {}, Triplets(0 * group, use.members, spend), -np.inf, float(rules.budget))
    if rules.row.size and (rules.row != NONE).any():
        _add_capacity(model, rules, (use, place), totals)
    return model.seal()


def _add_capacity(model: Model, rules: JointRules, use: tuple[Family, Array], totals: list[Totals]) -> None:
    family, place = use
    plan = np.repeat(np.arange(len(totals)), [one.row.size for one in totals])
    group, row, drawn = (np.concatenate([getattr(one, name) for one in totals]) for name in ("group", "row", "drawn"))
    cell = place[group, plan]
    rows, number = np.unique(row[cell != NONE], return_inverse=True)
    if rows.size:
        taken = Triplets(number, family.members[cell[cell != NONE]], drawn[cell != NONE])
        model.add_rows("capacity", {"row": rows}, taken, -np.inf, rules.capacity[rows])


def plan_totals(columns: Columns, rules: JointRules, plan: Array) -> Totals:
    """Add up a plan, a column of each line, shape (N,), by group."""
    quantity, group, size = columns.quantity[plan], _group(rules), rules.supplier_minimum.size + 1
    cost = np.bincount(group, columns.cost[plan], minlength=size).astype(np.float64)
    cost[:-1] += rules.trucks_paid(quantity)
    spend = np.bincount(group, quantity * rules.spend, minlength=size)
    line, slot = np.nonzero((rules.row != NONE) & (quantity[:, None] > 0))
    key = group[line] * rules.capacity.size + rules.row[line, slot]
    pairs, number = np.unique(key, return_inverse=True)
    drawn = np.bincount(number, quantity[line] * rules.use[line, slot], minlength=pairs.size)
    several = max(rules.capacity.size, 1)
    return Totals(cost, spend, pairs // several, pairs % several, drawn)


def _group(rules: JointRules) -> Array:
    """Group of each line; the lines without one are the last."""
    return np.where(rules.supplier == NONE, rules.supplier_minimum.size, rules.supplier)
