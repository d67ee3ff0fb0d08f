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
from scenarios.world import World, rows_of
from solvers.routing.problem import RELOAD, PlannedRoute, RoutingPlan, TakenBreak


def no_tables() -> dict[str, pd.DataFrame]:
    """Return the tables of a day without routes, without rows."""
    return {name: pd.DataFrame(columns=list(declared()[name].names)) for name in ("routes", "unserved", "costs")}


def route_table(day: Day, plan: RoutingPlan) -> pd.DataFrame:
    """Return the table `routes`: for each route its depot, its stops in driving order, its end; local times."""
    rows = [row for number, route in enumerate(plan.routes) for row in _route_rows(day, number, route)]
    return pd.DataFrame(rows, columns=list(declared()["routes"].names))


def _route_rows(day: Day, number: int, route: PlannedRoute) -> Iterator[dict[str, Any]]:
    vehicle = day.fleet.vehicle_ids[route.vehicle_type][route.vehicle]
    common = {"route_id": f"R{number + 1:03d}", "vehicle_id": vehicle}
    for seq, row in enumerate(_rows_in_order(day, route, vehicle)):
        yield {**common, **row, "seq": seq}


def _rows_in_order(day: Day, route: PlannedRoute, vehicle: str) -> Iterator[dict[str, Any]]:
    kind = day.problem.vehicle_types[route.vehicle_type]
    trips, count, begin = (route.trips + 1).tolist(), len(route.stops), _moment(day, route.start)
    start, end = (stable_id("route", vehicle, word, begin.date()) for word in ("start", "end"))
    first = {**_at_depot(day, kind.depot, (route.start, route.start)), "trip": 1, "line_id": start}
    yield {**first, **_load(route, 0), "km": 0.0, "locked": bool(kind.driven)}
    for k in range(count):
        for row in _stay(day, route, k, vehicle):
            yield {"trip": trips[k], "locked": k < len(kind.prefix), **row}
    if kind.end_depot is not None:
        home = {**_at_depot(day, kind.end_depot, (route.end, route.end)), "trip": trips[-1], "line_id": end}
        yield {**home, "load_kg": 0.0, "load_l": 0.0, "km": _km(route, -1), "locked": False}


def _stay(day: Day, route: PlannedRoute, k: int, vehicle: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a stop or a reload, and of the breaks taken there: before the service, and after it.

    The way there stands on the first of them.
    """
    clock, waited, km = int(route.arrival[k]), int(route.wait[k]), _km(route, k)
    begin, leaves = int(route.begin[k]), int(route.departure[k])
    there = [taken for taken in route.breaks if taken.position == k]
    for taken in (one for one in there if one.begin < begin):
        wait = min(max(taken.begin - clock, 0), waited)
        before = {"trip": max(int(route.trips[k]) + (route.stops[k] != RELOAD), 1)}
        yield {**_break_row(day, route, taken, vehicle, (clock, wait)), **_load(route, k), "km": km, **before}
        clock, waited, km = taken.begin + taken.seconds, waited - wait, 0.0
    after = [one for one in there if one.begin >= begin]
    done = begin + _seconds_there(day, route, k) if after else leaves
    idle = sum(one.begin - done for one in after[:1])
    yield {**_visit(day, route, k, vehicle, (clock, done, waited - idle)), **_load(route, k + 1), "km": km}
    for taken in after:
        wait = taken.begin - done
        yield {**_break_row(day, route, taken, vehicle, (done, wait)), **_load(route, k + 1), "km": 0.0}
        done = taken.begin + taken.seconds


def _seconds_there(day: Day, route: PlannedRoute, k: int) -> int:
    stop = int(route.stops[k])
    if stop == RELOAD:
        return day.problem.vehicle_types[route.vehicle_type].reload_seconds
    return int(day.problem.stops.service_seconds[stop])


def _break_row(
    day: Day, route: PlannedRoute, taken: TakenBreak, vehicle: str, since: tuple[int, int]
) -> dict[str, Any]:
    """Return the row of a break; `since` is when it could begin, and for how long it waits, seconds."""
    name = day.fleet.break_names[route.vehicle_type][taken.number]
    before = sum(one.number == taken.number and one.begin < taken.begin for one in route.breaks)
    line = stable_id("route", vehicle, "break", name, before, day.world.plan_date)
    eta, etd = _moment(day, since[0]), _moment(day, taken.begin + taken.seconds)
    wait = round(since[1] / 60, 6)
    return {"stop_id": name, "kind": "break", "line_id": line, "eta": eta, "etd": etd, "wait_minutes": wait}


def _at_depot(day: Day, depot: int, stay: tuple[int, int]) -> dict[str, Any]:
    """Return what a row at a depot says of place and time; `stay` in seconds from arrival to leaving."""
    eta, etd = (_moment(day, seconds) for seconds in stay)
    return {"stop_id": day.fleet.depots[depot], "kind": "depot", "eta": eta, "etd": etd, "wait_minutes": 0.0}


def _visit(day: Day, route: PlannedRoute, k: int, vehicle: str, stay: tuple[int, int, int]) -> dict[str, Any]:
    """Return what the row of a stop, or of a reload between two trips, says; `stay`: from, to, of it waiting."""
    stop, begin = int(route.stops[k]), _moment(day, route.start).date()
    depot = _at_depot(day, day.problem.vehicle_types[route.vehicle_type].depot, stay[:2])
    waited = {"wait_minutes": round(max(stay[2], 0) / 60, 6)}
    if stop == RELOAD:
        return {**depot, **waited, "line_id": stable_id("route", vehicle, f"trip {route.trips[k] + 1}", begin)}
    given = day.found.stops.iloc[stop]
    place = {"stop_id": given["stop_id"], "kind": given["kind"]}
    return {**depot, **place, **waited, "line_id": stable_id("route", given["stop_id"], day.world.plan_date)}


def _km(route: PlannedRoute, leg: int) -> float:
    return round(float(route.leg_metres[leg]) / 1000, 3)


def _load(route: PlannedRoute, n: int) -> dict[str, float]:
    kg, litres = (round(float(load) / THOUSANDTHS, 3) for load in route.loads[n])
    return {"load_kg": kg, "load_l": litres}


def _moment(day: Day, seconds: int) -> datetime:
    return datetime.combine(day.world.plan_date, time()) + timedelta(seconds=seconds)


def route_costs(world: World, routes: pd.DataFrame) -> pd.DataFrame:
    """Return the cost rows of the routes: fixed, distance, time and overtime of each vehicle, each rounded once.

    Breaks that are not paid are no time.
    """
    unpaid = _unpaid_hours(world, routes)
    vehicles = world.frame("vehicles").set_index("vehicle_id")
    rates = vehicles[["fixed_cost", "cost_per_km", "cost_per_hour", "overtime_cost_per_hour"]].astype(float).fillna(0.0)
    usual = vehicles["overtime_from_minutes"].astype(float).fillna(np.inf) / 60
    rows = []
    for route, stops in routes.groupby("route_id", sort=True):
        vehicle = stops["vehicle_id"].iloc[0]
        hours = (stops["etd"].max() - stops["eta"].min()).total_seconds() / 3600 - unpaid.get(str(route), 0.0)
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


def _unpaid_hours(world: World, routes: pd.DataFrame) -> dict[str, float]:
    """Return the hours of the breaks of each route that are not paid."""
    table = world.frame("vehicle_breaks")
    names = {(row.vehicle_id, row[2]): float(row.minutes) for row in rows_of(table) if not row.paid}
    hours: dict[str, float] = {}
    for row in rows_of(routes[routes["kind"] == "break"]):
        hours[row.route_id] = hours.get(row.route_id, 0.0) + names.get((row.vehicle_id, row.stop_id), 0.0) / 60
    return hours
