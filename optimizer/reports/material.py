"""What the files for people are made of: one reading of a finished plan folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd
import pyarrow as pa

from optimizer.plan.check import Evidence, file_hash, read_evidence
from optimizer.reports.wording import missing
from scenarios.schema import declared, output_tables
from scenarios.world import World, rows_of

# Tables with a row for each pair and period, and the long explanations, are read in pieces or not at all.
_LARGE = frozenset({"forecast", "projection", "explanations"})


@dataclass(frozen=True)
class Material:
    """A plan folder as the reports read it.

    frames: small tables by name, amounts in minor units; changed: files that are not as they were published
    items, places, suppliers: names by id, only where a name is given; locations: kind, lat and lon by id
    """

    evidence: Evidence
    frames: Mapping[str, pd.DataFrame]
    changed: tuple[str, ...]
    items: Mapping[str, str]
    places: Mapping[str, str]
    suppliers: Mapping[str, str]
    locations: Mapping[str, Mapping[str, Any]]

    @property
    def world(self) -> World:
        """The inputs kept with the plan."""
        return self.evidence.world

    @property
    def currency(self) -> str:
        """Currency of the plan's money."""
        return self.world.policy.currency

    @property
    def plan_date(self) -> date:
        """The day planned."""
        return self.world.plan_date

    @property
    def command(self) -> str:
        """What was computed: plan, reorder or forecast."""
        return str(self.evidence.run.get("command", "plan"))

    def has(self, name: str) -> bool:
        """Return whether the plan holds this table, with or without rows."""
        return name in self.evidence.plan.tables

    def frame(self, name: str) -> pd.DataFrame:
        """Return a small table of the plan; an absent one without rows."""
        return self.frames[name]

    def table(self, name: str) -> pa.Table:
        """Return any table of the plan in its memory form; an absent one without rows."""
        return self.evidence.plan.tables.get(name, declared()[name].empty())

    def today(self, name: str) -> pd.DataFrame:
        """Return the lines of `purchase_orders` or `transfers` to release on the plan date."""
        lines = self.frame(name)
        return lines[lines["status"] == "proposed"]

    def item(self, item_id: Any) -> str:
        """Return the name of an item, its id where it has none."""
        return _name(self.items, item_id)

    def place(self, location_id: Any) -> str:
        """Return the name of a location, its id where it has none."""
        return _name(self.places, location_id)

    def source(self, source_id: Any) -> str:
        """Return the name of a supplier or dc; an empty id is the default source."""
        if missing(source_id) or source_id == "":
            return "default source"
        return self.suppliers.get(source_id) or _name(self.places, source_id)


def _name(names: Mapping[str, str], key: Any) -> str:
    return "" if missing(key) else names.get(key, str(key))


def read_material(folder: Path) -> Material:
    """Return what the reports need of a plan folder. Raises FileNotFoundError when it is none."""
    evidence = read_evidence(folder)
    small = [table.name for table in output_tables() if table.name not in _LARGE]
    world = evidence.world
    return Material(
        evidence,
        MappingProxyType({name: evidence.frame(name) for name in small}),
        _changed(evidence),
        _names(world, "items", "item_id"),
        _names(world, "locations", "location_id"),
        _names(world, "suppliers", "supplier_id"),
        MappingProxyType({row.location_id: _where(row) for row in rows_of(world.frame("locations"))}),
    )


def _where(row: Any) -> Mapping[str, Any]:
    return MappingProxyType({"kind": row.kind, "lat": row.lat, "lon": row.lon})


def _names(world: World, table: str, key: str) -> Mapping[str, str]:
    frame = world.frame(table)
    named = frame[frame["name"].notna() & (frame["name"] != "")]
    return MappingProxyType(dict(zip(named[key], named["name"], strict=True)))


def _changed(evidence: Evidence) -> tuple[str, ...]:
    """Return the published files that are missing or changed: a plan is published only after it was verified."""
    files = evidence.run.get("files", {})
    tables = {name: digest for name, digest in files.items() if not _is_report(name)}
    paths = {name: evidence.folder / name for name in tables}
    return tuple(name for name, path in paths.items() if not path.exists() or file_hash(path) != tables[name])


def _is_report(name: str) -> bool:
    return name in {"plan.html", "forecast.html", "finance.xlsx"} or name.startswith("dispatch/")
