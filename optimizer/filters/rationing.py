r"""
Who gets what, where the deliveries due today ask for more of an item than its place has? The dearest shortages first.

Sets and parameters
    l order lines due today, p item-places; each line asks at one of them, p(l)
    asked[l]   units a line still asks for [a]; there[p] units its place has today [U]
    value[l]   value of a unit short [v]: its money times 1 + the priority of the delivery
Variables
    given[l]   0 <= y <= a    units it gets
Model
    min  sum_l v_l (a_l - y_l)
    s.t. sum_{l: p(l) = p} y_l <= U_p    (there)

Item-places share no variable, and within one every unit weighs the same, so giving to the dearest line what it asks,
then to the next, is optimal: a unit moved from a dearer line to a cheaper one never gains (Dantzig 1957, Operations
Research 5(2)). It is so in whole steps of the item too, where lines ask whole steps. The price of a row of `there` is
the value of the first line left short: what one more unit would avoid.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.plan.exceptions import ExceptionRow
from scenarios.money import minor_digits, shown
from scenarios.schema import declared
from scenarios.shelf_life import bringing_nothing
from scenarios.tariff import cost_rows
from scenarios.world import World

FloatArray = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
_AHEAD = frozenset({"new", "promised"})
_KEYS = ["item_id", "location_id"]
_NOTHING = 1e-9
_PLACES = 6
_NAMED = 3


@dataclass(frozen=True)
class RationProblem:
    """Order lines, the first come first, and what is there. L lines, P item-places.

    asked, value, step: units asked [a], value of a unit short [v], step in which units are given, shape (L,)
    place: item-place of each line, shape (L,); there: units of each item-place [U], shape (P,)
    """

    asked: FloatArray
    value: FloatArray
    step: FloatArray
    place: Codes
    there: FloatArray

    @property
    def is_short(self) -> npt.NDArray[np.bool_]:
        """Whether each item-place is asked for more than it has, shape (P,)."""
        total = np.bincount(self.place, self.asked, len(self.there))
        return np.asarray(total > self.there + _NOTHING)


@dataclass(frozen=True)
class Rations:
    """Units each line gets [y], shape (L,), and what one more unit of each item-place would avoid, shape (P,)."""

    given: FloatArray
    price: FloatArray


def ration(problem: RationProblem) -> Rations:
    """Return the rations with the least value of what is short; among equals who comes first is served first."""
    order = np.lexsort((np.arange(len(problem.asked)), -problem.value, problem.place))
    asked, place, step = problem.asked[order], problem.place[order], problem.step[order]
    before = np.cumsum(asked) - asked
    # Summed over all item-places, so each line's own begins with what stood before its first line.
    first = np.searchsorted(place, np.arange(len(problem.there)))
    start = np.append(before, 0.0)[np.minimum(first, len(before))]
    left = np.round(problem.there[place] - (before - start[place]), _PLACES)
    whole = left >= asked - _NOTHING
    given = np.where(whole, asked, np.floor(np.maximum(left, 0.0) / step + _NOTHING) * step)
    price = np.zeros(len(problem.there))
    np.maximum.at(price, place, np.where(whole, 0.0, problem.value[order]))
    found = np.empty(len(asked))
    found[order] = np.round(given, _PLACES)
    return Rations(found, price)


@dataclass(frozen=True)
class Rationed:
    """The table `rationed`, rows for `explanations`, the orders that get nothing, and what a person should know."""

    table: pd.DataFrame
    words: pd.DataFrame
    nothing: frozenset[str]
    told: list[ExceptionRow]


def ration_orders(
    world: World, lines: pd.DataFrame, voided: FloatArray, segments: pd.DataFrame, held: Collection[str]
) -> Rationed:
    """
    Ration the stock of the day between the orders whose deliveries are due.

    world: deliveries bear the priorities promised to segments
    lines, voided: as `order_lines` returns them, and units taken back of each; segments: the table of the plan

    An order asks where it was placed, with its first delivery, while all of them are new or promised. There is what
    can be sold of the stock, less what is blocked, and the open orders due until today: what is reserved is for those
    who are due first. Stock is known to hold the goods of orders only where the table reserves some; else nothing is
    rationed.
    """
    asking = _asking(world, lines, voided, held)
    stock = world.frame("stock")
    asking = asking[pd.MultiIndex.from_frame(asking[_KEYS]).isin(pd.MultiIndex.from_frame(stock[_KEYS]))]
    if asking.empty or not stock["reserved"].any():
        nobody = asking.iloc[:0].assign(given=0.0, price=0.0, value=0.0, money=0, there=0.0)
        return Rationed(_table(nobody), _words([]), frozenset(), [])
    money = _money_short(world, asking, segments)
    value = np.round(money * (1.0 + np.maximum(asking["priority"].to_numpy(float), 0.0)), _PLACES)
    pair = pd.MultiIndex.from_frame(asking[_KEYS])
    place, pairs = pd.factorize(pair, sort=True)
    units, step = asking["asked"].to_numpy(float), asking["step"].to_numpy(float)
    there = _there(world, pd.MultiIndex.from_tuples(pairs))
    problem = RationProblem(units, value, step, place, there)
    found = ration(problem)
    minor, short = 10 ** minor_digits(world.policy.currency), np.round(units - found.given, _PLACES)
    all_lines = asking.assign(
        given=found.given,
        value=value,
        price=found.price[place],
        there=there[place],
        money=cost_rows(short, money, minor),
    )
    table = all_lines[problem.is_short[place]]
    served = set(asking.loc[found.given > 0, "order_id"]) | _elsewhere(lines, voided, asking)
    nothing = frozenset(set(table["order_id"]) - served)
    return Rationed(_table(table), _explained(table, nothing), nothing, _told(world, table, nothing))


def _asking(world: World, lines: pd.DataFrame, voided: FloatArray, held: Collection[str]) -> pd.DataFrame:
    """Return the lines of goods due today that are not cancelled, in the order they came: with asked and priority."""
    deliveries = world.frame("deliveries")
    deliveries = deliveries[deliveries["pickup_of"].isna() & ~deliveries["order_id"].isin(held)]
    is_ahead = deliveries["state"].fillna("new").isin(_AHEAD)
    due = deliveries[is_ahead & (deliveries["service_date"] == world.plan_date)]
    due = due[~due["order_id"].isin(deliveries.loc[~is_ahead, "order_id"].dropna())].dropna(subset=["order_id"])
    first = due.groupby("order_id")["priority"].max()
    asked = np.round(lines["units"].fillna(0.0).to_numpy(float) - voided, _PLACES)
    mine = lines["is_order"] & lines["order_id"].isin(first.index) & (asked > 0)
    mine &= lines["item_id"].notna() & lines["location_id"].notna()
    chosen = lines[mine]
    return chosen.assign(asked=asked[mine], priority=chosen["order_id"].map(first).fillna(0).to_numpy(float))


def _elsewhere(lines: pd.DataFrame, voided: FloatArray, asking: pd.DataFrame) -> set[str]:
    """Return the orders that get something no item-place is short of: lines without stock, or without an item."""
    left = lines["is_order"] & ~(lines["units"].to_numpy(float) - voided <= 0)
    return set(lines.loc[left & ~lines.index.isin(asking.index), "order_id"])


def _money_short(world: World, asking: pd.DataFrame, segments: pd.DataFrame) -> FloatArray:
    """Return what a unit short costs each line: what its customer's segment is promised, else its price, else 0."""
    people = segments[segments["kind"] == "customer"].set_index("member_id")["segment"]
    promised = world.frame("segment_policies").set_index("segment")["shortage_cost"].astype(float)
    cost = promised.reindex(asking["customer_id"].map(people)).to_numpy(float)
    return np.round(np.nan_to_num(np.where(np.isnan(cost), asking["price"].to_numpy(float), cost)), _PLACES)


def _there(world: World, pairs: pd.MultiIndex) -> FloatArray:
    """Return the units that each item-place has for the orders due, shape (P,)."""
    stock, orders = world.frame("stock"), world.frame("open_orders")
    usable = ~(stock["expires_on"].fillna(world.plan_date) < world.plan_date)
    sums = stock[usable].groupby(_KEYS)[["on_hand", "held"]].sum().reindex(pairs).fillna(0.0)
    orders = orders[(orders["due_on"] <= world.plan_date) & (bringing_nothing(world) == "")]
    receipts = orders.groupby(_KEYS)["quantity"].sum().reindex(pairs).fillna(0.0).to_numpy(float)
    free = np.maximum(sums["on_hand"].to_numpy(float) - sums["held"].to_numpy(float), 0.0)
    return np.asarray(np.round(free + receipts, _PLACES))


def _table(lines: pd.DataFrame) -> pd.DataFrame:
    short = "{:g} of {:g} units: its place has {:g} for the orders due, dearer shortages first"
    reason = [
        "all of it: no dearer shortage is left" if given >= asked else short.format(given, asked, there)
        for given, asked, there in zip(lines["given"], lines["asked"], lines["there"], strict=True)
    ]
    table = lines.assign(reason=pd.Series(reason, index=lines.index, dtype=object))
    return table[list(declared()["rationed"].names)].sort_values(["order_id", "line"]).reset_index(drop=True)


def _words(rows: list[dict[str, object]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["line_id", "text", "numbers", "money"])


def _explained(table: pd.DataFrame, nothing: Collection[str]) -> pd.DataFrame:
    """Return a row for `explanations` of each order that does not get all it asks."""
    rows: list[dict[str, object]] = []
    lacking = table[table["given"] < table["asked"]]
    for name, mine in lacking.groupby("order_id"):
        goods = ", ".join(
            f"{given:g} of {asked:g} {item} at {place} ({there:g} there, a unit short weighs {value:,.2f}, "
            f"one more unit is worth {price:,.2f})"
            for given, asked, item, place, there, value, price in zip(
                *(mine[name] for name in ("given", "asked", *_KEYS, "there", "value", "price")), strict=True
            )
        )
        how = "waits, it gets nothing" if name in nothing else "is delivered in part"
        text = f"order {name} {how}: {goods}"
        rows.append({"line_id": name, "text": text, "numbers": "{}", "money": int(mine["money"].sum())})
    return _words(rows)


def _told(world: World, table: pd.DataFrame, nothing: Collection[str]) -> list[ExceptionRow]:
    lacking = table[table["given"] < table["asked"]]
    if lacking.empty:
        return []
    short, money = round(float((lacking["asked"] - lacking["given"]).sum()), _PLACES), int(lacking["money"].sum())
    parts = sorted(set(lacking["order_id"]) - set(nothing))
    said = [
        f"{len(names):,} {what} ({', '.join(names[:_NAMED])})"
        for names, what in ((sorted(nothing), "orders get nothing and are no stops"), (parts, "are delivered in part"))
        if names
    ]
    pairs = len(lacking[_KEYS].drop_duplicates())
    text = f"stock of {pairs:,} item-places is short of {short:g} units for today's deliveries, worth "
    text += f"{shown(money, world.policy.currency)}: {'; '.join(said)}"
    numbers = {"units": short, "nothing": len(nothing), "in part": len(parts)}
    return [ExceptionRow("rationed", "rationed", text, numbers, money)]
