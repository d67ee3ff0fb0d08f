"""
Clear made-up seasons whose price response the planner has to learn: realised money against simpler ways to mark down.

    python -m benchmarks.clearance_seasons [SEEDS]

In each season 24 items lie in 5 stores with 1.2 to 3 times the stock that 8 weeks at today's price would sell. Before
it, 30 weeks of sales with a few promotions are known, the elasticities are not. Prices are decided anew every week from
what is left. All ways meet the same demand: the same uniform is a line's week in each of them. "known" plans with the
true elasticities; nobody can. Appends to benchmarks/records.csv; nothing gates.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import numpy as np
from scipy.stats import nbinom

from benchmarks.records import tell_gains
from forecasting.elasticity import estimate
from forecasting.panel import Panel
from forecasting.price_tables import PriceHistory
from optimizer.markdown.decide import decide
from optimizer.markdown.problem import FREE, GroupRules, MarkdownProblem

SEEDS = 20
ITEMS, STORES, HISTORY, WEEKS, PATHS = 24, 5, 30, 8, 100
SHARES = np.array([1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
DISPERSION, LEVEL_DEVIATION, SALVAGE, MOST_CHANGES = 0.3, 0.15, 0.15, 3
SCHEDULE = {2: 2, 4: 4, 6: 6}


@dataclass(frozen=True)
class Season:
    """What is true of N lines, and what was seen of them: units (N, weeks) at prices (N, weeks) before the season."""

    elasticity: np.ndarray
    rate: np.ndarray
    price: np.ndarray
    stock: np.ndarray
    level: np.ndarray
    seen_units: np.ndarray
    seen_price: np.ndarray


def season(seed: int) -> Season:
    rng = np.random.default_rng(seed)
    lines = ITEMS * STORES
    item = np.repeat(np.arange(ITEMS), STORES)
    elasticity = np.minimum(rng.normal(-2.2, 0.6, ITEMS)[item] + rng.normal(0.0, 0.2, lines), -0.3)
    rate = np.exp(rng.normal(1.6, 0.7, ITEMS)[item] + rng.normal(0.0, 0.3, lines))
    price = np.round(np.exp(rng.normal(7.0, 0.5, ITEMS)))[item]
    share = np.ones((lines, HISTORY))
    for n in range(lines):
        for begin in rng.choice(HISTORY - 2, 3, replace=False):
            share[n, begin : begin + 2] = rng.choice(SHARES[1:4])
    seen = demand_of(rng.random((lines, HISTORY)), rate[:, None] * share ** elasticity[:, None])
    stock = np.ceil(rate * WEEKS * rng.uniform(1.2, 3.0, lines))
    return Season(elasticity, rate, price, stock, rng.random((lines, WEEKS)), seen, price[:, None] * share)


def demand_of(level: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Negative-binomial demand at the given probabilities."""
    size = 1.0 / DISPERSION
    return nbinom.ppf(level, size, size / (size + mean)).astype(np.int64)


def least_squares(given: Season) -> np.ndarray:
    """Elasticity of each line alone: the slope of log units on log price."""
    x = np.log(given.seen_price / given.price[:, None])
    y = np.log(np.maximum(given.seen_units, 0.5))
    x = x - x.mean(axis=1, keepdims=True)
    return np.minimum((x * y).sum(axis=1) / (x**2).sum(axis=1), 0.0)


def learnt(given: Season, rng: np.random.Generator) -> np.ndarray:
    """Draws of the elasticity of each line from our estimate, shape (N, paths)."""
    lines = len(given.rate)
    names = np.array([f"i{n // STORES:02d}" for n in range(lines)], object)
    places = np.array([f"s{n % STORES}" for n in range(lines)], object)
    dates = np.datetime64("2023-01-02") + 7 * np.arange(HISTORY)
    ones = np.ones((lines, HISTORY))
    panel = Panel(names, places, np.ones(lines), given.seen_units.astype(float), ones, dates, "week")
    history = PriceHistory(given.seen_price, np.zeros((lines, HISTORY), bool))
    response = estimate(panel, history, np.zeros(lines, np.int64))
    draws = rng.normal(size=(lines, PATHS))
    return np.minimum(response.elasticity[:, None] + response.deviation[:, None] * draws, 0.0)


def rates_of(given: Season, elasticity: np.ndarray) -> np.ndarray:
    """Usual weekly sales at today's price as the last 12 weeks tell it under an elasticity of each line."""
    lift = (given.seen_price[:, -12:] / given.price[:, None]) ** elasticity[:, None]
    return (given.seen_units[:, -12:].sum(axis=1) + 0.5) / (lift.sum(axis=1) + 0.1)


def rolling(given: Season, elasticity: np.ndarray, rng: np.random.Generator) -> float:
    """Money of deciding every week with draws of the elasticity, shape (N, paths)."""
    rate = rates_of(given, elasticity.mean(axis=1))
    left, rung = given.stock.copy(), np.zeros(len(rate), np.int64)
    changes, money = np.full(len(rate), MOST_CHANGES), 0.0
    for week in range(WEEKS):
        wanted = first_rungs(given, (left, rung, changes), elasticity, rate, (WEEKS - week, rng))
        changes = changes - (wanted != rung)
        rung = wanted
        sold, earned = sell(given, week, rung, left)
        left, money = left - sold, money + earned
    return money + float((SALVAGE * given.price * left).sum())


def first_rungs(given: Season, state: tuple, elasticity: np.ndarray, rate: np.ndarray, ahead: tuple) -> np.ndarray:
    left, rung, changes = state
    weeks, rng = ahead
    lines, count = len(left), len(SHARES)
    size = 1.0 / DISPERSION
    mean = rate[:, None, None] * np.exp(rng.normal(0.0, LEVEL_DEVIATION, (lines, 1, PATHS)))
    usual = rng.poisson(mean * rng.gamma(size, 1.0 / size, (lines, weeks, PATHS)))
    lift = SHARES[None, :, None, None] ** elasticity[:, None, None, :]
    demand = np.floor(usual[:, None] * lift + rng.random((lines, 1, weeks, PATHS))).astype(np.int32)
    # Rungs above today's cannot be had again; those of a line begin with its own.
    place = np.minimum(rung[:, None] + np.arange(count), count - 1)
    price = np.take_along_axis(given.price[:, None] * SHARES, place, axis=1)
    demand = np.take_along_axis(demand, place[:, :, None, None], axis=1)
    whole = np.ones(lines, np.int64)
    rules = GroupRules(
        np.triu(np.ones((count, count), bool), 1)[None].repeat(lines, 0),
        np.ones((lines, weeks), bool), changes, 7 * whole, 7 * whole, weeks * whole, np.full(lines, FREE),
    )  # fmt: skip
    problem = MarkdownProblem(
        demand=demand, weight=np.full(PATHS, 1.0 / PATHS), price=price,
        asked=np.repeat(price[:, :, None], weeks, axis=2), counted_from=np.repeat(price[:, :1], weeks, axis=1),
        salvage=SALVAGE * given.price, stock=left, arrivals=np.zeros((lines, weeks)), target=np.zeros(lines),
        short_cost=np.zeros(lines), group=np.arange(lines), rungs=count - rung, rules=rules,
        families=np.zeros((0, 2), np.int64), content=np.ones(lines), starts=7 * np.arange(weeks),
        place=np.zeros(lines, np.int64), labels=np.full((1, weeks), np.inf), budget=np.full((1, weeks), np.inf),
        paid=np.ones((1, lines), bool),
    )  # fmt: skip
    return rung + decide(problem).required().rung[:, 0]


def sell(given: Season, week: int, rung: np.ndarray, left: np.ndarray) -> tuple[np.ndarray, float]:
    """Units sold in a week of the true season, and their money."""
    mean = given.rate * SHARES[rung] ** given.elasticity
    sold = np.minimum(left, demand_of(given.level[:, week], mean))
    return sold, float((given.price * SHARES[rung] * sold).sum())


def by_schedule(given: Season, schedule: dict[int, int]) -> float:
    """Money of the same markdowns for all lines at fixed weeks."""
    left, rung, money = given.stock.copy(), 0, 0.0
    for week in range(WEEKS):
        rung = schedule.get(week, rung)
        sold, earned = sell(given, week, np.full(len(left), rung), left)
        left, money = left - sold, money + earned
    return money + float((SALVAGE * given.price * left).sum())


def compare(seed: int) -> dict[str, float]:
    given = season(seed)
    ways = {
        "no markdown": lambda: by_schedule(given, {}),
        "20/40/60": lambda: by_schedule(given, SCHEDULE),
        "least squares": lambda: rolling(
            given, np.repeat(least_squares(given)[:, None], PATHS, axis=1), np.random.default_rng(seed)
        ),
        "ours": lambda: rolling(given, learnt(given, np.random.default_rng(seed + 1)), np.random.default_rng(seed)),
        "known": lambda: rolling(
            given, np.repeat(given.elasticity[:, None], PATHS, axis=1), np.random.default_rng(seed)
        ),
    }
    return {name: way() for name, way in ways.items()}


def main(seeds: int) -> None:
    begin = time.perf_counter()
    money = {name: np.array([row[name] for row in found]) for found in [[compare(s) for s in range(seeds)]]
             for name in found[0]}  # fmt: skip
    tell_gains("clearance seasons", "ours", money, time.perf_counter() - begin)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else SEEDS)
