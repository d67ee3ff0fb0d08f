"""What cleared items take from neighbours: told by line, in the certificate and in the exceptions, and checked."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from forecasting.cross import CrossEffects
from optimizer.markdown.stage import plan_prices
from optimizer.plan.check_price_ties import check_cannibalisation
from tests.markdown.test_price_tables import CENT, changes_of, demand_of, violations, world_of


def planned_with(world, effect, deviation):
    """All pairs of a place that share a category weigh the same; coat and hat at A are neighbours."""
    pairs, paths, response = demand_of(world)
    category = pairs["item_id"].map({"coat": "wear", "hat": "wear", "tea": "food"}) + pairs["location_id"]
    rest = np.unique(category.to_numpy(str), return_inverse=True)[1]
    ones = np.ones(len(pairs))
    cross = CrossEffects(rest, ones, effect * ones, deviation * ones)
    return plan_prices(world, pairs, paths, replace(response, cross=cross))


def found_by_check(result, **damage):
    proofs = {"decisions": {"markdown": {**result.proof, **damage.pop("proof", {})}}}
    tables = {"explanations": result.tables["explanations"], **damage}
    evidence = SimpleNamespace(frame=lambda name: tables[name].copy(), certificate=proofs)
    return [str(violation) for violation in check_cannibalisation(evidence)]


def test_a_coat_at_half_its_price_takes_hats_and_says_how_many(tmp_path):
    # The hat's only neighbour goes from 10 to 5: it keeps .5^.5 of its 14. Those of place B and tea lose nothing.
    world = world_of(tmp_path)
    result = planned_with(world, 0.5, 0.0)
    assert changes_of(result) == {("coat", "A"): (10.0, 5.0)}
    lost = 14 * (1 - 0.5**0.5)
    row = result.tables["explanations"].iloc[0]
    assert json.loads(row["numbers"])["cannibalised"] == pytest.approx(lost, abs=CENT)
    assert "expected to take 4.1 (4.1 to 4.1) units from the rest of its category" in row["text"]
    assert result.proof["cannibalisation"]["units"] == pytest.approx(lost, abs=CENT)
    assert (result.proof["cannibalisation"]["lines"], result.proof["cannibalisation"]["told_from_none"]) == (1, 1)
    assert violations(world, result) == []
    assert found_by_check(result) == []
    # The decision is the same as without neighbours: they are frozen at the prices before.
    assert changes_of(planned_with(world, 0.0, 0.0)) == changes_of(result)


def test_an_effect_that_cannot_be_told_from_none_is_called_so(tmp_path):
    result = planned_with(world_of(tmp_path), 0.1, 0.3)
    assert "cannot be told from none" in result.tables["explanations"]["text"].iloc[0]
    assert result.proof["cannibalisation"]["told_from_none"] == 0
    said = next(row.text for row in result.exceptions if row.subject == "cross effects")
    assert "wear +0.10 ± 0.30" in said
    assert "in 1 of 1 categories that cannot be told from none" in said


def test_the_check_finds_a_sum_and_an_interval_that_cannot_be(tmp_path):
    result = planned_with(world_of(tmp_path), 0.5, 0.1)
    more = {"cannibalisation": {**result.proof["cannibalisation"], "units": 9.0}}
    assert any("cannibalisation units 9 should be" in text for text in found_by_check(result, proof=more))
    table = result.tables["explanations"]
    numbers = {**json.loads(table["numbers"].iloc[0]), "cannibalised": 90.0}
    damaged = found_by_check(result, explanations=table.assign(numbers=json.dumps(numbers)))
    assert any("coat at A: takes units from its neighbours outside" in text for text in damaged)


def test_without_cross_effects_nothing_is_claimed(tmp_path):
    world = world_of(tmp_path)
    result = plan_prices(world, *demand_of(world))
    assert "cannibalisation" not in result.proof
    assert not any(row.subject == "cross effects" for row in result.exceptions)
