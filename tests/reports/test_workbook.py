"""The workbook of finance, read back from its XML: sums agree, text stays text, money has its decimals."""

import re
import zipfile
from xml.etree import ElementTree

import pandas as pd
import pytest

from optimizer.reports.material import read_material
from optimizer.reports.workbook import write_workbook
from optimizer.reports.write import write_reports
from tests.reports.report_cases import EXCEPTIONS, FORMULA, ExceptionRow, plan_by_hand, whole_day

SPACE = {"s": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
CENT = 0.005


class Book:
    """Sheets of a workbook by name, each a list of rows of (type, value); with the XML of each for what is no cell."""

    def __init__(self, path):
        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        shared = ElementTree.fromstring(parts["xl/sharedStrings.xml"])
        self.texts = [
            "".join(t.text or "" for t in si.iterfind(".//s:t", SPACE)) for si in shared.iterfind("s:si", SPACE)
        ]
        styles = ElementTree.fromstring(parts["xl/styles.xml"])
        codes = {f.get("numFmtId"): f.get("formatCode") for f in styles.iterfind(".//s:numFmt", SPACE)}
        self.formats = [codes.get(xf.get("numFmtId")) for xf in styles.iterfind("s:cellXfs/s:xf", SPACE)]
        book = ElementTree.fromstring(parts["xl/workbook.xml"])
        self.xml, self.sheets = {}, {}
        for n, sheet in enumerate(book.iterfind("s:sheets/s:sheet", SPACE), start=1):
            root = ElementTree.fromstring(parts[f"xl/worksheets/sheet{n}.xml"])
            self.xml[sheet.get("name")] = root
            self.sheets[sheet.get("name")] = [self._row(row) for row in root.iterfind("s:sheetData/s:row", SPACE)]

    def _row(self, row):
        cells = {}
        for cell in row.iterfind("s:c", SPACE):
            value = cell.find("s:v", SPACE).text
            column = re.match("[A-Z]+", cell.get("r"))[0]
            shown = self.texts[int(value)] if cell.get("t") == "s" else float(value)
            cells[column] = (cell.get("t", "n"), shown, self.formats[int(cell.get("s", 0))])
        return cells

    def table(self, name):
        """Return the rows below the header as dictionaries by heading."""
        head, *rows = self.sheets[name]
        return [{head[c][1]: value for c, (_, value, _) in row.items() if c in head} for row in rows]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = plan_by_hand(tmp_path_factory.mktemp("book"))
    write_reports(made)
    return made


@pytest.fixture(scope="module")
def book(folder):
    return Book(folder / "finance.xlsx")


def test_the_sums_of_all_sheets_agree(book):
    # Booked: goods 15 + 30 + 6, route 20, rebate −1.
    booked = sum(row["amount"] for row in book.table("Costs") if row["nature"] in {"cash", "accrual"})
    assert booked == pytest.approx(70.0, abs=CENT)
    components = sum(row["amount"] for row in book.table("Components") if row["nature"] in {"cash", "accrual"})
    payments = book.table("Payments")
    summary = {row["figure"]: row.get("amount") for row in book.table("Summary")}
    assert components == pytest.approx(booked)
    assert sum(row["amount"] for row in payments) == pytest.approx(booked)
    assert payments[-1]["running total"] == pytest.approx(booked)
    assert summary["Booked: cash and accrual, of costs"] == summary["Booked: sum of the payments"] == 70.0
    assert summary["Goods ordered today, of costs"] == summary["Goods ordered today, of purchase orders"] == 51.0
    assert summary["Expected, of costs"] == 21.0


def test_every_row_of_the_tables_is_there_with_its_number(folder, book):
    for sheet, table, column in (("Costs", "costs", "amount"), ("Purchase orders", "purchase_orders", "amount")):
        given = pd.read_csv(folder / f"{table}.csv").sort_values(["amount"])[column]
        assert sorted(row[column] for row in book.table(sheet)) == pytest.approx(list(given))
    assert len(book.table("Key figures")) == len(pd.read_csv(folder / "kpis.csv"))
    assert len(book.table("Exceptions")) == len(pd.read_csv(folder / "exceptions.csv"))


def test_payments_stand_on_the_day_they_are_due(book):
    # Goods are due nine days later, 2024-04-17, route and rebate on the day, 2024-04-08.
    days = [(row["due on"], row["component"], row["amount"]) for row in book.table("Payments")]
    serial = {"2024-04-08": 45390.0, "2024-04-17": 45399.0}
    assert days == [
        (serial["2024-04-08"], "rebate", -1.0),
        (serial["2024-04-08"], "route_fixed", 20.0),
        (serial["2024-04-17"], "purchase", 15.0),
        (serial["2024-04-17"], "purchase", 36.0),
    ]


def test_budgets_stand_beside_what_is_spent_of_them(book):
    rows = {
        (row["scope"], row.get("scope id"), row["component"], row["period start"]): row for row in book.table("Budget")
    }
    names = ("budget", "ordered before", "decided", "expected", "left")
    figures = {key: tuple(row[name] for name in names) for key, row in rows.items()}
    week, next_week = 45390.0, 45397.0
    # The open order was placed on the plan date itself, so nothing was ordered before. 51 of 100 are decided, 13.50
    # more are expected within the week; of A's 30 are 15 decided; dry goods are the rice, 30; the route costs 20.
    assert figures["all", None, "purchase", week] == (100.0, 0.0, 51.0, 13.5, 49.0)
    assert figures["supplier", "A", "purchase", week] == (30.0, 0.0, 15.0, 13.5, 15.0)
    assert figures["category", "dry", "purchase", week] == (20.0, 0.0, 30.0, 0.0, -10.0)
    assert figures["all", None, "transport", week] == (50.0, 0.0, 20.0, 0.0, 30.0)
    assert figures["all", None, "purchase", next_week] == (70.0, 0.0, 0.0, 0.0, 70.0)


def test_orders_placed_earlier_in_the_week_are_spent_of_the_budget(tmp_path):
    # Plan date Wednesday 10 April; 5 tea at 1.80 were ordered on Monday, 3 at 2 on the Sunday before that.
    orders = (
        "order_id,line,item_id,location_id,source_id,quantity,ordered_on,due_on,unit_cost\n"
        "X,1,tea,S1,A,5,2024-04-08,2024-04-12,\nY,1,tea,S1,A,3,2024-04-07,2024-04-12,2\n"
    )
    folder = plan_by_hand(tmp_path, {}, changes={"open_orders": orders}, day="2024-04-10")
    write_reports(folder)
    first = Book(folder / "finance.xlsx").table("Budget")[0]
    assert (first["budget"], first["ordered before"], first["left"]) == (100.0, 9.0, 91.0)


def test_text_stays_text_whatever_it_looks_like(tmp_path):
    tables = whole_day()
    tables["purchase_orders"]["reason"] = [FORMULA, "https://example.org", "+1", "0042"]
    folder = plan_by_hand(tmp_path, tables, exceptions=[*EXCEPTIONS, ExceptionRow("x", "late", "@SUM(A1)", {}, 1)])
    write_reports(folder)
    book = Book(folder / "finance.xlsx")
    assert {row["reason"] for row in book.table("Purchase orders")} == {FORMULA, "https://example.org", "+1", "0042"}
    assert "@SUM(A1)" in {row["text"] for row in book.table("Exceptions")}
    for root in book.xml.values():
        assert root.find(".//s:f", SPACE) is None and root.find(".//s:hyperlink", SPACE) is None


def test_headers_stay_in_view_and_can_be_filtered(book):
    for root in book.xml.values():
        pane = root.find(".//s:pane", SPACE)
        assert (pane.get("state"), pane.get("ySplit")) == ("frozen", "1")
        assert root.find("s:autoFilter", SPACE).get("ref").startswith("A1:")
        assert all(9 <= float(column.get("width")) <= 62 for column in root.iterfind(".//s:col", SPACE))


@pytest.mark.parametrize(("currency", "pattern", "goods"), [("JPY", "#,##0", 5100), ("KWD", "#,##0.000", 5.1)])
def test_money_has_the_decimals_of_its_currency(tmp_path, currency, pattern, goods):
    folder = plan_by_hand(tmp_path, policy=f'currency = "{currency}"\n')
    write_reports(folder)
    book = Book(folder / "finance.xlsx")
    # 5,100 minor units are 5,100 yen and 5.100 dinars.
    row = next(row for row in book.sheets["Summary"] if row["A"][1].startswith("Goods ordered today, of costs"))
    assert row["C"] == ("n", goods, pattern)


def test_a_table_longer_than_a_sheet_goes_on_in_the_next(folder, tmp_path):
    material = read_material(folder)
    write_workbook(tmp_path / "split.xlsx", material, sheet_rows=4)
    book = Book(tmp_path / "split.xlsx")
    # Eight cost rows with a header each on sheets of four rows: three, three and two.
    names = [name for name in book.sheets if name.startswith("Costs")]
    assert names == ["Costs", "Costs 2", "Costs 3"]
    assert [len(book.table(name)) for name in names] == [3, 3, 2]
    assert sum(row["amount"] for name in names for row in book.table(name)) == pytest.approx(91.0)


def test_an_empty_plan_gives_sheets_with_headers_only(tmp_path):
    folder = plan_by_hand(tmp_path, {})
    write_reports(folder)
    book = Book(folder / "finance.xlsx")
    assert book.table("Costs") == [] and book.table("Payments") == []
    assert {row["figure"]: row.get("amount") for row in book.table("Summary")}["Booked: sum of the payments"] == 0.0
