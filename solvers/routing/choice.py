"""Which engine routes a problem, and why; the choice is by what is asked, from `benchmarks/routing.py`."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from solvers.routing import pyvrp_engine as pyvrp
from solvers.routing import ruin_engine as ruin
from solvers.routing.decomposition import RunAll, grouped_engine, in_this_process, is_large
from solvers.routing.features import features
from solvers.routing.problem import RoutingProblem, Work
from solvers.routing.solve import Answer, Engine

# The share of the work after which a fleet that leaves stops standing is given to the other engine.
_PROBE: Final = 20
_WHY: Final = "cheaper at equal time on the classes measured"


@dataclass(frozen=True)
class Choice:
    """An engine, its name and the reason, for people."""

    engine: Engine
    name: str
    why: str


def chosen_engine(problem: RoutingProblem, run_all: RunAll = in_this_process) -> Choice:
    """Return our search for all it takes, in groups on `run_all` where the problem is large, PyVRP for the rest."""
    faults = ruin.unsupported(problem)
    if faults:
        return Choice(pyvrp.pyvrp_engine, "PyVRP", "ruin and recreate cannot take " + "; ".join(faults))
    asked = [words for words, there in features(problem).items() if there]
    refused = pyvrp.unsupported(problem)
    if refused and asked:
        return Choice(ruin.ruin_engine, "ruin and recreate", "PyVRP cannot take " + "; ".join(refused))
    if "reloads" in asked:
        return Choice(pyvrp.pyvrp_engine, "PyVRP", "with reloads it was cheaper at equal time")
    mixed = sum(v.available > 0 for v in problem.vehicle_types) > 1
    if mixed and any(v.fixed_cost > 0 for v in problem.vehicle_types) and not (refused or asked):
        why = "with several types of vehicle at fixed costs it was cheaper at equal time"
        return Choice(pyvrp.pyvrp_engine, "PyVRP", why)
    if is_large(problem) and not asked:
        name = "ruin and recreate in groups of routes"
        return Choice(partial(grouped_engine, run_all=run_all), name, "thousands of stops need no matrix")
    short = sum(vehicle.available for vehicle in problem.vehicle_types) < problem.stops.count
    if short and not refused:
        why = (
            "cheaper at equal time on every class measured; PyVRP where it cannot serve all with the vehicles there are"
        )
        return Choice(_ours_or_pyvrp, "ruin and recreate", why)
    return Choice(ruin.ruin_engine, "ruin and recreate", "cheaper at equal time on every class measured")


def _ours_or_pyvrp(problem: RoutingProblem, work: Work) -> Answer:
    """Return our plan, or PyVRP's where a twentieth of the work leaves a stop that must be served standing."""
    begun = time.perf_counter()
    first = replace(
        work,
        iterations=None if work.iterations is None else max(work.iterations // _PROBE, 1),
        seconds=None if work.seconds is None else work.seconds / _PROBE,
    )
    probe = ruin.ruin_engine(problem, first)
    rest = work
    if work.seconds is not None:
        rest = replace(work, seconds=max(work.seconds - (time.perf_counter() - begun), 0.0))
    if probe.plan is None:
        return pyvrp.pyvrp_engine(problem, rest)
    return ruin.ruin_engine(problem, rest)
