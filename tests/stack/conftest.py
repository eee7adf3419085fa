"""A real Airflow (API server, scheduler, DAG processor, triggerer) and the emulator, shared by all tests of a session.

The DAGs are the project's own and those in `tests/stack/dags`. Whoever needs a real Airflow takes the fixture
`airflow`: it starts with the first test that asks for it, takes half a minute, and is stopped at the end.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from scripts.airflow_api import AirflowApi
from scripts.console import Console
from scripts.rest import Service, wait_until
from scripts.run_folder import PROJECT, RunFolder
from scripts.stack import DEMO, Endpoints, Stack

LIMIT = 240.0
"""Seconds for one thing to happen on a busy machine with two cores; a quiet one needs a tenth of it."""
ENDED = ("success", "failed")


class RealAirflow:
    """What a test asks of the stack.

    :param stack: the processes.
    :param api: Airflow's REST API, logged in as administrator.
    """

    def __init__(self, stack: Stack, api: AirflowApi, endpoints: Endpoints) -> None:
        self.stack, self.api, self.endpoints = stack, api, endpoints
        self.emulator = Service("the Altinn emulator", endpoints.emulator)

    def trigger(self, dag_id: str, conf: Mapping[str, object]) -> str:
        """Start a run as soon as Airflow knows the DAG, and return its id."""
        self.until(lambda: self.api.dag(dag_id) is not None, f"Airflow to read {dag_id}: {self.import_errors()}")
        self.api.unpause(dag_id)
        return self.api.trigger(dag_id, conf)

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        """Return one of a task's XComs, None when there is none."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        answer = self.api.service.call("GET", f"{path}?map_index={map_index}&deserialize=true", missing=(404,))
        return answer and answer["value"]

    def import_errors(self) -> str:
        """Return the DAG files that cannot be loaded."""
        return json.dumps([error.get("filename") for error in self.api.import_errors()])

    def until(self, ready: Callable[[], bool], what: str, limit: float = LIMIT) -> None:
        """Wait for something, and notice when a process has died."""
        if not wait_until(ready, limit, tick=self.stack.check_alive, pause=0.5):
            raise AssertionError(f"waited {limit:.0f} s in vain for {what}")

    def states(self, dag_id: str, run_id: str) -> dict[str, str]:
        """Return each task's state by its id, mapped ones with their index."""
        found = {}
        for one in self.api.task_instances(dag_id, run_id):
            index = one.get("map_index", -1)
            found[f"{one['task_id']}{f'[{index}]' if index >= 0 else ''}"] = str(one.get("state"))
        return found

    def wait_for_task(self, dag_id: str, run_id: str, task_id: str, *states: str) -> None:
        """Wait until a task is in one of the states."""
        self.until(
            lambda: self.states(dag_id, run_id).get(task_id) in states or self.run_ended(dag_id, run_id),
            f"{task_id} to be {' or '.join(states)}",
        )
        found = self.states(dag_id, run_id)
        assert found.get(task_id) in states, f"{found}\n{self.failures(dag_id, run_id)}"

    def run_ended(self, dag_id: str, run_id: str) -> bool:
        """Say whether a run is over."""
        return self.api.run_state(dag_id, run_id) in ENDED

    def wait_for_run(self, dag_id: str, run_id: str) -> str:
        """Wait until a run is over and return its state."""
        self.until(lambda: self.run_ended(dag_id, run_id), f"run {run_id} of {dag_id}")
        return self.api.run_state(dag_id, run_id)

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> str:
        """Return a task's log as text."""
        return "\n".join(json.dumps(event) for event in self.api.log(dag_id, run_id, task_id, try_number))

    def failures(self, dag_id: str, run_id: str) -> str:
        """Return the ends of the failed tasks' logs."""
        failed = [one for one in self.api.task_instances(dag_id, run_id) if one.get("state") == "failed"]
        return "\n".join(
            self.log(dag_id, run_id, one["task_id"], int(one["try_number"] or 1))[-3000:] for one in failed
        )

    def require_success(self, dag_id: str, run_id: str) -> None:
        """Wait for a run and show why, if it failed."""
        state = self.wait_for_run(dag_id, run_id)
        assert state == "success", f"{self.states(dag_id, run_id)}\n{self.failures(dag_id, run_id)}"

    def control(self, instance_id: str, what: str, **document: object) -> Any:
        """Let a person, an authority or the virus scanner of the emulator act."""
        return self.emulator.call("POST", f"/_emulator/instances/{instance_id}/{what}", document)

    def journal(self) -> list[dict[str, Any]]:
        """Return every request that the emulator has seen."""
        entries: list[dict[str, Any]] = self.emulator.call("GET", "/_emulator/journal")
        return entries

    def respond(self, dag_id: str, run_id: str, task_id: str, option: str) -> None:
        """Answer an approval as the administrator."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails"
        self.api.service.call("PATCH", path, {"chosen_options": [option], "params_input": {}})

    def command(self, *arguments: str) -> str:
        """Run Airflow's command line on the same installation and return what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *arguments],
            env=dict(self.stack.environment), capture_output=True, text=True, check=False, timeout=LIMIT,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def clear(self, dag_id: str, run_id: str, *task_ids: str) -> None:
        """Clear these tasks alone, as the button does."""
        body = {"dag_run_id": run_id, "task_ids": list(task_ids), "dry_run": False, "only_failed": False}
        body |= {"include_downstream": False, "reset_dag_runs": True}
        self.api.service.call("POST", f"/api/v2/dags/{dag_id}/clearTaskInstances", body)


@pytest.fixture(scope="session")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealAirflow]:
    """Start everything, make the connections, and stop it all at the end."""
    base = tmp_path_factory.mktemp("stack")
    dags = base / "dags"
    dags.mkdir()
    for path in [*(PROJECT / "dags").glob("*.py"), *(PROJECT / "tests" / "stack" / "dags").glob("*.py")]:
        (dags / path.name).symlink_to(path)
    output = io.StringIO()
    stack = Stack(RunFolder(base / "run"), Console(output), dags=dags)
    try:
        endpoints = stack.start(DEMO)
        yield RealAirflow(stack, stack.connect(endpoints), endpoints)
    finally:
        stack.stop()
        sys.stderr.write(output.getvalue() if "Traceback" in output.getvalue() else "")


def unique_period() -> str:
    """Return a period that no other test files: the emulator is shared."""
    return f"T-{time.time_ns():x}".upper()[:24]
