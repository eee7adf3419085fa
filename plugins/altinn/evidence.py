"""The receipt bundle: a folder that proves what was filed and what the authority answered, and can be checked offline.

    manifest.json      what the filing is, its outcome, and the SHA-256 and size of every other file
    documents.json     what was sent and what Altinn keeps, each with its SHA-256
    validation.json    what Altinn's validation found before the filing
    process.json       the process history
    events.json        who did what, and when
    receipts/          what the authority added, as it came

The manifest is written last: a bundle without one was not finished. Its `seal` is the SHA-256 of its other members, so
that a change of the manifest itself shows; the manifest's own digest, which the run returns and the asset event
carries, shows also a change that was sealed anew.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from altinn.exceptions import AltinnInputError
from altinn.protocol.masking import mask

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    Folder = ObjectStoragePath | Path

FORMAT = "altinn-receipt/1"
MANIFEST = "manifest.json"
RECEIPTS = "receipts"
_CHUNK = 1 << 20
_TEMPORARY = re.compile(r"\.[^/]*\.partial")


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
    """Return JSON with person numbers and tokens hidden in every text."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {mask(str(name)): masked(inner) for name, inner in value.items()}
    return [masked(inner) for inner in value] if isinstance(value, list | tuple) else value


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that was read.

    :param manifest: its content.
    :param sha256: the manifest's digest.
    """

    manifest: Mapping[str, Any]
    sha256: str


def read_manifest(folder: Folder) -> Bundle | None:
    """Read a bundle's manifest; None when there is none.

    :raises AltinnInputError: it is no manifest of a receipt bundle.
    """
    try:
        content = _read(folder / MANIFEST)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        manifest = json.loads(content.decode("utf-8"))
    except ValueError as exc:
        raise AltinnInputError(f"{folder / MANIFEST} is damaged: it is no JSON") from exc
    if (
        not isinstance(manifest, dict)
        or manifest.get("format") != FORMAT
        or not isinstance(manifest.get("files"), list)
    ):
        raise AltinnInputError(f"{folder / MANIFEST} is no manifest of a receipt bundle ({FORMAT})")
    return Bundle(manifest, hashlib.sha256(content).hexdigest())


def problems_of(folder: Folder, *, expected_sha256: str = "") -> list[str]:
    """Check a bundle offline; an empty list means that it is whole and unchanged.

    :param expected_sha256: the manifest's digest as the run or the asset event told it.
    :raises AltinnInputError: there is no bundle.
    """
    bundle = read_manifest(folder)
    if bundle is None:
        raise AltinnInputError(f"{folder} holds no {MANIFEST}: it is no receipt bundle, or one that was not finished")
    manifest = dict(bundle.manifest)
    found = []
    if manifest.pop("seal", None) != _seal(manifest):
        found.append(f"{MANIFEST} was changed: its seal does not fit")
    if expected_sha256 and expected_sha256.strip().lower() != bundle.sha256:
        found.append(f"{MANIFEST} is another one than expected: its SHA-256 is {bundle.sha256}")
    named: set[str] = set()
    for entry in manifest["files"]:
        path = str(entry.get("path")) if isinstance(entry, dict) else ""
        named.add(path)
        found += _problems_of_file(folder, path, entry) if _is_inside(path) else [f"{path!r} leads out of the bundle"]
    found += [f"{path} is not in the manifest" for path in sorted(_present(folder)) if path not in {*named, MANIFEST}]
    return found


def _problems_of_file(folder: Folder, path: str, entry: Mapping[str, Any]) -> list[str]:
    digest, size = hashlib.sha256(), 0
    try:
        with _opened(folder / path, "rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return [f"{path} is missing"]
    if size != entry.get("size") or digest.hexdigest() != entry.get("sha256"):
        return [f"{path} was changed"]
    return []


def _is_inside(path: str) -> bool:
    parts = path.split("/")
    return bool(path) and not path.startswith("/") and "\\" not in path and not {"", ".", ".."} & set(parts)


def _present(folder: Folder) -> Iterator[str]:
    """Yield the paths of the files below a folder, except the beginnings of interrupted downloads."""
    base = str(folder).rstrip("/") + "/"
    for path in folder.rglob("*"):
        if path.is_file():
            relative = str(path).removeprefix(base)
            if not _TEMPORARY.search(relative):
                yield relative


def _seal(manifest: Mapping[str, Any]) -> str:
    canonical = json.dumps(manifest, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


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
