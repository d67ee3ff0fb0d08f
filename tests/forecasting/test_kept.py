"""A forecast that goes on from the one before."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.forecast import ChunkSpec, forecast_chunk, forecast_task
from forecasting.history import ForecastSettings, ForecastTask, clock_of, filter_input, fit_drifts
from forecasting.kept_files import FORMAT, kept_from, kept_table
from forecasting.keys import series_keys
from forecasting.panel import Panel
from forecasting.smoothing import smooth
from tests.forecasting.panels import make_panel

# The issue asks for 1e-8; the passes do the same sums in the same order.
EQUAL = 1e-12
TASK = ForecastTask(7, 20, 3, ForecastSettings(boost=None, upper=None))
GROUPS = np.array([0, 0, 0, 1, 1, 1])


def company(seed, periods=60, period="day"):
    """Six series, two an item: gaps before the first sale, stock-outs, a series of zeros."""
    rng = np.random.default_rng(seed)
    units = rng.poisson(rng.gamma(2.0, 2.0, 6)[:, None], (6, periods)).astype(float)
    units[1, : periods // 3] = np.nan
    units[4] = 0.0
    share = np.where(rng.random(units.shape) < 0.2, rng.random(units.shape), 1.0)
    panel = make_panel(units, share, period)
    names = np.array(["a", "a", "b", "b", "c", "c"], dtype=object)
    return replace(panel, item_id=names, location_id=np.array(["S1", "S2"] * 3, dtype=object))


def as_one_pass(result, task):
    """Levels after the last period and paths of one pass over all periods under the same parameters."""
    whole, pool, terms = result.whole, result.course.learned.pool, result.course.terms
    drift, _ = fit_drifts(whole, terms, clock_of(whole.panel, task.settings).drift)
    pool = replace(pool, drifts=drift)
    level = smooth(filter_input(whole, terms, drift, task.horizon), pool.rule, 1, whole.panel.units.shape[1]).level
    keys = series_keys(whole.panel.item_id, whole.panel.location_id, task.seed)
    return level[:, -1], forecast_chunk(ChunkSpec(whole, keys, pool, terms, replace(task, groups=None))).steps


@settings(derandomize=True, max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["day", "week"]), st.lists(st.integers(0, 3), min_size=1, max_size=3))
def test_day_by_day_equals_one_pass_over_all_days(seed, period, days):
    panel = company(seed, period=period)
    task = replace(TASK, groups=GROUPS, settings=replace(TASK.settings, refit_weeks=10, refit_days=10))
    begun = panel.units.shape[1] - sum(days)
    result = forecast_task(panel.until(begun), task)
    for day in np.cumsum(days):
        result = forecast_task(panel.until(begun + int(day)), task, kept=result.kept)
        assert result.course.why == ""
    level, steps = as_one_pass(result, task)
    found = result.summary["level"].to_numpy()
    np.testing.assert_allclose(found[found > 0], np.maximum(level, 0.0)[found > 0], rtol=EQUAL)
    np.testing.assert_array_equal(result.paths.steps, steps)
    assert result.course.rebuilt == 0


def test_a_changed_past_is_noticed_and_its_group_is_passed_over_anew():
    panel = company(1)
    task = replace(TASK, groups=GROUPS)
    before = forecast_task(panel.until(58), task).kept
    units = panel.units.copy()
    units[0, 20] += 5.0
    result = forecast_task(replace(panel, units=units), task, kept=before)
    assert result.course.changed.tolist() == [0]
    assert result.course.rebuilt == 3
    np.testing.assert_array_equal(result.paths.steps, as_one_pass(result, task)[1])


@pytest.mark.parametrize("place", [(2, 5, 0.25), (4, 30, 0.0)])
def test_a_changed_share_in_stock_is_a_changed_past(place):
    panel = company(2)
    before = forecast_task(panel, TASK).kept
    series, period, share = place
    shares = panel.in_stock_share.copy()
    shares[series, period] = share
    assert forecast_task(replace(panel, in_stock_share=shares), TASK, kept=before).course.changed.tolist() == [series]


def test_a_series_that_turns_hasty_is_passed_over_alone_and_follows_its_last_sales():
    units = np.random.default_rng(1).poisson(4.0, (6, 60)).astype(float)
    units[2, 48:] = 20.0
    panel = make_panel(units)
    kept = forecast_task(panel.until(59), TASK).kept
    hasty = np.arange(6) == 2
    task = replace(TASK, hasty=hasty)
    result = forecast_task(panel, task, kept=kept)
    assert result.course.rebuilt == 1
    np.testing.assert_array_equal(result.paths.steps, as_one_pass(result, replace(task, hasty=None))[1])
    # Twelve days at 20 after 48 at 4, decay .9: a share 1 - .9^12 = .72 of the weight is at 20.
    assert result.summary["level"][2].as_py() == pytest.approx(20.0 - 16.0 * 0.9**12, rel=0.05)
    assert "follows sales fast" in result.summary["method"][2].as_py()
    calm = forecast_task(panel, TASK, kept=result.kept)
    np.testing.assert_array_equal(calm.paths.steps, forecast_task(panel, TASK, kept=kept).paths.steps)


def test_new_and_vanished_series_are_passed_over_with_their_kin():
    panel = company(3)
    chosen = np.array([0, 1, 2, 4, 5])
    before = forecast_task(panel.until(58).rows(chosen), TASK).kept
    added = forecast_task(panel, TASK, kept=before)
    assert added.course.changed.tolist() == [3]
    np.testing.assert_array_equal(added.paths.steps, as_one_pass(added, TASK)[1])
    less = forecast_task(panel.rows(chosen), TASK, kept=added.kept)
    assert less.course.rebuilt == 5
    np.testing.assert_array_equal(less.paths.steps, as_one_pass(less, TASK)[1])


def test_a_week_after_the_fit_parameters_are_learnt_anew():
    panel = company(4)
    kept = forecast_task(panel.until(53), TASK).kept
    assert forecast_task(panel.until(59), TASK, kept=kept).course.why == ""
    anew = forecast_task(panel, TASK, kept=kept)
    assert anew.course.why == "7 periods since the last fit"
    np.testing.assert_array_equal(anew.paths.steps, forecast_task(panel, TASK).paths.steps)


@pytest.mark.parametrize(
    "other",
    [
        replace(TASK, seed=4),
        replace(TASK, horizon=8),
        replace(TASK, settings=replace(TASK.settings, day_drift=0.4)),
        replace(TASK, groups=GROUPS),
    ],
)
def test_what_was_learnt_for_another_task_is_not_used(other):
    panel = company(5)
    kept = forecast_task(panel.until(59), TASK).kept
    result = forecast_task(panel, other, kept=kept)
    assert result.course.why
    np.testing.assert_array_equal(result.paths.steps, forecast_task(panel, other).paths.steps)


def test_a_shorter_horizon_goes_on():
    panel = company(5)
    kept = forecast_task(panel.until(59), TASK).kept
    result = forecast_task(panel, replace(TASK, horizon=3), kept=kept)
    assert result.course.why == ""
    again = forecast_task(panel, TASK, kept=result.kept)
    np.testing.assert_array_equal(again.paths.first(3).steps, result.paths.steps)


def test_a_history_that_begins_elsewhere_is_learnt_anew():
    panel = company(6)
    kept = forecast_task(panel.until(59), TASK).kept
    shorter = Panel(
        panel.item_id,
        panel.location_id,
        panel.unit_step,
        panel.units[:, 1:],
        panel.in_stock_share[:, 1:],
        panel.dates[1:],
        panel.period,
    )
    assert "begins later" in forecast_task(shorter, TASK, kept=kept).course.why
    later = forecast_task(shorter, TASK).kept
    assert "begins earlier" in forecast_task(panel, TASK, kept=later).course.why


def test_the_window_of_a_long_history_stays_until_the_next_fit():
    panel = company(7)
    task = replace(TASK, settings=replace(TASK.settings, most_days=40))
    kept = forecast_task(panel.until(57), task).kept
    result = forecast_task(panel, task, kept=kept)
    assert result.course.why == ""
    assert result.whole.panel.units.shape[1] == 43
    np.testing.assert_array_equal(result.paths.steps, as_one_pass(result, task)[1])


@pytest.mark.parametrize("period", ["day", "week"])
def test_what_was_written_and_read_again_goes_on_as_if_it_had_stayed_in_memory(period, tmp_path):
    panel = company(8, period=period)
    kept = forecast_task(panel.until(59), TASK).kept
    pq.write_table(kept_table(kept), tmp_path / "learned.parquet")
    read = kept_from(pq.read_table(tmp_path / "learned.parquet"))
    here, there = forecast_task(panel, TASK, kept=kept), forecast_task(panel, TASK, kept=read)
    assert there.course.why == ""
    np.testing.assert_array_equal(here.paths.steps, there.paths.steps)
    assert kept_table(here.kept) == kept_table(there.kept)


def test_a_table_of_another_format_keeps_nothing():
    table = kept_table(forecast_task(company(9), TASK).kept)
    rows = table.to_pylist()
    place = next(n for n, row in enumerate(rows) if row["name"] == "format")
    rows[place]["data"] = np.array(FORMAT + 1).tobytes()
    assert kept_from(pa.Table.from_pylist(rows, table.schema)) is None
    assert kept_from(None) is None
    assert kept_from(pa.table({"a": [1]})) is None
