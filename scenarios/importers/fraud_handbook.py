"""Fraud Detection Handbook: five months of simulated card payments at terminals, each labelled."""

from pathlib import Path

import duckdb

from scenarios.importers.writing import write_folder

_PLACE = "CARD"
_LABEL_DELAY_DAYS = 7
_ASSUMPTIONS = (
    f"Payments at all terminals are orders of one store {_PLACE}; they have no item, only money.",
    f"What an order was becomes known {_LABEL_DELAY_DAYS} days after it, for each order: the handbook's own delay.",
    "The plan date is the day after the last payment: labels known later are left out when the tables are read.",
    "items and sales hold one item, payment, with the number of payments a day: there is nothing to order.",
)


def import_fraud_handbook(source: Path, folder: Path) -> list[str]:
    """Turn the Parquet files of transactions in `source` into tables in `folder`; return the names of the tables.

    Raises FileNotFoundError when there is none.
    """
    if not (source.is_dir() and sorted(source.glob("*.parquet"))):
        raise FileNotFoundError(f"{source} holds no Parquet file of the Fraud Detection Handbook")
    quoted = str(source / "*.parquet").replace("'", "''")
    with duckdb.connect() as connection:
        connection.execute(f"CREATE VIEW payments AS SELECT * FROM read_parquet('{quoted}')")
        day = connection.execute("SELECT max(CAST(TX_DATETIME AS DATE)) + 1 FROM payments").fetchall()[0][0]
        policy = {"period": "day", "plan_date": day.isoformat(), "currency": "EUR", "unmet": "lost_sales"}
        return write_folder(connection, folder, _queries(), policy, _ASSUMPTIONS)


def _queries() -> dict[str, str]:
    place = f"'{_PLACE}' AS location_id"
    order = "CAST(TRANSACTION_ID AS VARCHAR) AS order_id"
    return {
        "items": "SELECT 'payment' AS item_id, 'card payment' AS name",
        "locations": f"SELECT {place}, 'store' AS kind",
        "sales": f"""SELECT CAST(TX_DATETIME AS DATE) AS date, 'payment' AS item_id, {place}, count(*) AS units
                     FROM payments GROUP BY ALL ORDER BY ALL""",
        "stock": f"SELECT 'payment' AS item_id, {place}, 0.0 AS on_hand",
        "customers": """SELECT DISTINCT CAST(CUSTOMER_ID AS VARCHAR) AS customer_id FROM payments
                        ORDER BY customer_id""",
        "transactions": f"""SELECT {order}, 1 AS line, TX_DATETIME AS ordered_at,
                            CAST(CUSTOMER_ID AS VARCHAR) AS customer_id, {place},
                            round(CAST(TX_AMOUNT AS DOUBLE), 2) AS amount, 'EUR' AS currency, 'card' AS channel,
                            CAST(TERMINAL_ID AS VARCHAR) AS terminal_id
                            FROM payments ORDER BY TX_DATETIME, TRANSACTION_ID""",
        "fraud_labels": f"""SELECT {order}, TX_FRAUD = 1 AS is_fraud,
                            TX_DATETIME + INTERVAL {_LABEL_DELAY_DAYS} DAY AS known_at
                            FROM payments ORDER BY TX_DATETIME, TRANSACTION_ID""",
    }
