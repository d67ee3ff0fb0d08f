"""What suppliers ask of a whole order, in the policy's currency, and what of it cannot be told."""

import numpy as np
import pandas as pd

from scenarios.sourcing import valid_sources
from scenarios.tariff import currency_rates
from scenarios.world import World

_MONEY = ["min_order_value", "truck_cost"]


def supplier_terms(world: World) -> pd.DataFrame:
    """Return the table `suppliers` as it can be applied.

    min_order_value and truck_cost are in the policy's currency, NaN where no exchange rate is known; min_order_kg is
    NaN where nothing that the supplier delivers has a weight.
    """
    table = world.frame("suppliers")
    rates = currency_rates(world, table["currency"].tolist())
    money = {name: table[name].astype(float) * rates for name in _MONEY}
    heavy = table["supplier_id"].isin(_weighing(world)).to_numpy()
    return table.assign(**money, min_order_kg=np.where(heavy, table["min_order_kg"].astype(float), np.nan))


def untold_terms(world: World) -> list[str]:
    """Return which terms are not applied, one sentence for each supplier and term."""
    given, kept = world.frame("suppliers"), supplier_terms(world)
    words = []
    for name, why in (
        *((name, "no exchange rate is known for its currency") for name in _MONEY),
        ("min_order_kg", "none of what it delivers has weight_kg in items"),
    ):
        lost = given[name].notna() & kept[name].isna()
        words += [f"{name} of {supplier} is not applied: {why}" for supplier in given.loc[lost, "supplier_id"]]
    return words


def _weighing(world: World) -> set[str]:
    """Return the suppliers that deliver something with a weight."""
    weight = world.frame("items").set_index("item_id")["weight_kg"].astype(float)
    sources = valid_sources(world)
    return set(sources.loc[sources["item_id"].map(weight).fillna(0.0) > 0, "source_id"])
