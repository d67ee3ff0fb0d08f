"""What must be driven: deliveries of the plan date, vehicles, and a town's streets between the places."""

from collections.abc import Mapping
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from scenarios.demo.company import Company
from scenarios.demo.customers import CustomerOrders

_GRID = 16
_EARTH_METRES = 6_371_000.0
# Streets are longer than the straight line between their ends.
_BEND = 1.08
# Goods that do not travel together, by delivery; what has none goes with all.
_APART = ("paint", "food")
# Speed of the wide streets by hour: slow when everybody drives to work and home.
_RUSH = "|".join({7: "0.7", 8: "0.6", 16: "0.7", 17: "0.6"}.get(hour, "1") for hour in range(24))
_WIDE_KMH = 60.0


def streets_and_deliveries(company: Company, orders: CustomerOrders, seed: int) -> Mapping[str, pd.DataFrame]:
    """Return what is driven today, by whom, when, and on which streets, by table."""
    rng = np.random.default_rng([seed, 3])
    deliveries, windows = _deliveries(company, orders, rng)
    nodes, edges = _streets(company, orders.tables["customers"], rng)
    vehicles = _vehicles()
    return {
        "deliveries": deliveries,
        "delivery_windows": windows,
        "vehicles": vehicles,
        "vehicle_breaks": _breaks(),
        "dock_slots": pd.DataFrame(
            {"depot_id": "DC1", "from_time": ["04:00", "10:00"], "to_time": ["10:00", "22:00"], "doors": [2, 1]}
        ),
        "road_nodes": nodes,
        "road_edges": edges,
    }


def _deliveries(
    company: Company, orders: CustomerOrders, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return yesterday's web orders as deliveries of today, the false ones among them, each with a window."""
    lines = orders.tables["transactions"]
    yesterday = (company.plan_date - timedelta(days=1)).isoformat()
    lines = lines[lines["ordered_at"].str.startswith(yesterday) & (lines["units"] > 0)]
    items = company.items.set_index("item_id")
    weight = lines["units"] * lines["item_id"].map(items["weight_kg"])
    volume = lines["units"] * lines["item_id"].map(items["volume_l"])
    loads = lines.assign(weight_kg=weight, volume_l=volume)
    parts = loads.groupby("order_id").agg(
        customer_id=("customer_id", "first"), weight_kg=("weight_kg", "sum"), volume_l=("volume_l", "sum")
    )
    people = orders.tables["customers"].set_index("customer_id")
    deliveries = parts.reset_index().assign(
        delivery_id=lambda d: "D-" + d["order_id"],
        depot_id="DC1",
        service_date=company.plan_date,
        weight_kg=lambda d: d["weight_kg"].round(2),
        volume_l=lambda d: d["volume_l"].round(2),
        service_minutes=6,
        unserved_cost=25.0,
        state="new",
    )
    for name in ("lat", "lon", "name", "address"):
        deliveries[name] = deliveries["customer_id"].map(people[name])
    begin = rng.choice([8, 10, 13, 16], len(deliveries))
    day = company.plan_date.isoformat()
    windows = pd.DataFrame(
        {
            "delivery_id": deliveries["delivery_id"],
            "window_start": [f"{day}T{hour:02d}:00:00" for hour in begin],
            "window_end": [f"{day}T{hour + 3:02d}:00:00" for hour in begin],
        }
    )
    # Every eighth customer is at home in the evening too; one order is of paint, one of food.
    evening = windows[::8].assign(window_start=f"{day}T18:30:00", window_end=f"{day}T20:30:00")
    kinds = dict(zip(deliveries["delivery_id"], _APART, strict=False))
    deliveries["incompatible_group"] = deliveries["delivery_id"].map(kinds)
    return deliveries, pd.concat([windows, evening], ignore_index=True)


def _vehicles() -> pd.DataFrame:
    """Return a truck for the stores and three vans."""
    return pd.DataFrame(
        {
            "vehicle_id": ["Truck 1", "Van 1", "Van 2", "Van 3"],
            "depot_id": "DC1",
            "capacity_kg": [6000, 900, 900, 900],
            "capacity_l": [14000, 3500, 3500, 3500],
            "shift_start": ["05:00", "07:30", "07:30", "12:00"],
            "shift_end": ["14:00", "16:30", "16:30", "21:00"],
            "max_km": [400, 250, 250, 250],
            "reload_minutes": [30, 10, 10, 10],
            "fixed_cost": [95.0, 45.0, 45.0, 45.0],
            "cost_per_km": [0.75, 0.35, 0.35, 0.35],
            "cost_per_hour": [26.0, 22.0, 22.0, 22.0],
            "co2_g_per_km": [650, 210, 210, 0],
            "driver": ["Aino", "Ben", "Chiara", "Deniz"],
        }
    )


def _breaks() -> pd.DataFrame:
    """Return an unpaid lunch for each driver, and the truck's rest by driving time."""
    lunch = {"break": "lunch", "minutes": 30, "paid": False}
    times = {"Truck 1": "09:00", "Van 1": "11:00", "Van 2": "11:30", "Van 3": "16:00"}
    rows = [
        {"vehicle_id": name, **lunch, "earliest": clock, "latest": f"{int(clock[:2]) + 2}{clock[2:]}"}
        for name, clock in times.items()
    ]
    rest = {"vehicle_id": "Truck 1", "break": "rest", "minutes": 45, "after_drive_minutes": 270, "paid": True}
    return pd.DataFrame([*rows, rest]).astype({"after_drive_minutes": "Int64"})


def _streets(company: Company, customers: pd.DataFrame, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a bent grid over the town: each crossing tied to its neighbours, one street in ten one-way."""
    lat = np.concatenate([company.locations["lat"], customers["lat"]])
    lon = np.concatenate([company.locations["lon"], customers["lon"]])
    rows, columns = np.meshgrid(np.arange(_GRID), np.arange(_GRID), indexing="ij")
    jitter = rng.normal(0, 0.15, (2, _GRID, _GRID))
    span_lat, span_lon = np.ptp(lat) / (_GRID - 1), np.ptp(lon) / (_GRID - 1)
    nodes = pd.DataFrame(
        {
            "node_id": [f"N{n:03d}" for n in range(_GRID * _GRID)],
            "lat": np.round(lat.min() + (rows + jitter[0]).ravel() * span_lat, 6),
            "lon": np.round(lon.min() + (columns + jitter[1]).ravel() * span_lon, 6),
        }
    )
    number = np.arange(_GRID * _GRID).reshape(_GRID, _GRID)
    begin = np.concatenate([number[:, :-1].ravel(), number[:-1].ravel()])
    end = np.concatenate([number[:, 1:].ravel(), number[1:].ravel()])
    edges = pd.DataFrame(
        {
            "from_node": nodes["node_id"].to_numpy()[begin],
            "to_node": nodes["node_id"].to_numpy()[end],
            "metres": np.round(metres(nodes, begin, end) * _BEND, 1),
            "oneway": rng.random(len(begin)) < 0.1,
            "kmh": rng.choice([30.0, 40.0, _WIDE_KMH], len(begin)),
        }
    )
    return nodes, edges.assign(hour_factors=edges["kmh"].map({_WIDE_KMH: _RUSH}))


def metres(nodes: pd.DataFrame, begin: npt.NDArray[np.int64], end: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return great-circle distances between nodes (columns lat, lon) given by their numbers."""
    lat, lon = np.radians(nodes["lat"].to_numpy()), np.radians(nodes["lon"].to_numpy())
    half = np.sin((lat[end] - lat[begin]) / 2) ** 2
    half = half + np.cos(lat[begin]) * np.cos(lat[end]) * np.sin((lon[end] - lon[begin]) / 2) ** 2
    return np.asarray(2 * _EARTH_METRES * np.arcsin(np.sqrt(half)))
