"""What segments are promised, where neither the pair nor the delivery says otherwise."""

from __future__ import annotations

import pandas as pd

from scenarios.schema import declared
from scenarios.world import World, from_frame

_PROMISED = ["service_level", "shortage_cost"]


def with_segment_policies(world: World, segments: pd.DataFrame) -> World:
    """
    Return the world whose assortment and deliveries carry what `segment_policies` promise to their segments.

    segments: the table ``segments`` of a plan

    A pair without a service level and shortage cost of its own gets those of its segment, else those of its item's; a
    delivery without a priority gets that of its customer's segment. Without an assortment no pair gets any.
    """
    policies = world.frame("segment_policies")
    if policies.empty or segments.empty:
        return world
    policies = policies.set_index("segment")
    of = {kind: rows.set_index("member_id")["segment"] for kind, rows in segments.groupby("kind")}
    none = pd.Series(dtype=object)
    tables = {}
    if world.has("assortment"):
        pairs = world.frame("assortment")
        names = pairs["item_id"] + "/" + pairs["location_id"]
        known = [names.map(of.get("pair", none)), pairs["item_id"].map(of.get("item", none))]
        free = pairs[_PROMISED].isna().all(axis=1)
        for segment in known:
            promised = policies[_PROMISED].reindex(segment).set_axis(pairs.index)
            taken = free & promised.notna().any(axis=1)
            pairs[_PROMISED] = pairs[_PROMISED].astype(float).where(~taken, promised.astype(float))
            free &= ~taken
        tables["assortment"] = from_frame(declared()["assortment"], pairs)
    if world.has("deliveries"):
        deliveries = world.frame("deliveries")
        segment = deliveries["customer_id"].map(of.get("customer", none))
        first = policies["delivery_priority"].reindex(segment).set_axis(deliveries.index)
        plain = deliveries["priority"].fillna(0) == 0
        deliveries["priority"] = deliveries["priority"].where(~plain | first.isna(), first)
        tables["deliveries"] = from_frame(declared()["deliveries"], deliveries)
    return world.replace(**tables)
