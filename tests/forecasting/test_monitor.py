"""The forecast against what came."""

import numpy as np
import pandas as pd
import pytest

from forecasting.monitor import (
    ALARM,
    FEWEST_PERIODS,
    GROUP_PERIODS,
    SLOW_WEIGHT,
    WEIGHT,
    Alarm,
    alarms,
    group_alarms,
    held,
    watched,
)
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
    # Mean forecast 4 both times; pinball at .9: .9 · (5 − 4) = .9, then .1 · (4 − 2) = .2.
    assert state["expected"] == pytest.approx(4.0 * (1.0 - (1.0 - WEIGHT) ** 2))
    assert state["loss"] == pytest.approx(WEIGHT * ((1.0 - WEIGHT) * 0.9 + 0.2))
    assert state["usual"] == pytest.approx(SLOW_WEIGHT * ((1.0 - SLOW_WEIGHT) * 0.9 + 0.2))


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
    panel = make_panel(np.full((2, FEWEST_PERIODS), 6.0))
    found = alarms(watched(None, written(panel, 4.0, 7.0), panel), COST)
    assert [(alarm.item_id, alarm.signal, alarm.error) for alarm in found] == [
        ("i001", pytest.approx(1.0), pytest.approx(2.0)),
        ("i000", pytest.approx(1.0), pytest.approx(2.0)),
    ]
    assert [alarm.money for alarm in found] == pytest.approx([20.0, 4.0])


def test_few_periods_raise_no_alarm():
    panel = make_panel(np.full((2, FEWEST_PERIODS - 1), 6.0))
    assert alarms(watched(None, written(panel, 4.0, 7.0), panel), COST) == []


def test_a_right_forecast_seldom_raises_an_alarm():
    panel = make_panel(np.random.default_rng(2).poisson(4.0, (400, 60)))
    signal = (lambda state: state["error"] / state["absolute"])(watched(None, written(panel, 4.0, 7.0), panel))
    assert np.mean(signal.abs() > ALARM) < 0.01


def test_what_sells_one_a_month_and_did_not_sell_for_a_month_raises_no_alarm():
    panel = make_panel(np.zeros((1, 40)))
    state = watched(None, written(panel, 0.03, 1.0), panel)
    assert state["error"][0] / state["absolute"][0] < -ALARM
    assert alarms(state, COST) == []


def test_the_lines_that_wait_carry_four_fifths_of_the_money_at_risk():
    found = [Alarm("i", f"S{n}", 0.9, 1.0, money) for n, money in enumerate([50.0, 25.0, 15.0, 6.0, 4.0])]
    # 50 and 75 lie below 80 of 100; with the third it is 90.
    assert [alarm.money for alarm in held(found)] == [50.0, 25.0, 15.0]
    assert held([]) == []


def group_of(units, mean=4.0, high=8.0, found=(), days=GROUP_PERIODS):
    panel = make_panel(units)
    table = written(panel, mean, high)
    groups = np.arange(panel.series) // 2
    return group_alarms(watched(None, table, panel), groups, np.ones(panel.series), list(found), 0.9)


def test_a_group_whose_quantiles_cover_too_little_is_told_and_others_are_not():
    # Group 0 sells what is forecast; group 1 sells 9 every third day, above its .9 quantile of 8.
    units = np.full((4, 60), 4.0)
    units[2:, ::3] = 9.0
    found = group_of(units)
    assert [(row.group, row.name) for row in found] == [(1, "share covered by the 0.9 quantile")]
    assert found[0].now < found[0].limit < 0.9


def test_a_group_whose_loss_has_doubled_of_late_is_told():
    units = np.full((4, 120), 4.0)
    units[:2, 100:] = 8.0
    found = [row for row in group_of(units, high=5.0) if row.name == "loss of late against the usual"]
    assert [row.group for row in found] == [0]
    assert found[0].now > 1.5


def test_a_group_with_many_alarms_is_told():
    units = np.full((4, 60), 4.0)
    found = group_of(units, found=[Alarm("i003", "S1", 0.9, 1.0, 5.0)])
    assert [(row.group, row.name, row.now) for row in found] == [(1, "share of sales with an alarm", 0.5)]


def test_a_group_of_few_periods_says_nothing():
    assert group_of(np.full((2, GROUP_PERIODS - 1), 20.0)) == []
