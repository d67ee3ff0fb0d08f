"""The boosted mean: what it learns, what it must not see, and what happens without it."""

from dataclasses import replace

import numpy as np
import pytest

from forecasting import boosting
from forecasting.boosting import BoostSettings, corrections, fit_boost
from forecasting.explain import drivers
from forecasting.features import Calendar, Rows, feature_names, feature_rows, feature_state
from forecasting.forecast import ChunkSpec, forecast_chunk, forecast_task
from forecasting.history import ForecastSettings, ForecastTask, Part, codes_of, filter_input, terms_of
from forecasting.keys import series_keys
from forecasting.paths import path_quantiles
from forecasting.priors import Priors, fit_priors
from forecasting.profiles import Profile, positions
from forecasting.scores import M5_LEVELS
from forecasting.signals import Signals
from forecasting.smoothing import CLASSES, LevelRule, smooth
from tests.forecasting.panels import ROUNDING, make_panel

SMALL = ForecastSettings(boost=BoostSettings(rows=20_000, rounds=60, fewest_rows=2_000, smallest_leaf=50, errors=120))
HORIZON = 7
SERIES, PERIODS = 120, 120
LIFT = 4.0


def promoted_company(seed=1):
    """Every series sells 4 a day, 16 in weeks on promotion: one week in five, at random, also in the future."""
    rng = np.random.default_rng(seed)
    weeks = rng.random((SERIES, (PERIODS + HORIZON) // 7 + 1)) < 0.2
    plane = np.repeat(weeks, 7, axis=1)[:, -(PERIODS + HORIZON) :].astype(np.float32)
    units = rng.poisson(4.0 * np.where(plane[:, :PERIODS] > 0, LIFT, 1.0))
    return make_panel(units), Signals(("promotion",), (plane,))


@pytest.fixture(scope="module")
def promoted():
    panel, signals = promoted_company()
    return panel, signals, forecast_task(panel, ForecastTask(HORIZON, 100, 1, SMALL, signals=signals))


def test_a_planned_promotion_is_forecast_at_what_promotions_brought(promoted):
    _, signals, result = promoted
    mean = result.paths.mean()
    planned = signals.planes[0][:, PERIODS:] > 0
    assert mean[planned].mean() == pytest.approx(16.0, rel=0.15)
    assert mean[~planned].mean() == pytest.approx(4.0, rel=0.15)


def test_the_summary_says_what_serves_and_with_which_scores(promoted):
    words = promoted[2].summary["method"].to_pylist()
    assert all(text.startswith("boosted mean on the smoothed level (loss at past origins:") for text in words)


def test_chunks_and_folds_in_any_order_give_the_same_paths(promoted):
    panel, signals, result = promoted

    def backwards(function, specs):
        return [function(spec) for spec in reversed(specs)][::-1]

    settings = replace(SMALL, chunk=13)
    again = forecast_task(panel, ForecastTask(HORIZON, 100, 1, settings, signals=signals), backwards)
    np.testing.assert_array_equal(result.paths.steps, again.paths.steps)


def test_without_lightgbm_the_filter_serves_and_the_summary_gives_the_remedy(promoted, monkeypatch):
    panel, signals, _ = promoted

    def broken(name):
        if name == "lightgbm":
            raise OSError("libgomp.so.1: cannot open shared object file")
        return load(name)

    load = boosting.importlib.import_module
    monkeypatch.setattr(boosting.importlib, "import_module", broken)
    result = forecast_task(panel, ForecastTask(HORIZON, 20, 1, SMALL, signals=signals))
    assert "install libgomp" in result.summary["method"][0].as_py()
    assert result.paths.steps.any()


def test_without_a_pattern_to_learn_the_filter_serves():
    units = np.random.default_rng(2).poisson(3.0, (SERIES, 80))
    result = forecast_task(make_panel(units), ForecastTask(HORIZON, 20, 1, SMALL))
    assert result.summary["method"][0].as_py().startswith("smoothed level × profile (loss")


def test_a_signal_of_another_length_is_refused():
    panel, signals = promoted_company()
    with pytest.raises(ValueError, match="signal 'promotion' has shape"):
        forecast_task(panel, ForecastTask(HORIZON + 1, 20, 1, SMALL, signals=signals))


def state_of(units, plane):
    panel = make_panel(units)
    codes = codes_of(panel, None)
    part = Part(panel, codes, Priors(np.full(len(units), 2.0), np.ones(len(units))))
    history = filter_input(part, terms_of(part, Profile(np.ones((1, 7)), 1e9)), (), HORIZON)
    rule = LevelRule(np.array([0.9]), np.ones((CLASSES, 1)), 1.0, 0.25, 1.0)
    dates = np.concatenate([panel.dates, panel.future_dates(HORIZON)])
    calendar = Calendar(positions(dates, "day"), False, np.zeros((0, 0), dtype=np.float32))
    return feature_state(history, smooth(history, rule, 1, 0), codes[1], Signals(("promotion",), (plane,)), calendar)


def test_what_comes_after_an_origin_changes_no_feature_of_it():
    rng = np.random.default_rng(3)
    units = rng.poisson(3.0, (4, 60)).astype(float)
    plane = rng.random((4, 60 + HORIZON)).astype(np.float32)
    rows = Rows(np.arange(4), np.full(4, 40), np.array([0, 2, 4, 6]))
    poisoned, later = units.copy(), plane.copy()
    poisoned[:, 40:] = 1e6
    # The period forecast is 46 at most: what is planned after it is not seen either.
    later[:, 47:] = 1e6
    np.testing.assert_array_equal(
        feature_rows(state_of(units, plane), rows), feature_rows(state_of(poisoned, later), rows)
    )


def test_a_series_is_served_by_the_model_that_never_saw_it(monkeypatch):
    # Each row weighs its fold plus one, so the weights tell which half a model was fitted to.
    fold = np.arange(8) % 2
    units = np.random.default_rng(4).poisson(3.0, (8, 60)).astype(float)
    state = state_of(units, np.zeros((8, 60 + HORIZON), dtype=np.float32))
    series, origin = (axis.ravel() for axis in np.indices((8, 50)))
    rows = Rows(series, origin, np.zeros_like(series))
    asked = []

    def kept(function, specs):
        asked.extend(specs)
        return ["first", "second"]

    boost = fit_boost(state, units, rows, (fold, fold + 1.0), (BoostSettings(fewest_rows=10), None), kept)
    assert [set(spec.weight) for spec in asked] == [{2.0}, {1.0}]
    served = {}

    class Library:
        def Booster(self, model_str):  # noqa: N802 - as LightGBM names it
            served[model_str] = 0
            return self

        def predict(self, features, **_):
            served[next(reversed(served))] = len(features)
            return np.full(len(features), float(len(served)))

    monkeypatch.setattr(boosting, "lightgbm", Library)
    found = np.log(corrections(boost, state, rows, fold))
    # The first model, fitted to fold 1, serves fold 0.
    assert served == {"first": 200, "second": 200}
    np.testing.assert_allclose(found, fold[series] + 1.0)


def test_recent_sales_are_counted_as_multiples_of_the_level():
    # Two a day for 53 days, then six a day for the last 7: mean of the last 14 days (7 × 2 + 7 × 6) / 14 = 4.
    units = np.where(np.arange(60) < 53, 2.0, 6.0)[None]
    state = state_of(units, np.zeros((1, 60 + HORIZON), dtype=np.float32))
    row = feature_rows(state, Rows(np.array([0]), np.array([60]), np.array([0])))[0]
    named = dict(zip(feature_names(state.signals, False), row, strict=True))
    level = state.level[0, 60]
    assert named["sales of the last 7 days against the level"] == pytest.approx(6.0 / level, rel=1e-6)
    assert named["sales of the last 14 days against the level"] == pytest.approx(4.0 / level, rel=1e-6)
    assert named["days since the last sale"] == 1.0
    assert named["promotion"] == pytest.approx(0.0, abs=ROUNDING)


def test_the_drivers_of_a_promoted_week_name_the_promotion_first(promoted):
    _, signals, result = promoted
    planned = np.flatnonzero(signals.planes[0][:, PERIODS + 1] > 0)[:5]
    told = drivers(result, planned)
    assert all(words.startswith("promotion +") for words in told)


def test_where_the_level_alone_serves_there_are_no_drivers():
    panel = make_panel(np.random.default_rng(2).poisson(3.0, (5, 40)))
    task = ForecastTask(HORIZON, 20, 1, SMALL)
    assert drivers(forecast_task(panel, task), np.array([1, 3])) == ["", ""]


def test_a_poisoned_future_changes_no_path():
    panel, signals = promoted_company(4)
    task = ForecastTask(HORIZON, 30, 1, SMALL, signals=signals)
    poisoned = make_panel(np.hstack([panel.units, np.full((SERIES, 5), 1e6)])).until(PERIODS)
    np.testing.assert_array_equal(forecast_task(panel, task).paths.steps, forecast_task(poisoned, task).paths.steps)


def test_sums_over_the_company_are_sums_of_paths_and_quantiles_never_cross(promoted):
    paths = promoted[2].paths
    assert np.all(paths.steps >= 0)
    quantiles = path_quantiles(paths.steps, paths.weights, M5_LEVELS)
    assert np.all(np.diff(quantiles, axis=2) >= 0)
    total = paths.steps.astype(np.int64).sum(axis=0)
    halves = paths.steps[:60].astype(np.int64).sum(axis=0) + paths.steps[60:].astype(np.int64).sum(axis=0)
    np.testing.assert_array_equal(total, halves)


def test_a_boosted_series_has_the_same_paths_alone_as_among_others(promoted):
    panel, signals, result = promoted
    task = ForecastTask(HORIZON, 100, 1, SMALL)
    codes = codes_of(panel, None)
    whole = Part(panel, codes, fit_priors(panel, codes), signals)
    keys = series_keys(panel.item_id, panel.location_id, task.seed)
    chosen = np.array([17])
    pool, part = result.course.learned.pool, whole.rows(chosen)
    alone = forecast_chunk(ChunkSpec(part, keys[chosen], pool, terms_of(part, pool.profile), task)).steps
    np.testing.assert_array_equal(alone[0], result.paths.steps[17])


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan])
def test_series_of_zeros_of_one_value_and_of_gaps_are_forecast_beside_promoted_ones(promoted, value):
    panel, signals, _ = promoted
    units = panel.units.copy()
    units[:3] = value
    units[3, ::2] = np.nan
    share = np.ones_like(units)
    # The fifth series never was fully in stock.
    share[4] = 0.5
    odd = replace(panel, units=units, in_stock_share=share)
    steps = forecast_task(odd, ForecastTask(HORIZON, 30, 1, SMALL, signals=signals)).paths.steps
    assert np.all(steps >= 0)
    assert steps[3].any() and steps[4].any()
    assert steps[:3].any() == (value != 0.0)
