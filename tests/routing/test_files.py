"""Routing files mean the same to us as to PyVRP; what cannot be planned yet is said."""

import gzip
import shutil
from itertools import pairwise

import numpy as np
import pytest
import pyvrp

import run_plan
from optimizer.routing.command import RouteRequest, route_file
from optimizer.routing.files import read_routing_file
from optimizer.routing.solution_files import read_solution, solution_text
from solvers.routing.check import check_plan
from solvers.routing.problem import RELOAD, Work
from solvers.routing.pyvrp_engine import pyvrp_engine
from solvers.routing.solve import solve_routing
from solvers.routing.terms import trips_of
from tests.conftest import public_data

# class -> (file, PyVRP's rounding)
CLASSES = {
    "CVRP": ("X-n101-k25.vrp", "round"),
    "VRPTW": ("C1_10_1.vrp", "dimacs"),
    "MDVRPTW": ("PR11A.vrp", "exact"),
    "HFVRP": ("X101-FSMFD.vrp", "round"),
    "PCVRPTW": ("C1_10_1.vrp", "dimacs"),
    "SDVRPTW": ("PR01.vrp", "exact"),
    "MTVRPTWR": ("C201R0.25.vrp", "dimacs"),
    "VRPB": ("X-n524-50-k125.vrp", "round"),
}


def random_sequences(problem, rng, longest):
    """Routes of up to `longest` stops on random vehicle types that may serve them, whether or not they fit."""
    order, sequences = rng.permutation(problem.stops.count), []
    left = [vehicle.available for vehicle in problem.vehicle_types]
    while len(order):
        size = int(rng.integers(1, longest + 1))
        stops, order = order[:size], order[size:]
        kinds = [k for k, v in enumerate(problem.vehicle_types) if left[k] and all(v.may_serve(int(s)) for s in stops)]
        if kinds:
            kind = int(rng.choice(kinds))
            left[kind] -= 1
            sequences.append((kind, stops.tolist()))
    return sequences


def through_pyvrp(data, stops, kind):
    """The route as PyVRP's reader and arithmetic have it; it loads again at its first depot."""
    kinds = pyvrp.ActivityType
    visits = [(kinds.DEPOT, 0) if s == RELOAD else (kinds.CLIENT, int(s)) for s in stops]
    return pyvrp.Route(data, [pyvrp.Activity(*visit) for visit in visits], kind)


def way_and_vehicle_cost(problem, sequences):
    """Distance and fixed cost of routes, recomputed from the matrices alone; time is left out."""
    cost = 0.0
    for kind, stops in sequences:
        vehicle = problem.vehicle_types[kind]
        places = [
            problem.depot_place[vehicle.depot],
            *problem.stops.place[stops],
            problem.depot_place[vehicle.end_depot],
        ]
        metres = sum(int(problem.metres[vehicle.profile][a, b]) for a, b in pairwise(places))
        cost += vehicle.fixed_cost + metres * vehicle.cost_per_km / 1000
    return cost


# With backhauls most random routes hold arcs that do not exist; the found ones below stand for that class.
@pytest.mark.parametrize("name", [name for name in CLASSES if name != "VRPB"])
def test_random_routes_cost_the_same_as_through_pyvrp(name):
    file, rounding = CLASSES[name]
    path = public_data("vrp") / name / file
    ours = read_routing_file(path)
    theirs = pyvrp.read(str(path), round_func=rounding)
    assert theirs.num_clients == ours.problem.stops.count
    rng = np.random.default_rng(7)
    for _ in range(3):
        sequences = random_sequences(ours.problem, rng, 4)
        routes = [through_pyvrp(theirs, stops, kind) for kind, stops in sequences]
        cost = sum(route.distance_cost() + route.fixed_vehicle_cost() for route in routes)
        assert way_and_vehicle_cost(ours.problem, sequences) == pytest.approx(cost, rel=1e-9)


@pytest.mark.parametrize("name", CLASSES)
def test_found_routes_cost_the_same_as_through_pyvrp(name):
    file, rounding = CLASSES[name]
    path = public_data("vrp") / name / file
    ours = read_routing_file(path)
    theirs = pyvrp.read(str(path), round_func=rounding)
    plan = solve_routing(ours.problem, Work(5, None, 1), pyvrp_engine).required()
    routes = [through_pyvrp(theirs, route.stops, route.vehicle_type) for route in plan.routes]
    cost = sum(r.distance_cost() + r.duration_cost() + r.fixed_vehicle_cost() for r in routes)
    cost += sum(theirs.client(int(s)).prize for s in plan.unserved)
    assert plan.cost == pytest.approx(cost, rel=1e-9)


@pytest.mark.parametrize("file", ["C101.txt", "R101.txt", "RC201.txt"])
def test_solomon_routes_cost_what_the_file_says(file):
    path = public_data("vrp") / "solomon" / file
    ours = read_routing_file(path)
    rows = [line.split() for line in path.read_text().splitlines() if len(line.split()) == 7]
    xy = np.array([[float(row[1]), float(row[2])] for row in rows if row[0].isdigit()])
    plan = solve_routing(ours.problem, Work(20, None, 1), pyvrp_engine).required()
    distance = 0.0
    for route in plan.routes:
        way = [0, *(route.stops + 1).tolist(), 0]
        distance += sum(float(np.hypot(*(xy[a] - xy[b]))) for a, b in pairwise(way))
    assert ours.stated_cost(plan) == pytest.approx(distance, abs=1e-2)


def test_a_found_plan_is_checked_written_and_compared(tmp_path):
    path = public_data("vrp") / "CVRP" / "X-n101-k25.vrp"
    routed = route_file(path, RouteRequest(iterations=300, out=tmp_path))
    assert routed.gap_to_best() == pytest.approx(0.0, abs=0.08)
    assert not routed.below_best()
    assert routed.bound[1] <= 27591
    text = routed.written.read_text()
    stops = sorted(
        int(word) for line in text.splitlines() if line.startswith("Route") for word in line.split(":")[1].split()
    )
    assert stops == list(range(1, 101))
    assert f"Cost {int(routed.cost)}" in text


def test_the_same_work_gives_the_same_file(tmp_path):
    path = public_data("vrp") / "SDVRPTW" / "PR01.vrp"
    texts = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        texts.append(route_file(path, RouteRequest(iterations=50, out=tmp_path / name)).written.read_text())
    assert texts[0] == texts[1]


def test_a_plan_below_the_best_known_value_is_reported_not_believed(tmp_path, capsys):
    path = public_data("vrp") / "CVRP" / "X-n101-k25.vrp"
    shutil.copy(path, tmp_path)
    (tmp_path / "best_known.csv").write_text("set,instance,best_known,source\nx,X-n101-k25,99999,invented\n")
    assert run_plan.run(["route", str(tmp_path / path.name), "--work", "20"]) == 0
    assert "before believing it" in capsys.readouterr().out.replace("\n", " ")


def test_vehicles_load_again_where_the_file_lets_them(tmp_path):
    # 8 vehicles of 100 carry 1,810: at least 19 trips.
    path = public_data("vrp") / "MTVRPTWR" / "C201R0.25.vrp"
    file = read_routing_file(path)
    outcome = solve_routing(file.problem, Work(400), pyvrp_engine)
    plan = outcome.required()
    assert len(plan.routes) <= 8
    assert sum(len(trips_of(route.stops.tolist())) for route in plan.routes) >= 19
    assert 0 < outcome.bound <= plan.cost
    written = tmp_path / "plan.sol"
    written.write_text(solution_text(file, plan))
    assert read_solution(file, written).cost == pytest.approx(plan.cost)


def test_what_cannot_be_planned_yet_is_said(capsys, tmp_path):
    (tmp_path / "a.vrp").write_text("NAME : a\nDIMENSION : 1\nMUTUALLY_EXCLUSIVE_GROUP_SECTION\n1\n")
    assert run_plan.run(["route", str(tmp_path / "a.vrp"), "--work", "10"]) == run_plan.Exit.NO_DATA
    assert "alternatives" in capsys.readouterr().err


def test_a_broken_file_is_named(capsys, tmp_path):
    (tmp_path / "a.vrp").write_text("NAME : a\nDIMENSION : x\n")
    assert run_plan.run(["route", str(tmp_path / "a.vrp")]) == run_plan.Exit.NO_DATA
    assert "a.vrp" in capsys.readouterr().err
    assert run_plan.run(["route", str(tmp_path / "none.vrp")]) == run_plan.Exit.USAGE


def test_a_real_road_instance_is_read(tmp_path):
    packed = next((public_data("vrp") / "euro_neurips").glob("*n214*.gz"))
    path = tmp_path / packed.name.removesuffix(".gz")
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    ours = read_routing_file(path)
    assert ours.problem.stops.count == 214
    plan = solve_routing(ours.problem, Work(5, None, 1), pyvrp_engine).required()
    assert check_plan(ours.problem, plan) == []
