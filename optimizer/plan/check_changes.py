"""Does the plan keep what was settled before it? Locked lines, frozen orders, the price of changes."""

from collections.abc import Iterator

import pandas as pd

from optimizer.plan.check import UNITS_TOLERANCE, Evidence, Violation
from optimizer.plan.settled import locked_today
from scenarios.locks import Lock
from scenarios.money import shown, to_minor
from scenarios.sourcing import store_lanes, valid_sources
from scenarios.tariff import currency_rates
from scenarios.world import World, rows_of

_KEYS = ["item_id", "location_id"]


def moved_lines(evidence: Evidence) -> pd.DataFrame:
    """Return orders and transfers with columns table, line_id, item_id, location_id, source_id, order_on, quantity."""
    columns = ["line_id", *_KEYS, "source_id", "order_on", "due_on", "quantity", "status"]
    moves = evidence.frame("transfers").rename(
        columns={"from_location": "source_id", "to_location": "location_id", "ship_on": "order_on"}
    )
    named = {"purchase_orders": evidence.frame("purchase_orders"), "transfers": moves}
    parts = [lines[columns].assign(table=name) for name, lines in named.items()]
    filled = [part for part in parts if len(part)] or parts[:1]
    return pd.concat(filled, ignore_index=True).fillna({"source_id": ""})


def check_locks(evidence: Evidence) -> Iterator[Violation]:
    """Locked and overridden lines stand in the plan as they were set, wherever the pair can be ordered at all.

    A lock on a source that the pair does not use today is told as a conflict, and nothing may stand in its place.
    """
    lines, told = moved_lines(evidence), set(evidence.frame("exceptions").query("kind == 'conflict'")["subject"])
    today, planned = lines[lines["status"] == "proposed"], evidence.frame("projection")[_KEYS].drop_duplicates()
    pairs = set(planned.itertuples(index=False, name=None))
    for lock, wanted in locked_today(evidence.world).items():
        mine = today[(today["table"] == lock.table) & (today[_KEYS] == list(lock[1:3])).all(axis=1)]
        if lock.source_id:
            mine = mine[mine["source_id"] == lock.source_id]
        quantity = float(mine["quantity"].sum())
        unheard = quantity == 0 and f"lock {lock.table} {lock.item_id} {lock.location_id}" in told
        stands = tuple(lock[1:3]) in pairs and can_stand(evidence.world, lock) and not unheard
        if stands and abs(quantity - wanted) > UNITS_TOLERANCE:
            text = f"is locked at {wanted:g}, the plan has {quantity:g}"
            yield Violation(lock.table, f"{lock.item_id} {lock.location_id}", text)


def can_stand(world: World, lock: Lock) -> bool:
    """Return whether anybody delivers what is locked."""
    if lock.table == "transfers" and lock.source_id:
        lanes = store_lanes(world)
        if ((lanes["from_location"] == lock.source_id) & (lanes["to_location"] == lock.location_id)).any():
            return True
    if not world.has("sources"):
        return lock.table == "purchase_orders"
    sources = valid_sources(world)
    mine = sources[(sources[_KEYS] == list(lock[1:3])).all(axis=1)]
    kind = "dc" if lock.table == "transfers" else "supplier"
    return bool((mine["source_kind"] == kind).any()) and (
        not lock.source_id or lock.source_id in set(mine["source_id"])
    )


def check_changes(evidence: Evidence) -> Iterator[Violation]:
    """Frozen lines stand as they were; each change of today costs what the policy says, once, as a penalty."""
    world, changes, lines = evidence.world, evidence.frame("order_changes"), moved_lines(evidence)
    now = lines.set_index("line_id")["quantity"]
    now = now[~now.index.duplicated()]
    booked = evidence.frame("costs").query("component == 'change'").set_index("line_id")["amount"]
    rates, locked = _unit_costs(world), locked_today(world)
    for row in rows_of(changes):
        quantity = float(now.get(row.line_id, 0.0))
        if abs(quantity - row.quantity) > UNITS_TOLERANCE:
            yield Violation("order_changes", row.line_id, f"says {row.quantity:g}, the line has {quantity:g}")
        moved = abs(quantity - row.before)
        if row.frozen and moved > UNITS_TOLERANCE:
            yield Violation("order_changes", row.line_id, f"is frozen at {row.before:g}, the plan has {quantity:g}")
        own = Lock("", row.item_id, row.location_id)
        free = not row.frozen and not any(lock[1:3] == own[1:3] for lock in locked)
        rate = rates.get((row.item_id, row.location_id, row.source_id or ""))
        if not free or rate is None:
            continue
        money = world.policy.change_cost + world.policy.change_rate * rate * moved if moved > UNITS_TOLERANCE else 0.0
        due = to_minor(money, world.policy.currency)
        if int(booked.get(row.line_id, 0)) != due or row.amount != due:
            text = f"the change from {row.before:g} to {quantity:g} should cost {shown(due, world.policy.currency)}"
            yield Violation("order_changes", row.line_id, text)
    for line in set(booked.index) - set(changes["line_id"]):
        yield Violation("costs", str(line), "books a change that is none")


def _unit_costs(world: World) -> dict[tuple[str, str, str], float]:
    """Return what a unit of each line costs without price breaks, in the policy's currency."""
    items = world.frame("items").set_index("item_id")
    usual = (items["unit_cost"].astype(float) * currency_rates(world, items["currency"].tolist())).to_dict()
    sources = valid_sources(world)
    asked = sources["unit_cost"].to_numpy(float) * currency_rates(world, sources["currency"].tolist())
    rates = {}
    for row, cost in zip(rows_of(sources), asked, strict=True):
        own = usual.get(row.item_id, float("nan")) if pd.isna(cost) else cost
        rates[row.item_id, row.location_id, row.source_id] = 1.0 if pd.isna(own) else float(own)
    return rates
