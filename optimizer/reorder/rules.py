"""From tables to the rules that tie lines together: supplier minima, budgets, dc stock, storage, room on trucks."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.plan.truck_costs import TRUCK_ROOM
from optimizer.reorder.problem import NONE, JointRules
from optimizer.reorder.trucks import Trucks
from scenarios.money import minor_digits
from scenarios.supplier_terms import supplier_terms
from scenarios.tariff import currency_rates
from scenarios.world import World

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
_ROUNDING = 1e-9
DC_STOCK, SURPLUS, STORAGE, BUDGET, TRUCKS = "dc stock", "surplus", "storage", "budget", "trucks"
# The kind of source that a store is to another.
BETWEEN = "store"


@dataclass(frozen=True)
class CapacityRow:
    """A limit that some lines share.

    kind: `DC_STOCK`, `SURPLUS`, `STORAGE`, `BUDGET` or `TRUCKS`; subject: which one, in words
    lines: who takes from it, rising, shape (K,); use: what a step takes, shape (K,); capacity: how much there is
    """

    kind: str
    subject: str
    lines: IntArray
    use: FloatArray
    capacity: float

    @property
    def name(self) -> str:
        """What it is called in reasons."""
        return f"{self.kind} of {self.subject}"


@dataclass(frozen=True)
class Standing:
    """What the rules need to know of lines (L) and pairs (N): arrays in units.

    lines: as of `Terms`; cheapest_cost: the cheapest price of each line, major units, shape (L,)
    left: stock of each pair after the receipts of a period if nothing is ordered from now on, shape (N, T)
    place: location of each pair, volume_l of its item, shape (N,)
    at_dc: steps of an item that a dc can send today, by (item_id, location_id)
    """

    lines: pd.DataFrame
    cheapest_cost: FloatArray
    left: FloatArray
    place: npt.NDArray[np.object_]
    volume_l: FloatArray
    at_dc: dict[tuple[str, str], float]


def joint_rules(world: World, standing: Standing) -> tuple[JointRules, tuple[CapacityRow, ...]]:
    """Return the rules, and their capacity rows in words, in the order of `JointRules.capacity`."""
    lines = standing.lines
    supplier, minimum, weight, trucks = _supplier_groups(world, standing)
    rows = (*_dc_stock(standing), *_storage(world, standing), *_budgets(world, lines), *_trucks(world, lines))
    row, use = _slots(rows, len(lines))
    capacity = np.array([one.capacity for one in rows], float)
    left = dict(purchase_budgets(world))
    budget, spend = left.get(("all", "")), _spend(world, lines)
    return JointRules(supplier, minimum, weight, budget, spend, row, use, capacity, trucks), rows


def _slots(rows: tuple[CapacityRow, ...], lines: int) -> tuple[IntArray, FloatArray]:
    """Return row and use of each line by slot, shape (lines, R): a row goes to the first slot its lines leave free."""
    row: list[IntArray] = []
    use: list[FloatArray] = []
    for number, one in enumerate(rows):
        slot = next((k for k in range(len(row)) if (row[k][one.lines] == NONE).all()), len(row))
        if slot == len(row):
            row.append(np.full(lines, NONE))
            use.append(np.zeros(lines))
        row[slot][one.lines], use[slot][one.lines] = number, one.use
    empty = np.zeros((lines, 0))
    return (np.stack(row, axis=1), np.stack(use, axis=1)) if row else (empty.astype(np.int64), empty)


def _minor(world: World) -> int:
    return int(10 ** minor_digits(world.policy.currency))


def _spend(world: World, lines: pd.DataFrame) -> FloatArray:
    """Return what a step of each line costs at most, minor units; transfers cost nothing."""
    bought = (lines["source_kind"] == "supplier").to_numpy()
    cost = lines["unit_cost"].to_numpy(float) * lines["unit_step"].to_numpy(float) * _minor(world)
    return np.where(bought, cost, 0.0)


def _per_step(world: World, lines: pd.DataFrame, measure: str) -> FloatArray:
    """Return litres or kilograms of a step of each line; 0 where the item does not say."""
    values = world.frame("items").set_index("item_id")[measure].reindex(lines["item_id"]).to_numpy(float)
    return np.asarray(np.nan_to_num(values) * lines["unit_step"].to_numpy(float))


def supplier_lines(lines: pd.DataFrame, supplier: Mapping[Hashable, Any]) -> Iterator[IntArray]:
    """Yield the lines of each order of a supplier: one for each place, or one over all, as its minimum holds."""
    mine = ((lines["source_id"] == supplier["supplier_id"]) & (lines["source_kind"] == "supplier")).to_numpy()
    numbers = np.flatnonzero(mine)
    if supplier["minimum_scope"] != "per_location":
        if numbers.size:
            yield numbers
        return
    places = lines["location_id"].to_numpy()[numbers]
    for place in sorted(set(places)):
        yield numbers[places == place]


def _supplier_groups(world: World, standing: Standing) -> tuple[IntArray, FloatArray, FloatArray, Trucks | None]:
    """Return the group of each line, each group's minimum, what a step adds to it (minor units, units, kg), trucks."""
    lines = standing.lines
    supplier, weight, load = np.full(len(lines), NONE), np.zeros(len(lines)), np.zeros((len(lines), 2))
    groups: list[tuple[float, float, float]] = []
    for row in supplier_terms(world).to_dict("records"):
        cost, fill, loads = _truck(world, lines, row)
        minima = _minima(world, standing, row)
        if fill:
            minima.append((fill, loads[:, 0]))
        if not minima and not cost:
            continue
        least, each = _one_minimum(minima) if minima else (0.0, np.zeros(len(lines)))
        for chosen in supplier_lines(lines, row):
            supplier[chosen], weight[chosen], load[chosen] = len(groups), each[chosen], loads[chosen]
            groups.append((least, cost, fill))
    found = np.array(groups, float).reshape(-1, 3)
    trucks = Trucks(found[:, 1], found[:, 2], load) if found[:, 1:].any() else None
    return supplier, found[:, 0], weight, trucks


def _minima(world: World, standing: Standing, row: Mapping[Hashable, Any]) -> list[tuple[float, FloatArray]]:
    """Return each minimum of a supplier with what a step of each line adds to it: minor units, units, kilograms."""
    lines, minor = standing.lines, _minor(world)
    step = lines["unit_step"].to_numpy(float)
    kinds = {
        "min_order_value": (minor, standing.cheapest_cost * step * minor),
        "min_order_units": (1, step),
        "min_order_kg": (1, _per_step(world, lines, "weight_kg")),
    }
    asked = [(row[name], *kind) for name, kind in kinds.items() if not pd.isna(row[name]) and row[name] > 0]
    return [(float(amount) * scale, adds) for amount, scale, adds in asked]


def _truck(world: World, lines: pd.DataFrame, row: Mapping[Hashable, Any]) -> tuple[float, float, FloatArray]:
    """Return what a truck of a supplier costs in minor units, its least fill, and a step's share of it, (lines, 2)."""
    loads = np.zeros((len(lines), 2))
    given = [name for name in TRUCK_ROOM if not pd.isna(row[name]) and row[name] > 0]
    for place, name in enumerate(given):
        loads[:, place] = _per_step(world, lines, TRUCK_ROOM[name]) / float(row[name])
    if not given:
        return 0.0, 0.0, loads
    cost, fill = (0.0 if pd.isna(row[name]) else float(row[name]) for name in ("truck_cost", "truck_min_fill"))
    return cost * _minor(world), fill, loads


def _one_minimum(minima: list[tuple[float, FloatArray]]) -> tuple[float, FloatArray]:
    """Return one minimum and what a step adds to it, that is reached only where all of the given ones are.

    With several kinds k a step counts by the kind to which it adds least, min_k w_nk / M_k, and 1 must be reached: then
    sum_n w_nk q_n / M_k >= 1 for each k. Sufficient, at times more than needed.
    """
    if len(minima) == 1:
        return minima[0]
    return 1.0, np.min([weight / least for least, weight in minima], axis=0)


def _dc_stock(standing: Standing) -> Iterator[CapacityRow]:
    """Yield the stock of each item at a dc, in steps, and what a store can spare of it, after today's receipts."""
    lines = standing.lines
    moved = lines[(lines["source_kind"] != "supplier").to_numpy()]
    takers: dict[tuple[str, str], list[int]] = {}
    for n, item, dc in zip(moved.index, moved["item_id"].astype(str), moved["source_id"].astype(str), strict=True):
        takers.setdefault((item, dc), []).append(int(n))
    for (item, dc), numbers in takers.items():
        available = standing.at_dc.get((item, dc), 0.0)
        kind = SURPLUS if lines["source_kind"].iloc[numbers[0]] == BETWEEN else DC_STOCK
        yield CapacityRow(kind, f"{item} at {dc}", np.array(numbers), np.ones(len(numbers)), available)


def _storage(world: World, standing: Standing) -> Iterator[CapacityRow]:
    """Yield the room at each place, in litres, after each receipt of today's orders.

    On the day a receipt comes, what came earlier from today's orders counts as if none of it was sold yet; what is
    there besides is the stock that mean demand leaves, shape of `Standing.left`.
    """
    lines, places = standing.lines, world.frame("locations")
    at, lead = lines["location_id"].to_numpy(), lines["lead_periods"].to_numpy(int)
    litres = _per_step(world, lines, "volume_l")
    for place, room in zip(places["location_id"], places["storage_l"].astype(float), strict=True):
        if np.isnan(room):
            continue
        mine = np.flatnonzero((at == place) & (litres > 0))
        held = standing.volume_l * (standing.place == place)
        for period in sorted({int(one) for one in lead[mine] if one < standing.left.shape[1]}):
            chosen = mine[lead[mine] <= period]
            free = max(room - float(held @ standing.left[:, period]), 0.0)
            subject = f"{place} on {world.periods.add(world.plan_date, period)}"
            yield CapacityRow(STORAGE, subject, chosen, litres[chosen], free)


def _budgets(world: World, lines: pd.DataFrame) -> Iterator[CapacityRow]:
    """Yield the week's purchase budgets of suppliers, places and categories, in minor units."""
    spend = _spend(world, lines)
    category = world.frame("items").set_index("item_id")["category"].reindex(lines["item_id"]).to_numpy()
    owner = {"supplier": lines["source_id"].to_numpy(), "location": lines["location_id"].to_numpy()}
    owner["category"] = category
    for (scope, name), left in purchase_budgets(world):
        if scope == "all":
            continue
        chosen = np.flatnonzero((owner[scope] == name) & (spend > 0))
        if chosen.size:
            yield CapacityRow(BUDGET, f"{scope} {name}", chosen, spend[chosen], float(left))


def _trucks(world: World, lines: pd.DataFrame) -> Iterator[CapacityRow]:
    """Yield the room on all trucks of an order, in litres and in kilograms."""
    for row in supplier_terms(world).to_dict("records"):
        most = row["max_trucks"]
        for name, measure in TRUCK_ROOM.items():
            if pd.isna(most) or pd.isna(row[name]):
                continue
            use = _per_step(world, lines, measure)
            for chosen in supplier_lines(lines, row):
                subject = f"{row['supplier_id']} by {measure.split('_')[0]}"
                yield CapacityRow(TRUCKS, subject, chosen, use[chosen], float(row[name]) * int(most))


def purchase_budgets(world: World) -> list[tuple[tuple[str, str], int]]:
    """Return what purchases may still cost in the week of the plan date, in minor units, by scope and its id."""
    budgets, monday = world.frame("budgets"), _monday(world)
    mine = budgets[(budgets["component"] == "purchase") & (budgets["period_start"] == monday)]
    # A budget for all is one budget, whatever it is called.
    mine = mine.assign(scope_id=mine["scope_id"].mask(mine["scope"] == "all", ""))
    spent = _spent_this_week(world, monday)
    found = []
    for (scope, name), rows in mine.groupby(["scope", "scope_id"], sort=True, observed=True):
        paid = spent["paid"] if scope == "all" else spent.loc[spent[scope] == name, "paid"]
        left = float(rows["amount"].sum()) - float(paid.sum())
        found.append(((str(scope), str(name)), max(int(np.rint(left * _minor(world))), 0)))
    return found


def _monday(world: World) -> date:
    return world.plan_date - timedelta(days=world.plan_date.weekday())


def _spent_this_week(world: World, monday: date) -> pd.DataFrame:
    """Return what the open orders of this week cost, with columns supplier, location, category, paid (major units)."""
    orders = world.frame("open_orders")
    dated = orders[orders["ordered_on"].notna()]
    spent = dated[(dated["ordered_on"] >= monday) & (dated["ordered_on"] < world.plan_date)]
    items = world.frame("items").set_index("item_id")
    own = items["unit_cost"].to_numpy(float) * currency_rates(world, items["currency"].tolist())
    usual = pd.Series(own, index=items.index).reindex(spent["item_id"]).to_numpy(float)
    cost = np.where(spent["unit_cost"].isna(), usual, spent["unit_cost"].astype(float))
    return pd.DataFrame(
        {
            "supplier": spent["source_id"].to_numpy(),
            "location": spent["location_id"].to_numpy(),
            "category": items["category"].reindex(spent["item_id"]).to_numpy(),
            "paid": np.nan_to_num(cost * spent["quantity"].to_numpy(float)),
        }
    )
