"""The joint reorder problem as a labelled sparse model: one column for each quantity of each line."""

from __future__ import annotations

import numpy as np

from optimizer.reorder.columns import Array, Columns
from optimizer.reorder.problem import NONE, JointRules
from solvers.model import Bounds, Family, Model, SealedModel, Triplets


def joint_model(columns: Columns, rules: JointRules) -> SealedModel:
    r"""
    Choose one quantity of each line under the joint rules.

    Sets
        n lines, k columns of a line, j groups with a joint minimum, g capacity rows
    Parameters
        cost[k] c, quantity[k] q    exact mean cost, steps
        spend[n] b, minimum_weight[n] w, use[n,g] u, budget B, supplier_minimum[j] M, capacity[g] A
        spare[j,m], owed[j]    room on trucks that locked lines need anyway, and what these lack to be full enough
    Variables
        take[n,k]  in {0,1}    line n orders quantity q_nk today
        truck[j]   in 0, 1 ..  trucks of group j, F_j each
        open[j]    in {0,1}    group j orders today
    Model
        min  sum_nk c_nk take_nk + sum_j F_j truck_j
        s.t. sum_k take_nk = 1                                        for n     (choose)
             sum_nk b_n q_nk take_nk <= B                                       (budget)
             sum_nk u_ng q_nk take_nk <= A_g                          for g     (capacity)
             sum_{n in j, k} min(w_n q_nk, M_j) take_nk >= M_j open_j  for j     (minimum)
             sum_{k: q_nk > 0} take_nk <= open_j(n)                   for n     (door)
             sum_{n in j, k} v_nm q_nk take_nk <= truck_j + spare_jm  for j, m  (load)
             sum_{n in j, k} v_n1 q_nk take_nk >= f_j truck_j + owed_j open_j  for j  (fill)
    """
    model, line = Model(), columns.line
    take = model.add_variables("take", {"line": line, "quantity": columns.quantity}, columns.cost, Bounds(0, 1, True))
    ones = np.ones(line.size)
    model.add_rows("choose", {"line": np.arange(columns.lines)}, Triplets(line, take.members, ones), 1.0, 1.0)
    if rules.budget is not None:
        spend = Triplets(np.zeros(line.size, dtype=np.int64), take.members, columns.quantity * rules.spend[line])
        model.add_rows("budget", {}, spend, -np.inf, float(rules.budget))
    _add_capacity(model, columns, rules, take)
    opened = _add_minima(model, columns, rules, take)
    _add_trucks(model, columns, rules, (take, opened))
    return model.seal()


def _add_capacity(model: Model, columns: Columns, rules: JointRules, take: Family) -> None:
    """Each slot of a line is an entry; rows that nothing takes from are left out."""
    column, slot = np.nonzero((rules.row != NONE)[columns.line])
    line = columns.line[column]
    rows, number = np.unique(rules.row[line, slot], return_inverse=True)
    if rows.size:
        drawn = Triplets(number, take.members[column], columns.quantity[column] * rules.use[line, slot])
        model.add_rows("capacity", {"row": rows}, drawn, -np.inf, rules.capacity[rows])


def _add_minima(model: Model, columns: Columns, rules: JointRules, take: Family) -> Array:
    """Add the minima; give the variable `open` of each group, shape (J,), NONE for groups without lines."""
    groups = np.unique(rules.supplier[rules.supplier != NONE])
    numbers = np.full(rules.supplier_minimum.size, NONE)
    if not groups.size:
        return numbers
    needed = rules.supplier_minimum[groups]
    opened = model.add_variables("open", {"supplier": groups}, 0.0, Bounds(0, 1, True))
    inside = np.flatnonzero((rules.supplier[columns.line] != NONE) & (columns.quantity > 0))
    line = columns.line[inside]
    row = np.searchsorted(groups, rules.supplier[line])
    weight = np.minimum(columns.quantity[inside] * rules.minimum_weight[line], needed[row])
    entries = _stacked((row, take.members[inside], weight), (np.arange(groups.size), opened.members, -needed))
    model.add_rows("minimum", {"supplier": groups}, entries, 0.0, np.inf)
    lines, door = np.unique(line, return_inverse=True)
    group = np.searchsorted(groups, rules.supplier[lines])
    take_entries = (door, take.members[inside], np.ones(inside.size))
    open_entries = (np.arange(lines.size), opened.members[group], -np.ones(lines.size))
    model.add_rows("door", {"line": lines}, _stacked(take_entries, open_entries), -np.inf, 0.0)
    numbers[groups] = opened.members
    return numbers


def _add_trucks(model: Model, columns: Columns, rules: JointRules, variables: tuple[Family, Array]) -> None:
    (take, opened), trucks = variables, rules.trucks
    groups = np.unique(rules.supplier[rules.supplier != NONE])
    groups = groups if trucks is None else groups[trucks.matter[groups]]
    if trucks is None or not groups.size:
        return
    truck = model.add_variables("truck", {"supplier": groups}, trucks.cost[groups], Bounds(0, np.inf, True))
    inside = np.flatnonzero(np.isin(rules.supplier, groups)[columns.line])
    line = columns.line[inside]
    row, load = np.searchsorted(groups, rules.supplier[line]), trucks.load[line] * columns.quantity[inside, None]
    for measure, name in enumerate(("load_a", "load_b")):
        taken = (row, take.members[inside], load[:, measure])
        entries = _stacked(taken, (np.arange(groups.size), truck.members, -np.ones(groups.size)))
        model.add_rows(name, {"supplier": groups}, entries, -np.inf, trucks.spare[groups, measure])
    filled = (np.arange(groups.size), truck.members, -trucks.fill[groups])
    owing = np.flatnonzero(trucks.owed[groups])
    owed = (owing, opened[groups[owing]], -trucks.owed[groups[owing]])
    entries = _stacked((row, take.members[inside], load[:, 0]), filled, owed)
    model.add_rows("fill", {"supplier": groups}, entries, 0.0, np.inf)


def _stacked(*parts: tuple[Array, Array, Array]) -> Triplets:
    return Triplets(*(np.concatenate(column) for column in zip(*parts, strict=True)))
