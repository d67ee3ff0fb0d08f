"""From a plan of routes to the tables `routes` and `costs`."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

import numpy as np
import pandas as pd

from optimizer.plan.ids import stable_id
from optimizer.routing.day import Day
from optimizer.routing.fleet import THOUSANDTHS
from scenarios.money import to_minor
from scenarios.schema import declared
from scenarios.world import World
from solvers.routing.problem import RELOAD, PlannedRoute, RoutingPlan


def no_tables() -> dict[str, pd.DataFrame]:
    """Return the tables of a day without routes, without rows."""
    return {name: pd.DataFrame(columns=list(declared()[name].names)) for name in ("routes", "unserved", "costs")}


def route_table(day: Day, plan: RoutingPlan) -> pd.DataFrame:
    """Return the table `routes`: for each route its depot, its stops in driving order, its end; local times."""
    rows = [row for number, route in enumerate(plan.routes) for row in _route_rows(day, number, route)]
    return pd.DataFrame(rows, columns=list(declared()["routes"].names))


def _route_rows(day: Day, number: int, route: PlannedRoute) -> Iterator[dict[str, Any]]:
    kind = day.problem.vehicle_types[route.vehicle_type]
    vehicle = day.fleet.vehicle_ids[route.vehicle_type][route.vehicle]
    common = {"route_id": f"R{number + 1:03d}", "vehicle_id": vehicle, "locked": False}
    trips, count, begin = (route.trips + 1).tolist(), len(route.stops), _moment(day, route.start)
    start, end = (stable_id("route", vehicle, word, begin.date()) for word in ("start", "end"))
    first = {**_at_depot(day, kind.depot, (route.start, route.start)), "seq": 0, "trip": 1, "line_id": start}
    yield {**common, **first, **_way(route, 0, 0.0)}
    for k, trip in enumerate(trips):
        visit = {**_visit(day, route, k, vehicle), "seq": k + 1, "trip": trip}
        yield {**common, **visit, **_way(route, k + 1, float(route.leg_metres[k]))}
    if kind.end_depot is not None:
        home = {**_at_depot(day, kind.end_depot, (route.end, route.end)), "seq": count + 1, "trip": trips[-1]}
        unloaded = {**_way(route, count, float(route.leg_metres[-1])), "load_kg": 0.0, "load_l": 0.0}
        yield {**common, **home, **unloaded, "line_id": end}


def _at_depot(day: Day, depot: int, stay: tuple[int, int]) -> dict[str, Any]:
    """Return what a row at a depot says of place and time; `stay` in seconds from arrival to leaving."""
    eta, etd = (_moment(day, seconds) for seconds in stay)
    return {"stop_id": day.fleet.depots[depot], "kind": "depot", "eta": eta, "etd": etd, "wait_minutes": 0.0}


def _visit(day: Day, route: PlannedRoute, k: int, vehicle: str) -> dict[str, Any]:
    """Return what the row of a stop, or of a reload between two trips, says of place and time."""
    stay, stop = (int(route.arrival[k]), int(route.departure[k])), int(route.stops[k])
    waited = {"wait_minutes": round(float(route.wait[k]) / 60, 6)}
    depot = _at_depot(day, day.problem.vehicle_types[route.vehicle_type].depot, stay)
    if stop == RELOAD:
        trip, begin = f"trip {route.trips[k] + 1}", _moment(day, route.start).date()
        return {**depot, **waited, "line_id": stable_id("route", vehicle, trip, begin)}
    given = day.found.stops.iloc[stop]
    place = {"stop_id": given["stop_id"], "kind": given["kind"]}
    return {**depot, **place, **waited, "line_id": stable_id("route", given["stop_id"], day.world.plan_date)}


def _way(route: PlannedRoute, n: int, metres: float) -> dict[str, float]:
    kg, litres = (round(float(load) / THOUSANDTHS, 3) for load in route.loads[n])
    return {"load_kg": kg, "load_l": litres, "km": round(metres / 1000, 3)}


def _moment(day: Day, seconds: int) -> datetime:
    return datetime.combine(day.world.plan_date, time()) + timedelta(seconds=seconds)


def route_costs(world: World, routes: pd.DataFrame) -> pd.DataFrame:
    """Return the cost rows of the routes: fixed, distance, time and overtime of each vehicle, each rounded once."""
    vehicles = world.frame("vehicles").set_index("vehicle_id")
    rates = vehicles[["fixed_cost", "cost_per_km", "cost_per_hour", "overtime_cost_per_hour"]].astype(float).fillna(0.0)
    usual = vehicles["overtime_from_minutes"].astype(float).fillna(np.inf) / 60
    rows = []
    for route, stops in routes.groupby("route_id", sort=True):
        vehicle = stops["vehicle_id"].iloc[0]
        hours = (stops["etd"].max() - stops["eta"].min()).total_seconds() / 3600
        bases = np.array([1.0, float(stops["km"].sum()), hours, max(hours - float(usual[vehicle]), 0.0)])
        money = dict(zip(("fixed", "distance", "time", "overtime"), rates.loc[vehicle].to_numpy() * bases, strict=True))
        rows += [
            {
                "cost_id": stable_id("cost", "route", vehicle, component),
                "decision": "routes",
                "component": f"route_{component}",
                "nature": "cash",
                "location_id": vehicles.loc[vehicle, "depot_id"],
                "route_id": route,
                "date": world.plan_date,
                "due_on": world.plan_date,
                "currency": world.policy.currency,
                "amount": to_minor(amount, world.policy.currency),
            }
            for component, amount in money.items()
        ]
    table = pd.DataFrame(rows, columns=list(declared()["costs"].names))
    return table[table["amount"] != 0].reset_index(drop=True)
