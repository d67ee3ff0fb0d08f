"""Lines settled before anything is decided: locked, set by a planner, frozen; and the price of changing a plan."""

import datetime

import pandas as pd
import pytest
from small_company import PLAIN, POLICY, company, evidence, planned, today

from optimizer.plan.check_changes import check_changes, check_locks
from optimizer.plan.check_limits import check_limits
from optimizer.plan.check_orders import check_dates, check_quantities
from optimizer.plan.ids import purchase_line_id
from optimizer.reorder.changes import Before
from optimizer.reorder.stage import Shipping

LOCKS = "target,line_id,item_id,location_id,field,value,at\n"
MONEY = "period_start,scope,scope_id,component,amount\n2024-04-15,{},purchase,{}\n"
CHECKS = (check_limits, check_locks, check_changes, check_quantities, check_dates)
DAY = datetime.date(2024, 4, 15)


def lock(item, place, units, table="purchase_orders", name="", at=""):
    return f"{table},{name},{item},{place},quantity,{units},{at}\n"


def faults(world, result):
    return [str(one) for check in CHECKS for one in check(evidence(world, result))]


OVERDRAWN = {
    "a budget": ({"budgets": MONEY.format("all,", 20)}, lock("fig", "A", 9), "the purchase budget by 7.00"),
    "a budget of a category": (
        {"budgets": MONEY.format("category,fruit", 20)},
        lock("fig", "A", 9),
        "the budget of category fruit by 7.00",
    ),
    "storage": (
        {"locations": PLAIN["locations"].replace("A,store,", "A,store,14")},
        lock("fig", "A", 9),
        "the storage of A on 2024-04-17",
    ),
    "trucks": (
        {"suppliers": "supplier_id,order_days,truck_l,max_trucks\nSup,Mon|Thu,10,1\n"},
        lock("fig", "A", 9),
        "the trucks of Sup by volume by 8.0",
    ),
    "dc stock": ({}, lock("tea", "A", 44, "transfers"), "the dc stock of tea at DC by 4.0"),
    "a shelf": (
        {"assortment": "item_id,location_id,shelf_capacity\nfig,A,4\nfig,B,\ntea,A,\ntea,B,\ntea,DC,\n"},
        lock("fig", "A", 9),
        "9 of fig at A are settled for today, 4 fit on the shelf",
    ),
}


@pytest.mark.parametrize("name", OVERDRAWN)
def test_locked_lines_may_break_a_rule_alone_and_nothing_is_added(tmp_path, name):
    tables, locks, words = OVERDRAWN[name]
    world = company(tmp_path, locks=LOCKS + locks, **tables)
    result = planned(world)
    assert faults(world, result) == []
    assert any(words in row.text for row in result.exceptions if row.kind == "conflict")
    # Without the lock the same quantities break the rule, and so they do with more of what is not locked.
    free = company(tmp_path / "free", **tables)
    assert list(check_limits(evidence(free, result)))


def test_what_a_lock_leaves_of_a_budget_is_planned(tmp_path):
    budget = {"budgets": MONEY.format("category,fruit", 36)}
    world = company(tmp_path, locks=LOCKS + lock("fig", "A", 9), **budget)
    result = planned(world)
    assert faults(world, result) == []
    assert (today(result)["fig", "A"], today(result)["fig", "B"]) == (9, 3)
    more = result.tables["purchase_orders"]
    more.loc[(more["location_id"] == "B") & (more["status"] == "proposed"), "amount"] += 300
    assert any("a budget for category fruit" in text for text in faults(world, result))


def test_a_truck_that_comes_for_a_locked_line_takes_others_for_nothing(tmp_path):
    # A truck takes 40 litres and costs more than any line is worth. With 9 figs, 18 litres, locked, it comes anyway.
    suppliers = "supplier_id,order_days,truck_l,truck_cost\nSup,Mon|Thu,40,900\n"
    assert not today(planned(company(tmp_path / "free", suppliers=suppliers)))
    world = company(tmp_path, suppliers=suppliers, locks=LOCKS + lock("fig", "A", 9))
    result = planned(world)
    assert faults(world, result) == []
    quantities = today(result)
    assert quantities["fig", "B"] > 0
    assert sum({"tea": 1, "fig": 2}[item] * units for (item, _), units in quantities.items()) <= 40
    costs = result.tables["costs"]
    assert costs.loc[costs["component"] == "truck", "amount"].tolist() == [90000]


def test_the_figure_set_last_holds_and_a_line_can_be_named(tmp_path):
    name = purchase_line_id("fig", "B", "Sup", DAY)
    locks = LOCKS + lock("fig", "A", 9, at="2024-04-14T08:00:00") + lock("", "", 5, name=name)
    overrides = LOCKS.replace("\n", ",author,reason\n") + (
        "purchase_orders,,fig,A,quantity,2,2024-04-14T09:00:00,Ann,fair next week\n"
    )
    world = company(tmp_path, locks=locks, overrides=overrides)
    result = planned(world)
    assert (today(result)["fig", "A"], today(result)["fig", "B"]) == (2, 5)
    assert faults(world, result) == []
    orders = result.tables["purchase_orders"]
    orders.loc[(orders["location_id"] == "B") & (orders["status"] == "proposed"), "quantity"] = 6.0
    assert any("is locked at 5, the plan has 6" in text for text in faults(world, result))


def test_a_lock_of_what_is_no_line_is_told(tmp_path):
    world = company(tmp_path, locks=LOCKS + lock("fig", "A", 9, "transfers"))
    result = planned(world)
    assert faults(world, result) == []
    told = [row.text for row in result.exceptions if row.kind == "conflict"]
    assert told == ["9 of fig at A are locked in transfers, where it is no line"]


def plan_before(result, quantity, order_on=DAY):
    """The plan before, which had `quantity` figs for A and nothing else."""
    orders = pd.DataFrame(
        {
            "item_id": ["fig"],
            "location_id": ["A"],
            "source_id": ["Sup"],
            "order_on": [order_on],
            "quantity": [float(quantity)],
        }
    )
    projection = result.tables["projection"]
    forecast = projection[["item_id", "location_id", "date"]]
    return Before.of(
        {"purchase_orders": orders, "transfers": result.tables["transfers"].iloc[:0], "forecast": forecast}
    )


def test_frozen_days_stand_as_in_the_plan_before(tmp_path):
    free = planned(company(tmp_path / "free"))
    world = company(tmp_path, POLICY + "frozen_days = 1\n")
    result = planned(world, shipping=Shipping(before=plan_before(free, 7)))
    assert today(result) == {("fig", "A"): 7}
    assert not today(result, "transfers")
    assert faults(world, result) == []
    words = result.tables["explanations"].set_index("line_id")["text"]
    assert "frozen" in words[purchase_line_id("fig", "A", "Sup", DAY)]
    orders = result.tables["purchase_orders"]
    orders.loc[orders["status"] == "proposed", "quantity"] = 6.0
    assert any("is frozen at 7, the plan has 6" in text for text in faults(world, result))


def test_later_frozen_orders_stand_and_are_reckoned_with(tmp_path):
    # The order of Thursday stands: 40 figs for A.
    free = planned(company(tmp_path / "free"))
    before = plan_before(free, 40, datetime.date(2024, 4, 18))
    world = company(tmp_path, POLICY + "frozen_days = 4\n")
    result = planned(world, shipping=Shipping(before=before))
    assert not today(result)
    later = result.tables["purchase_orders"]
    thursday = later[(later["order_on"] == datetime.date(2024, 4, 18)) & (later["item_id"] == "fig")]
    assert thursday[["location_id", "quantity"]].to_numpy().tolist() == [["A", 40.0]]
    assert faults(world, result) == []


@pytest.mark.parametrize(
    ("price", "kept"), [("change_cost = 100", True), ("change_rate = 9", True), ("change_cost = 0.01", False)]
)
def test_a_change_is_made_where_it_is_worth_its_price(tmp_path, price, kept):
    free = planned(company(tmp_path / "free"))
    wanted = today(free)["fig", "A"]
    world = company(tmp_path, POLICY + price + "\n")
    result = planned(world, shipping=Shipping(before=plan_before(free, wanted - 2)))
    assert today(result)["fig", "A"] == (wanted - 2 if kept else wanted)
    assert today(result).get(("fig", "B"), 0) == (0 if kept else today(free)["fig", "B"])
    assert result.proof["bound"] <= result.proof["objective"] + 1e-6
    assert faults(world, result) == []
    if not kept:
        costs = result.tables["costs"]
        assert costs.loc[
            costs["component"] == "change", ["nature", "amount"]
        ].drop_duplicates().to_numpy().tolist() == [["penalty", 1]]
        words = result.tables["explanations"].set_index("line_id")["text"]
        assert f"The plan before had {wanted - 2:g} for today" in words[purchase_line_id("fig", "A", "Sup", DAY)]
        costs.loc[costs["component"] == "change", "amount"] += 1
        assert any("should cost 0.01" in text for text in faults(world, result))
