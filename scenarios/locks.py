"""Quantities a planner has locked for the plan date."""

from scenarios.world import World

Lock = tuple[str, str, str]
_TARGETS = ("purchase_orders", "transfers")


def locked_quantities(world: World) -> dict[Lock, float]:
    """Return the locked quantity in units by (table, item_id, location_id) for lines of the plan date.

    A lock holds from `from` to `to`, both included; an open side never ends. Of several the one set last holds.
    """
    locks = world.frame("locks")
    locks = locks[(locks["field"] == "quantity") & locks["target"].isin(_TARGETS)].sort_values(
        "at", na_position="first"
    )
    locked = {}
    for row in locks.to_dict("records"):
        begun = row["from"] is None or row["from"] <= world.plan_date
        going = row["to"] is None or row["to"] >= world.plan_date
        if begun and going and row["item_id"] and row["location_id"]:
            locked[(row["target"], row["item_id"], row["location_id"])] = float(row["value"])
    return locked
