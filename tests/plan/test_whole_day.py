"""The rooms of one day speak of the same demand, and a day can be planned in parts or without a filter."""

import json

import numpy as np
import pandas as pd
import pytest

import optimizer.pipeline
import optimizer.prices
import run_plan
from optimizer.plan.verify import verify_plan
from run_plan import Exit
from tests.folders import tea_shop


def decide(command, company, folder, *more):
    assert run_plan.run([command, str(company), "--out", str(folder), "--previous", "none", *more]) == 0
    assert verify_plan(folder) == []
    return folder


def test_path_17_is_the_same_number_in_price_order_and_route(company, tmp_path, monkeypatch):
    seen = {}

    def spy(module, name, position):
        given = getattr(module, name)

        def watched(*arguments):
            seen.setdefault(name, arguments[position])
            result = given(*arguments)
            seen[f"{name} result"] = result
            return result

        monkeypatch.setattr(module, name, watched)

    spy(optimizer.prices, "plan_prices", 2)
    spy(optimizer.prices, "plan_fresh", 2)
    spy(optimizer.pipeline, "plan_orders", 2)
    spy(optimizer.pipeline, "plan_routes", 1)
    plan = decide("plan", company, tmp_path / "plan", "--workers", "1")
    priced, ordered = seen["plan_prices"], seen["plan_orders"]
    kept = ordered.steps.shape[2]
    assert np.array_equal(seen["plan_fresh"].steps, priced.steps)
    stickers = seen["plan_fresh result"]
    decided = priced.at(seen["plan_prices result"].prices).first(kept)
    assert np.array_equal(stickers.on(decided).steps, ordered.steps)
    unchanged = ~seen["plan_prices result"].falls_within(kept)
    unchanged[list(stickers.wanted)] = False
    assert unchanged.any() and not unchanged.all()
    assert np.array_equal(priced.first(kept).steps[unchanged, 17], ordered.steps[unchanged, 17])
    # A lower price never sells fewer on any path.
    assert (ordered.steps[~unchanged] >= priced.first(kept).steps[~unchanged]).all()
    # What is forecast, projected and expected lost rests on that array; the sums are exact.
    units = ordered.steps.sum(axis=(1, 2)) * ordered.unit_step / ordered.steps.shape[1]
    projection = pd.read_parquet(plan / "projection.parquet")
    wanted = projection.groupby(["item_id", "location_id"], sort=True, observed=True)["demand_mean"].sum()
    assert wanted.to_numpy() == pytest.approx(units, abs=1e-4)
    # Routes carry the transfers that were ordered for that demand.
    moved = seen["plan_routes"].query("status == 'proposed'").set_index("line_id")["quantity"]
    written = pd.read_csv(plan / "transfers.csv").query("status == 'proposed'").set_index("line_id")["quantity"]
    assert moved.to_dict() == written.to_dict()


def test_prices_alone_are_those_of_the_whole_day(company, planned, tmp_path):
    alone = decide("markdown", company, tmp_path / "prices", "--workers", "1")
    assert (alone / "price_changes.csv").read_text() == (planned / "price_changes.csv").read_text()
    assert not (alone / "purchase_orders.csv").exists()


def test_routes_alone_bring_the_transfers_of_a_plan(company, planned, tmp_path):
    alone = decide("route", company, tmp_path / "routes", "--plan", str(planned))
    assert (alone / "routes.csv").read_text() == (planned / "routes.csv").read_text()
    bare = decide("route", company, tmp_path / "bare")
    assert "transfer" not in set(pd.read_csv(bare / "routes.csv")["kind"])


def test_a_part_that_the_tables_do_not_allow_is_skipped_and_said(tmp_path):
    shop = tea_shop(tmp_path / "shop")
    for command, decision in (("route", "decision routes"), ("markdown", "prices"), ("reorder", "decision transfers")):
        told = pd.read_csv(decide(command, shop, tmp_path / command) / "exceptions.csv").set_index("subject")
        assert told.loc[decision, "kind"] == "skipped"


def test_routes_of_a_folder_refuse_what_is_for_files(company, planned, tmp_path, capsys):
    call = ["route", str(company), "--out", str(tmp_path / "x")]
    assert run_plan.run([*call, "--seconds", "1"]) == Exit.USAGE
    assert "--seconds and --pack are for files" in capsys.readouterr().err
    assert run_plan.run([*call, "--plan", str(tmp_path)]) == Exit.USAGE
    assert run_plan.run([*call, "--plan", str(planned), "--date", "2024-03-01"]) == Exit.USAGE
    assert "is the plan of 2024-02-29" in " ".join(capsys.readouterr().err.split())


def test_plans_that_differ_lie_in_folders_of_their_own(company, planned, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    calls = (["route"], ["route", "--plan", str(planned)], ["route", "--without", "fraud"])
    for command, *more in calls:
        assert run_plan.run([command, str(company), *more]) == 0
    assert len(list((tmp_path / "plans").iterdir())) == len(calls)
    folders = set()
    for levels in (".5", ".5,.9"):
        assert run_plan.run(["forecast", str(company), "--levels", levels, "--workers", "1"]) == 0
        folders |= set((tmp_path / "plans").iterdir())
    assert len(folders) == len(calls) + 2


def test_a_plan_without_a_filter_says_so_and_differs(company, planned, tmp_path):
    bare = decide("plan", company, tmp_path / "bare", "--workers", "1", "--without", "fraud", "--without", "segments")
    assert pd.read_csv(bare / "order_holds.csv").empty
    assert pd.read_csv(bare / "segments.csv").empty
    kinds = pd.read_csv(bare / "excluded_rows.csv")["reason"]
    assert not kinds.str.contains("fraud").any()
    assert kinds.str.contains("cancelled").any()
    assert json.loads((bare / "run.json").read_text())["without"] == ["fraud", "segments"]
    told = set(pd.read_csv(bare / "exceptions.csv")["subject"])
    assert {"without fraud", "without segments"} <= told
    # Orders that fraud would hold are shipped now.
    held = pd.read_csv(planned / "order_holds.csv")["order_id"]
    deliveries = pd.read_csv(company / "deliveries.csv").set_index("order_id")["delivery_id"]
    stops = set(pd.read_csv(bare / "routes.csv")["stop_id"]) | set(pd.read_csv(bare / "unserved.csv")["stop_id"])
    assert {deliveries[order] for order in held} <= stops


@pytest.mark.parametrize(("name", "words"), [("cancellations", "cancelled"), ("bulk", "bulk")])
def test_each_part_of_the_screening_can_be_left_out(company, planned, tmp_path, name, words):
    bare = decide("forecast", company, tmp_path / "bare", "--workers", "1", "--without", name)
    with_it = pd.read_csv(planned / "excluded_rows.csv")["reason"].str.contains(words).sum()
    without = pd.read_csv(bare / "excluded_rows.csv")["reason"].str.contains(words).sum()
    assert without < with_it
