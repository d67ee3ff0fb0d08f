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

from forecasting.paths import DemandPaths, quantile_table
from optimizer.demand import demand_of, override_rows
from optimizer.executor import RunAll, run_all_on
from optimizer.filters.stage import Filter, Screened, screen_world
from optimizer.markdown.stage import clearance_horizon
from optimizer.memory import (
    LEARNED,
    Memory,
    company_of,
    digest_of,
    forecast_state,
    moved_levels,
    recall,
    transfers_of,
)
from optimizer.passes import orders_and_routes
from optimizer.plan.figures import key_figures, kpi_table
from optimizer.plan.parts import Parts
from optimizer.plan.publish import plan_folder
from optimizer.plan.record import Record, default_folder, summary_of, write_record
from optimizer.plan.verify import FalsePlanError, verify_plan
from optimizer.prices import decide_prices, prices_wanted
from optimizer.reorder.changes import Before
from optimizer.reorder.horizon import planning_horizon
from optimizer.reorder.stage import OrdersOfTheDay, Shipping, plan_orders
from optimizer.reports.write import write_reports
from optimizer.routing.stage import RoutesOfTheDay, no_routes, plan_routes
from optimizer.watch import with_holds
from scenarios.assortment import listed_pairs
from scenarios.faults import UnusableInputError
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
    scenario_changes: what scenarios changed of the inputs, in words
    snoozed: subjects of exceptions that somebody set aside
    """

    wanted: Wanted
    workers: int = 1
    levels: tuple[float, ...] = (0.1, 0.5, 0.9)
    previous: str | None = None
    without: frozenset[Filter] = frozenset()
    transfers: Path | None = None
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


def carry_out(world: World, order: Order, folder: Path | None, plans: Path, progress: Progress) -> Written:
    """Compute what is wanted, check it, and publish it as a plan folder.

    folder: the plan folder; None: `plans`/<date>-<hash of inputs and settings>

    Raises UnusableInputError where nothing can be planned, FalsePlanError where the plan breaks its own checks.
    """
    stages = _Stages(progress)
    with run_all_on(order.workers, stages.report) as run_all:
        record = compute(world, order, recall(world, order.previous, plans), run_all, stages.stage)
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


def compute(world: World, order: Order, memory: Memory, run_all: RunAll, stage: Stage) -> Record:
    """Return the tables, the certificate and the settings of what is wanted; no file is touched."""
    parts = Parts()
    with stage("screen"):
        screened = screen_world(world, memory.table("segments"), order.without, memory.state)
    parts.add(screened.tables, screened.exceptions)
    parts.state |= screened.state
    parts.prove("holds", screened.proof)
    if order.wanted is Wanted.ROUTE:
        moves = transfers_of(order.transfers, world)
        parts.add({"transfers": moves})
        with stage("route"):
            _add_routes(parts, plan_routes(screened.world, moves, screened.held_orders))
    else:
        _add_decisions(parts, screened, order, memory, _Tools(run_all, stage))
    return parts.record(
        order.wanted,
        company=company_of(world),
        previous=memory.digest,
        choices={
            "without": sorted(order.without),
            "levels": list(order.levels),
            "transfers": digest_of(order.transfers) if order.transfers else "",
            "scenario_changes": list(order.scenario_changes),
            "snoozed": sorted(order.snoozed),
        },
    )


@dataclass(frozen=True)
class _Tools:
    run_all: RunAll
    stage: Stage


def _add_decisions(parts: Parts, screened: Screened, order: Order, memory: Memory, tools: _Tools) -> None:
    """Add the forecast, and the decisions that rest on it."""
    world, priced = screened.world, order.wanted in (Wanted.MARKDOWN, Wanted.PLAN)
    pairs = listed_pairs(world)
    if pairs.empty:
        raise UnusableInputError("no item is listed anywhere: sales, stock and sources are empty", world.quarantine)
    horizon = world.policy.horizon or planning_horizon(world, pairs)
    # A clearance looks as far as its exit; orders need less.
    exit_horizon = clearance_horizon(world, pairs) if priced else 0
    with tools.stage("forecast"):
        demand = demand_of(world, pairs, max(horizon, exit_horizon), memory, tools.run_all)
    paths = demand.paths
    if exit_horizon or order.wanted is Wanted.MARKDOWN or (priced and prices_wanted(world, pairs)):
        with tools.stage("price"):
            prices = decide_prices(world, pairs, paths, horizon, tools.run_all)
        parts.add_all(prices.parts, prices.proofs, prices.exceptions)
        pairs, paths = prices.pairs, prices.paths
    parts.horizon = horizon
    parts.state["forecast"] = forecast_state(demand.summary)
    parts.state["monitor"] = pa.Table.from_pandas(demand.watch.state, preserve_index=False)
    parts.state[LEARNED] = demand.learned
    parts.state["promotions"] = demand.promotions
    paths = paths.first(horizon)
    log.info("forecast: %d pairs, %d paths, %d periods", len(pairs), world.policy.paths, horizon)
    moved = moved_levels(memory, parts.state["forecast"])
    said = [*override_rows(demand), *demand.watch.told, *demand.course, *moved]
    parts.add({"forecast": quantile_table(paths, order.levels)}, said)
    if order.wanted in (Wanted.REORDER, Wanted.PLAN):
        _add_orders(parts, screened, (order, memory), (pairs, paths, demand.usual), tools)
        _hold(parts, demand.watch.holds)


def _add_orders(
    parts: Parts,
    screened: Screened,
    remembered: tuple[Order, Memory],
    wanted: tuple[pd.DataFrame, DemandPaths, npt.NDArray[np.float64]],
    tools: _Tools,
) -> None:
    """Add orders and transfers; for the whole day the routes that carry them too, until both agree."""
    (order, memory), world = remembered, screened.world
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
    parts.tables["kpis"] = _kpis(world, parts.tables, agreed.orders.baseline)


def _hold(parts: Parts, holds: dict[tuple[str, str], str]) -> None:
    """Name on today's lines of alarmed pairs what holds their release."""
    for name, place in (("purchase_orders", "location_id"), ("transfers", "to_location")):
        parts.tables[name] = with_holds(parts.tables[name], place, holds)


def _add_routes(parts: Parts, routes: RoutesOfTheDay) -> None:
    parts.add(routes.tables, routes.exceptions)
    parts.prove("routes", routes.proof)


def _kpis(world: World, tables: Mapping[str, Any], baseline: dict[str, float]) -> pd.DataFrame:
    """Return the key figures; "order as before" has no routes, so figures that count them have no baseline."""
    figures = key_figures(world, tables["purchase_orders"], tables["costs"], tables["projection"])
    unlike = {"route_cost", "finance_total"} if figures["route_cost"] else {"route_cost"}
    return kpi_table(world, figures, {name: value for name, value in baseline.items() if name not in unlike})
