"""From the clearance problem to a price path per line, with its proof: the one call of this room."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from optimizer.executor import RunAll, plain_loop
from optimizer.markdown.blocks import Block, Coordination, Decided, coordinate, crossing, decided, split
from optimizer.markdown.evaluation import sales_at
from optimizer.markdown.joint import JointSettings
from optimizer.markdown.problem import Floats, Integers, MarkdownPlan, MarkdownProblem
from solvers.outcome import Limit, Outcome, relative_gap


@dataclass(frozen=True)
class Settings:
    """
    How much work the decision may do.

    Parameters
    ----------
    most_columns : int
        Price paths listed per group.
    block_lines : int
        Lines decided at once, about.
    joint : JointSettings
    """

    most_columns: int = 20_000
    block_lines: int = 1_000
    joint: JointSettings = field(default_factory=JointSettings)


def decide(
    problem: MarkdownProblem, settings: Settings | None = None, run_all: RunAll = plain_loop
) -> Outcome[MarkdownPlan]:
    """
    Return the price paths of most expected revenue and salvage that keep all rules; cost is minus that, minor units.

    The bound holds over all price paths of every group. Only groups with more than ``most_columns`` of them are listed
    with fewer changes, which ``MarkdownPlan.cut_groups`` counts; for them the bound covers the paths listed.
    """
    settings = settings or Settings()
    if not problem.lines:
        return Outcome(_plan(problem, [], [], np.zeros_like(problem.budget)), "optimal", 0.0, 0.0, 0.0)
    places = split(problem, settings.block_lines)
    parts = [problem.of_places(chosen) for chosen in places]
    nothing = np.zeros(0, np.int64)
    free = np.zeros_like(problem.budget)
    blocks = [Block(part, free, nothing, settings.most_columns, settings.joint) for part, _ in parts]
    shared: Coordination | None = None
    across = crossing(blocks)
    if np.isfinite(problem.budget[across]).any():
        shared = coordinate(blocks, problem.budget, 0.5 * settings.joint.gap, run_all)
        blocks = shared.blocks
    found = run_all(decided, blocks)
    cost = sum(part.choice.cost for part in found)
    bound = min(sum(part.choice.bound for part in found) if shared is None else shared.bound, cost)
    # A budget inside a block has its price there, one across blocks the price they share.
    price = np.sum([part.choice.prices.budget for part in found], axis=0) * ~across[:, None]
    price = price if shared is None else price + shared.price
    plan = _plan(problem, found, [(chosen, lines) for chosen, (_, lines) in zip(places, parts, strict=True)], price)
    gap = relative_gap(cost, bound)
    if gap <= settings.joint.gap:
        return Outcome(plan, "optimal", cost, bound, gap)
    return Outcome(plan, "feasible", cost, bound, gap, _limit(found))


def _limit(found: list[Decided]) -> Limit:
    """Return what stopped the first block that was stopped."""
    return next((part.choice.limit for part in found if part.choice.limit != "none"), "none")


def _plan(
    problem: MarkdownProblem, found: list[Decided], where: list[tuple[Integers, Integers]], price: Floats
) -> MarkdownPlan:
    """Return the blocks' plans as one; ``where`` gives the places and lines of each block."""
    rung = np.zeros((problem.lines, problem.epochs), np.int64)
    alone, labels = np.zeros_like(rung), np.zeros_like(problem.labels)
    for part, (places, lines) in zip(found, where, strict=True):
        group = np.unique(problem.group[lines], return_inverse=True)[1]
        rung[lines], alone[lines] = part.rung[group], part.alone[group]
        labels[places] = part.choice.prices.labels
    planned, held = sales_at(problem, rung), sales_at(problem, np.zeros_like(rung))
    return MarkdownPlan(
        rung=rung,
        value=planned.worth(problem),
        value_today=held.worth(problem),
        free_value=sales_at(problem, alone).worth(problem),
        spend=planned.spend,
        sold=planned.sold.sum(axis=1) @ problem.weight,
        sold_today=held.sold.sum(axis=1) @ problem.weight,
        label_price=labels,
        budget_price=price,
        columns=sum(part.columns for part in found),
        blocks=len(found),
        cut_groups=sum(part.cut_groups for part in found),
    )
