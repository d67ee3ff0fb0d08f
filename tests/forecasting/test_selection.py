"""Who is served by what: losses by hand, and choices that need more than chance."""

import numpy as np
import pytest

from forecasting.bootstrap import recent_weeks, thinned, weekly_paths
from forecasting.forecast import forecast
from forecasting.scores import M5_LEVELS
from forecasting.selection import BOOSTED, METHODS, SMOOTHED, WEEKS, choose, path_losses
from forecasting.smoothing import CLASSES
from tests.forecasting.panels import make_panel


def test_the_loss_of_a_certain_forecast_is_counted_by_hand():
    # Every path says 2; 3 and 5 are sold. Single periods miss by 1 and 3, their sum by 4, so each level costs
    # level x (1 + 3 + 4) / 2 periods, the levels average a half: .5 x 4 = 2, over a scale of 4: a half.
    loss = path_losses(np.full((1, 10, 2), 2, dtype=np.int32), np.array([[3.0, 5.0]]), np.array([4.0]))
    assert np.mean(M5_LEVELS) == pytest.approx(0.5)
    assert loss[0] == pytest.approx(0.5)


def test_periods_that_are_not_known_do_not_count():
    steps = np.full((2, 10, 2), 2, dtype=np.int32)
    loss = path_losses(steps, np.array([[3.0, np.nan], [np.nan, np.nan]]), np.ones(2))
    # One period, missed by 1, as its sum is: .5 x (1 + 1) / 1 = 1.
    assert loss[0] == pytest.approx(1.0)
    assert np.isnan(loss[1])


def cases(smoothed, boosted, weeks, series=100, origins=2):
    losses = np.empty((len(METHODS), origins, series))
    for method, value in ((SMOOTHED, smoothed), (BOOSTED, boosted), (WEEKS, weeks)):
        losses[method] = np.broadcast_to(value, (origins, series))
    return losses, np.full((origins, series), 3)


def test_a_method_that_is_better_at_every_origin_serves_its_class():
    choice = choose(*cases(1.0, 0.9, 1.1))
    assert choice.method[3] == BOOSTED
    assert "boosted mean on the smoothed level 0.900; 200 series" in choice.text(3)


def test_a_method_that_is_better_at_one_origin_only_does_not_serve():
    assert choose(*cases(1.0, np.array([[0.5], [1.01]]), 1.1)).method[3] == SMOOTHED


def test_a_gain_within_its_own_noise_is_not_used():
    noise = np.random.default_rng(1).normal(0.0, 1.0, (2, 100))
    noise -= noise.mean(axis=1, keepdims=True) + 0.01
    assert choose(*cases(1.0, 1.0 + noise, 1.1)).method[3] == SMOOTHED


def test_past_weeks_serve_where_they_win():
    assert choose(*cases(1.0, 0.9, 0.8)).method[3] == WEEKS


def test_a_class_with_few_series_follows_all():
    losses, volume = cases(1.0, 0.9, 1.1)
    assert np.all(choose(losses, volume).method == np.full(CLASSES, BOOSTED))


def test_a_method_not_tried_is_never_chosen():
    assert choose(*cases(1.0, np.nan, 1.1)).method[3] == SMOOTHED


def test_past_weeks_return_as_they_were():
    units = np.arange(28.0)[None].repeat(2, axis=0)
    paths = weekly_paths(units, np.array([[0, 21], [7, 14]]), 7, 10)
    assert paths[1, 0].tolist() == [0, 1, 2, 3, 4, 5, 6, 21, 22, 23]
    assert paths[0, 1].tolist() == [7, 8, 9, 10, 11, 12, 13, 14, 15, 16]


def test_half_of_the_past_weeks_drawn_lie_within_the_half_life():
    # Weights .5 ** (age / 8): ages 1 to 8 of 52 carry (1 - .5) / (1 - .5 ** 6.5) = .506.
    weeks = recent_weeks(364, 7, 20_000, 1, np.random.default_rng(1))
    assert np.mean(weeks >= 364 - 56) == pytest.approx(0.506, abs=0.02)


def test_thinned_origins_keep_the_latest():
    assert thinned(np.arange(0, 70, 7), 5).tolist() == [7, 21, 35, 49, 63]


def test_a_company_whose_weeks_repeat_exactly_is_served_by_its_past_weeks():
    # Sales every third week only, the same for all: level and profile cannot know; 200 series, 30 weeks.
    rng = np.random.default_rng(1)
    pattern = rng.integers(0, 2, (200, 1, 7)) * 20.0
    units = (pattern * np.ones((1, 30, 1))).reshape(200, 210)
    words = forecast(make_panel(units), 7, 50, 1).summary["method"].to_pylist()
    assert words[0].startswith(("whole past weeks", "smoothed level"))
