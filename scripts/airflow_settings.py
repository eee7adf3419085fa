"""The environment of the embedded Airflow's processes: every setting that differs from Airflow's defaults."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from scripts import sqlite_waiting
from scripts.local_ports import LOOPBACK
from scripts.local_secrets import USERNAME, LocalSecrets

_DROPPED = ("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "PYTHONWARNINGS", "SQLALCHEMY_SILENCE_UBER_WARNING")
_LOCAL_HOSTS = "127.0.0.1,localhost"
_SQLITE = "altinn_sqlite_waiting"
"""Our module in Airflow's `config` folder; named so that it meets nobody else's."""


def base_environment(inherited: Mapping[str, str], binaries: Path) -> dict[str, str]:
    """Return the user's environment without what would change Airflow or Python, and with our programs first.

    Addresses on this machine never go through a proxy, and bytecode is written: without it each of Airflow's
    processes takes twice as long to start.
    """
    kept = {key: value for key, value in inherited.items() if key not in _DROPPED and not key.startswith("AIRFLOW")}
    kept["PATH"] = f"{binaries}:{kept.get('PATH', '')}"
    for name in ("no_proxy", "NO_PROXY"):
        kept[name] = ",".join(filter(None, (kept.get(name, ""), _LOCAL_HOSTS)))
    return kept


def airflow_environment(
    base: Mapping[str, str], *, home: Path, dags: Path, files: Path, port: int, secrets: LocalSecrets
) -> dict[str, str]:
    """Return the environment for Airflow's components.

    :param home: AIRFLOW_HOME.
    :param dags: the folder with the example DAGs.
    :param files: where the example DAGs put what they write.
    :param port: the API server's port; the workers derive the execution API's address from the same setting.
    """
    options = {
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "4",
        "CORE__DAGS_FOLDER": str(dags),
        "CORE__FERNET_KEY": secrets.fernet_key,
        "CORE__TEST_CONNECTION": "Enabled",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USERNAME}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(secrets.passwords_file),
        "API__HOST": LOOPBACK,
        "API__PORT": str(port),
        "API__BASE_URL": f"http://{LOOPBACK}:{port}",
        "API__WORKERS": "1",
        "API__SECRET_KEY": secrets.api_secret,
        "API_AUTH__JWT_SECRET": secrets.jwt_secret,
        # Five processes share the file; on a busy machine one may hold it for longer than SQLite's five seconds.
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}?timeout=20",
        "DATABASE__SQL_ALCHEMY_CONNECT_ARGS": f"{_SQLITE}.CONNECT_ARGS",
        # A second between two looks of the scheduler would be most of the demo's time.
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        # A task that a crash interrupted is freed after this many seconds instead of five minutes.
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
        "SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        # The first request to a cold execution API takes longer than the default of 5 s.
        "WORKERS__EXECUTION_API_TIMEOUT": "30",
        "DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "10",
    }
    return {
        **base,
        "AIRFLOW_HOME": str(home),
        "ALTINN_FILES": str(files),
        "ALTINN_SCHEDULED_FILINGS": "false",
        **{f"AIRFLOW__{name}": value for name, value in options.items()},
    }


def write_local_settings(home: Path) -> None:
    """Put what the settings import where all of Airflow's processes find it.

    :param home: AIRFLOW_HOME.
    """
    config = home / "config"
    config.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(sqlite_waiting.__file__, config / f"{_SQLITE}.py")
