"""The forecast end to end on small panels."""

import numpy as np

from forecasting.forecast import forecast
from forecasting.panel import Panel


def make_panel(units, share=None, period="day", step=1.0):
    units = np.asarray(units, dtype=float)
    series, periods = units.shape
    share = np.ones_like(units) if share is None else np.asarray(share, dtype=float)
    spacing = 7 if period == "week" else 1
    dates = np.datetime64("2024-01-01") + spacing * np.arange(periods)
    names = np.array([f"i{i:03d}" for i in range(series)], dtype=object)
    return Panel(names, np.full(series, "S1", dtype=object), np.full(series, step), units, share, dates, period)


def test_two_items_with_thirty_days_get_a_forecast_near_their_mean():
    rng = np.random.default_rng(1)
    panel = make_panel(rng.poisson([[4.0], [20.0]], (2, 30)))
    mean = forecast(panel, 7, 200, 1).paths.mean().mean(axis=1)
    assert np.all(np.abs(mean - [4.0, 20.0]) < [1.5, 4.0])


def test_a_series_never_sold_yields_zeros():
    panel = make_panel(np.vstack([np.zeros(40), np.full(40, 3.0)]))
    assert not forecast(panel, 7, 50, 1).paths.steps[0].any()
