"""What an engine answers: a plan, how good it is proved to be, and what stopped the search."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Generic, Literal, TypeAlias, TypeVar

from solvers.model import Vector

Plan = TypeVar("Plan")
Status: TypeAlias = Literal["optimal", "feasible", "infeasible", "unbounded", "no plan"]
Limit: TypeAlias = Literal["none", "nodes", "iterations", "seconds", "other"]

_SMALLEST_SCALE: Final = 1e-9


class NoPlanError(Exception):
    """A problem has no plan; `families` are the constraint families to relax."""

    def __init__(self, status: Status, families: tuple[str, ...] = ()) -> None:
        self.status, self.families = status, families
        remedy = f"; relax {' or '.join(families)}" if families else ""
        super().__init__(f"{status}{remedy}")


@dataclass(frozen=True)
class Limits:
    """How much work an engine may do. Seconds make answers differ from run to run, so there are none by default.

    Attributes
    ----------
    nodes : branch-and-bound nodes, None for no limit.
    iterations : simplex iterations, None for no limit.
    gap : relative gap at which a plan counts as optimal.
    seconds : clock limit; an outcome it stopped is marked `limit="seconds"`.
    """

    nodes: int | None = None
    iterations: int | None = None
    gap: float = 1e-9
    seconds: float | None = None


@dataclass(frozen=True)
class Solution:
    """Values of the columns, shape (n,); for linear models the prices of rows (m,) and columns (n,), else None.

    A row's price is the change of the objective per unit of its bound.
    """

    values: Vector
    row_prices: Vector | None = None
    reduced_costs: Vector | None = None


@dataclass(frozen=True)
class Outcome(Generic[Plan]):
    """An answer. "feasible" is a plan whose proof a limit cut short; "no plan" is neither plan nor proof.

    Attributes
    ----------
    plan : what to do, None when there is no plan.
    status : how the search ended.
    objective : of the plan; nan without one.
    bound : no plan costs less than this.
    gap : (objective - bound) / |objective|, nan without a plan.
    limit : what stopped the search, "none" when nothing did.
    """

    plan: Plan | None
    status: Status
    objective: float
    bound: float
    gap: float
    limit: Limit = "none"

    def required(self) -> Plan:
        """Give the plan; NoPlanError when there is none."""
        if self.plan is None:
            raise NoPlanError(self.status)
        return self.plan


def relative_gap(objective: float, bound: float) -> float:
    """(objective - bound) / |objective|, never negative; 0 where both are 0, inf without a bound."""
    if math.isnan(objective):
        return math.nan
    return max(0.0, objective - bound) / max(abs(objective), _SMALLEST_SCALE) if objective != bound else 0.0


def without_plan(status: Status, limit: Limit = "none") -> Outcome[Solution]:
    """Give the outcome of a search that found no plan."""
    bound = math.inf if status == "infeasible" else -math.inf
    return Outcome(None, status, math.nan, bound, math.nan, limit)
