"""The command `route`: a day's deliveries, or a file, into routes."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from optimizer.executor import run_all_on, usable_cores
from optimizer.filters.stage import screen_world
from optimizer.memory import transfers_of
from optimizer.options import Date, Json, Previous, Seed, Without, Workers
from optimizer.routing.command import RouteRequest, route_file
from optimizer.routing.hand_plan import judged, read_hand_plan
from scenarios.load import load_world

out = Console()
_DAY_MINUTES = 1440
# Exit code where the routes cannot be driven, as of `verify`.
_BROKEN = 65
_CLOCK = re.compile("([01][0-9]|2[0-3]):[0-5][0-9]")
Decide = Callable[..., None]


def add_to(app: typer.Typer, decide: Decide) -> None:
    """Add the command to an application; `decide` plans the routes of a folder of tables."""

    @app.command()
    def route(
        source: Annotated[
            Path,
            typer.Argument(
                metavar="INPUT", help="folder of tables, or a CVRPLIB .vrp, Solomon .txt, VROOM or loggibud .json file"
            ),
        ],
        plan_dir: Annotated[
            Path | None, typer.Option("--plan", help="for tables: a plan of this day whose transfers are brought too")
        ] = None,
        now: Annotated[
            str | None,
            typer.Option("--now", help="HH:MM at which --plan is being driven; done and aboard stays"),
        ] = None,
        late: Annotated[
            list[str] | None, typer.Option("--late", help="VEHICLE=MINUTES it is behind the plan; repeatable")
        ] = None,
        check: Annotated[
            Path | None,
            typer.Option("--check", help="CSV of routes made by hand: what they break and cost"),
        ] = None,
        date: Date = None,
        previous: Previous = None,
        without: Without = None,
        work: Annotated[
            int | None, typer.Option(min=1, help="iterations of the search: same work, same routes")
        ] = None,
        seconds: Annotated[
            float | None, typer.Option(min=0.1, help="for files: wall time from start to the end")
        ] = None,
        seed: Seed = None,
        out_path: Annotated[Path | None, typer.Option("--out", help="file or folder; else beside the input")] = None,
        pack: Annotated[
            Path | None, typer.Option("--pack", help="for files: folder for GeoJSON, GPX, CSV, loading lists, pages")
        ] = None,
        workers: Workers = None,
        as_json: Json = False,
    ) -> None:
        """Route a day's deliveries, or a file. Example: `python run_plan.py route X-n101-k25.vrp --seconds 10`."""
        if source.is_dir():
            if seconds is not None or pack is not None:
                words = "--seconds and --pack are for files; a day has --work, so that routes are the same every time"
                raise typer.BadParameter(f"{words}, and its plan folder holds the pack")
            if check is not None:
                if now or late or previous or out_path or seed is not None:
                    words = "--check judges a whole day and writes nothing"
                    raise typer.BadParameter(f"{words}: --now, --late, --previous, --out and --seed are for planning")
                _check(source, check, plan_dir, (date, without, work), as_json)
                return
            shared: dict[str, Any] = {"date": date, "previous": previous, "without": without, "seed": seed}
            shared |= _under_way(plan_dir, now, late or [])
            decide(
                source, out_folder=out_path, route_iterations=work, transfers=plan_dir, workers=workers,
                as_json=as_json, **shared,
            )  # fmt: skip
            return
        if not source.is_file():
            raise typer.BadParameter(f"{source} is neither a file nor a folder of tables")
        if date or without or plan_dir or previous or now or late or check:
            raise typer.BadParameter("--date, --previous, --without, --plan, --now, --late and --check are for tables")
        _route_file(source, RouteRequest(work, seconds, 1 if seed is None else seed, out_path, pack), workers, as_json)


def _route_file(source: Path, request: RouteRequest, workers: int | None, as_json: bool) -> None:
    with run_all_on(workers or usable_cores()) as run_all:
        routed = route_file(source, request, run_all)
    if as_json:
        print(json.dumps(routed.summary(), ensure_ascii=False, indent=1))
        return
    for line in routed.lines():
        out.print(line, markup=False, highlight=False)


def _check(data: Path, plan: Path, plan_dir: Path | None, settings: tuple[Any, Any, int | None], as_json: bool) -> None:
    """Judge routes made by hand; the exit code is that of `verify`."""
    date, without, work = settings
    changes: dict[str, object] = {} if work is None else {"route_iterations": work}
    world = load_world(data, date.date() if date else None, changes)
    screened = screen_world(world, None, frozenset(without or ()))
    judgement = judged(screened.world, transfers_of(plan_dir, world), screened.held_orders, read_hand_plan(plan))
    if as_json:
        print(json.dumps(judgement.summary(), ensure_ascii=False, indent=1))
    else:
        for line in judgement.lines():
            out.print(line, markup=False, highlight=False)
    raise typer.Exit(_BROKEN if judgement.faults else 0)


def _under_way(plan_dir: Path | None, now: str | None, late: list[str]) -> dict[str, Any]:
    """Return the moment and the delays of a day under way, checked."""
    if now is None and not late:
        return {}
    if now is None or plan_dir is None:
        raise typer.BadParameter("--now and --plan go together, and --late with them")
    if not _CLOCK.fullmatch(now):
        raise typer.BadParameter(f"--now wants a time as HH:MM, not {now!r}")
    pairs = {vehicle: minutes for vehicle, _, minutes in (text.rpartition("=") for text in late)}
    try:
        known = {vehicle: float(minutes) for vehicle, minutes in pairs.items()}
    except ValueError:
        known = {"": 0.0}
    if "" in known or not all(0 <= minutes < _DAY_MINUTES for minutes in known.values()):
        raise typer.BadParameter(f"--late wants VEHICLE=MINUTES, 0 or more, not {' '.join(late)!r}")
    return {"now": now, "late": known}
