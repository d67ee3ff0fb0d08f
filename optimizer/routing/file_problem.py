"""A routing problem read from a file, with what is needed to say its cost in the file's own units."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from solvers.model import Vector
from solvers.routing.problem import FORBIDDEN, NO_LIMIT, IntArray, Matrix, RoutingPlan, RoutingProblem, VehicleType

Rounding: TypeAlias = Literal["none", "round", "dimacs", "exact"]

# A cost of one per unit of distance.
PER_UNIT: Final = 1000.0
# Double precision in whole numbers: five decimals, times rounded up so that every plan holds in double precision.
DOUBLE_SCALE: Final = 100_000
_ROWS_AT_ONCE: Final = 512


class UnreadableRoutingFileError(Exception):
    """A routing file that cannot be read, or asks for what the problem cannot express; says where and what."""


@dataclass(frozen=True, eq=False)
class FileProblem:
    """
    A problem with the names and units of its file.

    Attributes
    ----------
    problem : in whole numbers, `scale` of them to one unit of the file.
    convention : in words, how the file's figures became whole numbers.
    scale : costs of the problem divided by it are costs as the file's best-known lists state them.
    vehicle_price : fixed cost that puts fewer vehicles before any distance; 0 where only distance counts.
    stop_numbers : number of each stop in a solution file, shape (n,).
    stop_names : name of each stop.
    vehicle_names : by vehicle type, the names of its vehicles, may be empty.
    coordinates : (x, y) or (lon, lat) of each place, shape (places, 2), None where the file has none.
    geographic : whether the coordinates are degrees.
    own_prices : whether the prices of stops left out are ours and no part of the stated cost.
    unit : whole numbers of way and time to one unit of the file, which a dispatch pack takes for a metre and a second.
    answer : ending of the file that answers it: CVRPLIB's `.sol`, or VROOM's output.
    """

    name: str
    problem: RoutingProblem
    convention: str
    scale: float
    vehicle_price: float
    stop_numbers: IntArray
    stop_names: tuple[str, ...]
    vehicle_names: tuple[tuple[str, ...], ...] = ()
    coordinates: Vector | None = None
    geographic: bool = False
    own_prices: bool = False
    unit: float = 1.0
    answer: Literal["sol", "routes.json"] = "sol"

    def stated_cost(self, plan: RoutingPlan) -> float:
        """Return the cost of a plan as the file's lists state it: without prices of our own, in its units."""
        ours = float(self.problem.stops.price[plan.unserved].sum()) if self.own_prices else 0.0
        return (plan.cost - ours - self.vehicle_price * len(plan.routes)) / self.scale

    def stated_bound(self, bound: float) -> tuple[int, float]:
        """Return a lower bound as (vehicles, cost): vehicles only where fewer of them come before any cost."""
        if self.vehicle_price <= 0:
            return 0, bound / self.scale
        vehicles = int(bound // self.vehicle_price)
        return vehicles, (bound - vehicles * self.vehicle_price) / self.scale


def text_of(path: Path) -> str:
    """Return the text of a file, unpacked where it is gzip."""
    raw = path.read_bytes()
    return (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8", "replace")


def euclidean(xy: Vector, rounding: Rounding) -> Matrix:
    """Return distances in the plane in whole numbers, shape (n, n); in 32 bits where they fit."""
    span = float(np.ptp(xy, axis=0).max()) if len(xy) else 0.0
    small = span * 1.5 * {"exact": 1000, "dimacs": 10}.get(rounding, 1) < np.iinfo(np.int32).max
    result = np.empty((len(xy), len(xy)), np.int32 if small else np.int64)
    for rows, distance in distance_rows(xy):
        result[rows] = whole(distance, rounding)
    return result


def distance_rows(xy: Vector) -> Iterator[tuple[slice, npt.NDArray[np.float64]]]:
    """Yield blocks of rows of the plain distances, so that a large matrix never exists twice."""
    for first in range(0, len(xy), _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        yield rows, np.sqrt(((xy[rows, None] - xy[None]) ** 2).sum(axis=2))


def whole(values: npt.NDArray[np.float64] | Sequence[float], rounding: Rounding) -> IntArray:
    """Return figures of a file as whole numbers.

    round: nearest, half to even (CVRPLIB); dimacs: tenths, cut off (DIMACS time windows); exact: thousandths, nearest;
    none: must be whole already.
    """
    given = np.asarray(values, np.float64)
    if rounding == "dimacs":
        return (10 * given).astype(np.int64)
    if rounding == "exact":
        return np.round(1000 * given).astype(np.int64)
    if rounding == "none" and (given != np.rint(given)).any():
        raise UnreadableRoutingFileError("figures with decimals and no rounding: choose round, dimacs or exact")
    return np.round(given).astype(np.int64)


def double_precision(xy: Vector) -> tuple[Matrix, Matrix]:
    """Return metres (nearest) and seconds (rounded up) at DOUBLE_SCALE, so that a feasible plan is feasible in double.

    Distances that are whole in the file stay whole.
    """
    metres, seconds = np.empty((2, len(xy), len(xy)), np.int64)
    for rows, distance in distance_rows(xy):
        metres[rows] = np.rint(distance * DOUBLE_SCALE)
        # A hair is taken off so that 5.0 stored as 5.000000000001 stays 5.
        seconds[rows] = np.ceil(distance * DOUBLE_SCALE - 1e-6)
    return metres, seconds


def longest_plan(metres: Matrix, stops: int) -> int:
    """Return an upper bound on the way of a sensible plan: each stop on a round trip of its own."""
    depot = metres[0]
    return int(depot[depot != FORBIDDEN].sum()) * 2 + stops


def one_type(available: int, capacity: tuple[int, ...], **other: float | int) -> VehicleType:
    """Return a vehicle type whose way costs one per unit, the benchmark default."""
    fields: dict[str, float | int] = {"cost_per_km": PER_UNIT, "shift_end": NO_LIMIT, **other}
    return VehicleType(available, capacity, **fields)  # type: ignore[arg-type]
