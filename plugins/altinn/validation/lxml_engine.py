"""Run lxml in the one way that its traps allow: for large documents, where `xmlschema` takes a second a megabyte.

Importing this module imports lxml: do so in functions only.

Why so and not otherwise: a schema given to a parser crashes on an entity, accepts cut-off files when the tree is
parsed in pieces, or does not validate at all; a path that ends in .gz is unpacked. So the bytes are looked at, parsed
whole, and then judged. What libxml2 gets wrong is mended here: white space around dates, and binary values that are
none. Whatever this engine cannot do, such as references inside a document or binary values in attributes, it leaves to
the other one (`Unsuitable`).
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock
from typing import Any

from lxml import etree

from altinn.exceptions import Issue
from altinn.protocol.xml_prescan import XmlLimits, check_start, prescan, refuse
from altinn.validation.lxml_messages import explain
from altinn.validation.schema_folder import (
    SchemaNames,
    SchemaSource,
    closed_files,
    fingerprint,
    has_spaced_names,
    uses_references,
)
from altinn.validation.xsd_words import root_issue

_KEPT_SCHEMAS = 16
_HUGE = 10_000_000
"""Bytes from which on libxml2's own limits for text and depth are lifted; ours hold."""
_NOT_A_VALUE = 1824
_SPACE = " \t\r\n"
_DECLARATION = re.compile(
    rb"""<\?xml\s+version\s*=\s*["']1\.0["'](?:\s+encoding\s*=\s*["'](?:utf-?8|us-ascii|ascii)["'])?"""
    rb"""(?:\s+standalone\s*=\s*["'](?:yes|no)["'])?\s*\?>""",
    re.IGNORECASE,
)
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_STEP = re.compile(r"/(?:\*|[^/\[]+)(?:\[([0-9]+)\])?")


class Unsuitable(Exception):
    """The schema or the document is not for this engine."""


@dataclass(frozen=True, slots=True)
class _Fast:
    schema: Any
    names: SchemaNames


_cache: OrderedDict[str, _Fast | None] = OrderedDict()
_lock = Lock()


def _built(source: SchemaSource) -> _Fast:
    key = fingerprint(source.directory, source.entry)
    with _lock:
        if key not in _cache:
            _cache[key] = _build(source)
        _cache.move_to_end(key)
        while len(_cache) > _KEPT_SCHEMAS:
            _cache.popitem(last=False)
        found = _cache[key]
    if found is None:
        raise Unsuitable("the schema")
    return found


def _build(source: SchemaSource) -> _Fast | None:
    files = closed_files(source)
    if files is None or uses_references(list(files.values())) or has_spaced_names(list(files.values())):
        return None
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        tree = etree.parse(str(source.path.resolve()), parser)
        names = SchemaNames.of(list(files.values()))
        return None if names.hides_binary else _Fast(etree.XMLSchema(tree), names)
    except (etree.LxmlError, OSError):
        return None


def find_issues(
    data: bytes, source: SchemaSource, *, limits: XmlLimits, max_issues: int, show_values: bool
) -> list[Issue]:
    """Judge a document of any size; see `altinn.validation.xml_check.check_xml`.

    :raises AltinnDocumentError: it is not well-formed, or refused.
    :raises Unsuitable: use the other engine.
    """
    fast = _built(source)
    root = _parsed(data, limits)
    wrong_root = root_issue(str(root.tag), fast.names.roots, fast.names.namespace, source.entry)
    if wrong_root:
        return [wrong_root]
    if not fast.schema.validate(root) and not _valid_without_space(fast.schema, root):
        log = list(fast.schema.error_log)
        issues = [_issue(root, entry, fast.names, show_values=show_values) for entry in log[:max_issues]]
        if len(log) > max_issues:
            text = f"there are more problems; the check stopped after {max_issues}"
            issues.append(Issue("information", "more-issues", "", text, "xsd"))
        return issues
    return list(_not_binary(root, fast.names.binary))[:max_issues]


def _parsed(data: bytes, limits: XmlLimits) -> Any:
    """Refuse what the pre-scan refuses, and parse; in C throughout, because this is for large documents."""
    check_start(data, limits)
    head = data.lstrip(b"\xef\xbb\xbf")
    declared = head.startswith(b"<?xml") and not _DECLARATION.match(head)
    # Many declarations of namespaces are looked at one by one: an element may have only so many.
    if declared or data.count(b"xmlns") > limits.attributes:
        prescan(data, limits)
    huge = len(data) > _HUGE
    parser = etree.XMLParser(encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=huge)
    try:
        root: Any = etree.fromstring(data, parser)
    except (etree.LxmlError, ValueError, OSError) as exc:
        prescan(data, limits)  # Says what is wrong in words that repeat nothing.
        raise Unsuitable("the document") from exc
    if root.xpath("boolean(" + "/*" * (limits.depth + 1) + ")"):
        refuse("refused-depth", f"elements lie more than {limits.depth} levels deep")
    if root.xpath("count(//*)") > limits.elements:
        refuse("refused-elements", f"the document has more than {limits.elements:,} elements")
    if root.xpath(f"boolean(//*[count(@*) > {limits.attributes}])"):
        refuse("refused-attributes", f"one element has more than {limits.attributes} attributes")
    return root


def _valid_without_space(schema: Any, root: Any) -> bool:
    """Judge again without the white space that XSD ignores around a date, and libxml2 does not.

    Every type whose values can fail by their form ignores it; only texts keep it, and these cannot fail so.
    """
    changed = False
    for entry in list(schema.error_log):
        if entry.type != _NOT_A_VALUE:
            return False
        element = _trail(root, entry.path)[-1]
        text = element.text or ""
        if text == text.strip(_SPACE):
            return False
        element.text = text.strip(_SPACE)
        changed = True
    return changed and bool(schema.validate(root))


def _issue(root: Any, entry: Any, names: SchemaNames, *, show_values: bool) -> Issue:
    trail = _trail(root, entry.path)
    code, message, attribute = explain(entry.type, entry.message, names.builtin)
    where = "/" + "/".join(_steps(trail)) + (f"/@{attribute}" if attribute else "")
    value = trail[-1].get(attribute) if attribute else trail[-1].text
    shown = f"; found {value[:80]!r}" if show_values and value and code in ("xsd-type", "xsd-value") else ""
    return Issue("error", code, where, message + shown, "xsd", _line(root, trail[-1], int(entry.line)))


def _trail(root: Any, path: str | None) -> list[Any]:
    """Return the elements from the root to the one that libxml2's path means."""
    steps = _STEP.findall(path or "")[1:]
    trail = [root]
    names = re.findall(r"/(\*|[^/\[]+)", path or "")[1:]
    for name, position in zip(names, steps, strict=True):
        local = name.rpartition(":")[2]
        children = list(trail[-1].iterchildren(tag=etree.Element))
        if name != "*":
            children = [c for c in children if etree.QName(c).localname == local]
        number = int(position or 1) - 1
        if number >= len(children):
            break
        trail.append(children[number])
    return trail


def _steps(trail: list[Any]) -> Iterator[str]:
    for element in trail:
        name = etree.QName(element).localname
        parent = element.getparent()
        same = [] if parent is None else [c for c in parent.iterchildren(tag=etree.Element) if c.tag == element.tag]
        yield f"{name}[{next(i for i, c in enumerate(same, 1) if c is element)}]" if len(same) > 1 else name


def _line(root: Any, element: Any, told: int) -> int:
    """Return the line of an element; libxml2's own counter ends at 65,535 in some of its answers."""
    return max(told, int(element.sourceline or 0))


def _not_binary(root: Any, names: frozenset[str]) -> Iterator[Issue]:
    """Find base64 that is none: libxml2 takes anything for it."""
    for name in sorted(names):
        for element in root.iter(f"{{*}}{name}"):
            packed = "".join((element.text or "").split())
            if len(packed) % 4 or not _BASE64.fullmatch(packed):
                path = [*reversed(list(element.iterancestors())), element]
                where = "/" + "/".join(_steps(path))
                yield Issue("error", "xsd-type", where, "not a base64Binary", "xsd", int(element.sourceline or 0))
