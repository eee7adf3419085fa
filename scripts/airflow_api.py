"""The calls of Airflow's public REST API (v2) that the commands make, as its pages make them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from scripts.failure import CommandError
from scripts.rest import Service

KEEP_TRIES = 4
"""SQLite lets one process write at a time, and Airflow answers 500 when it has waited for too long."""


class AirflowApi:
    """Airflow's REST API with a login.

    :param service: where it is.
    """

    def __init__(self, service: Service) -> None:
        self.service = service

    def log_in(self, username: str, password: str) -> str:
        """Get a token, use it from now on, and return it."""
        answer = self.service.call("POST", "/auth/token", {"username": username, "password": password})
        token = str(answer["access_token"])
        self.service.authorize(token)
        return token

    def keep_connection(self, connection: Mapping[str, object]) -> None:
        """Create a connection, or bring the existing one up to date; tried again while the database is busy.

        :raises CommandError: Airflow refuses it every time.
        """
        _again_while_busy(lambda: self._keep_connection(connection))

    def _keep_connection(self, connection: Mapping[str, object]) -> None:
        conn_id = connection["connection_id"]
        if self.service.call("POST", "/api/v2/connections", connection, missing=(409,)) is None:
            self.service.call("PATCH", f"/api/v2/connections/{conn_id}", connection)

    def dag(self, dag_id: str) -> dict[str, Any] | None:
        """Return a DAG, or None while Airflow does not know it."""
        found: dict[str, Any] | None = self.service.call("GET", f"/api/v2/dags/{dag_id}", missing=(404,))
        return found

    def dags(self) -> list[dict[str, Any]]:
        """Return every DAG that Airflow has read."""
        found: list[dict[str, Any]] = self.service.call("GET", "/api/v2/dags?limit=100")["dags"]
        return found

    def import_errors(self) -> list[dict[str, Any]]:
        """Return the DAG files that cannot be loaded, each with its stack trace."""
        errors: list[dict[str, Any]] = self.service.call("GET", "/api/v2/importErrors")["import_errors"]
        return errors

    def unpause(self, dag_id: str) -> None:
        """Let a DAG's runs proceed; tried again while the database is busy.

        :raises CommandError: Airflow refuses it every time.
        """
        path = f"/api/v2/dags/{dag_id}?update_mask=is_paused"
        _again_while_busy(lambda: self.service.call("PATCH", path, {"is_paused": False}))

    def trigger(self, dag_id: str, conf: Mapping[str, object]) -> str:
        """Start a run and return its id."""
        answer = self.service.call("POST", f"{_runs(dag_id)}", {"logical_date": None, "conf": dict(conf)})
        return str(answer["dag_run_id"])

    def runs(self, dag_id: str, *states: str) -> list[dict[str, Any]]:
        """Return the runs in any of these states, oldest first."""
        wanted = "&".join(f"state={state}" for state in states)
        found: list[dict[str, Any]] = self.service.call("GET", f"{_runs(dag_id)}?{wanted}&order_by=run_after")[
            "dag_runs"
        ]
        return found

    def is_idle(self) -> bool:
        """Tell whether no run of any DAG is under way."""
        path = "/api/v2/dags/~/dagRuns?state=queued&state=running&limit=1"
        return not self.service.call("GET", path)["dag_runs"]

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return "queued", "running", "success" or "failed"."""
        return str(self.service.call("GET", f"{_runs(dag_id)}/{_part(run_id)}")["state"])

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the run's task instances."""
        answer = self.service.call("GET", f"{_runs(dag_id)}/{_part(run_id)}/taskInstances?limit=100")
        found: list[dict[str, Any]] = answer["task_instances"]
        return found

    def xcom(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """Return what a task returned, or None if it returned nothing."""
        path = f"{_runs(dag_id)}/{_part(run_id)}/taskInstances/{_part(task_id)}/xcomEntries/return_value"
        answer = self.service.call("GET", path, missing=(404,))
        value = answer and answer["value"]
        return json.loads(value) if isinstance(value, str) else value

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int) -> list[dict[str, Any]]:
        """Return the events of one try's log."""
        path = f"{_runs(dag_id)}/{_part(run_id)}/taskInstances/{_part(task_id)}/logs/{try_number}"
        answer = self.service.call("GET", f"{path}?full_content=true", missing=(404,))
        return [event for event in (answer or {}).get("content", []) if isinstance(event, dict)]


def _again_while_busy(call: Callable[[], object]) -> None:
    """Make a call that may be repeated, until it succeeds or has failed `KEEP_TRIES` times."""
    for attempt in range(KEEP_TRIES):
        try:
            call()
            return
        except CommandError:
            if attempt == KEEP_TRIES - 1:
                raise


def _runs(dag_id: str) -> str:
    return f"/api/v2/dags/{_part(dag_id)}/dagRuns"


def _part(text: str) -> str:
    return quote(text, safe="")
