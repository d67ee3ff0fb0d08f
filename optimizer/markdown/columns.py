"""All price paths of all groups that keep the groups' rules, each evaluated exactly on the demand paths (compiled)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from optimizer.markdown.problem import FREE, Flags, Floats, Integers, MarkdownProblem

Rungs = npt.NDArray[np.int8] | npt.NDArray[np.int16]


class Columns(NamedTuple):
    """
    Columns of all groups one after the other; those of group g stand at start[g]:start[g + 1], today's price first.

    ``rung`` (C, T), ``value`` (C,) minor units, ``spend`` (C, Q, T) minor units by purse; see
    ``optimizer.markdown.problem`` for their meaning. ``most_changes`` (G,) is what the groups were listed with.
    """

    start: Integers
    rung: Rungs
    value: Floats
    spend: Floats
    most_changes: Integers

    @property
    def group(self) -> Integers:
        """Group of each column, shape (C,)."""
        return np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))

    def changes(self, chosen: Integers | slice) -> Flags:
        """Return where the chosen columns change the price, shape (chosen, T)."""
        return np.asarray(np.diff(self.rung[chosen], axis=1, prepend=0) != 0)


class Kept(NamedTuple):
    """Some columns of a list, by their ``number`` in it, rising; ``total`` is how many the list has."""

    number: Integers
    columns: Columns
    total: int

    def and_also(self, other: Kept) -> Kept:
        """Return these and the other columns of the same list."""
        number, first = np.unique(np.concatenate([self.number, other.number]), return_index=True)
        mine, theirs = self.columns, other.columns
        today = self.number[mine.start[:-1]]
        start = np.append(np.searchsorted(number, today), len(number)).astype(np.int64)
        columns = Columns(
            start,
            np.concatenate([mine.rung, theirs.rung])[first],
            np.concatenate([mine.value, theirs.value])[first],
            np.concatenate([mine.spend, theirs.spend])[first],
            mine.most_changes,
        )
        return Kept(number, columns, self.total)


class Charges(NamedTuple):
    """What a column is charged for: a change (G, T), a minor unit of markdown (G, Q, T), a week at a rung (G, T, K)."""

    change: Floats
    spend: Floats
    rung: Floats


class _Groups(NamedTuple):
    """What the kernels read of a problem; the lines of group g are member[member_start[g]:member_start[g + 1]]."""

    demand: npt.NDArray[np.int32]
    weight: Floats
    value_weight: Floats
    tilted: bool
    asked: Floats
    counted_from: Floats
    salvage: Floats
    stock: Floats
    arrivals: Floats
    target: Floats
    short_cost: Floats
    member_start: Integers
    member: Integers
    purse: Integers
    rungs: Integers
    allowed: Flags
    can_change: Flags
    days_between: Integers
    days_since: Integers
    epochs: Integers
    fixed: Integers
    starts: Integers


def all_columns(problem: MarkdownProblem, most: int) -> Columns:
    """
    Return every price path of every group.

    A group with more than ``most`` of them is listed with fewer changes than its rules allow, the most that fit, at
    least one.
    """
    groups = _groups(problem)
    changes = np.minimum(problem.rules.most_changes, problem.epochs).astype(np.int64)
    nothing = _room(0, problem)
    count = [int(_walk(groups, g, changes[g], 0, nothing)) for g in range(problem.groups)]
    for g in range(problem.groups):
        while count[g] > most and changes[g] > 1:
            changes[g] -= 1
            count[g] = int(_walk(groups, g, changes[g], 0, nothing))
    start = np.cumsum([0, *count], dtype=np.int64)
    room = _room(int(start[-1]), problem)
    for g in range(problem.groups):
        _walk(groups, g, changes[g], int(start[g]), room)
    return Columns(start, *room, changes)


def kept(columns: Columns, chosen: Integers) -> Kept:
    """Return the chosen columns, and of each group today's and the best alone, which every decision looks at."""
    best, _ = least(columns, -columns.value)
    number = np.unique(np.concatenate([columns.start[:-1], best, chosen]))
    start = np.searchsorted(number, columns.start).astype(np.int64)
    parts = columns.rung[number], columns.value[number], columns.spend[number]
    return Kept(number, Columns(start, *parts, columns.most_changes), len(columns.value))


def charged(columns: Columns, charges: Charges) -> Floats:
    """Return the cost of each column: minus its value, with what it is charged for."""
    cost = np.empty(len(columns.value))
    _charge(columns.start, columns.rung, columns.value, columns.spend, charges, cost)
    return cost


def cheapest(columns: Columns, charges: Charges) -> tuple[Integers, Floats]:
    """Return the first column of least cost of each group with its charges, and that cost."""
    # Charges that are never negative leave out at once what costs more without any.
    never_less = all(bool((part >= 0.0).all()) for part in charges)
    found: tuple[Integers, Floats] = _charge_least(columns, charges, never_less)
    return found


def least(columns: Columns, cost: Floats) -> tuple[Integers, Floats]:
    """Return the first column of least cost of each group, and that cost."""
    place = np.zeros(len(columns.start) - 1, np.int64)
    _first_least(columns.start, cost, place)
    return place, cost[place]


def _groups(problem: MarkdownProblem) -> _Groups:
    rules = problem.rules
    return _Groups(
        np.ascontiguousarray(problem.demand, dtype=np.int32),
        problem.weight,
        problem.value_weight,
        problem.tilt is not None,
        np.ascontiguousarray(problem.asked),
        problem.counted_from,
        problem.salvage,
        problem.stock,
        problem.arrivals,
        problem.target,
        problem.short_cost,
        np.searchsorted(np.sort(problem.group), np.arange(problem.groups + 1)).astype(np.int64),
        np.argsort(problem.group, kind="stable").astype(np.int64),
        problem.purses[0],
        problem.rungs,
        rules.allowed,
        rules.can_change,
        rules.days_between,
        rules.days_since,
        rules.epochs,
        rules.fixed,
        problem.starts,
    )


def _room(columns: int, problem: MarkdownProblem) -> tuple[Rungs, Floats, Floats]:
    """Return space for that many columns; numbers of rungs take a byte each, where there are few enough."""
    shape = columns, problem.epochs
    narrow = problem.price.shape[1] <= np.iinfo(np.int8).max
    rungs: Rungs = np.zeros(shape, np.int8) if narrow else np.zeros(shape, np.int16)
    purses = problem.purses[1].shape[2]
    return rungs, np.zeros(columns), np.zeros((columns, purses, problem.epochs))


@njit(cache=True)  # type: ignore[untyped-decorator]
def _may(groups: _Groups, g: int, t: int, step: tuple[int, int], done: tuple[int, int, int]) -> bool:
    """Tell whether the price of group g may go from rung step[0] to step[1] at epoch t after the changes done."""
    before, rung = step
    changes, last, most = done
    if t == 0 and groups.fixed[g] != FREE:
        return bool(rung == groups.fixed[g])
    if rung == before:
        return True
    if t >= groups.epochs[g] or changes >= most or not groups.can_change[g, t] or not groups.allowed[g, before, rung]:
        return False
    return bool(groups.starts[t] - last >= groups.days_between[g])


@njit(cache=True, fastmath=True)  # type: ignore[untyped-decorator]
def _walk(groups: _Groups, g: int, most: int, at: int, room: tuple[Rungs, Floats, Floats]) -> int:
    """
    Go through the tree of price paths of group g, depth first; return how many there are.

    Where there is room, write them from place ``at`` on; what is left of the stock is kept per depth, so that paths
    with a common beginning share its evaluation.
    """
    fill = len(room[1]) > 0
    epochs, paths = len(groups.starts), len(groups.weight)
    members = groups.member[groups.member_start[g] : groups.member_start[g + 1]]
    left = np.zeros((epochs + 1, len(members), paths))
    # By depth and member: money earned, steps sold, steps left by the weights of the value; by depth and purse the
    # epoch's markdown.
    money = np.zeros((epochs + 1, len(members), 3))
    marked = np.zeros((epochs, room[2].shape[1]))
    # By depth: rung, changes before it, day of the last one.
    state = np.zeros((epochs + 1, 3), np.int64)
    state[0, 0], state[0, 2] = -1, -groups.days_since[g]
    for m in range(len(members)):
        left[0, m, :] = groups.stock[members[m]]
        money[0, m, 2] = groups.stock[members[m]]
    # Not a literal, which would be compiled a second time.
    count, t = 0, np.int64(0)
    while t >= 0:
        before = 0 if t == 0 else state[t - 1, 0]
        k = max(state[t, 0] + 1, before)
        while k < groups.rungs[g] and not _may(groups, g, t, (before, k), (state[t, 1], state[t, 2], most)):
            k += 1
        state[t, 0] = k
        if k >= groups.rungs[g]:
            t -= 1
            continue
        if fill:
            marked[t, :] = 0.0
            for m in range(len(members)):
                marked[t, groups.purse[members[m]]] += _sell(groups, members[m], (t, k), m, (left, money))
        if t + 1 < epochs:
            state[t + 1, 0] = -1
            state[t + 1, 1] = state[t, 1] + (1 if k != before else 0)
            state[t + 1, 2] = state[t, 2] if k == before else groups.starts[t]
            t += 1
            continue
        if fill:
            _write(groups, members, (state, money, marked), at + count, room)
        count += 1
    return count


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def _write(
    groups: _Groups,
    members: Integers,
    path: tuple[Integers, Floats, Floats],
    at: int,
    room: tuple[Rungs, Floats, Floats],
) -> None:
    """Write a whole price path, with its states, money and markdown by depth, as column ``at``."""
    state, money, marked = path
    rungs, value, spend = room
    epochs = len(marked)
    for e in range(epochs):
        rungs[at, e] = state[e, 0]
        for q in range(spend.shape[1]):
            spend[at, q, e] = marked[e, q]
    for m in range(len(members)):
        n, sold = members[m], money[epochs, m, 1]
        salvage = groups.salvage[n] * money[epochs, m, 2]
        value[at] += money[epochs, m, 0] + salvage - groups.short_cost[n] * max(groups.target[n] - sold, 0.0)


@njit(cache=True, fastmath=True, inline="always")  # type: ignore[untyped-decorator]
def _sell(groups: _Groups, n: int, at: tuple[int, int], m: int, room: tuple[Floats, Floats]) -> float:
    """Sell line n, member m of its group, in epoch at[0] at rung at[1] on every path, from depth t to t + 1.

    Returns the expected markdown.
    """
    t, k = at
    left, money = room
    arrivals = groups.arrivals[n, t]
    units = 0.0
    for s in range(len(groups.weight)):
        have = left[t, m, s] + arrivals
        out = min(have, float(groups.demand[n, k, t, s]))
        left[t + 1, m, s] = have - out
        units += groups.weight[s] * out
    price, worth = groups.asked[n, k, t], units
    if groups.tilted:
        worth = 0.0
        for s in range(len(groups.weight)):
            worth += groups.value_weight[s] * (left[t, m, s] + arrivals - left[t + 1, m, s])
    money[t + 1, m, 0] = money[t, m, 0] + price * worth
    money[t + 1, m, 1] = money[t, m, 1] + units
    money[t + 1, m, 2] = money[t, m, 2] + arrivals - worth
    return float(max(groups.counted_from[n, t] - price, 0.0) * units)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _charge(start: Integers, rung: Rungs, value: Floats, spend: Floats, charges: Charges, cost: Floats) -> None:
    """Write what each column costs with its charges."""
    epochs = rung.shape[1]
    for g in range(len(start) - 1):
        for c in range(start[g], start[g + 1]):
            total, before = -value[c], 0
            for t in range(epochs):
                k = rung[c, t]
                total += charges.rung[g, t, k]
                for q in range(spend.shape[1]):
                    total += charges.spend[g, q, t] * spend[c, q, t]
                if k != before:
                    total += charges.change[g, t]
                before = k
            cost[c] = total


@njit(cache=True)  # type: ignore[untyped-decorator]
def _charge_least(columns: Columns, charges: Charges, never_less: bool) -> tuple[Integers, Floats]:
    """Return the first column of least cost of each group, its charges counted, and that cost."""
    start, rung, spend = columns.start, columns.rung, columns.spend
    epochs, purses = rung.shape[1], spend.shape[1]
    place, cost = np.zeros(len(start) - 1, np.int64), np.zeros(len(start) - 1)
    for g in range(len(start) - 1):
        best, chosen = np.inf, start[g]
        for c in range(start[g], start[g + 1]):
            total, before = -columns.value[c], 0
            if never_less and total >= best:
                continue
            for t in range(epochs):
                k = rung[c, t]
                total += charges.rung[g, t, k]
                for q in range(purses):
                    total += charges.spend[g, q, t] * spend[c, q, t]
                if k != before:
                    total += charges.change[g, t]
                before = k
            if total < best:
                best, chosen = total, c
        place[g], cost[g] = chosen, best
    return place, cost


@njit(cache=True)  # type: ignore[untyped-decorator]
def _first_least(start: Integers, cost: Floats, place: Integers) -> None:
    """Write the first column of least cost of each group."""
    for g in range(len(start) - 1):
        place[g] = start[g] + np.argmin(cost[start[g] : start[g + 1]])
