"""Which item is planned where: the assortment, or what was seen of late where no assortment is given."""

from datetime import timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from scenarios.world import World

_SEEN_DAYS = 90
_KEYS = ["item_id", "location_id"]


def listed_pairs(world: World) -> pd.DataFrame:
    """Return the pairs to plan with columns item_id, location_id and status, sorted by both, index 0 to N - 1.

    With an assortment: its pairs listed on the plan date and not blocked. Without: pairs seen in sales of the last
    90 days, in stock or in sources. Items discontinued before the plan date are left out.
    """
    pairs = _from_assortment(world) if world.has("assortment") else _from_traces(world)
    items = world.frame("items").set_index("item_id")
    ended = items.index[(items["discontinued_on"].notna()) & (items["discontinued_on"] < world.plan_date)]
    pairs = pairs[~pairs["item_id"].isin(ended)]
    return pairs.sort_values(_KEYS, kind="stable").reset_index(drop=True)


def _from_assortment(world: World) -> pd.DataFrame:
    table = world.frame("assortment")
    begun = table["listed_from"].isna() | (table["listed_from"] <= world.plan_date)
    going = table["listed_to"].isna() | (table["listed_to"] >= world.plan_date)
    listed: pd.DataFrame = table.loc[begun & going & (table["status"] != "blocked"), [*_KEYS, "status"]]
    return listed


def _from_traces(world: World) -> pd.DataFrame:
    sales = world.table("sales")
    since = world.plan_date - timedelta(days=_SEEN_DAYS)
    recent = sales.filter(pc.greater_equal(sales["date"], pa.scalar(since)))
    seen = recent.group_by(_KEYS).aggregate([]).to_pandas().astype(str)
    traces = [seen, world.frame("stock")[_KEYS], world.frame("sources")[_KEYS]]
    pairs: pd.DataFrame = pd.concat(traces, ignore_index=True).drop_duplicates()
    return pairs.assign(status="active")
