"""The reorder stage of a day: from demand paths to every table the orders rest on and lead to."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.paths import DemandPaths
from optimizer.executor import RunAll
from optimizer.plan.closing import closing_times
from optimizer.plan.costs import change_costs, purchase_costs, stock_costs, transfer_costs
from optimizer.plan.exceptions import ExceptionRow, expired_stock, late_orders, shortages
from optimizer.plan.figures import key_figures
from optimizer.plan.projection import DemandUnits, Rates, periods_of, project, projection_table, shipped_units
from optimizer.plan.risk import Risk, risk_of
from optimizer.plan.settled import locked_today, settled_lines
from optimizer.plan.truck_costs import truck_costs
from optimizer.reorder.buy_list import buy_list, more_money
from optimizer.reorder.changes import Before, frozen_periods
from optimizer.reorder.choice import chosen_sources
from optimizer.reorder.columns import Settings
from optimizer.reorder.conflicts import conflicts
from optimizer.reorder.inputs import CARRIED, FROZEN, LOCKED, Given
from optimizer.reorder.lateral import with_lateral
from optimizer.reorder.position import position
from optimizer.reorder.terms import terms
from optimizer.reorder.today import Decision, Lines, decide_today, order_changes, proof
from optimizer.reorder.words import joint_text, reasons
from scenarios.locks import Lock
from scenarios.simulate import Stock
from scenarios.tariff import tariff
from scenarios.world import World, plain_frame, rows_of

FloatArray = npt.NDArray[np.float64]
_KEYS = ["item_id", "location_id"]


@dataclass(frozen=True)
class Shipping:
    """What is settled before orders are decided; transfers by (item_id, from_location, to_location).

    held_back: transfers that do not leave today
    carried: units of each transfer, all others nothing; None where the rest is free
    before: the plan before this one, None without one
    """

    held_back: frozenset[tuple[str, str, str]] = frozenset()
    carried: Mapping[tuple[str, str, str], float] | None = None
    before: Before | None = None

    def units(self, item_id: str, from_location: str, to_location: str) -> float:
        """Return the units that a transfer brings today, NaN where that is free."""
        if (item_id, from_location, to_location) in self.held_back:
            return 0.0
        return np.nan if self.carried is None else self.carried.get((item_id, from_location, to_location), 0.0)


@dataclass(frozen=True)
class OrdersOfTheDay:
    """Tables by name, key figures of "order as before", the certificate, and what a person should look at.

    locked: line_ids of today's transfers that a planner has locked
    risk: key figures of how bad it can get
    """

    tables: dict[str, pd.DataFrame]
    baseline: dict[str, float]
    proof: dict[str, Any]
    exceptions: list[ExceptionRow]
    locked: frozenset[str] = field(default_factory=frozenset)
    risk: dict[str, float] = field(default_factory=dict)


def plan_orders(
    world: World,
    pairs: pd.DataFrame,
    paths: DemandPaths,
    usual: FloatArray,
    run_all: RunAll,
    shipping: Shipping | None = None,
) -> OrdersOfTheDay:
    """Return orders and transfers of the day with projection, costs, reasons and exceptions.

    paths: demand of `pairs`, in their order; usual: mean sales per period of the last four weeks, units
    shipping: what is settled of today's transfers; locks win over it
    """
    given = _given(world, pairs, paths, shipping or Shipping())
    given = chosen_sources(given, Settings(nodes=world.policy.node_limit), run_all)
    decision = decide_today(given, usual, run_all)
    words = reasons(given, decision)
    ahead, otherwise = _outlook(given, decision.lines), _outlook(given, decision.as_before)
    changes = order_changes(given, decision)
    costs = pd.concat([part for part in (ahead.costs, change_costs(world, changes)) if len(part)], ignore_index=True)
    baseline = key_figures(world, decision.as_before.orders, otherwise.costs, otherwise.projection)
    baseline |= otherwise.risk.figures
    short = words.set_index("line_id")["reason"]
    with_reason = [t.assign(reason=t["line_id"].map(short)) for t in (decision.lines.orders, decision.lines.transfers)]
    tables = {
        "purchase_orders": with_reason[0],
        "transfers": with_reason[1],
        "projection": ahead.projection,
        "costs": costs,
        "risk": ahead.risk.table,
        "path_costs": ahead.risk.paths,
        "explanations": words[["line_id", "text", "numbers", "money"]],
        "buy_list": buy_list(given, decision),
        "order_changes": changes,
    }
    exceptions = [*_exceptions(given, decision, ahead.projection, costs), *more_money(given, tables["buy_list"])]
    moves = tables["transfers"]
    locked = settled_lines(world, moves.iloc[:0], moves, tables["order_changes"])
    return OrdersOfTheDay(tables, baseline, proof(given, decision), exceptions, locked, ahead.risk.figures)


def _given(world: World, pairs: pd.DataFrame, paths: DemandPaths, shipping: Shipping) -> Given:
    if not (pairs["item_id"].to_numpy() == paths.item_id).all():
        raise ValueError("the demand paths are not in the order of the pairs")
    periods = paths.steps.shape[2]
    found = terms(world, pairs, periods)
    index = pd.MultiIndex.from_frame(pairs[_KEYS])
    rows = index.get_indexer(pd.MultiIndex.from_frame(found.lines[_KEYS]))
    given = Given(
        world,
        pairs,
        paths,
        found,
        tariff(world, pairs, np.round(paths.mean(), 6).mean(axis=1)),
        position(world, pairs, periods),
        rows,
        np.full(len(found.lines), np.nan),
        before=shipping.before,
    )
    return _settled(with_lateral(given), shipping)


def _settled(given: Given, shipping: Shipping) -> Given:
    """Return what is given with the lines of today that locks, the plan before, or else the shipping settle."""
    locked, before = locked_today(given.world), given.meant[:, 0]
    frozen = frozen_periods(given.world, given.meant.shape[1]) > 0
    fixed, why = given.fixed.copy(), np.full(len(given.fixed), "", object)
    heard = set[Lock]()
    for n, row in enumerate(rows_of(given.terms.lines)):
        moved = row.source_kind != "supplier"
        line = Lock("transfers" if moved else "purchase_orders", row.item_id, row.location_id, row.source_id)
        # A lock that names no source holds for the first of the pair; the others deliver nothing then.
        pair = line._replace(source_id="")
        held = locked.get(line, np.nan if pair in heard and pair in locked else locked.get(pair, np.nan))
        heard.add(pair)
        carried = shipping.units(row.item_id, row.source_id, row.location_id) if moved else np.nan
        for units, reason in ((carried, CARRIED), (before[n] if frozen else np.nan, FROZEN), (held, LOCKED)):
            if not np.isnan(units):
                fixed[n], why[n] = units, reason
    return replace(given, fixed=fixed, why=why)


@dataclass(frozen=True)
class _Outlook:
    """What is to come when lines happen."""

    projection: pd.DataFrame
    costs: pd.DataFrame
    risk: Risk


def _outlook(given: Given, lines: Lines) -> _Outlook:
    """Return what is to come when `lines` happen."""
    world, dates = given.world, given.paths.dates
    owed = given.position.owed if world.policy.unmet == "backorders" else None
    demand = DemandUnits(given.paths.steps, given.paths.unit_step, given.paths.weights)
    receipts = given.position.receipts.copy()
    _receive(given, lines, receipts)
    stock, shipped = Stock(given.position.on_hand, receipts, owed), shipped_units(given.pairs, lines.transfers, dates)
    rates = Rates(given.tariff.holding, given.tariff.shortage, given.tariff.waste)
    course = project(stock, demand, shipped, rates)
    projection = plain_frame(projection_table(given.pairs, dates, world.periods, course))
    asked = given.terms.lines[[*_KEYS, "source_id", "order_cost"]]
    costs = [
        purchase_costs(world, lines.orders, asked),
        truck_costs(world, lines.orders),
        transfer_costs(world, lines.transfers),
        stock_costs(world, given.pairs, projection, given.tariff),
    ]
    risk = risk_of(world, given.pairs, course.path_cost, demand.weights)
    return _Outlook(projection, pd.concat(costs, ignore_index=True), risk)


def _receive(given: Given, lines: Lines, receipts: FloatArray) -> None:
    """Add what orders and transfers bring to the receipts by life, shape (N, T, A)."""
    life = np.minimum(given.terms.lines["life_periods"].to_numpy(np.int64), receipts.shape[2]) - 1
    for table in (lines.orders, lines.transfers):
        n = table["n"].to_numpy(np.int64)
        due, inside = periods_of(table["due_on"], given.paths.dates)
        at = given.rows[n[inside]], due[inside], life[n[inside]]
        np.add.at(receipts, at, table["quantity"].to_numpy(float)[inside])


def _exceptions(given: Given, decision: Decision, projection: pd.DataFrame, costs: pd.DataFrame) -> list[ExceptionRow]:
    world = given.world
    rates = pd.Series(given.tariff.unit_cost, index=given.pairs["item_id"])
    rows = [ExceptionRow(f"terms {n + 1}", "assumed", text, {}) for n, text in enumerate(given.terms.assumed)]
    rows += [
        ExceptionRow(
            f"no source {r.item_id} {r.location_id}",
            "no_source",
            f"nobody delivers {r.item_id} to {r.location_id}: not ordered",
            {},
        )
        for r in rows_of(given.terms.without_source)
    ]
    assumed = int(given.tariff.assumed_cost.sum())
    if assumed:
        rows.append(
            ExceptionRow("unit cost", "assumed", f"{assumed:,} pairs have no unit cost: 1 is taken", {"pairs": assumed})
        )
    rows += closing_times(world, decision.lines.orders)
    rows += conflicts(given, decision.lines.orders)
    joint = joint_text(given, decision)
    if joint:
        rows.append(ExceptionRow("joint rules", "joint", joint, {}))
    rows += late_orders(world, rates[~rates.index.duplicated()])
    rows += expired_stock(world, given.pairs, given.position.expired, given.tariff)
    return rows + shortages(world, costs, projection)
