"""How supply behaves beyond pack and lead time: shelf life, late deliveries, price breaks; shapes as in `problem`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from scenarios.shelf_life import KEEPS

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Supply:
    """Shelf life, delays and price breaks of N lines on S paths over T periods, with B breaks a line.

    Attributes
    ----------
    shelf_periods : periods in which a received step can be sold, its period of arrival included (`KEEPS`), shape (N,).
    expiring : steps on hand whose last period of sale is t, the soonest sold first, shape (N, T).
    delay : periods by which all orders of a path come later than the lead time, shape (N, S).
    break_from : steps from which a price holds, rising, `inf` where there is none, shape (N, B).
    break_extra : money a step then costs above the line's cheapest price, shape (N, B).
    all_units : whether a break's price holds for every step of the order, or for those above the break, shape (N,).
    layer, pallet : from a layer on today's order is whole layers, from a pallet on whole pallets; steps, 1 for none, a
        pallet being a multiple of the layer and a layer of the pack, shape (N,).
    most_today : largest order today (room on the shelf), steps, `inf` for none, shape (N,).
    """

    shelf_periods: Array
    expiring: Array
    delay: Array
    break_from: Array
    break_extra: Array
    all_units: Array
    layer: Array
    pallet: Array
    most_today: Array

    @classmethod
    def plain(cls, shape: tuple[int, int, int], **given: Array) -> Supply:
        """Supply of `shape` (N, S, T) that keeps, is never late and has one price, but for what is `given`."""
        lines, paths, periods = shape
        plain: Mapping[str, Array] = {
            "shelf_periods": np.full(lines, KEEPS, dtype=np.int64),
            "expiring": np.zeros((lines, periods)),
            "delay": np.zeros((lines, paths), dtype=np.int64),
            "break_from": np.zeros((lines, 0)),
            "break_extra": np.zeros((lines, 0)),
            "all_units": np.ones(lines, dtype=np.bool_),
            "layer": np.ones(lines, dtype=np.int64),
            "pallet": np.ones(lines, dtype=np.int64),
            "most_today": np.full(lines, np.inf),
        }
        return cls(**{**plain, **given})

    def of(self, chosen: slice | Array) -> Supply:
        """Give the supply of some lines."""
        return replace(self, **{one.name: getattr(self, one.name)[chosen] for one in fields(self)})

    def whole(self, line: Array, quantity: Array) -> Array:
        """Whether orders of `quantity` (K,) on `line` (K,) today are in whole layers and pallets, shape (K,)."""
        layer, pallet = self.layer[line], self.pallet[line]
        in_layers = (quantity < layer) | (quantity % layer == 0)
        return np.asarray(in_layers & ((quantity < pallet) | (quantity % pallet == 0)))

    def faults(self, shape: tuple[int, int, int]) -> list[str]:
        """Give what does not fit lines, paths and periods, one sentence each."""
        lines, paths, periods = shape
        breaks = self.break_from.shape[-1]
        expected = {
            "shelf_periods": (lines,), "expiring": (lines, periods), "delay": (lines, paths),
            "break_from": (lines, breaks), "break_extra": (lines, breaks), "all_units": (lines,),
            "layer": (lines,), "pallet": (lines,), "most_today": (lines,),
        }  # fmt: skip
        faults = [
            f"{name}: shape {getattr(self, name).shape}, expected {wanted}"
            for name, wanted in expected.items()
            if getattr(self, name).shape != wanted
        ]
        signs = ("expiring", "delay", "break_from", "break_extra", "most_today")
        faults += [f"{name}: found a negative value" for name in signs if (getattr(self, name) < 0).any()]
        faults += [
            f"{n}: found less than 1" for n in ("shelf_periods", "layer", "pallet") if (getattr(self, n) < 1).any()
        ]
        return faults
