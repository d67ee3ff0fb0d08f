"""Who and what is treated alike: items by money and demand pattern, customers by recency, frequency and money."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from scenarios.world import World

FloatArray = npt.NDArray[np.float64]
# Cumulated revenue up to which an item is A or B, and how far past a border a member keeps its class.
_A, _B, _SLACK = 0.80, 0.95, 0.03
# Borders of Syntetos and Boylan (2005), International Journal of Forecasting 21(2), and the slack around them.
_ADI, _CV2, _PATTERN_SLACK = 1.32, 0.49, 0.1
_YEAR = 365
UNKNOWN_CUSTOMER = "unknown"


def item_segments(world: World, before: Mapping[str, str]) -> pd.DataFrame:
    """Return a row an item (kind, member_id, segment, reason): ABC by revenue of a year, and its demand pattern.

    before: segment of each item in the plan before; a member near a border keeps its class
    """
    items = world.frame("items")
    ids = items["item_id"].to_numpy(object)
    daily, revenue = _by_item(world, ids)
    share = _cumulated(revenue)
    adi, cv2 = _pattern(daily)
    rows = []
    for n, name in enumerate(ids):
        old = before.get(str(name), "")
        letter, pattern = _letter(share[n], old[:1]), _shape(adi[n], cv2[n], old[2:])
        told = f"revenue share up to it {share[n]:.2f}; ADI {adi[n]:.2f}, CV² {cv2[n]:.2f}"
        rows.append(("item", name, f"{letter} {pattern}", told))
    return pd.DataFrame(rows, columns=["kind", "member_id", "segment", "reason"])


def _by_item(world: World, ids: npt.NDArray[np.object_]) -> tuple[FloatArray, FloatArray]:
    """Return units by item and period of the last year, shape (items, periods), and revenue by item, shape (items,)."""
    sales = world.table("sales")
    day = sales["date"].to_numpy().astype("datetime64[D]")
    periods = _YEAR // world.periods.days
    age = ((np.datetime64(world.plan_date) - day).astype(int) - 1) // world.periods.days
    codes = sales["item_id"].combine_chunks()
    known = pd.Index(ids).get_indexer(codes.dictionary.to_pylist())
    row = known[np.asarray(codes.indices)] if len(known) else np.empty(0, int)
    units = sales["units"].to_numpy().astype(float)
    recent = (age >= 0) & (age < periods)
    span = int(min(periods, age[recent].max() + 1)) if recent.any() else 1
    daily = np.zeros((len(ids), span))
    np.add.at(daily, (row[recent], age[recent]), units[recent])
    price = world.frame("items")["list_price"].astype(float).fillna(world.frame("items")["unit_cost"].astype(float))
    return daily, daily.sum(axis=1) * price.fillna(1.0).to_numpy(float)


def _cumulated(revenue: FloatArray) -> FloatArray:
    """Return for each item the revenue share of all items up to it, the largest first."""
    order = np.argsort(-revenue, kind="stable")
    total = max(float(revenue.sum()), 1e-12)
    share = np.empty(len(revenue))
    share[order] = np.cumsum(revenue[order]) / total
    return np.where(revenue > 0, np.minimum(share - revenue / total / 2, 1.0), 1.0)


def _pattern(daily: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the average interval between demands and the squared variation of their size, shape (items,)."""
    hit = daily > 0
    count = hit.sum(axis=1)
    adi = np.where(count > 0, daily.shape[1] / np.maximum(count, 1), daily.shape[1])
    mean = daily.sum(axis=1) / np.maximum(count, 1)
    spread = np.where(hit, (daily - mean[:, None]) ** 2, 0).sum(axis=1) / np.maximum(count, 1)
    return adi.astype(float), np.where(mean > 0, spread / np.maximum(mean, 1e-12) ** 2, 0.0)


def _letter(share: float, old: str) -> str:
    first, second = _A, _B
    first += _SLACK if old == "A" else -_SLACK if old in {"B", "C"} else 0.0
    second += _SLACK if old in {"A", "B"} else -_SLACK if old == "C" else 0.0
    return "A" if share <= first else "B" if share <= second else "C"


def _shape(adi: float, cv2: float, old: str) -> str:
    rare = old in {"intermittent", "lumpy"}
    rough = old in {"erratic", "lumpy"}
    adi_border = _ADI * (1 + (0 if not old else -_PATTERN_SLACK if rare else _PATTERN_SLACK))
    cv2_border = _CV2 * (1 + (0 if not old else -_PATTERN_SLACK if rough else _PATTERN_SLACK))
    if adi >= adi_border:
        return "lumpy" if cv2 >= cv2_border else "intermittent"
    return "erratic" if cv2 >= cv2_border else "smooth"


def customer_segments(world: World, lines: pd.DataFrame) -> pd.DataFrame:
    """Return a row a customer: recency, frequency and money in thirds each, named; lines without customer are one."""
    bought = lines[lines["units"] > 0]
    known = bought[bought["customer_id"].notna()]
    rows = []
    if len(known):
        day = pd.to_datetime(known["ordered_at"]).dt.normalize()
        table = (
            known.assign(day=day)
            .groupby("customer_id")
            .agg(last=("day", "max"), orders=("order_id", "nunique"), money=("amount", "sum"))
        )
        age = (pd.Timestamp(world.plan_date) - table["last"]).dt.days
        recency, often, money = _third(-age), _third(table["orders"]), _third(table["money"])
        for name, r, f, m, days, orders in zip(table.index, recency, often, money, age, table["orders"], strict=True):
            reason = f"last order {days} days ago, {orders} orders; thirds {r}{f}{m}"
            rows.append(("customer", name, _named(r, f, m), reason))
    if len(known) < len(bought):
        rows.append(
            ("customer", UNKNOWN_CUSTOMER, UNKNOWN_CUSTOMER, f"{len(bought) - len(known)} lines without customer")
        )
    return pd.DataFrame(rows, columns=["kind", "member_id", "segment", "reason"])


def _third(values: "pd.Series[float]") -> npt.NDArray[np.int64]:
    """Return 1 (lowest) to 3 (highest) by rank; equal values stand together."""
    rank = values.rank(pct=True, method="average").to_numpy(float)
    return np.clip(np.ceil(rank * 3), 1, 3).astype(np.int64)


def _named(recency: int, often: int, money: int) -> str:
    if recency == 3:
        return "loyal" if often == 3 else "new" if often == 1 else "promising"
    if recency == 1:
        return "lapsed best" if often == 3 or money == 3 else "gone"
    return "steady" if often >= 2 else "casual"


def moves(now: pd.DataFrame, before: pd.DataFrame | None) -> pd.DataFrame:
    """Return the members whose segment is another than in the plan before, with the reason of the new one."""
    columns = ["kind", "member_id", "old_segment", "new_segment", "reason"]
    if before is None or before.empty:
        return pd.DataFrame(columns=columns)
    both = now.merge(before[["kind", "member_id", "segment"]], on=["kind", "member_id"], suffixes=("", "_before"))
    changed = both[both["segment"] != both["segment_before"]]
    return changed.rename(columns={"segment_before": "old_segment", "segment": "new_segment"})[columns]
