"""What a plan says of a line, of an item at a place, of an order, a stop or a group: rows of `explanations`."""

import pandas as pd

from optimizer.plan.ids import purchase_line_id, stable_id, transfer_line_id
from optimizer.plan.settled import possible_lines
from scenarios.plans import PlanTables
from scenarios.sourcing import store_lanes
from scenarios.world import World, rows_of


def explained(plan: PlanTables, world: World, subject: str, place: str = "") -> pd.DataFrame:
    """Return the rows of `explanations` on a subject, with `line_id`, `text`, `numbers`; for an item `line` in words.

    subject: a line_id or its first characters, else an item; an order_id, stop_id or "kind member" of a group as the
        table names it
    place: of an item, "" for all its places

    For an item the lines of today are told that order, move and price it, and those that could and do not.
    """
    table = plan.frame("explanations")
    found: pd.DataFrame = table[table["line_id"].str.startswith(subject)]
    if not place and len(found):
        return found.assign(line="")
    routes = plan.frame("routes")
    stops = set(routes.loc[routes["stop_id"] == subject, "line_id"])
    if stops and not place:
        return table[table["line_id"].isin(stops)].assign(line="")
    names = _lines_of(world, subject, place)
    found = table[table["line_id"].isin(names)]
    return found.assign(line=found["line_id"].map(names))


def _lines_of(world: World, item: str, place: str) -> dict[str, str]:
    """Return the lines that an item has today, or could have, by line_id and in words."""
    day, ways = world.plan_date, store_lanes(world)
    names: dict[str, str] = {}
    for one in [place] if place else world.frame("locations")["location_id"].tolist():
        names[stable_id("price", item, one, day)] = f"price of {item} at {one}"
        names[purchase_line_id(item, one, "", day)] = f"order of {item} for {one}"
        for way in rows_of(ways[ways["to_location"] == one]):
            name = transfer_line_id(item, way.from_location, one, day)
            names[name] = f"transfer of {item} from {way.from_location} to {one}"
    for name, line in possible_lines(world).items():
        if line.item_id == item and place in ("", line.location_id):
            word = "order" if line.table == "purchase_orders" else "transfer"
            names[name] = f"{word} of {item} from {line.source_id} to {line.location_id}"
    return names
