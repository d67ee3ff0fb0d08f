"""Value at risk and its conditional mean over the paths, against figures by hand, and shares that add up."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from optimizer.plan.check_figures import check_risk
from optimizer.plan.risk import risk_of, tail_weights
from scenarios.policy import Policy

WORLD = SimpleNamespace(policy=Policy())


def pairs_of(count):
    return pd.DataFrame({"item_id": [f"i{n}" for n in range(count)], "location_id": "A"})


def test_the_worst_twentieth_by_hand():
    # 40 paths that cost 1 to 40: the worst two are 39 and 40.
    cost = np.arange(1.0, 41.0)[None, :]
    table, paths, figures = risk_of(WORLD, pairs_of(1), cost, np.full(40, 1 / 40))
    assert figures == {"cost_p50": 20.0, "cost_p95": 38.0, "cost_cvar95": 39.5}
    assert table[["expected_cost", "tail_cost"]].to_numpy().tolist() == [[2050, 3950]]
    assert paths["cost"].tolist() == list(range(100, 4100, 100))


def test_a_path_at_the_edge_counts_in_part():
    # Of 8 paths at 1/8 the worst twentieth is .4 of the last one: that one alone, whatever the others cost.
    assert tail_weights(np.arange(8.0), np.full(8, 1 / 8)).tolist() == [0] * 7 + [1]
    weights = tail_weights(np.arange(30.0), np.full(30, 1 / 30))
    # 1.5 paths: two thirds and one third.
    assert weights[-1] == pytest.approx(2 / 3) and weights[-2] == pytest.approx(1 / 3)
    heavy = np.array([0.9, 0.02, 0.08])
    assert tail_weights(np.array([1.0, 9.0, 5.0]), heavy) == pytest.approx([0.0, 0.4, 0.6])


@pytest.mark.parametrize("seed", range(10))
def test_parts_add_up_and_the_tail_is_never_below_the_mean(seed):
    random = np.random.default_rng(seed)
    cost, weights = random.gamma(1.0, 5.0, (7, 200)), random.dirichlet(np.ones(200))
    table, paths, figures = risk_of(WORLD, pairs_of(7), cost, weights)
    total = cost.sum(axis=0)
    assert paths["cost"].to_numpy() == pytest.approx(100 * total, abs=0.5)
    order = np.argsort(-total)
    before = np.cumsum(weights[order]) - weights[order]
    kept = np.clip(0.05 - before, 0, weights[order])
    assert figures["cost_cvar95"] == pytest.approx(float(kept @ total[order]) / 0.05, abs=0.05)
    assert table["tail_cost"].sum() == pytest.approx(100 * figures["cost_cvar95"])
    assert figures["cost_cvar95"] >= figures["cost_p95"] >= figures["cost_p50"]


def test_the_check_finds_a_mean_that_costs_do_not_expect():
    costs = pd.DataFrame(
        [("i0", "A", "expected", "holding", 500), ("i0", "A", "cash", "purchase", 9_000)],
        columns=["item_id", "location_id", "nature", "component", "amount"],
    )
    good = pd.DataFrame({"item_id": ["i0"], "location_id": ["A"], "expected_cost": [501], "tail_cost": [900]})

    even = pd.DataFrame({"weight": [0.95, 0.05], "cost": [480, 900]})

    def told(risk, paths=even):
        tables = {"costs": costs, "risk": risk, "path_costs": paths}
        return [str(v) for v in check_risk(SimpleNamespace(frame=lambda name: tables[name]))]

    assert told(good) == []
    assert any("expects 600, costs expect 500" in text for text in told(good.assign(expected_cost=600)))
    assert any("the worst paths cost less" in text for text in told(good.assign(tail_cost=100)))
    assert any("expects 0" in text for text in told(good.iloc[:0]))
    assert any("tail_cost: the paths give 950" in text for text in told(good, even.assign(cost=[480, 950])))
    assert any("weights add up to 1.05" in text for text in told(good, even.assign(weight=[1.0, 0.05])))
    assert any("expected_cost: the paths give 0" in text for text in told(good, even.iloc[:0]))
