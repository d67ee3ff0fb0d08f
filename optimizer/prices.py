"""All prices of a day in their order: clearance, stickers on fresh goods, the review of regular prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from forecasting.elasticity import price_response
from forecasting.paths import DemandPaths
from forecasting.price_tables import reference_prices
from optimizer.executor import RunAll
from optimizer.fresh.inputs import fresh_pairs
from optimizer.fresh.stage import plan_fresh
from optimizer.markdown.review_stage import review_prices
from optimizer.markdown.rules import ruled_pairs
from optimizer.markdown.stage import plan_prices
from optimizer.plan.exceptions import ExceptionRow
from scenarios.world import World


@dataclass(frozen=True)
class Priced:
    """
    What the prices of a day are and what rests on them.

    pairs: with ``status`` "run_out" where a clearance marks down within the horizon, and ``recovery``, what a sticker
        brings for a unit that would else expire
    paths: the same demand paths at the prices decided
    parts: tables by name of each decision; proofs by decision
    """

    pairs: pd.DataFrame
    paths: DemandPaths
    parts: list[dict[str, pd.DataFrame]]
    proofs: Mapping[str, Mapping[str, Any]]
    exceptions: list[ExceptionRow]


def prices_wanted(world: World, pairs: pd.DataFrame) -> bool:
    """Tell whether anything but a clearance has prices to decide."""
    return bool(world.policy.price_review_changes) or len(fresh_pairs(world, pairs)) > 0


def decide_prices(world: World, pairs: pd.DataFrame, paths: DemandPaths, horizon: int, run_all: RunAll) -> Priced:
    """Return all prices of the day; orders look `horizon` periods ahead."""
    response = price_response(world, pa.table({name: pairs[name] for name in ("item_id", "location_id")}))
    reference = reference_prices(world, paths.item_id, paths.location_id, paths.dates)
    at_reference = replace(paths, reference_price=reference, response=response)
    cleared = plan_prices(world, pairs, at_reference, response, run_all)
    fresh = plan_fresh(world, pairs, at_reference, run_all)
    taken = np.zeros(len(pairs), bool)
    taken[ruled_pairs(world, pairs)["pair"].to_numpy(int)] = True
    review = review_prices(world, pairs, at_reference, (taken, cleared.tables["price_changes"]))
    moved = at_reference.at(cleared.prices * review.ratio[:, None])
    status = pairs["status"].mask(cleared.falls_within(horizon), "run_out")
    return Priced(
        pairs.assign(status=status, recovery=fresh.recovery),
        fresh.on(moved),
        [cleared.tables, fresh.tables, review.tables],
        {"markdown": cleared.proof, "fresh": fresh.proof, "price review": review.proof},
        [*cleared.exceptions, *review.exceptions],
    )
