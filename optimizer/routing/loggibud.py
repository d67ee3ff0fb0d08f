"""Parcel instances of loggibud: deliveries from one origin, by coordinates, into a routing problem."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from optimizer.routing.file_problem import PER_UNIT, FileProblem, UnreadableRoutingFileError, one_type
from solvers.paths_on_graph import DETOUR_FACTOR, straight_travel
from solvers.routing.problem import RoutingProblem, stops_of

_KMH: Final = 40.0
# Three thousand deliveries and their origin are two matrices of 72 MB.
_MOST: Final = 3000


def is_parcels(given: Mapping[str, Any]) -> bool:
    """Return whether this is an instance of parcels: an origin, a capacity, deliveries."""
    return {"origin", "vehicle_capacity", "deliveries"} <= given.keys()


def read_parcels(path: Path, given: Mapping[str, Any]) -> FileProblem:
    """
    Return the problem of an instance: metres count, as many vehicles as deliveries, all back to the origin.

    The published costs rest on a road server; here ways are the great circle times 1.3 at 40 km/h.

    Loggi (2021), loggibud: Loggi Benchmark for Urban Deliveries.

    Raises UnreadableRoutingFileError for what is missing, and for more deliveries than matrices should hold.
    """
    try:
        points = [given["origin"], *(delivery["point"] for delivery in given["deliveries"])]
        place = np.array([(float(point["lng"]), float(point["lat"])) for point in points])
        sizes = np.array([[int(delivery["size"])] for delivery in given["deliveries"]], np.int64).reshape(-1, 1)
        names = _told_apart([str(delivery["id"]) for delivery in given["deliveries"]])
        capacity = int(given["vehicle_capacity"])
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableRoutingFileError(f"{path.name}: no parcel instance: {error!r}") from error
    if not 0 < len(names) <= _MOST:
        words = f"{len(names):,} deliveries, expected 1 to {_MOST:,}; cut the region into parts"
        raise UnreadableRoutingFileError(f"{path.name}: {words}")
    if not (np.isfinite(place).all() and (np.abs(place) <= (180, 90)).all()):
        raise UnreadableRoutingFileError(f"{path.name}: coordinates that are no degrees")
    way = straight_travel(place[:, 1], place[:, 0], _KMH)
    count = len(names)
    stops = stops_of(np.arange(1, count + 1), sizes)
    types = (one_type(count, (capacity,), cost_per_km=PER_UNIT),)
    return FileProblem(
        name=str(given.get("name", path.name.split(".")[0])),
        problem=RoutingProblem(stops, np.zeros(1, np.int64), types, (way.metres,), (way.seconds,)),
        convention=f"metres of the great circle times {DETOUR_FACTOR} at {_KMH:g} km/h, the file has no matrices",
        scale=1.0,
        vehicle_price=0.0,
        stop_numbers=np.arange(1, count + 1),
        stop_names=names,
        coordinates=place,
        geographic=True,
    )


def _told_apart(ids: list[str]) -> tuple[str, ...]:
    """Return the ids, those of parcels that share one with a number: a customer's second parcel is a stop too."""
    seen: Counter[str] = Counter()
    names = []
    for name in ids:
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return tuple(names)
