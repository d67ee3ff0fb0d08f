"""Rivals of the forecast: bootstraps of past weeks, and statsforecast on a subset of the series."""

from __future__ import annotations

import time
import warnings
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from forecasting.panel import Panel
from forecasting.scores import M5_LEVELS

WEEKS = 8
# Central intervals whose ends are the nine levels.
INTERVALS = (99, 95, 67, 50)
NAMES = ("AutoETS", "AutoTheta", "CrostonSBA", "SeasonalNaive", "ConformalSeasonalPool")


class Quantiles(NamedTuple):
    """Quantiles of single periods (series, period, level), and CPU seconds."""

    values: np.ndarray
    seconds: float


def weekday_bootstrap(panel: Panel) -> np.ndarray:
    """Return quantiles of the last (at most eight) values of each weekday, shape (series, 7, level)."""
    weeks = min(WEEKS, panel.units.shape[1] // 7)
    last = panel.units[:, -7 * weeks :].reshape(panel.series, weeks, 7)
    return np.stack([np.quantile(last, level, axis=1) for level in M5_LEVELS], axis=2)


def block_bootstrap(panel: Panel, horizon: int, paths: int, rng: np.random.Generator, stride: int = 7) -> np.ndarray:
    """Return paths of whole past weeks, the same for all series, half-life eight, shape (series, path, period)."""
    age = np.arange(min(52, panel.units.shape[1] // stride), 0, -1)
    weight = 0.5 ** (age / 8.0)
    week = rng.choice(panel.units.shape[1] - stride * age, size=(paths, -(-horizon // stride)), p=weight / weight.sum())
    days = (week[:, :, None] + np.arange(stride)).reshape(paths, -1)[:, :horizon]
    return np.nan_to_num(panel.units)[:, days]


def statsforecast_quantiles(name: str, units: np.ndarray, horizon: int, season: int = 7) -> Quantiles | None:
    """Return a rival's quantiles of the next periods, negative ones raised to 0; None where it is not installed."""
    try:
        from statsforecast import StatsForecast, models
        from statsforecast.utils import ConformalIntervals
    except ImportError:
        return None
    series, periods = units.shape
    rows = pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(series), periods),
            "ds": np.tile(np.arange(periods), series),
            "y": np.nan_to_num(units).ravel(),
        }
    )
    kind: Any = getattr(models, name)
    model = kind(alias=name) if name == "CrostonSBA" else kind(season_length=season, alias=name)
    # Croston has no intervals of its own.
    intervals = ConformalIntervals(n_windows=4, h=horizon) if name == "CrostonSBA" else None
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        engine = StatsForecast(models=[model], freq=1)
        table = engine.forecast(df=rows, h=horizon, level=list(INTERVALS), prediction_intervals=intervals)
    columns = [f"{name}-lo-{level}" for level in INTERVALS] + [name]
    columns += [f"{name}-hi-{level}" for level in reversed(INTERVALS)]
    values = table.sort_values(["unique_id", "ds"])[columns].to_numpy(float).reshape(series, horizon, len(M5_LEVELS))
    return Quantiles(np.maximum(np.nan_to_num(values), 0.0), time.process_time() - start)
