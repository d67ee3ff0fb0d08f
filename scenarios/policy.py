"""The retailer's settings, read from ``policy.toml``; its keys are declared in ``tables.toml``."""

import tomllib
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from scenarios.faults import Fault, expectation, nearest, remedy
from scenarios.schema import Column, declared

_FILE = "policy.toml"


@dataclass(frozen=True)
class Policy:
    """Settings with their defaults; what each means and its unit stands in ``tables.toml``."""

    currency: str = "EUR"
    period: str = "day"
    plan_date: date | None = None
    horizon: int | None = None
    lead_time_days: int = 7
    review_days: int = 7
    paths: int = 200
    seed: int = 1
    dependence: str = "shock"
    holding_rate: float = 0.25
    holding_cost: float | None = None
    shortage_cost: float | None = None
    service_level: float = 0.95
    unmet: str = "lost_sales"
    decimal: str = "."
    node_limit: int = 200
    route_iterations: int = 1000
    sell_through_cost: float = 0.25
    markdown_budget_covers_promotions: bool = False
    price_review_changes: int = 0
    price_review_band: float = 0.1
    price_review_caution: float = 1.0
    price_review_days: int = 28
    release_gap: float = 0.05
    release_stale_days: int = 7
    passes: int = 2
    frozen_days: int = 0
    change_cost: float = 0.0
    change_rate: float = 0.0
    risk_aversion: float = 0.0
    stock_share: float = 1.0
    wrong_hold_rate: float = 0.025
    hold_ratio: float | None = None
    customer_segments: str = "k_means"


def read_policy(folder: Path) -> tuple[Policy, list[Fault]]:
    """Return the policy of a folder and what is wrong with it; a faulty key keeps its default."""
    path = folder / _FILE
    if not path.exists():
        return Policy(), []
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return Policy(), [Fault("policy", _FILE, 0, "", str(error), "TOML", "correct the file; the defaults are used")]
    return checked_policy(given, Policy())


def checked_policy(given: dict[str, Any], base: Policy) -> tuple[Policy, list[Fault]]:
    """Return ``base`` with the keys given, and what is wrong with them; a faulty key keeps its value."""
    table = declared()["policy"]
    values: dict[str, Any] = {}
    faults = []
    for key, value in given.items():
        if key not in table.names:
            hint = "remove it" + nearest(key, table.names)
            faults.append(Fault("policy", _FILE, 0, key, str(value), "a key of docs/tables.md", hint))
            continue
        column = table.column(key)
        kind, typed = _typed(column, value)
        if kind:
            faults.append(
                Fault("policy", _FILE, 0, key, str(value), expectation(column, kind), remedy(column, kind, str(value)))
            )
        else:
            values[key] = typed
    return replace(base, **values), faults


def _typed(column: Column, value: Any) -> tuple[str, Any]:
    if column.type == "date":
        return _typed_date(value)
    if column.type in {"text", "choice"}:
        right = isinstance(value, str) and (not column.choices or value in column.choices)
        return ("" if right else "type"), value
    if column.type == "boolean":
        return ("" if isinstance(value, bool) else "type"), value
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return "type", value
    if column.type in {"integer", "days"}:
        if int(value) != value:
            return "type", value
        value = int(value)
    low = column.minimum is not None and value < column.minimum
    high = column.maximum is not None and value > column.maximum
    return ("low" if low else "high" if high else ""), value


def _typed_date(value: Any) -> tuple[str, date | None]:
    if isinstance(value, datetime):
        return "", value.date()
    if isinstance(value, date):
        return "", value
    try:
        return "", date.fromisoformat(str(value))
    except ValueError:
        return "type", None


def policy_text(policy: Policy) -> str:
    """Return the policy as the text of a ``policy.toml`` that gives every key with a value."""
    lines = []
    for name in policy_names():
        value = getattr(policy, name)
        if value is not None:
            lines.append(f"{name} = {value.isoformat() if isinstance(value, date) else _toml(value)}")
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else repr(value)


def policy_names() -> tuple[str, ...]:
    """Return the keys of the policy, in the order of the dataclass."""
    return tuple(field.name for field in fields(Policy))
