"""What must go: goods that run out, too much of them in the stores, a ladder of prices, the rules of a clearance."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scenarios.demo.company import Company

# Weeks of usual sales that a store still has of an item that ends.
OVERSTOCK_WEEKS = 9
_SHARES = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
_WEEKS = 6
_LABELS_A_WEEK = 4
# Goods of short life: in the stores so large a share is near its last day, the rest later; days from the plan date on.
FRESH_CATEGORY = "produce"
FRESH_OLDER_SHARE, FRESH_OLDER_DAYS, FRESH_NEWER_DAYS = 0.4, 2, 5
_FRESH_SHARES = (0.8, 0.65, 0.5)


def ends(company: Company) -> npt.NDArray[np.bool_]:
    """Return which items run out: one in twelve."""
    return np.asarray(np.arange(len(company.items)) % 12 == 11)


def clearance(company: Company) -> Mapping[str, pd.DataFrame]:
    """Return the tables price_ladders, markdown_rules and label_capacity."""
    monday = company.plan_date - timedelta(days=company.plan_date.weekday())
    weeks = [monday + timedelta(days=7 * n) for n in range(_WEEKS)]
    stores = company.locations.loc[company.locations["kind"] == "store", "location_id"]
    return {
        "price_ladders": pd.concat([_ladder("clear", _SHARES), _ladder("fresh", _FRESH_SHARES)], ignore_index=True),
        "markdown_rules": pd.DataFrame(
            [
                *_clearance_rules(company),
                {
                    "scope": "category",
                    "scope_id": FRESH_CATEGORY,
                    "ladder_id": "fresh",
                    "days_left": FRESH_OLDER_DAYS,
                    "min_stock": 3,
                },
            ]
        ).astype({"days_left": "Int64", "max_changes": "Int64", "min_days_between": "Int64", "min_stock": "Int64"}),
        "label_capacity": pd.MultiIndex.from_product([stores, weeks], names=["location_id", "week"])
        .to_frame(index=False)
        .assign(labels=_LABELS_A_WEEK),
    }


def _ladder(name: str, shares: tuple[float, ...]) -> pd.DataFrame:
    return pd.DataFrame({"ladder_id": name, "rung": np.arange(1, len(shares) + 1), "share_of_regular": shares})


def _clearance_rules(company: Company) -> list[dict[str, Any]]:
    """Return the rules of the items that run out, all alike."""
    rule = {
        "ladder_id": "clear",
        "min_step": 0.1,
        "max_step": 0.4,
        "max_changes": 2,
        "min_days_between": 7,
        "sell_through": 0.8,
        "min_stock": 3,
        "exit_on": company.plan_date + timedelta(days=7 * _WEEKS - 1),
    }
    items = company.items["item_id"].to_numpy()[ends(company)]
    return [{"scope": "item", "scope_id": item, **rule} for item in items]
