"""The certificate in words: what is proven about each decision, what is not, and with what it was made."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from optimizer.reports.markup import Markup, element
from optimizer.reports.material import Material
from optimizer.reports.tables import note, section
from optimizer.reports.wording import major, missing, percent

_NAMES = MappingProxyType({"reorder": "Orders and transfers", "routes": "Routes", "markdown": "Prices"})
# A gap under half of what is shown is none.
_PROVEN = 5e-5


def proof(material: Material) -> Markup:
    """Return the certificate in words."""
    decisions: Mapping[str, Mapping[str, Any]] = material.evidence.certificate.get("decisions", {})
    parts = [part for name, said in sorted(decisions.items()) for part in _decision(material, name, said)]
    if not parts:
        parts = [note("Nothing is decided in this folder, so there is nothing to prove.")]
    return section("proof", "What is proven", *parts, _made(material))


def _decision(material: Material, name: str, said: Mapping[str, Any]) -> list[Markup]:
    heading = element("h3", _NAMES.get(name, name.replace("_", " ").capitalize()))
    covers = said.get("covers")
    return [
        heading,
        element("p", _claim(material, said)),
        note("What it covers: ", covers, ".") if covers else Markup(""),
    ]


def _claim(material: Material, said: Mapping[str, Any]) -> str:
    """Return objective, bound and gap as a sentence; a cost below zero is money earned."""
    objective: Any = said.get("objective")
    bound: Any = said.get("bound")
    gap: Any = said.get("gap")
    unit = said.get("unit", material.currency)
    if missing(objective):
        return "There is no figure for this decision."
    verb, sign, beyond, better = (
        ("earns", -1, "earn more", "more") if objective < 0 else ("costs", 1, "cost less", "less")
    )
    figure = f"The plan {verb} {major(sign * objective, material.currency)} {unit} in this model"
    if missing(bound) or missing(gap):
        return f"{figure}; how much better a plan could be is not known."
    limit = f"no plan of this model can {beyond} than {major(sign * bound, material.currency)} {unit}"
    if gap < _PROVEN:
        return f"{figure}, and {limit}: it is proven best."
    stopped = said.get("limit", "none")
    why = "" if stopped in {"none", None} else f" The search ended at its limit of {stopped}."
    return f"{figure}; {limit}. The best possible plan {verb} at most {percent(gap, 2)} {better}.{why}"


def _made(material: Material) -> Markup:
    """Return what the plan was made with, so that it can be made again."""
    run, certificate = material.evidence.run, material.evidence.certificate
    engines = certificate.get("engines", {})
    facts = (
        ("Dayplan", run.get("dayplan", "")),
        ("Seed", run.get("seed", "")),
        ("Inputs", str(run.get("input_hash", ""))[:16]),
        ("Plan before", str(run.get("previous", ""))[:16] or "none"),
        ("Engines", ", ".join(f"{name} {version}" for name, version in sorted(engines.items()))),
    )
    terms = (element("div", element("dt", name), element("dd", value)) for name, value in facts)
    return element("dl", *terms, class_="facts")
