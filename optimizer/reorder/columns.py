"""What a line can order today and what each quantity costs: the columns of the reorder problem."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from optimizer.executor import RunAll, plain_loop
from optimizer.reorder import kernels
from optimizer.reorder.lines import Lines, Policy
from optimizer.reorder.problem import JointRules, ReorderProblem
from optimizer.reorder.protection import protection

Array: TypeAlias = npt.NDArray[Any]

_STEPS: Final = np.array([-0.5, 0.5, -1.0, 1.0, -1.5, -2.0, -2.5, 1.5])
_CAPS: Final = np.array([1.0, 1.2, 1.4, 1.8])
_LARGEST_Z: Final = 3.5
_EXTENDED: Final = 512


@dataclass(frozen=True)
class Settings:
    """How much is enumerated and proved.

    Attributes
    ----------
    lines_per_chunk : lines handed out together; the answer does not depend on it.
    most_columns : multiples enumerated per line; a line that needs more is bounded by its floor instead.
    gap : relative gap at which a joint plan is good enough.
    model_columns : columns up to which the joint model, pruned by prices, goes to an engine; four times as many
        where the gap is wide without it.
    nodes : branch-and-bound nodes for it.
    """

    lines_per_chunk: int = 512
    most_columns: int = 4096
    gap: float = 1e-4
    model_columns: int = 10_000
    nodes: int = 200


@dataclass(frozen=True)
class Columns:
    """Quantities of N lines with their costs; columns of line n stand at start[n]:start[n + 1], quantity 0 first.

    Attributes
    ----------
    start : shape (N + 1,).
    quantity : steps, rising within a line, shape (K,).
    cost : exact mean cost on the paths under the reacting policy, money, shape (K,).
    useful : multiples that can be best without joint rules, the proved cap, shape (N,).
    listed : multiples up to the last column, shape (N,).
    enumerated : whether each of these is a column, shape (N,); where not, they are evenly spread.
    level : order-up-to level of the policy today, shape (N,).
    z, cap : fitted policy, shape (N,).
    """

    start: Array
    quantity: Array
    cost: Array
    useful: Array
    listed: Array
    enumerated: Array
    level: Array
    z: Array
    cap: Array

    @property
    def lines(self) -> int:
        """Number of lines N."""
        return self.start.size - 1

    @property
    def line(self) -> Array:
        """Line of each column, shape (K,)."""
        return np.repeat(np.arange(self.start.size - 1), np.diff(self.start))

    def total(self, chosen: Array) -> float:
        """Cost of one chosen column per line, shape (N,)."""
        return float(self.cost[chosen].sum())


def enumerate_columns(
    problem: ReorderProblem, settings: Settings | None = None, run_all: RunAll = plain_loop
) -> Columns:
    """Price every multiple of the pack that can be worth ordering today, line by line.

    Later orders follow a capped base stock that reacts on each path, fitted per line on the same paths (see
    `kernels`). The multiples end at a proved cap (`kernels.last_useful`).
    """
    settings = settings or Settings()
    bounds = range(0, max(1, problem.lines), settings.lines_per_chunk)
    parts = [select(problem, slice(at, at + settings.lines_per_chunk)) for at in bounds]
    return _joined(run_all(_columns_of, [(part, settings.most_columns) for part in parts]))


def _columns_of(spec: tuple[ReorderProblem, int]) -> Columns:
    problem, most_columns = spec
    lines = as_lines(problem)
    policy = fitted_policy(lines)
    lines = lines._replace(weight=_floats(problem.cost_weight))
    # What the policy orders may be no whole layer; ordering nothing is always allowed.
    whole = problem.supplied.layer * problem.supplied.pallet == 1
    quantity = np.where(whole, kernels.followed(lines, policy), 0.0)
    known = cost_of(problem, (lines, policy), np.arange(problem.lines), quantity)
    useful = kernels.last_useful(lines, policy, first_multiple(problem), known)
    useful = np.minimum(useful, multiples_allowed(problem))
    return _priced(problem, lines, policy, (useful, useful + 1), most_columns)


def _priced(problem: ReorderProblem, lines: Lines, policy: Policy, count: tuple[Array, Array], most: int) -> Columns:
    """Price the multiples; one more than the useful ones is listed, to say what one pack more costs."""
    useful, listed = count
    listed = np.minimum(listed, multiples_allowed(problem))
    first = first_multiple(problem)
    dense = listed < most
    counted = [_multiples(listed[n], most if dense[n] else most // 2) for n in range(problem.lines)]
    start, line, quantity = _flat(counted, first, problem.pack)
    cost = cost_of(problem, (lines, policy), line, quantity)
    if not dense.all():
        counted = [_around(counted[n], cost[start[n] : start[n + 1]], most) for n in range(problem.lines)]
        start, line, quantity = _flat(counted, first, problem.pack)
        cost = cost_of(problem, (lines, policy), line, quantity)
    whole = problem.supplied.whole(line, quantity)
    if not whole.all():
        sizes = np.bincount(line[whole], minlength=problem.lines)
        start, quantity, cost = np.concatenate([[0], np.cumsum(sizes)]), quantity[whole], cost[whole]
    level = policy.mean[:, 0] + policy.z * policy.deviation[:, 0]
    return Columns(start, quantity.astype(np.int64), cost, useful, listed, dense, level, policy.z, policy.cap)


def cost_of(problem: ReorderProblem, read: tuple[Lines, Policy], line: Array, quantity: Array) -> Array:
    """Give the cost of ordering `quantity` of `line` today, with the price of the change; both of shape (K,).

    `read` is the problem as the kernels read it, and the policy of its lines.
    """
    cost: Array = kernels.price(*read, line, quantity)
    return cost if problem.changes is None else cost + problem.changes.price(line, quantity)


def extended(
    problem: ReorderProblem, columns: Columns, more: tuple[Array, Array], most: int, run_all: RunAll = plain_loop
) -> Columns:
    """Columns with more multiples: `more` are dense lines and how many multiples of each to list, both (chosen,).

    Only the new ones are priced; at `most` multiples a line is full.
    """
    chosen, listed = more[0], np.minimum(more[1], most - 1)
    part = select(problem, chosen)
    added = listed - columns.listed[chosen]
    line = np.repeat(np.arange(chosen.size), added)
    behind = np.arange(line.size) - np.repeat(np.cumsum(added) - added, added) + 1
    multiple = columns.listed[chosen][line] + behind
    quantity = (first_multiple(part)[line] + (multiple - 1) * part.pack[line]).astype(np.int64)
    whole = part.supplied.whole(line, quantity)
    line, quantity = line[whole], quantity[whole]
    fitted = np.stack([columns.z[chosen], columns.cap[chosen]])
    specs = []
    for begin in range(0, chosen.size, _EXTENDED):
        chunk = slice(begin, begin + _EXTENDED)
        here = slice(*np.searchsorted(line, [begin, begin + _EXTENDED]))
        specs.append((select(part, chunk), line[here] - begin, quantity[here], fitted[:, chunk]))
    cost = np.concatenate([np.zeros(0), *run_all(_priced_anew, specs)])
    place = columns.start[chosen + 1][line]
    sizes = np.diff(columns.start)
    sizes[chosen] += np.bincount(line, minlength=chosen.size)
    longer = columns.listed.copy()
    longer[chosen] = listed
    return replace(
        columns,
        start=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        quantity=np.insert(columns.quantity, place, quantity),
        cost=np.insert(columns.cost, place, cost),
        listed=longer,
    )


def _priced_anew(spec: tuple[ReorderProblem, Array, Array, Array]) -> Array:
    problem, line, quantity, (z, cap) = spec
    return cost_of(problem, read(problem, z, cap), line, quantity.astype(np.float64))


def as_lines(problem: ReorderProblem) -> Lines:
    """Give a problem to the kernels: one dtype per field, so that each is compiled once."""
    supply = problem.supplied
    pack, minimum, maximum = (_floats(one) for one in (problem.pack, problem.minimum, problem.maximum))
    return Lines(
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
        np.ascontiguousarray(np.minimum(supply.shelf_periods, problem.periods + 1), dtype=np.int64),
        _floats(supply.expiring),
        np.ascontiguousarray(supply.delay, dtype=np.int64),
        _floats(supply.break_from),
        _floats(supply.break_extra),
        np.ascontiguousarray(supply.all_units, dtype=np.bool_),
    )


def read(problem: ReorderProblem, z: Array, cap: Array) -> tuple[Lines, Policy]:
    """Give a problem to the kernels with the fitted policy of its lines, costs by the weights they count with."""
    lines = as_lines(problem)
    policy = unfitted_policy(lines)._replace(z=_floats(z), cap=_floats(cap))
    return lines._replace(weight=_floats(problem.cost_weight)), policy


def fitted_policy(lines: Lines) -> Policy:
    """Fit the reacting policy of each line on its paths.

    It is fitted from an ordinary state, not from today's: the same for every stock there may be today, so that choosing
    today's quantity against it is one step of policy improvement (Howard 1960).
    """
    ordinary = _ordinary(lines)
    policy = unfitted_policy(ordinary)
    kernels.fit(ordinary, policy, _STEPS, _CAPS)
    return unfitted_policy(lines)._replace(z=policy.z, cap=policy.cap)


def _ordinary(lines: Lines) -> Lines:
    """Give the lines with mean demand on order for each period of the lead time, and stock a review below the level."""
    periods = lines.demand.shape[2]
    bare = unfitted_policy(lines._replace(arrivals=np.zeros_like(lines.arrivals)))
    whole = np.floor(bare.rate[:, None] * np.arange(periods + 1) + 0.5)
    arrivals = np.where(np.arange(periods) < lines.lead[:, None], np.diff(whole, axis=1), 0.0)
    arrivals[:, 0] = 0.0
    level = bare.mean[:, 0] + bare.z * bare.deviation[:, 0]
    on_hand = np.maximum(0.0, np.round(level - bare.review - arrivals.sum(axis=1)))
    return lines._replace(on_hand=on_hand, arrivals=arrivals, expiring=np.zeros_like(arrivals))


def unfitted_policy(lines: Lines) -> Policy:
    """Statistics of the protection demand, lots, and the newsvendor fractile as the first `z`."""
    mean, deviation, rate, gap = protection(lines)
    holding, expires = lines.holding, lines.shelf <= lines.demand.shape[2]
    review = rate * gap
    with np.errstate(divide="ignore", invalid="ignore"):
        economic = np.sqrt(2.0 * lines.order_cost * rate / holding)
        # A step too much costs its holding until the next order, and its waste once in a shelf life.
        wasted = np.where(expires, lines.write_off / lines.shelf, 0.0)
        critical = lines.shortage / (lines.shortage + holding * gap + wasted)
    horizon = rate * lines.demand.shape[2]
    economic = np.where(lines.order_cost > 0.0, _finite(economic, horizon), 0.0)
    least = np.maximum(lines.minimum, lines.pack)
    economic = _with_breaks(lines, rate, economic, least)
    # More than is sold within a shelf life is thrown away.
    economic = np.where(expires, np.minimum(economic, rate * lines.shelf), economic)
    lot = np.maximum(economic, least)
    # Where a review asks for more than the lot, that much is ordered at once, and pays the premium of that much.
    often = np.ceil(np.maximum(lot, review))
    dearer = np.divide(rate * kernels.premiums(lines, often), often)
    lot_cost = np.divide(lines.order_cost * rate, lot) + holding * lot / 2.0 + dearer
    # A lot that the next review uses up anyway leaves nothing behind to credit; nor does stock that costs nothing.
    credit = np.where((lot > review) & (holding > 0.0), lot_cost, dearer)
    z = np.clip(ndtri(np.nan_to_num(critical, nan=0.5)), -_LARGEST_Z, _LARGEST_Z)
    free = np.full(rate.size, np.inf)
    # What is left is worth what a lot of any size costs on average; but none is larger than what the horizon sells.
    placed = np.where(economic > 0.0, np.maximum(np.minimum(economic, horizon), least), 0.0)
    return Policy(mean, deviation, rate, review, placed, credit, z, free)


def _finite(lot: Array, horizon: Array) -> Array:
    """Give the lots, and what the horizon sells where keeping stock costs nothing."""
    return np.where(np.isinf(lot), horizon, np.nan_to_num(lot))


def _with_breaks(lines: Lines, rate: Array, economic: Array, least: Array) -> Array:
    """Lot with the least cost per period among the economic lots of the prices (Hadley and Whitin 1963, 2.11 to 2.13).

    With breaks step by step an order that passes one at B pays once, whatever its size, what the B first steps are
    dearer by: F_b = K + e(B) - e'(B) B. Its economic lot is sqrt(2 F_b m / h), or B where that is more; with breaks
    for all units F_b = K.
    """
    chosen, lowest = economic, np.full(rate.size, np.inf)
    horizon = rate * lines.demand.shape[2]
    for start, extra in zip((np.zeros(rate.size), *lines.break_from.T), (0.0, *lines.break_extra.T), strict=True):
        reached = np.isfinite(start) & (start <= np.maximum(horizon, economic))
        begin = np.where(reached, start, 0.0)
        once = np.where(lines.all_units | ~reached, 0.0, kernels.premiums(lines, begin) - extra * begin)
        with np.errstate(divide="ignore", invalid="ignore"):
            wide = np.sqrt(2.0 * (lines.order_cost + once) * rate / lines.holding)
        own = np.where(once > 0.0, _finite(wide, horizon), economic)
        trial = np.where(reached, np.maximum(begin, own), economic)
        lot = np.maximum(trial, least)
        paid = lines.order_cost + kernels.premiums(lines, lot)
        cost = rate * paid / lot + lines.holding * lot / 2.0
        chosen, lowest = np.where(cost < lowest, trial, chosen), np.minimum(cost, lowest)
    return chosen


def first_multiple(problem: ReorderProblem) -> Array:
    """Smallest order that is not 0: a multiple of the pack, at least the minimum, shape (N,), float."""
    return np.ceil(np.maximum(problem.minimum, 1) / problem.pack) * problem.pack


def _multiples(listed: int, most: int) -> Array:
    """Give 0 and the multiples 1 to `listed`; where there are too many, evenly spread ones with both ends."""
    if listed < most:
        return np.arange(listed + 1)
    return np.unique(np.append(0, np.linspace(1, listed, most - 1).round()).astype(np.int64))


def _around(multiples: Array, cost: Array, most: int) -> Array:
    """Spread multiples and every one near the cheapest of them; all of them where they are dense already."""
    best = int(np.argmin(cost))
    low, high = multiples[max(best - 1, 0)], multiples[min(best + 1, multiples.size - 1)]
    near = np.arange(max(low, multiples[best] - most // 4), min(high, multiples[best] + most // 4) + 1)
    return np.union1d(multiples, near)


def _floats(values: Any) -> Array:
    return np.ascontiguousarray(values, dtype=np.float64)


def multiples_allowed(problem: ReorderProblem) -> Array:
    """How many multiples maximum and order days allow today, shape (N,)."""
    most = np.minimum(problem.maximum, problem.supplied.most_today)
    room = np.floor((most - first_multiple(problem)) / problem.pack) + 1
    return np.where(problem.can_order[:, 0], np.maximum(room, 0), 0).astype(np.int64)


def select(problem: ReorderProblem, chosen: slice | Array) -> ReorderProblem:
    """Give the problem of some lines, without joint rules."""
    shared = ("weight", "unmet", "joint", "supply", "changes", "tilt")
    own = {one.name: getattr(problem, one.name)[chosen] for one in fields(problem) if one.name not in shared}
    own["supply"] = None if problem.supply is None else problem.supply.of(chosen)
    own["changes"] = None if problem.changes is None else problem.changes.of(chosen)
    return replace(problem, **own, joint=JointRules.none(own["on_hand"].size))


def subset(columns: Columns, chosen: Array, keep: Array) -> Columns:
    """Give the columns `keep` (K,) says, all of which are of the `chosen` lines; each of these keeps some."""
    if keep.all():
        return columns
    names = [one.name for one in fields(columns) if one.name not in ("start", "quantity", "cost")]
    per_line = {name: getattr(columns, name)[chosen] for name in names}
    sizes = np.bincount(columns.line[keep], minlength=columns.lines)[chosen]
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return Columns(start=start, quantity=columns.quantity[keep], cost=columns.cost[keep], **per_line)


def picked(columns: Columns, chosen: Array) -> Columns:
    """Give the columns of some lines, in their order."""
    sizes = np.diff(columns.start)[chosen]
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    cells = np.repeat(columns.start[chosen] - start[:-1], sizes) + np.arange(int(sizes.sum()))
    per_line = [one.name for one in fields(columns) if one.name not in ("start", "quantity", "cost")]
    own = {name: getattr(columns, name)[chosen] for name in per_line}
    return Columns(start=start, quantity=columns.quantity[cells], cost=columns.cost[cells], **own)


def _flat(counted: list[Array], first: Array, pack: Array) -> tuple[Array, Array, Array]:
    """Start of each line, line and quantity of each column, of multiples counted from 0 = no order, 1 = first."""
    sizes = [one.size for one in counted]
    line = np.repeat(np.arange(len(counted)), sizes)
    multiple = np.concatenate([np.zeros(0), *counted])
    quantity = np.where(multiple > 0, first[line] + (multiple - 1) * pack[line], 0.0)
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), line, quantity


def _joined(parts: list[Columns]) -> Columns:
    names = [one.name for one in fields(Columns) if one.name != "start"]
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    sizes = np.concatenate([np.diff(part.start) for part in parts])
    return Columns(start=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), **joined)
