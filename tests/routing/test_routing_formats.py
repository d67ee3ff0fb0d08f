"""Small files of each form mean what they say; VROOM and solution files go out and come back."""

import json

import numpy as np
import pytest

from optimizer.routing.command import RouteRequest, best_known, route_file
from optimizer.routing.file_problem import UnreadableRoutingFileError
from optimizer.routing.files import read_routing_file
from optimizer.routing.solution_files import read_solution, solution_text
from optimizer.routing.vroom import vroom_solution
from solvers.outcome import NoPlanError
from solvers.routing.check import check_plan
from solvers.routing.problem import MUST, Work
from solvers.routing.pyvrp_engine import pyvrp_engine
from solvers.routing.schedule import plan_of
from solvers.routing.solve import solve_routing

# The depot at 0,0 and stops at 3,4 (5 away) and 6,8 (10 away, 5 from the first).
COORDINATES = "NODE_COORD_SECTION\n1 0 0\n2 3 4\n3 6 8\n"
DEMAND = "DEMAND_SECTION\n1 0\n2 1\n3 1\nDEPOT_SECTION\n1\n-1\nEOF\n"
HEAD = "NAME : small\nTYPE : {kind}\nDIMENSION : 3\nCAPACITY : {capacity}\nEDGE_WEIGHT_TYPE : EUC_2D\n"


def vrp(folder, kind="CVRP", capacity=2, extra="", sections="", name="small.vrp"):
    path = folder / name
    path.write_text(HEAD.format(kind=kind, capacity=capacity) + extra + COORDINATES + sections + DEMAND)
    return path


def solved(file, iterations=50):
    plan = solve_routing(file.problem, Work(iterations), pyvrp_engine).required()
    assert check_plan(file.problem, plan) == []
    return plan


def test_a_capacitated_file_costs_what_its_coordinates_say(tmp_path):
    assert solved(read_routing_file(vrp(tmp_path))).cost == 20
    assert solved(read_routing_file(vrp(tmp_path, capacity=1))).cost == 30


def test_time_windows_are_in_tenths_and_costs_in_units(tmp_path):
    windows = "TIME_WINDOW_SECTION\n1 0 100\n2 20 30\n3 0 11\n"
    file = read_routing_file(vrp(tmp_path, "VRPTW", extra="SERVICE_TIME : 2\nVEHICLES : 1\n", sections=windows))
    plan = solved(file)
    assert [route.stops.tolist() for route in plan.routes] == [[1, 0]]
    assert file.stated_cost(plan) == pytest.approx(20)
    assert file.problem.stops.service_seconds.tolist() == [20, 20]


def test_fleets_prizes_backhauls_and_depots_are_read(tmp_path):
    fleet = "CAPACITY_SECTION\n1 2\n2 1\nVEHICLES_FIXED_COST_SECTION\n1 7\n2 3\n"
    fleet += "VEHICLES_UNIT_DISTANCE_COST_SECTION\n1 2\n2 1\n"
    file = read_routing_file(vrp(tmp_path, "HFVRP", extra="VEHICLES : 2\n", sections=fleet))
    first, second = file.problem.vehicle_types
    assert (first.capacity, first.fixed_cost, first.cost_per_km) == ((2,), 7.0, 2000.0)
    assert (second.capacity, second.fixed_cost, second.cost_per_km) == ((1,), 3.0, 1000.0)
    prizes = read_routing_file(vrp(tmp_path, "PCVRPTW", sections="PRIZE_SECTION\n1 0\n2 0\n3 4\n"))
    assert prizes.problem.stops.price.tolist() == [MUST, 40.0]
    back = read_routing_file(vrp(tmp_path, "VRPB", sections="BACKHAUL_SECTION\n1 0\n2 0\n3 1\n"))
    assert back.problem.stops.pickup.ravel().tolist() == [0, 1]
    assert back.problem.metres[0][0, 2] == -1


def test_an_explicit_lower_triangle_is_read(tmp_path):
    text = (
        "NAME : tri\nTYPE : CVRP\nDIMENSION : 3\nCAPACITY : 2\nEDGE_WEIGHT_TYPE : EXPLICIT\n"
        "EDGE_WEIGHT_FORMAT : LOWER_ROW\nEDGE_WEIGHT_SECTION\n5\n10 6\n" + DEMAND
    )
    (tmp_path / "tri.vrp").write_text(text)
    file = read_routing_file(tmp_path / "tri.vrp")
    assert file.problem.metres[0].tolist() == [[0, 5, 10], [5, 0, 6], [10, 6, 0]]
    assert solved(file).cost == 21


def test_solomon_puts_vehicles_before_distance(tmp_path):
    lines = ["toy", "", "VEHICLE", "NUMBER CAPACITY", "  3  10", "", "CUSTOMER"]
    lines += ["CUST NO. XCOORD. YCOORD. DEMAND READY TIME DUE DATE SERVICE TIME", ""]
    # From one to the other by the depot side is 5 + 5; on one vehicle the way is the same, so one vehicle it is.
    lines += ["0 0 0 0 0 1000 0", "1 3 4 1 0 1000 0", "2 -3 -4 1 0 1000 0"]
    path = tmp_path / "toy.txt"
    path.write_text("\n".join(lines))
    file = read_routing_file(path)
    plan = solved(file)
    assert (len(plan.routes), file.stated_cost(plan)) == (1, pytest.approx(20))
    assert file.stated_bound(plan.cost) == (1, pytest.approx(20))


def test_li_lim_pairs_are_shipments(tmp_path):
    path = tmp_path / "toy.txt"
    path.write_text("2 10 1\n0 0 0 0 0 1000 0 0 0\n1 3 4 5 0 1000 1 0 2\n2 6 8 -5 0 1000 1 1 0\n")
    file = read_routing_file(path)
    assert file.problem.stops.partner.tolist() == [1, 0]
    assert [route.stops.tolist() for route in solved(file).routes] == [[0, 1]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello", "expected a CVRPLIB"),
        (
            "NAME : a\nDIMENSION : 3\nCAPACITY : 2\nEDGE_WEIGHT_TYPE : GEO\n" + DEMAND,
            'EDGE_WEIGHT_TYPE "GEO" is not read',
        ),
        ("DIMENSION : 3\nCAPACITY : two\nEDGE_WEIGHT_TYPE : EUC_2D\n" + COORDINATES + DEMAND, "expected a number"),
        ("DIMENSION : 4\nCAPACITY : 2\nEDGE_WEIGHT_TYPE : EUC_2D\n" + COORDINATES + DEMAND, "expected 1 to 4"),
        (
            "DIMENSION : 3\nVEHICLES : 1\nEDGE_WEIGHT_TYPE : EUC_2D\n"
            + COORDINATES
            + DEMAND
            + "VEHICLES_RELOAD_DEPOT_SECTION\n1 2\n",
            "load again elsewhere",
        ),
        ("DIMENSION : 3\nTURNS_SECTION\n1 2\n" + COORDINATES + DEMAND, "section TURNS"),
        ('{"jobs": []}', "no VROOM input"),
        ("2 10 1\n0 0 0 0 0 9 0 0 0\n1 3 4 5 0 9 1 0 0\n", "neither pick-up nor delivery"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_name(tmp_path, text, words):
    path = tmp_path / "wrong.file"
    path.write_text(text)
    with pytest.raises(UnreadableRoutingFileError, match=r"wrong\.file") as caught:
        read_routing_file(path)
    assert words in str(caught.value)


def test_a_solution_file_goes_out_and_comes_back(tmp_path):
    file = read_routing_file(vrp(tmp_path))
    plan = plan_of(file.problem, [(0, [1]), (0, [0])])
    text = solution_text(file, plan)
    assert text == "Route #1: 1\nRoute #2: 2\nCost 30\n"
    (tmp_path / "small.sol").write_text(text)
    assert read_solution(file, tmp_path / "small.sol").cost == 30
    (tmp_path / "other.sol").write_text("Route #1: 1 7\nCost 3\n")
    with pytest.raises(UnreadableRoutingFileError, match="no customer 7"):
        read_solution(file, tmp_path / "other.sol")


def test_vehicles_that_differ_keep_their_line(tmp_path):
    fleet = "CAPACITY_SECTION\n1 1\n2 2\n"
    file = read_routing_file(vrp(tmp_path, "HFVRP", extra="VEHICLES : 2\n", sections=fleet))
    plan = plan_of(file.problem, [(1, [0, 1])])
    assert solution_text(file, plan).splitlines()[:2] == ["Route #1:", "Route #2: 1 2"]
    (tmp_path / "small.sol").write_text(solution_text(file, plan))
    assert [route.vehicle_type for route in read_solution(file, tmp_path / "small.sol").routes] == [1]


VROOM = {
    "vehicles": [
        {"id": 7, "start_index": 0, "end_index": 0, "capacity": [4], "skills": [1], "time_window": [0, 500]},
        {"id": 8, "start_index": 0, "capacity": [4], "costs": {"fixed": 50}},
    ],
    "jobs": [
        {"id": 1, "location_index": 1, "service": 10, "delivery": [2], "skills": [1]},
        {"id": 2, "location_index": 2, "service": 10, "delivery": [2], "time_windows": [[100, 120]]},
        {"id": 3, "location_index": 2, "delivery": [9]},
    ],
    "matrices": {
        "car": {"durations": [[0, 20, 40], [20, 0, 30], [40, 30, 0]], "distances": [[0, 2, 4], [2, 0, 3], [4, 3, 0]]}
    },
}


def test_vroom_comes_in_and_goes_out(tmp_path):
    path = tmp_path / "day.json"
    path.write_text(json.dumps(VROOM))
    file = read_routing_file(path)
    plan = solved(file)
    out = vroom_solution(file, plan)
    assert out["unassigned"] == [{"id": 3, "type": "job"}]
    (route,) = out["routes"]
    assert (route["vehicle"], [step["type"] for step in route["steps"]]) == (7, ["start", "job", "job", "end"])
    # 20 + 30 + 40 of driving, service 20; leaves so late that it waits nowhere: done at 110, back at 150.
    assert (route["duration"], route["service"], route["waiting_time"], route["distance"]) == (90, 20, 0, 9)
    assert [step.get("id") for step in route["steps"]] == [None, 1, 2, None]
    assert route["steps"][2]["arrival"] == 100
    assert route["steps"][0]["load"] == [4]
    # A second costs 1 at VROOM's 3600 an hour; what is left out is in no cost.
    assert route["cost"] == out["summary"]["cost"] == 110 == file.stated_cost(plan)


def test_vroom_places_by_coordinates_are_driven_straight(tmp_path):
    points = {
        "vehicles": [{"id": 1, "start": [25.0, 60.0], "end": [25.0, 60.0]}],
        "jobs": [{"id": 1, "location": [25.0, 60.1]}],
        "shipments": [],
    }
    path = tmp_path / "day.json"
    path.write_text(json.dumps(points))
    file = read_routing_file(path)
    assert "no matrices" in file.convention
    out = vroom_solution(file, solved(file))
    # 11.12 km times 1.3, there and back.
    assert out["summary"]["distance"] == pytest.approx(28_911, abs=2)
    assert out["routes"][0]["steps"][1]["location"] == [25.0, 60.1]


def test_vroom_shipments_are_pairs_and_breaks_are_refused(tmp_path):
    given = {
        "vehicles": [{"id": 1, "start_index": 0, "end_index": 0, "capacity": [2]}],
        "shipments": [
            {"amount": [2], "pickup": {"id": 5, "location_index": 2}, "delivery": {"id": 6, "location_index": 1}}
        ],
        "matrices": VROOM["matrices"],
    }
    path = tmp_path / "day.json"
    path.write_text(json.dumps(given))
    file = read_routing_file(path)
    steps = vroom_solution(file, solved(file))["routes"][0]["steps"]
    assert [(step["type"], step.get("id")) for step in steps[1:3]] == [("pickup", 5), ("delivery", 6)]
    given["vehicles"][0]["breaks"] = [{"id": 1}]
    path.write_text(json.dumps(given))
    with pytest.raises(UnreadableRoutingFileError, match="cannot be planned yet: breaks"):
        read_routing_file(path)


def test_the_command_writes_beside_the_file_and_compares_with_the_list_there(tmp_path):
    path = vrp(tmp_path)
    (tmp_path / "best_known.csv").write_text("set,instance,best_known\nany,small.vrp,19\nany,other.vrp,5\n")
    routed = route_file(path, RouteRequest(iterations=30))
    assert routed.written == tmp_path / "small.sol"
    assert routed.written.read_text().endswith("Cost 20\n")
    assert (routed.cost, routed.best_known.cost, routed.gap_to_best()) == (20, 19, pytest.approx(1 / 19))
    assert routed.summary()["bound"] <= 20
    assert any("+5.26%" in line for line in routed.lines())
    assert best_known(tmp_path / "third.vrp") is None


def test_a_file_without_a_plan_says_what_to_relax(tmp_path):
    with pytest.raises(NoPlanError, match="capacity"):
        route_file(vrp(tmp_path, extra="VEHICLES : 1\n", capacity=1), RouteRequest(iterations=10))


def test_numbers_of_stops_survive_a_round_of_relabelling(tmp_path):
    file = read_routing_file(vrp(tmp_path))
    assert np.array_equal(file.stop_numbers, [1, 2])
    assert file.stop_names == ("2", "3")
