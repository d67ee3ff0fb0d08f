r"""
Planners' figures laid over the forecast, at any level, and kept apart from it.

An override names a total V for some days of an item, of a place, of both, or of all. With M the mean the forecast holds
for the series and days it covers, every path of every covered cell is multiplied by V / M and rounded to whole steps at
random by the series' own uniforms: the shares within the total, and the shape of the uncertainty, stay as forecast.
Where its days reach beyond the horizon, V counts in proportion of days. Later rows work on what earlier ones left, in
the order they were set.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from numba import njit

from forecasting.bootstrap import INT16_MOST, INT32_MOST
from forecasting.keys import Keys, series_keys, uniform
from forecasting.panel import Dates, Floats, SalesWorld
from forecasting.paths import DemandPaths, Steps

TARGET, FIELD = "forecast", "units"
# The uniforms of the paths have other counters.
FIRST_COUNTER = 1 << 40


@dataclass(frozen=True)
class Overridden:
    """
    One override as it was applied.

    ``item_id`` and ``location_id`` are empty where the override covers all; ``forecast`` is the mean it replaced and
    ``wanted`` the planner's total, both in units; ``series`` are covered, ``applied`` says whether it could be spread.
    ``before`` and ``after`` (period,) are the means of all series in the periods covered, ``dates``.
    """

    item_id: str
    location_id: str
    author: str
    reason: str
    forecast: float
    wanted: float
    series: int
    applied: bool
    dates: Dates
    before: Floats
    after: Floats


def override_paths(world: SalesWorld, paths: DemandPaths) -> tuple[DemandPaths, list[Overridden]]:
    """
    Return the paths under the planner's forecast overrides, and what each replaced.

    Rows of the table ``overrides`` with target "forecast" and field "units" count; both dates are included, an open
    side reaches to the end of the horizon. Where nothing is expected nothing can be spread.

    Raises
    ------
    ValueError
        If a value is not a number of at least 0.
    """
    table = world.table("overrides")
    if not table.num_rows:
        return paths, []
    rows: Any = table.to_pandas(date_as_object=False)
    rows = rows[(rows["target"] == TARGET) & (rows["field"] == FIELD)].sort_values("at", kind="stable")
    done = []
    for number, row in enumerate(rows.to_dict("records")):
        paths, told = _applied(paths, row, number)
        done.append(told)
    return paths, done


def _applied(paths: DemandPaths, row: dict[str, Any], number: int) -> tuple[DemandPaths, Overridden]:
    """Return the paths under one override."""
    item, place = str(row["item_id"] or ""), str(row["location_id"] or "")
    series = ((paths.item_id == item) | (item == "")) & ((paths.location_id == place) | (place == ""))
    days = _days(paths, row)
    width = int((paths.dates[1] - paths.dates[0]).astype(np.int64)) if len(paths.dates) > 1 else 1
    chosen, wanted = np.flatnonzero(series), _number(row["value"]) * _share(row, days, width)
    before = _mean(paths.steps[chosen], paths.unit_step[chosen])
    expected = float(before[days].sum())
    applied = expected > 0.0
    told = Overridden(
        item,
        place,
        str(row["author"] or ""),
        str(row["reason"] or ""),
        expected,
        wanted,
        len(chosen),
        applied,
        paths.dates[days],
        before[days],
        before[days],
    )
    if not applied:
        return paths, told
    keys = series_keys(paths.item_id[chosen], paths.location_id[chosen], paths.seed)
    factor = np.where(days, wanted / expected, 1.0)
    factors = np.broadcast_to(factor, (len(chosen), len(factor)))
    moved = scaled(paths.steps[chosen].astype(np.int32), factors, keys, FIRST_COUNTER * (number + 1))
    after = _mean(moved, paths.unit_step[chosen])[days]
    return with_steps(paths, chosen, moved), replace(told, after=after)


def _mean(steps: Steps, unit_step: Floats) -> Floats:
    """Return the mean units of all series together, shape (period,); paths are equally likely."""
    return np.asarray((steps.mean(axis=1) * unit_step[:, None]).sum(axis=0))


def with_steps(paths: DemandPaths, chosen: npt.NDArray[np.int64], moved: npt.NDArray[np.int32]) -> DemandPaths:
    """Return the paths with the steps of some series exchanged, in a type that holds them."""
    wide = paths.steps.dtype == np.int32 or int(moved.max(initial=0)) > INT16_MOST
    steps: Steps = paths.steps.astype(np.int32) if wide else paths.steps.copy()
    steps[chosen] = moved
    return replace(paths, steps=steps)


def _days(paths: DemandPaths, row: dict[str, Any]) -> npt.NDArray[np.bool_]:
    """Return the periods from the first to the last day of an override, both included."""
    first, last = (_date(row[name]) for name in ("from", "to"))
    after = np.ones(len(paths.dates), dtype=bool) if np.isnat(first) else paths.dates >= first
    return np.asarray(after & (np.isnat(last) | (paths.dates <= last)))


def _date(value: Any) -> np.datetime64:
    """Return a date, or not-a-time where a side is open."""
    return np.datetime64("NaT", "D") if pd.isna(value) else np.datetime64(pd.Timestamp(value), "D")


def _share(row: dict[str, Any], days: npt.NDArray[np.bool_], period_days: int) -> float:
    """Return the share of an override's days that lie in the horizon; all of them where a side is open."""
    first, last = (_date(row[name]) for name in ("from", "to"))
    if np.isnat(first) or np.isnat(last):
        return 1.0
    return min(1.0, float(days.sum() * period_days) / max(1.0, float((last - first).astype(np.int64) + 1)))


def _number(text: Any) -> float:
    """Return an override's value."""
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = float("nan")
    if not 0.0 <= value < np.inf:
        raise ValueError(f'overrides: forecast value "{text}" is not a number of at least 0; give the total in units')
    return value


@njit(cache=True)  # type: ignore[untyped-decorator]
def scaled(steps: npt.NDArray[np.int32], factor: Floats, keys: Keys, counter: int) -> npt.NDArray[np.int32]:
    """Return steps times the factor of their series and period, rounded at random so that means are kept."""
    series, paths, periods = steps.shape
    moved = np.empty_like(steps)
    for i in range(series):
        for s in range(paths):
            for h in range(periods):
                value = min(steps[i, s, h] * factor[i, h], INT32_MOST)
                whole = np.floor(value)
                up = uniform(keys[i], counter + s * periods + h) < value - whole
                moved[i, s, h] = int(whole) + (1 if up else 0)
    return moved
