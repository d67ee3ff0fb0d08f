r"""
Which places are alike, by size, mix and price response: stable clusters, with the machinery of ``clusters``.

A place is a point (response, share of the largest categories of the company, log(1 + money a period)) over the year
before the plan date. Its price response is the slope of log(1 + units) on log price within its pairs, drawn to that of
all places,

    response = (sum x y + w b) / (sum x x + w),   x, y less their pair's mean,   b = sum x y / sum x x of all places,

with the weight w of a place whose prices moved as much as the average place's: places without a price change have b
(Efron and Morris 1975). Clusters given in `locations.cluster` win: such places are no members.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.filters.clusters import Grouping, Groups, from_state, groups_for, to_state
from optimizer.filters.segments import COLUMNS, Sold, sold_last_year
from scenarios.segment_policies import PLACE
from scenarios.world import World

FloatArray = npt.NDArray[np.float64]
STATE = "place_groups"
# Fewer places are looked after one by one; categories whose share of money is part of the mix.
LEAST_PLACES, _CATEGORIES = 12, 2
_SHARE = "share of "
_NO_CATEGORY = "goods without a category"
_PLACES = 9


def place_segments(world: World, before: Mapping[str, str], frozen: pd.DataFrame | None = None) -> Grouping:
    """Return which places belong together, a row a clustered place.

    before: segment of each place in the plan before; frozen: its clusters
    """
    table = world.frame("locations")
    given = table.dropna(subset=["cluster"])
    named = zip(given["location_id"], given["cluster"], strict=True)
    rows: list[tuple[str, ...]] = [(PLACE, name, text, "given in locations") for name, text in named]
    found, figures = None, pd.DataFrame()
    if len(table) - len(given) >= LEAST_PLACES:
        sold = sold_last_year(world, world.frame("items")["item_id"].tolist())
        named_already = set(given["location_id"])
        free = [name for name in (sold.places[n] for n in np.unique(sold.place)) if name not in named_already]
        old = from_state(frozen)
        axes = _axes(world, sold) if old is None else old.axes
        points = _points(world, sold, axes)[pd.Index(sold.places).get_indexer(pd.Index(free))]
        names = {"response": "price response", "money": "money a period"}
        figures = pd.DataFrame(points, free, columns=[names.get(axis, axis) for axis in axes])
        figures["money a period"] = np.expm1(figures["money a period"])
        found = groups_for(points, "k_means", frozen, axes, LEAST_PLACES)
        rows += [] if found is None else _told(found, free, points, before)
    frame = pd.DataFrame(rows, columns=COLUMNS).sort_values("member_id", kind="stable").reset_index(drop=True)
    return Grouping(frame, {} if found is None else {STATE: to_state(found)}, figures)


def _told(groups: Groups, names: list[str], points: FloatArray, before: Mapping[str, str]) -> list[tuple[str, ...]]:
    numbers = {f"cluster {number}": int(number) for number in groups.number}
    old = np.array([numbers.get(before.get(name, ""), 0) for name in names], np.int64)
    told = f"nearest of {len(groups.number)} clusters, version {groups.version}"
    return [
        (
            PLACE,
            name,
            f"cluster {groups.number[row]}",
            f"{_words(groups.axes, point)}; {told}: {_words(groups.axes, groups.centroid[row])}",
        )
        for name, row, point in zip(names, groups.kept(points, old), points, strict=True)
    ]


def _words(axes: tuple[str, ...], point: FloatArray) -> str:
    shares = [f"{value:.0%} {axis.removeprefix(_SHARE)}" for axis, value in zip(axes[1:-1], point[1:-1], strict=True)]
    return ", ".join([f"sells {np.expm1(point[-1]):,.0f} a period", *shares, f"price response {point[0]:.1f}"])


def _category(world: World) -> npt.NDArray[np.object_]:
    return world.frame("items")["category"].fillna(_NO_CATEGORY).to_numpy(object)


def _money(world: World, sold: Sold) -> FloatArray:
    usual = world.frame("items")["list_price"].astype(float).fillna(1.0).to_numpy()
    return np.asarray(sold.units * np.where(np.isnan(sold.price), usual[sold.item], sold.price))


def _axes(world: World, sold: Sold) -> tuple[str, ...]:
    """Return the names of the axes: the largest categories but for the last of all, whose share the others tell."""
    category = _category(world)
    money = pd.Series(np.bincount(sold.item, _money(world, sold), len(category))).groupby(category).sum()
    largest = money.sort_values(ascending=False, kind="stable").index[: min(_CATEGORIES, len(money) - 1)]
    return ("response", *(f"{_SHARE}{name}" for name in largest), "money")


def _points(world: World, sold: Sold, axes: tuple[str, ...]) -> FloatArray:
    """Return the point of each place, shape (places, axes); a place that sold nothing lies at its axes' zero."""
    count, money = len(sold.places), _money(world, sold)
    total = np.bincount(sold.place, money, count)
    periods = float(sold.age.max()) + 1.0 if len(sold.age) else 1.0
    category = _category(world)
    of_axis = [(category == axis.removeprefix(_SHARE))[sold.item] for axis in axes[1:-1]]
    shares = [np.bincount(sold.place, money * mine, count) / np.maximum(total, 1e-9) for mine in of_axis]
    return np.round(np.column_stack([_responses(sold), *shares, np.log1p(total / periods)]), _PLACES)


def _responses(sold: Sold) -> FloatArray:
    """Return the price response of each place, drawn to that of all, shape (places,)."""
    priced = sold.price > 0
    pair, place = sold.pair[priced], sold.place[priced]
    x, y = (_within(values, pair) for values in (np.log(sold.price[priced]), np.log1p(sold.units[priced])))
    xy, xx = (np.bincount(place, part, len(sold.places)) for part in (x * y, x * x))
    weight = float(xx.sum()) / max(int((xx > 0).sum()), 1)
    if weight <= 0:
        return np.zeros(len(sold.places))
    return np.asarray((xy + weight * (xy.sum() / xx.sum())) / (xx + weight))


def _within(values: FloatArray, pair: npt.NDArray[np.int64]) -> FloatArray:
    mean = np.bincount(pair, values) / np.maximum(np.bincount(pair), 1)
    # What is left of equal prices is rounding.
    return np.asarray(np.round(values - mean[pair], _PLACES)) if len(values) else values
