"""A form as a plain tree that XML and JSON share, and the digest of what it says.

`altinn.protocol.meaning` says what counts as the same; the rules about single values stand in `same_value`.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from xml.parsers import expat

from altinn.exceptions import AltinnDocumentError, Issue
from altinn.protocol.xml_prescan import XmlLimits, prescan

LIMITS = XmlLimits(size=512 * 1024 * 1024)
_SPACE = " \t\r\n"
_XSI = "http://www.w3.org/2001/XMLSchema-instance}"
_IGNORED = frozenset({f"{_XSI}schemaLocation", f"{_XSI}noNamespaceSchemaLocation", f"{_XSI}nil"})
_ROW_ID = "altinnRowId"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NUMBER = re.compile(r"([+-]?)(0|[1-9][0-9]*|(?=\.[0-9]))(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,6}))?", re.ASCII)
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]+))?(Z|[+-][0-9]{2}:[0-9]{2})?", re.ASCII
)


@dataclass(eq=False)
class Node:
    """An element, or a JSON value under its name.

    :param name: `namespace}name` or `name`; "$" is the root of a JSON form.
    :param text: the value, without white space around it; empty for a group.
    :param is_json: how paths are written.
    :param in_list: an item of a JSON list, which has a number even when it is alone.
    """

    name: str
    text: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)
    is_json: bool = False
    in_list: bool = False

    @cached_property
    def meaning(self) -> str:
        """The value as it is compared."""
        return same_value(self.text)

    def attribute_meaning(self, name: str) -> str:
        """Return an attribute's value as it is compared; empty when there is none."""
        return same_value(self.attributes.get(name, ""))

    @cached_property
    def is_empty(self) -> bool:
        """Whether no value stands anywhere in it."""
        return not self.text and not any(self.attributes.values()) and all(c.is_empty for c in self.children)

    @cached_property
    def has_empty(self) -> bool:
        """Whether something in it has no value."""
        return any(child.is_empty or child.has_empty for child in self.children)

    @cached_property
    def digest(self) -> bytes:
        """Equal exactly for trees that say the same."""
        hashed = hashlib.sha256()
        values = {name: value for name in self.attributes if (value := self.attribute_meaning(name))}
        parts = [self.name, self.meaning, *(part for name in sorted(values) for part in (name, values[name]))]
        for part in parts:
            encoded = part.encode("utf-8", "surrogatepass")
            hashed.update(b"%d:" % len(encoded) + encoded)
        for name, items in sorted(self.by_name().items()):
            said = [item.digest for item in items if not item.is_empty]
            if said:
                hashed.update(b"%d*" % len(said) + name.encode("utf-8", "surrogatepass") + b"".join(said))
        return hashed.digest()

    def by_name(self) -> dict[str, list[Node]]:
        """Return the children by their name, in their order."""
        found: dict[str, list[Node]] = {}
        for child in self.children:
            found.setdefault(child.name, []).append(child)
        return found

    def path_step(self, parent: str, number: int | None = None) -> str:
        """Return what this adds to its parent's path.

        :param number: position among its namesakes, counted from 0; None when it is the only one.
        """
        name = self.name.rpartition("}")[2]
        if not self.is_json:
            return f"/{name}" + ("" if number is None else f"[{number + 1}]")
        return (f".{name}" if parent and name else name) + ("" if number is None else f"[{number}]")


def same_value(text: str) -> str:
    """Return a text that two ways of writing the same value share."""
    text = text.strip(_SPACE)
    if text in ("true", "false"):
        return "1" if text == "true" else "0"
    number = _NUMBER.fullmatch(text)
    if number:
        return _same_number(*number.groups(default=""))
    moment = _MOMENT.fullmatch(text)
    return _same_moment(text, *moment.groups(default="")) if moment else text


def _same_number(sign: str, whole: str, fraction: str, exponent: str) -> str:
    """Write a number as digits and a power of ten: no arithmetic, so no rounding and no size."""
    digits = (whole + fraction).lstrip("0")
    power = int(exponent or 0) - len(fraction)
    plain = digits.rstrip("0")
    if not plain:
        return "0"
    power += len(digits) - len(plain)
    minus = "-" if sign == "-" else ""
    return f"{minus}{plain}" if power == 0 else f"{minus}{plain}e{power}"


def _same_moment(text: str, date: str, clock: str, fraction: str, zone: str) -> str:
    """Write a moment in UTC if it has a zone; midnight without one is the date."""
    rest = fraction.rstrip("0")
    fine = f".{rest}" if rest else ""
    if not zone:
        return date if clock == "00:00:00" and not fine else f"{date}T{clock}{fine}"
    try:
        moment = datetime.fromisoformat(f"{date}T{clock}{'+00:00' if zone == 'Z' else zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        return text
    return moment.replace(tzinfo=None).isoformat() + fine + "Z"


def read_form(data: bytes) -> Node:
    """Read a form of either kind; a document type, depth without end and the like are refused.

    :raises AltinnDocumentError: it is neither XML nor JSON, or is refused.
    """
    head = data.removeprefix(_BYTE_ORDER_MARK).lstrip()[:1]
    if head in (b"{", b"["):
        return _read_json(data)
    prescan(data, LIMITS)
    return _XmlReader().read(data)


class _XmlReader:
    """Builds the tree with expat, with prefixes resolved where a value holds one (`xsi:type`)."""

    def __init__(self) -> None:
        self._trail: list[Node] = [Node("")]
        self._texts: list[list[str]] = [[]]
        self._prefixes: dict[str, list[str]] = {}
        self._parser = expat.ParserCreate(None, "}")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartNamespaceDeclHandler = self._declare
        self._parser.EndNamespaceDeclHandler = self._undeclare

    def read(self, data: bytes) -> Node:
        """Return the root."""
        self._parser.Parse(data, True)
        return self._trail[0].children[0]

    def _declare(self, prefix: str | None, uri: str | None) -> None:
        self._prefixes.setdefault(prefix or "", []).append(uri or "")

    def _undeclare(self, prefix: str | None) -> None:
        self._prefixes[prefix or ""].pop()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        kept = {
            key: self._resolved(value) if key == f"{_XSI}type" else value.strip(_SPACE)
            for key, value in attributes.items()
            if key not in _IGNORED and key.rpartition("}")[2] != _ROW_ID
        }
        self._trail.append(Node(name, "", kept))
        self._texts.append([])

    def _resolved(self, value: str) -> str:
        prefix, colon, local = value.strip(_SPACE).rpartition(":")
        uris = self._prefixes.get(prefix if colon else "")
        return f"{uris[-1]}}}{local}" if uris and uris[-1] else local

    def _text(self, data: str) -> None:
        self._texts[-1].append(data)

    def _end(self, _name: str) -> None:
        node = self._trail.pop()
        node.text = "".join(self._texts.pop()).strip(_SPACE)
        if node.name.rpartition("}")[2] != _ROW_ID:
            self._trail[-1].children.append(node)


def _read_json(data: bytes) -> Node:
    try:
        value: object = json.loads(data.removeprefix(_BYTE_ORDER_MARK).decode("utf-8"), parse_float=Decimal)
        root = Node("$", is_json=True)
        _fill(root, value)
    except RecursionError as exc:
        raise _no_json("values lie too deep") from exc
    except ValueError as exc:
        raise _no_json("the form is no JSON") from exc
    return root


def _no_json(message: str) -> AltinnDocumentError:
    return AltinnDocumentError(message, (Issue("error", "json-not-well-formed", "", message, "json"),))


def _fill(node: Node, value: object) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            _attach(node, str(name), inner, in_list=False)
    elif isinstance(value, list):
        for inner in value:
            _attach(node, "", inner, in_list=True)
    elif value is not None:
        node.text = ("true" if value else "false") if isinstance(value, bool) else str(value).strip(_SPACE)


def _attach(node: Node, name: str, value: object, *, in_list: bool) -> None:
    if name == _ROW_ID or (value is None and not in_list):
        return
    if isinstance(value, list) and not in_list:
        for item in value:
            _attach_one(node, name, item, in_list=True)
    else:
        _attach_one(node, name, value, in_list=in_list)


def _attach_one(node: Node, name: str, value: object, *, in_list: bool) -> None:
    child = Node(name, is_json=True, in_list=in_list)
    _fill(child, value)
    node.children.append(child)
