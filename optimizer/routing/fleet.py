"""The vehicles of the plan date as vehicle types of a routing problem."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.routing.duty import duty_of, still_due
from optimizer.routing.hours import shift_seconds
from optimizer.routing.locks import Begun, Locks
from scenarios.money import minor_digits
from scenarios.periods import weekday_numbers
from scenarios.world import World, rows_of
from solvers.routing.problem import NO_LIMIT, RELOAD, VehicleType

# Loads inside are grams and millilitres.
THOUSANDTHS: Final = 1000
_NO_CAPACITY: Final = 10**12


@dataclass(frozen=True)
class Fleet:
    """The vehicles of a day.

    types: of the routing problem; vehicle_ids: of the vehicles of each
    break_names: of the breaks of each type; speeds: of each profile, as a share of the usual
    depots: by number; words: what of the tables cannot be
    """

    types: tuple[VehicleType, ...]
    vehicle_ids: tuple[tuple[str, ...], ...]
    break_names: tuple[tuple[str, ...], ...]
    speeds: tuple[float, ...]
    depots: tuple[str, ...]
    words: tuple[str, ...]


def vehicles_of_the_day(world: World) -> pd.DataFrame:
    """Return the vehicles that drive on the weekday of the plan date, by id; each ends where it starts unless told."""
    table = world.frame("vehicles")
    drives = [world.plan_date.weekday() in weekday_numbers(text) for text in table["available_on"]]
    today = table[np.array(drives, bool) & table["depot_id"].notna()].reset_index(drop=True)
    return today.assign(end_depot_id=today["end_depot_id"].fillna(today["depot_id"]))


def largest_load(vehicles: pd.DataFrame) -> tuple[float, float]:
    """Return the largest load in kg and in litres; a vehicle without a capacity carries anything."""
    kg, litres = (vehicles[name].astype(float).fillna(np.inf).max() for name in ("capacity_kg", "capacity_l"))
    return float(kg), float(litres)


def fleet_of(world: World, vehicles: pd.DataFrame, stops: pd.DataFrame, locks: Locks) -> Fleet:
    """Return the fleet for `stops`; vehicles that are alike are one type. Costs in minor units.

    A vehicle may serve a stop that is loaded where it starts, whose skills it has, whose temperature it keeps (without
    temperature_classes it keeps all), and that is promised to no other vehicle.
    """
    depots = tuple(sorted({*vehicles["depot_id"], *vehicles["end_depot_id"]}))
    speeds = tuple(dict.fromkeys(_speed(text) or 1.0 for text in vehicles["speed_profile"]))
    groups: dict[tuple[Any, ...], list[str]] = {}
    made: dict[tuple[Any, ...], tuple[VehicleType, tuple[str, ...]]] = {}
    words = [
        f"vehicle {row.vehicle_id}: speed_profile {row.speed_profile} is no share above 0, it drives as usual"
        for row in rows_of(vehicles)
        if isinstance(row.speed_profile, str) and _speed(row.speed_profile) is None
    ]
    for row in rows_of(vehicles):
        duty = duty_of(world, row.vehicle_id, shift_seconds(row.shift_start, row.shift_end))
        words += duty.words
        duty = still_due(duty, locks.begun.get(row.vehicle_id, Begun()).rested)
        allowed = _allowed(row, stops)
        plain = _vehicle_type(row, depots, allowed, 10 ** minor_digits(world.policy.currency))
        profile = speeds.index(_speed(row.speed_profile) or 1.0)
        settled = _settled(locks, row.vehicle_id, stops, allowed) | _longer(plain, locks.longer.get(row.vehicle_id, 0))
        vehicle = replace(plain, profile=profile, breaks=duty.breaks, **settled)
        if vehicle.prefix and not vehicle.driven:
            # It has not left: it does so no earlier than it can, whatever is locked to it.
            vehicle = replace(vehicle, shift_start=max(vehicle.shift_start, vehicle.resume))
        mask = b"" if vehicle.allowed is None else vehicle.allowed.tobytes()
        key = (*(value for name, value in vars(vehicle).items() if name != "allowed"), mask, duty.names)
        groups.setdefault(key, []).append(row.vehicle_id)
        made.setdefault(key, (vehicle, duty.names))
    types = tuple(replace(made[key][0], available=len(ids)) for key, ids in groups.items())
    names = tuple(made[key][1] for key in groups)
    return Fleet(types, tuple(tuple(ids) for ids in groups.values()), names, speeds, depots, tuple(words))


def _speed(text: object) -> float | None:
    """Return a speed profile as a share of the usual speed, None where it is none."""
    if not isinstance(text, str):
        return None
    try:
        share = float(text)
    except ValueError:
        return None
    return share if 0 < share < np.inf else None


def _settled(locks: Locks, vehicle: str, stops: pd.DataFrame, allowed: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Return what is settled of a vehicle's route as fields of its type."""
    begun = locks.begun.get(vehicle)
    if begun is None:
        return {}
    number = {name: n for n, name in enumerate(stops["stop_id"])}
    prefix = tuple(RELOAD if name == "" else number[name] for name in begun.stops)
    settled: dict[str, Any] = {"prefix": prefix, "driven": begun.driven, "resume": begun.resume}
    # What is driven was allowed; on the way home only what is loaded there can follow.
    driven = np.isin(np.arange(len(stops)), prefix[: len(begun.driven)])
    if begun.full:
        mine = (stops["vehicle_id"] == vehicle) | (stops["kind"] == "pick-up") | stops["partner"].notna()
        settled["allowed"] = allowed & mine.to_numpy(bool)
    if begun.home:
        allowed = allowed & ((stops["kind"] != "pick-up") & stops["partner"].isna()).to_numpy()
    if begun.driven:
        settled["allowed"] = allowed | driven
    return settled


def _longer(vehicle: VehicleType, seconds: int) -> dict[str, Any]:
    """Return the limits of a shift that may last longer."""
    if not seconds:
        return {}
    return {"shift_end": vehicle.shift_end + seconds, "max_seconds": min(vehicle.max_seconds + seconds, NO_LIMIT)}


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
