r"""
The forecast against what came: whether it is still right, and where a miss costs most.

For every series and period t since a forecast, in stock, with error e_t = y_t - mean_t and weight g,

    E <- (1 - g) E + g e_t,   M <- (1 - g) M + g |e_t|,   tracking signal = E / M in [-1, 1]
    C <- (1 - g) C + g 1(y_t <= q_t)      share covered by the highest quantile q the forecast was written with

A forecast that is right has errors of both signs, so E / M stays near 0; near 1 or -1 all errors lie on one side
(Trigg 1964, Operational Research Quarterly 15(3)). E, M, C and the number of periods are all that is remembered: one
day added to the state of yesterday gives the state of all days at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from forecasting.panel import Floats, Panel

WEIGHT = 0.1
# With weight .1 a right forecast lies beyond this less than once in a hundred periods.
ALARM = 0.7
FEWEST_PERIODS = 14
_KEYS = ["item_id", "location_id"]
STATE = ("error", "absolute", "covered", "periods")


@dataclass(frozen=True)
class Alarm:
    """A series whose forecast errs to one side: tracking signal, mean error a period in units, money a period."""

    item_id: str
    location_id: str
    signal: float
    error: float
    money: float


def watched(before: pd.DataFrame | None, forecast: pd.DataFrame, panel: Panel) -> pd.DataFrame:
    """
    Return the state of every series of the panel after the periods a forecast can be compared on.

    Parameters
    ----------
    before : DataFrame, optional
        The state it continues: item_id, location_id, error, absolute, covered, periods.
    forecast : DataFrame
        Rows item_id, location_id, date, level, units as they were written then; dates on or after the plan date are
        not read.
    panel : Panel
        What came, up to the period before the plan date.
    """
    index = pd.MultiIndex.from_arrays([panel.item_id, panel.location_id], names=_KEYS)
    state = _state(before, index)
    known = forecast[forecast["date"].isin(panel.dates.astype(object))]
    if len(known):
        levels = sorted((level for level in known["level"].unique() if level != "mean"), key=float)
        top = levels[-1] if levels else "mean"
        for date in sorted(known["date"].unique()):
            rows = known[known["date"] == date].set_index(_KEYS)
            written = {level: part["units"] for level, part in rows.groupby("level", observed=True)}
            mean, high = (written[level].reindex(index).to_numpy(float) for level in ("mean", top))
            column = int(np.searchsorted(panel.dates, np.datetime64(date)))
            actual = np.where(panel.in_stock_share[:, column] >= 1.0, panel.units[:, column], np.nan)
            state = _one_period(state, actual, mean, high)
    return pd.DataFrame(state, index=index).reset_index()


def _state(before: pd.DataFrame | None, index: pd.MultiIndex) -> dict[str, Floats]:
    """Return the remembered state in the order of the series, zeros for new ones."""
    if before is None:
        return {name: np.zeros(len(index)) for name in STATE}
    frame = before.set_index(_KEYS).reindex(index)
    return {name: frame[name].fillna(0.0).to_numpy(float) for name in STATE}


def _one_period(state: dict[str, Floats], actual: Floats, mean: Floats, high: Floats) -> dict[str, Floats]:
    """Return the state one period later; a period not fully in stock, or not forecast, leaves it."""
    error = actual - mean
    seen = np.isfinite(error)
    new = {"error": error, "absolute": np.abs(error), "covered": (actual <= high).astype(float)}
    moved = {
        name: np.where(seen, (1 - WEIGHT) * state[name] + WEIGHT * np.nan_to_num(value), state[name])
        for name, value in new.items()
    }
    return {**moved, "periods": state["periods"] + seen}


def alarms(state: pd.DataFrame, unit_cost: pd.Series[float]) -> list[Alarm]:
    """Return the series whose tracking signal is beyond the limit, most money first; ``unit_cost`` is by item."""
    old = state[(state["periods"] >= FEWEST_PERIODS) & (state["absolute"] > 0.0)]
    # Both sums began at zero and share that, so their ratio needs no correction; the mean error does.
    grown = 1.0 - (1.0 - WEIGHT) ** old["periods"]
    old = old.assign(signal=old["error"] / old["absolute"], error=old["error"] / grown)
    cost = old["item_id"].map(unit_cost).fillna(0.0).astype(float)
    old = old.assign(money=old["error"].abs() * cost)
    beyond = old[old["signal"].abs() > ALARM].sort_values(["money", *_KEYS], ascending=[False, True, True])
    rows: Any = beyond.to_dict("records")
    return [Alarm(r["item_id"], r["location_id"], r["signal"], r["error"], r["money"]) for r in rows]
