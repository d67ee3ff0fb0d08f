"""What awaits each line when today's order arrives: stock left by then, demand it must cover until the next one."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from optimizer.reorder.problem import ReorderProblem

FloatArray = npt.NDArray[np.float64]
# Lines looked at together: bounds memory, does not change a figure.
_CHUNK = 2_000


@dataclass(frozen=True)
class Arrival:
    """Means over the paths without today's order, in steps, shape (N,).

    left: stock when today's order arrives, with what else arrives until then (owed is negative)
    lost: demand before that which cannot be served
    due: what else arrives before the next order can
    wanted, wanted_high: demand from the arrival until the next order can arrive, its mean and its 90 % quantile
    cover: periods between the two arrivals
    """

    left: FloatArray
    lost: FloatArray
    due: FloatArray
    wanted: FloatArray
    wanted_high: FloatArray
    cover: npt.NDArray[np.int64]


def arrival(problem: ReorderProblem) -> Arrival:
    """Return what awaits each line of the problem."""
    wait = _wait(problem)
    parts = [_chunk(problem, slice(at, at + _CHUNK), wait) for at in range(0, max(problem.lines, 1), _CHUNK)]
    left, lost, due, wanted, high = (np.concatenate([part[n] for part in parts]) for n in range(5))
    return Arrival(left, lost, due, wanted, high, wait)


def _wait(problem: ReorderProblem) -> npt.NDArray[np.int64]:
    """Return the periods from today to the next order day, those to the end of the horizon where there is none."""
    later = problem.can_order[:, 1:]
    if not later.size:
        return np.full(problem.lines, problem.periods)
    return np.where(later.any(axis=1), later.argmax(axis=1) + 1, problem.periods).astype(np.int64)


def _chunk(problem: ReorderProblem, rows: slice, wait: npt.NDArray[np.int64]) -> list[FloatArray]:
    demand, lead = problem.demand[rows], problem.lead_periods[rows]
    last = np.minimum(lead + wait[rows], problem.periods)
    stock = np.repeat(problem.on_hand[rows, None].astype(float), problem.paths, axis=1)
    lost, wanted, due = np.zeros(stock.shape), np.zeros(stock.shape), np.zeros(len(stock))
    for t in range(problem.periods):
        before, covered = (t < lead)[:, None], ((t >= lead) & (t < last))[:, None]
        arrives = problem.arrivals[rows, t]
        due += np.where(covered[:, 0], arrives, 0.0)
        stock += np.where(before, arrives[:, None] - demand[:, :, t], 0.0)
        if problem.unmet == "lost_sales":
            lost += np.maximum(-stock, 0.0)
            stock = np.maximum(stock, 0.0)
        wanted += np.where(covered, demand[:, :, t], 0)
    weight = problem.weight
    high = np.quantile(wanted, 0.9, axis=1, method="inverted_cdf") if wanted.size else np.zeros(0)
    return [stock @ weight, lost @ weight, due, wanted @ weight, high]
