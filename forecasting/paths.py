"""Demand as joint sample paths, and their quantiles as a long table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from forecasting.panel import Dates, Floats, Integers, Names
from forecasting.prices import PriceResponse, log_ratio, mapping_keys, response_draws, steps_at

Steps = npt.NDArray[np.int16] | npt.NDArray[np.int32]

MEAN_DECIMALS = 6
CHUNK = 2_000


@dataclass(frozen=True)
class DemandPaths:
    """
    Sample paths of demand; path s of one series belongs with path s of every other.

    Parameters
    ----------
    steps : integer array, shape (series, path, period)
        Demand in whole steps; int16 when every value is sure to fit, else int32.
    item_id, location_id : array of str, shape (series,)
    unit_step : array, shape (series,)
        Units per step.
    dates : array of datetime64[D], shape (period,)
    weights : array, shape (path,)
        Probability of each path, summing to 1.
    seed : int
        Seed the paths were drawn from.
    reference_price : array, shape (series, period), optional
        Price the demand was forecast at, money per unit; NaN where none is known.
    response : PriceResponse, optional
        How the demand of each series answers to prices, in the order of the series.

    Raises
    ------
    ValueError
        If the shapes do not agree.
    """

    steps: Steps
    item_id: Names
    location_id: Names
    unit_step: Floats
    dates: Dates
    weights: Floats
    seed: int
    reference_price: Floats | None = None
    response: PriceResponse | None = None

    def __post_init__(self) -> None:
        series, paths, periods = self.steps.shape
        if self.weights.shape != (paths,) or self.dates.shape != (periods,):
            raise ValueError("weights must have one value per path and dates one per period")
        if not self.item_id.shape == self.location_id.shape == self.unit_step.shape == (series,):
            raise ValueError(f"paths of {series} series: item_id, location_id or unit_step differ in length")
        if self.reference_price is not None and self.reference_price.shape != (series, periods):
            raise ValueError("reference_price must have one value per series and period")
        if self.response is not None and self.response.elasticity.shape != (series,):
            raise ValueError("response must have one value per series")

    def at(self, prices: Floats, rng: np.random.Generator | None = None) -> DemandPaths:
        """
        Return the same paths at other prices, which become the reference; see ``forecasting.prices``.

        Equal prices give equal steps, and a lower price never gives fewer on any path.

        Parameters
        ----------
        prices : array, shape (series, period)
            Money per unit; a series keeps its demand where price or reference is NaN or not positive.
        rng : Generator, optional
            Draws the seed of the responses; without it they come from the seed of the paths.

        Raises
        ------
        ValueError
            If the paths carry no reference price or no response, or the shape is another.
        """
        if self.reference_price is None or self.response is None:
            raise ValueError("these paths carry no reference price and response: they hold at one price only")
        if prices.shape != self.reference_price.shape:
            raise ValueError(f"prices have shape {prices.shape}, expected {self.reference_price.shape}")
        ratio = log_ratio(prices, self.reference_price)
        now = np.where(np.isnan(prices), self.reference_price, prices)
        changed = np.flatnonzero(ratio.any(axis=1))
        if not len(changed):
            return replace(self, reference_price=now)
        seed = self.seed if rng is None else int(rng.integers(2**62))
        draws = response_draws(self.response.rows(changed), self.steps.shape[1], seed)
        keys = mapping_keys(self.item_id[changed], self.location_id[changed], self.seed)
        moved = steps_at(self.steps[changed].astype(np.int32), ratio[changed], draws, keys)
        wide = self.steps.dtype == np.int32 or int(moved.max(initial=0)) > np.iinfo(np.int16).max
        steps: Steps = self.steps.astype(np.int32) if wide else self.steps.copy()
        steps[changed] = moved
        return replace(self, steps=steps, reference_price=now)

    def units(self, i: int) -> Floats:
        """Return the paths of series ``i`` in units, shape (path, period)."""
        return np.asarray(self.steps[i] * self.unit_step[i])

    def rows(self, chosen: Integers) -> DemandPaths:
        """Return the paths of some series, in the order given."""
        reference, response = self.reference_price, self.response
        return replace(
            self,
            steps=self.steps[chosen],
            item_id=self.item_id[chosen],
            location_id=self.location_id[chosen],
            unit_step=self.unit_step[chosen],
            reference_price=None if reference is None else reference[chosen],
            response=None if response is None else response.rows(chosen),
        )

    def first(self, periods: int) -> DemandPaths:
        """Return the paths of the first ``periods`` periods."""
        reference = None if self.reference_price is None else self.reference_price[:, :periods]
        return replace(self, steps=self.steps[:, :, :periods], dates=self.dates[:periods], reference_price=reference)

    def mean(self) -> Floats:
        """Return mean demand in units, shape (series, period)."""
        total = np.zeros((self.steps.shape[0], self.steps.shape[2]))
        for s, weight in enumerate(self.weights):
            total += self.steps[:, s, :] * weight
        return total * self.unit_step[:, None]


def level_name(level: float) -> str:
    """Return a probability as its shortest decimal, such as ``0.5``."""
    return np.format_float_positional(level, trim="0")


def quantile_table(paths: DemandPaths, levels: Sequence[float]) -> pa.Table:
    """
    Return the mean and the quantiles of every series and period as a long table.

    A quantile is the smallest path value whose cumulated weight reaches the level, so it lies on the unit step and
    quantiles never cross. The mean is rounded to 6 decimals.

    Parameters
    ----------
    paths : DemandPaths
    levels : sequence of float
        Probabilities between 0 and 1, both excluded.

    Returns
    -------
    pyarrow.Table
        Columns item_id, location_id, date, level (text) and units, sorted by the first four.

    Raises
    ------
    ValueError
        If a level is not between 0 and 1.
    """
    if any(not 0.0 < level < 1.0 for level in levels):
        raise ValueError(f"levels must lie between 0 and 1, found {list(levels)}")
    order = sorted(set(levels), key=level_name)
    series, _, periods = paths.steps.shape
    values = np.empty((series, periods, len(order) + 1))
    for start in range(0, series, CHUNK):
        part = slice(start, start + CHUNK)
        values[part, :, :-1] = path_quantiles(paths.steps[part], paths.weights, order)
    values[:, :, :-1] *= paths.unit_step[:, None, None]
    values[:, :, -1] = paths.mean()
    np.round(values, MEAN_DECIMALS, out=values)
    return _long_table(paths, values, [*(level_name(level) for level in order), "mean"])


def path_quantiles(steps: Steps, weights: Floats, levels: Sequence[float]) -> Floats:
    """Return quantiles over the paths in steps, shape (series, period, level)."""
    # A copy even where one period or path would need none: the order of the paths is not to be lost.
    across = steps.transpose(0, 2, 1).copy()
    if np.all(weights == weights[0]):
        across.sort(axis=2)
        return across[:, :, _ranks(np.full(len(weights), 1.0 / len(weights)), levels)].astype(np.float64)
    order = np.argsort(across, axis=2, kind="stable")
    cumulated = np.cumsum(weights[order], axis=2)
    found = np.stack([(cumulated < level - 1e-9).sum(axis=2) for level in levels], axis=2)
    place = np.minimum(found, len(weights) - 1)
    return np.take_along_axis(np.take_along_axis(across, order, axis=2), place, axis=2).astype(np.float64)


def _ranks(weights: Floats, levels: Sequence[float]) -> npt.NDArray[np.int64]:
    """Return the place of each level among sorted values of the given weights."""
    place = np.searchsorted(np.cumsum(weights), np.asarray(levels) - 1e-9)
    return np.asarray(np.minimum(place, len(weights) - 1), dtype=np.int64)


def _long_table(paths: DemandPaths, values: Floats, names: Sequence[str]) -> pa.Table:
    """Lay (series, period, level) values out as rows, texts as dictionary codes."""
    series, periods, levels = values.shape
    per_series = periods * levels
    days = np.repeat(paths.dates.astype("datetime64[D]").astype(np.int32), levels)
    return pa.table(
        {
            "item_id": _repeated(paths.item_id, per_series),
            "location_id": _repeated(paths.location_id, per_series),
            "date": pa.array(np.tile(days, series)).cast(pa.date32()),
            "level": pa.DictionaryArray.from_arrays(
                np.tile(np.arange(levels, dtype=np.int32), series * periods), pa.array(names, pa.string())
            ),
            "units": pa.array(values.reshape(-1)),
        }
    )


def _repeated(names: Names, times: int) -> pa.DictionaryArray:
    """Return every name ``times`` times as dictionary codes."""
    distinct, codes = np.unique(names, return_inverse=True)
    indices = np.repeat(codes.astype(np.int32), times)
    return pa.DictionaryArray.from_arrays(indices, pa.array(distinct.tolist(), pa.string()))
