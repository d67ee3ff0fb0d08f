"""Stock that is short goes to the dearest shortages: nothing twice, never more than is there, no dearer line waits."""

from itertools import product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import run_plan
from optimizer.filters.rationing import RationProblem, ration
from optimizer.filters.stage import Filter, screen_world
from optimizer.plan.check_filters import check_rationed, without_goods
from optimizer.routing.stops import deliveries_due
from tests.filters.shop import order, shop

UNITS_TOLERANCE = 1e-6
# Three customers want 6, 5 and 4 tea today.
ORDERS = order("r1", "04-05", "c1", 6) + order("r2", "04-06", "c2", 5) + order("r3", "04-07", "c3", 4)
DELIVERIES = (
    "delivery_id,order_id,customer_id,service_date,lat,lon,state,priority\n"
    "D1,r1,c1,2024-04-08,60,25,new,0\nD2,r2,c2,2024-04-08,60,25,new,2\nD3,r3,c3,2024-04-08,60,25,new,0\n"
)
STOCK = "item_id,location_id,on_hand,reserved,held\ntea_250,S2,{},{},0\nrice_1kg,S2,30,1,0\n"


def rationed(folder, on_hand=8, reserved=0, without=(), **tables):
    given = {"deliveries": DELIVERIES, "stock": STOCK.format(on_hand, reserved), **tables}
    world = shop(folder, ORDERS + given.pop("more", ""), booked={34: 30}, **given)
    return world, screen_world(world, None, without)


def faults(world, screened, **changed):
    tables = {**screened.tables, **changed}
    evidence = SimpleNamespace(world=world, frame=lambda name: tables[name].copy())
    return [str(violation) for violation in check_rationed(evidence)]


def test_the_dearest_shortage_is_served_first():
    # 7 units for 5 at 2, 3 at 4 and 2 at 4: both dear ones, 2 left for the cheap one; one more unit avoids 2.
    problem = RationProblem(np.array([5.0, 3, 2]), np.array([2.0, 4, 4]), np.ones(3), np.zeros(3, int), np.array([7.0]))
    found = ration(problem)
    assert found.given.tolist() == [2, 3, 2] and found.price.tolist() == [2]
    # Goods by the half: 1.2 left of 1.5 asked are two halves.
    halves = RationProblem(np.array([1.5]), np.ones(1), np.full(1, 0.5), np.zeros(1, int), np.array([1.2]))
    assert ration(halves).given.tolist() == [1.0]


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(1, 3), st.integers(0, 4), st.integers(0, 1)), min_size=1, max_size=5),
    there=st.tuples(st.integers(0, 6), st.integers(0, 6)),
)
def test_no_other_way_to_share_out_is_cheaper(rows, there):
    asked, value, place = (np.array(column, float) for column in zip(*rows, strict=True))
    problem = RationProblem(asked, value, np.ones(len(rows)), place.astype(int), np.array(there, float))
    found = ration(problem)
    cost = (value * (asked - found.given)).sum()
    sums = np.bincount(problem.place, found.given, 2)
    assert (sums <= np.array(there) + UNITS_TOLERANCE).all() and (found.given <= asked).all()
    ways = product(*(range(int(a) + 1) for a in asked))
    allowed = [w for w in map(np.array, ways) if (np.bincount(problem.place, w, 2) <= there).all()]
    assert cost == pytest.approx(min((value * (asked - w)).sum() for w in allowed))
    # What one more unit avoids.
    more = ration(RationProblem(asked, value, problem.step, problem.place, np.add(problem.there, [1, 0])))
    assert cost - (value * (asked - more.given)).sum() == pytest.approx(found.price[0])


def test_priority_goes_first_then_who_ordered_first_and_nothing_means_no_stop(tmp_path):
    world, screened = rationed(tmp_path)
    table = screened.tables["rationed"].set_index("order_id")
    # r2 weighs 3.20 × (1 + 2); of the others r1 came first: 5 and 3 of 8 units.
    assert table["given"].to_dict() == {"r1": 3, "r2": 5, "r3": 0}
    assert table["value"].to_dict() == {"r1": 3.2, "r2": 9.6, "r3": 3.2} and set(table["price"]) == {3.2}
    assert table["money"].to_dict() == {"r1": 960, "r2": 0, "r3": 1280}
    assert screened.held_orders == {"r3"} == without_goods(SimpleNamespace(world=world, frame=screened.tables.get))
    assert set(deliveries_due(screened.world, screened.held_orders)["delivery_id"]) == {"D1", "D2"}
    words = screened.tables["explanations"].set_index("line_id")["text"]
    assert words["r3"].startswith("order r3 waits, it gets nothing: 0 of 4 tea_250 at S2 (8 there")
    assert words["r1"].startswith("order r1 is delivered in part: 3 of 6 tea_250")
    said = next(row for row in screened.exceptions if row.subject == "rationed")
    assert said.money == 2240 and "short of 7 units" in said.text and "(r3)" in said.text
    assert faults(world, screened) == []


def test_the_shortage_cost_of_a_segment_wins_over_the_price(tmp_path):
    # Few customers are named by thirds; whoever r3's customer is, a unit short there costs 50.
    segment = screen_world(shop(tmp_path / "a", ORDERS, booked={34: 30})).tables["segments"]
    name = segment.query("kind == 'customer' and member_id == 'c3'")["segment"].iloc[0]
    policies = f"segment,shortage_cost,delivery_priority\n{name},50,\n"
    world, screened = rationed(tmp_path / "b", segment_policies=policies)
    table = screened.tables["rationed"].set_index("order_id")
    assert table["value"]["r3"] == 50 and table["given"].to_dict() == {"r1": 0, "r2": 5, "r3": 3}
    assert faults(world, screened) == []


def test_receipts_of_the_day_are_there_blocked_goods_are_not_and_cancelled_units_ask_for_nothing(tmp_path):
    orders = "order_id,item_id,location_id,source_id,quantity,due_on\nP1,tea_250,S2,,3,2024-04-08\n"
    _, screened = rationed(tmp_path / "a", open_orders=orders)
    assert screened.tables["rationed"]["given"].sum() == 11
    world, screened = rationed(tmp_path / "b", stock=STOCK.format(20, 2).replace("20,2,0", "20,2,7"))
    assert screened.tables["rationed"]["given"].sum() == 13 and faults(world, screened) == []
    # 12 of 15 are still asked for, and 12 are there.
    _, screened = rationed(tmp_path / "c", 12, more=order("x1", "04-07", "c1", -3, cancels="r1"))
    assert screened.tables["rationed"].empty


@pytest.mark.parametrize("without", [(), (Filter.RATIONING,)])
def test_nothing_is_rationed_unless_stock_tells_what_is_reserved(tmp_path, without):
    plain = STOCK.format(8, 0).replace("30,1,0", f"30,{len(without)},0")
    _, screened = rationed(tmp_path, without=without, stock=plain)
    assert screened.tables["rationed"].empty and not screened.held_orders


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("given", [6, 5, 0], "gives 11 of 8 units"),
        ("given", [0, 5, 0], "3 units are left while orders wait"),
        ("given", [6, 2, 0], "a dearer line waits for a cheaper one"),
        ("given", [7, 1, 0], "gets 7 of 6 units"),
        ("value", [3.2, 3.2, 3.2], "weighs 3.2 and 0, not 9.6"),
        ("price", [9.6, 9.6, 9.6], "the price of one more unit is 3.2"),
        ("money", [0, 0, 0], "weighs 3.2 and 0"),
        ("order_id", ["r1", "r2", "w1"], "is no line of an order due today"),
    ],
)
def test_a_false_ration_is_found(tmp_path, column, values, words):
    world, screened = rationed(tmp_path)
    changed = screened.tables["rationed"].assign(**{column: values})
    assert any(words in fault for fault in faults(world, screened, rationed=changed))


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_no_unit_is_given_twice_whatever_is_ordered(tmp_path_factory, data):
    wanted = data.draw(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 2)), min_size=1, max_size=5))
    rows = "".join(order(f"o{n}", "04-07", f"c{n % 2}", units) for n, (units, _) in enumerate(wanted))
    heads = "delivery_id,order_id,customer_id,service_date,lat,lon,state,priority\n"
    due = "".join(f"D{n},o{n},c{n % 2},2024-04-08,60,25,new,{p}\n" for n, (_, p) in enumerate(wanted))
    on_hand = data.draw(st.integers(0, 20))
    stock = STOCK.format(on_hand, data.draw(st.integers(0, on_hand)))
    world = shop(tmp_path_factory.mktemp("any"), rows, booked={34: 50}, deliveries=heads + due, stock=stock)
    screened = screen_world(world)
    assert faults(world, screened) == []
    table = screened.tables["rationed"]
    assert table["given"].sum() <= on_hand
    if table.empty:
        assert not screened.held_orders - set(screened.tables["order_holds"]["order_id"])
    elif not screened.held_orders & set(screened.tables["order_holds"]["order_id"]):
        assert table["asked"].sum() == sum(units for units, _ in wanted)


def test_a_whole_plan_ships_part_and_explains_it(tmp_path, capsys):
    locations = "location_id,name,kind,lat,lon\nS2,Main street,store,60.0,25.0\n"
    vehicles = (
        "vehicle_id,depot_id,capacity_kg,capacity_l,shift_start,shift_end,fixed_cost,cost_per_km,cost_per_hour\n"
        "V1,S2,500,500,06:00,18:00,40,0.5,20\n"
    )
    rationed(tmp_path / "shop", locations=locations, vehicles=vehicles)
    call = ["plan", str(tmp_path / "shop"), "--out", str(tmp_path / "plan"), "--workers", "1", "--paths", "20"]
    assert run_plan.run([*call, "--previous", "none"]) == 0
    stops = set(pd.read_csv(tmp_path / "plan" / "routes.csv")["stop_id"])
    assert {"D1", "D2"} <= stops and "D3" not in stops
    assert run_plan.run(["explain", str(tmp_path / "plan"), "r3"]) == 0
    assert "order r3 waits, it gets nothing" in capsys.readouterr().out
