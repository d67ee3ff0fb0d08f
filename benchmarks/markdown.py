"""
Clear a made-up season: seconds, value, bound, gap and broken rows, for 100 to 30,000 items of 12 weeks and 10 prices.

    python -m benchmarks.markdown [ITEMS ...]

At most two changes a week apart, 50 paths, labels that bind in most store-weeks, a budget at 85 % of what would be
spent without one. Each size appends to benchmarks/records.csv; nothing gates.
"""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import replace

import numpy as np

from benchmarks.records import append_record
from optimizer.executor import RunAll, plain_loop, run_all_on
from optimizer.markdown.columns import all_columns
from optimizer.markdown.decide import Settings, decide
from optimizer.markdown.problem import FREE, LONG_AGO, GroupRules, MarkdownProblem

SIZES = (100, 1_000, 10_000, 30_000)
EPOCHS, RUNGS, PATHS = 12, 10, 50
LINES_PER_PLACE = 50
SEED = 20_240_201
WORKERS = 2


def season(lines: int, seed: int = SEED) -> MarkdownProblem:
    """Lines without joint rows: stock for 1 to 3 times what the season sells at today's price."""
    rng = np.random.default_rng(seed)
    today = np.round(np.exp(rng.normal(7.0, 0.6, lines)))
    share = 1.0 - 0.07 * np.arange(RUNGS)
    price = today[:, None] * share
    rate = np.exp(rng.normal(1.2, 0.9, lines))
    elasticity = np.minimum(rng.normal(-2.2, 0.6, lines)[:, None] + rng.normal(0, 0.3, (lines, PATHS)), 0.0)
    decay = 0.95 ** np.arange(EPOCHS)
    level = rng.gamma(6.0, 1 / 6.0, (lines, PATHS))
    usual = rng.poisson(rate[:, None, None] * decay[:, None] * level[:, None, :])
    lift = share[None, :, None, None] ** elasticity[:, None, None, :]
    kept = rng.random((lines, 1, EPOCHS, PATHS))
    demand = np.floor(usual[:, None] * lift + kept).astype(np.int32)
    stock = np.ceil(rate * decay.sum() * rng.uniform(1.0, 3.0, lines))
    allowed = np.triu(np.ones((RUNGS, RUNGS), bool), 1)[None].repeat(lines, 0)
    fixed = np.full(lines, FREE)
    whole = np.ones(lines, np.int64)
    rules = GroupRules(
        allowed, np.ones((lines, EPOCHS), bool), 2 * whole, 7 * whole, LONG_AGO * whole, EPOCHS * whole, fixed
    )
    places = -(-lines // LINES_PER_PLACE)
    return MarkdownProblem(
        demand=demand,
        weight=np.full(PATHS, 1 / PATHS),
        price=price,
        asked=np.repeat(price[:, :, None], EPOCHS, axis=2),
        counted_from=np.repeat(today[:, None], EPOCHS, axis=1),
        target=np.zeros(lines),
        short_cost=np.zeros(lines),
        group=np.arange(lines),
        rungs=RUNGS * whole,
        families=np.zeros((0, 2), np.int64),
        content=np.ones(lines),
        salvage=np.round(0.15 * today),
        stock=stock,
        arrivals=np.zeros((lines, EPOCHS)),
        rules=rules,
        starts=7 * np.arange(EPOCHS),
        place=np.arange(lines) % places,
        labels=np.full((places, EPOCHS), np.inf),
        budget=np.full((1, EPOCHS), np.inf),
        paid=np.ones((1, lines), bool),
    )


def tied(problem: MarkdownProblem, run_all: RunAll = plain_loop) -> MarkdownProblem:
    """Add labels for 60 % of the changes that lines want alone, and 85 % of the markdown they spend."""
    free = decide(problem, run_all=run_all).required()
    wanted = np.zeros_like(problem.labels)
    np.add.at(wanted, problem.place, np.diff(free.rung, axis=1, prepend=0) != 0)
    return replace(problem, labels=np.ceil(0.6 * wanted), budget=0.85 * free.spend.sum(axis=0)[None])


def violated(problem: MarkdownProblem, rung: np.ndarray, spend: np.ndarray) -> int:
    """Count the joint rows a plan breaks; the rows themselves, not the model's."""
    used = np.zeros_like(problem.labels)
    np.add.at(used, problem.place, np.diff(rung, axis=1, prepend=0) != 0)
    return int((used > problem.labels).sum() + (spend.sum(axis=0) > problem.budget * (1 + 1e-9)).sum())


def peak_megabytes() -> int:
    """Return the memory this process and its largest child needed at most."""
    return sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) // 1024


def measure(lines: int) -> None:
    all_columns(season(2), 10)
    with run_all_on(WORKERS) as run_all:
        problem = tied(season(lines), run_all)
        begin = time.perf_counter()
        outcome = decide(problem, Settings(), run_all)
        seconds = time.perf_counter() - begin
    plan = outcome.required()
    used = np.zeros_like(problem.labels)
    np.add.at(used, problem.place, np.diff(plan.rung, axis=1, prepend=0) != 0)
    binding = float(((used == problem.labels) & (problem.labels > 0)).sum() / max((problem.labels > 0).sum(), 1))
    broken = violated(problem, plan.rung, plan.spend)
    print(
        f"{lines:>6} lines {plan.columns:>9,} columns {seconds:7.1f} s  value {-outcome.objective:,.0f}"
        f"  bound {-outcome.bound:,.0f}  gap {outcome.gap:.4%}  broken rows {broken}  labels binding {binding:.0%}"
        f"  {outcome.status} {outcome.limit}  {peak_megabytes()} MB"
    )
    append_record(
        f"markdown: {lines} lines, {EPOCHS} weeks, {RUNGS} prices, {broken} broken rows",
        seconds, objective=outcome.objective, bound=outcome.bound, gap=outcome.gap,
    )  # fmt: skip


if __name__ == "__main__":
    for size in [int(text) for text in sys.argv[1:]] or SIZES:
        measure(size)
