"""The stops as orders, in the columns that OptimoRoute imports, for dispatchers who route or track them there."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pandas as pd

from optimizer.reports.stops import NO_STOPS
from optimizer.reports.wording import missing
from scenarios.plans import guarded
from scenarios.world import rows_of

_COLUMNS: Final = (
    "Order ID", "Type", "Date", "Duration", "Location", "Address", "Latitude", "Longitude", "Time window from",
    "Time window to", "Load #1", "Load #2", "Driver", "Phone", "Notes",
)  # fmt: skip


def write_orders(path: Path, stops: pd.DataFrame) -> None:
    """Write one order a stop: D brings, P fetches; duration in minutes, loads in kg and litres.

    A window there ends the service, ours its begin, so the time at the door is added to its end.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(_order(row) for row in rows_of(stops[~stops["kind"].isin(NO_STOPS)]))


def _order(row: Any) -> list[str]:
    place = ["" if missing(value) else f"{float(value):.6f}" for value in (row.lat, row.lon)]
    text = ["" if missing(value) else guarded(str(value)) for value in (row.name, row.address, row.phone, row.notes)]
    kind, loads = "P" if row.kind == "pick-up" else "D", [f"{abs(load):g}" for load in (row.qty, row.qty_l)]
    return [
        guarded(str(row.stop_id)), kind, f"{row.eta:%Y-%m-%d}", f"{row.service_min:g}", *text[:2], *place,
        *_window(row), *loads, guarded(str(row.vehicle)), *text[2:],
    ]  # fmt: skip


def _window(row: Any) -> Iterator[str]:
    if missing(row.window_start):
        yield from ("", "")
        return
    yield f"{row.window_start:%H:%M}"
    yield f"{row.window_end + pd.Timedelta(minutes=float(row.service_min)):%H:%M}"
