r"""
The problem of goods with a short life: an order and a price for what expires soon, on the same demand paths.

Sets
    n in lines (an item at a place), t in periods (0 is the plan date), s paths, a remaining lives in periods (0: last
    day of sale), k in rungs of the line's ladder (0: no sticker)
Data
    D_nts steps wanted at today's price, D_nkts if rung k is asked (the path's own response);  p_nk money per step
    c_n cost of a step, b_n what a leftover brings, h_n holding, g_n good will lost with a step not served beyond its
    margin, K_n cost of an order;  L_n lead, pack, minimum, life of what is ordered;  d_n near: units with a < d_n may
    carry a sticker
Period
    receive, order, sell, count, grow older.  Without a sticker D is served soonest to expire first. With rung k on the
    x near units
        near = min(x, D_k),   rest = D (D_k - near) / D_k rounded,   other = min(y, rest)
    with y the other units: who finds no near unit left buys another one if the usual price does not keep him away.
Policy
    q  today's order, k today's rung; afterwards orders up to a level S, and rung kappa on units with a < delta whenever
    they are more than theta mean days of demand
Money of a path
    sum_t [ p_k near + p_0 other - c received - h left - b' expired - g lost - K ordered ] + c fresh left + b near left
    with b' = -b: what expires brings its salvage.

Decided are S, kappa, delta, theta, q and k of most expected money over a grid, one coordinate after the other: a
heuristic without a bound. Order and price meet in every evaluation, so that a sticker to come lets more be ordered, and
an order on its way lets a sticker come earlier. Nahmias (1982), Operations Research 30(4), doi 10.1287/opre.30.4.680,
for the stock by age; Li, Cheang and Lim (2012), Manufacturing and Service Operations Management 14(2), for ordering and
pricing by age.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

FREE = -1


@dataclass(frozen=True)
class FreshProblem:
    """
    N lines, K rungs, S paths, T periods, A remaining lives; money in minor units per step. See the module.

    Parameters
    ----------
    demand : int32 array, shape (N, K, S, T)
        Steps wanted if everything were asked at rung k [D].
    weight : array, shape (S,)
    on_hand : array, shape (N, A)
        Steps by remaining life; what lies in the last place keeps for the horizon.
    receipts : array, shape (N, T, A)
        Steps already ordered.
    can_order : array of bool, shape (N, T)
    lead, pack, minimum, life : integer array, shape (N,)
        Periods from order to sale, steps of an order, place among the remaining lives of what arrives.
    price : array, shape (N, K)
        Falling from today's [p]; NaN past the rungs of a line.
    cost, salvage, holding, goodwill, order_cost : array, shape (N,)
        [c, b, h, g, K]
    near : integer array, shape (N,)
        Lives that may carry a sticker [d], at least 1.
    fixed : integer array, shape (N,)
        Rung that a lock asks for today, FREE without one.

    Raises
    ------
    ValueError
        If shapes do not agree.
    """

    demand: npt.NDArray[np.int32]
    weight: Floats
    on_hand: Floats
    receipts: Floats
    can_order: Flags
    lead: Integers
    pack: Integers
    minimum: Integers
    life: Integers
    price: Floats
    cost: Floats
    salvage: Floats
    holding: Floats
    goodwill: Floats
    order_cost: Floats
    near: Integers
    fixed: Integers

    def __post_init__(self) -> None:
        n, k, s, t = self.demand.shape
        a = self.on_hand.shape[1]
        shapes: dict[str, tuple[int, ...]] = dict.fromkeys(_PER_LINE, (n,))
        shapes |= {"weight": (s,), "on_hand": (n, a), "receipts": (n, t, a), "can_order": (n, t), "price": (n, k)}
        wrong = [name for name, shape in shapes.items() if getattr(self, name).shape != shape]
        if wrong:
            raise ValueError(f"fresh problem of {n} lines: shapes of {', '.join(wrong)} do not agree")

    @property
    def lines(self) -> int:
        """Number of lines N."""
        return len(self.near)

    def rows(self, chosen: slice) -> FreshProblem:
        """Return the problem of some lines."""
        own = {f.name: getattr(self, f.name)[chosen] for f in fields(self) if f.name != "weight"}
        return replace(self, **own)


_PER_LINE = ("lead", "pack", "minimum", "life", "cost", "salvage", "holding", "goodwill", "order_cost", "near", "fixed")


@dataclass(frozen=True)
class FreshPlan:
    """
    What was decided for N lines; money in minor units, expected over the paths.

    Parameters
    ----------
    rung : integer array, shape (N,)
        Today's rung [k].
    order : integer array, shape (N,)
        Steps ordered today in the joint decision [q].
    level, later_rung, later_near : integer array, shape (N,)
        [S, kappa, delta]
    later_share : array, shape (N,)
        Mean days of demand above which later stickers are put [theta].
    value, value_plain, value_apart : array, shape (N,)
        Money of the decision, of never a sticker, and of the best order without stickers to which stickers are added.
    rungs_value, rungs_sold : array, shape (N, K, 3)
        Money, and near steps sold today, for each rung today: mean and the ends of the band of four in five outcomes.
    near_today : array, shape (N,)
        Near steps there today.
    recovery : array, shape (N,)
        What stickers bring for each step that would otherwise expire, at most cost less salvage.
    """

    rung: Integers
    order: Integers
    level: Integers
    later_rung: Integers
    later_near: Integers
    later_share: Floats
    value: Floats
    value_plain: Floats
    value_apart: Floats
    rungs_value: Floats
    rungs_sold: Floats
    near_today: Floats
    recovery: Floats
