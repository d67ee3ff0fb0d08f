"""Which screen serves today, the learned or the unlabelled one, and what a second opinion says of suspected orders."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from optimizer.filters.learned import Learned, from_state, learn, to_state
from optimizer.filters.moments import moments, orders_of
from optimizer.filters.screen import SUSPECTED, Judged
from optimizer.plan.exceptions import ExceptionRow
from scenarios.world import World

FloatArray = npt.NDArray[np.float64]
STATE = "screen"
# From this probability on an order may be worth a review, and is given its reasons.
DOUBTFUL = 0.01
# Isolation trees, the orders each is grown from, and the orders that strangeness is compared with.
_TREES, _SAMPLE, _COMPARED = 100, 256, 2_000


@dataclass(frozen=True)
class Verdict:
    """The lines as judged in the end, what the next day remembers of it, and what a person should know."""

    judged: Judged
    state: dict[str, pa.Table]
    told: list[ExceptionRow]


def final_verdict(
    world: World, lines: pd.DataFrame, judged: Judged, before: Mapping[str, pd.DataFrame] | None = None
) -> Verdict:
    """Judge orders by a screen learned from labels where it was the better one on past weeks; labels always win.

    lines, judged: as `order_lines` and `screen_lines` return them; before: state of the plan before

    A screen learned less than a week of labels ago serves on; else it is learned again. Where the unlabelled score
    serves, an isolation forest (Liu, Ting and Zhou 2008) gives a second opinion in the reason; it decides nothing.
    """
    orders = orders_of(world, lines)
    if world.table("fraud_labels").num_rows == 0 and not (judged.kind == "fraud").any():
        return Verdict(judged, {}, [])
    known = orders["is_fraud"].notna().to_numpy()
    newest = float(orders["second"].to_numpy()[known].max()) if known.any() else 0.0
    kept, why = from_state((before or {}).get(STATE), newest), "learned before"
    unknown = np.flatnonzero(~known)
    features = moments(orders, None if kept is None else unknown)
    if kept is None:
        kept, why = learn(orders, features, _by_order(orders, lines, judged.bare))
    told = [] if not known.any() else [_told(kept, why)]
    if kept is None:
        return Verdict(_second_opinion(orders, features, lines, judged), {}, told)
    if len(features) > len(unknown):
        features = features.iloc[unknown]
    return Verdict(_rejudged(kept, (orders.iloc[unknown], features), lines, judged), {STATE: to_state(kept)}, told)


def _by_order(orders: pd.DataFrame, lines: pd.DataFrame, score: FloatArray) -> FloatArray:
    # All lines of an order bear the score of the worst of them.
    first = np.full(len(lines), -1)
    first[lines["order"].to_numpy()[::-1]] = np.arange(len(lines))[::-1]
    return np.asarray(score[first[orders["order"].to_numpy()]])


def _told(learned: Learned | None, why: str) -> ExceptionRow:
    which = "the screen learned from labels" if learned else "the score without labels"
    numbers = {"precision": round(learned.precision, 6), "unlabelled": round(learned.unlabelled, 6)} if learned else {}
    return ExceptionRow("fraud screen", "note", f"orders are judged by {which}: {why}", numbers)


def _rejudged(
    learned: Learned, described: tuple[pd.DataFrame, pd.DataFrame], lines: pd.DataFrame, judged: Judged
) -> Judged:
    """Judge the orders that are not known by the learned screen; described: these orders, and their features."""
    orders, features = described
    probability = np.round(learned.probability(features), 6)
    doubtful = np.flatnonzero(probability >= DOUBTFUL)
    words = np.full(len(orders), "", object)
    for n, text in zip(doubtful, learned.reasons(features.iloc[doubtful]), strict=True):
        words[n] = f"fraud with probability {probability[n]:.0%}: {text}"
    at = pd.Index(orders["order"]).get_indexer(pd.Index(lines["order"]))
    mine = (at >= 0) & lines["is_order"].to_numpy(bool)
    score = np.where(mine, np.append(probability, 0.0)[at], judged.score)
    fraud = lines["is_order"].to_numpy(bool) & (score >= SUSPECTED)
    kind = np.where(fraud, "fraud", np.where(judged.kind == "duplicate", "duplicate", "")).astype(object)
    doubt = np.where(mine, np.append(words, "")[at], judged.doubt).astype(object)
    reason = np.where(fraud, np.where(mine, doubt, judged.reason), np.where(kind == "", "", judged.reason))
    return replace(judged, score=score, kind=kind, reason=reason.astype(object), doubt=doubt, calibrated=True)


def strangeness(features: pd.DataFrame, chosen: npt.NDArray[np.int64]) -> FloatArray:
    """Return the share of orders less strange than each chosen one, by an isolation forest, shape (chosen,)."""
    from sklearn.ensemble import IsolationForest

    matrix = np.nan_to_num(features.to_numpy(float))
    rng = np.random.default_rng(1)
    some = np.sort(rng.choice(len(matrix), min(_COMPARED, len(matrix)), replace=False))
    forest = IsolationForest(n_estimators=_TREES, max_samples=_SAMPLE, random_state=1).fit(matrix[some])
    usual = np.sort(-forest.score_samples(matrix[some]))
    return np.asarray(np.searchsorted(usual, -forest.score_samples(matrix[chosen])) / len(usual))


def _second_opinion(orders: pd.DataFrame, features: pd.DataFrame, lines: pd.DataFrame, judged: Judged) -> Judged:
    suspected = set(lines["order_id"].to_numpy(object)[(judged.kind == "fraud") & (judged.score < 1.0)])
    chosen = np.flatnonzero(orders["order_id"].isin(suspected))
    if len(orders) < _SAMPLE or not len(chosen):
        return judged
    share = strangeness(features, chosen)
    says = dict(zip(orders["order_id"].to_numpy(object)[chosen], share, strict=True))
    reason, names = judged.reason.copy(), lines["order_id"].to_numpy(object)
    for n in np.flatnonzero((judged.kind == "fraud") & (judged.score < 1.0)):
        if names[n] in says:
            reason[n] += f"; an isolation forest finds it stranger than {says[names[n]]:.0%} of orders"
    return replace(judged, reason=reason, doubt=np.where(judged.doubt == "", "", reason).astype(object))
