"""Which constraint families stand between a model and a plan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from solvers import highs
from solvers.model import SealedModel, Vector
from solvers.outcome import Limits, NoPlanError, Outcome, Solution


def require_plan(model: SealedModel, outcome: Outcome[Solution], limits: Limits | None = None) -> Solution:
    """Give the plan of an outcome.

    Raises
    ------
    NoPlanError : there is none; when the model is infeasible it names the constraint families to relax.
    """
    if outcome.plan is not None:
        return outcome.plan
    names = families_to_relax(model, limits) if outcome.status == "infeasible" else ()
    raise NoPlanError(outcome.status, names)


def families_to_relax(model: SealedModel, limits: Limits | None = None) -> tuple[str, ...]:
    """Constraint families of which relaxing any one restores a plan, or else a smallest set to relax together.

    The set is irreducible: taking the families in their order, each is put back unless the plan is lost again. Empty
    when the bounds of the variables alone allow no plan. Each trial solves the model without costs.
    """
    names = [family.name for family in model.constraints]
    alone = [name for name in names if _has_plan(model, {name}, limits)]
    if alone or not _has_plan(model, set(names), limits):
        return tuple(alone)
    relaxed = set(names)
    for name in names:
        if _has_plan(model, relaxed - {name}, limits):
            relaxed -= {name}
    return tuple(name for name in names if name in relaxed)


def _has_plan(model: SealedModel, relaxed: set[str], limits: Limits | None) -> bool:
    lower, upper = model.row_lower.copy(), model.row_upper.copy()
    for family in model.constraints:
        if family.name in relaxed:
            lower[family.members], upper[family.members] = -np.inf, np.inf
    return highs.solve(_without_costs(model, lower, upper), limits).plan is not None


def _without_costs(model: SealedModel, row_lower: Vector, row_upper: Vector) -> SealedModel:
    return replace(model, cost=np.zeros(model.columns), row_lower=row_lower, row_upper=row_upper)
