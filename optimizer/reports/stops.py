"""The stops of the routes with all that a driver and a map need, from the table `routes` and the inputs."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from optimizer.reports.material import Material
from optimizer.reports.wording import missing
from scenarios.world import rows_of

_PEOPLE = ("lat", "lon", "name", "address", "phone")
STOP_COLUMNS = (
    "route", "seq", "stop_id", "name", "address", "lat", "lon", "eta", "etd", "window_start", "window_end",
    "service_min", "qty", "phone", "notes", "kind", "vehicle", "qty_l", "wait_min", "load_kg", "load_l", "km",
)  # fmt: skip
# Rows of a route that bring nothing to anybody.
NO_STOPS = ("depot", "break")
_PLACES = 3


def stops_in_order(material: Material) -> pd.DataFrame:
    """Return one row a visit, depots too, by route in driving order, with the columns of `STOP_COLUMNS`.

    lat, lon: degrees; service_min, wait_min: minutes; qty, load_kg: kg; qty_l, load_l: litres; km from the stop before.
    qty is what the load falls by at the stop, below zero where it grows. What the tables do not say is None or NaN.
    """
    routes = material.frame("routes").sort_values(["route_id", "seq"], kind="stable")
    people, windows = _addresses(material), _windows(material)
    rows: list[dict[str, Any]] = []
    for _, visits in routes.groupby("route_id", sort=True):
        load, there = (0.0, 0.0), _where_stood(list(rows_of(visits)))
        for n, row in enumerate(rows_of(visits)):
            fallen = (0.0, 0.0) if n == 0 else (load[0] - row.load_kg, load[1] - row.load_l)
            load = (row.load_kg, row.load_l)
            rows.append({**_visit(row, fallen), **_whom(material, people, there[n], row), **_window(windows, row)})
    return pd.DataFrame(rows, columns=list(STOP_COLUMNS))


def _visit(row: Any, fallen: tuple[float, float]) -> dict[str, Any]:
    inside = (row.etd - row.eta).total_seconds() / 60 - row.wait_minutes
    return {
        "route": row.route_id,
        "seq": int(row.seq),
        "stop_id": row.stop_id,
        "eta": row.eta,
        "etd": row.etd,
        "service_min": round(inside, 2),
        "qty": round(fallen[0], _PLACES),
        "kind": row.kind,
        "vehicle": row.vehicle_id,
        "qty_l": round(fallen[1], _PLACES),
        "wait_min": row.wait_minutes,
        "load_kg": row.load_kg,
        "load_l": row.load_l,
        "km": row.km,
    }


def _addresses(material: Material) -> Mapping[str, dict[str, Any]]:
    """Return place, name, address, phone and notes by delivery; what a delivery leaves open is its customer's."""
    deliveries = material.world.frame("deliveries")
    customers = material.world.frame("customers").set_index("customer_id")
    for name in _PEOPLE:
        own = deliveries[name].astype(object)
        theirs = deliveries["customer_id"].map(customers[name].astype(object))
        deliveries[name] = own.where(own.notna(), theirs)
    kept = deliveries.set_index("delivery_id")[[*_PEOPLE, "notes"]].astype(object)
    return {row.Index: {name: getattr(row, name) for name in kept.columns} for row in rows_of(kept)}


def _where_stood(rows: list[Any]) -> list[Any]:
    """Return for each row the one whose place it is: a break's is the stop driven to for it, else the stop before."""
    there: list[Any] = []
    for n, row in enumerate(rows):
        ahead = row.kind == "break" and (row.km > 0 or (rows[n - 1].kind == "break" and there[-1].seq > row.seq))
        if row.kind != "break":
            there.append(row)
        elif ahead:
            there.append(next((other for other in rows[n:] if other.kind != "break"), row))
        else:
            there.append(there[-1])
    return there


def _whom(material: Material, people: Mapping[str, dict[str, Any]], there: Any, row: Any) -> dict[str, Any]:
    """Return whom a row is for, and where; `there` is the row whose place it is."""
    if row.kind == "break":
        place = _whom(material, people, there, there)
        return {"name": "break", "lat": place.get("lat"), "lon": place.get("lon")}
    if row.kind in {"delivery", "pick-up"} and row.stop_id in people:
        return people[row.stop_id]
    return _place(material, location_of(material, row.stop_id))


def _place(material: Material, location: str) -> dict[str, Any]:
    found = material.locations.get(location, {})
    return {"name": material.place(location), "lat": found.get("lat"), "lon": found.get("lon")}


def location_of(material: Material, stop: str) -> str:
    """Return the location a stop lies at: its own id, or the receiver of a transfer `from>to` or `from>to#load`."""
    for name in (stop, stop.rpartition("#")[0]):
        if name in material.locations:
            return name
        # Ids may hold the sign themselves, so the cut is where both sides are locations.
        for n, letter in enumerate(name):
            if letter == ">" and name[:n] in material.locations and name[n + 1 :] in material.locations:
                return name[n + 1 :]
    return stop


def _windows(material: Material) -> Mapping[str, list[tuple[Any, Any]]]:
    table = material.world.frame("delivery_windows").sort_values(["delivery_id", "window_start"])
    found: dict[str, list[tuple[Any, Any]]] = {}
    for row in rows_of(table):
        found.setdefault(row.delivery_id, []).append((row.window_start, row.window_end))
    return found


def _window(windows: Mapping[str, list[tuple[Any, Any]]], row: Any) -> dict[str, Any]:
    """Return the window in which service begins, the first one where none holds it."""
    mine = windows.get(row.stop_id, [])
    begin = row.eta + pd.Timedelta(minutes=row.wait_minutes)
    holding = [pair for pair in mine if pair[0] <= begin <= pair[1]] or mine
    start, end = holding[0] if holding else (None, None)
    return {"window_start": start, "window_end": end}


def has_place(lat: Any, lon: Any) -> bool:
    """Return whether a stop can be put on a map."""
    return not missing(lat) and not missing(lon)
