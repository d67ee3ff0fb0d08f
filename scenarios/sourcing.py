"""Who delivers what to where on the plan date, and how long one waits between two orders."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from scenarios.periods import weekday_numbers
from scenarios.world import World

_KEYS = ["item_id", "location_id"]


def valid_sources(world: World) -> pd.DataFrame:
    """Return the rows of `sources` in force on the plan date, the latest of each item, place and source."""
    sources, day = world.frame("sources"), world.plan_date
    begun = sources["valid_from"].isna() | (sources["valid_from"].fillna(day) <= day)
    going = sources["valid_to"].isna() | (sources["valid_to"].fillna(day) >= day)
    valid = sources[begun & going].sort_values([*_KEYS, "source_id", "valid_from"], na_position="first", kind="stable")
    return valid.drop_duplicates([*_KEYS, "source_id"], keep="last")


def preferred_sources(world: World) -> pd.DataFrame:
    """Return one row of `sources` for each item and place: the smallest priority, then the cheapest, then by name."""
    ordered = valid_sources(world).sort_values([*_KEYS, "priority", "unit_cost", "source_id"], kind="stable")
    return ordered.drop_duplicates(_KEYS)


def order_weekdays(world: World) -> dict[str, frozenset[int]]:
    """Return the weekdays (Monday 0) of each supplier that names its order days; none in weekly worlds."""
    if world.period == "week":
        return {}
    days = world.frame("suppliers").set_index("supplier_id")["order_days"]
    return {str(name): weekday_numbers(text) for name, text in days.items() if isinstance(text, str) and text}


def review_periods(world: World, source_ids: "pd.Series[str]") -> npt.NDArray[np.float64]:
    """Return the longest wait between two order days of each source, in periods; the policy's where it names none."""
    usual = float(max(world.periods.count(world.policy.review_days), 1))
    waits = {name: _longest_wait(days) for name, days in order_weekdays(world).items()}
    return np.array([waits.get(name, usual) for name in source_ids], dtype=np.float64)


def _longest_wait(days: frozenset[int]) -> float:
    ordered = sorted(days)
    return float(max((later - day - 1) % 7 + 1 for day, later in zip(ordered, ordered[1:] + ordered[:1], strict=True)))
