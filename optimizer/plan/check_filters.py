"""Do the filters' tables add up? Totals in = kept + taken out, holds that may be, one segment a member, true moves."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from optimizer.plan.check import UNITS_TOLERANCE, Evidence, Violation
from scenarios.money import minor_digits
from scenarios.segment_policies import PLACE, SERVICE
from scenarios.shelf_life import bringing_nothing
from scenarios.tariff import currency_rates
from scenarios.world import World, rows_of

# Totals are sums of figures that are each rounded to six places.
_TOTALS_TOLERANCE = 1e-3
# Rates are rounded to six places.
_RATE = 1e-5


def check_excluded(evidence: Evidence) -> Iterator[Violation]:
    """Check that each excluded row keeps no more than it had, for a reason, and that the stated totals are theirs."""
    table = evidence.frame("excluded_rows")
    units, kept = table["units"], table["kept"]
    wrong = (kept < -UNITS_TOLERANCE) | ~(kept < units - 1e-9)
    for row in rows_of(table[wrong]):
        yield Violation("excluded_rows", row.row_key, f"keeps {row.kept:g} of {row.units:g}")
    for row in rows_of(table[table["reason"].fillna("") == ""]):
        yield Violation("excluded_rows", row.row_key, "gives no reason")
    for row in rows_of(table[table["money"] < 0]):
        yield Violation("excluded_rows", row.row_key, "takes out goods of less than no money")
    yield from _totals(evidence, float((units - kept).sum()), int(table["money"].sum()))


def _totals(evidence: Evidence, out: float, money: int) -> Iterator[Violation]:
    """Compare what `exceptions` says of the history with the rows of `excluded_rows`."""
    said = {row.subject: row for row in rows_of(evidence.frame("exceptions")) if row.subject.startswith("history ")}
    total = said.pop("history totals", None)
    said.pop("history missing", None)
    if total is None:
        if out > _TOTALS_TOLERANCE:
            yield Violation("exceptions", "history totals", f"does not tell of {out:g} units taken out")
        return
    numbers = json.loads(total.numbers)
    stated = {"rows": (float(numbers["out"]), int(total.money))}
    stated["kinds"] = (
        sum(json.loads(r.numbers)["units"] for r in said.values()),
        sum(int(r.money) for r in said.values()),
    )
    for units, amount in stated.values():
        if abs(units - out) > _TOTALS_TOLERANCE or amount != money:
            yield Violation(
                "excluded_rows", "", f"{out:g} units and {money} of money, but {units:g} and {amount} are told"
            )
    rest = numbers["ordered"] - numbers["kept"] - numbers["out"]
    if abs(rest) > _TOTALS_TOLERANCE:
        yield Violation("exceptions", "history totals", f"{rest:g} units are neither kept nor taken out")


def check_holds(evidence: Evidence) -> Iterator[Violation]:
    """Check that held orders have a delivery ahead, are not known to be honest, and that queues have time for theirs.

    Orders without a queue need no review: known frauds and orders of which nothing is left.
    """
    world, holds = evidence.world, evidence.frame("order_holds")
    deliveries = world.frame("deliveries")
    ahead = set(deliveries.loc[deliveries["state"].fillna("new").isin(["new", "promised"]), "order_id"].dropna())
    for row in rows_of(holds):
        if row.order_id not in ahead:
            yield Violation("order_holds", row.order_id, "is no order with a delivery ahead")
        if not 0 <= row.probability <= 1:
            yield Violation("order_holds", row.order_id, f"has probability {row.probability:g}")
        if not row.money >= 0 or not row.reason:
            yield Violation("order_holds", row.order_id, "has less than no money at stake, or no reason")
    for name in holds["order_id"][holds["order_id"].duplicated()]:
        yield Violation("order_holds", name, "is held twice")
    yield from _ratio(world, holds)
    yield from _labels(holds, world.frame("fraud_labels"), pd.Timestamp(world.plan_date))
    # One review looks at all held orders of a customer; an order of nobody is a review of its own.
    each = holds.assign(customer=holds["customer_id"].where(holds["customer_id"].notna(), "\n" + holds["order_id"]))
    reviews = each.dropna(subset=["queue"]).drop_duplicates(["queue", "customer"])
    yield from _queues(reviews, world.frame("review_queues").set_index("queue"))


def _ratio(world: World, holds: pd.DataFrame) -> Iterator[Violation]:
    """Check that honest orders of no group are expected to wait more often than `hold_ratio` times those of all."""
    ratio, deliveries = world.policy.hold_ratio, world.frame("deliveries")
    if ratio is None:
        return
    is_ahead = deliveries["state"].fillna("new").isin(["new", "promised"])
    names = set(deliveries.loc[is_ahead, "order_id"].dropna()) - set(deliveries.loc[~is_ahead, "order_id"].dropna())
    lines = world.frame("transactions")
    asks = (lines["units"] > 0) | (lines["units"].isna() & (lines["amount"] > 0))
    early = ~(pd.to_datetime(lines["ordered_at"]) >= pd.Timestamp(world.plan_date))
    lines = lines[asks & early & lines["cancels_order_id"].isna() & lines["order_id"].isin(names)]
    orders = lines.drop_duplicates("order_id").set_index("order_id")["customer_id"]
    group = orders.map(world.frame("customers").dropna(subset=["group"]).set_index("customer_id")["group"])
    waits = (
        (1.0 - holds.dropna(subset=["queue"]).set_index("order_id")["probability"]).reindex(orders.index).fillna(0.0)
    )
    for name, mine in waits.groupby(group):
        if mine.mean() > ratio * waits.mean() + UNITS_TOLERANCE:
            text = f"honest orders wait at {mine.mean():.4f}, more than {ratio:g} times {waits.mean():.4f}"
            yield Violation("order_holds", str(name), text)


def _labels(holds: pd.DataFrame, labels: pd.DataFrame, today: pd.Timestamp) -> Iterator[Violation]:
    known = labels[~(pd.to_datetime(labels["known_at"]) >= today)].dropna(subset=["is_fraud"])
    says = dict(zip(known["order_id"], known["is_fraud"].astype(bool), strict=True))
    for row in rows_of(holds):
        reviewed = isinstance(row.queue, str)
        if reviewed and row.order_id in says:
            yield Violation("order_holds", row.order_id, "is reviewed although it is known what it is")
        if not reviewed and row.probability >= 1 and not says.get(row.order_id, False):
            yield Violation("order_holds", row.order_id, "is held as a known fraud, which it is not")


def _queues(holds: pd.DataFrame, queues: pd.DataFrame) -> Iterator[Violation]:
    for name, count in holds["queue"].value_counts().items():
        minutes = float(queues["minutes_per_day"].get(name, float("nan")))
        each = float(queues["minutes_per_review"].get(name, float("nan")))
        if not count * each <= minutes + UNITS_TOLERANCE:
            yield Violation("order_holds", str(name), f"{count} reviews of {each:g} minutes do not fit {minutes:g}")


def check_levels(evidence: Evidence) -> Iterator[Violation]:
    """Check that levels were chosen for groups that have members, within the money that the certificate names."""
    levels, groups = evidence.frame("segment_levels"), evidence.frame("segments")
    if levels.empty:
        return
    count = groups.loc[groups["kind"] == SERVICE, "segment"].value_counts()
    for row in rows_of(levels[levels["pairs"] != levels["segment"].map(count).fillna(0)]):
        yield Violation("segment_levels", row.segment, f"has {count.get(row.segment, 0)} pairs, not {row.pairs}")
    proof = evidence.certificate["decisions"].get("service_levels")
    if proof is None:
        yield Violation("segment_levels", "", "no certificate tells of them")
        return
    minor = 10 ** minor_digits(evidence.world.policy.currency)
    # Each segment is rounded to a minor unit. Where no choice fits, the lowest levels stand and the proof says so.
    if proof["fits"] and levels["stock"].sum() > proof["budget"] * minor + len(levels):
        yield Violation("segment_levels", "", f"stock {levels['stock'].sum()} is above {proof['budget'] * minor:.0f}")
    if abs(levels["lost_units"].sum() - proof["objective"]) > _TOTALS_TOLERANCE:
        yield Violation("segment_levels", "", f"{levels['lost_units'].sum():g} lost, not {proof['objective']:g}")


def check_segments(evidence: Evidence) -> Iterator[Violation]:
    """Check that every item has one segment, and that a move leads to another segment, the one in `segments`."""
    groups = evidence.frame("segments")
    if groups.empty and "segments" in evidence.run["without"]:
        return
    items = set(groups.loc[groups["kind"] == "item", "member_id"])
    for name in sorted(set(evidence.world.frame("items")["item_id"]) - items):
        yield Violation("segments", name, "has no segment")
    given = evidence.world.frame("locations").set_index("location_id")["cluster"].dropna()
    for row in rows_of(groups[groups["kind"] == PLACE]):
        if given.get(row.member_id, row.segment) != row.segment:
            yield Violation("segments", row.member_id, f"is in {row.segment}, its cluster is {given[row.member_id]}")
    for row in rows_of(groups[groups["segment"].isna() | groups["reason"].isna()]):
        yield Violation("segments", row.member_id, "has an empty segment or no reason")
    now: dict[Any, Any] = dict(
        zip(zip(groups["kind"], groups["member_id"], strict=True), groups["segment"], strict=True)
    )
    for row in rows_of(evidence.frame("segment_moves")):
        if row.old_segment == row.new_segment or now.get((row.kind, row.member_id)) != row.new_segment:
            yield Violation("segment_moves", row.member_id, f"moves from {row.old_segment} to {row.new_segment}")


def without_goods(evidence: Evidence) -> set[str]:
    """Return the orders that are given nothing: all their lines of units above 0 stand in `rationed` with nothing."""
    table, orders = evidence.frame("rationed"), evidence.world.frame("transactions")
    empty = set(table.loc[table["given"] <= 0, "order_id"]) - set(table.loc[table["given"] > 0, "order_id"])
    rationed = set(zip(table["order_id"], table["line"], strict=True))
    for row in rows_of(orders[orders["order_id"].isin(empty)]):
        asks = row.units > 0 or (pd.isna(row.units) and _amount(row) > 0)
        if asks and (row.order_id, row.line) not in rationed and not _taken_back(orders, row):
            empty.discard(row.order_id)
    return empty


def _amount(row: Any) -> float:
    return 0.0 if pd.isna(row.amount) else float(row.amount)


def _taken_back(orders: pd.DataFrame, row: Any) -> bool:
    """Tell whether a cancellation may have taken the line back: one that names its order, or of its customer's item."""
    same = (orders["customer_id"] == row.customer_id) & (orders["item_id"] == row.item_id)
    cancels = orders["cancels_order_id"] == row.order_id
    return bool((cancels | ((orders["units"] < 0) & (same | (orders["order_id"] == row.order_id)))).any())


def check_rationed(evidence: Evidence) -> Iterator[Violation]:
    """Check that no place gives more than it has, none more than is asked, and that no dearer line waits for a cheaper.

    What is there, what is asked and what a unit short weighs are counted anew from the inputs.
    """
    table, world = evidence.frame("rationed"), evidence.world
    if table.empty:
        return
    orders = world.frame("transactions").set_index(["order_id", "line"])
    due = _due_today(world)
    for row in rows_of(table):
        known = row.order_id in due and (row.order_id, row.line) in orders.index
        source = orders.loc[(row.order_id, row.line)] if known else None
        if source is None or (source["item_id"], source["location_id"]) != (row.item_id, row.location_id):
            yield Violation("rationed", row.order_id, "is no line of an order due today")
            continue
        if not 0 <= row.given <= row.asked <= source["units"] + UNITS_TOLERANCE:
            text = f"gets {row.given:g} of {row.asked:g} units, {source['units']:g} ordered"
            yield Violation("rationed", row.order_id, text)
        value, money = _weight(evidence, row, source, due[row.order_id])
        minor = 10 ** minor_digits(world.policy.currency)
        if abs(value - row.value) > _RATE or abs(money * minor * (row.asked - row.given) - row.money) > 1:
            yield Violation("rationed", row.order_id, f"weighs {row.value:g} and {row.money}, not {value:g}")
    for (item, place), mine in table.groupby(["item_id", "location_id"]):
        there = _goods_there(world, str(item), str(place))
        yield from _shared_out(evidence, f"{item} {place}", mine, there)


def _due_today(world: World) -> dict[str, int]:
    """Return the orders with a delivery today and none on its way or done, and their highest priority."""
    due: dict[str, int] = {}
    gone = set()
    for row in rows_of(world.frame("deliveries")):
        if row.state not in ("new", "promised"):
            gone.add(row.order_id)
        elif row.service_date == world.plan_date and pd.isna(row.pickup_of) and isinstance(row.order_id, str):
            due[row.order_id] = max(due.get(row.order_id, -(10**9)), int(row.priority))
    return {name: priority for name, priority in due.items() if name not in gone}


def _weight(evidence: Evidence, row: Any, source: "pd.Series[Any]", priority: int) -> tuple[float, float]:
    """Return the value of a unit short of a line, and its money: both in the policy's currency."""
    world, groups = evidence.world, evidence.frame("segments")
    mine = groups.loc[(groups["kind"] == "customer") & (groups["member_id"] == row.customer_id), "segment"]
    policies = world.frame("segment_policies")
    promise = policies[policies["segment"].isin(mine)]
    rate = float(currency_rates(world, [source["currency"]])[0])
    rate = 1.0 if pd.isna(rate) else rate
    item = world.frame("items").set_index("item_id").loc[row.item_id]
    choices = [
        *promise["shortage_cost"].astype(float),
        float(source["unit_price"]) * rate,
        float(source["amount"]) * rate / float(source["units"]),
        float(item["list_price"]) * float(currency_rates(world, [item["currency"]])[0]),
        0.0,
    ]
    money = next(choice for choice in choices if not pd.isna(choice))
    if len(promise) and not priority and not pd.isna(promise["delivery_priority"].iloc[0]):
        priority = int(promise["delivery_priority"].iloc[0])
    return money * (1 + max(priority, 0)), money


def _goods_there(world: World, item: str, place: str) -> float:
    """Return the units of an item at a place that can be sold today: counted and not blocked, or received today."""
    there, pair = 0.0, (item, place)
    for row in rows_of(world.frame("stock")):
        if (row.item_id, row.location_id) == pair and (pd.isna(row.expires_on) or row.expires_on >= world.plan_date):
            there += float(row.on_hand) - float(row.held)
    there = max(there, 0.0)
    orders = world.frame("open_orders")
    for row in rows_of(orders[(bringing_nothing(world) == "").to_numpy()]):
        if (row.item_id, row.location_id) == pair and row.due_on <= world.plan_date:
            there += float(row.quantity)
    return there


def _shared_out(evidence: Evidence, name: str, mine: pd.DataFrame, there: float) -> Iterator[Violation]:
    """Compare what the lines of an item at a place get with what is there, and with each other."""
    given, asked, value = (mine[column].to_numpy(float) for column in ("given", "asked", "value"))
    if given.sum() > there + UNITS_TOLERANCE:
        yield Violation("rationed", name, f"gives {given.sum():g} of {there:g} units")
    if not asked.sum() > there:
        yield Violation("rationed", name, f"{there:g} units are there, only {asked.sum():g} are asked for")
    waits = given < asked - UNITS_TOLERANCE
    dearest = float(value[waits].max()) if waits.any() else 0.0
    if ((given > 0) & (value < dearest - _RATE)).any():
        yield Violation("rationed", name, "a dearer line waits for a cheaper one")
    if not np.allclose(mine["price"].to_numpy(float), dearest, atol=_RATE):
        yield Violation("rationed", name, f"the price of one more unit is {dearest:g}")
    steps = evidence.world.frame("items").set_index("item_id")["unit_step"]
    if waits.any() and there - given.sum() >= float(steps[mine["item_id"].iloc[0]]) - UNITS_TOLERANCE:
        yield Violation("rationed", name, f"{there - given.sum():g} units are left while orders wait")
