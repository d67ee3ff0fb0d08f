"""Markdown budgets of the company, of places and of categories: rows of the table, and whose markdown they pay."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.plan.exceptions import ExceptionRow
from scenarios.world import World

Floats = npt.NDArray[np.float64]
Budget = tuple[str, str]
_COLUMNS = {"location": "location_id", "category": "category"}


def markdown_budgets(
    world: World, weeks: npt.NDArray[np.datetime64]
) -> tuple[dict[Budget, Floats], list[ExceptionRow]]:
    """
    Return the budget of each week by scope and name, money, infinite in weeks without one; and what is not used.

    Parameters
    ----------
    weeks : array of datetime64[D], shape (T,)
        Mondays.
    """
    table = world.frame("budgets")
    table = table[table["component"] == "markdown"].dropna(subset=["amount"])
    names = table["scope_id"].fillna("").astype(str).mask(table["scope"] == "all", "")
    usable = (table["scope"] == "all") | (table["scope"].isin(list(_COLUMNS)) & (names != ""))
    said, unused = [], int((~usable).sum())
    if unused:
        text = f"{unused} markdown budgets are not used: they are for suppliers, who price no shelf, or name nobody"
        said.append(ExceptionRow("markdown budgets", "skipped", text, {"budgets": unused}))
    number = {day: t for t, day in enumerate(weeks.astype(object))}
    inside = usable & table["period_start"].isin(list(number))
    found: dict[Budget, Floats] = {}
    for (scope, name), rows in table[inside].groupby([table["scope"], names]):
        own = found.setdefault((str(scope), str(name)), np.full(len(weeks), np.inf))
        for day, amount in rows.groupby("period_start")["amount"].sum().items():
            own[number[day]] = float(amount)
    return found, said


def paid_from(lines: pd.DataFrame, budgets: list[Budget]) -> npt.NDArray[np.bool_]:
    """Return which lines each budget pays, shape (budget, line)."""
    paid = np.ones((len(budgets), len(lines)), bool)
    for row, (scope, name) in zip(paid, budgets, strict=True):
        if scope != "all":
            row[:] = (lines[_COLUMNS[scope]].fillna("").astype(str) == name).to_numpy()
    return paid


def in_words(budget: Budget) -> str:
    """Return what a budget is called."""
    scope, name = budget
    return "the markdown budget" + ("" if scope == "all" else f" of {'place' if scope == 'location' else scope} {name}")
