"""Service levels by segment within the money for stock: against enumeration, in a plan, and what its check finds."""

import itertools
import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import run_plan
from optimizer.plan.check_filters import check_levels
from optimizer.plan.verify import verify_plan
from optimizer.reorder.levels import LEVELS, choose
from scenarios.plans import read_plan, world_of
from tests.folders import sales_of, tea_shop


def outcomes(seed, segments=4, levels=5):
    rng = np.random.default_rng(seed)
    stock = rng.gamma(2.0, 10.0, (segments, levels)).cumsum(axis=1)
    lost = rng.gamma(2.0, 3.0, (segments, levels)).cumsum(axis=1)[:, ::-1]
    return lost, stock


@pytest.mark.parametrize("seed", range(25))
def test_no_other_levels_lose_less_within_the_budget(seed):
    lost, stock = outcomes(seed)
    budget = np.random.default_rng(seed).uniform(0.8, 1.1) * stock[:, 2].sum()
    best = np.inf
    for level in itertools.product(range(stock.shape[1]), repeat=len(stock)):
        at = (np.arange(len(stock)), np.array(level))
        if stock[at].sum() <= budget:
            best = min(best, lost[at].sum())
    found = choose(lost, stock, budget)
    at = (np.arange(len(stock)), found.level)
    assert found.objective == pytest.approx(best)
    assert lost[at].sum() == pytest.approx(best) and stock[at].sum() <= budget + 1e-6
    more = choose(lost, stock, budget * 1.05)
    # The price is that of the relaxation, which no whole choice beats.
    assert more.objective <= found.objective + 1e-9 and found.price >= 0


def test_where_nothing_fits_the_lowest_levels_stand():
    lost, stock = outcomes(1)
    found = choose(lost, stock, 0.5 * stock[:, 0].sum())
    assert found.level.tolist() == [0] * 4 and not found.fits


SHARE = 0.8
ASSORTMENT = "item_id,location_id,service_level\n" + "".join(f"i{n},S2,\n" for n in range(5)) + "i5,S2,0.9\n"


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """Six items, three wild and dear, three steady and cheap; the last has a level of its own."""
    folder, rng = tmp_path_factory.mktemp("levels"), np.random.default_rng(3)
    sales = "date,item_id,location_id,units\n"
    for n in range(6):
        units = rng.poisson(rng.gamma(0.3, 10.0, 90)) if n < 3 else rng.poisson(5.0, 90)
        sales += sales_of(f"i{n}", "S2", units.tolist(), "2024-01-08")
    items = "item_id,unit_cost,list_price\n" + "".join(
        f"i{n},{9 if n < 3 else 1},{12 if n < 3 else 2}\n" for n in range(6)
    )
    stock = "item_id,location_id,on_hand\n" + "".join(f"i{n},S2,3\n" for n in range(6))
    tables = {"items": items, "stock": stock, "sales": sales, "assortment": ASSORTMENT}
    plans = {}
    for name, share in (("one", 1.0), ("several", SHARE)):
        tea_shop(folder / name, tables, f"stock_share = {share}\nservice_level = 0.95\n")
        plans[name] = folder / "plans" / name
        call = ["plan", str(folder / name), "--out", str(plans[name]), "--workers", "1", "--paths", "100"]
        assert run_plan.run([*call, "--previous", "none"]) == 0
    return plans


def test_segments_get_levels_of_their_own_within_the_money(planned):
    proof = json.loads((planned["several"] / "certificate.json").read_text())["decisions"]["service_levels"]
    levels = read_plan(planned["several"]).frame("segment_levels")
    assert levels["pairs"].sum() == 5
    assert levels["stock"].sum() <= 100 * SHARE * proof["one_level"]["stock"] + len(levels)
    assert len(set(levels["service_level"])) > 1
    assert set(levels["service_level"]) <= set(LEVELS)
    assert proof["bound"] <= proof["objective"]
    assert verify_plan(planned["several"]) == []
    told = pd.read_csv(planned["several"] / "exceptions.csv").set_index("subject").loc["stock_share", "text"]
    assert "service levels by group within 80% of the stock that 0.95 for all would need" in told


def test_orders_follow_the_levels_and_a_pair_keeps_its_own(planned):
    pairs = (
        world_of(planned["several"], read_plan(planned["several"]))
        .frame("assortment")
        .set_index("item_id")["service_level"]
    )
    segments = read_plan(planned["several"]).frame("segments").query("kind == 'service'")
    segments = segments.set_index("member_id")["segment"]
    levels = read_plan(planned["several"]).frame("segment_levels").set_index("segment")["service_level"]
    assert pairs["i5"] == 0.9
    assert all(pairs[f"i{n}"] == levels[segments[f"i{n}/S2"]] for n in range(5))
    ordered = {
        name: pd.read_csv(plan / "purchase_orders.csv").query("status == 'proposed'").set_index("item_id")["quantity"]
        for name, plan in planned.items()
    }
    high = [f"i{n}" for n in range(5) if pairs[f"i{n}"] > 0.95]
    assert high and (ordered["several"][high] >= ordered["one"][high]).all()
    assert ordered["several"][high].sum() > ordered["one"][high].sum()
    assert ordered["several"]["i5"] == ordered["one"]["i5"]
    assert read_plan(planned["one"]).frame("segment_levels").empty


def test_the_check_finds_levels_of_nobody_and_stock_beyond_the_money(planned):
    plan = read_plan(planned["several"])
    certificate = json.loads((planned["several"] / "certificate.json").read_text())
    good = plan.frame("segment_levels")

    def told(levels, proof=certificate):
        frame = {"segment_levels": levels, "segments": plan.frame("segments")}.__getitem__
        evidence = SimpleNamespace(
            frame=frame, certificate=proof, world=world_of(planned["several"], read_plan(planned["several"]))
        )
        return " ".join(str(one) for one in check_levels(evidence))

    assert told(good) == ""
    assert "has 0 pairs, not" in told(good.assign(segment="Z odd"))
    assert "is above" in told(good.assign(stock=good["stock"] * 2 + 100))
    assert "lost, not" in told(good.assign(lost_units=good["lost_units"] + 1))
    assert "no certificate" in told(good, {"decisions": {}})
