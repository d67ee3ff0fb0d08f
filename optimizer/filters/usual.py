"""What is usual in a group, and how far a value lies from it: median and median absolute deviation."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
# Fewest values from which a group's own spread is read; smaller groups borrow that of all.
LEAST_VALUES = 8
# Smallest deviation of log quantities: goods that are always bought one by one may be bought by twos.
LEAST_DEVIATION = 0.35
# Makes the median absolute deviation of normal data their standard deviation.
_CONSISTENT = 1.4826


def log_quantity(units: FloatArray, step: FloatArray) -> FloatArray:
    """Return log(1 + steps): counts of one or two lie close together, large ones as far as their ratio says."""
    return np.asarray(np.log1p(units / step))


def quantity(log: FloatArray, step: FloatArray) -> FloatArray:
    """Return the units of a log quantity."""
    return np.asarray(np.expm1(log) * step)


@dataclass(frozen=True)
class Usual:
    """Centre and deviation of each row's group, and the values in it, shape (rows,); NaN and 0 for rows without group.

    Rousseeuw and Croux (1993), Journal of the American Statistical Association 88(424).
    """

    centre: FloatArray
    deviation: FloatArray
    count: FloatArray

    def distance(self, values: FloatArray) -> FloatArray:
        """Return by how many deviations the values lie above their centre; 0 where there is no group."""
        return np.nan_to_num((values - self.centre) / self.deviation)


def usual(values: FloatArray, group: Codes) -> Usual:
    """Return what is usual for each row's group.

    values: shape (rows,), NaN where a row does not count; group: code of each row, −1 for none
    """
    chosen = pd.Series(values).where(group >= 0)
    by_group = chosen.groupby(group)
    centre = by_group.transform("median")
    away = (chosen - centre).abs()
    count = by_group.transform("count").to_numpy(float)
    own = away.groupby(group).transform("median").to_numpy(float)
    of_all = float(np.nanmedian(away)) if chosen.notna().any() else 0.0
    deviation = np.where(count >= LEAST_VALUES, own, of_all) * _CONSISTENT
    return Usual(centre.to_numpy(float), np.maximum(deviation, LEAST_DEVIATION), np.where(group >= 0, count, 0.0))


def codes_of(*columns: "pd.Series[str]") -> Codes:
    """Return a number for each combination of texts, −1 where one of them is missing."""
    found: Codes = np.zeros(len(columns[0]), np.int64)
    missing = np.zeros(len(columns[0]), bool)
    for column in columns:
        codes, kinds = pd.factorize(column)
        missing |= codes < 0
        found = found * max(len(kinds), 1) + codes
    return np.where(missing, -1, found)
