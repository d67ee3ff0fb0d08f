"""Random fresh problems, and the course of one path written a second time, slowly, on lists of units."""

import math

import numpy as np

from optimizer.fresh.problem import FREE, FreshProblem


def problem_of(**changed):
    """One line: 8 steps on their last day, 4 a day at 10, 8 at 7; ordered today, here tomorrow, kept three periods."""
    lines = len(changed.get("on_hand", [0]))
    demand = np.repeat(np.array([4, 8], np.int32)[None, :, None, None], 4, axis=3)
    whole = np.ones(lines, np.int64)
    money = np.ones(lines)
    given = {
        "demand": np.repeat(demand, lines, axis=0), "weight": np.ones(1), "on_hand": np.array([[8.0, 0.0, 0.0, 0.0]]),
        "receipts": np.zeros((lines, 4, 4)), "can_order": np.ones((lines, 4), bool), "lead": whole, "pack": whole,
        "minimum": 0 * whole, "life": 2 * whole, "price": np.tile([10.0, 7.0], (lines, 1)), "cost": 5 * money,
        "salvage": 0 * money, "holding": 0 * money, "goodwill": 0 * money, "order_cost": 0 * money, "near": whole,
        "fixed": FREE * whole,
    }  # fmt: skip
    return FreshProblem(**{**given, **changed})


def random_problem(seed, lines=1):
    rng = np.random.default_rng(seed)
    paths, periods, lives = 6, 7, 4
    price = np.array([1000.0, 800.0, 500.0])
    base = rng.poisson(rng.uniform(1, 8, lines)[:, None, None], (lines, paths, periods))
    lift = (price / price[0])[None, :, None, None] ** -rng.uniform(0.5, 3.0, lines)[:, None, None, None]
    demand = np.floor(base[:, None] * lift).astype(np.int32)
    return FreshProblem(
        demand=demand, weight=np.full(paths, 1 / paths), on_hand=rng.integers(0, 8, (lines, lives)).astype(float),
        receipts=rng.choice([0.0, 3.0], (lines, periods, lives), p=[0.9, 0.1]),
        can_order=rng.random((lines, periods)) < 0.7, lead=rng.integers(0, 3, lines), pack=rng.integers(1, 4, lines),
        minimum=rng.integers(0, 4, lines), life=rng.integers(1, lives, lines), price=np.tile(price, (lines, 1)),
        cost=np.full(lines, 600.0), salvage=rng.integers(0, 100, lines).astype(float),
        holding=rng.integers(0, 5, lines).astype(float), goodwill=rng.integers(0, 200, lines).astype(float),
        order_cost=rng.integers(0, 300, lines).astype(float), near=rng.integers(1, 3, lines),
        fixed=np.full(lines, FREE),
    )  # fmt: skip


def money_of(problem, n, s, policy):
    """Money of one path: every unit is an entry in a list, by remaining life."""
    lives, periods = problem.on_hand.shape[1], problem.demand.shape[3]
    last = lives - 1
    stock = [a for a in range(lives) for _ in range(int(problem.on_hand[n, a]))]
    coming, money = {}, 0.0
    for t in range(periods):
        stock += [a for a in range(lives) for _ in range(int(problem.receipts[n, t, a]))]
        position = len(stock) + sum(q for day, q in coming.items() if day >= t)
        position += problem.receipts[n, t + 1 :].sum()
        order = 0.0
        if problem.can_order[n, t]:
            if t == 0 and policy.order != FREE:
                order = policy.order
            elif position < policy.level:
                order = math.ceil((policy.level - position) / problem.pack[n]) * problem.pack[n]
                order = max(order, problem.minimum[n])
        due = t + problem.lead[n]
        if order and due < periods:
            coming[due] = coming.get(due, 0) + order
            money -= problem.order_cost[n] + problem.cost[n] * order
        stock += [problem.life[n]] * int(coming.get(t, 0))
        stock.sort()
        rung, near = policy.later_rung, policy.later_near
        if t == 0 and policy.rung != FREE:
            rung, near = policy.rung, problem.near[n]
        near = min(near, last)
        reduced = [a for a in stock if a < near]
        if not (t == 0 and policy.rung != FREE) and len(reduced) <= policy.more_than:
            rung = 0
        usual = problem.demand[n, 0, s, t]
        moved = problem.demand[n, rung if reduced else 0, s, t]
        sold = min(moved, len(reduced))
        rest = math.floor(usual * (moved - sold) / moved + 0.5) if moved else 0
        others = stock[len(reduced) :]
        other = min(rest, len(others))
        stock = reduced[sold:] + others[other:]
        money += problem.price[n, rung] * sold + problem.price[n, 0] * other
        money -= problem.goodwill[n] * max(usual - sold - other, 0) + problem.holding[n] * len(stock)
        if t + 1 < periods:
            money += problem.salvage[n] * sum(a == 0 for a in stock)
            stock = [a if a == last else a - 1 for a in stock if a > 0 or last == 0]
    kept = sum(a >= problem.near[n] for a in stock)
    return money + problem.cost[n] * kept + problem.salvage[n] * (len(stock) - kept)
