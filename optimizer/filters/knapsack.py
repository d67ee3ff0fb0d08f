r"""
Which doubtful orders wait for a review: the most expected loss avoided in the minutes of each queue.

Sets
    g customers with doubtful orders (one review looks at all of a customer's), k review queues
Parameters
    p_o, m_o        probability of fraud and money of order o; r share of the money lost when an honest order waits
    v_g             sum over the customer's orders of p_o m_o - (1 - p_o) r m_o
    c_k, R_k        what a review costs in queue k; reviews it has time for: floor(minutes a day / minutes a review)
Variables
    review[g,k]     x >= 0    whether customer g's orders are held for queue k
Model
    min  sum_gk (c_k - v_g) x_gk
    s.t. sum_k x_gk <= 1              (once)
         sum_g x_gk <= R_k            (time)

The rows are those of a transportation problem, whose vertices are whole (Hoffman and Kruskal 1956), so the linear
model is exact, and the price of a row of `time` is what one more review of that queue would avoid.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from solvers.engines import solve
from solvers.model import Bounds, Model, SealedModel, Triplets

FloatArray = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
SHIPPED = -1
_EPSILON = 1e-9


@dataclass(frozen=True)
class HoldProblem:
    """Doubtful orders and the queues that may review them. N orders, K queues.

    chance: probability of fraud [p], shape (N,); money: of each order [m], shape (N,)
    customer: who ordered, shape (N,); an empty text is nobody else's
    wrong_hold_rate: share of an honest order's money lost by holding it [r]
    minutes_per_day, minutes_per_review, cost_per_minute: of the queues, shape (K,)
    """

    chance: FloatArray
    money: FloatArray
    customer: npt.NDArray[np.object_]
    wrong_hold_rate: float
    minutes_per_day: FloatArray
    minutes_per_review: FloatArray
    cost_per_minute: FloatArray

    @property
    def value(self) -> FloatArray:
        """Expected loss that holding each order avoids, before the review is paid, shape (N,)."""
        return np.asarray((self.chance - (1.0 - self.chance) * self.wrong_hold_rate) * self.money)

    @property
    def review_cost(self) -> FloatArray:
        """Cost of a review in each queue [c], shape (K,)."""
        return np.asarray(self.minutes_per_review * self.cost_per_minute)

    @property
    def reviews(self) -> FloatArray:
        """Reviews each queue has time for [R], shape (K,)."""
        return np.floor(self.minutes_per_day / self.minutes_per_review + _EPSILON)


@dataclass(frozen=True)
class Holds:
    """What waits, and how good that is proved to be.

    queue: of each order, SHIPPED for those that go out, shape (N,)
    ship_all: expected loss when nothing is held; objective: expected loss and cost of the plan; bound: no plan has less
    hour_price: money that one more hour of each queue would avoid, shape (K,)
    """

    queue: Codes
    ship_all: float
    objective: float
    bound: float
    hour_price: FloatArray


def choose_holds(problem: HoldProblem) -> Holds:
    """Return the holds that avoid the most expected loss; orders better shipped than held are not in question."""
    ship_all = float((problem.chance * problem.money).sum())
    queue = np.full(len(problem.chance), SHIPPED)
    wanted = np.flatnonzero(problem.value > 0)
    nothing = Holds(queue, ship_all, ship_all, ship_all, np.zeros(len(problem.reviews)))
    if not len(wanted) or not len(problem.reviews):
        return nothing
    group, value = _groups(problem, wanted)
    # No plan reviews more customers than there are reviews; a few more are kept to price the next hour.
    most = int(problem.reviews.sum() + problem.reviews.size + 1)
    first = np.argsort(-value, kind="stable")[:most]
    outcome = solve(hold_model(value[first], problem.review_cost, problem.reviews))
    solution = outcome.required()
    chosen = solution.values.reshape(len(first), -1)
    of_group = np.full(len(value), SHIPPED)
    of_group[first] = np.where(chosen.max(axis=1) > 0.5, chosen.argmax(axis=1), SHIPPED)
    queue[wanted] = of_group[group]
    prices = np.zeros(len(problem.reviews)) if solution.row_prices is None else solution.row_prices[len(first) :]
    hour = -prices * 60.0 / problem.minutes_per_review
    return Holds(queue, ship_all, ship_all + outcome.objective, ship_all + outcome.bound, np.maximum(hour, 0.0))


def _groups(problem: HoldProblem, wanted: Codes) -> tuple[Codes, FloatArray]:
    """Return the customer's number of each wanted order, and what reviewing each customer avoids."""
    names = problem.customer[wanted]
    alone = np.array([f"\n{n}" for n in wanted], object)
    group, kinds = pd.factorize(np.where(names == "", alone, names).astype(object))
    return group, np.bincount(group, problem.value[wanted], len(kinds)).astype(np.float64)


def hold_model(value: FloatArray, cost: FloatArray, reviews: FloatArray) -> SealedModel:
    """Give the model of customers with values and queues with costs and numbers of reviews."""
    model, groups, queues = Model(), np.arange(len(value)), np.arange(len(cost))
    g, k = (axis.ravel() for axis in np.indices((len(value), len(cost))))
    review = model.add_variables("review", {"customer": g, "queue": k}, cost[k] - value[g], Bounds(0.0, 1.0))
    ones = np.ones(review.count)
    model.add_rows("once", {"customer": groups}, Triplets(g, review.members, ones), -np.inf, 1.0)
    model.add_rows("time", {"queue": queues}, Triplets(k, review.members, ones), -np.inf, reviews)
    return model.seal()
