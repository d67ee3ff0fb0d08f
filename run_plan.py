"""Dayplan on the command line: from a retailer's tables to today's plan, with the proof beside it.

Without a command it plans the built-in company and says where to look.
"""

import json
import logging
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from optimizer.allowed import allowed_decisions
from optimizer.backtest import backtest
from optimizer.executor import run_all_on, usable_cores
from optimizer.life import snoozed, with_promises
from optimizer.life_commands import add_to as add_life_commands
from optimizer.memory import NoPlanFolderError
from optimizer.options import (
    PLANS_FOLDER,
    Data,
    Date,
    Json,
    Workers,
    with_shared_options,
)
from optimizer.pipeline import Order, Wanted, carry_out
from optimizer.plan.ledger import LedgerError
from optimizer.plan.publish import LockedError, OccupiedError
from optimizer.plan.verify import verify_plan
from optimizer.reports.console import (
    SHOWN_FAULTS,
    print_decisions,
    print_faults,
    print_figures,
    print_summary,
    shown_progress,
)
from optimizer.reports.explain import explained
from optimizer.reports.write import write_reports
from optimizer.route_command import add_to as add_route_command
from optimizer.routing.file_problem import UnreadableRoutingFileError
from optimizer.routing.hand_plan import UnreadablePlanError
from optimizer.runs import check_sight
from optimizer.scenario_commands import compare, scenarios_app
from scenarios.compare import UnlikePlansError
from scenarios.demo import Size, write_demo
from scenarios.faults import UnusableInputError
from scenarios.importers import KINDS
from scenarios.load import load_world
from scenarios.plans import DamagedPlanError, read_plan, world_of
from scenarios.whatif import ScenarioError, read_scenario, under
from scenarios.world import World
from solvers.outcome import NoPlanError
from solvers.routing.solve import UnsupportedError

DEMO_FOLDER = Path("demo")


class UsageError(Exception):
    """The call cannot be carried out as it stands."""


_MISUSES = (
    UsageError, UnreadablePlanError, OccupiedError, NoPlanFolderError, ScenarioError, UnlikePlansError,
    DamagedPlanError, LedgerError,
)  # fmt: skip
# The error of typer for a wrong call: its own copy of click in newer versions, click's in older ones.
_CALL_ERROR: type[Exception] = typer.BadParameter.__mro__[1]


class Exit(IntEnum):
    """Exit codes, as sysexits.h numbers them."""

    DONE = 0
    USAGE = 64
    NO_DATA = 65
    OUR_FAULT = 70
    DISK = 74
    LOCKED = 75


app = typer.Typer(add_completion=False, no_args_is_help=False, rich_markup_mode="markdown", help=__doc__)
out = Console()
err = Console(stderr=True)


@app.callback(invoke_without_command=True)
def main_command(context: typer.Context) -> None:
    """Plan a retailer's day. Without a command: plan the built-in company."""
    if context.invoked_subcommand is None:
        plan(None)


@app.command()
@with_shared_options
def plan(
    data: Annotated[Path | None, typer.Argument(help="folder with the tables; else the built-in company")] = None,
    **shared: Any,
) -> None:
    """Plan the whole day. Example: `python run_plan.py plan my_tables --date 2024-04-15`."""
    if data is None:
        data = DEMO_FOLDER
        write_demo(data)
        err.print(f"the built-in company lies in {data}")
    _decide(Wanted.PLAN, data, **shared)


@app.command()
@with_shared_options
def reorder(
    data: Data,
    **shared: Any,
) -> None:
    """Decide what to order, with the forecast it rests on. Example: `python run_plan.py reorder my_tables`."""
    _decide(Wanted.REORDER, data, **shared)


@app.command()
@with_shared_options
def markdown(
    data: Data,
    **shared: Any,
) -> None:
    """Decide which prices to change, with the forecast behind them. Example: `run_plan.py markdown my_tables`."""
    _decide(Wanted.MARKDOWN, data, **shared)


@app.command()
@with_shared_options
def forecast(
    data: Data,
    levels: Annotated[str, typer.Option(help="probabilities, comma between")] = ".1,.5,.9",
    **shared: Any,
) -> None:
    """Forecast demand. Example: `python run_plan.py forecast my_tables --horizon 28 --levels .5,.975`."""
    _decide(Wanted.FORECAST, data, levels=_levels(levels), **shared)


def _levels(text: str) -> tuple[float, ...]:
    try:
        values = tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        values = ()
    if not values or not all(0 < value < 1 for value in values):
        raise UsageError(f"--levels wants probabilities between 0 and 1 with commas between, not {text!r}")
    return values


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="where the tables go")],
    items: Annotated[int, typer.Option(min=1)] = Size.items,
    stores: Annotated[int, typer.Option(min=1)] = Size.stores,
    days: Annotated[int, typer.Option(min=28, help="days of history")] = Size.days,
    seed: Annotated[int, typer.Option(min=0)] = 1,
) -> None:
    """Invent a company to try the engine on. Example: `python run_plan.py demo shop --items 200 --stores 8`."""
    day = write_demo(folder, Size(items, stores, days), seed)
    out.print(f"{items} items, 1 dc and {stores} stores lie in {folder}, plan date {day}")
    out.print(f"try: python run_plan.py plan {folder}")


@app.command(name="import")
def import_data(
    kind: Annotated[str, typer.Argument(help=f"one of {', '.join(KINDS)}")],
    source: Annotated[Path, typer.Argument(help="folder with the data as published")],
    folder: Annotated[Path, typer.Argument(help="where the tables go")],
) -> None:
    """Turn a public data set into tables. Example: `python run_plan.py import vn2 data/vn2 vn2_tables`."""
    if kind not in KINDS:
        raise UsageError(f"{kind} cannot be imported; kinds are {', '.join(KINDS)}")
    try:
        tables = KINDS[kind](source, folder)
    except FileNotFoundError as error:
        raise UsageError(str(error)) from None
    out.print(f"{', '.join(tables)} lie in {folder}; what had to be assumed stands in {folder / 'ASSUMPTIONS.md'}")


@app.command()
def check(data: Data, date: Date = None, as_json: Json = False) -> None:
    """List what is wrong with the tables, and which decisions they allow. Example: `python run_plan.py check shop`."""
    world = load_world(data, date.date() if date else None)
    if as_json:
        print(json.dumps(_check_result(world), ensure_ascii=False, indent=1))
        return
    print_faults(out, world)
    print_decisions(out, world)


def _check_result(world: World) -> dict[str, Any]:
    return {
        "plan_date": world.plan_date.isoformat(),
        "faults": [{"text": str(fault), **vars(fault)} for fault in world.quarantine],
        "notices": list(world.notices),
        "decisions": [vars(allowed) for allowed in allowed_decisions(world)],
    }


@app.command()
def verify(
    plan_dir: Annotated[Path, typer.Argument(metavar="PLAN", help="plan folder")], as_json: Json = False
) -> None:
    """Check a plan from its files alone. Example: `python run_plan.py verify plans/2024-04-15-1a2b3c4d`."""
    try:
        violations = verify_plan(plan_dir)
    except FileNotFoundError as error:
        raise UsageError(str(error)) from None
    if as_json:
        print(json.dumps({"true": not violations, "violations": [vars(v) for v in violations]}, ensure_ascii=False))
    else:
        for violation in violations[:SHOWN_FAULTS]:
            out.print(str(violation), markup=False)
        out.print(f"{len(violations):,} violations" if violations else f"{plan_dir}: every check holds")
    raise typer.Exit(Exit.NO_DATA if violations else Exit.DONE)


@app.command()
def report(plan_dir: Annotated[Path, typer.Argument(metavar="PLAN", help="plan folder")]) -> None:
    """Make the files for people again. Example: `python run_plan.py report plans/2024-04-15-1a2b3c4d`."""
    try:
        names = write_reports(plan_dir)
    except FileNotFoundError as error:
        raise UsageError(str(error)) from None
    out.print(f"{', '.join(names)} lie in {plan_dir}", markup=False)


@app.command()
def explain(
    plan_dir: Annotated[Path, typer.Argument(metavar="PLAN", help="plan folder")],
    subject: Annotated[
        str, typer.Argument(help="an item, a line_id or its first characters, an order, a stop, a group")
    ],
    place: Annotated[str, typer.Argument(help="a place, with an item")] = "",
    as_json: Json = False,
) -> None:
    """Say why a thing is ordered, moved, priced, held, or not. Example: `python run_plan.py explain PLAN 0003 S01`."""
    plan = read_plan(plan_dir) if plan_dir.is_dir() else None
    found = explained(plan, world_of(plan_dir, plan), subject, place) if plan is not None else None
    if found is None or found.empty:
        where = f" at {place}" if place else ""
        raise UsageError(f"{plan_dir} explains no {subject}{where}; its tables list the lines, items and places")
    for row in found.head(SHOWN_FAULTS).to_dict("records"):
        if as_json:
            print(json.dumps({"line_id": row["line_id"], "text": row["text"], "numbers": json.loads(row["numbers"])}))
        else:
            out.print(f"{row['line'] or row['line_id']}\n{row['text']}\n", markup=False)


@app.command(name="backtest")
def backtest_command(
    data: Data,
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="first day of the roll")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="last day of the roll")],
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Roll our orders over the past beside simple rules. Example: `backtest shop --from 2024-10-01 --to 2024-10-28`."""
    world = load_world(data, (last + timedelta(days=7)).date())
    world = replace(world, plan_date=world.periods.start(first.date()), _frames={})
    with run_all_on(workers or 1) as run_all:
        table = backtest(world, last.date(), run_all, lambda name: err.print(f"rolling {name} …"))
    if as_json:
        print(table.to_json(orient="records"))
        return
    print_figures(out, table, f"{first.date()} to {last.date()}, {world.policy.currency}")


app.add_typer(scenarios_app, name="scenarios")
app.command()(compare)
add_life_commands(app)
_CHANGES = ("seed", "paths", "horizon", "route_iterations")


def _decide(wanted: Wanted, data: Path, **options: Any) -> None:
    changes = {name: options[name] for name in _CHANGES if options.get(name) is not None}
    date = options.get("date")
    world = load_world(data, date.date() if date else None, changes)
    world, told = under(world, [read_scenario(path) for path in options.get("scenario") or ()])
    check_sight(world, told)
    target = options.get("out_folder")
    plans = target.absolute().parent if target else PLANS_FOLDER
    world = with_promises(world, plans)
    words = tuple(one.sentence(world.policy.currency) for one in told)
    for sentence in words:
        err.print(sentence, markup=False)
    order = Order(
        wanted,
        options.get("workers") or usable_cores(),
        options.get("levels", (0.1, 0.5, 0.9)),
        options.get("previous"),
        frozenset(options.get("without") or ()),
        options.get("transfers"),
        options.get("now", ""),
        options.get("late") or {},
        words,
        frozenset(snoozed(world, plans)),
    )
    with shown_progress(err) as report:
        written = carry_out(world, order, target, PLANS_FOLDER, report)
    if options.get("as_json"):
        print(json.dumps(written.summary, ensure_ascii=False, indent=1))
        return
    print_summary(out, written.summary)


add_route_command(app, partial(_decide, Wanted.ROUTE))


def main() -> None:
    """Run the command line; every end has its exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    sys.exit(run())


def run(arguments: list[str] | None = None) -> int:
    """Carry out a command line (that of the process when none is given) and return its exit code."""
    try:
        result = app(arguments, standalone_mode=False)
        return int(result) if isinstance(result, int) else Exit.DONE
    except typer.Exit as end:
        return int(end.exit_code)
    except _CALL_ERROR as error:
        err.print(f"{error}\ntry: python run_plan.py --help", markup=False)
        return Exit.USAGE
    except _MISUSES as error:
        err.print(str(error), markup=False)
        return Exit.USAGE
    except (UnreadableRoutingFileError, UnsupportedError, NoPlanError) as error:
        err.print(str(error), markup=False)
        return Exit.NO_DATA
    except UnusableInputError as error:
        for fault in error.faults[:SHOWN_FAULTS]:
            err.print(str(fault), markup=False)
        err.print(str(error), markup=False)
        return Exit.NO_DATA
    except LockedError as error:
        err.print(str(error), markup=False)
        return Exit.LOCKED
    except OSError as error:
        err.print(f"{error.strerror or error}: {error.filename or ''}; nothing was left half-written", markup=False)
        return Exit.DISK
    except Exception:
        err.print_exception()
        err.print("this is our fault, not that of your tables; please report it with the lines above")
        return Exit.OUR_FAULT


if __name__ == "__main__":
    main()
