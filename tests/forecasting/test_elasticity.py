"""Price response: what sold at other prices, shrunk; judged on a company whose elasticities are known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from forecasting.elasticity import _above, estimate, price_response
from forecasting.price_tables import PriceHistory, price_history, reference_prices
from scenarios.assortment import listed_pairs
from scenarios.demo import Size, write_demo
from scenarios.load import load_world
from tests.forecasting.panels import make_panel

# 240 series in 60 items share what chance there is; a wrong model misses by several times as much.
BIAS, COVERED = 0.15, (0.83, 0.96)
# Poisson counts of a year identify an elasticity to about this.
CLOSE = 0.25
NUMERIC = 1e-6


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    folder = tmp_path_factory.mktemp("company")
    write_demo(folder, Size(), seed=1)
    world = load_world(folder)
    pairs = listed_pairs(world)
    pairs = pairs[pairs["location_id"] != "DC1"]
    truth = pd.read_parquet(folder / "truth" / "items.parquet").set_index("item_id")["elasticity"]
    table = pa.table({name: pairs[name] for name in ("item_id", "location_id")})
    return world, table, truth


def promoted_prices(series, periods, rng, depth=0.3):
    """One week in eight at a lower price, every series at its own time."""
    price = np.full((series, periods), 4.0)
    for row in price:
        for start in range(0, periods, 56):
            at = start + 7 * int(rng.integers(8))
            row[at : at + 7] *= 1 - depth
    return price


def history(price, promoted=None):
    return PriceHistory(price, np.zeros(price.shape, bool) if promoted is None else promoted)


def one_item(units, share=None):
    """A panel whose series are places of one item."""
    panel = make_panel(units, share)
    places = np.array([f"S{i}" for i in range(panel.series)], dtype=object)
    return replace(panel, item_id=np.full(panel.series, "i", dtype=object), location_id=places)


def test_nine_of_ten_intervals_hold_the_true_elasticity_and_the_mean_is_right(company):
    world, pairs, truth = company
    response = price_response(world, pairs)
    true = truth.reindex(response.item_id).to_numpy()
    covered = ((true >= response.quantile(0.05)) & (true <= response.quantile(0.95))).mean()
    assert COVERED[0] <= covered <= COVERED[1]
    assert abs((response.elasticity - true).mean()) < BIAS
    # Knowing nothing, everybody at the prior's mean, is clearly worse.
    assert ((response.elasticity - true) ** 2).mean() < 0.5 * ((-2.0 - true) ** 2).mean()
    assert response.wrong_signs[1] <= 0.02 * len(true)


def test_many_counts_at_two_prices_give_the_elasticity_they_were_drawn_with():
    rng = np.random.default_rng(1)
    price = promoted_prices(6, 392, rng)
    units = rng.poisson(20.0 * (price / 4.0) ** -1.5)
    response = estimate(one_item(units), history(price), np.zeros(6, np.int64))
    assert np.abs(response.elasticity + 1.5).max() < CLOSE


def test_a_level_that_drifts_and_a_season_do_not_pass_for_a_price():
    rng = np.random.default_rng(2)
    price = promoted_prices(6, 392, rng)
    drift = np.linspace(1.0, 4.0, 392) * (1 + 0.4 * np.sin(2 * np.pi * np.arange(392) / 7))
    units = rng.poisson(8.0 * drift * (price / 4.0) ** -2.5)
    response = estimate(one_item(units), history(price), np.zeros(6, np.int64))
    assert np.abs(response.elasticity + 2.5).max() < CLOSE


def test_stock_outs_on_promotion_days_do_not_flatten_the_response():
    rng = np.random.default_rng(3)
    price = promoted_prices(8, 392, rng)
    wanted = rng.poisson(6.0 * (price / 4.0) ** -2.5)
    sold = np.minimum(wanted, 12)
    share = np.where(wanted > 12, 0.6, 1.0)
    response = estimate(one_item(sold, share), history(price), np.zeros(8, np.int64))
    assert abs(response.elasticity.mean() + 2.5) < CLOSE
    # Leaving those days out would lose the best ones.
    dropped = estimate(one_item(np.where(wanted > 12, np.nan, sold)), history(price), np.zeros(8, np.int64))
    assert dropped.elasticity.mean() > response.elasticity.mean() + CLOSE


def test_a_promotion_that_can_be_told_from_its_price_is_taken_out():
    # Half the promotions come without a lower price, half the lower prices without a promotion; it doubles demand.
    rng = np.random.default_rng(4)
    price, other = promoted_prices(8, 392, rng), promoted_prices(8, 392, rng)
    promoted = other < 4.0
    units = rng.poisson(10.0 * (price / 4.0) ** -2.0 * np.where(promoted, 2.0, 1.0))
    response = estimate(one_item(units), history(price, promoted), np.zeros(8, np.int64))
    assert np.abs(response.elasticity + 2.0).max() < CLOSE


def test_without_another_price_the_prior_stands_and_says_so():
    response = estimate(make_panel(np.ones((2, 112))), history(np.full((2, 112), 3.0)), np.zeros(2, np.int64))
    assert response.elasticity == pytest.approx([-2.0, -2.0])
    assert set(response.source) == {"mostly the prior"}
    # Category, item and series each add their spread: .8, .5 and .2, the last two guesses.
    assert response.deviation == pytest.approx(np.sqrt(0.8**2 + 0.5**2 + 0.2**2))
    assert response.wrong_signs == (0, 0)


def test_a_wrong_sign_is_counted_and_cut_off():
    rng = np.random.default_rng(5)
    price = promoted_prices(6, 392, rng)
    units = rng.poisson(30.0 * (price / 4.0) ** 2.0)
    response = estimate(one_item(units), history(price), np.zeros(6, np.int64))
    assert response.wrong_signs == (6, 6)
    assert (response.elasticity == 0.0).all()
    assert (response.quantile(0.99) <= 0.0).all()


def test_the_order_of_the_series_changes_nothing():
    rng = np.random.default_rng(6)
    price = promoted_prices(5, 224, rng)
    units = rng.poisson(5.0 * (price / 4.0) ** -2.0).astype(float)
    panel, turned = make_panel(units), np.array([3, 0, 4, 2, 1])
    groups = np.array([0, 0, 1, 1, 1])
    plain = estimate(panel, history(price), groups)
    other = estimate(panel.rows(turned), history(price[turned]), groups[turned])
    assert other.elasticity == pytest.approx(plain.elasticity[turned], abs=NUMERIC)
    assert other.deviation == pytest.approx(plain.deviation[turned], abs=NUMERIC)


def test_the_mean_above_a_bound_is_that_of_draws():
    # Mean 6, variance 6 + .3 · 36 = 16.8.
    draws = np.random.default_rng(7).gamma(36 / 16.8, 16.8 / 6, 400_000)
    mean, kept = _above(np.array([8.5]), np.array([6.0]), np.array([0.3]))
    over = draws[draws >= 8.5]
    assert mean[0] == pytest.approx(over.mean(), rel=0.01)
    assert kept[0] == pytest.approx(1 - over.var() / draws.var(), abs=0.02)


def test_the_reference_path_holds_the_last_price_and_plans_promotions(company):
    world, *_ = company
    prices = pa.table(
        {
            "item_id": ["0001", "0001", "0002", "0002"],
            "location_id": ["S01"] * 4,
            "valid_from": pd.to_datetime(["2024-01-01", "2024-11-20", "2024-01-01", "2024-11-20"]).date,
            "price": [2.0, 1.5, 3.0, 2.0],
            "regular_price": [2.0, 2.0, 3.0, 3.0],
        }
    )
    promotions = pa.table(
        {
            "promotion_id": ["a", "b"],
            "item_id": ["0001", "0002"],
            "location_id": ["S01", "S01"],
            "from_date": pd.to_datetime(["2024-11-18", "2024-11-27"]).date,
            "to_date": pd.to_datetime(["2024-11-24", "2024-11-27"]).date,
            "discount": [0.25, 0.5],
        }
    )
    world = world.replace(prices=prices, promotions=promotions)
    ids = np.array(["0001", "0002"], object), np.array(["S01", "S01"], object)
    dates = np.datetime64("2024-11-25") + np.arange(4)
    # 0001: its promotion ended on the 24th, so 2.00 again. 0002: marked down to 2.00; half of 3.00 on the 27th.
    expected = [[2.0, 2.0, 2.0, 2.0], [2.0, 2.0, 1.5, 2.0]]
    assert reference_prices(world, *ids, dates).tolist() == expected
    past = np.datetime64("2023-12-30") + np.arange(3)
    # Before its first price a series has that one.
    assert price_history(world, *ids, past).price.tolist() == [[2.0] * 3, [3.0] * 3]
