"""The stops of the plan date: transfers that leave today and deliveries due, where they lie, what they need."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time

import numpy as np
import numpy.typing as npt
import pandas as pd

from scenarios.world import World, rows_of

FloatArray = npt.NDArray[np.float64]
_COLUMNS = [
    "stop_id", "kind", "depot_id", "place_id", "lat", "lon", "load_kg", "load_l", "service_minutes", "setup_minutes",
    "unserved_cost", "skills", "temperature_class", "priority",
]  # fmt: skip
# Minutes to unload a transfer at a store, where no table says.
UNLOAD_MINUTES = 10.0


@dataclass(frozen=True)
class StopsOfTheDay:
    """What must be brought today.

    stops: one row a stop, columns as in `_COLUMNS`, loads in kg and litres, unserved_cost in major units, NaN for none
    windows: pairs of seconds since midnight for each stop, in the order of the stops; empty: any time
    lines: line_id and stop_id of each transfer, so that what is not carried can be told
    assumed: what had to be assumed, in words; lost: deliveries without a place, by id
    """

    stops: pd.DataFrame
    windows: list[list[tuple[int, int]]]
    lines: pd.DataFrame
    assumed: tuple[str, ...]
    lost: tuple[str, ...]


def stops_of_the_day(
    world: World, transfers: pd.DataFrame, held: frozenset[str], most: tuple[float, float]
) -> StopsOfTheDay:
    """Return the stops of the plan date.

    transfers: as the table; those with ship_on = plan date are taken, with open orders approved for today from a dc
    held: customer orders that are not shipped; most: the largest vehicle's kg and litres, by which transfers are split
    """
    moved, lines, assumed = _transfer_stops(world, transfers, most)
    brought, windows, lost = _delivery_stops(world, held)
    stops = pd.concat([moved, brought], ignore_index=True)[_COLUMNS]
    return StopsOfTheDay(stops, [[] for _ in range(len(moved))] + windows, lines, tuple(assumed), lost)


def _transfer_stops(
    world: World, transfers: pd.DataFrame, most: tuple[float, float]
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    columns = ["line_id", "item_id", "from_location", "to_location", "quantity"]
    today = transfers[transfers["ship_on"] == world.plan_date][columns]
    loads = pd.concat([today, _approved(world)[columns]], ignore_index=True)
    items = world.frame("items").set_index("item_id")
    unknown = int(items["volume_l"].reindex(loads["item_id"]).isna().sum())
    loads["load_l"] = loads["quantity"] * items["volume_l"].reindex(loads["item_id"]).fillna(1.0).to_numpy(float)
    loads["load_kg"] = loads["quantity"] * items["weight_kg"].reindex(loads["item_id"]).fillna(1.0).to_numpy(float)
    loads["part"] = _parts(loads, most)
    places = world.frame("locations").set_index("location_id")
    rows = []
    for (depot, place, part), group in loads.groupby(["from_location", "to_location", "part"], sort=True):
        stop = f"{depot}>{place}" + (f"#{int(str(part)) + 1}" if part else "")
        loads.loc[group.index, "stop_id"] = stop
        lat, lon = (places[name].get(place) for name in ("lat", "lon"))
        load = [group["load_kg"].sum(), group["load_l"].sum()]
        rows.append([stop, "transfer", depot, place, lat, lon, *load, UNLOAD_MINUTES, 0.0, np.nan, None, None, 0])
    words = [f"{unknown} transfer lines have no volume: one litre a unit"] if unknown else []
    kept = loads[["line_id", "stop_id"]] if len(loads) else pd.DataFrame(columns=["line_id", "stop_id"])
    return pd.DataFrame(rows, columns=_COLUMNS), kept, words


def _approved(world: World) -> pd.DataFrame:
    """Return the transfers approved earlier that leave today: open orders of today from a dc, not yet under way."""
    orders, locations = world.frame("open_orders"), world.frame("locations")
    dcs = set(locations.loc[locations["kind"] == "dc", "location_id"])
    chosen = orders[
        orders["source_id"].isin(dcs)
        & (orders["ordered_on"] == world.plan_date)
        & orders["status"].isin(["approved", "confirmed"])
    ]
    names = chosen["order_id"] + "/" + chosen["line"].astype(str)
    return chosen.assign(line_id=names, from_location=chosen["source_id"], to_location=chosen["location_id"])


def _parts(loads: pd.DataFrame, most: tuple[float, float]) -> list[int]:
    """Return for each line which vehicle load of its destination it joins: lines fill one load after the other."""
    filled: dict[tuple[str, str], list[float]] = {}
    parts = [0] * len(loads)
    order = loads.sort_values(["from_location", "to_location", "line_id"], kind="stable").index
    for n in order:
        key = (str(loads.loc[n, "from_location"]), str(loads.loc[n, "to_location"]))
        kg, litres = float(loads.loc[n, "load_kg"]), float(loads.loc[n, "load_l"])
        state = filled.setdefault(key, [0.0, 0.0, 0.0])
        if state[0] and (state[0] + kg > most[0] or state[1] + litres > most[1]):
            state[0], state[1], state[2] = 0.0, 0.0, state[2] + 1
        state[0] += kg
        state[1] += litres
        parts[n] = int(state[2])
    return parts


def _delivery_stops(
    world: World, held: frozenset[str]
) -> tuple[pd.DataFrame, list[list[tuple[int, int]]], tuple[str, ...]]:
    table = world.frame("deliveries")
    due = table[(table["service_date"] == world.plan_date) & (table["state"] != "done") & ~table["order_id"].isin(held)]
    people = world.frame("customers").set_index("customer_id")[["lat", "lon"]]
    for name in ("lat", "lon"):
        own = due["customer_id"].map(people[name]).astype(float)
        due = due.assign(**{name: due[name].astype(float).fillna(own)})
    lost = tuple(due.loc[due["lat"].isna() | due["lon"].isna(), "delivery_id"])
    due = due[due["lat"].notna() & due["lon"].notna()].reset_index(drop=True)
    stops = pd.DataFrame(
        {
            "stop_id": due["delivery_id"],
            "kind": "delivery",
            "depot_id": due["depot_id"],
            "place_id": due["delivery_id"],
            "lat": due["lat"],
            "lon": due["lon"],
            "load_kg": due["weight_kg"].astype(float).fillna(0),
            "load_l": due["volume_l"].astype(float).fillna(0),
            "service_minutes": due["service_minutes"].astype(float).fillna(5),
            "setup_minutes": due["setup_minutes"].astype(float).fillna(0),
            "unserved_cost": due["unserved_cost"].astype(float),
            "skills": due["skills"],
            "temperature_class": due["temperature_class"],
            "priority": due["priority"],
        },
        columns=_COLUMNS,
    )
    opened = dict(_windows(world))
    return stops, [sorted(opened.get(name, [])) for name in stops["stop_id"]], lost


def _windows(world: World) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    midnight = datetime.combine(world.plan_date, time())
    for name, rows in world.frame("delivery_windows").groupby("delivery_id"):
        yield (
            str(name),
            [
                (round((r.window_start - midnight).total_seconds()), round((r.window_end - midnight).total_seconds()))
                for r in rows_of(rows)
            ],
        )
