"""Price groups, families, competitor bands, endings, least stock and targets, from tables to checked changes."""

import json
from types import SimpleNamespace

import pytest

from optimizer.plan.check_price_ties import check_competitor_band, check_price_families, check_price_groups
from optimizer.plan.ids import stable_id
from scenarios.load import load_world
from tests.markdown.test_price_tables import DAY, changes_of, planned, violations, world_of

TIES = (check_price_groups, check_price_families, check_competitor_band)
ITEMS = "item_id,category,price_group,family,pack_content,list_price,unit_cost\n"


def tied_world(folder, items, rules="", **others):
    """Two goods at store A on a ladder of 8 and 5 below 10, with 60 and 4 there, one unit of each sold a day."""
    columns, _, values = rules.partition("=")
    names = f",{columns}" if columns else ""
    tail = f",{values}" if values else ""
    return world_of(
        folder,
        items=ITEMS + items,
        sales="date,item_id,location_id,units,price\n2024-04-14,coat,A,1,10\n",
        stock="item_id,location_id,on_hand\ncoat,A,60\nhat,A,4\n",
        prices="item_id,location_id,valid_from,price,regular_price\ncoat,A,2024-01-01,10,10\nhat,A,2024-01-01,10,10\n",
        price_ladders="ladder_id,rung,price\nlow,1,8\nlow,2,5\n",
        markdown_rules=f"scope,scope_id,ladder_id,exit_on{names}\nall,,low,2024-04-28{tail}\n",
        **others,
    )


def all_violations(world, result, **damage):
    return [*violations(world, result, **damage), *_ties(world, result, damage)]


def _ties(world, result, damage):
    tables = {**{name: result.tables[name] for name in ("price_changes", "explanations")}, **damage}
    evidence = SimpleNamespace(world=world, frame=lambda name: tables[name].copy())
    return [str(violation) for check in TIES for violation in check(evidence)]


def test_items_of_one_price_group_change_together(tmp_path):
    alone = tied_world(tmp_path / "alone", "coat,wear,,,,10,6\nhat,wear,,,,10,6\n")
    # 4 hats sell at 10 by themselves; 60 coats want the half price.
    assert changes_of(planned(alone)) == {("coat", "A"): (10.0, 5.0)}
    world = tied_world(tmp_path / "one", "coat,wear,out,,,10,6\nhat,wear,out,,,10,6\n")
    result = planned(world)
    assert changes_of(result) == {("coat", "A"): (10.0, 5.0), ("hat", "A"): (10.0, 5.0)}
    assert all_violations(world, result) == []
    split = result.tables["price_changes"].assign(new_price=[5.0, 8.0])
    found = all_violations(world, result, price_changes=split)
    assert any("asks 5, hat at A asks 8: they have one price" in text for text in found)
    held = result.tables["price_changes"].iloc[:1]
    told = result.tables["explanations"].assign(
        line_id=[stable_id("price", item, "A", DAY) for item in ("coat", "hat")]
    )
    found = all_violations(world, result, price_changes=held, explanations=told)
    assert any("hat at A, which has one price with it, does not" in text for text in found)


def zoned_world(folder, over, policy="", **others):
    """Coats at A and B of one cluster and at C of none: few at A and C, so many at B that they want the half price."""
    return world_of(
        folder,
        policy,
        locations="location_id,kind,cluster,region\nA,store,town,north\nB,store,town,\nC,store,,north\n",
        items="item_id,category,list_price,unit_cost\ncoat,wear,10,6\n",
        sales="date,item_id,location_id,units,price\n2024-04-14,coat,A,1,10\n",
        stock="item_id,location_id,on_hand\ncoat,A,4\ncoat,B,80\ncoat,C,4\n",
        **{
            "prices": "item_id,location_id,valid_from,price,regular_price\n"
            + "".join(f"coat,{place},2024-01-01,10,10\n" for place in "ABC"),
            "price_ladders": "ladder_id,rung,price\nlow,1,8\nlow,2,5\n",
            "markdown_rules": f"scope,scope_id,ladder_id,exit_on,one_price_over\nall,,low,2024-04-28,{over}\n",
            **others,
        },
    )


@pytest.mark.parametrize(
    ("over", "places"), [("place", "B"), ("cluster", "AB"), ("region", "B"), ("all", "ABC"), ("", "B")]
)
def test_one_clearance_price_holds_over_a_zone(tmp_path, over, places):
    # Four coats sell at 10 by themselves: only what they share a price with takes A and C down.
    world = zoned_world(tmp_path, over)
    result = planned(world)
    assert changes_of(result) == {("coat", place): (10.0, 5.0) for place in places}
    assert all_violations(world, result) == []
    changes = result.tables["price_changes"]
    if len(places) > 1:
        split = changes.assign(new_price=[5.0, 8.0, 5.0][: len(places)])
        assert any("they have one price" in text for text in all_violations(world, result, price_changes=split))
        assert f"has one price with {len(places) - 1} more" in result.tables["explanations"]["text"].iloc[0]
    else:
        assert all_violations(zoned_world(tmp_path / "all", "all"), result)


def test_a_zone_keeps_the_labels_and_budgets_of_each_of_its_places_and_a_lock_leads_it(tmp_path):
    labels = "location_id,week,labels\n" + "".join(f"A,{day},0\n" for day in ("2024-04-15", "2024-04-22"))
    world = zoned_world(tmp_path / "labels", "cluster", label_capacity=labels)
    result = planned(world)
    assert changes_of(result) == {}
    assert "labels and the one price of its cluster" in result.tables["explanations"]["text"].iloc[1]
    # Of place A at most 10 a week: at 5 it is 4 x 5 in the first.
    rows = "period_start,scope,scope_id,component,amount\n2024-04-15,location,A,markdown,10\n"
    world = zoned_world(tmp_path / "budget", "cluster", budgets=rows)
    result = planned(world)
    assert changes_of(result) == {("coat", place): (10.0, 8.0) for place in "AB"}
    assert all_violations(world, result) == []
    lock = "target,item_id,location_id,field,value\nprice_changes,coat,A,new_price,8\n"
    world = zoned_world(tmp_path / "lock", "cluster", locks=lock)
    result = planned(world)
    assert changes_of(result) == {("coat", place): (10.0, 8.0) for place in "AB"}
    assert all_violations(world, result) == []


def test_places_of_a_zone_whose_ladders_share_no_price_say_so(tmp_path):
    shares = "ladder_id,rung,share_of_regular\nlow,1,0.8\n"
    prices = "item_id,location_id,valid_from,price,regular_price\ncoat,A,2024-01-01,9,9\ncoat,B,2024-01-01,10,10\n"
    world = zoned_world(tmp_path, "cluster", price_ladders=shares, prices=prices + "coat,C,2024-01-01,10,10\n")
    result = planned(world)
    assert changes_of(result) == {}
    assert "the one price of its cluster leaves no common price below it" in "".join(
        result.tables["explanations"]["text"]
    )


def test_a_lock_of_one_item_holds_its_price_group_and_locks_that_clash_part_it(tmp_path):
    items = "coat,wear,out,,,10,6\nhat,wear,out,,,10,6\n"
    head = "target,item_id,location_id,field,value,at\n"
    one = head + "price_changes,hat,A,new_price,8,2024-04-14T10:00:00\n"
    world = tied_world(tmp_path / "one", items, locks=one)
    result = planned(world)
    assert changes_of(result) == {("coat", "A"): (10.0, 8.0), ("hat", "A"): (10.0, 8.0)}
    assert all_violations(world, result) == []
    world = tied_world(tmp_path / "two", items, locks=one + "price_changes,coat,A,new_price,5,2024-04-14T10:00:00\n")
    result = planned(world)
    assert changes_of(result) == {("coat", "A"): (10.0, 5.0), ("hat", "A"): (10.0, 8.0)}
    assert any("locks part price group out: they ask for several prices" in row.text for row in result.exceptions)
    assert all_violations(world, result) == []


def test_a_larger_pack_never_becomes_dearer_per_content(tmp_path):
    # A coat is a single, a hat the double pack at 10: 5 a piece. Coats at 5 are allowed, at 4 they would not be.
    items = "coat,wear,,socks,1,10,6\nhat,wear,,socks,2,10,6\n"
    world = tied_world(tmp_path / "kept", items)
    result = planned(world)
    assert changes_of(result) == {("coat", "A"): (10.0, 5.0)}
    assert all_violations(world, result) == []
    # Of 1.5 it is 6.67 a piece: coats stop at 8 unless hats fall, too; 4 hats lose less than 60 coats gain.
    world = tied_world(tmp_path / "led", items.replace("socks,2", "socks,1.5"))
    result = planned(world)
    assert changes_of(result) == {("coat", "A"): (10.0, 5.0), ("hat", "A"): (10.0, 5.0)}
    assert all_violations(world, result) == []
    alone = result.tables["price_changes"].query("item_id == 'coat'")
    found = all_violations(world, result, price_changes=alone)
    assert any("makes hat, the larger pack, dearer" in text for text in found)
    # Where hats are not cleared coats stop at 8.
    world = tied_world(
        tmp_path / "outside",
        items.replace("socks,2", "socks,1.5").replace("hat,wear", "hat,food"),
    )
    rules = "scope,scope_id,ladder_id,exit_on\ncategory,wear,low,2024-04-28\n"
    (tmp_path / "outside" / "markdown_rules.csv").write_text(rules)
    world = load_world(tmp_path / "outside")
    result = planned(world)
    assert changes_of(result) == {("coat", "A"): (10.0, 8.0)}
    assert all_violations(world, result) == []


def test_a_competitor_band_limits_the_fall_and_is_dropped_when_nobody_looked_lately(tmp_path):
    items = "coat,wear,,,,10,6\nhat,wear,,,,10,6\n"
    head = "date,item_id,competitor,price\n"
    # Within 20 % of 9: 8 is, 5 is not.
    seen = head + "2024-04-10,coat,them,9\n2024-04-01,coat,them,3\n"
    world = tied_world(tmp_path / "band", items, "competitor_band=0.2", competitor_prices=seen)
    result = planned(world)
    assert changes_of(result) == {("coat", "A"): (10.0, 8.0)}
    assert any("1 items (hat) have no competitor price" in row.text for row in result.exceptions)
    assert all_violations(world, result) == []
    lower = result.tables["price_changes"].assign(new_price=5.0)
    found = all_violations(world, result, price_changes=lower)
    assert any("not within 20% of competitors' 9" in text for text in found)
    old = head + "2024-03-10,coat,them,9\n"
    world = tied_world(tmp_path / "old", items, "competitor_band=0.2", competitor_prices=old)
    result = planned(world)
    assert changes_of(result) == {("coat", "A"): (10.0, 5.0)}
    assert any("2 items (coat, hat)" in row.text for row in result.exceptions)
    shut = head + "2024-04-10,coat,them,20\n"
    world = tied_world(tmp_path / "shut", items, "competitor_band=0.1", competitor_prices=shut)
    result = planned(world)
    assert changes_of(result) == {}
    words = "no price of coat's ladder lies within 10% of the competitors' 20.00"
    assert any(words in row.text for row in result.exceptions)


def test_prices_end_as_the_rule_says(tmp_path):
    items = "coat,wear,,,,10,6\nhat,wear,,,,10,6\n"
    world = tied_world(tmp_path, items, "ending=0.99")
    (tmp_path / "price_ladders.csv").write_text("ladder_id,rung,share_of_regular\nlow,1,0.8\nlow,2,0.5\n")
    world = load_world(tmp_path)
    result = planned(world)
    # Half of 10 is 5, and 4.99 the price below it that ends in .99.
    assert changes_of(result) == {("coat", "A"): (10.0, 4.99)}
    assert all_violations(world, result) == []
    other = result.tables["price_changes"].assign(new_price=5.0)
    assert any("no rung of its ladder" in text for text in all_violations(world, result, price_changes=other))


def test_little_stock_is_left_alone_where_the_rule_says_so(tmp_path):
    items = "coat,wear,,,,10,6\nhat,wear,,,,10,6\n"
    world = tied_world(tmp_path / "few", items, "min_stock=61")
    result = planned(world)
    assert changes_of(result) == {}
    world = tied_world(tmp_path / "enough", items, "min_stock=60")
    result = planned(world)
    assert changes_of(result) == {("coat", "A"): (10.0, 5.0)}
    assert any("1 clearances have less stock" in row.text for row in result.exceptions)


def test_a_sell_through_target_lowers_the_price_and_a_missed_one_is_said(tmp_path):
    items = "coat,wear,,,,10,6\nhat,wear,,,,10,6\n"
    # A leftover coat brings 9: no fall pays. With four fifths to sell 5 is asked: 56 of 60.
    world = tied_world(tmp_path / "free", items, "salvage_value=9")
    assert changes_of(planned(world)) == {}
    must = "salvage_value,sell_through,hardness=9,{},{}"
    world = tied_world(tmp_path / "hard", items, must.format(0.8, "hard"))
    result = planned(world)
    assert changes_of(result)["coat", "A"] == (10.0, 5.0)
    assert not any(row.kind == "shortfall" for row in result.exceptions)
    # A quarter of 10 for each of 34 or so missing coats is less than what 5 loses on each.
    world = tied_world(tmp_path / "soft", items, must.format(0.8, "soft"))
    assert ("coat", "A") not in changes_of(planned(world))
    world = tied_world(tmp_path / "missed", items, must.format(1.0, "hard"))
    result = planned(world)
    assert any("must sell 60" in row.text and "lower rung" in row.text for row in result.exceptions)
    coat = result.tables["explanations"].query("text.str.contains('missed by')")
    assert json.loads(coat["numbers"].iloc[0])["short_of_target"] == pytest.approx(4.0)


def test_a_price_that_stays_is_explained_and_neighbours_are_told(tmp_path):
    items = "coat,wear,,,,10,6\nhat,wear,,,,10,6\n"
    result = planned(tied_world(tmp_path, items))
    texts = dict(zip(result.tables["explanations"]["line_id"], result.tables["explanations"]["text"], strict=True))
    # 4 hats sell at 10 for 40, at 8 for 32.
    words = "hat at A stays at 10.00 EUR: 8.00 until 2024-04-28 would bring 8.00 EUR less."
    assert any(words in text for text in texts.values())
    changed = result.tables["price_changes"]["line_id"].iloc[0]
    assert "8.00 sells 20 (20 to 21)" in texts[changed]
    assert "5.00 (decided) sells 56" in texts[changed]


def test_planned_promotions_count_against_the_budget_only_where_the_policy_says_so(tmp_path):
    items = "coat,wear,,,,10,6\nhat,wear,,,,10,6\n"
    promotions = "promotion_id,item_id,location_id,from_date,to_date,discount\nP,coat,A,2024-04-15,2024-04-28,0.2\n"
    for covers, spent in ((False, 0.0), (True, 28.0)):
        folder = tmp_path / str(covers)
        tied_world(folder, items, "max_changes=0", promotions=promotions)
        text = (folder / "policy.toml").read_text() + f"markdown_budget_covers_promotions = {str(covers).lower()}\n"
        (folder / "policy.toml").write_text(text)
        result = planned(load_world(folder))
        # Two weeks at 8 instead of 10, seven coats each.
        assert result.tables["costs"]["amount"].sum() == pytest.approx(spent * 100)
