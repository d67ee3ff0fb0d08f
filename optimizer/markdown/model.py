"""The choice of columns as a labelled model; the mathematics stand in ``optimizer.markdown.problem``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.markdown.columns import Columns
from optimizer.markdown.problem import Flags, Floats, Integers, MarkdownProblem
from solvers.model import Bounds, Model, SealedModel, Triplets


@dataclass(frozen=True)
class JointRows:
    """
    Right-hand sides that the columns of today's price meet.

    Parameters
    ----------
    labels : array, shape (L, T)
    budget : array, shape (T,)
        Both infinite where there is no row.
    """

    labels: Floats
    budget: Floats


def joint_rows(problem: MarkdownProblem, columns: Columns) -> JointRows:
    """Return the limits, raised to what locked prices and today's prices need."""
    today = columns.start[:-1]
    needed = np.zeros_like(problem.labels)
    np.add.at(needed, problem.place, columns.changes(today))
    spent = columns.spend[today].sum(axis=0)
    return JointRows(np.maximum(problem.labels, needed), np.maximum(problem.budget, spent))


def markdown_model(
    problem: MarkdownProblem, columns: Columns, rows: JointRows, chosen: Integers, integer: bool
) -> SealedModel:
    r"""
    Return the model over some of the columns.

    Variables
        take[c]  x_c in {0,1}, or [0,1] without ``integer``
    Model
        min  - sum_c value_c x_c
        s.t. sum_{c of n} x_c = 1                   (choose)
             sum_{c at l} change_ct x_c <= L_lt     (labels)
             sum_c spend_ct x_c <= B_t              (budget)

    Parameters
    ----------
    chosen : integer array
        Numbers of the columns; each line must have at least one.
    """
    line = columns.line[chosen]
    count = np.arange(len(chosen))
    model = Model()
    model.add_variables(
        "take", {"line": line, "column": chosen - columns.start[line]}, -columns.value[chosen],
        Bounds(0.0, 1.0, integer),
    )  # fmt: skip
    ones = Triplets(line, count, np.ones(len(chosen)))
    model.add_rows("choose", {"line": np.arange(problem.lines)}, ones, 1.0, 1.0)
    limited = np.isfinite(rows.labels)
    labels = _label_entries(columns, chosen, problem.place[line], limited)
    where, when = np.nonzero(limited)
    model.add_rows("labels", {"place": where, "epoch": when}, labels, -np.inf, rows.labels[limited])
    weeks = np.flatnonzero(np.isfinite(rows.budget))
    spend = columns.spend[chosen][:, weeks]
    taken, week = np.nonzero(spend)
    budget = Triplets(week, taken, spend[taken, week])
    model.add_rows("budget", {"epoch": weeks}, budget, -np.inf, rows.budget[weeks])
    return model.seal()


def _label_entries(columns: Columns, chosen: Integers, place: Integers, limited: Flags) -> Triplets:
    """Return the changes of the chosen columns, at the places (chosen,) given, in the rows of limited labels."""
    number = np.cumsum(limited).reshape(limited.shape) - 1
    changed, epoch = np.nonzero(columns.changes(chosen))
    kept = limited[place[changed], epoch]
    changed, epoch = changed[kept], epoch[kept]
    return Triplets(number[place[changed], epoch], changed, np.ones(len(changed)))
