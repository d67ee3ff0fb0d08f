r"""
What one forecast leaves for the next: parameters, and of every series the filter's state.

Parameters learnt from all series are held for some periods (``refit_days``, ``refit_weeks``); meanwhile the recursions
of ``smoothing`` and ``drift`` go on from where they ended, so a day costs that day, and

    state after T + d periods = pass over T + d periods under the same parameters          (bit for bit)

For that the past must be what it was. A mark says so, one 64-bit number a series over all periods seen,

    mark <- (mark xor bits(units_t)) p,   mark <- (mark xor bits(share_t)) p               FNV-1a, p odd

Where a mark differs, or a series is new or gone, all series of its group are passed over anew from their first period:
the drift of the group has the changed past in it. Everything is written as plain arrays; a file of another version or
of other settings is not read but fitted anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from forecasting.history import Clock, ForecastTask, Part, Terms, fit_drifts, terms_of
from forecasting.keys import Keys
from forecasting.panel import Floats, Integers, Names, Panel
from forecasting.pool import Learned, Pool, moved_on
from forecasting.smoothing import Begin

_OFFSET, _PRIME = np.uint64(14_695_981_039_346_656_037), np.uint64(1_099_511_628_211)


class Ended(NamedTuple):
    """
    Where the filter ended in every series: A and B (series, decay), see ``smoothing``.

    ``level`` (series, origin) at the past origins whose errors the paths are drawn from; ``short`` (series, bytes) the
    periods not fully in stock as bits, ``expected`` what is expected in them, series by series.
    """

    above: Floats
    below: Floats
    level: Floats
    short: npt.NDArray[np.uint8]
    expected: Floats


@dataclass(frozen=True)
class Kept:
    """
    What is kept of a forecast.

    ``digest`` of task and settings; ``begun`` first period read; ``fitted`` and ``seen`` periods read when parameters
    were learnt, and by the filter; ids, group code, ``mark`` and haste (series,); parameters as they were learnt, terms
    and drifts as they are now; ``ended``.
    """

    digest: str
    begun: np.datetime64
    fitted: int
    seen: int
    item_id: Names
    location_id: Names
    group: Integers
    mark: Keys
    hasty: npt.NDArray[np.bool_]
    learned: Learned
    ended: Ended

    @property
    def horizon(self) -> int:
        """Periods for which parameters were learnt."""
        return int(self.learned.pool.align.shape[1])


class Course(NamedTuple):
    """
    How today's forecast is come by: parameters and terms of every series, and where the filter begins.

    ``pool`` as it was fitted to the first ``fitted`` periods; ``hasty`` (series,) whose level follows sales fast;
    ``begin`` None for a whole pass; ``why`` in words where parameters were fitted anew, else empty; ``changed`` places
    of the series whose past is not what it was, ``rebuilt`` how many were passed over from their first period.
    """

    learned: Learned
    hasty: npt.NDArray[np.bool_]
    begin: Begin | None
    pool: Pool
    fitted: int
    why: str
    changed: Integers
    rebuilt: int

    @property
    def terms(self) -> Terms:
        """Terms under which the filter runs."""
        return self.learned.terms.hastened(self.hasty)


def marks(panel: Panel, periods: int) -> Keys:
    """Return the mark of every series after its first periods, its smallest quantity among what is marked."""
    mark = np.full(panel.series, _OFFSET)
    units = np.concatenate([panel.unit_step[:, None], panel.units[:, :periods]], axis=1)
    share = np.concatenate([np.ones((panel.series, 1)), panel.in_stock_share[:, :periods]], axis=1)
    # All unknown values look alike.
    units[np.isnan(units)] = -1.0e300
    _mark(units.view(np.uint64), share.view(np.uint64), mark)
    return mark


@njit(cache=True)  # type: ignore[untyped-decorator]
def _mark(units: Keys, share: Keys, mark: Keys) -> None:
    for i in range(units.shape[0]):
        for t in range(units.shape[1]):
            for bits in (units[i, t], share[i, t]):
                # The product moves low bits up; those of round numbers lie high, so they are brought down first.
                value = mark[i] ^ bits ^ (bits >> np.uint64(32))
                mark[i] = (value ^ (value >> np.uint64(29))) * _PRIME


def refusal(kept: Kept | None, panel: Panel, task: ForecastTask, clock: Clock, digest: str) -> str:
    """Return why parameters must be learnt anew, empty where what is kept may go on."""
    if kept is None:
        return "no forecast before"
    if kept.digest != digest or task.horizon > kept.horizon:
        return "other settings, or another horizon, than before"
    periods = window(kept, panel)
    if periods < kept.seen:
        return "history begins later, or ends earlier, than before"
    if periods < min(panel.units.shape[1], clock.most):
        return "history begins earlier than before"
    return "" if periods - kept.fitted < clock.refit else f"{periods - kept.fitted} periods since the last fit"


def window(kept: Kept, panel: Panel) -> int:
    """Return the periods of the panel from the first one that was read, 0 where it does not reach back so far."""
    place = np.flatnonzero(panel.dates == kept.begun)
    return len(panel.dates) - int(place[0]) if len(place) else 0


def resumed(kept: Kept, whole: Part, task: ForecastTask, clock: Clock) -> Course | None:
    """Return how the forecast goes on from what is kept; None where the groups are others."""
    panel, pool, groups = whole.panel, kept.learned.pool, whole.codes[1]
    at = _places(kept, panel)
    known = at >= 0
    if (groups[known] != kept.group[at[known]]).any() or groups.max(initial=0) >= len(pool.profile.pooled):
        return None
    same = known.copy()
    same[known] = marks(panel, kept.seen)[known] == kept.mark[at[known]]
    changed = np.flatnonzero(~same)
    gone = np.setdiff1d(np.arange(len(kept.group)), at[known])
    terms = _terms(kept, whole, at, changed)
    rebuilt = _with_kin(whole, changed, kept, gone)
    hasty = hasty_of(panel, task)
    rebuilt |= known & (hasty != (kept.hasty[at] if len(kept.hasty) else hasty))
    # Where no series is passed over anew, the drifts of the past are not needed.
    before = None if rebuilt.any() or len(gone) else (kept.seen, kept.learned.states)
    drift, states = fit_drifts(whole, terms, clock.drift, before)
    begin = _beginning(kept, whole, np.where(rebuilt, -1, at), terms)
    days = panel.units.shape[1] - kept.fitted
    learned = Learned(moved_on(pool, drift, whole, days, task), terms, states)
    return Course(learned, hasty, begin, pool, kept.fitted, "", changed, int(rebuilt.sum()))


def hasty_of(panel: Panel, task: ForecastTask) -> npt.NDArray[np.bool_]:
    """Return whose level follows sales fast, shape (series,)."""
    return np.zeros(panel.series, dtype=np.bool_) if task.hasty is None else task.hasty


def _places(kept: Kept, panel: Panel) -> Integers:
    """Return the place of every series among those kept, -1 for new ones."""
    place = {key: n for n, key in enumerate(zip(kept.item_id, kept.location_id, strict=True))}
    keys = zip(panel.item_id, panel.location_id, strict=True)
    return np.array([place.get(key, -1) for key in keys], dtype=np.int64)


def _terms(kept: Kept, whole: Part, at: Integers, changed: Integers) -> Terms:
    """Return the terms kept of every series, new ones for those whose past has changed."""
    anew = terms_of(whole.rows(changed), kept.learned.pool.profile)
    if not len(kept.group):
        return anew
    terms = kept.learned.terms.rows(np.maximum(at, 0))
    for column, new in zip(terms, anew, strict=True):
        column[changed] = new
    return terms


def _with_kin(whole: Part, changed: Integers, kept: Kept, gone: Integers) -> npt.NDArray[np.bool_]:
    """Return the series that share a product or a group with one that has changed or is gone."""
    touched = np.isin(whole.codes[1], np.concatenate([whole.codes[1][changed], kept.group[gone]]))
    products = np.concatenate([whole.panel.item_id[changed], kept.item_id[gone]])
    return np.asarray(touched | np.isin(whole.panel.item_id.astype(str), products.astype(str)))


def _beginning(kept: Kept, whole: Part, at: Integers, terms: Terms) -> Begin:
    """Return where the filter begins in every series: where it ended, or (place -1) at the prior."""
    periods, ended = whole.panel.units.shape[1], kept.ended
    goes_on, decays = at >= 0, ended.above.shape[1]
    below = np.repeat(terms.weight[:, None], decays, axis=1)
    above = below * terms.prior[:, None]
    level, completed = np.full((len(at), periods + 1), np.nan), np.full((len(at), periods), np.nan)
    old = at[goes_on]
    above[goes_on], below[goes_on] = ended.above[old], ended.below[old]
    level[np.ix_(np.flatnonzero(goes_on), kept.learned.pool.starts)] = ended.level[old]
    short = np.unpackbits(ended.short, axis=1, count=kept.seen).astype(np.bool_)
    filled = np.full(short.shape, np.nan)
    filled[short] = ended.expected
    panel = whole.panel
    recorded = panel.units[goes_on, : kept.seen] / panel.unit_step[goes_on, None]
    completed[goes_on, : kept.seen] = np.where(short[old], filled[old], recorded)
    return Begin(np.where(goes_on, kept.seen, 0), above, below, level, completed)


def keep(whole: Part, course: Course, digest: str, ended: Ended) -> Kept:
    """Return what the next forecast should know of this one."""
    panel, periods = whole.panel, whole.panel.units.shape[1]
    learned = course.learned._replace(pool=course.pool)
    ids = panel.item_id, panel.location_id, whole.codes[1]
    seen = *ids, marks(panel, periods), course.hasty
    return Kept(digest, panel.dates[0], course.fitted, periods, *seen, learned, ended)
