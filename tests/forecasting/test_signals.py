"""Signals from tables: promotions, prices, holidays, weather."""

import datetime
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

from forecasting.signals import Signals, signals_from_world
from tests.forecasting.panels import make_panel

# Ten days from Monday 2024-01-01, so that the horizon of four begins on the 11th.
PERIODS, HORIZON = 10, 4
EMPTY = {
    "promotions": ["promotion_id", "item_id", "location_id", "from_date", "to_date", "discount", "display", "mailer"],
    "items": ["item_id", "category"],
    "prices": ["item_id", "location_id", "valid_from", "price", "regular_price"],
    "calendar": ["date", "region"],
    "weather": ["date", "region", "temperature_c", "precipitation_mm", "humidity", "wind"],
}


def day(text):
    return datetime.date.fromisoformat(text)


@dataclass(frozen=True)
class Tables:
    given: dict
    period: str = "day"
    plan_date: datetime.date = datetime.date(2024, 1, 11)

    def table(self, name):
        if name in self.given:
            return pa.table(self.given[name])
        if name == "locations":
            return pa.table({"location_id": ["S1"], "region": ["north"]})
        return pa.table({column: pa.array([], pa.string()) for column in EMPTY[name]})


def promotion(start, end, discount=None, display=False, mailer=False):
    row = ["p", "i000", "S1", day(start), day(end), discount, display, mailer]
    types = [*[pa.string()] * 3, *[pa.date32()] * 2, pa.float64(), pa.bool_(), pa.bool_()]
    return {n: pa.array([v], t) for n, v, t in zip(EMPTY["promotions"], row, types, strict=True)}


def signals(given, panel=None):
    found = signals_from_world(Tables(given), panel or make_panel(np.ones((2, PERIODS))), HORIZON)
    return dict(zip(found.names, found.planes, strict=True))


def test_a_world_without_such_tables_has_no_signals():
    assert signals({}) == {}


def test_a_promotion_marks_its_days_of_its_series_past_and_planned():
    found = signals({"promotions": promotion("2024-01-10", "2024-01-12", 0.2, display=True)})
    assert found["promotion"][0].tolist() == [0.0] * 9 + [1.0] * 3 + [0.0] * 2
    assert not found["promotion"][1].any()
    assert found["planned discount"][0, 9:12] == pytest.approx([0.2] * 3)
    assert "mailer" not in found


def test_a_promotion_of_some_days_marks_its_share_of_a_week():
    weeks = make_panel(np.ones((1, 3)), period="week")
    world = Tables({"promotions": promotion("2024-01-20", "2024-01-23")}, "week", day("2024-01-22"))
    plane = signals_from_world(world, weeks, 2).planes[0][0]
    # Saturday and Sunday of the third week, Monday and Tuesday of the fourth.
    assert plane.tolist() == pytest.approx([0.0, 0.0, 2 / 7, 2 / 7, 0.0], abs=1e-4)


def test_holidays_are_felt_ahead_and_after_in_their_region_only():
    rows = {
        "date": pa.array([day("2024-01-05"), day("2024-01-13")], pa.date32()),
        "event": ["a", "b"],
        "region": ["", "south"],
    }
    found = signals({"calendar": rows})
    assert found["holiday"][0].tolist() == [0.0] * 4 + [1.0] + [0.0] * 9
    assert found["days to a holiday"][0, :5].tolist() == [4, 3, 2, 1, 8]
    assert found["days since a holiday"][0, 4:8].tolist() == [8, 1, 2, 3]


def test_weather_counts_only_where_it_is_forecast_to_the_end():
    def weather(days):
        dates = [datetime.date(2024, 1, 1) + datetime.timedelta(d) for d in range(days)]
        columns = {name: pa.array(np.arange(days, dtype=float)) for name in EMPTY["weather"][2:]}
        return {"weather": {"date": pa.array(dates, pa.date32()), "region": ["north"] * days, **columns}}

    assert signals(weather(PERIODS + HORIZON - 1)) == {}
    assert signals(weather(PERIODS + HORIZON))["temperature_c"][0].tolist() == list(range(PERIODS + HORIZON))


def test_rows_and_spans_keep_shared_signals_whole():
    both = Signals(("own", "shared"), (np.arange(12.0).reshape(3, 4), np.arange(4.0)[None]))
    part = both.rows(np.array([2])).latest(2)
    assert part.planes[0].tolist() == [[10.0, 11.0]]
    assert part.planes[1].tolist() == [[2.0, 3.0]]


def test_signals_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="differ in length"):
        Signals(("a", "b"), (np.zeros((1, 3)), np.zeros((1, 4))))
    with pytest.raises(ValueError, match="2 names for 1"):
        Signals(("a", "b"), (np.zeros((1, 3)),))
