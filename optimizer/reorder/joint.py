"""The joint step: a plan that meets every rule, and a bound over all quantities of all lines.

Rules that the free optimum meets are left out until a plan breaks them. Leaving a rule out only lowers the bound, so a
plan that meets all of them is proved by the bound of the last step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from optimizer.executor import RunAll, plain_loop
from optimizer.reorder.columns import Array, Columns, Settings, extended, multiples_allowed, subset
from optimizer.reorder.core import may_improve
from optimizer.reorder.group_sets import GroupSearch, best_groups
from optimizer.reorder.model import joint_model
from optimizer.reorder.prices import (
    Hull,
    Priced,
    Prices,
    cheapest,
    dual,
    evaluate,
    hull_of,
    outer_rows,
    price_rows,
)
from optimizer.reorder.problem import NONE, JointRules, ReorderProblem
from optimizer.reorder.repair import broken, improved, plan_cost, repaired
from optimizer.reorder.unlisted import last_multiple, unlisted_value
from solvers.engines import solve
from solvers.outcome import Limit, Limits, relative_gap

_EXTENSIONS: Final = 12
_STARTS: Final = 3
_NODE_WORK: Final = 400_000
_FEWEST_NODES: Final = 20
_WIDER: Final = 4
_WIDE_GAP: Final = 2e-3
_ROUNDING: Final = 1e-9


@dataclass(frozen=True)
class Joint:
    """Answer of the joint step.

    Attributes
    ----------
    columns : the columns, more of them than were given where a minimum asked for larger quantities.
    column, free : chosen column of each line with and without joint rules, shape (N,).
    prices : of the joint rules.
    least : what each line costs at least without joint rules, over all quantities, shape (N,).
    bound : no plan costs less, over all quantities.
    limit : what kept the proof from closing.
    truck_cost : money for the trucks of the plan.
    """

    columns: Columns
    column: Array
    free: Array
    least: Array
    prices: Prices
    bound: float
    limit: Limit
    truck_cost: float = 0.0

    @property
    def objective(self) -> float:
        """Cost of the plan, money, its trucks included."""
        return self.columns.total(self.column) + self.truck_cost


@dataclass(frozen=True)
class _Active:
    """Which rules are looked at: the budget, groups (J,), capacity rows (P,)."""

    budget: bool
    groups: Array
    rows: Array


def solve_joint(problem: ReorderProblem, columns: Columns, settings: Settings, run_all: RunAll = plain_loop) -> Joint:
    """Choose one column of each line so that every joint rule is met, at least cost.

    Raises
    ------
    RuntimeError : a plan broke a rule it was made to meet, which is a fault of this room.
    """
    rules = problem.joint
    trucks = np.zeros(rules.supplier_minimum.size, bool) if rules.trucks is None else rules.trucks.matter
    active = _Active(False, trucks, np.zeros(rules.capacity.size, bool))
    answer = _free(problem, columns)
    if trucks.any():
        active = _foreseen(problem, answer, active)
        answer = _with_rules(problem, answer.columns, _kept(rules, active), settings, run_all)
    while True:
        wider = _widened(active, broken(rules, answer.columns.quantity[answer.column]))
        if wider is None:
            return answer
        active = _foreseen(problem, answer, wider)
        answer = _with_rules(problem, answer.columns, _kept(rules, active), settings, run_all)


def _foreseen(problem: ReorderProblem, answer: Joint, active: _Active) -> _Active:
    """Also look at the rules that a first plan under the active ones breaks, before the long work begins."""
    rules, columns, prices = problem.joint, answer.columns, None
    while True:
        part = _part(columns, _kept(rules, active))
        prices = dual(hull_of(part.columns), part.rules, prices)[-1]
        plan = repaired(part.columns, part.rules, evaluate(part.columns, part.rules, prices).column)
        quantity = columns.quantity[answer.free]
        quantity[part.chosen] = part.columns.quantity[plan]
        wider = _widened(active, broken(rules, quantity))
        if wider is None:
            return active
        active = wider


def _widened(active: _Active, broken_rules: tuple[bool, Array, Array]) -> _Active | None:
    over, short, drawn = broken_rules
    if not (over or short.any() or drawn.any()):
        return None
    if not ((over and not active.budget) or (short & ~active.groups).any() or (drawn & ~active.rows).any()):
        raise RuntimeError("the plan breaks a joint rule that was looked at")
    return _Active(active.budget or over, active.groups | short, active.rows | drawn)


def _free(problem: ReorderProblem, columns: Columns) -> Joint:
    nothing = np.zeros((3, columns.lines))
    column, least = cheapest(columns.start, columns.quantity, columns.cost, nothing)
    least = np.minimum(least, unlisted_value(problem, columns, nothing, last_multiple(problem, columns)))
    limit: Limit = "none" if columns.enumerated.all() else "other"
    return Joint(columns, column, column, least, Prices.zero(problem.joint), float(least.sum()), limit)


def _kept(rules: JointRules, active: _Active) -> JointRules:
    """Rules with only the active rows."""
    supplier = np.where(np.append(active.groups, False)[rules.supplier], rules.supplier, NONE)
    row = np.where(np.append(active.rows, False)[rules.row], rules.row, NONE)
    used = (row != NONE).any(axis=0)
    budget = rules.budget if active.budget else None
    return replace(rules, supplier=supplier, row=row[:, used], use=rules.use[:, used], budget=budget)


@dataclass(frozen=True)
class _Part:
    """Touched lines (`chosen`) with their columns and rules; `place` is the number of a column among all columns."""

    chosen: Array
    place: Array
    columns: Columns
    rules: JointRules

    def total(self, plan: Array) -> float:
        """Cost of a plan with its trucks."""
        return plan_cost(self.columns, self.rules, plan)


@dataclass(frozen=True)
class _View:
    """The touched lines at the prices with the best bound, of all that were `tried`.

    `priced` covers quantities that are no columns by their `unlisted` value, `listed` is the columns' own, both (N',).
    """

    part: _Part
    hull: Hull
    tried: list[Prices]
    priced: Priced
    unlisted: Array
    listed: Array
    priced_at: Callable[[Prices], Priced]

    def slack(self, plan: Array) -> float:
        """Give what a plan costs above the bound of the prices."""
        return self.part.total(plan) - self.priced.bound

    def tempting(self, slack: float) -> Array:
        """Lines of which a quantity that is no column may be within `slack` of the best column."""
        value = self.listed + slack - _ROUNDING * np.abs(self.listed)
        return np.asarray(self.part.chosen[self.unlisted < value])


@dataclass(frozen=True)
class _Ends:
    """How far lists grow: to the `last` multiple of each line, shape (N,), and at `most` so many; who prices them."""

    last: Array
    most: int
    run_all: RunAll


def _with_rules(
    problem: ReorderProblem, columns: Columns, rules: JointRules, settings: Settings, run_all: RunAll
) -> Joint:
    """Solve the lines that active rules touch; the others stay at their free optimum."""
    ends = _Ends(last_multiple(replace(problem, joint=rules), columns), settings.most_columns, run_all)
    columns = _filling(problem, _reaching(problem, columns, rules, ends), rules, ends)
    columns, view = _listed(replace(problem, joint=rules), columns, ends, 0.0)
    # In a large part the slack is that of many lines, and longer lists of one would not close it.
    large = view.part.columns.cost.size > _WIDER * settings.model_columns
    plan, bound = _searched(view, settings if large else replace(settings, nodes=0))
    if not large:
        columns, view = _listed(replace(problem, joint=rules), columns, ends, view.slack(plan))
        plan, bound = _searched(view, settings)
    # Larger quantities than are listed might fill a truck: then only the prices' bound, which asks for no fill, holds.
    filled = rules.trucks is not None and bool(rules.trucks.fill.any())
    unproved = filled or bool(view.tempting(view.slack(plan)).size)
    found = _polished(view.part, (plan, view.priced, bound), settings, unproved)
    return _merged(_free(problem, columns), view.part, found, view.priced.prices)


def _listed(problem: ReorderProblem, columns: Columns, ends: _Ends, slack: float) -> tuple[Columns, _View]:
    """List more multiples until, at the best prices, none that is missing may be within `slack` of the best."""
    view = _viewed(problem, columns, ends.last)
    for _ in range(_EXTENSIONS):
        tempting = view.tempting(slack)
        longer = tempting[_growing(columns, ends)[tempting]]
        if not longer.size:
            break
        more = np.minimum(2 * columns.listed[longer] + 1, ends.last[longer])
        columns = extended(problem, columns, (longer, more), ends.most, ends.run_all)
        view = _viewed(problem, columns, ends.last, view.priced.prices)
    return columns, view


def _growing(columns: Columns, ends: _Ends) -> Array:
    """Lines of which more multiples may be listed: short of their last, dense, and not at the limit."""
    return np.asarray((columns.listed < np.minimum(ends.last, ends.most - 1)) & columns.enumerated)


def _viewed(problem: ReorderProblem, columns: Columns, last: Array, near: Prices | None = None) -> _View:
    part = _part(columns, problem.joint)
    hull = hull_of(part.columns)
    tried = dual(hull, part.rules, near)
    bounds = [evaluate(hull.columns, part.rules, prices).bound for prices in tried]
    best = tried[int(np.argmax(bounds))]

    def unlisted(prices: Prices) -> Array:
        return np.asarray(unlisted_value(problem, columns, price_rows(problem.joint, prices), last)[part.chosen])

    def priced_at(prices: Prices) -> Priced:
        return evaluate(part.columns, part.rules, prices, unlisted(prices))

    listed = evaluate(part.columns, part.rules, best).reduced
    return _View(part, hull, tried, priced_at(best), unlisted(best), listed, priced_at)


def _merged(free: Joint, part: _Part, found: tuple[Array, float, Limit], prices: Prices) -> Joint:
    """Put the plan of the touched lines among the free ones."""
    plan, bound, limit = found
    column = free.column.copy()
    column[part.chosen] = part.place[plan]
    others = np.ones(column.size, dtype=bool)
    others[part.chosen] = False
    bound += float(free.least[others].sum())
    trucks = float(part.rules.trucks_paid(part.columns.quantity[plan]).sum())
    limit = limit if limit != "none" else free.limit
    return replace(free, column=column, prices=prices, bound=bound, limit=limit, truck_cost=trucks)


def _reaching(problem: ReorderProblem, columns: Columns, rules: JointRules, ends: _Ends) -> Columns:
    """List multiples until the lines of each group together can reach its minimum, or all that may be needed."""
    while True:
        member = np.flatnonzero(rules.supplier != NONE)
        groups = rules.supplier[member]
        largest = columns.quantity[columns.start[1:] - 1]
        weight = np.minimum((largest * rules.minimum_weight)[member], rules.supplier_minimum[groups])
        short = np.bincount(groups, weight, minlength=rules.supplier_minimum.size) < rules.supplier_minimum
        growing = member[short[groups] & _growing(columns, ends)[member]]
        if not growing.size:
            return columns
        more = np.minimum(2 * columns.listed[growing] + 1, ends.last[growing])
        columns = extended(problem, columns, (growing, more), ends.most, ends.run_all)


def _filling(problem: ReorderProblem, columns: Columns, rules: JointRules, ends: _Ends) -> Columns:
    """List a truck more of each line of a group whose trucks must be filled."""
    if rules.trucks is None or not rules.trucks.fill.any():
        return columns
    load = rules.trucks.load.max(axis=1) * problem.pack
    filled = np.append(rules.trucks.fill > 0, False)[rules.supplier] & (load > 0) & columns.enumerated
    chosen = np.flatnonzero(filled)
    wanted = columns.useful[chosen] + np.ceil(1 / load[chosen]).astype(np.int64)
    more = np.minimum(np.minimum(wanted, multiples_allowed(problem)[chosen]), ends.most - 1)
    longer = more > columns.listed[chosen]
    longest = chosen[longer], more[longer]
    return extended(problem, columns, longest, ends.most, ends.run_all) if longer.any() else columns


def _part(columns: Columns, rules: JointRules) -> _Part:
    touched = (rules.supplier != NONE) | (rules.row != NONE).any(axis=1)
    touched |= (rules.budget is not None) & (rules.spend > 0)
    keep = touched[columns.line]
    chosen = np.flatnonzero(touched)
    return _Part(chosen, np.flatnonzero(keep), subset(columns, chosen, keep), rules.of(touched))


def _searched(view: _View, settings: Settings) -> tuple[Array, float]:
    """Give the best plan found, and a bound over every plan."""
    part, plan, bound = view.part, _plan(view), view.priced.bound
    if relative_gap(part.total(plan), bound) <= settings.gap or not _compete(part.rules):
        return plan, bound
    search = GroupSearch(part.columns, view.hull, part.rules, view.priced_at, settings.nodes, settings.gap)
    return best_groups(search, view.priced, plan)


def _plan(view: _View) -> Array:
    """Give the best plan found from the prices tried."""
    columns, rules, best = view.part.columns, view.part.rules, view.priced.prices
    if _compete(rules):
        # Prices alone choose badly between groups that compete, and the search for sets of them follows.
        plan = repaired(columns, rules, evaluate(columns, rules, best).column, refill=True)
        return improved(columns, rules, plan)
    starts = [best, *view.tried[-_STARTS:]]
    plans = [_feasible(columns, rules, evaluate(columns, rules, prices).column) for prices in starts]
    return min(plans, key=view.part.total)


def _compete(rules: JointRules) -> bool:
    """Whether a budget or a row ties lines of different groups."""
    return bool((rules.supplier != NONE).any() and (rules.budget is not None or outer_rows(rules).any()))


def _feasible(columns: Columns, rules: JointRules, column: Array) -> Array:
    """Give the better of the plans that close groups below their minimum, and that fill them up."""
    plans = [improved(columns, rules, repaired(columns, rules, column))]
    if (rules.row != NONE).any() and (rules.supplier != NONE).any():
        plans.append(improved(columns, rules, repaired(columns, rules, column, refill=True)))
    return min(plans, key=lambda plan: plan_cost(columns, rules, plan))


def _polished(
    part: _Part, found: tuple[Array, Priced, float], settings: Settings, unproved: bool
) -> tuple[Array, float, Limit]:
    """Close the gap with an engine, on the columns that prices cannot exclude from a better plan."""
    plan, priced, bound = found
    columns, rules = part.columns, part.rules
    objective = part.total(plan)
    gap = relative_gap(objective, bound)
    if gap <= settings.gap:
        return plan, bound, "none"
    keep = may_improve(columns, rules, priced, objective - priced.bound)
    keep[plan] = True
    if keep.sum() > settings.model_columns * (_WIDER if gap > _WIDE_GAP else 1):
        return plan, bound, "other"
    core = subset(columns, np.arange(columns.lines), keep)
    nodes = min(settings.nodes, max(_NODE_WORK // core.cost.size, _FEWEST_NODES))
    outcome = solve(joint_model(core, rules), Limits(nodes=nodes, gap=settings.gap / 10))
    if outcome.plan is not None and outcome.objective < objective:
        taken = np.flatnonzero(outcome.plan.values[: core.cost.size] > 0.5)
        plan = _feasible(columns, rules, np.flatnonzero(keep)[taken])
        objective = part.total(plan)
    bound = bound if unproved else max(bound, min(outcome.bound, objective))
    closed = relative_gap(objective, bound) <= settings.gap
    stopped: Limit = outcome.limit if outcome.limit != "none" else "other"
    return plan, bound, "none" if closed else stopped
