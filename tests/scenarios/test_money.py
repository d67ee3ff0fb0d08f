"""Money is whole minor units, rounded once, half to even."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.money import as_decimal, line_amount, minor_digits, shown, to_minor


@pytest.mark.parametrize(
    ("quantity", "rate", "amount"),
    [(3, 1.25, 375), (1, 0.125, 12), (1, 0.135, 14), (100, 2.675, 26750), (0.3, 1.1, 33), (7, 0.005, 4), (1, 0.005, 0)],
)
def test_a_line_is_rounded_once_half_to_even(quantity, rate, amount):
    assert line_amount(quantity, rate, "EUR") == amount


def test_currencies_have_their_own_minor_unit():
    assert (minor_digits("EUR"), minor_digits("JPY"), minor_digits("KWD")) == (2, 0, 3)
    assert line_amount(3, 99.5, "JPY") == 298  # 298.5, half to even
    assert shown(123450, "EUR") == "1,234.50 EUR"
    assert str(as_decimal(5, "KWD")) == "0.005"


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(-(10**12), 10**12), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_an_amount_survives_the_way_to_a_file_and_back(minor, currency):
    assert to_minor(float(as_decimal(minor, currency)), currency) == minor


def test_an_amount_beyond_all_reason_is_still_a_whole_number():
    assert line_amount(1e30, 2.0, "EUR") == 2 * 10**32
