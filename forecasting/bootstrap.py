r"""
Joint paths: a block is one past origin's whole forecast error, taken for all series at once.

At origin o of the past (whole weeks before the plan date) with level l_io, the error of the next periods is the ratio

    e_iok = y_i,o+k / (l_io f_i,o+k),   k = 0 .. block - 1

so a block carries what the days of one week share: the level's own error, the weather, a holiday. A path draws the same
origins for every series, one after the other until the horizon is filled. What a level missed in one block it mostly
misses in the next: with probability r_c, the correlation of successive blocks' errors e, f under one level at past
origins of class c,

    r_c = sum e f / sqrt(sum e^2 sum f^2)      e, f mean ratio - 1 of the first and second block from an origin

a path stays with its origin and donor for a further block. Series i takes the ratios of its own history
with probability n_i / (n_i + n_0), n_i its usable blocks, else those of a donor of the same volume class at the same
origin, stretched by the series' spread c_i; this widens what a short history has not yet shown. Then, with m_ih the
mean of period h,

    v_sh = max(0, 1 + c_i (e - 1));   D_ish = floor(v_sh m_ih / mean_s(v_sh) + u_ish)

so the mean over the paths is the forecast; u are uniforms that depend on the series' ids alone. ``dependence`` says
what else there is than the same origins for all.

Künsch (1989), Annals of Statistics 17(3) for blocks; the donors are a hot deck (Andridge and Little 2010).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from forecasting.keys import Keys, uniform
from forecasting.panel import Floats, Integers
from forecasting.smoothing import CLASS_EDGES, CLASSES

Ratios = npt.NDArray[np.float32]

# No period is drawn above this many times its mean plus this many steps.
CAP_RATIO = 30.0
CAP_STEPS = 30.0
INT16_MOST, INT32_MOST = 32_767, 2_147_483_647
WIDEST_RATIO = 25.0
SMALLEST_LEVEL = 1e-6
FEWEST_DONORS = 4
HALF_LIFE_WEEKS = 8.0
LASTING_CELLS = 500.0
SHOCK_STEPS = 50.0
RECENT_WEEKS = 52
GAMMA_VARIATION = 0.4
SPREAD_RANGE = (0.4, 2.5)
# Counters of one path's uniforms lie this far apart; no horizon is longer.
SPACING = 4_096
# Whose uniforms say which paths stay with their origin.
STAYING = np.uint64(0x9E3779B97F4A7C15)
# Counters of the turns lie beyond those of the paths.
TURN = 1 << 50


class Library(NamedTuple):
    """
    Donors' ratios (class, block, donor, period), their number (class, block), mean square of ratio - 1 (class,).

    ``lasting`` (class,) is the probability that a path stays with its origin for another block [r].
    """

    ratios: Ratios
    donors: Integers
    square: Floats
    lasting: Floats


class Draw(NamedTuple):
    """
    What the paths of one chunk are drawn from.

    ``own`` (series, block, period) ratios, NaN in the first period where a block cannot be used; ``mean`` (series,
    horizon) in steps; ``volume`` (series,) class of the level; ``own_share``, ``spread``, ``keys`` (series,); ``shock``
    (series, block) what the series' group missed beyond all at each origin, see ``group_shocks``;
    ``together`` whether a path takes the same origins for all series.
    """

    own: Ratios
    mean: Floats
    volume: Integers
    own_share: Floats
    spread: Floats
    keys: Keys
    shock: Floats
    together: bool = True


def block_starts(periods: int, block: int, stride: int, warm_up: int) -> Integers:
    """Return past origins, oldest first, ``stride`` apart, the last one ``block`` periods before the end."""
    return np.arange(periods - block, warm_up - 1, -stride, dtype=np.int64)[::-1].copy()


def own_ratios(expected: Floats, completed: Floats, missing: npt.NDArray[np.bool_]) -> Ratios:
    """
    Return the ratios of blocks of shape (..., period) to what was expected of them.

    A missing period takes the ratio of the period before it in its block, in a circle. A block is unusable (NaN in
    its first period) if half of it is missing or nothing was expected.
    """
    # Returns booked as sales may outweigh them; no error takes demand below nothing.
    ratio = np.clip(completed / np.maximum(expected, SMALLEST_LEVEL), 0.0, WIDEST_RATIO)
    ratio = np.where(missing, np.nan, ratio)
    for _ in range(ratio.shape[-1] // 2):
        ratio = np.where(np.isnan(ratio), np.roll(ratio, 1, axis=-1), ratio)
    unusable = (2 * missing.sum(axis=-1) >= ratio.shape[-1]) | (expected[..., 0] <= SMALLEST_LEVEL)
    ratio[..., 0] = np.where(unusable, np.nan, ratio[..., 0])
    return ratio.astype(np.float32)


def group_shocks(sums: tuple[Floats, Floats], groups: Integers, size: int) -> Floats:
    """
    Return what each group missed at each origin beyond what all series missed there, shape (group, block).

    With Y, M the group's sales and what was expected of it, E_o the ratio of all and n_0 ``SHOCK_STEPS``,

        S_go = (Y_go + n_0 E_o) / (M_go + n_0) / E_o

    Donors come from all groups: their errors are divided by their own group's S, and multiplied by that of the series
    they serve, so the series of a group err together as they did.

    Parameters
    ----------
    sums : two arrays, shape (series, block)
        Units sold and expected, in steps.
    groups : array, shape (series,)
    """
    sold, expected = (np.zeros((size, column.shape[1])) for column in sums)
    np.add.at(sold, groups, sums[0])
    np.add.at(expected, groups, sums[1])
    everyone = (sold.sum(axis=0) + 1.0) / (expected.sum(axis=0) + 1.0)
    return np.asarray((sold + SHOCK_STEPS * everyone) / (expected + SHOCK_STEPS) / everyone)


def build_library(own: Ratios, volume: Integers, donors: int, rng: np.random.Generator) -> Library:
    """
    Return the donors of every class and block.

    Parameters
    ----------
    own : array, shape (series, block, period)
        Ratios of the sample, its series in the order in which they may become donors.
    volume : array, shape (series, block)
        Class of the level at every origin.
    donors : int
        Most donors per class and block.
    rng : Generator
        Draws the gamma ratios that stand in where no series has a usable block.
    """
    _, blocks, length = own.shape
    ratios = np.ones((CLASSES, blocks, donors, length), dtype=np.float32)
    count = np.zeros((CLASSES, blocks), dtype=np.int64)
    for block in range(blocks):
        usable = np.isfinite(own[:, block, 0])
        for c in range(CLASSES):
            chosen = np.flatnonzero(usable & (volume[:, block] == c))[:donors]
            count[c, block] = len(chosen)
            ratios[c, block, : len(chosen)] = own[chosen, block]
    return _complete(Library(ratios, count, np.zeros(CLASSES), np.zeros(CLASSES)), rng)


def _complete(library: Library, rng: np.random.Generator) -> Library:
    """Fill classes without enough donors with gamma ratios and measure every class."""
    count = library.donors.copy()
    square = np.zeros(CLASSES)
    typical = np.sqrt(np.array([CLASS_EDGES[0] / 2.0, *CLASS_EDGES]) * np.array([*CLASS_EDGES, 2.0 * CLASS_EDGES[-1]]))
    for c, mean in enumerate(typical):
        for block in np.flatnonzero(count[c] < FEWEST_DONORS):
            shape = 1.0 / (1.0 / mean + GAMMA_VARIATION**2)
            size = (FEWEST_DONORS - count[c, block], library.ratios.shape[3])
            library.ratios[c, block, count[c, block] : FEWEST_DONORS] = rng.gamma(shape, 1.0 / shape, size)
            count[c, block] = FEWEST_DONORS
        used = np.arange(library.ratios.shape[2])[None, :] < count[c][:, None]
        square[c] = float(((library.ratios[c][used].astype(np.float64) - 1.0) ** 2).mean())
    return library._replace(donors=count, square=square)


def spreads(own: Ratios, volume: Integers, class_square: Floats, prior_blocks: float) -> Floats:
    """
    Return each series' spread [c] against its class, shrunk to 1 with the weight of ``prior_blocks`` blocks.

    ``class_square`` (class,) is the mean square of ratio - 1 of errors made in the same way as ``own``.
    """
    usable = np.isfinite(own[:, :, 0])
    square = np.where(usable, ((np.nan_to_num(own, nan=1.0) - 1.0) ** 2).mean(axis=2), 0.0).sum(axis=1)
    expected = np.where(usable, class_square[volume], 0.0).sum(axis=1)
    typical = class_square[volume].mean(axis=1) * prior_blocks
    ratio = (square + typical) / np.maximum(expected + typical, SMALLEST_LEVEL)
    return np.asarray(np.clip(np.sqrt(ratio), *SPREAD_RANGE))


def alike(own: Ratios, volume: Integers, now: Integers) -> Ratios:
    """Return the own ratios without the blocks (series, block) whose class lay more than one from today's (series,)."""
    kept = own.copy()
    kept[..., 0] = np.where(np.abs(volume - now[:, None]) <= 1, own[..., 0], np.nan)
    return kept


def joined(plain: Library, boosted: Library) -> Library:
    """Return one library whose classes are those of the first, then those of the second."""
    return Library(
        np.concatenate([plain.ratios, boosted.ratios]),
        np.concatenate([plain.donors, boosted.donors]),
        np.concatenate([plain.square, boosted.square]),
        np.concatenate([plain.lasting, boosted.lasting]),
    )


def lasting_errors(own: Ratios, volume: Integers) -> Floats:
    """
    Return the correlation [r] of the errors of two successive blocks under one level, shape (class,), 0 at least.

    Parameters
    ----------
    own : array, shape (series, origin, two blocks' periods)
        See ``own_ratios``.
    volume : array, shape (series, origin)
        Class of the level; each class leans on all with the weight of ``LASTING_CELLS``.
    """
    half = own.shape[2] // 2
    usable = np.isfinite(own[:, :, 0])
    first, second = (np.where(usable, part.mean(axis=2) - 1.0, 0.0) for part in (own[:, :, :half], own[:, :, half:]))
    rows = [np.bincount(volume.ravel(), (a * b).ravel(), CLASSES) for a, b in _pairs(first, second)]
    count = np.bincount(volume.ravel(), usable.ravel(), CLASSES)
    sums = np.stack(rows) + LASTING_CELLS * np.stack(rows).sum(axis=1, keepdims=True) / max(float(count.sum()), 1.0)
    return np.asarray(np.clip(sums[0] / np.sqrt(np.maximum(sums[1] * sums[2], SMALLEST_LEVEL)), 0.0, 1.0))


def _pairs(first: Floats, second: Floats) -> tuple[tuple[Floats, Floats], ...]:
    return (first, second), (first, first), (second, second)


def thinned(starts: Integers, most: int) -> Integers:
    """Return at most ``most`` origins, evenly apart, the latest among them."""
    return starts[::-1][:: -(-len(starts) // most)][::-1].copy()


def recent_weeks(periods: int, stride: int, paths: int, blocks: int, rng: np.random.Generator) -> Integers:
    """Return first periods of past weeks, weighted by a half-life of eight weeks, shape (path, block)."""
    ages = np.arange(1, max(1, min(periods // stride, RECENT_WEEKS)) + 1)
    weight = 0.5 ** (ages / HALF_LIFE_WEEKS)
    drawn = rng.choice(ages, size=(paths, blocks), p=weight / weight.sum())
    return np.asarray(np.maximum(periods - stride * drawn, 0), dtype=np.int64)


def weekly_paths(units: Floats, weeks: Integers, stride: int, horizon: int) -> npt.NDArray[np.int32]:
    """
    Return whole past weeks as they were, the same for all series, in whole steps: the standing rival of the filter.

    Parameters
    ----------
    units : array, shape (series, period)
        Steps; NaN counts as nothing sold.
    weeks : array, shape (path, block)
        See ``recent_weeks``.
    """
    period = (weeks[:, :, None] + np.arange(stride)).reshape(len(weeks), -1)[:, :horizon]
    known = np.rint(np.clip(np.nan_to_num(units), 0.0, INT32_MOST)).astype(np.int32)
    return known[:, np.minimum(period, units.shape[1] - 1)]


def path_blocks(blocks: int, paths: int, length: int, rng: np.random.Generator) -> Integers:
    """Return the blocks of every path, shape (path, length): each block equally often, in a random order."""
    columns = [rng.permutation(np.arange(paths) % blocks) for _ in range(length)]
    return np.stack(columns, axis=1).astype(np.int64)


def largest_steps(mean: Floats) -> int:
    """Return a bound on every value drawn around the given means (in steps)."""
    return int(np.ceil(CAP_RATIO * mean.max(initial=0.0) + CAP_STEPS)) + 1


def draw_paths(draw: Draw, library: Library, blocks: Integers) -> npt.NDArray[np.int32]:
    """Return the paths of one chunk in steps, shape (series, path, horizon); see the module for the formula."""
    steps = np.empty((len(draw.mean), len(blocks), draw.mean.shape[1]), dtype=np.int32)
    _draw(draw, library, blocks, steps)
    return steps


@njit(cache=True)  # type: ignore[untyped-decorator]
def _fill(i: int, draw: Draw, library: Library, blocks: Integers, values: Floats) -> None:
    """Write the unscaled values of one series, shape (path, horizon)."""
    paths, horizon = values.shape
    length = draw.own.shape[2]
    c = draw.volume[i]
    b, donor, own = 0, 0, False
    for s in range(paths):
        for h in range(horizon):
            k = h % length
            # Whether a path stays is one draw for all series: those that stay, stay together.
            if k == 0 and (h == 0 or uniform(STAYING, s * SPACING + h) >= library.lasting[c]):
                # Apart, every series goes round the same origins from a place of its own.
                turn = 0 if draw.together else int(uniform(draw.keys[i], TURN + h) * paths)
                b = blocks[(s + turn) % paths, h // length]
                chance = uniform(draw.keys[i], (3 * s + 1) * SPACING + h)
                own = not np.isnan(draw.own[i, b, 0]) and chance < draw.own_share[i]
                donor = int(uniform(draw.keys[i], (3 * s + 2) * SPACING + h) * library.donors[c, b])
            if own:
                values[s, h] = draw.own[i, b, k]
            else:
                error = 1.0 + draw.spread[i] * (library.ratios[c, b, donor, k] - 1.0)
                values[s, h] = max(0.0, error) * draw.shock[i, b]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _draw(draw: Draw, library: Library, blocks: Integers, steps: npt.NDArray[np.int32]) -> None:
    series, paths, horizon = steps.shape
    values = np.empty((paths, horizon))
    for i in range(series):
        _fill(i, draw, library, blocks, values)
        for h in range(horizon):
            total = 0.0
            for s in range(paths):
                total += values[s, h]
            mean = draw.mean[i, h]
            most = min(CAP_RATIO * mean + CAP_STEPS, INT32_MOST)
            for s in range(paths):
                value = values[s, h] * mean * paths / total if total > 0.0 else mean
                u = uniform(draw.keys[i], 3 * s * SPACING + h)
                steps[i, s, h] = int(np.floor(min(value, most) + u))
