"""Do the changes of regular prices keep the policy: how many, how far, how often, average and revenue? No model."""

import json
from collections.abc import Iterator
from typing import Any

import pandas as pd

from optimizer.plan.check import Evidence, Violation
from optimizer.plan.check_prices import locked_pairs, price_facts, rounding_grant, rule_of
from scenarios.world import World, rows_of

_TABLE = "price_changes"
_LAST_DIGIT = 10
_AVERAGE_TOLERANCE = 0.002
_TOLERANCE = 1e-6


def check_regular_prices(evidence: Evidence) -> Iterator[Violation]:
    """Each change is within its band, keeps the last digit, and comes late enough; there are at most so many."""
    world, changes = evidence.world, evidence.frame(_TABLE)
    changes = changes[changes["kind"] == "regular"]
    if changes.empty:
        return
    items, rules, locked = world.frame("items").set_index("item_id"), world.frame("markdown_rules"), locked_pairs(world)
    facts = price_facts(world, changes)
    policy = world.policy
    for row in rows_of(changes):
        key = (row.item_id, row.location_id)
        for text in _wrong(world, row):
            yield Violation(_TABLE, row.line_id, text)
        rule = rule_of(rules, items, row.item_id)
        ends = rule is not None and (not pd.isna(rule.days_left) or not pd.isna(rule.exit_on))
        if ends or key in locked or len(facts.running(key, world.plan_date)):
            yield Violation(_TABLE, row.line_id, f"the price of {row.item_id} is ruled, locked or in a promotion today")
        if facts.regular(key, row.old_price) > row.old_price + _TOLERANCE:
            yield Violation(_TABLE, row.line_id, f"{row.old_price:g} is below the regular price already")
        moved = _last_change(facts.prices(key), world)
        if moved is not None and (world.plan_date - moved).days < policy.price_review_days:
            yield Violation(
                _TABLE, row.line_id, f"its price changed on {moved}, {policy.price_review_days} days are due"
            )
    groups = items["price_group"].reindex(changes["item_id"]).fillna("").to_numpy()
    own = [group or f"item {item}" for group, item in zip(groups, changes["item_id"], strict=True)]
    prices = list(changes.assign(own=own).groupby(["own", changes["old_price"].round(6)]))
    if len(prices) > policy.price_review_changes:
        text = f"changes {len(prices)} regular prices, {policy.price_review_changes} may be"
        yield Violation(_TABLE, "", text)
    for (name, _), rows in prices:
        if len(set(rows["new_price"])) > 1:
            yield Violation(_TABLE, "", f"{name} would have several regular prices where it had one")
    yield from _not_held(evidence, [rows.iloc[0] for _, rows in prices])


def _wrong(world: World, row: Any) -> Iterator[str]:
    """Yield what is wrong with the size of a change."""
    band, grant = world.policy.price_review_band, rounding_grant(world)
    if row.new_price <= 0.0 or abs(row.new_price - row.old_price) > band * row.old_price + grant:
        yield f"{row.new_price:g} is not within {band:.0%} of {row.old_price:g}"
    steps = (row.new_price - row.old_price) / (2.0 * (grant - _TOLERANCE) * _LAST_DIGIT)
    if abs(steps) < _TOLERANCE or abs(steps - round(steps)) > 1e-3:
        yield f"{row.new_price:g} does not keep the last digit of {row.old_price:g}"


def _last_change(prices: pd.DataFrame, world: World) -> Any:
    """Return the day on which the price in force began, None where it is the first known."""
    prices = prices[prices["valid_from"] <= world.plan_date]
    moved = prices[prices["price"] != prices["price"].shift()]
    return moved["valid_from"].iloc[-1] if len(moved) > 1 else None


def _not_held(evidence: Evidence, changes: list[Any]) -> Iterator[Violation]:
    """Yield where revenue or average price are not held; units as the explanations tell them, a row for each price."""
    told = evidence.frame("explanations").set_index("line_id")["numbers"]
    revenue = 0.0
    for row in changes:
        if row.line_id in told.index:
            numbers = json.loads(told[row.line_id])
            revenue += row.new_price * numbers["units_then"] - row.old_price * numbers["units_now"]
    if revenue < -0.01 * len(changes):
        yield Violation(_TABLE, "", f"regular prices are expected to lose {-revenue:,.2f} of revenue")
    average = evidence.certificate.get("decisions", {}).get("price review", {}).get("average_price", 1.0)
    if abs(average - 1.0) > _AVERAGE_TOLERANCE + _TOLERANCE:
        yield Violation(_TABLE, "", f"the average of regular prices moves by {average - 1.0:+.2%}")
