"""Quantities that a planner has locked, or set instead of the engine's, for the plan date."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from scenarios.world import World

_TABLES = ("locks", "overrides")
_TARGETS = ("purchase_orders", "transfers")


class Lock(NamedTuple):
    """A line of today: its table, item, receiving place, and source; "" for whichever source delivers."""

    table: str
    item_id: str
    location_id: str
    source_id: str = ""


def locked_quantities(world: World, names: Mapping[str, Lock]) -> dict[Lock, float]:
    """Return the units of today's lines that `locks` hold or `overrides` set, rounded to whole steps of the item.

    names: today's possible lines by their line_id, for rows that name a line

    Either holds from `from` to `to`, both included; an open side never ends. Of several, in both tables, the one set
    last holds; set at the same time, an override.
    """
    steps = world.frame("items").set_index("item_id")["unit_step"].to_dict()
    locked: dict[Lock, float] = {}
    for row in _rows(world).to_dict("records"):
        lock = names.get(row["line_id"]) if row["line_id"] else _named(row)
        if lock is not None and lock.item_id and lock.location_id:
            step = float(steps.get(lock.item_id, 1.0))
            locked[lock] = float(np.round(np.rint(float(row["value"]) / step) * step, 6))
    return locked


def unknown_lines(world: World, names: Mapping[str, Lock]) -> list[str]:
    """Return the line_ids that `locks` and `overrides` of today name and that are none of today's possible lines.

    A row that names neither a line nor item and place stands as "".
    """
    rows = _rows(world).fillna({"line_id": "", "item_id": "", "location_id": ""}).to_dict("records")
    unknown = [row["line_id"] for row in rows if row["line_id"] and row["line_id"] not in names]
    return unknown + ["" for row in rows if not (row["line_id"] or (row["item_id"] and row["location_id"]))]


def _named(row: Mapping[Any, Any]) -> Lock:
    source = row.get("source_id")
    return Lock(row["target"], row["item_id"], row["location_id"], source if isinstance(source, str) else "")


def _rows(world: World) -> pd.DataFrame:
    """Return the rows of both tables that give a quantity for the plan date, the one set last at the end."""
    parts = [world.frame(name) for name in _TABLES if world.has(name)]
    if not parts:
        return world.frame(_TABLES[0])
    rows = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
    rows = rows[(rows["field"] == "quantity") & rows["target"].isin(_TARGETS)]
    begun = rows["from"].isna() | (rows["from"].fillna(world.plan_date) <= world.plan_date)
    going = rows["to"].isna() | (rows["to"].fillna(world.plan_date) >= world.plan_date)
    rows = rows[begun & going]
    return rows.sort_values("at", na_position="first", kind="stable")
