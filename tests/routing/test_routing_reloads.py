"""Vehicles that come back and load again: times, loads, checks, bound, and the day's tables."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.routing.bound import lower_bound
from solvers.routing.check import check_plan
from solvers.routing.problem import MUST, RELOAD, Work
from solvers.routing.pyvrp_engine import pyvrp_engine
from solvers.routing.schedule import excess_of, plan_of, without_empty_trips
from solvers.routing.solve import UnsupportedError, solve_routing
from solvers.routing.unserved import reasons_left_out
from tests.routing.routing_cases import line, on_matrix, truck
from tests.routing.test_routes_of_the_day import DAY, DELIVERIES, TABLES, evidence, routed, transfers, violations

TOLERANCE = 1e-6


def twice(**fields):
    """Stops 10 and 20 metres away, each a full load, and one truck that may load again in 5 seconds."""
    vehicle = truck(1, 1, max_reloads=1, reload_seconds=5)
    return line([10, 20], [1, 1], [vehicle], **fields)


def words(problem, plan):
    return " | ".join(str(violation) for violation in check_plan(problem, plan))


def test_a_truck_comes_back_and_loads_again():
    problem = twice()
    plan = plan_of(problem, [(0, [0, RELOAD, 1])])
    route = plan.routes[0]
    # Out 10, back 10, load 5, out 20, back 20; each trip begins with one load aboard.
    assert (route.start, route.end, route.metres, plan.cost) == (0, 65, 60, 60.0)
    assert route.arrival.tolist() == [10, 20, 45]
    assert route.departure.tolist() == [10, 25, 45]
    assert route.loads[:, 0].tolist() == [1, 0, 1, 0]
    assert route.served.tolist() == [0, 1]
    assert route.trips.tolist() == [0, 1, 1]
    assert check_plan(problem, plan) == []


def test_a_second_trip_waits_at_the_depot_for_its_goods():
    problem = twice(release=[0, 100])
    plan = plan_of(problem, [(0, [0, RELOAD, 1])])
    route = plan.routes[0]
    # Loading begins at 100; leaving at 80 brings the truck back just then, so nothing is waited for.
    assert (route.start, route.begin.tolist(), route.end) == (80, [90, 100, 125], 145)
    assert route.wait.sum() == 0
    assert check_plan(problem, plan) == []
    late = problem.with_stops(release=np.array([0, 101]))
    assert "is released at 101, its trip is loaded at 100" in words(late, plan)


def test_each_broken_rule_of_trips_is_found():
    problem = twice()
    plan = plan_of(problem, [(0, [0, RELOAD, 1])])
    kind = problem.vehicle_types[0]
    assert "takes 1 reloads, its vehicle may 0" in words(replace(problem, vehicle_types=(truck(1, 1),)), plan)
    slow = replace(problem, vehicle_types=(replace(kind, reload_seconds=9),))
    assert "leaves at 25, service takes until 29" in words(slow, plan)
    heavy = problem.with_stops(delivery=np.array([[1], [2]]))
    assert "load [2] is above the capacity [1]" in words(heavy, plan)
    assert excess_of(problem, 0, [0, RELOAD, 1, RELOAD]).kinds() == {"reloads"}
    assert excess_of(problem, 0, [0, 1]).kinds() == {"load"}


def test_trips_without_a_stop_fall_away():
    assert without_empty_trips([RELOAD, RELOAD, 3, RELOAD, RELOAD, 4, RELOAD]) == [3, RELOAD, 4]
    assert without_empty_trips([RELOAD]) == []


def test_one_more_trip_is_named_as_what_would_help():
    problem = twice(price=np.array([50.0, 500.0]))
    without = replace(problem, vehicle_types=(replace(problem.vehicle_types[0], max_reloads=0),))
    reason = reasons_left_out(without, plan_of(without, [(0, [1])]))[0]
    assert (reason.stop, reason.cause) == (0, "vehicles")
    inside = reasons_left_out(problem, plan_of(problem, [(0, [1])]))[0]
    assert inside.cause in {"price", "search", "vehicles"}


def test_shipments_and_limits_on_stops_do_not_go_with_reloads():
    vehicle = truck(1, 2, max_reloads=1)
    pairs = line([10, 4], [[0], [2]], [vehicle], pickup=[2, 0], partner=[1, 0])
    with pytest.raises(UnsupportedError, match="shipments together with reloads"):
        pyvrp_engine(pairs, Work(1))
    few = line([10], [1], [replace(vehicle, max_stops=1)])
    with pytest.raises(UnsupportedError, match="limit on stops together with reloads"):
        pyvrp_engine(few, Work(1))


def cheapest(problem):
    """Optimum on one vehicle by trying every order and every place to load again; None where nothing fits."""
    count, best = problem.stops.count, None
    for order in permutations(range(count)):
        for breaks in range(1 << (count - 1)):
            stops = [order[0]]
            for n in range(1, count):
                stops += [RELOAD, order[n]] if breaks >> (n - 1) & 1 else [order[n]]
            if not excess_of(problem, 0, stops).kinds():
                cost = plan_of(problem, [(0, stops)]).cost
                best = cost if best is None else min(best, cost)
    return best


@settings(max_examples=25, derandomize=True, deadline=None)
@given(st.integers(0, 10**6))
def test_the_engine_finds_the_optimum_of_small_problems_and_the_bound_stays_below(seed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 5))
    xy = rng.integers(0, 12, (count + 1, 2))
    way = np.abs(xy[:, None] - xy).sum(axis=2)
    vehicle = truck(
        1,
        int(rng.integers(4, 8)),
        max_reloads=int(rng.integers(1, 4)),
        reload_seconds=int(rng.integers(0, 4)),
        fixed_cost=float(rng.integers(0, 20)),
        cost_per_hour=float(rng.integers(0, 2)) * 3600,
        shift_end=int(rng.integers(80, 150)),
    )
    release = np.where(rng.random(count) < 0.4, rng.integers(0, 30, count), 0)
    problem = on_matrix(way, 1, rng.integers(1, 5, count), [vehicle], release=release, price=np.full(count, MUST))
    best = cheapest(problem)
    assert lower_bound(problem).value <= (np.inf if best is None else best + TOLERANCE)
    outcome = solve_routing(problem, Work(300), pyvrp_engine)
    if best is None:
        assert outcome.plan is None
    else:
        assert outcome.objective == pytest.approx(best)


def two_trips(folder, **changes):
    """One van of 500 kg for 600 kg to two stores, with two trips and 20 minutes to load."""
    vehicles = TABLES["vehicles"].replace("cost_per_hour\n", "cost_per_hour,max_trips,reload_minutes\n")
    vehicles = vehicles.replace("0.5,20\n", "0.5,20,2,20\n")
    moves = transfers(("rice_1kg", "S2", 75), ("rice_1kg", "S3", 75))
    return *routed(folder, moves, vehicles=vehicles, **changes), moves


def test_the_day_uses_second_trips_and_writes_them_down(tmp_path):
    world, routes, moves = two_trips(tmp_path)
    table = routes.tables["routes"]
    assert routes.tables["unserved"].empty
    assert table["trip"].tolist() == [1, 1, 2, 2, 2]
    assert table["stop_id"].iloc[[0, 2, 4]].tolist() == ["D1", "D1", "D1"]
    assert table["load_kg"].tolist() == [300.0, 0.0, 300.0, 0.0, 0.0]
    again = table.iloc[2]
    assert (again["etd"] - again["eta"]).total_seconds() == 20 * 60
    assert table["line_id"].is_unique
    assert violations(evidence(world, routes, moves)) == []


DAMAGES = {
    "a trip too many": (lambda t: t.assign(trip=[1, 2, 3, 3, 3]), "its vehicle may 2"),
    "loaded elsewhere": (lambda t: t.assign(stop_id=["D1", "D1>S2", "S2", "D1>S3", "D1"]), "trip 2 begins at S2"),
    "loaded too fast": (
        lambda t: t.assign(etd=t["etd"].where(t.index != 2, t["eta"])),
        "is loaded in less than 20 minutes",
    ),
    "too much aboard": (lambda t: t.assign(load_kg=[600.0, 300.0, 300.0, 0.0, 0.0]), "its capacity_kg is 500"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_each_damage_to_trips_is_found(tmp_path, name):
    damage, expected = DAMAGES[name]
    world, routes, moves = two_trips(tmp_path)
    seen = evidence(world, routes, moves)
    seen.frames["routes"] = damage(seen.frames["routes"])
    assert expected in " | ".join(violations(seen))


def test_second_trips_go_with_a_limit_on_stops(tmp_path):
    vehicles = TABLES["vehicles"].replace("cost_per_hour\n", "cost_per_hour,max_trips,max_stops\n")
    moves = transfers(("rice_1kg", "S2", 75), ("rice_1kg", "S3", 75))
    world, routes = routed(tmp_path, moves, vehicles=vehicles.replace("0.5,20\n", "0.5,20,2,9\n"))
    assert set(routes.tables["routes"]["trip"]) == {1, 2}
    assert routes.tables["unserved"].empty
    assert violations(evidence(world, routes, moves)) == []


def test_a_delivery_released_late_goes_with_the_second_trip(tmp_path):
    customers = f"{DELIVERIES},release_at\nP1,O1,D1,60.05,25.0,{DAY},100,6,5,900,{DAY}T12:00\n"
    world, routes, moves = two_trips(tmp_path, deliveries=customers)
    table = routes.tables["routes"].set_index("stop_id")
    assert table.loc["P1", "trip"] == 2
    assert violations(evidence(world, routes, moves)) == []
