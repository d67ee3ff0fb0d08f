r"""
What each mechanism of a promotion brings: a price cut, a multi-buy, a display and a mailer are not alike.

A mechanism is the kind a promotion names, with display and mailer where they come with it. For a promoted period t in
stock of series i, b_it is its mean over the periods of the last eight weeks in stock and without a promotion. Over the
promoted periods of mechanism k in group g, weighted by 1 / sqrt(b),

    u    = (sum y + n a) / (sum b + n a)             all promotions
    u_k  = (sum_k y + n a u) / (sum_k b + n a)       mechanism, shrunk to all
    u_gk = (sum_gk y + n a u_k) / (sum_gk b + n a)   group, shrunk to the mechanism

with a the mean weight of a promoted period and n promoted periods of prior. log u_gk is a signal for the trees, which
then need not find each mechanism in each category for themselves. What stands on a period was known a block of
forecasts before it, so no origin of the past sees what came after.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from forecasting.panel import Floats, Integers, Names, Panel, SalesWorld, categories_of

BASE_DAYS, FEWEST_DAYS, LAG_DAYS = 56, 14, 28
BASE_WEEKS, FEWEST_WEEKS, LAG_WEEKS = 8, 4, 8
PRIOR_PERIODS = 50.0
WIDEST = 10.0
_ROWS = ["item_id", "location_id", "from_date", "to_date", "kind", "discount", "display", "mailer"]


class Mechanisms(NamedTuple):
    """Names of mechanisms and groups; which mechanism runs (series, period), -1 for none; group of every series."""

    names: Names
    groups: Names
    runs: npt.NDArray[np.int16]
    group: Integers


class Uplift(NamedTuple):
    """Factor of every mechanism and group before every period (mechanism, group, period), and periods it rests on."""

    factor: Floats
    periods: Floats


def promotion_rows(world: SalesWorld, ids: tuple[Names, Names]) -> Any:
    """Return the promotions of the given items and places, with the number of their series."""
    table = world.table("promotions")
    rows: Any = table.select([name for name in _ROWS if name in table.column_names]).to_pandas(date_as_object=False)
    wanted = pd.MultiIndex.from_arrays(list(ids))
    rows["series"] = wanted.get_indexer(pd.MultiIndex.from_frame(rows[["item_id", "location_id"]].astype(object)))
    return rows[(rows["series"] >= 0) & rows["from_date"].notna() & rows["to_date"].notna()]


def mechanisms(world: SalesWorld, panel: Panel, horizon: int) -> Mechanisms | None:
    """Return which mechanism runs when, over history and horizon; None without a promotion."""
    if not world.table("promotions").num_rows:
        return None
    rows = promotion_rows(world, (panel.item_id, panel.location_id))
    if not len(rows):
        return None
    names, code = np.unique(_names(rows), return_inverse=True)
    dates = np.concatenate([panel.dates, panel.future_dates(horizon)]).astype("datetime64[D]")
    first = np.searchsorted(dates, rows["from_date"].to_numpy().astype("datetime64[D]") - panel.period_days + 1)
    last = np.searchsorted(dates, rows["to_date"].to_numpy().astype("datetime64[D]"), side="right")
    runs = np.full((panel.series, len(dates)), -1, dtype=np.int16)
    for series, begin, end, mechanism in zip(rows["series"].to_numpy(), first, last, code, strict=True):
        runs[series, begin:end] = mechanism
    groups, group = np.unique(categories_of(world, panel.item_id).astype(str), return_inverse=True)
    return Mechanisms(names.astype(object), groups.astype(object), runs, group.astype(np.int64))


def _names(rows: Any) -> npt.NDArray[np.str_]:
    """Return the mechanism of every promotion in words."""
    nothing = pd.Series("", rows.index)
    kind = rows.get("kind", nothing).astype(object).fillna("").astype(str).str.strip()
    cut = np.where(rows["discount"].astype(float).fillna(0.0).to_numpy(float) > 0.0, "price cut", "")
    name = np.where(kind != "", kind, cut)
    for extra in ("display", "mailer"):
        there = rows[extra].eq(True).to_numpy(bool)
        joined = np.where(name == "", extra, np.char.add(name.astype(str), f" + {extra}"))
        name = np.where(there, joined, name)
    return np.where(name == "", "promotion", name).astype(str)


def uplift(panel: Panel, given: Mechanisms, lag: int) -> Uplift:
    """Return what each mechanism brought, from promoted periods that lie more than ``lag`` before each period."""
    weekly = panel.period == "week"
    width, fewest = (BASE_WEEKS, FEWEST_WEEKS) if weekly else (BASE_DAYS, FEWEST_DAYS)
    history, periods = panel.units.shape[1], given.runs.shape[1]
    stocked = np.isfinite(panel.units) & (panel.in_stock_share >= 1.0)
    base = _trailing(np.nan_to_num(panel.units), stocked & (given.runs[:, :history] < 0), width, fewest)
    series, period = np.nonzero(stocked & (given.runs[:, :history] >= 0) & (base > 0.0))
    root = np.sqrt(base[series, period])
    sums = np.zeros((3, len(given.names), len(given.groups), periods + 1))
    # A promoted period counts from the first period on that lies more than the lag after it.
    at = given.runs[series, period], given.group[series], np.minimum(period + lag + 1, periods)
    for total, value in zip(sums, (panel.units[series, period] / root, root, np.ones(len(root))), strict=True):
        np.add.at(total, at, np.maximum(value, 0.0))
    above, below, count = np.cumsum(sums, axis=3)[..., :periods]
    prior = PRIOR_PERIODS * np.maximum(below.sum(axis=(0, 1)), 1.0) / np.maximum(count.sum(axis=(0, 1)), 1.0)
    everything = (above.sum(axis=(0, 1)) + prior) / (below.sum(axis=(0, 1)) + prior)
    kind = (above.sum(axis=1) + prior * everything) / (below.sum(axis=1) + prior)
    factor = (above + prior * kind[:, None]) / (below + prior)
    return Uplift(np.clip(factor, 1.0 / WIDEST, WIDEST), count)


def _trailing(units: Floats, counted: npt.NDArray[np.bool_], width: int, fewest: int) -> Floats:
    """Return the mean of the counted periods of the ``width`` before each, 0 where they are too few."""
    sums = [np.pad(np.cumsum(np.where(counted, v, 0.0), axis=1), ((0, 0), (1, 0))) for v in (units, 1.0)]
    now = np.arange(units.shape[1])
    total, count = (s[:, now] - s[:, np.maximum(now - width, 0)] for s in sums)
    return np.asarray(np.where(count >= fewest, total / np.maximum(count, 1.0), 0.0))


def mechanism_signal(panel: Panel, given: Mechanisms | None) -> npt.NDArray[np.float32] | None:
    """Return the log uplift of the mechanism that runs, 0 where none does; None where all are of one kind."""
    if given is None or len(given.names) < 2:
        return None
    lag = LAG_WEEKS if panel.period == "week" else LAG_DAYS
    factor = uplift(panel, given, lag).factor
    runs = np.maximum(given.runs, 0)
    values = factor[runs, given.group[:, None], np.arange(runs.shape[1])]
    return np.where(given.runs >= 0, np.log(values), 0.0).astype(np.float32)


def mechanism_table(panel: Panel, given: Mechanisms | None) -> pa.Table:
    """Return what each mechanism brings in each category as known today: mechanism, category, uplift, periods."""
    rows: list[tuple[str, str, float, int]] = []
    if given is not None:
        history = panel.units.shape[1]
        runs = np.pad(given.runs[:, :history], ((0, 0), (0, 1)), constant_values=-1)
        found = uplift(panel, given._replace(runs=runs), 0)
        for k, g in zip(*np.nonzero(found.periods[..., -1]), strict=True):
            figures = float(found.factor[k, g, -1]), int(found.periods[k, g, -1])
            rows.append((str(given.names[k]), str(given.groups[g]), *figures))
    kinds = {"mechanism": pa.string(), "category": pa.string(), "uplift": pa.float64(), "periods": pa.int64()}
    columns = list(zip(*rows, strict=True)) or [()] * len(kinds)
    return pa.table({n: pa.array(list(v), k) for (n, k), v in zip(kinds.items(), columns, strict=True)})
