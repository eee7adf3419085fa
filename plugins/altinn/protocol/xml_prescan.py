"""Look over an XML document before any engine builds a tree of it, and refuse what is dangerous or ambiguous.

An Altinn app decodes form data as UTF-8 whatever its declaration says (`ModelDeserializer` in the public app
library), and no report needs a document type declaration. So both are refused here, which takes entity expansion
and external files away at once. The bytes go to expat in one call: in pieces, one long attribute takes minutes.
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass, field
from typing import NoReturn
from xml.etree import ElementTree
from xml.parsers import expat

from altinn.exceptions import AltinnDocumentError, Issue

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_PACKED = (b"\x1f\x8b", b"PK\x03\x04")
_PROLOG = re.compile(rb"(?:\s++|<\?.*?\?>|<!--.*?-->)*+", re.DOTALL)
_ENCODINGS = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})


@dataclass(frozen=True, slots=True)
class XmlLimits:
    """What a document may at most be.

    :param size: bytes.
    :param depth: levels of elements.
    :param elements: elements in the whole document.
    :param attributes: attributes and namespace declarations of one element.
    """

    size: int = 64 * 1024 * 1024
    depth: int = 200
    elements: int = 5_000_000
    attributes: int = 500


@dataclass(frozen=True, slots=True)
class Prescan:
    """What the look at a well-formed document found.

    :param root: name of the root element, `{namespace}name` or `name`.
    :param lines: line of each element's start tag, in document order.
    """

    root: str
    lines: array[int] = field(repr=False)

    def line(self, index: int) -> int:
        """Return the line of the element with this number in document order, 0 when there is none."""
        return self.lines[index] if 0 <= index < len(self.lines) else 0


def prescan(data: bytes, limits: XmlLimits | None = None) -> Prescan:
    """Read the document once and return its root and the line of each element.

    :raises AltinnDocumentError: the document is not well-formed, or refused; its issue says why and where. Codes that
        begin with "refused-" mean that the document was not judged at all.
    """
    limits = limits or XmlLimits()
    check_start(data, limits)
    scanner = _Scanner(limits)
    try:
        scanner.parser.Parse(data, True)
    except AltinnDocumentError:
        raise
    except expat.ExpatError as exc:
        reason = expat.ErrorString(exc.code)
        refuse("xml-not-well-formed", f"not well-formed XML: {reason} (column {exc.offset + 1})", exc.lineno)
    except (LookupError, ValueError) as exc:
        refuse("refused-encoding", "the declared encoding is unknown; save the file as UTF-8", 1, exc)
    return Prescan(scanner.root, scanner.lines)


def parse_xml(data: bytes, limits: XmlLimits | None = None) -> ElementTree.Element:
    """Parse a document from outside into a tree, after the look above.

    :raises AltinnDocumentError: see `prescan`.
    """
    prescan(data, limits)
    return ElementTree.fromstring(data)


def refuse(code: str, message: str, line: int = 0, cause: Exception | None = None) -> NoReturn:
    """Raise the one issue that ends the reading of a document.

    :raises AltinnDocumentError: always.
    """
    issue = Issue("error", code, f"line {line}" if line else "", message, "xml", line)
    where = f"line {line}: " if line else ""
    raise AltinnDocumentError(f"{where}{message}", (issue,)) from cause


def check_start(data: bytes, limits: XmlLimits) -> None:
    """Refuse by size, encoding and document type, before an engine sees a byte.

    :raises AltinnDocumentError: refused.
    """
    if not data:
        refuse("xml-empty", "the document is empty")
    if len(data) > limits.size:
        refuse("refused-size", f"the document has {len(data):,} bytes, more than the limit of {limits.size:,}")
    if data.startswith(_PACKED):
        refuse("refused-packed", "the document is a compressed file (gzip or zip), no XML; unpack it first")
    # expat recognises UTF-16 by its mark, and without one by a zero among the first bytes.
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in data[:4]:
        refuse("refused-encoding", "the document is not UTF-8 (it looks like UTF-16 or UTF-32); save it as UTF-8", 1)
    # Found here and not only in expat's handler, because expat reads on to the end after a handler has raised.
    start = len(_BYTE_ORDER_MARK) if data.startswith(_BYTE_ORDER_MARK) else 0
    prolog = _PROLOG.match(data, start)
    end = prolog.end() if prolog else start
    if data.startswith(b"<!DOCTYPE", end):
        _refuse_doctype(data.count(b"\n", 0, end) + 1)


def _refuse_doctype(line: int) -> NoReturn:
    refuse("refused-doctype", "the document has a document type declaration (DOCTYPE); remove it", line)


class _Scanner:
    """Expat's handlers and what they have counted."""

    def __init__(self, limits: XmlLimits) -> None:
        self.limits = limits
        self.root = ""
        self.lines = array("I")
        self._depth = 0
        self._declarations = 0
        self.parser = expat.ParserCreate(None, "}")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartNamespaceDeclHandler = self._declare
        self.parser.XmlDeclHandler = self._declaration
        self.parser.StartDoctypeDeclHandler = self._doctype

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        if version != "1.0":
            refuse("refused-version", "the declaration names an XML version other than 1.0; Altinn reads 1.0 only", 1)
        if encoding is not None and encoding.lower() not in _ENCODINGS:
            refuse(
                "refused-encoding",
                "the declaration names an encoding other than UTF-8, and Altinn reads UTF-8 whatever it says; "
                "save the file as UTF-8 and declare that",
                1,
            )

    def _doctype(self, *declaration: object) -> None:
        _refuse_doctype(self.parser.CurrentLineNumber)

    def _declare(self, prefix: str | None, uri: str | None) -> None:
        self._declarations += 1
        if self._declarations > self.limits.attributes:
            self._refuse_attributes()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(attributes) + self._declarations > self.limits.attributes:
            self._refuse_attributes()
        self._declarations = 0
        self._depth += 1
        if self._depth > self.limits.depth:
            refuse(
                "refused-depth",
                f"elements lie more than {self.limits.depth} levels deep",
                self.parser.CurrentLineNumber,
            )
        if len(self.lines) >= self.limits.elements:
            refuse("refused-elements", f"the document has more than {self.limits.elements:,} elements")
        if not self.lines:
            self.root = "{" + name if "}" in name else name
        self.lines.append(self.parser.CurrentLineNumber)

    def _end(self, name: str) -> None:
        self._depth -= 1

    def _refuse_attributes(self) -> NoReturn:
        refuse(
            "refused-attributes",
            f"one element has more than {self.limits.attributes} attributes and namespace declarations",
            self.parser.CurrentLineNumber,
        )
