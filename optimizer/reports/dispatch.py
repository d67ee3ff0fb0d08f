"""Files for the dispatcher: each route and all, as CSV in driving order, GeoJSON, VROOM JSON, and for the driver."""

import csv
import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from optimizer.reports.driver_files import write_driver_files
from optimizer.reports.material import Material
from optimizer.reports.orders_file import write_orders
from optimizer.reports.stops import NO_STOPS, STOP_COLUMNS, has_place, stops_in_order
from optimizer.reports.vroom_plan import numbered, write_vroom
from optimizer.reports.wording import missing
from scenarios.plans import guarded, shown_number
from scenarios.world import rows_of

FOLDER = "dispatch"
ALL = "all"
ORDERS = "orders.optimoroute.csv"
# What may stand in a file's name on every system; the rest becomes a hyphen.
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")
_DEGREES = 6


def write_dispatch(folder: Path, material: Material) -> list[str]:
    """Write `folder`/dispatch and return the names of its files; nothing where there are no routes."""
    stops = stops_in_order(material)
    if stops.empty:
        return []
    names = write_pack(folder / FOLDER, stops, list(material.frame("unserved")["stop_id"]))
    return [f"{FOLDER}/{name}" for name in names]


def write_pack(target: Path, stops: pd.DataFrame, left_out: Collection[str] = ()) -> list[str]:
    """Write the pack of some routes into a folder and return the names of its files: all of them from one table.

    stops: rows of `stops_in_order`; left_out: the stops on no route
    """
    target.mkdir(parents=True, exist_ok=True)
    names, numbers = [ORDERS], numbered(stops, left_out)
    write_orders(target / ORDERS, stops)
    for name, part in _parts(stops):
        _write_csv(target / f"{name}.csv", part)
        _write_geojson(target / f"{name}.geojson", part)
        write_vroom(target / f"{name}.vroom.json", part, numbers, left_out if name == ALL else ())
        names += [f"{name}.csv", f"{name}.geojson", f"{name}.vroom.json", *write_driver_files(target, name, part)]
    return names


def _parts(stops: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield a file name and its stops: all routes, then each; two routes never share a name."""
    taken = {ALL, ORDERS.split(".")[0]}
    yield ALL, stops
    for route, part in stops.groupby("route", sort=True):
        name = plain = _NOT_IN_NAMES.sub("-", str(route)) or "route"
        number = 1
        while name.lower() in taken:
            number += 1
            name = f"{plain}-{number}"
        taken.add(name.lower())
        yield name, part


def _write_csv(path: Path, stops: pd.DataFrame) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(STOP_COLUMNS)
        writer.writerows([_shown(value) for value in row] for row in stops.itertuples(index=False, name=None))


def _shown(value: Any) -> str:
    if missing(value):
        return ""
    if isinstance(value, str):
        return guarded(value)
    return value.isoformat() if hasattr(value, "isoformat") else shown_number(float(value))


def _write_geojson(path: Path, stops: pd.DataFrame) -> None:
    features = [feature for _, part in stops.groupby("route", sort=True) for feature in _features(part)]
    lines = ",\n".join(json.dumps(feature, ensure_ascii=False, allow_nan=False) for feature in features)
    path.write_text(f'{{"type": "FeatureCollection", "features": [\n{lines}\n]}}\n', encoding="utf-8")


def _features(stops: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield one LineString for the route, straight from stop to stop, and a Point for each visit."""
    rows = list(rows_of(stops))
    points = [_point(row) for row in rows if has_place(row.lat, row.lon)]
    about = {
        "route": rows[0].route,
        "vehicle": rows[0].vehicle,
        "stops": sum(row.kind not in NO_STOPS for row in rows),
        "km": round(float(stops["km"].sum()), 3),
        "start": rows[0].eta.isoformat(),
        "end": rows[-1].etd.isoformat(),
    }
    # A line needs two points; a route that has not goes without geometry, as the format allows.
    line = {"type": "LineString", "coordinates": points} if len(points) > 1 else None
    yield {"type": "Feature", "geometry": line, "properties": about}
    for row in rows:
        place = {"type": "Point", "coordinates": _point(row)} if has_place(row.lat, row.lon) else None
        yield {"type": "Feature", "geometry": place, "properties": _about(row)}


def _point(row: Any) -> list[float]:
    """Return a place as GeoJSON has it: longitude first (RFC 7946)."""
    return [round(float(row.lon), _DEGREES), round(float(row.lat), _DEGREES)]


def _about(row: Any) -> dict[str, Any]:
    load = {name: round(float(getattr(row, name)), 3) for name in ("load_kg", "load_l", "qty", "qty_l")}
    times = {name: getattr(row, name).isoformat() for name in ("eta", "etd")}
    name = None if missing(row.name) else row.name
    return (
        {"route": row.route, "seq": int(row.seq), "stop_id": row.stop_id, "kind": row.kind, "name": name} | times | load
    )
