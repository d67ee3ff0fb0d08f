"""Places are clustered by size, mix and price response; clusters stay, and those of the user win."""

from types import SimpleNamespace

import numpy as np
import pytest

from optimizer.filters.places import LEAST_PLACES, _responses, place_segments
from optimizer.filters.segments import sold_last_year
from optimizer.filters.stage import screen_world
from optimizer.plan.check_filters import check_segments
from scenarios.load import load_world
from scenarios.segment_policies import with_segment_policies
from tests.folders import tea_shop, write_tables

SLOPES = (-3.0, -1.0)


def chain(folder, each=10, seed=1, given=None, days=40):
    """Twice `each` places: large ones that sell tea and follow the price, small ones that sell rice and do not."""
    rows, places = [], []
    for n in range(2 * each):
        kind, name = n % 2, f"P{n:02d}"
        places.append(f"{name},{(given or {}).get(name, '')}")
        for item, usual in (("tea_250", (200, 5)[kind]), ("rice_1kg", (20, 15)[kind])):
            rng = np.random.default_rng([seed, n, usual])
            for day in range(days):
                price = 3.0 if day % 4 else 2.0
                units = rng.poisson(usual * rng.uniform(0.95, 1.05) * (price / 3.0) ** SLOPES[kind])
                rows.append(f"2024-0{3 + day // 30}-{1 + day % 30:02d},{item},{name},{units},{price}")
    return load_world(
        tea_shop(
            folder,
            {
                "items": "item_id,category,list_price\ntea_250,Tea,3\nrice_1kg,Rice,3\n",
                "locations": "location_id,cluster\n" + "\n".join(places) + "\n",
                "sales": "date,item_id,location_id,units,price\n" + "\n".join(rows) + "\n",
                "stock": "item_id,location_id,on_hand\ntea_250,P00,9\n",
            },
        )
    )


def test_places_of_a_kind_are_one_cluster_told_in_words_and_nobody_moves_the_day_after(tmp_path):
    screened = screen_world(chain(tmp_path / "a"))
    found = screened.tables["segments"].query("kind == 'location'").set_index("member_id")
    large, small = (set(found["segment"][[f"P{n:02d}" for n in range(kind, 20, 2)]]) for kind in (0, 1))
    assert not large & small
    assert "% Tea, price response -" in found["reason"]["P00"] and "version 1: sells" in found["reason"]["P00"]
    # A day later the frozen clusters go on.
    state = {name: table.to_pandas() for name, table in screened.state.items()}
    again = screen_world(chain(tmp_path / "b", days=41), screened.tables["segments"], (), state)
    assert again.state["place_groups"].equals(screened.state["place_groups"])
    assert again.tables["segment_moves"].query("kind == 'location'").empty
    # Places bear their clusters, where prices look for them.
    assert again.world.frame("locations").set_index("location_id")["cluster"].to_dict() == found["segment"].to_dict()


def test_a_place_that_becomes_another_moves_with_its_reason(tmp_path):
    first = screen_world(chain(tmp_path))
    was = first.tables["segments"]
    names = was.query("kind == 'location'")["segment"].unique()
    mine = (was["kind"] == "location") & (was["member_id"] == "P00")
    other = next(name for name in names if name != was.loc[mine, "segment"].iloc[0])
    state = {name: table.to_pandas() for name, table in first.state.items()}
    moved = screen_world(chain(tmp_path), was.assign(segment=was["segment"].mask(mine, other)), (), state)
    row = moved.tables["segment_moves"].iloc[0]
    assert (row["member_id"], row["old_segment"]) == ("P00", other) and "price response" in row["reason"]
    words = moved.tables["explanations"].set_index("line_id")["text"]["location P00"]
    assert words.startswith(f"location P00 moves from {other} to")


def test_clusters_of_the_user_win_and_few_places_have_none(tmp_path):
    world = chain(tmp_path / "a", given={"P00": "harbour", "P01": "harbour"})
    screened = screen_world(world)
    found = screened.tables["segments"].query("kind == 'location'").set_index("member_id")["segment"]
    assert found["P00"] == found["P01"] == "harbour" and found["P02"].startswith("cluster")
    tables = {**screened.tables, "segments": screened.tables["segments"].replace("harbour", "cluster 1")}
    evidence = SimpleNamespace(
        world=with_segment_policies(world, tables["segments"]), frame=tables.get, run={"without": []}
    )
    assert any("its cluster is harbour" in str(fault) for fault in check_segments(evidence))
    few, state, _ = place_segments(chain(tmp_path / "b", each=LEAST_PLACES // 2 - 1), {})
    assert few.empty and not state


def test_the_price_response_is_the_slope_drawn_to_that_of_all(tmp_path):
    # One pair a place, units + 1 = 8 and 4 at prices 1 and 2 (slope −1), 2 and 2 (slope 0): b = −½; all draw by half.
    sales = "date,item_id,location_id,units,price\n" + "".join(
        f"2024-03-0{day},tea_250,{place},{units},{price}\n"
        for place, day, units, price in (("A", 4, 7, 1), ("A", 5, 3, 2), ("B", 4, 1, 1), ("B", 5, 1, 2))
    )
    folder = write_tables(tmp_path, {"items": "item_id\ntea_250\n", "sales": sales})
    tea_shop(folder, {"sales": sales, "locations": "location_id\nA\nB\nS2\n"})
    sold = sold_last_year(load_world(folder), ["tea_250"])
    assert _responses(sold).tolist() == pytest.approx([-0.75, -0.25], abs=1e-6)
