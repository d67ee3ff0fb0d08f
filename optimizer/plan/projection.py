"""Stock to come when the listed orders arrive as planned: the screen a supply planner lives in."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from scenarios.periods import Periods
from scenarios.simulate import Course, Stock, simulate

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
_KEYS = ["item_id", "location_id"]
# Series simulated at a time: bounds memory, does not change a figure.
_CHUNK = 2_000


@dataclass(frozen=True)
class Projection:
    """Means over the demand paths for N pairs and T periods, in units; names as in the table `projection`.

    path_cost: money of holding, shortage and waste on each path, shape (N, S); zero without rates
    """

    opening: FloatArray
    receipts: FloatArray
    demand_mean: FloatArray
    demand_p10: FloatArray
    demand_p90: FloatArray
    closing_mean: FloatArray
    lost_mean: FloatArray
    expired_mean: FloatArray
    shipped: FloatArray
    out_of_stock_probability: FloatArray
    path_cost: FloatArray


@dataclass(frozen=True)
class Rates:
    """Money per unit held at a count, lost or owed, and expired, each of shape (N,)."""

    holding: FloatArray
    shortage: FloatArray
    waste: FloatArray


@dataclass(frozen=True)
class DemandUnits:
    """Demand paths in steps, shape (N, S, T), with units per step, shape (N,), and path weights, shape (S,)."""

    steps: npt.NDArray[np.integer]
    unit_step: FloatArray
    weights: FloatArray


def shipped_units(pairs: pd.DataFrame, transfers: pd.DataFrame, dates: npt.NDArray[np.datetime64]) -> FloatArray:
    """Return what lines of `transfers` take from each pair, by period, units, shape (N, T)."""
    shipped = np.zeros((len(pairs), len(dates)))
    keys = transfers[["item_id", "from_location"]].set_axis(_KEYS, axis=1)
    row = pd.MultiIndex.from_frame(pairs[_KEYS]).get_indexer(pd.MultiIndex.from_frame(keys))
    column, inside = periods_of(transfers["ship_on"], dates)
    inside &= row >= 0
    np.add.at(shipped, (row[inside], column[inside]), transfers["quantity"].to_numpy(float)[inside])
    return shipped


def periods_of(days: "pd.Series[Any]", dates: npt.NDArray[np.datetime64]) -> tuple[IntArray, npt.NDArray[np.bool_]]:
    """Return the period in which each day lies, and whether the projection sees it: not past its last period."""
    asked = pd.to_datetime(days).to_numpy().astype("datetime64[D]")
    column = np.searchsorted(dates, asked, side="right") - 1
    end = dates[-1] + (dates[1] - dates[0] if len(dates) > 1 else np.timedelta64(1, "D"))
    return column.astype(np.int64), (column >= 0) & (asked < end)


def project(stock: Stock, demand: DemandUnits, shipped: FloatArray, rates: Rates | None = None) -> Projection:
    """Return the mean course of stock over the paths when each pair ships `shipped` units by period, shape (N, T).

    What a dc ships leaves before its own demand is served; `lost_mean` counts both where they cannot be.
    """
    parts = []
    for begin in range(0, len(stock.on_hand), _CHUNK):
        rows = slice(begin, begin + _CHUNK)
        parts.append(_project_chunk(stock, demand, shipped[rows], (rates, rows)))
    fields = Projection.__dataclass_fields__
    return Projection(**{name: np.concatenate([part[name] for part in parts]) for name in fields})


def _project_chunk(
    stock: Stock, demand: DemandUnits, shipped: FloatArray, part: tuple[Rates | None, slice]
) -> dict[str, FloatArray]:
    rates, rows = part
    units = demand.steps[rows] * demand.unit_step[rows, None, None]
    receipts = stock.receipts[rows]
    owed = None if stock.owed is None else stock.owed[rows]
    course = simulate(Stock(stock.on_hand[rows], receipts, owed), units + shipped[:, None, :])
    weights = demand.weights
    quantiles = (
        np.quantile(
            units,
            [0.1, 0.9],
            axis=1,
            method="inverted_cdf",
            weights=np.broadcast_to(weights[None, :, None], units.shape),
        )
        if _uneven(weights)
        else np.quantile(units, [0.1, 0.9], axis=1, method="inverted_cdf")
    )
    mean = {
        name: np.einsum("nst,s->nt", getattr(course, name), weights)
        for name in ("opening", "closing", "short", "expired")
    }
    return {
        "opening": mean["opening"],
        "receipts": receipts.sum(axis=2),
        "demand_mean": np.einsum("nst,s->nt", units, weights),
        "demand_p10": quantiles[0],
        "demand_p90": quantiles[1],
        "closing_mean": mean["closing"],
        "lost_mean": mean["short"],
        "expired_mean": mean["expired"],
        "shipped": shipped,
        "out_of_stock_probability": np.einsum("nst,s->nt", (course.short > 0).astype(float), weights),
        "path_cost": np.zeros(units.shape[:2]) if rates is None else _path_cost(course, rates, rows, owed is not None),
    }


def _path_cost(course: Course, rates: Rates, rows: slice, backorders: bool) -> FloatArray:
    """Return the money of each pair on each path, shape (n, S); what is owed is no stock."""
    held = course.closing + course.short if backorders else course.closing
    parts = ((rates.holding, held), (rates.shortage, course.short), (rates.waste, course.expired))
    return np.asarray(sum(rate[rows, None] * units.sum(axis=2) for rate, units in parts))


def _uneven(weights: FloatArray) -> bool:
    return bool(np.ptp(weights) > 0)


def projection_table(
    pairs: pd.DataFrame, dates: npt.NDArray[np.datetime64], periods: Periods, result: Projection
) -> pa.Table:
    """Return the long table `projection`, one row per pair and period, figures rounded to six decimals."""
    rows, columns = result.opening.shape
    daily = result.demand_mean.mean(axis=1, keepdims=True) / periods.days
    cover = np.where(daily > 0, np.maximum(result.closing_mean, 0) / np.where(daily > 0, daily, 1), np.nan)
    data: dict[str, pa.Array] = {
        "item_id": pa.array(np.repeat(pairs["item_id"].to_numpy(object), columns), pa.string()),
        "location_id": pa.array(np.repeat(pairs["location_id"].to_numpy(object), columns), pa.string()),
        "date": pa.array(np.tile(dates, rows), pa.date32()),
    }
    for name in Projection.__dataclass_fields__:
        if name == "path_cost":
            continue
        data[name] = pa.array(np.round(getattr(result, name).ravel(), 6))
    data["days_cover"] = pa.array(np.round(cover.ravel(), 6), from_pandas=True)
    return pa.table(data)
