"""The page of the forecast: drawn to scale, with what serves each pair and what moved it."""

import datetime
import re

import numpy as np
import pytest

from optimizer.reports.forecast_page import Course, _chart, _words

# Half of the last decimal of a drawn coordinate.
DRAWN = 0.06
DAYS = [datetime.date(2024, 4, 8) + datetime.timedelta(n) for n in range(4)]
NONE = np.nan
COURSE = Course(
    DAYS,
    np.array([10.0, 4.0, NONE, NONE]),
    np.array([1.0, 0.5, 1.0, 1.0]),
    np.array([NONE, NONE, 5.0, 6.0]),
    np.array([NONE, NONE, 2.0, 3.0]),
    np.array([NONE, NONE, 8.0, 10.0]),
    np.array([False, False, True, False]),
)


def test_sales_and_forecast_are_drawn_to_one_scale():
    # The axis ends at 10: top 22, bottom 150, so 4 units lie at 150 − 128 · .4 = 98.8 and 5 at 86.
    drawing = str(_chart(COURSE, "tea", "f0"))
    sold = re.search(r'd="(M[^"]*)" class="stock"', drawing)[1]
    mean = re.search(r'd="(M[^"]*)" class="mean"', drawing)[1]
    heights = [[float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", path)] for path in (sold, mean)]
    assert heights[0] == pytest.approx([22.0, 98.8], abs=DRAWN)
    assert heights[1] == pytest.approx([86.0, 73.2], abs=DRAWN)


def test_a_day_out_of_stock_is_marked_with_its_figures():
    drawing = str(_chart(COURSE, "tea", "f0"))
    assert drawing.count("<circle") == 1
    assert "in stock 50% of the period, sold 4" in drawing


def test_a_name_cannot_break_out_of_the_drawing():
    assert "<script>" not in str(_chart(COURSE, "<script>alert(1)</script>", "f0"))


def test_the_words_say_level_method_drivers_and_stock_outs():
    row = {
        "level": 3.2,
        "method": "boosted",
        "drivers": "promotion +40%",
        "censored_periods": 2,
        "recovered_units": 5.0,
    }
    said = _words(row)
    assert said[0] == "Usual demand 3.20 a period. boosted."
    assert "promotion +40%" in said[1]
    assert "2 periods not fully in stock" in said[2]
    assert _words(None) == []
