"""The review of regular prices: against every choice there is, its rows binding, from tables to checked changes."""

import dataclasses
import json
from itertools import product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from forecasting.paths import DemandPaths
from forecasting.price_tables import reference_prices
from forecasting.prices import PriceResponse
from optimizer.markdown.review import AVERAGE_TOLERANCE, ReviewProblem, review
from optimizer.markdown.review_stage import review_prices
from optimizer.plan.check_prices import check_price_labels, check_price_lines
from optimizer.plan.check_review import check_regular_prices
from scenarios.assortment import listed_pairs
from scenarios.load import load_world
from tests.folders import write_tables
from tests.markdown.test_price_tables import DAY

NAMES = [f"g{n}" for n in range(6)]
TABLES = {
    "items": "item_id,category,price_group,family,pack_content,list_price,unit_cost\n"
    + "".join(f"{name},food,,,,,{1 + 0.5 * n}\n" for n, name in enumerate(NAMES)),
    "locations": "location_id,kind\nA,store\nB,store\n",
    "sales": "date,item_id,location_id,units\n2024-04-14,g0,A,1\n",
    "stock": "item_id,location_id,on_hand\n" + "".join(f"{name},{place},9\n" for name in NAMES for place in "AB"),
    "prices": "item_id,location_id,valid_from,price,regular_price\n"
    + "".join(f"{name},{place},2024-01-01,{2.99 + n},{2.99 + n}\n" for n, name in enumerate(NAMES) for place in "AB"),
}
REVIEW = "price_review_changes = {}\nprice_review_band = 0.2\n"


def world_of(folder, changes=4, policy="", **changed):
    text = f"plan_date = {DAY}\n{REVIEW.format(changes)}{policy}"
    return load_world(write_tables(folder, {**TABLES, **changed}, text))


def reviewed(world, elasticities=(-4.0, -3.0, -2.5, -1.2, -0.8, -0.6), deviation=0.1, taken=None, cleared=()):
    """Five units a day of each, elasticities known all but for sure."""
    pairs = listed_pairs(world)
    ids = [pairs[name].to_numpy(object) for name in ("item_id", "location_id")]
    dates = world.periods.dates(world.plan_date, 14)
    own = np.array([elasticities[NAMES.index(name)] for name in ids[0]])
    response = PriceResponse(
        *ids, own, np.full(len(own), deviation), np.full(len(own), "test", object), np.zeros(len(own), np.int64)
    )
    reference = reference_prices(world, *ids, dates)
    steps = np.full((len(pairs), 4, 14), 5, np.int16)
    paths = DemandPaths(steps, *ids, np.ones(len(pairs)), dates, np.full(4, 0.25), 1, reference, response)
    taken = np.zeros(len(pairs), bool) if taken is None else taken
    return review_prices(world, pairs, paths, (taken, pd.DataFrame({"location_id": list(cleared)}, dtype=object)))


def violations(world, found, **damage):
    tables = {**found.tables, **damage}
    proof = {"decisions": {"price review": found.proof}}
    evidence = SimpleNamespace(world=world, frame=lambda name: tables[name].copy(), certificate=proof)
    checks = (check_regular_prices, check_price_lines, check_price_labels)
    return [str(violation) for check in checks for violation in check(evidence)]


def changes_of(found):
    table = found.tables["price_changes"]
    return {(row.item_id, row.location_id): (row.old_price, row.new_price) for row in table.itertuples()}


def random_problem(seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 5, 6)
    start = np.cumsum([0, *counts])
    first = np.zeros(start[-1], bool)
    first[start[:-1]] = True
    share = rng.dirichlet(np.ones(6) * 5)
    return ReviewProblem(
        start, np.where(first, 0.0, rng.normal(50, 100, start[-1])), np.where(first, 0.0, rng.normal(0, 80, start[-1])),
        np.where(first, 1.0, rng.uniform(0.99, 1.01, start[-1])), share, rng.integers(0, 2, (6, 3)).astype(float),
        np.array([2.0, np.inf, 3.0]), int(rng.integers(1, 5)),
    )  # fmt: skip


def best_of_all(problem):
    best = 0.0
    for rungs in product(*(range(count) for count in np.diff(problem.start))):
        rung = np.array(rungs)
        at, moved = problem.start[:-1] + rung, rung > 0
        average = problem.share @ problem.ratio[at]
        keeps = moved.sum() <= problem.most_changes and problem.revenue[at].sum() >= -1e-9
        keeps &= bool((problem.labels_needed.T @ moved <= problem.labels + 1e-9).all())
        if keeps and abs(average - 1.0) <= AVERAGE_TOLERANCE + 1e-12:
            best = max(best, problem.value[at].sum())
    return best


@pytest.mark.parametrize("seed", range(25))
def test_the_review_is_the_best_of_all_choices(seed):
    problem = random_problem(seed)
    outcome = review(problem, nodes=10_000)
    best = best_of_all(problem)
    assert -outcome.objective == pytest.approx(best, rel=2e-4, abs=1e-6)
    assert -outcome.bound >= best - 1e-6
    chosen = problem.start[:-1] + outcome.required().rung
    assert problem.value[chosen].sum() == pytest.approx(-outcome.objective)


def test_without_a_number_of_changes_nothing_is_reviewed(tmp_path):
    found = reviewed(world_of(tmp_path, changes=0))
    assert found.tables == {} and (found.ratio == 1.0).all() and not found.proof


def test_elastic_prices_fall_and_inelastic_ones_rise_with_average_and_revenue_held(tmp_path):
    world = world_of(tmp_path, changes=6)
    found = reviewed(world)
    changes = changes_of(found)
    assert violations(world, found) == []
    assert changes["g0", "A"][1] < changes["g0", "A"][0] and changes["g5", "B"][1] > changes["g5", "B"][0]
    for (item, place), prices in changes.items():
        assert changes[item, "B" if place == "A" else "A"] == prices
        assert round(prices[1] * 100) % 10 == 9 and abs(prices[1] / prices[0] - 1) <= 0.2
    assert abs(found.proof["average_price"] - 1.0) <= AVERAGE_TOLERANCE and found.proof["revenue_change"] >= -0.01
    assert found.proof["gap"] <= 1e-4 and found.proof["objective"] < 0.0
    told = found.tables["explanations"]["text"]
    assert told.str.contains("Average price and revenue of all reviewed prices are held").all()
    # Every figure can be recomputed: margin then less margin now.
    row = found.tables["price_changes"].iloc[0]
    numbers = json.loads(found.tables["explanations"].set_index("line_id").loc[row.line_id, "numbers"])
    cost = 1 + 0.5 * NAMES.index(row.item_id)
    gain = (row.new_price - cost) * numbers["units_then"] - (row.old_price - cost) * numbers["units_now"]
    assert numbers["gain"] == pytest.approx(gain, abs=1e-4)


def test_no_more_prices_change_than_the_policy_says_and_more_never_earn_less(tmp_path):
    earned = []
    for most in (1, 2, 4, 6):
        world = world_of(tmp_path / str(most), changes=most)
        found = reviewed(world)
        assert len({item for item, _ in changes_of(found)}) <= most
        earned.append(-found.proof["objective"])
    assert earned == sorted(earned) and earned[-1] > earned[1] > 0.0
    fewer = world_of(tmp_path / "fewer", changes=1)
    assert any("changes 6 regular prices, 1 may be" in text for text in violations(fewer, found))


def test_caution_keeps_what_is_uncertain(tmp_path):
    sure = reviewed(world_of(tmp_path / "sure", changes=6), deviation=0.05)
    unsure = reviewed(world_of(tmp_path / "unsure", changes=6, policy="price_review_caution = 3\n"), deviation=2.0)
    assert len(changes_of(unsure)) < len(changes_of(sure))


def test_a_price_test_is_advised_where_knowing_is_worth_most(tmp_path):
    world = world_of(tmp_path, changes=6)
    sure = reviewed(world, deviation=1e-6)
    assert not any(row.kind == "advice" for row in sure.exceptions)
    unsure = reviewed(world, deviation=1.5)
    tests = [row for row in unsure.exceptions if row.kind == "advice"]
    assert 0 < len(tests) <= 5 and all(row.money > 0 for row in tests)
    assert [row.money for row in tests] == sorted((row.money for row in tests), reverse=True)
    assert "at one of its 2 places" in tests[0].text


def test_what_is_decided_elsewhere_locked_promoted_or_new_stays(tmp_path):
    locks = "target,item_id,location_id,field,value\nprice_changes,g0,A,new_price,2.99\n"
    promotions = "promotion_id,item_id,location_id,from_date,to_date,discount\nP,g1,A,2024-04-10,2024-04-20,0\n"
    prices = TABLES["prices"].replace("g2,A,2024-01-01,4.99,4.99", "g2,A,2024-01-01,4.79,4.79")
    prices += "g2,A,2024-04-01,4.99,4.99\n"
    world = world_of(tmp_path, changes=6, locks=locks, promotions=promotions, prices=prices)
    pairs = listed_pairs(world)
    taken = ((pairs["item_id"] == "g3") & (pairs["location_id"] == "B")).to_numpy()
    found = reviewed(world, taken=taken)
    # A price moves at all its places or nowhere.
    assert {item for item, _ in changes_of(found)} <= {"g4", "g5"}
    free = reviewed(world_of(tmp_path / "free", changes=6))
    told = violations(world, free)
    assert sum("ruled, locked or in a promotion" in text for text in told) == 2
    assert any("its price changed on 2024-04-01, 28 days are due" in text for text in told)


def test_labels_of_the_week_limit_it(tmp_path):
    labels = "location_id,week,labels\nA,2024-04-15,2\n"
    world = world_of(tmp_path, changes=6, label_capacity=labels)
    found = reviewed(world)
    assert 0 < sum(place == "A" for _, place in changes_of(found)) <= 2
    assert violations(world, found) == []
    # What a clearance changes today takes its labels first.
    assert sum(place == "A" for _, place in changes_of(reviewed(world, cleared=["A", "B"]))) <= 1
    assert not any(place == "A" for _, place in changes_of(reviewed(world, cleared=["A", "A"])))
    free = reviewed(world_of(tmp_path / "free", changes=6))
    assert any("labels" in text for text in violations(world, free))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ({"new_price": 1.99}, "is not within 20%"),
        ({"new_price": 3.01}, "does not keep the last digit"),
    ],
)
def test_the_check_finds_wrong_changes(tmp_path, damage, words):
    world = world_of(tmp_path, changes=6)
    found = reviewed(world)
    table = found.tables["price_changes"]
    damaged = table.assign(new_price=table["new_price"].where(table["item_id"] != "g0", damage["new_price"]))
    assert any(words in text for text in violations(world, found, price_changes=damaged))
    split = table.assign(new_price=table["new_price"] + np.where(table.index == 0, 0.1, 0.0))
    assert any("several regular prices" in text for text in violations(world, found, price_changes=split))
    only = table[table["new_price"] > table["old_price"]]
    losing = dataclasses.replace(found, proof={**found.proof, "average_price": 1.01})
    assert any("average of regular prices" in text for text in violations(world, losing, price_changes=only))
    cheap = table[table["new_price"] < table["old_price"]]
    numbers = found.tables["explanations"]
    fewer = numbers.assign(numbers=[_half(text) for text in numbers["numbers"]])
    told = violations(world, found, price_changes=cheap, explanations=fewer)
    assert any("lose" in text and "of revenue" in text for text in told)


def _half(text):
    numbers = json.loads(text)
    return json.dumps({**numbers, "units_then": numbers["units_now"] / 2})
