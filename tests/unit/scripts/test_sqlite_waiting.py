"""Savepoints on SQLite that wait for their turn to write; the order in which Airflow makes a backfill's runs."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from scripts.airflow_settings import airflow_environment, write_local_settings
from scripts.sqlite_waiting import CONNECT_ARGS, WaitingConnection
from tests.unit.scripts.test_airflow_settings import SECRETS


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "airflow.db"
    with closing(sqlite3.connect(path)) as made:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("CREATE TABLE run (period TEXT)")
    return path


@pytest.fixture
def scheduler(database: Path) -> Iterator[sqlite3.Connection]:
    """Write beside the backfill, and never wait: what cannot be done at once is seen as refused."""
    with closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as connection:
        yield connection


def periods(connection: sqlite3.Connection) -> list[str]:
    return [period for (period,) in connection.execute("SELECT period FROM run ORDER BY period")]


def look_then_write(connection: sqlite3.Connection, between: Any) -> None:
    """Make a run as Airflow does: a savepoint, a look whether the run is there, and the run."""
    cursor = connection.cursor()
    cursor.execute("SAVEPOINT sa_savepoint_1")
    assert cursor.execute("SELECT count(*) FROM run").fetchone() == (0,)
    between()
    cursor.execute("INSERT INTO run VALUES ('2026-T1')")
    cursor.execute("RELEASE SAVEPOINT sa_savepoint_1")


def test_without_it_a_write_in_between_has_the_run_refused(database: Path, scheduler: sqlite3.Connection) -> None:
    with (
        closing(sqlite3.connect(database, timeout=20)) as plain,
        pytest.raises(sqlite3.OperationalError, match="database is locked"),
    ):
        look_then_write(plain, lambda: scheduler.execute("INSERT INTO run VALUES ('scheduled')"))


def test_the_run_is_made_and_the_other_writer_waits(database: Path, scheduler: sqlite3.Connection) -> None:
    def scheduler_writes() -> None:
        with pytest.raises(sqlite3.OperationalError, match="database is locked"):
            scheduler.execute("INSERT INTO run VALUES ('scheduled')")

    with closing(sqlite3.connect(database, **CONNECT_ARGS)) as connection:
        look_then_write(connection, scheduler_writes)
        assert periods(scheduler) == []  # nothing of a backfill shows before all of it is there
        connection.commit()
    assert periods(scheduler) == ["2026-T1"]
    scheduler.execute("INSERT INTO run VALUES ('scheduled')")


def test_savepoints_inside_a_transaction_stay_what_they_are(database: Path, scheduler: sqlite3.Connection) -> None:
    engine = create_engine(f"sqlite:///{database}", connect_args=CONNECT_ARGS)
    with engine.begin() as connection:
        for period in ("2026-T1", "2026-T2"):
            with connection.begin_nested() as nested:
                connection.execute(text("INSERT INTO run VALUES (:period)"), {"period": period})
                if period == "2026-T2":
                    nested.rollback()
    assert periods(scheduler) == ["2026-T1"]
    engine.dispose()


def test_a_reader_keeps_nobody_from_writing(database: Path, scheduler: sqlite3.Connection) -> None:
    with closing(sqlite3.connect(database, **CONNECT_ARGS)) as connection:
        assert periods(connection) == []
        scheduler.execute("INSERT INTO run VALUES ('scheduled')")
        assert not connection.in_transaction


def test_airflow_finds_it_in_its_config_folder(tmp_path: Path) -> None:
    write_local_settings(tmp_path)
    made = airflow_environment({}, home=tmp_path, dags=tmp_path, files=tmp_path, port=1, secrets=SECRETS)
    module, _, name = made["AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS"].partition(".")
    code = f"from {module} import {name}; print({name}['factory'].__name__)"
    config = str(tmp_path / "config")
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": config}, cwd="/", capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == WaitingConnection.__name__
