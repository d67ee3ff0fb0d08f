"""Which items and pairs are treated alike: by money (ABC) and by the pattern of their demand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from scenarios.tariff import currency_rates
from scenarios.world import World

FloatArray = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
COLUMNS = ["kind", "member_id", "segment", "reason"]
ITEM, PAIR = "item", "pair"
# Cumulated share of money up to which an item is A, or B; and how far past a border an item keeps its letter.
_ABC, _ABC_SLACK = np.array([0.80, 0.95]), 0.03
_LETTERS = np.array(["A", "B", "C"])
# Average interval between demands and squared variation of their size from which demand is rare, and rough.
_ADI, _CV2, _PATTERN_SLACK = 1.32, 0.49, 0.10
_PATTERNS = np.array(["smooth", "erratic", "intermittent", "lumpy"])
UNSOLD = "unsold"
_YEAR = 365


@dataclass(frozen=True)
class Pattern:
    """Demand pattern of N members: average interval between demands in periods, squared variation of their size.

    Both are taken over the year before the plan date, from the first sale on; NaN for members that sold nothing.
    Syntetos, Boylan and Croston (2005), Journal of the Operational Research Society 56(5).
    """

    interval: FloatArray
    variation: FloatArray


def pattern_of(member: Codes, age: Codes, units: FloatArray, members: int) -> Pattern:
    """Return the demand pattern of `members` members.

    member, age, units: of each period with demand, shape (rows,): whose it is, periods before the plan date (the last
    one is 0), units above 0; a member has at most one row a period
    """
    count = np.bincount(member, minlength=members).astype(float)
    some = np.maximum(count, 1.0)
    mean = np.bincount(member, units, members) / some
    squares = np.bincount(member, (units - mean[member]) ** 2, members) / some
    oldest = np.full(members, -1)
    np.maximum.at(oldest, member, age)
    sold = count > 0
    variation = squares / np.maximum(mean, 1e-12) ** 2
    return Pattern(np.where(sold, (oldest + 1) / some, np.nan), np.where(sold, variation, np.nan))


def pattern_names(pattern: Pattern, before: Sequence[str]) -> npt.NDArray[np.object_]:
    """Return smooth, erratic, intermittent or lumpy, or unsold; a member within 10 % of a border keeps what it was."""
    old = pd.Index(_PATTERNS).get_indexer(list(before))
    was_rare, was_rough = (np.where(old >= 0, part, -1) for part in (old // 2, old % 2))
    rare = _side(pattern.interval, _ADI, was_rare)
    rough = _side(pattern.variation, _CV2, was_rough)
    return np.where(np.isnan(pattern.interval), UNSOLD, _PATTERNS[2 * rare + rough]).astype(object)


def _side(value: FloatArray, border: float, before: Codes) -> Codes:
    """Return 1 from the border on, else 0; before: 1, 0, or −1 where nothing is remembered."""
    moved = border * np.where(before == 1, 1 - _PATTERN_SLACK, np.where(before == 0, 1 + _PATTERN_SLACK, 1.0))
    return (np.nan_to_num(value) >= moved).astype(np.int64)


def abc_letters(money: FloatArray, before: Sequence[str]) -> tuple[npt.NDArray[np.object_], FloatArray]:
    """Return A, B or C of each item and the share of all money that items above it and half of it make up.

    Items without money are C. An item within 0.03 of a border keeps the letter it had.
    """
    order = np.argsort(-money, kind="stable")
    total = float(money.sum())
    share = np.ones(len(money))
    if total > 0:
        share[order] = (np.cumsum(money[order]) - money[order] / 2) / total
    share = np.where(money > 0, share, 1.0)
    low, now, high = (np.searchsorted(_ABC, share + move) for move in (-_ABC_SLACK, 0.0, _ABC_SLACK))
    old = pd.Index(_LETTERS).get_indexer(list(before))
    return _LETTERS[np.where((old >= low) & (old <= high), old, now)].astype(object), share


@dataclass(frozen=True)
class Sold:
    """Sales above 0 of the year before the plan date, row by row: item, place, pair, periods of age, units, price."""

    item: Codes
    pair: Codes
    age: Codes
    units: FloatArray
    price: FloatArray
    pairs: list[str]
    place: Codes
    places: list[str]


def item_segments(world: World, before: Mapping[tuple[str, str], str]) -> pd.DataFrame:
    """Return a row an item, and a row a pair that sold, with kind, member_id, segment, reason.

    before: segment of (kind, member_id) in the plan before

    Items: letter by cumulated margin of the year, or revenue where some item sold has no cost, and demand pattern over
    all places. Pairs (member_id: item/location): demand pattern.
    """
    ids = world.frame("items")["item_id"].tolist()
    sold = sold_last_year(world, ids)
    money, measure = _money(world, sold, len(ids))
    old = [before.get((ITEM, name), "") for name in ids]
    letters, share = abc_letters(money, [text[:1] for text in old])
    span = int(sold.age.max()) + 1 if len(sold.age) else 1
    # Summed over places, so that an item has one row a period.
    key, row = np.unique(sold.item * span + sold.age, return_inverse=True)
    summed = np.bincount(row, sold.units, len(key)).astype(np.float64)
    pattern = pattern_of(key // span, key % span, summed, len(ids))
    names = pattern_names(pattern, [text[2:] for text in old])
    told = [
        f"{measure} share {s:.2f}; {_told(i, v)}"
        for s, i, v in zip(share, pattern.interval, pattern.variation, strict=True)
    ]
    items = pd.DataFrame({"kind": ITEM, "member_id": ids, "segment": letters + " " + names, "reason": told})
    return pd.concat([items, _pairs(sold, before)], ignore_index=True)[COLUMNS]


def _pairs(sold: Sold, before: Mapping[tuple[str, str], str]) -> pd.DataFrame:
    pattern = pattern_of(sold.pair, sold.age, sold.units, len(sold.pairs))
    names = pattern_names(pattern, [before.get((PAIR, name), "") for name in sold.pairs])
    told = [_told(i, v) for i, v in zip(pattern.interval, pattern.variation, strict=True)]
    return pd.DataFrame({"kind": PAIR, "member_id": sold.pairs, "segment": names, "reason": told})


def _told(interval: float, variation: float) -> str:
    if np.isnan(interval):
        return "nothing sold in a year"
    return f"a sale every {interval:.2f} periods, squared variation {variation:.2f}"


def sold_last_year(world: World, ids: list[str]) -> Sold:
    """Return what was sold of the items in the year before the plan date; price NaN where the books have none."""
    sales = world.table("sales")
    day = sales["date"].to_numpy().astype("datetime64[D]")
    age = ((np.datetime64(world.plan_date) - day).astype(np.int64) - 1) // world.periods.days
    units = np.nan_to_num(sales["units"].to_numpy().astype(float))
    item, place = (sales[name].combine_chunks() for name in ("item_id", "location_id"))
    places, kinds = place.dictionary.to_pylist(), item.dictionary.to_pylist()
    row = pd.Index(ids).get_indexer(kinds) if kinds else np.empty(0, np.int64)
    chosen = (age >= 0) & (age < _YEAR // world.periods.days) & (units > 0)
    code = row[np.asarray(item.indices)[chosen]] if kinds else np.empty(0, np.int64)
    chosen[chosen] = code >= 0
    code = code[code >= 0].astype(np.int64)
    pair = code * len(places) + np.asarray(place.indices)[chosen]
    found, number = np.unique(pair, return_inverse=True)
    names = [f"{ids[p // len(places)]}/{places[p % len(places)]}" for p in found.tolist()]
    price = sales["price"].to_numpy().astype(float)[chosen]
    where = np.asarray(place.indices)[chosen].astype(np.int64)
    return Sold(code, number.astype(np.int64), age[chosen], units[chosen], price, names, where, places)


def _money(world: World, sold: Sold, items: int) -> tuple[FloatArray, str]:
    """Return the margin of each item in a year, or its revenue where a cost is missing, shape (items,)."""
    table = world.frame("items")
    rate = currency_rates(world, table["currency"].tolist())
    rate = np.where(np.isnan(rate), 1.0, rate)
    cost, usual = (table[name].astype(float).to_numpy() * rate for name in ("unit_cost", "list_price"))
    usual = np.where(np.isnan(usual), np.where(np.isnan(cost), 1.0, cost), usual)
    price = np.where(np.isnan(sold.price), usual[sold.item], sold.price)
    revenue, margin = (
        np.bincount(sold.item, sold.units * part, items).astype(np.float64) for part in (price, price - cost[sold.item])
    )
    if np.isnan(margin).any() or not (margin > 0).any():
        return revenue, "revenue"
    return np.maximum(margin, 0.0), "margin"


def moves(now: pd.DataFrame, before: pd.DataFrame | None) -> pd.DataFrame:
    """Return the members whose segment is another than in the plan before, with the reason of the new one.

    now, before: tables `segments`; members that came or went do not move
    """
    columns = ["kind", "member_id", "old_segment", "new_segment", "reason"]
    if before is None or before.empty:
        return pd.DataFrame(columns=columns)
    old = before.drop_duplicates(["kind", "member_id"])[["kind", "member_id", "segment"]]
    both = now.merge(old.rename(columns={"segment": "old_segment"}), on=["kind", "member_id"])
    changed = both[both["segment"] != both["old_segment"]]
    return changed.rename(columns={"segment": "new_segment"})[columns].reset_index(drop=True)
