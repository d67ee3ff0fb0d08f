"""Random orders, cancellations, labels, capacities: every order is held or shipped, every unit counts or is told."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.filters.lines import order_lines
from optimizer.filters.rates import wilson
from optimizer.filters.stage import screen_world
from optimizer.routing.stops import deliveries_due
from tests.filters.shop import order, shop
from tests.filters.test_holds import QUEUE, fraud_shop

UNITS_TOLERANCE = 1e-5
ORDERS = st.tuples(
    st.integers(10, 30), st.sampled_from(["", "c1", "c2", "new"]), st.integers(1, 90), st.sampled_from(["", "dx"])
)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_no_order_is_dropped_silently(tmp_path_factory, data):
    found = data.draw(st.lists(ORDERS, min_size=1, max_size=8))
    rows = [order(f"o{n}", f"03-{d:02d}", c, u, device=x) for n, (d, c, u, x) in enumerate(found)]
    cancelled = data.draw(st.sets(st.integers(0, len(found) - 1)))
    rows += [order(f"x{n}", "03-31", found[n][1], -found[n][2], cancels=f"o{n}") for n in sorted(cancelled)]
    fraud = data.draw(st.dictionaries(st.integers(0, len(found) - 1), st.booleans()))
    labels = "".join(f"o{n},{str(is_fraud).lower()},2024-04-01\n" for n, is_fraud in fraud.items())
    head = "delivery_id,order_id,service_date,lat,lon,state\n"
    ahead = data.draw(st.sets(st.integers(0, len(found) - 1)))
    deliveries = "".join(f"D{n},o{n},2024-04-08,60,25,new\n" for n in sorted(ahead))
    tables = {
        "fraud_labels": "order_id,is_fraud,known_at\n" + labels,
        "deliveries": head + deliveries,
        "review_queues": QUEUE.format(minutes=data.draw(st.sampled_from([0, 6, 30])), wage=0.5),
        "locations": "location_id,name,lat,lon\nS2,Main street,60,25\n",
    }
    world = shop(tmp_path_factory.mktemp("any"), "".join(rows), **tables)
    lines, _ = order_lines(world)
    screened = screen_world(world)
    # Each delivery due is a stop, or its order is listed as held with a reason.
    held = screened.tables["order_holds"].set_index("order_id")["reason"]
    stops = set(deliveries_due(screened.world, screened.held_orders)["delivery_id"])
    for n in ahead:
        assert (f"o{n}" in held.index and bool(held[f"o{n}"])) != (f"D{n}" in stops)
    assert set(held.index) <= {f"o{n}" for n in ahead}
    # Each unit ordered counts, or stands in excluded_rows with a reason.
    excluded = screened.tables["excluded_rows"].set_index("row_key")
    assert excluded["reason"].ne("").all() and excluded.index.is_unique
    ordered = lines.loc[lines["is_order"]].assign(key=lambda t: t["order_id"] + "/" + t["line"].astype(str))
    assert set(excluded.index) <= set(ordered["key"])
    total = next((e.numbers for e in screened.exceptions if e.subject == "history totals"), None)
    if total is not None:
        assert total["ordered"] == pytest.approx(ordered["units"].sum(), abs=UNITS_TOLERANCE)
        assert total["ordered"] == pytest.approx(total["kept"] + total["out"], abs=UNITS_TOLERANCE)


def test_the_interval_of_a_share_is_wilsons():
    # 1 of 10: (.1 + .192 ± 1.96 √(.009 + .0096)) / 1.384 = .018 and .404; 0 of 0 says nothing.
    low, high = wilson(np.array([1.0, 0]), np.array([10.0, 0]))
    assert low == pytest.approx([0.018, 0.0], abs=1e-3)
    assert high == pytest.approx([0.404, 1.0], abs=1e-3)


def test_rates_are_told_by_group_of_customers_and_held_orders_are_explained(tmp_path):
    customers = "customer_id,group\nnew0,north\nnew1,south\n"
    screened = screen_world(fraud_shop(tmp_path, minutes=11, customers=customers))
    rates = screened.tables["hold_rates"]
    assert rates[["group", "kind", "orders", "hits"]].values.tolist() == [
        ["north", "held", 1, 0],
        ["south", "held", 1, 1],
    ]
    words = screened.tables["explanations"].set_index("line_id")["text"]
    assert words["f1"].startswith("order f1 waits for web: suspected fraud")
