"""Do the reasons of orders and transfers hold? Their numbers recomputed from lines, stock to come and inputs."""

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from optimizer.plan.check import UNITS_TOLERANCE, Evidence, Violation
from optimizer.plan.ids import transfer_line_id
from optimizer.plan.settled import possible_lines
from scenarios.locks import Lock
from scenarios.money import minor_digits
from scenarios.sourcing import store_lanes
from scenarios.world import World, rows_of

_KEYS = ["item_id", "location_id"]
# Figures are kept to six decimals: a minor unit may be rounded the other way.
_MINOR = 1
_PLACE = {"purchase_orders": "location_id", "transfers": "to_location"}


@dataclass(frozen=True)
class _Course:
    """What the projection says of each pair: mean demand by date, and what is there today after what is given away."""

    demand: dict[tuple[str, str], "pd.Series[float]"]
    there: dict[tuple[str, str], float]
    today: date


def check_reasons(evidence: Evidence) -> Iterator[Violation]:
    """See that the numbers behind each line of today, ordered or not, follow from one another.

    need = max(order_up_to - position, 0), in whole packs of at least the minimum; without a rule that binds the
    quantity is the one best by itself, and neither a pack less nor one more costs less; position and demand wanted are
    those of the projection at stores where nothing must stay on the shelf and nothing ends.
    """
    minor = 10 ** minor_digits(evidence.world.policy.currency)
    ordered, keys = _today(evidence), possible_lines(evidence.world)
    course, plain = _course(evidence), _plain_pairs(evidence.world) - _not_brought(evidence)
    sources = Counter(key[1:3] for key in keys.values())
    for row in rows_of(evidence.frame("explanations")):
        numbers = json.loads(row.numbers) if row.numbers else {}
        if "order_up_to" not in numbers:
            continue
        line = ordered.get(row.line_id)
        said = list(_arithmetic(numbers, None if line is None else line.quantity))
        if line is not None:
            said += _money(numbers, row.money / minor, 1 / minor)
        key = keys.get(row.line_id)
        # Beside the source to which stock and later orders of a pair belong, a line counts and wants nothing.
        counts = key is not None and (sources[key[1:3]] == 1 or numbers["position"] or numbers["wanted"])
        if key is not None and counts and key[1:3] in plain:
            said += _against(course, key, numbers, line)
        for text in said:
            yield Violation("explanations", row.line_id, text)


def _today(evidence: Evidence) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in _PLACE:
        lines = evidence.frame(name)
        found |= {row.line_id: row for row in rows_of(lines[lines["status"] == "proposed"])}
    return found


def _arithmetic(numbers: dict[str, Any], quantity: float | None) -> Iterator[str]:
    need = max(numbers["order_up_to"] - numbers["position"], 0.0)
    if abs(need - numbers["need"]) > UNITS_TOLERANCE:
        yield f"needs {numbers['need']:g}, level and position make that {need:g}"
    wanted = max(numbers["need"], numbers["minimum"]) if numbers["need"] > 0 else 0.0
    packs = math.ceil(wanted / numbers["pack"] - UNITS_TOLERANCE) * numbers["pack"]
    if abs(packs - numbers["need_in_packs"]) > UNITS_TOLERANCE:
        yield f"needs {numbers['need_in_packs']:g} in packs, that is {packs:g}"
    if quantity is not None and abs(quantity - numbers["quantity"]) > UNITS_TOLERANCE:
        yield f"speaks of {numbers['quantity']:g}, the line has {quantity:g}"
    if not numbers["binding"] and abs(numbers["quantity"] - numbers["free_quantity"]) > UNITS_TOLERANCE:
        yield f"nothing binds, yet {numbers['quantity']:g} is not the {numbers['free_quantity']:g} best by itself"


def _money(numbers: dict[str, Any], stake: float, minor: float) -> Iterator[str]:
    less, more = numbers["cost_one_pack_less"], numbers["cost_one_pack_more"]
    if not numbers["binding"]:
        for words, cost in (("less", less), ("more", more)):
            if cost is not None and cost < numbers["cost"] - minor:
                yield f"a pack {words} would cost {numbers['cost'] - cost:.2f} less"
    expected = 0.0 if less is None else less - numbers["cost"]
    if abs(stake - expected) > _MINOR * minor:
        yield f"has {stake:.2f} at stake, a pack less costs {expected:.2f} more"


def _course(evidence: Evidence) -> _Course:
    table = evidence.frame("projection").sort_values([*_KEYS, "date"], kind="stable")
    today = evidence.world.plan_date
    demand = {
        (str(item), str(place)): rows.set_index("date")["demand_mean"].astype(float)
        for (item, place), rows in table.groupby(_KEYS, observed=True)
    }
    there = {
        (row.item_id, row.location_id): row.opening + row.receipts - row.shipped
        for row in rows_of(table[table["date"] == today])
    }
    return _Course(demand, there, today)


def _plain_pairs(world: World) -> set[tuple[str, str]]:
    """Return the pairs whose position is the stock that is there: at stores, with nothing that stays or ends."""
    kinds = world.frame("locations").set_index("location_id")["kind"]
    listed = world.frame("assortment")
    ends = world.frame("items").set_index("item_id")["discontinued_on"]
    going = listed["item_id"].map(ends).isna() & listed["listed_to"].isna()
    plain = going & ~(listed["presentation_min"] > 0) & (listed["location_id"].map(kinds) == "store")
    return set(zip(listed.loc[plain, "item_id"], listed.loc[plain, "location_id"], strict=True))


def _not_brought(evidence: Evidence) -> set[tuple[str, str]]:
    """Return the pairs that were to give to another store what no vehicle brings: it had left their position."""
    world, told = evidence.world, evidence.frame("explanations")
    left = set(told.loc[told["text"].str.contains("no vehicle brings it", regex=False), "line_id"])
    if not left:
        return set()
    pairs = evidence.frame("projection")[_KEYS].drop_duplicates()
    return {
        (row.item_id, row.location_id)
        for way in rows_of(store_lanes(world))
        for row in rows_of(pairs[pairs["location_id"] == way.from_location])
        if transfer_line_id(row.item_id, way.from_location, way.to_location, world.plan_date) in left
    }


def _against(course: _Course, key: Lock, numbers: dict[str, Any], line: Any) -> Iterator[str]:
    """Compare what a line counts with the projection, less what the line itself brings today."""
    pair = (key.item_id, key.location_id)
    if pair not in course.there:
        return
    there = course.there[pair] - (line.quantity if line is not None and line.due_on == course.today else 0.0)
    if abs(there - numbers["position"]) > UNITS_TOLERANCE:
        yield f"counts {numbers['position']:g} as there, the projection {there:g}"
    if line is None:
        return
    demand = course.demand[pair]
    wanted = float(demand[demand.index >= line.due_on].iloc[: int(numbers["cover_periods"])].sum())
    if abs(wanted - numbers["wanted"]) > UNITS_TOLERANCE * max(1.0, numbers["cover_periods"]):
        yield f"wants {numbers['wanted']:g} until the next arrival, the projection {wanted:g}"
