"""The folder `.run`: the state of the embedded Airflow and emulator, kept from run to run.

.run/
  airflow/         AIRFLOW_HOME: database, task logs
  emulator/        the emulator's instances, tokens and journal
  logs/            what the processes write to standard output
  files/           what the DAGs write, receipts among it
  secrets/         keys, passwords, refresh token (0600)
  ports.json       the ports, chosen at first start
  stack.json       the processes that run now
  endpoints.json   addresses and login, while `make up` is in effect
  lock             held by the command that is working
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scripts.failure import CommandError

PROJECT = Path(__file__).resolve().parent.parent


class RunFolder:
    """Paths below `.run`, and careful reading and writing of its small JSON files.

    :param path: the folder; made when something is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.airflow_home = path / "airflow"
        self.emulator_state = path / "emulator"
        self.logs = path / "logs"
        self.files = path / "files"
        self.secrets = path / "secrets"
        self.ports = path / "ports.json"
        self.stack = path / "stack.json"
        self.endpoints = path / "endpoints.json"
        self.lock = path / "lock"

    def prepare(self) -> None:
        """Make the folders, for the owner only."""
        self.path.mkdir(mode=0o700, exist_ok=True)
        for folder in (self.airflow_home, self.emulator_state, self.logs, self.files):
            folder.mkdir(parents=True, exist_ok=True)
        self.secrets.mkdir(mode=0o700, exist_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder against other commands; the lock ends with the process, however it ends.

        :raises CommandError: another command is at work.
        """
        self.path.mkdir(mode=0o700, exist_ok=True)
        with self.lock.open("a+", encoding="utf-8") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as exc:
                handle.seek(0)
                holder = handle.read().strip() or "unknown"
                raise CommandError(
                    f"another make command is at work in {self.path} (process {holder}): wait for it, or stop it there"
                ) from exc
            handle.truncate(0)
            handle.write(str(os.getpid()))
            handle.flush()
            yield


def read_json(path: Path) -> Any:
    """Return a file's JSON, or None if it is missing or was cut off by a crash."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def write_private(path: Path, text: str) -> None:
    """Write a file whole or not at all, readable for the owner only."""
    temporary = path.with_name(f"{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(text)
    temporary.replace(path)


def write_json(path: Path, value: object) -> None:
    """Write a JSON file whole or not at all, readable for the owner only."""
    write_private(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")
