"""
How many of today's lines change when demand does by a hundredth, with and without a price on changes.

    python -m benchmarks.stability [ITEMS STORES]

The invented company is planned; then its past sales are multiplied by independent factors of 1 ± 1 % for each item and
place, and the same day is planned again after the first plan, once freely and once with a price on each line and unit
changed. Told are the share of today's order and transfer lines that are other than before (by more than nothing), and
the expected cost. Appends to benchmarks/records.csv; nothing gates.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.records import append_record
from optimizer.pipeline import Order, Wanted, carry_out
from scenarios.demo import Size, write_demo
from scenarios.load import load_world
from scenarios.plans import read_plan
from scenarios.schema import declared
from scenarios.world import World, from_frame

NOISE = 0.01
CHANGE_COST = 0.2
_PLACES = {"purchase_orders": "location_id", "transfers": "to_location"}


def noisy(world: World, seed: int) -> World:
    """Return the world with past sales of each item and place times a factor of its own."""
    sales = world.frame("sales")
    keys = pd.MultiIndex.from_frame(sales[["item_id", "location_id"]])
    codes, names = pd.factorize(keys)
    factor = np.random.default_rng(seed).normal(1.0, NOISE, len(names))[codes]
    step = world.frame("items").set_index("item_id")["unit_step"].reindex(sales["item_id"]).to_numpy(float)
    units = np.round(sales["units"].to_numpy(float) * factor / step) * step
    return world.replace(sales=from_frame(declared()["sales"], sales.assign(units=units)))


def lines_of(folder: Path) -> pd.Series:
    """Return the quantity of today's lines by table, item, place and source."""
    parts = []
    for name, place in _PLACES.items():
        frame = read_plan(folder).frame(name)
        today = frame[frame["status"] == "proposed"]
        source = "source_id" if name == "purchase_orders" else "from_location"
        key = [pd.Series(name, index=today.index), today["item_id"], today[place], today[source]]
        parts.append(pd.Series(today["quantity"].to_numpy(float), index=pd.MultiIndex.from_arrays(key)))
    return pd.concat(parts)


def changed(before: pd.Series, after: pd.Series) -> float:
    """Return the share of lines that are not as they were."""
    both = pd.concat([before, after], axis=1, keys=["before", "after"]).fillna(0.0)
    return float(((both["before"] - both["after"]).abs() > 1e-6).mean())


def expected_cost(folder: Path) -> float:
    """Return what holding, shortage and waste are expected to cost."""
    return float(read_plan(folder).frame("kpis").set_index("name")["value"]["expected_cost"])


def main(items: int, stores: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        room = Path(scratch)
        write_demo(room / "company", Size(items, stores, 420))
        world = load_world(room / "company")
        order = Order(Wanted.REORDER, 2, previous="none")
        begin = time.perf_counter()
        carry_out(world, order, room / "before", room, _silent)
        other, again = noisy(world, 7), replace(order, previous=str(room / "before"))
        carry_out(other, again, room / "free", room, _silent)
        priced = other.replace(policy=replace(other.policy, change_cost=CHANGE_COST))
        carry_out(priced, again, room / "priced", room, _silent)
        lines = {name: lines_of(room / name) for name in ("before", "free", "priced")}
        costs = {name: expected_cost(room / name) for name in ("free", "priced")}
    shares = {name: changed(lines["before"], lines[name]) for name in ("free", "priced")}
    print(f"{len(lines['before'])} lines; changed freely {shares['free']:.1%}, priced {shares['priced']:.1%}")
    rise = costs["priced"] / costs["free"] - 1.0
    print(f"expected cost {costs['free']:,.2f} and {costs['priced']:,.2f}: {rise:+.2%}")
    case = f"stability: {items} items, {stores} stores, share of lines changed by 1 % noise"
    append_record(case, time.perf_counter() - begin, objective=shares["priced"], bound=shares["free"])


def _silent(stage: str, done: int, total: int) -> None:
    """Say nothing."""


if __name__ == "__main__":
    sizes = [int(value) for value in sys.argv[1:]]
    main(*(sizes or [60, 4]))
