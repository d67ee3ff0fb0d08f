"""Cross effects: what neighbours' prices do to demand, judged on simulations whose effect is known, and on none."""

from dataclasses import replace

import numpy as np
import pytest

from forecasting.cross import NINETY, CrossEffects, Own, cross_effects, taken
from forecasting.price_tables import PriceHistory
from tests.forecasting.panels import make_panel

NUMERIC = 1e-6
ITEMS, PLACES, WEEKS = 6, 10, 56
SERIES = ITEMS * PLACES
# One category's effect; chance leaves about a tenth outside any 90 % interval.
SEEDS = range(10)


def simulated(seed, effect, everywhere=False, busy=0.0, luck=0.0):
    """Six items at ten places: a fifth of the weeks 30 % off, at each place or everywhere at its own time.

    effect: of the index of the rest; busy: weeks with many offers are busy ones, too; luck: deviation of
    what all items of a place share in a week
    """
    rng = np.random.default_rng(seed)
    item, place = np.repeat(np.arange(ITEMS), PLACES), np.tile(np.arange(PLACES), ITEMS)
    low = rng.random((ITEMS if everywhere else SERIES, WEEKS)) < 0.2
    logs = np.where(low[item] if everywhere else low, np.log(0.7), 0.0)
    total = np.zeros((PLACES, WEEKS))
    np.add.at(total, place, logs)
    rest = (total[place] - logs) / (ITEMS - 1)
    week = rng.normal(0.0, 0.15, WEEKS) - busy * logs.mean(axis=0) + luck * rng.normal(size=(PLACES, WEEKS))[place]
    units = rng.poisson(np.repeat(6.0 * np.exp(-2.0 * logs + effect * rest + week), 7, axis=1)).astype(float)
    panel = replace(
        make_panel(units),
        item_id=np.array([f"i{n}" for n in item], dtype=object),
        location_id=np.array([f"S{n}" for n in place], dtype=object),
    )
    history = PriceHistory(4.0 * np.exp(np.repeat(logs, 7, axis=1)), np.zeros(units.shape, bool))
    return panel, history


def estimated(panel, history):
    known = Own(np.full(panel.series, -2.0), np.zeros(panel.series))
    return cross_effects(panel, history, np.zeros(panel.series, np.int64), known)


@pytest.mark.parametrize(("effect", "busy"), [(0.0, 0.0), (0.0, 2.0), (0.5, 0.0), (0.5, 2.0), (-0.4, 0.0)])
def test_a_known_cross_effect_is_recovered_within_its_interval_and_none_where_there_is_none(effect, busy):
    inside, sure = 0, 0
    for seed in SEEDS:
        found = estimated(*simulated(seed, effect, busy=busy))
        inside += int((np.abs(found.effect - effect) <= NINETY * found.deviation).mean() > 0.5)
        sure += int(found.told().mean() > 0.5)
        assert abs(found.effect.mean() - effect) < 0.2
    assert inside >= 8
    assert sure >= 9 if effect else sure <= 2


def test_luck_that_the_series_of_a_place_share_widens_the_interval():
    # Taken one by one, the series of a place would give four false effects of twenty, and too few intervals that hold.
    none, some = ([estimated(*simulated(seed, effect, luck=0.4)) for seed in range(20)] for effect in (0.0, 0.5))
    assert sum(found.told().mean() > 0.5 for found in none) <= 2
    assert sum((np.abs(found.effect - 0.5) <= NINETY * found.deviation).mean() > 0.5 for found in some) >= 17


def test_prices_that_all_places_change_alike_say_nothing_and_the_interval_says_so():
    for seed in SEEDS:
        found = estimated(*simulated(seed, 0.5, everywhere=True, busy=2.0))
        assert not found.told().any()
        # It is still about that of the prior.
        assert found.deviation.min() > 0.25


def test_without_neighbours_or_other_prices_there_is_no_effect():
    panel, history = simulated(1, 0.5)
    alone = panel.item_id == "i0"
    rows = np.flatnonzero(alone)
    found = estimated(panel.rows(rows), PriceHistory(history.price[rows], history.promoted[rows]))
    assert found.effect.tolist() == [0.0] * PLACES
    still = estimated(panel, PriceHistory(np.full(history.price.shape, 4.0), history.promoted))
    assert still.effect.tolist() == [0.0] * SERIES
    short = estimated(make_panel(np.ones((2, 5))), PriceHistory(np.ones((2, 5)), np.zeros((2, 5), bool)))
    assert short.effect.tolist() == [0.0, 0.0]


def test_the_order_of_the_series_changes_nothing_and_gaps_are_borne():
    panel, history = simulated(2, 0.5)
    units, price = panel.units.copy(), history.price.copy()
    units[3, 40:90], price[7, :60], price[8] = np.nan, np.nan, 0.0
    panel, history = replace(panel, units=units), PriceHistory(price, history.promoted)
    plain = estimated(panel, history)
    turned = np.random.default_rng(3).permutation(SERIES)
    other = estimated(panel.rows(turned), PriceHistory(price[turned], history.promoted[turned]))
    assert np.isfinite(plain.effect).all()
    assert other.effect == pytest.approx(plain.effect[turned], abs=NUMERIC)
    assert other.deviation == pytest.approx(plain.deviation[turned], abs=NUMERIC)


def test_units_taken_are_those_counted_by_hand():
    # At half the price an item of weight 2 beside 1 and 3: index of the rest falls by 2/5 and 2/3 of log 2.
    cross = CrossEffects(np.array([0, 0, 0, 1]), np.array([2.0, 1.0, 3.0, 9.0]), np.full(4, 0.5), np.full(4, 0.0))
    demand = np.array([[9.0, 9.0], [10.0, 10.0], [6.0, 6.0], [50.0, 50.0]])
    found = taken(cross, 0, np.array([np.log(0.5), 0.0]), demand)
    # The rest of the first is 1 + 3 + 2 less its own: 5 beside the 1, 3 beside the 3.
    expected = 10.0 * (1 - 0.5 ** (0.5 * 2 / 5)) + 6.0 * (1 - 0.5 ** (0.5 * 2 / 3))
    assert found == pytest.approx([expected] * 3)
    unsure = taken(replace(cross, deviation=np.full(4, 1.0)), 0, np.array([np.log(0.5), 0.0]), demand)
    assert unsure[1] < 0.0 < expected < unsure[2]
