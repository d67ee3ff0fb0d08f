"""The invented company as a folder of CSV tables, and its truth as Parquet beside them."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from scenarios.demo.clearance import (
    FRESH_CATEGORY,
    FRESH_NEWER_DAYS,
    FRESH_OLDER_DAYS,
    FRESH_OLDER_SHARE,
    OVERSTOCK_WEEKS,
    clearance,
    ends,
)
from scenarios.demo.company import Company, Size, day_of, invent
from scenarios.demo.customers import CustomerOrders, customer_orders
from scenarios.demo.history import History, live
from scenarios.demo.planner import planner
from scenarios.demo.streets import streets_and_deliveries
from scenarios.demo.supply import supply

TRUTH = "truth"
# Days of usual demand for which there is room beyond the stock of the plan date.
_STORE_ROOM_DAYS, _DC_ROOM_DAYS = 1.0, 14
# Of what a usual week of produce costs, so much may be spent: a budget that binds.
_PRODUCE_SHARE = 0.9
# The item that ends can be sold for so many days from the plan date on.
_LAST_DAYS = 24
# Stores take dairy with at least so many days of life left.
_DAIRY_ACCEPTED_DAYS = 5
_TRUE_COLUMNS = ["base_rate", "elasticity", "dispersion"]
_POLICY = """\
currency = "EUR"
period = "day"
plan_date = {plan_date}
review_days = 1
service_level = 0.95
holding_rate = 0.25
unmet = "lost_sales"
"""


def write_demo(folder: Path, size: Size | None = None, seed: int = 1) -> date:
    """Write an invented company into `folder` and return its plan date.

    The tables are CSV; `truth/` holds what no retailer knows: the items' rates, elasticities and dispersions, mean and
    realised demand by day, 60 days past the plan date, and which web orders are false. Files of an earlier company are
    replaced.
    """
    company = invent(size or Size(), seed)
    history = live(company, seed)
    orders = customer_orders(company, history, seed)
    folder.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".demo-", dir=folder))
    try:
        tables = {
            **_tables(company, history, orders),
            **orders.tables,
            **streets_and_deliveries(company, orders, seed),
            **clearance(company),
            **planner(company, history),
        }
        for name, frame in tables.items():
            frame.to_csv(scratch / f"{name}.csv", index=False, lineterminator="\n")
        (scratch / "policy.toml").write_text(_POLICY.format(plan_date=company.plan_date), encoding="utf-8")
        (scratch / TRUTH).mkdir()
        for name, frame in {**_truth(company), "orders": orders.truth}.items():
            frame.to_parquet(scratch / TRUTH / f"{name}.parquet", index=False)
        shutil.rmtree(folder / TRUTH, ignore_errors=True)
        for path in sorted(scratch.iterdir()):
            os.replace(path, folder / path.name)  # noqa: PTH105 - also moves the folder of the truth
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return company.plan_date


def _tables(company: Company, history: History, web: CustomerOrders) -> Mapping[str, pd.DataFrame]:
    return {
        "items": _items(company),
        "locations": _locations(company, history),
        "sales": _sales(company, history, web),
        "stock": _stock(company, history),
        "assortment": _assortment(company),
        **supply(company, history),
        "prices": _prices(company),
        "promotions": _promotions(company),
        "budgets": _budgets(company),
    }


def _items(company: Company) -> pd.DataFrame:
    """Return the items; the last that does not run out yet ends some weeks after the plan date."""
    items = company.items.drop(columns=_TRUE_COLUMNS).astype({"shelf_life_days": "Int64"})
    last = np.flatnonzero(~ends(company))[-1]
    end = day_of(company.size.days + _LAST_DAYS)
    return items.assign(
        discontinued_on=pd.Series([end if n == last else None for n in range(len(items))], dtype=object)
    )


def _locations(company: Company, history: History) -> pd.DataFrame:
    """Return the places; there is room for what is there and for what some usual days take."""
    litres = company.items.set_index("item_id")["volume_l"]
    stock, daily = _stock(company, history), company.pairs.assign(units=company.usual_week / 7)
    held = (stock["on_hand"] * stock["item_id"].map(litres)).groupby(stock["location_id"]).sum()
    taken = (daily["units"] * daily["item_id"].map(litres)).groupby(daily["location_id"]).sum()
    room = held.add(taken * _STORE_ROOM_DAYS, fill_value=taken.sum() * _DC_ROOM_DAYS)
    places = company.locations.drop(columns=["scale"])
    return places.assign(storage_l=np.ceil(places["location_id"].map(room)))


def _sales(company: Company, history: History, web: CustomerOrders) -> pd.DataFrame:
    """Return what the books show as sold, false, bulk and cancelled web orders included."""
    days = company.size.days
    units = np.round(history.sold + web.booked, 3)
    pair, day = np.nonzero((units > 0) | (history.in_stock < 1))
    return pd.DataFrame(
        {
            "date": company.days[:days].astype(str)[day],
            "item_id": company.pairs["item_id"].to_numpy()[pair],
            "location_id": company.pairs["location_id"].to_numpy()[pair],
            "units": units[pair, day],
            "in_stock_share": history.in_stock[pair, day],
            "price": company.price[pair, day],
        }
    ).sort_values(["date", "item_id", "location_id"], kind="stable")


def _stock(company: Company, history: History) -> pd.DataFrame:
    too_much = np.ceil(company.mean[:, : company.size.days].mean(axis=1) * 7 * OVERSTOCK_WEEKS)
    ended = company.pairs["item_id"].isin(company.items["item_id"].to_numpy()[ends(company)]).to_numpy()
    at_stores = company.pairs.assign(on_hand=np.where(ended, too_much, history.store_stock))
    at_dc = company.items[["item_id"]].assign(location_id="DC1", on_hand=np.round(history.dc_stock, 3))
    stock = pd.concat([at_stores, at_dc], ignore_index=True)
    stock = _by_last_day(company, stock.assign(as_of=day_of(company.size.days - 1), lot="", expires_on=None))
    return stock.sort_values(["item_id", "location_id", "lot"], kind="stable")


def _by_last_day(company: Company, stock: pd.DataFrame) -> pd.DataFrame:
    """Return the stock with fresh goods of the stores in two lots: part of them is near its last day."""
    items = company.items.set_index("item_id").loc[stock["item_id"]]
    # What runs out is cleared by its exit date, however old it is.
    kept = ~items.index.isin(company.items["item_id"].to_numpy()[ends(company)])
    short = (items["category"] == FRESH_CATEGORY).to_numpy() & (stock["location_id"] != "DC1").to_numpy() & kept
    step = items["unit_step"].to_numpy()[short]
    fresh = stock[short]
    older = np.round(np.floor(fresh["on_hand"] * FRESH_OLDER_SHARE / step) * step, 3)
    lots = [
        fresh.assign(lot="older", on_hand=older, expires_on=day_of(company.size.days + FRESH_OLDER_DAYS - 1)),
        fresh.assign(
            lot="newer",
            on_hand=np.round(fresh["on_hand"] - older, 3),
            expires_on=day_of(company.size.days + FRESH_NEWER_DAYS - 1),
        ),
    ]
    return pd.concat([stock[~short], *(lot[lot["on_hand"] > 0] for lot in lots)], ignore_index=True)


def _assortment(company: Company) -> pd.DataFrame:
    """Return all pairs: a shortage costs the margin, sweets have a service level instead; some items run out."""
    items = company.items
    by_level = (items["category"] == "sweets").to_numpy()
    margin = np.where(by_level, np.nan, np.round(items["list_price"] - items["unit_cost"], 2))
    shortage = pd.Series(margin, index=items["item_id"])
    level = pd.Series(np.where(by_level, 0.97, np.nan), index=items["item_id"])
    status = pd.Series(np.where(ends(company), "run_out", "active"), index=items["item_id"])
    pairs = pd.concat([company.pairs, items[["item_id"]].assign(location_id="DC1")], ignore_index=True)
    pairs = pairs.assign(status=pairs["item_id"].map(status), service_level=pairs["item_id"].map(level))
    pairs["shortage_cost"] = pairs["item_id"].map(shortage)
    # Every third item shows at least two of it in each store; a shelf takes ten usual days.
    number = pairs.groupby("location_id").cumcount().to_numpy()
    weekly = np.append(company.usual_week, np.full(len(items), np.nan))
    weighed = pairs["item_id"].map(items.set_index("item_id")["unit_step"]).to_numpy() < 1
    at_dc = (pairs["location_id"] == "DC1").to_numpy()
    pairs["presentation_min"] = np.where(~at_dc & (number % 3 == 0) & ~weighed, 2.0, 0.0)
    dairy = pairs["item_id"].isin(items.loc[items["category"] == "dairy", "item_id"]).to_numpy()
    pairs["min_life_days"] = pd.array(np.where(dairy & ~at_dc, _DAIRY_ACCEPTED_DAYS, np.nan), dtype="Int64")
    pairs["shelf_capacity"] = np.ceil(weekly * 10 / 7) + 12
    return pairs.sort_values(["item_id", "location_id"], kind="stable")


def _prices(company: Company) -> pd.DataFrame:
    """Return a row for each day a price changes, as known on the plan date."""
    known = company.price[:, : company.size.days]
    changed = np.diff(known, axis=1, prepend=np.nan) != 0
    pair, day = np.nonzero(changed)
    regular = np.where(company.promoted[:, : company.size.days], np.nan, known)
    regular = pd.DataFrame(regular).ffill(axis=1).bfill(axis=1).to_numpy()
    return pd.DataFrame(
        {
            "item_id": company.pairs["item_id"].to_numpy()[pair],
            "location_id": company.pairs["location_id"].to_numpy()[pair],
            "valid_from": company.days.astype(str)[day],
            "price": known[pair, day],
            "regular_price": regular[pair, day],
        }
    )


def _promotions(company: Company) -> pd.DataFrame:
    """Return past promotions and those planned after the plan date."""
    starts = company.promoted & ~np.roll(company.promoted, 1, axis=1)
    starts[:, 0] = company.promoted[:, 0]
    pair, day = np.nonzero(starts)
    length = [int(np.argmin(np.append(company.promoted[p, d:], False))) for p, d in zip(pair, day, strict=True)]
    before = company.price[pair, np.maximum(day - 1, 0)]
    return pd.DataFrame(
        {
            "promotion_id": [f"P-{d:04d}" for d in day],
            "item_id": company.pairs["item_id"].to_numpy()[pair],
            "location_id": company.pairs["location_id"].to_numpy()[pair],
            "from_date": company.days.astype(str)[day],
            "to_date": company.days.astype(str)[day + np.array(length, int) - 1],
            "kind": "price",
            "discount": np.round(np.clip(1 - company.price[pair, day] / before, 0, 1), 2),
        }
    )


def _budgets(company: Company) -> pd.DataFrame:
    """Return budgets of five weeks from the plan date on: for purchases what a usual week costs, half for produce."""
    items = company.items.set_index("item_id")
    cost = items["unit_cost"].reindex(company.pairs["item_id"]).to_numpy()
    weekly = company.mean[:, : company.size.days].mean(axis=1) * cost * 7
    usual = float(weekly.sum())
    is_produce = (items["category"].reindex(company.pairs["item_id"]) == "produce").to_numpy()
    monday = company.plan_date - timedelta(days=company.plan_date.weekday())
    weeks = [monday + timedelta(days=7 * n) for n in range(5)]
    purchases = pd.DataFrame({"period_start": weeks, "component": "purchase", "amount": round(usual, -1)})
    markdowns = purchases.assign(component="markdown", amount=round(usual * 0.02, -1))
    both = pd.concat([purchases, markdowns], ignore_index=True).assign(scope="all", scope_id="")
    produce = purchases.assign(scope="category", scope_id="produce")
    produce["amount"] = round(float(weekly[is_produce].sum()) * _PRODUCE_SHARE, -1)
    return pd.concat([both, produce[produce["amount"] > 0]], ignore_index=True)


def _truth(company: Company) -> Mapping[str, pd.DataFrame]:
    pair, day = np.indices(company.mean.shape).reshape(2, -1)
    demand = pd.DataFrame(
        {
            "date": company.days[day],
            "item_id": company.pairs["item_id"].to_numpy()[pair],
            "location_id": company.pairs["location_id"].to_numpy()[pair],
            "price": company.price.ravel(),
            "mean": company.mean.ravel(),
            "demand": company.demand.ravel(),
        }
    )
    return {"items": company.items[["item_id", *_TRUE_COLUMNS]], "demand": demand}
