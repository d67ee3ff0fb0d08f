"""What the trucks of today's orders cost: one row an order, recomputed from its lines."""

import math
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from optimizer.plan.costs import finished_costs
from optimizer.plan.ids import order_id
from scenarios.money import to_minor
from scenarios.supplier_terms import supplier_terms
from scenarios.world import World

# The room of a truck, and what of an item fills it.
TRUCK_ROOM = {"truck_l": "volume_l", "truck_kg": "weight_kg"}
_ROUNDING = 1e-6


def truck_orders(world: World, orders: pd.DataFrame) -> Iterator[tuple[Mapping[Hashable, Any], str, list[float]]]:
    """Yield for each joint order of today its supplier, its place ("" over all) and its load in trucks by measure."""
    items = world.frame("items").set_index("item_id")
    today = orders[orders["status"] == "proposed"]
    for supplier in supplier_terms(world).to_dict("records"):
        mine = today[today["source_id"] == supplier["supplier_id"]]
        by_place = supplier["minimum_scope"] == "per_location"
        for place in sorted(set(mine["location_id"])) if by_place else [""]:
            lines = mine[mine["location_id"] == place] if by_place else mine
            loads = []
            for name, measure in TRUCK_ROOM.items():
                if not pd.isna(supplier[name]) and supplier[name] > 0:
                    each = lines["item_id"].map(items[measure]).astype(float).fillna(0.0)
                    loads.append(float((each * lines["quantity"]).sum()) / float(supplier[name]))
            if len(lines) and loads:
                yield supplier, str(place), loads


def trucks_of(loads: list[float]) -> int:
    """Return how many trucks carry the loads."""
    return math.ceil(max(loads) - _ROUNDING)


def truck_costs(world: World, orders: pd.DataFrame) -> pd.DataFrame:
    """Return the cost rows of the trucks of today's orders; `line_id` is the order's, or that of the supplier's day."""
    rows: dict[str, list[Any]] = {name: [] for name in ("line_id", "location_id", "source_id", "amount", "due_on")}
    for supplier, place, loads in truck_orders(world, orders):
        cost = 0.0 if pd.isna(supplier["truck_cost"]) else float(supplier["truck_cost"])
        source = str(supplier["supplier_id"])
        of_order = (orders["source_id"] == source) & (orders["status"] == "proposed")
        rows["line_id"].append(order_id(source, place, world.plan_date))
        rows["location_id"].append(place or None)
        rows["source_id"].append(source)
        rows["amount"].append(to_minor(cost * trucks_of(loads), world.policy.currency))
        rows["due_on"].append(orders.loc[of_order, "due_on"].min())
    table = pd.DataFrame(rows).astype({"amount": np.int64})
    table = table.assign(item_id=None, decision="reorder", component="truck", nature="cash", date=world.plan_date)
    return finished_costs(table.assign(currency=world.policy.currency))
