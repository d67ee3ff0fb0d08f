r"""
A screen learned from labels: boosted trees over an order's moments, its probabilities calibrated on weeks it never saw.

For check weeks k = 1 .. K before the newest label, trees are fitted to the orders whose labels were known when week k
began, and score it. Two numbers a, b are then fitted to all check weeks,

    P(fraud) = 1 / (1 + exp(−(a + b logit f(x))))

(Platt 1999), and the learned screen serves only where its average precision over the check weeks is above that of the
unlabelled score. The trees that serve are fitted to all labels. Trees: LightGBM (Ke et al. 2017).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from forecasting.boosting import lightgbm

FloatArray = npt.NDArray[np.float64]
WEEK = 7 * 86_400
# Fewest orders known to be fraud, and known to be honest, from which a screen is learned.
LEAST_LABELS = 100
# Newest labelled orders that trees are fitted to; check weeks; days for which learned trees serve.
_MOST_ORDERS, _CHECKS, _SERVES_DAYS = 400_000, 2, 7
_ROUNDS = 250
_PARAMETERS = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 50,
    "lambda_l2": 10.0,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 1,
    "verbose": -1,
}
_REASONS = 3
_FARTHEST = 30.0


@dataclass(frozen=True)
class Learned:
    """A learned screen.

    trees: LightGBM's text; names: its features; shift, slope: a and b of the calibration; until: newest label, seconds
    precision, unlabelled: average precision of both screens over the check weeks
    """

    trees: str
    names: tuple[str, ...]
    shift: float
    slope: float
    until: float
    precision: float
    unlabelled: float

    def probability(self, features: pd.DataFrame) -> FloatArray:
        """Return the calibrated probability of fraud of each order, shape (orders,)."""
        return calibrated(_margin(self.trees, self._matrix(features)), self.shift, self.slope)

    def reasons(self, features: pd.DataFrame) -> list[str]:
        """Return in words what speaks most for fraud in each order (Lundberg and Lee 2017)."""
        matrix = self._matrix(features)
        if not len(matrix):
            return []
        parts = _booster(self.trees).predict(matrix, pred_contrib=True, num_threads=1)[:, :-1]
        first = np.argsort(-parts, axis=1, kind="stable")[:, :_REASONS]
        return [
            ", ".join(words_of(self.names[c], matrix[n, c]) for c in columns if parts[n, c] > 0)
            for n, columns in enumerate(first)
        ]

    def _matrix(self, features: pd.DataFrame) -> FloatArray:
        return features.reindex(columns=list(self.names)).to_numpy(float)


def calibrated(margin: FloatArray, shift: float, slope: float) -> FloatArray:
    """Return 1 / (1 + exp(−(shift + slope × margin)))."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(shift + slope * margin, -_FARTHEST, _FARTHEST))))


def learn(orders: pd.DataFrame, features: pd.DataFrame, unlabelled: FloatArray) -> tuple[Learned | None, str]:
    """Return the screen learned from the labels, None where the unlabelled score serves, and why in words.

    orders, features: as `orders_of` and `moments` return them; unlabelled: the score without labels, shape (orders,)
    """
    fraud = orders["is_fraud"].to_numpy(float)
    known, bad = np.flatnonzero(~np.isnan(fraud)), int(np.nansum(fraud))
    if lightgbm() is None:
        return None, "LightGBM does not load here"
    if min(bad, len(known) - bad) < LEAST_LABELS:
        return None, f"{bad:,} frauds and {len(known) - bad:,} honest orders are known, {LEAST_LABELS} of each needed"
    matrix, chosen = features.to_numpy(float), known[-_MOST_ORDERS:]
    checked = _checked(orders.iloc[chosen], matrix[chosen])
    at = chosen[checked.at]
    if not 0 < fraud[at].sum() < len(at):
        return None, "the labels of the weeks to check on are all alike or too young"
    precision, without = average_precision(fraud[at], checked.margin), average_precision(fraud[at], unlabelled[at])
    found = f"average precision {precision:.2f} on past weeks, {without:.2f} without labels"
    if precision <= without:
        return None, found
    shift, slope = _platt(checked.margin, fraud[at])
    trees = _fit(matrix[chosen], fraud[chosen])
    until = float(orders["second"].to_numpy()[known[-1]])
    return Learned(trees, tuple(features.columns), shift, slope, until, precision, without), found


@dataclass(frozen=True)
class _Checked:
    """Orders of the check weeks by their row, and the margin that trees which never saw the week give them."""

    at: npt.NDArray[np.int64]
    margin: FloatArray


def _checked(orders: pd.DataFrame, matrix: FloatArray) -> _Checked:
    second, known, fraud = (orders[name].to_numpy(float) for name in ("second", "known_second", "is_fraud"))
    at, margin = [np.empty(0, np.int64)], [np.empty(0)]
    for week in range(_CHECKS):
        end = second.max() + 1 - week * WEEK
        begin = end - WEEK
        past = known < begin
        if not 0 < fraud[past].sum() < past.sum():
            continue
        mine = np.flatnonzero((second >= begin) & (second < end))
        at.append(mine)
        margin.append(_margin(_fit(matrix[past], fraud[past]), matrix[mine]))
    return _Checked(np.concatenate(at), np.concatenate(margin))


def _fit(matrix: FloatArray, fraud: FloatArray) -> str:
    library = lightgbm()
    data = library.Dataset(matrix, fraud, params={"verbose": -1, "num_threads": 1, "force_row_wise": True})
    text: str = library.train(_PARAMETERS, data, _ROUNDS).model_to_string()
    return text


def _booster(trees: str) -> Any:
    return lightgbm().Booster(model_str=trees)


def _margin(trees: str, matrix: FloatArray) -> FloatArray:
    if not len(matrix):
        return np.empty(0)
    return np.asarray(_booster(trees).predict(matrix, raw_score=True, num_threads=1), np.float64)


def average_precision(fraud: FloatArray, score: FloatArray) -> float:
    """Return the area under precision over recall as a sum of steps; equal scores are one step."""
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(fraud[order])
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    gained = np.diff(np.append(0.0, hits[last]))
    return float((gained * hits[last] / (last + 1)).sum() / max(hits[-1], 1.0))


def _platt(margin: FloatArray, fraud: FloatArray) -> tuple[float, float]:
    """Return shift and slope of the logistic calibration of margins; the slope never turns the order round."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1e3).fit(margin[:, None], fraud)
    return float(model.intercept_[0]), max(float(model.coef_[0, 0]), 1e-3)


def words_of(name: str, value: float) -> str:
    """Return a feature and its value in words."""
    who, _, rest = name.partition(" ")
    what, _, days = rest.partition(" ")
    span = f"in {days} days" if days != "1" else "in a day"
    told = {
        "orders": f"{value:.0f} orders of the {who} {span}",
        "mean": f"the {who}'s usual order {span} is {value:,.2f}",
        "labels": f"what {value:.0f} orders of the {who} were became known {span}",
        "frauds": f"{value:.0f} frauds of the {who} became known {span}",
        "risk": f"{value:.0%} of the {who}'s orders that became known {span} were fraud",
    }
    alone = {
        "value": f"money of {value:,.2f}",
        "weekend": "at the weekend" if value else "on a working day",
        "night": "at night" if value else "by day",
        "over own mean": f"{value:.1f} times the customer's usual order",
    }
    return alone[name] if name in alone else told[what]


def to_state(learned: Learned) -> pa.Table:
    """Return the screen as a table of one row, for `state/`."""
    row = {**learned.__dict__, "names": list(learned.names)}
    return pa.table({name: [value] for name, value in row.items()})


def from_state(table: pd.DataFrame | None, today: float) -> Learned | None:
    """Return the screen of the plan before, None where there is none or its labels are too old.

    today: seconds of the newest known label
    """
    if table is None or table.empty:
        return None
    row: dict[str, Any] = {str(name): value for name, value in table.iloc[0].items()}
    kept = Learned(**{**row, "names": tuple(row["names"])})
    return kept if 0 <= today - kept.until < _SERVES_DAYS * 86_400 else None
