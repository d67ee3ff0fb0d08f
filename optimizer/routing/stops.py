"""The stops of the plan date: transfers that leave today and deliveries due, where they lie, what they need."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, time
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from scenarios.world import World, rows_of

FloatArray = npt.NDArray[np.float64]
# Minutes at the door where no table says: a pallet at a store, a parcel at a customer's.
UNLOAD_MINUTES: Final = 10.0
PARCEL_MINUTES: Final = 5.0
_COLUMNS = [
    "stop_id", "kind", "depot_id", "names", "lat", "lon", "load_kg", "load_l", "service_minutes", "setup_minutes",
    "unserved_cost", "skills", "temperature_class", "priority", "release", "vehicle_id", "partner", "apart", "sequence",
    "state",
]  # fmt: skip
_TEXTS = ["depot_id", "skills", "temperature_class", "vehicle_id", "partner", "apart", "state"]
_LINE_COLUMNS = ["line_id", "item_id", "from_location", "to_location", "quantity"]
Windows = list[tuple[int, int]]


@dataclass(frozen=True)
class StopsOfTheDay:
    """What must be brought today.

    stops: one row a stop; kind is transfer, delivery or pick-up (to the partner, else to the
        depot); loads in kg and litres; names are the ids by which
        travel may know the place; unserved_cost in major units, NaN for none; release in seconds since midnight;
        vehicle_id it is promised to; partner is the stop_id of a shipment's other end; apart is the group of its goods,
        which travel with none of another; None where there is none; sequence is its place in the locked prefix, or NaN
    windows: (start, end) in seconds since midnight of each stop, in the order of the stops; empty: any time
    lines: line_id and stop_id of each transfer, so that what is not carried can be told
    assumed: what had to be assumed, in words
    """

    stops: pd.DataFrame
    windows: list[Windows]
    lines: pd.DataFrame
    assumed: tuple[str, ...]

    def without(self, names: Collection[str]) -> "StopsOfTheDay":
        """Return the stops but for those named."""
        kept = ~self.stops["stop_id"].isin(names).to_numpy()
        windows = [some for some, here in zip(self.windows, kept, strict=True) if here]
        return replace(self, stops=self.stops[kept].reset_index(drop=True), windows=windows)


def stops_of_the_day(
    world: World,
    transfers: pd.DataFrame,
    held: Collection[str],
    most: tuple[float, float],
    driven: Collection[str] = (),
) -> StopsOfTheDay:
    """
    Return the stops of the plan date, by id.

    transfers: as the table; those with ship_on = plan date are brought
    held: customer orders that are not shipped
    most: the largest vehicle's kg and litres, by which transfers to one place are split, line by line
    driven: deliveries that count though they are done: they stand on routes under way

    Transfers approved earlier are open orders from a dc, ordered on the plan date, approved or confirmed. Deliveries
    are those with service_date = plan date that are not done. Loads without figures: 1 kg and 1 litre a unit
    transferred, nothing for a delivery.
    """
    moved, lines, words = _transfer_stops(world, transfers, most)
    brought, windows, assumed = _delivery_stops(world, held, driven)
    stops = pd.concat([part for part in (moved, brought) if len(part)] or [moved], ignore_index=True)[_COLUMNS]
    stops[_TEXTS] = stops[_TEXTS].astype(object).where(stops[_TEXTS].notna(), None)
    return StopsOfTheDay(stops, [[] for _ in range(len(moved))] + windows, lines, (*words, *assumed))


def _transfer_stops(
    world: World, transfers: pd.DataFrame, most: tuple[float, float]
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    today = transfers.loc[transfers["ship_on"] == world.plan_date, _LINE_COLUMNS]
    parts = [part for part in (today, _approved(world)) if len(part)]
    loads = pd.concat(parts or [today], ignore_index=True)
    items = world.frame("items").set_index("item_id").reindex(loads["item_id"])
    unknown = int(items[["weight_kg", "volume_l"]].isna().any(axis=1).sum())
    loads["apart"] = _with_company(loads, items["incompatible_group"])
    for name, column in (("load_kg", "weight_kg"), ("load_l", "volume_l")):
        loads[name] = loads["quantity"].to_numpy(float) * items[column].fillna(1.0).to_numpy(float)
    keys = loads["from_location"] + ">" + loads["to_location"]
    loads["stop_id"] = [
        f"{key}#{part + 1}" if part else key for key, part in zip(keys, _parts(loads, most), strict=True)
    ]
    first = {"from_location": "first", "to_location": "first", "apart": "first", "load_kg": "sum", "load_l": "sum"}
    stops = loads.groupby("stop_id", sort=True).agg(first).reset_index()
    places = world.frame("locations").set_index("location_id")[["lat", "lon"]].reindex(stops["to_location"])
    stops = stops.assign(
        kind="transfer", depot_id=stops["from_location"], names=_each([(name,) for name in stops["to_location"]]),
        lat=places["lat"].to_numpy(float), lon=places["lon"].to_numpy(float), service_minutes=UNLOAD_MINUTES,
        setup_minutes=0.0, unserved_cost=np.nan, skills=None, temperature_class=None, priority=0, release=0,
        vehicle_id=None, partner=None, sequence=np.nan, state="new",
    )  # fmt: skip
    words = [f"{unknown} transfer lines have no weight or volume: 1 kg or litre a unit"] if unknown else []
    return stops[_COLUMNS], loads[["line_id", "stop_id"]], words


def _with_company(loads: pd.DataFrame, groups: "pd.Series[str]") -> "pd.Series[Any]":
    """Return the group of each line's goods; goods that go with all join the first group of their lane."""
    own = pd.Series(groups.to_numpy(object), index=loads.index, dtype=object)
    lanes = [loads["from_location"], loads["to_location"]]
    first = own.dropna().groupby([lane[own.notna()] for lane in lanes]).min().to_dict()
    pairs = zip(own, *lanes, strict=True)
    return pd.Series([first.get((a, b)) if pd.isna(one) else one for one, a, b in pairs], loads.index, object)


def _approved(world: World) -> pd.DataFrame:
    """Return the transfers approved earlier that leave today, as lines."""
    orders, locations = world.frame("open_orders"), world.frame("locations")
    dcs = set(locations.loc[locations["kind"] == "dc", "location_id"])
    today = orders["source_id"].isin(dcs) & (orders["ordered_on"] == world.plan_date)
    chosen = orders[today & orders["status"].isin(["approved", "confirmed"])]
    names = chosen["order_id"] + "/" + chosen["line"].astype(str)
    moved = chosen.rename(columns={"source_id": "from_location", "location_id": "to_location"})
    return moved.assign(line_id=names)[_LINE_COLUMNS]


def _parts(loads: pd.DataFrame, most: tuple[float, float]) -> list[int]:
    """Return which vehicle load of its destination each line joins: lines fill one load after the other.

    Goods that must travel apart are never in one load.
    """
    filled: dict[tuple[str, str], tuple[float, float, int, str]] = {}
    parts = [0] * len(loads)
    ordered = loads.assign(apart=["" if group is None else group for group in loads["apart"]])
    for row in rows_of(ordered.sort_values(["from_location", "to_location", "apart", "line_id"], kind="stable")):
        key = (row.from_location, row.to_location)
        kg, litres, part, group = filled.get(key, (0.0, 0.0, 0, row.apart))
        full = (kg or litres) and (kg + row.load_kg > most[0] or litres + row.load_l > most[1])
        if full or group != row.apart:
            kg, litres, part = 0.0, 0.0, part + 1
        filled[key] = (kg + row.load_kg, litres + row.load_l, part, row.apart)
        parts[row.Index] = part
    return parts


def deliveries_due(world: World, held: Collection[str], driven: Collection[str] = ()) -> pd.DataFrame:
    """Return the deliveries of the plan date that are not done and whose order is not held, with coordinates found.

    Coordinates are the delivery's own, else the customer's, else NaN.
    """
    table = world.frame("deliveries")
    open_still = (table["state"] != "done") | table["delivery_id"].isin(driven)
    wanted = (table["service_date"] == world.plan_date) & open_still & ~table["order_id"].isin(held)
    due = table[wanted].reset_index(drop=True)
    people = world.frame("customers").set_index("customer_id")[["lat", "lon"]].reindex(due["customer_id"])
    own = due[["lat", "lon"]].astype(float)
    for name in ("lat", "lon"):
        # Half a pair of coordinates is none.
        due[name] = np.where(own.notna().all(axis=1), own[name], people[name].to_numpy(float))
    return due


def _delivery_stops(
    world: World, held: Collection[str], driven: Collection[str]
) -> tuple[pd.DataFrame, list[Windows], list[str]]:
    due = deliveries_due(world, held, driven)
    midnight = datetime.combine(world.plan_date, time())
    partner = _partners(due)
    stops = due.assign(
        stop_id=due["delivery_id"],
        kind=np.where(due["pickup_of"].notna(), "pick-up", "delivery"),
        names=_each(list(zip(due["delivery_id"], due["customer_id"].fillna(""), strict=True))),
        load_kg=due["weight_kg"].astype(float).fillna(0.0),
        load_l=due["volume_l"].astype(float).fillna(0.0),
        service_minutes=due["service_minutes"].astype(float).fillna(PARCEL_MINUTES),
        setup_minutes=due["setup_minutes"].astype(float).fillna(0.0),
        unserved_cost=due["unserved_cost"].astype(float),
        release=_release(due["release_at"], midnight),
        partner=partner,
        apart=due["incompatible_group"],
        sequence=due["sequence"].astype(float),
    )
    opened: dict[str, Windows] = {}
    for row in rows_of(world.frame("delivery_windows")):
        opened.setdefault(row.delivery_id, []).append(
            (_since(row.window_start, midnight), _since(row.window_end, midnight))
        )
    return stops[_COLUMNS], [sorted(opened.get(name, [])) for name in stops["stop_id"]], _delivery_words(due)


def _delivery_words(due: pd.DataFrame) -> list[str]:
    silent = int(due["service_minutes"].isna().sum())
    return [f"{silent} deliveries have no service_minutes: {PARCEL_MINUTES:g} each"] if silent else []


def _partners(due: pd.DataFrame) -> "pd.Series[str]":
    """Return the other end of each shipment: a pick-up names its delivery; none where that is not due today too."""
    there = due[due["pickup_of"].isin(due["delivery_id"]) & (due["pickup_of"] != due["delivery_id"])]
    there = there.drop_duplicates("pickup_of")
    drop_of = dict(zip(there["delivery_id"], there["pickup_of"], strict=True))
    # A stop that is named by one pick-up and names another itself makes a chain, which no route follows: first wins.
    both: dict[str, str] = {}
    for pick, drop in sorted(drop_of.items()):
        if pick not in both and drop not in both:
            both |= {pick: drop, drop: pick}
    return due["delivery_id"].map(both)


def _each(names: list[tuple[str, ...]]) -> "pd.Series[Any]":
    """Return tuples as a column: one a row."""
    return pd.Series(names, dtype=object)


def _release(moments: "pd.Series[pd.Timestamp]", midnight: datetime) -> list[int]:
    return [0 if pd.isna(moment) else max(_since(moment, midnight), 0) for moment in moments]


def _since(moment: pd.Timestamp, midnight: datetime) -> int:
    return round((pd.Timestamp(moment) - pd.Timestamp(midnight)).total_seconds())
