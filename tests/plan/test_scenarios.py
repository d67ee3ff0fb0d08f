"""Scenarios planned side by side, two plans compared, and differences split over the changes of a scenario."""

import importlib.util
import io
import json
import shutil

import pandas as pd
import pytest
from rich.console import Console

import optimizer.pipeline
import run_plan
from optimizer.executor import plain_loop
from optimizer.pipeline import Order, Wanted
from optimizer.plan.verify import verify_plan
from optimizer.reports.comparison import print_runs
from optimizer.runs import Run, Setting, _whole, attribution, cost_of, prepared, run_scenarios, slug, under_uncertainty
from scenarios.compare import UnlikePlansError, compare_plans
from scenarios.plans import DamagedPlanError, read_plan
from scenarios.whatif import ScenarioError, read_scenario
from tests.folders import tea_shop

MORE = 'name = "More tea"\n[[change]]\nkind = "demand"\nitem = "tea_250"\npercent = 40\n'
LESS = (
    'name = "Two things"\n[[change]]\nkind = "demand"\nfactor = 0.5\nitem = "rice_1kg"\n[policy]\nservice_level = 0.8\n'
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("what")
    tea_shop(folder / "shop")
    (folder / "more.toml").write_text(MORE)
    (folder / "less.toml").write_text(LESS)
    return folder


@pytest.fixture(scope="module")
def runs(shop):
    files = [str(shop / "more.toml"), str(shop / "less.toml")]
    call = [
        "scenarios",
        "run",
        str(shop / "shop"),
        *files,
        "--out",
        str(shop / "runs"),
        "--workers",
        "1",
        "--paths",
        "50",
    ]
    assert run_plan.run(call) == 0
    return shop / "runs"


def test_each_scenario_is_a_plan_of_its_own_that_its_check_believes(runs):
    assert sorted(path.name for path in runs.iterdir() if path.is_dir()) == ["base", "more-tea", "two-things"]
    for name in ("base", "more-tea", "two-things"):
        assert verify_plan(runs / name) == []
    told = json.loads((runs / "more-tea" / "run.json").read_text())["scenario_changes"]
    assert told[0].startswith("More tea: demand of 1 item-places times 1.4")
    assert (runs / "comparison.xlsx").exists()
    page = (runs / "comparison.html").read_text()
    assert "More tea" in page and "Side by side" in page and "<script src" not in page


def test_a_scenario_on_its_own_is_the_same_plan(shop, runs, tmp_path):
    alone = tmp_path / "alone"
    call = [
        "plan",
        str(shop / "shop"),
        "--scenario",
        str(shop / "more.toml"),
        "--out",
        str(alone),
        "--previous",
        "none",
    ]
    assert run_plan.run([*call, "--paths", "50", "--workers", "1"]) == 0
    for name in ("purchase_orders.csv", "costs.csv", "kpis.csv"):
        assert (alone / name).read_bytes() == (runs / "more-tea" / name).read_bytes()


def test_the_same_draws_meet_every_scenario(runs):
    both = [pd.read_parquet(runs / name / "projection.parquet") for name in ("base", "more-tea")]
    rice = [table[table["item_id"] == "rice_1kg"].reset_index(drop=True) for table in both]
    pd.testing.assert_frame_equal(*rice)
    tea = [table.loc[table["item_id"] == "tea_250", "demand_mean"].sum() for table in both]
    assert tea[1] == pytest.approx(1.4 * tea[0], rel=0.01)


def test_scenarios_are_compared_path_by_path(runs):
    names = ("base", "more-tea", "two-things")
    plans = {name: read_plan(runs / name) for name in names}
    costs = {name: cost_of(runs / name, plan) for name, plan in plans.items()}
    many = [Run(name, runs / name, (), {}, 0.0, costs[name], plans[name].frame("path_costs"), {}) for name in names]
    found = under_uncertainty(many).set_index("name")
    paths = [read_plan(runs / name).frame("path_costs")["cost"].tolist() for name in names]
    count = len(paths[0])
    cost = [[costs[name] - sum(own) / count + c for c in own] for name, own in zip(names, paths, strict=True)]
    regret = [[own[s] - min(other[s] for other in cost) for s in range(count)] for own in cost]
    assert count == 50
    for n, name in enumerate(names):
        row, ordered = found.loc[name], sorted(cost[n])
        assert row["expected"] == pytest.approx(costs[name], abs=1)
        assert row["worst"] == pytest.approx(ordered[-1], abs=1)
        # The worst twentieth of fifty paths is two and a half of them, 95 % stay below the 48th.
        assert row["p95"] == pytest.approx(ordered[47], abs=1)
        assert row["tail"] == pytest.approx((ordered[49] + ordered[48] + ordered[47] / 2) / 2.5, abs=1)
        assert row["regret_mean"] == pytest.approx(sum(regret[n]) / count, abs=1)
        assert row["regret_worst"] == pytest.approx(max(regret[n]), abs=1)
        assert row["best"] == pytest.approx(sum(more < 1e-6 for more in regret[n]) / count)
    assert "largest regret" in (runs / "comparison.html").read_text()


def test_compare_tells_inputs_decisions_and_figures_that_are_the_plans_own(runs):
    found = compare_plans(runs / "base", runs / "more-tea")
    assert found.inputs["words"].str.contains("demand of 1 item-places times 1.4").any()
    for side, name in (("before", "base"), ("after", "more-tea")):
        plan = read_plan(runs / name)
        assert found.costs[side].sum() == plan.frame("costs")["amount"].sum()
        kpis = plan.frame("kpis").set_index("name")["value"]
        figures = found.figures.set_index("name")
        assert figures[side].to_dict() == kpis.to_dict()
    orders = found.decisions.query("table == 'purchase_orders'")
    assert (orders["item_id"] == "tea_250").any()
    plans = [read_plan(runs / name).frame("purchase_orders") for name in ("base", "more-tea")]
    assert orders["money"].sum() == plans[1]["amount"].sum() - plans[0]["amount"].sum()
    counts = found.lines.set_index("table")
    assert counts.loc["purchase_orders", "before"] == len(plans[0])


def test_a_plan_does_not_differ_from_itself(runs):
    found = compare_plans(runs / "base", runs / "base")
    assert found.same and found.inputs.empty and (found.costs["difference"] == 0).all()
    assert (found.lines["same"] == found.lines["before"]).all()


def test_compare_on_the_command_line(runs, tmp_path, capsys):
    pair = [str(runs / "base"), str(runs / "two-things")]
    assert run_plan.run(["compare", *pair, "--out", str(tmp_path / "cmp")]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "policy policy, 1 row: service_level 0.95 becomes 0.8" in text and "orders: " in text
    page = (tmp_path / "cmp" / "comparison.html").read_text()
    assert "What was decided" in page and "service_level 0.95 becomes 0.8" in page
    assert (tmp_path / "cmp" / "comparison.xlsx").stat().st_size > 5000
    assert run_plan.run(["compare", *pair, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["currency"] == "EUR"
    assert run_plan.run(["compare", str(tmp_path), pair[1]]) == run_plan.Exit.USAGE
    with pytest.raises(DamagedPlanError, match="no plan folder"):
        compare_plans(tmp_path, runs / "base")


def test_a_plan_that_is_not_whole_or_of_another_kind_is_not_compared_as_if_it_had_decided_nothing(
    shop, runs, tmp_path, capsys
):
    def hurt(name, change):
        folder = tmp_path / name
        shutil.copytree(runs / "base", folder)
        change(folder)
        return folder

    broken = [
        (lambda f: (f / "run.json").write_text('{"a'), r"run\.json is damaged"),
        (lambda f: (f / "run.json").write_text("{}"), r"run\.json is damaged"),
        (lambda f: (f / "purchase_orders.csv").unlink(), r"purchase_orders\.csv is missing"),
        (lambda f: (f / "purchase_orders.csv").write_text("x\n1\n"), "no such column"),
        (lambda f: (f / "projection.parquet").write_bytes(b"PAR1"), "expected a readable file"),
        (lambda f: (f / "inputs" / "items.parquet").write_bytes(b"PAR1"), r"items\.parquet is damaged"),
    ]
    for number, (change, words) in enumerate(broken):
        folder = hurt(str(number), change)
        with pytest.raises(DamagedPlanError, match=words):
            compare_plans(runs / "base", folder)
        assert run_plan.run(["compare", str(folder), str(runs / "base")]) == run_plan.Exit.USAGE
    assert run_plan.run(["runs", str(tmp_path)]) == 0 and "damaged" in capsys.readouterr().out
    forecast = tmp_path / "forecast"
    call = ["forecast", str(shop / "shop"), "--out", str(forecast), "--paths", "20", "--previous", "none"]
    assert run_plan.run([*call, "--workers", "1"]) == 0
    with pytest.raises(UnlikePlansError, match=r"was made by plan, .* by forecast"):
        compare_plans(runs / "base", forecast)


def test_the_difference_is_split_over_the_changes_to_the_cent(shop, tmp_path):
    order = Order(Wanted.PLAN, 1, previous="none")
    setting = Setting(shop / "shop", None, {"paths": 30}, order, shop / "plans")
    scenario = read_scenario(shop / "less.toml")
    shares = attribution(setting, scenario, tmp_path, plain_loop)
    cost = shares[shares["figure"] == "cost"]
    assert cost["change"].tolist() == ["1. demand", "policy"] and set(cost["unit"]) == {"EUR"}
    costs = {name: _paid(tmp_path / f"part-{name}") for name in ("none", "0", "1", "0-1")}
    assert round(100 * cost["value"].sum()) == costs["0-1"] - costs["none"]
    # Shapley's value of two: half of what it adds alone and half of what it adds to the other.
    first = 0.5 * (costs["0"] - costs["none"]) + 0.5 * (costs["0-1"] - costs["1"])
    assert 100 * cost["value"].iloc[0] == pytest.approx(first, abs=1.0)
    assert cost["value"].iloc[0] != 0
    # So is every key figure: money to the cent, all else to the millionth.
    kpis = {name: read_plan(tmp_path / f"part-{name}").frame("kpis").set_index("name") for name in costs}
    assert shares["figure"].unique().tolist() == ["cost", *kpis["none"].index]
    for name, own in shares[shares["figure"] != "cost"].groupby("figure"):
        value = {subset: table.loc[name, "value"] for subset, table in kpis.items()}
        close = 0.01 if own["unit"].iloc[0] == "EUR" else 1e-6
        assert own["value"].sum() == pytest.approx(value["0-1"] - value["none"], abs=1.01 * close)
        first = 0.5 * (value["0"] - value["none"]) + 0.5 * (value["0-1"] - value["1"])
        assert own["value"].iloc[0] == pytest.approx(first, abs=2 * close)
    assert (shares.loc[shares["figure"] == "demand_units", "value"] != 0).any()


def test_the_split_is_shown_in_terminal_page_workbook_and_for_machines(shop, tmp_path, capsys):
    call = ["scenarios", "run", str(shop / "shop"), str(shop / "less.toml"), "--attribute", "--paths", "20"]
    call += ["--workers", "1", "--out", str(tmp_path / "out")]
    assert run_plan.run(call) == 0
    told = capsys.readouterr()
    assert "2 more plans are made" in told.err
    assert "Two things, difference by change (mean over all orders): 1 1. demand, 2 policy" in told.out
    assert "difference by change" in (tmp_path / "out" / "comparison.html").read_text()
    sheet = pd.ExcelFile(tmp_path / "out" / "comparison.xlsx").parse("Attribution") if _has_openpyxl() else None
    assert run_plan.run([*call, "--json"]) == 0
    rows = pd.DataFrame(json.loads(capsys.readouterr().out)["attribution"]["Two things"])
    assert {"cost", "fill_rate", "order_lines"} <= set(rows["figure"])
    assert sheet is None or sheet["value"].sum() == pytest.approx(rows["value"].sum())


def _has_openpyxl():
    return importlib.util.find_spec("openpyxl") is not None


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_figure_is_cut_however_many_scenarios_there_are(runs, width):
    names = ["base", "more-tea", "two-things"] * 2
    kpis = [read_plan(runs / name).frame("kpis").to_dict("records") for name in names]
    many = [Run(f"Scenario {n}", runs / name, (), {"kpis": kpi}, 0.0, 0, read_plan(runs / name).frame("path_costs"), {})
            for n, (name, kpi) in enumerate(zip(names, kpis, strict=True))]  # fmt: skip
    text = io.StringIO()
    print_runs(Console(file=text, width=width), many, "EUR")
    shown = text.getvalue()
    assert "…" not in shown
    assert all(f"{row['name']} ({row['unit']})" in shown for row in kpis[0])
    assert all(f"{row['value']:,.2f}" in shown for own in kpis for row in own)
    assert "largest regret" in shown and "5 Scenario 4" in " ".join(shown.split())


def _paid(folder):
    """Tea is bought at 1.80 and rice at 1.10; their demand at cost, and all costs but purchases."""
    plan = read_plan(folder)
    costs, wanted = plan.frame("costs"), plan.frame("projection").groupby("item_id")["demand_mean"].sum()
    paid = costs["nature"].isin(["cash", "accrual", "penalty"]) & (costs["component"] != "purchase")
    lost = (costs["nature"] == "expected") & costs["component"].isin(["holding", "shortage", "waste"])
    return round(180 * wanted["tea_250"] + 110 * wanted["rice_1kg"]) + costs.loc[paid | lost, "amount"].sum()


@pytest.mark.parametrize(
    ("shares", "total"), [([1.5, 1.5], 3), ([-0.5, 0.5], 0), ([0.34, 0.33, 0.33], 1), ([-2.7, 1.2, 0.5], -1)]
)
def test_whole_shares_add_up(shares, total):
    whole = _whole(shares, total)
    assert sum(whole) == total
    assert all(abs(one - share) < 1.0 for one, share in zip(whole, shares, strict=True))


def test_all_look_as_far_ahead_as_the_one_that_looks_farthest(shop, tmp_path):
    (tmp_path / "slow.toml").write_text("[policy]\nlead_time_days = 20\n")
    setting = Setting(shop / "shop", None, {}, Order(Wanted.PLAN), shop / "plans")
    slow, told = prepared(setting, [read_scenario(tmp_path / "slow.toml")])
    assert slow.changes["horizon"] > 20 and told[0].words == "lead_time_days 7 becomes 20"
    same, _ = prepared(setting, [read_scenario(shop / "more.toml")])
    assert same is setting


def test_two_scenarios_of_one_name_are_refused(shop, tmp_path):
    (tmp_path / "again.toml").write_text(MORE)
    setting = Setting(shop / "shop", None, {}, Order(Wanted.PLAN), shop / "plans")
    files = [read_scenario(shop / "more.toml"), read_scenario(tmp_path / "again.toml")]
    with pytest.raises(ScenarioError, match="the name is taken"):
        prepared(setting, files)
    (tmp_path / "parts.toml").write_text(MORE.replace("More tea", "Parts"))
    with pytest.raises(ScenarioError, match="the name is taken"):
        prepared(setting, [read_scenario(tmp_path / "parts.toml")])
    assert (slug("Öl & Reis"), slug("冷"), slug("../..")) == ("öl-reis", "冷", "scenario")
    call = ["scenarios", "run", str(shop / "shop"), str(tmp_path / "none.toml")]
    assert run_plan.run(call) == run_plan.Exit.USAGE


@pytest.mark.parametrize("key", ['currency = "JPY"', 'period = "week"', "horizon = 3", "seed = 9", "paths = 7"])
def test_what_would_make_costs_unlike_is_refused_before_anything_is_planned(shop, tmp_path, key):
    (tmp_path / "unlike.toml").write_text(f"[policy]\n{key}\n")
    setting = Setting(shop / "shop", None, {}, Order(Wanted.PLAN), shop / "plans")
    with pytest.raises(ScenarioError, match=r"unlike\.toml policy: .* must be the same in all"):
        prepared(setting, [read_scenario(tmp_path / "unlike.toml")])


def test_a_change_beyond_what_the_plan_looks_at_hits_nothing(shop, tmp_path, capsys):
    (tmp_path / "far.toml").write_text('[[change]]\nkind = "demand"\nfactor = 2\nfrom = 2030-01-01\n')
    setting = Setting(shop / "shop", None, {}, Order(Wanted.PLAN), shop / "plans")
    with pytest.raises(ScenarioError, match="changes nothing, it begins on 2030-01-01"):
        prepared(setting, [read_scenario(tmp_path / "far.toml")])
    call = ["plan", str(shop / "shop"), "--scenario", str(tmp_path / "far.toml"), "--out", str(tmp_path / "plan")]
    assert run_plan.run(call) == run_plan.Exit.USAGE
    assert "the plan looks ahead until" in " ".join(capsys.readouterr().err.split())


def test_the_forecast_is_shared_where_it_rests_on_the_same(shop, monkeypatch, tmp_path):
    calls = []
    given = optimizer.pipeline.expected_demand
    monkeypatch.setattr(optimizer.pipeline, "expected_demand", lambda *a: (calls.append(1), given(*a))[1])
    (tmp_path / "price.toml").write_text('[[change]]\nkind = "demand"\nfactor = 2\n')
    (tmp_path / "store.toml").write_text('[[change]]\nkind = "new_store"\nplace = "S9"\nlike = "S2"\n')
    setting = Setting(shop / "shop", None, {"paths": 20}, Order(Wanted.PLAN, 1, previous="none"), shop / "plans")
    files = [read_scenario(tmp_path / name) for name in ("price.toml", "store.toml")]
    runs = run_scenarios(setting, files, tmp_path / "out", plain_loop)
    # Once for all, and once more for the store that has sales of its own.
    assert len(calls) == 2 and [run.name for run in runs] == ["base", "price", "store"]
