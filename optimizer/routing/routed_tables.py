"""From a plan of routes to the tables `routes`, `unserved` and `costs`, and what people should look at."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any, Final

import numpy as np
import pandas as pd

from optimizer.plan.exceptions import ExceptionRow
from optimizer.plan.ids import stable_id
from optimizer.routing.day import Day
from optimizer.routing.fleet import THOUSANDTHS
from optimizer.routing.stops import StopsOfTheDay
from scenarios.money import to_minor
from scenarios.schema import declared
from scenarios.world import World, rows_of
from solvers.routing.problem import RELOAD, PlannedRoute, RoutingPlan
from solvers.routing.unserved import Reason, Relaxation

CAUSES: Final = {
    "skills": "no vehicle has its skills and temperature, starts where it is loaded and is the one promised",
    "load": "it is above the load of every vehicle that may bring it",
    "window": "no vehicle reaches it inside its window",
    "limits": "a trip of its own breaks shift, time or distance of every vehicle",
    "vehicles": "every vehicle is out and none has room for it",
    "price": "bringing it costs more than leaving it out",
    "search": "it would fit, but no place for it was found within the work allowed",
    "partner": "its shipment found no place on a route",
}
_NOTHING: Final = "nothing single"


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


def unserved_table(day: Day, reasons: list[Reason]) -> pd.DataFrame:
    """Return the table `unserved`: each stop left out with its cause, what would let it in and what that costs."""
    rows = []
    for reason in reasons:
        row = {"stop_id": day.found.stops["stop_id"].iloc[reason.stop], "cause": CAUSES[reason.cause]}
        helps = reason.relaxation.kind != "none"
        cost = round(reason.relaxation.cost) if helps else None
        rows.append({**row, "cheapest_relaxation": _relaxation_words(day, reason.relaxation), "cost": cost})
    table = pd.DataFrame(rows, columns=list(declared()["unserved"].names))
    return table.sort_values("stop_id", kind="stable").reset_index(drop=True)


def _relaxation_words(day: Day, relaxation: Relaxation) -> str:
    kind = relaxation.vehicle_type
    vehicle = "a vehicle" if kind is None else f"a vehicle like {day.fleet.vehicle_ids[kind][0]}"
    if kind is not None and relaxation.route is not None:
        vehicle = f"route R{relaxation.route + 1:03d}"
    minutes, thousands = -(-relaxation.amount // 60), relaxation.amount / THOUSANDTHS
    unit = ("kg", "litres")[relaxation.dimension]
    words = {
        "vehicle": f"one more of {vehicle.removeprefix('a vehicle like ')}",
        "load": f"{thousands:,.3f}".rstrip("0").rstrip(".") + f" {unit} more load on {vehicle}",
        "window": f"a window that closes {minutes:,} minutes later",
        "shift": f"a shift {minutes:,} minutes longer for {vehicle}",
        "seconds": f"{minutes:,} minutes more working time for {vehicle}",
        "metres": f"{thousands:,.1f} km more for {vehicle}",
        "stops": f"{relaxation.amount:,} more stop for {vehicle}",
        "reloads": f"{relaxation.amount:,} more trip for {vehicle}",
        "skills": f"{vehicle} allowed to bring it",
        "price": "a price of leaving it out above what bringing it costs",
    }
    return words.get(relaxation.kind, _NOTHING)


def unserved_without_plan(stops: list[str], why: str) -> pd.DataFrame:
    """Return the table `unserved` of a day on which nothing is planned, for one reason."""
    rows = [{"stop_id": stop, "cause": why, "cheapest_relaxation": _NOTHING, "cost": None} for stop in sorted(stops)]
    return pd.DataFrame(rows, columns=list(declared()["unserved"].names))


def left_out_rows(world: World, found: StopsOfTheDay, unserved: pd.DataFrame) -> list[ExceptionRow]:
    """Return an exception for each stop left out, worth what leaving it out costs where the tables say so."""
    worth = _left_out_worth(world, found)
    return [
        ExceptionRow(
            f"unserved {row.stop_id}",
            "unserved",
            f"stop {row.stop_id} is left out: {row.cause}; what would let it in: {row.cheapest_relaxation}",
            {},
            worth[row.stop_id],
        )
        for row in rows_of(unserved)
    ]


def _left_out_worth(world: World, found: StopsOfTheDay) -> dict[str, int]:
    """Return what leaving each stop out costs, minor units, 0 where the tables do not say."""
    worth = found.stops.set_index("stop_id")["unserved_cost"].fillna(0.0)
    return {str(stop): to_minor(float(cost), world.policy.currency) for stop, cost in worth.items()}


def left_out_costs(world: World, found: StopsOfTheDay, unserved: pd.DataFrame) -> pd.DataFrame:
    """Return the penalties of the stops left out, where the tables name them."""
    worth = _left_out_worth(world, found)
    rows = [
        {
            "cost_id": stable_id("cost", "unserved", row.stop_id),
            "decision": "routes",
            "component": "unserved",
            "nature": "penalty",
            "line_id": stable_id("route", row.stop_id, world.plan_date),
            "date": world.plan_date,
            "currency": world.policy.currency,
            "amount": worth[row.stop_id],
        }
        for row in rows_of(unserved)
        if worth[row.stop_id]
    ]
    return pd.DataFrame(rows, columns=list(declared()["costs"].names))


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
