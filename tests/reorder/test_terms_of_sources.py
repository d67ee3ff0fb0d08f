"""Life on receipt, uncertain lead times, minima in foreign money or without weights, locks that name nothing."""

import datetime

import numpy as np
import pytest
from small_company import PLAIN, POLICY, company, evidence, planned, today

from optimizer.plan.check_figures import check_receipts
from optimizer.plan.check_orders import check_joint_rules, check_quantities
from optimizer.plan.check_reasons import check_reasons
from optimizer.reorder.position import position
from optimizer.reorder.supplying import supply_of
from optimizer.reorder.terms import terms
from scenarios.assortment import listed_pairs
from scenarios.sourcing import price_tiers

ONE = "item_id,location_id,source_id,lead_time_days,{}\nfig,A,Sup,2,{}\nfig,B,Sup,2,\n"
LOTS = (
    "item_id,location_id,source_id,lead_time_days,life_on_receipt_days,order_cost\nfig,A,Sup,2,{},20\nfig,B,Sup,2,,20\n"
)
OPEN = "order_id,line,item_id,location_id,source_id,quantity,due_on,expires_on\nO1,1,fig,A,Sup,5,{},{}\n"


def supply(world, paths=400):
    pairs = listed_pairs(world)
    lines = terms(world, pairs, 10).lines
    rows = np.arange(len(lines))
    prices = price_tiers(world, lines), np.zeros(len(lines))
    return supply_of(world, lines, prices, (position(world, pairs, 10), rows), (paths, 10)), lines


def told(result):
    return [row.text for row in result.exceptions]


def test_goods_that_come_old_are_ordered_in_smaller_lots(tmp_path):
    # 1 to 3 a day and 20 an order: a lot for weeks where it keeps, for at most eight days where it does not.
    keeps, ends = (company(tmp_path / f"{days}", sources=LOTS.format(days)) for days in ("", 8))
    free, result = planned(keeps), planned(ends)
    assert min(today(free)["fig", place] for place in "AB") > 30
    assert 8 <= today(result)["fig", "A"] <= 8 * 3
    assert today(result)["fig", "B"] == today(free)["fig", "B"]
    assert not list(check_quantities(evidence(ends, result)))


def test_an_order_that_its_place_would_refuse_is_found(tmp_path):
    free = company(tmp_path / "free", sources=ONE.format("life_on_receipt_days", 3))
    strict = company(
        tmp_path / "strict",
        sources=ONE.format("life_on_receipt_days", 3),
        assortment="item_id,location_id,status,min_life_days\nfig,A,active,4\nfig,B,active,\n",
    )
    result = planned(free)
    assert ("fig", "A") in today(result) and ("fig", "A") not in today(planned(strict))
    texts = [violation.text for violation in check_quantities(evidence(strict, result))]
    assert texts and all("accepts no less than 4" in text for text in texts)


@pytest.mark.parametrize(
    ("due", "expires", "least", "words"),
    [
        ("2024-04-10", "2024-04-14", "", "can no longer be sold"),
        ("2024-04-17", "2024-04-18", 3, "less life left than the place accepts"),
        ("2024-04-10", "2024-04-15", "", None),
        ("2024-04-17", "2024-04-18", 2, None),
    ],
)
def test_an_open_order_that_cannot_be_sold_brings_nothing(tmp_path, due, expires, least, words):
    listed = f"item_id,location_id,status,min_life_days\nfig,A,active,{least}\n"
    world = company(tmp_path, open_orders=OPEN.format(due, expires), assortment=listed)
    result = planned(world)
    table = result.tables["projection"].query("item_id == 'fig' and location_id == 'A'")
    own = result.tables["purchase_orders"].query("location_id == 'A'")["quantity"].sum()
    assert table["receipts"].sum() == pytest.approx(own + (5 if words is None else 0))
    assert not list(check_receipts(evidence(world, result)))
    assert any("is not counted" in text for text in told(result)) == (words is not None)
    assert words is None or any(words in text for text in told(result))
    # The same plan against an order that counts otherwise is not true.
    other = company(tmp_path / "other", open_orders=OPEN.format(due, expires if words else due), assortment=listed)
    assert bool(list(check_receipts(evidence(other, result)))) == (words is None)


def test_a_source_that_only_says_how_uncertain_it_is_comes_late_as_often(tmp_path):
    found, lines = supply(company(tmp_path, sources=ONE.format("lead_time_sd", 2)))
    late = found.delay[np.flatnonzero(lines["location_id"] == "A")[0]]
    assert not found.delay[np.flatnonzero(lines["location_id"] == "B")[0]].any()
    # Half of N(0, 2 days), in whole days: mean 2 / sqrt(2 pi) = .80, on time or early with .5 + .0987 = .60.
    assert late.mean() == pytest.approx(2 / np.sqrt(2 * np.pi), abs=0.02)
    assert (late == 0).mean() == pytest.approx(0.5987, abs=0.01)


def test_a_minimum_in_foreign_money_is_changed_into_the_companys(tmp_path):
    rates = "date,currency,rate\n2024-04-01,USD,0.5\n"
    asked = "supplier_id,order_days,min_order_value,currency\nSup,Mon|Thu,{},{}\n"
    home = company(tmp_path / "home", suppliers=asked.format(60, ""))
    abroad = company(tmp_path / "abroad", suppliers=asked.format(120, "USD"), exchange_rates=rates)
    assert today(planned(abroad)) == today(planned(home))
    less = company(tmp_path / "less", suppliers=asked.format(60, "USD"), exchange_rates=rates)
    assert sum(today(planned(less)).values()) < sum(today(planned(home)).values())
    assert list(check_joint_rules(evidence(home, planned(less))))
    assert not list(check_joint_rules(evidence(less, planned(less))))
    unknown = company(tmp_path / "unknown", suppliers=asked.format(120, "USD"))
    assert "min_order_value of Sup is not applied: no exchange rate is known for its currency" in told(planned(unknown))


def test_a_minimum_by_weight_without_weights_is_not_applied_and_said(tmp_path):
    items = PLAIN["items"].replace("2,1,0.5,", "2,1,,").replace("3,2,1,", "3,2,,")
    suppliers = "supplier_id,order_days,min_order_kg\nSup,Mon|Thu,500\n"
    world = company(tmp_path, items=items, suppliers=suppliers)
    result = planned(world)
    assert today(result) == today(planned(company(tmp_path / "free", items=items)))
    assert "min_order_kg of Sup is not applied: none of what it delivers has weight_kg in items" in told(result)
    assert not list(check_joint_rules(evidence(world, result)))


def test_open_orders_of_foreign_goods_take_what_they_are_worth_here_from_the_budget(tmp_path):
    policy = POLICY.replace("2024-04-15", "2024-04-18")
    items = "item_id,category,unit_cost,currency\ntea,dry,2,\nfig,fruit,6,USD\n"
    given = "item_id,location_id,source_id,lead_time_days\nfig,A,Sup,2\nfig,B,Sup,2\n"
    placed = "order_id,item_id,location_id,source_id,quantity,ordered_on,due_on\nO,fig,B,Sup,4,2024-04-16,2024-04-20\n"
    budgets = "period_start,scope,scope_id,component,amount\n2024-04-15,all,,purchase,36\n"
    rates = "date,currency,rate\n2024-04-01,USD,0.5\n"
    tables = {"sources": given, "open_orders": placed, "budgets": budgets, "exchange_rates": rates}
    world = company(tmp_path, policy, items=items, **tables)
    result = planned(world)
    # Of 36 EUR the order of 4 for 24 USD takes 12; each of today's costs 3.
    assert sum(today(result).values()) == 8
    assert not list(check_joint_rules(evidence(world, result)))


@pytest.mark.parametrize("room", ["truck_l", "truck_kg"])
def test_a_least_fill_of_trucks_that_nothing_fills_is_not_applied_and_said(tmp_path, room):
    items = PLAIN["items"].replace("2,1,0.5,", "2,,,").replace("3,2,1,", "3,,,")
    suppliers = f"supplier_id,order_days,{room},truck_min_fill,truck_cost,max_trucks\nSup,Mon|Thu,100,0.5,10,1\n"
    world = company(tmp_path, items=items, suppliers=suppliers)
    result = planned(world)
    assert today(result) == today(planned(company(tmp_path / "free", items=items)))
    assert any(text.startswith("truck_min_fill of Sup is not applied: none of what") for text in told(result))
    assert not list(check_joint_rules(evidence(world, result)))


def test_a_lock_on_a_source_that_does_not_deliver_is_said_with_its_name(tmp_path):
    locks = "target,item_id,location_id,source_id,field,value\npurchase_orders,fig,A,Nobody,quantity,4\n"
    result = planned(company(tmp_path, locks=locks))
    assert "4 of fig at A from Nobody are locked in purchase_orders, where it is no line" in told(result)


def test_a_lock_that_names_no_line_is_said(tmp_path):
    head = "target,line_id,item_id,location_id,field,value\n"
    locks = f"{head}purchase_orders,ffff,,,quantity,4\npurchase_orders,,fig,,quantity,4\n"
    result = planned(company(tmp_path, locks=locks))
    assert any("names line ffff, which is no line of today" in text for text in told(result))
    assert any("names no line, and not item and place" in text for text in told(result))


def test_an_item_listed_until_before_it_could_come_is_not_ordered_and_said(tmp_path):
    listed = "item_id,location_id,status,listed_to\nfig,A,active,2024-04-16\nfig,B,active,\n"
    world = company(tmp_path, assortment=listed)
    result, free = planned(world), planned(company(tmp_path / "free"))
    assert ("fig", "A") not in today(result)
    assert any("it could not be there by its last day of sale" in t for t in result.tables["explanations"]["text"])
    texts = [violation.text for violation in check_quantities(evidence(world, free))]
    assert any("it is sold until 2024-04-16" in text for text in texts)


def test_the_numbers_behind_lines_hold_and_a_changed_forecast_is_seen(tmp_path):
    world = company(tmp_path, assortment="item_id,location_id,status\nfig,A,active\nfig,B,active\n")
    result = planned(world)
    assert not list(check_reasons(evidence(world, result)))
    table = result.tables["projection"]
    result.tables["projection"] = table.assign(
        demand_mean=table["demand_mean"] + (table["date"] == datetime.date(2024, 4, 17))
    )
    assert len(list(check_reasons(evidence(world, result)))) == 2
