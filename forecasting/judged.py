r"""
Planners' figures against what came: whether the override was nearer, or the forecast it replaced.

Kept of every override and period it covered, in units over all its series: the mean B it replaced, its own V and, once
the period has passed, what was sold, y. An override is judged by

    sum |V - y|   against   sum |B - y|      over its known periods

The figures of the last day that planned a period count. The watch over forecasts does not read what a planner has set.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from forecasting.overrides import Overridden
from forecasting.panel import SalesWorld

# An override is remembered this long.
KEPT_DAYS = 364
_WHOSE = ["item_id", "location_id", "author", "reason"]
_FIGURES = ["forecast", "wanted", "sold"]
SCHEMA = pa.schema(
    [*((name, pa.string()) for name in _WHOSE), ("date", pa.date32()), *((name, pa.float64()) for name in _FIGURES)]
)


class Judged(NamedTuple):
    """An override with periods known since the plan before: its sums in units over all known ones, and errors."""

    item_id: str
    location_id: str
    author: str
    periods: int
    wanted: float
    forecast: float
    sold: float
    wanted_error: float
    forecast_error: float


def remembered(before: pd.DataFrame | None, world: SalesWorld, today: Sequence[Overridden]) -> pd.DataFrame:
    """
    Return what is kept of overrides: those of periods past with what was sold, and those in force today.

    Parameters
    ----------
    before : DataFrame, optional
        What the plan before kept.
    world : SalesWorld
        Table ``sales``.
    today : list of Overridden
        Overrides laid over today's forecast.
    """
    rows: list[Any] = []
    if before is not None:
        oldest = np.datetime64(world.plan_date, "D") - KEPT_DAYS
        kept = before[(before["date"] < world.plan_date) & (before["date"] >= oldest.item())]
        rows = _with_sales(kept, world).to_dict("records")
    rows += [row for line in today if line.applied for row in _rows(line)]
    return pd.DataFrame(rows, columns=SCHEMA.names).astype(dict.fromkeys(_FIGURES, "float64"))


def _rows(line: Overridden) -> list[dict[str, Any]]:
    """Return a row for every period an override covers."""
    whose = {name: getattr(line, name) for name in _WHOSE}
    figures = zip(line.dates.astype("datetime64[D]").tolist(), line.before.tolist(), line.after.tolist(), strict=True)
    return [{**whose, "date": date, "forecast": b, "wanted": v, "sold": np.nan} for date, b, v in figures]


def _with_sales(kept: pd.DataFrame, world: SalesWorld) -> pd.DataFrame:
    """Return the rows of past periods with the units sold in them."""
    if kept.empty:
        return kept
    sales = world.table("sales")
    dates = pa.array(sorted(set(kept["date"])), pa.date32())
    rows = sales.filter(pc.is_in(sales["date"], dates)).select(["date", "item_id", "location_id", "units"])
    sold: Any = rows.to_pandas(date_as_object=True).astype({"item_id": object, "location_id": object})
    return kept.assign(sold=[_units(sold, row) for row in kept.to_dict("records")])


def _units(sold: Any, row: Any) -> float:
    """Return the units of the series and period of a row."""
    inside = sold["date"] == row["date"]
    for name in ("item_id", "location_id"):
        if row[name]:
            inside &= sold[name] == row[name]
    return float(sold.loc[inside, "units"].sum())


def judged(before: pd.DataFrame | None, state: pd.DataFrame) -> list[Judged]:
    """Return the overrides of which periods have become known since the plan before, the largest first."""
    if before is None:
        return []
    waiting = before[before["sold"].isna()]
    known = state[state["sold"].notna()]
    news = set(zip(*(waiting[name] for name in [*_WHOSE, "date"]), strict=True))
    found = []
    for _, part in known.groupby(_WHOSE, sort=True, observed=True):
        keys = zip(*(part[name] for name in [*_WHOSE, "date"]), strict=True)
        if news.isdisjoint(keys):
            continue
        errors = [float((part[name] - part["sold"]).abs().sum()) for name in ("wanted", "forecast")]
        sums = [float(part[name].sum()) for name in ("wanted", "forecast", "sold")]
        first = part.iloc[0]
        found.append(Judged(first["item_id"], first["location_id"], first["author"], len(part), *sums, *errors))
    return sorted(found, key=lambda line: -abs(line.wanted - line.forecast))


def as_forecast(written: pd.DataFrame, kept: pd.DataFrame | None) -> pd.DataFrame:
    """Return the rows of a written forecast that no planner has set."""
    if kept is None or kept.empty or written.empty:
        return written
    own = np.ones(len(written), dtype=bool)
    for (item, place), part in kept.groupby(["item_id", "location_id"], observed=True):
        covered = written["date"].isin(part["date"])
        for name, value in (("item_id", item), ("location_id", place)):
            if value:
                covered &= written[name] == value
        own &= ~covered.to_numpy(bool)
    return written[own]
