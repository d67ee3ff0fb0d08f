"""Random companies with every rule of orders at once: there is always a plan, and the check finds nothing in it."""

import datetime

import pytest
from small_company import evidence, planned

from optimizer.plan.check_changes import check_changes, check_locks
from optimizer.plan.check_orders import check_dates, check_joint_rules, check_names, check_prices, check_quantities
from optimizer.plan.check_reasons import check_reasons
from optimizer.plan.exceptions import exception_table
from scenarios.load import load_world
from tests.draws import Draw, table
from tests.folders import write_tables

DAY = datetime.date(2024, 4, 15)
ITEMS, PLACES, SUPPLIERS = [f"i{n}" for n in range(5)], ["A", "B", "DC"], ["Sup", "Far"]
CHECKS = (
    check_names,
    check_quantities,
    check_dates,
    check_locks,
    check_changes,
    check_joint_rules,
    check_prices,
    check_reasons,
)


class Cells(Draw):
    """Random cells, some of them empty; edges are as likely as ordinary values."""

    first = DAY

    def maybe(self, *values, chance=0.4):
        return self.pick(*values) if self.random.random() < chance else ""


def goods(draw):
    pairs = [(i, p) for i in ITEMS for p in PLACES]
    items = [
        (i, draw.pick("dry", "fruit"), draw.pick(1, 1, 0.5), draw.maybe(0, 2, 3.5, chance=0.9), draw.maybe(0, 1, 2),
         draw.maybe(0, 0.5), draw.maybe(0, 1, 3, 9), draw.maybe(0, 1), draw.maybe(draw.day(-2, 12), chance=0.2))
        for i in ITEMS
    ]  # fmt: skip
    stock = [(*pair, lot, draw.pick(0, 2, 9), draw.maybe(draw.day(-1, 6))) for pair in pairs for lot in ("a", "b")]
    shelves = [
        (*pair, draw.pick("active", "active", "active", "run_out"), draw.pick(0, 0, 3), draw.maybe(0, 4, 20),
         draw.maybe(0.5, 0.98), draw.maybe(0, 9), draw.maybe(draw.day(0, 12), chance=0.1))
        for pair in pairs
    ]  # fmt: skip
    columns = "item_id,category,unit_step,unit_cost,volume_l,weight_kg,shelf_life_days,salvage_value,discontinued_on"
    shelf = "item_id,location_id,status,presentation_min,shelf_capacity,service_level,shortage_cost,listed_to"
    storage = [(p, "dc" if p == "DC" else "store", draw.maybe(0, 10, 60)) for p in PLACES]
    return {
        "items": table(columns, items),
        "locations": table("location_id,kind,storage_l", storage),
        "sales": table("date,item_id,location_id,units", [("2024-04-14", i, p, 2) for i, p in pairs if p != "DC"]),
        "stock": table("item_id,location_id,lot,on_hand,expires_on", stock),
        "assortment": table(shelf, shelves),
    }


def sources(draw):
    rows = {}
    for item in ITEMS:
        for place in PLACES:
            names = [*SUPPLIERS, *(["DC"] if place != "DC" else [])]
            for name in sorted({draw.pick(*names) for _ in range(draw.pick(1, 1, 2, 3))}):
                kind = "supplier" if name in SUPPLIERS else "dc"
                start = draw.maybe(draw.day(-30, 9), chance=0.2)
                rows[item, place, name, start] = (
                    item, place, name, start, draw.maybe(draw.day(-9, 30), chance=0.2), kind,
                    draw.maybe(0, 1, 3, 9, chance=0.9), draw.maybe(0, 1, 4), draw.pick(0, 0, 5, 30),
                    draw.maybe(1, 2.5, 6), draw.maybe(4, 7), draw.maybe(12, 20),
                    draw.maybe(0, 3, 12, chance=0.2), draw.pick(0, 0, 6), draw.pick(0, 0, 1),
                )  # fmt: skip
    columns = "item_id,location_id,source_id,valid_from,valid_to,source_kind,lead_time_days,unit_cost,moq,pack_size"
    return table(f"{columns},layer_size,pallet_size,max_quantity,order_cost,priority", [rows[k] for k in sorted(rows)])


def suppliers(draw):
    rows = [
        (name, draw.pick("", "Mon|Thu", "Tue"), draw.maybe(0, 20, 900), draw.maybe(0, 5),
         draw.maybe(3, 400, chance=0.2), draw.pick("total", "per_location"), draw.maybe(0, 30), draw.maybe(15),
         draw.maybe(0, 8), draw.maybe(0, 1, 9), draw.maybe(0, 0.5, 1))
        for name in SUPPLIERS
    ]  # fmt: skip
    days = {(name, place, draw.day(0, 8)) for name in SUPPLIERS for place in PLACES for _ in draw.count(3)}
    calendar = [
        (*key, draw.pick("true", "false"), draw.pick("true", "false"), draw.maybe("11:00")) for key in sorted(days)
    ]
    breaks = [
        (name, item, begin, cost, kind)
        for name in SUPPLIERS for item in ITEMS[:2] for kind in [draw.pick("all_units", "incremental")]
        for begin, cost in ((0, 3), (draw.pick(4, 10), 2))
    ]  # fmt: skip
    columns = "supplier_id,order_days,min_order_value,min_order_units,min_order_kg,minimum_scope,truck_l,truck_kg"
    return {
        "sources": sources(draw),
        "suppliers": table(f"{columns},truck_cost,max_trucks,truck_min_fill", rows),
        "supplier_calendar": table("source_id,location_id,date,can_order,can_receive,cutoff_time", calendar),
        "price_breaks": table("supplier_id,item_id,from_quantity,unit_cost,kind", breaks),
    }


def rules(draw):
    pairs = [(i, p) for i in ITEMS for p in PLACES]
    lanes = [(a, b, draw.pick(0, 1, 2), draw.pick(0, 0.1), draw.pick(0, 1)) for a in PLACES for b in PLACES if a != b]
    budgets = {
        (DAY - datetime.timedelta(days=draw.pick(0, 7)), scope, name): draw.pick(0, 15, 200)
        for scope, name in (("all", ""), ("supplier", "Sup"), ("location", "A"), ("category", "dry"))
        if draw.random.random() < 0.4
    }
    open_orders = [
        (f"o{n}", *draw.pick(*map(list, pairs)), draw.pick("Sup", "DC"), draw.pick(0, 4, 11), draw.day(-9, 1),
         draw.day(-3, 9), draw.pick("true", "false"))
        for n in draw.count(6)
    ]  # fmt: skip
    receipts = [
        (f"r{n}", ITEMS[0], "A", "Sup", draw.day(-40, -9), draw.day(-40, -9), draw.day(-60, -1), 5, 5)
        for n in range(12)
    ]
    locks = [
        ("purchase_orders", *draw.pick(*map(list, pairs)), "quantity", draw.pick(0, 3, 12, 500), f"2024-04-14T0{n}:00")
        for n in draw.count(5)
    ]
    return {
        "lanes": table("from_location,to_location,lead_time_days,cost_per_litre,fixed_cost", lanes),
        "budgets": table(
            "period_start,scope,scope_id,component,amount", [(*key, "purchase", v) for key, v in budgets.items()]
        ),
        "open_orders": table("order_id,item_id,location_id,source_id,quantity,ordered_on,due_on,locked", open_orders),
        "receipts": table(
            "receipt_id,item_id,location_id,source_id,ordered_on,promised_on,received_on,ordered,received",
            [row for row in receipts if draw.random.random() < 0.95],
        ),
        "locks": table("target,item_id,location_id,field,value,at", locks),
    }


def company(folder, draw):
    policy = f"plan_date = {DAY}\nholding_cost = 0.01\n" + draw.pick("shortage_cost = 4\n", "service_level = 0.9\n")
    policy += draw.maybe('unmet = "backorders"\n', chance=0.3)
    return load_world(write_tables(folder, {**goods(draw), **suppliers(draw), **rules(draw)}, policy))


@pytest.mark.parametrize("seed", [pytest.param(n, marks=pytest.mark.slow) if n >= 8 else n for n in range(24)])
def test_the_check_finds_nothing_in_the_orders_of_a_random_company(tmp_path, seed):
    world = company(tmp_path, Cells(seed))
    result = planned(world)
    result.tables["exceptions"] = exception_table(result.exceptions)
    seen = evidence(world, result)
    assert [str(fault) for check in CHECKS for fault in check(seen)] == []
