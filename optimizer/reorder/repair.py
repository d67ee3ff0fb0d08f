"""From priced quantities to a plan that meets every joint rule, and better plans by moves of single lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from optimizer.reorder.columns import Array, Columns
from optimizer.reorder.filling import Fillable, fill
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
    drawn : from each capacity row, shape (P,).
    empty : whether a group's trucks stay emptier than they may, shape (J,).
    """

    spent: float
    weight: Array
    ordering: Array
    drawn: Array
    empty: Array


def plan_cost(columns: Columns, rules: JointRules, plan: Array) -> float:
    """Cost of a plan, a column of each line, with its trucks."""
    return columns.total(plan) + float(rules.trucks_paid(columns.quantity[plan]).sum())


def usage(rules: JointRules, quantity: Array) -> Usage:
    """Add up what the quantities (N,) take."""
    grouped = rules.supplier != NONE
    groups, size = rules.supplier[grouped], rules.supplier_minimum.size
    weight = np.bincount(groups, (rules.minimum_weight * quantity)[grouped], minlength=size)
    ordering = np.bincount(groups, (quantity > 0)[grouped], minlength=size)
    trucks = rules.trucks
    empty = np.zeros(size, dtype=bool)
    if trucks is not None and trucks.fill.any():
        empty = trucks.underfilled(trucks.loads(rules.supplier, quantity))
    return Usage(float(rules.spend @ quantity), weight, ordering, rules.drawn(quantity), empty)


def broken(rules: JointRules, quantity: Array) -> tuple[bool, Array, Array]:
    """Whether the budget is overspent; which groups (J,) order too little; which rows (P,) are overdrawn."""
    used = usage(rules, quantity)
    over = rules.budget is not None and used.spent > rules.budget * (1 + _SLACK)
    short = (used.ordering > 0) & ((used.weight < rules.supplier_minimum * (1 - _SLACK)) | used.empty)
    return over, short, used.drawn > rules.capacity * (1 + _SLACK) + _SLACK


def meets(rules: JointRules, quantity: Array) -> bool:
    """Whether the quantities meet every rule."""
    over, short, drawn = broken(rules, quantity)
    return not (over or short.any() or drawn.any())


def repaired(columns: Columns, rules: JointRules, column: Array, refill: bool = False) -> Array:
    """Lower quantities until every rule is met: cheapest loss per unit first; a group below its minimum orders nothing.

    With `refill` rows and budget come first, and a group that is then below its minimum takes more where there is room,
    before it orders nothing. Ordering nothing meets every rule, so this ends with a plan.
    """
    while True:
        over, short, drawn = broken(rules, columns.quantity[column])
        if short.any() and not (refill and (over or drawn.any())):
            column = _reaching(columns, rules, column, short, refill)
        elif drawn.any():
            row = int(np.argmax(drawn))
            excess = rules.drawn(columns.quantity[column])[row] - rules.capacity[row]
            column = _lowered(columns, column, np.where(rules.row == row, rules.use, 0.0).sum(axis=1), excess)
        elif over:
            excess = usage(rules, columns.quantity[column]).spent - (rules.budget or 0)
            column = _lowered(columns, column, rules.spend, excess)
        else:
            return column


def _reaching(columns: Columns, rules: JointRules, column: Array, short: Array, refill: bool) -> Array:
    """Fill up the groups that are short, or close them."""
    fuller = _fewer_trucks(columns, rules, column)
    if fuller is not None:
        return fuller
    filled = _filled(columns, rules, column, short) if refill else column
    lacking = broken(rules, columns.quantity[filled])[1] & short
    return np.where(_flags(lacking, rules.supplier), columns.start[:-1], filled)


def _filled(columns: Columns, rules: JointRules, column: Array, short: Array) -> Array:
    """Raise the lines of the `short` groups, one group after the other, until minima are reached or room is lacking."""
    quantity, rows = columns.quantity[column], rules.capacity.size
    row = np.where(rules.row == NONE, rows + 1, rules.row)
    row, use = np.column_stack([row, np.full(row.shape[0], rows)]), np.column_stack([rules.use, rules.spend])
    left = np.inf if rules.budget is None else rules.budget - float(rules.spend @ quantity)
    room = np.concatenate([rules.capacity - rules.drawn(quantity), [left, np.inf]])
    lines = Fillable(columns.start, columns.quantity, columns.cost, rules.minimum_weight, row, use)
    for group in np.flatnonzero(short):
        members = np.flatnonzero(rules.supplier == group)
        raised, taken = column.copy(), room.copy()
        if fill(lines, members, float(rules.supplier_minimum[group]), raised, taken):
            column, room = raised, taken
    return column


def _fewer_trucks(columns: Columns, rules: JointRules, column: Array) -> Array | None:
    """Lower a group whose trucks are too empty to as many trucks as its load can fill; None where that is not it."""
    trucks, quantity = rules.trucks, columns.quantity[column]
    if trucks is None or not trucks.fill.any():
        return None
    loads = trucks.loads(rules.supplier, quantity)
    fitting = np.floor((loads[:, 0] - trucks.owed) / np.maximum(trucks.fill, _SLACK) + _SLACK)
    reached = usage(rules, quantity).weight >= rules.supplier_minimum * (1 - _SLACK)
    chosen = np.flatnonzero(trucks.underfilled(loads) & (fitting >= 1) & reached)
    if not chosen.size:
        return None
    group = int(chosen[0])
    beside = loads[group] - trucks.spare[group]
    measure = int(beside.argmax())
    use = np.where(rules.supplier == group, trucks.load[:, measure], 0.0)
    return _lowered(columns, column, use, float(beside[measure] - fitting[group]))


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
    if rules.trucks is not None:
        saving -= _truck_change(rules, quantity, (line, columns.quantity))
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


def _truck_change(rules: JointRules, quantity: Array, moves: tuple[Array, Array]) -> Array:
    """Money that each move (line, new quantity) alone adds to the trucks of its group; filled too little is inf."""
    (line, new), trucks = moves, rules.trucks
    assert trucks is not None
    group = rules.supplier[line]
    spare = np.vstack([trucks.spare, np.zeros((1, 2))])[group]
    now = np.vstack([trucks.loads(rules.supplier, quantity), np.zeros((1, 2))])[group]
    loads = now + (new - quantity[line])[:, None] * trucks.load[line]
    cost, fill, owed = (np.append(one, 0.0)[group] for one in (trucks.cost, trucks.fill, trucks.owed))
    count = trucks.counts(loads, spare)
    empty = (loads[:, 0] < (fill * count + owed) * (1 - _SLACK)) & (loads > _SLACK).any(axis=1)
    return np.asarray(np.where(empty, np.inf, cost * (count - trucks.counts(now, spare))))


def _allowed(rules: JointRules, used: Usage, quantity: Array, moves: tuple[Array, Array]) -> Array:
    """Whether each move (line, new quantity) alone keeps every rule met."""
    line, new = moves
    step = new - quantity[line]
    fine = np.ones(line.size, dtype=bool)
    if rules.budget is not None:
        fine &= used.spent + step * rules.spend[line] <= max(rules.budget, used.spent)
    room = np.append(rules.capacity - used.drawn, np.inf)
    fine &= (step <= 0) | (step[:, None] * rules.use[line] <= room[rules.row[line]]).all(axis=1)
    group = rules.supplier[line]
    weight = np.append(used.weight, np.inf)[group] + step * rules.minimum_weight[line]
    ordering = np.append(used.ordering, 0)[group] + (new > 0).astype(int) - (quantity[line] > 0)
    needed = np.append(rules.supplier_minimum, -np.inf)[group] * (1 - _SLACK)
    return np.asarray(fine & ((weight >= needed) | (ordering == 0)))


def _applied(columns: Columns, rules: JointRules, column: Array, moves: Array) -> Array:
    """Make the moves one after the other, each only if every rule stays met."""
    line, moved = columns.line[moves], column.copy()
    ledger = _Ledger(rules, columns.quantity[column])
    saving = (columns.cost[column][line] - columns.cost[moves]).tolist()
    for n, k, new, saved in zip(line.tolist(), moves.tolist(), columns.quantity[moves].tolist(), saving, strict=True):
        if ledger.book(n, new, saved):
            moved[n] = k
    return moved


class _Ledger:
    """`Usage` of a changing plan in plain numbers: a move at a time, arrays would be ten times slower."""

    def __init__(self, rules: JointRules, quantity: Array) -> None:
        used = usage(rules, quantity)
        self._quantity: list[int] = quantity.tolist()
        self._rates = [row.tolist() for row in (rules.spend, rules.minimum_weight, rules.supplier)]
        self._slots: list[list[tuple[int, float]]] = [
            [(int(row), float(use)) for row, use in zip(*one, strict=True) if row != NONE]
            for one in zip(rules.row, rules.use, strict=True)
        ]
        # The last place of the lists of groups is that of a line without one, to which nothing is refused.
        self._left = (np.inf if rules.budget is None else max(float(rules.budget), used.spent)) - used.spent
        self._room: list[float] = (rules.capacity - used.drawn).tolist()
        self._above = [*(used.weight - rules.supplier_minimum * (1 - _SLACK)).tolist(), np.inf]
        self._ordering = [*used.ordering.tolist(), 0]
        self._trucks = None if rules.trucks is None else _TruckLedger(rules, quantity)

    def book(self, n: int, new: int, saving: float) -> bool:
        """Change the quantity of a line, unless a rule would break or trucks cost more than it saves."""
        spend, weight, group = (row[n] for row in self._rates)
        slots = self._slots[n]
        step = new - self._quantity[n]
        ordering = self._ordering[group] + (new > 0) - (self._quantity[n] > 0)
        if step * spend > self._left or (step > 0 and any(step * use > self._room[row] for row, use in slots)):
            return False
        if self._above[group] + step * weight < 0 and ordering > 0:
            return False
        if self._trucks is not None and not self._trucks.book(n, step, saving):
            return False
        self._quantity[n] = new
        self._left -= step * spend
        for row, use in slots:
            self._room[row] -= step * use
        self._above[group] += step * weight
        self._ordering[group] = ordering
        return True


class _TruckLedger:
    """Loads of the groups' trucks under a changing plan."""

    def __init__(self, rules: JointRules, quantity: Array) -> None:
        assert rules.trucks is not None
        self._of, self._group, self._spare = rules.trucks, rules.supplier, rules.trucks.spare
        self._owed: list[float] = rules.trucks.owed.tolist()
        self._loads = rules.trucks.loads(rules.supplier, quantity)

    def book(self, n: int, step: int, saving: float) -> bool:
        """Load a step of a line, unless its trucks would be too empty or cost more than is saved."""
        group, trucks = int(self._group[n]), self._of
        if group == NONE:
            return True
        before, after = self._loads[group], self._loads[group] + step * trucks.load[n]
        spare = self._spare[group][None]
        count = float(trucks.counts(after[None], spare)[0])
        extra = trucks.cost[group] * (count - float(trucks.counts(before[None], spare)[0]))
        needed = (trucks.fill[group] * count + self._owed[group]) * (1 - _SLACK)
        if extra >= saving or (after.max() > _SLACK and after[0] < needed):
            return False
        self._loads[group] = after
        return True


def _least_per_line(columns: Columns, score: Array) -> Array:
    """First column of each line with the least score, shape (N,)."""
    least = np.minimum.reduceat(score, columns.start[:-1])
    place = np.where(score == least[columns.line], np.arange(score.size), score.size)
    return np.minimum.reduceat(place, columns.start[:-1])


def _flags(flags: Array, index: Array) -> Array:
    return np.append(flags, False)[index]
