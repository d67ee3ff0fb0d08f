"""A plan made by hand is judged stop by stop, with amounts, and priced beside ours."""

import json

import pytest

import run_plan
from tests.folders import tea_shop
from tests.routing.test_routes_of_the_day import DAY, DELIVERIES, TABLES

VEHICLES = (
    "vehicle_id,depot_id,capacity_kg,capacity_l,shift_start,shift_end,max_stops,max_km,skills,fixed_cost,cost_per_km,"
    "cost_per_hour\nV1,D1,10,500,06:00,18:00,3,100,,40,0.5,20\nV2,D1,10,500,06:00,18:00,,,crane,60,0.5,20\n"
)
# .1 degree is 14.455 km and 24:47 minutes away, five minutes at each door.
ROWS = [
    f"P1,O1,D1,60.1,25.0,{DAY},4,6,5,900,",
    f"P2,O2,D1,60.2,25.0,{DAY},4,6,5,900,",
    f"P3,O3,D1,60.1,25.0,{DAY},4,6,5,900,crane",
]
WINDOWS = f"delivery_id,window_start,window_end\nP2,{DAY}T06:00,{DAY}T07:00\n"


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    tables = {
        **TABLES, "vehicles": VEHICLES, "deliveries": "\n".join([f"{DELIVERIES},skills", *ROWS, ""]),
        "delivery_windows": WINDOWS,
    }  # fmt: skip
    return tea_shop(tmp_path_factory.mktemp("hand"), tables, "route_iterations = 50\n")


def judged(shop, tmp_path, capsys, text, code=65):
    path = tmp_path / "hand.csv"
    path.write_text(text)
    assert run_plan.run(["route", str(shop), "--check", str(path), "--json"]) == code
    said = json.loads(capsys.readouterr().out)
    return said, {(fault["vehicle"], fault["stop"]): fault["text"] for fault in said["faults"]}


def test_a_plan_that_can_be_driven_costs_what_its_way_costs(shop, tmp_path, capsys):
    text = "vehicle_id,stop_id\nV2,P2\nV2,P3\nV1,P1\n"
    said, faults = judged(shop, tmp_path, capsys, text, 0)
    assert faults == {} and said["drivable"]
    # V2: 60 + 57.822 km at .50 + 109:07 minutes at 20 an hour; V1: 40 + 28.911 km + 54:34.
    assert said["cost"] / 100 == pytest.approx(60 + 28.911 + 109.13 / 3 + 40 + 14.455 + 54.57 / 3, abs=0.05)
    assert said["ours"] <= said["cost"] and said["our_left_out"] == 0
    assert (said["routes"], said["left_out"]) == (2, 0)


def test_each_fault_is_named_with_its_stop_and_amount(shop, tmp_path, capsys):
    text = "vehicle_id,stop_id,seq\nV1,P3,2\nV1,P1,1\nV1,P2,3\nV9,P1,1\nV2,P7,1\nV1,P2,4\n"
    _, faults = judged(shop, tmp_path, capsys, text)
    assert faults["V1", "P3"] == "it lacks crane"
    # 12 kg leave on a van of 10.
    assert faults["V1", ""] == "leaves its depot with 2 kg more than it carries"
    # 24:47 to P1, five minutes at each of two doors, 24:47 on: 59:34 past six is in time.
    assert ("V1", "P2") in faults and faults["V1", "P2"] == "is visited already"
    assert faults["V9", ""] == "is no vehicle that drives today"
    assert faults["V2", "P7"] == "is no stop of the day"


def test_lateness_limits_and_missing_stops_are_amounts(tmp_path, capsys):
    vehicles = VEHICLES.replace(",3,100,", ",1,20,")
    tables = {
        **TABLES, "vehicles": vehicles, "deliveries": "\n".join([f"{DELIVERIES},skills", *ROWS, ""]),
        "delivery_windows": WINDOWS.replace("07:00", "06:40"),
    }  # fmt: skip
    shop = tea_shop(tmp_path / "shop", tables, "route_iterations = 50\n")
    _, faults = judged(shop, tmp_path, capsys, "vehicle,stop\nV1,P1\nV1,P2\n")
    # 24:47 + 5:00 + 24:47 is 54:34 past six, the window closes at forty.
    assert faults["V1", "P2"] == "is served 15 minutes after its window closes"
    assert faults["", "P3"] == "is on no route"
    texts = {text for (vehicle, _), text in faults.items() if vehicle == "V1"}
    assert "has 1 stops more than it may" in texts or "drives 37.822 km more than it may" in texts


def test_our_own_files_are_read_back_as_a_plan_without_faults(shop, tmp_path, capsys):
    out = tmp_path / "plan"
    assert run_plan.run(["route", str(shop), "--out", str(out), "--workers", "1"]) == 0
    capsys.readouterr()
    for name in ("routes.csv", "dispatch/all.csv"):
        said, faults = judged(shop, tmp_path, capsys, (out / name).read_text(), 0)
        assert faults == {}
        assert said["cost"] == pytest.approx(said["ours"], abs=2)


def test_a_file_that_is_no_plan_is_said(shop, tmp_path, capsys):
    for text, words in (("a,b\n1,2\n", "vehicle_id and stop_id"), ("", "vehicle_id and stop_id"),
                        ("vehicle_id,stop_id,seq\nV1,P1,x\n", "expected a number")):  # fmt: skip
        path = tmp_path / "hand.csv"
        path.write_text(text)
        assert run_plan.run(["route", str(shop), "--check", str(path)]) == run_plan.Exit.USAGE
        assert words in " ".join(capsys.readouterr().err.split())


def test_what_a_judgement_would_ignore_is_refused(shop, tmp_path, capsys):
    path = tmp_path / "hand.csv"
    path.write_text("vehicle_id,stop_id\nV1,P1\n")
    for more in (["--now", "08:00"], ["--late", "V1=5"], ["--out", str(tmp_path / "plan")], ["--seed", "3"]):
        assert run_plan.run(["route", str(shop), "--check", str(path), *more]) == run_plan.Exit.USAGE
        assert "judges a whole day" in " ".join(capsys.readouterr().err.split())
