"""The filters of a day: what the other rooms may believe, what is held back, who belongs together."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from optimizer.filters.cancellations import Matched, match_cancellations, nothing_cancelled
from optimizer.filters.clusters import STATE as CUSTOMER_GROUPS
from optimizer.filters.customers import KIND as CUSTOMER
from optimizer.filters.customers import customer_segments
from optimizer.filters.history import CleanHistory, clean_history
from optimizer.filters.holds import hold_orders
from optimizer.filters.lines import order_lines
from optimizer.filters.places import STATE as PLACE_GROUPS
from optimizer.filters.places import place_segments
from optimizer.filters.profiles import segment_profiles
from optimizer.filters.rates import STATE as REVIEWED
from optimizer.filters.rates import hold_rates, reviewed_orders
from optimizer.filters.rationing import ration_orders
from optimizer.filters.reservations import free_of_held
from optimizer.filters.screen import Judged, screen_lines
from optimizer.filters.segments import item_segments, moves
from optimizer.filters.verdict import Verdict, final_verdict
from optimizer.plan.exceptions import ExceptionRow
from scenarios.schema import declared
from scenarios.segment_policies import PLACE, with_segment_policies
from scenarios.world import World, rows_of

_PLACES = 6
_MOST_UNMATCHED = 20


class Filter(StrEnum):
    """A part of the screening that a plan can be made without, to see what it does."""

    CANCELLATIONS = "cancellations"
    FRAUD = "fraud"
    BULK = "bulk"
    SEGMENTS = "segments"
    RATIONING = "rationing"
    STOCK_OUTS = "stock_outs"


@dataclass(frozen=True)
class Screened:
    """The world to plan with, the tables of the filters, orders not to ship, and what a person should look at.

    world: sales net of what was taken out, stock without what held orders reserve, promises to segments
    tables: order_holds, hold_rates, rationed, excluded_rows, segments, segment_moves, segment_profiles, with the
        declared columns; and rows for ``explanations`` of held and rationed orders and of moves, where there are any
    held_orders: those held, and those for which no stock is left today
    state: what the screen of the next day remembers
    proof: of the decision to hold, empty where nothing was in question
    """

    world: World
    tables: dict[str, pd.DataFrame]
    held_orders: frozenset[str]
    exceptions: list[ExceptionRow]
    state: dict[str, pa.Table]
    proof: dict[str, Any]


def screen_world(
    world: World,
    previous_segments: pd.DataFrame | None = None,
    without: Collection[Filter] = (),
    state: Mapping[str, pd.DataFrame] | None = None,
) -> Screened:
    """Screen the orders of a world and group its members.

    previous_segments: the table `segments` of the plan before, None without one
    state: state tables of the plan before, None without one
    without: filters left out: their rows stay in the history, their orders are shipped, nobody is grouped, days
        short of stock count as if all that was wanted had been sold, stock that is short goes to whoever loads first

    Sales lose what was cancelled, false, doubled or bulk; suspicious orders whose delivery is still ahead are held as
    far as there is time to review them. Without transactions only items and pairs are grouped.
    """
    lines, exceptions = order_lines(world)
    matched = match_cancellations(lines) if Filter.CANCELLATIONS not in without else nothing_cancelled(lines)
    verdict = _judged(world, lines, Filter.FRAUD in without, state)
    judged = verdict.judged
    clean = clean_history(world, lines, matched, judged, keep_bulk=Filter.BULK in without)
    decided = hold_orders(world, lines, matched.voided, judged)
    holds, held = decided.holds, frozenset(decided.holds["order_id"])
    bought = _bought(lines, matched, judged)
    grouped, frozen = _segments(clean.world, lines, bought, previous_segments, state, Filter.SEGMENTS in without)
    groups, reviewed = grouped["segments"], (state or {}).get(REVIEWED)
    tables = grouped | {
        "order_holds": holds,
        "hold_rates": hold_rates(world, lines, judged, held, reviewed),
        "excluded_rows": clean.excluded[list(declared()["excluded_rows"].names)].reset_index(drop=True),
    }
    exceptions += [*_left_out(without), *verdict.told, *decided.told, *_history(clean), *_unmatched(lines, matched)]
    kept = _as_if_in_stock(clean.world) if Filter.STOCK_OUTS in without else clean.world
    kept, freed = free_of_held(kept, lines, held)
    kept = with_segment_policies(kept, groups)
    due = lines.iloc[:0] if Filter.RATIONING in without else lines
    rations = ration_orders(kept, due, matched.voided[: len(due)], groups, held)
    tables |= {"rationed": rations.table} | _explained(tables, rations.words)
    exceptions += [*_unpromised(kept), *freed, *rations.told]
    remembered = verdict.state | frozen | reviewed_orders(world, holds, reviewed)
    return Screened(kept, tables, held | rations.nothing, exceptions, remembered, decided.proof)


def _unpromised(world: World) -> list[ExceptionRow]:
    """Return that promises to segments of pairs reach no order, where that is so."""
    if world.frame("segment_policies").empty or world.has("assortment"):
        return []
    text = "segment_policies reach no order line: they need the pairs in assortment"
    return [ExceptionRow("segment_policies", "skipped", text, {})]


def _as_if_in_stock(world: World) -> World:
    """Return the world whose sales were never short of stock."""
    sales = world.table("sales")
    at = sales.column_names.index("in_stock_share")
    never = pa.nulls(len(sales), sales.schema.field(at).type)
    return world.replace(sales=sales.set_column(at, sales.schema.field(at), never))


def _judged(world: World, lines: pd.DataFrame, trusting: bool, state: Mapping[str, pd.DataFrame] | None) -> Verdict:
    judged = screen_lines(world, lines)
    if not trusting:
        return final_verdict(world, lines, judged, state)
    nothing = np.full(len(lines), "", object)
    return Verdict(replace(judged, score=np.zeros(len(lines)), kind=nothing, reason=nothing, doubt=nothing), {}, [])


def _explained(tables: Mapping[str, pd.DataFrame], rationed: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return `explanations` of held and rationed orders, by order_id, and of moves, by kind and member, if any."""
    who = "order {} waits for {}: {}"
    rows = [
        {
            "line_id": row.order_id,
            "text": who.format(row.order_id, row.queue if isinstance(row.queue, str) else "nobody", row.reason),
            "numbers": json.dumps({"probability": row.probability}),
            "money": row.money,
        }
        for row in rows_of(tables["order_holds"])
    ]
    for row in rows_of(tables["segment_moves"]):
        name = f"{row.kind} {row.member_id}"
        text = f"{name} moves from {row.old_segment} to {row.new_segment}: {row.reason}"
        rows.append({"line_id": name, "text": text, "numbers": "{}", "money": 0})
    parts = [pd.DataFrame(rows, columns=list(rationed.columns)), rationed]
    some = [part for part in parts if len(part)]
    return {"explanations": pd.concat(some, ignore_index=True)} if some else {}


def _left_out(without: Collection[Filter]) -> list[ExceptionRow]:
    text = "the filter {} was left out of this plan, as asked"
    return [ExceptionRow(f"without {name}", "skipped", text.format(name), {}) for name in sorted(without)]


def _bought(lines: pd.DataFrame, matched: Matched, judged: Judged) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Return the share of each row that was really bought: not cancelled, not false, not doubled."""
    units = lines["units"].to_numpy(float)
    share = 1.0 - np.divide(matched.voided, units, out=np.zeros(len(lines)), where=units > 0)
    return np.where((judged.kind == "") & lines["is_order"].to_numpy(bool), share, 0.0)


def _segments(
    world: World,
    lines: pd.DataFrame,
    bought: "np.ndarray[tuple[int], np.dtype[np.float64]]",
    previous: pd.DataFrame | None,
    state: Mapping[str, pd.DataFrame] | None,
    nobody: bool,
) -> tuple[dict[str, pd.DataFrame], dict[str, pa.Table]]:
    """Return the tables segments, segment_moves and segment_profiles, and what the next day goes on with.

    nobody: the tables are empty, and nothing is gone on with
    """
    before = {}
    if previous is not None:
        before = dict(zip(zip(previous["kind"], previous["member_id"], strict=True), previous["segment"], strict=True))
    people, stores = (
        {name: segment for (kind, name), segment in before.items() if kind == wanted} for wanted in (CUSTOMER, PLACE)
    )
    customers = customer_segments(world, lines, bought, people, (state or {}).get(CUSTOMER_GROUPS))
    places = place_segments(world, stores, (state or {}).get(PLACE_GROUPS))
    parts = [item_segments(world, before), places.rows, customers.rows]
    rows = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    rows, moved = (rows.iloc[:0], moves(rows, None)) if nobody else (rows, moves(rows, previous))
    profiles = segment_profiles(rows, moved, {CUSTOMER: customers.figures, PLACE: places.figures})
    tables = {"segments": rows, "segment_moves": moved, "segment_profiles": profiles}
    return tables, {} if nobody else customers.state | places.state


def _shown(units: float) -> str:
    return f"{units:,.3f}".rstrip("0").rstrip(".")


def _history(clean: CleanHistory) -> list[ExceptionRow]:
    """Say in one row a kind what was taken out of the history, and once that the totals add up."""
    rows, table = [], clean.excluded
    for kind, part in table.groupby("kind"):
        out = round(float((part["units"] - part["kept"]).sum()), _PLACES)
        text = (
            f"{len(part):,} order lines ({kind}) count less, or not at all, in the demand history: {_shown(out)} units"
        )
        rows.append(ExceptionRow(f"history {kind}", "history", text, {"units": out}, int(part["money"].sum())))
    if len(table):
        out = round(float((table["units"] - table["kept"]).sum()), _PLACES)
        numbers = {"ordered": round(clean.ordered, _PLACES), "kept": round(clean.kept, _PLACES), "out": out}
        text = (
            f"of {_shown(clean.ordered)} units ordered {_shown(clean.kept)} count; {_shown(out)} stand in excluded_rows"
        )
        rows.append(ExceptionRow("history totals", "history", text, numbers, int(table["money"].sum())))
    if (missing := round(clean.missing, _PLACES)) > 0:
        text = f"{_shown(missing)} of the units taken out are in no sales of their period: sales fall by the rest"
        rows.append(ExceptionRow("history missing", "history", text, {"units": missing}))
    return rows


def _unmatched(lines: pd.DataFrame, matched: Matched) -> list[ExceptionRow]:
    """List the cancellations of goods that found no order, the largest first, and the sum of all."""
    goods = lines["item_id"].notna().to_numpy(bool)
    left = np.where(goods, matched.unmatched, 0.0)
    rows = []
    for n in np.argsort(-left, kind="stable")[: min(_MOST_UNMATCHED, int((left > 0).sum()))]:
        row = lines.loc[n]
        named = f", which names order {row['cancels_order_id']}," if isinstance(row["cancels_order_id"], str) else ""
        name, wanted = f"{row['order_id']}/{row['line']}", f"{_shown(left[n])} of {row['item_id']}"
        text = f"cancellation {name}{named} finds no order for {wanted}"
        rows.append(ExceptionRow(f"unmatched {name}", "history", text, {"units": round(float(left[n]), _PLACES)}))
    if count := int((left > 0).sum()):
        text = f"{count:,} cancellations find no order or not enough of it: {_shown(left.sum())} units change nothing"
        numbers = {"units": round(float(left.sum()), _PLACES), "lines": count}
        rows.append(ExceptionRow("unmatched", "history", text, numbers))
    return rows
