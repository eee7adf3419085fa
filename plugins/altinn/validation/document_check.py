"""Check a document of either kind against a schema of its kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from altinn.exceptions import AltinnDocumentError, AltinnInputError, Issue
from altinn.validation.compatibility import Compatibility
from altinn.validation.schema_folder import SchemaSource
from altinn.validation.time_limit import limited_time, time_limit_for
from altinn.validation.xml_check import LIMITS, MAX_ISSUES


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """How to check; the defaults are strict.

    :param engine: "auto", "pure" or "fast"; see `altinn.validation.xml_check.check_xml`.
    :param max_issues: problems after which the check stops.
    :param show_values: repeat the values found in the messages; they may be secret.
    :param compatibility: what an XML check may overlook; each use leaves a warning.
    :param time_limit: seconds of processor time after which the document is refused; by default 60 and 10 for each MB.
    """

    engine: str = "auto"
    max_issues: int = MAX_ISSUES
    show_values: bool = False
    compatibility: Compatibility = field(default_factory=Compatibility)
    time_limit: float | None = None


def check_content(data: bytes, schema: SchemaSource, options: CheckOptions | None = None) -> list[Issue]:
    """Return what is wrong with the document; no error among the issues means that it is valid.

    :param schema: an XSD or a JSON Schema, known by its first character.
    :raises AltinnInputError: the schema cannot be used.
    """
    options = options or CheckOptions()
    seconds = time_limit_for(len(data)) if options.time_limit is None else options.time_limit
    try:
        with limited_time(seconds):
            return _judged(data, schema, options)
    except AltinnDocumentError as exc:
        return list(exc.issues)


def _judged(data: bytes, schema: SchemaSource, options: CheckOptions) -> list[Issue]:
    if is_json_schema(schema.path):
        if options.compatibility != Compatibility():
            raise AltinnInputError(f"the compatibility switches are for XML, and {schema.entry} is a JSON Schema")
        from altinn.validation.json_check import check_json

        return check_json(
            data,
            schema.path,
            max_issues=options.max_issues,
            show_values=options.show_values,
            engine=options.engine,
        )
    from altinn.validation.xml_check import check_xml

    return check_xml(
        data,
        schema,
        max_issues=options.max_issues,
        show_values=options.show_values,
        engine=options.engine,
        compatibility=options.compatibility,
    )


def is_json_schema(path: Path) -> bool:
    """Tell a JSON Schema from an XSD.

    :raises AltinnInputError: the file is neither, or cannot be read.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(1024).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    except IsADirectoryError as exc:
        raise AltinnInputError(f"the schema {path} is a folder: name a file in it") from exc
    except OSError as exc:
        raise AltinnInputError(f"the schema {path} cannot be read: {exc.strerror or type(exc).__name__}") from exc
    if head in (b"{", b"[", b"t", b"f"):
        return True
    # UTF-16 begins with its mark; the engine says what it thinks of it.
    if head in (b"<", b"\xff", b"\xfe"):
        return False
    raise AltinnInputError(f"{path} is neither an XSD nor a JSON Schema: it begins with neither < nor {{")


def read_limited(stream: BinaryIO) -> bytes:
    """Read a document, but not for ever: a device or a mistaken path may have no end.

    :raises AltinnDocumentError: it is larger than anything that is checked.
    """
    data = stream.read(LIMITS.size + 1)
    refuse_size(len(data))
    return data


def refuse_size(size: int) -> None:
    """Refuse what is too large, before it is read where its size is known.

    :raises AltinnDocumentError: it is larger than anything that is checked.
    """
    if size > LIMITS.size:
        text = f"the document has more than the limit of {LIMITS.size:,} bytes"
        raise AltinnDocumentError(text, (Issue("error", "refused-size", "", text, "document"),))


def refused(issues: list[Issue]) -> str:
    """Return why a document was not judged at all; empty when it was."""
    return next((issue.message for issue in issues if issue.code.startswith("refused-")), "")


def schema_source(schema: Path, root: Path | None) -> SchemaSource:
    """Return a schema with the folder that it may read from: the one given, or its own.

    :raises AltinnInputError: the schema does not lie in the folder.
    """
    path = schema.absolute()
    folder = (root or path.parent).absolute()
    if not path.resolve().is_relative_to(folder.resolve()):
        raise AltinnInputError(f"the schema {path} does not lie in its root folder {folder}: name a folder above it")
    return SchemaSource(folder.resolve(), str(path.resolve().relative_to(folder.resolve())))
