"""The bound holds: below the optimum of everything that can be enumerated, and what it proves is so."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.routing import bound
from solvers.routing.bound import lower_bound
from solvers.routing.problem import MUST, VehicleType
from tests.routing.routing_cases import PER_SECOND, line, on_matrix, optimum, random_problem, truck

TOLERANCE = 1e-6


def plane(rng, count, capacity, **fields):
    """Stops in a square, all of one load, vehicles that cost a unit a metre."""
    xy = rng.integers(0, 100, (count + 1, 2))
    way = np.rint(np.hypot(*(xy[:, None] - xy).transpose(2, 0, 1))).astype(np.int64)
    return on_matrix(way, 1, np.ones(count, int), [truck(count, capacity, **fields)])


def held_karp(problem):
    """Optimum of a capacitated problem on one vehicle type by dynamic programming over subsets, up to 9 stops."""
    count, metres = problem.stops.count, problem.metres[0]
    vehicle, full = problem.vehicle_types[0], 1 << problem.stops.count
    path = {(1 << s, s): float(metres[0, s + 1]) for s in range(count)}
    for subset in range(1, full):
        for last in range(count):
            if (subset, last) not in path:
                continue
            for new in range(count):
                if not subset >> new & 1:
                    key, cost = (subset | 1 << new, new), path[(subset, last)] + float(metres[last + 1, new + 1])
                    path[key] = min(path.get(key, math.inf), cost)
    tour = np.full(full, math.inf)
    loads = [sum(int(problem.stops.delivery[s, 0]) for s in range(count) if subset >> s & 1) for subset in range(full)]
    for (subset, last), cost in path.items():
        if loads[subset] <= vehicle.capacity[0]:
            tour[subset] = min(tour[subset], cost + float(metres[last + 1, 0]) + vehicle.fixed_cost)
    best = np.full(full, math.inf)
    best[0] = 0.0
    for subset in range(1, full):
        part = subset
        while part:
            best[subset] = min(best[subset], best[subset ^ part] + tour[part])
            part = (part - 1) & subset
    return float(best[full - 1])


@settings(max_examples=40, derandomize=True, deadline=None)
@given(st.integers(0, 10**6))
def test_no_plan_of_a_small_problem_with_everything_costs_less(seed):
    problem = random_problem(np.random.default_rng(seed), 4)
    best = optimum(problem)
    value = lower_bound(problem).value
    assert value >= 0
    if best is not None:
        assert value <= best + TOLERANCE


@pytest.mark.parametrize("capacity", [1, 3, 8])
@pytest.mark.parametrize("fixed", [0.0, 200.0])
def test_each_relaxation_alone_holds_against_held_karp(capacity, fixed):
    problem = plane(np.random.default_rng(capacity), 8, capacity, fixed_cost=fixed)
    best = held_karp(problem)
    vehicles = list(problem.vehicle_types)
    arcs, routes = bound._arcs(problem, vehicles), bound._fewest_routes(problem, vehicles)
    fleet = bound._cheapest_fleet(problem, vehicles)
    assert routes == -(-8 // capacity)
    assert fleet == pytest.approx(max(routes, 8 / capacity) * fixed)
    for value in (
        fleet + bound._nearest(problem, arcs, routes),
        fleet + bound._assignment(arcs, arcs.start, problem.stops.price, routes),
        bound._assignment(arcs, arcs.first_fixed, problem.stops.price, routes),
        bound._radial(problem, vehicles),
        fleet + bound._tree(arcs, routes, 1.0),
    ):
        assert 0 < value <= best + TOLERANCE
    assert lower_bound(problem).value >= 0.7 * best


def test_stops_that_each_fill_a_vehicle_are_bounded_exactly():
    # Four trips there and back: the radial bound is the cost itself.
    problem = plane(np.random.default_rng(1), 4, 1, fixed_cost=10.0)
    found = lower_bound(problem)
    assert found.value == pytest.approx(held_karp(problem))


def test_the_way_out_and_the_way_back_count_as_they_are():
    # Out 3, back 10; straight out is 20, but by the other stop it is 1 + 2. Both fill a vehicle.
    way = np.array([[0, 20, 1], [10, 0, 99], [7, 2, 0]])
    problem = on_matrix(way, 1, [5, 5], [truck(2, 5)])
    found = bound._radial(problem, list(problem.vehicle_types))
    assert found == pytest.approx((3 + 10) + (1 + 7))


def test_one_truck_on_a_line_is_bounded_within_a_hundredth():
    assert 19.8 <= lower_bound(line([4, 10, 7], [1, 1, 1], [truck()])).value <= 20


def test_service_time_is_in_the_bound():
    problem = line([4], [1], [truck(cost_per_km=0.0, cost_per_hour=PER_SECOND)], service_seconds=[30])
    assert lower_bound(problem).value == pytest.approx(38)


def test_a_price_below_the_trip_is_the_bound():
    assert lower_bound(line([10], [1], [truck()], price=[6.0])).value == pytest.approx(6)


def test_what_no_vehicle_can_reach_is_proved_infeasible():
    assert lower_bound(line([4], [1], [truck()], window=[[0, 3]])).value == math.inf
    assert lower_bound(line([4], [1], [truck(0)])).value == math.inf


def test_without_stops_nothing_must_be_paid():
    assert lower_bound(line([], [], [truck()])).value == 0


def test_the_weaker_bound_of_many_stops_holds_too(monkeypatch):
    problem = plane(np.random.default_rng(4), 8, 3)
    full = lower_bound(problem).value
    monkeypatch.setattr(bound, "LARGEST_TREE", 5)
    weak = lower_bound(problem).value
    # Row by row or from one matrix, the radial bound is the same.
    assert weak == pytest.approx(bound._radial(problem, list(problem.vehicle_types)))
    assert weak <= full <= held_karp(problem)
    assert lower_bound(problem, effort=0.5).value <= full


@settings(max_examples=25, derandomize=True, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 7))
def test_all_money_times_a_factor_multiplies_the_bound(seed, factor):
    problem = random_problem(np.random.default_rng(seed), 5)
    names = ("fixed_cost", "cost_per_km", "cost_per_hour")
    dear = tuple(
        VehicleType(**{**vars(v), **{n: factor * getattr(v, n) for n in names}}) for v in problem.vehicle_types
    )
    price = np.where(problem.stops.price == MUST, MUST, problem.stops.price * factor)
    dearer = problem.with_stops(price=price)
    dearer = type(problem)(dearer.stops, problem.depot_place, dear, problem.metres, problem.seconds)
    one, many = lower_bound(problem).value, lower_bound(dearer).value
    assert many == pytest.approx(factor * one, rel=1e-6) or one == many == math.inf
