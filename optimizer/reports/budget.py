"""Budget beside plan: what each budget row allows, what is spent of it, and what is left."""

from datetime import timedelta
from typing import Any

import pandas as pd

from optimizer.reports.material import Material
from optimizer.reports.spending import BOOKED
from scenarios.money import line_amount, to_minor
from scenarios.world import rows_of

COLUMNS = (
    "period_start", "scope", "scope_id", "component", "budget", "ordered_before", "decided", "expected", "left",
)  # fmt: skip
_WEEK = timedelta(days=7)


def budget_against_plan(material: Material) -> pd.DataFrame:
    """Return one row for each row of `budgets`; money in minor units.

    decided: what this plan books in the week of the budget; ordered_before: open orders placed in that week before the
    plan date (purchase budgets only); expected: later lines of the plan in that week; left = budget − ordered_before −
    decided
    """
    costs = _placed(material.frame("costs"), material)
    before = _ordered_before(material)
    rows = [_row(material, row, costs, before) for row in rows_of(material.world.frame("budgets"))]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _placed(costs: pd.DataFrame, material: Material) -> pd.DataFrame:
    """Return costs with the budget's component and the category of their item."""
    part = costs["component"].where(~costs["component"].str.startswith(("route", "transfer"), na=False), "transport")
    return costs.assign(budgeted=part, category=_category(material, costs))


def _category(material: Material, rows: pd.DataFrame) -> "pd.Series[str]":
    return rows["item_id"].map(material.world.frame("items").set_index("item_id")["category"])


def _ordered_before(material: Material) -> pd.DataFrame:
    """Return open orders placed before the plan date as purchases on their day, at their own cost, else the item's."""
    orders = material.world.frame("open_orders")
    orders = orders[orders["ordered_on"].notna()]
    orders = orders[orders["ordered_on"] < material.plan_date]
    usual = material.world.frame("items").set_index("item_id")["unit_cost"]
    cost = orders["unit_cost"].astype(float).fillna(orders["item_id"].map(usual).astype(float)).fillna(0.0)
    pairs = zip(orders["quantity"], cost, strict=True)
    amount = [line_amount(quantity, each, material.currency) for quantity, each in pairs]
    return orders.assign(
        date=orders["ordered_on"], amount=amount, budgeted="purchase", category=_category(material, orders)
    )


def _row(material: Material, budget: Any, costs: pd.DataFrame, before: pd.DataFrame) -> dict[str, Any]:
    mine, earlier = _within(costs, budget), _within(before, budget)
    booked = mine["nature"].isin(BOOKED)
    decided, expected = int(mine.loc[booked, "amount"].sum()), int(mine.loc[~booked, "amount"].sum())
    allowed, spent = to_minor(float(budget.amount), material.currency), int(earlier["amount"].sum())
    keys = {name: getattr(budget, name) for name in ("period_start", "scope", "scope_id", "component")}
    figures = {"budget": allowed, "ordered_before": spent, "decided": decided, "expected": expected}
    return {**keys, **figures, "left": allowed - spent - decided}


def _within(rows: pd.DataFrame, budget: Any) -> pd.DataFrame:
    """Return the rows that a budget is for: its component, week and scope."""
    chosen = (rows["budgeted"] == budget.component) & rows["date"].notna()
    chosen &= rows["date"].map(lambda day: budget.period_start <= day < budget.period_start + _WEEK, na_action="ignore")
    if budget.scope != "all":
        column = {"supplier": "source_id", "location": "location_id", "category": "category"}[budget.scope]
        chosen &= rows[column] == budget.scope_id
    within: pd.DataFrame = rows[chosen]
    return within
