"""One call for every engine: search, check the plan, prove how good it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from solvers.outcome import Limit, Outcome, Status, relative_gap
from solvers.routing.bound import lower_bound
from solvers.routing.check import check_plan
from solvers.routing.problem import RoutingPlan, RoutingProblem, Work

# A gap this small is arithmetic, not cost.
OPTIMAL_GAP = 1e-9


class UnsupportedError(Exception):
    """An engine cannot take a feature of the problem; the message says which, in words."""


class FalseRouteError(Exception):
    """An engine gave a plan that breaks the rules of the problem: a fault of ours, never of the data."""


@dataclass(frozen=True)
class Answer:
    """What an engine found, None for no plan, and what stopped it."""

    plan: RoutingPlan | None
    limit: Limit


Engine: TypeAlias = Callable[[RoutingProblem, Work], Answer]


def solve_routing(problem: RoutingProblem, work: Work, engine: Engine) -> Outcome[RoutingPlan]:
    """Return the checked plan of `engine` with objective and lower bound in minor units.

    "no plan" means none was found, not that none exists. Raises UnsupportedError, and FalseRouteError when the plan
    breaks its own check.
    """
    answer = engine(problem, work)
    if answer.plan is None:
        return Outcome(None, "no plan", math.nan, lower_bound(problem).value, math.nan, answer.limit)
    violations = check_plan(problem, answer.plan)
    if violations:
        raise FalseRouteError("; ".join(str(v) for v in violations[:5]))
    bound = min(lower_bound(problem).value, answer.plan.cost)
    gap = relative_gap(answer.plan.cost, bound)
    status: Status = "optimal" if gap <= OPTIMAL_GAP else "feasible"
    return Outcome(answer.plan, status, answer.plan.cost, bound, gap, answer.limit)
