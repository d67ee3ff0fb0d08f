"""A folder of tables becomes a World: all faults at once, bad rows in quarantine, the rest ready to plan."""

import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from scenarios.check import check_meaning
from scenarios.faults import Fault, UnusableInputError, nearest
from scenarios.intake import Intake
from scenarios.periods import Periods
from scenarios.policy import Policy, read_policy
from scenarios.schema import Table, declared, input_tables
from scenarios.world import World, canonical

_SUFFIXES = (".csv", ".parquet")


def load_world(folder: Path, plan_date: date | None = None, policy_changes: dict[str, object] | None = None) -> World:
    """Return the checked tables of `folder`.

    plan_date: wins over the policy's; without either it is the period after the last sale
    policy_changes: keys of the policy that win over policy.toml

    Raises UnusableInputError, with every fault, when a required table is missing or no row of it is left.
    """
    if not folder.is_dir():
        raise UnusableInputError(f"{folder} is no folder; give one that holds items, locations, sales and stock tables")
    policy, faults = read_policy(folder)
    policy = replace(policy, **(policy_changes or {}))  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as scratch, duckdb.connect() as connection:
        connection.execute("SET preserve_insertion_order = true")
        connection.execute("SET enable_progress_bar = false")
        intake = Intake(connection, policy, Path(scratch), faults)
        _read(intake, folder)
        check_meaning(intake)
        _require(intake, folder)
        tables = {name: canonical(declared()[name], intake.result(declared()[name])) for name in intake.sources}
    day = _plan_date(plan_date or policy.plan_date, tables["sales"]["date"].to_numpy(), policy)
    world = World(
        tables, policy, day, frozenset(intake.given), tuple(intake.faults), tuple(intake.notices), _assumptions(folder)
    )
    return _without_future(world)


def _assumptions(folder: Path) -> tuple[str, ...]:
    path = folder / "ASSUMPTIONS.md"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return tuple(line.removeprefix("- ") for line in lines if line.startswith("- "))


def _read(intake: Intake, folder: Path) -> None:
    found = _files(intake, folder)
    for table in input_tables():
        if table.name in found:
            intake.read(table, found[table.name])
        elif table.required:
            intake.read_nothing(table)


def _files(intake: Intake, folder: Path) -> dict[str, Path]:
    names = [table.name for table in input_tables()]
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in _SUFFIXES or path.name.startswith("."):
            continue
        if path.stem not in names:
            intake.notices.append(f"{path.name} is no table of ours and is not read{nearest(path.stem, names)}")
        elif path.stem in found:
            intake.faults.append(
                Fault(
                    path.stem,
                    path.name,
                    0,
                    "",
                    f"{found[path.stem].name} and {path.name}",
                    "one file for a table",
                    "remove one; neither is read",
                )
            )
        else:
            found[path.stem] = path
    doubled = {fault.table for fault in intake.faults if fault.expected == "one file for a table"}
    return {name: path for name, path in found.items() if name not in doubled}


def _require(intake: Intake, folder: Path) -> None:
    lacking = [table.name for table in input_tables() if table.required and not _rows(intake, table)]
    # A company may start with empty shelves and no past, but not without items and places.
    missing = [name for name in lacking if not intake.has(name)]
    empty = [name for name in lacking if intake.has(name) and name in {"items", "locations"}]
    if missing or empty:
        words = [f"{name}.csv is missing" for name in missing] + [f"{name} has no usable row" for name in empty]
        hint = "a folder needs items, locations, sales and stock (docs/tables.md shows their columns)"
        raise UnusableInputError(f"nothing can be planned from {folder}: {'; '.join(words)}; {hint}", intake.faults)


def _rows(intake: Intake, table: Table) -> int:
    return int(intake.connection.execute(f"SELECT count(*) FROM in_{table.name}").fetchall()[0][0])


def _plan_date(wanted: date | None, sold: object, policy: Policy) -> date:
    periods = Periods(policy.period)
    if wanted is not None:
        return periods.start(wanted)
    if len(sold) == 0:  # type: ignore[arg-type]
        raise UnusableInputError("no sales and no plan date: set plan_date in policy.toml or give --date")
    last: date = sold.max().astype("datetime64[D]").astype(date)  # type: ignore[attr-defined]
    return periods.add(last, 1)


# What has happened, by the column that says when; planned prices, promotions and weather forecasts may lie ahead.
_HAPPENED = {"sales": "date", "transactions": "ordered_at", "fraud_labels": "known_at", "receipts": "received_on"}


def _without_future(world: World) -> World:
    """Return the world with what happened before the plan date only; what came later is said, and never read."""
    tables, notes = dict(world.tables), []
    for name, column in _HAPPENED.items():
        data = world.table(name)
        if not data.num_rows:
            continue
        day = pa.scalar(world.plan_date).cast(data[column].type)
        later = pc.fill_null(pc.greater_equal(data[column], day), False)
        if count := pc.sum(later).as_py():
            tables[name] = canonical(declared()[name], data.filter(pc.invert(later)))
            notes.append(f"{count:,} rows of {name} on or after {world.plan_date} are left aside")
    return replace(world, tables=tables, notices=(*world.notices, *notes), _frames={})
