"""The routing stage of a day: which vehicle brings what to whom, when, at what cost, and what is left out and why."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from optimizer.plan.exceptions import ExceptionRow
from optimizer.routing.day import TRIPS_FOR_A_STOP, Day, day_of
from optimizer.routing.fleet import largest_load, vehicles_of_the_day
from optimizer.routing.left_out import left_out_costs, left_out_rows, unserved_table, unserved_without_plan
from optimizer.routing.locks import Locks, locks_of, with_more
from optimizer.routing.past_breaks import with_past_breaks
from optimizer.routing.route_changes import changes_of, late_rows
from optimizer.routing.routed_tables import no_tables, route_costs, route_table
from optimizer.routing.stop_words import stop_explanations
from optimizer.routing.stops import StopsOfTheDay, stops_of_the_day
from optimizer.routing.underway import Underway, breaks_taken, loosened, settled_by, stuck_aboard
from scenarios.world import World
from solvers.outcome import Outcome
from solvers.routing.choice import chosen_engine
from solvers.routing.problem import RoutingPlan, Work
from solvers.routing.solve import UnsupportedError, solve_routing
from solvers.routing.unserved import reasons_left_out

# A day under way is planned once more for what is aboard and fits no window, and once more for shifts that are over.
_ATTEMPTS: Final = 3


@dataclass(frozen=True)
class RoutesOfTheDay:
    """Tables by name (`routes`, `unserved`, `costs`), the proof (None without a plan), exceptions, and what stays.

    shortfall: the transfers that no vehicle carries; columns line_id, stop_id, cause
    """

    tables: dict[str, pd.DataFrame]
    proof: dict[str, Any] | None
    exceptions: list[ExceptionRow]
    shortfall: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["line_id", "stop_id", "cause"]))


def no_routes(_: object = None) -> RoutesOfTheDay:
    """Return what a day without routes has: nothing."""
    return RoutesOfTheDay(no_tables(), None, [])


def plan_routes(
    world: World, transfers: pd.DataFrame, held: Collection[str], underway: Underway | None = None
) -> RoutesOfTheDay:
    """Return the routes of the plan date for today's transfers and the deliveries due whose order is not `held`.

    underway: the plan that is being driven; what is done or aboard by now stays, and the changes are listed

    The work is `route_iterations` of the policy, the seed the policy's: the same tables, the same routes. Without a
    vehicle or a stop the tables are empty; a stop that cannot be planned stands in `unserved` with its cause.
    """
    if not world.has("vehicles"):
        return no_routes()
    vehicles = vehicles_of_the_day(world)
    driven = set() if underway is None else set(underway.routes["stop_id"])
    found = stops_of_the_day(world, transfers, held, largest_load(vehicles), driven)
    if found.stops.empty:
        return no_routes()
    if vehicles.empty:
        return _nobody_drives(world, found, "no vehicle drives today")
    found, lost = _reachable(world, found)
    if found.stops.empty:
        return RoutesOfTheDay(no_tables(), None, lost)
    try:
        day, outcome = _solved(world, found, vehicles, underway)
    except UnsupportedError as error:
        return _nobody_drives(world, found, str(error))
    return _read_back(day, outcome, lost, underway)


def day_to_route(world: World, transfers: pd.DataFrame, held: Collection[str]) -> Day | None:
    """Return the routing problem of the plan date with what the tables lock, None where nothing or nobody drives."""
    vehicles = vehicles_of_the_day(world)
    if vehicles.empty:
        return None
    found = stops_of_the_day(world, transfers, held, largest_load(vehicles))
    found, _ = _reachable(world, found)
    return None if found.stops.empty else day_of(world, found, vehicles, locks_of(found.stops, vehicles))


def _solved(
    world: World, found: StopsOfTheDay, vehicles: pd.DataFrame, underway: Underway | None
) -> tuple[Day, Outcome[RoutingPlan]]:
    """Return the day and its plan; what is on the road is brought late, or after the shift, rather than not at all."""
    locks, drives = Locks(), set(vehicles["vehicle_id"])
    if underway is not None:
        table = world.frame("deliveries")
        done = set(table.loc[table["state"] == "done", "delivery_id"])
        found, locks = settled_by(underway, found, done, drives)
    locks = with_more(locks, locks_of(found.stops, vehicles), found.stops)
    work = Work(world.policy.route_iterations, None, world.policy.seed)
    for attempt in range(_ATTEMPTS):
        day = day_of(world, found, vehicles, locks)
        outcome = solve_routing(day.problem, work, chosen_engine(day.problem).engine)
        left = set(found.stops["stop_id"].to_numpy()[outcome.required().unserved])
        aboard = stuck_aboard(found, locks, left)
        if not aboard or attempt == _ATTEMPTS - 1:
            break
        found, locks = loosened(found, locks, aboard)
    return day, outcome


def _nobody_drives(world: World, found: StopsOfTheDay, why: str) -> RoutesOfTheDay:
    unserved = unserved_without_plan(list(found.stops["stop_id"]), why)
    rows = [ExceptionRow("routes", "skipped", f"no routes are planned: {why}", {"stops": len(unserved)})]
    rows += left_out_rows(world, found, unserved)
    tables = {**no_tables(), "unserved": unserved, "costs": left_out_costs(world, found, unserved)}
    return RoutesOfTheDay(tables, None, rows, _shortfall(found, unserved))


def _reachable(world: World, found: StopsOfTheDay) -> tuple[StopsOfTheDay, list[ExceptionRow]]:
    """Return the stops that have a place, and a row for each that has none: no coordinates, not in the travel table."""
    table = world.frame("travel")
    known = {*table["from_id"]} & {*table["to_id"]}
    placed = found.stops["lat"].notna() & found.stops["lon"].notna()
    listed = [any(name in known for name in names) for names in found.stops["names"]]
    lost = sorted(found.stops.loc[~placed & ~np.array(listed, bool), "stop_id"])
    text = "stop {} has neither coordinates nor rows in travel: it is on no route"
    return found.without(lost), [ExceptionRow(f"place {name}", "no_place", text.format(name), {}) for name in lost]


def _read_back(
    day: Day, outcome: Outcome[RoutingPlan], lost: list[ExceptionRow], underway: Underway | None
) -> RoutesOfTheDay:
    plan = outcome.required()
    routes = route_table(day, plan)
    if underway is not None:
        routes = with_past_breaks(routes, breaks_taken(underway))
    unserved = unserved_table(day, reasons_left_out(day.problem, plan))
    rows = [*lost, *left_out_rows(day.world, day.found, unserved)]
    rows += [ExceptionRow(f"routes {n + 1}", "assumed", text, {}) for n, text in enumerate(_assumed(day))]
    costs = [route_costs(day.world, routes), left_out_costs(day.world, day.found, unserved)]
    costs = [part for part in costs if len(part)] or costs[:1]
    tables = {"routes": routes, "unserved": unserved, "costs": pd.concat(costs, ignore_index=True)}
    tables["explanations"] = stop_explanations(day, plan)
    if underway is not None:
        changes = changes_of(day, plan, routes, underway)
        tables["route_changes"] = changes.table
        rows = [*changes.told, *late_rows(day, routes, underway), *rows]
    return RoutesOfTheDay(tables, _proof(day, outcome), rows, _shortfall(day.found, unserved))


def _assumed(day: Day) -> list[str]:
    words = []
    without = int(day.found.stops["unserved_cost"].isna().sum())
    if without:
        words.append(
            f"{without} stops have no unserved_cost: {TRIPS_FOR_A_STOP:g} trips there and back by the dearest vehicle"
        )
    return [*day.found.assumed, *day.ways.assumed, *day.fleet.words, *words]


def _shortfall(found: StopsOfTheDay, unserved: pd.DataFrame) -> pd.DataFrame:
    cause = dict(zip(unserved["stop_id"], unserved["cause"], strict=True))
    short = found.lines[found.lines["stop_id"].isin(cause.keys())]
    return short.assign(cause=[cause[stop] for stop in short["stop_id"]]).reset_index(drop=True)


def _proof(day: Day, outcome: Outcome[RoutingPlan]) -> dict[str, Any]:
    """Return the certificate: objective and bound in major units, of routes and of what leaving stops out costs."""
    plan, minor, choice = outcome.required(), day.minor, chosen_engine(day.problem)
    objective = round(outcome.objective / minor, 6)
    bound = min(round(outcome.bound / minor, 6), objective)
    left_out = float(day.problem.stops.price[plan.unserved].sum()) / minor
    return {
        "objective": objective,
        "bound": bound,
        "gap": max(objective - bound, 0.0) / max(abs(objective), 1e-9),
        "status": outcome.status,
        "limit": outcome.limit,
        "unit": day.world.policy.currency,
        "covers": (
            "cost of routes before rounding, and the price of stops left out; the bound, the best of cheap relaxations"
            " (nearest neighbours, radial ways, assignment, spanning tree), holds over every plan of this model and is"
            " weak where windows or loads shape the routes"
        ),
        "stops": day.problem.stops.count,
        "vehicles": sum(vehicle.available for vehicle in day.problem.vehicle_types),
        "routes": len(plan.routes),
        "left_out": len(plan.unserved),
        "price_of_left_out": round(left_out, 6),
        "iterations": day.world.policy.route_iterations,
        "engine": f"{choice.name}: {choice.why}",
        "assumed": _assumed(day),
    }
