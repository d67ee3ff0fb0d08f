"""SCIP through OR-Tools: a second, independent engine for linear and mixed-integer models."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np

from solvers.model import SealedModel
from solvers.outcome import Limit, Limits, Outcome, Solution, Status, relative_gap, without_plan

_SEED: Final = 0


def solve(model: SealedModel, limits: Limits | None = None) -> Outcome[Solution]:
    """Minimise a model with SCIP (Bolusani et al., 2024, arXiv 2402.17702) through OR-Tools; gives no prices."""
    limits = limits or Limits()
    engine = _run(model, limits)
    word = engine.status().name
    if engine.has_solution():
        return _with_plan(engine, "optimal" if word == "OPTIMAL" else "feasible", _limit(word, limits))
    if word == "NOT_SOLVED":
        return without_plan("no plan", _limit(word, limits))
    # SCIP may answer "infeasible or unbounded"; a model without costs tells which.
    free = _run(replace(model, cost=np.zeros(model.columns)), Limits())
    return without_plan("unbounded" if free.has_solution() else "infeasible")


def _run(model: SealedModel, limits: Limits) -> Any:
    from ortools.linear_solver.python import model_builder_helper as helper

    built: Any = helper.ModelBuilderHelper()
    rows = (model.row_lower, model.row_upper, model.matrix().tocsr())
    built.fill_model_from_sparse_data(model.lower, model.upper, model.cost, *rows)
    for column in np.flatnonzero(model.integer).tolist():
        built.set_var_integrality(column, True)
    engine = helper.ModelSolverHelper("scip")
    engine.enable_output(False)
    engine.set_solver_specific_parameters(_parameters(limits))
    if limits.seconds is not None:
        engine.set_time_limit_in_seconds(limits.seconds)
    engine.solve(built)
    return engine


def _parameters(limits: Limits) -> str:
    lines = [f"limits/gap = {limits.gap}", f"randomization/randomseedshift = {_SEED}", "parallel/maxnthreads = 1"]
    if limits.nodes is not None:
        lines.append(f"limits/totalnodes = {limits.nodes}")
    if limits.iterations is not None:
        lines.append(f"lp/iterlim = {limits.iterations}")
    return "\n".join(lines)


def _limit(word: str, limits: Limits) -> Limit:
    if word == "OPTIMAL":
        return "none"
    given: dict[Limit, float | None] = {
        "nodes": limits.nodes,
        "iterations": limits.iterations,
        "seconds": limits.seconds,
    }
    words = [name for name, value in given.items() if value is not None]
    return words[0] if len(words) == 1 else "other"


def _with_plan(engine: Any, status: Status, limit: Limit) -> Outcome[Solution]:
    objective = float(engine.objective_value())
    bound = min(objective, float(engine.best_objective_bound()))
    values = np.array(engine.variable_values(), dtype=np.float64)
    return Outcome(Solution(values), status, objective, bound, relative_gap(objective, bound), limit)
