"""What was known of an order at its own moment: windows over its customer, terminal, device and means of payment."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.filters.screen import labels_before
from optimizer.filters.usual import codes_of
from scenarios.world import World

FloatArray = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
MEMBERS = {"customer_id": "customer", "terminal_id": "terminal", "device": "device", "payment": "payment"}
WINDOW_DAYS = (1, 7, 30)
_DAY = 86_400
# Orders before this hour are of the night.
_MORNING = 7
# A member without known labels bears the risk of a member of which so many orders without fraud are known.
_PRIOR_LABELS = 1.0


def orders_of(world: World, lines: pd.DataFrame) -> pd.DataFrame:
    """Return an order a row, in the order of time, with what its lines have in common.

    lines: as `order_lines` returns them; rows that ask for nothing, or have no time, are left out

    Columns: order, order_id, second (since 1970), value (money), the columns of MEMBERS, and from `fraud_labels`
    is_fraud (NaN: not known before the plan date) and known_second.
    """
    asked = lines[lines["is_order"] & lines["ordered_at"].notna()]
    order = pd.factorize(asked["order"])[0]
    orders = asked.drop_duplicates("order")[["order", "order_id", "ordered_at", *MEMBERS]].reset_index(drop=True)
    if len(orders) < len(asked):
        for name in MEMBERS:
            orders[name] = asked[name].groupby(order).first()
    labels = labels_before(world)
    at = pd.Index(labels["order_id"]).get_indexer(pd.Index(orders["order_id"]))
    second = _seconds(orders["ordered_at"])
    known = np.append(_seconds(labels["known_at"]), np.nan)[at]
    return orders.assign(
        value=np.bincount(order, np.nan_to_num(asked["value"].to_numpy(float)), len(orders)),
        second=second,
        is_fraud=np.append(labels["is_fraud"].to_numpy(float), np.nan)[at],
        # A label without a time of its own was known right after the order: no order knows its own label.
        known_second=np.where(np.isnan(known), second + 1.0, known),
    )


def _seconds(instants: "pd.Series[pd.Timestamp]") -> FloatArray:
    found = instants.to_numpy().astype("datetime64[s]")
    return np.where(np.isnat(found), np.nan, found.astype(np.int64)).astype(np.float64)


def moments(orders: pd.DataFrame, rows: Codes | None = None) -> pd.DataFrame:
    r"""
    Return the features of the orders in `rows` (None: of all), all of them known at the moment of the order itself.

    orders: as `orders_of` returns them; rows: ascending numbers of rows

    Of each kind of member and each window w of 1, 7 and 30 days: orders in (t − w, t] and their mean money; labels that
    became known in (t − w, t], the frauds among them and their share. A label counts from its `known_at` on, so its
    delay needs no parameter: Le Borgne et al. (2022), Reproducible Machine Learning for Credit Card Fraud
    Detection, chapter 3, whose fixed delay is the case known_at = t + 7 days. Besides: the money over the
    customer's own mean, night and weekend.
    """
    rows = np.arange(len(orders)) if rows is None else rows
    second, value = (orders[name].to_numpy(float)[rows] for name in ("second", "value"))
    columns: dict[str, FloatArray] = {"value": value}
    day = (second // _DAY).astype(np.int64)
    columns["weekend"] = ((day + 3) % 7 >= 5).astype(float)
    columns["night"] = (second % _DAY < _MORNING * 3600).astype(float)
    for column, name in MEMBERS.items():
        member = codes_of(orders[column])
        if (member >= 0).any():
            columns |= _windows(orders, member, name, rows)
    if "customer mean 30" in columns:
        columns["over own mean"] = value / np.maximum(columns["customer mean 30"], 1e-9)
    return pd.DataFrame(columns)


def _windows(orders: pd.DataFrame, member: Codes, name: str, rows: Codes) -> dict[str, FloatArray]:
    second = orders["second"].to_numpy(float)
    value, fraud, known = (orders[column].to_numpy(float) for column in ("value", "is_fraud", "known_second"))
    booked, labelled = _Sums(member, second, [value]), _Sums(member, known, [np.nan_to_num(fraud)], ~np.isnan(fraud))
    # Looked up member after member: neighbours in a sorted list are found many times faster than places at random.
    sought = rows[np.argsort(member[rows], kind="stable")]
    member, second = member[sought], second[sought]
    found: dict[str, FloatArray] = {}
    for days in WINDOW_DAYS:
        count, money = booked.within(member, second, days * _DAY)
        labels, frauds = labelled.within(member, second, days * _DAY)
        found[f"{name} orders {days}"] = count
        found[f"{name} mean {days}"] = money / np.maximum(count, 1.0)
        found[f"{name} labels {days}"] = labels
        found[f"{name} frauds {days}"] = frauds
        found[f"{name} risk {days}"] = frauds / np.maximum(labels, _PRIOR_LABELS)
    back = np.argsort(sought, kind="stable")
    return {key: np.where(member >= 0, part, np.nan)[back] for key, part in found.items()}


class _Sums:
    """Running sums of events by member and time, to read windows from: O(log events) each."""

    def __init__(
        self,
        member: Codes,
        second: FloatArray,
        values: Sequence[FloatArray],
        counts: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        chosen = (member >= 0) if counts is None else (member >= 0) & counts
        self._start = float(second[chosen].min()) if chosen.any() else 0.0
        self._span = float(second[chosen].max()) - self._start + 1e9 if chosen.any() else 1.0
        key = member[chosen] * self._span + (second[chosen] - self._start)
        order = np.argsort(key, kind="stable")
        self._key = key[order]
        self._sums = [np.append(0.0, np.cumsum(part[chosen][order])) for part in values]

    def within(self, member: Codes, second: FloatArray, length: float) -> list[FloatArray]:
        """Return number and sums of the events of each row's member in (second − length, second]."""
        base = member * self._span
        at = np.maximum(second - self._start, -1.0)
        last = np.searchsorted(self._key, base + at, side="right")
        first = np.searchsorted(self._key, base + np.maximum(at - length, -1.0), side="right")
        return [(last - first).astype(float), *(part[last] - part[first] for part in self._sums)]
