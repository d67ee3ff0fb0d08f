"""VROOM's JSON: its input as a routing problem, our plan as its output."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from optimizer.routing.file_problem import FileProblem, UnreadableRoutingFileError
from solvers.paths_on_graph import DETOUR_FACTOR, straight_travel
from solvers.routing.problem import (
    ALONE,
    NO_LIMIT,
    IntArray,
    Matrix,
    PlannedRoute,
    RoutingPlan,
    RoutingProblem,
    VehicleType,
    stops_of,
)

_KMH: Final = 40.0
_COST_PER_HOUR: Final = 3600.0
_PRIORITIES: Final = 101
_VEHICLE_REFUSED: Final = {
    "breaks": "breaks",
    "max_travel_time": "a limit on driving time alone",
    "steps": "given first steps",
}
_JOB_REFUSED: Final = ("allowed_vehicles", "custom_user_data")


@dataclass(frozen=True)
class _Task:
    """One stop: a job, or one end of a shipment."""

    kind: str
    given: Mapping[str, Any]
    amounts: Mapping[str, Any]
    skills: frozenset[int]
    priority: int
    partner: int = ALONE


def read_vroom(path: Path, given: Mapping[str, Any]) -> FileProblem:
    """
    Return the problem of a VROOM input.

    Jobs may be left out, at a price above any plan's cost that grows with their priority. Distances and times come
    from `matrices`; without them from the great circle times 1.3 at 40 km/h. Set-up is done before service and may be
    over before the window opens; cost per hour counts the whole duration of a route, waiting and service too.

    Raises UnreadableRoutingFileError for what is missing and, in words, for breaks and other things not planned yet.
    """
    try:
        return _problem(path, given)
    except (KeyError, TypeError, IndexError) as error:
        raise UnreadableRoutingFileError(f"{path.name}: no VROOM input: {error!r}") from error


def _problem(path: Path, given: Mapping[str, Any]) -> FileProblem:
    refused = {words for v in given["vehicles"] for name, words in _VEHICLE_REFUSED.items() if v.get(name)}
    refused |= {name for job in given.get("jobs", []) for name in _JOB_REFUSED if job.get(name)}
    if refused:
        raise UnreadableRoutingFileError(f"{path.name}: cannot be planned yet: {', '.join(sorted(refused))}")
    tasks = list(_tasks(given))
    places = _Places(given)
    stop_place = np.array([places.of(task.given, "location") for task in tasks], np.int64)
    vehicles = [_vehicle(places, v, tasks) for v in given["vehicles"]]
    metres, seconds = places.travel()
    dimensions = max((len(v.capacity) for v in vehicles), default=0)
    stops = stops_of(stop_place, _amounts(tasks, "delivery", dimensions), **_fields(tasks, dimensions))
    problem = RoutingProblem(stops, np.array(places.depots, np.int64), tuple(vehicles), metres, seconds)
    big = _above_any_plan(problem)
    price = big * (1.0 + np.array([task.priority for task in tasks], float) / _PRIORITIES)
    return FileProblem(
        name=path.name.split(".json")[0],
        problem=problem.with_stops(price=price),
        convention=places.words(),
        scale=1.0,
        vehicle_price=0.0,
        stop_numbers=np.array([task.given["id"] for task in tasks], np.int64),
        stop_names=tuple(f"{task.kind} {task.given['id']}" for task in tasks),
        vehicle_names=tuple((str(v["id"]),) for v in given["vehicles"]),
        coordinates=places.coordinates(),
        geographic=places.located,
        own_prices=True,
        answer="routes.json",
    )


def _tasks(given: Mapping[str, Any]) -> Iterator[_Task]:
    for job in given.get("jobs", []):
        yield _Task("job", job, job, frozenset(job.get("skills", ())), int(job.get("priority", 0)))
    first = len(given.get("jobs", []))
    for n, shipment in enumerate(given.get("shipments", [])):
        skills, priority = frozenset(shipment.get("skills", ())), int(shipment.get("priority", 0))
        at = first + 2 * n
        amount = shipment.get("amount", [])
        yield _Task("pickup", shipment["pickup"], {"pickup": amount}, skills, priority, at + 1)
        yield _Task("delivery", shipment["delivery"], {"delivery": amount}, skills, priority, at)


def _amounts(tasks: list[_Task], name: str, dimensions: int) -> IntArray:
    result = np.zeros((len(tasks), dimensions), np.int64)
    for n, task in enumerate(tasks):
        amount = task.amounts.get(name, task.amounts.get("amount", []) if name == "delivery" else [])
        result[n, : len(amount)] = amount
    return result


def _fields(tasks: list[_Task], dimensions: int) -> dict[str, npt.NDArray[Any]]:
    windows = [task.given.get("time_windows", []) for task in tasks]
    flat = np.array([window for some in windows for window in some], np.int64).reshape(-1, 2)
    return {
        "pickup": _amounts(tasks, "pickup", dimensions),
        "first_window": np.cumsum([0, *(len(some) for some in windows)]).astype(np.int64),
        "window_start": flat[:, 0].copy(),
        "window_end": flat[:, 1].copy(),
        "setup_seconds": np.array([task.given.get("setup", 0) for task in tasks], np.int64),
        "service_seconds": np.array([task.given.get("service", 0) for task in tasks], np.int64),
        "priority": np.array([task.priority for task in tasks], np.int64),
        "partner": np.array([task.partner for task in tasks], np.int64),
    }


class _Places:
    """Places by matrix index or by coordinates, and the travel between them."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.matrices: Mapping[str, Any] = given.get("matrices", {})
        self.located = not self.matrices
        self.known: dict[tuple[float, float], int] = {}
        self.depots: list[int] = []
        self.profiles: list[tuple[str, float]] = []
        self.points: dict[int, tuple[float, float]] = {}

    def of(self, given: Mapping[str, Any], name: str) -> int:
        """Return the place that `given` names by index, or by [lon, lat]."""
        index = f"{name}_index"
        if not self.located:
            place = int(given[index])
            if name in given:
                self.points[place] = (float(given[name][0]), float(given[name][1]))
            return place
        point = (float(given[name][0]), float(given[name][1]))
        return self.known.setdefault(point, len(self.known))

    def depot(self, given: Mapping[str, Any], name: str) -> int:
        """Return the number of the depot at a vehicle's start or end."""
        place = self.of(given, name)
        if place not in self.depots:
            self.depots.append(place)
        return self.depots.index(place)

    def profile(self, given: Mapping[str, Any]) -> int:
        """Return the number of a vehicle's speed profile."""
        key = (str(given.get("profile", "car")), float(given.get("speed_factor", 1.0)))
        if key not in self.profiles:
            self.profiles.append(key)
        return self.profiles.index(key)

    def travel(self) -> tuple[tuple[Matrix, ...], tuple[Matrix, ...]]:
        """Return metres and seconds by profile."""
        if self.located:
            points = np.array(list(self.known), float).reshape(-1, 2)
            way = straight_travel(points[:, 1], points[:, 0], _KMH)
            base = {name: (way.metres, way.seconds) for name, _ in self.profiles}
        else:
            base = {name: self._matrix(name) for name, _ in self.profiles}
        metres = tuple(base[name][0] for name, _ in self.profiles)
        return metres, tuple(np.ceil(base[name][1] / factor).astype(np.int64) for name, factor in self.profiles)

    def _matrix(self, name: str) -> tuple[IntArray, IntArray]:
        seconds = np.array(self.matrices[name]["durations"], np.int64)
        return np.array(self.matrices[name].get("distances", np.zeros_like(seconds)), np.int64), seconds

    def coordinates(self) -> npt.NDArray[np.float64] | None:
        """Return (lon, lat) of each place, None where not all are known."""
        if self.located:
            return np.array(list(self.known), float).reshape(-1, 2)
        count = max(self.points, default=-1) + 1
        if len(self.points) < count or not self.points:
            return None
        return np.array([self.points[n] for n in range(count)], float)

    def words(self) -> str:
        if not self.located:
            return "seconds and metres of the file's matrices"
        return f"great circle times {DETOUR_FACTOR} at {_KMH:g} km/h, the file has no matrices"


def _vehicle(places: _Places, given: Mapping[str, Any], tasks: list[_Task]) -> VehicleType:
    """Return the type of one vehicle. VROOM's vehicles without a start begin at their first stop: refused."""
    starts = "start" in given or "start_index" in given
    if not starts:
        raise UnreadableRoutingFileError(f"vehicle {given['id']}: cannot be planned yet: no start")
    ends = "end" in given or "end_index" in given
    window = given.get("time_window", [0, NO_LIMIT])
    costs = given.get("costs", {})
    skills = frozenset(given.get("skills", ()))
    allowed = np.array([task.skills <= skills for task in tasks], bool)
    return VehicleType(
        available=1,
        capacity=tuple(int(value) for value in given.get("capacity", ())),
        depot=places.depot(given, "start"),
        end_depot=places.depot(given, "end") if ends else None,
        shift_start=int(window[0]),
        shift_end=int(window[1]),
        max_metres=int(given.get("max_distance", NO_LIMIT)),
        max_stops=int(given.get("max_tasks", NO_LIMIT)),
        fixed_cost=float(costs.get("fixed", 0)),
        cost_per_km=float(costs.get("per_km", 0)),
        cost_per_hour=float(costs.get("per_hour", _COST_PER_HOUR)),
        profile=places.profile(given),
        allowed=None if allowed.all() else allowed,
    )


def _above_any_plan(problem: RoutingProblem) -> float:
    """Return a price above what serving a stop can add to a plan: a vehicle of its own, the longest way, a day."""
    longest = max(int(m.max(initial=0)) for m in problem.metres)
    slowest = max(int(s.max(initial=0)) for s in problem.seconds) + int(problem.stops.service_seconds.max(initial=0))
    dearest = max(v.cost(4 * longest, 4 * slowest) for v in problem.vehicle_types)
    return float(math.ceil(10 * dearest) + 1)


def vroom_solution(file: FileProblem, plan: RoutingPlan) -> dict[str, Any]:
    """Return the plan as VROOM's output: summary, unassigned, routes with steps; times in the file's seconds."""
    routes = [_route(file, route) for route in plan.routes]
    sums = ("cost", "setup", "service", "duration", "waiting_time", "priority", "distance")
    summary: dict[str, Any] = {name: sum(route[name] for route in routes) for name in sums}
    summary |= {"routes": len(routes), "unassigned": len(plan.unserved), "violations": []}
    left_out = [
        {"id": int(file.stop_numbers[s]), "type": file.stop_names[s].split()[0], **_location(file, _place(file, s))}
        for s in plan.unserved
    ]
    return {"code": 0, "summary": summary, "unassigned": left_out, "routes": routes}


def _place(file: FileProblem, stop: int) -> int:
    return int(file.problem.stops.place[stop])


def _location(file: FileProblem, place: int) -> dict[str, Any]:
    if file.coordinates is None or not file.geographic:
        return {}
    return {"location": [float(value) for value in file.coordinates[place]]}


def _route(file: FileProblem, route: PlannedRoute) -> dict[str, Any]:
    stops = file.problem.stops
    vehicle = file.problem.vehicle_types[route.vehicle_type]
    steps = list(_steps(file, route))
    service = int(stops.service_seconds[route.stops].sum())
    setup = sum(step["setup"] for step in steps)
    wait = int(route.wait.sum())
    return {
        "vehicle": int(file.vehicle_names[route.vehicle_type][0]),
        "cost": round(vehicle.cost(route.metres, route.seconds)),
        "delivery": route.loads[0].tolist(),
        "pickup": route.loads[-1].tolist(),
        "setup": setup,
        "service": service,
        "duration": route.seconds - service - setup - wait,
        "waiting_time": wait,
        "priority": int(stops.priority[route.stops].sum()),
        "distance": route.metres,
        "steps": steps,
        "violations": [],
    }


def _steps(file: FileProblem, route: PlannedRoute) -> Iterator[dict[str, Any]]:
    problem = file.problem
    vehicle = problem.vehicle_types[route.vehicle_type]
    way = np.cumsum(route.leg_metres).tolist()
    nothing = {"setup": 0, "service": 0, "waiting_time": 0, "violations": []}
    start = {"type": "start", "arrival": route.start, "load": route.loads[0].tolist(), "distance": 0, **nothing}
    yield start | _location(file, int(problem.depot_place[vehicle.depot]))
    for n, stop in enumerate(route.stops.tolist()):
        kind, number = file.stop_names[stop].split()
        yield {
            "type": kind,
            "id": int(number),
            "arrival": int(route.arrival[n]),
            "setup": int(route.begin[n] - route.arrival[n] - route.wait[n]),
            "service": int(problem.stops.service_seconds[stop]),
            "waiting_time": int(route.wait[n]),
            "load": route.loads[n + 1].tolist(),
            "distance": way[n],
            "violations": [],
            **_location(file, _place(file, stop)),
        }
    if vehicle.end_depot is not None:
        end = {"type": "end", "arrival": route.end, "load": route.loads[-1].tolist(), "distance": way[-1], **nothing}
        yield end | _location(file, int(problem.depot_place[vehicle.end_depot]))
