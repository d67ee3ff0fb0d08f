"""Rules that lines share, each on the small company: it binds, the plan keeps it, the checker sees it broken."""

import pytest
from small_company import PLAIN, company, evidence, planned, today

from optimizer.plan.check_limits import check_limits

MONEY = "period_start,scope,scope_id,component,amount\n2024-04-15,{},purchase,{}\n"
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


def test_what_is_ordered_this_week_leaves_less_for_its_category(tmp_path):
    # 24 for fruit, of which an open order of this week, 4 figs at 3, has used 12: 4 figs are left.
    orders = "order_id,item_id,location_id,source_id,quantity,due_on,ordered_on\no,fig,B,Sup,4,2024-04-19,2024-04-16\n"
    plan_date = "plan_date = 2024-04-18\nshortage_cost = 4\nholding_cost = 0.01\n"
    tables = {"budgets": MONEY.format("category,fruit", 24), "open_orders": orders}
    world = company(tmp_path, plan_date, **tables)
    result = planned(world)
    assert sum(quantity for (item, _), quantity in today(result).items() if item == "fig") == 4
    assert not list(check_limits(evidence(world, result)))
