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
    """

    cost: Array
    fill: Array
    load: Array

    def of(self, chosen: Array) -> Trucks:
        """Give the trucks of some lines."""
        return replace(self, load=self.load[chosen])

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

    def counts(self, loads: Array) -> Array:
        """Trucks that loads (J, 2) need, shape (J,)."""
        return np.asarray(np.ceil(loads.max(axis=1) - _ROUNDING))

    def paid(self, group: Array, quantity: Array) -> Array:
        """Money for the trucks of each group, shape (J,)."""
        return np.asarray(self.cost * self.counts(self.loads(group, quantity)))

    def underfilled(self, loads: Array) -> Array:
        """Whether a group's trucks stay emptier than they may, shape (J,)."""
        return np.asarray(loads[:, 0] < self.fill * self.counts(loads) * (1 - _ROUNDING))

    def faults(self, lines: int, groups: int) -> list[str]:
        """Give what does not fit the lines and groups, one sentence each."""
        expected = {"cost": (groups,), "fill": (groups,), "load": (lines, 2)}
        faults = [
            f"truck {name}: shape {getattr(self, name).shape}, expected {wanted}"
            for name, wanted in expected.items()
            if getattr(self, name).shape != wanted
        ]
        faults += [f"truck {name}: found a negative value" for name in expected if (getattr(self, name) < 0).any()]
        return faults
