"""CVRPLIB / TSPLIB `.vrp` files, with the sections benchmark sets have added, into a routing problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.routing.file_problem import (
    PER_UNIT,
    FileProblem,
    Rounding,
    UnreadableRoutingFileError,
    euclidean,
    text_of,
    whole,
)
from solvers.model import Vector
from solvers.routing.problem import (
    FORBIDDEN,
    MUST,
    NO_LIMIT,
    IntArray,
    Matrix,
    RoutingProblem,
    VehicleType,
    Ways,
    stops_of,
)
from solvers.routing.straight_ways import StraightWays

# How the published best-known values of each type of problem were counted.
_ROUNDING: Final[dict[str, Rounding]] = {
    "VRPTW": "dimacs", "PCVRPTW": "dimacs", "MDVRPTW": "exact", "SDVRPTW": "exact", "MTVRPTWR": "dimacs",
}  # fmt: skip
_WORDS: Final[dict[Rounding, str]] = {
    "none": "figures as they stand",
    "round": "distances to the nearest whole number",
    "dimacs": "all figures times 10, cut off",
    "exact": "all figures times 1,000, to the nearest",
}
_UNIT: Final[dict[Rounding, float]] = {"none": 1.0, "round": 1.0, "dimacs": 10.0, "exact": 1000.0}
# Files of more nodes than this keep no matrix: 4,000 nodes are 128 MB, 10,000 are 800.
LARGEST_MATRIX: Final = 2000
# Best-known lists state costs of mixed fleets in hundredths of the file's, and of VRPTW in units of the file.
_COST_SCALE: Final[dict[tuple[str, Rounding], float]] = {
    ("HFVRP", "round"): 100.0, ("VRPTW", "dimacs"): 10.0,
}  # fmt: skip
_REFUSED: Final[dict[str, str]] = {
    "MUTUALLY_EXCLUSIVE_GROUP": "alternatives of which one is served",
    "PICKUP_AND_DELIVERY": "shipments in a .vrp file (Li-Lim .txt files are read)",
}
_READ: Final = frozenset(
    {
        *("NODE_COORD", "DEMAND", "LINEHAUL", "BACKHAUL", "SERVICE_TIME", "TIME_WINDOW", "RELEASE_TIME", "PRIZE"),
        *("CAPACITY", "DEPOT", "EDGE_WEIGHT", "DISPLAY_DATA", "VEHICLES_DEPOT", "VEHICLES_MAX_DURATION"),
        *("VEHICLES_RELOAD_DEPOT", "VEHICLES_MAX_RELOADS", "VEHICLES_MAX_DISTANCE"),
        *("VEHICLES_FIXED_COST", "VEHICLES_UNIT_DISTANCE_COST", "VEHICLES_ALLOWED_CLIENTS"),
    }
)


@dataclass(frozen=True)
class _Text:
    """Header fields and numbers of each section, rows without their leading index where the section has one."""

    where: str
    fields: dict[str, str]
    sections: dict[str, list[list[str]]]

    def fault(self, text: str) -> UnreadableRoutingFileError:
        return UnreadableRoutingFileError(f"{self.where}: {text}")

    def number(self, name: str) -> float | None:
        if name not in self.fields:
            return None
        try:
            return float(self.fields[name])
        except ValueError:
            raise self.fault(f'{name} is "{self.fields[name]}", expected a number') from None

    def rows(self, name: str, count: int, width: int | None = None) -> npt.NDArray[np.float64] | None:
        """Return the figures of an indexed section, shape (count, width), in the order of the index."""
        if name not in self.sections:
            return None
        rows = self.sections[name]
        index = [row[0] for row in rows]
        if index != [str(n + 1) for n in range(count)]:
            raise self.fault(f"{name}_SECTION has {len(rows)} rows, expected 1 to {count} in order")
        try:
            values = np.array([[float(cell) for cell in row[1:]] for row in rows])
        except ValueError as error:
            raise self.fault(f"{name}_SECTION: {error}") from None
        if width is not None and values.shape[1] != width:
            raise self.fault(f"{name}_SECTION has {values.shape[1]} figures a row, expected {width}")
        return values


def read_vrplib(path: Path, rounding: Rounding | None = None) -> FileProblem:
    """
    Return the problem of a `.vrp` file (gzip too).

    rounding: None follows the lists of the file's TYPE: VRPTW and PCVRPTW tenths cut off, MDVRPTW and SDVRPTW
    thousandths, EXPLICIT matrices as they stand, all else nearest whole distances.

    Raises UnreadableRoutingFileError for what is wrong in the file and, in words, for what cannot be expressed.
    """
    text = _parsed(path)
    kind = text.fields.get("TYPE", "CVRP").upper()
    explicit = text.fields.get("EDGE_WEIGHT_TYPE") == "EXPLICIT"
    chosen: Rounding = rounding or ("none" if explicit else _ROUNDING.get(kind, "round"))
    count = int(text.number("DIMENSION") or 0)
    if count < 1:
        raise text.fault("DIMENSION is missing")
    return _problem(text, kind, count, chosen)


def _parsed(path: Path) -> _Text:
    fields: dict[str, str] = {}
    sections: dict[str, list[list[str]]] = {}
    current: list[list[str]] | None = None
    for line in text_of(path).splitlines():
        words = line.split()
        if not words or words[0] == "EOF":
            current = current if words == [] else None
            continue
        if words[0].rstrip(":").endswith("_SECTION"):
            current = sections.setdefault(words[0].rstrip(":").removesuffix("_SECTION"), [])
        elif current is not None and not words[0][0].isalpha():
            current.append(words)
        elif ":" in line:
            name, _, value = line.partition(":")
            fields[name.strip().upper()] = value.strip()
    refused = [words for name, words in _REFUSED.items() if name in sections or name in fields]
    unknown = sorted(sections.keys() - _READ - _REFUSED.keys())
    if refused or unknown:
        asked = [*dict.fromkeys(refused), *(f"section {name}" for name in unknown)]
        raise UnreadableRoutingFileError(f"{path.name}: cannot be planned yet: {', '.join(asked)}")
    return _Text(path.name, fields, sections)


def _problem(text: _Text, kind: str, count: int, rounding: Rounding) -> FileProblem:
    coordinates = text.rows("NODE_COORD", count, 2)
    metres = _ways(text, kind, count, coordinates, rounding)
    seconds = metres if isinstance(metres, StraightWays) else np.maximum(metres, 0)
    depots = _depots(text)
    figures = _Figures(text, count, rounding, depots)
    if kind == "VRPB" and not isinstance(metres, StraightWays):
        metres = _linehauls_first(metres, figures.delivery, figures.pickup)
    window = figures.indexed("TIME_WINDOW", 2)
    prize = figures.indexed("PRIZE", 1)
    others: dict[str, npt.NDArray[np.generic]] = {"pickup": figures.pickup[depots:]}
    if window is not None:
        others["window"] = window[depots:]
    if prize is not None:
        # A prize of 0 marks a stop that must be served.
        others["price"] = np.where(prize[depots:, 0] == 0, MUST, prize[depots:, 0].astype(np.float64))
    service, release = figures.service(), figures.indexed("RELEASE_TIME", 1)
    others["service_seconds"] = service[depots:]
    if release is not None:
        others["release"] = release[depots:, 0]
    stops = stops_of(np.arange(depots, count, dtype=np.int64), figures.delivery[depots:], **others)
    types, names = _vehicles(figures, window, metres)
    return FileProblem(
        name=text.fields.get("NAME", text.where),
        problem=RoutingProblem(stops, np.arange(depots, dtype=np.int64), types, (metres,), (seconds,)),
        convention=_WORDS[rounding],
        scale=_COST_SCALE.get((kind, rounding), 1.0),
        vehicle_price=0.0,
        stop_numbers=np.arange(1, count - depots + 1, dtype=np.int64) + (depots - 1),
        stop_names=tuple(str(n + 1) for n in range(depots, count)),
        vehicle_names=names,
        coordinates=coordinates,
        unit=_UNIT[rounding],
    )


def _ways(text: _Text, kind: str, count: int, coordinates: Vector | None, rounding: Rounding) -> Ways:
    """Return the matrix of metres; for thousands of nodes in the plane, none: each way is computed when asked for."""
    if count <= LARGEST_MATRIX or text.fields.get("EDGE_WEIGHT_TYPE") != "EUC_2D" or kind == "VRPB":
        return _metres(text, count, coordinates, rounding)
    if coordinates is None or rounding == "none":
        return _metres(text, count, coordinates, rounding)
    return StraightWays(coordinates, _UNIT[rounding], rounding == "dimacs")


def _metres(text: _Text, count: int, coordinates: Vector | None, rounding: Rounding) -> Matrix:
    kind, form = text.fields.get("EDGE_WEIGHT_TYPE", ""), text.fields.get("EDGE_WEIGHT_FORMAT", "")
    if kind == "EUC_2D" and coordinates is not None:
        return euclidean(coordinates, rounding)
    if kind != "EXPLICIT":
        raise text.fault(f'EDGE_WEIGHT_TYPE "{kind}" is not read; EUC_2D with coordinates and EXPLICIT are')
    weights = np.array([float(cell) for row in text.sections.get("EDGE_WEIGHT", []) for cell in row])
    if form == "FULL_MATRIX" and len(weights) == count * count:
        return whole(weights.reshape(count, count), rounding)
    if form == "LOWER_ROW" and len(weights) == count * (count - 1) // 2:
        lower = np.zeros((count, count))
        lower[np.tril_indices(count, -1)] = weights
        return whole(lower + lower.T, rounding)
    raise text.fault(f'{len(weights)} edge weights do not make a "{form}" of {count} nodes')


def _depots(text: _Text) -> int:
    """Return the number of depots, which must be the first nodes."""
    given = [int(row[0]) for row in text.sections.get("DEPOT", [["1"]]) if row[0] != "-1"]
    if given != list(range(1, len(given) + 1)):
        raise text.fault(f"depots {given} are not the first nodes")
    return len(given)


class _Figures:
    """Figures of a file in whole numbers, by node or by vehicle."""

    def __init__(self, text: _Text, count: int, rounding: Rounding, depots: int) -> None:
        self.text, self.count, self.rounding, self.depots = text, count, rounding, depots
        self.vehicles = int(text.number("VEHICLES") or count - depots)
        brought = self.indexed("DEMAND", 1)
        brought = self.indexed("LINEHAUL", 1) if brought is None else brought
        fetched = self.indexed("BACKHAUL", 1)
        zero = np.zeros((count, 1), np.int64)
        self.delivery = zero if brought is None else brought
        self.pickup = zero if fetched is None else fetched

    def indexed(self, name: str, width: int) -> IntArray | None:
        values = self.text.rows(name, self.count, width)
        return None if values is None else whole(values, self.rounding)

    def service(self) -> IntArray:
        """Return service times by node; one figure for all means all but depots."""
        given = self.indexed("SERVICE_TIME", 1)
        if given is not None:
            return given[:, 0]
        result = np.full(self.count, self.text.number("SERVICE_TIME") or 0.0)
        result[: self.depots] = 0
        return whole(result, self.rounding)

    def by_vehicle(self, name: str, missing: float, rounded: bool = True) -> list[float]:
        """Return one figure for each vehicle, from a section, a header field, or `missing`."""
        rows = self.text.rows(name, self.vehicles, 1)
        if rows is None:
            single = self.text.number(name)
            if single is None:
                return [missing] * self.vehicles
            rows = np.full((self.vehicles, 1), single)
        values = whole(rows[:, 0], self.rounding) if rounded else rows[:, 0]
        return [float(value) for value in values]

    def reloads(self, home: Sequence[int]) -> list[int]:
        """Return how often each vehicle may load again; a depot to do so without a number means always."""
        rows = self.text.sections.get("VEHICLES_RELOAD_DEPOT")
        if rows is None:
            return [0] * self.vehicles
        if [row[1:] for row in rows] != [[str(depot + 1)] for depot in home]:
            raise self.text.fault("cannot be planned yet: vehicles that load again elsewhere than where they start")
        most = self.by_vehicle("VEHICLES_MAX_RELOADS", float(self.count), rounded=False)
        return [int(value) for value in most]

    def allowed(self) -> list[tuple[str, ...] | None]:
        """Return the node numbers each vehicle may serve, None for all."""
        rows = self.text.sections.get("VEHICLES_ALLOWED_CLIENTS")
        if rows is None:
            return [None] * self.vehicles
        return [tuple(row[1:]) for row in rows]


def _linehauls_first(metres: Matrix, delivery: IntArray, pickup: IntArray) -> Matrix:
    """Return the matrix with every arc closed that would bring goods after fetching some, or fetch first."""
    closed, brings, fetches = metres.copy(), delivery[:, 0] > 0, pickup[:, 0] > 0
    closed[0, fetches] = FORBIDDEN
    closed[np.ix_(fetches, brings)] = FORBIDDEN
    return closed


def _vehicles(
    figures: _Figures, window: IntArray | None, metres: Ways
) -> tuple[tuple[VehicleType, ...], tuple[tuple[str, ...], ...]]:
    """Return one type for each kind of like vehicles, and the numbers of its vehicles in the file."""
    depots = figures.text.rows("VEHICLES_DEPOT", figures.vehicles, 1)
    home = [0] * figures.vehicles if depots is None else [int(row[0]) - 1 for row in depots]
    columns: Sequence[Sequence[object]] = (
        figures.by_vehicle("CAPACITY", float(NO_LIMIT)),
        home,
        figures.by_vehicle("VEHICLES_MAX_DISTANCE", float(NO_LIMIT)),
        figures.by_vehicle("VEHICLES_MAX_DURATION", float(NO_LIMIT)),
        figures.by_vehicle("VEHICLES_FIXED_COST", 0.0),
        figures.by_vehicle("VEHICLES_UNIT_DISTANCE_COST", 1.0, rounded=False),
        figures.allowed(),
        figures.reloads(home),
    )
    groups: dict[tuple[object, ...], list[str]] = {}
    for number, key in enumerate(zip(*columns, strict=True)):
        groups.setdefault(key, []).append(str(number + 1))
    types = tuple(_type(figures, key, len(names), window) for key, names in groups.items())
    return types, tuple(tuple(names) for names in groups.values())


def _type(figures: _Figures, key: tuple[object, ...], available: int, window: IntArray | None) -> VehicleType:
    capacity, home, metres, seconds, fixed, rate = (float(value) for value in key[:6])  # type: ignore[arg-type]
    allowed = None
    if key[6] is not None:
        allowed = np.zeros(figures.count, bool)
        allowed[[int(node) - 1 for node in key[6]]] = True  # type: ignore[attr-defined]
        allowed = allowed[figures.depots :]
    depot = int(home)
    start, end = (0, NO_LIMIT) if window is None else (int(window[depot, 0]), int(window[depot, 1]))
    return VehicleType(
        available=available,
        capacity=(int(capacity),),
        depot=depot,
        end_depot=depot,
        shift_start=start,
        shift_end=end,
        max_metres=int(metres),
        max_seconds=int(seconds),
        fixed_cost=fixed,
        cost_per_km=rate * PER_UNIT,
        max_reloads=int(key[7]),  # type: ignore[call-overload]
        allowed=allowed,
    )
