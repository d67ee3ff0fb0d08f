"""Do kilometres and minutes between stops follow from the tables? Hour by hour, without the planner's code."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from optimizer.plan.check import Violation
from scenarios.world import World, rows_of

# Ways are written to the metre; times of the travel table are rounded up to the second, hour by hour.
_KM = 0.002
_MINUTE = 1.5 / 60
_EARTH_KM = 6371.0
# The sphere is off by less than this share against the ellipsoid.
_SPHERE = 0.006
# Speed where the tables name neither minutes nor roads.
_STRAIGHT_KMH = 35.0


@dataclass(frozen=True)
class Leg:
    """The way from one stop to the next: of it km and minutes, and when it begins."""

    to: str
    ends: tuple[str, str]
    km: float
    minutes: float
    leaves: pd.Timestamp


def legs_of(stops: pd.DataFrame) -> Iterator[Leg]:
    """Yield the legs of a route; breaks stand where they are taken, so that the way to one is that to its stop."""
    before, last, km, minutes = None, None, 0.0, 0.0
    leaves = stops["etd"].iloc[0]
    for row in rows_of(stops):
        if last is not None:
            gap = (row.eta - last.etd).total_seconds() / 60
            leaves = last.etd if gap > 0 and minutes == 0 else leaves
            km, minutes = km + float(row.km), minutes + gap
        last = row
        if row.kind == "break":
            continue
        if before is not None:
            yield Leg(row.stop_id, (_place_of(before), _place_of(row)), km, minutes, leaves)
        before, km, minutes, leaves = row, 0.0, 0.0, row.etd


def _place_of(row: Any) -> str:
    return str(row.stop_id).split("#")[0].split(">")[-1]


def check_ways(name: str, stops: pd.DataFrame, share: float, known: "Places") -> Iterator[Violation]:
    """
    Ways are those of the travel table where it has them; no other is shorter than the straight line, nor too fast.

    share: the vehicle's speed as a share of the usual
    """
    for leg in legs_of(stops):
        given = known.given(*leg.ends)
        if given is None:
            yield from _undrawn(f"{name} {leg.to}", leg, share, known)
            continue
        expected = _minutes(given[0], leg.leaves, share)
        slack = _MINUTE * len(given[0])
        if abs(leg.km - given[1]) > _KM or abs(leg.minutes - expected) > slack:
            words = f"is {leg.km:g} km and {leg.minutes:.1f} minutes from the stop before"
            table = f"the travel table says {given[1]:g} and {expected:g}"
            yield Violation("routes", f"{name} {leg.to}", f"{words}, {table}")


def _undrawn(where: str, leg: Leg, share: float, known: "Places") -> Iterator[Violation]:
    """Compare a leg without a row in the travel table with the straight line and with the fastest there is."""
    straight = _straight_km(*(known.point(end) for end in leg.ends)) * (1 - _SPHERE)
    if leg.km < straight - _KM:
        yield Violation("routes", where, f"is {leg.km:g} km from the stop before, the straight line {straight:.3f}")
    least = max(leg.km - _KM, 0.0) / (known.fastest_kmh * share) * 60
    if leg.minutes < least - _MINUTE:
        words = f"is reached in {leg.minutes:.1f} minutes, {leg.km:g} km take {least:.1f} at the highest speed there is"
        yield Violation("routes", where, words)


def _minutes(rows: list[tuple[int, float]], leaves: pd.Timestamp, share: float) -> float:
    """Return the minutes of a way by the rows (from_hour, minutes) in force while it is driven.

    The speed changes on the way where the next row begins.
    """
    done, left, clock = 0.0, 1.0, leaves
    for _ in range(1000):
        hour = clock.hour + clock.minute / 60 + clock.second / 3600
        whole = next((m for h, m in reversed(rows) if h <= hour), rows[0][1]) / share
        later = [h for h, _ in rows if h > hour]
        until = ((later[0] if later else 24) - hour) * 60
        if whole * left <= until or whole == 0 or len(rows) == 1:
            return done + whole * left
        done, left = done + until, left - until / whole
        clock = clock + pd.Timedelta(minutes=until)
    return done


class Places:
    """Where places are, and what the travel table says of ways between them."""

    def __init__(self, world: World) -> None:
        columns = ["lat", "lon"]
        own = world.frame("deliveries").set_index("delivery_id")
        people = world.frame("customers").set_index("customer_id")[columns]
        self.customer = own["customer_id"].dropna().to_dict()
        places = pd.concat([world.frame("locations").set_index("location_id")[columns], own[columns], people])
        self.points = {name: point for name, *point in places.astype(float).dropna().itertuples(name=None)}
        self.travel: dict[tuple[str, str], tuple[list[tuple[int, float]], float]] = {}
        for row in rows_of(world.frame("travel").sort_values("from_hour", kind="stable")):
            rows = self.travel.setdefault((row.from_id, row.to_id), ([], float(row.km)))[0]
            rows.append((int(row.from_hour), float(row.minutes)))
        self.listed = {name for pair in self.travel for name in pair}
        self.fastest_kmh = _fastest(world)

    def point(self, name: str) -> Any:
        """Return (lat, lon) of a place, of its customer, or NaN."""
        return self.points.get(name, self.points.get(self.customer.get(name, ""), [np.nan, np.nan]))

    def given(self, a: str, b: str) -> tuple[list[tuple[int, float]], float] | None:
        """Return the table's minutes by hour and km, None where it has none; a place on both ends is no way."""
        ends = [self._named(a), self._named(b)]
        if a == b or ends[0] == ends[1]:
            return None
        return self.travel.get((ends[0], ends[1]))

    def _named(self, name: str) -> str:
        return name if name in self.listed else self.customer.get(name, name)


def _fastest(world: World) -> float:
    """Return the highest speed that anybody drives at without the travel table."""
    roads = world.frame("road_edges")
    if roads.empty or world.frame("road_nodes").empty:
        return _STRAIGHT_KMH
    best = [max((float(part) for part in text.split("|")), default=1.0) for text in roads["hour_factors"].dropna()]
    return max(float(roads["kmh"].astype(float).fillna(_STRAIGHT_KMH).max()), _STRAIGHT_KMH) * max([1.0, *best])


def _straight_km(a: Any, b: Any) -> float:
    """Return the great-circle distance of two (lat, lon) points in degrees, 0 where one is unknown."""
    if np.isnan(a).any() or np.isnan(b).any():
        return 0.0
    (lat, lon), (to_lat, to_lon) = np.radians(a), np.radians(b)
    cosine = np.sin(lat) * np.sin(to_lat) + np.cos(lat) * np.cos(to_lat) * np.cos(lon - to_lon)
    return float(_EARTH_KM * np.arccos(np.clip(cosine, -1.0, 1.0)))


def gaps(stops: pd.DataFrame) -> Iterator[tuple[Any, float]]:
    """Yield each row after the first with the minutes driven to it."""
    for before, row in pairwise(rows_of(stops)):
        yield row, (row.eta - before.etd).total_seconds() / 60
