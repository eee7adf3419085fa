"""The parts of a multipart/form-data body, as an app's reader takes them (MultipartRequestReader)."""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

PARAMETER = re.compile(r';\s*([\w*]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)')
TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
QUOTED = r'"(?:[^"\\]|\\.)*"'
NAMED = rf";\s*({TOKEN})\s*(?:=\s*({QUOTED}|(?:{TOKEN})?)\s*)?"
DISPOSITION = re.compile(rf"\s*{TOKEN}\s*(?:{NAMED})*")
DISPOSITION_PARAMETER = re.compile(NAMED)
ENCODED_WORD = re.compile(r'"=\?([^?]+)\?[bB]\?([^?]*)\?="')
READING = "IOException while reading a section of the request: "


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


def disposition_of(header: str) -> dict[str, str] | None:
    """Return the parameters of a Content-Disposition as .NET parses it, None when it does not follow the grammar.

    Quoted values lose their quotes and keep their backslashes; encoded words are decoded.
    """
    if DISPOSITION.fullmatch(header) is None:
        return None
    found: dict[str, str] = {}
    for name, value in DISPOSITION_PARAMETER.findall(header):
        found.setdefault(name.lower(), _unquoted(value))
    return found


def _unquoted(value: str) -> str:
    word = ENCODED_WORD.fullmatch(value)
    if word is not None:
        try:
            return b64decode(word[2], validate=True).decode(word[1])
        except (ValueError, LookupError):
            pass
    return value[1:-1] if len(value) > 1 and value.startswith('"') else value


def filename_of(disposition: str) -> str | None:
    """Return the file name of a Content-Disposition; `filename*` comes before `filename`."""
    found = disposition_of(disposition)
    if found is None:
        return None
    charset, *rest = found.get("filename*", "").split("'")
    if len(rest) == 2:
        try:
            return unquote_to_bytes(rest[1]).decode(charset, "replace")
        except LookupError:
            pass
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
        end = "Unexpected end of Stream, the content may have already been read by another component. "
        raise MultipartError(READING + end)
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
    named = disposition_of(disposition) if disposition else None
    if disposition is None or named is None:
        raise MultipartError(f"Part number {number} doesn't have a content disposition")
    if not headers.get("content-type"):
        raise MultipartError(f"Part number {number} doesn't have a content type")
    name = named.get("name", "")
    return Part(name, headers["content-type"], filename_of(disposition), content)
