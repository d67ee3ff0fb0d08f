"""Every cost of the plan as a row: what is paid, what is to be expected, to the minor unit."""

from collections.abc import Iterable
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.plan.ids import stable_id
from scenarios.money import minor_digits, to_minor
from scenarios.schema import declared
from scenarios.tariff import Tariff, cost_rows
from scenarios.world import World

_KEYS = ["item_id", "location_id"]


def purchase_costs(world: World, orders: pd.DataFrame, order_costs: pd.DataFrame) -> pd.DataFrame:
    """Return the cost rows of `purchase_orders`: goods as cash for today's lines and expected later, and order costs.

    order_costs: columns item_id, location_id, source_id, order_cost (major units per line)
    Cash is due when the supplier is paid, payment_days after receipt.
    """
    suppliers = world.frame("suppliers").set_index("supplier_id")["payment_days"]
    wait = orders["source_id"].map(suppliers).astype(float).fillna(0).to_numpy()
    due = [day + timedelta(days=int(days)) for day, days in zip(orders["due_on"], wait, strict=True)]
    today = (orders["status"] == "proposed").to_numpy()
    goods = _rows(world, orders, "purchase", orders["amount"].to_numpy(np.int64)).assign(due_on=due)
    per_line = orders.merge(order_costs, on=[*_KEYS, "source_id"], how="left")["order_cost"].fillna(0)
    placing = [to_minor(value, world.policy.currency) for value in per_line]
    handling = _rows(world, orders, "order", np.array(placing, np.int64)).assign(due_on=orders["order_on"].to_numpy())
    for part in (goods, handling):
        part["nature"] = np.where(today, "cash", "expected")
        part["date"] = orders["order_on"].to_numpy()
    return finished_costs(pd.concat([goods, handling], ignore_index=True))


def _rows(world: World, lines: pd.DataFrame, component: str, amount: npt.NDArray[np.int64]) -> pd.DataFrame:
    rows = lines[["line_id", *_KEYS, "source_id"]].copy()
    rows["decision"], rows["component"] = "reorder", component
    return rows.assign(currency=world.policy.currency, amount=amount)


def transfer_costs(world: World, transfers: pd.DataFrame) -> pd.DataFrame:
    """Return the cost rows of `transfers` over lanes with a price: fixed cost per line and cost per litre."""
    lanes = world.frame("lanes")[["from_location", "to_location", "cost_per_litre", "fixed_cost"]]
    joined = transfers.merge(lanes, on=["from_location", "to_location"], how="left")
    volume = world.frame("items").set_index("item_id")["volume_l"].reindex(joined["item_id"]).fillna(0).to_numpy(float)
    litres = volume * joined["quantity"].to_numpy(float)
    rate = joined["fixed_cost"].fillna(0).to_numpy(float) + joined["cost_per_litre"].fillna(0).to_numpy(float) * litres
    amount = np.array([to_minor(value, world.policy.currency) for value in rate], np.int64)
    lines = joined.assign(location_id=joined["to_location"], source_id=joined["from_location"])
    rows = _rows(world, lines, "transfer", amount)
    rows["nature"] = np.where(joined["status"] == "proposed", "cash", "expected")
    rows["date"] = rows["due_on"] = joined["ship_on"].to_numpy()
    return finished_costs(rows)


def change_costs(world: World, changes: pd.DataFrame) -> pd.DataFrame:
    """Return the cost rows of `order_changes`: a penalty that no one is paid."""
    rows = _rows(world, changes, "change", changes["amount"].to_numpy(np.int64)).assign(nature="penalty")
    rows["date"] = rows["due_on"] = changes["order_on"].to_numpy()
    return finished_costs(rows)


def stock_costs(world: World, pairs: pd.DataFrame, projection: pd.DataFrame, rates: Tariff) -> pd.DataFrame:
    """Return the expected cost of holding, shortage and waste of each pair over the horizon of `projection`.

    Holding is charged on stock at the count. Where unmet demand is owed, the mean closing figure has it deducted, so it
    is added back.
    """
    totals = projection.groupby(_KEYS, sort=False)[["closing_mean", "lost_mean", "expired_mean"]].sum()
    totals = totals.reindex(pd.MultiIndex.from_frame(pairs[_KEYS]))
    kept = totals["closing_mean"].to_numpy(float)
    if world.policy.unmet == "backorders":
        kept = kept + totals["lost_mean"].to_numpy(float)
    bases = (
        ("holding", kept, rates.holding),
        ("shortage", totals["lost_mean"].to_numpy(float), rates.shortage),
        ("waste", totals["expired_mean"].to_numpy(float), rates.waste),
    )
    minor = 10 ** minor_digits(world.policy.currency)
    parts = []
    for component, units, rate in bases:
        rows = pairs[_KEYS].assign(line_id=None, source_id=None, decision="reorder", component=component)
        rows["amount"] = cost_rows(units, rate, minor)
        parts.append(rows.assign(nature="expected", date=world.plan_date, due_on=None, currency=world.policy.currency))
    return finished_costs(pd.concat(parts, ignore_index=True))


def markdown_costs(world: World, spent: Iterable[tuple[str | None, str, str, int]]) -> pd.DataFrame:
    """Return the expected markdown of lines: line_id (None for later ones), item, place and minor units of each."""
    rows = pd.DataFrame(
        [
            {
                "decision": "markdown", "component": "markdown", "nature": "expected", "line_id": line,
                "item_id": item, "location_id": place, "source_id": None, "date": world.plan_date, "due_on": None,
                "currency": world.policy.currency, "amount": amount,
            }
            for line, item, place, amount in spent
        ]
    )  # fmt: skip
    return finished_costs(rows) if len(rows) else rows.reindex(columns=list(declared()["costs"].names))


def finished_costs(rows: pd.DataFrame) -> pd.DataFrame:
    """Return cost rows that are not zero with their ids, in the columns of the table `costs`."""
    rows = rows[rows["amount"] != 0].copy()
    names = ["decision", "component", "nature", "line_id", *_KEYS]
    rows["cost_id"] = [stable_id("cost", *key) for key in rows[names].fillna("").itertuples(index=False)]
    return rows.assign(route_id=None)[list(declared()["costs"].names)]


def finance_total(costs: pd.DataFrame) -> int:
    """Return cash + accrual in minor units: what finance books for today's plan."""
    return int(costs.loc[costs["nature"].isin(["cash", "accrual"]), "amount"].sum())


def total_of(costs: pd.DataFrame, component: str, nature: str | None = None) -> int:
    """Return the sum of a component of cost in minor units, of one nature or all."""
    chosen = costs["component"] == component
    if nature is not None:
        chosen &= costs["nature"] == nature
    return int(costs.loc[chosen, "amount"].sum())
