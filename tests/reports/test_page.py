"""The page shows what the tables hold, to the cent, and nothing can break out of it."""

import re
import shutil
from base64 import b64encode
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.reports.markup import element, text
from optimizer.reports.tables import rows_for_groups
from optimizer.reports.write import write_reports
from tests.reports.report_cases import (
    DAY,
    FORMULA,
    HOSTILE,
    TURNED,
    Page,
    amount,
    frame,
    many_lines,
    page_of,
    plan_by_hand,
    whole_day,
)

LARGEST_PAGE = 3_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = plan_by_hand(tmp_path_factory.mktemp("hand"))
    assert write_reports(made)[:2] == ["plan.html", "finance.xlsx"]
    return made


@pytest.fixture(scope="module")
def page(folder):
    return page_of(folder)


def test_every_line_of_today_stands_under_its_supplier_and_the_sums_agree(page):
    # B orders 30.00 + 6.00 = 36.00, A 15.00: the larger supplier comes first, later lines are only counted.
    rows = page.rows["purchase_orders"]
    assert [(row[0], row[2], amount(row[5]), row[6]) for row in rows] == [
        ("rice", "20", 30.0, "why l2"),
        ("Green tea tea", "4", 6.0, "why l3"),
        ("Green tea tea", "10", 15.0, "why l1"),
    ]
    captions = [caption for caption in page.captions if "PO-" in caption]
    assert captions == ["B · 2 lines · 36.00 EUR · PO-B", "Alpha · 1 line · 15.00 EUR · PO-A"]
    assert "2 suppliers, 3 lines, 51.00 EUR in all" in page.captions
    assert "1 later line for 13.50 EUR" in page.text


def test_exceptions_are_ranked_by_money_and_assumptions_stand_apart(page):
    shown = [(row[0], row[-1]) for row in page.rows["exceptions"]]
    assert shown[:2] == [("order X is late", "9.00"), ("tea at S1 is short Green tea, Main street", "7.00")]
    assert shown.index(("travel is assumed", "assumed")) >= 2
    assert page.text.count("travel is assumed") == 1


def test_key_figures_say_in_words_which_way_is_good(page):
    figures = {row[0]: row[1:] for row in page.rows["kpis"]}
    assert figures["Expected cost of stock"] == ["7.50 EUR", "9.00 EUR", "▼ 1.50 EUR better"]
    assert figures["Demand served from stock"] == ["95.0 %", "97.0 %", "▼ 2.0 points worse"]
    assert figures["Order lines today"] == ["3", "3", "same"]
    # A figure that the page does not know is shown under its own name, without a judgement.
    assert figures["new figure"] == ["2.5 units", "–", ""]


def test_the_map_has_one_line_for_each_route_through_its_visits_and_a_dot_for_each_stop(folder, page):
    routes = pd.read_csv(folder / "routes.csv")
    assert {name: path.count("L") + 1 for name, path in page.paths} == routes.groupby("route_id").size().to_dict()
    # One swatch in the legend besides the dots on the map.
    assert page.count("circle", "stop") == (routes["kind"] != "depot").sum() + 1
    assert len(page.rows["routes"]) == len(routes)
    assert "2 routes, 3 stops, 27.5 km, 20.00 EUR" in page.captions


def test_transfers_prices_holds_history_and_groups_have_their_rows(page):
    assert [row[0] for row in page.rows["transfers"]] == ["Green tea tea"] * 2
    assert page.rows["price_changes"] == [
        ["Green tea tea", "Main street", "Mon 8 Apr", "3.20", "2.40", "-25.0 %", "old"],
    ]
    assert page.rows["order_holds"] == [["O9", "web", "90.0 %", "9.00", "too many"]]
    assert page.rows["unserved"] == [["D3", "full", "a van", "45.00"]]
    # Three rows lose 8 units each.
    assert "bulk order" in page.text and "Rows that count less" in page.text
    assert "item" in page.text and "A1" in page.text


def test_costs_add_up_by_component_and_what_is_booked_stands_apart(page):
    # 15 + 30 + 6 + 20 − 1 = 70 booked, 13.50 + 7.00 + .50 = 21 expected.
    assert "Booked: cash and accrual: 70.00 EUR in 5 rows" in page.captions
    assert "Expected over the horizon, beside the bookings: 21.00 EUR in 3 rows" in page.captions


def test_charts_show_the_pairs_with_most_money_and_their_receipts(page):
    assert page.count("svg", "outlook") == 2
    assert page.count("rect", "receipt") == 2
    # Expected stock cost 7.00 for tea, .50 for rice.
    assert page.text.index("7.00 EUR expected stock cost") < page.text.index("0.50 EUR expected stock cost")


def test_the_certificate_is_said_in_words(page):
    assert "The plan costs 7.50 EUR in this model; no plan of this model can cost less than 6.00 EUR." in page.text
    assert "at most 20.00 % less. The search ended at its limit of nodes." in page.text


def test_the_page_asks_for_nothing_and_runs_nothing_but_its_own(folder, page):
    source = (folder / "plan.html").read_text(encoding="utf-8")
    assert page.addresses and all(address.startswith("#") for address in page.addresses)
    assert "url(" not in source and "@import" not in source and "http:" not in source and "https:" not in source
    script, style = "".join(page.scripts), re.search(r"<style>(.*?)</style>", source, re.DOTALL)[1]
    for kind, content in (("script", script), ("style", style)):
        digest = b64encode(sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in source
    assert " style=" not in source and not re.search(r" on[a-z]+=", source)


def test_every_link_leads_to_a_part_and_no_id_is_given_twice(page):
    assert len(set(page.ids)) == len(page.ids)
    assert {address.removeprefix("#") for address in page.addresses} <= set(page.ids)


def test_hostile_names_are_shown_as_they_are(tmp_path):
    names = {"item": HOSTILE, "place": TURNED, "supplier": FORMULA, "customer": "</text></svg><img src=x>"}
    quoted = {key: '"' + value.replace('"', '""') + '"' for key, value in names.items()}
    changes = {
        "items": f"item_id,name,unit_cost\ntea,{quoted['item']},1.8\nrice,,1.1\n",
        "locations": f"location_id,name,kind,lat,lon\nDC,Depot,dc,60,24\nS1,{quoted['place']},store,60,24.1\n",
        "suppliers": f"supplier_id,name\nA,{quoted['supplier']}\nB,\n",
        "customers": f"customer_id,lat,lon,name\nC1,60.05,24.05,{quoted['customer']}\nC2,60.02,24.02,Bob\n",
    }
    tables = whole_day()
    tables["purchase_orders"]["reason"] = f"</td></tr></table>{HOSTILE}"
    folder = plan_by_hand(tmp_path, tables, changes=changes)
    write_reports(folder)
    page = page_of(folder)
    assert len(page.rows["purchase_orders"]) == 3
    for name in names.values():
        assert name in "".join(page.words)
    assert all(row[6] == f"</td></tr></table>{HOSTILE}" for row in page.rows["purchase_orders"])
    assert not any(tag == "img" for tag, _ in page.classes) and "alert(" not in "".join(page.scripts)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r")))
def test_escaped_text_reads_back_as_it_was(words):
    kept = "".join(letter for letter in words if letter in "\t\n" or not (ord(letter) < 32 or ord(letter) == 127))
    page = Page(f"<p>{text(words)}</p>{element('p', title=words)}")
    assert "".join(page.words) == kept


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 90), max_size=60), st.integers(20, 200))
def test_groups_share_the_rows_shown_and_waste_none(sizes, limit):
    shown = rows_for_groups(sizes, limit)
    assert sum(shown) == min(limit, sum(sizes))
    assert all(0 <= some <= size for some, size in zip(shown, sizes, strict=True))
    # A group is left out only after all groups before it are shown.
    first_hidden = shown.index(0) if 0 in shown else len(shown)
    assert not any(shown[first_hidden:])


def test_a_long_table_is_cut_and_says_where_the_rest_is(tmp_path):
    folder = plan_by_hand(tmp_path, many_lines(3000))
    write_reports(folder)
    page = page_of(folder)
    assert len(page.rows["purchase_orders"]) == 200
    assert "3,000 lines" in page.text and "everything is in purchase_orders.csv" in page.text
    assert len((folder / "plan.html").read_bytes()) < LARGEST_PAGE
    # The sum is that of all lines, 0 + 1 + … + 2999 cents, not of those shown.
    assert "44,985.00 EUR in all" in page.text


def test_a_day_with_nothing_to_do_says_so(tmp_path):
    folder = plan_by_hand(tmp_path, {})
    assert write_reports(folder) == ["plan.html", "finance.xlsx"]
    words = page_of(folder).text
    assert "Nothing is to be ordered, moved or driven today." in words
    for sentence in (
        "No order is to be released",
        "Nothing is to be driven",
        "The plan costs nothing",
        "nothing to prove",
    ):
        assert sentence in words


def test_a_forecast_alone_gives_a_page_of_forecasts(tmp_path):
    levels = {"0.1": 1.0, "0.9": 5.0, "mean": 3.0}
    rows = [
        {"item_id": item, "location_id": "S1", "date": DAY, "level": level, "units": units}
        for item in ("tea", "rice")
        for level, units in levels.items()
    ]
    folder = plan_by_hand(tmp_path, {"forecast": frame("forecast", rows)}, command="forecast", exceptions=())
    assert write_reports(folder) == ["plan.html"]
    page = page_of(folder)
    assert "holds a forecast only" in page.text and "Forecast for Mon 8 Apr 2024" in page.text
    assert page.count("svg", "outlook") == 2 and page.count("path", "stock") == 0
    # Demand of 3 units at 1.80 is worth 5.40.
    assert "5.40 EUR of demand at cost" in page.text
    assert "orders" not in page.ids and "10 % to the 90 % level" in page.text


def test_a_plan_changed_after_it_was_published_is_not_called_verified(folder, tmp_path, page):
    assert "✓ verified" in page.text
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    orders = copy / "purchase_orders.csv"
    orders.write_text(orders.read_text(encoding="utf-8").replace("why l1", "why not"), encoding="utf-8")
    write_reports(copy)
    words = page_of(copy).text
    assert "✗ changed Not as published: purchase_orders.csv" in words and "✓ verified" not in words


def test_made_again_every_file_has_the_same_bytes(folder):
    names = write_reports(folder)
    before = {name: (folder / name).read_bytes() for name in names}
    assert write_reports(folder) == names
    assert {name: (folder / name).read_bytes() for name in names} == before


def test_refused_rows_are_summed_by_cause(tmp_path):
    sales = "date,item_id,location_id,units\n2024-04-07,tea,S1,3\n2024-04-06,tea,S1,minus\n2024-04-05,tea,S1,two\n"
    folder = plan_by_hand(tmp_path, changes={"sales": sales})
    write_reports(folder)
    page = page_of(folder)
    assert "2 findings in the tables, by file and cause" in page.captions


def test_what_a_planned_company_shows_is_what_its_tables_hold(planned):
    page = page_of(planned)
    orders, transfers = (pd.read_csv(planned / f"{name}.csv") for name in ("purchase_orders", "transfers"))
    today = orders[orders["status"] == "proposed"]
    assert len(page.rows.get("purchase_orders", [])) == len(today)
    assert np.isclose(sum(amount(row[5]) for row in page.rows.get("purchase_orders", [])), today["amount"].sum())
    assert len(page.rows.get("transfers", [])) == (transfers["status"] == "proposed").sum()
    routes = pd.read_csv(planned / "routes.csv")
    assert len(page.paths) == routes["route_id"].nunique()
    assert len(page.rows["exceptions"]) == len(pd.read_csv(planned / "exceptions.csv"))


@pytest.mark.slow
def test_fifty_thousand_lines_give_a_page_that_can_be_opened(tmp_path):
    folder = plan_by_hand(tmp_path, many_lines(50_000))
    write_reports(folder)
    assert len((folder / "plan.html").read_bytes()) < LARGEST_PAGE
