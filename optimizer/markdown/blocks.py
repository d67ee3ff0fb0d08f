r"""
Many places at once: blocks of places, tied by the prices of markdown budgets alone (Dantzig and Wolfe 1960).

Labels, families and the budget of a place lie inside a block; only budgets of the company and of categories cross
blocks. Each block b gets a share of them: what today's prices spend there, and of the rest as much as it would like
to. With its shares every block is a whole problem of its own, and as the shares add up to the budgets, so do the
plans. What that costs is told by a bound: with prices m_it >= 0 on those budgets i, each block without their rows gives

    v_b(m) = min over its columns of  cost + m spend        (linear model priced over all columns, a true bound)
    bound(m) = sum_b v_b(m) - m B

The first m is the mean of the own prices, at their shares, of the blocks a budget pays; the next ones come from a
master over the solutions so far, held in a box around the best m, which narrows (du Merle et al. 1999, Discrete
Mathematics 194).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from scipy.sparse import csgraph, csr_array

from optimizer.executor import RunAll
from optimizer.markdown.columns import Kept, all_columns, charged, kept, least
from optimizer.markdown.joint import Choice, JointSettings, relaxed, solve_joint
from optimizer.markdown.model import charges_of, joint_rows, spent
from optimizer.markdown.problem import Flags, Floats, Integers, MarkdownProblem
from solvers.engines import solve
from solvers.model import Bounds, Model, Triplets

# Prices tried after the first, and the half-width of the first box around the best of them, as a share.
_ROUNDS = 4
_WIDTH = 0.2


@dataclass(frozen=True)
class Block:
    """
    Some places and what is asked of them.

    Parameters
    ----------
    problem : MarkdownProblem
        Its ``budget`` is the block's share, UNLIMITED where a budget is priced.
    price : array, shape (B, T)
        What a minor unit of markdown is charged.
    pool : integer array
        Numbers of columns worth starting from.
    most_columns : int
    settings : JointSettings
    listed : Kept, optional
        The columns to decide from; ``pool`` are places among them then. None: all are listed.
    """

    problem: MarkdownProblem
    price: Floats
    pool: Integers
    most_columns: int
    settings: JointSettings
    listed: Kept | None = None


@dataclass(frozen=True)
class Priced:
    """A block's linear model: cost and spend (B, T) without charge, bound with it, budget prices (B, T), its pool.

    kept : of its columns those that a decision may need.
    """

    cost: float
    spend: Floats
    bound: float
    price: Floats
    pool: Integers
    kept: Kept


@dataclass(frozen=True)
class Decided:
    """A block's choice and its rungs (G, T), those of each group alone, its price paths, and the groups cut short."""

    choice: Choice
    rung: Integers
    alone: Integers
    columns: int
    cut_groups: int


def split(problem: MarkdownProblem, most_lines: int) -> list[Integers]:
    """Return places in blocks of about ``most_lines`` lines; places that share a group or family stay together."""
    places = len(problem.labels)
    first = np.zeros(problem.groups, np.int64)
    first[problem.group] = problem.place
    rows = np.concatenate([first[problem.group], problem.place[problem.families[:, 0]]])
    columns = np.concatenate([problem.place, problem.place[problem.families[:, 1]]])
    graph = csr_array((np.ones(len(rows)), (rows, columns)), shape=(places, places))
    _, part = csgraph.connected_components(graph, directed=False)
    size = np.bincount(part[problem.place], minlength=part.max(initial=0) + 1)
    block = (np.cumsum(size) - size) // max(most_lines, 1)
    return [np.flatnonzero(block[part] == b) for b in np.unique(block)]


def wishes(block: Block) -> tuple[Floats, Floats]:
    """Return the markdown (B, T) at today's prices, and that of the best column of each group alone with one change.

    Shares follow what blocks wish for; for that the first change tells enough, at a twentieth of the columns.
    """
    columns = all_columns(block.problem, 1)
    best, _ = least(columns, -columns.value)
    return spent(block.problem, columns, columns.start[:-1]), spent(block.problem, columns, best)


def priced(block: Block) -> Priced:
    """Return the block's linear model with its spend charged at the block's price."""
    columns = all_columns(block.problem, block.most_columns)
    rows = joint_rows(block.problem, columns)
    problem = block.problem
    charges = charges_of(problem, replace(rows.zero(), budget=block.price))
    taxed = columns._replace(value=-charged(columns, charges))
    found = relaxed(problem, taxed, rows, block.settings, block.pool)
    used = found.share > 0.0
    return Priced(
        cost=-float(columns.value[found.pool] @ found.share),
        spend=spent(problem, columns, found.pool, found.share),
        bound=found.bound,
        price=found.prices.budget,
        pool=found.pool[used],
        kept=kept(columns, found.pool[used]),
    )


def decided(block: Block) -> Decided:
    """Return the block's plan with its share of the budget, from its columns where they are at hand, else from all."""
    columns = all_columns(block.problem, block.most_columns) if block.listed is None else block.listed.columns
    choice = solve_joint(block.problem, columns, joint_rows(block.problem, columns), block.settings, block.pool)
    most = np.minimum(block.problem.rules.most_changes, block.problem.epochs)
    free, _ = least(columns, -columns.value)
    cut = int((columns.most_changes < most).sum())
    rung, alone = (columns.rung[chosen].astype(np.int64) for chosen in (choice.column, free))
    total = len(columns.value) if block.listed is None else block.listed.total
    return Decided(choice, rung, alone, total, cut)


@dataclass(frozen=True)
class Coordination:
    """The blocks with their shares and pools, prices (B, T) of the budgets that cross them, and the bound over all."""

    blocks: list[Block]
    price: Floats
    bound: float


def crossing(blocks: list[Block]) -> Flags:
    """Return which budgets pay lines of several blocks, shape (B,)."""
    return np.asarray(np.sum([block.problem.paid.any(axis=1) for block in blocks], axis=0) > 1)


def coordinate(blocks: list[Block], budget: Floats, gap: float, run_all: RunAll) -> Coordination:
    """
    Return how the blocks share the budgets, and a bound on all of them.

    Parameters
    ----------
    budget : array, shape (B, T)
        UNLIMITED where there is none.
    gap : float
        Relative distance of the shares' cost from the bound at which to stop.
    """
    wished = run_all(wishes, blocks)
    today, free = (np.array(part) for part in zip(*wished, strict=True))
    budget = np.maximum(budget, today.sum(axis=0))
    across = crossing(blocks)
    shares = np.where(across[:, None], _shares(budget, free, today), budget)
    blocks = [_with(block, share=share) for block, share in zip(blocks, shares, strict=True)]
    shared = run_all(priced, blocks)
    history, cost = [shared], sum(part.cost for part in shared)
    payers = np.sum([block.problem.paid.any(axis=1) for block in blocks], axis=0)
    trial = sum(part.price for part in shared) / np.maximum(payers, 1)[:, None] * across[:, None]
    price, bound = np.zeros_like(budget), -np.inf
    unlimited = np.where(across[:, None], np.inf, budget)
    budget = np.where(across[:, None], budget, np.inf)
    for turn in range(_ROUNDS):
        blocks = _grown(blocks, history[-1])
        history.append(run_all(priced, [_with(block, share=unlimited, price=trial) for block in blocks]))
        reached = sum(part.bound for part in history[-1]) - float(trial[trial > 0.0] @ budget[trial > 0.0])
        if reached > bound:
            price, bound = trial, reached
        if cost - bound <= gap * abs(cost):
            break
        trial = _next_price(history, budget, price, _WIDTH * 0.5**turn)
    blocks = [_to_decide(block, turns) for block, *turns in zip(_grown(blocks, history[-1]), *history, strict=True)]
    return Coordination(blocks, price, bound)


def _to_decide(block: Block, turns: list[Priced]) -> Block:
    """Return the block with the columns its turns took.

    What a block proves of its own share says nothing of the whole: it need not price again, nor list all columns.
    """
    listed = reduce(Kept.and_also, [turn.kept for turn in turns])
    settings = replace(block.settings, rounds=0, most_taken=0)
    return replace(block, settings=settings, listed=listed, pool=np.searchsorted(listed.number, block.pool))


def _with(block: Block, share: Floats, price: Floats | None = None) -> Block:
    """Return the block with a share of the budget, and a price on it."""
    problem = replace(block.problem, budget=share)
    return replace(block, problem=problem, price=np.zeros_like(share) if price is None else price)


def _grown(blocks: list[Block], turn: list[Priced]) -> list[Block]:
    """Return the blocks with the columns that a turn took in their pools."""
    return [
        replace(block, pool=np.unique(np.concatenate([block.pool, part.pool])))
        for block, part in zip(blocks, turn, strict=True)
    ]


def _shares(budget: Floats, free: Floats, today: Floats) -> Floats:
    """Return shares (block, B, T): what today's prices spend, and of the rest as much as each would like to spend."""
    wanted = np.maximum(free - today, 0.0)
    total = wanted.sum(axis=0)
    part = np.where(total > 0.0, wanted / np.where(total > 0.0, total, 1.0), 1.0 / len(free))
    rest = np.where(np.isfinite(budget), budget - today.sum(axis=0), 0.0)
    return np.where(np.isfinite(budget), today + part * rest, np.inf)


def _next_price(history: list[list[Priced]], budget: Floats, best: Floats, width: float) -> Floats:
    """
    Return the budget prices of the best mix of the blocks' solutions, where budget is bought and sold near ``best``.

    Variables
        mix[r, b]  share of block b's solution of turn r;  of each budget i and week t
        buy[i, t] at (1 + width) m_it, sell[i, t] at (1 - width) m_it
    Model
        min  sum cost_rb mix_rb + sum (1 + width) m_it buy_it - sum (1 - width) m_it sell_it
        s.t. sum_r mix_rb = 1                                         (mix)
             sum spend_rbit mix_rb - buy_it + sell_it <= B_it         (budget)
    """
    turns, blocks = len(history), len(history[0])
    turn, block = (part.ravel() for part in np.indices((turns, blocks)))
    parts = [history[r][b] for r, b in zip(turn, block, strict=True)]
    rows = np.nonzero(np.isfinite(budget))
    limited = np.arange(len(rows[0]))
    floor = max(float(best.max()), 1e-6) * 0.1
    model = Model()
    model.add_variables(
        "mix", {"turn": turn, "block": block}, np.array([part.cost for part in parts]), Bounds(0.0, 1.0, False)
    )
    model.add_variables(
        "buy", {"row": limited}, (1.0 + width) * np.maximum(best[rows], floor), Bounds(0.0, np.inf, False)
    )
    model.add_variables("sell", {"row": limited}, -(1.0 - width) * best[rows], Bounds(0.0, np.inf, False))
    count = np.arange(len(parts))
    model.add_rows("whole", {"block": np.arange(blocks)}, Triplets(block, count, np.ones(len(parts))), 1.0, 1.0)
    spend = np.array([part.spend[rows] for part in parts])
    taken, row = np.nonzero(spend)
    trade, number = np.tile(limited, 2), len(parts) + np.arange(2 * len(limited))
    entries = Triplets(
        np.concatenate([row, trade]),
        np.concatenate([taken, number]),
        np.concatenate([spend[taken, row], np.repeat([-1.0, 1.0], len(limited))]),
    )
    model.add_rows("budget", {"row": limited}, entries, -np.inf, budget[rows])
    sealed = model.seal()
    plan = solve(sealed).required()
    assert plan.row_prices is not None
    price = np.zeros_like(budget)
    price[rows] = np.maximum(-plan.row_prices[sealed.family("budget").members], 0.0)
    return price
