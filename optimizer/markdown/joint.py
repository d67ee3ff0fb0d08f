r"""
Which columns to take, and how good that is at most: prices on labels and budget, then a small mixed-integer model.

With prices l_lt, m_t >= 0 on the joint rows of ``optimizer.markdown.problem`` every line is alone, and

    bound(l, m) = sum_n min_c (- value_c + sum_t l_place,t change_ct + sum_t m_t spend_ct) - l L - m B

is at most the value of any plan, over all columns (Lagrange). The prices come from a linear model over a pool that
grows by the best column of each line at its prices and at prices half way to the best ones so far (Dantzig and Wolfe
1960; smoothing after Wentges 1997), so that after each round the bound is a true one. A mixed-integer model over the
pool, in which today's prices always stand, gives a plan. A column whose reduced cost exceeds plan minus bound is in no
better plan; the last model holds all others, so that its own bound is one over all columns, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.markdown.columns import Columns
from optimizer.markdown.model import JointRows, markdown_model
from optimizer.markdown.problem import Floats, Integers, MarkdownProblem
from solvers.engines import solve
from solvers.outcome import Limit, Limits

_TINY = 1e-9


@dataclass(frozen=True)
class JointSettings:
    """
    How much work the joint step may do.

    Parameters
    ----------
    rounds : int
        Most rounds of pricing.
    gap : float
        Relative gap at which the search stops.
    nodes : int
        Branch-and-bound nodes of each mixed-integer model.
    most_taken : int
        Columns that the mixed-integer model may hold.
    engine : str
        Name of the engine, see ``solvers.engines``.
    """

    rounds: int = 60
    gap: float = 1e-4
    nodes: int = 200
    most_taken: int = 40_000
    engine: str = "highs"


@dataclass(frozen=True)
class Prices:
    """Prices on the joint rows and the bound they give; ``labels`` (L, T), ``budget`` (T,), minor units."""

    labels: Floats
    budget: Floats
    bound: float


@dataclass(frozen=True)
class Choice:
    """The column of each line (N,), its cost, a bound on every choice, the prices, and how many columns stood last."""

    column: Integers
    cost: float
    bound: float
    prices: Prices
    taken: int
    limit: Limit


def solve_joint(problem: MarkdownProblem, columns: Columns, rows: JointRows, settings: JointSettings) -> Choice:
    """Return one column per line that keeps the joint rows; see the module."""
    no_price = _priced(problem, columns, rows, np.zeros_like(rows.labels), np.zeros_like(rows.budget))
    best = _best_columns(columns, -columns.value)
    if _keeps(problem, columns, rows, best):
        return Choice(best, -float(columns.value[best].sum()), no_price.bound, no_price, len(best), "none")
    pool = np.unique(np.concatenate([columns.start[:-1], best]))
    prices, pool = _dual(problem, columns, rows, (no_price, pool), settings)
    choice, cost, _, limit = _whole(problem, columns, rows, pool, settings)
    bound, taken = prices.bound, len(pool)
    if cost - bound > settings.gap * abs(cost):
        reduced = _reduced(problem, columns, prices)
        near = np.flatnonzero(reduced <= cost - bound + _TINY * abs(cost))
        complete = len(near) <= settings.most_taken
        if not complete:
            near = near[np.argsort(reduced[near], kind="stable")[: settings.most_taken]]
        wider = np.unique(np.concatenate([near, choice]))
        other, other_cost, other_bound, limit = _whole(problem, columns, rows, wider, settings)
        taken = len(wider)
        if other_cost < cost:
            choice, cost = other, other_cost
        if complete:
            bound = max(bound, min(other_bound, cost))
    return Choice(choice, cost, min(bound, cost), prices, taken, limit)


def _best_columns(columns: Columns, cost: Floats) -> Integers:
    """Return the first column of least cost of each line."""
    least = np.minimum.reduceat(cost, columns.start[:-1])
    place = np.where(cost == np.repeat(least, np.diff(columns.start)), np.arange(len(cost)), len(cost))
    return np.asarray(np.minimum.reduceat(place, columns.start[:-1]), dtype=np.int64)


def _charged(problem: MarkdownProblem, columns: Columns, labels: Floats, budget: Floats) -> Floats:
    """Return the cost of each column with what it uses at the given prices."""
    cost = columns.spend @ budget - columns.value
    before = np.zeros(len(cost), dtype=columns.rung.dtype)
    line_place = problem.place[columns.line]
    for t in range(problem.epochs):
        now = columns.rung[:, t]
        if labels[:, t].any():
            cost += np.where(now != before, labels[line_place, t], 0.0)
        before = now
    return cost


def _priced(problem: MarkdownProblem, columns: Columns, rows: JointRows, labels: Floats, budget: Floats) -> Prices:
    """Return the prices with their bound."""
    cost = _charged(problem, columns, labels, budget)
    bound = float(np.minimum.reduceat(cost, columns.start[:-1]).sum()) - _worth(rows, labels, budget)
    return Prices(labels, budget, bound)


def _worth(rows: JointRows, labels: Floats, budget: Floats) -> float:
    """Return what the right-hand sides are worth at the prices."""
    parts = ((labels, rows.labels), (budget, rows.budget))
    return sum(float((price[price > 0.0] * limit[price > 0.0]).sum()) for price, limit in parts)


def _reduced(problem: MarkdownProblem, columns: Columns, prices: Prices) -> Floats:
    """Return by how much each column exceeds the best of its line at the prices."""
    cost = _charged(problem, columns, prices.labels, prices.budget)
    least = np.minimum.reduceat(cost, columns.start[:-1])
    return np.asarray(cost - np.repeat(least, np.diff(columns.start)))


def _keeps(problem: MarkdownProblem, columns: Columns, rows: JointRows, choice: Integers) -> bool:
    """Return whether a choice keeps the joint rows."""
    used = np.zeros_like(rows.labels)
    np.add.at(used, problem.place, columns.changes(choice))
    spent = columns.spend[choice].sum(axis=0)
    slack = _TINY * np.maximum(np.where(np.isfinite(rows.budget), rows.budget, 0.0), 1.0)
    return bool((used <= rows.labels).all() and (spent <= rows.budget + slack).all())


def _dual(
    problem: MarkdownProblem,
    columns: Columns,
    rows: JointRows,
    start: tuple[Prices, Integers],
    settings: JointSettings,
) -> tuple[Prices, Integers]:
    """Return the best prices found and the pool of columns that led there."""
    best, pool = start
    for _ in range(settings.rounds):
        value, labels, budget = _relaxed(problem, columns, rows, pool, settings)
        fresh = [pool]
        for mix in (0.0, 0.5):
            trial = (mix * best.labels + (1.0 - mix) * labels, mix * best.budget + (1.0 - mix) * budget)
            cost = _charged(problem, columns, *trial)
            bound = float(np.minimum.reduceat(cost, columns.start[:-1]).sum()) - _worth(rows, *trial)
            fresh.append(_best_columns(columns, cost))
            if bound > best.bound:
                best = Prices(*trial, bound)
        grown = np.unique(np.concatenate(fresh))
        if value - best.bound <= 0.1 * settings.gap * abs(value) or len(grown) == len(pool):
            break
        pool = grown
    return best, pool


def _relaxed(
    problem: MarkdownProblem, columns: Columns, rows: JointRows, pool: Integers, settings: JointSettings
) -> tuple[float, Floats, Floats]:
    """Return value and prices of the linear model over the pool."""
    model = markdown_model(problem, columns, rows, pool, integer=False)
    outcome = solve(model, None, settings.engine)
    prices = outcome.required().row_prices
    if prices is None:
        raise ValueError(f"engine {settings.engine} gives no prices of rows")
    labels, budget = np.zeros_like(rows.labels), np.zeros_like(rows.budget)
    for target, name, limit in ((labels, "labels", rows.labels), (budget, "budget", rows.budget)):
        target[np.isfinite(limit)] = np.maximum(-prices[model.family(name).members], 0.0)
    return outcome.objective, labels, budget


def _whole(
    problem: MarkdownProblem, columns: Columns, rows: JointRows, pool: Integers, settings: JointSettings
) -> tuple[Integers, float, float, Limit]:
    """Return the best choice of whole columns from the pool, its cost, its bound, and what stopped the search."""
    model = markdown_model(problem, columns, rows, pool, integer=True)
    outcome = solve(model, Limits(nodes=settings.nodes, gap=0.3 * settings.gap), settings.engine)
    today = columns.start[:-1]
    choice = today.copy()
    if outcome.plan is not None:
        taken = pool[outcome.plan.values > 0.5]
        choice[columns.line[taken]] = taken
    if not _keeps(problem, columns, rows, choice):
        choice = today.copy()
    return choice, -float(columns.value[choice].sum()), outcome.bound, outcome.limit
