"""Promises to segments: whose they are, who keeps their own, and a plan that its check believes."""

import pandas as pd
import pytest

import run_plan
from optimizer.plan.verify import verify_plan
from scenarios.load import load_world
from scenarios.segment_policies import with_segment_policies
from scenarios.tariff import tariff
from tests.folders import tea_shop

SEGMENTS = pd.DataFrame(
    [
        ("item", "tea_250", "A smooth"), ("item", "rice_1kg", "C lumpy"), ("pair", "tea_250/S2", "smooth"),
        ("customer", "anna", "best"), ("customer", "ben", "rare"),
    ],
    columns=["kind", "member_id", "segment"],
)  # fmt: skip
ASSORTMENT = "item_id,location_id,service_level,shortage_cost\ntea_250,S2,{},{}\nrice_1kg,S2,,\n"
DELIVERIES = (
    "delivery_id,depot_id,customer_id,lat,lon,service_date,priority\n"
    "d1,S2,anna,1,1,2024-04-08,\nd2,S2,ben,1,1,2024-04-08,\nd3,S2,anna,1,1,2024-04-08,2\n"
)


def promised(folder, policies, level="", cost="", **tables):
    tables = {"assortment": ASSORTMENT.format(level, cost), "segment_policies": policies, **tables}
    return with_segment_policies(load_world(tea_shop(folder, tables)), SEGMENTS)


def levels(world):
    return world.frame("assortment").set_index("item_id")[["service_level", "shortage_cost"]]


HEAD = "segment,service_level,shortage_cost,delivery_priority\n"


def test_a_pair_gets_what_its_segment_is_promised_before_its_items(tmp_path):
    found = levels(promised(tmp_path, HEAD + "smooth,0.8,,\nA smooth,0.99,,\nC lumpy,,4,\n"))
    assert found.loc["tea_250", "service_level"] == 0.8
    assert found.loc["rice_1kg", "shortage_cost"] == 4
    assert found.isna().to_numpy().sum() == 2


@pytest.mark.parametrize(("level", "cost"), [("0.9", ""), ("", "7")])
def test_a_pair_keeps_its_own(tmp_path, level, cost):
    found = levels(promised(tmp_path, HEAD + "smooth,0.8,3,\n", level, cost)).loc["tea_250"]
    assert (found["service_level"] == 0.9) == bool(level)
    assert (found["shortage_cost"] == 7) == bool(cost)
    assert found.notna().sum() == 1


def test_deliveries_without_a_priority_get_their_customers(tmp_path):
    world = promised(tmp_path, HEAD + "best,,,3\n", deliveries=DELIVERIES)
    assert world.frame("deliveries").set_index("delivery_id")["priority"].to_dict() == {"d1": 3, "d2": 0, "d3": 2}


def test_the_tariff_follows(tmp_path):
    plain = load_world(tea_shop(tmp_path / "plain", {"assortment": ASSORTMENT.format("", "")}))
    world = promised(tmp_path / "more", HEAD + "A smooth,0.999,,\n")
    pairs = world.frame("assortment")[["item_id", "location_id"]]
    dearer = [tariff(one, pairs, pd.Series([5.0, 1.0]).to_numpy()).shortage for one in (plain, world)]
    assert dearer[1][pairs["item_id"] == "tea_250"] > 10 * dearer[0][pairs["item_id"] == "tea_250"]
    assert (dearer[1] == dearer[0])[pairs["item_id"] == "rice_1kg"]


def test_a_plan_orders_by_its_promises_and_its_check_believes_it(tmp_path, capsys):
    ordered = {}
    for name, policies in (("low", "0.5"), ("high", "0.999")):
        tables = {
            "assortment": ASSORTMENT.format("", ""),
            "segment_policies": HEAD + f"A smooth,{policies},,\nsmooth,{policies},,\n",
        }
        tea_shop(tmp_path / name, tables)
        plan = tmp_path / "plans" / name
        call = ["plan", str(tmp_path / name), "--out", str(plan), "--workers", "1", "--paths", "40"]
        assert run_plan.run([*call, "--previous", "none"]) == 0
        assert verify_plan(plan) == []
        lines = pd.read_csv(plan / "purchase_orders.csv").query("status == 'proposed' and item_id == 'tea_250'")
        ordered[name] = lines["quantity"].sum()
    assert ordered["high"] > ordered["low"]
    tea_shop(tmp_path / "seen", {"segment_policies": HEAD + "A smooth,0.9,,\n"})
    assert run_plan.run(["plan", str(tmp_path / "seen"), "--out", str(tmp_path / "plans" / "seen"), "--workers", "1",
                         "--paths", "40", "--previous", "none"]) == 0  # fmt: skip
    told = pd.read_csv(tmp_path / "plans" / "seen" / "exceptions.csv")["text"]
    assert any("segment_policies reach no order line" in text for text in told)
