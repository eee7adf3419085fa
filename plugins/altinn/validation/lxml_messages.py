"""Put libxml2's errors into the words of `altinn.validation.xsd_messages`, which repeat nothing of the document.

libxml2's own texts quote values, so each is taken apart from its end, where the schema's side stands: whatever a value
holds, the last occurrence of the fixed words is libxml2's own. A text that is not known is replaced as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from altinn.validation.xsd_words import FACETS, local, not_a, one_of

_ATTRIBUTE = re.compile(r"^Element '[^']*', attribute '([^']*)': ")
_ELEMENT = re.compile(r"^Element '([^']*)'")
_EXPECTED = re.compile(r"Expected is (?:one of )?\( (.*) \)\.$")
_ANY = re.compile(r"##other\{[^}]*\}\*?|\{[^}]*\}")
_LENGTHS = {1830: "length", 1831: "minLength", 1832: "maxLength"}
_BOUNDS = {
    1833: "minInclusive",
    1834: "maxInclusive",
    1835: "minExclusive",
    1836: "maxExclusive",
    1837: "totalDigits",
    1838: "fractionDigits",
}
_PLAIN = {
    1827: "attribute not allowed for element",
    1828: "a simple content element can't have child elements",
    1842: "character data between child elements not allowed",
    1841: "the element must be empty",
    1843: "character data between child elements not allowed",
    1846: "the element is not declared in the schema",
    1847: "element is not nillable",
    1866: "attribute not allowed for element",
    1868: "missing required attribute",
    1877: "a key or an identifier occurs twice, or refers to nothing",
}


def explain(kind: int, message: str, builtin: Mapping[str, str]) -> tuple[str, str, str]:
    """Return code, message and the attribute's name (or nothing) for one entry of libxml2's error log.

    :param builtin: the XSD type behind each of the schema's own.
    """
    found = _ATTRIBUTE.match(message)
    attribute = local(found[1]) if found else ""
    if kind in (1824, 1825, 1826):
        type_name = re.search(r"atomic type '([^']*)'\.$", message)
        name = local(type_name[1]) if type_name else ""
        return "xsd-type", not_a(builtin.get(name, name)), attribute
    for rule in (_value, _content, _structure):
        said = rule(kind, message)
        if said:
            return (*said, "" if kind == 1868 else attribute)
    return "xsd-value", "the value is not allowed here; compare it with the schema", attribute


def _value(kind: int, message: str) -> tuple[str, str] | None:
    if kind in _LENGTHS:
        wanted = re.search(r"length of '([0-9]+)'\.$", message)
        return ("xsd-value", FACETS[_LENGTHS[kind]].format(wanted[1])) if wanted else None
    if kind in _BOUNDS:
        bound = re.search(r"\('([^']*)'\)\.$", message)
        return ("xsd-value", FACETS[_BOUNDS[kind]].format(bound[1])) if bound else None
    if kind == 1839:
        return "xsd-value", "must match the pattern " + _after(message, " is not accepted by the pattern '", "'.")
    if kind == 1840:
        listed = _after(message, " is not an element of the set {'", "'}.")
        return "xsd-value", one_of(listed.split("', '"))
    if kind in (1858, 1865):
        return "xsd-value", "must have the fixed value " + _after(message, " the fixed value constraint '", "'.")
    return None


def _content(kind: int, message: str) -> tuple[str, str] | None:
    if kind != 1871:
        return None
    expected = _EXPECTED.search(message)
    names = [local(name.strip()) for name in _ANY.sub("", expected[1]).split(",")] if expected else []
    listed = ", ".join(name for name in names[:10] if name) + (" …" if len(names) > 10 else "")
    if "Missing child element(s)." in message:
        return "xsd-content", "the element is not complete" + (f"; expected next: {listed}" if listed else "")
    element = _ELEMENT.match(message)
    name = local(element[1]) if element else "here"
    wants = f"; expected here: {listed}" if listed else "; nothing more is expected here"
    return "xsd-content", f"the element {name} is not expected{wants}"


def _structure(kind: int, message: str) -> tuple[str, str] | None:
    if kind == 1845:
        return "xsd-root", "the root element is not one that the schema describes; check its name and namespace"
    if kind == 1868:
        name = re.search(r"The attribute '([^']*)' is required", message)
        return "xsd-structure", f"missing required attribute {local(name[1]) if name else ''}".rstrip()
    if kind in _PLAIN:
        return "xsd-structure", _PLAIN[kind]
    return None


def _after(message: str, words: str, end: str) -> str:
    """Return what follows the last occurrence of libxml2's own words."""
    return message.rpartition(words)[2].removesuffix("\n").removesuffix(end)[:500]
