"""Which customers belong together by recency, frequency and money: stable groups, or thirds of each, named."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.filters.clusters import STATE, Grouping, Groups, groups_for, points_of, to_state
from scenarios.world import World

FloatArray = npt.NDArray[np.float64]
COLUMNS = ["kind", "member_id", "segment", "reason"]
KIND = "customer"
_FIGURES = ["age", "orders", "money"]
# Lines without a customer, customers who refuse profiling, and those who never ordered are segments of their own.
UNKNOWN, PRIVATE, PROSPECT = "unknown", "not profiled", "prospect"
# Borders of the thirds on ranks from 0 to 1, and how far past one a customer keeps a segment.
_THIRDS, _SLACK = np.array([1 / 3, 2 / 3]), 0.05


def customer_segments(
    world: World, lines: pd.DataFrame, left: FloatArray, before: Mapping[str, str], frozen: pd.DataFrame | None = None
) -> Grouping:
    """Return who belongs together, a row a customer.

    lines: as `order_lines` returns them; left: share of each row that was really bought, 0 to 1, shape (lines,)
    before: segment of each customer in the plan before; frozen: its groups

    Customers are grouped as the policy's `customer_segments` says, by ``clusters``; with "grid", where there are few,
    or where no number of groups is stable, they are ranked by days since the last order, number of orders and money in
    thirds; the grid of 27 has seven names. A customer keeps a name that ranks up to 0.05 away would still give. Fader,
    Hardie and Lee (2005), Journal of Marketing Research 42(4), for why these three tell.
    """
    bought = lines.assign(left=left)[(left > 0) & lines["is_order"]]
    known = bought[bought["customer_id"].notna()]
    refused = world.frame("customers").loc[lambda c: c["consent"].eq(False).fillna(False), "customer_id"]
    table = _figures(world, known[~known["customer_id"].isin(refused)])
    days, orders, money = (table[name].to_numpy(float) for name in ("age", "orders", "money"))
    points, method = points_of(days, orders, money), world.policy.customer_segments
    groups = None if method == "grid" else groups_for(points, method, frozen)
    rows = _thirds(table, before) if groups is None else _grouped(table, points, groups, before)
    rows += _others(world, known, refused, len(bought) - len(known))
    found = pd.DataFrame(rows, columns=COLUMNS).sort_values("member_id", kind="stable").reset_index(drop=True)
    names = {"age": "days since the last order"}
    return Grouping(found, {} if groups is None else {STATE: to_state(groups)}, table[_FIGURES].rename(columns=names))


def _grouped(
    table: pd.DataFrame, points: FloatArray, groups: Groups, before: Mapping[str, str]
) -> list[tuple[str, ...]]:
    """Return a row a customer: the nearest frozen centroid, its profile, and the customer's own figures."""
    numbers = {f"group {number}": int(number) for number in groups.number}
    old = np.array([numbers.get(before.get(name, ""), 0) for name in table.index], np.int64)
    profiles = [groups.profile(row) for row in range(len(groups.number))]
    told = f"nearest of {len(groups.number)} groups, version {groups.version}"
    return [
        (
            KIND,
            name,
            f"group {groups.number[row]}",
            f"{_since(age)}, {orders} orders; {told}: {profiles[row]}",
        )
        for name, row, age, orders in zip(
            table.index, groups.kept(points, old), table["age"], table["orders"], strict=True
        )
    ]


def _since(age: float) -> str:
    return f"last order {age:.0f} days ago" if age == age else "orders without a time"


def _thirds(table: pd.DataFrame, before: Mapping[str, str]) -> list[tuple[str, ...]]:
    ranks = np.column_stack([_rank(-table["age"]), _rank(table["orders"]), _rank(table["money"])])
    rows: list[tuple[str, ...]] = []
    for name, rank, age, orders in zip(table.index, ranks, table["age"], table["orders"], strict=True):
        r, f, m = np.searchsorted(_THIRDS, rank) + 1
        segment, old = _named(r, f, m), before.get(name, "")
        kept = old != segment and old in _within_reach(rank)
        words = f"{_since(age)}, {orders} orders; recency, frequency, money in thirds {r}-{f}-{m}"
        rows.append((KIND, name, old if kept else segment, words + f"; near {segment}, stays" * kept))
    return rows


def _figures(world: World, known: pd.DataFrame) -> pd.DataFrame:
    """Return days since the last order, number of orders and money by customer, in the order of their ids."""
    table = (
        known.assign(money=known["value"].fillna(0.0) * known["left"], day=known["ordered_at"].dt.normalize())
        .groupby("customer_id")
        .agg(last=("day", "max"), orders=("order_id", "nunique"), money=("money", "sum"))
    )
    return table.assign(age=(pd.Timestamp(world.plan_date) - table["last"]).dt.days.astype(float))


def _rank(values: "pd.Series[float]") -> FloatArray:
    """Return the rank of each value between 0 and 1; equal values share one, missing ones are last."""
    ranks = values.rank(method="average", na_option="top").to_numpy(float)
    return (ranks - 0.5) / max(len(values), 1)


def _named(recency: int, often: int, money: int) -> str:
    if recency == 3:
        return "loyal" if often == 3 else "promising" if often == 2 else "new"
    if recency == 1:
        return "lapsed best" if often == 3 or money == 3 else "gone"
    return "steady" if often >= 2 else "casual"


def _within_reach(rank: FloatArray) -> set[str]:
    """Return the segments of all ranks up to the slack away."""
    low, high = np.searchsorted(_THIRDS, rank - _SLACK) + 1, np.searchsorted(_THIRDS, rank + _SLACK) + 1
    r, f, m = (range(a, b + 1) for a, b in zip(low, high, strict=True))
    return {_named(x, y, z) for x in r for y in f for z in m}


def _others(world: World, known: pd.DataFrame, refused: "pd.Series[str]", nameless: int) -> list[tuple[str, ...]]:
    everyone, buyers = world.frame("customers")["customer_id"].tolist(), known["customer_id"].unique().tolist()
    rows: list[tuple[str, ...]] = [(KIND, name, PRIVATE, "does not agree to profiling") for name in sorted(refused)]
    listed = set(everyone) - set(buyers) - set(refused)
    rows += [(KIND, name, PROSPECT, "no order in the data") for name in sorted(listed)]
    if nameless:
        # A customer may bear the very name of the segment; the nameless then need another.
        name = UNKNOWN if UNKNOWN not in {*buyers, *everyone} else f"({UNKNOWN})"
        rows.append((KIND, name, UNKNOWN, f"{nameless:,} order lines without a customer"))
    return rows
