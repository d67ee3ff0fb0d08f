"""What is settled of a day's routes before they are planned: the stops a vehicle begins with, and clashes, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import pandas as pd

from scenarios.world import rows_of
from solvers.routing.problem import NO_LIMIT, RELOAD, Break, RoutingProblem, RoutingProblemError, VehicleType
from solvers.routing.schedule import excess_of

# What a settled order of stops may break: its windows and releases are past asking.
_SETTLED = frozenset({"window", "release", "shift", "seconds", "breaks", "loading"})


@dataclass(frozen=True)
class Begun:
    """What is settled of a vehicle's route.

    stops: stop_ids in driving order, "" for the depot between two trips
    driven: seconds when it left its depot and the first of them
    resume: it leaves the last of them no earlier
    home: it is on its way to the depot, so that whatever else it brings is loaded there first
    full: it is out and planned as if it stood at its depot, where it loads nothing more
    rested: breaks that are taken
    """

    stops: tuple[str, ...] = ()
    driven: tuple[int, ...] = ()
    resume: int = 0
    home: bool = False
    full: bool = False
    rested: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Locks:
    """By vehicle what is settled, in words what clashed, and seconds by which a shift may last longer."""

    begun: Mapping[str, Begun] = field(default_factory=lambda: MappingProxyType({}))
    words: tuple[str, ...] = ()
    longer: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


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


def with_more(settled: Locks, asked: Locks, stops: pd.DataFrame) -> Locks:
    """Return what is settled by driving, and behind it the stops that are locked besides.

    Who has left brings no goods that it left without: such locks are free.
    """
    begun, words = dict(settled.begun), list[str]()
    ready = set(stops.loc[stops["release"] == 0, "stop_id"])
    for vehicle, locked in asked.begun.items():
        first = begun.get(vehicle, Begun())
        rest = tuple(stop for stop in locked.stops if stop not in first.stops)
        if first.driven or first.full:
            behind = tuple(stop for stop in rest if stop in ready and not first.home)
            words += [f"lock of {stop}: {vehicle} left without it, it is free" for stop in rest if stop not in behind]
            rest = behind
        begun[vehicle] = replace(first, stops=(*first.stops, *rest))
    return replace(settled, begun=begun, words=(*settled.words, *asked.words, *words))


def drivable(
    problem: RoutingProblem, wanted: Sequence[VehicleType], ids: Sequence[tuple[str, ...]], names: Sequence[str]
) -> tuple[RoutingProblem, tuple[str, ...]]:
    """Return the problem with the locks of the `wanted` types, cut off from where they cannot be kept, each in words.

    ids: vehicle ids by type; names: stop_ids by stop
    """
    words = list[str]()
    for kind, vehicle in enumerate(wanted):
        for count in range(len(vehicle.prefix), -1, -1):
            tried = _locked(problem, kind, vehicle, count)
            if tried is None:
                continue
            problem, unkept = _without_rule(tried, kind)
            words += [
                f"break by driving time of {ids[kind][0]}: its route under way breaks it already, it is left out"
            ] * unkept
            if count < len(vehicle.prefix):
                cut = [names[stop] for stop in vehicle.prefix[count:] if stop != RELOAD]
                rest = f" and {len(cut) - 1} behind it" if len(cut) > 1 else ""
                words.append(f"lock of {cut[0]}: {ids[kind][0]} cannot drive so, it is free{rest}")
            break
    return problem, tuple(words)


def _without_rule(problem: RoutingProblem, kind: int) -> tuple[RoutingProblem, bool]:
    """Return the problem without a break by driving time that the settled stops of a vehicle break, and whether so.

    It is put before the day, where nobody is under way, so that the others keep their numbers.
    """
    vehicle = problem.vehicle_types[kind]
    if not vehicle.driven or not any(one.is_rule for one in vehicle.breaks):
        return problem, False
    if not vehicle.prefix or not excess_of(problem, kind, vehicle.prefix).breaks:
        return problem, False
    past = tuple(Break(-1, -1, b.seconds, NO_LIMIT, b.paid) if b.is_rule else b for b in vehicle.breaks)
    types = list(problem.vehicle_types)
    types[kind] = replace(vehicle, breaks=past)
    return replace(problem, vehicle_types=tuple(types)), True


def _locked(problem: RoutingProblem, kind: int, vehicle: VehicleType, count: int) -> RoutingProblem | None:
    """Return the problem with the first locks of a vehicle, None where loads, ways, skills or other locks forbid it."""
    some = vehicle.prefix[:count]
    if some and some[-1] == RELOAD:
        return None
    types = list(problem.vehicle_types)
    types[kind] = replace(vehicle, prefix=some, driven=vehicle.driven[: count + 1])
    try:
        locked = replace(problem, vehicle_types=tuple(types))
    except RoutingProblemError:
        return None
    return locked if not some or excess_of(locked, kind, some).kinds() <= _SETTLED else None
