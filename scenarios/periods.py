"""Periods of planning: days, or weeks dated by their Monday."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class Periods:
    """Arithmetic of one kind of period; `kind` is "day" or "week"."""

    kind: str

    @property
    def days(self) -> int:
        """Days in a period."""
        return 7 if self.kind == "week" else 1

    def start(self, day: date) -> date:
        """Return the first day of the period that holds `day`."""
        return day - timedelta(days=day.weekday()) if self.kind == "week" else day

    def add(self, day: date, count: int) -> date:
        """Return the start of the period `count` periods after that of `day`."""
        return self.start(day) + timedelta(days=count * self.days)

    def between(self, first: date, later: date) -> int:
        """Return how many periods `later` lies after `first`; negative before it."""
        return (self.start(later) - self.start(first)).days // self.days

    def count(self, days: float) -> int:
        """Return `days` in whole periods, rounded up."""
        return int(-(-days // self.days))

    def dates(self, first: date, count: int) -> npt.NDArray[np.datetime64]:
        """Return the starts of `count` periods from that of `first` on, shape (count,)."""
        begin = np.datetime64(self.start(first), "D")
        return begin + np.arange(count) * np.timedelta64(self.days, "D")


def weekday_numbers(text: object) -> frozenset[int]:
    """Return the weekdays named in "Mon|Thu" as numbers, Monday 0; all of them for an empty cell."""
    if not isinstance(text, str) or not text:
        return frozenset(range(7))
    return frozenset(WEEKDAYS.index(name) for name in text.split("|"))
