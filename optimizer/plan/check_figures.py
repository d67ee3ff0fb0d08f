"""Do the figures add up? Stock to come, costs, key figures, each recomputed from the other tables."""

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pandas as pd

from optimizer.plan.check import UNITS_TOLERANCE, Evidence, Violation, free_stock
from scenarios.money import minor_digits, shown, to_minor
from scenarios.tariff import cost_rows, tariff
from scenarios.world import rows_of

_KEYS = ["item_id", "location_id"]
_COMPONENTS = {"purchase_amount": "purchase", "order_cost": "order", "transfer_cost": "transfer"}
_EXPECTED = {"holding_cost": "holding", "shortage_cost": "shortage", "waste_cost": "waste"}
# Minor units by which the cost of a pair may differ between two tables: three components, each rounded once, from means
# of many periods rounded to six decimals.
_ROUNDED = 5.0
# Share of the paths that are the worst, and by how much a weight may be off where files keep six decimals.
_TAIL, _DECIMALS = 0.05, 1e-6


def check_balance(evidence: Evidence) -> Iterator[Violation]:
    """Each period closes with what it opened with, plus receipts, less what left; the next opens with that."""
    table = evidence.frame("projection").sort_values([*_KEYS, "date"], kind="stable").reset_index(drop=True)
    served = table["demand_mean"] + table["shipped"] - _newly_short(evidence, table)
    closing = table["opening"] + table["receipts"] - served - table["expired_mean"]
    for row in rows_of(table[(closing - table["closing_mean"]).abs() > UNITS_TOLERANCE]):
        place = f"{row.item_id} {row.location_id} {row.date}"
        yield Violation(
            "projection", place, f"closes with {row.closing_mean:g}, the balance gives {closing[row.Index]:g}"
        )
    same = (table[_KEYS] == table[_KEYS].shift()).all(axis=1)
    jump = same & ((table["opening"] - table["closing_mean"].shift()).abs() > UNITS_TOLERANCE)
    for row in rows_of(table[jump]):
        place = f"{row.item_id} {row.location_id} {row.date}"
        yield Violation("projection", place, f"opens with {row.opening:g}, not with the closing before")
    share = table["out_of_stock_probability"]
    for row in rows_of(table[(share < 0) | (share > 1) | (table["lost_mean"] < -UNITS_TOLERANCE)]):
        yield Violation(
            "projection", f"{row.item_id} {row.location_id} {row.date}", "holds a share or a loss that cannot be"
        )


def _newly_short(evidence: Evidence, table: pd.DataFrame) -> "pd.Series[float]":
    """Return demand that took no stock: lost, or nothing where it is owed, since owed demand counts in the closing."""
    if evidence.world.policy.unmet == "backorders":
        return table["lost_mean"] * 0.0
    return table["lost_mean"]


def check_opening(evidence: Evidence) -> Iterator[Violation]:
    """Compare the first opening with the stock of the inputs: usable lots, less what is reserved, held or owed."""
    world = evidence.world
    stock = free_stock(evidence)
    usable = stock["expires_on"].isna() | (stock["expires_on"].fillna(world.plan_date) >= world.plan_date)
    units = stock["units"].where(usable, 0.0)
    if world.policy.unmet == "backorders":
        units = units - stock["backordered"]
    given = units.groupby([stock["item_id"], stock["location_id"]]).sum()
    table = evidence.frame("projection")
    first = table[table["date"] == world.plan_date]
    expected = given.reindex(pd.MultiIndex.from_frame(first[_KEYS])).fillna(0.0).to_numpy()
    wrong = np.abs(first["opening"].to_numpy() - expected) > UNITS_TOLERANCE
    for row, units_there in zip(rows_of(first[wrong]), expected[wrong], strict=True):
        yield Violation(
            "projection", f"{row.item_id} {row.location_id}", f"opens with {row.opening:g}, stock has {units_there:g}"
        )


def check_receipts(evidence: Evidence) -> Iterator[Violation]:
    """Receipts are the open orders due and the plan's own lines, no more and no less; so is what dcs ship."""
    world, table = evidence.world, evidence.frame("projection")
    if table.empty:
        return
    orders, own, moves = _sellable(evidence), evidence.frame("purchase_orders"), evidence.frame("transfers")
    moved = moves.rename(columns={"to_location": "location_id"})
    shared = [*_KEYS, "due_on", "quantity"]
    due = pd.concat([orders[shared], own[shared], moved[shared]], ignore_index=True)
    due["date"] = [max(world.periods.start(day), world.plan_date) for day in due["due_on"]]
    yield from _compare(table, "receipts", due)
    sent = moves.rename(columns={"from_location": "location_id"})[[*_KEYS, "ship_on", "quantity"]]
    sent["date"] = [world.periods.start(day) for day in sent["ship_on"]]
    yield from _compare(table, "shipped", sent)


def _sellable(evidence: Evidence) -> pd.DataFrame:
    """Return the open orders that bring what a place takes and can sell, days of life counted from their arrival."""
    world = evidence.world
    orders, least = world.frame("open_orders"), world.frame("assortment").set_index(_KEYS)["min_life_days"].to_dict()
    kept = []
    for row in rows_of(orders):
        asked = least.get((row.item_id, row.location_id))
        days = 1 if asked is None or pd.isna(asked) else max(int(asked), 1)
        last_asked = max(row.due_on, world.plan_date) + timedelta(days=days - 1)
        kept.append(row.expires_on is None or pd.isna(row.expires_on) or row.expires_on >= last_asked)
    chosen: pd.DataFrame = orders[np.array(kept, bool)]
    return chosen


def _compare(table: pd.DataFrame, column: str, moved: pd.DataFrame) -> Iterator[Violation]:
    keys = [*_KEYS, "date"]
    inside = moved[moved["date"] <= table["date"].max()]
    sums = inside.groupby(keys)["quantity"].sum().rename("sum").reset_index()
    both = table[[*keys, column]].merge(sums, on=keys, how="outer").fillna({column: 0.0, "sum": 0.0})
    # Pairs that are not planned any more may still receive; the projection does not show them.
    planned = pd.MultiIndex.from_frame(both[_KEYS]).isin(pd.MultiIndex.from_frame(table[_KEYS].drop_duplicates()))
    wrong = planned & ((both[column] - both["sum"]).abs() > UNITS_TOLERANCE)
    for row in rows_of(both[wrong]):
        place = f"{row.item_id} {row.location_id} {row.date}"
        yield Violation("projection", place, f"{column} {getattr(row, column):g}, the lines give {row.sum:g}")


def check_demand(evidence: Evidence) -> Iterator[Violation]:
    """Compare the projection's mean demand with the forecast's."""
    forecast = evidence.frame("forecast")
    means = forecast[forecast["level"] == "mean"]
    both = evidence.frame("projection").merge(means, on=[*_KEYS, "date"], how="left")
    for row in rows_of(both[~((both["demand_mean"] - both["units"]).abs() <= UNITS_TOLERANCE)]):
        place = f"{row.item_id} {row.location_id} {row.date}"
        yield Violation("projection", place, f"mean demand {row.demand_mean:g}, the forecast says {row.units:g}")


def check_costs(evidence: Evidence) -> Iterator[Violation]:
    """Costs are those of the lines and of the projected stock, none missing, none twice."""
    yield from _line_costs(evidence)
    yield from _stock_costs(evidence)


def _line_costs(evidence: Evidence) -> Iterator[Violation]:
    currency = evidence.world.policy.currency
    orders, costs = evidence.frame("purchase_orders"), evidence.frame("costs")
    booked = costs[costs["component"] == "purchase"].set_index("line_id")["amount"]
    for row in rows_of(orders):
        amount = int(booked.get(row.line_id, 0))
        if amount != row.amount:
            words = f"books {shown(amount, currency)}, the line costs {shown(row.amount, currency)}"
            yield Violation("costs", row.line_id, words)
    for line in set(booked.index) - set(orders["line_id"]):
        yield Violation("costs", str(line), "books a purchase that is no line of the plan")
    asked = evidence.world.frame("sources")[[*_KEYS, "source_id", "order_cost"]].drop_duplicates(
        [*_KEYS, "source_id"], keep="last"
    )
    lines = orders.merge(asked, on=[*_KEYS, "source_id"], how="left")
    handling = costs[costs["component"] == "order"].set_index("line_id")["amount"]
    for row in rows_of(lines):
        wanted = to_minor(0.0 if pd.isna(row.order_cost) else row.order_cost, currency)
        if int(handling.get(row.line_id, 0)) != wanted:
            yield Violation("costs", row.line_id, f"the order cost should be {shown(wanted, currency)}")
    today = set(orders.loc[orders["status"] == "proposed", "line_id"])
    bought = costs[costs["component"].isin(["purchase", "order"])]
    for row in rows_of(bought[bought["line_id"].isin(today) != (bought["nature"] == "cash")]):
        yield Violation("costs", row.cost_id, f"is booked as {row.nature}; only today's lines are cash")


def _stock_costs(evidence: Evidence) -> Iterator[Violation]:
    world, table = evidence.world, evidence.frame("projection")
    pairs = table[_KEYS].drop_duplicates().reset_index(drop=True)
    sums = (
        table.groupby(_KEYS)[["closing_mean", "lost_mean", "expired_mean"]]
        .sum()
        .reindex(pd.MultiIndex.from_frame(pairs))
    )
    demand = table.groupby(_KEYS)["demand_mean"].mean().reindex(pd.MultiIndex.from_frame(pairs)).to_numpy(float)
    rates = tariff(world, pairs, demand)
    kept = sums["closing_mean"] + (sums["lost_mean"] if world.policy.unmet == "backorders" else 0.0)
    minor = 10 ** minor_digits(world.policy.currency)
    costs = evidence.frame("costs")
    bases = (
        ("holding", kept, rates.holding),
        ("shortage", sums["lost_mean"], rates.shortage),
        ("waste", sums["expired_mean"], rates.waste),
    )
    for component, units, rate in bases:
        booked = costs[costs["component"] == component].set_index(_KEYS)["amount"]
        found = booked[~booked.index.duplicated()].reindex(pd.MultiIndex.from_frame(pairs)).fillna(0).to_numpy(float)
        expected = cost_rows(units.to_numpy(float), rate, minor)
        for n in np.flatnonzero(np.abs(found - expected) > 1):
            texts = [shown(int(figure), world.policy.currency) for figure in (found[n], expected[n])]
            yield Violation(
                "costs", " ".join(pairs.iloc[n]), f"{component} {texts[0]}, the projection gives {texts[1]}"
            )


def check_risk(evidence: Evidence) -> Iterator[Violation]:
    """Expect of each pair what `costs` expect; the paths add up to the pairs, the worst cost no less in all."""
    costs, risk = evidence.frame("costs"), evidence.frame("risk")
    expected = costs[(costs["nature"] == "expected") & costs["component"].isin(_EXPECTED.values())]
    sums = expected.groupby(_KEYS)["amount"].sum()
    told = risk.set_index(_KEYS)["expected_cost"]
    both = pd.concat([sums, told], axis=1, keys=["costs", "risk"]).fillna(0.0)
    for row in rows_of(both[(both["costs"] - both["risk"]).abs() > _ROUNDED]):
        yield Violation("risk", " ".join(row.Index), f"expects {row.risk:g}, costs expect {row.costs:g} minor units")
    if risk["tail_cost"].sum() < risk["expected_cost"].sum() - len(risk):
        yield Violation("risk", "", "the worst paths cost less than all of them")
    paths = evidence.frame("path_costs").sort_values("cost", ascending=False, kind="stable")
    weight, cost = paths["weight"].to_numpy(float), paths["cost"].to_numpy(float)
    if len(paths) and abs(weight.sum() - 1.0) > _DECIMALS * len(paths):
        yield Violation("path_costs", "", f"weights add up to {weight.sum():g}")
    worst = np.clip(_TAIL - (np.cumsum(weight) - weight), 0.0, weight) / _TAIL
    for name, weights in (("expected_cost", weight), ("tail_cost", worst)):
        told_of_pairs = int(risk[name].sum())
        # Each pair and path is rounded to a minor unit, each weight to six decimals.
        allowed = len(risk) + 1 + _DECIMALS / _TAIL * float(np.abs(cost).sum())
        if abs(float(weights @ cost) - told_of_pairs) > allowed:
            yield Violation("path_costs", name, f"the paths give {weights @ cost:.0f}, the pairs {told_of_pairs}")


def check_kpis(evidence: Evidence) -> Iterator[Violation]:
    """Each key figure is the sum of the rows it stands for."""
    world, costs = evidence.world, evidence.frame("costs")
    kpis = evidence.frame("kpis").set_index("name")["value"]
    minor = 10 ** minor_digits(world.policy.currency)
    orders, table = evidence.frame("purchase_orders"), evidence.frame("projection")
    cash = costs["nature"].isin(["cash", "accrual"])
    sums = {
        name: costs.loc[cash & (costs["component"] == part), "amount"].sum() / minor
        for name, part in _COMPONENTS.items()
    }
    sums |= {name: costs.loc[costs["component"] == part, "amount"].sum() / minor for name, part in _EXPECTED.items()}
    sums["finance_total"] = costs.loc[cash, "amount"].sum() / minor
    sums["order_lines"] = float((orders["status"] == "proposed").sum())
    sums["lost_units"] = table["lost_mean"].sum()
    sums["cost_cvar95"] = evidence.frame("risk")["tail_cost"].sum() / minor
    for name, value in sums.items():
        if name not in kpis.index:
            yield Violation("kpis", name, "is missing")
        elif abs(kpis[name] - value) > max(UNITS_TOLERANCE, 1e-9 * abs(value)):
            yield Violation("kpis", name, f"says {kpis[name]:,.2f}, the tables give {value:,.2f}")
