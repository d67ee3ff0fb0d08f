"""Tables on their way in: read by DuckDB, bad rows set aside with their reason, the rest kept."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from scenarios.csv_files import CsvFile, blank_rows, sniff
from scenarios.expressions import Cell, fault_kind, typed
from scenarios.faults import Fault, expectation, nearest, remedy
from scenarios.money import minor_digits, to_minor
from scenarios.policy import Policy
from scenarios.schema import Table

# Past this many, further bad rows of a table are counted in one fault instead of listed one by one.
MOST_FAULTS = 100_000
MOST_MONEY = 1e15

_SYNTAX = {
    "MISSING COLUMNS": ("as many cells as the header", "add the missing cells"),
    "TOO MANY COLUMNS": ("as many cells as the header", "put cells that hold the delimiter in double quotes"),
    "UNQUOTED VALUE": ("a cell that ends with its closing quote", "close the quote, and double quotes inside a cell"),
    "LINE SIZE OVER MAXIMUM": ("a row of at most 2 MB", "shorten the cell"),
}


@dataclass(frozen=True)
class Finding:
    """What is wrong with one row of a table under way."""

    row: int
    column: str
    found: str
    expected: str
    remedy: str


@dataclass
class Intake:
    """One reading of a folder: a DuckDB connection with a table `in_<name>` for each file, and what was refused.

    policy: gives the decimal sign and the period
    scratch: folder for converted copies
    """

    connection: duckdb.DuckDBPyConnection
    policy: Policy
    scratch: Path
    faults: list[Fault] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    given: set[tuple[str, str]] = field(default_factory=set)
    sources: dict[str, "Path"] = field(default_factory=dict)
    refused: dict[str, set[str]] = field(default_factory=dict)
    _numbering: dict[str, "Numbering"] = field(default_factory=dict)

    def read(self, table: Table, path: Path) -> None:
        """Read one file into `in_<name>`; rows with unreadable cells are refused, a hopeless file leaves no row."""
        self.sources[table.name] = path
        try:
            source, cells = self._csv(table, path) if path.suffix == ".csv" else self._parquet(table, path)
        except (ValueError, duckdb.Error) as error:
            self.fault(table, 0, "", path.name, "a readable file", str(error).splitlines()[0])
            self.read_nothing(table)
            return
        missing = [column.name for column in table.columns if column.required and column.name not in cells]
        for name in missing:
            hint = "add the column" + nearest(name, self._unknown(table))
            self.fault(table, 0, name, "no such column", "a column of this name", hint)
        if missing:
            self._numbering.pop(table.name, None)
            self.read_nothing(table)
        else:
            self._create(table, source, cells)

    def read_nothing(self, table: Table) -> None:
        """Create `in_<name>` without rows, for a table that was not given."""
        self._create(table, "(SELECT 1 AS _row LIMIT 0)", {})

    def fault(self, table: Table, row: int, column: str, found: str, expected: str, hint: str) -> None:
        """Note a fault that refuses no single row."""
        self.faults.append(Fault(table.name, self.sources[table.name].name, row, column, found, expected, hint))

    def _unknown(self, table: Table) -> list[str]:
        prefix = f"{self.sources[table.name].name} has a column "
        return [n.removeprefix(prefix).split('"')[1] for n in self.notices if n.startswith(prefix)]

    def _csv(self, table: Table, path: Path) -> tuple[str, dict[str, Cell]]:
        file = sniff(path, self.scratch)
        self.notices.extend(file.notices)
        layout = "{" + ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(file.header))) + "}"
        quoted = str(file.path).replace("'", "''")
        scan = (
            f"read_csv('{quoted}', auto_detect=false, columns={layout}, delim='{file.delimiter}',"
            " quote='\"', escape='\"', header=false, skip=1, store_rejects=true, null_padding=false,"
            f" rejects_table='lost_{table.name}', rejects_scan='scan_{table.name}', rejects_limit={MOST_FAULTS})"
        )
        self._numbering[table.name] = Numbering(file)
        names = self._placed(table, path, list(file.header))
        cells = {name: self._cell(f"c{i}", "VARCHAR") for name, i in names.items()}
        return f"(SELECT row_number() OVER () AS _row, * FROM {scan})", cells

    def _parquet(self, table: Table, path: Path) -> tuple[str, dict[str, Cell]]:
        quoted = str(path).replace("'", "''")
        scan = f"read_parquet('{quoted}', file_row_number=true)"
        described = self.connection.execute(f"DESCRIBE SELECT * EXCLUDE (file_row_number) FROM {scan}").fetchall()
        names = self._placed(table, path, [row[0] for row in described])
        cells = {name: self._cell(_identifier(described[i][0]), described[i][1]) for name, i in names.items()}
        return f"(SELECT file_row_number + 1 AS _row, * FROM {scan})", cells

    def _cell(self, raw: str, physical: str) -> Cell:
        weekly = self.policy.period == "week"
        return Cell(raw, physical, self.policy.decimal, weekly, minor_digits(self.policy.currency))

    def _placed(self, table: Table, path: Path, header: list[str]) -> dict[str, int]:
        """Return the position of each declared column in the file; note the columns nobody knows, and doubles."""
        places: dict[str, int] = {}
        for position, name in enumerate(header):
            if name not in table.names:
                hint = nearest(name, table.names)
                self.notices.append(f'{path.name} has a column "{name}" that is not read{hint}')
            elif name in places:
                self.notices.append(f'{path.name} has the column "{name}" twice; the first is read')
            else:
                places[name] = position
                self.given.add((table.name, name))
        return places

    def _create(self, table: Table, source: str, cells: dict[str, Cell]) -> None:
        selected, tests, findings = ["_row"], ["false"], []
        for column in table.columns:
            if column.name not in cells:
                selected.append(
                    f"CAST({_literal(column.default)} AS {_sql_type(column.type)}) AS {_identifier(column.name)}"
                )
                continue
            cell = cells[column.name]
            value = typed(column, cell)
            kind = fault_kind(column, cell, value)
            filled = f"coalesce({value}, {_literal(column.default)})" if column.default is not None else value
            selected.append(f"{filled} AS {_identifier(column.name)}")
            tests.append(f"({kind}) IS NOT NULL")
            raw = f"CAST({cell.raw} AS VARCHAR)"
            findings.append(f"{{'c': '{column.name}', 'k': {kind}, 'f': {raw}}}")
        listed = f"list_filter([{', '.join(findings)}], lambda x: x.k IS NOT NULL)" if findings else "NULL"
        faults = f"CASE WHEN {' OR '.join(tests)} THEN {listed} END AS _faults"
        self.connection.execute(f"CREATE TABLE in_{table.name} AS SELECT {', '.join(selected)}, {faults} FROM {source}")
        self._note_syntax(table)
        self._note_cells(table)
        self.connection.execute(f"ALTER TABLE in_{table.name} DROP COLUMN _faults")

    def _note_syntax(self, table: Table) -> None:
        if table.name not in self._numbering:
            return
        numbering = self._numbering[table.name]
        query = f"SELECT line, error_type, csv_line, error_message FROM lost_{table.name} ORDER BY line, column_idx"
        lost: dict[int, tuple[str, str, str]] = {}
        for line, kind, text, message in self.connection.execute(query).fetchall():
            lost.setdefault(line, (kind, (text or "").strip("\r\n"), message))
        numbering.lost = np.array(sorted(lost), dtype=np.int64)
        for line, (kind, text, message) in lost.items():
            expected, hint = _SYNTAX.get(kind, ("a well-formed row", message))
            self.fault(table, int(line), "", text, expected, hint)

    def _note_cells(self, table: Table) -> None:
        faulty = f"FROM in_{table.name} WHERE _faults IS NOT NULL"
        query = f"SELECT _row, unnest(_faults) {faulty} ORDER BY _row LIMIT {MOST_FAULTS}"
        findings = []
        for row, cell in self.connection.execute(query).fetchall():
            column = table.column(cell["c"])
            found = "" if cell["f"] is None else cell["f"]
            hint = remedy(column, cell["k"], found)
            findings.append(Finding(row, column.name, found, expectation(column, cell["k"]), hint))
        self.refuse(table, findings)
        more = self.connection.execute(f"SELECT count(*) {faulty}").fetchone()
        if more and more[0]:
            self.fault(table, 0, "", f"{more[0]:,} more rows like these", "rows as above", "correct the export")
            self.connection.execute(f"DELETE {faulty}")

    def refuse(self, table: Table, findings: Iterable[Finding]) -> None:
        """Take the rows found wrong out of `in_<name>` and note each finding, with what the row is worth."""
        found = list(findings)
        if not found:
            return
        rows = sorted({finding.row for finding in found})
        self.connection.register("_refused", pa.table({"_row": pa.array(rows, pa.int64())}))
        money = self._money(table)
        self._remember(table)
        self.connection.execute(f"DELETE FROM in_{table.name} WHERE _row IN (SELECT _row FROM _refused)")
        self.connection.unregister("_refused")
        shown = dict(zip(rows, self._spreadsheet_rows(table, rows), strict=True))
        name = self.sources[table.name].name
        for f in found:
            self.faults.append(
                Fault(table.name, name, shown[f.row], f.column, f.found, f.expected, f.remedy, money.get(f.row))
            )

    def _remember(self, table: Table) -> None:
        """Keep the ids of refused rows, so that rows which refer to them can say so."""
        if len(table.key) == 1:
            query = f"SELECT {_identifier(table.key[0])} FROM in_{table.name} JOIN _refused USING (_row)"
            ids = {row[0] for row in self.connection.execute(query).fetchall()}
            self.refused.setdefault(table.name, set()).update(ids)

    def _money(self, table: Table) -> dict[int, int]:
        if not table.money:
            return {}
        query = (
            f"SELECT given._row, {table.money} FROM in_{table.name} given JOIN _refused USING (_row)"
            " LEFT JOIN in_items item ON item.item_id = given.item_id"
        )
        values = self.connection.execute(query).fetchall()
        # An amount nobody can mean says nothing of what is at stake.
        known = [(row, value) for row, value in values if value is not None and abs(value) <= MOST_MONEY]
        return {row: to_minor(value, self.policy.currency) for row, value in known}

    def has(self, name: str) -> bool:
        """Return whether the table was read."""
        return name in self.sources

    def shown(self, table: Table, row: int) -> int:
        """Return the row a person sees in the file for the engine's `row`."""
        return self._spreadsheet_rows(table, [row])[0]

    def _spreadsheet_rows(self, table: Table, rows: list[int]) -> list[int]:
        if table.name in self._numbering:
            return self._numbering[table.name].spreadsheet_rows(rows)
        return rows

    def result(self, table: Table) -> pa.Table:
        """Return what is left of a table, rows in file order."""
        columns = ", ".join(_identifier(name) for name in table.names)
        return self.connection.sql(f"SELECT {columns} FROM in_{table.name}").to_arrow_table()


@dataclass
class Numbering:
    """From the engine's count of good rows to the row a spreadsheet shows: lost and blank rows come between."""

    file: CsvFile
    lost: Any = field(default_factory=lambda: np.empty(0, np.int64))

    def spreadsheet_rows(self, rows: list[int]) -> list[int]:
        """Return the spreadsheet's row for each of the engine's `rows` (counted from 1, the header left out)."""
        missing = np.union1d(self.lost, np.array(blank_rows(self.file), np.int64))
        # The k-th good row stands k rows below the header, plus one for each missing row above it.
        gaps = missing - np.arange(len(missing)) - 1
        return [int(row + 1 + np.searchsorted(gaps, row, side="right")) for row in rows]


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value).lower()


def _sql_type(kind: str) -> str:
    return {
        **dict.fromkeys(("id", "text", "choice", "time"), "VARCHAR"),
        **dict.fromkeys(("number", "rate", "share"), "DOUBLE"),
        **dict.fromkeys(("integer", "days", "amount"), "BIGINT"),
        "date": "DATE",
        "instant": "TIMESTAMP",
        "boolean": "BOOLEAN",
    }[kind]
