"""Tables of a page: captions, scopes, a cap on the rows, and a line that says where the rest is."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from optimizer.reports.markup import Markup, element, join
from scenarios.world import rows_of

MOST_ROWS = 200
MOST_GROUPS = 50
# Under this many rows a group of a capped section is not worth a table.
_LEAST_ROWS = 10


@dataclass(frozen=True)
class Field:
    """One column of a shown table.

    cell: from a row to what stands in the cell, text or markup; kind: "" for text, "n" for figures, "why" for sentences
    """

    heading: str
    cell: Callable[[Any], object]
    kind: str = ""


def table(caption: object, fields: Sequence[Field], rows: Iterable[Any], name: str = "") -> Markup:
    """Return a table with a caption; the first field heads its row.

    name: the plan's table of which each row shows one, for readers by code
    """
    headings = join(*(element("th", f.heading, scope="col", class_=f.kind or None) for f in fields))
    body = join(*(element("tr", *(_cell(n, f, row) for n, f in enumerate(fields))) for row in rows))
    inner = join(
        element("caption", caption),
        element("thead", element("tr", headings)),
        element("tbody", body),
    )
    return element("table", inner, data_table=name or None)


def _cell(number: int, field: Field, row: Any) -> Markup:
    if number == 0:
        return element("th", field.cell(row), scope="row", class_=field.kind or None)
    return element("td", field.cell(row), class_=field.kind or None, data_label=field.heading)


def capped(caption: str, fields: Sequence[Field], frame: pd.DataFrame, name: str) -> Markup:
    """Return a table with a row for each of the first rows of the plan's table `name`, and where the rest is."""
    shown = table(caption, fields, rows_of(frame.head(MOST_ROWS)), name)
    return join(shown, rest(len(frame), min(len(frame), MOST_ROWS), name))


def summed(caption: str, fields: Sequence[Field], frame: pd.DataFrame, name: str) -> Markup:
    """Return a table with a row for each group of rows of the plan's table `name`, and where the rest is."""
    shown = table(caption, fields, rows_of(frame.head(MOST_GROUPS)))
    return join(shown, rest(len(frame), min(len(frame), MOST_GROUPS), name))


def rest(total: int, shown: int, name: str) -> Markup:
    """Return the line that says how many of `total` rows are shown and which file holds all, or nothing."""
    if shown >= total:
        return Markup("")
    words = f"The first {shown:,} of {total:,} rows are shown; everything is in "
    return element("p", words, element("code", f"{name}.csv"), ".", class_="rest")


def rows_for_groups(sizes: Sequence[int], limit: int = MOST_ROWS) -> list[int]:
    """Return how many rows of each group are shown so that all together are at most `limit`.

    sizes: rows of each group, the most important group first. Groups get an equal share, at least ten rows while any
    are left; what small groups do not need goes to the first ones.
    """
    share = max(_LEAST_ROWS, limit // max(len(sizes), 1))
    shown, left = [], limit
    for size in sizes:
        shown.append(min(size, share, left))
        left -= shown[-1]
    for n, size in enumerate(sizes):
        more = min(size - shown[n], left) if shown[n] else 0
        shown[n] += more
        left -= more
    return shown


def section(identity: str, heading: str, *children: object) -> Markup:
    """Return a section of the page with its heading."""
    title = element("h2", heading, id=f"{identity}-heading")
    return element("section", title, *children, id=identity, aria_labelledby=f"{identity}-heading")


def note(*words: object) -> Markup:
    """Return a sentence beside the figures."""
    return element("p", *words, class_="note")
