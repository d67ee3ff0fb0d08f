"""Planners' figures over the forecast."""

import datetime
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from forecasting.overrides import override_paths
from forecasting.paths import DemandPaths

COLUMNS = ("target", "field", "item_id", "location_id", "value", "from", "to", "author", "reason", "at")
# 200 paths of some 20 units: four standard errors of the rounded mean.
ROUNDED = 0.02


@dataclass(frozen=True)
class World:
    rows: tuple
    period: str = "day"
    plan_date: datetime.date = datetime.date(2024, 1, 1)

    def table(self, name):
        assert name == "overrides"
        columns = {key: [line[at] for line in self.rows] for at, key in enumerate(COLUMNS)}
        dates = {name: pa.array(columns.pop(name), pa.date32()) for name in ("from", "to")}
        return pa.table({**{name: pa.array(list(values), pa.string()) for name, values in columns.items()}, **dates})


def paths(seed=1):
    steps = np.random.default_rng(seed).poisson(20.0, (3, 200, 4)).astype(np.int16)
    items, places = np.array(["a", "a", "b"], dtype=object), np.array(["S1", "S2", "S1"], dtype=object)
    dates = np.datetime64("2024-01-01") + np.arange(4)
    return DemandPaths(steps, items, places, np.full(3, 0.5), dates, np.full(200, 1 / 200), 1)


def row(value, item="", place="", first=None, last=None, at="1", target="forecast"):
    day = [None if text is None else datetime.date.fromisoformat(text) for text in (first, last)]
    return (target, "units", item, place, value, *day, "ann", "trade fair", at)


def test_an_items_total_is_spread_in_the_shares_of_its_places():
    before = paths()
    after, told = override_paths(World((row("320", item="a"),)), before)
    mean = after.mean()
    assert mean[:2].sum() == pytest.approx(320.0, rel=ROUNDED)
    np.testing.assert_allclose(mean[:2] / before.mean()[:2], 320.0 / before.mean()[:2].sum(), rtol=4 * ROUNDED)
    np.testing.assert_array_equal(after.steps[2], before.steps[2])
    assert (told[0].series, told[0].wanted, told[0].author) == (2, 320.0, "ann")
    assert told[0].forecast == pytest.approx(before.mean()[:2].sum())


def test_only_its_days_move():
    before = paths()
    after, _ = override_paths(World((row("0", first="2024-01-02", last="2024-01-03"),)), before)
    assert not after.steps[:, :, 1:3].any()
    np.testing.assert_array_equal(after.steps[:, :, [0, 3]], before.steps[:, :, [0, 3]])


def test_a_total_that_reaches_beyond_the_horizon_counts_for_the_days_within():
    # 8 days from the 3rd, two of them forecast: a quarter of 80.
    after, told = override_paths(World((row("80", "b", first="2024-01-03", last="2024-01-10"),)), paths())
    assert told[0].wanted == pytest.approx(20.0)
    assert after.mean()[2, 2:].sum() == pytest.approx(20.0, rel=3 * ROUNDED)


def test_the_same_total_changes_nothing():
    before = paths()
    after, _ = override_paths(World((row(repr(float(before.mean().sum()))),)), before)
    assert np.abs(after.steps.astype(int) - before.steps).max() == 0


def test_of_two_totals_the_one_set_last_holds():
    after, told = override_paths(World((row("50", "b", at="2"), row("400", at="1"))), paths())
    assert after.mean()[2].sum() == pytest.approx(50.0, rel=3 * ROUNDED)
    assert [line.wanted for line in told] == [400.0, 50.0]


def test_an_override_of_nothing_expected_is_told_and_not_applied():
    after, told = override_paths(World((row("50", "c"),)), paths())
    assert not told[0].applied
    np.testing.assert_array_equal(after.steps, paths().steps)


def test_rows_for_other_tables_are_left_alone():
    assert override_paths(World((row("50", target="purchase_orders"),)), paths())[1] == []
    assert override_paths(World(()), paths())[1] == []


@pytest.mark.parametrize("value", ["many", "-3", "nan", "inf"])
def test_a_value_that_is_no_amount_is_refused(value):
    with pytest.raises(ValueError, match="is not a number of at least 0"):
        override_paths(World((row(value),)), paths())


def test_large_totals_widen_the_integers():
    after, _ = override_paths(World((row("9e6"),)), paths())
    assert after.steps.dtype == np.int32
    assert after.mean().sum() == pytest.approx(9e6, rel=ROUNDED)
    assert pd.Series(after.steps.ravel()).ge(0).all()
