"""A filing as a chain of tasks with Airflow's retries, each try in a process of its own; and one without guards."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import requests

from altinn.operators import (
    AltinnDeleteInstanceOperator,
    AltinnDownloadDataOperator,
    AltinnInstantiateOperator,
    AltinnProcessNextOperator,
    AltinnUploadDataOperator,
    AltinnValidateOperator,
)
from altinn.sensors import AltinnFeedbackSensor
from tests.crash.task_process import Attempt, Crash, Ended
from tests.system.conftest import FORM, SOPHIE, MemorySupervisor

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

APP = "ttd/basic"
RETRIES = 4
SETTLE = 5.0
PAUSES = 40
"""How often a try may wait without a worker slot before it counts as hung."""


@dataclass(frozen=True)
class Step:
    """A task of the chain.

    :param make: builds the operator from what earlier tasks returned.
    """

    name: str
    make: Callable[[dict[str, Any]], BaseOperator]


def _instance(xcoms: dict[str, Any]) -> dict[str, Any]:
    return {"app": APP, "instance_id": str(xcoms.get("instantiate")), "retries": RETRIES}


def guarded_steps(files: dict[str, str], fence: str | None = None) -> list[Step]:
    """Return the tasks of a filing with this provider's operators."""
    documents = [{"data_type": "model", "path": files["form"]}, {"data_type": "attachment", "path": files["letter"]}]
    return [
        Step(
            "instantiate",
            lambda _x: AltinnInstantiateOperator(
                task_id="instantiate", app=APP, period="2026-T5", on_foreign="ignore", retries=RETRIES
            ),
        ),
        Step(
            "upload",
            lambda x: AltinnUploadDataOperator(task_id="upload", documents=documents, **_instance(x)),
        ),
        Step("validate", lambda x: AltinnValidateOperator(task_id="validate", **_instance(x))),
        Step("push", lambda x: _push("push", "data", x, fence)),
        Step("confirm", lambda x: _push("confirm", "confirmation", x, fence)),
        Step(
            "feedback",
            lambda x: AltinnFeedbackSensor(task_id="feedback", deferrable=False, poll_interval=1, **_instance(x)),
        ),
        Step(
            "download",
            lambda x: AltinnDownloadDataOperator(
                task_id="download", data_types=["model"], folder=files["folder"], **_instance(x)
            ),
        ),
    ]


def _push(name: str, from_task: str, xcoms: dict[str, Any], fence: str | None) -> BaseOperator:
    return AltinnProcessNextOperator(
        task_id=name,
        from_task=from_task,
        documents=xcoms.get("upload"),
        on_foreign="ignore",
        fence=fence,
        **_instance(xcoms),
    )


def deleting_steps(files: dict[str, str]) -> list[Step]:
    """Return the tasks that make a draft and delete it."""
    return [
        guarded_steps(files)[0],
        Step("delete", lambda x: AltinnDeleteInstanceOperator(task_id="delete", **_instance(x))),
    ]


def plain_steps(token: str) -> list[Step]:
    """Return the tasks of a filing as it is written with Airflow's HttpOperator and retries alone."""
    from airflow.providers.http.operators.http import HttpOperator

    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    common: dict[str, Any] = {"http_conn_id": "plain", "retries": RETRIES, "headers": headers}
    # The nulls keep Airflow's native rendering from making Python objects of the bodies.
    body = json.dumps({"instanceOwner": {"partyId": "501337"}, "dueBefore": None})
    unnamed = json.dumps({"action": None})

    def of_instance(xcoms: dict[str, Any]) -> str:
        return f"/{APP}/instances/{json.loads(xcoms['create'])['id']}"

    def form_of(xcoms: dict[str, Any]) -> str:
        elements = json.loads(xcoms["create"])["data"]
        return str(next(e["id"] for e in elements if e["dataType"] == "model"))

    xml = {**headers, "Content-Type": "application/xml"}
    return [
        Step(
            "create",
            lambda _x: HttpOperator(task_id="create", endpoint=f"/{APP}/instances", method="POST", data=body, **common),
        ),
        Step(
            "put",
            lambda x: HttpOperator(
                task_id="put",
                endpoint=f"{of_instance(x)}/data/{form_of(x)}",
                method="PUT",
                data=FORM.decode(),
                **{**common, "headers": xml},
            ),
        ),
        *[
            Step(
                name,
                lambda x, name=name: HttpOperator(  # type: ignore[misc]
                    task_id=name, endpoint=f"{of_instance(x)}/process/next", method="PUT", data=unnamed, **common
                ),
            )
            for name in ("next", "confirm_next")
        ],
    ]


@dataclass
class Chain:
    """Runs a chain's tasks, each with its retries.

    :param crashes: where the first try of a task dies, by the task's name.
    """

    base_url: str
    log: str
    supervisor: MemorySupervisor = field(default_factory=MemorySupervisor)
    crashes: dict[str, Crash] = field(default_factory=dict)
    before_task: Callable[[str], None] = lambda _name: None
    stopped: list[Attempt] = field(default_factory=list)
    errors: list[Ended] = field(default_factory=list)
    current: dict[str, int] = field(default_factory=dict)
    stores: dict[str, dict[str, Any]] = field(default_factory=dict)

    def connect(self, tokens: str) -> None:
        """Give the tasks their connections."""
        fields = {"environment": "local", "settle": SETTLE, "token_dir": tokens, **SOPHIE}
        self.supervisor.connections["altinn_default"] = {
            "conn_type": "altinn",
            "host": self.base_url,
            "extra": json.dumps(fields),
        }
        self.supervisor.connections["plain"] = {"conn_type": "http", "host": self.base_url}

    def run(self, steps: list[Step]) -> bool:
        """Run every task; False when one stays red."""
        return all(self._task(step) for step in steps)

    def late_ones_go_on(self) -> None:
        """Continue what was stopped, after everything else has happened."""
        while self.stopped:
            self.stopped.pop().go_on()

    def _task(self, step: Step) -> bool:
        self.before_task(step.name)
        for _try_number in range(1, RETRIES + 2):
            self.current[step.name] = self.current.get(step.name, 0) + 1
            ended = self._try(step, self.current[step.name])
            if ended.state == "success":
                return True
            if ended.state not in ("killed", "stopped", "up_for_retry"):
                self.errors.append(ended)
                return False
        self.errors.append(ended)
        return False

    def _try(self, step: Step, number: int) -> Ended:
        resume: dict[str, Any] = {}
        for _ in range(PAUSES):
            crash = self.crashes.pop(step.name, None)
            self.supervisor.store = self.stores.setdefault(step.name, {})
            xcoms = {task: value for (task, key), value in self.supervisor.xcoms.items() if key == "return_value"}
            attempt = Attempt(self.supervisor, lambda: self.current[step.name] == number, crash)
            attempt.start(partial(step.make, xcoms), number, resume, self.base_url, self.log)
            ended = attempt.serve()
            if ended.state == "stopped":
                self.stopped.append(attempt)
            if ended.pause is None:
                return ended
            seconds, method, kwargs = ended.pause
            self.advance(seconds)
            resume = {"next_method": method, "next_kwargs": kwargs}
        return Ended("hung")

    def advance(self, seconds: float) -> None:
        """Let time pass in the emulator."""
        body = {"advance_seconds": max(0.0, seconds)}
        requests.post(f"{self.base_url}/_emulator/clock", json=body, timeout=20).raise_for_status()
