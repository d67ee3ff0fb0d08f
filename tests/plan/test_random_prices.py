"""Random companies with every kind of price at once: whatever the tables say, the check believes what was decided."""

import datetime
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import optimizer.prices
from forecasting.paths import DemandPaths
from forecasting.prices import PriceResponse
from optimizer.executor import plain_loop
from optimizer.plan.exceptions import exception_table
from optimizer.plan.verify import _CHECKS
from optimizer.prices import decide_prices
from scenarios.assortment import listed_pairs
from scenarios.load import load_world
from scenarios.schema import declared
from scenarios.world import plain_frame
from tests.draws import Draw, table
from tests.folders import write_tables

DAY = datetime.date(2024, 4, 15)
ITEMS, PLACES, PERIODS, PATHS = [f"i{n}" for n in range(8)], ["A", "B"], 21, 12
LADDERS = "ladder_id,rung,share_of_regular,price\nlow,1,0.9,\nlow,2,0.7,\nlow,3,0.5,\nfix,1,,7\nfix,2,,4\nfix,3,,2.5\n"


class Cells(Draw):
    """Random cells, some of them empty."""

    first = DAY

    def price(self):
        return round(float(self.random.uniform(2, 12)), 2)

    def maybe(self, value, chance=0.5):
        return value if self.random.random() < chance else ""


def goods(draw):
    items = [
        (i, draw.pick("wear", "food"), draw.maybe(draw.pick("g1", "g2"), 0.3), draw.maybe("f1", 0.4),
         draw.pick(1, 2, 3), draw.maybe(draw.price(), 0.8), round(float(draw.random.uniform(0.5, 4)), 2),
         draw.maybe(draw.pick(2, 3, 5), 0.4))
        for i in ITEMS
    ]  # fmt: skip
    pairs = [(i, p) for i in ITEMS for p in PLACES]
    stock = [(*pair, lot, draw.pick(0, 3, 12, 30), draw.maybe(draw.day(-1, 8))) for pair in pairs for lot in ("a", "b")]
    sales = [(DAY - datetime.timedelta(days=1), *pair, draw.pick(1, 2, 4), draw.maybe(draw.price())) for pair in pairs]
    prices = [
        (*pair, day, draw.maybe(now := draw.price(), 0.9), draw.maybe(round(now * draw.pick(1.0, 1.2), 2), 0.7))
        for pair in pairs
        for day in sorted({draw.day(-60, 20) for _ in draw.count(4)})
    ]
    columns = "item_id,category,price_group,family,pack_content,list_price,unit_cost,shelf_life_days"
    return {
        "items": table(columns, items),
        "locations": f"location_id,kind,cluster\nA,store,{draw.maybe('town')}\nB,store,town\nDC,dc,town\n",
        "sales": table("date,item_id,location_id,units,price", sales),
        "stock": table("item_id,location_id,lot,on_hand,expires_on", stock),
        "prices": table("item_id,location_id,valid_from,price,regular_price", prices),
    }


def rules(draw):
    rows = []
    for scope, names in (("item", ITEMS[:3]), ("group", ["g1"]), ("category", ["wear", "food"])):
        for name in (name for name in names if draw.random.random() < 0.7):
            fresh = draw.random.random() < 0.4
            rows.append(
                (scope, name, draw.pick("low", "fix"), draw.maybe(0.1), draw.maybe(0.6), draw.maybe(2), draw.maybe(7),
                 draw.maybe(draw.day(-3, 10), 0.3), draw.maybe(draw.day(-2, 40), 0.8), draw.maybe(0.8, 0.3),
                 draw.pick("hard", "soft"), draw.maybe(0.3, 0.3), draw.maybe(5, 0.3),
                 draw.pick(1, 2, 3) if fresh else "", draw.maybe(0.99, 0.3),
                 draw.maybe(draw.pick("cluster", "all", "region")))
            )  # fmt: skip
    starts = [draw.day(-10, 10) for _ in draw.count(6)]
    promotions = [
        (f"p{n}", draw.pick(*ITEMS), draw.pick(*PLACES), day, day + datetime.timedelta(days=draw.pick(0, 4, 9)),
         draw.maybe(0.2))
        for n, day in enumerate(starts)
    ]  # fmt: skip
    columns = "scope,scope_id,ladder_id,min_step,max_step,max_changes,min_days_between,no_touch_until,exit_on"
    locks = [("price_changes", draw.pick(*ITEMS), draw.pick(*PLACES), "new_price", draw.price()) for _ in draw.count(4)]
    return {
        "markdown_rules": table(
            f"{columns},sell_through,hardness,competitor_band,min_stock,days_left,ending,one_price_over", rows
        ),
        "promotions": table("promotion_id,item_id,location_id,from_date,to_date,discount", promotions),
        "competitor_prices": table(
            "date,item_id,competitor,price", [(draw.day(-40, 1), i, "x", draw.price()) for i in ITEMS[::2]]
        ),
        "price_ladders": LADDERS,
        "label_capacity": table(
            "location_id,week,labels", [(p, DAY, draw.pick(0, 2, 5)) for p in PLACES[: draw.pick(0, 1, 2)]]
        ),
        "budgets": table(
            "period_start,scope,scope_id,component,amount",
            [
                (day, *whose, "markdown", draw.pick(0, 5, 40, 90))
                for day in (DAY, DAY + datetime.timedelta(days=7))
                for whose in (("all", ""), ("location", "A"), ("category", "wear"), ("supplier", "s"))
                if draw.random.random() < 0.4
            ],
        ),
        "locks": table("target,item_id,location_id,field,value", locks),
    }  # fmt: skip


def world_of(folder, draw):
    policy = (
        f"plan_date = {DAY}\nprice_review_changes = {draw.pick(0, 2, 5)}\nprice_review_caution = {draw.pick(0, 1)}\n"
    )
    policy += "price_review_band = 0.2\nprice_review_days = 10\n" + draw.maybe('currency = "JPY"\n', 0.1)
    return load_world(write_tables(folder, {**goods(draw), **rules(draw)}, policy))


@pytest.mark.parametrize("seed", range(16))
def test_the_check_believes_every_price_of_a_random_company(tmp_path, monkeypatch, seed):
    draw = Cells(seed)
    world = world_of(tmp_path, draw)
    pairs = listed_pairs(world)
    ids = [pairs[name].to_numpy(object) for name in ("item_id", "location_id")]
    rate = draw.random.uniform(0.2, 6, len(pairs))[:, None, None]
    steps = draw.random.poisson(rate, (len(pairs), PATHS, PERIODS)).astype(np.int16)
    dates = world.periods.dates(world.plan_date, PERIODS)
    paths = DemandPaths(steps, *ids, np.ones(len(pairs)), dates, np.full(PATHS, 1 / PATHS), 1)
    slope, none = -draw.random.uniform(0.3, 4, len(pairs)), np.zeros(len(pairs), np.int64)
    response = PriceResponse(*ids, slope, np.full(len(pairs), 0.4), np.full(len(pairs), "test", object), none)
    monkeypatch.setattr(optimizer.prices, "price_response", lambda *_: response)
    found = decide_prices(world, pairs, paths, 14, plain_loop)
    tables = {"exceptions": exception_table(found.exceptions)}
    for name in ("price_changes", "explanations"):
        parts = [part[name] for part in found.parts if len(part.get(name, ()))]
        tables[name] = pd.concat(parts, ignore_index=True) if parts else found.parts[0][name]
    proofs = {"decisions": {name: proof for name, proof in found.proofs.items() if proof}}

    def frame(name):
        return (tables[name] if name in tables else plain_frame(declared()[name].empty())).copy()

    evidence = SimpleNamespace(world=world, frame=frame, certificate=proofs)
    assert [str(violation) for check in _CHECKS["price_changes"] for violation in check(evidence)] == []
    # A price of the day moved to a place that it is not for is found, whatever its kind.
    changes = tables["price_changes"]
    if len(changes):
        tables["price_changes"] = changes.assign(location_id="DC")
        assert [violation for check in _CHECKS["price_changes"] for violation in check(evidence)]
