r"""
What the same holiday brought before, wherever in the year it now falls.

For event e on day d and offset k (a week ahead to three days after), y_gt the sales of group g, and the occurrences d'
of the same name at least half a year before d,

    u_g(d', k) = log y_g,d'+k - log median of y_g on the same weekday one to three weeks before and after d'+k
    uplift_g,d+k = sum_d' u_g(d', k) / (n + n_0)           n occurrences, so one of them is not believed whole

The medians end three weeks after an occurrence, so what stands on a day was known months before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from forecasting.panel import Floats, Integers, Names, Panel, SalesWorld, categories_of

AHEAD, AFTER = 7, 3
# Days between an occurrence and those it is learnt from.
APART = 180
WEEKS_AROUND = np.array([-21, -14, -7, 7, 14, 21])
PRIOR_OCCURRENCES = 0.5
# Groups that sell less a day have no uplift of their own; no uplift is believed beyond this factor.
FEWEST_UNITS = 10.0
WIDEST = np.log(4.0)


def past_uplift(units: Floats, events: Mapping[str, Integers], periods: int) -> npt.NDArray[np.float32]:
    """
    Return the log uplift the same events brought before, 0 where there is none, shape (group, periods).

    Parameters
    ----------
    units : array, shape (group, day)
        Sales of the history.
    events : mapping of name to array
        Days of each event, counted from the first day of the history; days of the horizon are among them.
    periods : int
        Days of history and horizon.
    """
    plane = np.zeros((len(units), periods))
    if not len(units) or units.shape[1] < APART:
        return plane.astype(np.float32)
    change = _against_usual(np.nan_to_num(units))
    for name in sorted(events):
        days = np.unique(events[name])
        for day in days:
            earlier = days[(days <= day - APART) & (days >= AHEAD) & (days + AFTER < units.shape[1])]
            for offset in range(-AHEAD, AFTER + 1) if len(earlier) else ():
                if 0 <= day + offset < periods:
                    _keep_larger(plane[:, day + offset], change[:, earlier + offset])
    return plane.astype(np.float32)


def _keep_larger(column: Floats, found: Floats) -> None:
    """Write the mean of what was found over what stands there where it is larger either way."""
    seen = np.isfinite(found)
    value = np.where(seen, found, 0.0).sum(axis=1) / (seen.sum(axis=1) + PRIOR_OCCURRENCES)
    column[:] = np.where(np.abs(value) > np.abs(column), value, column)


def _against_usual(units: Floats) -> Floats:
    """Return the log of every day's sales over the median of the same weekday around it; NaN where too little sold."""
    at = np.arange(units.shape[1])[:, None] + WEEKS_AROUND
    inside = (at >= 0) & (at < units.shape[1])
    # The history is long enough for some weeks around every day to lie inside.
    usual = np.nanmedian(np.where(inside, units[:, np.where(inside, at, 0)], np.nan), axis=2)
    large = usual >= FEWEST_UNITS
    ratio = np.log(np.maximum(units, 0.5)) - np.log(np.where(large, usual, 1.0))
    return np.where(large, np.clip(ratio, -WIDEST, WIDEST), np.nan)


def event_uplift(world: SalesWorld, panel: Panel, regions: Names, periods: int) -> npt.NDArray[np.float32] | None:
    """
    Return what the events of ``calendar`` brought each series' category in its region before, shape (series, periods).

    Parameters
    ----------
    world : SalesWorld
        Tables ``calendar`` and ``items``; an event without a region counts everywhere.
    panel : Panel
        Days; in weeks there is no uplift.
    regions : array of str, shape (series,)
    periods : int
        Days of history and horizon.
    """
    table = world.table("calendar")
    if not table.num_rows or panel.period == "week" or panel.units.shape[1] < APART:
        return None
    rows: Any = table.select(["date", "event", "region"]).to_pandas(date_as_object=False)
    day = (rows["date"].to_numpy().astype("datetime64[D]") - panel.dates[0].astype("datetime64[D]")).astype(np.int64)
    rows = rows.assign(day=day, region=rows["region"].astype(object).fillna(""))
    category = categories_of(world, panel.item_id)
    plane = np.zeros((panel.series, periods), dtype=np.float32)
    for region in sorted(set(regions)):
        inside = np.flatnonzero(regions == region)
        own = rows[rows["region"].isin(["", region])]
        days = {str(name): part["day"].to_numpy() for name, part in own.groupby("event", observed=True)}
        codes = np.unique(category[inside], return_inverse=True)[1]
        units = np.zeros((int(codes.max()) + 1, panel.units.shape[1]))
        np.add.at(units, codes, np.nan_to_num(panel.units[inside]))
        plane[inside] = past_uplift(units, days, periods)[codes]
    return plane if plane.any() else None
