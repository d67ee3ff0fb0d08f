"""Demand behind a stock-out."""

import numpy as np
import pytest
from scipy.stats import truncnorm

from forecasting.censoring import censored_mean

TAIL_TOLERANCE = 1e-4


@pytest.mark.parametrize("bound", [0.0, 4.0, 10.0, 13.0, 24.0, 26.0, 60.0])
def test_the_mean_behind_a_bound_is_that_of_the_truncated_normal(bound):
    spread = 0.25 * 10.0
    expected = truncnorm.mean((bound - 10.0) / spread, np.inf, loc=10.0, scale=spread)
    assert censored_mean(bound, 10.0, 0.25) == pytest.approx(expected, rel=TAIL_TOLERANCE)


def test_without_variation_it_is_the_larger_of_bound_and_mean():
    assert censored_mean(3.0, 5.0, 0.0) == 5.0
    assert censored_mean(7.0, 5.0, 0.0) == 7.0


def test_it_never_lies_below_the_bound_and_grows_with_it():
    values = [censored_mean(bound, 10.0, 0.4) for bound in np.linspace(0.0, 200.0, 400)]
    assert np.all(np.diff(values) > -1e-6)
    assert all(value >= bound for value, bound in zip(values, np.linspace(0.0, 200.0, 400), strict=True))
