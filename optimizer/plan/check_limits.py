"""Do today's lines fit what they share? Budgets, storage at the places, stock of the dc, trucks of the suppliers."""

from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np
import pandas as pd

from optimizer.plan.check import UNITS_TOLERANCE, Evidence, Violation
from optimizer.plan.check_changes import moved_lines
from optimizer.plan.ids import order_id
from optimizer.plan.settled import settled_lines
from optimizer.plan.truck_costs import truck_orders, trucks_of
from scenarios.money import line_amount, shown, to_minor
from scenarios.shelf_life import bringing_nothing
from scenarios.sourcing import preferred_sources, store_lanes
from scenarios.tariff import currency_rates
from scenarios.world import World, rows_of

_LITRES_TOLERANCE = 0.01
_FILL_TOLERANCE = 1e-6
_KEYS = ["item_id", "location_id"]


def check_limits(evidence: Evidence) -> Iterator[Violation]:
    """Today's lines keep the budgets, fit the storage, the shelves, the trucks and the stock of the dc.

    Where settled lines (locked, set, frozen) alone take more than there is, nothing may be added to them.
    """
    orders, moves = evidence.frame("purchase_orders"), evidence.frame("transfers")
    settled = settled_lines(evidence.world, orders, moves, evidence.frame("order_changes"))
    left = _left(evidence)
    yield from _dc_stock(evidence, settled)
    yield from _givers(evidence, settled)
    yield from _budgets(evidence, settled)
    yield from _storage(evidence, left, settled)
    yield from _shelves(evidence, left, settled)
    yield from _trucks(evidence, settled)


def _today(evidence: Evidence) -> pd.DataFrame:
    orders = evidence.frame("purchase_orders")
    items = evidence.world.frame("items").set_index("item_id")
    today = orders[orders["status"] == "proposed"]
    return today.assign(**{name: today["item_id"].map(items[name]) for name in ("category", "volume_l", "weight_kg")})


def _budgets(evidence: Evidence, settled: frozenset[str]) -> Iterator[Violation]:
    world, today = evidence.world, _today(evidence)
    monday = world.plan_date - timedelta(days=world.plan_date.weekday())
    budgets = world.frame("budgets")
    mine = budgets[(budgets["component"] == "purchase") & (budgets["period_start"] == monday)]
    mine = mine.assign(scope_id=mine["scope_id"].mask(mine["scope"] == "all", ""))
    column = {"supplier": "source_id", "location": "location_id", "category": "category"}
    currency = world.policy.currency
    for key, rows in mine.groupby(["scope", "scope_id"], observed=True):
        scope, name = (str(part) for part in key)
        lines = today if scope == "all" else today[today[column[scope]] == name]
        # Each line is rounded once, so the sum may lie half a minor unit a line past the exact figure.
        slack = len(lines) / 2 + 1
        spent = int(lines["amount"].sum())
        limit = line_amount(1, float(rows["amount"].sum()), currency) - _spent_before(world, monday, (scope, name))
        held = int(lines.loc[lines["line_id"].isin(settled), "amount"].sum())
        if len(lines) and spent > max(limit, held, 0) + slack:
            words = "a budget" if scope == "all" else f"a budget for {scope} {name}"
            text = f"spends {shown(spent, currency)} of {words} of {shown(max(limit, 0), currency)}"
            yield Violation("purchase_orders", "", text)


def _spent_before(world: World, monday: date, budget: tuple[str, str]) -> int:
    items = world.frame("items").set_index("item_id")
    rates = dict(zip(items.index, currency_rates(world, items["currency"].tolist()), strict=True))
    spent = 0
    for row in rows_of(world.frame("open_orders")):
        if row.ordered_on is None or not monday <= row.ordered_on < world.plan_date:
            continue
        item = items.loc[row.item_id] if row.item_id in items.index else None
        of = {"supplier": row.source_id, "location": row.location_id}
        of["category"] = None if item is None else item["category"]
        if budget[0] == "all" or of[budget[0]] == budget[1]:
            usual = 0.0 if item is None else item["unit_cost"] * rates[row.item_id]
            cost = usual if pd.isna(row.unit_cost) else row.unit_cost
            spent += line_amount(row.quantity, 0.0 if pd.isna(cost) else cost, world.policy.currency)
    return spent


def _dc_stock(evidence: Evidence, settled: frozenset[str]) -> Iterator[Violation]:
    """Compare what a place sends today with what is there after today's receipts."""
    world, moves = evidence.world, evidence.frame("transfers")
    today = moves[moves["status"] == "proposed"]
    projection = evidence.frame("projection")
    first = projection[projection["date"] == world.plan_date]
    opening = {(row.item_id, row.location_id): float(row.opening) for row in rows_of(first)}
    due = _open_orders(world)
    for (item, place), lines in today.groupby(["item_id", "from_location"], observed=True):
        if (item, place) not in opening:
            continue
        there = opening[str(item), str(place)] + due.get((str(item), str(place), 0), 0.0)
        sent = float(lines["quantity"].sum())
        held = float(lines.loc[lines["line_id"].isin(settled), "quantity"].sum())
        if sent > max(there, held) + UNITS_TOLERANCE:
            yield Violation("transfers", f"{item} {place}", f"ships {sent:g}, {sent - there:g} of it is not there")


def _givers(evidence: Evidence, settled: frozenset[str]) -> Iterator[Violation]:
    """See that no store is short of what it gave away, until an order of its own could come."""
    world, moves, projection = evidence.world, evidence.frame("transfers"), evidence.frame("projection")
    lanes = store_lanes(world)
    ways = set(zip(lanes["from_location"], lanes["to_location"], strict=True))
    sources = preferred_sources(world).set_index(_KEYS)["lead_time_days"].to_dict()
    for row in rows_of(moves[(moves["status"] == "proposed") & ~moves["line_id"].isin(settled)]):
        if (row.from_location, row.to_location) not in ways:
            continue
        lead = sources.get((row.item_id, row.from_location))
        days = world.policy.lead_time_days if lead is None or pd.isna(lead) else int(lead)
        until = world.periods.add(world.plan_date, -(-days // world.periods.days))
        mine = projection[(projection["item_id"] == row.item_id) & (projection["location_id"] == row.from_location)]
        lost = float(mine.loc[mine["date"] < until, "lost_mean"].sum())
        if lost > UNITS_TOLERANCE:
            text = f"gives {row.quantity:g} to {row.to_location} and is short of {lost:g} before it can order"
            yield Violation("transfers", f"{row.item_id} {row.from_location}", text)


def _storage(
    evidence: Evidence, left: dict[str, dict[str, list[float]]], settled: frozenset[str]
) -> Iterator[Violation]:
    """Compare what comes up to each day of receipt, and what mean demand leaves of the rest, with the room."""
    world = evidence.world
    places = world.frame("locations").set_index("location_id")["storage_l"].astype(float).dropna()
    items = world.frame("items")
    litres = items["volume_l"].astype(float).fillna(0.0).tolist()
    volume: dict[str, float] = dict(zip(items["item_id"].astype(str), litres, strict=True))
    comes = _arriving(evidence)
    comes = comes.assign(litres=comes["quantity"] * comes["item_id"].map(volume).to_numpy())
    for place, room in zip(places.index.astype(str), places.to_numpy(float), strict=True):
        mine = comes[comes["location_id"] == place]
        for day in sorted(set(mine["due_on"].tolist())):
            until = mine[mine["due_on"] <= day]
            brought = float(until["litres"].sum())
            kept = float(until.loc[until["line_id"].isin(settled), "litres"].sum())
            period = world.periods.between(world.plan_date, day)
            courses = left.get(place, {})
            held = float(sum(course[period] * float(volume[item]) for item, course in courses.items()))
            free = max(float(room) - held, 0.0)
            if brought > max(free, kept) + _LITRES_TOLERANCE:
                text = f"brings {brought:,.1f} litres by {day}, there is room for {free:,.1f}"
                yield Violation("purchase_orders", place, text)


def _shelves(
    evidence: Evidence, left: dict[str, dict[str, list[float]]], settled: frozenset[str]
) -> Iterator[Violation]:
    """Compare what comes, with what mean demand leaves of the same item, with the room on its shelf."""
    world = evidence.world
    shelves = world.frame("assortment").set_index(_KEYS)["shelf_capacity"].astype(float).dropna().to_dict()
    comes = _arriving(evidence)
    for row in rows_of(comes):
        room = shelves.get((row.item_id, row.location_id))
        if room is None or row.line_id in settled:
            continue
        held = left[row.location_id][row.item_id][world.periods.between(world.plan_date, row.due_on)]
        mine = comes[(comes["item_id"] == row.item_id) & (comes["location_id"] == row.location_id)]
        brought = float(mine.loc[mine["due_on"] <= row.due_on, "quantity"].sum())
        if held + brought > max(room, held) + UNITS_TOLERANCE:
            text = f"brings {brought:g} to {held:,.1f} on a shelf for {room:g}"
            yield Violation("purchase_orders", f"{row.item_id} {row.location_id}", text)


def _arriving(evidence: Evidence) -> pd.DataFrame:
    """Return what today's orders and transfers bring inside the projection: one row a line."""
    lines = moved_lines(evidence)
    last = evidence.frame("projection")["date"].max()
    inside: pd.DataFrame = lines[(lines["status"] == "proposed") & (lines["due_on"] <= last)]
    return inside


def _left(evidence: Evidence) -> dict[str, dict[str, list[float]]]:
    """Return the units of each item at each place after the receipts of a period, if nothing is ordered from today."""
    world, projection = evidence.world, evidence.frame("projection").sort_values([*_KEYS, "date"])
    limits = world.frame("locations")["storage_l"], world.frame("assortment")["shelf_capacity"]
    if not any(limit.notna().any() for limit in limits):
        return {}
    demand: dict[tuple[str, str], list[float]] = {}
    opening: dict[tuple[str, str], float] = {}
    for row in rows_of(projection):
        demand.setdefault((row.item_id, row.location_id), []).append(float(row.demand_mean))
        opening.setdefault((row.item_id, row.location_id), float(row.opening))
    taken = {key: np.array(values) for key, values in demand.items()}
    for row in rows_of(preferred_sources(world)):
        if row.source_kind == "dc" and (row.item_id, row.source_id) in taken:
            taken[row.item_id, row.source_id] += np.array(demand.get((row.item_id, row.location_id), [0.0]))
    due = _open_orders(world)
    left: dict[str, dict[str, list[float]]] = {}
    for (item, place), wanted in taken.items():
        stock, course = max(opening[item, place], 0.0), list[float]()
        for t, units in enumerate(wanted):
            course.append(stock + due.get((item, place, t), 0.0))
            stock = max(course[-1] - units, 0.0)
        left.setdefault(place, {})[item] = course
    return left


def _open_orders(world: World) -> dict[tuple[str, str, int], float]:
    due: dict[tuple[str, str, int], float] = {}
    for row in rows_of(world.frame("open_orders")[(bringing_nothing(world) == "").to_numpy()]):
        key = (row.item_id, row.location_id, max(world.periods.between(world.plan_date, row.due_on), 0))
        due[key] = due.get(key, 0.0) + float(row.quantity)
    return due


def _trucks(evidence: Evidence, settled: frozenset[str]) -> Iterator[Violation]:
    """Count the trucks of each order: as many as there are, each full enough, each paid."""
    world, costs = evidence.world, evidence.frame("costs")
    booked = costs[costs["component"] == "truck"].set_index("line_id")["amount"]
    orders = evidence.frame("purchase_orders")
    locked = {
        (one["supplier_id"], place): loads
        for one, place, loads in truck_orders(world, orders[orders["line_id"].isin(settled)])
    }
    for supplier, place, loads in truck_orders(world, orders):
        held = locked.get((supplier["supplier_id"], place), [0.0])
        words = f"{supplier['supplier_id']} {place}".strip()
        count, most, fill = trucks_of(loads), supplier["max_trucks"], supplier["truck_min_fill"]
        if not pd.isna(most) and count > max(most, trucks_of(held)):
            yield Violation("purchase_orders", words, f"loads {max(loads):.2f} trucks, there are {most:g}")
        if not pd.isna(fill) and loads != held and loads[0] < count * fill - _FILL_TOLERANCE:
            yield Violation(
                "purchase_orders", words, f"fills {loads[0] / count:.0%} of {count} trucks, {fill:.0%} asked"
            )
        cost = 0.0 if pd.isna(supplier["truck_cost"]) else float(supplier["truck_cost"])
        due = to_minor(cost * count, world.policy.currency)
        if int(booked.get(order_id(str(supplier["supplier_id"]), place, world.plan_date), 0)) != due:
            yield Violation("costs", words, f"{count} trucks should cost {shown(due, world.policy.currency)}")
