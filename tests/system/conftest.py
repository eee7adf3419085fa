"""Runs operators through Airflow's own task runner, with a supervisor in memory: no database, no scheduler.

The supervisor is Airflow's side of a pipe; here it answers from dictionaries. The classes used are internal to
Airflow's task SDK, so this file is the only one that knows them.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="altinn-system-tests-"))
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
os.environ.setdefault("AIRFLOW__CORE__FERNET_KEY", "uJzsSJwrXWKiULcwAmkzU2RhLWdlbmVyYXRlZC1rZXk=")

import pytest
import requests
import structlog
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.api.datamodels._generated import DagRun, DagRunState, DagRunType, TIRunContext
from airflow.sdk.exceptions import ErrorType
from airflow.sdk.execution_time import comms, task_runner
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from requests import Response

from altinn.emulator import Emulator
from altinn.operators import AltinnInstantiateOperator
from tests.altinn_proxy import AltinnProxy

NOW = datetime(2026, 11, 24, tzinfo=UTC)


class MemorySupervisor:
    """Answers a task's requests: connections, XComs, the task's state store.

    :ivar mapped: what the instances of mapped tasks have left, by task and key.
    :ivar told: every message so far.
    """

    def __init__(self) -> None:
        self.connections: dict[str, dict[str, Any]] = {}
        self.xcoms: dict[tuple[str, str], Any] = {}
        self.mapped: dict[tuple[str, str], dict[int, Any]] = {}
        self.store: dict[str, Any] = {}
        self.kept_for_ever: set[str] = set()
        self.task_states: dict[str, dict[str, str | None]] = {}
        self.state = "running"
        self.masked: list[str] = []
        self.told: list[Any] = []

    def told_of(self, name: str) -> list[Any]:
        """Return the messages of one class, by its name."""
        return [message for message in self.told if type(message).__name__ == name]

    async def asend(self, msg: Any) -> Any:
        return self.send(msg)

    def send(self, msg: Any) -> Any:
        self.told.append(msg)
        handler = getattr(self, f"_{type(msg).__name__}", None)
        return handler(msg) if handler else None

    def _GetConnection(self, message: Any) -> Any:
        found = self.connections.get(message.conn_id)
        if found is None:
            return comms.ErrorResponse(error=ErrorType.CONNECTION_NOT_FOUND)
        empty = dict.fromkeys(("host", "schema", "login", "password", "port", "extra"))
        return comms.ConnectionResult(**{**empty, "conn_id": message.conn_id, **found})

    def _MaskSecret(self, message: Any) -> None:
        if isinstance(message.value, str):
            self.masked.append(message.value)

    def _ValidateInletsAndOutlets(self, _message: Any) -> Any:
        return comms.InactiveAssetsResult(inactive_assets=[])

    def _GetVariable(self, _message: Any) -> Any:
        return comms.ErrorResponse(error=ErrorType.VARIABLE_NOT_FOUND)

    def _GetXCom(self, message: Any) -> Any:
        own = self.mapped.get((message.task_id, message.key), {})
        value = own.get(message.map_index) if own else self.xcoms.get((message.task_id, message.key))
        return comms.XComResult(key=message.key, value=value)

    def _GetXComSequenceSlice(self, message: Any) -> Any:
        key = (message.task_id, message.key)
        if key in self.mapped:
            return comms.XComSequenceSliceResult(root=list(self.mapped[key].values()))
        return comms.XComSequenceSliceResult(root=[self.xcoms[key]] if key in self.xcoms else [])

    def _SetXCom(self, message: Any) -> None:
        self.xcoms[message.task_id, message.key] = message.value

    def _DeleteXCom(self, message: Any) -> None:
        self.xcoms.pop((message.task_id, message.key), None)

    def _GetTaskStateStore(self, message: Any) -> Any:
        if message.key not in self.store:
            return comms.ErrorResponse(error=ErrorType.TASK_STORE_NOT_FOUND)
        return comms.TaskStateStoreResult(value=self.store[message.key])

    def _SetTaskStateStore(self, message: Any) -> None:
        self.store[message.key] = message.value
        if message.expires_at is None:
            self.kept_for_ever.add(message.key)

    def _GetTaskStates(self, message: Any) -> Any:
        own = {run_id: dict.fromkeys(message.task_ids or (), self.state) for run_id in message.run_ids or ()}
        return comms.TaskStatesResult(task_states=self.task_states or own)

    def _DeleteTaskStateStore(self, message: Any) -> None:
        self.store.pop(message.key, None)


@dataclass
class Outcome:
    """How a task ended, as Airflow sees it."""

    state: str
    error: BaseException | None
    message: Any
    xcoms: dict[str, Any] = field(default_factory=dict)
    waited: list[float] = field(default_factory=list)
    """Seconds of each wait without a worker slot."""

    @property
    def result(self) -> Any:
        return self.xcoms.get("return_value")


RunTask = Callable[..., Outcome]


def task_instance(
    operator: BaseOperator,
    try_number: int,
    params: dict[str, Any] | None,
    run_id: str,
    map_index: int,
    resume: dict[str, Any],
    of_run: dict[str, Any] | None = None,
    max_tries: int | None = None,
) -> RuntimeTaskInstance:
    """Make what the task runner is given by Airflow's server.

    :param max_tries: by default the operator's retries; a clear makes them the tries so far and the retries.
    """
    if max_tries is None:
        max_tries = operator.retries or 0
    dag_run = DagRun(
        dag_id=operator.dag_id,
        run_id=run_id,
        logical_date=None,
        data_interval_start=None,
        data_interval_end=None,
        run_after=NOW,
        start_date=NOW,
        end_date=None,
        run_type=DagRunType.MANUAL,
        state=DagRunState.RUNNING,
        conf=params or {},
        consumed_asset_events=[],
        partition_key=None,
    ).model_copy(update=of_run or {})
    context = TIRunContext(
        dag_run=dag_run,
        max_tries=max_tries,
        should_retry=try_number <= max_tries,
        **resume,
    )
    instance = RuntimeTaskInstance.model_construct(
        id=uuid.uuid4(),
        task_id=operator.task_id,
        dag_id=operator.dag_id,
        run_id=run_id,
        try_number=try_number,
        map_index=map_index,
        dag_version_id=uuid.uuid4(),
        task=operator,
        bundle_instance=None,
        max_tries=max_tries,
        start_date=NOW,
        _ti_context_from_server=context,
    )
    instance._ti_context_from_server = context
    return instance


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> MemorySupervisor:
    memory = MemorySupervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", memory, raising=False)
    return memory


@pytest.fixture
def run_task(supervisor: MemorySupervisor) -> RunTask:
    """Run one operator to its end: rendering, retry policy, XCom and links included.

    A pause without a worker slot is waited out, and the task resumed in a process state of its own, as Airflow does.
    """

    def run(
        operator: BaseOperator,
        *,
        try_number: int = 1,
        params: dict[str, Any] | None = None,
        of_run: dict[str, Any] | None = None,
        run_id: str = "manual",
        map_index: int = -1,
        max_tries: int | None = None,
    ) -> Outcome:
        if not operator.has_dag():  # type: ignore[no-untyped-call]
            DAG("test", schedule=None, start_date=NOW, render_template_as_native_obj=True).add_task(operator)
        waited: list[float] = []
        resume: dict[str, Any] = {}
        while True:
            instance = task_instance(operator, try_number, params, run_id, map_index, resume, of_run, max_tries)
            log = structlog.get_logger("altinn.tests")
            rendered = instance.get_template_context()
            state, message, error = task_runner.run(instance, rendered, log)
            task_runner.finalize(instance, state, rendered, log, error)
            own = {key: value for (task_id, key), value in supervisor.xcoms.items() if task_id == operator.task_id}
            name = str(getattr(state, "value", state))
            if not isinstance(message, comms.DeferTask) or not message.classpath.endswith("AltinnPauseTrigger"):
                return Outcome(name, error, message, own, waited)
            pause = message.trigger_kwargs["until"] - time.time()  # type: ignore[index, operator]
            waited.append(pause)
            time.sleep(max(0.0, pause))
            resume = {"next_method": message.next_method, "next_kwargs": message.next_kwargs}

    return run


@pytest.fixture(scope="session")
def shared_emulator() -> Iterator[Emulator]:
    """Start one Altinn for all tests."""
    with Emulator() as running:
        yield running


@pytest.fixture
def emulator(shared_emulator: Emulator) -> Emulator:
    """Have an Altinn in which nothing has happened yet."""
    requests.post(f"{shared_emulator.base_url}/_emulator/reset", timeout=10).raise_for_status()
    return shared_emulator


@pytest.fixture
def proxy(emulator: Emulator) -> Iterator[AltinnProxy]:
    """Stand between the tasks and the emulator."""
    with AltinnProxy(emulator.base_url) as running:
        yield running


Connect = Callable[..., str]


@pytest.fixture
def connect(supervisor: MemorySupervisor, tmp_path: Path) -> Connect:
    """Make a connection: its host, its login, and its extra fields by name; each test keeps tokens of its own."""

    def made(host: str, *, conn_id: str = "altinn_default", login: str | None = None, **extra: Any) -> str:
        fields = {"environment": "local", "settle": 0, "token_dir": str(tmp_path / "tokens"), **extra}
        supervisor.connections[conn_id] = {
            "conn_type": "altinn",
            "host": host,
            "login": login,
            "extra": json.dumps(fields),
        }
        return conn_id

    return made


FORM = b"<model><property1>a</property1><property2>b</property2></model>"
"""A form that `ttd/basic` takes."""

SOPHIE = {"auth_mode": "localtest", "test_user_id": "1337", "test_party_id": "501337"}
"""LocalTest's person, who files for herself."""


@pytest.fixture
def connection(connect: Connect, emulator: Emulator) -> str:
    """Name a connection of LocalTest's person 1337, who files for herself."""
    return connect(emulator.base_url, **SOPHIE)


@pytest.fixture
def proxied(connect: Connect, proxy: AltinnProxy) -> str:
    """Name the same connection, by way of the proxy."""
    return connect(proxy.base_url, **SOPHIE)


class Look:
    """Looks into the emulator, past the code under test."""

    def __init__(self, emulator: Emulator) -> None:
        self.base_url = emulator.base_url

    def journal(self) -> list[dict[str, Any]]:
        """Return every request so far, oldest first."""
        entries: list[dict[str, Any]] = self._get("/_emulator/journal")
        return entries

    def requests(self, method: str, path: str) -> list[dict[str, Any]]:
        """Return the requests of one method whose path fits."""
        return [e for e in self.journal() if e["method"] == method and re.search(path, e["path"])]

    def writes(self) -> list[str]:
        """Return the requests that may have changed something in Altinn; a login changes nothing."""
        own = [e for e in self.journal() if e["method"] != "GET" and not LOGIN.match(e["path"])]
        return [f"{e['method']} {e['path']} {e['status']}" for e in own]

    def filings(self) -> list[dict[str, Any]]:
        """Return what the authorities have received."""
        received: list[dict[str, Any]] = self._get("/_emulator/filings")
        return received

    def instance(self, instance_id: str) -> dict[str, Any]:
        """Read an instance as its owner."""
        return self.api("GET", f"/storage/api/v1/instances/{instance_id}").json()  # type: ignore[no-any-return]

    def elements(self, instance_id: str) -> list[tuple[str, str]]:
        """Return data type and file name of every element, sorted."""
        return sorted((e["dataType"], e.get("filename") or "") for e in self.instance(instance_id)["data"])

    def submit(self, instance_id: str) -> None:
        """Fill in the form and push to the end, as somebody at the keyboard would."""
        base = f"/ttd/basic/instances/{instance_id}"
        (form,) = [e["id"] for e in self.instance(instance_id)["data"] if e["dataType"] == "model"]
        self.api("PUT", f"{base}/data/{form}", data=FORM, headers={"Content-Type": "application/xml"})
        for action in ("write", "confirm"):
            self.api("PUT", f"{base}/process/next", json={"action": action})

    def advance_clock(self, seconds: float) -> None:
        """Let the emulator's time go on; what its authorities do later then happens."""
        clock = {"advance_seconds": seconds}
        requests.post(f"{self.base_url}/_emulator/clock", json=clock, timeout=10).raise_for_status()

    def decide(self, instance_id: str, outcome: str) -> None:
        """Have the authority answer a filing that waits for it; one that has ended stays as it is."""
        requests.post(
            f"{self.base_url}/_emulator/instances/{instance_id}/decide", json={"outcome": outcome}, timeout=10
        )

    def api(self, method: str, path: str, **more: Any) -> Response:
        """Call the emulator as LocalTest's person 1337, as somebody who uses another system would."""
        token = requests.get(f"{self.base_url}/Home/GetTestUserToken/1337", timeout=10).text
        headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
        response = requests.request(method, self.base_url + path, headers=headers, timeout=10, **more)
        assert response.status_code < 300, f"{method} {path}: {response.status_code} {response.text[:300]}"
        return response

    def _get(self, path: str) -> Any:
        return requests.get(self.base_url + path, timeout=10).json()


LOGIN = re.compile("/(maskinporten|idporten|authentication|Home)/")


@pytest.fixture
def look(emulator: Emulator) -> Look:
    return Look(emulator)


@pytest.fixture
def form(tmp_path: Path) -> str:
    """Write the form and name its path."""
    path = tmp_path / "form.xml"
    path.write_bytes(FORM)
    return str(path)


@pytest.fixture
def draft(run_task: RunTask, connection: str) -> dict[str, Any]:
    """Make an instance, and return the arguments that the operators on it take."""
    made = run_task(AltinnInstantiateOperator(task_id="instantiate", app="ttd/basic", period="2026-T5"))
    assert made.state == "success", made.error
    return {"app": "ttd/basic", "instance_id": made.result, "altinn_conn_id": connection}
