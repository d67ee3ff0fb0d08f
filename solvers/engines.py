"""Engines are configuration: one name, one function from a sealed model and limits to an outcome."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from solvers import highs, ortools_linear, pulp_bridge
from solvers.model import SealedModel
from solvers.outcome import Limits, Outcome, Solution

Engine: TypeAlias = Callable[[SealedModel, Limits | None], Outcome[Solution]]

ENGINES: Final[dict[str, Engine]] = {
    "highs": highs.solve,
    "scip": ortools_linear.solve,
    "cbc": pulp_bridge.solve_with_cbc,
    "pulp_highs": pulp_bridge.solve_with_pulp_highs,
}


def solve(model: SealedModel, limits: Limits | None = None, engine: str = "highs") -> Outcome[Solution]:
    """Minimise a model with the named engine.

    Raises
    ------
    ValueError : an engine of this name does not exist.
    """
    if engine not in ENGINES:
        raise ValueError(f"engine {engine!r}: expected one of {', '.join(ENGINES)}")
    return ENGINES[engine](model, limits)
