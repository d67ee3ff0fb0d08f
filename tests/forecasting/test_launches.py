"""New items at places: how long what was expected counts, and what a launch makes of its first weeks."""

from dataclasses import replace

import numpy as np
import pytest

from forecasting.forecast import forecast_task
from forecasting.history import ForecastSettings, ForecastTask
from forecasting.launches import BEFORE_WEEKS, WEEKS, fit_launches, launch_factors
from forecasting.priors import WEIGHT_RANGE, fit_priors
from forecasting.profiles import in_stock
from tests.forecasting.panels import ROUNDING, SAMPLING, make_panel

SPREAD = 0.5
TASK = ForecastTask(7, 50, 1, ForecastSettings(boost=None, upper=None))


def places_of_items(young, old=40, items=10, days=120, seed=1):
    """Items that sell at places at rates gamma around their own mean; half of the places began `young` days ago."""
    rng = np.random.default_rng(seed)
    mean = np.repeat(rng.gamma(2.0, 1.5, items), old)
    rate = mean * rng.gamma(1.0 / SPREAD**2, SPREAD**2, len(mean))
    units = rng.poisson(rate[:, None], (len(rate), days)).astype(float)
    new = np.arange(len(rate)) % old >= old // 2
    units[new, : days - young] = np.nan
    names = np.repeat([f"item{n:02d}" for n in range(items)], old).astype(object)
    places = np.tile([f"S{n:02d}" for n in range(old)], items).astype(object)
    return replace(make_panel(units), item_id=names, location_id=places), rate, new


@pytest.mark.parametrize("young", [2, 5, 12])
def test_the_mean_between_prior_and_own_sales_beats_both(young):
    panel, rate, new = places_of_items(young)
    codes = np.stack([np.unique(panel.item_id, return_inverse=True)[1], np.zeros(panel.series, dtype=np.int64)])
    prior, weight = fit_priors(panel, codes)
    own = np.where(in_stock(panel), panel.units, 0.0).sum(axis=1) / young
    both = (weight * prior + young * own) / (weight + young)
    error = {name: np.abs(value - rate)[new].mean() for name, value in (("prior", prior), ("own", own), ("both", both))}
    assert error["both"] < 0.95 * min(error["prior"], error["own"])
    # What is expected counts for phi / (tau^2 mu) periods: Poisson sales, tau .5.
    inside = new & (weight < WEIGHT_RANGE[1])
    np.testing.assert_allclose((weight * prior)[inside], 1.0 / SPREAD**2, rtol=0.35)


@pytest.mark.parametrize("young", [2, 5, 12])
def test_the_level_of_a_new_series_beats_prior_and_own_mean(young):
    panel, rate, new = places_of_items(young)
    result = forecast_task(panel, TASK)
    codes = np.stack([np.unique(panel.item_id, return_inverse=True)[1], np.zeros(panel.series, dtype=np.int64)])
    prior = fit_priors(panel, codes).mean
    own = np.where(in_stock(panel), panel.units, 0.0).sum(axis=1) / young
    level = result.summary["level"].to_numpy()
    assert np.abs(level - rate)[new].mean() < min(np.abs(prior - rate)[new].mean(), np.abs(own - rate)[new].mean())


def test_a_prior_leaves_the_series_itself_out():
    units = np.vstack([np.full(30, 2.0), np.full(30, 4.0), np.full(30, 30.0)])
    panel = replace(make_panel(units), item_id=np.array(["a", "a", "b"], dtype=object))
    codes = np.array([[0, 0, 1], [0, 0, 0]])
    # Each a expects what the other sells; b has no other place and expects what its group sells.
    np.testing.assert_allclose(fit_priors(panel, codes).mean, [4.0, 2.0, 3.0], atol=ROUNDING)


CURVE = np.concatenate([np.linspace(3.0, 1.0, 7), np.ones(WEEKS - 7)])


def launches(count=80, days=400, seed=2, curve=CURVE):
    """Launches through the year along a curve, and a handful of items that sold all year."""
    rng = np.random.default_rng(seed)
    begin = rng.integers(BEFORE_WEEKS * 7, days - 10, count)
    begin[:10] = 0
    settled = rng.gamma(4.0, 2.0, count)
    week = (np.arange(days + 28)[None] - begin[:, None]) // 7
    shape = np.where(week < WEEKS, curve[np.clip(week, 0, WEEKS - 1)], 1.0)
    rate = settled[:, None] * np.where(begin[:, None] > 0, shape, 1.0)
    units = np.where(week >= 0, rng.poisson(rate), np.nan)
    return make_panel(units[:, :days]), rate, days - begin


def test_the_curve_of_past_launches_is_found():
    panel, _, _ = launches(300)
    found = fit_launches(panel, np.zeros(panel.series, dtype=np.int64))[0]
    np.testing.assert_allclose(found, CURVE, rtol=1.5 * SAMPLING)


def test_each_group_has_the_curve_of_its_own_launches():
    peak, flat = launches(200)[0], launches(200, seed=3, curve=np.ones(WEEKS))[0]
    panel = make_panel(np.vstack([peak.units, flat.units]))
    found = fit_launches(panel, np.repeat([0, 1], 200))
    assert found[0, 0] > 2.4
    assert found[1, 0] < 1.3


def test_few_launches_teach_nothing():
    panel, _, _ = launches(12)
    np.testing.assert_array_equal(fit_launches(panel, np.zeros(12, dtype=np.int64)), np.ones((1, WEEKS)))


def test_the_curve_counts_weeks_from_the_first_day_and_only_for_launches():
    units = np.full((3, 60), 1.0)
    units[1, :40] = np.nan
    units[2] = np.nan
    factors = launch_factors(make_panel(units), np.tile(CURVE, (3, 1)), 14)
    np.testing.assert_array_equal(factors[0], 1.0)
    np.testing.assert_array_equal(factors[1, 40:47], CURVE[0])
    np.testing.assert_array_equal(factors[1, 60:67], CURVE[np.arange(20, 27) // 7])
    # What was never seen begins on the plan date.
    np.testing.assert_array_equal(factors[2, 60:], CURVE[np.arange(14) // 7])


def test_a_launch_is_forecast_to_settle_as_those_before_it_did():
    panel, rate, age = launches(300)
    young = (age < 28) & (age > 7)
    with_curve = forecast_task(panel, replace(TASK, horizon=28)).paths.mean()[young]
    truth = rate[young, 400:]
    held = np.array([np.nanmean(row[-14:]) for row in panel.units[young]])[:, None]
    assert np.abs(with_curve - truth).mean() < 0.7 * np.abs(held - truth).mean()
    assert abs(with_curve.sum() / truth.sum() - 1.0) < 1.5 * SAMPLING


def test_two_days_without_a_sale_elsewhere_are_no_proof_that_nothing_sells():
    units = np.full((2, 14), 5.0)
    units[0, :12], units[0, 12:] = np.nan, 0.0
    panel = replace(make_panel(units), item_id=np.array(["a", "a"], dtype=object))
    # Nothing in two periods: as one sale in two, phi 1 and tau 1 make it count for two periods of the other place.
    assert fit_priors(panel, np.zeros((2, 2), dtype=np.int64)).weight[1] == pytest.approx(2.0)
    assert forecast_task(panel, TASK).summary["level"][1].as_py() > 3.0
