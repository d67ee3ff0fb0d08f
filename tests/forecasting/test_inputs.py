"""Whether what a forecast is fed with still looks as it did."""

import numpy as np
import pytest

from forecasting.inputs import drifted_inputs
from forecasting.signals import Signals
from tests.forecasting.panels import make_panel

DAYS = 140
GROUPS = np.array([0, 0, 1, 1])
WORTH = np.array([1.0, 1.0, 5.0, 5.0])


def company(seed=1):
    return np.random.default_rng(seed).poisson(5.0, (4, DAYS)).astype(float)


def test_inputs_that_stay_as_they_were_are_not_told():
    promotion = (np.random.default_rng(2).random((4, DAYS + 7)) < 0.2).astype(np.float32)
    assert drifted_inputs(make_panel(company()), Signals(("promotion",), (promotion,)), GROUPS, WORTH) == []


def test_a_month_on_promotion_is_told_with_what_was_usual():
    promotion = np.zeros((4, DAYS + 7), dtype=np.float32)
    promotion[2:, DAYS - 28 : DAYS - 14] = 1.0
    (found,) = drifted_inputs(make_panel(company()), Signals(("promotion",), (promotion,)), GROUPS, WORTH)
    assert (found.group, found.name, found.usual, found.now) == (1, "time on promotion", 0.0, 0.5)


def test_days_short_of_stock_and_without_a_sale_are_told_the_dearest_group_first():
    units, share = company(), np.ones((4, DAYS))
    units[:, -28:], share[:, -28:] = 0.0, 0.0
    found = drifted_inputs(make_panel(units, share), Signals(), GROUPS, WORTH)
    assert {(row.group, row.name) for row in found} == {
        (g, name) for g in (0, 1) for name in ("days short of stock", "days with a sale")
    }
    # Both groups sell nothing now, so the lower code comes first.
    assert found[0].group == 0


def test_the_group_that_sells_more_money_comes_first():
    share = np.ones((4, DAYS))
    share[:, -28:] = 0.5
    found = drifted_inputs(make_panel(company(), share), Signals(), GROUPS, WORTH)
    assert [row.group for row in found] == [1, 0]
    assert found[0].units == pytest.approx(50.0, rel=0.15)


def test_a_lively_input_needs_more_than_a_still_one():
    # Month by month 0, .8, 0, .8, then 1: within three deviations of .46; after 0, 0, 0, 0 a change of .2 is not.
    lively = np.repeat([0.0, 0.8, 0.0, 0.8, 1.0], 28)
    still = np.repeat([0.0, 0.0, 0.0, 0.0, 0.2], 28)
    planes = np.vstack([lively, lively, still, still]).astype(np.float32)
    found = drifted_inputs(
        make_panel(company()), Signals(("promotion",), (np.pad(planes, ((0, 0), (0, 7))),)), GROUPS, WORTH
    )
    assert [row.group for row in found] == [1]


def test_a_short_history_says_nothing():
    assert drifted_inputs(make_panel(company()[:, :130]), Signals(), GROUPS, WORTH) == []
