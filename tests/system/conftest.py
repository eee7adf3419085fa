"""Runs operators through Airflow's own task runner, with a supervisor in memory: no database, no scheduler.

The supervisor is Airflow's side of a pipe; here it answers from dictionaries. The classes used are internal to
Airflow's task SDK, so this file is the only one that knows them.
"""

from __future__ import annotations

import json
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="altinn-system-tests-"))
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
os.environ.setdefault("AIRFLOW__CORE__FERNET_KEY", "uJzsSJwrXWKiULcwAmkzU2RhLWdlbmVyYXRlZC1rZXk=")

import pytest
import structlog
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.api.datamodels._generated import DagRun, DagRunState, TIRunContext
from airflow.sdk.exceptions import ErrorType
from airflow.sdk.execution_time import comms, task_runner
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

from altinn.emulator import Emulator

NOW = datetime(2026, 11, 24, tzinfo=UTC)


class MemorySupervisor:
    """Answers a task's requests: connections, XComs, the task's state store."""

    def __init__(self) -> None:
        self.connections: dict[str, dict[str, Any]] = {}
        self.xcoms: dict[tuple[str, str], Any] = {}
        self.store: dict[str, Any] = {}

    async def asend(self, msg: Any) -> Any:
        return self.send(msg)

    def send(self, msg: Any) -> Any:
        handler = getattr(self, f"_{type(msg).__name__}", None)
        return handler(msg) if handler else None

    def _GetConnection(self, message: Any) -> Any:
        found = self.connections.get(message.conn_id)
        if found is None:
            return comms.ErrorResponse(error=ErrorType.CONNECTION_NOT_FOUND)
        empty = dict.fromkeys(("host", "schema", "login", "password", "port", "extra"))
        return comms.ConnectionResult(**{**empty, "conn_id": message.conn_id, **found})

    def _GetVariable(self, _message: Any) -> Any:
        return comms.ErrorResponse(error=ErrorType.VARIABLE_NOT_FOUND)

    def _GetXCom(self, message: Any) -> Any:
        return comms.XComResult(key=message.key, value=self.xcoms.get((message.task_id, message.key)))

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


@dataclass
class Outcome:
    """How a task ended, as Airflow sees it."""

    state: str
    error: BaseException | None
    message: Any
    xcoms: dict[str, Any] = field(default_factory=dict)

    @property
    def result(self) -> Any:
        return self.xcoms.get("return_value")


RunTask = Callable[..., Outcome]


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> MemorySupervisor:
    memory = MemorySupervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", memory, raising=False)
    return memory


@pytest.fixture
def run_task(supervisor: MemorySupervisor) -> RunTask:
    """Run one operator to its end: rendering, retry policy, XCom and links included."""

    def run(operator: BaseOperator, *, try_number: int = 1, params: dict[str, Any] | None = None) -> Outcome:
        if not operator.has_dag():
            DAG("test", schedule=None, start_date=NOW, render_template_as_native_obj=True).add_task(operator)
        dag_run = DagRun(
            dag_id=operator.dag_id,
            run_id="manual",
            logical_date=None,
            data_interval_start=None,
            data_interval_end=None,
            run_after=NOW,
            start_date=NOW,
            end_date=None,
            run_type="manual",
            state=DagRunState.RUNNING,
            conf=params or {},
            consumed_asset_events=[],
            partition_key=None,
        )
        context = TIRunContext(
            dag_run=dag_run, max_tries=operator.retries or 0, should_retry=try_number <= (operator.retries or 0)
        )
        instance = RuntimeTaskInstance.model_construct(
            id=uuid.uuid4(),
            task_id=operator.task_id,
            dag_id=operator.dag_id,
            run_id="manual",
            try_number=try_number,
            map_index=-1,
            dag_version_id=uuid.uuid4(),
            task=operator,
            bundle_instance=None,
            max_tries=operator.retries or 0,
            start_date=NOW,
            _ti_context_from_server=context,
        )
        instance._ti_context_from_server = context
        log = structlog.get_logger("altinn.tests")
        rendered = instance.get_template_context()
        state, message, error = task_runner.run(instance, rendered, log)
        task_runner.finalize(instance, state, rendered, log, error)
        own = {key: value for (task_id, key), value in supervisor.xcoms.items() if task_id == operator.task_id}
        return Outcome(str(getattr(state, "value", state)), error, message, own)

    return run


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """Start an Altinn of its own for one test."""
    with Emulator() as running:
        yield running


@pytest.fixture
def connection(supervisor: MemorySupervisor, emulator: Emulator) -> str:
    """Name a connection of LocalTest's person 1337, who files for herself."""
    extra = {"environment": "local", "auth_mode": "localtest", "test_user_id": "1337", "test_party_id": "501337"}
    supervisor.connections["altinn_default"] = {
        "conn_type": "altinn",
        "host": emulator.base_url,
        "extra": json.dumps(extra),
    }
    return "altinn_default"
