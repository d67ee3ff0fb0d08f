"""What the plan costs, by component, as figures with bars."""

from typing import Any

import pandas as pd

from optimizer.reports.charts import bar
from optimizer.reports.markup import Markup
from optimizer.reports.material import Material
from optimizer.reports.tables import Field, note, section, table
from optimizer.reports.wording import counted, money
from scenarios.world import rows_of

BOOKED = ("cash", "accrual")


def by_component(costs: pd.DataFrame) -> pd.DataFrame:
    """Return nature, decision, component, rows and amount (minor units): what is booked first, each largest first."""
    keys = ["nature", "decision", "component"]
    filled = costs.fillna(dict.fromkeys(keys, ""))
    sums = filled.groupby(keys, sort=True)["amount"].agg(["size", "sum"]).reset_index()
    sums = sums.rename(columns={"size": "rows", "sum": "amount"})
    sums["later"] = ~sums["nature"].isin(BOOKED)
    ordered = sums.sort_values(["later", "nature", "amount"], ascending=[True, True, False], kind="stable")
    return ordered.drop(columns="later").reset_index(drop=True)


def spending(material: Material) -> Markup | None:
    """Return the costs by component; None where the folder holds none."""
    if not material.has("costs"):
        return None
    sums = by_component(material.frame("costs"))
    if sums.empty:
        return section("costs", "Cost by component", note("The plan costs nothing."))
    booked = sums["nature"].isin(BOOKED)
    parts = [
        _table(material, sums[booked], "Booked: cash and accrual"),
        _table(material, sums[~booked], "Expected over the horizon, beside the bookings"),
    ]
    return section("costs", "Cost by component", *parts)


def _table(material: Material, sums: pd.DataFrame, title: str) -> Markup | None:
    if sums.empty:
        return None
    most = float(sums["amount"].abs().max())

    def length(row: Any) -> Markup:
        return bar(float(row.amount), most)

    fields = (
        Field("Component", lambda row: str(row.component).replace("_", " ")),
        Field("Nature", lambda row: row.nature),
        Field("Rows", lambda row: f"{row.rows:,}", "n"),
        Field(f"Amount, {material.currency}", lambda row: money(row.amount, material.currency), "n"),
        Field("Beside the largest", length, "bars"),
    )
    total = f"{money(sums['amount'].sum(), material.currency)} {material.currency}"
    rows = counted(int(sums["rows"].sum()), "row")
    return table(f"{title}: {total} in {rows}", fields, rows_of(sums))
