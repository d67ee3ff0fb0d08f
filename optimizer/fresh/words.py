"""Why units near their last day get a sticker, or none: one sentence a line, and the numbers behind it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from optimizer.fresh.inputs import Fresh
from optimizer.fresh.problem import FREE, FreshPlan
from optimizer.plan.ids import stable_id
from scenarios.money import shown
from scenarios.schema import declared

_EXPLAINED = ["line_id", "text", "numbers", "money"]


def line_id(given: Fresh, n: int) -> str:
    """Return the name of the price line of today."""
    row = given.lines.iloc[n]
    return stable_id("price", row["item_id"], row["location_id"], given.world.plan_date)


def changes(given: Fresh, plan: FreshPlan) -> pd.DataFrame:
    """Return the rows of ``price_changes``: prices of today for units near their last day."""
    rows = []
    for n in np.flatnonzero(plan.rung > 0).tolist():
        row = given.lines.iloc[n]
        chosen = int(plan.rung[n])
        sold, otherwise = (_units(given, plan, n, k)["sold"] for k in (chosen, 0))
        locked = given.problem.fixed[n] != FREE
        rows.append(
            {
                "line_id": line_id(given, n),
                "item_id": row["item_id"],
                "location_id": row["location_id"],
                "kind": "sticker",
                "valid_from": given.world.plan_date,
                "old_price": round(float(row["today"]), 6),
                "new_price": _price(given, n, chosen),
                "expires_by": given.expires_by(n),
                "reason": (
                    "locked by the planner"
                    if locked
                    else f"sells {sold:,.4g} of {_near(given, plan, n):,.4g} that expire by {given.expires_by(n)} today"
                    f" instead of {otherwise:,.4g}"
                ),
            }
        )
    return pd.DataFrame(rows, columns=list(declared()["price_changes"].names))


def explained(given: Fresh, plan: FreshPlan) -> pd.DataFrame:
    """Return rows for ``explanations`` of every line with units near their last day."""
    rows = []
    for n in np.flatnonzero(plan.near_today > 0).tolist():
        ladder = [_units(given, plan, n, k) for k in range(int(np.isfinite(given.problem.price[n]).sum()))]
        chosen = int(plan.rung[n])
        numbers = {
            "near_their_last_day": _near(given, plan, n),
            "expires_by": given.expires_by(n).isoformat(),
            "ladder": [{**entry, "beside": k - chosen} for k, entry in enumerate(ladder)],
            "order_decided_with_it": round(float(plan.order[n] * given.paths.unit_step[n]), 6),
            "recovery_of_a_unit_that_would_expire": _money(given, n, float(plan.recovery[n])),
            "gain_over_never_a_sticker": round(float(plan.value[n] - plan.value_plain[n]) / given.minor, 6),
        }
        rows.append(
            {
                "line_id": line_id(given, n),
                "text": _text(given, plan, n, ladder),
                "numbers": json.dumps(numbers, ensure_ascii=False),
                "money": round(float(plan.rungs_value[n, chosen, 0] - plan.rungs_value[n, 0, 0])),
            }
        )
    return pd.DataFrame(rows, columns=_EXPLAINED)


def _text(given: Fresh, plan: FreshPlan, n: int, ladder: list[dict[str, float]]) -> str:
    row, currency, chosen = given.lines.iloc[n], given.world.policy.currency, int(plan.rung[n])
    units = f"{_near(given, plan, n):,.4g} of {row['item_id']} at {row['location_id']}"
    what = f"{units} must be sold by {given.expires_by(n)}"
    gain = shown(round(float(plan.rungs_value[n, chosen, 0] - plan.rungs_value[n, 0, 0])), currency)
    if chosen:
        by = "; the planner locked it" if given.problem.fixed[n] != FREE else ""
        own = ladder[chosen]
        told = [
            f"{what}: a sticker of {given.priced(own['price'])} instead of {given.priced(ladder[0]['price'])}"
            f" {currency} today{by}.",
            f"It sells {own['sold']:,.1f} of them today ({own['sold_low']:,.0f} to {own['sold_high']:,.0f}) and brings"
            f" {gain} more than none, with what is ordered and what expires later counted.",
        ]
        beside = [
            f"{given.priced(ladder[k]['price'])} {ladder[k]['gain'] - own['gain']:+,.2f}"
            for k in (chosen - 1, chosen + 1)
            if 0 < k < len(ladder)
        ]
        return " ".join([*told, *([f"Beside it: {', '.join(beside)} {currency}."] if beside else [])])
    if given.problem.fixed[n] != FREE:
        return f"{what}: no sticker today, a lock or the rule's least stock or first day says so."
    if len(ladder) == 1:
        return f"{what}: no sticker, its ladder has no price below {given.priced(ladder[0]['price'])} {currency}."
    best = max(ladder[1:], key=lambda entry: entry["gain"])
    loss = shown(round(-best["gain"] * given.minor), currency)
    return f"{what}: no sticker today, {given.priced(best['price'])} {currency} would bring {loss} less."


def _near(given: Fresh, plan: FreshPlan, n: int) -> float:
    return round(float(plan.near_today[n] * given.paths.unit_step[n]), 6)


def _price(given: Fresh, n: int, k: int) -> float:
    return _money(given, n, float(given.problem.price[n, k]))


def _money(given: Fresh, n: int, per_step: float) -> float:
    """Return money per step in minor units as money per unit."""
    return round(per_step / given.minor / float(given.paths.unit_step[n]), 6)


def _units(given: Fresh, plan: FreshPlan, n: int, k: int) -> dict[str, Any]:
    """Return what rung k sells today of the near units, with its band, and its gain over no sticker in money."""
    step = float(given.paths.unit_step[n])
    sold = [round(float(value) * step, 6) for value in plan.rungs_sold[n, k]]
    gain = float(plan.rungs_value[n, k, 0] - plan.rungs_value[n, 0, 0]) / given.minor
    return {
        "price": _price(given, n, k),
        "sold": sold[0],
        "sold_low": sold[1],
        "sold_high": sold[2],
        "gain": round(gain, 6),
    }
