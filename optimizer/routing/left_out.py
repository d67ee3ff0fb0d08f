"""The stops left out: why, what would let each in, what leaving it out costs, and what people should look at."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from optimizer.plan.exceptions import ExceptionRow
from optimizer.plan.ids import stable_id
from optimizer.routing.day import Day
from optimizer.routing.fleet import THOUSANDTHS, vehicles_of_the_day, words_of
from optimizer.routing.stops import StopsOfTheDay
from scenarios.money import to_minor
from scenarios.schema import declared
from scenarios.world import World, rows_of
from solvers.routing.problem import RELOAD
from solvers.routing.unserved import Reason, Relaxation

CAUSES: Final = {
    "skills": "no vehicle has its skills and temperature, starts where it is loaded and is the one promised",
    "load": "it is above the load of every vehicle that may bring it",
    "window": "no vehicle reaches it inside its window",
    "limits": "a trip of its own breaks shift, time or distance of every vehicle",
    "vehicles": "every vehicle is out and none has room for it",
    "price": "bringing it costs more than leaving it out",
    "search": "it would fit, but no place for it was found within the work allowed",
    "partner": "its shipment found no place on a route",
    "break": "its driver's break leaves no time for it",
    "apart": "its goods must not travel with those of any route that has room",
    "dock": "no door is free to load a vehicle for it",
    "lock": "what is settled of the routes leaves no place for it",
}
_NOTHING: Final = "nothing single"


def unserved_table(day: Day, reasons: list[Reason]) -> pd.DataFrame:
    """Return the table `unserved`: each stop left out with its cause, what would let it in and what that costs."""
    rows = []
    for reason in reasons:
        row = {"stop_id": day.found.stops["stop_id"].iloc[reason.stop], "cause": _cause(day, reason)}
        helps = reason.relaxation.kind != "none"
        cost = round(reason.relaxation.cost) if helps else None
        rows.append({**row, "cheapest_relaxation": _relaxation_words(day, reason.relaxation), "cost": cost})
    table = pd.DataFrame(rows, columns=list(declared()["unserved"].names))
    return table.sort_values("stop_id", kind="stable").reset_index(drop=True)


def _relaxation_words(day: Day, relaxation: Relaxation) -> str:
    kind = relaxation.vehicle_type
    vehicle = "a vehicle" if kind is None else f"a vehicle like {day.fleet.vehicle_ids[kind][0]}"
    if kind is not None and relaxation.route is not None:
        vehicle = f"route R{relaxation.route + 1:03d}"
    minutes, thousands = -(-relaxation.amount // 60), relaxation.amount / THOUSANDTHS
    unit = ("kg", "litres")[relaxation.dimension]
    words = {
        "vehicle": f"one more of {vehicle.removeprefix('a vehicle like ')}",
        "load": f"{thousands:,.3f}".rstrip("0").rstrip(".") + f" {unit} more load on {vehicle}",
        "window": f"a window that closes {minutes:,} minutes later",
        "shift": f"a shift {minutes:,} minutes longer for {vehicle}",
        "seconds": f"{minutes:,} minutes more working time for {vehicle}",
        "metres": f"{thousands:,.1f} km more for {vehicle}",
        "stops": f"{relaxation.amount:,} more stop for {vehicle}",
        "reloads": f"{relaxation.amount:,} more trip for {vehicle}",
        "skills": f"{vehicle} allowed to bring it",
        "apart": f"goods that may travel together on {vehicle}",
        "breaks": f"{vehicle} without its driver's break",
        "loading": f"one door more to load {vehicle} at",
        "locks": f"what is settled of {vehicle} let go",
        "release": f"goods released {minutes:,} minutes sooner for {vehicle}",
        "price": "a price of leaving it out above what bringing it costs",
    }
    return words.get(relaxation.kind, _NOTHING)


def unserved_without_plan(stops: list[str], why: str) -> pd.DataFrame:
    """Return the table `unserved` of a day on which nothing is planned, for one reason."""
    rows = [{"stop_id": stop, "cause": why, "cheapest_relaxation": _NOTHING, "cost": None} for stop in sorted(stops)]
    return pd.DataFrame(rows, columns=list(declared()["unserved"].names))


def left_out_rows(world: World, found: StopsOfTheDay, unserved: pd.DataFrame) -> list[ExceptionRow]:
    """Return an exception for each stop left out, worth what leaving it out costs where the tables say so."""
    worth = _left_out_worth(world, found)
    return [
        ExceptionRow(
            f"unserved {row.stop_id}",
            "unserved",
            f"stop {row.stop_id} is left out: {row.cause}; what would let it in: {row.cheapest_relaxation}",
            {},
            worth[row.stop_id],
        )
        for row in rows_of(unserved)
    ]


def _left_out_worth(world: World, found: StopsOfTheDay) -> dict[str, int]:
    """Return what leaving each stop out costs, minor units, 0 where the tables do not say."""
    worth = found.stops.set_index("stop_id")["unserved_cost"].fillna(0.0)
    return {str(stop): to_minor(float(cost), world.policy.currency) for stop, cost in worth.items()}


def left_out_costs(world: World, found: StopsOfTheDay, unserved: pd.DataFrame) -> pd.DataFrame:
    """Return the penalties of the stops left out, where the tables name them."""
    worth = _left_out_worth(world, found)
    rows = [
        {
            "cost_id": stable_id("cost", "unserved", row.stop_id),
            "decision": "routes",
            "component": "unserved",
            "nature": "penalty",
            "line_id": stable_id("route", row.stop_id, world.plan_date),
            "date": world.plan_date,
            "currency": world.policy.currency,
            "amount": worth[row.stop_id],
        }
        for row in rows_of(unserved)
        if worth[row.stop_id]
    ]
    return pd.DataFrame(rows, columns=list(declared()["costs"].names))


def _cause(day: Day, reason: Reason) -> str:
    """Return why a stop is left out, in the words of its own row where that says more."""
    if _all_have_left(day, reason.stop):
        return "every vehicle that may bring it has left, and none of them loads again"
    if reason.cause == "skills":
        return next(_why_nobody(day, day.found.stops.iloc[reason.stop]), CAUSES["skills"])
    if reason.cause == "window" and not _has_a_way(day, reason.stop):
        return "no way leads there and back from where a vehicle starts"
    return CAUSES[reason.cause]


def _all_have_left(day: Day, stop: int) -> bool:
    """Return whether a stop's goods lie at a depot that every vehicle allowed to bring them has left for good."""
    given, types = day.found.stops.iloc[stop], day.problem.vehicle_types
    allowed = [vehicle for vehicle in types if vehicle.may_serve(stop) and vehicle.available > 0]
    gone = [bool(v.driven) and v.max_reloads <= v.prefix.count(RELOAD) for v in allowed]
    return bool(gone) and all(gone) and given["release"] > 0


def _why_nobody(day: Day, stop: Any) -> Iterator[str]:
    """Yield what no vehicle of the day has of what the stop asks for, first what somebody must have mistyped."""
    today, known = vehicles_of_the_day(day.world), set(day.world.frame("vehicles")["vehicle_id"])
    if stop["vehicle_id"] is not None:
        if stop["vehicle_id"] not in known:
            yield f"it is promised to {stop['vehicle_id']}, which is no vehicle of the table"
        if stop["vehicle_id"] not in set(today["vehicle_id"]):
            yield f"it is promised to {stop['vehicle_id']}, which does not drive today"
        today = today[today["vehicle_id"] == stop["vehicle_id"]]
        yield from what_lacks(today, stop, f"it is promised to {stop['vehicle_id']}, which")
    else:
        yield from what_lacks(today, stop, "every vehicle that drives today")


def what_lacks(vehicles: pd.DataFrame, stop: Any, who: str) -> Iterator[str]:
    """Yield what none of some vehicles has of what a stop asks for; `who` begins the sentence."""
    if stop["depot_id"] is not None and stop["depot_id"] not in set(vehicles["depot_id"]):
        yield f"{who} starts elsewhere than at {stop['depot_id']}, where it is loaded"
    asked = words_of(stop["skills"])
    if not any(asked <= words_of(has) for has in vehicles["skills"]):
        yield f"{who} lacks {', '.join(sorted(asked))}"
    keeps = [words_of(some) for some in vehicles["temperature_classes"]]
    if stop["temperature_class"] is not None and not any(not k or stop["temperature_class"] in k for k in keeps):
        yield f"{who} cannot keep it {stop['temperature_class']}"


def _has_a_way(day: Day, stop: int) -> bool:
    """Return whether some vehicle finds a way from its depot to the stop and back to its end."""
    problem = day.problem
    here = int(problem.stops.place[stop])
    for vehicle in problem.vehicle_types:
        metres = problem.metres[vehicle.profile]
        ends = [] if vehicle.end_depot is None else [metres[here, problem.depot_place[vehicle.end_depot]]]
        if np.min([metres[problem.depot_place[vehicle.depot], here], *ends]) >= 0 and vehicle.may_serve(stop):
            return True
    return False
