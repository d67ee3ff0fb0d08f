"""Pages of the filters: which orders wait and how often each group's do, and who belongs together and who moved."""

from optimizer.reports.attention import believed, holds
from optimizer.reports.markup import Markup, element, join
from optimizer.reports.material import Material
from optimizer.reports.page import document
from optimizer.reports.tables import Field, capped, section
from optimizer.reports.wording import percent, short_day

HOLDS_PAGE, SEGMENTS_PAGE = "holds.html", "segments.html"


def filter_pages(material: Material) -> dict[str, str]:
    """Return the pages by file name; a page with nothing to show is left out."""
    waits = len(material.frame("order_holds")) or len(material.frame("hold_rates"))
    made = {
        HOLDS_PAGE: ("Orders held", [holds(material), _rates(material)] if waits else []),
        SEGMENTS_PAGE: ("Segments", [believed(material)]),
    }
    found = {}
    for name, (title, parts) in made.items():
        present = [part for part in parts if part is not None]
        if present:
            found[name] = _document(f"{title} on {short_day(material.plan_date)}", present)
    return found


def _document(title: str, parts: list[Markup]) -> str:
    body = join(
        element("header", element("h1", title)),
        element("main", *parts),
        element("footer", element("p", "Made by Dayplan from the files of the plan folder alone.")),
    )
    return document(f"{title} – Dayplan", body)


def _rates(material: Material) -> Markup | None:
    """Return how often each group's orders are held, and honest ones suspected; None where nothing was counted."""
    rates = material.frame("hold_rates")
    if rates.empty:
        return None
    fields = (
        Field("Group", lambda row: row.group),
        Field("What", lambda row: row.kind),
        Field("Orders", lambda row: f"{row.orders:,}", "n"),
        Field("Of them", lambda row: f"{row.hits:,}", "n"),
        Field("Share", lambda row: percent(row.share), "n"),
        Field("95 % interval", lambda row: f"{percent(row.low)} to {percent(row.high)}", "n"),
    )
    caption = "Orders held, and honest orders suspected, by group of customers"
    return section("rates", "By group", capped(caption, fields, rates, "hold_rates"))
