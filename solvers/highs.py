"""HiGHS through its arrays: one thread, one seed, the same answer every time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np

from solvers.model import SealedModel
from solvers.outcome import Limit, Limits, Outcome, Solution, Status, relative_gap, without_plan

_SEED: Final = 0
_LIMIT_WORDS: Final[dict[str, Limit]] = {
    "kSolutionLimit": "nodes",
    "kIterationLimit": "iterations",
    "kTimeLimit": "seconds",
}


def solve(model: SealedModel, limits: Limits | None = None) -> Outcome[Solution]:
    """Minimise a linear or mixed-integer model with HiGHS (Huangfu and Hall, 2018, doi 10.1007/s12532-017-0130-5).

    Row prices and reduced costs come with models that have no whole-number column.
    """
    engine = hand_over(model, limits or Limits())
    engine.run()
    word = engine.getModelStatus().name
    if word == "kOptimal":
        return _with_plan(engine, model, "optimal", "none")
    if word == "kInfeasible":
        return without_plan("infeasible")
    if word in ("kUnbounded", "kUnboundedOrInfeasible"):
        return without_plan("unbounded" if _has_any_plan(model) else "infeasible")
    limit = _LIMIT_WORDS.get(word, "other")
    if engine.getInfo().primal_solution_status == _feasible():
        return _with_plan(engine, model, "feasible", limit)
    return without_plan("no plan", limit)


def hand_over(model: SealedModel, limits: Limits) -> Any:
    """Give a HiGHS engine that holds the model and has not run.

    Raises
    ------
    ValueError : HiGHS refused the model.
    """
    import highspy

    engine = highspy.Highs()
    for option, value in _options(limits).items():
        engine.setOptionValue(option, value)
    status = engine.passModel(*_as_arguments(model))
    if status == highspy.HighsStatus.kError:
        raise ValueError("HiGHS refused the model")
    return engine


def _options(limits: Limits) -> dict[str, Any]:
    options: dict[str, Any] = {
        "output_flag": False,
        "threads": 1,
        "parallel": "off",
        "random_seed": _SEED,
        "mip_rel_gap": limits.gap,
        "mip_abs_gap": 0.0,
    }
    given = {
        "mip_max_nodes": limits.nodes,
        "simplex_iteration_limit": limits.iterations,
        "time_limit": None if limits.seconds is None else float(limits.seconds),
    }
    return options | {option: value for option, value in given.items() if value is not None}


def _as_arguments(model: SealedModel) -> tuple[Any, ...]:
    """Order of the arguments of HiGHS's array hand-over; the fourth is its word for column-wise, the fifth for min."""
    import highspy

    sizes = model.columns, model.rows, model.value.size, int(highspy.MatrixFormat.kColwise), 1, 0.0
    columns = model.cost, model.lower, model.upper
    entries = model.start, model.index, model.value
    return (*sizes, *columns, model.row_lower, model.row_upper, *entries, model.integer.astype(np.int32))


def _has_any_plan(model: SealedModel) -> bool:
    """Whether the rows can be met at all: HiGHS's presolve cannot always tell unbounded from infeasible."""
    engine = hand_over(replace(model, cost=np.zeros(model.columns)), Limits())
    engine.run()
    return bool(engine.getModelStatus().name == "kOptimal")


def _feasible() -> Any:
    import highspy

    return highspy.SolutionStatus.kSolutionStatusFeasible


def _with_plan(engine: Any, model: SealedModel, status: Status, limit: Limit) -> Outcome[Solution]:
    info, found = engine.getInfo(), engine.getSolution()
    objective = float(info.objective_function_value)
    values = np.array(found.col_value, dtype=np.float64)
    if model.integer.any():
        bound = min(objective, float(info.mip_dual_bound))
        return Outcome(Solution(values), status, objective, bound, relative_gap(objective, bound), limit)
    bound = objective if status == "optimal" else -np.inf
    prices = np.array(found.row_dual, dtype=np.float64), np.array(found.col_dual, dtype=np.float64)
    return Outcome(Solution(values, *prices), status, objective, bound, relative_gap(objective, bound), limit)
