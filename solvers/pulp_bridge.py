"""The same sealed model through PuLP, for CBC and for solvers of the user's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np

from solvers.model import SealedModel
from solvers.outcome import Limit, Limits, Outcome, Solution, without_plan

EXPECTED_SOLVERS: Final = ("COIN_CMD", "HiGHS")


class SolverMissingError(Exception):
    """PuLP cannot reach a solver that should be installed with the project."""


def solve_with_cbc(model: SealedModel, limits: Limits | None = None) -> Outcome[Solution]:
    """Minimise a model with CBC (Forrest and Lougee-Heimer, 2005); gives no prices, and no bound when stopped.

    Raises
    ------
    ValueError : a limit on simplex iterations, which CBC does not take.
    """
    limits = limits or Limits()
    if limits.iterations is not None:
        raise ValueError("CBC takes no limit on simplex iterations")
    return solve_with(model, cbc(limits), _limit(limits))


def solve_with_pulp_highs(model: SealedModel, limits: Limits | None = None) -> Outcome[Solution]:
    """Minimise a model with HiGHS as PuLP drives it; gives no prices, and no bound when stopped.

    Raises
    ------
    ValueError : a limit on nodes, after which PuLP does not read the answer.
    """
    limits = limits or Limits()
    if limits.nodes is not None:
        raise ValueError("HiGHS through PuLP takes no limit on nodes; use solvers.highs")
    return solve_with(model, _highs(limits), _limit(limits))


def solve_with(model: SealedModel, solver: Any, limit: Limit = "other") -> Outcome[Solution]:
    """Minimise a model with any PuLP solver; `limit` is the word for what stopped it, should it be stopped."""
    import pulp

    problem, columns = as_pulp(model)
    problem.solve(solver)
    values = np.array([column.varValue or 0.0 for column in columns])
    objective = float(model.cost @ values)
    answer = problem.sol_status
    if answer == pulp.LpSolutionOptimal:
        return Outcome(Solution(values), "optimal", objective, objective, 0.0)
    if answer == pulp.LpSolutionIntegerFeasible:
        return Outcome(Solution(values), "feasible", objective, -np.inf, np.inf, limit)
    # CBC writes "unknown" when its bound tightening alone proves that a linear model has no plan.
    if problem.status in (pulp.LpStatusInfeasible, pulp.LpStatusUnbounded, pulp.LpStatusUndefined):
        return without_plan("unbounded" if _has_any_plan(model, solver) else "infeasible")
    return without_plan("no plan", limit)


def as_pulp(model: SealedModel) -> tuple[Any, list[Any]]:
    """Give the PuLP problem and its variables in the order of the columns.

    The cells are numbered, not named: PuLP turns both `a-b` and `a_b` into the same name.
    """
    import pulp

    problem = pulp.LpProblem("model", pulp.LpMinimize)
    columns = [_variable(problem, model, column) for column in range(model.columns)]
    problem.setObjective(pulp.LpAffineExpression(zip(columns, model.cost.tolist(), strict=True)))
    matrix = model.matrix().tocsr()
    for row in range(model.rows):
        entries = slice(matrix.indptr[row], matrix.indptr[row + 1])
        terms = [(columns[j], a) for j, a in zip(matrix.indices[entries], matrix.data[entries].tolist(), strict=True)]
        _add_row(problem, f"r{row}", terms, (model.row_lower[row], model.row_upper[row]))
    return problem, columns


def cbc(limits: Limits) -> Any:
    """PuLP's CBC with the program from the `cbcbox` package."""
    import cbcbox
    import pulp

    return pulp.COIN_CMD(
        path=cbcbox.cbc_bin_path(),
        msg=False,
        threads=1,
        gapRel=limits.gap,
        maxNodes=limits.nodes,
        timeLimit=limits.seconds,
    )


def require_solvers() -> tuple[str, ...]:
    """Give the PuLP solvers the project counts on, those of `EXPECTED_SOLVERS`.

    Raises
    ------
    SolverMissingError : one of them is not there; PuLP itself drops a solver without a word.
    """
    found = {"COIN_CMD": cbc(Limits()).available(), "HiGHS": _highs(Limits()).available()}
    missing = [name for name in EXPECTED_SOLVERS if not found[name]]
    if missing:
        raise SolverMissingError(f"PuLP does not find {', '.join(missing)}")
    return EXPECTED_SOLVERS


def _highs(limits: Limits) -> Any:
    import pulp

    options = {} if limits.iterations is None else {"simplex_iteration_limit": limits.iterations}
    given = {"gapRel": limits.gap, "timeLimit": limits.seconds}
    return pulp.HiGHS(msg=False, threads=1, random_seed=0, parallel="off", **given, **options)


def _limit(limits: Limits) -> Limit:
    given: dict[Limit, float | None] = {
        "nodes": limits.nodes,
        "iterations": limits.iterations,
        "seconds": limits.seconds,
    }
    words = [name for name, value in given.items() if value is not None]
    return words[0] if len(words) == 1 else "other"


def _variable(problem: Any, model: SealedModel, column: int) -> Any:
    lower, upper = (_finite(bounds[column]) for bounds in (model.lower, model.upper))
    kind = "Integer" if model.integer[column] else "Continuous"
    return problem.add_variable(f"c{column}", lower, upper, kind)


def _add_row(problem: Any, name: str, terms: list[tuple[Any, float]], bounds: tuple[float, float]) -> None:
    import pulp

    lower, upper = bounds
    if lower == upper:
        problem.addConstraint(pulp.LpConstraint(pulp.LpAffineExpression(terms), pulp.LpConstraintEQ, name, lower))
        return
    if np.isfinite(lower):
        problem.addConstraint(pulp.LpConstraint(pulp.LpAffineExpression(terms), pulp.LpConstraintGE, name, lower))
    if np.isfinite(upper):
        name = f"{name}_upper"
        problem.addConstraint(pulp.LpConstraint(pulp.LpAffineExpression(terms), pulp.LpConstraintLE, name, upper))


def _finite(bound: float) -> float | None:
    return float(bound) if np.isfinite(bound) else None


def _has_any_plan(model: SealedModel, solver: Any) -> bool:
    import pulp

    problem, _ = as_pulp(replace(model, cost=np.zeros(model.columns)))
    problem.solve(solver)
    return bool(problem.sol_status == pulp.LpSolutionOptimal)
