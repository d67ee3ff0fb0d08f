"""Small reorder problems, and the same mathematics written a second time in plain Python and PuLP."""

import math
from dataclasses import replace

import numpy as np

from optimizer.reorder.problem import NO_EXPIRY, NO_MAXIMUM, JointRules, ReorderProblem
from optimizer.reorder.supply import Supply
from scenarios.shelf_life import KEEPS

COST_TOLERANCE = 1e-6
EXACT = 1e-9


def reorder_problem(demand, **given) -> ReorderProblem:
    """A problem of N lines with everything not given at its plainest; `demand` has shape (N, S, T) or (S, T)."""
    demand = np.asarray(demand)
    demand = demand[None] if demand.ndim == 2 else demand
    lines, paths, periods = demand.shape
    whole = {"lead_periods": 1, "pack": 1, "minimum": 0, "maximum": NO_MAXIMUM, "life_periods": NO_EXPIRY}
    money = {"holding_cost": 1.0, "shortage_cost": 4.0, "order_cost": 0.0, "unit_cost": 0.0, "salvage_value": 0.0}
    money |= {"on_hand": 0.0}
    fields = {name: np.full(lines, value, dtype=np.int64) for name, value in whole.items()}
    fields |= {name: np.full(lines, value, dtype=float) for name, value in money.items()}
    fields |= {"weight": np.full(paths, 1.0 / paths), "arrivals": np.zeros((lines, periods))}
    fields |= {"can_order": np.ones((lines, periods), dtype=bool), "unmet": "lost_sales"}
    fields |= {"joint": JointRules.none(lines), "supply": None}
    for name, value in given.items():
        like = fields[name]
        fields[name] = np.broadcast_to(value, like.shape).astype(like.dtype) if isinstance(like, np.ndarray) else value
    return ReorderProblem(demand=demand, **fields)


def joint_rules(lines: int, pool=None, **given) -> JointRules:
    """Rules of `lines` lines; `pool` is short for a single slot of which every step takes one."""
    if pool is not None:
        given |= {"row": np.asarray(pool)[:, None], "use": np.ones((lines, 1))}
    return replace(
        JointRules.none(lines),
        **{name: v if name in ("budget", "trucks") else np.asarray(v) for name, v in given.items()},
    )


def random_problem(seed: int, lines: int = 4, paths: int = 6, periods: int = 6, unmet: str = "lost_sales"):
    """Lines with packs, minima, maxima, lead times, arrivals and money of all sizes."""
    rng = np.random.default_rng(seed)
    demand = rng.poisson(rng.uniform(0.3, 4.0, (lines, 1, 1)), (lines, paths, periods))
    arrivals = rng.integers(0, 3, (lines, periods)) * (rng.random((lines, periods)) < 0.2)
    can_order = rng.random((lines, periods)) < 0.6
    can_order[:, 0] = True
    weight = rng.random(paths)
    return reorder_problem(
        demand,
        weight=weight / weight.sum(),
        on_hand=rng.integers(0, 6, lines) - (2 if unmet == "backorders" else 0),
        arrivals=arrivals,
        can_order=can_order,
        lead_periods=rng.integers(0, 3, lines),
        pack=rng.choice([1, 2, 3], lines),
        minimum=rng.choice([0, 0, 4], lines),
        maximum=rng.choice([NO_MAXIMUM, NO_MAXIMUM, 9], lines),
        holding_cost=rng.uniform(0.5, 2.0, lines).round(2),
        shortage_cost=rng.uniform(2.0, 20.0, lines).round(2),
        order_cost=rng.choice([0.0, 0.0, 6.0], lines),
        unit_cost=rng.uniform(1.0, 9.0, lines).round(2),
        life_periods=rng.choice([NO_EXPIRY, 2], lines),
        unmet=unmet,
    )


def window_end(problem: ReorderProblem, n: int, t: int) -> int:
    """First period that the order of period t need not cover: when the next order arrives."""
    periods = problem.periods
    days = int(problem.can_order[n].sum())
    gap = max(1, math.floor(periods / max(1, days) + 0.5))
    later = [day for day in range(t + 1, periods) if problem.can_order[n, day]]
    late = math.floor(float(problem.weight @ problem.supplied.delay[n]) + 0.5)
    return (later[0] if later else t + gap) + int(problem.lead_periods[n]) + late


def level_moments(problem: ReorderProblem, n: int, t: int) -> tuple[float, float]:
    """Mean and deviation behind the order-up-to level, from the paths' own sums."""
    demand, weight, periods = problem.demand[n], problem.weight, problem.periods
    end = window_end(problem, n, t)
    inside = max(t, min(end, periods))
    totals, sums = demand.sum(axis=1), demand[:, t:inside].sum(axis=1)
    rate = float(weight @ totals) / periods
    spread = float(weight @ (totals - weight @ totals) ** 2) / periods
    mean = float(weight @ sums)
    delay = problem.supplied.delay[n].astype(float)
    variance = float(weight @ (sums - mean) ** 2) + (end - inside) * spread
    variance += rate**2 * float(weight @ (delay - weight @ delay) ** 2)
    due = float(problem.arrivals[n, t + 1 : inside].sum())
    return mean + (end - inside) * rate - due, math.sqrt(variance)


def simulated_cost(problem: ReorderProblem, n: int, quantity: int, policy: tuple[float, float]) -> float:
    """Mean cost of one line, written as the rules read; `policy` is (z, cap)."""
    z, cap = policy
    periods, pack, supply = problem.periods, int(problem.pack[n]), problem.supplied
    shelf, waste = int(supply.shelf_periods[n]), max(0.0, float(problem.unit_cost[n] - problem.salvage_value[n]))
    levels = [mean + z * deviation for mean, deviation in (level_moments(problem, n, t) for t in range(periods + 1))]
    rate = float(problem.weight @ problem.demand[n].sum(axis=1)) / periods
    h, p, K = (float(getattr(problem, name)[n]) for name in ("holding_cost", "shortage_cost", "order_cost"))
    lot, credit = lot_and_credit(problem, n, rate)
    least = max(1, math.ceil(max(int(problem.minimum[n]), 1) / pack)) * pack
    total = 0.0
    for s in range(problem.paths):
        stock, cost = float(problem.on_hand[n]), 0.0
        lead = int(problem.lead_periods[n]) + int(supply.delay[n, s])
        ends = {e: float(units) for e, units in enumerate(supply.expiring[n]) if units}
        lots = sorted([*ends.items(), (10**9, max(stock - sum(ends.values()), 0.0))])
        due = dict(enumerate(problem.arrivals[n].tolist()))
        ordered: dict[int, float] = {}
        for t in range(periods):
            gone = sum(units for end, units in lots if end < t)
            stock, cost, lots = stock - gone, cost + waste * gone, [one for one in lots if one[0] >= t]
            received = due.get(t, 0.0) + (ordered.get(t - lead, 0.0) if lead else 0.0)
            stock += received
            on_order = sum(q for placed, q in ordered.items() if placed + lead > t)
            q = float(quantity) if t == 0 else 0.0
            need = levels[t] - stock - on_order
            if t > 0 and problem.can_order[n, t] and need > EXACT:
                q = max(math.ceil(max(need, lot) / pack - EXACT) * pack, least)
                if math.isfinite(cap):
                    q = min(q, max(math.ceil(cap / pack) * pack, least))
                q = min(q, int(problem.maximum[n]) // pack * pack)
                q = q if q >= least else 0.0
            if q > 0:
                cost += K + premium_of(problem, n, q)
            ordered[t] = q
            stock += q if lead == 0 else 0.0
            lots = sorted([*lots, (t + shelf - 1, received + (q if lead == 0 else 0.0))])
            wanted = int(problem.demand[n, s, t])
            if stock >= wanted:
                stock -= wanted
                cost += h * stock
            else:
                cost += p * (wanted - stock)
                stock = stock - wanted if problem.unmet == "backorders" else 0.0
            lots = newest(lots, max(stock, 0.0))
        gone = sum(units for end, units in lots if end < periods)
        stock, cost = stock - gone, cost + waste * gone
        position = stock + sum(q for placed, q in ordered.items() if lead and placed + lead >= periods)
        excess = position - levels[periods]
        if excess > 0 and rate > 0:
            cost += h * excess**2 / (2 * rate) - credit * excess / rate
        unsold = max(0.0, position - rate * int(problem.life_periods[n]))
        cost += max(0.0, problem.unit_cost[n] - problem.salvage_value[n]) * unsold
        total += problem.weight[s] * cost
    return total


def newest(lots: list[tuple[int, float]], keep: float) -> list[tuple[int, float]]:
    """The lots left when the soonest to expire went first and `keep` steps are left."""
    kept = []
    for end, units in reversed(lots):
        kept.append((end, min(units, keep)))
        keep -= kept[-1][1]
    return kept[::-1]


def premium_of(problem: ReorderProblem, n: int, quantity: float) -> float:
    """Money above the cheapest price, counted step by step."""
    supply = problem.supplied
    prices = list(zip(supply.break_from[n].tolist(), supply.break_extra[n].tolist(), strict=True))
    if not prices or quantity <= 0:
        return 0.0
    steps = range(1, math.ceil(quantity) + 1)
    below = 0 if supply.all_units[n] else 1
    at = [max((pair for pair in prices if pair[0] <= step - below), default=(0.0, 0.0))[1] for step in steps]
    return at[-1] * math.ceil(quantity) if supply.all_units[n] else float(sum(at))


def supplied_problem(seed: int, unmet: str = "lost_sales") -> ReorderProblem:
    """A random problem with shelf lives, lots that expire, late deliveries and price breaks."""
    problem, rng = random_problem(seed, unmet=unmet), np.random.default_rng(500 + seed)
    shape = (problem.lines, problem.paths, problem.periods)
    expiring = np.zeros((problem.lines, problem.periods))
    expiring[np.arange(problem.lines), rng.integers(0, 3, problem.lines)] = np.floor(np.maximum(problem.on_hand, 0) / 2)
    extra = np.stack([rng.uniform(0.5, 3.0, problem.lines).round(2), np.zeros(problem.lines)], axis=1)
    breaks = np.stack([np.zeros(problem.lines), rng.choice([6.0, 9.0, np.inf], problem.lines)], axis=1)
    supply = Supply.plain(
        shape,
        shelf_periods=rng.choice([1, 2, 3, KEEPS], problem.lines),
        expiring=expiring,
        delay=rng.integers(0, 3, shape[:2]) * (rng.random((shape[0], 1)) < 0.5),
        break_from=breaks,
        break_extra=extra * (rng.random((shape[0], 1)) < 0.7),
        all_units=rng.random(problem.lines) < 0.5,
    )
    return replace(problem, supply=supply)


def lot_and_credit(problem: ReorderProblem, n: int, rate: float) -> tuple[float, float]:
    """Least lot of the policy and the average cost of a lot per period, which the worth of what is left uses."""
    h, K = float(problem.holding_cost[n]), float(problem.order_cost[n])
    gap = max(1, math.floor(problem.periods / max(1, int(problem.can_order[n].sum())) + 0.5))
    horizon = rate * problem.periods
    economic = 0.0 if K == 0 else math.sqrt(2 * K * rate / h) if h else horizon
    least = max(float(problem.minimum[n]), float(problem.pack[n]))
    trials = [economic]
    for begin, extra in zip(problem.supplied.break_from[n], problem.supplied.break_extra[n], strict=True):
        if begin > max(horizon, economic):
            continue
        own, once = economic, premium_of(problem, n, begin) - begin * extra
        if not problem.supplied.all_units[n] and once > 0:
            own = math.sqrt(2 * (K + once) * rate / h) if h else horizon
        trials.append(max(float(begin), own))
    per_period = [
        rate * (K + premium_of(problem, n, max(q, least))) / max(q, least) + h * max(q, least) / 2 for q in trials
    ]
    economic = trials[per_period.index(min(per_period))]
    shelf = int(problem.supplied.shelf_periods[n])
    economic = min(economic, rate * shelf) if shelf <= problem.periods else economic
    lot = max(economic, least)
    often = math.ceil(max(lot, rate * gap))
    dearer = rate * premium_of(problem, n, often) / often
    credit = K * rate / lot + h * lot / 2 + dearer if lot > rate * gap and h > 0 else dearer
    return (max(min(economic, horizon), least) if economic > 0 else 0.0), credit


def allowed_quantities(problem: ReorderProblem, n: int, largest: int) -> list[int]:
    """0 and the multiples of the pack within minimum, maximum, shelf and `largest`, in whole layers and pallets."""
    if not problem.can_order[n, 0]:
        return [0]
    pack, low, supply = int(problem.pack[n]), max(1, int(problem.minimum[n])), problem.supplied
    high = min(int(problem.maximum[n]), largest, supply.most_today[n])
    layer, pallet = int(supply.layer[n]), int(supply.pallet[n])

    def whole(quantity: int) -> bool:
        return quantity % (pallet if quantity >= pallet else layer if quantity >= layer else 1) == 0

    return [0, *(q for q in range(pack, int(high) + 1, pack) if q >= low and whole(q))]


def change_price(problem: ReorderProblem, n: int, quantity: int) -> float:
    """Money for ordering otherwise than the plan before said."""
    changes = problem.changes
    if changes is None or math.isnan(changes.before[n]) or quantity == changes.before[n]:
        return 0.0
    return float(changes.line[n] + changes.each[n] * abs(quantity - changes.before[n]))


def joint_optimum(problem: ReorderProblem, policies: list[tuple[float, float]], largest: int) -> float:
    """Least joint cost by a small model of its own: every quantity of every line a column with its simulated cost."""
    import cbcbox
    import pulp

    rules, lines = problem.joint, range(problem.lines)
    cells = [(n, q) for n in lines for q in allowed_quantities(problem, n, largest)]
    cost = {(n, q): simulated_cost(problem, n, q, policies[n]) + change_price(problem, n, q) for n, q in cells}
    small = pulp.LpProblem("reorder", pulp.LpMinimize)
    take = dict(zip(cells, small.add_variable_dict("take", range(len(cells)), cat="Binary").values(), strict=True))
    order = small.add_variable_dict("order", range(rules.supplier_minimum.size), cat="Binary")
    small += pulp.lpSum(cost[cell] * take[cell] for cell in cells)
    for n in lines:
        small += pulp.lpSum(take[cell] for cell in cells if cell[0] == n) == 1
        if rules.supplier[n] >= 0:
            small += pulp.lpSum(take[cell] for cell in cells if cell[0] == n and cell[1]) <= order[rules.supplier[n]]
    for j, minimum in enumerate(rules.supplier_minimum):
        reached = [(rules.minimum_weight[n] * q, take[n, q]) for n, q in cells if rules.supplier[n] == j]
        small += pulp.lpSum(weight * cell for weight, cell in reached) >= float(minimum) * order[j]
    for g, available in enumerate(rules.capacity):
        taken = {n: float(rules.use[n] @ (rules.row[n] == g)) for n in lines}
        small += pulp.lpSum(taken[n] * q * take[n, q] for n, q in cells if taken[n]) <= float(available)
    paid = pulp.lpSum([])
    if rules.trucks is not None:
        truck = small.add_variable_dict("truck", range(rules.supplier_minimum.size), lowBound=0, cat="Integer")
        taken = np.zeros((len(truck), 2)) if rules.trucks.taken is None else rules.trucks.taken
        coming = np.ceil(taken.max(axis=1)) if len(truck) else np.zeros(0)
        for j in truck:
            small += truck[j] >= float(coming[j])
            loads = [
                float(taken[j, m])
                + pulp.lpSum(
                    float(rules.trucks.load[n, m]) * q * take[n, q] for n, q in cells if rules.supplier[n] == j
                )
                for m in (0, 1)
            ]
            small += loads[0] <= truck[j]
            small += loads[1] <= truck[j]
            small += loads[0] >= float(rules.trucks.fill[j]) * truck[j] - 1000 * (1 - order[j])
            small += truck[j] <= float(coming[j]) + 1000 * order[j]
        paid = pulp.lpSum(float(rules.trucks.cost[j]) * (truck[j] - float(coming[j])) for j in truck)
        small.setObjective(small.objective + paid)
    if rules.budget is not None:
        small += pulp.lpSum(float(rules.spend[n]) * q * take[n, q] for n, q in cells) <= rules.budget
    small.solve(pulp.COIN_CMD(path=cbcbox.cbc_bin_path(), msg=False, gapRel=0.0, gapAbs=0.0))
    assert small.sol_status == pulp.LpSolutionOptimal
    return sum(cost[cell] for cell in cells if take[cell].varValue > 0.5) + float(pulp.value(paid) or 0.0)
