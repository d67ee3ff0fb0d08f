"""Ways in the plane, computed where they are asked for: thousands of stops without a matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from solvers.model import Vector


@dataclass(frozen=True, eq=False)
class StraightWays:
    """Euclidean distances in whole units; read like a matrix, [row, column] or [np.ix_(rows, columns)].

    Attributes
    ----------
    xy : coordinates of each place, shape (places, 2).
    scale : whole units of one of the plane.
    cut : whether fractions are cut off; else the nearest, half to even.
    """

    xy: Vector
    scale: float = 1.0
    cut: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Places from and to."""
        return len(self.xy), len(self.xy)

    def __getitem__(self, at: tuple[Any, ...]) -> npt.NDArray[np.int64]:
        """Return the distances between the places `at`, broadcast as a matrix's would be."""
        rows, columns = at
        x, y = self.xy[rows, 0] - self.xy[columns, 0], self.xy[rows, 1] - self.xy[columns, 1]
        length = self.scale * np.sqrt(x * x + y * y)
        return np.asarray(np.trunc(length) if self.cut else np.rint(length)).astype(np.int64)

    def max(self, initial: int = 0) -> int:
        """Return a distance that none exceeds: the diagonal of all places."""
        if len(self.xy) == 0:
            return initial
        return max(initial, int(self.scale * float(np.hypot(*np.ptp(self.xy, axis=0)))) + 1)
