"""The life of a plan: promises that the next plan keeps, what holds a release back, what readers see."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from math import inf
from pathlib import Path
from typing import Any

import pandas as pd

from optimizer.memory import company_of
from optimizer.plan.ledger import (
    Event,
    Ledger,
    LedgerError,
    ledger_beside,
    ledger_in,
    promises_on,
    published_on,
    released_on,
    snoozed_on,
    standing,
    status_of,
)
from optimizer.plan.publish import unwritten
from optimizer.plan.verify import verify_plan
from scenarios.faults import nearest
from scenarios.plans import INPUTS, DamagedPlanError, PlanTables, read_plan, run_of
from scenarios.policy import read_policy
from scenarios.schema import declared
from scenarios.world import World, from_frame, rows_of

PUBLISHED = "published"
# The line tables of a plan: the column that is promised, the place that it is promised to, and who delivers.
LINES = {
    "purchase_orders": ("quantity", "location_id", "source_id"),
    "transfers": ("quantity", "to_location", "from_location"),
    "price_changes": ("new_price", "location_id", ""),
}
# Orders that wait for a review.
HOLDS = "order_holds"
# Decisions whose bound is strong enough that a wide gap means a bad plan.
_BOUNDED = ("reorder", "markdown")
_ALARMS_SHOWN = 5


def with_promises(world: World, plans: Path) -> World:
    """
    Return the world with what was promised for its day among its locks, and released orders among its labels.

    Promised are the lines of today of the plan published last for the day, but for those released since, and the locks
    and overrides of people; of several on one line the one set last holds.
    """
    events, company = Ledger(ledger_in(plans)).events(), company_of(world, plans)
    world = _with_labels(world, [e for e in standing(events) if e.company == company and e.target == HOLDS])
    rows = [*_confirmed(events, company, world.plan_date, plans), *_asked(events, company, world.plan_date)]
    if not rows:
        return world
    before = world.frame("locks")
    added = pd.DataFrame(rows).reindex(columns=before.columns)
    both = pd.concat([part for part in (before, added) if len(part)], ignore_index=True)
    key = list(declared()["locks"].key)
    both = both.sort_values("at", kind="stable", na_position="first").drop_duplicates(key, keep="last")
    return world.replace(locks=from_frame(declared()["locks"], both))


def _with_labels(world: World, releases: list[Event]) -> World:
    """
    Return the world that knows released orders to be honest, whatever was thought of them before.

    A release counts for the plans of its own day too, so it stands as known the second before that day.
    """
    known = {e.line_id: e.plan_date for e in releases if e.plan_date <= world.plan_date}
    if not known:
        return world
    before = world.frame("fraud_labels")
    second = timedelta(seconds=1)
    rows = [
        {"order_id": name, "is_fraud": False, "known_at": datetime.combine(day, time()) - second}
        for name, day in sorted(known.items())
    ]
    kept = before[~before["order_id"].isin(list(known))]
    both = pd.concat([part for part in (kept, pd.DataFrame(rows)) if len(part)], ignore_index=True)
    return world.replace(fraud_labels=from_frame(declared()["fraud_labels"], both[list(before.columns)]))


def _confirmed(events: list[Event], company: str, day: date, plans: Path) -> list[dict[str, Any]]:
    """Return the lines of today of the plan published last; what the watch of the forecast holds was not released."""
    publications = published_on(events, company, day)
    if not publications:
        return []
    last = publications[-1]
    if not (plans / last.plan / "run.json").is_file():
        raise LedgerError(
            f"{plans / last.plan} is published for {day} and gone: its promises cannot be kept; put it back under that "
            "name, or plan into another folder of plans"
        )
    free, plan, rows = released_on(events, company, last), read_plan(plans / last.plan), []
    for name, (field, place, source) in LINES.items():
        for row in rows_of(_today(plan, name)):
            line = (name, row.item_id, getattr(row, place), _source(row, source))
            if line not in free:
                rows.append(_lock((*line, field), getattr(row, field), last, f"published in {last.plan}"))
    return rows


def _source(row: Any, column: str) -> str:
    """Return who delivers a line; "" where the tables name nobody."""
    source = getattr(row, column) if column else ""
    return source if isinstance(source, str) else ""


def _today(plan: PlanTables, name: str) -> pd.DataFrame:
    """Return the lines of a plan for its own day; those that the watch of the forecast holds are not released."""
    frame = plan.frame(name)
    frame = frame[frame["status"] == "proposed"] if "status" in frame else frame
    return frame[frame["hold"].fillna("") == ""] if "hold" in frame else frame


def _asked(events: list[Event], company: str, day: date) -> list[dict[str, Any]]:
    """Return the locks and overrides of people."""
    return [
        _lock((e.target, e.item_id, e.location_id, e.source_id, e.field), e.value, e, e.reason)
        for e in promises_on(events, company, day)
    ]


def _lock(line: tuple[str, str, str, str, str], value: object, event: Event, reason: str) -> dict[str, Any]:
    target, item, place, source, field = line
    at = datetime.fromisoformat(event.moment).replace(tzinfo=None)
    return {
        "target": target, "line_id": "", "item_id": item, "location_id": place, "source_id": source, "field": field,
        "value": str(value), "from": event.plan_date, "to": event.until or event.plan_date,
        "author": event.author, "reason": reason, "at": at,
    }  # fmt: skip


def whole(folder: Path, action: str, author: str, reason: str) -> Event:
    """Return an event about a whole plan. Raises DamagedPlanError where the folder is no plan."""
    run = run_of(folder)
    day = date.fromisoformat(run["plan_date"])
    return Event(action, author, reason, run["company"], folder.absolute().name, day)


def about_exception(folder: Path, event: Event, subject: str) -> Event:
    """Return an event about an exception of a plan. Raises LedgerError where the plan has none with that subject."""
    subjects = sorted(set(read_plan(folder).frame("exceptions")["subject"]))
    if subject not in subjects:
        raise LedgerError(f'{folder} has no exception "{subject}"{nearest(subject, subjects)}; exceptions lists them')
    return replace(event, line_id=subject)


def about_line(folder: Path, event: Event, line: str, value: str | None) -> Event:
    """
    Return an event about one line of a plan's day, found by the first characters of its id, or about a held order.

    value: what the line is to be, what it is where None

    A held order is named by its whole order_id and can only be released: that is the label of an honest order.

    Raises LedgerError where no line, or more than one, begins so, or the value is no number of at least 0.
    """
    plan, found = read_plan(folder), []
    if event.action == "release" and line in set(plan.frame(HOLDS)["order_id"]):
        return replace(event, target=HOLDS, line_id=line, field="is_fraud", value="false")
    for name in LINES:
        rows = _today(plan, name)
        found += [(name, row) for row in rows_of(rows[rows["line_id"].str.startswith(line)])]
    if len(found) != 1:
        what = "no line of its day" if not found else f"{len(found)} lines"
        raise LedgerError(
            f"{folder}: {what} begins with {line}; orders, transfers and price_changes list them, order_holds too"
        )
    name, row = found[0]
    field, place, source = LINES[name]
    kept = str(getattr(row, field)) if value is None else value
    try:
        fits = 0.0 <= float(kept) < inf
    except ValueError:
        fits = False
    if not fits:
        raise LedgerError(f'{field} "{kept}" is no number of at least 0')
    return replace(
        event, target=name, line_id=row.line_id, item_id=row.item_id, location_id=getattr(row, place),
        source_id=_source(row, source), field=field, value=kept,
    )  # fmt: skip


def alarms_of(folder: Path) -> list[str]:
    """Return what holds the release of a plan back: a failed check, stale data, a wide gap."""
    policy = read_policy(folder / INPUTS)[0]
    found = [f"check failed: {violation}" for violation in verify_plan(folder)[:_ALARMS_SHOWN]]
    run = run_of(folder)
    if run.get("newest_sale"):
        age = (date.fromisoformat(run["plan_date"]) - date.fromisoformat(run["newest_sale"])).days
        if age > policy.release_stale_days:
            found.append(f"stale data: the newest sale is {age} days old, {policy.release_stale_days} are allowed")
    certificate = json.loads((folder / "certificate.json").read_text(encoding="utf-8"))
    for name in _BOUNDED:
        gap = certificate["decisions"].get(name, {}).get("gap")
        if gap is not None and gap > policy.release_gap:
            found.append(f"gap of {name}: {gap:.2%}, {policy.release_gap:.2%} is allowed")
    return found


def publish(folder: Path, event: Event, despite: bool) -> Event:
    """
    Publish an approved plan: from then on it never changes, and ``published`` beside it points to it.

    Raises LedgerError where something holds it back, unless `despite`.
    """
    ledger = Ledger(ledger_beside(folder))
    if (done := _published_last(ledger.events(), event)) is not None:
        # Published, and perhaps cut off before readers were told.
        point_to(folder)
        return done
    with unwritten(folder):
        alarms = alarms_of(folder)
        if alarms and not despite:
            raise LedgerError(f"{folder} is held back: {'; '.join(alarms[:_ALARMS_SHOWN])}; mend it, or say --despite")
        if alarms:
            event = replace(event, reason=f"{event.reason} (despite: {'; '.join(alarms[:_ALARMS_SHOWN])})")
        done = ledger.append(event)
    point_to(folder)
    return done


def _published_last(events: list[Event], event: Event) -> Event | None:
    """Return the publication of the same plan where it is the last of all."""
    publications = [one for one in standing(events) if one.action == "publish"]
    return publications[-1] if publications and publications[-1].plan == event.plan else None


def point_to(folder: Path) -> None:
    """Let ``published`` beside a plan point to it, in one step, so that readers see either plan."""
    target = folder.absolute()
    fresh = target.with_name(f".{PUBLISHED}-{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target.name)
    fresh.replace(target.with_name(PUBLISHED))


def plans_in(plans: Path) -> list[dict[str, Any]]:
    """Return the plans of a folder with day, command, status and scenario, the latest day first."""
    events, rows = Ledger(ledger_in(plans)).events(), []
    for path in sorted(plans.glob("*/run.json")) if plans.is_dir() else []:
        if path.parent.is_symlink():
            continue
        try:
            run = run_of(path.parent)
        except DamagedPlanError:
            run = {"plan_date": "", "command": "damaged"}
        rows.append(
            {
                "plan": path.parent.name,
                "plan_date": run["plan_date"],
                "command": run["command"],
                "status": status_of(events, path.parent.name),
                "scenario": "; ".join(run.get("scenario_changes", [])),
            }
        )
    return sorted(rows, key=lambda row: (row["plan_date"], row["plan"]), reverse=True)


def snoozed(world: World, plans: Path) -> dict[str, Event]:
    """Return the subjects of exceptions that somebody set aside for the day."""
    return snoozed_on(Ledger(ledger_in(plans)).events(), company_of(world, plans), world.plan_date)


def shown_events(events: Iterable[Event]) -> list[dict[str, Any]]:
    """Return events as rows for people and machines."""
    return [
        {
            "number": e.number, "at": e.moment[:19], "author": e.author, "action": e.action, "plan": e.plan,
            "line": " ".join(part for part in (e.target, e.item_id, e.location_id) if part) or e.line_id,
            "value": f"{e.field} {e.value}".strip() if e.field else (f"event {e.undoes}" if e.undoes else ""),
            "until": e.until.isoformat() if e.until else "", "reason": e.reason,
        }
        for e in events
    ]  # fmt: skip
