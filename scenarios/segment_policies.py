"""What segments are promised, where neither the pair nor the delivery says otherwise."""

from __future__ import annotations

import numpy as np
import pandas as pd

from scenarios.schema import declared
from scenarios.world import World, from_frame

# Kind of the rows of `segments` that say in which group of a common service level a pair is.
SERVICE = "service"
# Kind of the rows that say in which cluster a place is.
PLACE = "location"
_PROMISED = ["service_level", "shortage_cost"]


def with_segment_policies(world: World, segments: pd.DataFrame) -> World:
    """
    Return the world whose pairs and deliveries carry what `segment_policies` promise, and whose places bear clusters.

    segments: the table ``segments`` of a plan

    A pair without a service level and shortage cost of its own gets those of its segment, else those of its item's; a
    delivery without a priority gets that of its customer's segment. Without an assortment no pair gets any. A place
    without a cluster gets the one found for it.
    """
    world = _with_clusters(world, segments)
    policies = world.frame("segment_policies")
    if policies.empty or segments.empty:
        return world
    policies = policies.set_index("segment")
    for kind in ("pair", "item"):
        world = _with_promises(world, segments, kind, policies[_PROMISED])
    if not world.has("deliveries"):
        return world
    deliveries = world.frame("deliveries")
    segment = deliveries["customer_id"].map(_members(segments, "customer"))
    own = deliveries["priority"].fillna(0).to_numpy(np.int64)
    first = policies["delivery_priority"].astype(float).reindex(segment).to_numpy()
    deliveries["priority"] = np.where((own == 0) & ~np.isnan(first), np.nan_to_num(first), own).astype(np.int64)
    return world.replace(deliveries=from_frame(declared()["deliveries"], deliveries))


def with_levels(world: World, segments: pd.DataFrame, levels: pd.DataFrame) -> World:
    """Return the world whose pairs without a promise of their own have the service level chosen for their group.

    levels: the table ``segment_levels`` of a plan
    """
    if levels.empty or segments.empty:
        return world
    promised = levels.set_index("segment")[["service_level"]].assign(shortage_cost=float("nan"))
    return _with_promises(world, segments, SERVICE, promised)


def _with_clusters(world: World, segments: pd.DataFrame) -> World:
    """Return the world whose places without a cluster of their own have the one found for them."""
    places, found = world.frame("locations"), _members(segments, PLACE)
    missing = places["cluster"].isna() & places["location_id"].isin(found.index)
    if not missing.any():
        return world
    places["cluster"] = places["cluster"].astype(object).where(~missing, places["location_id"].map(found))
    return world.replace(locations=from_frame(declared()["locations"], places))


def _members(segments: pd.DataFrame, kind: str) -> pd.Series:
    return segments[segments["kind"] == kind].set_index("member_id")["segment"]


def _with_promises(world: World, segments: pd.DataFrame, kind: str, promised: pd.DataFrame) -> World:
    """Return the world whose free pairs have what is promised to their segment: service_level, shortage_cost."""
    if not world.has("assortment"):
        return world
    pairs = world.frame("assortment")
    member = pairs["item_id"] if kind == "item" else pairs["item_id"] + "/" + pairs["location_id"]
    mine = promised.reindex(member.map(_members(segments, kind))).set_axis(pairs.index).astype(float)
    free = pairs[_PROMISED].isna().all(axis=1) & mine.notna().any(axis=1)
    pairs[_PROMISED] = pairs[_PROMISED].astype(float).where(~free, mine)
    return world.replace(assortment=from_frame(declared()["assortment"], pairs))
