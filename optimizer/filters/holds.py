"""Which orders wait for a review today? The dearest expected losses, as far as there is time to look at them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from optimizer.filters.knapsack import SHIPPED, Fairness, HoldProblem, Holds, choose_holds
from optimizer.filters.screen import SUSPECTED, Judged
from optimizer.filters.verdict import DOUBTFUL
from optimizer.plan.exceptions import ExceptionRow
from scenarios.money import minor_digits, shown, to_minor
from scenarios.schema import declared
from scenarios.tariff import cost_rows
from scenarios.world import World
from solvers.outcome import relative_gap

_AHEAD = frozenset({"new", "promised"})
# Fraction of a unit below which nothing of an order is left.
_NOTHING = 1e-9


@dataclass(frozen=True)
class Decided:
    """The table `order_holds`, the proof of the decision, and what a person should know."""

    holds: pd.DataFrame
    proof: dict[str, Any]
    told: list[ExceptionRow]


def hold_orders(
    world: World, lines: pd.DataFrame, voided: np.ndarray[tuple[int], np.dtype[np.float64]], judged: Judged
) -> Decided:
    """
    Decide which orders wait, by ``knapsack``.

    lines: as `order_lines` returns them; voided: units taken back of each

    Orders are held whose deliveries are all still ahead. Two kinds need no review and no queue: known frauds, and
    orders of which nothing is left after cancellations. With calibrated probabilities every doubtful order is in
    question; with the unlabelled score only suspected ones, its figure being no probability.
    """
    orders = _orders_ahead(world, lines, voided, judged)
    certain = orders[(orders["score"] >= 1) | (orders["left"] <= _NOTHING)].assign(queue=None)
    least = DOUBTFUL if judged.calibrated else SUSPECTED
    doubtful = orders[(orders["score"] >= least) & (orders["score"] < 1) & (orders["left"] > _NOTHING)]
    doubtful = doubtful.sort_values("order_id", kind="stable").reset_index(drop=True)
    queues = world.frame("review_queues").dropna(subset=["minutes_per_day", "minutes_per_review"])
    problem = _problem(world, doubtful, queues, orders)
    chosen = choose_holds(problem)
    names = np.array([*queues["queue"], None], object)
    reviewed = doubtful.assign(queue=names[chosen.queue])[chosen.queue != SHIPPED]
    held = pd.concat([part for part in (certain, reviewed) if len(part)] or [certain], ignore_index=True)
    table = held.assign(
        probability=held["score"],
        money=cost_rows(held["money"].to_numpy(float), np.ones(len(held)), 10 ** minor_digits(world.policy.currency)),
    ).sort_values("order_id", kind="stable")
    holds = table[list(declared()["order_holds"].names)].reset_index(drop=True)
    told = [*_told(world, doubtful, problem, chosen), *_hours(world, queues, chosen)]
    return Decided(holds, _proof(world, chosen) if len(doubtful) else {}, told)


def _problem(world: World, doubtful: pd.DataFrame, queues: pd.DataFrame, orders: pd.DataFrame) -> HoldProblem:
    chance, money = doubtful["score"].to_numpy(float), doubtful["money"].to_numpy(float)
    capacity, each = (queues[name].to_numpy(float) for name in ("minutes_per_day", "minutes_per_review"))
    wage = np.nan_to_num(queues["cost_per_minute"].to_numpy(float))
    customer = np.array([name if isinstance(name, str) else "" for name in doubtful["customer_id"]], object)
    fair = _fairness(world, doubtful, orders)
    return HoldProblem(chance, money, customer, world.policy.wrong_hold_rate, capacity, each, wage, fair)


def _fairness(world: World, doubtful: pd.DataFrame, orders: pd.DataFrame) -> Fairness | None:
    """Return the limit of the policy on how unequally groups of customers wait; None without one, or without groups."""
    groups = world.frame("customers").dropna(subset=["group"]).set_index("customer_id")["group"]
    if world.policy.hold_ratio is None or groups.empty:
        return None
    names = orders["customer_id"].map(groups)
    ahead = names.value_counts().sort_index()
    code = np.asarray(pd.Index(ahead.index).get_indexer(pd.Index(doubtful["customer_id"].map(groups))), np.int64)
    return Fairness(code, np.asarray(ahead, np.float64), float(len(orders)), world.policy.hold_ratio)


def _proof(world: World, chosen: Holds) -> dict[str, Any]:
    return {
        "status": "optimal",
        "objective": chosen.objective,
        "bound": chosen.bound,
        "gap": relative_gap(chosen.objective, chosen.bound),
        "unit": world.policy.currency,
        "ship_all": chosen.ship_all,
        "covers": "expected loss by fraud of the doubtful orders, by waiting of the honest ones, and the reviews",
    }


def _hours(world: World, queues: pd.DataFrame, chosen: Holds) -> list[ExceptionRow]:
    """Say what one more hour of each queue that is full would be worth."""
    rows, currency = [], world.policy.currency
    for name, price in zip(queues["queue"], chosen.hour_price, strict=True):
        money = to_minor(float(price), currency)
        if money > 0:
            text = f"one more reviewer hour in {name} is worth {shown(money, currency)}"
            rows.append(ExceptionRow(f"review hour {name}", "review", text, {"price": round(float(price), 6)}, money))
    if (money := to_minor(chosen.ratio_price, currency)) > 0:
        text = f"that no group of customers waits {world.policy.hold_ratio:g} times as often as all costs "
        text += shown(money, currency)
        rows.append(ExceptionRow("hold ratio", "review", text, {"price": round(chosen.ratio_price, 6)}, money))
    return rows


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
        reason=judged.doubt[mine],
        customer_id=chosen["customer_id"],
    )
    orders = parts.groupby("order_id").agg(
        score=("score", "max"),
        left=("left", "sum"),
        money=("money", "sum"),
        reason=("reason", "max"),
        customer_id=("customer_id", "first"),
    )
    reason = np.where(orders["left"] <= _NOTHING, "cancelled: nothing of the order is left", orders["reason"])
    return orders.assign(reason=reason).reset_index()


def _told(world: World, doubtful: pd.DataFrame, problem: HoldProblem, chosen: Holds) -> list[ExceptionRow]:
    """Say which doubtful orders are shipped all the same, why, and what may be lost by it."""
    rows, currency = [], world.policy.currency
    queues = world.frame("review_queues")
    unusable = queues[queues[["minutes_per_day", "minutes_per_review"]].isna().any(axis=1)]["queue"]
    if len(unusable):
        text = f"queues {', '.join(unusable)} review nothing: minutes_per_day or minutes_per_review is empty"
        rows.append(ExceptionRow("review queues", "assumed", text, {}))
    usable = problem.reviews > 0
    least = float(problem.review_cost[usable].min()) if usable.any() else 0.0
    shipped, cheap = chosen.queue == SHIPPED, problem.value <= least
    reasons = {
        "review time": (
            ~cheap,
            "nobody has time to review them today" if len(queues) else "there are no review_queues",
        ),
        "review cost": (cheap, "a review costs more than what may be lost"),
    }
    expected = problem.chance * problem.money
    for subject, (mine, why) in reasons.items():
        at = np.flatnonzero(shipped & mine)
        if len(at):
            loss = to_minor(float(expected[at].sum()), currency)
            names = ", ".join(doubtful["order_id"].to_numpy(object)[at[np.argsort(-expected[at], kind="stable")][:3]])
            text = f"{len(at)} suspicious orders ({names}) are shipped: {why}; expected loss {shown(loss, currency)}"
            rows.append(ExceptionRow(subject, "fraud", text, {"orders": len(at)}, loss))
    return rows
