"""What people read in the terminal: progress with the time left, faults, the day in a table."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from optimizer.allowed import allowed_decisions
from scenarios.money import as_decimal
from scenarios.world import World

SHOWN_FAULTS = 20


@contextmanager
def shown_progress(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Yield a report (stage, done, total) that draws one bar a stage with the time left; nothing without a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=False, disable=not console.is_terminal) as progress:
        tasks: dict[str, Any] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=total)
            progress.update(tasks[stage], completed=done, total=total)

        yield report


def print_faults(console: Console, world: World) -> None:
    """Print what is wrong with the tables, the first faults in full."""
    for notice in world.notices:
        console.print(f"note: {notice}", markup=False)
    for fault in world.quarantine[:SHOWN_FAULTS]:
        console.print(str(fault), markup=False)
    more = len(world.quarantine) - SHOWN_FAULTS
    if more > 0:
        console.print(f"… and {more:,} more; --json lists all")
    if not world.quarantine:
        console.print("no faults found")


def print_decisions(console: Console, world: World) -> None:
    """Print which decisions the tables allow."""
    table = Table("decision", "possible", "why", title=f"Decisions for {world.plan_date}", title_justify="left")
    for allowed in allowed_decisions(world):
        table.add_row(allowed.decision, "yes" if allowed.possible else "no", allowed.words)
    console.print(table)


def print_summary(console: Console, summary: dict[str, Any]) -> None:
    """Print the key figures, what a person should look at, and where the plan lies."""
    title = f"{summary['command']} for {summary['plan_date']}"
    table = Table("figure", "plan", "order as before", title=title, title_justify="left")
    for row in summary["kpis"]:
        before = "" if row["baseline"] is None else f"{row['baseline']:,.2f}"
        table.add_row(f"{row['name']} ({row['unit']})", f"{row['value']:,.2f}", before)
    if summary["kpis"]:
        console.print(table)
    for row in summary["exceptions"]:
        money = f" [{as_decimal(row['money'], summary['currency']):,} {summary['currency']}]" if row["money"] else ""
        console.print(f"• {row['text']}{money}", markup=False)
    look = summary["folder"]
    console.print(f"verified; look into {look}, best begin with {look}/plan.html", markup=False)


def print_figures(console: Console, table: pd.DataFrame, title: str) -> None:
    """Print a table of names and figures."""
    shown = Table(*table.columns, title=title, title_justify="left")
    for row in table.itertuples(index=False):
        shown.add_row(*(value if isinstance(value, str) else _figure(value) for value in row))
    console.print(shown)


def _figure(value: float) -> str:
    return f"{value:,.4g}" if abs(value) < 10 else f"{value:,.0f}"
