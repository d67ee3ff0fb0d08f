"""What a unit-day, a lost or wasted unit, an order line costs: rates from the tables, cost rows from quantities."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from scenarios.sourcing import preferred_sources, review_periods
from scenarios.world import World

FloatArray = npt.NDArray[np.float64]
_DAYS_A_YEAR = 365
_LONGEST_KEPT_DAYS = 60
_ROUNDING = 1e-9
_KEYS = ["item_id", "location_id"]


@dataclass(frozen=True)
class Tariff:
    """Rates per unit in major units of the policy's currency, each of shape (N,), in the order of the pairs.

    unit_cost: purchase cost [c]
    holding: per unit left at the end of a period [h]
    shortage: per unit lost, or owed for a period [p]
    waste: per unit expired, the unit cost less what it still brings [w]
    salvage: what a leftover unit still brings
    assumed_cost: whether no table names a unit cost, so that 1 stands in
    """

    unit_cost: FloatArray
    holding: FloatArray
    shortage: FloatArray
    waste: FloatArray
    salvage: FloatArray
    assumed_cost: npt.NDArray[np.bool_]


def tariff(world: World, pairs: pd.DataFrame, demand: FloatArray) -> Tariff:
    r"""Return the rates of `pairs` (columns item_id, location_id), N rows.

    demand: mean demand per period [m], units, shape (N,)

    A unit costs what the preferred supplier asks, else the item's unit cost. A shortage cost given for the pair wins,
    then one in the policy. Without either it follows from the service level [a] by the newsvendor's critical ratio,
    a = p / (p + h R), with R the periods for which a unit ordered too much is kept: the longest wait between two
    orders, or what it takes to sell one unit where that is longer, at most 60 days:

        p = h R a / (1 - a),  R = max(wait, min(1 / m, 60 days))

    Source: Arrow, Harris and Marschak (1951), Econometrica 19(3).
    """
    policy = world.policy
    items = world.frame("items").set_index("item_id").reindex(pairs["item_id"])
    listed = _listed(world, pairs)
    sources = pairs[_KEYS].merge(preferred_sources(world), on=_KEYS, how="left")
    cost, assumed = _unit_cost(world, items, sources)
    holding = _holding(world, listed, cost)
    level = _first(listed["service_level"], policy.service_level)
    kept = np.minimum(1 / np.maximum(demand, _ROUNDING), _LONGEST_KEPT_DAYS / world.periods.days)
    # Where nothing is wanted for its own sake (a dc) only the wait counts.
    kept = np.maximum(review_periods(world, sources["source_id"]), np.where(demand > 0, kept, 0.0))
    implied = holding * kept * level / (1 - level)
    shortage = _first(listed["shortage_cost"], np.nan if policy.shortage_cost is None else policy.shortage_cost)
    # A service level given for the pair is a decision about the pair; the policy's shortage cost does not overrule it.
    by_level = np.isnan(shortage) | (listed["service_level"].notna() & listed["shortage_cost"].isna()).to_numpy()
    salvage = np.nan_to_num(items["salvage_value"].to_numpy(float))
    return Tariff(cost, holding, np.where(by_level, implied, shortage), np.maximum(cost - salvage, 0), salvage, assumed)


def _unit_cost(world: World, items: pd.DataFrame, sources: pd.DataFrame) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Return what a unit costs, and where no table says so and 1 stands in."""
    usual = items["unit_cost"].to_numpy(float) * currency_rates(world, items["currency"].tolist())
    asked = sources["unit_cost"].to_numpy(float) * currency_rates(world, sources["currency"].tolist())
    bought = (sources["source_kind"] == "supplier").to_numpy(bool)
    cost = np.where(bought & ~np.isnan(asked), asked, usual)
    return np.where(np.isnan(cost), 1.0, cost), np.isnan(cost)


def _listed(world: World, pairs: pd.DataFrame) -> pd.DataFrame:
    wanted = [*_KEYS, "service_level", "shortage_cost", "holding_rate"]
    return pairs[_KEYS].merge(world.frame("assortment")[wanted], on=_KEYS, how="left")


def _first(given: pd.Series, otherwise: float) -> FloatArray:
    return np.asarray(given.astype(float).fillna(otherwise), dtype=np.float64)


def _holding(world: World, listed: pd.DataFrame, cost: FloatArray) -> FloatArray:
    policy = world.policy
    share = world.periods.days / _DAYS_A_YEAR
    by_rate: FloatArray = _first(listed["holding_rate"], policy.holding_rate) * cost * share
    given: npt.NDArray[np.bool_] = listed["holding_rate"].notna().to_numpy(bool)
    if policy.holding_cost is None:
        return by_rate
    return np.where(given, by_rate, policy.holding_cost)


def cost_rows(values: FloatArray, rate: FloatArray, minor: int) -> npt.NDArray[np.int64]:
    """Return quantity × rate in whole minor units, rounded half to even; `minor` is units per major unit (100)."""
    return np.rint(np.round(values * rate * minor, 6)).astype(np.int64)


def currency_rates(world: World, currencies: Sequence[object]) -> FloatArray:
    """Return what a unit of each currency is worth in the policy's on the plan date; NaN where no rate is known."""
    own = world.policy.currency
    table = world.frame("exchange_rates")
    known = (
        table[table["date"] <= world.plan_date].drop_duplicates("currency", keep="last").set_index("currency")["rate"]
    )
    return np.array([float(known.get(c, np.nan)) if isinstance(c, str) and c and c != own else 1.0 for c in currencies])
