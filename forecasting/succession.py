"""
Succession: an item that replaces another goes on where that one left off.

Where item j replaces item i, what i sold at a place before j's first sale there counts as sold by j, and so on down a
chain. The replaced item keeps its own history: it is still forecast where it is still listed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

LONGEST_CHAIN = 10
NEVER = pd.Timestamp.max


def with_predecessors(sales: pa.Table, items: pa.Table) -> pa.Table:
    """
    Return the sales with those of replaced items counted for their successors, before these first sold at a place.

    Parameters
    ----------
    sales, items : pyarrow.Table
        Columns date, item_id, location_id and others; item_id and replaces_item_id.
    """
    if "replaces_item_id" not in items.column_names:
        return sales
    known = items.select(["item_id", "replaces_item_id"]).to_pandas().astype(object).dropna()
    replaced = {new: old for new, old in known.itertuples(index=False) if old and old != new}
    if not replaced:
        return sales
    parts = [sales]
    rows = sales.filter(pc.is_in(sales["item_id"], pa.array(sorted(_all_of(replaced)), pa.string())))
    frame: Any = rows.to_pandas(date_as_object=False).astype({"item_id": object, "location_id": object})
    for new in sorted(replaced):
        added = _inherited(frame, new, replaced)
        if len(added):
            parts.append(pa.Table.from_pandas(added, sales.schema, preserve_index=False))
    return pa.concat_tables(parts)


def _all_of(replaced: dict[str, str]) -> set[str]:
    """Return all items of the pairs."""
    return set(replaced) | set(replaced.values())


def _inherited(frame: pd.DataFrame, new: str, replaced: dict[str, str]) -> pd.DataFrame:
    """Return the rows an item takes over, each under its own name."""
    first: dict[Any, Any] = frame[frame["item_id"] == new].groupby("location_id")["date"].min().to_dict()
    found, old = [], new
    for _ in range(LONGEST_CHAIN):
        old = replaced.get(old, "")
        if not old or old == new:
            break
        rows = frame[frame["item_id"] == old]
        begin = np.array([first.get(place, NEVER) for place in rows["location_id"]], dtype="datetime64[ns]")
        kept = rows[rows["date"].to_numpy() < begin]
        found.append(kept.assign(item_id=new))
        # What is older in the chain counts only before what is younger.
        first |= kept.groupby("location_id")["date"].min().to_dict()
    return pd.concat(found) if found else frame.iloc[:0]
