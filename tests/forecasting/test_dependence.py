"""What the paths of different series have in common."""

from dataclasses import replace

import numpy as np
import pytest

from forecasting.dependence import ordered_as_sold
from forecasting.forecast import forecast_task
from forecasting.history import ForecastSettings, ForecastTask
from tests.forecasting.panels import SAMPLING, make_panel

SERIES, PERIODS = 80, 140


def test_the_path_of_the_best_week_is_the_highest_one():
    # Weeks of 9, 1 and 5 sold stand behind the paths: the highest of 4, 6 and 2 goes first, the lowest second.
    steps = np.array([[[4], [6], [2]]], dtype=np.int32)
    dates = np.array([[0], [1], [2]]), np.array([0, 1, 2]), 1
    ordered = ordered_as_sold(steps, np.array([[9.0, 1.0, 5.0]]), dates, np.array([7], dtype=np.uint64))
    assert ordered[0, :, 0].tolist() == [6, 2, 4]


def shaken():
    """Weeks that are good or bad for all series alike."""
    rng = np.random.default_rng(1)
    weather = np.exp(0.4 * np.repeat(rng.normal(0.0, 1.0, PERIODS // 7), 7))
    return make_panel(rng.poisson(10.0 * weather, (SERIES, PERIODS)))


@pytest.fixture(scope="module")
def drawn():
    task = ForecastTask(7, 200, 1, ForecastSettings(boost=None, upper=None))
    panel = shaken()
    kinds = ("shock", "schaake", "independent")
    return {
        kind: forecast_task(panel, replace(task, settings=replace(task.settings, dependence=kind))).paths
        for kind in kinds
    }


def relative_spread(paths):
    total = paths.steps.sum(axis=(0, 2))
    return total.std() / total.mean()


def test_common_weeks_widen_the_total_unless_series_are_independent(drawn):
    assert relative_spread(drawn["shock"]) > 0.25
    assert relative_spread(drawn["schaake"]) > 0.2
    # Of 80 independent series the relative spread is a ninth of one's.
    assert relative_spread(drawn["independent"]) < 0.1


def test_each_series_sells_the_same_under_every_dependence(drawn):
    for kind in ("schaake", "independent"):
        mean, other = drawn["shock"].mean(), drawn[kind].mean()
        assert np.abs(other - mean).max() / mean.mean() < SAMPLING
        spread = [np.mean(drawn[name].steps.std(axis=1)) for name in ("shock", kind)]
        assert spread[1] == pytest.approx(spread[0], rel=SAMPLING)


def test_the_order_of_the_weeks_only_reorders_independent_paths(drawn):
    whole = [np.sort(drawn[kind].steps.sum(axis=2), axis=1) for kind in ("schaake", "independent")]
    np.testing.assert_array_equal(*whole)
