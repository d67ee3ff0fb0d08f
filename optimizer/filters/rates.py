"""How often orders of each group of customers are held, and honest ones suspected, with intervals."""

from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from optimizer.filters.screen import SUSPECTED, Judged
from scenarios.schema import declared
from scenarios.world import World

FloatArray = npt.NDArray[np.float64]
STATE, _YEAR = "reviewed_orders", 365
# Normal quantile of a 95 % interval.
_QUANTILE = 1.959964
NO_GROUP = "no group"


def wilson(hits: FloatArray, trials: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the 95 % interval of each share; 0 to 1 where nothing was tried.

    Wilson (1927), Journal of the American Statistical Association 22(158).
    """
    n, z = np.maximum(trials, 1e-12), _QUANTILE
    share = np.where(trials > 0, hits / n, 0.5)
    centre, width = share + z * z / (2 * n), z * np.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    low, high = (centre - width) / (1 + z * z / n), (centre + width) / (1 + z * z / n)
    return np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)


def reviewed_orders(world: World, holds: pd.DataFrame, before: pd.DataFrame | None) -> dict[str, pa.Table]:
    """Return what the next day remembers of the orders held for a review, today or within the year before, if any."""
    today = holds.dropna(subset=["queue"])[["order_id"]].assign(held_on=world.plan_date)
    parts = [part for part in (before, today) if part is not None and len(part)]
    if not parts:
        return {}
    both = pd.concat(parts, ignore_index=True).drop_duplicates("order_id")
    both = both[both["held_on"] >= world.plan_date - timedelta(days=_YEAR)]
    return {STATE: pa.Table.from_pandas(both.sort_values("order_id", kind="stable"), preserve_index=False)}


def hold_rates(
    world: World, lines: pd.DataFrame, judged: Judged, held: frozenset[str], reviewed: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return the table `hold_rates`: up to three rows a group of `customers.group`, in the order of their names.

    held: of the orders with a delivery ahead, how many wait. false hold: of the orders known to be honest, how many
    the score without labels would suspect; it is told without the labels, for with them nobody honest is suspected.
    released: of the orders `reviewed` in plans before, whichever screen served, and known since, how many were honest.
    """
    orders = lines[lines["is_order"]].drop_duplicates("order")[["order_id", "customer_id"]]
    groups = world.frame("customers").dropna(subset=["group"]).drop_duplicates("customer_id")
    group_of = dict(zip(groups["customer_id"], groups["group"], strict=True))
    honest = judged.known[orders.index] == 0.0
    ahead = set(world.frame("deliveries").loc[lambda t: t["state"].isin(["new", "promised"]), "order_id"].dropna())
    group = orders["customer_id"].map(group_of).astype(object).fillna(NO_GROUP)
    known = pd.Series(~np.isnan(judged.known[orders.index]), orders.index)
    decided = known & orders["order_id"].isin([] if reviewed is None else list(reviewed["order_id"]))
    asked = {
        "held": (orders["order_id"].isin(ahead), orders["order_id"].isin(held)),
        "false hold": (honest, judged.bare[orders.index] >= SUSPECTED),
        "released": (decided, honest),
    }
    parts = []
    for name, (counted, hit) in asked.items():
        table = pd.DataFrame({"group": group, "orders": counted, "hits": counted & hit})
        sums = table.groupby("group", observed=True)[["orders", "hits"]].sum().reset_index()
        parts.append(sums[sums["orders"] > 0].assign(kind=name))
    found = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    orders_, hits = found["orders"].to_numpy(float), found["hits"].to_numpy(float)
    low, high = wilson(hits, orders_)
    share = np.divide(hits, orders_, out=np.zeros(len(found)), where=orders_ > 0)
    found = found.assign(share=share, low=np.round(low, 6), high=np.round(high, 6))
    return found[list(declared()["hold_rates"].names)].sort_values(["group", "kind"]).reset_index(drop=True)
