"""What is settled of a day's routes before they are planned: the stops a vehicle begins with, and clashes, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import pandas as pd

from scenarios.world import rows_of
from solvers.routing.problem import RELOAD, RoutingProblem, VehicleType
from solvers.routing.schedule import excess_of

# What a settled order of stops may break: its windows and releases are past asking.
_SETTLED = frozenset({"window", "release", "shift", "seconds", "breaks", "loading"})


@dataclass(frozen=True)
class Begun:
    """What is settled of a vehicle's route.

    stops: stop_ids in driving order, "" for the depot between two trips
    driven: seconds when it left its depot and the first of them
    resume: it leaves the last of them no earlier
    """

    stops: tuple[str, ...] = ()
    driven: tuple[int, ...] = ()
    resume: int = 0


@dataclass(frozen=True)
class Locks:
    """By vehicle what is settled, and in words what clashed; `only` are stops a vehicle may serve besides those."""

    begun: Mapping[str, Begun] = field(default_factory=lambda: MappingProxyType({}))
    words: tuple[str, ...] = ()


def locks_of(stops: pd.DataFrame, vehicles: pd.DataFrame) -> Locks:
    """Return the stops that deliveries' `sequence` and `vehicle_id` put first, by vehicle, lowest first.

    Of two with the same place on the same vehicle the first by id keeps it, the other goes behind it.
    """
    asked = stops[stops["sequence"].notna()].sort_values(["sequence", "stop_id"], kind="stable")
    drives, begun, words = set(vehicles["vehicle_id"]), dict[str, list[str]](), list[str]()
    seen: dict[tuple[str, int], str] = {}
    for row in rows_of(asked):
        if row.vehicle_id is None:
            words.append(f"lock of {row.stop_id}: place {row.sequence:g} on no vehicle, it is free")
        elif row.vehicle_id in drives:
            begun.setdefault(row.vehicle_id, []).append(row.stop_id)
            other = seen.setdefault((row.vehicle_id, int(row.sequence)), row.stop_id)
            if other != row.stop_id:
                place = f"place {row.sequence:g} of {row.vehicle_id}"
                words.append(f"lock of {row.stop_id}: {place} is that of {other} too, it comes behind it")
    return Locks({name: Begun(tuple(some)) for name, some in sorted(begun.items())}, tuple(words))


def drivable(
    problem: RoutingProblem, ids: Sequence[tuple[str, ...]], names: Sequence[str]
) -> tuple[RoutingProblem, tuple[str, ...]]:
    """Return the problem with locks cut off from where they cannot be kept, and each in words.

    ids: vehicle ids by type; names: stop_ids by stop
    """
    types, words = list(problem.vehicle_types), list[str]()
    for kind, vehicle in enumerate(types):
        kept = _kept(problem, kind, vehicle)
        if len(kept) < len(vehicle.prefix):
            cut = names[vehicle.prefix[len(kept)]]
            more = len(vehicle.prefix) - len(kept) - 1
            rest = f" and {more} behind it" if more else ""
            words.append(f"lock of {cut}: {ids[kind][0]} cannot drive so, it is free{rest}")
            types[kind] = replace(vehicle, prefix=kept, driven=vehicle.driven[: len(kept) + 1])
    return replace(problem, vehicle_types=tuple(types)), tuple(words)


def _kept(problem: RoutingProblem, kind: int, vehicle: VehicleType) -> tuple[int, ...]:
    """Return the longest beginning of the locked stops that loads, ways and skills let the vehicle drive."""
    for count in range(len(vehicle.prefix), 0, -1):
        some = vehicle.prefix[:count]
        if some[-1] == RELOAD:
            continue
        types = list(problem.vehicle_types)
        types[kind] = replace(vehicle, prefix=some, driven=vehicle.driven[: count + 1])
        if excess_of(replace(problem, vehicle_types=tuple(types)), kind, some).kinds() <= _SETTLED:
            return some
    return ()
