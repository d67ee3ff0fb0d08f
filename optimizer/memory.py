"""The engine's only memory: the plan before this one, its tables and its state/."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from forecasting.kept import Kept
from forecasting.kept_files import kept_from
from optimizer.plan.exceptions import ExceptionRow
from scenarios.plans import INPUTS, DamagedPlanError, read_plan, run_of
from scenarios.policy import read_policy
from scenarios.schema import declared
from scenarios.world import World, plain_frame

STATE, LEARNED, OVERRIDDEN = "state", "learned", "overridden"
NO_PREVIOUS = "none"
# Of all places of two plans at least this share is in both where they are of one company.
_SAME_PLACES = 0.5
# A level that moved by more than this share, and by this many units a period, is said.
_MOVED_SHARE, _MOVED_UNITS, _MOST_MOVES = 0.3, 1.0, 20


class NoPlanFolderError(Exception):
    """The folder given as the previous plan is none."""


@dataclass(frozen=True)
class Memory:
    """What is remembered; without a previous plan all of it is empty.

    digest: hash of the previous plan's files, "" without one
    tables: the previous plan's tables by name; state: its state tables by name
    learned: what its forecast keeps for the next, as written; see ``forecasting.kept_files``
    company: name by which the plans beside the one to come find each other
    """

    digest: str = ""
    tables: Mapping[str, pd.DataFrame] | None = None
    state: Mapping[str, pd.DataFrame] | None = None
    learned: pa.Table | None = None
    company: str = ""

    def table(self, name: str) -> pd.DataFrame | None:
        """Return a table of the previous plan, None without one."""
        return None if self.tables is None else self.tables.get(name)

    def kept(self) -> Kept | None:
        """Return what the forecast before keeps for this one, None without one."""
        return kept_from(self.learned)


def company_of(world: World, plans: Path) -> str:
    """Return the short name of the company by which its plans in a folder find each other.

    It is a hash of places, currency and period. A company none of whose plans is there goes on under the name of the
    latest plan with the same currency and period and at least half of all places of both in common: a store may open
    or close between two plans.
    """
    places = set(world.frame("locations")["location_id"])
    told = f"{','.join(sorted(places))}|{world.policy.currency}|{world.period}"
    own, runs = hashlib.sha256(told.encode()).hexdigest()[:16], _runs(plans)
    if any(run["company"] == own for run, _ in runs):
        return own
    for run, folder in runs:
        before, theirs = _places(folder), read_policy(folder / INPUTS)[0]
        alike = (theirs.currency, theirs.period) == (world.policy.currency, world.period)
        if alike and len(places & before) >= _SAME_PLACES * len(places | before) > 0:
            return str(run["company"])
    return own


def _runs(plans: Path) -> list[tuple[dict[str, Any], Path]]:
    """Return what the plans of a folder say of themselves, the latest first."""
    found = []
    for path in sorted(plans.glob("*/run.json")) if plans.is_dir() else []:
        with suppress(DamagedPlanError):
            found.append((run_of(path.parent), path.parent))
    return sorted(found, key=lambda one: (one[0]["plan_date"], one[1].stat().st_mtime), reverse=True)


def _places(folder: Path) -> set[str]:
    path = folder / INPUTS / "locations.parquet"
    return set(pq.read_table(path, columns=["location_id"])["location_id"].to_pylist()) if path.is_file() else set()


def recall(world: World, choice: str | None, plans: Path) -> Memory:
    """Return what the previous plan remembers.

    choice: a plan folder, "none", or None for the latest plan of the same company in `plans` before the plan date

    Raises NoPlanFolderError when a given folder is no plan, or what the plan keeps cannot be read.
    """
    folder = _chosen(world, choice, plans)
    if folder is None:
        return Memory()
    digest = digest_of(folder)
    tables = {name: plain_frame(data) for name, data in read_plan(folder).tables.items() if name in _REMEMBERED}
    state = {path.stem: _state_of(path) for path in sorted((folder / STATE).glob("*.parquet"))}
    learned = state.pop(LEARNED, None)
    return Memory(digest, tables, {name: plain_frame(data) for name, data in state.items()}, learned)


def _state_of(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except pa.ArrowInvalid:
        raise NoPlanFolderError(f'{path} is damaged; give another plan as the one before, or "none"') from None


_REMEMBERED = frozenset({"segments", "price_changes", "forecast", "purchase_orders", "transfers"})


def _chosen(world: World, choice: str | None, plans: Path) -> Path | None:
    if choice == NO_PREVIOUS:
        return None
    if choice is not None:
        if not (Path(choice) / "run.json").is_file():
            raise NoPlanFolderError(f'{choice} is no plan folder; give one, or "none"')
        return Path(choice)
    company = company_of(world, plans)
    for run, folder in _runs(plans):
        if run["company"] == company and date.fromisoformat(run["plan_date"]) < world.plan_date:
            return folder
    return None


def digest_of(folder: Path) -> str:
    """Return a hash of all files of a plan, from the hashes its run.json lists."""
    return hashlib.sha256(json.dumps(run_of(folder).get("files", {}), sort_keys=True).encode()).hexdigest()


def transfers_of(folder: Path | None, world: World) -> pd.DataFrame:
    """Return the transfers of a plan, none without one. Raises NoPlanFolderError when the folder is no plan of today.

    A plan of another day would ship what has left already, or what may not leave yet.
    """
    if folder is None:
        return pd.DataFrame(columns=list(declared()["transfers"].names))
    if not (folder / "run.json").is_file():
        raise NoPlanFolderError(f"{folder} is no plan folder")
    day = run_of(folder)["plan_date"]
    if day != world.plan_date.isoformat():
        raise NoPlanFolderError(f"{folder} is the plan of {day}, routes are wanted for {world.plan_date}")
    return read_plan(folder).frame("transfers")


def forecast_state(summary: pa.Table) -> pa.Table:
    """Return what the next day, and the page of the forecast, should know: level, what serves each series, drivers."""
    known = ["item_id", "location_id", "level", "censored_periods", "recovered_units", "method", "drivers"]
    return summary.select(known)


def moved_levels(memory: Memory, state: pa.Table) -> list[ExceptionRow]:
    """Return the series whose level is far from that of the plan before, the largest moves first."""
    before = (memory.state or {}).get("forecast")
    if before is None:
        return []
    both = plain_frame(state).merge(before, on=["item_id", "location_id"], suffixes=("", "_before"))
    both["moved"] = (both["level"] - both["level_before"]).abs()
    far = both["moved"] > both["level_before"].abs().mul(_MOVED_SHARE).clip(lower=_MOVED_UNITS)
    rows = both[far].sort_values("moved", ascending=False, kind="stable").head(_MOST_MOVES)
    return [
        ExceptionRow(
            f"level {row['item_id']} {row['location_id']}",
            "moved",
            f"{row['item_id']} at {row['location_id']}: usual demand {row['level_before']:,.1f} a period in the plan"
            f" before, {row['level']:,.1f} now",
            {"before": round(row["level_before"], 6), "now": round(row["level"], 6)},
        )
        for row in rows.to_dict("records")
    ]
