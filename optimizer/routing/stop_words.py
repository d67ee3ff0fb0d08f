"""Why a stop is where it is: what it adds to its route, what the next best vehicle would take, and what binds it."""

import json
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from optimizer.plan.ids import stable_id
from optimizer.routing.added import Sequence, added_costs, route_cost, sequences_of
from optimizer.routing.day import Day
from scenarios.money import shown
from scenarios.schema import declared
from solvers.routing.problem import ALONE, FORBIDDEN, NO_LIMIT, RELOAD, PlannedRoute, RoutingPlan

# Routes of other vehicles, and places on each, that are tried for the next best: the smallest detours first.
_ROUTES, _PLACES = 6, 2
# A window that closes this soon after the service begins binds, seconds.
_CLOSE: Final = 600


def stop_explanations(day: Day, plan: RoutingPlan) -> pd.DataFrame:
    """Return the table `explanations` of the stops on routes: why here, why this vehicle, which window binds."""
    sequences = sequences_of(plan)
    added = added_costs(day, sequences)
    rows = [
        _explained(day, plan, sequences, added, (number, place))
        for number, route in enumerate(plan.routes)
        for place, stop in enumerate(route.stops.tolist())
        if stop != RELOAD
    ]
    return pd.DataFrame(rows, columns=list(declared()["explanations"].names))


def _explained(
    day: Day, plan: RoutingPlan, sequences: list[Sequence], added: dict[str, float], at: tuple[int, int]
) -> dict[str, Any]:
    number, place = at
    route = plan.routes[number]
    stop, currency = int(route.stops[place]), day.world.policy.currency
    name = day.found.stops["stop_id"].iloc[stop]
    vehicle = day.fleet.vehicle_ids[route.vehicle_type][route.vehicle]
    numbers: dict[str, Any] = {"vehicle": vehicle, "added": round(added.get(name, 0.0)), **_bound(day, route, place)}
    words = [f"stop {place + 1} of R{number + 1:03d} on {vehicle}, where it adds {shown(numbers['added'], currency)}"]
    if place < len(day.problem.vehicle_types[route.vehicle_type].prefix):
        words.append("it is settled: locked, driven or under way")
    elif int(day.problem.stops.partner[stop]) != ALONE:
        words.append("it travels with the other end of its shipment")
    else:
        words.append(_other_words(day, numbers, _next_best(day, sequences, number, stop)))
    words.append(_window_words(numbers))
    return {
        "line_id": stable_id("route", name, day.world.plan_date),
        "text": "; ".join(word for word in words if word),
        "numbers": json.dumps(numbers, ensure_ascii=False, sort_keys=True),
        "money": numbers["added"],
    }


def _other_words(day: Day, numbers: dict[str, Any], best: tuple[float, str] | None) -> str:
    """Return the next best vehicle in words, and put it among the numbers."""
    if best is None:
        return "no other vehicle can bring it as the routes are"
    cost, vehicle = best
    numbers |= {"next_best": vehicle, "next_best_adds": round(cost)}
    more, currency = round(cost) - numbers["added"], day.world.policy.currency
    dearer = f"{shown(abs(more), currency)} {'less' if more < 0 else 'more'}"
    return f"the next best is {vehicle}, where it would add {shown(round(cost), currency)}, {dearer}"


def _bound(day: Day, route: PlannedRoute, place: int) -> dict[str, Any]:
    """Return the window a stop is served in, what was waited for it, and the minutes it stays open after."""
    stop, begin = int(route.stops[place]), int(route.begin[place])
    windows = [w for w in day.problem.stops.windows(stop) if w[0] <= begin <= w[1] and w[1] < NO_LIMIT]
    if not windows:
        return {}
    start, end = windows[0]
    waited = round(float(route.wait[place]) / 60, 1)
    spans = {"open_since": round((begin - start) / 60, 1), "open_for": round((end - begin) / 60, 1)}
    return {"window": f"{_clock(start)}–{_clock(end)}", "waited": waited, **spans}


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds % 3600 // 60:02d}"


def _window_words(numbers: dict[str, Any]) -> str:
    if "window" not in numbers:
        return ""
    if numbers["waited"] > 0:
        return f"its window {numbers['window']} binds: the vehicle waits {numbers['waited']:g} minutes for it"
    if numbers["open_since"] == 0:
        return f"its window {numbers['window']} binds: it is served as it opens"
    if numbers["open_for"] * 60 <= _CLOSE:
        return f"its window {numbers['window']} binds: it closes {numbers['open_for']:g} minutes later"
    return f"its window {numbers['window']} stays open for {numbers['open_for']:g} minutes"


def _next_best(day: Day, sequences: list[Sequence], own: int, stop: int) -> tuple[float, str] | None:
    """Return the least cost of bringing a stop on another vehicle, routes else as they are, and that vehicle."""
    found = [*_on_routes(day, sequences, own, stop), *_on_idle(day, sequences, stop)]
    return min(found, default=None)


def _on_routes(day: Day, sequences: list[Sequence], own: int, stop: int) -> Iterator[tuple[float, str]]:
    detours = []
    for number, one in enumerate(sequences):
        if number != own and day.problem.vehicle_types[one.kind].may_serve(stop):
            places = sorted(_detours(day, one, stop))[:_PLACES]
            detours.append((places[0][0] if places else 0, number, [place for _, place in places]))
    for _, number, nearest in sorted(detours)[:_ROUTES]:
        one = sequences[number]
        before = route_cost(day, one.kind, one.stops)
        for place in nearest:
            after = route_cost(day, one.kind, [*one.stops[:place], stop, *one.stops[place:]])
            if before is not None and after is not None:
                yield after - before, day.fleet.vehicle_ids[one.kind][one.vehicle]


def _detours(day: Day, one: Sequence, stop: int) -> Iterator[tuple[int, int]]:
    """Yield (added metres, place) for every place behind what is settled."""
    vehicle, problem = day.problem.vehicle_types[one.kind], day.problem
    depot, here = int(problem.depot_place[vehicle.depot]), int(problem.stops.place[stop])
    places = np.array([depot, *(depot if s == RELOAD else int(problem.stops.place[s]) for s in one.stops), depot])
    metres = problem.metres[vehicle.profile]
    to, back = metres[places[:-1], here], metres[here, places[1:]]
    way = to + back - metres[places[:-1], places[1:]]
    for place in range(len(vehicle.prefix), len(one.stops) + 1):
        if FORBIDDEN not in (to[place], back[place]):
            yield int(way[place]), place


def _on_idle(day: Day, sequences: list[Sequence], stop: int) -> Iterator[tuple[float, str]]:
    """Yield the cost of a trip of its own with each kind of vehicle that stays in."""
    for kind, vehicle in enumerate(day.problem.vehicle_types):
        used = {one.vehicle for one in sequences if one.kind == kind}
        idle = [n for n in range(vehicle.available) if n not in used]
        cost = route_cost(day, kind, [stop]) if idle and vehicle.may_serve(stop) else None
        if cost is not None:
            yield cost, day.fleet.vehicle_ids[kind][idle[0]]
