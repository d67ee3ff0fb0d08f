"""Which groups order: prices alone open every group or none of those that are equally good; rules need a set.

For given groups that order, prices leave hardly any gap. Each set of prices bounds every set of groups at once, so that
the best set is looked for among these bounds, priced anew, and so on until none can be better.

Sets
    j groups with a joint minimum, t prices tried
Parameters
    rest_t     bound of the prices t without what open groups add (`Priced`)
    open_jt    what group j costs beyond ordering nothing at the prices t, if it orders (`Priced.opening`)
Variables
    open[j]    z in {0,1}   whether group j orders
    cost       theta        cost of the plan, at most what a known plan costs
Model
    min theta   s.t.  theta - sum_j open_jt z_j >= rest_t   for t   (cut)

Every plan is a point of this model at its own cost, for with the groups given a cut is a Lagrangian bound (Benders
1962, doi 10.1007/BF01386316; Geoffrion 1972, doi 10.1007/BF00934810).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from optimizer.reorder.columns import Array, Columns
from optimizer.reorder.prices import Hull, Priced, Prices, best_inner
from optimizer.reorder.problem import JointRules
from optimizer.reorder.repair import plan_cost
from optimizer.reorder.rounding import rounded, with_groups
from solvers.engines import solve
from solvers.model import Bounds, Model, SealedModel, Triplets
from solvers.outcome import Limits, relative_gap

_MOST_SETS: Final = 40
_COLUMNS_READ: Final = 60_000_000
_EQUAL: Final = 1e-6
_NODES: Final = 1_000


@dataclass(frozen=True)
class GroupSearch:
    """What is searched: the lines that rules tie, their hull, and how prices are evaluated over all quantities."""

    columns: Columns
    hull: Hull
    rules: JointRules
    priced_at: Callable[[Prices], Priced]
    nodes: int
    gap: float


def best_groups(search: GroupSearch, best: Priced, plan: Array) -> tuple[Array, float]:
    """Give the best plan found, a column of each line, and a bound over every plan; begins with the known `plan`."""
    columns, rules = search.columns, search.rules
    cost, bound, cuts, seen = plan_cost(columns, rules, plan), best.bound, [best], set[bytes]()
    for _ in range(_work(search)):
        outcome = solve(group_model(cuts, cost), Limits(nodes=_NODES, gap=_EQUAL))
        if outcome.plan is None and outcome.status == "infeasible":
            return plan, max(bound, cost)
        bound = max(bound, min(outcome.bound, cost))
        if outcome.plan is None or relative_gap(cost, bound) <= search.gap:
            break
        opened = outcome.plan.values[: rules.supplier_minimum.size] > 0.5
        if opened.tobytes() in seen:
            break
        seen.add(opened.tobytes())
        given = with_groups(columns, rules, opened, best.prices, cost)
        # Groups that stay closed have prices here as well, so that the cut tells what opening them would bring.
        cuts.append(search.priced_at(best_inner(search.hull, rules, given.prices)))
        found = rounded(given, search.nodes, search.gap) if given.bound < cost else None
        if found is not None and plan_cost(columns, rules, found) < cost:
            plan, cost = found, plan_cost(columns, rules, found)
    return plan, bound


def _work(search: GroupSearch) -> int:
    """Give how many sets to look at: fewer where each takes long, for among many groups no single one matters."""
    return int(np.clip(_COLUMNS_READ // max(search.columns.cost.size, 1), 5, _MOST_SETS))


def group_model(cuts: list[Priced], known: float) -> SealedModel:
    """Give the model of the groups; a plan with the cost `known` is known."""
    opening = np.stack([one.opening for one in cuts])
    rest = np.array([one.bound - one.opening[one.opens].sum() for one in cuts])
    model, size = Model(), opening.shape[1]
    opened = model.add_variables("open", {"group": np.arange(size)}, 0.0, Bounds(0.0, 1.0, True))
    cost = model.add_variables("cost", {"all": np.zeros(1, dtype=np.int64)}, 1.0, Bounds(-np.inf, known))
    row = np.arange(rest.size)
    column = np.concatenate([np.tile(opened.members, row.size), np.repeat(cost.members, row.size)])
    value = np.concatenate([-opening.ravel(), np.ones(row.size)])
    model.add_rows("cut", {"prices": row}, Triplets(np.append(np.repeat(row, size), row), column, value), rest, np.inf)
    return model.seal()
