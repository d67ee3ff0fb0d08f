"""Prices that hang together: one price over a group, pack sizes of a product, prices of competitors."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.plan.exceptions import ExceptionRow
from scenarios.money import shown_price
from scenarios.world import World, rows_of

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
# A competitor's price seen longer ago says nothing of today.
STALE_DAYS = 28
_TOLERANCE = 1e-9
# The unit separator of ASCII, which no name in a table holds.
_BETWEEN = "\x1f"


def price_groups(lines: pd.DataFrame, locked: dict[tuple[str, str], float]) -> tuple[Integers, list[ExceptionRow]]:
    """Return the number of each line's group: a zone's lines of one ``price_group`` and ladder, else the line alone.

    Where a rule wants one price over several places, an item without a price group is one of its own. One locked price
    leads its whole group. Where locks clash, or a locked price is no fall for every line, locked lines go their own way
    and the others stay together, and it is said.
    """
    zoned = ~lines["zone"].astype(str).str.startswith("place:") if len(lines) else pd.Series(False, index=lines.index)
    key = lines["price_group"].fillna("").astype(str)
    key = key.mask((key == "") & zoned, lines["item_id"].astype(str))
    own = pd.Series([str(n) for n in range(len(lines))], index=lines.index)
    where = pd.Series("", index=lines.index)
    if len(lines):
        where = lines["zone"].astype(str) + _BETWEEN + lines["ladder_id"].astype(str) + _BETWEEN + key
    asked = np.array([locked.get((row.item_id, row.location_id), np.nan) for row in rows_of(lines)], float)
    parted = {
        str(name)
        for name, rows in lines.groupby(where.to_numpy()).indices.items()
        if not _one_price(lines, asked, np.asarray(rows, np.int64))
    }
    alone = (key == "") | (where.isin(parted) & ~np.isnan(asked))
    number, _ = pd.factorize(where.mask(alone, own))
    said = []
    names = sorted({name.rpartition(_BETWEEN)[2] for name in parted} - {""})
    if names:
        text = f"locks part price group {', '.join(names)}: they ask for several prices, or for more than some item's"
        said.append(ExceptionRow("price group locks", "lock", text, {"groups": len(names)}))
    return number.astype(np.int64), said


def _one_price(lines: pd.DataFrame, asked: Floats, rows: Integers) -> bool:
    """Tell whether the locks of a group can be kept by all its lines: one price, below all of today's or a stay."""
    prices, today = asked[rows], lines["today"].to_numpy(float)[rows]
    known = ~np.isnan(prices)
    if not known.any():
        return True
    stays = bool((prices[known] >= today[known] - _TOLERANCE).all())
    return len(set(prices[known])) == 1 and (stays or prices[known][0] < today.min() - _TOLERANCE)


def families(world: World, lines: pd.DataFrame, group: Integers) -> tuple[Integers, Floats]:
    """Return pairs of lines of a smaller and a larger pack at a place, and the content of a unit of each line.

    All sizes are paired, not neighbours alone: a size that is dear today says nothing of those around it.

    Only packs of different groups are paired: within a group one price rules already.
    """
    items = world.frame("items").set_index("item_id")
    content = items["pack_content"].reindex(lines["item_id"]).astype(float).to_numpy()
    family = items["family"].reindex(lines["item_id"]).fillna("").astype(str).to_numpy()
    known = (family != "") & np.isfinite(content)
    table = pd.DataFrame({"place": lines["location_id"].to_numpy(str), "family": family, "content": content})
    pairs = []
    for _, rows in table[known].groupby(["place", "family"]):
        sizes = [own.index.to_numpy() for _, own in rows.groupby("content")]
        for small, large in combinations(sizes, 2):
            pairs += [(i, j) for i in small for j in large if group[i] != group[j]]
    return np.array(pairs, np.int64).reshape(-1, 2), np.where(known, content, 1.0)


def family_floors(world: World, lines: pd.DataFrame, standing: pd.DataFrame) -> Floats:
    """Return the price per unit below which a larger pack that is not cleared would be the dearer one, 0 without one.

    standing: pairs that are not cleared, with ``price``
    """
    names = ["item_id", "family", "pack_content"]
    items = world.frame("items")[names].dropna()
    items = items[items["family"] != ""]
    other = standing.merge(items, on="item_id")
    other = other.assign(rate=other["price"] / other["pack_content"].astype(float))
    own = lines[["item_id", "location_id"]].assign(line=np.arange(len(lines))).merge(items, on="item_id")
    met = own.merge(other, on=["location_id", "family"], suffixes=("", "_other"))
    met = met[met["pack_content_other"].astype(float) > met["pack_content"].astype(float)]
    floor = np.zeros(len(lines))
    np.maximum.at(floor, met["line"].to_numpy(int), (met["rate"] * met["pack_content"]).to_numpy(float))
    return floor


def competitor_prices(world: World) -> dict[str, tuple[float, date]]:
    """Return the median over competitors of the last price each was seen at, and the latest day, by item."""
    table = world.frame("competitor_prices").dropna(subset=["price"])
    table = table[table["date"] <= world.plan_date].sort_values("date", kind="stable")
    last = table.groupby(["item_id", "competitor"])[["date", "price"]].last().reset_index()
    return {
        str(item): (float(rows["price"].median()), rows["date"].max())
        for item, rows in last[last["date"] >= world.plan_date - timedelta(days=STALE_DAYS)].groupby("item_id")
    }


def in_band(world: World, lines: pd.DataFrame, ladders: list[list[float]]) -> tuple[list[Flags], list[ExceptionRow]]:
    """Return which prices of each line keep its competitor band, today's always; and what was dropped, in words."""
    seen = competitor_prices(world) if lines["competitor_band"].notna().any() else {}
    kept, stale, shut = [], set(), []
    for row, prices in zip(rows_of(lines), ladders, strict=True):
        fits = np.ones(len(prices), bool)
        if not pd.isna(row.competitor_band):
            if row.item_id in seen:
                fits = _near(np.asarray(prices), seen[row.item_id][0], float(row.competitor_band))
                if len(prices) > 1 and not fits[1:].any():
                    shut.append(row)
                fits[0] = True
            else:
                stale.add(row.item_id)
        kept.append(fits)
    return kept, _band_words(stale, shut, seen, world.policy.currency)


def _near(prices: Floats, competitor: float, band: float) -> Flags:
    return np.asarray(np.abs(prices - competitor) <= band * competitor + _TOLERANCE)


def _band_words(
    stale: set[Any], shut: list[Any], seen: dict[str, tuple[float, date]], currency: str
) -> list[ExceptionRow]:
    rows = []
    if stale:
        names = ", ".join(sorted(map(str, stale))[:5]) + (" and others" if len(stale) > 5 else "")
        text = (
            f"{len(stale)} items ({names}) have no competitor price of the last {STALE_DAYS} days: they are cleared"
            " without their band"
        )
        rows.append(ExceptionRow("competitor band", "assumed", text, {"items": len(stale)}))
    for row in shut:
        price, day = seen[row.item_id]
        text = (
            f"no price of {row.item_id}'s ladder lies within {row.competitor_band:.0%} of the competitors'"
            f" {shown_price(price, currency)}"
            f" (seen {day}): its price at {row.location_id} stays; widen the band or the ladder"
        )
        rows.append(ExceptionRow(f"competitor band {row.item_id} {row.location_id}", "rule", text, {"price": price}))
    return rows
