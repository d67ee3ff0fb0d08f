"""Breaks, doors, goods apart and locks of the routes, recomputed from tables and inputs without the planner's code."""

from collections.abc import Iterator, Mapping
from datetime import datetime, time
from typing import Any

import pandas as pd

from optimizer.plan.check import Evidence, Violation
from optimizer.plan.check_ways import gaps
from scenarios.world import World, rows_of

_SLACK = pd.Timedelta(seconds=1)
_DAY = pd.Timedelta(days=1)
# Each leg of a route is rounded up to the second.
_LEG_MINUTE = 1 / 60
_KG = 0.05


def check_breaks(evidence: Evidence) -> Iterator[Violation]:
    """Each break is taken in its time and as long as asked; who is under way at its latest takes it; rules hold."""
    table, routes = evidence.world.frame("vehicle_breaks"), evidence.frame("routes")
    vehicles = evidence.world.frame("vehicles").set_index("vehicle_id")
    since, told = began_again(evidence), _told(evidence)
    for name, part in routes.groupby("route_id"):
        stops = part.sort_values("seq").reset_index(drop=True)
        vehicle = stops["vehicle_id"].iloc[0]
        asked = {str(row[2]): row for row in rows_of(table[table["vehicle_id"] == vehicle])}
        for row in rows_of(stops[stops["kind"] == "break"]):
            if row.stop_id not in asked:
                yield Violation("routes", str(name), f"takes break {row.stop_id}, which {vehicle} has not")
        if vehicle not in vehicles.index:
            continue
        shift = shift_of(evidence.world, vehicles.loc[vehicle])
        for key, pause in asked.items():
            left_out = f"break {key} of {vehicle} ", f"break by driving time of {vehicle}: "
            ruled = not pd.isna(pause.after_drive_minutes)
            if not any(text.startswith(left_out[0]) or (ruled and text.startswith(left_out[1])) for text in told):
                yield from _one_break(str(name), stops, pause, (shift, since))


def _one_break(
    name: str, stops: pd.DataFrame, pause: Any, when: tuple[tuple[pd.Timestamp, pd.Timestamp], pd.Timestamp]
) -> Iterator[Violation]:
    shift, since = when
    taken = stops[(stops["kind"] == "break") & (stops["stop_id"] == pause[2])]
    length = pd.Timedelta(minutes=float(pause.minutes))
    earliest = _after(pause.earliest, shift[0], shift)
    latest = shift[1] if not isinstance(pause.latest, str) else _after(pause.latest, earliest, shift)
    for row in rows_of(taken):
        begin = row.etd - length
        if begin < row.eta - _SLACK:
            yield Violation("routes", name, f"break {pause[2]} is shorter than {pause.minutes:g} minutes")
        if not earliest - _SLACK <= begin <= latest + _SLACK:
            yield Violation("routes", name, f"break {pause[2]} begins at {begin:%H:%M}, outside its time")
    if not pd.isna(pause.after_drive_minutes):
        yield from _rule(name, stops, pause, since)
        return
    begins, ends = stops["eta"].min(), stops["etd"].max()
    # What could be taken before a plan of the day was made may be past.
    under_way = begins <= latest and ends > latest + _SLACK and earliest >= since
    if len(taken) > 1 or (under_way and taken.empty):
        yield Violation("routes", name, f"takes break {pause[2]} {len(taken)} times, it is under way when it is due")


def _rule(name: str, stops: pd.DataFrame, pause: Any, since: pd.Timestamp) -> Iterator[Violation]:
    """Add up the driving since the last break that is no shorter."""
    driven, legs = 0.0, 0
    for row, minutes in gaps(stops):
        driven, legs = driven + max(minutes, 0.0), legs + 1
        long_enough = (row.etd - row.eta).total_seconds() / 60 - row.wait_minutes >= pause.minutes - _LEG_MINUTE
        if driven > pause.after_drive_minutes + legs * _LEG_MINUTE and row.eta > since:
            words = f"drives {driven:.0f} minutes without break {pause[2]}, due after {pause.after_drive_minutes:g}"
            yield Violation("routes", name, words)
            return
        if row.kind == "break" and long_enough:
            driven, legs = 0.0, 0


def _after(clock: object, moment: pd.Timestamp, shift: tuple[pd.Timestamp, pd.Timestamp]) -> pd.Timestamp:
    """Return the clock's moment in the shift: the next day's where it lies before `moment` and the shift goes on."""
    if not isinstance(clock, str):
        return moment
    hours, minutes = clock.split(":")
    midnight = shift[0].normalize()
    there = midnight + pd.Timedelta(hours=int(hours), minutes=int(minutes))
    return there + _DAY if there < moment and there + _DAY <= shift[1] else there


def shift_of(world: World, vehicle: Any) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return when a vehicle's shift begins and ends; one that ends before it begins ends the next day."""
    midnight = pd.Timestamp(datetime.combine(world.plan_date, time()))
    start = _clock(vehicle["shift_start"], midnight, midnight)
    end = _clock(vehicle["shift_end"], midnight, midnight + _DAY)
    return start, end if end > start else end + _DAY


def _clock(text: object, midnight: pd.Timestamp, missing: pd.Timestamp) -> pd.Timestamp:
    if not isinstance(text, str):
        return missing
    hours, minutes = text.split(":")
    return midnight + pd.Timedelta(hours=int(hours), minutes=int(minutes))


def _told(evidence: Evidence) -> list[str]:
    return [str(text) for text in evidence.frame("exceptions")["text"]]


def began_again(evidence: Evidence) -> pd.Timestamp:
    """Return from when on the routes are planned: the time of a plan made during the day, else ages ago."""
    now = evidence.run.get("now")
    midnight = pd.Timestamp(datetime.combine(evidence.world.plan_date, time()))
    return _clock(now, midnight, midnight - 10 * _DAY) if now else midnight - 10 * _DAY


def driven_by(routes: pd.DataFrame, now: pd.Timestamp) -> set[str]:
    """Return the stops that are behind a vehicle that has left, and the one it is at or on its way to."""
    driven = set[str]()
    for _, part in routes.groupby("route_id"):
        stops = part.sort_values("seq")
        left, open_still = bool(stops["locked"].iloc[0]), 1
        for row in rows_of(stops[stops["locked"] & ~stops["kind"].isin(["depot", "break"])]):
            open_still -= row.etd > now
            driven |= {row.stop_id} if left and open_still >= 0 else set()
    return driven


def check_docks(evidence: Evidence) -> Iterator[Violation]:
    """At a depot with doors, no more vehicles load at once than doors are open."""
    slots, since = list(rows_of(evidence.world.frame("dock_slots"))), began_again(evidence)
    vehicles = evidence.world.frame("vehicles").set_index("vehicle_id")
    midnight = pd.Timestamp(datetime.combine(evidence.world.plan_date, time()))
    loadings: dict[str, list[tuple[pd.Timestamp, pd.Timestamp, str]]] = {}
    for row in rows_of(_loading_rows(evidence)):
        minutes = vehicles["reload_minutes"].get(row.vehicle_id)
        length = pd.Timedelta(minutes=0.0 if minutes is None or pd.isna(minutes) else float(minutes))
        if row.etd - length >= since:
            loadings.setdefault(row.stop_id, []).append((row.etd - length, row.etd, row.route_id))
    for depot in sorted({slot.depot_id for slot in slots} & loadings.keys()):
        mine = [slot for slot in slots if slot.depot_id == depot]
        closing = {_clock(slot.to_time, midnight + n * _DAY, midnight) for slot in mine for n in (0, 1)}
        for moment in sorted({begin for begin, _, _ in loadings[depot]} | closing):
            at_once = [route for begin, end, route in loadings[depot] if begin <= moment < end]
            doors = sum(int(slot.doors) for slot in mine if _open(slot, moment))
            if len(at_once) > doors:
                words = f"{len(at_once)} load at {depot} at {moment:%H:%M}, {doors} doors are open"
                yield Violation("routes", at_once[-1], words)


def _open(slot: Any, moment: pd.Timestamp) -> bool:
    start, end = (_clock(text, moment.normalize(), moment.normalize()) for text in (slot.from_time, slot.to_time))
    if not isinstance(slot.to_time, str):
        end = start.normalize() + _DAY
    return bool(start <= moment < end if end > start else moment >= start or moment < end)


def _loading_rows(evidence: Evidence) -> pd.DataFrame:
    """Return the depot rows at which a trip is loaded: where a trip begins."""
    routes = evidence.frame("routes").sort_values(["route_id", "seq"])
    depots = routes[(routes["kind"] == "depot")]
    return depots.drop_duplicates(["route_id", "trip"])


def check_apart(evidence: Evidence) -> Iterator[Violation]:
    """Goods of groups that must not travel together are on different trips."""
    group = _groups(evidence)
    routes = evidence.frame("routes").sort_values(["route_id", "seq"])
    for (name, trip), part in routes.groupby(["route_id", "trip"]):
        there = sorted({group[stop] for stop in part["stop_id"] if stop in group})
        if len(there) > 1:
            yield Violation("routes", str(name), f"trip {trip} carries {' and '.join(there)}, which must travel apart")


def _groups(evidence: Evidence) -> dict[str, str]:
    """Return the group of the goods of each stop that has one; of transfers where one lane's goods are of one."""
    deliveries = evidence.world.frame("deliveries").dropna(subset=["incompatible_group"])
    group = dict(zip(deliveries["delivery_id"], deliveries["incompatible_group"], strict=True))
    items = evidence.world.frame("items").dropna(subset=["incompatible_group"]).set_index("item_id")
    moves, today = evidence.frame("transfers"), evidence.world.plan_date
    moves = moves[moves["ship_on"] == today]
    lanes: dict[str, set[str]] = {}
    for row in rows_of(moves):
        of_item = items["incompatible_group"].get(row.item_id)
        lanes.setdefault(f"{row.from_location}>{row.to_location}", set()).add("" if of_item is None else str(of_item))
    for stop in set(evidence.frame("routes")["stop_id"]):
        kinds = lanes.get(str(stop).split("#")[0], set())
        if len(kinds - {""}) == 1:
            group[stop] = next(iter(kinds - {""}))
    return group


def check_lanes_apart(evidence: Evidence) -> Iterator[Violation]:
    """Each lane whose goods must travel apart has a stop for each of their groups at least."""
    items = evidence.world.frame("items").set_index("item_id")["incompatible_group"]
    moves = evidence.frame("transfers")
    moves = moves[moves["ship_on"] == evidence.world.plan_date]
    lanes = moves["from_location"].astype(str) + ">" + moves["to_location"].astype(str)
    groups = moves["item_id"].map(items).groupby(lanes).nunique().to_dict()
    there = {*evidence.frame("routes")["stop_id"], *evidence.frame("unserved")["stop_id"]}
    for lane, count in groups.items():
        stops = sum(str(stop).split("#")[0] == lane for stop in there)
        if 0 < stops < count:
            yield Violation("routes", str(lane), f"has {stops} stops for {count} groups of goods that travel apart")


def check_locked_order(evidence: Evidence) -> Iterator[Violation]:
    """Each route begins with the stops that are locked to its vehicle, in their order."""
    given = evidence.world.frame("deliveries")
    locked = given[given["sequence"].notna() & given["vehicle_id"].notna()]
    place = {r.delivery_id: (r.vehicle_id, float(r.sequence)) for r in rows_of(locked)}
    freed = _freed(evidence, place) | driven_by(evidence.frame("routes"), began_again(evidence))
    for name, part in evidence.frame("routes").groupby("route_id"):
        stops = part.sort_values("seq")
        stops = stops[~stops["kind"].isin(["depot", "break"])]
        vehicle = part["vehicle_id"].iloc[0]
        mine = [s for s in stops["stop_id"] if s not in freed and place.get(s, ("", 0.0))[0] == vehicle]
        wanted = sorted(mine, key=lambda stop: (place[stop][1], stop))
        begins = [row.stop_id for row in rows_of(stops) if row.stop_id in mine or not row.locked][: len(mine)]
        if mine != wanted or begins != wanted:
            yield Violation("routes", str(name), f"should begin with {', '.join(wanted)}, which are locked to it")


def _freed(evidence: Evidence, place: Mapping[str, tuple[str, float]]) -> set[str]:
    """Return the locked stops that the plan says it could not keep so, and those behind them on their vehicle."""
    named = [text.split(":")[0].removeprefix("lock of ") for text in _told(evidence) if "it is free" in text]
    freed: set[str] = set()
    for stop in named:
        if stop in place:
            vehicle, at = place[stop]
            freed |= {other for other, (v, n) in place.items() if v == vehicle and n >= at}
    return freed
