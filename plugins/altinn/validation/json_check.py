"""Check a JSON document against a JSON Schema, including those that Altinn apps publish about their forms.

An app's own JSON Schema is a hint and no more: .NET drops what it does not know and takes what the schema forbids. The
two shapes in which Altinn Studio wraps the form's type, and that it wrote fixed numbers as text, are undone here;
what was undone is told as an information.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from altinn.exceptions import AltinnDocumentError, AltinnInputError, Issue
from altinn.validation.json_schema_shapes import unwrapped
from altinn.validation.json_strict import JsonLimits, load_json
from altinn.validation.two_engines import stricter
from altinn.validation.xml_check import ENGINES, MAX_ISSUES, MEGABYTE, SLOW_FROM, has_fast

FAST_FROM = 1 * MEGABYTE
"""Bytes from which on the fast engine pays."""


def check_json(
    data: bytes,
    schema: Path | bytes | Mapping[str, object],
    *,
    limits: JsonLimits | None = None,
    max_issues: int = MAX_ISSUES,
    show_values: bool = False,
    engine: str = "auto",
) -> list[Issue]:
    """Return what is wrong with the document; no error among the issues means that it is valid.

    Nothing is fetched: the schema may refer to itself only.

    :param schema: a file, the bytes of one, or a schema that is decoded already.
    :param show_values: repeat the values found, shortened, in the messages. They may be secret.
    :param engine: "auto" takes jsonschema-rs from 1 MB on if it is installed; "pure" never; "fast" always.
    :raises AltinnInputError: the schema itself cannot be used, or "fast" is not installed.
    """
    if engine not in ENGINES:
        raise AltinnInputError(f"engine must be one of {', '.join(ENGINES)}, not {engine[:40]!r}")
    decoded = _schema(schema)
    try:
        value = load_json(data, limits)
    except AltinnDocumentError as exc:
        return list(exc.issues)
    quick = has_fast(engine, "jsonschema_rs") and (engine == "fast" or len(data) > FAST_FROM)
    found = _quick(value, decoded, max_issues) if quick else None
    if found == [] or (found and len(data) > SLOW_FROM):
        return [*_hints(decoded), *found]
    from altinn.validation.json_engine import find_issues

    issues = find_issues(value, decoded, max_issues=max_issues, show_values=show_values)
    return stricter(found, issues) if found else issues


def _quick(value: object, schema: Mapping[str, object] | bool, max_issues: int) -> list[Issue] | None:
    from altinn.validation.json_fast import fast_issues

    judged = unwrapped(schema)[0] if isinstance(schema, Mapping) else schema
    return fast_issues(value, judged, max_issues=max_issues)


def _hints(schema: Mapping[str, object] | bool) -> list[Issue]:
    changes = unwrapped(schema)[1] if isinstance(schema, Mapping) else ()
    return [Issue("information", "schema-changed", "", text, "json-schema") for text in changes]


def _schema(source: Path | bytes | Mapping[str, object]) -> Mapping[str, object] | bool:
    if isinstance(source, Path):
        try:
            source = source.read_bytes()
        except OSError as exc:
            raise AltinnInputError(f"the schema {exc.filename} cannot be read: {exc.strerror}") from exc
    if isinstance(source, bytes):
        try:
            decoded = load_json(source)
        except AltinnDocumentError as exc:
            raise AltinnInputError(f"the schema is no JSON: {exc}") from exc
        if not isinstance(decoded, dict | bool):
            raise AltinnInputError("the schema is no JSON Schema: its root is neither an object nor true or false")
        return decoded
    return source
