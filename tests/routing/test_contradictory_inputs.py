"""Inputs that contradict each other are answered in words, and the rest of the day is planned."""

from typing import get_args

import pytest

from optimizer.routing.left_out import CAUSES
from scenarios.load import load_world
from solvers.routing.unserved import Cause
from tests.folders import tea_shop
from tests.routing.test_routes_of_the_day import (
    DAY,
    DELIVERIES,
    TABLES,
    evidence,
    routed,
    transfers,
    violations,
    ways,
)

# A delivery that can be brought, beside each that cannot.
GOOD = f"P1,O1,D1,60.1,25,{DAY},3,6,5,90"
VEHICLES = TABLES["vehicles"].replace("cost_per_hour\n", "cost_per_hour,available_on,skills,temperature_classes\n")
VEHICLES = VEHICLES.replace("0.5,20\n", "0.5,20,,,ambient\n") + "V2,D1,500,500,06:00,18:00,40,0.5,20,Tue,,\n"
# name: (columns more, their cells, windows of P9, weight, cause)
CASES = {
    "a load above every vehicle": ("", "", "", 900, "it is above the load of every vehicle that may bring it"),
    "a vehicle unknown": (
        "vehicle_id", "V7", "", 3, "it is promised to V7, which is no vehicle of the table"
    ),
    "a vehicle that stays in": ("vehicle_id", "V2", "", 3, "it is promised to V2, which does not drive today"),
    "a skill that nobody has": ("skills", "crane|lift", "", 3, "every vehicle that drives today lacks crane, lift"),
    "a promise to one without the skill": (
        "vehicle_id,skills", "V1,crane", "", 3, "it is promised to V1, which lacks crane"
    ),
    "frost in no vehicle": ("temperature_class", "frozen", "", 3, "that drives today cannot keep it frozen"),
    "a window before anybody drives": ("", "", "01:00/02:00", 3, "no vehicle reaches it inside its window"),
    "a window after everybody is back": ("", "", "23:00/23:30", 3, "a trip of its own breaks shift"),
    "goods released after the window": ("release_at", f"{DAY}T12:00", "10:00/11:00", 3, "inside its window"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_cannot_be_brought_is_said_and_the_rest_is_planned(name, tmp_path):
    more, cells, window, weight, cause = CASES[name]
    columns = f"{DELIVERIES},{more}" if more else DELIVERIES
    empty = "," * len(more.split(",")) if more else ""
    odd = f"P9,O9,D1,60.1,25.01,{DAY},{weight},6,5,90" + (f",{cells}" if more else "")
    tables = {"deliveries": f"{columns}\n{GOOD}{empty}\n{odd}\n", "vehicles": VEHICLES}
    if window:
        start, end = window.split("/")
        tables["delivery_windows"] = f"delivery_id,window_start,window_end\nP9,{DAY}T{start},{DAY}T{end}\n"
    world, routes = routed(tmp_path, transfers(), **tables)
    assert ways(routes) == [["D1", "P1", "D1"]]
    (left,) = routes.tables["unserved"].to_dict("records")
    assert left["stop_id"] == "P9"
    assert cause in left["cause"]
    assert any(row.kind == "unserved" and cause in row.text for row in routes.exceptions)
    assert violations(evidence(world, routes, transfers())) == []


def test_a_stop_that_no_road_reaches_is_named(tmp_path):
    nodes = "node_id,lat,lon\nA,60.0,25.0\nB,60.1,25.0\nC,60.3,25.0\n"
    edges = "from_node,to_node,metres,oneway,kmh\nA,B,20000,false,60\nC,A,15000,true,90\n"
    odd = f"P9,O9,D1,60.3,25,{DAY},3,6,5,90"
    tables = {"deliveries": f"{DELIVERIES}\n{GOOD}\n{odd}\n", "road_nodes": nodes, "road_edges": edges}
    world, routes = routed(tmp_path, transfers(), **tables)
    assert ways(routes) == [["D1", "P1", "D1"]]
    assert routes.tables["unserved"]["cause"].tolist() == ["no way leads there and back from where a vehicle starts"]
    assert violations(evidence(world, routes, transfers())) == []


@pytest.mark.parametrize(
    ("table", "text", "column", "expected"),
    [
        (
            "delivery_windows", f"delivery_id,window_start,window_end\nP1,{DAY}T12:00,{DAY}T11:00\n", "window_end",
            "window_start or later",
        ),
        ("dock_slots", "depot_id,from_time,to_time,doors\nD1,08:00,08:00,1\n", "to_time", "another time"),
        (
            "road_edges", "from_node,to_node,metres,hour_factors\nA,B,10,1|1|1\n", "hour_factors",
            "24 numbers above 0 between bars",
        ),
        (
            "road_edges", f"from_node,to_node,metres,hour_factors\nA,B,10,{'|'.join(['1'] * 23)}|0.0\n",
            "hour_factors", "24 numbers above 0 between bars",
        ),
    ],
)  # fmt: skip
def test_rows_that_contradict_themselves_go_to_quarantine(table, text, column, expected, tmp_path):
    tables = {**TABLES, "deliveries": f"{DELIVERIES}\n{GOOD}\n", table: text}
    if table == "road_edges":
        tables["road_nodes"] = "node_id,lat,lon\nA,60.0,25.0\nB,60.1,25.0\n"
    (fault,) = load_world(tea_shop(tmp_path, tables)).quarantine
    assert (fault.table, fault.column) == (table, column)
    assert expected in fault.expected


def test_hour_factors_as_people_write_them_are_read(tmp_path):
    for n, factors in enumerate(("|".join(["1"] * 24), "|".join(["0.85", "1.0", ".5"] * 8), "|".join(["10"] * 24))):
        tables = {
            "road_nodes": "node_id,lat,lon\nA,60.0,25.0\nB,60.1,25.0\n",
            "road_edges": f"from_node,to_node,metres,hour_factors\nA,B,10,{factors}\n",
        }
        assert not load_world(tea_shop(tmp_path / str(n), {**TABLES, **tables})).quarantine


def test_every_cause_of_the_solver_has_its_words():
    assert set(CAUSES) == set(get_args(Cause))
