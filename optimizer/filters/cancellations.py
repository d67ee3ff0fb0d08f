"""Which orders were taken back? Cancellations matched to the lines they cancel, partly where they cancel a part."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from scenarios.world import rows_of

FloatArray = npt.NDArray[np.float64]
_ENOUGH = 1e-9
_KEYS = ["customer_id", "item_id"]


@dataclass(frozen=True)
class Matched:
    """Which cancellation took back what; all arrays follow the rows of the lines, shape (lines,).

    pairs: one row a match: cancelling and cancelled (row numbers), units; the cancelled units add up to `voided`
    voided: units taken back of each order line, never more than it had
    unmatched: units of each cancelling line that found no order, 0 elsewhere
    """

    pairs: pd.DataFrame
    voided: FloatArray
    unmatched: FloatArray


def match_cancellations(lines: pd.DataFrame) -> Matched:
    """Match cancelling lines to order lines.

    lines: as `order_lines` returns them

    1. A named order, and line, is what a cancellation takes back, whenever it was placed; without a line the lines of
       its item (all of them when it names no item), the last first. Without units it takes all that is left.
    2. Else the same customer's earlier lines of the same item, the latest first (last in, first out).
    3. Else, for a customer who is not known, the earlier lines of the same order and item.

    What is more than was ordered, and what finds nothing, is left over.
    """
    book = _Book(lines["units"].fillna(0.0).clip(lower=0.0).where(lines["is_order"], 0.0).to_numpy(float))
    wanted = lines["units"].abs().where(lines["is_cancelling"], 0.0).fillna(np.inf).to_numpy(float).copy()
    named = (lines["is_cancelling"] & lines["cancels_order_id"].notna()).to_numpy(bool)
    _take_named(lines, named, book, wanted)
    known = lines["customer_id"].notna().to_numpy(bool)
    timed = (lines["ordered_at"].notna() & lines["item_id"].notna()).to_numpy(bool) & ~named
    _take_latest(lines[timed & known], _KEYS, book, wanted)
    _take_latest(lines[timed & ~known], ["order_id", "item_id"], book, wanted)
    pairs = pd.DataFrame(book.taken, columns=["cancelling", "cancelled", "units"])
    # A cancellation without units asked for whatever was there; it counts as unmatched only by its line.
    return Matched(pairs, book.voided, np.where(np.isinf(wanted), 0.0, wanted))


def nothing_cancelled(lines: pd.DataFrame) -> Matched:
    """Return what it means that no cancellation is believed."""
    nothing = np.zeros(len(lines))
    return Matched(pd.DataFrame(columns=["cancelling", "cancelled", "units"]), nothing, nothing)


@dataclass(frozen=True)
class _Book:
    """Units of each order line, those already taken back, and by whom."""

    units: FloatArray
    voided: FloatArray = field(init=False)
    taken: list[tuple[int, int, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        object.__setattr__(self, "voided", np.zeros(len(self.units)))

    def take(self, cancelling: int, candidates: Iterable[int], wanted: FloatArray) -> None:
        """Take back from the candidates in their order what the cancelling line still wants."""
        for n in candidates:
            if wanted[cancelling] <= _ENOUGH:
                break
            units = min(wanted[cancelling], self.units[n] - self.voided[n])
            if units > 0:
                self.voided[n] += units
                wanted[cancelling] -= units
                self.taken.append((cancelling, n, float(units)))


def _take_named(lines: pd.DataFrame, named: npt.NDArray[np.bool_], book: _Book, wanted: FloatArray) -> None:
    asked = lines.loc[named, ["cancels_order_id", "cancels_line", "item_id"]]
    chosen = lines.loc[lines["is_order"] & lines["order_id"].isin(set(asked["cancels_order_id"]))]
    orders: dict[str, list[int]] = {}
    for n, order in zip(chosen.index, chosen["order_id"], strict=True):
        orders.setdefault(order, []).append(n)
    items, numbers = lines["item_id"].to_numpy(object), lines["line"].to_numpy()
    for row in rows_of(asked):
        found = reversed(orders.get(row.cancels_order_id, []))
        any_line, any_item = np.isnan(row.cancels_line), not isinstance(row.item_id, str)
        fits = [
            n for n in found if (any_line or numbers[n] == row.cancels_line) and (any_item or items[n] == row.item_id)
        ]
        book.take(row.Index, fits, wanted)


def _take_latest(lines: pd.DataFrame, keys: list[str], book: _Book, wanted: FloatArray) -> None:
    """Walk through time: an order goes on the pile of its key, a cancellation takes from the top of it."""
    asked = pd.MultiIndex.from_frame(lines.loc[lines["is_cancelling"], keys])
    concerned = lines[pd.MultiIndex.from_frame(lines[keys]).isin(asked)]
    piles: dict[tuple[object, object], list[int]] = {}
    columns = (concerned.index, concerned["is_order"], *(concerned[key] for key in keys))
    for n, is_order, first, second in zip(*columns, strict=True):
        pile = piles.setdefault((first, second), [])
        if is_order:
            pile.append(n)
        elif wanted[n] > 0:
            book.take(n, reversed(pile), wanted)
            while pile and book.units[pile[-1]] - book.voided[pile[-1]] <= _ENOUGH:
                pile.pop()
