r"""
What path s of one series has to do with path s of another.

    shock         a path takes the same past origins for all series, so a week in which all were missed stays one
    independent   every series takes the same origins in a turn of its own: margins as before, no common shock
    schaake       independent paths, ordered block by block as what was sold on the same dated weeks was (Clark,
                  Gangopadhyay, Hay, Rajagopalan and Wilby 2004): if the week behind path s was a series' third best,
                  its path s is its third highest

The margins of every series and period are the same in all three, up to what each leaves to chance.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from forecasting.keys import Keys
from forecasting.panel import Floats, Integers

Dependence = Literal["shock", "schaake", "independent"]

_MIX = np.uint64(0x9E3779B97F4A7C15)


def ordered_as_sold(
    steps: npt.NDArray[np.int32], sold: Floats, dates: tuple[Integers, Integers, int], keys: Keys
) -> npt.NDArray[np.int32]:
    """
    Return the paths of every series reordered, block by block, as its sales of the blocks' dates were ordered.

    Parameters
    ----------
    steps : integer array, shape (series, path, horizon)
    sold : array, shape (series, period)
        Completed sales, NaN where not known.
    dates : blocks of every path (path, block), first period of each (block,), periods in a block
    keys : array, shape (series,)
        Order what was equal, each series in its own way.
    """
    blocks, starts, length = dates
    at = np.minimum(starts[:, None] + np.arange(length), sold.shape[1] - 1)
    sums = np.nan_to_num(sold)[:, at].sum(axis=2)
    chance = _chance(keys, len(blocks))
    result = np.empty_like(steps)
    for j in range(blocks.shape[1]):
        part = slice(j * length, min((j + 1) * length, steps.shape[2]))
        wanted = np.lexsort((chance, sums[:, blocks[:, j]]), axis=1)
        total = steps[:, :, part].sum(axis=2)
        found = np.lexsort((chance[:, ::-1], total), axis=1)
        place = np.empty_like(found)
        np.put_along_axis(place, wanted, found, axis=1)
        result[:, :, part] = np.take_along_axis(steps[:, :, part], place[:, :, None], axis=1)
    return result


def _chance(keys: Keys, paths: int) -> npt.NDArray[np.uint64]:
    """Return numbers without order, each series' own, shape (series, path)."""
    mixed = keys[:, None] + _MIX * np.arange(1, paths + 1, dtype=np.uint64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    return np.asarray(mixed ^ (mixed >> np.uint64(27)))
