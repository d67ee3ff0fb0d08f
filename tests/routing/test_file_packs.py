"""A file goes from its own form to the dispatch pack: parcels, real roads, gzip; what no vehicle can do is said."""

import csv
import gzip
import json

import numpy as np
import pytest

import run_plan
from optimizer.routing.command import RouteRequest, route_file
from optimizer.routing.file_problem import UnreadableRoutingFileError
from optimizer.routing.files import read_routing_file
from solvers.paths_on_graph import great_circle_metres
from tests.conftest import public_data


def parcels(folder, changes=None, name="rj.json"):
    """An instance of three parcels on the equator, .01 degree apart, from an origin at their end."""
    deliveries = [{"id": f"p{n}", "point": {"lng": 0.01 * n, "lat": 0.0}, "size": 4} for n in (1, 2, 3)]
    given = {"name": "rj", "region": "r", "origin": {"lng": 0.0, "lat": 0.0}, "vehicle_capacity": 8}
    text = json.dumps({**given, "deliveries": deliveries, **(changes or {})})
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def read_csv(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_parcels_cost_metres_and_their_pack_says_what_the_plan_says(tmp_path):
    routed = route_file(parcels(tmp_path), RouteRequest(50, pack=tmp_path / "pack"))
    leg = great_circle_metres(np.zeros(2), np.array([0.0, 0.01]))[0, 1] * 1.3
    # Loads of 4 and 8 fit: one van brings two parcels, another the third; best is the far two together.
    assert routed.routes == 2
    assert routed.cost == pytest.approx(2 * (3 + 1) * leg, abs=4)
    rows = read_csv(tmp_path / "pack" / "all.csv")
    assert sum(float(row["km"]) for row in rows) == pytest.approx(routed.cost / 1000, abs=1e-5)
    assert sorted(row["stop_id"] for row in rows if row["kind"] == "delivery") == ["p1", "p2", "p3"]
    assert {float(row["qty"]) for row in rows if row["kind"] == "delivery"} == {4.0}
    lines = [f for f in json.loads((tmp_path / "pack" / "all.geojson").read_text())["features"] if f["geometry"]]
    assert any(f["geometry"]["type"] == "LineString" for f in lines)
    vroom = json.loads((tmp_path / "pack" / "all.vroom.json").read_text())
    assert vroom["summary"]["distance"] == pytest.approx(routed.cost, abs=4)
    assert routed.written.name == "rj.sol"


def test_a_packed_parcel_file_is_the_same_problem(tmp_path):
    plain, packed = (read_routing_file(parcels(tmp_path, name=name)) for name in ("rj.json", "rz.json.gz"))
    assert (plain.problem.metres[0] == packed.problem.metres[0]).all()
    assert route_file(tmp_path / "rz.json.gz", RouteRequest(5)).written.name == "rz.sol"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"deliveries": []}, "0 deliveries, expected 1 to 3,000"),
        ({"origin": {"lng": 200.0, "lat": 0.0}}, "no degrees"),
        ({"vehicle_capacity": None}, "no parcel instance"),
        ({"deliveries": [{"id": "p", "point": {"lng": 0.0}, "size": 1}]}, "no parcel instance"),
        ({"deliveries": [{"id": "p", "point": {"lng": 0.0, "lat": 0.0}, "size": 1}] * 3001}, "3,001 deliveries"),
    ],
)
def test_what_is_wrong_with_parcels_is_said(tmp_path, changes, words):
    with pytest.raises(UnreadableRoutingFileError, match=r"rj\.json") as caught:
        read_routing_file(parcels(tmp_path, changes))
    assert words in str(caught.value)


def test_a_parcel_above_every_vehicle_is_named_and_the_rest_is_planned(tmp_path, capsys):
    many = [{"id": f"p{n}", "point": {"lng": 0.01 * n, "lat": 0.0}, "size": 9 if n == 2 else 4} for n in (1, 2, 3)]
    path = parcels(tmp_path, {"deliveries": many})
    assert run_plan.run(["route", str(path), "--work", "20", "--pack", str(tmp_path / "pack")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "stop p2: it is above the load of every vehicle that may bring it" in said
    assert {r["stop_id"] for r in read_csv(tmp_path / "pack" / "all.csv") if r["kind"] != "depot"} == {"p1", "p3"}
    vroom = json.loads((tmp_path / "pack" / "all.vroom.json").read_text())
    assert [job["description"] for job in vroom["unassigned"]] == ["p2"]


def test_a_window_that_nobody_can_reach_and_one_that_ends_before_it_begins_are_said(tmp_path):
    head = "NAME : t\nTYPE : VRPTW\nDIMENSION : 3\nCAPACITY : 9\nEDGE_WEIGHT_TYPE : EUC_2D\n"
    body = "NODE_COORD_SECTION\n1 0 0\n2 3 4\n3 6 8\nDEMAND_SECTION\n1 0\n2 1\n3 1\nTIME_WINDOW_SECTION\n1 0 99\n"
    (tmp_path / "a.vrp").write_text(head + body + "2 0 4\n3 0 50\n")
    routed = route_file(tmp_path / "a.vrp", RouteRequest(20))
    assert routed.unserved == ("stop 2: no vehicle reaches it inside its window",)
    assert routed.cost == pytest.approx(20)
    (tmp_path / "b.vrp").write_text(head + body + "2 9 4\n3 0 50\n")
    with pytest.raises(UnreadableRoutingFileError, match=r"b\.vrp: stop 0: window ends at 40, before it starts at 90"):
        route_file(tmp_path / "b.vrp", RouteRequest(20))


@pytest.mark.parametrize("name", ["loggibud/cvrp-0-rj-3.json", "euro_neurips/*7a80cc21*"])
def test_public_instances_run_from_file_to_pack(name, tmp_path):
    folder, pattern = name.split("/")
    path = next(public_data("vrp").joinpath(folder).glob(pattern))
    file = read_routing_file(path)
    routed = route_file(path, RouteRequest(30, out=tmp_path / "a.sol", pack=tmp_path / "pack"))
    rows = read_csv(tmp_path / "pack" / "all.csv")
    visits = [row["stop_id"] for row in rows if row["kind"] == "delivery"]
    assert len(visits) == len(set(visits)) == file.problem.stops.count and not routed.unserved
    assert sum(float(row["km"]) for row in rows) * 1000 == pytest.approx(routed.cost, rel=1e-6)
    assert len(list((tmp_path / "pack").glob("*.gpx"))) == routed.routes + 1
    # Only degrees are drawn: the roads' own coordinates are a plane's.
    assert all(bool(row["lat"]) == file.geographic for row in rows)
