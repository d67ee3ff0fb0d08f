"""The upper levels: who is moved, by how much, and from what was known."""

from dataclasses import replace

import numpy as np
import pytest

from forecasting import upper
from forecasting.forecast import forecast_task
from forecasting.history import ForecastSettings, ForecastTask
from forecasting.upper import Company, Node, UpperSettings, alignment, chosen_share, extended, node_forecasts
from tests.forecasting.panels import ROUNDING, make_panel

ORIGINS = np.array([100, 107, 114])
LEADS = 7
NEAR = 0.05


def one_by_one(function, specs):
    return [function(spec) for spec in specs]


def test_the_share_that_errs_least_at_every_origin_is_chosen():
    # 20 sold, 10 expected below: the whole factor 2 errs by 0, half of it by 20 - 10 sqrt 2.
    actual, below = np.full((1, 2, 1), 20.0), np.full((1, 2, 1), 10.0)
    assert chosen_share(actual, below, np.full((1, 2, 1), np.log(2.0))) == 1.0
    # Factor 4 sends the whole to 40 and half of it to 20.
    assert chosen_share(actual, below, np.full((1, 2, 1), np.log(4.0))) == 0.5


def test_a_factor_that_helps_at_one_origin_only_moves_nothing():
    actual, below = np.array([[[20.0], [10.0]]]), np.full((1, 2, 1), 10.0)
    assert chosen_share(actual, below, np.full((1, 2, 1), np.log(2.0))) == 0.0


def test_beyond_the_block_the_mean_factor_of_its_last_week_stays():
    factor = np.array([[2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 3.0]])
    longer = extended(factor, 12)
    assert longer.shape == (1, 12)
    # (6 x 1 + 3) / 7
    np.testing.assert_allclose(longer[0, 10:], 9.0 / 7.0, rtol=ROUNDING)
    np.testing.assert_array_equal(extended(factor, 4), factor[:, :4])


def node(units, known=None, leads=LEADS):
    periods = len(units)
    known = np.zeros((periods + leads, 0)) if known is None else known
    return Node(units, np.zeros(periods + leads), known, 100, ORIGINS, leads, 30)


def test_a_node_follows_its_level_and_what_its_signal_brought():
    # 100 a day, doubled on promotion days; the level is 200 from day 60 on.
    rng = np.random.default_rng(1)
    promoted = (rng.random(114 + LEADS) < 0.3).astype(float)
    usual = np.where(np.arange(114 + LEADS) < 60, 100.0, 200.0) * np.exp(np.log(2.0) * promoted)
    units = usual[:114] * np.exp(rng.normal(0.0, 0.02, 114))
    found = node_forecasts(node(units, promoted[:, None]))
    np.testing.assert_allclose(found[-1], usual[114:], rtol=NEAR)


def test_what_comes_after_an_origin_changes_no_forecast_made_there():
    units = 100.0 + 20.0 * np.sin(np.arange(114)) + np.arange(114)
    poisoned = units.copy()
    poisoned[107:] = 1e6
    found, other = node_forecasts(node(units)), node_forecasts(node(poisoned))
    np.testing.assert_array_equal(found[:2], other[:2])
    assert not np.allclose(found[2], other[2])


def company(means):
    """Two groups of three series that sell 40 a day each; their means say otherwise."""
    units = np.random.default_rng(2).poisson(40.0, (6, 114)).astype(float)
    group = np.array([0, 0, 0, 1, 1, 1])
    below = np.repeat(np.asarray(means, float), 3)[:, None, None] * np.ones((6, len(ORIGINS), LEADS))
    return Company(units, np.ones((6, 114 + LEADS)), (), group, below, ORIGINS)


def test_groups_whose_sums_are_far_off_are_moved_to_what_their_own_model_expects():
    factor = alignment(company([30.0, 50.0]), 2, UpperSettings(), one_by_one)
    np.testing.assert_allclose(factor.mean(axis=1), [40.0 / 30.0, 40.0 / 50.0], rtol=NEAR)


def test_a_group_too_small_for_a_model_moves_with_the_total_alone():
    given = company([30.0, 30.0])
    share = np.repeat([1.0, 0.02], 3)[:, None]
    small = given._replace(units=given.units * share, means=given.means * share[:, :, None])
    factor = alignment(small, 2, UpperSettings(), one_by_one)
    np.testing.assert_array_equal(factor[0], factor[1])
    assert factor.mean() == pytest.approx(40.0 / 30.0, rel=NEAR)


def test_a_short_history_moves_nothing():
    given = company([30.0, 50.0])
    short = given._replace(origins=given.origins - 60, units=given.units[:, :54])
    np.testing.assert_array_equal(alignment(short, 2, UpperSettings(), one_by_one), 1.0)


def test_no_group_is_moved_beyond_twice_its_sum():
    assert alignment(company([1.0, 40.0]), 2, UpperSettings(), one_by_one).max() <= 2.0 + ROUNDING


def drifting():
    """Sixty series that share a level which leaps about and returns."""
    rng = np.random.default_rng(3)
    level = np.exp(0.4 * np.sin(np.arange(150) / 9.0))
    return make_panel(rng.poisson(8.0 * level, (60, 150)))


def test_paths_are_scaled_and_still_whole_steps_that_add_up(monkeypatch):
    panel, task = drifting(), ForecastTask(7, 50, 1, ForecastSettings(boost=None))
    plain = forecast_task(panel, replace(task, settings=replace(task.settings, upper=None)))
    monkeypatch.setattr(upper, "chosen_share", lambda *known: 1.0)
    moved = forecast_task(panel, task)
    ratio = moved.paths.mean().sum(axis=0) / plain.paths.mean().sum(axis=0)
    # The total's own factor is applied after that of the single group, which leaves it nothing to do.
    np.testing.assert_allclose(ratio, moved.course.pool.align[0], rtol=NEAR)
    assert not np.allclose(moved.course.pool.align, 1.0, atol=0.01)
    assert moved.paths.steps.dtype.kind == "i"
    assert np.all(moved.paths.steps >= 0)


def test_workers_in_any_order_give_the_same_factors():
    given = company([30.0, 50.0])

    def backwards(function, specs):
        return [function(spec) for spec in reversed(specs)][::-1]

    np.testing.assert_array_equal(
        alignment(given, 2, UpperSettings(), one_by_one), alignment(given, 2, UpperSettings(), backwards)
    )
