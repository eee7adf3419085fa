"""The parts of a multipart/form-data body, as an app's reader takes them (MultipartRequestReader)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

PARAMETER = re.compile(r';\s*([\w*]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)')


class MultipartError(ValueError):
    """The body cannot be read; the text is what the app would say."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its name, content type, file name and bytes."""

    name: str
    content_type: str
    filename: str | None
    content: bytes


def parameters(header: str) -> dict[str, str]:
    """Return the parameters of a header such as Content-Disposition, names in lower case, quotes removed."""
    found = {}
    for name, value in PARAMETER.findall(header if header.startswith(";") else f";{header.partition(';')[2]}"):
        value = value.strip()
        if value.startswith('"') and value.endswith('"') and len(value) > 1:
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        found[name.lower()] = value
    return found


def filename_of(disposition: str) -> str | None:
    """Return the file name of a Content-Disposition; `filename*` comes before `filename`."""
    found = parameters(disposition)
    extended = found.get("filename*")
    if extended is not None:
        charset, _, rest = extended.partition("'")
        try:
            return unquote(rest.partition("'")[2], encoding=charset or "utf-8", errors="replace")
        except LookupError:
            return None
    return found.get("filename")


def split_parts(body: bytes, content_type: str) -> list[Part]:
    """Split a body into its parts.

    :raises MultipartError: no boundary, a body cut short, or a part without the two headers that each must have.
    """
    boundary = parameters(content_type).get("boundary")
    if not boundary:
        raise MultipartError("Missing content-type boundary.")
    delimiter = b"--" + boundary.encode("latin-1", "replace")
    pieces = (b"\r\n" + body).split(b"\r\n" + delimiter)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise MultipartError("Unexpected end of Stream, the content may have already been read by another component. ")
    return [_part(piece, number) for number, piece in enumerate(pieces[1:-1], 1)]


def _part(piece: bytes, number: int) -> Part:
    head, separator, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    if not separator:
        head, content = b"", piece.removeprefix(b"\r\n")
    headers = {}
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    disposition = headers.get("content-disposition")
    if not disposition:
        raise MultipartError(f"Part number {number} doesn't have a content disposition")
    if not headers.get("content-type"):
        raise MultipartError(f"Part number {number} doesn't have a content type")
    name = parameters(disposition).get("name", "")
    return Part(name, headers["content-type"], filename_of(disposition), content)
