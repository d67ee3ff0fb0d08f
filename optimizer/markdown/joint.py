r"""
Which columns to take, and how good that is at most: prices on the joint rows, then a small mixed-integer model.

With prices l_lt, m_t, f_ijt >= 0 on the joint rows of ``optimizer.markdown.problem`` every group is alone, and

    bound(l, m, f) = sum_g min_c (- value_c + what l, m, f charge c for) - l L - m B - f R

is at most the value of any plan, over all columns (Lagrange). The prices come from a linear model over a pool that
grows by the best column of each group at its prices and at prices half way to the best ones so far (Dantzig and Wolfe
1960; smoothing after Wentges 1997), so that after each round the bound is a true one. A mixed-integer model over the
pool, in which today's prices always stand, gives a plan. A column whose reduced cost exceeds plan minus bound is in no
better plan; the last model holds all others, so that its own bound is one over all columns, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.markdown.columns import Columns, charged, cheapest, least
from optimizer.markdown.model import JointRows, Prices, charges_of, markdown_model, usage
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
        Most rounds of pricing; without any the pool stands as it is given.
    gap : float
        Relative gap at which the search stops.
    nodes : int
        Branch-and-bound nodes of each mixed-integer model.
    most_taken : int
        Columns that the last mixed-integer model may hold; 0 leaves that model out.
    engine : str
        Name of the engine, see ``solvers.engines``.
    """

    rounds: int = 60
    gap: float = 2e-4
    nodes: int = 20
    most_taken: int = 40_000
    engine: str = "highs"


@dataclass(frozen=True)
class Relaxation:
    """
    The linear model over the pool that pricing over all columns left.

    Parameters
    ----------
    cost : float
        Of the linear model; ``bound`` is what no choice among all columns stays under.
    bound : float
    prices : Prices
        Those of the bound.
    pool : integer array
        Numbers of the columns in the model.
    share : array
        What the model takes of each of them.
    """

    cost: float
    bound: float
    prices: Prices
    pool: Integers
    share: Floats


@dataclass(frozen=True)
class Choice:
    """The column of each group (G,), its cost, a bound on every choice, the bound's prices, and what stopped it."""

    column: Integers
    cost: float
    bound: float
    prices: Prices
    limit: Limit


def relaxed(
    problem: MarkdownProblem, columns: Columns, rows: JointRows, settings: JointSettings, pool: Integers | None = None
) -> Relaxation:
    """Return the linear model with prices over all columns, from a pool of earlier ones where there is one."""
    best, cost = least(columns, -columns.value)
    prices, bound = rows.zero(), float(cost.sum())
    if keeps(problem, columns, rows, best):
        return Relaxation(bound, bound, prices, best, np.ones(len(best)))
    pool = np.unique(np.concatenate([columns.start[:-1], best, *([] if pool is None else [pool])]))
    share = np.zeros(0)
    for _ in range(settings.rounds):
        value, share, at = _linear(problem, columns, rows, pool, settings)
        fresh = [pool]
        for mix in (0.0, 0.5):
            trial = prices.mixed(at, mix)
            found, cost = cheapest(columns, charges_of(problem, trial))
            fresh.append(found)
            reached = float(cost.sum()) - trial.worth(rows)
            if reached > bound:
                prices, bound = trial, reached
        grown = np.unique(np.concatenate(fresh))
        if value - bound <= 0.2 * settings.gap * abs(value) or len(grown) == len(pool):
            break
        pool, share = grown, np.zeros(0)
    if len(share) != len(pool):
        value, share, at = _linear(problem, columns, rows, pool, settings)
        # Without pricing there is no better word on the rows than the pool's own.
        prices = prices if settings.rounds else at
    return Relaxation(value, min(bound, value), prices, pool, share)


def solve_joint(
    problem: MarkdownProblem, columns: Columns, rows: JointRows, settings: JointSettings, pool: Integers | None = None
) -> Choice:
    """Return one column per group that keeps the joint rows; see the module."""
    relaxation = relaxed(problem, columns, rows, settings, pool)
    prices, bound = relaxation.prices, relaxation.bound
    if len(relaxation.pool) == problem.groups:
        # The best column of each group alone.
        return Choice(relaxation.pool, relaxation.cost, bound, prices, "none")
    choice, cost, _, limit = _whole(problem, columns, rows, relaxation.pool, settings)
    if cost - bound > settings.gap * abs(cost) and settings.most_taken:
        price = charged(columns, charges_of(problem, prices))
        reduced = price - np.repeat(least(columns, price)[1], np.diff(columns.start))
        near = np.flatnonzero(reduced <= cost - bound + _TINY * abs(cost))
        complete = len(near) <= settings.most_taken
        if not complete:
            near = near[np.argsort(reduced[near], kind="stable")[: settings.most_taken]]
        wider = np.unique(np.concatenate([near, choice, columns.start[:-1]]))
        other, other_cost, other_bound, limit = _whole(problem, columns, rows, wider, settings)
        if other_cost < cost:
            choice, cost = other, other_cost
        if complete:
            bound = max(bound, min(other_bound, cost))
    return Choice(choice, cost, min(bound, cost), prices, limit)


def keeps(problem: MarkdownProblem, columns: Columns, rows: JointRows, choice: Integers) -> bool:
    """Return whether a choice keeps the joint rows."""
    return all(
        bool((used <= limit + _TINY * np.maximum(np.where(np.isfinite(limit), limit, 0.0), 1.0)).all())
        for used, limit in zip(usage(problem, columns, choice), vars(rows).values(), strict=True)
    )


def _linear(
    problem: MarkdownProblem, columns: Columns, rows: JointRows, pool: Integers, settings: JointSettings
) -> tuple[float, Floats, Prices]:
    """Return value, shares and prices of the linear model over the pool."""
    model = markdown_model(problem, columns, rows, pool, integer=False)
    outcome = solve(model, None, settings.engine)
    plan = outcome.required()
    if plan.row_prices is None:
        raise ValueError(f"engine {settings.engine} gives no prices of rows")
    found = []
    for name, limit in vars(rows).items():
        price = np.zeros_like(limit)
        if np.isfinite(limit).any():
            price[np.isfinite(limit)] = np.maximum(-plan.row_prices[model.family(name).members], 0.0)
        found.append(price)
    return outcome.objective, plan.values, Prices(*found)


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
        choice[columns.group[taken]] = taken
    if not keeps(problem, columns, rows, choice):
        choice = today.copy()
    return choice, -float(columns.value[choice].sum()), outcome.bound, outcome.limit
