"""What the prices next to the decided one would sell and earn, held until the exit, with bands over the paths."""

from __future__ import annotations

from typing import Any

import numpy as np

from optimizer.markdown.evaluation import Sales, sales_at
from optimizer.markdown.problem import Floats, Integers, MarkdownProblem

# The band in which four of five outcomes lie.
_BAND = (0.1, 0.9)


def rungs_beside(problem: MarkdownProblem, rung: Integers) -> tuple[Integers, Integers]:
    """Return the epoch of each line's first change, today's where there is none, and the rung it goes to, (N,)."""
    changed = np.diff(rung, axis=1, prepend=0) != 0
    first = np.where(changed.any(axis=1), changed.argmax(axis=1), 0)
    return first, rung[np.arange(problem.lines), first]


def neighbours(problem: MarkdownProblem, rung: Integers) -> list[list[dict[str, Any]]]:
    """
    Return for each line its rungs from the first to the last, each held from the first change to the exit.

    Each is a dictionary of ``rung``, ``beside`` (rungs from the decided one), ``sold`` and ``value`` (steps, minor
    units), with ``_low`` and ``_high`` ends of the band.

    Parameters
    ----------
    rung : integer array, shape (N, T)
    """
    first, decided = rungs_beside(problem, rung)
    most = problem.rungs[problem.group]
    found: list[list[dict[str, Any]]] = [[] for _ in range(problem.lines)]
    after = np.arange(problem.epochs)[None, :] >= first[:, None]
    for k in range(problem.price.shape[1]):
        held = np.where(after, np.minimum(k, most - 1)[:, None], 0)
        sold, value = _bands(problem, sales_at(problem, held))
        for n in np.flatnonzero(k < most):
            names = ("sold", "sold_low", "sold_high", "value", "value_low", "value_high")
            figures = dict(zip(names, (*sold[n], *value[n]), strict=True))
            found[n].append({"rung": k, "beside": int(k - decided[n]), **figures})
    return found


def stock_path(problem: MarkdownProblem, rung: Integers) -> tuple[Floats, Floats, Floats]:
    """Return the stock left at the end of each epoch on the decided path: mean and band, each of shape (N, T)."""
    sales = sales_at(problem, rung)
    left = (problem.stock[:, None] + problem.arrivals.cumsum(axis=1))[:, :, None] - sales.sold.cumsum(axis=1)
    flat = left.reshape(-1, left.shape[2])
    low, high = _quantiles(flat, problem.weight)
    shape = left.shape[:2]
    return left @ problem.weight, low.reshape(shape), high.reshape(shape)


def _bands(problem: MarkdownProblem, sales: Sales) -> tuple[Floats, Floats]:
    """Return mean and band of units and value of each line, shape (N, 3)."""
    units = sales.sold.sum(axis=1)
    return tuple(  # type: ignore[return-value]
        np.column_stack([part @ problem.weight, *_quantiles(part, problem.weight)]) for part in (units, sales.value)
    )


def _quantiles(values: Floats, weight: Floats) -> list[Floats]:
    """Return the quantiles of each row of values (N, S) under the weights: the first value that reaches the level."""
    order = np.argsort(values, axis=1, kind="stable")
    below = np.cumsum(weight[order], axis=1)
    place = [np.minimum((below < level - 1e-12).sum(axis=1), values.shape[1] - 1) for level in _BAND]
    ordered = np.take_along_axis(values, order, axis=1)
    return [ordered[np.arange(len(values)), at] for at in place]
