r"""
Which service level each group of pairs gets when all stock together may cost so much.

A group is an item segment's pairs of one quarter of all, by what a unit more served costs in stock: levels by item
segment alone save little, since goods of one segment may be dear or cheap to serve.

Sets
    g groups, n pairs of a group, k service levels a_k of the grid
Parameters
    D_n         demand of pair n from now until the order after the next one can arrive, on the demand paths
    S_nk        its a_k quantile, in steps
    c_n         cost of a unit
    I_gk        sum_n c_n E (S_nk - D_n)+     money in stock that is left over
    L_gk        sum_n E (D_n - S_nk)+         units not served
    B           money: a stated share of what the policy's one level needs
Variables
    take[g,k]   0 or 1
Model
    min  sum_gk L_gk take_gk
    s.t. sum_k take_gk = 1              (one)
         sum_gk I_gk take_gk <= B       (stock)

a multiple-choice knapsack (Sinha and Zoltners 1979); the price of `stock` is that of its linear relaxation. Where no
choice fits, each group takes the lowest level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.paths import DemandPaths, path_quantiles
from optimizer.plan.exceptions import ExceptionRow
from optimizer.reorder.terms import terms
from scenarios.money import minor_digits, shown
from scenarios.schema import declared
from scenarios.segment_policies import SERVICE
from scenarios.tariff import tariff
from scenarios.world import World
from solvers.engines import solve
from solvers.model import Bounds, Model, SealedModel, Triplets

Floats = npt.NDArray[np.float64]
LEVELS: Final = (0.5, 0.6, 0.7, 0.75, 0.8, 0.84, 0.88, *(round(0.9 + 0.005 * n, 3) for n in range(20)))
_QUARTERS: Final = 4
_CHUNK: Final = 500
_SMALLEST: Final = 1e-9
_KEYS = ["item_id", "location_id"]


@dataclass(frozen=True)
class Choice:
    """One level a group. G groups.

    level: number of the level in the grid, shape (G,)
    objective, bound: units not served; price: units served more per money of stock more
    fits: whether the stock is within the budget; it is not where even the lowest levels need more
    """

    level: npt.NDArray[np.int64]
    objective: float
    bound: float
    price: float
    fits: bool = True


@dataclass(frozen=True)
class Levels:
    """The table `segment_levels`, the groups as rows of `segments`, proof and words; empty with nothing to choose."""

    table: pd.DataFrame
    members: pd.DataFrame
    proof: dict[str, Any]
    exceptions: list[ExceptionRow]


def choose(lost: Floats, stock: Floats, budget: float) -> Choice:
    """Return the levels that lose least within the budget; lost and stock have the shape (segments, levels)."""
    lowest = np.argmin(stock, axis=1)
    if stock[np.arange(len(stock)), lowest].sum() > budget:
        least = float(lost[np.arange(len(lost)), lowest].sum())
        return Choice(lowest.astype(np.int64), least, least, 0.0, fits=False)
    outcome = solve(level_model(lost, stock, budget, whole=True))
    relaxed = solve(level_model(lost, stock, budget, whole=False)).required()
    level = outcome.required().values.reshape(lost.shape).argmax(axis=1)
    price = 0.0 if relaxed.row_prices is None else max(-float(relaxed.row_prices[-1]), 0.0)
    return Choice(level.astype(np.int64), outcome.objective, outcome.bound, price)


def level_model(lost: Floats, stock: Floats, budget: float, whole: bool) -> SealedModel:
    """Give the model of the module's head, or its linear relaxation."""
    model = Model()
    g, k = (axis.ravel() for axis in np.indices(lost.shape))
    take = model.add_variables("take", {"segment": g, "level": k}, lost.ravel(), Bounds(0.0, 1.0, integer=whole))
    model.add_rows("one", {"segment": np.arange(len(lost))}, Triplets(g, take.members, np.ones(take.count)), 1.0, 1.0)
    model.add_rows("stock", {}, Triplets(0 * g, take.members, stock.ravel()), -np.inf, budget)
    return model.seal()


def pair_outcomes(world: World, pairs: pd.DataFrame, paths: DemandPaths, levels: tuple[float, ...]) -> tuple[Any, Any]:
    """Return money in stock and units lost of each pair at each level, shape (pairs, levels) each; 0 without a source.

    pairs: columns item_id, location_id, status, in the order of the paths
    """
    lines = terms(world, pairs, paths.steps.shape[2]).lines.drop_duplicates(_KEYS)
    found = pairs[_KEYS].merge(lines, on=_KEYS, how="left")
    wait = (found["lead_periods"] + found["review_periods"]).fillna(0).to_numpy(np.int64)
    inside = np.arange(paths.steps.shape[2]) < np.maximum(wait, 1)[:, None]
    wanted = (paths.steps * inside[:, None, :]).sum(axis=2, dtype=np.int64)
    left, missed = np.zeros((2, len(pairs), len(levels)))
    for begin in range(0, len(pairs), _CHUNK):
        rows = slice(begin, begin + _CHUNK)
        reached = path_quantiles(wanted[rows, :, None], paths.weights, levels)[:, 0]
        over = reached[:, None, :] - wanted[rows, :, None]
        left[rows] = np.einsum("nsk,s->nk", np.maximum(over, 0.0), paths.weights)
        missed[rows] = np.einsum("nsk,s->nk", np.maximum(-over, 0.0), paths.weights)
    cost = tariff(world, pairs[_KEYS], np.zeros(len(pairs))).unit_cost
    served = found["source_id"].notna().to_numpy()[:, None] * paths.unit_step[:, None]
    return left * served * cost[:, None], missed * served


def grouped(segment: npt.NDArray[np.object_], stock: Floats, lost: Floats) -> tuple[npt.NDArray[np.object_], Floats]:
    """Return the group of each pair, and money in stock per unit lost at the usual level, by which quarters are made.

    segment: item segment; stock, lost: at the usual level, all of shape (pairs,)
    """
    costly = stock / np.maximum(lost, _SMALLEST)
    place = np.argsort(np.argsort(costly, kind="stable"), kind="stable")
    quarter = place * _QUARTERS // max(len(place), 1) + 1
    return np.array([f"{name} {q}" for name, q in zip(segment, quarter, strict=True)], object), costly


def chosen_levels(world: World, pairs: pd.DataFrame, paths: DemandPaths, segments: pd.DataFrame) -> Levels:
    """Return the service levels within the policy's `stock_share`; nothing where it is 1.

    Only pairs with demand of their own count, and no service level or shortage cost of theirs.
    """
    share = world.policy.stock_share
    if share >= 1.0 or segments.empty:
        return _nothing("")
    if not world.has("assortment"):
        return _nothing("stock_share chooses no service levels: it needs the pairs in assortment")
    own = pairs[_KEYS].merge(world.frame("assortment"), on=_KEYS, how="left")
    free = own[["service_level", "shortage_cost"]].isna().all(axis=1).to_numpy() & (paths.steps.sum(axis=(1, 2)) > 0)
    of_item = segments[segments["kind"] == "item"].set_index("member_id")["segment"]
    segment = pairs["item_id"].map(of_item).to_numpy(object)
    free &= ~pd.isna(segment)
    if not free.any():
        return _nothing("stock_share chooses no service levels: every pair has a promise of its own")
    stock, lost = (part[free] for part in pair_outcomes(world, pairs, paths, (*LEVELS, world.policy.service_level)))
    group, costly = grouped(segment[free], stock[:, -1], lost[:, -1])
    code, groups = pd.factorize(group, sort=True)
    stock, lost = (summed(part, code, len(groups)) for part in (stock, lost))
    budget = share * float(stock[:, -1].sum())
    choice = choose(lost[:, :-1], stock[:, :-1], budget)
    members = pd.DataFrame(
        {
            "kind": SERVICE,
            "member_id": (pairs["item_id"] + "/" + pairs["location_id"]).to_numpy(object)[free],
            "segment": group,
            "reason": [f"a unit more served costs about {money:.4g} in stock" for money in costly],
        }
    )
    return _told(world, (members, groups, np.bincount(code)), choice, (stock, lost, budget))


def _nothing(why: str) -> Levels:
    """Return no levels, with the reason in words where there is one."""
    table, members = (pd.DataFrame(columns=list(declared()[name].names)) for name in ("segment_levels", "segments"))
    return Levels(table, members, {}, [ExceptionRow("stock_share", "skipped", why, {})] if why else [])


def summed(values: Floats, code: npt.NDArray[np.int64], groups: int) -> Floats:
    """Return sums over the pairs of each group."""
    total = np.zeros((groups, values.shape[1]))
    np.add.at(total, code, values)
    return total


def _told(world: World, chosen: tuple[Any, Any, Any], choice: Choice, outcomes: tuple[Floats, Floats, float]) -> Levels:
    (members, groups, count), (stock, lost, budget) = chosen, outcomes
    policy, at = world.policy, (np.arange(len(choice.level)), choice.level)
    minor = 10 ** minor_digits(policy.currency)
    table = pd.DataFrame(
        {
            "segment": groups,
            "service_level": np.array(LEVELS)[choice.level],
            "pairs": count,
            "stock": np.rint(stock[at] * minor).astype(np.int64),
            "lost_units": np.round(lost[at], 6),
            "currency": policy.currency,
        }
    )
    proof = {
        "objective": round(choice.objective, 6),
        "bound": round(min(choice.bound, choice.objective), 6),
        "gap": max(choice.objective - choice.bound, 0.0) / max(choice.objective, _SMALLEST),
        "unit": "units not served until the order after the next",
        "covers": "one service level of the grid for each group of pairs, within the money for stock",
        "budget": round(budget, 6),
        "fits": choice.fits,
        "one_level": {"stock": round(float(stock[:, -1].sum()), 6), "lost_units": round(float(lost[:, -1].sum()), 6)},
        "prices": {"stock": round(choice.price, 9)},
    }
    spent = int(table["stock"].sum())
    words = ", ".join(f"{name}: {level:g}" for name, level in zip(groups, table["service_level"], strict=True))
    text = (
        f"service levels by group within {policy.stock_share:.0%} of the stock that {policy.service_level:g} for all"
        f" would need: {words}; {shown(spent, policy.currency)} of stock, 100 more would serve"
        f" {100 * choice.price:.1f} units more"
    )
    return Levels(table, members, proof, [ExceptionRow("stock_share", "joint", text, {"stock": spent}, spent)])
