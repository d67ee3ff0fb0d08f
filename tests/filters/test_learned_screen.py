"""Is a screen learned only from what was known, calibrated, and used only where it is better?"""

import numpy as np
import pandas as pd
import pytest

from optimizer.filters.learned import LEAST_LABELS, WEEK, average_precision, from_state, learn, to_state
from optimizer.filters.lines import order_lines
from optimizer.filters.moments import moments, orders_of
from optimizer.filters.screen import screen_lines
from optimizer.filters.stage import screen_world
from optimizer.filters.verdict import final_verdict
from tests.filters.shop import order, shop

DAY = 86_400
TOLERANCE = 1e-12


def payments(seed=3, count=6_000, days=60):
    """Orders of 200 customers at 50 terminals; three terminals are taken over in the middle and defraud by half."""
    rng = np.random.default_rng(seed)
    second = np.sort(rng.integers(0, days * DAY, count)).astype(float)
    terminal = rng.integers(0, 50, count)
    fraud = (terminal < 6) & (second > 10 * DAY) & (rng.random(count) < 0.5)
    return pd.DataFrame(
        {
            "order_id": [f"o{n:05d}" for n in range(count)],
            "second": second,
            "value": rng.lognormal(3, 0.5, count),
            "customer_id": [f"c{n}" for n in rng.integers(0, 200, count)],
            "terminal_id": [f"t{n}" for n in terminal],
            "device": None,
            "payment": None,
            "is_fraud": fraud.astype(float),
            "known_second": second + 7 * DAY,
        }
    )


def test_windows_count_what_the_clock_says():
    # One terminal: orders on days 0, 2, 9 of 10, 20 and 30; the first was fraud, known on day 7.
    days = np.array([0.0, 2.0, 9.0])
    table = pd.DataFrame(
        {
            "order_id": list("abc"), "second": days * DAY, "value": [10.0, 20, 30], "customer_id": ["x", "y", "x"],
            "terminal_id": "t", "device": None, "payment": None, "is_fraud": [1.0, np.nan, np.nan],
            "known_second": [7.0 * DAY, 2 * DAY, 9 * DAY],
        }
    )  # fmt: skip
    found = moments(table)
    assert found["terminal orders 7"].tolist() == [1, 2, 1]
    assert found["terminal mean 30"].tolist() == [10, 15, 20]
    assert found["terminal risk 7"].tolist() == [0, 0, 1]
    assert found["terminal frauds 1"].tolist() == [0, 0, 0]
    assert found["customer mean 30"].tolist() == [10, 20, 20]
    assert "device orders 1" not in found


def test_labels_not_known_yet_change_no_feature():
    table = payments(count=800)
    at = 30 * DAY
    poisoned = table.assign(is_fraud=table["is_fraud"].where(table["known_second"] <= at, 1.0))
    before = table["second"].to_numpy() <= at
    assert moments(table)[before].equals(moments(poisoned)[before])


def test_average_precision_is_the_sum_of_steps():
    # Hits at ranks 1 and 3 of 4: (1 + 2/3) / 2. Equal scores are one step: 2 of 4.
    fraud = np.array([1.0, 0, 1, 0])
    assert average_precision(fraud, np.array([4.0, 3, 2, 1])) == pytest.approx(5 / 6, abs=TOLERANCE)
    assert average_precision(fraud, np.ones(4)) == pytest.approx(0.5, abs=TOLERANCE)


def test_the_learned_screen_serves_where_it_is_better_and_its_probabilities_are_true():
    table = payments()
    now = table["second"].max() - WEEK
    known = table.assign(is_fraud=table["is_fraud"].where(table["known_second"] < now))
    features = moments(known)
    learned, why = learn(known, features, np.zeros(len(table)))
    assert learned is not None, why
    ahead = np.flatnonzero(table["second"] >= now)
    chance, truth = learned.probability(features.iloc[ahead]), table["is_fraud"].to_numpy()[ahead]
    assert average_precision(truth, chance) > 0.4
    assert chance.mean() == pytest.approx(truth.mean(), rel=0.35)
    worst = ahead[np.argsort(-chance)[:1]]
    assert "terminal" in learned.reasons(features.iloc[worst])[0]
    state = to_state(learned).to_pandas()
    again = from_state(state, learned.until + 6 * DAY)
    assert again is not None and np.array_equal(again.probability(features.iloc[ahead]), chance)
    assert from_state(state, learned.until + 7 * DAY) is None
    # Against a score that knows the truth the learned one does not serve.
    assert learn(known, features, table["is_fraud"].to_numpy())[0] is None


@pytest.mark.parametrize("kind", [0.0, 1.0])
def test_labels_of_one_class_teach_nothing_and_it_is_said(kind):
    table = payments(count=400).assign(is_fraud=kind)
    learned, why = learn(table, moments(table), np.zeros(400))
    assert learned is None
    assert f"{LEAST_LABELS} of each needed" in why


def test_few_labels_leave_the_score_without_labels_and_it_is_said(tmp_path):
    rows = order("old", "03-10", "thief", 2)
    screened = screen_world(shop(tmp_path, rows, fraud_labels="order_id,is_fraud,known_at\nold,true,2024-03-20\n"))
    said = {e.subject: e.text for e in screened.exceptions}["fraud screen"]
    assert said.startswith("orders are judged by the score without labels: 1 frauds and 0 honest orders are known")
    assert not screened.state


def test_features_of_some_orders_are_those_of_all():
    table = payments(count=1_500)
    rows = np.flatnonzero(np.arange(1_500) % 7 == 3)
    pd.testing.assert_frame_equal(moments(table, rows), moments(table).iloc[rows].reset_index(drop=True))


def test_no_order_knows_its_own_label(tmp_path):
    rows = order("old", "03-10", "thief", 2)
    world = shop(tmp_path, rows, fraud_labels="order_id,is_fraud\nold,true\n")
    orders = orders_of(world, order_lines(world)[0])
    at = orders.index[orders["order_id"] == "old"][0]
    assert orders["is_fraud"][at] == 1.0 and moments(orders)["customer frauds 1"][at] == 0.0


def test_a_kept_screen_judges_as_one_learned_today(tmp_path):
    table = payments(count=3_000, days=30)
    day = pd.Timestamp("2024-03-08") + pd.to_timedelta(table["second"], unit="s")
    rows = "".join(
        f"{name},1,{at.isoformat(timespec='seconds')},{who},tea_250,S2,1,{money:.2f},{place},\n"
        for name, at, who, money, place in zip(
            table["order_id"], day, table["customer_id"], table["value"], table["terminal_id"], strict=True
        )
    )
    head = "order_id,line,ordered_at,customer_id,item_id,location_id,units,unit_price,terminal_id,cancels_order_id\n"
    known = pd.Series(day) + pd.Timedelta(days=2)
    labels = "".join(
        f"{name},{str(fraud == 1.0).lower()},{at.isoformat(timespec='seconds')}\n"
        for name, fraud, at in zip(table["order_id"], table["is_fraud"], known, strict=True)
    )
    tables = {"transactions": head + rows, "fraud_labels": "order_id,is_fraud,known_at\n" + labels}
    world = shop(tmp_path, None, **tables)
    lines, _ = order_lines(world)
    judged = screen_lines(world, lines)
    first = final_verdict(world, lines, judged)
    assert first.judged.calibrated
    again = final_verdict(world, lines, judged, {name: kept.to_pandas() for name, kept in first.state.items()})
    for name in ("score", "kind", "reason", "doubt"):
        assert np.array_equal(getattr(first.judged, name), getattr(again.judged, name)), name
