"""
Succession: an item that replaces another goes on where that one left off.

Where item j replaces item i, what i sold at a place before j's first sale there counts as sold by j, and so on down a
chain. The replaced item keeps its own history. Where both are listed, what is inherited must not be expected twice: on
the day j begins (its first sale there, else the day it is introduced, else the plan date) i is left out for four weeks,
the time j's own sales need to take the place of what it inherited; before that day j is left out.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

LONGEST_CHAIN = 10
NEVER = pd.Timestamp.max
OVERLAP = np.timedelta64(28, "D")


def with_predecessors(sales: pa.Table, items: pa.Table) -> pa.Table:
    """
    Return the sales with those of replaced items counted for their successors, before these first sold at a place.

    Parameters
    ----------
    sales, items : pyarrow.Table
        Columns date, item_id, location_id and others; item_id and replaces_item_id.
    """
    replaced = _replaced(items)
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


def _replaced(items: pa.Table) -> dict[str, str]:
    """Return the predecessor of every item that names one."""
    if "replaces_item_id" not in items.column_names:
        return {}
    known = items.select(["item_id", "replaces_item_id"]).to_pandas().astype(object).dropna()
    return {new: old for new, old in known.itertuples(index=False) if old and old != new}


class Handover(NamedTuple):
    """Place of a series that gives way, of the one that takes over, and the first day of the latter."""

    old: int
    new: int
    begins: np.datetime64


def handovers(sales: pa.Table, items: pa.Table, ids: tuple[Any, Any], plan_date: np.datetime64) -> list[Handover]:
    """
    Return where an item and the one it replaces are both listed at a place, in the order of the new series.

    Parameters
    ----------
    sales, items : pyarrow.Table
        As they were given, without what was inherited.
    ids : two arrays of str, shape (series,)
        Item and place.
    plan_date : datetime64[D]
    """
    replaced = _replaced(items)
    place = {pair: n for n, pair in enumerate(zip(*ids, strict=True))}
    both = [
        (place[replaced[item], where], n)
        for (item, where), n in place.items()
        if (replaced.get(item), where) in place and replaced.get(replaced[item]) != item
    ]
    if not both:
        return []
    news = pa.array(sorted({ids[0][new] for _, new in both}), pa.string())
    sold = sales.filter(pc.and_(pc.is_in(sales["item_id"], news), pc.greater(sales["units"], 0.0)))
    frame: Any = sold.select(["date", "item_id", "location_id"]).to_pandas(date_as_object=False)
    first = frame.astype({"item_id": object, "location_id": object}).groupby(["item_id", "location_id"])["date"].min()
    introduced = _introduced(items)
    found = []
    for old, new in both:
        item, where = ids[0][new], ids[1][new]
        begins = first.get((item, where)) if (item, where) in first.index else introduced.get(item)
        begins = plan_date if begins is None else np.datetime64(pd.Timestamp(begins), "D")
        known = (item, where) in first.index
        found.append(Handover(old, new, begins if known else max(begins, plan_date)))
    return found


def _introduced(items: pa.Table) -> dict[str, Any]:
    """Return the day on which each item is introduced, of those that have one."""
    if "introduced_on" not in items.column_names:
        return {}
    rows = zip(items["item_id"].to_pylist(), items["introduced_on"].to_pylist(), strict=True)
    return {item: day for item, day in rows if day is not None}


def expected_once(steps: Any, dates: Any, found: list[Handover]) -> Any:
    """Return paths (series, path, period) in which no demand is expected of both items of a handover."""
    if not found:
        return steps
    steps = steps.copy()
    for line in found:
        steps[line.new][:, dates < line.begins] = 0
        steps[line.old][:, (dates >= line.begins) & (dates < line.begins + OVERLAP)] = 0
    return steps


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
