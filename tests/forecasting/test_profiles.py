"""Weekdays and weeks of the year."""

import numpy as np
import pytest

from forecasting.profiles import fit_profile, positions, series_factors
from tests.forecasting.panels import SAMPLING, make_panel

WEEKDAYS = np.array([0.5, 0.6, 0.8, 1.0, 1.2, 1.6, 1.3])


def groups_of(panel):
    return np.zeros(panel.series, dtype=np.int64)


def test_monday_is_the_first_weekday():
    assert positions(np.array(["2024-01-01", "2024-01-07"], dtype="datetime64[D]"), "day").tolist() == [0, 6]


@pytest.mark.parametrize(
    ("monday", "position"),
    [
        ("2023-12-18", 0),
        ("2022-12-19", 0),
        ("2023-12-25", 1),
        ("2020-12-21", 0),
        ("2025-12-22", 0),
        ("2025-12-15", 51),
        ("2025-12-01", 49),
        ("2025-11-24", 49),
        ("2025-11-17", 48),
    ],
)
def test_the_last_shopping_week_before_christmas_always_has_position_zero(monday, position):
    # 53 weeks lie between the peaks of 2024 and 2025: two weeks of November and December share a position.
    assert positions(np.array([monday], dtype="datetime64[D]"), "week").tolist() == [position]


def test_noise_around_one_weekday_profile_gives_that_profile_back():
    mean = 20.0 * WEEKDAYS[np.arange(84) % 7]
    panel = make_panel(np.random.default_rng(1).poisson(mean, (200, 84)))
    profile = fit_profile(panel, groups_of(panel))
    np.testing.assert_allclose(profile.pooled[0], WEEKDAYS, rtol=SAMPLING)
    factors = series_factors(panel, profile, groups_of(panel))
    assert factors.shape == (200, 7)
    np.testing.assert_allclose(factors.mean(axis=1), 1.0)


def test_groups_keep_their_own_profiles():
    mean = 50.0 * np.vstack([np.tile(WEEKDAYS, 12)] * 100 + [np.tile(WEEKDAYS[::-1], 12)] * 100)
    panel = make_panel(np.random.default_rng(1).poisson(mean))
    profile = fit_profile(panel, np.repeat([0, 1], 100))
    np.testing.assert_allclose(profile.pooled, [WEEKDAYS, WEEKDAYS[::-1]], rtol=SAMPLING)


def test_series_that_differ_are_shrunk_less_than_series_that_agree():
    rng = np.random.default_rng(1)
    alike = make_panel(rng.poisson(10.0, (100, 84)))
    shifts = np.array([np.roll(WEEKDAYS, i % 7) for i in range(100)])
    differing = make_panel(rng.poisson(50.0 * np.tile(shifts, (1, 12))))
    strong, weak = fit_profile(alike, groups_of(alike)), fit_profile(differing, groups_of(differing))
    assert weak.shrinkage < strong.shrinkage


def test_christmas_stays_sharp_in_the_year_profile():
    panel = make_panel(np.full((20, 156), 10.0), period="week", start="2021-01-04")
    peak = positions(panel.dates, "week") == 0
    units = np.where(peak, 30.0, 10.0) * np.ones((20, 1))
    profile = fit_profile(make_panel(units, period="week", start="2021-01-04"), np.zeros(20, dtype=np.int64))
    # Twice seen, three times the usual week; half a year at 1 is added: (2 * 3 + .5) / 2.5 = 2.6 of a normal week.
    ordinary = np.median(profile.pooled[0])
    assert 2.2 < profile.pooled[0, 0] / ordinary < 3.0
    assert profile.pooled[0, 2] / ordinary < 1.1


def test_without_a_year_and_a_half_the_season_is_flat():
    panel = make_panel(np.random.default_rng(1).poisson(5.0, (3, 60)), period="week")
    np.testing.assert_array_equal(fit_profile(panel, groups_of(panel)).pooled, np.ones((1, 52)))
