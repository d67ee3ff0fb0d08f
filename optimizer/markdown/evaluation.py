"""What price paths sell and earn, line by line on every demand path: the plain reading of the problem."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optimizer.markdown.problem import Floats, Integers, MarkdownProblem


class Sales(NamedTuple):
    """
    Sales of N lines at a price path each.

    Parameters
    ----------
    sold : array, shape (N, T, S)
        Steps.
    value : array, shape (N, S)
        Revenue and salvage on each path, minor units, before any charge for missing a target.
    spend : array, shape (N, T)
        Expected markdown, minor units.
    short : array, shape (N,)
        Steps by which the expected sales stay under the target.
    """

    sold: Floats
    value: Floats
    spend: Floats
    short: Floats

    def worth(self, problem: MarkdownProblem) -> Floats:
        """Return the expected value of each line less its charge, shape (N,)."""
        return np.asarray(self.value @ problem.value_weight - problem.short_cost * self.short)


def sales_at(problem: MarkdownProblem, rung: Integers) -> Sales:
    """
    Return what the lines sell when line n stands at rung[n, t] in epoch t.

    Parameters
    ----------
    rung : integer array, shape (N, T)
    """
    lines, paths = np.arange(problem.lines), len(problem.weight)
    left = np.repeat(problem.stock[:, None], paths, axis=1)
    sold = np.zeros((problem.lines, problem.epochs, paths))
    value, spend = np.zeros((problem.lines, paths)), np.zeros((problem.lines, problem.epochs))
    for t in range(problem.epochs):
        left = left + problem.arrivals[:, t : t + 1]
        sold[:, t] = np.minimum(left, problem.demand[lines, rung[:, t], t])
        left = left - sold[:, t]
        price = problem.asked[lines, rung[:, t], t]
        value += price[:, None] * sold[:, t]
        spend[:, t] = np.maximum(problem.counted_from[:, t] - price, 0.0) * (sold[:, t] @ problem.weight)
    value += problem.salvage[:, None] * left
    short = np.maximum(problem.target - sold.sum(axis=1) @ problem.weight, 0.0)
    return Sales(sold, value, spend, short)
