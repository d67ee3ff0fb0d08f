r"""
The profile: which share of a series' level each weekday, or each week of the year, brings.

Days. With y_it the units of a day in stock, r_it the mean of the seven days around it and d a weekday,

    S_id = sum_t y_it,   R_id = sum_t r_it   over the days t in stock on weekday d
    P_gd = sum_{i in g} S_id / sum_{i in g} R_id                       (group, itself shrunk to all series)
    f_id = (S_id + k m_i P_gd) / (R_id + k m_i)                        (series, shrunk to its group)

with m_i the mean of the series. k counts days; it is the one that predicts best a week that was left out.

Weeks. A position counts the weeks since the last week of 22 December, in Advent back from the next one.
With the slow level r_it (mean of the year around t) and sums over series in stock, weighted by 1/sqrt(m_i),

    P_p  = (sum over the n weeks t at p of (sum_i y_it / sum_i r_it) + n_0) / (n + n_0),   smoothed (1, 2, 1)/4
    f_gp = (sum_{i in g, t at p} y_it + k P_p) / (sum_{i in g, t at p} r_it + k)           (group)

except that P is left sharp around Christmas. Without one and a half years of history the factors are 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from forecasting.launches import WEEKS, fit_launches
from forecasting.panel import Dates, Floats, Integers, Panel

WEEKDAYS = 7
YEAR_WEEKS = 52
SEASON_WEEKS = 78
ADVENT_WEEKS = 3
# Shopping peaks before Christmas: where the 25th is a Monday, the week before it is the one that sells.
PEAK_DAY = 22
CHRISTMAS_POSITIONS = (0, 1, YEAR_WEEKS - 1)
SHRINKAGES = (7.0, 14.0, 28.0, 56.0, 112.0, 448.0)
GROUP_DAYS = 50.0
# Years at factor 1 added to every position [n_0]; series-weeks of the pool added to every group [k].
SEASON_YEARS = 0.5
SEASON_PERIODS = 300.0


@dataclass(frozen=True)
class Profile:
    """
    Pooled profile.

    Parameters
    ----------
    pooled : array, shape (group, position)
        Factor of every weekday (Monday first) or week position, mean 1.
    shrinkage : float
        Weight of the pool against a series' own days [k]; infinite where the pool alone is used.
    launch : array, shape (group, week)
        Factor of every week since an item was first seen at a place, see ``launches``.
    """

    pooled: Floats
    shrinkage: float
    launch: Floats = field(default_factory=lambda: np.ones((1, WEEKS)))


def positions(dates: Dates, period: str) -> Integers:
    """Return each period's weekday (Monday 0), or its weeks since the week of 22 December (0-51)."""
    days = dates.astype("datetime64[D]")
    if period == "day":
        return np.asarray((days.astype(np.int64) + 3) % WEEKDAYS, dtype=np.int64)
    last, following = _christmas_mondays(days, -1), _christmas_mondays(days, 0)
    since = (days - last).astype(np.int64) // WEEKDAYS
    until = (following - days).astype(np.int64) // WEEKDAYS
    # Advent is counted back from Christmas, the rest of the year keeps to the calendar; where a year has a 53rd week,
    # two weeks around the beginning of December share a position.
    return np.asarray(np.where(until <= ADVENT_WEEKS, (YEAR_WEEKS - until) % YEAR_WEEKS, since), dtype=np.int64)


def _christmas_mondays(mondays: Dates, which: int) -> Dates:
    """Return the Monday of the week of 22 December on or after each date (0), or of the one before that (-1)."""
    year = mondays.astype("datetime64[Y]").astype(np.int64)
    own = _christmas_monday(year)
    return _christmas_monday(np.where(own >= mondays, year, year + 1) + which)


def _christmas_monday(year: Integers) -> Dates:
    """Return the Monday of the week of 22 December; years are counted from 1970."""
    day = (year + 1).astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64) - 32 + PEAK_DAY
    return np.asarray((day - (day + 3) % WEEKDAYS).astype("datetime64[D]"))


def fit_profile(panel: Panel, groups: Integers, sample: slice | Integers = slice(None)) -> Profile:
    """Return the pooled profile of a panel; ``groups`` (series,) are numbered from 0; k is chosen on the sample."""
    if panel.period == "week":
        return Profile(_year_factors(panel, groups), np.inf, fit_launches(panel, groups))
    own, level, mean = _weekday_sums(panel)
    pooled = _pooled_weekdays(own.sum(axis=1), level.sum(axis=1), mean, groups)
    shrinkage = _best_shrinkage((own[sample], level[sample], mean[sample]), pooled[groups][sample])
    return Profile(pooled, shrinkage, fit_launches(panel, groups))


def series_factors(panel: Panel, profile: Profile, groups: Integers) -> Floats:
    """Return the factors of every series, shape (series, position); see ``positions``."""
    factors = profile.pooled[groups]
    if panel.period == "week":
        return factors
    own, level, mean = _weekday_sums(panel)
    return _shrunk(own.sum(axis=1), level.sum(axis=1), mean * profile.shrinkage, factors)


def in_stock(panel: Panel) -> npt.NDArray[np.bool_]:
    """Return which periods were seen and fully in stock, shape (series, period)."""
    return np.isfinite(panel.units) & (panel.in_stock_share >= 1.0)


def _moving_sum(values: Floats, width: int) -> Floats:
    """Return the sum over the ``width`` columns centred on each column, near the ends over the first or last ones."""
    periods = values.shape[1]
    total = np.pad(np.cumsum(values, axis=1), ((0, 0), (1, 0)))
    # A window cut at the ends would take half a season for a level.
    first = np.clip(np.arange(periods) - width // 2, 0, max(0, periods - width))
    return np.asarray(total[:, np.minimum(first + width, periods)] - total[:, first])


def _local_mean(units: Floats, seen: npt.NDArray[np.bool_], width: int) -> Floats:
    """Return the mean of the seen periods around each period."""
    count = _moving_sum(seen.astype(np.float64), width)
    return np.asarray(_moving_sum(units, width) / np.maximum(count, 1.0))


def _weekday_sums(panel: Panel) -> tuple[Floats, Floats, Floats]:
    """Return sums of units and of the local mean, shape (series, week, weekday), and each series' mean."""
    seen = in_stock(panel)
    units = np.where(seen, np.maximum(panel.units, 0.0), 0.0)
    level = np.where(seen, _local_mean(units, seen, WEEKDAYS), 0.0)
    mean = units.sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    lead = int(positions(panel.dates[:1], "day")[0])
    tail = -(lead + units.shape[1]) % WEEKDAYS
    weeks = (len(units), (lead + units.shape[1] + tail) // WEEKDAYS, WEEKDAYS)
    return (
        np.pad(units, ((0, 0), (lead, tail))).reshape(weeks),
        np.pad(level, ((0, 0), (lead, tail))).reshape(weeks),
        mean,
    )


def _shrunk(own: Floats, level: Floats, weight: Floats, pool: Floats) -> Floats:
    """Return own/level shrunk to the pool and scaled to mean 1, shape (series, weekday)."""
    factors = _quotient(own + weight[:, None] * pool, level + weight[:, None], np.broadcast_to(pool, own.shape))
    mean = factors.mean(axis=1, keepdims=True)
    return _quotient(factors, np.broadcast_to(mean, factors.shape), np.ones_like(factors))


def _pooled_weekdays(own: Floats, level: Floats, mean: Floats, groups: Integers) -> Floats:
    """Return the weekday factors of every group, shrunk to those of all series."""
    count = int(groups.max(initial=0)) + 1
    everyone = np.ones((1, WEEKDAYS))
    average = mean.sum(keepdims=True) / max(1, len(mean))
    whole = _shrunk(own.sum(axis=0)[None], level.sum(axis=0)[None], WEEKDAYS * average, everyone)
    member = np.zeros((count, WEEKDAYS)), np.zeros((count, WEEKDAYS))
    np.add.at(member[0], groups, own)
    np.add.at(member[1], groups, level)
    sizes = np.bincount(groups, minlength=count)
    means = np.bincount(groups, weights=mean, minlength=count) / np.maximum(sizes, 1)
    return _shrunk(member[0], member[1], GROUP_DAYS * means, whole)


def _best_shrinkage(sums: tuple[Floats, Floats, Floats], pool: Floats) -> float:
    """Return the k whose profile predicts best, in squared error, each week left out in turn."""
    own, level, mean = sums
    scale = 1.0 / np.maximum(mean, 1e-9)[:, None] ** 2 * (mean > 0.0)[:, None]
    all_own, all_level = own.sum(axis=1), level.sum(axis=1)
    losses = []
    for shrinkage in SHRINKAGES:
        loss = 0.0
        for week in range(own.shape[1]):
            others = all_own - own[:, week], all_level - level[:, week]
            factors = _shrunk(*others, mean * shrinkage, pool)
            loss += float((scale * (own[:, week] - level[:, week] * factors) ** 2).sum())
        losses.append(loss)
    return SHRINKAGES[int(np.argmin(losses))]


def _year_factors(panel: Panel, groups: Integers) -> Floats:
    """Return the factors of the 52 week positions of every group, shape (group, 52)."""
    count = int(groups.max(initial=0)) + 1
    if panel.units.shape[1] < SEASON_WEEKS:
        return np.ones((count, YEAR_WEEKS))
    own, level = _weighted_weeks(panel)
    place = positions(panel.dates, "week")
    years = np.bincount(place, minlength=YEAR_WEEKS)
    ratio = _quotient(own.sum(axis=0), level.sum(axis=0), np.ones(len(place)))
    mean = np.bincount(place, weights=ratio, minlength=YEAR_WEEKS)
    everyone = _neighbours((mean + SEASON_YEARS) / (years + SEASON_YEARS), CHRISTMAS_POSITIONS)
    weight = SEASON_PERIODS * float(level.sum()) / float(max(1, int(np.count_nonzero(level))))
    above = _neighbours(_by_code(own, groups, place), ())
    below = _neighbours(_by_code(level, groups, place), ())
    factors = _quotient(above + weight * everyone, below + weight, np.ones_like(above))
    return np.asarray(factors / factors.mean(axis=1, keepdims=True))


def _weighted_weeks(panel: Panel) -> tuple[Floats, Floats]:
    """Return units and slow level of the weeks in stock, each series over the root of its mean."""
    seen = in_stock(panel)
    units = np.where(seen, np.maximum(panel.units, 0.0), 0.0)
    mean = units.sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    # Between "every unit counts" and "every series counts": what a Poisson count deserves.
    weight = np.where(mean > 0.0, 1.0 / np.sqrt(np.where(mean > 0.0, mean, 1.0)), 0.0)[:, None]
    return units * weight, np.where(seen, _local_mean(units, seen, YEAR_WEEKS + 1), 0.0) * weight


def _by_code(values: Floats, groups: Integers, place: Integers) -> Floats:
    """Return sums per group and week position, shape (group, 52)."""
    groups_first = np.zeros((int(groups.max(initial=0)) + 1, values.shape[1]))
    np.add.at(groups_first, groups, values)
    result = np.zeros((YEAR_WEEKS, len(groups_first)))
    np.add.at(result, place, groups_first.T)
    return result.T


def _neighbours(values: Floats, sharp: tuple[int, ...]) -> Floats:
    """Return values smoothed (1, 2, 1)/4 round the year, the sharp positions left as they are."""
    smooth = (np.roll(values, 1, axis=-1) + 2.0 * values + np.roll(values, -1, axis=-1)) / 4.0
    smooth[..., list(sharp)] = values[..., list(sharp)]
    return np.asarray(smooth)


def _quotient(above: Floats, below: Floats, fallback: Floats) -> Floats:
    """Return above/below, the fallback where below is zero."""
    return np.asarray(np.where(below > 0.0, above / np.where(below > 0.0, below, 1.0), fallback))
