"""What is taken out of the demand history, and that nothing is lost on the way."""

import datetime

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.filters.lines import order_lines
from optimizer.filters.stage import screen_world
from scenarios.schema import declared
from tests.filters.shop import SALES, order, shop, tea_sold

UNITS_TOLERANCE = 1e-5


def said(screened, subject):
    return next((e for e in screened.exceptions if e.subject == subject), None)


def test_a_cancelled_order_leaves_the_sales_of_its_own_day(tmp_path):
    # 5 of 11 are taken back four days later: 6 stay on 2024-03-20 (day 16), nothing changes on the later day.
    rows = order("a", "03-20", "c1", 5) + order("r", "03-24", "c1", -5, cancels="a")
    world = shop(tmp_path, rows, booked={16: 5})
    screened = screen_world(world)
    assert tea_sold(screened.world) == SALES
    excluded = screened.tables["excluded_rows"]
    assert excluded.values.tolist() == [["transactions", "a/1", 5.0, 0.0, 1600, "cancelled: 5 units by r"]]
    assert said(screened, "history totals").numbers["out"] == 5
    # The books are as they were.
    assert sum(tea_sold(world)) == sum(SALES) + 5


def test_a_bulk_order_keeps_what_the_pair_usually_sells(tmp_path):
    world = shop(tmp_path, order("big", "03-20", "c1", 300), booked={16: 300})
    screened = screen_world(world)
    row = screened.tables["excluded_rows"].iloc[0]
    assert row["reason"].startswith("bulk: 300 units in one line")
    # The median day has 6 or 8 units.
    assert 6 <= row["kept"] <= 8
    assert tea_sold(screened.world)[16] == pytest.approx(SALES[16] + row["kept"], abs=UNITS_TOLERANCE)
    assert row["money"] == pytest.approx((300 - row["kept"]) * 320, abs=1)


def test_a_customer_who_always_buys_much_is_no_bulk(tmp_path):
    rows = "".join(order(f"b{n}", f"03-{n + 5:02d}", "hotel", 60, time="09:00") for n in range(12))
    world = shop(tmp_path, rows, booked={n + 1: 60 for n in range(12)})
    assert screen_world(world).tables["excluded_rows"].empty


def test_a_spike_in_sales_that_no_order_explains_stays(tmp_path):
    world = shop(tmp_path, None, booked={16: 500})
    screened = screen_world(world)
    assert screened.world.hash == world.hash
    assert screened.tables["excluded_rows"].empty


def test_the_same_order_sent_twice_counts_once(tmp_path):
    rows = order("a", "03-20", "c1", 2, time="12:34") + order("b", "03-20", "c1", 2, time="12:34")
    screened = screen_world(shop(tmp_path, rows, booked={16: 4}))
    assert screened.tables["excluded_rows"]["row_key"].tolist() == ["b/1"]
    assert tea_sold(screened.world)[16] == SALES[16] + 2


def test_sales_never_fall_below_the_orders_that_count(tmp_path):
    # The books of day 16 have 4 units, an honest order of 3 among them; the cancelled 5 cannot all have been booked.
    rows = order("a", "03-20", "c1", 5) + order("ok", "03-20", "c2", 3) + order("r", "03-24", "c1", -5, cancels="a")
    screened = screen_world(shop(tmp_path, rows, booked={16: 4 - SALES[16]}))
    kept_from_usual = 3 * 1.5  # three ordinary orders of that day, one or two units each: at most 6
    assert tea_sold(screened.world)[16] >= 3
    assert tea_sold(screened.world)[16] <= max(4, kept_from_usual)
    assert said(screened, "history missing").numbers["units"] == pytest.approx(
        5 - (4 - tea_sold(screened.world)[16]), abs=UNITS_TOLERANCE
    )


def test_weekly_sales_lose_what_an_order_of_that_week_took_back(tmp_path):
    sales = "date,item_id,location_id,units\n2024-03-18,tea_250,S2,60\n2024-03-25,tea_250,S2,20\n"
    rows = order("a", "03-24", "c1", 4) + order("r", "03-27", "c1", -4, cancels="a")
    world = shop(tmp_path, rows, sales=sales, **{"policy.toml": 'period = "week"\nplan_date = "2024-04-08"\n'})
    # 24 March is the Sunday of the week from the 18th on.
    assert tea_sold(screen_world(world).world) == [56, 20]


def test_a_cancellation_that_finds_nothing_is_listed(tmp_path):
    rows = order("r", "03-24", "stranger", -5) + order("s", "03-24", "c1", -5, cancels="nothing")
    screened = screen_world(shop(tmp_path, rows))
    texts = [e.text for e in screened.exceptions if e.subject.startswith("unmatched ")]
    assert "cancellation r/1 finds no order for 5 of tea_250" in texts
    assert "cancellation s/1, which names order nothing, finds no order for 5 of tea_250" in texts
    assert said(screened, "unmatched").numbers == {"units": 10, "lines": 2}


def test_foreign_money_is_exchanged_and_a_missing_rate_is_said(tmp_path):
    head = "order_id,line,ordered_at,customer_id,item_id,units,unit_price,currency\n"
    rows = "a,1,2024-03-20T10:00,c1,tea_250,2,4,USD\nb,1,2024-03-20T10:00,c1,tea_250,2,4,XTS\n"
    rates = "date,currency,rate\n2024-03-01,USD,0.9\n2024-05-01,USD,9\n"
    lines, told = order_lines(shop(tmp_path, None, transactions=head + rows, exchange_rates=rates))
    assert lines["value"].tolist() == pytest.approx([7.2, 8.0])
    assert [e.text for e in told] == ["orders in XTS are counted one to one: exchange_rates gives no rate"]


def test_rows_from_the_plan_date_on_or_without_a_time_are_told(tmp_path):
    head = "order_id,ordered_at,item_id,location_id,units\n"
    rows = "a,2024-04-05T00:00,tea_250,S2,2\nb,,tea_250,S2,3\nc,2024-04-04T23:59,tea_250,S2,1\n"
    world = shop(tmp_path, None, transactions=head + rows).replace(plan_date=datetime.date(2024, 4, 5))
    lines, told = order_lines(world)
    assert lines["order_id"].tolist() == ["c", "b"]
    assert len(told) == 2
    assert told[0].text == "1 order lines are dated on or after the plan date and not looked at"


def books_of(rows):
    """Return a transactions table: each row (order, customer, day, units, cancels), lines numbered within orders."""
    seen = {}
    frame = pd.DataFrame(rows, columns=["order_id", "customer_id", "day", "units", "cancels_order_id"])
    frame["line"] = [seen.setdefault(o, []).append(1) or len(seen[o]) for o in frame["order_id"]]
    frame["ordered_at"] = [pd.Timestamp("2024-03-04") + pd.Timedelta(days=d, hours=9) for d in frame.pop("day")]
    frame = frame.assign(item_id="tea_250", location_id="S2", unit_price=3.2)
    kinds = {column.name: column.arrow_type for column in declared()["transactions"].columns}
    plain = {n: pa.string() if pa.types.is_dictionary(kinds[n]) else kinds[n] for n in frame}
    return pa.table({n: pa.array(frame[n].tolist(), plain[n], from_pandas=True) for n in frame})


one = st.tuples(
    st.sampled_from([f"o{n}" for n in range(6)]),
    st.sampled_from(["c1", "c2", None]),
    st.integers(0, 34),
    st.sampled_from([1.0, 2.0, 40.0, 400.0, -1.0, -3.0, -400.0]),
    st.sampled_from([None, None, "o1", "nothing"]),
)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    rows=st.lists(one, max_size=14),
    fraud=st.frozensets(st.sampled_from([f"o{n}" for n in range(6)])),
    minutes=st.sampled_from([0, 6, 60]),
    shuffled=st.randoms(use_true_random=False),
)
def test_no_unit_is_lost_whatever_the_orders(company_shop, rows, fraud, minutes, shuffled):
    tables = {
        "transactions": books_of(rows),
        "fraud_labels": pa.table({"order_id": sorted(fraud), "is_fraud": [True] * len(fraud)}),
        "review_queues": pa.table({"queue": ["web"], "minutes_per_day": [float(minutes)], "minutes_per_review": [6.0]}),
        "deliveries": pa.table({"delivery_id": ["D1", "D2"], "order_id": ["o1", "o2"], "state": ["new", "promised"]}),
    }
    world = company_shop.replace(**tables)
    screened = screen_world(world)
    excluded = screened.tables["excluded_rows"]
    ordered = world.frame("transactions").query("units > 0 and cancels_order_id.isna()")
    keys = set(ordered["order_id"] + "/" + ordered["line"].astype(str))
    assert set(excluded["row_key"]) <= keys
    assert excluded["row_key"].is_unique
    assert (excluded["reason"] != "").all()
    assert ((excluded["kept"] >= 0) & (excluded["kept"] < excluded["units"])).all()
    out = (excluded["units"] - excluded["kept"]).sum()
    if len(excluded):
        totals = said(screened, "history totals").numbers
        assert totals["ordered"] == pytest.approx(ordered["units"].sum(), abs=UNITS_TOLERANCE)
        assert totals["kept"] + out == pytest.approx(totals["ordered"], abs=UNITS_TOLERANCE)
    # Sales fall by what was taken out, but for what no books show; they never rise, nor fall below zero.
    before, after = tea_sold(world), tea_sold(screened.world)
    missing = said(screened, "history missing")
    gone = out - (missing.numbers["units"] if missing else 0)
    assert sum(before) - sum(after) == pytest.approx(gone, abs=UNITS_TOLERANCE)
    assert all(0 <= a <= b for a, b in zip(after, before, strict=True))
    # Held orders exist, those under review fit the time, and no other table is touched.
    holds = screened.tables["order_holds"]
    assert screened.held_orders == set(holds["order_id"]) <= {"o1", "o2"}
    assert holds["queue"].notna().sum() * 6 <= minutes
    assert fraud & {"o1", "o2"} & set(ordered["order_id"]) <= screened.held_orders
    assert screened.world.table("deliveries").equals(world.table("deliveries"))
    # Any order of the rows gives the same.
    places = list(range(len(rows)))
    shuffled.shuffle(places)
    again = screen_world(world.replace(transactions=tables["transactions"].take(pa.array(places, pa.int64()))))
    assert all(again.tables[name].equals(screened.tables[name]) for name in screened.tables)
    assert again.world.hash == screened.world.hash


@pytest.fixture(scope="module")
def company_shop(tmp_path_factory):
    return shop(tmp_path_factory.mktemp("shop"), None)
