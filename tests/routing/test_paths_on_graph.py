"""Ways on a road graph against networkx, and distances over the globe against known ones."""

import math

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.paths_on_graph import (
    EARTH_RADIUS_METRES,
    UNREACHABLE,
    great_circle_metres,
    road_graph,
    straight_travel,
    travel_on,
)


def roads(edges):
    """Edges (from, to, metres, kmh, oneway) as a graph."""
    tail, head, metres, kmh, oneway = (np.array(column) for column in zip(*edges, strict=True))
    return road_graph((tail, head), metres.astype(float), kmh.astype(float), oneway.astype(bool))


def test_the_distance_is_that_of_the_fastest_way():
    # Straight on 1000 m at 36 km/h takes 100 s, around 2 x 900 m at 108 km/h 60 s: faster and longer.
    found = travel_on(
        roads([(0, 1, 1000, 36, False), (0, 2, 900, 108, False), (2, 1, 900, 108, False)]), np.array([0, 1])
    )
    assert found.seconds.tolist() == [[0, 60], [60, 0]]
    assert found.metres.tolist() == [[0, 1800], [1800, 0]]


def test_a_one_way_street_is_driven_one_way_and_what_is_cut_off_is_named():
    found = travel_on(roads([(0, 1, 500, 36, True), (1, 2, 500, 36, False)]), np.array([0, 2]))
    assert found.metres.tolist() == [[0, 1000], [UNREACHABLE, 0]]
    assert found.seconds[1, 0] == UNREACHABLE
    assert found.unreachable() == [(1, 0)]


def test_of_two_parallel_roads_the_faster_counts_and_of_equal_ones_the_shorter():
    faster = roads([(0, 1, 500, 18, True), (0, 1, 600, 36, True)])
    assert travel_on(faster, np.array([0, 1])).metres[0, 1] == 600
    equal = roads([(0, 1, 500, 36, True), (0, 1, 1000, 72, True)])
    assert travel_on(equal, np.array([0, 1])).metres[0, 1] == 500


def test_a_node_asked_for_twice_is_at_both_places():
    found = travel_on(roads([(0, 1, 500, 36, False)]), np.array([1, 0, 1]))
    assert found.metres.tolist() == [[0, 500, 0], [500, 0, 500], [0, 500, 0]]


@settings(max_examples=25, derandomize=True, deadline=None)
@given(st.integers(0, 10**6))
def test_ways_are_those_networkx_finds(seed):
    rng = np.random.default_rng(seed)
    count, edges = 25, []
    for _ in range(60):
        a, b = rng.choice(count, 2, replace=False)
        # Speeds and lengths for which milliseconds are exact, so that both sides compare whole numbers.
        edges.append((int(a), int(b), int(rng.integers(1, 90)) * 10, 36, bool(rng.random() < 0.5)))
    edges.append((count - 1, 0, 10, 36, True))
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(count))
    for a, b, metres, kmh, oneway in edges:
        for tail, head in ((a, b),) if oneway else ((a, b), (b, a)):
            graph.add_edge(tail, head, metres=metres, seconds=metres * 3.6 / kmh)
    nodes = rng.choice(count, 6)
    found = travel_on(roads(edges), nodes)
    for i, a in enumerate(nodes):
        times = nx.single_source_dijkstra_path_length(graph, int(a), weight="seconds")
        for j, b in enumerate(nodes):
            if int(b) not in times:
                assert found.metres[i, j] == UNREACHABLE
            else:
                assert found.seconds[i, j] == math.ceil(times[int(b)] - 1e-9)
                assert found.metres[i, j] == round(times[int(b)] * 10)


def test_many_sources_are_handled_in_chunks_alike():
    rng = np.random.default_rng(2)
    edges = [(n, (n + 1) % 100, int(rng.integers(10, 99)) * 10, 36, False) for n in range(100)]
    graph, nodes = roads(edges), np.arange(100)
    whole = travel_on(graph, nodes)
    for n in (0, 63, 64, 99):
        assert travel_on(graph, np.array([n, 7])).metres[0, 1] == whole.metres[n, 7]


def test_a_degree_of_latitude_is_a_360th_of_the_way_around():
    found = great_circle_metres(np.array([0.0, 1.0]), np.array([25.0, 25.0]))
    assert found[0, 1] == pytest.approx(2 * math.pi * EARTH_RADIUS_METRES / 360)
    assert found[0, 0] == 0


def test_helsinki_to_tampere_is_known():
    # 60.1699 N 24.9384 E to 61.4978 N 23.7610 E: 161 km by any atlas.
    found = great_circle_metres(np.array([60.1699, 61.4978]), np.array([24.9384, 23.7610]))
    assert found[0, 1] / 1000 == pytest.approx(161, abs=1)


def test_straight_travel_is_longer_by_the_factor_and_as_slow_as_said():
    found = straight_travel(np.array([0.0, 0.0]), np.array([0.0, 1.0]), kmh=36.0, detour=1.5)
    straight = 2 * math.pi * EARTH_RADIUS_METRES / 360
    assert found.metres[0, 1] == round(1.5 * straight)
    assert found.seconds[0, 1] == math.ceil(1.5 * straight / 10)
