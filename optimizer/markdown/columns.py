"""All price paths of all lines that keep the lines' rules, each evaluated exactly on the demand paths (compiled)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from optimizer.markdown.problem import FREE, Flags, Floats, Integers, MarkdownProblem

Rungs = npt.NDArray[np.int8]


class Columns(NamedTuple):
    """
    Columns of all lines one after the other; those of line n stand at start[n]:start[n + 1], today's price first.

    ``rung`` (C, T), ``value`` (C,) minor units, ``spend`` (C, T) minor units, ``sold`` (C,) steps; see
    ``optimizer.markdown.problem`` for their meaning. ``most_changes`` (N,) is what the lines were listed with.
    """

    start: Integers
    rung: Rungs
    value: Floats
    spend: Floats
    sold: Floats
    most_changes: Integers

    @property
    def line(self) -> Integers:
        """Line of each column, shape (C,)."""
        return np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))

    def changes(self, chosen: Integers | slice) -> Flags:
        """Return where the chosen columns change the price, shape (chosen, T)."""
        rung = self.rung[chosen]
        return np.asarray(np.diff(rung, axis=1, prepend=0) != 0)


class _Lines(NamedTuple):
    """What the kernel reads of a problem."""

    demand: npt.NDArray[np.int32]
    weight: Floats
    price: Floats
    rungs: Integers
    regular: Floats
    salvage: Floats
    stock: Floats
    arrivals: Floats
    allowed: Flags
    can_change: Flags
    days_between: Integers
    days_since: Integers
    epochs: Integers
    fixed: Integers
    starts: Integers


def all_columns(problem: MarkdownProblem, most: int) -> Columns:
    """
    Return every price path of every line.

    A line with more than ``most`` of them is listed with fewer changes than its rules allow, the most that fit, at
    least one.
    """
    lines = _lines(problem)
    changes = np.minimum(problem.rules.most_changes, problem.epochs).astype(np.int64)
    nothing = _room(0, problem.epochs)
    count = [int(_walk(lines, n, changes[n], 0, nothing)) for n in range(problem.lines)]
    for n in range(problem.lines):
        while count[n] > most and changes[n] > 1:
            changes[n] -= 1
            count[n] = int(_walk(lines, n, changes[n], 0, nothing))
    start = np.cumsum([0, *count], dtype=np.int64)
    room = _room(int(start[-1]), problem.epochs)
    for n in range(problem.lines):
        _walk(lines, n, changes[n], int(start[n]), room)
    return Columns(start, *room, changes)


def _lines(problem: MarkdownProblem) -> _Lines:
    rules = problem.rules
    return _Lines(
        np.ascontiguousarray(problem.demand, dtype=np.int32),
        problem.weight,
        problem.price,
        problem.rungs,
        problem.regular,
        problem.salvage,
        problem.stock,
        problem.arrivals,
        rules.allowed,
        rules.can_change,
        rules.days_between,
        rules.days_since,
        rules.epochs,
        rules.fixed,
        problem.starts,
    )


def _room(columns: int, epochs: int) -> tuple[Rungs, Floats, Floats, Floats]:
    """Return space for that many columns."""
    return np.zeros((columns, epochs), np.int8), np.zeros(columns), np.zeros((columns, epochs)), np.zeros(columns)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _may(lines: _Lines, n: int, t: int, step: tuple[int, int], done: tuple[int, int, int]) -> bool:
    """Tell whether the price of line n may go from rung step[0] to step[1] at epoch t after the changes done."""
    before, rung = step
    changes, last, most = done
    if t == 0 and lines.fixed[n] != FREE:
        return bool(rung == lines.fixed[n])
    if rung == before:
        return True
    if t >= lines.epochs[n] or changes >= most or not lines.can_change[n, t] or not lines.allowed[n, before, rung]:
        return False
    return bool(lines.starts[t] - last >= lines.days_between[n])


@njit(cache=True)  # type: ignore[untyped-decorator]
def _walk(lines: _Lines, n: int, most: int, at: int, room: tuple[Rungs, Floats, Floats, Floats]) -> int:
    """
    Go through the tree of price paths of line n, depth first; return how many there are.

    Where there is room, write them from place ``at`` on; what is left of the stock is kept per depth, so that paths
    with a common beginning share its evaluation.
    """
    rungs, value, spend, sold = room
    fill = len(value) > 0
    epochs, paths = len(lines.starts), len(lines.weight)
    left = np.zeros((epochs + 1, paths))
    # By depth: money earned, steps sold, markdown of the epoch, salvage of what is left.
    money = np.zeros((epochs + 1, 4))
    # By depth: rung, changes before it, day of the last one.
    state = np.zeros((epochs + 1, 3), np.int64)
    state[0, 0], state[0, 2] = -1, -lines.days_since[n]
    for s in range(paths):
        left[0, s] = lines.stock[n]
    # Not a literal, which would be compiled a second time.
    count, t = 0, np.int64(0)
    while t >= 0:
        before = 0 if t == 0 else state[t - 1, 0]
        k = max(state[t, 0] + 1, before)
        while k < lines.rungs[n] and not _may(lines, n, t, (before, k), (state[t, 1], state[t, 2], most)):
            k += 1
        state[t, 0] = k
        if k >= lines.rungs[n]:
            t -= 1
            continue
        if fill:
            _sell(lines, n, t, k, left, money)
        if t + 1 < epochs:
            state[t + 1, 0] = -1
            state[t + 1, 1] = state[t, 1] + (1 if k != before else 0)
            state[t + 1, 2] = state[t, 2] if k == before else lines.starts[t]
            t += 1
            continue
        if fill:
            for e in range(epochs):
                rungs[at + count, e] = state[e, 0]
                spend[at + count, e] = money[e, 2]
            value[at + count] = money[epochs, 0] + money[epochs, 3]
            sold[at + count] = money[epochs, 1]
        count += 1
    return count


@njit(cache=True)  # type: ignore[untyped-decorator]
def _sell(lines: _Lines, n: int, t: int, k: int, left: Floats, money: Floats) -> None:
    """Sell at rung k in epoch t on every path, from the stock left at depth t to that at depth t + 1."""
    units, rest = 0.0, 0.0
    for s in range(len(lines.weight)):
        have = left[t, s] + lines.arrivals[n, t]
        out = min(have, float(lines.demand[n, k, t, s]))
        left[t + 1, s] = have - out
        units += lines.weight[s] * out
        rest += lines.weight[s] * (have - out)
    money[t + 1, 0] = money[t, 0] + lines.price[n, k] * units
    money[t + 1, 1] = money[t, 1] + units
    money[t, 2] = max(lines.regular[n] - lines.price[n, k], 0.0) * units
    money[t + 1, 3] = lines.salvage[n] * rest
