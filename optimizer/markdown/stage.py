"""The price stage of a day: from demand paths to price changes, their words, proof, and the prices to order at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.paths import DemandPaths
from forecasting.price_tables import reference_prices
from forecasting.prices import PriceResponse
from optimizer.aversion import Averse, least_risk
from optimizer.executor import RunAll, plain_loop
from optimizer.markdown.cannibals import cannibalised, exceptions, proven, told
from optimizer.markdown.decide import Settings, decide
from optimizer.markdown.evaluation import sales_at
from optimizer.markdown.inputs import Clearance, clearance
from optimizer.markdown.joint import JointSettings
from optimizer.markdown.problem import MarkdownPlan
from optimizer.markdown.rules import KEYS, clearance_pairs, locked_prices, missing_tables, ruled_pairs
from optimizer.markdown.words import explained_lines, joint_exceptions
from optimizer.plan.costs import markdown_costs
from optimizer.plan.exceptions import ExceptionRow
from scenarios.schema import declared
from scenarios.world import World, rows_of
from solvers.outcome import Outcome

Floats = npt.NDArray[np.float64]
_EXPLAINED = ["line_id", "text", "numbers", "money"]
_CLOSE = 1e-6


@dataclass(frozen=True)
class PricesOfTheDay:
    """Prices of the horizon, tables by name, the proof, and what a person should look at.

    prices: money per unit of each pair and period of the paths, shape (series, period); the reference where nothing is
        decided, later changes as planned today
    reference: the same shape, before anything is decided
    tables: ``price_changes``, those of the plan date with their reason; rows for ``explanations``, of today's changes
        and of those planned first for later; rows for ``costs``: expected markdown until the exit
    proof: certificate, empty where nothing was decided
    """

    prices: Floats
    reference: Floats
    tables: dict[str, pd.DataFrame]
    proof: dict[str, Any]
    exceptions: list[ExceptionRow]

    def falls_within(self, periods: int) -> npt.NDArray[np.bool_]:
        """Return the pairs whose price is to fall below the reference within so many periods."""
        lower = self.prices[:, :periods] < self.reference[:, :periods] - _CLOSE
        return np.asarray(lower.any(axis=1))


def clearance_horizon(world: World, pairs: pd.DataFrame) -> int:
    """Return the periods from the plan date to the last exit of what is cleared; 0 where nothing is."""
    if missing_tables(world):
        return 0
    lines, _ = clearance_pairs(world, pairs)
    return max((1 + world.periods.between(world.plan_date, day) for day in lines["until"]), default=0)


def plan_prices(
    world: World, pairs: pd.DataFrame, paths: DemandPaths, response: PriceResponse, run_all: RunAll = plain_loop
) -> PricesOfTheDay:
    """Return today's price changes.

    pairs: columns item_id and location_id; paths and response: of the pairs, in their order. Paths without a reference
    price get the last prices and planned promotions.

    Raises ValueError when paths or response are in another order.
    """
    for name, other in (("demand paths", paths), ("response", response)):
        if not (other.item_id == pairs["item_id"].to_numpy()).all():
            raise ValueError(f"the {name} are not in the order of the pairs")
    reference = paths.reference_price
    if reference is None:
        reference = reference_prices(world, paths.item_id, paths.location_id, paths.dates)
    priced = replace(paths, reference_price=reference, response=response)
    missing = missing_tables(world)
    if missing:
        text = f"prices are not planned: {', '.join(missing)} would be needed"
        return _nothing(reference, [ExceptionRow("prices", "skipped", text, {})])
    given, said = clearance(world, pairs, priced)
    if given is None:
        return _nothing(reference, [*said, *_unused_locks(world, pairs, {})])
    settings = Settings(joint=JointSettings(nodes=world.policy.node_limit))
    averse = _averse(given, settings, run_all)
    plan = averse.outcome.required()
    taken = cannibalised(given, plan, priced)
    lines, stays = explained_lines(given, plan)
    lines = told(lines, taken)
    today = lines[lines["valid_from"] == world.plan_date]
    return PricesOfTheDay(
        _decided(given, plan, reference),
        reference,
        {
            "price_changes": _price_changes(today),
            "explanations": pd.concat([lines[_EXPLAINED], stays], ignore_index=True),
            "costs": _costs(given, plan, today),
        },
        {**_proof(given, averse), **proven(lines, taken)},
        [*said, *exceptions(taken), *joint_exceptions(given, plan), *_unused_locks(world, pairs, _todays(given.lines))],
    )


def _price_changes(today: pd.DataFrame) -> pd.DataFrame:
    """Return the changes of the plan date; they hold for all units, whenever those expire."""
    for_all = pd.Series(None, index=today.index, dtype=object)
    return today.assign(kind="clearance", expires_by=for_all)[list(declared()["price_changes"].names)].reset_index(
        drop=True
    )


def _nothing(reference: Floats, said: list[ExceptionRow]) -> PricesOfTheDay:
    names = ("price_changes", "explanations", "costs")
    tables = {name: pd.DataFrame(columns=list(declared()[name].names)) for name in names}
    return PricesOfTheDay(reference, reference, tables, {}, said)


def _decided(given: Clearance, plan: MarkdownPlan, reference: Floats) -> Floats:
    """Return the reference prices with the paths of the lines in them."""
    prices = reference.copy()
    periods = min(reference.shape[1], len(given.clock.epoch))
    ladder = given.problem.price / given.minor / given.paths.unit_step[:, None]
    for n, pair in enumerate(given.lines["pair"]):
        rung = plan.rung[n, given.clock.epoch[:periods]]
        asked = np.where(rung > 0, ladder[n, rung], np.inf)
        prices[pair, :periods] = np.minimum(prices[pair, :periods], asked)
    return np.round(prices, 6)


def _costs(given: Clearance, plan: MarkdownPlan, today: pd.DataFrame) -> pd.DataFrame:
    """Return the expected markdown of each line until its exit, as it stands in the plan."""
    names = dict(zip(today["line"], today["line_id"], strict=True))
    spent = np.rint(plan.spend.sum(axis=1)).astype(int).tolist()
    rows = enumerate(rows_of(given.lines))
    return markdown_costs(given.world, [(names.get(n), row.item_id, row.location_id, spent[n]) for n, row in rows])


def _averse(given: Clearance, settings: Settings, run_all: RunAll) -> Averse[MarkdownPlan]:
    """Return the decision under the policy's aversion to the worst paths; a path costs what it does not earn."""
    problem = given.problem

    def cost(plan: MarkdownPlan) -> Floats:
        sales = sales_at(problem, plan.rung)
        return np.asarray(float(problem.short_cost @ sales.short) - sales.value.sum(axis=0))

    def decided(tilt: Floats | None) -> Outcome[MarkdownPlan]:
        return decide(problem if tilt is None else replace(problem, tilt=tilt), settings, run_all)

    return least_risk(problem.weight, given.world.policy.risk_aversion, decided, cost)


def _proof(given: Clearance, averse: Averse[MarkdownPlan]) -> dict[str, Any]:
    """Return the certificate: objective, bound and gap in major units, and what the bound covers."""
    outcome, problem, minor = averse.outcome, given.problem, given.minor
    plan, aversion = outcome.required(), given.world.policy.risk_aversion
    objective = round(outcome.objective / minor, 6)
    bound = min(round(outcome.bound / minor, 6), objective)
    return {
        "objective": objective,
        "bound": bound,
        "gap": max(objective - bound, 0.0) / max(abs(objective), 1e-9),
        "status": outcome.status,
        "limit": outcome.limit,
        "unit": given.world.policy.currency,
        "covers": (
            "minus the expected revenue and salvage until the exits; the bound holds over every price path that keeps"
            " the lines' rules, price groups, families, all labels and markdown budgets, for price paths fixed today"
        ),
        "lines": problem.lines,
        "paths": len(problem.weight),
        "weeks": problem.epochs,
        "price_paths": plan.columns,
        "blocks": plan.blocks,
        "groups": problem.groups,
        "lines_with_fewer_changes": plan.cut_groups,
        "at_todays_prices": round(-float(plan.value_today.sum()) / minor, 6),
        "prices": {
            "label": round(float(plan.label_price.max(initial=0.0)) / minor, 6),
            "budget": round(float(plan.budget_price.max(initial=0.0)), 6),
        },
        **averse.proof(aversion, minor),
    }


def _todays(lines: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Return today's price by item and place."""
    return {(row.item_id, row.location_id): row.today for row in rows_of(lines)}


def _unused_locks(world: World, pairs: pd.DataFrame, today: dict[tuple[str, str], float]) -> list[ExceptionRow]:
    """Return the locked prices that no clearance line carries, or that would rise above today's."""
    locked = locked_prices(world)
    if not locked:
        return []
    rules = ruled_pairs(world, pairs)
    stickers = set(rules.loc[rules["days_left"].notna(), KEYS].itertuples(index=False, name=None))
    rows = []
    for (item, place), price in locked.items():
        if (item, place) in stickers:
            continue
        now = today.get((item, place))
        if now is not None and price <= now:
            continue
        why = "it is not in clearance" if now is None else f"a clearance has no rises above {now:g}"
        text = f"the price {price:g} locked for {item} at {place} is not used: {why}"
        rows.append(ExceptionRow(f"lock price {item} {place}", "lock", text, {}))
    return rows
