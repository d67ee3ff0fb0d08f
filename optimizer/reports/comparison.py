"""Two plans, or several scenarios, side by side: a page for people, a workbook, tables in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Column, Table

from optimizer.reports.markup import Markup, element, join
from optimizer.reports.page import document
from optimizer.reports.tables import Field, table
from optimizer.reports.wording import counted, money
from optimizer.reports.workbook import Sheet, write_sheets
from optimizer.runs import Run, side_by_side, under_uncertainty
from scenarios.compare import Comparison
from scenarios.whatif import Scenario
from scenarios.world import rows_of

_SHOWN = 12
_ON_PAGE = 300
# Letters that the lines of a table take beside a cell.
_BETWEEN = 3
_SIDES = ("before", "after", "difference")
_FARES = (
    ("scenario", "name"),
    ("expected", "expected"),
    ("95 % stay below", "p95"),
    ("worst twentieth", "tail"),
    ("worst", "worst"),
    ("mean regret", "regret_mean"),
    ("largest regret", "regret_worst"),
    ("cheapest on", "best"),
)
_NAMES = {"purchase_orders": "orders", "price_changes": "prices"}


def print_comparison(console: Console, found: Comparison) -> None:
    """Print what differs: inputs, decisions, figures."""
    for row in rows_of(found.inputs.head(_SHOWN)):
        console.print(f"{row.table} {row.change}, {counted(row.rows, 'row')}: {row.words}", markup=False)
    if found.inputs.empty:
        console.print("the inputs are the same")
    for row in rows_of(found.lines):
        name = _NAMES.get(row.table, row.table)
        console.print(f"{name}: {row.before:,} lines before, {row.after:,} after, {row.same:,} the same", markup=False)
    for row in rows_of(found.decisions.head(_SHOWN)):
        worth = f" [{money(row.money, found.currency)} {found.currency}]" if row.money else ""
        console.print(f"• {_sentence(row)}{worth}", markup=False)
    more = len(found.decisions) - _SHOWN
    if more > 0:
        console.print(f"… and {more:,} more; --out writes all")
    shown = Table("figure", "before", "after", "difference", title="Figures", title_justify="left")
    for row in rows_of(found.figures):
        shown.add_row(f"{row.name} ({row.unit})", *(f"{v:,.2f}" for v in (row.before, row.after, row.difference)))
    console.print(shown)


def _sentence(row: Any) -> str:
    """Return a decision's difference in words."""
    what = f"{_NAMES.get(row.table, row.table)} {row.item_id} {row.location_id} {row.other}"
    if row.change == "added":
        return f"{what}: new, {row.field} {row.after}"
    if row.change == "removed":
        return f"{what}: gone, {row.field} was {row.before}"
    return f"{what}: {row.field} {row.before} becomes {row.after}"


def write_comparison(folder: Path, found: Comparison, title: str) -> list[str]:
    """Write page and workbook of a comparison; return their names."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "comparison.html").write_text(_page(title, _parts(found)), encoding="utf-8")
    sheets = [
        Sheet("Figures", found.figures),
        Sheet("Costs", found.costs, ("before", "after", "difference")),
        Sheet("Decisions", found.decisions, ("money",)),
        Sheet("Inputs", found.inputs),
    ]
    write_sheets(folder / "comparison.xlsx", title, sheets, found.currency)
    return ["comparison.html", "comparison.xlsx"]


def _page(title: str, parts: Sequence[Markup]) -> str:
    body = join(
        element("header", element("p", "Dayplan", class_="brand"), element("h1", title)),
        element("main", *parts),
        element("footer", element("p", "Made by Dayplan from the files of the plan folders alone.")),
    )
    return document(title, body)


def _figure(side: str, row: Any) -> str:
    return f"{getattr(row, side):,.2f}"


def _amount(currency: str, side: str, row: Any) -> str:
    return money(getattr(row, side), currency)


def _column(place: int, row: Any) -> str:
    return f"{row[place]:,.2f}"


def _parts(found: Comparison) -> list[Markup]:
    figures = (
        Field("Figure", lambda row: row.name.replace("_", " ")),
        Field("Unit", lambda row: row.unit),
        *(Field(name.title(), partial(_figure, name), "n") for name in _SIDES),
    )
    costs = (
        Field("Component", lambda row: row.component.replace("_", " ")),
        Field("Nature", lambda row: row.nature),
        *(Field(name.title(), partial(_amount, found.currency, name), "n") for name in _SIDES),
    )
    decisions = (
        Field("Decision", lambda row: _NAMES.get(row.table, row.table)),
        Field("Item or line", lambda row: row.item_id),
        Field("At", lambda row: row.location_id),
        Field("From or kind", lambda row: row.other),
        Field("What", lambda row: row.change if row.change != "changed" else row.field),
        Field("Before", lambda row: row.before, "n"),
        Field("After", lambda row: row.after, "n"),
        Field(f"Money, {found.currency}", lambda row: money(row.money, found.currency) if row.money else "", "n"),
        Field("Why now", lambda row: row.reason_after or row.reason_before, "why"),
    )
    inputs = (
        Field("Table", lambda row: row.table),
        Field("Change", lambda row: row.change),
        Field("Rows", lambda row: f"{row.rows:,}", "n"),
        Field("What", lambda row: row.words, "why"),
    )
    return [
        _section("What was given", table(counted(len(found.inputs), "difference"), inputs, rows_of(found.inputs))),
        _section("Figures", table("key figures", figures, rows_of(found.figures))),
        _section("Costs", table(f"by component, {found.currency}", costs, rows_of(found.costs))),
        _section(
            "What was decided",
            table(
                f"{counted(len(found.decisions), 'difference')}, the most money first; the workbook holds all",
                decisions,
                rows_of(found.decisions.head(_ON_PAGE)),
            ),
        ),
    ]


def _section(title: str, content: Markup) -> Markup:
    return element("section", element("h2", title), content)


def print_runs(console: Console, runs: Sequence[Run], currency: str) -> None:
    """Print the scenarios side by side, with the cheapest and the dearest."""
    names, figures = [run.name for run in runs], side_by_side(runs)
    rows = [(f"{row[0]} ({row[1]})", [f"{value:,.2f}" for value in row[2:]]) for row in figures.itertuples(index=False)]
    _print_numbered(console, "Scenarios", names, rows)
    fares = under_uncertainty(runs)
    if len(fares):
        by_name = [(words, [_fared(currency, name, row) for row in rows_of(fares)]) for words, name in _FARES[1:]]
        _print_numbered(console, f"Over the demand paths, {currency}", names, by_name)
    costs = {run.name: run.cost for run in runs}
    for name, cost in sorted(costs.items(), key=lambda pair: pair[1]):
        more = cost - costs[runs[0].name]
        beside = "" if name == runs[0].name else f", {money(more, currency)} against {runs[0].name}"
        console.print(
            f"{name}: goods at cost, what is paid and lost, penalties {money(cost, currency)} {currency}{beside}",
            markup=False,
        )
    stages = dict.fromkeys(name for run in runs for name in run.stages)
    spent = [(name, [f"{run.stages.get(name, 0.0):,.1f}" for run in runs]) for name in stages]
    _print_numbered(console, "Seconds", names, [*spent, ("all", [f"{run.seconds:,.1f}" for run in runs])])


def _print_numbered(console: Console, title: str, names: Sequence[str], rows: Sequence[tuple[str, list[str]]]) -> None:
    """Print a table whose columns are numbers with a legend; what is too wide goes on below, so that nothing is cut."""
    console.print(f"{title}: " + ", ".join(f"{n} {name}" for n, name in enumerate(names, 1)), markup=False)
    widest = max((len(cell) for _, cells in rows for cell in cells), default=1) + _BETWEEN
    beside = console.width - max((len(words) for words, _ in rows), default=1) - _BETWEEN - 1
    fit = max(beside // widest, 1)
    for start in range(0, len(names), fit):
        shown = Table(Column("figure", no_wrap=True))
        for number in range(start, min(start + fit, len(names))):
            shown.add_column(str(number + 1), justify="right", no_wrap=True)
        for words, cells in rows:
            shown.add_row(words, *cells[start : start + fit])
        console.print(shown)


def _fared(currency: str, name: str, row: Any) -> str:
    value = getattr(row, name)
    return str(value) if name == "name" else f"{value:.0%}" if name == "best" else money(value, currency)


def write_runs(
    folder: Path, runs: Sequence[Run], comparisons: Sequence[Comparison], shares: Sequence[pd.DataFrame], currency: str
) -> None:
    """Write the page and the workbook of several scenarios against their base.

    comparisons: of each scenario with the base; shares: its `attribution`, none where it was not asked for
    """
    figures = side_by_side(runs)
    fields = [
        Field("Figure", lambda row: str(row[1]).replace("_", " ")),
        Field("Unit", lambda row: row[2]),
        *(Field(run.name, partial(_column, n + 3), "n") for n, run in enumerate(runs)),
    ]
    parts = [_section("Side by side", table("key figures", fields, rows_of(figures)))]
    fares = under_uncertainty(runs)
    if len(fares):
        columns = [Field(words, partial(_fared, currency, name), "n" * (name != "name")) for words, name in _FARES]
        parts.append(
            _section("Over the demand paths", table(f"the same draws in all, {currency}", columns, rows_of(fares)))
        )
    for number, (run, found) in enumerate(zip(runs[1:], comparisons, strict=True)):
        words = element("ul", *(element("li", one) for one in run.told))
        split = _attributed(shares[number]) if shares else Markup("")
        parts += [element("section", element("h2", run.name), words, split), *_parts(found)[1:]]
    (folder / "comparison.html").write_text(_page("Scenarios beside their base", parts), encoding="utf-8")
    sheets = [Sheet("Figures", figures), Sheet("Demand paths", fares, tuple(name for _, name in _FARES[1:-1]))]
    if shares:
        named = [one.assign(scenario=run.name) for run, one in zip(runs[1:], shares, strict=True)]
        every = pd.concat(named, ignore_index=True)[["scenario", *shares[0].columns]]
        sheets.append(Sheet("Attribution", every))
    for number, found in enumerate(comparisons, 1):
        sheets.append(Sheet(f"Costs {number}", found.costs, ("before", "after", "difference")))
        sheets.append(Sheet(f"Decisions {number}", found.decisions, ("money",)))
    told = pd.DataFrame([(run.name, words) for run in runs for words in run.told], columns=["scenario", "change"])
    write_sheets(folder / "comparison.xlsx", "Scenarios", [Sheet("Changes", told), *sheets], currency)


def print_attribution(console: Console, name: str, shares: pd.DataFrame) -> None:
    """Print how much each change of a scenario makes of its difference in cost and in each figure."""
    changes = shares["change"].unique().tolist()
    rows = [
        (f"{figure} ({unit})", [f"{value:,.2f}" for value in (*values, sum(values))])
        for figure, unit, values in _by_change(shares)
    ]
    how = shares["how"].iloc[0]
    _print_numbered(console, f"{name}, difference by change ({how})", [*changes, "in all"], rows)


def _by_change(shares: pd.DataFrame) -> list[tuple[str, str, list[float]]]:
    """Return each figure with its unit and what each change makes of its difference."""
    groups = shares.groupby(["figure", "unit"], sort=False)["value"]
    return [(str(figure), str(unit), values.tolist()) for (figure, unit), values in groups]


def _made(place: int, row: Any) -> str:
    return f"{row[2][place]:,.2f}"


def _attributed(shares: pd.DataFrame) -> Markup:
    """Return the table of what each change makes of each figure's difference."""
    fields = [
        Field("Figure", lambda row: row[0].replace("_", " ")),
        Field("Unit", lambda row: row[1]),
        *(Field(words, partial(_made, n), "n") for n, words in enumerate(shares["change"].unique())),
        Field("In all", lambda row: f"{sum(row[2]):,.2f}", "n"),
    ]
    return table(f"difference by change, {shares['how'].iloc[0]}", fields, _by_change(shares))


def comparison_result(found: Comparison) -> dict[str, Any]:
    """Return a comparison for machines."""
    frames = {"inputs": found.inputs, "figures": found.figures, "costs": found.costs, "lines": found.lines}
    return {
        "currency": found.currency,
        **{name: _records(frame) for name, frame in frames.items()},
        "decisions": _records(found.decisions),
    }


def runs_result(runs: Sequence[Run], scenarios: Sequence[Scenario], shares: Sequence[pd.DataFrame]) -> dict[str, Any]:
    """Return several scenarios for machines; costs in minor units."""
    return {
        "runs": [
            {
                "name": run.name,
                "folder": str(run.folder),
                "changes": list(run.told),
                "seconds": round(run.seconds, 2),
                "cost": run.cost,
                "stages": run.stages,
                "kpis": run.summary["kpis"],
            }
            for run in runs
        ],
        "over_the_paths": _records(under_uncertainty(runs)),
        "attribution": {s.name: _records(table) for s, table in zip(scenarios, shares, strict=False)},
    }


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return frame.astype(object).where(frame.notna(), None).to_dict("records")  # type: ignore[return-value]
