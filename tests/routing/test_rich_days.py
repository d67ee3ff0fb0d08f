"""Breaks, windows, doors, hours, goods apart and locks go from tables into routes; broken, the check says so."""

import datetime

import pandas as pd
import pytest

from tests.routing.test_routes_of_the_day import (
    DAY,
    DELIVERIES,
    LEG_SECONDS,
    TABLES,
    evidence,
    routed,
    transfers,
    violations,
    ways,
)

TWO = TABLES["vehicles"] + "V2,D1,500,500,06:00,18:00,40,0.5,20\n"


def customers(*rows, more=""):
    """Deliveries P1, P2, … at a latitude each, with cells more."""
    lines = [f"P{n},O{n},D1,{lat},25,{DAY},3,6,5,900{cells}" for n, (lat, cells) in enumerate(rows, 1)]
    return "\n".join([f"{DELIVERIES}{more}", *lines, ""])


def opened(*rows):
    """Windows of deliveries on the plan date."""
    lines = [f"{stop},{DAY}T{start},{DAY}T{end}" for stop, start, end in rows]
    return "\n".join(["delivery_id,window_start,window_end", *lines, ""])


def begins(routes):
    """When service begins, by stop."""
    table = routes.tables["routes"]
    moments = table["eta"] + pd.to_timedelta(table["wait_minutes"], unit="min")
    return dict(zip(table["stop_id"], moments.dt.strftime("%H:%M"), strict=True))


def true(world, routes, moves=None):
    return violations(evidence(world, routes, transfers() if moves is None else moves)) == []


def found(world, routes, damage, moves=None):
    """What the checks say of the routes after a damage to their table."""
    seen = evidence(world, routes, transfers() if moves is None else moves)
    seen.frames["routes"] = damage(seen.frames["routes"])
    return " | ".join(violations(seen))


def test_any_of_several_windows_will_do(tmp_path):
    windows = opened(("P1", "03:00", "05:00"), ("P1", "08:00", "08:10"))
    world, routes = routed(tmp_path, transfers(), deliveries=customers((60.1, "")), delivery_windows=windows)
    # The wide one closes before anybody drives.
    assert "08:00" <= begins(routes)["P1"] <= "08:10"
    assert true(world, routes)


def test_a_lunch_is_taken_in_its_time_where_the_driver_stands_and_is_not_paid(tmp_path):
    breaks = "vehicle_id,break,earliest,latest,minutes,paid\nV1,lunch,11:00,12:00,30,false\n"
    windows = opened(("P1", "10:40", "10:50"), ("P2", "12:30", "13:00"))
    stops = customers((60.1, ""), (60.1, ""))
    world, routes = routed(tmp_path, transfers(), deliveries=stops, delivery_windows=windows, vehicle_breaks=breaks)
    table = routes.tables["routes"]
    assert list(table["kind"]) == ["depot", "delivery", "break", "delivery", "depot"]
    pause = table[table["kind"] == "break"].iloc[0]
    assert pause["stop_id"] == "lunch"
    assert datetime.time(11) <= (pause["etd"] - datetime.timedelta(minutes=30)).time() <= datetime.time(12)
    whole = (table["etd"].max() - table["eta"].min()).total_seconds() / 3600
    paid = routes.tables["costs"].set_index("component")["amount"]["route_time"]
    assert paid == pytest.approx((whole - 0.5) * 2000, abs=1)
    assert true(world, routes)
    gone = found(world, routes, lambda t: t[t["kind"] != "break"].assign(seq=range(4)))
    assert "takes break lunch 0 times" in gone
    early = found(world, routes, lambda t: t.assign(
        eta=t["eta"].mask(t["kind"] == "break", t["eta"] - pd.Timedelta(hours=2)),
        etd=t["etd"].mask(t["kind"] == "break", t["etd"] - pd.Timedelta(hours=2)),
    ))  # fmt: skip
    assert "outside its time" in early


def test_a_break_comes_before_driving_has_gone_on_too_long(tmp_path):
    breaks = "vehicle_id,break,minutes,after_drive_minutes\nV1,rest,15,40\n"
    world, routes = routed(tmp_path, transfers(), deliveries=customers((60.1, "")), vehicle_breaks=breaks)
    # Out and back are 24:47 each, so the rest is at the customer's.
    assert "break" in list(routes.tables["routes"]["kind"])
    assert true(world, routes)
    without = found(world, routes, lambda t: t[t["kind"] != "break"].assign(seq=range(3)))
    assert "without break rest, due after 40" in without


def test_breaks_that_cannot_be_are_said_and_the_rest_is_kept(tmp_path):
    breaks = (
        "vehicle_id,break,earliest,latest,minutes,after_drive_minutes\nV1,night,22:00,23:00,30,\nV1,nothing,,,0,\n"
        "V1,long,,,45,270\nV1,short,,,15,120\n"
    )
    world, routes = routed(tmp_path, transfers(), deliveries=customers((60.1, "")), vehicle_breaks=breaks)
    said = " | ".join(row.text for row in routes.exceptions)
    for words in ("night of V1 lies outside its shift", "nothing of V1 takes no time", "long of V1 by driving time"):
        assert f"break {words}" in said
    assert len(ways(routes)) == 1
    assert true(world, routes)


def test_goods_that_must_travel_apart_are_on_different_trips(tmp_path):
    stops = customers((60.1, ",food"), (60.1, ",paint"), (60.1, ","), more=",incompatible_group")
    world, routes = routed(tmp_path, transfers(), deliveries=stops, vehicles=TWO)
    vehicle = routes.tables["routes"].set_index("stop_id")["vehicle_id"].drop("D1").to_dict()
    assert set(vehicle) == {"P1", "P2", "P3"} and vehicle["P1"] != vehicle["P2"]
    assert true(world, routes)
    together = found(world, routes, lambda t: t.assign(route_id="R001", trip=1))
    assert "carries food and paint, which must travel apart" in together


def test_items_that_must_travel_apart_make_two_stops_of_one_lane(tmp_path):
    items = TABLES["items"].replace("weight_kg", "weight_kg,incompatible_group")
    items = items.replace("2,1\n", "2,1,food\n").replace("1,4\n", "1,4,paint\n")
    moves = transfers(("tea_250", "S2", 3), ("rice_1kg", "S2", 2))
    world, routes = routed(tmp_path, moves, items=items, vehicles=TWO)
    assert sorted(ways(routes)) == [["D1", "D1>S2", "D1"], ["D1", "D1>S2#2", "D1"]]
    assert true(world, routes, moves)
    one = found(world, routes, lambda t: t[t["route_id"] == "R001"], moves)
    assert "1 stops for 2 groups of goods that travel apart" in one


def test_one_door_loads_one_van_after_the_other(tmp_path):
    vehicles = TWO.replace("cost_per_hour", "cost_per_hour,reload_minutes").replace("0.5,20\n", "0.5,20,30\n")
    windows = opened(("P1", "08:00", "08:40"), ("P2", "08:00", "08:40"))
    stops = customers((60.1, ",V1"), (60.1, ",V2"), more=",vehicle_id")
    doors = "depot_id,from_time,to_time,doors\nD1,05:00,10:00,1\n"
    world, routes = routed(
        tmp_path, transfers(), deliveries=stops, delivery_windows=windows, vehicles=vehicles, dock_slots=doors
    )
    table = routes.tables["routes"]
    leaves = sorted(table.loc[table["seq"] == 0, "etd"])
    assert len(leaves) == 2 and (leaves[1] - leaves[0]).total_seconds() >= 1800
    assert true(world, routes)
    both = found(world, routes, lambda t: _shifted(t, leaves[1] - leaves[0]))
    assert "2 load at D1" in both


def _shifted(table, by):
    """The later route moved to leave with the earlier one."""
    first = table.loc[table["seq"] == 0].sort_values("etd")["route_id"].iloc[-1]
    late = table["route_id"] == first
    return table.assign(eta=table["eta"].mask(late, table["eta"] - by), etd=table["etd"].mask(late, table["etd"] - by))


def test_the_travel_table_is_followed_hour_by_hour(tmp_path):
    travel = "from_id,to_id,from_hour,minutes,km\nD1,P1,0,10,5\nD1,P1,7,30,5\nD1,P1,9,10,5\nP1,D1,0,10,6\n"
    windows = opened(("P1", "07:00", "07:20"))
    stops = customers((60.1, f",{DAY}T06:55"), more=",release_at")
    world, routes = routed(tmp_path / "a", transfers(), deliveries=stops, delivery_windows=windows, travel=travel)
    table = routes.tables["routes"]
    # Half of the way in the five minutes before seven, the other half at a third of the speed in fifteen.
    assert (table["eta"].iloc[1] - table["etd"].iloc[0]).total_seconds() == 1200
    assert true(world, routes)
    sooner = table["eta"] - pd.Timedelta(minutes=5)
    assert "the travel table says" in found(world, routes, lambda t: t.assign(eta=t["eta"].mask(t["seq"] == 1, sooner)))
    # With the whole day there, it is driven when the road is free.
    world, routes = routed(tmp_path / "b", transfers(), deliveries=customers((60.1, "")), travel=travel)
    table = routes.tables["routes"]
    assert (table["eta"].iloc[1] - table["etd"].iloc[0]).total_seconds() == 600
    assert true(world, routes)


def test_roads_are_slower_at_the_hours_they_name(tmp_path):
    nodes = "node_id,lat,lon\nA,60.0,25.0\nB,60.1,25.0\n"
    factors = "|".join(["1"] * 6 + ["0.5"] * 2 + ["1"] * 16)
    edges = f"from_node,to_node,metres,oneway,kmh,hour_factors\nA,B,20000,false,60,{factors}\n"
    windows = opened(("P1", "07:00", "07:50"))
    world, routes = routed(
        tmp_path, transfers(), deliveries=customers((60.1, "")), delivery_windows=windows, road_nodes=nodes,
        road_edges=edges,
    )  # fmt: skip
    table = routes.tables["routes"]
    # 20 km at 60 km/h take 20 minutes, at half of it 40: back from 7:55, 5 minutes slow and 17.5 at full speed.
    assert (table["eta"].iloc[1] - table["etd"].iloc[0]).total_seconds() == 2400
    assert list(table["km"]) == [0, 20, 20]
    assert true(world, routes)


def test_a_slow_vehicle_takes_longer_for_the_same_way(tmp_path):
    vehicles = TABLES["vehicles"].replace("cost_per_hour", "cost_per_hour,speed_profile")
    slow = vehicles.replace("0.5,20\n", "0.5,20,0.5\n")
    world, routes = routed(tmp_path / "a", transfers(), deliveries=customers((60.1, "")), vehicles=slow)
    table = routes.tables["routes"]
    assert (table["eta"].iloc[1] - table["etd"].iloc[0]).total_seconds() == 2 * LEG_SECONDS
    assert true(world, routes)
    odd = vehicles.replace("0.5,20\n", "0.5,20,van\n")
    _, routes = routed(tmp_path / "b", transfers(), deliveries=customers((60.1, "")), vehicles=odd)
    assert any("speed_profile van is no share" in row.text for row in routes.exceptions)


def test_locked_stops_come_first_in_their_order_and_clashes_are_said(tmp_path):
    stops = customers(
        (60.1, ",V1,2"), (60.2, ",V1,1"), (60.15, ",V1,1"), (60.05, ",,"), (60.05, ",,3"), more=",vehicle_id,sequence"
    )  # fmt: skip
    world, routes = routed(tmp_path, transfers(), deliveries=stops)
    (way,) = ways(routes)
    assert way[1:4] == ["P2", "P3", "P1"]
    assert routes.tables["routes"].set_index("stop_id").loc[["P2", "P3", "P1"], "locked"].all()
    said = " | ".join(row.text for row in routes.exceptions)
    assert "lock of P3: place 1 of V1 is that of P2 too" in said
    assert "lock of P5: place 3 on no vehicle, it is free" in said
    assert true(world, routes)
    table = routes.tables["routes"]
    swapped = table.assign(stop_id=table["stop_id"].replace({"P1": "P4", "P4": "P1"}))
    assert "should begin with P2, P3, P1" in found(world, routes, lambda _: swapped)


def test_a_lock_that_no_load_allows_is_freed_and_said(tmp_path):
    stops = customers((60.1, ",V1,1"), (60.2, ",V1,2"), more=",vehicle_id,sequence").replace(",3,6,5", ",300,6,5")
    vehicles = TWO.replace("cost_per_hour", "cost_per_hour,max_trips").replace("0.5,20\n", "0.5,20,2\n")
    world, routes = routed(tmp_path, transfers(), deliveries=stops, vehicles=vehicles)
    assert any("lock of P2: V1 cannot drive so, it is free" in row.text for row in routes.exceptions)
    assert set(routes.tables["routes"]["stop_id"]) == {"D1", "P1", "P2"}
    assert true(world, routes)


def test_a_table_keyed_by_a_time_of_day_is_read(tmp_path):
    doors = "depot_id,from_time,to_time,doors\nD1,12:00,18:00,1\nD1,05:00,12:00,2\n"
    world, _ = routed(tmp_path, transfers(), deliveries=customers((60.1, "")), dock_slots=doors)
    assert list(world.frame("dock_slots")["from_time"]) == ["05:00", "12:00"]
