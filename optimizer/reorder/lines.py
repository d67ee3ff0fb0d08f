"""Lines and the policy of their later orders as the compiled loops read them, and how these are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numpy.typing as npt
from numba import njit

Array = npt.NDArray[Any]
Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile with numba and keep the result on disk; a kernel and what it calls stay in one file, or it goes stale."""
    return cast(Function, njit(cache=True)(function))


class Lines(NamedTuple):
    """Lines as the kernels read them, N lines; floats are float64, whole numbers int64, `demand` int32 (N, S, T)."""

    demand: Array
    weight: Array
    on_hand: Array
    arrivals: Array
    lead: Array
    can_order: Array
    pack: Array
    minimum: Array
    maximum: Array
    holding: Array
    shortage: Array
    order_cost: Array
    write_off: Array
    life: Array
    backorders: bool
    shelf: Array
    expiring: Array
    delay: Array
    break_from: Array
    break_extra: Array
    all_units: Array


class Policy(NamedTuple):
    """How later orders react: statistics per line and the fitted `z` and `cap`.

    `mean` and `deviation` of the demand each order must cover, shape (N, T + 1), the last column for an order after the
    horizon; `rate` mean demand per period, `review` demand between two orders, `lot` least lot, `credit` average cost
    of a lot per period, all (N,).
    """

    mean: Array
    deviation: Array
    rate: Array
    review: Array
    lot: Array
    credit: Array
    z: Array
    cap: Array
