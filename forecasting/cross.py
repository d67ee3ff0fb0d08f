r"""
What an item loses to cheaper neighbours: demand against the price index of the rest of its category at the place.

Weeks w of a series i of category c at place l; weeks with a day out of stock or without a price are left out. With x
the log price against the median of eight weeks, s_j the usual revenue of series j,

    r_iw = sum_{j of c, l; j != i} s_j x_jw / sum_{j != i} s_j                          index of the rest
    y_iw ~ mean mu_iw = a_ib f_cw exp(e_i x_iw + g_i z_iw + k_i r_iw)

with a free level a in every eight weeks b and a free factor f of every week of the category: what the whole category
does in a week, and prices that all places change alike with it, say nothing of k. Left are weeks when places differ.
Level, factor and own price are taken out of r (Frisch and Waugh 1933, Econometrica 1(4)), which leaves r~, and

    U = sum v (y - mu) r~,  I = sum v mu r~^2,  v = 1 / (1 + alpha mu):   own estimate k + U / I, variance psi / I

with psi from the sums of v (y - mu) r~ over a week's series of one place, of one item and of the category, the largest:
they share prices and luck. Series, items and categories are normal around the level above, categories around 0 with
deviation .3 (``forecasting.shrinkage``): without a word from the data there is no effect. Above 0 neighbours are
substitutes. A promotion's pull beside its price is no part of the index.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_array

from forecasting.panel import Floats, Integers, Panel
from forecasting.price_tables import Flags, PriceHistory
from forecasting.shrinkage import Codes, Priors, shrunk

_TINY = 1e-9
_WEEKS = 8
_MOST_WEEKS = 56
_PRIORS = Priors(prior=0.0, prior_deviation=0.3, item_deviation=0.1, series_deviation=0.05)
_ROUNDS = 6
_PROJECTIONS = 8
_MOST_DISPERSION = 3.0
_PRESENT = 3.0
# Of a normal law: 90 % lie within so many deviations.
NINETY = 1.6449


@dataclass(frozen=True)
class CrossEffects:
    """
    How demand of N series answers to the prices of the rest of their category at their place.

    Parameters
    ----------
    rest : integer array, shape (N,)
        Number of the category and place of each series.
    weight : array, shape (N,)
        Of the series in the price index: usual revenue a period [s].
    effect : array, shape (N,)
        Mean of d log units / d log of the index of the rest [k].
    deviation : array, shape (N,)
    """

    rest: Integers
    weight: Floats
    effect: Floats
    deviation: Floats

    def rows(self, chosen: slice | Integers) -> CrossEffects:
        """Return the effects of some series, in the order given."""
        return CrossEffects(self.rest[chosen], self.weight[chosen], self.effect[chosen], self.deviation[chosen])

    def told(self) -> Flags:
        """Return whose 90 % interval does not hold 0."""
        return np.asarray(np.abs(self.effect) > NINETY * self.deviation)


class Own(NamedTuple):
    """Elasticity [e] and a promotion's pull [g] of each series."""

    elasticity: Floats
    pull: Floats


class _Weeks(NamedTuple):
    """Weeks of (series, week): units in steps, log price, share promoted, index of the rest, and which count."""

    units: Floats
    price: Floats
    promoted: Floats
    others: Floats
    seen: Flags


def cross_effects(panel: Panel, history: PriceHistory, groups: Integers, own: Own) -> CrossEffects:
    """
    Return the cross effects of every series of a panel.

    Parameters
    ----------
    panel : Panel
    history : PriceHistory
        In the panel's order and periods.
    groups : integer array, shape (series,)
        Category of each series; the same for all series of an item.
    own : Own
    """
    groups = np.asarray(groups)
    item, _ = pd.factorize(panel.item_id)
    place, _ = pd.factorize(panel.location_id)
    _, rest = np.unique(np.stack([groups, place]), axis=1, return_inverse=True)
    rest = rest.ravel().astype(np.int64)
    revenue = panel.units * history.price
    weight = np.nansum(revenue, axis=1) / np.maximum(np.isfinite(revenue).sum(axis=1), 1)
    weeks = _weeks(panel, history, rest, weight)
    codes = Codes(item.astype(np.int64), groups[np.unique(item, return_index=True)[1]])
    effect, variance = _fit(weeks, codes, rest, own)
    return CrossEffects(rest, weight, effect, np.sqrt(variance))


def _weeks(panel: Panel, history: PriceHistory, rest: Integers, weight: Floats) -> _Weeks:
    """Return the latest whole weeks, a multiple of eight of them, with the index of the rest."""
    length = 7 // panel.period_days
    periods = min(panel.units.shape[1] // (length * _WEEKS), _MOST_WEEKS // _WEEKS) * length * _WEEKS
    shape = (panel.series, periods // length, length)
    late = slice(panel.units.shape[1] - periods, None)
    units, price, share, promoted = (
        part[:, late].reshape(shape)
        for part in (panel.units / panel.unit_step[:, None], history.price, panel.in_stock_share, history.promoted)
    )
    seen = (np.isfinite(units) & (price > 0.0) & (share >= 1.0)).all(axis=2)
    logs = np.log(np.where(price > 0.0, price, 1.0)).mean(axis=2)
    blocks = logs.reshape(panel.series, -1, _WEEKS)
    logs = (blocks - np.median(blocks, axis=2, keepdims=True)).reshape(logs.shape)
    total = _members(rest) @ (weight[:, None] * logs)
    others = np.bincount(rest, weight)[rest] - weight
    known = others > 1e-6 * np.maximum(weight, _TINY)
    index = (total[rest] - weight[:, None] * logs) / np.where(known, others, 1.0)[:, None]
    seen = seen & known[:, None]
    units = np.where(seen, np.nan_to_num(units).sum(axis=2), 0.0)
    return _Weeks(units, logs, promoted.mean(axis=2), np.where(seen, index, 0.0), seen)


def _members(groups: Integers) -> csr_array:
    """Return the matrix that sums the rows of each group, shape (group, row)."""
    return csr_array((np.ones(len(groups)), (groups, np.arange(len(groups)))))


class _Sums:
    """Sums of (series, week) arrays over the eight weeks of a series, and over a category's week."""

    def __init__(self, groups: Integers, shape: tuple[int, int]) -> None:
        self.groups, self.shape = groups, shape
        self.members = _members(groups)

    def level(self, values: Floats) -> Floats:
        """Return the sum over each block of eight weeks, at each of its weeks."""
        blocks = values.reshape(self.shape[0], -1, _WEEKS).sum(axis=2)
        return np.repeat(blocks, _WEEKS, axis=1)

    def week(self, values: Floats) -> Floats:
        """Return the sum over each week of a category, at each of its series."""
        return np.asarray((self.members @ values)[self.groups])


def _fit(weeks: _Weeks, codes: Codes, rest: Integers, own: Own) -> tuple[Floats, Floats]:
    """Return posterior mean and variance of each series' effect; see the module."""
    sums = _Sums(codes.category[codes.item], weeks.units.shape)
    slope = own.elasticity[:, None] * weeks.price + own.pull[:, None] * weeks.promoted
    base = np.where(weeks.seen, np.exp(np.clip(slope, -5.0, 5.0)), 0.0)
    series = len(codes.item)
    present, posterior = np.zeros(series), shrunk(np.full(series, np.nan), np.full(series, np.inf), codes, _PRIORS)
    if not weeks.seen.any():
        return posterior.mean, posterior.variance
    for _ in range(_ROUNDS):
        mu = _expected(weeks, base * np.exp(present[:, None] * weeks.others), sums)
        residual = np.where(weeks.seen, weeks.units - mu, 0.0)
        alpha = float(np.clip((residual**2 - mu).sum() / max(float((mu**2).sum()), _TINY), 0.0, _MOST_DISPERSION))
        damped = 1.0 / (1.0 + alpha * mu)
        index = _projected(weeks, damped * mu, sums)
        score, known = damped * residual * index, damped * mu * index**2
        information = known.sum(axis=1)
        usable = information > _TINY
        estimate = present + score.sum(axis=1) / np.maximum(information, _TINY)
        inflation = _inflation(score, float(known.sum()), (rest, codes.item, sums.groups))
        variance = np.where(usable, inflation / np.maximum(information, _TINY), np.inf)
        posterior = shrunk(np.where(usable, estimate, np.nan), variance, codes, _PRIORS)
        present = np.clip(posterior.mean, -_PRESENT, _PRESENT)
    return posterior.mean, posterior.variance


def _inflation(score: Floats, information: float, shared: tuple[Integers, ...]) -> float:
    """Return psi: how much more the score varies in sums over those that share a week's luck than one by one."""
    found = [1.0]
    for number in shared:
        found.append(float(((_members(number) @ score) ** 2).sum()) / max(information, _TINY))
    return max(found)


def _expected(weeks: _Weeks, shape: Floats, sums: _Sums) -> Floats:
    """Return the mean with level and week fitted to what was sold (iterative proportions)."""
    mu = shape
    for _ in range(_PROJECTIONS):
        for total in (sums.level, sums.week):
            mu = mu * total(weeks.units) / np.maximum(total(mu), _TINY)
    return np.asarray(mu)


def _projected(weeks: _Weeks, weight: Floats, sums: _Sums) -> Floats:
    """Return the index of the rest with level, week of the category and own price taken out."""

    def centred(values: Floats) -> Floats:
        for total in (sums.week, sums.level):
            values = values - total(weight * values) / np.maximum(total(weight), _TINY)
        return values

    price, index = weeks.price, weeks.others
    for _ in range(_PROJECTIONS):
        price, index = centred(price), centred(index)
        below = np.maximum((weight * price**2).sum(axis=1), _TINY)
        index = index - ((weight * price * index).sum(axis=1) / below)[:, None] * price
    return np.where(weeks.seen, index, 0.0)


def taken(cross: CrossEffects, n: int, ratio: Floats, demand: Floats) -> npt.NDArray[np.float64]:
    """
    Return the units that a series' price takes from its neighbours: mean, and at the ends of the 90 % intervals.

    Parameters
    ----------
    n : int
        The series whose price changes.
    ratio : array, shape (period,)
        Log of its new price over the price before.
    demand : array, shape (N, period)
        Expected units of all series at the prices before, where the others stay.
    """
    others = np.flatnonzero(cross.rest == cross.rest[n])
    total = cross.weight[others].sum()
    others = others[others != n]
    share = cross.weight[n] / np.maximum(total - cross.weight[others], _TINY)
    result = []
    for away in (0.0, -NINETY, NINETY):
        effect = cross.effect[others] + away * cross.deviation[others]
        kept = np.exp(np.clip(effect[:, None] * share[:, None] * ratio, -5.0, 5.0))
        result.append(float((demand[others] * (1.0 - kept)).sum()))
    return np.array(result)
