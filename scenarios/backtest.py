"""Rolls a planner over history: each period it sees what was known then, orders, and meets what really was wanted."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scenarios.flow import run_period

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Replay:
    """What a planner is rolled over. N series, T periods of the past, the roll begins in period `begin`.

    demand: units that were wanted, shape (N, T)
    lead: periods from order to sale, shape (N,)
    on_hand: units before the first period, shape (N,)
    arrivals: units already on order, due in the periods from `begin` on, shape (N, any)
    can_order: whether an order can be placed, by period of the roll, shape (N, periods)
    holding, shortage: money per unit left and per unit lost, shape (N,)
    """

    demand: FloatArray
    begin: int
    lead: npt.NDArray[np.int64]
    on_hand: FloatArray
    arrivals: FloatArray
    can_order: npt.NDArray[np.bool_]
    holding: FloatArray
    shortage: FloatArray

    @property
    def periods(self) -> int:
        """Periods rolled."""
        return int(self.can_order.shape[1])


@dataclass(frozen=True)
class Observed:
    """What is known at the start of a period, after its receipts and before its demand; nothing later.

    period: number of the period in the history; everything before it is known
    on_hand: units after receipts, shape (N,)
    arrivals: units still to come in the next periods, shape (N, longest lead)
    can_order: whether an order can be placed now, shape (N,)
    """

    period: int
    on_hand: FloatArray
    arrivals: FloatArray
    can_order: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Rolled:
    """The course of a roll, shape (N, periods): units ordered, sold, lost, left; and its cost in money."""

    ordered: FloatArray
    sold: FloatArray
    lost: FloatArray
    closing: FloatArray
    cost: FloatArray


Planner = Callable[[Observed], FloatArray]


def roll(replay: Replay, planner: Planner) -> Rolled:
    """Return what `planner` does and what comes of it; demand not served is lost.

    A quantity ordered in period t can be sold from t + lead. What is ordered where no order can be placed is ignored.
    Raises ValueError for a quantity that is negative or not finite, or a roll past the end of the history.
    """
    if replay.begin + replay.periods > replay.demand.shape[1]:
        raise ValueError("the roll reaches past the end of the history")
    series, longest = len(replay.demand), max(int(replay.lead.max(initial=0)), 1)
    stock, rows = replay.on_hand.astype(float)[:, None], np.arange(series)
    pipeline = np.zeros((series, max(replay.periods + longest, replay.arrivals.shape[1]) + 1))
    pipeline[:, : replay.arrivals.shape[1]] = replay.arrivals
    fields = {name: np.zeros((series, replay.periods)) for name in ("ordered", "sold", "lost", "closing", "cost")}
    for t in range(replay.periods):
        allowed = replay.can_order[:, t]
        coming = pipeline[:, t + 1 : t + 1 + longest].copy()
        quantity = _asked(planner, Observed(replay.begin + t, stock[:, 0] + pipeline[:, t], coming, allowed.copy()))
        fields["ordered"][:, t] = np.where(allowed, quantity, 0.0)
        np.add.at(pipeline, (rows, t + replay.lead), fields["ordered"][:, t])
        flow = run_period(stock, pipeline[:, t, None], replay.demand[:, replay.begin + t])
        stock = flow.stock
        fields["sold"][:, t], fields["lost"][:, t], fields["closing"][:, t] = flow.sold, flow.short, flow.closing
        fields["cost"][:, t] = replay.holding * flow.closing + replay.shortage * flow.short
    return Rolled(**fields)


def _asked(planner: Planner, seen: Observed) -> FloatArray:
    quantity = np.asarray(planner(seen), dtype=np.float64)
    if not (np.isfinite(quantity).all() and (quantity >= 0).all()):
        raise ValueError(f"the planner ordered a quantity that is negative or not finite in period {seen.period}")
    return quantity
