"""How the embedded Airflow opens its SQLite database, so that a backfill waits for its turn to write.

Airflow makes a backfill's runs inside savepoints that read first and write then. SQLite begins such a transaction as a
reader; if another process writes in between, it is refused at once ("database is locked"), however long the timeout is:
waiting could not bring back what was read. Airflow then answers 503 and takes back the runs, and a scheduler that has
seen them dies of it. Begun as a writer, the same transaction waits like every other, and its runs appear all at once.

A copy of this file lies in the folder `config` of AIRFLOW_HOME, from which every part of Airflow can import it; so it
imports nothing of ours. See `[database] sql_alchemy_connect_args` and sqlite.org/isolation.html.
"""

from __future__ import annotations

import sqlite3
from typing import Any


class WaitingCursor(sqlite3.Cursor):
    """A cursor whose savepoints begin a transaction that may write, where there is none yet."""

    def execute(self, sql: str, parameters: Any = (), /) -> WaitingCursor:
        """Execute a statement, after becoming the writer if it opens a transaction by a savepoint."""
        if not self.connection.in_transaction and sql.lstrip()[:9].upper() == "SAVEPOINT":
            super().execute("BEGIN IMMEDIATE")
        super().execute(sql, parameters)
        return self


class WaitingConnection(sqlite3.Connection):
    """A connection whose cursors are `WaitingCursor`s."""

    def cursor(self, factory: Any = WaitingCursor) -> Any:
        """Return a cursor."""
        return super().cursor(factory)


CONNECT_ARGS: dict[str, Any] = {"factory": WaitingConnection}
"""What Airflow hands to `sqlite3.connect` beside the address."""
