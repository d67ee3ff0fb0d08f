"""
Screen public and made-up orders: what a cleaned history is worth, what is found, and how long it takes.

    python -m benchmarks.filters [retail] [demo] [lines] [kept] [pairs] [groups] [handbook]

retail: Online Retail, weekly WAPE of a plain mean on raw sales, net of cancellations, and clean, at past origins
demo: precision and recall against the truth of made-up companies, with and without labels
lines: seconds for 100,000 order lines; kept: CPU seconds for the handbook's last 105,000 payments, and for all of its
1.47 million, with the screen that the day before has learned; pairs: seconds to group 50,000 pairs of 83 days
groups: stable groups of Online Retail's customers, and who moves in two weeks without a purchase
handbook: see benchmarks.fraud_handbook
Every run appends to benchmarks/records.csv; nothing gates.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks import fraud_handbook
from benchmarks.records import append_record, data_folder
from optimizer.filters.cancellations import match_cancellations
from optimizer.filters.clusters import STATE as CUSTOMER_GROUPS
from optimizer.filters.history import clean_history
from optimizer.filters.lines import order_lines
from optimizer.filters.screen import Judged, screen_lines
from optimizer.filters.segments import item_segments
from optimizer.filters.stage import screen_world
from scenarios.demo import Size, write_demo
from scenarios.importers.online_retail import import_online_retail
from scenarios.load import load_world
from scenarios.world import World

SEED = 5
FIRST_ORIGIN, ORIGINS, WEEKS_BETWEEN = date(2011, 4, 4), 6, 4
PAST_WEEKS, FUTURE_WEEKS = 8, 4
COMPANIES = ((5, Size(items=40, stores=3, days=200)), (2, Size(items=80, stores=4, days=300)))


def weekly(world: World) -> pd.DataFrame:
    sales = world.frame("sales")
    day = sales["date"].to_numpy().astype("datetime64[D]")
    week = day - (day.astype(np.int64) + 3) % 7
    table = pd.DataFrame({"item": sales["item_id"], "week": week.astype("datetime64[ns]"), "units": sales["units"]})
    return table.pivot_table(index="item", columns="week", values="units", aggfunc="sum", fill_value=0.0)


def histories(world: World, origin: date) -> dict[str, World]:
    """Raw, net of cancellations, and clean, each knowing only what lies before the origin."""
    then = replace(world, plan_date=origin, _frames={})
    lines, _ = order_lines(then)
    matched, judged = match_cancellations(lines), screen_lines(then, lines)
    nothing = np.zeros(len(lines))
    blank = np.full(len(lines), "", object)
    # Against no one: every line is what its customer always buys.
    harmless = Judged(nothing, blank, blank, nothing, nothing, nothing, nothing, blank, nothing)
    return {
        "raw": then,
        "net": clean_history(then, lines, matched, harmless).world,
        "clean": clean_history(then, lines, matched, judged).world,
    }


def retail() -> None:
    source = data_folder("online_retail")
    with tempfile.TemporaryDirectory() as scratch:
        import_online_retail(source, Path(scratch))
        world = load_world(Path(scratch))
    begin = time.perf_counter()
    screened = screen_world(world)
    seconds = time.perf_counter() - begin
    totals = next(e for e in screened.exceptions if e.subject == "history totals")
    print(f"Online Retail, {world.table('transactions').num_rows:,} lines: {seconds:.1f} s; {totals.text}")
    for row in screened.exceptions:
        if row.subject.startswith("history ") or row.subject == "unmatched":
            print(f"  {row.text}")
    append_record("filters: Online Retail, share of units taken out", seconds, objective=_share(totals.numbers))
    actual = {name: weekly(found) for name, found in histories(world, world.plan_date).items() if name != "clean"}
    scores = pd.concat(
        [_scores(world, FIRST_ORIGIN + timedelta(weeks=WEEKS_BETWEEN * k), actual) for k in range(ORIGINS)]
    )
    for (history, against), part in scores.groupby(["history", "against"], sort=False):
        wape, bias = part["error"].sum() / part["units"].sum(), part["bias"].sum() / part["units"].sum()
        print(f"  weekly WAPE, {history} history against {against} weeks: {wape:.4f}, bias {bias:+.4f}")
        append_record(f"filters: Online Retail, weekly WAPE, {history} against {against}", objective=wape)


def _share(numbers: dict[str, float]) -> float:
    return numbers["out"] / numbers["ordered"]


def _scores(world: World, origin: date, actual: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Errors of the mean of the last weeks against the next ones, summed over items."""
    rows, start = [], pd.Timestamp(origin)
    for name, found in histories(world, origin).items():
        past = weekly(found).reindex(actual["raw"].index, fill_value=0.0)
        mean = past.loc[:, past.columns < start].to_numpy()[:, -PAST_WEEKS:].mean(axis=1)[:, None]
        for against, table in actual.items():
            table = table.reindex(actual["raw"].index, fill_value=0.0)
            future = table.loc[:, table.columns >= start].to_numpy()[:, :FUTURE_WEEKS]
            error, bias = np.abs(future - mean).sum(), (mean - future).sum()
            rows.append({"history": name, "against": against, "error": error, "bias": bias, "units": future.sum()})
    return pd.DataFrame(rows)


def demo() -> None:
    for seed, size in COMPANIES:
        with tempfile.TemporaryDirectory() as scratch:
            write_demo(Path(scratch), size, seed=seed)
            world = load_world(Path(scratch))
            truth = pd.read_parquet(Path(scratch) / "truth" / "orders.parquet").set_index("order_id")["truth"]
        unlabelled = world.replace(fraud_labels=world.table("fraud_labels").slice(0, 0))
        for name, given in (("labels", world), ("no labels", unlabelled)):
            reasons = screen_world(given).tables["excluded_rows"]
            order = reasons["row_key"].str.rsplit("/", n=1).str[0]
            found = set(order[reasons["reason"].str.contains("fraud")])
            fraud, ordinary = (set(truth.index[truth == kind]) for kind in ("fraud", "ordinary"))
            precision, recall = len(found & fraud) / max(len(found), 1), len(found & fraud) / len(fraud)
            touched = len(set(order) & ordinary) / len(ordinary)
            print(
                f"demo {seed}, {name}: precision {precision:.3f}, recall {recall:.3f}, ordinary touched {touched:.4f}"
            )
            append_record(f"filters: demo {seed}, {name}, precision", objective=precision)
            append_record(f"filters: demo {seed}, {name}, recall", objective=recall)


def lines(count: int = 100_000) -> None:
    """Time 100,000 order lines: each cancels an earlier one in one of fifty cases."""
    with tempfile.TemporaryDirectory() as scratch:
        write_demo(Path(scratch), Size(items=200, stores=5, days=365), seed=SEED)
        world = load_world(Path(scratch))
    rng = np.random.default_rng(SEED)
    items, places = (world.frame(t)[f"{t[:-1]}_id"].to_numpy(object) for t in ("items", "locations"))
    minute = np.sort(rng.integers(0, 180 * 24 * 60, count))
    units = np.where(
        rng.random(count) < 0.02, -1.0, rng.integers(1, 6, count) * np.where(rng.random(count) < 0.001, 99, 1)
    )
    table = pa.table(
        {
            "order_id": [f"o{n}" for n in range(count)],
            "line": np.ones(count, np.int64),
            "ordered_at": pa.array(
                np.datetime64(world.plan_date) - 180 + (minute * 60_000_000).astype("timedelta64[us]")
            ),
            "customer_id": [f"c{n}" for n in rng.integers(0, 8_000, count)],
            "item_id": items[rng.integers(0, len(items), count)].tolist(),
            "location_id": places[rng.integers(0, len(places), count)].tolist(),
            "units": units,
            "unit_price": np.full(count, 2.5),
        }
    )
    given = world.replace(transactions=table)
    begin = time.perf_counter()
    screen_world(given)
    seconds = time.perf_counter() - begin
    print(f"{count:,} order lines: {seconds:.1f} s")
    append_record(f"filters: {count} order lines", seconds)


def kept() -> None:
    """Screen the payments of eleven days and of five months with a screen learned the day before."""
    with tempfile.TemporaryDirectory() as scratch:
        fraud_handbook.import_fraud_handbook(data_folder("fraud_handbook"), Path(scratch))
        world = load_world(Path(scratch))
    first = screen_world(replace(world, plan_date=world.plan_date - timedelta(days=1), _frames={}))
    state = {name: table.to_pandas() for name, table in first.state.items()}
    paid = world.table("transactions").to_pandas()
    for days in (11, 200):
        since = pd.Timestamp(world.plan_date) - pd.Timedelta(days=days)
        some = pa.Table.from_pandas(paid[paid["ordered_at"] >= since], preserve_index=False)
        given = world.replace(transactions=some)
        begin, busy = time.perf_counter(), time.process_time()
        screen_world(given, first.tables["segments"], (), state)
        seconds, busy = time.perf_counter() - begin, time.process_time() - busy
        print(f"{some.num_rows:,} payments, kept screen: {busy:.1f} s of CPU, {seconds:.1f} s")
        append_record(f"filters: {some.num_rows} payments with a kept screen", seconds, objective=busy)


def pairs(count: int = 50_000, days: int = 83) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        write_demo(Path(scratch), Size(items=40, stores=2, days=100), seed=SEED)
        world = load_world(Path(scratch))
    items, places = [f"i{n:05d}" for n in range(count // 10)], [f"s{n}" for n in range(10)]
    rng = np.random.default_rng(SEED)
    item, place = np.repeat(items, 10).tolist(), places * (count // 10)
    last = np.datetime64(world.plan_date)
    table = pa.table(
        {
            "date": pa.array(np.repeat(last - days + np.arange(days), count)),
            "item_id": pa.array(item * days),
            "location_id": pa.array(place * days),
            "units": rng.poisson(0.8, count * days).astype(float),
        }
    )
    listed = pa.table({"item_id": items, "unit_cost": np.ones(len(items)), "list_price": np.full(len(items), 2.0)})
    given = world.replace(items=listed, sales=table)
    begin = time.perf_counter()
    groups = item_segments(given, {})
    seconds = time.perf_counter() - begin
    print(f"{count:,} pairs × {days} days: {len(groups):,} members in {seconds:.1f} s")
    append_record(f"filters: segments of {count} pairs, {days} days", seconds)


def groups() -> None:
    """Group the customers of Online Retail, and again two weeks later with the groups frozen."""
    with tempfile.TemporaryDirectory() as scratch:
        import_online_retail(data_folder("online_retail"), Path(scratch))
        world = load_world(Path(scratch))
    then = replace(world, plan_date=world.plan_date - timedelta(weeks=2), _frames={})
    first = screen_world(then)
    state = {name: table.to_pandas() for name, table in first.state.items()}
    second = screen_world(world, first.tables["segments"], (), state)
    frozen = state[CUSTOMER_GROUPS]
    people = [found.tables["segments"].query("kind == 'customer'") for found in (first, second)]
    both = people[0].merge(people[1], on="member_id", suffixes=("_before", ""))
    orders = world.frame("transactions")
    buyers = set(
        orders.loc[pd.to_datetime(orders["ordered_at"]) >= pd.Timestamp(then.plan_date), "customer_id"].dropna()
    )
    quiet = both[~both["member_id"].isin(buyers)]
    changed = float((quiet["segment"] != quiet["segment_before"]).mean())
    agreement = float(frozen["agreement"].iloc[0])
    print(f"Online Retail: {len(frozen)} groups of customers, agreement {agreement:.3f}")
    print(f"  two weeks later {changed:.3f} of {len(quiet):,} customers who bought nothing are in another group")
    append_record("filters: Online Retail, agreement of groups", objective=agreement)
    append_record("filters: Online Retail, moved without a purchase", objective=changed)


CASES = {
    "retail": retail,
    "demo": demo,
    "lines": lines,
    "kept": kept,
    "pairs": pairs,
    "groups": groups,
    "handbook": fraud_handbook.main,
}


def main(names: list[str]) -> None:
    for name in names or list(CASES):
        CASES[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
