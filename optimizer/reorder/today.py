"""The reorder decision from tables to tables: today's orders and transfers, and the later ones as expected."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.aversion import Averse, least_risk
from optimizer.executor import RunAll
from optimizer.plan.ids import order_id, purchase_line_id, transfer_line_id
from optimizer.reorder.changes import change_prices, frozen_periods
from optimizer.reorder.columns import Settings
from optimizer.reorder.decide import ReorderPlan, decide, path_costs, project
from optimizer.reorder.inputs import BESIDE, FROZEN, LOCKED, Given, active_lines, fed_lines, problem_of
from optimizer.reorder.later import DcStock, LotRules, as_before, whole_packs, within_dc_stock
from optimizer.reorder.problem import NONE, ReorderProblem
from optimizer.reorder.rules import BUDGET
from scenarios.money import line_amount, to_minor
from scenarios.schema import declared
from scenarios.world import rows_of
from solvers.outcome import Outcome

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
_ORDERS = [
    "line_id", "order_id", "item_id", "location_id", "source_id", "quantity", "order_on", "due_on", "status",
    "unit_cost", "amount", "currency",
]  # fmt: skip
_TRANSFERS = ["line_id", "item_id", "from_location", "to_location", "quantity", "ship_on", "due_on", "status"]


@dataclass(frozen=True)
class Lines:
    """The tables `purchase_orders` and `transfers`, still without reasons; column n is the line of the terms."""

    orders: pd.DataFrame
    transfers: pd.DataFrame


@dataclass(frozen=True)
class Decision:
    """What was decided: lines, the same by the usual rule, and what the words and the proof rest on.

    steps: ordered by line and period, today first, shape (lines, periods)
    """

    lines: Lines
    as_before: Lines
    steps: IntArray
    problem: ReorderProblem
    averse: Averse[ReorderPlan]

    @property
    def outcome(self) -> Outcome[ReorderPlan]:
        """Plan, objective and bound."""
        return self.averse.outcome


def decide_today(given: Given, usual: FloatArray, run_all: RunAll) -> Decision:
    """Return today's orders and transfers for all lines, and the later ones as they are expected.

    usual: mean demand per period of the last four weeks by pair, units, shape (pairs,)
    """
    problem = problem_of(given)
    averse = _averse(given, problem, run_all)
    plan = averse.outcome.required()
    expected = project(problem, plan, run_all=run_all)
    lots = _lots(problem)
    steps = whole_packs(expected.ordered, given.terms.can_order, lots)
    steps[:, 0] = np.where(np.isnan(given.fixed), plan.quantity, np.round(np.nan_to_num(given.fixed) / _step(given)))
    lead = given.terms.lines["lead_periods"].to_numpy(np.int64)
    stock = _dc_stock(given, problem)
    standing = np.round(given.standing / _step(given)[:, None])
    stands = ~np.isnan(standing)
    steps = np.where(stands, np.nan_to_num(standing), steps).astype(np.int64)
    # What stands is not cut; what is free takes what is left.
    steps = np.where(stands, steps, within_dc_stock(steps, lead, lots, stock))
    before = within_dc_stock(_usual_orders(given, usual, lots), lead, lots, stock)
    before = _shared(before, stock, lots)
    return Decision(_lines(given, steps), _lines(given, before), steps, problem, averse)


def _averse(given: Given, problem: ReorderProblem, run_all: RunAll) -> Averse[ReorderPlan]:
    """Return the decision under the policy's aversion to the worst paths."""
    policy = given.world.policy
    settings = Settings(nodes=policy.node_limit)

    def cost(plan: ReorderPlan) -> FloatArray:
        return np.asarray(path_costs(problem, plan) + problem.joint.trucks_paid(plan.quantity).sum())

    def decided(tilt: FloatArray | None) -> Outcome[ReorderPlan]:
        return decide(problem if tilt is None else replace(problem, tilt=tilt), settings, run_all)

    return least_risk(given.paths.weights, policy.risk_aversion, decided, cost)


def _step(given: Given) -> FloatArray:
    return given.terms.lines["unit_step"].to_numpy(float)


def _lots(problem: ReorderProblem) -> LotRules:
    return LotRules(problem.pack.astype(np.int64), problem.minimum.astype(np.int64), problem.maximum.astype(np.int64))


def _dc_stock(given: Given, problem: ReorderProblem) -> DcStock:
    """Return the stock that transfers draw on: what the dcs have and get, locked transfers left in."""
    lines = given.terms.lines
    keys = list(zip(lines["item_id"], lines["source_id"], strict=True))
    moved = (lines["source_kind"] == "dc").to_numpy()
    numbers = {key: n for n, key in enumerate(dict.fromkeys(key for key, one in zip(keys, moved, strict=True) if one))}
    pool = np.array([numbers[key] if one else NONE for key, one in zip(keys, moved, strict=True)], np.int64)
    count = len(numbers)
    feeds, receipts = np.full(count, NONE), np.zeros((count, problem.periods))
    place = {(row.item_id, row.location_id): n for n, row in enumerate(rows_of(given.pairs))}
    arrivals, usable = given.position.arrivals, given.position.usable
    active = active_lines(given)
    own = {(row.item_id, row.location_id): int(active[n]) for n, row in enumerate(rows_of(lines))}
    for number, line in zip(pool, rows_of(lines), strict=True):
        key = (line.item_id, line.source_id)
        if number == NONE or key not in place:
            continue
        feeds[number] = own.get(key, NONE)
        receipts[number] = arrivals[place[key]] / line.unit_step
        receipts[number, 0] += usable[place[key]] / line.unit_step
    return DcStock(pool, feeds, receipts)


def _usual_orders(given: Given, usual: FloatArray, lots: LotRules) -> IntArray:
    """Return what "order as before" would order; a dc covers what its stores usually sell."""
    lines, step = given.terms.lines, _step(given)
    rate = usual[given.rows] / step
    if given.active is not None:
        rate = np.where(given.active, rate, 0.0)
    for line, stores in fed_lines(given).items():
        rate[line] += rate[stores].sum()
    position = (given.position.usable + given.position.arrivals.sum(axis=1))[given.rows] / step
    cover = (lines["lead_periods"] + lines["review_periods"]).to_numpy(np.int64)
    return as_before(rate, position, cover, given.terms.can_order, lots)


def _shared(orders: IntArray, stock: DcStock, lots: LotRules) -> IntArray:
    """Return orders whose transfers of today fit the dc's stock: the first lines get theirs, as the usual rule does."""
    result = orders.copy()
    left = np.floor(stock.receipts[:, 0] + 1e-9)
    for n in np.flatnonzero(stock.pool != NONE):
        pool, pack = stock.pool[n], lots.pack[n]
        result[n, 0] = min(result[n, 0], int(left[pool] // pack * pack))
        left[pool] -= result[n, 0]
    return result


def _lines(given: Given, steps: IntArray) -> Lines:
    """Return the orders and transfers that `steps` (lines, periods) mean."""
    world, terms = given.world, given.terms.lines
    n, t = np.nonzero(steps)
    chosen = terms.iloc[n].reset_index(drop=True)
    lead = np.where(t == 0, chosen["lead_periods"], chosen["usual_lead_periods"]).astype(int)
    table = chosen.assign(
        n=n,
        quantity=np.round(steps[n, t] * chosen["unit_step"].to_numpy(float), 6),
        order_on=[world.periods.add(world.plan_date, int(period)) for period in t],
        due_on=[world.periods.add(world.plan_date, int(period)) for period in t + lead],
        status=np.where(t == 0, "proposed", "planned"),
    )
    table["unit_cost"] = given.tiers.unit_cost_of(n, table["quantity"].to_numpy(float))
    bought = (table["source_kind"] == "supplier").to_numpy()
    return Lines(_orders(world.policy.currency, table[bought]), _transfers(table[~bought]))


def _orders(currency: str, table: pd.DataFrame) -> pd.DataFrame:
    orders = table.assign(currency=currency).reset_index(drop=True)
    keys = orders[["item_id", "location_id", "source_id", "order_on"]].itertuples(index=False, name=None)
    orders["line_id"] = [purchase_line_id(*key) for key in keys]
    groups = orders[["source_id", "location_id", "order_on"]].itertuples(index=False, name=None)
    orders["order_id"] = [order_id(*key) for key in groups]
    figures = zip(orders["quantity"], orders["unit_cost"], strict=True)
    orders["amount"] = np.array([line_amount(q, c, currency) for q, c in figures], np.int64)
    return orders[[*_ORDERS, "n"]]


def _transfers(table: pd.DataFrame) -> pd.DataFrame:
    moves = table.rename(columns={"source_id": "from_location", "location_id": "to_location", "order_on": "ship_on"})
    moves = moves.reset_index(drop=True)
    keys = moves[["item_id", "from_location", "to_location", "ship_on"]].itertuples(index=False, name=None)
    moves["line_id"] = [transfer_line_id(*key) for key in keys]
    return moves[[*_TRANSFERS, "n"]]


def order_changes(given: Given, decision: Decision) -> pd.DataFrame:
    """Return the table `order_changes`: what the plan before said of today's and the frozen lines, and what stands."""
    world, lines, currency = given.world, given.terms.lines, given.world.policy.currency
    frozen = max(frozen_periods(world, given.meant.shape[1]), 1)
    now = np.round(decision.steps[:, :frozen] * _step(given)[:, None], 6)
    before = given.meant[:, :frozen]
    n, t = np.nonzero((before > 0) | (~np.isnan(before) & (now > 0)))
    table = lines.iloc[n][["item_id", "location_id", "source_id", "source_kind", "unit_cost"]].reset_index(drop=True)
    table = table.assign(before=np.round(before[n, t], 6), quantity=now[n, t], currency=currency)
    table["order_on"] = [world.periods.add(world.plan_date, int(period)) for period in t]
    why = np.where(np.isnan(given.fixed), "", LOCKED).astype(object) if given.why is None else given.why
    table["frozen"] = np.where(t == 0, why[n] == FROZEN, True).astype(bool)
    free = (t == 0) & np.isin(why[n].astype(str), ("", BESIDE))
    line, unit = change_prices(world, table["unit_cost"].to_numpy(float))
    moved = (table["quantity"] - table["before"]).abs().to_numpy(float)
    paid = np.where(free & (moved > 0), line + unit * moved, 0.0)
    table["amount"] = np.array([to_minor(money, currency) for money in paid], np.int64)
    table["line_id"] = [
        transfer_line_id(row.item_id, row.source_id, row.location_id, row.order_on)
        if row.source_kind != "supplier"
        else purchase_line_id(row.item_id, row.location_id, row.source_id, row.order_on)
        for row in rows_of(table)
    ]
    return table[list(declared()["order_changes"].names)]


def proof(given: Given, decision: Decision) -> dict[str, Any]:
    """Return the certificate of the decision: objective, bound and gap in major units, and what the bound covers."""
    outcome, plan = decision.outcome, decision.outcome.required()
    minor = given.minor
    objective, bound = (round((one + given.aside_cost) / minor, 6) for one in (outcome.objective, outcome.bound))
    relaxed = int((~plan.enumerated).sum())
    return {
        "objective": objective,
        "bound": min(bound, objective),
        "gap": max(objective - bound, 0.0) / max(abs(objective), 1e-9),
        "status": outcome.status,
        "limit": outcome.limit,
        "unit": given.world.policy.currency,
        "covers": (
            "expected holding, shortage, waste and order cost and the premium over the cheapest price over the horizon"
            " with today's quantities chosen and later orders following a policy that reacts on each demand path; the"
            " bound holds over every quantity of every line and all joint rules of this planning model"
            + _choices(given)
        ),
        "lines": decision.problem.lines,
        "paths": decision.problem.paths,
        "periods": decision.problem.periods,
        "bounded_by_enumeration": decision.problem.lines - relaxed,
        "bounded_by_relaxation": relaxed,
        "prices": _prices(given, decision),
        **decision.averse.proof(given.world.policy.risk_aversion, given.minor),
    }


def _choices(given: Given) -> str:
    """Return what else the objective covers: sources that were chosen, changes that are priced."""
    policy = given.world.policy
    changes = "; changes against the plan before at their price" if policy.change_cost or policy.change_rate else ""
    if given.active is None:
        return changes
    pairs = int(given.terms.lines.duplicated(["item_id", "location_id"], keep=False).sum())
    return f"{changes}; with the sources as chosen among {given.options} ways, {pairs} lines being alternatives"


def _prices(given: Given, decision: Decision) -> Mapping[str, Any]:
    """Return what relaxing each joint rule by a unit would save: the shadow prices."""
    plan = decision.outcome.required()
    groups: dict[str, float] = {}
    for number, line in zip(*np.unique(decision.problem.joint.supplier, return_index=True), strict=True):
        if number != NONE and plan.minimum_price[number] > 0:
            groups[str(given.terms.lines["source_id"].iloc[line])] = round(float(plan.minimum_price[number]), 6)
    scarce: dict[str, float] = {}
    for row, price in zip(given.tied[1], plan.row_price, strict=True):
        if price > 0:
            # Minor units per minor unit of a budget, else per step, litre or kilogram.
            scarce[row.name] = round(float(price) / (1 if row.kind == BUDGET else given.minor), 6)
    return {"budget": round(float(plan.budget_price), 6), "supplier_minimum": groups, "capacity": scarce}
