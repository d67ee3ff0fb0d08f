"""Ways between the places of a day: from the travel table, else over roads, else over the great circle."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

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
    """Whole metres and seconds between places, shape (places, places), and on what they rest, in words."""

    metres: IntArray
    seconds: IntArray
    assumed: tuple[str, ...]


def travel(world: World, places: pd.DataFrame) -> Travel:
    """
    Return travel between `places`, the same for every vehicle and every hour.

    places: columns lat, lon, and `names`, tuples of the ids by which the travel table may know the place, first first

    Each pair that the travel table lacks is driven over the roads, where there are some, else straight. A place without
    coordinates is reached by pairs of the table alone; FORBIDDEN metres where there is no way.
    """
    base, words = _drawn(world, places["lat"].to_numpy(float), places["lon"].to_numpy(float))
    minutes, km = _given(world, list(places["names"]))
    known = np.isfinite(minutes) & np.isfinite(km)
    there = known | (base.metres >= 0)
    metres = np.where(known, np.rint(np.nan_to_num(km) * _METRES_PER_KM), base.metres)
    seconds = np.where(known, np.ceil(np.round(np.nan_to_num(minutes) * _SECONDS_PER_MINUTE, 6)), base.seconds)
    metres, seconds = np.where(there, metres, FORBIDDEN), np.where(there, seconds, 0)
    np.fill_diagonal(metres, 0)
    np.fill_diagonal(seconds, 0)
    count = len(places) * (len(places) - 1)
    off_diagonal = known & ~np.eye(len(places), dtype=bool)
    assumed = [f"{int(off_diagonal.sum())} of {count} ways are those of the travel table"] if known.any() else []
    if off_diagonal.sum() < count:
        assumed.append(words)
    return Travel(metres.astype(np.int64), seconds.astype(np.int64), (*assumed, *_ignored(world)))


def _ignored(world: World) -> list[str]:
    hours = len(world.frame("travel")["from_hour"].unique()) > 1
    roads = world.frame("road_edges")["hour_factors"].notna().any()
    return ["travel times are those of the first hour named: none change over the day yet"] if hours or roads else []


def _given(world: World, names: Sequence[tuple[str, ...]]) -> tuple[FloatArray, FloatArray]:
    """Return minutes and km of the travel table between places, NaN where it has no row."""
    table = world.frame("travel").sort_values(["from_id", "to_id", "from_hour"], kind="stable")
    table = table.drop_duplicates(["from_id", "to_id"])
    listed = pd.Index(sorted({*table["from_id"], *table["to_id"]}), dtype=object)
    number = np.array([next((listed.get_loc(n) for n in tried if n in listed), -1) for tried in names], np.int64)
    # The last row and column, of places the table does not know, stay empty.
    full = np.full((2, len(listed) + 1, len(listed) + 1), np.nan)
    at = listed.get_indexer(table["from_id"]), listed.get_indexer(table["to_id"])
    full[0][at], full[1][at] = table["minutes"].to_numpy(float), table["km"].to_numpy(float)
    pairs = np.ix_(number, number)
    return full[0][pairs], full[1][pairs]


def _drawn(world: World, lat: FloatArray, lon: FloatArray) -> tuple[TravelMatrices, str]:
    """Return travel from coordinates alone, UNREACHABLE to and from places without, and on what it rests."""
    placed = np.flatnonzero(np.isfinite(lat) & np.isfinite(lon))
    roads = world.has("road_nodes") and world.has("road_edges")
    found = (
        _roads(world, lat[placed], lon[placed]) if roads else straight_travel(lat[placed], lon[placed], STRAIGHT_KMH)
    )
    seconds, metres = np.full((2, len(lat), len(lat)), FORBIDDEN)
    at = np.ix_(placed, placed)
    seconds[at], metres[at] = found.seconds, found.metres
    straight = f"the great circle times {DETOUR_FACTOR} at {STRAIGHT_KMH:g} km/h"
    words = f"travel follows the fastest way on the roads, whose own length is billed; to the next crossing {straight}"
    return TravelMatrices(seconds, metres), words if roads else f"travel is {straight}: no travel table, no roads"


def _roads(world: World, lat: FloatArray, lon: FloatArray) -> TravelMatrices:
    """Return travel over the roads, with the way between each place and its nearest crossing."""
    nodes, edges = world.frame("road_nodes"), world.frame("road_edges")
    number = pd.Index(nodes["node_id"])
    kmh = edges["kmh"].astype(float).fillna(STRAIGHT_KMH).to_numpy(float)
    ends = number.get_indexer(edges["from_node"]), number.get_indexer(edges["to_node"])
    metres = np.asarray(edges["metres"], np.float64)
    graph = road_graph(ends, metres, np.asarray(kmh, np.float64), edges["oneway"].to_numpy(bool))
    node, away = _nearest(nodes["lat"].to_numpy(float), nodes["lon"].to_numpy(float), lat, lon)
    found = travel_on(graph, node)
    access = np.rint(away * DETOUR_FACTOR).astype(np.int64)
    waiting = np.ceil(access / (STRAIGHT_KMH / 3.6)).astype(np.int64)
    there = found.metres >= 0
    way = np.where(there, found.metres + access[:, None] + access, FORBIDDEN)
    return TravelMatrices(np.where(there, found.seconds + waiting[:, None] + waiting, FORBIDDEN), way)


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
