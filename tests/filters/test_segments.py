"""Who and what is treated alike, and who moves."""

import datetime
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.filters.segments import abc_letters, item_segments, moves, pattern_names, pattern_of
from optimizer.filters.stage import screen_world
from scenarios.load import load_world
from tests.filters.shop import HEAD, order, shop
from tests.folders import TEA, tea_shop

FIGURES_TOLERANCE = 1e-12


def test_the_pattern_counts_from_the_first_sale_on():
    # Member 0: 2, 4 and 6 units, 10, 5 and 0 periods ago: 11 periods / 3 sales; variance 8/3, mean 4, squared 1/6.
    # Member 1 never sold.
    found = pattern_of(np.array([0, 0, 0]), np.array([10, 5, 0]), np.array([2.0, 4.0, 6.0]), 2)
    assert found.interval[0] == pytest.approx(11 / 3)
    assert found.variation[0] == pytest.approx(1 / 6)
    assert np.isnan(found.interval[1])
    assert pattern_names(found, ["", ""]).tolist() == ["intermittent", "unsold"]


@pytest.mark.parametrize(
    ("interval", "variation", "name"),
    [(1.31, 0.48, "smooth"), (1.31, 0.49, "erratic"), (1.32, 0.48, "intermittent"), (1.32, 0.49, "lumpy")],
)
def test_the_borders_are_those_of_the_literature(interval, variation, name):
    n, rng = 4_000, np.random.default_rng(1)
    age = np.sort(rng.choice(int(interval * n) - 1, n - 1, replace=False))
    age = np.append(age, round(interval * n) - 1)
    # Half the sales are 1 − d, half 1 + d: squared variation d².
    units = np.where(np.arange(n) % 2, 1 + math.sqrt(variation), 1 - math.sqrt(variation))
    assert pattern_names(pattern_of(np.zeros(n, int), age, units, 1), [""])[0] == name


def test_letters_follow_the_middle_of_the_cumulated_share():
    # Money 70, 20, 6, 4: middles .35, .80, .93, .98.
    letters, share = abc_letters(np.array([4.0, 70, 6, 20, 0]), [""] * 5)
    assert share == pytest.approx([0.98, 0.35, 0.93, 0.80, 1.0])
    assert letters.tolist() == ["C", "A", "B", "A", "C"]


def test_a_member_near_a_border_keeps_its_segment_and_one_far_from_it_does_not():
    # Middles .35, .80, .93, .98 again: .80 lies within .03 of the first border, .93 within .03 of the second.
    money = np.array([70.0, 20, 6, 4])
    assert abc_letters(money, ["B", "B", "C", "A"])[0].tolist() == ["A", "B", "C", "C"]
    near = pattern_of(np.array([0, 0, 0]), np.array([3, 2, 0]), np.array([2.0, 2.0, 2.0]), 1)  # interval 4/3 = 1.333
    assert pattern_names(near, [""])[0] == "intermittent"
    assert pattern_names(near, ["smooth"])[0] == "smooth"
    assert pattern_names(near, ["lumpy"])[0] == "intermittent"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    money=st.lists(st.integers(0, 1000).map(float), min_size=1, max_size=12),
    old=st.lists(st.sampled_from(["", "A", "B", "C"]), min_size=12, max_size=12),
)
def test_letters_are_stable_when_nothing_changes(money, old):
    first, _ = abc_letters(np.array(money), old[: len(money)])
    again, _ = abc_letters(np.array(money), first)
    assert again.tolist() == first.tolist()
    scaled, _ = abc_letters(np.array(money) * 4, old[: len(money)])
    assert scaled.tolist() == first.tolist()


def company(folder):
    """Twenty items with falling sales, every day of a week, in two places."""
    items = TEA["items"] + "".join(f"i{n},x,1,2\n" for n in range(20))
    rows = [(d, n, p) for d in range(1, 8) for n in range(20) for p in ("S2", "S3")]
    sales = "date,item_id,location_id,units\n" + "".join(f"2024-04-{d:02d},i{n},{p},{20 - n}\n" for d, n, p in rows)
    locations = "location_id,name\nS2,Main street\nS3,Park lane\n"
    return load_world(tea_shop(folder, {"items": items, "sales": sales, "locations": locations}))


def test_items_and_pairs_are_grouped_without_any_order(tmp_path):
    groups = screen_world(company(tmp_path)).tables["segments"].set_index(["kind", "member_id"])
    assert groups.loc[("item", "i0"), "segment"] == "A smooth"
    assert groups.loc[("item", "i0"), "reason"].startswith("margin share 0.05; a sale every 1.00 periods")
    assert groups.loc[("item", "i19"), "segment"] == "C smooth"
    assert groups.loc[("item", "tea_250"), "segment"] == "C unsold"
    assert groups.loc[("pair", "i0/S3"), "segment"] == "smooth"
    assert groups.loc["pair"].shape[0] == 40


def test_moves_name_what_was_and_what_is_and_skip_those_who_came_or_went(tmp_path):
    world = company(tmp_path)
    first = screen_world(world).tables["segments"]
    before = first[first["member_id"] != "i3"].copy()
    before.loc[before["member_id"] == "i0", "segment"] = "C lumpy"
    before = pd.concat([before, first.head(1).assign(member_id="sold out")])
    moved = screen_world(world, before).tables["segment_moves"]
    assert moved[["kind", "member_id", "old_segment", "new_segment"]].values.tolist() == [
        ["item", "i0", "C lumpy", "A smooth"]
    ]
    assert moved["reason"].notna().all()
    assert screen_world(world, first).tables["segment_moves"].empty
    assert moves(first, None).empty


def test_an_item_and_a_customer_of_one_name_are_two_members(tmp_path):
    rows = HEAD + order("a", "04-01", "tea_250", 1)
    world = load_world(tea_shop(tmp_path, {"transactions": rows}))
    first = screen_world(world).tables["segments"]
    assert first.groupby("member_id")["kind"].agg(list)["tea_250"] == ["item", "customer"]
    assert screen_world(world, first).tables["segment_moves"].empty


def test_customers_unknown_silent_or_unwilling_are_segments_of_their_own(tmp_path):
    customers = "customer_id,consent\nc0,true\nc1,false\nquiet,true\n"
    world = shop(tmp_path, order("n", "04-01", "", 1), customers=customers)
    groups = screen_world(world).tables["segments"].query("kind == 'customer'").set_index("member_id")
    assert groups.loc["unknown", "segment"] == "unknown"
    assert groups.loc["unknown", "reason"] == "1 order lines without a customer"
    assert groups.loc["c1", "segment"] == "not profiled"
    assert groups.loc["quiet", "segment"] == "prospect"
    assert groups.loc["c0", "reason"].startswith("last order ")


def test_recency_frequency_and_money_name_a_customer(tmp_path):
    # Nine customers: the k-th orders k times, the last time k days before the last day, k units each time.
    rows = "".join(
        order(f"o{k}-{n}", f"03-{25 - 2 * k - n // 3:02d}", f"k{k}", 1, time=f"{8 + n}:00")
        for k in range(1, 10)
        for n in range(k)
    )
    world = load_world(tea_shop(tmp_path, {"transactions": HEAD + rows}))
    groups = screen_world(world).tables["segments"].query("kind == 'customer'").set_index("member_id")["segment"]
    # Thirds of nine: the three latest order least (new), the three earliest most (lapsed best).
    assert groups.loc[["k1", "k2", "k3"]].unique().tolist() == ["new"]
    assert groups.loc[["k4", "k5", "k6"]].unique().tolist() == ["steady"]
    assert groups.loc[["k7", "k8", "k9"]].unique().tolist() == ["lapsed best"]


def test_revenue_counts_where_a_cost_is_missing(tmp_path):
    items = "item_id,name,unit_cost,list_price\ntea_250,Tea,,3.2\nrice_1kg,Rice,1.1,2\n"
    world = load_world(tea_shop(tmp_path, {"items": items}))
    assert item_segments(world, {})["reason"].iloc[0].startswith("revenue share")


def test_sales_after_the_plan_date_and_before_a_year_do_not_count(tmp_path):
    sales = (
        "date,item_id,location_id,units\n2023-04-01,tea_250,S2,900\n2024-04-07,rice_1kg,S2,1\n2024-04-08,tea_250,S2,9\n"
    )
    world = load_world(tea_shop(tmp_path, {"sales": sales}, 'plan_date = "2024-04-08"\n'))
    assert world.plan_date == datetime.date(2024, 4, 8)
    groups = item_segments(world, {}).set_index("member_id")["segment"]
    assert groups["tea_250"] == "C unsold"
    assert groups["rice_1kg"] == "A smooth"
