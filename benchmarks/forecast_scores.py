"""Scores of one window of the past: ours and bootstraps by their paths, rivals by their quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.forecast_rivals import statsforecast_quantiles
from forecasting.paths import path_quantiles
from forecasting.scores import M5_LEVELS, coverage_at_random, crps, deciles, scaled_pinball, transforms

LEVELS = (0.5, 0.8, 0.9, 0.95, 0.98)
SUBSET, SEED = 150, 1


class Score(NamedTuple):
    """One line of the table."""

    case: str
    measure: str
    value: float
    seconds: float = float("nan")


class Window(NamedTuple):
    """What came after an origin, in steps (series, period), which cells count, the series' scale, lead times summed."""

    case: str
    actual: np.ndarray
    kept: np.ndarray
    scale: np.ndarray
    lengths: tuple[int, ...]

    def rows(self, chosen: np.ndarray) -> Window:
        """Return the window of some series."""
        case = f"{self.case}, {len(chosen)} of them" if len(chosen) < len(self.scale) else self.case
        return Window(case, self.actual[chosen], self.kept[chosen], self.scale[chosen], self.lengths)


def of_paths(window: Window, name: str, steps: np.ndarray, seconds: float = float("nan")) -> list[Score]:
    """Return pinball of periods, and CRPS, coverage and deciles of the transform of sums over the cells that count."""
    case, even = window.case, np.full(steps.shape[1], 1.0 / steps.shape[1])
    loss = scaled_pinball(window.actual, path_quantiles(steps, even, M5_LEVELS), M5_LEVELS, window.scale, window.kept)
    lines = [Score(case, f"sPL, {name}", loss, seconds)]
    for length in window.lengths:
        kept = window.kept[:, :length]
        counted = kept.any(axis=1) & (window.scale > 0.0)
        total = np.where(kept, window.actual[:, :length], 0.0).sum(axis=1)[counted]
        sums = np.einsum("ipt,it->ip", steps[:, :, :length], kept.astype(np.float64))[counted]
        spread = float((crps(total, sums) / window.scale[counted] / kept.sum(axis=1)[counted]).mean())
        found = coverage_at_random(total, sums, LEVELS, np.random.default_rng(SEED))
        tenths = deciles(transforms(total, sums, np.random.default_rng(SEED)))
        what = f"{length}-period sums"
        lines.append(Score(case, f"CRPS of {what}, {name}", spread))
        lines += [
            Score(case, f"{what} within {level}, {name}", value) for level, value in zip(LEVELS, found, strict=True)
        ]
        lines += [
            Score(case, f"{what}, {which} decile of the transform, {name}", float(value))
            for which, value in (("least", tenths.min()), ("largest", tenths.max()))
        ]
    return lines


def of_rivals(
    window: Window, ours: dict[str, np.ndarray], past: np.ndarray, names: Sequence[str], season: int, most: int = SUBSET
) -> list[Score]:
    """Return pinball and coverage of single periods of statsforecast's models, and ours, on the same random series.

    ours: quantiles (series, period, level) by name; past: history in steps. Rivals have no joint paths to be summed.
    """
    series = len(window.scale)
    chosen = np.sort(np.random.default_rng(SEED).choice(series, min(most, series), replace=False))
    few = window.rows(chosen)
    lines = [line for name, quantiles in ours.items() for line in _of_quantiles(few, name, quantiles[chosen])]
    for name in names:
        found = statsforecast_quantiles(name, past[chosen], few.actual.shape[1], season)
        if found is None:
            print(f"{name}: skipped, statsforecast is not installed (extra: bench)")
            continue
        lines += _of_quantiles(few, name, found.values, found.seconds)
    return lines


def _of_quantiles(window: Window, name: str, quantiles: np.ndarray, seconds: float = float("nan")) -> list[Score]:
    """Return pinball and coverage of single periods at the second highest level."""
    loss = scaled_pinball(window.actual, quantiles, M5_LEVELS, window.scale, window.kept)
    inside = (window.actual <= quantiles[:, :, -2])[window.kept]
    return [
        Score(window.case, f"sPL, {name}", loss, seconds),
        Score(window.case, f"periods within {M5_LEVELS[-2]}, {name}", float(inside.mean())),
    ]


def means(lines: Sequence[Score], case: str) -> list[Score]:
    """Return the mean of every measure over its windows."""
    found: dict[str, list[Score]] = {}
    for line in lines:
        found.setdefault(line.measure, []).append(line)
    return [
        Score(case, measure, float(np.mean([x.value for x in part])), float(np.sum([x.seconds for x in part])))
        for measure, part in found.items()
    ]


def ratio(lines: Sequence[Score], measure: str, name: str, rival: str) -> Score:
    """Return the ratio of one measure between two methods, from lines of means."""
    value = {line.measure: line.value for line in lines}
    return Score(
        lines[0].case, f"{measure}, {name} over {rival}", value[f"{measure}, {name}"] / value[f"{measure}, {rival}"]
    )
