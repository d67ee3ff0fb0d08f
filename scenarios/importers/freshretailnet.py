"""FreshRetailNet-50K (Dingdong fresh grocery): daily sales of store-products with hours out of stock."""

from pathlib import Path

import duckdb

from scenarios.importers.writing import require_files, write_folder

_ASSUMPTIONS = (
    "The data give no stock, no cost and no supply: stock 0, unit cost 1, lead time 1 day, an order every day.",
    "Sales are in steps of .1; the 2 % of recorded figures off that step are kept as recorded.",
    "in_stock_share is 1 − hours out of stock / 16: the share of the hours 6 to 22 with stock.",
    "No prices are given, only a discount ratio: it becomes promotions, and price decisions are not possible.",
    "Goods are sold within the day's stock; no shelf life is given, so none expires.",
)
_OPENING_HOURS = 16


def import_freshretailnet(source: Path, folder: Path) -> list[str]:
    """Turn `daily.parquet` in `source` into tables in `folder`; return the names of the tables.

    Raises FileNotFoundError when the file is missing.
    """
    (daily,) = require_files(source, ["daily.parquet"])
    with duckdb.connect() as connection:
        quoted = str(daily).replace("'", "''")
        connection.execute(f"""CREATE VIEW daily AS
            SELECT *, CAST(dt AS DATE) AS date, CAST(product_id AS VARCHAR) AS item_id,
                CAST(store_id AS VARCHAR) AS location_id
            FROM read_parquet('{quoted}')""")
        day = connection.execute("SELECT max(date) + 1 FROM daily").fetchall()[0][0]
        policy = {
            "period": "day",
            "plan_date": day.isoformat(),
            "currency": "CNY",
            "review_days": 1,
            "lead_time_days": 1,
            "unmet": "lost_sales",
        }
        return write_folder(connection, folder, _queries(), policy, _ASSUMPTIONS)


def _queries() -> dict[str, str]:
    categories = "CAST(any_value({0}_category_id) AS VARCHAR)"
    return {
        "items": f"""SELECT item_id, {categories.format("first")} AS category,
                     {categories.format("third")} AS subcategory, 0.1 AS unit_step,
                     1.0 AS unit_cost FROM daily GROUP BY item_id ORDER BY item_id""",
        "locations": """SELECT location_id, 'store' AS kind, CAST(any_value(city_id) AS VARCHAR) AS region FROM daily
                        GROUP BY location_id ORDER BY location_id""",
        "sales": f"""SELECT date, item_id, location_id, sale_amount AS units,
                     1 - stockout_hours_6_22 / {_OPENING_HOURS} AS in_stock_share
                     FROM daily ORDER BY date, item_id, location_id""",
        "stock": """SELECT DISTINCT item_id, location_id, 0.0 AS on_hand FROM daily ORDER BY item_id, location_id""",
        "calendar": """SELECT DISTINCT date, 'holiday' AS event, 'holiday' AS kind FROM daily WHERE holiday_flag = 1
                       ORDER BY date""",
        "weather": """SELECT date, CAST(city_id AS VARCHAR) AS region, avg(avg_temperature) AS temperature_c,
                      avg(precpt) AS precipitation_mm, avg(avg_humidity) AS humidity, avg(avg_wind_level) AS wind
                      FROM daily GROUP BY ALL ORDER BY ALL""",
        "promotions": _PROMOTIONS,
    }


# Consecutive days of one pair with the same discount are one promotion.
_PROMOTIONS = """
    WITH marked AS (
        SELECT item_id, location_id, date, round(1 - discount, 4) AS share, activity_flag,
            date - CAST(row_number() OVER (PARTITION BY item_id, location_id, discount, activity_flag ORDER BY date)
            AS INTEGER) AS run
        FROM daily WHERE discount < 1 OR activity_flag = 1)
    SELECT strftime(min(date), '%Y%m%d') || '-' || CAST(any_value(activity_flag) AS VARCHAR) AS promotion_id,
        item_id, location_id, min(date) AS from_date, max(date) AS to_date,
        CASE WHEN any_value(activity_flag) = 1 THEN 'activity' ELSE 'discount' END AS kind,
        greatest(any_value(share), 0) AS discount
    FROM marked GROUP BY item_id, location_id, share, activity_flag, run ORDER BY item_id, location_id, from_date
"""
