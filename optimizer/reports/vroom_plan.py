"""The routes as VROOM answers with them, for the viewers and dispatch tools that read its JSON."""

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, time
from pathlib import Path
from typing import Any, Final

import pandas as pd

from optimizer.reports.stops import has_place
from optimizer.reports.wording import missing
from scenarios.world import rows_of

_KINDS: Final = {"pick-up": "pickup", "break": "break"}
_THOUSANDTHS: Final = 1000
_SUMS: Final = ("cost", "setup", "service", "duration", "waiting_time", "priority", "distance")
_DEGREES: Final = 6


def numbered(stops: pd.DataFrame, left_out: Collection[str]) -> dict[str, int]:
    """Return a whole number for each vehicle and each stop: VROOM's ids are numbers, names stand as descriptions."""
    vehicles = sorted(set(stops["vehicle"]))
    names = sorted({*stops.loc[stops["kind"] != "depot", "stop_id"], *left_out})
    return {
        **{f"vehicle {name}": n for n, name in enumerate(vehicles, 1)},
        **{name: n for n, name in enumerate(names, 1)},
    }


def write_vroom(path: Path, stops: pd.DataFrame, numbers: Mapping[str, int], left_out: Collection[str]) -> None:
    """
    Write the routes as VROOM's output: seconds since midnight of the first day, metres, grams and millilitres.

    VROOM knows one trip a vehicle, so each trip is a route of its own. `cost` is seconds on the road, as usual there.
    """
    midnight = datetime.combine(stops["eta"].min().date(), time())
    routes = [
        _route(trip, midnight, numbers)
        for _, part in stops.groupby("route", sort=True)
        for trip in _trips(list(rows_of(part)))
    ]
    summary: dict[str, Any] = {name: sum(route[name] for route in routes) for name in _SUMS}
    summary |= {"routes": len(routes), "unassigned": len(left_out), "violations": []}
    missed = [{"id": numbers[name], "type": "job", "description": name} for name in sorted(left_out)]
    answer = {"code": 0, "summary": summary, "unassigned": missed, "routes": routes}
    text = json.dumps(answer, ensure_ascii=False, allow_nan=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def _trips(rows: list[Any]) -> Iterator[list[Any]]:
    """Yield each trip from its depot to the next; the depot between two ends one and begins the other."""
    begin = 0
    for n, row in enumerate(rows):
        if row.kind == "depot" and n > begin:
            yield rows[begin : n + 1]
            begin = n
    if begin < len(rows) - 1 or len(rows) == 1:
        yield rows[begin:]


def _route(rows: list[Any], midnight: datetime, numbers: Mapping[str, int]) -> dict[str, Any]:
    steps = list(_steps(rows, midnight, numbers))
    first, last, end = steps[0], steps[-1], rows[-1]
    inner = steps[1:-1] if end.kind == "depot" else steps[1:]
    service = sum(step["service"] for step in inner)
    wait = sum(step["waiting_time"] for step in inner)
    driving = max(last["arrival"] + last["service"] + last["waiting_time"] - first["arrival"] - service - wait, 0)
    return {
        "vehicle": numbers[f"vehicle {rows[0].vehicle}"],
        "description": f"{rows[0].route} {rows[0].vehicle}",
        "cost": driving,
        "setup": 0,
        "service": service,
        "duration": driving,
        "waiting_time": wait,
        "priority": 0,
        "distance": last["distance"],
        "steps": steps,
        "violations": [],
    }


def _steps(rows: list[Any], midnight: datetime, numbers: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    """Yield the steps of a trip; it starts when its depot is left, and what is set up counts as service."""
    metres = 0
    for n, row in enumerate(rows):
        ends = row.kind == "depot"
        metres += round(float(row.km) * _THOUSANDTHS) * (n > 0)
        start = ends and n == 0
        wait = 0 if ends else round(float(row.wait_min) * 60)
        arrival = _since(row.etd if start else row.eta, midnight)
        step = {
            "type": ("start" if start else "end") if ends else _KINDS.get(row.kind, "job"),
            "description": row.stop_id if missing(row.name) else f"{row.stop_id} {row.name}",
            "arrival": arrival,
            "setup": 0,
            "service": 0 if ends else _since(row.etd, midnight) - arrival - wait,
            "waiting_time": wait,
            "load": [round(float(amount) * _THOUSANDTHS) for amount in (row.load_kg, row.load_l)],
            "distance": metres,
            "violations": [],
        }
        if not ends:
            step["id"] = numbers[row.stop_id]
        if has_place(row.lat, row.lon):
            step["location"] = [round(float(row.lon), _DEGREES), round(float(row.lat), _DEGREES)]
        yield step


def _since(moment: datetime, midnight: datetime) -> int:
    return round((moment - midnight).total_seconds())
