"""The receipt bundle that an earlier run has left: whether it is whole, what it records, and how it makes room."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from altinn.documents import opened
from altinn.evidence import MANIFEST, RECEIPTS, Bundle, is_unreadable, listed, masked, problems_of, read_manifest
from altinn.exceptions import AltinnInputError
from altinn.protocol.masking import mask

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import ObjectStoragePath

_DOCUMENTS = ("documents.json", "validation.json", "process.json", "events.json")
_RECEIPT = re.compile(rf"{RECEIPTS}/[^/\\]+")
_HALF = re.compile(rf"(?:{RECEIPTS}/)?\.[^/]*\.partial")
"""What an interrupted run may have left in the bundle's folder."""


def whole_bundle(folder: ObjectStoragePath) -> Bundle | None:
    """Return the bundle that is there, if it is whole.

    :raises OSError: the storage does not answer, which is no damage.
    """
    found = manifest_of(folder)
    if found is None:
        return None
    problems = problems_of(folder)
    for problem in filter(is_unreadable, problems):
        raise OSError(f"{folder}: {problem}")
    return None if problems else found


def manifest_of(folder: ObjectStoragePath) -> Bundle | None:
    """Return a bundle's manifest; None when there is none, or it is damaged."""
    try:
        return read_manifest(folder)
    except AltinnInputError:
        return None


def recorded(folder: ObjectStoragePath, name: str, member: str) -> list[Any]:
    """Return what an earlier run has recorded; nothing when that was changed since.

    A bundle without a manifest is one that a run did not finish: what lies there is its own.
    """
    try:
        with opened(folder / name, "rb") as stream:
            content = stream.read()
        value = json.loads(content)[member]
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return []
    found = manifest_of(folder)
    if found is None and (folder / MANIFEST).exists():
        return []
    digests = [e.get("sha256") for e in _entries(found) if e.get("path") == name] if found else None
    if digests is not None and digests != [hashlib.sha256(content).hexdigest()]:
        return []
    return value if isinstance(value, list) else []


def shows_person_numbers(bundle: Bundle, folder: ObjectStoragePath, *, receipts_only: bool = False) -> bool:
    """Whether a bundle that is whole holds what masking would hide, in its JSON files or its receipts' names.

    :param receipts_only: look at the names alone.
    """
    if any(mask(str(entry["path"])) != entry["path"] for entry in receipts_of(bundle)):
        return True
    if receipts_only:
        return False
    about = [bundle.manifest.get("reason"), bundle.manifest.get("codes")]
    return masked(about) != about or any(
        _is_unmasked(folder / entry["path"]) for entry in _entries(bundle) if entry.get("path") in _DOCUMENTS
    )


def _is_unmasked(path: ObjectStoragePath) -> bool:
    with opened(path, "rb") as stream:
        content = json.loads(stream.read())
    return bool(masked(content) != content)


def make_room(folder: ObjectStoragePath, receipts: set[str], report: Callable[[str], None]) -> None:
    """Take away the earlier bundle's manifest, its receipts that are not in Altinn any more, and half files.

    Until here nothing of it was touched. The receipts go first, while the manifest still names them.

    :param receipts: the paths of those that will be there.
    :raises AltinnInputError: somebody else has put something there, which is theirs.
    """
    found = manifest_of(folder)
    earlier = {str(entry["path"]) for entry in receipts_of(found)} if found else set()
    own = {MANIFEST, *_DOCUMENTS, *receipts, *earlier}
    files, _, links = listed(folder) if folder.exists() else (set(), [], set())
    there = files | links
    half = {path for path in there if _HALF.fullmatch(path)}
    if strange := sorted(there - own - half):
        raise AltinnInputError(
            f"the bundle in {folder} is no proof: {', '.join(strange[:5])} is not in the manifest. Move away "
            "what does not belong there, and clear the task"
        )
    for path in sorted((earlier - receipts) & there):
        (folder / path).unlink(missing_ok=True)
        report(
            f"{folder.name}: the receipt {mask(path)} has gone in Altinn, or has another name: removed from the bundle"
        )
    for path in sorted(half | ({MANIFEST} & there)):
        (folder / path).unlink(missing_ok=True)


def receipts_in(bundle: Bundle, folder: ObjectStoragePath) -> list[dict[str, Any]]:
    """Return the receipts of a bundle that is whole, with what `ReceiptBundle.write` needs of them."""
    return [
        {
            "data_type": entry["what"],
            "path": str(folder / entry["path"]),
            "file_name": entry["path"].removeprefix(f"{RECEIPTS}/"),
            "sha256": entry["sha256"],
            "size": entry["size"],
        }
        for entry in receipts_of(bundle)
    ]


def receipts_of(bundle: Bundle) -> list[Mapping[str, Any]]:
    """Return a manifest's entries of receipts, as far as they stay in their folder."""
    return [e for e in _entries(bundle) if _RECEIPT.fullmatch(str(e.get("path"))) and ".." not in str(e["path"])]


def _entries(bundle: Bundle) -> list[Mapping[str, Any]]:
    return [entry for entry in bundle.manifest["files"] if isinstance(entry, dict)]


def contents_of(files: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return data type and digest of each receipt, to compare two sets of them."""
    return sorted((str(file["data_type"]), str(file["sha256"])) for file in files)
