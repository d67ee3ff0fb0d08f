"""The kinds of change a scenario may name: which rows of which tables become what, in rows and money."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from scenarios.schema import declared
from scenarios.world import World, from_frame, plain_frame

Flags = npt.NDArray[np.bool_]
Change = Mapping[str, Any]
# Past days whose sales say what a change of demand or cost is worth.
_RECENT_DAYS = 28
_KEYS = ["item_id", "location_id"]
# Sets a value, multiplies it, or adds to it.
AMOUNTS = ("percent", "factor", "add", "to")
PERIOD = ("from", "until")
GOODS = ("item", "category")


class ChangeError(ValueError):
    """A change cannot be made; the message says what was found and what would help."""


@dataclass(frozen=True)
class Changed:
    """A world after a change, the rows it touched, its money in major units (None where none can be said), in words."""

    world: World
    rows: int
    money: float | None
    words: str


@dataclass(frozen=True)
class Kind:
    """A kind of change: the fields it needs and may have, and what it does."""

    needs: tuple[str, ...]
    may: tuple[str, ...]
    make: Callable[[World, Change], Changed]


def moved(values: pd.Series, change: Change) -> pd.Series:
    """Return values under the amount a change names; ChangeError unless it names one."""
    given = [name for name in AMOUNTS if name in change]
    if len(given) != 1:
        raise ChangeError(f"names {' and '.join(given) or 'no amount'}; give one of {', '.join(AMOUNTS)}")
    amount = change[given[0]]
    if isinstance(amount, bool) or not isinstance(amount, int | float) or not np.isfinite(amount):
        raise ChangeError(f'{given[0]} is "{amount}"; give a number')
    values = values.astype(float)
    if given[0] == "to":
        return values * 0.0 + amount
    result = values + amount if given[0] == "add" else values * _times(change)
    if (result < 0.0).any():
        raise ChangeError(f"{given[0]} {amount:g} makes values negative")
    return result


def _times(change: Change) -> float:
    return 1.0 + change["percent"] / 100.0 if "percent" in change else float(change["factor"])


def _named(change: Change, name: str) -> list[str]:
    """Return the names a field gives: one, or a list of them."""
    given = change.get(name, [])
    return [str(one) for one in (given if isinstance(given, list) else [given])]


def _goods(world: World, change: Change) -> set[str]:
    """Return the items that `item` and `category` name; all without them."""
    items = world.frame("items")
    chosen = pd.Series(True, index=items.index)
    if "item" in change:
        chosen &= items["item_id"].isin(_known(items["item_id"], _named(change, "item"), "item"))
    if "category" in change:
        chosen &= items["category"].isin(_known(items["category"].dropna(), _named(change, "category"), "category"))
    return set(items.loc[chosen, "item_id"])


def _known(values: pd.Series, wanted: list[str], what: str) -> list[str]:
    known = sorted({str(value) for value in values})
    missing = [name for name in wanted if name not in known]
    if missing:
        shown = ", ".join(known[:8]) + (" and others" if len(known) > 8 else "")
        raise ChangeError(f"{what} {', '.join(missing)} is not known; known are {shown}")
    return wanted


def _rows(world: World, frame: pd.DataFrame, change: Change) -> Flags:
    """Return the rows of a table that the change's item, category, place and source name."""
    chosen = np.ones(len(frame), bool)
    if "item" in change or "category" in change:
        chosen &= frame["item_id"].isin(_goods(world, change)).to_numpy(bool)
    if "place" in change:
        places = _known(world.frame("locations")["location_id"], _named(change, "place"), "place")
        chosen &= frame["location_id"].isin(places).to_numpy(bool)
    if "source" in change:
        chosen &= frame["source_id"].isin(_known(frame["source_id"], _named(change, "source"), "source")).to_numpy(bool)
    return chosen


def _put(world: World, **frames: pd.DataFrame) -> World:
    """Return the world with tables exchanged."""
    return world.replace(**{name: from_frame(declared()[name], frame) for name, frame in frames.items()})


def _recent(world: World) -> pd.DataFrame:
    """Return units sold of late by item and place, and what they cost."""
    sales = world.table("sales")
    since = pa.scalar(world.plan_date - timedelta(days=_RECENT_DAYS), pa.date32())
    sold = plain_frame(sales.filter(pc.greater_equal(sales["date"], since)).select([*_KEYS, "units"]))
    cost = world.frame("items").set_index("item_id")["unit_cost"].astype(float).fillna(0.0)
    units = sold.groupby(_KEYS)["units"].sum().reset_index()
    return units.assign(cost=units["units"] * units["item_id"].map(cost).fillna(0.0))


def _days(change: Change) -> tuple[date | None, date | None]:
    first, last = change.get("from"), change.get("until")
    for name, day in (("from", first), ("until", last)):
        if day is not None and not isinstance(day, date):
            raise ChangeError(f'{name} is "{day}"; write the day as 2024-12-31, without quotes')
    if first is not None and last is not None and last < first:
        raise ChangeError(f"until {last} is before from {first}")
    return first, last


def demand(world: World, change: Change) -> Changed:
    """Put factors on the forecast."""
    unit = pd.Series([1.0])
    if not {"percent", "factor"} & set(change):
        raise ChangeError("names no amount; give percent or factor")
    factor, (first, last) = float(moved(unit, change).iloc[0]), _days(change)
    places = _known(world.frame("locations")["location_id"], _named(change, "place"), "place") or [""]
    items, categories = _named(change, "item") or [""], _named(change, "category") or [""]
    _goods(world, change)
    rows = [
        {"item_id": item, "category": category, "location_id": place, "factor": factor, "from": first, "to": last,
         "reason": str(change.get("reason", "scenario"))}
        for item in items for category in categories for place in places
    ]  # fmt: skip
    before = world.frame("demand_factors")
    added = pd.DataFrame(rows, columns=before.columns)
    both = _times_over(before, added)
    recent, lines = _recent(world), _listed(world)
    cost = float(recent.loc[_rows(world, recent, change), "cost"].sum())
    hit = int(_rows(world, lines, change).sum()) if factor != 1.0 else 0
    words = f"demand of {hit} item-places times {factor:g}; {_RECENT_DAYS} days of their sales cost {cost:,.0f}"
    return Changed(_put(world, demand_factors=both), hit, (factor - 1.0) * cost, words)


def _times_over(before: pd.DataFrame, added: pd.DataFrame) -> pd.DataFrame:
    """Return factors old and new; of one key and first day they are multiplied."""
    if before.empty:
        return added
    both = pd.concat([before, added], ignore_index=True)
    key = ["item_id", "category", "location_id", "from"]
    return both.groupby(key, dropna=False, sort=False, as_index=False).agg(
        {"factor": "prod", "to": "last", "reason": "last"}
    )[before.columns]


def _column(table: str, column: str, weight: str = "") -> Callable[[World, Change], Changed]:
    """Return a kind that moves a column of a table; `weight`: what a unit of it is worth in recent units sold."""

    def make(world: World, change: Change) -> Changed:
        frame = world.frame(table)
        chosen = _rows(world, frame, change) & frame[column].notna().to_numpy(bool) & _matching(frame, change)
        before, values = frame.loc[chosen, column].astype(float), frame[column].astype(object)
        after = moved(before, change)
        kind = declared()[table].column(column).type
        values[chosen] = after.round().astype(int).tolist() if kind in {"integer", "days"} else after.tolist()
        money = float((after - before).sum()) if weight == "money" else None
        if weight == "units":
            sold = _recent(world).set_index(_KEYS)["units"]
            units = sold.reindex(pd.MultiIndex.from_frame(frame.loc[chosen, _KEYS])).fillna(0.0).to_numpy(float)
            money = float(((after - before).to_numpy(float) * units).sum())
        words = (
            f"{column} of {int(chosen.sum())} rows of {table}: {before.sum():,.6g} in all becomes {after.sum():,.6g}"
        )
        return Changed(_put(world, **{table: frame.assign(**{column: values})}), int(chosen.sum()), money, words)

    return make


def _matching(frame: pd.DataFrame, change: Change) -> Flags:
    """Return the rows whose columns are what the change's further fields say."""
    chosen = np.ones(len(frame), bool)
    for name in ("component", "scope", "scope_id", "vehicle_id", "competitor"):
        if name in change and name in frame:
            chosen &= frame[name].isin(_named(change, name)).to_numpy(bool)
    return chosen


def selling_price(world: World, change: Change) -> Changed:
    """Set new prices from a day on, the regular ones with them."""
    first, _ = _days(change)
    day = first or world.plan_date
    prices = world.frame("prices")
    begun = prices[(prices["valid_from"] <= day) & prices["price"].notna()]
    last = begun.sort_values("valid_from", kind="stable").drop_duplicates(_KEYS, keep="last")
    last = last[_rows(world, last, change)]
    fresh = last.assign(valid_from=day, price=moved(last["price"], change))
    fresh["regular_price"] = moved(last["regular_price"].fillna(last["price"]), change)
    kept = prices[~pd.MultiIndex.from_frame(prices[[*_KEYS, "valid_from"]]).isin(
        pd.MultiIndex.from_frame(fresh[[*_KEYS, "valid_from"]]))]  # fmt: skip
    sold = _recent(world).set_index(_KEYS)["units"]
    units = sold.reindex(pd.MultiIndex.from_frame(last[_KEYS])).fillna(0.0).to_numpy(float)
    money = float(((fresh["price"] - last["price"]).to_numpy(float) * units).sum())
    words = f"selling price of {len(fresh)} item-places changes on {day}"
    return Changed(_put(world, prices=pd.concat([kept, fresh], ignore_index=True)), len(fresh), money, words)


def closed(world: World, change: Change) -> Changed:
    """Let a source take no orders for some days."""
    first, last = _days(change)
    if first is None or last is None:
        raise ChangeError("names no days; give from and until")
    sources = world.frame("sources")
    lines = sources[_rows(world, sources, change)]
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    pairs = lines[["source_id", "location_id"]].drop_duplicates()
    calendar = world.frame("supplier_calendar")
    rows = pairs.merge(pd.DataFrame({"date": pd.Series(days, dtype=object)}), how="cross")
    rows = rows.assign(can_order=False, can_receive=True, cutoff_time=None, delivery_on=None)[calendar.columns]
    key = ["source_id", "location_id", "date"]
    kept = calendar[~pd.MultiIndex.from_frame(calendar[key]).isin(pd.MultiIndex.from_frame(rows[key]))]
    both = pd.concat([part for part in (kept, rows) if len(part)] or [calendar], ignore_index=True)
    words = f"{', '.join(sorted(set(pairs['source_id'])))} closed from {first} to {last}: {len(lines)} lines wait"
    return Changed(_put(world, supplier_calendar=both), len(lines), None, words)


def promotion(world: World, change: Change) -> Changed:
    """Add a promotion."""
    first, last = _days(change)
    if first is None or last is None:
        raise ChangeError("names no days; give from and until")
    discount = change["discount"]
    if isinstance(discount, bool) or not isinstance(discount, int | float) or not 0.0 <= discount < 1.0:
        raise ChangeError(f'discount is "{discount}"; give a share such as 0.2')
    table = world.frame("promotions")
    lines = _listed(world)
    lines = lines[_rows(world, lines, change)]
    name = str(change.get("name", f"scenario {first}"))
    rows = lines.assign(
        promotion_id=name, from_date=first, to_date=last, kind=change.get("mechanism"), discount=float(discount),
        display=bool(change.get("display", False)), mailer=bool(change.get("mailer", False)),
    )  # fmt: skip
    rows = rows.reindex(columns=table.columns)
    if table["promotion_id"].isin([name]).any():
        raise ChangeError(f'a promotion "{name}" is there already; give the new one another name')
    both = pd.concat([part for part in (table, rows) if len(part)] or [table], ignore_index=True)
    words = f"promotion {name}, {discount:.0%} off, from {first} to {last} for {len(rows)} item-places"
    return Changed(_put(world, promotions=both), len(rows), None, words)


def _listed(world: World) -> pd.DataFrame:
    """Return the item-places with prices, sales or a place in the assortment, dcs left out."""
    parts = [world.frame("assortment")[_KEYS], _recent(world)[_KEYS]]
    lines = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True).drop_duplicates()
    dcs = world.frame("locations").query("kind == 'dc'")["location_id"]
    return lines[~lines["location_id"].isin(dcs)].sort_values(_KEYS, kind="stable").reset_index(drop=True)


def holiday(world: World, change: Change) -> Changed:
    """Move an event to another day, its next one from the plan date on."""
    table = world.frame("calendar")
    day = change["on"]
    if not isinstance(day, date):
        raise ChangeError(f'on is "{day}"; write the day as 2024-12-31, without quotes')
    _known(table["event"], _named(change, "event"), "event")
    coming = table[table["event"].isin(_named(change, "event")) & (table["date"] >= world.plan_date)]
    if coming.empty:
        raise ChangeError(f"no {change['event']} lies on or after {world.plan_date}")
    was = coming["date"].min()
    chosen = coming.index[coming["date"] == was]
    dates = table["date"].copy()
    dates.loc[chosen] = day
    words = f"{change['event']} moves from {was} to {day}"
    return Changed(_put(world, calendar=table.assign(date=dates)), len(chosen), None, words)


def fleet(world: World, change: Change) -> Changed:
    """Take vehicles away, or add some like one there is."""
    table = world.frame("vehicles")
    names = _known(table["vehicle_id"], _named(change, "remove") + _named(change, "like"), "vehicle")
    kept = table[~table["vehicle_id"].isin(_named(change, "remove"))]
    count = change.get("count", 1)
    more = []
    if "like" in change:
        one = table[table["vehicle_id"] == names[-1]]
        more = [one.assign(vehicle_id=f"{names[-1]}+{n + 1}") for n in range(int(count))]
    elif "remove" not in change:
        raise ChangeError("takes nothing away and adds nothing; give remove, or like with count")
    money = sum(float(v["fixed_cost"].fillna(0.0).sum()) for v in more)
    money -= float(table.loc[table["vehicle_id"].isin(_named(change, "remove")), "fixed_cost"].fillna(0.0).sum())
    rows = len(table) - len(kept) + len(more)
    words = f"{len(table) - len(kept)} vehicles less, {len(more)} more"
    return Changed(_put(world, vehicles=pd.concat([kept, *more], ignore_index=True)), rows, money, words)


def new_store(world: World, change: Change) -> Changed:
    """Open a place that sells like another one: its assortment, sources, prices and sales times `scale`, no stock."""
    name, like = (
        str(change["place"]),
        _known(world.frame("locations")["location_id"], _named(change, "like"), "place")[0],
    )
    if name in set(world.frame("locations")["location_id"]):
        raise ChangeError(f"place {name} is there already")
    scale = float(change.get("scale", 1.0))
    frames, rows = {}, 0
    for table in ("locations", "assortment", "sources", "prices", "sales", "stock"):
        frame = world.frame(table)
        own = frame[frame["location_id"] == like].assign(location_id=name)
        if table == "sales":
            own = own.assign(units=(own["units"] * scale).round(6))
            money = float((own["units"] * own["item_id"].map(_cost(world))).sum())
        if table == "stock":
            own = own.drop_duplicates(_KEYS).assign(
                on_hand=0.0, reserved=0.0, held=0.0, backordered=0.0, expires_on=None
            )
        frames[table] = pd.concat([frame, own], ignore_index=True)
        rows += len(own)
    words = f"{name} opens, {scale:g} times {like}: {rows} rows in {', '.join(frames)}; it begins without stock"
    return Changed(_put(world, **frames), rows, money, words)


def _cost(world: World) -> pd.Series:
    return world.frame("items").set_index("item_id")["unit_cost"].astype(float).fillna(0.0)


def delisted(world: World, change: Change) -> Changed:
    """Take items out of the assortment of places, or of all."""
    if not {"item", "category"} & set(change):
        raise ChangeError("names nothing; give item or category")
    lines = _listed(world)
    hit = lines[_rows(world, lines, change)]
    table = world.frame("assortment")
    if table.empty:
        table = lines.reindex(columns=table.columns).assign(status="active")
    where = pd.MultiIndex.from_frame(table[_KEYS]).isin(pd.MultiIndex.from_frame(hit[_KEYS]))
    status = table["status"].mask(where, "blocked")
    recent = _recent(world)
    money = -float(recent.loc[_rows(world, recent, change), "cost"].sum())
    words = f"{int(where.sum())} item-places are no longer listed"
    return Changed(_put(world, assortment=table.assign(status=status)), int(where.sum()), money, words)


_BUYING, _AT = (*AMOUNTS, *GOODS, "place", "source"), (*GOODS, "place")
_lead_time, _purchase_price = _column("sources", "lead_time_days"), _column("sources", "unit_cost", "units")
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "demand": Kind((), ("percent", "factor", *_AT, *PERIOD, "reason"), demand),
        "lead_time": Kind((), _BUYING, _lead_time),
        "closed": Kind(("from", "until"), ("source", *_AT), closed),
        "purchase_price": Kind((), _BUYING, _purchase_price),
        "selling_price": Kind((), (*AMOUNTS, *_AT, "from"), selling_price),
        "price_war": Kind((), (*AMOUNTS, *GOODS, "competitor"), _column("competitor_prices", "price")),
        "budget": Kind((), (*AMOUNTS, "component", "scope", "scope_id"), _column("budgets", "amount", "money")),
        "storage": Kind((), (*AMOUNTS, "place"), _column("locations", "storage_l")),
        "labels": Kind((), (*AMOUNTS, "place"), _column("label_capacity", "labels")),
        "fuel": Kind((), (*AMOUNTS, "vehicle_id"), _column("vehicles", "cost_per_km")),
        "fleet": Kind((), ("remove", "like", "count"), fleet),
        "holiday": Kind(("event", "on"), (), holiday),
        "promotion": Kind(("discount", "from", "until"), (*_AT, "name", "mechanism", "display", "mailer"), promotion),
        "new_store": Kind(("place", "like"), ("scale",), new_store),
        "delisted": Kind((), _AT, delisted),
    }
)
