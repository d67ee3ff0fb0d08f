"""Which source delivers what today: one of several, or two, chosen under the rules that lines share.

An option of a pair is its active source, to which its stock and later orders belong, and what another source delivers
today as well (nothing, or one of some whole packs). With option o, columns k and the prices of the joint rules

    value_o = min_k [c_ok + (tax - reward) q_ok] + paid_o + (tax - reward) of what comes beside

each pair takes its least value; the joint step decides the quantities; its prices value the options anew, as long as
that lowers the cost. Groups whose minimum the choice misses are left out, and each doubtful group is tried without its
options and with nothing else. What is chosen is a heuristic; its quantities are proved, the choice itself is not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from optimizer.executor import RunAll
from optimizer.reorder import kernels
from optimizer.reorder.columns import (
    Columns,
    Settings,
    as_lines,
    enumerate_columns,
    first_multiple,
    multiples_allowed,
    picked,
    select,
)
from optimizer.reorder.inputs import BESIDE, CARRIED, FROZEN, LOCKED, Given, giving_lines, problem_of
from optimizer.reorder.joint import Joint, solve_joint
from optimizer.reorder.prices import Prices, cheapest, price_rows
from optimizer.reorder.problem import NONE, ReorderProblem
from optimizer.reorder.repair import broken
from optimizer.reorder.rules import BETWEEN

Array = npt.NDArray[Any]

_SPLITS: Final = 12
_ROUNDS: Final = 3
_GROUPS: Final = 4
# Lines planned in all trials together, as far as they are more than the first two.
_WORK: Final = 20_000


@dataclass(frozen=True)
class Options:
    """Ways to serve the pairs today, O of them, those of a pair side by side; pairs with one source have one.

    Attributes
    ----------
    pair, line : the pair, and the line that is active, shape (O,).
    beside : another line of the pair that delivers `steps` as well, NONE for none, shape (O,).
    steps : what it delivers, shape (O,).
    paid : money for what is beside, and for changing the plan before of all but the active line, shape (O,).
    giver : what it costs a store that gives, below 0 where it saves more than it will miss, shape (O,).
    """

    pair: Array
    line: Array
    beside: Array
    steps: Array
    paid: Array
    giver: Array

    @property
    def extra(self) -> Array:
        """Money that an option costs besides its active line, shape (O,)."""
        return np.asarray(self.paid + self.giver)

    def beside_steps(self, chosen: Array, lines: int) -> Array:
        """Give what the chosen options deliver beside, by line, shape (lines,)."""
        steps = np.zeros(lines)
        some = chosen[self.beside[chosen] != NONE]
        steps[self.beside[some]] = self.steps[some]
        return steps


@dataclass(frozen=True)
class _Trial:
    """A choice of options (one a pair), its joint answer, its cost, and the groups it breaks; inf where it does."""

    chosen: Array
    joint: Joint
    cost: float
    broken: Array


@dataclass(frozen=True)
class _Search:
    """What trials rest on: every line as if alone, the options with their columns."""

    base: ReorderProblem
    options: Options
    wide: ReorderProblem
    columns: Columns
    settings: Settings

    def values(self, prices: Prices) -> Array:
        """Value of each option at the prices, shape (O,)."""
        options, rules = self.options, self.base.joint
        rows = price_rows(rules, prices)
        _, least = cheapest(
            self.columns.start, self.columns.quantity, self.columns.cost, np.ascontiguousarray(rows[:, options.line])
        )
        taken = np.append(rows[0] - rows[1], 0.0)[options.beside] * options.steps
        return np.asarray(least + options.extra + taken)

    def best(self, values: Array, allowed: Array) -> Array:
        """Give the option of each pair with the least value, allowed ones first, shape (pairs,).

        What comes beside must fit what lines share: the pairs that gain most by it choose first.
        """
        options = self.options
        order = np.lexsort((values, ~allowed, options.pair))
        begin = np.flatnonzero(np.append(True, np.diff(options.pair[order]) > 0))
        end = np.append(begin[1:], order.size)
        chosen = order[begin].copy()
        single = np.where(options.beside == NONE, values, np.inf)
        gain = np.minimum.reduceat(single[order], begin) - values[chosen]
        rules = self.base.joint
        room = np.append(rules.capacity, np.inf)
        money = np.inf if rules.budget is None else float(rules.budget)
        for place in np.argsort(-gain, kind="stable"):
            for option in order[begin[place] : end[place]]:
                beside, steps = options.beside[option], options.steps[option]
                if beside == NONE:
                    chosen[place] = option
                    break
                taken, spent = rules.use[beside] * steps, float(rules.spend[beside] * steps)
                if spent <= money and (taken <= room[rules.row[beside]]).all():
                    chosen[place], money = option, money - spent
                    room[rules.row[beside]] -= taken
                    break
        return np.asarray(chosen)

    def touching(self, groups: Array) -> Array:
        """Whether an option orders from one of the groups, (O,); `groups` is a flag for each, shape (J,)."""
        flags = np.append(groups, False)
        mine = flags[self.base.joint.supplier]
        return np.asarray(mine[self.options.line] | np.append(mine, False)[self.options.beside])

    def tried(self, chosen: Array) -> _Trial:
        """Decide the quantities of a choice."""
        options, rules = self.options, self.base.joint
        line, beside = options.line[chosen], options.beside_steps(chosen, self.base.lines)
        problem = replace(select(self.wide, chosen), joint=rules.after(beside).of(line))
        joint = solve_joint(problem, picked(self.columns, chosen), self.settings)
        total = beside.copy()
        total[line] += joint.columns.quantity[joint.column]
        over, short, drawn = broken(rules, total)
        fits = not (over or short.any() or drawn.any())
        cost = joint.objective + float(options.extra[chosen].sum()) if fits else np.inf
        return _Trial(chosen, joint, cost, short)


def chosen_sources(given: Given, settings: Settings, run_all: RunAll) -> Given:
    """Return what is given with the active line of each pair, and what other lines of it deliver beside, settled."""
    lines = given.terms.lines
    if not lines.duplicated(["item_id", "location_id"]).any():
        return given
    given = _settled_pairs(given)
    base = problem_of(given)
    alone = enumerate_columns(base, settings, run_all)
    options = _options(given, base, alone)
    options = replace(options, giver=_giving(given, (base, alone), options, (settings, run_all)))
    wide = _wide(base, options)
    search = _Search(base, options, wide, enumerate_columns(wide, settings, run_all), settings)
    return _with_choice(given, options, _searched(search).chosen)


def _settled_pairs(given: Given) -> Given:
    """Return what is given with nothing ordered from the other sources of pairs of which a line is settled."""
    why = np.full(len(given.fixed), "", object) if given.why is None else given.why
    held = np.isin(why.astype(str), (LOCKED, FROZEN))
    pairs = np.zeros(len(given.pairs), bool)
    pairs[given.rows[held]] = True
    others = pairs[given.rows] & ~held
    return replace(given, fixed=np.where(others, 0.0, given.fixed), why=np.where(others, BESIDE, why))


def _options(given: Given, base: ReorderProblem, alone: Columns) -> Options:
    """Give the options of all pairs, the first source alone at the head of each pair."""
    between = (given.terms.lines["source_kind"] == BETWEEN).to_numpy()
    why = np.asarray(given.why, object)
    steps = np.nan_to_num(given.fixed) / given.terms.lines["unit_step"].to_numpy(float)
    last = np.minimum(multiples_allowed(base), alone.useful)
    first = first_multiple(base)
    found: list[tuple[int, int, int, float]] = []
    by_pair = np.split(np.arange(base.lines), np.flatnonzero(np.diff(given.rows)) + 1)
    for mine in by_pair:
        pair, held = int(given.rows[mine[0]]), mine[np.isin(why[mine].astype(str), (LOCKED, FROZEN))]
        carried = [int(n) for n in mine if why[n] == CARRIED and steps[n] > 0]
        if held.size:
            found.append((pair, int(held[np.argmax(steps[held])]), NONE, 0.0))
            continue
        for a in (int(n) for n in mine if not between[n]):
            others = [b for b in mine if b != a]
            if carried and a not in carried:
                found.append((pair, a, carried[0], steps[carried[0]]))
                continue
            found.append((pair, a, NONE, 0.0))
            for b in others:
                counts = np.unique(np.linspace(1, last[b], min(int(last[b]), _SPLITS)).round())
                quantity = first[b] + (counts - 1) * base.pack[b]
                whole = base.supplied.whole(np.full(quantity.size, b), quantity)
                found += [(pair, a, int(b), float(q)) for q in quantity[whole]]
    table = np.array(found, float)
    pairs, line, beside = (table[:, column].astype(np.int64) for column in range(3))
    paid = _paid(given, base, (line, beside, table[:, 3]))
    return Options(pairs, line, beside, table[:, 3], paid, np.zeros(paid.size))


def _giving(
    given: Given, known: tuple[ReorderProblem, Columns], options: Options, tools: tuple[Settings, RunAll]
) -> Array:
    """Give what less stock costs the store that gives, by its own best order with and without it, shape (O,)."""
    (base, alone), change = known, np.zeros(options.line.size)
    some = np.flatnonzero(np.append(giving_lines(given), NONE)[options.beside] != NONE)
    if not some.size:
        return change
    giver = giving_lines(given)[options.beside[some]]
    less = select(base, giver)
    less = replace(less, on_hand=np.maximum(less.on_hand - options.steps[some], 0.0))
    without = enumerate_columns(less, *tools)
    change[some] = _least(without) - _least(alone)[giver]
    return change


def _least(columns: Columns) -> Array:
    """Give the least cost of each line, shape (N,)."""
    return np.asarray(np.minimum.reduceat(columns.cost, columns.start[:-1]))


def _paid(given: Given, base: ReorderProblem, options: tuple[Array, Array, Array]) -> Array:
    """Give what is paid for each option beside the active line: order cost, dearer prices, changes."""
    (line, beside, steps), paid = options, np.zeros(options[0].size)
    some = np.flatnonzero(beside != NONE)
    if some.size:
        mine = select(base, beside[some])
        paid[some] = base.order_cost[beside[some]] + kernels.premiums(as_lines(mine), steps[some])
    if base.changes is not None:
        none = base.changes.price(np.arange(base.lines), np.zeros(base.lines))
        of_pair = np.bincount(given.rows, none, minlength=len(given.pairs))
        paid += of_pair[given.rows[line]] - none[line]
        paid[some] += base.changes.price(beside[some], steps[some]) - none[beside[some]]
    return paid


def _wide(base: ReorderProblem, options: Options) -> ReorderProblem:
    """Give the problem whose lines are the options: the active line, with what comes beside on its way."""
    wide = select(base, options.line)
    some = np.flatnonzero(options.beside != NONE)
    arrivals, most = wide.arrivals.copy(), wide.supplied.most_today.copy()
    when = base.lead_periods[options.beside[some]]
    inside = when < base.periods
    arrivals[some[inside], when[inside]] += options.steps[some[inside]]
    most[some] = np.maximum(most[some] - options.steps[some], 0.0)
    return replace(wide, arrivals=arrivals, supply=replace(wide.supplied, most_today=most))


def _searched(search: _Search) -> _Trial:
    """Give the cheapest choice found; without anything beside there is always one that breaks no rule."""
    free = np.ones(search.options.pair.size, bool)
    single = search.options.beside == NONE
    values = search.values(Prices.zero(search.base.joint))
    best = search.tried(search.best(values, single))
    left = max(_WORK // max(search.base.lines, 1), 1)
    allowed, values = free, search.values(best.joint.prices)
    for _ in range(min(_ROUNDS, left)):
        trial = search.tried(search.best(values, allowed))
        allowed = allowed & ~(search.touching(trial.broken) & ~single)
        if trial.cost < best.cost:
            best, values = trial, search.values(trial.joint.prices)
        elif not trial.broken.any():
            break
    return _regrouped(search, best, left)


def _regrouped(search: _Search, best: _Trial, left: int) -> _Trial:
    """Try each group that pairs could leave, the one with most of them first: without it, and with it alone."""
    supplier, options = search.base.joint.supplier, search.options
    several = np.bincount(options.pair, minlength=int(options.pair.max()) + 1)[options.pair] > 1
    mine = supplier[options.line[several]]
    counts = np.bincount(mine[mine != NONE], minlength=search.base.joint.supplier_minimum.size)
    groups = np.argsort(-counts, kind="stable")[: min(_GROUPS, left)]
    for group in groups[counts[groups] > 0]:
        touching = search.touching(np.arange(counts.size) == group)
        for allowed in (~touching, touching):
            trial = search.tried(search.best(search.values(best.joint.prices), allowed))
            best = trial if trial.cost < best.cost else best
    return best


def _with_choice(given: Given, options: Options, chosen: Array) -> Given:
    """Return what is given with the choice: other lines of a pair are settled at what they deliver beside."""
    unit = given.terms.lines["unit_step"].to_numpy(float)
    active = np.zeros(len(given.rows), bool)
    active[options.line[chosen]] = True
    aside = ~active & np.isnan(given.fixed)
    fixed = np.where(aside, options.beside_steps(chosen, len(unit)) * unit, given.fixed)
    return replace(
        given,
        active=active,
        fixed=np.asarray(np.round(fixed, 6), np.float64),
        why=np.where(aside, BESIDE, np.asarray(given.why, object)),
        aside_cost=float(options.paid[chosen].sum()),
        options=options.pair.size,
    )
