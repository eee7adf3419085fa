"""Look again where `xmlschema` takes Python's idea of a value: at numbers, addresses, and `\\w` in patterns.

Python and elementpath accept spaces inside numbers, underscores and any script's digits; XSD 1.0 does not, and neither
does the receiver's .NET parser. An amount written "15 000", as Norwegians write it, would pass unnoticed. Any text
passes for an address, and the underscore for a letter.
"""

# ruff: noqa: TID253 - this module is imported inside a function only, together with the engine
from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import xmlschema
from elementpath.regex import translate_pattern
from xmlschema.validators import XsdSimpleType

_XSD = "{http://www.w3.org/2001/XMLSchema}"
_XSI_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_SPACE = " \t\r\n"
_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|-?INF|NaN")
_URI = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9+.-]*:|(?=[^:/?#]*(?:[/?#]|\Z)))"
    r"(?://(?:[^@/?#\[\]]*@)?(?:\[[0-9A-Fa-fv:.]+\]|[^/?#\[\]:]*)(?::[0-9]*)?(?=[/?#]|\Z))?"
    r"(?:[^#%\[\]]|%[0-9A-Fa-f]{2})*(?:#(?:[^#%\[\]]|%[0-9A-Fa-f]{2})*)?"
)
_FORMS = (
    ("integer", _INTEGER),
    ("decimal", _DECIMAL),
    ("float", _FLOAT),
    ("double", _FLOAT),
    ("anyURI", _URI),
)
_WORD = re.compile(r"\\(.)|(\[)|(\])", re.DOTALL)
_WORD_LETTERS = r"\p{L}\p{M}\p{N}"


class NumberError(xmlschema.XMLSchemaValidationError):
    """A text that is no number of its XSD type, though the engine took it for one."""

    attribute = ""
    kind = ""


class NumberCheck:
    """The engine's `extra_validator`: called for each element after the engine's own judgement."""

    def __init__(self, schema: xmlschema.XMLSchema) -> None:
        self._types = schema.maps.types
        self._known: dict[int, tuple[str, re.Pattern[str], bool] | None] = {}

    def __call__(self, element: Any, declaration: Any) -> Iterator[xmlschema.XMLSchemaValidationError]:
        """Yield an error for the element's text and for each of its attributes that is no such number."""
        simple = declaration.type.simple_type
        nilled = element.get(_XSI_NIL, "").strip(_SPACE) in ("true", "1")
        if simple is not None and not nilled and len(element) == 0:
            text = element.text or declaration.default or declaration.fixed or ""
            yield from self._check(element, "", text, simple)
        for name, text in element.attrib.items():
            attribute = declaration.attributes.get(name)
            if attribute is not None and attribute.type is not None:
                yield from self._check(element, name, text, attribute.type)

    def _check(
        self, element: Any, attribute: str, text: str, simple: XsdSimpleType
    ) -> Iterator[xmlschema.XMLSchemaValidationError]:
        found = self._number_of(simple)
        if found is None:
            return
        kind, pattern, is_list = found
        items = text.split() if is_list else [text.strip(_SPACE)]
        if all(pattern.fullmatch(item) for item in items):
            return
        error = NumberError(simple, text, f"not a valid {kind}")
        error.elem = element
        error.attribute = attribute
        error.kind = kind
        yield error

    def _number_of(self, simple: XsdSimpleType) -> tuple[str, re.Pattern[str], bool] | None:
        """Return the number type, its lexical form and whether it is a list of them; None for everything else."""
        key = id(simple)
        if key not in self._known:
            item: Any = getattr(simple, "item_type", None) if simple.is_list() else simple
            self._known[key] = self._classify(item, simple.is_list())
        return self._known[key]

    def _classify(self, item: Any, is_list: bool) -> tuple[str, re.Pattern[str], bool] | None:
        if item is None or not item.is_atomic():
            return None
        for name, pattern in _FORMS:
            if item.is_derived(self._types[_XSD + name]):
                return f"xs:{name}", pattern, is_list
        return None


def mend_patterns(schema: xmlschema.XMLSchema) -> None:
    """Let `\\w` in a built schema's patterns match no underscore, as XSD has it."""
    for part in schema.maps.schemas:
        for component in part.iter_components(XsdSimpleType):
            facets: Any = getattr(component, "patterns", None)
            for number, pattern in enumerate(getattr(facets, "regexps", ())):
                if r"\w" in pattern:
                    translated = translate_pattern(
                        _without_underscore(pattern), back_references=False, lazy_quantifiers=False, anchors=False
                    )
                    facets.patterns[number] = re.compile(translated)


def _without_underscore(pattern: str) -> str:
    depth = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal depth
        escaped, opens, closes = match.groups()
        if escaped == "w":
            return _WORD_LETTERS if depth else f"[{_WORD_LETTERS}]"
        depth += 1 if opens else -1 if closes else 0
        return match[0]

    return _WORD.sub(replace, pattern)
