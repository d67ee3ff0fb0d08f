"""A held order is no stop until somebody releases it; then it is shipped, and known to be honest from then on."""

import datetime

import pandas as pd
import pytest

import run_plan
from optimizer.filters.stage import screen_world
from optimizer.life import about_line, whole, with_promises
from optimizer.plan.ledger import Ledger, LedgerError, ledger_beside
from run_plan import Exit
from tests.filters.test_holds import fraud_shop

PLACES = "location_id,name,lat,lon\nS2,Main street,60,25\n"
VEHICLES = "vehicle_id,depot_id,capacity_kg,capacity_l,shift_start,shift_end,cost_per_km\nV,S2,100,100,08:00,18:00,1\n"
DELIVERIES = (
    "delivery_id,order_id,depot_id,service_date,lat,lon,weight_kg,volume_l,state\n"
    "D0,f0,S2,2024-04-08,60.01,25,1,1,new\nD1,f1,S2,2024-04-08,60.02,25,1,1,new\nD2,w3,S2,2024-04-08,60.03,25,1,1,new\n"
)


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("released")
    world = fraud_shop(folder / "shop", deliveries=DELIVERIES, vehicles=VEHICLES, locations=PLACES)
    assert plan(folder, "one") == 0
    return folder, world


def plan(folder, name):
    call = ["route", str(folder / "shop"), "--out", str(folder / "plans" / name)]
    return run_plan.run(call)


def stops(folder, name):
    return set(pd.read_csv(folder / "plans" / name / "routes.csv")["stop_id"].dropna())


def test_a_held_order_becomes_a_stop_when_it_is_released(planned):
    folder, world = planned
    holds = pd.read_csv(folder / "plans" / "one" / "order_holds.csv").set_index("order_id")
    assert holds["customer_id"].to_dict() == {"f0": "new0", "f1": "new1"}
    assert {"D0", "D1"} & stops(folder, "one") == set() and "D2" in stops(folder, "one")
    assert run_plan.run(["release", str(folder / "plans" / "one"), "f1", "--reason", "called them"]) == 0
    assert plan(folder, "two") == 0
    assert "D1" in stops(folder, "two") and "D0" not in stops(folder, "two")
    # The label holds on, and on the days before it nothing was known.
    after, before = (world.replace(plan_date=world.plan_date + datetime.timedelta(days=n)) for n in (1, -1))
    labels = with_promises(after, folder / "plans").frame("fraud_labels")
    assert labels[["order_id", "is_fraud"]].values.tolist() == [["f1", False]]
    assert with_promises(before, folder / "plans").table("fraud_labels").num_rows == 0
    assert "f1" not in screen_world(with_promises(world, folder / "plans")).held_orders
    # Undone, it waits again.
    assert run_plan.run(["undo", str(folder / "plans" / "one"), "1", "--reason", "mistaken"]) == 0
    assert "f1" in screen_world(with_promises(world, folder / "plans")).held_orders


def test_what_is_not_held_cannot_be_released(planned):
    plan_folder = planned[0] / "plans" / "one"
    event = whole(plan_folder, "release", "anna", "because")
    with pytest.raises(LedgerError, match="order_holds too"):
        about_line(plan_folder, event, "w3", None)
    with pytest.raises(LedgerError, match="no line of its day"):
        about_line(plan_folder, whole(plan_folder, "lock", "anna", "because"), "f0", None)
    assert run_plan.run(["release", str(plan_folder), "w3", "--reason", "x"]) == Exit.USAGE
    assert all(e.line_id != "w3" for e in Ledger(ledger_beside(plan_folder)).events())
