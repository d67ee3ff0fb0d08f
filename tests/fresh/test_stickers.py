"""From tables to stickers and back: rules, locks, words, checks, and what orders see of them."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from forecasting.price_tables import reference_prices
from optimizer.fresh.inputs import fresh_pairs
from optimizer.fresh.stage import plan_fresh
from optimizer.plan.check_fresh import check_stickers
from optimizer.plan.check_prices import check_price_lines, check_price_locks, check_price_rules
from optimizer.reorder.stage import plan_orders
from scenarios.load import load_world
from scenarios.schema import declared
from scenarios.world import plain_frame
from tests.folders import write_tables
from tests.markdown.test_price_tables import DAY, changes_of, demand_of, planned

TABLES = {
    "items": "item_id,category,list_price,unit_cost,shelf_life_days\nham,cold,10,6,4\ntea,dry,3,1,\n",
    "locations": "location_id,kind\nDC,dc\nA,store\n",
    "sales": "date,item_id,location_id,units,price\n2024-04-14,ham,A,1,10\n",
    "stock": "item_id,location_id,lot,on_hand,expires_on\nham,A,old,8,2024-04-15\nham,A,new,5,2024-04-18\n"
    "ham,DC,,50,2024-04-16\ntea,A,,50,\n",
    "prices": "item_id,location_id,valid_from,price,regular_price\nham,A,2024-01-01,10,10\n",
    "price_ladders": "ladder_id,rung,price\nlow,1,8\nlow,2,5\n",
    "markdown_rules": "scope,scope_id,ladder_id,days_left\ncategory,cold,low,1\n",
    "sources": "item_id,location_id,source_id,source_kind,lead_time_days,pack_size\nham,A,S,supplier,1,1\n",
}
CHECKS = (check_stickers, check_price_lines, check_price_rules, check_price_locks)


def world_of(folder, **changed):
    world = load_world(write_tables(folder, {**TABLES, **changed}, f"plan_date = {DAY}\n"))
    assert not world.quarantine, [str(f) for f in world.quarantine]
    return world


def stickers_of(world):
    """Four hams a day for sure at an elasticity of -2."""
    pairs, paths, response = demand_of(world)
    steps = np.where((paths.item_id == "ham")[:, None, None], 4, paths.steps)
    reference = reference_prices(world, paths.item_id, paths.location_id, paths.dates)
    paths = type(paths)(**{**vars(paths), "steps": steps, "reference_price": reference, "response": response})
    return pairs, paths, plan_fresh(world, pairs, paths)


def violations(world, found, **damage):
    tables = {**found.tables, **damage}
    evidence = SimpleNamespace(
        world=world,
        frame=lambda name: (tables[name] if name in tables else plain_frame(declared()[name].empty())).copy(),
    )
    return [str(violation) for check in CHECKS for violation in check(evidence)]


def test_what_expires_today_gets_the_price_that_brings_most(tmp_path):
    world = world_of(tmp_path)
    pairs, paths, found = stickers_of(world)
    # For 5 come 16: 8 are served, and of the other 8 a quarter would pay 10, too. That is 60 for 40 at 10, less at
    # most 12 that two more of the new ones cost. For 8 come 6, that is 48.
    changes = found.tables["price_changes"]
    assert changes[["item_id", "location_id", "old_price", "new_price"]].to_numpy().tolist() == [
        ["ham", "A", 10.0, 5.0]
    ]
    assert changes["expires_by"].tolist() == [DAY]
    assert violations(world, found) == []
    told = found.tables["explanations"].iloc[0]
    assert "8 of ham at A must be sold by 2024-04-15: a sticker of 5.00 instead of 10.00 EUR today" in told["text"]
    numbers = json.loads(told["numbers"])
    assert numbers["ladder"][2]["gain"] > 8.0 and numbers["ladder"][0]["gain"] == 0.0
    assert found.tables["costs"]["amount"].tolist() == [8 * 500]
    assert found.proof["bound"] is None and found.proof["objective"] <= found.proof["without_stickers"]
    # Ten are wanted today instead of four; tea and other days are as they were.
    ham = int(np.flatnonzero((pairs["item_id"] == "ham") & (pairs["location_id"] == "A"))[0])
    moved = found.on(paths).steps
    assert set(moved[ham, :, 0]) == {10} and set(moved[ham, :, 1]) == {4}
    others = np.arange(len(pairs)) != ham
    np.testing.assert_array_equal(moved[others], paths.steps[others])
    assert found.recovery[ham] > 0.0 and (found.recovery[others] == 0.0).all()


def test_a_fresh_rule_clears_nothing_and_a_dc_gets_no_sticker(tmp_path):
    world = world_of(tmp_path)
    pairs, _, _ = stickers_of(world)
    assert fresh_pairs(world, pairs)[["item_id", "location_id"]].to_numpy().tolist() == [["ham", "A"]]
    assert changes_of(planned(world)) == {}


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("markdown_rules", "scope,scope_id,ladder_id,days_left,min_stock\ncategory,cold,low,1,9\n"),
        ("markdown_rules", "scope,scope_id,ladder_id,days_left,no_touch_until\ncategory,cold,low,1,2024-04-16\n"),
        ("markdown_rules", "scope,scope_id,ladder_id,days_left,max_step\ncategory,cold,low,1,0.1\n"),
        ("locks", "target,item_id,location_id,field,value\nprice_changes,ham,A,new_price,10\n"),
        ("stock", "item_id,location_id,lot,on_hand,expires_on\nham,A,old,8,2024-04-16\n"),
    ],
)
def test_rules_and_locks_that_keep_a_sticker_away(tmp_path, name, rows):
    _, _, found = stickers_of(world_of(tmp_path, **{name: rows}))
    assert found.tables["price_changes"].empty
    assert not found.tables["explanations"]["text"].str.contains("a sticker of").any()
    # The check says the same of the sticker that stands without that table.
    (tmp_path / "free").mkdir()
    _, _, free = stickers_of(world_of(tmp_path / "free"))
    assert violations(load_world(tmp_path), free) != []


def test_a_locked_price_is_the_sticker(tmp_path):
    locks = "target,item_id,location_id,field,value\nprice_changes,ham,A,new_price,6.5\n"
    world = world_of(tmp_path, locks=locks)
    _, _, found = stickers_of(world)
    assert found.tables["price_changes"]["new_price"].tolist() == [6.5]
    assert found.tables["price_changes"]["reason"].tolist() == ["locked by the planner"]
    assert violations(world, found) == []
    assert not any("is not used" in row.text for row in planned(world).exceptions)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("expires_by", DAY.replace(day=18), "is for units until 2024-04-18, the rule says 2024-04-15"),
        ("new_price", 7.0, "no rung of its ladder"),
        ("location_id", "DC", "has no rule for stickers"),
        ("item_id", "tea", "has no rule for stickers"),
        ("kind", "clearance", "has no markdown rule for its shelf"),
    ],
)
def test_the_check_finds_what_no_sticker_can_be(tmp_path, column, value, words):
    world = world_of(tmp_path)
    _, _, found = stickers_of(world)
    damaged = found.tables["price_changes"].assign(**{column: value})
    assert any(words in text for text in violations(world, found, price_changes=damaged))


def test_orders_know_that_what_expires_still_brings_something(tmp_path):
    world = world_of(tmp_path)
    pairs, paths, _ = stickers_of(world)
    random = np.random.default_rng(1).poisson(4, paths.steps.shape).astype(np.int32)
    paths = type(paths)(**{**vars(paths), "steps": random})
    usual = np.ones(len(pairs))

    def ordered(recovery):
        found = plan_orders(
            world, pairs.assign(recovery=recovery), paths, usual, lambda f, specs: [f(s) for s in specs]
        )
        orders = found.tables["purchase_orders"]
        return orders.loc[orders["item_id"] == "ham", "quantity"].iloc[0]

    assert ordered(5.0) > ordered(0.0)
