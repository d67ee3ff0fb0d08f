"""The driver's files say what the dispatcher's CSV says: GPX, loading list, page; links of at most nine waypoints."""

import csv
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from types import SimpleNamespace

import pandas as pd
import pytest

from optimizer.reports.driver_files import WAYPOINTS, map_links
from optimizer.reports.write import write_reports
from tests.reports.report_cases import plan_by_hand

GPX = "{http://www.topografix.com/GPX/1/1}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = plan_by_hand(tmp_path_factory.mktemp("driver"))
    write_reports(made)
    return made / "dispatch"


@pytest.fixture(scope="module")
def rows(folder):
    return read_csv(folder / "all.csv")


def read_csv(path, delimiter=","):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


class Page(HTMLParser):
    """The stops and the links of a page, and whatever it would fetch."""

    def __init__(self):
        super().__init__()
        self.stops, self.links, self.fetched, self.bold = [], [], [], False

    def handle_starttag(self, tag, attrs):
        self.bold = tag == "strong"
        given = dict(attrs)
        self.links += [given["href"]] if tag == "a" else []
        self.fetched += [given[name] for name in ("src",) if name in given] + [tag] * (tag in {"script", "link"})

    def handle_data(self, data):
        if self.bold:
            self.stops.append(data)
            self.bold = False


def test_the_gpx_has_the_points_of_the_csv_in_order(folder, rows):
    root = ElementTree.parse(folder / "all.gpx").getroot()
    points = [p for route in root.findall(f"{GPX}rte") for p in route.findall(f"{GPX}rtept")]
    placed = [row for row in rows if row["lat"]]
    assert [p.find(f"{GPX}name").text for p in points] == [f"{row['seq']} {row['stop_id']}" for row in placed]
    for point, row in zip(points, placed, strict=True):
        assert (float(point.get("lat")), float(point.get("lon"))) == pytest.approx(
            (float(row["lat"]), float(row["lon"]))
        )
        assert pd.Timestamp(row["eta"]).strftime("%Y-%m-%d %H:%M") in point.find(f"{GPX}desc").text


def test_the_loading_list_is_the_stops_that_get_something_last_in_first_out(folder, rows):
    loading = read_csv(folder / "all.loading.tsv", "\t")
    for route in {row["route"] for row in rows}:
        mine = [row for row in rows if row["route"] == route and row["kind"] != "depot"]
        brought = [row["stop_id"] for row in mine if float(row["qty"]) > 0 or float(row["qty_l"]) > 0]
        listed = [row for row in loading if row["route"] == route]
        assert sorted(row["stop_id"] for row in listed) == sorted(brought)
        for trip in {row["trip"] for row in listed}:
            order = [int(row["seq"]) for row in listed if row["trip"] == trip]
            assert order == sorted(order, reverse=True)
    assert sum(float(row["kg"]) for row in loading) == pytest.approx(
        sum(max(float(row["qty"]), 0) for row in rows if row["kind"] != "depot")
    )


def test_the_page_has_every_stop_and_fetches_nothing(folder, rows):
    page = Page()
    page.feed((folder / "all.html").read_text(encoding="utf-8"))
    assert page.stops == [row["stop_id"] for row in rows]
    assert page.fetched == []
    assert any(link.startswith("https://www.google.com/maps/dir/") for link in page.links)


@pytest.mark.parametrize("count", [0, 1, 2, 11, 12, 25])
def test_links_go_through_every_place_in_order_with_at_most_nine_between(count):
    places = [SimpleNamespace(lat=n / 4, lon=-n / 4) for n in range(count)]
    seen = []
    for link in map_links(places):
        parts = dict(part.split("=") for part in link.split("?")[1].split("&"))
        between = parts.get("waypoints", "").split("%7C") if "waypoints" in parts else []
        assert len(between) <= WAYPOINTS and len(link) <= 2048
        assert not seen or seen[-1] == parts["origin"]
        seen += [*([] if seen else [parts["origin"]]), *between, parts["destination"]]
    assert seen == ([] if count < 2 else [f"{n / 4:.6f},{-n / 4:.6f}" for n in range(count)])
