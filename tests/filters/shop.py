"""A tea shop with web orders, small enough to work out by hand."""

from scenarios.load import load_world
from tests.folders import sales_of, tea_shop

HEAD = "order_id,line,ordered_at,customer_id,item_id,location_id,units,unit_price,device,cancels_order_id\n"
# Five weeks from 2024-03-04 on, 6 or 8 tea a day; the plan date is 2024-04-08.
SALES = [6.0 + 2 * (n % 2) for n in range(35)]


def order(name, day, customer, units, line=1, item="tea_250", device="", cancels="", time="10:00"):
    """One row of transactions; the device is the customer's own unless it is said."""
    device = device or (f"d-{customer}" if customer else "")
    return f"{name},{line},2024-{day}T{time}:00,{customer},{item},S2,{units:g},3.2,{device},{cancels}\n"


def usual():
    """60 ordinary orders of one or two tea by six customers, each seen on ten days; sales hold them."""
    days = [f"03-{5 + n % 20:02d}" for n in range(60)]
    return "".join(order(f"w{n}", days[n], f"c{n % 6}", 1 + n % 2, time=f"1{n % 6}:{n:02d}") for n in range(60))


def shop(folder, more="", booked=None, **tables):
    """The world of the shop with `more` orders (None: no orders at all).

    booked: units of tea added to the sales of a day, by its number from 2024-03-04
    """
    units = [u + (booked or {}).get(n, 0) for n, u in enumerate(SALES)]
    sales = "date,item_id,location_id,units\n" + sales_of("tea_250", "S2", units)
    given = {"transactions": HEAD + usual() + more} if more is not None else {}
    return load_world(tea_shop(folder, {"sales": sales, **given, **tables}))


def tea_sold(world):
    """Units of tea by day, from 2024-03-04 on."""
    sales = world.frame("sales")
    return sales.loc[sales["item_id"] == "tea_250"].sort_values("date")["units"].tolist()
