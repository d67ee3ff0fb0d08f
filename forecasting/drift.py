r"""
What a product, or a group of products, does everywhere at once.

With x_it demand divided by its profile factor, M_it the mean of series i before t, c_i its scale, and j a product or a
group, the drift known before period t is

    R_jt = (K + sum_{s<t} a^(t-1-s) sum_{i in j} x_is / c_i) / (K + sum_{s<t} a^(t-1-s) sum_{i in j} M_is / c_i)

over periods fully in stock. M_it R_jt joins the levels of ``smoothing`` as one more forecast: a promotion or a new
season seen in other shops moves a series before its own few sales can.
"""

from __future__ import annotations

import numpy as np

from forecasting.panel import Floats, Integers

PRIOR_WEIGHT = 3.0


def drifts(steps: tuple[Floats, Floats, Floats], prior: Floats, scale: Floats, codes: Integers, decay: float) -> Floats:
    """
    Return the drift of every code before every period and before the plan date, shape (code, period + 1).

    Parameters
    ----------
    steps : three arrays, shape (series, period)
        Units in steps, share in stock, profile factor.
    prior, scale : array, shape (series,)
        First observation of the mean, and one over the squared scale [1 / c^2].
    codes : array, shape (series,)
        Product or group of every series, numbered from 0.
    decay : float
        Share of a weight kept per period [a].
    """
    units, share, factor = steps
    size = int(codes.max(initial=0)) + 1
    result = np.ones((size, units.shape[1] + 1))
    above, below = np.zeros(size), np.zeros(size)
    total, count = prior.copy(), np.ones(len(units))
    weight = np.sqrt(scale)
    for t in range(units.shape[1]):
        seen = np.isfinite(units[:, t]) & (share[:, t] >= 1.0) & (factor[:, t] > 0.0)
        demand = np.where(seen, units[:, t], 0.0) / np.where(seen, factor[:, t], 1.0)
        mean = np.where(seen, total / count, 0.0)
        above = decay * above + np.bincount(codes, weights=weight * demand, minlength=size)
        below = decay * below + np.bincount(codes, weights=weight * mean, minlength=size)
        result[:, t + 1] = (PRIOR_WEIGHT + above) / (PRIOR_WEIGHT + below)
        total += demand
        count += seen
    return result
