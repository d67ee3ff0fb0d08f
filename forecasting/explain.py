"""A forecast in words: what moved it away from level and profile, from the trees' own contributions."""

from __future__ import annotations

import numpy as np

from forecasting.boosting import contributions
from forecasting.features import feature_state
from forecasting.forecast import Forecast
from forecasting.history import filter_input
from forecasting.panel import Floats, Integers
from forecasting.selection import BOOSTED
from forecasting.smoothing import smooth, volume_class
from forecasting.trials import folds

# Effects below this share are not worth a word; no more are named than this.
LEAST_EFFECT = 0.02
MOST_DRIVERS = 4
_OWN = {
    "level": "size of the level",
    "profile": "day of the week",
    "weekday": "day of the week",
    "week of the year": "season",
    "a year before": "season",
    "same holiday before": "holiday",
    "this kind of promotion before": "promotion",
    "lead": "time ahead",
    "category": "category",
}


def drivers(forecast: Forecast, chosen: Integers) -> list[str]:
    """
    Return in words what moved the forecast of some series, in their order; empty where the level alone serves.

    Parameters
    ----------
    forecast : Forecast
    chosen : integer array
        Places of the series.
    """
    pool, terms, horizon = forecast.course.learned.pool, forecast.course.terms, forecast.paths.steps.shape[2]
    if pool.boost is None or not len(chosen):
        return [""] * len(chosen)
    part = forecast.whole.rows(chosen)
    history = filter_input(part, terms.rows(chosen), pool.drifts, horizon)
    begin = forecast.course.begin and forecast.course.begin.rows(chosen)
    result = smooth(history, pool.rule, 1, part.panel.units.shape[1], begin)
    state = feature_state(history, result, part.codes[1], part.signals, pool.calendar)
    fold = folds(part.panel.item_id, part.panel.location_id)
    parts = contributions(pool.boost, state, fold, horizon)
    effects = _named(parts)
    served = pool.choice.method[volume_class(np.maximum(result.level[:, -1], 0.0))] == BOOSTED
    each = [{name: float(log[i]) for name, log in effects.items()} for i in range(len(chosen))]
    return [_words(effect) if boosted else "" for effect, boosted in zip(each, served, strict=True)]


def _named(parts: dict[str, Floats]) -> dict[str, Floats]:
    """Return the contributions, those of one cause summed."""
    sums: dict[str, Floats] = {}
    for name, log in parts.items():
        cause = _cause(name)
        sums[cause] = sums.get(cause, 0.0) + log
    return sums


def _cause(name: str) -> str:
    """Return the cause a feature belongs to, in words."""
    if name == "all series":
        return "all products alike"
    if name in _OWN:
        return _OWN[name]
    if name.startswith(("sales of the last", "share of", "days ", "weeks ")) and "holiday" not in name:
        return "how it sold of late"
    return name.split(",")[0]


def _words(effects: dict[str, float]) -> str:
    """Return the largest effects as percentages of the forecast."""
    order = sorted(effects.items(), key=lambda pair: (-abs(pair[1]), pair[0]))
    told = [f"{name} {np.expm1(log):+.0%}" for name, log in order if abs(np.expm1(log)) >= LEAST_EFFECT]
    return ", ".join(told[:MOST_DRIVERS])
