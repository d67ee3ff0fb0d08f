"""Small clearance problems for the tests of this room, and the tolerances they share."""

import itertools
from dataclasses import replace

import numpy as np

from optimizer.markdown.decide import Settings
from optimizer.markdown.joint import JointSettings
from optimizer.markdown.problem import FREE, LONG_AGO, GroupRules, MarkdownProblem

# Sums of a few products of small whole numbers.
EXACT = 1e-6
THOROUGH = Settings(joint=JointSettings(gap=1e-9, nodes=100_000))


def free_rules(lines, rungs, epochs, changes=None):
    """Every lower price may be asked in every week."""
    ones = np.ones(lines, np.int64)
    return GroupRules(
        np.triu(np.ones((rungs, rungs), bool), 1)[None].repeat(lines, 0),
        np.ones((lines, epochs), bool),
        (epochs if changes is None else changes) * ones,
        0 * ones,
        LONG_AGO * ones,
        epochs * ones,
        FREE * ones,
    )


def plain_prices(price, regular, epochs):
    """Prices without promotions, lines that are each a group of their own, and no targets or families."""
    lines = len(price)
    return {
        "price": price,
        "asked": np.repeat(price[:, :, None], epochs, axis=2),
        "counted_from": np.repeat(np.asarray(regular, float)[:, None], epochs, axis=1),
        "target": np.zeros(lines),
        "short_cost": np.zeros(lines),
        "group": np.arange(lines),
        "families": np.zeros((0, 2), np.int64),
        "content": np.ones(lines),
    }


def one_line(demand, price=(10.0, 8.0), stock=5.0, salvage=1.0):
    """One line on one path; demand by rung and week."""
    demand = np.asarray(demand, np.int32)[None, :, :, None]
    _, rungs, epochs, _ = demand.shape
    return MarkdownProblem(
        demand=demand,
        weight=np.ones(1),
        **plain_prices(np.asarray(price, float)[None], [float(price[0])], epochs),
        rungs=np.array([rungs]),
        salvage=np.array([salvage]),
        stock=np.array([stock]),
        arrivals=np.zeros((1, epochs)),
        rules=free_rules(1, rungs, epochs),
        starts=7 * np.arange(epochs),
        place=np.zeros(1, np.int64),
        labels=np.full((1, epochs), np.inf),
        budget=np.full((1, epochs), np.inf),
        paid=np.ones((1, 1), bool),
    )


def doubled(problem):
    """The one line of a problem twice, each a group of its own, at one place."""
    twice = np.zeros(2, np.int64)
    per_line = ("demand", "price", "asked", "counted_from", "salvage", "stock", "arrivals", "target", "short_cost",
                "content", "place", "rungs")  # fmt: skip
    return replace(
        problem,
        **{name: getattr(problem, name)[twice] for name in per_line},
        rules=problem.rules.rows(twice),
        group=np.arange(2),
        paid=problem.paid[:, twice],
    )


def random_problem(seed, lines=3, rungs=3, epochs=4, paths=3):
    """Lines of two places with random demand, rules, labels and budgets, one of all; all of whole numbers."""
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 5, (lines, 1, epochs, paths))
    demand = (base * (1 + rng.integers(0, 3, (lines, rungs, 1, 1)).cumsum(axis=1))).astype(np.int32)
    price = np.stack([np.sort(rng.choice(np.arange(2, 30), rungs, replace=False))[::-1] for _ in range(lines)])
    rules = replace(
        free_rules(lines, rungs, epochs),
        can_change=rng.random((lines, epochs)) < 0.8,
        most_changes=rng.integers(0, 4, lines),
        days_between=rng.choice([0, 7, 14], lines),
        days_since=rng.integers(0, 20, lines),
        epochs=rng.integers(2, epochs + 1, lines),
        allowed=rng.random((lines, rungs, rungs)) < 0.8,
    )
    over = np.arange(epochs)[None, :] >= rules.epochs[:, None]
    demand[np.broadcast_to(over[:, None, :, None], demand.shape)] = 0
    weight = rng.integers(1, 4, paths) / 1.0
    return MarkdownProblem(
        demand=demand,
        weight=weight / weight.sum(),
        rungs=rng.integers(1, rungs + 1, lines),
        **plain_prices(price.astype(float), price[:, 0] + rng.integers(0, 3, lines).astype(float), epochs),
        salvage=rng.integers(0, 4, lines).astype(float),
        stock=rng.integers(0, 25, lines).astype(float),
        arrivals=np.where(rng.random((lines, epochs)) < 0.2, 3.0, 0.0),
        rules=rules,
        starts=7 * np.arange(epochs),
        place=np.arange(lines) % 2,
        labels=rng.choice([0.0, 1.0, 2.0, np.inf], (2, epochs)),
        budget=rng.choice([5.0, 20.0, np.inf], (3, epochs)),
        paid=np.stack([np.ones(lines, bool), np.arange(lines) % 2 == 0, rng.random(lines) < 0.5]),
    )


def keeps_rules(problem, n, path):
    """The rules of one line, said a second time in plain words."""
    rules, before, changes, last = problem.rules, 0, 0, -int(problem.rules.days_since[n])
    for t, k in enumerate(path):
        if k < before:
            return False
        if k > before:
            day = int(problem.starts[t])
            locked = t == 0 and rules.fixed[n] == k
            usual = (
                t < rules.epochs[n]
                and rules.can_change[n, t]
                and rules.allowed[n, before, k]
                and changes < rules.most_changes[n]
                and day - last >= rules.days_between[n]
            )
            if not (usual or locked):
                return False
            changes, last = changes + 1, day
        if t == 0 and rules.fixed[n] not in (FREE, k):
            return False
        before = k
    return True


def simulate(problem, n, path):
    """Return value, markdown by week and changes by week of one line's price path, path by path."""
    value, spend, total = 0.0, np.zeros(problem.epochs), 0.0
    for s, (weight, worth) in enumerate(zip(problem.weight, problem.value_weight, strict=True)):
        left = problem.stock[n]
        for t, k in enumerate(path):
            left += problem.arrivals[n, t]
            sold = min(left, problem.demand[n, k, t, s])
            left -= sold
            total += weight * sold
            value += worth * sold * problem.asked[n, k, t]
            spend[t] += weight * sold * max(problem.counted_from[n, t] - problem.asked[n, k, t], 0)
        value += worth * left * problem.salvage[n]
    value -= problem.short_cost[n] * max(problem.target[n] - total, 0)
    changed = np.array([a != b for a, b in itertools.pairwise((0, *path))])
    return value, spend, changed


def group_paths(problem, g):
    paths = itertools.product(range(int(problem.rungs[g])), repeat=problem.epochs)
    return [path for path in paths if keeps_rules(problem, g, path)]


def simulate_group(problem, g, path):
    """Return value, markdown (B, T) and labels (L, T) of a group's path, and price per content of each of its lines."""
    labels, rates = np.zeros_like(problem.labels), {}
    value, spend = 0.0, np.zeros_like(problem.budget)
    for n in np.flatnonzero(problem.group == g):
        own, spent, changed = simulate(problem, n, path)
        value, spend = value + own, spend + np.outer(problem.paid[:, n], spent)
        labels[problem.place[n]] += changed
        rates[n] = problem.price[n, list(path)] / problem.content[n]
    return value, spend, labels, rates


def dearer(problem, rates):
    """Return by how much the larger pack of each family costs more per content, shape (F, T)."""
    return np.array([rates[j] - rates[i] for i, j in problem.families]).reshape(-1, problem.epochs)


def best_by_enumeration(problem):
    """Return the best total value over all combinations of price paths that keep labels, budget and families."""
    choices = [[simulate_group(problem, g, path) for path in group_paths(problem, g)] for g in range(problem.groups)]
    # Today's price, or the locked one, held: the first path of each group.
    today = [options[0] for options in choices]
    limits = limits_of(problem, today)
    best = -np.inf
    for combination in itertools.product(*choices):
        if all(
            (used <= limit + EXACT).all() for used, limit in zip(joint_use(problem, combination), limits, strict=True)
        ):
            best = max(best, sum(value for value, *_ in combination))
    return best


def joint_use(problem, combination):
    _, spends, labels, rates = zip(*combination, strict=True)
    return sum(labels), sum(spends), dearer(problem, {n: rate for part in rates for n, rate in part.items()})


def limits_of(problem, today):
    labels, spend, larger = joint_use(problem, today)
    return np.maximum(problem.labels, labels), np.maximum(problem.budget, spend), np.maximum(larger, 0.0)


def tied_problem(seed):
    """Four lines in three groups, targets, and a family of two packs; all of whole numbers."""
    rng = np.random.default_rng(seed)
    problem = random_problem(seed, lines=4)
    group = np.array([0, 0, 1, 2])
    price = problem.price.copy()
    # Lines of one price ask the same below today's.
    price[1, 1:] = price[0, 1:] = np.minimum(price[0, 1:], price[1, 1:])
    rows = np.array([0, 2, 3])
    return replace(
        problem,
        **{name: plain_prices(price, price[:, 0], problem.epochs)[name] for name in ("price", "asked", "counted_from")},
        group=group,
        place=np.array([0, 1, 0, 0]),
        rungs=problem.rungs[rows],
        rules=problem.rules.rows(rows),
        target=rng.integers(0, 20, 4).astype(float),
        short_cost=rng.choice([0.0, 2.0, 50.0], 4),
        families=np.array([[2, 3]]),
        content=np.array([1.0, 1.0, 1.0, rng.choice([0.5, 1.0, 1.5, 2.0])]),
    )
