"""The fresh stage of a day: stickers of today, what they do to demand, and what they save of what would expire."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from forecasting.paths import DemandPaths
from optimizer.executor import RunAll, plain_loop
from optimizer.fresh.decide import decide_fresh
from optimizer.fresh.inputs import Fresh, fresh_problem
from optimizer.fresh.kernel import WANTED, Policy, line_of, outcomes
from optimizer.fresh.problem import Floats, FreshPlan
from optimizer.fresh.words import changes, explained, line_id
from optimizer.plan.costs import markdown_costs
from scenarios.world import World


@dataclass(frozen=True)
class FreshOfTheDay:
    """
    What is decided for units near their last day.

    tables: rows for ``price_changes``, ``explanations`` and ``costs``
    wanted: steps wanted today on each path, by pair, where a sticker stands
    recovery: what later stickers bring for a unit that would else expire, money per unit, shape (pairs,)
    proof: certificate, empty where nothing was decided
    """

    tables: dict[str, pd.DataFrame]
    wanted: dict[int, Floats]
    recovery: Floats
    proof: dict[str, Any]

    def on(self, paths: DemandPaths) -> DemandPaths:
        """Return demand paths of all pairs with what the stickers of today change."""
        if not self.wanted:
            return paths
        steps = paths.steps.astype(np.int32)
        for pair, wanted in self.wanted.items():
            steps[pair, :, 0] = np.rint(wanted)
        return replace(paths, steps=steps)


def plan_fresh(world: World, pairs: pd.DataFrame, paths: DemandPaths, run_all: RunAll = plain_loop) -> FreshOfTheDay:
    """Return the stickers of today.

    paths: of `pairs`, in their order, with reference price and response
    """
    recovery = np.zeros(len(pairs))
    given = fresh_problem(world, pairs, paths)
    if given is None:
        return FreshOfTheDay({}, {}, recovery, {})
    plan = decide_fresh(given.problem, run_all)
    rows = given.lines["pair"].to_numpy(int)
    recovery[rows] = plan.recovery / given.minor / given.paths.unit_step
    tables = {
        "price_changes": changes(given, plan),
        "explanations": explained(given, plan),
        "costs": _costs(given, plan),
    }
    return FreshOfTheDay(tables, _wanted(given, plan), recovery, _proof(given, plan))


def _wanted(given: Fresh, plan: FreshPlan) -> dict[int, Floats]:
    """Return what is wanted today on each path, by pair, where a sticker stands."""
    found = {}
    for n in np.flatnonzero(plan.rung > 0).tolist():
        policy = Policy(int(plan.order[n]), int(plan.rung[n]), int(plan.level[n]), 0, 1, 0.0)
        found[int(given.lines["pair"].iloc[n])] = outcomes(line_of(given.problem, n), policy)[:, WANTED]
    return found


def _costs(given: Fresh, plan: FreshPlan) -> pd.DataFrame:
    """Return the expected markdown of today's stickers."""
    spent = []
    for n in np.flatnonzero(plan.rung > 0).tolist():
        price, row = given.problem.price[n], given.lines.iloc[n]
        amount = round(float((price[0] - price[plan.rung[n]]) * plan.rungs_sold[n, plan.rung[n], 0]))
        spent.append((line_id(given, n), row["item_id"], row["location_id"], amount))
    return markdown_costs(given.world, spent)


def _proof(given: Fresh, plan: FreshPlan) -> dict[str, Any]:
    """Return the certificate; no bound is known."""
    money = {
        name: round(-float(getattr(plan, name).sum()) / given.minor, 6)
        for name in ("value", "value_plain", "value_apart")
    }
    return {
        "objective": money["value"],
        "bound": None,
        "gap": None,
        "status": "feasible",
        "limit": "none",
        "unit": given.world.policy.currency,
        "covers": (
            "minus the expected money of orders and stickers of goods near their last day, line by line; found one"
            " coordinate after the other over a grid: a heuristic without a bound"
        ),
        "lines": given.problem.lines,
        "paths": len(given.problem.weight),
        "periods": given.problem.demand.shape[3],
        "stickers": int((plan.rung > 0).sum()),
        "without_stickers": money["value_plain"],
        "orders_first_then_stickers": money["value_apart"],
    }
