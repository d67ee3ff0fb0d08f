"""The ranked buy list: what each next pack is worth for its money, where the plan stops, what more money would buy."""

import numpy as np
import pandas as pd

from optimizer.plan.exceptions import ExceptionRow
from optimizer.plan.ids import purchase_line_id
from optimizer.reorder.inputs import Given
from optimizer.reorder.today import Decision
from scenarios.money import shown
from scenarios.world import rows_of

# Money, in major units, of which the list says what it would buy.
_MORE = 1_000


def buy_list(given: Given, decision: Decision) -> pd.DataFrame:
    """Return the table `buy_list`: each step of each purchase line, the dearest saving per money spent first.

    A step leads from one quantity to the next on the lower convex hull of the line's expected cost, so that later steps
    of a line never save more for their money; `chosen` steps lie in the plan, the others wait for money or room.
    """
    lines, steps = given.terms.lines, decision.outcome.required().steps
    spend = given.tied[0].spend[steps.line] * (steps.end - steps.begin)
    mine = np.flatnonzero((spend > 0) & np.isnan(given.fixed[steps.line]))
    line, unit = steps.line[mine], lines["unit_step"].to_numpy(float)[steps.line[mine]]
    table = lines[["item_id", "location_id", "source_id"]].iloc[line].reset_index(drop=True)
    table["from_quantity"] = np.round(steps.begin[mine] * unit, 6)
    table["to_quantity"] = np.round(steps.end[mine] * unit, 6)
    table["spend"] = np.rint(spend[mine]).astype(np.int64)
    table["saving"] = np.rint(steps.saving[mine]).astype(np.int64)
    table["saving_per_money"] = np.round(steps.saving[mine] / spend[mine], 6)
    table["chosen"] = steps.end[mine] <= decision.steps[line, 0]
    table["line_id"] = [
        purchase_line_id(row.item_id, row.location_id, row.source_id, given.world.plan_date) for row in rows_of(table)
    ]
    order = ["saving_per_money", "item_id", "location_id", "from_quantity"]
    table = table.sort_values(order, ascending=[False, True, True, True], kind="stable").reset_index(drop=True)
    table["spent"] = table["spend"].where(table["chosen"], 0).cumsum().astype(np.int64)
    return table.assign(rank=np.arange(1, len(table) + 1))


def more_money(given: Given, table: pd.DataFrame) -> list[ExceptionRow]:
    """Return what the next 1,000 would buy, if there is anything worth buying that the plan leaves."""
    left = table[~table["chosen"].astype(bool) & (table["saving"] > 0)]
    bought = left[left["spend"].cumsum() <= _MORE * given.minor]
    if bought.empty:
        return []
    currency, money = given.world.policy.currency, int(bought["spend"].sum())
    saved = int(bought["saving"].sum())
    text = (
        f"the next {_MORE:,} {currency} buy {len(bought)} steps more for {shown(money, currency)} and save"
        f" {shown(saved, currency)} in expectation, where minima, stock and room allow"
    )
    return [ExceptionRow("next money", "buy_list", text, {"steps": len(bought), "spend": money / given.minor}, saved)]
