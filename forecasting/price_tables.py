"""Prices as arrays: what was asked in the past, and the path of prices at which the future is forecast."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from forecasting.panel import Dates, Floats, Integers, Names, SalesWorld

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class PriceHistory:
    """
    Prices asked, and where a promotion ran; both of shape (series, period), prices NaN where none is known.

    Parameters
    ----------
    price : array
        Money per unit.
    promoted : array of bool
    """

    price: Floats
    promoted: Flags


def price_history(world: SalesWorld, item_id: Names, location_id: Names, dates: Dates) -> PriceHistory:
    """
    Return the prices in force on each date, shape (series, date).

    They come from the table ``prices``, else from what was paid (``sales.price``), else from the list price. Before
    its first known price a series has that one.
    """
    return PriceHistory(
        _in_force(world, (item_id, location_id), dates, "price"), _promoted(world, item_id, location_id, dates)
    )


def regular_prices(world: SalesWorld, item_id: Names, location_id: Names, dates: Dates) -> Floats:
    """Return the price without promotion or markdown on each date; NaN where no table names one."""
    return _in_force(world, (item_id, location_id), dates, "regular_price")


def reference_prices(world: SalesWorld, item_id: Names, location_id: Names, dates: Dates) -> Floats:
    """
    Return the price path at which a forecast is made: the last price of each series, and planned promotions.

    A last price that was set by a promotion gives way to the regular price when that promotion ends; a planned
    promotion with a discount asks that much less than the regular price.

    Parameters
    ----------
    item_id, location_id : array of str, shape (series,)
    dates : array of datetime64[D], shape (period,)
        From the plan date on.
    """
    price = _in_force(world, (item_id, location_id), dates, "price")
    # Where no table names a regular price, or a lower one, nothing is higher than what is asked.
    regular = np.fmax(regular_prices(world, item_id, location_id, dates), price)
    usable = regular > 0.0
    rows = _rows_of(world.table("promotions"), item_id, location_id)
    running = _promoted(world, item_id, location_id, dates)
    offered = _set_by_promotion(world, (item_id, location_id), rows, dates)
    price = np.where((price == offered[:, None]) & ~running & usable & (price < regular), regular, price)
    for row in rows[rows["discount"] > 0.0].itertuples():
        inside = (dates >= row.from_date) & (dates <= row.to_date) & usable[row.series]
        price[row.series, inside] = regular[row.series, inside] * (1.0 - row.discount)
    return np.round(price, 6)


def _in_force(world: SalesWorld, ids: tuple[Names, Names], dates: Dates, column: str) -> Floats:
    """
    Return the values of a column of ``prices`` in force on each date; see ``price_history`` for what stands in.

    A row that begins after the plan date's period says nothing of the days before it while another table does.
    """
    table = _rows_of(world.table("prices"), *ids, "valid_from", column)
    shape = (len(ids[0]), len(dates))
    result = _spread(table, shape, dates, world.plan_date)
    if column == "price":
        paid = _rows_of(world.table("sales"), *ids, "date", "price")
        bare = np.asarray(np.isnan(result).any(axis=1))
        paid = paid[bare[paid["series"].to_numpy()]]
        asked = _spread(paid, shape, dates, world.plan_date)
        result = np.where(np.isnan(result), asked, result)
    items = world.table("items")
    listed: Any = pd.Series(items["list_price"].to_numpy(), index=items["item_id"].cast(pa.string()).to_numpy())
    usual = listed[~listed.index.duplicated()].reindex(ids[0]).to_numpy(float)
    coming = np.full(shape[0], np.nan)
    first = table.sort_values("since", kind="stable").drop_duplicates("series")
    coming[first["series"].to_numpy(int)] = first["value"].to_numpy(float)
    usual = np.where(np.isnan(usual), coming, usual)
    return np.where(np.isnan(result), usual[:, None], result)


def _rows_of(table: pa.Table, item_id: Names, location_id: Names, since: str = "", value: str = "") -> Any:
    """Return the rows of a table that belong to the series, with their number; ``since`` and ``value`` renamed so."""
    names = ["item_id", "location_id", *([since, value] if since else ["from_date", "to_date", "discount"])]
    if value and table.num_rows:
        table = table.filter(table[value].is_valid())
    frame: Any = table.select(names).to_pandas(date_as_object=False)
    wanted = pd.MultiIndex.from_arrays([item_id, location_id])
    frame["series"] = wanted.get_indexer(pd.MultiIndex.from_frame(frame[["item_id", "location_id"]].astype(object)))
    frame = frame[frame["series"] >= 0]
    return frame.rename(columns={since: "since", value: "value"}) if since else frame


def _spread(rows: Any, shape: tuple[int, int], dates: Dates, today: date) -> Floats:
    """Return the value in force on each date; before the first one that has begun today, that one."""
    result = np.full(shape, np.nan)
    if rows.empty:
        return result
    rows = rows.sort_values(["series", "since"], kind="stable")
    series, column, value = rows["series"].to_numpy(), _columns(rows["since"], dates), rows["value"].to_numpy(float)
    inside = np.flatnonzero(column < shape[1])
    place = np.full(shape, -1, dtype=np.int64)
    # Rows are in the order of time, so the largest number is the latest.
    np.maximum.at(place, (series[inside], np.maximum(column[inside], 0)), inside)
    np.maximum.accumulate(place, axis=1, out=place)
    end = np.datetime64(today, "D") + np.timedelta64(_days_of(dates), "D")
    begun = inside[(rows["since"] < end).to_numpy()[inside]]
    first = np.full(shape[0], -1, dtype=np.int64)
    first[series[begun[::-1]]] = begun[::-1]
    place = np.where(place < 0, first[:, None], place)
    return np.asarray(np.where(place >= 0, value[np.maximum(place, 0)], np.nan))


def _columns(days: Any, dates: Dates) -> Integers:
    """Return the period each day lies in: -1 before the first, the number of periods after the last."""
    found = np.searchsorted(dates, days.to_numpy().astype("datetime64[D]"), side="right") - 1
    late = (days.to_numpy().astype("datetime64[D]") - dates[-1]).astype(np.int64) >= _days_of(dates)
    return np.asarray(np.where(late, len(dates), found), dtype=np.int64)


def _days_of(dates: Dates) -> int:
    """Return the days of a period."""
    return int((dates[1] - dates[0]).astype(np.int64)) if len(dates) > 1 else 1


def _promoted(world: SalesWorld, item_id: Names, location_id: Names, dates: Dates) -> Flags:
    """Return where a promotion runs, shape (series, date)."""
    rows = _rows_of(world.table("promotions"), item_id, location_id)
    rows = rows[rows["from_date"].notna() & rows["to_date"].notna()]
    change = np.zeros((len(item_id), len(dates) + 1))
    if len(rows):
        first = np.searchsorted(dates, rows["from_date"].to_numpy().astype("datetime64[D]"))
        last = np.searchsorted(dates, rows["to_date"].to_numpy().astype("datetime64[D]"), side="right")
        last = np.maximum(first, last)
        np.add.at(change, (rows["series"].to_numpy(), first), 1.0)
        np.add.at(change, (rows["series"].to_numpy(), last), -1.0)
    return np.asarray(change[:, :-1].cumsum(axis=1) > 0.5)


def _set_by_promotion(world: SalesWorld, ids: tuple[Names, Names], promotions: Any, dates: Dates) -> Floats:
    """Return each series' price of the first period where it was set while a promotion ran, else NaN."""
    prices = _rows_of(world.table("prices"), *ids, "valid_from", "price")
    begun = prices["since"] < dates[0] + np.timedelta64(_days_of(dates), "D")
    prices = prices[begun].sort_values(["series", "since"], kind="stable")
    last = prices.drop_duplicates("series", keep="last")[["series", "since", "value"]]
    joined = last.merge(promotions[["series", "from_date", "to_date"]], on="series")
    inside = joined[(joined["since"] >= joined["from_date"]) & (joined["since"] <= joined["to_date"])]
    price = np.full(len(ids[0]), np.nan)
    price[inside["series"].to_numpy()] = inside["value"].to_numpy(float)
    return price
