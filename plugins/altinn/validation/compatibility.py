"""Switches for reports whose receiver is more lenient than its own schema; off by default, and each use is told.

They change copies that are judged, never what is sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.parsers import expat

from altinn.exceptions import AltinnInputError, Issue
from altinn.validation.schema_folder import SchemaSource

_ROW_ID = re.compile(rb"""\s+(?:[\w.-]+:)?altinnRowId\s*=\s*(?:"[^"]*"|'[^']*')""")
_ANCHORED = re.compile(rb"""(<(?:[\w.-]+:)?pattern\b[^<>]*?\bvalue\s*=\s*)(?:"\^([^"]*)\$"|'\^([^']*)\$')""")


@dataclass(frozen=True, slots=True)
class Compatibility:
    """What the check may overlook.

    :param assume_namespace: take a document without any namespace for one in the schema's: apps read it so.
    :param strip_altinn_row_id: pass over the attribute that apps add to repeating groups.
    :param anchored_patterns: "strict", or "dotnet" to read `^…$` around a schema's pattern as anchors, as the apps do;
        in XSD they are characters, so that no value matches.
    """

    assume_namespace: bool = False
    strip_altinn_row_id: bool = False
    anchored_patterns: str = "strict"

    def __post_init__(self) -> None:
        """Refuse unknown values.

        :raises AltinnInputError: `anchored_patterns` is neither "strict" nor "dotnet".
        """
        if self.anchored_patterns not in ("strict", "dotnet"):
            raise AltinnInputError(
                f"anchored_patterns must be 'strict' or 'dotnet', not {self.anchored_patterns[:40]!r}"
            )


def _trace(code: str, message: str) -> Issue:
    return Issue("warning", code, "", f"{message}; the document itself is not changed", "compatibility")


def adapted_document(data: bytes, namespace: str, wanted: Compatibility) -> tuple[bytes, list[Issue]]:
    """Return the bytes to judge, and what was overlooked.

    :param data: has passed the pre-scan.
    :param namespace: the schema's; empty when it has none.
    """
    traces: list[Issue] = []
    if wanted.strip_altinn_row_id and b"altinnRowId" in data:
        data, count = _without_row_ids(data)
        if count:
            traces.append(_trace("compat-row-id", f"{count} attributes altinnRowId were passed over"))
    if wanted.assume_namespace and namespace and not _has_namespace(data):
        data = _with_namespace(data, namespace)
        traces.append(_trace("compat-namespace", f"the document has no namespace and was judged as in {namespace}"))
    return data, traces


def _tags(data: bytes) -> list[int]:
    """Return where each start tag begins."""
    starts: list[int] = []
    parser = expat.ParserCreate()

    def start(_name: str, _attributes: dict[str, str]) -> None:
        starts.append(parser.CurrentByteIndex)

    parser.StartElementHandler = start
    parser.Parse(data, True)
    return starts


def _tag_end(data: bytes, start: int) -> int:
    """Return where a start tag ends: the first > outside of quotes."""
    end = re.compile(rb"""<(?:[^>"']|"[^"]*"|'[^']*')*>""").match(data, start)
    return end.end() if end else len(data)


def _without_row_ids(data: bytes) -> tuple[bytes, int]:
    pieces, count, last = [], 0, 0
    for start in _tags(data):
        end = _tag_end(data, start)
        tag, found = _ROW_ID.subn(b"", data[start:end])
        count += found
        pieces += [data[last:start], tag]
        last = end
    return b"".join([*pieces, data[last:]]), count


def _has_namespace(data: bytes) -> bool:
    found: list[str] = []
    parser = expat.ParserCreate(None, "}")

    def start(name: str, _attributes: dict[str, str]) -> None:
        found.append(name)

    parser.StartElementHandler = start
    parser.Parse(data, True)
    return any("}" in name for name in found)


def _with_namespace(data: bytes, namespace: str) -> bytes:
    start = _tags(data)[0]
    name = re.compile(rb"<[^\s/>]+").match(data, start)
    position = name.end() if name else start
    escaped = namespace.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return data[:position] + f' xmlns="{escaped}"'.encode() + data[position:]


@contextmanager
def adapted_schema(source: SchemaSource, wanted: Compatibility) -> Iterator[tuple[SchemaSource, list[Issue]]]:
    """Give the schema to judge by: the one named, or a copy of its folder with the anchors taken off."""
    if wanted.anchored_patterns == "strict":
        yield source, []
        return
    with TemporaryDirectory(prefix="altinn-schema-") as folder:
        count = 0
        for path in source.directory.rglob("*.xsd"):
            content, found = _ANCHORED.subn(_unanchored, path.read_bytes())
            count += found
            target = Path(folder) / path.relative_to(source.directory)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        text = f"{count} patterns of the schema were read with ^ and $ as anchors"
        traces = [_trace("compat-patterns", text)] if count else []
        yield SchemaSource(Path(folder), source.entry), traces


def _unanchored(match: re.Match[bytes]) -> bytes:
    pattern = match[2] if match[2] is not None else match[3]
    quote = b'"' if match[2] is not None else b"'"
    # In .NET ^a|b$ means (^a)|(b$): without the anchors both are searched for, which XSD cannot say.
    return match[0] if b"|" in pattern and not pattern.startswith(b"(") else match[1] + quote + pattern + quote
