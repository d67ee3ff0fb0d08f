"""Why a price falls, by how much and what comes next: one sentence a line, and the numbers to recompute it."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.markdown.budgets import in_words
from optimizer.markdown.inputs import Clearance
from optimizer.markdown.neighbours import neighbours, stock_path
from optimizer.markdown.problem import FREE, MarkdownPlan
from optimizer.plan.exceptions import ExceptionRow
from optimizer.plan.ids import stable_id
from scenarios.money import shown

# Less than this of a unit short of a target is rounding.
_WHOLE = 0.1
_COLUMNS = ["line", "line_id", "item_id", "location_id", "valid_from", "old_price", "new_price", "reason", "text",
            "numbers", "money"]  # fmt: skip


def explained_lines(given: Clearance, plan: MarkdownPlan) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a row for each line whose price changes on its path, and one for each whose price stays until the exit.

    The former tell the first change, with words and numbers: ``line`` is the row of the clearance, ``money`` what the
    path brings above today's price, minor units. The latter, rows for ``explanations``, tell why nothing changes.
    """
    beside = neighbours(given.problem, plan.rung)
    stock = stock_path(given.problem, plan.rung)
    changed = np.flatnonzero(plan.rung.any(axis=1))
    rows = [_line(given, plan, int(n), (beside[n], [part[n] for part in stock])) for n in changed]
    stays = [_left_alone(given, plan, int(n), beside[n][:2]) for n in np.flatnonzero(~plan.rung.any(axis=1))]
    return pd.DataFrame(rows, columns=_COLUMNS), pd.DataFrame(stays, columns=["line_id", "text", "numbers", "money"])


def _left_alone(given: Clearance, plan: MarkdownPlan, n: int, beside: list[dict[str, Any]]) -> dict[str, Any]:
    row, currency = given.lines.iloc[n], given.world.policy.currency
    numbers = {**_numbers(given, plan, n, []), "ladder": _shown(given, n, beside)}
    what = f"The price of {row['item_id']} at {row['location_id']} stays at {given.priced(row['today'])} {currency}"
    rules, g = given.problem.rules, given.problem.group[n]
    lost = round(float(plan.free_value[n] - plan.value[n]))
    gain = 0.0 if len(beside) < 2 else beside[1]["value"] - beside[0]["value"]
    if rules.fixed[g] != FREE:
        why = "the planner locked it."
    elif given.problem.rungs[g] == 1:
        tied = _one_price(given, np.flatnonzero(given.problem.group == g))
        why = f"{f'{tied} leaves no common' if tied else 'its ladder has no'} price below it."
    elif rules.most_changes[g] == 0:
        why = "it has had as many changes as its rule allows."
    elif lost > 0:
        why = f"{_ties(given, plan, n)} went first; else a lower price would bring {shown(lost, currency)} more."
    elif gain > 0.5:
        why = "its rules leave no lower price that brings more: steps, dates or bands."
    else:
        price = numbers["ladder"][-1]["price"]
        why = f"{given.priced(price)} until {numbers['exit']} would bring {shown(round(-gain), currency)} less."
    identity = stable_id("price", row["item_id"], row["location_id"], given.world.plan_date)
    return {
        "line_id": identity,
        "text": f"{what}: {why}",
        "numbers": json.dumps(numbers, ensure_ascii=False),
        "money": 0,
    }


def _shown(given: Clearance, n: int, beside: list[dict[str, Any]]) -> list[dict[str, float]]:
    """Return rungs with price and value in money and sales in units."""
    step, minor = given.paths.unit_step[n], given.minor
    result = []
    for entry in beside:
        figures = {"price": given.problem.price[n, entry["rung"]] / minor / step, "beside": entry["beside"]}
        figures |= {name: value * step for name, value in entry.items() if name.startswith("sold")}
        figures |= {name: value / minor for name, value in entry.items() if name.startswith("value")}
        result.append({name: round(float(value), 6) for name, value in figures.items()})
    return result


def path_of(given: Clearance, plan: MarkdownPlan, n: int) -> list[tuple[date, float]]:
    """Return the changes of a line: day and new price, money per unit."""
    prices = given.problem.price[n] / given.minor / given.paths.unit_step[n]
    before, changes = 0, []
    for t, k in enumerate(plan.rung[n]):
        if k != before:
            day = given.world.plan_date + timedelta(days=int(given.clock.starts[t]))
            changes.append((day, round(float(prices[k]), 6)))
        before = int(k)
    return changes


def _line(
    given: Clearance, plan: MarkdownPlan, n: int, told: tuple[list[dict[str, Any]], list[npt.NDArray[np.float64]]]
) -> dict[str, Any]:
    row = given.lines.iloc[n]
    changes = path_of(given, plan, n)
    first, price = changes[0]
    numbers = {
        **_numbers(given, plan, n, changes),
        "ladder": _shown(given, n, told[0]),
        "weeks": _weeks(given, plan, n, told[1]),
    }
    gain = round(float(plan.value[n] - plan.value_today[n]))
    locked = given.problem.rules.fixed[given.problem.group[n]] != FREE and first == given.world.plan_date
    reason = "locked by the planner" if locked else _reason(numbers)
    return {
        "line": n,
        "line_id": stable_id("price", row["item_id"], row["location_id"], first),
        "item_id": row["item_id"],
        "location_id": row["location_id"],
        "valid_from": first,
        "old_price": round(float(row["today"]), 6),
        "new_price": price,
        "reason": reason,
        "text": _text(given, plan, n, (numbers, changes, gain, bool(locked))),
        "numbers": json.dumps(numbers, ensure_ascii=False),
        "money": gain,
    }


def _numbers(given: Clearance, plan: MarkdownPlan, n: int, changes: list[tuple[date, float]]) -> dict[str, Any]:
    """Return the numbers behind a line: units, and money in major units."""
    problem, step, minor = given.problem, given.paths.unit_step[n], given.minor
    response = given.paths.response
    assert response is not None
    there = problem.stock[n] + problem.arrivals[n, : problem.rules.epochs[problem.group[n]]].sum()
    figures = {
        "stock": there * step,
        "price_today": given.lines["today"].iloc[n],
        "regular_price": given.lines["regular"].iloc[n],
        "sold": plan.sold[n] * step,
        "sold_at_todays_price": plan.sold_today[n] * step,
        "left": (there - plan.sold[n]) * step,
        "salvage": problem.salvage[n] / minor / step,
        "value": plan.value[n] / minor,
        "value_at_todays_price": plan.value_today[n] / minor,
        "value_without_joint_rules": plan.free_value[n] / minor,
        "elasticity": response.elasticity[n],
        "elasticity_deviation": response.deviation[n],
        "sell_through_target": problem.target[n] * step,
        "short_of_target": max(problem.target[n] - plan.sold[n], 0.0) * step,
        "label_price": plan.label_price[problem.place[n]].max(initial=0.0) / minor,
        "budget_price": plan.budget_price[problem.paid[:, n]].max(initial=0.0),
    }
    return {
        **{name: round(float(value), 6) for name, value in figures.items()},
        "elasticity_from": str(response.source[n]),
        "item_id": given.lines["item_id"].iloc[n],
        "location_id": given.lines["location_id"].iloc[n],
        "exit": given.lines["until"].iloc[n].isoformat(),
        "changes": [[day.isoformat(), price] for day, price in changes],
        "markdown_by_week": [round(float(value) / minor, 6) for value in plan.spend[n]],
    }


def _weeks(given: Clearance, plan: MarkdownPlan, n: int, stock: list[npt.NDArray[np.float64]]) -> list[dict[str, Any]]:
    """Return the weeks until the exit: first day, price, and units left at the end with the band."""
    prices = given.problem.price[n] / given.minor / given.paths.unit_step[n]
    result = []
    for t in range(int(given.problem.rules.epochs[given.problem.group[n]])):
        day = given.world.plan_date + timedelta(days=int(given.clock.starts[t]))
        figures = zip(("left", "left_low", "left_high"), stock, strict=True)
        row = {name: round(float(part[t]) * given.paths.unit_step[n], 6) for name, part in figures}
        result.append({"from": day.isoformat(), "price": round(float(prices[plan.rung[n, t]]), 6), **row})
    return result


def _reason(numbers: dict[str, Any]) -> str:
    sold, otherwise = numbers["sold"], numbers["sold_at_todays_price"]
    return f"sells {sold:,.0f} of {numbers['stock']:,.0f} by {numbers['exit']} instead of {otherwise:,.0f}"


def _ties(given: Clearance, plan: MarkdownPlan, n: int) -> str:
    """Return which joint rows tie a line to others, in words."""
    problem = given.problem
    mates = np.flatnonzero(problem.group == problem.group[n])
    found = {
        "labels": np.isfinite(problem.labels[problem.place[mates]]).any(),
        "the other pack sizes": np.isin(problem.families, mates).any(),
        _one_price(given, mates): len(mates) > 1,
    }
    priced = {"labels": plan.label_price[problem.place[mates]].any()}
    for b in np.flatnonzero(problem.paid[:, mates].any(axis=1)):
        name = in_words(given.budgets[b])
        found[name], priced[name] = np.isfinite(problem.budget[b]).any(), plan.budget_price[b].any()
    # Rows with a price are the ones that bind; without any it is one of those that stand there.
    names = [name for name, there in found.items() if there and priced.get(name, True)]
    return " and ".join(names or [name for name, there in found.items() if there]) or "joint rules"


def _one_price(given: Clearance, mates: npt.NDArray[np.int64]) -> str:
    """Return what makes lines go down together, in words, nothing for a line alone."""
    if len(mates) < 2:
        return ""
    if len(np.unique(given.problem.place[mates])) == 1:
        return "its price group"
    over = given.lines["one_price_over"].iloc[mates[0]]
    return "its one price over all places" if over == "all" else f"the one price of its {over}"


def _text(
    given: Clearance, plan: MarkdownPlan, n: int, told: tuple[dict[str, Any], list[tuple[date, float]], int, bool]
) -> str:
    numbers, changes, gain, locked = told
    currency, (day, price) = given.world.policy.currency, changes[0]
    when = "today" if day == given.world.plan_date else f"on {day}, not yet today"
    by = "; the planner locked it" if locked else ""
    parts = [
        f"The price falls from {given.priced(numbers['price_today'])} to {given.priced(price)} {currency} {when}{by}.",
        f"Of {numbers['stock']:,.0f} there, {numbers['sold']:,.1f} are expected to sell by {numbers['exit']},"
        f" {numbers['sold_at_todays_price']:,.1f} at today's price; a leftover brings"
        f" {given.priced(numbers['salvage'])}.",
        f"That brings {shown(gain, currency)} more, at an elasticity of {numbers['elasticity']:.1f}"
        f" ± {numbers['elasticity_deviation']:.1f} ({numbers['elasticity_from']}).",
    ]
    if len(numbers["ladder"]) > 1:
        parts.append(_beside(given, numbers))
    if numbers["short_of_target"] > _WHOLE:
        parts.append(
            f"The sell-through target of {numbers['sell_through_target']:,.0f} is missed by"
            f" {numbers['short_of_target']:,.1f}."
        )
    mates = np.flatnonzero(given.problem.group == given.problem.group[n])
    if len(mates) > 1:
        parts.append(f"It has one price with {len(mates) - 1} more lines: {_one_price(given, mates)}.")
    later = ", ".join(f"{given.priced(price)} from {day}" for day, price in changes[1:])
    if later:
        parts.append(f"Planned to follow, decided anew by then: {later}.")
    lost = numbers["value_without_joint_rules"] - numbers["value"]
    if lost > 0.005:
        more = f"{given.priced(lost)} {currency} more"
        parts.append(f"Without {_ties(given, plan, n)}, which tie it to others, it would bring {more}.")
    return " ".join(parts)


def _beside(given: Clearance, numbers: dict[str, Any]) -> str:
    """Return what the decided price and those beside it would sell and earn, held from then on."""
    told = [
        f"{given.priced(entry['price'])} {'' if entry['beside'] else '(decided) '}sells {entry['sold']:,.0f}"
        f" ({entry['sold_low']:,.0f} to {entry['sold_high']:,.0f}) for {given.priced(entry['value'])}"
        for entry in numbers["ladder"]
        if abs(entry["beside"]) <= 1
    ]
    return f"Held until the exit, {', '.join(told)}."


def joint_exceptions(given: Clearance, plan: MarkdownPlan) -> list[ExceptionRow]:
    """Return what labels, budget and pack sizes cost, and how many lines rest on little data."""
    problem, currency = given.problem, given.world.policy.currency
    rows = []
    lost = round(float((plan.free_value - plan.value).sum()))
    if lost > 0:
        tied = int((plan.free_value - plan.value > 0.5).sum())
        text = (
            f"labels, markdown budgets and pack sizes change {tied} price paths and cost {shown(lost, currency)};"
            f" one more label would bring up to {shown(round(float(plan.label_price.max(initial=0.0))), currency)},"
            f" one more of budget up to {float(plan.budget_price.max(initial=0.0)):.2f}"
        )
        rows.append(ExceptionRow("clearance joint rules", "joint", text, {"lines": tied}, lost))
    over = problem.paid.astype(float) @ plan.spend > problem.budget * (1 + 1e-9)
    for b in np.flatnonzero(over.any(axis=1)):
        weeks = ", ".join(str(week) for week in given.clock.weeks[over[b]])
        what = in_words(given.budgets[b])
        text = f"today's prices alone spend more than {what} in the weeks of {weeks}: it cannot be kept"
        rows.append(ExceptionRow(what.removeprefix("the "), "shortfall", text, {"weeks": int(over[b].sum())}))
    rows.extend(_missed_targets(given, plan))
    response = given.paths.response
    assert response is not None
    thin = int(np.isin(response.source, ["mostly the prior", "mostly its category"]).sum())
    if thin:
        text = f"{thin} clearance lines have little price history: their response is that of category or prior"
        rows.append(ExceptionRow("clearance response", "assumed", text, {"lines": thin}))
    return rows


def _missed_targets(given: Clearance, plan: MarkdownPlan) -> list[ExceptionRow]:
    """Return the sell-through targets that must be met and are not, by as much as a tenth of a step."""
    problem = given.problem
    short = problem.target - plan.sold
    missed = np.flatnonzero((given.lines["hardness"] == "hard").to_numpy() & (short > _WHOLE))
    rows = []
    for n in missed:
        row, step = given.lines.iloc[n], given.paths.unit_step[n]
        why = "no price that its ladder, rules, labels and budget leave sells more; give it a lower rung, more changes"
        if problem.rules.fixed[problem.group[n]] != FREE:
            why = "its price is locked; release the lock"
        text = (
            f"{row['item_id']} at {row['location_id']} must sell {problem.target[n] * step:,.0f} by {row['until']} and"
            f" is expected to sell {plan.sold[n] * step:,.1f}: {why} or give it a later exit"
        )
        rows.append(
            ExceptionRow(
                f"sell-through {row['item_id']} {row['location_id']}",
                "shortfall",
                text,
                {"short": float(short[n] * step)},
            )
        )
    return rows
