"""What the same holiday brought before, wherever it falls."""

import datetime
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

from forecasting.events import AFTER, AHEAD, event_uplift, past_uplift
from tests.forecasting.panels import make_panel

DAYS, HORIZON = 700, 40
# The first falls on day 100, the next a year and two weeks later, then a year and a week; the last lies ahead.
FEAST = np.array([100, 479, 716])


def sales(factor=3.0):
    """100 a day, more on the day before each feast that lies in the history."""
    units = np.full((1, DAYS), 100.0)
    units[0, FEAST[:2] - 1] = 100.0 * factor
    return units


def test_one_occurrence_is_believed_by_two_thirds_two_by_four_fifths():
    plane = past_uplift(sales(), {"feast": FEAST}, DAYS + HORIZON)[0]
    # log 3 x n / (n + .5)
    assert plane[479 - 1] == pytest.approx(np.log(3.0) / 1.5, rel=1e-5)
    assert plane[716 - 1] == pytest.approx(2.0 * np.log(3.0) / 2.5, rel=1e-5)


def test_the_first_occurrence_has_nothing_to_learn_from_and_other_days_none():
    plane = past_uplift(sales(), {"feast": FEAST}, DAYS + HORIZON)[0]
    assert not plane[:470].any()
    felt = np.concatenate([np.arange(day - AHEAD, day + AFTER + 1) for day in FEAST])
    assert not np.delete(plane, felt).any()


def test_events_of_another_name_teach_nothing():
    assert not past_uplift(sales(), {"feast": FEAST[:1], "fair": FEAST[1:2]}, DAYS + HORIZON).any()


def test_what_came_in_the_last_five_months_changes_no_uplift_of_today():
    poisoned = sales()
    poisoned[:, 550:] = 1e6
    plain, other = (past_uplift(units, {"feast": FEAST}, DAYS + HORIZON) for units in (sales(), poisoned))
    np.testing.assert_array_equal(plain, other)


def test_groups_that_hardly_sell_have_no_uplift():
    assert not past_uplift(sales() / 50.0, {"feast": FEAST}, DAYS + HORIZON).any()


@dataclass(frozen=True)
class Company:
    """Two items of two categories and a calendar."""

    tables: dict
    period: str = "day"
    plan_date: datetime.date = datetime.date(2025, 12, 1)

    def table(self, name):
        return self.tables[name]


def company(region):
    start = datetime.date(2024, 1, 1)
    dates = [start + datetime.timedelta(int(day)) for day in FEAST]
    calendar = pa.table({"date": dates, "event": ["feast"] * 3, "region": [region] * 3})
    items = pa.table({"item_id": ["i000", "i001"], "category": ["toys", "milk"]})
    return Company({"calendar": calendar, "items": items})


def test_each_category_learns_its_own_uplift_where_the_event_is_kept():
    panel = make_panel(np.vstack([sales(3.0), sales(1.0)]))
    regions = np.array(["north", "north"], dtype=object)
    plane = event_uplift(company(""), panel, regions, DAYS + HORIZON)
    assert plane[0, 715] == pytest.approx(0.8 * np.log(3.0), rel=1e-5)
    assert plane[1, 715] == 0.0
    assert event_uplift(company("south"), panel, regions, DAYS + HORIZON) is None
