"""The workbook of finance: flat tables whose sums agree, money as numbers with the currency's decimals."""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import xlsxwriter  # type: ignore[import-untyped]

from optimizer.plan.costs import finance_total
from optimizer.reports.budget import budget_against_plan
from optimizer.reports.material import Material
from optimizer.reports.spending import BOOKED, by_component
from optimizer.reports.wording import missing
from scenarios.money import as_decimal, minor_digits

# Rows a sheet may hold, the header among them, and letters a cell may hold, by the file format.
SHEET_ROWS = 1_048_576
_CELL_LETTERS = 32_767
_WIDEST, _NARROWEST = 60, 9
# Widths are taken from the first rows: reading all of them would cost more than it shows.
_MEASURED_ROWS = 200
_CREATED = datetime.datetime(2000, 1, 1)


@dataclass(frozen=True)
class Sheet:
    """A flat table of the workbook; `money` names its columns with amounts in minor units."""

    name: str
    frame: pd.DataFrame
    money: Sequence[str] = ()


@dataclass(frozen=True)
class _Formats:
    head: Any
    money: Any
    number: Any
    day: Any


def write_workbook(path: Path, material: Material, sheet_rows: int = SHEET_ROWS) -> None:
    """Write the workbook of finance; a table longer than a sheet goes on in a second one."""
    write_sheets(path, f"Plan for {material.plan_date}", sheets(material), material.currency, sheet_rows)


def write_sheets(path: Path, title: str, tables: Sequence[Sheet], currency: str, sheet_rows: int = SHEET_ROWS) -> None:
    """Write tables as a workbook. The same tables give the same bytes: the file carries no date of its making."""
    # A text of a table is never a formula, a link or a number, whatever it looks like.
    safe = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(path, {**safe, "nan_inf_to_errors": False}) as book:
        book.set_properties({"title": title, "created": _CREATED})
        formats = _formats(book, currency)
        for sheet in tables:
            for name, frame in _split(sheet, sheet_rows):
                _write_sheet(book.add_worksheet(name), Sheet(name, frame, sheet.money), formats, currency)


def _formats(book: Any, currency: str) -> _Formats:
    digits = minor_digits(currency)
    places = "." + "0" * digits if digits else ""
    return _Formats(
        head=book.add_format({"bold": True, "bottom": 1, "text_wrap": False}),
        money=book.add_format({"num_format": f"#,##0{places}"}),
        number=book.add_format({"num_format": "#,##0.######"}),
        day=book.add_format({"num_format": "yyyy-mm-dd"}),
    )


def sheets(material: Material) -> list[Sheet]:
    """Return the sheets: what adds up first, then the rows it adds up from."""
    costs = material.frame("costs").assign(currency=material.currency)
    orders = material.frame("purchase_orders").assign(
        item=lambda f: f["item_id"].map(material.item), supplier=lambda f: f["source_id"].map(material.source)
    )
    exceptions = material.frame("exceptions").sort_values(["money", "subject"], ascending=[False, True], kind="stable")
    return [
        Sheet("Summary", _summary(material, costs), ("amount",)),
        Sheet("Components", by_component(costs), ("amount",)),
        Sheet("Payments", payment_calendar(costs), ("amount", "running_total")),
        Sheet("Budget", budget_against_plan(material), ("budget", "ordered_before", "decided", "expected", "left")),
        Sheet("Purchase orders", orders, ("amount",)),
        Sheet("Costs", costs, ("amount",)),
        Sheet("Key figures", material.frame("kpis")),
        Sheet("Exceptions", exceptions, ("money",)),
    ]


def _summary(material: Material, costs: pd.DataFrame) -> pd.DataFrame:
    """Return the totals that must agree, each from its own table."""
    today = material.today("purchase_orders")
    booked = costs["nature"].isin(BOOKED)
    rows = [
        ("Plan date", material.plan_date.isoformat(), None),
        ("Currency", material.currency, None),
        ("Booked: cash and accrual, of costs", "", finance_total(costs)),
        ("Booked: sum of the payments", "", int(payment_calendar(costs)["amount"].sum())),
        ("Goods ordered today, of costs", "", int(costs[booked & (costs["component"] == "purchase")]["amount"].sum())),
        ("Goods ordered today, of purchase orders", "", int(today["amount"].sum())),
        ("Expected, of costs", "", int(costs.loc[costs["nature"] == "expected", "amount"].sum())),
        ("Penalties, of costs", "", int(costs.loc[costs["nature"] == "penalty", "amount"].sum())),
    ]
    frame = pd.DataFrame(rows, columns=["figure", "text", "amount"])
    return frame.assign(amount=frame["amount"].astype("Int64"))


def payment_calendar(costs: pd.DataFrame) -> pd.DataFrame:
    """Return what is booked by the day it is paid, component and source, with the running total (minor units).

    A cost without a due date is paid on its own date.
    """
    booked = costs[costs["nature"].isin(BOOKED)]
    keys = ["due_on", "component", "source_id"]
    due = booked.assign(
        due_on=booked["due_on"].where(booked["due_on"].notna(), booked["date"]),
        source_id=booked["source_id"].fillna(""),
    )
    paid = due.groupby(keys, sort=True, dropna=False)["amount"].sum().reset_index()
    return paid.assign(running_total=paid["amount"].cumsum())


def _split(sheet: Sheet, sheet_rows: int) -> Iterable[tuple[str, pd.DataFrame]]:
    """Yield names and parts of a table that fit a sheet each."""
    size = sheet_rows - 1
    yield sheet.name, sheet.frame.iloc[:size]
    for number, start in enumerate(range(size, len(sheet.frame), size), start=2):
        yield f"{sheet.name} {number}", sheet.frame.iloc[start : start + size]


def _write_sheet(page: Any, sheet: Sheet, formats: _Formats, currency: str) -> None:
    names = [str(name) for name in sheet.frame.columns]
    page.freeze_panes(1, 0)
    page.autofilter(0, 0, max(len(sheet.frame), 1), len(names) - 1)
    for column, name in enumerate(names):
        values = sheet.frame[name].tolist()
        style = formats.money if name in sheet.money else formats.number
        page.set_column(column, column, _width(name, values))
        page.write_string(0, column, name.replace("_", " "), formats.head)
        for row, value in enumerate(values, start=1):
            _write_cell(page, (row, column), _shown(value, name in sheet.money, currency), formats, style)


def _shown(value: Any, is_money: bool, currency: str) -> Any:
    if missing(value):
        return None
    return float(as_decimal(int(value), currency)) if is_money else value


def _write_cell(page: Any, at: tuple[int, int], value: Any, formats: _Formats, style: Any) -> None:
    if value is None or value == "":
        return
    if isinstance(value, datetime.date):
        page.write_datetime(*at, datetime.datetime(value.year, value.month, value.day), formats.day)
    elif isinstance(value, bool):
        page.write_boolean(*at, value)
    elif isinstance(value, int | float):
        page.write_number(*at, value, style)
    else:
        page.write_string(*at, str(value)[:_CELL_LETTERS])


def _width(name: str, values: Sequence[Any]) -> int:
    longest = max((len(str(value)) for value in values[:_MEASURED_ROWS] if not missing(value)), default=0)
    return min(max(longest, len(name), _NARROWEST) + 2, _WIDEST)
