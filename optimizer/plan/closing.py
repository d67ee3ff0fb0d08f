"""The suppliers' closing clock: until when today's orders must be out, and what hangs on it."""

import pandas as pd

from optimizer.plan.exceptions import ExceptionRow
from scenarios.money import shown
from scenarios.world import World, rows_of


def closing_times(world: World, orders: pd.DataFrame) -> list[ExceptionRow]:
    """Return for each supplier with a cut-off time on the plan date when it closes, its lines and their money."""
    calendar = world.frame("supplier_calendar")
    today = calendar[(calendar["date"] == world.plan_date) & calendar["cutoff_time"].notna()]
    lines = orders[orders["status"] == "proposed"]
    rows = []
    for row in rows_of(today):
        mine = lines[(lines["source_id"] == row.source_id) & (lines["location_id"] == row.location_id)]
        if mine.empty:
            continue
        money, clock = int(mine["amount"].sum()), str(row.cutoff_time)[:5]
        text = f"{row.source_id} closes {clock}: {len(mine)} lines for {row.location_id}, "
        text += shown(money, world.policy.currency)
        subject = f"closes {row.source_id} {row.location_id}"
        rows.append(ExceptionRow(subject, "closes", text, {"lines": len(mine), "time": clock}, money))
    return rows
