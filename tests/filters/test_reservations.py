"""Held orders reserve nothing until they are released; what others reserve stays."""

from types import SimpleNamespace

import pandas as pd
import pytest

import run_plan
from optimizer.filters.stage import screen_world
from optimizer.plan.check import free_stock
from optimizer.reorder.position import position
from tests.filters.shop import order, shop

QUEUE = "queue,minutes_per_day,minutes_per_review,cost_per_minute\nweb,{},6,0.5\n"
FRAUD = order("f0", "04-07", "new0", 50, device="dx") + order("f1", "04-07", "new1", 90, device="dx", time="11:00")
DELIVERIES = "delivery_id,order_id,service_date,lat,lon,state\nD0,f0,2024-04-08,60,25,new\nD1,f1,2024-04-08,60,25,new\n"
STOCK = "item_id,location_id,lot,on_hand,reserved,held\ntea_250,S2,a,60,40,0\ntea_250,S2,b,100,60,10\n"


@pytest.mark.parametrize(
    ("minutes", "held", "free"),
    # Both lots reserve 100 in all: nothing held leaves 20 + 30; f1 frees 90 of them, 40 of lot a and 50 of b.
    [(0, set(), [20.0, 30.0]), (6, {"f1"}, [60.0, 80.0]), (12, {"f0", "f1"}, [60.0, 90.0])],
)
def test_held_orders_free_what_they_reserved(tmp_path, minutes, held, free):
    world = shop(
        tmp_path, FRAUD, booked={34: 140}, deliveries=DELIVERIES, review_queues=QUEUE.format(minutes), stock=STOCK
    )
    screened = screen_world(world)
    assert screened.held_orders == held
    pairs = world.frame("stock")[["item_id", "location_id"]].drop_duplicates()
    assert position(screened.world, pairs, 5).usable.tolist() == [sum(free)]
    evidence = SimpleNamespace(world=world, frame=screened.tables.__getitem__)
    assert free_stock(evidence)["units"].tolist() == free
    texts = [row.text for row in screened.exceptions if row.subject == "reserved by held orders"]
    freed = sum(free) - 50
    assert texts == (
        [f"held orders no longer reserve {freed:g} units of 1 pairs, until they are released"] * bool(held)
    )


def test_stock_that_nobody_reserves_stays_as_it_is(tmp_path):
    plain = STOCK.replace("60,40,0", "60,0,0").replace("100,60,10", "100,0,10")
    world = shop(tmp_path, FRAUD, booked={34: 140}, deliveries=DELIVERIES, review_queues=QUEUE.format(12), stock=plain)
    assert screen_world(world).world.table("stock").equals(world.table("stock"))


def test_a_whole_plan_with_freed_stock_passes_its_own_checks(tmp_path):
    tables = {"deliveries": DELIVERIES, "review_queues": QUEUE.format(6), "stock": STOCK}
    shop(tmp_path / "shop", FRAUD, booked={34: 140}, **tables)
    call = ["plan", str(tmp_path / "shop"), "--out", str(tmp_path / "plan"), "--workers", "1", "--paths", "20"]
    assert run_plan.run([*call, "--previous", "none"]) == 0
    opening = pd.read_parquet(tmp_path / "plan" / "projection.parquet").query("item_id == 'tea_250'")["opening"]
    assert opening.iloc[0] == 140
