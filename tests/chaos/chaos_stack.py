"""A real Airflow and an emulator that a scenario can break, and the judge's view of what was filed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from scripts.airflow_api import AirflowApi
from scripts.console import Console
from scripts.failure import CommandError
from scripts.rest import Service, wait_until
from scripts.run_folder import RunFolder
from scripts.stack import DEMO, Endpoints, Stack

DAGS = Path(__file__).parent / "dags"
FORM = b"<model><property1>a</property1><property2>b</property2></model>"
LETTER = b"what was meant"
_PERSON = {"test_user_id": "1337", "test_party_id": "501337"}
RUN_LIMIT = 300.0
"""Seconds for a run that was disturbed; the machine may be busy."""
SERVICES = ("api-server", "scheduler", "dag-processor", "triggerer")
_SETTINGS = {
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
    "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "8",
    "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
    "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
    "TRIGGERER__JOB_HEARTBEAT_SEC": "2",
}
"""Airflow notices the dead within seconds instead of minutes."""


class ChaosStack:
    """The stack in a folder of its own.

    :param folder: begun anew.
    """

    def __init__(self, folder: Path, console: Console) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self.console = console
        self.folder = RunFolder(folder)
        self.stack = Stack(self.folder, console, dags=DAGS, settings=_SETTINGS)
        self.endpoints: Endpoints | None = None
        self._api: AirflowApi | None = None
        self._number = 0

    # -- starting and breaking

    def start(self) -> None:
        """Start everything, and give the tasks their connection and documents."""
        self.folder.prepare()
        (self.folder.files / "form.xml").write_bytes(FORM)
        (self.folder.files / "letter.txt").write_bytes(LETTER)
        (self.folder.files / "periods.json").write_text("[]")
        self.endpoints = self.stack.start(DEMO)
        self._connect()

    def _connect(self) -> None:
        self._api = self.stack.connect(self._known())
        self._api.keep_connection(
            {
                "connection_id": "altinn_chaos",
                "conn_type": "altinn",
                "host": self._known().emulator,
                "extra": json.dumps(
                    {
                        "environment": "local",
                        "auth_mode": "localtest",
                        "test_user_id": "1337",
                        "test_party_id": "501337",
                    }
                ),
            }
        )

    def _is_connected(self) -> bool:
        """Connect if Airflow lets us: right after a crash its database may still be locked."""
        try:
            self._connect()
        except CommandError:
            return False
        return True

    def _known(self) -> Endpoints:
        if self.endpoints is None:
            raise RuntimeError("not started")
        return self.endpoints

    @property
    def api(self) -> AirflowApi:
        """Airflow's REST API."""
        if self._api is None:
            raise RuntimeError("not started")
        return self._api

    def stop(self) -> None:
        """Stop everything."""
        self.stack.stop()

    def task_processes(self) -> list[psutil.Process]:
        """Return the processes that run tasks: children of the scheduler's workers."""
        workers = {p.pid for p in self.supervisors()}
        return [p for p in self.stack.component("scheduler").members() if p.ppid() in workers]

    def supervisors(self) -> list[psutil.Process]:
        """Return the scheduler's workers that supervise a task now."""
        scheduler = psutil.Process(self.stack.component("scheduler").pid)
        return [child for child in scheduler.children() if child.children()]

    def kill(self, processes: list[psutil.Process]) -> None:
        """Kill at once.

        :raises RuntimeError: there is nobody to kill, so the scenario shows nothing.
        """
        if not processes:
            raise RuntimeError("nobody runs who could be killed")
        for process in processes:
            try:
                os.kill(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def kill_components(self, *names: str) -> None:
        """Kill components with all that they started, and start the components again."""
        for name in names:
            self.stack.kill(name)
        for name in names:
            self.stack.relaunch(name)
        if "api-server" in names:
            service = Service("Airflow", self._known().airflow)
            wait_until(lambda: service.answers("/api/v2/version"), 180.0)
            service.answers("/execution/health")
            wait_until(self._is_connected, 120.0, pause=1.0)

    def with_database(self, change: Callable[[Path], None]) -> None:
        """Stop Airflow, change its database file, start it again; the emulator goes on with its state."""
        self.stack.stop()
        change(self.folder.airflow_home / "airflow.db")
        self.endpoints = self.stack.start(DEMO)
        self._connect()

    # -- filing

    def require_clear_error(self, dag_id: str, run_id: str) -> None:
        """Look into the logs of a run's failed tasks: each must have ended with an error of this provider.

        :raises RuntimeError: one has not.
        """
        failed = [one for one in self.api.task_instances(dag_id, run_id) if one["state"] == "failed"]
        for one in failed:
            told = json.dumps(self.api.log(dag_id, run_id, str(one["task_id"]), int(one["try_number"])))
            if not re.search(r"Altinn\w+Error", told):
                raise RuntimeError(f"{one['task_id']} of {dag_id} failed without an error of ours: {told[-600:]}")
        if not failed:
            raise RuntimeError(f"{dag_id} is red, and none of its tasks has failed")

    def new_period(self) -> str:
        """Return a period that nothing was filed for."""
        self._number += 1
        return f"2026-C{self._number}"

    def fault(self, **fault: Any) -> None:
        """Order a fault."""
        self._emulator().call("POST", "/_emulator/faults", [fault])

    def clear_faults(self) -> None:
        """Forget all faults."""
        self._emulator().call("DELETE", "/_emulator/faults")

    def await_struck(self) -> None:
        """Wait until an ordered fault has struck: a task is in the middle of its request now."""

        def struck() -> bool:
            shown = self._emulator().call("GET", "/_emulator/faults")
            return any(int(one.get("struck") or 0) for one in shown)

        if not wait_until(struck, RUN_LIMIT):
            raise RuntimeError("the request that was to be disturbed was never made")

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> str:
        """Start a run, once Airflow knows the DAG."""
        wait_until(lambda: self.api.dag(dag_id) is not None, 120.0, pause=0.5)
        self.api.unpause(dag_id)
        return self.api.trigger(dag_id, conf)

    def finished(self, dag_id: str, run_id: str) -> str:
        """Wait for a run and return its state."""
        ended = ("success", "failed")
        wait_until(lambda: self.api.run_state(dag_id, run_id) in ended, RUN_LIMIT, pause=0.5)
        return self.api.run_state(dag_id, run_id)

    def clear(self, dag_id: str, run_id: str) -> None:
        """Clear every task of a run, as a user does."""
        body = {"dry_run": False, "dag_run_id": run_id, "only_failed": False, "reset_dag_runs": True}
        self.api.service.call("POST", f"/api/v2/dags/{dag_id}/clearTaskInstances", body)
        time.sleep(1.0)

    def filings(self, period: str) -> list[dict[str, Any]]:
        """Return what the authority received for a period."""
        found: list[dict[str, Any]] = self._emulator().call("GET", "/_emulator/filings")
        return [filing for filing in found if filing["dataValues"].get("filingperiod") == period]

    def is_as_meant(self, filing: dict[str, Any]) -> bool:
        """Tell whether a filing has the attachment that was meant, once."""
        kept = [e["sha256"] for e in filing["elements"] if e["dataType"] == "attachment"]
        return kept == [hashlib.sha256(LETTER).hexdigest()]

    def _emulator(self) -> Service:
        return Service("the Altinn emulator", self._known().emulator)
