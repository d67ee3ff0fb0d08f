"""Figures, dates and names as a page shows them; the same everywhere on it."""

import math
from datetime import date, datetime
from typing import Any

import pandas as pd

from optimizer.reports.markup import Markup, element
from scenarios.money import as_decimal, minor_digits

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_RATE_PLACES = 6
_SHOWN_PLACES = 1


def missing(value: Any) -> bool:
    """Return whether a cell is empty."""
    return value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def money(minor: Any, currency: str) -> str:
    """Return an amount in minor units with the decimals of its currency, without its name."""
    return "" if missing(minor) else f"{as_decimal(int(minor), currency):,}"


def major(value: float, currency: str) -> str:
    """Return an amount in major units with the decimals of its currency, without its name."""
    return f"{value:,.{minor_digits(currency)}f}"


def rate(value: Any, currency: str) -> str:
    """Return money per unit: the currency's decimals, more where the rate has more."""
    if missing(value):
        return ""
    places = minor_digits(currency)
    while places < _RATE_PLACES and abs(round(value, places) - value) > 10.0**-_RATE_PLACES / 2:
        places += 1
    return f"{value:,.{places}f}"


def units(value: Any) -> str:
    """Return a quantity: whole, or with one decimal."""
    if missing(value):
        return ""
    rounded = round(float(value), _SHOWN_PLACES)
    return f"{rounded:,.0f}" if rounded == int(rounded) else f"{rounded:,.{_SHOWN_PLACES}f}"


def percent(share: float, places: int = 1) -> str:
    """Return a share as a percentage."""
    return f"{100 * share:,.{places}f} %"


def counted(count: int, one: str, many: str = "") -> str:
    """Return a number with its noun: 1 line, 2 lines."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def day_words(day: date) -> str:
    """Return a day as people say it, whatever the locale: Mon 25 Nov 2024."""
    return f"{_DAYS[day.weekday()]} {short_day(day)} {day.year}"


def short_day(day: date) -> str:
    """Return a day without its year: 25 Nov."""
    return f"{day.day} {_MONTHS[day.month - 1]}"


def day_cell(day: Any) -> Markup | None:
    """Return a day for a table cell: Thu 28 Nov, sortable by its ISO text; None for an empty cell."""
    if missing(day):
        return None
    return element("time", f"{_DAYS[day.weekday()]} {short_day(day)}", datetime=day.isoformat())


def clock_cell(moment: Any) -> Markup | None:
    """Return the time of day of an instant for a table cell."""
    if missing(moment):
        return None
    return element("time", f"{moment:%H:%M}", datetime=moment.isoformat())


def clock(moment: datetime) -> str:
    """Return the time of day of an instant."""
    return f"{moment:%H:%M}"
