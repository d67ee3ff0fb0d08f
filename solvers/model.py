"""A labelled sparse linear or mixed-integer model: families of variables and rows, sealed to column-wise arrays."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

Vector: TypeAlias = npt.NDArray[np.float64]
Indices: TypeAlias = npt.NDArray[np.int32]
Values: TypeAlias = npt.ArrayLike
Labels: TypeAlias = Mapping[str, npt.NDArray[Any]]


class ModelError(ValueError):
    """The parts of a model do not fit together; the message names the family."""


@dataclass(frozen=True)
class Family:
    """Consecutive columns or rows of one kind.

    Attributes
    ----------
    name : what the members are.
    start, count : first member and number of members.
    labels : what tells the members apart, each of shape (count,).
    """

    name: str
    start: int
    count: int
    labels: Labels = field(default_factory=dict)

    @property
    def members(self) -> Indices:
        """Numbers of the members in the whole model, shape (count,)."""
        return np.arange(self.start, self.start + self.count, dtype=np.int32)

    def label(self, member: int) -> str:
        """Name of a member counted from the family's first, such as `take(3,24)`."""
        values = ",".join(_plain(str(label[member])) for label in self.labels.values())
        return f"{self.name}({values})" if values else self.name


@dataclass(frozen=True)
class Bounds:
    """Bounds of a family of variables, numbers or shape (count,), and whether they are whole numbers."""

    lower: Values = 0.0
    upper: Values = np.inf
    integer: bool = False


@dataclass(frozen=True)
class Triplets:
    """Non-zeros of a family of rows, shape (entries,): row in the family, column in the model, value."""

    row: npt.NDArray[np.integer[Any]]
    column: npt.NDArray[np.integer[Any]]
    value: npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class SealedModel:
    """A finished model, minimised, which nobody can change: n columns, m rows, column-wise (CSC).

    Attributes
    ----------
    cost, lower, upper : of the columns, shape (n,). `integer` tells which are whole numbers, shape (n,).
    row_lower, row_upper : of the rows, shape (m,).
    start, index, value : entries of column j stand at start[j]:start[j + 1]; shapes (n + 1,), (entries,), (entries,).
    variables, constraints : families in the order of columns and rows.
    """

    cost: Vector
    lower: Vector
    upper: Vector
    integer: npt.NDArray[np.bool_]
    row_lower: Vector
    row_upper: Vector
    start: Indices
    index: Indices
    value: Vector
    variables: tuple[Family, ...]
    constraints: tuple[Family, ...]

    @property
    def columns(self) -> int:
        """Number of columns n."""
        return self.cost.size

    @property
    def rows(self) -> int:
        """Number of rows m."""
        return self.row_lower.size

    def column_name(self, column: int) -> str:
        """Name of a column, such as `take(3,24)`."""
        return _member_name(self.variables, column)

    def row_name(self, row: int) -> str:
        """Name of a row, such as `pool(2)`."""
        return _member_name(self.constraints, row)

    def family(self, name: str) -> Family:
        """Find the family of variables or rows with this name; KeyError when there is none."""
        return {one.name: one for one in (*self.variables, *self.constraints)}[name]

    def matrix(self) -> sparse.csc_array:
        """Copy of the entries as a sparse array of shape (m, n)."""
        parts = (self.value.copy(), self.index.copy(), self.start.copy())
        return sparse.csc_array(parts, shape=(self.rows, self.columns))


class Model:
    """Collects families; `seal` gives the model to hand to an engine."""

    def __init__(self) -> None:
        self._variables: list[Family] = []
        self._columns: list[tuple[Vector, Vector, Vector, npt.NDArray[np.bool_]]] = []
        self._constraints: list[Family] = []
        self._rows: list[tuple[Vector, Vector]] = []
        self._entries: list[tuple[Indices, Indices, Vector]] = []

    def add_variables(self, name: str, labels: Labels, cost: Values = 0.0, bounds: Bounds | None = None) -> Family:
        """Add a family of variables: `labels` tell the members apart (none: one member), `cost` is per unit.

        Raises
        ------
        ModelError : a name used twice, or arrays of unequal length.
        """
        bounds = bounds or Bounds()
        family = self._new_family(self._variables, name, labels)
        lower, upper, cost = (_fill(part, family) for part in (bounds.lower, bounds.upper, cost))
        self._columns.append((cost, lower, upper, np.full(family.count, bounds.integer)))
        self._variables.append(family)
        return family

    def add_rows(self, name: str, labels: Labels, triplets: Triplets, lower: Values, upper: Values) -> Family:
        """Add a family of rows lower <= a x <= upper; entries on the same place are summed.

        Raises
        ------
        ModelError : a name used twice, arrays of unequal length, a row or column that does not exist, bounds crossed.
        """
        family = self._new_family(self._constraints, name, labels)
        sizes = {part.size for part in (triplets.row, triplets.column, triplets.value)}
        if len(sizes) != 1:
            raise ModelError(f"{name}: row, column and value have different lengths {sorted(sizes)}")
        _check_range(name, "row", triplets.row, family.count)
        _check_range(name, "column", triplets.column, _end(self._variables))
        value = np.ascontiguousarray(triplets.value, dtype=np.float64)
        row = (triplets.row + family.start).astype(np.int32)
        self._entries.append((row, triplets.column.astype(np.int32), value))
        self._rows.append((_fill(lower, family), _fill(upper, family)))
        self._constraints.append(family)
        return family

    def seal(self) -> SealedModel:
        """Give the finished model.

        Raises
        ------
        ModelError : no variable, a coefficient that is not a finite number, bounds crossed.
        """
        if not self._variables:
            raise ModelError("a model needs at least one family of variables")
        columns = [np.concatenate(parts) for parts in zip(*self._columns, strict=True)]
        rows = [np.concatenate(parts) for parts in zip(*self._rows, strict=True)] or [np.zeros(0), np.zeros(0)]
        start, index, value = self._columnwise()
        _check_numbers(columns, rows, value)
        cost, lower, upper, integer = columns
        for array in (*columns, *rows, start, index, value):
            array.flags.writeable = False
        families = tuple(self._variables), tuple(self._constraints)
        return SealedModel(cost, lower, upper, integer, rows[0], rows[1], start, index, value, *families)

    def _columnwise(self) -> tuple[Indices, Indices, Vector]:
        shape = (_end(self._constraints), _end(self._variables))
        if not self._entries:
            return np.zeros(shape[1] + 1, dtype=np.int32), np.zeros(0, dtype=np.int32), np.zeros(0)
        row, column, value = (np.concatenate(parts) for parts in zip(*self._entries, strict=True))
        matrix = sparse.coo_array((value, (row, column)), shape=shape).tocsc()
        return matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32), matrix.data

    def _new_family(self, families: list[Family], name: str, labels: Labels) -> Family:
        if any(name == family.name for family in (*self._variables, *self._constraints)):
            raise ModelError(f"{name}: a family of this name exists already")
        sizes = {np.size(label) for label in labels.values()} or {1}
        if len(sizes) != 1:
            raise ModelError(f"{name}: labels have different lengths {sorted(sizes)}")
        return Family(name, _end(families), sizes.pop(), dict(labels))


def _end(families: list[Family]) -> int:
    return families[-1].start + families[-1].count if families else 0


def _fill(value: Values, family: Family) -> Vector:
    array = np.asarray(value, dtype=np.float64)
    if array.ndim and array.shape != (family.count,):
        raise ModelError(f"{family.name}: an array of shape {array.shape} for {family.count} members")
    return np.array(np.broadcast_to(array, (family.count,)))


def _check_range(name: str, what: str, found: npt.NDArray[np.integer[Any]], size: int) -> None:
    if found.size and (found.min() < 0 or found.max() >= size):
        raise ModelError(f"{name}: {what} from {found.min()} to {found.max()}, expected 0 to {size - 1}")


def _check_numbers(columns: list[Any], rows: list[Any], value: Vector) -> None:
    if not (np.isfinite(value).all() and np.isfinite(columns[0]).all()):
        raise ModelError("a cost or a coefficient is not a finite number")
    for what, lower, upper in (("variable", columns[1], columns[2]), ("row", *rows)):
        if not (lower <= upper).all():
            raise ModelError(f"{what} {int(np.argmin(lower <= upper))}: lower bound above upper bound")


def _member_name(families: tuple[Family, ...], member: int) -> str:
    place = bisect_right([family.start + family.count for family in families], member)
    return families[place].label(member - families[place].start)


def _plain(text: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "_.-" else "_" for letter in text)
