"""
What is known of every period, past and to come: planned promotions, prices against the usual, holidays, weather.

A signal is an array over the history and the horizon. Only what is known on the plan date may stand in the horizon:
planned promotions, the reference price path, the calendar, a weather forecast. A price that is only being considered
never does; demand at another price is ``DemandPaths.at``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from forecasting.events import event_uplift
from forecasting.mechanisms import mechanism_signal, mechanisms, promotion_rows
from forecasting.panel import Dates, Floats, Integers, Names, Panel, SalesWorld
from forecasting.price_tables import Flags, price_history, reference_prices

Plane = npt.NDArray[np.float32]
Ids = tuple[Names, Names]

# A holiday is felt this many days ahead and after.
HOLIDAY_REACH = 7
# The usual price of a series is its median over this many periods.
USUAL_PERIODS = 364
WEATHER = ("temperature_c", "precipitation_mm", "humidity", "wind")


@dataclass(frozen=True)
class Signals:
    """
    Known inputs of all series.

    Parameters
    ----------
    names : tuple of str
        What each signal is, in words.
    planes : tuple of float32 arrays
        One per name, shape (series, period + horizon), or (1, period + horizon) where all series share it.

    Raises
    ------
    ValueError
        If names and planes differ in number, or the planes in length.
    """

    names: tuple[str, ...] = ()
    planes: tuple[Plane, ...] = ()

    def __post_init__(self) -> None:
        if len(self.names) != len(self.planes):
            raise ValueError(f"{len(self.names)} names for {len(self.planes)} signals")
        if len({plane.shape[1] for plane in self.planes}) > 1:
            raise ValueError("signals differ in length")

    def rows(self, chosen: slice | Integers) -> Signals:
        """Return the signals of some series."""
        return Signals(self.names, tuple(plane if len(plane) == 1 else plane[chosen] for plane in self.planes))

    def latest(self, periods: int) -> Signals:
        """Return the signals of the last ``periods`` periods, horizon included."""
        return Signals(self.names, tuple(plane[:, -periods:] for plane in self.planes))

    def first(self, periods: int) -> Signals:
        """Return the signals of the first ``periods`` periods."""
        return Signals(self.names, tuple(plane[:, :periods] for plane in self.planes))


class _Span(NamedTuple):
    """Periods of history and horizon, and the days in one."""

    dates: Dates
    history: int
    days: int


def signals_from_world(world: SalesWorld, panel: Panel, horizon: int) -> Signals:
    """
    Return the signals a world's tables hold for a panel; tables that are empty give none.

    From ``promotions``: share of the period on promotion, discount, display, mailer, and what the same mechanism
    brought the category before (``mechanisms``). From ``prices`` and
    ``promotions``: log of the price against the usual. From ``calendar``: holidays, days to the next and since the
    last, and in days what the same event brought the category before (``events``). From ``weather``: what it holds for
    the dates to come as well; weather without a forecast is left out.
    """
    dates = np.concatenate([panel.dates, panel.future_dates(horizon)])
    span = _Span(dates, len(panel.dates), panel.period_days)
    found: dict[str, Plane] = {}
    found |= _promotion_signals(world, (panel.item_id, panel.location_id), span)
    before = mechanism_signal(panel, mechanisms(world, panel, horizon))
    found |= {} if before is None else {"this kind of promotion before": before}
    found |= _price_signals(world, panel, horizon)
    regions = _regions(world, panel.location_id)
    found |= _holiday_signals(world, regions, span)
    uplift = event_uplift(world, panel, regions, len(dates))
    found |= {} if uplift is None else {"same holiday before": uplift}
    found |= _weather_signals(world, regions, span)
    return Signals(tuple(found), tuple(found.values()))


def _promotion_signals(world: SalesWorld, ids: Ids, span: _Span) -> dict[str, Plane]:
    """Return promotion, discount, display and mailer of every period."""
    table = world.table("promotions")
    if not table.num_rows:
        return {}
    rows = promotion_rows(world, ids)
    shape = (len(ids[0]), len(span.dates))
    weights = {
        "promotion": np.ones(len(rows)),
        "planned discount": rows["discount"].fillna(0.0).to_numpy(float),
        "display": rows["display"].fillna(False).to_numpy(float),
        "mailer": rows["mailer"].fillna(False).to_numpy(float),
    }
    planes = {name: _painted(rows, weight, shape, span) for name, weight in weights.items() if weight.any()}
    return {name: plane for name, plane in planes.items() if plane.any()}


def _painted(rows: Any, weight: Floats, shape: tuple[int, int], span: _Span) -> Plane:
    """Return the sum of weights of the rows that run in each period, times the share of its days, at most 1."""
    start, width = span.dates[0].astype("datetime64[D]"), span.days
    first = (rows["from_date"].to_numpy().astype("datetime64[D]") - start).astype(np.int64)
    last = (rows["to_date"].to_numpy().astype("datetime64[D]") - start).astype(np.int64) + 1
    change = np.zeros((shape[0], shape[1] * width + 1), dtype=np.float32)
    inside = np.clip(first, 0, shape[1] * width), np.clip(np.maximum(first, last), 0, shape[1] * width)
    series = rows["series"].to_numpy()
    np.add.at(change, (series, inside[0]), weight.astype(np.float32))
    np.add.at(change, (series, inside[1]), -weight.astype(np.float32))
    daily = np.clip(np.cumsum(change[:, :-1], axis=1), 0.0, 1.0)
    # Sums and differences of thirds leave dust behind.
    return np.asarray(np.round(daily.reshape(*shape, width).mean(axis=2), 4), dtype=np.float32)


def _price_signals(world: SalesWorld, panel: Panel, horizon: int) -> dict[str, Plane]:
    """Return the log of each period's price over the usual one; the horizon has the reference price path."""
    if not world.table("prices").num_rows:
        return {}
    past = price_history(world, panel.item_id, panel.location_id, panel.dates).price
    future = reference_prices(world, panel.item_id, panel.location_id, panel.future_dates(horizon))
    price = np.concatenate([past, future], axis=1)
    known: Flags = np.asarray((price > 0.0).all(axis=1), dtype=np.bool_)
    usual = np.median(np.where(known[:, None], past[:, -USUAL_PERIODS:], 1.0), axis=1)
    ratio = np.where(known[:, None], price, 1.0) / np.where(known, usual, 1.0)[:, None]
    plane = np.log(ratio).astype(np.float32)
    return {"price against the usual": plane} if plane.any() else {}


def _regions(world: SalesWorld, location_id: Names) -> Names:
    """Return the region of every series' location, empty where it has none."""
    locations = world.table("locations")
    names, regions = (locations[name].to_pylist() for name in ("location_id", "region"))
    region_of = {name: region or "" for name, region in zip(names, regions, strict=True)}
    return np.array([region_of.get(place, "") for place in location_id], dtype=object)


def _holiday_signals(world: SalesWorld, regions: Names, span: _Span) -> dict[str, Plane]:
    """Return whether each period is a holiday, the days to the next one and since the last, up to the reach."""
    table = world.table("calendar")
    if not table.num_rows:
        return {}
    rows: Any = table.select(["date", "region"]).to_pandas(date_as_object=False)
    day = rows["date"].to_numpy().astype("datetime64[D]").astype(np.int64)
    region = rows["region"].fillna("").to_numpy(object)
    places, codes = np.unique(regions.astype(str), return_inverse=True)
    starts = span.dates.astype("datetime64[D]").astype(np.int64)
    planes = np.zeros((3, max(1, len(places)), len(starts)), dtype=np.float32)
    for row, place in enumerate(places):
        planes[:, row] = _around(np.sort(day[(region == "") | (region == place)]), starts, span.days)
    names = ("holiday", "days to a holiday", "days since a holiday")
    shared = len(places) <= 1
    return {name: plane if shared else plane[codes] for name, plane in zip(names, planes, strict=True)}


def _around(holidays: Integers, starts: Integers, width: int) -> Floats:
    """Return holidays in each period, days from it to the next and from the last, shape (3, period)."""
    far = HOLIDAY_REACH + 1
    padded = np.concatenate([[-(10**9)], holidays, [10**9]])
    inside = np.searchsorted(holidays, starts + width) - np.searchsorted(holidays, starts)
    ahead = padded[np.searchsorted(padded, starts + width)] - (starts + width - 1)
    after = starts - padded[np.searchsorted(padded, starts) - 1]
    return np.stack([inside.astype(float), np.minimum(ahead, far), np.minimum(after, far)])


def _weather_signals(world: SalesWorld, regions: Names, span: _Span) -> dict[str, Plane]:
    """Return the weather of every period where the table reaches over the whole horizon."""
    table = world.table("weather")
    if not table.num_rows or span.days != 1:
        return {}
    rows: Any = table.to_pandas(date_as_object=False)
    column = (rows["date"].to_numpy().astype("datetime64[D]") - span.dates[0]).astype(np.int64)
    rows = rows.assign(column=column)[(column >= 0) & (column < len(span.dates))]
    places, codes = np.unique(regions.astype(str), return_inverse=True)
    found: dict[str, Plane] = {}
    for name in WEATHER:
        grid = np.full((max(1, len(places)), len(span.dates)), np.nan, dtype=np.float32)
        for row, place in enumerate(places):
            own = rows[rows["region"].fillna("").isin(["", place])]
            grid[row, own["column"].to_numpy()] = own[name].to_numpy(np.float32)
        if np.isfinite(grid[:, span.history :]).all():
            found[name] = grid if len(places) <= 1 else grid[codes]
    return found
