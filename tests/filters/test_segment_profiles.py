"""A person can read what makes a group different, who moved, and how many held orders were honest after all."""

from datetime import date
from types import SimpleNamespace

import pandas as pd

from optimizer.filters.profiles import segment_profiles
from optimizer.filters.stage import screen_world
from optimizer.reports.filter_pages import HOLDS_PAGE, SEGMENTS_PAGE, filter_pages
from tests.filters.test_holds import fraud_shop


def groups(**members):
    rows = [("customer", name, segment, "r") for segment, names in members.items() for name in names.split()]
    return pd.DataFrame(rows, columns=["kind", "member_id", "segment", "reason"])


def test_a_profile_sets_the_usual_member_beside_that_of_all():
    figures = pd.DataFrame({"orders": [1.0, 1, 2, 8, 9]}, index=list("abcde"))
    moved = pd.DataFrame({"kind": ["customer"], "old_segment": ["few"], "new_segment": ["many"]})
    table = segment_profiles(groups(few="a b c", many="d e", unknown="x"), moved, {"customer": figures})
    few, many = table.iloc[0], table.iloc[1]
    # Medians 1 of 1, 1, 2 and 8.5 of 8, 9 against 2 of all; below 1 is nobody, equal two of five: .2; below 8.5 four.
    assert (few["value"], few["usual"], few["standing"], few["members"], few["went"]) == (1, 2, 0.2, 3, 1)
    assert (many["value"], many["standing"], many["members"], many["came"]) == (8.5, 0.8, 2, 1)
    assert (
        few["text"] == "orders 1, far below the usual of 2" and many["text"] == "orders 8.5, far above the usual of 2"
    )
    assert len(table) == 2


def test_held_orders_that_were_released_are_false_holds_of_their_group(tmp_path):
    customers = "customer_id,group\nnew0,north\nnew1,south\n"
    first = screen_world(fraud_shop(tmp_path / "a", minutes=30, customers=customers))
    assert first.held_orders == {"f0", "f1"}
    state = {name: table.to_pandas() for name, table in first.state.items()}
    labels = "order_id,is_fraud,known_at\nf1,false,2024-04-07\n"
    again = screen_world(
        fraud_shop(tmp_path / "b", minutes=30, customers=customers, fraud_labels=labels), None, (), state
    )
    rates = again.tables["hold_rates"].query("kind == 'released'")
    assert rates[["group", "orders", "hits"]].values.tolist() == [["south", 1, 1]]
    assert 0 < rates["low"].iloc[0] < rates["high"].iloc[0] == 1
    assert again.state["reviewed_orders"].column("order_id").to_pylist() == ["f0", "f1"]


def test_the_pages_show_profiles_and_rations():
    profile = {
        "kind": "customer", "segment": "group 1", "figure": "orders", "members": 3, "came": 1, "went": 0, "value": 8.0,
        "usual": 2.0, "standing": 0.9, "text": "orders 8, far above the usual of 2",
    }  # fmt: skip
    ration = {
        "order_id": "r1", "line": 1, "customer_id": "c1", "item_id": "tea", "location_id": "S2", "asked": 6.0,
        "given": 2.0, "value": 3.2, "price": 3.2, "money": 1280, "reason": "2 of 6 units",
    }  # fmt: skip
    tables = {"segment_profiles": pd.DataFrame([profile]), "rationed": pd.DataFrame([ration])}
    material = SimpleNamespace(
        frame=lambda name: tables.get(name, pd.DataFrame()), has=tables.__contains__, plan_date=date(2024, 4, 8)
    )
    pages = filter_pages(material)
    assert "far above the usual of 2" in pages[SEGMENTS_PAGE] and '<rect width="80.0"' in pages[SEGMENTS_PAGE]
    assert "2 of 6 units" in pages[HOLDS_PAGE] and "Short stock" in pages[HOLDS_PAGE]
