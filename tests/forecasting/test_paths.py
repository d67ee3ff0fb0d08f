"""Paths and their quantiles."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.paths import DemandPaths, level_name, quantile_table
from tests.forecasting.panels import ROUNDING


def make_paths(steps, weights=None, unit_step=1.0):
    steps = np.asarray(steps, dtype=np.int16)
    series, paths, periods = steps.shape
    weights = np.full(paths, 1 / paths) if weights is None else np.asarray(weights)
    names = np.array([f"i{i}" for i in range(series)], dtype=object)
    dates = np.datetime64("2024-01-01") + np.arange(periods)
    return DemandPaths(steps, names, np.full(series, "S1", dtype=object), np.full(series, unit_step), dates, weights, 1)


def test_four_paths_have_the_quantiles_counted_by_hand():
    # Sorted 0 1 2 5 with weight 1/4 each: .25 is reached at 0, .5 at 1, .51 at 2, .9 at 5; mean 2.
    paths = make_paths([[[5], [0], [2], [1]]], unit_step=0.5)
    table = quantile_table(paths, [0.9, 0.25, 0.5, 0.51]).to_pydict()
    assert table["level"] == ["0.25", "0.5", "0.51", "0.9", "mean"]
    assert table["units"] == [0.0, 0.5, 1.0, 2.5, 1.0]


def test_weights_count():
    # 0 has .7 of the weight, 10 has .3: the .7 quantile is 0, the .71 quantile is 10, the mean is 3.
    table = quantile_table(make_paths([[[10], [0]]], weights=[0.3, 0.7]), [0.7, 0.71]).to_pydict()
    assert table["units"] == [0.0, 10.0, 3.0]


def test_every_series_period_and_level_has_a_row_and_the_table_is_sorted():
    table = quantile_table(make_paths(np.zeros((3, 5, 2))), [0.5, 0.975]).to_pandas()
    assert len(table) == 3 * 2 * 3
    keys = ["item_id", "location_id", "date", "level"]
    texts = table[keys].astype(str)
    assert texts.sort_values(keys).index.tolist() == texts.index.tolist()
    assert (table["units"] == 0).all()


@settings(derandomize=True, max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=2, max_size=12), st.integers(0, 2**32 - 1))
def test_quantiles_never_cross_and_agree_with_numpy(values, seed):
    weights = np.random.default_rng(seed).dirichlet(np.ones(len(values)))
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    even = quantile_table(make_paths([[[v] for v in values]]), levels).to_pydict()["units"][:-1]
    uneven = quantile_table(make_paths([[[v] for v in values]], weights), levels).to_pydict()["units"][:-1]
    assert even == sorted(even)
    assert uneven == sorted(uneven)
    np.testing.assert_allclose(even, np.quantile(values, levels, method="inverted_cdf"), atol=ROUNDING)


def test_units_and_mean_are_in_units():
    paths = make_paths([[[1, 2], [3, 4]]], unit_step=0.1)
    np.testing.assert_allclose(paths.units(0), [[0.1, 0.2], [0.3, 0.4]])
    np.testing.assert_allclose(paths.mean(), [[0.2, 0.3]])


def test_levels_are_written_as_their_shortest_decimal():
    assert [level_name(level) for level in (0.5, 0.975, 0.1)] == ["0.5", "0.975", "0.1"]


def test_a_level_outside_zero_and_one_is_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        quantile_table(make_paths(np.zeros((1, 2, 1))), [1.0])


def test_weights_of_another_length_are_refused():
    with pytest.raises(ValueError, match="one value per path"):
        make_paths(np.zeros((1, 2, 1)), weights=[1.0])


@pytest.mark.parametrize("shape", [(4, 30, 1), (4, 1, 5), (4, 30, 5)])
def test_quantiles_leave_the_paths_in_their_order(shape):
    # One period needs no copy to be sorted along the paths; path 17 of one series would lose that of every other.
    paths = make_paths(np.random.default_rng(1).poisson(9.0, shape))
    before = paths.steps.copy()
    quantile_table(paths, [0.5])
    np.testing.assert_array_equal(paths.steps, before)
