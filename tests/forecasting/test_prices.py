"""Demand at other prices: the same paths, their own responses, the same uniforms."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.paths import DemandPaths
from forecasting.prices import MOST_MULTIPLIER, PriceResponse, response_draws

NUMERIC = 1e-9
# Means over 20,000 draws.
SAMPLING = 0.03


def paths_at_one_price(steps, mean=-2.0, deviation=0.5, price=4.0, seed=1):
    steps = np.asarray(steps, dtype=np.int16)
    series, paths, periods = steps.shape
    items = np.array([f"i{i}" for i in range(series)], dtype=object)
    places = np.full(series, "S1", dtype=object)
    response = PriceResponse(
        items,
        places,
        np.full(series, mean),
        np.full(series, deviation),
        np.full(series, "test", dtype=object),
        np.zeros(series, np.int64),
    )
    dates = np.datetime64("2024-01-01") + np.arange(periods)
    return DemandPaths(
        steps,
        items,
        places,
        np.ones(series),
        dates,
        np.full(paths, 1 / paths),
        seed,
        np.full((series, periods), price),
        response,
    )


def part(paths, chosen):
    return replace(
        paths,
        steps=paths.steps[chosen],
        item_id=paths.item_id[chosen],
        location_id=paths.location_id[chosen],
        unit_step=paths.unit_step[chosen],
        reference_price=paths.reference_price[chosen],
        response=paths.response.rows(chosen),
    )


def some_paths(seed, series=3, **others):
    steps = np.random.default_rng(seed).poisson(3.0, (series, 7, 4))
    return paths_at_one_price(steps, seed=seed, **others)


@settings(derandomize=True, max_examples=30, deadline=None)
@given(seed=st.integers(0, 99), price=st.floats(0.05, 50).map(lambda p: round(p, 2)))
def test_equal_prices_give_equal_steps_bit_for_bit(seed, price):
    paths = some_paths(seed, price=price)
    again = paths.at(np.full((3, 4), price))
    assert again.steps.dtype == paths.steps.dtype
    assert again.steps.tobytes() == paths.steps.tobytes()
    moved = paths.at(np.full((3, 4), price / 2))
    assert moved.at(moved.reference_price).steps.tobytes() == moved.steps.tobytes()


@settings(derandomize=True, max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 99),
    prices=st.tuples(st.integers(1, 2000), st.integers(1, 2000)).map(sorted),
    mean=st.floats(-6, 0),
)
def test_a_lower_price_never_gives_fewer_units_on_any_path(seed, prices, mean):
    paths = some_paths(seed, mean=mean, deviation=1.0)
    low, high = (paths.at(np.full((3, 4), price / 100)).steps for price in prices)
    assert (low >= high).all()


@settings(derandomize=True, max_examples=30, deadline=None)
@given(seed=st.integers(0, 99), chosen=st.permutations([0, 1, 2]), count=st.integers(1, 3))
def test_neither_chunks_nor_other_series_change_a_series(seed, chosen, count):
    paths = some_paths(seed)
    prices = np.array([[3.0] * 4, [2.5] * 4, [4.0, 4.0, 1.0, 1.0]])
    whole = paths.at(prices).steps
    some = np.array(chosen[:count])
    assert (part(paths, some).at(prices[some]).steps == whole[some]).all()
    unlike = prices.copy()
    unlike[2] = 0.5
    assert (paths.at(unlike).steps[:2] == whole[:2]).all()


def test_a_path_keeps_its_number_however_many_there_are():
    paths = some_paths(5)
    fewer = replace(paths, steps=paths.steps[:, :4], weights=np.full(4, 0.25))
    prices = np.full((3, 4), 2.0)
    assert (fewer.at(prices).steps == paths.at(prices).steps[:, :4]).all()


def test_a_period_keeps_its_steps_however_many_there_are():
    paths = some_paths(5)
    prices = np.full((3, 4), 2.0)
    assert (paths.first(2).at(prices[:, :2]).steps == paths.at(prices).steps[:, :, :2]).all()


def test_the_multiplier_is_the_ratio_to_the_power_of_the_elasticity():
    # Elasticity -2 for sure, 3.20 instead of 4.00: 1000 (3.2 / 4)^-2 = 1562.5, so 1562 or 1563, half of them each.
    paths = paths_at_one_price(np.full((1, 2000, 1), 1000), deviation=0.0)
    steps = paths.at(np.full((1, 1), 3.2)).steps
    assert set(np.unique(steps)) == {1562, 1563}
    assert steps.mean() == pytest.approx(1562.5, abs=0.05)


def test_draws_are_normal_cut_off_at_zero():
    # A normal of mean -.5 and deviation 1 below zero: mean -.5 - pdf(.5) / cdf(.5) = -.5 - .35207 / .69146 = -1.00916.
    response = paths_at_one_price(np.zeros((1, 1, 1)), mean=-0.5, deviation=1.0).response
    draws = response_draws(response, 20_000, seed=3)
    assert (draws <= 0.0).all()
    assert draws.mean() == pytest.approx(-1.00916, abs=SAMPLING)
    assert len(np.unique(draws)) == draws.size


def test_a_generator_draws_other_responses_and_the_same_state_the_same():
    paths = paths_at_one_price(np.full((1, 50, 1), 100), deviation=0.8)
    prices = np.full((1, 1), 2.0)
    first, second, third = (paths.at(prices, np.random.default_rng(seed)).steps for seed in (1, 1, 2))
    assert (first == second).all()
    assert (first != third).any()
    assert (paths.at(prices).steps != first).any()


def test_unknown_prices_leave_demand_as_it_is():
    paths = paths_at_one_price(np.full((1, 5, 3), 9))
    assert (paths.at(np.array([[np.nan, 0.0, 4.0]])).steps == 9).all()


def test_demand_is_never_multiplied_beyond_belief_and_wide_results_fit():
    paths = paths_at_one_price(np.full((1, 3, 1), 30_000), mean=-6.0, deviation=0.0)
    steps = paths.at(np.full((1, 1), 0.01)).steps
    assert steps.dtype == np.int32
    assert (steps == 30_000 * MOST_MULTIPLIER).all()


def test_paths_without_a_reference_price_hold_at_one_price_only():
    paths = replace(some_paths(1), reference_price=None)
    with pytest.raises(ValueError, match="no reference price"):
        paths.at(np.ones((3, 4)))
    with pytest.raises(ValueError, match="expected \\(3, 4\\)"):
        some_paths(1).at(np.ones((3, 5)))


def test_inputs_stay_as_they_were():
    paths = some_paths(2)
    before = paths.steps.copy(), paths.reference_price.copy()
    paths.at(np.full((3, 4), 1.0))
    assert (paths.steps == before[0]).all()
    assert (paths.reference_price == before[1]).all()
