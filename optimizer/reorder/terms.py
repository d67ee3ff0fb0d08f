"""On which terms can each listed pair be ordered? Its sources with their times, packs, costs and order days."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.reorder.shelf import last_periods
from scenarios.shelf_life import accepted_days, sale_days, sale_periods
from scenarios.sourcing import deliveries_of, order_weekdays, ranked_sources, review_periods
from scenarios.supplier_terms import untold_terms
from scenarios.tariff import currency_rates
from scenarios.world import World

_KEYS = ["item_id", "location_id"]
_ROUNDING = 1e-9

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Terms:
    """The sources of the pairs that can be ordered, one line each, sorted by item, location and preference.

    A pair has several lines where several sources may deliver it: those with the smallest priority, and the next ones
    where all before them take no order today or deliver only so much (`max_quantity`).

    lines: columns item_id, location_id, status, source_id, source_kind, lead_periods, unit_step (units), pack, minimum,
        maximum (steps; maximum -1 for none), unit_cost, order_cost (major units), review_periods, collect,
        layer_size, pallet_size (units), price_rate (of the currency the source asks in); lead_periods is that of an
        order of today, usual_lead_periods of later ones; lead_time_sd in days, NaN where none is
        told; life_periods in which what it brings can be sold; barred says why nothing may be ordered at all, else ""
    can_order: whether an order can be placed, by period, shape (lines, periods)
    assumed: what had to be assumed and for how many pairs, in words
    without_source: pairs that nobody delivers, columns item_id, location_id
    """

    lines: pd.DataFrame
    can_order: BoolArray
    assumed: tuple[str, ...]
    without_source: pd.DataFrame


def terms(world: World, pairs: pd.DataFrame, periods: int) -> Terms:
    """Return the terms of `pairs` (columns item_id, location_id, status) for `periods` from the plan date on."""
    chosen = ranked_sources(world)
    lines = pairs.merge(chosen, on=_KEYS, how="left" if not world.has("sources") else "inner")
    lines["source_id"] = lines["source_id"].fillna("")
    lines["source_kind"] = lines["source_kind"].fillna("supplier")
    items = world.frame("items").set_index("item_id").reindex(lines["item_id"])
    lines["unit_step"] = items["unit_step"].to_numpy(float)
    lines = lines.assign(**_quantities(lines), **_times(world, lines), **_costs(world, lines, items))
    lines = _without_orders(world, lines.assign(life_periods=sale_periods(world, lines)))
    lines = lines.sort_values(_KEYS, kind="stable").reset_index(drop=True)
    can_order = _order_days(world, lines, periods)
    kept = _candidates(lines, can_order[:, 0] if periods else np.ones(len(lines), np.bool_))
    lines, can_order = lines[kept].reset_index(drop=True), can_order[kept]
    lacking = pairs.merge(lines[_KEYS], on=_KEYS, how="left", indicator=True)
    without = lacking.loc[lacking["_merge"] == "left_only", _KEYS]
    columns = ["status", "source_id", "source_kind", "lead_periods", "unit_step", "pack", "minimum", "maximum"]
    columns += ["unit_cost", "order_cost", "review_periods", "collect", "layer_size", "pallet_size"]
    columns += ["usual_lead_periods", "price_rate", "lead_time_sd", "life_periods", "barred"]
    return Terms(lines[[*_KEYS, *columns]], can_order, _assumed(world, pairs, chosen), without)


def _candidates(lines: pd.DataFrame, open_today: BoolArray) -> BoolArray:
    """Return the lines that may deliver, shape (N,): a source steps in where those of smaller priority fall short."""
    limited = ~open_today | (lines["maximum"].to_numpy() >= 0)
    priority = lines["priority"].to_numpy()
    kept = np.ones(len(lines), np.bool_)
    for rows in lines.groupby(_KEYS, sort=False).indices.values():
        for n in rows[1:]:
            before = rows[priority[rows] < priority[n]]
            kept[n] = bool(limited[before].all())
    return kept


def _assumed(world: World, pairs: pd.DataFrame, chosen: pd.DataFrame) -> tuple[str, ...]:
    policy = world.policy
    if not world.has("sources"):
        defaults = f"lead_time_days {policy.lead_time_days}, review_days {policy.review_days}, pack = unit step"
        return (f"no sources table: {len(pairs)} pairs are ordered on defaults ({defaults})",)
    words = untold_terms(world)
    if unknown := int(chosen["lead_time_days"].isna().sum()):
        words.append(f"{unknown} sources name no lead time: {policy.lead_time_days} days")
    if foreign := int(np.isnan(currency_rates(world, chosen["currency"].tolist())).sum()):
        words.append(f"{foreign} sources ask in a currency without exchange rate: the item's own cost is taken")
    return tuple(words)


def _quantities(lines: pd.DataFrame) -> dict[str, npt.NDArray[np.int64]]:
    step = lines["unit_step"].to_numpy(float)
    pack = np.rint(lines["pack_size"].astype(float).fillna(0).to_numpy() / step).astype(np.int64)
    minimum = np.ceil(lines["moq"].astype(float).fillna(0).to_numpy() / step - _ROUNDING).astype(np.int64)
    most = lines["max_quantity"].astype(float).to_numpy()
    maximum = np.where(np.isnan(most), -1, np.floor(np.nan_to_num(most) / step + _ROUNDING)).astype(np.int64)
    return {"pack": np.maximum(pack, 1), "minimum": minimum, "maximum": maximum}


def _times(world: World, lines: pd.DataFrame) -> dict[str, npt.NDArray[np.int64]]:
    days = lines["lead_time_days"].astype(float).fillna(world.policy.lead_time_days).to_numpy()
    usual = np.ceil(days / world.periods.days).astype(np.int64)
    review = review_periods(world, lines["source_id"]).astype(np.int64)
    return {"lead_periods": _todays_lead(world, lines, usual), "usual_lead_periods": usual, "review_periods": review}


def _todays_lead(world: World, lines: pd.DataFrame, usual: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the lead time of an order of today: to the delivery the calendar names, put off while nobody receives."""
    lead = usual.copy()
    dates = deliveries_of(world)
    for n, key in enumerate(zip(lines["source_id"], lines["location_id"], strict=True)):
        if key in dates.sources:
            due = dates.due(key, world.periods.add(world.plan_date, int(usual[n])))
            lead[n] = world.periods.between(world.plan_date, due)
    return lead


def _costs(world: World, lines: pd.DataFrame, items: pd.DataFrame) -> dict[str, npt.NDArray[np.float64]]:
    rate = currency_rates(world, lines["currency"].tolist())
    cost = lines["unit_cost"].astype(float).to_numpy() * rate
    own = items["unit_cost"].to_numpy(float) * currency_rates(world, items["currency"].tolist())
    cost = np.where(np.isnan(cost), own, cost)
    return {
        "unit_cost": np.where(np.isnan(cost), 1.0, cost),
        "order_cost": np.nan_to_num(lines["order_cost"].astype(float)) * 1.0,
        "price_rate": rate,
    }


def _without_orders(world: World, lines: pd.DataFrame) -> pd.DataFrame:
    """Return the lines with maximum 0 where nothing may be ordered, and why not.

    That are run-outs, what would arrive after its last day of sale, and what the place would refuse as too old.
    """
    last, lead = last_periods(world, lines), lines["lead_periods"].to_numpy(np.int64)
    ended = ["" if np.isinf(end) else _ended_on(world, int(end)) for end in last]
    days, least = sale_days(world, lines), accepted_days(world, lines)
    old = [
        f"it comes with {has:g} days of life, the place accepts no less than {asks:g}"
        for has, asks in zip(days, least, strict=True)
    ]
    barred = np.select(
        [(lines["status"] == "run_out").to_numpy(), last < lead, days < least],
        ["only what is left is to be sold", ended, old],
        "",
    )
    return lines.assign(maximum=np.where(barred != "", 0, lines["maximum"]), barred=barred.astype(object))


def _ended_on(world: World, last: int) -> str:
    day = world.periods.add(world.plan_date, last)
    return f"it could not be there by its last {world.period} of sale, {day}"


def _order_days(world: World, lines: pd.DataFrame, periods: int) -> BoolArray:
    """Return by line and period whether the source takes orders: its order days, or every review period from today."""
    given = order_weekdays(world)
    weekday = (world.periods.dates(world.plan_date, periods).astype(np.int64) + 3) % 7
    regular = np.arange(periods) % max(world.periods.count(world.policy.review_days), 1) == 0
    days = np.empty((len(lines), periods), bool)
    for name, rows in lines.groupby("source_id").indices.items():
        days[rows] = np.isin(weekday, list(given[name])) if name in given else regular
    return days & ~_closed(world, lines, periods)


def _closed(world: World, lines: pd.DataFrame, periods: int) -> BoolArray:
    closed = np.zeros((len(lines), periods), bool)
    calendar = world.frame("supplier_calendar")
    calendar = calendar[~calendar["can_order"].astype(bool)]
    for row in calendar.itertuples():
        t = world.periods.between(world.plan_date, row.date)  # type: ignore[arg-type]
        if 0 <= t < periods:
            hit = (lines["source_id"] == row.source_id) & (lines["location_id"] == row.location_id)
            closed[hit.to_numpy(), t] = True
    return closed
