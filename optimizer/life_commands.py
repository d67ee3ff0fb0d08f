"""The commands of a plan's life, from lock and override to publish and undo; and the list of runs."""

import getpass
import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from optimizer.hindsight import scored_overrides
from optimizer.life import about_exception, about_line, alarms_of, plans_in, publish, shown_events, whole
from optimizer.options import PLANS_FOLDER, Data, Date, Json
from optimizer.plan.ledger import Event, Ledger, ledger_beside, ledger_in
from optimizer.plan.publish import unwritten
from scenarios.load import load_world
from scenarios.money import shown
from scenarios.world import rows_of

out = Console()
Plan = Annotated[Path, typer.Argument(metavar="PLAN", help="plan folder")]
Line = Annotated[str, typer.Argument(help="a line_id, or its first characters; a held order's order_id to release it")]
Reason = Annotated[str, typer.Option("--reason", help="why; it stays in the trail")]
Author = Annotated[str, typer.Option("--author", help="who; else the user of this machine")]
Until = Annotated[datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="last day; else the plan date")]


def _said(event: Event) -> None:
    row = shown_events([event])[0]
    what = " ".join(part for part in (row["line"], row["value"]) if part)
    out.print(f"{event.number}: {event.action} {event.plan} {what}".rstrip() + f", by {event.author}", markup=False)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def _on_line(plan: Path, line: str, value: str | None, event: Event, until: datetime | None) -> None:
    dated = replace(event, until=until.date() if until else None)
    _said(Ledger(ledger_beside(plan)).append(about_line(plan, dated, line, value)))


def lock(plan: Plan, line: Line, reason: Reason, author: Author = "", until: Until = None) -> None:
    """Keep a line as it is in every plan of its day. Example: `lock plans/2024-04-15-1a2b 3f2a --reason agreed`."""
    _on_line(plan, line, None, whole(plan, "lock", author or _user(), reason), until)


def override(
    plan: Plan,
    line: Line,
    value: Annotated[str, typer.Argument(help="the quantity or the price it is to have")],
    reason: Reason,
    author: Author = "",
    until: Until = None,
) -> None:
    """Set a line's quantity or price. Example: `override plans/2024-04-15-1a2b 3f2a 48 --reason fair`."""
    _on_line(plan, line, value, whole(plan, "override", author or _user(), reason), until)


def release(plan: Plan, line: Line, reason: Reason, author: Author = "") -> None:
    """Let a line be decided anew, or ship a held order. Example: `release plans/2024-04-15-1a2b 3f2a --reason gone`."""
    _on_line(plan, line, None, whole(plan, "release", author or _user(), reason), None)


def snooze(
    plan: Plan,
    subject: Annotated[str, typer.Argument(help="subject of an exception, as the table exceptions names it")],
    reason: Reason,
    author: Author = "",
    until: Until = None,
) -> None:
    """Set an exception aside for some days. Example: `snooze plans/2024-04-15-1a2b "late PO7 1" --reason known`."""
    event = replace(whole(plan, "snooze", author or _user(), reason), until=until.date() if until else None)
    _said(Ledger(ledger_beside(plan)).append(about_exception(plan, event, subject)))


def approve(plan: Plan, reason: Reason = "checked", author: Author = "") -> None:
    """Approve a plan. Example: `python run_plan.py approve plans/2024-04-15-1a2b`."""
    event = whole(plan, "approve", author or _user(), reason)
    with unwritten(plan):
        for alarm in alarms_of(plan):
            out.print(f"alarm: {alarm}", markup=False)
        _said(Ledger(ledger_beside(plan)).append(event))


def publish_plan(
    plan: Plan,
    reason: Reason = "approved",
    author: Author = "",
    despite: Annotated[
        bool, typer.Option("--despite", help="publish in spite of alarms; they stay in the trail")
    ] = False,
) -> None:
    """Publish an approved plan: it never changes again, and `plans/published` points to it."""
    _said(publish(plan, whole(plan, "publish", author or _user(), reason), despite))


def finish(plan: Plan, reason: Reason = "done", author: Author = "") -> None:
    """Say that a published plan was carried out. Example: `python run_plan.py finish plans/2024-04-15-1a2b`."""
    _said(Ledger(ledger_beside(plan)).append(whole(plan, "finish", author or _user(), reason)))


def undo(
    plan: Plan,
    number: Annotated[int, typer.Argument(help="number of the event, as `runs --events` lists it")],
    reason: Reason,
    author: Author = "",
) -> None:
    """Take an event back. Example: `python run_plan.py undo plans/2024-04-15-1a2b 7 --reason mistaken`."""
    event = replace(whole(plan, "undo", author or _user(), reason), undoes=number)
    _said(Ledger(ledger_beside(plan)).append(event))


def runs(
    plans: Annotated[Path, typer.Argument(help="folder of plans")] = PLANS_FOLDER,
    events: Annotated[bool, typer.Option("--events", help="list what people decided, in its order")] = False,
    as_json: Json = False,
) -> None:
    """List the plans with their status, or the trail of decisions. Example: `python run_plan.py runs --events`."""
    rows = shown_events(Ledger(ledger_in(plans)).events()) if events else plans_in(plans)
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    if not rows:
        out.print(f"there is nothing in {plans} yet", markup=False)
        return
    table = Table(*rows[0], title=str(plans), title_justify="left")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    out.print(table)


def hindsight(
    data: Data,
    plans: Annotated[Path, typer.Option("--plans", help="folder of plans")] = PLANS_FOLDER,
    date: Date = None,
    as_json: Json = False,
) -> None:
    """Say what overrides were worth, by the sales since. Example: `python run_plan.py hindsight my_tables`."""
    world = load_world(data, date.date() if date else None)
    scored = scored_overrides(world, plans)
    if as_json:
        print(json.dumps(scored.to_dict("records"), ensure_ascii=False, indent=1, default=str))
        return
    if scored.empty:
        out.print(f"nobody has set a line of the plans in {plans} otherwise", markup=False)
        return
    currency = world.policy.currency
    table = Table("event", "who", "line", "suggested", "set to", "saved", "", title_justify="left")
    for row in rows_of(scored):
        saved = "" if row.saved is None else shown(row.saved, currency)
        suggested = "" if pd.isna(row.suggested) else f"{row.suggested:g}"
        table.add_row(str(row.number), row.author, row.line, suggested, f"{row.set_to:g}", saved, row.says)
    out.print(table)
    known = scored[scored["saved"].notna()]
    for author, money in known.groupby("author")["saved"].sum().items():
        count = int((known["author"] == author).sum())
        out.print(f"{author}: {count} overrides saved {shown(int(money), currency)}", markup=False)


def add_to(app: typer.Typer) -> None:
    """Add the commands to an application."""
    for command in (lock, override, release, snooze, approve, finish, undo, runs, hindsight):
        app.command()(command)
    app.command(name="publish")(publish_plan)
