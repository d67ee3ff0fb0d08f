"""The command `route`: a day's deliveries, or a file, into routes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from optimizer.executor import run_all_on, usable_cores
from optimizer.options import Date, Json, Previous, Seed, Without, Workers
from optimizer.routing.command import RouteRequest, route_file

out = Console()
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
            shared: dict[str, Any] = {"date": date, "previous": previous, "without": without, "seed": seed}
            decide(
                source, out_folder=out_path, route_iterations=work, transfers=plan_dir, workers=workers,
                as_json=as_json, **shared,
            )  # fmt: skip
            return
        if not source.is_file():
            raise typer.BadParameter(f"{source} is neither a file nor a folder of tables")
        if date or without or plan_dir or previous:
            raise typer.BadParameter("--date, --previous, --without and --plan are for a folder of tables")
        _route_file(source, RouteRequest(work, seconds, 1 if seed is None else seed, out_path, pack), workers, as_json)


def _route_file(source: Path, request: RouteRequest, workers: int | None, as_json: bool) -> None:
    with run_all_on(workers or usable_cores()) as run_all:
        routed = route_file(source, request, run_all)
    if as_json:
        print(json.dumps(routed.summary(), ensure_ascii=False, indent=1))
        return
    for line in routed.lines():
        out.print(line, markup=False, highlight=False)
