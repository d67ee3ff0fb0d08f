"""From tables to the arrays of a reorder problem: steps and minor units, joint rules, a dc seen with its stores."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.paths import DemandPaths
from optimizer.reorder.position import Position, shelf_periods
from optimizer.reorder.problem import NO_EXPIRY, NO_MAXIMUM, NONE, JointRules, ReorderProblem
from optimizer.reorder.supply import Supply
from optimizer.reorder.supplying import supply_of
from optimizer.reorder.terms import Terms
from scenarios.money import minor_digits
from scenarios.sourcing import PriceTiers, price_tiers
from scenarios.tariff import Tariff
from scenarios.world import World

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Given:
    """All that the reorder decision rests on, per listed pair (N rows, in the order of the pairs).

    rows: the pair of each line of `terms`, shape (lines,)
    fixed: units today's locked lines order, shape (lines,), NaN where none is locked
    """

    world: World
    pairs: pd.DataFrame
    paths: DemandPaths
    terms: Terms
    tariff: Tariff
    position: Position
    rows: IntArray
    fixed: FloatArray

    @cached_property
    def tiers(self) -> PriceTiers:
        """Prices of the lines of `terms` by quantity."""
        return price_tiers(self.world, self.terms.lines)

    @property
    def minor(self) -> int:
        """Minor units per unit of the policy's currency."""
        return int(10 ** minor_digits(self.world.policy.currency))


def problem_of(given: Given) -> ReorderProblem:
    """Return the problem whose lines are those of `given.terms`, in their order."""
    lines, rows, tariff = given.terms.lines, given.rows, given.tariff
    step = lines["unit_step"].to_numpy(float)
    per_step = step * given.minor
    usable, arrivals = given.position.usable[rows], given.position.arrivals[rows].copy()
    backorders = given.world.policy.unmet == "backorders"
    start = usable - (given.position.owed[rows] if backorders else 0.0)
    problem = ReorderProblem(
        demand=given.paths.steps[rows],
        weight=given.paths.weights,
        on_hand=start / step,
        arrivals=arrivals / step[:, None],
        lead_periods=lines["lead_periods"].to_numpy(np.int64),
        can_order=given.terms.can_order,
        pack=lines["pack"].to_numpy(np.int64),
        minimum=lines["minimum"].to_numpy(np.int64),
        maximum=np.where(lines["maximum"] < 0, NO_MAXIMUM, lines["maximum"]).astype(np.int64),
        holding_cost=tariff.holding[rows] * per_step,
        shortage_cost=tariff.shortage[rows] * per_step,
        order_cost=lines["order_cost"].to_numpy(float) * given.minor,
        unit_cost=lines["unit_cost"].to_numpy(float) * per_step,
        salvage_value=np.minimum(tariff.salvage[rows], lines["unit_cost"].to_numpy(float)) * per_step,
        life_periods=np.minimum(shelf_periods(given.world, lines["item_id"]), NO_EXPIRY),
        unmet="backorders" if backorders else "lost_sales",
        joint=_joint_rules(given),
        supply=_supply(given),
    )
    return _with_fixed(given, _with_stores(given, problem))


def _supply(given: Given) -> Supply:
    """Return the supply of the lines, price breaks in minor units a step."""
    shape = (given.paths.steps.shape[1], given.paths.steps.shape[2])
    found = supply_of(given.world, given.terms.lines, given.tiers, (given.position, given.rows), shape)
    return replace(found, break_extra=found.break_extra * given.minor)


def _with_stores(given: Given, problem: ReorderProblem) -> ReorderProblem:
    """Return the problem with each dc line seen as an echelon: its own stock and demand, and those of its stores.

    Source: Clark and Scarf (1960), Management Science 6(4). The lead time grows by the longest of its stores, a
    shortage costs what it costs in the stores, weighted by their demand, or at the dc, whichever is more.
    """
    fed = fed_lines(given)
    if not fed:
        return problem
    demand, on_hand, arrivals = problem.demand.astype(np.int32), problem.on_hand.copy(), problem.arrivals.copy()
    lead, shortage = problem.lead_periods.copy(), problem.shortage_cost.copy()
    for line, stores in fed.items():
        mean = np.maximum(problem.demand[stores].mean(axis=(1, 2)), 1e-9)
        demand[line] += problem.demand[stores].sum(axis=0, dtype=np.int32)
        on_hand[line] += problem.on_hand[stores].sum()
        arrivals[line] += problem.arrivals[stores].sum(axis=0)
        lead[line] += problem.lead_periods[stores].max()
        # The dc waits longer between orders than its stores: the larger of the two prices of a shortage holds.
        shortage[line] = max(shortage[line], float(np.average(problem.shortage_cost[stores], weights=mean)))
    return replace(
        problem, demand=demand, on_hand=on_hand, arrivals=arrivals, lead_periods=lead, shortage_cost=shortage
    )


def fed_lines(given: Given) -> Mapping[int, IntArray]:
    """Return for each line at a dc the lines it feeds; only dcs that are themselves ordered for."""
    lines = given.terms.lines
    transfers = lines[lines["source_kind"] == "dc"]
    own = {(row.item_id, row.location_id): n for n, row in enumerate(lines.itertuples())}
    fed: dict[int, list[int]] = {}
    for n, row in zip(transfers.index, transfers.itertuples(), strict=True):
        line = own.get((row.item_id, row.source_id))
        if line is not None:
            fed.setdefault(line, []).append(int(n))
    return {line: np.array(stores) for line, stores in fed.items()}


def _with_fixed(given: Given, problem: ReorderProblem) -> ReorderProblem:
    """Return the problem with locked lines taken as ordered: they arrive, cost budget, fill supplier minima."""
    fixed = ~np.isnan(given.fixed)
    if not fixed.any():
        return problem
    steps = np.nan_to_num(given.fixed) / given.terms.lines["unit_step"].to_numpy(float)
    arrivals, can_order, joint = problem.arrivals.copy(), problem.can_order.copy(), problem.joint
    minimum, available = joint.supplier_minimum.copy(), joint.pool_available.copy()
    for n in np.flatnonzero(fixed & (steps > 0)):
        if problem.lead_periods[n] < problem.periods:
            arrivals[n, problem.lead_periods[n]] += steps[n]
        if joint.supplier[n] != NONE:
            minimum[joint.supplier[n]] -= steps[n] * joint.minimum_weight[n]
        if joint.pool[n] != NONE:
            available[joint.pool[n]] -= steps[n]
    can_order[fixed, 0] = False
    budget = joint.budget
    if budget is not None:
        budget = max(budget - int(np.ceil((steps * joint.spend)[fixed].sum())), 0)
    joint = replace(
        joint, supplier_minimum=np.maximum(minimum, 0), pool_available=np.maximum(available, 0), budget=budget
    )
    return replace(problem, arrivals=arrivals, can_order=can_order, joint=joint)


def _joint_rules(given: Given) -> JointRules:
    lines = given.terms.lines
    bought = (lines["source_kind"] == "supplier").to_numpy()
    supplier, minimum, weight = _supplier_groups(given)
    pool, available = _pools(given)
    step = lines["unit_step"].to_numpy(float)
    spend = np.where(bought, lines["unit_cost"].to_numpy(float) * step * given.minor, 0.0)
    return JointRules(supplier, minimum, weight, purchase_budget(given.world), spend, pool, available)


def _supplier_groups(given: Given) -> tuple[IntArray, FloatArray, FloatArray]:
    """Return the group of each line, each group's minimum, and what a step adds to it (minor units, units, kg)."""
    lines, world = given.terms.lines, given.world
    supplier, weight = np.full(len(lines), NONE), np.zeros(len(lines))
    minima: list[float] = []
    items = world.frame("items").set_index("item_id")
    step = lines["unit_step"].to_numpy(float)
    measures = {
        "min_order_value": np.nanmin(given.tiers.unit_cost, axis=1) * step * given.minor,
        "min_order_units": step,
        "min_order_kg": np.nan_to_num(items["weight_kg"].reindex(lines["item_id"]).to_numpy(float)) * step,
    }
    scale = {"min_order_value": given.minor}
    for row in world.frame("suppliers").to_dict("records"):
        kinds = [name for name in measures if row[name] is not None and row[name] > 0]
        mine = ((lines["source_id"] == row["supplier_id"]) & (lines["source_kind"] == "supplier")).to_numpy()
        if not kinds or not mine.any():
            continue
        by_place = row["minimum_scope"] == "per_location"
        groups = lines.loc[mine, "location_id"] if by_place else pd.Series("", index=np.flatnonzero(mine))
        least, each = _one_minimum([(float(row[k]) * scale.get(k, 1), measures[k]) for k in kinds])
        for name in sorted(groups.unique()):
            chosen = np.flatnonzero(mine)[(groups == name).to_numpy()]
            supplier[chosen], weight[chosen] = len(minima), each[chosen]
            minima.append(least)
    return supplier, np.array(minima, float), weight


def _one_minimum(minima: list[tuple[float, FloatArray]]) -> tuple[float, FloatArray]:
    """Return one minimum and what a step adds to it, that is reached only where all of the given ones are.

    With several kinds k a step counts by the kind to which it adds least, min_k w_nk / M_k, and 1 must be reached: then
    sum_n w_nk q_n / M_k >= 1 for each k. Sufficient, at times more than needed.
    """
    if len(minima) == 1:
        return minima[0]
    return 1.0, np.min([weight / least for least, weight in minima], axis=0)


def _pools(given: Given) -> tuple[IntArray, FloatArray]:
    """Return the dc stock each transfer draws on, and the steps there today after today's receipts."""
    lines, pairs = given.terms.lines, given.pairs
    pool = np.full(len(lines), NONE)
    available: list[float] = []
    places = {(row.item_id, row.location_id): n for n, row in enumerate(pairs.itertuples())}
    numbers: dict[tuple[str, str], int] = {}
    steps = lines["unit_step"].to_numpy(float)
    for n, row in enumerate(lines.itertuples()):
        if row.source_kind != "dc":
            continue
        key = (str(row.item_id), str(row.source_id))
        if key not in numbers:
            numbers[key] = len(available)
            place = places.get(key)
            units = 0.0 if place is None else given.position.usable[place] + given.position.arrivals[place, 0]
            available.append(float(np.floor(units / steps[n] + 1e-9)))
        pool[n] = numbers[key]
    return pool, np.array(available, float)


def purchase_budget(world: World) -> int | None:
    """Return what purchases may still cost in the week of the plan date, in minor units; None without a limit."""
    budgets = world.frame("budgets")
    monday = world.plan_date - timedelta(days=world.plan_date.weekday())
    for_purchases = (budgets["component"] == "purchase") & (budgets["scope"] == "all")
    mine = budgets[for_purchases & (budgets["period_start"] == monday)]
    if mine.empty:
        return None
    orders = world.frame("open_orders")
    dated = orders[orders["ordered_on"].notna()]
    spent = dated[(dated["ordered_on"] >= monday) & (dated["ordered_on"] < world.plan_date)]
    usual = world.frame("items").set_index("item_id")["unit_cost"].reindex(spent["item_id"]).to_numpy(float)
    cost = np.where(spent["unit_cost"].isna(), usual, spent["unit_cost"].astype(float))
    paid = float(np.nansum(cost * spent["quantity"].to_numpy(float)))
    left = float(mine["amount"].sum()) - paid
    return max(int(np.rint(left * 10 ** minor_digits(world.policy.currency))), 0)
