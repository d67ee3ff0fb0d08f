"""What a person should look at: assumptions, refused rows, late orders, shortages, each with its money."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from scenarios.faults import Fault
from scenarios.money import minor_digits
from scenarios.shelf_life import EXPIRED, REFUSED, bringing_nothing
from scenarios.tariff import Tariff
from scenarios.world import World, rows_of

# What is said of an open order by why it brings nothing.
_COUNTED = {
    "": "; counted as received today",
    EXPIRED: " and can no longer be sold then; it is not counted",
    REFUSED: " with less life left than the place accepts; it is not counted",
}
# Shortages listed one by one; the figure for all of them stands in `kpis`.
MOST_SHORTAGES = 50


@dataclass(frozen=True)
class ExceptionRow:
    """One row of the table `exceptions`; money in minor units."""

    subject: str
    kind: str
    text: str
    numbers: dict[str, Any]
    money: int = 0


def exception_table(rows: Iterable[ExceptionRow]) -> pd.DataFrame:
    """Return the table, one row a subject: the first said of it stays."""
    records = [{**vars(row), "numbers": json.dumps(row.numbers, ensure_ascii=False)} for row in rows]
    table = pd.DataFrame(records, columns=["subject", "kind", "text", "numbers", "money"])
    return table.drop_duplicates("subject")


def from_inputs(world: World) -> list[ExceptionRow]:
    """Return what the reading of the tables has to say: refused rows by file, notices, an import's assumptions."""
    rows = [_refused(name, faults) for name, faults in _by_file(world.quarantine).items()]
    rows += [ExceptionRow(f"note {n + 1}", "note", text, {}) for n, text in enumerate(world.notices)]
    rows += [ExceptionRow(f"assumption {n + 1}", "assumed", text, {}) for n, text in enumerate(world.assumptions)]
    return rows


def _by_file(faults: Iterable[Fault]) -> dict[str, list[Fault]]:
    files: dict[str, list[Fault]] = {}
    for fault in faults:
        files.setdefault(fault.file, []).append(fault)
    return files


def _refused(name: str, faults: list[Fault]) -> ExceptionRow:
    money = sum(fault.money or 0 for fault in faults)
    text = f"{len(faults):,} faults in {name}, the first: {faults[0]}"
    return ExceptionRow(f"refused {name}", "quarantine", text, {"faults": len(faults)}, money)


def late_orders(world: World, rates: "pd.Series[float]") -> list[ExceptionRow]:
    """Return the open orders due before the plan date, and those that bring nothing; `rates` is the cost by item."""
    orders = world.frame("open_orders").assign(lost=bringing_nothing(world))
    minor = 10 ** minor_digits(world.policy.currency)
    rows = []
    for row in rows_of(orders[(orders["due_on"] < world.plan_date) | (orders["lost"] != "")]):
        days = (world.plan_date - row.due_on).days
        what = f"order {row.order_id} line {row.line}: {row.quantity:g} of {row.item_id} for {row.location_id}"
        late = f"{what} is {days} days late" if days > 0 else f"{what} is due on {row.due_on}"
        money = round(row.quantity * float(rates.get(row.item_id, 0.0)) * minor)
        kind = row.lost or "late"
        rows.append(
            ExceptionRow(f"{kind} {row.order_id} {row.line}", kind, late + _COUNTED[row.lost], {"days": days}, money)
        )
    return rows


def expired_stock(
    world: World, pairs: pd.DataFrame, expired: "np.ndarray[Any, Any]", rates: Tariff
) -> list[ExceptionRow]:
    """Return the stock whose last day of sale has passed, shape (pairs,) in units."""
    minor = 10 ** minor_digits(world.policy.currency)
    rows = []
    for n in np.flatnonzero(expired > 0):
        item, place = pairs["item_id"].iloc[n], pairs["location_id"].iloc[n]
        text = f"{expired[n]:g} of {item} at {place} are past their last day of sale and left out"
        money = round(float(expired[n] * rates.waste[n]) * minor)
        rows.append(ExceptionRow(f"expired {item} {place}", "expired", text, {"units": float(expired[n])}, money))
    return rows


def shortages(world: World, costs: pd.DataFrame, projection: pd.DataFrame) -> list[ExceptionRow]:
    """Return the pairs that lose most money by being short, with when and how much."""
    short = costs[costs["component"] == "shortage"].nlargest(MOST_SHORTAGES, "amount", keep="all").head(MOST_SHORTAGES)
    lost = projection.groupby(["item_id", "location_id"])["lost_mean"].sum()
    first = projection[projection["out_of_stock_probability"] >= 0.5].groupby(["item_id", "location_id"])["date"].min()
    rows = []
    for row in rows_of(short):
        key = (row.item_id, row.location_id)
        units, day = float(lost[key]), first.get(key)
        when = f", out of stock more likely than not from {day}" if day is not None else ""
        text = f"{row.item_id} at {row.location_id} is expected to lose {units:,.1f} units{when}"
        rows.append(
            ExceptionRow(
                f"short {row.item_id} {row.location_id}", "shortage", text, {"units": round(units, 6)}, int(row.amount)
            )
        )
    return rows
