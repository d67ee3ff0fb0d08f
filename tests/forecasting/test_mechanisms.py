"""What each mechanism of a promotion brings."""

import datetime
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from forecasting.boosting import BoostSettings
from forecasting.forecast import forecast_task
from forecasting.history import ForecastSettings, ForecastTask
from forecasting.mechanisms import Mechanisms, mechanism_signal, mechanism_table, mechanisms, uplift
from forecasting.signals import signals_from_world
from tests.forecasting.panels import SAMPLING, make_panel

FIRST = datetime.date(2024, 1, 1)


@dataclass(frozen=True)
class Shop:
    promotions: pa.Table
    items: pa.Table
    plan_date: datetime.date
    period: str = "day"

    def table(self, name):
        if name in ("promotions", "items"):
            return getattr(self, name)
        if name == "locations":
            return pa.table({"location_id": ["S1"], "region": ["north"]})
        return pa.table({})


def promotions(rows):
    """Rows (item, first day, last day, kind, discount, display, mailer)."""
    names = ["item_id", "from_date", "to_date", "kind", "discount", "display", "mailer"]
    frame = pd.DataFrame(rows, columns=names).assign(location_id="S1")
    dates = {n: [FIRST + datetime.timedelta(int(day)) for day in frame[n]] for n in ("from_date", "to_date")}
    return pa.Table.from_pandas(frame.assign(**dates), preserve_index=False)


def company(series=60, days=200, seed=1):
    """Half the promotions are multi-buys that sell three times as much, half price cuts that sell half more."""
    rng = np.random.default_rng(seed)
    rows, factor = [], np.ones((series, days + 14))
    for n in range(series):
        for begin in range(30 + n % 20, days + 7, 28):
            multi = (n // 20 + begin // 28) % 2 == 0
            rows.append((f"i{n:03d}", begin, begin + 6, "multi-buy" if multi else "price cut", 0.2, False, False))
            factor[n, begin : begin + 7] = 3.0 if multi else 1.5
    rate = rng.gamma(4.0, 2.0, series)[:, None] * factor
    panel = make_panel(rng.poisson(rate[:, :days]))
    items = pa.table({"item_id": panel.item_id.tolist(), "category": ["tea"] * series})
    return Shop(promotions(rows), items, FIRST + datetime.timedelta(days)), panel, rate[:, days:], factor[:, days:]


def test_kind_display_and_mailer_make_the_mechanism():
    rows = [
        ("i000", 0, 2, "multi-buy", 0.0, True, False),
        ("i000", 3, 4, None, 0.3, False, True),
        ("i000", 5, 5, None, None, False, False),
        ("i000", 6, 6, "", 0.0, True, True),
    ]
    items = pa.table({"item_id": ["i000"], "category": ["tea"]})
    given = mechanisms(Shop(promotions(rows), items, FIRST), make_panel(np.ones((1, 6))), 3)
    named = ["" if code < 0 else given.names[code] for code in given.runs[0]]
    first, second = "multi-buy + display", "price cut + mailer"
    assert named == [first] * 3 + [second] * 2 + ["promotion", "display + mailer", "", ""]


def test_the_uplift_is_shrunk_by_hand():
    # Twenty plain days at 4, then ten of a multi-buy at 12: base 4, root 2; sums 60 and 20, prior 50 · 2 = 100.
    units = np.concatenate([np.full(20, 4.0), np.full(10, 12.0)])[None]
    runs = np.where(np.arange(31) < 20, -1, 0).astype(np.int16)[None]
    runs[0, 30] = -1
    given = Mechanisms(np.array(["m"], object), np.array([""], object), runs, np.array([0]))
    found = uplift(make_panel(units), given, 0)
    everything = 160.0 / 120.0
    kind = (60.0 + 100.0 * everything) / 120.0
    assert found.factor[0, 0, 30] == pytest.approx((60.0 + 100.0 * kind) / 120.0)
    assert found.periods[0, 0, 30] == 10
    assert found.factor[0, 0, 20] == 1.0


def test_two_mechanisms_are_told_apart_and_come_near_the_truth():
    world, panel, _, _ = company()
    table = mechanism_table(panel, mechanisms(world, panel, 14)).to_pandas().set_index("mechanism")
    assert table.loc["multi-buy", "uplift"] == pytest.approx(3.0, rel=SAMPLING)
    assert table.loc["price cut", "uplift"] == pytest.approx(1.5, rel=SAMPLING)


def test_what_came_in_the_last_four_weeks_changes_no_signal_before_tomorrow():
    world, panel, _, _ = company()
    given = mechanisms(world, panel, 14)
    poisoned = panel.units.copy()
    poisoned[:, -28:] *= 50.0
    one, other = (mechanism_signal(p, given) for p in (panel, replace(panel, units=poisoned)))
    np.testing.assert_array_equal(one[:, :201], other[:, :201])


def test_promotions_of_one_kind_are_no_signal_of_their_own():
    rows = [("i000", 20, 25, "price cut", 0.2, False, False)]
    items = pa.table({"item_id": ["i000"], "category": ["tea"]})
    panel = make_panel(np.ones((1, 40)))
    assert mechanism_signal(panel, mechanisms(Shop(promotions(rows), items, FIRST), panel, 7)) is None
    assert mechanism_signal(panel, None) is None
    assert mechanism_table(panel, None).num_rows == 0


def test_a_planned_multi_buy_is_forecast_higher_than_a_price_cut_of_the_same_discount():
    world, panel, rate, factor = company(300)
    signals = signals_from_world(world, panel, 14)
    assert "this kind of promotion before" in signals.names
    settings = ForecastSettings(boost=BoostSettings(fewest_rows=1_000), upper=None)
    mean = forecast_task(panel, ForecastTask(14, 100, 1, settings, signals=signals)).paths.mean()
    for wanted in (3.0, 1.5):
        cells = factor == wanted
        assert mean[cells].sum() / rate[cells].sum() == pytest.approx(1.0, abs=1.5 * SAMPLING)
