"""What no vehicle carries goes back to the orders; both agree in what is written."""

import json

import pandas as pd
import pytest

import run_plan
from optimizer.passes import orders_and_routes
from optimizer.plan.verify import verify_plan
from optimizer.reorder.stage import OrdersOfTheDay, Shipping
from optimizer.routing.stage import RoutesOfTheDay
from scenarios.demo import Size, write_demo

VAN_KG = 60.0


def orders_of(quantities, locked=()):
    """Transfers from D to the stores named, one item a store, at what they ask unless the shipping says otherwise."""

    def plan_orders(shipping: Shipping):
        rows = []
        for store, quantity in quantities.items():
            units = shipping.units("tea", "D", store)
            units = quantity if pd.isna(units) or store in locked else units
            if units:
                rows.append(
                    (f"L{store}", "tea", "D", store, units, "proposed", f"asked by {store} {plan_orders.calls}")
                )
        plan_orders.calls += 1
        plan_orders.seen.append(shipping)
        names = ["line_id", "item_id", "from_location", "to_location", "quantity", "status", "reason"]
        moves = pd.DataFrame(rows, columns=names)
        words = pd.DataFrame({"line_id": moves["line_id"], "text": moves["reason"]})
        proof = {"objective": 10.0 - len(rows), "unit": "EUR"}
        lines = frozenset(f"L{store}" for store in locked)
        return OrdersOfTheDay({"transfers": moves, "explanations": words}, {}, proof, [], lines)

    plan_orders.calls, plan_orders.seen = 0, []
    return plan_orders


def routes_with_room_for(count):
    """Routes that serve the first `count` lines; each line is a stop."""

    def plan_routes(moves):
        stops = "D>" + moves["to_location"]
        short = pd.DataFrame({"line_id": moves["line_id"], "stop_id": stops, "cause": "no room"}).iloc[count:]
        tables = {"unserved": short[["stop_id", "cause"]].reset_index(drop=True)}
        return RoutesOfTheDay(tables, None, [], short)

    return plan_routes


def test_one_pass_is_enough_where_everything_fits():
    plan_orders = orders_of({"A": 5, "B": 6})
    agreed = orders_and_routes(plan_orders, routes_with_room_for(2), passes=3)
    assert (plan_orders.calls, agreed.passes, agreed.exceptions) == (1, 1, [])
    assert agreed.orders.proof["transfers_held_back"] == 0


def test_what_does_not_fit_is_held_back_and_orders_are_decided_again():
    # Room for two of three: the third falls away, then everything fits in the second pass.
    plan_orders = orders_of({"A": 5, "B": 6, "C": 7})
    agreed = orders_and_routes(plan_orders, routes_with_room_for(2), passes=3)
    assert agreed.passes == 2
    assert list(agreed.orders.tables["transfers"]["line_id"]) == ["LA", "LB"]
    assert plan_orders.seen[1] == Shipping(held_back=frozenset({("tea", "D", "C")}))
    assert [row.subject for row in agreed.exceptions] == ["shortfall", "shortfall LC"]
    # The model's cost is 10 less the lines: 7 with three, 8 with two.
    assert agreed.exceptions[0].money == 100
    assert agreed.routes.tables["unserved"].empty


def test_after_the_last_pass_the_rest_stays_as_routed_and_keeps_its_reasons():
    plan_orders = orders_of({"A": 5, "B": 6, "C": 7})
    agreed = orders_and_routes(plan_orders, routes_with_room_for(1), passes=1)
    assert plan_orders.seen[-1].carried == {("tea", "D", "A"): 5}
    moves = agreed.orders.tables["transfers"]
    assert moves[["line_id", "quantity", "reason"]].to_numpy().tolist() == [["LA", 5, "asked by A 0"]]
    assert agreed.orders.tables["explanations"]["text"].tolist() == ["asked by A 0"]
    assert agreed.routes.tables["unserved"].empty
    assert agreed.orders.proof["passes"] == 2


def test_a_locked_transfer_stays_though_no_vehicle_brings_it():
    plan_orders = orders_of({"A": 5, "B": 6}, locked=("B",))
    agreed = orders_and_routes(plan_orders, routes_with_room_for(1), passes=2)
    assert agreed.passes == 1
    assert list(agreed.orders.tables["transfers"]["line_id"]) == ["LA", "LB"]
    assert list(agreed.routes.tables["unserved"]["stop_id"]) == ["D>B"]


@pytest.fixture(scope="module")
def tight(tmp_path_factory):
    """The plan of a company whose only vehicle is a small van."""
    folder = tmp_path_factory.mktemp("tight")
    write_demo(folder / "tables", Size(items=15, stores=2, days=150), seed=3)
    # What the planner has locked stays in the plan though nobody brings it.
    (folder / "tables" / "locks.csv").unlink()
    vehicles = pd.read_csv(folder / "tables" / "vehicles.csv")
    vehicles[vehicles["vehicle_id"] == "Van 1"].assign(capacity_kg=VAN_KG).to_csv(
        folder / "tables" / "vehicles.csv", index=False
    )
    plan = ["plan", str(folder / "tables"), "--out", str(folder / "plan"), "--workers", "1", "--previous", "none"]
    assert run_plan.run(plan) == 0
    return folder / "plan"


def test_a_small_van_leaves_goods_at_the_dc_and_the_plan_still_adds_up(tight):
    assert verify_plan(tight) == []
    moves = pd.read_csv(tight / "transfers.csv", dtype={"item_id": str})
    today = moves[moves["status"] == "proposed"]
    weight = pd.read_csv(tight.parent / "tables" / "items.csv", dtype={"item_id": str}).set_index("item_id")
    assert 0 < (today["quantity"] * today["item_id"].map(weight["weight_kg"])).sum() <= VAN_KG
    exceptions = pd.read_csv(tight / "exceptions.csv")
    short = exceptions[exceptions["subject"].str.startswith("shortfall ")]
    proof = json.loads((tight / "certificate.json").read_text())["decisions"]["reorder"]
    assert len(short) == proof["transfers_held_back"] > 0
    left = set(short["subject"].str.removeprefix("shortfall "))
    assert not left & set(moves.loc[moves["status"] == "proposed", "line_id"])
    routed = pd.read_csv(tight / "routes.csv")
    # What one tour cannot carry is split: DC1>S01#2 is the second part.
    stops = routed.loc[routed["kind"] == "transfer", "stop_id"].str.split("#").str[0]
    assert set(stops) == set("DC1>" + today["to_location"])
