"""What cleared items are expected to take from their neighbours: reported, not decided.

The decision takes the rest of a category as it stood before: to decide effects this uncertain would tie every line of a
category. What a path of prices takes from neighbours, who stand at the prices before this plan, is told beside it.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.cross import CrossEffects, taken
from forecasting.paths import DemandPaths
from forecasting.prices import log_ratio
from optimizer.markdown.inputs import Clearance
from optimizer.markdown.problem import MarkdownPlan
from optimizer.plan.exceptions import ExceptionRow

Floats = npt.NDArray[np.float64]
_DIGITS = 6


class Cannibalised(NamedTuple):
    """Units taken by each changed line until its exit, its number to (mean, low, high), and whose effects they are."""

    units: dict[int, Floats]
    cross: CrossEffects
    category: npt.NDArray[np.object_]


def cannibalised(given: Clearance, plan: MarkdownPlan, paths: DemandPaths) -> Cannibalised | None:
    """Return what changed lines take from the other ``paths``, those of all pairs; None without cross effects."""
    assert paths.response is not None and paths.reference_price is not None
    cross = paths.response.cross
    if cross is None:
        return None
    pairs = given.lines["pair"].to_numpy(int)
    changed = np.flatnonzero(plan.rung.any(axis=1))
    beside = np.flatnonzero(np.isin(cross.rest, cross.rest[pairs[changed]]))
    demand = paths.rows(beside).mean()[:, given.clock.source]
    own, place = cross.rows(beside), np.searchsorted(beside, pairs)
    reference = paths.reference_price[:, given.clock.source]
    ladder = given.problem.price / given.minor / given.paths.unit_step[:, None]
    units = {}
    for n in changed:
        until = given.clock.dates <= np.datetime64(given.lines["until"].iloc[n])
        asked = np.minimum(ladder[n, plan.rung[n, given.clock.epoch]], reference[pairs[n]])
        ratio = np.where(plan.rung[n, given.clock.epoch] > 0, log_ratio(asked, reference[pairs[n]]), 0.0)
        units[int(n)] = taken(own, int(place[n]), ratio[until], demand[:, until])
    items = given.world.frame("items").set_index("item_id")["category"]
    category = items.reindex(paths.item_id[beside]).fillna("").to_numpy(object)
    return Cannibalised(units, own, category)


def told(lines: pd.DataFrame, found: Cannibalised | None) -> pd.DataFrame:
    """Return the explained lines with what each takes from its neighbours, in words and numbers."""
    if found is None or lines.empty:
        return lines
    texts, numbers = [], []
    for n, text, own in zip(lines["line"], lines["text"], lines["numbers"], strict=True):
        mean, low, high = found.units[int(n)]
        unsure = "; that cannot be told from none" if low <= 0.0 <= high else ""
        texts.append(
            f"{text} It is expected to take {mean:,.1f} ({low:,.1f} to {high:,.1f}) units from the rest of its category"
            f" at the place, at their prices before{unsure}."
        )
        figures = dict(zip(("cannibalised", "cannibalised_low", "cannibalised_high"), found.units[int(n)], strict=True))
        figures = {name: round(float(value), _DIGITS) for name, value in figures.items()}
        numbers.append(json.dumps({**json.loads(own), **figures}, ensure_ascii=False))
    return lines.assign(text=texts, numbers=numbers)


def proven(lines: pd.DataFrame, found: Cannibalised | None) -> dict[str, Any]:
    """Return the row of the certificate: what all lines take, as their explanations tell it."""
    if found is None:
        return {}
    told = [json.loads(numbers) for numbers in lines["numbers"]]
    total = {
        name: round(sum(own[f"cannibalised{end}"] for own in told), _DIGITS)
        for name, end in (("units", ""), ("low", "_low"), ("high", "_high"))
    }
    sure = sum(own["cannibalised_low"] > 0.0 or own["cannibalised_high"] < 0.0 for own in told)
    return {"cannibalisation": {**total, "lines": len(told), "told_from_none": sure, "neighbours": "prices before"}}


def exceptions(found: Cannibalised | None) -> list[ExceptionRow]:
    """Return what is known of the cross effects of the categories in clearance, in one row."""
    if found is None or not found.units:
        return []
    words, unsure = [], 0
    table = pd.DataFrame(
        {"effect": found.cross.effect, "deviation": found.cross.deviation, "told": found.cross.told()}
    ).groupby(found.category)
    for name, rows in table:
        mean, deviation = float(rows["effect"].mean()), float(rows["deviation"].mean())
        unsure += not rows["told"].any()
        words.append(f"{name or 'without a category'} {mean:+.2f} ± {deviation:.2f}")
    text = (
        f"neighbours' prices move demand of an item by ({', '.join(words)}) per unit of their log price;"
        f" in {unsure} of {len(words)} categories that cannot be told from none. Prices are decided as if neighbours"
        " sold what they sold before; what each cleared item takes from them stands in its explanation"
    )
    return [ExceptionRow("cross effects", "assumed", text, {"categories": len(words), "not_told_from_none": unsure})]
