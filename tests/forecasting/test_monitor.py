"""The forecast against what came."""

import numpy as np
import pandas as pd
import pytest

from forecasting.monitor import ALARM, FEWEST_PERIODS, WEIGHT, alarms, watched
from tests.forecasting.panels import ROUNDING, make_panel

COST = pd.Series({"i000": 2.0, "i001": 10.0})


def written(panel, mean, high):
    rows = []
    for i in range(panel.series):
        for date in panel.dates.astype(object):
            keys = {"item_id": panel.item_id[i], "location_id": panel.location_id[i], "date": date}
            rows += [{**keys, "level": "mean", "units": mean}, {**keys, "level": "0.9", "units": high}]
    return pd.DataFrame(rows)


def test_two_periods_are_weighted_by_hand():
    # Errors 1 and -2: E = .9 · .1 − .2 = −.11, M = .9 · .1 + .2 = .29; only the second, 2, lies within 4.
    panel = make_panel([[5.0, 2.0]])
    state = watched(None, written(panel, 4.0, 4.0), panel).iloc[0]
    assert state["error"] == pytest.approx(-0.11)
    assert state["absolute"] == pytest.approx(0.29)
    assert state["covered"] == pytest.approx(WEIGHT)
    assert state["periods"] == 2


def test_a_day_added_to_yesterdays_state_equals_all_days_at_once():
    panel = make_panel(np.random.default_rng(1).poisson(4.0, (2, 30)))
    table = written(panel, 4.0, 7.0)
    whole = watched(None, table, panel)
    last = table["date"] == panel.dates.astype(object)[-1]
    daily = watched(watched(None, table[~last], panel), table[last], panel)
    pd.testing.assert_frame_equal(whole, daily, rtol=ROUNDING)


def test_days_out_of_stock_and_days_to_come_say_nothing():
    panel = make_panel([[0.0, 0.0]], share=[[0.5, 0.0]])
    table = written(panel, 4.0, 7.0)
    table["date"] = [*table["date"][:2], *[panel.future_dates(1).astype(object)[0]] * 2]
    assert watched(None, table, panel)["periods"].tolist() == [0]


def test_a_forecast_too_low_on_every_day_is_told_with_its_money_the_dearest_first():
    panel = make_panel(np.full((2, FEWEST_PERIODS), 5.0))
    found = alarms(watched(None, written(panel, 4.0, 7.0), panel), COST)
    assert [(alarm.item_id, alarm.signal, alarm.error) for alarm in found] == [
        ("i001", pytest.approx(1.0), pytest.approx(1.0)),
        ("i000", pytest.approx(1.0), pytest.approx(1.0)),
    ]
    assert [alarm.money for alarm in found] == pytest.approx([10.0, 2.0])


def test_few_periods_raise_no_alarm():
    panel = make_panel(np.full((2, FEWEST_PERIODS - 1), 5.0))
    assert alarms(watched(None, written(panel, 4.0, 7.0), panel), COST) == []


def test_a_right_forecast_seldom_raises_an_alarm():
    panel = make_panel(np.random.default_rng(2).poisson(4.0, (400, 60)))
    signal = (lambda state: state["error"] / state["absolute"])(watched(None, written(panel, 4.0, 7.0), panel))
    assert np.mean(signal.abs() > ALARM) < 0.01
