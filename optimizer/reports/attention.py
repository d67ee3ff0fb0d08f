"""What a person should look at: exceptions by money, what was skipped or assumed, refused rows, holds, groups."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from optimizer.reports.markup import Markup, element, join
from optimizer.reports.material import Material
from optimizer.reports.tables import Field, capped, note, section, summed, table
from optimizer.reports.wording import counted, missing, money, percent, units
from scenarios.world import rows_of

# Said once and for all in the section on what the plan rests on, not among what wants a look today.
_OPEN = 15
_BASIS = ("skipped", "assumed", "note")


def exceptions(material: Material) -> Markup:
    """Return the exceptions, largest money first."""
    rows = material.frame("exceptions")
    chosen = _ranked(rows[~rows["kind"].isin(_BASIS)])
    if chosen.empty:
        return section("exceptions", "What to look at", note("Nothing out of the ordinary today."))
    fields = (
        Field("What", lambda row: join(row.text, _names(material, row.subject)), "why"),
        Field("Kind", lambda row: _plain(row.kind)),
        _money(material, "At stake"),
    )
    caption = f"{counted(len(chosen), 'exception')}, largest money first"
    first = table(caption, fields, rows_of(chosen.head(_OPEN)), "exceptions")
    return section("exceptions", "What to look at", first, _folded(fields, chosen.iloc[_OPEN:]))


def _folded(fields: Sequence[Field], later: pd.DataFrame) -> Markup | None:
    """Return the exceptions with less at stake, folded away on a screen."""
    if later.empty:
        return None
    words = f"{counted(len(later), 'more exception')} with less at stake"
    return element("details", element("summary", f"Show {words}"), capped(words, fields, later, "exceptions"))


def _names(material: Material, subject: str) -> Markup | None:
    """Return the names of the item and the place that a subject `kind item place` is about; None for another."""
    words = subject.split(" ")
    for n in range(2, len(words)):
        item, place = " ".join(words[1:n]), " ".join(words[n:])
        if item in material.items and place in material.locations:
            return join(" ", element("small", f"{material.item(item)}, {material.place(place)}", class_="id"))
    return None


def _ranked(table: pd.DataFrame) -> pd.DataFrame:
    worth = table.assign(worth=table["money"].fillna(0))
    return worth.sort_values(["worth", "subject"], ascending=[False, True], kind="stable").drop(columns="worth")


def _plain(kind: Any) -> str:
    return "" if missing(kind) else str(kind).replace("_", " ")


def _money(material: Material, heading: str) -> Field:
    return Field(f"{heading}, {material.currency}", lambda row: money(row.money, material.currency), "n")


def basis(material: Material) -> Markup | None:
    """Return what is not decided and what had to be assumed; None where nothing was."""
    table = material.frame("exceptions")
    chosen = table[table["kind"].isin(_BASIS)].sort_values(["kind", "subject"], ascending=[False, True])
    if chosen.empty:
        return None
    fields = (Field("What", lambda row: row.text, "why"), Field("Kind", lambda row: _plain(row.kind)))
    caption = "Decisions not taken, and what had to be assumed"
    return section("basis", "Skipped and assumed", capped(caption, fields, chosen, "exceptions"))


def quarantine(material: Material) -> Markup | None:
    """Return the input rows that were refused, by file and finding; None where all were read."""
    table = material.frame("quarantine")
    if table.empty:
        return None if not material.has("quarantine") else _all_read()
    keys = ["file", "column", "expected", "remedy"]
    parts = table.fillna({"money": 0, **dict.fromkeys(keys, "")}).groupby(keys, sort=True)
    summary = parts.agg(rows=("row", "size"), first=("row", "min"), money=("money", "sum")).reset_index()
    summary = summary.sort_values(["money", "rows"], ascending=False, kind="stable")
    fields = (
        Field("File", lambda row: row.file),
        Field("Column", lambda row: row.column),
        Field("Expected", lambda row: row.expected, "why"),
        Field("Remedy", lambda row: row.remedy, "why"),
        Field("Rows", lambda row: f"{row.rows:,}", "n"),
        Field("First row", lambda row: f"{row.first:,}", "n"),
        _money(material, "Worth"),
    )
    caption = f"{counted(len(table), 'finding')} in the tables, by file and cause"
    return section("quarantine", "Refused rows", summed(caption, fields, summary, "quarantine"))


def _all_read() -> Markup:
    return section("quarantine", "Refused rows", note("Every row of the tables could be read."))


def holds(material: Material) -> Markup | None:
    """Return the customer orders held for review; None where the plan has no such table."""
    table = material.frame("order_holds")
    if not material.has("order_holds"):
        return None
    if table.empty:
        return section("holds", "Orders held for review", note("No customer order is held."))
    ordered = table.sort_values(["money", "order_id"], ascending=[False, True], kind="stable")
    fields = (
        Field("Order", lambda row: row.order_id),
        Field("Queue", lambda row: row.queue),
        Field("Probability", lambda row: "" if missing(row.probability) else percent(row.probability), "n"),
        _money(material, "Worth"),
        Field("Why", lambda row: row.reason, "why"),
    )
    caption = f"{counted(len(table), 'customer order')} held: not shipped until reviewed"
    return section("holds", "Orders held for review", capped(caption, fields, ordered, "order_holds"))


def believed(material: Material) -> Markup | None:
    """Return what counts less in the demand history, and the groups of items and customers; None without either."""
    parts = [part for part in (_excluded(material), _groups(material), _moves(material)) if part is not None]
    if not parts:
        return None
    return section("believed", "History and groups", *parts)


def _excluded(material: Material) -> Markup | None:
    table = material.frame("excluded_rows")
    if table.empty:
        return None
    # The cause stands before the colon; what follows are the figures of the row.
    cause = table["reason"].fillna("").str.split(":").str[0]
    parts = table.assign(cause=cause, out=table["units"] - table["kept"], money=table["money"].fillna(0))
    summary = parts.groupby("cause").agg(rows=("row_key", "size"), out=("out", "sum"), money=("money", "sum"))
    fields = (
        Field("Cause", lambda row: row.cause),
        Field("Rows", lambda row: f"{row.rows:,}", "n"),
        Field("Units taken out", lambda row: units(row.out), "n"),
        _money(material, "Worth"),
    )
    ordered = summary.reset_index().sort_values(["money", "cause"], ascending=[False, True])
    return summed("Rows that count less, or not at all, in the demand history", fields, ordered, "excluded_rows")


def _groups(material: Material) -> Markup | None:
    table = material.frame("segments")
    if table.empty:
        return None
    counts = table.groupby(["kind", "segment"], sort=True).size().rename("members").reset_index()
    ordered = counts.sort_values(["kind", "members", "segment"], ascending=[True, False, True])
    fields = (
        Field("Group", lambda row: row.segment),
        Field("Of", lambda row: row.kind),
        Field("Members", lambda row: f"{row.members:,}", "n"),
    )
    return summed("Who and what is treated alike", fields, ordered, "segments")


def _moves(material: Material) -> Markup | None:
    table = material.frame("segment_moves")
    if table.empty:
        return None
    fields = (
        Field("Member", lambda row: row.member_id),
        Field("Of", lambda row: row.kind),
        Field("From", lambda row: row.old_segment),
        Field("To", lambda row: row.new_segment),
        Field("Why", lambda row: row.reason, "why"),
    )
    return element("div", capped("Moves to another group since the plan before", fields, table, "segment_moves"))
