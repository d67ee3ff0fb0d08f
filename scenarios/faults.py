"""What is wrong with an input, in words: place, finding, expectation, remedy."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches
from types import MappingProxyType

from scenarios.schema import Column

# Day 0 of the serial dates that spreadsheets write (they count a 29 February 1900 that never was).
_SERIAL_DAY_ZERO = date(1899, 12, 30)
_LONGEST_FOUND = 60


@dataclass(frozen=True)
class Fault:
    """One finding; `row` counts as a spreadsheet does (the header is row 1), 0 is the whole file."""

    table: str
    file: str
    row: int
    column: str
    found: str
    expected: str
    remedy: str
    money: int | None = None

    def __str__(self) -> str:
        """Return the finding as one sentence."""
        place = (
            self.file + (f" row {self.row}" if self.row else "") + (f", column {self.column}" if self.column else "")
        )
        return f"{place}: found {shorten(self.found)}; expected {self.expected}; {self.remedy}"


class UnusableInputError(Exception):
    """Nothing can be planned from these data; `faults` says why."""

    def __init__(self, message: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(message)
        self.faults = tuple(faults)


def shorten(text: str) -> str:
    """Return `text` in quotes, control characters shown, cut where it is too long to read."""
    shown = text if len(text) <= _LONGEST_FOUND else f"{text[:_LONGEST_FOUND]}… ({len(text):,} characters)"
    return '"' + "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in shown) + '"'


def nearest(word: str, words: Sequence[str]) -> str:
    """Return a hint at the entry of `words` most like `word`, or nothing."""
    close = get_close_matches(word, words, n=1, cutoff=0.75)
    return f'; did you mean "{close[0]}"?' if close else ""


_EXPECTED_BY_KIND: Mapping[str, str] = MappingProxyType(
    {
        "empty": "a value",
        "control": "text without control characters",
        "weekday": "the Monday of the week",
        "weeks": "whole weeks: a multiple of 7 days",
        "far": "a date between 1900 and 2200",
    }
)
_EXPECTED_BY_TYPE: Mapping[str, str] = MappingProxyType(
    {
        "date": "a date as 2024-04-15",
        "instant": "a date and time as 2024-04-15T07:30:00",
        "time": "a time of day as 07:30",
        "boolean": "true or false",
        "integer": "a whole number",
        "days": "a whole number",
    }
)


def expectation(column: Column, kind: str) -> str:
    """Return what a cell of `column` should hold, given the `kind` of fault found there."""
    if kind in _EXPECTED_BY_KIND:
        return _EXPECTED_BY_KIND[kind]
    if column.choices:
        return "one of " + ", ".join(column.choices)
    if kind in {"low", "high"}:
        return _range(column)
    if column.pattern:
        return f"text as {column.example}"
    return _EXPECTED_BY_TYPE.get(column.type, "a finite number")


def _range(column: Column) -> str:
    if column.above is not None:
        return f"more than {column.above:g}"
    if column.minimum is not None and column.maximum is not None:
        return f"{column.minimum:g} to {column.maximum:g}"
    return f"at least {column.minimum:g}" if column.minimum is not None else f"at most {column.maximum:g}"


def remedy(column: Column, kind: str, found: str) -> str:
    """Return what a person can do about the cell `found` in `column`."""
    text = found.strip()
    if kind == "low" and column.name in {"units", "on_hand"}:
        return "returns and corrections belong in transactions; give the count here"
    if kind == "weekday":
        day = date.fromisoformat(text[:10])
        return f"the week's Monday is {day - timedelta(days=day.weekday())}"
    if kind != "type":
        return _REMEDY_BY_KIND.get(kind, "correct the figure")
    if column.type == "date":
        return _date_remedy(text)
    if column.choices:
        return "write it as listed" + nearest(text.lower(), column.choices)
    return _number_remedy(text)


_REMEDY_BY_KIND: Mapping[str, str] = MappingProxyType(
    {
        "empty": "fill the cell or leave the row out",
        "control": "remove the character; it often comes from a damaged export",
    }
)


def _number_remedy(text: str) -> str:
    if re.fullmatch(r"-?[\d.]*\d,\d+", text):
        return 'looks like a decimal comma, set decimal = "," in policy.toml'
    if re.fullmatch(r"-?\d*\.\d+", text):
        return 'looks like a decimal point, set decimal = "." in policy.toml'
    if re.fullmatch(r"(?i)[+-]?(nan|inf(inity)?|n/?a|null|none|-)", text) or _is_huge(text):
        return "leave the cell empty where the figure is unknown"
    return "correct the cell"


def _is_huge(text: str) -> bool:
    try:
        return float(text) in {float("inf"), float("-inf")}
    except ValueError:
        return False


def _date_remedy(text: str) -> str:
    if re.fullmatch(r"\d{5}(\.0*)?", text):
        day = _SERIAL_DAY_ZERO + timedelta(days=int(text[:5]))
        return f"looks like a spreadsheet's serial date for {day}; format the column as text yyyy-mm-dd"
    if re.fullmatch(r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}", text):
        return "day and month cannot be told apart; write year-month-day"
    if re.match(r"\d{4}-\d{1,2}-\d{1,2}[ T]", text):
        return "leave the time of day out"
    return "write year-month-day, a day that exists"
