"""Vehicles that are alike, with their driver's breaks and what is already settled of their route."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from solvers.routing.terms import METRES_PER_KM, NO_LIMIT, SECONDS_PER_HOUR


class Break(NamedTuple):
    """A break of the driver, taken standing at a stop or at a depot between two trips, before or after the service.

    It begins inside [earliest, latest], both included, and takes `seconds`. Unpaid ones cost nothing and count neither
    for `max_seconds` nor as overtime.

    Without `after_drive_seconds` it is taken once, by every route under way at `latest`: one that begins by then and
    ends after it. A shorter or a later route needs none. With it, it is a rule: as often as needed, so that the driving
    since the start, or since the last break that is no shorter, never exceeds so many seconds. An arc that takes longer
    is closed to the vehicle. Regulation (EC) 561/2006, article 7: 2,700 after 16,200; VROOM has the first kind only.
    """

    earliest: int
    latest: int
    seconds: int
    after_drive_seconds: int = NO_LIMIT
    paid: bool = True

    @property
    def is_rule(self) -> bool:
        """Whether driving time decides when it is taken."""
        return self.after_drive_seconds < NO_LIMIT


@dataclass(frozen=True, eq=False)
class VehicleType:
    """Vehicles that are alike; costs in minor units, a rate of 1000 per km is one per metre.

    Attributes
    ----------
    available : how many there are.
    capacity : in each load dimension, length d.
    depot, end_depot : numbers of depots; end_depot None ends at the last stop.
    shift_start, shift_end : the route lies inside, seconds.
    max_seconds, max_metres, max_stops : of one route, all its trips; NO_LIMIT for none. Unpaid breaks are no seconds.
    fixed_cost : of one route; cost_per_km of its way, cost_per_hour of its duration, waiting included.
    overtime_after : seconds of duration from which an hour costs overtime_per_hour more; NO_LIMIT for never.
    max_reloads : how often it may come back to `depot` and load again; reload_seconds at the depot each time.
    profile : which travel matrices it drives by.
    allowed : which stops it may serve, shape (n,); None for all.
    breaks : of its driver.
    loading : (from, to) in which its loadings must lie, the first one too, which takes reload_seconds before the
        route's start; () for any time.
    prefix : the stops its route begins with, RELOAD among them, exactly so, of a type with one vehicle. They are
        settled: their windows and releases are asked of nobody any more, loads and skills are.
    driven : when it left its depot and the first stops of the prefix, as it was.
    resume : it leaves the last stop of the prefix, or the depot where it has none, no earlier.
    """

    available: int
    capacity: tuple[int, ...]
    depot: int = 0
    end_depot: int | None = 0
    shift_start: int = 0
    shift_end: int = NO_LIMIT
    max_seconds: int = NO_LIMIT
    max_metres: int = NO_LIMIT
    max_stops: int = NO_LIMIT
    fixed_cost: float = 0.0
    cost_per_km: float = 0.0
    cost_per_hour: float = 0.0
    overtime_after: int = NO_LIMIT
    overtime_per_hour: float = 0.0
    max_reloads: int = 0
    reload_seconds: int = 0
    profile: int = 0
    allowed: npt.NDArray[np.bool_] | None = None
    breaks: tuple[Break, ...] = ()
    loading: tuple[tuple[int, int], ...] = ()
    prefix: tuple[int, ...] = ()
    driven: tuple[int, ...] = ()
    resume: int = 0

    @property
    def rates(self) -> tuple[float, float, float]:
        """Cost of a metre, of a second, and what a second of overtime adds."""
        hours = self.cost_per_hour / SECONDS_PER_HOUR, self.overtime_per_hour / SECONDS_PER_HOUR
        return self.cost_per_km / METRES_PER_KM, *hours

    @property
    def fixed_cost_of_a_trip(self) -> float:
        """The least share of its fixed cost that a trip bears."""
        return self.fixed_cost / (1 + self.max_reloads)

    def may_serve(self, stop: int) -> bool:
        """Return whether it has what the stop asks for."""
        return self.allowed is None or bool(self.allowed[stop])

    def cost(self, metres: int, seconds: int) -> float:
        """Return the cost of a route of so many metres and paid seconds, minor units."""
        way, time = metres / METRES_PER_KM * self.cost_per_km, seconds / SECONDS_PER_HOUR * self.cost_per_hour
        overtime = max(seconds - self.overtime_after, 0) / SECONDS_PER_HOUR * self.overtime_per_hour
        return self.fixed_cost + way + time + overtime
