"""Scenarios planned side by side, two plans compared, and differences split over the changes of a scenario."""

import json

import pandas as pd
import pytest

import optimizer.pipeline
import run_plan
from optimizer.executor import plain_loop
from optimizer.pipeline import Order, Wanted
from optimizer.plan.verify import verify_plan
from optimizer.runs import Run, Setting, _whole, attribution, cost_of, prepared, run_scenarios, under_uncertainty
from scenarios.compare import UnlikePlansError, compare_plans
from scenarios.plans import read_plan
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
    found = under_uncertainty([Run(name, runs / name, (), {}, 0.0) for name in names]).set_index("name")
    paths = [read_plan(runs / name).frame("path_costs")["cost"].tolist() for name in names]
    count = len(paths[0])
    cost = [[cost_of(runs / name) - sum(own) / count + c for c in own] for name, own in zip(names, paths, strict=True)]
    regret = [[own[s] - min(other[s] for other in cost) for s in range(count)] for own in cost]
    assert count == 50
    for n, name in enumerate(names):
        row, ordered = found.loc[name], sorted(cost[n])
        assert row["expected"] == pytest.approx(cost_of(runs / name), abs=1)
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
    with pytest.raises(UnlikePlansError, match="no plan folder"):
        compare_plans(tmp_path, runs / "base")


def test_the_difference_is_split_over_the_changes_to_the_cent(shop, tmp_path):
    order = Order(Wanted.PLAN, 1, previous="none")
    setting = Setting(shop / "shop", None, {"paths": 30}, order)
    scenario = read_scenario(shop / "less.toml")
    shares = attribution(setting, scenario, tmp_path, plain_loop)
    assert shares["change"].tolist() == ["1. demand", "policy"]
    costs = {name: _paid(tmp_path / f"part-{name}") for name in ("none", "0", "1", "0-1")}
    assert shares["cost"].sum() == costs["0-1"] - costs["none"]
    # Shapley's value of two: half of what it adds alone and half of what it adds to the other.
    first = 0.5 * (costs["0"] - costs["none"]) + 0.5 * (costs["0-1"] - costs["1"])
    assert shares["cost"].iloc[0] == pytest.approx(first, abs=1.0)
    assert shares["cost"].iloc[0] != 0


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
    setting = Setting(shop / "shop", None, {}, Order(Wanted.PLAN))
    slow, told = prepared(setting, [read_scenario(tmp_path / "slow.toml")])
    assert slow.changes["horizon"] > 20 and told[0].words == "lead_time_days 7 becomes 20"
    same, _ = prepared(setting, [read_scenario(shop / "more.toml")])
    assert same is setting


def test_two_scenarios_of_one_name_are_refused(shop, tmp_path):
    (tmp_path / "again.toml").write_text(MORE)
    setting = Setting(shop / "shop", None, {}, Order(Wanted.PLAN))
    files = [read_scenario(shop / "more.toml"), read_scenario(tmp_path / "again.toml")]
    with pytest.raises(ScenarioError, match="the name is taken"):
        prepared(setting, files)
    call = ["scenarios", "run", str(shop / "shop"), str(tmp_path / "none.toml")]
    assert run_plan.run(call) == run_plan.Exit.USAGE


def test_the_forecast_is_shared_where_it_rests_on_the_same(shop, monkeypatch, tmp_path):
    calls = []
    given = optimizer.pipeline.expected_demand
    monkeypatch.setattr(optimizer.pipeline, "expected_demand", lambda *a: (calls.append(1), given(*a))[1])
    (tmp_path / "price.toml").write_text('[[change]]\nkind = "demand"\nfactor = 2\n')
    (tmp_path / "store.toml").write_text('[[change]]\nkind = "new_store"\nplace = "S9"\nlike = "S2"\n')
    setting = Setting(shop / "shop", None, {"paths": 20}, Order(Wanted.PLAN, 1, previous="none"))
    files = [read_scenario(tmp_path / name) for name in ("price.toml", "store.toml")]
    runs = run_scenarios(setting, files, tmp_path / "out", plain_loop)
    # Once for all, and once more for the store that has sales of its own.
    assert len(calls) == 2 and [run.name for run in runs] == ["base", "price", "store"]
