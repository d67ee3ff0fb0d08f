"""Stops in a driving order as what the compiled drive takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from solvers.routing.drive import NEVER, STATES, Drive
from solvers.routing.problem import NO_LIMIT, RELOAD, IntArray, RoutingProblem, VehicleType


def drive_of(problem: RoutingProblem, vehicle: VehicleType, stops: Sequence[int]) -> Drive:
    """Return what the compiled drive of the stops in their order needs."""
    given, visits, settled = problem.stops, len(stops), min(len(vehicle.prefix), len(stops))
    windows = [loading_begins(vehicle) if s == RELOAD else _windows(problem, s) for s in stops]
    first = np.cumsum([0, *(len(w) for w in windows)])
    pairs = np.array([pair for w in (*windows, loading_begins(vehicle)) for pair in w], np.int64).reshape(-1, 2)
    floor, driven = np.full(visits + 1, NEVER), np.full(visits + 1, NEVER)
    floor[settled] = vehicle.resume
    driven[: len(vehicle.driven)] = vehicle.driven[: visits + 1]
    places = places_of(problem, vehicle, stops)
    moved = places[1 : visits + 1] != places[:visits]
    setup = [0 if s == RELOAD else int(given.setup_seconds[s]) for s in stops]
    service = [vehicle.reload_seconds if s == RELOAD else int(given.service_seconds[s]) for s in stops]
    least = [release_of(problem, stops, n + 1, settled) if s == RELOAD else NEVER for n, s in enumerate(stops)]
    earliest = release_of(problem, stops, 0, settled)
    frame = [
        visits, earliest if vehicle.driven else max(vehicle.shift_start, earliest), vehicle.shift_end,
        int(first[-1]), len(pairs), vehicle.reload_seconds, settled, min(len(vehicle.driven), visits + 1),
        len(vehicle.breaks), rule_of(vehicle), asked_from(vehicle),
    ]  # fmt: skip
    return Drive(
        frame=np.array(frame, np.int64),
        bands=np.array(problem.band_starts, np.int64),
        seconds=_leg_seconds(problem, vehicle, places, visits),
        setup=np.array(setup, np.int64) * moved,
        service=np.array(service, np.int64),
        least=np.array(least, np.int64),
        low=first[:-1],
        high=first[1:],
        floor=floor,
        driven=driven,
        opens=pairs[:, 0].copy(),
        closes=pairs[:, 1].copy(),
        breaks=breaks_of(vehicle),
        states=np.empty((visits + 1, STATES, 10), np.int64),
        rows=np.zeros(visits + 1, np.int64),
    )


def _windows(problem: RoutingProblem, stop: int) -> list[tuple[int, int]]:
    given = problem.stops
    return given.windows(stop) if given.first_window[stop + 1] > given.first_window[stop] else []


def loading_begins(vehicle: VehicleType) -> list[tuple[int, int]]:
    """Return in which windows a loading may begin; none for any time, one before all time where none is long enough."""
    begins = [(start, end - vehicle.reload_seconds) for start, end in sorted(vehicle.loading)]
    long_enough = [(first, last) for first, last in begins if first <= last]
    return long_enough or ([(-NO_LIMIT, -NO_LIMIT)] if begins else [])


def rule_of(vehicle: VehicleType) -> int:
    """Return the number of its break by driving time, -1 for none."""
    return next((number for number, pause in enumerate(vehicle.breaks) if pause.is_rule), -1)


def breaks_of(vehicle: VehicleType) -> IntArray:
    """Return its breaks in the columns of `Drive.breaks`."""
    rows = [(p.earliest, p.latest, p.seconds, p.after_drive_seconds * p.is_rule, not p.paid) for p in vehicle.breaks]
    return np.array(rows, np.int64).reshape(-1, 5)


def asked_from(vehicle: VehicleType) -> int:
    """Return the time before which breaks are not asked: what is settled of the route had them, or went without."""
    return max((*vehicle.driven, vehicle.resume))


def release_of(problem: RoutingProblem, stops: Sequence[int], first: int, settled: int) -> int:
    """Return when the goods of the trip that begins at place `first` can be loaded; the settled stops' are aboard."""
    latest = NEVER
    for n in range(first, len(stops)):
        if stops[n] == RELOAD:
            break
        if n >= settled:
            latest = max(latest, int(problem.stops.release[stops[n]]))
    return latest


def places_of(problem: RoutingProblem, vehicle: VehicleType, stops: Sequence[int]) -> IntArray:
    """Return the places of a route from its depot on, its end too where it has one."""
    depot = int(problem.depot_place[vehicle.depot])
    places = [depot, *(depot if s == RELOAD else int(problem.stops.place[s]) for s in stops)]
    if vehicle.end_depot is not None:
        places.append(int(problem.depot_place[vehicle.end_depot]))
    return np.array(places, np.int64)


def _leg_seconds(problem: RoutingProblem, vehicle: VehicleType, places: IntArray, visits: int) -> IntArray:
    """Return the seconds of each leg by band, shape (bands, visits + 1), 0 to an open end."""
    seconds = problem.seconds[vehicle.profile]
    legs = np.zeros((len(problem.band_starts), visits + 1), np.int64)
    if len(seconds.shape) == 3:
        legs[:, : len(places) - 1] = np.asarray(seconds)[:, places[:-1], places[1:]]
    else:
        legs[:, : len(places) - 1] = seconds[places[:-1], places[1:]]
    return legs


def leg_metres(problem: RoutingProblem, vehicle: VehicleType, stops: Sequence[int]) -> IntArray:
    """Return the metres of each leg, shape (visits + 1,), 0 to an open end."""
    places, metres = places_of(problem, vehicle, stops), np.zeros(len(stops) + 1, np.int64)
    metres[: len(places) - 1] = problem.metres[vehicle.profile][places[:-1], places[1:]]
    return metres
