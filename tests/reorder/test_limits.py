"""Rules that lines share, each on the small company: it binds, the plan keeps it, the checker sees it broken."""

import datetime
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from reorder_cases import reorder_problem
from small_company import PLAIN, POLICY, company, evidence, planned, today

from optimizer.plan.check_limits import check_limits
from optimizer.plan.check_orders import check_dates, check_quantities
from optimizer.plan.ids import purchase_line_id
from optimizer.reorder.columns import enumerate_columns
from optimizer.reorder.decide import decide
from optimizer.reorder.supply import Supply

MONEY = "period_start,scope,scope_id,component,amount\n2024-04-15,{},purchase,{}\n"
NO_MOVES = pd.DataFrame(
    columns=["line_id", "item_id", "from_location", "to_location", "quantity", "ship_on", "due_on", "status"]
)
LIMITS = {
    "a budget of the category": {"budgets": MONEY.format("category,fruit", 24)},
    "a budget of the place": {"budgets": MONEY.format("location,A", 9)},
    "a budget of the supplier": {"budgets": MONEY.format("supplier,Sup", 30)},
    "the storage of a store": {"locations": PLAIN["locations"].replace("A,store,", "A,store,14")},
    "the storage of the dc": {
        "locations": PLAIN["locations"].replace("DC,dc,", "DC,dc,16"),
        "stock": PLAIN["stock"].replace("tea,DC,40", "tea,DC,20"),
    },
    "litres on trucks": {"suppliers": "supplier_id,order_days,truck_l,max_trucks\nSup,Mon|Thu,10,2\n"},
    "kilograms on trucks": {"suppliers": "supplier_id,order_days,truck_kg,max_trucks\nSup,Mon|Thu,4,2\n"},
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_binds_and_is_kept(tmp_path, name):
    tables = LIMITS[name]
    base = {key: value for key, value in tables.items() if key == "stock"}
    free = planned(company(tmp_path / "free", **base))
    world = company(tmp_path / "tied", **tables)
    tied = planned(world)
    assert list(check_limits(evidence(world, free)))
    assert not list(check_limits(evidence(world, tied)))
    assert tied.proof["objective"] > free.proof["objective"]
    assert tied.proof["bound"] <= tied.proof["objective"]
    texts = " ".join(tied.tables["explanations"]["text"])
    kind = "budget" if "budget" in name else "storage" if "storage" in name else "trucks"
    assert f"The {kind} of" in texts
    assert any(name.startswith(kind) for name in tied.proof["prices"]["capacity"])


def test_a_budget_for_all_holds_whatever_it_is_called(tmp_path):
    plain, named = (company(tmp_path / name, budgets=MONEY.format(f"all,{name}", 12)) for name in ("", "spring"))
    assert today(planned(plain)) == today(planned(named))
    assert sum(today(planned(named)).values()) == 4
    assert not list(check_limits(evidence(named, planned(named))))
    assert list(check_limits(evidence(named, planned(company(tmp_path / "free")))))


def test_a_full_store_gets_nothing(tmp_path):
    world = company(tmp_path, locations=PLAIN["locations"].replace("A,store,", "A,store,0"))
    result = planned(world)
    orders = {**today(result), **today(result, "transfers")}
    assert not any(place == "A" for _, place in orders)
    assert ("fig", "B") in orders


def test_trucks_are_paid_and_filled(tmp_path):
    # A truck takes 20 litres and costs 6; what is wanted on top of full trucks is left, or fills one more to 90 %.
    suppliers = "supplier_id,order_days,truck_l,truck_cost,truck_min_fill\nSup,Mon|Thu,20,6,0.9\n"
    free, world = planned(company(tmp_path / "free")), company(tmp_path / "tied", suppliers=suppliers)
    tied = planned(world)
    assert list(check_limits(evidence(world, free)))
    assert not list(check_limits(evidence(world, tied)))
    litres = {"tea": 1, "fig": 2}
    loaded = sum(litres[item] * quantity for (item, _), quantity in today(tied).items())
    trucks = -(-loaded // 20)
    assert loaded >= 0.9 * 20 * trucks > 0
    costs = tied.tables["costs"]
    assert costs.loc[costs["component"] == "truck", "amount"].tolist() == [600 * trucks]
    assert tied.proof["objective"] > free.proof["objective"] + 6


def test_orders_are_whole_layers_from_a_layer_on(tmp_path):
    layers = "item_id,location_id,source_id,source_kind,lead_time_days,pack_size,layer_size,pallet_size\n"
    rows = "tea,B,Sup,supplier,2,1,4,\nfig,A,Sup,supplier,2,1,2,5\ntea,A,Sup,supplier,2,1,,\nfig,B,Sup,supplier,2,1,,\n"
    world = company(tmp_path, sources=layers + rows)
    quantities = today(planned(world))
    # A pallet of 5 is two and a half layers of 2 and counts as 4. Without them 9 tea would go to B and 6 figs to A.
    assert (quantities["tea", "B"], quantities["fig", "A"]) == (12, 8)
    ordered = planned(world).tables["purchase_orders"].assign(quantity=7.0)
    found = check_quantities(
        evidence(world, SimpleNamespace(tables={"purchase_orders": ordered, "transfers": NO_MOVES}))
    )
    assert {"no multiple of the layer", "no multiple of the pallet"} <= {
        word for one in found for word in ("no multiple of the layer", "no multiple of the pallet") if word in str(one)
    }


SHELF = (
    "item_id,location_id,status,presentation_min,shelf_capacity\ntea,A,active,{0},\ntea,B,active,,\nfig,A,active,,{1}\n"
)
SHELF += "fig,B,active,,\ntea,DC,active,,\n"


def test_a_shelf_takes_no_more_than_it_holds(tmp_path):
    # Nothing is left of the figs when two days of lead are over, so that 4 fit.
    free, tied = planned(company(tmp_path / "free")), company(tmp_path / "tied", assortment=SHELF.format("", 4))
    assert today(free)["fig", "A"] > 4
    assert any("on a shelf for 4" in str(one) for one in check_limits(evidence(tied, free)))
    result = planned(tied)
    assert today(result)["fig", "A"] == 4
    assert not list(check_limits(evidence(tied, result)))


def test_a_worked_shelf():
    # Two paths want 2 or 4 a day for three days, lead 0, ordered once; a step lost costs 4, one left a day costs 1.
    #   order 6: 2 + 0 a day: left 4, 2, 0 = 6; 4 a day: left 2, lost 2, lost 4 = 2 + 24 = 26; mean 16
    #   order 8: left 6, 4, 2 = 12; left 4, 0, lost 4 = 4 + 16 = 20; mean 16
    #   order 4: left 2, 0, lost 2 = 2 + 8 = 10; left 0, lost 4, 4 = 32; mean 21
    # With room for 5 on the shelf only 4 of the packs of 2 fit.
    demand = np.repeat([[2], [4]], 3, axis=1)
    once = [[True, False, False]]
    problem = reorder_problem(demand, lead_periods=0, pack=2, can_order=once, life_periods=0)
    columns = enumerate_columns(problem)
    cost = dict(zip(columns.quantity.tolist(), columns.cost.tolist(), strict=True))
    assert {quantity: cost[quantity] for quantity in (4, 6, 8)} == pytest.approx({4: 21.0, 6: 16.0, 8: 16.0})
    shelf = Supply.plain((1, 2, 3), most_today=np.array([5.0]))
    plan = decide(replace(problem, supply=shelf)).required()
    assert (plan.quantity.tolist(), plan.cost.tolist()) == ([4], [21.0])


BARRED = {
    "the least order in whole packs is 12, the most is 11": {
        "sources": "item_id,location_id,source_id,lead_time_days,pack_size,moq,max_quantity\nfig,A,Sup,2,4,9,11\n"
    },
    "the least order in whole packs is 1, 0 fit on the shelf": {"assortment": SHELF.format("", 0)},
    "only what is left is to be sold": {
        "assortment": SHELF.format("", "").replace("fig,A,active", "fig,A,run_out"),
    },
    "it could not be there by its last day of sale, 2024-04-16": {
        "items": PLAIN["items"].replace("shelf_life_days", "discontinued_on").replace("2,1,\n", "2,1,2024-04-16\n")
    },
    "its source delivers none of it": {
        "sources": "item_id,location_id,source_id,lead_time_days,max_quantity\nfig,A,Sup,2,0\n"
    },
    "it comes with 3 days of life, the place accepts no less than 4": {
        "sources": "item_id,location_id,source_id,lead_time_days,life_on_receipt_days\nfig,A,Sup,2,3\n",
        "assortment": "item_id,location_id,status,min_life_days\nfig,A,active,4\n",
    },
}


@pytest.mark.parametrize("words", BARRED)
def test_what_may_not_be_ordered_at_all_is_told_why(tmp_path, words):
    result = planned(company(tmp_path, **BARRED[words]))
    assert ("fig", "A") not in today(result)
    texts = result.tables["explanations"].set_index("line_id")["text"]
    name = purchase_line_id("fig", "A", "Sup", datetime.date(2024, 4, 15))
    assert texts[name] == f"nothing is ordered: {words}"


def test_what_must_be_seen_is_ordered_on_top(tmp_path):
    # 5 tea must stand on the shelf of A: the one that is there is not sold, 4 more are wanted.
    free = planned(company(tmp_path / "free", assortment=SHELF.format("", "")))
    shown = planned(company(tmp_path / "shown", assortment=SHELF.format(5, "")))
    assert today(shown, "transfers")["tea", "A"] >= today(free, "transfers")["tea", "A"] + 4


def test_nothing_is_ordered_for_days_after_the_last_of_sale(tmp_path):
    # Figs come on the 17th, their last day: one day of 1 to 3 is worth ordering for, not three.
    items = PLAIN["items"].replace("shelf_life_days", "discontinued_on").replace("2,1,\n", "2,1,2024-04-17\n")
    free, ended = planned(company(tmp_path / "free")), planned(company(tmp_path / "ended", items=items))
    assert today(free)["fig", "A"] > 3 >= today(ended)["fig", "A"] > 0


def test_an_order_comes_when_the_calendar_says(tmp_path):
    # Three days of lead make it the 18th; the calendar names the 20th, on which nobody receives: the 21st.
    calendar = "source_id,location_id,date,can_order,can_receive,cutoff_time,delivery_on\n"
    calendar += "Sup,DC,2024-04-15,true,true,11:00,2024-04-20\nSup,DC,2024-04-20,true,false,,\n"
    stock = PLAIN["stock"].replace("tea,DC,40", "tea,DC,0")
    result = planned(company(tmp_path, supplier_calendar=calendar, stock=stock))
    orders = result.tables["purchase_orders"]
    proposed = orders[(orders["location_id"] == "DC") & (orders["status"] == "proposed")]
    assert [str(day) for day in proposed["due_on"]] == ["2024-04-21"]
    closing = [row for row in result.exceptions if row.kind == "closes"]
    assert len(closing) == 1
    assert closing[0].text.startswith("Sup closes 11:00: 1 lines for DC, ")
    assert closing[0].money == proposed["amount"].sum()


WEEKLY = {
    "sources": PLAIN["sources"].replace("supplier,3", "supplier,7").replace("dc,1", "dc,7").replace(",2,\n", ",7,\n"),
    "sales": "date,item_id,location_id,units\n2024-04-08,tea,A,1\n2024-04-08,tea,B,1\n2024-04-08,fig,A,1\n",
}


def test_in_weeks_an_order_comes_in_the_week_the_calendar_says(tmp_path):
    # Fig orders come in a week, on the 22nd. The calendar names Thursday the 2nd for A, a day of the week of April 29;
    # B does not receive on the Wednesday of its week, which puts it off to the next.
    calendar = "source_id,location_id,date,can_receive,delivery_on\n"
    calendar += "Sup,A,2024-04-15,true,2024-05-02\nSup,B,2024-04-24,false,\n"
    world = company(tmp_path, POLICY + 'period = "week"\n', supplier_calendar=calendar, **WEEKLY)
    result = planned(world)
    orders = result.tables["purchase_orders"]
    proposed = orders[(orders["item_id"] == "fig") & (orders["status"] == "proposed")]
    assert dict(zip(proposed["location_id"], map(str, proposed["due_on"]), strict=True)) == {
        "A": "2024-04-29",
        "B": "2024-04-29",
    }
    assert not list(check_dates(evidence(world, result)))


def test_what_is_ordered_this_week_leaves_less_for_its_category(tmp_path):
    # 24 for fruit, of which an open order of this week, 4 figs at 3, has used 12: 4 figs are left.
    orders = "order_id,item_id,location_id,source_id,quantity,due_on,ordered_on\no,fig,B,Sup,4,2024-04-19,2024-04-16\n"
    plan_date = "plan_date = 2024-04-18\nshortage_cost = 4\nholding_cost = 0.01\n"
    tables = {"budgets": MONEY.format("category,fruit", 24), "open_orders": orders}
    world = company(tmp_path, plan_date, **tables)
    result = planned(world)
    assert sum(quantity for (item, _), quantity in today(result).items() if item == "fig") == 4
    assert not list(check_limits(evidence(world, result)))
