"""Which orders wait for a review today? The dearest expected losses, as far as there is time to look at them."""

import numpy as np
import pandas as pd

from optimizer.filters.screen import SUSPECTED, Judged
from optimizer.plan.exceptions import ExceptionRow
from scenarios.money import minor_digits, shown, to_minor
from scenarios.schema import declared
from scenarios.tariff import cost_rows
from scenarios.world import World, rows_of

_AHEAD = frozenset({"new", "promised"})
_EPSILON = 1e-9
# Fraction of a unit below which nothing of an order is left.
_NOTHING = 1e-9


def hold_orders(
    world: World, lines: pd.DataFrame, voided: np.ndarray[tuple[int], np.dtype[np.float64]], judged: Judged
) -> tuple[pd.DataFrame, list[ExceptionRow]]:
    r"""
    Return the table `order_holds` and what a person should know.

    lines: as `order_lines` returns them; voided: units taken back of each

    Orders are held whose deliveries are all still ahead. Two kinds need no review and no queue: known frauds, and
    orders of which nothing is left after cancellations. Suspected orders are held while a queue has minutes,

        max  sum_o (p_o m_o - c_o) x_o     p score, m money of the order, c minutes and wage of its review
        s.t. reviews in queue k <= minutes_per_day / minutes_per_review

    by taking the dearest expected losses p m first, each to the cheapest queue with time; an order whose review costs
    more than its expected loss is shipped.
    """
    orders = _orders_ahead(world, lines, voided, judged)
    certain = orders[(orders["score"] >= 1) | (orders["left"] <= _NOTHING)].assign(queue=None)
    doubtful = orders[(orders["score"] >= SUSPECTED) & (orders["score"] < 1) & (orders["left"] > _NOTHING)]
    places = _places(world)
    ranked = doubtful.assign(loss=doubtful["score"] * doubtful["money"])
    ranked = ranked.sort_values(["loss", "order_id"], ascending=[False, True], kind="stable").reset_index(drop=True)
    cost = places["cost"].reindex(ranked.index).to_numpy(float)
    worth = (ranked["loss"].to_numpy(float) > cost) | (
        ranked["loss"].to_numpy(float) >= np.nan_to_num(cost, nan=np.inf)
    )
    reviewed = ranked[worth].assign(queue=places["queue"].reindex(ranked.index)[worth])
    held = pd.concat([part for part in (certain, reviewed) if len(part)] or [certain], ignore_index=True)
    table = held.assign(
        probability=held["score"],
        money=cost_rows(held["money"].to_numpy(float), np.ones(len(held)), 10 ** minor_digits(world.policy.currency)),
    ).sort_values("order_id", kind="stable")
    told = _told(world, ranked, np.isnan(cost), ~worth & ~np.isnan(cost))
    return table[list(declared()["order_holds"].names)].reset_index(drop=True), told


def _orders_ahead(
    world: World, lines: pd.DataFrame, voided: np.ndarray[tuple[int], np.dtype[np.float64]], judged: Judged
) -> pd.DataFrame:
    """Return the orders whose deliveries are all ahead: score, money after cancellations, units left, reason."""
    deliveries = world.frame("deliveries")
    is_ahead = deliveries["state"].fillna("new").isin(_AHEAD)
    ahead = set(deliveries.loc[is_ahead, "order_id"].dropna()) - set(deliveries.loc[~is_ahead, "order_id"].dropna())
    mine = (lines["is_order"] & lines["order_id"].isin(ahead)).to_numpy(bool)
    chosen = lines[mine]
    units = chosen["units"].fillna(1.0).to_numpy(float)
    share = 1.0 - voided[mine] / units
    parts = chosen[["order_id"]].assign(
        score=judged.score[mine],
        left=units * share,
        money=np.maximum(np.nan_to_num(chosen["value"].to_numpy(float)), 0.0) * share,
        reason=judged.reason[mine],
    )
    orders = parts.groupby("order_id").agg(
        score=("score", "max"), left=("left", "sum"), money=("money", "sum"), reason=("reason", "max")
    )
    reason = np.where(orders["left"] <= _NOTHING, "cancelled: nothing of the order is left", orders["reason"])
    return orders.assign(reason=reason).reset_index()


def _places(world: World) -> pd.DataFrame:
    """Return a row for each review there is time for today, the cheapest first: its queue and what it costs."""
    rows = []
    for queue in rows_of(world.frame("review_queues")):
        minutes, each = float(queue.minutes_per_day), float(queue.minutes_per_review)
        count = 0 if np.isnan(minutes) or np.isnan(each) else int(minutes / each + _EPSILON)
        wage = float(queue.cost_per_minute)
        rows += [(queue.queue, 0.0 if np.isnan(wage * each) else wage * each)] * count
    places = pd.DataFrame(rows, columns=["queue", "cost"])
    return places.sort_values(["cost", "queue"], kind="stable").reset_index(drop=True)


def _told(
    world: World,
    ranked: pd.DataFrame,
    late: np.ndarray[tuple[int], np.dtype[np.bool_]],
    cheap: np.ndarray[tuple[int], np.dtype[np.bool_]],
) -> list[ExceptionRow]:
    rows, currency = [], world.policy.currency
    queues = world.frame("review_queues")
    unusable = queues[queues[["minutes_per_day", "minutes_per_review"]].isna().any(axis=1)]["queue"]
    if len(unusable):
        text = f"queues {', '.join(unusable)} review nothing: minutes_per_day or minutes_per_review is empty"
        rows.append(ExceptionRow("review queues", "assumed", text, {}))
    reasons = {
        "review time": (late, "nobody has time to review them today" if len(queues) else "there are no review_queues"),
        "review cost": (cheap, "a review costs more than what may be lost"),
    }
    for subject, (chosen, why) in reasons.items():
        if chosen.any():
            loss = to_minor(float(ranked["loss"][chosen].sum()), currency)
            names = ", ".join(ranked["order_id"][chosen][:3])
            text = (
                f"{chosen.sum()} suspicious orders ({names}) are shipped: {why}; expected loss {shown(loss, currency)}"
            )
            rows.append(ExceptionRow(subject, "fraud", text, {"orders": int(chosen.sum())}, loss))
    return rows
