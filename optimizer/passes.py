"""Orders and routes agree: what no vehicle carries today goes back to the orders, for a stated number of passes."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import pandas as pd

from optimizer.plan.exceptions import ExceptionRow
from optimizer.reorder.stage import OrdersOfTheDay, Shipping
from optimizer.routing.stage import RoutesOfTheDay
from scenarios.money import minor_digits
from scenarios.world import rows_of

PlanOrders = Callable[[Shipping], OrdersOfTheDay]
PlanRoutes = Callable[[pd.DataFrame], RoutesOfTheDay]


@dataclass(frozen=True)
class Agreed:
    """Orders whose transfers of today are what vehicles carry, and the routes that carry them.

    passes: how often orders were decided
    exceptions: one row a transfer that was wanted and finds no vehicle today, and what all of them cost in expectation
    """

    orders: OrdersOfTheDay
    routes: RoutesOfTheDay
    passes: int
    exceptions: list[ExceptionRow]


def orders_and_routes(plan_orders: PlanOrders, plan_routes: PlanRoutes, passes: int) -> Agreed:
    """Return orders and routes that agree.

    Each pass decides the orders, then the routes; a transfer that no vehicle carries is held back and the orders are
    decided again without it, so that the goods may go elsewhere. What the routes of the last pass leave is held back
    too; then the other transfers stay as routed, and only purchases are decided once more. Locked transfers stay: they
    are promised, and stand among the unserved.
    """
    shipping, left = Shipping(), list[ExceptionRow]()
    orders = wished = plan_orders(shipping)
    for number in range(1, passes + 1):
        if left:
            orders = plan_orders(shipping)
        moves = orders.tables["transfers"]
        routes = plan_routes(moves)
        short = _short(moves, routes, orders.locked)
        if short.empty:
            return Agreed(_counted(orders, number, len(left)), routes, number, _said(wished, orders, left))
        left += _left_behind(short)
        shipping = replace(shipping, held_back=shipping.held_back | set(_keys(short)))
    carried = moves[(moves["status"] == "proposed") & ~moves["line_id"].isin(short["line_id"])]
    last = plan_orders(replace(shipping, carried=dict(zip(_keys(carried), carried["quantity"], strict=True))))
    last = _counted(_with_reasons_of(orders, last, set(carried["line_id"])), passes + 1, len(left))
    return Agreed(last, _without(routes, set(short["line_id"])), passes + 1, _said(wished, last, left))


def _short(moves: pd.DataFrame, routes: RoutesOfTheDay, locked: Collection[str]) -> pd.DataFrame:
    """Return today's transfers that found no vehicle, with the cause; those locked stay as they are."""
    cause = dict(zip(routes.shortfall["line_id"], routes.shortfall["cause"], strict=True))
    short = moves[moves["line_id"].isin(cause.keys()) & ~moves["line_id"].isin(locked)]
    return short.assign(cause=[cause[line] for line in short["line_id"]])


def _keys(moves: pd.DataFrame) -> list[tuple[str, str, str]]:
    return list(zip(moves["item_id"], moves["from_location"], moves["to_location"], strict=True))


def _left_behind(short: pd.DataFrame) -> list[ExceptionRow]:
    rows = []
    for row in rows_of(short):
        what = f"{row.quantity:g} of {row.item_id} from {row.from_location} to {row.to_location}"
        text = f"{what} were wanted today and stay, no vehicle brings them: {row.cause}"
        numbers = {"quantity": round(float(row.quantity), 6)}
        rows.append(ExceptionRow(f"shortfall {row.line_id}", "shortfall", text, numbers))
    return rows


def _said(wished: OrdersOfTheDay, agreed: OrdersOfTheDay, left: list[ExceptionRow]) -> list[ExceptionRow]:
    """Put what all that stays costs before the single lines: the planning model's cost with, less that without them."""
    if not left:
        return []
    extra = max(agreed.proof["objective"] - wished.proof["objective"], 0.0)
    text = (
        f"{len(left)} transfers wanted today stay, as no vehicle brings them: expected cost rises by {extra:,.2f}"
        f" {agreed.proof['unit']}"
    )
    money = round(extra * 10 ** minor_digits(agreed.proof["unit"]))
    return [ExceptionRow("shortfall", "shortfall", text, {"transfers": len(left)}, money), *left]


def _counted(orders: OrdersOfTheDay, passes: int, held_back: int) -> OrdersOfTheDay:
    return replace(orders, proof={**orders.proof, "passes": passes, "transfers_held_back": held_back})


def _with_reasons_of(earlier: OrdersOfTheDay, last: OrdersOfTheDay, lines: Collection[str]) -> OrdersOfTheDay:
    """Return the last orders; the lines that stayed as they were keep the reasons for which they were chosen."""
    moves, explained = last.tables["transfers"], last.tables["explanations"]
    reason = earlier.tables["transfers"].set_index("line_id")["reason"]
    stays = moves["line_id"].isin(lines)
    moves = moves.assign(reason=moves["reason"].where(~stays, moves["line_id"].map(reason)))
    before = earlier.tables["explanations"]
    parts = [explained[~explained["line_id"].isin(lines)], before[before["line_id"].isin(lines)]]
    words = pd.concat(parts, ignore_index=True)
    return replace(last, tables={**last.tables, "transfers": moves, "explanations": words})


def _without(routes: RoutesOfTheDay, lines: Collection[str]) -> RoutesOfTheDay:
    """Return the routes without the unserved stops that nothing is brought to any more."""
    short = routes.shortfall
    kept = short[~short["line_id"].isin(lines)]
    emptied = set(short["stop_id"]) - set(kept["stop_id"])
    unserved = routes.tables["unserved"]
    unserved = unserved[~unserved["stop_id"].isin(emptied)].reset_index(drop=True)
    return replace(routes, tables={**routes.tables, "unserved": unserved}, shortfall=kept)
