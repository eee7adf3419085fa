"""What lies in a schema's folder: which files belong together, and where binary values are declared.

The engine for large documents, libxml2, resolves includes by itself and cannot be held to a folder. So it gets a schema
only when every file that it would read has been found inside the trusted folder before.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from altinn.exceptions import AltinnDocumentError
from altinn.protocol.xml_prescan import parse_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_XS = "{http://www.w3.org/2001/XMLSchema}"
_NAMED = re.compile(rb"""(<(?:[\w.-]+:)?(?:element|attribute)\b[^<>]*?\sname\s*=\s*)(["'])\s*([^"'<>]*?)\s*\2""")


@dataclass(frozen=True, slots=True)
class SchemaSource:
    """An XSD and the folder that it may include and import from; nothing outside is read, nothing is fetched.

    :param directory: the trusted folder.
    :param entry: path of the XSD inside it.
    """

    directory: Path
    entry: str

    @property
    def path(self) -> Path:
        """Where the XSD lies."""
        return self.directory / self.entry


def fingerprint(directory: Path, entry: str) -> str:
    """Return a hash over a folder's XSDs: while it stays the same, a built schema is good.

    What cannot be read, such as a folder with such a name or a link to nothing, counts by its name; if the schema
    needs it, the engine says so.
    """
    digest = hashlib.sha256(entry.encode())
    for path in sorted(directory.rglob("*.xsd")):
        try:
            content = path.read_bytes()
            size = len(content)
        except OSError:
            content, size = b"", -1
        digest.update(f"\n{path.relative_to(directory).as_posix()}\n{size}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def closed_files(source: SchemaSource) -> dict[Path, Element] | None:
    """Return every file that a schema reads, parsed; None unless all of them are found in its folder."""
    trusted = source.directory.resolve()
    found: dict[Path, Element] = {}
    waiting = [source.path.resolve()]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        if not path.is_relative_to(trusted) or not path.is_file():
            return None
        try:
            root = parse_xml(path.read_bytes())
        except (AltinnDocumentError, OSError):
            return None
        found[path] = root
        for child in _references(root):
            location = child.get("schemaLocation", "").strip()
            if not location or "://" in location or location.startswith("/"):
                return None
            waiting.append((path.parent / location).resolve())
    return found


def _references(root: Element) -> Iterator[Element]:
    for kind in ("include", "import", "redefine", "override"):
        yield from root.findall(_XS + kind)


def with_plain_names(content: bytes) -> bytes:
    """Take the white space around declared names away, as XSD reads them and neither engine does.

    Skatteetaten's schema for the status of VAT returns has such a name.
    """
    return _NAMED.sub(rb"\1\2\3\2", content)


def has_spaced_names(files: Sequence[Element]) -> bool:
    """Say whether a schema declares names with white space around them."""
    return any(
        node.get("name", "") != node.get("name", "").strip()
        for root in files
        for kind in ("element", "attribute")
        for node in root.iter(f"{_XS}{kind}")
    )


def uses_references(files: Sequence[Element]) -> bool:
    """Say whether a schema has values that refer to others in the document: libxml2 does not follow them."""
    return any(
        _local(node.get(name, "")) in ("IDREF", "IDREFS", "ENTITY", "ENTITIES", "NOTATION")
        for root in files
        for node in root.iter()
        for name in ("type", "base", "itemType")
    )


@dataclass(frozen=True, slots=True)
class SchemaNames:
    """What the fast engine does not tell about its schema.

    :param namespace: of the schema itself; empty when it has none.
    :param roots: elements that a document may have as its root, `{namespace}name` or `name`.
    :param builtin: the XSD type behind each named type with a value.
    :param binary: local names of elements that are declared as base64Binary.
    :param hides_binary: base64Binary is declared where no element's name tells it: an attribute, a list, a union, or
        an element whose name means something else elsewhere.
    """

    namespace: str
    roots: frozenset[str]
    builtin: Mapping[str, str]
    binary: frozenset[str]
    hides_binary: bool

    @classmethod
    def of(cls, files: Sequence[Element]) -> SchemaNames:
        """Read the names from the files of a schema, its entry first."""
        bases = {
            node.get("name", ""): _base(node)
            for root in files
            for node in root.iter()
            if node.tag in (f"{_XS}simpleType", f"{_XS}complexType") and node.get("name")
        }
        builtin = {name: _builtin(name, bases) for name in bases}
        binary: set[str] = set()
        other: set[str] = set()
        for root in files:
            for element in root.iter(f"{_XS}element"):
                kind = _type_of(element)
                group = binary if builtin.get(kind, kind) == "base64Binary" else other
                group.add(element.get("name", ""))
        namespace = files[0].get("targetNamespace", "")
        roots = {
            _expanded(root.get("targetNamespace", namespace), element.get("name", ""))
            for root in files
            for element in root.findall(f"{_XS}element")
        }
        hidden = bool(binary & other) or any(
            builtin.get(kind, kind) == "base64Binary" for root in files for kind in _kinds_of_parts(root)
        )
        return cls(namespace, frozenset(roots), builtin, frozenset(binary), hidden)


def _kinds_of_parts(root: Element) -> Iterator[str]:
    """Yield the types of attributes, of the items of lists and of the members of unions."""
    for attribute in root.iter(f"{_XS}attribute"):
        yield _type_of(attribute)
    for kind in root.iter(f"{_XS}list"):
        yield _local(kind.get("itemType", "")) or _inline(kind)
    for kind in root.iter(f"{_XS}union"):
        yield from (_local(name) for name in kind.get("memberTypes", "").split())
        yield from (_base(inline) for inline in kind.findall(f"{_XS}simpleType"))


def _inline(kind: Element) -> str:
    inline = kind.find(f"{_XS}simpleType")
    return "" if inline is None else _base(inline)


def _expanded(namespace: str, name: str) -> str:
    return f"{{{namespace}}}{name}" if namespace else name


def _builtin(name: str, bases: Mapping[str, str]) -> str:
    """Follow a type to the one that XSD brings along; a type that refers to itself ends anywhere."""
    seen: set[str] = set()
    while name in bases and name not in seen:
        seen.add(name)
        name = bases[name]
    return name


def _type_of(element: Element) -> str:
    if element.get("type"):
        return _local(element.get("type", ""))
    inline = element.find(f"{_XS}simpleType")
    if inline is None:
        inline = element.find(f"{_XS}complexType")
    return "" if inline is None else _base(inline)


def _base(node: Element) -> str:
    for step in ("restriction", f"simpleContent/{_XS}extension", f"simpleContent/{_XS}restriction"):
        found = node.find(_XS + step)
        if found is not None:
            return _local(found.get("base", ""))
    return ""


def _local(name: str) -> str:
    return name.rpartition(":")[2].strip()
