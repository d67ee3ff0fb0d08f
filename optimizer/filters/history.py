"""What the demand history should hold: sales less what was cancelled, false, or a bulk order beyond the usual."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from optimizer.filters.screen import Screened
from scenarios.money import minor_digits
from scenarios.world import World, plain_frame

_KEYS = ["date", "item_id", "location_id"]


@dataclass(frozen=True)
class CleanHistory:
    """The world with net sales, and the table `excluded_rows`: units = kept + taken out, row by row."""

    world: World
    excluded: pd.DataFrame


def clean_history(world: World, lines: pd.DataFrame, voided: npt.NDArray[np.float64], found: Screened) -> CleanHistory:
    """Take voided, fraudulent and bulk units out of sales; a bulk line keeps its item's usual units.

    Sales of a period never fall below zero: what the books do not show cannot be taken out.
    """
    units = lines["units"].to_numpy(float)
    ordered = units > 0
    kept = np.where(ordered, units - voided, 0.0)
    kept = np.where(found.kind == "fraud", 0.0, kept)
    kept = np.where(found.kind == "bulk", np.minimum(kept, np.maximum(found.usual, 0.0)), kept)
    out = np.where(ordered, units - kept, 0.0)
    chosen = np.flatnonzero(out > 1e-9)
    minor = 10 ** minor_digits(world.policy.currency)
    price = lines["unit_price"].astype(float).fillna(0.0).to_numpy()
    excluded = pd.DataFrame(
        {
            "table": "transactions",
            "row_key": (lines["order_id"] + "/" + lines["line"].astype(str)).iloc[chosen].to_numpy(),
            "units": np.round(units[chosen], 6),
            "kept": np.round(kept[chosen], 6),
            "money": np.rint(out[chosen] * price[chosen] * minor).astype(np.int64),
            "reason": ["cancelled" if voided[n] > 0 else found.reason[n] for n in chosen],
        }
    )
    return CleanHistory(_net_sales(world, lines.iloc[chosen], out[chosen]), excluded)


def _net_sales(world: World, lines: pd.DataFrame, out: npt.NDArray[np.float64]) -> World:
    if not len(lines):
        return world
    taken = pd.DataFrame(
        {
            "date": [world.periods.start(day) for day in pd.to_datetime(lines["ordered_at"]).dt.date],
            "item_id": lines["item_id"].to_numpy(),
            "location_id": lines["location_id"].to_numpy(),
            "out": out,
        }
    ).dropna()
    taken = taken.groupby(_KEYS)[["out"]].sum().reset_index()
    sales = plain_frame(world.table("sales"))
    joined = sales.merge(taken, on=_KEYS, how="left")
    net = np.maximum(joined["units"].to_numpy(float) - joined["out"].fillna(0.0).to_numpy(float), 0.0)
    table = world.table("sales")
    place = table.column_names.index("units")
    return world.replace(sales=table.set_column(place, "units", pa.array(np.round(net, 6))))
