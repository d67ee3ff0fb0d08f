"""History as dense arrays: one row per series, one column per period."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from forecasting.succession import with_predecessors

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Dates = npt.NDArray[np.datetime64]
Names = npt.NDArray[np.object_]
Period = Literal["day", "week"]


class SalesWorld(Protocol):
    """What the forecast reads of a world: its calendar step, its plan date and its tables."""

    @property
    def period(self) -> str:
        """``day`` or ``week``."""

    @property
    def plan_date(self) -> datetime.date:
        """First period to be planned."""

    def table(self, name: str) -> pa.Table:
        """Return a checked table, sorted by its key."""


@dataclass(frozen=True)
class Panel:
    """
    Recorded sales of every series up to the period before the plan date.

    Parameters
    ----------
    item_id, location_id : array of str, shape (series,)
        Sorted by the text of item, then location.
    unit_step : array, shape (series,)
        Smallest quantity that can be sold, in units.
    units : array, shape (series, period)
        Units sold; NaN before a series was first seen.
    in_stock_share : array, shape (series, period)
        Share of the period in stock, 0 to 1; below 1 the units are a lower bound of the demand.
    dates : array of datetime64[D], shape (period,)
        Consecutive days, or the Mondays of consecutive weeks.
    period : {"day", "week"}

    Raises
    ------
    ValueError
        If the shapes do not agree.
    """

    item_id: Names
    location_id: Names
    unit_step: Floats
    units: Floats
    in_stock_share: Floats
    dates: Dates
    period: Period

    def __post_init__(self) -> None:
        series, periods = self.units.shape
        if self.in_stock_share.shape != (series, periods) or self.dates.shape != (periods,):
            raise ValueError(f"panel of {series} series and {periods} periods: in_stock_share or dates differ in shape")
        if not self.item_id.shape == self.location_id.shape == self.unit_step.shape == (series,):
            raise ValueError(f"panel of {series} series: item_id, location_id or unit_step differ in length")

    @property
    def series(self) -> int:
        """Number of series."""
        return int(self.units.shape[0])

    @property
    def period_days(self) -> int:
        """Days in one period."""
        return 7 if self.period == "week" else 1

    def rows(self, chosen: slice | Integers) -> Panel:
        """Return the panel of some series, in the order given."""
        return Panel(
            self.item_id[chosen],
            self.location_id[chosen],
            self.unit_step[chosen],
            self.units[chosen],
            self.in_stock_share[chosen],
            self.dates,
            self.period,
        )

    def until(self, periods: int) -> Panel:
        """Return the panel as it was known after its first ``periods`` periods."""
        units, share = self.units[:, :periods], self.in_stock_share[:, :periods]
        return Panel(self.item_id, self.location_id, self.unit_step, units, share, self.dates[:periods], self.period)

    def latest(self, periods: int) -> Panel:
        """Return the panel of its last ``periods`` periods."""
        units, share = self.units[:, -periods:], self.in_stock_share[:, -periods:]
        return Panel(self.item_id, self.location_id, self.unit_step, units, share, self.dates[-periods:], self.period)

    def future_dates(self, horizon: int) -> Dates:
        """Return the ``horizon`` periods that follow the panel."""
        return np.asarray(self.dates[-1] + np.arange(1, horizon + 1) * np.timedelta64(self.period_days, "D"))


def panel_from_world(world: SalesWorld, pairs: pa.Table) -> Panel:
    """
    Build the panel of the listed pairs from all sales dated before the plan date.

    A missing row between a series' first row and the plan date is a period in stock without a sale. A listed pair
    without any row is a series of NaN. An item that replaces another takes over its history, see ``succession``.

    Parameters
    ----------
    world : SalesWorld
        Tables ``sales`` and ``items``.
    pairs : pyarrow.Table
        Columns ``item_id`` and ``location_id``; all are kept, sales of other pairs are left out.

    Raises
    ------
    KeyError
        If a pair's item is not in ``items``.
    """
    sales = with_predecessors(_before(world.table("sales"), world.plan_date), world.table("items"))
    item_names, item_codes = _sorted_codes(pairs["item_id"])
    place_names, place_codes = _sorted_codes(pairs["location_id"])
    listed = np.unique(item_codes * len(place_names) + place_codes)
    row_of = np.full(max(1, len(item_names) * len(place_names)), -1, dtype=np.int64)
    row_of[listed] = np.arange(len(listed))
    sale_item = _recode(sales["item_id"], item_names)
    sale_place = _recode(sales["location_id"], place_names)
    known = (sale_item >= 0) & (sale_place >= 0)
    row = np.where(known, row_of[np.where(known, sale_item * len(place_names) + sale_place, 0)], -1)
    items, places = item_names[listed // len(place_names)], place_names[listed % len(place_names)]
    dates = _periods(sales, world)
    units, share = _scatter(sales, row, (len(listed), dates))
    step, period = _unit_steps(world.table("items"), items), world.period
    return Panel(items, places, step, units, share, dates, "week" if period == "week" else "day")


def _before(sales: pa.Table, plan_date: datetime.date) -> pa.Table:
    """Return the sales rows of periods before the plan date."""
    return sales.filter(pc.less(sales["date"], pa.scalar(plan_date, pa.date32())))


def _days(column: Any) -> Integers:
    """Return dates as days since 1970."""
    return np.asarray(column.cast(pa.int32()).to_numpy(), dtype=np.int64)


def _periods(sales: pa.Table, world: SalesWorld) -> Dates:
    """Return the periods from the first sale to the one before the plan date; at least one."""
    step = 7 if world.period == "week" else 1
    end = int(np.datetime64(world.plan_date, "D").astype(np.int64))
    first = int(_days(sales["date"]).min()) if sales.num_rows else end - step
    count = max(1, -(-(end - first) // step))
    return (end - step * np.arange(count, 0, -1)).astype("datetime64[D]")


def _sorted_codes(column: Any) -> tuple[Names, Integers]:
    """Return the distinct texts in order, and each row's place among them."""
    encoded = _encoded(column)
    texts = np.array(encoded.dictionary.to_pylist(), dtype=object)
    names, place = np.unique(texts, return_inverse=True) if len(texts) else (texts, np.zeros(0, dtype=np.int64))
    codes = np.asarray(encoded.indices.to_numpy(zero_copy_only=False), dtype=np.int64)
    used = np.unique(place[codes])
    shorter = np.full(len(names), -1, dtype=np.int64)
    shorter[used] = np.arange(len(used))
    return names[used], shorter[place[codes]]


def _encoded(column: Any) -> Any:
    """Return a column as one dictionary array."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], whole.type)
    return whole if pa.types.is_dictionary(whole.type) else whole.cast(pa.string()).dictionary_encode()


def _recode(column: Any, names: Names) -> Integers:
    """Return each row's place among ``names``, -1 where it is none of them."""
    encoded = _encoded(column)
    if not len(encoded) or not len(names):
        return np.full(len(encoded), -1, dtype=np.int64)
    texts = np.array(encoded.dictionary.to_pylist(), dtype=object)
    place = np.minimum(np.searchsorted(names, texts), len(names) - 1)
    place = np.where(names[place] == texts, place, -1)
    return np.asarray(place[encoded.indices.to_numpy(zero_copy_only=False)], dtype=np.int64)


def _scatter(sales: pa.Table, row: Integers, shape: tuple[int, Dates]) -> tuple[Floats, Floats]:
    """Lay the sales rows into (series, period) arrays of units and share in stock."""
    series, dates = shape
    step = int((dates[1] - dates[0]).astype(np.int64)) if len(dates) > 1 else 7
    column = (_days(sales["date"]) - int(dates[0].astype(np.int64))) // step
    kept = row >= 0
    row, column = row[kept], column[kept]
    first = np.full(series, len(dates), dtype=np.int64)
    np.minimum.at(first, row, column)
    units = np.where(np.arange(len(dates)) < first[:, None], np.nan, 0.0)
    share = np.ones((series, len(dates)))
    units[row, column] = sales["units"].to_numpy()[kept]
    share[row, column] = np.nan_to_num(sales["in_stock_share"].to_numpy()[kept], nan=1.0)
    return units, share


def _unit_steps(items: pa.Table, wanted: Names) -> Floats:
    """Return the unit step of every series."""
    names, codes = _sorted_codes(items["item_id"])
    place = np.searchsorted(names, wanted)
    unknown = [name for name, at in zip(wanted, place, strict=True) if at == len(names) or names[at] != name]
    if unknown:
        raise KeyError(f"items has no row for {unknown[0]!r} ({len(unknown)} series)")
    steps = np.ones(len(names))
    steps[codes] = np.nan_to_num(items["unit_step"].to_numpy(), nan=1.0)
    return steps[place]


def categories_of(world: SalesWorld, item_id: Names) -> Names:
    """Return the category of each of the items, shape (series,), empty where it has none."""
    items: Any = world.table("items").select(["item_id", "category"]).to_pandas().astype(object)
    known = pd.Series(items["category"].fillna("").to_numpy(object), index=items["item_id"].to_numpy(object))
    return known[~known.index.duplicated()].reindex(item_id).fillna("").to_numpy(dtype=object)
