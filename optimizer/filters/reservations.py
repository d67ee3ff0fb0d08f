"""Stock that held orders no longer reserve: it is free for others until somebody releases them."""

from collections.abc import Collection

import numpy as np
import pandas as pd
import pyarrow as pa

from optimizer.plan.exceptions import ExceptionRow
from scenarios.world import World

_KEYS = ["item_id", "location_id"]


def free_of_held(world: World, lines: pd.DataFrame, held: Collection[str]) -> tuple[World, list[ExceptionRow]]:
    """Return the world whose stock the held orders no longer reserve, and a row that says how much that is.

    lines: as `order_lines` returns them

    Of each item at each place at most what is reserved becomes free, lot after lot; what else is reserved stays.
    """
    mine = lines[lines["order_id"].isin(held) & (lines["units"] > 0) & lines["is_order"]]
    asked = mine.groupby(_KEYS)["units"].sum()
    stock = world.frame("stock")
    reserved = stock["reserved"].to_numpy(float)
    if asked.empty or not reserved.any():
        return world, []
    wanted = asked.reindex(pd.MultiIndex.from_frame(stock[_KEYS])).fillna(0.0).to_numpy()
    before = stock.assign(reserved=reserved).sort_values([*_KEYS, "lot"], kind="stable")
    earlier = before.groupby(_KEYS)["reserved"].cumsum().reindex(stock.index).to_numpy() - reserved
    freed = np.clip(wanted - earlier, 0.0, reserved)
    table = world.table("stock")
    at = table.column_names.index("reserved")
    left = pa.array(np.round(reserved - freed, 6), table.schema.field(at).type)
    units, pairs = float(freed.sum()), stock.loc[freed > 0, _KEYS].drop_duplicates()
    if not units:
        return world, []
    text = f"held orders no longer reserve {units:g} units of {len(pairs)} pairs, until they are released"
    told = ExceptionRow("reserved by held orders", "held", text, {"units": round(units, 6)})
    return world.replace(stock=table.set_column(at, table.schema.field(at), left)), [told]
