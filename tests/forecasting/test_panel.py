"""From sales rows to dense arrays."""

import datetime
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.panel import panel_from_world
from tests.forecasting.panels import make_panel


@dataclass(frozen=True)
class TwoTables:
    rows: tuple
    plan_date: datetime.date = datetime.date(2024, 1, 5)
    period: str = "day"

    def table(self, name):
        if name == "items":
            return pa.table({"item_id": pa.array(["a", "b", "c"]), "unit_step": [1.0, 0.1, None]})
        names = {"item_id": 1, "location_id": 2}
        columns = {key: pa.array([row[at] for row in self.rows], pa.string()) for key, at in names.items()}
        return pa.table(
            {
                "date": pa.array([datetime.date.fromisoformat(row[0]) for row in self.rows], pa.date32()),
                "item_id": columns["item_id"].dictionary_encode(),
                "location_id": columns["location_id"].dictionary_encode(),
                "units": pa.array([row[3] for row in self.rows], pa.float64()),
                "in_stock_share": pa.array([row[4] for row in self.rows], pa.float64()),
            }
        )


PAIRS = pa.table({"item_id": ["b", "a", "c"], "location_id": ["S1", "S1", "S2"]})
ROWS = (
    ("2024-01-01", "a", "S1", 3.0, None),
    ("2024-01-02", "b", "S1", 2.5, 0.5),
    ("2024-01-03", "a", "S2", 9.0, None),
    ("2024-01-04", "a", "S1", 1.0, 0.0),
)


def test_rows_become_periods_and_gaps_are_days_in_stock_without_a_sale():
    panel = panel_from_world(TwoTables(ROWS), PAIRS)
    assert list(zip(panel.item_id, panel.location_id, strict=True)) == [("a", "S1"), ("b", "S1"), ("c", "S2")]
    np.testing.assert_array_equal(panel.units[0], [3, 0, 0, 1])
    np.testing.assert_array_equal(panel.in_stock_share[0], [1, 1, 1, 0])
    np.testing.assert_array_equal(panel.units[1], [np.nan, 2.5, 0, 0])
    assert np.isnan(panel.units[2]).all()
    np.testing.assert_array_equal(panel.unit_step, [1.0, 0.1, 1.0])
    assert panel.dates[-1] == np.datetime64("2024-01-04")
    assert panel.future_dates(2)[0] == np.datetime64("2024-01-05")


def test_rows_on_or_after_the_plan_date_change_nothing():
    poisoned = (*ROWS, ("2024-01-05", "b", "S1", 1e6, 0.0), ("2024-02-01", "c", "S2", -5.0, None))
    one, two = panel_from_world(TwoTables(ROWS), PAIRS), panel_from_world(TwoTables(poisoned), PAIRS)
    np.testing.assert_array_equal(one.units, two.units)
    np.testing.assert_array_equal(one.in_stock_share, two.in_stock_share)
    np.testing.assert_array_equal(one.dates, two.dates)


def test_weeks_are_seven_days_apart():
    rows = (("2024-01-01", "a", "S1", 3.0, None), ("2024-01-15", "a", "S1", 4.0, None))
    panel = panel_from_world(TwoTables(rows, datetime.date(2024, 1, 22), "week"), PAIRS)
    np.testing.assert_array_equal(panel.units[0], [3, 0, 4])
    assert panel.period == "week"


def test_a_world_without_sales_gives_one_unknown_period():
    panel = panel_from_world(TwoTables(()), PAIRS)
    assert panel.units.shape == (3, 1)
    assert np.isnan(panel.units).all()


def test_no_pair_gives_an_empty_panel():
    assert panel_from_world(TwoTables(ROWS), PAIRS.slice(0, 0)).series == 0


def test_a_pair_whose_item_is_unknown_is_named():
    with pytest.raises(KeyError, match="no row for 'z'"):
        panel_from_world(TwoTables(ROWS), pa.table({"item_id": ["z"], "location_id": ["S1"]}))


def test_arrays_that_do_not_agree_are_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        make_panel(np.ones((2, 5)), share=np.ones((2, 4)))


@settings(derandomize=True, max_examples=20, deadline=None)
@given(st.permutations(range(len(ROWS))))
def test_the_order_of_rows_changes_nothing(order):
    shuffled = panel_from_world(TwoTables(tuple(ROWS[i] for i in order)), PAIRS)
    np.testing.assert_array_equal(shuffled.units, panel_from_world(TwoTables(ROWS), PAIRS).units)
