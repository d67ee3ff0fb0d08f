"""Stable names: the same decision on the same thing has the same id in every re-plan."""

import hashlib

_LENGTH = 16


def stable_id(*key: object) -> str:
    """Return a short hash of a decision and its natural key, 16 hexadecimal digits."""
    text = "\x1f".join(str(part) for part in key)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]


def purchase_line_id(item_id: str, location_id: str, source_id: str, order_on: object) -> str:
    """Return the name of a purchase order line."""
    return stable_id("purchase", item_id, location_id, source_id, order_on)


def transfer_line_id(item_id: str, from_location: str, to_location: str, ship_on: object) -> str:
    """Return the name of a transfer line."""
    return stable_id("transfer", item_id, from_location, to_location, ship_on)


def order_id(source_id: str, location_id: str, order_on: object) -> str:
    """Return the name of the order that gathers a supplier's lines for a place and a day."""
    return "PO-" + stable_id("order", source_id, location_id, order_on)[:10]
