"""The shelf and the end of an item: least and most on the shelf, last day of sale, as changes of the problem."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.reorder.problem import ReorderProblem
from scenarios.world import World

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
_KEYS = ["item_id", "location_id"]
_ROUNDING = 1e-9


def with_shelves(world: World, lines: pd.DataFrame, left: FloatArray, problem: ReorderProblem) -> ReorderProblem:
    """Return the problem of `lines` (as of `Terms`) with the shelves and ends of life of the assortment.

    left: steps on the shelf when today's order comes, without it, shape (N,)

    The least on the shelf is no stock to sell from: what is there counts from it upwards, and what is missing is wanted
    once when today's order comes, at the price of a shortage. The most on the shelf limits today's order. Nothing is
    wanted after the last day of sale; what is left then brings its salvage value.
    """
    listed = lines[_KEYS].merge(world.frame("assortment"), on=_KEYS, how="left")
    step = lines["unit_step"].to_numpy(float)
    least = np.ceil(np.nan_to_num(_column(listed, "presentation_min")) / step - _ROUNDING)
    least = np.where((lines["status"] == "run_out").to_numpy(), 0.0, least)
    most = room_left(world, lines, left)
    supply = replace(problem.supplied, most_today=np.minimum(problem.supplied.most_today, most))
    problem = _displayed(replace(problem, supply=supply), least)
    return _ended(problem, last_periods(world, lines))


def room_left(world: World, lines: pd.DataFrame, left: FloatArray) -> FloatArray:
    """Return the steps that fit on the shelf of each line beside `left`, inf without a limit, shape (N,)."""
    listed = lines[_KEYS].merge(world.frame("assortment"), on=_KEYS, how="left")
    room = _column(listed, "shelf_capacity") / lines["unit_step"].to_numpy(float) - left
    return np.where(np.isnan(room), np.inf, np.maximum(np.floor(np.nan_to_num(room) + _ROUNDING), 0.0))


def _column(listed: pd.DataFrame, name: str) -> FloatArray:
    return np.asarray(listed[name].astype(float).to_numpy(), dtype=np.float64)


def _displayed(problem: ReorderProblem, least: FloatArray) -> ReorderProblem:
    """Take what must stay on the shelf out of the stock, and want what is missing of it when today's order comes."""
    if not least.any():
        return problem
    stays = np.minimum(least, np.maximum(problem.on_hand, 0.0))
    on_hand = problem.on_hand - stays
    sold = np.minimum(np.cumsum(problem.supplied.expiring, axis=1), np.maximum(on_hand, 0.0)[:, None])
    expiring = np.diff(sold, axis=1, prepend=0.0)
    demand = problem.demand.copy()
    for n in np.flatnonzero((least > stays) & (problem.lead_periods < problem.periods)):
        demand[n, :, problem.lead_periods[n]] += int(np.ceil(least[n] - stays[n]))
    return replace(problem, on_hand=on_hand, demand=demand, supply=replace(problem.supplied, expiring=expiring))


def last_periods(world: World, lines: pd.DataFrame) -> FloatArray:
    """Return the last period in which each line can be sold, counted from the plan date; inf without an end, (N,)."""
    ends = world.frame("items").set_index("item_id")["discontinued_on"].reindex(lines["item_id"]).tolist()
    listed = lines[_KEYS].merge(world.frame("assortment")[[*_KEYS, "listed_to"]], on=_KEYS, how="left")
    last = np.full(len(lines), np.inf)
    for days in (ends, listed["listed_to"].tolist()):
        for n, day in enumerate(days):
            if day is not None and not pd.isna(day):
                last[n] = min(last[n], world.periods.between(world.plan_date, day))
    return last


def _ended(problem: ReorderProblem, last: FloatArray) -> ReorderProblem:
    """Want nothing after the last period of sale, order nothing that comes after it, and keep nothing past it."""
    if not np.isfinite(last).any():
        return problem
    period = np.arange(problem.periods)
    over = period > last[:, None]
    too_late = period + problem.lead_periods[:, None] > last[:, None]
    demand = np.where(over[:, None, :], 0, problem.demand).astype(problem.demand.dtype)
    after = np.where(np.isfinite(last), np.maximum(last - problem.periods + 1, 0), problem.life_periods)
    life = np.minimum(problem.life_periods, after).astype(np.int64)
    return replace(problem, demand=demand, can_order=problem.can_order & ~too_late, life_periods=life)
