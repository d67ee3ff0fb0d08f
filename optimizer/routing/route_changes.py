"""What a plan made during the day changes: each stop from the old vehicle and time to the new, and at what cost."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from optimizer.plan.exceptions import ExceptionRow
from optimizer.routing.added import Sequence, added_costs, sequences_of
from optimizer.routing.day import Day, day_of
from optimizer.routing.fleet import largest_load, vehicles_of_the_day
from optimizer.routing.hours import shift_seconds
from optimizer.routing.locks import Locks
from optimizer.routing.routed_tables import route_costs
from optimizer.routing.stops import stops_of_the_day
from optimizer.routing.underway import Underway
from scenarios.money import shown
from scenarios.schema import declared
from scenarios.world import rows_of
from solvers.routing.problem import ALONE, RELOAD, RoutingPlan

# A stop that comes no more than this earlier or later stays as it was.
_SAME_MINUTES: Final = 1.0


@dataclass(frozen=True)
class Changes:
    """The table `route_changes`, and what a dispatcher is told."""

    table: pd.DataFrame
    told: list[ExceptionRow]


def changes_of(day: Day, plan: RoutingPlan, routes: pd.DataFrame, underway: Underway) -> Changes:
    """Return the difference to the plan under way, one row a stop that is not done, and its price.

    The price of a stop that is new, gone, moved or left out is what it adds to its new route, less what it added to its
    old one. What all changes cost together stands first among the exceptions, from the routes as they are.
    """
    old, new = _visits(underway.routes), _visits(routes)
    settled = _settled(routes, underway)
    added, before = added_costs(day, sequences_of(plan)), _added_before(day, underway)
    rows = []
    for stop in sorted({*old, *new} - settled):
        was, comes = old.get(stop), new.get(stop)
        kind = _kind(was, comes, stop in set(day.found.stops["stop_id"]))
        price = added.get(stop, 0.0) * (comes is not None) - before.get(stop, 0.0) * (was is not None)
        rows.append(
            {
                "stop_id": stop,
                "change": kind,
                "old_vehicle": was and was.vehicle_id,
                "new_vehicle": comes and comes.vehicle_id,
                "old_eta": was and was.eta,
                "new_eta": comes and comes.eta,
                "minutes": None if was is None or comes is None else round(_minutes(was, comes), 2),
                "cost": round(price) if kind in {"new", "gone", "left out", "moved"} else 0,
            }
        )
    table = pd.DataFrame(rows, columns=list(declared()["route_changes"].names))
    return Changes(table, [_told(day, table, routes, underway)])


def _settled(routes: pd.DataFrame, underway: Underway) -> set[str]:
    """Return the stops that are left by now, and of each vehicle that has left the one it is at or on its way to.

    Others that are locked to their place are open still.
    """
    settled = set[str]()
    for _, part in routes.groupby("route_id"):
        stops = part.sort_values("seq")
        mine = stops[stops["locked"] & ~stops["kind"].isin(["depot", "break"])]
        if stops["locked"].iloc[0]:
            behind = int((mine["etd"] <= underway.moment).sum())
            settled |= set(mine["stop_id"].iloc[: behind + 1])
    return settled


def _visits(routes: pd.DataFrame) -> dict[str, Any]:
    stops = routes[~routes["kind"].isin(["depot", "break"])]
    return {row.stop_id: row for row in rows_of(stops)}


def _minutes(was: Any, comes: Any) -> float:
    return float((comes.eta - was.eta).total_seconds() / 60)


def _kind(was: Any, comes: Any, wanted: bool) -> str:
    if was is None:
        return "new"
    if comes is None:
        return "left out" if wanted else "gone"
    if was.vehicle_id != comes.vehicle_id:
        return "moved"
    minutes = _minutes(was, comes)
    return "same" if abs(minutes) <= _SAME_MINUTES else "later" if minutes > 0 else "earlier"


def _told(day: Day, table: pd.DataFrame, routes: pd.DataFrame, underway: Underway) -> ExceptionRow:
    counts = {kind: int((table["change"] == kind).sum()) for kind in sorted(set(table["change"]))}
    currency, extra = day.world.policy.currency, _cost(day, routes) - _cost(day, underway.routes)
    what = ", ".join(f"{number} {kind}" for kind, number in counts.items()) or "nothing is open"
    money = f"{shown(abs(extra), currency)} {'less' if extra < 0 else 'more'}"
    text = f"planned anew at {underway.moment:%H:%M}: {what}; the routes cost {money} than before"
    return ExceptionRow("routes under way", "changed", text, counts, extra)


def _cost(day: Day, routes: pd.DataFrame) -> int:
    return int(route_costs(day.world, routes)["amount"].sum())


def _added_before(day: Day, underway: Underway) -> Mapping[str, float]:
    """Return what each stop added to its route in the plan under way, by the tables of that plan."""
    world = underway.world
    vehicles = vehicles_of_the_day(world)
    visited = set(underway.routes["stop_id"])
    found = stops_of_the_day(world, underway.transfers, underway.held, largest_load(vehicles), visited)
    found = found.without([stop for stop in found.stops["stop_id"] if stop not in visited])
    before = day_of(world, found, vehicles, Locks())
    number = {stop: n for n, stop in enumerate(found.stops["stop_id"])}
    kinds = {name: kind for kind, names in enumerate(before.fleet.vehicle_ids) for name in names}
    sequences = []
    for vehicle, rows in underway.routes[underway.routes["kind"] != "break"].groupby("vehicle_id"):
        inner = list(rows_of(rows.sort_values("seq")))[1:]
        stops = [RELOAD if row.kind == "depot" else number.get(row.stop_id, ALONE) for row in inner]
        while stops and stops[-1] == RELOAD:
            stops.pop()
        if vehicle in kinds:
            sequences.append(Sequence(kinds[str(vehicle)], 0, stops))
    return added_costs(before, sequences)


def late_rows(day: Day, routes: pd.DataFrame, underway: Underway) -> list[ExceptionRow]:
    """Return who is served after the last window, and which vehicles are back after their shift: it was too late."""
    windows = day.world.frame("delivery_windows").groupby("delivery_id")["window_end"].max().to_dict()
    service = day.found.stops.set_index("stop_id")["service_minutes"].to_dict()
    state = day.found.stops.set_index("stop_id")["state"].to_dict()
    rows = []
    for row in rows_of(routes[~routes["kind"].isin(["depot", "break"]) & (routes["etd"] > underway.moment)]):
        if state[row.stop_id] == "done":
            continue
        begin = row.etd - pd.Timedelta(minutes=float(service[row.stop_id]))
        late = (begin - windows.get(row.stop_id, begin)).total_seconds() / 60
        if late > 0:
            text = f"{row.stop_id} is aboard {row.vehicle_id} and served at {begin:%H:%M}, {late:.0f} minutes late"
            rows.append(ExceptionRow(f"stop {row.stop_id}", "late_stop", text, {"minutes": round(late, 1)}))
    return rows + list(_late_vehicles(day, routes))


def _late_vehicles(day: Day, routes: pd.DataFrame) -> Iterator[ExceptionRow]:
    ends = {name: kind for kind, names in enumerate(day.fleet.vehicle_ids) for name in names}
    table = vehicles_of_the_day(day.world).set_index("vehicle_id")
    for vehicle, part in routes.groupby("vehicle_id"):
        row = table.loc[str(vehicle)]
        end = shift_seconds(row["shift_start"], row["shift_end"])[1]
        back = (part["etd"].max() - pd.Timestamp(day.world.plan_date)).total_seconds()
        if back > end and day.problem.vehicle_types[ends[str(vehicle)]].driven:
            minutes = (back - end) / 60
            text = f"{vehicle} is back at {part['etd'].max():%H:%M}, {minutes:.0f} minutes after its shift"
            yield ExceptionRow(f"vehicle {vehicle}", "late_vehicle", text, {"minutes": round(minutes, 1)})
