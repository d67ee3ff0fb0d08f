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
    epochs = len(lines.starts)
    paths = len(lines.weight)
    left = np.zeros((epochs + 1, paths))
    left[0, :] = lines.stock[n]
    earned, moved = np.zeros(epochs + 1), np.zeros(epochs + 1)
    spent = np.zeros(epochs)
    rung = np.full(epochs + 1, -1)
    changes, last = np.zeros(epochs + 1, np.int64), np.full(epochs + 1, -lines.days_since[n])
    count, t = 0, 0
    while t >= 0:
        before = 0 if t == 0 else rung[t - 1]
        k = max(rung[t] + 1, before)
        while k < lines.rungs[n] and not _may(lines, n, t, (before, k), (changes[t], last[t], most)):
            k += 1
        if k >= lines.rungs[n]:
            rung[t] = -1
            t -= 1
            continue
        rung[t] = k
        changes[t + 1] = changes[t] + (k != before)
        last[t + 1] = last[t] if k == before else lines.starts[t]
        if fill:
            units = 0.0
            for s in range(paths):
                have = left[t, s] + lines.arrivals[n, t]
                out = min(have, float(lines.demand[n, k, t, s]))
                left[t + 1, s] = have - out
                units += lines.weight[s] * out
            moved[t + 1] = moved[t] + units
            earned[t + 1] = earned[t] + lines.price[n, k] * units
            spent[t] = max(lines.regular[n] - lines.price[n, k], 0.0) * units
        if t + 1 < epochs:
            t += 1
            continue
        if fill:
            rungs[at + count, :] = rung[:epochs]
            value[at + count] = earned[epochs] + lines.salvage[n] * np.dot(lines.weight, left[epochs])
            spend[at + count, :] = spent
            sold[at + count] = moved[epochs]
        count += 1
    return count
