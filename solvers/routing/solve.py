"""One call for every engine: search, check the plan, prove how good it is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from solvers.outcome import Limit, Outcome, Status, relative_gap
from solvers.routing.bound import lower_bound
from solvers.routing.check import check_plan
from solvers.routing.problem import RoutingPlan, RoutingProblem, Work

# A gap this small is arithmetic, not cost.
OPTIMAL_GAP: Final = 1e-9
# With less time than this the bound takes its share of it only.
_FULL_EFFORT_SECONDS: Final = 60.0


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

    "no plan" means none was found, "infeasible" that none exists. The bound's time
    counts in `work.seconds`. Raises UnsupportedError, and FalseRouteError when the plan
    breaks its own check.
    """
    begun = time.perf_counter()
    least = lower_bound(problem, 1.0 if work.seconds is None else min(work.seconds / _FULL_EFFORT_SECONDS, 1.0)).value
    if work.seconds is not None:
        work = replace(work, seconds=max(work.seconds - (time.perf_counter() - begun), 0.0))
    answer = engine(problem, work)
    if answer.plan is None:
        status: Status = "infeasible" if least == math.inf else "no plan"
        return Outcome(None, status, math.nan, least, math.nan, answer.limit)
    violations = check_plan(problem, answer.plan)
    if violations:
        raise FalseRouteError("; ".join(str(v) for v in violations[:5]))
    bound = min(least, answer.plan.cost)
    gap = relative_gap(answer.plan.cost, bound)
    status = "optimal" if gap <= OPTIMAL_GAP else "feasible"
    return Outcome(answer.plan, status, answer.plan.cost, bound, gap, answer.limit)
