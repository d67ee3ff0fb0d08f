"""Do price changes keep what ties prices to each other: price groups, pack sizes, competitors? No model."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pandas as pd

from optimizer.plan.check import Evidence, Violation
from optimizer.plan.check_prices import (
    by_hand,
    cleared_changes,
    locked_pairs,
    one_price_pairs,
    price_facts,
    price_in_force,
    rounding_grant,
    rule_of,
)
from optimizer.plan.ids import stable_id
from scenarios.assortment import listed_pairs
from scenarios.world import rows_of

_TABLE = "price_changes"
_KEYS = ["item_id", "location_id"]
_STALE_DAYS = 28
_TOLERANCE = 1e-6


def check_price_groups(evidence: Evidence) -> Iterator[Violation]:
    """All that has one price under a rule and ladder, at one place or over its zone, changes to it, or nothing does."""
    world, changes = evidence.world, cleared_changes(evidence)
    items, rules, locked = world.frame("items").set_index("item_id"), world.frame("markdown_rules"), locked_pairs(world)
    explained = set(evidence.frame("explanations")["line_id"])
    asked = {(row.item_id, row.location_id): row for row in rows_of(changes)}
    for key, row in asked.items():
        rule = rule_of(rules, items, key[0])
        if key in locked or rule is None:
            continue
        for mate in sorted(one_price_pairs(world, items, *key) - {key} - set(locked)):
            other = rule_of(rules, items, mate[0])
            if other is None or (other.ladder_id, other.one_price_over) != (rule.ladder_id, rule.one_price_over):
                continue
            what = f"{mate[0]} at {mate[1]}"
            if mate in asked and abs(asked[mate].new_price - row.new_price) > _TOLERANCE and key < mate:
                yield Violation(
                    _TABLE,
                    row.line_id,
                    f"asks {row.new_price:g}, {what} asks {asked[mate].new_price:g}: they have one price",
                )
            elif mate not in asked and stable_id("price", *mate, world.plan_date) in explained:
                yield Violation(_TABLE, row.line_id, f"falls, and {what}, which has one price with it, does not")


def check_price_families(evidence: Evidence) -> Iterator[Violation]:
    """No change makes a larger pack dearer per content than a smaller one at its place, where it was not before."""
    world, changes = evidence.world, cleared_changes(evidence)
    items = world.frame("items").set_index("item_id")
    new = {(row.item_id, row.location_id): row.new_price for row in rows_of(changes)}
    free = by_hand(world, items)
    packs = items[items["family"].fillna("").ne("") & items["pack_content"].notna()]
    relatives = {name: rows["pack_content"].astype(float).to_dict() for name, rows in packs.groupby("family")}
    content = {item: size for sizes in relatives.values() for item, size in sizes.items()}
    cleared = changes[changes["item_id"].isin(content)]
    places = cleared["location_id"].unique()
    pairs = pd.DataFrame([(item, place) for item in content for place in places], columns=_KEYS)
    facts = price_facts(world, pairs)
    # What a customer can compare it with.
    listed = set(listed_pairs(world)[_KEYS].itertuples(index=False, name=None))
    for row in rows_of(cleared):
        place = row.location_id
        if (row.item_id, place) in free:
            continue
        for other, size in relatives[items.loc[row.item_id, "family"]].items():
            if size <= content[row.item_id] or (other, place) not in listed:
                continue
            before = price_in_force(facts, (str(other), place), world.plan_date)
            now = new.get((other, place), before)
            if now is None or before is None:
                continue
            rates = now / size, row.new_price / content[row.item_id]
            was = before / size - row.old_price / content[row.item_id]
            # Prices are whole minor units, and so may be off by half a one of each pack.
            grant = rounding_grant(world) * (1.0 / size + 1.0 / content[row.item_id])
            if rates[0] - rates[1] > max(was, 0.0) + grant:
                yield Violation(_TABLE, row.line_id, f"makes {other}, the larger pack, dearer per content at {place}")


def check_competitor_band(evidence: Evidence) -> Iterator[Violation]:
    """Find changed prices outside the band around what competitors ask, where that was seen lately."""
    world, changes = evidence.world, cleared_changes(evidence)
    items = world.frame("items").set_index("item_id")
    free = by_hand(world, items)
    seen = world.frame("competitor_prices").dropna(subset=["price"])
    seen = seen[(seen["date"] <= world.plan_date) & (seen["date"] >= world.plan_date - timedelta(days=_STALE_DAYS))]
    last = seen.sort_values("date", kind="stable").groupby(["item_id", "competitor"])["price"].last()
    usual = last.groupby("item_id").median()
    for row in rows_of(changes):
        rule = rule_of(world.frame("markdown_rules"), items, row.item_id)
        if rule is None or pd.isna(rule.competitor_band) or row.item_id not in usual:
            continue
        if (row.item_id, row.location_id) in free:
            continue
        price, band = float(usual[row.item_id]), float(rule.competitor_band)
        if abs(row.new_price - price) > band * price + _TOLERANCE:
            yield Violation(
                _TABLE, row.line_id, f"{row.new_price:g} is not within {band:.0%} of competitors' {price:g}"
            )


def check_cannibalisation(evidence: Evidence) -> Iterator[Violation]:
    """Explanations add up to what the certificate says that cleared items take from neighbours."""
    total = evidence.certificate.get("decisions", {}).get("markdown", {}).get("cannibalisation")
    if total is None:
        return
    told = [json.loads(text) for text in evidence.frame("explanations")["numbers"].dropna() if "cannibalised" in text]
    for name, end in (("units", ""), ("low", "_low"), ("high", "_high")):
        found = sum(float(numbers[f"cannibalised{end}"]) for numbers in told)
        if abs(found - total[name]) > _TOLERANCE * max(len(told), 1):
            yield Violation(
                "certificate.json", "markdown", f"cannibalisation {name} {total[name]:g} should be {found:g}"
            )
    for numbers in told:
        ends = sorted((numbers["cannibalised_low"], numbers["cannibalised_high"]))
        if not ends[0] - _TOLERANCE <= numbers["cannibalised"] <= ends[1] + _TOLERANCE:
            what = f"{numbers['item_id']} at {numbers['location_id']}"
            yield Violation("explanations", what, "takes units from its neighbours outside its own interval")
