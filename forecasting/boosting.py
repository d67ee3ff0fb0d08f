r"""
One gradient-boosted mean for all series, on top of the smoothed level.

With l_io the level of series i at origin o, f the profile and x what ``features`` knows,

    m_io,k = l_io f_i,o+k exp(g(x_io,k)),      y ~ Poisson(m)

g is a sum of regression trees (LightGBM; Ke et al. 2017) fitted to all past origins at once, log(l f) entering as an
offset, each row weighted by one over its series' scale. So the trees learn only what level and profile leave: planned
promotions, holidays, how far recent sales have run from the level and whether they come back.

Errors of the past must be those of a model that has not seen the series: there are two models, each fitted to one half
of the sample, the halves by a hash of the ids, and every series is served by the one it took no part in.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from forecasting.features import FeatureState, Matrix, Rows, expected, feature_names, feature_rows
from forecasting.panel import Floats, Integers

RunAll = Callable[[Callable[[Any], Any], Sequence[Any]], list[Any]]

FOLDS = 2
MOST_GROUPS = 200
# No correction beyond this factor either way.
WIDEST = np.log(12.0)
MISSING_LIBRARY = "no boosted mean: LightGBM does not load here; install libgomp (Debian: apt-get install libgomp1)"


@dataclass(frozen=True)
class BoostSettings:
    """
    Limits and shape of the boosted mean.

    Parameters
    ----------
    rows : int
        Most rows each model is fitted to.
    rounds, leaves, smallest_leaf : int
        Trees, leaves of a tree, rows in a leaf at least.
    rate : float
        Share of each tree's step that is taken.
    fewest_rows : int
        Below this many rows there is no boosted mean.
    errors : int
        Series whose past errors under the boosted mean are kept for the paths.
    origins : int
        Most past origins of those errors.
    """

    rows: int = 150_000
    rounds: int = 60
    leaves: int = 31
    smallest_leaf: int = 200
    rate: float = 0.1
    fewest_rows: int = 20_000
    errors: int = 1_500
    origins: int = 26


class Training(NamedTuple):
    """Rows of one fold: features, units, log of level × profile, weights; category column or -1, settings."""

    features: Matrix
    units: Floats
    offset: Floats
    weight: Floats
    category: int
    settings: BoostSettings


@dataclass(frozen=True)
class Boost:
    """Fitted models as LightGBM text, one per fold, and the names of their features."""

    models: tuple[str, ...]
    names: tuple[str, ...]


def lightgbm() -> Any:
    """Return the module, None where it or the system's OpenMP library is missing."""
    try:
        return importlib.import_module("lightgbm")
    except (ImportError, OSError):
        return None


def training_rows(state: FeatureState, usable: npt.NDArray[np.bool_], last: int, horizon: int, warm_up: int) -> Rows:
    """
    Return all rows (series, origin, lead) whose period is usable and lies before ``last``, one lead per cell.

    The lead runs through 0 .. horizon - 1 from period to period and series to series, so all leads are as frequent and
    every usable period is a target once.
    """
    series, period = np.nonzero(usable[:, :last])
    lead = (series * 5 + period * 3 + period // 7) % horizon
    origin = period - lead
    kept = origin >= np.maximum(state.first[series], 0) + warm_up
    return Rows(series[kept], origin[kept], lead[kept])


def train_fold(training: Training) -> str:
    """Return the model of one fold as text."""
    library, settings = lightgbm(), training.settings
    data = library.Dataset(
        training.features,
        training.units,
        weight=training.weight,
        init_score=training.offset,
        categorical_feature=[training.category] if training.category >= 0 else [],
        params={"max_bin": 63, "verbose": -1, "num_threads": 1, "force_row_wise": True},
    )
    parameters = {
        "objective": "poisson",
        "learning_rate": settings.rate,
        "num_leaves": settings.leaves,
        "min_data_in_leaf": settings.smallest_leaf,
        "feature_fraction": 0.8,
        "lambda_l2": 1.0,
        "max_bin": 63,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "seed": 1,
        "verbose": -1,
    }
    text: str = library.train(parameters, data, settings.rounds).model_to_string()
    return text


def fit_boost(
    state: FeatureState,
    units: Floats,
    rows: Rows,
    sample: tuple[Integers, Floats],
    chance: tuple[BoostSettings, np.random.Generator],
    run_all: RunAll,
) -> Boost | None:
    """
    Return the models fitted to rows of a sample of series, None where rows are too few or LightGBM is missing.

    Parameters
    ----------
    state : FeatureState
    units : array, shape (series, period)
        Targets in steps.
    rows : Rows
    sample : fold of every series (series,), and its weight (series,)
    chance : settings, and the generator that draws rows where there are more than allowed
    run_all : callable
        Fits the folds, possibly side by side.
    """
    (fold, weight), (settings, rng) = sample, chance
    if lightgbm() is None or len(rows.series) < settings.fewest_rows:
        return None
    names = feature_names(state.signals, state.weekly)
    category = names.index("category") if 1 < state.group.max(initial=0) + 1 <= MOST_GROUPS else -1
    specs = []
    for model in range(FOLDS):
        chosen = np.flatnonzero(fold[rows.series] != model)
        if len(chosen) < settings.fewest_rows // FOLDS // 2:
            return None
        if len(chosen) > settings.rows:
            chosen = np.sort(rng.choice(chosen, settings.rows, replace=False))
        part = Rows(*(column[chosen] for column in rows))
        y = np.maximum(units[part.series, part.origin + part.lead], 0.0)
        offset = np.log(expected(state, part))
        specs.append(Training(feature_rows(state, part), y, offset, weight[part.series], category, settings))
    return Boost(tuple(run_all(train_fold, specs)), tuple(names))


def corrections(boost: Boost, state: FeatureState, rows: Rows, fold: Integers) -> Floats:
    """Return exp(g) of every row, each from the model its series' fold (series,) took no part in."""
    library = lightgbm()
    log = np.zeros(len(rows.series))
    for model, text in enumerate(boost.models):
        chosen = np.flatnonzero(fold[rows.series] == model)
        if len(chosen):
            part = Rows(*(column[chosen] for column in rows))
            booster = library.Booster(model_str=text)
            log[chosen] = booster.predict(feature_rows(state, part), raw_score=True, num_threads=1)
    return np.asarray(np.exp(np.clip(log, -WIDEST, WIDEST)))


def future_corrections(boost: Boost, state: FeatureState, fold: Integers, horizon: int) -> Floats:
    """Return exp(g) of the periods from the plan date on, shape (series, horizon)."""
    return grid_corrections(boost, state, fold, (np.array([state.level.shape[1] - 1]), horizon))[:, 0]


def grid_corrections(boost: Boost, state: FeatureState, fold: Integers, times: tuple[Integers, int]) -> Floats:
    """Return exp(g) at some origins for the first leads, shape (series, origin, lead)."""
    origins, leads = times
    shape = (len(state.level), len(origins), leads)
    i, o, k = (axis.ravel() for axis in np.indices(shape))
    return corrections(boost, state, Rows(i, origins[o], k), fold).reshape(shape)


def contributions(boost: Boost, state: FeatureState, fold: Integers, horizon: int) -> dict[str, Floats]:
    """Return each feature's mean part of log exp(g) over the horizon, shape (series,) (Lundberg and Lee 2017)."""
    library, now = lightgbm(), state.level.shape[1] - 1
    i, k = (axis.ravel() for axis in np.indices((len(state.level), horizon)))
    rows = Rows(i, np.full(len(i), now), k)
    parts = np.zeros((len(i), len(boost.names) + 1))
    for model, text in enumerate(boost.models):
        chosen = np.flatnonzero(fold[i] == model)
        if len(chosen):
            features = feature_rows(state, Rows(*(column[chosen] for column in rows)))
            parts[chosen] = library.Booster(model_str=text).predict(features, pred_contrib=True, num_threads=1)
    mean = parts.reshape(len(state.level), horizon, -1).mean(axis=1)
    # The last column is the mean of all forecasts; it is the same for every series.
    return {name: mean[:, column] for column, name in enumerate((*boost.names, "all series"))}
