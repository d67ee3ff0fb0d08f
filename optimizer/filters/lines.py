"""Customer order lines as the filters read them: in time order, with the period, the money and what each row is."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.plan.exceptions import ExceptionRow
from scenarios.tariff import currency_rates
from scenarios.world import World


def order_lines(world: World) -> tuple[pd.DataFrame, list[ExceptionRow]]:
    """Return the customer order lines before the plan date, and what had to be assumed about them.

    Rows are sorted by time; at the same instant orders come before cancellations, then by order_id and line. Columns of
    `transactions`, and

    is_order: the row asks for goods (units above 0, or only an amount of money); neither of the two: says nothing
    is_cancelling: the row takes back (units below 0, or an order named in cancels_order_id)
    step: unit_step of the item, 1 without an item
    order: number of its order, counted from 0
    period: first day of the period the row's sales are booked in, datetime64[D], NaT without a time
    price, value: money per unit and of the row, in the policy's currency, NaN where nothing tells

    Instants are taken as they are recorded; the period is that of their date.
    """
    lines = world.frame("transactions")
    lines["ordered_at"] = pd.to_datetime(lines["ordered_at"])
    for name in ("units", "unit_price", "amount", "cancels_line"):
        lines[name] = lines[name].astype(float)
    later = (lines["ordered_at"] >= pd.Timestamp(world.plan_date)).to_numpy(bool)
    lines = lines[~later]
    lines, unpriced = _with_money(world, lines)
    named = lines["cancels_order_id"].notna().to_numpy(bool)
    units, value = lines["units"].to_numpy(float), lines["value"].to_numpy(float)
    cancelling = (units < 0) | named
    asks = (units > 0) | (np.isnan(units) & (value > 0))
    lines = lines.assign(is_cancelling=cancelling, is_order=asks & ~cancelling, period=_periods(world, lines))
    lines = lines.assign(step=unit_steps(world, lines["item_id"].tolist()))
    by = ["ordered_at", "is_cancelling", "order_id", "line"]
    lines = lines.sort_values(by, kind="stable").reset_index(drop=True)
    lines = lines.assign(order=pd.factorize(lines["order_id"])[0])
    return lines, _told(lines, int(later.sum()), unpriced)


def unit_steps(world: World, items: Sequence[object]) -> npt.NDArray[np.float64]:
    """Return the unit step of each item, 1 for one that is not listed."""
    steps = world.frame("items").set_index("item_id")["unit_step"].astype(float)
    return np.asarray(steps.reindex(pd.Index(items)).fillna(1.0), np.float64)


def _periods(world: World, lines: pd.DataFrame) -> npt.NDArray[np.datetime64]:
    day = lines["ordered_at"].to_numpy().astype("datetime64[D]")
    # numpy's weeks begin on a Thursday, 1970-01-01; ours on the Monday before it.
    week = day - (day.astype(np.int64) + 3) % 7 if world.periods.days == 7 else day
    return np.where(np.isnat(day), np.datetime64("NaT", "D"), week)


def _with_money(world: World, lines: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the lines with price and value, and the currencies taken one to one because no rate is known."""
    codes, kinds = pd.factorize(lines["currency"].fillna(""), sort=True)
    rates = currency_rates(world, list(kinds))
    unknown = [str(kind) for kind, rate in zip(kinds, rates, strict=True) if np.isnan(rate)]
    rate = np.nan_to_num(rates, nan=1.0)[codes] if len(kinds) else np.ones(len(lines))
    units, amount = lines["units"].to_numpy(float), lines["amount"].to_numpy(float)
    has_units = ~np.isnan(units) & (units != 0)
    implied = np.divide(amount, units, out=np.full(len(lines), np.nan), where=has_units)
    price = _first(lines["unit_price"].to_numpy(float) * rate, implied * rate, _list_prices(world, lines))
    return lines.assign(price=price, value=_first(amount * rate, units * price)), unknown


def _list_prices(world: World, lines: pd.DataFrame) -> npt.NDArray[np.float64]:
    items = world.frame("items").set_index("item_id")
    price = items["list_price"].astype(float) * currency_rates(world, items["currency"].tolist())
    return np.asarray(price.reindex(lines["item_id"]), np.float64)


def _first(*choices: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return, place by place, the first choice that is a number."""
    found = choices[0]
    for choice in choices[1:]:
        found = np.where(np.isnan(found), choice, found)
    return found


def _told(lines: pd.DataFrame, later: int, unpriced: list[str]) -> list[ExceptionRow]:
    rows = []
    if later:
        text = f"{later:,} order lines are dated on or after the plan date and not looked at"
        rows.append(ExceptionRow("order lines later", "note", text, {"lines": later}))
    if timeless := int(lines["ordered_at"].isna().sum()):
        text = (
            f"{timeless:,} order lines have no time: they are in no period's sales, and only a named order cancels them"
        )
        rows.append(ExceptionRow("order lines without time", "note", text, {"lines": timeless}))
    if unpriced:
        text = f"orders in {', '.join(unpriced)} are counted one to one: exchange_rates gives no rate"
        rows.append(ExceptionRow("order currencies", "assumed", text, {}))
    return rows
