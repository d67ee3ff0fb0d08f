"""The choice of columns as a labelled model; the mathematics stand in ``optimizer.markdown.problem``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.markdown.columns import Charges, Columns
from optimizer.markdown.problem import Floats, Integers, MarkdownProblem
from solvers.model import Bounds, Model, SealedModel, Triplets


@dataclass(frozen=True)
class JointRows:
    """
    Right-hand sides that the columns of today's price meet.

    Parameters
    ----------
    labels : array, shape (L, T)
    budget : array, shape (B, T)
        Both infinite where there is no row.
    family : array, shape (F, T)
    """

    labels: Floats
    budget: Floats
    family: Floats

    def zero(self) -> Prices:
        """Return prices of nothing."""
        return Prices(np.zeros_like(self.labels), np.zeros_like(self.budget), np.zeros_like(self.family))


@dataclass(frozen=True)
class Prices:
    """Prices on the joint rows: ``labels`` (L, T), ``budget`` (B, T), ``family`` (F, T), minor units, at least 0."""

    labels: Floats
    budget: Floats
    family: Floats

    def mixed(self, other: Prices, share: float) -> Prices:
        """Return these prices by ``share`` and the others for the rest."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Prices(*(share * mine + (1.0 - share) * theirs for mine, theirs in pairs))

    def worth(self, rows: JointRows) -> float:
        """Return what the right-hand sides are worth."""
        parts = zip(vars(self).values(), vars(rows).values(), strict=True)
        return sum(float((price[price > 0.0] * limit[price > 0.0]).sum()) for price, limit in parts)


def joint_rows(problem: MarkdownProblem, columns: Columns) -> JointRows:
    """Return the limits, raised to what locked prices and today's prices need."""
    today = columns.start[:-1]
    used, spent, dearer = usage(problem, columns, today)
    return JointRows(np.maximum(problem.labels, used), np.maximum(problem.budget, spent), np.maximum(dearer, 0.0))


def usage(problem: MarkdownProblem, columns: Columns, chosen: Integers) -> tuple[Floats, Floats, Floats]:
    """Return labels (L, T) and markdown (B, T) a column per group takes, (F, T) how much dearer larger packs are."""
    used = problem.labels_needed().T @ columns.changes(chosen)
    rung = columns.rung[chosen][problem.group].astype(np.int64)
    rate = np.take_along_axis(problem.price, rung, axis=1) / problem.content[:, None]
    smaller, larger = problem.families.T
    return used, spent(problem, columns, chosen), rate[larger] - rate[smaller]


def spent(problem: MarkdownProblem, columns: Columns, chosen: Integers, share: Floats | None = None) -> Floats:
    """Return what columns, or a share of each, take of the budgets, shape (B, T), minor units."""
    budgets = problem.purses[1]
    taken = columns.spend[chosen] if share is None else share[:, None, None] * columns.spend[chosen]
    by_group = np.zeros((*budgets.shape[1:], problem.epochs))
    np.add.at(by_group, columns.group[chosen], taken)
    return np.asarray(np.einsum("bgq,gqt->bt", budgets.astype(float), by_group))


def spending_charge(problem: MarkdownProblem, price: Floats) -> Floats:
    """Return what prices (B, T) on the budgets charge a minor unit of each group's purses, shape (G, Q, T)."""
    return np.asarray(np.einsum("bgq,bt->gqt", problem.purses[1].astype(float), price))


def charges_of(problem: MarkdownProblem, prices: Prices) -> Charges:
    """Return what the prices charge a column for."""
    standing = np.zeros((problem.groups, problem.epochs, problem.price.shape[1]))
    rate = np.nan_to_num(problem.price) / problem.content[:, None]
    for (smaller, larger), price in zip(problem.families, prices.family, strict=True):
        standing[problem.group[larger]] += price[:, None] * rate[larger]
        standing[problem.group[smaller]] -= price[:, None] * rate[smaller]
    return Charges(problem.labels_needed() @ prices.labels, spending_charge(problem, prices.budget), standing)


def markdown_model(
    problem: MarkdownProblem, columns: Columns, rows: JointRows, chosen: Integers, integer: bool
) -> SealedModel:
    r"""
    Return the model over some of the columns.

    Variables
        take[c]  x_c in {0,1}, or [0,1] without ``integer``
    Model
        min  - sum_c value_c x_c
        s.t. sum_{c of g} x_c = 1                              (choose)
             sum_g u_gl sum_{c of g} change_ct x_c <= L_lt     (labels)
             sum_c spend_cbt x_c <= B_bt                       (budget)
             sum_{c of j} p_j,k_ct / v_j x_c - sum_{c of i} p_i,k_ct / v_i x_c <= R_ijt   (family)

    Parameters
    ----------
    chosen : integer array
        Numbers of the columns; each group must have at least one.
    """
    group = columns.group[chosen]
    count = np.arange(len(chosen))
    model = Model()
    model.add_variables(
        "take", {"group": group, "column": chosen - columns.start[group]}, -columns.value[chosen],
        Bounds(0.0, 1.0, integer),
    )  # fmt: skip
    ones = Triplets(group, count, np.ones(len(chosen)))
    model.add_rows("choose", {"group": np.arange(problem.groups)}, ones, 1.0, 1.0)
    limited = np.isfinite(rows.labels)
    where, when = np.nonzero(limited)
    labels = _label_entries(problem, columns, chosen, rows)
    model.add_rows("labels", {"place": where, "epoch": when}, labels, -np.inf, rows.labels[limited])
    limited = np.isfinite(rows.budget)
    which, when = np.nonzero(limited)
    budget = _budget_entries(problem, columns, chosen, rows)
    model.add_rows("budget", {"budget": which, "epoch": when}, budget, -np.inf, rows.budget[limited])
    if len(problem.families):
        pair, when = (part.ravel() for part in np.indices(rows.family.shape))
        model.add_rows(
            "family", {"pair": pair, "epoch": when}, _family_entries(problem, columns, chosen), -np.inf,
            rows.family.ravel(),
        )  # fmt: skip
    return model.seal()


def _label_entries(problem: MarkdownProblem, columns: Columns, chosen: Integers, rows: JointRows) -> Triplets:
    """Return what the changes of the chosen columns take of the limited labels."""
    limited = np.isfinite(rows.labels)
    number = np.cumsum(limited).reshape(limited.shape) - 1
    needed = problem.labels_needed()
    changed, epoch = np.nonzero(columns.changes(chosen))
    group = columns.group[chosen][changed]
    entries = []
    for step in range(int((needed > 0.0).sum(axis=1).max(initial=0))):
        # The step-th place of each group; nearly all have one.
        order = np.argsort(needed <= 0.0, axis=1, kind="stable")[:, step]
        place = order[group]
        kept = (needed[group, place] > 0.0) & limited[place, epoch]
        entries.append((number[place, epoch][kept], changed[kept], needed[group, place][kept]))
    if not entries:
        return Triplets(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    return Triplets(*(np.concatenate(part) for part in zip(*entries, strict=True)))


def _budget_entries(problem: MarkdownProblem, columns: Columns, chosen: Integers, rows: JointRows) -> Triplets:
    """Return what the chosen columns take of the budgets, purse by purse."""
    limited = np.isfinite(rows.budget)
    number = np.cumsum(limited).reshape(limited.shape) - 1
    row, taken, values = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
    for b, own in enumerate(problem.purses[1]):
        part, weeks = own[columns.group[chosen]], np.flatnonzero(limited[b])
        if not len(weeks) or not part.any():
            continue
        spend = np.einsum("cq,cqt->ct", part.astype(float), columns.spend[chosen][:, :, weeks])
        column, week = np.nonzero(spend)
        row.append(number[b, weeks[week]])
        taken.append(column)
        values.append(spend[column, week])
    return Triplets(np.concatenate(row), np.concatenate(taken), np.concatenate(values))


def _family_entries(problem: MarkdownProblem, columns: Columns, chosen: Integers) -> Triplets:
    """Return the price per content of the chosen columns in the rows of their families."""
    group, rung = columns.group[chosen], columns.rung[chosen].astype(np.int64)
    rows, taken, values = [], [], []
    for pair, lines in enumerate(problem.families):
        if problem.group[lines[0]] == problem.group[lines[1]]:
            continue
        for n, sign in zip(lines, (-1.0, 1.0), strict=True):
            own = np.flatnonzero(group == problem.group[n])
            rows.append(np.tile(pair * problem.epochs + np.arange(problem.epochs), len(own)))
            taken.append(np.repeat(own, problem.epochs))
            values.append(sign * problem.price[n, rung[own]].ravel() / problem.content[n])
    if not rows:
        return Triplets(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    return Triplets(np.concatenate(rows), np.concatenate(taken), np.concatenate(values))
