"""Words and numbers of the routing problem that several of its files share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

IntArray: TypeAlias = npt.NDArray[np.int64]
Matrix: TypeAlias = npt.NDArray[np.signedinteger[Any]]

# Metres of an arc nobody may drive, or that does not exist.
FORBIDDEN: Final = -1
# Price of leaving out a stop that must be served.
MUST: Final = math.inf
# Any limit from here on means none.
NO_LIMIT: Final = 2**60
# In a driving order: back at the depot to unload what was fetched and load the next trip.
RELOAD: Final = -1
# Partner of a stop whose goods come from, or go to, the depot.
ALONE: Final = -1
# Group of goods that go with any others.
TOGETHER: Final = -1

METRES_PER_KM: Final = 1000.0
SECONDS_PER_HOUR: Final = 3600.0


def trips_of(stops: Sequence[int]) -> list[list[int]]:
    """Return the stops of each trip of a driving order."""
    trips: list[list[int]] = [[]]
    for stop in stops:
        if stop == RELOAD:
            trips.append([])
        else:
            trips[-1].append(int(stop))
    return trips
