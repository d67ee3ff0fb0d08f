"""What makes the members of a segment different: their usual figures beside those of all, in plain words."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from scenarios.schema import declared

# Share of the members below, from which a figure is told as far from the usual, and as a little away from it.
_FAR, _NEAR = 0.3, 0.1
_PLACES = 6


def segment_profiles(segments: pd.DataFrame, moved: pd.DataFrame, figures: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the table `segment_profiles`: a row for each figure of each segment.

    segments, moved: the tables of a plan; figures: of each kind, a column a figure, a row a member by its id

    value and usual are medians over the segment and over all members; standing is the share of all members below the
    segment's value, those equal to it counted by half: ½ is as everybody.
    """
    parts = []
    for kind, table in figures.items():
        mine = segments[segments["kind"] == kind].set_index("member_id")["segment"]
        came, went = (moved.loc[moved["kind"] == kind, name].value_counts() for name in ("new_segment", "old_segment"))
        for segment, members in mine[mine.index.isin(table.index)].groupby(mine):
            counts = (len(members), int(came.get(segment, 0)), int(went.get(segment, 0)))
            parts += [
                _row(kind, str(segment), counts, str(name), column.loc[members.index], column.dropna())
                for name, column in table.items()
            ]
    names = list(declared()["segment_profiles"].names)
    return pd.DataFrame([row for row in parts if row is not None], columns=names)


def _row(
    kind: str,
    segment: str,
    counts: tuple[int, int, int],
    figure: str,
    own: "pd.Series[float]",
    all_: "pd.Series[float]",
) -> dict[str, object] | None:
    own = own.dropna()
    if own.empty:
        return None
    members, came, went = counts
    value, usual = float(own.median()), float(all_.median())
    standing = float(np.mean(all_ < value) + np.mean(all_ == value) / 2)
    away = standing - 0.5
    how = "about as everybody" if abs(away) < _NEAR else ("far " if abs(away) >= _FAR else "") + (
        "above the usual" if away > 0 else "below the usual"
    )  # fmt: skip
    shown = [f"{number:,.2f}".rstrip("0").rstrip(".") for number in (value, usual)]
    return {
        "kind": kind, "segment": segment, "figure": figure, "members": members, "came": came, "went": went,
        "value": round(value, _PLACES), "usual": round(usual, _PLACES), "standing": round(standing, _PLACES),
        "text": f"{figure} {shown[0]}, {how} of {shown[1]}",
    }  # fmt: skip
