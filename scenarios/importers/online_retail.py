"""UCI Online Retail II: two years of invoices of a gift wholesaler, with cancellations."""

from pathlib import Path

import duckdb

from scenarios.importers.writing import write_folder

_PLACE = "WEB"
_ASSUMPTIONS = (
    f"All orders leave one warehouse, planned as the store {_PLACE}.",
    "Codes that do not begin with five digits (postage, fees, vouchers) are no goods: their lines keep no item.",
    "sales are the units of all lines with a positive quantity, cancelled ones included: cancelling is a later row.",
    "A line with a negative quantity takes back earlier units; the data do not say which order.",
    "A product costs 60 % of the median price paid; stock is a week of mean sales of the last four weeks.",
    "One supplier for everything: 14 days, an order a week, packs of 12.",
    "Days without any invoice (Saturdays, Christmas) count as days without sales.",
)


def import_online_retail(source: Path, folder: Path) -> list[str]:
    """Turn the yearly Parquet files in `source` into tables in `folder`; return the names of the tables.

    The files may use the column names of either year. Raises FileNotFoundError when there is none.
    """
    paths = sorted(source.glob("*.parquet")) if source.is_dir() else []
    if not paths:
        raise FileNotFoundError(f"{source} holds no Parquet file of Online Retail")
    with duckdb.connect() as connection:
        parts = " UNION ALL ".join(_select(connection, path) for path in paths)
        connection.execute(f"CREATE TABLE lines AS {parts}")
        connection.execute(r"CREATE TABLE goods AS SELECT * FROM lines WHERE regexp_matches(item_id, '^\d{5}')")
        day = connection.execute("SELECT max(CAST(ordered_at AS DATE)) + 1 FROM goods").fetchall()[0][0]
        policy = {
            "period": "day",
            "plan_date": day.isoformat(),
            "currency": "GBP",
            "review_days": 7,
            "lead_time_days": 14,
            "unmet": "lost_sales",
        }
        return write_folder(connection, folder, _queries(day.isoformat()), policy, _ASSUMPTIONS)


def _select(connection: duckdb.DuckDBPyConnection, path: Path) -> str:
    quoted = str(path).replace("'", "''")
    names = {row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM '{quoted}'").fetchall()}

    def either(*choices: str) -> str:
        return '"' + next(name for name in choices if name in names) + '"'

    customer = either("Customer ID", "CustomerID")
    return f"""SELECT CAST({either("Invoice", "InvoiceNo")} AS VARCHAR) AS order_id,
        upper(trim(CAST(StockCode AS VARCHAR))) AS item_id, trim(Description) AS name,
        CAST(Quantity AS DOUBLE) AS units, CAST(InvoiceDate AS TIMESTAMP) AS ordered_at,
        CAST({either("Price", "UnitPrice")} AS DOUBLE) AS unit_price,
        CAST(CAST({customer} AS BIGINT) AS VARCHAR) AS customer_id, Country AS country
        FROM read_parquet('{quoted}')"""


def _queries(plan_date: str) -> dict[str, str]:
    place = f"'{_PLACE}' AS location_id"
    day = f"DATE '{plan_date}'"
    return {
        "items": """SELECT item_id, mode(name) AS name, 'gifts' AS category,
                    round(median(unit_price) * .6, 4) AS unit_cost,
                    round(median(unit_price), 2) AS list_price FROM goods WHERE units > 0 AND unit_price > 0
                    GROUP BY item_id ORDER BY item_id""",
        "locations": f"SELECT {place}, 'store' AS kind, 'Europe/London' AS time_zone",
        "sales": f"""SELECT CAST(ordered_at AS DATE) AS date, item_id, {place}, sum(units) AS units,
                    round(sum(units * unit_price) / sum(units), 4) AS price
                    FROM goods WHERE units > 0 AND unit_price > 0 GROUP BY ALL ORDER BY ALL""",
        "stock": f"""SELECT item_id, {place}, ceil(sum(units) / 4) AS on_hand FROM goods
                    WHERE units > 0 AND unit_price > 0 AND CAST(ordered_at AS DATE) >= {day} - 28
                    GROUP BY item_id ORDER BY item_id""",
        "sources": f"""SELECT item_id, {place}, 'WHOLESALER' AS source_id, 14 AS lead_time_days,
                    12.0 AS pack_size, round(median(unit_price) * .6, 4) AS unit_cost FROM goods
                    WHERE units > 0 AND unit_price > 0
                    GROUP BY item_id ORDER BY item_id""",
        "customers": """SELECT customer_id, mode(country) AS "group" FROM lines WHERE customer_id IS NOT NULL
                    GROUP BY customer_id ORDER BY customer_id""",
        "transactions": f"""SELECT order_id, row_number() OVER (PARTITION BY order_id
                        ORDER BY ordered_at, item_id, units, unit_price) AS line, ordered_at, customer_id,
                        CASE WHEN regexp_matches(item_id, '^\\d{{5}}') THEN item_id END AS item_id, {place}, units,
                        unit_price, round(units * unit_price, 2) AS amount, 'GBP' AS currency, 'web' AS channel
                    FROM lines ORDER BY order_id, line""",
    }
