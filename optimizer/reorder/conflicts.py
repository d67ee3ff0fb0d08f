"""Wishes that cannot all be met: locked lines against the rules that lines share, in business words."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.plan.exceptions import ExceptionRow
from optimizer.plan.settled import locked_today, possible_lines
from optimizer.reorder.inputs import Given, shelf_room
from optimizer.reorder.rules import BUDGET
from scenarios.locks import Lock, unknown_lines
from scenarios.money import shown
from scenarios.supplier_terms import supplier_terms
from scenarios.world import rows_of

FloatArray = npt.NDArray[np.float64]
_SLACK = 1e-6
_MINIMA = {"min_order_value": "unit_cost", "min_order_units": None, "min_order_kg": "weight_kg"}


def conflicts(given: Given, orders: pd.DataFrame) -> list[ExceptionRow]:
    """Return where settled lines alone break a rule: the fewest lines that do, and by how much the rule gives way.

    A settled line (locked, set by a planner, frozen) stays; the rule is taken as used up, and what it is passed by
    stands here as the price.
    """
    return [*_unheard(given), *_closed(given), *_overdrawn(given), *_overfull(given), *_below_minimum(given, orders)]


def _unheard(given: Given) -> Iterator[ExceptionRow]:
    """Yield the locks of lines that there are none of."""
    lines = given.terms.lines
    kinds = np.where(lines["source_kind"] == "supplier", "purchase_orders", "transfers")
    named = set(map(Lock, kinds, lines["item_id"], lines["location_id"], lines["source_id"].fillna("")))
    known = named | {line._replace(source_id="") for line in named}
    for lock, units in locked_today(given.world).items():
        if lock not in known:
            line = f"{lock.item_id} at {lock.location_id}" + (f" from {lock.source_id}" if lock.source_id else "")
            text = f"{units:g} of {line} are locked in {lock.table}, where it is no line"
            yield ExceptionRow(f"lock {' '.join(lock[:3])}", "conflict", text, {"locked": units})
    for line_id in unknown_lines(given.world, possible_lines(given.world)):
        what = (
            f"names line {line_id}, which is no line of today" if line_id else "names no line, and not item and place"
        )
        yield ExceptionRow(f"lock {line_id}".strip(), "conflict", f"a lock or override {what}: it is not applied", {})


def _closed(given: Given) -> Iterator[ExceptionRow]:
    """Yield the settled lines of a source that takes no order today."""
    for n in np.flatnonzero((np.nan_to_num(given.fixed) > 0) & ~given.terms.can_order[:, 0]):
        line = given.terms.lines.iloc[n]
        what = f"{given.fixed[n]:g} of {line['item_id']} at {line['location_id']}"
        text = f"{what} are settled for today, when {line['source_id'] or 'the default source'} takes no order"
        yield ExceptionRow(f"closed {line['item_id']} {line['location_id']}", "conflict", text, {})


def _overfull(given: Given) -> Iterator[ExceptionRow]:
    """Yield the settled lines that bring more than fits on their shelf."""
    unit = given.terms.lines["unit_step"].to_numpy(float)
    brought, room = np.nan_to_num(given.fixed), shelf_room(given) * unit
    for n in np.flatnonzero(brought > room + _SLACK):
        line = given.terms.lines.iloc[n]
        where = f"{line['item_id']} at {line['location_id']}"
        text = f"{brought[n]:g} of {where} are settled for today, {room[n]:g} fit on the shelf"
        numbers = {"passed_by": round(float(brought[n] - room[n]), 6)}
        yield ExceptionRow(f"conflict shelf {where}", "conflict", text, numbers)


def _overdrawn(given: Given) -> Iterator[ExceptionRow]:
    rules, rows = given.tied
    steps = np.nan_to_num(given.fixed) / given.terms.lines["unit_step"].to_numpy(float)
    if rules.budget is not None:
        yield from _passed(given, "the purchase budget", steps * rules.spend, (float(rules.budget), True))
    for row in rows:
        taken = np.zeros(len(steps))
        taken[row.lines] = steps[row.lines] * row.use
        yield from _passed(given, f"the {row.name}", taken, (row.capacity, row.kind == BUDGET))


def _passed(given: Given, rule: str, taken: FloatArray, limit: tuple[float, bool]) -> Iterator[ExceptionRow]:
    """Yield a row where the lines take more than the limit, (how much, whether it is money)."""
    (room, is_money), total = limit, float(taken.sum())
    if total <= room + _SLACK * max(1.0, room):
        return
    order = np.argsort(-taken, kind="stable")
    fewest = order[: int(np.searchsorted(np.cumsum(taken[order]), room + _SLACK)) + 1]
    names = ", ".join(f"{r.item_id} at {r.location_id}" for r in rows_of(given.terms.lines.iloc[np.sort(fewest)]))
    over = shown(round(total - room), given.world.policy.currency) if is_money else f"{total - room:,.1f}"
    text = f"locked lines pass {rule} by {over}; the fewest that cannot stand together: {names}"
    yield ExceptionRow(f"conflict {rule}", "conflict", text, {"passed_by": round(total - room, 6)})


def _below_minimum(given: Given, orders: pd.DataFrame) -> Iterator[ExceptionRow]:
    """Yield the suppliers whose locked lines order less than their minimum, and nothing else is worth adding."""
    lines = given.terms.lines
    locked = set(lines.loc[np.nan_to_num(given.fixed) > 0, "source_id"])
    weight = given.world.frame("items").set_index("item_id")["weight_kg"]
    today = orders[orders["status"] == "proposed"]
    today = today.assign(weight_kg=today["item_id"].map(weight).astype(float).fillna(0.0))
    for supplier in supplier_terms(given.world).to_dict("records"):
        mine = today[today["source_id"] == supplier["supplier_id"]]
        if mine.empty or supplier["supplier_id"] not in locked:
            continue
        places = mine["location_id"] if supplier["minimum_scope"] == "per_location" else pd.Series("", mine.index)
        for name, column in _MINIMA.items():
            least = supplier[name]
            if least is None or pd.isna(least):
                continue
            each = mine["quantity"] * (1.0 if column is None else mine[column])
            reached = float(each.groupby(places).sum().min())
            if reached < least - _SLACK:
                subject = f"{supplier['supplier_id']} {name}"
                text = f"locked lines order {reached:,.2f} from {supplier['supplier_id']}, its {name} is {least:,.2f}"
                numbers = {"reached": round(reached, 6), "minimum": float(least)}
                yield ExceptionRow(subject, "below_minimum", text, numbers)
