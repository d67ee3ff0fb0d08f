"""The buy list, the reasons of lines and of what is no line, and wishes that cannot all be met, from tables."""

import json
import math

import pytest
from small_company import PLAIN, company, planned, today

BUDGET = "period_start,scope,component,amount\n2024-04-15,all,purchase,30\n"
LOCKS = "target,item_id,location_id,field,value\npurchase_orders,fig,A,quantity,{}\npurchase_orders,fig,B,quantity,{}\n"


def numbers_of(result):
    """The numbers of each explained line, and its text."""
    rows = result.tables["explanations"].to_dict("records")
    return {row["line_id"]: (json.loads(row["numbers"]), row["text"]) for row in rows}


def test_the_list_is_cut_at_the_budget_and_ranked_by_saving_for_money(tmp_path):
    result = planned(company(tmp_path, budgets=BUDGET))
    rows = result.tables["buy_list"]
    assert rows["rank"].tolist() == list(range(1, len(rows) + 1))
    assert rows["saving_per_money"].is_monotonic_decreasing
    assert rows["spent"].iloc[-1] == rows.loc[rows["chosen"], "spend"].sum() <= 3000
    bought = rows[rows["chosen"]].groupby(["item_id", "location_id"])["to_quantity"].max()
    assert bought.to_dict() == {key: units for key, units in today(result).items() if units}
    assert not rows["chosen"].all()
    # 3 a fig, 2 a tea: a step costs what its units cost.
    cost = rows["item_id"].map({"fig": 300, "tea": 200})
    assert (rows["spend"] == (rows["to_quantity"] - rows["from_quantity"]) * cost).all()


def test_the_next_thousand_buys_what_the_budget_left(tmp_path):
    result = planned(company(tmp_path, budgets=BUDGET))
    rows = result.tables["buy_list"]
    left = rows[~rows["chosen"] & (rows["saving"] > 0)]
    told = [row for row in result.exceptions if row.kind == "buy_list"]
    assert [row.money for row in told] == [left["saving"].sum()]
    assert f"{len(left)} steps more" in told[0].text
    assert not [row for row in planned(company(tmp_path / "free")).exceptions if row.kind == "buy_list"]


def test_need_and_packs_can_be_recomputed(tmp_path):
    result = planned(company(tmp_path))
    explained = [numbers for numbers, _ in numbers_of(result).values() if numbers]
    assert len(explained) == 5
    for numbers in explained:
        need = max(numbers["order_up_to"] - numbers["position"], 0.0)
        assert numbers["need"] == pytest.approx(need, abs=1e-5)
        packs = math.ceil(max(need, numbers["minimum"]) / numbers["pack"] - 1e-6) if need else 0
        assert numbers["need_in_packs"] == packs * numbers["pack"]
        for side in ("cost_one_pack_less", "cost_one_pack_more"):
            assert numbers[side] is None or numbers[side] >= numbers["cost"] - 1e-6


def test_what_is_no_line_says_why(tmp_path):
    stock = PLAIN["stock"].replace("fig,A,1", "fig,A,90")
    calendar = "source_id,location_id,date,can_order\nSup,B,2024-04-15,false\n"
    texts = [
        text
        for numbers, text in numbers_of(planned(company(tmp_path, stock=stock, supplier_calendar=calendar))).values()
    ]
    assert any("Sup takes no order today, the next on 2024-04-18" in text for text in texts)
    assert any(text.startswith("nothing is ordered: 8") and "the least order would cost" in text for text in texts)


def test_a_budget_of_nothing_says_which_rule_keeps_a_line_away(tmp_path):
    result = planned(company(tmp_path, budgets=BUDGET.replace("30", "0")))
    assert not today(result)
    assert any("the budget keeps" in text for _, text in numbers_of(result).values())


def test_locked_lines_that_pass_a_budget_are_named(tmp_path):
    # 6 and 5 figs at 3 are 33 of 30: it takes both to pass it; 11 and 5 need only the first.
    for units, names in (((6, 5), "fig at A, fig at B"), ((11, 5), "fig at A")):
        world = company(tmp_path / str(units[0]), budgets=BUDGET, locks=LOCKS.format(*units))
        found = [row for row in planned(world).exceptions if row.kind == "conflict"]
        assert len(found) == 1
        assert found[0].text.endswith(f"the fewest that cannot stand together: {names}")
        assert found[0].numbers["passed_by"] == sum(units) * 300 - 3000


def test_locked_lines_below_a_minimum_give_it_way(tmp_path):
    suppliers = "supplier_id,order_days,min_order_units\nSup,Mon|Thu,500\n"
    result = planned(company(tmp_path, suppliers=suppliers, locks=LOCKS.format(2, 0)))
    found = [row for row in result.exceptions if row.kind == "below_minimum"]
    assert [row.subject for row in found] == ["Sup min_order_units"]
    assert found[0].text == "locked lines order 2.00 from Sup, its min_order_units is 500.00"
