"""Which orders look wrong? A scorecard of sizes far from the usual, new customers, shared devices, known frauds."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.filters.usual import LEAST_VALUES, codes_of, log_quantity, quantity, usual
from scenarios.world import World

FloatArray = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Words = npt.NDArray[np.object_]

# The scorecard: an order without any sign starts at RARE; signs add points; the score is the logistic of the sum, so
# that ½ means that the signs weigh as much as the rarity of fraud. The points are set by hand, not learned: these are
# the most a sign can give, and it gives no more than the bits of its own rarity, so that what most orders bear is none.
RARE = -5.0
NEW, SHARED, TAINTED, TWICE = 2.0, 2.0, 3.0, 1.0
# Deviations above the usual from which size counts, a point for each, and the most points it can give: a large order
# of a new customer alone is a large order.
SIZE_FROM, SIZE_MOST = 3.0, 2.5
# From here on an order is suspected.
SUSPECTED = 0.5
# A customer seen on at most so many days is new.
_NEW_DAYS = 3
# A device or means of payment is shared when so many customers use it; used by more it is a kind ("card"), not a thing.
_SHARED_BY = (2, 20)
_SAME = ["customer_id", "item_id", "location_id", "units", "price", "ordered_at"]


@dataclass(frozen=True)
class Judged:
    """What is thought of each row of the order lines, shape (lines,).

    score: of its order, 0 (nothing against it) to 1 (known fraud)
    kind: "fraud" (the whole order), "duplicate" (the same line again in another order), else ""
    reason: in words, "" where the kind is
    distance: deviations by which the units lie above the item's usual line, on the scale of log quantities
    own: the same against the customer's own lines, NaN for customers with few of them
    line: units of the item's usual line, NaN for an item never ordered
    bare: the scorecard's score of the order without any label, its own or another's
    doubt: why its order may be held for a review, "" where it is not doubtful
    known: 1 for a known fraud, 0 for an order known to be honest, NaN where nothing is known
    calibrated: whether the score is a probability, learned from labels
    """

    score: FloatArray
    kind: Words
    reason: Words
    distance: FloatArray
    own: FloatArray
    line: FloatArray
    bare: FloatArray
    doubt: Words
    known: FloatArray
    calibrated: bool = False


@dataclass(frozen=True)
class _Signs:
    """What speaks against each row: deviations of size, customers on its device or payment, and flags."""

    size: FloatArray
    is_new: Flags
    sharing: FloatArray
    tainted: Flags
    twice: Flags

    def score(self, is_order: Flags) -> FloatArray:
        shared = (self.sharing > 0) & ~self.tainted
        flags = ((self.is_new, NEW), (shared, SHARED), (self.tainted, TAINTED), (self.twice, TWICE))
        points = np.clip(self.size - SIZE_FROM, 0, SIZE_MOST)
        for flag, most in flags:
            share = flag[is_order].mean() if flag[is_order].any() else 1.0
            points = points + flag * min(most, -np.log2(share))
        return np.where(is_order, 1.0 / (1.0 + np.exp(-(RARE + points))), 0.0)

    def words(self, n: int, what: str) -> str:
        parts = [f"{what} lies {self.size[n]:.1f} deviations above the usual"] if self.size[n] >= SIZE_FROM else []
        parts += ["a new customer"] if self.is_new[n] else []
        shared = f"a device or payment that {self.sharing[n]:.0f} customers share"
        parts += ["a customer, device or payment of a known fraud"] if self.tainted[n] else []
        parts += [shared] if self.sharing[n] and not self.tainted[n] else []
        return ", ".join(parts + (["the same order again"] if self.twice[n] else []))


def screen_lines(world: World, lines: pd.DataFrame) -> Judged:
    """Judge the order lines; what was known of an order before the plan date wins over every sign.

    lines: as `order_lines` returns them

    Size is the distance of log quantities from the item's median line, but from the customer's own usual where that is
    nearer and rests on enough lines: who always buys by the hundred is not odd. Lines without an item are measured by
    their money. An order is as suspicious as its worst line.
    """
    is_order = lines["is_order"].to_numpy(bool)
    distance, own, line = _distances(lines, is_order)
    size = np.where(np.isnan(own), distance, np.minimum(distance, own))
    known = known_labels(world, lines)
    is_fraud = known == 1.0
    sharing, tainted = _ties(lines, is_order, is_fraud)
    twice = _twice(lines, is_order)
    signs = _Signs(size, _is_new(lines, is_order), sharing, tainted, twice)
    single = signs.score(is_order)
    score = _of_orders(lines, single)
    score = np.where(np.isnan(known), score, known)
    suspected = is_order & (score >= SUSPECTED)
    kind = np.where(suspected, "fraud", np.where(is_order & twice, "duplicate", "")).astype(object)
    bare = _of_orders(lines, replace(signs, tainted=np.zeros(len(lines), bool)).score(is_order))
    reason = _reasons(lines, signs, single, kind, is_fraud)
    doubt = np.where(kind == "fraud", reason, "").astype(object)
    return Judged(np.round(score, 6), kind, reason, distance, own, line, bare, doubt, known)


def known_labels(world: World, lines: pd.DataFrame) -> FloatArray:
    """Return what is known of each row's order before the plan date: 1 fraud, 0 honest, NaN nothing, shape (lines,).

    A label without a time is known.
    """
    labels = labels_before(world)
    at = pd.Index(labels["order_id"]).get_indexer(pd.Index(lines["order_id"]))
    return np.asarray(np.append(labels["is_fraud"].to_numpy(float), np.nan)[at])


def labels_before(world: World) -> pd.DataFrame:
    """Return the rows of `fraud_labels` that say something and were known before the plan date, one an order."""
    labels = world.frame("fraud_labels").dropna(subset=["is_fraud"])
    labels = labels.assign(known_at=pd.to_datetime(labels["known_at"]))
    return labels[~(labels["known_at"] >= pd.Timestamp(world.plan_date))].drop_duplicates("order_id")


def _distances(lines: pd.DataFrame, is_order: Flags) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the distances from the item's usual line and from the customer's own (NaN: few lines), and that line."""
    has_item = lines["item_id"].notna().to_numpy(bool)
    measure = np.where(has_item, lines["units"].to_numpy(float), lines["value"].to_numpy(float))
    counts = is_order & (measure > 0)
    step = lines["step"].to_numpy(float)
    logs = log_quantity(np.where(counts, measure, np.nan), step)
    item = codes_of(lines["item_id"].fillna(""))
    by_item = usual(logs, item)
    relative = logs - by_item.centre
    by_customer = usual(relative, codes_of(lines["customer_id"]))
    own = np.where(by_customer.count >= LEAST_VALUES, by_customer.distance(relative), np.nan)
    return by_item.distance(logs), own, quantity(by_item.centre, step)


def _is_new(lines: pd.DataFrame, is_order: Flags) -> Flags:
    """Return whether the customer is known and was seen on few days; nothing is thought of customers unnamed."""
    orders = lines[is_order]
    days = orders["ordered_at"].dt.normalize().groupby(orders["customer_id"]).nunique()
    return np.asarray(lines["customer_id"].map(days).le(_NEW_DAYS).to_numpy(bool) & is_order)


def _ties(lines: pd.DataFrame, is_order: Flags, is_fraud: Flags) -> tuple[FloatArray, Flags]:
    """Return how many customers share the device or payment of each row (0: not shared), and ties to known frauds."""
    sharing, tainted = np.zeros(len(lines)), np.zeros(len(lines), bool)
    least, most = _SHARED_BY
    for name in ("device", "payment"):
        people = lines[is_order].groupby(name)["customer_id"].nunique()
        users = lines[name].map(people).fillna(0).to_numpy(float)
        sharing = np.maximum(sharing, np.where((users >= least) & (users <= most), users, 0.0))
        guilty = lines.loc[is_fraud, name].dropna()
        tainted |= lines[name].isin(guilty).to_numpy() & (users <= most)
    tainted |= lines["customer_id"].isin(lines.loc[is_fraud, "customer_id"].dropna()).to_numpy()
    return sharing, tainted


def _twice(lines: pd.DataFrame, is_order: Flags) -> Flags:
    """Return the lines that another order had before in the same instant, for a known customer, item and units."""
    rows = lines.loc[is_order, [*_SAME, "order_id"]].dropna(subset=["customer_id", "item_id", "units", "ordered_at"])
    first = rows.groupby(_SAME, dropna=False)["order_id"].transform("first")
    found = np.zeros(len(lines), bool)
    found[rows.index] = (first != rows["order_id"]).to_numpy(bool)
    return found


def _of_orders(lines: pd.DataFrame, single: FloatArray) -> FloatArray:
    order = lines["order"].to_numpy()
    worst = np.zeros(len(lines))
    np.maximum.at(worst, order, single)
    return np.asarray(worst[order])


def _reasons(lines: pd.DataFrame, signs: _Signs, single: FloatArray, kind: Words, is_fraud: Flags) -> Words:
    """Return the words for each row with a kind; a suspected order is told by its worst line."""
    twice = "duplicate: the same customer, item, units and instant stand in another order"
    words = np.where(kind == "duplicate", twice, np.where(is_fraud & (kind != ""), "known fraud", "")).astype(object)
    chosen = np.flatnonzero((kind == "fraud") & ~is_fraud)
    order, items = lines["order"].to_numpy()[chosen], lines["item_id"]
    worst = pd.Series(single[chosen], index=chosen).groupby(order).idxmax()
    for n, at in zip(chosen, worst.reindex(order), strict=True):
        what = f"line of {items.iloc[at]}" if isinstance(items.iloc[at], str) else "its money"
        words[n] = f"suspected fraud: {signs.words(at, what)}"
    return words
