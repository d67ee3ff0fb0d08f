"""Whether the forecast is still to be relied on, before it is made: what is learnt anew, hastened, held, and told."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.inputs import Drifted, drifted_inputs
from forecasting.judged import as_forecast
from forecasting.monitor import Alarm, GroupAlarm, alarms, group_alarms, held, watched
from forecasting.panel import Panel
from forecasting.signals import Signals
from optimizer.memory import OVERRIDDEN, Memory
from optimizer.plan.exceptions import ExceptionRow
from scenarios.money import minor_digits
from scenarios.world import World

_KEYS = ["item_id", "location_id"]
_MOST_TOLD = 20
ANEW = "what all series share is learnt anew today"


@dataclass(frozen=True)
class Watch:
    """How the forecasts of the plans before have done against what came, and what follows; N series.

    state: what the next day's watch should know
    hasty: series whose level follows sales fast, shape (N,)
    anew: whether pooled parameters are learnt anew although they are not due
    holds: by item and place, the subject of the exception that holds the release of today's lines
    told: every alarm and what was decided on it
    """

    state: pd.DataFrame
    hasty: npt.NDArray[np.bool_]
    anew: bool
    holds: dict[tuple[str, str], str] = field(default_factory=dict)
    told: list[ExceptionRow] = field(default_factory=list)


def watch(world: World, memory: Memory, panel: Panel, signals: Signals, groups: npt.NDArray[np.int64]) -> Watch:
    """Return what the forecasts before and the inputs of today say about the forecast to be made.

    groups: category of each series of the panel, numbered from 0
    """
    known = memory.state or {}
    written = memory.table("forecast")
    empty = pd.DataFrame(columns=[*_KEYS, "date", "level", "units"])
    own = empty if written is None else as_forecast(written, known.get(OVERRIDDEN))
    state = watched(known.get("monitor"), own, panel)
    items = world.frame("items").set_index("item_id")
    cost = items["unit_cost"].astype(float).fillna(0.0)
    found = alarms(state, cost, items["unit_step"].astype(float))
    worth = np.asarray(cost.reindex(panel.item_id), np.float64)
    off = group_alarms(state, groups, worth, found, _top(written))
    drifted = drifted_inputs(panel, signals, groups, worth)
    names = dict(zip(groups.tolist(), items["category"].fillna("").reindex(panel.item_id), strict=True))
    stopped = held(found)
    told = [_alarm_row(world, alarm, alarm in stopped) for alarm in found[: max(_MOST_TOLD, len(stopped))]]
    told += [_group_row(world, row, names[row.group]) for row in off]
    told += [_drift_row(world, row, names[row.group]) for row in drifted[:_MOST_TOLD]]
    alarmed = {(alarm.item_id, alarm.location_id) for alarm in found}
    hasty = [pair in alarmed for pair in zip(panel.item_id, panel.location_id, strict=True)]
    holds = {(alarm.item_id, alarm.location_id): _subject(alarm) for alarm in stopped}
    return Watch(state, np.array(hasty, bool), bool(off or drifted), holds, told)


def _top(written: pd.DataFrame | None) -> float | None:
    """Return the highest probability the forecast before was written with."""
    levels = [] if written is None else [float(level) for level in written["level"].unique() if level != "mean"]
    return max(levels, default=None)


def _subject(alarm: Alarm) -> str:
    return f"forecast {alarm.item_id} {alarm.location_id}"


def _alarm_row(world: World, alarm: Alarm, stopped: bool) -> ExceptionRow:
    side, waits = "more" if alarm.error > 0 else "less", "; its lines of today wait for a look" if stopped else ""
    text = (
        f"{alarm.item_id} at {alarm.location_id}: {side} sold than forecast, by {abs(alarm.error):,.1f} a period,"
        f" almost always on that side (tracking signal {alarm.signal:+.2f}); its level now follows sales fast{waits}"
    )
    numbers = {"signal": round(alarm.signal, 6), "error": round(alarm.error, 6), "held": stopped}
    return ExceptionRow(_subject(alarm), "forecast off", text, numbers, round(alarm.money * _minor(world)))


def _group_row(world: World, row: GroupAlarm, name: str) -> ExceptionRow:
    text = f"{row.name} of {name or 'all items'} is {row.now:.2f}, the limit {row.limit:.2f}; {ANEW}"
    numbers, money = {"now": round(row.now, 6), "limit": round(row.limit, 6)}, round(row.money * _minor(world))
    return ExceptionRow(f"forecasts {name} {row.name}", "forecasts off", text, numbers, money)


def _drift_row(world: World, row: Drifted, name: str) -> ExceptionRow:
    text = (
        f"{row.name} of {name or 'all items'}: {row.now:.2f} over the last four weeks, usually {row.usual:.2f}; the"
        f" forecast was learnt on the latter, {ANEW}"
    )
    numbers = {"now": round(row.now, 6), "usual": round(row.usual, 6)}
    return ExceptionRow(f"input {name} {row.name}", "input drift", text, numbers, round(row.units * _minor(world)))


def _minor(world: World) -> int:
    return int(10 ** minor_digits(world.policy.currency))


def with_holds(lines: pd.DataFrame, place: str, holds: dict[tuple[str, str], str]) -> pd.DataFrame:
    """Return order or transfer lines with the column `hold`: today's lines of held pairs name what holds them."""
    keys = zip(lines["item_id"], lines[place], lines["status"] == "proposed", strict=True)
    return lines.assign(hold=[holds.get((item, where), "") if today else "" for item, where, today in keys])
