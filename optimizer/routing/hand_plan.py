"""A plan of routes made by hand, judged: what it breaks at which stop and by how much, and its price beside ours."""

import csv
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from optimizer.routing.day import Day
from optimizer.routing.fleet import THOUSANDTHS, vehicles_of_the_day
from optimizer.routing.left_out import what_lacks
from optimizer.routing.stage import day_to_route, plan_routes
from scenarios.money import shown
from scenarios.plans import unguarded
from scenarios.world import World
from solvers.routing.problem import ALONE, RELOAD
from solvers.routing.schedule import excess_of, planned_route
from solvers.routing.terms import trips_of

_VEHICLE: Final = ("vehicle_id", "vehicle")
_STOP: Final = ("stop_id", "stop")
_UNITS: Final = ("kg", "litres")


class UnreadablePlanError(Exception):
    """The file is no plan of routes; the message says what it lacks."""


@dataclass(frozen=True)
class Fault:
    """What a hand-made plan breaks: the vehicle, the stop ("" for the whole route), and in words by how much."""

    vehicle: str
    stop: str
    text: str

    def __str__(self) -> str:
        """Return the fault as one line."""
        return ": ".join(part for part in (self.vehicle, self.stop, self.text) if part)


@dataclass(frozen=True)
class Judgement:
    """The faults of a hand-made plan, its cost and that of ours, minor units.

    cost, ours: of routes, and of the stops on none; left_out, our_left_out: how many those are
    """

    faults: tuple[Fault, ...]
    routes: int
    cost: int
    left_out: int
    our_routes: int
    ours: int
    our_left_out: int
    currency: str

    def lines(self) -> list[str]:
        """Return what people read."""
        count = len(self.faults)
        first = f"{count} faults:" if count else "it can be driven as it is"
        dearer = self.cost - self.ours
        than = f"{shown(abs(dearer), self.currency)} {'more' if dearer > 0 else 'less'} than ours"
        return [
            first,
            *(str(fault) for fault in self.faults),
            f"{self.routes} routes cost {shown(self.cost, self.currency)}, {self.left_out} stops on none: {than}",
            f"ours: {self.our_routes} routes, {shown(self.ours, self.currency)}, {self.our_left_out} stops on none",
        ]

    def summary(self) -> dict[str, Any]:
        """Return what machines read; money in minor units."""
        return {**asdict(self), "drivable": not self.faults}


def read_hand_plan(path: Path) -> list[tuple[str, list[str]]]:
    """Return (vehicle, stops in driving order) of a CSV, stops as they stand there, depots between trips too.

    Columns `vehicle_id` or `vehicle`, `stop_id` or `stop`, and, where the rows are in no order, `seq`; our own
    `routes.csv` and the pack's CSV are such. Rows of kind break are left out: breaks are put in anew.

    Raises UnreadablePlanError for a file without these columns or rows.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadablePlanError(f"{path} cannot be read: {error}") from None
    named = set(rows[0]) if rows else set()
    vehicle, stop = (next((name for name in names if name in named), None) for names in (_VEHICLE, _STOP))
    if vehicle is None or stop is None:
        raise UnreadablePlanError(f"{path} wants rows with vehicle_id and stop_id, in driving order or with seq")
    kept = [row for row in rows if row.get("kind") != "break" and row[vehicle] and row[stop]]
    if "seq" in named:
        kept.sort(key=lambda row: _number(path, row["seq"]))
    routes: dict[str, list[str]] = {}
    for row in kept:
        routes.setdefault(unguarded(row[vehicle]), []).append(unguarded(row[stop]))
    return sorted(routes.items())


def _number(path: Path, text: str) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        raise UnreadablePlanError(f'{path}: seq is "{text}", expected a number') from None


def judged(
    world: World, transfers: pd.DataFrame, held: Collection[str], routes: list[tuple[str, list[str]]]
) -> Judgement:
    """Return what a hand-made plan of the day's stops breaks and costs, beside the plan that is made for the same day.

    Raises UnreadablePlanError for a day without stops or vehicles.
    """
    day = day_to_route(world, transfers, held)
    if day is None:
        raise UnreadablePlanError(f"on {world.plan_date} there is nothing to bring, or no vehicle drives")
    # What the tables lock is judged apart: the hand may have had reasons.
    types = tuple(replace(vehicle, prefix=(), driven=(), resume=0) for vehicle in day.problem.vehicle_types)
    free = replace(day, problem=replace(day.problem, vehicle_types=types))
    sequences, faults = _sequences(free, routes)
    for vehicle, kind, stops in sequences:
        faults += _route_faults(free, vehicle, kind, stops)
    visits = {stop for _, _, stops in sequences for stop in stops if stop != RELOAD}
    missing = sorted(set(range(day.problem.stops.count)) - visits)
    faults += [Fault("", day.found.stops["stop_id"].iloc[stop], "is on no route") for stop in missing]
    cost = sum(_price(free, kind, stops) for _, kind, stops in sequences)
    cost += float(day.problem.stops.price[missing].sum())
    proof = plan_routes(world, transfers, held).proof or {}
    return Judgement(
        faults=tuple(faults),
        routes=len(sequences),
        cost=round(cost),
        left_out=len(missing),
        our_routes=int(proof.get("routes", 0)),
        ours=round(float(proof.get("objective", 0.0)) * day.minor),
        our_left_out=int(proof.get("left_out", 0)),
        currency=world.policy.currency,
    )


def _sequences(day: Day, routes: list[tuple[str, list[str]]]) -> tuple[list[tuple[str, int, list[int]]], list[Fault]]:
    """Return (vehicle, type, stops) of each route somebody can drive, and what is no stop or vehicle of the day."""
    number = {name: n for n, name in enumerate(day.found.stops["stop_id"])}
    kinds = {name: kind for kind, names in enumerate(day.fleet.vehicle_ids) for name in names}
    depots, faults, seen = set(day.fleet.depots), list[Fault](), Counter[str]()
    sequences = []
    for vehicle, names in routes:
        stops: list[int] = []
        for name in names:
            seen[name] += name not in depots
            if name in depots:
                stops += [RELOAD] if stops and stops[-1] != RELOAD else []
            elif name not in number:
                faults.append(Fault(vehicle, name, "is no stop of the day"))
            elif seen[name] > 1:
                faults.append(Fault(vehicle, name, "is visited already"))
            else:
                stops.append(number[name])
        stops = stops[:-1] if stops and stops[-1] == RELOAD else stops
        if vehicle not in kinds:
            faults.append(Fault(vehicle, "", "is no vehicle that drives today"))
        elif stops:
            sequences.append((vehicle, kinds[vehicle], stops))
    return sequences, faults


def _route_faults(day: Day, vehicle: str, kind: int, stops: list[int]) -> Iterator[Fault]:
    """Yield what a route breaks: who may not be brought, loads, lateness, limits."""
    names, problem = day.found.stops["stop_id"], day.problem
    excess = excess_of(problem, kind, stops)
    table = vehicles_of_the_day(day.world)
    mine = table[table["vehicle_id"] == vehicle]
    for stop in stops:
        if stop != RELOAD and not problem.vehicle_types[kind].may_serve(stop):
            given = day.found.stops.iloc[stop]
            promised = f"is promised to {given['vehicle_id']}"
            yield Fault(vehicle, names.iloc[stop], next(what_lacks(mine, given, "it"), promised))
    yield from _overloads(day, vehicle, kind, stops)
    for stop, seconds in excess.late.items():
        yield Fault(vehicle, names.iloc[stop], f"is served {_minutes(seconds)} after its window closes")
    yield from (Fault(vehicle, names.iloc[stop], "no way leads there") for stop in _closed(day, kind, stops))
    for name, words in _WORDS.items():
        amount = int(getattr(excess, name))
        if amount > 0:
            shown_amount = _minutes(amount) if name in _TIMES else f"{amount / _SCALE.get(name, 1):,g}"
            yield Fault(vehicle, "", words.format(shown_amount))


_TIMES: Final = frozenset({"shift", "seconds", "release"})
_SCALE: Final = {"metres": THOUSANDTHS}
_WORDS: Final = {
    "shift": "is back {} after its shift",
    "seconds": "works {} longer than it may",
    "metres": "drives {} km more than it may",
    "stops": "has {} stops more than it may",
    "reloads": "loads {} times more than it may",
    "apart": "carries goods together that must travel apart, on {} of its trips",
    "breaks": "leaves no time for its driver's breaks",
    "loading": "finds no door to load at",
    "release": "leaves {} before its goods are released",
}


def _minutes(seconds: int) -> str:
    return f"{-(-seconds // 60):,} minutes"


def _overloads(day: Day, vehicle: str, kind: int, stops: list[int]) -> Iterator[Fault]:
    """Yield from where a vehicle drives on with more than it carries, by how much; of each trip the worst."""
    given, capacity = day.problem.stops, np.array(day.problem.vehicle_types[kind].capacity)
    for trip in trips_of(stops):
        brought = [stop for stop in trip if int(given.partner[stop]) == ALONE]
        load = given.delivery[brought].sum(axis=0)
        steps = [("", load - capacity)]
        for stop in trip:
            load = load - given.delivery[stop] + given.pickup[stop]
            steps.append((day.found.stops["stop_id"].iloc[stop], load - capacity))
        for dimension, unit in enumerate(_UNITS):
            where, over = max(steps, key=lambda step: step[1][dimension])
            if over[dimension] > 0:
                amount = f"{over[dimension] / THOUSANDTHS:,g} {unit} more than it carries"
                yield Fault(vehicle, where, f"leaves{'' if where else ' its depot'} with {amount}")


def _closed(day: Day, kind: int, stops: list[int]) -> Iterator[int]:
    vehicle = day.problem.vehicle_types[kind]
    depot = int(day.problem.depot_place[vehicle.depot])
    places = [depot, *(depot if stop == RELOAD else int(day.problem.stops.place[stop]) for stop in stops)]
    for n, stop in enumerate(stops):
        if stop != RELOAD and day.problem.metres[vehicle.profile][places[n], places[n + 1]] < 0:
            yield stop


def _price(day: Day, kind: int, stops: list[int]) -> float:
    """Return the cost of a route; of one that cannot be driven, that of its way and service without any waiting."""
    if not excess_of(day.problem, kind, stops).kinds():
        return float(planned_route(day.problem, kind, 0, stops).cost)
    problem, vehicle = day.problem, day.problem.vehicle_types[kind]
    depot = int(problem.depot_place[vehicle.depot])
    places = [depot, *(depot if stop == RELOAD else int(problem.stops.place[stop]) for stop in stops)]
    places += [] if vehicle.end_depot is None else [int(problem.depot_place[vehicle.end_depot])]
    arcs = places[:-1], places[1:]
    service = sum(vehicle.reload_seconds if s == RELOAD else int(problem.stops.service_seconds[s]) for s in stops)
    metres = np.maximum(problem.metres[vehicle.profile][arcs], 0).sum()
    seconds = np.asarray(problem.least_seconds[vehicle.profile][arcs]).sum()
    return vehicle.cost(int(metres), int(seconds) + service)
