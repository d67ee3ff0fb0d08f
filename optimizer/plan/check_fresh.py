"""Do the stickers on units near their last day keep the rules of the tables? No model."""

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pandas as pd

from optimizer.plan.check import Evidence, Violation, free_stock
from optimizer.plan.check_prices import locked_pairs, off_ladder, off_step, price_facts, rule_of
from scenarios.shelf_life import bringing_nothing, sale_days
from scenarios.world import rows_of

_TABLE = "price_changes"
_KEYS = ["item_id", "location_id"]


def check_stickers(evidence: Evidence) -> Iterator[Violation]:
    """Each sticker has a rule, units that expire as it says, a price of its ladder, and keeps step and first day."""
    world, changes = evidence.world, evidence.frame(_TABLE)
    stickers = changes[changes["kind"] == "sticker"]
    if stickers.empty:
        return
    items, rules = world.frame("items").set_index("item_id"), world.frame("markdown_rules")
    ladders = dict(iter(world.frame("price_ladders").groupby("ladder_id")))
    dcs = set(world.frame("locations").query("kind == 'dc'")["location_id"])
    facts, locked, ends = price_facts(world, stickers), locked_pairs(world), _last_days(evidence)
    for row in rows_of(stickers):
        rule = rule_of(rules, items, row.item_id)
        if rule is None or pd.isna(rule.days_left) or row.location_id in dcs:
            yield Violation(_TABLE, row.line_id, f"{row.item_id} at {row.location_id} has no rule for stickers")
            continue
        last = world.plan_date + timedelta(days=int(rule.days_left) - 1)
        if row.expires_by != last:
            yield Violation(_TABLE, row.line_id, f"is for units until {row.expires_by}, the rule says {last}")
        own = ends[(ends["item_id"] == row.item_id) & (ends["location_id"] == row.location_id)]
        due = float(own.loc[own["expires_on"] <= row.expires_by, "units"].sum())
        if due <= 0.0 or (not pd.isna(rule.min_stock) and due < rule.min_stock):
            yield Violation(_TABLE, row.line_id, f"{due:g} units of {row.item_id} expire by {row.expires_by}")
        if (row.item_id, row.location_id) not in locked:
            off = off_ladder(world, facts, ladders.get(rule.ladder_id), rule.ending, row)
            for text in (*off, *off_step(world, rule, row)):
                yield Violation(_TABLE, row.line_id, text)


def _last_days(evidence: Evidence) -> pd.DataFrame:
    """Return units that can be sold today with the last day they can: in stock, or due by today.

    What is due and names no last day is as fresh as its source brings it.
    """
    world = evidence.world
    rows = [free_stock(evidence).dropna(subset=["expires_on"])[[*_KEYS, "expires_on", "units"]]]
    end = world.plan_date + timedelta(days=world.periods.days - 1)
    orders = world.frame("open_orders")
    due = orders[(orders["due_on"] <= end) & (bringing_nothing(world) == "").to_numpy()]
    fresh = [
        None if np.isinf(days) else world.plan_date + timedelta(days=int(days) - 1) for days in sale_days(world, due)
    ]
    told = due["expires_on"].where(due["expires_on"].notna(), pd.Series(fresh, index=due.index, dtype=object))
    due = due.assign(expires_on=told, units=due["quantity"]).dropna(subset=["expires_on"])
    rows.append(due[[*_KEYS, "expires_on", "units"]])
    ends = pd.concat([part for part in rows if len(part)] or rows[:1], ignore_index=True)
    return ends[ends["expires_on"].map(lambda day: day >= world.plan_date)]
