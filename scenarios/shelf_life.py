"""For how long goods can be sold once they are there, and which open orders bring nothing that can."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from scenarios.sourcing import valid_sources
from scenarios.world import World, rows_of

IntArray = npt.NDArray[np.int64]
# A unit that never expires can be sold for so many periods.
KEEPS = 2**20
EXPIRED, REFUSED = "expired", "refused"
_KEYS = ["item_id", "location_id"]


def sale_days(world: World, lines: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return for how many days a unit received can be sold, its day of arrival included; inf for ever, shape (N,).

    lines: columns item_id, location_id, and source_id where the source is known

    A source that says how long its goods last on receipt counts for what it brings, the item's shelf life for the rest.
    """
    shelf = world.frame("items").set_index("item_id")["shelf_life_days"].reindex(lines["item_id"]).astype(float)
    days = np.asarray(shelf.fillna(np.inf).to_numpy(), np.float64)
    if "source_id" not in lines:
        return days
    told = valid_sources(world).set_index([*_KEYS, "source_id"])["life_on_receipt_days"].astype(float).dropna()
    if told.empty:
        return days
    own = told.reindex(pd.MultiIndex.from_frame(lines[[*_KEYS, "source_id"]])).fillna(np.inf).to_numpy()
    return np.asarray(np.minimum(days, own))


def sale_periods(world: World, lines: pd.DataFrame) -> IntArray:
    """Return `sale_days` in whole periods, at least the one of arrival; KEEPS where for ever."""
    days = sale_days(world, lines)
    counted = np.maximum(np.floor(np.where(np.isinf(days), 0, days) / world.periods.days), 1)
    return np.where(np.isinf(days), KEEPS, counted).astype(np.int64)


def accepted_days(world: World, pairs: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return the least remaining life that each place accepts on receipt, days, 0 where it says nothing, (N,)."""
    told = world.frame("assortment").set_index(_KEYS)["min_life_days"].astype(float)
    return np.asarray(told.reindex(pd.MultiIndex.from_frame(pairs[_KEYS])).fillna(0.0).to_numpy())


def bringing_nothing(world: World) -> "pd.Series[str]":
    """Return why each open order brings nothing, "" where it does, by its row.

    `EXPIRED`: the last day of sale is over when it comes, today for one that is overdue. `REFUSED`: it would have
    fewer days left than the place accepts.
    """
    orders = world.frame("open_orders")
    least = accepted_days(world, orders)
    why = []
    for row, accepted in zip(rows_of(orders), least, strict=True):
        comes = max(row.due_on, world.plan_date)
        left = np.inf if row.expires_on is None or pd.isna(row.expires_on) else (row.expires_on - comes).days + 1
        why.append(EXPIRED if left < 1 else REFUSED if left < accepted else "")
    return pd.Series(why, index=orders.index, dtype=object)
