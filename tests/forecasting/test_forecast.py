"""The forecast end to end on small panels."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.forecast import ChunkSpec, forecast, forecast_chunk, forecast_task, one_by_one
from forecasting.history import (
    ForecastSettings,
    ForecastTask,
    Part,
    codes_of,
    filter_input,
    own_errors,
    terms_of,
)
from forecasting.keys import series_keys
from forecasting.panel import Panel
from forecasting.paths import quantile_table
from forecasting.pool import fit_pool
from forecasting.priors import Priors, fit_priors
from forecasting.profiles import Profile
from forecasting.smoothing import CLASSES, LevelRule, smooth
from tests.forecasting.panels import SAMPLING, make_panel


def poisson_panel(means, periods, period="day", seed=1):
    means = np.asarray(means, dtype=float)
    return make_panel(np.random.default_rng(seed).poisson(means[:, None], (len(means), periods)), period=period)


def test_two_items_with_thirty_days_get_a_forecast_near_their_mean():
    mean = forecast(poisson_panel([4.0, 20.0], 30), 7, 200, 1).paths.mean().mean(axis=1)
    assert np.all(np.abs(mean - [4.0, 20.0]) < [1.5, 4.0])


def test_a_series_never_sold_yields_zeros():
    result = forecast(make_panel(np.vstack([np.zeros(40), np.full(40, 3.0)])), 7, 50, 1)
    assert not result.paths.steps[0].any()
    assert result.summary["method"][0].as_py() == "never sold in stock: zero"


def sold_elsewhere(periods):
    panel = make_panel(np.vstack([np.full(periods, 8.0), np.zeros(periods)]))
    places = np.array(["S1", "S2"], dtype=object)
    return replace(panel, item_id=np.array(["a", "a"], dtype=object), location_id=places)


def test_a_series_never_sold_yields_zeros_even_where_its_item_sells_elsewhere():
    assert not forecast(sold_elsewhere(60), 7, 50, 1).paths.steps[1].any()


def test_two_days_without_a_sale_do_not_end_a_series():
    assert forecast(sold_elsewhere(2), 7, 50, 1).paths.steps[1].any()


def test_a_constant_series_is_forecast_with_less_spread_than_a_poisson_one():
    paths = forecast(make_panel(np.full((3, 60), 7.0)), 7, 50, 1).paths
    assert paths.steps.std() < 0.5 * np.sqrt(7.0)
    np.testing.assert_allclose(paths.mean(), 7.0, rtol=0.05)


def test_all_zero_series_have_a_row_for_every_period_and_level():
    table = quantile_table(forecast(make_panel(np.zeros((2, 20))), 3, 20, 1).paths, [0.5, 0.975]).to_pandas()
    assert len(table) == 2 * 3 * 3
    assert (table["units"] == 0).all()


def test_a_new_series_is_expected_to_sell_as_its_item_does_elsewhere():
    units = np.vstack([np.full(60, 8.0), np.full(60, np.nan)])
    known = make_panel(units)
    same_item = Panel(
        np.array(["a", "a"], dtype=object),
        np.array(["S1", "S2"], dtype=object),
        known.unit_step,
        known.units,
        known.in_stock_share,
        known.dates,
        "day",
    )
    result = forecast(same_item, 7, 200, 1)
    assert result.paths.mean()[1].mean() == pytest.approx(8.0, rel=SAMPLING)
    assert result.summary["method"][1].as_py() == "pooled prior × profile"


def test_returns_that_outweigh_sales_never_make_demand_negative():
    units = np.where(np.arange(40) % 2, -3.0, 1.0) * np.ones((2, 1))
    steps = forecast(make_panel(units), 7, 20, 1).paths.steps
    assert np.all(steps >= 0)


def test_where_nothing_is_known_nothing_is_expected():
    assert not forecast(make_panel(np.full((2, 5), np.nan)), 3, 10, 1).paths.steps.any()


@pytest.mark.parametrize("periods", [1, 2, 8, 13, 15])
@pytest.mark.parametrize("period", ["day", "week"])
def test_short_histories_work(periods, period):
    paths = forecast(poisson_panel([5.0, 0.3, 40.0], periods, period), 9, 40, 1).paths
    assert paths.steps.shape == (3, 40, 9)
    assert np.all(paths.steps >= 0)


def test_gaps_and_stock_outs_everywhere_work():
    units = np.array([[0.0] * 40, [3.0] * 40, [np.nan] * 20 + [5.0, 0.0] * 10])
    share = np.array([[0.0] * 40, [0.5] * 40, [1.0] * 40])
    result = forecast(make_panel(units, share), 5, 30, 1)
    assert np.isfinite(result.paths.mean()).all()
    assert result.summary["censored_periods"].to_pylist() == [40, 40, 0]
    # Three units sold before stock ran out: demand is above three.
    assert result.paths.mean()[1].mean() > 3.0
    assert result.summary["recovered_units"][1].as_py() > 0.0


def test_sums_over_the_lead_time_cover_what_comes():
    # 400 series whose level moves: of the next 7-day sums nine in ten should lie below the .9 quantile.
    rng = np.random.default_rng(1)
    level = 20.0 * np.exp(np.cumsum(rng.normal(0.0, 0.05, (400, 97)), axis=1))
    units = rng.poisson(level)
    sums = forecast(make_panel(units[:, :90]), 7, 200, 1).paths.steps.sum(axis=2)
    for level_wanted in (0.5, 0.8, 0.95):
        quantile = np.quantile(sums, level_wanted, axis=1)
        assert np.mean(units[:, 90:].sum(axis=1) <= quantile) == pytest.approx(level_wanted, abs=0.08)


def test_weekly_forecasts_follow_the_season():
    panel = make_panel(np.ones((30, 156)), period="week", start="2021-01-04")
    season = 1.0 + 0.5 * np.sin(2.0 * np.pi * np.arange(164) / 52.18)
    units = np.random.default_rng(1).poisson(30.0 * season, (30, 164))
    mean = forecast(replace(panel, units=units[:, :156].astype(float)), 8, 100, 1).paths.mean().mean(axis=0)
    np.testing.assert_allclose(mean, 30.0 * season[156:], rtol=0.15)


def test_the_chunk_and_the_order_of_running_change_nothing():
    panel = poisson_panel(np.linspace(0.2, 60.0, 23), 50)

    def backwards(function, specs):
        return [function(spec) for spec in reversed(specs)][::-1]

    one = forecast_task(panel, ForecastTask(7, 30, 3))
    many = forecast_task(panel, ForecastTask(7, 30, 3, settings=ForecastSettings(chunk=4)), backwards)
    np.testing.assert_array_equal(one.paths.steps, many.paths.steps)
    assert one.summary.equals(many.summary)


def test_two_spawned_workers_give_the_same_paths():
    panel = poisson_panel(np.linspace(0.2, 60.0, 8), 30)
    task = ForecastTask(7, 20, 3, settings=ForecastSettings(chunk=4))
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        spread = forecast_task(panel, task, lambda function, specs: list(pool.map(function, specs)))
    np.testing.assert_array_equal(spread.paths.steps, forecast_task(panel, task).paths.steps)


def test_what_lies_before_the_history_read_changes_nothing():
    long = poisson_panel([3.0, 9.0], 60)
    settings = ForecastSettings(most_days=40)
    one = forecast_task(long, ForecastTask(7, 20, 3, settings))
    poisoned = replace(long, units=np.where(np.arange(60) < 20, 1e6, long.units))
    np.testing.assert_array_equal(
        one.paths.steps, forecast_task(poisoned, ForecastTask(7, 20, 3, settings)).paths.steps
    )


def test_a_series_has_the_same_paths_alone_as_among_others_under_equal_pooled_parameters():
    panel = poisson_panel(np.linspace(0.2, 60.0, 12), 50)
    task = ForecastTask(7, 30, 3)
    codes = codes_of(panel, None)
    whole = Part(panel, codes, fit_priors(panel, codes))
    pool, terms, _ = fit_pool(whole, task, one_by_one)
    keys = series_keys(panel.item_id, panel.location_id, task.seed)
    every = forecast_chunk(ChunkSpec(whole, keys, pool, terms, task)).steps
    chosen = np.array([5])
    alone = forecast_chunk(ChunkSpec(whole.rows(chosen), keys[chosen], pool, terms.rows(chosen), task)).steps
    np.testing.assert_array_equal(alone[0], every[5])


def test_the_seed_decides_the_paths():
    panel = poisson_panel([3.0, 9.0], 40)
    first, again, other = (forecast(panel, 7, 30, seed).paths.steps for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_panel_is_left_as_it_was():
    panel = poisson_panel([3.0, 9.0], 40)
    before = panel.units.copy(), panel.in_stock_share.copy()
    forecast(panel, 7, 30, 1, groups=np.array([4, 9]))
    np.testing.assert_array_equal(panel.units, before[0])
    np.testing.assert_array_equal(panel.in_stock_share, before[1])


@settings(derandomize=True, max_examples=8, deadline=None)
@given(st.integers(2, 50))
def test_demand_counted_in_larger_units_gives_larger_forecasts_in_proportion(factor):
    panel = poisson_panel([2.0, 6.0], 40)
    scaled = replace(panel, units=panel.units * factor, unit_step=panel.unit_step * factor)
    np.testing.assert_array_equal(forecast(panel, 5, 20, 1).paths.steps, forecast(scaled, 5, 20, 1).paths.steps)


def test_large_values_widen_the_integers():
    assert forecast(make_panel(np.full((1, 30), 50.0)), 3, 10, 1).paths.steps.dtype == np.int16
    assert forecast(make_panel(np.full((1, 30), 5_000.0)), 3, 10, 1).paths.steps.dtype == np.int32


def test_an_empty_panel_gives_an_empty_forecast():
    result = forecast(poisson_panel([1.0, 2.0], 20).rows(slice(0, 0)), 3, 10, 1)
    assert result.paths.steps.shape == (0, 10, 3)
    assert result.summary.num_rows == 0


def test_a_horizon_below_one_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        forecast(poisson_panel([1.0], 20), 0, 10, 1)


def test_groups_of_another_length_are_refused():
    with pytest.raises(ValueError, match="one code per series"):
        forecast(poisson_panel([1.0], 20), 3, 10, 1, groups=np.array([1, 2]))


def test_a_block_is_what_one_past_origin_missed():
    # Levels 2 before the shift and still 2 when origin 21 is taken: twice as much was sold as expected.
    units = np.where(np.arange(28) < 21, 2.0, 4.0)[None]
    panel = make_panel(units)
    part = Part(panel, codes_of(panel, None), Priors(np.array([2.0]), np.ones(1)))
    history = filter_input(part, terms_of(part, Profile(np.ones((1, 7)), 1e9)), ())
    rule = LevelRule(np.array([0.5]), np.ones((CLASSES, 1)), 1.0, 0.25, 1.0)
    ratios, volume = own_errors(history, smooth(history, rule, 1, 0), (np.array([14, 21]), 7))
    np.testing.assert_allclose(ratios[0], [[1.0] * 7, [2.0] * 7], rtol=1e-6)
    assert volume[0].tolist() == [5, 5]


def test_calm_and_wild_weeks_of_the_past_return_in_the_paths():
    # Every series sells 50 a day but half as much in every fourth week: a quarter of the paths must be such weeks.
    week = np.where(np.arange(20) % 4 == 0, 25.0, 50.0)
    panel = make_panel(np.repeat(week, 7)[None] * np.ones((40, 1)))
    sums = forecast(panel, 7, 200, 1).paths.steps.sum(axis=2).astype(float)
    low = sums < 0.7 * sums.mean(axis=1, keepdims=True)
    assert 0.15 < low.mean() < 0.35
    # The same weeks for all series.
    assert np.corrcoef(sums).min() > 0.5


@pytest.mark.parametrize(("value", "step"), [(1e8, 1.0), (5e6, 1e-3)])
def test_what_no_integer_holds_is_cut_off_and_never_turns_negative(value, step):
    units = np.random.default_rng(1).poisson(3.0, (6, 40)).astype(float)
    units[0], units[1, 20] = value, value
    steps = forecast(make_panel(units, step=step), 7, 50, 1).paths.steps
    assert steps.min() >= 0
    assert steps[0].max() > 1e8


def test_days_with_more_returns_than_sales_never_make_a_path_negative():
    units = np.random.default_rng(2).poisson(4.0, (8, 60)).astype(float)
    units[np.random.default_rng(3).random(units.shape) < 0.2] *= -1.0
    units[0] = -3.0
    assert forecast(make_panel(units), 14, 50, 1).paths.steps.min() >= 0


def test_a_company_whose_sales_never_vary_is_forecast_at_them():
    result = forecast(make_panel(np.full((60, 799), 7.0)), 7, 50, 1)
    np.testing.assert_allclose(result.paths.mean(), 7.0, rtol=SAMPLING)


def test_a_series_never_fully_in_stock_is_expected_to_sell_what_it_sold_at_least():
    result = forecast(make_panel(np.full((1, 40), 2.0), share=np.zeros((1, 40))), 7, 50, 1)
    assert result.summary["level"][0].as_py() >= 2.0
