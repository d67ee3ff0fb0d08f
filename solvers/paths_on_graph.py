"""Travel times and distances on a road graph, and over the great circle where there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from solvers.model import Vector

IntArray = npt.NDArray[np.int64]

UNREACHABLE: Final = -1
EARTH_RADIUS_METRES: Final = 6_371_008.8
# Roads are longer than the straight line: the usual factor of European road networks.
DETOUR_FACTOR: Final = 1.3

# One number holds both: milliseconds in the high part, metres in the low one, so that sums stay exact in a float.
_METRES_FIT: Final = 2**26
_LARGEST_EXACT: Final = 2.0**53
_MILLISECONDS: Final = 1000
_SOURCES_AT_ONCE: Final = 64


@dataclass(frozen=True, eq=False)
class RoadGraph:
    """Directed arcs of a road graph.

    Attributes
    ----------
    nodes : number of nodes.
    tail, head : nodes of each arc, shape (arcs,).
    metres : length, shape (arcs,), whole numbers.
    seconds : time, shape (arcs,).
    """

    nodes: int
    tail: IntArray
    head: IntArray
    metres: IntArray
    seconds: Vector


@dataclass(frozen=True, eq=False)
class TravelMatrices:
    """Whole seconds (rounded up) and metres, both (from, to); UNREACHABLE in both where no way leads."""

    seconds: IntArray
    metres: IntArray

    def unreachable(self) -> list[tuple[int, int]]:
        """Return the (from, to) positions without a way."""
        return [(int(a), int(b)) for a, b in np.argwhere(self.metres == UNREACHABLE)]


def road_graph(
    edges: tuple[IntArray, IntArray], metres: Vector, kmh: Vector, oneway: npt.NDArray[np.bool_]
) -> RoadGraph:
    """Return the graph of road `edges` (from, to), each shape (e,); a road that is not one-way leads both ways."""
    tail, head = edges
    both = ~oneway
    whole = np.rint(metres).astype(np.int64)
    seconds = metres / (kmh / 3.6)
    return RoadGraph(
        nodes=int(max(tail.max(initial=-1), head.max(initial=-1))) + 1,
        tail=np.concatenate([tail, head[both]]),
        head=np.concatenate([head, tail[both]]),
        metres=np.concatenate([whole, whole[both]]),
        seconds=np.concatenate([seconds, seconds[both]]),
    )


def travel_on(graph: RoadGraph, nodes: IntArray) -> TravelMatrices:
    """
    Return times and distances between `nodes`, shape (k,), along the fastest way; of equally fast ones the shortest.

    The distance is that of the fastest way, which may be longer than the shortest: it is what is driven and billed.
    Times of arcs are rounded to milliseconds. Ways of more than 67,000 km or 37 hours are not supported.

    Dijkstra (1959), one run for both figures.
    """
    weights = _weights(graph)
    sources, back = np.unique(nodes, return_inverse=True)
    found = np.empty((len(sources), len(sources)))
    for first in range(0, len(sources), _SOURCES_AT_ONCE):
        part = sources[first : first + _SOURCES_AT_ONCE]
        found[first : first + len(part)] = dijkstra(weights, directed=True, indices=part)[:, sources]
    there = np.isfinite(found)
    if found[there].max(initial=0) >= _LARGEST_EXACT:
        raise ValueError("a way of more than 37 hours: too long for exact travel times")
    both = np.where(there, found, 0).astype(np.int64)
    seconds = np.where(there, -(-(both // _METRES_FIT) // _MILLISECONDS), UNREACHABLE)
    metres = np.where(there, both % _METRES_FIT, UNREACHABLE)
    all_of_them = np.ix_(back, back)
    return TravelMatrices(seconds[all_of_them], metres[all_of_them])


def _weights(graph: RoadGraph) -> csr_array:
    """Return the arcs with time and length in one number; of parallel arcs the fastest, then the shortest."""
    milliseconds = np.maximum(np.rint(graph.seconds * _MILLISECONDS), 1).astype(np.int64)
    both = milliseconds * _METRES_FIT + graph.metres
    order = np.lexsort((both, graph.head, graph.tail))
    tail, head = graph.tail[order], graph.head[order]
    first = np.ones(len(order), bool)
    first[1:] = (tail[1:] != tail[:-1]) | (head[1:] != head[:-1])
    kept = both[order][first].astype(np.float64)
    return csr_array((kept, (tail[first], head[first])), shape=(graph.nodes, graph.nodes))


def great_circle_metres(lat: Vector, lon: Vector) -> npt.NDArray[np.float64]:
    """Return the straight distances over the globe between points in degrees, shape (k, k), metres.

    Haversine formula on a sphere of mean radius; within .6 % of the ellipsoid.
    """
    phi, lam = np.radians(lat), np.radians(lon)
    half_lat = np.sin((phi[:, None] - phi) / 2) ** 2
    half_lon = np.sin((lam[:, None] - lam) / 2) ** 2
    chord = half_lat + np.cos(phi)[:, None] * np.cos(phi) * half_lon
    return np.asarray(2 * EARTH_RADIUS_METRES * np.arcsin(np.sqrt(np.clip(chord, 0, 1))), np.float64)


def straight_travel(lat: Vector, lon: Vector, kmh: float, detour: float = DETOUR_FACTOR) -> TravelMatrices:
    """Return travel over the great circle times a detour factor at one speed; metres rounded, seconds rounded up."""
    metres = great_circle_metres(lat, lon) * detour
    return TravelMatrices(np.ceil(metres / (kmh / 3.6)).astype(np.int64), np.rint(metres).astype(np.int64))
