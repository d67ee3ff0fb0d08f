"""Two plans side by side: what was given, what was decided line by line, and the figures; from their folders alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from scenarios.plans import INPUTS, DamagedPlanError, PlanTables, read_plan, run_of
from scenarios.policy import Policy, policy_names, read_policy
from scenarios.schema import declared
from scenarios.world import plain_frame

# What of each decision is compared, and the column whose difference is money.
_DECISIONS = {
    "purchase_orders": (("quantity", "due_on", "status"), "amount"),
    "transfers": (("quantity", "due_on", "status"), ""),
    "price_changes": (("new_price",), ""),
}
_NAMED = {
    "purchase_orders": ("item_id", "location_id", "source_id"),
    "transfers": ("item_id", "to_location", "from_location"),
    "price_changes": ("item_id", "location_id", "kind"),
    "routes": ("line_id", "stop_id", "kind"),
}
_CLOSE = 1e-6
_EXAMPLES = 3


class UnlikePlansError(ValueError):
    """Two folders cannot be compared; the message says why."""


@dataclass(frozen=True)
class Comparison:
    """
    What differs between two plans.

    currency: of all money; amounts in minor units
    inputs: columns table, change (added, removed, changed, policy), rows, words
    decisions: columns table, change, item_id, location_id, other, field, before, after, money, reason_before,
        reason_after; a row for each line and field that differs
    figures: columns name, unit, before, after, difference
    costs: columns component, nature, before, after, difference in minor units; their sums are those of the plans
    lines: decision lines of each plan by table: columns table, before, after, same
    """

    currency: str
    inputs: pd.DataFrame
    decisions: pd.DataFrame
    figures: pd.DataFrame
    costs: pd.DataFrame
    lines: pd.DataFrame

    @property
    def same(self) -> bool:
        """Whether nothing decided differs."""
        return self.decisions.empty


def compare_plans(first: Path, second: Path) -> Comparison:
    """
    Return what differs between two plan folders; of decisions that one of them did not take, nothing.

    Raises UnlikePlansError where they cannot be compared, DamagedPlanError where one of them is not whole.
    """
    runs = [run_of(folder) for folder in (first, second)]
    before, after = (_whole(folder, run) for folder, run in zip((first, second), runs, strict=True))
    if "kpis" not in before.tables or "kpis" not in after.tables:
        commands = f"{first} was made by {runs[0]['command']}, {second} by {runs[1]['command']}"
        raise UnlikePlansError(f"{commands}: only plans with orders can be compared")
    policies = [read_policy(folder / INPUTS)[0] for folder in (first, second)]
    if policies[0].currency != policies[1].currency:
        raise UnlikePlansError(f"{first} is in {policies[0].currency}, {second} in {policies[1].currency}")
    decisions, lines = _decisions(before, after)
    return Comparison(
        policies[0].currency,
        _inputs((first, second), policies, runs),
        decisions,
        _figures(before, after),
        _costs(before, after),
        lines,
    )


def _whole(folder: Path, run: Mapping[str, Any]) -> PlanTables:
    """Return the tables of a plan of which nothing is missing."""
    missing = [name for name in run["files"] if not (folder / name).is_file()]
    if missing:
        raise DamagedPlanError(f"{folder / missing[0]} is missing; make the plan again, or put a copy of it back")
    plan = read_plan(folder)
    if plan.faults:
        raise DamagedPlanError(f"{folder}: {plan.faults[0]}")
    return plan


def _inputs(folders: tuple[Path, Path], policies: list[Policy], runs: list[dict[str, Any]]) -> pd.DataFrame:
    """Return what differs in the inputs kept beside the plans, and what their runs say was changed."""
    rows = []
    names = sorted({path.stem for folder in folders for path in (folder / INPUTS).glob("*.parquet")})
    for name in names:
        if name in declared():
            rows += _input_changes(name, *(_kept(folder, name) for folder in folders))
    for key in policy_names():
        was, now = (getattr(policy, key) for policy in policies)
        if was != now and key != "decimal":
            rows.append({"table": "policy", "change": "policy", "rows": 1, "words": f"{key} {was} becomes {now}"})
    told = [run.get("scenario_changes", []) for run in runs]
    for change, which, other in (("removed", 0, 1), ("added", 1, 0)):
        for words in told[which]:
            if words not in told[other]:
                rows.append({"table": "scenario", "change": change, "rows": 1, "words": words})
    if not rows and runs[0]["input_hash"] != runs[1]["input_hash"]:
        words = "tables that do not travel with a plan differ: sales, receipts, weather or prices"
        rows.append({"table": "sales", "change": "changed", "rows": 1, "words": words})
    return pd.DataFrame(rows, columns=["table", "change", "rows", "words"])


def _kept(folder: Path, name: str) -> pd.DataFrame:
    """Return an input table kept beside a plan, with the columns given."""
    path = folder / INPUTS / f"{name}.parquet"
    try:
        return plain_frame(pq.read_table(path) if path.exists() else declared()[name].empty())
    except pa.ArrowInvalid:
        raise DamagedPlanError(f"{path} is damaged; make the plan again, or put a copy of it back") from None


def _input_changes(name: str, before: pd.DataFrame, after: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows added, removed and changed of one table, with the first few in words."""
    key = [column for column in declared()[name].key if column in before and column in after]
    shared = [column for column in before.columns if column in after.columns and column not in key]
    if not key or before.equals(after):
        return []
    both = before[[*key, *shared]].merge(
        after[[*key, *shared]], on=key, how="outer", suffixes=("", "\x1f"), indicator=True
    )
    found = []
    for side, change in (("left_only", "removed"), ("right_only", "added")):
        rows = both[both["_merge"] == side]
        if len(rows):
            found.append({"table": name, "change": change, "rows": len(rows), "words": _examples(rows, key)})
    common = both[both["_merge"] == "both"]
    for column in shared:
        differ = common[_differs(common[column], common[f"{column}\x1f"])]
        if len(differ):
            words = _moves(differ, key, column)
            found.append({"table": name, "change": "changed", "rows": len(differ), "words": f"{column}: {words}"})
    return found


def _differs(before: pd.Series, after: pd.Series) -> pd.Series[bool]:
    """Return where two columns differ; two empty cells do not."""
    empty = before.isna() & after.isna()
    if pd.api.types.is_numeric_dtype(before) and pd.api.types.is_numeric_dtype(after):
        return ~empty & ~((before - after).abs() <= _CLOSE)
    return ~empty & (before.astype(object) != after.astype(object))


def _examples(rows: pd.DataFrame, key: list[str]) -> str:
    shown = [" ".join(str(value) for value in row) for row in rows[key].head(_EXAMPLES).itertuples(index=False)]
    return ", ".join(shown) + (f" and {len(rows) - _EXAMPLES} more" if len(rows) > _EXAMPLES else "")


def _moves(rows: pd.DataFrame, key: list[str], column: str) -> str:
    shown = [
        f"{' '.join(str(row[name]) for name in key)} {_shown(row[column])} becomes {_shown(row[f'{column}{chr(31)}'])}"
        for row in rows.head(_EXAMPLES).to_dict("records")
    ]
    return ", ".join(shown) + (f" and {len(rows) - _EXAMPLES} more" if len(rows) > _EXAMPLES else "")


def _shown(value: Any) -> str:
    if value is None or value is pd.NaT or value != value:
        return "empty"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _decisions(before: PlanTables, after: PlanTables) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return each line and field that differs, and the lines counted by table."""
    parts, counts = [], []
    for name, (fields, money) in _DECISIONS.items():
        if name not in before.tables or name not in after.tables:
            continue
        frames = [plan.frame(name).drop_duplicates("line_id") for plan in (before, after)]
        found, same = _line_changes(name, frames, fields, money)
        parts.append(found)
        counts.append({"table": name, "before": len(frames[0]), "after": len(frames[1]), "same": same})
    frames = [_visits(plan) for plan in (before, after)]
    found, same = _line_changes("routes", frames, ("vehicle_id", "seq"), "")
    parts.append(found)
    counts.append({"table": "routes", "before": len(frames[0]), "after": len(frames[1]), "same": same})
    filled = [part for part in parts if len(part)]
    table = pd.concat(filled, ignore_index=True) if filled else parts[0]
    table = table.sort_values("money", key=abs, ascending=False, kind="stable").reset_index(drop=True)
    return table, pd.DataFrame(counts)


def _visits(plan: PlanTables) -> pd.DataFrame:
    """Return the stops of the routes, one row for each line brought."""
    routes = plan.frame("routes")
    routes = routes[routes["line_id"].fillna("") != ""]
    return routes.assign(reason="").drop_duplicates("line_id")


def _line_changes(
    name: str, frames: list[pd.DataFrame], fields: tuple[str, ...], money: str
) -> tuple[pd.DataFrame, int]:
    """Return the lines of a decision that were added, removed or changed, and how many are the same."""
    named, columns = _NAMED[name], [*fields, *([money] if money else []), "reason"]
    kept = [frame[["line_id", *(c for c in named if c != "line_id"), *columns]] for frame in frames]
    both = kept[0].merge(kept[1], on="line_id", how="outer", suffixes=("", "\x1f"), indicator=True)
    for column in named:
        if column != "line_id":
            both[column] = both[column].where(both["_merge"] != "right_only", both[f"{column}\x1f"])
    paid = _money(both, money)
    parts = []
    alone = both["_merge"] != "both"
    changed = pd.Series(False, index=both.index)
    for field in fields:
        differ = ~alone & _differs(both[field], both[f"{field}\x1f"])
        changed |= differ
        parts.append(_told(both, differ, (name, "changed", field), named, paid))
    for side, change in (("left_only", "removed"), ("right_only", "added")):
        parts.append(_told(both, both["_merge"] == side, (name, change, fields[0]), named, paid))
    filled = [part for part in parts if len(part)]
    return (pd.concat(filled, ignore_index=True) if filled else parts[0]), int((~alone & ~changed).sum())


def _money(both: pd.DataFrame, column: str) -> pd.Series[float]:
    if not column:
        return pd.Series(0.0, index=both.index)
    before, after = (both[c].astype(float).fillna(0.0) for c in (column, f"{column}\x1f"))
    return after - before


def _told(
    both: pd.DataFrame, chosen: pd.Series[bool], what: tuple[str, str, str], named: tuple[str, ...], money: Any
) -> pd.DataFrame:
    rows, (table, change, field) = both[chosen], what
    return pd.DataFrame(
        {
            "table": table,
            "change": change,
            "line_id": rows["line_id"],
            "item_id": rows[named[0]],
            "location_id": rows[named[1]],
            "other": rows[named[2]].fillna(""),
            "field": field,
            "before": [_shown(value) if change != "added" else "" for value in rows[field]],
            "after": [_shown(value) if change != "removed" else "" for value in rows[f"{field}\x1f"]],
            "money": money[chosen].round().astype("int64") if field == "quantity" else 0,
            "reason_before": rows["reason"].fillna(""),
            "reason_after": rows["reason\x1f"].fillna(""),
        }
    )


def _figures(before: PlanTables, after: PlanTables) -> pd.DataFrame:
    """Return the key figures side by side."""
    kept = [plan.frame("kpis")[["name", "value", "unit"]] for plan in (before, after)]
    order = list(dict.fromkeys([*kept[0]["name"], *kept[1]["name"]]))
    both = kept[0].merge(kept[1], on="name", how="outer", suffixes=("_before", "_after"))
    both = both.set_index("name").loc[order].reset_index()
    unit = both["unit_before"].fillna(both["unit_after"])
    was, now = both["value_before"].astype(float), both["value_after"].astype(float)
    return pd.DataFrame({"name": both["name"], "unit": unit, "before": was, "after": now, "difference": now - was})


def _costs(before: PlanTables, after: PlanTables) -> pd.DataFrame:
    """Return the costs by component and nature, minor units."""
    sums = []
    for plan in (before, after):
        costs = plan.frame("costs")
        sums.append(costs.groupby(["component", "nature"])["amount"].sum().astype("int64"))
    both = pd.concat(sums, axis=1, keys=["before", "after"]).fillna(0).astype("int64").reset_index()
    return both.assign(difference=both["after"] - both["before"]).sort_values(
        ["nature", "component"], ignore_index=True
    )
