"""The kinds of change a scenario may name: which rows of which tables become what, in rows and money."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from types import MappingProxyType

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from scenarios.assortment import listed_pairs
from scenarios.change_fields import (
    AMOUNTS,
    GOODS,
    PERIOD,
    Change,
    ChangeError,
    Flags,
    both_days,
    day_of,
    days_of,
    goods,
    known,
    moved,
    named,
    rows_named,
    whole_number,
)
from scenarios.schema import declared
from scenarios.world import World, from_frame, plain_frame

# Past days whose sales say what a change of demand or cost is worth.
_RECENT_DAYS = 28
# A closure is written day by day; longer ones look like a slip in the year.
_LONGEST_DAYS = 366
_KEYS = ["item_id", "location_id"]


@dataclass(frozen=True)
class Changed:
    """
    A world after a change, the rows it touched, its money in major units (None where none can be said), in words.

    begins: the first day it bears on, None for the plan date
    """

    world: World
    rows: int
    money: float | None
    words: str
    begins: date | None = None


@dataclass(frozen=True)
class Kind:
    """A kind of change: the fields it needs and may have, and what it does."""

    needs: tuple[str, ...]
    may: tuple[str, ...]
    make: Callable[[World, Change], Changed]


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


def demand(world: World, change: Change) -> Changed:
    """Put factors on the forecast."""
    unit = pd.Series([1.0])
    if not {"percent", "factor"} & set(change):
        raise ChangeError("names no amount; give percent or factor")
    factor, (first, last) = float(moved(unit, change).iloc[0]), days_of(world, change)
    places = known(world.frame("locations")["location_id"], named(change, "place"), "place") or [""]
    items, categories = named(change, "item") or [""], named(change, "category") or [""]
    goods(world, change)
    rows = [
        {"item_id": item, "category": category, "location_id": place, "factor": factor, "from": first, "to": last,
         "reason": str(change.get("reason", "scenario"))}
        for item in items for category in categories for place in places
    ]  # fmt: skip
    before = world.frame("demand_factors")
    added = pd.DataFrame(rows, columns=before.columns)
    both = _times_over(before, added)
    recent, lines = _recent(world), _listed(world)
    cost = float(recent.loc[rows_named(world, recent, change), "cost"].sum())
    hit = int(rows_named(world, lines, change).sum()) if factor != 1.0 else 0
    words = f"demand of {hit} item-places times {factor:g}; {_RECENT_DAYS} days of their sales cost {cost:,.0f}"
    return Changed(_put(world, demand_factors=both), hit, (factor - 1.0) * cost, words, first)


def _times_over(before: pd.DataFrame, added: pd.DataFrame) -> pd.DataFrame:
    """Return factors old and new; of the same goods, places and days they are multiplied."""
    if before.empty:
        return added
    both = pd.concat([before, added], ignore_index=True)
    key = ["item_id", "category", "location_id", "from", "to"]
    return both.groupby(key, dropna=False, sort=False, as_index=False).agg({"factor": "prod", "reason": "last"})[
        before.columns
    ]


def _column(table: str, column: str, weight: str = "") -> Callable[[World, Change], Changed]:
    """Return a kind that moves a column of a table; `weight`: what a unit of it is worth in recent units sold."""

    def make(world: World, change: Change) -> Changed:
        frame = world.frame(table)
        chosen = rows_named(world, frame, change) & frame[column].notna().to_numpy(bool) & _matching(frame, change)
        before, values = frame.loc[chosen, column].astype(float), frame[column].astype(object)
        after = moved(before, change)
        declaration = declared()[table].column(column)
        after = after.round().astype(int) if declaration.type in {"integer", "days"} else after
        if declaration.maximum is not None and (after > declaration.maximum).any():
            raise ChangeError(f"makes {column} more than {declaration.maximum:g}, the most that {table} may say")
        values[chosen] = after.tolist()
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
            chosen &= frame[name].isin(named(change, name)).to_numpy(bool)
    return chosen


def selling_price(world: World, change: Change) -> Changed:
    """Set new prices from a day on, the regular ones with them."""
    day = day_of(change, "from") or world.plan_date
    if day < world.plan_date:
        raise ChangeError(f"from {day} is before the plan date {world.plan_date}: what was asked then is known")
    prices = world.frame("prices")
    begun = prices[(prices["valid_from"] <= day) & prices["price"].notna()]
    last = begun.sort_values("valid_from", kind="stable").drop_duplicates(_KEYS, keep="last")
    last = last[rows_named(world, last, change)]
    fresh = last.assign(valid_from=day, price=moved(last["price"], change))
    fresh["regular_price"] = moved(last["regular_price"].fillna(last["price"]), change)
    kept = prices[~pd.MultiIndex.from_frame(prices[[*_KEYS, "valid_from"]]).isin(
        pd.MultiIndex.from_frame(fresh[[*_KEYS, "valid_from"]]))]  # fmt: skip
    sold = _recent(world).set_index(_KEYS)["units"]
    units = sold.reindex(pd.MultiIndex.from_frame(last[_KEYS])).fillna(0.0).to_numpy(float)
    money = float(((fresh["price"] - last["price"]).to_numpy(float) * units).sum())
    words = f"selling price of {len(fresh)} item-places changes on {day}"
    return Changed(_put(world, prices=pd.concat([kept, fresh], ignore_index=True)), len(fresh), money, words, day)


def closed(world: World, change: Change) -> Changed:
    """Let a source take no orders for some days."""
    first, last = both_days(world, change)
    sources = world.frame("sources")
    lines = sources[rows_named(world, sources, change)]
    if (last - first).days >= _LONGEST_DAYS:
        raise ChangeError(f"closes from {first} to {last}; give at most {_LONGEST_DAYS} days, or remove the source")
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    pairs = lines[["source_id", "location_id"]].drop_duplicates()
    calendar = world.frame("supplier_calendar")
    rows = pairs.merge(pd.DataFrame({"date": pd.Series(days, dtype=object)}), how="cross")
    rows = rows.assign(can_order=False, can_receive=True, cutoff_time=None, delivery_on=None)[calendar.columns]
    key = ["source_id", "location_id", "date"]
    kept = calendar[~pd.MultiIndex.from_frame(calendar[key]).isin(pd.MultiIndex.from_frame(rows[key]))]
    both = pd.concat([part for part in (kept, rows) if len(part)] or [calendar], ignore_index=True)
    words = f"{', '.join(sorted(set(pairs['source_id'])))} closed from {first} to {last}: {len(lines)} lines wait"
    return Changed(_put(world, supplier_calendar=both), len(lines), None, words, first)


def promotion(world: World, change: Change) -> Changed:
    """Add a promotion."""
    first, last = both_days(world, change)
    discount = change["discount"]
    if isinstance(discount, bool) or not isinstance(discount, int | float) or not 0.0 <= discount < 1.0:
        raise ChangeError(f'discount is "{discount}"; give a share such as 0.2')
    table = world.frame("promotions")
    lines = _listed(world)
    lines = lines[rows_named(world, lines, change)]
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
    return Changed(_put(world, promotions=both), len(rows), None, words, first)


def _listed(world: World) -> pd.DataFrame:
    """Return the item-places with prices, sales or a place in the assortment, dcs left out."""
    parts = [world.frame("assortment")[_KEYS], _recent(world)[_KEYS]]
    lines = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True).drop_duplicates()
    dcs = world.frame("locations").query("kind == 'dc'")["location_id"]
    return lines[~lines["location_id"].isin(dcs)].sort_values(_KEYS, kind="stable").reset_index(drop=True)


def holiday(world: World, change: Change) -> Changed:
    """Move an event to another day, its next one from the plan date on."""
    table = world.frame("calendar")
    day = day_of(change, "on")
    if day is None or day < world.plan_date:
        raise ChangeError(f"on {day} is before the plan date {world.plan_date}; an event moves to a day to come")
    known(table["event"], named(change, "event"), "event")
    coming = table[table["event"].isin(named(change, "event")) & (table["date"] >= world.plan_date)]
    if coming.empty:
        raise ChangeError(f"no {change['event']} lies on or after {world.plan_date}")
    was = coming["date"].min()
    chosen = coming.index[coming["date"] == was]
    dates = table["date"].copy()
    dates.loc[chosen] = day
    after = table.assign(date=dates)
    if after.duplicated(["date", "event", "region"]).any():
        raise ChangeError(f"{change['event']} lies on {day} already")
    return Changed(_put(world, calendar=after), len(chosen), None, f"{change['event']} moves from {was} to {day}")


def fleet(world: World, change: Change) -> Changed:
    """Take vehicles away, or add some like one there is."""
    table = world.frame("vehicles")
    names = known(table["vehicle_id"], named(change, "remove") + named(change, "like"), "vehicle")
    kept = table[~table["vehicle_id"].isin(named(change, "remove"))]
    more = []
    if named(change, "like"):
        one = table[table["vehicle_id"] == names[-1]]
        more = [one.assign(vehicle_id=name) for name in _further(names[-1], whole_number(change, "count", 1), table)]
    elif "remove" not in change:
        raise ChangeError("takes nothing away and adds nothing; give remove, or like with count")
    money = sum(float(v["fixed_cost"].fillna(0.0).sum()) for v in more)
    money -= float(table.loc[table["vehicle_id"].isin(named(change, "remove")), "fixed_cost"].fillna(0.0).sum())
    rows = len(table) - len(kept) + len(more)
    words = f"{len(table) - len(kept)} vehicles less, {len(more)} more"
    return Changed(_put(world, vehicles=pd.concat([kept, *more], ignore_index=True)), rows, money, words)


def _further(name: str, count: int, table: pd.DataFrame) -> list[str]:
    """Return names for more vehicles like one, none of them taken."""
    taken = set(table["vehicle_id"])
    free = (f"{name}+{n}" for n in range(1, len(taken) + count + 1) if f"{name}+{n}" not in taken)
    return list(islice(free, count))


# What a place has of its own, and a new one gets like it.
_OF_A_PLACE = ("locations", "assortment", "sources", "supplier_calendar", "prices", "promotions", "sales", "stock")


def new_store(world: World, change: Change) -> Changed:
    """Open a place that sells like another one: all it has of its own, sales times `scale`, no stock."""
    places, name, scale = world.frame("locations")["location_id"], str(change["place"]).strip(), change.get("scale", 1)
    like = known(places, named(change, "like"), "place")
    if name in set(places) or not name or len(like) != 1:
        raise ChangeError(f"place {name} is there already" if name in set(places) else "give one place, like one other")
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0.0 < scale < np.inf:
        raise ChangeError(f'scale is "{scale}"; give a number above 0')
    frames, rows, money = {}, 0, 0.0
    for table in _OF_A_PLACE:
        frame = world.frame(table)
        own = frame[frame["location_id"] == like[0]].assign(location_id=name)
        if own.empty:
            continue
        if table == "sales":
            own = own.assign(units=(own["units"] * scale).round(6))
            money = float((own["units"] * own["item_id"].map(_cost(world))).sum())
        if table == "stock":
            own = own.drop_duplicates(_KEYS).assign(
                on_hand=0.0, reserved=0.0, held=0.0, backordered=0.0, expires_on=None
            )
        frames[table] = pd.concat([frame, own], ignore_index=True)
        rows += len(own)
    words = f"{name} opens, {scale:g} times {like[0]}: {rows} rows in {', '.join(frames)}; it begins without stock"
    return Changed(_put(world, **frames), rows, money, words)


def _cost(world: World) -> pd.Series:
    return world.frame("items").set_index("item_id")["unit_cost"].astype(float).fillna(0.0)


def delisted(world: World, change: Change) -> Changed:
    """Take items out of the assortment of places, or of all."""
    if not {"item", "category"} & set(change):
        raise ChangeError("names nothing; give item or category")
    lines = _listed(world)
    hit = lines[rows_named(world, lines, change)]
    table = world.frame("assortment")
    if table.empty:
        # All that is planned now, at the dcs too, and not only what sold of late.
        table = listed_pairs(world).reindex(columns=table.columns)
    where = pd.MultiIndex.from_frame(table[_KEYS]).isin(pd.MultiIndex.from_frame(hit[_KEYS]))
    status = table["status"].mask(where, "blocked")
    recent = _recent(world)
    money = -float(recent.loc[rows_named(world, recent, change), "cost"].sum())
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
