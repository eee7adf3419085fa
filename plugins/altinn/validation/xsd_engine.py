"""Run `xmlschema` in the way that its traps allow. Importing this module imports the engine: do so in functions only.

Why each setting: a text or bytes given as the instance would be fetched if it looked like an address, and a schema
location in the document followed, so the instance is a stream that may open nothing. The schema may read its own
folder only, which our own opener sees to, because the engine's sandbox is always the folder of the file at hand and
compares names by their beginning. Python's number parsers accept what XSD does not ("15 000", "15_000", other
scripts' digits), so `altinn.validation.xsd_numbers` looks at numbers again.
"""

# ruff: noqa: TID253 - this module is imported inside a function only, together with the engine
from __future__ import annotations

import io
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import urlsplit
from urllib.request import OpenerDirector, url2pathname

import xmlschema
from xmlschema import limits as engine_limits
from xmlschema.exceptions import XMLResourceBlocked, XMLResourceOSError

from altinn.exceptions import AltinnInputError, Issue
from altinn.protocol.xml_prescan import Prescan, XmlLimits
from altinn.validation.schema_folder import fingerprint, with_plain_names
from altinn.validation.xsd_messages import Finding, explain
from altinn.validation.xsd_numbers import NumberCheck, mend_patterns
from altinn.validation.xsd_words import root_issue

_KEPT_SCHEMAS = 16
_cache: OrderedDict[str, BuiltSchema] = OrderedDict()
_lock = Lock()


@dataclass(frozen=True, slots=True)
class BuiltSchema:
    """A schema ready for use.

    :param issues: what the engine had to say about the schema itself; none of it stops a check.
    """

    name: str
    schema: xmlschema.XMLSchema
    issues: tuple[Issue, ...]


class _FolderOpener(OpenerDirector):
    """Opens files of one folder, and those that the engine brings along; nothing else."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._trusted = (directory.resolve(), Path(xmlschema.__file__).parent.resolve())

    def open(self, fullurl: Any, data: Any = None, timeout: float | None = None) -> Any:
        """Open a file, its links followed first."""
        parts = urlsplit(str(fullurl))
        path = Path(url2pathname(parts.path)).resolve()
        if parts.scheme != "file" or not any(path.is_relative_to(trusted) for trusted in self._trusted):
            raise XMLResourceBlocked(f"{path.name} lies outside the schema's folder")
        try:
            return io.BytesIO(with_plain_names(path.read_bytes()))
        except OSError as exc:
            raise XMLResourceOSError(f"{path.name} cannot be read: {exc.strerror}") from exc


def built_schema(directory: Path, entry: str) -> BuiltSchema:
    """Build the schema, or take it from this process's cache if no file of its folder has changed.

    :raises AltinnInputError: the schema is broken or wants something from outside its folder.
    """
    key = fingerprint(directory, entry)
    with _lock:
        found = _cache.get(key)
        if found is None:
            found = _cache[key] = _build(directory, entry)
        _cache.move_to_end(key)
        while len(_cache) > _KEPT_SCHEMAS:
            _cache.popitem(last=False)
    return found


def _build(directory: Path, entry: str) -> BuiltSchema:
    path = (directory / entry).resolve()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            schema = xmlschema.XMLSchema(str(path), allow="local", defuse="remote", opener=_FolderOpener(directory))
            mend_patterns(schema)
        except (xmlschema.XMLSchemaException, xmlschema.XMLResourceError, OSError, RecursionError) as exc:
            raise AltinnInputError(f"the schema {entry} cannot be used: {_first_line(exc)}") from exc
    issues = tuple(
        Issue("warning", "schema-incomplete", entry, _first_line(note.message), "xsd")
        for note in caught
        if issubclass(note.category, xmlschema.XMLSchemaImportWarning | xmlschema.XMLSchemaIncludeWarning)
    )
    return BuiltSchema(entry, schema, issues)


def _first_line(exc: Warning | Exception | str) -> str:
    lines = str(exc).strip().splitlines()
    return lines[0].rstrip(":") if lines else type(exc).__name__


def find_issues(data: bytes, seen: Prescan, built: BuiltSchema, *, max_issues: int, show_values: bool) -> list[Issue]:
    """Judge a document that has passed the pre-scan; see `altinn.validation.xml_check.check_xml`."""
    issues = list(built.issues)
    roots = {str(element.name) for element in built.schema.elements.values()}
    wrong_root = root_issue(seen.root, roots, built.schema.target_namespace, built.name)
    if wrong_root:
        return [*issues, wrong_root]
    engine_limits.MAX_XML_ELEMENTS = max(engine_limits.MAX_XML_ELEMENTS, XmlLimits().elements)
    resource = xmlschema.XMLResource(io.BytesIO(data), allow="none")
    findings = list(islice(_findings(resource, built.schema), max_issues + 1))
    places = _places(resource.root, {id(found.element) for found in findings})
    for found in findings[:max_issues]:
        path, number = places.get(id(found.element), ("", -1))
        where = f"{path}/@{found.attribute}" if found.attribute else path
        message = found.message + (f"; found {found.value[:80]!r}" if show_values and found.value else "")
        issues.append(Issue("error", found.code, where, message, "xsd", seen.line(number)))
    if len(findings) > max_issues:
        text = f"there are more problems; the check stopped after {max_issues}"
        issues.append(Issue("information", "more-issues", "", text, "xsd"))
    return issues


def _findings(resource: xmlschema.XMLResource, schema: xmlschema.XMLSchema) -> Iterator[Finding]:
    """Yield the engine's findings; a number that the engine has refused already is not told twice."""
    told: set[tuple[int, str]] = set()
    try:
        for error in schema.iter_errors(resource, extra_validator=NumberCheck(schema)):
            found = explain(error)
            place = (id(found.element), found.attribute)
            if not (found.is_number and place in told):
                yield found
            told.add(place)
    except (xmlschema.XMLSchemaException, RecursionError):
        # Such as an xsi:type that the schema does not have. The engine's words would quote the document.
        yield Finding(None, "refused-engine", "the rest could not be judged; does an xsi:type name an unknown type?")


def _places(root: Any, wanted: set[int]) -> dict[int, tuple[str, int]]:
    """Return path and number in document order of each wanted element, from one walk over the tree."""
    places: dict[int, tuple[str, int]] = {}
    trail: list[Any] = []
    stack: list[Any] = [root] if wanted else []
    number = -1
    while stack and len(places) < len(wanted):
        element = stack.pop()
        if element is None:
            trail.pop()
            continue
        number += 1
        trail.append(element)
        if id(element) in wanted:
            places[id(element)] = (_path(trail), number)
        stack.append(None)
        stack.extend(reversed(element))
    return places


def _path(trail: list[Any]) -> str:
    """Return a readable path: local names, with a number wherever the same name occurs more than once."""
    steps = [str(trail[0].tag).rpartition("}")[2]]
    for parent, child in pairwise(trail):
        name = str(child.tag).rpartition("}")[2]
        same = [sibling for sibling in parent if sibling.tag == child.tag]
        steps.append(f"{name}[{next(i for i, s in enumerate(same, 1) if s is child)}]" if len(same) > 1 else name)
    return "/" + "/".join(steps)
