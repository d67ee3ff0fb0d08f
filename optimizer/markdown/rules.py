"""Which item-places are cleared, under which rule, until when, and at which prices."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.plan.exceptions import ExceptionRow
from scenarios.money import minor_digits
from scenarios.world import World, rows_of

KEYS = ["item_id", "location_id"]
# A clearance without an exit date is planned this far.
USUAL_WEEKS = 8
# The rule nearest to the item wins.
_SCOPES = {"item": "item_id", "group": "price_group", "category": "category"}
_RULES = [
    "ladder_id", "min_step", "max_step", "max_changes", "min_days_between", "no_touch_until", "exit_on",
    "salvage_value", "sell_through", "hardness", "competitor_band", "min_stock", "ending", "days_left",
    "one_price_over",
]  # fmt: skip
NEEDED = ("prices", "price_ladders", "markdown_rules")
_STEP_TOLERANCE = 1e-9
# Doubles of half a minor unit differ by less.
_ROUNDING = 1e-6


def missing_tables(world: World) -> list[str]:
    """Return the tables without which no clearance can be planned."""
    return [name for name in NEEDED if not world.has(name)]


def ruled_pairs(world: World, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs that have a rule, with its columns, the item's own, ``zone``, and ``pair``, its place in them.

    An item's own rule wins over its price group's, that over its category's, that over the rule for all. The zone is
    the place itself, or the name of the places over which the rule wants one price.
    """
    rules = world.frame("markdown_rules")
    items = world.frame("items")[
        ["item_id", "price_group", "category", "unit_step", "salvage_value", "discontinued_on"]
    ]
    items = items.rename(columns={"salvage_value": "item_salvage"})
    lines = pairs[KEYS].assign(pair=np.arange(len(pairs))).merge(items, on="item_id", how="left")
    chosen = pd.Series(-1, index=lines.index)
    for scope, column in _SCOPES.items():
        own = rules[rules["scope"] == scope]
        rows = lines[column].map(pd.Series(own.index, index=own["scope_id"]))
        chosen = chosen.where((chosen >= 0) | rows.isna(), rows.fillna(-1)).astype(int)
    everybody = rules.index[rules["scope"] == "all"]
    if len(everybody):
        chosen = chosen.where(chosen >= 0, int(everybody[0]))
    lines = lines[chosen >= 0]
    found = rules.loc[chosen[chosen >= 0], ["scope", *_RULES]].set_axis(lines.index)
    lines = pd.concat([lines, found], axis=1).reset_index(drop=True)
    return lines.assign(zone=_zones(world, lines))


def _zones(world: World, lines: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Return the places over which each line has one price, as a name that no other zone has."""
    own = lines["location_id"].astype(str).to_numpy(object)
    zone = np.char.add("place:", own.astype(str)).astype(object)
    places = world.frame("locations").set_index("location_id")
    over = lines["one_price_over"].fillna("place").to_numpy(object)
    for column in ("cluster", "region"):
        name = places[column].reindex(own).fillna("").astype(str).to_numpy(object)
        zone = np.where((over == column) & (name != ""), f"{column}:" + name, zone)
    return np.where(over == "all", "all:", zone)


def clearance_pairs(world: World, pairs: pd.DataFrame) -> tuple[pd.DataFrame, list[ExceptionRow]]:
    """Return the pairs to clear with rule and exit date (``until``), and what was assumed or left out.

    Cleared is what has a rule and an end: an exit date, a last day of sale, or the assortment's word that it runs out.
    """
    lines = ruled_pairs(world, pairs)
    dcs = world.frame("locations").query("kind == 'dc'")["location_id"]
    # Units near their last day are the fresh room's.
    lines = lines[~lines["location_id"].isin(dcs) & lines["days_left"].isna()]
    assortment = world.frame("assortment")
    ends = assortment.loc[assortment["status"] == "run_out", KEYS].assign(runs_out=True)
    lines = lines.merge(ends, on=KEYS, how="left")
    until = [_earliest(row.exit_on, row.discontinued_on) for row in rows_of(lines)]
    lines["until"] = pd.Series(until, index=lines.index, dtype=object)
    open_end = lines["until"].isna() & lines["runs_out"].eq(True)
    lines.loc[open_end, "until"] = world.plan_date + timedelta(days=7 * USUAL_WEEKS - 1)
    past = lines["until"].notna() & np.array(
        [d is not None and not pd.isna(d) and d < world.plan_date for d in lines["until"]], bool
    )
    kept = lines[lines["until"].notna() & ~past].reset_index(drop=True)
    return kept, [*_said(lines, open_end, past), *_unknown_ladders(world, kept)]


def _earliest(*days: Any) -> date | None:
    given = [day for day in days if day is not None and not pd.isna(day)]
    return min(given) if given else None


def _said(lines: pd.DataFrame, open_end: pd.Series, past: pd.Series) -> list[ExceptionRow]:
    rows = []
    if open_end.any():
        text = f"{int(open_end.sum())} clearances have no exit date: {USUAL_WEEKS} weeks are taken"
        rows.append(ExceptionRow("clearance exit", "assumed", text, {"lines": int(open_end.sum())}))
    if past.any():
        text = f"{int(past.sum())} clearances have passed their exit date: their prices stay"
        rows.append(ExceptionRow("clearance over", "skipped", text, {"lines": int(past.sum())}))
    return rows


def _unknown_ladders(world: World, lines: pd.DataFrame) -> list[ExceptionRow]:
    known = set(world.frame("price_ladders")["ladder_id"])
    without = lines[~lines["ladder_id"].isin(known)]
    if without.empty:
        return []
    names = ", ".join(sorted({str(name) for name in without["ladder_id"].fillna("(none)")}))
    text = f"{len(without)} clearances have no ladder in price_ladders ({names}): their prices stay"
    return [ExceptionRow("clearance ladder", "skipped", text, {"lines": len(without)})]


def ladder_prices(world: World, lines: pd.DataFrame, today: pd.Series, regular: pd.Series) -> list[list[float]]:
    """Return the prices of each line, falling from today's; rungs at or above it fall away. Money per unit."""
    digits = minor_digits(world.policy.currency)
    ladders = dict(iter(world.frame("price_ladders").groupby("ladder_id")))
    result = []
    for ladder, ending, now, usual in zip(lines["ladder_id"], lines["ending"], today, regular, strict=True):
        rungs = ladders.get(ladder)
        asked = [] if rungs is None else [_asked(row, usual, ending, digits) for row in rows_of(rungs)]
        lower = {price for price in asked if 0.0 < price < now - 0.5 * 10.0**-digits}
        result.append([float(now), *sorted(lower, reverse=True)])
    return result


def _asked(row: Any, regular: float, ending: float, digits: int) -> float:
    if not pd.isna(row.price):
        return round(float(row.price), digits)
    price = float(row.share_of_regular) * regular
    if not pd.isna(ending):
        # Half a minor unit is granted: 6.99 as a share of 13.98 must not fall to 5.99.
        price = math.floor(price - ending + 0.5 * 10.0**-digits + _ROUNDING) + ending
    return round(price, digits)


def step_allowed(prices: list[float], least: float, most: float, digits: int) -> npt.NDArray[np.bool_]:
    """Return whether the price may go from the j-th to the k-th at once, shape (rungs, rungs).

    A step is a share of the price before it; half a minor unit is granted, since prices are rounded. NaN is no limit.
    """
    price = np.asarray(prices)
    grant = 0.5 * 10.0**-digits + _STEP_TOLERANCE
    high = price[:, None] * (1.0 - np.nan_to_num(least, nan=0.0)) + grant
    low = price[:, None] * (1.0 - np.nan_to_num(most, nan=1.0)) - grant
    return np.asarray((price[None, :] <= high) & (price[None, :] >= low))


def earlier_changes(world: World, lines: pd.DataFrame) -> pd.DataFrame:
    """Return for each line the markdowns since it last stood at its regular price: ``changes``, and the ``last`` day.

    A price set while a promotion ran is no markdown.
    """
    prices = world.frame("prices")
    prices = prices[prices["valid_from"] < world.plan_date].dropna(subset=["price"]).merge(lines[KEYS], on=KEYS)
    promotions = world.frame("promotions")[[*KEYS, "from_date", "to_date"]].dropna()
    runs = {key: list(zip(rows["from_date"], rows["to_date"], strict=True)) for key, rows in promotions.groupby(KEYS)}
    changes = {key: _markdowns(rows, runs.get(key, [])) for key, rows in prices.groupby(KEYS)}
    found = [changes.get((row.item_id, row.location_id), []) for row in rows_of(lines)]
    return pd.DataFrame(
        {"changes": [len(days) for days in found], "last": [days[-1] if days else None for days in found]}
    )


def _markdowns(rows: pd.DataFrame, promotions: list[tuple[date, date]]) -> list[date]:
    days: list[date] = []
    before = np.inf
    for row in rows_of(rows.sort_values("valid_from", kind="stable")):
        if any(begin <= row.valid_from <= end for begin, end in promotions):
            continue
        regular = row.price if pd.isna(row.regular_price) else row.regular_price
        if row.price >= regular - _STEP_TOLERANCE:
            days = []
        elif row.price < before:
            days.append(row.valid_from)
        before = row.price
    return days


def locked_prices(world: World) -> dict[tuple[str, str], float]:
    """Return the price that a lock gives an item at a place on the plan date; of several the one set last holds."""
    locks = world.frame("locks")
    locks = locks[(locks["target"] == "price_changes") & (locks["field"] == "new_price")]
    locked = {}
    for row in locks.sort_values("at", na_position="first", kind="stable").to_dict("records"):
        begun = row["from"] is None or row["from"] <= world.plan_date
        going = row["to"] is None or row["to"] >= world.plan_date
        if begun and going and row["item_id"] and row["location_id"]:
            locked[(row["item_id"], row["location_id"])] = float(row["value"])
    return locked
