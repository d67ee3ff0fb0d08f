"""Benchmark solution files: CVRPLIB `.sol`, written and read."""

from __future__ import annotations

from pathlib import Path

from optimizer.routing.file_problem import FileProblem, UnreadableRoutingFileError
from solvers.routing.problem import RELOAD, RoutingPlan
from solvers.routing.schedule import plan_of

_RELOAD = "|"


def solution_text(file: FileProblem, plan: RoutingPlan) -> str:
    """Return the plan as a `.sol` file: customers from 1, the depot left out, the cost as lists state it.

    Trips of a route stand behind each other with a bar between. Where vehicles differ, line n is vehicle n of the file,
    and vehicles that stay in have an empty line.
    """
    numbers = [" ".join(_number(file, stop) for stop in route.stops.tolist()) for route in plan.routes]
    lines = numbers
    if len(file.vehicle_names) > 1:
        by_vehicle = {
            int(file.vehicle_names[r.vehicle_type][r.vehicle]): n for r, n in zip(plan.routes, numbers, strict=True)
        }
        lines = [by_vehicle.get(n + 1, "") for n in range(max(by_vehicle, default=0))]
    text = "".join(f"Route #{n + 1}: {line}".rstrip() + "\n" for n, line in enumerate(lines))
    return f"{text}Cost {file.stated_cost(plan):.10g}\n"


def _number(file: FileProblem, stop: int) -> str:
    return _RELOAD if stop == RELOAD else str(file.stop_numbers[stop])


def read_solution(file: FileProblem, path: Path) -> RoutingPlan:
    """Return the plan of a `.sol` file, timed anew. Raises UnreadableRoutingFileError for unknown customers."""
    stop_of = {int(number): stop for stop, number in enumerate(file.stop_numbers)}
    type_of = {int(name): kind for kind, names in enumerate(file.vehicle_names) for name in names}
    sequences = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.lower().startswith("route"):
            continue
        head, _, tail = line.partition(":")
        numbers = [None if word == _RELOAD else int(word) for word in tail.split()]
        missing = [number for number in numbers if number is not None and number not in stop_of]
        if missing:
            raise UnreadableRoutingFileError(f"{path.name}: no customer {missing[0]} in {file.name}")
        vehicle = int(head.split("#")[-1])
        kind = type_of[vehicle] if len(file.vehicle_names) > 1 else 0
        sequences.append((kind, [RELOAD if number is None else stop_of[number] for number in numbers]))
    return plan_of(file.problem, sequences)
