"""What suppliers ask of a whole order, in the policy's currency, and what of it cannot be told."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from scenarios.sourcing import valid_sources
from scenarios.tariff import currency_rates
from scenarios.world import World

_MONEY = ["min_order_value", "truck_cost"]
# What the least fill of a truck is told in, the first that is given, and what of an item fills it.
_FILL = (("truck_l", "volume_l"), ("truck_kg", "weight_kg"))


def supplier_terms(world: World) -> pd.DataFrame:
    """Return the table `suppliers` as it can be applied.

    min_order_value and truck_cost are in the policy's currency, NaN where no exchange rate is known; min_order_kg is
    NaN where nothing that the supplier delivers has a weight, truck_min_fill where nothing of it fills a truck.
    """
    table = world.frame("suppliers")
    rates = currency_rates(world, table["currency"].tolist())
    money = {name: table[name].astype(float) * rates for name in _MONEY}
    least = {"min_order_kg": _measured(world, table, "weight_kg"), "truck_min_fill": _filled(world, table)}
    told = {name: np.where(known, table[name].astype(float), np.nan) for name, known in least.items()}
    return table.assign(**money, **told)


def untold_terms(world: World) -> list[str]:
    """Return which terms are not applied, one sentence for each supplier and term."""
    given, kept = world.frame("suppliers"), supplier_terms(world)
    words = []
    for name, why in (
        *((name, "no exchange rate is known for its currency") for name in _MONEY),
        ("min_order_kg", "none of what it delivers has weight_kg in items"),
        ("truck_min_fill", "none of what it delivers has what fills its trucks in items"),
    ):
        lost = given[name].notna() & kept[name].isna()
        words += [f"{name} of {supplier} is not applied: {why}" for supplier in given.loc[lost, "supplier_id"]]
    return words


def _measured(world: World, table: pd.DataFrame, measure: str) -> npt.NDArray[np.bool_]:
    """Return whether each supplier of `table` delivers something that has a volume or weight, shape (suppliers,)."""
    each = world.frame("items").set_index("item_id")[measure].astype(float)
    sources = valid_sources(world)
    known = sources.loc[sources["item_id"].map(each).fillna(0.0) > 0, "source_id"]
    return np.asarray(table["supplier_id"].isin(set(known)).to_numpy(bool))


def _filled(world: World, table: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return whether something fills the trucks of each supplier, True where it names none, shape (suppliers,)."""
    filled = np.ones(len(table), np.bool_)
    open_still = np.ones(len(table), np.bool_)
    for room, measure in _FILL:
        given = open_still & (table[room].astype(float) > 0).to_numpy()
        filled[given] = _measured(world, table, measure)[given]
        open_still &= ~given
    return filled
