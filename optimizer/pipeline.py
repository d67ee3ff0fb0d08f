"""The rooms in order: checked tables, forecast, orders, figures, proof, files. One page."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from forecasting.judged import SCHEMA, judged, remembered
from forecasting.paths import DemandPaths, quantile_table
from optimizer.demand import Demand, Expected, demand_of, expected_demand, forecast_key, judged_rows, override_rows
from optimizer.executor import RunAll, run_all_on
from optimizer.filters.stage import Filter, Screened, screen_world
from optimizer.markdown.stage import clearance_horizon
from optimizer.memory import (
    LEARNED,
    OVERRIDDEN,
    Memory,
    company_of,
    digest_of,
    forecast_state,
    moved_levels,
    recall,
    transfers_of,
)
from optimizer.passes import orders_and_routes
from optimizer.plan.exceptions import ExceptionRow
from optimizer.plan.figures import key_figures, kpi_table
from optimizer.plan.parts import Parts
from optimizer.plan.publish import plan_folder
from optimizer.plan.record import Record, default_folder, summary_of, write_record
from optimizer.plan.verify import FalsePlanError, verify_plan
from optimizer.prices import decide_prices, prices_wanted
from optimizer.reorder.changes import Before
from optimizer.reorder.horizon import planning_horizon
from optimizer.reorder.levels import chosen_levels
from optimizer.reorder.stage import OrdersOfTheDay, Shipping, plan_orders
from optimizer.reports.write import write_reports
from optimizer.routing.hours import clock_seconds
from optimizer.routing.stage import RoutesOfTheDay, no_routes, plan_routes
from optimizer.routing.underway import Underway, read_underway
from optimizer.watch import with_holds
from scenarios.assortment import listed_pairs
from scenarios.faults import UnusableInputError
from scenarios.segment_policies import with_levels
from scenarios.world import World

log = logging.getLogger("dayplan")
Progress = Callable[[str, int, int], None]
Stage = Callable[[str], AbstractContextManager[None]]


class Wanted(StrEnum):
    """How much of the day is wanted."""

    FORECAST = "forecast"
    REORDER = "reorder"
    MARKDOWN = "markdown"
    ROUTE = "route"
    PLAN = "plan"


_ORDERS = (Wanted.REORDER, Wanted.PLAN)
_PRICES = (Wanted.MARKDOWN, Wanted.PLAN)
_ROUTES = (Wanted.ROUTE, Wanted.PLAN)


@dataclass(frozen=True)
class Order:
    """What to compute and how.

    workers: processes; they change no byte
    levels: probabilities of the forecast table
    previous: the plan before this one, "none", or None for the latest of the same company
    without: filters left out
    transfers: for routes alone, a plan folder whose transfers of today are brought too
    now, late: for routes alone, "HH:MM" at which that plan is being driven, and minutes that vehicles are behind it
    scenario_changes: what scenarios changed of the inputs, in words
    snoozed: subjects of exceptions that somebody set aside
    """

    wanted: Wanted
    workers: int = 1
    levels: tuple[float, ...] = (0.1, 0.5, 0.9)
    previous: str | None = None
    without: frozenset[Filter] = frozenset()
    transfers: Path | None = None
    now: str = ""
    late: Mapping[str, float] = field(default_factory=dict)
    scenario_changes: tuple[str, ...] = ()
    snoozed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Written:
    """A published plan folder and what to say about it."""

    folder: Path
    summary: dict[str, Any]


@dataclass
class _Stages:
    """Names the stage under way, passes on its progress, and logs one line when it ends."""

    progress: Progress
    name: str = ""
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.name, begin = name, time.perf_counter()
        self.progress(name, 0, 1)
        yield
        seconds = time.perf_counter() - begin
        self.seconds[name] = round(self.seconds.get(name, 0.0) + seconds, 2)
        self.progress(name, 1, 1)
        log.info("%s: %.1f s", name, seconds)

    def report(self, done: int, total: int) -> None:
        self.progress(self.name, done, total)


@dataclass(frozen=True)
class Tools:
    """Who runs the parts, what a stage is told to, and a forecast that may be shared."""

    run_all: RunAll
    stage: Stage
    shared: Expected | None = None


def carry_out(
    world: World, order: Order, folder: Path | None, plans: Path, progress: Progress, shared: Expected | None = None
) -> Written:
    """Compute what is wanted, check it, and publish it as a plan folder.

    folder: the plan folder; None: `plans`/<date>-<hash of inputs and settings>
    shared: a forecast that is taken where it rests on the same inputs; it changes no byte

    Raises UnusableInputError where nothing can be planned, FalsePlanError where the plan breaks its own checks.
    """
    stages = _Stages(progress)
    with run_all_on(order.workers, stages.report) as run_all:
        tools = Tools(run_all, stages.stage, shared)
        memory = recall(world, order.previous, plans)
        beside = folder.absolute().parent if folder else plans
        record = compute(world, order, replace(memory, company=company_of(world, beside)), tools)
    target = folder or default_folder(plans, world, record)
    with plan_folder(target) as scratch:
        with stages.stage("write"):
            write_record(scratch, world, record, stages.seconds)
        with stages.stage("verify"):
            violations = verify_plan(scratch)
        if violations:
            raise FalsePlanError("; ".join(str(violation) for violation in violations[:5]))
        with stages.stage("report"):
            write_reports(scratch)
    return Written(target, summary_of(world, record, target))


def compute(world: World, order: Order, memory: Memory, tools: Tools) -> Record:
    """Return the tables, the certificate and the settings of what is wanted; no file is touched."""
    parts, stage = Parts(), tools.stage
    with stage("screen"):
        screened = screen_world(world, memory.table("segments"), order.without, memory.state)
    parts.add(screened.tables, screened.exceptions)
    parts.state |= screened.state
    parts.prove("holds", screened.proof)
    if order.wanted is Wanted.ROUTE:
        moves = transfers_of(order.transfers, world)
        parts.add({"transfers": moves})
        with stage("route"):
            _add_routes(parts, plan_routes(screened.world, moves, screened.held_orders, _underway(world, order)))
    else:
        _add_decisions(parts, screened, order, memory, tools)
    return parts.record(
        order.wanted,
        company=memory.company,
        previous=memory.digest,
        choices={
            "without": sorted(order.without),
            "levels": list(order.levels),
            "transfers": digest_of(order.transfers) if order.transfers else "",
            "now": order.now,
            "late": dict(sorted(order.late.items())),
            "scenario_changes": list(order.scenario_changes),
            "snoozed": sorted(order.snoozed),
        },
    )


def _underway(world: World, order: Order) -> Underway | None:
    """Return the plan that is being driven, None for a day that has not begun."""
    if not order.now or order.transfers is None:
        return None
    late = {vehicle: round(minutes * 60) for vehicle, minutes in order.late.items()}
    return read_underway(order.transfers, world, clock_seconds(order.now, 0), late)


def expected_alone(world: World, order: Order, memory: Memory, run_all: RunAll) -> Expected | None:
    """Return what is forecast for a plan, to be shared with others of the same day; None where nothing is listed."""
    screened = screen_world(world, memory.table("segments"), order.without).world
    pairs = listed_pairs(screened)
    return (
        None
        if pairs.empty
        else expected_demand(screened, pairs, max(_horizons(screened, pairs, order)), memory, run_all)
    )


def _horizons(world: World, pairs: pd.DataFrame, order: Order) -> tuple[int, int]:
    """Return the periods that orders look ahead, and those of a clearance, which looks as far as its exit."""
    priced = order.wanted in _PRICES
    horizon = world.policy.horizon or planning_horizon(world, pairs)
    return horizon, clearance_horizon(world, pairs) if priced else 0


def _expected(world: World, pairs: pd.DataFrame, horizon: int, memory: Memory, tools: Tools) -> Expected:
    """Return what is forecast: the shared forecast where it rests on the same, else one of its own."""
    shared = tools.shared
    if shared is not None and shared.key == forecast_key(world, pairs, horizon, memory):
        return shared
    return expected_demand(world, pairs, horizon, memory, tools.run_all)


def _add_decisions(parts: Parts, screened: Screened, order: Order, memory: Memory, tools: Tools) -> None:
    """Add the forecast, and the decisions that rest on it."""
    world, priced = screened.world, order.wanted in _PRICES
    pairs = listed_pairs(world)
    if pairs.empty:
        why = "the assortment lists none" if world.has("assortment") else "sales, stock and sources are empty"
        raise UnusableInputError(f"no item is listed anywhere: {why}", world.quarantine)
    horizon, exit_horizon = _horizons(world, pairs, order)
    with tools.stage("forecast"):
        expected = _expected(world, pairs, max(horizon, exit_horizon), memory, tools)
        demand = demand_of(world, pairs, expected)
    paths = demand.paths
    if exit_horizon or order.wanted is Wanted.MARKDOWN or (priced and prices_wanted(world, pairs)):
        with tools.stage("price"):
            prices = decide_prices(world, pairs, paths, horizon, tools.run_all)
        parts.add_all(prices.parts, prices.proofs, prices.exceptions)
        pairs, paths = prices.pairs, prices.paths
    parts.horizon = horizon
    parts.state["forecast"] = forecast_state(expected.summary)
    parts.state["monitor"] = pa.Table.from_pandas(expected.watch.state, preserve_index=False)
    parts.state[LEARNED] = expected.learned
    parts.state["promotions"] = expected.promotions
    paths = paths.first(horizon)
    log.info("forecast: %d pairs, %d paths, %d periods", len(pairs), world.policy.paths, horizon)
    moved = moved_levels(memory, parts.state["forecast"])
    said = [*override_rows(demand), *_judged(parts, world, memory, demand), *expected.watch.told]
    said += [*expected.course, *moved]
    parts.add({"forecast": quantile_table(paths, order.levels)}, said)
    if order.wanted in (Wanted.REORDER, Wanted.PLAN):
        _add_orders(parts, screened, (order, memory), (pairs, paths, expected.usual), tools)
        _hold(parts, expected.watch.holds)


def _judged(parts: Parts, world: World, memory: Memory, demand: Demand) -> list[ExceptionRow]:
    """Keep planners' figures until sales are known, and return how those did that are."""
    before = (memory.state or {}).get(OVERRIDDEN)
    kept = remembered(before, world, demand.overridden)
    parts.state[OVERRIDDEN] = pa.Table.from_pandas(kept, SCHEMA, preserve_index=False)
    return judged_rows(judged(before, kept))


def _add_orders(
    parts: Parts,
    screened: Screened,
    remembered: tuple[Order, Memory],
    wanted: tuple[pd.DataFrame, DemandPaths, npt.NDArray[np.float64]],
    tools: Tools,
) -> None:
    """Add orders and transfers; for the whole day the routes that carry them too, until both agree."""
    (order, memory), world = remembered, screened.world
    segments = screened.tables["segments"]
    levels = chosen_levels(world, *wanted[:2], segments)
    parts.add({}, levels.exceptions)
    if len(levels.table):
        segments = pd.concat([segments, levels.members], ignore_index=True)
        parts.tables |= {"segments": segments, "segment_levels": levels.table}
        world = with_levels(world, segments, levels.table)
    parts.prove("service_levels", levels.proof)
    routed, before = order.wanted is Wanted.PLAN, Before.of(memory.tables or {})

    def orders_of(shipping: Shipping) -> OrdersOfTheDay:
        with tools.stage("reorder"):
            return plan_orders(world, *wanted, tools.run_all, replace(shipping, before=before))

    def routes_of(transfers: pd.DataFrame) -> RoutesOfTheDay:
        with tools.stage("route"):
            return plan_routes(world, transfers, screened.held_orders)

    agreed = orders_and_routes(orders_of, routes_of if routed else no_routes, world.policy.passes)
    parts.add(agreed.orders.tables, [*agreed.orders.exceptions, *agreed.exceptions])
    parts.prove("reorder", agreed.orders.proof)
    if routed:
        _add_routes(parts, agreed.routes)
    parts.tables["kpis"] = _kpis(world, parts.tables, agreed.orders)


def _hold(parts: Parts, holds: dict[tuple[str, str], str]) -> None:
    """Name on today's lines of alarmed pairs what holds their release."""
    for name, place in (("purchase_orders", "location_id"), ("transfers", "to_location")):
        parts.tables[name] = with_holds(parts.tables[name], place, holds)


def _add_routes(parts: Parts, routes: RoutesOfTheDay) -> None:
    parts.add(routes.tables, routes.exceptions)
    parts.prove("routes", routes.proof)


def _kpis(world: World, tables: Mapping[str, Any], orders: OrdersOfTheDay) -> pd.DataFrame:
    """Return the key figures; "order as before" has no routes, so figures that count them have no baseline."""
    figures = key_figures(world, tables["purchase_orders"], tables["costs"], tables["projection"]) | orders.risk
    unlike = {"route_cost", "finance_total"} if figures["route_cost"] else {"route_cost"}
    return kpi_table(world, figures, {name: value for name, value in orders.baseline.items() if name not in unlike})
