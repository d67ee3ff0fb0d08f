"""Do the reasons of price changes hold? Their numbers recomputed from the lines and from one another."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

from optimizer.plan.check import UNITS_TOLERANCE, Evidence, Violation
from scenarios.money import minor_digits
from scenarios.world import rows_of

_CLEARANCE, _STICKER = "clearance", "sticker"


def check_price_reasons(evidence: Evidence) -> Iterator[Violation]:
    """See that the numbers behind each price of today follow from one another and speak of the line's own prices.

    What is sold and what is left are what is there; a missed target is missed by target less sold; the money of a
    clearance is its value less that at today's price; the decided rung of the ladder is the new price.
    """
    minor = 10 ** minor_digits(evidence.world.policy.currency)
    told = {row.line_id: row for row in rows_of(evidence.frame("explanations"))}
    for line in rows_of(evidence.frame("price_changes")):
        row = told.get(line.line_id)
        if row is None or not row.numbers:
            continue
        numbers, said = json.loads(row.numbers), list[str]()
        if line.kind == _CLEARANCE and "sold" in numbers:
            said += _clearance(line, numbers, row.money / minor, 1 / minor)
        if line.kind in (_CLEARANCE, _STICKER) and numbers.get("ladder"):
            said += _rung(line, numbers["ladder"])
        for text in said:
            yield Violation("explanations", line.line_id, text)


def _clearance(line: Any, numbers: dict[str, Any], money: float, minor: float) -> Iterator[str]:
    if abs(numbers["price_today"] - line.old_price) > UNITS_TOLERANCE:
        yield f"starts from {numbers['price_today']:g}, the line from {line.old_price:g}"
    first = numbers["changes"][0] if numbers["changes"] else ["", line.new_price]
    if abs(first[1] - line.new_price) > UNITS_TOLERANCE:
        yield f"begins with {first[1]:g}, the line says {line.new_price:g}"
    there = numbers["sold"] + numbers["left"]
    if abs(there - numbers["stock"]) > UNITS_TOLERANCE:
        yield f"sells and leaves {there:g} of {numbers['stock']:g}"
    missed = max(numbers["sell_through_target"] - numbers["sold"], 0.0)
    if abs(missed - numbers["short_of_target"]) > UNITS_TOLERANCE:
        yield f"misses its target by {numbers['short_of_target']:g}, that is {missed:g}"
    gain = numbers["value"] - numbers["value_at_todays_price"]
    if abs(gain - money) > minor:
        yield f"brings {money:.2f}, the values differ by {gain:.2f}"


def _rung(line: Any, ladder: list[dict[str, Any]]) -> Iterator[str]:
    decided = [rung["price"] for rung in ladder if rung["beside"] == 0]
    if len(decided) != 1 or abs(decided[0] - line.new_price) > UNITS_TOLERANCE:
        yield f"names {decided} as decided, the line says {line.new_price:g}"
    order = [rung["price"] for rung in sorted(ladder, key=lambda rung: float(rung["beside"]))]
    if any(later >= before for before, later in itertools.pairwise(order)):
        yield f"its rungs {order} do not fall"
    if any(rung["sold_low"] > rung["sold_high"] for rung in ladder):
        yield "expects sales in a band that is none"
