"""The price of today and the regular price are read alike by the plan and by its check, which share no code."""

import datetime

import numpy as np
import pandas as pd
import pytest

from forecasting.price_tables import reference_prices, regular_prices
from optimizer.plan.check_prices import price_facts, price_in_force
from scenarios.load import load_world
from tests.folders import write_tables
from tests.markdown.test_price_tables import DAY, TABLES, changes_of, planned, violations, world_of
from tests.markdown.test_price_ties import all_violations, tied_world

ITEMS = "coat,wear,,,,10,6\nhat,wear,,,,10,6\n"
HEAD = "item_id,location_id,valid_from,price,regular_price\n"


def random_tables(seed):
    """Prices, promotions, list and paid prices around the plan date, each with holes."""
    random = np.random.default_rng(seed)

    def day(low, high):
        return DAY + datetime.timedelta(days=int(random.integers(low, high)))

    def maybe(value, chance=0.7):
        return f"{value:g}" if random.random() < chance else ""

    def price():
        return round(float(random.uniform(2, 12)), 2)

    days = sorted({day(-40, 60) for _ in range(random.integers(0, 5))})
    prices = HEAD + "".join(f"coat,A,{d},{maybe(price())},{maybe(price())}\n" for d in days)
    head = "promotion_id,item_id,location_id,from_date,to_date,discount\n"
    runs = [(n, day(-30, 20), int(random.integers(0, 20))) for n in range(random.integers(0, 3))]
    promotions = head + "".join(
        f"P{n},coat,A,{d},{d + datetime.timedelta(days=length)},{maybe(0.25)}\n" for n, d, length in runs
    )
    items = f"item_id,category,list_price,unit_cost\ncoat,wear,{maybe(price())},1\n"
    sales = f"date,item_id,location_id,units,price\n2024-04-14,coat,A,1,{maybe(price(), 0.5)}\n"
    return {"items": items, "prices": prices, "promotions": promotions, "sales": sales,
            "stock": "item_id,location_id,on_hand\ncoat,A,60\n"}  # fmt: skip


@pytest.mark.parametrize("period", ["day", "week"])
@pytest.mark.parametrize("seed", range(60))
def test_plan_and_check_read_the_same_prices(tmp_path, seed, period):
    policy = f'plan_date = {DAY}\nperiod = "{period}"\n'
    tables = {"locations": "location_id,kind\nA,store\n", **random_tables(seed)}
    world = load_world(write_tables(tmp_path, tables, policy))
    ids = np.array(["coat"], object), np.array(["A"], object)
    dates = world.periods.dates(world.plan_date, 3)
    asked = reference_prices(world, *ids, dates)[0, 0]
    facts = price_facts(world, pd.DataFrame({"item_id": ids[0], "location_id": ids[1]}))
    checked = price_in_force(facts, ("coat", "A"), DAY)
    assert np.isnan(asked) if checked is None else asked == pytest.approx(checked, abs=1e-6)
    if checked is not None:
        regular = np.fmax(regular_prices(world, *ids, dates)[0, 0], asked)
        assert regular == pytest.approx(facts.regular(("coat", "A"), checked), abs=1e-6)


def test_a_price_not_yet_begun_gives_way_to_what_was_paid(tmp_path):
    world = tied_world(tmp_path, ITEMS)
    (tmp_path / "prices.csv").write_text(HEAD + "coat,A,2024-07-01,6,6\nhat,A,2024-04-20,6,10\n")
    world = load_world(tmp_path)
    result = planned(world)
    # Coats were sold at 10; of hats the list price is known.
    assert changes_of(result)["coat", "A"] == (10.0, 5.0)
    assert all_violations(world, result) == []


def test_a_promotion_without_a_regular_price_takes_its_share_off_what_is_asked(tmp_path):
    world = tied_world(tmp_path, "coat,wear,,,,,6\nhat,wear,,,,,6\n")
    (tmp_path / "prices.csv").write_text(HEAD + "coat,A,2024-01-01,10,\nhat,A,2024-01-01,10,10\n")
    promotions = "promotion_id,item_id,location_id,from_date,to_date,discount\nP,coat,A,2024-04-10,2024-04-16,0.2\n"
    (tmp_path / "promotions.csv").write_text(promotions)
    world = load_world(tmp_path)
    result = planned(world)
    assert changes_of(result)["coat", "A"] == (8.0, 5.0)
    assert all_violations(world, result) == []


def test_an_empty_price_is_no_change(tmp_path):
    prices = HEAD + "coat,A,2024-01-01,10,10\ncoat,A,2024-04-09,,10\nhat,A,2024-01-01,10,10\n"
    world = tied_world(tmp_path, ITEMS, "max_changes,min_days_between=1,14")
    (tmp_path / "prices.csv").write_text(prices)
    world = load_world(tmp_path)
    result = planned(world)
    assert changes_of(result) == {("coat", "A"): (10.0, 5.0)}
    assert all_violations(world, result) == []


def test_packs_are_compared_with_all_larger_ones_even_beside_a_dear_middle(tmp_path):
    # Per content: 10, 15 and 9. A coat at 8 would be cheaper than the box at 9 per content, whatever the hat costs.
    items = "coat,wear,,socks,1,10,6\nhat,wear,,socks,2,30,6\nbox,wear,,socks,4,36,6\n"
    world = tied_world(tmp_path, items)
    (tmp_path / "prices.csv").write_text(
        HEAD + "coat,A,2024-01-01,10,10\nhat,A,2024-01-01,30,30\nbox,A,2024-01-01,36,36\n"
    )
    (tmp_path / "stock.csv").write_text("item_id,location_id,on_hand\ncoat,A,60\nhat,A,4\nbox,A,1\n")
    (tmp_path / "price_ladders.csv").write_text("ladder_id,rung,price\nlow,1,8\n")
    world = load_world(tmp_path)
    result = planned(world)
    assert all_violations(world, result) == []
    prices = changes_of(result)
    assert ("coat", "A") not in prices or prices["box", "A"][1] <= 32.0


def test_a_pack_that_is_priced_but_not_listed_is_no_yardstick(tmp_path):
    items = "coat,wear,,socks,1,10,6\nhat,wear,,,,10,6\nbox,wear,,socks,4,36,6\n"
    listed = "item_id,location_id,status\ncoat,A,run_out\nhat,A,run_out\n"
    world = tied_world(tmp_path, items, assortment=listed)
    (tmp_path / "prices.csv").write_text(
        HEAD + "coat,A,2024-01-01,10,10\nhat,A,2024-01-01,10,10\nbox,A,2024-01-01,36,36\n"
    )
    world = load_world(tmp_path)
    result = planned(world)
    assert changes_of(result)["coat", "A"] == (10.0, 5.0)
    assert all_violations(world, result) == []


def test_a_group_without_a_common_price_says_so(tmp_path):
    tied_world(tmp_path, "coat,wear,out,,,10,6\nhat,wear,out,,,12,6\n")
    (tmp_path / "prices.csv").write_text(HEAD + "coat,A,2024-01-01,10,10\nhat,A,2024-01-01,12,12\n")
    (tmp_path / "price_ladders.csv").write_text("ladder_id,rung,share_of_regular\nlow,1,0.8\nlow,2,0.5\n")
    result = planned(load_world(tmp_path))
    assert changes_of(result) == {}
    assert result.tables["explanations"]["text"].str.contains("its price group leaves no common price below it").all()


def test_prices_are_told_with_the_decimal_places_of_their_currency(tmp_path):
    world = world_of(tmp_path, 'currency = "JPY"\n')
    texts = planned(world).tables["explanations"]["text"]
    assert texts.str.contains("falls from 10 to 5 JPY today").any()
    assert not texts.str.contains(r"\d\.00").any()


def test_a_ladder_of_two_hundred_prices_is_a_ladder(tmp_path):
    rows = "".join(f"low,{n},{10 - n * 0.04:.2f}\n" for n in range(1, 201))
    world = world_of(
        tmp_path,
        price_ladders="ladder_id,rung,price\n" + rows,
        markdown_rules="scope,scope_id,ladder_id,exit_on,max_changes\nitem,coat,low,2024-04-28,1\n",
    )
    result = planned(world)
    # Four a day at 5, and 60 / 14 at the price that sells all: (10 / p)^2 = 60 / 14.
    price = changes_of(result)["coat", "A"][1]
    assert 4.0 < price < 5.5
    assert violations(world, result) == []


@pytest.mark.parametrize("regular", [13.97, 13.98, 13.99, 14.0])
def test_endings_at_half_a_cent_are_read_alike(tmp_path, regular):
    world = tied_world(tmp_path, ITEMS, "ending=0.99")
    (tmp_path / "prices.csv").write_text(HEAD + f"coat,A,2024-01-01,{regular},{regular}\nhat,A,2024-01-01,10,10\n")
    (tmp_path / "price_ladders.csv").write_text("ladder_id,rung,share_of_regular\nlow,1,0.5\n")
    world = load_world(tmp_path)
    result = planned(world)
    assert ("coat", "A") in changes_of(result)
    assert all_violations(world, result) == []


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("label_capacity", "location_id,week,labels\nA,2024-04-17,0\n"),
        ("budgets", "period_start,scope,component,amount\n2024-04-17,all,markdown,5\n"),
    ],
)
def test_a_week_that_begins_on_no_monday_is_set_aside_with_its_row(tmp_path, name, rows):
    world = load_world(write_tables(tmp_path, {**TABLES, name: rows}, f"plan_date = {DAY}\n"))
    faults = [str(fault) for fault in world.quarantine]
    assert len(faults) == 1 and name in faults[0] and "Monday" in faults[0]
