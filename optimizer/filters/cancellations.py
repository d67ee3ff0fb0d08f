"""Which orders were taken back? Cancellations matched to the lines they cancel, partly where they cancel a part."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from scenarios.world import rows_of

FloatArray = npt.NDArray[np.float64]
_ENOUGH = 1e-9


@dataclass(frozen=True)
class Matched:
    """voided: units taken back of each line, shape (lines,); unmatched: units of cancelling lines that found none.

    Both follow the rows of the transactions; a line that cancels has voided 0, an order line unmatched 0.
    """

    voided: FloatArray
    unmatched: FloatArray


def match_cancellations(lines: pd.DataFrame) -> Matched:
    """Match lines with negative units to earlier ones.

    lines: columns order_id, line, customer_id, item_id, units, cancels_order_id, cancels_line; sorted by time

    A named order (and line) comes first; else lines of the same customer and item before it, the latest first. What
    remains of a cancellation goes on to the next; what finds nothing is left over.
    """
    units = lines["units"].to_numpy(float)
    voided, unmatched = np.zeros(len(lines)), np.zeros(len(lines))
    named = _by_key(lines, ["order_id"])
    alike = _by_key(lines, ["customer_id", "item_id"])
    for row in rows_of(lines[units < 0]):
        left = -float(row.units)
        candidates: list[int] = []
        if isinstance(row.cancels_order_id, str):
            candidates = [n for n in named.get((row.cancels_order_id,), []) if _is_line(lines, n, row)]
        elif isinstance(row.customer_id, str):
            candidates = [n for n in alike.get((row.customer_id, row.item_id), []) if n < row.Index][::-1]
        for n in candidates:
            taken = min(left, units[n] - voided[n])
            if taken > 0:
                voided[n] += taken
                left -= taken
            if left <= _ENOUGH:
                break
        unmatched[row.Index] = max(left, 0.0)
    return Matched(voided, unmatched)


def _by_key(lines: pd.DataFrame, names: list[str]) -> dict[tuple[object, ...], list[int]]:
    """Return the order lines (units above 0) of each key, in time order; only keys that a cancellation can ask for."""
    found: dict[tuple[object, ...], list[int]] = {}
    cancelling = lines[lines["units"] < 0]
    wanted = cancelling["cancels_order_id"].dropna() if names == ["order_id"] else cancelling["customer_id"].dropna()
    chosen = lines[(lines["units"] > 0) & lines[names[0]].isin(set(wanted))]
    for key, n in zip(chosen[names].itertuples(index=False, name=None), chosen.index, strict=True):
        found.setdefault(key, []).append(int(n))
    return found


def _is_line(lines: pd.DataFrame, n: int, row: object) -> bool:
    """Return whether line n is meant: the same item, and the line number where one is named."""
    named = row.cancels_line  # type: ignore[attr-defined]
    same = lines["item_id"].iloc[n] == row.item_id  # type: ignore[attr-defined]
    return bool(same and (pd.isna(named) or lines["line"].iloc[n] == named))
