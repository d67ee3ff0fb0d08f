"""Small clearance problems for the tests of this room, and the tolerances they share."""

import itertools
from dataclasses import replace

import numpy as np

from optimizer.markdown.decide import Settings
from optimizer.markdown.joint import JointSettings
from optimizer.markdown.problem import FREE, LONG_AGO, LineRules, MarkdownProblem

# Sums of a few products of small whole numbers.
EXACT = 1e-6
THOROUGH = Settings(joint=JointSettings(gap=1e-9, nodes=100_000))


def free_rules(lines, rungs, epochs, changes=None):
    """Every lower price may be asked in every week."""
    ones = np.ones(lines, np.int64)
    return LineRules(
        np.triu(np.ones((rungs, rungs), bool), 1)[None].repeat(lines, 0),
        np.ones((lines, epochs), bool),
        (epochs if changes is None else changes) * ones,
        0 * ones,
        LONG_AGO * ones,
        epochs * ones,
        FREE * ones,
    )


def one_line(demand, price=(10.0, 8.0), stock=5.0, salvage=1.0):
    """One line on one path; demand by rung and week."""
    demand = np.asarray(demand, np.int32)[None, :, :, None]
    _, rungs, epochs, _ = demand.shape
    return MarkdownProblem(
        demand=demand,
        weight=np.ones(1),
        price=np.asarray(price, float)[None],
        rungs=np.array([rungs]),
        regular=np.array([float(price[0])]),
        salvage=np.array([salvage]),
        stock=np.array([stock]),
        arrivals=np.zeros((1, epochs)),
        rules=free_rules(1, rungs, epochs),
        starts=7 * np.arange(epochs),
        place=np.zeros(1, np.int64),
        labels=np.full((1, epochs), np.inf),
        budget=np.full(epochs, np.inf),
    )


def random_problem(seed, lines=3, rungs=3, epochs=4, paths=3):
    """Lines of two places with random demand, rules, labels and budget, all of whole numbers."""
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
        price=price.astype(float),
        rungs=rng.integers(1, rungs + 1, lines),
        regular=price[:, 0] + rng.integers(0, 3, lines).astype(float),
        salvage=rng.integers(0, 4, lines).astype(float),
        stock=rng.integers(0, 25, lines).astype(float),
        arrivals=np.where(rng.random((lines, epochs)) < 0.2, 3.0, 0.0),
        rules=rules,
        starts=7 * np.arange(epochs),
        place=np.arange(lines) % 2,
        labels=rng.choice([0.0, 1.0, 2.0, np.inf], (2, epochs)),
        budget=rng.choice([5.0, 20.0, np.inf], epochs),
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
    value, spend = 0.0, np.zeros(problem.epochs)
    for s, weight in enumerate(problem.weight):
        left = problem.stock[n]
        for t, k in enumerate(path):
            left += problem.arrivals[n, t]
            sold = min(left, problem.demand[n, k, t, s])
            left -= sold
            value += weight * sold * problem.price[n, k]
            spend[t] += weight * sold * max(problem.regular[n] - problem.price[n, k], 0)
        value += weight * left * problem.salvage[n]
    changed = np.array([a != b for a, b in itertools.pairwise((0, *path))])
    return value, spend, changed


def line_paths(problem, n):
    paths = itertools.product(range(int(problem.rungs[n])), repeat=problem.epochs)
    return [path for path in paths if keeps_rules(problem, n, path)]


def best_by_enumeration(problem):
    """Return the best total value over all combinations of price paths that keep labels and budget."""
    choices = [[simulate(problem, n, path) for path in line_paths(problem, n)] for n in range(problem.lines)]
    # Today's price, or the locked one, held: the first path of each line.
    needed = np.zeros_like(problem.labels)
    np.add.at(needed, problem.place, np.array([options[0][2] for options in choices]))
    labels = np.maximum(problem.labels, needed)
    budget = np.maximum(problem.budget, sum(options[0][1] for options in choices)) + EXACT
    best = -np.inf
    for combination in itertools.product(*choices):
        used = np.zeros_like(labels)
        np.add.at(used, problem.place, np.array([changed for _, _, changed in combination]))
        spent = sum(spend for _, spend, _ in combination)
        if (used <= labels).all() and (spent <= budget).all():
            best = max(best, sum(value for value, _, _ in combination))
    return best
