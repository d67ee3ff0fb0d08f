"""The declared tables: one reading of ``tables.toml`` for the loader, the checks, the writers and the docs."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import pyarrow as pa

TEXT_TYPES = frozenset({"id", "text", "choice"})
NUMBER_TYPES = frozenset({"number", "rate", "share"})
INTEGER_TYPES = frozenset({"integer", "days"})

_ARROW: Mapping[str, pa.DataType] = MappingProxyType(
    {
        **dict.fromkeys(TEXT_TYPES, pa.dictionary(pa.int32(), pa.string())),
        **dict.fromkeys(NUMBER_TYPES, pa.float64()),
        **dict.fromkeys(INTEGER_TYPES, pa.int64()),
        "amount": pa.int64(),
        "date": pa.date32(),
        "instant": pa.timestamp("us"),
        "time": pa.string(),
        "boolean": pa.bool_(),
    }
)


@dataclass(frozen=True)
class Column:
    """One declared column; the fields are explained at the top of ``tables.toml``."""

    name: str
    type: str
    doc: str
    is_key: bool
    required: bool
    default: Any = None
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    choices: tuple[str, ...] = ()
    refers: str = ""
    pattern: str = ""
    example: str = ""
    period: bool = False

    @property
    def arrow_type(self) -> pa.DataType:
        """Type of the column in memory; ids and texts are dictionary-encoded."""
        return _ARROW[self.type]


@dataclass(frozen=True)
class Table:
    """One declared table."""

    name: str
    part: str
    doc: str
    key: tuple[str, ...]
    required: bool
    columns: tuple[Column, ...]
    money: str = ""
    file: str = "csv"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """Return the column called `name`; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name!r}")

    def empty(self) -> pa.Table:
        """Return the table without rows, every column in its memory type."""
        return pa.table({c.name: pa.array([], c.arrow_type) for c in self.columns})


def _column(name: str, spec: Mapping[str, Any], key: tuple[str, ...]) -> Column:
    is_key = name in key
    default = spec.get("default")
    may_be_empty = default is not None or spec.get("optional", False) or not is_key
    return Column(
        name=name,
        type=spec["type"],
        doc=spec["doc"],
        is_key=is_key,
        required=spec.get("required", not may_be_empty),
        default=default,
        unit=spec.get("unit", ""),
        minimum=spec.get("min"),
        maximum=spec.get("max"),
        above=spec.get("above"),
        choices=tuple(spec.get("choices", ())),
        refers=spec.get("refers", ""),
        pattern=spec.get("pattern", ""),
        example=spec.get("example", ""),
        period=spec.get("period", False),
    )


def _table(name: str, spec: Mapping[str, Any]) -> Table:
    key = tuple(spec.get("key", ()))
    return Table(
        name=name,
        part=spec["part"],
        doc=spec["doc"],
        key=key,
        required=spec.get("required", False),
        columns=tuple(_column(column, body, key) for column, body in spec["columns"].items()),
        money=spec.get("money", ""),
        file=spec.get("file", "csv"),
    )


@cache
def declared() -> Mapping[str, Table]:
    """Return every declared table by name, in the order of ``tables.toml``."""
    text = files("scenarios").joinpath("tables.toml").read_text(encoding="utf-8")
    return MappingProxyType({name: _table(name, spec) for name, spec in tomllib.loads(text).items()})


def input_tables() -> list[Table]:
    """Return the tables a retailer may give."""
    return [table for table in declared().values() if table.part == "input"]


def output_tables() -> list[Table]:
    """Return the tables a plan folder holds."""
    return [table for table in declared().values() if table.part == "output"]
