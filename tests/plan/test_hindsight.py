"""What overrides were worth: days worked by hand, what cannot be told, and the command."""

import datetime
import json
import shutil

import pandas as pd
import pytest

import run_plan
from optimizer.hindsight import scored_overrides
from scenarios.load import load_world
from tests.folders import TEA, sales_of, tea_shop

POLICY = 'holding_cost = 0.1\nshortage_cost = 2\ncurrency = "EUR"\n'
SUPPLY = {
    "sources": "item_id,location_id,source_id,lead_time_days\ntea_250,S2,Leaf,2\nrice_1kg,S2,Leaf,2\n",
    "suppliers": "supplier_id,order_days\nLeaf,Mon\n",
}
FIRST = "2024-03-04"
DAYS, RATE, STOCK = 35, 4, 9
# The order of Monday 8 April comes on Wednesday, the next one a week later: nine days in all.
SPAN, DUE = 9, 2


def shop(folder, later=0, rate=RATE, sold_out="none", **tables):
    """The company `later` days on: tea sells `rate` a day since the plan, and not all of the day `sold_out`."""
    tea, rice = [float(RATE)] * DAYS + [float(rate)] * later, [1.0] * (DAYS + later)
    rows = (sales_of("tea_250", "S2", tea) + sales_of("rice_1kg", "S2", rice)).splitlines()
    rows = [f"{row},{0.5 if row.startswith(f'{sold_out},tea') else 1}\n" for row in rows]
    sales = "date,item_id,location_id,units,in_stock_share\n" + "".join(rows)
    return tea_shop(folder, {"sales": sales, **SUPPLY, **tables}, POLICY + f"plan_date = {day(later)}\n")


def day(later):
    return datetime.date.fromisoformat(FIRST) + datetime.timedelta(days=DAYS + later)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hindsight")
    return folder, planned(folder)


@pytest.fixture
def lines(plain, tmp_path):
    """Today's lines of a plan of its own for each test."""
    shutil.copytree(plain[0] / "plans", tmp_path / "plans")
    return plain[1]


def planned(folder, **tables):
    shop(folder / "shop", **tables)
    call = ["plan", str(folder / "shop"), "--out", str(folder / "plans" / "one"), "--workers", "1", "--paths", "40"]
    assert run_plan.run([*call, "--previous", "none"]) == 0
    lines = pd.read_csv(folder / "plans" / "one" / "purchase_orders.csv").query("status == 'proposed'")
    return lines.set_index("item_id")


def override(folder, line, value):
    call = ["override", str(folder / "plans" / "one"), line, str(value), "--reason", "felt so", "--author", "anna"]
    assert run_plan.run(call) == 0


def cost_by_hand(quantity, rate=RATE):
    stock, cents = STOCK, 0
    for t in range(SPAN):
        stock += quantity if t == DUE else 0
        lost = max(rate - stock, 0)
        stock = max(stock - rate, 0)
        cents += 10 * stock + 200 * lost
    return cents


@pytest.mark.parametrize(("value", "rate"), [(8, 4), (60, 4), (60, 8)])
def test_an_override_is_worth_what_the_days_since_show(lines, tmp_path, value, rate):
    suggested = lines.loc["tea_250", "quantity"]
    override(tmp_path, lines.loc["tea_250", "line_id"], value)
    world = load_world(shop(tmp_path / "later", later=SPAN, rate=rate))
    (row,) = scored_overrides(world, tmp_path / "plans").to_dict("records")
    assert (row["suggested"], row["set_to"], row["until"]) == (suggested, value, day(SPAN))
    assert row["saved"] == cost_by_hand(suggested, rate) - cost_by_hand(value, rate)
    assert row["saved"] != 0


def test_days_that_are_not_over_prices_and_plans_that_are_gone_are_told(lines, tmp_path):
    override(tmp_path, lines.loc["tea_250", "line_id"], 8)
    early = load_world(shop(tmp_path / "early", later=SPAN - 1))
    (row,) = scored_overrides(early, tmp_path / "plans").to_dict("records")
    assert row["saved"] is None and row["says"] == f"known once the sales until {day(SPAN)} are"
    (tmp_path / "plans" / "one").rename(tmp_path / "elsewhere")
    world = load_world(shop(tmp_path / "later", later=SPAN))
    (row,) = scored_overrides(world, tmp_path / "plans").to_dict("records")
    assert row["says"] == "the plan is gone"


def test_an_item_of_another_name_or_sales_cut_short_are_not_taken_for_no_demand(lines, tmp_path):
    override(tmp_path, lines.loc["tea_250", "line_id"], 60)
    later = shop(tmp_path / "later", later=SPAN)
    cut = "".join(
        row for row in (later / "sales.csv").read_text().splitlines(True) if row[:10] > str(day(2)) or row[0] == "d"
    )
    (later / "sales.csv").write_text(cut)
    (row,) = scored_overrides(load_world(later), tmp_path / "plans").to_dict("records")
    assert row["saved"] is None and row["says"] == f"the sales begin on {day(3)}, after the day of the override"
    renamed = shop(tmp_path / "renamed", later=SPAN)
    for path in renamed.glob("*.csv"):
        path.write_text(path.read_text().replace("tea_250", "tea_240"))
    (row,) = scored_overrides(load_world(renamed), tmp_path / "plans").to_dict("records")
    assert row["saved"] is None and "the tables know no tea_250 any more" in row["says"]


def test_an_override_that_another_word_replaced_counts_for_nobody(lines, tmp_path):
    override(tmp_path, lines.loc["tea_250", "line_id"], 8)
    override(tmp_path, lines.loc["tea_250", "line_id"], 60)
    world = load_world(shop(tmp_path / "later", later=SPAN))
    first, second = scored_overrides(world, tmp_path / "plans").to_dict("records")
    assert first["saved"] is None and "never came to pass: event 2 (override)" in first["says"]
    assert second["saved"] == cost_by_hand(lines.loc["tea_250", "quantity"]) - cost_by_hand(60)
    # The command shows the one that cannot be told beside the one that can.
    assert run_plan.run(["hindsight", str(tmp_path / "later"), "--plans", str(tmp_path / "plans")]) == 0


def test_a_shelf_that_was_empty_is_told(lines, tmp_path):
    override(tmp_path, lines.loc["tea_250", "line_id"], 60)
    world = load_world(shop(tmp_path / "later", later=SPAN, sold_out=day(3)))
    (row,) = scored_overrides(world, tmp_path / "plans").to_dict("records")
    assert "1 of them sold out at times" in row["says"]


def test_a_dc_counts_with_its_stores(tmp_path):
    network = {
        "locations": "location_id,kind\nDC,dc\nS2,store\n",
        "stock": TEA["stock"] + "tea_250,DC,0\n",
        "sources": "item_id,location_id,source_id,source_kind,lead_time_days\n"
        "tea_250,DC,Leaf,supplier,2\ntea_250,S2,DC,dc,1\nrice_1kg,S2,Leaf,supplier,2\n",
    }
    lines = planned(tmp_path, **network)
    assert lines.loc["tea_250", "location_id"] == "DC"
    suggested = lines.loc["tea_250", "quantity"]
    override(tmp_path, lines.loc["tea_250", "line_id"], 80)
    world = load_world(shop(tmp_path / "later", later=SPAN, **network))
    (row,) = scored_overrides(world, tmp_path / "plans").to_dict("records")
    assert row["saved"] == cost_by_hand(suggested) - cost_by_hand(80)


def test_the_command_lists_them_and_adds_up_by_author(lines, tmp_path, capsys):
    shop(tmp_path / "later", later=SPAN)
    call = ["hindsight", str(tmp_path / "later"), "--plans", str(tmp_path / "plans")]
    capsys.readouterr()
    assert run_plan.run(call) == 0
    assert "nobody has set a line" in " ".join(capsys.readouterr().out.split())
    override(tmp_path, lines.loc["tea_250", "line_id"], 8)
    capsys.readouterr()
    assert run_plan.run([*call, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert run_plan.run(call) == 0
    assert f"anna: 1 overrides saved {row['saved'] / 100:.2f} EUR" in capsys.readouterr().out
