"""The sensor that waits for a person's login: a link, reminders before the deadline, and the run goes on."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from airflow.sdk.execution_time import task_runner

from altinn.emulator import Emulator
from altinn.exceptions import AltinnInputError
from altinn.hooks.altinn_hook import AltinnHook
from altinn.sensors import AltinnFeedbackSensor, AltinnLoginSensor
from altinn.sensors.login_sensor import DAY, NORWAY, legal_deadline
from altinn.triggers.instance_trigger import AltinnInstanceTrigger
from altinn.triggers.login_trigger import AltinnLoginTrigger
from tests.contract.oidc_browser import BACK, log_in, person_client
from tests.system.conftest import Connect, MemorySupervisor, RunTask, task_instance
from tests.unit.login_samples import pem


@pytest.fixture(scope="module")
def altinn() -> Iterator[Emulator]:
    with Emulator(port=0, clients=[person_client()]) as running:
        yield running


@pytest.fixture
def person(connect: Connect, altinn: Emulator, tmp_path: Path) -> str:
    return connect(
        altinn.base_url,
        conn_id="altinn_vat",
        login="person",
        auth_mode="idporten",
        private_key=pem(),
        key_id="key-1",
        refresh_token_file=str(tmp_path / "refresh_token"),
    )


def somebody_logs_in(conn_id: str) -> None:
    hook = AltinnHook(conn_id)
    login, place = hook.person_login()
    url, pending = login.begin(BACK)
    place.keep(login.finish(pending, log_in(url)), hook.run)


def sensor(conn_id: str, **more: Any) -> AltinnLoginSensor:
    return AltinnLoginSensor(task_id="login", altinn_conn_id=conn_id, poll_interval=0.05, **more)


def event_of(trigger: AltinnLoginTrigger) -> dict[str, Any]:
    async def first() -> dict[str, Any]:
        async for event in trigger.run():
            return dict(event.payload)
        raise AssertionError("the trigger ended without an event")

    return asyncio.run(first())


def trigger_of(outcome: Any) -> AltinnLoginTrigger:
    path, arguments = outcome.message.classpath, outcome.message.trigger_kwargs
    assert path == "altinn.triggers.login_trigger.AltinnLoginTrigger"
    json.dumps(arguments)
    return AltinnLoginTrigger(**arguments)


def resume(task: AltinnLoginSensor, outcome: Any, event: dict[str, Any]) -> Any:
    """Go on after the trigger's event, as a worker does; give what the task runner sends to Airflow."""
    following = {"next_method": outcome.message.next_method, "next_kwargs": {"event": event}}
    instance = task_instance(task, 1, None, "manual", -1, following)
    _, message, error = task_runner.run(instance, instance.get_template_context(), structlog.get_logger("altinn.tests"))
    assert error is None
    return message


def test_it_waits_without_asking_anybody_and_goes_on_when_somebody_has_logged_in(
    person: str, run_task: RunTask, altinn: Emulator, supervisor: MemorySupervisor
) -> None:
    outcome = run_task(sensor(person))
    assert outcome.state == "deferred"
    trigger = trigger_of(outcome)
    assert trigger.remind_at is None
    somebody_logs_in(person)
    assert event_of(trigger) == {"status": "done"}
    again = run_task(sensor(person))
    assert again.state == "success"


def test_a_connection_that_needs_no_person_passes_at_once(
    connect: Connect, altinn: Emulator, run_task: RunTask
) -> None:
    connect(altinn.base_url, conn_id="machine", auth_mode="localtest", test_user_id="1337")
    assert run_task(sensor("machine")).state == "success"


def test_it_reminds_before_the_deadline_once_each(person: str, run_task: RunTask) -> None:
    told: list[str] = []
    due = datetime.fromtimestamp(time.time() + 2 * DAY, NORWAY).isoformat()
    task = sensor(person, deadline=due, on_reminder=lambda context: told.append(context["altinn_reminder"]))
    outcome = run_task(task)
    assert outcome.state == "deferred"
    trigger = trigger_of(outcome)
    assert trigger.remind_at is not None
    assert trigger.remind_at <= time.time(), "the reminder of three days before has passed and is due"
    assert event_of(trigger) == {"status": "reminder"}
    resumed = resume(task, outcome, {"status": "reminder"})
    assert resumed.classpath == "altinn.triggers.login_trigger.AltinnLoginTrigger"
    following = AltinnLoginTrigger(**resumed.trigger_kwargs)
    assert len(told) == 1
    assert "waits for a person's login for connection 'altinn_vat'" in told[0]
    last = legal_deadline(due)
    assert last is not None
    assert following.remind_at == pytest.approx(last - DAY, abs=1)


def test_a_wait_without_a_login_ends(person: str, run_task: RunTask) -> None:
    outcome = run_task(sensor(person, timeout=3600))
    trigger = trigger_of(outcome)
    trigger.deadline = time.time()
    assert event_of(trigger) == {"status": "timeout"}
    waiting = run_task(sensor(person, timeout=0.0, deferrable=False))
    assert (waiting.state, type(waiting.error).__name__) == ("failed", "AirflowSensorTimeout")


def test_the_limit_is_kept_over_tries_and_a_clear_begins_anew(
    person: str, run_task: RunTask, supervisor: MemorySupervisor
) -> None:
    task = sensor(person, timeout=5000)
    first = trigger_of(run_task(task)).deadline
    assert "altinn_login_deadline" in supervisor.kept_for_ever
    assert trigger_of(run_task(task, try_number=2)).deadline == first
    supervisor.store["altinn_login_deadline"]["deadline"] = time.time() - 1
    assert type(run_task(task, try_number=3).error).__name__ == "AirflowSensorTimeout"
    run_task(task)
    supervisor.store["altinn_login_deadline"]["deadline"] = time.time() - 1
    cleared = run_task(task, try_number=2, max_tries=1 + (task.retries or 0))
    assert trigger_of(cleared).deadline > time.time() + 4000


def test_a_broken_connection_is_not_waited_for(connect: Connect, altinn: Emulator, run_task: RunTask) -> None:
    connect(altinn.base_url, conn_id="broken", login="person", auth_mode="idporten", private_key="nonsense")
    trigger = trigger_of(run_task(sensor("broken")))
    connect(altinn.base_url, conn_id="broken", login="person", auth_mode="idporten", settle="soon")
    assert event_of(trigger)["status"] == "error"
    connect(altinn.base_url, conn_id="worse", auth_mode="bankid")
    assert run_task(sensor("worse")).state == "failed"


@pytest.mark.parametrize("deadline", ["10.4.2026", "soon", "2026-04-10T12:00"])
def test_a_deadline_that_is_none_is_told_before_anything_is_waited_for(
    person: str, run_task: RunTask, deadline: str
) -> None:
    outcome = run_task(sensor(person, deadline=deadline))
    assert isinstance(outcome.error, AltinnInputError)


def test_deadlines_are_read_as_norway_means_them() -> None:
    assert legal_deadline("2026-04-10") == datetime(2026, 4, 10, 23, 59, 59, tzinfo=NORWAY).timestamp()
    assert legal_deadline("2026-04-10T12:00:00+02:00") == legal_deadline("2026-04-10T10:00:00Z")
    assert legal_deadline(None) is None
    assert legal_deadline("None") is None


def test_a_wait_for_the_authority_outlives_the_person_s_login(
    person: str, run_task: RunTask, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = {"app": "ttd/basic", "instance_id": "501337/00000000-0000-4000-8000-000000000000"}
    first = run_task(AltinnFeedbackSensor(task_id="wait", altinn_conn_id=person, **wanted))
    assert first.state == "deferred"
    trigger = AltinnInstanceTrigger(**{**first.message.trigger_kwargs, "deadline": time.time() + 0.5})

    async def last_word() -> dict[str, Any]:
        async for event in trigger.run():
            return dict(event.payload)
        raise AssertionError("the trigger ended without an event")

    event = asyncio.run(last_word())
    assert event["status"] == "timeout"
    assert "nobody is logged in any more" in event["message"]
    said = [line for line in capsys.readouterr().out.splitlines() if "until a person logs in again" in line]
    assert [line for line in said if "AltinnInstanceTrigger" in line and "[warning" in line]
