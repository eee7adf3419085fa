"""Check a JSON document against a JSON Schema, including those that Altinn apps publish about their forms.

An app's own JSON Schema is a hint and no more: .NET drops what it does not know and takes what the schema forbids. The
two shapes in which Altinn Studio wraps the form's type, and that it wrote fixed numbers as text, are undone here;
what was undone is told as an information.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from altinn.exceptions import AltinnDocumentError, AltinnInputError, Issue
from altinn.validation.json_strict import JsonLimits, load_json
from altinn.validation.xml_check import MAX_ISSUES


def check_json(
    data: bytes,
    schema: Path | bytes | Mapping[str, object],
    *,
    limits: JsonLimits | None = None,
    max_issues: int = MAX_ISSUES,
    show_values: bool = False,
) -> list[Issue]:
    """Return what is wrong with the document; no error among the issues means that it is valid.

    Nothing is fetched: the schema may refer to itself only.

    :param schema: a file, the bytes of one, or a schema that is decoded already.
    :param show_values: repeat the values found, shortened, in the messages. They may be secret.
    :raises AltinnInputError: the schema itself cannot be used.
    """
    decoded = _schema(schema)
    try:
        value = load_json(data, limits)
    except AltinnDocumentError as exc:
        return list(exc.issues)
    from altinn.validation.json_engine import find_issues

    return find_issues(value, decoded, max_issues=max_issues, show_values=show_values)


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
