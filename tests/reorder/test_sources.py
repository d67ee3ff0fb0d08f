"""Several sources of one item at one place: priority, price, date, split; and what stores can spare for each other."""

import datetime

import numpy as np
import pytest
from small_company import PLAIN, company, evidence, planned, today

from optimizer.plan.check_changes import check_changes, check_locks
from optimizer.plan.check_limits import check_limits
from optimizer.plan.check_orders import check_dates, check_joint_rules, check_names, check_prices, check_quantities

CHECKS = (
    check_limits,
    check_locks,
    check_changes,
    check_quantities,
    check_dates,
    check_prices,
    check_joint_rules,
    check_names,
)
HEAD = "item_id,location_id,source_id,source_kind,lead_time_days,pack_size,unit_cost,max_quantity,priority,order_cost\n"
TEA = "tea,DC,Sup,supplier,3,6,,,,\ntea,A,DC,dc,1,2,,,,\ntea,B,DC,dc,1,2,,,,\n"
LANES = "from_location,to_location,lead_time_days,cost_per_litre,fixed_cost,days\n"


def faults(world, result):
    return [str(one) for check in CHECKS for one in check(evidence(world, result))]


def sources(*rows):
    return HEAD + TEA + "".join(f"{row}\n" for row in rows)


def from_whom(result, item, place):
    lines = result.tables["purchase_orders"]
    mine = lines[(lines["status"] == "proposed") & (lines["item_id"] == item) & (lines["location_id"] == place)]
    return dict(zip(mine["source_id"], mine["quantity"], strict=True))


CASES = {
    # The same terms at two prices: a unit at 3.0 pays 1 more than at 2.0.
    "the cheaper": (["fig,A,Dear,supplier,2,,3,,,", "fig,A,Fair,supplier,2,,2,,,"], {"Fair"}),
    # Priority wins over price.
    "the preferred": (["fig,A,Dear,supplier,2,,3,,1,", "fig,A,Fair,supplier,2,,2,,2,"], {"Dear"}),
    # The fast one until the slow one, a cent cheaper, can come.
    "the faster besides": (["fig,A,Fast,supplier,1,,2.01,,,", "fig,A,Slow,supplier,6,,2,,,"], {"Fast", "Slow"}),
    # The preferred one takes no order on Mondays.
    "the open": (["fig,A,Shut,supplier,2,,2,,1,", "fig,A,Open,supplier,2,,2.1,,2,"], {"Open"}),
    # Two at a time from the cheap one; the rest from the dear one, where it is still worth it.
    "both": (["fig,A,Fair,supplier,2,,2,2,1,", "fig,A,Dear,supplier,2,,2.5,,2,"], {"Fair", "Dear"}),
}


@pytest.mark.parametrize("name", CASES)
def test_the_plan_takes(tmp_path, name):
    rows, wanted = CASES[name]
    suppliers = PLAIN["suppliers"] + "Shut,Tue\n"
    world = company(tmp_path, sources=sources(*rows), suppliers=suppliers)
    result = planned(world)
    assert set(from_whom(result, "fig", "A")) == wanted
    assert faults(world, result) == []
    assert result.proof["bound"] <= result.proof["objective"] + 1e-6


def test_a_choice_costs_no_more_than_either_source_alone(tmp_path):
    rows = ["fig,A,Fair,supplier,4,,2,3,,", "fig,A,Fast,supplier,1,,2.2,,,5", "fig,B,Fair,supplier,4,,2,,,"]
    both = planned(company(tmp_path / "both", sources=sources(*rows)))
    least = []
    for name in ("Fair", "Fast"):
        kept = [row for row in rows if name in row or ",B," in row]
        alone = planned(company(tmp_path / name, sources=sources(*kept)))
        # Alone there is no cheaper price: what Fast asks more than Fair is added, for what is ordered today at least.
        extra = 0.2 * today(alone).get(("fig", "A"), 0) if name == "Fast" else 0.0
        least.append(alone.proof["objective"] + extra)
    assert both.proof["objective"] <= least[0] + 1e-6


def test_two_suppliers_with_a_minimum_are_not_both_opened(tmp_path):
    # Each alone would get the figs of one store; together they reach the minimum of either.
    rows = [
        f"fig,{place},{name},supplier,2,,{cost},,,"
        for place, name, cost in (("A", "One", 2), ("A", "Two", 2.05), ("B", "One", 2.05), ("B", "Two", 2))
    ]
    suppliers = "supplier_id,order_days,min_order_units,minimum_scope\nSup,,,\nOne,,{0},total\nTwo,,{0},total\n"
    free = planned(company(tmp_path / "free", sources=sources(*rows), suppliers=suppliers.format("")))
    quantities = today(free)
    assert (set(from_whom(free, "fig", "A")), set(from_whom(free, "fig", "B"))) == ({"One"}, {"Two"})
    least = quantities["fig", "A"] + quantities["fig", "B"] - 1
    world = company(tmp_path, sources=sources(*rows), suppliers=suppliers.format(least))
    result = planned(world)
    names = set(from_whom(result, "fig", "A")) | set(from_whom(result, "fig", "B"))
    assert len(names) == 1
    assert faults(world, result) == []


def test_a_lock_that_names_no_source_holds_for_the_first(tmp_path):
    rows = ["fig,A,Dear,supplier,2,,3,,,", "fig,A,Fair,supplier,2,,2,,,"]
    locks = "target,item_id,location_id,field,value\npurchase_orders,fig,A,quantity,7\n"
    world = company(tmp_path, sources=sources(*rows), locks=locks)
    result = planned(world)
    assert from_whom(result, "fig", "A") == {"Fair": 7}
    assert faults(world, result) == []


def test_a_pair_of_several_sources_is_told_why(tmp_path):
    rows, _ = CASES["both"]
    result = planned(company(tmp_path, sources=sources(*rows), suppliers=PLAIN["suppliers"]))
    words = " ".join(result.tables["explanations"]["text"])
    assert "beside what" in words
    assert "with the sources as chosen among" in result.proof["covers"]


def test_breaks_are_in_the_currency_of_their_source(tmp_path):
    # A pound is 2: figs cost 8, and from 2 on 3 pounds, 6. Taken for 3 of our own the orders would be half as dear.
    rows = ["item_id,location_id,source_id,source_kind,lead_time_days,unit_cost,currency", "fig,A,Sup,supplier,2,4,GBP"]
    tables = {
        "sources": "\n".join(rows) + "\n",
        "exchange_rates": "date,currency,rate\n2024-04-01,GBP,2\n",
        "price_breaks": "supplier_id,item_id,from_quantity,unit_cost,kind\nSup,fig,2,3,all_units\n",
    }
    world = company(tmp_path, **tables)
    result = planned(world)
    assert from_whom(result, "fig", "A")["Sup"] >= 2
    orders = result.tables["purchase_orders"]
    assert (orders.loc[orders["status"] == "proposed", "unit_cost"] == 6).all()
    assert faults(world, result) == []
    orders["unit_cost"] = 3.0
    assert any("its source asks 6" in text for text in faults(world, result))


def spare_company(tmp_path, lanes, stock=60, **more):
    stock = PLAIN["stock"].replace("fig,B,1", f"fig,B,{stock}")
    return company(tmp_path, stock=stock, lanes=LANES + lanes, **more)


def test_a_store_that_has_too_much_gives_before_another_buys(tmp_path):
    world = spare_company(tmp_path, "B,A,1,0,0.01,\n")
    result = planned(world)
    moves = result.tables["transfers"]
    mine = moves[(moves["item_id"] == "fig") & (moves["status"] == "proposed")]
    assert mine[["from_location", "to_location"]].to_numpy().tolist() == [["B", "A"]]
    assert mine["quantity"].iloc[0] > 0
    assert mine["due_on"].tolist() == [datetime.date(2024, 4, 16)]
    assert faults(world, result) == []
    costs = result.tables["costs"]
    assert costs.loc[costs["component"] == "transfer", "amount"].tolist() == [1]
    bought = today(planned(company(tmp_path / "buys", stock=PLAIN["stock"].replace("fig,B,1", "fig,B,60"))))
    assert today(result).get(("fig", "A"), 0) < bought["fig", "A"]
    moves.loc[mine.index, "quantity"] = 61.0
    assert any("1 of it is not there" in text for text in faults(world, result))


@pytest.mark.parametrize(
    ("lanes", "stock"),
    [
        ("B,A,1,9,0,\n", 60),
        ("B,A,1,0,90,\n", 60),
        ("B,A,1,0,0,Tue\n", 60),
        ("B,A,1,0,0,\n", 3),
        ("A,B,1,0,0,\n", 60),
        ("B,A,40,0,0,\n", 60),
    ],
    ids=["dear by litres", "dear by transfers", "not served today", "nothing to spare", "the other way", "too late"],
)
def test_nothing_is_moved_where(tmp_path, lanes, stock):
    world = spare_company(tmp_path, lanes, stock)
    result = planned(world)
    assert ("fig", "A") not in today(result, "transfers")
    assert faults(world, result) == []


@pytest.mark.parametrize(
    "more",
    [
        {"stock": "item_id,location_id,on_hand,expires_on\nfig,A,1,\nfig,B,60,2024-04-20\n"},
        {"sources": "item_id,location_id,source_id,lead_time_days,life_on_receipt_days\nfig,A,Sup,2,\nfig,B,Sup,2,9\n"},
    ],
    ids=["a lot that ends", "a source that brings what ends"],
)
def test_goods_that_expire_stay_where_they_are(tmp_path, more):
    stock = {"stock": PLAIN["stock"].replace("fig,B,1", "fig,B,60")}
    result = planned(company(tmp_path, lanes=LANES + "B,A,1,0,0.01,\n", **{**stock, **more}))
    assert ("fig", "A") not in today(result, "transfers") and ("fig", "A") in today(result)


def test_a_giver_that_would_be_short_is_found(tmp_path):
    world = spare_company(tmp_path, "B,A,1,0,0.01,\n")
    result = planned(world)
    projection = result.tables["projection"]
    row = (projection["item_id"] == "fig") & (projection["location_id"] == "B")
    projection.loc[projection.index[row][0], "lost_mean"] = 0.5
    assert any("is short of 0.5 before it can order" in text for text in faults(world, result))


def test_a_store_keeps_what_any_path_wants_until_its_next_order(tmp_path):
    # Figs at B: two days of lead and three until Thursday's order, at most 3 a day: 15 stay, 2 are to spare.
    world = spare_company(tmp_path, "B,A,1,0,0,\n", 17)
    result = planned(world)
    moved = today(result, "transfers").get(("fig", "A"), 0)
    projection = result.tables["projection"]
    mine = projection[(projection["item_id"] == "fig") & (projection["location_id"] == "B")]
    assert 2 <= moved <= 17 - 5
    assert np.isclose(mine["lost_mean"].iloc[:5].sum(), 0)
    assert faults(world, result) == []


def test_what_one_store_can_spare_is_shared_among_others(tmp_path):
    # C has 17 figs, of which it keeps what it may want until its own order can come; A and B have none.
    places = PLAIN["locations"] + "C,store,\n"
    stock = PLAIN["stock"].replace("fig,A,1", "fig,A,0").replace("fig,B,1", "fig,B,0") + "fig,C,{0}\n"
    rows = ["fig,A,Sup,supplier,2,,,,,", "fig,B,Sup,supplier,2,,,,,", "fig,C,Sup,supplier,2,,,,,"]
    world = company(
        tmp_path,
        locations=places,
        stock=stock.format(17),
        sources=sources(*rows),
        lanes=LANES + "C,A,1,0,0,\nC,B,1,0,0,\n",
    )
    result = planned(world)
    moved = {place: units for (item, place), units in today(result, "transfers").items() if item == "fig"}
    assert moved
    assert faults(world, result) == []
