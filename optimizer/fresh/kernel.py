"""What a policy earns for a line of short life on every path; compiled. The mathematics stand in `problem`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from optimizer.fresh.problem import FREE, Flags, Floats, FreshProblem, Integers


class Line(NamedTuple):
    """What the kernel reads of one line; names as in `FreshProblem`."""

    demand: Integers
    on_hand: Floats
    receipts: Floats
    can_order: Flags
    price: Floats
    lead: int
    pack: int
    minimum: int
    life: int
    near: int
    money: tuple[float, float, float, float, float]


class Policy(NamedTuple):
    """Today's order and rung, FREE where the later rules give them; level, and rung, lives and stock of a sticker."""

    order: int
    rung: int
    level: int
    later_rung: int
    later_near: int
    more_than: float


# Columns of what `outcomes` returns.
VALUE, NEAR_SOLD, EXPIRED, ORDERED, WANTED = range(5)


def line_of(problem: FreshProblem, n: int) -> Line:
    """Return one line of a problem."""
    return Line(
        np.ascontiguousarray(problem.demand[n], np.int64),
        problem.on_hand[n],
        problem.receipts[n],
        problem.can_order[n],
        problem.price[n],
        int(problem.lead[n]),
        int(problem.pack[n]),
        int(problem.minimum[n]),
        int(problem.life[n]),
        int(problem.near[n]),
        (
            float(problem.cost[n]),
            float(problem.salvage[n]),
            float(problem.holding[n]),
            float(problem.goodwill[n]),
            float(problem.order_cost[n]),
        ),
    )


def outcomes(line: Line, policy: Policy) -> Floats:
    """Return money, near steps sold today, steps expired, steps ordered and wanted today on each path, shape (S, 5)."""
    found = np.zeros((line.demand.shape[1], 5))
    _all_paths(line, policy, found)
    return found


@njit(cache=True)  # type: ignore[untyped-decorator]
def _all_paths(line: Line, policy: Policy, found: Floats) -> None:
    """Go through the periods of every path."""
    periods, lives = line.receipts.shape
    cost, salvage, holding, goodwill, order_cost = line.money
    coming = np.zeros(periods)
    stock = np.zeros(lives)
    for s in range(len(found)):
        stock[:] = line.on_hand
        coming[:] = 0.0
        value, expired = 0.0, 0.0
        for t in range(periods):
            stock += line.receipts[t]
            ordered = _ordered(line, policy, t, stock, coming)
            if ordered > 0.0 and t + line.lead < periods:
                coming[t + line.lead] += ordered
                value -= order_cost + cost * ordered
            stock[line.life] += coming[t]
            rung, near = _sticker(line, policy, t, stock)
            usual, moved = line.demand[0, s, t], line.demand[rung, s, t]
            sold, other, wanted = _sell(stock, near, usual, moved)
            value += line.price[rung] * sold + line.price[0] * other
            value -= goodwill * max(usual - sold - other, 0.0)
            if t == 0:
                found[s, NEAR_SOLD], found[s, ORDERED], found[s, WANTED] = sold, ordered, wanted
            value -= holding * stock.sum()
            if t + 1 < periods:
                value += salvage * (stock[0] if lives > 1 else 0.0)
                expired += _grow_older(stock)
        # What is left sells later at what it cost, but for units that are about to go.
        left = stock[: line.near].sum() if lives > 1 else 0.0
        found[s, VALUE] = value + cost * (stock.sum() - left) + salvage * left
        found[s, EXPIRED] = expired


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def _ordered(line: Line, policy: Policy, t: int, stock: Floats, coming: Floats) -> float:
    """Return the steps ordered in a period: today's where given, else up to the level."""
    if not line.can_order[t]:
        return 0.0
    if t == 0 and policy.order != FREE:
        return float(policy.order)
    position = stock.sum() + coming[t:].sum() + line.receipts[t + 1 :].sum()
    if position >= policy.level:
        return 0.0
    packs = np.ceil((policy.level - position) / line.pack)
    return float(max(packs * line.pack, line.minimum))


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def _sticker(line: Line, policy: Policy, t: int, stock: Floats) -> tuple[int, int]:
    """Return the rung of the near units of a period, and how many lives they have."""
    lives = len(stock)
    if lives == 1:
        return 0, 0
    if t == 0 and policy.rung != FREE:
        return policy.rung, min(line.near, lives - 1)
    near = min(policy.later_near, lives - 1)
    if policy.later_rung > 0 and stock[:near].sum() > policy.more_than:
        return policy.later_rung, near
    return 0, near


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def _sell(stock: Floats, near: int, usual: int, moved: int) -> tuple[float, float, float]:
    """Take what is sold out of the stock; return near steps sold, others sold, and steps wanted."""
    there = stock[:near].sum()
    if there <= 0.0:
        moved = usual
    sold = min(float(moved), there)
    # Of those who find no near unit, as many as the usual price does not keep away: all where it is asked anyway.
    rest = np.floor(usual * (moved - sold) / moved + 0.5) if moved > 0 else 0.0
    other = min(rest, stock[near:].sum())
    _take(stock, 0, sold)
    _take(stock, near, other)
    return sold, other, sold + rest


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def _take(stock: Floats, first: int, quantity: float) -> None:
    """Take a quantity, the soonest to expire first, from lives ``first`` and longer."""
    for a in range(first, len(stock)):
        taken = min(stock[a], quantity)
        stock[a] -= taken
        quantity -= taken


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def _grow_older(stock: Floats) -> float:
    """Move the stock one life on; return what expires. The last place keeps what is there."""
    lives = len(stock)
    if lives == 1:
        return 0.0
    gone = stock[0]
    for a in range(lives - 2):
        stock[a] = stock[a + 1]
    stock[lives - 2] = 0.0
    return float(gone)
