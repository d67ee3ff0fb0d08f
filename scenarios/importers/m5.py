"""M5 (Walmart): daily sales of items in ten stores with prices and a calendar of events."""

from pathlib import Path

import duckdb

from scenarios.importers.writing import require_files, write_folder

_SALES = ("sales_train_evaluation", "sales_train_validation", "sales_sample_432_series_until_d1913")
_ASSUMPTIONS = (
    "M5 gives no stock, cost or supply: stock is a week of mean sales of the last four weeks, lead time 2 days.",
    "An item costs 70 % of its last price.",
    "Sales before the first sale of a series are no zeros: the series begins with its first sale.",
    "in_stock_share is not given: every day counts as in stock.",
    "SNAP days are calendar events of the state, named SNAP.",
)


def import_m5(source: Path, folder: Path) -> list[str]:
    """Turn M5's sales, calendar and price files (CSV or Parquet) in `source` into tables; return their names.

    Raises FileNotFoundError when a file is missing.
    """
    sales = next((path for name in _SALES if (path := _either(source, name)) is not None), None)
    if sales is None:
        raise FileNotFoundError(f"{source} lacks {_SALES[0]}.csv (or .parquet)")
    prices = _either(source, "sell_prices") or require_files(source, ["sell_prices.csv"])[0]
    calendar = _either(source, "calendar") or require_files(source, ["calendar.csv"])[0]
    with duckdb.connect() as connection:
        for name, path in (("wide", sales), ("sell_prices", prices), ("days", calendar)):
            quoted = str(path).replace("'", "''")
            reader = "read_csv" if path.suffix == ".csv" else "read_parquet"
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM {reader}('{quoted}')")
        for statement in _PREPARATION:
            connection.execute(statement)
        day = connection.execute("SELECT max(date) + 1 FROM history").fetchall()[0][0]
        policy = {
            "period": "day",
            "plan_date": day.isoformat(),
            "currency": "USD",
            "review_days": 1,
            "lead_time_days": 2,
            "unmet": "lost_sales",
        }
        return write_folder(connection, folder, _queries(day.isoformat()), policy, _ASSUMPTIONS)


def _either(source: Path, name: str) -> Path | None:
    return next((path for suffix in (".parquet", ".csv") if (path := source / f"{name}{suffix}").is_file()), None)


_PREPARATION = (
    """CREATE TABLE long AS UNPIVOT wide ON COLUMNS('^d_\\d+$') INTO NAME d VALUE units""",
    """CREATE TABLE history AS
        SELECT CAST(days.date AS DATE) AS date, item_id, store_id AS location_id, CAST(units AS DOUBLE) AS units,
            wm_yr_wk, cat_id, dept_id, state_id
        FROM long JOIN days USING (d)
        QUALIFY sum(units) OVER (PARTITION BY item_id, store_id ORDER BY days.date) > 0""",
    """CREATE TABLE listed AS SELECT DISTINCT item_id, location_id FROM history""",
)


def _queries(plan_date: str) -> dict[str, str]:
    recent = f"date >= DATE '{plan_date}' - 28"
    return {
        "items": """SELECT item_id, any_value(cat_id) AS category, any_value(dept_id) AS subcategory,
                    round(last(sell_price ORDER BY sell_prices.wm_yr_wk) * .7, 4) AS unit_cost,
                    last(sell_price ORDER BY sell_prices.wm_yr_wk) AS list_price
                    FROM (SELECT DISTINCT item_id, cat_id, dept_id FROM history) JOIN sell_prices USING (item_id)
                    GROUP BY item_id ORDER BY item_id""",
        "locations": """SELECT location_id, 'store' AS kind, any_value(state_id) AS region FROM history
                    GROUP BY location_id ORDER BY location_id""",
        "sales": """SELECT date, history.item_id, location_id, units, sell_price AS price FROM history
                    LEFT JOIN sell_prices ON history.item_id = sell_prices.item_id
                        AND location_id = sell_prices.store_id AND history.wm_yr_wk = sell_prices.wm_yr_wk
                    WHERE units > 0 ORDER BY ALL""",
        "stock": f"""SELECT item_id, location_id, ceil(sum(units) / 4) AS on_hand FROM history WHERE {recent}
                    GROUP BY ALL ORDER BY ALL""",
        "prices": """WITH begins AS (
                        SELECT wm_yr_wk, CAST(min(date) AS DATE) AS valid_from FROM days GROUP BY wm_yr_wk),
                    weekly AS (
                        SELECT item_id, store_id AS location_id, valid_from, sell_price AS price
                        FROM sell_prices JOIN begins USING (wm_yr_wk)
                        SEMI JOIN listed ON sell_prices.item_id = listed.item_id
                            AND sell_prices.store_id = listed.location_id)
                    SELECT * FROM weekly QUALIFY price IS DISTINCT FROM
                        lag(price) OVER (PARTITION BY item_id, location_id ORDER BY valid_from)
                    ORDER BY item_id, location_id, valid_from""",
        "calendar": """SELECT CAST(date AS DATE) AS date, event_name_1 AS event, '' AS region, event_type_1 AS kind
                    FROM days WHERE event_name_1 IS NOT NULL
                    UNION ALL SELECT CAST(date AS DATE), event_name_2, '', event_type_2 FROM days
                    WHERE event_name_2 IS NOT NULL
                    UNION ALL SELECT CAST(date AS DATE), 'SNAP', state, 'SNAP' FROM days,
                        (VALUES ('CA'), ('TX'), ('WI')) states(state)
                    WHERE CASE state WHEN 'CA' THEN snap_CA WHEN 'TX' THEN snap_TX ELSE snap_WI END = 1
                    ORDER BY ALL""",
    }
