"""Is a finished plan true? Recomputed from the files alone by code that knows no model and no decision."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from scenarios.plans import INPUTS, PlanTables, read_plan, world_of
from scenarios.schema import declared
from scenarios.world import World

UNITS_TOLERANCE = 1e-4
GAP_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Violation:
    """Something in a plan that cannot be so: in which table, which line, and why."""

    table: str
    line: str
    text: str

    def __str__(self) -> str:
        """Return the violation as one sentence."""
        return f"{self.table}{f' {self.line}' if self.line else ''}: {self.text}"


@dataclass(frozen=True)
class Evidence:
    """What a plan folder holds: its tables, the inputs kept beside them, its run and certificate."""

    folder: Path
    world: World
    plan: PlanTables
    run: dict[str, Any]
    certificate: dict[str, Any]

    def frame(self, name: str) -> pd.DataFrame:
        """Return a table of the plan as a DataFrame."""
        return self.plan.frame(name)


def free_stock(evidence: Evidence) -> pd.DataFrame:
    """Return the table `stock` of the inputs with `units` free to sell: what held orders reserved is free too."""
    world = evidence.world
    stock = world.frame("stock").sort_values(["item_id", "location_id", "lot"], kind="stable")
    held, asked = set(evidence.frame("order_holds")["order_id"]), dict[tuple[str, str], float]()
    orders = world.frame("transactions") if held else world.frame("transactions").iloc[:0]
    for row in orders[
        orders["order_id"].isin(held) & (orders["units"] > 0) & orders["cancels_order_id"].isna()
    ].to_dict("records"):
        if not pd.isna(row["ordered_at"]) and pd.Timestamp(row["ordered_at"]) >= pd.Timestamp(world.plan_date):
            continue
        key = (row["item_id"], row["location_id"])
        asked[key] = asked.get(key, 0.0) + float(row["units"])
    units = []
    for row in stock.to_dict("records"):
        key = (row["item_id"], row["location_id"])
        freed = min(asked.get(key, 0.0), float(row["reserved"]))
        asked[key] = asked.get(key, 0.0) - freed
        units.append(max(float(row["on_hand"]) - float(row["reserved"]) + freed - float(row["held"]), 0.0))
    return stock.assign(units=units)


Check = Callable[[Evidence], Iterator[Violation]]


def read_evidence(folder: Path) -> Evidence:
    """Return what the folder holds. Raises FileNotFoundError when it is no plan folder."""
    for name in ("run.json", "certificate.json", INPUTS):
        if not (folder / name).exists():
            raise FileNotFoundError(f"{folder} is no plan folder: {name} is missing")
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    certificate = json.loads((folder / "certificate.json").read_text(encoding="utf-8"))
    plan = read_plan(folder)
    return Evidence(folder, world_of(folder, plan), plan, run, certificate)


def check_plan(folder: Path, checks: tuple[Check, ...]) -> list[Violation]:
    """Return all violations found in a plan folder by `checks`, none for a true plan."""
    evidence = read_evidence(folder)
    return [violation for check in checks for violation in check(evidence)]


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_files(evidence: Evidence) -> Iterator[Violation]:
    """Every file listed in run.json is there, unchanged; every table can be read in its declared form."""
    for name, digest in evidence.run["files"].items():
        path = evidence.folder / name
        if not path.exists():
            yield Violation(name, "", "is missing")
        elif file_hash(path) != digest:
            yield Violation(name, "", "was changed after the plan was written")
    for fault in evidence.plan.faults:
        yield Violation(fault.table, "", str(fault))


def check_keys(evidence: Evidence) -> Iterator[Violation]:
    """Keys are unique in every table."""
    for name, data in evidence.plan.tables.items():
        key = list(declared()[name].key)
        frame = evidence.frame(name)[key] if data.num_rows else None
        if frame is not None and name != "quarantine":
            for values in frame[frame.duplicated()].itertuples(index=False):
                yield Violation(name, " ".join(map(str, values)), "stands more than once")


def check_certificate(evidence: Evidence) -> Iterator[Violation]:
    """No objective lies below its bound, and each gap is the one that objective and bound give."""
    for name, proof in evidence.certificate.get("decisions", {}).items():
        objective, bound, gap = proof.get("objective"), proof.get("bound"), proof.get("gap")
        if objective is None or bound is None:
            if gap is not None:
                yield Violation("certificate.json", name, "has a gap without objective and bound")
            continue
        slack = GAP_TOLERANCE * max(1.0, abs(objective))
        if objective < bound - slack:
            yield Violation("certificate.json", name, f"objective {objective} lies below its bound {bound}")
        expected = max(objective - bound, 0.0) / max(abs(objective), 1e-9)
        if gap is None or abs(gap - expected) > GAP_TOLERANCE:
            yield Violation("certificate.json", name, f"gap {gap} should be {expected:.6g}")


def check_explanations(evidence: Evidence) -> Iterator[Violation]:
    """Each line of today has an explanation."""
    explained = set(evidence.frame("explanations")["line_id"])
    for name in ("purchase_orders", "transfers"):
        lines = evidence.frame(name)
        for line in lines.loc[lines["status"] == "proposed", "line_id"]:
            if line not in explained:
                yield Violation(name, line, "is not explained")
