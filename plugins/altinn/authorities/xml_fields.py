"""Read single fields from an authority's XML by local names, so that a document without its namespace reads as well.

Skatteetaten publishes documents both with and without their namespace, and Altinn apps accept both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from altinn.exceptions import AltinnDocumentError, Issue
from altinn.protocol.xml_prescan import parse_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def read_root(data: bytes, name: str, what: str) -> Element:
    """Parse a document and return its root.

    :param name: local name that the root must have.
    :param what: what the document is meant to be, for the error.
    :raises AltinnDocumentError: it cannot be read, or is another document.
    """
    root = parse_xml(data)
    if local_name(root) != name:
        raise unreadable(what, f"its root element is {local_name(root)[:100]!r} instead of {name!r}")
    return root


def local_name(element: Element) -> str:
    """Return the element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def children(element: Element, name: str) -> Iterator[Element]:
    """Yield the child elements with this local name."""
    return (child for child in element if local_name(child) == name)


def child_at(element: Element, path: str, what: str) -> Element | None:
    """Return the only element at a path of local names, None when it is absent.

    :raises AltinnDocumentError: there is more than one, so that none may be taken.
    """
    for name in path.split("/"):
        found = list(children(element, name))
        if len(found) > 1:
            raise unreadable(what, f"{name} of {path} occurs {len(found)} times")
        if not found:
            return None
        element = found[0]
    return element


def text_at(element: Element, path: str, what: str) -> str:
    """Return the text at a path without surrounding space; empty when the element is absent.

    :raises AltinnDocumentError: see `child_at`.
    """
    found = child_at(element, path, what)
    return "" if found is None else (found.text or "").strip()


def needed_at(element: Element, path: str, what: str) -> str:
    """Return the text at a path.

    :raises AltinnDocumentError: it is absent, empty or there more than once.
    """
    text = text_at(element, path, what)
    if not text:
        raise unreadable(what, f"{path} is missing")
    return text


def unreadable(what: str, why: str) -> AltinnDocumentError:
    """Return the error that a document cannot be read for what it is meant to be."""
    return AltinnDocumentError(f"cannot read the {what}: {why}", (Issue("error", "unreadable", "", why, what),))
