"""Can the routes be driven? Stops once, loads, windows, shifts and costs, recomputed from tables and inputs."""

from collections.abc import Iterator
from datetime import datetime, time

import pandas as pd

from optimizer.plan.check import Evidence, Violation
from scenarios.money import shown, to_minor
from scenarios.world import rows_of

_SLACK_LOAD = 0.01
_SLACK_SECONDS = 1.0
_COMPONENTS = ("route_fixed", "route_distance", "route_time")


def check_stops_once(evidence: Evidence) -> Iterator[Violation]:
    """Each stop of the day is on one route or among the unserved, and no held order is shipped."""
    world = evidence.world
    if not world.has("vehicles"):
        return
    routes, unserved = evidence.frame("routes"), set(evidence.frame("unserved")["stop_id"])
    served = routes.loc[routes["kind"] != "depot", "stop_id"]
    for stop in served[served.duplicated()]:
        yield Violation("routes", stop, "is visited twice")
    for stop in unserved & set(served):
        yield Violation("unserved", stop, "is on a route too")
    held = set(evidence.frame("order_holds")["order_id"])
    lost = set(evidence.frame("exceptions").query("kind == 'no_place'")["subject"].str.removeprefix("place "))
    deliveries = world.frame("deliveries")
    due = deliveries[(deliveries["service_date"] == world.plan_date) & (deliveries["state"] != "done")]
    for row in rows_of(due):
        there = row.delivery_id in unserved or row.delivery_id in set(served)
        if row.order_id in held and there:
            yield Violation("routes", row.delivery_id, f"order {row.order_id} is held and must not be shipped")
        if row.order_id not in held and not there and row.delivery_id not in lost:
            yield Violation("routes", row.delivery_id, "is due and on no route, nor among the unserved")
    transfers = evidence.frame("transfers")
    today = transfers[transfers["ship_on"] == world.plan_date]
    reached = {stop.split("#")[0] for stop in {*served, *unserved, *lost}}
    for row in rows_of(today.drop_duplicates(["from_location", "to_location"])):
        if f"{row.from_location}>{row.to_location}" not in reached:
            yield Violation("routes", f"{row.from_location}>{row.to_location}", "transfers of today are on no route")


def check_driving(evidence: Evidence) -> Iterator[Violation]:
    """Check that loads fit and fall along the way, times go forward, windows and shifts are kept."""
    vehicles = evidence.world.frame("vehicles").set_index("vehicle_id")
    windows = evidence.world.frame("delivery_windows")
    midnight = datetime.combine(evidence.world.plan_date, time())
    for route, stops in evidence.frame("routes").groupby("route_id"):
        vehicle = vehicles.loc[stops["vehicle_id"].iloc[0]]
        ordered = stops.sort_values("seq")
        yield from _loads(str(route), ordered, vehicle)
        yield from _times(str(route), ordered, vehicle, midnight)
        for row in rows_of(ordered[ordered["kind"] == "delivery"]):
            mine = windows[windows["delivery_id"] == row.stop_id]
            begin = row.eta + pd.Timedelta(minutes=row.wait_minutes)
            inside = [
                w.window_start - pd.Timedelta(seconds=_SLACK_SECONDS)
                <= begin
                <= w.window_end + pd.Timedelta(seconds=_SLACK_SECONDS)
                for w in rows_of(mine)
            ]
            if inside and not any(inside):
                yield Violation("routes", row.stop_id, f"is served at {begin:%H:%M}, outside its windows")
    for vehicle_id, count in evidence.frame("routes").groupby("vehicle_id")["route_id"].nunique().items():
        if count > 1:
            yield Violation("routes", str(vehicle_id), f"drives {count} routes at once")


def _loads(route: str, stops: pd.DataFrame, vehicle: "pd.Series[float]") -> Iterator[Violation]:
    for name, limit in (("load_kg", "capacity_kg"), ("load_l", "capacity_l")):
        most = stops[name].max()
        if not pd.isna(vehicle[limit]) and most > float(vehicle[limit]) + _SLACK_LOAD:
            yield Violation("routes", route, f"carries {most:g}, its {limit} is {vehicle[limit]:g}")
        if (stops[name].diff().dropna() > _SLACK_LOAD).any():
            yield Violation("routes", route, f"{name} grows along the way")


def _times(route: str, stops: pd.DataFrame, vehicle: "pd.Series[str]", midnight: datetime) -> Iterator[Violation]:
    slack = pd.Timedelta(seconds=_SLACK_SECONDS)
    if (stops["etd"] + slack < stops["eta"]).any() or (stops["eta"] + slack < stops["etd"].shift()).any():
        yield Violation("routes", route, "goes back in time")
    for name, moment, late in (("shift_start", stops["eta"].min(), False), ("shift_end", stops["etd"].max(), True)):
        if isinstance(vehicle[name], str):
            hours, minutes = vehicle[name].split(":")
            limit = pd.Timestamp(midnight) + pd.Timedelta(hours=int(hours), minutes=int(minutes))
            if (late and moment > limit + slack) or (not late and moment < limit - slack):
                yield Violation("routes", route, f"{moment:%H:%M} lies outside the shift, {name} {vehicle[name]}")
    way = stops["km"].sum()
    if not pd.isna(vehicle["max_km"]) and way > float(vehicle["max_km"]) + _SLACK_LOAD:
        yield Violation("routes", route, f"drives {way:g} km, its max_km is {vehicle['max_km']:g}")


def check_route_costs(evidence: Evidence) -> Iterator[Violation]:
    """Each route costs what its vehicle's rates and its kilometres and hours give."""
    costs, currency = evidence.frame("costs"), evidence.world.policy.currency
    vehicles = evidence.world.frame("vehicles").set_index("vehicle_id")
    booked = costs[costs["component"].isin(_COMPONENTS)].groupby(["route_id", "component"])["amount"].sum()
    expected = {}
    for route, stops in evidence.frame("routes").groupby("route_id"):
        vehicle = vehicles.loc[stops["vehicle_id"].iloc[0]].astype(object)
        hours = (stops["etd"].max() - stops["eta"].min()).total_seconds() / 3600
        bases = zip(
            ("fixed_cost", "cost_per_km", "cost_per_hour"), (1.0, stops["km"].sum(), hours), _COMPONENTS, strict=True
        )
        for rate, base, component in bases:
            money = 0.0 if pd.isna(vehicle[rate]) else float(vehicle[rate]) * float(base)
            expected[(route, component)] = to_minor(money, currency)
    for key in sorted({*expected, *booked.index}):
        amount, wanted = int(booked.get(key, 0)), expected.get(key, 0)
        if amount != wanted:
            words = f"{key[1]} {shown(amount, currency)}, the route gives {shown(wanted, currency)}"
            yield Violation("costs", str(key[0]), words)
