r"""
Demand at another price: a response that is drawn once per series and path, and steps mapped through the same uniform.

With price p_it, reference price r_it, response e_is <= 0 of series i on path s and keyed uniforms w_ist in [0, 1),

    m_ist = min((p_it / r_it) ^ e_is, most),    D'_ist = floor(D_ist m_ist + w_ist)

so equal prices leave D as it is, a lower price never gives fewer units on any path, and path s stays path s. The
response is normal with the series' mean and deviation, cut off at zero, by inversion of a uniform that depends on the
series' ids and the path alone: neither chunks nor other series change it.

Constant elasticity: Tellis (1988), Journal of Marketing Research 25(4), doi 10.1177/002224378802500401.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.special import ndtr, ndtri

from forecasting.bootstrap import INT32_MOST
from forecasting.cross import CrossEffects
from forecasting.keys import Keys, series_keys, uniform
from forecasting.panel import Floats, Integers, Names

# Beyond this factor of the demand at the reference price a constant elasticity is not believed.
MOST_MULTIPLIER = 30.0
# Price over reference is taken inside this range; a gift has no elasticity.
RATIO_RANGE = (0.01, 100.0)
# Uniforms of the mapping are multiples of this, so that steps + uniform is exact in a double.
GRAIN = 2.0**-20
# What sets the seeds of response and mapping apart from the seed the paths were drawn from.
_RESPONSE_SEED, _MAPPING_SEED = 1 << 70, 1 << 71
# Counters of one path's uniforms lie this far apart; no horizon is longer.
_SPACING = 4_096


@dataclass(frozen=True)
class PriceResponse:
    """
    Elasticity of demand with its uncertainty, for N series.

    Parameters
    ----------
    item_id, location_id : array of str, shape (N,)
    elasticity : array, shape (N,)
        Mean of d log units / d log price before it is cut off at zero, itself at most 0 [e].
    deviation : array, shape (N,)
        Standard deviation before the cut.
    source : array of str, shape (N,)
        What the figure rests on, in words.
    observations : integer array, shape (N,)
        Periods of the series that stand beside other prices in the same weeks.
    wrong_signs : pair of int
        How many of the series with an estimate of their own had it above zero, and how many still had after pooling.
    pull : array, shape (N,)
        What a promotion adds to log units beside its price; None where not estimated.
    cross : CrossEffects
        Answer to the prices of the rest of the category at the place; None where not estimated.

    Raises
    ------
    ValueError
        If the shapes do not agree, an elasticity is above zero, or a deviation is negative.
    """

    item_id: Names
    location_id: Names
    elasticity: Floats
    deviation: Floats
    source: Names
    observations: Integers
    wrong_signs: tuple[int, int] = (0, 0)
    pull: Floats | None = None
    cross: CrossEffects | None = None

    def __post_init__(self) -> None:
        parts = (self.location_id, self.elasticity, self.deviation, self.source, self.observations)
        if any(part.shape != self.item_id.shape for part in parts):
            raise ValueError("a price response needs one value of each field per series")
        if (self.elasticity > 0.0).any() or (self.deviation < 0.0).any():
            raise ValueError("an elasticity is at most 0 and its deviation at least 0")

    def rows(self, chosen: slice | Integers) -> PriceResponse:
        """Return the response of some series, in the order given."""
        return replace(
            self,
            item_id=self.item_id[chosen],
            location_id=self.location_id[chosen],
            elasticity=self.elasticity[chosen],
            deviation=self.deviation[chosen],
            source=self.source[chosen],
            observations=self.observations[chosen],
            pull=None if self.pull is None else self.pull[chosen],
            cross=None if self.cross is None else self.cross.rows(chosen),
        )

    def quantile(self, probability: float | Floats) -> Floats:
        """Return a quantile of every series' elasticity, shape (N,), or of one probability per row of (N, S)."""
        shape = (-1,) + (1,) * (np.ndim(probability) - 1)
        mean, deviation = self.elasticity.reshape(shape), self.deviation.reshape(shape)
        below = ndtr(-mean / np.where(deviation > 0.0, deviation, 1.0))
        drawn = mean + deviation * ndtri(probability * np.where(deviation > 0.0, below, 1.0))
        return np.asarray(np.minimum(np.where(deviation > 0.0, drawn, mean), 0.0))


def response_draws(response: PriceResponse, paths: int, seed: int) -> Floats:
    """Return the elasticity of every series on every path, at most 0, shape (series, path); see the module."""
    keys = series_keys(response.item_id, response.location_id, _RESPONSE_SEED + seed)
    drawn = np.empty((len(keys), paths))
    _uniforms(keys, drawn)
    return response.quantile(drawn)


def mapping_keys(item_id: Names, location_id: Names, seed: int) -> Keys:
    """Return the keys of the uniforms that map steps to other prices."""
    return series_keys(item_id, location_id, _MAPPING_SEED + seed)


def log_ratio(prices: Floats, reference: Floats) -> Floats:
    """Return log(price / reference) inside its range; 0 where either is not known or not positive."""
    known = (prices > 0.0) & (reference > 0.0)
    ratio = np.divide(prices, reference, out=np.ones(np.broadcast(prices, reference).shape), where=known)
    return np.asarray(np.log(np.clip(ratio, *RATIO_RANGE)), dtype=np.float64)


def steps_at(steps: npt.NDArray[np.int32], ratio: Floats, draws: Floats, keys: Keys) -> npt.NDArray[np.int32]:
    """
    Return demand steps at other prices; see the module.

    Parameters
    ----------
    steps : int32 array, shape (series, path, period)
        Demand at the reference price.
    ratio : array, shape (series, period)
        Log of price over reference price.
    draws : array, shape (series, path)
        Elasticities.
    keys : array, shape (series,)
        From ``mapping_keys``.
    """
    moved = np.empty_like(steps)
    _map_steps(steps, ratio, draws, keys, moved)
    return moved


@njit(cache=True)  # type: ignore[untyped-decorator]
def _uniforms(keys: Keys, drawn: Floats) -> None:
    for i in range(drawn.shape[0]):
        for s in range(drawn.shape[1]):
            drawn[i, s] = uniform(keys[i], s)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _map_steps(
    steps: npt.NDArray[np.int32], ratio: Floats, draws: Floats, keys: Keys, moved: npt.NDArray[np.int32]
) -> None:
    for i in range(steps.shape[0]):
        for s in range(steps.shape[1]):
            for t in range(steps.shape[2]):
                if ratio[i, t] == 0.0:
                    moved[i, s, t] = steps[i, s, t]
                    continue
                multiplier = min(np.exp(draws[i, s] * ratio[i, t]), MOST_MULTIPLIER)
                w = np.floor(uniform(keys[i], s * _SPACING + t) / GRAIN) * GRAIN
                scaled = np.floor(steps[i, s, t] * multiplier + min(w, 1.0 - GRAIN))
                moved[i, s, t] = np.int32(min(scaled, INT32_MOST))
