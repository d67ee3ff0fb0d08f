r"""Prices on joint rules: the Lagrangian bound of the column model, and the quantities that go with it.

Sets
    n lines, k columns of a line with quantity q_nk and exact cost c_nk, j groups with a joint minimum, g capacity rows
Prices
    budget    lambda >= 0   money per money unit of budget B
    row       pi_g >= 0     money per unit of capacity A_g
    minimum   mu_j >= 0     money per unit of joint minimum M_j
Bound
    L = sum_j min(closed_j, open_j) + sum_{n in no j} r_n - lambda B - sum_g pi_g A_g
    r_n = min_k [c_nk + (lambda b_n + sum_g pi_g u_ng) q_nk - mu_j min(w_n q_nk, M_j)]
    open_j = mu_j M_j + sum_{n in j} r_n,    closed_j = sum_{n in j} c_n0

Trucks: a group that opens takes k >= 1 of them at F_j each, and its load at most k, so that for any prices g of a load
open_j is at least mu_j M_j + min_k max_g [F_j k - g k + sum_{n in j} (r_n with g v_n more per step)].

A column counts at most M_j towards its minimum, for one line alone may reach it. L is a bound for any prices
(Geoffrion 1974, doi 10.1007/BFb0120690). They are found on the lower convex hull of each line's columns, where a
minimum or a row alone is met by taking the cheapest slopes first; the budget's price is bisected around that, or, where
rows share lines, climbs with theirs (see `bundle`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from optimizer.reorder.bundle import Cut, climbed
from optimizer.reorder.columns import Array, Columns
from optimizer.reorder.lines import compiled
from optimizer.reorder.marginal import marginal, weighed
from optimizer.reorder.problem import NONE, JointRules

_HALVINGS: Final = 30
_TINY_PRICE: Final = 1e-6
_AROUND: Final = (1.1, 0.9)
_MARGIN: Final = 1e-12
_NUDGE: Final = 1e-9
_LOAD_PRICES: Final = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0)
_MOST_TRUCKS: Final = 30


@dataclass(frozen=True)
class Prices:
    """Prices of the joint rules: `budget` a number, `row` shape (P,), `minimum` shape (J,)."""

    budget: float
    row: Array
    minimum: Array

    @classmethod
    def zero(cls, rules: JointRules) -> Prices:
        """Free rules."""
        return cls(0.0, np.zeros(rules.capacity.size), np.zeros(rules.supplier_minimum.size))


@dataclass(frozen=True)
class Priced:
    """What the prices choose.

    Attributes
    ----------
    prices : that chose.
    column : chosen column of each line, its first if its group stays closed, shape (N,).
    reduced : its priced cost r_n, shape (N,).
    opens : whether a group orders, shape (J,).
    opening : open_j - closed_j, shape (J,).
    by_trucks : how much of it is due to trucks, shape (J,).
    alone : sum of r_n over lines in no group.
    bound : L, money.
    """

    prices: Prices
    column: Array
    reduced: Array
    opens: Array
    opening: Array
    by_trucks: Array
    alone: float
    bound: float


@compiled
def cheapest(start: Array, quantity: Array, cost: Array, prices: Array) -> tuple[Array, Array]:
    """Column of each line with the least cost + tax q - min(reward q, ceiling), the first of equals; and that value.

    `prices` has the rows tax, reward and ceiling, shape (3, N).
    """
    count = start.size - 1
    best, least = np.zeros(count, dtype=np.int64), np.zeros(count)
    for n in range(count):
        least[n] = np.inf
        tax, reward, ceiling = prices[0, n], prices[1, n], prices[2, n]
        for k in range(start[n], start[n + 1]):
            value = cost[k] + tax * quantity[k] - min(reward * quantity[k], ceiling)
            if value < least[n]:
                best[n], least[n] = k, value
    return best, least


def price_rows(rules: JointRules, prices: Prices) -> Array:
    """Tax, reward and ceiling of each line for `cheapest`, shape (3, N)."""
    tax = prices.budget * rules.spend + (_gathered(prices.row, rules.row) * rules.use).sum(axis=1)
    reward = _gathered(prices.minimum, rules.supplier) * rules.minimum_weight
    ceiling = _gathered(prices.minimum * rules.supplier_minimum, rules.supplier)
    return np.stack([tax, reward, ceiling])


def evaluate(columns: Columns, rules: JointRules, prices: Prices, unlisted: Array | float = np.inf) -> Priced:
    """Choose the cheapest columns at the prices, and give the bound.

    `unlisted` is what quantities that are no columns cost at least at these prices, shape (N,).
    """
    column, reduced = cheapest(columns.start, columns.quantity, columns.cost, price_rows(rules, prices))
    reduced = np.minimum(reduced, unlisted)
    member = rules.supplier != NONE
    groups = rules.supplier[member]
    zero = columns.cost[columns.start[:-1]]
    opening = prices.minimum * rules.supplier_minimum
    opening += np.bincount(groups, reduced[member] - zero[member], minlength=opening.size)
    by_trucks = np.zeros(opening.size)
    if rules.trucks is not None and rules.trucks.cost.any():
        by_trucks, column, reduced = _with_trucks(columns, rules, prices, (column, reduced, unlisted))
        opening = opening + by_trucks
    opens = opening < 0 if rules.opened is None else (opening < 0) | rules.opened
    closed = member & ~_gathered(opens, rules.supplier).astype(bool)
    column = np.where(closed, columns.start[:-1], column)
    fixed = prices.budget * (rules.budget or 0) + float(prices.row @ rules.capacity)
    alone = float(reduced[~member].sum())
    bound = alone + float(zero[member].sum() + opening[opens].sum() - fixed)
    return Priced(prices, column, reduced, opens, opening, by_trucks, alone, bound)


def _with_trucks(
    columns: Columns, rules: JointRules, prices: Prices, free: tuple[Array, Array, Array | float]
) -> tuple[Array, Array, Array]:
    """Give what trucks add to the opening of each group (J,), and the columns that go with it, (N,); r_n stays.

    The price of a load is a share of what a truck costs. The last count stands for all larger ones: where a load costs
    no more than its truck, a truck more never makes the group cheaper.
    """
    column, reduced, unlisted = free
    assert rules.trucks is not None
    trucks, member, base = rules.trucks, rules.supplier != NONE, price_rows(rules, prices)
    group, size = rules.supplier[member], rules.supplier_minimum.size
    spare, loads = trucks.spare, trucks.loads(rules.supplier, columns.quantity[column])
    measure = np.argmax(loads - spare, axis=1)
    load = np.where(_gathered(measure, rules.supplier) == 0, trucks.load[:, 0], trucks.load[:, 1])
    found, more = [], np.zeros((len(_LOAD_PRICES), size))
    for number, share in enumerate(_LOAD_PRICES):
        rows = base.copy()
        rows[0] += share * _gathered(trucks.cost, rules.supplier) * load
        at, least = cheapest(columns.start, columns.quantity, columns.cost, rows)
        found.append(at)
        more[number] = np.bincount(group, (np.minimum(least, unlisted) - reduced)[member], minlength=size)
    most = trucks.counts(loads).max(initial=0.0)
    count = np.arange(0, int(min(most, _MOST_TRUCKS)) + 2)
    shares = np.array(_LOAD_PRICES)[:, None, None]
    room = spare[np.arange(size), measure]
    value = trucks.cost * (count[:, None] * (1 - shares) - shares * room) + more[:, None]
    value[:, 0, trucks.own_first(rules.supplier)] = np.inf
    last = np.maximum.reduce(value[np.array(_LOAD_PRICES) <= 1.0, -1])
    value[:, -1] = last
    best, chosen = value.max(axis=0).argmin(axis=0), value.argmax(axis=0)
    at = _gathered(chosen[best, np.arange(size)], rules.supplier)
    priced = np.where(
        member & (_gathered(trucks.cost, rules.supplier) > 0), np.stack(found)[at, np.arange(at.size)], column
    )
    return value.max(axis=0).min(axis=0), priced, reduced


@compiled
def _on_hull(start: Array, quantity: Array, cost: Array) -> Array:
    """Whether a column is a corner of the lower convex hull of its line's (quantity, cost), shape (K,)."""
    corner = np.zeros(quantity.size, dtype=np.bool_)
    stack = np.zeros(quantity.size + 1, dtype=np.int64)
    for n in range(start.size - 1):
        top = 0
        for k in range(start[n], start[n + 1]):
            while top > 1:
                a, b = stack[top - 2], stack[top - 1]
                if (cost[b] - cost[a]) * (quantity[k] - quantity[b]) < (cost[k] - cost[b]) * (
                    quantity[b] - quantity[a]
                ):
                    break
                top -= 1
            stack[top] = k
            top += 1
        for place in range(top):
            corner[stack[place]] = True
    return corner


@dataclass(frozen=True)
class Hull:
    """Corners of the lines as columns, and the steps between them: line, quantity and cost per step, shape (steps,)."""

    columns: Columns
    line: Array
    size: Array
    slope: Array


def hull_of(columns: Columns) -> Hull:
    """Give the lower convex hull of each line."""
    corner = _on_hull(columns.start, columns.quantity, columns.cost)
    line = columns.line[corner]
    start = np.concatenate([[0], np.cumsum(np.bincount(line, minlength=columns.lines))]).astype(np.int64)
    corners = replace(columns, start=start, quantity=columns.quantity[corner], cost=columns.cost[corner])
    inside = np.flatnonzero(line[1:] == line[:-1])
    size = np.diff(corners.quantity)[inside]
    return Hull(corners, line[inside], size, np.diff(corners.cost)[inside] / size)


def dual(hull: Hull, rules: JointRules, near: Prices | None = None, enough: float = np.inf) -> list[Prices]:
    """Prices tried on the way to the best bound, or to `enough`; `near` is a guess that saves work."""
    outer = outer_rows(rules)
    start = best_inner(hull, rules, Prices.zero(rules))
    free = evaluate(hull.columns, rules, start)
    if outer.any():
        return [start, *_bundled(hull, rules, outer, (near or start, enough))]
    if rules.budget is None or _spent(hull.columns, rules, free) <= rules.budget:
        return [start]
    return _bisected(hull, rules, start, 0.0 if near is None else near.budget)


def _bisected(hull: Hull, rules: JointRules, start: Prices, near: float) -> list[Prices]:
    """Halve the budget's price; the last prices tried meet every rule as far as prices can."""
    tried, budget = [start], float(rules.budget or 0)
    low, high = 0.0, _dear(hull.columns, rules)
    guesses = [share * near for share in _AROUND if 0.0 < share * near < high]
    for _ in range(_HALVINGS):
        middle = guesses.pop() if guesses else (low + high) / 2.0
        tried.append(best_inner(hull, rules, replace(tried[-1], budget=middle)))
        over = _spent(hull.columns, rules, evaluate(hull.columns, rules, tried[-1])) > budget
        low, high = (max(low, middle), high) if over else (low, min(high, middle))
        if high - low <= _TINY_PRICE * high:
            break
    return [*tried, best_inner(hull, rules, replace(tried[-1], budget=high))]


def _bundled(hull: Hull, rules: JointRules, outer: Array, ends: tuple[Prices, float]) -> list[Prices]:
    """Climb in the prices of the budget and the outer rows, everything else being priced exactly in each step."""
    (near, enough), numbers, budget = ends, np.flatnonzero(outer), rules.budget
    room = rules.capacity[numbers] if budget is None else np.append(rules.capacity[numbers], float(budget))

    def prices_at(at: Array) -> Prices:
        row = near.row.copy()
        row[numbers] = at[: numbers.size]
        return best_inner(hull, rules, replace(near, row=row, budget=0.0 if budget is None else float(at[-1])))

    def oracle(at: Array) -> Cut:
        prices = prices_at(at)
        priced = evaluate(hull.columns, rules, prices)
        quantity = _reaching(hull.columns, rules, prices, priced)
        used = rules.drawn(quantity)[numbers]
        used = used if budget is None else np.append(used, rules.spend @ quantity)
        return Cut(at, priced.bound, used - room)

    begin = near.row[numbers] if budget is None else np.append(near.row[numbers], near.budget)
    return [prices_at(at) for at in climbed(oracle, begin, np.maximum(room, 1.0), enough)]


def just_below(prices: Prices) -> Prices:
    """Give the prices with those of minima so little lower that the step with which one is reached stays away."""
    return replace(prices, minimum=prices.minimum * (1.0 - 4.0 * _NUDGE))


def _reaching(columns: Columns, rules: JointRules, prices: Prices, priced: Priced) -> Array:
    """Give quantities that reach each minimum exactly: between those just below its price and those just above, (N,).

    The minima's prices are the best at the others', so that the slope in the others is that of this mixture; with the
    larger quantities alone a group takes too much, and the climb ends too soon.
    """
    above = columns.quantity[priced.column].astype(np.float64)
    if not rules.supplier_minimum.any():
        return above
    lower = evaluate(columns, rules, just_below(prices))
    below = columns.quantity[lower.column].astype(np.float64)
    inside, size = rules.supplier != NONE, rules.supplier_minimum.size
    high, low = (
        np.bincount(rules.supplier[inside], (rules.minimum_weight * one)[inside], minlength=size)
        for one in (above, below)
    )
    between = priced.opens & lower.opens & (high > low)
    share = np.ones(size)
    np.divide(rules.supplier_minimum - low, high - low, out=share, where=between)
    share = np.append(np.clip(share, 0.0, 1.0), 1.0)[rules.supplier]
    return np.asarray(share * above + (1.0 - share) * below)


def outer_rows(rules: JointRules) -> Array:
    """Whether a capacity row shares a line with a group or with a row before it, shape (P,)."""
    outer = np.zeros(rules.capacity.size, dtype=bool)
    if not rules.row.shape[1]:
        return outer
    first = rules.row[:, 0]
    outer[first[(rules.supplier != NONE) & (first != NONE)]] = True
    outer[rules.row[:, 1:][rules.row[:, 1:] != NONE]] = True
    return outer


def _spent(columns: Columns, rules: JointRules, priced: Priced) -> float:
    return float(rules.spend @ columns.quantity[priced.column])


def _dear(columns: Columns, rules: JointRules) -> float:
    """Give a budget price at which nothing that spends is bought without a minimum: the steepest saving there is."""
    line = columns.line
    first = columns.start[:-1]
    spend = columns.quantity * rules.spend[line]
    saved = columns.cost[first][line] - columns.cost
    steep = saved[spend > 0] / spend[spend > 0]
    return max(float(steep.max(initial=0.0)), _TINY_PRICE) * 1.001


def best_minimum(hull: Hull, rules: JointRules, prices: Prices) -> Prices:
    """Best prices of minima at given prices of the budget and the rows."""
    return replace(prices, minimum=_minimum_prices(hull, rules, prices))


def best_inner(hull: Hull, rules: JointRules, prices: Prices) -> Prices:
    """Best prices of minima and of rows that share no line with another rule, at the prices of the others."""
    prices = best_minimum(hull, rules, prices)
    inner = ~outer_rows(rules)
    return replace(prices, row=_row_prices(hull, rules, prices, inner)) if inner.any() else prices


def _minimum_prices(hull: Hull, rules: JointRules, prices: Prices) -> Array:
    """Slope, per unit of the minimum, of the step with which the lines of a group reach it, shape (J,).

    A group that cannot reach its minimum gets a price at which staying closed is best.
    """
    tax, needed = price_rows(rules, prices)[0], rules.supplier_minimum
    steps, per_line = (hull.line, hull.size, hull.slope), (rules.supplier, rules.minimum_weight, tax)
    ratio, weight, group, savings, reach = weighed(steps, per_line, needed.size)
    price = np.maximum(marginal(ratio, weight, group, needed), 0.0)
    missing = needed - reach
    short = missing > needed * _MARGIN
    price[short] = savings[short] / missing[short]
    return price * (1.0 + _NUDGE)


def _row_prices(hull: Hull, rules: JointRules, prices: Prices, inner: Array) -> Array:
    """Give the saving per unit of the first step that an inner row has no room for, the best taken first, (P,)."""
    if not rules.row.shape[1]:
        return prices.row
    row, use, capacity = rules.row[:, 0], rules.use[:, 0], rules.capacity
    tax, reward, _ = price_rows(rules, prices)
    tax = tax - _gathered(prices.row, row) * use
    member = np.append(inner, False)[row][hull.line] & (use[hull.line] > 0)
    line = hull.line[member]
    slope = (hull.slope[member] + (tax - reward)[line]) / use[line]
    size = hull.size[member] * use[line]
    worth = -marginal(slope, size, row[line], capacity + _MARGIN * np.maximum(1.0, capacity))
    scarce = np.bincount(row[line], size, minlength=capacity.size) > capacity
    return np.where(inner, np.where(scarce, np.maximum(worth, 0.0), 0.0) * (1.0 + _NUDGE), prices.row)


def _gathered(values: Array, index: Array) -> Array:
    """Value of each line's group, 0 for a line in none."""
    return np.append(values, 0)[index]
