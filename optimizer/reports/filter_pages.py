"""Pages of the filters: which orders wait and how often each group's do, and who belongs together and who moved."""

from optimizer.reports.attention import believed, holds
from optimizer.reports.charts import bar
from optimizer.reports.markup import Markup, element, join
from optimizer.reports.material import Material
from optimizer.reports.page import document
from optimizer.reports.tables import Field, capped, section
from optimizer.reports.wording import percent, short_day, units

HOLDS_PAGE, SEGMENTS_PAGE = "holds.html", "segments.html"


def filter_pages(material: Material) -> dict[str, str]:
    """Return the pages by file name; a page with nothing to show is left out."""
    waits = len(material.frame("order_holds")) or len(material.frame("hold_rates"))
    made = {
        HOLDS_PAGE: ("Orders held", [holds(material) if waits else None, _rates(material), _rationed(material)]),
        SEGMENTS_PAGE: ("Segments", [_profiles(material), believed(material)]),
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
    caption = "Orders held, honest orders suspected, and held orders released, by group of customers"
    return section("rates", "By group", capped(caption, fields, rates, "hold_rates"))


def _rationed(material: Material) -> Markup | None:
    """Return who gets what of stock that is short for today's deliveries; None where nothing is."""
    table = material.frame("rationed")
    if table.empty:
        return None
    ordered = table.sort_values(["item_id", "location_id", "value"], ascending=[True, True, False], kind="stable")
    fields = (
        Field("Order", lambda row: row.order_id),
        Field("Item", lambda row: row.item_id),
        Field("Place", lambda row: row.location_id),
        Field("Asked", lambda row: units(row.asked), "n"),
        Field("Gets", lambda row: units(row.given), "n"),
        Field("A unit short weighs", lambda row: f"{row.value:,.2f}", "n"),
        Field("One more is worth", lambda row: f"{row.price:,.2f}", "n"),
        Field("Why", lambda row: row.reason, "why"),
    )
    caption = "Lines due today that ask for more than is there: the dearest shortages are served first"
    return section("rationed", "Short stock", capped(caption, fields, ordered, "rationed"))


def _profiles(material: Material) -> Markup | None:
    """Return what makes each group of customers and places different from all; None where no group has figures."""
    table = material.frame("segment_profiles")
    if table.empty:
        return None
    fields = (
        Field("Group", lambda row: row.segment),
        Field("Of", lambda row: row.kind),
        Field("Members", lambda row: f"{row.members:,}", "n"),
        Field("Came", lambda row: f"{row.came:,}", "n"),
        Field("Went", lambda row: f"{row.went:,}", "n"),
        # Right or left of a half is what counts, so the bar shows how far from it.
        Field("Against all", lambda row: bar(row.standing - 0.5, 0.5), "bars"),
        Field("What is different", lambda row: row.text, "why"),
    )
    caption = "The usual member of each group beside that of all; the second colour is below the usual"
    return section("profiles", "What makes a group different", capped(caption, fields, table, "segment_profiles"))
