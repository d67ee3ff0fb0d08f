"""Trucks of joint orders: how many an order needs, what they cost, how full they must be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_ROUNDING: Final = 1e-9


@dataclass(frozen=True)
class Trucks:
    """Trucks of J groups of N lines; the first measure (litres, else kilograms) is the one that fill is told in.

    Attributes
    ----------
    cost : money per truck [F], shape (J,), 0 where trucks cost nothing.
    fill : least share of its trucks that an order fills, by the first measure [f], shape (J,), 0 for none.
    load : share of a truck that one step takes by either measure [v], shape (N, 2), 0 where that is no limit.
    taken : trucks' worth of load that locked lines take already by measure [b], shape (J, 2), None for nothing. Their
        trucks come in any case; what is counted and paid here are trucks on top of these.
    """

    cost: Array
    fill: Array
    load: Array
    taken: Array | None = None

    def of(self, chosen: Array) -> Trucks:
        """Give the trucks of some lines."""
        return replace(self, load=self.load[chosen])

    @property
    def spare(self) -> Array:
        """Room by measure on the trucks that come in any case, in trucks, shape (J, 2)."""
        if self.taken is None:
            return np.zeros((self.cost.size, 2))
        return np.asarray(np.ceil(self.taken.max(axis=1, keepdims=True) - _ROUNDING) - self.taken)

    @property
    def owed(self) -> Array:
        """Load that the trucks which come in any case lack to be full enough, below 0 for more, shape (J,)."""
        if self.taken is None:
            return np.zeros(self.cost.size)
        return np.asarray(self.fill * np.ceil(self.taken.max(axis=1) - _ROUNDING) - self.taken[:, 0])

    def own_first(self, group: Array) -> Array:
        """Whether any order of a group needs a truck of its own: no room is left on others, each line loads; (J,)."""
        light = np.bincount(group[group >= 0], (self.load.max(axis=1) <= 0)[group >= 0], minlength=self.cost.size)
        return np.asarray((light == 0) & ~self.spare.any(axis=1))

    @property
    def matter(self) -> Array:
        """Whether the trucks of a group cost anything or must be filled, shape (J,)."""
        return np.asarray((self.cost > 0) | (self.fill > 0))

    def loads(self, group: Array, quantity: Array) -> Array:
        """Trucks' worth of load by group and measure, shape (J, 2); `group` (N,) is -1 for lines in none."""
        inside = group >= 0
        taken = self.load[inside] * quantity[inside, None]
        size = self.cost.size
        return np.stack([np.bincount(group[inside], one, minlength=size) for one in taken.T], axis=1)

    def after(self, group: Array, quantity: Array) -> Trucks:
        """Give the trucks with these quantities (N,) loaded in any case."""
        loads = self.loads(group, quantity)
        return replace(self, taken=loads if self.taken is None else self.taken + loads)

    def counts(self, loads: Array, spare: Array | None = None) -> Array:
        """Trucks that loads (K, 2) need beside the `spare` room (K, 2), by default that of each group, shape (K,)."""
        room = self.spare if spare is None else spare
        return np.asarray(np.maximum(np.ceil((loads - room).max(axis=1) - _ROUNDING), 0.0))

    def paid(self, group: Array, quantity: Array) -> Array:
        """Money for the trucks of each group, shape (J,)."""
        return np.asarray(self.cost * self.counts(self.loads(group, quantity)))

    def underfilled(self, loads: Array) -> Array:
        """Whether a group's trucks stay emptier than they may, shape (J,)."""
        needed = self.fill * self.counts(loads) + self.owed
        return np.asarray((loads[:, 0] < needed * (1 - _ROUNDING)) & loads.any(axis=1))

    def faults(self, lines: int, groups: int) -> list[str]:
        """Give what does not fit the lines and groups, one sentence each."""
        expected = {"cost": (groups,), "fill": (groups,), "load": (lines, 2)}
        faults = [
            f"truck {name}: shape {getattr(self, name).shape}, expected {wanted}"
            for name, wanted in expected.items()
            if getattr(self, name).shape != wanted
        ]
        faults += [f"truck {name}: found a negative value" for name in expected if (getattr(self, name) < 0).any()]
        if self.taken is not None and self.taken.shape != (groups, 2):
            faults.append(f"truck taken: shape {self.taken.shape}, expected {(groups, 2)}")
        return faults
