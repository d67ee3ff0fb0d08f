"""What a person types and what comes back."""

import json

import pandas as pd
import pytest

import run_plan
from optimizer.reports.explain import explained
from run_plan import Exit
from scenarios.plans import read_plan, world_of
from tests.folders import TEA, tea_sales, tea_shop


@pytest.fixture(scope="module")
def tea_plan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tea")
    shop = tea_shop(folder / "shop")
    assert run_plan.run(["plan", str(shop), "--out", str(folder / "plan"), "--workers", "1"]) == 0
    return folder / "plan"


def test_four_tables_are_enough_and_what_was_assumed_is_said(tea_plan):
    orders = pd.read_csv(tea_plan / "purchase_orders.csv")
    assert (orders.loc[orders["status"] == "proposed", "item_id"] == "tea_250").all()
    exceptions = pd.read_csv(tea_plan / "exceptions.csv")
    assumed = exceptions.loc[exceptions["kind"] == "assumed", "text"]
    assert assumed.str.contains("lead_time_days 7, review_days 7").any()
    skipped = exceptions.loc[exceptions["kind"] == "skipped", "subject"]
    assert {"decision prices", "decision routes", "decision transfers"} <= set(skipped)


def test_the_order_covers_what_is_wanted_after_it_arrives(tea_plan, capsys):
    orders = pd.read_csv(tea_plan / "purchase_orders.csv")
    line = orders[orders["status"] == "proposed"].iloc[0]
    assert run_plan.run(["explain", str(tea_plan), line["line_id"][:6], "--json"]) == 0
    numbers = json.loads(capsys.readouterr().out)["numbers"]
    # The usual sale is 3 to 7 a day: 9 are gone long before day 7, and a week's demand is ordered with some safety.
    assert numbers["left_on_arrival"] < 1
    assert numbers["wanted"] < line["quantity"] < 2 * numbers["wanted"]
    assert numbers["quantity"] == line["quantity"]
    assert numbers["cost_one_pack_less"] >= numbers["cost"] <= numbers["cost_one_pack_more"]


def test_an_item_is_explained_where_it_is_ordered_and_where_it_is_not(planned, capsys):
    world = world_of(planned, read_plan(planned))
    assert run_plan.run(["explain", str(planned), "0001", "S01"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "transfer of 0001 from DC1 to S01 locked at 12 by the planner" in told
    assert "to S02" not in told
    rows = explained(read_plan(planned), world, "0001")
    # All that can be said of an item: one line for each source in force at each place.
    sources = world.frame("sources").query("item_id == '0001'")
    assert len(rows[~rows["line"].str.startswith("price")]) >= len(sources)
    assert run_plan.run(["explain", str(planned), "0001", "nowhere"]) == Exit.USAGE
    assert "explains no 0001 at nowhere" in " ".join(capsys.readouterr().err.split())


def test_verify_says_yes_and_no(tea_plan, tmp_path, capsys):
    assert run_plan.run(["verify", str(tea_plan)]) == 0
    assert "every check holds" in capsys.readouterr().out
    assert run_plan.run(["verify", str(tmp_path)]) == Exit.USAGE


def test_a_forecast_has_a_row_for_each_pair_period_and_level(tmp_path):
    shop = tea_shop(tmp_path / "shop")
    arguments = ["forecast", str(shop), "--horizon", "5", "--levels", ".5,.975", "--out", str(tmp_path / "plan")]
    assert run_plan.run([*arguments, "--workers", "1"]) == 0
    table = pd.read_parquet(tmp_path / "plan" / "forecast.parquet")
    assert len(table) == 2 * 5 * 3
    assert set(table["level"]) == {"0.5", "0.975", "mean"}
    assert pd.to_datetime(table["date"]).min() == pd.Timestamp("2024-04-08")
    assert not (tmp_path / "plan" / "purchase_orders.csv").exists()
    assert run_plan.run(["verify", str(tmp_path / "plan")]) == 0


def test_check_lists_faults_and_decisions(tmp_path, capsys):
    shop = tea_shop(tmp_path, {"stock": TEA["stock"] + "rice_1kg,S9,4\n"})
    assert run_plan.run(["check", str(shop), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [fault["file"] for fault in told["faults"]] == ["stock.csv"]
    assert {d["decision"]: d["possible"] for d in told["decisions"]}["orders"] is True


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["plan", "nowhere"], Exit.NO_DATA, "is no folder"),
        (["plan", "nowhere", "--colour", "red"], Exit.USAGE, "--help"),
        (["forecast", "examples/tea_shop", "--levels", "2"], Exit.USAGE, "between 0 and 1"),
        (["import", "sap", "a", "b"], Exit.USAGE, "kinds are"),
        (["import", "vn2", "nowhere", "b"], Exit.USAGE, "lacks"),
        (["explain", "nowhere", "abc"], Exit.USAGE, "explains no abc"),
        (["plan", "examples/tea_shop", "--previous", "nowhere"], Exit.USAGE, "is no plan folder"),
        (["dance"], Exit.USAGE, "dance"),
    ],
)
def test_every_wrong_call_has_its_code_and_its_words(arguments, code, words, capsys):
    assert run_plan.run(arguments) == code
    assert words in capsys.readouterr().err.replace("\n", " ")


def test_every_command_has_help_with_an_example(capsys):
    for name in (
        "plan",
        "reorder",
        "forecast",
        "demo",
        "import",
        "check",
        "verify",
        "explain",
        "report",
        "route",
        "backtest",
    ):
        assert run_plan.run([name, "--help"]) == 0
        assert "Example" in capsys.readouterr().out, name


def test_a_bad_row_is_set_aside_and_the_rest_is_planned(tmp_path):
    shop = tea_shop(tmp_path / "shop", {"sales": tea_sales() + "2024-04-07,coffee,S2,3\n"})
    assert run_plan.run(["plan", str(shop), "--out", str(tmp_path / "plan"), "--workers", "1"]) == 0
    refused = pd.read_csv(tmp_path / "plan" / "quarantine.csv")
    assert refused[["file", "row", "column", "found"]].values.tolist() == [["sales.csv", 72, "item_id", "coffee"]]
    exceptions = pd.read_csv(tmp_path / "plan" / "exceptions.csv")
    assert (exceptions["kind"] == "quarantine").sum() == 1


def test_a_name_that_looks_like_a_formula_stays_text(tmp_path):
    shop = tea_shop(
        tmp_path / "shop",
        {
            "items": TEA["items"] + "=1+1,Trick,1,2\n",
            "stock": TEA["stock"] + "=1+1,S2,0\n",
            "sales": tea_sales() + "".join(f"2024-04-0{d},=1+1,S2,4\n" for d in range(1, 8)),
        },
    )
    assert run_plan.run(["plan", str(shop), "--out", str(tmp_path / "plan"), "--workers", "1"]) == 0
    text = (tmp_path / "plan" / "purchase_orders.csv").read_text()
    assert "'=1+1" in text
    assert ",=1+1" not in text
    assert run_plan.run(["verify", str(tmp_path / "plan")]) == 0


def test_poisoned_future_changes_nothing(tmp_path):
    clean = tea_shop(tmp_path / "clean")
    poisoned = tea_shop(tmp_path / "poisoned", {"sales": tea_sales() + "2024-04-08,tea_250,S2,99999\n"})
    for name, folder in (("a", clean), ("b", poisoned)):
        arguments = ["plan", str(folder), "--date", "2024-04-08", "--out", str(tmp_path / name), "--workers", "1"]
        assert run_plan.run(arguments) == 0
    for table in ("forecast.parquet", "purchase_orders.csv", "costs.csv", "projection.parquet"):
        assert (tmp_path / "a" / table).read_bytes() == (tmp_path / "b" / table).read_bytes()


def test_the_inputs_are_not_changed(tmp_path):
    shop = tea_shop(tmp_path / "shop")
    before = {p.name: p.read_bytes() for p in shop.iterdir()}
    assert run_plan.run(["reorder", str(shop), "--out", str(tmp_path / "plan"), "--workers", "1"]) == 0
    assert {p.name: p.read_bytes() for p in shop.iterdir()} == before


def test_a_second_day_remembers_the_first(tmp_path):
    shop = tea_shop(tmp_path / "shop")
    first = ["plan", str(shop), "--date", "2024-04-07", "--out", str(tmp_path / "one"), "--workers", "1"]
    assert run_plan.run([*first, "--previous", "none"]) == 0
    second = ["plan", str(shop), "--out", str(tmp_path / "two"), "--previous", str(tmp_path / "one"), "--workers", "1"]
    assert run_plan.run(second) == 0
    run = json.loads((tmp_path / "two" / "run.json").read_text())
    assert run["previous"] != ""
    assert run["company"] == json.loads((tmp_path / "one" / "run.json").read_text())["company"]
