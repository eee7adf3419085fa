"""Hold planned documents against an app's `applicationmetadata`, so that a wrong file never makes a draft.

The rules are the app's own: `DataRestrictionValidation` and `InstancesController` in the public app library for what
it refuses, Storage's `DataElementHelper` for what it does to file names. What the app refuses later for reasons of its
own is not known here.
"""

from __future__ import annotations

import difflib
import mimetypes
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from altinn.exceptions import Issue

MISSING = -1
"""The size of a file that is not there."""

_MEGABYTE = 1024 * 1024
_FORM_TYPES = frozenset({"application/xml", "text/xml", "application/json"})
_ANY = "application/octet-stream"
_SAFE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,250}")
_ALIASES = {
    ".xml": {"application/xml", "text/xml"},
    ".jpg": {"image/jpeg", "image/jpg"},
    ".jpeg": {"image/jpeg", "image/jpg"},
    ".odf": {"application/vnd.oasis.opendocument.formula"},
}
_LETTERS = str.maketrans(
    {"æ": "ae", "Æ": "Ae", "ø": "o", "Ø": "O", "å": "a", "Å": "A", "ð": "d", "ß": "ss", "–": "-", "—": "-"}
)


@dataclass(frozen=True, slots=True)
class PlannedDocument:
    """A document that is going to be sent.

    :param file_name: the name Altinn is told; forms need none.
    :param size: bytes, or `MISSING`.
    """

    data_type: str
    file_name: str | None
    content_type: str
    size: int

    @property
    def label(self) -> str:
        """How issues name the document."""
        return f"{self.data_type}: {self.file_name}" if self.file_name else self.data_type


def check_owner(metadata: Mapping[str, Any], kind: str) -> list[Issue]:
    """Return an error when the app takes no reports from such a party.

    :param kind: "organisation" (a bankruptcy estate and a sub-unit have organisation numbers too) or "person".
    """
    allowed = metadata.get("partyTypesAllowed")
    taken = {str(name) for name, is_allowed in allowed.items() if is_allowed} if isinstance(allowed, Mapping) else set()
    fitting = {"person"} if kind == "person" else {"organisation", "subUnit", "bankruptcyEstate"}
    if not taken or taken & fitting:
        return []
    message = f"the app takes reports from {', '.join(sorted(taken))} only, not from a party of the kind {kind}"
    return [Issue("error", "party-type", kind, message, "preflight")]


def check_plan(
    metadata: Mapping[str, Any], documents: Sequence[PlannedDocument], *, required: bool, task_id: str = ""
) -> list[Issue]:
    """Return what the app would refuse or change; an empty list when the plan fits.

    :param metadata: the app's `GET /api/v1/applicationmetadata`.
    :param required: the documents are all that will be filed, so that nothing the app requires may be missing.
    :param task_id: the process task in which they are uploaded; empty when it is not known yet.
    """
    types = {str(item.get("id")): item for item in metadata.get("dataTypes") or () if isinstance(item, Mapping)}
    issues: list[Issue] = []
    for document in documents:
        data_type = types.get(document.data_type)
        if data_type is None:
            issues.append(_unknown_type(document, types))
        elif _is_form(data_type):
            issues += [*_size(document, data_type), *_form_content_type(document, data_type)]
        else:
            issues += [
                *_size(document, data_type),
                *_file_name(document),
                *_content_type(document, data_type),
                *_contributors(document, data_type),
            ]
    issues += _counts(types, documents, required=required)
    issues += _tasks(types, documents, task_id)
    issues += _unique_names([d for d in documents if not _is_form(types.get(d.data_type, {}))])
    return issues


def safe_file_name(name: str) -> str:
    """Return a name as near to this one as Storage keeps unchanged; the extension stays."""
    plain = unicodedata.normalize("NFKD", name.translate(_LETTERS)).encode("ascii", "ignore").decode()
    cleaned = re.sub(r"[^A-Za-z0-9._-]+", "_", plain).lstrip(".")
    return (cleaned or "document")[-200:]


def _is_form(data_type: Mapping[str, Any]) -> bool:
    return bool((data_type.get("appLogic") or {}).get("classRef"))


def _error(document: PlannedDocument, code: str, message: str) -> Issue:
    return Issue("error", code, document.label, message, "preflight")


def _unknown_type(document: PlannedDocument, types: Mapping[str, Any]) -> Issue:
    known = {name.lower(): name for name in types}
    near = difflib.get_close_matches(document.data_type.lower(), known, n=1)
    meant = f" (did you mean {known[near[0]]!r}?)" if near else ""
    listed = ", ".join(sorted(types)) or "none"
    return _error(
        document,
        "unknown-data-type",
        f"the app has no data type {document.data_type!r}{meant}; it has: {listed}",
    )


def _size(document: PlannedDocument, data_type: Mapping[str, Any]) -> Iterator[Issue]:
    limit = data_type.get("maxSize") or 0
    if document.size == MISSING:
        yield _error(document, "file-missing", "the file is not there; check the path")
    elif document.size == 0:
        yield _error(document, "file-empty", "the file is empty, and the app refuses empty files")
    elif limit and document.size > limit * _MEGABYTE:
        yield _error(
            document,
            "file-too-large",
            f"the file has {document.size / _MEGABYTE:.1f} MB, the app takes {limit} MB at most for this data type; "
            "make it smaller or split it",
        )


def _form_content_type(document: PlannedDocument, data_type: Mapping[str, Any]) -> Iterator[Issue]:
    bare = document.content_type.partition(";")[0].strip()
    allowed = data_type.get("allowedContentTypes") or ()
    if bare not in _FORM_TYPES:
        yield _error(
            document,
            "wrong-content-type",
            f"a form is sent as application/xml or application/json, not as {bare or 'nothing'!r}",
        )
    elif allowed and bare not in allowed:
        message = (
            f"the app lists {', '.join(allowed)} for this form; {bare} works for an update, but a creation with "
            "the form inside is refused"
        )
        yield Issue("warning", "wrong-content-type", document.label, message, "preflight")


def _file_name(document: PlannedDocument) -> Iterator[Issue]:
    name = document.file_name or ""
    if not name:
        yield _error(document, "file-name-missing", "this data type needs a file name with an extension")
        return
    if not _SAFE_NAME.fullmatch(name):
        yield _error(
            document,
            "file-name-changed",
            "Altinn would not keep this file name as it is; use letters A-Z, digits, dot, hyphen and underscore, "
            f"for example {safe_file_name(name)!r}",
        )
    if not _extension(name):
        yield _error(document, "file-name-extension", "the app refuses file names without an extension such as .pdf")


def _extension(name: str) -> str:
    stem, dot, extension = name.rpartition(".")
    return f".{extension.lower()}" if stem and dot and extension else ""


def _content_type(document: PlannedDocument, data_type: Mapping[str, Any]) -> Iterator[Issue]:
    allowed = [str(item) for item in data_type.get("allowedContentTypes") or ()]
    given = document.content_type
    if not given:
        yield _error(document, "wrong-content-type", "a content type is needed, such as application/pdf")
        return
    if not allowed:
        return
    if ";" in given:
        yield _error(
            document, "wrong-content-type", f"send {given.partition(';')[0].strip()} without parameters after it"
        )
        return
    if given not in allowed and _ANY not in allowed:
        yield _error(
            document, "wrong-content-type", f"the app takes {', '.join(allowed)} for this data type, not {given}"
        )
        return
    expected = _types_of(_extension(document.file_name or ""))
    if expected and given != _ANY and given not in expected:
        yield _error(
            document,
            "wrong-extension",
            f"the file name's extension means {' or '.join(sorted(expected))}, but the content type is {given}; "
            "make them agree",
        )


def _types_of(extension: str) -> set[str]:
    """Return the content types that an extension stands for; none when it is not known here."""
    if extension in _ALIASES:
        return _ALIASES[extension]
    guessed = mimetypes.guess_type(f"file{extension}", strict=True)[0] if extension else None
    return {guessed} if guessed else set()


def _contributors(document: PlannedDocument, data_type: Mapping[str, Any]) -> Iterator[Issue]:
    # The metadata spells the key with an e.
    contributors = data_type.get("allowedContributers") or data_type.get("allowedContributors") or ()
    if contributors:
        message = f"only {', '.join(map(str, contributors))} may upload this data type; make sure that this is you"
        yield Issue("warning", "contributors", document.label, message, "preflight")


def _counts(
    types: Mapping[str, Mapping[str, Any]], documents: Sequence[PlannedDocument], *, required: bool
) -> Iterator[Issue]:
    planned = Counter(document.data_type for document in documents)
    for name, data_type in types.items():
        most, least = int(data_type.get("maxCount") or 0), int(data_type.get("minCount") or 0)
        if most and planned[name] > most:
            message = f"{planned[name]} documents are planned, the app takes {most} at most"
            yield Issue("error", "too-many", name, message, "preflight")
        if required and planned[name] < least:
            yield from _too_few(name, data_type, planned[name], least)


def _too_few(name: str, data_type: Mapping[str, Any], planned: int, least: int) -> Iterator[Issue]:
    if (data_type.get("appLogic") or {}).get("autoCreate") and least == 1:
        message = "the app makes this form by itself and nothing is planned for it: it is filed as the app fills it"
        yield Issue("warning", "form-not-planned", name, message, "preflight")
    elif not data_type.get("allowedContributers"):
        message = f"the app requires {least} document(s) of this data type, {planned} planned; add what is missing"
        yield Issue("error", "too-few", name, message, "preflight")


def _tasks(
    types: Mapping[str, Mapping[str, Any]], documents: Sequence[PlannedDocument], task_id: str
) -> Iterator[Issue]:
    """Tell which documents belong to another task; whether the app insists on it, its metadata does not say."""
    bound = {d.data_type: str(types.get(d.data_type, {}).get("taskId") or "") for d in documents}
    tasks = {task for task in bound.values() if task}
    for name, task in bound.items():
        if task and task_id and task != task_id:
            message = (
                f"this data type belongs to {task}, and is going to be uploaded in {task_id}: the app may refuse it"
            )
            yield Issue("warning", "wrong-task", name, message, "preflight")
    if not task_id and len(tasks) > 1:
        message = (
            f"the planned data types belong to different tasks ({', '.join(sorted(tasks))}): upload each in its own"
        )
        yield Issue("warning", "several-tasks", "", message, "preflight")


def _unique_names(documents: Sequence[PlannedDocument]) -> Iterator[Issue]:
    counts = Counter(document.file_name.lower() for document in documents if document.file_name)
    for name, count in counts.items():
        if count > 1:
            message = f"{count} documents have this file name (upper and lower case count as one); give each its own"
            yield Issue("error", "file-name-twice", name, message, "preflight")
