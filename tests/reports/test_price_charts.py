"""Pictures of price changes: bars as high as the money, the decided price marked, the stock that is left."""

import re

import pytest

from optimizer.reports.price_charts import price_chart

NUMBERS = {
    "exit": "2024-04-21",
    "stock": 60.0,
    "ladder": [
        {"price": 10.0, "beside": -1, "sold": 14.0, "value": 100.0, "value_low": 80.0, "value_high": 120.0},
        {"price": 5.0, "beside": 0, "sold": 56.0, "value": 200.0, "value_low": 150.0, "value_high": 200.0},
    ],
    "weeks": [
        {"from": "2024-04-08", "price": 10.0, "left": 40.0, "left_low": 30.0, "left_high": 50.0},
        {"from": "2024-04-15", "price": 5.0, "left": 10.0, "left_low": 0.0, "left_high": 20.0},
    ],
}


@pytest.fixture(scope="module")
def chart():
    return str(price_chart(NUMBERS, "Tea at <b>", "p", "EUR"))


def test_each_price_has_a_bar_as_high_as_its_money_and_the_decided_one_is_marked(chart):
    bars = re.findall(r'<rect [^>]*height="([0-9.]+)"[^>]*class="([a-z-]+)"', chart)
    # The scale ends at 200, the panel is 72 high.
    assert bars == [("36.0", "stock-area"), ("72.0", "receipt")]
    # The band of the first from 80 to 120: 92 - 28.8 and 92 - 43.2.
    assert "63.2L" in chart
    assert "48.8" in chart


def test_prices_stand_where_they_change_and_words_say_what_is_drawn(chart):
    assert chart.count(">10.00<") == 2
    assert chart.count(">5.00<") == 2
    assert "10.00 brings 100, 5.00 brings 200 EUR" in chart
    assert "10 of 60 are left, 0 to 20" in chart
    assert "Tea at &lt;b&gt;" in chart
