"""Key figures: one row per figure, beside the same figure of "order as before"."""

from collections.abc import Mapping

import pandas as pd

from optimizer.plan.costs import finance_total, total_of
from scenarios.money import minor_digits
from scenarios.world import World


def key_figures(world: World, orders: pd.DataFrame, costs: pd.DataFrame, projection: pd.DataFrame) -> dict[str, float]:
    """Return the figures of one plan by name; money in major units."""
    minor = 10 ** minor_digits(world.policy.currency)
    today = orders[orders["status"] == "proposed"]
    demand = float(projection["demand_mean"].sum())
    lost = float(projection["lost_mean"].sum())
    cash = costs["nature"].isin(["cash", "accrual"])
    holding, shortage = total_of(costs, "holding"), total_of(costs, "shortage")
    return {
        "purchase_amount": total_of(costs[cash], "purchase") / minor,
        "order_cost": total_of(costs[cash], "order") / minor,
        "transfer_cost": total_of(costs[cash], "transfer") / minor,
        "route_cost": sum(total_of(costs, f"route_{part}") for part in ("fixed", "distance", "time")) / minor,
        "finance_total": finance_total(costs) / minor,
        "order_lines": float(len(today)),
        "orders": float(today["order_id"].nunique()),
        "units_ordered": float(today["quantity"].sum()),
        "holding_cost": holding / minor,
        "shortage_cost": shortage / minor,
        "waste_cost": total_of(costs, "waste") / minor,
        "expected_cost": (holding + shortage + total_of(costs, "waste")) / minor,
        "demand_units": demand,
        "lost_units": lost,
        "fill_rate": 1.0 - lost / demand if demand > 0 else 1.0,
        "out_of_stock_probability": _mean(projection["out_of_stock_probability"]),
        "expired_units": float(projection["expired_mean"].sum()),
    }


def _mean(values: "pd.Series[float]") -> float:
    return float(values.mean()) if len(values) else 0.0


def kpi_table(world: World, figures: Mapping[str, float], baseline: Mapping[str, float]) -> pd.DataFrame:
    """Return the table `kpis`: figures, their units, and the baseline's figure where it has one."""
    money = f"{world.policy.currency}"
    units = dict.fromkeys(figures, money)
    units |= dict.fromkeys(("order_lines", "orders"), "count")
    units |= dict.fromkeys(("units_ordered", "demand_units", "lost_units", "expired_units"), "units")
    units |= dict.fromkeys(("fill_rate", "out_of_stock_probability"), "share")
    rows = [
        {"name": name, "value": round(value, 6), "unit": units[name], "baseline": _rounded(baseline.get(name))}
        for name, value in figures.items()
    ]
    return pd.DataFrame(rows, columns=["name", "value", "unit", "baseline"])


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
