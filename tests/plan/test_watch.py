"""A plan knows how the forecasts before did: it goes on from them, or learns anew, and holds what it cannot rely on."""

import json
import shutil

import pandas as pd
import pyarrow.parquet as pq
import pytest

import run_plan
from optimizer.plan.verify import verify_plan
from tests.folders import sales_of, tea_shop

DAYS, AHEAD = 70, 16
POLICY = "plan_date = {}\nhorizon = 21\npaths = 60\n"
HEADER = "date,item_id,location_id,units\n"


def shop(folder, days, tea_from_now=None, rice=None):
    """The tea shop after some days; tea may sell otherwise in the last ones."""
    usual = [float(3 + (n % 7 >= 4) * 2 + n % 3) for n in range(days)]
    tea = usual[:DAYS] + [tea_from_now or unit for unit in usual[DAYS:]]
    rice = rice or [float((n * 7) % 5 == 0) * 2 for n in range(days)]
    sales = HEADER + sales_of("tea_250", "S2", tea) + sales_of("rice_1kg", "S2", rice)
    date = (pd.Timestamp("2024-03-04") + pd.Timedelta(days=days)).date()
    return tea_shop(folder, {"sales": sales}, POLICY.format(date))


def planned(folder, shop, previous):
    assert run_plan.run(["plan", str(shop), "--out", str(folder), "--workers", "1", "--previous", str(previous)]) == 0
    assert verify_plan(folder) == []
    return folder


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    folder = tmp_path_factory.mktemp("before")
    return planned(folder / "plan", shop(folder / "shop", DAYS), "none")


def exceptions(plan):
    return pd.read_csv(plan / "exceptions.csv").set_index("subject")


@pytest.fixture(scope="module")
def missed(before, tmp_path_factory):
    """The plan after tea has sold three times what was forecast for sixteen days."""
    folder = tmp_path_factory.mktemp("missed")
    return planned(folder / "plan", shop(folder / "shop", DAYS + AHEAD, tea_from_now=15.0), before)


def test_lines_of_a_forecast_that_kept_missing_are_held_and_its_level_follows(missed):
    plan = missed
    row = exceptions(plan).loc["forecast tea_250 S2"]
    assert row["kind"] == "forecast off"
    assert "wait for a look" in row["text"] and "tracking signal +1.00" in row["text"]
    assert json.loads(row["numbers"])["held"] is True
    lines = pd.read_csv(plan / "purchase_orders.csv", keep_default_na=False)
    today = lines[lines["status"] == "proposed"].set_index("item_id")
    assert today.loc["tea_250", "hold"] == "forecast tea_250 S2"
    assert (lines.loc[lines["item_id"] == "rice_1kg", "hold"] == "").all()
    assert (lines.loc[lines["status"] == "planned", "hold"] == "").all()
    levels = pq.read_table(plan / "state" / "forecast.parquet").to_pandas().set_index("item_id")["level"]
    # Sixteen days at 15 after ten weeks around 5, decay .9: 15 - 10 · .9^16 = 13.1.
    assert levels["tea_250"] == pytest.approx(15.0 - 10.0 * 0.9**16, rel=0.1)


def test_the_page_says_what_is_held(missed):
    page = (missed / "plan.html").read_text(encoding="utf-8")
    assert "(1 line held)" in page
    assert "Held, not to be released yet: see forecast tea_250 S2." in page


def test_a_line_that_lost_its_hold_fails_the_check(missed, tmp_path):
    plan = tmp_path / "plan"
    shutil.copytree(missed, plan)
    path = plan / "purchase_orders.csv"
    path.write_text(path.read_text().replace("forecast tea_250 S2", ""))
    assert any("is held by nothing, not by forecast tea_250 S2" in str(found) for found in verify_plan(plan))


def test_the_next_day_goes_on_and_gives_what_a_memory_gives(before, tmp_path, caplog):
    with caplog.at_level("INFO", logger="dayplan"):
        planned(tmp_path / "plan", shop(tmp_path / "shop", DAYS + 1), before)
    assert "forecast: gone on, 0 passed anew" in caplog.text


def test_a_corrected_sale_of_the_past_is_told(before, tmp_path):
    rice = [float((n * 7) % 5 == 0) * 2 for n in range(DAYS + 1)]
    rice[30] = 7.0
    plan = planned(tmp_path / "plan", shop(tmp_path / "shop", DAYS + 1, rice=rice), before)
    row = exceptions(plan).loc["changed past"]
    assert "rice_1kg at S2" in row["text"]
    assert json.loads(row["numbers"]) == {"changed": 1, "rebuilt": 2}


def test_a_planners_figure_is_scored_when_sales_are_known_and_never_taken_for_the_forecasts(tmp_path):
    overrides = (
        "target,item_id,location_id,field,value,from,to,author,reason\n"
        "forecast,tea_250,S2,units,{},2024-05-13,2024-05-28,ann,fair\n"
    )
    first = shop(tmp_path / "first", DAYS)
    (first / "overrides.csv").write_text(overrides.format(16 * 20), encoding="utf-8")
    before = planned(tmp_path / "plan", first, "none")
    after = planned(tmp_path / "after", shop(tmp_path / "second", DAYS + AHEAD), before)
    row = exceptions(after).loc["override scored 1"]
    assert "16 periods known: set to 32" in row["text"] and "the forecast was nearer" in row["text"]
    numbers = json.loads(row["numbers"])
    assert numbers["sold"] == sum(3 + (n % 7 >= 4) * 2 + n % 3 for n in range(DAYS, DAYS + AHEAD))
    assert numbers["wanted_error"] > 5 * numbers["forecast_error"]
    # Twenty a day written and five sold is no fault of the forecast.
    assert "forecast tea_250 S2" not in exceptions(after).index


def test_a_damaged_memory_is_named_and_not_our_fault(before, tmp_path, capsys):
    shutil.copytree(before, tmp_path / "plan")
    (tmp_path / "plan" / "state" / "learned.parquet").write_bytes(b"PAR1")
    command = ["forecast", str(shop(tmp_path / "shop", DAYS + 1)), "--out", str(tmp_path / "next")]
    assert run_plan.run([*command, "--previous", str(tmp_path / "plan")]) == 64
    assert "is damaged; give another plan" in " ".join(capsys.readouterr().err.split())
