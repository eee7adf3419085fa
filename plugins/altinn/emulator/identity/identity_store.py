"""What the token endpoints remember: keys, registered clients, used assertions, refresh tokens."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol


class IdentityStore(Protocol):
    """Texts by kind and key. What a call has written survives the death of the process."""

    def get(self, kind: str, key: str) -> str | None:
        """Read one text."""

    def put(self, kind: str, key: str, value: str) -> None:
        """Write one text, over what was there."""

    def add(self, kind: str, key: str, value: str) -> bool:
        """Write one text only where none was; False when one was there."""

    def items(self, kind: str) -> list[tuple[str, str]]:
        """All keys and texts of a kind, by key."""

    def forget(self, *kinds: str) -> None:
        """Remove everything of these kinds."""

    def exclusively(self) -> AbstractContextManager[None]:
        """Let nobody else read or write meanwhile; all or nothing is kept."""

    def close(self) -> None:
        """Let go of the file, if there is one."""


class SqliteIdentityStore:
    """Keep the texts in one SQLite file, or in memory when there is no path."""

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._database = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS identity (kind TEXT, key TEXT, value TEXT NOT NULL, PRIMARY KEY (kind, key))"
        )

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """Hold the store's lock, inside one transaction; nested uses join the outer one."""
        with self._lock:
            outermost = self._depth == 0
            if outermost:
                self._database.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if outermost:
                    self._database.execute("ROLLBACK")
                raise
            self._depth -= 1
            if outermost:
                self._database.execute("COMMIT")

    def get(self, kind: str, key: str) -> str | None:
        """Read one text."""
        with self._lock:
            found = self._database.execute("SELECT value FROM identity WHERE kind = ? AND key = ?", (kind, key))
            row = found.fetchone()
        return str(row[0]) if row else None

    def put(self, kind: str, key: str, value: str) -> None:
        """Write one text, over what was there."""
        with self.exclusively():
            self._database.execute("INSERT OR REPLACE INTO identity VALUES (?, ?, ?)", (kind, key, value))

    def add(self, kind: str, key: str, value: str) -> bool:
        """Write one text only where none was."""
        with self.exclusively():
            done = self._database.execute("INSERT OR IGNORE INTO identity VALUES (?, ?, ?)", (kind, key, value))
        return done.rowcount == 1

    def items(self, kind: str) -> list[tuple[str, str]]:
        """All keys and texts of a kind, by key."""
        with self._lock:
            return self._database.execute(
                "SELECT key, value FROM identity WHERE kind = ? ORDER BY key", (kind,)
            ).fetchall()

    def forget(self, *kinds: str) -> None:
        """Remove everything of these kinds."""
        with self.exclusively():
            self._database.executemany("DELETE FROM identity WHERE kind = ?", [(kind,) for kind in kinds])

    def close(self) -> None:
        """Close the file."""
        self._database.close()
