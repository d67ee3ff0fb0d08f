"""What every routing engine must do: each feature where it binds, and the optimum of what can be enumerated."""

from dataclasses import replace

import numpy as np
import pytest

from solvers.routing.check import check_plan
from solvers.routing.choice import chosen_engine
from solvers.routing.problem import FORBIDDEN, RoutingProblemError, VehicleType, Work, stops_of
from solvers.routing.pyvrp_engine import pyvrp_engine
from solvers.routing.rich_engine import RICH_ROUNDS, rich_engine
from solvers.routing.ruin_engine import ROUNDS, ruin_engine
from solvers.routing.schedule import excess_of, planned_route
from solvers.routing.solve import FalseRouteError, UnsupportedError, solve_routing
from tests.routing.routing_cases import (
    PER_METRE,
    PER_SECOND,
    line,
    on_matrix,
    optimum,
    random_problem,
    route_cost,
    truck,
)


def driven_whole(problem, work):
    """Our search where it drives whole routes, on problems that do not need it; as many rounds as the other does."""
    if problem.stops.count == 0:
        return ruin_engine(problem, work)
    rounds = None if work.iterations is None else work.iterations * ROUNDS // RICH_ROUNDS
    return rich_engine(problem, replace(work, iterations=rounds))


ENGINES = {"pyvrp": pyvrp_engine, "ruin": ruin_engine, "driven whole": driven_whole}
COST_TOLERANCE = 1e-6
SEARCH = Work(300, None, 1)


@pytest.fixture(params=ENGINES)
def engine(request):
    return ENGINES[request.param]


def solved(problem, engine, work=SEARCH):
    outcome = solve_routing(problem, work, engine)
    assert outcome.plan is not None
    assert check_plan(problem, outcome.plan) == []
    assert outcome.bound <= outcome.objective
    return outcome.plan


def sequences(plan):
    return sorted(tuple(route.stops.tolist()) for route in plan.routes)


def test_two_stops_on_one_side_are_one_trip(engine):
    # Out to 10 by way of 4, and back: 2 x 10.
    assert solved(line([4, 10], [1, 1], [truck(2)]), engine).cost == pytest.approx(20)


def test_capacity_splits_the_trip(engine):
    # Loads 2 + 2 do not fit 3: 2 x 4 + 2 x 10.
    assert solved(line([4, 10], [2, 2], [truck(2, 3)]), engine).cost == pytest.approx(28)


def test_a_fixed_cost_joins_what_distance_alone_would_part(engine):
    # From -5 to 5 is 20 in one route or two; the second vehicle costs 7.
    plan = solved(line([-5, 5], [1, 1], [truck(2, fixed_cost=7.0)]), engine)
    assert plan.cost == pytest.approx(27)
    assert len(plan.routes) == 1


def test_windows_decide_the_order(engine):
    # 10 closes at 12, so 10 is first although 4 lies on the way; both on the way back cost nothing more.
    plan = solved(line([4, 10], [1, 1], [truck()], window=[[14, 30], [0, 12]]), engine)
    assert sequences(plan) == [(1, 0)]


def test_waiting_is_done_at_the_depot(engine):
    # Opens at 100, 4 away: leaves at 96, is back at 104; a second costs 1.
    plan = solved(line([4], [1], [truck(cost_per_km=0.0, cost_per_hour=PER_SECOND)], window=[[100, 200]]), engine)
    assert plan.cost == pytest.approx(8)
    assert (plan.routes[0].start, plan.routes[0].end, plan.routes[0].wait.tolist()) == (96, 104, [0])


def test_the_cheaper_vehicle_drives_and_the_larger_one_only_what_it_must(engine):
    cheap, large = truck(1, 2), truck(1, 5, cost_per_km=3 * PER_METRE)
    # Stop 10 needs the large one, at 3 a metre; 4 goes on the cheap one: 60 + 8, or along: 60.
    plan = solved(line([10, 4], [5, 2], [cheap, large]), engine)
    assert plan.cost == pytest.approx(68)


@pytest.mark.parametrize(
    ("fields", "routes"),
    [
        ({"max_metres": 25}, 2),
        ({"max_seconds": 25}, 2),
        ({"max_stops": 1}, 2),
        ({"shift_end": 25}, 2),
        ({}, 1),
    ],
)
def test_each_limit_of_a_route_binds(engine, fields, routes):
    # -7, 7 and back: 28 of way and 32 of time in one route, 14 and 16 in each of two; the second vehicle costs 1.
    problem = line([-7, 7], [1, 1], [truck(2, fixed_cost=1.0, **fields)], service_seconds=[2, 2])
    assert len(solved(problem, engine).routes) == routes


def test_overtime_is_paid_beyond_the_usual_time_and_shared_where_that_is_cheaper(engine):
    # -7, 7 and back takes 28; alone 14 each. Usual 14: one vehicle pays 14 of overtime at 2, two pay a second fixed 9.
    dear = line([-7, 7], [1, 1], [truck(2, fixed_cost=9.0, overtime_after=14, overtime_per_hour=2 * PER_SECOND)])
    plan = solved(dear, engine)
    assert (plan.cost, len(plan.routes)) == (pytest.approx(2 * (9 + 14)), 2)
    # At half a unit a second it is 7 of overtime against 9: one route.
    cheap = line([-7, 7], [1, 1], [truck(2, fixed_cost=9.0, overtime_after=14, overtime_per_hour=PER_SECOND / 2)])
    assert solved(cheap, engine).cost == pytest.approx(9 + 28 + 7)
    # The most a vehicle may, overtime included, stays hard.
    hard = line([-7, 7], [1, 1], [truck(2, max_seconds=20, overtime_after=10, overtime_per_hour=PER_SECOND / 2)])
    assert solved(hard, engine).cost == pytest.approx(28 + 2 * 4 / 2)


def test_an_open_end_saves_the_way_back(engine):
    assert solved(line([4, 10], [1, 1], [truck(end_depot=None)]), engine).cost == pytest.approx(10)


def test_each_stop_is_served_from_the_nearer_depot(engine):
    problem = line([4, 96], [1, 1], [truck(1), truck(1, depot=1, end_depot=1)], depots=(0, 100))
    assert solved(problem, engine).cost == pytest.approx(16)


def test_a_route_may_end_at_another_depot(engine):
    problem = line([50], [1], [truck(1, end_depot=1)], depots=(0, 100))
    assert solved(problem, engine).cost == pytest.approx(100)


@pytest.mark.parametrize(("price", "cost"), [(19.0, 19.0), (21.0, 20.0)])
def test_a_stop_is_left_out_when_its_price_is_below_the_detour(engine, price, cost):
    assert solved(line([10], [1], [truck()], price=[price]), engine).cost == pytest.approx(cost)


def test_a_route_waits_for_the_release_of_its_goods(engine):
    plan = solved(line([4, 10], [1, 1], [truck(1)], release=[0, 50]), engine)
    assert plan.routes[0].start == 50


def test_a_stop_closed_to_a_type_is_served_by_another(engine):
    skilled = truck(1, cost_per_km=2 * PER_METRE)
    plain = truck(1, allowed=np.array([False, True]))
    plan = solved(line([4, 10], [1, 1], [plain, skilled]), engine)
    # One skilled vehicle for both costs 40; sharing costs 16 with it and 20 without.
    assert plan.cost == pytest.approx(36)


def test_set_up_is_paid_once_for_stops_at_one_place(engine):
    # Two at 4, set-up 3 once, service 1 each: 4 + 3 + 1 + 1 + 4, all one vehicle may; paid twice it would take two.
    vehicle = truck(2, cost_per_hour=PER_SECOND, max_seconds=13)
    apart = line([4, 4], [1, 1], [vehicle], setup_seconds=[3, 3], service_seconds=[1, 1])
    plan = solved(apart.with_stops(place=np.array([1, 1])), engine)
    assert plan.routes[0].seconds == 13


def test_what_is_fetched_needs_room_too(engine):
    # Bring 3 to one, fetch 3 from the other: one route only if the delivery is first; both orders cost the same way.
    plan = solved(line([-5, 5], [[3], [0]], [truck(1, 3)], pickup=[0, 3]), engine)
    assert sequences(plan) == [(0, 1)]


def test_a_shipment_is_picked_up_first_on_the_same_route(engine):
    # From 10 to 4: out to 10 and back. From 4 to 10 is the same way; the partner decides.
    plan = solved(line([10, 4], [[0], [2]], [truck(2, 2)], pickup=[2, 0], partner=[1, 0]), engine)
    assert sequences(plan) == [(0, 1)]
    assert plan.routes[0].loads.ravel().tolist() == [0, 2, 0]


def test_a_closed_arc_is_not_driven(engine):
    way = np.array([[0, 5, 5], [5, 0, FORBIDDEN], [5, 1, 0]])
    # From stop 0 to 1 nobody may drive: 1 first, then 0: 5 + 1 + 5.
    plan = solved(on_matrix(way, 1, [1, 1], [truck(2)]), engine)
    assert (plan.cost, sequences(plan)) == (pytest.approx(11), [(1, 0)])


def test_no_stops_need_no_route(engine):
    plan = solved(line([], [], [truck()]), engine)
    assert (plan.routes, plan.cost) == ((), 0)


def test_what_cannot_be_served_is_no_plan_and_says_whether_that_is_proved(engine):
    overloaded = solve_routing(line([4], [101], [truck()]), Work(20), engine)
    assert (overloaded.plan, overloaded.status) == (None, "no plan")
    late = solve_routing(line([4], [1], [truck()], window=[[0, 3]]), Work(20), engine)
    assert (late.plan, late.status) == (None, "infeasible")


def test_a_first_plan_is_never_made_worse(engine):
    problem = random_problem(np.random.default_rng(5), 6)
    first = solved(problem, engine)
    routes = tuple((route.vehicle_type, tuple(route.stops.tolist())) for route in first.routes)
    assert solved(problem, engine, Work(1, None, 9, routes)).cost <= first.cost + COST_TOLERANCE


def test_the_same_work_and_seed_give_the_same_plan(engine):
    problem = random_problem(np.random.default_rng(0), 7)
    plans = [solved(problem, engine, Work(40, None, 4)) for _ in range(2)]
    assert sequences(plans[0]) == sequences(plans[1])
    assert [(r.start, r.end, r.cost) for r in plans[0].routes] == [(r.start, r.end, r.cost) for r in plans[1].routes]


def test_a_clock_limit_is_marked(engine):
    outcome = solve_routing(random_problem(np.random.default_rng(3), 5), Work(None, 0.05), engine)
    assert outcome.limit == "seconds"


@pytest.mark.parametrize("seed", range(12))
def test_small_problems_with_everything_are_solved_to_the_enumerated_optimum(engine, seed):
    problem = random_problem(np.random.default_rng(seed), 4)
    best = optimum(problem)
    outcome = solve_routing(problem, Work(1000, None, 1), engine)
    if best is None:
        assert outcome.plan is None
        return
    assert outcome.objective == pytest.approx(best, rel=COST_TOLERANCE)
    assert outcome.bound <= best + COST_TOLERANCE
    assert check_plan(problem, outcome.plan) == []


def test_all_money_times_ten_costs_ten_times(engine):
    problem = random_problem(np.random.default_rng(8), 5)
    dear = [
        VehicleType(**{**vars(v), **{n: 10 * getattr(v, n) for n in ("fixed_cost", "cost_per_km", "cost_per_hour")}})
        for v in problem.vehicle_types
    ]
    dearer = problem.with_stops(price=problem.stops.price * 10)
    dearer = type(problem)(dearer.stops, problem.depot_place, tuple(dear), problem.metres, problem.seconds)
    assert solved(dearer, engine).cost == pytest.approx(10 * solved(problem, engine).cost)


def test_rates_with_decimals_are_billed_exactly(engine):
    vehicle = VehicleType(1, (5,), fixed_cost=4500.0, cost_per_km=35.37, cost_per_hour=2211.11)
    plan = solved(line([1000, 7000], [1, 1], [vehicle], service_seconds=[60, 60]), engine)
    assert plan.cost == pytest.approx(4500 + 14 * 35.37 + 14120 / 3600 * 2211.11, rel=1e-12)


def test_what_an_engine_cannot_take_is_refused_in_words():
    stops = stops_of(
        np.array([1]), np.array([[1]]),
        first_window=np.array([0, 2]), window_start=np.array([0, 50]), window_end=np.array([10, 60]),
    )  # fmt: skip
    problem = line([4], [1], [truck()])
    several = type(problem)(stops, problem.depot_place, problem.vehicle_types, problem.metres, problem.seconds)
    with pytest.raises(UnsupportedError, match=r"several windows \(1 stops have them\)"):
        solve_routing(several, SEARCH, pyvrp_engine)
    assert solved(several, ruin_engine).cost == pytest.approx(8)
    for engine in ENGINES.values():
        with pytest.raises(UnsupportedError, match="no vehicle"):
            solve_routing(line([4], [1], [truck(0)]), SEARCH, engine if engine is pyvrp_engine else ruin_engine)


def test_the_engine_chosen_takes_the_problem_and_says_why():
    plain, shipment = (
        line([10, 4], [1, 1], [truck(2, 2)]),
        line([10, 4], [[0], [2]], [truck(2, 2)], pickup=[2, 0], partner=[1, 0]),
    )
    assert chosen_engine(plain).name == "ruin and recreate"
    assert chosen_engine(shipment).name == "ruin and recreate"
    again = chosen_engine(line([4], [1], [truck(max_reloads=1)]))
    assert (again.name, again.why) == ("PyVRP", "with reloads it was cheaper at equal time")
    settled = chosen_engine(line([4], [1], [truck(max_reloads=1, prefix=(0,))]))
    assert (settled.name, settled.why) == ("ruin and recreate", "PyVRP cannot take settled stops")
    mixed = line([10, 4], [1, 1], [truck(2, 2, fixed_cost=3.0), truck(2, 1)])
    assert chosen_engine(mixed).name == "PyVRP"
    # Two vehicles for three stops: ours takes a look first, and both agree on out to 10 and back.
    few = line([10, 4, 7], [1, 1, 1], [truck(2, 3)])
    assert solved(few, chosen_engine(few).engine).cost == pytest.approx(20)


@pytest.mark.parametrize("seed", range(6))
def test_on_random_problems_of_thirty_stops_the_engines_come_close_and_pass_the_check(seed):
    problem = random_problem(np.random.default_rng(100 + seed), 30)
    costs = [outcome_cost(problem, engine) for engine in ENGINES.values()]
    assert max(costs) <= 1.05 * min(costs)


def outcome_cost(problem, engine):
    plan = solve_routing(problem, Work(1500, None, 1), engine).plan
    assert plan is None or check_plan(problem, plan) == []
    return np.inf if plan is None else plan.cost


def test_an_engine_that_errs_is_caught():
    problem = line([4, 10], [1, 1], [truck()])

    def careless(problem, work):
        answer = pyvrp_engine(problem, work)
        route = answer.plan.routes[0]
        wrong = type(route)(**{**vars(route), "end": route.end - 1})
        return type(answer)(type(answer.plan)((wrong,), answer.plan.unserved, answer.plan.cost), answer.limit)

    with pytest.raises(FalseRouteError, match="ends at 19, the way takes until 20"):
        solve_routing(problem, SEARCH, careless)


def test_all_faults_of_a_problem_are_said_at_once():
    with pytest.raises(RoutingProblemError, match="stop 0: delivery") as caught:
        line([4], [-1], [truck(depot=3), truck(cost_per_km=-1.0)], window=[[9, 3]], price=[float("nan")])
    assert len(caught.value.faults) >= 5
    for words in ("window ends at 3", "price", "depots [3, 0]", "costs must not be negative"):
        assert any(words in fault for fault in caught.value.faults)


@pytest.mark.parametrize("seed", range(40))
def test_the_times_of_a_route_are_the_cheapest_of_all_starts(seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, 4)
    kind = int(rng.integers(len(problem.vehicle_types)))
    vehicle, order = problem.vehicle_types[kind], rng.permutation(4)[: int(rng.integers(1, 4))].tolist()
    cheapest = route_cost(problem, vehicle, order)
    assert (cheapest is None) == bool(excess_of(problem, kind, order).kinds())
    if cheapest is not None:
        assert planned_route(problem, kind, 0, order).cost == pytest.approx(cheapest)
