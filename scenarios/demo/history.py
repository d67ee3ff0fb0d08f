"""How the invented company has lived: it kept min/max levels, waited for suppliers, and sold out now and then."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from scenarios.demo.company import Company

FloatArray = npt.NDArray[np.float64]

_STORE_COVER_DAYS = 4.0
_DC_COVER_DAYS = 3.0


@dataclass(frozen=True)
class Supplier:
    """Terms of one supplier; order days count from Monday 0."""

    name: str
    order_days: tuple[int, ...]
    lead_days: int
    late_share: float
    minimum_value: float
    trucks: bool = False


SUPPLIERS = (
    Supplier("Northern Foods", (0, 3), 3, 0.1, 250.0, trucks=True),
    Supplier("Green Valley", (0, 1, 2, 3, 4, 5), 1, 0.05, 0.0),
    Supplier("Harbour Trading", (1,), 6, 0.2, 400.0),
    Supplier("Household Union", (2, 4), 4, 0.15, 300.0),
)
_SUPPLIER_OF = {"drinks": 0, "dairy": 0, "produce": 1, "household": 3, "sweets": 2}


@dataclass(frozen=True)
class SupplierOrder:
    """One order line to the dc; days count from the first day of history."""

    item: int
    supplier: int
    ordered: int
    promised: int
    received: int
    quantity: float


@dataclass
class History:
    """What the books show at the end of the history; store-item arrays follow `Company.pairs`.

    sold, in_stock: units and share of the day in stock, shape (pairs, days)
    store_stock, dc_stock: units at the end, shapes (pairs,) and (items,)
    dc_on_order: units ordered and not received, shape (items,)
    orders: supplier orders to the dc, received or not; moves: pair and quantity of transfers still under way
    """

    sold: FloatArray
    in_stock: FloatArray
    store_stock: FloatArray
    dc_stock: FloatArray
    dc_on_order: FloatArray
    orders: list["SupplierOrder"] = field(default_factory=list)
    moves: list[tuple[int, float]] = field(default_factory=list)


def supplier_numbers(items: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return the number of each item's supplier."""
    return np.array([_SUPPLIER_OF[name] for name in items["category"]], np.int64)


def packs(items: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
    """Return pack sizes in units at the dc (from suppliers) and at the stores (from the dc), by item."""
    fast = items["base_rate"].to_numpy() > 3
    weighed = items["unit_step"].to_numpy() < 1
    return np.where(weighed, 5.0, np.where(fast, 12.0, 6.0)), np.where(weighed, 1.0, np.where(fast, 6.0, 1.0))


def live(company: Company, seed: int) -> History:
    """Return the company's past under the levels it used to keep; the same company and seed give the same past."""
    rng = np.random.default_rng([seed, 1])
    items, days = company.items, company.size.days
    stores = len(company.pairs) // len(items)
    item_of = np.repeat(np.arange(len(items)), stores)
    dc_pack, store_pack = packs(items)
    usual = company.mean[:, :days].mean(axis=1)
    usual_item = np.bincount(item_of, usual, len(items)).astype(np.float64)
    level = np.maximum(usual * _STORE_COVER_DAYS, store_pack[item_of])
    shape = (len(item_of), days)
    store_stock = np.ceil(level / store_pack[item_of]) * store_pack[item_of]
    dc_stock = np.ceil(usual_item * 14 / dc_pack) * dc_pack
    state = History(np.zeros(shape), np.ones(shape), store_stock, dc_stock, np.zeros(len(items)))
    under_way = np.zeros(len(item_of))
    for day in range(days):
        _receive(company, state, day)
        state.store_stock += under_way
        under_way = _send(company, state, day, level, store_pack[item_of])
        _order(company, state, day, usual_item, rng)
        wanted = company.demand[:, day]
        sold = np.minimum(wanted, state.store_stock)
        short = wanted > state.store_stock + 1e-9
        share = np.clip(sold / np.maximum(wanted, 1e-9) * rng.uniform(0.8, 1.1, len(wanted)), 0, 0.95)
        state.in_stock[:, day] = np.where(short, np.round(share, 2), 1.0)
        state.sold[:, day] = np.round(sold, 3)
        state.store_stock = np.round(state.store_stock - sold, 3)
    state.moves = [(n, float(quantity)) for n, quantity in enumerate(under_way) if quantity > 0]
    return state


def _send(company: Company, state: History, day: int, level: FloatArray, pack: FloatArray) -> FloatArray:
    """Return what leaves the dc for each store today, first come first served where it is short."""
    stores = len(company.pairs) // len(company.items)
    wanted = np.floor(np.maximum(level * 1.5 - state.store_stock, 0) / pack) * pack
    wanted = np.where(state.store_stock < level, wanted, 0).reshape(len(company.items), stores)
    before = np.cumsum(wanted, axis=1) - wanted
    free = np.maximum(state.dc_stock[:, None] - before, 0)
    step = pack.reshape(wanted.shape)
    sent = np.minimum(wanted, np.floor(free / step) * step)
    state.dc_stock = np.round(state.dc_stock - sent.sum(axis=1), 3)
    return np.asarray(sent.ravel())


def _order(company: Company, state: History, day: int, usual: FloatArray, rng: np.random.Generator) -> None:
    items, pack = company.items, packs(company.items)[0]
    number = supplier_numbers(items)
    for n, supplier in enumerate(SUPPLIERS):
        if day % 7 not in supplier.order_days:
            continue
        gap = 7 / len(supplier.order_days)
        target = usual * (supplier.lead_days + gap + _DC_COVER_DAYS)
        quantity = np.ceil(np.maximum(target - state.dc_stock - state.dc_on_order, 0) / pack) * pack
        chosen = np.flatnonzero((number == n) & (quantity > 0))
        if not len(chosen) or (quantity * items["unit_cost"].to_numpy())[chosen].sum() < supplier.minimum_value:
            continue
        late = int(rng.integers(1, 4)) if rng.random() < supplier.late_share else 0
        for item in chosen:
            promised = day + supplier.lead_days
            state.orders.append(SupplierOrder(int(item), n, day, promised, promised + late, float(quantity[item])))
        state.dc_on_order[chosen] += quantity[chosen]


def _receive(company: Company, state: History, day: int) -> None:
    for row in state.orders:
        if row.received == day:
            state.dc_stock[row.item] += row.quantity
            state.dc_on_order[row.item] -= row.quantity
