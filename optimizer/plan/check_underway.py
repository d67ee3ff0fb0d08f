"""Is a plan made during the day true? What is driven stays, nothing else begins before now, changes are listed."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from optimizer.plan.check import Evidence, Violation
from optimizer.plan.check_duty import began_again, driven_by
from scenarios.world import rows_of

_SLACK = pd.Timedelta(seconds=1)
_NO_STOPS = ("depot", "break")


def check_underway(evidence: Evidence) -> Iterator[Violation]:
    """Nothing but what is settled lies before now, goods aboard stay, new goods leave later, and changes add up."""
    if not evidence.run.get("now"):
        return
    now, routes = began_again(evidence), evidence.frame("routes").sort_values(["route_id", "seq"])
    changes = {row.stop_id: row for row in rows_of(evidence.frame("route_changes"))}
    fetched, driven = _fetched(evidence), driven_by(routes, now)
    for name, stops in routes.groupby("route_id"):
        left = bool(stops["locked"].iloc[0])
        for row in rows_of(stops):
            if row.kind == "depot" and row.locked:
                continue
            # A driver who waits at the depot may have rested there before now.
            if (
                row.stop_id in driven
                or row.kind == "break"
                or (row.kind == "depot" and row.seq == stops["seq"].iloc[-1])
            ):
                continue
            if row.etd < now - _SLACK:
                yield Violation("routes", str(name), f"{row.stop_id} is planned at {row.etd:%H:%M}, before {now:%H:%M}")
            yield from _loaded_since(row, left and row.trip == 1, changes, fetched)
    yield from _listed(evidence, routes[~routes["stop_id"].isin(driven)], changes)


def _fetched(evidence: Evidence) -> set[str]:
    """Return the stops whose goods come from no depot: pick-ups and what they bring."""
    given = evidence.world.frame("deliveries").dropna(subset=["pickup_of"])
    return {*given["delivery_id"], *given["pickup_of"]}


def _loaded_since(row: Any, on_the_road: bool, changes: dict[str, Any], fetched: set[str]) -> Iterator[Violation]:
    if not on_the_road or row.kind in _NO_STOPS or row.stop_id in fetched:
        return
    before = changes[row.stop_id].old_vehicle if row.stop_id in changes else None
    if before != row.vehicle_id:
        yield Violation("routes", row.stop_id, f"is brought by {row.vehicle_id}, which left without it")


def _listed(evidence: Evidence, routes: pd.DataFrame, changes: dict[str, Any]) -> Iterator[Violation]:
    """Compare the table of changes with the routes: each stop once, with its vehicle and time."""
    visits = {row.stop_id: row for row in rows_of(routes[~routes["kind"].isin(_NO_STOPS)])}
    for stop in sorted(visits.keys() | changes.keys()):
        visit, said = visits.get(stop), changes.get(stop)
        if said is None:
            yield Violation("route_changes", stop, "is not listed")
            continue
        told = None if pd.isna(said.new_vehicle) else said.new_vehicle
        if (told, said.new_eta) != ((None, said.new_eta) if visit is None else (visit.vehicle_id, visit.eta)):
            yield Violation("route_changes", stop, "does not say what the routes do")
        left_out = stop in set(evidence.frame("unserved")["stop_id"])
        if (said.change == "left out") != (visit is None and left_out):
            yield Violation("route_changes", stop, f'is said to be "{said.change}"')
