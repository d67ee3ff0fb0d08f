"""The routing stage of a day: which vehicle brings what to whom, when, at what cost, and what is left out and why."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from optimizer.plan.exceptions import ExceptionRow
from optimizer.routing.day import TRIPS_FOR_A_STOP, Day, day_of
from optimizer.routing.fleet import vehicles_of_the_day
from optimizer.routing.left_out import left_out_costs, left_out_rows, unserved_table, unserved_without_plan
from optimizer.routing.locks import locks_of
from optimizer.routing.routed_tables import no_tables, route_costs, route_table
from optimizer.routing.stops import StopsOfTheDay, stops_of_the_day
from scenarios.world import World
from solvers.outcome import Outcome
from solvers.routing.choice import chosen_engine
from solvers.routing.problem import RoutingPlan, Work
from solvers.routing.solve import UnsupportedError, solve_routing
from solvers.routing.unserved import reasons_left_out


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


def plan_routes(world: World, transfers: pd.DataFrame, held: Collection[str]) -> RoutesOfTheDay:
    """Return the routes of the plan date for today's transfers and the deliveries due whose order is not `held`.

    The work is `route_iterations` of the policy, the seed the policy's: the same tables, the same routes. Without a
    vehicle or a stop the tables are empty; a stop that cannot be planned stands in `unserved` with its cause.
    """
    if not world.has("vehicles"):
        return no_routes()
    vehicles = vehicles_of_the_day(world)
    found = stops_of_the_day(world, transfers, held, _largest(vehicles))
    if found.stops.empty:
        return no_routes()
    if vehicles.empty:
        return _nobody_drives(world, found, "no vehicle drives today")
    found, lost = _reachable(world, found, vehicles)
    if found.stops.empty:
        return RoutesOfTheDay(no_tables(), None, lost)
    day = day_of(world, found, vehicles, locks_of(found.stops, vehicles))
    work = Work(world.policy.route_iterations, None, world.policy.seed)
    try:
        outcome = solve_routing(day.problem, work, chosen_engine(day.problem).engine)
    except UnsupportedError as error:
        return _nobody_drives(world, found, str(error))
    return _read_back(day, outcome, lost)


def _largest(vehicles: pd.DataFrame) -> tuple[float, float]:
    """Return the largest load in kg and in litres; a vehicle without a capacity carries anything."""
    kg, litres = (vehicles[name].astype(float).fillna(np.inf).max() for name in ("capacity_kg", "capacity_l"))
    return float(kg), float(litres)


def _nobody_drives(world: World, found: StopsOfTheDay, why: str) -> RoutesOfTheDay:
    unserved = unserved_without_plan(list(found.stops["stop_id"]), why)
    rows = [ExceptionRow("routes", "skipped", f"no routes are planned: {why}", {"stops": len(unserved)})]
    rows += left_out_rows(world, found, unserved)
    tables = {**no_tables(), "unserved": unserved, "costs": left_out_costs(world, found, unserved)}
    return RoutesOfTheDay(tables, None, rows, _shortfall(found, unserved))


def _reachable(world: World, found: StopsOfTheDay, vehicles: pd.DataFrame) -> tuple[StopsOfTheDay, list[ExceptionRow]]:
    """Return the stops that have a place, and a row for each that has none: no coordinates, not in the travel table."""
    table = world.frame("travel")
    known = {*table["from_id"]} & {*table["to_id"]}
    placed = found.stops["lat"].notna() & found.stops["lon"].notna()
    listed = [any(name in known for name in names) for names in found.stops["names"]]
    lost = sorted(found.stops.loc[~placed & ~np.array(listed, bool), "stop_id"])
    text = "stop {} has neither coordinates nor rows in travel: it is on no route"
    return found.without(lost), [ExceptionRow(f"place {name}", "no_place", text.format(name), {}) for name in lost]


def _read_back(day: Day, outcome: Outcome[RoutingPlan], lost: list[ExceptionRow]) -> RoutesOfTheDay:
    plan = outcome.required()
    routes = route_table(day, plan)
    unserved = unserved_table(day, reasons_left_out(day.problem, plan))
    rows = [*lost, *left_out_rows(day.world, day.found, unserved)]
    rows += [ExceptionRow(f"routes {n + 1}", "assumed", text, {}) for n, text in enumerate(_assumed(day))]
    costs = [route_costs(day.world, routes), left_out_costs(day.world, day.found, unserved)]
    costs = [part for part in costs if len(part)] or costs[:1]
    tables = {"routes": routes, "unserved": unserved, "costs": pd.concat(costs, ignore_index=True)}
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
