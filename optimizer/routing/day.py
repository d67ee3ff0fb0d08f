"""The day as a routing problem: its stops, vehicles and ways in arrays."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.routing.duty import docks_of
from optimizer.routing.fleet import THOUSANDTHS, Fleet, fleet_of
from optimizer.routing.locks import Locks, drivable
from optimizer.routing.stops import StopsOfTheDay
from optimizer.routing.travel import IntArray, Travel, travel
from scenarios.money import minor_digits
from scenarios.world import World
from solvers.routing.problem import ALONE, TOGETHER, RoutingProblem, Stops, stops_of

FloatArray = npt.NDArray[np.float64]
# Leaving out a stop without a price of its own costs so many trips to it and back, so that it happens only in need.
TRIPS_FOR_A_STOP: Final = 20.0
_SECONDS_PER_MINUTE: Final = 60


@dataclass(frozen=True)
class Day:
    """The stops, vehicles and ways of the day, and the problem they make; stop n of the problem is row n of `found`."""

    world: World
    found: StopsOfTheDay
    fleet: Fleet
    ways: Travel
    problem: RoutingProblem

    @property
    def minor(self) -> int:
        """Minor units of money in a major one."""
        return int(10 ** minor_digits(self.world.policy.currency))


def day_of(world: World, found: StopsOfTheDay, vehicles: pd.DataFrame, locks: Locks) -> Day:
    """Return the routing problem of the day: depots first among the places, then the stops.

    Locks that no vehicle can keep are cut off, and said.
    """
    minor = int(10 ** minor_digits(world.policy.currency))
    fleet = fleet_of(world, vehicles, found.stops, locks)
    until = max(vehicle.shift_end for vehicle in fleet.types)
    where = world.frame("locations").set_index("location_id").reindex(list(fleet.depots))
    here = pd.DataFrame({"names": [(name,) for name in fleet.depots], "lat": where["lat"].to_numpy(float)})
    here["lon"] = where["lon"].to_numpy(float)
    ways = travel(world, pd.concat([here, found.stops[["names", "lat", "lon"]]], ignore_index=True), until)
    problem = RoutingProblem(
        stops=_stop_arrays(found, len(fleet.depots), _prices(found, vehicles, fleet, ways) * minor),
        depot_place=np.arange(len(fleet.depots)),
        vehicle_types=tuple(replace(vehicle, prefix=(), driven=()) for vehicle in fleet.types),
        metres=tuple(ways.metres for _ in fleet.speeds),
        seconds=tuple(_at_speed(ways.seconds, share) for share in fleet.speeds),
        band_starts=ways.band_starts,
        docks=docks_of(world, fleet.depots, until),
    )
    problem, cut = drivable(problem, fleet.types, fleet.vehicle_ids, list(found.stops["stop_id"]))
    return Day(world, found, replace(fleet, words=(*fleet.words, *locks.words, *cut)), ways, problem)


def _at_speed(seconds: IntArray, share: float) -> IntArray:
    return seconds if share == 1.0 else np.ceil(np.round(seconds / share, 6)).astype(np.int64)


def _stop_arrays(found: StopsOfTheDay, depots: int, price: FloatArray) -> Stops:
    """Return the arrays of the stops; loads in grams and millilitres, rounded up; times in seconds since midnight."""
    stops = found.stops
    partner = pd.Index(stops["stop_id"]).get_indexer(stops["partner"].fillna(""))
    picks = (stops["kind"] == "pick-up").to_numpy()
    loads = np.ceil(np.round(stops[["load_kg", "load_l"]].to_numpy(float) * THOUSANDTHS, 6)).astype(np.int64)
    # Both ends of a shipment carry what is picked up, and are left out together, at the price of both.
    drops = ~picks & (partner != ALONE)
    loads[drops] = loads[partner[drops]]
    price = np.where(partner == ALONE, price, (price + price[partner]) / 2)
    windows, groups = found.windows, sorted(set(stops["apart"].dropna()))
    flat = np.array([window for some in windows for window in some], np.int64).reshape(-1, 2)
    return stops_of(
        np.arange(len(stops)) + depots,
        np.where(picks[:, None], 0, loads),
        pickup=np.where(picks[:, None], loads, 0),
        first_window=np.cumsum([0, *(len(some) for some in windows)]).astype(np.int64),
        window_start=flat[:, 0].copy(),
        window_end=flat[:, 1].copy(),
        setup_seconds=_seconds(stops["setup_minutes"]),
        service_seconds=_seconds(stops["service_minutes"]),
        release=np.where((partner == ALONE) & ~picks, stops["release"].to_numpy(np.int64), 0),
        price=price,
        priority=stops["priority"].fillna(0).to_numpy(np.int64),
        partner=partner.astype(np.int64),
        apart=np.array([TOGETHER if name is None else groups.index(name) for name in stops["apart"]], np.int64),
    )


def _seconds(minutes: "pd.Series[float]") -> npt.NDArray[np.int64]:
    return np.asarray(np.rint(minutes.to_numpy(float) * _SECONDS_PER_MINUTE), np.int64)


def _prices(found: StopsOfTheDay, vehicles: pd.DataFrame, fleet: Fleet, ways: Travel) -> FloatArray:
    """Return the price of leaving each stop out in major units: the table's, else many trips by the dearest vehicle.

    A priority above 0 multiplies the assumed price by 1 + priority.
    """
    dearest = vehicles[["fixed_cost", "cost_per_km", "cost_per_hour"]].astype(float).fillna(0).max()
    at = np.arange(len(found.stops)) + len(fleet.depots)
    depot = np.array([fleet.depots.index(name) if name in fleet.depots else 0 for name in found.stops["depot_id"]])
    km = np.maximum(ways.metres[depot, at], 0) / 1000
    slowest = ways.seconds if ways.seconds.ndim == 2 else ways.seconds.max(axis=0)
    hours = np.maximum(slowest[depot, at], 0) / 3600 + found.stops["service_minutes"].to_numpy(float) / 60
    trip = dearest["fixed_cost"] + 2 * (km * dearest["cost_per_km"] + hours * dearest["cost_per_hour"])
    first = 1 + found.stops["priority"].fillna(0).clip(lower=0).to_numpy(float)
    own = found.stops["unserved_cost"].to_numpy(float)
    return np.asarray(np.where(np.isnan(own), np.maximum(trip, 1.0) * TRIPS_FOR_A_STOP * first, own), np.float64)
