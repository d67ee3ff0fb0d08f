r"""
The upper levels: a model of their own for the groups and for the total, and the means below scaled to it.

Node j sums the completed sales y_jt of its series; p_jt is their profile, weighted by their means; x_jt are the mean
signals of its series and, from two years on, yearly waves. With a local level l and an autoregressive u,

    log y_jt - log p_jt = l_jt + u_jt + x_jt' b_j + e_jt,   l_jt = l_jt-1 + n_jt,   u_jt = a_j u_jt-1 + v_jt

is an unobserved-components model (Harvey 1989), its variances and a_j by maximum likelihood on what lies before the
first trial origin, states and b_j by the Kalman filter from what lies before each origin. Its forecast U_joh of the
periods ahead stands beside the sum B_joh of the series' own means. The means of all its series are multiplied by

    (U_joh / B_joh)^w,   w in {0, 1/2, 1}

w is one number for all groups, then one for the total, 0 unless another has the smaller absolute error, of periods and
of their sum, at every trial origin. Further ahead than a block, the factor of the block's last week stays. Weeks are
left alone: their profile knows the season already, and nothing was gained.
"""

from __future__ import annotations

import importlib
import warnings
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from forecasting.boosting import RunAll
from forecasting.panel import Floats, Integers

SHARES = (0.0, 0.5, 1.0)
FEWEST_UNITS = 20.0
# A node with more periods than this without a sale has no logarithm to speak of.
MOST_ZEROS = 0.02
FEWEST_DAYS = 56
YEAR_DAYS = 365.25
WAVES = 3
WEEK = 7
SMALLEST = 0.5
# No node is moved beyond this factor either way.
WIDEST = np.log(2.0)


@dataclass(frozen=True)
class UpperSettings:
    """
    Limits of the models of the upper levels.

    Parameters
    ----------
    nodes : int
        Most groups with a model of their own, those that sell most.
    iterations : int
        Most steps of each likelihood's maximisation.
    """

    nodes: int = 40
    iterations: int = 30


class Node(NamedTuple):
    """
    One node: its sales (period,), log profile (period + horizon,), regressors (period + horizon, regressor).

    The parameters are fitted before ``cut``; forecasts are made at ``origins`` for the first ``leads`` periods.
    """

    units: Floats
    profile: Floats
    known: Floats
    cut: int
    origins: Integers
    leads: int
    iterations: int


class Company(NamedTuple):
    """
    The sample the upper levels rest on.

    ``units`` completed sales (series, period) in units; ``factor`` profile and ``planes`` signals (series or 1, period
    + horizon); ``group`` (series,); ``means`` (series, origin, lead) in units at the trial ``origins`` and at the plan
    date, which comes last.
    """

    units: Floats
    factor: Floats
    planes: tuple[npt.NDArray[np.float32], ...]
    group: Integers
    means: Floats
    origins: Integers


def alignment(company: Company, groups: int, settings: UpperSettings, run_all: RunAll) -> Floats:
    """
    Return the factor on the means of every group in the first periods ahead, shape (group, lead).

    Parameters
    ----------
    company : Company
    groups : int
        Number of groups.
    settings : UpperSettings
    run_all : callable
        Fits the nodes, possibly side by side.
    """
    leads = company.means.shape[2]
    factor = np.zeros((groups, leads))
    if company.origins[0] < FEWEST_DAYS:
        return np.exp(factor)
    chosen = _large_groups(company, groups, settings.nodes)
    one_hot = np.asarray(company.group[None, :] == chosen[:, None], dtype=np.float64)
    total = np.ones((1, len(company.group)))
    nodes = [*_nodes(company, one_hot, settings), *_nodes(company, total, settings)]
    forecasts = np.stack(run_all(node_forecasts, nodes)) if nodes else np.zeros((0, 1, 1))
    moved = np.zeros((len(company.group), *forecasts.shape[1:]))
    if len(chosen) > 1:
        step = _scaled(company, one_hot, forecasts[:-1], company.means)
        moved += np.einsum("ni,nol->iol", one_hot, step)
        factor[chosen] += step[:, -1]
    if _is_large(company.units.sum(axis=0)):
        step = _scaled(company, total, forecasts[-1:], company.means * np.exp(moved))
        factor += step[:, -1]
    return np.asarray(np.exp(np.clip(factor, -WIDEST, WIDEST)))


def extended(factor: Floats, horizon: int) -> Floats:
    """Return the factor (group, lead) over a horizon, beyond its last lead the mean of its last week."""
    last = factor[:, -WEEK:].mean(axis=1, keepdims=True)
    more = np.repeat(last, max(0, horizon - factor.shape[1]), axis=1)
    return np.concatenate([factor[:, :horizon], more], axis=1)


def _is_large(units: Floats) -> bool:
    """Return whether a node sells enough, often enough, for a model of its logarithm."""
    return bool(units.mean() >= FEWEST_UNITS and np.mean(units <= 0.0) <= MOST_ZEROS)


def _large_groups(company: Company, groups: int, most: int) -> Integers:
    """Return the groups with a model of their own, in the order of their codes."""
    sums = np.zeros((groups, company.units.shape[1]))
    np.add.at(sums, company.group, company.units)
    order = np.argsort(-sums.sum(axis=1), kind="stable")[:most]
    return np.sort(np.array([g for g in order if _is_large(sums[g])], dtype=np.int64))


def _nodes(company: Company, members: Floats, settings: UpperSettings) -> list[Node]:
    """Return the specifications of some nodes."""
    mean = company.units.mean(axis=1)
    weight = members * mean / np.maximum(members @ mean, 1e-9)[:, None]
    profile = np.log(np.maximum(weight @ company.factor, 0.02))
    known = [np.broadcast_to(plane, company.factor.shape) if len(plane) == 1 else plane for plane in company.planes]
    signals = [weight @ plane.astype(np.float64) for plane in known]
    waves = _waves(company)
    times = int(company.origins[0]), company.origins, company.means.shape[2]
    return [
        Node(units, profile[n], _columns([*(s[n] for s in signals), *waves], profile[n]), *times, settings.iterations)
        for n, units in enumerate(members @ company.units)
    ]


def _columns(arrays: list[Floats], like: Floats) -> Floats:
    """Return regressors side by side, shape (period, regressor), also where there are none."""
    return np.stack(arrays, axis=1) if arrays else np.zeros((len(like), 0))


def _waves(company: Company) -> list[Floats]:
    """Return sine and cosine of the year where days of two years lie before the first trial origin."""
    periods = company.factor.shape[1]
    if company.origins[0] < 2 * YEAR_DAYS:
        return []
    angle = 2.0 * np.pi * np.arange(periods) / YEAR_DAYS
    return [wave(k * angle) for k in range(1, WAVES + 1) for wave in (np.sin, np.cos)]


def node_forecasts(node: Node) -> Floats:
    """Return what a node is expected to sell from each origin on, in units, shape (origin, lead)."""
    periods = len(node.units)
    log = np.log(np.maximum(node.units, SMALLEST)) - node.profile[:periods]
    before = node.known[: node.cut]
    varied = before.max(axis=0) > before.min(axis=0)
    known = node.known[:, varied] - before[:, varied].mean(axis=0)
    state, persistence, error = _filtered(log, known[:periods], node)
    ahead = np.arange(node.leads)
    at = np.minimum(node.origins[:, None] + ahead, len(known) - 1)
    level = state[0, node.origins][:, None] + persistence**ahead * state[1, node.origins][:, None]
    effect = np.einsum("ko,olk->ol", state[2:, node.origins], known[at])
    # The mean of a logarithm's exponential lies above the exponential of its mean.
    usual = np.exp(error[node.cut // 2 : node.cut]).mean()
    return np.asarray(np.exp(level + effect + node.profile[at]) * usual)


def _filtered(log: Floats, known: Floats, node: Node) -> tuple[Floats, float, Floats]:
    """Return states before every period (level, autoregressive part, coefficients), persistence, one-step errors."""
    library: Any = importlib.import_module("statsmodels.tsa.statespace.structural")
    shape: dict[str, Any] = {"level": "llevel", "autoregressive": 1, "mle_regression": False}
    exog = known if known.shape[1] else None
    with warnings.catch_warnings():
        # An early end of the search is a limit of work, not a fault.
        warnings.simplefilter("ignore")
        model = library.UnobservedComponents(
            log[: node.cut], exog=known[: node.cut] if known.shape[1] else None, **shape
        )
        parameters = model.fit(disp=0, maxiter=node.iterations, cov_type="none").params
        names = dict(zip(model.param_names, parameters, strict=True))
        whole = library.UnobservedComponents(log, exog=exog, **shape).filter(parameters, cov_type="none")
    return whole.predicted_state, float(names["ar.L1"]), whole.forecasts_error[0]


def _scaled(company: Company, members: Floats, forecasts: Floats, means: Floats) -> Floats:
    """Return the log factor of every node at every origin, shape (node, origin, lead), by the share chosen."""
    below = np.einsum("ni,iol->nol", members, means)
    # Sales that never vary leave the likelihood nothing to find; such a node keeps its sum.
    forecasts = np.where(np.isfinite(forecasts), forecasts, below)
    log = np.log(np.maximum(forecasts, SMALLEST)) - np.log(np.maximum(below, SMALLEST))
    trials = len(company.origins) - 1
    at = company.origins[:trials, None] + np.arange(means.shape[2])
    actual = (members @ company.units)[:, at]
    return np.asarray(chosen_share(actual, below[:, :trials], log[:, :trials]) * log)


def chosen_share(actual: Floats, below: Floats, log: Floats) -> float:
    """
    Return the share w of the upper level's log factor to use, by absolute errors at the trial origins.

    Parameters
    ----------
    actual, below, log : array, shape (node, origin, lead)
        What was sold, what the series' means add up to, and the log factor that would make it the node's own forecast.
    """
    losses = np.zeros((len(SHARES), actual.shape[1]))
    for k, share in enumerate(SHARES):
        error = actual - below * np.exp(share * log)
        losses[k] = np.abs(error).sum(axis=(0, 2)) + np.abs(error.sum(axis=2)).sum(axis=0)
    losses /= np.maximum(actual.sum(axis=(0, 2)), SMALLEST)
    better = np.all(losses < losses[0], axis=1)
    return SHARES[int(np.argmin(np.where(better, losses.sum(axis=1), np.inf)))] if better.any() else SHARES[0]
