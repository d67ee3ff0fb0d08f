r"""
The forecast against what came: whether it is still right, where a miss costs most, and what follows from it.

For every series and period t since a forecast, in stock, with mean m_t, error e_t = y_t - m_t, pinball loss l_t over
the quantiles written, and weights g = .1, g' = .02,

    E <- (1 - g) E + g e_t,   M <- (1 - g) M + g |e_t|,   F <- (1 - g) F + g m_t,   tracking signal = E / M in [-1, 1]
    C <- (1 - g) C + g 1(y_t <= q_t)      share covered by the highest quantile q the forecast was written with
    L <- (1 - g) L + g l_t,   U <- (1 - g') U + g' l_t      loss of late, and usual loss

A forecast that is right has errors of both signs, so E / M stays near 0; near 1 or -1 all errors lie on one side
(Trigg 1964, Operational Research Quarterly 15(3)). What sells one a month misses to one side for weeks and is right,
so |E| must also be beyond twice the deviation that counts around F would give it, sqrt(F g / (2 - g)) steps. E, M, F,
C, L, U and the number of periods are all that is remembered: one day added to the state of yesterday gives the state of
all days at once.

Decisions. A series with an alarm follows its sales fast (``smoothing.HASTY``), and its lines wait for a person where it
is among those that carry most of the money at risk. Where the figures of a group are off, parameters are learnt anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.panel import Floats, Integers, Panel
from forecasting.scores import pinball

WEIGHT = 0.1
SLOW_WEIGHT = 0.02
# With weight .1 a right forecast lies beyond this less than once in a hundred periods.
ALARM = 0.7
DEVIATIONS = 2.0
FEWEST_PERIODS = 14
# Series whose lines wait carry this share of the money at risk.
HELD_SHARE = 0.8
# A group is off where the highest quantile covers that much less than it says, the loss of late is that many times the
# usual one, or series with an alarm carry that share of its sales at cost; series count from that many periods on.
LEAST_SHORTFALL, WORSE, MOST_ALARMED = 0.05, 1.5, 0.25
GROUP_PERIODS = 28
_KEYS = ["item_id", "location_id"]
STATE = ("error", "absolute", "expected", "covered", "loss", "usual", "periods")


@dataclass(frozen=True)
class Alarm:
    """A series whose forecast errs to one side: tracking signal, mean error a period in units, money a period."""

    item_id: str
    location_id: str
    signal: float
    error: float
    money: float


@dataclass(frozen=True)
class GroupAlarm:
    """A figure of a group that is off: what it is, its limit either way, and the group's sales at cost a period."""

    group: int
    name: str
    now: float
    limit: float
    money: float


def watched(before: pd.DataFrame | None, forecast: pd.DataFrame, panel: Panel) -> pd.DataFrame:
    """
    Return the state of every series of the panel after the periods a forecast can be compared on.

    Parameters
    ----------
    before : DataFrame, optional
        The state it continues: item_id, location_id and the columns of ``STATE``.
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
            quantiles = [(float(level), written[level].reindex(index).to_numpy(float)) for level in levels]
            losses = [pinball(actual, value, level) for level, value in quantiles] or [np.abs(actual - mean)]
            state = _one_period(state, actual, (mean, high, np.mean(losses, axis=0)))
    return pd.DataFrame(state, index=index).reset_index()


def _state(before: pd.DataFrame | None, index: pd.MultiIndex) -> dict[str, Floats]:
    """Return the remembered state in the order of the series, zeros for new ones."""
    if before is None:
        return {name: np.zeros(len(index)) for name in STATE}
    frame = before.set_index(_KEYS).reindex(index)
    zero = pd.Series(0.0, index)
    return {name: np.asarray(frame.get(name, zero).fillna(0.0), np.float64) for name in STATE}


def _one_period(state: dict[str, Floats], actual: Floats, forecast: tuple[Floats, Floats, Floats]) -> dict[str, Floats]:
    """Return the state one period later; a period not fully in stock, or not forecast, leaves it."""
    mean, high, loss = forecast
    error = actual - mean
    seen = np.isfinite(error)
    new = {"error": error, "absolute": np.abs(error), "expected": mean, "covered": (actual <= high).astype(float)}
    new |= {"loss": loss, "usual": loss}
    moved = {}
    for name, value in new.items():
        weight = SLOW_WEIGHT if name == "usual" else WEIGHT
        moved[name] = np.where(seen, (1 - weight) * state[name] + weight * np.nan_to_num(value), state[name])
    return {**moved, "periods": state["periods"] + seen}


def alarms(state: pd.DataFrame, unit_cost: pd.Series[float], unit_step: pd.Series[float] | None = None) -> list[Alarm]:
    """Return the series whose forecast errs to one side, most money first; cost of a unit and smallest unit by item."""
    old = state[(state["periods"] >= FEWEST_PERIODS) & (state["absolute"] > 0.0)]
    steps = 1.0 if unit_step is None else old["item_id"].map(unit_step).fillna(1.0).astype(float)
    deviation = np.sqrt(old["expected"].clip(lower=0.0) * steps * WEIGHT / (2.0 - WEIGHT))
    cost = old["item_id"].map(unit_cost).fillna(0.0).astype(float)
    signal = old["error"] / old["absolute"]
    beyond = (signal.abs() > ALARM) & (old["error"].abs() > DEVIATIONS * deviation)
    # Both sums began at zero and share that, so their ratio needs no correction; the mean error does.
    error = old["error"] / (1.0 - (1.0 - WEIGHT) ** old["periods"])
    found = old.assign(signal=signal, error=error, money=error.abs() * cost)[beyond]
    rows: Any = found.sort_values(["money", *_KEYS], ascending=[False, True, True]).to_dict("records")
    return [Alarm(r["item_id"], r["location_id"], r["signal"], r["error"], r["money"]) for r in rows]


def held(found: list[Alarm]) -> list[Alarm]:
    """Return the fewest alarms, the dearest first, that carry most of the money at risk."""
    total = sum(alarm.money for alarm in found)
    before = np.cumsum([0.0, *(alarm.money for alarm in found)])[:-1]
    return [alarm for alarm, sofar in zip(found, before, strict=True) if sofar < HELD_SHARE * total]


def group_alarms(
    state: pd.DataFrame, groups: Integers, worth: Floats, found: list[Alarm], top: float | None
) -> list[GroupAlarm]:
    """
    Return the groups whose figures are off, those that sell most at cost first.

    Parameters
    ----------
    state : DataFrame
        In the order of the series.
    groups : integer array, shape (series,)
        Numbered from 0.
    worth : array, shape (series,)
        Cost of a unit.
    found : list of Alarm
    top : float, optional
        Probability of the highest quantile the forecasts were written with.
    """
    periods = state["periods"].to_numpy(float)
    old = periods >= GROUP_PERIODS
    alarmed = pd.MultiIndex.from_frame(state[_KEYS]).isin([(a.item_id, a.location_id) for a in found])
    sums = _group_sums(state, groups, worth, old, alarmed)
    rows = [row for g in np.flatnonzero(sums["series"] > 0) for row in _of_group(int(g), sums, top)]
    return sorted(rows, key=lambda row: (-row.money, row.group, row.name))


def _of_group(g: int, sums: dict[str, Floats], top: float | None) -> list[GroupAlarm]:
    """Return what is off in one group."""
    series, sales = float(sums["series"][g]), float(sums["sales"][g])
    rows = []
    if top is not None:
        error = 3.0 * np.sqrt(top * (1.0 - top) * WEIGHT / (2.0 - WEIGHT) / series)
        limit, now = float(top - max(LEAST_SHORTFALL, error)), float(sums["covered"][g]) / series
        if now < limit:
            rows.append(GroupAlarm(g, f"share covered by the {top:g} quantile", now, limit, sales))
    for name, (above, below, limit) in {
        "loss of late against the usual": ("loss", "usual", WORSE),
        "share of sales with an alarm": ("alarmed", "sales", MOST_ALARMED),
    }.items():
        if sums[above][g] > limit * sums[below][g] > 0.0:
            rows.append(GroupAlarm(g, name, float(sums[above][g] / sums[below][g]), limit, sales))
    return rows


def _group_sums(
    state: pd.DataFrame, groups: Integers, worth: Floats, old: npt.NDArray[np.bool_], alarmed: npt.NDArray[np.bool_]
) -> dict[str, Floats]:
    """Return sums over the series of every group that are old enough, in units at cost but for shares covered."""
    periods = np.maximum(state["periods"].to_numpy(float), 1.0)
    late, slow = 1.0 - (1.0 - WEIGHT) ** periods, 1.0 - (1.0 - SLOW_WEIGHT) ** periods
    sales = worth * state["expected"].to_numpy(float) / late
    columns = {
        "series": np.ones(len(state)),
        "covered": state["covered"].to_numpy(float) / late,
        "loss": worth * state["loss"].to_numpy(float) / late,
        "usual": worth * state["usual"].to_numpy(float) / slow,
        "sales": sales,
        "alarmed": np.where(alarmed, sales, 0.0),
    }
    size = int(groups.max(initial=-1)) + 1
    return {name: np.bincount(groups[old], values[old], size).astype(np.float64) for name, values in columns.items()}
