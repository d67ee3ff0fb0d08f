"""All checks of a plan in their order; `verify_plan` is the only door."""

from pathlib import Path

from optimizer.plan.check import (
    Check,
    Violation,
    check_certificate,
    check_explanations,
    check_files,
    check_keys,
    check_plan,
)
from optimizer.plan.check_figures import (
    check_balance,
    check_costs,
    check_demand,
    check_kpis,
    check_opening,
    check_receipts,
)
from optimizer.plan.check_filters import check_excluded, check_holds, check_segments
from optimizer.plan.check_orders import (
    check_dates,
    check_joint_rules,
    check_locks,
    check_names,
    check_prices,
    check_quantities,
)
from optimizer.plan.check_prices import (
    check_markdown_budget,
    check_price_labels,
    check_price_lines,
    check_price_locks,
    check_price_rules,
)
from optimizer.plan.check_routes import check_driving, check_route_costs, check_stops_once

_FORECAST: tuple[Check, ...] = (check_files, check_keys)
_DECISIONS: tuple[Check, ...] = (
    check_names,
    check_quantities,
    check_dates,
    check_locks,
    check_joint_rules,
    check_prices,
    check_balance,
    check_opening,
    check_receipts,
    check_demand,
    check_costs,
    check_kpis,
    check_certificate,
    check_explanations,
)
_WHOLE_DAY: tuple[Check, ...] = (
    check_stops_once,
    check_driving,
    check_route_costs,
    check_excluded,
    check_holds,
    check_segments,
    check_price_lines,
    check_price_rules,
    check_price_locks,
    check_price_labels,
    check_markdown_budget,
)


class FalsePlanError(Exception):
    """A plan broke its own checks and was not published."""


def verify_plan(folder: Path) -> list[Violation]:
    """Return everything that cannot be so in a plan folder, from its files alone; nothing for a true plan.

    Raises FileNotFoundError when the folder is no plan.
    """
    decided = _DECISIONS if (folder / "purchase_orders.csv").exists() else ()
    whole = _WHOLE_DAY if (folder / "routes.csv").exists() else ()
    return check_plan(folder, _FORECAST + decided + whole)
