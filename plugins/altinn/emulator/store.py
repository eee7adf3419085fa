"""What the emulator remembers, in SQLite: instances, data elements, their bytes, events, filings, scheduled work.

Everything that a request changes is committed before its answer leaves, so that what was answered with 2xx is there
after the process was killed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Record = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS instance (guid TEXT PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS element (id TEXT PRIMARY KEY, guid TEXT NOT NULL, document TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS element_of ON element (guid);
CREATE TABLE IF NOT EXISTS content (id TEXT PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS event (n INTEGER PRIMARY KEY, guid TEXT NOT NULL, document TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS event_of ON event (guid);
CREATE TABLE IF NOT EXISTS filing (guid TEXT PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS due (n INTEGER PRIMARY KEY, guid TEXT NOT NULL, what TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS held (guid TEXT PRIMARY KEY, token TEXT NOT NULL, until REAL NOT NULL);
CREATE TABLE IF NOT EXISTS workflow (guid TEXT PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS journal (n INTEGER PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
TABLES = ("instance", "element", "content", "event", "filing", "due", "held", "workflow", "journal", "setting")


class Store:
    """The state, in a file of its own or in memory; instances and elements are also held as dicts.

    :param folder: where the state is kept; None keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        path = folder / "emulator.sqlite" if folder else ":memory:"
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level="IMMEDIATE")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(SCHEMA)
        self._instances: dict[str, Record] = {}
        self._elements: dict[str, dict[str, Record]] = {}
        self._read()

    def _read(self) -> None:
        self._instances = {g: json.loads(d) for g, d in self._db.execute("SELECT guid, document FROM instance")}
        self._elements = {guid: {} for guid in self._instances}
        for identity, guid, document in self._db.execute("SELECT id, guid, document FROM element ORDER BY rowid"):
            self._elements[guid][identity] = json.loads(document)

    def commit(self) -> None:
        """Make everything written so far last."""
        if self._db.in_transaction:
            self._db.commit()

    def close(self) -> None:
        """Commit and close."""
        self.commit()
        self._db.close()

    def clear(self) -> None:
        """Forget everything."""
        for table in TABLES:
            self._db.execute(f"DELETE FROM {table}")
        self.commit()
        self._read()

    def instance(self, guid: str) -> Record | None:
        """Return a copy of an instance's record."""
        found = self._instances.get(guid)
        return _copy(found) if found is not None else None

    def instances(self) -> Iterator[Record]:
        """Yield the records of all instances; they must not be changed."""
        yield from list(self._instances.values())

    def put_instance(self, record: Record) -> None:
        """Write an instance's record."""
        guid = record["guid"]
        self._instances[guid] = _copy(record)
        self._elements.setdefault(guid, {})
        self._db.execute("INSERT OR REPLACE INTO instance VALUES (?, ?)", (guid, json.dumps(record)))

    def add_instance(self, record: Record) -> None:
        """Write a new instance's record.

        :raises ValueError: there is an instance of this id.
        """
        if record["guid"] in self._instances:
            raise ValueError(f"there is an instance {record['guid']} already")
        self.put_instance(record)

    def knows(self, identity: str) -> bool:
        """Say whether an instance or a data element has this id."""
        row = self._db.execute("SELECT 1 FROM element WHERE id = ?", (identity,)).fetchone()
        return row is not None or identity in self._instances

    def elements(self, guid: str) -> list[Record]:
        """Return copies of an instance's data elements, oldest first."""
        return [_copy(e) for e in self._elements.get(guid, {}).values()]

    def put_element(self, record: Record) -> None:
        """Write a data element's record."""
        self._elements.setdefault(record["instanceGuid"], {})[record["id"]] = _copy(record)
        self._db.execute(
            "INSERT INTO element VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET document = excluded.document",
            (record["id"], record["instanceGuid"], json.dumps(record)),
        )

    def add_element(self, record: Record, content: bytes) -> None:
        """Write a new data element with its bytes.

        :raises ValueError: there is a data element of this id.
        """
        if self.knows(record["id"]):
            raise ValueError(f"there is a data element {record['id']} already")
        self.put_element(record)
        self.put_content(record["id"], content)

    def delete_element(self, guid: str, identity: str) -> None:
        """Remove a data element with its bytes."""
        self._elements.get(guid, {}).pop(identity, None)
        self._db.execute("DELETE FROM element WHERE id = ?", (identity,))
        self._db.execute("DELETE FROM content WHERE id = ?", (identity,))

    def content(self, identity: str) -> bytes:
        """Return a data element's bytes.

        :raises KeyError: when there are none.
        """
        row = self._db.execute("SELECT bytes FROM content WHERE id = ?", (identity,)).fetchone()
        if row is None:
            raise KeyError(identity)
        return bytes(row[0])

    def put_content(self, identity: str, content: bytes) -> None:
        """Write a data element's bytes."""
        self._db.execute("INSERT OR REPLACE INTO content VALUES (?, ?)", (identity, content))

    def events(self, guid: str) -> list[Record]:
        """Return an instance's events, oldest first."""
        rows = self._db.execute("SELECT document FROM event WHERE guid = ? ORDER BY n", (guid,))
        return [json.loads(document) for (document,) in rows]

    def add_event(self, guid: str, record: Record) -> None:
        """Append an event."""
        self._db.execute("INSERT INTO event (guid, document) VALUES (?, ?)", (guid, json.dumps(record)))

    def filing(self, guid: str) -> Record | None:
        """Return what the authority received of an instance."""
        row = self._db.execute("SELECT document FROM filing WHERE guid = ?", (guid,)).fetchone()
        return json.loads(row[0]) if row else None

    def filings(self) -> list[Record]:
        """Return everything that authorities received, oldest first."""
        return [json.loads(d) for (d,) in self._db.execute("SELECT document FROM filing ORDER BY rowid")]

    def put_filing(self, guid: str, record: Record) -> None:
        """Write what the authority received of an instance."""
        self._db.execute(
            "INSERT INTO filing VALUES (?, ?) ON CONFLICT (guid) DO UPDATE SET document = excluded.document",
            (guid, json.dumps(record)),
        )

    def add_due(self, guid: str, what: str, at: float) -> None:
        """Schedule work on an instance.

        :param at: simulated seconds since the epoch.
        """
        self._db.execute("INSERT INTO due (guid, what, at) VALUES (?, ?, ?)", (guid, what, at))

    def take_due(self, now: float) -> tuple[str, str] | None:
        """Remove and return the oldest scheduled work whose time has come."""
        row = self._db.execute("SELECT n, guid, what FROM due WHERE at <= ? ORDER BY at, n LIMIT 1", (now,)).fetchone()
        if row is None:
            return None
        self._db.execute("DELETE FROM due WHERE n = ?", (row[0],))
        return row[1], row[2]

    def drop_due(self, guid: str, *, only: str | None = None, keep: str | None = None) -> None:
        """Forget an instance's scheduled work.

        :param only: forget this piece alone.
        :param keep: keep pieces whose name begins so.
        """
        rows = self._db.execute("SELECT n, what FROM due WHERE guid = ?", (guid,)).fetchall()
        for number, what in rows:
            if (only is None or what == only) and not (keep and str(what).startswith(keep)):
                self._db.execute("DELETE FROM due WHERE n = ?", (number,))

    def lock(self, guid: str) -> tuple[str, float] | None:
        """Return the token of an instance's lock and until when, in simulated seconds, it holds."""
        row = self._db.execute("SELECT token, until FROM held WHERE guid = ?", (guid,)).fetchone()
        return (str(row[0]), float(row[1])) if row else None

    def put_lock(self, guid: str, token: str, until: float) -> None:
        """Write an instance's lock."""
        self._db.execute("INSERT OR REPLACE INTO held VALUES (?, ?, ?)", (guid, token, until))

    def delete_lock(self, guid: str) -> None:
        """Remove an instance's lock."""
        self._db.execute("DELETE FROM held WHERE guid = ?", (guid,))

    def workflow(self, guid: str) -> str | None:
        """Return an instance's workflow as JSON."""
        row = self._db.execute("SELECT document FROM workflow WHERE guid = ?", (guid,)).fetchone()
        return str(row[0]) if row else None

    def workflow_guids(self) -> list[str]:
        """Return the instances that have a workflow."""
        return [guid for (guid,) in self._db.execute("SELECT guid FROM workflow")]

    def put_workflow(self, guid: str, document: str) -> None:
        """Write an instance's workflow."""
        self._db.execute("INSERT OR REPLACE INTO workflow VALUES (?, ?)", (guid, document))

    def delete_workflow(self, guid: str) -> None:
        """Forget an instance's workflow."""
        self._db.execute("DELETE FROM workflow WHERE guid = ?", (guid,))

    def add_journal(self, record: Record) -> None:
        """Append a request to the journal."""
        self._db.execute("INSERT INTO journal (document) VALUES (?)", (json.dumps(record),))

    def journal(self, last: int | None = None) -> list[Record]:
        """Return the journal, or only its last entries, oldest first."""
        rows = self._db.execute("SELECT n, document FROM journal ORDER BY n DESC LIMIT ?", (last or -1,)).fetchall()
        return [{"n": n, **json.loads(document)} for n, document in reversed(rows)]

    def setting(self, name: str) -> str | None:
        """Return a remembered value."""
        row = self._db.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else None

    def put_setting(self, name: str, value: str) -> None:
        """Remember a value."""
        self._db.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, value))


def _copy(record: Record) -> Record:
    return {k: _copy(v) if isinstance(v, dict) else (list(v) if isinstance(v, list) else v) for k, v in record.items()}
