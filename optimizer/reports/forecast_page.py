"""The forecast as a page: history, bands, events and days out of stock of the pairs that matter most by money."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from optimizer.reports.charts import nice_above, path_of
from optimizer.reports.markup import Markup, element, join
from optimizer.reports.material import Material
from optimizer.reports.outlook import rows_of_pairs
from optimizer.reports.page import document
from optimizer.reports.wording import short_day, units
from scenarios.world import plain_frame, rows_of

MOST_SHOWN = 20
HISTORY = {"day": 56, "week": 52}
STATE, PROMOTIONS = "state/forecast.parquet", "state/promotions.parquet"
MOST_MECHANISMS = 30
_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 44, 8, 22.0, 150.0
_PAIR = ["item_id", "location_id"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Course:
    """One pair's past and future, all of them one value a period of `dates`; NaN where there is none.

    share: in stock; mean, low, high: forecast; event: whether a promotion or a holiday falls on it
    """

    dates: list[date]
    sold: Floats
    share: Floats
    mean: Floats
    low: Floats
    high: Floats
    event: npt.NDArray[np.bool_]


def forecast_page(folder: Path, material: Material) -> str | None:
    """Return the page as one HTML document; None where the folder holds no forecast."""
    table = material.table("forecast")
    if not table.num_rows or not (folder / STATE).is_file():
        return None
    known = plain_frame(pq.read_table(folder / STATE)).set_index(_PAIR)
    chosen = _dearest(material, table)
    rows = rows_of_pairs(table, chosen)
    parts = [_article(material, n, pair, rows, known) for n, pair in enumerate(chosen)]
    body = join(
        element("header", element("h1", f"Forecast from {short_day(material.plan_date)}")),
        element("main", _served(known), _brought(folder), *parts),
        element("footer", element("p", "Made by Dayplan from the files of the plan folder alone.")),
    )
    return document("Forecast – Dayplan", body)


def _dearest(material: Material, table: pa.Table) -> list[tuple[str, str]]:
    """Return the pairs with most expected demand at cost."""
    means = plain_frame(table.filter(pc.equal(table["level"].cast(pa.string()), "mean")).select([*_PAIR, "units"]))
    sums = means.groupby(_PAIR)["units"].sum().reset_index()
    cost = material.world.frame("items").set_index("item_id")["unit_cost"].astype(float).fillna(0.0)
    worth = sums["units"].to_numpy(float) * sums["item_id"].map(cost).fillna(0.0).to_numpy(float)
    best = sums.iloc[np.argsort(-worth, kind="stable")[:MOST_SHOWN]]
    return list(zip(best["item_id"], best["location_id"], strict=True))


def _served(known: pd.DataFrame) -> Markup:
    """Return how many pairs each method serves, and why."""
    counts = known["method"].value_counts().sort_index()
    lines = (element("li", f"{count:,} pairs: {method}") for method, count in counts.items())
    return element("section", element("h2", "Who is served by what"), element("ul", *lines))


def _brought(folder: Path) -> Markup | None:
    """Return what each mechanism of a promotion brings, those with most promoted periods first; None without one."""
    rows = plain_frame(pq.read_table(folder / PROMOTIONS)) if (folder / PROMOTIONS).is_file() else pd.DataFrame()
    if rows.empty:
        return None
    rows = rows.sort_values(["periods", "mechanism", "category"], ascending=[False, True, True]).head(MOST_MECHANISMS)
    lines = (
        element("li", f"{r.mechanism}, {r.category or 'all items'}: sales × {r.uplift:.2f} ({r.periods:,} periods)")
        for r in rows_of(rows)
    )
    return element("section", element("h2", "What promotions bring"), element("ul", *lines))


def _article(material: Material, number: int, pair: tuple[str, str], rows: pd.DataFrame, known: pd.DataFrame) -> Markup:
    """Return chart and words of one pair."""
    course = _course(material, pair, rows)
    title = f"{material.item(pair[0])} at {material.place(pair[1])}"
    words = _words(known.loc[pair] if pair in known.index else None)
    lines = [element("p", line) for line in words]
    return element("article", element("h2", title), _chart(course, title, f"f{number}"), *lines)


def _words(row: Any) -> list[str]:
    """Return what the forecast of a pair rests on."""
    if row is None:
        return []
    said = [f"Usual demand {row['level']:,.2f} a period. {row['method']}."]
    if row["drivers"]:
        said.append(f"Against level and profile: {row['drivers']}.")
    if row["censored_periods"]:
        behind = f"demand behind them: {row['recovered_units']:,.1f} units more than sold"
        said.append(f"{row['censored_periods']:,} periods not fully in stock; {behind}.")
    return said


def _course(material: Material, pair: tuple[str, str], rows: pd.DataFrame) -> Course:
    """Return the past and future of a pair."""
    world = material.world
    own = rows[(rows["item_id"] == pair[0]) & (rows["location_id"] == pair[1])]
    future = sorted(set(own["date"]))
    step = timedelta(7 if world.period == "week" else 1)
    past = [world.plan_date - step * n for n in range(HISTORY[world.period], 0, -1)]
    dates = [*past, *future]
    sales = world.frame("sales")
    sales = sales[(sales["item_id"] == pair[0]) & (sales["location_id"] == pair[1])].set_index("date")
    begun = sales.index.min() if len(sales) else world.plan_date
    sold = np.array([float(sales["units"].get(d, 0.0)) if begun <= d < world.plan_date else np.nan for d in dates])
    share = np.nan_to_num(np.array([float(sales["in_stock_share"].get(d, 1.0) or 0.0) for d in dates]), nan=1.0)
    bands = {level: own[own["level"] == level].set_index("date")["units"] for level in own["level"].unique()}
    levels = sorted((level for level in bands if level != "mean"), key=float)
    ends = (
        {"mean": bands["mean"], "low": bands[levels[0]], "high": bands[levels[-1]]}
        if levels
        else dict.fromkeys(("mean", "low", "high"), bands["mean"])
    )
    lines = {name: np.array([float(values.get(d, np.nan)) for d in dates]) for name, values in ends.items()}
    return Course(dates, sold, share, lines["mean"], lines["low"], lines["high"], _events(material, pair, dates))


def _events(material: Material, pair: tuple[str, str], dates: list[date]) -> npt.NDArray[np.bool_]:
    """Return on which dates a promotion of the pair or a holiday falls."""
    table = material.world.frame("promotions")
    own = table[(table["item_id"] == pair[0]) & (table["location_id"] == pair[1])]
    spans = [(r["from_date"], r["to_date"]) for r in own.to_dict("records") if r["from_date"] and r["to_date"]]
    holidays = set(material.world.frame("calendar")["date"])
    return np.array([d in holidays or any(first <= d <= last for first, last in spans) for d in dates], dtype=bool)


def _chart(course: Course, title: str, identity: str) -> Markup:
    """Return the drawing: sales as a line, days out of stock as dots, events as ticks, the forecast's band and mean."""
    most = nice_above(float(np.nanmax([*course.sold, *course.high, *course.mean, 0.0])))
    short = np.flatnonzero(np.isfinite(course.sold) & (course.share < 1.0))
    band = [*_points(course.high, most), *reversed(_points(course.low, most))]
    dots = [_dot(course, n, most) for n in short]
    ticks = "".join(f"M{_x(int(n), course):.1f} {_BOTTOM:.0f}v6" for n in np.flatnonzero(course.event))
    every = max(1, len(course.dates) // 8)
    axis = join(*(_day(course, n) for n in range(0, len(course.dates), every)))
    return element(
        "svg",
        element("title", title, id=f"{identity}-t"),
        element("path", d=f"M{_LEFT} {_TOP}H{_WIDTH - _RIGHT}M{_LEFT} {_BOTTOM}H{_WIDTH - _RIGHT}", class_="grid"),
        element("text", units(most), x=_LEFT - 5, y=f"{_TOP + 3.5:.1f}", class_="axis end"),
        element("path", d=path_of(band) + "Z", class_="band"),
        element("path", d=path_of(_points(course.sold, most)), class_="stock"),
        element("path", d=path_of(_points(course.mean, most)), class_="mean"),
        *dots,
        element("path", d=ticks, class_="mean"),
        axis,
        viewBox=f"0 0 {_WIDTH} {_BOTTOM + 26:.0f}",
        role="img",
        aria_labelledby=f"{identity}-t",
        class_="outlook",
    )


def _x(n: int, course: Course) -> float:
    return float(_LEFT + (n + 0.5) * (_WIDTH - _LEFT - _RIGHT) / max(len(course.dates), 1))


def _points(values: Floats, most: float) -> list[tuple[float, float]]:
    """Return the points of the known values."""
    width = (_WIDTH - _LEFT - _RIGHT) / max(len(values), 1)
    known = np.flatnonzero(np.isfinite(values))
    return [(_LEFT + (n + 0.5) * width, _BOTTOM - (_BOTTOM - _TOP) * max(values[n], 0.0) / most) for n in known]


def _day(course: Course, n: int) -> Markup:
    words, x, y = short_day(course.dates[n]), f"{_x(n, course):.1f}", f"{_BOTTOM + 18:.0f}"
    return element("text", words, x=x, y=y, class_="axis middle")


def _dot(course: Course, n: Any, most: float) -> Markup:
    y = _BOTTOM - (_BOTTOM - _TOP) * max(course.sold[n], 0.0) / most
    words = f"{short_day(course.dates[n])}: in stock {course.share[n]:.0%} of the period, sold {units(course.sold[n])}"
    return element("circle", element("title", words), cx=f"{_x(n, course):.1f}", cy=f"{y:.1f}", r=2.5, class_="receipt")
