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
    lead: periods from order to sale, at least 1; on_hand: units before the first period, shape (N,)
    arrivals: units already on order, due in the periods from `begin` on, shape (N, lead)
    periods: periods rolled; last_order: the planner is asked in the first so many of them
    holding, shortage: money per unit left and per unit lost, shape (N,)
    """

    demand: FloatArray
    begin: int
    lead: int
    on_hand: FloatArray
    arrivals: FloatArray
    periods: int
    last_order: int
    holding: FloatArray
    shortage: FloatArray


@dataclass(frozen=True)
class Observed:
    """What is known at the start of a period, after its receipts and before its demand; nothing later.

    period: number of the period in the history; everything before it is known
    on_hand: units after receipts, shape (N,)
    arrivals: units still to come in the next periods, shape (N, lead - 1)
    """

    period: int
    on_hand: FloatArray
    arrivals: FloatArray


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

    A quantity ordered in period t can be sold from t + lead. Raises ValueError for a quantity that is negative or not
    finite.
    """
    if replay.begin + replay.periods > replay.demand.shape[1]:
        raise ValueError("the roll reaches past the end of the history")
    series = len(replay.demand)
    stock, pipeline = replay.on_hand.astype(float)[:, None], np.zeros((series, replay.lead + replay.periods))
    pipeline[:, : replay.arrivals.shape[1]] = replay.arrivals
    fields = {name: np.zeros((series, replay.periods)) for name in ("ordered", "sold", "lost", "closing", "cost")}
    for t in range(replay.periods):
        if t < replay.last_order:
            seen = Observed(replay.begin + t, stock[:, 0] + pipeline[:, t], pipeline[:, t + 1 : t + replay.lead].copy())
            quantity = np.asarray(planner(seen), dtype=np.float64)
            if not (np.isfinite(quantity).all() and (quantity >= 0).all()):
                raise ValueError(f"the planner ordered a quantity that is negative or not finite in period {t}")
            pipeline[:, t + replay.lead] += quantity
            fields["ordered"][:, t] = quantity
        flow = run_period(stock, pipeline[:, t, None], replay.demand[:, replay.begin + t])
        stock = flow.stock
        fields["sold"][:, t], fields["lost"][:, t], fields["closing"][:, t] = flow.sold, flow.short, flow.closing
        fields["cost"][:, t] = replay.holding * flow.closing + replay.shortage * flow.short
    return Rolled(**fields)
