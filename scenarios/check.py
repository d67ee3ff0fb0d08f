"""Does each row make sense beside the others? Checks of meaning, run on tables already read."""

import unicodedata
from collections.abc import Iterator

from scenarios.faults import nearest
from scenarios.intake import Finding, Intake
from scenarios.schema import Column, Table, declared

_NO_PRICE = "field = 'new_price' AND NOT coalesce(TRY_CAST(value AS DOUBLE) BETWEEN 1e-6 AND 1e12, false)"
_NO_WEEK = "component IN ('purchase', 'markdown') AND isodow(period_start) <> 1"
_NO_QUANTITY = "field IN ('quantity', 'units') AND NOT coalesce(TRY_CAST(value AS DOUBLE) BETWEEN 0 AND 1e12, false)"
_NO_HOURS = "NOT regexp_full_match(hour_factors, '([0-9]*[.]?[0-9]*[1-9][0-9]*[.]?[0-9]*([|]|$)){24}')"
# (table, column named, condition that is wrong, expected, remedy); SQL over one row.
_ROW_RULES = (
    ("sources", "max_quantity", "max_quantity < moq", "at least the minimum order quantity", "correct one of the two"),
    ("sources", "valid_to", "valid_to < valid_from", "a day on or after valid_from", "correct one of the two"),
    ("sources", "source_id", "source_id = location_id", "another place", "a place cannot supply itself"),
    ("assortment", "listed_to", "listed_to < listed_from", "a day on or after listed_from", "correct one of the two"),
    ("stock", "reserved", "reserved + held > on_hand", "at most what is on hand", "count again"),
    ("promotions", "to_date", "to_date < from_date", "a day on or after from_date", "correct one of the two"),
    ("open_orders", "due_on", "due_on < ordered_on", "a day on or after ordered_on", "correct one of the two"),
    ("open_orders", "expires_on", "expires_on < due_on", "a day on or after due_on", "correct one of the two"),
    ("supplier_calendar", "delivery_on", "delivery_on < date", "a day on or after date", "correct one of the two"),
    ("locks", "value", _NO_QUANTITY, "a quantity, 0 or more", "write the units to keep as a number"),
    ("locks", "value", _NO_PRICE, "a price above 0", "write the price to keep as a number"),
    ("delivery_windows", "window_end", "window_end < window_start", "window_start or later", "correct one of both"),
    ("dock_slots", "to_time", "to_time = from_time", "another time than from_time", "write when the doors close"),
    ("road_edges", "hour_factors", _NO_HOURS, "24 numbers above 0 between bars", "write one for each hour"),
    ("label_capacity", "week", "isodow(week) <> 1", "a Monday", "write the Monday of that week"),
    ("budgets", "period_start", _NO_WEEK, "a Monday", "write the Monday of the week the budget is for"),
    ("overrides", "value", _NO_QUANTITY, "a quantity, 0 or more", "write the units to set as a number"),
)


def check_meaning(intake: Intake) -> None:
    """Refuse rows that clash: double keys, unknown references, impossible combinations. Every fault is noted."""
    for table in declared().values():
        if not intake.has(table.name):
            continue
        intake.refuse(table, _double_keys(intake, table))
        for column in table.columns:
            if column.refers:
                intake.refuse(table, _unknown_references(intake, table, column))
        intake.refuse(table, _row_rules(intake, table))
    if intake.has("sources"):
        intake.refuse(declared()["sources"], _unknown_sources(intake))
        intake.refuse(declared()["sources"], _broken_packs(intake))
    if intake.has("price_breaks"):
        intake.refuse(declared()["price_breaks"], _mixed_kinds(intake))


def _double_keys(intake: Intake, table: Table) -> Iterator[Finding]:
    """Yield all but one of the rows with the same key; which one stays depends on their content, not on their order."""
    if not table.key:
        return
    key = ", ".join(f'"{name}"' for name in table.key)
    rest = ", ".join(f'"{name}"' for name in table.names if name not in table.key) or "1"
    doubled = f"SELECT {key} FROM in_{table.name} GROUP BY ALL HAVING count(*) > 1"
    if intake.connection.execute(f"SELECT count(*) FROM ({doubled})").fetchall()[0][0] == 0:
        return
    query = f"""
        WITH placed AS (
            SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY {rest}, _row) AS place,
                   first_value(_row) OVER (PARTITION BY {key} ORDER BY {rest}, _row) AS kept,
            FROM in_{table.name} SEMI JOIN ({doubled}) twice USING ({key}))
        SELECT _row, kept, array_to_string([CAST(k AS VARCHAR) FOR k IN [{_texts(table.key)}]], ' ') FROM placed
        WHERE place > 1 ORDER BY _row"""
    for row, kept, found in intake.connection.execute(query).fetchall():
        other = intake.shown(table, kept)
        hint = f"row {other} has it too and was kept; add them up or drop one"
        yield Finding(row, " + ".join(table.key), found, "a key that stands once", hint)


def _texts(names: tuple[str, ...]) -> str:
    return ", ".join(f"coalesce(CAST(\"{name}\" AS VARCHAR), '')" for name in names)


def _unknown_references(intake: Intake, table: Table, column: Column) -> Iterator[Finding]:
    parent, key = column.refers.split(".")
    if not intake.has(parent):
        return
    query = f"""
        SELECT _row, given."{column.name}" FROM in_{table.name} given
        ANTI JOIN in_{parent} known ON given."{column.name}" = known."{key}"
        WHERE given."{column.name}" IS NOT NULL ORDER BY _row"""
    unknown = intake.connection.execute(query).fetchall()
    if not unknown:
        return
    known = [row[0] for row in intake.connection.execute(f'SELECT DISTINCT "{key}" FROM in_{parent}').fetchall()]
    hints = {found: _reference_hint(found, known, intake, parent) for found in {found for _, found in unknown}}
    for row, found in unknown:
        yield Finding(row, column.name, found, f"an entry of {parent}", hints[found])


def _reference_hint(found: str, known: list[str], intake: Intake, parent: str) -> str:
    """Say why a reference may have failed: a refused parent, stray spaces, another spelling of the same letters."""
    if found in intake.refused.get(parent, ()):
        return f"its own row in {parent} was refused; mend that one"
    folded = {_folded(name): name for name in known}
    if _folded(found) in folded:
        return f'write it exactly as in {parent}: "{folded[_folded(found)]}" (spaces, zeros or letters differ)'
    return f"add it to {parent} or correct it" + nearest(found, known[:5000])


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().lstrip("0").casefold()


def _row_rules(intake: Intake, table: Table) -> Iterator[Finding]:
    for name, column, wrong, expected, hint in _ROW_RULES:
        if name != table.name:
            continue
        query = f'SELECT _row, CAST("{column}" AS VARCHAR) FROM in_{name} WHERE {wrong} ORDER BY _row'
        for row, found in intake.connection.execute(query).fetchall():
            yield Finding(row, column, found or "", expected, hint)


def _broken_packs(intake: Intake) -> Iterator[Finding]:
    """Yield lines whose pack is no multiple of the item's unit step: nothing could be ordered in both."""
    query = """
        SELECT given._row, CAST(pack_size AS VARCHAR), item.unit_step FROM in_sources given
        JOIN in_items item ON given.item_id = item.item_id
        WHERE abs(pack_size / item.unit_step - round(pack_size / item.unit_step)) > 1e-6 OR pack_size < item.unit_step
        ORDER BY given._row"""
    for row, found, step in intake.connection.execute(query).fetchall():
        yield Finding(
            row, "pack_size", found, f"a multiple of the unit step {step:g}", "correct the pack, or items.unit_step"
        )


def _mixed_kinds(intake: Intake) -> Iterator[Finding]:
    """Yield price breaks of another kind than the first of their supplier and item: what they cost together is open."""
    query = """
        SELECT _row, found, first FROM (
            SELECT _row, CAST(kind AS VARCHAR) AS found,
                   first_value(CAST(kind AS VARCHAR)) OVER (PARTITION BY supplier_id, item_id ORDER BY from_quantity)
                   AS first
            FROM in_price_breaks)
        WHERE found <> first ORDER BY _row"""
    for row, found, first in intake.connection.execute(query).fetchall():
        yield Finding(row, "kind", found, f"{first}, as the first break of this item", "give all its breaks one kind")


def _unknown_sources(intake: Intake) -> Iterator[Finding]:
    """Yield lines whose dc is no location; a supplier without a row in suppliers just has no joint terms."""
    query = """
        SELECT _row, source_id FROM in_sources given
        ANTI JOIN in_locations known ON given.source_id = known.location_id AND known.kind = 'dc'
        WHERE given.source_kind = 'dc' ORDER BY _row"""
    for row, found in intake.connection.execute(query).fetchall():
        yield Finding(
            row, "source_id", found, 'a location of kind "dc"', "add the dc to locations, or set source_kind = supplier"
        )
