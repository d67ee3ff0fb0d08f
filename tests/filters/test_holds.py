"""Which orders are suspected, and which of them wait for a review?"""

import pandas as pd
import pyarrow as pa
import pytest

from optimizer.filters.lines import order_lines
from optimizer.filters.screen import NEW, RARE, SHARED, SIZE_MOST, screen_lines
from optimizer.filters.stage import screen_world
from optimizer.filters.usual import LEAST_DEVIATION, usual
from scenarios.demo import Size, write_demo
from scenarios.load import load_world
from tests.filters.shop import order, shop

SCORE_TOLERANCE = 1e-6
QUEUE = "queue,minutes_per_day,minutes_per_review,cost_per_minute\nweb,{minutes},6,{wage}\n"
# Two large orders of the last day by new customers on one device.
FRAUD = order("f0", "04-07", "new0", 50, device="dx") + order("f1", "04-07", "new1", 90, device="dx", time="11:00")
DELIVERIES = "delivery_id,order_id,service_date,lat,lon,state\nD0,f0,2024-04-08,60,25,new\nD1,f1,2024-04-08,60,25,new\n"


def fraud_shop(folder, minutes=60.0, wage=0.5, **tables):
    queue = QUEUE.format(minutes=minutes, wage=wage)
    given = {"deliveries": DELIVERIES, "review_queues": queue, **tables}
    return shop(folder, FRAUD, booked={34: 140}, **given)


def kinds(screened, kind):
    return [e for e in screened.exceptions if e.kind == kind]


def test_the_usual_is_the_median_and_its_deviation():
    # 1, 2, 3, 4, 100: median 3, distances 2 1 0 1 97, their median 1; 1.4826 of that is one deviation. Eight values
    # are needed for an own deviation; group b has one value and borrows that of all distances.
    found = usual(pd.Series([1.0, 2, 3, 4, 100, 2, 3, 4, 7]).to_numpy(), pd.Series([0] * 8 + [1]).to_numpy())
    assert found.centre.tolist() == [3.0] * 8 + [7.0]
    assert found.deviation[0] == pytest.approx(1.4826)
    assert found.distance(pd.Series([6.0] * 9).to_numpy())[0] == pytest.approx(3 / 1.4826)
    assert found.deviation[8] == pytest.approx(1.4826)
    equal = usual(pd.Series([2.0] * 9).to_numpy(), pd.Series([0] * 9).to_numpy())
    assert equal.deviation[0] == LEAST_DEVIATION


def test_the_score_is_the_logistic_of_the_points(tmp_path):
    world = fraud_shop(tmp_path)
    lines, _ = order_lines(world)
    judged = screen_lines(world, lines)
    # New, on a shared device, far above the usual; each of the signs is rare enough to count in full.
    expected = 1 / (1 + 2.718281828459045 ** -(RARE + NEW + SHARED + SIZE_MOST))
    score = dict(zip(lines["order_id"], judged.score, strict=True))
    assert score["f1"] == pytest.approx(expected, abs=SCORE_TOLERANCE)
    assert score["w3"] < 0.05
    assert judged.reason[lines["order_id"] == "f1"][0].startswith("suspected fraud: line of tea_250 lies ")


@pytest.mark.parametrize(("minutes", "held"), [(12, {"f0", "f1"}), (11, {"f1"}), (5, set()), (0, set())])
def test_the_dearest_losses_are_held_as_far_as_time_goes(tmp_path, minutes, held):
    screened = screen_world(fraud_shop(tmp_path, minutes))
    assert screened.held_orders == held
    told = kinds(screened, "fraud")
    assert [e.numbers["orders"] for e in told] == ([2 - len(held)] if len(held) < 2 else [])
    if held == {"f1"}:
        row = screened.tables["order_holds"].iloc[0]
        # 90 units at 3.20.
        assert (row["queue"], row["money"]) == ("web", 28800)
        assert "1 suspicious orders (f0) are shipped: nobody has time to review them today" in told[0].text


def test_a_review_dearer_than_the_loss_is_not_made(tmp_path):
    # 6 minutes at 30 cost 180; f0 may lose .8 of 160, f1 .8 of 288.
    screened = screen_world(fraud_shop(tmp_path, wage=30))
    assert screened.held_orders == {"f1"}
    assert "a review costs more than what may be lost" in kinds(screened, "fraud")[0].text


def test_without_queues_nothing_is_held_and_it_is_said(tmp_path):
    screened = screen_world(shop(tmp_path, FRAUD, booked={34: 140}, deliveries=DELIVERIES))
    assert not screened.held_orders
    assert "there are no review_queues" in kinds(screened, "fraud")[0].text


def test_a_queue_without_its_minutes_reviews_nothing_and_it_is_said(tmp_path):
    screened = screen_world(fraud_shop(tmp_path, review_queues="queue,minutes_per_day\nweb,60\n"))
    assert not screened.held_orders
    assert any(e.subject == "review queues" for e in screened.exceptions)


def test_a_label_known_before_the_plan_date_wins_over_every_sign(tmp_path):
    honest = "order_id,is_fraud,known_at\nf1,false,2024-04-07\nf0,true,2024-04-07T23:59\n"
    screened = screen_world(fraud_shop(tmp_path, minutes=0, fraud_labels=honest))
    # A known fraud needs no review and so no time.
    holds = screened.tables["order_holds"]
    assert holds[["order_id", "probability", "reason"]].values.tolist() == [["f0", 1.0, "known fraud"]]
    assert holds["queue"].isna().all()
    reasons = screened.tables["excluded_rows"].set_index("row_key")["reason"]
    assert reasons["f0/1"] == "known fraud"
    assert reasons["f1/1"].startswith("bulk")


@pytest.mark.parametrize(("known_at", "believed"), [("2024-04-07T23:59", True), ("2024-04-08T00:00", False)])
def test_a_label_is_known_only_before_the_plan_date(tmp_path, known_at, believed):
    # Straight into the world: reading a folder leaves late labels aside by itself.
    labels = {
        "order_id": ["w1"],
        "is_fraud": [True],
        "known_at": pa.array([pd.Timestamp(known_at)], pa.timestamp("us")),
    }
    world = shop(tmp_path).replace(fraud_labels=pa.table(labels))
    keys = screen_world(world).tables["excluded_rows"]["row_key"]
    assert ("w1/1" in set(keys)) is believed


def test_who_shares_a_device_with_a_known_fraud_is_suspected(tmp_path):
    labels = "order_id,is_fraud,known_at\nold,true,2024-03-20\n"
    rows = order("old", "03-10", "thief", 2, device="dx") + order("next", "03-28", "new9", 2, device="dx")
    screened = screen_world(shop(tmp_path, rows, fraud_labels=labels))
    reason = screened.tables["excluded_rows"].set_index("row_key")["reason"]["next/1"]
    assert reason == "suspected fraud: a new customer, a customer, device or payment of a known fraud"


def test_a_whole_order_is_suspected_with_its_worst_line(tmp_path):
    rows = FRAUD + order("f1", "04-07", "new1", 1, line=2, item="rice_1kg", device="dx", time="11:00")
    screened = screen_world(shop(tmp_path, rows, booked={34: 140}))
    reasons = screened.tables["excluded_rows"].set_index("row_key")["reason"]
    assert reasons["f1/1"] == reasons["f1/2"]


@pytest.mark.parametrize("state", ["loaded", "done"])
def test_what_is_on_its_way_is_not_held(tmp_path, state):
    screened = screen_world(fraud_shop(tmp_path, deliveries=DELIVERIES.replace("new\nD1", f"{state}\nD1")))
    assert screened.held_orders == {"f1"}


def test_an_order_of_which_nothing_is_left_is_not_shipped(tmp_path):
    rows = order("a", "04-06", "c1", 2) + order("r", "04-07", "c1", -2, cancels="a")
    deliveries = "delivery_id,order_id,service_date,lat,lon\nD0,a,2024-04-08,60,25\n"
    screened = screen_world(shop(tmp_path, rows, deliveries=deliveries))
    assert screened.tables["order_holds"]["reason"].tolist() == ["cancelled: nothing of the order is left"]
    assert screened.tables["order_holds"]["money"].tolist() == [0]


@pytest.mark.parametrize("seed", [5, 2])
@pytest.mark.parametrize("labelled", [True, False])
def test_the_frauds_of_the_demo_company_are_found_and_its_orders_left_alone(tmp_path, seed, labelled):
    write_demo(tmp_path, Size(items=40, stores=3, days=200), seed=seed)
    world = load_world(tmp_path)
    if not labelled:
        world = world.replace(fraud_labels=world.table("fraud_labels").slice(0, 0))
    truth = pd.read_parquet(tmp_path / "truth" / "orders.parquet").set_index("order_id")["truth"]
    screened = screen_world(world)
    excluded = screened.tables["excluded_rows"]
    reasons = excluded.assign(order=excluded["row_key"].str.split("/").str[0]).set_index("order")["reason"]
    found = set(reasons.index[reasons.str.contains("fraud")])
    fraud = set(truth.index[truth == "fraud"])
    precision, recall = len(found & fraud) / len(found), len(found & fraud) / len(fraud)
    print(f"demo {seed}, labels {labelled}: precision {precision:.2f}, recall {recall:.2f}")
    assert precision >= 0.9
    assert recall >= (0.95 if labelled else 0.8)
    for kind in ("bulk", "cancelled"):
        named = set(truth.index[truth == kind])
        assert len(named & set(reasons.index)) >= 0.75 * len(named), kind
    ordinary = set(truth.index[truth == "ordinary"])
    assert len(ordinary & set(reasons.index)) <= 0.005 * len(ordinary)
    held = truth.reindex(sorted(screened.held_orders))
    assert (held == "fraud").all()
    assert len(held) >= (3 if labelled else 2)
    # Sales fall by exactly what was taken out.
    out = (excluded["units"] - excluded["kept"]).sum()
    before, after = world.frame("sales")["units"].sum(), screened.world.frame("sales")["units"].sum()
    assert before - after == pytest.approx(out, abs=1e-3)
