r"""
The review of regular prices: a few changes that earn more while the average price and the revenue are held.

Sets
    g in prices (an item, or a price group, at the places where it costs the same today), k in rungs (0: today's price),
    s points of the elasticity's law, l places
Data
    d_n mean demand of line n over the days looked at, p_g0 today's price, p_gk that of a rung, c_n cost of a unit
    e_ns elasticity of line n at the s-th of S quantiles: all lines of a price are pessimistic together
    gain_gks = sum_n d_n [ (p_gk - c_n) (p_gk / p_g0)^e_ns - (p_g0 - c_n) ]
    value_gk = mean_s gain - lambda sd_s gain;   revenue_gk, likewise without cost and by its mean
    share_g of today's revenue;   u_gl labels of a change;   M most changes;   L_l labels left
Variables
    take[g,k]  x_gk in {0,1}
Model
    min  - sum value_gk x_gk
    s.t. sum_k x_gk = 1                                        (choose)
         sum_{k>0} x_gk <= M                                   (changes)
         1 - tau <= sum share_g p_gk / p_g0 x_gk <= 1 + tau    (average)
         sum revenue_gk x_gk >= 0                              (revenue)
         sum_g u_gl sum_{k>0} x_gk <= L_l                      (labels)

Without these rows every price goes to an end of its band, as far as the fitted response may be believed at all; so they
are never left out. All prices as they are keep every row, so there is always a plan.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from solvers.engines import solve
from solvers.model import Bounds, Model, SealedModel, Triplets
from solvers.outcome import Limits, Outcome, Status

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

# How far the average price may move.
AVERAGE_TOLERANCE = 0.002
_GAP = 1e-4


@dataclass(frozen=True)
class ReviewProblem:
    """
    Rungs of all prices one after the other; those of price g stand at start[g]:start[g + 1], today's first.

    Parameters
    ----------
    start : integer array, shape (G + 1,)
    value, revenue, ratio : array, shape (C,)
        Value and change of revenue in minor units, price over today's.
    share : array, shape (G,)
        Of today's revenue.
    labels_needed : array, shape (G, L)
    labels : array, shape (L,)
        Left today, infinite where nothing limits them.
    most_changes : int
    """

    start: Integers
    value: Floats
    revenue: Floats
    ratio: Floats
    share: Floats
    labels_needed: Floats
    labels: Floats
    most_changes: int

    @property
    def price(self) -> Integers:
        """Number of the price that each rung belongs to, shape (C,)."""
        return np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))


@dataclass(frozen=True)
class ReviewPlan:
    """The rung of each price, shape (G,), and what one more change would bring, minor units."""

    rung: Integers
    change_price: float


def review(problem: ReviewProblem, nodes: int) -> Outcome[ReviewPlan]:
    """Return the changes of most value; see the module."""
    model = review_model(problem)
    found = solve(model, Limits(nodes=nodes, gap=_GAP))
    relaxed = solve(review_model(problem, integer=False))
    rung = np.zeros(len(problem.start) - 1, np.int64)
    objective = 0.0
    if found.plan is not None:
        taken = np.flatnonzero(found.plan.values > 0.5)
        rung[problem.price[taken]] = taken - problem.start[problem.price[taken]]
        objective = min(-float(problem.value[taken].sum()), 0.0)
    bound = max(found.bound, relaxed.objective) if np.isfinite(found.bound) else relaxed.objective
    bound = min(bound, objective)
    prices = relaxed.required().row_prices
    change = 0.0 if prices is None else max(0.0, -float(prices[model.family("changes").start]))
    gap = (objective - bound) / max(abs(objective), 1e-9)
    status: Status = "optimal" if gap <= _GAP else "feasible"
    return Outcome(ReviewPlan(rung, change), status, objective, bound, gap, found.limit)


def review_model(problem: ReviewProblem, integer: bool = True) -> SealedModel:
    """Return the model of the module."""
    price, count = problem.price, np.arange(len(problem.value))
    rung = count - problem.start[price]
    moved = np.flatnonzero(rung > 0)
    model = Model()
    model.add_variables("take", {"price": price, "rung": rung}, -problem.value, Bounds(0.0, 1.0, integer))
    ones = np.ones(len(count))
    model.add_rows("choose", {"price": np.arange(len(problem.share))}, Triplets(price, count, ones), 1.0, 1.0)
    one = np.zeros(1, np.int64)
    nought, every = np.zeros(len(moved), np.int64), np.zeros(len(count), np.int64)
    changes = Triplets(nought, moved, np.ones(len(moved)))
    model.add_rows("changes", {"day": one}, changes, -np.inf, float(problem.most_changes))
    average = Triplets(every, count, problem.share[price] * problem.ratio)
    low, high = 1.0 - AVERAGE_TOLERANCE, 1.0 + AVERAGE_TOLERANCE
    model.add_rows("average", {"day": one}, average, low, high)
    model.add_rows("revenue", {"day": one}, Triplets(every, count, problem.revenue), 0.0, np.inf)
    limited = np.flatnonzero(np.isfinite(problem.labels))
    needed = problem.labels_needed[price[moved]][:, limited]
    which, place = np.nonzero(needed)
    labels = Triplets(place, moved[which], needed[which, place])
    model.add_rows("labels", {"place": limited}, labels, -np.inf, problem.labels[limited])
    return model.seal()
