"""From tables to price changes and back, on a company small enough to work by hand."""

import dataclasses
import datetime
import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from forecasting.paths import DemandPaths
from forecasting.prices import PriceResponse
from optimizer.markdown.stage import clearance_horizon, plan_prices
from optimizer.plan.check_prices import (
    check_markdown_budget,
    check_price_labels,
    check_price_lines,
    check_price_locks,
    check_price_rules,
)
from optimizer.plan.exceptions import exception_table
from scenarios.assortment import listed_pairs
from scenarios.load import load_world
from tests.folders import write_tables

DAY = datetime.date(2024, 4, 15)  # a Monday
CENT = 0.005
CHECKS = (check_price_lines, check_price_rules, check_price_locks, check_price_labels, check_markdown_budget)
TABLES = {
    "items": "item_id,category,price_group,list_price,salvage_value,unit_cost\n"
    "coat,wear,long,12,1,6\nhat,wear,,12,1,6\ntea,food,,3,0,1\n",
    "locations": "location_id,kind\nDC,dc\nA,store\nB,store\n",
    "sales": "date,item_id,location_id,units,price\n2024-04-14,coat,A,1,10\n2024-04-14,tea,A,1,3\n"
    "2024-04-14,hat,B,1,\n",
    "stock": "item_id,location_id,on_hand\ncoat,DC,9\ncoat,A,60\ncoat,B,0\nhat,A,60\nhat,B,60\ntea,A,50\n",
    "prices": "item_id,location_id,valid_from,price,regular_price\n"
    "coat,A,2024-01-01,10,10\nhat,A,2024-01-01,12,12\nhat,A,2024-03-04,10,12\nhat,B,2024-01-01,10,10\n",
    "price_ladders": "ladder_id,rung,share_of_regular,price\nlow,1,0.8,\nlow,2,0.5,\nfix,1,,7\nfix,2,,4\n",
    "markdown_rules": "scope,scope_id,ladder_id,exit_on\nitem,coat,low,2024-04-28\n",
}
PERIODS = 14


def world_of(folder, policy="", **changed):
    found = load_world(write_tables(folder, {**TABLES, **changed}, f"plan_date = {DAY}\n{policy}"))
    assert not found.quarantine, [str(f) for f in found.quarantine]
    return found


def demand_of(world, periods=PERIODS, elasticity=-2.0):
    """One unit a day for sure, an elasticity known for sure."""
    pairs = listed_pairs(world)
    ids = [pairs[name].to_numpy(object) for name in ("item_id", "location_id")]
    steps = np.ones((len(pairs), 4, periods), np.int16)
    dates = world.periods.dates(world.plan_date, periods)
    paths = DemandPaths(steps, *ids, np.ones(len(pairs)), dates, np.full(4, 0.25), 1)
    none = np.zeros(len(pairs))
    response = PriceResponse(*ids, none + elasticity, none, np.full(len(pairs), "test", object), none.astype(np.int64))
    return pairs, paths, response


def planned(world, **others):
    return plan_prices(world, *demand_of(world, **others))


def changes_of(result):
    table = result.tables["price_changes"]
    return {(row.item_id, row.location_id): (row.old_price, row.new_price) for row in table.itertuples()}


def violations(world, result, **damage):
    tables = {
        "price_changes": result.tables["price_changes"],
        "explanations": result.tables["explanations"],
        "exceptions": exception_table(result.exceptions),
        **damage,
    }
    evidence = SimpleNamespace(world=world, frame=lambda name: tables[name].copy())
    return [str(violation) for check in CHECKS for violation in check(evidence)]


def test_a_coat_that_must_go_falls_to_the_price_that_brings_most(tmp_path):
    # 60 coats, 14 days. At 10: 14 x 10 + 46 left at 1 = 186. At 5 demand is (5 / 10)^-2 = 4 a day: 56 x 5 + 4 = 284.
    # At 8 it is 1.5625 a day: about 22 x 8 + 38 = 213. A week at 8 or 10 first is no better than 249.
    world = world_of(tmp_path)
    result = planned(world)
    assert changes_of(result) == {("coat", "A"): (10.0, 5.0)}
    assert result.proof["objective"] == pytest.approx(-284.0)
    assert result.proof["bound"] == pytest.approx(-284.0)
    numbers = json.loads(result.tables["explanations"]["numbers"].iloc[0])
    assert (numbers["sold"], numbers["left"], numbers["sold_at_todays_price"]) == (56.0, 4.0, 14.0)
    # Each week 28 are sold 5 below the regular price.
    assert numbers["markdown_by_week"] == [140.0, 140.0]
    assert result.tables["explanations"]["money"].tolist() == [9800]
    assert result.tables["costs"][["component", "nature", "amount"]].to_numpy().tolist() == [
        ["markdown", "expected", 28000]
    ]
    assert violations(world, result) == []


def test_the_prices_to_order_at_are_the_decided_ones_and_the_reference_elsewhere(tmp_path):
    world = world_of(tmp_path)
    pairs, paths, response = demand_of(world)
    result = plan_prices(world, pairs, paths, response)
    row = {key: n for n, key in enumerate(zip(pairs["item_id"], pairs["location_id"], strict=True))}
    assert (result.prices[row["coat", "A"]] == 5.0).all()
    assert (result.prices[row["tea", "A"]] == 3.0).all()
    assert (result.prices[row["hat", "A"]] == 10.0).all()


def test_steps_counts_days_and_no_touch_come_from_the_rule(tmp_path):
    def rule(columns, values):
        return {"markdown_rules": f"scope,scope_id,ladder_id,exit_on,{columns}\nitem,coat,low,2024-04-28,{values}\n"}

    # At most two fifths at once: 8 today, 5 = 8 x (1 - .375) in the second week.
    world = world_of(tmp_path / "most", **rule("max_step", "0.4"))
    result = planned(world)
    assert changes_of(result) == {("coat", "A"): (10.0, 8.0)}
    assert json.loads(result.tables["explanations"]["numbers"].iloc[0])["changes"] == [
        ["2024-04-15", 8.0],
        ["2024-04-22", 5.0],
    ]
    assert violations(world, result) == []
    # One change only: 8 for good.
    world = world_of(tmp_path / "one", **rule("max_step,max_changes", "0.4,1"))
    assert changes_of(planned(world)) == {("coat", "A"): (10.0, 8.0)}
    # At least a third at once: 8 is no step.
    world = world_of(tmp_path / "least", **rule("min_step", "0.33"))
    assert changes_of(planned(world)) == {("coat", "A"): (10.0, 5.0)}
    # Not before the second week: nothing today, the fall is planned and explained.
    world = world_of(tmp_path / "later", **rule("no_touch_until", "2024-04-20"))
    result = planned(world)
    assert changes_of(result) == {}
    assert json.loads(result.tables["explanations"]["numbers"].iloc[0])["changes"] == [["2024-04-22", 5.0]]
    # The prices of the second week are the planned ones.
    assert sorted(set(result.prices[result.prices[:, 13] == 5.0][0])) == [5.0, 10.0]


def test_earlier_markdowns_count_and_days_since_the_last_one_too(tmp_path):
    # Since its regular 12 of January the hat at A fell once, on 4 March, six weeks ago.
    def rule(columns, values):
        return {"markdown_rules": f"scope,scope_id,ladder_id,exit_on,{columns}\nitem,hat,low,2024-04-28,{values}\n"}

    world = world_of(tmp_path / "one", **rule("max_changes", "1"))
    assert set(changes_of(planned(world))) == {("hat", "B")}
    world = world_of(tmp_path / "two", **rule("max_changes", "2"))
    # The ladder is of the regular price: 6 of 12 at A, 5 of 10 at B.
    assert changes_of(planned(world)) == {("hat", "A"): (10.0, 6.0), ("hat", "B"): (10.0, 5.0)}
    world = world_of(tmp_path / "days", **rule("min_days_between", "45"))
    # The 42 days since are too few, a week later 49 are enough.
    result = planned(world)
    assert set(changes_of(result)) == {("hat", "B")}
    later = [json.loads(text)["changes"][0][0] for text in result.tables["explanations"]["numbers"]]
    assert sorted(later) == ["2024-04-15", "2024-04-22"]


def test_the_rule_nearest_to_the_item_wins(tmp_path):
    rules = (
        "scope,scope_id,ladder_id,exit_on\nall,,low,2024-04-28\ncategory,wear,fix,2024-04-28\n"
        "group,long,low,2024-04-28\n"
    )
    world = world_of(tmp_path, markdown_rules=rules)
    changes = changes_of(planned(world, elasticity=-4.0))
    # The group's ladder for the coat, the category's for the hats, the one for all for tea.
    assert changes["coat", "A"][1] in (8.0, 5.0)
    assert changes["hat", "B"][1] in (7.0, 4.0)
    assert changes["tea", "A"][1] in (2.4, 1.5)


def test_an_assortment_that_runs_out_is_cleared_without_an_exit_date_and_active_goods_are_left_alone(tmp_path):
    rules = {"markdown_rules": "scope,scope_id,ladder_id\nall,,low\n"}
    listed = "item_id,location_id,status\ncoat,A,run_out\nhat,A,active\ntea,A,active\n"
    result = planned(world_of(tmp_path, assortment=listed, **rules))
    assert set(changes_of(result)) <= {("coat", "A")}
    assert result.proof["lines"] == 1
    assert any("no exit date" in row.text for row in result.exceptions)


def test_labels_go_to_the_item_that_gains_most_and_those_of_this_week_are_used_up(tmp_path):
    # Coat and hat at A gain by falling; with one label the hat, whose 60 sell at 6 of 12, may not both.
    rules = "scope,scope_id,ladder_id,exit_on\nitem,coat,low,2024-04-28\nitem,hat,low,2024-04-28\n"
    labels = "location_id,week,labels\nA,2024-04-15,{}\nA,2024-04-22,0\nB,2024-04-15,0\nB,2024-04-22,0\n"
    world = world_of(tmp_path / "one", markdown_rules=rules, label_capacity=labels.format(1))
    result = planned(world)
    # Coat: 284 against 186. Hat: (6 / 10)^-2 = 2.78 a day, about 39 x 6 + 21 = 255 against 186.
    assert changes_of(result) == {("coat", "A"): (10.0, 5.0)}
    assert result.proof["prices"]["label"] > 0
    assert any("labels" in row.text for row in result.exceptions)
    assert violations(world, result) == []
    world = world_of(tmp_path / "two", markdown_rules=rules, label_capacity=labels.format(2))
    assert set(changes_of(planned(world))) == {("coat", "A"), ("hat", "A")}
    # On Wednesday one of the two labels was used on Monday.
    prices = TABLES["prices"] + "hat,A,2024-04-15,8,12\n"
    world = world_of(tmp_path / "used", markdown_rules=rules, label_capacity=labels.format(1), prices=prices)
    assert changes_of(planned(world.replace(plan_date=DAY + datetime.timedelta(days=2)))) == {}


def test_the_markdown_budget_of_the_week_is_kept(tmp_path):
    # At 5 the week spends 140, at 8 about 22: a budget of 100 allows 8 only.
    budgets = "period_start,scope,component,amount\n2024-04-15,all,markdown,100\n2024-04-22,all,markdown,100\n"
    world = world_of(tmp_path, budgets=budgets)
    result = planned(world)
    assert changes_of(result) == {("coat", "A"): (10.0, 8.0)}
    assert violations(world, result) == []
    told = {"markdown_by_week": [150.0], "item_id": "coat", "location_id": "A"}
    dear = result.tables["explanations"].assign(numbers=json.dumps(told))
    assert any("markdown budget" in text for text in violations(world, result, explanations=dear))


def test_budgets_of_a_place_and_of_a_category_bind_beside_that_of_the_company(tmp_path):
    # Coats spend 140 a week at 5 and 22 at 8, hats 39 at 6 of 10. Places and categories pay for what is theirs alone.
    rules = "scope,scope_id,ladder_id,exit_on\nitem,coat,low,2024-04-28\nitem,hat,low,2024-04-28\n"
    head = "period_start,scope,scope_id,component,amount\n"
    free = planned(world_of(tmp_path / "free", markdown_rules=rules))
    assert changes_of(free) == {("coat", "A"): (10, 5), ("hat", "A"): (10, 6), ("hat", "B"): (10, 5)}
    for scope, name in (("location", "B"), ("location", "A"), ("category", "wear")):
        rows = head + "".join(
            f"{day},{scope},{name},markdown,30\n{day},all,,markdown,9000\n" for day in ("2024-04-15", "2024-04-22")
        )
        world = world_of(tmp_path / name / scope, markdown_rules=rules, budgets=rows)
        result = planned(world)
        assert violations(world, result) == []
        moved = changes_of(result)
        assert moved != changes_of(free)
        # The other place goes on as before.
        if scope == "location":
            other = {"A": "B", "B": "A"}[name]
            assert {k: v for k, v in moved.items() if k[1] == other} == {
                k: v for k, v in changes_of(free).items() if k[1] == other
            }
        what = f"the markdown budget of {'place' if scope == 'location' else scope} {name}"
        assert any(what in text for text in result.tables["explanations"]["text"])
        assert max(json.loads(text)["budget_price"] for text in result.tables["explanations"]["numbers"]) > 0
        # A plan made without that budget is found to break it.
        assert any(what.removeprefix("the ") in text for text in violations(world, free))


def test_budgets_of_one_week_add_up_and_one_that_names_nobody_is_told(tmp_path):
    # 140 a week at 5: 100 and 60 allow it, 60 and 60 do not.
    rows = "period_start,scope,scope_id,component,amount\n" + "".join(
        f"{day},all,one,markdown,{{}}\n{day},all,two,markdown,60\n{day},location,,markdown,0\n"
        for day in ("2024-04-15", "2024-04-22")
    )
    for first, price in ((100, 5.0), (60, 8.0)):
        world = world_of(tmp_path / str(first), budgets=rows.format(first, first))
        result = planned(world)
        assert changes_of(result) == {("coat", "A"): (10.0, price)}
        assert violations(world, result) == []
        assert any("2 markdown budgets are not used" in row.text for row in result.exceptions)


def test_a_category_budget_that_todays_prices_overspend_is_told_and_a_suppliers_is_not_used(tmp_path):
    rows = "period_start,scope,scope_id,component,amount\n2024-04-15,category,wear,markdown,1\n"
    rule = "scope,scope_id,ladder_id,exit_on\nitem,hat,low,2024-04-28\n"
    world = world_of(tmp_path, budgets=rows + "2024-04-15,supplier,s,markdown,1\n", markdown_rules=rule)
    result = planned(world)
    # The hat at A stands at 10 of 12 already.
    assert any(
        "the markdown budget of category wear" in row.text and "cannot be kept" in row.text for row in result.exceptions
    )
    assert any("1 markdown budgets are not used" in row.text for row in result.exceptions)
    assert violations(world, result) == []


def test_a_locked_price_stands_whatever_the_rules(tmp_path):
    def lock(price):
        return {"locks": f"target,item_id,location_id,field,value\nprice_changes,coat,A,new_price,{price}\n"}

    world = world_of(tmp_path / "low", **lock(7.5))
    result = planned(world)
    assert changes_of(result) == {("coat", "A"): (10.0, 7.5)}
    assert result.tables["price_changes"]["reason"].tolist() == ["locked by the planner"]
    assert violations(world, result) == []
    moved = result.tables["price_changes"].assign(new_price=7.0)
    assert any("is locked at 7.5" in text for text in violations(world, result, price_changes=moved))
    # A lock at today's price keeps it today, a higher one does, too, and is reported.
    world = world_of(tmp_path / "same", **lock(10))
    assert changes_of(planned(world)) == {}
    result = planned(world_of(tmp_path / "high", **lock(11)))
    assert changes_of(result) == {}
    assert any("no rises" in row.text for row in result.exceptions)


def test_a_world_without_the_tables_says_which_are_missing(tmp_path):
    world = world_of(tmp_path, markdown_rules="scope,scope_id,ladder_id\n")
    result = planned(world)
    assert result.tables["price_changes"].empty
    assert (result.proof, len(result.tables["explanations"]), len(result.tables["costs"])) == ({}, 0, 0)
    assert "markdown_rules" in result.exceptions[0].text
    assert clearance_horizon(world, listed_pairs(world)) == 0


def test_past_the_forecast_its_last_week_is_repeated(tmp_path):
    world = world_of(tmp_path)
    assert clearance_horizon(world, listed_pairs(world)) == 14
    long, short = planned(world), planned(world, periods=10)
    assert short.proof["objective"] == pytest.approx(long.proof["objective"])
    assert any("repeated" in row.text for row in short.exceptions)
    assert short.prices.shape[1] == 10


def test_a_clearance_that_is_over_and_one_without_stock_change_nothing(tmp_path):
    over = planned(world_of(tmp_path / "over", markdown_rules=TABLES["markdown_rules"].replace("04-28", "04-14")))
    assert over.tables["price_changes"].empty
    assert any("passed their exit" in row.text for row in over.exceptions)
    empty = planned(world_of(tmp_path / "empty", stock=TABLES["stock"].replace("coat,A,60", "coat,A,0")))
    assert empty.tables["price_changes"].empty


def test_a_rule_with_a_ladder_nobody_knows_leaves_the_price_and_says_so(tmp_path):
    result = planned(world_of(tmp_path, markdown_rules=TABLES["markdown_rules"].replace(",low,", ",steep,")))
    assert result.tables["price_changes"].empty
    assert any("steep" in row.text for row in result.exceptions)


def test_weeks_are_planned_as_weeks(tmp_path):
    world = world_of(tmp_path, 'period = "week"\n', sales=TABLES["sales"].replace("2024-04-14", "2024-04-08"))
    result = planned(world, periods=2)
    # One a week at 10, four at 5: 8 x 5 + 52 = 92 against 20 + 58 = 78.
    assert changes_of(result) == {("coat", "A"): (10.0, 5.0)}
    assert result.proof["objective"] == pytest.approx(-92.0)


def test_the_order_of_rows_and_all_other_pairs_change_nothing(tmp_path):
    rules = "scope,scope_id,ladder_id,exit_on\nitem,coat,low,2024-04-28\nitem,hat,low,2024-04-28\n"
    world = world_of(tmp_path, markdown_rules=rules)
    pairs, paths, response = demand_of(world)
    plain = plan_prices(world, pairs, paths, response)
    turned = np.arange(len(pairs))[::-1]
    ids = {"item_id": paths.item_id[turned], "location_id": paths.location_id[turned]}
    other = plan_prices(
        world,
        pairs.iloc[turned].reset_index(drop=True),
        dataclasses.replace(paths, steps=paths.steps[turned], **ids),
        response.rows(turned),
    )
    by_line = [result.tables["price_changes"].sort_values("line_id", ignore_index=True) for result in (plain, other)]
    pd.testing.assert_frame_equal(*by_line)
    with pytest.raises(ValueError, match="response are not in the order"):
        plan_prices(world, pairs, paths, response.rows(turned))


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("new_price", 7.0, "no rung"),
        ("new_price", 12.0, "not below"),
        ("old_price", 11.0, "10 is in force"),
        ("valid_from", DAY + datetime.timedelta(days=7), "plan date is"),
        ("line_id", "x", "does not carry the id"),
        ("item_id", "tea", "no markdown rule"),
        ("location_id", "B", "no stock"),
    ],
)
def test_the_check_finds_what_cannot_be(tmp_path, column, value, words):
    world = world_of(tmp_path)
    result = planned(world)
    damaged = result.tables["price_changes"].assign(**{column: value})
    assert any(words in text for text in violations(world, result, price_changes=damaged))


def test_the_check_finds_broken_rules_labels_and_missing_words(tmp_path):
    result = planned(world_of(tmp_path / "plain"))

    def told(name, **changed):
        return violations(world_of(tmp_path / name, **changed), result)

    def rule(columns, values):
        return {"markdown_rules": f"scope,scope_id,ladder_id,exit_on,{columns}\nitem,coat,low,2024-04-28,{values}\n"}

    assert any("largest step" in text for text in told("a", **rule("max_step", "0.4")))
    assert any("least step" in text for text in told("b", **rule("min_step", "0.6")))
    assert any("must not change before" in text for text in told("c", **rule("no_touch_until", "2024-04-16")))
    assert any("is change 1 of at most 0" in text for text in told("d", **rule("max_changes", "0")))
    prices = TABLES["prices"] + "coat,A,2024-04-01,9,10\n"
    assert any("14 days after" in text for text in told("e", prices=prices, **rule("min_days_between", "21")))
    assert any("labels" in text for text in told("f", label_capacity="location_id,week,labels\nA,2024-04-15,0\n"))
    over = TABLES["markdown_rules"].replace("04-28", "04-14")
    assert any("clearance ended" in text for text in told("g", markdown_rules=over))
    world = world_of(tmp_path / "h")
    assert any(
        "not explained" in text for text in violations(world, result, explanations=result.tables["explanations"][:0])
    )
    twice = pd.concat([result.tables["price_changes"]] * 2)
    assert any("a second time" in text for text in violations(world, result, price_changes=twice))
