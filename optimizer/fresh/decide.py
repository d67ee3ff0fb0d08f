"""The policy of each line: level, later stickers, today's order and rung, one after the other over a grid."""

from __future__ import annotations

from dataclasses import fields
from itertools import product
from typing import Any

import numpy as np

from optimizer.executor import RunAll, plain_loop
from optimizer.fresh.kernel import EXPIRED, NEAR_SOLD, ORDERED, VALUE, Line, Policy, line_of, outcomes
from optimizer.fresh.problem import FREE, Floats, FreshPlan, FreshProblem, Integers

_LEVELS = 14
_SHARES = (0.0, 0.5, 1.0, 2.0)
# Packs around what the level asks for that today's order may have.
_PACKS_BESIDE = 3
_COARSE = 2
_ROUNDS = 3
_BAND = (0.1, 0.9)
_BLOCK = 64
# A gain below this many minor units is rounding, and the plainer policy stays.
_SURE = 1e-6


def decide_fresh(problem: FreshProblem, run_all: RunAll = plain_loop) -> FreshPlan:
    """Return the policy of every line; see ``optimizer.fresh.problem``."""
    blocks = [problem.rows(slice(n, n + _BLOCK)) for n in range(0, problem.lines, _BLOCK)]
    parts = run_all(_block, blocks) if blocks else [_joined([], problem)]
    return FreshPlan(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(FreshPlan)))


def _block(problem: FreshProblem) -> FreshPlan:
    return _joined([_line(problem, n) for n in range(problem.lines)], problem)


def _joined(found: list[dict[str, Any]], problem: FreshProblem) -> FreshPlan:
    """Return the results of lines as arrays."""
    whole = {"rung", "order", "level", "later_rung", "later_near"}
    bands = {"rungs_value", "rungs_sold"}
    columns: dict[str, Any] = {}
    for name in (f.name for f in fields(FreshPlan)):
        shape = (len(found), problem.price.shape[1], 3) if name in bands else (len(found),)
        values = np.asarray([row[name] for row in found], np.int64 if name in whole else np.float64)
        columns[name] = values.reshape(shape)
    return FreshPlan(**columns)


def mean_value(line: Line, policy: Policy, weight: Floats) -> float:
    """Return the expected money of a policy."""
    return float(outcomes(line, policy)[:, VALUE] @ weight)


def _line(problem: FreshProblem, n: int) -> dict[str, Any]:
    line, weight = line_of(problem, n), problem.weight
    rungs = int(np.isfinite(line.price).sum())
    rate = float(line.demand[0].mean(axis=1) @ weight)
    levels = _level_grid(line, rate)
    plain = _best(line, weight, [Policy(FREE, 0, level, 0, 1, 0.0) for level in levels])
    apart = _with_stickers(line, weight, rungs, rate, plain)
    fixed = int(problem.fixed[n])
    best = apart
    for _ in range(_ROUNDS):
        again = _with_stickers(line, weight, rungs, rate, _at_level(line, weight, levels, best))
        if again == best:
            break
        best = again
    chosen = _today(line, weight, rungs, best, fixed)
    # The level of later orders once more, now that today's is known.
    for _ in range(_ROUNDS):
        again = _today(line, weight, rungs, _at_level(line, weight, levels, chosen), fixed)
        if again == chosen:
            break
        chosen = again
    separate = _today(line, weight, rungs, apart._replace(order=_asked(line, plain)), fixed, free=False)
    return {
        **_figures(line, weight, rungs, chosen),
        "later_share": chosen.more_than / max(rate, 1e-9),
        "value_plain": mean_value(line, plain, weight),
        "value_apart": mean_value(line, separate, weight),
        "recovery": _recovery(line, weight, plain, apart),
    }


def _level_grid(line: Line, rate: float) -> list[int]:
    """Return levels from what one period wants to what is wanted until an order of today would have expired."""
    gaps = np.flatnonzero(line.can_order[1:])
    review = int(gaps[0]) + 1 if len(gaps) else len(line.can_order)
    least, most = line.lead + 0.5, line.lead + review + line.life + 1.0
    spread = float(line.demand[0].sum(axis=1).std()) / max(np.sqrt(line.demand.shape[2]), 1.0)
    levels = np.rint(rate * np.linspace(least, most, _LEVELS) + spread * np.linspace(0.0, 2.0, _LEVELS))
    return sorted({int(level) for level in levels})


def _best(line: Line, weight: Floats, policies: list[Policy]) -> Policy:
    """Return the policy of most money, the first of equals."""
    best, most = policies[0], -np.inf
    for policy in policies:
        value = mean_value(line, policy, weight)
        if value > most + _SURE:
            best, most = policy, value
    return best


def _at_level(line: Line, weight: Floats, levels: list[int], policy: Policy) -> Policy:
    """Return the policy with its best level, of the grid or beside its own."""
    beside = [policy.level + step * line.pack for step in (-2, -1, 1, 2)]
    return _best(line, weight, [policy, *(policy._replace(level=level) for level in (*levels, *beside))])


def _with_stickers(line: Line, weight: Floats, rungs: int, rate: float, policy: Policy) -> Policy:
    """Return the policy with the best rule for stickers, today's included."""
    rules = [policy._replace(rung=FREE, later_rung=0)]
    for rung, near, share in product(range(1, rungs), range(1, line.near + 1), _SHARES):
        rules.append(policy._replace(rung=FREE, later_rung=rung, later_near=near, more_than=share * rate))
    return _best(line, weight, rules)


def _asked(line: Line, policy: Policy) -> int:
    """Return the steps that a policy orders today."""
    return round(float(outcomes(line, policy)[0, ORDERED]))


def _today(line: Line, weight: Floats, rungs: int, policy: Policy, fixed: int, free: bool = True) -> Policy:
    """Return the policy with today's best order and rung; the order stays where it is not free."""
    usual = policy.order if policy.order != FREE else _asked(line, policy)
    orders = [usual]
    if free and line.can_order[0]:
        steps = {k * line.pack for k in range(-_PACKS_BESIDE, _PACKS_BESIDE + 1)}
        # Far from what the level asks for in packs of the level's own size.
        steps |= {k * max(usual // _COARSE, 1) // line.pack * line.pack for k in range(-_COARSE, _COARSE + 1)}
        orders += sorted({0, *(usual + step for step in steps if usual + step >= max(line.minimum, 1))})
    choices = [fixed] if fixed != FREE else range(rungs)
    return _best(line, weight, [policy._replace(order=q, rung=k) for q, k in product(orders, choices)])


def _recovery(line: Line, weight: Floats, plain: Policy, apart: Policy) -> float:
    """Return what stickers bring for a step that expires without them, at most cost less salvage."""
    before = outcomes(line, plain)
    lost = float(before[:, EXPIRED] @ weight)
    gain = mean_value(line, apart, weight) - float(before[:, VALUE] @ weight)
    cost, salvage = line.money[:2]
    return float(np.clip(gain / lost, 0.0, max(cost - salvage, 0.0))) if lost > 1e-9 else 0.0


def _figures(line: Line, weight: Floats, rungs: int, chosen: Policy) -> dict[str, Any]:
    """Return the decision with money and near sales of every rung of today."""
    value, sold = np.zeros((len(line.price), 3)), np.zeros((len(line.price), 3))
    for k in range(rungs):
        found = outcomes(line, chosen._replace(rung=k))
        value[k], sold[k] = _band(found[:, VALUE], weight), _band(found[:, NEAR_SOLD], weight)
    here = line.on_hand + line.receipts[0]
    last = len(here) - 1
    return {
        "rung": chosen.rung,
        "order": chosen.order,
        "level": chosen.level,
        "later_rung": chosen.later_rung,
        "later_near": chosen.later_near,
        "value": float(value[chosen.rung, 0]),
        "rungs_value": value,
        "rungs_sold": sold,
        "near_today": float(here[: min(line.near, last)].sum()),
    }


def _band(values: Floats, weight: Floats) -> list[float]:
    """Return mean and ends of the band of values under their weights."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weight[order])
    place: Integers = np.minimum(np.searchsorted(below, np.array(_BAND) - 1e-12), len(values) - 1)
    return [float(values @ weight), *(float(values[order[p]]) for p in place)]
