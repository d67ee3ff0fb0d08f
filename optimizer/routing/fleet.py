"""The vehicles of the plan date and the ways they drive, as the arrays of a routing problem."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scenarios.periods import weekday_numbers
from scenarios.world import World, rows_of
from solvers.paths_on_graph import TravelMatrices, road_graph, straight_travel, travel_on
from solvers.routing.problem import FORBIDDEN, NO_LIMIT, VehicleType

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
# Speed over the great circle times the detour factor, where neither a travel table nor roads are given.
STRAIGHT_KMH = 35.0
# Loads inside are grams and millilitres.
THOUSANDTHS = 1000
_NO_CAPACITY = 10**12
_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Travel:
    """Whole metres and seconds between places, shape (places, places), and on what they rest, in words."""

    metres: IntArray
    seconds: IntArray
    words: str


def vehicles_of_the_day(world: World) -> pd.DataFrame:
    """Return the vehicles that drive on the weekday of the plan date."""
    table = world.frame("vehicles")
    drives = [world.plan_date.weekday() in weekday_numbers(text) for text in table["available_on"]]
    return table[drives].reset_index(drop=True)


def vehicle_types(
    vehicles: pd.DataFrame, depots: list[str], stops: pd.DataFrame, minor: int
) -> tuple[VehicleType, ...]:
    """Return one type a vehicle, costs in minor units; `depots` gives their numbers."""
    return tuple(_vehicle_type(row, depots, stops, minor) for row in rows_of(vehicles))


def _vehicle_type(row: Any, depots: list[str], stops: pd.DataFrame, minor: int) -> VehicleType:
    v: dict[str, Any] = dict(zip(row._fields, row, strict=True))
    end = v["end_depot_id"] if isinstance(v["end_depot_id"], str) else v["depot_id"]
    return VehicleType(
        available=1,
        capacity=(
            _limit(v["capacity_kg"], THOUSANDTHS, _NO_CAPACITY),
            _limit(v["capacity_l"], THOUSANDTHS, _NO_CAPACITY),
        ),
        depot=depots.index(v["depot_id"]),
        end_depot=None if v["open_end"] else depots.index(end),
        shift_start=_clock(v["shift_start"], 0),
        shift_end=_clock(v["shift_end"], _DAY_SECONDS),
        max_seconds=_limit(v["max_minutes"], 60, NO_LIMIT),
        max_metres=_limit(v["max_km"], 1000, NO_LIMIT),
        max_stops=_limit(v["max_stops"], 1, NO_LIMIT),
        fixed_cost=_money(v["fixed_cost"]) * minor,
        cost_per_km=_money(v["cost_per_km"]) * minor,
        cost_per_hour=_money(v["cost_per_hour"]) * minor,
        allowed=_allowed(v, stops),
    )


def _limit(value: Any, factor: int, otherwise: int) -> int:
    return otherwise if value is None or pd.isna(value) else int(float(value) * factor)


def _money(value: Any) -> float:
    return 0.0 if value is None or pd.isna(value) else float(value)


def _clock(text: object, otherwise: int) -> int:
    if not isinstance(text, str):
        return otherwise
    hours, minutes = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60


def _allowed(vehicle: dict[str, Any], stops: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return which stops the vehicle may serve: it starts where they are loaded, has their skills and temperature."""
    has, cools = _words(vehicle["skills"]), _words(vehicle["temperature_classes"])
    return np.array(
        [
            row.depot_id == vehicle["depot_id"]
            and _words(row.skills) <= has
            and (not cools or not isinstance(row.temperature_class, str) or row.temperature_class in cools)
            for row in rows_of(stops)
        ],
        dtype=bool,
    )


def _words(text: object) -> frozenset[str]:
    return frozenset(text.split("|")) if isinstance(text, str) and text else frozenset()


def travel(world: World, places: pd.DataFrame) -> Travel:
    """Return travel between `places` (columns place_id, lat, lon): from the travel table, else roads, else straight.

    Each pair the table lacks is taken from the roads or the straight way.
    """
    lat, lon = places["lat"].to_numpy(float), places["lon"].to_numpy(float)
    matrices, words = _roads(world, lat, lon)
    metres = np.where(matrices.metres < 0, FORBIDDEN, matrices.metres)
    seconds = np.where(matrices.seconds < 0, 0, matrices.seconds)
    given = world.frame("travel")
    given = given[given["from_hour"] == 0]
    number = {name: n for n, name in enumerate(places["place_id"])}
    known = given["from_id"].isin(number.keys()) & given["to_id"].isin(number.keys())
    for row in rows_of(given[known]):
        a, b = number[row.from_id], number[row.to_id]
        metres[a, b], seconds[a, b] = round(row.km * 1000), int(np.ceil(row.minutes * 60))
    if known.any():
        words = f"{int(known.sum())} pairs from the travel table, the others by {words}"
    return Travel(metres, seconds, words)


def _roads(world: World, lat: FloatArray, lon: FloatArray) -> tuple[TravelMatrices, str]:
    if not (world.has("road_nodes") and world.has("road_edges")):
        return straight_travel(lat, lon, STRAIGHT_KMH), f"the straight way × 1.3 at {STRAIGHT_KMH:g} km/h"
    nodes, edges = world.frame("road_nodes"), world.frame("road_edges")
    number = pd.Series(np.arange(len(nodes)), index=nodes["node_id"])
    ends = number[edges["from_node"]].to_numpy(), number[edges["to_node"]].to_numpy()
    kmh = np.asarray(edges["kmh"].astype(float).fillna(STRAIGHT_KMH), np.float64)
    metres, oneway = np.asarray(edges["metres"], np.float64), np.asarray(edges["oneway"], bool)
    graph = road_graph(ends, metres, kmh, oneway)
    nearest = [_nearest(nodes, a, b) for a, b in zip(lat, lon, strict=True)]
    return travel_on(graph, np.array(nearest, np.int64)), "the fastest way on the roads, its own length billed"


def _nearest(nodes: pd.DataFrame, lat: float, lon: float) -> int:
    """Return the crossing nearest to a point; the way to it is not counted."""
    scale = np.cos(np.radians(lat))
    distance = (nodes["lat"].to_numpy(float) - lat) ** 2 + ((nodes["lon"].to_numpy(float) - lon) * scale) ** 2
    return int(distance.argmin())
