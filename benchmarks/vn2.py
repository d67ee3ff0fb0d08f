"""VN2 closed loop on rolling windows: our forecast and orders beside the organisers' rule and the textbook formula.

Windows, timing and rivals: eight weeks, six orders that can be sold two weeks later, cost of weeks three to eight,
.2 per unit left and 1 per unit lost. The state of each window comes from playing the organisers' rule for 13 weeks.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np

from benchmarks.records import append_record, data_folder
from forecasting.forecast import forecast
from forecasting.panel import Panel
from optimizer.reorder.decide import decide
from optimizer.reorder.problem import NO_EXPIRY, NO_MAXIMUM, JointRules, ReorderProblem
from scenarios.backtest import Observed, Planner, Replay, Rolled, roll

# First week played; all away from Christmas. Everything a planner uses lies before it.
WINDOWS = (
    "2023-01-23", "2023-02-20", "2023-03-20", "2023-04-17", "2023-05-15", "2023-06-12",
    "2023-07-10", "2023-08-07", "2023-09-04", "2024-01-22", "2024-02-19",
)  # fmt: skip
LEAD, WEEKS, ORDERS, COUNTED_FROM = 2, 8, 6, 2
WARM_UP = 13
HOLDING, SHORTAGE = 0.2, 1.0
PATHS, SEED = 300, 1
# Earlier windows, on which the horizon of the look-ahead was chosen.
EARLIER = ("2022-08-22", "2022-09-05", "2022-09-19", "2022-10-03", "2022-10-17")
# Periods our planner looks ahead: lead time, two waits between orders, and today.
HORIZON = 5


class History:
    """Weekly sales and in-stock flags of all series as published."""

    def __init__(self, folder: Path) -> None:
        sales, flags = (self._wide(folder, name) for name in ("Sales", "In Stock"))
        self.keys = [(row[1], row[0]) for row in sales[1]]
        self.weeks = np.array(sales[0], dtype="datetime64[D]")
        self.units = np.array([[float(value) for value in row[2:]] for row in sales[1]])
        self.in_stock = np.array([[value == "True" for value in row[2:]] for row in flags[1]])

    @staticmethod
    def _wide(folder: Path, name: str) -> tuple[list[str], list[tuple[str, ...]]]:
        (path,) = folder.glob(f"*{name}.csv")
        table = duckdb.read_csv(str(path), header=True, all_varchar=True)
        return table.columns[2:], table.fetchall()


def seasonal_factors(history: History, until: int) -> np.ndarray:
    """Return the organisers' factor of each calendar week from the weeks before `until`, shape (54,)."""
    units = np.where(history.in_stock[:, :until], history.units[:, :until], np.nan)
    number = np.array([day.isocalendar()[1] for day in history.weeks[:until].astype(object)])
    weekly = np.array([np.nanmean(units[:, t]) for t in range(until)])
    mean = np.nanmean(weekly)
    factors = np.ones(54)
    for week in range(1, 54):
        hit = number == week
        if hit.any():
            factors[week] = np.nanmean(weekly[hit]) / mean
    return factors


def rule_forecast(history: History, until: int, ahead: int) -> np.ndarray:
    """Return the organisers' forecast of the next `ahead` weeks, shape (series, ahead)."""
    factors = seasonal_factors(history, until)
    days = history.weeks[0] + 7 * np.arange(until + ahead)
    number = np.array([day.isocalendar()[1] for day in days.astype(object)])
    recent = slice(until - 13, until)
    units = np.where(history.in_stock[:, recent], history.units[:, recent], np.nan) / factors[number[recent]]
    known = ~np.isnan(units).all(axis=1)
    base = np.zeros(len(units))
    base[known] = np.nanmean(units[known], axis=1)
    return base[:, None] * factors[number[until:]]


def organisers_rule(history: History) -> Planner:
    """Return the planner of the organisers: four weeks' forecast less everything there and on order."""

    def order(seen: Observed) -> np.ndarray:
        expected = rule_forecast(history, seen.period, 4).sum(axis=1)
        return np.round(np.maximum(expected - seen.on_hand - seen.arrivals.sum(axis=1), 0))

    return order


def textbook(history: History) -> Planner:
    """Return the normal order-up-to planner: three weeks' forecast of that rule + .967 sd √3."""

    def order(seen: Observed) -> np.ndarray:
        recent = slice(max(seen.period - 52, 0), seen.period)
        units = np.where(history.in_stock[:, recent], history.units[:, recent], np.nan)
        known = (~np.isnan(units)).sum(axis=1) > 1
        deviation = np.zeros(len(units))
        deviation[known] = np.nanstd(units[known], axis=1, ddof=1)
        level = rule_forecast(history, seen.period, 3).sum(axis=1) + 0.967 * deviation * np.sqrt(3)
        return np.round(np.maximum(level - seen.on_hand - seen.arrivals.sum(axis=1), 0))

    return order


def ours(history: History, horizon: int = HORIZON) -> Planner:
    """Return the planner of this project: its forecast and its reorder decision, as the `reorder` command uses them."""
    item, place = (np.array([key[n] for key in history.keys], dtype=object) for n in (0, 1))
    order_of = np.lexsort((place, item))
    back = np.argsort(order_of)

    def order(seen: Observed) -> np.ndarray:
        until = seen.period
        panel = Panel(
            item[order_of], place[order_of], np.ones(len(item)), history.units[order_of, :until],
            history.in_stock[order_of, :until].astype(float), history.weeks[:until], "week",
        )  # fmt: skip
        paths = forecast(panel, horizon, PATHS, SEED).paths
        arrivals = np.zeros((len(item), horizon))
        arrivals[:, 1 : 1 + seen.arrivals.shape[1]] = seen.arrivals[order_of]
        quantity = decide(weekly_problem(paths.steps, seen.on_hand[order_of], arrivals)).required().quantity
        return quantity[back].astype(float)

    return order


def weekly_problem(demand: np.ndarray, on_hand: np.ndarray, arrivals: np.ndarray) -> ReorderProblem:
    """Return the reorder problem of the challenge; money in hundredths."""
    lines, paths, periods = demand.shape
    whole = {
        name: np.full(lines, value, np.int64) for name, value in {"lead": LEAD, "one": 1, "free": NO_MAXIMUM}.items()
    }
    return ReorderProblem(
        demand=demand, weight=np.full(paths, 1 / paths), on_hand=on_hand, arrivals=arrivals,
        lead_periods=whole["lead"], can_order=np.ones((lines, periods), bool), pack=whole["one"],
        minimum=np.zeros(lines, np.int64), maximum=whole["free"], holding_cost=np.full(lines, 100 * HOLDING),
        shortage_cost=np.full(lines, 100 * SHORTAGE), order_cost=np.zeros(lines), unit_cost=np.full(lines, 100.0),
        salvage_value=np.full(lines, 100.0), life_periods=np.full(lines, NO_EXPIRY), unmet="lost_sales",
        joint=JointRules.none(lines),
    )  # fmt: skip


def window(history: History, first_week: str, planner: Planner) -> float:
    """Return what a planner costs in weeks three to eight of a window."""
    begin = int(np.searchsorted(history.weeks, np.datetime64(first_week)))
    demand = np.where(history.in_stock, history.units, 0.0)
    chosen = history.in_stock[:, :begin].sum(axis=1) >= 26
    rule = organisers_rule(history)
    start = begin - WARM_UP
    mean = np.nan_to_num(rule_forecast(history, start, 4).mean(axis=1))
    series = len(demand)
    common = {
        "lead": np.full(series, LEAD),
        "holding": np.full(series, HOLDING),
        "shortage": np.full(series, SHORTAGE),
    }
    always, six = np.ones((series, WARM_UP), bool), np.zeros((series, WEEKS), bool)
    six[:, :ORDERS] = True
    nothing = np.zeros((series, LEAD))
    warm = Replay(demand, start, on_hand=np.round(4 * mean), arrivals=nothing, can_order=always, **common)
    before = roll(warm, rule)
    due = before.ordered[:, -LEAD:]
    replay = Replay(demand, begin, on_hand=before.closing[:, -1], arrivals=due, can_order=six, **common)
    result: Rolled = roll(replay, planner)
    return float(result.cost[chosen][:, COUNTED_FROM:].sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=len(WINDOWS), help="how many windows")
    parser.add_argument("--horizon", type=int, default=HORIZON)
    parser.add_argument("--earlier", action="store_true", help="the windows the horizon was chosen on")
    chosen = parser.parse_args()
    history = History(data_folder("vn2"))
    planners: dict[str, Callable[[], Planner]] = {
        "organisers": lambda: organisers_rule(history),
        "textbook": lambda: textbook(history),
        "dayplan": lambda: ours(history, chosen.horizon),
    }
    print(f"{'first week':<12}" + "".join(f"{name:>12}" for name in planners) + f"{'ratio':>9}")
    ratios, began = {name: [] for name in planners}, time.process_time()
    for first_week in (EARLIER if chosen.earlier else WINDOWS)[: chosen.windows]:
        costs = {name: window(history, first_week, make()) for name, make in planners.items()}
        for name, cost in costs.items():
            ratios[name].append(cost / costs["organisers"])
        shares = costs["dayplan"] / costs["organisers"]
        print(
            f"{first_week:<12}" + "".join(f"{cost:>12.1f}" for cost in costs.values()) + f"{shares:>9.3f}", flush=True
        )
    seconds = time.process_time() - began
    print(f"{'mean ratio':<12}" + "".join(f"{np.mean(values):>12.3f}" for values in ratios.values()))
    print(f"{seconds:.0f} CPU seconds")
    append_record("vn2 mean ratio to the organisers' rule", seconds, objective=float(np.mean(ratios["dayplan"])))


if __name__ == "__main__":
    main()
