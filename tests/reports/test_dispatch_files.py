"""The dispatcher's CSV and GeoJSON say the same as each other and as the table `routes`."""

import csv
import json

import pandas as pd
import pytest

from optimizer.reports.stops import location_of
from optimizer.reports.write import write_reports
from tests.reports.report_cases import frame, plan_by_hand, visit, whole_day

HEAD = "route,seq,stop_id,name,address,lat,lon,eta,etd,window_start,window_end,service_min,qty,phone,notes"


def read_csv(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def features(path):
    found = json.loads(path.read_text(encoding="utf-8"))["features"]
    lines = [f for f in found if f["geometry"] and f["geometry"]["type"] == "LineString"]
    return lines, [f for f in found if "seq" in f["properties"]]


def assert_agree(folder):
    """The files of a plan folder agree with each other and with its routes."""
    routes = pd.read_csv(folder / "routes.csv").sort_values(["route_id", "seq"])
    rows = read_csv(folder / "dispatch" / "all.csv")
    lines, points = features(folder / "dispatch" / "all.geojson")
    assert ",".join(rows[0]).startswith(f"{HEAD},")
    assert [(r["route"], int(r["seq"]), r["stop_id"]) for r in rows] == list(
        routes[["route_id", "seq", "stop_id"]].itertuples(index=False, name=None)
    )
    assert [r["eta"] for r in rows] == list(routes["eta"]) and [r["etd"] for r in rows] == list(routes["etd"])
    assert [float(r["load_kg"]) for r in rows] == pytest.approx(list(routes["load_kg"]))
    for row, point in zip(rows, points, strict=True):
        said = point["properties"]
        assert (said["route"], said["seq"], said["stop_id"]) == (row["route"], int(row["seq"]), row["stop_id"])
        assert (said["eta"], said["etd"]) == (row["eta"], row["etd"])
        assert said["qty"] == pytest.approx(float(row["qty"])) and said["load_kg"] == pytest.approx(
            float(row["load_kg"])
        )
        assert point["geometry"]["coordinates"] == pytest.approx([float(row["lon"]), float(row["lat"])])
    for line in lines:
        mine = [r for r in rows if r["route"] == line["properties"]["route"]]
        assert line["geometry"]["coordinates"] == [[float(r["lon"]), float(r["lat"])] for r in mine]
        assert line["properties"]["km"] == pytest.approx(sum(float(r["km"]) for r in mine))
    assert len(lines) == routes["route_id"].nunique()
    assert_vroom_agrees(folder, rows)
    assert_orders_agree(folder, rows)
    return rows


def assert_orders_agree(folder, rows):
    """Each stop is an order with its place, load and window, whose end leaves time for the service."""
    orders = {row["Order ID"]: row for row in read_csv(folder / "dispatch" / "orders.optimoroute.csv")}
    visits = [row for row in rows if row["kind"] not in {"depot", "break"}]
    assert set(orders) == {row["stop_id"] for row in visits}
    for row in visits:
        order = orders[row["stop_id"]]
        assert (order["Latitude"], order["Longitude"]) == tuple(
            f"{float(row[name]):.6f}" if row[name] else "" for name in ("lat", "lon")
        )
        assert float(order["Load #1"]) == pytest.approx(abs(float(row["qty"])), rel=1e-4)
        assert (order["Phone"], order["Driver"]) == (row["phone"], row["vehicle"])
        if row["window_end"]:
            ends = pd.Timestamp(row["window_end"]) + pd.Timedelta(minutes=float(row["service_min"]))
            assert order["Time window to"] == ends.strftime("%H:%M")


def assert_vroom_agrees(folder, rows):
    """VROOM's answer has the visits of the CSV in its order, with their times, loads, ways and places."""
    answer = json.loads((folder / "dispatch" / "all.vroom.json").read_text(encoding="utf-8"))
    steps = [step for route in answer["routes"] for step in route["steps"] if step["type"] not in {"start", "end"}]
    visits = [row for row in rows if row["kind"] != "depot"]
    midnight = pd.Timestamp(min(row["eta"] for row in rows)).normalize()
    ids = {}
    for step, row in zip(steps, visits, strict=True):
        arrival, leaves = (midnight + pd.Timedelta(seconds=s) for s in (step["arrival"], sum_of_stay(step)))
        assert (arrival, leaves) == (pd.Timestamp(row["eta"]), pd.Timestamp(row["etd"]))
        assert (step["type"] == "break") == (row["kind"] == "break")
        assert step["description"].split(" ")[0] == row["stop_id"].split(" ")[0]
        assert step["load"] == pytest.approx([1000 * float(row[name]) for name in ("load_kg", "load_l")], abs=1)
        assert (step["location"] if row["lat"] else None) == (
            pytest.approx([float(row["lon"]), float(row["lat"])]) if row["lat"] else None
        )
        assert ids.setdefault(step["id"], row["stop_id"]) == row["stop_id"]
    assert answer["summary"]["distance"] == pytest.approx(sum(1000 * float(row["km"]) for row in rows), abs=len(rows))
    for route in answer["routes"]:
        first, last = route["steps"][0], route["steps"][-1]
        whole = last["arrival"] + last["service"] + last["waiting_time"] - first["arrival"]
        assert whole == route["duration"] + route["service"] + route["waiting_time"]
    left = pd.read_csv(folder / "unserved.csv")
    assert [job["description"] for job in answer["unassigned"]] == sorted(left["stop_id"])
    assert not {job["id"] for job in answer["unassigned"]} & set(ids)


def sum_of_stay(step):
    return step["arrival"] + step["waiting_time"] + step["setup"] + step["service"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = plan_by_hand(tmp_path_factory.mktemp("dispatch"))
    write_reports(made)
    return made


@pytest.fixture(scope="module")
def rows(folder):
    return {(row["route"], row["seq"]): row for row in assert_agree(folder)}


def test_the_files_of_a_planned_company_agree_with_its_routes(planned):
    routes = pd.read_csv(planned / "routes.csv")
    assert (planned / "dispatch").exists() == bool(len(routes))
    if len(routes):
        assert_agree(planned)


def test_each_route_has_its_own_files_and_together_they_are_all(folder):
    names = sorted(path.name for path in (folder / "dispatch").iterdir())
    # A route called R/2 cannot be a file name as it is.
    kinds = ("csv", "geojson", "gpx", "html", "loading.tsv", "vroom.json")
    each = [f"{name}.{kind}" for name in ("R-2", "R1", "all") for kind in kinds]
    assert names == sorted([*each, "orders.optimoroute.csv"])
    parts = [row for name in ("R-2.csv", "R1.csv") for row in read_csv(folder / "dispatch" / name)]
    assert parts == read_csv(folder / "dispatch" / "all.csv")
    lines, points = features(folder / "dispatch" / "R1.geojson")
    assert [line["properties"]["stops"] for line in lines] == [2] and len(points) == 4


def test_a_delivery_takes_from_its_customer_what_it_does_not_say_itself(rows):
    ada, bob = rows["R1", "2"], rows["R/2", "1"]
    # A phone number that begins with a plus sign is guarded, so that no spreadsheet takes it for a formula.
    assert (ada["name"], ada["address"], ada["phone"], ada["notes"]) == ("Ada", "Road 1", "'+358 40 1", "ring twice")
    assert (ada["lat"], ada["lon"]) == ("60.05", "24.05")
    assert (bob["name"], bob["address"], bob["lat"], bob["lon"]) == ("Bobby", "Lane 2", "60.03", "24.03")


def test_a_stop_carries_its_quantity_service_and_the_window_it_is_served_in(rows):
    ada = rows["R1", "2"]
    # The load falls from 10 to 0 kg; of two windows the one from ten o'clock holds 10:30; six minutes at the door.
    assert (ada["qty"], ada["service_min"]) == ("10", "6")
    assert (ada["window_start"], ada["window_end"]) == ("2024-04-08T10:00:00", "2024-04-08T12:00:00")
    # Two of Bob's six minutes are waiting; he has no window.
    bob = rows["R/2", "1"]
    assert (bob["service_min"], bob["wait_min"], bob["window_start"]) == ("4", "2", "")
    assert rows["R1", "0"]["qty"] == "0"


def test_a_transfer_lies_at_the_store_that_receives_it(rows):
    assert (rows["R1", "1"]["name"], rows["R1", "1"]["lat"], rows["R1", "1"]["lon"]) == ("Main street", "60", "24.1")


@pytest.mark.parametrize(
    ("stop", "place"),
    [
        ("DC", "DC"),
        ("DC>S1", "S1"),
        ("DC>S1#2", "S1"),
        ("a>b>S1", "S1"),
        ("S1>a>b", "a>b"),
        ("odd#3", "odd#3"),
        ("?", "?"),
    ],
)
def test_a_stop_is_found_at_its_location_even_where_ids_hold_the_signs(stop, place):
    class Places:
        locations = dict.fromkeys(["DC", "S1", "a>b", "odd#3"])

    assert location_of(Places(), stop) == place


def test_breaks_stand_in_every_file_at_the_place_where_they_are_taken(tmp_path):
    visits = [
        visit("R1", 0, "DC", "depot", "07:00", 10.0),
        visit("R1", 1, "coffee", "break", "07:30", 10.0),
        visit("R1", 2, "D1", "delivery", "07:36", 6.0, km=0.0),
        visit("R1", 3, "lunch", "break", "07:42", 6.0, km=0.0),
        visit("R1", 4, "D2", "delivery", "08:30", 0.0),
        visit("R1", 5, "DC", "depot", "09:00", 0.0),
    ]
    folder = plan_by_hand(tmp_path, {**whole_day(), "routes": frame("routes", visits)})
    write_reports(folder)
    rows = assert_agree(folder)
    # Coffee is drunk before D1's door, lunch is eaten behind it.
    assert {(row["lat"], row["lon"]) for row in rows[1:4]} == {("60.05", "24.05")}
    answer = json.loads((folder / "dispatch" / "all.vroom.json").read_text(encoding="utf-8"))
    assert [step["type"] for step in answer["routes"][0]["steps"]] == [
        "start", "break", "job", "break", "job", "end"
    ]  # fmt: skip
    assert "2 stops" in (folder / "plan.html").read_text(encoding="utf-8")
    loading = (folder / "dispatch" / "all.loading.tsv").read_text(encoding="utf-8")
    assert "lunch" not in loading and "D1" in loading


def test_routes_whose_names_look_alike_get_files_of_their_own(tmp_path):
    names = ["R 1", "R/1", "r-1", "all", "..", ""]
    visits = [
        visit(name, n, stop, kind, clock, 0.0)
        for name in names
        for n, (stop, kind, clock) in enumerate([("DC", "depot", "07:00"), ("D2", "delivery", "08:00")])
    ]
    visits = [row for row in visits if row["route_id"]]
    folder = plan_by_hand(tmp_path, {**whole_day(), "routes": frame("routes", visits)})
    write_reports(folder)
    made = [path for path in sorted((folder / "dispatch").glob("*.csv")) if not path.name.startswith("orders.")]
    assert len(made) == len(names) and len({path.name.lower() for path in made}) == len(made)
    assert all(path.parent == folder / "dispatch" for path in made)
    each = {read_csv(path)[0]["route"] for path in made if path.name != "all.csv"}
    assert each == set(names) - {""}


def test_a_stop_without_coordinates_is_listed_and_not_drawn(tmp_path):
    places = "location_id,name,kind,lat,lon\nDC,Depot,dc,60.0,24.0\nS1,Main street,store,,\nS2,,store,60.1,24.0\n"
    folder = plan_by_hand(tmp_path, changes={"locations": places})
    write_reports(folder)
    lines, points = features(folder / "dispatch" / "R1.geojson")
    assert len(points) == 4 and points[1]["geometry"] is None
    assert len(lines[0]["geometry"]["coordinates"]) == 3
    assert read_csv(folder / "dispatch" / "R1.csv")[1]["lat"] == ""
    assert "1 visit without coordinates" in (folder / "plan.html").read_text(encoding="utf-8")


def test_without_routes_no_folder_is_made_and_an_old_one_goes(tmp_path):
    folder = plan_by_hand(tmp_path, {})
    (folder / "dispatch").mkdir()
    (folder / "dispatch" / "R9.csv").write_text("old", encoding="utf-8")
    write_reports(folder)
    assert not (folder / "dispatch").exists()
