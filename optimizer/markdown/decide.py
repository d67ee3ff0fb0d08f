"""From the clearance problem to a price path per line, with its proof: the one call of this room."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from optimizer.markdown.columns import Columns, all_columns
from optimizer.markdown.joint import Choice, JointSettings, solve_joint
from optimizer.markdown.model import joint_rows
from optimizer.markdown.problem import MarkdownPlan, MarkdownProblem
from solvers.outcome import Outcome, relative_gap


@dataclass(frozen=True)
class Settings:
    """
    How much work the decision may do.

    Parameters
    ----------
    most_columns : int
        Price paths listed per line.
    joint : JointSettings
    """

    most_columns: int = 20_000
    joint: JointSettings = field(default_factory=JointSettings)


def decide(problem: MarkdownProblem, settings: Settings | None = None) -> Outcome[MarkdownPlan]:
    """
    Return the price paths of most expected revenue and salvage that keep all rules; cost is minus that, minor units.

    The bound holds over all price paths of every line. Only lines with more than ``most_columns`` of them are listed
    with fewer changes, which ``MarkdownPlan.cut_lines`` counts; for them the bound covers the paths listed.
    """
    settings = settings or Settings()
    if not problem.lines:
        return Outcome(_plan(problem, _no_columns(problem), None), "optimal", 0.0, 0.0, 0.0)
    columns = all_columns(problem, settings.most_columns)
    choice = solve_joint(problem, columns, joint_rows(problem, columns), settings.joint)
    gap = relative_gap(choice.cost, choice.bound)
    proved = gap <= settings.joint.gap
    plan = _plan(problem, columns, choice)
    if proved:
        return Outcome(plan, "optimal", choice.cost, choice.bound, gap)
    return Outcome(plan, "feasible", choice.cost, choice.bound, gap, choice.limit)


def _no_columns(problem: MarkdownProblem) -> Columns:
    nothing = np.zeros(0)
    rung = np.zeros((0, problem.epochs), np.int8)
    spend = np.zeros((0, problem.epochs))
    return Columns(np.zeros(1, np.int64), rung, nothing, spend, nothing, np.zeros(0, np.int64))


def _plan(problem: MarkdownProblem, columns: Columns, choice: Choice | None) -> MarkdownPlan:
    taken = np.zeros(0, np.int64) if choice is None else choice.column
    today = columns.start[:-1]
    free = np.maximum.reduceat(columns.value, today) if problem.lines else np.zeros(0)
    most = np.minimum(problem.rules.most_changes, problem.epochs)
    return MarkdownPlan(
        rung=columns.rung[taken].astype(np.int64),
        value=columns.value[taken],
        value_today=columns.value[today],
        free_value=free,
        spend=columns.spend[taken],
        sold=columns.sold[taken],
        sold_today=columns.sold[today],
        label_price=np.zeros_like(problem.labels) if choice is None else choice.prices.labels,
        budget_price=np.zeros_like(problem.budget) if choice is None else choice.prices.budget,
        columns=len(columns.value),
        taken=0 if choice is None else choice.taken,
        cut_lines=int((columns.most_changes < most).sum()),
    )
