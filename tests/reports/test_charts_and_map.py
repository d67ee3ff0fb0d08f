"""Charts and map are drawn to scale: figures read back from the drawing."""

import datetime
import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.reports.charts import Outlook, bar, nice_above, outlook_chart
from optimizer.reports.road_map import Place, Route, Scene, Visit, road_map

EARTH_RADIUS_KM = 6371.0
# Half of the last decimal of a drawn coordinate, and the error of a flat map over a delivery area.
DRAWN, FLAT = 0.06, 0.01

DAYS = [datetime.date(2024, 4, 8) + datetime.timedelta(n) for n in range(3)]
CHART = Outlook(DAYS, [2.0, 4.0, 3.0], [1.0, 2.0, 1.0], [5.0, 10.0, 6.0], [20.0, 50.0, 35.0], [0.0, 40.0, 0.0])


def points(drawing, name):
    """Return the coordinates of the path of a class."""
    path = re.search(rf'<path d="([^"]*)" class="{name}"', str(drawing))[1]
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([-\d.]+) ([-\d.]+)", path)]


def test_the_mean_is_drawn_to_the_scale_of_its_axis():
    # The axis ends at 10, the largest upper edge: top 20, bottom 104, so 4 units lie at 104 − 84 · .4 = 70.4.
    mean = points(outlook_chart(CHART, "tea", "c"), "mean")
    assert [y for _, y in mean] == pytest.approx([87.2, 70.4, 78.8], abs=DRAWN)


def test_the_band_goes_along_its_upper_edge_and_back_along_its_lower():
    band = points(outlook_chart(CHART, "tea", "c"), "band")
    heights = [(104 - y) / 8.4 for _, y in band]
    assert heights == pytest.approx([5, 10, 6, 1, 2, 1], abs=DRAWN)


def test_stock_and_receipts_share_an_axis():
    drawing = str(outlook_chart(CHART, "tea", "c"))
    # The axis ends at 50: top 132, bottom 208, so 50 units lie at the top and 40 are 60.8 high.
    assert [y for _, y in points(drawing, "stock")] == pytest.approx([208 - 76 * 0.4, 132, 208 - 76 * 0.7], abs=DRAWN)
    bars = re.findall(r'height="([\d.]+)" class="receipt"', drawing)
    assert [float(height) for height in bars] == pytest.approx([60.8], abs=DRAWN)


def test_a_chart_says_in_words_what_it_draws():
    words = str(outlook_chart(CHART, "tea at S1", "c"))
    assert "Mean demand 9 units over 3 periods, most on 9 Apr: 4, band 2 to 10" in words
    assert "stock is lowest on 8 Apr: 20 units. Receipts on 1 days, 40 units in all." in words
    assert 'aria-labelledby="c-t c-d"' in words and '<title id="c-t">tea at S1</title>' in words


def test_a_chart_of_nothing_is_drawn_without_an_error():
    assert "<svg" in outlook_chart(Outlook([], [], [], [], [], []), "nothing", "c")
    still = outlook_chart(Outlook(DAYS, [0.0] * 3, [0.0] * 3, [0.0] * 3, [0.0] * 3, [0.0] * 3), "still", "c")
    assert {y for _, y in points(still, "mean")} == {104.0}


@settings(derandomize=True, max_examples=100, deadline=None)
@given(st.floats(1e-4, 1e8))
def test_an_axis_ends_just_above_its_figures(value):
    assert value * (1 - 1e-6) <= nice_above(value) <= 2 * value


def test_bars_are_as_long_as_their_share():
    assert 'width="25.0"' in bar(-5.0, 20.0) and 'class="minus"' in bar(-5.0, 20.0)
    assert 'width="0.0"' in bar(0.0, 0.0)


def visits(*places):
    return [Visit(lat, lon, n, f"stop {n}", "delivery") for n, (lat, lon) in enumerate(places)]


def kilometres(one, other):
    """Return the way over the globe (haversine)."""
    lat1, lon1, lat2, lon2 = map(math.radians, (*one, *other))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(half))


def drawn_route(drawing):
    path = re.search(r' d="([^"]*)" class="route', str(drawing))[1]
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([-\d.]+) ([-\d.]+)", path)]


@pytest.mark.parametrize(
    "places",
    [
        [(60.0, 24.0), (60.1, 24.3)],
        [(-33.9, 151.0), (-33.8, 151.2)],
        [(0.0, 10.0), (0.2, 10.0)],
        [(-17.0, 179.9), (-17.1, -179.8)],
    ],
)
def test_the_scale_bar_is_as_long_as_it_says(places):
    drawing = road_map(Scene([], [Route("R1", visits(*places))]))
    one, other = drawn_route(drawing)
    length, number, unit = re.search(r'h([\d.]+)v-5" class="scale".*?>([\d.]+) (k?m)<', str(drawing)).groups()
    km = float(number) * (1 if unit == "km" else 1e-3)
    assert math.dist(one, other) / float(length) * km == pytest.approx(kilometres(*places), rel=FLAT)


def test_north_is_up_and_east_is_right():
    (x1, y1), (x2, y2) = drawn_route(road_map(Scene([], [Route("R1", visits((60.0, 24.0), (60.1, 24.3)))])))
    assert x2 > x1 and y2 < y1


def test_everything_lies_inside_the_drawing_even_a_single_place():
    for places in ([(60.0, 24.0)], [(60.0, 24.0), (60.0, 24.5)], [(10.0, 5.0), (12.0, 5.0)]):
        drawing = str(road_map(Scene([Place("S", *places[0], "store")], [Route("R1", visits(*places))])))
        height = float(re.search(r'viewBox="0 0 960 (\d+)"', drawing)[1])
        assert all(0 <= x <= 960 and 0 <= y <= height for x, y in drawn_route(drawing))


def test_arrows_point_the_way_of_driving():
    drawing = str(road_map(Scene([], [Route("R1", visits((60.0, 24.0), (60.0, 24.5)))])))
    tip, *ends = [
        float(x) for x, _ in re.findall(r"[ML]([-\d.]+) ([-\d.]+)", re.search(r'd="([^"]*)" class="arrow', drawing)[1])
    ]
    # Due east, the tip lies right of the ends.
    assert all(tip > x for x in ends)


def test_many_stops_are_dots_and_no_more_than_a_page_can_hold():
    some, many = (Route("R1", visits(*[(60 + n / 1e4, 24.0) for n in range(count)])) for count in (150, 3000))
    assert str(road_map(Scene([], [some]))).count('class="number"') == 150
    drawing = str(road_map(Scene([], [many])))
    assert 'class="number"' not in drawing and drawing.count("<circle") == 1000


def test_routes_beyond_the_eighth_begin_the_colours_again():
    routes = [Route(f"R{n}", visits((60.0, 24.0), (60.1, 24.0 + n / 10))) for n in range(9)]
    drawing = str(road_map(Scene([], routes)))
    assert drawing.count('class="route r0"') == 2 and drawing.count('class="route r7"') == 1
