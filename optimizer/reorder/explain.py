"""The numbers behind one line's order, step by step; the caller turns them into words."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from optimizer.reorder.columns import as_lines, first_multiple, select, unfitted_policy
from optimizer.reorder.decide import BUDGET, MINIMUM, POOL, ReorderPlan
from optimizer.reorder.problem import ReorderProblem


@dataclass(frozen=True)
class LineNumbers:
    """From need to order, in steps and minor units.

    Attributes
    ----------
    demand_mean, demand_deviation : of the demand that today's order must cover: until the next order arrives.
    position : usable stock, today's receipts and what is on order and due in that time.
    order_up_to : level of the fitted policy for that demand.
    need : what is missing from the level, at least 0.
    after_minimum, after_pack : the need lifted to the line's minimum, and to whole packs.
    free_quantity : cheapest quantity on the paths, all multiples compared, without joint rules.
    quantity : today's order, after joint minimum, shared stock and budget.
    cost, free_cost : mean cost of `quantity` and of `free_quantity`.
    cost_less, cost_more : mean cost of the next smaller and larger order, nan where there is none.
    binding : rule that keeps the line from its free quantity, "" if none does.
    binding_price : what one unit of that rule is worth: money per money unit of budget, per unit of joint minimum, per
        step of shared stock; 0 if none binds.
    """

    demand_mean: float
    demand_deviation: float
    position: float
    order_up_to: float
    need: float
    after_minimum: float
    after_pack: float
    free_quantity: int
    quantity: int
    cost: float
    free_cost: float
    cost_less: float
    cost_more: float
    binding: str
    binding_price: float


def line_numbers(problem: ReorderProblem, plan: ReorderPlan, line: int) -> LineNumbers:
    """Give the numbers of one line of a plan."""
    part = select(problem, np.array([line]))
    policy = unfitted_policy(as_lines(part))
    at_hand = float(part.on_hand[0] + part.arrivals[0, 0])
    # The level leaves out what is due before the next order arrives; to a reader that stands in the position.
    demand_mean, due = _protection_demand(part, float(policy.mean[0, 0]))
    order_up_to = float(plan.level[line]) + due
    need = max(0.0, order_up_to - at_hand - due)
    after_minimum = max(need, float(part.minimum[0])) if need > 0 else 0.0
    pack = float(part.pack[0])
    after_pack = max(np.ceil(after_minimum / pack - 1e-9) * pack, float(first_multiple(part)[0])) if need > 0 else 0.0
    return LineNumbers(
        demand_mean=demand_mean,
        demand_deviation=float(policy.deviation[0, 0]),
        position=at_hand + due,
        order_up_to=order_up_to,
        need=need,
        after_minimum=after_minimum,
        after_pack=float(after_pack),
        free_quantity=int(plan.free_quantity[line]),
        quantity=int(plan.quantity[line]),
        cost=float(plan.cost[line]),
        free_cost=float(plan.free_cost[line]),
        cost_less=float(plan.cost_less[line]),
        cost_more=float(plan.cost_more[line]),
        binding=str(plan.binding[line]),
        binding_price=_binding_price(problem, plan, line),
    )


def _protection_demand(part: ReorderProblem, mean: float) -> tuple[float, float]:
    """Mean demand until the next order arrives, and what is due from today's own order day to then."""
    silent = unfitted_policy(as_lines(_without_arrivals(part)))
    demand = float(silent.mean[0, 0])
    return demand, demand - mean


def _without_arrivals(part: ReorderProblem) -> ReorderProblem:
    return replace(part, arrivals=np.zeros_like(part.arrivals))


def _binding_price(problem: ReorderProblem, plan: ReorderPlan, line: int) -> float:
    rules = problem.joint
    binding = str(plan.binding[line])
    if binding == BUDGET:
        return plan.budget_price
    if binding == MINIMUM:
        return float(plan.minimum_price[rules.supplier[line]])
    return float(plan.pool_price[rules.pool[line]]) if binding == POOL else 0.0
