"""
Sell fresh goods day after day: orders and stickers decided together against the usual ways to decide them apart.

    python -m benchmarks.fresh_seasons [SEEDS]

In each season 12 lines with lives of 2 to 5 days are ordered every day or every second day for 28 days. Rates and
dispersion are known to all ways, the elasticity only with an error of 20 %. All ways meet the same customers: the same
uniforms give a line's demand at every price. Ways:

    no sticker             the best level without stickers
    order, then schedule   that level, 30 % off on the last day whatever is left
    order, then markdown   that level, and every day the best sticker for what is there
    together               `optimizer.fresh`: order and sticker decided in one evaluation
    known                  together, with the true elasticity; nobody can

Appends to benchmarks/records.csv; nothing gates.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import nbinom

from benchmarks.records import tell_gains
from optimizer.fresh.decide import decide_fresh
from optimizer.fresh.kernel import ORDERED, Policy, line_of, outcomes
from optimizer.fresh.problem import FREE, FreshProblem

SEEDS = 20
LINES, DAYS, AHEAD, PATHS = 12, 28, 12, 60
SHARES = np.array([1.0, 0.85, 0.7, 0.5])
SCHEDULE, DISPERSION, GUESS = 2, 0.25, 0.2
LIVES = 6
# Shares of the price.
COST, HOLDING = 0.55, 0.002


@dataclass(frozen=True)
class Season:
    """What is true of N lines; ``level`` (N, DAYS) holds the uniforms of their customers."""

    rate: np.ndarray
    elasticity: np.ndarray
    guess: np.ndarray
    price: np.ndarray
    life: np.ndarray
    every: np.ndarray
    level: np.ndarray


def season(seed: int) -> Season:
    rng = np.random.default_rng(seed)
    elasticity = -rng.uniform(1.2, 3.0, LINES)
    return Season(
        np.exp(rng.uniform(0.7, 2.7, LINES)), elasticity, elasticity * rng.normal(1.0, GUESS, LINES),
        np.round(rng.uniform(150, 600, LINES)), rng.integers(2, LIVES, LINES), rng.integers(1, 3, LINES),
        rng.random((LINES, DAYS)),
    )  # fmt: skip


def demand_of(level: np.ndarray, mean: np.ndarray) -> np.ndarray:
    size = 1.0 / DISPERSION
    return nbinom.ppf(level, size, size / (size + mean)).astype(np.int32)


def problem_of(given: Season, elasticity: np.ndarray, stock: np.ndarray, day: int, rng: np.random.Generator):
    """Return the fresh problem of a day on paths drawn anew."""
    level = rng.random((LINES, PATHS, AHEAD))
    mean = given.rate[:, None] * SHARES[None, :] ** elasticity[:, None]
    demand = np.stack([demand_of(level, mean[:, k, None, None]) for k in range(len(SHARES))], axis=1)
    whole = np.ones(LINES, np.int64)
    can = (day + np.arange(AHEAD))[None, :] % given.every[:, None] == 0
    price = given.price[:, None] * SHARES
    return FreshProblem(
        demand=demand, weight=np.full(PATHS, 1.0 / PATHS), on_hand=stock,
        receipts=np.zeros((LINES, AHEAD, LIVES + 1)), can_order=can, lead=0 * whole, pack=whole, minimum=whole,
        life=given.life - 1, price=price, cost=COST * given.price, salvage=0.0 * given.price,
        holding=HOLDING * given.price, goodwill=0.1 * given.price, order_cost=0.0 * given.price, near=whole,
        fixed=FREE * whole,
    )  # fmt: skip


def live(given: Season, seed: int, decide) -> float:
    """Money of a way through the season; ``decide(problem)`` gives today's orders and rungs."""
    rng = np.random.default_rng(seed)
    stock, money = np.zeros((LINES, LIVES + 1)), 0.0
    truth = given.rate[:, None] * SHARES[None, :] ** given.elasticity[:, None]
    for day in range(DAYS):
        order, rung = decide(day, stock, rng)
        today = demand_of(given.level[:, day, None], truth)
        for n in range(LINES):
            earned, stock[n] = one_day(given, n, stock[n], int(order[n]), (int(rung[n]), today[n]))
            money += earned
    return money


def one_day(
    given: Season, n: int, stock: np.ndarray, order: int, asked: tuple[int, np.ndarray]
) -> tuple[float, np.ndarray]:
    """Money of a day and the stock of the next morning, by the rules of the kernel written out.

    asked: today's rung, and what is wanted at each rung, shape (rungs,)
    """
    rung, wanted = asked
    stock, price = stock.copy(), given.price[n]
    money = -COST * price * order
    stock[given.life[n] - 1] += order
    near = stock[0]
    usual, moved = int(wanted[0]), int(wanted[rung if near > 0 else 0])
    sold = min(moved, near)
    rest = np.floor(usual * (moved - sold) / moved + 0.5) if moved else 0.0
    other = min(rest, stock[1:].sum())
    stock[0] -= sold
    before = np.cumsum(stock[1:]) - stock[1:]
    stock[1:] -= np.clip(other - before, 0.0, stock[1:])
    money += price * SHARES[rung] * sold + price * other - HOLDING * price * stock.sum()
    return money, np.append(stock[1:], 0.0)


def ways(given: Season, seed: int) -> dict[str, float]:
    """Money of every way through the same season."""
    # The best level without stickers, once for the whole season, as a planner would set it.
    empty = np.zeros((LINES, LIVES + 1))
    first = problem_of(given, given.guess, empty, 0, np.random.default_rng(seed + 5))
    level = decide_fresh(replace(first, price=first.price[:, :1], demand=first.demand[:, :1])).level

    def by_level(problem: FreshProblem) -> np.ndarray:
        return np.array([
            outcomes(line_of(problem, n), Policy(FREE, 0, int(level[n]), 0, 1, 0.0))[0, ORDERED] for n in range(LINES)
        ])  # fmt: skip

    def plain(day, stock, rng):
        return by_level(problem_of(given, given.guess, stock, day, rng)), np.zeros(LINES, int)

    def schedule(day, stock, rng):
        order, _ = plain(day, stock, rng)
        return order, np.full(LINES, SCHEDULE)

    def apart(day, stock, rng):
        problem = problem_of(given, given.guess, stock, day, rng)
        order, rung = by_level(problem), []
        for n in range(LINES):
            policy = Policy(int(order[n]), 0, int(level[n]), 0, 1, 0.0)
            value = [outcomes(line_of(problem, n), policy._replace(rung=k))[:, 0].mean() for k in range(len(SHARES))]
            rung.append(int(np.argmax(value)))
        return order, np.array(rung)

    def together(elasticity):
        def decide(day, stock, rng):
            plan = decide_fresh(problem_of(given, elasticity, stock, day, rng))
            return plan.order, plan.rung

        return decide

    found = {"no sticker": plain, "order, then schedule": schedule, "order, then markdown": apart,
             "together": together(given.guess), "known": together(given.elasticity)}  # fmt: skip
    return {name: live(given, seed, way) for name, way in found.items()}


def main(seeds: int) -> None:
    begin = time.perf_counter()
    rows = [ways(season(seed), seed) for seed in range(seeds)]
    money = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    tell_gains("fresh seasons", "together", money, time.perf_counter() - begin)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else SEEDS)
