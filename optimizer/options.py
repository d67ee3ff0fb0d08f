"""What several commands take, declared once."""

from collections.abc import Callable
from datetime import datetime
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer

from optimizer.filters.stage import Filter

PLANS_FOLDER = Path("plans")

Data = Annotated[Path, typer.Argument(help="folder with the tables")]
Date = Annotated[datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="plan date")]
Seed = Annotated[int | None, typer.Option(min=0, help="seed of every draw; else the policy's")]
Workers = Annotated[int | None, typer.Option(min=1, help="processes; else the cores this process may use")]
Out = Annotated[Path | None, typer.Option("--out", help="the plan folder; else plans/<date>-<hash>")]
Json = Annotated[bool, typer.Option("--json", help="answer in JSON on standard output")]
Previous = Annotated[str | None, typer.Option(help='plan before this one, or "none"; else the last of this company')]
Without = Annotated[list[Filter] | None, typer.Option(help="leave a filter out, to see what it does; repeatable")]
Paths = Annotated[int | None, typer.Option("--paths", min=1, help="demand paths; else the policy's")]
Horizon = Annotated[int | None, typer.Option("--horizon", min=1, help="periods, the first is the plan date")]


Scenarios = Annotated[
    list[Path] | None, typer.Option("--scenario", help="file of changes of the inputs; repeatable, composed in order")
]

Command = TypeVar("Command", bound=Callable[..., None])

# What every command takes that decides something; nothing unless given.
_SHARED: Final = {
    "date": Date,
    "seed": Seed,
    "paths": Paths,
    "horizon": Horizon,
    "previous": Previous,
    "without": Without,
    "scenario": Scenarios,
    "workers": Workers,
    "out_folder": Out,
    "as_json": Json,
}


def with_shared_options(command: Command) -> Command:
    """Declare the shared options on a command that takes them as keywords."""
    own = [one for one in signature(command).parameters.values() if one.kind is not Parameter.VAR_KEYWORD]
    more = [Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=kind) for name, kind in _SHARED.items()]
    command.__signature__ = Signature([*own, *more])  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in (*own, *more)}
    return command
