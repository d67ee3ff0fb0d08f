"""Files for the van: GPX, a loading list, and one page for a phone that needs no net; from the table of stops alone."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from optimizer.reports.markup import Markup, element, join
from optimizer.reports.stops import NO_STOPS, has_place
from optimizer.reports.wording import missing
from scenarios.plans import guarded
from scenarios.world import rows_of

# Map services take at most so many places between the start and the end of a link.
WAYPOINTS = 9
_DEGREES = 6
_MAP = "https://www.google.com/maps/dir/?api=1"
_STYLE = Markup(
    "body{font:18px/1.4 system-ui;margin:12px}li{margin:0 0 14px;padding:8px;border:1px solid #999;border-radius:6px}"
    "a{display:inline-block;padding:6px 10px 6px 0}input{transform:scale(1.6);margin-right:12px}"
)


def write_driver_files(target: Path, name: str, stops: pd.DataFrame) -> list[str]:
    """Write `name`.gpx, `name`.loading.tsv and `name`.html into the folder; return their names.

    stops: rows of `stops_in_order`, of one route or of all
    """
    (target / f"{name}.gpx").write_text(_gpx(stops), encoding="utf-8")
    (target / f"{name}.html").write_text(_page(stops), encoding="utf-8")
    with (target / f"{name}.loading.tsv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(["route", "vehicle", "trip", "load_order", "seq", "stop_id", "name", "kg", "litres"])
        writer.writerows(_loading(stops))
    return [f"{name}.gpx", f"{name}.html", f"{name}.loading.tsv"]


def _by_route(stops: pd.DataFrame) -> Iterator[list[Any]]:
    return (list(rows_of(part)) for _, part in stops.groupby("route", sort=True))


def _gpx(stops: pd.DataFrame) -> str:
    """Return GPX 1.1 with an <rte> a route; a stop without a place is no point. Times are local, so only words."""
    routes = [
        element("rte", element("name", rows[0].route), *(_route_point(r) for r in rows if has_place(r.lat, r.lon)))
        for rows in _by_route(stops)
    ]
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    space = "http://www.topografix.com/GPX/1/1"
    return head + element("gpx", join(*routes), version="1.1", creator="Dayplan", xmlns=space) + "\n"


def _route_point(row: Any) -> Markup:
    about = f"{row.eta:%Y-%m-%d %H:%M} to {row.etd:%H:%M}"
    name = f"{row.seq} {row.stop_id}"
    lat, lon = round(float(row.lat), _DEGREES), round(float(row.lon), _DEGREES)
    return element("rtept", element("name", name), element("desc", about), lat=lat, lon=lon)


def _loading(stops: pd.DataFrame) -> Iterator[list[Any]]:
    """Yield what goes into the van, trip by trip, the last stop's goods first."""
    for rows in _by_route(stops):
        for number, trip in enumerate(_trips(rows), 1):
            brought = [row for row in trip if row.qty > 0 or row.qty_l > 0]
            for order, row in enumerate(reversed(brought), 1):
                name = "" if missing(row.name) else guarded(str(row.name))
                where = [guarded(str(row.route)), guarded(str(row.vehicle)), number, order]
                yield [*where, row.seq, guarded(str(row.stop_id)), name, row.qty, row.qty_l]


def _trips(rows: list[Any]) -> Iterator[list[Any]]:
    """Yield the stops of each trip: depots part them."""
    trip: list[Any] = []
    for row in rows:
        if row.kind != "depot":
            trip.append(row)
        elif trip:
            yield trip
            trip = []
    if trip:
        yield trip


def map_links(rows: list[Any]) -> list[str]:
    """Return links that lead from stop to stop in order, each with at most WAYPOINTS places between its ends."""
    places = [f"{float(r.lat):.{_DEGREES}f},{float(r.lon):.{_DEGREES}f}" for r in rows if has_place(r.lat, r.lon)]
    links = []
    for first in range(0, max(len(places) - 1, 0), WAYPOINTS + 1):
        leg = places[first : first + WAYPOINTS + 2]
        between = f"&waypoints={'%7C'.join(leg[1:-1])}" if len(leg) > 2 else ""
        links.append(f"{_MAP}&origin={leg[0]}&destination={leg[-1]}{between}")
    return links


def _page(stops: pd.DataFrame) -> str:
    """Return a page that holds all it needs: each route's links to the map, then its stop sheet."""
    body = [part for rows in _by_route(stops) for part in _sheet(rows)]
    head = element("head", Markup('<meta charset="utf-8"><meta name="viewport" content="width=device-width">'),
                   element("title", "Stops"), element("style", _STYLE))  # fmt: skip
    return "<!doctype html>\n" + element("html", head, element("body", *body), lang="en") + "\n"


def _sheet(rows: list[Any]) -> Iterator[Markup]:
    yield element("h1", f"{rows[0].route} · {rows[0].vehicle}")
    yield element("p", *(element("a", f"Map {n}", href=link) for n, link in enumerate(map_links(rows), 1)))
    yield element("ol", *(_stop(row) for row in rows), start=rows[0].seq)


def _stop(row: Any) -> Markup:
    words = [f"{row.eta:%H:%M}–{row.etd:%H:%M}"]
    if not missing(row.window_start):
        words.append(f"window {row.window_start:%H:%M}–{row.window_end:%H:%M}")
    words += [f"{row.qty:g} kg, {row.qty_l:g} l"] if row.kind not in NO_STOPS else []
    known = [str(value) for value in (row.name, row.address, row.notes) if not missing(value)]
    phone = None if missing(row.phone) else element("a", str(row.phone), href=f"tel:{row.phone}")
    box = None if row.kind in NO_STOPS else Markup('<input type="checkbox">')
    title = element("strong", row.stop_id)
    return element("li", box, title, Markup("<br>"), " · ".join([*words, *known]), Markup("<br>"), phone, value=row.seq)
