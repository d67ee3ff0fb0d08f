"""Charts as SVG from plain figures; they know no tables. Colours come from the page's style by class."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from optimizer.reports.markup import Markup, element, join
from optimizer.reports.wording import short_day, units

_WIDTH, _HEIGHT = 360, 232
_LEFT, _RIGHT = 38, 8
# Upper and lower end of each panel: demand above, stock below, both over the same days.
_DEMAND, _STOCK = (20.0, 104.0), (132.0, 208.0)
_MOST_TICKS = 5


@dataclass(frozen=True)
class Outlook:
    """What a chart shows of one item at one place; figures in units, one for each day.

    stock and receipts may be empty: then only demand is drawn
    """

    days: Sequence[date]
    mean: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    stock: Sequence[float]
    receipts: Sequence[float]
    band: str = "nine of ten paths lie below the band's upper edge, nine of ten above its lower"


def outlook_chart(outlook: Outlook, title: str, identity: str) -> Markup:
    """Return the demand band with its mean, and below it projected stock at the end of each day with receipts."""
    parts = [_demand(outlook)]
    if outlook.stock:
        parts.append(_stock(outlook))
    height = _HEIGHT if outlook.stock else 128
    parts.append(_days(outlook.days, height - 10))
    return element(
        "svg",
        element("title", title, id=f"{identity}-t"),
        element("desc", _description(outlook), id=f"{identity}-d"),
        *parts,
        viewBox=f"0 0 {_WIDTH} {height}",
        role="img",
        aria_labelledby=f"{identity}-t {identity}-d",
        class_="outlook",
    )


def _description(outlook: Outlook) -> str:
    if not outlook.days:
        return "No days are planned."
    peak = max(range(len(outlook.days)), key=lambda n: outlook.mean[n])
    words = (
        f"Mean demand {units(sum(outlook.mean))} units over {len(outlook.days)} periods, most on"
        f" {short_day(outlook.days[peak])}: {units(outlook.mean[peak])}, band {units(outlook.low[peak])} to"
        f" {units(outlook.high[peak])}; {outlook.band}."
    )
    if not outlook.stock:
        return words
    least = min(range(len(outlook.days)), key=lambda n: outlook.stock[n])
    arrivals = sum(quantity > 0 for quantity in outlook.receipts)
    lowest = f"Projected stock is lowest on {short_day(outlook.days[least])}: {units(outlook.stock[least])} units."
    return f"{words} {lowest} Receipts on {arrivals} days, {units(sum(outlook.receipts))} units in all."


def _x(n: float, count: int) -> float:
    """Return the middle of period n of `count` across the chart."""
    return _LEFT + (n + 0.5) * (_WIDTH - _LEFT - _RIGHT) / max(count, 1)


def _scaled(values: Sequence[float], panel: tuple[float, float], most: float) -> list[tuple[float, float]]:
    top, bottom = panel
    return [(_x(n, len(values)), bottom - (bottom - top) * max(v, 0.0) / most) for n, v in enumerate(values)]


def path_of(points: Sequence[tuple[float, float]]) -> str:
    """Return the path through points, one decimal each."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) if points else ""


def _demand(outlook: Outlook) -> Markup:
    most = nice_above(max([*outlook.high, *outlook.mean, 0.0]))
    high, low = _scaled(outlook.high, _DEMAND, most), _scaled(outlook.low, _DEMAND, most)
    return join(
        panel_frame("demand", _DEMAND, most),
        element("path", d=path_of([*high, *reversed(low)]) + "Z", class_="band"),
        element("path", d=path_of(_scaled(outlook.mean, _DEMAND, most)), class_="mean"),
    )


def _stock(outlook: Outlook) -> Markup:
    most = nice_above(max([*outlook.stock, *outlook.receipts, 0.0]))
    line = _scaled(outlook.stock, _STOCK, most)
    area = [(line[0][0], _STOCK[1]), *line, (line[-1][0], _STOCK[1])] if line else []
    arrivals = [
        element(
            "rect",
            element("title", f"{short_day(outlook.days[n])}: {units(outlook.receipts[n])} units arrive"),
            x=f"{x - 2:.1f}",
            y=f"{y:.1f}",
            width=4,
            height=f"{_STOCK[1] - y:.1f}",
            class_="receipt",
        )
        for n, (x, y) in enumerate(_scaled(outlook.receipts, _STOCK, most))
        if outlook.receipts[n] > 0
    ]
    return join(
        panel_frame("projected stock, bars: receipts", _STOCK, most),
        element("path", d=path_of(area) + "Z" if area else "", class_="stock-area"),
        *arrivals,
        element("path", d=path_of(line), class_="stock"),
    )


def nice_above(value: float) -> float:
    """Return the smallest of 1, 2, 5 × a power of ten that is at least `value`; 1 for nothing."""
    if value <= 0:
        return 1.0
    power = 10.0 ** (len(f"{int(value)}") - 1) if value >= 1 else 1.0
    while power > value:
        power /= 10
    return next(step * power for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= value * (1 - 1e-9))


def panel_frame(words: str, panel: tuple[float, float], most: float, left: float = _LEFT) -> Markup:
    """Return the lines of a panel from 0 to `most`, its words above it; `left` of it is room for the figures."""
    top, bottom = panel
    lines = "".join(f"M{left} {y:.1f}H{_WIDTH - _RIGHT}" for y in (top, (top + bottom) / 2, bottom))
    return join(
        element("path", d=lines, class_="grid"),
        element("text", words, x=left, y=f"{top - 6:.1f}", class_="axis"),
        element("text", units(most), x=left - 5, y=f"{top + 3.5:.1f}", class_="axis end"),
        element("text", "0", x=left - 5, y=f"{bottom + 3.5:.1f}", class_="axis end"),
    )


def _days(days: Sequence[date], y: float) -> Markup:
    step = max(1, -(-len(days) // _MOST_TICKS))
    return join(
        *(
            element("text", short_day(days[n]), x=f"{_x(n, len(days)):.1f}", y=f"{y:.1f}", class_="axis middle")
            for n in range(0, len(days), step)
        )
    )


def bar(value: float, most: float) -> Markup:
    """Return a bar as long as `value` is of `most`, for a cell beside its figure; below zero in another colour."""
    length = 100.0 * min(abs(value) / most, 1.0) if most > 0 else 0.0
    kind = "minus" if value < 0 else None
    return element(
        "svg",
        element("rect", width=f"{length:.1f}", height=8, class_=kind),
        viewBox="0 0 100 8",
        preserveAspectRatio="none",
        class_="bar",
        aria_hidden="true",
    )
