"""What the planner of the invented company has settled: a transfer that is promised, an order set by hand."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from scenarios.demo.clearance import FRESH_CATEGORY, ends
from scenarios.demo.company import Company
from scenarios.demo.history import History, packs

_LOCKED_PACKS, _SET_PACKS = 2, 3
_AUTHOR = "Ada"


def planner(company: Company, history: History) -> Mapping[str, pd.DataFrame]:
    """Return the tables locks and overrides, a line each; no override without fresh goods."""
    dc_pack, store_pack = (np.asarray(pack) for pack in packs(company.items))
    names = company.items["item_id"].to_numpy()
    # The transfer is of what the dc has most packs of, so that it can leave.
    plenty = int(np.argmax(np.where(ends(company), 0.0, history.dc_stock / store_pack)))
    stores = company.locations.loc[company.locations["kind"] == "store", "location_id"]
    lock = {
        "target": "transfers", "item_id": names[plenty], "location_id": stores.iloc[-1], "field": "quantity",
        "value": f"{_LOCKED_PACKS * store_pack[plenty]:g}", "author": _AUTHOR, "reason": "promised to the store",
    }  # fmt: skip
    fresh = np.flatnonzero((company.items["category"] == FRESH_CATEGORY).to_numpy() & ~ends(company))[:1]
    order = [
        {
            "target": "purchase_orders", "item_id": names[n], "location_id": "DC1", "field": "quantity",
            "value": f"{_SET_PACKS * dc_pack[n]:g}", "author": _AUTHOR, "reason": "a fair in town",
        }
        for n in fresh
    ]  # fmt: skip
    return {"locks": pd.DataFrame([lock]), "overrides": pd.DataFrame(order, columns=list(lock))}
