"""Ways between the places of a day, hour by hour: from the travel table, else over roads, else the great circle."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.routing.hours import HOUR_SECONDS, bands_of, factors_of
from scenarios.world import World
from solvers.paths_on_graph import (
    DETOUR_FACTOR,
    TravelMatrices,
    great_circle_metres,
    road_graph,
    straight_travel,
    travel_on,
)
from solvers.routing.problem import FORBIDDEN

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
# Speed over the great circle times the detour factor, and on roads that name none.
STRAIGHT_KMH: Final = 35.0
_METRES_PER_KM = 1000.0
_SECONDS_PER_MINUTE = 60.0


@dataclass(frozen=True, eq=False)
class Travel:
    """Whole metres between places, shape (places, places), seconds, and on what they rest, in words.

    seconds: shape (places, places); (bands, places, places) where they change with the hour
    band_starts: when each band begins, seconds since midnight
    """

    metres: IntArray
    seconds: IntArray
    band_starts: tuple[int, ...]
    assumed: tuple[str, ...]


def travel(world: World, places: pd.DataFrame, until: int) -> Travel:
    """
    Return travel between `places`, by the hour it begins where a table says so.

    places: columns lat, lon, and `names`, tuples of the ids by which the travel table may know the place, first first
    until: second of the day up to which anybody drives; hours past midnight are those of the night before

    Each pair that the travel table lacks is driven over the roads, where there are some, else straight. A place without
    coordinates is reached by pairs of the table alone; FORBIDDEN metres where there is no way. Metres are the same all
    day: those of the table's first row of a pair, and of the fastest way at the roads' own speed.
    """
    hours = bands_of(world)
    drawn = _drawn(world, places, hours)
    minutes, km = _given(world, list(places["names"]), hours)
    known = np.isfinite(minutes[0]) & np.isfinite(km)
    there = known | (drawn.metres >= 0)
    metres = np.where(known, np.rint(np.nan_to_num(km) * _METRES_PER_KM), drawn.metres)
    seconds = np.where(known, np.ceil(np.round(np.nan_to_num(minutes) * _SECONDS_PER_MINUTE, 6)), drawn.seconds)
    metres, seconds = np.where(there, metres, FORBIDDEN), np.where(there, seconds, 0)
    np.fill_diagonal(metres, 0)
    seconds[:, np.arange(len(places)), np.arange(len(places))] = 0
    count = len(places) * (len(places) - 1)
    off_diagonal = known & ~np.eye(len(places), dtype=bool)
    assumed = [f"{int(off_diagonal.sum())} of {count} ways are those of the travel table"] if known.any() else []
    if off_diagonal.sum() < count:
        assumed.append(drawn.words)
    if len(hours) > 1:
        assumed.append(f"travel times change at {', '.join(f'{hour}:00' for hour in hours[1:])}, ways do not")
    whole = seconds.astype(np.int64)
    starts, rows = _through_the_night(hours, until)
    return Travel(metres.astype(np.int64), whole[rows] if len(starts) > 1 else whole[0], starts, tuple(assumed))


def _through_the_night(hours: Sequence[int], until: int) -> tuple[tuple[int, ...], list[int]]:
    """Return when the bands begin, past midnight too where somebody drives then, and the hour each repeats."""
    days = max(-(-until // (24 * HOUR_SECONDS)), 1) if len(hours) > 1 else 1
    starts = tuple((24 * day + hour) * HOUR_SECONDS for day in range(days) for hour in hours)
    return starts, [n for _ in range(days) for n in range(len(hours))]


def _given(world: World, names: Sequence[tuple[str, ...]], hours: Sequence[int]) -> tuple[FloatArray, FloatArray]:
    """Return minutes by band and km of the travel table between places, NaN where it has no row.

    A row is in force from its hour until the next of its pair; before the first, that one is.
    """
    table = world.frame("travel").sort_values(["from_id", "to_id", "from_hour"], kind="stable")
    first = table.drop_duplicates(["from_id", "to_id"])
    listed = pd.Index(sorted({*table["from_id"], *table["to_id"]}), dtype=object)
    number = np.array([next((listed.get_loc(n) for n in tried if n in listed), -1) for tried in names], np.int64)
    pairs = np.ix_(number, number)
    minutes = []
    for hour in hours:
        begun = table[table["from_hour"] <= hour].drop_duplicates(["from_id", "to_id"], keep="last")
        full = _square(listed, first, "minutes")
        at = (listed.get_indexer(pd.Index(begun[end])) for end in ("from_id", "to_id"))
        full[tuple(at)] = begun["minutes"].to_numpy(float)
        minutes.append(full[pairs])
    return np.stack(minutes), _square(listed, first, "km")[pairs]


def _square(listed: "pd.Index[str]", rows: pd.DataFrame, name: str) -> FloatArray:
    """Return a column by (from, to); the last row and column, of places the table does not know, stay empty."""
    full = np.full((len(listed) + 1, len(listed) + 1), np.nan)
    at = (listed.get_indexer(pd.Index(rows[end])) for end in ("from_id", "to_id"))
    full[tuple(at)] = rows[name].to_numpy(float)
    return full


@dataclass(frozen=True, eq=False)
class _Drawn:
    """Travel from coordinates alone: metres (places, places), seconds (bands, places, places), on what it rests."""

    metres: IntArray
    seconds: IntArray
    words: str


def _drawn(world: World, places: pd.DataFrame, hours: Sequence[int]) -> _Drawn:
    """Return travel from coordinates, UNREACHABLE to and from places without."""
    lat, lon = places["lat"].to_numpy(float), places["lon"].to_numpy(float)
    placed = np.flatnonzero(np.isfinite(lat) & np.isfinite(lon))
    roads = world.has("road_nodes") and world.has("road_edges")
    if roads:
        found = _roads(world, lat[placed], lon[placed], hours)
    else:
        straight = straight_travel(lat[placed], lon[placed], STRAIGHT_KMH)
        found = straight.metres, np.repeat(straight.seconds[None], len(hours), axis=0)
    metres = np.full((len(lat), len(lat)), FORBIDDEN)
    seconds = np.full((len(hours), len(lat), len(lat)), FORBIDDEN)
    metres[np.ix_(placed, placed)] = found[0]
    seconds[np.ix_(np.arange(len(hours)), placed, placed)] = found[1]
    straight_words = f"the great circle times {DETOUR_FACTOR} at {STRAIGHT_KMH:g} km/h"
    words = f"travel is {straight_words}: no travel table, no roads"
    if roads:
        words = "travel follows the fastest way on the roads, whose own length is billed;"
        words = f"{words} to the next crossing {straight_words}"
    return _Drawn(metres, seconds, words)


def _roads(world: World, lat: FloatArray, lon: FloatArray, hours: Sequence[int]) -> tuple[IntArray, IntArray]:
    """Return travel over the roads, with the way between each place and its nearest crossing."""
    nodes, edges = world.frame("road_nodes"), world.frame("road_edges")
    number = pd.Index(nodes["node_id"])
    kmh = edges["kmh"].astype(float).fillna(STRAIGHT_KMH).to_numpy(float)
    ends = number.get_indexer(edges["from_node"]), number.get_indexer(edges["to_node"])
    length, oneway = np.asarray(edges["metres"], np.float64), edges["oneway"].to_numpy(bool)
    node, away = _nearest(nodes["lat"].to_numpy(float), nodes["lon"].to_numpy(float), lat, lon)

    def found(share: FloatArray) -> TravelMatrices:
        return travel_on(road_graph(ends, length, np.asarray(kmh * share, np.float64), oneway), node)

    usual, factors = found(np.ones(len(edges))), factors_of(edges)
    changing = bool((factors != 1).any())
    by_hour = [found(factors[:, hour]) if changing else usual for hour in hours]
    access = np.rint(away * DETOUR_FACTOR).astype(np.int64)
    waiting = np.ceil(access / (STRAIGHT_KMH / 3.6)).astype(np.int64)
    there = usual.metres >= 0
    way = np.where(there, usual.metres + access[:, None] + access, FORBIDDEN)
    seconds = [np.where(there, one.seconds + waiting[:, None] + waiting, FORBIDDEN) for one in by_hour]
    return way, np.stack(seconds)


def _nearest(
    node_lat: FloatArray, node_lon: FloatArray, lat: FloatArray, lon: FloatArray
) -> tuple[IntArray, FloatArray]:
    """Return the nearest crossing of each point and the metres to it."""
    found, away = np.zeros(len(lat), np.int64), np.zeros(len(lat))
    for n in range(len(lat)):
        # Squares of degrees shrunk to scale order points as distances do over the size of a country.
        squares = (node_lat - lat[n]) ** 2 + ((node_lon - lon[n]) * np.cos(np.radians(lat[n]))) ** 2
        found[n] = int(squares.argmin())
        both = np.array([lat[n], node_lat[found[n]]]), np.array([lon[n], node_lon[found[n]]])
        away[n] = great_circle_metres(*both)[0, 1]
    return found, away
