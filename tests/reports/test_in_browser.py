"""What a browser shows of the page, offline: rows seen, sums, map lines, nothing past the edge of the window."""

import json
import re
import shutil
import subprocess
from html import unescape

import pytest

from optimizer.reports.write import write_reports
from tests.reports.report_cases import many_lines, plan_by_hand

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SECONDS = 60
CENT = 0.005
# Reads from the laid-out page what a person sees and leaves it in the page for the test to read.
EYES = """
const seen = [...document.querySelectorAll("table[data-table]")].map(table => {
  const rows = [...table.tBodies[0].rows].filter(row => row.getBoundingClientRect().height > 0);
  return {table: table.dataset.table, cells: rows.map(row => [...row.cells].map(cell => cell.innerText.trim()))};
});
const lines = [...document.querySelectorAll(".map path.route")].map(path => path.getTotalLength());
const colours = [...document.querySelectorAll(".map path.route")].map(path => getComputedStyle(path).stroke);
const page = document.documentElement;
const sight = {seen, lines, colours, wide: page.scrollWidth, window: page.clientWidth};
const note = document.createElement("pre");
note.id = "sight";
note.textContent = JSON.stringify(sight);
document.body.append(note);
"""


@pytest.fixture(scope="module")
def browser():
    found = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if found is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is on the path")
    return found


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = plan_by_hand(tmp_path_factory.mktemp("browser"))
    write_reports(folder)
    return folder / "plan.html"


def dom(browser, path, home, width):
    """Return the page after layout and scripts; without a network, and with a home of its own."""
    switches = ["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", f"--user-data-dir={home}"]
    offline = ["--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND", f"--window-size={width},900"]
    command = [browser, *switches, *offline, path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=SECONDS, check=True)
    return done.stdout


def sight(browser, page, folder, width):
    """Return what is seen of a copy of the page that may run the eyes of this test."""
    text = page.read_text(encoding="utf-8")
    open_text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    copy = folder / f"seen{width}.html"
    copy.write_text(open_text.replace("</body>", f"<script>{EYES}</script></body>"), encoding="utf-8")
    shown = dom(browser, copy, folder / f"home{width}", width)
    return json.loads(unescape(re.search(r'<pre id="sight">(.*?)</pre>', shown, re.DOTALL)[1]))


@pytest.mark.parametrize("width", [1400, 500])
def test_a_person_sees_every_line_their_sum_and_the_map(browser, page, tmp_path, width):
    found = sight(browser, page, tmp_path, width)
    orders = [row for table in found["seen"] if table["table"] == "purchase_orders" for row in table["cells"]]
    assert sorted(row[6] for row in orders) == ["why l1", "why l2", "why l3"]
    assert sum(float(row[5].replace(",", "")) for row in orders) == pytest.approx(51.0, abs=CENT)
    counts = {table["table"]: 0 for table in found["seen"]}
    for table in found["seen"]:
        counts[table["table"]] += len(table["cells"])
    assert (counts["transfers"], counts["price_changes"], counts["order_holds"], counts["routes"]) == (2, 1, 1, 7)
    assert len(found["lines"]) == 2 and min(found["lines"]) > 0
    assert len(set(found["colours"])) == 2 and "none" not in found["colours"]
    # Nothing makes the page wider than the window.
    assert found["wide"] <= found["window"]


def test_the_script_is_let_through_by_the_policy_of_the_page(browser, tmp_path):
    folder = plan_by_hand(tmp_path, many_lines(30, suppliers=1))
    write_reports(folder)
    shown = dom(browser, folder / "plan.html", tmp_path / "home", 1400)
    orders = re.search(r'<table data-table="purchase_orders">.*?</table>', shown, re.DOTALL)[0]
    # Each of the seven headings became a button, and thirty rows are enough for a filter.
    assert orders.count("<button") == 7 and orders.count('<input type="search"') == 1


@pytest.mark.parametrize("width", [1400, 500])
def test_a_name_without_end_does_not_widen_the_page(browser, tmp_path, width):
    name = "x" * 400
    folder = plan_by_hand(tmp_path, changes={"items": f"item_id,name,unit_cost\ntea,{name},1.8\nrice,,1.1\n"})
    write_reports(folder)
    found = sight(browser, folder / "plan.html", tmp_path, width)
    assert found["wide"] <= found["window"]
