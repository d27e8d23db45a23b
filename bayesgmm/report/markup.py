"""HTML by nested calls: whatever is not markup is text, and gets escaped."""

from __future__ import annotations

from html import escape


class Markup(str):
    """HTML as it stands."""

    __slots__ = ()


def element(tag: str, /, *inside: str, **attributes: str) -> Markup:
    """Write an element around text and other elements.

    Attributes are named as in Python: ``class_`` is ``class``, ``aria_label`` is ``aria-label``.
    """
    return Markup(f"{void(tag, **attributes)}{joined(*inside)}</{tag}>")


def void(tag: str, /, **attributes: str) -> Markup:
    """Write an element that has no inside, such as ``img``."""
    named = ((key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items())
    return Markup(f"<{tag}{''.join(f' {key}="{escape(value)}"' for key, value in named)}>")


def joined(*inside: str) -> Markup:
    """Put text and elements one after the other."""
    return Markup("".join(x if isinstance(x, Markup) else escape(x) for x in inside))


def listed(lines: list[str]) -> Markup:
    """Write a list with a point for each line."""
    return element("ul", *(element("li", line) for line in lines))


def pairs(words: dict[str, str]) -> Markup:
    """Write a table of names and what they stand for."""
    rows = (
        element("tr", element("th", name, scope="row"), element("td", value))
        for name, value in words.items()
    )
    return scrolling(element("table", *rows, class_="pairs"), "Names and values")


def scrolling(table: Markup, name: str) -> Markup:
    """Let a wide table scroll by itself, by keyboard too, rather than the page."""
    return element("div", table, class_="scroll", role="region", aria_label=name, tabindex="0")
