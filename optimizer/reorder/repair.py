"""From priced quantities to a plan that meets every joint rule, and better plans by moves of single lines."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from optimizer.reorder.columns import Array, Columns
from optimizer.reorder.problem import NONE, JointRules

_PASSES: Final = 40
_SLACK: Final = 1e-9
_WORTHWHILE: Final = 1e-9


@dataclass(frozen=True)
class Usage:
    """What quantities take from the joint rules.

    Attributes
    ----------
    spent : money from the budget.
    weight : towards each minimum, shape (J,).
    ordering : lines of each group that order, shape (J,).
    drawn : steps from each pool, shape (P,).
    """

    spent: float
    weight: Array
    ordering: Array
    drawn: Array


def usage(rules: JointRules, quantity: Array) -> Usage:
    """Add up what the quantities (N,) take."""
    grouped, pooled = rules.supplier != NONE, rules.pool != NONE
    groups, size = rules.supplier[grouped], rules.supplier_minimum.size
    weight = np.bincount(groups, (rules.minimum_weight * quantity)[grouped], minlength=size)
    ordering = np.bincount(groups, (quantity > 0)[grouped], minlength=size)
    drawn = np.bincount(rules.pool[pooled], quantity[pooled], minlength=rules.pool_available.size)
    return Usage(float(rules.spend @ quantity), weight, ordering, drawn)


def broken(rules: JointRules, quantity: Array) -> tuple[bool, Array, Array]:
    """Whether the budget is overspent; which groups (J,) order too little; which pools (P,) are overdrawn."""
    used = usage(rules, quantity)
    over = rules.budget is not None and used.spent > rules.budget * (1 + _SLACK)
    short = (used.ordering > 0) & (used.weight < rules.supplier_minimum * (1 - _SLACK))
    return over, short, used.drawn > rules.pool_available * (1 + _SLACK)


def meets(rules: JointRules, quantity: Array) -> bool:
    """Whether the quantities meet every rule."""
    over, short, drawn = broken(rules, quantity)
    return not (over or short.any() or drawn.any())


def repaired(columns: Columns, rules: JointRules, column: Array) -> Array:
    """Lower quantities until every rule is met: cheapest loss per unit first; a group below its minimum orders nothing.

    Ordering nothing meets every rule, so this ends with a plan.
    """
    first = columns.start[:-1]
    while True:
        over, short, drawn = broken(rules, columns.quantity[column])
        if short.any():
            column = np.where(_flags(short, rules.supplier), first, column)
        elif drawn.any():
            pool = int(np.argmax(drawn))
            excess = usage(rules, columns.quantity[column]).drawn[pool] - rules.pool_available[pool]
            column = _lowered(columns, column, (rules.pool == pool).astype(float), excess)
        elif over:
            excess = usage(rules, columns.quantity[column]).spent - (rules.budget or 0)
            column = _lowered(columns, column, rules.spend, excess)
        else:
            return column


def _lowered(columns: Columns, column: Array, use: Array, excess: float) -> Array:
    """Take the cheapest smaller columns per unit of `use` until `excess` is gone, one column a line."""
    line = columns.line
    freed = (columns.quantity[column][line] - columns.quantity) * use[line]
    loss = columns.cost - columns.cost[column][line]
    ratio = np.full(freed.size, np.inf)
    np.divide(loss, freed, out=ratio, where=freed > 0)
    pick = _least_per_line(columns, ratio)
    order = np.argsort(ratio[pick], kind="stable")
    order = order[np.isfinite(ratio[pick][order])]
    needed = int(np.searchsorted(np.cumsum(freed[pick][order]), excess)) + 1
    lowered = column.copy()
    lowered[order[:needed]] = pick[order[:needed]]
    return lowered


def improved(columns: Columns, rules: JointRules, column: Array) -> Array:
    """Move single lines to cheaper columns as long as every rule stays met; best saving per budget money first."""
    for _ in range(_PASSES):
        moves = _moves(columns, rules, column)
        if not moves.size:
            break
        column = _applied(columns, rules, column, moves)
    return column


def _moves(columns: Columns, rules: JointRules, column: Array) -> Array:
    """Columns worth moving to, one a line, the best first."""
    line, quantity = columns.line, columns.quantity[column]
    saving = columns.cost[column][line] - columns.cost
    worth = saving > _WORTHWHILE * np.maximum(1.0, np.abs(columns.cost))
    allowed = np.zeros(saving.size, dtype=bool)
    allowed[worth] = _allowed(rules, usage(rules, quantity), quantity, (line[worth], columns.quantity[worth]))
    score = np.full(saving.size, np.inf)
    score[allowed] = -saving[allowed]
    pick = _least_per_line(columns, score)
    pick = pick[np.isfinite(score[pick])]
    spend = np.maximum((columns.quantity[pick] - quantity[line[pick]]) * rules.spend[line[pick]], 0.0)
    order: Array = np.argsort(-saving[pick] / (spend + _SLACK), kind="stable")
    return np.asarray(pick[order])


def _allowed(rules: JointRules, used: Usage, quantity: Array, moves: tuple[Array, Array]) -> Array:
    """Whether each move (line, new quantity) alone keeps every rule met."""
    line, new = moves
    step = new - quantity[line]
    fine = np.ones(line.size, dtype=bool)
    if rules.budget is not None:
        fine &= used.spent + step * rules.spend[line] <= max(rules.budget, used.spent)
    pooled = rules.pool[line]
    room = np.append(rules.pool_available - used.drawn, np.inf)
    fine &= (step <= 0) | (step <= room[pooled])
    group = rules.supplier[line]
    weight = np.append(used.weight, np.inf)[group] + step * rules.minimum_weight[line]
    ordering = np.append(used.ordering, 0)[group] + (new > 0).astype(int) - (quantity[line] > 0)
    needed = np.append(rules.supplier_minimum, -np.inf)[group] * (1 - _SLACK)
    return np.asarray(fine & ((weight >= needed) | (ordering == 0)))


def _applied(columns: Columns, rules: JointRules, column: Array, moves: Array) -> Array:
    line, moved = columns.line[moves], column.copy()
    quantity = columns.quantity[column].copy()
    used = usage(rules, quantity)
    for n, k in zip(line.tolist(), moves.tolist(), strict=True):
        new = columns.quantity[k]
        if _allowed(rules, used, quantity, (np.array([n]), np.array([new])))[0]:
            used = _after(rules, used, n, (quantity[n], new))
            quantity[n], moved[n] = new, k
    return moved


def _after(rules: JointRules, used: Usage, n: int, change: tuple[float, float]) -> Usage:
    old, new = change
    weight, ordering, drawn = used.weight, used.ordering, used.drawn
    group, pool = rules.supplier[n], rules.pool[n]
    if group != NONE:
        weight, ordering = weight.copy(), ordering.copy()
        weight[group] += (new - old) * rules.minimum_weight[n]
        ordering[group] += int(new > 0) - int(old > 0)
    if pool != NONE:
        drawn = drawn.copy()
        drawn[pool] += new - old
    spent = used.spent + (new - old) * float(rules.spend[n])
    return replace(used, spent=spent, weight=weight, ordering=ordering, drawn=drawn)


def _least_per_line(columns: Columns, score: Array) -> Array:
    """First column of each line with the least score, shape (N,)."""
    least = np.minimum.reduceat(score, columns.start[:-1])
    place = np.where(score == least[columns.line], np.arange(score.size), score.size)
    return np.minimum.reduceat(place, columns.start[:-1])


def _flags(flags: Array, index: Array) -> Array:
    return np.append(flags, False)[index]
