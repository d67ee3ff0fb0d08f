r"""
The clearance problem: price paths for lines (an item at a place) whose stock must go.

Sets
    n in lines, t in epochs (weeks, the first may be a part of one), k in rungs (falling from 0, today's price), s paths
    c in columns of n: price paths k_0 <= k_1 <= ... that keep the line's rules
Data
    p_nk price, r_n regular price, b_n salvage, money per step;  D_nkts demand in steps at rung k;  w_s weight of path s
    I_n0 stock, A_nt arrivals in steps;  L_lt labels place l can change in t;  B_t markdown budget of t
Column (exact on the paths)
    sold_ts  = min(I_ts + A_t, D_k_t,ts),   I_t+1,s = I_ts + A_t - sold_ts
    value_c  = sum_t p_k_t sum_s w_s sold_ts + b sum_s w_s I_Ts
    change_ct = 1 if k_t differs from k_t-1 (k_-1 = 0), else 0
    spend_ct = max(r - p_k_t, 0) sum_s w_s sold_ts                                  expected markdown of the week
Variables
    take[c]  x_c in {0,1}
Model
    min  - sum_c value_c x_c
    s.t. sum_{c of n} x_c = 1                                                       (choose)
         sum_{c of lines at l} change_ct x_c <= max(L_lt, what locked prices need)  (labels)
         sum_c spend_ct x_c <= max(B_t, what today's prices spend)                  (budget)
Rules inside a column
    a change from j to k needs  min step <= 1 - p_k / p_j <= max step,  at most so many changes, so many days between
    two, none before a date; after the exit nothing is sold.

The column of today's price is always there and meets both rows, so there is always a plan. Gallego and van Ryzin
(1994), Management Science 40(8), doi 10.1287/mnsc.40.8.999, for the problem; price paths as columns after Dantzig and
Wolfe (1960).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

FREE = -1
UNLIMITED = np.inf
LONG_AGO = 10_000


@dataclass(frozen=True)
class LineRules:
    """
    Rules of N lines over T epochs and K rungs.

    Parameters
    ----------
    allowed : array of bool, shape (N, K, K)
        Whether the price may go from rung j to rung k at once; only k > j is looked at.
    can_change : array of bool, shape (N, T)
    most_changes : integer array, shape (N,)
        Changes still allowed.
    days_between : integer array, shape (N,)
        Least days between two changes.
    days_since : integer array, shape (N,)
        Days since the last change, on the plan date.
    epochs : integer array, shape (N,)
        Epochs until the exit; later ones count for nothing.
    fixed : integer array, shape (N,)
        Rung a lock asks for in the first epoch, whatever the rules; FREE without one.
    """

    allowed: Flags
    can_change: Flags
    most_changes: Integers
    days_between: Integers
    days_since: Integers
    epochs: Integers
    fixed: Integers


@dataclass(frozen=True)
class MarkdownProblem:
    """
    N lines, K rungs, T epochs, S paths, L places; money in minor units per step. See the module.

    Parameters
    ----------
    demand : int32 array, shape (N, K, T, S)
        Steps wanted [D]; zero after a line's exit.
    weight : array, shape (S,)
        Probability of each path [w].
    price : array, shape (N, K)
        Falling from today's price [p]; columns past a line's ``rungs`` are not looked at.
    rungs : integer array, shape (N,)
        Prices of each line, today's included, at least 1.
    regular, salvage, stock : array, shape (N,)
        [r], [b] and steps on hand [I_0].
    arrivals : array, shape (N, T)
        Steps that can be sold from the beginning of the epoch [A].
    rules : LineRules
    starts : integer array, shape (T,)
        Days from the plan date to the beginning of each epoch.
    place : integer array, shape (N,)
    labels : array, shape (L, T)
        UNLIMITED where nothing limits them [L].
    budget : array, shape (T,)
        Minor units, UNLIMITED without one [B].

    Raises
    ------
    ValueError
        If shapes do not agree, a line has no rung, or prices do not fall.
    """

    demand: npt.NDArray[np.int32]
    weight: Floats
    price: Floats
    rungs: Integers
    regular: Floats
    salvage: Floats
    stock: Floats
    arrivals: Floats
    rules: LineRules
    starts: Integers
    place: Integers
    labels: Floats
    budget: Floats

    def __post_init__(self) -> None:
        n, k, t, s = self.demand.shape
        shapes = {
            "weight": (s,), "price": (n, k), "rungs": (n,), "regular": (n,), "salvage": (n,), "stock": (n,),
            "arrivals": (n, t), "starts": (t,), "place": (n,), "budget": (t,),
        }  # fmt: skip
        wrong = [name for name, shape in shapes.items() if getattr(self, name).shape != shape]
        per_line = [f.name for f in fields(LineRules) if len(getattr(self.rules, f.name)) != n]
        if wrong or per_line or self.labels.shape[1:] != (t,) or self.rules.can_change.shape != (n, t):
            raise ValueError(f"clearance of {n} lines: shapes of {wrong + per_line or 'labels'} do not agree")
        if n and (self.rungs.min() < 1 or self.rungs.max() > k):
            raise ValueError("every line needs at least today's price and at most the rungs given")
        inside = np.arange(1, k)[None, :] < self.rungs[:, None]
        if (np.diff(self.price, axis=1) >= 0.0)[inside].any():
            raise ValueError("prices of a line must fall from rung to rung")

    @property
    def lines(self) -> int:
        """Number of lines N."""
        return len(self.rungs)

    @property
    def epochs(self) -> int:
        """Number of epochs T."""
        return len(self.starts)

    def with_rules(self, **changed: npt.NDArray[np.generic]) -> MarkdownProblem:
        """Return the problem with some of its line rules exchanged."""
        return replace(self, rules=replace(self.rules, **changed))  # type: ignore[arg-type]


@dataclass(frozen=True)
class MarkdownPlan:
    """
    One price path per line.

    Parameters
    ----------
    rung : integer array, shape (N, T)
    value, value_today : array, shape (N,)
        Expected revenue and salvage of the path, and of holding today's price, minor units.
    free_value : array, shape (N,)
        Of the line's best path if it were alone.
    spend : array, shape (N, T)
        Expected markdown, minor units.
    sold, sold_today : array, shape (N,)
        Expected steps sold until the exit, and at today's price.
    label_price : array, shape (L, T)
        What one more label would bring, minor units.
    budget_price : array, shape (T,)
        What one more minor unit of budget would bring.
    columns : int
        Price paths there are over all lines; ``taken`` of them stood in the last model.
    taken : int
    cut_lines : int
        Lines whose number of changes had to be limited further to list all their paths.
    """

    rung: Integers
    value: Floats
    value_today: Floats
    free_value: Floats
    spend: Floats
    sold: Floats
    sold_today: Floats
    label_price: Floats
    budget_price: Floats
    columns: int
    taken: int
    cut_lines: int
