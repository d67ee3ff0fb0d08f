"""Why each line of today is what it is, in one sentence and in numbers that can be recomputed."""

import json
from typing import Any

import numpy as np
import pandas as pd

from optimizer.plan.ids import purchase_line_id, transfer_line_id
from optimizer.reorder.decide import BUDGET, CAPACITY, FREE, MINIMUM, ReorderPlan
from optimizer.reorder.inputs import BESIDE, CARRIED, FROZEN, LOCKED, Given, active_lines, shelf_room
from optimizer.reorder.outlook import arrival
from optimizer.reorder.today import Decision
from scenarios.money import shown
from scenarios.plans import shown_number
from scenarios.world import rows_of

# Losses below this many units are not worth a word.
_SHOWN_LOSS = 0.05
_ROUNDING = 1e-9
_STANDS = "stands as in the plan before, whose orders are frozen on this day"


def reasons(given: Given, decision: Decision) -> pd.DataFrame:
    """Return for each line of the plan its line_id, reason (short), text (whole), numbers (JSON) and money at stake."""
    lines = decision.lines
    numbers = line_numbers(given, decision)
    rows = [_reason(given, numbers, row, row.source_id) for row in rows_of(lines.orders)]
    rows += [_reason(given, numbers, row, row.from_location) for row in rows_of(lines.transfers)]
    rows += _not_ordered(given, decision, numbers)
    return pd.DataFrame(rows, columns=["line_id", "reason", "text", "numbers", "money"])


def _reason(given: Given, numbers: pd.DataFrame, row: Any, source: str) -> dict[str, Any]:
    plain = {"line_id": row.line_id, "numbers": "{}", "money": 0}
    if row.status == "planned":
        day = row.order_on if "order_on" in row._fields else row.ship_on
        later = given.world.periods.between(given.world.plan_date, day)
        text = "expected later order: what the reacting policy places on average; not to release today"
        text = text if np.isnan(given.standing[int(row.n), later]) else _STANDS
        return {**plain, "reason": text, "text": text}
    if not np.isnan(given.fixed[int(row.n)]):
        text = _settled(given, int(row.n), row.quantity)
        return {**plain, "reason": text, "text": text}
    mine = {str(name): _plain(value) for name, value in numbers.iloc[int(row.n)].items()}
    return {
        "line_id": row.line_id,
        "reason": _short(mine),
        "text": _text(given, mine, source, row.due_on),
        "numbers": json.dumps(mine, ensure_ascii=False),
        "money": _at_stake(given, mine),
    }


def _settled(given: Given, n: int, quantity: float) -> str:
    """Return why a line was settled before anything was decided."""
    why = LOCKED if given.why is None else given.why[n]
    if why == FROZEN:
        return _STANDS
    if why == CARRIED and quantity == 0:
        return "nothing is moved: no vehicle brings it today"
    if why == BESIDE:
        active = given.terms.lines["source_id"].iloc[int(active_lines(given)[n])]
        less = f"{active} delivers it at less cost"
        return f"{shown_number(quantity)} beside what {active} delivers" if quantity else less
    return f"{why} at {shown_number(quantity)}" + (" by the planner" if why == LOCKED else " by a vehicle")


def _not_ordered(given: Given, decision: Decision, numbers: pd.DataFrame) -> list[dict[str, Any]]:
    """Return why each other line is not ordered today; its line_id is the one it would have."""
    rows, terms, today, room = [], given.terms, given.world.plan_date, shelf_room(given)
    for n, line in enumerate(rows_of(terms.lines)):
        if decision.steps[n, 0] > 0:
            continue
        key = (line.item_id, line.source_id, line.location_id)
        moved = line.source_kind != "supplier"
        name = transfer_line_id(*key, today) if moved else purchase_line_id(key[0], key[2], key[1], today)
        mine = {str(column): _plain(value) for column, value in numbers.iloc[n].items()}
        text = _why_nothing(given, n, mine, line.source_id or "the default source")
        open_today = terms.can_order[n, 0] or line.barred
        if np.isnan(given.fixed[n]) and open_today and (barred := _barred(line, float(room[n]))):
            text = f"nothing is ordered: {barred}"
        what = json.dumps(mine, ensure_ascii=False)
        rows.append({"line_id": name, "reason": text, "text": text, "numbers": what, "money": 0})
    return rows


def _barred(line: Any, room: float) -> str:
    """Return why no quantity of a line may be ordered today, empty where one may; `room` is in steps of the item."""
    least = -(-max(line.minimum, 1) // line.pack) * line.pack
    smallest = f"the least order in whole packs is {shown_number(least * line.unit_step)}"
    if line.barred:
        return str(line.barred)
    if line.maximum == 0:
        return "its source delivers none of it"
    if 0 < line.maximum < least:
        return f"{smallest}, the most is {shown_number(line.maximum * line.unit_step)}"
    if room < least:
        return f"{smallest}, {shown_number(room * line.unit_step)} fit on the shelf"
    return ""


def _why_nothing(given: Given, n: int, numbers: dict[str, Any], source: str) -> str:
    later = np.flatnonzero(given.terms.can_order[n, 1:])
    then = f"the next on {given.world.periods.add(given.world.plan_date, int(later[0]) + 1)}" if later.size else "none"
    if not np.isnan(given.fixed[n]):
        return f"nothing is ordered: {_settled(given, n, 0.0)}"
    if not given.terms.can_order[n, 0]:
        return f"nothing is ordered: {source} takes no order today, {then}"
    left, wanted = numbers["left_on_arrival"], numbers["wanted"]
    stands = f"{left:,.1f} are left when it could arrive, {wanted:,.1f} wanted until the next could"
    if numbers["planned_before"]:
        stands += f"; {_before(given, numbers)}"
    if numbers["binding"]:
        return f"nothing is ordered: the {numbers['binding']} keeps {numbers['free_quantity']:g} away; {stands}"
    more = numbers["cost_one_pack_more"]
    extra = "" if more is None else f"; the least order would cost {more - numbers['cost']:,.4f} more on average"
    return f"nothing is ordered: {stands}{extra}"


def _plain(value: Any) -> Any:
    """Return a figure as JSON takes it: six decimals, None where there is none."""
    if isinstance(value, str):
        return value
    return None if np.isnan(value) else round(float(value), 6)


def line_numbers(given: Given, decision: Decision) -> pd.DataFrame:
    """Return the numbers behind each line, one row a line: quantities in units, money in major units, NaN for none.

    left_on_arrival, lost_before, due, wanted, wanted_high: see `optimizer.reorder.outlook.Arrival`
    position, order_up_to, need, need_in_packs: stock after today's receipts, the policy's level, what is missing, and
        that as whole packs of at least the minimum; free_quantity, quantity: the best without and with shared rules;
        planned_before, change_price: what the plan before meant for today, and what ordering otherwise costs
        binding, binding_price: the rule that changed it, and minor units saved per unit more of a capacity row
    """
    problem, plan = decision.problem, decision.outcome.required()
    step, minor = given.terms.lines["unit_step"].to_numpy(float), given.minor
    awaits = arrival(problem)
    group = problem.joint.supplier
    minimum_price = np.append(plan.minimum_price, 0.0)
    position = problem.on_hand + problem.arrivals[:, 0]
    need = np.maximum(plan.level - position, 0.0)
    packs = np.ceil(np.where(need > 0, np.maximum(need, problem.minimum), 0) / problem.pack - _ROUNDING)
    return pd.DataFrame(
        {
            "left_on_arrival": awaits.left * step,
            "lost_before": awaits.lost * step,
            "due": awaits.due * step,
            "wanted": awaits.wanted * step,
            "wanted_high": awaits.wanted_high * step,
            "cover_periods": awaits.cover,
            "position": position * step,
            "order_up_to": plan.level * step,
            "need": need * step,
            "need_in_packs": packs * problem.pack * step,
            "minimum": problem.minimum * step,
            "pack": problem.pack * step,
            "free_quantity": plan.free_quantity * step,
            "quantity": plan.quantity * step,
            "cost": plan.cost / minor,
            "cost_one_pack_less": plan.cost_less / minor,
            "cost_one_pack_more": plan.cost_more / minor,
            "binding": _binding_names(given, plan),
            "budget_price": np.full(problem.lines, plan.budget_price),
            "supplier_minimum_price": minimum_price[group],
            "planned_before": given.meant[:, 0],
            "change_price": problem.change_prices(plan.quantity) / minor,
            "binding_price": np.append(plan.row_price, 0.0)[plan.binding_row],
        }
    )


def _binding_names(given: Given, plan: ReorderPlan) -> list[str]:
    """Return the rule that keeps each line from its free quantity, in words."""
    rows = given.tied[1]
    pairs = zip(plan.binding.tolist(), plan.binding_row.tolist(), strict=True)
    return [rows[row].name if kind == CAPACITY else kind for kind, row in pairs]


def _short(numbers: dict[str, Any]) -> str:
    wanted, left = round(numbers["wanted"], 1), round(numbers["left_on_arrival"], 1)
    why = {
        BUDGET: "; cut by the budget",
        MINIMUM: "; changed to meet the supplier's minimum",
        FREE: "",
    }.get(numbers["binding"], f"; cut to fit the {numbers['binding']}")
    return f"{shown_number(wanted)} wanted until the next arrival, {shown_number(left)} left by then{why}"


def _text(given: Given, numbers: dict[str, Any], source: str, due_on: Any) -> str:
    word = given.world.period + ("" if round(numbers["cover_periods"]) == 1 else "s")
    least = f" and at least {shown_number(numbers['minimum'])}" if numbers["minimum"] > numbers["pack"] else ""
    left, lost, due = numbers["left_on_arrival"], numbers["lost_before"], numbers["due"]
    without = f" and {lost:,.1f} of the demand until then could not be served" if lost > _SHOWN_LOSS else ""
    besides = f"; {due:,.1f} arrive besides" if due else ""
    parts = [
        f"When it arrives from {source or 'the default source'} on {due_on}, {left:,.1f} are left on average{without}.",
        f"The next order can arrive {numbers['cover_periods']:.0f} {word} later; until then {numbers['wanted']:,.1f}",
        f"are wanted on average, up to {numbers['wanted_high']:,.1f} in nine of ten cases{besides}.",
        f"In packs of {shown_number(numbers['pack'])}{least} the best quantity by itself is"
        f" {shown_number(numbers['free_quantity'])}.",
    ]
    if numbers["binding"]:
        parts.append(f"The {numbers['binding']} makes it {shown_number(numbers['quantity'])}.")
    if numbers["planned_before"] is not None:
        parts.append(f"{_before(given, numbers).capitalize()}.")
    currency, cost = given.world.policy.currency, numbers["cost"]
    for name, words in (("cost_one_pack_less", "One pack less"), ("cost_one_pack_more", "One pack more")):
        if numbers[name] is not None:
            parts.append(f"{words} would cost {numbers[name] - cost:,.4f} {currency} more on average.")
    return " ".join(parts)


def _before(given: Given, numbers: dict[str, Any]) -> str:
    """Return what the plan before said of a line, and what the change costs."""
    said = f"the plan before had {shown_number(numbers['planned_before'])} for today"
    if not numbers["change_price"]:
        return said
    return f"{said}; changing that costs {numbers['change_price']:,.2f} {given.world.policy.currency}"


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
    return f"shared rules (budgets, minima, stock, room) change {changed} lines and cost {money} in expectation"
