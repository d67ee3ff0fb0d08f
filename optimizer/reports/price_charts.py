"""Pictures of price changes as SVG: what each price of the ladder would bring, and price and stock week by week."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from optimizer.reports.charts import nice_above, panel_frame, path_of
from optimizer.reports.markup import Markup, element, join
from optimizer.reports.wording import rate, short_day, units

_WIDTH, _HEIGHT = 360, 232
_LEFT, _RIGHT = 46, 8
# Upper and lower end of each panel: the ladder above, the weeks below.
_LADDER, _WEEKS = (20.0, 92.0), (134.0, 208.0)


def price_chart(numbers: Mapping[str, Any], title: str, identity: str, currency: str) -> Markup:
    """Return the picture of one price change from the numbers of its explanation."""
    return element(
        "svg",
        element("title", title, id=f"{identity}-t"),
        element("desc", _description(numbers, currency), id=f"{identity}-d"),
        _ladder(numbers["ladder"], currency),
        _stock(numbers["weeks"], currency),
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        aria_labelledby=f"{identity}-t {identity}-d",
        class_="outlook",
    )


def _description(numbers: Mapping[str, Any], currency: str) -> str:
    """Return the picture in words."""
    told = [f"{rate(rung['price'], currency)} brings {rung['value']:,.0f}" for rung in numbers["ladder"]]
    last = numbers["weeks"][-1]
    return (
        f"Held until {numbers['exit']}: {', '.join(told)} {currency}. As planned {units(last['left'])} of"
        f" {units(numbers['stock'])} are left, {units(last['left_low'])} to {units(last['left_high'])}."
    )


def _middle(n: int, count: int) -> float:
    return _LEFT + (n + 0.5) * (_WIDTH - _LEFT - _RIGHT) / max(count, 1)


def _height(value: float, panel: tuple[float, float], most: float) -> float:
    return panel[1] - (panel[1] - panel[0]) * max(value, 0.0) / most


def _ladder(rungs: Sequence[Mapping[str, Any]], currency: str) -> Markup:
    """Return a bar for each price, the decided one marked, with the band of four in five outcomes."""
    most = nice_above(max(rung["value_high"] for rung in rungs))
    wide = min(0.5 * (_WIDTH - _LEFT - _RIGHT) / len(rungs), 22.0)
    parts = [panel_frame("money if held until the exit", _LADDER, most, _LEFT)]
    for n, rung in enumerate(rungs):
        x, top = _middle(n, len(rungs)), _height(rung["value"], _LADDER, most)
        low, high = (_height(rung[name], _LADDER, most) for name in ("value_low", "value_high"))
        parts += [
            element(
                "rect",
                element("title", f"{rate(rung['price'], currency)} {currency}: {rung['value']:,.2f}"),
                x=f"{x - wide / 2:.1f}",
                y=f"{top:.1f}",
                width=f"{wide:.1f}",
                height=f"{_LADDER[1] - top:.1f}",
                class_="stock-area" if rung["beside"] else "receipt",
            ),
            element("path", d=path_of([(x, low), (x, high)]), class_="stock"),
            element(
                "text", rate(rung["price"], currency), x=f"{x:.1f}", y=f"{_LADDER[1] + 12:.1f}", class_="axis middle"
            ),
        ]
    return join(*parts)


def _stock(weeks: Sequence[Mapping[str, Any]], currency: str) -> Markup:
    """Return what is left at the end of each week with its band, and the price of the week."""
    # Room above the line for the prices.
    most = nice_above(1.2 * max([*(week["left_high"] for week in weeks), 1.0]))
    points = {
        name: [(_middle(n, len(weeks)), _height(week[name], _WEEKS, most)) for n, week in enumerate(weeks)]
        for name in ("left", "left_low", "left_high")
    }
    parts = [
        panel_frame("left at the end of the week; its price above", _WEEKS, most, _LEFT),
        element("path", d=path_of([*points["left_high"], *reversed(points["left_low"])]) + "Z", class_="band"),
        element("path", d=path_of(points["left"]), class_="mean"),
    ]
    step = max(1, -(-len(weeks) // 6))
    before = None
    for n, week in enumerate(weeks):
        x = f"{_middle(n, len(weeks)):.1f}"
        if week["price"] != before:
            parts.append(
                element("text", rate(week["price"], currency), x=x, y=f"{_WEEKS[0] + 8:.1f}", class_="axis middle")
            )
        if n % step == 0:
            day = short_day(date.fromisoformat(week["from"]))
            parts.append(element("text", day, x=x, y=f"{_HEIGHT - 10:.1f}", class_="axis middle"))
        before = week["price"]
    return join(*parts)


def _word(words: str, x: float, y: float) -> Markup:
    return element("text", words, x=f"{x:.1f}", y=f"{y:.1f}", class_="axis middle")
