"""The receipt bundle: a folder that proves what was filed and what the authority answered, and can be checked offline.

    manifest.json      what the filing is, its outcome, and the SHA-256 and size of every other file
    documents.json     what was sent and what Altinn keeps, each with its SHA-256
    validation.json    what Altinn's validation found before the filing
    process.json       the process history
    events.json        who did what, and when
    receipts/          what the authority added, as it came

The manifest is written last: a bundle without one was not finished. Its `seal` is the SHA-256 of its other members in
their order, and its bytes are the only way in which it is written, so that any change of the manifest itself shows; the
manifest's own digest, which the run returns and the asset event carries, shows also a change that was sealed anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from altinn.documents import local_path
from altinn.exceptions import AltinnInputError
from altinn.protocol.masking import mask

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    Folder = ObjectStoragePath | Path

FORMAT = "altinn-receipt/1"
MANIFEST = "manifest.json"
RECEIPTS = "receipts"
_CHUNK = 1 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ELEVEN_DIGITS = re.compile(r"[0-9]{11}")
_UNREADABLE = "cannot be read"


@dataclass(frozen=True, slots=True)
class Bundled:
    """One file of a bundle.

    :param path: below the bundle's folder, with "/" between parts.
    :param what: what is in it, for people.
    """

    path: str
    sha256: str
    size: int
    what: str

    def as_json(self) -> dict[str, str | int]:
        """Return the file's line in the manifest."""
        return {"path": self.path, "sha256": self.sha256, "size": self.size, "what": self.what}


def write_document(folder: Folder, path: str, document: object, what: str) -> Bundled:
    """Write a JSON file of the bundle, whole or not at all where the storage can rename."""
    content = _as_bytes(document)
    _write(folder, path, content)
    return Bundled(path, hashlib.sha256(content).hexdigest(), len(content), what)


def write_manifest(folder: Folder, about: Mapping[str, Any], files: Sequence[Bundled]) -> str:
    """Write the manifest, which completes the bundle, and return its SHA-256."""
    listed = sorted((file.as_json() for file in files), key=lambda entry: str(entry["path"]))
    manifest: dict[str, Any] = {"format": FORMAT, **about, "files": listed}
    content = _as_bytes(manifest | {"seal": _seal(manifest)})
    _write(folder, MANIFEST, content)
    return hashlib.sha256(content).hexdigest()


def masked(value: Any) -> Any:
    """Return JSON with person numbers and tokens hidden in every text and whole number.

    Eleven digits inside of a SHA-256 are chance, and those of a `size` are bytes.
    """
    if isinstance(value, str):
        return value if _DIGEST.fullmatch(value) else mask(value)
    if isinstance(value, int) and _ELEVEN_DIGITS.fullmatch(str(value)):
        return mask(str(value))
    if isinstance(value, Mapping):
        return {mask(str(name)): _masked_member(str(name), inner) for name, inner in value.items()}
    return [masked(inner) for inner in value] if isinstance(value, list | tuple) else value


def _masked_member(name: str, value: Any) -> Any:
    return value if name == "size" and isinstance(value, int) else masked(value)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that was read.

    :param manifest: its content.
    :param sha256: the manifest's digest.
    :param as_written: whether its bytes are those that `write_manifest` makes of that content.
    """

    manifest: Mapping[str, Any]
    sha256: str
    as_written: bool = True


def read_manifest(folder: Folder) -> Bundle | None:
    """Read a bundle's manifest; None when there is none.

    :raises AltinnInputError: it is no manifest of a receipt bundle.
    :raises OSError: the storage does not answer.
    """
    try:
        content = _read(folder / MANIFEST)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        manifest = json.loads(content.decode("utf-8"))
        as_written = isinstance(manifest, dict) and _as_bytes(_seal_last(manifest)) == content
    except (ValueError, RecursionError) as exc:
        raise AltinnInputError(f"{folder / MANIFEST} is damaged: it is no JSON") from exc
    if (
        not isinstance(manifest, dict)
        or manifest.get("format") != FORMAT
        or not isinstance(manifest.get("files"), list)
    ):
        raise AltinnInputError(f"{folder / MANIFEST} is no manifest of a receipt bundle ({FORMAT})")
    return Bundle(manifest, hashlib.sha256(content).hexdigest(), as_written)


def problems_of(folder: Folder, *, expected_sha256: str = "") -> list[str]:
    """Check a bundle offline; an empty list means that it is whole and unchanged.

    :param expected_sha256: the manifest's digest as the run or the asset event told it.
    :raises AltinnInputError: there is no bundle.
    """
    try:
        bundle = read_manifest(folder)
    except OSError as exc:
        raise AltinnInputError(f"{folder / MANIFEST} {_UNREADABLE}: {exc}") from exc
    if bundle is None:
        raise AltinnInputError(f"{folder} holds no {MANIFEST}: it is no receipt bundle, or one that was not finished")
    found = _problems_of_manifest(bundle, expected_sha256)
    present, strange, unlisted = listed(folder)
    found += strange
    named: set[str] = set()
    for entry in bundle.manifest["files"]:
        path = str(entry.get("path")) if isinstance(entry, dict) else ""
        named.add(path)
        if not _is_inside(path):
            found.append(f"{path!r} leads out of the bundle")
        elif path not in unlisted:
            found += _problems_of_file(folder, path, entry)
    return found + [f"{_shown(path)} is not in the manifest" for path in sorted(present - named - {MANIFEST})]


def is_unreadable(problem: str) -> bool:
    """Whether a line of `problems_of` says that the storage did not answer, rather than what is wrong."""
    return _UNREADABLE in problem


def _problems_of_manifest(bundle: Bundle, expected_sha256: str) -> list[str]:
    manifest = dict(bundle.manifest)
    found = []
    if manifest.pop("seal", None) != _seal(manifest):
        found.append(f"{MANIFEST} was changed: its seal does not fit")
    elif not bundle.as_written:
        found.append(f"{MANIFEST} was changed: it says the same, but not as it was written")
    if expected_sha256 and expected_sha256.strip().lower() != bundle.sha256:
        found.append(f"{MANIFEST} is another one than expected: its SHA-256 is {bundle.sha256}")
    return found


def _problems_of_file(folder: Folder, path: str, entry: Mapping[str, Any]) -> list[str]:
    digest, size = hashlib.sha256(), 0
    try:
        with _opened(folder / path, "rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return [f"{_shown(path)} is missing"]
    except (OSError, ValueError) as exc:
        return [f"{_shown(path)} {_UNREADABLE}: {exc}"]
    if size != entry.get("size") or digest.hexdigest() != entry.get("sha256"):
        return [f"{_shown(path)} was changed"]
    return []


def _is_inside(path: str) -> bool:
    parts = path.split("/")
    return bool(path) and not path.startswith("/") and "\\" not in path and not {"", ".", ".."} & set(parts)


def listed(folder: Folder) -> tuple[set[str], list[str], set[str]]:
    """Return the files below a folder, problems, and the paths that are no plain files: links lead out of the bundle.

    Nothing is left out, whatever its name: a file that nobody looks at could pass for a part of the proof.
    """
    local = local_path(folder)
    if local is None:
        return set(_files_in(folder)), [], set()
    found: set[str] = set()
    strange: set[str] = set()
    problems: list[str] = []

    def unreadable(exc: OSError) -> None:
        problems.append(f"{_shown(str(exc.filename))} {_UNREADABLE}: {exc.strerror}")

    for base, folders, names in os.walk(local, onerror=unreadable):
        for name in (*folders, *names):
            path = Path(base, name)
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode):
                found.add(path.relative_to(local).as_posix())
            elif not stat.S_ISDIR(mode):
                strange.add(path.relative_to(local).as_posix())
    problems += [f"{_shown(path)} is a link or no plain file" for path in sorted(strange)]
    return found, problems, strange


def _files_in(folder: Folder) -> Iterator[str]:
    base = str(folder).rstrip("/") + "/"
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(path).removeprefix(base)


def _shown(path: str) -> str:
    """Return a path as it can be printed, whatever bytes its name has."""
    return path.encode("utf-8", "backslashreplace").decode()


def _seal(manifest: Mapping[str, Any]) -> str:
    # In the members' own order: sorted, a change of the order would not show.
    plain = json.dumps(manifest, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()


def _seal_last(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in manifest.items() if name != "seal"} | {"seal": manifest.get("seal")}


def _as_bytes(document: object) -> bytes:
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def _write(folder: Folder, path: str, content: bytes) -> None:
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.parent / f".{target.name}.partial"
    with _opened(partial, "wb") as stream:
        stream.write(content)
    cast("Callable[[object], None]", partial.replace)(target)


def _read(path: Folder) -> bytes:
    with _opened(path, "rb") as stream:
        content: bytes = stream.read()
        return content


def _opened(path: Folder, mode: str) -> Any:
    return cast("Callable[[str], Any]", path.open)(mode)
