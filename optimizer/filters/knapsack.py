r"""
Which doubtful orders wait for a review: the most expected loss avoided in the minutes of each queue.

Sets
    g customers with doubtful orders (one review looks at all of a customer's), k review queues
Parameters
    p_o, m_o        probability of fraud and money of order o; r share of the money lost when an honest order waits
    v_g             sum over the customer's orders of p_o m_o - (1 - p_o) r m_o
    c_k, R_k        what a review costs in queue k; reviews it has time for: floor(minutes a day / minutes a review)
    w_gq, n_q, rho  sum over the customer's orders of 1 - p_o in group of customers q; orders ahead of the group (n of
                    all); how many times the rate of all the rate of one group may be
Variables
    review[g,k]     x >= 0    whether customer g's orders are held for queue k
Model
    min  sum_gk (c_k - v_g) x_gk
    s.t. sum_k x_gk <= 1              (once)
         sum_g x_gk <= R_k            (time)
         sum_gk (w_gq / n_q - rho sum_q w_gq / n) x_gk <= 0      (ratio, on request)

Without `ratio` the rows are those of a transportation problem, whose vertices are whole (Hoffman and Kruskal 1956), so
the linear model is exact, and the price of a row of `time` is what one more review of that queue would avoid. With it,
x is asked to be whole, and the price of the limit is what the plan loses against the one without.
"""

from dataclasses import dataclass, replace

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
class Fairness:
    """How unequally honest orders of groups of customers may be expected to wait. Q groups.

    group: of each doubtful order, -1 for none, shape (N,); ahead: orders ahead of each group [n_q], shape (Q,)
    total: all orders ahead [n]; ratio: how many times the rate of all that of one group may be [rho]
    """

    group: Codes
    ahead: FloatArray
    total: float
    ratio: float


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
    fair: Fairness | None = None

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
    ratio_price: money that the limit of the ratio costs
    """

    queue: Codes
    ship_all: float
    objective: float
    bound: float
    hour_price: FloatArray
    ratio_price: float = 0.0


def choose_holds(problem: HoldProblem) -> Holds:
    """Return the holds that avoid the most expected loss; orders better shipped than held are not in question."""
    free = _chosen(replace(problem, fair=None))
    if problem.fair is None:
        return free
    limited = _chosen(problem)
    price = max(limited.objective - free.objective, 0.0)
    return replace(limited, ratio_price=price, hour_price=free.hour_price if price <= _EPSILON else limited.hour_price)


def _chosen(problem: HoldProblem) -> Holds:
    ship_all = float((problem.chance * problem.money).sum())
    queue = np.full(len(problem.chance), SHIPPED)
    wanted = np.flatnonzero(problem.value > 0)
    nothing = Holds(queue, ship_all, ship_all, ship_all, np.zeros(len(problem.reviews)))
    if not len(wanted) or not len(problem.reviews):
        return nothing
    group, value = _groups(problem, wanted)
    # No plan reviews more customers than there are reviews; a few more are kept to price the next hour.
    most = int(problem.reviews.sum() + problem.reviews.size + 1) if problem.fair is None else len(value)
    first = np.argsort(-value, kind="stable")[:most]
    unfair = None if problem.fair is None else _unfairness(problem, problem.fair, wanted, group)[:, first]
    outcome = solve(hold_model(value[first], problem.review_cost, problem.reviews, unfair))
    solution = outcome.required()
    chosen = solution.values.reshape(len(first), -1)
    of_group = np.full(len(value), SHIPPED)
    of_group[first] = np.where(chosen.max(axis=1) > 0.5, chosen.argmax(axis=1), SHIPPED)
    queue[wanted] = of_group[group]
    prices = np.zeros(len(problem.reviews))
    if solution.row_prices is not None and unfair is None:
        prices = solution.row_prices[len(first) :]
    hour = -prices * 60.0 / problem.minutes_per_review
    return Holds(queue, ship_all, ship_all + outcome.objective, ship_all + outcome.bound, np.maximum(hour, 0.0))


def _groups(problem: HoldProblem, wanted: Codes) -> tuple[Codes, FloatArray]:
    """Return the customer's number of each wanted order, and what reviewing each customer avoids."""
    names = problem.customer[wanted]
    alone = np.array([f"\n{n}" for n in wanted], object)
    group, kinds = pd.factorize(np.where(names == "", alone, names).astype(object))
    return group, np.bincount(group, problem.value[wanted], len(kinds)).astype(np.float64)


def _unfairness(problem: HoldProblem, fair: Fairness, wanted: Codes, customer: Codes) -> FloatArray:
    """Return what holding each customer adds to each row of `ratio`, shape (Q, customers)."""
    honest, count = 1.0 - problem.chance[wanted], int(customer.max()) + 1
    of_all = np.bincount(customer, honest, count) / max(fair.total, 1.0)
    rows = np.zeros((len(fair.ahead), count))
    mine = fair.group[wanted] >= 0
    np.add.at(rows, (fair.group[wanted][mine], customer[mine]), honest[mine])
    return np.asarray(rows / np.maximum(fair.ahead, 1.0)[:, None] - fair.ratio * of_all[None])


def hold_model(
    value: FloatArray, cost: FloatArray, reviews: FloatArray, unfair: FloatArray | None = None
) -> SealedModel:
    """Give the model of customers with values and queues with costs and numbers of reviews.

    unfair: coefficients of the rows `ratio`, shape (Q, customers); None: no such rows
    """
    model, groups, queues = Model(), np.arange(len(value)), np.arange(len(cost))
    g, k = (axis.ravel() for axis in np.indices((len(value), len(cost))))
    review = model.add_variables(
        "review", {"customer": g, "queue": k}, cost[k] - value[g], Bounds(0.0, 1.0, unfair is not None)
    )
    ones = np.ones(review.count)
    model.add_rows("once", {"customer": groups}, Triplets(g, review.members, ones), -np.inf, 1.0)
    model.add_rows("time", {"queue": queues}, Triplets(k, review.members, ones), -np.inf, reviews)
    if unfair is not None:
        row, column = (axis.ravel() for axis in np.indices((len(unfair), review.count)))
        entries = Triplets(row, review.members[column], unfair[row, g[column]])
        model.add_rows("ratio", {"group": np.arange(len(unfair))}, entries, -np.inf, 0.0)
    return model.seal()
