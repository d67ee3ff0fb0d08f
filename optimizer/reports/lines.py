"""Today's lines for the supply planner: orders by supplier, transfers by store, price changes."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from optimizer.reports.markup import Markup, element, join
from optimizer.reports.material import Material
from optimizer.reports.price_charts import price_chart
from optimizer.reports.tables import Field, capped, note, rest, rows_for_groups, section, summed, table
from optimizer.reports.wording import counted, day_cell, missing, money, rate, short_day, units
from scenarios.world import rows_of

_PICTURES = 4


@dataclass(frozen=True)
class _Groups:
    """Lines in groups, the most important first: keys, one frame each, and how many rows of it are shown."""

    keys: Sequence[Any]
    frames: Sequence[pd.DataFrame]
    shown: Sequence[int]


def _grouped(lines: pd.DataFrame, key: str, worth: str) -> _Groups:
    """Return `lines` in groups by `key`, groups and lines ordered by the sum and value of `worth`, largest first."""
    ordered = lines.assign(**{key: lines[key].fillna("")}).sort_values(
        [worth, "line_id"], ascending=[False, True], kind="stable"
    )
    totals = ordered.groupby(key, sort=True)[worth].sum().sort_values(ascending=False, kind="stable")
    parts = dict(list(ordered.groupby(key, sort=True)))
    frames = [parts[name] for name in totals.index]
    return _Groups(list(totals.index), frames, rows_for_groups([len(frame) for frame in frames]))


def _tables(groups: _Groups, caption: Callable[[Any, pd.DataFrame], object], fields: Sequence[Field], name: str) -> Any:
    for key, frame, count in zip(groups.keys, groups.frames, groups.shown, strict=True):
        if count:
            words = caption(key, frame)
            yield element("div", table(words, fields, rows_of(frame.head(count)), name), rest(len(frame), count, name))


def named(name: str, identity: Any) -> Markup:
    """Return a name with its id small beside it, once where both are the same."""
    if missing(identity) or name == str(identity):
        return join(name)
    return join(name, " ", element("small", identity, class_="id"))


def orders(material: Material) -> Markup | None:
    """Return today's orders by supplier, largest first; None where orders are not decided."""
    if not material.has("purchase_orders"):
        return None
    today, later = material.today("purchase_orders"), _later(material)
    if today.empty:
        return section("orders", "Orders to release today", note("No order is to be released today."), later)
    groups = _grouped(today, "source_id", "amount")
    cash = material.currency
    fields = (
        Field("Item", lambda row: named(material.item(row.item_id), row.item_id)),
        Field("For", lambda row: material.place(row.location_id)),
        Field("Quantity", lambda row: units(row.quantity), "n"),
        Field("Arrives", lambda row: day_cell(row.due_on)),
        Field(f"Unit cost, {cash}", lambda row: _cost(material, row), "n"),
        Field(f"Amount, {cash}", lambda row: money(row.amount, cash), "n"),
        Field("Why", _why, "why"),
    )
    parts = _tables(groups, lambda key, frame: _order_caption(material, key, frame), fields, "purchase_orders")
    return section("orders", "Orders to release today", _suppliers(material, groups), *parts, later)


def _why(row: Any) -> str:
    """Return why a line is what it is, and before it what holds its release."""
    hold = getattr(row, "hold", "")
    return row.reason if missing(hold) or not hold else f"Held, not to be released yet: see {hold}. {row.reason}"


def _cost(material: Material, row: Any) -> str:
    own = "" if missing(row.currency) or row.currency == material.currency else f" {row.currency}"
    return rate(row.unit_cost, material.currency) + own


def _order_caption(material: Material, source: str, lines: pd.DataFrame) -> Markup:
    numbers = sorted(lines["order_id"].dropna().unique())
    shown = ", ".join(numbers[:3]) + (f" and {len(numbers) - 3} more" if len(numbers) > 3 else "")
    total = f"{money(lines['amount'].sum(), material.currency)} {material.currency}"
    return join(element("b", material.source(source)), f" · {counted(len(lines), 'line')} · {total} · {shown}")


def _suppliers(material: Material, groups: _Groups) -> Markup:
    """Return one row for each supplier, with the sum over all."""
    frame = pd.DataFrame(
        {
            "source_id": groups.keys,
            "orders": [part["order_id"].nunique() for part in groups.frames],
            "lines": [len(part) for part in groups.frames],
            "units": [part["quantity"].sum() for part in groups.frames],
            "amount": [int(part["amount"].sum()) for part in groups.frames],
            "due_on": [part["due_on"].min() for part in groups.frames],
        }
    )
    fields = (
        Field("Supplier", lambda row: material.source(row.source_id)),
        Field("Orders", lambda row: f"{row.orders:,}", "n"),
        Field("Lines", lambda row: f"{row.lines:,}", "n"),
        Field("Units", lambda row: units(row.units), "n"),
        Field("First arrival", lambda row: day_cell(row.due_on)),
        Field(f"Amount, {material.currency}", lambda row: money(row.amount, material.currency), "n"),
    )
    total = f"{money(frame['amount'].sum(), material.currency)} {material.currency}"
    caption = f"{counted(len(frame), 'supplier')}, {counted(int(frame['lines'].sum()), 'line')}, {total} in all"
    return summed(caption, fields, frame, "purchase_orders")


def _later(material: Material) -> Markup | None:
    lines = material.frame("purchase_orders")
    later = lines[lines["status"] == "planned"]
    if later.empty:
        return None
    total = f"{money(later['amount'].sum(), material.currency)} {material.currency}"
    words = f"{counted(len(later), 'later line')} for {total} are expected until {short_day(later['order_on'].max())}."
    return note(
        words, " They are not to be released today and will react to what is sold; ", _file("purchase_orders"), "."
    )


def _file(name: str) -> Markup:
    return element("code", f"{name}.csv")


def transfers(material: Material) -> Markup | None:
    """Return today's transfers by receiving store; None where transfers are not decided."""
    if not material.has("transfers"):
        return None
    today = material.today("transfers")
    if today.empty:
        return section("transfers", "Transfers to ship today", note("Nothing is to be moved today."))
    cost = material.world.frame("items").set_index("item_id")["unit_cost"].astype(float).fillna(0.0)
    worth = today["quantity"].astype(float) * today["item_id"].map(cost).fillna(0.0)
    groups = _grouped(today.assign(worth=worth), "to_location", "worth")
    fields = (
        Field("Item", lambda row: named(material.item(row.item_id), row.item_id)),
        Field("From", lambda row: material.place(row.from_location)),
        Field("Quantity", lambda row: units(row.quantity), "n"),
        Field("Can be sold", lambda row: day_cell(row.due_on)),
        Field("Why", _why, "why"),
    )
    parts = _tables(groups, lambda key, frame: _store_caption(material, key, frame), fields, "transfers")
    return section("transfers", "Transfers to ship today", *parts, _not_shown(groups))


def _store_caption(material: Material, place: str, lines: pd.DataFrame) -> Markup:
    moved = f"{counted(len(lines), 'line')} · {units(lines['quantity'].sum())} units · dearest first"
    return join(element("b", material.place(place)), f" · {moved}")


def _not_shown(groups: _Groups) -> Markup | None:
    hidden = [len(frame) for frame, count in zip(groups.frames, groups.shown, strict=True) if not count]
    if not hidden:
        return None
    words = f"{counted(len(hidden), 'more place')} with {counted(sum(hidden), 'line')}: "
    return element("p", words, _file("transfers"), ".", class_="rest")


def prices(material: Material) -> Markup | None:
    """Return the prices to change, the largest steps first; None where prices are not decided."""
    if not material.has("price_changes"):
        return None
    changes = material.frame("price_changes")
    if changes.empty:
        return section("prices", "Prices to change", note("No price is to be changed."))
    step = (changes["new_price"] / changes["old_price"] - 1).where(changes["old_price"] > 0)
    ordered = changes.assign(step=step.astype(float), size=step.abs().fillna(0)).sort_values(
        ["size", "line_id"], ascending=[False, True], kind="stable"
    )
    fields = (
        Field("Item", lambda row: named(material.item(row.item_id), row.item_id)),
        Field("At", lambda row: material.place(row.location_id)),
        Field("From day", lambda row: day_cell(row.valid_from)),
        Field(f"Old, {material.currency}", lambda row: rate(row.old_price, material.currency), "n"),
        Field(f"New, {material.currency}", lambda row: rate(row.new_price, material.currency), "n"),
        Field("Change", lambda row: "" if missing(row.step) else f"{100 * row.step:+.1f} %", "n"),
        Field("Why", lambda row: row.reason, "why"),
    )
    caption = f"{counted(len(changes), 'price')} to change, largest step first"
    return section(
        "prices", "Prices to change", _price_pictures(material), capped(caption, fields, ordered, "price_changes")
    )


def _price_pictures(material: Material) -> Markup | None:
    """Return pictures of the changes that bring most; None where the explanations hold no numbers to draw."""
    changes, explained = material.frame("price_changes"), material.table("explanations")
    names = explained["line_id"].cast(pa.string())
    own = explained.filter(pc.is_in(names, pa.array(changes["line_id"], pa.string())))
    told = changes.merge(own.to_pandas(), on="line_id")
    told = told.sort_values(["money", "line_id"], ascending=[False, True], kind="stable").head(_PICTURES)
    charts = []
    for place, row in enumerate(rows_of(told)):
        numbers = {} if missing(row.numbers) else json.loads(row.numbers)
        if numbers.get("ladder") and numbers.get("weeks"):
            title = f"{material.item(row.item_id)} at {material.place(row.location_id)}"
            picture = price_chart(numbers, title, f"price-{place}", material.currency)
            charts.append(element("figure", element("figcaption", title), picture))
    return element("div", *charts, class_="charts") if charts else None
