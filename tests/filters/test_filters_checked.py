"""The checker of a plan finds what is wrong in the filters' tables, from the files alone."""

import json
from types import SimpleNamespace

import pandas as pd
import pytest

from optimizer.filters.stage import screen_world
from optimizer.plan.check_filters import check_excluded, check_holds, check_segments
from optimizer.plan.exceptions import exception_table
from scenarios.demo import Size, write_demo
from scenarios.load import load_world


@pytest.fixture(scope="module")
def believed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    write_demo(folder, Size(items=40, stores=3, days=200), seed=5)
    world = load_world(folder)
    screened = screen_world(world)
    return world, {**screened.tables, "exceptions": exception_table(screened.exceptions)}


def faults(believed, check, name="", edit=None):
    """What the check says after `edit` has changed a copy of the table `name`."""
    world, tables = believed
    changed = dict(tables)
    if edit is not None:
        changed[name] = tables[name].copy()
        result = edit(changed[name])
        changed[name] = changed[name] if result is None else result
    evidence = SimpleNamespace(world=world, frame=lambda table: changed[table].copy())
    return [str(violation) for violation in check(evidence)]


def put(column, value, row=0):
    return lambda table: table.isetitem(
        table.columns.get_loc(column), [value if n == row else v for n, v in enumerate(table[column])]
    )


def add_to(column, amount):
    return lambda table: table.isetitem(
        table.columns.get_loc(column), [v + amount * (n == 0) for n, v in enumerate(table[column])]
    )


def tell_less(table):
    row = table.index[table["subject"] == "history totals"][0]
    numbers = json.loads(table.loc[row, "numbers"])
    table.loc[row, "numbers"] = json.dumps({**numbers, "kept": numbers["kept"] - 1})


@pytest.mark.parametrize("check", [check_excluded, check_holds, check_segments])
def test_the_tables_of_a_day_pass(believed, check):
    assert faults(believed, check) == []


@pytest.mark.parametrize(
    ("check", "name", "edit", "words"),
    [
        (check_excluded, "excluded_rows", add_to("kept", 1e6), "keeps 1e+06"),
        (check_excluded, "excluded_rows", add_to("units", 1), "are told"),
        (check_excluded, "excluded_rows", add_to("money", 1), "are told"),
        (check_excluded, "excluded_rows", lambda t: t.iloc[1:], "are told"),
        (check_excluded, "excluded_rows", put("reason", ""), "gives no reason"),
        (check_excluded, "exceptions", tell_less, "neither kept nor taken out"),
        (check_excluded, "exceptions", lambda t: t[~t["subject"].str.startswith("history")], "does not tell"),
        (check_holds, "order_holds", put("order_id", "nothing"), "no order with a delivery ahead"),
        (check_holds, "order_holds", put("probability", 1.5), "has probability 1.5"),
        (check_holds, "order_holds", put("money", -1), "less than no money"),
        (check_holds, "order_holds", put("queue", "phone"), "1 reviews of nan minutes do not fit"),
        (check_holds, "order_holds", lambda t: pd.concat([t] * 2), "is held twice"),
        (check_holds, "order_holds", lambda t: t.assign(queue=None, probability=1.0), "held as a known fraud"),
        (check_segments, "segments", lambda t: t[t["member_id"] != "0001"], "0001: has no segment"),
        (check_segments, "segments", put("reason", None), "no reason"),
    ],
)
def test_a_seeded_fault_is_found(believed, check, name, edit, words):
    assert any(words in fault for fault in faults(believed, check, name, edit))


def test_a_move_must_lead_to_the_segment_of_today(believed):
    columns = {"kind": "item", "member_id": "0001", "old_segment": "A smooth", "new_segment": "A smooth", "reason": "x"}
    told = faults(believed, check_segments, "segment_moves", lambda _: pd.DataFrame([columns]))
    assert told == ["segment_moves 0001: moves from A smooth to A smooth"]
