"""The reorder problem in the subject's words: lines, paths, periods, costs and the rules that tie lines together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from optimizer.reorder.changes import Changes
from optimizer.reorder.supply import Supply
from optimizer.reorder.trucks import Trucks

FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]
IntArray: TypeAlias = npt.NDArray[np.integer[Any]]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
Unmet: TypeAlias = Literal["lost_sales", "backorders"]

NO_MAXIMUM: Final = 2**40
"""A line that may order any quantity has this `maximum`."""
NO_EXPIRY: Final = 2**20
"""A line whose leftover keeps for ever has these `life_periods`."""
NONE: Final = -1
"""`supplier` or `row` of a line that belongs to none."""

_WEIGHT_TOLERANCE: Final = 1e-9


class ProblemError(ValueError):
    """The arrays of a problem do not fit together; the message names the field, what it is and what it should be."""


@dataclass(frozen=True)
class JointRules:
    """Rules that tie lines together on the day of planning.

    Attributes
    ----------
    supplier : whose joint minimum a line counts towards, `NONE` for none, shape (N,), values below J. A minimum per
        location is a group of its own.
    supplier_minimum : least joint order [M], in the unit of `minimum_weight`, shape (J,). A group orders nothing or at
        least this much.
    minimum_weight : what one step adds to its group (money, units or kilograms) [w], shape (N,), not negative.
    budget : money to spend today in minor units [B], or None for no limit.
    spend : money one step takes from the budget [b], shape (N,), not negative.
    row : the capacity rows a line takes from, `NONE` for an empty slot, shape (N, R), values below P: stock of a
        distribution centre, storage of a place, a budget of its own, room on trucks. A row stands in one slot only.
    use : what one step takes from the row in that slot [u], in the unit of the row, shape (N, R), not negative.
    capacity : how much of each row there is today [A], shape (P,).
    trucks : what the trucks of each group cost and take, None where they do not matter.
    opened : groups that order in any case, shape (J,), None for none.
    """

    supplier: IntArray
    supplier_minimum: FloatArray
    minimum_weight: FloatArray
    budget: int | None
    spend: FloatArray
    row: IntArray
    use: FloatArray
    capacity: FloatArray
    trucks: Trucks | None = None
    opened: BoolArray | None = None

    @classmethod
    def none(cls, lines: int) -> JointRules:
        """Rules of `lines` lines that nothing ties together."""
        nobody, nothing = np.full(lines, NONE, dtype=np.int64), np.zeros(lines)
        slots = np.zeros((lines, 0))
        return cls(nobody, np.zeros(0), nothing, None, nothing, slots.astype(np.int64), slots, np.zeros(0))

    def of(self, chosen: IntArray | BoolArray) -> JointRules:
        """Give the rules of some lines, with every group and row."""
        per_line = ("supplier", "minimum_weight", "spend", "row", "use")
        own = {name: getattr(self, name)[chosen] for name in per_line}
        return replace(self, **own, trucks=None if self.trucks is None else self.trucks.of(chosen))

    def trucks_paid(self, quantity: IntArray | FloatArray) -> FloatArray:
        """Give the money for the trucks of each group at the quantities (N,), shape (J,)."""
        if self.trucks is None:
            return np.zeros(self.supplier_minimum.size)
        return self.trucks.paid(self.supplier, quantity)

    def after(self, quantity: FloatArray) -> JointRules:
        """Give the rules that are left for the other lines once some order `quantity` (N,) in any case."""
        inside = self.supplier != NONE
        weight = (self.minimum_weight * quantity)[inside]
        reached = np.bincount(self.supplier[inside], weight, minlength=self.supplier_minimum.size)
        budget = self.budget
        if budget is not None:
            budget = max(budget - int(np.ceil(float(self.spend @ quantity))), 0)
        trucks = None if self.trucks is None else self.trucks.after(self.supplier, quantity)
        capacity = np.maximum(self.capacity - self.drawn(quantity), 0)
        minimum = np.maximum(self.supplier_minimum - reached, 0)
        return replace(self, supplier_minimum=minimum, budget=budget, capacity=capacity, trucks=trucks)

    def drawn(self, quantity: IntArray | FloatArray) -> FloatArray:
        """Give what the quantities (N,) take from each row, shape (P,)."""
        inside = self.row != NONE
        taken = (self.use * quantity[:, None])[inside]
        return np.bincount(self.row[inside], taken, minlength=self.capacity.size).astype(np.float64)


@dataclass(frozen=True)
class ReorderProblem:
    """Lines to order today: one item at one place with its chosen source. N lines, S paths, T periods, first = today.

    Within a period: receipts, order, demand, count; holding is charged on what is left. A step ordered in period t can
    be sold from period t + lead. Money is in minor units, quantities are steps of the item's unit.

    Attributes
    ----------
    demand : demand on each path [D], whole steps, shape (N, S, T).
    weight : probability of each path, sums to 1, shape (S,).
    on_hand : usable stock before today's first event [x] (negative = steps owed, with backorders), shape (N,).
    arrivals : steps already on order, by the period in which they can first be sold [a], shape (N, T).
    lead_periods : periods from order to sale [L], may be 0, shape (N,).
    can_order : whether an order can be placed, by period; column 0 is today, shape (N, T).
    pack, minimum, maximum : an order is 0 or a multiple of `pack` from `minimum` to `maximum` (`NO_MAXIMUM`), (N,).
    holding_cost : money per step left at the end of a period [h], shape (N,).
    shortage_cost : money per step lost, or per step and period owed with backorders [p], shape (N,).
    order_cost : money per order placed [K], shape (N,).
    unit_cost, salvage_value : money paid for a step, and got for one that can no longer be sold, shape (N,).
    life_periods : periods after the horizon in which a leftover can still be sold (`NO_EXPIRY`), shape (N,).
    unmet : what becomes of demand without stock.
    joint : rules that tie lines together.
    supply : shelf life, delays and price breaks; None for goods that keep, arrive in time and have one price.
    changes : what ordering otherwise than the plan before costs, None for nothing.
    tilt : weight of each path in the cost, where it is not its probability, sums to 1, shape (S,); the policy of the
        later orders is fitted by probability all the same.
    """

    demand: IntArray
    weight: FloatArray
    on_hand: FloatArray
    arrivals: FloatArray
    lead_periods: IntArray
    can_order: BoolArray
    pack: IntArray
    minimum: IntArray
    maximum: IntArray
    holding_cost: FloatArray
    shortage_cost: FloatArray
    order_cost: FloatArray
    unit_cost: FloatArray
    salvage_value: FloatArray
    life_periods: IntArray
    unmet: Unmet
    joint: JointRules
    supply: Supply | None = None
    changes: Changes | None = None
    tilt: FloatArray | None = None

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit together.

        Raises
        ------
        ProblemError : all faults at once, one a line.
        """
        faults = [*_shape_faults(self), *_joint_shape_faults(self)]
        faults = faults or [*_value_faults(self), *_joint_value_faults(self)]
        if not faults and self.supply is not None:
            faults = self.supply.faults((self.lines, self.paths, self.periods))
        if not faults and self.changes is not None:
            faults = self.changes.faults(self.lines)
        if faults:
            raise ProblemError("\n".join(faults))

    @property
    def supplied(self) -> Supply:
        """Supply as arrays, also where none is given."""
        return self.supply or Supply.plain((self.lines, self.paths, self.periods))

    @property
    def cost_weight(self) -> FloatArray:
        """Weight of each path in the cost, shape (S,)."""
        return self.weight if self.tilt is None else self.tilt

    @property
    def lines(self) -> int:
        """Number of lines N."""
        return int(self.demand.shape[0])

    @property
    def paths(self) -> int:
        """Number of paths S."""
        return int(self.demand.shape[1])

    @property
    def periods(self) -> int:
        """Number of periods T."""
        return int(self.demand.shape[2])

    def change_prices(self, quantity: IntArray | FloatArray) -> FloatArray:
        """Give the money for ordering `quantity` today instead of what the plan before said, shape (N,)."""
        if self.changes is None:
            return np.zeros(self.lines)
        return np.asarray(self.changes.price(np.arange(self.lines), quantity))


_MONEY: Final = ("holding_cost", "shortage_cost", "order_cost", "unit_cost", "salvage_value")
_STEPS: Final = ("lead_periods", "pack", "minimum", "maximum", "life_periods")
_NOT_NEGATIVE: Final = ("demand", "weight", "arrivals", *_STEPS, *_MONEY)


def _shape_faults(problem: ReorderProblem) -> list[str]:
    if problem.demand.ndim != 3:
        return [f"demand: shape {problem.demand.shape}, expected (lines, paths, periods)"]
    lines, paths, periods = problem.demand.shape
    if min(paths, periods) < 1:
        return [f"demand: shape {problem.demand.shape}, expected at least one path and one period"]
    expected: dict[str, tuple[int, ...]] = dict.fromkeys(("on_hand", *_STEPS, *_MONEY), (lines,))
    expected |= {"arrivals": (lines, periods), "can_order": (lines, periods), "weight": (paths,)}
    expected |= {} if problem.tilt is None else {"tilt": (paths,)}
    return _misshapen(problem, expected)


def _joint_shape_faults(problem: ReorderProblem) -> list[str]:
    lines, slots = problem.demand.shape[0], np.shape(problem.joint.row)[-1]
    expected = dict.fromkeys(("supplier", "minimum_weight", "spend"), (lines,))
    faults = _misshapen(problem.joint, expected | dict.fromkeys(("row", "use"), (lines, slots)))
    for name in ("supplier_minimum", "capacity"):
        if np.ndim(getattr(problem.joint, name)) != 1:
            faults.append(f"{name}: expected one dimension")
    return faults


def _misshapen(holder: object, expected: dict[str, tuple[int, ...]]) -> list[str]:
    found = {name: np.shape(getattr(holder, name)) for name in expected}
    return [
        f"{name}: shape {found[name]}, expected {shape}" for name, shape in expected.items() if found[name] != shape
    ]


def _value_faults(problem: ReorderProblem) -> list[str]:
    faults = [
        f"{name}: dtype {getattr(problem, name).dtype}, expected whole numbers"
        for name in ("demand", *_STEPS)
        if getattr(problem, name).dtype.kind not in "iu"
    ]
    faults += _sign_faults(problem, _NOT_NEGATIVE)
    if not np.isfinite(problem.on_hand).all():
        faults.append("on_hand: not a finite number")
    if problem.pack.size and problem.pack.min() < 1:
        faults.append(f"pack: smallest is {problem.pack.min()}, expected at least 1")
    for name, weight in (("weight", problem.weight), ("tilt", problem.cost_weight)):
        if abs(float(weight.sum()) - 1.0) > _WEIGHT_TOLERANCE:
            faults.append(f"{name}: sums to {weight.sum()}, expected 1")
    if problem.unmet not in ("lost_sales", "backorders"):
        faults.append(f'unmet: {problem.unmet!r}, expected "lost_sales" or "backorders"')
    if problem.unmet == "lost_sales" and problem.on_hand.size and problem.on_hand.min() < 0:
        faults.append("on_hand: negative, which only backorders allow")
    return faults


def _joint_value_faults(problem: ReorderProblem) -> list[str]:
    joint = problem.joint
    faults = _sign_faults(joint, ["minimum_weight", "spend", "supplier_minimum", "use", "capacity"])
    for name, size in (("supplier", joint.supplier_minimum.size), ("row", joint.capacity.size)):
        index = getattr(joint, name)
        if index.size and (index.min() < NONE or index.max() >= size):
            faults.append(f"{name}: values from {index.min()} to {index.max()}, expected {NONE} to {size - 1}")
    if joint.trucks is not None:
        faults += joint.trucks.faults(problem.lines, joint.supplier_minimum.size)
    used = [set(slot[slot != NONE].tolist()) for slot in joint.row.T]
    if sum(map(len, used)) > len(set().union(*used)):
        faults.append("row: a row stands in more than one slot")
    if joint.budget is not None and joint.budget < 0:
        faults.append(f"budget: {joint.budget}, expected at least 0")
    return faults


def _sign_faults(holder: object, names: Sequence[str]) -> list[str]:
    faults = []
    for name in names:
        values = np.asarray(getattr(holder, name))
        if values.size and not (np.isfinite(values).all() and values.min() >= 0):
            faults.append(f"{name}: found a value that is negative or not finite")
    return faults
