"""Locked prices beside price groups, bands, packs, labels and targets: kept or told, and accepted by the check."""

import pytest

from scenarios.load import load_world
from tests.folders import write_tables
from tests.markdown.test_price_tables import DAY, TABLES, changes_of, planned
from tests.markdown.test_price_ties import all_violations, tied_world

GROUP = "coat,wear,out,,,10,6\nhat,wear,out,,,10,6\n"
LOCKS = "target,item_id,location_id,field,value,at\n"


def lock(item, price, place="A"):
    return f"price_changes,{item},{place},new_price,{price},2024-04-14T10:00:00\n"


def texts_of(result):
    return [row.text for row in result.exceptions]


def test_a_lock_that_moves_its_group_past_a_competitor_band_is_the_planners(tmp_path):
    seen = "date,item_id,competitor,price\n2024-04-10,coat,them,10\n2024-04-10,hat,them,10\n"
    world = tied_world(tmp_path, GROUP, "competitor_band=0.1", competitor_prices=seen, locks=LOCKS + lock("hat", 5))
    result = planned(world)
    assert changes_of(result) == {("coat", "A"): (10.0, 5.0), ("hat", "A"): (10.0, 5.0)}
    assert all_violations(world, result) == []


def test_a_lock_that_moves_its_group_past_the_labels_is_the_planners(tmp_path):
    labels = "location_id,week,labels\nA,2024-04-15,0\n"
    world = tied_world(tmp_path, GROUP, label_capacity=labels, locks=LOCKS + lock("hat", 8))
    result = planned(world)
    assert changes_of(result) == {("coat", "A"): (10.0, 8.0), ("hat", "A"): (10.0, 8.0)}
    assert all_violations(world, result) == []
    freed = tied_world(tmp_path / "free", GROUP, label_capacity=labels)
    assert any("labels" in text for text in all_violations(freed, result))


def test_a_lock_that_moves_its_group_below_a_larger_pack_is_the_planners(tmp_path):
    items = "coat,wear,out,socks,1,10,6\nhat,wear,out,,,10,6\nbox,food,,socks,1.5,10,6\n"
    prices = "item_id,location_id,valid_from,price,regular_price\n" + "".join(
        f"{item},A,2024-01-01,10,10\n" for item in ("coat", "hat", "box")
    )
    world = tied_world(tmp_path, items, locks=LOCKS + lock("hat", 5))
    (tmp_path / "prices.csv").write_text(prices)
    (tmp_path / "stock.csv").write_text("item_id,location_id,on_hand\ncoat,A,60\nhat,A,4\nbox,A,9\n")
    (tmp_path / "markdown_rules.csv").write_text("scope,scope_id,ladder_id,exit_on\ncategory,wear,low,2024-04-28\n")
    world = load_world(tmp_path)
    result = planned(world)
    assert changes_of(result) == {("coat", "A"): (10.0, 5.0), ("hat", "A"): (10.0, 5.0)}
    assert all_violations(world, result) == []


def test_locks_that_clash_leave_the_rest_of_the_group_together(tmp_path):
    items = GROUP + "cap,wear,out,,,10,6\nbag,wear,out,,,10,6\n"
    world = tied_world(tmp_path, items, locks=LOCKS + lock("hat", 8) + lock("coat", 5))
    stock = "item_id,location_id,on_hand\ncoat,A,60\nhat,A,4\ncap,A,60\nbag,A,4\n"
    (tmp_path / "stock.csv").write_text(stock)
    rows = "".join(f"{item},A,2024-01-01,10,10\n" for item in ("coat", "hat", "cap", "bag"))
    (tmp_path / "prices.csv").write_text("item_id,location_id,valid_from,price,regular_price\n" + rows)
    world = load_world(tmp_path)
    result = planned(world)
    assert changes_of(result) == {
        ("coat", "A"): (10.0, 5.0), ("hat", "A"): (10.0, 8.0), ("cap", "A"): (10.0, 5.0), ("bag", "A"): (10.0, 5.0)
    }  # fmt: skip
    assert all_violations(world, result) == []


def test_a_lock_below_one_price_of_the_group_and_above_another_is_kept_for_its_own_line(tmp_path):
    world = tied_world(tmp_path, GROUP, locks=LOCKS + lock("coat", 9))
    prices = "item_id,location_id,valid_from,price,regular_price\ncoat,A,2024-01-01,10,10\nhat,A,2024-01-01,8,10\n"
    (tmp_path / "prices.csv").write_text(prices)
    world = load_world(tmp_path)
    result = planned(world)
    assert changes_of(result)["coat", "A"] == (10.0, 9.0)
    assert any("locks part price group out" in text for text in texts_of(result))
    assert all_violations(world, result) == []


@pytest.mark.parametrize("value", ["0", "cheap", "-3", "nan", ""])
def test_a_lock_that_is_no_price_is_set_aside_with_its_row(tmp_path, value):
    world = load_world(write_tables(tmp_path, {**TABLES, "locks": LOCKS + lock("coat", value)}, f"plan_date = {DAY}\n"))
    assert changes_of(planned(world)) == {("coat", "A"): (10.0, 5.0)}
    faults = [str(fault) for fault in world.quarantine]
    assert len(faults) == 1 and "locks.csv" in faults[0] and "a price above 0" in faults[0]


def test_what_is_said_stays_said_when_nothing_is_left_to_clear(tmp_path):
    world = tied_world(tmp_path, GROUP, "min_stock=100", locks=LOCKS + lock("hat", 8))
    result = planned(world)
    assert changes_of(result) == {}
    assert any("2 clearances have less stock than their rule's min_stock" in text for text in texts_of(result))
    assert any("8 locked for hat at A is not used" in text for text in texts_of(result))


def test_the_gain_of_a_locked_line_is_counted_from_todays_price(tmp_path):
    world = tied_world(tmp_path, "coat,wear,,,,10,6\nhat,wear,,,,10,6\n", locks=LOCKS + lock("coat", 5))
    result = planned(world)
    table = result.tables["explanations"].set_index("line_id")
    line = result.tables["price_changes"].set_index("item_id").loc["coat", "line_id"]
    # 56 at 5 instead of 14 at 10, and nothing for what is left.
    assert table.loc[line, "money"] == (56 * 5 - 14 * 10) * 100
    assert "56.0 are expected to sell by 2024-04-28, 14.0 at today's price" in table.loc[line, "text"]


def test_a_target_missed_by_a_lock_names_the_lock(tmp_path):
    world = tied_world(
        tmp_path,
        "coat,wear,,,,10,6\nhat,wear,,,,10,6\n",
        "sell_through,hardness=0.9,hard",
        locks=LOCKS + lock("coat", 8),
    )
    result = planned(world)
    told = next(text for text in texts_of(result) if "coat at A must sell 54" in text)
    assert "its price is locked; release the lock" in told and "ladder" not in told
