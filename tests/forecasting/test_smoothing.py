"""The level filter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.drift import PRIOR_WEIGHT, drifts, no_drift
from forecasting.smoothing import CLASSES, FilterInput, LevelRule, combine, fit_rule, smooth, volume_class
from tests.forecasting.panels import ROUNDING, SAMPLING


def history_of(units, share=None, prior=0.0, factor=None):
    units = np.asarray(units, dtype=float)
    share = np.ones_like(units) if share is None else np.asarray(share, dtype=float)
    factor = np.ones_like(units) if factor is None else np.asarray(factor, dtype=float)
    mean = np.nan_to_num(units).mean(axis=1)
    empty = np.ones((len(units), 0, units.shape[1] + 1))
    one = np.ones(len(units))
    return FilterInput(units, share, factor, prior * one, one, volume_class(mean), one, empty)


def rule_of(decays, weights, recovery=1.0, variation=0.25, trust=1.0):
    return LevelRule(np.array(decays), np.tile(weights, (CLASSES, 1)).astype(float), recovery, variation, trust)


def slow_level(row, prior, decay):
    """Weighted mean written as the definition: weights a^age, the prior being the oldest observation."""
    values = [prior, *row]
    weights = [decay ** (len(values) - 1 - i) for i in range(len(values))]
    return float(np.dot(weights, values) / np.sum(weights))


def test_the_level_is_the_weighted_mean_by_hand():
    # Decay .5, prior 4, then 2 and 8: (4/4 + 2/2 + 8) / (1/4 + 1/2 + 1) = 10 / 1.75.
    level = smooth(history_of([[2.0, 8.0]], prior=4.0), rule_of([0.5], [1.0]), 1, 0).level
    np.testing.assert_allclose(level, [[4.0, 4.0 / 1.5, 10.0 / 1.75]])


@settings(derandomize=True, max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=20), st.floats(0.1, 1.0), st.floats(0.0, 50.0))
def test_the_recursion_equals_the_definition(row, decay, prior):
    level = smooth(history_of([row], prior=prior), rule_of([decay], [1.0]), 1, 0).level[0, -1]
    assert level == pytest.approx(slow_level(row, prior, decay), rel=1e-9, abs=1e-9)


def test_a_factor_is_divided_out():
    factor = np.array([[0.5, 2.0, 1.0]])
    level = smooth(history_of(6.0 * factor, prior=6.0, factor=factor), rule_of([0.9], [1.0]), 1, 0).level
    np.testing.assert_allclose(level, 6.0)


def test_a_period_out_of_stock_without_sales_changes_nothing():
    out = smooth(history_of([[5.0, 0.0, 0.0]], [[1.0, 0.0, 0.0]], prior=5.0), rule_of([0.8], [1.0]), 1, 0)
    np.testing.assert_allclose(out.level, 5.0)
    np.testing.assert_allclose(out.completed, 5.0)


def test_a_stock_out_below_the_level_lowers_it_less_than_a_sale_of_that_size():
    full = smooth(history_of([[10.0, 4.0]], prior=10.0), rule_of([0.8], [1.0]), 1, 0).level[0, -1]
    bound = smooth(history_of([[10.0, 4.0]], [[1.0, 0.9]], prior=10.0), rule_of([0.8], [1.0]), 1, 0).level[0, -1]
    assert full < bound == pytest.approx(10.0, rel=0.01)


def test_a_stock_out_above_the_level_raises_it_more_than_a_sale_of_that_size():
    full = smooth(history_of([[10.0, 15.0]], prior=10.0), rule_of([0.8], [1.0]), 1, 0).level[0, -1]
    bound = smooth(history_of([[10.0, 15.0]], [[1.0, 0.9]], prior=10.0), rule_of([0.8], [1.0]), 1, 0).level[0, -1]
    assert bound > full > 10.0


def test_gaps_before_the_first_sale_leave_the_prior():
    out = smooth(history_of([[np.nan, np.nan, 6.0]], prior=2.0), rule_of([1.0], [1.0]), 1, 0)
    np.testing.assert_allclose(out.level, [[2.0, 2.0, 2.0, 4.0]])


def test_weights_reproduce_a_known_combination():
    rng = np.random.default_rng(1)
    bank = rng.normal(10.0, 2.0, (500, 3))
    target = bank @ [0.7, 0.0, 0.3]
    np.testing.assert_allclose(combine(bank.T @ bank, bank.T @ target), [0.7, 0.0, 0.3], atol=1e-3)


def test_without_a_past_origin_all_weights_are_equal():
    np.testing.assert_allclose(combine(np.zeros((4, 4)), np.zeros(4)), 0.25)


def test_a_constant_mean_is_forecast_from_slow_levels_and_a_random_walk_from_fast_ones():
    rng = np.random.default_rng(1)
    still = rng.poisson(20.0, (200, 120)).astype(float)
    moving = 50.0 + np.cumsum(rng.normal(0.0, 2.0, (200, 120)), axis=1)
    decays = np.array([0.5, 0.8, 0.95, 1.0])
    slow = fit_rule(history_of(still, prior=20.0), decays, 3, 14).weights[7]
    fast = fit_rule(history_of(moving, prior=50.0), decays, 3, 14).weights[9]
    assert slow @ decays > 0.95
    assert fast @ decays < 0.65


def test_few_data_keep_the_standard_recovery():
    share = np.where(np.arange(30) % 3 == 0, 0.7, 1.0) * np.ones((2, 1))
    units = np.random.default_rng(1).poisson(5.0, (2, 30))
    rule = fit_rule(history_of(units, share, prior=5.0), np.array([0.8, 1.0]), 3, 14)
    assert (rule.recovery, rule.variation) == (1.0, 0.25)


def test_recovery_is_refused_where_it_would_miss_the_periods_in_stock():
    # Stock-outs that hit at random: the units of such a day are low because the day was short, yet the days in stock
    # show that nothing above the bound may be believed in full.
    rng = np.random.default_rng(1)
    demand = rng.poisson(10.0, (300, 100)).astype(float)
    out = rng.random(demand.shape) < 0.5
    history = history_of(demand, np.where(out, 0.9, 1.0), prior=10.0)
    rule = fit_rule(history, np.array([0.9, 1.0]), 3, 14)
    assert rule.recovery < 1.0
    assert smooth(history, rule, 3, 14).level[:, -1].mean() == pytest.approx(10.0, rel=SAMPLING)


def test_drift_is_the_ratio_of_recent_demand_to_the_means_by_hand():
    # Two shops, prior 4 each, both sell 8: before period 2 demand 16 against means 8, with the prior (3+16)/(3+8).
    units = np.full((2, 1), 8.0)
    ones = np.ones_like(units)
    codes = np.zeros(2, dtype=np.int64)
    result, _ = drifts((units, ones, ones), no_drift(np.full(2, 4.0), np.ones(2), codes), np.ones(2), codes, 0.6)
    np.testing.assert_allclose(result, [[1.0, (PRIOR_WEIGHT + 16.0) / (PRIOR_WEIGHT + 8.0)]], atol=ROUNDING)


def test_the_mean_the_drift_is_held_against_learns_from_every_period():
    # One shop, prior 4, sells 8, 8: means before the periods are 4 and (4 + 8)/2 = 6, decay 1.
    units = np.full((1, 2), 8.0)
    ones = np.ones_like(units)
    codes = np.zeros(1, dtype=np.int64)
    result, _ = drifts((units, ones, ones), no_drift(np.array([4.0]), np.ones(1), codes), np.ones(1), codes, 1.0)
    np.testing.assert_allclose(result[0, 2], (PRIOR_WEIGHT + 16.0) / (PRIOR_WEIGHT + 10.0), atol=ROUNDING)


def test_the_drift_moves_the_own_mean():
    history = history_of([[4.0, 4.0]], prior=4.0)._replace(drift=np.array([[[1.0, 1.5, 2.0]]]))
    level = smooth(history, rule_of([0.5, 1.0], [0.0, 0.5, 0.5]), 1, 0).level
    # Own mean 4 throughout; half of the level is the mean, half the mean times the drift.
    np.testing.assert_allclose(level, [[4.0, 5.0, 6.0]])


def test_a_product_that_moves_elsewhere_moves_its_sleeping_shops():
    rng = np.random.default_rng(1)
    wave = 1.0 + 0.6 * np.sign(np.sin(np.arange(120) / 6.0))
    units = rng.poisson(3.0 * wave, (300, 120)).astype(float)
    history = history_of(units, prior=3.0)
    codes = np.zeros(300, int)
    begin = no_drift(history.prior, history.weight, codes)
    drift, _ = drifts((history.units, history.share, history.factor), begin, history.scale, codes, 0.6)
    moved = history._replace(drift=np.repeat(drift[None], 300, axis=0))
    rule = fit_rule(moved, np.array([0.8, 0.95, 1.0]), 2, 14)
    assert rule.weights[5, 3] > 0.5
