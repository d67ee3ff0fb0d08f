"""A plan meets demand: period after period of flow, priced by the tariff."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scenarios.flow import age, run_period

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Stock:
    """Stock before the first period's events, and receipts to come; N series, T periods, A remaining lives (`flow`).

    on_hand: units by remaining life, shape (N, A)
    receipts: units by period and remaining life on arrival, shape (N, T, A)
    owed: units backordered, shape (N,), or None where demand not served is lost
    """

    on_hand: FloatArray
    receipts: FloatArray
    owed: FloatArray | None = None


@dataclass(frozen=True)
class Course:
    """The course of stock, all in units, shape (N, T) or (N, S, T) as the demand.

    opening: before receipts; closing: at the count, negative where units are owed
    short: demand lost, or owed at the count
    """

    opening: FloatArray
    sold: FloatArray
    short: FloatArray
    expired: FloatArray
    closing: FloatArray


def simulate(stock: Stock, demand: npt.NDArray[np.generic]) -> Course:
    """Return what happens when `stock` meets `demand`, shape (N, T) or (N, S, T) in units; every path starts alike."""
    on_paths = demand.ndim == 3
    shape = demand.shape[:-1]
    held = np.broadcast_to(stock.on_hand[:, None] if on_paths else stock.on_hand, (*shape, stock.on_hand.shape[-1]))
    owed = None if stock.owed is None else np.broadcast_to(stock.owed[:, None] if on_paths else stock.owed, shape)
    fields = {name: np.empty(demand.shape) for name in ("opening", "sold", "short", "expired", "closing")}
    for t in range(demand.shape[-1]):
        receipts = stock.receipts[:, None, t] if on_paths else stock.receipts[:, t]
        expired = np.zeros(shape)
        fields["opening"][..., t] = held.sum(axis=-1) - (0.0 if owed is None else owed)
        if t:
            held, expired = age(held)
        flow = run_period(held, receipts, demand[..., t].astype(np.float64), owed)
        held, owed = flow.stock, (None if owed is None else flow.short)
        for name, values in (
            ("sold", flow.sold),
            ("short", flow.short),
            ("expired", expired),
            ("closing", flow.closing),
        ):
            fields[name][..., t] = values
    return Course(**fields)
