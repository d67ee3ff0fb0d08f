"""A bound that knows that a group opens wholly or not at all: what prices alone leave open between groups and budget.

Sets
    j groups with a joint minimum (last: all lines without one, always open), t prices lambda_t of the budget
Parameters
    open_jt    cost of group j beyond ordering nothing, plus lambda_t times its spend, at least (`Priced.opening`)
Variables
    open[j]    z in {0,1}     whether group j orders
    spend[j]   b >= 0         money group j takes from the budget B
    cost[j]    theta          cost of group j beyond ordering nothing
Model
    min  sum_j theta_j
    s.t. theta_j >= open_jt z_j - lambda_t b_j   for j, t   (slope)
         b_j <= B z_j                            for j      (closed)
         sum_j b_j <= B                                     (budget)

Every plan is a point of this model at its own cost: the slopes are Lagrangian bounds of a group that has opened.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from optimizer.reorder.prices import Priced
from solvers.engines import solve
from solvers.model import Bounds, Model, SealedModel, Triplets
from solvers.outcome import Limits

SHARES: Final = (0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0)


def group_bound(priced: list[Priced], base: float, budget: float, nodes: int) -> float:
    """Bound over every plan, from `priced` at different prices of the budget and equal prices of the rows.

    `base` is what stands beside the groups' own costs: the cost of ordering nothing in the groups, less the rows'
    prices times what they have.
    """
    model = group_model(priced, budget)
    outcome = solve(model, Limits(nodes=nodes, gap=1e-6))
    return base + outcome.bound


def group_model(priced: list[Priced], budget: float) -> SealedModel:
    """Give the model of the groups."""
    opening = np.stack([np.append(one.opening, one.alone) for one in priced], axis=1)
    groups, slopes = opening.shape
    model, group = Model(), np.arange(groups)
    closable = np.where(group < groups - 1, 0.0, 1.0)
    opened = model.add_variables("open", {"group": group}, 0.0, Bounds(closable, 1.0, True))
    spend = model.add_variables("spend", {"group": group}, 0.0)
    cost = model.add_variables("cost", {"group": group}, 1.0, Bounds(-np.inf, np.inf))
    row = np.arange(groups * slopes)
    owner, price = np.repeat(group, slopes), np.tile([one.prices.budget for one in priced], groups)
    column = np.concatenate([cost.members[owner], opened.members[owner], spend.members[owner]])
    value = np.concatenate([np.ones(row.size), -opening.ravel(), price])
    slope = Triplets(np.tile(row, 3), column, value)
    model.add_rows("slope", {"group": owner, "price": np.tile(np.arange(slopes), groups)}, slope, 0.0, np.inf)
    column = np.concatenate([spend.members, opened.members])
    value = np.concatenate([np.ones(groups), np.full(groups, -budget)])
    model.add_rows("closed", {"group": group}, Triplets(np.tile(group, 2), column, value), -np.inf, 0.0)
    model.add_rows("budget", {}, Triplets(0 * group, spend.members, np.ones(groups)), -np.inf, budget)
    return model.seal()
