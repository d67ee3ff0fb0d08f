"""Forecast and stock of the pairs that matter most by money, as small charts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from optimizer.reports.charts import Outlook, outlook_chart
from optimizer.reports.markup import Markup, element
from optimizer.reports.material import Material
from optimizer.reports.tables import note, section
from optimizer.reports.wording import money, percent
from scenarios.money import minor_digits
from scenarios.world import plain_frame, rows_of

MOST_CHARTS = 12
_PAIR = ["item_id", "location_id"]
_STOCK_COSTS = ("holding", "shortage", "waste")

Pair = tuple[str, str]


def outlooks(material: Material) -> Markup | None:
    """Return the charts of the pairs with most money at stake; None where the folder holds no forecast."""
    whole = material.has("projection") and material.table("projection").num_rows > 0
    table = material.table("projection" if whole else "forecast")
    if not table.num_rows:
        return None
    worth = _worth(material, table)
    chosen = list(worth)[:MOST_CHARTS]
    frame = rows_of_pairs(table, chosen)
    drawn = [(pair, _projected(frame, pair) if whole else _forecast(frame, pair)) for pair in chosen]
    figures = [_figure(material, n, pair, chart, worth[pair]) for n, (pair, chart) in enumerate(drawn)]
    stock = " Below it mean stock at the end of each day, with receipts as bars." if whole else ""
    words = f"Line: mean demand; band: {drawn[0][1].band}.{stock}" if drawn else ""
    heading = "Forecast and projected stock" if whole else "Forecast"
    return section("outlook", heading, note(f"The {len(drawn)} that matter most by money. {words}"), _grid(figures))


def _grid(figures: Sequence[Markup]) -> Markup:
    return element("div", *figures, class_="charts")


def _worth(material: Material, table: pa.Table) -> Mapping[Pair, int]:
    """Return money at stake by pair with demand, largest first: expected stock cost, else demand at cost."""
    column = "demand_mean" if "demand_mean" in table.column_names else "units"
    if column == "units":
        table = table.filter(pc.equal(table["level"].cast(pa.string()), "mean"))
    sums = table.group_by(_PAIR).aggregate([(column, "sum")])
    frame = plain_frame(sums).rename(columns={f"{column}_sum": "demand"})
    frame = frame[frame["demand"] > 0].sort_values(_PAIR)
    frame["worth"] = _stock_cost(material, frame) if material.has("costs") else _at_cost(material, frame)
    ordered = frame.sort_values("worth", ascending=False, kind="stable")
    return {(row.item_id, row.location_id): round(row.worth) for row in rows_of(ordered)}


def _stock_cost(material: Material, pairs: pd.DataFrame) -> "pd.Series[float]":
    costs = material.frame("costs")
    mine = costs[costs["component"].isin(_STOCK_COSTS)].groupby(_PAIR)["amount"].sum()
    amounts = mine.reindex(pd.MultiIndex.from_frame(pairs[_PAIR])).to_numpy(float)
    return pd.Series(np.nan_to_num(amounts).tolist(), pairs.index, dtype=float)


def _at_cost(material: Material, pairs: pd.DataFrame) -> "pd.Series[float]":
    minor = 10 ** minor_digits(material.currency)
    cost = material.world.frame("items").set_index("item_id")["unit_cost"].astype(float).fillna(0.0)
    money = pairs["item_id"].map(cost).fillna(0.0).to_numpy(float) * pairs["demand"].to_numpy(float) * minor
    return pd.Series(money, pairs.index, dtype=float)


def rows_of_pairs(table: pa.Table, pairs: Sequence[Pair]) -> pd.DataFrame:
    """Return the rows of a few pairs of a large table."""
    items = pc.is_in(table["item_id"].cast(pa.string()), pa.array([item for item, _ in pairs], pa.string()))
    places = pc.is_in(table["location_id"].cast(pa.string()), pa.array([place for _, place in pairs], pa.string()))
    return plain_frame(table.filter(pc.and_(items, places))).sort_values("date", kind="stable")


def _of(frame: pd.DataFrame, pair: Pair) -> pd.DataFrame:
    return frame[(frame["item_id"] == pair[0]) & (frame["location_id"] == pair[1])]


def _projected(frame: pd.DataFrame, pair: Pair) -> Outlook:
    rows = _of(frame, pair)
    names = ("demand_mean", "demand_p10", "demand_p90", "closing_mean", "receipts")
    mean, low, high, stock, receipts = ([float(value) for value in rows[name].fillna(0)] for name in names)
    return Outlook(list(rows["date"]), mean, low, high, stock, receipts, _band(0.1, 0.9))


def _forecast(frame: pd.DataFrame, pair: Pair) -> Outlook:
    """Return the outlook of a pair from its forecast: the lowest and highest level written, and the mean."""
    wide = _of(frame, pair).pivot_table(index="date", columns="level", values="units").sort_index()
    levels = sorted((name for name in wide.columns if name != "mean"), key=float)
    mean = wide["mean"] if "mean" in wide.columns else wide[levels[len(levels) // 2]]
    low, high = (wide[levels[0]], wide[levels[-1]]) if levels else (mean, mean)
    band = _band(float(levels[0]), float(levels[-1])) if levels else "none is written"
    series = [[float(value) for value in values] for values in (mean, low, high)]
    return Outlook(list(wide.index), series[0], series[1], series[2], [], [], band)


def _band(low: float, high: float) -> str:
    return f"from the {percent(low, 0)} to the {percent(high, 0)} level of the demand paths"


def _figure(material: Material, number: int, pair: Pair, chart: Outlook, worth: Any) -> Markup:
    item, place = material.item(pair[0]), material.place(pair[1])
    amount = f"{money(worth, material.currency)} {material.currency}"
    kind = "expected stock cost" if material.has("costs") else "of demand at cost"
    return element(
        "figure",
        element("figcaption", element("b", item), " ", place, element("small", f"{amount} {kind}")),
        outlook_chart(chart, f"{item} at {place}", f"outlook-{number}"),
    )
