"""
What overrides of orders and transfers were worth once their days have passed.

The line as the plan had it and as a person set it meet what was really sold, from the plan date until the next order of
the line would have come; everything else that came to the place in that time comes in both. The difference in holding,
shortage and waste is what the override saved. A dc counts together with the stores it supplies (echelon stock, Clark
and Scarf 1960). Sales cannot show what was not there to be sold, so a saving on an empty shelf is at least the figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.compute as pc

from optimizer.memory import company_of
from optimizer.plan.ledger import Event, Ledger, ledger_in, standing
from optimizer.reorder.position import position
from scenarios.money import to_minor
from scenarios.plans import PlanTables, read_plan, world_of
from scenarios.shelf_life import sale_periods
from scenarios.simulate import Stock, simulate
from scenarios.tariff import tariff
from scenarios.world import World, rows_of

Floats = npt.NDArray[np.float64]
COLUMNS = ("number", "author", "plan", "line", "suggested", "set_to", "until", "saved", "says")
# What people may say of a line; the last word holds.
_WORDS = frozenset({"lock", "override", "release"})
_PLACE = {"purchase_orders": "location_id", "transfers": "to_location"}
_SOURCE = {"purchase_orders": "source_id", "transfers": "from_location"}


@dataclass(frozen=True)
class _Case:
    """One override: the world and plan of its day, the line, and what is known of the days since."""

    then: World
    plan: PlanTables
    event: Event
    line: Any
    places: list[str]
    begin: date
    end: date

    @property
    def source(self) -> str:
        """Who delivers the line."""
        return str(self.line.source_id if self.event.target == "purchase_orders" else self.line.from_location)

    @property
    def periods(self) -> int:
        """Periods from the plan date until the next order of the line would have come."""
        return self.then.periods.between(self.begin, self.end)


def scored_overrides(world: World, plans: Path) -> pd.DataFrame:
    """
    Return what each override of a quantity was worth, one row each, COLUMNS; saved is None where it cannot be told yet.

    world: the company today, with the sales since; plans: folder of the plans and their ledger
    """
    rows, company = [], company_of(world, plans)
    events = [event for event in standing(Ledger(ledger_in(plans)).events()) if event.company == company]
    for event in events:
        if event.action == "override":
            rows.append(_scored(world, plans / event.plan, event) | _replaced(event, events))
    # Plain objects, so that what cannot be told stays None beside whole amounts.
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)


def _replaced(event: Event, events: list[Event]) -> dict[str, Any]:
    """Return what is said of an override that a later word on the same line of its day took the place of."""
    for later in events:
        if later.number > event.number and later.action in _WORDS and _line(later) == _line(event):
            return {"saved": None, "says": f"never came to pass: event {later.number} ({later.action}) took its place"}
    return {}


def _line(event: Event) -> tuple[str, str, str]:
    return event.plan_date.isoformat(), event.line_id, event.field


def _scored(world: World, folder: Path, event: Event) -> dict[str, Any]:
    row = {
        "number": event.number, "author": event.author, "plan": event.plan,
        "line": f"{event.target} {event.item_id} {event.location_id}", "suggested": None, "set_to": float(event.value),
        "until": None, "saved": None,
    }  # fmt: skip
    if event.field != "quantity":
        return row | {"says": "prices are not scored: what would have been wanted at the other price nobody saw"}
    if not (folder / "run.json").is_file():
        return row | {"says": "the plan is gone"}
    case = _case(folder, event)
    if case is None:
        return row | {"says": "the plan has no such line for its day"}
    row |= {"suggested": float(case.line.quantity), "until": case.end}
    if case.end > world.plan_date:
        return row | {"says": f"known once the sales until {case.end} are"}
    if missing := _untold(world, case):
        return row | {"says": missing}
    demand, empty = _wanted(world, case)
    costs = [_cost(case, units, demand) for units in (float(case.line.quantity), float(event.value))]
    saved = to_minor(costs[0] - costs[1], case.then.policy.currency)
    until = f"{case.periods} periods until the next order would come"
    says = f"{until}; {empty} of them sold out at times, so what was lost is at least this" if empty else until
    return row | {"saved": saved, "says": says}


def _case(folder: Path, event: Event) -> _Case | None:
    """Return the override with its day; None where the plan has no such line."""
    plan = read_plan(folder)
    then = world_of(folder, plan)
    lines = plan.frame(event.target)
    lines = lines[(lines["item_id"] == event.item_id) & (lines[_PLACE[event.target]] == event.location_id)]
    mine = lines[lines["line_id"] == event.line_id]
    if mine.empty:
        return None
    line = next(rows_of(mine))
    later = lines.loc[lines["due_on"] > line.due_on, "due_on"]
    last = max(plan.frame("projection")["date"])
    end = min([*later, then.periods.add(last, 1)])
    fed = then.frame("sources")
    fed = fed[(fed["source_id"] == event.location_id) & (fed["item_id"] == event.item_id)]
    places = [event.location_id, *sorted(set(fed["location_id"]) - {event.location_id})]
    return _Case(then, plan, event, line, places, then.plan_date, end)


def _untold(world: World, case: _Case) -> str:
    """Return why the sales of the days cannot tell; "" where they can. No row of sales must not pass for no demand."""
    if case.event.item_id not in set(world.frame("items")["item_id"]):
        return f"the tables know no {case.event.item_id} any more, and under which name it sold they do not say"
    oldest = pc.min(world.table("sales")["date"]).as_py()
    if oldest is None or oldest > case.then.periods.add(case.begin, 1):
        return f"the sales begin on {oldest}, after the day of the override" if oldest else "there are no sales"
    return ""


def _wanted(world: World, case: _Case) -> tuple[Floats, int]:
    """Return what was sold at the places by period, units, and in how many periods some place ran out."""
    sales = world.frame("sales")
    sales = sales[(sales["item_id"] == case.event.item_id) & sales["location_id"].isin(case.places)]
    sales = sales[(sales["date"] >= case.begin) & (sales["date"] < case.end)]
    period = np.array([case.then.periods.between(case.begin, day) for day in sales["date"]], np.int64)
    units = np.zeros(case.periods)
    np.add.at(units, period, np.maximum(sales["units"].to_numpy(float), 0.0))
    short = sales["in_stock_share"].fillna(1.0).to_numpy(float) < 1.0
    return units, len(set(period[short].tolist()))


def _cost(case: _Case, quantity: float, demand: Floats) -> float:
    """Return holding, shortage and waste of the places when the line brings `quantity`, money."""
    item, then = case.event.item_id, case.then
    pairs = pd.DataFrame({"item_id": item, "location_id": case.places})
    held = position(then, pairs, case.periods)
    receipts = held.receipts.sum(axis=0)
    line = pd.DataFrame({"item_id": [item], "location_id": case.places[:1], "source_id": [case.source]})
    life = min(int(sale_periods(then, line)[0]), receipts.shape[1]) - 1
    for due, units in [*_others(case), (case.line.due_on, quantity)]:
        period = then.periods.between(case.begin, due)
        if period < case.periods:
            receipts[max(period, 0), life] += units
    owed = held.owed.sum(keepdims=True) if then.policy.unmet == "backorders" else None
    course = simulate(Stock(held.on_hand.sum(axis=0)[None], receipts[None], owed), demand[None])
    rates = tariff(then, pairs, np.full(len(pairs), float(demand.mean())))
    # The goods of a dc are missed in its stores.
    shortage = float(rates.shortage[1:].mean() if len(case.places) > 1 else rates.shortage[0])
    kept = float(np.maximum(course.closing, 0.0).sum())
    return (
        float(rates.holding[0]) * kept
        + shortage * float(course.short.sum())
        + float(rates.waste[0]) * float(course.expired.sum())
    )


def _others(case: _Case) -> list[tuple[date, float]]:
    """Return when the other lines of the plan bring how much to the places from elsewhere."""
    found = []
    for name, place in _PLACE.items():
        lines = case.plan.frame(name)
        lines = lines[(lines["item_id"] == case.event.item_id) & lines[place].isin(case.places)]
        lines = lines[~lines[_SOURCE[name]].isin(case.places) & (lines["line_id"] != case.event.line_id)]
        found += list(zip(lines["due_on"], lines["quantity"].astype(float), strict=True))
    return found
