"""Factors on the forecast: they cover what they name, multiply, keep means, and never turn a path around."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from forecasting.factors import demand_factors, factor_paths
from forecasting.paths import DemandPaths

DATES = np.arange("2024-04-15", "2024-04-22", dtype="datetime64[D]")


def paths_of(seed=1):
    items, places = np.array(["tea", "tea", "ham"], object), np.array(["A", "B", "A"], object)
    steps = np.random.default_rng(seed).poisson(20, (3, 400, 7)).astype(np.int16)
    return DemandPaths(steps, items, places, np.ones(3), DATES, np.full(400, 1 / 400), 1)


def world_of(rows):
    columns = ["item_id", "category", "location_id", "factor", "from", "to", "reason"]
    frame = pd.DataFrame(
        [{**dict.fromkeys((*columns[:3], "reason"), ""), "from": None, "to": None, **row} for row in rows]
    )
    frame = frame.reindex(columns=columns)
    days = {name: pa.array(frame[name].tolist(), pa.date32()) for name in ("from", "to")}
    text = {name: pa.array(frame[name].tolist(), pa.string()) for name in (*columns[:3], "reason")}
    table = pa.table({**text, **days, "factor": pa.array(frame["factor"].tolist(), pa.float64())})
    items = pa.table({"item_id": ["ham", "tea"], "category": ["cold", "dry"]})
    tables = {"demand_factors": table, "items": items}
    return SimpleNamespace(table=lambda name: tables[name])


def test_factors_cover_what_they_name_and_are_multiplied():
    day = DATES[2].astype(object)
    world = world_of([
        {"item_id": "tea", "factor": 2.0}, {"category": "cold", "factor": 0.5, "from": day},
        {"location_id": "A", "factor": 3.0, "to": day},
    ])  # fmt: skip
    found = demand_factors(world, paths_of())
    assert found[0].tolist() == [6, 6, 6, 2, 2, 2, 2]
    assert found[1].tolist() == [2] * 7
    assert found[2].tolist() == [3, 3, 1.5, 0.5, 0.5, 0.5, 0.5]


def test_means_are_kept_and_a_larger_factor_never_gives_fewer():
    paths = paths_of()
    moved = [factor_paths(world_of([{"item_id": "tea", "factor": f}]), paths).steps for f in (0.0, 0.73, 1.3, 2.0)]
    assert (moved[0][:2] == 0).all()
    for less, more in pairwise(moved):
        assert (more >= less).all()
    assert moved[1][:2].mean() == pytest.approx(0.73 * paths.steps[:2].mean(), rel=0.005)
    assert (moved[3][:2] == 2 * paths.steps[:2]).all()
    for steps in moved:
        np.testing.assert_array_equal(steps[2], paths.steps[2])


def test_without_rows_or_with_factor_one_the_paths_are_the_same_object():
    paths = paths_of()
    assert factor_paths(world_of([{"item_id": "tea", "factor": 1.0}]), paths) is paths
    wide = factor_paths(world_of([{"factor": 4000.0}]), paths)
    assert wide.steps.dtype == np.int32 and (wide.steps == 4000 * paths.steps.astype(np.int32)).all()


def test_of_a_week_covered_in_part_as_many_days_are_moved():
    weeks = DATES[0] + np.arange(3) * np.timedelta64(7, "D")
    paths = DemandPaths(
        np.full((1, 4, 3), 10, np.int16), np.array(["tea"], object), np.array(["A"], object), np.ones(1), weeks,
        np.full(4, 0.25), 1,
    )  # fmt: skip
    first, last = (DATES[2] + np.timedelta64(n, "D") for n in (0, 7))
    world = world_of([{"factor": 2.0, "from": first.astype(object), "to": last.astype(object)}])
    # From Wednesday to the Wednesday after: five days of the first week, three of the second.
    np.testing.assert_allclose(demand_factors(world, paths), [[1 + 5 / 7, 1 + 3 / 7, 1.0]])
