"""From tables to the arrays of a decision and back, on a company small enough to work by hand."""

import datetime

import numpy as np
import pandas as pd
import pytest

from forecasting.paths import DemandPaths
from optimizer.reorder.inputs import Given, fed_lines, problem_of
from optimizer.reorder.later import DcStock, LotRules, as_before, whole_packs, within_dc_stock
from optimizer.reorder.position import position
from optimizer.reorder.problem import NONE
from optimizer.reorder.rules import purchase_budgets
from optimizer.reorder.stage import plan_orders
from optimizer.reorder.terms import terms
from scenarios.assortment import listed_pairs
from scenarios.load import load_world
from scenarios.sourcing import PriceTiers
from scenarios.tariff import tariff
from tests.folders import write_tables

DAY = datetime.date(2024, 4, 15)  # a Monday
TABLES = {
    "items": "item_id,unit_cost,unit_step,weight_kg\ntea,2,1,0.5\nfig,3,0.1,1\n",
    "locations": "location_id,kind\nDC,dc\nA,store\nB,store\n",
    "sales": "date,item_id,location_id,units\n2024-04-14,tea,A,1\n2024-04-14,tea,B,1\n2024-04-14,fig,A,0.7\n",
    "stock": "item_id,location_id,lot,on_hand,expires_on,reserved,held,backordered\n"
    "tea,DC,,40,,0,0,0\ntea,A,1,5,2024-04-16,1,0,2\ntea,A,2,3,2024-04-14,0,0,0\ntea,B,,2,,0,1,0\nfig,A,,1.25,,0,0,0\n",
    "sources": "item_id,location_id,source_id,source_kind,lead_time_days,unit_cost,moq,pack_size,max_quantity,"
    "order_cost\n"
    "tea,DC,Sup,supplier,3,1.5,24,12,120,5\ntea,A,DC,dc,1,,,2,,\ntea,B,DC,dc,1,,,2,,\nfig,A,Sup,supplier,2,2.5,,0.5,,\n",
    "suppliers": "supplier_id,order_days,min_order_value,payment_days\nSup,Mon|Thu,50,10\n",
    "open_orders": "order_id,item_id,location_id,quantity,due_on,ordered_on,unit_cost\n"
    "o1,tea,DC,12,2024-04-13,2024-04-10,1.5\no2,tea,A,4,2024-04-17,2024-04-15,\no3,tea,DC,24,2024-09-01,,\n",
    "budgets": "period_start,scope,component,amount\n2024-04-15,all,purchase,100\n2024-04-08,all,purchase,7\n",
}
POLICY = "plan_date = 2024-04-15\nshortage_cost = 4\nholding_cost = 0.01\n"
PERIODS = 10


@pytest.fixture
def world(tmp_path):
    found = load_world(write_tables(tmp_path, TABLES, POLICY))
    assert not found.quarantine, [str(f) for f in found.quarantine]
    return found


def given_of(world, fixed=None):
    pairs = listed_pairs(world)
    steps = np.ones((len(pairs), 4, PERIODS), np.int16)
    steps[(pairs["location_id"] == "DC").to_numpy()] = 0
    unit = world.frame("items").set_index("item_id")["unit_step"].reindex(pairs["item_id"]).to_numpy()
    dates = world.periods.dates(world.plan_date, PERIODS)
    ids = [pairs[name].to_numpy(object) for name in ("item_id", "location_id")]
    paths = DemandPaths(steps, *ids, unit, dates, np.full(4, 0.25), 1)
    found = terms(world, pairs, PERIODS)
    keys = ["item_id", "location_id"]
    rows = pd.MultiIndex.from_frame(pairs[keys]).get_indexer(pd.MultiIndex.from_frame(found.lines[keys]))
    rates = tariff(world, pairs, paths.mean().mean(axis=1))
    none = np.full(len(found.lines), np.nan) if fixed is None else fixed
    return Given(world, pairs, paths, found, rates, position(world, pairs, PERIODS), rows, none)


def line_of(given, item, place):
    lines = given.terms.lines
    return int(np.flatnonzero((lines["item_id"] == item) & (lines["location_id"] == place))[0])


def test_terms_are_steps_and_periods(world):
    lines = given_of(world).terms.lines.set_index(["item_id", "location_id"])
    fields = ["lead_periods", "pack", "minimum", "maximum", "unit_cost", "order_cost", "review_periods"]
    # Mon|Thu: the longest wait is Thursday to Monday, 4 days.
    assert lines.loc[("tea", "DC"), fields].tolist() == [3, 12, 24, 120, 1.5, 5.0, 4]
    # .5 kg packs of .1 kg steps.
    assert lines.loc[("fig", "A"), fields].tolist() == [2, 5, 0, -1, 2.5, 0.0, 4]
    assert lines.loc[("tea", "A"), "source_kind"] == "dc"


def test_order_days_follow_the_supplier(world):
    given = given_of(world)
    # From Monday: Mon, Thu, Mon, Thu.
    assert np.flatnonzero(given.terms.can_order[line_of(given, "tea", "DC")]).tolist() == [0, 3, 7]


def test_a_closed_day_takes_no_order(tmp_path):
    closed = "source_id,location_id,date,can_order\nSup,DC,2024-04-15,false\n"
    world = load_world(write_tables(tmp_path, {**TABLES, "supplier_calendar": closed}, POLICY))
    given = given_of(world)
    assert not given.terms.can_order[line_of(given, "tea", "DC"), 0]
    assert given.terms.can_order[line_of(given, "fig", "A"), 0]


def test_stock_leaves_out_what_is_reserved_held_or_expired(world):
    given = given_of(world)
    at = {(r.item_id, r.location_id): n for n, r in enumerate(given.pairs.itertuples())}
    # A: lot 1 has 5 - 1 reserved = 4; lot 2 expired yesterday. B: 2 - 1 held. A late order counts as today's receipt.
    assert given.position.usable[[at["tea", "A"], at["tea", "B"], at["tea", "DC"]]].tolist() == [4.0, 1.0, 40.0]
    assert given.position.expired[at["tea", "A"]] == 3.0
    assert given.position.arrivals[at["tea", "DC"], 0] == 12.0
    assert given.position.arrivals[at["tea", "A"], 2] == 4.0


def test_lots_keep_their_remaining_life(world):
    given = given_of(world)
    row = np.flatnonzero((given.pairs["item_id"] == "tea") & (given.pairs["location_id"] == "A"))[0]
    # Lot 1 can be sold today and tomorrow: remaining life 1.
    assert given.position.on_hand[row].tolist()[:2] == [0.0, 4.0]


def test_a_dc_is_seen_with_its_stores(world):
    given = given_of(world)
    problem = problem_of(given)
    dc, stores = line_of(given, "tea", "DC"), [line_of(given, "tea", place) for place in "AB"]
    assert fed_lines(given)[dc].tolist() == stores
    assert problem.demand[dc].tolist() == [[2] * PERIODS] * 4  # 1 + 1 a day
    assert problem.on_hand[dc] == 40 + 4 + 1
    assert problem.lead_periods[dc] == 3 + 1
    assert problem.shortage_cost[dc] == 400  # 4.00 a unit in cents
    # What the dc can ship today: 40 and the late 12.
    assert problem.joint.capacity.tolist() == [52.0]
    assert problem.joint.row[stores].tolist() == [[0], [0]]


def test_joint_rows_are_in_minor_units_per_step(world):
    given = given_of(world)
    joint = problem_of(given).joint
    tea, fig = line_of(given, "tea", "DC"), line_of(given, "fig", "A")
    assert joint.supplier_minimum.tolist() == [5000.0]
    assert joint.minimum_weight[[tea, fig]].tolist() == [150.0, 25.0]  # .1 of 2.50 is 25 cents
    assert joint.spend[line_of(given, "tea", "A")] == 0.0
    # 100 less nothing: the order of 10 April lies in the week before; that of today is not spent yet.
    assert joint.budget == 10000


def test_orders_of_this_week_use_up_the_budget(tmp_path):
    tables = {
        **TABLES,
        "open_orders": TABLES["open_orders"].replace("2024-04-13,2024-04-10,1.5", "2024-04-18,2024-04-16,2"),
    }
    world = load_world(write_tables(tmp_path, tables, POLICY.replace("04-15", "04-18")))
    # Ordered on Tuesday: 12 at 2.00; o2 of Monday: 4 at the item's 2.00. 100 - 24 - 8 = 68.
    assert purchase_budgets(world) == [(("all", ""), 6800)]


def test_a_locked_line_counts_as_ordered(world):
    given = given_of(world)
    fixed = np.full(len(given.terms.lines), np.nan)
    dc, store = line_of(given, "tea", "DC"), line_of(given, "tea", "A")
    fixed[[dc, store]] = [24.0, 6.0]
    problem = problem_of(given_of(world, fixed))
    assert not problem.can_order[[dc, store], 0].any()
    assert problem.arrivals[dc, 4] == 24.0  # echelon lead time 4
    assert problem.joint.budget == 10000 - 24 * 150
    assert problem.joint.supplier_minimum[0] == 5000 - 24 * 150
    assert problem.joint.capacity[0] == 52 - 6


def test_whole_packs_follow_the_mean():
    # 3 a day, packs of 4: 3 -> 4 (1 ahead), 3 - 1 = 2 -> 4, 3 - 2 = 1 -> 0, 1 + 3 = 4 -> 4.
    mean = np.array([[0.0, 3.0, 3.0, 3.0, 3.0]])
    lots = LotRules(np.array([4]), np.array([0]), np.array([100]))
    assert whole_packs(mean, np.ones((1, 5), bool), lots).tolist() == [[0, 4, 4, 0, 4]]


def test_a_minimum_waits_until_enough_has_gathered():
    mean = np.full((1, 6), 2.0)
    lots = LotRules(np.array([2]), np.array([6]), np.array([100]))
    assert whole_packs(mean, np.ones((1, 6), bool), lots).tolist() == [[0, 0, 0, 6, 0, 0]]


def test_scarce_dc_stock_is_shared_alike():
    # 10 at the dc, two stores want 8 each tomorrow in packs of 2: each gets 10/16 of 8 = 5 -> 4.
    orders = np.array([[0, 8], [0, 8]])
    stock = DcStock(np.array([0, 0]), np.array([NONE]), np.array([[10.0, 0.0]]))
    lots = LotRules(np.array([2, 2]), np.array([0, 0]), np.array([99, 99]))
    assert within_dc_stock(orders, np.array([1, 1]), lots, stock).tolist() == [[0, 4], [0, 4]]


def test_the_usual_rule_by_hand():
    # 2 a day, lead and review 5 days: up to 10. 3 there -> 7 -> packs of 4: 8. Next day 11 - 2 = 9 -> 4 -> 13 - 2 = 11.
    lots = LotRules(np.array([4]), np.array([0]), np.array([99]))
    orders = as_before(np.array([2.0]), np.array([3.0]), np.array([5]), np.ones((1, 3), bool), lots)
    assert orders.tolist() == [[8, 4, 0]]


def test_an_empty_shop_orders_and_a_full_one_does_not(world):
    pairs = listed_pairs(world)
    given = given_of(world)
    result = plan_orders(world, pairs, given.paths, np.ones(len(pairs)), lambda f, specs: [f(s) for s in specs])
    transfers = result.tables["transfers"]
    today = transfers[transfers["status"] == "proposed"]
    # B has 1 and sells 1 a day: it must get something; the dc has plenty.
    assert "B" in set(today["to_location"])
    orders = result.tables["purchase_orders"]
    assert not ((orders["item_id"] == "tea") & (orders["status"] == "proposed")).any()
    # Figs: 1.25 there, .1 sold a day over two days of lead and four of wait.
    assert not ((orders["item_id"] == "fig") & (orders["status"] == "proposed")).any()
    assert result.proof["objective"] >= result.proof["bound"]


def changed(tmp_path, **tables):
    found = load_world(write_tables(tmp_path, {**TABLES, **tables}, POLICY))
    assert not found.quarantine, [str(f) for f in found.quarantine]
    return found


def test_all_kinds_of_a_suppliers_minimum_must_be_reached(tmp_path):
    # tea at 1.5 and .5 kg: 60 money are 40 units, 30 kg are 60 units. A step counts min(150 / 6000, .5 / 30) = 1/60.
    suppliers = "supplier_id,order_days,min_order_value,min_order_kg\nSup,Mon|Thu,60,30\n"
    given = given_of(changed(tmp_path, suppliers=suppliers))
    joint, line = problem_of(given).joint, line_of(given, "tea", "DC")
    assert joint.supplier_minimum.tolist() == [1.0]
    assert joint.minimum_weight[line] == pytest.approx(1 / 60)


def test_a_price_break_of_the_tables_is_a_premium_below_it(tmp_path):
    # 1.5 until 48 units, 1.2 from there on, so that below it a step costs 30 minor units more than it could.
    breaks = "supplier_id,item_id,from_quantity,unit_cost,kind\nSup,tea,48,1.2,all_units\nSup,tea,90,1.8,all_units\n"
    given = given_of(changed(tmp_path, price_breaks=breaks))
    supply, line = problem_of(given).supplied, line_of(given, "tea", "DC")
    assert supply.break_from[line, :2].tolist() == [0, 48]
    assert supply.break_extra[line, :2] == pytest.approx([30, 0])
    assert supply.break_from[line_of(given, "fig", "A"), 1] == np.inf


def test_an_order_is_billed_at_its_price_break():
    # All units: 60 at 1.2. Only those above 48: (48 x 1.5 + 12 x 1.2) / 60 = 1.44. Below the break 1.5.
    tiers = PriceTiers(np.array([[0.0, 48.0]] * 2), np.array([[1.5, 1.2]] * 2), np.array([True, False]))
    assert tiers.unit_cost_of(np.array([0, 1, 0]), np.array([60.0, 60.0, 40.0])) == pytest.approx([1.2, 1.44, 1.5])


def test_delays_are_those_of_the_receipts(tmp_path):
    # 2 of 10 came two days late; the four paths stand at (i + .5) / 4 x 10 = 1, 3, 6, 8 of the sorted ten: 0 0 0 2.
    rows = [f"r{n},tea,DC,Sup,2024-03-01,2024-03-0{3 if n < 2 else 1}\n" for n in range(10)]
    receipts = "receipt_id,item_id,location_id,source_id,promised_on,received_on\n" + "".join(rows)
    given = given_of(changed(tmp_path, receipts=receipts))
    supply = problem_of(given).supplied
    assert sorted(supply.delay[line_of(given, "tea", "DC")].tolist()) == [0, 0, 0, 2]
    assert supply.delay[line_of(given, "tea", "A")].sum() == 0


def test_a_shelf_life_reaches_orders_and_open_orders(tmp_path):
    items = (
        TABLES["items"]
        .replace("weight_kg", "weight_kg,shelf_life_days")
        .replace("0.5\n", "0.5,3\n")
        .replace("0.1,1\n", "0.1,1,\n")
    )
    given = given_of(changed(tmp_path, items=items))
    problem, line = problem_of(given), line_of(given, "tea", "A")
    # 4 left of lot 1 expire on 16 April, tomorrow: period 1. The open order of 4 comes on the 17th for three days.
    assert problem.supplied.shelf_periods[line] == 3
    assert problem.supplied.expiring[line, :3].tolist() == [0, 4, 0]
    assert given.position.receipts[given.rows[line], 2].tolist() == [0, 0, 4, 0]
