"""From tables and demand paths to the arrays of a fresh problem: units near their last day, ladders, orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from forecasting.paths import DemandPaths
from forecasting.price_tables import regular_prices
from forecasting.prices import log_ratio, mapping_keys, response_draws, steps_at
from optimizer.fresh.problem import FREE, Floats, FreshProblem, Integers
from optimizer.markdown.rules import KEYS, ladder_prices, locked_prices, ruled_pairs, step_allowed
from optimizer.reorder.position import Position, position
from optimizer.reorder.terms import terms
from scenarios.money import minor_digits, shown_price
from scenarios.shelf_life import sale_periods
from scenarios.tariff import tariff
from scenarios.world import World, rows_of

# Periods looked ahead beyond two lives of the goods: an order, and what becomes of it.
_BEYOND = 2


@dataclass(frozen=True)
class Fresh:
    """
    A fresh problem and where it comes from.

    lines: pairs with a rule for units near their last day, with ``pair`` (row in the pairs), ``today`` and ``regular``
        price, ``unit_step``
    """

    world: World
    lines: pd.DataFrame
    paths: DemandPaths
    problem: FreshProblem

    @property
    def minor(self) -> int:
        """Minor units in a unit of the currency."""
        return int(10 ** minor_digits(self.world.policy.currency))

    def priced(self, price: float) -> str:
        """Return a price as people read it."""
        return shown_price(price, self.world.policy.currency)

    def expires_by(self, n: int) -> date:
        """Return the last day of sale up to which units of a line may carry a sticker today."""
        return self.world.plan_date + timedelta(days=int(self.lines["days_left"].iloc[n]) - 1)


def fresh_pairs(world: World, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs whose rule marks down units near their last day, with the rule and ``pair``; no dc has one."""
    lines = ruled_pairs(world, pairs)
    dcs = world.frame("locations").query("kind == 'dc'")["location_id"]
    return lines[lines["days_left"].notna() & ~lines["location_id"].isin(dcs)].reset_index(drop=True)


def fresh_problem(world: World, pairs: pd.DataFrame, paths: DemandPaths) -> Fresh | None:
    """Return the fresh problem of the day, None where no pair has a rule for it and a price.

    paths: of `pairs`, in their order, with reference price and response
    """
    assert paths.reference_price is not None and paths.response is not None
    lines = fresh_pairs(world, pairs)
    lines = lines[paths.reference_price[lines["pair"].to_numpy(int), 0] > 0.0].reset_index(drop=True)
    if lines.empty:
        return None
    own = paths.rows(lines["pair"].to_numpy(int))
    assert own.reference_price is not None
    today = own.reference_price[:, 0]
    regular = regular_prices(world, own.item_id, own.location_id, own.dates)[:, 0]
    lines = lines.assign(today=today, regular=np.fmax(regular, today), unit_step=own.unit_step)
    own = own.first(_periods(world, lines, own))
    return Fresh(world, lines, own, _problem(world, lines, own))


def _periods(world: World, lines: pd.DataFrame, paths: DemandPaths) -> int:
    """Return the periods looked ahead: two lives of what keeps no longer than the horizon."""
    life = sale_periods(world, lines[KEYS])
    known = len(paths.dates)
    short = life[life < known]
    return int(min(known, 2 * int(short.max()) + _BEYOND)) if len(short) else known


def _problem(world: World, lines: pd.DataFrame, paths: DemandPaths) -> FreshProblem:
    minor, step = 10 ** minor_digits(world.policy.currency), paths.unit_step
    per_step = minor * step
    periods = len(paths.dates)
    stands = position(world, lines, periods)
    near = np.ceil(lines["days_left"].to_numpy(float) / world.periods.days).astype(np.int64)
    price, fixed = _prices(world, lines, stands, near)
    rates = tariff(world, lines[KEYS], paths.mean().mean(axis=1))
    salvage = lines["salvage_value"].fillna(lines["item_salvage"]).astype(float).fillna(0.0).to_numpy()
    orders = _orders(world, lines, periods)
    cost = np.where(np.isnan(orders["unit_cost"]), rates.unit_cost, orders["unit_cost"])
    places = stands.on_hand.shape[1]
    return FreshProblem(
        demand=_demand(paths, price),
        weight=paths.weights,
        on_hand=np.floor(stands.on_hand / step[:, None] + 1e-9),
        receipts=np.floor(stands.receipts / step[:, None, None] + 1e-9),
        can_order=orders["can_order"].astype(bool),
        lead=orders["lead_periods"].astype(np.int64),
        pack=orders["pack"].astype(np.int64),
        minimum=orders["minimum"].astype(np.int64),
        life=np.minimum(orders["life_periods"] - 1, places - 1).astype(np.int64),
        price=price * per_step[:, None],
        cost=cost * per_step,
        salvage=np.minimum(salvage, cost) * per_step,
        holding=rates.holding * per_step,
        goodwill=np.maximum(rates.shortage - (lines["today"].to_numpy(float) - cost), 0.0) * per_step,
        order_cost=orders["order_cost"] * minor,
        near=near,
        fixed=fixed,
    )


def _prices(world: World, lines: pd.DataFrame, stands: Position, near: Integers) -> tuple[Floats, Integers]:
    """Return the prices a sticker may show, today's first, shape (N, K), and the rung that is settled today, (N,)."""
    digits, locked = minor_digits(world.policy.currency), locked_prices(world)
    ladders = ladder_prices(world, lines, lines["today"], lines["regular"])
    here = stands.on_hand + stands.receipts[:, 0]
    fixed = np.full(len(lines), FREE)
    kept: list[list[float]] = []
    for n, row in enumerate(rows_of(lines)):
        allowed = step_allowed(ladders[n], row.min_step, row.max_step, digits)[0]
        own = [ladders[n][0], *(p for p, fits in zip(ladders[n][1:], allowed[1:], strict=True) if fits)]
        due = float(here[n, : min(near[n], here.shape[1] - 1)].sum())
        early = not pd.isna(row.no_touch_until) and world.plan_date < row.no_touch_until
        lock = locked.get((row.item_id, row.location_id))
        if due <= 0.0 or (not pd.isna(row.min_stock) and due < row.min_stock) or early:
            fixed[n] = 0
        elif lock is not None:
            own = sorted({*own, lock} if lock < own[0] else own, reverse=True)
            fixed[n] = own.index(lock) if lock < own[0] else 0
        kept.append(own)
    price = np.full((len(lines), max(map(len, kept))), np.nan)
    for n, own in enumerate(kept):
        price[n, : len(own)] = own
    return price, fixed


def _orders(world: World, lines: pd.DataFrame, periods: int) -> dict[str, Floats]:
    """Return the terms on which each line can be ordered; a line without a source never is."""
    found = terms(world, lines[KEYS].assign(status="active"), periods)
    at = pd.MultiIndex.from_frame(found.lines[KEYS])
    first = ~at.duplicated()
    row = at[first].get_indexer(pd.MultiIndex.from_frame(lines[KEYS]))
    row = np.where(row >= 0, np.flatnonzero(first)[row], -1) if len(at) else row
    none = {
        "lead_periods": 1.0,
        "pack": 1.0,
        "minimum": 0.0,
        "unit_cost": np.nan,
        "order_cost": 0.0,
        "life_periods": 1.0,
    }
    result = {}
    for name, otherwise in none.items():
        values = np.append(found.lines[name].to_numpy(float), otherwise)
        result[name] = values[row]
    can = np.vstack([found.can_order, np.zeros((1, periods), bool)])
    return {**result, "can_order": can[row].astype(np.float64)}


def _demand(paths: DemandPaths, price: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    """Return the steps wanted at every rung, shape (N, K, S, T); no rung asks more than the planned price."""
    assert paths.reference_price is not None and paths.response is not None
    steps = np.ascontiguousarray(paths.steps, np.int32)
    draws = response_draws(paths.response, steps.shape[1], paths.seed)
    keys = mapping_keys(paths.item_id, paths.location_id, paths.seed)
    result = np.repeat(steps[:, None], price.shape[1], axis=1)
    for k in range(1, price.shape[1]):
        at = np.fmin(price[:, k : k + 1], paths.reference_price)
        result[:, k] = steps_at(steps, log_ratio(at, paths.reference_price), draws, keys)
    return result
