"""Are groups of customers stable, frozen, matched when they are found anew, and told in words?"""

import numpy as np
import pytest

from optimizer.filters.clusters import (
    AGREEMENT,
    LEAST_CUSTOMERS,
    fit_groups,
    from_state,
    groups_for,
    matched,
    points_of,
    to_state,
)
from optimizer.filters.stage import screen_world
from tests.filters.shop import order, shop


def people(seed=1, each=150, shift=0.0):
    """Three kinds of customers far from each other: days since the last order, orders, money."""
    rng = np.random.default_rng(seed)
    kinds = ((5, 30, 3000), (40, 8, 400), (250, 1, 20))
    days, orders, money = (
        np.concatenate([np.exp(np.log(k[axis]) + rng.normal(shift, 0.15, each)) for k in kinds]) for axis in range(3)
    )
    return points_of(days, np.maximum(orders, 1.0), money)


@pytest.mark.parametrize("method", ["k_means", "mixture", "density", "hierarchical"])
def test_the_number_of_groups_is_the_largest_that_is_stable(method):
    found = fit_groups(people(), method)
    assert len(found.number) >= 3 and found.agreement >= AGREEMENT
    rows, _ = found.nearest(people())
    # Each kind is apart from the others, and the first group is the dearest.
    kinds = [set(rows[k * 150 : (k + 1) * 150]) for k in range(3)]
    assert not (kinds[0] & kinds[1] or kinds[1] & kinds[2] or kinds[0] & kinds[2])
    assert (np.diff(found.centroid[:, 2]) <= 0).all()


def test_noise_has_no_more_groups_than_are_stable_and_few_customers_none():
    noise = np.random.default_rng(2).normal(3, 1, (400, 3))
    found = fit_groups(noise, "k_means")
    assert found is None or (len(found.number) < 6 and found.agreement >= AGREEMENT)
    assert groups_for(noise[: LEAST_CUSTOMERS - 1], "k_means", None) is None


def test_nobody_moves_whose_figures_do_not_though_others_come():
    before = people()
    first = groups_for(before, "k_means", None)
    after = np.concatenate([before, people(seed=9)[:200]])
    again = groups_for(after, "k_means", to_state(first).to_pandas())
    assert again.version == 1
    assert np.array_equal(first.number[first.nearest(before)[0]], again.number[again.nearest(before)[0]])


def test_groups_found_anew_keep_the_numbers_of_those_next_to_them():
    first = groups_for(people(), "k_means", None)
    moved = people(seed=4, shift=0.8)
    again = groups_for(moved, "k_means", to_state(first).to_pandas())
    assert again.version == 2
    # The customers of a kind bear a number that the kind had.
    for k in range(3):
        rows = slice(k * 150, (k + 1) * 150)
        old = first.number[first.nearest(people()[rows])[0]]
        new = again.number[again.nearest(moved[rows])[0]]
        assert np.bincount(new).argmax() in set(old)
    # In whatever order they are found.
    turned = type(first)(**{**first.__dict__, "centroid": first.centroid[::-1].copy()})
    assert matched(turned, first).number.tolist() == first.number[::-1].tolist()


def test_a_member_just_past_a_border_keeps_its_group():
    first = groups_for(people(), "k_means", None)
    near, far = first.centroid[0], first.centroid[1]
    # On the line between two centroids: 52 % of the way is 1.08 times as far, 55 % is 1.22 times.
    points = np.array([near + 0.52 * (far - near), near + 0.55 * (far - near)])
    number = np.full(2, first.number[0])
    assert first.kept(points, number).tolist() == [0, 1]
    assert first.kept(points, 0 * number).tolist() == [1, 1]


def test_frozen_groups_come_back_from_their_file():
    first = groups_for(people(), "k_means", None)
    again = from_state(to_state(first).to_pandas())
    assert again.profile(0) == first.profile(0)
    assert np.array_equal(again.centroid, first.centroid) and again.spread == first.spread


def test_customers_of_a_shop_are_grouped_and_the_next_day_goes_on(tmp_path):
    rows = [
        order(f"x{c}_{n}", f"03-{6 + (n * 5 + c % 2 * 11) % 20:02d}", f"g{c:03d}", 1 + (c % 2) * 2)
        for c in range(220)
        for n in range(1 + (c % 2) * 5)
    ]
    world = shop(tmp_path, "".join(rows))
    screened = screen_world(world)
    groups = screened.tables["segments"].query("kind == 'customer'").set_index("member_id")
    assert groups["segment"]["g000"] != groups["segment"]["g001"]
    assert "version 1: typically" in groups["reason"]["g001"]
    state = {name: table.to_pandas() for name, table in screened.state.items()}
    again = screen_world(world, screened.tables["segments"], (), state)
    assert again.tables["segment_moves"].empty
    # The figures of a member that moves are its reason.
    was = screened.tables["segments"].assign(segment=lambda t: t["segment"].where(t["member_id"] != "g001", "group 9"))
    moves = screen_world(world, was, (), state).tables["segment_moves"]
    assert moves["member_id"].tolist() == ["g001"] and "4 orders" in moves["reason"][0]
