"""What a line can order today and what each quantity costs: the columns of the reorder problem."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from optimizer.reorder import kernels
from optimizer.reorder.problem import ReorderProblem

S = TypeVar("S")
T = TypeVar("T")
RunAll: TypeAlias = Callable[[Callable[[S], T], Sequence[S]], list[T]]
Array: TypeAlias = npt.NDArray[Any]

_STEPS: Final = np.array([-0.5, 0.5, -1.0, 1.0, -1.5, -2.0, -2.5, 1.5])
_CAPS: Final = np.array([1.0, 1.2, 1.4, 1.8])
_LARGEST_Z: Final = 3.5


@dataclass(frozen=True)
class Settings:
    """How much is enumerated.

    Attributes
    ----------
    lines_per_chunk : lines handed out together; the answer does not depend on it.
    most_columns : multiples enumerated per line; a line that needs more is bounded by its floor instead.
    """

    lines_per_chunk: int = 512
    most_columns: int = 512


@dataclass(frozen=True)
class Columns:
    """Quantities of N lines with their costs; columns of line n stand at start[n]:start[n + 1], quantity 0 first.

    Attributes
    ----------
    start : shape (N + 1,).
    quantity : steps, rising within a line, shape (K,).
    cost : exact mean cost on the paths under the reacting policy, money, shape (K,).
    floor : what any quantity that is not listed costs at least, and may be below the cheapest column where
        `enumerated` is False, shape (N,).
    enumerated : whether every quantity that can be best is a column, shape (N,).
    level : order-up-to level of the policy today, shape (N,).
    z, cap : fitted policy, shape (N,).
    """

    start: Array
    quantity: Array
    cost: Array
    floor: Array
    enumerated: Array
    level: Array
    z: Array
    cap: Array

    @property
    def line(self) -> Array:
        """Line of each column, shape (K,)."""
        return np.repeat(np.arange(self.start.size - 1), np.diff(self.start))


def plain_loop(function: Callable[[S], T], specs: Sequence[S]) -> list[T]:
    """Run a function over specs, one after the other."""
    return [function(spec) for spec in specs]


def enumerate_columns(
    problem: ReorderProblem, settings: Settings | None = None, run_all: RunAll[Any, Any] = plain_loop
) -> Columns:
    """Price every multiple of the pack that can be worth ordering today, line by line.

    Later orders follow a capped base stock that reacts on each path, fitted per line on the same paths (see
    `kernels`). The multiples end at a proved cap (`kernels.last_useful`).
    """
    settings = settings or Settings()
    bounds = range(0, problem.lines, settings.lines_per_chunk)
    parts = [_part(problem, slice(at, at + settings.lines_per_chunk)) for at in bounds]
    return _joined(run_all(_columns_of, [(part, settings.most_columns) for part in parts]))


def _columns_of(spec: tuple[ReorderProblem, int]) -> Columns:
    problem, most_columns = spec
    lines = as_lines(problem)
    policy, known = fitted_policy(lines)
    first = first_multiple(problem)
    count = kernels.last_useful(lines, policy, first, known)
    quantity = [_multiples(first[n], problem.pack[n], count[n], most_columns) for n in range(problem.lines)]
    start = np.concatenate([[0], np.cumsum([one.size for one in quantity])]).astype(np.int64)
    line = np.repeat(np.arange(problem.lines), np.diff(start))
    flat = np.concatenate([np.zeros(0), *quantity])
    return Columns(
        start=start,
        quantity=flat.astype(np.int64),
        cost=kernels.price(lines, policy, line, flat),
        floor=np.zeros(problem.lines),
        enumerated=count < most_columns,
        level=policy.mean[:, 0] + policy.z * policy.deviation[:, 0],
        z=policy.z,
        cap=policy.cap,
    )


def as_lines(problem: ReorderProblem) -> kernels.Lines:
    """Give a problem to the kernels: one dtype per field, so that each is compiled once."""
    pack, minimum, maximum = (_floats(one) for one in (problem.pack, problem.minimum, problem.maximum))
    return kernels.Lines(
        np.ascontiguousarray(problem.demand, dtype=np.int32),
        _floats(problem.weight),
        _floats(problem.on_hand),
        _floats(problem.arrivals),
        np.ascontiguousarray(problem.lead_periods, dtype=np.int64),
        np.ascontiguousarray(problem.can_order, dtype=np.bool_),
        pack,
        minimum,
        maximum,
        _floats(problem.holding_cost),
        _floats(problem.shortage_cost),
        _floats(problem.order_cost),
        np.maximum(0.0, _floats(problem.unit_cost) - _floats(problem.salvage_value)),
        _floats(problem.life_periods),
        problem.unmet == "backorders",
    )


def fitted_policy(lines: kernels.Lines) -> tuple[kernels.Policy, Array]:
    """Fit the reacting policy; also gives what a line costs when today's order follows it, shape (N,)."""
    policy = unfitted_policy(lines)
    known = kernels.fit(lines, policy, _STEPS, _CAPS)
    return policy, known


def unfitted_policy(lines: kernels.Lines) -> kernels.Policy:
    """Statistics of the protection demand, lots, and the newsvendor fractile as the first `z`."""
    mean, deviation, rate, gap = kernels.protection(lines)
    holding = lines.holding
    review = rate * gap
    with np.errstate(divide="ignore", invalid="ignore"):
        economic = np.sqrt(2.0 * lines.order_cost * rate / holding)
        critical = lines.shortage / (lines.shortage + holding * gap)
    horizon = rate * lines.demand.shape[2]
    economic = np.where(lines.order_cost > 0.0, np.minimum(np.nan_to_num(economic, posinf=np.inf), horizon), 0.0)
    lot = np.maximum.reduce([economic, lines.minimum, lines.pack])
    lot_cost = np.divide(lines.order_cost * rate, lot) + holding * lot / 2.0
    # A lot that the next review uses up anyway leaves nothing behind to credit; nor does stock that costs nothing.
    credit = np.where((lot > review) & (holding > 0.0), lot_cost, 0.0)
    z = np.clip(ndtri(np.nan_to_num(critical, nan=0.5)), -_LARGEST_Z, _LARGEST_Z)
    free = np.full(rate.size, np.inf)
    return kernels.Policy(mean, deviation, rate, review, np.where(economic > 0.0, lot, 0.0), credit, z, free)


def first_multiple(problem: ReorderProblem) -> Array:
    """Smallest order that is not 0: a multiple of the pack, at least the minimum, shape (N,), float."""
    return np.ceil(np.maximum(problem.minimum, 1) / problem.pack) * problem.pack


def _multiples(first: float, pack: int, count: int, most: int) -> Array:
    """0 and the useful multiples; where there are too many, evenly spread ones."""
    if count < most:
        return np.concatenate([[0.0], first + pack * np.arange(count)])
    spread = np.unique(np.linspace(0, count - 1, most - 1).round())
    return np.concatenate([[0.0], first + pack * spread])


def _floats(values: Any) -> Array:
    return np.ascontiguousarray(values, dtype=np.float64)


def _part(problem: ReorderProblem, lines: slice) -> ReorderProblem:
    from dataclasses import fields

    from optimizer.reorder.problem import JointRules

    shared = ("weight", "unmet", "joint")
    own = {one.name: getattr(problem, one.name)[lines] for one in fields(problem) if one.name not in shared}
    return replace(problem, **own, joint=JointRules.none(own["on_hand"].size))


def _joined(parts: list[Columns]) -> Columns:
    names = ("quantity", "cost", "floor", "enumerated", "level", "z", "cap")
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    sizes = np.concatenate([np.diff(part.start) for part in parts])
    return Columns(start=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), **joined)
