r"""
Decisions that also weigh the bad paths: mean and conditional value at risk of the whole plan, by weights of the paths.

With C_s(q) the cost of plan q on path s, w_s the weight of the path, rho the aversion and a the level of the tail,

    min_q (1 - rho) E C(q) + rho CVaR_a C(q)  =  min_q max_v sum_s v_s C_s(q),
    v_s = (1 - rho) w_s + rho u_s,   0 <= u_s <= w_s / (1 - a),   sum_s u_s = 1

(Rockafellar and Uryasev 2000). A plan for given weights v is what the planning model finds anyway, so plans and
weights are played against each other: u of a round is the mean of the worst paths of the plans before it (fictitious
play, Brown 1951), and of all plans seen the one with the least risk is kept. The bound of any weights is a bound of the
whole, since the largest v makes it no smaller; the highest seen is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, TypeVar

import numpy as np

from optimizer.plan.risk import LEVEL, FloatArray, tail_weights
from solvers.outcome import Outcome, Status, relative_gap

_ROUNDS: Final = 6
_CLOSE: Final = 1e-4

Plan = TypeVar("Plan")


@dataclass(frozen=True)
class Averse(Generic[Plan]):
    """The plan kept with objective and bound of its risk, and what it trades; all money is 0 without aversion.

    mean, tail: expected cost and conditional value at risk of the plan
    mean_neutral, tail_neutral: the same of the plan that looks at the mean alone
    """

    outcome: Outcome[Plan]
    mean: float = 0.0
    tail: float = 0.0
    mean_neutral: float = 0.0
    tail_neutral: float = 0.0

    def proof(self, aversion: float, minor: float) -> dict[str, Any]:
        """Return what is traded as a part of the certificate, money in major units; nothing without aversion."""
        if not aversion:
            return {}
        names = ("mean", "tail", "mean_neutral", "tail_neutral")
        figures = {name: round(getattr(self, name) / minor, 6) for name in names}
        means = (
            f"the objective is {1 - aversion:g} of the mean and {aversion:g} of the tail, the mean of the worst paths"
        )
        return {"risk": {"aversion": aversion, "level": LEVEL, **figures, "means": means}}


def least_risk(
    weight: FloatArray,
    aversion: float,
    decided: Callable[[FloatArray | None], Outcome[Plan]],
    cost: Callable[[Plan], FloatArray],
) -> Averse[Plan]:
    """Return the plan of least risk among those that fit the weights of each round.

    weight: weight of each path, shape (S,)
    decided: the plan for weights of the paths in the cost, None for their own
    cost: money of a plan on each path, shape (S,)
    """
    first = decided(None)
    if not aversion:
        return Averse(first)
    found: list[Averse[Plan]] = []
    outcome, bound, worst = first, -np.inf, np.zeros_like(weight)
    for turn in range(_ROUNDS):
        if turn:
            tilt = (1 - aversion) * weight + aversion * worst
            outcome = decided(tilt / tilt.sum())
        bound = max(bound, outcome.bound)
        by_path = cost(outcome.required())
        tail = tail_weights(by_path, weight)
        mean, bad = float(by_path @ weight), float(by_path @ tail)
        risk = replace(outcome, objective=(1 - aversion) * mean + aversion * bad)
        neutral = (found[0].mean, found[0].tail) if found else (mean, bad)
        found.append(Averse(risk, mean, bad, *neutral))
        best = min(found, key=lambda one: one.outcome.objective)
        gap = relative_gap(best.outcome.objective, bound)
        if gap <= _CLOSE:
            break
        worst = worst + (tail - worst) / (turn + 1)
    status: Status = "optimal" if gap <= _CLOSE else "feasible"
    proved = min(bound, best.outcome.objective)
    return replace(best, outcome=replace(best.outcome, bound=proved, gap=gap, status=status))
