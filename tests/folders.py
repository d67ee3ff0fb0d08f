"""Small folders of tables for tests."""

import datetime
from collections.abc import Mapping
from pathlib import Path

TEA = {
    "items": "item_id,name,unit_cost,list_price\ntea_250,Green tea 250 g,1.80,3.20\nrice_1kg,Rice 1 kg,1.10,2.00\n",
    "locations": "location_id,name\nS2,Main street\n",
    "stock": "item_id,location_id,on_hand\ntea_250,S2,9\nrice_1kg,S2,30\n",
}


def sales_of(item: str, place: str, units: list[float], first: str = "2024-03-04") -> str:
    """Return CSV rows of consecutive days."""
    day = datetime.date.fromisoformat(first)
    return "".join(f"{day + datetime.timedelta(days=n)},{item},{place},{u:g}\n" for n, u in enumerate(units))


def tea_sales(days: int = 35) -> str:
    """Return a sales table of both items with a weekly pattern."""
    tea = [float(3 + (n % 7 >= 4) * 2 + n % 3) for n in range(days)]
    rice = [float((n * 7) % 5 == 0) * 2 for n in range(days)]
    return "date,item_id,location_id,units\n" + sales_of("tea_250", "S2", tea) + sales_of("rice_1kg", "S2", rice)


def write_tables(folder: Path, tables: Mapping[str, str | bytes], policy: str = "") -> Path:
    """Write tables as CSV files (bytes are written as they are) and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in tables.items():
        path = folder / (name if "." in name else f"{name}.csv")
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    if policy:
        (folder / "policy.toml").write_text(policy, encoding="utf-8")
    return folder


def tea_shop(folder: Path, changes: Mapping[str, str | bytes] | None = None, policy: str = "") -> Path:
    """Write the smallest working company, with the named tables exchanged or added."""
    return write_tables(folder, {**TEA, "sales": tea_sales(), **(changes or {})}, policy)
