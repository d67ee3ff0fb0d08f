"""The page docs/tables.md, written from the declared tables: ``python -m scenarios.describe > docs/tables.md``."""

from scenarios.schema import Column, Table, declared

_INTRODUCTION = """\
# Tables

*Written by `python -m scenarios.describe` from `scenarios/tables.toml`; change that file, not this page.*

A folder holds any subset of these tables, each as `<table>.csv` or `<table>.parquet`, never both. Tables marked ★ are
required. **Key** columns come first. Ids are text and stay as they are. Dates are written 2024-04-15; in weekly worlds
a date is its Monday. Rates (prices, costs) are decimals; amounts are money of a line, exact to the minor unit.
Text that a spreadsheet would take for a formula carries a leading quote, which is taken off again on reading.
"""
_PARTS = {"input": "Input: what is given", "output": "Output: a plan folder", "policy": "policy.toml"}


def tables_page() -> str:
    """Return the whole page as Markdown."""
    parts = [_INTRODUCTION]
    for part, title in _PARTS.items():
        parts.append(f"## {title}\n")
        parts += [_section(table) for table in declared().values() if table.part == part]
    return "\n".join(parts)


def _section(table: Table) -> str:
    star = " ★" if table.required else ""
    rows = "\n".join(_row(column) for column in table.columns)
    head = "| column | type | unit | empty means | meaning |\n| --- | --- | --- | --- | --- |"
    return f"### {table.name}{star}\n\n{table.doc}\n\n{head}\n{rows}\n"


def _row(column: Column) -> str:
    name = f"**{column.name}**" if column.is_key else column.name
    kind = " / ".join(column.choices) or _bounded(column)
    return f"| {name} | {kind} | {column.unit} | {_empty(column)} | {_escaped(column.doc)} |"


def _bounded(column: Column) -> str:
    low = f" > {column.above:g}" if column.above is not None else ""
    low = f" ≥ {column.minimum:g}" if column.minimum is not None else low
    high = f" ≤ {column.maximum:g}" if column.maximum is not None else ""
    return f"{column.type}{low}{high}"


def _empty(column: Column) -> str:
    if column.required:
        return "not allowed"
    if column.default is None:
        return "unknown"
    return '""' if column.default == "" else str(column.default).lower()


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(tables_page(), end="")
