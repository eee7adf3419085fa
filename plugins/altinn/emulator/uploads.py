"""The rules that a file must keep to be uploaded (DataRestrictionValidation, DataController)."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass
from urllib.parse import unquote_plus

from altinn.emulator.metadata import DataType
from altinn.emulator.multipartbody import disposition_of, filename_of

OCTET_STREAM = "application/octet-stream"
FORBIDDEN = set('"<>|:*?\\/') | {chr(n) for n in range(32)}
KNOWN_TYPES = {
    ".xml": ("application/xml", "text/xml"),
    ".pdf": ("application/pdf",),
    ".txt": ("text/plain",),
    ".csv": ("text/csv",),
    ".json": ("application/json",),
    ".png": ("image/png",),
    ".jpg": ("image/jpeg",),
    ".jpeg": ("image/jpeg",),
    ".zip": ("application/zip", "application/x-zip-compressed"),
    ".docx": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document",),
    ".xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",),
    ".pptx": ("application/vnd.openxmlformats-officedocument.presentationml.presentation",),
    ".odt": ("application/vnd.oasis.opendocument.text",),
    ".ods": ("application/vnd.oasis.opendocument.spreadsheet",),
    ".odp": ("application/vnd.oasis.opendocument.presentation",),
    ".doc": ("application/msword",),
    ".xls": ("application/vnd.ms-excel",),
    ".ppt": ("application/vnd.ms-powerpoint",),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a file is refused: Altinn's code and text."""

    code: str
    description: str


def mime_types(filename: str) -> tuple[str, ...]:
    """Return the MIME types that go with a file name's extension."""
    extension = filename[filename.rfind(".") :].lower()
    return KNOWN_TYPES.get(extension) or (mimetypes.types_map.get(extension, OCTET_STREAM),)


def stored_name(filename: str) -> str:
    """Return a file name as it ends up in Storage: cleaned by the app, then URL-decoded twice."""
    return twice_decoded("".join("_" if c in FORBIDDEN else c for c in filename.strip('"')))


def twice_decoded(filename: str) -> str:
    """Return a file name as Storage reads it: a plus is a space, and what is encoded twice is decoded twice."""
    return unquote_plus(unquote_plus(filename))


def _invalid(code: str, text: str) -> Fault:
    return Fault(code, f"Invalid data provided. Error: {text}")


def disposition_name(disposition: str | None) -> str | None:
    """Return the file name that a new element's Content-Disposition carries."""
    name = filename_of(disposition) if disposition else None
    return name.strip('"') if name else None


def replaced_name(disposition: str | None) -> str | None:
    """Return the name that a replaced file gets: the plain `filename`, as it was sent; None without one."""
    found = disposition_of(disposition) if disposition else None
    name = (found or {}).get("filename")
    return twice_decoded(name) if name else None


def check_headers(data_type: DataType, disposition: str | None, content_type: str | None, length: int) -> Fault | None:
    """Return the first rule that an upload's headers break, None when it keeps all.

    :param length: bytes.
    """
    if disposition is None:
        return _invalid("ContentTypeNotAllowed", "The request must include a Content-Disposition header")
    if data_type.max_bytes and length > data_type.max_bytes:
        return _invalid("DataElementTooLarge", f"Binary attachment exceeds limit of {data_type.max_bytes}")
    filename = disposition_name(disposition)
    if not filename:
        return _invalid("MissingFileName", "The Content-Disposition header must contain a valid filename")
    if "." not in filename:
        text = f"Invalid format for filename: {filename}. Filename is expected to end with '.{{filetype}}'."
        return _invalid("InvalidFileNameFormat", text)
    return _check_type(data_type, filename, content_type) if data_type.content_types else None


def _check_type(data_type: DataType, filename: str, content_type: str | None) -> Fault | None:
    if not content_type:
        return _invalid("InvalidFileNameFormat", "Content-Type header must be included in request.")
    fitting = mime_types(filename)
    if content_type not in fitting and content_type != OCTET_STREAM:
        text = (
            f"Content type header {content_type} does not match mime type {fitting[0]} for uploaded file."
            " Please fix header or upload another file."
        )
        return _invalid("InvalidFileNameFormat", text)
    allowed = {kind.lower() for kind in data_type.content_types}
    if content_type.lower() not in allowed and OCTET_STREAM not in data_type.content_types:
        text = (
            f"Invalid content type: {_shown(content_type, fitting)}. Please try another file."
            f" Permitted content types include: {', '.join(data_type.content_types)}"
        )
        return _invalid("ContentTypeNotAllowed", text)
    return None


def _shown(content_type: str, fitting: tuple[str, ...]) -> str:
    """Return the type that a refusal names: the one of the file's extension."""
    return content_type if content_type in fitting else fitting[0]


def may_contribute(data_type: DataType, org_code: str | None, org_number: str | None) -> bool:
    """Say whether a caller is among the contributors that a data type names, if it names any."""
    if not data_type.contributors:
        return True
    own = {f"org:{(org_code or '').lower()}", f"orgno:{org_number}"} if org_code or org_number else set()
    return any(value.lower() in own for value in data_type.contributors)
