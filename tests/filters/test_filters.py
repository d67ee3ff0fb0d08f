"""Orders taken back, orders not to believe, and who belongs together."""

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.filters.cancellations import match_cancellations
from optimizer.filters.segments import item_segments, moves
from optimizer.filters.stage import screen_world
from scenarios.demo import Size, write_demo
from scenarios.load import load_world
from tests.folders import TEA, tea_shop


def lines_of(*rows):
    columns = ["order_id", "customer_id", "item_id", "units", "cancels_order_id", "cancels_line"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(line=1)


def test_the_latest_order_is_taken_back_first_and_partly():
    # 5, then 3; 4 are cancelled: all of the 3 and 1 of the 5.
    lines = lines_of(
        ("a", "c1", "tea", 5.0, None, None), ("b", "c1", "tea", 3.0, None, None), ("x", "c1", "tea", -4.0, None, None)
    )
    matched = match_cancellations(lines)
    assert matched.voided.tolist() == [1.0, 3.0, 0.0]
    assert matched.unmatched.tolist() == [0.0, 0.0, 0.0]


def test_a_named_order_comes_before_a_later_one():
    lines = lines_of(
        ("a", "c1", "tea", 5.0, None, None), ("b", "c1", "tea", 3.0, None, None), ("x", "c1", "tea", -2.0, "a", 1)
    )
    assert match_cancellations(lines).voided.tolist() == [2.0, 0.0, 0.0]


def test_what_finds_no_order_is_left_over():
    lines = lines_of(
        ("x", "c1", "tea", -2.0, None, None), ("a", "c1", "tea", 5.0, None, None), ("y", None, "tea", -1.0, None, None)
    )
    matched = match_cancellations(lines)
    assert matched.voided.tolist() == [0.0, 0.0, 0.0]
    assert matched.unmatched.tolist() == [2.0, 0.0, 1.0]


row = st.tuples(
    st.sampled_from(["a", "b", "c", "d"]),
    st.sampled_from(["c1", "c2", None]),
    st.sampled_from(["tea", "rice"]),
    st.integers(-6, 9).map(float),
    st.sampled_from([None, "a", "b"]),
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(row, min_size=1, max_size=12))
def test_every_cancelled_unit_is_matched_or_left_over(rows):
    lines = lines_of(*[(*r, None) for r in rows])
    matched = match_cancellations(lines)
    units = lines["units"].to_numpy()
    assert (matched.voided <= np.maximum(units, 0) + 1e-9).all()
    assert matched.voided.sum() + matched.unmatched.sum() == pytest.approx(np.maximum(-units, 0).sum())


HEAD = "order_id,ordered_at,customer_id,item_id,location_id,units,unit_price,device\n"
USUAL = "".join(
    f"w{n},2024-03-{n % 20 + 5:02d}T10:00:00,c{n % 5},tea_250,S2,{1 + n % 2},3.2,d{n % 5}\n" for n in range(40)
)


def test_a_bulk_order_leaves_its_usual_units_and_sales_lose_the_rest(tmp_path):
    bulk = "big,2024-03-20T09:00:00,c1,tea_250,S2,200,3.2,d1\n"
    sales = "date,item_id,location_id,units\n2024-03-20,tea_250,S2,210\n2024-04-07,tea_250,S2,1\n"
    world = load_world(tea_shop(tmp_path, {"transactions": HEAD + USUAL + bulk, "sales": sales}))
    believed = screen_world(world, None)
    excluded = believed.tables["excluded_rows"]
    assert excluded["row_key"].tolist() == ["big/1"]
    assert excluded["reason"].iloc[0].startswith("bulk order: 200 units")
    kept = float(excluded["kept"].iloc[0])
    assert 1 <= kept <= 2
    units = believed.world.frame("sales").set_index("date")["units"]
    assert units[datetime.date(2024, 3, 20)] == pytest.approx(210 - 200 + kept)
    assert units[datetime.date(2024, 4, 7)] == 1
    # The books are as they were.
    assert world.frame("sales")["units"].sum() == 211


def test_without_transactions_nothing_changes_but_items_are_grouped(tmp_path):
    world = load_world(tea_shop(tmp_path))
    believed = screen_world(world, None)
    assert believed.world.hash == world.hash
    assert believed.tables["excluded_rows"].empty
    assert set(believed.tables["segments"]["member_id"]) == {"tea_250", "rice_1kg"}
    assert not believed.held_orders


def fraud_shop(folder, queues):
    """Two orders of today's deliveries by new customers on one device, far above the usual."""
    fraud = "".join(f"f{n},2024-04-07T20:0{n}:00,new{n},tea_250,S2,{50 + n},3.2,dx\n" for n in range(2))
    deliveries = "delivery_id,order_id,service_date,lat,lon\nD0,f0,2024-04-08,60,25\nD1,f1,2024-04-08,60,25\n"
    tables = {"transactions": HEAD + USUAL + fraud, "deliveries": deliveries, "customers": "customer_id\nc1\n"}
    return load_world(tea_shop(folder, {**tables, **queues}))


QUEUE = "queue,minutes_per_day,minutes_per_review,cost_per_minute\nweb,{minutes},6,1\n"


@pytest.mark.parametrize(("minutes", "held"), [(12, {"f0", "f1"}), (11, {"f1"}), (0, set())])
def test_as_many_orders_are_held_as_there_is_time_to_review(tmp_path, minutes, held):
    world = fraud_shop(tmp_path, {"review_queues": QUEUE.format(minutes=minutes)})
    believed = screen_world(world, None)
    assert believed.held_orders == held
    told = [e for e in believed.exceptions if e.kind == "fraud"]
    assert bool(told) == (len(held) < 2)


def test_a_known_honest_order_is_not_held(tmp_path):
    labels = {"fraud_labels": "order_id,is_fraud,known_at\nf1,false,2024-04-07\n"}
    world = fraud_shop(tmp_path, {"review_queues": QUEUE.format(minutes=60), **labels})
    assert screen_world(world, None).held_orders == {"f0"}


def test_customers_that_are_not_named_are_a_segment_of_their_own(tmp_path):
    text = HEAD + USUAL + "n1,2024-04-01T10:00:00,,tea_250,S2,1,3.2,\n"
    world = load_world(tea_shop(tmp_path, {"transactions": text}))
    segments = screen_world(world, None).tables["segments"].set_index("member_id")["segment"]
    assert segments["unknown"] == "unknown"


def test_a_member_near_a_border_keeps_its_segment(tmp_path):
    items = TEA["items"] + "".join(f"i{n},x,1,1\n" for n in range(20))
    sales = "date,item_id,location_id,units\n" + "".join(
        f"2024-04-{d:02d},i{n},S2,{20 - n}\n" for n in range(20) for d in range(1, 8)
    )
    world = load_world(tea_shop(tmp_path, {"items": items, "sales": sales}))
    first = item_segments(world, {}).set_index("member_id")["segment"]
    # An A item just inside the border stays A when it was A, and turns B when it was B.
    last_a = [name for name in first.index if first[name].startswith("A")][-1]
    stays = item_segments(world, {last_a: "A smooth"}).set_index("member_id")["segment"][last_a]
    assert stays == "A smooth"
    before = pd.DataFrame({"kind": "item", "member_id": [last_a], "segment": ["C smooth"]})
    told = moves(item_segments(world, {}), before)
    assert told[["member_id", "old_segment"]].values.tolist() == [[last_a, "C smooth"]]


def test_the_frauds_of_the_demo_company_are_found_and_its_orders_left_alone(tmp_path):
    write_demo(tmp_path, Size(items=40, stores=3, days=200), seed=5)
    world = load_world(tmp_path)
    truth = pd.read_parquet(tmp_path / "truth" / "orders.parquet").set_index("order_id")["truth"]
    believed = screen_world(world, None)
    excluded = believed.tables["excluded_rows"]
    orders = set(excluded["row_key"].str.split("/").str[0])
    for kind in ("fraud", "bulk", "cancelled"):
        named = set(truth.index[truth == kind])
        assert len(named & orders) >= 0.9 * len(named), kind
    ordinary = set(truth.index[truth == "ordinary"])
    assert len(ordinary & orders) <= 0.03 * len(ordinary)
    held = truth.reindex(sorted(believed.held_orders))
    assert (held == "fraud").all()
    assert len(held) == 3
    # Totals: what was in the books = what is left + what was taken out.
    out = (excluded["units"] - excluded["kept"]).sum()
    before, after = world.frame("sales")["units"].sum(), believed.world.frame("sales")["units"].sum()
    assert before - after == pytest.approx(out, abs=1e-3)
