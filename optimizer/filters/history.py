"""What the demand history should hold: sales less what was cancelled, false, or a bulk order beyond the usual."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from optimizer.filters.cancellations import Matched
from optimizer.filters.lines import unit_steps
from optimizer.filters.screen import Judged
from optimizer.filters.usual import LEAST_VALUES, log_quantity, quantity, usual
from scenarios.money import minor_digits
from scenarios.tariff import cost_rows
from scenarios.world import World

FloatArray = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
# A single order line is bulk so many deviations of log quantities above what the pair's periods usual are; or nearer to
# them, but so far above the item's usual line: few units a period scatter widely on this scale.
BULK, BULK_LINE_ABOVE = 4.0, 2.0
# Below this distance from the customer's own lines a large line is what that customer always buys.
_OWN_HABIT = 2.0
_YEAR = 365
_NOTHING = 1e-9
_PLACES = 6


@dataclass(frozen=True)
class CleanHistory:
    """The world with net sales, and what was done.

    excluded: a row for each line that does not count in full; columns of `excluded_rows` and kind
    ordered, kept: units of all order lines, and those that still count; ordered = kept + sum(units − kept)
    missing: units to take out that the books do not show in their period; sales fall by the rest
    """

    world: World
    excluded: pd.DataFrame
    ordered: float
    kept: float
    missing: float


@dataclass(frozen=True)
class _Books:
    """The sales as numbers: a code for each row in ascending order, and its units; the code tells date, item, place."""

    code: Codes
    units: FloatArray
    first: np.datetime64
    items: pd.Index
    places: pd.Index

    def locate(self, lines: pd.DataFrame) -> Codes:
        """Return the row of sales in which each line is booked, −1 for none."""
        day = lines["period"].to_numpy().astype("datetime64[D]")
        item, place = (
            self.items.get_indexer(pd.Index(lines["item_id"])),
            self.places.get_indexer(pd.Index(lines["location_id"])),
        )
        there = ~np.isnat(day) & (item >= 0) & (place >= 0)
        number = np.where(there, (day - self.first).astype(np.int64), -1)
        code = (number * len(self.items) + item) * len(self.places) + place
        at = np.minimum(np.searchsorted(self.code, code), max(len(self.code) - 1, 0))
        found = there & (number >= 0) & (self.code[at] == code if len(self.code) else False)
        return np.where(found, at, -1)

    def pair_of(self, lines: pd.DataFrame) -> Codes:
        """Return the code of item and place of each line, −1 where they were never sold."""
        item, place = (
            self.items.get_indexer(pd.Index(lines["item_id"])),
            self.places.get_indexer(pd.Index(lines["location_id"])),
        )
        return np.where((item >= 0) & (place >= 0), item * len(self.places) + place, -1)


def clean_history(
    world: World, lines: pd.DataFrame, matched: Matched, judged: Judged, keep_bulk: bool = False
) -> CleanHistory:
    """Take cancelled, fraudulent, duplicate and bulk units out of sales; a bulk line keeps what is usual.

    lines: as `order_lines` returns them; keep_bulk: leave bulk lines whole

    Only what stands in an order line is ever taken out: a spike in sales that no order explains stays. Sales of a
    period never fall below zero; what the books do not show cannot be taken out of them and is told.
    """
    books = _books(world)
    units = lines["units"].fillna(0.0).where(lines["is_order"], 0.0).to_numpy(float)
    net = units - matched.voided
    fence, most = _limits(world, lines, judged, books)
    bulk = (not keep_bulk) & (judged.kind == "") & (net > fence) & ~(judged.own < _OWN_HABIT)
    kind = np.where(bulk, "bulk", judged.kind).astype(object)
    kept: FloatArray = np.where(bulk, np.minimum(most, net), np.where(kind == "", net, 0.0)).astype(np.float64)
    kept = np.round(kept, _PLACES) + 0.0
    kind = np.where((kind == "") & (matched.voided > _NOTHING), "cancelled", kind)
    chosen = np.flatnonzero(units - kept > _NOTHING)
    words = _words(lines, matched, judged, kind, (fence, chosen))
    excluded = _table(world, lines.iloc[chosen], (units[chosen], kept[chosen]), kind[chosen], words)
    fresh, missing = _net_sales(world, books, books.locate(lines), (units, kept))
    return CleanHistory(fresh, excluded, float(units.sum()), float(kept.sum()), missing)


def _books(world: World) -> _Books:
    sales = world.table("sales")
    day = sales["date"].to_numpy().astype("datetime64[D]")
    first = day.min() if len(day) else np.datetime64(world.plan_date)
    item, place = (sales[name].combine_chunks() for name in ("item_id", "location_id"))
    items, places = (pd.Index(codes.dictionary.to_pylist(), dtype=object) for codes in (item, place))
    number = (day - first).astype(np.int64) * len(items) + np.asarray(item.indices, np.int64)
    code = number * len(places) + np.asarray(place.indices, np.int64)
    return _Books(code, np.nan_to_num(sales["units"].to_numpy().astype(float)), first, items, places)


def _limits(world: World, lines: pd.DataFrame, judged: Judged, books: _Books) -> tuple[FloatArray, FloatArray]:
    """Return the units above which each line is bulk, and what a bulk line keeps.

    Both come from the pair's own periods; where these are too few, from the item's order lines. Shape (lines,).
    """
    step = lines["step"].to_numpy(float)
    centre, deviation = _own_periods(world, lines, books)
    far = judged.distance >= BULK
    fence = quantity(centre + np.where(far, BULK_LINE_ABOVE, BULK) * deviation, step)
    short = np.isinf(deviation)
    by_line = np.where(far, np.nan_to_num(judged.line), np.inf)
    return np.where(short, by_line, fence), np.where(short, np.nan_to_num(judged.line), quantity(centre, step))


def _own_periods(world: World, lines: pd.DataFrame, books: _Books) -> tuple[FloatArray, FloatArray]:
    """Return centre and deviation of log quantities over the periods of a year with sales of each line's pair.

    The deviation is infinite where the pair's past is too short to say.
    """
    size = max(len(books.items) * len(books.places), 1)
    today = int((np.datetime64(world.plan_date) - books.first).astype(np.int64))
    number, pair = books.code // size, books.code % size
    past = (number >= today - _YEAR) & (number < today) & (books.units > 0)
    chosen = past & np.isin(pair, np.unique(books.pair_of(lines)))
    steps = unit_steps(world, books.items.tolist())[pair[chosen] // max(len(books.places), 1)]
    own = usual(log_quantity(books.units[chosen], steps), pair[chosen])
    known, at = np.unique(pair[chosen], return_index=True)
    row = pd.Index(known).get_indexer(pd.Index(books.pair_of(lines)))
    deviation = np.where(own.count >= LEAST_VALUES, own.deviation, np.inf)
    return np.append(own.centre[at], 0.0)[row], np.append(deviation[at], np.inf)[row]


def _words(
    lines: pd.DataFrame,
    matched: Matched,
    judged: Judged,
    kind: npt.NDArray[np.object_],
    limits: tuple[FloatArray, Codes],
) -> list[str]:
    fence, chosen = limits
    by = matched.pairs.groupby("cancelled")["cancelling"].agg(list) if len(matched.pairs) else pd.Series(dtype=object)
    orders, units = lines["order_id"].to_numpy(object), lines["units"].to_numpy(float)
    words = []
    for n in chosen:
        said = [judged.reason[n]] if judged.reason[n] else []
        if kind[n] == "bulk":
            said = [f"bulk: {units[n]:g} units in one line, where {fence[n]:,.0f} a period are far above the usual"]
        if n in by.index:
            names = ", ".join(dict.fromkeys(orders[m] for m in by[n]))
            said.insert(0, f"cancelled: {matched.voided[n]:g} units by {names}")
        words.append("; ".join(said))
    return words


def _table(
    world: World,
    lines: pd.DataFrame,
    units: tuple[FloatArray, FloatArray],
    kind: npt.NDArray[np.object_],
    words: list[str],
) -> pd.DataFrame:
    had, kept = units
    minor = 10 ** minor_digits(world.policy.currency)
    return pd.DataFrame(
        {
            "table": "transactions",
            "row_key": (lines["order_id"].astype(object) + "/" + lines["line"].astype(int).astype(str)).to_numpy(
                object
            ),
            "units": np.round(had, _PLACES),
            "kept": kept,
            "money": cost_rows(had - kept, np.nan_to_num(lines["price"].to_numpy(float)), minor),
            "reason": words,
            "kind": kind,
        }
    )


def _net_sales(world: World, books: _Books, row: Codes, lines: tuple[FloatArray, FloatArray]) -> tuple[World, float]:
    """Return the world with net sales, and the units to take out that are in no period's books.

    row: row of sales of each line, −1 for none; lines: units of each line, and those that still count

    The orders that count are part of the books too: sales never fall below them (nor below the books that are less).
    """
    units, kept = lines
    out, booked = units - kept, row >= 0
    taken, believed = (np.bincount(row[booked], part[booked], len(books.units)) for part in (out, kept))
    net = np.maximum(books.units - taken, np.minimum(books.units, believed))
    net = np.where(taken > _NOTHING, np.round(net, _PLACES), books.units)
    missing = float(out.sum() - (books.units - net).sum())
    if not (taken > _NOTHING).any():
        return world, missing
    table = world.table("sales")
    column = pa.array(net, mask=np.asarray(table["units"].combine_chunks().is_null()))
    return world.replace(sales=table.set_column(table.column_names.index("units"), "units", column)), missing
