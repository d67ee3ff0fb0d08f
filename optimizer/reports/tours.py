"""The dispatcher's part of the page: the map, the routes stop by stop, what is left out and why."""

from typing import Any

import pandas as pd

from optimizer.reports.markup import Markup, element, join
from optimizer.reports.material import Material
from optimizer.reports.road_map import ROUTE_COLOURS, Place, Route, Scene, Visit, road_map
from optimizer.reports.stops import NO_STOPS, has_place, stops_in_order
from optimizer.reports.tables import Field, capped, note, rest, rows_for_groups, section, summed, table
from optimizer.reports.wording import clock, clock_cell, counted, missing, money, units
from scenarios.world import rows_of

# A network with more edges than these says little at the size of a page.
_MOST_ROADS = 5000


def tours(material: Material) -> Markup | None:
    """Return the routes with their map; None where routes are not decided."""
    if not material.has("routes"):
        return None
    stops = stops_in_order(material)
    if stops.empty:
        return section("routes", "Routes", note("Nothing is to be driven today."), _unserved(material))
    tables = (_overview(material, stops), _changes(material), *_stop_tables(stops), _unserved(material))
    parts = (_map(material, stops), *tables)
    return section("routes", "Routes", *parts)


def _map(material: Material, stops: pd.DataFrame) -> Markup:
    routes = [Route(str(name), _visits(part)) for name, part in stops.groupby("route", sort=True)]
    placed = [route for route in routes if route.visits]
    scene = Scene(_places(material), placed, _roads(material))
    legend = [_key("line", n, f"{route.name}, {_vehicle(stops, route.name)}") for n, route in enumerate(placed)]
    marks = (_key("dc", 0, "distribution centre"), _key("store", 0, "store"), _key("stop", 0, "stop, in driving order"))
    lost = int((stops["kind"] != "break").sum()) - sum(len(route.visits) for route in placed)
    missed = f" {counted(lost, 'visit')} without coordinates are not drawn." if lost else ""
    roads = " Faint lines are roads." if scene.roads else ""
    words = f"Routes are straight lines from stop to stop; kilometres are those driven.{roads}{missed}"
    return element(
        "figure",
        element("div", road_map(scene), class_="scroll", tabindex=0, role="region", aria_label="Map of the routes"),
        element("ul", *legend, *marks, class_="legend"),
        element("figcaption", words),
        class_="map-figure",
    )


def _visits(stops: pd.DataFrame) -> list[Visit]:
    return [
        Visit(float(row.lat), float(row.lon), int(row.seq), _words(row), row.kind)
        for row in rows_of(stops)
        if has_place(row.lat, row.lon) and row.kind != "break"
    ]


def _words(row: Any) -> str:
    name = row.stop_id if missing(row.name) else row.name
    return f"{row.route}, stop {row.seq}: {name}, {clock(row.eta)}"


def _vehicle(stops: pd.DataFrame, route: str) -> str:
    return str(stops.loc[stops["route"] == route, "vehicle"].iloc[0])


def _places(material: Material) -> list[Place]:
    return [
        Place(material.place(name), float(place["lat"]), float(place["lon"]), place["kind"])
        for name, place in material.locations.items()
        if has_place(place["lat"], place["lon"])
    ]


def _roads(material: Material) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    edges = material.world.frame("road_edges")
    if len(edges) > _MOST_ROADS:
        return []
    nodes = material.world.frame("road_nodes")
    where = {row.node_id: (row.lat, row.lon) for row in rows_of(nodes) if has_place(row.lat, row.lon)}
    ways = {(min(row.from_node, row.to_node), max(row.from_node, row.to_node)) for row in rows_of(edges)}
    return [(where[one], where[other]) for one, other in sorted(ways) if one in where and other in where]


def _key(kind: str, number: int, words: str) -> Markup:
    """Return an entry of the legend with its mark."""
    marks = {
        "line": element("path", d="M1 8H27", class_=f"route r{number % ROUTE_COLOURS}"),
        "dc": element("rect", x=6, y=1, width=14, height=14, class_="place dc"),
        "store": element("path", d="M14 0l8 8l-8 8l-8-8Z", class_="place store"),
        "stop": element("circle", cx=14, cy=8, r=6, class_="stop plain"),
    }
    swatch = element("svg", marks[kind], viewBox="0 0 28 16", width=28, height=16, aria_hidden="true")
    return element("li", swatch, element("span", words))


def _overview(material: Material, stops: pd.DataFrame) -> Markup:
    costs = material.frame("costs")
    cash = costs[costs["route_id"].notna()].groupby("route_id")["amount"].sum()
    drivers = material.world.frame("vehicles").set_index("vehicle_id")["driver"].to_dict()
    parts = [(str(name), part) for name, part in stops.groupby("route", sort=True)]
    rows = pd.DataFrame(
        {
            "route": [name for name, _ in parts],
            "vehicle": [part["vehicle"].iloc[0] for _, part in parts],
            "stops": [int((~part["kind"].isin(NO_STOPS)).sum()) for _, part in parts],
            "start": [part["eta"].iloc[0] for _, part in parts],
            "end": [part["etd"].iloc[-1] for _, part in parts],
            "km": [part["km"].sum() for _, part in parts],
            "kg": [part["load_kg"].max() for _, part in parts],
            "litres": [part["load_l"].max() for _, part in parts],
            "cost": [int(cash.get(name, 0)) for name, _ in parts],
        }
    )
    fields = (
        Field("Route", lambda row: row.route),
        Field("Vehicle", lambda row: join(row.vehicle, _driver(drivers.get(row.vehicle)))),
        Field("Stops", lambda row: f"{row.stops:,}", "n"),
        Field("Leaves", lambda row: clock_cell(row.start), "n"),
        Field("Back", lambda row: clock_cell(row.end), "n"),
        Field("km", lambda row: f"{row.km:,.1f}", "n"),
        Field("Most kg", lambda row: units(row.kg), "n"),
        Field("Most litres", lambda row: units(row.litres), "n"),
        Field(f"Cost, {material.currency}", lambda row: money(row.cost, material.currency), "n"),
    )
    way, cost = f"{rows['km'].sum():,.1f} km", f"{money(rows['cost'].sum(), material.currency)} {material.currency}"
    caption = f"{counted(len(rows), 'route')}, {counted(int(rows['stops'].sum()), 'stop')}, {way}, {cost}"
    return summed(caption, fields, rows, "routes")


def _driver(name: Any) -> str:
    return "" if missing(name) else f", {name}"


def _changes(material: Material) -> Markup | None:
    """Return what a plan made during the day changes, stop by stop; None for a plan of the morning."""
    changes = material.frame("route_changes")
    changes = changes[changes["change"] != "same"]
    if changes.empty:
        return None
    fields = (
        Field("Stop", lambda row: row.stop_id),
        Field("Change", lambda row: row.change),
        Field("Before", lambda row: _who_when(row.old_vehicle, row.old_eta)),
        Field("Now", lambda row: _who_when(row.new_vehicle, row.new_eta)),
        Field("Minutes later", lambda row: "" if missing(row.minutes) else f"{row.minutes:+,.0f}", "n"),
        Field(f"Cost, {material.currency}", lambda row: money(row.cost, material.currency), "n"),
    )
    return capped(f"{counted(len(changes), 'change')} to the plan under way", fields, changes, "route_changes")


def _who_when(vehicle: Any, eta: Any) -> str:
    return "" if missing(vehicle) else f"{vehicle}, {clock(eta)}"


def _stop_tables(stops: pd.DataFrame) -> list[Markup]:
    parts = [(str(name), part) for name, part in stops.groupby("route", sort=True)]
    fields = (
        Field("#", lambda row: f"{row.seq}", "n"),
        Field("Stop", lambda row: join(row.stop_id if missing(row.name) else row.name, _where(row))),
        Field("Arrives", lambda row: clock_cell(row.eta), "n"),
        Field("Leaves", lambda row: clock_cell(row.etd), "n"),
        Field("Window", _open),
        Field("Unload kg", lambda row: units(row.qty) if row.kind not in NO_STOPS else "", "n"),
        Field("Load after, kg", lambda row: units(row.load_kg), "n"),
        Field("km", lambda row: f"{row.km:,.1f}", "n"),
    )
    shown = rows_for_groups([len(part) for _, part in parts])
    return [
        element(
            "div", table(_caption(name, part), fields, rows_of(part.head(n)), "routes"), rest(len(part), n, "routes")
        )
        for (name, part), n in zip(parts, shown, strict=True)
        if n
    ]


def _caption(name: str, part: pd.DataFrame) -> Markup:
    return join(element("b", name), f" · {part['vehicle'].iloc[0]} · in driving order")


def _where(row: Any) -> Markup:
    words = ", ".join(str(part) for part in (row.address, row.notes) if not missing(part))
    return join(" ", element("small", words or row.stop_id, class_="id")) if row.kind not in NO_STOPS else Markup("")


def _open(row: Any) -> str:
    return "" if missing(row.window_start) else f"{clock(row.window_start)}–{clock(row.window_end)}"


def _unserved(material: Material) -> Markup | None:
    left = material.frame("unserved")
    if left.empty:
        return None
    fields = (
        Field("Stop", lambda row: row.stop_id),
        Field("Why it is left out", lambda row: row.cause, "why"),
        Field("What would let it in", lambda row: row.cheapest_relaxation, "why"),
        Field(f"At, {material.currency}", lambda row: money(row.cost, material.currency), "n"),
    )
    caption = f"{counted(len(left), 'stop')} left out"
    return capped(caption, fields, left.sort_values("stop_id"), "unserved")
