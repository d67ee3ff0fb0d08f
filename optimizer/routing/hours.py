"""Hours of the day as the tables write them: clocks, when travel changes, the speed of roads by hour."""

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from scenarios.world import World

HOUR_SECONDS: Final = 3600
DAY_SECONDS: Final = 86_400
_HOURS: Final = 24


def clock_seconds(text: object, missing: int) -> int:
    """Return "HH:MM" in seconds since midnight, `missing` where there is no text."""
    if not isinstance(text, str):
        return missing
    hours, minutes = text.split(":")
    return int(hours) * HOUR_SECONDS + int(minutes) * 60


def shift_seconds(start: object, end: object) -> tuple[int, int]:
    """Return a shift "HH:MM" to "HH:MM" in seconds of the plan date; one that ends before it starts ends tomorrow."""
    first, last = clock_seconds(start, 0), clock_seconds(end, DAY_SECONDS)
    return first, last + DAY_SECONDS * (last <= first)


def factors_of(edges: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return the speed of each road by hour as a share of its own, shape (edges, 24); 1 where it names none."""
    texts: Iterable[object] = edges["hour_factors"]
    rows = [[float(part) for part in text.split("|")] if isinstance(text, str) else [1.0] * _HOURS for text in texts]
    return np.array(rows, np.float64).reshape(-1, _HOURS)


def bands_of(world: World) -> list[int]:
    """Return the hours from which travel times are others than before, 0 always among them.

    Those of the travel table's rows, and those at which some road's speed changes.
    """
    named = world.frame("travel")
    hours = {0}
    several = named[named.duplicated(["from_id", "to_id"], keep=False)]
    hours |= {int(hour) for hour in several["from_hour"]}
    factors = factors_of(world.frame("road_edges"))
    if len(factors):
        changes = (np.diff(factors, axis=1) != 0).any(axis=0)
        hours |= {int(hour) + 1 for hour in np.flatnonzero(changes)}
    return sorted(hours)
