"""The routing stage of a day: which vehicle brings what to whom, when, at what cost, and what is left out and why."""

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.plan.exceptions import ExceptionRow
from optimizer.plan.ids import stable_id
from optimizer.routing.fleet import THOUSANDTHS, Travel, travel, vehicle_types, vehicles_of_the_day
from optimizer.routing.stops import StopsOfTheDay, stops_of_the_day
from scenarios.money import minor_digits, to_minor
from scenarios.schema import declared
from scenarios.world import World, rows_of
from solvers.outcome import Outcome
from solvers.routing.problem import PlannedRoute, RoutingPlan, RoutingProblem, Work, stops_of
from solvers.routing.pyvrp_engine import pyvrp_engine
from solvers.routing.solve import solve_routing
from solvers.routing.unserved import Reason, reasons_left_out

FloatArray = npt.NDArray[np.float64]
# Leaving out a stop without a price of its own costs so many trips to it and back, so that it happens only in need.
_TRIPS_FOR_A_STOP = 20.0


@dataclass(frozen=True)
class RoutesOfTheDay:
    """Tables by name (`routes`, `unserved`, `costs`), the proof, exceptions, and the transfer lines not carried."""

    tables: dict[str, pd.DataFrame]
    proof: dict[str, Any] | None
    exceptions: list[ExceptionRow]
    shortfall: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True)
class _Day:
    world: World
    found: StopsOfTheDay
    vehicles: pd.DataFrame
    depots: list[str]
    ways: Travel
    problem: RoutingProblem

    @property
    def minor(self) -> int:
        return int(10 ** minor_digits(self.world.policy.currency))


def plan_routes(world: World, transfers: pd.DataFrame, held: frozenset[str]) -> RoutesOfTheDay:
    """Return the routes of the plan date for today's transfers and the deliveries due that are not held.

    The work is `route_iterations` of the policy, the seed the policy's. Without vehicles or stops the tables are empty.
    """
    vehicles = vehicles_of_the_day(world)
    if vehicles.empty:
        return _nothing([])
    most = tuple(float(vehicles[name].astype(float).fillna(np.inf).max()) for name in ("capacity_kg", "capacity_l"))
    found = stops_of_the_day(world, transfers, held, (most[0], most[1]))
    lost = [_without_place(name) for name in found.lost]
    placed = found.stops["lat"].notna() & found.stops["lon"].notna()
    if not placed.all():
        lost += [_without_place(name) for name in found.stops.loc[~placed, "stop_id"]]
        kept = [windows for windows, here in zip(found.windows, placed, strict=True) if here]
        found = StopsOfTheDay(found.stops[placed].reset_index(drop=True), kept, found.lines, found.assumed, found.lost)
    if found.stops.empty:
        return _nothing(lost)
    day = _day(world, found, vehicles)
    outcome = solve_routing(day.problem, Work(world.policy.route_iterations, None, world.policy.seed), pyvrp_engine)
    return _read_back(day, outcome, lost)


def _nothing(exceptions: list[ExceptionRow]) -> RoutesOfTheDay:
    empty = {name: pd.DataFrame(columns=list(declared()[name].names)) for name in ("routes", "unserved", "costs")}
    return RoutesOfTheDay(empty, None, exceptions)


def _without_place(name: str) -> ExceptionRow:
    return ExceptionRow(f"place {name}", "no_place", f"stop {name} has no coordinates: it is on no route", {})


def _day(world: World, found: StopsOfTheDay, vehicles: pd.DataFrame) -> _Day:
    """Return the routing problem of the day: depots first among the places, then the stops."""
    ends = [v.end_depot_id for v in rows_of(vehicles) if isinstance(v.end_depot_id, str)]
    depots = sorted({*vehicles["depot_id"], *ends})
    where = world.frame("locations").set_index("location_id").reindex(depots)[["lat", "lon"]].reset_index(drop=True)
    here = pd.DataFrame({"place_id": depots, "lat": where["lat"], "lon": where["lon"]})
    places = pd.concat([here, found.stops[["place_id", "lat", "lon"]]], ignore_index=True)
    ways = travel(world, places)
    minor = int(10 ** minor_digits(world.policy.currency))
    problem = RoutingProblem(
        stops=_stop_arrays(found, len(depots), _prices(found, vehicles, depots, ways, minor)),
        depot_place=np.arange(len(depots)),
        vehicle_types=vehicle_types(vehicles, depots, found.stops, minor),
        metres=(ways.metres,),
        seconds=(ways.seconds,),
    )
    return _Day(world, found, vehicles, depots, ways, problem)


def _stop_arrays(found: StopsOfTheDay, depots: int, price: FloatArray) -> Any:
    stops = found.stops
    loads = np.ceil(stops[["load_kg", "load_l"]].to_numpy(float) * THOUSANDTHS).astype(np.int64)
    first = np.concatenate([[0], np.cumsum([len(windows) for windows in found.windows])]).astype(np.int64)
    flat = np.array([pair for windows in found.windows for pair in windows], np.int64).reshape(-1, 2)
    return stops_of(
        np.arange(len(stops)) + depots,
        loads,
        first_window=first,
        window_start=flat[:, 0],
        window_end=flat[:, 1],
        setup_seconds=_seconds(stops["setup_minutes"]),
        service_seconds=_seconds(stops["service_minutes"]),
        price=price,
        priority=stops["priority"].to_numpy(np.int64),
    )


def _seconds(minutes: "pd.Series[float]") -> npt.NDArray[np.int64]:
    return np.asarray(np.rint(minutes.to_numpy(float) * 60), np.int64)


def _prices(found: StopsOfTheDay, vehicles: pd.DataFrame, depots: list[str], ways: Travel, minor: int) -> FloatArray:
    """Return the price of leaving each stop out: the table's, else so many trips to it by the dearest vehicle."""
    dearest = vehicles[["fixed_cost", "cost_per_km", "cost_per_hour"]].astype(float).fillna(0).max()
    at = np.arange(len(found.stops)) + len(depots)
    depot = np.array([depots.index(name) if name in depots else 0 for name in found.stops["depot_id"]])
    km = np.maximum(ways.metres[depot, at], 0) / 1000
    hours = np.maximum(ways.seconds[depot, at], 0) / 3600
    trip = dearest["fixed_cost"] + 2 * (km * dearest["cost_per_km"] + hours * dearest["cost_per_hour"])
    own = found.stops["unserved_cost"].to_numpy(float)
    return np.asarray(np.where(np.isnan(own), np.maximum(trip, 1.0) * _TRIPS_FOR_A_STOP, own) * minor)


def _read_back(day: _Day, outcome: Outcome[RoutingPlan], exceptions: list[ExceptionRow]) -> RoutesOfTheDay:
    plan = outcome.required()
    routes = pd.DataFrame(
        [row for number, route in enumerate(plan.routes) for row in _route_rows(day, number, route)],
        columns=list(declared()["routes"].names),
    )
    reasons = reasons_left_out(day.problem, plan)
    unserved = pd.DataFrame(
        [_unserved_row(day, reason) for reason in reasons], columns=list(declared()["unserved"].names)
    )
    left = set(unserved["stop_id"])
    shortfall = frozenset(day.found.lines.loc[day.found.lines["stop_id"].isin(left), "line_id"])
    rows = [*exceptions, *(_left_out(day, row) for row in rows_of(unserved))]
    rows += [ExceptionRow(f"routes {n + 1}", "assumed", text, {}) for n, text in enumerate(day.found.assumed)]
    rows.append(ExceptionRow("travel", "assumed", f"travel times come from {day.ways.words}", {}))
    tables = {"routes": routes, "unserved": unserved, "costs": route_costs(day.world, routes)}
    return RoutesOfTheDay(tables, _proof(day, outcome), rows, shortfall)


def _moment(day: _Day, seconds: int) -> datetime:
    return datetime.combine(day.world.plan_date, time()) + timedelta(seconds=int(seconds))


def _route_rows(day: _Day, number: int, route: PlannedRoute) -> list[dict[str, Any]]:
    vehicle = day.vehicles.iloc[route.vehicle_type]
    name = f"R{number + 1:02d}"
    stops = day.found.stops
    common = {"route_id": name, "vehicle_id": vehicle["vehicle_id"], "trip": 1, "locked": False}
    begin = _moment(day, route.start)
    rows = [_stop_row(common, 0, vehicle["depot_id"], "depot", (begin, begin), 0.0, route.loads[0], 0)]
    for k, stop in enumerate(route.stops):
        row = stops.iloc[int(stop)]
        times = (_moment(day, route.arrival[k]), _moment(day, route.departure[k]))
        wait = float(route.wait[k]) / 60
        rows.append(
            _stop_row(common, k + 1, row["stop_id"], row["kind"], times, wait, route.loads[k + 1], route.leg_metres[k])
        )
    if day.problem.vehicle_types[route.vehicle_type].end_depot is not None:
        end = vehicle["end_depot_id"] if isinstance(vehicle["end_depot_id"], str) else vehicle["depot_id"]
        home = _moment(day, route.end)
        rows.append(
            _stop_row(common, len(route.stops) + 1, end, "depot", (home, home), 0.0, [0, 0], route.leg_metres[-1])
        )
    return rows


def _stop_row(  # noqa: PLR0913
    common: dict[str, Any],
    seq: int,
    stop: str,
    kind: str,
    times: tuple[datetime, datetime],
    wait: float,
    loads: Any,
    metres: int,
) -> dict[str, Any]:
    return {
        **common,
        "seq": seq,
        "line_id": stable_id("route", stop, times[0].date()),
        "stop_id": stop,
        "kind": kind,
        "eta": times[0],
        "etd": times[1],
        "wait_minutes": round(wait, 2),
        "load_kg": round(float(loads[0]) / THOUSANDTHS, 3),
        "load_l": round(float(loads[1]) / THOUSANDTHS, 3),
        "km": round(int(metres) / 1000, 3),
    }


_CAUSES = {
    "skills": "no vehicle has the skills or the temperature it needs, or starts where it is loaded",
    "load": "it is above the load of every vehicle that may bring it",
    "window": "no vehicle reaches it inside its window",
    "limits": "a trip of its own breaks shift, time or distance of every vehicle",
    "vehicles": "every vehicle is out and none has room for it",
    "price": "bringing it costs more than leaving it out",
    "search": "it would fit, but no place for it was found within the work allowed",
    "partner": "the other end of its shipment is left out",
}
_WAYS = {
    "vehicle": "one more vehicle",
    "load": "more load on a vehicle",
    "window": "a window that closes {minutes} minutes later",
    "shift": "a shift {minutes} minutes longer",
    "seconds": "{minutes} minutes more working time",
    "metres": "{km} km more a vehicle may drive",
    "stops": "one more stop a vehicle may make",
    "skills": "a vehicle that may serve it",
    "price": "a price of leaving it out above the detour",
    "none": "nothing single",
}


def _unserved_row(day: _Day, reason: Reason) -> dict[str, Any]:
    relaxation = reason.relaxation
    words = _WAYS.get(relaxation.kind, relaxation.kind)
    words = words.format(minutes=-(-relaxation.amount // 60), km=f"{relaxation.amount / 1000:.1f}")
    return {
        "stop_id": day.found.stops["stop_id"].iloc[reason.stop],
        "cause": _CAUSES.get(reason.cause, reason.cause),
        "cheapest_relaxation": words,
        "cost": round(relaxation.cost) if np.isfinite(relaxation.cost) else None,
    }


def _left_out(day: _Day, row: Any) -> ExceptionRow:
    stop = day.found.stops.set_index("stop_id").loc[row.stop_id]
    money = 0 if pd.isna(stop["unserved_cost"]) else round(float(stop["unserved_cost"]) * day.minor)
    text = f"stop {row.stop_id} is left out: {row.cause}; what would let it in: {row.cheapest_relaxation}"
    return ExceptionRow(f"unserved {row.stop_id}", "unserved", text, {}, money)


def route_costs(world: World, routes: pd.DataFrame) -> pd.DataFrame:
    """Return the cost rows of the routes: fixed, distance and time of each vehicle, in cash, rounded once each."""
    vehicles = world.frame("vehicles").set_index("vehicle_id")
    rows = []
    for route, stops in routes.groupby("route_id", sort=True):
        vehicle = vehicles.loc[stops["vehicle_id"].iloc[0]]
        hours = (stops["etd"].max() - stops["eta"].min()).total_seconds() / 3600
        parts = {
            "route_fixed": vehicle["fixed_cost"],
            "route_distance": float(vehicle["cost_per_km"] or 0) * float(stops["km"].sum()),
            "route_time": float(vehicle["cost_per_hour"] or 0) * hours,
        }
        for component, money in parts.items():
            amount = 0 if pd.isna(money) else to_minor(float(money), world.policy.currency)
            if amount:
                rows.append(
                    {
                        "cost_id": stable_id("cost", "route", route, component),
                        "decision": "routes",
                        "component": component,
                        "nature": "cash",
                        "location_id": vehicle["depot_id"],
                        "route_id": route,
                        "date": world.plan_date,
                        "due_on": world.plan_date,
                        "currency": world.policy.currency,
                        "amount": amount,
                    }
                )
    return pd.DataFrame(rows, columns=list(declared()["costs"].names))


def _proof(day: _Day, outcome: Outcome[RoutingPlan]) -> dict[str, Any]:
    objective, bound = round(outcome.objective / day.minor, 6), round(outcome.bound / day.minor, 6)
    bound = min(bound, objective)
    return {
        "objective": objective,
        "bound": bound,
        "gap": max(objective - bound, 0.0) / max(abs(objective), 1e-9),
        "status": outcome.status,
        "limit": outcome.limit,
        "unit": day.world.policy.currency,
        "covers": (
            "cost of routes and of stops left out; the bound is the best of cheap relaxations (nearest neighbours,"
            " radial ways, assignment, spanning tree) and weak where windows or many vehicles matter"
        ),
        "stops": day.problem.stops.count,
        "vehicles": len(day.vehicles),
        "iterations": day.world.policy.route_iterations,
    }
