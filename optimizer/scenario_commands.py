"""The commands that put plans side by side: scenarios of one day, and any two plan folders."""

import json
import time
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from optimizer.executor import run_all_on, usable_cores
from optimizer.options import PLANS_FOLDER, Data, Json, with_shared_options
from optimizer.pipeline import Order, Wanted
from optimizer.reports.comparison import (
    comparison_result,
    print_attribution,
    print_comparison,
    print_runs,
    runs_result,
    write_comparison,
    write_runs,
)
from optimizer.reports.console import shown_progress
from optimizer.runs import (
    PARTS,
    Done,
    Setting,
    attribution,
    forecast_once,
    plans_to_split,
    prepared,
    run_scenarios,
    slug,
)
from scenarios.compare import compare_plans
from scenarios.whatif import ScenarioError, read_scenario

out = Console()
err = Console(stderr=True)
scenarios_app = typer.Typer(help="What-ifs side by side.", no_args_is_help=True)


@scenarios_app.command(name="run")
@with_shared_options
def scenarios_run(
    data: Data,
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="scenario files")],
    attribute: Annotated[bool, typer.Option(help="split each difference over the scenario's changes")] = False,
    **shared: Any,
) -> None:
    """Plan each scenario and the base, and compare. Example: `python run_plan.py scenarios run shop late.toml`."""
    scenarios = [read_scenario(path) for path in files]
    if shared["scenario"]:
        raise ScenarioError("scenario files follow the folder of tables; --scenario is for plans alone")
    changes = {name: shared[name] for name in ("seed", "paths", "horizon") if shared[name] is not None}
    date, previous = shared["date"], shared["previous"] or "none"
    order = Order(Wanted.PLAN, 1, previous=previous, without=frozenset(shared["without"] or ()))
    setting = Setting(data, date.date() if date else None, changes, order, PLANS_FOLDER)
    setting, told = prepared(setting, scenarios)
    for one in told:
        err.print(one.sentence(setting.currency()), markup=False)
    folder = shared["out_folder"] or PLANS_FOLDER / "scenarios"
    workers = shared["workers"] or usable_cores()
    with shown_progress(err) as report, run_all_on(workers, partial(report, "scenarios")) as run_all:
        begin = time.perf_counter()
        forecast = forecast_once(setting, folder, run_all)
        err.print(
            f"forecast, once for all scenarios that change nothing it rests on: {time.perf_counter() - begin:,.1f} s"
        )
        runs = run_scenarios(setting, scenarios, folder, run_all, forecast)
        found = [compare_plans(runs[0].folder, run.folder) for run in runs[1:]]
        if attribute:
            plans = sum(plans_to_split(scenario) for scenario in scenarios)
            seconds = plans * sum(run.seconds for run in runs) / len(runs) / min(workers, max(plans, 1))
            err.print(f"to split the differences {plans} more plans are made, in about {seconds:,.0f} s")
        done = [Done(forecast, runs[0].folder, run.folder) for run in runs[1:]]
        shares = [
            attribution(setting, scenario, folder / PARTS / slug(scenario.name), run_all, known)
            for scenario, known in zip(scenarios, done, strict=True)
            if attribute
        ]
    write_runs(folder, runs, found, shares, setting.currency())
    if shared["as_json"]:
        print(json.dumps(runs_result(runs, scenarios, shares), ensure_ascii=False, indent=1))
        return
    print_runs(out, runs, setting.currency())
    for scenario, table in zip(scenarios, shares, strict=False):
        print_attribution(out, scenario.name, table)
    out.print(f"look into {folder}, best begin with {folder / 'comparison.html'}", markup=False)


def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="plan folder")],
    second: Annotated[Path, typer.Argument(metavar="B", help="plan folder")],
    out_folder: Annotated[Path | None, typer.Option("--out", help="folder for page and workbook")] = None,
    as_json: Json = False,
) -> None:
    """Say what differs between two plans and why. Example: `python run_plan.py compare plans/monday plans/tuesday`."""
    found = compare_plans(first, second)
    if out_folder is not None:
        names = write_comparison(out_folder, found, f"{first.name} and {second.name}")
        err.print(f"{', '.join(names)} lie in {out_folder}", markup=False)
    if as_json:
        print(json.dumps(comparison_result(found), ensure_ascii=False, indent=1))
        return
    print_comparison(out, found)
