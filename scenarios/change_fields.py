"""What the fields of a change name: amounts, goods and places, days."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scenarios.world import World

Flags = npt.NDArray[np.bool_]
Change = Mapping[str, Any]
# Sets a value, multiplies it, or adds to it.
AMOUNTS = ("percent", "factor", "add", "to")
PERIOD = ("from", "until")
GOODS = ("item", "category")
# No price, budget or time of a company is larger.
_MOST = 1e12


class ChangeError(ValueError):
    """A change cannot be made; the message says what was found and what would help."""


def moved(values: pd.Series, change: Change) -> pd.Series:
    """Return values under the amount a change names; ChangeError unless it names one."""
    given = [name for name in AMOUNTS if name in change]
    if len(given) != 1:
        raise ChangeError(f"names {' and '.join(given) or 'no amount'}; give one of {', '.join(AMOUNTS)}")
    amount = change[given[0]]
    if isinstance(amount, bool) or not isinstance(amount, int | float) or not np.isfinite(amount):
        raise ChangeError(f'{given[0]} is "{amount}"; give a number')
    values = values.astype(float)
    if given[0] == "to":
        result = values * 0.0 + amount
    else:
        result = values + amount if given[0] == "add" else values * times(change)
    if (result < 0.0).any():
        raise ChangeError(f"{given[0]} {amount:g} makes values negative")
    if (result > _MOST).any():
        raise ChangeError(f"{given[0]} {amount:g} makes values larger than {_MOST:g}; correct it")
    return result


def times(change: Change) -> float:
    """Return the factor that percent or factor gives."""
    return 1.0 + change["percent"] / 100.0 if "percent" in change else float(change["factor"])


def named(change: Change, name: str) -> list[str]:
    """Return the names a field gives: one, or a list of them."""
    given = change.get(name, [])
    return [str(one) for one in (given if isinstance(given, list) else [given])]


def goods(world: World, change: Change) -> set[str]:
    """Return the items that `item` and `category` name; all without them."""
    items = world.frame("items")
    chosen = pd.Series(True, index=items.index)
    if "item" in change:
        chosen &= items["item_id"].isin(known(items["item_id"], named(change, "item"), "item"))
    if "category" in change:
        chosen &= items["category"].isin(known(items["category"].dropna(), named(change, "category"), "category"))
    return set(items.loc[chosen, "item_id"])


def known(values: pd.Series, wanted: list[str], what: str) -> list[str]:
    """Return the names wanted; ChangeError where one is not among the values."""
    there = sorted({str(value) for value in values})
    missing = [name for name in wanted if name not in there]
    if missing:
        shown = ", ".join(there[:8]) + (" and others" if len(there) > 8 else "")
        raise ChangeError(f"{what} {', '.join(missing)} is not known; known are {shown}")
    return wanted


def rows_named(world: World, frame: pd.DataFrame, change: Change) -> Flags:
    """Return the rows of a table that the change's item, category, place and source name."""
    chosen = np.ones(len(frame), bool)
    if "item" in change or "category" in change:
        chosen &= frame["item_id"].isin(goods(world, change)).to_numpy(bool)
    if "place" in change:
        places = known(world.frame("locations")["location_id"], named(change, "place"), "place")
        chosen &= frame["location_id"].isin(places).to_numpy(bool)
    if "source" in change:
        chosen &= frame["source_id"].isin(known(frame["source_id"], named(change, "source"), "source")).to_numpy(bool)
    return chosen


def day_of(change: Change, name: str) -> date | None:
    """Return the day a field gives, None without it."""
    day = change.get(name)
    if day is not None and (not isinstance(day, date) or isinstance(day, datetime)):
        raise ChangeError(f'{name} is "{day}"; write the day as 2024-12-31, without quotes or time')
    return day


def days_of(world: World, change: Change) -> tuple[date | None, date | None]:
    """Return the first and last day a change names; ChangeError where they are over before the plan date."""
    first, last = day_of(change, "from"), day_of(change, "until")
    if first is not None and last is not None and last < first:
        raise ChangeError(f"until {last} is before from {first}")
    if last is not None and last < world.plan_date:
        raise ChangeError(f"until {last} is before the plan date {world.plan_date}: nothing is planned for those days")
    return first, last


def both_days(world: World, change: Change) -> tuple[date, date]:
    """Return the first and last day of a change that must name both."""
    first, last = days_of(world, change)
    if first is None or last is None:
        raise ChangeError("names no days; give from and until")
    return first, last


def whole_number(change: Change, name: str, usual: int) -> int:
    """Return a count of at least 1."""
    count = change.get(name, usual)
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ChangeError(f'{name} is "{count}"; give a whole number of at least 1')
    return count
