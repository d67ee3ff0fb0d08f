"""What is there and what is on its way: stock and open orders of the plan date as arrays."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from scenarios.shelf_life import bringing_nothing, sale_periods
from scenarios.sourcing import valid_sources
from scenarios.world import World

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
_KEYS = ["item_id", "location_id"]
# Remaining lives past this many periods count as endless; a longer horizon would see them end.
NO_LIFE = -1


@dataclass(frozen=True)
class Position:
    """Stock before the plan date's first event, and receipts already ordered. N pairs, T periods, A remaining lives.

    on_hand: usable units by remaining life as in `scenarios.flow`, shape (N, A)
    receipts: open orders by the period they can be sold from, and by life, shape (N, T, A); late ones in period 0, and
        none that come expired or with less life than the place accepts
    owed: units backordered, shape (N,)
    expired: units on hand whose last day has passed, shape (N,)
    """

    on_hand: FloatArray
    receipts: FloatArray
    owed: FloatArray
    expired: FloatArray

    @property
    def usable(self) -> FloatArray:
        """Units that can be sold, whatever their life, shape (N,)."""
        return np.asarray(self.on_hand.sum(axis=1))

    @property
    def arrivals(self) -> FloatArray:
        """Units on order by period, whatever their life, shape (N, T)."""
        return np.asarray(self.receipts.sum(axis=2))


def position(world: World, pairs: pd.DataFrame, periods: int) -> Position:
    """Return stock and open orders of `pairs` (columns item_id, location_id) over `periods` from the plan date on."""
    index = pd.MultiIndex.from_frame(pairs[_KEYS])
    stock, orders = world.frame("stock"), world.frame("open_orders")
    orders = orders[(bringing_nothing(world) == "").to_numpy()]
    lives = _lives(world, stock["expires_on"], periods, 0)
    when = np.array([max(world.periods.between(world.plan_date, day), 0) for day in orders["due_on"]], int)
    order_lives = _lives(world, orders["expires_on"], periods, when)
    # Orders that do not say when they expire are as fresh as their source brings them.
    fresh = sale_periods(world, orders)
    order_lives = np.where(orders["expires_on"].isna() & (when + fresh < periods), fresh - 1, order_lives)
    shelf = np.append(sale_periods(world, pairs[_KEYS]), _source_lives(world, index))
    places = 1 + max(
        [0, *shelf[shelf < periods], *(lives[lives != NO_LIFE] + 1), *(order_lives[order_lives != NO_LIFE] + 1)]
    )
    on_hand, expired, owed = np.zeros((len(pairs), places)), np.zeros(len(pairs)), np.zeros(len(pairs))
    at = index.get_indexer(pd.MultiIndex.from_frame(stock[_KEYS]))
    free = np.maximum((stock["on_hand"] - stock["reserved"] - stock["held"]).to_numpy(float), 0.0)
    gone = stock["expires_on"].notna().to_numpy() & (lives < 0) & (lives != NO_LIFE)
    np.add.at(expired, at[(at >= 0) & gone], free[(at >= 0) & gone])
    kept = (at >= 0) & ~gone
    np.add.at(on_hand, (at[kept], np.where(lives == NO_LIFE, places - 1, lives)[kept]), free[kept])
    np.add.at(owed, at[at >= 0], stock["backordered"].to_numpy(float)[at >= 0])
    receipts = np.zeros((len(pairs), periods, places))
    at = index.get_indexer(pd.MultiIndex.from_frame(orders[_KEYS]))
    kept = (at >= 0) & (when < periods)
    life = np.where(order_lives == NO_LIFE, places - 1, np.maximum(order_lives, 0))
    np.add.at(receipts, (at[kept], when[kept], life[kept]), orders["quantity"].to_numpy(float)[kept])
    return Position(on_hand, receipts, owed, expired)


def _source_lives(world: World, index: pd.MultiIndex) -> IntArray:
    """Return the lives of what the sources of some pairs bring, in periods."""
    sources = valid_sources(world)
    told = sources[sources["life_on_receipt_days"].notna()]
    return sale_periods(world, told[pd.MultiIndex.from_frame(told[_KEYS]).isin(index)])


def _lives(world: World, ends: pd.Series, periods: int, since: int | npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return in how many periods after `since` the last day of sale lies.

    NO_LIFE where that is never, or past the horizon; -2 where the last day has passed before the plan date.
    """
    lives = np.full(len(ends), NO_LIFE)
    begins = np.broadcast_to(np.asarray(since), (len(ends),))
    for i, day in enumerate(ends):
        if day is None or pd.isna(day):
            continue
        left = world.periods.between(world.plan_date, day)
        lives[i] = -2 if left < 0 else left - begins[i]
        if left >= periods:
            lives[i] = NO_LIFE
    return lives


def late_orders(world: World) -> pd.DataFrame:
    """Return the open orders due before the plan date."""
    orders = world.frame("open_orders")
    return orders[orders["due_on"] < world.plan_date]
