"""From tables to shelf lives, delays and price breaks of the lines."""

from zlib import crc32

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm

from optimizer.reorder.position import Position
from optimizer.reorder.supply import Supply
from scenarios.sourcing import PriceTiers
from scenarios.world import World

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
# Fewer receipts than this say nothing about how late a source is.
_FEWEST_RECEIPTS = 10
_ROUNDING = 1e-9


def supply_of(
    world: World,
    lines: pd.DataFrame,
    prices: tuple[PriceTiers, FloatArray],
    stock: tuple[Position, IntArray],
    shape: tuple[int, int],
) -> Supply:
    """Return the supply of `lines` (as of `Terms`) on S paths and T periods, `shape` = (S, T).

    prices: of the lines, and what their cheapest is above the pair's, major units, shape (lines,)
    stock: position of all pairs, and the pair of each line, shape (lines,)
    """
    (position, rows), (paths, periods) = stock, shape
    step = lines["unit_step"].to_numpy(float)
    begins, extra, all_units = _breaks(lines, *prices)
    return Supply(
        shelf_periods=lines["life_periods"].to_numpy(np.int64),
        expiring=_expiring(position, rows, periods) / step[:, None],
        delay=_delays(world, lines, paths),
        break_from=begins,
        break_extra=extra,
        all_units=all_units,
        layer=_units_of(lines, "layer_size", lines["pack"].to_numpy(np.int64)),
        pallet=_pallets(lines),
        most_today=np.full(len(lines), np.inf),
    )


def _units_of(lines: pd.DataFrame, size: str, part: IntArray) -> IntArray:
    """Return steps in a layer or on a pallet, rounded to whole parts of it; 1 where the source names none."""
    steps = lines[size].to_numpy(float) / lines["unit_step"].to_numpy(float)
    whole = np.maximum(np.rint(np.nan_to_num(steps) / part), 1) * part
    return np.where(np.isnan(steps), 1, whole).astype(np.int64)


def _pallets(lines: pd.DataFrame) -> IntArray:
    pack = lines["pack"].to_numpy(np.int64)
    return _units_of(lines, "pallet_size", np.maximum(_units_of(lines, "layer_size", pack), pack))


def _expiring(position: Position, rows: IntArray, periods: int) -> FloatArray:
    """Return units on hand by their last period of sale; what lasts longer than the horizon is left out."""
    lives = min(position.on_hand.shape[1] - 1, periods)
    expiring = np.zeros((len(rows), periods))
    expiring[:, :lives] = position.on_hand[rows, :lives]
    return expiring


def _breaks(
    lines: pd.DataFrame, tiers: PriceTiers, dearer: FloatArray
) -> tuple[FloatArray, FloatArray, npt.NDArray[np.bool_]]:
    """Return from which step each price holds, what it is above the cheapest in major units a step, and its kind."""
    step = lines["unit_step"].to_numpy(float)[:, None]
    cheapest = np.nanmin(tiers.unit_cost, axis=1, keepdims=True)
    begins = np.where(np.isnan(tiers.unit_cost), np.inf, np.ceil(tiers.begins / step - _ROUNDING))
    extra = np.nan_to_num(tiers.unit_cost - cheapest + dearer[:, None]) * step
    if tiers.unit_cost.shape[1] == 1 and not dearer.any():
        return np.zeros((len(lines), 0)), np.zeros((len(lines), 0)), tiers.all_units
    return begins, extra, tiers.all_units


def _delays(world: World, lines: pd.DataFrame, paths: int) -> IntArray:
    """Return the delay of each line's orders on each path: as often as its source was that late in `receipts`.

    A source with too few receipts is late as its `lead_time_sd` says, the positive half of a normal distribution; what
    comes early is there when it was promised. All lines of a source share the draw of a path, for they come on the
    same truck.
    """
    receipts = world.frame("receipts")
    receipts = receipts[receipts["promised_on"].notna() & receipts["received_on"].notna()]
    late = [
        max(world.periods.between(first, last), 0)
        for first, last in zip(receipts["promised_on"], receipts["received_on"], strict=True)
    ]
    known = pd.Series(late, index=receipts["source_id"].astype(str).to_numpy(), dtype=float)
    delay = np.zeros((len(lines), paths), np.int64)
    deviation = np.nan_to_num(lines["lead_time_sd"].to_numpy(float)) / world.periods.days
    share = (np.arange(paths) + 0.5) / paths
    for name, at in lines.groupby("source_id").indices.items():
        seen = np.sort(known[known.index == str(name)].to_numpy())
        known_well = len(seen) >= _FEWEST_RECEIPTS
        if (seen[-1] if known_well else deviation[at].max()) == 0:
            continue
        rng = np.random.default_rng([world.policy.seed, crc32(str(name).encode())])
        drawn = rng.permutation(share)
        if known_well:
            delay[at] = seen[(drawn * len(seen)).astype(int)].astype(np.int64)
        else:
            late_by = np.maximum(norm.ppf(drawn), 0.0)
            delay[at] = np.rint(deviation[at][:, None] * late_by).astype(np.int64)
    return delay
