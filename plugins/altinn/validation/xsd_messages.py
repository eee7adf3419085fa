"""Put the engine's errors into words that name what is expected and nothing that stands in the document.

The engine's own texts quote amounts and names, so a text is made anew from the schema's side of each error, and the
engine's sentence is kept only where it is known to speak of the schema and of names alone.
"""

# ruff: noqa: TID253 - this module is imported inside a function only, together with the engine
from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import xmlschema
from xmlschema.validators import XsdFacet, XsdSimpleType

from altinn.validation.xsd_numbers import NumberError
from altinn.validation.xsd_words import FACETS, local, not_a, one_of

_XSD = "http://www.w3.org/2001/XMLSchema"
_ATTRIBUTE = re.compile(r"attribute ([^\s=]+)=")
_HARMLESS = re.compile(
    r"element is not nillable|xsi:nil|character data|a simple content element|must have the fixed value|"
    r"missing required attribute|use of attribute|can't use an abstract|.{1,200} attribute not allowed for element|"
    r"attribute .{1,200} has a fixed value|element .{1,200} is not allowed here|unavailable namespace",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem, still tied to the engine's tree.

    :param value: the text that is wrong; shown only on request.
    :param is_number: found by our own look at numbers, which repeats what the engine may have said already.
    """

    element: Any = field(repr=False)
    code: str
    message: str
    attribute: str = ""
    value: str = field(default="", repr=False)
    is_number: bool = False


def explain(error: xmlschema.XMLSchemaValidationError) -> Finding:
    """Turn one error of the engine into a finding."""
    if isinstance(error, NumberError):
        name = error.kind.removeprefix("xs:")
        return Finding(error.elem, "xsd-type", not_a(name), local(error.attribute), str(error.obj), is_number=True)
    if isinstance(error, xmlschema.XMLSchemaChildrenValidationError):
        return _content(error)
    attribute = _ATTRIBUTE.match(error.reason or "")
    code, message = _value(error)
    value = error.obj if isinstance(error.obj, str) else ""
    return Finding(error.elem, code, message, local(attribute[1]) if attribute else "", value)


def _content(error: xmlschema.XMLSchemaChildrenValidationError) -> Finding:
    """Say which child is wrong, or missing, and what may stand there."""
    expected = [local(tag) for tag in error.expected_tags]
    listed = ", ".join(expected[:10]) + (" …" if len(expected) > 10 else "")
    child = error.invalid_child
    if child is None:
        wants = f"; expected next: {listed}" if listed else ""
        return Finding(error.elem, "xsd-content", f"the element is not complete{wants}")
    wants = f"; expected here: {listed}" if listed else "; nothing more is expected here"
    return Finding(child, "xsd-content", f"the element {local(str(child.tag))} is not expected{wants}")


def _value(error: xmlschema.XMLSchemaValidationError) -> tuple[str, str]:
    validator: Any = error.validator
    owner = getattr(validator, "parent", None)
    if isinstance(owner, XsdSimpleType) and owner.target_namespace == _XSD:
        # A rule of a built-in type, such as the range of xs:int, means no more than "not an int".
        return "xsd-type", not_a(local(owner.name or ""))
    if isinstance(error, xmlschema.XMLSchemaDecodeError) or isinstance(validator, XsdSimpleType):
        return "xsd-type", not_a(local(getattr(validator, "name", None) or ""))
    if callable(validator) and getattr(validator, "__name__", "").endswith("_validator"):
        return "xsd-type", not_a(validator.__name__.removesuffix("_validator"))
    if isinstance(validator, XsdFacet) or hasattr(validator, "enumeration") or hasattr(validator, "regexps"):
        return "xsd-value", _facet(validator)
    reason = _ATTRIBUTE.sub("", error.reason or "", count=1) if "=" in (error.reason or "") else error.reason or ""
    if _HARMLESS.match(reason):
        return "xsd-structure", re.sub(r"\{[^}]*\}", "", reason)
    return "xsd-value", "the value is not allowed here; compare it with the schema"


def _facet(facet: Any) -> str:
    if getattr(facet, "enumeration", None):
        return one_of([str(value) for value in facet.enumeration])
    if getattr(facet, "regexps", None):
        return "must match the pattern " + " or ".join(facet.regexps)
    kind = type(facet).__name__.removeprefix("Xsd").removesuffix("Facet")
    name = kind[:1].lower() + kind[1:]
    template = FACETS.get(name)
    return template.format(facet.value) if template else f"breaks the schema's rule {name}"
