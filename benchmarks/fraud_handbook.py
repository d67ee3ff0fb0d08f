"""
Measure the learned screen and the decision to hold on the Fraud Detection Handbook.

    python -m benchmarks.fraud_handbook

The published split: train 2018-07-25..31, labels seven days late, test the week from 08-08 on, cards known to be
compromised left out. Beside it the learned screen with all labels known by then, and the orders to hold on four earlier
weeks by expected loss and by probability. Every run appends to benchmarks/records.csv; nothing gates.
"""

from __future__ import annotations

import tempfile
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.records import append_record, data_folder
from optimizer.filters.knapsack import SHIPPED, HoldProblem, choose_holds
from optimizer.filters.learned import WEEK, average_precision, learn
from optimizer.filters.lines import order_lines
from optimizer.filters.moments import moments, orders_of
from optimizer.filters.verdict import strangeness
from scenarios.importers.fraud_handbook import import_fraud_handbook
from scenarios.load import load_world

FloatArray = npt.NDArray[np.float64]
TEST = date(2018, 8, 8)
EARLIER_WEEKS = 4
REVIEWS = (5, 10, 25, 50, 100)
REVIEW_COST, WRONG_HOLD = 3.0, 0.025
DAY = 86_400
PUBLISHED = (
    "published logistic / forest / XGBoost: AUC .871 .867 .862, AP .606 .658 .639, card precision .291 .287 .273"
)


def _second(day: date) -> float:
    return (day - date(1970, 1, 1)).days * float(DAY)


def split(orders: pd.DataFrame, test: date) -> npt.NDArray[np.int64]:
    """Return the orders of the test week, without cards known to be compromised when they were made."""
    second, day = orders["second"].to_numpy(float), (orders["second"].to_numpy(float) // DAY).astype(int)
    begin, cards, fraud = _second(test), orders["customer_id"].to_numpy(object), orders["is_fraud"].to_numpy(float)
    week = (second >= begin - 2 * WEEK) & (second < begin - WEEK)
    known, rows = set(cards[week & (fraud > 0)]), []
    for number in range(7):
        today = int(begin // DAY) + number
        known |= set(cards[(day == today - 8) & (fraud > 0)])
        mine = np.flatnonzero(day == today)
        rows.append(mine[~np.isin(cards[mine], list(known))])
    return np.concatenate(rows)


def card_precision(orders: pd.DataFrame, rows: npt.NDArray[np.int64], score: FloatArray, top: int = 100) -> float:
    """Return the share of compromised cards among the first of each day; cards found leave the days after."""
    table = orders.iloc[rows][["customer_id", "is_fraud", "second"]].assign(score=score)
    found, shares = set[str](), []
    for _, part in table.groupby(table["second"] // DAY):
        cards = part[~part["customer_id"].isin(found)].groupby("customer_id")[["score", "is_fraud"]].max()
        first = cards.sort_values("score", ascending=False, kind="stable").head(top)
        hits = set(first.index[first["is_fraud"] > 0])
        found |= hits
        shares.append(len(hits) / top)
    return float(np.mean(shares))


def saved(money: FloatArray, fraud: FloatArray, held: npt.NDArray[np.bool_]) -> float:
    """Return what holding saved in fact: money of frauds, less wrongly held orders and the reviews."""
    gained = np.where(fraud > 0, money, -WRONG_HOLD * money)
    return float((gained - REVIEW_COST)[held].sum())


def hold(chance: FloatArray, money: FloatArray, reviews: int) -> npt.NDArray[np.bool_]:
    # A review takes a minute, so that the minutes of a day are the reviews.
    nobody, each = np.full(len(chance), "", object), np.array([1.0])
    problem = HoldProblem(chance, money, nobody, WRONG_HOLD, each * reviews, each, each * REVIEW_COST)
    return choose_holds(problem).queue != SHIPPED


def main() -> None:
    source = data_folder("fraud_handbook")
    with tempfile.TemporaryDirectory() as scratch:
        import_fraud_handbook(source, Path(scratch))
        world = load_world(Path(scratch))
    lines, _ = order_lines(world)
    orders = orders_of(world, lines)
    features = moments(orders)
    print(PUBLISHED)
    money, second = orders["value"].to_numpy(float), orders["second"].to_numpy(float)
    truth, gains = orders["is_fraud"].to_numpy(float), []
    for week in range(EARLIER_WEEKS, -1, -1):
        test = TEST - timedelta(weeks=week)
        rows = split(orders, test)
        past = np.flatnonzero(second < _second(test))
        known = orders.iloc[past].reset_index(drop=True)
        known["is_fraud"] = known["is_fraud"].where(known["known_second"] < _second(test))
        own = np.nan_to_num(features["over own mean"].to_numpy(float))
        learned, why = learn(known, features.iloc[past].reset_index(drop=True), own[past])
        assert learned is not None, why
        chance = learned.probability(features.iloc[rows])
        precision, cards = average_precision(truth[rows], chance), card_precision(orders, rows, chance)
        print(f"{test}: learned AP {precision:.3f}, card precision@100 {cards:.3f}; {why}", flush=True)
        append_record(f"filters: handbook week {test}, average precision", objective=precision)
        append_record(f"filters: handbook week {test}, card precision at 100", objective=cards)
        if not week:
            for name, score in (("own mean", own[rows]), ("isolation forest", strangeness(features, rows))):
                ap, cp = average_precision(truth[rows], score), card_precision(orders, rows, score)
                print(f"  no labels, {name}: AP {ap:.3f}, card precision@100 {cp:.3f}")
        gains.append(_gains(chance, money[rows], truth[rows], second[rows] // DAY))
    for number, reviews in enumerate(REVIEWS):
        knapsack, ranked = (sum(week[number][k] for week in gains) for k in (0, 1))
        more = knapsack / ranked - 1
        print(f"{reviews} reviews a day: by loss {knapsack:,.0f}, by probability {ranked:,.0f}: {more:+.0%}")
        append_record(f"filters: handbook, {reviews} reviews a day, saved beyond ranking", objective=more)


def _gains(chance: FloatArray, money: FloatArray, truth: FloatArray, day: FloatArray) -> list[tuple[float, float]]:
    """Return, for each number of reviews, what a week's holds save by expected loss and by probability."""
    found = []
    for reviews in REVIEWS:
        sums = np.zeros(2)
        for today in np.unique(day):
            mine = np.flatnonzero(day == today)
            first = np.zeros(len(mine), bool)
            first[np.argsort(-chance[mine], kind="stable")[:reviews]] = True
            by_loss = hold(chance[mine], money[mine], reviews)
            sums += [saved(money[mine], truth[mine], held) for held in (by_loss, first)]
        found.append((float(sums[0]), float(sums[1])))
    return found


if __name__ == "__main__":
    main()
