r"""
What a product, or a group of products, does everywhere at once.

With x_it demand divided by its profile factor, M_it the mean of series i before t, c_i its scale, and j a product or a
group, the drift known before period t is

    R_jt = (K + sum_{s<t} a^(t-1-s) sum_{i in j} x_is / c_i) / (K + sum_{s<t} a^(t-1-s) sum_{i in j} M_is / c_i)

over periods fully in stock. M_it R_jt joins the levels of ``smoothing`` as one more forecast: a promotion or a new
season seen in other shops moves a series before its own few sales can.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from forecasting.panel import Floats, Integers

PRIOR_WEIGHT = 3.0


class DriftState(NamedTuple):
    """Sums above and below the line (code,), and each series' own: units and periods of its mean (series,)."""

    above: Floats
    below: Floats
    total: Floats
    periods: Floats

    @property
    def ratio(self) -> Floats:
        """The drift of every code."""
        return np.asarray((PRIOR_WEIGHT + self.above) / (PRIOR_WEIGHT + self.below))


def no_drift(prior: Floats, weight: Floats, codes: Integers) -> DriftState:
    """Return the state before the first period; ``prior`` (series,) counts for ``weight`` periods of every mean."""
    size = int(codes.max(initial=0)) + 1
    return DriftState(np.zeros(size), np.zeros(size), prior * weight, weight)


def drifts(
    steps: tuple[Floats, Floats, Floats], begin: DriftState, scale: Floats, codes: Integers, decay: float
) -> tuple[Floats, DriftState]:
    """
    Return the drift of every code before every period and after the last, shape (code, period + 1), and the last state.

    Parameters
    ----------
    steps : three arrays, shape (series, period)
        Units in steps, share in stock, profile factor.
    begin : DriftState
        Before the first of the periods.
    scale : array, shape (series,)
        One over the squared scale [1 / c^2].
    codes : array, shape (series,)
        Product or group of every series, numbered from 0.
    decay : float
        Share of a weight kept per period [a].
    """
    units, share, factor = steps
    size, state, weight = len(begin.above), begin, np.sqrt(scale)
    result = np.empty((size, units.shape[1] + 1))
    result[:, 0] = state.ratio
    for t in range(units.shape[1]):
        seen = np.isfinite(units[:, t]) & (share[:, t] >= 1.0) & (factor[:, t] > 0.0)
        demand = np.where(seen, units[:, t], 0.0) / np.where(seen, factor[:, t], 1.0)
        mean = np.where(seen, state.total / state.periods, 0.0)
        state = DriftState(
            decay * state.above + np.bincount(codes, weights=weight * demand, minlength=size),
            decay * state.below + np.bincount(codes, weights=weight * mean, minlength=size),
            state.total + demand,
            state.periods + seen,
        )
        result[:, t + 1] = state.ratio
    return result, state
