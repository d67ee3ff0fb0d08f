"""The rooms in order: checked tables, forecast, orders, figures, proof, files. One page."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from forecasting.elasticity import price_response
from forecasting.paths import DemandPaths, quantile_table
from forecasting.price_tables import reference_prices
from optimizer.demand import demand_of, override_rows
from optimizer.executor import RunAll, run_all_on
from optimizer.filters.stage import screen_world
from optimizer.markdown.stage import PricesOfTheDay, clearance_horizon, plan_prices
from optimizer.memory import (
    Memory,
    company_of,
    forecast_alarms,
    forecast_state,
    moved_levels,
    recall,
    watched_forecast,
)
from optimizer.plan.figures import key_figures, kpi_table
from optimizer.plan.publish import plan_folder
from optimizer.plan.record import Record, default_folder, summary_of, write_record
from optimizer.plan.verify import FalsePlanError, verify_plan
from optimizer.reorder.horizon import planning_horizon
from optimizer.reorder.stage import plan_orders
from optimizer.reports.write import write_reports
from optimizer.routing.stage import plan_routes
from scenarios.assortment import listed_pairs
from scenarios.faults import UnusableInputError
from scenarios.world import World

log = logging.getLogger("dayplan")
Progress = Callable[[str, int, int], None]


class Wanted(StrEnum):
    """How much of the day is wanted."""

    FORECAST = "forecast"
    REORDER = "reorder"
    PLAN = "plan"


@dataclass(frozen=True)
class Order:
    """What to compute and how.

    workers: processes; they change no byte
    levels: probabilities of the forecast table
    previous: the plan before this one, "none", or None for the latest of the same company
    """

    wanted: Wanted
    workers: int = 1
    levels: tuple[float, ...] = (0.1, 0.5, 0.9)
    previous: str | None = None


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
        self.seconds[name] = round(time.perf_counter() - begin, 2)
        self.progress(name, 1, 1)
        log.info("%s: %.1f s", name, self.seconds[name])

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


def compute(world: World, order: Order, memory: Memory, run_all: RunAll, stage: Callable[[str], Any]) -> Record:
    """Return the tables, the certificate and the settings of what is wanted; no file is touched."""
    whole = order.wanted is Wanted.PLAN
    with stage("screen"):
        believed = screen_world(world, memory.table("segments")) if whole else None
    world = believed.world if believed else world
    pairs = listed_pairs(world)
    if pairs.empty:
        raise UnusableInputError("no item is listed anywhere: sales, stock and sources are empty", world.quarantine)
    horizon = world.policy.horizon or planning_horizon(world, pairs)
    # A clearance looks as far as its exit; orders need less.
    exit_horizon = clearance_horizon(world, pairs) if whole else 0
    with stage("forecast"):
        demand = demand_of(world, pairs, max(horizon, exit_horizon), run_all)
    prices, paths = None, demand.paths
    if exit_horizon:
        with stage("price"):
            prices, paths = _priced(world, pairs, paths)
    paths = paths.first(horizon)
    table = quantile_table(paths, order.levels)
    log.info("forecast: %d pairs, %d paths, %d periods", len(pairs), world.policy.paths, horizon)
    state = forecast_state(demand.summary)
    monitor = watched_forecast(memory, demand.panel)
    moved = [*override_rows(demand), *forecast_alarms(world, monitor), *moved_levels(memory, state)]
    common: dict[str, Any] = {
        "horizon": horizon,
        "state": {"forecast": state, "monitor": pa.Table.from_pandas(monitor, preserve_index=False)},
        "company": company_of(world),
        "previous": memory.digest,
    }
    if order.wanted is Wanted.FORECAST:
        return Record(order.wanted, {"forecast": table}, {}, moved, **common)
    with stage("reorder"):
        result = plan_orders(world, pairs, paths, demand.usual, run_all)
    tables: dict[str, pa.Table | pd.DataFrame] = {"forecast": table, **result.tables}
    proofs, exceptions, costs = {"reorder": result.proof}, [*moved, *result.exceptions], [result.tables["costs"]]
    if prices:
        explained = [prices.explanations, result.tables["explanations"]]
        tables |= prices.tables | {
            "explanations": pd.concat([part for part in explained if len(part)], ignore_index=True)
        }
        proofs |= {"markdown": prices.proof} if prices.proof else {}
        costs, exceptions = [*costs, prices.costs], [*prices.exceptions, *exceptions]
    if believed:
        with stage("route"):
            routes = plan_routes(world, result.tables["transfers"], believed.held_orders)
        tables |= {name: routes.tables[name] for name in ("routes", "unserved")} | believed.tables
        proofs |= {"routes": routes.proof} if routes.proof else {}
        costs, exceptions = [*costs, routes.tables["costs"]], [*believed.exceptions, *exceptions, *routes.exceptions]
    tables["costs"] = pd.concat([part for part in costs if len(part)] or costs[:1], ignore_index=True)
    tables["kpis"] = _kpis(world, tables, result.baseline)
    return Record(order.wanted, tables, proofs, exceptions, **common)


def _priced(world: World, pairs: pd.DataFrame, paths: DemandPaths) -> tuple[PricesOfTheDay, DemandPaths]:
    """Return today's price changes, and the same demand paths at the prices decided: those on which orders rest."""
    response = price_response(world, pa.table({name: pairs[name] for name in ("item_id", "location_id")}))
    reference = reference_prices(world, paths.item_id, paths.location_id, paths.dates)
    at_reference = replace(paths, reference_price=reference, response=response)
    decided = plan_prices(world, pairs, at_reference, response)
    return decided, at_reference.at(decided.prices)


def _kpis(world: World, tables: Mapping[str, Any], baseline: dict[str, float]) -> pd.DataFrame:
    """Return the key figures; "order as before" has no routes, so figures that count them have no baseline."""
    figures = key_figures(world, tables["purchase_orders"], tables["costs"], tables["projection"])
    unlike = {"route_cost", "finance_total"} if figures["route_cost"] else {"route_cost"}
    return kpi_table(world, figures, {name: value for name, value in baseline.items() if name not in unlike})
