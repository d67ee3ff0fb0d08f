"""A plan folder on disk: its tables written and read in the declared form, without the optimizer."""

import csv
import json
import math
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from scenarios.faults import Fault
from scenarios.intake import Intake
from scenarios.load import load_world
from scenarios.money import as_decimal, minor_digits
from scenarios.policy import read_policy
from scenarios.schema import NUMBER_TYPES, TEXT_TYPES, Column, Table, declared, output_tables
from scenarios.segment_policies import with_levels, with_segment_policies
from scenarios.world import World, canonical, plain_frame

INPUTS = "inputs"
# Tables too large to travel with every plan, on which no check of a plan rests.
_LEFT_OUT = frozenset({"sales", "transactions", "prices", "competitor_prices", "promotions", "weather", "receipts"})
_SAID_OF_A_RUN = {"command", "plan_date", "company", "input_hash", "files"}
_PLACES = 6
_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def write_table(folder: Path, name: str, data: pa.Table, currency: str) -> Path:
    """Write one output table into `folder` in its declared format and return its path.

    data: columns of the table in memory form (amounts in minor units); rows are written sorted by key
    """
    table = declared()[name]
    ordered = canonical(table, data)
    path = folder / f"{name}.{table.file}"
    if table.file == "parquet":
        columns = {c.name: _parquet_column(c, ordered[c.name], currency) for c in table.columns}
        pq.write_table(pa.table(columns), path, compression="zstd")
    else:
        _write_csv(path, table, ordered, currency)
    return path


def _parquet_column(column: Column, values: pa.ChunkedArray, currency: str) -> pa.ChunkedArray:
    if column.type == "amount":
        digits = minor_digits(currency)
        decimals = [None if v is None else as_decimal(v, currency) for v in values.to_pylist()]
        return pa.chunked_array([pa.array(decimals, pa.decimal128(18, digits))])
    return values


def _write_csv(path: Path, table: Table, data: pa.Table, currency: str) -> None:
    texts = [_csv_column(column, data[column.name], currency) for column in table.columns]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.names)
        writer.writerows(zip(*texts, strict=True))


def _csv_column(column: Column, values: pa.ChunkedArray, currency: str) -> Iterable[str]:
    show = _shown(column, currency)
    if column.type in TEXT_TYPES:
        coded = values.combine_chunks()
        words = [show(word) for word in coded.dictionary.to_pylist()]
        return ["" if code is None else words[code] for code in coded.indices.to_pylist()]
    return ["" if value is None else show(value) for value in values.to_pylist()]


def _shown(column: Column, currency: str) -> Callable[[Any], str]:
    if column.type == "amount":
        return lambda minor: str(as_decimal(minor, currency))
    if column.type in NUMBER_TYPES:
        return shown_number
    if column.type == "boolean":
        return lambda flag: "true" if flag else "false"
    if column.type in {"date", "instant"}:
        return lambda moment: str(moment.isoformat())
    return guarded if column.type in TEXT_TYPES else str


def shown_number(value: float) -> str:
    """Return a number as files show it: at most six decimals, none where it is whole."""
    if not math.isfinite(value):
        return ""
    rounded = round(value, _PLACES)
    return str(int(rounded)) if rounded == int(rounded) else repr(rounded)


def guarded(text: str) -> str:
    """Return `text` so that no spreadsheet takes it for a formula: a leading quote, taken off again on reading."""
    return "'" + text if text.startswith(_STARTS_FORMULA) else text


def unguarded(text: str) -> str:
    """Return what `guarded` was given."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_STARTS_FORMULA) else text


def write_inputs(folder: Path, world: World) -> None:
    """Write the tables that the checks of a plan need into `folder`/inputs, with the policy in force."""
    target = folder / INPUTS
    target.mkdir()
    # A clearance is checked against the prices in force.
    left_out = _LEFT_OUT - ({"prices", "promotions"} if world.has("markdown_rules") else set())
    for name, data in world.tables.items():
        if name == "sales":
            data = data.slice(0, 0)
        elif name == "transactions" and world.table("deliveries").num_rows:
            data = _of_deliveries(world)
        elif name in left_out:
            continue
        given = [c for c in data.column_names if (name, c) in world.given or c in declared()[name].key]
        pq.write_table(data.select(given if name != "sales" else data.column_names), target / f"{name}.parquet")


def _of_deliveries(world: World) -> pa.Table:
    """Return the order lines of deliveries and all that take something back, on which holds and rations rest."""
    lines, orders = world.table("transactions"), set(world.frame("deliveries")["order_id"].dropna())
    frame = world.frame("transactions")[["order_id", "cancels_order_id", "units"]]
    mine = frame["order_id"].isin(orders) | frame["cancels_order_id"].notna() | (frame["units"] < 0)
    return lines.filter(pa.array(mine.to_numpy(bool)))


class DamagedPlanError(ValueError):
    """A folder is no plan, or no longer whole; the message names the file."""


def run_of(folder: Path) -> dict[str, Any]:
    """Return what `folder`/run.json says of a plan. Raises DamagedPlanError where it is missing or cannot be read."""
    path = folder / "run.json"
    if not path.is_file():
        raise DamagedPlanError(f"{folder} is no plan folder: run.json is missing")
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        run = None
    if not isinstance(run, dict) or not set(run) >= _SAID_OF_A_RUN:
        raise DamagedPlanError(f"{path} is damaged; make the plan again, or put a copy of it back")
    return run


@dataclass(frozen=True)
class PlanTables:
    """The tables of a plan folder, and what is wrong with their form."""

    tables: Mapping[str, pa.Table]
    faults: tuple[Fault, ...]

    def frame(self, name: str) -> pd.DataFrame:
        """Return a table with text as plain objects and amounts in minor units; an absent one without rows."""
        return plain_frame(self.tables.get(name, declared()[name].empty()))


def world_of(folder: Path, plan: PlanTables) -> World:
    """Return the inputs kept beside a plan as it saw them: with what segments were promised, and got chosen."""
    segments = plan.frame("segments")
    world = with_segment_policies(load_world(folder / INPUTS), segments)
    return with_levels(world, segments, plan.frame("segment_levels"))


def read_plan(folder: Path) -> PlanTables:
    """Return the tables of a plan folder, read through the same checks of form as any input."""
    policy, faults = read_policy(folder / INPUTS)
    # A plan's own files always use the decimal point, whatever the retailer's files do.
    policy = replace(policy, decimal=".")
    with tempfile.TemporaryDirectory() as scratch, duckdb.connect() as connection:
        intake = Intake(connection, policy, Path(scratch), faults)
        for table in output_tables():
            path = folder / f"{table.name}.{table.file}"
            if path.exists():
                intake.read(table, path)
        tables = {name: canonical(declared()[name], intake.result(declared()[name])) for name in intake.sources}
    return PlanTables(tables, tuple(intake.faults))
