"""A plan made after another one: its frozen days stand, and each change of today has its price, through the files."""

import pandas as pd

import run_plan
from optimizer.plan.check import file_hash
from optimizer.plan.verify import verify_plan
from tests.folders import tea_shop

FIRST, SECOND = "plan_date = 2024-04-08\n", "plan_date = 2024-04-09\n"
SOURCES = "item_id,location_id,source_id,lead_time_days,pack_size\ntea_250,S2,Sup,2,6\nrice_1kg,S2,Sup,2,\n"


def planned(tmp_path, name, policy, previous, tea=9):
    """Plan a day on which the shop has so much tea."""
    folder = tmp_path / name
    stock = f"item_id,location_id,on_hand\ntea_250,S2,{tea}\nrice_1kg,S2,30\n"
    shop = tea_shop(tmp_path / f"{name} tables", {"sources": SOURCES, "stock": stock}, policy + "review_days = 1\n")
    command = ["plan", str(shop), "--out", str(folder), "--previous", str(previous), "--workers", "1"]
    assert run_plan.run(command) == 0
    assert verify_plan(folder) == []
    return folder


def test_the_frozen_days_of_the_plan_before_stand_and_changes_are_priced(tmp_path):
    first = planned(tmp_path, "first", FIRST, "none")
    meant = (
        pd.read_csv(first / "purchase_orders.csv").query("order_on == '2024-04-09'").set_index("item_id")["quantity"]
    )
    frozen = planned(tmp_path, "frozen", SECOND + "frozen_days = 2\n", first)
    orders = pd.read_csv(frozen / "purchase_orders.csv")
    stands = orders[orders["order_on"] == "2024-04-09"].set_index("item_id")["quantity"]
    assert stands.to_dict() == meant.to_dict()
    changes = pd.read_csv(frozen / "order_changes.csv")
    assert changes["frozen"].all()
    assert set(changes["order_on"]) <= {"2024-04-09", "2024-04-10"}
    priced = planned(tmp_path, "priced", SECOND + "change_cost = 0.02\n", first, tea=80)
    changes = pd.read_csv(priced / "order_changes.csv")
    moved = changes["before"] != changes["quantity"]
    assert moved.any()
    assert changes["amount"].tolist() == [0.02 if one else 0.0 for one in moved]
    costs = pd.read_csv(priced / "costs.csv").query("component == 'change'")
    assert costs["amount"].sum() == changes["amount"].sum()


def test_a_price_of_a_change_left_out_is_found(tmp_path):
    first = planned(tmp_path, "first", FIRST, "none")
    priced = planned(tmp_path, "priced", SECOND + "change_cost = 0.01\n", first, tea=80)
    changes = pd.read_csv(priced / "order_changes.csv", dtype=str)
    assert (changes["amount"] == "0.01").any()
    changes.assign(amount="0.00").to_csv(priced / "order_changes.csv", index=False)
    run = (priced / "run.json").read_text()
    name = "order_changes.csv"
    digest = run.split(f'"{name}": "')[1][:64]
    (priced / "run.json").write_text(run.replace(digest, file_hash(priced / name)))
    assert any("should cost 0.01" in str(one) for one in verify_plan(priced))
