"""How an annealing search cools: by its rounds, or by the clock."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

from solvers.outcome import Limit
from solvers.routing.problem import Work

# Temperatures in terms of the mean cost of a stop, first and last.
_WARM, _COLD = 0.3, 0.003
# Seconds between two looks at the clock, roughly.
_CLOCK: Final = 0.05


def temperatures(cost: float, stops: int) -> tuple[float, float]:
    """Return the first and the last temperature for a first plan of this cost."""
    mean = max(cost, 1e-6) / stops
    return _WARM * mean, _COLD * mean


def cooled(
    anneal: Callable[[int, float, float], None], heat: tuple[float, float], work: Work, rounds: int, deadline: float
) -> Limit:
    """Anneal so many rounds an iteration, from the first temperature to the last; return what stopped it.

    anneal : does (rounds, first, last temperature)
    """
    if work.seconds is None:
        anneal((work.iterations or 0) * rounds, *heat)
        return "iterations"
    (warm, cold), begun = heat, time.perf_counter()
    left = math.inf if work.iterations is None else work.iterations * rounds
    most, now = 10, begun
    while now < deadline and left > 0:
        part = int(min(most, left))
        done = (now - begun) / max(deadline - begun, 1e-9)
        temperature = warm * (cold / warm) ** done
        anneal(part, temperature, temperature)
        left -= part
        last, now = now, time.perf_counter()
        most = max(1, int(min(most * 2, part * _CLOCK / max(now - last, 1e-6))))
    return "iterations" if left <= 0 else "seconds"
