"""A dc, two stores and one supplier, planned from tables; rules are added to it one at a time."""

from types import SimpleNamespace

import numpy as np

from forecasting.paths import DemandPaths
from optimizer.executor import plain_loop
from optimizer.reorder.stage import plan_orders
from scenarios.assortment import listed_pairs
from scenarios.load import load_world
from scenarios.schema import declared
from scenarios.world import plain_frame
from tests.folders import write_tables

POLICY = "plan_date = 2024-04-15\nshortage_cost = 4\nholding_cost = 0.01\n"
PERIODS = 10
PLAIN = {
    "items": "item_id,category,unit_cost,volume_l,weight_kg,shelf_life_days\ntea,dry,2,1,0.5,\nfig,fruit,3,2,1,\n",
    "locations": "location_id,kind,storage_l\nDC,dc,\nA,store,\nB,store,\n",
    "sales": "date,item_id,location_id,units\n2024-04-14,tea,A,1\n2024-04-14,tea,B,1\n2024-04-14,fig,A,1\n",
    "stock": "item_id,location_id,on_hand\ntea,DC,40\ntea,A,1\ntea,B,1\nfig,A,1\nfig,B,1\n",
    "sources": "item_id,location_id,source_id,source_kind,lead_time_days,pack_size\n"
    "tea,DC,Sup,supplier,3,6\ntea,A,DC,dc,1,2\ntea,B,DC,dc,1,2\nfig,A,Sup,supplier,2,\nfig,B,Sup,supplier,2,\n",
    "suppliers": "supplier_id,order_days\nSup,Mon|Thu\n",
}


def company(folder, policy=POLICY, **tables):
    """The company with some tables replaced; no row of it is refused."""
    world = load_world(write_tables(folder, {**PLAIN, **tables}, policy))
    assert not world.quarantine, [str(fault) for fault in world.quarantine]
    return world


def planned(world, rate=3, shipping=None):
    """Plan the day: each item sells 1 to `rate` steps a day at each store, on four paths."""
    pairs = listed_pairs(world)
    rng = np.random.default_rng(5)
    steps = rng.integers(1, rate + 1, (len(pairs), 4, PERIODS)).astype(np.int16)
    steps[(pairs["location_id"] == "DC").to_numpy()] = 0
    dates = world.periods.dates(world.plan_date, PERIODS)
    ids = [pairs[name].to_numpy(object) for name in ("item_id", "location_id")]
    unit = world.frame("items").set_index("item_id")["unit_step"].reindex(ids[0]).to_numpy(float)
    paths = DemandPaths(steps, *ids, unit, dates, np.full(4, 0.25), 1)
    return plan_orders(world, pairs, paths, np.full(len(pairs), 2.0), plain_loop, shipping)


def evidence(world, result):
    """What a checker sees of the result, without files."""

    def frame(name):
        return result.tables[name] if name in result.tables else plain_frame(declared()[name].empty())

    return SimpleNamespace(world=world, frame=frame)


def today(result, table="purchase_orders"):
    """Today's quantities by item and place."""
    lines = result.tables[table]
    lines = lines[lines["status"] == "proposed"]
    place = "location_id" if table == "purchase_orders" else "to_location"
    return {(row["item_id"], row[place]): row["quantity"] for row in lines.to_dict("records")}
