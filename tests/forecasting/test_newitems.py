"""Items without a history of their own."""

import datetime
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

from forecasting.forecast import forecast_task
from forecasting.history import ForecastTask
from forecasting.newitems import likely_means
from forecasting.panel import Panel, panel_from_world
from forecasting.succession import OVERLAP, expected_once, handovers
from tests.forecasting.panels import SAMPLING

FIRST = datetime.date(2024, 1, 1)
DAYS = 60


@dataclass(frozen=True)
class Shop:
    """Tables items and sales, planned for day 60."""

    tables: dict
    period: str = "day"
    plan_date: datetime.date = FIRST + datetime.timedelta(DAYS)

    def table(self, name):
        return self.tables[name]


def items(rows):
    names = ("item_id", "name", "category", "brand", "list_price", "replaces_item_id")
    table = pa.table({name: pa.array([row[k] for row in rows]) for k, name in enumerate(names)})
    return table.append_column("unit_step", pa.array(np.ones(len(rows))))


def sales(rows):
    """Rows (item, place, first day, last day, units a day)."""
    days = [(FIRST + datetime.timedelta(t), i, p, u) for i, p, a, b, u in rows for t in range(a, b)]
    columns = dict(zip(("date", "item_id", "location_id", "units"), zip(*days, strict=True), strict=True))
    table = pa.table({name: list(column) for name, column in columns.items()})
    table = table.set_column(3, "units", table["units"].cast(pa.float64()))
    return table.append_column("in_stock_share", pa.array(np.ones(len(days))))


CATALOGUE = [
    ("cola1", "Sunny cola 1 l", "drinks", "Sunny", 1.0, None),
    ("cola2", "Sunny cola 2 l", "drinks", "Sunny", 1.1, None),
    ("juice", "Apple juice", "drinks", "Orchard", 4.0, None),
    ("soap", "Sunny cola soap", "home", "Sunny", 1.0, None),
    ("new", "Sunny cola zero 1 l", "drinks", "Sunny", 1.0, None),
]


def shop(extra=(), catalogue=CATALOGUE):
    rows = [(i, "S1", 0, DAYS, u) for i, u in (("cola1", 10), ("cola2", 12), ("juice", 1), ("soap", 100))]
    return Shop({"items": items(catalogue), "sales": sales([*rows, *extra])})


def pairs(*found):
    return pa.table({"item_id": [i for i, _ in found], "location_id": [p for _, p in found]})


ALL = [("cola1", "S1"), ("cola2", "S1"), ("juice", "S1"), ("soap", "S1"), ("new", "S1")]


def test_an_item_that_never_sold_is_expected_to_sell_as_those_like_it_in_name_and_price():
    world = shop()
    panel = panel_from_world(world, pairs(*ALL))
    likely = likely_means(world, panel)
    place = panel.item_id.tolist().index("new")
    # The colas sell 10 and 12, the juice 1: their plain mean is 7.7, and the soap is of another category.
    assert 9.5 < likely[place] < 12.0
    assert np.isnan(np.delete(likely, place)).all()


def test_the_forecast_of_a_new_item_begins_there():
    world = shop()
    panel = panel_from_world(world, pairs(*ALL))
    likely = likely_means(world, panel)
    result = forecast_task(panel, ForecastTask(7, 200, 1, likely=likely))
    place = panel.item_id.tolist().index("new")
    assert result.paths.mean()[place].mean() == pytest.approx(likely[place], rel=SAMPLING)


def test_without_names_and_prices_the_category_speaks():
    bare = [(i, None, c, None, None, None) for i, _, c, _, _, _ in CATALOGUE]
    world = shop(catalogue=[*bare[:4], ("new", None, "drinks", None, None, None)])
    panel = panel_from_world(Shop({**world.tables, "items": _typed(world.tables["items"])}), pairs(*ALL))
    likely = likely_means(Shop({**world.tables, "items": _typed(world.tables["items"])}), panel)
    # (10 + 12 + 1) / 3
    assert likely[panel.item_id.tolist().index("new")] == pytest.approx(23.0 / 3.0)


def _typed(table):
    for name, kind in (("name", pa.string()), ("brand", pa.string()), ("list_price", pa.float64())):
        table = table.set_column(table.column_names.index(name), name, table[name].cast(kind))
    return table


def test_a_place_where_nothing_alike_sells_takes_what_it_sells_elsewhere():
    world = shop()
    panel = panel_from_world(world, pairs(*ALL[:4], ("new", "S2")))
    assert 9.5 < likely_means(world, panel)[panel.item_id.tolist().index("new")] < 12.0


def history(panel, item):
    return panel.units[panel.item_id.tolist().index(item)]


def succeeding(extra):
    catalogue = [*CATALOGUE[:4], ("new", "Sunny cola", "drinks", "Sunny", 1.0, "cola1")]
    return panel_from_world(shop(extra, catalogue), pairs(*ALL))


def test_a_successor_takes_over_what_its_predecessor_sold():
    np.testing.assert_array_equal(history(succeeding([]), "new"), 10.0)


def test_from_its_own_first_sale_on_a_successor_stands_alone():
    panel = succeeding([("new", "S1", 50, DAYS, 3)])
    np.testing.assert_array_equal(history(panel, "new"), np.where(np.arange(DAYS) < 50, 10.0, 3.0))
    # The item it replaces keeps its own.
    np.testing.assert_array_equal(history(panel, "cola1"), 10.0)


def test_a_chain_of_successions_goes_back_to_its_beginning():
    catalogue = [
        *CATALOGUE[:3],
        ("soap", "Sunny cola", "drinks", "Sunny", 1.0, "cola1"),
        ("new", "Sunny cola", "drinks", "Sunny", 1.0, "soap"),
    ]
    rows = [("cola1", "S1", 0, 20, 10), ("soap", "S1", 20, 40, 7), ("new", "S1", 40, DAYS, 3)]
    world = Shop({"items": items(catalogue), "sales": sales(rows)})
    wanted = np.repeat([10.0, 7.0, 3.0], 20)
    np.testing.assert_array_equal(history(panel_from_world(world, pairs(("new", "S1"))), "new"), wanted)


def test_items_that_replace_each_other_end_somewhere():
    catalogue = [("cola1", "", "", "", 1.0, "new"), *CATALOGUE[1:4], ("new", "", "", "", 1.0, "cola1")]
    panel = panel_from_world(shop((), catalogue), pairs(*ALL))
    assert isinstance(panel, Panel)
    np.testing.assert_array_equal(history(panel, "new"), 10.0)


def given_over(world, panel):
    ids = panel.item_id, panel.location_id
    return handovers(world.table("sales"), world.table("items"), ids, np.datetime64(world.plan_date, "D"))


def both_listed(extra):
    world = shop(extra, [*CATALOGUE[:4], ("new", "Sunny cola", "drinks", "Sunny", 1.0, "cola1")])
    panel = panel_from_world(world, pairs(*ALL))
    places = [panel.item_id.tolist().index(item) for item in ("cola1", "new")]
    return world, panel, *places


def test_what_a_successor_inherits_is_not_expected_of_its_predecessor_too():
    world, panel, old, new = both_listed([])
    dates = panel.future_dates(40)
    paths = expected_once(np.full((panel.series, 3, 40), 10), dates, given_over(world, panel))
    # From the plan date on the successor sells all of it; four weeks later each stands for itself.
    np.testing.assert_array_equal(paths[old, 0], np.where(np.arange(40) < 28, 0, 10))
    assert (paths[new] == 10).all()
    assert (paths[old, 0] + paths[new, 0])[:28].max() == 10


def test_four_weeks_after_its_first_sale_a_successor_takes_nothing_away_any_more():
    world, panel, old, new = both_listed([("new", "S1", 50, DAYS, 3)])
    found = given_over(world, panel)
    assert [(line.old, line.new) for line in found] == [(old, new)]
    assert found[0].begins == np.datetime64(FIRST) + 50
    paths = expected_once(np.full((panel.series, 3, 40), 10), panel.future_dates(40), found)
    np.testing.assert_array_equal(paths[old, 0], np.where(np.arange(40) < int(OVERLAP.astype(int)) - 10, 0, 10))


def test_before_it_is_introduced_nothing_is_expected_of_a_successor():
    world, panel, old, new = both_listed([])
    day = FIRST + datetime.timedelta(DAYS + 5)
    items_ = world.tables["items"]
    begin = [day if item == "new" else None for item in items_["item_id"].to_pylist()]
    world.tables["items"] = items_.append_column("introduced_on", pa.array(begin, pa.date32()))
    paths = expected_once(np.full((panel.series, 3, 14), 10), panel.future_dates(14), given_over(world, panel))
    np.testing.assert_array_equal(paths[new, 0], np.where(np.arange(14) < 5, 0, 10))
    np.testing.assert_array_equal(paths[old, 0], np.where(np.arange(14) < 5, 10, 0))


def test_items_that_replace_each_other_hand_nothing_over():
    catalogue = [("cola1", "", "", "", 1.0, "new"), *CATALOGUE[1:4], ("new", "", "", "", 1.0, "cola1")]
    world = shop((), catalogue)
    assert given_over(world, panel_from_world(world, pairs(*ALL))) == []
