"""Small panels for the tests of this room, and the tolerances they share."""

import numpy as np

from forecasting.panel import Panel

ROUNDING = 1e-9
# Four standard errors of the Monte Carlo figures below lie within these.
SAMPLING = 0.1


def make_panel(units, share=None, period="day", step=1.0, start="2024-01-01"):
    """Return a panel of items i000, i001, ... at one place; 2024-01-01 is a Monday."""
    units = np.asarray(units, dtype=float)
    series, periods = units.shape
    share = np.ones_like(units) if share is None else np.asarray(share, dtype=float)
    spacing = 7 if period == "week" else 1
    dates = np.datetime64(start) + spacing * np.arange(periods)
    names = np.array([f"i{i:03d}" for i in range(series)], dtype=object)
    return Panel(names, np.full(series, "S1", dtype=object), np.full(series, step), units, share, dates, period)
