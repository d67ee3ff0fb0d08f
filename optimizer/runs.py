"""Many scenarios of one day: each planned and checked as a plan of its own, in parallel, then side by side."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import combinations
from math import factorial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from optimizer.demand import Expected
from optimizer.executor import RunAll
from optimizer.life import with_promises
from optimizer.markdown.stage import clearance_horizon
from optimizer.memory import recall
from optimizer.pipeline import Order, carry_out, expected_alone
from optimizer.plan.risk import LEVEL, tail_weights
from optimizer.reorder.horizon import planning_horizon
from scenarios.assortment import listed_pairs
from scenarios.load import load_world
from scenarios.money import minor_digits
from scenarios.plans import INPUTS, PlanTables, read_plan, run_of, world_of
from scenarios.policy import read_policy
from scenarios.tariff import tariff
from scenarios.whatif import Scenario, ScenarioError, Told, under
from scenarios.world import World, rows_of

BASE, PARTS = "base", "parts"
# Folders beside those of the scenarios.
_TAKEN = frozenset({BASE, PARTS})
# Keys of the policy without which costs over unlike spans, moneys or draws would be compared.
_SAME_IN_ALL = frozenset({"currency", "decimal", "horizon", "paths", "period", "plan_date", "seed"})
# Up to so many changes every subset of them is planned; beyond, one after the other.
EXACT_CHANGES = 3
# Expected losses that scenarios are compared by, beside goods, what is paid, and penalties of what is left undone.
_EXPECTED = ("holding", "shortage", "waste")
_CLOSE = 1e-9
_MILLIONTHS = 10**6


@dataclass(frozen=True)
class Setting:
    """Where the tables lie, what of the policy the command line changes, and whose promises hold.

    plans: folder with the ledger of the plans that promised something for the day
    """

    data: Path
    date: Any
    changes: dict[str, Any]
    order: Order
    plans: Path

    def world(self) -> World:
        """Return the tables with what was promised for the day."""
        return with_promises(load_world(self.data, self.date, self.changes), self.plans)

    def currency(self) -> str:
        """Return the currency of the policy."""
        return read_policy(self.data)[0].currency


@dataclass(frozen=True)
class Run:
    """One scenario planned: its folder, what its changes did, what it said, how long it took.

    cost: as `cost_of` returns it; path_costs: the table of the plan; stages: seconds of each stage
    """

    name: str
    folder: Path
    told: tuple[str, ...]
    summary: dict[str, Any]
    seconds: float
    cost: int
    path_costs: pd.DataFrame
    stages: dict[str, float]


@dataclass(frozen=True)
class Done:
    """What is planned of a scenario already: the forecast of the base, and the folders of base and whole scenario."""

    shared: Expected | None
    base: Path
    scenario: Path


@dataclass(frozen=True)
class _Spec:
    setting: Setting
    name: str
    scenarios: tuple[Scenario, ...]
    folder: Path
    shared: Expected | None = None


class _Figure(NamedTuple):
    """A figure, its unit, and the parts of it that are counted."""

    name: str
    unit: str
    scale: int


def prepared(setting: Setting, scenarios: Sequence[Scenario]) -> tuple[Setting, list[Told]]:
    """Return the setting in which all look equally far ahead, and what each scenario changes in rows and money.

    Where scenarios would look farther than the base (slower suppliers), all look as far: costs over unlike spans would
    tell nothing.

    Raises ScenarioError where one cannot be used, or two have the same name.
    """
    names = [slug(scenario.name) for scenario in scenarios]
    twice = {name for name in names if names.count(name) > 1 or name in _TAKEN}
    if twice:
        raise ScenarioError(f"scenario {', '.join(sorted(twice))}: the name is taken; give each file its own name")
    for scenario in scenarios:
        if unlike := sorted(_SAME_IN_ALL & set(scenario.policy)):
            raise ScenarioError(
                f"{scenario.file} policy: {', '.join(unlike)} must be the same in all that is compared; set it for all "
                "of them, in policy.toml or on the command line"
            )
    world = setting.world()
    changed = [under(world, [scenario]) for scenario in scenarios]
    told = [one for _, words in changed for one in words]
    for other, words in changed:
        check_sight(other, words)
    ahead = [_horizon(one) for one in (world, *(other for other, _ in changed))]
    if len(set(ahead)) > 1:
        setting = replace(setting, changes={**setting.changes, "horizon": max(ahead)})
    return setting, told


def check_sight(world: World, told: Sequence[Told]) -> None:
    """Raise ScenarioError where a change begins after the last day that the plan looks at: it would change nothing."""
    if all(one.begins is None for one in told):
        return
    pairs = listed_pairs(world)
    ahead = max(_horizon(world), clearance_horizon(world, pairs))
    end = world.periods.add(world.plan_date, ahead)
    for one in told:
        if one.begins is not None and one.begins >= end:
            raise ScenarioError(
                f"{one.scenario} ({one.kind}): changes nothing, it begins on {one.begins} and the plan looks ahead "
                f"until {end - timedelta(days=1)}; name earlier days, or a longer --horizon"
            )


def _horizon(world: World) -> int:
    return world.policy.horizon or planning_horizon(world, listed_pairs(world))


def slug(name: str) -> str:
    """Return a name as that of a folder, letters of all languages kept."""
    return re.sub(r"[\W_]+", "-", name.lower()).strip("-") or "scenario"


def run_scenarios(
    setting: Setting, scenarios: Sequence[Scenario], folder: Path, run_all: RunAll, shared: Expected | None = None
) -> list[Run]:
    """Plan the base and every scenario, each into a folder of its own below `folder`; the base comes first.

    shared: the forecast of the base, made here where it is not given
    """
    shared = shared or forecast_once(setting, folder, run_all)
    specs = [_Spec(setting, BASE, (), folder / BASE, shared)]
    specs += [_Spec(setting, one.name, (one,), folder / slug(one.name), shared) for one in scenarios]
    return run_all(_planned, specs)


def forecast_once(setting: Setting, folder: Path, run_all: RunAll) -> Expected | None:
    """Return the forecast of the base, which all scenarios take that change nothing it rests on."""
    world = setting.world()
    return expected_alone(world, setting.order, recall(world, setting.order.previous, folder), run_all)


def _planned(spec: _Spec) -> Run:
    """Plan one scenario in this process."""
    begin = time.perf_counter()
    setting = spec.setting
    world = setting.world()
    world, told = under(world, spec.scenarios)
    words = tuple(one.sentence(world.policy.currency) for one in told)
    order = replace(setting.order, workers=1, scenario_changes=words)
    written = carry_out(world, order, spec.folder, spec.folder.parent, _silent, spec.shared)
    plan = read_plan(written.folder)
    cost, stages = cost_of(written.folder, plan), run_of(written.folder)["seconds"]
    seconds = time.perf_counter() - begin
    return Run(spec.name, written.folder, words, written.summary, seconds, cost, plan.frame("path_costs"), stages)


def _silent(stage: str, done: int, total: int) -> None:
    """Report nothing: the parent tells of whole scenarios."""


def side_by_side(runs: Sequence[Run]) -> pd.DataFrame:
    """Return the key figures with a column for each run."""
    figures = [pd.DataFrame(run.summary["kpis"]).set_index("name")["value"].rename(run.name) for run in runs]
    units = pd.DataFrame(runs[0].summary["kpis"]).set_index("name")["unit"]
    table = pd.concat(figures, axis=1).loc[units.index]
    table.insert(0, "unit", units)
    return table.reset_index()


def cost_of(folder: Path, plan: PlanTables) -> int:
    """
    Return what a plan costs over its horizon, minor units.

    Goods count at cost as they are wanted, not as they are ordered: what is bought for later would else be a loss,
    and a budget cut a gain. To them come orders, transport, holding, waste, the margin of what is lost, and penalties.
    """
    world = world_of(folder, plan)
    costs, projection = plan.frame("costs"), plan.frame("projection")
    wanted = projection.groupby(["item_id", "location_id"])["demand_mean"].sum().reset_index()
    unit_cost = tariff(world, wanted, wanted["demand_mean"].to_numpy(float)).unit_cost
    goods = float((wanted["demand_mean"] * unit_cost).sum()) * 10 ** minor_digits(world.policy.currency)
    lost = (costs["nature"] == "expected") & costs["component"].isin(_EXPECTED)
    paid = costs["nature"].isin(["cash", "accrual", "penalty"]) & (costs["component"] != "purchase")
    return int(round(goods) + costs.loc[lost | paid, "amount"].sum())


def under_uncertainty(runs: Sequence[Run]) -> pd.DataFrame:
    """
    Return how each scenario fares over the demand paths, which are the same draws in all; money in minor units.

    Columns: name; expected, p95, tail (mean of the worst twentieth) and worst of its cost; regret_mean and
    regret_worst, what it costs more than the scenario that is cheapest on the path; best, the probability that it is
    that scenario (Savage 1951). Without path costs, as of a command that orders nothing, the table is empty.
    """
    plans = [run.path_costs for run in runs]
    names = ["name", "expected", "p95", "tail", "worst", "regret_mean", "regret_worst", "best"]
    if any(plan.empty for plan in plans) or len({len(plan) for plan in plans}) > 1:
        return pd.DataFrame(columns=names)
    weight = plans[0]["weight"].to_numpy(float)
    weight = weight / weight.sum()
    cost = np.array([plan["cost"].to_numpy(float) for plan in plans])
    # All else that a plan costs is the same on every path.
    cost += np.array([run.cost for run in runs])[:, None] - (cost @ weight)[:, None]
    regret, rows = cost - cost.min(axis=0), []
    for run, own, more in zip(runs, cost, regret, strict=True):
        order = np.argsort(own, kind="stable")
        p95 = own[order][np.searchsorted(np.cumsum(weight[order]), LEVEL - _CLOSE)]
        figures = [own @ weight, p95, own @ tail_weights(own, weight), own.max(), more @ weight, more.max()]
        rows.append([run.name, *(round(float(money)) for money in figures), float(weight[more <= _CLOSE].sum())])
    return pd.DataFrame(rows, columns=names)


def attribution(
    setting: Setting, scenario: Scenario, folder: Path, run_all: RunAll, done: Done | None = None
) -> pd.DataFrame:
    r"""
    Return how much of a scenario's difference in cost, and in every key figure, each of its changes makes.

    Up to three changes every subset is planned, and a change gets its mean effect over all orders (Shapley 1953),

        phi_i = sum over subsets A without i of |A|! (n - |A| - 1)! / n! (figure(A + i) - figure(A))

    Beyond, the changes are planned one after the other in the order of the file, and each gets what it adds then.
    done: what is planned already, so that only the subsets between base and whole scenario are left. Columns: figure,
    unit, change, value, how; a row for each figure and change, the cost first, money in major units. The values of a
    figure add up to its difference: money in whole minor units, all else in millionths.
    """
    parts = _parts(scenario)
    count = len(parts)
    exact = count <= EXACT_CHANGES
    whole, subsets = tuple(range(count)), _subsets(count)
    known = {} if done is None else {(): _figures_of(done.base), whole: _figures_of(done.scenario)}
    left = [chosen for chosen in subsets if chosen not in known]
    shared = forecast_once(setting, folder, run_all) if done is None else done.shared
    names = ["-".join(map(str, chosen)) or "none" for chosen in left]
    specs = [
        _Spec(setting, f"{scenario.name} {name}", tuple(parts[n][1] for n in chosen), folder / f"part-{name}", shared)
        for name, chosen in zip(names, left, strict=True)
    ]
    planned = zip(left, run_all(_planned, specs), strict=True)
    found = known | {chosen: _figures_of(run.folder) for chosen, run in planned}
    how, rows = "mean over all orders" if exact else "one after the other", []
    for figure in found[whole]:
        value = {chosen: figures.get(figure, 0) for chosen, figures in found.items()}
        for (words, _), share in zip(parts, _split(value, count, exact), strict=True):
            rows.append([figure.name, figure.unit, words, share / figure.scale, how])
    return pd.DataFrame(rows, columns=["figure", "unit", "change", "value", "how"])


def _subsets(count: int) -> list[tuple[int, ...]]:
    """Return the sets of changes to plan: all of them, or beyond EXACT_CHANGES those of the first so many."""
    if count <= EXACT_CHANGES:
        return [chosen for size in range(count + 1) for chosen in combinations(range(count), size)]
    return [tuple(range(n)) for n in range(count + 1)]


def plans_to_split(scenario: Scenario) -> int:
    """Return how many plans `attribution` makes beside those of the base and the whole scenario."""
    return len(_subsets(len(_parts(scenario)))) - 2


def _figures_of(folder: Path) -> dict[_Figure, int]:
    """Return the cost and the key figures of a plan as whole numbers of their smallest parts."""
    currency = read_policy(folder / INPUTS)[0].currency
    minor = 10 ** minor_digits(currency)
    figures = {_Figure("cost", currency, minor): cost_of(folder, read_plan(folder))}
    for row in rows_of(read_plan(folder).frame("kpis")):
        scale = minor if row.unit == currency else _MILLIONTHS
        figures[_Figure(row.name, row.unit, scale)] = round(row.value * scale)
    return figures


def _split(value: dict[tuple[int, ...], int], count: int, exact: bool) -> list[int]:
    """Return what each change makes of the difference of one figure, whole numbers that add up to it."""
    whole = tuple(range(count))
    if exact:
        shares = [_mean_effect(value, n, count) for n in range(count)]
    else:
        shares = [float(value[whole[: n + 1]] - value[whole[:n]]) for n in range(count)]
    return _whole(shares, value[whole] - value[()])


def _parts(scenario: Scenario) -> list[tuple[str, Scenario]]:
    """Return the changes of a scenario one by one, the policy last."""
    parts = [
        (f"{number}. {change['kind']}", replace(scenario, changes=(change,), policy={}))
        for number, change in enumerate(scenario.changes, 1)
    ]
    return parts + ([("policy", replace(scenario, changes=()))] if scenario.policy else [])


def _mean_effect(value: dict[tuple[int, ...], int], n: int, count: int) -> float:
    """Return the mean effect of a change over all orders of the changes."""
    total = 0.0
    for chosen in value:
        if n not in chosen:
            weight = factorial(len(chosen)) * factorial(count - len(chosen) - 1) / factorial(count)
            total += weight * (value[tuple(sorted((*chosen, n)))] - value[chosen])
    return total


def _whole(shares: list[float], total: int) -> list[int]:
    """Return shares as whole numbers that add up to the total; the largest remainders get what is left."""
    whole = [int(share // 1) for share in shares]
    left = total - sum(whole)
    order = sorted(range(len(shares)), key=lambda n: (whole[n] - shares[n], n))
    for n in order[:left]:
        whole[n] += 1
    return whole
