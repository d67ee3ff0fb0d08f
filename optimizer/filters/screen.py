"""Which orders look wrong? Robust distances from what is usual for the item, and rules in words."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from scenarios.world import World

FloatArray = npt.NDArray[np.float64]
# Robust standard deviations of log units above the item's usual line from which a line is suspicious, or bulk.
SUSPICIOUS, BULK = 3.0, 4.0
# Customers with at most this many orders are new; a device seen with at least this many customers is shared.
_NEW_ORDERS, _SHARED = 3, 2
# Smallest spread assumed of log units, and fewest lines on which an item is judged by itself.
_LEAST_SPREAD, _LEAST_LINES = 0.35, 8
# Consistency factor of the median absolute deviation for normal data.
_MAD = 1.4826


@dataclass(frozen=True)
class Screened:
    """What is thought of each order line, following the rows of the transactions.

    score: 0 (nothing against it) to 1 (known fraud); made of rules and distances, not a calibrated probability
    kind: "", "fraud" (known or suspected) or "bulk" (far above the usual line, by a customer nothing speaks against)
    usual: units of the item's median line
    reason: in words
    """

    score: FloatArray
    kind: npt.NDArray[np.object_]
    usual: FloatArray
    reason: npt.NDArray[np.object_]


def screen_lines(world: World, lines: pd.DataFrame) -> Screened:
    """Judge each line with positive units; labels known before the plan date win over rules."""
    ordered = lines["units"].to_numpy(float) > 0
    distance, usual = _distance(lines, ordered)
    orders = lines[ordered].groupby("customer_id")["order_id"].nunique()
    count = lines["customer_id"].map(orders).fillna(0).to_numpy(float)
    is_new = (count <= _NEW_ORDERS) | lines["customer_id"].isna().to_numpy()
    people = lines[ordered & lines["device"].notna().to_numpy()].groupby("device")["customer_id"].nunique()
    shared = lines["device"].map(people).fillna(0).to_numpy(float) >= _SHARED
    score = _score(distance, is_new, shared)
    known = world.frame("fraud_labels").set_index("order_id")["is_fraud"]
    is_known = lines["order_id"].isin(known.dropna().index).to_numpy()
    is_fraud = lines["order_id"].isin(known.index[known == True]).to_numpy()  # noqa: E712 - empty cells are no fraud
    score = np.where(is_known, is_fraud.astype(float), score)
    suspected = ordered & (score >= 0.5)
    bulk = ordered & ~suspected & (distance >= BULK)
    kind = np.where(suspected, "fraud", np.where(bulk, "bulk", "")).astype(object)
    words = _words(lines, (distance, usual), (is_new, shared, is_known & is_fraud), kind)
    return Screened(np.where(ordered, score, 0.0), kind, usual, words)


def _distance(lines: pd.DataFrame, ordered: npt.NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
    """Return how many robust deviations log units lie above the item's median, and the median in units.

    Items with few lines borrow the spread of all; the median stays their own.
    """
    units = np.where(ordered, lines["units"].to_numpy(float), np.nan)
    logs = pd.Series(np.log(np.where(units > 0, units, 1.0))).where(ordered)
    item = lines["item_id"].fillna("").reset_index(drop=True)
    centre = logs.groupby(item).transform("median")
    away = (logs - centre).abs()
    spread = away.groupby(item).transform("median") * _MAD
    count = logs.groupby(item).transform("count")
    overall = float(away.median() * _MAD) if ordered.any() else _LEAST_SPREAD
    spread = spread.where(count >= _LEAST_LINES, max(overall, _LEAST_SPREAD)).clip(lower=_LEAST_SPREAD)
    distance = ((logs - centre) / spread).fillna(0.0).to_numpy(float)
    return distance, np.exp(centre.fillna(0.0).to_numpy(float))


def _score(distance: FloatArray, is_new: npt.NDArray[np.bool_], shared: npt.NDArray[np.bool_]) -> FloatArray:
    """Return the score: many units count fully only together with a new customer or a shared device."""
    far = 1.0 / (1.0 + np.exp(-(distance - SUSPICIOUS)))
    against = 0.45 * is_new + 0.45 * shared
    return np.asarray(np.round(np.where(distance >= SUSPICIOUS, far * (0.1 + against), 0.2 * far * against), 6))


def _words(
    lines: pd.DataFrame,
    size: tuple[FloatArray, FloatArray],
    signs: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], npt.NDArray[np.bool_]],
    kind: npt.NDArray[np.object_],
) -> npt.NDArray[np.object_]:
    distance, usual = size
    is_new, shared, labelled = signs
    words = np.full(len(lines), "", object)
    for n in np.flatnonzero(kind != ""):
        if labelled[n]:
            words[n] = "known fraud"
            continue
        parts = [f"{lines['units'].iloc[n]:g} units where {usual[n]:,.1f} are usual ({distance[n]:.1f} deviations)"]
        parts += ["a new customer"] if is_new[n] else []
        parts += ["a device that several customers share"] if shared[n] else []
        words[n] = f"{'suspected fraud' if kind[n] == 'fraud' else 'bulk order'}: " + ", ".join(parts)
    return words
