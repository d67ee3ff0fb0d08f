"""
Service levels by group of pairs against one level for all, at equal fill: money in stock.

    python -m benchmarks.service_levels FOLDER [FOLDER ...]

FOLDER: tables of a company, as `run_plan.py demo` or `run_plan.py import completejourney` write them. The money for
stock is 90 % of what the policy's level needs for all pairs that sell. One level is lowered until it needs no more; the
groups then get the cheapest levels that serve as many units, and the levels that serve most within the money. Service
levels and shortage costs of single pairs are left aside. Forecast, lead times and reviews are those of a plan.
"""

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.records import append_record
from forecasting.paths import DemandPaths
from optimizer.demand import demand_of, expected_demand
from optimizer.executor import plain_loop
from optimizer.filters.stage import screen_world
from optimizer.memory import Memory
from optimizer.reorder.horizon import planning_horizon
from optimizer.reorder.levels import LEVELS, choose, grouped, pair_outcomes, summed
from scenarios.assortment import listed_pairs
from scenarios.load import load_world
from scenarios.world import World

SHARE = 0.9
# One level is looked for this finely.
FINE = np.round(np.arange(0.5, 0.9951, 0.0025), 4)


def outcomes(world: World, levels: tuple[float, ...]) -> tuple[pd.Series, np.ndarray, np.ndarray]:
    """Return the item segment, money in stock and units lost of the pairs that sell, by level."""
    screened = screen_world(world)
    pairs, horizon = listed_pairs(world), planning_horizon(world, listed_pairs(world))
    paths: DemandPaths = demand_of(
        screened.world, pairs, expected_demand(screened.world, pairs, horizon, Memory(), plain_loop)
    ).paths
    stock, lost = pair_outcomes(world, pairs, paths, levels)
    names = screened.tables["segments"].query("kind == 'item'").set_index("member_id")["segment"]
    sells = paths.steps.sum(axis=(1, 2)) > 0
    return pairs["item_id"].map(names)[sells], stock[sells], lost[sells]


def case(folder: Path) -> None:
    """Print and append what segments save in one company."""
    world, begin = load_world(folder), time.process_time()
    usual = world.policy.service_level
    segment, stock, lost = outcomes(world, (*LEVELS, usual, *FINE))
    first = len(LEVELS) + 1
    budget = SHARE * stock[:, first - 1].sum()
    one = first + int(np.flatnonzero(stock[:, first:].sum(axis=0) <= budget)[-1])
    money, missed = stock[:, one].sum(), lost[:, one].sum()
    group, _ = grouped(segment.to_numpy(object), stock[:, first - 1], lost[:, first - 1])
    code, names = pd.factorize(group, sort=True)
    fewer, dearer = (summed(part[:, : len(LEVELS)], code, len(names)) for part in (lost, stock))
    at = np.arange(len(names))
    saved = 1 - dearer[at, choose(dearer, fewer, missed).level].sum() / money
    served = 1 - fewer[at, choose(fewer, dearer, budget).level].sum() / missed
    told = f"{len(group)} pairs in {len(names)} groups, one level {FINE[one - first]:g}, stock {money:,.0f}"
    print(f"{folder.name}: {told}:")
    print(f"  {saved:.1%} of it saved at equal fill, {served:.1%} fewer units lost for the same money", flush=True)
    append_record(f"service levels by group, {folder.name}", time.process_time() - begin, objective=float(saved))


if __name__ == "__main__":
    for name in sys.argv[1:] or sys.exit(__doc__):
        case(Path(name))
