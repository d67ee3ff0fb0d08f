"""From computed tables to the files of a plan folder, and the few lines people are told."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from optimizer import VERSION
from optimizer.allowed import allowed_decisions
from optimizer.plan.check import file_hash
from optimizer.plan.exceptions import ExceptionRow, exception_table, from_inputs
from scenarios.plans import INPUTS, write_inputs, write_table
from scenarios.policy import policy_text
from scenarios.schema import Table, declared, output_tables
from scenarios.world import World, from_frame

_ENGINES = ("highspy", "ortools", "numba", "numpy", "duckdb")
_ALWAYS = ("exceptions", "quarantine")
# Decisions that each command may have to skip, and then says so; prices say so themselves when asked for alone.
_SAID = {"plan": {"orders", "transfers", "prices", "routes"}, "reorder": {"orders", "transfers"}, "route": {"routes"}}
_SHOWN_EXCEPTIONS = 8


@dataclass(frozen=True)
class Record:
    """What was computed: tables by name, proofs by decision, exceptions.

    state: what the next day's plan remembers; company: who it is for; previous: hash of the plan before, "" without one
    choices: what else was asked and changes the plan, as it stands in run.json
    """

    wanted: str
    tables: Mapping[str, pa.Table | pd.DataFrame]
    proofs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    exceptions: list[ExceptionRow] = field(default_factory=list)
    horizon: int = 0
    state: Mapping[str, pa.Table] = field(default_factory=dict)
    company: str = ""
    previous: str = ""
    choices: Mapping[str, Any] = field(default_factory=dict)


def default_folder(plans: Path, world: World, record: Record) -> Path:
    """Return `plans`/<date>-<short hash of inputs, settings and version>."""
    settings = [world.hash, record.wanted, record.previous, record.choices, VERSION]
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    return plans / f"{world.plan_date}-{digest[:8]}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "source"


def write_record(folder: Path, world: World, record: Record, seconds: Mapping[str, float]) -> None:
    """Write all files of a plan into an empty folder: tables, inputs, certificate, and run.json that lists them."""
    currency = world.policy.currency
    tables = {**record.tables, "exceptions": _all_exceptions(world, record), "quarantine": _quarantine(world)}
    for table in _tables_of(record):
        data = tables.get(table.name)
        ready = table.empty() if data is None else data if isinstance(data, pa.Table) else from_frame(table, data)
        write_table(folder, table.name, ready, currency)
    write_inputs(folder, world)
    (folder / INPUTS / "policy.toml").write_text(_policy_in_force(world), encoding="utf-8")
    (folder / "state").mkdir()
    for name, data in record.state.items():
        pq.write_table(data, folder / "state" / f"{name}.parquet", compression="zstd")
    _write_json(folder / "certificate.json", _certificate(world, record))
    files = {str(p.relative_to(folder)): file_hash(p) for p in sorted(folder.rglob("*")) if p.is_file()}
    run = {
        "command": record.wanted,
        "plan_date": world.plan_date.isoformat(),
        "dayplan": VERSION,
        "input_hash": world.hash,
        "company": record.company,
        "previous": record.previous,
        **record.choices,
        "newest_sale": _newest_sale(world),
        "seed": world.policy.seed,
        "paths": world.policy.paths,
        "horizon": record.horizon,
        "seconds": dict(seconds),
        "files": files,
    }
    _write_json(folder / "run.json", run)


def _newest_sale(world: World) -> str:
    newest = pc.max(world.table("sales")["date"]).as_py()
    return newest.isoformat() if newest else ""


def _tables_of(record: Record) -> list[Table]:
    """Return the tables to write: all of them for a whole day, else those of the decisions taken."""
    if record.wanted == "plan":
        return output_tables()
    return [table for table in output_tables() if table.name in record.tables or table.name in _ALWAYS]


def _all_exceptions(world: World, record: Record) -> pd.DataFrame:
    skipped = [
        ExceptionRow(f"decision {a.decision}", "skipped", f"{a.decision} are not decided: {a.words}", {})
        for a in allowed_decisions(world)
        if not a.possible and a.decision in _SAID.get(record.wanted, ())
    ]
    table = exception_table([*from_inputs(world), *skipped, *record.exceptions])
    aside = table["subject"].isin(list(record.choices.get("snoozed", ())))
    return table.assign(kind=table["kind"].mask(aside, "snoozed"))


def _quarantine(world: World) -> pd.DataFrame:
    columns = list(declared()["quarantine"].names)
    rows = pd.DataFrame([asdict(fault) for fault in world.quarantine], columns=columns)
    return rows.assign(money=rows["money"].astype("Int64"))


def _policy_in_force(world: World) -> str:
    policy = {**asdict(world.policy), "plan_date": world.plan_date, "decimal": "."}
    return policy_text(type(world.policy)(**policy))


def _certificate(world: World, record: Record) -> dict[str, Any]:
    return {
        "decisions": dict(record.proofs),
        "seed": world.policy.seed,
        "input_hash": world.hash,
        "previous": record.previous,
        "engines": {name: _version(name) for name in _ENGINES},
    }


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def summary_of(world: World, record: Record, folder: Path) -> dict[str, Any]:
    """Return what a person or a machine is told at the end."""
    kpis = record.tables.get("kpis")
    figures = (
        [] if not isinstance(kpis, pd.DataFrame) else kpis.astype(object).where(kpis.notna(), None).to_dict("records")
    )
    exceptions = _all_exceptions(world, record).sort_values("money", ascending=False, kind="stable")
    exceptions = exceptions[exceptions["kind"] != "snoozed"]
    return {
        "command": record.wanted,
        "plan_date": world.plan_date.isoformat(),
        "folder": str(folder),
        "currency": world.policy.currency,
        "proofs": {
            name: {k: v for k, v in proof.items() if k in {"objective", "bound", "gap", "status"}}
            for name, proof in record.proofs.items()
        },
        "kpis": figures,
        "exceptions": exceptions.head(_SHOWN_EXCEPTIONS).to_dict("records"),
        "exceptions_total": len(exceptions),
        "quarantined_rows": len(world.quarantine),
    }
