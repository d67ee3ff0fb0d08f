"""The filters of a day: what the other rooms may believe, what is held back, who belongs together."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.filters.cancellations import match_cancellations
from optimizer.filters.history import clean_history
from optimizer.filters.screen import Screened, screen_lines
from optimizer.filters.segments import customer_segments, item_segments, moves
from optimizer.plan.exceptions import ExceptionRow
from scenarios.money import minor_digits
from scenarios.schema import declared
from scenarios.world import World

# An order at least this suspicious may be held.
HOLD_FROM = 0.5


@dataclass(frozen=True)
class Believed:
    """The world to plan with, the tables of the filters, orders not to ship, and what a person should look at."""

    world: World
    tables: dict[str, pd.DataFrame]
    held_orders: frozenset[str]
    exceptions: list[ExceptionRow]


def screen_world(world: World, before: pd.DataFrame | None) -> Believed:
    """Screen the orders of a world and group its members.

    before: the table `segments` of the plan before, None without one

    Sales lose what was cancelled, false or bulk; suspicious orders whose delivery is still ahead are held as far as
    there is time to review them. Without transactions only items are grouped.
    """
    lines = world.frame("transactions").sort_values(["ordered_at", "order_id", "line"], kind="stable")
    lines = lines.reset_index(drop=True)
    matched = match_cancellations(lines)
    found = screen_lines(world, lines)
    clean = clean_history(world, lines, matched.voided, found)
    holds, exceptions = _holds(world, lines, found)
    known = {} if before is None else dict(zip(before["member_id"], before["segment"], strict=True))
    groups = pd.concat([item_segments(clean.world, known), customer_segments(world, lines)], ignore_index=True)
    tables = {
        "order_holds": holds,
        "excluded_rows": clean.excluded,
        "segments": groups,
        "segment_moves": moves(groups, before),
    }
    exceptions += _told(clean.excluded, matched.unmatched, lines)
    return Believed(clean.world, tables, frozenset(holds["order_id"]), exceptions)


def _holds(world: World, lines: pd.DataFrame, found: Screened) -> tuple[pd.DataFrame, list[ExceptionRow]]:
    """Return the orders to hold, dearest expected loss first, as many as the queues have time for today."""
    columns = list(declared()["order_holds"].names)
    deliveries = world.frame("deliveries")
    ahead = set(deliveries.loc[deliveries["state"].isin(["new", "promised"]), "order_id"].dropna())
    orders = _orders(lines[["order_id"]].assign(score=found.score, reason=found.reason, money=_amounts(lines)))
    orders = orders[(orders["score"] >= HOLD_FROM) & orders["order_id"].isin(ahead)]
    if orders.empty:
        return pd.DataFrame(columns=columns), []
    queues = world.frame("review_queues").sort_values("queue")
    room = (queues["minutes_per_day"].astype(float) // queues["minutes_per_review"].astype(float)).fillna(0).astype(int)
    places = [name for name, count in zip(queues["queue"], room, strict=True) for _ in range(count)]
    ranked = orders.assign(loss=orders["score"] * orders["money"]).sort_values(
        ["loss", "order_id"], ascending=[False, True], kind="stable"
    )
    minor = 10 ** minor_digits(world.policy.currency)
    held = ranked.head(len(places)).assign(queue=places[: len(ranked)])
    held = held.assign(probability=held["score"], money=np.rint(held["money"] * minor).astype(np.int64))
    exceptions = []
    if len(ranked) > len(places):
        missed = float(ranked["loss"].iloc[len(places) :].sum())
        text = f"{len(ranked) - len(places)} suspicious orders are shipped: there is no time to review them today"
        exceptions.append(ExceptionRow("review time", "fraud", text, {}, round(missed * minor)))
    return held[columns], exceptions


def _amounts(lines: pd.DataFrame) -> npt.NDArray[np.float64]:
    own = lines["amount"].astype(float).to_numpy()
    price = lines["units"].astype(float) * lines["unit_price"].astype(float).fillna(0.0)
    return np.where(np.isnan(own), price.to_numpy(), own)


def _orders(lines: pd.DataFrame) -> pd.DataFrame:
    """Return one row an order: its worst line's score and reason, its money."""
    worst = lines.sort_values("score", ascending=False, kind="stable").drop_duplicates("order_id")
    money = lines.groupby("order_id")["money"].sum()
    return worst.assign(money=worst["order_id"].map(money)).sort_values("order_id", kind="stable")


def _told(excluded: pd.DataFrame, unmatched: npt.NDArray[np.float64], lines: pd.DataFrame) -> list[ExceptionRow]:
    rows = []
    kinds = excluded["reason"].str.split(":").str[0] if len(excluded) else pd.Series(dtype=object)
    for kind, part in excluded.groupby(kinds):
        units = float((part["units"] - part["kept"]).sum())
        text = f"{len(part)} order lines ({kind}) are taken out of the demand history: {units:,.1f} units"
        rows.append(
            ExceptionRow(f"history {kind}", "history", text, {"units": round(units, 6)}, int(part["money"].sum()))
        )
    if count := int((unmatched > 0).sum()):
        text = f"{count} cancellations match no earlier order: {unmatched.sum():,.1f} units stay in the history"
        rows.append(ExceptionRow("cancellations", "history", text, {"units": round(float(unmatched.sum()), 6)}))
    if len(set(lines["currency"].dropna())) > 1:
        rows.append(
            ExceptionRow("currencies", "note", "orders are in several currencies; money is added as it stands", {})
        )
    return rows
