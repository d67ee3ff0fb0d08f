"""Money: amounts are whole minor units of their currency inside, decimals in files; rates stay decimals."""

from decimal import ROUND_HALF_EVEN, Decimal

_WITHOUT_MINOR = frozenset({"JPY", "KRW", "CLP", "VND", "ISK", "HUF", "UGX", "XAF", "XOF", "PYG"})
_WITH_THOUSANDTHS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
_RATE_PLACES = 6


def minor_digits(currency: str) -> int:
    """Return the decimal places of a currency's amounts."""
    if currency in _WITHOUT_MINOR:
        return 0
    return 3 if currency in _WITH_THOUSANDTHS else 2


def line_amount(quantity: float, rate: float, currency: str) -> int:
    """Return quantity × rate in whole minor units, rounded once, half to even.

    Both factors are taken as the decimals they print as, so that 2.675 × 100 is the same on every machine.
    """
    exact = Decimal(repr(round(float(quantity), _RATE_PLACES))) * Decimal(repr(round(float(rate), _RATE_PLACES)))
    return int(exact.scaleb(minor_digits(currency)).to_integral_value(ROUND_HALF_EVEN))


def to_minor(value: float, currency: str) -> int:
    """Return an amount of money, given in major units, in whole minor units, half to even."""
    return line_amount(1, value, currency)


def as_decimal(minor: int, currency: str) -> Decimal:
    """Return an amount in minor units as the decimal that files show."""
    return Decimal(int(minor)).scaleb(-minor_digits(currency))


def shown_price(price: float, currency: str) -> str:
    """Return a price in major units with the decimal places of its currency: 1,234.50."""
    return f"{price:,.{minor_digits(currency)}f}"


def shown(minor: int, currency: str) -> str:
    """Return an amount as people read it: 1,234.50 EUR."""
    return f"{as_decimal(minor, currency):,} {currency}"
