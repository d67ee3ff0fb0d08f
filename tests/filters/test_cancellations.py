"""Which order does a cancellation take back?"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.filters.cancellations import match_cancellations

UNITS_TOLERANCE = 1e-9


def lines_of(*rows):
    """Order lines in time order: order, line, customer, item, units and, where given, the order and line cancelled."""
    columns = ["order_id", "line", "customer_id", "item_id", "units", "cancels_order_id", "cancels_line"]
    frame = pd.DataFrame([(*row, None, None)[:7] for row in rows], columns=columns)
    frame[["units", "cancels_line"]] = frame[["units", "cancels_line"]].astype(float)
    cancelling = (frame["units"] < 0) | frame["cancels_order_id"].notna()
    hours = pd.Timestamp("2024-03-01") + pd.to_timedelta(np.arange(len(frame)), unit="h")
    return frame.assign(is_cancelling=cancelling, is_order=(frame["units"] > 0) & ~cancelling, ordered_at=hours)


def test_the_latest_order_is_taken_back_first_and_partly():
    # 5, then 3; 4 are cancelled: all of the 3 and 1 of the 5.
    matched = match_cancellations(
        lines_of(("a", 1, "c1", "tea", 5), ("b", 1, "c1", "tea", 3), ("x", 1, "c1", "tea", -4))
    )
    assert matched.voided.tolist() == [1, 3, 0]
    assert matched.unmatched.tolist() == [0, 0, 0]
    assert matched.pairs.values.tolist() == [[2, 1, 3], [2, 0, 1]]


def test_a_named_order_comes_before_a_later_one():
    matched = match_cancellations(
        lines_of(("a", 1, "c1", "tea", 5), ("b", 1, "c1", "tea", 3), ("x", 1, "c1", "tea", -2, "a", 1))
    )
    assert matched.voided.tolist() == [2, 0, 0]


def test_a_named_order_is_safe_from_a_guess_made_earlier():
    # x does not say what it cancels and could take b; y names b. So x takes a, whichever comes first.
    matched = match_cancellations(
        lines_of(
            ("a", 1, "c1", "tea", 5),
            ("b", 1, "c1", "tea", 5),
            ("x", 1, "c1", "tea", -5),
            ("y", 1, "c1", "tea", -5, "b", 1),
        )
    )
    assert matched.voided.tolist() == [5, 5, 0, 0]


def test_a_cancellation_without_units_takes_all_lines_of_the_order_it_names():
    matched = match_cancellations(
        lines_of(("a", 1, "c1", "tea", 5), ("a", 2, "c1", "rice", 2), ("x", 1, None, None, None, "a"))
    )
    assert matched.voided.tolist() == [5, 2, 0]
    assert matched.unmatched.tolist() == [0, 0, 0]


def test_a_named_line_takes_no_other_line():
    # 3 of line 2 are cancelled, which had 2: one is left over, line 1 stays.
    matched = match_cancellations(
        lines_of(("a", 1, "c1", "tea", 5), ("a", 2, "c1", "tea", 2), ("x", 1, "c1", "tea", -3, "a", 2))
    )
    assert matched.voided.tolist() == [0, 2, 0]
    assert matched.unmatched.tolist() == [0, 0, 1]


def test_only_earlier_orders_of_a_known_customer_are_guessed():
    matched = match_cancellations(
        lines_of(("x", 1, "c1", "tea", -2), ("a", 1, "c1", "tea", 5), ("y", 1, None, "tea", -1))
    )
    assert matched.voided.tolist() == [0, 0, 0]
    assert matched.unmatched.tolist() == [2, 0, 1]


def test_without_a_customer_the_same_order_is_corrected():
    # The number of order a is used again, for its own correction.
    matched = match_cancellations(
        lines_of(("a", 1, None, "tea", 5), ("b", 1, None, "tea", 5), ("a", 2, None, "tea", -5))
    )
    assert matched.voided.tolist() == [5, 0, 0]


def test_a_name_that_is_no_order_is_left_over():
    matched = match_cancellations(lines_of(("a", 1, "c1", "tea", 5), ("x", 1, "c1", "tea", -5, "gone", 1)))
    assert matched.unmatched.tolist() == [0, 5]


row = st.tuples(
    st.sampled_from(["a", "b", "c", "d"]),
    st.just(1),
    st.sampled_from(["c1", "c2", None]),
    st.sampled_from(["tea", "rice", None]),
    st.integers(-6, 9),
    st.sampled_from([None, None, "a", "b"]),
)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.lists(row, min_size=1, max_size=12))
def test_every_cancelled_unit_is_matched_or_left_over(rows):
    lines = lines_of(*rows)
    matched = match_cancellations(lines)
    units = lines["units"].to_numpy()
    asked = np.where(lines["is_cancelling"], np.abs(units), 0)
    # A cancellation that names an order and says 0 units takes nothing.
    assert (matched.voided <= np.where(lines["is_order"], units, 0) + UNITS_TOLERANCE).all()
    by_line = np.bincount(matched.pairs["cancelling"].astype(int), matched.pairs["units"], len(lines))
    assert by_line + matched.unmatched == pytest.approx(asked)
    by_order = np.bincount(matched.pairs["cancelled"].astype(int), matched.pairs["units"], len(lines))
    assert by_order == pytest.approx(matched.voided)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.integers(-6, 9).filter(bool), min_size=1, max_size=12))
def test_one_pile_is_emptied_from_the_top(units):
    # The same by hand, unit by unit: each ordered unit is a thing on a pile, each cancelled one takes the top thing.
    pile, lost = [], 0
    for n, count in enumerate(units):
        for _ in range(abs(count)):
            if count > 0:
                pile.append(n)
            elif pile:
                pile.pop()
            else:
                lost += 1
    matched = match_cancellations(lines_of(*[(f"o{n}", 1, "c1", "tea", u) for n, u in enumerate(units)]))
    left = [max(u, 0) - v for u, v in zip(units, matched.voided, strict=True)]
    assert left == [pile.count(n) for n in range(len(units))]
    assert matched.unmatched.sum() == lost
