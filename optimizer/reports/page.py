"""The page of a plan: one file, readable offline and without script, made of sections that may be absent."""

from base64 import b64encode
from hashlib import sha256

from optimizer.reports.attention import basis, believed, exceptions, holds, quarantine
from optimizer.reports.headline import figures, headline, title_of
from optimizer.reports.lines import orders, prices, transfers
from optimizer.reports.markup import Markup, element, join
from optimizer.reports.material import Material
from optimizer.reports.outlook import outlooks
from optimizer.reports.proof import proof
from optimizer.reports.spending import spending
from optimizer.reports.style import SCRIPT, STYLE
from optimizer.reports.tours import tours

_SECTIONS = (
    ("figures", "Figures", figures),
    ("exceptions", "To look at", exceptions),
    ("orders", "Orders", orders),
    ("transfers", "Transfers", transfers),
    ("prices", "Prices", prices),
    ("holds", "Holds", holds),
    ("routes", "Routes", tours),
    ("outlook", "Forecast", outlooks),
    ("costs", "Costs", spending),
    ("proof", "Proof", proof),
    ("basis", "Assumed", basis),
    ("believed", "History", believed),
    ("quarantine", "Refused", quarantine),
)


def page(material: Material) -> str:
    """Return the page of a plan as one HTML document that asks for nothing else."""
    made = [(identity, name, part(material)) for identity, name, part in _SECTIONS]
    present = [(identity, name, part) for identity, name, part in made if part is not None]
    links = (element("li", element("a", name, href=f"#{identity}")) for identity, name, _ in present)
    body = join(
        headline(material),
        element("nav", element("ul", *links), aria_label="Parts of the page"),
        element("main", *(part for _, _, part in present)),
        element("footer", element("p", "Made by Dayplan from the files of the plan folder alone.")),
        element("script", Markup(SCRIPT)),
    )
    return document(f"{title_of(material)} – Dayplan", body)


def document(title: str, body: Markup) -> str:
    """Return a page as one HTML document that asks for nothing else."""
    return f'<!DOCTYPE html>\n<html lang="en">\n{head(title)}\n{element("body", body)}\n</html>\n'


def head(title: str) -> Markup:
    """Return the head of a page that loads and runs nothing but its own style and script."""
    # The page may load nothing and run nothing but its own style and script, whatever a name in the tables contains.
    policy = f"default-src 'none'; style-src '{_digest(STYLE)}'; script-src '{_digest(SCRIPT)}'; base-uri 'none'"
    return Markup(
        '<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"{element('title', title)}\n{element('style', Markup(STYLE))}\n</head>"
    )


def _digest(content: str) -> str:
    return f"sha256-{b64encode(sha256(content.encode()).digest()).decode()}"
