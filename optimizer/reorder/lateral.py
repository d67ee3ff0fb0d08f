"""Transfers between stores before buying: a store with more than it will want is a source of those on its lanes.

What a store can spare is what it still has on the path and in the period where least is left, before its own next order
could arrive:

    surplus = min_{s, t < lead + wait} [stock + arrivals until t - demand_s until t] - presentation minimum

so that no path that is planned for finds the giver short for what it gave. Goods that expire are not moved.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.reorder.inputs import Given
from optimizer.reorder.rules import BETWEEN
from optimizer.reorder.terms import Terms
from scenarios.shelf_life import KEEPS
from scenarios.sourcing import store_lanes

FloatArray = npt.NDArray[np.float64]
_KEYS = ["item_id", "location_id"]
_ROUNDING = 1e-9


def with_lateral(given: Given) -> Given:
    """Return what is given with a line for each pair and the store that can help it at least cost, if any can."""
    lanes, lines = store_lanes(given.world), given.terms.lines
    if lanes.empty or lines.empty:
        return given
    surplus = spared(given)
    offers = _offers(given, lanes, surplus)
    if offers.empty:
        return given
    found = pd.concat([lines.assign(new=0), offers.assign(new=1)], ignore_index=True)
    order = found.sort_values([*_KEYS, "new"], kind="stable").index.to_numpy()
    none = np.zeros((len(offers), given.terms.can_order.shape[1]), np.bool_)
    none[:, :1] = True
    can_order = np.concatenate([given.terms.can_order, none])[order]
    terms = Terms(
        found.loc[order, lines.columns].reset_index(drop=True),
        can_order,
        given.terms.assumed,
        given.terms.without_source,
    )
    pairs = pd.MultiIndex.from_frame(given.pairs[_KEYS])
    rows = pairs.get_indexer(pd.MultiIndex.from_frame(terms.lines[_KEYS]))
    return replace(given, terms=terms, rows=rows, fixed=np.full(len(rows), np.nan), surplus=surplus)


def spared(given: Given) -> dict[tuple[str, str], float]:
    """Return the units that each store can give away today, by item and place; only where there are any."""
    world, steps, unit = given.world, given.paths.steps, given.paths.unit_step
    first = given.terms.lines.drop_duplicates(_KEYS).index.to_numpy()
    stores = set(world.frame("locations").query("kind == 'store'")["location_id"])
    ends = _expiring(given)
    listed = world.frame("assortment").set_index(_KEYS)["presentation_min"].astype(float).fillna(0.0).to_dict()
    lead = given.terms.lines["lead_periods"].to_numpy(int)
    found = {}
    for n in first:
        pair = int(given.rows[n])
        item, place = (str(given.pairs[name].iloc[pair]) for name in _KEYS)
        if place not in stores or ends[pair]:
            continue
        later = np.flatnonzero(given.terms.can_order[n, 1:])
        last = min(int(lead[n]) + (int(later[0]) + 1 if later.size else steps.shape[2]), steps.shape[2])
        there = given.position.usable[pair] + np.cumsum(given.position.arrivals[pair, :last])
        wanted = np.cumsum(steps[pair, :, :last], axis=1).max(axis=0) * unit[pair]
        least = float((there - wanted).min()) if last else float(given.position.usable[pair])
        least = min(least, float(given.position.usable[pair])) - listed.get((item, place), 0.0)
        if least >= unit[pair] - _ROUNDING:
            found[item, place] = least
    return found


def _expiring(given: Given) -> npt.NDArray[np.bool_]:
    """Return whether goods of each pair expire: what is there or to come, or what its sources bring; shape (N,)."""
    position = given.position
    ends = np.zeros(len(given.pairs), np.bool_)
    ends[given.rows[given.terms.lines["life_periods"].to_numpy(np.int64) < KEEPS]] = True
    ends |= (position.on_hand[:, :-1] > 0).any(axis=1)
    return ends | (position.receipts[:, :, :-1] > 0).any(axis=(1, 2))


def _offers(given: Given, lanes: pd.DataFrame, surplus: dict[tuple[str, str], float]) -> pd.DataFrame:
    """Return the lines of the cheapest store that can help each pair, by the cost of a unit and then by what it has."""
    lines, world = given.terms.lines, given.world
    found = [(item, place, units) for (item, place), units in surplus.items()]
    spare = pd.DataFrame(found, columns=["item_id", "from_location", "units"])
    wanted: pd.DataFrame = lines.drop_duplicates(_KEYS).merge(lanes, left_on="location_id", right_on="to_location")
    # What comes after the horizon helps nobody who is planned for, and would only be out of the way.
    in_time = wanted["lead_time_days"] < world.periods.days * given.paths.steps.shape[2]
    wanted = wanted[(wanted["barred"] == "") & (wanted["maximum"] != 0) & in_time]
    offers = wanted.merge(spare, on=["item_id", "from_location"])
    volume = world.frame("items").set_index("item_id")["volume_l"].reindex(offers["item_id"]).fillna(0).to_numpy(float)
    offers["per_unit"] = offers["cost_per_litre"].to_numpy(float) * volume
    offers["each"] = offers["per_unit"] + offers["fixed_cost"] / np.maximum(offers["units"], 1e-9)
    offers = offers.sort_values([*_KEYS, "each", "units", "from_location"], ascending=[True, True, True, False, True])
    offers = offers.drop_duplicates(_KEYS).reset_index(drop=True)
    lead = np.ceil(offers["lead_time_days"].astype(float) / world.periods.days).astype(int)
    cheapest = lines.groupby(_KEYS)["unit_cost"].min().reindex(pd.MultiIndex.from_frame(offers[_KEYS])).to_numpy(float)
    most = np.floor(offers["units"] / offers["unit_step"] + _ROUNDING).astype(np.int64)
    changed = {
        "source_id": offers["from_location"], "source_kind": BETWEEN, "lead_periods": lead, "usual_lead_periods": lead,
        "pack": 1, "minimum": 0, "maximum": most, "unit_cost": cheapest + offers["per_unit"], "collect": False,
        "order_cost": offers["fixed_cost"].astype(float), "layer_size": np.nan, "pallet_size": np.nan,
        "lead_time_sd": np.nan, "barred": "",
    }  # fmt: skip
    return offers.assign(**changed)[list(lines.columns)]
