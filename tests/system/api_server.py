"""A real Airflow API server with an administrator and a viewer, for the tests of its pages."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from scripts.airflow_settings import airflow_environment, base_environment, write_local_settings
from scripts.components import Component, exit_code, start, stop
from scripts.local_secrets import local_secrets
from scripts.rest import wait_until
from tests.free_ports import free_ports

BINARIES = Path(sys.executable).parent
PASSWORDS = {"anna": "anna-password", "vic": "viewer-password", "bo": "another-password"}
ROLES = {"anna": "admin", "vic": "viewer", "bo": "admin"}
LIMIT = 180.0


@dataclass
class ApiServer:
    """Where it answers, and where it writes."""

    url: str
    home: Path
    log: Path
    environment: dict[str, str] = dataclasses.field(repr=False)

    def token(self, user: str) -> str:
        """Log a user in to Airflow."""
        body = {"username": user, "password": PASSWORDS[user]}
        answer = requests.post(f"{self.url}/auth/token", json=body, timeout=60)
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    def browser(self, user: str = "") -> requests.Session:
        """Return a browser in which a user is logged in; nobody for an empty name."""
        session = requests.Session()
        session.trust_env = False
        if user:
            session.cookies.set("_token", self.token(user), domain="127.0.0.1", path="/")
        return session

    def keep_connection(self, conn_id: str, **fields: Any) -> None:
        """Make a connection, or put another in its place."""
        headers = {"Authorization": f"Bearer {self.token('anna')}"}
        url = f"{self.url}/api/v2/connections"
        requests.delete(f"{url}/{conn_id}", headers=headers, timeout=60)
        body = {"connection_id": conn_id, "conn_type": "altinn", **fields}
        requests.post(url, json=body, headers=headers, timeout=60).raise_for_status()


def _environment(folder: Path, port: int) -> dict[str, str]:
    secrets = local_secrets(folder / "secrets")
    secrets.passwords_file.write_text(json.dumps(PASSWORDS))
    base = base_environment(os.environ, BINARIES)
    made = airflow_environment(
        base, home=folder / "airflow", dags=folder / "dags", files=folder / "files", port=port, secrets=secrets
    )
    users = ",".join(f"{name}:{role}" for name, role in ROLES.items())
    return {**made, "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": users}


@contextmanager
def api_server(folder: Path) -> Iterator[ApiServer]:
    """Start the server on an empty database and stop it at the end."""
    for name in ("secrets", "airflow", "dags", "files"):
        (folder / name).mkdir(mode=0o700)
    (port,) = free_ports(1)
    environment = _environment(folder, port)
    write_local_settings(folder / "airflow")
    server = ApiServer(f"http://127.0.0.1:{port}", folder / "airflow", folder / "api-server.log", environment)
    started: list[Component] = []
    try:
        migration = start(
            "database", [str(BINARIES / "airflow"), "db", "migrate"], environment, server.home, folder / "migration.log"
        )
        started.append(migration)
        assert wait_until(lambda: not migration.is_running(), LIMIT)
        assert exit_code(migration) == 0, (folder / "migration.log").read_text()
        started.append(
            start("api-server", [str(BINARIES / "airflow"), "api-server"], environment, server.home, server.log)
        )
        up = wait_until(lambda: _answers(f"{server.url}/api/v2/version"), LIMIT)
        assert up, server.log.read_text()[-3000:]
        yield server
    finally:
        stop(started)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False
