"""The vehicles of the plan date as vehicle types of a routing problem."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from scenarios.periods import weekday_numbers
from scenarios.world import World, rows_of
from solvers.routing.problem import NO_LIMIT, VehicleType

# Loads inside are grams and millilitres.
THOUSANDTHS: Final = 1000
_NO_CAPACITY: Final = 10**12
_DAY_SECONDS: Final = 86_400
# Columns of vehicles that say more than the routes can follow yet, and what is done instead.
_NOT_YET: Final = {
    "speed_profile": "speed profiles: all vehicles drive alike",
}


@dataclass(frozen=True)
class Fleet:
    """Vehicle types, the ids of the vehicles of each, the depots by number, and what is ignored, in words."""

    types: tuple[VehicleType, ...]
    vehicle_ids: tuple[tuple[str, ...], ...]
    depots: tuple[str, ...]
    ignored: tuple[str, ...]


def vehicles_of_the_day(world: World) -> pd.DataFrame:
    """Return the vehicles that drive on the weekday of the plan date, by id; each ends where it starts unless told."""
    table = world.frame("vehicles")
    drives = [world.plan_date.weekday() in weekday_numbers(text) for text in table["available_on"]]
    today = table[np.array(drives, bool) & table["depot_id"].notna()].reset_index(drop=True)
    return today.assign(end_depot_id=today["end_depot_id"].fillna(today["depot_id"]))


def shift_seconds(start: object, end: object) -> tuple[int, int]:
    """Return a shift "HH:MM" to "HH:MM" in seconds of the plan date; one that ends before it starts ends tomorrow."""
    first, last = _clock(start, 0), _clock(end, _DAY_SECONDS)
    return first, last + _DAY_SECONDS * (last <= first)


def _clock(text: object, missing: int) -> int:
    if not isinstance(text, str):
        return missing
    hours, minutes = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60


def fleet_of(world: World, vehicles: pd.DataFrame, stops: pd.DataFrame, minor: int) -> Fleet:
    """Return the fleet for `stops`; vehicles that are alike are one type. Costs in minor units.

    A vehicle may serve a stop that is loaded where it starts, whose skills it has, whose temperature it keeps (without
    temperature_classes it keeps all), and that is promised to no other vehicle.
    """
    depots = tuple(sorted({*vehicles["depot_id"], *vehicles["end_depot_id"]}))
    groups: dict[tuple[Any, ...], list[str]] = {}
    made: dict[tuple[Any, ...], VehicleType] = {}
    for row in rows_of(vehicles):
        vehicle = _vehicle_type(row, depots, _allowed(row, stops), minor)
        if _one_trip(row, stops):
            vehicle = replace(vehicle, max_reloads=0)
        mask = b"" if vehicle.allowed is None else vehicle.allowed.tobytes()
        key = (*(value for name, value in vars(vehicle).items() if name != "allowed"), mask)
        groups.setdefault(key, []).append(row.vehicle_id)
        made.setdefault(key, vehicle)
    types = tuple(VehicleType(**{**vars(made[key]), "available": len(ids)}) for key, ids in groups.items())
    return Fleet(types, tuple(tuple(ids) for ids in groups.values()), depots, _ignored(world, vehicles, stops))


def _one_trip(row: Any, stops: pd.DataFrame) -> bool:
    """Return whether a vehicle that might load again must not: no engine takes that with what else is asked."""
    return bool(_limit(row.max_trips, 1, 1) > 1 and (not pd.isna(row.max_stops) or stops["partner"].notna().any()))


def _ignored(world: World, vehicles: pd.DataFrame, stops: pd.DataFrame) -> tuple[str, ...]:
    asked = [words for name, words in _NOT_YET.items() if vehicles[name].notna().any()]
    if any(_one_trip(row, stops) for row in rows_of(vehicles)):
        asked.append("second trips together with max_stops or with goods fetched for a delivery: one trip each")
    asked += ["drivers' breaks"] if world.has("vehicle_breaks") else []
    asked += ["doors of depots"] if world.has("dock_slots") else []
    return tuple(f"not planned yet: {words}" for words in dict.fromkeys(asked))


def _vehicle_type(row: Any, depots: tuple[str, ...], allowed: npt.NDArray[np.bool_], minor: int) -> VehicleType:
    start, end = shift_seconds(row.shift_start, row.shift_end)
    usual, more = (_limit(value, 60, NO_LIMIT) for value in (row.overtime_from_minutes, row.max_overtime_minutes))
    return VehicleType(
        available=1,
        capacity=tuple(_limit(value, THOUSANDTHS, _NO_CAPACITY) for value in (row.capacity_kg, row.capacity_l)),
        depot=depots.index(row.depot_id),
        end_depot=None if row.open_end else depots.index(row.end_depot_id),
        shift_start=start,
        shift_end=end,
        max_seconds=min(_limit(row.max_minutes, 60, NO_LIMIT), usual + more),
        max_metres=_limit(row.max_km, 1000, NO_LIMIT),
        max_stops=_limit(row.max_stops, 1, NO_LIMIT),
        fixed_cost=_rate(row.fixed_cost) * minor,
        cost_per_km=_rate(row.cost_per_km) * minor,
        cost_per_hour=_rate(row.cost_per_hour) * minor,
        overtime_after=usual,
        overtime_per_hour=_rate(row.overtime_cost_per_hour) * minor,
        max_reloads=max(_limit(row.max_trips, 1, 1) - 1, 0),
        reload_seconds=_limit(row.reload_minutes, 60, 0),
        allowed=None if allowed.all() else allowed,
    )


def _limit(value: Any, factor: int, missing: int) -> int:
    """Return a limit in whole units, cut off; a hair is added so that 1.001 kg is 1,001 grams."""
    return missing if pd.isna(value) else int(float(value) * factor + 1e-6)


def _rate(value: Any) -> float:
    return 0.0 if pd.isna(value) else float(value)


def _allowed(vehicle: Any, stops: pd.DataFrame) -> npt.NDArray[np.bool_]:
    has, keeps = words_of(vehicle.skills), words_of(vehicle.temperature_classes)
    return np.array(
        [
            row.depot_id in (None, vehicle.depot_id)
            and words_of(row.skills) <= has
            and (not keeps or row.temperature_class is None or row.temperature_class in keeps)
            and row.vehicle_id in (None, vehicle.vehicle_id)
            for row in rows_of(stops)
        ],
        dtype=bool,
    )


def words_of(text: object) -> frozenset[str]:
    """Return the words of "lift|cold"."""
    return frozenset(text.split("|")) if isinstance(text, str) and text else frozenset()
