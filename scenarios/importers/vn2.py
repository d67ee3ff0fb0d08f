"""VN2 Inventory Planning Challenge (2025): weekly sales of store-products, as given to its participants."""

from pathlib import Path

import duckdb

from scenarios.importers.writing import require_files, write_folder

_FILES = ("Sales.csv", "In Stock.csv", "Master.csv", "Initial State.csv")
_ASSUMPTIONS = (
    "VN2 names no prices and no costs of goods: unit cost 1, so that order amounts are units.",
    "Holding .2 per unit left at a week's end and 1 per unit of lost sales, as the challenge charges; no backorders.",
    "One supplier VN2 for every pair: 14 days from order to sale, one order a week, packs of 1, no minimum.",
    "In Transit W+1 is due on the plan date, W+2 a week later; the state is counted before those receipts.",
    "A week flagged out of stock had no stock at all (in_stock_share 0); its sales say nothing about demand.",
)


def import_vn2(source: Path, folder: Path) -> list[str]:
    """Turn the challenge's four CSV files in `source` into tables in `folder`; return the names of the tables.

    Raises FileNotFoundError when a file is missing. The files carry a prefix such as "Week 0 - 2024-04-08 - ".
    """
    sales, in_stock, master, state = (_find(source, name) for name in _FILES)
    with duckdb.connect() as connection:
        for name, path in (("wide_sales", sales), ("wide_stock", in_stock), ("master", master), ("state", state)):
            quoted = str(path).replace("'", "''")
            connection.execute(
                f"CREATE TABLE {name} AS SELECT * FROM read_csv('{quoted}', header=true, all_varchar=true)"
            )
        for long, wide in (("units", "wide_sales"), ("flags", "wide_stock")):
            connection.execute(
                f"CREATE TABLE {long} AS UNPIVOT {wide} ON COLUMNS(* EXCLUDE (Store, Product))"
                " INTO NAME week VALUE value"
            )
        day = connection.execute("SELECT CAST(max(week) AS DATE) + 7 FROM units").fetchall()[0][0]
        policy = {
            "period": "week",
            "plan_date": day.isoformat(),
            "currency": "EUR",
            "review_days": 7,
            "lead_time_days": 14,
            "holding_cost": 0.2,
            "shortage_cost": 1.0,
            "unmet": "lost_sales",
        }
        return write_folder(connection, folder, _queries(day.isoformat()), policy, _ASSUMPTIONS)


def _find(source: Path, ending: str) -> Path:
    matches = sorted(path for path in source.glob("*.csv") if path.name.endswith(ending)) if source.is_dir() else []
    return matches[-1] if matches else require_files(source, [f"… {ending}"])[0]


def _queries(plan_date: str) -> dict[str, str]:
    pair = "Product AS item_id, Store AS location_id"
    transit = " UNION ALL ".join(
        f"""SELECT 'W+{week}' AS order_id, row_number() OVER (ORDER BY Product, Store) AS line, {pair},
            'VN2' AS source_id,
            CAST("In Transit W+{week}" AS DOUBLE) AS quantity, DATE '{plan_date}' + {7 * week - 7} AS due_on,
            'in_transit' AS status FROM state WHERE CAST("In Transit W+{week}" AS DOUBLE) > 0"""
        for week in (1, 2)
    )
    return {
        "items": """SELECT DISTINCT Product AS item_id, ProductGroup AS subcategory, Department AS category,
                    1.0 AS unit_cost FROM master ORDER BY item_id""",
        "locations": """SELECT Store AS location_id, 'store' AS kind, any_value(StoreFormat) AS cluster FROM master
                        GROUP BY Store ORDER BY location_id""",
        "sales": f"""SELECT CAST(week AS DATE) AS date, {pair}, CAST(units.value AS DOUBLE) AS units,
                     CASE WHEN lower(flags.value) = 'true' THEN 1.0 ELSE 0.0 END AS in_stock_share
                     FROM units JOIN flags USING (Store, Product, week) ORDER BY date, item_id, location_id""",
        "stock": f"""SELECT {pair}, CAST("End Inventory" AS DOUBLE) AS on_hand FROM state
                     ORDER BY item_id, location_id""",
        "open_orders": transit,
        "sources": f"""SELECT {pair}, 'VN2' AS source_id, 'supplier' AS source_kind, 14 AS lead_time_days,
                       1.0 AS pack_size, 0.0 AS moq, 1.0 AS unit_cost FROM state ORDER BY item_id, location_id""",
        "suppliers": "SELECT 'VN2' AS supplier_id, 'VN2 supplier' AS name",
    }
