r"""
Demand behind a stock-out: the recorded units are a lower bound.

For a period with level m, bound y and coefficient of variation v, demand D is taken as normal with mean m and standard
deviation v m, and the period enters the level as

    E[D | D >= y] = m + v m phi(z) / (1 - Phi(z)),   z = (y - m) / (v m)

(Tobin 1958; Nahmias 1994 for lost sales). A bound of zero says nothing and leaves the level as it was. The share of the
period in stock is never used to scale the units: a product that sells out sells faster than usual before it does.
The coefficient v is chosen on past periods, see ``smoothing.fit_rule``.
"""

from __future__ import annotations

import math

from numba import njit

FAR_TAIL = 6.0


@njit(cache=True)  # type: ignore[untyped-decorator]
def censored_mean(bound: float, mean: float, variation: float) -> float:
    """
    Return E[D | D >= bound] of a normal D with the given mean and coefficient of variation.

    With no variation it is the larger of bound and mean.
    """
    spread = variation * mean
    if spread <= 0.0:
        return max(bound, mean)
    z = (bound - mean) / spread
    if z > FAR_TAIL:
        # Mills ratio's expansion: the tail itself underflows here.
        return bound + spread * (1.0 / z - 2.0 / z**3)
    tail = 0.5 * math.erfc(z / math.sqrt(2.0))
    return mean + spread * math.exp(-0.5 * z * z) / (math.sqrt(2.0 * math.pi) * tail)
