"""A plan of a routing file as the table of stops from which the dispatch pack is made, and what keeps stops out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.reports.stops import STOP_COLUMNS
from optimizer.routing.file_problem import FileProblem
from solvers.routing.problem import ALONE, MUST, NO_LIMIT, RELOAD, PlannedRoute, RoutingPlan

# Files name no day: their clock begins here.
_MIDNIGHT: Final = datetime(1970, 1, 1)
_METRES_PER_KM: Final = 1000.0
_SECONDS_PER_DAY: Final = 86_400
# A window that ends later than this says nothing, and may be past the calendar.
_FAR_DAYS: Final = 10_000


def file_stops(file: FileProblem, plan: RoutingPlan) -> pd.DataFrame:
    """Return one row a visit, as `optimizer.reports.stops.stops_in_order` does for a day's plan.

    The first load of the file stands for kg, the second for litres; a unit of way for a metre, of time for a second.
    Places are given only where the file's coordinates are degrees.
    """
    rows = [row for n, route in enumerate(plan.routes) for row in _rows(file, f"R{n + 1:03d}", route)]
    return pd.DataFrame(rows, columns=list(STOP_COLUMNS))


def _rows(file: FileProblem, name: str, route: PlannedRoute) -> Iterator[dict[str, Any]]:
    problem = file.problem
    vehicle = problem.vehicle_types[route.vehicle_type]
    names = file.vehicle_names[route.vehicle_type] if file.vehicle_names else ()
    called = names[route.vehicle] if route.vehicle < len(names) else f"{route.vehicle_type + 1}-{route.vehicle + 1}"
    loads = np.pad(route.loads.astype(float), ((0, 0), (0, 2)))[:, :2]
    fallen = -np.diff(loads, axis=0, prepend=loads[:1])
    common = {"route": name, "vehicle": called}
    begin, end = _at(file, route.start), _at(file, route.end)
    first = {**_place(file, int(problem.depot_place[vehicle.depot])), "eta": begin, "etd": begin, "km": 0.0}
    yield {**common, **_depot(vehicle.depot), **first, "seq": 0, **_loads((0.0, 0.0), loads[0])}
    for k, stop in enumerate(route.stops.tolist()):
        about = _visit(file, route, k, stop)
        yield {**common, **about, "seq": k + 1, **_loads(fallen[k + 1], loads[k + 1])}
    if vehicle.end_depot is not None:
        home = {**_place(file, int(problem.depot_place[vehicle.end_depot])), "eta": end, "etd": end}
        way = {"km": _km(file, route, -1), "seq": len(route.stops) + 1}
        yield {**common, **_depot(vehicle.end_depot), **home, **way, **_loads(loads[-1], (0.0, 0.0))}


def _depot(depot: int) -> dict[str, Any]:
    return {"stop_id": f"depot {depot + 1}", "kind": "depot", "service_min": 0.0, "wait_min": 0.0}


def _visit(file: FileProblem, route: PlannedRoute, k: int, stop: int) -> dict[str, Any]:
    """Return what a visit, or a reload, says of place, time and window."""
    stops, vehicle = file.problem.stops, file.problem.vehicle_types[route.vehicle_type]
    inside = int(route.departure[k]) - int(route.arrival[k]) - int(route.wait[k])
    times = {
        "eta": _at(file, int(route.arrival[k])),
        "etd": _at(file, int(route.departure[k])),
        "wait_min": round(float(route.wait[k]) / file.unit / 60, 6),
        "service_min": round(inside / file.unit / 60, 6),
        "km": _km(file, route, k),
    }
    if stop == RELOAD:
        return {**_depot(vehicle.depot), **_place(file, int(file.problem.depot_place[vehicle.depot])), **times}
    window = _window(file, stop, int(route.begin[k]))
    kind = "pick-up" if int(stops.pickup[stop].max(initial=0)) > 0 else "delivery"
    here = {"stop_id": file.stop_names[stop], "kind": kind, **_place(file, int(stops.place[stop]))}
    return {**here, **times, **window}


def _km(file: FileProblem, route: PlannedRoute, leg: int) -> float:
    return round(float(route.leg_metres[leg]) / file.unit / _METRES_PER_KM, 6)


def _loads(fallen: Any, aboard: Any) -> dict[str, float]:
    return {"qty": float(fallen[0]), "qty_l": float(fallen[1]), "load_kg": float(aboard[0]), "load_l": float(aboard[1])}


def _at(file: FileProblem, whole: int) -> datetime:
    return _MIDNIGHT + timedelta(seconds=whole / file.unit)


def _window(file: FileProblem, stop: int, begin: int) -> dict[str, datetime]:
    """Return the window that service begins in, nothing where it is open on a side."""
    ends = next((pair for pair in file.problem.stops.windows(stop) if pair[0] <= begin <= pair[1]), (0, NO_LIMIT))
    if ends[1] >= _FAR_DAYS * _SECONDS_PER_DAY * file.unit:
        return {}
    return {"window_start": _at(file, ends[0]), "window_end": _at(file, ends[1])}


def _place(file: FileProblem, place: int) -> dict[str, float]:
    if file.coordinates is None or not file.geographic:
        return {}
    lon, lat = file.coordinates[place]
    return {"lat": float(lat), "lon": float(lon)}


def without_the_impossible(file: FileProblem) -> FileProblem:
    """Return the file with the stops that no vehicle can serve by itself free to be left out, at no price."""
    price = np.where(_impossible(file), 0.0, file.problem.stops.price)
    return replace(file, problem=file.problem.with_stops(price=price))


def _impossible(file: FileProblem) -> npt.NDArray[np.bool_]:
    """Return which of the stops that must be served no vehicle can: load, way there, window, vehicle, shape (n,)."""
    problem = file.problem
    stops = problem.stops
    fits = (stops.price != MUST) | (stops.partner != ALONE)
    for vehicle in problem.vehicle_types:
        depot = np.full(stops.count, problem.depot_place[vehicle.depot])
        metres, seconds = (ways[vehicle.profile][depot, stops.place] for ways in (problem.metres, problem.seconds))
        room = (np.maximum(stops.delivery, stops.pickup) <= np.array(vehicle.capacity)).all(axis=1)
        reached = (metres >= 0) & (np.maximum(vehicle.shift_start, stops.release) + seconds <= stops.latest())
        served = np.ones(stops.count, bool) if vehicle.allowed is None else vehicle.allowed
        fits |= room & reached & served & (vehicle.available > 0)
    return np.asarray(~fits, bool)
