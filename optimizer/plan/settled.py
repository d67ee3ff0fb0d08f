"""Which of today's lines are settled before anything is decided: locked, set by a planner, or frozen."""

from collections.abc import Collection, Iterator
from typing import Any

import pandas as pd

from optimizer.plan.ids import purchase_line_id, transfer_line_id
from scenarios.locks import Lock, locked_quantities
from scenarios.sourcing import valid_sources
from scenarios.world import World, rows_of


def possible_lines(world: World) -> dict[str, Lock]:
    """Return today's possible lines by their line_id: one for each source in force."""
    found, day = {}, world.plan_date
    for row in rows_of(valid_sources(world)):
        if row.source_kind == "dc":
            name = transfer_line_id(row.item_id, row.source_id, row.location_id, day)
            found[name] = Lock("transfers", row.item_id, row.location_id, row.source_id)
        else:
            name = purchase_line_id(row.item_id, row.location_id, row.source_id, day)
            found[name] = Lock("purchase_orders", row.item_id, row.location_id, row.source_id)
    return found


def locked_today(world: World) -> dict[Lock, float]:
    """Return the locked or overridden units of today's lines."""
    return locked_quantities(world, possible_lines(world))


def is_locked(locked: Collection[Lock], line: Lock) -> bool:
    """Return whether a line is locked by its own name or by its item and place."""
    return line in locked or line._replace(source_id="") in locked


def settled_lines(world: World, orders: pd.DataFrame, transfers: pd.DataFrame, changes: pd.DataFrame) -> frozenset[str]:
    """Return the line_ids of today's orders and transfers that no rule may change: locked ones, and frozen ones."""
    locked, frozen = locked_today(world), set(changes.loc[changes["frozen"].astype(bool), "line_id"])
    lines = {
        row.line_id: Lock("purchase_orders", row.item_id, row.location_id, row.source_id) for row in _today(orders)
    }
    lines |= {
        row.line_id: Lock("transfers", row.item_id, row.to_location, row.from_location) for row in _today(transfers)
    }
    return frozenset(name for name, line in lines.items() if name in frozen or is_locked(locked, line))


def _today(lines: pd.DataFrame) -> Iterator[Any]:
    return rows_of(lines[lines["status"] == "proposed"])
