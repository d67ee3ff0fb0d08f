"""What of a problem goes beyond loads, windows and limits, in words: for engines that cannot take it all."""

from __future__ import annotations

import numpy as np

from solvers.routing.problem import ALONE, TOGETHER, RoutingProblem


def features(problem: RoutingProblem) -> dict[str, bool]:
    """Return whether the problem asks for each feature, by its words."""
    stops, types = problem.stops, problem.vehicle_types
    several = int((np.diff(stops.first_window) > 1).sum())
    return {
        f"several windows ({several} stops have them)": several > 0,
        "shipments": bool((stops.partner != ALONE).any()),
        "reloads": any(v.max_reloads > 0 for v in types),
        "breaks": any(v.breaks for v in types),
        "travel times by hour": any(len(seconds.shape) == 3 for seconds in problem.seconds),
        "goods that must not travel together": len(set(stops.apart.tolist()) - {TOGETHER}) > 1,
        "settled stops": any(v.prefix or v.driven or v.resume > v.shift_start for v in types),
        "dock slots": bool(problem.docks) or any(v.loading for v in types),
    }
