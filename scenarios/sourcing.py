"""Who delivers what to where on the plan date, and how long one waits between two orders."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from scenarios.periods import Periods, weekday_numbers
from scenarios.world import World, rows_of

_KEYS = ["item_id", "location_id"]


def valid_sources(world: World) -> pd.DataFrame:
    """Return the rows of `sources` in force on the plan date, the latest of each item, place and source."""
    sources, day = world.frame("sources"), world.plan_date
    begun = sources["valid_from"].isna() | (sources["valid_from"].fillna(day) <= day)
    going = sources["valid_to"].isna() | (sources["valid_to"].fillna(day) >= day)
    valid = sources[begun & going].sort_values([*_KEYS, "source_id", "valid_from"], na_position="first", kind="stable")
    return valid.drop_duplicates([*_KEYS, "source_id"], keep="last")


def ranked_sources(world: World) -> pd.DataFrame:
    """Return the rows of `sources` in force: by item and place the smallest priority first, then the cheapest."""
    return valid_sources(world).sort_values([*_KEYS, "priority", "unit_cost", "source_id"], kind="stable")


def preferred_sources(world: World) -> pd.DataFrame:
    """Return one row of `sources` for each item and place: the smallest priority, then the cheapest, then by name."""
    return ranked_sources(world).drop_duplicates(_KEYS)


def store_lanes(world: World) -> pd.DataFrame:
    """Return the rows of `lanes` between two stores that are served on the plan date."""
    kinds = world.frame("locations").set_index("location_id")["kind"]
    lanes = world.frame("lanes")
    between = (lanes["from_location"].map(kinds) == "store") & (lanes["to_location"].map(kinds) == "store")
    day = world.plan_date.weekday()
    served = [not isinstance(text, str) or not text or day in weekday_numbers(text) for text in lanes["days"]]
    chosen: pd.DataFrame = lanes[between & np.array(served, bool)]
    return chosen.reset_index(drop=True)


def order_weekdays(world: World) -> dict[str, frozenset[int]]:
    """Return the weekdays (Monday 0) of each supplier that names its order days; none in weekly worlds."""
    if world.period == "week":
        return {}
    days = world.frame("suppliers").set_index("supplier_id")["order_days"]
    return {str(name): weekday_numbers(text) for name, text in days.items() if isinstance(text, str) and text}


def review_periods(world: World, source_ids: "pd.Series[str]") -> npt.NDArray[np.float64]:
    """Return the longest wait between two order days of each source, in periods; the policy's where it names none."""
    usual = float(max(world.periods.count(world.policy.review_days), 1))
    waits = {name: _longest_wait(days) for name, days in order_weekdays(world).items()}
    return np.array([waits.get(name, usual) for name in source_ids], dtype=np.float64)


def _longest_wait(days: frozenset[int]) -> float:
    ordered = sorted(days)
    return float(max((later - day - 1) % 7 + 1 for day, later in zip(ordered, ordered[1:] + ordered[:1], strict=True)))


@dataclass(frozen=True)
class Deliveries:
    """When orders of the plan date come, where the calendar says so; keys are (source_id, location_id).

    named: the delivery the calendar names for an order of the plan date
    shut: days on which a place does not receive from a source; in weekly worlds a day shuts its week
    periods: days or weeks; all dates are first days of theirs
    """

    named: Mapping[tuple[str, str], date]
    shut: frozenset[tuple[str, str, date]]
    periods: Periods

    @property
    def sources(self) -> frozenset[tuple[str, str]]:
        """Sources and places of which the calendar says anything."""
        return frozenset(self.named) | {(source, place) for source, place, _ in self.shut}

    def due(self, key: tuple[str, str], usual: date) -> date:
        """Return the period of delivery: the one named, else `usual`, and then the first that is not shut."""
        day = self.named.get(key, usual)
        while (*key, day) in self.shut:
            day = self.periods.add(day, 1)
        return day


def deliveries_of(world: World) -> Deliveries:
    """Return the deliveries of orders of the plan date as `supplier_calendar` has them."""
    calendar, periods = world.frame("supplier_calendar"), world.periods
    today = calendar[(calendar["date"] == world.plan_date) & calendar["delivery_on"].notna()]
    named = {(r.source_id, r.location_id): periods.start(r.delivery_on) for r in rows_of(today)}
    shut = rows_of(calendar[~calendar["can_receive"].astype(bool)])
    return Deliveries(named, frozenset((r.source_id, r.location_id, periods.start(r.date)) for r in shut), periods)


@dataclass(frozen=True)
class PriceTiers:
    """Prices of N lines by quantity, B tiers: the first is the source's own price, the others its price breaks.

    begins: units from which a price holds, rising; unit_cost: major units, NaN where there is no tier, shape (N, B)
    all_units: whether a price holds for the whole order, or for the units above `begins`, shape (N,)
    """

    begins: npt.NDArray[np.float64]
    unit_cost: npt.NDArray[np.float64]
    all_units: npt.NDArray[np.bool_]

    def unit_cost_of(self, line: npt.NDArray[np.int64], units: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return what a unit of an order of `units` costs on average, to six decimals, shape as `line`."""
        begins, cost = self.begins[line], self.unit_cost[line]
        reached = ~np.isnan(cost) & (begins <= units[:, None] + 1e-9)
        last = np.maximum(reached.sum(axis=1) - 1, 0)
        ends = np.append(begins[:, 1:], np.full((len(line), 1), np.inf), axis=1)
        inside = np.clip(np.minimum(ends, units[:, None]) - begins, 0, None)
        stepwise = (np.nan_to_num(cost) * np.where(reached, inside, 0.0)).sum(axis=1) / np.maximum(units, 1e-12)
        return np.asarray(np.round(np.where(self.all_units[line], cost[np.arange(len(line)), last], stepwise), 6))


def price_tiers(world: World, lines: pd.DataFrame) -> PriceTiers:
    """Return the prices of `lines` (item_id, source_id, source_kind, unit_cost in the policy's currency, price_rate).

    Breaks are in the currency of the source's price, whose unit is worth `price_rate` of the policy's, NaN where nobody
    knows; what is dearer than the source's own price, or of unknown worth, is left out.
    """
    table = world.frame("price_breaks").sort_values(["supplier_id", "item_id", "from_quantity"], kind="stable")
    found = dict(iter(table.groupby(["supplier_id", "item_id"], observed=True)))
    own, rate = lines["unit_cost"].to_numpy(float), lines["price_rate"].to_numpy(float)
    keys = zip(lines["source_id"].astype(str), lines["item_id"].astype(str), lines["source_kind"], strict=True)
    mine = [found.get((source, item)) if kind == "supplier" else None for source, item, kind in keys]
    width = 1 + max([0, *(len(rows) for rows in mine if rows is not None)])
    begins, cost = np.full((len(lines), width), np.inf), np.full((len(lines), width), np.nan)
    begins[:, 0], cost[:, 0] = 0.0, own
    all_units = np.ones(len(lines), np.bool_)
    for n, rows in enumerate(mine):
        if rows is not None:
            asked = rows["unit_cost"].to_numpy(float) * rate[n]
            cheaper = asked < own[n]
            begins[n, 1 : 1 + cheaper.sum()] = rows["from_quantity"].to_numpy(float)[cheaper]
            cost[n, 1 : 1 + cheaper.sum()] = asked[cheaper]
            all_units[n] = bool((rows["kind"] == "all_units").all())
    return PriceTiers(begins, cost, all_units)
