"""Are the times of a route true? Every leg, stop and break again, one after the other, from the stated start."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from fractions import Fraction
from typing import TypeAlias

from solvers.routing.problem import RELOAD, Break, PlannedRoute, RoutingProblem, TakenBreak, VehicleType

# (stop, what cannot be so); None where it concerns no single one.
Found: TypeAlias = Iterator[tuple[int | None, str]]


def times_broken(problem: RoutingProblem, route: PlannedRoute) -> Found:
    """Yield what is false in arrivals, waits, windows, releases, breaks, loadings, driving times and the end."""
    vehicle, given = problem.vehicle_types[route.vehicle_type], problem.stops
    depot = int(problem.depot_place[vehicle.depot])
    place, now, drove, loaded = depot, route.start, 0, route.start
    yield from _starting(vehicle, route)
    for n, stop in enumerate(route.stops.tolist()):
        here = depot if stop == RELOAD else int(given.place[stop])
        yield from _arc(stop, int(problem.metres[vehicle.profile][place, here]), int(route.leg_metres[n]))
        reached, past = _arrival(problem, vehicle, (place, here), now), n + 1 < len(vehicle.driven)
        drove += reached - now
        if int(route.arrival[n]) != reached and not (past and route.arrival[n] < reached):
            yield stop, f"arrives at {int(route.arrival[n])}, the way takes until {reached}"
        yield from _driven_too_long(vehicle, stop, 0 if past else drove)
        setup = int(given.setup_seconds[stop]) if here != place and stop != RELOAD else 0
        service = vehicle.reload_seconds if stop == RELOAD else int(given.service_seconds[stop])
        yield from _standing(vehicle, route, n, (setup, service))
        begin = int(route.begin[n])
        if stop == RELOAD:
            loaded = begin
        if n >= len(vehicle.prefix):
            yield from _begins(problem, vehicle, stop, (begin, loaded))
        rests = [taken.seconds for taken in route.breaks if taken.position == n]
        drove = 0 if max(rests, default=-1) >= _rule(vehicle).seconds else drove
        place, now = here, int(route.departure[n])
    yield from _ending(problem, route, (place, now, drove))
    yield from _breaks(vehicle, route)


def _rule(vehicle: VehicleType) -> Break:
    """Return its break by driving time; one that is never due where it has none."""
    return next((pause for pause in vehicle.breaks if pause.is_rule), Break(0, 0, 0))


def _driven_too_long(vehicle: VehicleType, stop: int | None, drove: int) -> Found:
    if drove > _rule(vehicle).after_drive_seconds:
        yield stop, f"is reached after {drove} s of driving, a break is due after {_rule(vehicle).after_drive_seconds}"


def _arrival(problem: RoutingProblem, vehicle: VehicleType, arc: tuple[int, int], leave: int) -> int:
    """Return when the arc is done: each band's speed until it ends, the rest in whole seconds of the next."""
    seconds = problem.seconds[vehicle.profile]
    if len(seconds.shape) == 2:
        return leave + int(seconds[arc])
    starts = problem.band_starts
    band = max(bisect_right(starts, leave) - 1, 0)
    rest = int(seconds[(band, *arc)])
    for following in range(band + 1, len(starts)):
        if leave + rest <= starts[following]:
            break
        undone = Fraction(leave + rest - starts[following], int(seconds[(following - 1, *arc)]))
        leave, rest = starts[following], math.ceil(undone * int(seconds[(following, *arc)]))
    return leave + rest


def _starting(vehicle: VehicleType, route: PlannedRoute) -> Found:
    if vehicle.driven:
        if route.start != vehicle.driven[0]:
            yield None, f"starts at {route.start}, it left at {vehicle.driven[0]}"
        return
    if not vehicle.prefix and route.start < vehicle.resume:
        yield None, f"starts at {route.start}, its vehicle is there from {vehicle.resume}"
    if not _loads_in_time(vehicle, route.start - vehicle.reload_seconds):
        yield None, f"is loaded until {route.start}, outside its times to load"


def _loads_in_time(vehicle: VehicleType, begin: int) -> bool:
    end = begin + vehicle.reload_seconds
    return not vehicle.loading or any(first <= begin and end <= last for first, last in vehicle.loading)


def _standing(vehicle: VehicleType, route: PlannedRoute, n: int, times: tuple[int, int]) -> Found:
    """Let set-up, breaks, service, breaks follow each other, and the wait be what is left."""
    stop, (setup, service) = int(route.stops[n]), times
    arrival, begin, departure = int(route.arrival[n]), int(route.begin[n]), int(route.departure[n])
    rests = [taken for taken in route.breaks if taken.position == n]
    free = _after(arrival + setup, [taken for taken in rests if taken.begin < begin])
    wait = departure - arrival - setup - service - sum(taken.seconds for taken in rests)
    if free is None or begin < free:
        yield stop, f"service begins at {begin}, before set-up and breaks are done"
    left = _after(begin + service, [taken for taken in rests if taken.begin >= begin])
    if n + 1 == len(vehicle.prefix):
        left = None if left is None else max(left, vehicle.resume)
    if n + 1 < len(vehicle.driven):
        left = vehicle.driven[n + 1]
    if departure != left:
        yield stop, f"leaves at {departure}, service takes until {left}"
    if int(route.wait[n]) != wait or wait < 0:
        yield stop, f"states {int(route.wait[n])} s of waiting, its times give {wait}"


def _after(time: int, breaks: list[TakenBreak]) -> int | None:
    """Return when the breaks are over, none beginning before `time` or the end of the last; None where one does."""
    for taken in sorted(breaks, key=lambda taken: taken.begin):
        if taken.begin < time:
            return None
        time = taken.begin + taken.seconds
    return time


def _begins(problem: RoutingProblem, vehicle: VehicleType, stop: int, times: tuple[int, int]) -> Found:
    """Look for a begin outside the windows, a trip loaded before a release, a loading outside the times to load."""
    begin, loaded = times
    if stop == RELOAD:
        if not _loads_in_time(vehicle, begin):
            yield stop, f"loading begins at {begin}, outside its times to load"
        return
    given = problem.stops
    windows = range(int(given.first_window[stop]), int(given.first_window[stop + 1]))
    if windows and not any(given.window_start[w] <= begin <= given.window_end[w] for w in windows):
        yield stop, f"service begins at {begin}, outside its windows"
    if loaded < int(given.release[stop]):
        yield stop, f"is released at {int(given.release[stop])}, its trip is loaded at {loaded}"


def _ending(problem: RoutingProblem, route: PlannedRoute, at: tuple[int, int, int]) -> Found:
    vehicle = problem.vehicle_types[route.vehicle_type]
    place, now, drove = at
    metres, end = 0, now
    if vehicle.end_depot is not None:
        arc = place, int(problem.depot_place[vehicle.end_depot])
        metres, end = int(problem.metres[vehicle.profile][arc]), _arrival(problem, vehicle, arc, now)
    yield from _arc(None, metres, int(route.leg_metres[-1]))
    yield from _driven_too_long(vehicle, None, drove + end - now)
    if route.end != end:
        yield None, f"ends at {route.end}, the way takes until {end}"


def _arc(stop: int | None, metres: int, stated: int) -> Found:
    if metres < 0:
        yield stop, "is reached by an arc that is closed"
    elif metres != stated:
        yield stop, f"is {metres} m from the place before, the plan states {stated}"


def _breaks(vehicle: VehicleType, route: PlannedRoute) -> Found:
    """Those taken are the vehicle's, in their time, once; none that is due is missing."""
    taken = [rest.number for rest in route.breaks]
    for rest in route.breaks:
        if not 0 <= rest.number < len(vehicle.breaks) or not 0 <= rest.position < len(route.stops):
            yield None, f"takes break {rest.number} at place {rest.position}, which do not exist"
            continue
        pause = vehicle.breaks[rest.number]
        if (rest.seconds, rest.paid) != (pause.seconds, pause.paid):
            yield None, f"break {rest.number} takes {rest.seconds} s, it should be {pause.seconds}"
        if not pause.earliest <= rest.begin <= pause.latest:
            yield None, f"break {rest.number} begins at {rest.begin}, not from {pause.earliest} to {pause.latest}"
        if taken.count(rest.number) > 1 and not pause.is_rule:
            yield None, f"break {rest.number} is taken {taken.count(rest.number)} times"
    past = max((*vehicle.driven, vehicle.resume))
    for number, pause in enumerate(vehicle.breaks):
        due = route.start <= pause.latest < route.end and pause.latest >= past
        if due and not pause.is_rule and number not in taken:
            yield None, f"break {number}, due by {pause.latest}, is not taken"
