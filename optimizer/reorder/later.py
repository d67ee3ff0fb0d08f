"""Orders of later periods: what the reacting policy will place on average, in whole packs and within the dc's stock."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from optimizer.reorder.problem import NONE

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LotRules:
    """Lot rules of N lines in steps: an order is 0 or a multiple of `pack` from `minimum` to `maximum`, shape (N,)."""

    pack: IntArray
    minimum: IntArray
    maximum: IntArray


@dataclass(frozen=True)
class DcStock:
    """Stock that transfers draw on, P pools (an item at a dc), T periods; in steps.

    pool: pool of each line, NONE for bought lines, shape (N,)
    feeds: the line that fills each pool, NONE where none does, shape (P,)
    receipts: stock of the first period and receipts already due, by period, shape (P, T)
    """

    pool: IntArray
    feeds: IntArray
    receipts: FloatArray


def whole_packs(mean: FloatArray, can_order: npt.NDArray[np.bool_], lots: LotRules) -> IntArray:
    """Return later orders in whole packs that follow their mean, shape (N, T); the first period is left empty.

    mean: steps ordered on average by period, shape (N, T)

    What a period's mean leaves over is carried to the next, so that sums follow the mean; an order is placed when at
    least half a pack more than its minimum has gathered.
    """
    lines, periods = mean.shape
    orders, carried = np.zeros((lines, periods), np.int64), np.zeros(lines)
    for t in range(1, periods):
        carried += mean[:, t]
        packs = np.floor(carried / lots.pack + 0.5).astype(np.int64) * lots.pack
        packs = np.minimum(packs, lots.maximum // lots.pack * lots.pack)
        placed = np.where(can_order[:, t] & (packs >= np.maximum(lots.minimum, 1)), packs, 0)
        orders[:, t] = placed
        carried = np.maximum(carried - placed, -lots.pack / 2.0)
    return orders


def within_dc_stock(orders: IntArray, lead: IntArray, lots: LotRules, stock: DcStock) -> IntArray:
    """Return the orders with transfers cut to what the dc will hold, period by period; today's are kept as they are.

    orders: steps by line and period, shape (N, T)

    Where stores want more than there is, each gets the same share, in whole packs.
    """
    result = orders.copy()
    held = np.zeros(len(stock.receipts))
    moved = np.flatnonzero(stock.pool != NONE)
    for t in range(orders.shape[1]):
        held += stock.receipts[:, t] + _arriving(result, lead, stock.feeds, t)
        pool = stock.pool[moved]
        wanted = np.bincount(pool, result[moved, t], minlength=len(held))
        share = np.minimum(held / np.maximum(wanted, 1), 1.0)
        if t:
            pack = lots.pack[moved]
            cut = np.floor(result[moved, t] * share[pool] / pack + 1e-9).astype(np.int64) * pack
            result[moved, t] = np.where(cut >= lots.minimum[moved], cut, 0)
        held -= np.bincount(pool, result[moved, t], minlength=len(held))
    return result


def _arriving(orders: IntArray, lead: IntArray, feeds: IntArray, t: int) -> FloatArray:
    """Return what the lines that fill each pool bring in period t, shape (P,)."""
    arriving = np.zeros(len(feeds))
    for pool, line in enumerate(feeds):
        if line != NONE and t >= lead[line]:
            arriving[pool] = orders[line, t - lead[line]]
    return arriving


def as_before(
    usual: FloatArray, position: FloatArray, cover: IntArray, can_order: npt.NDArray[np.bool_], lots: LotRules
) -> IntArray:
    """Return what the usual rule would order: up to the mean of the last weeks times lead and review, shape (N, T).

    usual: mean demand per period of the last four weeks, steps, shape (N,)
    position: stock plus everything on order, steps, shape (N,)
    cover: lead time plus review time, periods, shape (N,)
    """
    lines, periods = can_order.shape
    orders, held = np.zeros((lines, periods), np.int64), position.astype(float).copy()
    target = usual * cover
    for t in range(periods):
        need = np.ceil(np.maximum(target - held, 0) / lots.pack - 1e-9).astype(np.int64) * lots.pack
        need = np.where(need > 0, np.maximum(need, np.ceil(lots.minimum / lots.pack).astype(np.int64) * lots.pack), 0)
        need = np.minimum(need, lots.maximum // lots.pack * lots.pack)
        orders[:, t] = np.where(can_order[:, t], need, 0)
        held += orders[:, t] - usual
    return orders
