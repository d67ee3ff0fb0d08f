r"""
The level: exponential smoothing of deseasonalised demand with several decays at once.

With x_t the demand of period t divided by its profile factor f_t (completed where stock ran out) and decays a_k,

    A_k <- a_k A_k + x_t,   B_k <- a_k B_k + 1,   level_k = A_k / B_k
    level = sum_k w_k level_k,   w_k >= 0,   sum_k w_k = 1

so a fast level is drawn to slow ones, the slowest being the series' own mean. That mean times the drift of its product,
and of its group, are two more members of the sum. The weights w are those that would have
predicted best, over all past origins of all series of a class, the periods ``lead`` ahead (Granger and Ramanathan
1984, least squares; scaled by each series' mean absolute change). Decay, weights and censoring are all chosen there.
The prior, what the same item sells elsewhere, counts as so many periods before the first (``priors``). A and B are all
that a new period needs of the past: a pass that begins with those of yesterday ends as a pass over the whole history.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.optimize import nnls

from forecasting.censoring import censored_mean
from forecasting.panel import Floats, Integers

CLASS_EDGES = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4)
CLASSES = len(CLASS_EDGES) + 1
# Row of the weights for series whose forecast errs to one side: one fast decay alone.
HASTY = CLASSES
# Candidates (recovery, variation), from "the bound as it stands" to far above it.
CENSORINGS = ((0.0, 0.0), (0.2, 0.0), (0.5, 0.0), (1.0, 0.0), (1.0, 0.15), (1.0, 0.25), (1.0, 0.4), (1.0, 0.6))
STANDARD_CENSORING = (1.0, 0.25)
# Biases that differ by less than this many standard errors, or this share of the scale, are the same.
NOISE = 2.0
NEGLIGIBLE = 0.02
TRUSTS = (1.0, 0.5, 0.25)
CLASS_CELLS = 5_000.0
UNIT_SUM_WEIGHT = 1e3
NO_PRIOR = 1e-9


class FilterInput(NamedTuple):
    """
    History in steps.

    ``units``, ``share`` in stock (series, period); ``factor`` (series, period + horizon); ``prior`` and the periods it
    counts for, ``weight``, ``volume`` class and ``scale`` (series,), the scale as one over its square; ``drift``
    (series, layer, period + 1), see ``drift``.
    """

    units: Floats
    share: Floats
    factor: Floats
    prior: Floats
    weight: Floats
    volume: Integers
    scale: Floats
    drift: Floats


@dataclass(frozen=True)
class LevelRule:
    """
    How levels are smoothed.

    Parameters
    ----------
    decays : array, shape (decay,)
        Share of a weight kept per period [a].
    weights : array, shape (class, decay) or (class + 1, decay)
        Weights of the decays, summing to 1 per class [w]; the last row is that of hasty series, see ``hastened``.
    recovery : float
        Share believed of the excess E[D | D >= y] - y over the recorded bound [r].
    variation : float
        Coefficient of variation of censored demand [v].
    trust : float
        Weight of a period with a stock-out against one without [b].
    """

    decays: Floats
    weights: Floats
    recovery: float
    variation: float
    trust: float


class FilterOutput(NamedTuple):
    """
    Result of one pass.

    ``level`` (series, period + 1) is known before each period, its last column is the level of the plan date;
    ``completed`` (series, period) holds units with stock-outs replaced by their expectation. ``square`` (class, decay,
    decay), ``cross`` (class, decay), ``bias``, ``error`` and ``cells`` (class,) are the least-squares problem's sums.
    ``above`` and ``below`` (series, decay) are A and B of the module after the last period.
    """

    level: Floats
    completed: Floats
    square: Floats
    cross: Floats
    bias: Floats
    error: Floats
    cells: Floats
    above: Floats
    below: Floats


class Begin(NamedTuple):
    """
    Where a pass begins.

    ``first`` (series,) period; A and B before it, ``above`` and ``below`` (series, decay). ``level`` (series,
    period + 1) and ``completed`` (series, period) are what is known of the periods before, NaN where nothing is kept.
    """

    first: Integers
    above: Floats
    below: Floats
    level: Floats
    completed: Floats

    def rows(self, chosen: slice | Integers) -> Begin:
        """Return the beginning of some series."""
        first, above, below = self.first[chosen], self.above[chosen], self.below[chosen]
        return Begin(first, above, below, self.level[chosen], self.completed[chosen])


def volume_class(mean_steps: Floats) -> Integers:
    """Return the class of every series by its mean demand in steps per period."""
    return np.asarray(np.searchsorted(np.array(CLASS_EDGES), mean_steps), dtype=np.int64)


def from_prior(history: FilterInput, decays: int) -> Begin:
    """Return the beginning of a pass over the whole history: the prior counts before it."""
    series, periods = history.units.shape
    below = np.repeat(history.weight[:, None], decays, axis=1)
    nothing = np.full((series, periods + 1), np.nan), np.full((series, periods), np.nan)
    return Begin(np.zeros(series, dtype=np.int64), below * history.prior[:, None], below, *nothing)


def smooth(history: FilterInput, rule: LevelRule, lead: int, warm_up: int, begin: Begin | None = None) -> FilterOutput:
    """Run the filter over all series, from the prior or from where an earlier pass ended; see the module."""
    decays = rule.weights.shape[1]
    begin = from_prior(history, len(rule.decays)) if begin is None else begin
    out = FilterOutput(
        begin.level.copy(),
        begin.completed.copy(),
        np.zeros((CLASSES, decays, decays)),
        np.zeros((CLASSES, decays)),
        np.zeros(CLASSES),
        np.zeros(CLASSES),
        np.zeros(CLASSES),
        begin.above.copy(),
        begin.below.copy(),
    )
    censoring = (rule.recovery, rule.variation, rule.trust)
    _smooth(history, (rule.decays, rule.weights), censoring, (lead, warm_up, begin.first), out)
    return out


@njit(cache=True)  # type: ignore[untyped-decorator]
def _add_origin(bank: Floats, weights: Floats, seen: tuple[float, float, float], c: int, out: FilterOutput) -> None:
    """Add one period in stock to the least-squares problem of its class."""
    y, f, pull = seen
    error = -y
    for k in range(len(weights)):
        error += weights[k] * f * bank[k]
        out.cross[c, k] += pull * f * bank[k] * y
        for j in range(len(weights)):
            out.square[c, k, j] += pull * f * f * bank[k] * bank[j]
    out.bias[c] += np.sqrt(pull) * error
    out.error[c] += pull * error * error
    out.cells[c] += 1.0


@njit(cache=True)  # type: ignore[untyped-decorator]
def _smooth(  # noqa: C901 - one pass over the periods; splitting it further would copy the state
    history: FilterInput,
    mix: tuple[Floats, Floats],
    censoring: tuple[float, float, float],
    times: tuple[int, int, Integers],
    out: FilterOutput,
) -> None:
    decays, weights = mix
    recovery, variation, trust = censoring
    lead, warm_up, first = times
    series, periods = history.units.shape
    bank = np.empty((periods + 1, weights.shape[1]))
    for i in range(series):
        c = history.volume[i]
        above = out.above[i]
        below = out.below[i]
        age = 0
        for t in range(first[i], periods + 1):
            level = 0.0
            for k in range(weights.shape[1]):
                if k < len(decays):
                    bank[t, k] = above[k] / below[k]
                else:
                    bank[t, k] = bank[t, len(decays) - 1] * history.drift[i, k - len(decays), t]
                level += weights[c, k] * bank[t, k]
            out.level[i, t] = level
            if t == periods:
                break
            y = history.units[i, t]
            out.completed[i, t] = y
            if np.isnan(y):
                continue
            f = history.factor[i, t]
            age += 1
            weight = 1.0
            if history.share[i, t] <= 0.0 and y <= 0.0:
                y, weight = level * f, 0.0
                out.completed[i, t] = y
            elif history.share[i, t] < 1.0:
                # A zero says something only for the hours in stock.
                weight = trust if y > 0.0 else trust * history.share[i, t]
                y += recovery * (censored_mean(y, level * f, variation) - y)
                out.completed[i, t] = y
            elif age > warm_up + lead:
                _add_origin(bank[t - lead + 1], weights[c], (y, f, history.scale[i]), c, out)
            if f > 0.0:
                for k in range(len(decays)):
                    above[k] = decays[k] * above[k] + weight * y / f
                    below[k] = decays[k] * below[k] + weight


def combine(square: Floats, cross: Floats) -> Floats:
    """Return the weights (non-negative, summing to 1) of one least-squares problem."""
    size = len(cross)
    total = float(np.trace(square))
    if total <= 0.0:
        return np.full(size, 1.0 / size)
    values, vectors = np.linalg.eigh(square / total + 1e-9 * np.eye(size))
    root = np.sqrt(np.maximum(values, 1e-12))
    rows = np.vstack([root[:, None] * vectors.T, UNIT_SUM_WEIGHT * np.ones(size)])
    target = np.append((vectors.T @ cross) / total / root, UNIT_SUM_WEIGHT)
    weights, _ = nnls(rows, target)
    return np.asarray(weights / weights.sum())


def class_weights(result: FilterOutput) -> Floats:
    """Return the weights of every class, each class's sums joined by a share of everybody's."""
    cells = max(float(result.cells.sum()), 1.0)
    square = result.square + CLASS_CELLS / cells * result.square.sum(axis=0)
    cross = result.cross + CLASS_CELLS / cells * result.cross.sum(axis=0)
    return np.stack([combine(square[c], cross[c]) for c in range(CLASSES)])


def hastened(rule: LevelRule, decay: float) -> LevelRule:
    """Return the rule with the row of hasty series: the level of the given decay alone."""
    row = (np.arange(rule.weights.shape[1]) == int(np.argmin(np.abs(rule.decays - decay)))).astype(np.float64)
    return replace(rule, weights=np.vstack([rule.weights, row]))


def fit_rule(history: FilterInput, decays: Floats, lead: int, warm_up: int) -> LevelRule:
    """
    Choose censoring and weights on the past origins of the given series.

    For every candidate the weights are fitted twice (the second time with the completed demand of the first). Kept is
    the fullest excess, up to the standard one, whose absolute bias on periods in stock is within noise of the least:
    the forecast is of sales in a period fully in stock, and few data leave the standard. Then the trust with the least
    squared error.
    """
    members = len(decays) + history.drift.shape[1]
    even = np.full((CLASSES, members), 1.0 / members)
    rule = LevelRule(decays, even, *STANDARD_CENSORING, TRUSTS[1])
    if not bool(((history.share < 1.0) & (history.units > 0.0)).any()):
        return _refit(history, rule, lead, warm_up).rule
    tried = [
        _refit(history, replace(rule, recovery=recovery, variation=variation), lead, warm_up)
        for recovery, variation in CENSORINGS
    ]
    kept = tried[_fullest(np.array([abs(fit.bias) for fit in tried]), tried[0].cells)].rule
    tried = [_refit(history, replace(kept, trust=trust), lead, warm_up) for trust in TRUSTS]
    return tried[int(np.argmin([fit.error for fit in tried]))].rule


def _fullest(bias: Floats, cells: float) -> int:
    """Return the candidate nearest to the standard among those whose bias is within noise of the least."""
    standard = CENSORINGS.index(STANDARD_CENSORING)
    close = np.flatnonzero(bias <= bias.min() + max(NOISE / np.sqrt(max(cells, 1.0)), NEGLIGIBLE))
    return int(close[np.argmin(np.abs(close - standard))])


class Fit(NamedTuple):
    """A rule with fitted weights, its mean bias and mean squared error (both scaled), and the periods they rest on."""

    rule: LevelRule
    bias: float
    error: float
    cells: float


def _refit(history: FilterInput, rule: LevelRule, lead: int, warm_up: int) -> Fit:
    """Return the rule with weights fitted to the past origins."""
    for _ in range(2):
        rule = replace(rule, weights=class_weights(smooth(history, rule, lead, warm_up)))
    result = smooth(history, rule, lead, warm_up)
    cells = float(result.cells.sum())
    below = max(cells, 1.0)
    return Fit(rule, float(result.bias.sum()) / below, float(result.error.sum()) / below, cells)
