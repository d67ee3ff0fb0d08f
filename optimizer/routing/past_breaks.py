"""Breaks taken by now in a plan under way: they hold a departure, are not asked again, and stay listed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pandas as pd

from scenarios.world import rows_of


@dataclass(frozen=True)
class TakenBefore:
    """A break by now: its row, the stop at which it was taken, and whether it was before the service; by the delay."""

    row: Any
    stop: Any
    ahead: bool
    delay: timedelta

    @property
    def begin(self) -> pd.Timestamp:
        """When it began, the delay counted."""
        return pd.Timestamp(self.row.eta + timedelta(minutes=float(self.row.wait_minutes)) + self.delay)


def taken_before(route: pd.DataFrame, moment: pd.Timestamp, delay: timedelta) -> list[TakenBefore]:
    """Return the breaks of a route, in driving order, that have begun by a moment."""
    rows, found = list(rows_of(route)), list[TakenBefore]()
    ahead = False
    for n, row in enumerate(rows):
        if row.kind != "break":
            continue
        ahead = row.km > 0 or (ahead and rows[n - 1].kind == "break")
        near = rows[n + 1 :] if ahead else rows[n - 1 :: -1]
        stop = next((other for other in near if other.kind != "break"), None)
        if stop is not None:
            found.append(TakenBefore(row, stop, ahead, delay))
    return [one for one in found if one.begin <= moment]


def departures(route: pd.DataFrame) -> pd.DataFrame:
    """Return the route without its breaks; each stop is left when the breaks taken behind it are over."""
    rows, leaves = list(rows_of(route)), dict[int, pd.Timestamp]()
    last = -1
    for n, row in enumerate(rows):
        if row.kind != "break":
            last = n
        elif row.km == 0 and last >= 0 and all(other.km == 0 for other in rows[last + 1 : n + 1]):
            leaves[last] = row.etd
    etd = [leaves.get(n, row.etd) for n, row in enumerate(rows)]
    plain = route.assign(etd=pd.Series(etd, index=route.index, dtype=route["etd"].dtype))
    return plain[plain["kind"] != "break"]


def with_past_breaks(routes: pd.DataFrame, taken: dict[str, list[TakenBefore]]) -> pd.DataFrame:
    """Return the table of routes with the breaks taken by now at the settled stops where they were."""
    parts = [
        pd.DataFrame(list(_with_breaks(list(rows_of(part)), taken.get(str(part["vehicle_id"].iloc[0]), []))))
        for _, part in routes.groupby("route_id", sort=True)
    ]
    if not any(taken.values()) or not parts:
        return routes
    table = pd.concat(parts, ignore_index=True)[list(routes.columns)]
    return table.assign(seq=table.groupby("route_id").cumcount())


def _with_breaks(rows: list[Any], taken: list[TakenBefore]) -> Iterator[dict[str, Any]]:
    before: dict[str, Any] = {}
    for row in rows:
        plain = {name: value for name, value in row._asdict().items() if name != "Index"}
        here = [one for one in taken if one.stop.stop_id == row.stop_id and row.locked and row.kind != "depot"]
        yield from _at_stop(plain, before, here)
        before = plain


def _at_stop(stop: dict[str, Any], before: dict[str, Any], here: list[TakenBefore]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a stop with the breaks there that its new times leave room for."""
    clock, after = stop["eta"], [one for one in here if not one.ahead]
    for one in (one for one in here if one.ahead and one.row.etd + one.delay <= stop["etd"] and one.begin >= clock):
        yield {**_break_row(stop, one, clock), "load_kg": before["load_kg"], "load_l": before["load_l"]}
        clock = one.row.etd + one.delay
        stop = {**stop, "eta": clock, "km": 0.0, "wait_minutes": float(one.stop.wait_minutes)}
    fits = [one for one in after if one.begin >= stop["eta"] and one.row.etd + one.delay <= stop["etd"]]
    if fits:
        done = fits[0].row.eta + fits[0].delay
        stop = {**stop, "etd": done, "wait_minutes": float(fits[0].stop.wait_minutes)}
    yield stop
    for one in fits:
        yield {**_break_row(stop, one, one.row.eta + one.delay), "km": 0.0}


def _break_row(stop: dict[str, Any], one: TakenBefore, eta: pd.Timestamp) -> dict[str, Any]:
    named = {"line_id": one.row.line_id, "stop_id": one.row.stop_id, "kind": "break", "locked": True}
    wait = (one.begin - eta).total_seconds() / 60
    return {**stop, **named, "eta": eta, "etd": one.row.etd + one.delay, "wait_minutes": round(wait, 6)}
