"""HTML and SVG as values: whatever is not marked as markup is text, and is escaped."""

from html import escape

# Control characters may stand in no page; line breaks and tabs may.
_CONTROLS = dict.fromkeys([n for n in range(32) if chr(n) not in "\t\n"] + [127])


class Markup(str):
    """Text that is markup already; only this module and constants of the page make it."""

    __slots__ = ()


def text(value: object) -> Markup:
    """Return a value as markup: itself where it is markup, else its text, escaped; None is nothing."""
    if isinstance(value, Markup):
        return value
    return Markup("" if value is None else escape(str(value).translate(_CONTROLS), quote=True))


def element(tag: str, *children: object, **attributes: object) -> Markup:
    """Return an element with its children escaped.

    attributes: `class_` becomes class, other underscores become hyphens; None and False leave one out, True gives it
    without a value
    """
    parts = [_attribute(name.rstrip("_").replace("_", "-"), value) for name, value in attributes.items()]
    return Markup(f"<{tag}{''.join(parts)}>{join(*children)}</{tag}>")


def _attribute(name: str, value: object) -> str:
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{text(str(value))}"'


def join(*children: object) -> Markup:
    """Return the children one after the other."""
    return Markup("".join(text(child) for child in children))
