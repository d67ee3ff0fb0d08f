"""Scenario files: every kind changes what it says and nothing else, in order, or ends in a sentence that helps."""

import datetime

import pytest

from scenarios.assortment import listed_pairs
from scenarios.changes import KINDS
from scenarios.load import load_world
from scenarios.whatif import ScenarioError, read_scenario, under
from tests.folders import write_tables

DAY = datetime.date(2024, 4, 15)
TABLES = {
    "items": "item_id,category,list_price,unit_cost\ntea,dry,3,1\nham,cold,10,6\nice,cold,4,2\n",
    "locations": "location_id,kind,storage_l\nDC,dc,\nA,store,100\nB,store,50\n",
    "sales": "date,item_id,location_id,units,price\n"
    "2024-04-14,tea,A,5,3\n2024-04-13,ham,A,2,10\n2024-04-12,ham,B,4,10\n",
    "stock": "item_id,location_id,on_hand\ntea,A,9\nham,A,3\nham,B,1\n",
    "assortment": "item_id,location_id,status\ntea,A,active\nham,A,active\nham,B,active\nice,B,active\n",
    "sources": "item_id,location_id,source_id,source_kind,lead_time_days,unit_cost\n"
    "tea,A,S,supplier,2,1\nham,A,T,supplier,3,6\nham,B,T,supplier,3,6\nice,B,DC,dc,1,\n",
    "prices": "item_id,location_id,valid_from,price,regular_price\ntea,A,2024-01-01,3,3\nham,A,2024-01-01,10,10\n",
    "competitor_prices": "date,item_id,competitor,price\n2024-04-10,ham,them,9\n2024-04-10,tea,them,2\n",
    "budgets": "period_start,scope,component,amount\n2024-04-15,all,purchase,500\n2024-04-15,all,markdown,50\n",
    "label_capacity": "location_id,week,labels\nA,2024-04-15,10\nB,2024-04-15,7\n",
    "vehicles": "vehicle_id,depot_id,capacity_kg,fixed_cost,cost_per_km\nV1,DC,100,40,.5\nV2,DC,100,60,.7\n",
    "calendar": "date,event\n2024-04-01,Easter\n2024-05-01,Labour Day\n2024-04-20,Easter\n",
}


@pytest.fixture
def world(tmp_path):
    found = load_world(write_tables(tmp_path / "tables", TABLES, f"plan_date = {DAY}\n"))
    assert not found.quarantine, [str(f) for f in found.quarantine]
    return found


def scenario(folder, text, name="what.toml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read_scenario(path)


def changed(world, folder, fields):
    lines = "\n".join(f"{key} = {value}" for key, value in fields.items())
    return under(world, [scenario(folder, f"[[change]]\n{lines}\n")])


def tables_that_differ(one, other):
    return {name for name in {*one.tables, *other.tables} if not one.table(name).equals(other.table(name))}


CASES = [
    ({"kind": '"demand"', "percent": 20, "category": '"cold"'}, {"demand_factors"}, 3, 7.2),
    ({"kind": '"lead_time"', "add": 3, "source": '"T"'}, {"sources"}, 2, None),
    (
        {"kind": '"closed"', "source": '"T"', "from": "2024-04-16", "until": "2024-04-18"},
        {"supplier_calendar"}, 2, None,
    ),
    ({"kind": '"purchase_price"', "factor": 1.5, "item": '"ham"'}, {"sources"}, 2, 18.0),
    ({"kind": '"selling_price"', "percent": -10, "item": '"ham"'}, {"prices"}, 1, -2.0),
    ({"kind": '"price_war"', "percent": -20, "category": '"cold"'}, {"competitor_prices"}, 1, None),
    ({"kind": '"budget"', "to": 300, "component": '"purchase"'}, {"budgets"}, 1, -200.0),
    ({"kind": '"storage"', "factor": 2, "place": '"B"'}, {"locations"}, 1, None),
    ({"kind": '"labels"', "percent": -50}, {"label_capacity"}, 2, None),
    ({"kind": '"fuel"', "percent": 10}, {"vehicles"}, 2, None),
    ({"kind": '"fleet"', "remove": '["V2"]'}, {"vehicles"}, 1, -60.0),
    ({"kind": '"fleet"', "like": '"V1"', "count": 2}, {"vehicles"}, 2, 80.0),
    ({"kind": '"holiday"', "event": '"Easter"', "on": "2024-04-27"}, {"calendar"}, 1, None),
    (
        {"kind": '"promotion"', "discount": 0.2, "from": "2024-04-16", "until": "2024-04-20", "category": '"cold"'},
        {"promotions"}, 3, None,
    ),
    (
        {"kind": '"new_store"', "place": '"C"', "like": '"A"', "scale": 0.5},
        {"locations", "assortment", "sources", "prices", "sales", "stock"}, 11, 8.5,
    ),
    ({"kind": '"delisted"', "item": '"ham"', "place": '"A"'}, {"assortment"}, 1, -12.0),
]  # fmt: skip


def test_every_kind_has_a_case():
    assert {fields["kind"].strip('"') for fields, *_ in CASES} == set(KINDS)


@pytest.mark.parametrize(("fields", "tables", "rows", "money"), CASES)
def test_a_change_does_what_it_says_and_nothing_else(world, tmp_path, fields, tables, rows, money):
    after, told = changed(world, tmp_path, fields)
    assert tables_that_differ(world, after) == tables
    assert told[0].rows == rows
    assert told[0].money == (None if money is None else pytest.approx(money))
    assert after.notices[-1].startswith("scenario what: ")
    assert after.hash != world.hash


def test_what_the_changed_tables_hold(world, tmp_path):
    after, _ = changed(world, tmp_path, {"kind": '"lead_time"', "add": 3, "source": '"T"'})
    assert after.frame("sources")["lead_time_days"].tolist() == [6, 6, 1, 2]
    after, _ = changed(world, tmp_path, {"kind": '"labels"', "percent": -50})
    assert after.frame("label_capacity")["labels"].tolist() == [5, 4]
    after, _ = changed(world, tmp_path, {"kind": '"selling_price"', "to": 8, "item": '"ham"'})
    prices = after.frame("prices").query("item_id == 'ham'")
    assert prices[["valid_from", "price", "regular_price"]].to_numpy().tolist() == [
        [datetime.date(2024, 1, 1), 10.0, 10.0], [DAY, 8.0, 8.0]
    ]  # fmt: skip
    after, _ = changed(world, tmp_path, {"kind": '"holiday"', "event": '"Easter"', "on": "2024-04-27"})
    easter = after.frame("calendar").query("event == 'Easter'")["date"].tolist()
    assert easter == [datetime.date(2024, 4, 1), datetime.date(2024, 4, 27)]
    after, _ = changed(world, tmp_path, {"kind": '"new_store"', "place": '"C"', "like": '"A"', "scale": 0.5})
    assert after.frame("sales").query("location_id == 'C'")["units"].tolist() == [1.0, 2.5]
    assert after.frame("stock").query("location_id == 'C'")["on_hand"].tolist() == [0.0, 0.0]
    after, _ = changed(world, tmp_path, {"kind": '"delisted"', "category": '"cold"'})
    assert after.frame("assortment")["status"].tolist() == ["blocked", "blocked", "blocked", "active"]


def test_scenarios_are_composed_in_their_order(world, tmp_path):
    half = scenario(tmp_path, '[[change]]\nkind = "budget"\nfactor = 0.5\ncomponent = "purchase"\n', "half.toml")
    more = scenario(tmp_path, '[[change]]\nkind = "budget"\nadd = 100\ncomponent = "purchase"\n', "more.toml")

    def budget(scenarios):
        return under(world, scenarios)[0].frame("budgets").query("component == 'purchase'")["amount"].iloc[0]

    assert (budget([half, more]), budget([more, half])) == (350.0, 300.0)
    twice = '[[change]]\nkind = "demand"\nfactor = 2\n[[change]]\nkind = "demand"\nfactor = 3\n'
    after, told = under(world, [scenario(tmp_path, twice)])
    assert after.frame("demand_factors")["factor"].tolist() == [6.0] and len(told) == 2


def test_the_policy_is_checked_and_told(world, tmp_path):
    after, told = under(world, [scenario(tmp_path, "[policy]\nservice_level = 0.99\n")])
    assert after.policy.service_level == 0.99 and told[0].words == "service_level 0.95 becomes 0.99"
    for text in ("servise_level = .99", "service_level = 7", "service_level = 0.95"):
        with pytest.raises(ScenarioError, match="policy"):
            under(world, [scenario(tmp_path, f"[policy]\n{text}\n")])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "changes nothing"),
        ("[[change]]\nkind = 'demnd'\n", 'did you mean "demand"'),
        ("[[change]]\nkind = 'demand'\npercnt = 3\n", 'did you mean "percent"'),
        ("[[change]]\nkind = 'closed'\nsource = 'S'\n", "closed needs from"),
        ("changes = 3\n", "is no part of a scenario"),
        ("[[change]\n", "correct the file"),
    ],
)
def test_a_file_that_is_no_scenario_is_refused_in_words(tmp_path, text, words):
    with pytest.raises(ScenarioError, match=r"what\.toml") as error:
        scenario(tmp_path, text)
    assert words in str(error.value)
    with pytest.raises(ScenarioError, match="no such scenario file"):
        read_scenario(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": '"demand"', "percent": 20, "category": '"warm"'}, "category warm is not known; known are cold, dry"),
        ({"kind": '"demand"', "item": '"tea"'}, "names no amount"),
        ({"kind": '"demand"', "percent": 20, "factor": 2}, "names percent and factor"),
        ({"kind": '"demand"', "percent": '"much"'}, "give a number"),
        ({"kind": '"demand"', "percent": 0}, "changes nothing"),
        ({"kind": '"demand"', "percent": 9, "from": "2024-05-02", "until": "2024-05-01"}, "is before"),
        ({"kind": '"budget"', "add": -900, "component": '"purchase"'}, "makes values negative"),
        ({"kind": '"budget"', "factor": 2, "component": '"labour"'}, "changes nothing"),
        ({"kind": '"lead_time"', "add": 2, "source": '"U"'}, "source U is not known; known are DC, S, T"),
        ({"kind": '"fleet"', "count": 2}, "give remove, or like with count"),
        ({"kind": '"fleet"', "remove": '"V9"'}, "vehicle V9 is not known"),
        ({"kind": '"new_store"', "place": '"B"', "like": '"A"'}, "place B is there already"),
        ({"kind": '"holiday"', "event": '"Easter"', "on": '"soon"'}, "write the day as"),
        ({"kind": '"promotion"', "discount": 2, "from": "2024-04-16", "until": "2024-04-20"}, "give a share"),
        ({"kind": '"delisted"', "place": '"A"'}, "give item or category"),
        ({"kind": '"lead_time"', "to": -3}, "makes values negative"),
        ({"kind": '"labels"', "to": "1e30"}, "larger than 1e+12"),
        ({"kind": '"budget"', "to": "nan"}, "give a number"),
        ({"kind": '"demand"', "factor": -1}, "makes values negative"),
        ({"kind": '"demand"', "factor": 2, "from": "2024-04-16T10:00:00"}, "without quotes or time"),
        ({"kind": '"demand"', "factor": 2, "from": "2024-04-01", "until": "2024-04-09"}, "before the plan date"),
        ({"kind": '"selling_price"', "to": 2, "from": "2024-04-01"}, "before the plan date"),
        ({"kind": '"closed"', "from": "2024-04-16", "until": "3024-04-16"}, "at most 366 days"),
        ({"kind": '"fleet"', "like": '"V1"', "count": '"two"'}, "give a whole number"),
        ({"kind": '"fleet"', "like": '"V1"', "count": -1}, "give a whole number"),
        ({"kind": '"fleet"', "like": "[]"}, "takes nothing away"),
        ({"kind": '"new_store"', "place": '"C"', "like": '"A"', "scale": '"big"'}, "give a number above 0"),
        ({"kind": '"new_store"', "place": '"C"', "like": '"A"', "scale": -1}, "give a number above 0"),
        ({"kind": '"new_store"', "place": '""', "like": '"A"'}, "give one place"),
        ({"kind": '"holiday"', "event": '"Easter"', "on": "2024-04-01"}, "an event moves to a day to come"),
    ],
)
def test_a_change_that_cannot_be_or_hits_nothing_is_an_error_that_names_it(world, tmp_path, fields, words):
    with pytest.raises(ScenarioError, match=r"what\.toml change 1") as error:
        changed(world, tmp_path, fields)
    assert words in str(error.value)


def test_changes_of_unlike_spans_are_both_kept(world, tmp_path):
    spans = [(2, 20), (3, 18)]
    text = "".join(
        f'[[change]]\nkind = "demand"\nfactor = {factor}\nfrom = 2024-04-16\nuntil = 2024-04-{last}\n'
        for factor, last in spans
    )
    after, _ = under(world, [scenario(tmp_path, text)])
    rows = after.frame("demand_factors")
    assert {(f, day.day) for f, day in zip(rows["factor"], rows["to"], strict=True)} == set(spans)


def test_vehicles_added_twice_have_names_of_their_own(world, tmp_path):
    text = '[[change]]\nkind = "fleet"\nlike = "V1"\ncount = 2\n'
    after, _ = under(world, [scenario(tmp_path, text * 2)])
    names = after.frame("vehicles")["vehicle_id"].tolist()
    assert sorted(names) == ["V1", "V1+1", "V1+2", "V1+3", "V1+4", "V2"]


def test_an_event_does_not_move_onto_itself(world, tmp_path):
    tables = dict(TABLES, calendar=TABLES["calendar"] + "2024-04-27,Easter\n")
    there = load_world(write_tables(tmp_path / "twice", tables, f"plan_date = {DAY}\n"))
    with pytest.raises(ScenarioError, match="Easter lies on 2024-04-27 already"):
        changed(there, tmp_path, {"kind": '"holiday"', "event": '"Easter"', "on": "2024-04-27"})


def test_delisting_without_an_assortment_leaves_all_else_as_it_was(tmp_path):
    tables = {name: text for name, text in TABLES.items() if name != "assortment"}
    tables["stock"] += "ice,DC,40\n"
    plain = load_world(write_tables(tmp_path / "plain", tables, f"plan_date = {DAY}\n"))
    after, _ = changed(plain, tmp_path, {"kind": '"delisted"', "item": '"ham"', "place": '"A"'})
    pairs = [
        set(listed_pairs(w)[["item_id", "location_id"]].itertuples(index=False, name=None)) for w in (plain, after)
    ]
    assert pairs[0] - pairs[1] == {("ham", "A")} and pairs[1] < pairs[0]
    assert ("ice", "DC") in pairs[1]


def test_a_new_store_has_the_closures_and_promotions_of_the_one_it_is_like(tmp_path):
    tables = dict(
        TABLES,
        supplier_calendar="source_id,location_id,date,can_order\nS,A,2024-04-16,false\n",
        promotions="promotion_id,item_id,location_id,from_date,to_date,discount\np,tea,A,2024-04-16,2024-04-18,.1\n",
    )
    there = load_world(write_tables(tmp_path / "rich", tables, f"plan_date = {DAY}\n"))
    after, _ = changed(there, tmp_path, {"kind": '"new_store"', "place": '"C"', "like": '"A"'})
    for name in ("supplier_calendar", "promotions"):
        assert after.frame(name)["location_id"].tolist() == ["A", "C"]
