"""One period of stock: receive, expire, sell first-expired-first, count.

Stock is kept by remaining life: an array whose last axis counts the periods a unit can still be sold after this one,
0 to A - 2, with all longer lives and goods that never expire in the last place A - 1. A = 1: nothing expires.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PeriodFlow:
    """What one period did. All arrays share the leading shape of the stock; units.

    stock: what the count finds, by remaining life; closing: its sum (negative: units owed)
    """

    stock: FloatArray
    closing: FloatArray
    sold: FloatArray
    short: FloatArray


def run_period(
    stock: FloatArray, received: FloatArray, demand: FloatArray, owed: FloatArray | None = None
) -> PeriodFlow:
    """Return the flow of one period.

    stock: what the last count found, by remaining life *as of this period*, shape (..., A)
    received: receipts of this period, shape (..., A)
    demand: shape (...)
    owed: units backordered so far, served before today's demand; None: demand not served is lost, shape (...)

    `short` is demand not served today: lost, or owed from now on together with what was owed before and still is.
    """
    available = stock + received
    wanted = demand if owed is None else demand + owed
    total = available.sum(axis=-1)
    sold = np.minimum(total, wanted)
    left = sell_first_expired_first(available, sold)
    short = wanted - sold
    closing = left.sum(axis=-1) - (0.0 if owed is None else short)
    return PeriodFlow(left, closing, sold, short)


def sell_first_expired_first(stock: FloatArray, quantity: FloatArray) -> FloatArray:
    """Return what is left of `stock` (..., A) after `quantity` (...) is taken, the shortest life first."""
    before = np.cumsum(stock, axis=-1) - stock
    taken = np.clip(quantity[..., None] - before, 0.0, stock)
    return np.asarray(stock - taken)


def age(stock: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the stock one period later, and what expired between: the units whose last day has passed.

    The last place keeps its units: what is there never expires within the horizon.
    """
    lives = stock.shape[-1]
    if lives == 1:
        return stock, np.zeros(stock.shape[:-1])
    older = np.zeros_like(stock)
    older[..., : lives - 2] = stock[..., 1 : lives - 1]
    older[..., lives - 1] = stock[..., lives - 1]
    return older, stock[..., 0].copy()
