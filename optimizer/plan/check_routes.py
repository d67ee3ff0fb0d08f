"""Can the routes be driven? Stops, loads, times, ways, limits and costs, recomputed from tables and inputs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

import numpy as np
import pandas as pd

from optimizer.plan.check import Evidence, Violation
from optimizer.plan.check_duty import check_apart, check_breaks, check_docks, check_lanes_apart, check_locked_order
from optimizer.plan.check_filters import without_goods
from optimizer.plan.check_ways import Places, check_ways
from scenarios.money import shown, to_minor
from scenarios.periods import weekday_numbers
from scenarios.world import World, rows_of

# Loads are written to the gram, ways to the metre, times to the second.
_KG = 0.01
_KM = 0.002
_SLACK = pd.Timedelta(seconds=1)
# Minutes at the door of a delivery that names none.
_PARCEL_MINUTES = 5.0
_NO_STOPS = ("depot", "break")
_RATES = {
    "route_fixed": "fixed_cost",
    "route_distance": "cost_per_km",
    "route_time": "cost_per_hour",
    "route_overtime": "overtime_cost_per_hour",
}


def check_stops_once(evidence: Evidence) -> Iterator[Violation]:
    """Each stop of the day is on one route or among the unserved, and no held order is shipped."""
    if not evidence.world.has("vehicles"):
        return
    routes, unserved = evidence.frame("routes"), set(evidence.frame("unserved")["stop_id"])
    visits = routes.loc[~routes["kind"].isin(_NO_STOPS), "stop_id"]
    for stop in visits[visits.duplicated()]:
        yield Violation("routes", stop, "is visited twice")
    for stop in sorted(unserved & set(visits)):
        yield Violation("unserved", stop, "is on a route too")
    exceptions = evidence.frame("exceptions")
    lost = exceptions.loc[exceptions["kind"] == "no_place", "subject"].str.removeprefix("place ")
    there = unserved | set(visits) | set(lost)
    yield from _deliveries_once(evidence, there)
    yield from _transfers_once(evidence, there)


def _deliveries_once(evidence: Evidence, there: set[str]) -> Iterator[Violation]:
    held, rationed = set(evidence.frame("order_holds")["order_id"]), without_goods(evidence)
    routes = evidence.frame("routes")
    driven = set(routes.loc[routes["locked"].astype(bool), "stop_id"])
    for row in rows_of(evidence.world.frame("deliveries")):
        due, here = row.service_date == evidence.world.plan_date and row.state != "done", row.delivery_id in there
        if row.order_id in held and here:
            yield Violation("routes", row.delivery_id, f"order {row.order_id} is held and must not be shipped")
        if row.order_id in rationed and here:
            yield Violation("routes", row.delivery_id, f"order {row.order_id} gets no goods and must not be shipped")
        if due and row.order_id not in held | rationed and not here:
            yield Violation("routes", row.delivery_id, "is due and on no route, nor among the unserved")
        if not due and here and row.delivery_id not in driven:
            yield Violation("routes", row.delivery_id, "is not due on the plan date")


def _transfers_once(evidence: Evidence, there: set[str]) -> Iterator[Violation]:
    expected = set(_transfer_loads(evidence)["lane"])
    found = {stop.split("#")[0] for stop in there} - set(evidence.world.frame("deliveries")["delivery_id"])
    for lane in sorted(expected - found):
        yield Violation("routes", lane, "transfers of today are on no route, nor among the unserved")
    for lane in sorted(found - expected):
        yield Violation("routes", lane, "nothing is transferred there today")


def _transfer_loads(evidence: Evidence) -> pd.DataFrame:
    """Return what is transferred today, new lines and those approved earlier: lane, load_kg, load_l."""
    world, columns = evidence.world, ["item_id", "from_location", "to_location", "quantity"]
    moves, orders = evidence.frame("transfers"), world.frame("open_orders")
    places = world.frame("locations").set_index("location_id")["kind"]
    early = orders[
        (orders["source_id"].map(places) == "dc")
        & (orders["ordered_on"] == world.plan_date)
        & orders["status"].isin(["approved", "confirmed"])
    ].rename(columns={"source_id": "from_location", "location_id": "to_location"})
    parts = [moves.loc[moves["ship_on"] == world.plan_date, columns], early[columns]]
    lines = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    items = world.frame("items").set_index("item_id")
    for name, column in (("load_kg", "weight_kg"), ("load_l", "volume_l")):
        unit = items[column].reindex(lines["item_id"]).fillna(1.0).to_numpy(float)
        lines[name] = lines["quantity"].to_numpy(float) * unit
    lines["lane"] = lines["from_location"].astype(str) + ">" + lines["to_location"].astype(str)
    return lines


@dataclass(frozen=True)
class _Route:
    """One route in driving order, its vehicle as in the inputs."""

    name: str
    stops: pd.DataFrame
    vehicle: "pd.Series[Any]"


def _driven(evidence: Evidence) -> Iterator[_Route]:
    vehicles = evidence.world.frame("vehicles").set_index("vehicle_id")
    for name, stops in evidence.frame("routes").groupby("route_id"):
        vehicle = stops["vehicle_id"].iloc[0]
        if vehicle in vehicles.index:
            yield _Route(str(name), stops.sort_values("seq").reset_index(drop=True), vehicles.loc[vehicle])


def check_driving(evidence: Evidence) -> Iterator[Violation]:
    """Routes begin and end right, loads are those of their stops and fit, times go forward, windows and limits hold."""
    yield from _vehicles(evidence)
    asked, known = _asked(evidence), Places(evidence.world)
    unpaid, late, overrun = _unpaid(evidence), _said(evidence, "late_stop"), _said(evidence, "late_vehicle")
    for route in _driven(evidence):
        yield from _ends(route)
        yield from _trips(route)
        yield from _loads(route, asked)
        yield from _times(route, evidence.world, overrun)
        yield from _limits(route, unpaid, overrun)
        yield from check_ways(route.name, route.stops, _share(route.vehicle), known)
        yield from _visits(route, evidence.world, asked, late)
    yield from _lanes(evidence)
    for check in (check_breaks, check_docks, check_apart, check_lanes_apart, check_locked_order):
        yield from check(evidence)


def _share(vehicle: "pd.Series[Any]") -> float:
    """Return the vehicle's speed as a share of the usual; what is no number above 0 is the usual."""
    try:
        share = float(vehicle["speed_profile"])
    except (TypeError, ValueError):
        return 1.0
    return share if 0 < share < float("inf") else 1.0


def _unpaid(evidence: Evidence) -> dict[str, float]:
    """Return by route the minutes of breaks that are not paid."""
    table, minutes = evidence.world.frame("vehicle_breaks"), dict[str, float]()
    free = {(row.vehicle_id, row[2]): float(row.minutes) for row in rows_of(table) if not row.paid}
    routes = evidence.frame("routes")
    for row in rows_of(routes[routes["kind"] == "break"]):
        minutes[row.route_id] = minutes.get(row.route_id, 0.0) + free.get((row.vehicle_id, row.stop_id), 0.0)
    return minutes


def _said(evidence: Evidence, kind: str) -> set[str]:
    """Return the stops, or vehicles, that a plan made during the day says it cannot have in time any more."""
    exceptions = evidence.frame("exceptions")
    return set(exceptions.loc[exceptions["kind"] == kind, "subject"].str.split(" ", n=1).str[-1])


def _visits(
    route: _Route, world: World, asked: dict[str, tuple[float, float, str]], late: set[str]
) -> Iterator[Violation]:
    """Compare each visit to a customer with its delivery: vehicle, window, release of what leaves the depot.

    What is settled during the day, or said to be late, is asked for neither.
    """
    deliveries = {row.delivery_id: row for row in rows_of(world.frame("deliveries"))}
    windows = world.frame("delivery_windows")
    for row in rows_of(route.stops):
        delivery = deliveries.get(row.stop_id)
        if delivery is None or row.kind == "depot":
            continue
        yield from _needs(route, row, delivery)
        minutes = _PARCEL_MINUTES if pd.isna(delivery.service_minutes) else float(delivery.service_minutes)
        if not row.locked and row.stop_id not in late:
            yield from _window(row, minutes, windows[windows["delivery_id"] == row.stop_id])
        if asked[row.stop_id][2] == "out" and not row.locked:
            yield from _released(route, row, delivery.release_at)


def _trips(route: _Route) -> Iterator[Violation]:
    """Trips are numbered from 1 without gaps, each begins at the depot where it is loaded, no more than allowed."""
    stops, vehicle = route.stops, route.vehicle
    most = 1 if pd.isna(vehicle["max_trips"]) else int(vehicle["max_trips"])
    begins = stops["trip"] != stops["trip"].shift()
    if list(stops.loc[begins, "trip"]) != list(range(1, int(begins.sum()) + 1)) or begins.sum() > most:
        yield Violation("routes", route.name, f"drives trips {sorted(set(stops['trip']))}, its vehicle may {most}")
    minutes = 0.0 if pd.isna(vehicle["reload_minutes"]) else float(vehicle["reload_minutes"])
    for row in rows_of(stops[begins]):
        if row.kind != "depot" or row.stop_id != vehicle["depot_id"]:
            yield Violation("routes", route.name, f"trip {row.trip} begins at {row.stop_id}")
        if row.seq > 0 and row.etd - row.eta < pd.Timedelta(minutes=minutes) - _SLACK:
            yield Violation("routes", route.name, f"trip {row.trip} is loaded in less than {minutes:g} minutes")


def _vehicles(evidence: Evidence) -> Iterator[Violation]:
    routes, known = evidence.frame("routes"), evidence.world.frame("vehicles").set_index("vehicle_id")
    for vehicle, names in routes.groupby("vehicle_id")["route_id"].unique().items():
        if len(names) > 1:
            yield Violation("routes", str(vehicle), f"drives {len(names)} routes at once")
        if vehicle not in known.index:
            yield Violation("routes", str(vehicle), "is no vehicle of the inputs")
        elif evidence.world.plan_date.weekday() not in weekday_numbers(known["available_on"].to_dict()[vehicle]):
            yield Violation("routes", str(vehicle), "does not drive on this weekday")


def _ends(route: _Route) -> Iterator[Violation]:
    first, last, vehicle = route.stops.iloc[0], route.stops.iloc[-1], route.vehicle
    if first["kind"] != "depot" or first["stop_id"] != vehicle["depot_id"]:
        yield Violation("routes", route.name, f"begins at {first['stop_id']}, its vehicle at {vehicle['depot_id']}")
    home = vehicle["end_depot_id"] if isinstance(vehicle["end_depot_id"], str) else vehicle["depot_id"]
    if not vehicle["open_end"] and (last["kind"] != "depot" or last["stop_id"] != home):
        yield Violation("routes", route.name, f"ends at {last['stop_id']}, its vehicle at {home}")
    if list(route.stops["seq"]) != list(range(len(route.stops))):
        yield Violation("routes", route.name, "has gaps in its driving order")


def _asked(evidence: Evidence) -> dict[str, tuple[float, float, str]]:
    """Return kg, litres and what becomes of them for each delivery: "out", "back", or "with" its partner's load."""
    due = evidence.world.frame("deliveries").fillna({"weight_kg": 0.0, "volume_l": 0.0})
    picked = due["pickup_of"].notna()
    kinds = np.where(picked, "back", "out")
    figures = zip(due["weight_kg"].astype(float), due["volume_l"].astype(float), kinds, strict=True)
    asked: dict[str, tuple[float, float, str]] = dict(zip(due["delivery_id"], figures, strict=True))
    aboard = set(evidence.frame("routes").query("kind == 'pick-up'")["stop_id"])
    for row in rows_of(due[picked & due["delivery_id"].isin(aboard)]):
        if asked.get(row.pickup_of, (0.0, 0.0, ""))[2] == "out":
            asked[row.pickup_of] = (*asked[row.delivery_id][:2], "with")
    return asked


def _loads(route: _Route, asked: dict[str, tuple[float, float, str]]) -> Iterator[Violation]:
    """Compare each step's change of load with the stop's, and the load aboard with the capacity."""
    inner = route.stops.iloc[:-1] if route.stops["kind"].iloc[-1] == "depot" else route.stops
    for name, limit, at in (("load_kg", "capacity_kg", 0), ("load_l", "capacity_l", 1)):
        most = float(inner[name].max())
        if not pd.isna(route.vehicle[limit]) and most > float(route.vehicle[limit]) + _KG:
            yield Violation("routes", route.name, f"carries {most:g}, its {limit} is {route.vehicle[limit]:g}")
        change = inner[name].astype(float).diff().to_dict()
        for row in rows_of(inner[inner["stop_id"].isin(asked.keys())]):
            load = asked[row.stop_id]
            wanted = float(load[at]) * (1.0 if load[2] == "back" else -1.0)
            if abs(float(change[row.Index]) - wanted) > _KG:
                words = f"changes {name} by {change[row.Index]:g}, the stop by {wanted:g}"
                yield Violation("routes", row.stop_id, words)


def _lanes(evidence: Evidence) -> Iterator[Violation]:
    """Compare what is unloaded at the stops of each lane with the transfer lines of today, where all are served."""
    left = {stop.split("#")[0] for stop in evidence.frame("unserved")["stop_id"]}
    routes = evidence.frame("routes").sort_values(["route_id", "seq"])
    moved = _transfer_loads(evidence).groupby("lane")[["load_kg", "load_l"]].sum()
    for name in ("load_kg", "load_l"):
        unloaded = routes.assign(unloaded=-routes.groupby("route_id")[name].diff())
        stops = unloaded[routes["kind"] == "transfer"]
        lanes = stops["stop_id"].str.split("#").str[0]
        sums = {str(lane): float(v) for lane, v in stops["unloaded"].astype(float).groupby(lanes).sum().items()}
        for lane, wanted in moved[name].to_dict().items():
            # Each stop's load is rounded up by itself.
            unloaded_there, needed = sums.get(str(lane)), float(wanted)
            if unloaded_there is None or lane in left:
                continue
            if abs(unloaded_there - needed) > _KG * (1 + needed / 1000):
                words = f"unloads {unloaded_there:g} of {name}, the transfers are {needed:g}"
                yield Violation("routes", str(lane), words)


def _times(route: _Route, world: World, overrun: set[str]) -> Iterator[Violation]:
    stops, midnight = route.stops, pd.Timestamp(datetime.combine(world.plan_date, time()))
    if (stops["etd"] + _SLACK < stops["eta"]).any() or (stops["eta"] + _SLACK < stops["etd"].shift()).any():
        yield Violation("routes", route.name, "goes back in time")
    start, end = (_clock(route.vehicle[name]) for name in ("shift_start", "shift_end"))
    if end is not None and end <= (start or timedelta()):
        end += timedelta(days=1)
    if start is not None and stops["eta"].min() < midnight + start - _SLACK:
        yield Violation("routes", route.name, f"begins at {stops['eta'].min():%H:%M}, before its shift")
    if end is not None and route.vehicle.name not in overrun and stops["etd"].max() > midnight + end + _SLACK:
        yield Violation("routes", route.name, f"ends at {stops['etd'].max():%d %H:%M}, after its shift")


def _clock(text: object) -> timedelta | None:
    if not isinstance(text, str):
        return None
    hours, minutes = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def _limits(route: _Route, unpaid: dict[str, float], overrun: set[str]) -> Iterator[Violation]:
    stops = route.stops
    whole = (stops["etd"].max() - stops["eta"].min()).total_seconds() / 60
    used = {
        "max_km": (float(stops["km"].sum()), _KM * len(stops)),
        "max_minutes": (whole - unpaid.get(route.name, 0.0), 1 / 60),
        "max_stops": (float((~stops["kind"].isin(_NO_STOPS)).sum()), 0.0),
    }
    for name, (amount, slack) in used.items():
        most = np.nan if name == "max_minutes" and route.vehicle.name in overrun else route.vehicle[name]
        if not pd.isna(most) and amount > float(most) + slack:
            yield Violation("routes", route.name, f"takes {amount:g}, its {name} is {most:g}")
    minutes, slack = used["max_minutes"]
    longest = float(route.vehicle["overtime_from_minutes"]) + float(route.vehicle["max_overtime_minutes"])
    if minutes > longest + slack and route.vehicle.name not in overrun:
        yield Violation("routes", route.name, f"takes {minutes:g} minutes, {longest:g} with all overtime")


def _needs(route: _Route, row: Any, delivery: Any) -> Iterator[Violation]:
    """Yield what the vehicle lacks: skills, temperature, the depot, the promise."""
    vehicle = route.vehicle
    if not _words(delivery.skills) <= _words(vehicle["skills"]):
        yield Violation("routes", row.stop_id, f"needs {delivery.skills}, {row.vehicle_id} has not")
    keeps, asked = _words(vehicle["temperature_classes"]), _words(delivery.temperature_class)
    if keeps and not asked <= keeps:
        yield Violation("routes", row.stop_id, f"is {delivery.temperature_class}, {row.vehicle_id} does not keep it so")
    if isinstance(delivery.depot_id, str) and delivery.depot_id != vehicle["depot_id"]:
        yield Violation("routes", row.stop_id, f"is loaded at {delivery.depot_id}, its route begins elsewhere")
    if isinstance(delivery.vehicle_id, str) and delivery.vehicle_id != row.vehicle_id:
        yield Violation("routes", row.stop_id, f"is promised to {delivery.vehicle_id}, {row.vehicle_id} brings it")


def _released(route: _Route, row: Any, moment: Any) -> Iterator[Violation]:
    loaded = route.stops.loc[route.stops["trip"] == row.trip, "etd"].min()
    if not pd.isna(moment) and loaded < moment - _SLACK:
        yield Violation("routes", row.stop_id, "leaves its depot before it is released")


def _words(text: object) -> frozenset[str]:
    return frozenset(text.split("|")) if isinstance(text, str) and text else frozenset()


def _window(row: Any, minutes: float, windows: pd.DataFrame) -> Iterator[Violation]:
    """Service begins inside a window; it takes `minutes` and ends with the departure."""
    begin = row.etd - pd.Timedelta(minutes=minutes)
    inside = (begin <= windows["window_end"] + _SLACK) & (begin >= windows["window_start"] - _SLACK)
    if len(windows) and not inside.any():
        yield Violation("routes", row.stop_id, f"is served at {begin:%H:%M}, outside its windows")
    if begin < row.eta - _SLACK:
        yield Violation("routes", row.stop_id, f"takes {minutes:g} minutes, longer than it stays")


def check_route_costs(evidence: Evidence) -> Iterator[Violation]:
    """Each route costs what its vehicle's rates and its kilometres and hours give, no more and no less."""
    costs, currency = evidence.frame("costs"), evidence.world.policy.currency
    booked = costs[costs["component"].isin(_RATES.keys())].groupby(["route_id", "component"])["amount"].sum()
    expected, unpaid = {}, _unpaid(evidence)
    for route in _driven(evidence):
        hours = (route.stops["etd"].max() - route.stops["eta"].min()).total_seconds() / 3600
        hours -= unpaid.get(route.name, 0.0) / 60
        usual = route.vehicle["overtime_from_minutes"]
        overtime = 0.0 if pd.isna(usual) else max(hours - float(usual) / 60, 0.0)
        bases = (1.0, float(route.stops["km"].sum()), hours, overtime)
        for (component, rate), base in zip(_RATES.items(), bases, strict=True):
            money = 0.0 if pd.isna(route.vehicle[rate]) else float(route.vehicle[rate]) * base
            expected[(route.name, component)] = to_minor(money, currency)
    for key in sorted({*expected, *booked.index}):
        amount, wanted = int(booked.get(key, 0)), expected.get(key, 0)
        if amount != wanted:
            words = f"{key[1]} {shown(amount, currency)}, the route gives {shown(wanted, currency)}"
            yield Violation("costs", str(key[0]), words)
    yield from _wrong_penalties(evidence, costs)


def _wrong_penalties(evidence: Evidence, costs: pd.DataFrame) -> Iterator[Violation]:
    """Yield where the penalties are not those that the tables name for the deliveries left out."""
    world, left = evidence.world, set(evidence.frame("unserved")["stop_id"])
    deliveries = world.frame("deliveries").dropna(subset=["unserved_cost"])
    mine = deliveries[deliveries["delivery_id"].isin(left)]
    wanted = sum(to_minor(float(cost), world.policy.currency) for cost in mine["unserved_cost"])
    booked = int(costs.loc[costs["component"] == "unserved", "amount"].sum())
    if booked != wanted:
        currency = world.policy.currency
        words = f"penalties of {shown(booked, currency)}, the stops left out give {shown(wanted, currency)}"
        yield Violation("costs", "unserved", words)
