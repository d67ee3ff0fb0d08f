"""
Forecast public data at past origins and print the scores beside simple rivals of the same run.

    python -m benchmarks.forecasting [freshretailnet] [vn2] [m5]

The data are read from the folder named by DAYPLAN_DATA. Every run appends to benchmarks/records.csv; nothing gates.
"""

from __future__ import annotations

import csv
import datetime
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from forecasting.forecast import forecast
from forecasting.panel import Panel
from forecasting.paths import path_quantiles, quantile_table
from forecasting.scores import M5_LEVELS, coverage, crps, mean_change, scaled_pinball

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("DAYPLAN_DATA", ROOT.parent / "shared" / "data"))
RECORDS = ROOT / "benchmarks" / "records.csv"
COLUMNS = ("date", "commit", "case", "seconds", "objective", "bound", "gap", "memory")
PATHS = 200
SEED = 1
ORIGINS = ("2024-05-29", "2024-06-05", "2024-06-12")
WEEKS = 8
VN2_HORIZON = 3
VN2_FIRST = 96
VN2_EVERY = 2
M5_HORIZON = 28


class Score(NamedTuple):
    """One line of the table."""

    case: str
    measure: str
    value: float
    seconds: float = float("nan")


def panel_of(keys: pd.DataFrame, units: np.ndarray, share: np.ndarray, dates: np.ndarray, step: float) -> Panel:
    """Return a panel with its series in text order."""
    item, place = keys.iloc[:, 0].astype(str).to_numpy(object), keys.iloc[:, 1].astype(str).to_numpy(object)
    order = np.lexsort((place.astype(str), item.astype(str)))
    period = "week" if dates[1] - dates[0] == np.timedelta64(7, "D") else "day"
    return Panel(item[order], place[order], np.full(len(order), step), units[order], share[order], dates, period)


def read_freshretailnet() -> tuple[Panel, np.ndarray]:
    """Return all series and their third category."""
    columns = ["product_id", "store_id", "third_category_id", "dt", "sale_amount", "stockout_hours_6_22"]
    rows = pd.read_parquet(DATA / "freshretailnet" / "daily.parquet", columns=columns)
    rows[["item", "place"]] = rows[["product_id", "store_id"]].astype(str)
    rows = rows.sort_values(["item", "place", "dt"], kind="stable")
    keys = rows.drop_duplicates(["item", "place"])
    shape = (len(keys), rows["dt"].nunique())
    dates = rows["dt"].to_numpy()[: shape[1]].astype("datetime64[D]")
    share = 1.0 - rows["stockout_hours_6_22"].to_numpy().reshape(shape) / 16.0
    panel = panel_of(keys[["item", "place"]], rows["sale_amount"].to_numpy(float).reshape(shape), share, dates, 0.1)
    return panel, keys["third_category_id"].to_numpy(np.int64)


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


def weekday_bootstrap(panel: Panel) -> np.ndarray:
    """Return quantiles of the last eight values of each weekday, shape (series, 7, level)."""
    last = panel.units[:, -7 * WEEKS :].reshape(panel.series, WEEKS, 7)
    return np.stack([np.quantile(last, level, axis=1) for level in M5_LEVELS], axis=2)


def freshretailnet() -> list[Score]:
    """Score the week after each origin on cells fully in stock."""
    panel, groups = read_freshretailnet()
    lines = []
    for origin in ORIGINS:
        at = int(np.searchsorted(panel.dates, np.datetime64(origin)))
        lines += _one_fresh_week(panel, groups, at, f"freshretailnet {origin}")
    ratios = [line.value for line in lines if line.measure == "ratio to weekday bootstrap"]
    return [*lines, Score("freshretailnet", "mean ratio to weekday bootstrap", float(np.mean(ratios)))]


def _one_fresh_week(panel: Panel, groups: np.ndarray, at: int, case: str) -> list[Score]:
    """Return the scores of one origin."""
    past = panel.until(at)
    actual, kept = panel.units[:, at : at + 7], panel.in_stock_share[:, at : at + 7] >= 1.0
    start = time.process_time()
    paths = forecast(past, 7, PATHS, SEED, groups=groups).paths
    quantile_table(paths, M5_LEVELS)
    seconds = time.process_time() - start
    scale = mean_change(past.units)
    quantiles = path_quantiles(paths.steps, paths.weights, M5_LEVELS) * past.unit_step[:, None, None]
    ours = scaled_pinball(actual, quantiles, M5_LEVELS, scale, kept)
    rival = scaled_pinball(actual, weekday_bootstrap(past), M5_LEVELS, scale, kept)
    naive = np.repeat(past.units[:, -7:, None], len(M5_LEVELS), axis=2)
    error = (paths.mean() - actual)[kept]
    whole = kept.all(axis=1)
    sums = paths.steps.sum(axis=2)[whole] * 0.1
    return [
        Score(case, "scaled pinball", ours, seconds),
        Score(case, "scaled pinball, weekday bootstrap", rival),
        Score(case, "scaled pinball, seasonal naive", scaled_pinball(actual, naive, M5_LEVELS, scale, kept)),
        Score(case, "ratio to weekday bootstrap", ours / rival),
        Score(case, "WAPE", float(np.abs(error).sum() / actual[kept].sum())),
        Score(case, "bias", float(error.sum() / actual[kept].sum())),
        Score(case, "coverage of 7-day sums at .9", coverage(actual.sum(axis=1)[whole], sums, 0.9)),
    ]


def organisers_rule(panel: Panel, horizon: int) -> np.ndarray:
    """Return the organisers' forecast: mean of 13 deseasonalised weeks times the factor of the calendar week."""
    week = pd.DatetimeIndex(panel.dates).isocalendar().week.to_numpy()
    units = pd.DataFrame(np.where(panel.in_stock_share > 0.0, panel.units, np.nan))
    means = units.mean(axis=0)
    factor = means.groupby(week).mean() / means.mean()
    base = (units / factor.reindex(week).to_numpy()).iloc[:, -13:].mean(axis=1).fillna(0.0).to_numpy()
    coming = pd.DatetimeIndex(panel.future_dates(horizon)).isocalendar().week.to_numpy()
    return base[:, None] * factor.reindex(coming).fillna(1.0).to_numpy()


def _one_vn2_origin(panel: Panel, groups: np.ndarray, at: int) -> dict[str, float]:
    """Return the scores of the sum of three weeks from one origin, over series in stock all three."""
    past, after = panel.until(at), slice(at, at + VN2_HORIZON)
    whole = panel.in_stock_share[:, after].min(axis=1) > 0.0
    actual = panel.units[:, after].sum(axis=1)[whole]
    start = time.process_time()
    paths = forecast(past, VN2_HORIZON, PATHS, SEED, groups=groups).paths
    seconds = time.process_time() - start
    sums = paths.steps.sum(axis=2)[whole].astype(float)
    rule = organisers_rule(past, VN2_HORIZON).sum(axis=1)[whole]
    return {
        "seconds": seconds,
        "absolute error": float(np.abs(sums.mean(axis=1) - actual).mean()),
        "absolute error, organisers' rule": float(np.abs(rule - actual).mean()),
        "squared error": float(((sums.mean(axis=1) - actual) ** 2).mean()),
        "squared error, organisers' rule": float(((rule - actual) ** 2).mean()),
        "bias": float((sums.mean(axis=1) - actual).sum() / actual.sum()),
        "bias, organisers' rule": float((rule - actual).sum() / actual.sum()),
        "CRPS": float(crps(actual, sums).mean()),
        "coverage at .8": coverage(actual, sums, 0.8),
        "coverage at .95": coverage(actual, sums, 0.95),
    }


def vn2() -> list[Score]:
    """Score sums of three weeks at every second origin of the last fourteen months."""
    panel, groups = read_vn2()
    origins = range(VN2_FIRST, len(panel.dates) - VN2_HORIZON + 1, VN2_EVERY)
    rows = pd.DataFrame([_one_vn2_origin(panel, groups, at) for at in origins])
    seconds = float(rows.pop("seconds").sum())
    return [Score(f"vn2, {len(rows)} origins", name, float(rows[name].mean()), seconds) for name in rows]


def read_m5() -> tuple[Panel, np.ndarray]:
    """Return the sample of 432 series from their first sale on, and their department."""
    rows = pd.read_parquet(DATA / "m5" / "sales_sample_432_series_until_d1913.parquet")
    rows = rows.sort_values(["item_id", "store_id"], kind="stable")
    units = rows.iloc[:, 6:].to_numpy(float)
    units = np.where(np.cumsum(units, axis=1) > 0.0, units, np.nan)
    dates = np.datetime64("2011-01-29") + np.arange(units.shape[1])
    panel = panel_of(rows[["item_id", "store_id"]], units, np.ones_like(units), dates, 1.0)
    return panel, np.unique(rows["dept_id"], return_inverse=True)[1]


def block_bootstrap(panel: Panel, horizon: int, rng: np.random.Generator) -> np.ndarray:
    """Return paths of whole past weeks, the same for all series, half-life eight weeks, shape (series, path, day)."""
    age = np.arange(52, 0, -1)
    weight = 0.5 ** (age / 8.0)
    week = rng.choice(panel.units.shape[1] - 7 * age, size=(PATHS, horizon // 7), p=weight / weight.sum())
    days = (week[:, :, None] + np.arange(7)).reshape(PATHS, horizon)
    return np.nan_to_num(panel.units)[:, days]


def _one_m5_origin(panel: Panel, groups: np.ndarray, at: int) -> dict[str, float]:
    """Return the scores of 28 days and their sums from one origin, over series seen for 200 days."""
    past = panel.until(at)
    kept = np.isfinite(past.units[:, -200])
    actual = panel.units[kept, at : at + M5_HORIZON]
    start = time.process_time()
    steps = forecast(past, M5_HORIZON, PATHS, SEED, groups=groups).paths.steps[kept]
    seconds = time.process_time() - start
    rival = block_bootstrap(past, M5_HORIZON, np.random.default_rng(SEED))[kept]
    scale = mean_change(past.units, from_first_sale=True)[kept]
    every, even = np.ones(actual.shape, dtype=bool), np.full(PATHS, 1.0 / PATHS)
    losses = [
        scaled_pinball(actual, path_quantiles(x.astype(np.int16), even, M5_LEVELS), M5_LEVELS, scale, every)
        for x in (steps, rival)
    ]
    sums = [x.sum(axis=2).astype(float) for x in (steps, rival)]
    total = actual.sum(axis=1)
    spread = [float((crps(total, x) / scale).mean()) for x in sums]
    return {
        "seconds": seconds,
        "scaled pinball": losses[0],
        "ratio to block bootstrap": losses[0] / losses[1],
        "CRPS of 28-day sums, ratio": spread[0] / spread[1],
        "bias": float((sums[0].mean(axis=1) - total).sum() / total.sum()),
        "coverage of 28-day sums at .8": coverage(total, sums[0], 0.8),
        "coverage of 28-day sums at .95": coverage(total, sums[0], 0.95),
    }


def m5() -> list[Score]:
    """Score 28 days at six origins of the last year."""
    panel, groups = read_m5()
    origins = [len(panel.dates) - M5_HORIZON * back for back in range(1, 12, 2)]
    rows = pd.DataFrame([_one_m5_origin(panel, groups, at) for at in origins])
    seconds = float(rows.pop("seconds").sum())
    return [Score(f"m5 sample, {len(rows)} origins", name, float(rows[name].mean()), seconds) for name in rows]


def record(scores: list[Score], megabytes: float) -> None:
    """Append the scores to the records."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout
    fresh = not RECORDS.exists()
    with RECORDS.open("a", newline="") as file:
        writer = csv.writer(file)
        if fresh:
            writer.writerow(COLUMNS)
        for line in scores:
            seconds = "" if np.isnan(line.seconds) else f"{line.seconds:.1f}"
            case = f"forecasting: {line.case}, {line.measure}"
            today = datetime.date.today().isoformat()
            writer.writerow([today, commit.strip(), case, seconds, f"{line.value:.4f}", "", "", f"{megabytes:.0f}"])


def main(arguments: list[str]) -> None:
    cases = {"freshretailnet": freshretailnet, "vn2": vn2, "m5": m5}
    wanted = [name for name in cases if name in arguments] or list(cases)
    scores: list[Score] = []
    for name in wanted:
        if not (DATA / name).is_dir():
            print(f"{name}: skipped, no folder {DATA / name}")
            continue
        scores += cases[name]()
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for line in scores:
        spent = "" if np.isnan(line.seconds) else f"{line.seconds:8.1f} CPU s"
        print(f"{line.case:26} {line.measure:36} {line.value:9.4f} {spent}")
    print(f"peak memory {megabytes:.0f} MB")
    record(scores, megabytes)


if __name__ == "__main__":
    main(sys.argv[1:])
