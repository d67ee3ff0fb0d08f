"""Prices decided again every week against the best policy there is: one item's stochastic dynamic programme."""

import numpy as np
import pytest
from scipy.stats import poisson

from optimizer.markdown.decide import decide
from optimizer.markdown.problem import MarkdownProblem
from tests.markdown.clearance_cases import free_rules, plain_prices

PATHS = 400
ENOUGH = 0.99


def best_policy(stock, price, rate, salvage):
    """Return value (T + 1, stock + 1, K) of the best falling prices, demand of rung k in week t Poisson rate[k, t]."""
    rungs, weeks = rate.shape
    value = np.zeros((weeks + 1, stock + 1, rungs))
    value[weeks] = salvage * np.arange(stock + 1)[:, None]
    for t in reversed(range(weeks)):
        at = [expected(value[t + 1][:, k], price[k], rate[k, t]) for k in range(rungs)]
        for k in range(rungs):
            value[t][:, k] = np.max(at[k:], axis=0)
    return value


def expected(after, price, rate):
    """Return for each stock what a week at a price and rate brings, with what is worth after it."""
    stock = len(after) - 1
    sold = np.arange(stock + 1)
    mass = poisson.pmf(sold, rate)
    found = np.zeros(stock + 1)
    for have in range(stock + 1):
        part = mass[: have + 1].copy()
        part[have] = 1.0 - mass[:have].sum()
        found[have] = part @ (price * sold[: have + 1] + after[have - sold[: have + 1]])
    return found


def decided_again(stock, price, rate, salvage, seed):
    """Return the value of asking each week what ``decide`` asks first, exactly: over all stocks and rungs at once."""
    rungs, weeks = rate.shape
    rng = np.random.default_rng(seed)
    value = np.zeros((weeks + 1, stock + 1, rungs))
    value[weeks] = salvage * np.arange(stock + 1)[:, None]
    for t in reversed(range(weeks)):
        # One uniform for a path's week at all rungs: a lower price never sells less.
        level = rng.random((weeks - t, PATHS))
        demand = np.stack([poisson.ppf(level, rate[k, t:, None]) for k in range(rungs)]).astype(np.int32)
        decision = np.zeros((stock + 1, rungs), np.int64)
        for k in range(rungs):
            decision[:, k] = k + first_rungs(np.arange(stock + 1.0), price[k:], demand[k:], salvage)
        at = [expected(value[t + 1][:, k], price[k], rate[k, t]) for k in range(rungs)]
        for have in range(stock + 1):
            for k in range(rungs):
                value[t][have, k] = at[decision[have, k]][have]
    return value


def first_rungs(stocks, price, demand, salvage):
    lines, (rungs, weeks, paths) = len(stocks), demand.shape
    problem = MarkdownProblem(
        demand=np.broadcast_to(demand, (lines, rungs, weeks, paths)),
        weight=np.full(paths, 1.0 / paths),
        **plain_prices(np.tile(price, (lines, 1)), np.full(lines, price[0]), weeks),
        rungs=np.full(lines, rungs),
        salvage=np.full(lines, salvage),
        stock=stocks,
        arrivals=np.zeros((lines, weeks)),
        rules=free_rules(lines, rungs, weeks),
        starts=7 * np.arange(weeks),
        place=np.zeros(lines, np.int64),
        labels=np.full((1, weeks), np.inf),
        budget=np.full((1, weeks), np.inf),
        paid=np.ones((1, lines), bool),
    )
    return decide(problem).required().rung[:, 0]


@pytest.mark.parametrize(
    ("stock", "elasticity", "salvage"), [(12, -2.0, 0.0), (24, -2.0, 1.0), (24, -3.0, 2.0), (36, -1.5, 0.0)]
)
def test_prices_decided_again_every_week_earn_nearly_what_the_best_policy_does(stock, elasticity, salvage):
    price = np.array([10.0, 8.0, 6.5, 5.0, 4.0])
    rate = 3.0 * (price / 10.0)[:, None] ** elasticity * np.array([1.1, 1.0, 0.9, 0.8])
    best = best_policy(stock, price, rate, salvage)[0][stock, 0]
    again = decided_again(stock, price, rate, salvage, 1)[0][stock, 0]
    held = sum(price[0] * min(stock, 3.0 * f) for f in (1.1, 1.0, 0.9, 0.8))
    assert ENOUGH * best <= again <= best + 1e-9
    assert best > held or stock == 12
