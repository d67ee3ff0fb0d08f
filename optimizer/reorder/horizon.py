"""How far to look: far enough that today's order arrives and the orders after it show what it was worth."""

import numpy as np
import pandas as pd

from optimizer.reorder.terms import terms
from scenarios.world import World

# Longest time looked at for order days, in periods.
_LOOK = {"day": 60, "week": 12}
_SHORTEST = {"day": 7, "week": 5}
_LONGEST = {"day": 400, "week": 60}
# Orders after today's that the horizon lets arrive.
_LATER_ORDERS = 2


def planning_horizon(world: World, pairs: pd.DataFrame) -> int:
    """Return the number of periods: the longest lead time (dc and store together) and two waits between order days."""
    found = terms(world, pairs, _LOOK[world.period])
    lines = found.lines
    if lines.empty:
        return _SHORTEST[world.period]
    lead = lines["lead_periods"]
    from_dc = lines["source_kind"] == "dc"
    reach = int(lead[~from_dc].max() if (~from_dc).any() else 0) + int(lead[from_dc].max() if from_dc.any() else 0)
    wait = int(lines["review_periods"].max())
    return int(np.clip(reach + _LATER_ORDERS * wait + 1, _SHORTEST[world.period], _LONGEST[world.period]))
