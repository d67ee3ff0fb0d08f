"""Each stop is explained: what it adds, what the next best vehicle would take, which window binds."""

import json

import pandas as pd
import pytest

import run_plan
from tests.folders import tea_shop
from tests.routing.test_routes_of_the_day import DAY, DELIVERIES, TABLES, routed, transfers

# V2 costs 60 to use, V1 40; .1 degree is 14.455 km at .50 and 24:47 minutes at 20 an hour, there and back 32.64.
VEHICLES = TABLES["vehicles"] + "V2,D1,500,500,06:00,18:00,60,0.5,20\n"
STOPS = f"{DELIVERIES}\nP1,O1,D1,60.1,25.0,{DAY},4,6,5,900\nP2,O2,D1,60.2,25.0,{DAY},4,6,5,900\n"
# There and back again from a tenth of a degree, and five minutes at the door.
WAY, DOOR = 14.455 + 2 * 1487 / 3600 * 20, 5 / 60 * 20


def told(routes):
    table, words = routes.tables["routes"], routes.tables["explanations"].set_index("line_id")
    stops = table[table["kind"] != "depot"].set_index("stop_id")["line_id"]
    return {stop: (words.loc[line, "text"], json.loads(words.loc[line, "numbers"])) for stop, line in stops.items()}


def test_a_stop_says_what_it_adds_and_what_the_next_best_vehicle_would(tmp_path):
    _, routes = routed(tmp_path, transfers(), deliveries=STOPS, vehicles=VEHICLES)
    text, numbers = told(routes)["P2"]
    # Without P2 the route turns back at P1; V2 would go all the way on its own.
    assert numbers["added"] / 100 == pytest.approx(WAY + DOOR, abs=0.03)
    assert (numbers["vehicle"], numbers["next_best"]) == ("V1", "V2")
    assert numbers["next_best_adds"] / 100 == pytest.approx(60 + 2 * WAY + DOOR, abs=0.03)
    assert "the next best is V2, where it would add" in text
    # P1 lies on the way.
    assert told(routes)["P1"][1]["added"] / 100 == pytest.approx(DOOR, abs=0.03)


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [("06:00", "06:56", "it closes"), ("07:30", "09:00", "binds: "), ("06:00", "17:00", "stays open for")],
)
def test_the_window_that_binds_is_named(start, end, words, tmp_path):
    windows = f"delivery_id,window_start,window_end\nP2,{DAY}T{start},{DAY}T{end}\n"
    tables = {"deliveries": STOPS, "delivery_windows": windows, "vehicles": VEHICLES}
    _, routes = routed(tmp_path, transfers(), **tables)
    text = told(routes)["P2"][0]
    assert words in text and f"{start}–{end}" in text


def test_a_stop_is_explained_by_its_name_on_the_command_line(tmp_path, capsys):
    shop = tea_shop(tmp_path / "shop", {**TABLES, "vehicles": VEHICLES, "deliveries": STOPS})
    assert run_plan.run(["route", str(shop), "--work", "20", "--out", str(tmp_path / "plan"), "--workers", "1"]) == 0
    capsys.readouterr()
    assert run_plan.run(["explain", str(tmp_path / "plan"), "P2"]) == 0
    assert "the next best is V2" in " ".join(capsys.readouterr().out.split())
    assert run_plan.run(["explain", str(tmp_path / "plan"), "P7"]) == run_plan.Exit.USAGE


def test_every_stop_of_a_whole_plan_is_explained(planned):
    routes, words = (pd.read_csv(planned / name) for name in ("routes.csv", "explanations.csv"))
    stops = routes[~routes["kind"].isin(["depot", "break"])]
    assert set(stops["line_id"]) <= set(words["line_id"])
