"""The plan before this one: what it meant to order, what stands of it, and what it costs to order otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scenarios.world import World, rows_of

Array = npt.NDArray[Any]
FloatArray = npt.NDArray[np.float64]
_SAME = 1e-6


@dataclass(frozen=True)
class Changes:
    """What it costs to order today otherwise than the plan before said, for N lines.

    Attributes
    ----------
    before : steps that the plan before meant for today, NaN where it says nothing, shape (N,).
    line : money for a line that changes at all, shape (N,).
    each : money for each step more or less, shape (N,).
    """

    before: Array
    line: Array
    each: Array

    def price(self, line: Array, quantity: Array) -> Array:
        """Give the money for ordering `quantity` (K,) of `line` (K,) today, shape (K,)."""
        moved = np.abs(np.nan_to_num(quantity - self.before[line]))
        return np.asarray(np.where(moved > _SAME, self.line[line] + self.each[line] * moved, 0.0))

    def of(self, chosen: slice | Array) -> Changes:
        """Give the changes of some lines."""
        return Changes(self.before[chosen], self.line[chosen], self.each[chosen])

    def faults(self, lines: int) -> list[str]:
        """Give what does not fit the lines, one sentence each."""
        faults = [
            f"change {name}: shape {getattr(self, name).shape}, expected {(lines,)}"
            for name in ("before", "line", "each")
            if getattr(self, name).shape != (lines,)
        ]
        return faults + [f"change {name}: found a negative value" for name in ("line", "each") if self._below(name)]

    def _below(self, name: str) -> bool:
        return bool((getattr(self, name) < 0).any())


@dataclass(frozen=True)
class Before:
    """What the plan before says.

    lines: columns item_id, location_id, source_id, order_on, quantity (units)
    pairs: items and places it planned; until: the last day it saw
    """

    lines: pd.DataFrame
    pairs: frozenset[tuple[str, str]]
    until: date

    @classmethod
    def of(cls, tables: Mapping[str, pd.DataFrame]) -> Before | None:
        """Read it from the tables of the plan before; None where it planned no orders."""
        if not {"purchase_orders", "transfers", "forecast"} <= tables.keys() or tables["forecast"].empty:
            return None
        moves = tables["transfers"].rename(
            columns={"from_location": "source_id", "to_location": "location_id", "ship_on": "order_on"}
        )
        columns = ["item_id", "location_id", "source_id", "order_on", "quantity"]
        parts = [one[columns] for one in (tables["purchase_orders"].fillna({"source_id": ""}), moves) if len(one)]
        lines = pd.concat(parts, ignore_index=True) if parts else moves[columns]
        seen = tables["forecast"]
        pairs = seen[["item_id", "location_id"]].drop_duplicates()
        return cls(lines, frozenset(pairs.itertuples(index=False, name=None)), seen["date"].max())


def meant(before: Before | None, world: World, lines: pd.DataFrame, periods: int) -> FloatArray:
    """Return what the plan before meant to order of each line by period, units, shape (lines, periods).

    lines: columns item_id, location_id, source_id

    NaN where it says nothing: it did not plan the pair, or did not look so far.
    """
    found = np.full((len(lines), periods), np.nan)
    if before is None:
        return found
    keys = list(zip(lines["item_id"], lines["location_id"], lines["source_id"], strict=True))
    seen = np.clip(world.periods.between(world.plan_date, before.until) + 1, 0, periods)
    found[[key[:2] in before.pairs for key in keys], :seen] = 0.0
    at = {key: n for n, key in enumerate(keys)}
    for row in rows_of(before.lines):
        n = at.get((row.item_id, row.location_id, row.source_id))
        t = world.periods.between(world.plan_date, row.order_on)
        if n is not None and 0 <= t < seen:
            found[n, t] = np.nan_to_num(found[n, t]) + row.quantity
    return found


def frozen_periods(world: World, periods: int) -> int:
    """Return within how many periods from the plan date on the orders of the plan before stand."""
    return min(-(-world.policy.frozen_days // world.periods.days), periods)


def change_prices(world: World, unit_cost: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return what a changed line costs, and each unit of the change; major units, shape as `unit_cost`."""
    return np.full(len(unit_cost), world.policy.change_cost), world.policy.change_rate * unit_cost
