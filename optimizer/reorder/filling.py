"""Fill a group of lines up to its joint minimum at least cost, within budget and capacity rows (compiled)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optimizer.reorder.lines import Array, compiled

_SLACK = 1e-12
_MOVES = 100
_WORTHWHILE = 1e-9


class Fillable(NamedTuple):
    """Columns of N lines and what a step of each takes; the budget is the last slot of R.

    Attributes
    ----------
    start, quantity, cost : as in `columns.Columns`; the cost may hold the prices of other rules.
    weight : what one step adds to the minimum of its group, shape (N,).
    row, use : row of each slot, the place behind the last one for none, and what one step takes, shape (N, R).
    """

    start: Array
    quantity: Array
    cost: Array
    weight: Array
    row: Array
    use: Array


@compiled
def _fits(lines: Fillable, n: int, step: float, room: Array) -> bool:
    for slot in range(lines.row.shape[1]):
        if step > 0.0 and step * lines.use[n, slot] > max(room[lines.row[n, slot]], 0.0):
            return False
    return True


@compiled
def _move(lines: Fillable, move: tuple[int, int], column: Array, room: Array) -> float:
    """Move line n to column k, take what it needs out of `room`, and give the weight it adds."""
    n, k = move
    step = lines.quantity[k] - lines.quantity[column[n]]
    for slot in range(lines.row.shape[1]):
        room[lines.row[n, slot]] -= step * lines.use[n, slot]
    column[n] = k
    return float(lines.weight[n] * step)


@compiled
def fill(lines: Fillable, members: Array, minimum: float, column: Array, room: Array) -> bool:
    """Raise the columns (N,) of the `members` until their weight is `minimum`; in place, `room` (P + 2,) as well.

    The move with the least cost per weight that is still missing comes first; then lines move to cheaper columns as
    long as the minimum stays reached. False where room is lacking.
    """
    weight = 0.0
    for n in members:
        weight += lines.weight[n] * lines.quantity[column[n]]
    while weight < minimum * (1.0 - _SLACK):
        move = _cheapest_weight(lines, members, minimum - weight, column, room)
        if move[0] < 0:
            return False
        weight += _move(lines, move, column, room)
    for _ in range(_MOVES):
        move = _best_saving(lines, members, weight - minimum * (1.0 - _SLACK), column, room)
        if move[0] < 0:
            break
        weight += _move(lines, move, column, room)
    return True


@compiled
def _cheapest_weight(lines: Fillable, members: Array, missing: float, column: Array, room: Array) -> tuple[int, int]:
    """Line and column with the least cost per weight of what is missing, a line below 0 for none."""
    best, line, place = np.inf, -1, -1
    for n in members:
        now = column[n]
        if lines.weight[n] <= 0.0:
            continue
        for k in range(now + 1, lines.start[n + 1]):
            step = lines.quantity[k] - lines.quantity[now]
            if not _fits(lines, n, step, room):
                break
            ratio = (lines.cost[k] - lines.cost[now]) / min(lines.weight[n] * step, missing)
            if ratio < best:
                best, line, place = ratio, n, k
    return line, place


@compiled
def _best_saving(lines: Fillable, members: Array, spare: float, column: Array, room: Array) -> tuple[int, int]:
    """Line and column that save most and take no more than the `spare` weight, a line below 0 for none."""
    best, line, place = -_WORTHWHILE, -1, -1
    for n in members:
        now = column[n]
        for k in range(lines.start[n], lines.start[n + 1]):
            step = lines.quantity[k] - lines.quantity[now]
            saved = lines.cost[k] - lines.cost[now]
            if saved < best and -step * lines.weight[n] <= spare and _fits(lines, n, step, room):
                best, line, place = saved, n, k
    return line, place
