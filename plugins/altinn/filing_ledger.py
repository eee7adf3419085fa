"""A ledger that outlives Airflow's database: one JSON line for each decision and each effect.

Object stores cannot append, and two writers of one file would lose lines. So each task try has a file of its own in
the ledger's folder; a reader takes them all.
"""

from __future__ import annotations

import json
import logging
import os
import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from altinn.documents import local_path, storage_path
from altinn.exceptions import AltinnConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

BEFORE_EFFECT = frozenset({"creating", "pushing", "resuming", "deleting"})
"""Events that say what is about to be sent; where they cannot be written down, nothing is sent."""


class FilingLedger:
    """Writes the lines of one task try.

    :param folder: a local folder or anything ObjectStoragePath knows; empty writes nothing.
    :param name: what the file is called after, for people.
    :param base: members of every line.
    """

    def __init__(self, folder: str, name: str, base: Mapping[str, Any]) -> None:
        self._folder = folder
        self._base = dict(base)
        self._lines: list[str] = []
        safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-")[:120]
        self._file = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{safe}-{uuid.uuid4().hex[:8]}.jsonl"

    def record(self, event: str, more: Mapping[str, Any]) -> None:
        """Write one line, durably.

        :raises AltinnConfigurationError: the line must come before an effect, and cannot be written.
        """
        if not self._folder:
            return
        line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **self._base, **more}
        self._lines.append(json.dumps(line, ensure_ascii=False))
        try:
            self._write()
        except Exception as exc:  # any file system's own errors
            if event in BEFORE_EFFECT:
                raise AltinnConfigurationError(
                    f"the ledger {self._folder} cannot be written ({type(exc).__name__}): nothing was sent. Look at "
                    "the folder's rights, or leave the ledger out"
                ) from exc
            log.warning("the ledger %s could not be written after the fact (%s)", self._folder, type(exc).__name__)

    def _write(self) -> None:
        """Write the whole file anew where it replaces the old one at once; append where a crash could cut it."""
        folder = storage_path(self._folder)
        folder.mkdir(parents=True, exist_ok=True)
        local = local_path(folder)
        if local is not None:
            _append(local / self._file, self._lines[-1] + "\n")
        else:
            (folder / self._file).write_text("\n".join(self._lines) + "\n", encoding="utf-8")


def _append(target: Path, line: str) -> None:
    with target.open("a", encoding="utf-8") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def read_ledger(folder: str) -> Iterator[dict[str, Any]]:
    """Return every line of a ledger; one that a crash cut short is left out.

    :raises AltinnConfigurationError: there is no such folder.
    """
    path = storage_path(folder)
    if not path.is_dir():
        raise AltinnConfigurationError(f"there is no ledger in {folder}: give the folder that the tasks write to")
    for file in sorted(path.iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".jsonl"):
            continue
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                log.warning("%s has a line that was cut short", file.name)
                continue
            if isinstance(entry, dict):
                yield entry
