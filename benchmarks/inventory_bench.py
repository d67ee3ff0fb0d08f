"""
InventoryBench: 1,320 weekly games on real and made-up demand, our orders beside base stock and capped base stock.

    python -m benchmarks.inventory_bench [--games N] [--paths S]

Each game begins with five weeks of history and nothing in stock. A week: order, receive what comes, sell what there is
(what is not served is lost), pay for what is left. Orders come at once, after four weeks, or after one to three weeks
or never, and then nobody is told. A planner knows its orders, its receipts with the week they were ordered in, and what
was wanted. The score of a game is its profit over that of serving everything and holding nothing, not below 0; a
family's score is the mean of its games. Publication: Baek et al. (2026), capped base stock .445 over all games; the
rule as written here gets the same figure, so that the timing can be trusted.

Ours is `forecast` on the games of a family as so many items of one retailer, with weeks of the past alone, and `decide`
on its paths. Where orders may not come, each path draws when each open order comes, from the receipts seen so far.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from benchmarks.records import append_record, data_folder
from forecasting.forecast import forecast
from forecasting.panel import Panel
from optimizer.reorder.decide import decide
from optimizer.reorder.problem import NO_EXPIRY, NO_MAXIMUM, JointRules, ReorderProblem
from optimizer.reorder.supply import Supply

PROMISED = {"lead_time_0": 0, "lead_time_4": 4, "lead_time_stochastic": 2}
PATHS, SEED = 300, 1
SHORTEST_HORIZON, WAITS, MONEY = 5, 2, 100.0
# Receipts needed before the share of orders lost and late is taken from them, and what is believed before.
BELIEVED = {1: 4.0, 2: 8.0, 3: 4.0}
LONGEST_LEAD = 6


@dataclass(frozen=True)
class Family:
    """G games of one kind over T weeks, after H weeks of history.

    demand: units wanted, history first, shape (G, H + T)
    lead: weeks an order of each week takes, inf for never, shape (G, T)
    profit, holding: money per unit sold and per unit left, shape (G, T)
    promised: weeks that are promised
    """

    name: str
    demand: np.ndarray
    lead: np.ndarray
    profit: np.ndarray
    holding: np.ndarray
    promised: int

    @property
    def begin(self) -> int:
        """Weeks of history H."""
        return self.demand.shape[1] - self.lead.shape[1]


@dataclass(frozen=True)
class Seen:
    """What a planner knows before it orders in week `week`.

    on_hand: units there, shape (G,)
    placed: units ordered in each week before, shape (G, week)
    arrived: the weeks they took where they have come, nan where they have not, shape (G, week)
    """

    week: int
    on_hand: np.ndarray
    placed: np.ndarray
    arrived: np.ndarray


Planner = Callable[[Family, Seen], np.ndarray]


def families(games: int | None) -> list[Family]:
    """Read the games, grouped by where demand comes from and how orders come."""
    folder = data_folder("inventorybench")
    test = pd.read_parquet(folder / "test_trajectories.parquet")
    train = pd.read_parquet(folder / "train_samples.parquet").groupby("instance")["demand"].apply(list)
    found: dict[str, list[tuple[list[int], pd.DataFrame]]] = {}
    for instance, rows in test.groupby("instance"):
        found.setdefault("/".join(str(instance).split("/")[:2]), []).append((train[instance], rows))
    made = []
    for name, all_games in sorted(found.items()):
        step = max(len(all_games) // games, 1) if games else 1
        chosen = all_games[::step]
        columns = {c: np.array([rows[c] for _, rows in chosen], float) for c in ("lead_time", "profit", "holding_cost")}
        demand = np.array([[*before, *rows["demand"]] for before, rows in chosen], float)
        promised = PROMISED[name.split("/")[1]]
        made.append(Family(name, demand, columns["lead_time"], columns["profit"], columns["holding_cost"], promised))
    return made


def scores(family: Family, planner: Planner) -> np.ndarray:
    """Play the games of a family; return the score of each, shape (G,)."""
    games, weeks = family.lead.shape
    stock, earned, placed = np.zeros(games), np.zeros(games), np.zeros((games, weeks))
    for t in range(weeks):
        ago = t - np.arange(t)
        arrived = np.where(family.lead[:, :t] < ago, family.lead[:, :t], np.nan)
        placed[:, t] = planner(family, Seen(t, stock.copy(), placed[:, :t].copy(), arrived))
        stock += np.where(family.lead[:, : t + 1] == t - np.arange(t + 1), placed[:, : t + 1], 0.0).sum(axis=1)
        sold = np.minimum(stock, family.demand[:, family.begin + t])
        stock -= sold
        earned += family.profit[:, t] * sold - family.holding[:, t] * stock
    best = (family.profit * family.demand[:, family.begin :]).sum(axis=1)
    return np.maximum(earned / best, 0.0)


def base_stock(capped: bool) -> Planner:
    """Order up to the normal quantile of lead time and a week; capped, at most the 95 % quantile of a week."""

    def order(family: Family, seen: Seen) -> np.ndarray:
        past = family.demand[:, : family.begin + seen.week]
        mean, spread, wait = past.mean(axis=1), past.std(axis=1, ddof=1), 1 + family.promised
        profit, holding = family.profit[:, seen.week], family.holding[:, seen.week]
        level = mean * wait + norm.ppf(profit / (profit + holding)) * spread * np.sqrt(wait)
        # What has not come still counts as coming: nobody tells that it never will.
        open_units = np.where(np.isnan(seen.arrived), seen.placed, 0.0).sum(axis=1)
        quantity = np.ceil(np.maximum(level - seen.on_hand - open_units, 0.0))
        return np.minimum(quantity, np.ceil(mean + norm.ppf(0.95) * spread)) if capped else quantity

    return order


def lead_shares(seen: Seen) -> np.ndarray:
    """Give the probability that an order takes 0, 1, ... weeks, the last that it never comes, from all orders so far.

    Counts of the receipts seen are added to what is believed before any; orders older than the longest lead time
    count as lost.
    """
    counts = np.zeros(LONGEST_LEAD + 2)
    for lead, weight in BELIEVED.items():
        counts[lead] = weight
    ordered = seen.placed > 0
    old = ordered & (seen.week - np.arange(seen.week) > LONGEST_LEAD)
    known = old & ~np.isnan(seen.arrived)
    np.add.at(counts, seen.arrived[known].astype(int), 1.0)
    counts[-1] += (old & np.isnan(seen.arrived)).sum()
    return counts / counts.sum()


def drawn_arrivals(family: Family, seen: Seen, shape: tuple[int, int]) -> np.ndarray:
    """Draw in which of the next weeks each open order comes, units, shape (G, S, T) for `shape` (S, T)."""
    paths, horizon = shape
    games, rng = len(family.demand), np.random.default_rng([SEED, seen.week])
    arrivals = np.zeros((games, paths, horizon))
    if family.promised != PROMISED["lead_time_stochastic"]:
        for t in range(max(seen.week - family.promised, 0), seen.week):
            arrivals[:, :, t + family.promised - seen.week] += seen.placed[:, t, None]
        return arrivals
    shares = lead_shares(seen)
    for t in range(max(seen.week - LONGEST_LEAD, 0), seen.week):
        still = shares[seen.week - t :] + 1e-12
        steps = np.minimum(np.searchsorted(np.cumsum(still) / still.sum(), rng.random((games, paths))), still.size - 1)
        waiting = np.where(np.isnan(seen.arrived[:, t]), seen.placed[:, t], 0.0)
        for step in range(min(still.size - 1, horizon)):
            arrivals[:, :, step] += np.where(steps == step, waiting[:, None], 0.0)
    return arrivals


def ours(paths: int) -> Planner:
    """Return the planner of this project: its forecast and its reorder decision."""

    def order(family: Family, seen: Seen) -> np.ndarray:
        horizon = max(family.promised + WAITS + 1, SHORTEST_HORIZON)
        demand = forecast(_panel(family, seen.week), horizon, paths, SEED).paths.steps.astype(np.int64)
        coming = drawn_arrivals(family, seen, (paths, horizon))
        # What may come is stock of every path and wanted again at once where it does not come: the same on each path.
        most = coming.max(axis=1)
        wanted = demand + np.rint(most[:, None] - coming).astype(np.int64)
        problem = _problem(family, seen, (wanted, most), _delays(family, seen, paths))
        return decide(problem).required().quantity.astype(float)

    return order


def _panel(family: Family, week: int) -> Panel:
    games, periods = len(family.demand), family.begin + week
    names = np.array([f"{n:04d}" for n in range(games)], dtype=object)
    weeks = np.datetime64("2019-01-07") + 7 * np.arange(periods)
    return Panel(
        names, np.full(games, "shop", dtype=object), np.ones(games), family.demand[:, :periods].copy(),
        np.ones((games, periods)), weeks, "week",
    )  # fmt: skip


def _delays(family: Family, seen: Seen, paths: int) -> np.ndarray:
    """Give by how many weeks more than promised orders come on each path, among those that come, shape (G, S)."""
    games = len(family.demand)
    if family.promised != PROMISED["lead_time_stochastic"]:
        return np.zeros((games, paths), np.int64)
    shares = lead_shares(seen)[:-1]
    spread = np.searchsorted(np.cumsum(shares) / shares.sum(), (np.arange(paths) + 0.5) / paths)
    rng = np.random.default_rng([SEED, seen.week, 1])
    return np.maximum(np.array([rng.permutation(spread) for _ in range(games)]) - 1, 0).astype(np.int64)


def _problem(family: Family, seen: Seen, flow: tuple[np.ndarray, np.ndarray], delay: np.ndarray) -> ReorderProblem:
    wanted, arrivals = flow
    games, paths, horizon = wanted.shape
    random = family.promised == PROMISED["lead_time_stochastic"]
    one, nothing = np.ones(games, np.int64), np.zeros(games)
    profit = MONEY * family.profit[:, seen.week]
    return ReorderProblem(
        demand=wanted, weight=np.full(paths, 1 / paths), on_hand=seen.on_hand, arrivals=arrivals,
        # With random lead times a delay is counted from the shortest.
        lead_periods=one * (1 if random else family.promised), can_order=np.ones((games, horizon), bool), pack=one,
        minimum=0 * one, maximum=NO_MAXIMUM * one, holding_cost=MONEY * family.holding[:, seen.week],
        shortage_cost=profit, order_cost=nothing, unit_cost=profit, salvage_value=profit,
        life_periods=NO_EXPIRY * one, unmet="lost_sales", joint=JointRules.none(games),
        supply=Supply.plain(wanted.shape, delay=delay) if random else None,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--games", type=int, help="games of each family, all by default")
    parser.add_argument("--paths", type=int, default=PATHS)
    chosen = parser.parse_args()
    planners = {"base stock": base_stock(False), "capped base stock": base_stock(True), "dayplan": ours(chosen.paths)}
    print(f"{'family':<42}{'games':>6}" + "".join(f"{name:>20}" for name in planners))
    played: dict[str, list[np.ndarray]] = {name: [] for name in planners}
    began = time.process_time()
    for family in families(chosen.games):
        for name, planner in planners.items():
            played[name].append(scores(family, planner))
        row = "".join(f"{played[name][-1].mean():>20.4f}" for name in planners)
        print(f"{family.name:<42}{len(family.demand):>6}{row}", flush=True)
    everything = {name: np.concatenate(values) for name, values in played.items()}
    total = "".join(f"{values.mean():>20.4f}" for values in everything.values())
    print(f"{'all':<42}{len(everything['dayplan']):>6}{total}")
    seconds = time.process_time() - began
    print(f"{seconds:.0f} CPU seconds")
    if not chosen.games:
        best, rival = everything["dayplan"].mean(), everything["capped base stock"].mean()
        append_record(
            "inventorybench, to capped base stock", seconds, objective=best, bound=rival, gap=best / rival - 1
        )


if __name__ == "__main__":
    main()
