"""The top of the page: which day, whether it is checked, how good it is, and the key figures beside order as before."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from optimizer.reports.markup import Markup, element, join
from optimizer.reports.material import Material
from optimizer.reports.stops import NO_STOPS
from optimizer.reports.tables import Field, note, section, table
from optimizer.reports.wording import counted, day_words, major, missing, percent, units
from scenarios.world import rows_of

# Key figures in words, and the direction that is good: +1 more, -1 less, 0 neither by itself.
_FIGURES: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "expected_cost": ("Expected cost of stock", -1),
        "fill_rate": ("Demand served from stock", 1),
        "shortage_cost": ("Expected cost of shortage", -1),
        "holding_cost": ("Expected cost of holding", -1),
        "waste_cost": ("Expected cost of waste", -1),
        "finance_total": ("To be booked today", 0),
        "purchase_amount": ("Goods ordered today", 0),
        "order_cost": ("Cost of placing orders", -1),
        "transfer_cost": ("Cost of transfers", -1),
        "route_cost": ("Cost of routes", -1),
        "orders": ("Orders today", 0),
        "order_lines": ("Order lines today", 0),
        "units_ordered": ("Units ordered today", 0),
        "demand_units": ("Expected demand", 0),
        "lost_units": ("Expected units not served", -1),
        "out_of_stock_probability": ("Risk of being out of stock", -1),
        "expired_units": ("Expected units expired", -1),
    }
)
_CARDS = ("expected_cost", "fill_rate", "shortage_cost", "purchase_amount", "order_lines", "route_cost")
_COMMANDS = MappingProxyType({"plan": "Plan", "reorder": "Orders", "forecast": "Forecast"})
_DECISIONS = MappingProxyType({"reorder": "orders", "markdown": "prices"})
# Differences under half of what is shown are none.
_SAME = 5e-4


def title_of(material: Material) -> str:
    """Return the title of the page."""
    return f"{_COMMANDS.get(material.command, 'Plan')} for {day_words(material.plan_date)}"


def headline(material: Material) -> Markup:
    """Return the head of the page: title, state of the proof, and what there is to do today in one sentence."""
    policy = material.world.policy
    facts = (
        ("Currency", material.currency),
        ("Horizon", counted(int(material.evidence.run.get("horizon", 0)), policy.period)),
        ("Demand paths", f"{policy.paths:,}"),
        *_gaps(material),
    )
    terms = (element("div", element("dt", name), element("dd", value)) for name, value in facts)
    return element(
        "header",
        element("p", "Dayplan", class_="brand"),
        element("h1", title_of(material)),
        _verified(material),
        element("p", _today(material), class_="lead"),
        element("dl", *terms, class_="facts"),
    )


def _gaps(material: Material) -> list[tuple[str, str]]:
    proofs: Mapping[str, Mapping[str, Any]] = material.evidence.certificate.get("decisions", {})
    return [
        (f"Gap, {_DECISIONS.get(name, name)}", percent(float(proof["gap"]), 2))
        for name, proof in sorted(proofs.items())
        if not missing(proof.get("gap"))
    ]


def _verified(material: Material) -> Markup:
    if material.changed:
        names = ", ".join(material.changed[:5])
        words = f"Not as published: {names}. Do not rely on this page; make the plan again."
        return element("p", element("b", "✗ changed"), " ", words, class_="state bad", data_verified="no")
    words = "The plan passed every check before it was published, and none of its files has changed."
    return element("p", element("b", "✓ verified"), " ", words, class_="state good", data_verified="yes")


def _today(material: Material) -> str:
    """Return what there is to do today, in one sentence."""
    orders, transfers = material.today("purchase_orders"), material.today("transfers")
    routes, prices = material.frame("routes"), material.frame("price_changes")
    parts = []
    if len(orders):
        lines = counted(len(orders), "line")
        held = int((orders["hold"].fillna("") != "").sum())
        waits = f" ({counted(held, 'line')} held)" if held else ""
        parts.append(f"{counted(orders['order_id'].nunique(), 'order')} with {lines} to release{waits}")
    if len(transfers):
        parts.append(f"{counted(len(transfers), 'transfer line')} to ship")
    if len(prices):
        parts.append(f"{counted(len(prices), 'price')} to change")
    if len(routes):
        stops = int((~routes["kind"].isin(NO_STOPS)).sum())
        parts.append(f"{counted(routes['route_id'].nunique(), 'route')} with {counted(stops, 'stop')} to drive")
    if parts:
        return f"Today: {', '.join(parts)}."
    if not material.has("purchase_orders"):
        return "This folder holds a forecast only: nothing is decided in it."
    return "Nothing is to be ordered, moved or driven today."


def figures(material: Material) -> Markup | None:
    """Return the key figures beside those of order as before; None where the folder has none."""
    kpis = material.frame("kpis")
    if kpis.empty:
        return None
    rank = {name: n for n, name in enumerate(_FIGURES)}
    rows = sorted(rows_of(kpis), key=lambda row: (rank.get(row.name, len(rank)), row.name))
    found = {row.name: row for row in rows}
    cards = [_card(material, found[name]) for name in _CARDS if name in found]
    fields = (
        Field("Figure", lambda row: _words(row.name)),
        Field("This plan", lambda row: _shown(material, row.value, row.unit), "n"),
        Field("Order as before", lambda row: _shown(material, row.baseline, row.unit), "n"),
        Field("Difference", lambda row: _difference(material, row), "n"),
    )
    return section(
        "figures",
        "Key figures",
        element("div", *cards, class_="cards"),
        table("All key figures of this plan and of order as before", fields, rows, "kpis"),
        note(
            "Order as before: mean sales of the last weeks for lead and review time, judged on the same demand paths."
            " Stock costs are expected over the horizon; bookings are those of today."
        ),
    )


def _words(name: str) -> str:
    return _FIGURES.get(name, (name.replace("_", " "), 0))[0]


def _shown(material: Material, value: Any, unit: str) -> str:
    if missing(value):
        return "–"
    if unit == material.currency:
        return f"{major(value, material.currency)} {unit}"
    return percent(value) if unit == "share" else f"{units(value)} {unit}" if unit == "units" else units(value)


def _card(material: Material, row: Any) -> Markup:
    before = None if missing(row.baseline) else f"before: {_shown(material, row.baseline, row.unit)}"
    return element(
        "div",
        element("p", _words(row.name), class_="label"),
        element("p", _figure(material, row), class_="value"),
        element("p", _difference(material, row), before, class_="before"),
        class_="card",
    )


def _figure(material: Material, row: Any) -> Markup:
    number, _, unit = _shown(material, row.value, row.unit).partition(" ")
    return join(number, " ", element("small", unit)) if unit else join(number)


def _difference(material: Material, row: Any) -> Markup:
    """Return how the plan differs from order as before, with a sign and a word, not by colour alone."""
    if missing(row.baseline):
        return Markup("")
    change = float(row.value) - float(row.baseline)
    if abs(change) < _SAME:
        return element("span", "same", class_="same")
    direction = _FIGURES.get(row.name, ("", 0))[1]
    judged = direction * change
    kind = "better" if judged > 0 else "worse" if judged < 0 else "neutral"
    size = f"{100 * abs(change):,.1f} points" if row.unit == "share" else _shown(material, abs(change), row.unit)
    arrow = "▲" if change > 0 else "▼"
    return element("span", join(arrow, " ", size, "" if kind == "neutral" else f" {kind}"), class_=kind)
