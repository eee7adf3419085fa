"""Documents by path: what an operator's argument says, opened through ObjectStoragePath."""

from __future__ import annotations

import hashlib
import io
import mimetypes
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from altinn.exceptions import AltinnInputError
from altinn.protocol.filed_document import Document
from altinn.protocol.masking import mask, may_hold_person_number

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

_CHUNK = 1 << 20
_LONGEST_NAME = 150
_KEYS = frozenset({"data_type", "path", "content_type", "file_name", "sha256"})
_TYPES = {
    ".xml": "application/xml",
    ".json": "application/json",
    ".pdf": "application/pdf",
    ".zip": "application/zip",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}


def storage_path(path: str, conn_id: str | None = None) -> ObjectStoragePath:
    """Return a path on any storage that Airflow knows; a bare path is a local file."""
    from airflow.sdk import ObjectStoragePath

    text = str(path).strip()
    if not text:
        raise AltinnInputError("a document has no path: give a local path or an ObjectStoragePath such as s3://…")
    return ObjectStoragePath(text if "://" in text else f"file://{_absolute(text)}", conn_id=conn_id)


def opened(path: ObjectStoragePath, mode: str) -> BinaryIO:
    """Open a file on any storage; "rb" or "wb"."""
    return cast("BinaryIO", path.open(mode))  # type: ignore[no-untyped-call]


def local_path(path: ObjectStoragePath | Path) -> Path | None:
    """Return a path as one of this machine; None where it lies in another storage."""
    if isinstance(path, Path):
        return path
    return Path(str(path.path)) if path.protocol in ("file", "local") else None


def refuse_person_number(path: str) -> None:
    """Refuse a path or a file name that holds a person's number, before it goes into a log, an XCom or to Altinn.

    A file that is called otherwise loses nothing. (Airflow itself shows what stands in a DAG's arguments.)

    :raises AltinnInputError: eleven digits in it begin with a birth date and end with the right control digits.
    """
    if may_hold_person_number(path):
        raise AltinnInputError(
            f"{mask(path)} holds eleven digits that look like a person's number. File names are seen in Airflow and in "
            "Altinn: rename it"
        )


def _absolute(text: str) -> str:
    path = Path(text).expanduser()
    if not path.is_absolute():
        raise AltinnInputError(f"path {text!r} is relative: tasks run elsewhere, so give an absolute path")
    return str(path)


def documents_of(entries: object) -> list[Document]:
    """Read a task's list of documents and hash what lies there.

    :param entries: mappings with `data_type`, `path`, and optionally `content_type`, `file_name`, and `sha256` of the
        bytes that were checked.
    :raises AltinnInputError: an entry is malformed, a name looks like holding a person's number, or a file is missing,
        empty, or another one than was checked.
    """
    if isinstance(entries, Mapping):
        entries = [entries]
    if not isinstance(entries, Sequence) or isinstance(entries, str | bytes):
        raise AltinnInputError(
            f"documents must be a list of {{'data_type': …, 'path': …}}, got {type(entries).__name__}; render "
            "templates to lists with render_template_as_native_obj=True, or pass a task's .output"
        )
    return [_document(number, entry) for number, entry in enumerate(entries, 1)]


def _document(number: int, entry: object) -> Document:
    if not isinstance(entry, Mapping):
        raise AltinnInputError(
            f"document {number} must be a mapping with data_type and path, got {type(entry).__name__}"
        )
    unknown = sorted(set(map(str, entry)) - _KEYS)
    if unknown or not entry.get("data_type") or not entry.get("path"):
        raise AltinnInputError(
            f"document {number} needs data_type and path, and may have content_type, file_name and sha256"
            + (f"; not known: {', '.join(unknown)}" if unknown else "")
        )
    for name in ("path", "file_name"):
        refuse_person_number(str(entry.get(name) or ""))
    path = storage_path(str(entry["path"]))
    size, digest = measured(path)
    if entry.get("sha256") and str(entry["sha256"]).lower() != digest:
        raise AltinnInputError(
            f"file {path} has changed since it was checked: its SHA-256 is {digest[:12]}…, and was "
            f"{str(entry['sha256'])[:12]}…. Check it again, and let no other job write it"
        )
    file_name = str(entry.get("file_name") or path.name)
    content_type = str(entry.get("content_type") or content_type_of(file_name))
    return Document(
        data_type=str(entry["data_type"]),
        file_name=file_name,
        content_type=content_type,
        size=size,
        sha256=digest,
        open=lambda: opened(path, "rb"),
    )


class HashedFile(io.RawIOBase):
    """A file that hashes what is written to it, so that it need not be read again."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self.sha256 = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        """Say that it can be written to."""
        return True

    def write(self, data: Any) -> int:
        """Write, hash and count."""
        self._file.write(data)
        self.sha256.update(data)
        self.size += len(data)
        return len(data)

    def close(self) -> None:
        """Close the file below."""
        if not self.closed:
            self._file.close()
        super().close()


def measured(path: ObjectStoragePath) -> tuple[int, str]:
    """Return a file's size in bytes and its SHA-256.

    :raises AltinnInputError: it is not there or empty.
    """
    digest, size = hashlib.sha256(), 0
    try:
        with opened(path, "rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
    except FileNotFoundError as exc:
        raise AltinnInputError(f"file {path} is not there: check the path, and that the worker can read it") from exc
    except IsADirectoryError as exc:
        raise AltinnInputError(f"{path} is a folder: name a file") from exc
    if size == 0:
        raise AltinnInputError(f"file {path} is empty: Altinn refuses empty files")
    return size, digest.hexdigest()


def content_type_of(file_name: str) -> str:
    """Return the content type that belongs to a file name's extension, as Altinn compares it."""
    extension = re.search(r"\.[^.]+$", file_name.lower())
    if extension and extension.group() in _TYPES:
        return _TYPES[extension.group()]
    guessed, _ = mimetypes.guess_type(file_name)
    return guessed or "application/octet-stream"


def safe_file_name(name: str, fallback: str) -> str:
    """Return a name from a server as a plain file name: no folders, no control characters, not too long.

    File systems count bytes, and a name may get a prefix and a suffix: 150 bytes leave room. The extension stays.
    """
    last = re.split(r"[/\\]", name)[-1]
    cleaned = "".join(char for char in last if char.isprintable() and char not in '<>:"|?*').strip(". ")
    stem, dot, extension = cleaned.rpartition(".")
    if not stem or len(extension.encode()) > 20:
        stem, dot, extension = cleaned, "", ""
    kept = stem.encode()[: _LONGEST_NAME - len((dot + extension).encode())].decode(errors="ignore")
    return (kept.rstrip(". ") + dot + extension) or fallback


def combined_sha256(documents: Sequence[Mapping[str, Any]]) -> str:
    """Hash the caller's source documents: the sorted list of data type, file name and SHA-256 of each."""
    lines = sorted(f"{d['data_type']}\t{d['file_name']}\t{d['sha256']}" for d in documents)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
