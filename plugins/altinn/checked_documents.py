"""Check a document by its path before anything is sent, and pass its hash on to the upload.

What is checked is what is sent: the entry that comes out names the SHA-256 of the bytes that were judged, and the
upload refuses the file when it has changed since.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from altinn.documents import refuse_person_number, storage_path
from altinn.exceptions import AltinnDocumentError, AltinnInputError, Issue
from altinn.issue_table import table_of

if TYPE_CHECKING:
    from altinn.validation.document_check import CheckOptions
    from altinn.validation.schema_folder import SchemaSource

_MOST_FILES = 500
_MOST_BYTES = 64 * 1024 * 1024


def check_document(
    path: str,
    schema: str,
    *,
    schema_root: str | None = None,
    options: CheckOptions | None = None,
    report: Callable[[str], None] | None = None,
) -> dict[str, str | int]:
    """Judge a document against its schema and return what identifies its bytes. For use inside a task.

    Sends nothing. Takes one second for each megabyte, or 0.05 with the extra `[fast]`.

    :param path: local, or anything ObjectStoragePath knows.
    :param schema: an XSD or a JSON Schema: a local path, an ObjectStoragePath, or a path below `include/schemas` of the
        Airflow project.
    :param schema_root: the folder that the schema may read from; by default its own.
    :param report: takes the table of findings; without errors as well, when there is something to say.
    :return: {"path", "size", "sha256"}; merge it into an entry of `documents`.
    :raises AltinnDocumentError: the document is not valid, or was refused; carries every finding.
    :raises AltinnInputError: the document or the schema cannot be read.
    """
    data = read_whole(path)
    with opened_schema(schema, schema_root) as source:
        issues = issues_of(data, source, options)
    require(issues, f"{PurePosixPath(path).name} against {PurePosixPath(schema).name}", report)
    return {"path": str(path), "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def issues_of(data: bytes, source: SchemaSource, options: CheckOptions | None) -> list[Issue]:
    """Judge bytes; the engines are imported here and not before."""
    from altinn.validation.document_check import check_content

    return check_content(data, source, options)


def require(issues: Sequence[Issue], what: str, report: Callable[[str], None] | None = None) -> None:
    """Tell the findings as a table, and stop if one of them is an error.

    :param what: the document, for the first line.
    :raises AltinnDocumentError: carries every finding.
    """
    errors = [issue for issue in issues if issue.severity == "error"]
    if issues and report is not None:
        report(f"{what}: {len(errors)} error(s), {len(issues) - len(errors)} other finding(s)\n{table_of(issues)}")
    if errors:
        raise AltinnDocumentError(f"{what}: {len(errors)} error(s); nothing was sent\n{table_of(errors)}", errors)


def read_whole(path: str) -> bytes:
    """Read a document from any storage.

    :raises AltinnInputError: it is not there, or is a folder, or its name looks like holding a person's number.
    :raises AltinnDocumentError: it is larger than anything that is checked.
    """
    from airflow.sdk.io.fs import has_fs

    from altinn.validation.document_check import refuse_size

    refuse_person_number(path)
    place = storage_path(path)
    try:
        if has_fs(place.protocol):  # Others are read by fsspec alone, and cannot tell.
            refuse_size(place.stat().st_size)
        content: bytes = place.read_bytes()
    except FileNotFoundError as exc:
        raise AltinnInputError(f"file {place} is not there: check the path, and that the worker can read it") from exc
    except IsADirectoryError as exc:
        raise AltinnInputError(f"{place} is a folder: name a file") from exc
    return content


@contextmanager
def opened_schema(schema: str, schema_root: str | None = None) -> Iterator[SchemaSource]:
    """Give a schema with its folder as local files; what lies elsewhere is fetched first.

    :raises AltinnInputError: there is no such schema, or it lies outside its root.
    """
    from altinn.validation.document_check import schema_source

    if "://" not in str(schema) or str(schema).startswith("file://"):
        path = _local_schema(str(schema).removeprefix("file://"))
        root = Path(str(schema_root).removeprefix("file://")) if schema_root else None
        yield schema_source(path, root)
        return
    with TemporaryDirectory(prefix="altinn-schema-") as folder:
        yield _fetched(str(schema), schema_root, Path(folder))


def schema_folders() -> list[Path]:
    """Return where a relative schema path is looked for: `include/schemas` of the Airflow project."""
    from airflow.sdk.configuration import conf

    dags = Path(conf.get("core", "dags_folder", fallback="") or "dags")
    home = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
    return list(dict.fromkeys([dags.parent / "include" / "schemas", home / "include" / "schemas"]))


def _local_schema(schema: str) -> Path:
    path = Path(schema).expanduser()
    places = [path] if path.is_absolute() else [folder / path for folder in schema_folders()]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        looked = " or ".join(str(place) for place in places)
        raise AltinnInputError(f"there is no schema {looked}: check the path, and that the worker can read it")
    return found


def _fetched(schema: str, schema_root: str | None, folder: Path) -> SchemaSource:
    """Copy the schema, and every XSD below its root, from a remote storage."""
    from altinn.validation.document_check import schema_source

    remote = storage_path(schema)
    root = storage_path(schema_root) if schema_root else remote.parent
    if not str(remote).startswith(str(root).rstrip("/") + "/"):
        raise AltinnInputError(f"the schema {remote} does not lie in its root folder {root}: name a folder above it")
    files = [remote, *(path for path in root.rglob("*.xsd") if str(path) != str(remote))][: _MOST_FILES + 1]
    if len(files) > _MOST_FILES:
        raise AltinnInputError(f"{root} has more than {_MOST_FILES} XSDs: name the schema's own folder as schema_root")
    total = 0
    for path in files:
        inside = PurePosixPath(str(path).removeprefix(str(root).rstrip("/") + "/"))
        if inside.is_absolute() or ".." in inside.parts:
            raise AltinnInputError(f"{root} lists {inside}, which does not lie in it")
        content = path.read_bytes()
        total += len(content)
        if total > _MOST_BYTES:
            raise AltinnInputError(f"the schemas in {root} have more than {_MOST_BYTES >> 20} MB")
        target = folder / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    own = str(remote).removeprefix(str(root).rstrip("/") + "/")
    return schema_source(folder / own, folder)
