r"""
How demand answers to prices: one elasticity per series, from what sold at other prices, shrunk where data are few.

History is cut into blocks of eight weeks; series i has its own free level a_ib in each, so trend and season do not
pass for prices. With price p, f the weekday's and the week's factor of the category and z a promotion's other pull,

    y_it ~ mean mu_it = exp(a_ib + e_i x_it + g_i z_it) f_it,   x_it = log p_it - median of the block
    variance mu + alpha mu^2,   w_it = 1 / (1 + alpha mu_it)

A period that ran out of stock enters as E[y | y > sold] of a gamma (Tobin 1958): leaving it out would lose just the
days on which a low price sold most. From the present value e of each series come score U and information I, the level
taken out:

    x~ = x - sum w mu x / sum w mu,   U = sum w (y - mu) x~,   I = sum w mu x~^2
    own estimate e + U / I with variance v = psi / I,   psi from the residuals of whole weeks

which is unbiased for small counts where each series' own maximum is not. A promotion's pull g is found the same way for
each item, level and price taken out of z, and drawn to that of all items: g_item ~ N(g_all, .3^2). Series, items and
categories are normal around the level above (empirical Bayes, Efron and Morris 1975), the category around a prior:

    e_series ~ N(e_item, t_s^2),   e_item ~ N(e_category, t_i^2),   e_category ~ N(-2, .8^2)

with t by moments (DerSimonian and Laird 1986). Posterior means are the next present values, until they stay. The prior
lies between the means of two reviews: -1.76 over 367 elasticities (Tellis 1988, Journal of Marketing Research 25(4))
and -2.62 over 1,851 (Bijmolt, van Heerde and Pieters 2005, Journal of Marketing Research 42(2)).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from scipy.special import gammaincc

from forecasting.cross import Own, cross_effects
from forecasting.panel import Floats, Integers, Panel, SalesWorld, categories_of, panel_from_world
from forecasting.price_tables import Flags, PriceHistory, price_history
from forecasting.prices import PriceResponse
from forecasting.shrinkage import Codes, Posterior, Priors, shrunk

_TINY = 1e-9
_WEEKS = 8
# Log price must spread this much inside a block for the block to say anything.
_LEAST_SPREAD = 0.01
# A price this near the block's median (in logs) is its usual one.
_USUAL = 0.01
# Above this share of price variation explained by the promotion's flag, the two cannot be told apart.
_MOST_EXPLAINED = 0.8
# Steps of usual sales that a category-week needs to count as much as the factor 1.
_WEEK_STEPS = 200.0
_FACTOR_RANGE = (0.2, 5.0)
# Cells of a category that an item's own dispersion is worth.
_DISPERSION_CELLS = 100.0
_MOST_DISPERSION = 3.0
_MOST_INFLATION = 6.0
# Residuals beyond this many standard deviations (and three steps) are cut: bulk orders, typing errors.
_CUT = 5.0
# Demand of a period that ran out lies above what was sold, not at it; half a step for a continuous law.
_RAN_OUT = 0.5
_PRESENT_RANGE = (-8.0, 2.0)
# Standard deviation of a promotion's pull between items.
_PULL_DEVIATION = 0.3
_KEEPS = ("own sales", "its item elsewhere", "its category", "the prior")


@dataclass(frozen=True)
class ElasticitySettings:
    """
    What the estimate assumes and how far it goes.

    Parameters
    ----------
    priors : Priors
    rounds : int
        Passes over the data.
    most_periods : int
        Latest periods looked at.
    """

    priors: Priors = field(default_factory=Priors)
    rounds: int = 12
    most_periods: int = 400


class Cells(NamedTuple):
    """Blocks in which the price varied, arrays of shape (block, period); ``series`` (block,) tells whose they are."""

    units: Floats
    log_price: Floats
    factor: Floats
    seen: Flags
    short: Flags
    promoted: Floats
    series: Integers


class Sums(NamedTuple):
    """Score and information of each series, and what one pass leaves behind of shape (block, period)."""

    score: Floats
    information: Floats
    mu: Floats
    residual: Floats


def price_response(world: SalesWorld, pairs: pa.Table) -> PriceResponse:
    """
    Return the price response of the listed pairs with its cross effects, in the panel's order (by item, then location).

    Parameters
    ----------
    world : SalesWorld
        Tables ``sales`` and ``items``, and where they exist ``prices`` and ``promotions``.
    pairs : pyarrow.Table
        Columns ``item_id`` and ``location_id``.
    """
    panel = panel_from_world(world, pairs)
    category = categories_of(world, panel.item_id)
    history = price_history(world, panel.item_id, panel.location_id, panel.dates)
    groups = pd.factorize(category, sort=True)[0].astype(np.int64)
    response = estimate(panel, history, groups)
    pull = np.zeros(panel.series) if response.pull is None else response.pull
    return replace(response, cross=cross_effects(panel, history, groups, Own(response.elasticity, pull)))


def estimate(
    panel: Panel, history: PriceHistory, groups: Integers, settings: ElasticitySettings | None = None
) -> PriceResponse:
    """
    Return the price response of every series of a panel.

    Parameters
    ----------
    panel : Panel
    history : PriceHistory
        In the panel's order and periods.
    groups : integer array, shape (series,)
        Category of each series, numbered from 0; the same for all series of an item.
    """
    settings = settings or ElasticitySettings()
    item, first = _numbered(panel.item_id)
    codes = Codes(item, np.asarray(groups)[first])
    cells = _cells(panel, history, np.asarray(groups), settings.most_periods)
    posterior, own, observed, pull = _fit(cells, codes, settings)
    usable = np.isfinite(own)
    wrong = (int((own[usable] > 0.0).sum()), int((posterior.mean[usable] > 0.0).sum()))
    words = np.array([f"mostly {name}" for name in _KEEPS], dtype=object)
    return PriceResponse(
        panel.item_id,
        panel.location_id,
        np.minimum(posterior.mean, 0.0),
        np.sqrt(posterior.variance),
        words[np.argmax(posterior.weights, axis=1)],
        observed,
        wrong,
        pull[codes.item],
    )


def _numbered(item_id: npt.NDArray[np.object_]) -> tuple[Integers, Integers]:
    """Return each series' item number and each item's first series."""
    codes, _ = pd.factorize(item_id)
    _, first = np.unique(codes, return_index=True)
    return codes.astype(np.int64), first


def _blocks(values: npt.NDArray[Any], length: int, empty: object) -> Any:
    """Return (series, period) values as (series, block, length), padded in front."""
    lead = -values.shape[1] % length
    padded = np.pad(values, ((0, 0), (lead, 0)), constant_values=empty)  # type: ignore[call-overload]
    return padded.reshape(len(values), -1, length)


def _cells(panel: Panel, history: PriceHistory, groups: Integers, most: int) -> Cells:
    """Return the blocks whose price varied; their factors come from all blocks."""
    panel = panel.latest(most)
    price, promoted = history.price[:, -most:], history.promoted[:, -most:]
    length = _WEEKS * 7 // panel.period_days
    with_price = np.isfinite(panel.units) & (price > 0.0)
    # A bound of zero says nothing.
    seen = _blocks(with_price & ((panel.in_stock_share >= 1.0) | (panel.units > 0.0)), length, False)
    units = _blocks(np.nan_to_num(panel.units) / panel.unit_step[:, None], length, 0.0)
    logs = _blocks(np.log(np.where(price > 0.0, price, 1.0)), length, 0.0)
    logs = logs - np.median(logs, axis=2, keepdims=True)
    short = _blocks(panel.in_stock_share < 1.0, length, False) & seen
    on_offer = _blocks(promoted, length, False)
    usual = seen & ~short & ~on_offer & (np.abs(logs) < _USUAL)
    factor = _factors(units, usual, groups, 7 if panel.period == "day" else 1)
    count = np.maximum(seen.sum(axis=2), 1)
    centre = (logs * seen).sum(axis=2) / count
    spread = ((logs - centre[:, :, None]) ** 2 * seen).sum(axis=2) / count
    series, block = np.nonzero((spread > _LEAST_SPREAD**2) & ((units * seen).sum(axis=2) > 0.0))
    at, offered = (series, block), on_offer.astype(np.float64)
    return Cells(units[at], logs[at], factor[at], seen[at], short[at], offered[at], series)


def _factors(units: Floats, usual: Flags, groups: Integers, days: int) -> Floats:
    """Return what weekday and week bring the category at usual prices against the block's level, by cell."""
    _, blocks, length = units.shape
    sold = np.where(usual, units, 0.0)
    level = sold.sum(axis=2) / np.maximum(usual.sum(axis=2), 1)
    count = int(groups.max(initial=0)) + 1
    expected = np.where(usual, level[:, :, None], 0.0)
    above, below = (_by_group(part, groups, count) for part in (sold, expected))
    shape = (count, blocks * length // days, days)
    weekday = np.ones((count, days))
    week = np.ones(shape[:2])
    above, below = above.reshape(shape), below.reshape(shape)
    for _ in range(3):
        weekday = _share(above.sum(axis=1), (below * week[:, :, None]).sum(axis=1), _WEEK_STEPS)
        week = _share(above.sum(axis=2), (below * weekday[:, None, :]).sum(axis=2), _WEEK_STEPS)
    factor = np.clip(weekday[:, None, :] * week[:, :, None], *_FACTOR_RANGE)
    return np.asarray(factor.reshape(count, blocks, length)[groups])


def _by_group(values: Floats, groups: Integers, count: int) -> Floats:
    """Return sums over the series of each group."""
    total = np.zeros((count, *values.shape[1:]))
    np.add.at(total, groups, values)
    return total


def _share(above: Floats, below: Floats, weight: float) -> Floats:
    """Return above / below, drawn to 1."""
    return np.asarray((above + weight) / (below + weight))


def _fit(cells: Cells, codes: Codes, settings: ElasticitySettings) -> tuple[Posterior, Floats, Integers, Floats]:
    """Return the posterior, each series' own estimate (NaN without one), its periods, and the pull of each item."""
    series = len(codes.item)
    present = np.full(series, settings.priors.prior)
    level = (cells.units * cells.seen).sum(axis=1) / np.maximum((cells.factor * cells.seen).sum(axis=1), _TINY)
    pull, alpha, item = np.zeros(len(codes.category)), np.full(len(cells.series), 0.2), codes.item[cells.series]
    separable = _separable(cells)
    own, variance = np.full(series, np.nan), np.full(series, np.inf)
    posterior = shrunk(own, variance, codes, settings.priors)
    for _ in range(settings.rounds):
        slope = present[cells.series][:, None] * cells.log_price + pull[item][:, None] * cells.promoted
        sums, level = _pass(cells, slope, level, alpha, series)
        if separable:
            pull = _pull_step(pull, cells, sums, alpha, item)
        alpha = _dispersion(cells, sums, codes)
        usable = sums.information > _TINY
        own = np.where(usable, present + sums.score / np.maximum(sums.information, _TINY), np.nan)
        inflation = _inflation(cells, sums, alpha)
        variance = np.where(usable, inflation / np.maximum(sums.information, _TINY), np.inf)
        posterior = shrunk(own, variance, codes, settings.priors)
        present = np.clip(posterior.mean, *_PRESENT_RANGE)
    observed = np.bincount(cells.series, cells.seen.sum(axis=1), series).astype(np.int64)
    return posterior, own, observed, pull


def _pass(cells: Cells, slope: Floats, level: Floats, alpha: Floats, series: int) -> tuple[Sums, Floats]:
    """Return score and information at the given slopes, and the level of each block one step on."""
    shape = np.where(cells.seen, np.exp(np.clip(slope, -5.0, 5.0)) * cells.factor, 0.0)
    mu = level[:, None] * shape
    weight = 1.0 / (1.0 + alpha[:, None] * mu)
    wanted, known = _wanted(cells, mu, alpha)
    level = level * (weight * wanted).sum(axis=1) / np.maximum((weight * mu).sum(axis=1), _TINY)
    mu = level[:, None] * shape
    wanted, known = _wanted(cells, mu, alpha)
    weight = 1.0 / (1.0 + alpha[:, None] * mu)
    pull = weight * known * mu
    centre = (pull * cells.log_price).sum(axis=1) / np.maximum(pull.sum(axis=1), _TINY)
    centred = cells.log_price - centre[:, None]
    residual = np.where(cells.seen, wanted - mu, 0.0)
    score = _by_series(cells, (weight * residual * centred).sum(axis=1), series)
    information = _by_series(cells, (pull * centred**2).sum(axis=1), series)
    return Sums(score, information, mu, residual), level


def _by_series(cells: Cells, values: Floats, series: int) -> Floats:
    """Return sums over the blocks of each series."""
    return np.bincount(cells.series, values, series).astype(np.float64)


def _wanted(cells: Cells, mu: Floats, alpha: Floats) -> tuple[Floats, Floats]:
    """Return demand with stock-outs replaced by their expectation, and the share of information a cell keeps."""
    deviation = np.sqrt(mu * (1.0 + alpha[:, None] * mu)) + _TINY
    wanted = np.minimum(cells.units, mu + _CUT * deviation + 3.0)
    known = np.ones_like(mu)
    if cells.short.any():
        mean, square = _above(
            cells.units[cells.short] + _RAN_OUT, mu[cells.short], np.broadcast_to(alpha[:, None], mu.shape)[cells.short]
        )
        wanted[cells.short] = mean
        known[cells.short] = square
    return np.where(cells.seen, wanted, 0.0), known


def _above(bound: Floats, mean: Floats, alpha: Floats) -> tuple[Floats, Floats]:
    """
    Return E[D | D >= bound] and 1 - var(D | D >= bound) / var(D) of a gamma D, the share of information that stays.

    D has the given mean m and variance m + alpha m^2; with shape k = m / (1 + alpha m) and Q the upper gamma function,
    E[D^r | D >= y] = E[D^r] Q(k + r, y / scale) / Q(k, y / scale).
    """
    scale = 1.0 + alpha * mean
    shape = np.maximum(mean / scale, _TINY)
    # So far out the tail underflows, and the figure is cut there anyway.
    place = np.minimum(bound, mean + _CUT * np.sqrt(mean * scale)) / scale
    tail = np.maximum(gammaincc(shape, place), 1e-300)
    first = mean * gammaincc(shape + 1.0, place) / tail
    second = mean * scale * (shape + 1.0) * gammaincc(shape + 2.0, place) / tail
    kept = 1.0 - (second - first**2) / np.maximum(mean * scale, _TINY)
    return first, np.clip(kept, 0.0, 1.0)


def _separable(cells: Cells) -> bool:
    """Return whether prices move enough apart from promotions for both to be estimated."""
    count = np.maximum(cells.seen.sum(axis=1, keepdims=True), 1)
    x, z = (
        np.where(cells.seen, part - (part * cells.seen).sum(axis=1, keepdims=True) / count, 0.0)
        for part in (cells.log_price, cells.promoted)
    )
    square = float((x * x).sum()) * float((z * z).sum())
    return square > 0.0 and float((x * z).sum()) ** 2 / square < _MOST_EXPLAINED


def _pull_step(pull: Floats, cells: Cells, sums: Sums, alpha: Floats, item: Integers) -> Floats:
    """Return the promotions' pull of each item [g] one scoring step on, price and level taken out."""
    weight = sums.mu / (1.0 + alpha[:, None] * sums.mu)
    total = np.maximum(weight.sum(axis=1, keepdims=True), _TINY)
    x, z = (part - (weight * part).sum(axis=1, keepdims=True) / total for part in (cells.log_price, cells.promoted))
    slope = (weight * x * z).sum(axis=1) / np.maximum((weight * x * x).sum(axis=1), _TINY)
    z = z - slope[:, None] * x
    score = np.bincount(item, (sums.residual * z / (1.0 + alpha[:, None] * sums.mu)).sum(axis=1), len(pull))
    information = np.bincount(item, (weight * z * z).sum(axis=1), len(pull))
    own = pull + np.clip(score / np.maximum(information, _TINY), -1.0, 1.0)
    variance = _inflation(cells, sums, alpha) / np.maximum(information, _TINY)
    precision = 1.0 / (variance + _PULL_DEVIATION**2)
    everyone = (own * precision).sum() / precision.sum()
    return np.asarray(everyone + (own - everyone) * _PULL_DEVIATION**2 * precision)


def _dispersion(cells: Cells, sums: Sums, codes: Codes) -> Floats:
    """Return alpha of each block: its item's, drawn to all items."""
    counted = cells.seen & ~cells.short
    mu = np.where(counted, sums.mu, 0.0)
    damp = (1.0 + mu) ** 2
    above = np.where(counted, (sums.residual**2 - mu) / damp, 0.0).sum(axis=1)
    below = (mu**2 / damp).sum(axis=1)
    everyone = float(np.clip(above.sum() / max(below.sum(), _TINY), 0.0, _MOST_DISPERSION))
    item = codes.item[cells.series]
    count = int(codes.item.max(initial=0)) + 1
    own = np.bincount(item, above, count), np.bincount(item, below, count)
    alpha = (own[0] + everyone * _DISPERSION_CELLS) / (own[1] + _DISPERSION_CELLS)
    return np.asarray(np.clip(alpha, 0.0, _MOST_DISPERSION)[item])


def _inflation(cells: Cells, sums: Sums, alpha: Floats) -> float:
    """Return psi: how much more the residuals of whole weeks vary than their cells, independent, would."""
    blocks = len(cells.series)
    if not blocks:
        return 1.0
    weight = 1.0 / (1.0 + alpha[:, None] * sums.mu)
    weekly = np.where(cells.short, 0.0, weight * sums.residual).reshape(blocks, _WEEKS, -1).sum(axis=2)
    expected = np.where(cells.short, 0.0, weight * sums.mu).sum()
    ratio = float((weekly**2).sum()) / max(float(expected), _TINY) * _WEEKS / (_WEEKS - 1)
    return float(np.clip(ratio, 1.0, _MOST_INFLATION))
