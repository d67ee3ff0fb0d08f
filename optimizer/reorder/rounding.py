"""A plan for a given set of groups that order: with the groups given, prices leave hardly any gap.

1. prices that are best where these groups order and no other
2. what they choose just below the minima's prices, each group filled up to its minimum where rows and budget have
room; anew with prices for a little less of these, until whole steps fit in
3. in small parts, of each line the columns at 0, 1, 2, 4, .. places from what the prices choose: the joint model on
these, relaxed; lines that it breaks, and those nearest to a change, are decided anew as whole numbers
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from optimizer.reorder.columns import Array, Columns, subset
from optimizer.reorder.model import joint_model
from optimizer.reorder.prices import Prices, dual, evaluate, hull_of, just_below, price_rows
from optimizer.reorder.problem import NONE, JointRules
from optimizer.reorder.repair import improved, meets, plan_cost, repaired
from solvers.engines import solve
from solvers.model import SealedModel
from solvers.outcome import Limits, relative_gap

_PLACES: Final = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256)
_BESIDE: Final = (100, 300)
_WHOLE: Final = 1e-6
_GAP: Final = 2e-5
_MODEL_COLUMNS: Final = 400_000
_NODES: Final = 20
_CLOSE: Final = 5e-4
_SHARES: Final = (0.999, 0.998, 0.9995, 0.9998, 0.995)


@dataclass(frozen=True)
class OpenedGroups:
    """Columns and rules where some groups order and no other, with the best prices and their bound.

    `place` is the number of a column among all columns.
    """

    columns: Columns
    rules: JointRules
    prices: Prices
    bound: float
    place: Array


def with_groups(
    columns: Columns, rules: JointRules, opened: Array, near: Prices, enough: float = np.inf
) -> OpenedGroups:
    """Give what is left where the groups `opened` (J,) order and no other; `near` are prices to begin with.

    Prices whose bound is `enough` are good enough: there is no better plan with these groups.
    """
    closed = (rules.supplier != NONE) & ~np.append(opened, True)[rules.supplier]
    keep = (columns.quantity == 0) | ~closed[columns.line]
    core, ordered = subset(columns, np.arange(columns.lines), keep), replace(rules, opened=opened)
    hull = hull_of(core)
    best = dual(hull, ordered, near, enough)[-1]
    return OpenedGroups(core, ordered, best, evaluate(hull.columns, ordered, best).bound, np.flatnonzero(keep))


def rounded(given: OpenedGroups, nodes: int, gap: float) -> Array | None:
    """Give a plan, a column of each line, in which these groups order; None where none is found.

    Without `nodes`, or within `gap` of the bound, the linear model is left out.
    """
    core, rules, plans = given.columns, given.rules, list[Array]()

    def above() -> float:
        costs = [plan_cost(core, rules, plan) for plan in plans if meets(rules, core.quantity[plan])]
        return relative_gap(min(costs), given.bound) if costs else np.inf

    for prices in _tighter(given):
        plans.append(_filled_up(core, rules, prices))
        if above() <= _CLOSE:
            break
    plans = [improved(core, rules, min(plans, key=lambda plan: plan_cost(core, rules, plan)))]
    if above() > gap and nodes and core.cost.size <= _MODEL_COLUMNS:
        plans += _relaxed(given, nodes)
    fine = [plan for plan in plans if meets(rules, core.quantity[plan])]
    return np.asarray(given.place[min(fine, key=lambda plan: plan_cost(core, rules, plan))]) if fine else None


def _tighter(given: OpenedGroups) -> Iterator[Prices]:
    """Give the best prices, and those where a little less of budget and rows is left, so that whole steps fit in."""
    yield given.prices
    hull, rules = hull_of(given.columns), given.rules
    for share in _SHARES:
        budget = None if rules.budget is None else int(share * rules.budget)
        yield dual(hull, replace(rules, budget=budget, capacity=share * rules.capacity), given.prices)[-1]


def _filled_up(columns: Columns, rules: JointRules, prices: Prices) -> Array:
    """Give a plan from what is chosen just below the minima's prices, as dear as the prices say where it is mended."""
    tax = price_rows(rules, prices)[0]
    taxed = replace(columns, cost=columns.cost + tax[columns.line] * columns.quantity)
    below = evaluate(columns, rules, just_below(prices)).column
    return repaired(taxed, rules, below, refill=True)


def _relaxed(given: OpenedGroups, nodes: int) -> list[Array]:
    """Give the plan of the relaxed model whose broken lines are decided anew, none where that fails."""
    core, rules = given.columns, given.rules
    alone = replace(rules, budget=None, row=rules.row[:, :0], use=rules.use[:, :0])
    plans = [evaluate(core, rules, given.prices).column, improved(core, alone, _filled_up(core, alone, given.prices))]
    keep = _around(core, plans)
    part = subset(core, np.arange(core.lines), keep)
    model = _with_open(joint_model(part, rules), rules)
    relaxed = solve(replace(model, integer=np.zeros(model.columns, dtype=np.bool_)), Limits())
    if relaxed.plan is None or relaxed.plan.reduced_costs is None:
        return []
    size = part.cost.size
    taken, reduced = relaxed.plan.values[:size], relaxed.plan.reduced_costs[:size]
    limits = Limits(nodes=min(nodes, _NODES), gap=_GAP)
    for count in _BESIDE:
        outcome = solve(_fixed(model, part, taken, _doubtful(part, taken, reduced, count)), limits)
        if outcome.plan is not None:
            plan = np.flatnonzero(keep)[np.flatnonzero(outcome.plan.values[:size] > 0.5)]
            return [improved(core, rules, plan)]
    return []


def _around(columns: Columns, plans: list[Array]) -> Array:
    """Give the columns at some places from those of the plans, shape (K,)."""
    first, last = columns.start[:-1, None], columns.start[1:, None] - 1
    places = np.array(_PLACES)
    places = np.concatenate([-places, places])
    keep = np.zeros(columns.cost.size, dtype=bool)
    for plan in plans:
        keep[np.clip(plan[:, None] + places, first, last)] = True
    return keep


def _with_open(model: SealedModel, rules: JointRules) -> SealedModel:
    """Give the model in which the groups that order are open."""
    lower = model.lower.copy()
    for family in model.variables:
        if family.name == "open" and rules.opened is not None:
            lower[family.members] = rules.opened[np.unique(rules.supplier[rules.supplier != NONE])]
    return replace(model, lower=lower)


def _doubtful(part: Columns, taken: Array, reduced: Array, count: int) -> Array:
    """Lines that the relaxed model breaks, and the `count` whose next best column costs least more, shape (N,)."""
    line = part.line
    doubtful = np.zeros(part.lines, dtype=bool)
    doubtful[line[(taken > _WHOLE) & (taken < 1 - _WHOLE)]] = True
    other = np.minimum.reduceat(np.where(taken > 0.5, np.inf, reduced), part.start[:-1])
    doubtful[np.argsort(other, kind="stable")[:count]] = True
    return doubtful


def _fixed(model: SealedModel, part: Columns, taken: Array, free: Array) -> SealedModel:
    """Give the model in which all lines but the free ones (N,) stay at the column they take."""
    lower, upper = model.lower.copy(), model.upper.copy()
    stays = np.flatnonzero(~free[part.line])
    lower[stays] = upper[stays] = np.round(taken[stays])
    return replace(model, lower=lower, upper=upper)
