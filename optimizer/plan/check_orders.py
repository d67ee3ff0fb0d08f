"""Do the lines keep the rules of the tables? Packs, minima, maxima, order days, due dates, budgets, stock of the dc."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from optimizer.plan.check import UNITS_TOLERANCE, Evidence, Violation
from optimizer.plan.check_limits import check_limits
from optimizer.plan.ids import order_id, purchase_line_id, transfer_line_id
from optimizer.plan.settled import settled_lines
from scenarios.money import line_amount, shown
from scenarios.sourcing import deliveries_of, order_weekdays, store_lanes, valid_sources
from scenarios.supplier_terms import supplier_terms
from scenarios.tariff import currency_rates
from scenarios.world import World, rows_of

_KEYS = ["item_id", "location_id"]


def check_names(evidence: Evidence) -> Iterator[Violation]:
    """Each line carries the id of its own key, and its order the id of its supplier, place and day."""
    for row in rows_of(evidence.frame("purchase_orders").fillna({"source_id": ""})):
        if row.line_id != purchase_line_id(row.item_id, row.location_id, row.source_id, row.order_on):
            yield Violation("purchase_orders", row.line_id, "does not carry the id of its item, place, source and day")
        if row.order_id != order_id(row.source_id, row.location_id, row.order_on):
            yield Violation("purchase_orders", row.line_id, f"belongs to another order than {row.order_id}")
    for row in rows_of(evidence.frame("transfers")):
        if row.line_id != transfer_line_id(row.item_id, row.from_location, row.to_location, row.ship_on):
            yield Violation("transfers", row.line_id, "does not carry the id of its item, places and day")


def _lines_with_terms(evidence: Evidence) -> pd.DataFrame:
    """Return orders and transfers in one frame with the terms that the inputs give them; NaN where none exist."""
    orders = evidence.frame("purchase_orders").assign(table="purchase_orders")
    moves = evidence.frame("transfers").assign(table="transfers")
    moves = moves.rename(columns={"from_location": "source_id", "to_location": "location_id", "ship_on": "order_on"})
    shared = ["table", "line_id", *_KEYS, "source_id", "quantity", "order_on", "due_on", "status"]
    parts = [part for part in (orders[shared], moves[shared]) if len(part)]
    lines = pd.concat(parts or [orders[shared]], ignore_index=True)
    valid = valid_sources(evidence.world)
    lines = lines.fillna({"source_id": ""}).merge(valid, on=[*_KEYS, "source_id"], how="left", indicator="known")
    lines = _by_lane(evidence.world, lines)
    listed = evidence.world.frame("assortment")[[*_KEYS, "listed_to", "min_life_days"]]
    items = evidence.world.frame("items")[["item_id", "unit_step", "shelf_life_days", "discontinued_on"]]
    lines = lines.merge(listed, on=_KEYS, how="left").merge(items, on="item_id", how="left")
    lines["step"] = lines["unit_step"].to_numpy(float)
    lines["pack"] = lines["pack_size"].astype(float).fillna(lines["step"])
    return lines


def _by_lane(world: World, lines: pd.DataFrame) -> pd.DataFrame:
    """Return the lines with the terms of today's transfers between stores, which are those of their lane."""
    lanes = store_lanes(world)
    lead = dict(
        zip(zip(lanes["from_location"], lanes["to_location"], strict=True), lanes["lead_time_days"], strict=True)
    )
    ways = list(zip(lines["source_id"], lines["location_id"], strict=True))
    today = (lines["table"] == "transfers") & (lines["order_on"] == world.plan_date) & (lines["known"] != "both")
    moved = today.to_numpy(bool) & np.array([way in lead for way in ways], bool)
    days = np.array([float(lead.get(way, np.nan)) for way in ways])
    usual = lines["lead_time_days"].astype(float)
    return lines.assign(
        known=lines["known"].astype(str).mask(moved, "both"),
        lead_time_days=np.where(moved, days, usual.to_numpy()),
    )


def check_quantities(evidence: Evidence) -> Iterator[Violation]:
    """Quantities are whole packs, at least the minimum and at most the maximum, of something somebody delivers."""
    lines, settled = _lines_with_terms(evidence), _settled(evidence)
    for row in rows_of(lines):
        free = row.line_id not in settled
        packs = row.quantity / row.pack
        if row.known != "both" and evidence.world.has("sources"):
            yield Violation(
                row.table, row.line_id, f"{row.source_id} does not deliver {row.item_id} to {row.location_id}"
            )
        if not row.quantity > 0:
            yield Violation(row.table, row.line_id, f"quantity {row.quantity:g} is not positive")
        if free and abs(packs - round(packs)) > UNITS_TOLERANCE:
            yield Violation(
                row.table, row.line_id, f"quantity {row.quantity:g} is no multiple of the pack {row.pack:g}"
            )
        if free and row.status == "proposed":
            yield from _in_layers(row)
            yield from _can_be_sold(row)
        if free and not pd.isna(row.moq) and row.quantity < row.moq - UNITS_TOLERANCE:
            yield Violation(row.table, row.line_id, f"quantity {row.quantity:g} is below the minimum {row.moq:g}")
        if free and not pd.isna(row.max_quantity) and row.quantity > row.max_quantity + UNITS_TOLERANCE:
            yield Violation(
                row.table, row.line_id, f"quantity {row.quantity:g} is above the maximum {row.max_quantity:g}"
            )


def _can_be_sold(row: Any) -> Iterator[Violation]:
    """See that an order comes by the last day of sale, and with the life its place asks for."""
    for name in ("discontinued_on", "listed_to"):
        end = getattr(row, name)
        if end is not None and not pd.isna(end) and row.due_on > end:
            yield Violation(row.table, row.line_id, f"comes on {row.due_on}, it is sold until {end}")
    lives = [days for days in (row.shelf_life_days, row.life_on_receipt_days) if not pd.isna(days)]
    if lives and not pd.isna(row.min_life_days) and min(lives) < row.min_life_days:
        text = f"comes with {min(lives):g} days of life, {row.location_id} accepts no less than {row.min_life_days:g}"
        yield Violation(row.table, row.line_id, text)


def _settled(evidence: Evidence) -> frozenset[str]:
    """Return the lines that no rule may change: those of today that are locked, and all that are frozen."""
    changes = evidence.frame("order_changes")
    frozen = frozenset(changes.loc[changes["frozen"].astype(bool), "line_id"])
    return frozen | settled_lines(
        evidence.world, evidence.frame("purchase_orders"), evidence.frame("transfers"), changes
    )


def _in_layers(row: Any) -> Iterator[Violation]:
    """From a layer on an order is whole layers, from a pallet on whole pallets, each rounded to whole packs."""
    part = row.pack
    for name in ("layer", "pallet"):
        size = getattr(row, f"{name}_size")
        if pd.isna(size):
            continue
        part = max(round(size / part), 1) * part
        count = row.quantity / part
        if row.quantity > part and abs(count - round(count)) > UNITS_TOLERANCE:
            text = f"quantity {row.quantity:g} is no multiple of the {name} {part:g}"
            yield Violation(row.table, row.line_id, text)


def check_dates(evidence: Evidence) -> Iterator[Violation]:
    """Lines are ordered on days the source takes orders, today's on the plan date, and are due after the lead time.

    Locked and frozen lines stand on any day.
    """
    world, settled = evidence.world, _settled(evidence)
    days, deliveries = order_weekdays(world), deliveries_of(world)
    calendar = world.frame("supplier_calendar")
    shut = calendar[~calendar["can_order"].astype(bool)]
    closed = set(zip(shut["source_id"], shut["location_id"], shut["date"], strict=True))
    for row in rows_of(_lines_with_terms(evidence)):
        lead = world.policy.lead_time_days if pd.isna(row.lead_time_days) else row.lead_time_days
        due = world.periods.add(row.order_on, world.periods.count(int(lead)))
        if row.order_on == world.plan_date:
            due = deliveries.due((row.source_id, row.location_id), due)
        if row.due_on != due:
            yield Violation(row.table, row.line_id, f"is due on {row.due_on}, its lead time makes that {due}")
        if (row.status == "proposed") != (row.order_on == world.plan_date):
            yield Violation(
                row.table, row.line_id, f"is {row.status} for {row.order_on}, the plan date is {world.plan_date}"
            )
        if row.order_on < world.plan_date:
            yield Violation(row.table, row.line_id, f"is ordered on {row.order_on}, before the plan date")
        if row.line_id in settled:
            continue
        allowed = days.get(row.source_id, range(7))
        if row.table == "purchase_orders" and row.order_on.weekday() not in allowed:
            yield Violation(row.table, row.line_id, f"{row.source_id} takes no orders on {row.order_on:%A}s")
        if (row.source_id, row.location_id, row.order_on) in closed:
            yield Violation(row.table, row.line_id, f"{row.source_id} is closed on {row.order_on}")


def check_releases(evidence: Evidence) -> Iterator[Violation]:
    """Today's lines of a pair with an alarm that holds them, and no others, name that alarm."""
    told = evidence.frame("exceptions")
    alarms = told[told["kind"] == "forecast off"]
    holding = {row.subject for row in rows_of(alarms) if json.loads(row.numbers).get("held")}
    for name, place in (("purchase_orders", "location_id"), ("transfers", "to_location")):
        for row in rows_of(evidence.frame(name).fillna({"hold": ""})):
            subject = f"forecast {row.item_id} {getattr(row, place)}"
            wanted = subject if row.status == "proposed" and subject in holding else ""
            if row.hold != wanted:
                yield Violation(name, row.line_id, f"is held by {row.hold or 'nothing'}, not by {wanted or 'nothing'}")


def check_joint_rules(evidence: Evidence) -> Iterator[Violation]:
    """Today's orders reach their supplier's minimum and fit all that lines share: budgets, stock, storage, trucks."""
    yield from _supplier_minima(evidence)
    yield from check_limits(evidence)


def _supplier_minima(evidence: Evidence) -> Iterator[Violation]:
    world = evidence.world
    orders = evidence.frame("purchase_orders")
    today = orders[orders["status"] == "proposed"]
    weight = world.frame("items").set_index("item_id")["weight_kg"]
    waived = set(evidence.frame("exceptions").query("kind == 'below_minimum'")["subject"])
    for supplier in supplier_terms(world).to_dict("records"):
        mine = today[today["source_id"] == supplier["supplier_id"]]
        groups = mine.groupby("location_id") if supplier["minimum_scope"] == "per_location" else [("", mine)]
        for place, lines in groups:
            kilograms = (lines["item_id"].map(weight).fillna(0).astype(float) * lines["quantity"]).sum()
            value = (lines["unit_cost"] * lines["quantity"]).sum()
            reached = {"min_order_value": value, "min_order_units": lines["quantity"].sum(), "min_order_kg": kilograms}
            for name, amount in reached.items():
                least = supplier[name]
                subject = f"{supplier['supplier_id']} {name}"
                if len(lines) and not pd.isna(least) and least > amount + 0.005 and subject not in waived:
                    words = f"{supplier['supplier_id']} {place}".strip()
                    yield Violation("purchase_orders", words, f"orders {amount:,.2f}, its {name} is {least:,.2f}")


def check_prices(evidence: Evidence) -> Iterator[Violation]:
    """Each line costs what its source asks, and amounts are quantity × cost, rounded once."""
    world = evidence.world
    orders = evidence.frame("purchase_orders").merge(
        _lines_with_terms(evidence)[["line_id", "unit_cost", "currency"]].rename(
            columns={"unit_cost": "asked", "currency": "asked_in"}
        ),
        on="line_id",
        how="left",
    )
    items = world.frame("items").set_index("item_id")
    usual = orders["item_id"].map(items["unit_cost"]).to_numpy(float) * currency_rates(
        world, orders["item_id"].map(items["currency"]).tolist()
    )
    rates = currency_rates(world, orders["asked_in"].tolist())
    asked = orders["asked"].to_numpy(float) * rates
    expected = np.where(np.isnan(asked), usual, asked)
    expected = np.where(np.isnan(expected), 1.0, expected)
    breaks = evidence.world.frame("price_breaks").sort_values("from_quantity")
    by_key = {key: list(rows_of(rows)) for key, rows in breaks.groupby(["supplier_id", "item_id"], observed=True)}
    for row, own, rate in zip(rows_of(orders), expected, rates, strict=True):
        cost = _broken_price(own, row.quantity, rate, by_key.get((row.source_id, row.item_id), []))
        if abs(row.unit_cost - cost) > 1e-6:
            yield Violation("purchase_orders", row.line_id, f"unit cost {row.unit_cost:g}, its source asks {cost:g}")
        amount = line_amount(row.quantity, row.unit_cost, world.policy.currency)
        if row.amount != amount:
            texts = (shown(row.amount, world.policy.currency), shown(amount, world.policy.currency))
            yield Violation("purchase_orders", row.line_id, f"amount {texts[0]}, quantity × unit cost is {texts[1]}")


def _broken_price(own: float, quantity: float, rate: float, breaks: list[Any]) -> float:
    """Return what a unit of an order costs on average, added up from the last price break down.

    rate: what a unit of the currency of the breaks is worth in the policy's
    """
    left, paid = quantity, 0.0
    for row in reversed([one for one in breaks if one.unit_cost * rate < own and one.from_quantity <= quantity]):
        if row.kind == "all_units":
            return float(row.unit_cost * rate)
        paid += row.unit_cost * rate * max(left - row.from_quantity, 0.0)
        left = min(left, row.from_quantity)
    return float(paid + left * own) / quantity if quantity > 0 else own
