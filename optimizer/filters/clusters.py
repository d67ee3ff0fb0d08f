r"""
Groups that stay, of customers or places: K by bootstrap stability, centroids frozen from day to day, labels matched.

Members are points, each axis over its deviation at the fit; customers are x = (log(1 + days since the last order), log
orders, log(1 + money)), places as ``places`` says. K is the largest number of groups for which groupings of resampled
members agree with that of all, mean adjusted Rand index >= 0.85 (Hennig 2007, Computational Statistics and Data
Analysis 52). From then on a member belongs to the nearest centroid, or to the one before while that is at most a tenth
farther: nobody moves whose own figures do not. Groups are fitted again when the mean distance to the centroids has
grown by a quarter; new ones then take the numbers of the old ones next to them (Kuhn 1955). Density groups are those of
HDBSCAN (Campello, Moulavi and Sander 2013) whose least group is a 2K-th of the members; members in no dense place join
the nearest group.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from scipy.optimize import linear_sum_assignment

FloatArray = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
STATE = "customer_groups"
LEAST_CUSTOMERS = 200
AGREEMENT = 0.85
_MOST_GROUPS, _RESAMPLES, _MOST_FITTED, _GREW = 8, 10, 1_500, 1.25
# How much farther than the nearest centroid a member's own may be before the member moves.
_SLACK, _SCALE = 0.1, "_scale"
# Fewest members that a group has on average.
_LEAST_EACH = 6
AXES = ("days", "orders", "money")


@dataclass(frozen=True)
class Groups:
    """Frozen groups of customers or places. K groups, A axes.

    method: how they were found; version: 1 at the first fit, one more at each refit
    number: of each group, shape (K,), kept at a refit; centroid: shape (K, A)
    scale: deviation of each axis at the fit, shape (A,); spread: mean distance to the nearest centroid at the fit
    agreement: mean adjusted Rand index of the resamples; axes: names of the axes
    """

    method: str
    version: int
    number: Codes
    centroid: FloatArray
    scale: FloatArray
    spread: float
    agreement: float
    axes: tuple[str, ...] = AXES

    def nearest(self, points: FloatArray) -> tuple[Codes, FloatArray]:
        """Return the row of the nearest centroid of each point, and the distance to it, shapes (N,)."""
        far = self._far(points)
        return far.argmin(axis=1), far.min(axis=1)

    def kept(self, points: FloatArray, before: Codes) -> Codes:
        """Return the row of each point's group: the one it had while that is nearly as near as the nearest, shape (N,).

        before: number of the group it had, 0 for none
        """
        far = self._far(points)
        old = far.argmin(axis=1)
        for row, number in enumerate(self.number):
            stays = (before == number) & (far[:, row] <= far.min(axis=1) * (1.0 + _SLACK))
            old = np.where(stays, row, old)
        return np.asarray(old)

    def _far(self, points: FloatArray) -> FloatArray:
        """Return the distance of each point to each centroid, shape (N, K)."""
        return np.asarray(np.linalg.norm((points[:, None, :] - self.centroid[None]) / self.scale, axis=2))

    def profile(self, row: int) -> str:
        """Return a group's typical customer in words."""
        days, orders, money = np.exp(self.centroid[row]) - np.array([1.0, 0.0, 1.0])
        return f"typically {orders:.1f} orders, the last {days:.0f} days ago, money {money:,.0f}"


class Grouping(NamedTuple):
    """Who belongs together: rows of `segments`, the groups to go on with, and figures of each member, by its id."""

    rows: pd.DataFrame
    state: dict[str, pa.Table]
    figures: pd.DataFrame


def points_of(days: FloatArray, orders: FloatArray, money: FloatArray) -> FloatArray:
    """Return the points of customers; days since the last order may be NaN (unknown: the longest)."""
    longest = np.nanmax(days) if np.isfinite(days).any() else 0.0
    days = np.where(np.isnan(days), longest, days)
    return np.column_stack([np.log1p(days), np.log(np.maximum(orders, 1.0)), np.log1p(np.maximum(money, 0.0))])


def groups_for(
    points: FloatArray,
    method: str,
    before: pd.DataFrame | None,
    axes: tuple[str, ...] = AXES,
    least: int = LEAST_CUSTOMERS,
) -> Groups | None:
    """Return the groups to use today: those frozen while they fit, else new ones; None where no K >= 2 is stable.

    least: fewest members to group; groups of other axes than those of today are not gone on with
    """
    old = from_state(before)
    old = old if old is not None and old.axes == axes else None
    if len(points) < least:
        return None
    if old is not None and old.method == method and old.nearest(points)[1].mean() <= old.spread * _GREW:
        return old
    fresh = fit_groups(points, method, axes)
    return fresh if fresh is None or old is None else matched(fresh, old)


def fit_groups(points: FloatArray, method: str, axes: tuple[str, ...] = AXES) -> Groups | None:
    """Return the largest stable number of groups, numbered by the last axis, the largest first; None: none is stable.

    points: shape (N, A)
    """
    from sklearn.metrics import adjusted_rand_score

    rng = np.random.default_rng(1)
    chosen = np.sort(rng.choice(len(points), min(len(points), _MOST_FITTED), replace=False))
    scale = np.maximum(points.std(axis=0), 1e-9)
    some = points[chosen] / scale
    draws = [rng.integers(0, len(some), len(some)) for _ in range(_RESAMPLES)]
    # Members with equal figures are one point: resamples must hold enough different ones.
    most = min(_MOST_GROUPS, len(np.unique(np.round(some, 9), axis=0)) // 2, len(some) // _LEAST_EACH)
    for count in range(most, 1, -1):
        whole = _centroids(some, method, count)
        if len(whole) < 2:
            continue
        labels = _nearest(some, whole)
        scores = [adjusted_rand_score(labels, _nearest(some, _centroids(some[d], method, count))) for d in draws]
        if np.mean(scores) >= AGREEMENT:
            whole = whole[np.argsort(-whole[:, -1], kind="stable")] * scale
            found = Groups(method, 1, np.arange(1, len(whole) + 1), whole, scale, 0.0, float(np.mean(scores)), axes)
            return Groups(**{**found.__dict__, "spread": float(found.nearest(points)[1].mean())})
    return None


def _centroids(points: FloatArray, method: str, count: int) -> FloatArray:
    """Return the means of `count` groups found by a method, shape (count, A); by density, of as many as there are."""
    from sklearn.cluster import HDBSCAN, AgglomerativeClustering, KMeans
    from sklearn.mixture import GaussianMixture

    if method == "k_means":
        return np.asarray(KMeans(count, n_init=4, random_state=1).fit(points).cluster_centers_, np.float64)
    if method == "mixture":
        return np.asarray(GaussianMixture(count, random_state=1, reg_covar=1e-3).fit(points).means_, np.float64)
    if method == "density":
        labels = HDBSCAN(max(len(points) // (2 * count), 5), copy=True).fit_predict(points)
        # Where nothing is dense all belong together.
        labels = labels if labels.max() >= 0 else np.zeros(len(points), int)
    else:
        labels = AgglomerativeClustering(count).fit_predict(points)
    return np.stack([points[labels == n].mean(axis=0) for n in range(labels.max() + 1)])


def _nearest(points: FloatArray, centroid: FloatArray) -> Codes:
    return np.asarray(((points[:, None, :] - centroid[None]) ** 2).sum(axis=2).argmin(axis=1))


def matched(fresh: Groups, old: Groups) -> Groups:
    """Return new groups that bear the numbers of the old ones nearest to them, others new numbers."""
    far = np.linalg.norm((fresh.centroid[:, None, :] - old.centroid[None]) / old.scale, axis=2)
    row, column = linear_sum_assignment(far)
    number = np.zeros(len(fresh.number), np.int64)
    number[row] = old.number[column]
    number[number == 0] = old.number.max() + 1 + np.arange((number == 0).sum())
    return Groups(**{**fresh.__dict__, "number": number, "version": old.version + 1})


def to_state(groups: Groups) -> pa.Table:
    """Return the groups as a table, a row a group, for `state/`."""
    count = len(groups.number)
    one = {name: [getattr(groups, name)] * count for name in ("method", "version", "spread", "agreement")}
    axes = {axis: groups.centroid[:, n] for n, axis in enumerate(groups.axes)}
    scales = {f"{axis}{_SCALE}": np.full(count, groups.scale[n]) for n, axis in enumerate(groups.axes)}
    return pa.table({"number": groups.number, **one, **axes, **scales})


def from_state(table: pd.DataFrame | None) -> Groups | None:
    """Return the groups of the plan before, None without any."""
    if table is None or table.empty:
        return None
    first: dict[str, Any] = {str(name): value for name, value in table.iloc[0].items()}
    axes = tuple(name for name in first if f"{name}{_SCALE}" in first)
    scale = np.array([first[f"{axis}{_SCALE}"] for axis in axes], np.float64)
    number, centroid = table["number"].to_numpy(np.int64), table[list(axes)].to_numpy(np.float64)
    return Groups(
        str(first["method"]), int(first["version"]), number, centroid, scale, float(first["spread"]),
        float(first["agreement"]), axes,
    )  # fmt: skip
