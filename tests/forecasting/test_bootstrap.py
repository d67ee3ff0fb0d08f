"""Blocks of past errors."""

import numpy as np
import pytest

from forecasting.bootstrap import (
    Draw,
    Library,
    alike,
    block_starts,
    build_library,
    draw_paths,
    group_shocks,
    lasting_errors,
    own_ratios,
    path_blocks,
    spreads,
)
from forecasting.keys import series_keys, uniform
from forecasting.smoothing import CLASSES
from tests.forecasting.panels import SAMPLING


def draw_of(own, mean, own_share=1.0, volume=5):
    own = np.asarray(own, dtype=np.float32)
    series = len(own)
    keys = series_keys(np.array([f"i{i}" for i in range(series)]), np.full(series, "S"), 1)
    return Draw(
        own,
        np.asarray(mean, dtype=float),
        np.full(series, volume, dtype=np.int64),
        np.full(series, float(own_share)),
        np.ones(series),
        keys,
        np.ones(own.shape[:2]),
    )


def empty_library(blocks, length):
    return build_library(
        np.full((0, blocks, length), np.nan, dtype=np.float32),
        np.zeros((0, blocks), dtype=np.int64),
        16,
        np.random.default_rng(1),
    )


def test_origins_are_whole_weeks_before_the_plan_date():
    assert block_starts(40, 7, 7, 14).tolist() == [19, 26, 33]
    assert block_starts(10, 7, 7, 14).tolist() == []


def test_a_missing_period_takes_the_ratio_before_it_and_half_missing_is_unusable():
    missing = np.array([[[False, True, False, False]], [[True, True, False, False]]])
    ratios = own_ratios(np.full((2, 1, 4), 2.0), np.tile([1.0, 9.0, 4.0, 2.0], (2, 1, 1)), missing)
    np.testing.assert_allclose(ratios[0, 0], [0.5, 0.5, 2.0, 1.0])
    assert np.isnan(ratios[1, 0, 0])


def test_every_block_serves_equally_many_paths():
    blocks = path_blocks(4, 20, 3, np.random.default_rng(1))
    assert blocks.shape == (20, 3)
    assert all(np.bincount(blocks[:, k]).tolist() == [5, 5, 5, 5] for k in range(3))


def test_paths_scale_the_blocks_own_ratios_to_the_future_mean():
    # Ratios .5 and 1.5 with mean 10 and 20 are whole numbers already: nothing is left to rounding.
    own = [[[0.5, 1.5], [1.5, 0.5]]]
    blocks = np.array([[0], [1]])
    steps = draw_paths(draw_of(own, [[10.0, 20.0]]), empty_library(2, 2), blocks)
    np.testing.assert_array_equal(steps, [[[5, 30], [15, 10]]])


def test_series_move_together_because_they_share_their_blocks():
    rng = np.random.default_rng(1)
    shock = rng.gamma(4.0, 0.25, (1, 20, 1))
    own = np.broadcast_to(shock, (2, 20, 7))
    blocks = path_blocks(20, 400, 1, rng)
    sums = draw_paths(draw_of(own, np.full((2, 7), 50.0)), empty_library(20, 7), blocks).sum(axis=2)
    assert np.corrcoef(sums)[0, 1] > 0.98


def test_the_path_mean_is_the_forecast_mean():
    rng = np.random.default_rng(1)
    own = rng.gamma(1.0, 2.0, (3, 10, 7))
    mean = np.array([[0.05] * 7, [1.3] * 7, [400.0] * 7])
    steps = draw_paths(draw_of(own, mean, own_share=0.5), empty_library(10, 7), path_blocks(10, 4_000, 1, rng))
    np.testing.assert_allclose(steps.mean(axis=(1, 2)), mean[:, 0], rtol=SAMPLING)


def test_a_horizon_longer_than_a_block_chains_blocks():
    own = [[[1.0, 1.0], [3.0, 3.0]]]
    steps = draw_paths(draw_of(own, np.full((1, 5), 2.0)), empty_library(2, 2), np.array([[0, 1, 0], [1, 0, 1]]))
    # Each period's mean ratio is 2, so values are 1 and 3.
    np.testing.assert_array_equal(steps[0], [[1, 1, 3, 3, 1], [3, 3, 1, 1, 3]])


def test_classes_without_donors_are_wide_where_demand_is_slow():
    library = empty_library(3, 7)
    assert isinstance(library, Library)
    assert library.ratios.shape == (CLASSES, 3, 16, 7)
    assert np.all(library.donors > 0)
    assert library.square[0] > 4.0 * library.square[-1]


def test_a_series_calmer_than_its_class_has_a_smaller_spread():
    library = empty_library(12, 7)
    volume = np.full((2, 12), 6, dtype=np.int64)
    own = np.ones((2, 12, 7), dtype=np.float32)
    own[1] = 1.0 + 3.0 * np.sqrt(library.square[6]) * np.where(np.arange(7) % 2, 1.0, -1.0)
    calm, wild = spreads(own, volume, library.square, 4.0)
    assert calm < 0.8 < 1.2 < wild


@pytest.mark.parametrize("key", [0, 1, 2**63 + 5])
def test_uniforms_are_uniform_and_differ_between_counters(key):
    values = np.array([uniform(np.uint64(key), counter) for counter in range(2_000)])
    assert 0.0 < values.min() < 0.01 < 0.99 < values.max() < 1.0
    assert values.mean() == pytest.approx(0.5, abs=0.03)
    assert len(np.unique(values)) == len(values)


def test_a_key_depends_on_both_ids_and_the_seed():
    keys = [
        series_keys(np.array([i]), np.array([s]), seed)[0]
        for i, s, seed in [("a", "b", 1), ("ab", "", 1), ("a", "b", 2)]
    ]
    assert len(set(keys)) == 3


def test_blocks_of_another_volume_are_not_a_series_own_any_more():
    own = np.ones((1, 3, 2), dtype=np.float32)
    kept = alike(own, np.array([[2, 4, 6]]), np.array([5]))
    # Classes 4 and 6 are next to 5, class 2 is not.
    assert np.isfinite(kept[0, :, 0]).tolist() == [False, True, True]
    assert np.isfinite(own).all()


def test_what_two_blocks_miss_alike_is_what_their_level_missed():
    # Errors of two weeks from 400 origins: a common part of variance 1, and one of 1 of each week's own: r = 1 / 2.
    rng = np.random.default_rng(4)
    common, apart = rng.normal(0.0, 0.1, (40, 400, 1)), rng.normal(0.0, 0.1, (40, 400, 2))
    own = np.repeat(1.0 + common + apart, 7, axis=2).astype(np.float32)
    volume, common = np.full((40, 400), 5), np.repeat(common, 14, axis=2)
    np.testing.assert_allclose(lasting_errors(own, volume), 0.5, atol=SAMPLING)
    np.testing.assert_allclose(lasting_errors((own - common).astype(np.float32), volume), 0.0, atol=SAMPLING)
    own[:, :, 0] = np.nan
    assert not lasting_errors(own, volume).any()


@pytest.mark.parametrize(("lasting", "spread"), [(0.0, 1.0), (1.0, 2.0)])
def test_a_path_that_stays_with_its_origin_misses_on_one_side_for_long(lasting, spread):
    # Weeks at half and at one and a half of the level: two drawn apart vary by 1 + 1, the same one twice by 2 squared.
    own = np.repeat(np.array([0.5, 1.5])[None, :, None], 7, axis=2)
    draw = draw_of(own, np.full((1, 14), 1_000.0))
    library = empty_library(2, 7)._replace(lasting=np.full(CLASSES, lasting))
    blocks = path_blocks(2, 2_000, 2, np.random.default_rng(1))
    weeks = draw_paths(draw, library, blocks)[0].reshape(2_000, 2, 7).sum(axis=2)
    assert weeks.sum(axis=1).var() / weeks[:, 0].var() == pytest.approx(2.0 * spread, rel=SAMPLING)


def test_a_group_that_missed_more_than_all_did_has_a_shock_of_its_own():
    # Two groups of two series, 5,000 steps expected of each: one sold half as much again, the other half as much.
    sold = np.array([[7_500.0], [7_500.0], [2_500.0], [2_500.0]])
    found = group_shocks((sold, np.full((4, 1), 5_000.0)), np.array([0, 0, 1, 1]), 3)
    np.testing.assert_allclose(found[:, 0], [15_050.0 / 10_050.0, 5_050.0 / 10_050.0, 1.0], rtol=1e-3)


def test_series_of_a_group_err_together_where_their_donors_did_not():
    library, blocks = empty_library(2, 7), path_blocks(2, 400, 1, np.random.default_rng(1))
    draw = draw_of(np.full((2, 2, 7), np.nan), np.full((2, 7), 50.0), own_share=0.0)
    apart, together = (
        draw_paths(draw._replace(shock=np.tile(shock, (2, 1))), library, blocks).sum(axis=2)
        for shock in (np.ones(2), np.array([0.5, 1.5]))
    )
    assert abs(np.corrcoef(apart)[0, 1]) < 0.3
    assert np.corrcoef(together)[0, 1] > 0.5
