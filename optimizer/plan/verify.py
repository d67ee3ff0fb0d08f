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
from optimizer.plan.check_changes import check_changes, check_locks
from optimizer.plan.check_figures import (
    check_balance,
    check_costs,
    check_demand,
    check_kpis,
    check_opening,
    check_receipts,
    check_risk,
)
from optimizer.plan.check_filters import check_excluded, check_holds, check_levels, check_rationed, check_segments
from optimizer.plan.check_fresh import check_stickers
from optimizer.plan.check_orders import (
    check_dates,
    check_joint_rules,
    check_names,
    check_prices,
    check_quantities,
    check_releases,
)
from optimizer.plan.check_price_reasons import check_price_reasons
from optimizer.plan.check_price_ties import (
    check_cannibalisation,
    check_competitor_band,
    check_price_families,
    check_price_groups,
)
from optimizer.plan.check_prices import (
    check_markdown_budget,
    check_price_labels,
    check_price_lines,
    check_price_locks,
    check_price_rules,
)
from optimizer.plan.check_reasons import check_reasons
from optimizer.plan.check_review import check_regular_prices
from optimizer.plan.check_routes import check_driving, check_route_costs, check_stops_once
from optimizer.plan.check_underway import check_underway

# What is checked whenever a table is there; every plan has files and keys.
_CHECKS: dict[str, tuple[Check, ...]] = {
    "": (check_files, check_keys, check_certificate),
    "purchase_orders": (
        check_names,
        check_quantities,
        check_dates,
        check_locks,
        check_releases,
        check_changes,
        check_joint_rules,
        check_prices,
        check_balance,
        check_opening,
        check_receipts,
        check_demand,
        check_costs,
        check_risk,
        check_kpis,
        check_explanations,
        check_reasons,
    ),
    "routes": (check_stops_once, check_driving, check_route_costs, check_underway),
    "excluded_rows": (check_excluded, check_holds, check_rationed, check_segments, check_levels),
    "price_changes": (
        check_price_lines,
        check_price_reasons,
        check_price_rules,
        check_price_locks,
        check_price_labels,
        check_markdown_budget,
        check_price_groups,
        check_cannibalisation,
        check_price_families,
        check_competitor_band,
        check_stickers,
        check_regular_prices,
    ),
}


class FalsePlanError(Exception):
    """A plan broke its own checks and was not published."""


def verify_plan(folder: Path) -> list[Violation]:
    """Return everything that cannot be so in a plan folder, from its files alone; nothing for a true plan.

    Raises FileNotFoundError when the folder is no plan.
    """
    checks = [check for table, some in _CHECKS.items() if not table or _written(folder, table) for check in some]
    return check_plan(folder, tuple(checks))


def _written(folder: Path, table: str) -> bool:
    return any((folder / f"{table}{ending}").exists() for ending in (".csv", ".parquet"))
