"""From a retailer's tables to routes, and the check of a plan's routes that finds each damage."""

import datetime
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

from optimizer.plan.check_routes import check_driving, check_route_costs, check_stops_once
from optimizer.plan.verify import verify_plan
from optimizer.routing.stage import plan_routes
from scenarios.load import load_world
from scenarios.plans import read_plan
from scenarios.schema import declared
from scenarios.world import plain_frame
from tests.folders import tea_shop

DAY = "2024-04-08"
# Places on a meridian: .1 degree is 11.12 km, 14.455 km with the detour factor, 1487 s at 35 km/h.
LEG_KM, LEG_SECONDS = 14.455, 1487
TABLES = {
    "items": "item_id,unit_cost,list_price,volume_l,weight_kg\ntea_250,1.8,3.2,2,1\nrice_1kg,1.1,2.0,1,4\n",
    "locations": "location_id,kind,lat,lon\nD1,dc,60.0,25.0\nS2,store,60.1,25.0\nS3,store,60.2,25.0\n",
    "vehicles": (
        "vehicle_id,depot_id,capacity_kg,capacity_l,shift_start,shift_end,fixed_cost,cost_per_km,cost_per_hour\n"
        "V1,D1,500,500,06:00,18:00,40,0.5,20\n"
    ),
}
DELIVERIES = "delivery_id,order_id,depot_id,lat,lon,service_date,weight_kg,volume_l,service_minutes,unserved_cost"
TRANSFER_COLUMNS = ["line_id", "item_id", "from_location", "to_location", "quantity", "ship_on", "due_on", "status"]


def transfers(*lines):
    """Transfer lines (item, to, quantity) that leave D1 on the plan date."""
    day = datetime.date.fromisoformat(DAY)
    rows = [[f"L{n}", item, "D1", place, units, day, day, "proposed"] for n, (item, place, units) in enumerate(lines)]
    return pd.DataFrame(rows, columns=TRANSFER_COLUMNS)


def routed(folder, moves, held=frozenset(), policy="", **tables):
    """World and routes of the tea shop with tables exchanged."""
    shop = tea_shop(folder, {**TABLES, **tables}, policy)
    world = load_world(shop)
    assert not world.quarantine, world.quarantine
    return world, plan_routes(world, moves, held)


def evidence(world, routes, moves, held=()):
    """What the checks see of a plan."""
    rows = pd.DataFrame(
        [vars(row) for row in routes.exceptions], columns=["subject", "kind", "text", "numbers", "money"]
    )
    frames = {
        "routes": routes.tables["routes"], "unserved": routes.tables["unserved"], "costs": routes.tables["costs"],
        "transfers": moves, "exceptions": rows, "order_holds": pd.DataFrame({"order_id": list(held)}, dtype=object),
        "rationed": pd.DataFrame(columns=["order_id", "line", "given"]),
    }  # fmt: skip
    return SimpleNamespace(world=world, frame=lambda name: frames[name].copy(), frames=frames, run={})


def violations(evidence):
    checks = (check_stops_once, check_driving, check_route_costs)
    return [str(violation) for check in checks for violation in check(evidence)]


def ways(routes):
    return [list(part["stop_id"]) for _, part in routes.tables["routes"].groupby("route_id")]


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """Two stores and a customer between them, by one van."""
    moves = transfers(("tea_250", "S2", 10), ("rice_1kg", "S2", 5), ("tea_250", "S3", 4))
    customers = f"{DELIVERIES}\nP1,O1,D1,60.15,25.0,{DAY},3,6,5,90\n"
    world, routes = routed(tmp_path_factory.mktemp("day"), moves, deliveries=customers)
    return world, routes, moves


def test_transfers_and_deliveries_share_a_route_whose_figures_are_those_of_the_map(day):
    world, routes, moves = day
    table = routes.tables["routes"]
    # The customer at half way costs nothing more on the way out or back.
    assert set(table["stop_id"]) == {"D1", "D1>S2", "D1>S3", "P1"}
    assert table["km"].sum() == pytest.approx(4 * LEG_KM, abs=0.01)
    # 10 x 1 + 5 x 4 + 4 x 1 + 3 kg and 10 x 2 + 5 x 1 + 4 x 2 + 6 litres leave the depot.
    assert tuple(table.loc[0, ["load_kg", "load_l"]]) == (37.0, 39.0)
    # Ten minutes at each store, five at the customer.
    minutes = (table["etd"].max() - table["eta"].min()).total_seconds() / 60
    assert minutes == pytest.approx(25 + 4 * LEG_SECONDS / 60, abs=0.1)
    costs = routes.tables["costs"].set_index("component")["amount"]
    assert costs["route_fixed"] == 4000
    assert costs["route_distance"] == pytest.approx(4 * LEG_KM * 50, abs=1)
    assert costs["route_time"] == pytest.approx(minutes / 60 * 2000, abs=1)
    assert routes.proof["objective"] == pytest.approx(costs.sum() / 100, abs=0.02)
    assert routes.proof["bound"] <= routes.proof["objective"]
    assert routes.tables["unserved"].empty
    assert violations(evidence(world, routes, moves)) == []
    assert list(table.columns) == list(declared()["routes"].names)


def test_what_was_assumed_is_said(day):
    texts = " | ".join(row.text for row in day[1].exceptions if row.kind == "assumed")
    assert "great circle times 1.3 at 35 km/h" in texts
    assert "2 stops have no unserved_cost" in texts


def test_rows_in_any_order_give_the_same_routes(day, tmp_path):
    world, routes, moves = day
    again = plan_routes(world, moves.sample(frac=1, random_state=3), frozenset())
    for name, table in routes.tables.items():
        pd.testing.assert_frame_equal(table, again.tables[name])


def test_a_held_order_is_never_shipped(tmp_path):
    customers = f"{DELIVERIES}\nP1,O1,D1,60.15,25,{DAY},3,6,5,90\nP2,O2,D1,60.15,25.01,{DAY},3,6,5,90\n"
    world, routes = routed(tmp_path, transfers(), frozenset({"O2"}), deliveries=customers)
    assert ways(routes) == [["D1", "P1", "D1"]]
    assert violations(evidence(world, routes, transfers(), {"O2"})) == []
    assert any("O1 is held" in text for text in violations(evidence(world, routes, transfers(), {"O1", "O2"})))


def test_deliveries_done_or_of_another_day_stay_away(tmp_path):
    customers = f"{DELIVERIES},state\nP1,O1,D1,60.15,25,{DAY},3,6,5,90,done\nP2,O2,D1,60.1,25,2024-04-09,3,6,5,90,new\n"
    world, routes = routed(tmp_path, transfers(), deliveries=customers)
    assert routes.tables["routes"].empty and routes.proof is None
    assert violations(evidence(world, routes, transfers())) == []


def test_transfers_approved_earlier_ride_along(tmp_path):
    orders = (
        "order_id,line,item_id,location_id,source_id,quantity,ordered_on,due_on,status\n"
        f"T7,1,tea_250,S3,D1,6,{DAY},2024-04-09,approved\nT8,1,tea_250,S2,D1,6,{DAY},2024-04-09,in_transit\n"
        "T9,1,tea_250,S2,D1,6,2024-04-07,2024-04-09,approved\n"
    )
    world, routes = routed(tmp_path, transfers(), open_orders=orders)
    assert ways(routes) == [["D1", "D1>S3", "D1"]]
    assert routes.tables["routes"].loc[0, "load_kg"] == 6.0
    assert violations(evidence(world, routes, transfers())) == []


def test_transfers_above_a_vehicle_are_split_by_line_and_what_stays_is_a_shortfall(tmp_path):
    vehicles = TABLES["vehicles"].replace("500,500", "12,500") + "V2,D1,12,500,06:00,18:00,40,0.5,20\n"
    moves = transfers(("tea_250", "S2", 10), ("rice_1kg", "S2", 3), ("tea_250", "S3", 14))
    world, routes = routed(tmp_path, moves, vehicles=vehicles)
    assert sorted(ways(routes)) == [["D1", "D1>S2", "D1"], ["D1", "D1>S2#2", "D1"]]
    # 14 kg in one line fit no vehicle of 12.
    left = routes.tables["unserved"].iloc[0]
    assert (left["stop_id"], left["cause"]) == ("D1>S3", "it is above the load of every vehicle that may bring it")
    assert left["cheapest_relaxation"] == "2 kg more load on a vehicle like V1"
    assert list(routes.shortfall["line_id"]) == ["L2"]
    assert violations(evidence(world, routes, moves)) == []


def test_windows_are_kept_and_one_that_cannot_be_is_named(tmp_path):
    customers = f"{DELIVERIES}\nP1,O1,D1,60.1,25,{DAY},3,6,5,90\nP2,O2,D1,60.2,25,{DAY},3,6,5,90\n"
    windows = f"delivery_id,window_start,window_end\nP1,{DAY}T12:00,{DAY}T12:10\nP2,{DAY}T06:00,{DAY}T06:30\n"
    world, routes = routed(tmp_path, transfers(), deliveries=customers, delivery_windows=windows)
    (visit,) = routes.tables["routes"].query("stop_id == 'P1'").to_dict("records")
    begin = visit["eta"] + datetime.timedelta(minutes=visit["wait_minutes"])
    assert datetime.time(12) <= begin.time() <= datetime.time(12, 10)
    # 22.2 km away at 35 km/h with the detour: 2973 s from 6:00 is 6:49:34, window closes 6:30.
    left = routes.tables["unserved"].iloc[0]
    assert (left["stop_id"], left["cause"]) == ("P2", "no vehicle reaches it inside its window")
    assert left["cheapest_relaxation"] == "a window that closes 20 minutes later"
    assert violations(evidence(world, routes, transfers())) == []


def test_a_shift_past_midnight_brings_what_is_wanted_at_night(tmp_path):
    vehicles = TABLES["vehicles"].replace("06:00,18:00", "22:00,04:00")
    customers = f"{DELIVERIES}\nP1,O1,D1,60.1,25,{DAY},3,6,5,90\n"
    windows = f"delivery_id,window_start,window_end\nP1,{DAY}T23:58,2024-04-09T01:00\n"
    world, routes = routed(tmp_path, transfers(), vehicles=vehicles, deliveries=customers, delivery_windows=windows)
    table = routes.tables["routes"]
    assert table["etd"].max() > pd.Timestamp("2024-04-09")
    assert violations(evidence(world, routes, transfers())) == []


def test_skills_temperature_depot_and_promise_choose_the_vehicle(tmp_path):
    vehicles = (
        "vehicle_id,depot_id,capacity_kg,skills,temperature_classes,cost_per_km\n"
        "V1,D1,500,,ambient,0.1\nV2,D1,500,lift|key,ambient,1\nV3,D1,500,,frozen|ambient,2\nV4,D1,500,,ambient,3\n"
    )
    customers = (
        f"{DELIVERIES},skills,temperature_class,vehicle_id\nP1,O1,D1,60.1,25,{DAY},3,6,5,900,lift,,\n"
        f"P2,O2,D1,60.1,25,{DAY},3,6,5,900,,frozen,\nP3,O3,D1,60.1,25,{DAY},3,6,5,900,,,V4\n"
        f"P4,O4,S2,60.1,25,{DAY},3,6,5,900,,,\nP5,O5,,60.1,25,{DAY},3,6,5,900,,,\n"
    )
    world, routes = routed(tmp_path, transfers(), vehicles=vehicles, deliveries=customers)
    by = routes.tables["routes"].set_index("stop_id")["vehicle_id"].drop("D1").to_dict()
    # P1 asks for a lift, P2 for frost, P3 is promised, P5 may start anywhere and rides along, P4 starts at a store.
    assert (by["P1"], by["P2"], by["P3"]) == ("V2", "V3", "V4")
    assert set(by) == {"P1", "P2", "P3", "P5"}
    assert list(routes.tables["unserved"]["stop_id"]) == ["P4"]
    assert violations(evidence(world, routes, transfers())) == []


def test_a_pick_up_is_brought_to_its_delivery_or_back_to_the_depot(tmp_path):
    customers = (
        f"{DELIVERIES},pickup_of\nP1,O1,D1,60.2,25,{DAY},8,6,5,900,P2\nP2,O2,D1,60.1,25,{DAY},5,9,5,900,\n"
        f"P3,O3,D1,60.1,25.01,{DAY},4,6,5,900,P9\n"
    )
    world, routes = routed(tmp_path, transfers(), deliveries=customers)
    (way,) = ways(routes)
    assert way.index("P1") < way.index("P2")
    table = routes.tables["routes"].set_index("stop_id")
    assert table.loc["P3", "kind"] == table.loc["P1", "kind"] == "pick-up"
    # Nothing leaves the depot; what P3 gives back is aboard on the way home.
    assert routes.tables["routes"].loc[0, "load_kg"] == 0
    assert routes.tables["routes"]["load_kg"].max() in {8.0, 12.0}
    assert violations(evidence(world, routes, transfers())) == []


def test_goods_not_released_yet_hold_the_route_back(tmp_path):
    customers = f"{DELIVERIES},release_at\nP1,O1,D1,60.1,25,{DAY},3,6,5,90,{DAY}T11:00\n"
    world, routes = routed(tmp_path, transfers(), deliveries=customers)
    assert routes.tables["routes"]["eta"].min() == pd.Timestamp(f"{DAY}T11:00")
    assert violations(evidence(world, routes, transfers())) == []


def test_the_travel_table_comes_before_the_map(tmp_path):
    travel = "from_id,to_id,minutes,km\nD1,S2,7,5\nS2,D1,9,6\n"
    moves = transfers(("tea_250", "S2", 1))
    world, routes = routed(tmp_path, moves, travel=travel)
    table = routes.tables["routes"]
    assert list(table["km"]) == [0, 5, 6]
    assert (table["etd"].max() - table["eta"].min()).total_seconds() == (7 + 10 + 9) * 60
    assert violations(evidence(world, routes, moves)) == []
    shorter = routes.tables["routes"].assign(km=[0, 4, 6])
    routes.tables["routes"] = shorter
    assert any("the travel table says 5" in text for text in violations(evidence(world, routes, moves)))


def test_a_customer_s_place_serves_a_delivery_without_one(tmp_path):
    customers = (
        f"{DELIVERIES.replace('lat,lon,', '')},customer_id\nP1,O1,D1,{DAY},3,6,5,90,C1\nP2,O2,D1,{DAY},3,6,5,90,C2\n"
    )
    people = "customer_id,lat,lon\nC1,60.1,25\nC2,,\n"
    travel = "from_id,to_id,minutes,km\nD1,C2,7,5\nC2,D1,9,6\nC1,C2,9,6\nC2,C1,9,6\n"
    world, routes = routed(tmp_path / "a", transfers(), deliveries=customers, customers=people)
    assert ways(routes) == [["D1", "P1", "D1"]]
    assert [row.subject for row in routes.exceptions if row.kind == "no_place"] == ["place P2"]
    assert violations(evidence(world, routes, transfers())) == []
    world, routes = routed(tmp_path / "b", transfers(), deliveries=customers, customers=people, travel=travel)
    assert set(routes.tables["routes"]["stop_id"]) == {"D1", "P1", "P2"}
    assert violations(evidence(world, routes, transfers())) == []


def test_roads_are_driven_where_there_are_some(tmp_path):
    nodes = "node_id,lat,lon\nA,60.0,25.0\nB,60.1,25.0\nC,60.05,25.2\n"
    edges = "from_node,to_node,metres,oneway,kmh\nA,B,20000,true,60\nB,C,15000,false,90\nC,A,16000,false,90\n"
    moves = transfers(("tea_250", "S2", 1))
    world, routes = routed(tmp_path, moves, road_nodes=nodes, road_edges=edges)
    # Out over A-B or A-C-B, 1200 s and 1240 s; back only by C.
    assert list(routes.tables["routes"]["km"]) == [0, 20, 31]
    assert violations(evidence(world, routes, moves)) == []


def test_limits_of_a_vehicle_split_the_day(tmp_path):
    moves = transfers(("tea_250", "S2", 1), ("tea_250", "S3", 1))
    for name, most in (("max_stops", 1), ("max_km", 58), ("max_minutes", 115)):
        vehicles = f"vehicle_id,depot_id,fixed_cost,cost_per_km,{name}\nV1,D1,40,0.5,{most}\nV2,D1,40,0.5,{most}\n"
        world, routes = routed(tmp_path / name, moves, vehicles=vehicles)
        assert len(ways(routes)) == (1 if name == "max_km" else 2)
        assert violations(evidence(world, routes, moves)) == []


def test_an_open_end_needs_no_way_home(tmp_path):
    vehicles = "vehicle_id,depot_id,open_end,cost_per_km\nV1,D1,true,0.5\n"
    moves = transfers(("tea_250", "S2", 1))
    world, routes = routed(tmp_path, moves, vehicles=vehicles)
    assert ways(routes) == [["D1", "D1>S2"]]
    assert violations(evidence(world, routes, moves)) == []


def test_a_day_without_drivers_leaves_every_stop_out_and_says_so(tmp_path):
    # The plan date is a Monday.
    vehicles = "vehicle_id,depot_id,available_on\nV1,D1,Tue|Wed\n"
    moves = transfers(("tea_250", "S2", 1))
    world, routes = routed(tmp_path, moves, vehicles=vehicles)
    assert list(routes.tables["unserved"]["cause"]) == ["no vehicle drives today"]
    assert list(routes.shortfall["line_id"]) == ["L0"]
    assert routes.proof is None
    assert violations(evidence(world, routes, moves)) == []


def test_a_world_without_vehicles_has_empty_tables(tmp_path):
    shop = tea_shop(tmp_path, {name: text for name, text in TABLES.items() if name != "vehicles"})
    world = load_world(shop)
    routes = plan_routes(world, transfers(("tea_250", "S2", 1)), frozenset())
    assert all(table.empty for table in routes.tables.values())
    assert violations(evidence(world, routes, transfers(("tea_250", "S2", 1)))) == []


def test_overtime_is_a_cost_of_its_own_and_its_most_is_kept(tmp_path):
    more = "cost_per_hour,overtime_from_minutes,overtime_cost_per_hour,max_overtime_minutes\n"
    vehicles = TABLES["vehicles"].replace("cost_per_hour\n", more).replace("0.5,20\n", "0.5,20,30,12,600\n")
    moves = transfers(("tea_250", "S2", 1))
    world, routes = routed(tmp_path, moves, vehicles=vehicles)
    assert violations(evidence(world, routes, moves)) == []
    table, costs = routes.tables["routes"], routes.tables["costs"]
    minutes = [(r["etd"].max() - r["eta"].min()).total_seconds() / 60 for _, r in table.groupby("route_id")]
    booked = costs.loc[costs["component"] == "route_overtime", "amount"].sum()
    # 12.00 an hour are 20 cents a minute beyond the first thirty.
    assert booked == pytest.approx(sum(max(m - 30, 0) * 20 for m in minutes), abs=len(minutes))
    assert booked > 0
    free = replace(routes, tables=routes.tables | {"costs": costs[costs["component"] != "route_overtime"]})
    assert any("route_overtime" in str(v) for v in violations(evidence(world, free, moves)))


DAMAGES = {
    "a stop lost": (lambda t: t[t["stop_id"] != "P1"], "is due and on no route"),
    "a store lost": (lambda t: t[t["stop_id"] != "D1>S3"], "D1>S3: transfers of today are on no route"),
    "a stop twice": (lambda t: pd.concat([t, t[t["stop_id"] == "P1"]]), "is visited twice"),
    "a place unknown": (lambda t: t.replace({"stop_id": {"D1>S3": "D1>S9"}}), "nothing is transferred there today"),
    "a load too small": (lambda t: t.assign(load_kg=t["load_kg"] * 0.9), "changes load_kg by"),
    "a load too large": (lambda t: t.assign(load_kg=t["load_kg"] + 900), "its capacity_kg is 500"),
    "another vehicle": (lambda t: t.assign(vehicle_id="V9"), "is no vehicle of the inputs"),
    "a way too short": (lambda t: t.assign(km=t["km"] * 0.7), "the straight line"),
    "an hour early": (lambda t: t.assign(eta=t["eta"] - pd.Timedelta(hours=1)), "longer|before|takes|begins at"),
    "at night": (
        lambda t: t.assign(eta=t["eta"] - pd.Timedelta(hours=9), etd=t["etd"] - pd.Timedelta(hours=9)),
        "before its shift",
    ),
    "too late": (
        lambda t: t.assign(eta=t["eta"] + pd.Timedelta(hours=15), etd=t["etd"] + pd.Timedelta(hours=15)),
        "after its shift",
    ),
    "no way home": (lambda t: t.iloc[:-1], "its vehicle at D1"),
    "back in time": (lambda t: t.assign(eta=t["eta"][::-1].to_numpy()), "goes back in time"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_each_damage_to_the_routes_is_found(day, name):
    damage, expected = DAMAGES[name]
    world, routes, moves = day
    seen = evidence(world, routes, moves)
    seen.frames["routes"] = damage(seen.frames["routes"])
    found = " | ".join(violations(seen))
    assert any(part in found for part in expected.split("|")), found


def test_costs_that_are_not_those_of_the_routes_are_found(day):
    world, routes, moves = day
    for change in (lambda t: t.iloc[1:], lambda t: t.assign(amount=t["amount"] + 1), lambda t: t.assign(route_id="R9")):
        seen = evidence(world, routes, moves)
        seen.frames["costs"] = change(seen.frames["costs"])
        assert any(text.startswith("costs") for text in violations(seen))


def test_windows_releases_skills_and_promises_broken_are_found(day, tmp_path):
    _, routes, moves = day
    columns = f"{DELIVERIES},skills,release_at,vehicle_id,temperature_class"
    row = f"P1,O1,D1,60.15,25.0,{DAY},3,6,5,90,crane,{DAY}T23:00,V7,frozen"
    windows = f"delivery_id,window_start,window_end\nP1,{DAY}T01:00,{DAY}T02:00\n"
    tables = {**TABLES, "deliveries": f"{columns}\n{row}\n", "delivery_windows": windows}
    changed = load_world(tea_shop(tmp_path / "changed", tables))
    found = " | ".join(violations(evidence(changed, routes, moves)))
    for words in ("needs crane", "released", "promised to V7", "outside its windows"):
        assert words in found


def test_the_routes_of_a_whole_plan_are_in_it_and_pass_its_checks(planned):
    plan = read_plan(planned)
    routes = plain_frame(plan.tables["routes"])
    assert not plan.faults
    assert len(routes) > 0
    assert verify_plan(planned) == []
