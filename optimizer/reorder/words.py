"""Why each line of today is what it is, in one sentence and in numbers that can be recomputed."""

import json
from typing import Any

import numpy as np
import pandas as pd

from optimizer.reorder.decide import BUDGET, MINIMUM, POOL
from optimizer.reorder.inputs import Given
from optimizer.reorder.today import Decision
from scenarios.money import shown
from scenarios.plans import shown_number
from scenarios.world import rows_of


def reasons(given: Given, decision: Decision) -> pd.DataFrame:
    """Return for each line of the plan its line_id, reason (short), text (whole), numbers (JSON) and money at stake."""
    lines = decision.lines
    rows = [_reason(given, decision, row, row.source_id) for row in rows_of(lines.orders)]
    rows += [_reason(given, decision, row, row.from_location) for row in rows_of(lines.transfers)]
    return pd.DataFrame(rows, columns=["line_id", "reason", "text", "numbers", "money"])


def _reason(given: Given, decision: Decision, row: Any, source: str) -> dict[str, Any]:
    n = int(row.n)
    if row.status == "planned":
        text = "expected later order: what the reacting policy places on average, in whole packs; not to release today"
        return {"line_id": row.line_id, "reason": text, "text": text, "numbers": "{}", "money": 0}
    if not np.isnan(given.fixed[n]):
        text = f"locked at {shown_number(row.quantity)} by the planner"
        return {"line_id": row.line_id, "reason": text, "text": text, "numbers": "{}", "money": 0}
    numbers = line_numbers(given, decision, n)
    reason = _short(numbers)
    return {
        "line_id": row.line_id,
        "reason": reason,
        "text": _text(given, numbers, source),
        "numbers": json.dumps(numbers, ensure_ascii=False),
        "money": _at_stake(given, numbers),
    }


def line_numbers(given: Given, decision: Decision, n: int) -> dict[str, Any]:
    """Return the numbers behind line n: quantities in units, money in major units, None where there is none.

    need = level − position; demand is the mean over the periods this order must cover.
    """
    problem, plan = decision.problem, decision.outcome.required()
    step, minor = float(given.terms.lines["unit_step"].iloc[n]), given.minor
    lead = int(problem.lead_periods[n])
    later = np.flatnonzero(problem.can_order[n, 1:])
    cover = lead + (int(later[0]) + 1 if len(later) else 1)
    demand = problem.demand[n, :, :cover].sum(axis=1) @ problem.weight
    position = float(problem.on_hand[n] + problem.arrivals[n, :cover].sum())
    group = int(problem.joint.supplier[n])
    figures = {
        "demand": demand * step,
        "cover_periods": cover,
        "position": position * step,
        "level": float(plan.level[n]) * step,
        "need": max(float(plan.level[n]) - position, 0.0) * step,
        "minimum": float(problem.minimum[n]) * step,
        "pack": float(problem.pack[n]) * step,
        "free_quantity": float(plan.free_quantity[n]) * step,
        "quantity": float(plan.quantity[n]) * step,
        "cost": plan.cost[n] / minor,
        "cost_one_pack_less": plan.cost_less[n] / minor,
        "cost_one_pack_more": plan.cost_more[n] / minor,
        "budget_price": float(plan.budget_price),
        "supplier_minimum_price": float(plan.minimum_price[group]) if group >= 0 else 0.0,
    }
    rounded = {name: None if np.isnan(value) else round(float(value), 6) for name, value in figures.items()}
    return {**rounded, "binding": str(plan.binding[n])}


def _short(numbers: dict[str, Any]) -> str:
    need = f"need {shown_number(round(numbers['need'], 2))}"
    why = {
        BUDGET: "; cut by the budget",
        MINIMUM: "; changed to meet the supplier's minimum",
        POOL: "; the dc is short, shared by value",
    }.get(numbers["binding"], "")
    return f"{need}, pack {shown_number(numbers['pack'])}: {shown_number(numbers['quantity'])}{why}"


def _text(given: Given, numbers: dict[str, Any], source: str) -> str:
    word = "week" if given.world.period == "week" else "day"
    least = f" and at least {shown_number(numbers['minimum'])}" if numbers["minimum"] > numbers["pack"] else ""
    parts = [
        f"Mean demand over the next {numbers['cover_periods']} {word}s is {numbers['demand']:,.1f};",
        f"stock and open orders give {numbers['position']:,.1f}; the policy orders up to {numbers['level']:,.1f},",
        f"so {numbers['need']:,.1f} are needed from {source or 'the default source'}.",
        f"In packs of {shown_number(numbers['pack'])}{least} the best quantity by itself is"
        f" {shown_number(numbers['free_quantity'])}.",
    ]
    if numbers["binding"]:
        parts.append(f"The {numbers['binding']} makes it {shown_number(numbers['quantity'])}.")
    currency, cost = given.world.policy.currency, numbers["cost"]
    for name, words in (("cost_one_pack_less", "One pack less"), ("cost_one_pack_more", "One pack more")):
        if numbers[name] is not None:
            parts.append(f"{words} would cost {numbers[name] - cost:,.2f} {currency} more on average.")
    return " ".join(parts)


def _at_stake(given: Given, numbers: dict[str, Any]) -> int:
    """Return what leaving one pack out would cost, in minor units."""
    less = numbers["cost_one_pack_less"]
    return 0 if less is None else round((less - numbers["cost"]) * given.minor)


def joint_text(given: Given, decision: Decision) -> str:
    """Return what the joint rules cost in one sentence; empty where none binds."""
    plan = decision.outcome.required()
    changed = int((plan.binding != "").sum())
    if not changed:
        return ""
    extra = float((plan.cost - plan.free_cost).sum())
    money = shown(round(extra), given.world.policy.currency)
    return f"budget, supplier minima and dc stock change {changed} lines and cost {money} in expectation"
