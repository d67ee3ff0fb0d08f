"""Planners' figures beside the forecasts they replaced, once sales are known."""

import datetime
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa

from forecasting.judged import KEPT_DAYS, SCHEMA, as_forecast, judged, remembered
from forecasting.overrides import Overridden

MONDAY = datetime.date(2024, 4, 8)
# Three days, two shops of tea and one of rice.
SALES = [("tea", "S1", (3.0, 4.0, 5.0)), ("tea", "S2", (1.0, 1.0, 1.0)), ("rice", "S1", (9.0, 9.0, 9.0))]


@dataclass(frozen=True)
class World:
    days: int
    period: str = "day"

    @property
    def plan_date(self):
        return MONDAY + datetime.timedelta(days=self.days)

    def table(self, name):
        assert name == "sales"
        rows = [
            (MONDAY + datetime.timedelta(days=day), item, place, units[day])
            for item, place, units in SALES
            for day in range(self.days)
        ]
        dates, items, places, units = zip(*rows, strict=True) if rows else ((), (), (), ())
        return pa.table(
            {
                "date": pa.array(dates, pa.date32()),
                "item_id": pa.array(items, pa.string()),
                "location_id": pa.array(places, pa.string()),
                "units": pa.array(units, pa.float64()),
            }
        )


def override(days, item="tea", place="", author="ann", before=4.0, after=10.0, first=0):
    dates = np.datetime64(MONDAY) + np.arange(first, first + days)
    figures = np.full(days, before), np.full(days, after)
    return Overridden(item, place, author, "fair", before * days, after * days, 2, True, dates, *figures)


def written(state):
    """What the next day reads of a state."""
    return pa.Table.from_pandas(state, SCHEMA, preserve_index=False).to_pandas(date_as_object=True)


def test_both_figures_are_judged_by_the_errors_of_the_days_that_are_known():
    before = written(remembered(None, World(0), [override(3)]))
    state = remembered(before, World(2), [override(1, first=2)])
    # Sold 4 and 5: the planner's 10 misses by 6 and 5, the forecast's 4 by 0 and 1.
    (line,) = judged(before, state)
    assert (line.item_id, line.author, line.periods) == ("tea", "ann", 2)
    assert (line.wanted, line.forecast, line.sold) == (20.0, 8.0, 9.0)
    assert (line.wanted_error, line.forecast_error) == (11.0, 1.0)
    # The third day is still open, and is told when it is known, with all three.
    after = remembered(written(state), World(3), [])
    (line,) = judged(written(state), after)
    assert (line.periods, line.sold, line.wanted_error) == (3, 15.0, 15.0)
    assert judged(written(after), remembered(written(after), World(3), [])) == []


def test_a_place_or_all_items_are_judged_by_the_sum_of_their_sales():
    lines = [override(1, item="", place="S1"), override(1, item="", place="", author="bob")]
    before = written(remembered(None, World(0), lines))
    found = {line.author: line.sold for line in judged(before, remembered(before, World(1), []))}
    assert found == {"ann": 12.0, "bob": 13.0}


def test_what_could_not_be_spread_is_not_judged_and_what_is_old_is_forgotten():
    assert remembered(None, World(0), [replace(override(3), applied=False)]).empty
    old = written(remembered(None, World(0), [override(3, first=-KEPT_DAYS - 3)]))
    assert remembered(old, World(0), []).empty
    assert judged(None, remembered(None, World(0), [override(3)])) == []


def test_the_watch_reads_no_figure_of_a_planner():
    dates = [MONDAY + datetime.timedelta(days=day) for day in range(4)]
    rows = [(item, "S1", date, "mean", 1.0) for item in ("tea", "rice") for date in dates]
    forecast = pd.DataFrame(rows, columns=["item_id", "location_id", "date", "level", "units"])
    kept = written(remembered(None, World(0), [override(3)]))
    left = as_forecast(forecast, kept)
    assert list(zip(left["item_id"], left["date"], strict=True)) == [("tea", dates[3]), *(("rice", d) for d in dates)]
    assert as_forecast(forecast, None) is forecast
