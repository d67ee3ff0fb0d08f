"""Route a file: read, search within the work or the time asked for, check, compare with the best known, write."""

from __future__ import annotations

import csv
import json
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from optimizer.executor import RunAll, plain_loop
from optimizer.reports.dispatch import write_pack
from optimizer.routing.file_pack import file_stops, without_the_impossible
from optimizer.routing.file_problem import FileProblem, Rounding
from optimizer.routing.files import read_routing_file
from optimizer.routing.left_out import CAUSES
from optimizer.routing.solution_files import solution_text
from optimizer.routing.vroom import vroom_solution
from solvers.outcome import NoPlanError, Outcome
from solvers.routing.choice import chosen_engine
from solvers.routing.problem import RoutingPlan, Work
from solvers.routing.solve import solve_routing
from solvers.routing.unserved import Reason, reasons_left_out

DEFAULT_ITERATIONS: Final = 2000
# Kept back of the seconds asked for: the search's last step, timing, check and writing; per stop, and at least.
_RESERVE_PER_STOP: Final = 0.0005
_LEAST_RESERVE: Final = 0.4
_ALMOST: Final = 1e-6
_SHOWN: Final = 20


@dataclass(frozen=True)
class RouteRequest:
    """How to route a file.

    iterations : work of the search, the same routes every time; None where only `seconds` limit it.
    seconds : wall time from process start to the written file.
    out : file to write, None for the input's name with .sol (or .routes.json for VROOM) in the current folder of it.
    pack : folder for the dispatch pack, None for none.
    """

    iterations: int | None = None
    seconds: float | None = None
    seed: int = 1
    out: Path | None = None
    pack: Path | None = None
    rounding: Rounding | None = None

    def work(self, stops: int) -> Work:
        """Return the work for a problem of so many stops, from now on."""
        if self.seconds is None:
            return Work(self.iterations or DEFAULT_ITERATIONS, None, self.seed)
        reserve = max(_LEAST_RESERVE, _RESERVE_PER_STOP * stops)
        left = max(self.seconds - seconds_since_start() - reserve, 0.0)
        return Work(self.iterations, left, self.seed)


@dataclass(frozen=True)
class BestKnown:
    """The best plan others have recorded; vehicles 0 where the list counts cost alone."""

    cost: float
    vehicles: int
    source: str


@dataclass(frozen=True)
class RoutedFile:
    """A written plan and what to say about it; costs in the file's units, bound as (vehicles, cost)."""

    name: str
    written: Path
    cost: float
    routes: int
    unserved: tuple[str, ...]
    bound: tuple[int, float]
    gap: float
    status: str
    limit: str
    convention: str
    best_known: BestKnown | None
    vehicles_first: bool
    engine: str = ""
    pack: Path | None = None

    def gap_to_best(self) -> float | None:
        """Return cost / best known - 1, None without one or where the number of vehicles differs."""
        best = self.best_known
        if best is None or best.cost == 0 or (self.vehicles_first and best.vehicles != self.routes):
            return None
        return self.cost / best.cost - 1.0

    def below_best(self) -> bool:
        """Return whether the plan is cheaper than the best anyone recorded, which calls for a second look."""
        best = self.best_known
        if best is None:
            return False
        if self.vehicles_first and best.vehicles != self.routes:
            return self.routes < best.vehicles
        return self.cost < best.cost * (1 - _ALMOST) - 0.01 * self.vehicles_first

    def lines(self) -> list[str]:
        """Return what people read."""
        vehicles, cost = self.bound
        first = f"{vehicles} vehicles, then " if self.vehicles_first else ""
        lines = [
            f"{self.name}: cost {self.cost:,.10g} with {self.routes} routes ({self.convention})",
            f"no plan costs less than {first}{cost:,.10g}; gap {self.gap:.2%}, {self.engine} stopped by {self.limit}",
        ]
        if self.unserved:
            lines.append(f"{len(self.unserved)} stops are left out")
            lines += self.unserved[:_SHOWN]
        if self.best_known is not None:
            lines.append(self._against_best(self.best_known))
        packed = [] if self.pack is None else [f"files for dispatchers and drivers lie in {self.pack}"]
        return [*lines, f"written to {self.written}", *packed]

    def _against_best(self, best: BestKnown) -> str:
        vehicles = f" with {best.vehicles} vehicles" if self.vehicles_first else ""
        known = f"best known {best.cost:,.10g}{vehicles} ({best.source})"
        if self.below_best():
            return f"{known}: this plan passed its check and is below it; look at the convention before believing it"
        gap = self.gap_to_best()
        return known if gap is None else f"{known}: {gap:+.2%}"

    def summary(self) -> dict[str, Any]:
        """Return what machines read."""
        best = self.best_known
        return {
            "name": self.name,
            "written": str(self.written),
            "cost": self.cost,
            "routes": self.routes,
            "unserved": len(self.unserved),
            "left_out": list(self.unserved),
            "bound": self.bound[1],
            "bound_vehicles": self.bound[0],
            "gap": self.gap,
            "status": self.status,
            "limit": self.limit,
            "engine": self.engine,
            "convention": self.convention,
            "best_known": None if best is None else best.cost,
            "best_known_vehicles": None if best is None or not self.vehicles_first else best.vehicles,
            "gap_to_best_known": self.gap_to_best(),
            "below_best_known": self.below_best(),
        }


def route_file(path: Path, request: RouteRequest, run_all: RunAll = plain_loop) -> RoutedFile:
    """Read a routing file, plan its routes, check them and write them.

    Raises UnreadableRoutingFileError for the file, UnsupportedError for what the engine cannot take, NoPlanError when
    no plan was found that serves every stop that must be served.
    """
    file = without_the_impossible(read_routing_file(path, request.rounding))
    choice = chosen_engine(file.problem, run_all)
    outcome = solve_routing(file.problem, request.work(file.problem.stops.count), choice.engine)
    if outcome.plan is None:
        raise NoPlanError(outcome.status, ("number of vehicles", "capacity", "windows", "shifts"))
    written = _write(path, file, outcome.plan, request.out)
    if request.pack is not None:
        write_pack(request.pack, file_stops(file, outcome.plan), [file.stop_names[s] for s in outcome.plan.unserved])
    return replace(_result(path, file, outcome, written), engine=choice.name, pack=request.pack)


def _result(path: Path, file: FileProblem, outcome: Outcome[RoutingPlan], written: Path) -> RoutedFile:
    plan = outcome.required()
    return RoutedFile(
        name=file.name,
        written=written,
        cost=file.stated_cost(plan),
        routes=len(plan.routes),
        unserved=tuple(_why(file, reason) for reason in reasons_left_out(file.problem, plan)),
        bound=file.stated_bound(outcome.bound),
        gap=outcome.gap,
        status=outcome.status,
        limit=outcome.limit,
        convention=file.convention,
        best_known=best_known(path),
        vehicles_first=file.vehicle_price > 0,
    )


def _why(file: FileProblem, reason: Reason) -> str:
    return f"stop {file.stop_names[reason.stop]}: {CAUSES[reason.cause]}"


def _write(path: Path, file: FileProblem, plan: RoutingPlan, out: Path | None) -> Path:
    """Write the plan whole or not at all."""
    target = out or path.with_name(path.name.split(".vrp")[0].split(".txt")[0].split(".json")[0] + f".{file.answer}")
    if target.is_dir():
        target = target / f"{file.name}.{file.answer}"
    vroom = file.answer == "routes.json"
    text = json.dumps(vroom_solution(file, plan), indent=1) + "\n" if vroom else solution_text(file, plan)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(target)
    return target


def best_known(path: Path) -> BestKnown | None:
    """Return the best known value of the file from a list `*best_known.csv` beside it or one folder up."""
    lists = [found for folder in (path.parent, path.parent.parent) for found in sorted(folder.glob("*best_known.csv"))]
    for found in lists:
        with found.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                same_set = row.get("set") in {None, path.parent.name} or found.parent == path.parent
                if same_set and row["instance"].split(".")[0].lower() == path.name.split(".")[0].lower():
                    cost = float(row.get("best_known") or row["distance"])
                    return BestKnown(cost, int(row.get("vehicles") or row.get("routes") or 0), found.name)
    return None


def seconds_since_start() -> float:
    """Return the wall time since this process began; where the system does not say, its processor time."""
    try:
        with open("/proc/self/stat", encoding="ascii") as file:  # noqa: PTH123
            begun = int(file.read().rsplit(")", 1)[1].split()[19]) / os.sysconf("SC_CLK_TCK")
        return time.clock_gettime(time.CLOCK_BOOTTIME) - begun
    except (OSError, AttributeError, ValueError, IndexError):
        return time.process_time()
