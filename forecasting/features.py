r"""
What the boosted mean sees of a series at a past origin o, for the period o + k.

All of it was known at o: sales, levels and stock before o; of o + k itself only the calendar and the signals. Sales are
counted as multiples of the level, so one model serves products that sell one a month and hundreds a day.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from forecasting.panel import Floats, Integers
from forecasting.signals import Plane, Signals
from forecasting.smoothing import FilterInput, FilterOutput

Matrix = npt.NDArray[np.float32]

DAY_WINDOWS = (7, 14, 28, 91)
WEEK_WINDOWS = (2, 4, 8, 26)
SMALLEST_LEVEL = 1e-3
SMALLEST_FACTOR = 0.02
YEAR_DAYS = 364
YEAR_WEEKS = 52
RATIO_MOST = 30.0


class Rows(NamedTuple):
    """Series [i], origin [o] and lead [k] of every row; the period forecast is o + k."""

    series: Integers
    origin: Integers
    lead: Integers


class FeatureState(NamedTuple):
    """
    Histories from which rows are read.

    ``level`` (series, period + 1); ``factor`` (series, period + horizon); running sums from the first period on, shape
    (series, period + 1): ``sold`` completed units, ``usual`` factors of the periods seen, ``active`` periods with a
    sale, ``stocked`` shares in stock; ``latest`` (series, period + 1) last period with a sale; ``first`` (series,)
    first period seen; ``group`` code (series,); ``position`` (period + horizon,) weekday or week of the year;
    ``yearly`` (group, period + horizon) log of the group's sales a year before, NaN where none are known.
    """

    level: Floats
    factor: Floats
    sold: Plane
    usual: Plane
    active: Plane
    stocked: Plane
    latest: Integers
    first: Integers
    group: Integers
    position: Integers
    yearly: Plane
    signals: Signals
    sums: tuple[Plane, ...]
    weekly: bool


class Calendar(NamedTuple):
    """Position in the week or year of every period (period + horizon,), whether periods are weeks, yearly sales."""

    position: Integers
    weekly: bool
    yearly: Plane


def running(values: npt.NDArray[np.generic]) -> Plane:
    """Return sums of all columns before each column and before the end, shape (series, period + 1)."""
    total = np.cumsum(values, axis=1, dtype=np.float64)
    return np.pad(total, ((0, 0), (1, 0))).astype(np.float32)


def feature_state(
    history: FilterInput, result: FilterOutput, group: Integers, signals: Signals, calendar: Calendar
) -> FeatureState:
    """Return the state of some series from the filter's input and output; ``group`` are codes (series,)."""
    seen = np.isfinite(history.units)
    sold = np.where(seen, np.nan_to_num(result.completed), 0.0)
    periods = seen.shape[1]
    last = np.where(seen & (history.units > 0.0), np.arange(periods), -1)
    latest = np.pad(np.maximum.accumulate(last, axis=1), ((0, 0), (1, 0)), constant_values=-1)
    return FeatureState(
        np.maximum(result.level, SMALLEST_LEVEL),
        np.maximum(history.factor, SMALLEST_FACTOR),
        running(sold),
        running(np.where(seen, history.factor[:, :periods], 0.0)),
        running(last == np.arange(periods)),
        running(np.where(seen, history.share, 0.0)),
        latest.astype(np.int64),
        np.where(seen.any(axis=1), seen.argmax(axis=1), periods).astype(np.int64),
        group,
        calendar.position,
        calendar.yearly,
        signals,
        tuple(running(np.nan_to_num(plane)) for plane in signals.planes),
        calendar.weekly,
    )


def expected(state: FeatureState, rows: Rows) -> Floats:
    """Return level × factor of every row, in steps."""
    period = rows.origin + rows.lead
    return np.asarray(state.level[rows.series, rows.origin] * state.factor[rows.series, period])


def feature_names(signals: Signals, weekly: bool) -> list[str]:
    """Return the names of the columns of ``feature_rows``, in words."""
    unit = "weeks" if weekly else "days"
    recent = [f"sales of the last {w} {unit} against the level" for w in _windows(weekly)]
    own = ["level", "profile", "lead", "week of the year" if weekly else "weekday", f"{unit} since the last sale"]
    rest = [f"share of {unit} with a sale", f"{unit} on sale", "category", f"share of {unit} in stock", "a year before"]
    known = [f"{name}{part}" for name in signals.names for part in ("", ", recently", ", usually")]
    return [*recent, *own, *rest, *known]


def _windows(weekly: bool) -> tuple[int, ...]:
    return WEEK_WINDOWS if weekly else DAY_WINDOWS


def feature_rows(state: FeatureState, rows: Rows) -> Matrix:
    """Return the features of every row, shape (row, feature); see ``feature_names``."""
    i, o, k = rows
    t = o + k
    windows = _windows(state.weekly)
    short = windows[2]
    level = state.level[i, o]
    columns = [np.minimum(_recent(state, i, o, w) / level, RATIO_MOST) for w in windows]
    columns += [np.log(level), state.factor[i, t], k, state.position[t], o - state.latest[i, o]]
    back = np.maximum(o - short, 0)
    span = np.maximum(o - np.maximum(state.first[i], back), 1)
    columns += [
        (state.active[i, o] - state.active[i, back]) / span,
        o - state.first[i],
        state.group[i],
        (state.stocked[i, o] - state.stocked[i, back]) / span,
        state.yearly[state.group[i], t] - state.yearly[state.group[i], o] if state.yearly.size else np.zeros(len(i)),
    ]
    for plane, total in zip(state.signals.planes, state.sums, strict=True):
        j = i if len(plane) > 1 else np.zeros_like(i)
        recent = (total[j, o] - total[j, back]) / np.maximum(o - back, 1)
        columns += [plane[j, t], recent, total[j, o] / np.maximum(o, 1)]
    matrix = np.empty((len(i), len(columns)), dtype=np.float32)
    for c, column in enumerate(columns):
        matrix[:, c] = column
    return matrix


def _recent(state: FeatureState, i: Integers, o: Integers, window: int) -> Floats:
    """Return the deseasonalised mean of the last periods seen, the level where there are none."""
    back = np.maximum(o - window, 0)
    sold = state.sold[i, o] - state.sold[i, back]
    usual = state.usual[i, o] - state.usual[i, back]
    return np.asarray(np.where(usual > 0.0, sold / np.maximum(usual, 1e-6), state.level[i, o]))


def yearly_sales(steps: Floats, group: Integers, horizon: int, weekly: bool) -> Plane:
    """
    Return the log of each group's sales around the same period a year before, shape (group, period + horizon).

    A window of four weeks; series count by the root of their mean. NaN where less than a year is known, an empty array
    without one and a half years.
    """
    year, width = (YEAR_WEEKS, 5) if weekly else (YEAR_DAYS, 29)
    periods = steps.shape[1]
    if weekly or periods < year + year // 2:
        return np.zeros((0, 0), dtype=np.float32)
    units = np.nan_to_num(steps)
    mean = units.mean(axis=1)
    total = np.zeros((int(group.max(initial=0)) + 1, periods))
    np.add.at(total, group, units / np.sqrt(np.maximum(mean, 1e-6))[:, None])
    sums = np.pad(np.cumsum(total, axis=1), ((0, 0), (1, 0)))
    at = np.arange(periods + horizon) - year
    low, high = np.clip(at - width // 2, 0, periods), np.clip(at + width // 2 + 1, 0, periods)
    around = (sums[:, high] - sums[:, low]) / np.maximum(high - low, 1)
    # A group that did not exist a year ago, or a window cut by half, says nothing.
    usable = (high - low >= width // 2) & (around > 0.0)
    return np.where(usable, np.log(np.where(usable, around, 1.0)), np.nan).astype(np.float32)
