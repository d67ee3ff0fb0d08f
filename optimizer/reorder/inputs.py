"""From tables to the arrays of a reorder problem: steps and minor units, joint rules, a dc seen with its stores."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.paths import DemandPaths
from optimizer.reorder.changes import Before, Changes, change_prices, frozen_periods, meant
from optimizer.reorder.position import Position
from optimizer.reorder.problem import NO_EXPIRY, NO_MAXIMUM, NONE, JointRules, ReorderProblem
from optimizer.reorder.rules import BETWEEN, CapacityRow, Standing, joint_rules
from optimizer.reorder.shelf import room_left, with_shelves
from optimizer.reorder.supply import Supply
from optimizer.reorder.supplying import supply_of
from optimizer.reorder.terms import Terms
from scenarios.money import minor_digits
from scenarios.sourcing import PriceTiers, price_tiers
from scenarios.tariff import Tariff
from scenarios.world import World

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
_ROUNDING = 1e-9
LOCKED, FROZEN, CARRIED, BESIDE = "locked", "frozen", "carried", "beside"


@dataclass(frozen=True)
class Given:
    """All that the reorder decision rests on, per listed pair (N rows, in the order of the pairs).

    rows: the pair of each line of `terms`, shape (lines,)
    fixed: units of today's lines that are settled beforehand, shape (lines,), NaN where nothing is
    why: what settles each line, `LOCKED`, `FROZEN`, `CARRIED` or `BESIDE`, shape (lines,); None for locks alone
    active: the line of each pair that its stock and later orders belong to, shape (lines,); None before one is chosen,
        when each line is looked at as if it were the only one
    surplus: units that a store can give away today, by (item_id, location_id)
    aside_cost: minor units paid for what other lines than the active ones deliver
    options: ways to serve the pairs that were looked at
    before: the plan before this one, None without one
    """

    world: World
    pairs: pd.DataFrame
    paths: DemandPaths
    terms: Terms
    tariff: Tariff
    position: Position
    rows: IntArray
    fixed: FloatArray
    why: npt.NDArray[np.object_] | None = None
    before: Before | None = None
    active: npt.NDArray[np.bool_] | None = None
    surplus: Mapping[tuple[str, str], float] = field(default_factory=dict)
    aside_cost: float = 0.0
    options: int = 0

    @cached_property
    def meant(self) -> FloatArray:
        """What the plan before meant to order of each line by period, units, NaN where it says nothing."""
        return meant(self.before, self.world, self.terms.lines, self.paths.steps.shape[2])

    @cached_property
    def standing(self) -> FloatArray:
        """What stands of it after today, as `meant`, NaN where a later order is free."""
        stands = np.full(self.meant.shape, np.nan)
        frozen = slice(1, max(frozen_periods(self.world, self.meant.shape[1]), 1))
        stands[:, frozen] = self.meant[:, frozen]
        return stands

    @cached_property
    def tiers(self) -> PriceTiers:
        """Prices of the lines of `terms` by quantity."""
        return price_tiers(self.world, self.terms.lines)

    @cached_property
    def tied(self) -> tuple[JointRules, tuple[CapacityRow, ...]]:
        """Joint rules of the lines, and their capacity rows in words."""
        return joint_rules(self.world, _standing(self))

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
        salvage_value=np.minimum(_left_brings(given), lines["unit_cost"].to_numpy(float)) * per_step,
        life_periods=np.minimum(lines["life_periods"].to_numpy(np.int64), NO_EXPIRY),
        unmet="backorders" if backorders else "lost_sales",
        joint=given.tied[0],
        supply=_supply(given),
        changes=_changes(given),
    )
    problem = _aside(given, with_shelves(given.world, lines, _left_on_arrival(given), problem))
    problem = _with_stores(given, problem)
    return _with_standing(given, _with_fixed(given, problem))


def _changes(given: Given) -> Changes | None:
    """Return what today's free lines pay for ordering otherwise than the plan before said; None where that is free."""
    policy = given.world.policy
    if not (policy.change_cost or policy.change_rate):
        return None
    step = given.terms.lines["unit_step"].to_numpy(float)
    line, unit = change_prices(given.world, given.terms.lines["unit_cost"].to_numpy(float))
    before = np.where(np.isnan(given.fixed), given.meant[:, 0] / step, np.nan)
    return Changes(before, line * given.minor, unit * step * given.minor)


def shelf_room(given: Given) -> FloatArray:
    """Return the steps of each line that fit on its shelf when today's order comes, inf without a limit, (lines,)."""
    return room_left(given.world, given.terms.lines, _left_on_arrival(given))


def _left_brings(given: Given) -> FloatArray:
    """Return what a unit that would expire brings, with the stickers it is to get, shape (lines,)."""
    salvage = given.tariff.salvage
    return np.asarray((salvage + given.pairs["recovery"] if "recovery" in given.pairs else salvage)[given.rows])


def _left_on_arrival(given: Given) -> FloatArray:
    """Return the steps that mean demand leaves of each line when today's order comes, without it, shape (lines,)."""
    lead = np.minimum(given.terms.lines["lead_periods"].to_numpy(np.int64), given.paths.steps.shape[2] - 1)
    left = left_without_orders(given)[given.rows, lead]
    return np.asarray(left / given.terms.lines["unit_step"].to_numpy(float))


def _supply(given: Given) -> Supply:
    """Return the supply of the lines, price breaks in minor units a step."""
    shape = (given.paths.steps.shape[1], given.paths.steps.shape[2])
    priced = given.tiers, _dearer(given)
    found = supply_of(given.world, given.terms.lines, priced, (given.position, given.rows), shape)
    return replace(found, break_extra=found.break_extra * given.minor)


def _dearer(given: Given) -> FloatArray:
    """Return what the cheapest price of each line is above the cheapest of its pair, major units, shape (lines,)."""
    cheapest = np.nanmin(given.tiers.unit_cost, axis=1)
    least = np.full(len(given.pairs), np.inf)
    np.minimum.at(least, given.rows, cheapest)
    return np.asarray(cheapest - least[given.rows])


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
    on = np.ones(len(lines), bool) if given.active is None else given.active
    transfers = lines[(lines["source_kind"] == "dc") & on]
    active = active_lines(given)
    own = {(row.item_id, row.location_id): int(active[n]) for n, row in reversed(list(enumerate(lines.itertuples())))}
    fed: dict[int, list[int]] = {}
    for n, row in zip(transfers.index, transfers.itertuples(), strict=True):
        line = own.get((row.item_id, row.source_id))
        if line is not None:
            fed.setdefault(line, []).append(int(n))
    return {line: np.array(stores) for line, stores in fed.items()}


def _standing(given: Given) -> Standing:
    lines, world = given.terms.lines, given.world
    volume = world.frame("items").set_index("item_id")["volume_l"].reindex(given.pairs["item_id"]).to_numpy(float)
    place = given.pairs["location_id"].to_numpy(object)
    cheapest = np.nanmin(given.tiers.unit_cost, axis=1)
    return Standing(lines, cheapest, left_without_orders(given), place, np.nan_to_num(volume), _at_dc(given))


def left_without_orders(given: Given) -> FloatArray:
    """Return what mean demand leaves of each pair after the receipts of a period, nothing being ordered, (N, T), units.

    At a dc the stores that it feeds take what they sell.
    """
    demand = np.round(given.paths.mean(), 6)
    pairs = pd.MultiIndex.from_frame(given.pairs[["item_id", "location_id"]])
    lines = given.terms.lines
    first = ~lines.duplicated(["item_id", "location_id"]).to_numpy()
    moved = lines[(lines["source_kind"] == "dc").to_numpy() & first]
    feeds = pairs.get_indexer(pd.MultiIndex.from_frame(moved[["item_id", "source_id"]]))
    taken = demand.copy()
    np.add.at(taken, feeds[feeds >= 0], demand[given.rows[moved.index.to_numpy()]][feeds >= 0])
    left, stock = np.zeros(demand.shape), given.position.usable.astype(float)
    for t in range(demand.shape[1]):
        left[:, t] = stock + given.position.arrivals[:, t]
        stock = np.maximum(left[:, t] - taken[:, t], 0.0)
    return left


def _at_dc(given: Given) -> dict[tuple[str, str], float]:
    """Return the steps of each item at each place that it can send today: all at a dc, at a store what it can spare."""
    there = given.position.usable + given.position.arrivals[:, 0]
    keys = list(zip(given.pairs["item_id"].astype(str), given.pairs["location_id"].astype(str), strict=True))
    free = np.array([given.surplus.get(key, units) for key, units in zip(keys, there, strict=True)], float)
    steps = np.floor(free / given.paths.unit_step + _ROUNDING)
    return dict(zip(keys, steps.tolist(), strict=True))


def _with_fixed(given: Given, problem: ReorderProblem) -> ReorderProblem:
    """Return the problem with settled lines taken as ordered: they arrive, draw on what is shared, fill minima.

    What a line beside the active one of its pair orders arrives there, and takes room on its shelf; what a store gives
    away leaves its stock.
    """
    fixed = ~np.isnan(given.fixed)
    if not fixed.any():
        return problem
    steps = np.nan_to_num(given.fixed) / given.terms.lines["unit_step"].to_numpy(float)
    arrivals, can_order, on_hand = problem.arrivals.copy(), problem.can_order.copy(), problem.on_hand.copy()
    most, target, givers = problem.supplied.most_today.copy(), active_lines(given), giving_lines(given)
    for n in np.flatnonzero(steps > 0):
        if problem.lead_periods[n] < problem.periods:
            arrivals[target[n], problem.lead_periods[n]] += steps[n]
        if target[n] != n:
            most[target[n]] = max(most[target[n]] - steps[n], 0.0)
        if givers[n] != NONE:
            on_hand[givers[n]] = max(on_hand[givers[n]] - steps[n], 0.0)
    can_order[fixed, 0] = False
    supply = replace(problem.supplied, most_today=most)
    moved = replace(problem, arrivals=arrivals, can_order=can_order, on_hand=on_hand, supply=supply)
    return replace(moved, joint=problem.joint.after(steps))


def active_lines(given: Given) -> IntArray:
    """Return for each line the active line of its pair, itself where none is named, shape (lines,)."""
    own = np.arange(len(given.rows))
    if given.active is None:
        return own
    of_pair = np.full(len(given.pairs), NONE)
    of_pair[given.rows[given.active]] = np.flatnonzero(given.active)
    return of_pair[given.rows]


def giving_lines(given: Given) -> IntArray:
    """Return the active line of the store that each line between stores draws on, NONE for other lines, (lines,)."""
    lines, active = given.terms.lines, active_lines(given)
    own = {(r.item_id, r.location_id): int(active[n]) for n, r in reversed(list(enumerate(lines.itertuples())))}
    between = (lines["source_kind"] == BETWEEN).to_numpy()
    keys = zip(lines["item_id"], lines["source_id"], between, strict=True)
    return np.array([own.get((item, source), NONE) if one else NONE for item, source, one in keys], np.int64)


def _aside(given: Given, problem: ReorderProblem) -> ReorderProblem:
    """Return the problem in which only the active line of each pair holds its stock and demand."""
    if given.active is None or given.active.all():
        return problem
    on, supply = given.active, problem.supplied
    return replace(
        problem,
        demand=np.where(on[:, None, None], problem.demand, 0).astype(problem.demand.dtype),
        on_hand=np.where(on, problem.on_hand, 0.0),
        arrivals=np.where(on[:, None], problem.arrivals, 0.0),
        can_order=problem.can_order & on[:, None],
        supply=replace(supply, expiring=np.where(on[:, None], supply.expiring, 0.0)),
    )


def _with_standing(given: Given, problem: ReorderProblem) -> ReorderProblem:
    """Return the problem with the later orders that stand: they arrive, and nothing else is ordered on their days."""
    stands = ~np.isnan(given.standing)
    if not stands.any():
        return problem
    steps = np.nan_to_num(given.standing) / given.terms.lines["unit_step"].to_numpy(float)[:, None]
    arrivals = problem.arrivals.copy()
    for n, t in zip(*np.nonzero(steps), strict=True):
        if t + problem.lead_periods[n] < problem.periods:
            arrivals[n, t + problem.lead_periods[n]] += steps[n, t]
    return replace(problem, arrivals=arrivals, can_order=problem.can_order & ~stands)
