"""Who supplies the invented company on which terms, what is under way, and what came when."""

import itertools
from collections.abc import Mapping
from datetime import timedelta

import numpy as np
import pandas as pd

from scenarios.demo.company import Company, day_of
from scenarios.demo.history import SUPPLIERS, History, packs, supplier_numbers
from scenarios.periods import WEEKDAYS

_TRUCK_FILL, _MOST_TRUCKS, _TRUCK_COST_PER_LITRE = 0.6, 4, 0.06
_PACKS_IN_A_LAYER, _LAYERS_ON_A_PALLET = 4, 5
# Goods that last longer than so many days have lost some of them when they come.
_AGED_FROM_DAYS, _DAYS_UNDER_WAY = 10, 3
# Every so many items somebody else sells it too: in turn a rival who is cheaper, and one who is dearer and steps in.
_SECOND_SOURCE_EVERY, _RIVAL_COST, _STAND_IN_COST = 5, 0.97, 1.03


def supply(company: Company, history: History) -> Mapping[str, pd.DataFrame]:
    """Return the tables of supply by name."""
    orders, receipts = _supplier_orders(company, history)
    return {
        "sources": _sources(company),
        "suppliers": _suppliers(company),
        "supplier_calendar": _calendar(company),
        "price_breaks": _price_breaks(company),
        "lanes": _lanes(company),
        "open_orders": pd.concat([orders, _moves(company, history)], ignore_index=True),
        "receipts": receipts,
    }


def _sources(company: Company) -> pd.DataFrame:
    dc_pack, store_pack = packs(company.items)
    number = supplier_numbers(company.items)
    from_supplier = pd.DataFrame(
        {
            "item_id": company.items["item_id"],
            "location_id": "DC1",
            "source_id": [SUPPLIERS[n].name for n in number],
            "source_kind": "supplier",
            "lead_time_days": [SUPPLIERS[n].lead_days for n in number],
            "unit_cost": company.items["unit_cost"],
            "moq": dc_pack,
            "pack_size": dc_pack,
            "order_cost": 0.4,
            "layer_size": np.where(number == 0, _PACKS_IN_A_LAYER * dc_pack, np.nan),
            "pallet_size": np.where(number == 0, _LAYERS_ON_A_PALLET * _PACKS_IN_A_LAYER * dc_pack, np.nan),
            "life_on_receipt_days": _life_on_receipt(company),
            "priority": 0,
        }
    )
    by_item = pd.Series(store_pack, index=company.items["item_id"])
    from_dc = company.pairs.assign(source_id="DC1", source_kind="dc", lead_time_days=1, order_cost=0.05, priority=0)
    from_dc["pack_size"] = from_dc["item_id"].map(by_item)
    everyone = pd.concat([from_supplier, _second_sources(company, from_supplier), from_dc], ignore_index=True)
    return everyone.sort_values(["item_id", "location_id"], kind="stable")


def _life_on_receipt(company: Company) -> pd.Series:
    """Return the days of life left when goods come to the dc: those that last longer have been under way."""
    life = company.items["shelf_life_days"].astype("Int64")
    return (life - _DAYS_UNDER_WAY).where(life > _AGED_FROM_DAYS)


def _second_sources(company: Company, first: pd.DataFrame) -> pd.DataFrame:
    """Return who else sells some of the items."""
    chosen = np.arange(0, len(first), _SECOND_SOURCE_EVERY)
    other = (supplier_numbers(company.items)[chosen] + 1) % len(SUPPLIERS)
    steps_in = np.arange(len(chosen)) % 2
    dearer = np.where(steps_in, _STAND_IN_COST, _RIVAL_COST)
    return first.iloc[chosen].assign(
        source_id=[SUPPLIERS[n].name for n in other],
        lead_time_days=[SUPPLIERS[n].lead_days for n in other],
        unit_cost=np.round(first["unit_cost"].to_numpy()[chosen] * dearer, 2),
        layer_size=np.nan,
        pallet_size=np.nan,
        priority=steps_in,
    )


def _lanes(company: Company) -> pd.DataFrame:
    """Return the way between the first two stores, both ways, every day; there is none with one store."""
    stores = company.locations.loc[company.locations["kind"] == "store", "location_id"].to_numpy()
    ways = list(itertools.permutations(stores[:2], 2))
    lanes = pd.DataFrame(ways, columns=["from_location", "to_location"])
    return lanes.assign(lead_time_days=1, cost_per_litre=0.05, fixed_cost=0.5)


def _suppliers(company: Company) -> pd.DataFrame:
    """Return the suppliers; a truck takes a third of what is usually wanted of the supplier's goods in a week."""
    litres = company.items["volume_l"].to_numpy()[company.item_of_pair] * company.usual_week
    by_supplier = np.bincount(supplier_numbers(company.items)[company.item_of_pair], litres, len(SUPPLIERS))
    has_trucks = np.array([s.trucks for s in SUPPLIERS])
    room = np.where(has_trucks, np.ceil(by_supplier / 3), np.nan)
    return pd.DataFrame(
        {
            "supplier_id": [s.name for s in SUPPLIERS],
            "name": [s.name for s in SUPPLIERS],
            "order_days": ["|".join(WEEKDAYS[d] for d in s.order_days) for s in SUPPLIERS],
            "min_order_value": [s.minimum_value or None for s in SUPPLIERS],
            "payment_days": 30,
            "truck_l": room,
            "truck_cost": np.round(room * _TRUCK_COST_PER_LITRE, 2),
            "truck_min_fill": np.where(has_trucks, _TRUCK_FILL, np.nan),
            "max_trucks": pd.array(np.where(has_trucks, _MOST_TRUCKS, np.nan), dtype="Int64"),
        }
    )


def _calendar(company: Company) -> pd.DataFrame:
    """Return until when each supplier takes orders on the days after the history."""
    days = [(company.plan_date + timedelta(days=n)).isoformat() for n in range(14)]
    rows = [(s.name, "DC1", day, f"{10 + n}:00") for n, s in enumerate(SUPPLIERS) for day in days]
    return pd.DataFrame(rows, columns=["source_id", "location_id", "date", "cutoff_time"])


def _price_breaks(company: Company) -> pd.DataFrame:
    """Return a cheaper price from six packs on for every fourth item, for all units or only those above in turn."""
    chosen = np.arange(0, len(company.items), 4)
    items, (dc_pack, _) = company.items.iloc[chosen], packs(company.items)
    return pd.DataFrame(
        {
            "supplier_id": [SUPPLIERS[n].name for n in np.asarray(supplier_numbers(company.items))[chosen]],
            "item_id": items["item_id"].to_numpy(),
            "from_quantity": 6 * np.asarray(dc_pack)[chosen],
            "unit_cost": np.round(items["unit_cost"].to_numpy() * 0.96, 2),
            "kind": np.where(np.arange(len(chosen)) % 2, "incremental", "all_units"),
        }
    )


def _supplier_orders(company: Company, history: History) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the orders still open on the plan date, and the receipts of those that came."""
    last = company.size.days
    rows = []
    for n, order in enumerate(history.orders):
        rows.append(
            {
                "order_id": f"O-{order.ordered:04d}-{order.supplier}",
                "line": n + 1,
                "item_id": company.items["item_id"].iloc[order.item],
                "location_id": "DC1",
                "source_id": SUPPLIERS[order.supplier].name,
                "quantity": order.quantity,
                "ordered_on": day_of(order.ordered),
                "due_on": day_of(order.promised),
                "received_on": day_of(order.received),
                "open": order.received >= last,
            }
        )
    names = [
        "order_id",
        "line",
        "item_id",
        "location_id",
        "source_id",
        "quantity",
        "ordered_on",
        "due_on",
        "received_on",
        "open",
    ]
    lines = pd.DataFrame(rows, columns=names)
    is_open = lines["open"].astype(bool)
    cost = company.items.set_index("item_id")["unit_cost"]
    orders = lines[is_open].drop(columns=["received_on", "open"])
    orders = orders.assign(unit_cost=orders["item_id"].map(cost), status="confirmed")
    came = lines[~is_open]
    receipts = pd.DataFrame(
        {
            "receipt_id": "R-" + came["order_id"],
            "line": came["line"],
            "order_id": came["order_id"],
            "item_id": came["item_id"],
            "location_id": came["location_id"],
            "source_id": came["source_id"],
            "ordered_on": came["ordered_on"],
            "promised_on": came["due_on"],
            "received_on": came["received_on"],
            "ordered": came["quantity"],
            "received": came["quantity"],
        }
    )
    return orders, receipts


def _moves(company: Company, history: History) -> pd.DataFrame:
    """Return the transfers that left the dc on the last day and arrive on the plan date."""
    day = company.size.days
    rows = [
        {
            "order_id": f"T-{day - 1:04d}",
            "line": n + 1,
            **company.pairs.iloc[pair].to_dict(),
            "source_id": "DC1",
            "quantity": quantity,
            "ordered_on": day_of(day - 1),
            "due_on": day_of(day),
            "status": "in_transit",
        }
        for n, (pair, quantity) in enumerate(history.moves)
    ]
    return pd.DataFrame(rows)
