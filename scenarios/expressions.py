"""SQL that reads one declared column: its typed value, and what is wrong with the cell."""

from dataclasses import dataclass

from scenarios.schema import INTEGER_TYPES, NUMBER_TYPES, Column

_DATE = r"^\d{4}-\d{1,2}-\d{1,2}([ T]00:00(:00(\.0+)?)?(Z|[+-]00:?00)?)?$"
_TIME = r"^([01]?\d|2[0-9]):[0-5]\d(:[0-5]\d)?$"
_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f␀]"
_GUARDED = r"^'[=+\-@\t\r\n]"
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")


@dataclass(frozen=True)
class Cell:
    """How to read a column from a file.

    raw: SQL of the cell as it stands
    physical: its type in the file, in DuckDB's words ("VARCHAR" throughout CSV)
    decimal: decimal sign of numbers in text
    weekly: whether periods are weeks
    minor_digits: decimal places of the currency, for amounts
    """

    raw: str
    physical: str
    decimal: str = "."
    weekly: bool = False
    minor_digits: int = 2

    @property
    def is_text(self) -> bool:
        """Whether the file holds text here."""
        return self.physical.startswith(("VARCHAR", "ENUM", "BLOB"))


def typed(column: Column, cell: Cell) -> str:
    """Return SQL for the value of the cell in the column's type; NULL for an empty or unreadable cell."""
    if column.type in {"id", "text"}:
        return _identifier(cell)
    if column.type == "choice":
        value = f"lower(trim({cell.raw}))"
        listed = ", ".join(f"'{choice}'" for choice in column.choices)
        return f"CASE WHEN {value} IN ({listed}) THEN {value} END"
    if column.type in NUMBER_TYPES:
        return _number(cell)
    if column.type == "amount":
        minor = f"({_number(cell)} * {10**cell.minor_digits})"
        return f"CASE WHEN abs({minor} - round({minor})) < 1e-4 THEN CAST(round({minor}) AS BIGINT) END"
    if column.type in INTEGER_TYPES:
        number = _number(cell)
        return f"CASE WHEN {number} = round({number}) AND abs({number}) < 9e15 THEN CAST({number} AS BIGINT) END"
    return {"date": _date, "instant": _instant, "time": _time, "boolean": _boolean}[column.type](cell)


def _identifier(cell: Cell) -> str:
    if cell.is_text:
        raw = f"CAST({cell.raw} AS VARCHAR)"
        return (
            f"NULLIF(CASE WHEN regexp_matches({raw}, '{_escaped(_GUARDED)}') THEN substr({raw}, 2) ELSE {raw} END, '')"
        )
    if cell.physical.startswith(_WHOLE):
        return f"CAST({cell.raw} AS VARCHAR)"
    whole = f"CAST(TRY_CAST({cell.raw} AS BIGINT) AS VARCHAR)"
    if cell.physical in {"DOUBLE", "FLOAT"} or cell.physical.startswith("DECIMAL"):
        return (
            f"CASE WHEN {cell.raw} = TRY_CAST({cell.raw} AS BIGINT) THEN {whole} ELSE CAST({cell.raw} AS VARCHAR) END"
        )
    return f"CAST({cell.raw} AS VARCHAR)"


def _number(cell: Cell) -> str:
    if not cell.is_text:
        value = f"TRY_CAST({cell.raw} AS DOUBLE)"
        if cell.physical in {"DATE"} or cell.physical.startswith("TIME"):
            return "CAST(NULL AS DOUBLE)"
        return f"CASE WHEN isfinite({value}) THEN {value} END"
    text = f"trim({cell.raw})"
    wrong = "," if cell.decimal == "." else "."
    value = f"TRY_CAST(replace({text}, ',', '.') AS DOUBLE)"
    plain = f"NOT contains({text}, '{wrong}') AND NOT contains({text}, '_')"
    return f"CASE WHEN {plain} AND isfinite({value}) THEN {value} END"


def _date(cell: Cell) -> str:
    if cell.is_text:
        text = f"trim({cell.raw})"
        day = f"TRY_CAST(split_part(replace({text}, 'T', ' '), ' ', 1) AS DATE)"
        return f"CASE WHEN regexp_matches({text}, '{_DATE}') THEN {day} END"
    if cell.physical == "DATE":
        return cell.raw
    if cell.physical.startswith("TIMESTAMP"):
        moment = f"CAST({cell.raw} AS TIMESTAMP)"
        return f"CASE WHEN {moment} = date_trunc('day', {moment}) THEN CAST({moment} AS DATE) END"
    return "CAST(NULL AS DATE)"


def _instant(cell: Cell) -> str:
    return f"TRY_CAST({cell.raw} AS TIMESTAMP)"


def _time(cell: Cell) -> str:
    text = f"trim(CAST({cell.raw} AS VARCHAR))"
    padded = f"lpad(split_part({text}, ':', 1), 2, '0') || ':' || split_part({text}, ':', 2)"
    return f"CASE WHEN regexp_matches({text}, '{_TIME}') THEN {padded} END"


def _boolean(cell: Cell) -> str:
    text = f"lower(trim(CAST({cell.raw} AS VARCHAR)))"
    yes, no = "('true', '1', '1.0', 'yes', 'y', 't')", "('false', '0', '0.0', 'no', 'n', 'f')"
    return f"CASE WHEN {text} IN {yes} THEN true WHEN {text} IN {no} THEN false END"


def fault_kind(column: Column, cell: Cell, value: str) -> str:
    """Return SQL for what is wrong with the cell, given SQL for its typed `value`; NULL when nothing is."""
    empty = f"({cell.raw} IS NULL OR trim(CAST({cell.raw} AS VARCHAR)) = '')" if cell.is_text else f"{cell.raw} IS NULL"
    if cell.physical in {"DOUBLE", "FLOAT"}:
        empty = f"({empty} OR isnan({cell.raw}))"
    cases = [
        f"WHEN {empty} THEN {_quoted('empty') if column.required else 'NULL'}",
        f"WHEN {value} IS NULL THEN 'type'",
    ]
    if column.type in {"id", "text"} and cell.is_text:
        cases.append(f"WHEN regexp_matches({cell.raw}, '{_CONTROL}') THEN 'control'")
    cases += [f"WHEN {test} THEN '{kind}'" for kind, test in _bounds(column, cell, value)]
    return f"CASE {' '.join(cases)} END"


def _bounds(column: Column, cell: Cell, value: str) -> list[tuple[str, str]]:
    tests = []
    if column.minimum is not None:
        tests.append(("low", f"{value} < {column.minimum}"))
    if column.above is not None:
        tests.append(("low", f"{value} <= {column.above}"))
    if column.maximum is not None:
        tests.append(("high", f"{value} > {column.maximum}"))
    if column.pattern:
        tests.append(("type", f"NOT regexp_matches({value}, '{_escaped(column.pattern)}')"))
    if column.type == "date":
        tests.append(("far", f"{value} NOT BETWEEN DATE '1900-01-01' AND DATE '2200-01-01'"))
    if cell.weekly and column.period:
        tests.append(("weekday", f"isodow({value}) <> 1"))
    if cell.weekly and column.type == "days":
        tests.append(("weeks", f"{value} % 7 <> 0"))
    return tests


def _escaped(text: str) -> str:
    return text.replace("'", "''")


def _quoted(text: str) -> str:
    return f"'{text}'"
