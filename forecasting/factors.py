r"""
Demand that is known, or supposed, to be another: factors by item, category, place and day, laid over the paths.

A row of ``demand_factors`` covers the cells that its filled fields name; the factors f of all rows that cover a cell
are multiplied; where a row covers n of the seven days of a week, its factor there is 1 + (f - 1) n / 7. Each path of
the cell becomes D f, rounded to whole steps at random by the series' own uniforms, so that path 17 stays path 17, equal
factors give equal numbers, and a larger one never gives fewer units on any path.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from forecasting.keys import series_keys
from forecasting.overrides import scaled, with_steps
from forecasting.panel import Floats, SalesWorld, categories_of
from forecasting.paths import DemandPaths

_FIELDS = ("item_id", "category", "location_id")
# The uniforms of paths and overrides have other counters.
_COUNTER = 1 << 39


def factor_paths(world: SalesWorld, paths: DemandPaths) -> DemandPaths:
    """Return the paths under the factors of the table ``demand_factors``; see the module."""
    factor = demand_factors(world, paths)
    chosen = np.flatnonzero((factor != 1.0).any(axis=1))
    if not len(chosen):
        return paths
    keys = series_keys(paths.item_id[chosen], paths.location_id[chosen], paths.seed)
    return with_steps(paths, chosen, scaled(paths.steps[chosen].astype(np.int32), factor[chosen], keys, _COUNTER))


def demand_factors(world: SalesWorld, paths: DemandPaths) -> Floats:
    """Return the factor of every series and period of the paths, shape (series, period)."""
    result = np.ones((len(paths.item_id), len(paths.dates)))
    table = world.table("demand_factors")
    if not table.num_rows:
        return result
    category = categories_of(world, paths.item_id)
    own = {"item_id": paths.item_id, "category": category, "location_id": paths.location_id}
    rows: Any = table.to_pandas(date_as_object=False)
    for row in rows.to_dict("records"):
        series = np.ones(len(result), bool)
        for name in _FIELDS:
            if row[name]:
                series &= own[name] == row[name]
        result[series] *= 1.0 + (row["factor"] - 1.0) * _covered(paths, row["from"], row["to"])
    return result


def _covered(paths: DemandPaths, first: Any, last: Any) -> Floats:
    """Return the share of each period's days from the first to the last day, shape (period,); NaT is an open side."""
    width = paths.dates[1] - paths.dates[0] if len(paths.dates) > 1 else np.timedelta64(1, "D")
    begin, end = paths.dates, paths.dates + width
    if not pd.isna(first):
        begin = np.maximum(begin, np.datetime64(first, "D"))
    if not pd.isna(last):
        end = np.minimum(end, np.datetime64(last, "D") + np.timedelta64(1, "D"))
    return np.asarray(np.maximum((end - begin) / width, 0.0))
