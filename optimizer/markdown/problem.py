r"""
The clearance problem: price paths for lines (an item at a place) whose stock must go.

Sets
    n in lines, g in groups (lines of one price; most have one line), t in epochs (weeks, the first may be a part of
    one), k in rungs (falling from 0, today's price), s paths
    c in columns of g: price paths k_0 <= k_1 <= ... that keep the group's rules
Data
    a_nkt price asked at rung k in t (a planned promotion below the rung keeps its price), o_nt price from which
    markdown is counted, h_n salvage, money per step;  D_nkts demand in steps at rung k;  w_s weight of path s
    I_n0 stock, A_nt arrivals in steps;  L_lt labels place l can change in t
    b in budgets: of the company, a place or a category;  B_bt markdown budget of t;  r_bn 1 if line n is paid from b
    G_n steps to be sold until the exit, f_n charge for each step short of them
    v_n content of a step;  (i, j) in F: line j is the larger pack of line i's product
Column (exact on the paths)
    sold_nts = min(I_nts + A_nt, D_n,k_t,ts),   I_n,t+1,s = I_nts + A_nt - sold_nts
    value_c  = sum_n [ sum_t a_n,k_t,t sum_s w_s sold_nts + h_n sum_s w_s I_nTs
                       - f_n max(G_n - sum_ts w_s sold_nts, 0) ]
    change_ct = 1 if k_t differs from k_t-1 (k_-1 = 0), else 0;   u_gl lines of g at place l
    spend_cbt = sum_n r_bn max(o_nt - a_n,k_t,t, 0) sum_s w_s sold_nts      expected markdown of the week, by budget
Variables
    take[c]  x_c in {0,1}
Model
    min  - sum_c value_c x_c
    s.t. sum_{c of g} x_c = 1                                                       (choose)
         sum_g u_gl sum_{c of g} change_ct x_c <= max(L_lt, what locked prices need)  (labels)
         sum_c spend_cbt x_c <= max(B_bt, what today's prices spend)                (budget)
         sum_{c of j} p_j,k_ct / v_j x_c - sum_{c of i} p_i,k_ct / v_i x_c <= max(0, what today's prices need)  (family)
Rules inside a column
    a change from j to k needs  min step <= 1 - p_k / p_j <= max step,  at most so many changes, so many days between
    two, none before a date; after the exit nothing is sold.

The column of today's price is always there and meets all rows, so there is always a plan. Gallego and van Ryzin
(1994), Management Science 40(8), doi 10.1287/mnsc.40.8.999, for the problem; price paths as columns after Dantzig and
Wolfe (1960).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

FREE = -1
UNLIMITED = np.inf
LONG_AGO = 10_000


@dataclass(frozen=True)
class GroupRules:
    """
    Rules of G groups over T epochs and K rungs.

    Parameters
    ----------
    allowed : array of bool, shape (G, K, K)
        Whether the price may go from rung j to rung k at once; only k > j is looked at.
    can_change : array of bool, shape (G, T)
    most_changes : integer array, shape (G,)
        Changes still allowed.
    days_between : integer array, shape (G,)
        Least days between two changes.
    days_since : integer array, shape (G,)
        Days since the last change, on the plan date.
    epochs : integer array, shape (G,)
        Epochs until the exit; later ones count for nothing.
    fixed : integer array, shape (G,)
        Rung a lock asks for in the first epoch, whatever the rules; FREE without one.
    """

    allowed: Flags
    can_change: Flags
    most_changes: Integers
    days_between: Integers
    days_since: Integers
    epochs: Integers
    fixed: Integers

    def rows(self, chosen: Integers) -> GroupRules:
        """Return the rules of some groups."""
        return GroupRules(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})


@dataclass(frozen=True)
class MarkdownProblem:
    """
    N lines in G groups, K rungs, T epochs, S paths, L places; money in minor units per step. See the module.

    Parameters
    ----------
    demand : int32 array, shape (N, K, T, S)
        Steps wanted [D]; zero after a line's exit.
    weight : array, shape (S,)
        Probability of each path [w].
    price : array, shape (N, K)
        Falling from today's price [p]; columns past the ``rungs`` of the line's group are not looked at.
    asked : array, shape (N, K, T)
        What a customer pays at a rung [a]: its price, or a planned promotion's below it.
    counted_from : array, shape (N, T)
        Price from which markdown is counted [o].
    salvage, stock : array, shape (N,)
        [h] and steps on hand [I_0].
    arrivals : array, shape (N, T)
        Steps that can be sold from the beginning of the epoch [A].
    target, short_cost : array, shape (N,)
        Steps to sell until the exit [G] and the charge for each short of them [f].
    group : integer array, shape (N,)
        Group of each line, numbered from 0; lines of one group go down the rungs together.
    rungs : integer array, shape (G,)
        Prices of each group, today's included, at least 1.
    rules : GroupRules
    families : integer array, shape (F, 2)
        Lines of a smaller and a larger pack of one product at one place.
    content : array, shape (N,)
        Litres, kilograms or pieces of a step [v].
    starts : integer array, shape (T,)
        Days from the plan date to the beginning of each epoch.
    place : integer array, shape (N,)
    labels : array, shape (L, T)
        UNLIMITED where nothing limits them [L].
    budget : array, shape (B, T)
        Minor units, UNLIMITED without one [B].
    paid : array of bool, shape (B, N)
        Which lines' markdown comes from each budget [r].
    tilt : array, shape (S,), or None
        Weight of each path in the value that is maximised, where it is not its probability; markdown and sales are
        counted by probability all the same.

    Raises
    ------
    ValueError
        If shapes do not agree, a group has no rung, or prices do not fall.
    """

    demand: npt.NDArray[np.int32]
    weight: Floats
    price: Floats
    asked: Floats
    counted_from: Floats
    salvage: Floats
    stock: Floats
    arrivals: Floats
    target: Floats
    short_cost: Floats
    group: Integers
    rungs: Integers
    rules: GroupRules
    families: Integers
    content: Floats
    starts: Integers
    place: Integers
    labels: Floats
    budget: Floats
    paid: Flags
    tilt: Floats | None = None

    def __post_init__(self) -> None:
        n, k, t, s = self.demand.shape
        g = len(self.rungs)
        shapes = {
            "weight": (s,), "price": (n, k), "asked": (n, k, t), "counted_from": (n, t), "salvage": (n,),
            "stock": (n,), "arrivals": (n, t), "target": (n,), "short_cost": (n,), "group": (n,), "content": (n,),
            "starts": (t,), "place": (n,), "budget": (len(self.budget), t), "paid": (len(self.budget), n),
            "families": (len(self.families), 2),
        }  # fmt: skip
        wrong = [name for name, shape in shapes.items() if getattr(self, name).shape != shape]
        per_group = [f.name for f in fields(GroupRules) if len(getattr(self.rules, f.name)) != g]
        if wrong or per_group or self.labels.shape[1:] != (t,) or self.rules.can_change.shape != (g, t):
            raise ValueError(f"clearance of {n} lines: shapes of {wrong + per_group or 'labels'} do not agree")
        if not np.array_equal(np.unique(self.group), np.arange(g)):
            raise ValueError("every group needs a line, and every line one of the groups")
        if g and (self.rungs.min() < 1 or self.rungs.max() > k):
            raise ValueError("every group needs at least today's price and at most the rungs given")
        inside = np.arange(1, k)[None, :] < self.rungs[self.group][:, None]
        if (np.diff(self.price, axis=1) >= 0.0)[inside].any():
            raise ValueError("prices of a line must fall from rung to rung")

    @property
    def lines(self) -> int:
        """Number of lines N."""
        return len(self.group)

    @property
    def groups(self) -> int:
        """Number of groups G."""
        return len(self.rungs)

    @property
    def value_weight(self) -> Floats:
        """Weight of each path in the value, shape (S,)."""
        return self.weight if self.tilt is None else self.tilt

    @property
    def epochs(self) -> int:
        """Number of epochs T."""
        return len(self.starts)

    @cached_property
    def purses(self) -> tuple[Integers, Flags]:
        """
        Return the purse of each line (N,), counted within its group, and which budgets a purse is part of (B, G, Q).

        Lines of a group that are paid from the same budgets share a purse; nearly all groups have one.
        """
        kind = np.unique(np.vstack([self.paid, np.ones(self.lines, bool)]), axis=1, return_inverse=True)[1]
        first = np.unique(np.stack([self.group, kind.ravel()]), axis=1, return_inverse=True)
        number = first[1].ravel()
        begin = np.searchsorted(first[0][0], np.arange(self.groups))
        purse = number - begin[self.group]
        budgets = np.zeros((len(self.budget), self.groups, int(purse.max(initial=0)) + 1), bool)
        budgets[:, self.group, purse] = self.paid
        return purse.astype(np.int64), budgets

    def with_rules(self, **changed: npt.NDArray[np.generic]) -> MarkdownProblem:
        """Return the problem with some of its rules exchanged."""
        return replace(self, rules=replace(self.rules, **changed))  # type: ignore[arg-type]

    def labels_needed(self) -> Floats:
        """Return the labels a change of each group takes at each place [u], shape (G, L)."""
        needed = np.zeros((self.groups, len(self.labels)))
        np.add.at(needed, (self.group, self.place), 1.0)
        return needed

    def of_places(self, chosen: Integers) -> tuple[MarkdownProblem, Integers]:
        """Return the problem of some places, whose groups and families lie in them alone, and its lines' numbers."""
        lines = np.flatnonzero(np.isin(self.place, chosen))
        groups, group = np.unique(self.group[lines], return_inverse=True)
        number = np.full(self.lines, -1)
        number[lines] = np.arange(len(lines))
        families = number[self.families]
        per_line = ("demand", "price", "asked", "counted_from", "salvage", "stock", "arrivals", "target", "short_cost",
                    "content")  # fmt: skip
        part = replace(
            self,
            **{name: getattr(self, name)[lines] for name in per_line},
            group=group.astype(np.int64),
            rungs=self.rungs[groups],
            rules=self.rules.rows(groups),
            families=families[(families >= 0).all(axis=1)],
            place=np.searchsorted(chosen, self.place[lines]),
            labels=self.labels[chosen],
            paid=self.paid[:, lines],
        )
        return part, lines


@dataclass(frozen=True)
class MarkdownPlan:
    """
    One price path per line.

    Parameters
    ----------
    rung : integer array, shape (N, T)
    value, value_today : array, shape (N,)
        Expected revenue and salvage of the path, and of holding today's price, less the charge for steps short of the
        target; minor units.
    free_value : array, shape (N,)
        Of the best path of the line's group if nothing tied it to others.
    spend : array, shape (N, T)
        Expected markdown, minor units.
    sold, sold_today : array, shape (N,)
        Expected steps sold until the exit, and at today's price.
    label_price : array, shape (L, T)
        What one more label would bring, minor units.
    budget_price : array, shape (B, T)
        What one more minor unit of budget would bring.
    columns : int
        Price paths there are over all groups; the bound covers every one of them.
    blocks : int
        Parts in which the places were decided, tied by the prices of the budget alone.
    cut_groups : int
        Groups whose number of changes had to be limited further to list all their paths.
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
    blocks: int
    cut_groups: int
